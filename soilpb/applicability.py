"""Is a soil of the kind that a calibration has seen? T² and Q in the PLS model's own space.

T² is the distance of a spectrum's scores from the centre, Q what the latent variables leave of it:
a soil can be extreme in the directions the model uses, or differ in directions it has never seen.
Among the soils that made the model both look too small, Q above all. So limits come from soils
that a fit had not seen, fold by fold: by conformal ranks (Laxhammar & Falkman 2010), at most the
stated share of soils of the same kind is flagged, whatever their distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.cross_decomposition import PLSRegression

from soilpb.intervals import assign_folds
from soilpb.preprocessing import derivative_pipeline

#: Share of soils of the same kind that may be flagged, T² and Q together: so few that, with the
#: luck of which soils a calibration got, it stays below one in ten.
FALSE_ALARMS = 0.08


@dataclass(frozen=True, eq=False)
class Domain:
    """The space of a PLS calibration, and how far its soils lie from its centre.

    Make one with :meth:`learn`.

    Attributes
    ----------
    mean : (n_bands,) array
        Of the derivative spectra.
    rotations, loadings : (n_bands, n_components) arrays
        From spectrum to scores, and back.
    variances : (n_components,) array
        Of the scores.
    t2_limit, q_limit : float
    """

    mean: np.ndarray
    rotations: np.ndarray
    loadings: np.ndarray
    variances: np.ndarray
    t2_limit: float = np.inf
    q_limit: float = np.inf

    @classmethod
    def learn(
        cls,
        X: np.ndarray,
        y: np.ndarray,
        n_components: int,
        fold: np.ndarray,
        false_alarms: float = FALSE_ALARMS,
    ) -> Domain:
        """Learn the space of PLS, and its limits from soils that each fold left out.

        Parameters
        ----------
        X : (n_samples, n_bands) array
            Reflectance of the calibration's soils.
        y : (n_samples,) array
        n_components : int
            Latent variables of the calibration.
        fold : (n_samples,) int array
            From :func:`soilpb.intervals.assign_folds`.
        false_alarms : float
            Split evenly between the two limits.
        """
        unseen = np.empty((len(X), 2))
        for label in np.unique(fold):
            out = fold == label
            space = cls._space(X[~out], y[~out], n_components)
            unseen[out] = space.distances(X[out])[["T2", "Q"]]
        limits = [_upper(values, false_alarms / 2) for values in unseen.T]
        space = cls._space(X, y, n_components)
        return cls(space.mean, space.rotations, space.loadings, space.variances, *limits)

    @classmethod
    def _space(cls, X: np.ndarray, y: np.ndarray, n_components: int) -> Domain:
        spectra = _prepared(X)
        pls = PLSRegression(n_components, scale=False).fit(spectra, y)
        scores = pls.transform(spectra)
        return cls(spectra.mean(axis=0), pls.x_rotations_, pls.x_loadings_, scores.var(axis=0, ddof=1))

    def distances(self, X: np.ndarray) -> pd.DataFrame:
        """Judge spectra by how far they lie.

        Parameters
        ----------
        X : (n_samples, n_bands) array
            Reflectance.

        Returns
        -------
        DataFrame
            ``T2``, ``Q``; ``distance``, the larger of both as a multiple of its limit; and
            ``outside``: whether that is above 1.
        """
        centred = _prepared(X) - self.mean
        scores = centred @ self.rotations
        t2 = (scores**2 / self.variances).sum(axis=1)
        q = ((centred - scores @ self.loadings.T) ** 2).sum(axis=1)
        distance = np.maximum(t2 / self.t2_limit, q / self.q_limit)
        return pd.DataFrame({"T2": t2, "Q": q, "distance": distance, "outside": distance > 1})


def leave_cluster_out(
    X: np.ndarray, y: np.ndarray, n_components: int, n_clusters: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Test whether the flag notices a kind of soil that the calibration has never seen.

    Soils are clustered by their scores. Each cluster in turn is left out whole, together with a
    random fifth of the others; the domain is learnt from what remains.

    Returns
    -------
    DataFrame
        One row a cluster: ``cluster``, ``n``; ``caught``, the share of it that is flagged;
        ``false_alarms``, the share of the fifth that is; ``n_others``, how many that fifth holds.
    """
    space = Domain._space(X, y, n_components)
    scores = (_prepared(X) - space.mean) @ space.rotations / np.sqrt(space.variances)
    cluster = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(scores)
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(n_clusters):
        others = rng.permutation(np.flatnonzero(cluster != label))
        held, kept = np.split(others, [len(others) // 5])
        domain = Domain.learn(X[kept], y[kept], n_components, assign_folds(len(kept), 10, seed))
        left = cluster == label
        caught, alarms = (domain.distances(X[rows_])["outside"].mean() for rows_ in (left, held))
        rows.append((label, int(left.sum()), caught, alarms, len(held)))
    return pd.DataFrame(rows, columns=["cluster", "n", "caught", "false_alarms", "n_others"])


def _prepared(X: np.ndarray) -> np.ndarray:
    return derivative_pipeline().fit_transform(np.asarray(X, dtype=np.float64))


def _upper(values: np.ndarray, share: float) -> float:
    """Limit that at most ``share`` of further values passes, by rank; the largest if they are few."""
    rank = int(np.ceil((1 - share) * (len(values) + 1)))
    return float(np.sort(values)[min(rank, len(values)) - 1])
