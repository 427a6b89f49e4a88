"""Applicability: whether a new soil is of the kind that a site's model, or the world's library, has seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from soilpb.decide.intervals import assign_folds
from soilpb.models.preprocessing import derivative_pipeline, snv_pipeline
from soilpb.quality import ROUNDING, SpectralDistances, fit_components, measure_distances, measure_t2_q
from soilpb.simulate.library import load_library
from soilpb.spectra import SoilSpectra

#: Share of soils of the same kind that may be flagged, by T² and Q together.
FALSE_ALARMS = 0.10
#: Soils per component, and most components. With both distances under one limit they were settled on
#: twins with seeds 6000–6009, none of which is used to measure anything.
SOILS_PER_COMPONENT, MOST_COMPONENTS = 3, 40
#: Share of unseen soils within what counts as usual of either distance, before their common limit.
_USUAL = 0.9
#: Features whose depth is measured: left shoulder, first and last wavelength of the deepest point, right
#: shoulder (nm). Water and hydroxyls absorb at 1400, water at 1900, clay minerals at 2200.
SHOULDERS = {1400: (1330, 1390, 1430, 1500), 1900: (1850, 1900, 1940, 2110), 2200: (2130, 2190, 2220, 2250)}
#: Ends of the visible slope, nm.
_VISIBLE = (450, 700)


@dataclass(frozen=True, eq=False)
class ApplicabilityDomain:
    """The principal components of a site's soils, and how far such soils lie from their centre.

    T² and Q (:mod:`soilpb.quality`) are among many components of derivative spectra: a new kind may show
    where known soils hardly vary. Both are too small for soils that made the components, so limits come from
    soils that a fit had not seen, by conformal ranks (Laxhammar & Falkman 2010): on average at most
    :data:`FALSE_ALARMS` of soils of the same kind are flagged, whatever their distribution.
    """

    components: Pipeline
    t2_limit: float
    q_limit: float
    residuals: np.ndarray  # (n_samples, n_bands), of fits without the soil

    @classmethod
    def fit(cls, X: np.ndarray, fold: np.ndarray) -> ApplicabilityDomain:
        """Fit components to reflectance, (n_samples, n_bands), and limits to soils that a fold left out."""
        labels, sizes = np.unique(fold, return_counts=True)
        # the same throughout: distances grow with it
        n_components = int(np.clip((len(X) - sizes.max()) // SOILS_PER_COMPONENT, 1, MOST_COMPONENTS))
        unseen, residuals = np.empty((len(X), 2)), np.empty(np.shape(X))
        for out in (fold == label for label in labels):
            components = _fit(X[~out], n_components)
            unseen[out], residuals[out] = measure_t2_q(components, X[out]), _residuals(components, X[out])
        components = _fit(X, n_components)
        usual = np.quantile(unseen, _USUAL, axis=0)
        # where the components leave nothing over
        usual[1] = max(usual[1], ROUNDING * components[-1].explained_variance_.sum())
        limits = usual * conformal_limit((unseen / usual).max(axis=1), FALSE_ALARMS)
        return cls(components, *map(float, limits), residuals.astype(np.float32))

    def distances(self, X: np.ndarray) -> pd.DataFrame:
        """Measure ``T2``, ``Q``, their ``distance`` (the larger over its limit), ``outside`` (above 1)."""
        table = measure_t2_q(self.components, X)
        distance = np.maximum(table["T2"] / self.t2_limit, table["Q"] / self.q_limit)
        return table.assign(distance=distance, outside=~(distance <= 1))

    def batch_test(self, X: np.ndarray, seed: int = 0, n_permutations: int = 999) -> float:
        """Test whether spectra, (n_new, n_bands), share what known soils lack: another instrument's mark.

        What components leave over differs from soil to soil; the ripple of an instrument is in all its
        spectra, and stays in their mean. Returned is the p-value of a permutation test of mean residuals.
        """
        new = _residuals(self.components, np.asarray(X, float)[:: max(1, len(X) // 300)])
        both, n = np.concatenate([new, self.residuals]), len(new)
        both /= np.maximum(self.residuals.std(axis=0), 1e-12)
        rng, total = np.random.default_rng(seed), both.sum(axis=0)
        drawn = [np.arange(n), *(rng.permutation(len(both))[:n] for _ in range(n_permutations))]
        sums = np.array([both[rows].sum(axis=0) for rows in drawn])
        differences = np.square(sums / n - (total - sums) / (len(both) - n)).sum(axis=1)
        return float((differences >= differences[0]).mean())


def leave_cluster_out(X: np.ndarray, n_clusters: int = 5, seed: int = 0) -> pd.DataFrame:
    """Test whether the flag notices a kind of soil that the calibration has never seen.

    Soils, from their reflectance ``X`` (n_samples, n_bands), are clustered by their scores on as many
    components. Each cluster is left out whole, with a random fifth of the others.

    Returns
    -------
    DataFrame
        One row per cluster: ``cluster``, ``n``, ``caught`` (share of it that is flagged), ``false_alarms``
        (share of the fifth that is), ``n_others`` (soils of the fifth).
    """
    components = _fit(X, n_clusters)
    leading = components.transform(X) / np.sqrt(components[-1].explained_variance_)
    cluster = KMeans(n_clusters, n_init=10, random_state=seed).fit_predict(leading)
    rng, rows = np.random.default_rng(seed), []
    for label in range(n_clusters):
        others, left = rng.permutation(np.flatnonzero(cluster != label)), cluster == label
        held, kept = np.split(others, [len(others) // 5])
        domain = ApplicabilityDomain.fit(X[kept], assign_folds(len(kept), 10, seed))
        caught, alarms = (domain.distances(X[of])["outside"].mean() for of in (left, held))
        rows.append((label, int(left.sum()), caught, alarms, len(held)))
    return pd.DataFrame(rows, columns=["cluster", "n", "caught", "false_alarms", "n_others"])


def compare_with_world(soils: SoilSpectra) -> SpectralDistances:
    """Measure how far soils lie from those of the world, on the bands that both have.

    Of the world's own 4,168 soils 95 % pass each limit, and 92 % pass both.

    Examples
    --------
    >>> world = load_library()
    >>> round(1 - compare_with_world(world).outside.mean(), 2)
    np.float64(0.92)
    """
    world, soils = share_bands(load_library(), soils)
    return measure_distances(world.reflectance, soils.reflectance)


def share_bands(first: SoilSpectra, second: SoilSpectra) -> tuple[SoilSpectra, SoilSpectra]:
    """Both sets of soils on the coarser bands of the two, within the range that both have."""
    grids = first.wavelengths, second.wavelengths
    low, high = max(nm[0] for nm in grids), min(nm[-1] for nm in grids)
    bands = max(grids, key=lambda nm: np.median(np.diff(nm)))
    bands = bands[(low <= bands) & (bands <= high)]
    return first.resample(bands), second.resample(bands)


def measure_shapes(soils: SoilSpectra) -> pd.DataFrame:
    """Measure the depth of three features and the slope of the visible range, one row per soil.

    Returns
    -------
    DataFrame
        ``depth_1400``, ``depth_1900``, ``depth_2200``: by how many percent reflectance falls beneath a
        straight line between the shoulders; ``visible_slope``: its rise from 450 to 700 nm, in percent
        per 100 nm. Missing where the bands do not reach.
    """
    nm, R, shapes = soils.wavelengths, soils.reflectance.astype(float), {}

    def nearest(x: float) -> tuple[float, np.ndarray]:
        band = np.abs(nm - x).argmin()
        return nm[band], R[:, band]

    for feature, (left, first, last, right) in SHOULDERS.items():
        deepest = (nm >= first) & (nm <= last)
        (low, at_left), (high, at_right) = map(nearest, (left, right))
        line = at_left[:, None] + np.outer(at_right - at_left, (nm[deepest] - low) / max(high - low, 1))
        reached = nm[0] <= left and right <= nm[-1] and deepest.any()
        shapes[f"depth_{feature}"] = 100 * (1 - (R[:, deepest] / line).min(axis=1)) if reached else np.nan
    (low, blue), (high, red) = map(nearest, _VISIBLE)
    reached = nm[0] <= _VISIBLE[0] and high > low
    shapes["visible_slope"] = 1e4 * (red - blue) / (high - low) if reached else np.nan
    return pd.DataFrame(shapes, index=soils.samples.index)


@threadpool_limits.wrap(limits=1)
def tell_apart(first: np.ndarray, second: np.ndarray, n_components: int = 10) -> float:
    """Area under the ROC curve of a classifier of two sets of spectra: 0.5 if it cannot tell them apart.

    Logistic regression on principal components of the absorbance (SNV), 5-fold. ``first`` and ``second`` are
    reflectance on the same bands, (n, n_bands).
    """
    X, y = np.vstack([first, second]).astype(float), np.arange(len(first) + len(second)) < len(first)
    components = PCA(min(n_components, len(X) // 2), random_state=0)
    model = make_pipeline(snv_pipeline(), components, StandardScaler(), LogisticRegression(max_iter=2000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return float(cross_val_score(model, X, y, cv=folds, scoring="roc_auc").mean())


def _residuals(components: Pipeline, X: np.ndarray) -> np.ndarray:
    """What the components leave over of derivative spectra, (n_samples, n_bands)."""
    derivatives, analysis = components[:-1].transform(X), components[-1]
    return derivatives - analysis.inverse_transform(analysis.transform(derivatives))


def _fit(X: np.ndarray, n_components: int) -> Pipeline:
    return fit_components(X, n_components, derivative_pipeline())


def conformal_limit(values: np.ndarray, share: float) -> float:
    """Limit that at most ``share`` of further values passes, by rank; the largest if they are few."""
    rank = int(np.ceil((1 - share) * (len(values) + 1)))
    return float(np.sort(values)[min(rank, len(values)) - 1])
