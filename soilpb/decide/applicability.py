"""Is a soil of the kind that a calibration has seen? T² and Q among the calibration's principal components.

T² is the distance of a derivative spectrum's scores from the centre, Q what the components leave
of it: a soil can be extreme in the ways that the others differ, or differ in ways of its own. There
are many components, for a kind that is new may show where the known soils hardly vary. Among the
soils that made the components both distances look too small, Q above all. So limits come from soils
that a fit had not seen, fold by fold: by conformal ranks (Laxhammar & Falkman 2010), at most the
stated share of soils of the same kind is flagged on average, whatever their distribution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from soilpb.decide.intervals import assign_folds
from soilpb.models.preprocessing import derivative_pipeline

#: Share of soils of the same kind that may be flagged, T² and Q together.
FALSE_ALARMS = 0.10
#: Soils a component, and most components. With both distances under one limit they were settled on
#: twins with seeds 6000–6009, none of which is used to measure anything.
SOILS_A_COMPONENT, MOST_COMPONENTS = 3, 40
#: Share of all variance below which a component is rounding.
ROUNDING = 1e-10
#: Share of unseen soils within what counts as usual of either distance, before their common limit.
_USUAL = 0.9


@dataclass(frozen=True, eq=False)
class ApplicabilityDomain:
    """The principal components of a calibration's soils, and how far such soils lie from their centre.

    Make one with :meth:`fit`.

    Attributes
    ----------
    mean : (n_bands,) array
        Of the derivative spectra.
    axes : (n_bands, n_components) array
    variances : (n_components,) array
        Of the scores.
    t2_limit, q_limit : float
    """

    mean: np.ndarray
    axes: np.ndarray
    variances: np.ndarray
    t2_limit: float = np.inf
    q_limit: float = np.inf

    @classmethod
    def fit(cls, X: np.ndarray, fold: np.ndarray, false_alarms: float = FALSE_ALARMS) -> ApplicabilityDomain:
        """Learn the components, and the limits from soils that each fold left out.

        Parameters
        ----------
        X : (n_samples, n_bands) array
            Reflectance of the calibration's soils.
        fold : (n_samples,) int array
            From :func:`soilpb.decide.intervals.assign_folds`.
        false_alarms : float
            Share of soils of the same kind that may lie beyond either limit.
        """
        labels, sizes = np.unique(fold, return_counts=True)
        n_components = _how_many(len(X) - sizes.max())  # the same throughout: distances grow with it
        unseen = np.empty((len(X), 2))
        for label in labels:
            out = fold == label
            unseen[out] = cls._space(X[~out], n_components).distances(X[out])[["T2", "Q"]]
        space = cls._space(X, n_components)
        usual = np.quantile(unseen, _USUAL, axis=0)
        usual[1] = max(usual[1], ROUNDING * space.variances.sum())  # where nothing is left over
        limits = usual * _upper((unseen / usual).max(axis=1), false_alarms)
        return cls(space.mean, space.axes, space.variances, *map(float, limits))

    @classmethod
    def _space(cls, X: np.ndarray, n_components: int) -> ApplicabilityDomain:
        spectra = _prepared(X)
        pca = PCA(min(n_components, X.shape[1]), svd_solver="full").fit(spectra)
        variances = pca.explained_variance_
        real = variances > ROUNDING * variances.sum()
        return cls(pca.mean_, np.ascontiguousarray(pca.components_[real].T), variances[real])

    def scores(self, X: np.ndarray) -> np.ndarray:
        """Scores of reflectance on the components, (n_samples, n_components)."""
        return (_prepared(X) - self.mean) @ self.axes

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
        scores = centred @ self.axes
        t2 = (scores**2 / self.variances).sum(axis=1)
        q = ((centred - scores @ self.axes.T) ** 2).sum(axis=1)
        distance = np.maximum(t2 / self.t2_limit, q / self.q_limit)
        return pd.DataFrame({"T2": t2, "Q": q, "distance": distance, "outside": distance > 1})


def leave_cluster_out(X: np.ndarray, n_clusters: int = 5, seed: int = 0) -> pd.DataFrame:
    """Test whether the flag notices a kind of soil that the calibration has never seen.

    Soils are clustered by their scores on as many components. Each cluster in turn is left out whole,
    together with a random fifth of the others; the domain is learnt from what remains.

    Parameters
    ----------
    X : (n_samples, n_bands) array
        Reflectance.
    n_clusters, seed : int

    Returns
    -------
    DataFrame
        One row a cluster: ``cluster``, ``n``; ``caught``, the share of it that is flagged;
        ``false_alarms``, the share of the fifth that is; ``n_others``, how many that fifth holds.
    """
    space = ApplicabilityDomain._space(X, n_clusters)
    leading = space.scores(X) / np.sqrt(space.variances)
    cluster = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(leading)
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(n_clusters):
        others = rng.permutation(np.flatnonzero(cluster != label))
        held, kept = np.split(others, [len(others) // 5])
        domain = ApplicabilityDomain.fit(X[kept], assign_folds(len(kept), 10, seed))
        left = cluster == label
        caught, alarms = (domain.distances(X[rows_])["outside"].mean() for rows_ in (left, held))
        rows.append((label, int(left.sum()), caught, alarms, len(held)))
    return pd.DataFrame(rows, columns=["cluster", "n", "caught", "false_alarms", "n_others"])


def _how_many(n_samples: int) -> int:
    """Components of so many soils."""
    return int(np.clip(n_samples // SOILS_A_COMPONENT, 1, MOST_COMPONENTS))


def _prepared(X: np.ndarray) -> np.ndarray:
    return derivative_pipeline().fit_transform(np.asarray(X, dtype=np.float64))


def _upper(values: np.ndarray, share: float) -> float:
    """Limit that at most ``share`` of further values passes, by rank; the largest if they are few."""
    rank = int(np.ceil((1 - share) * (len(values) + 1)))
    return float(np.sort(values)[min(rank, len(values)) - 1])
