"""Maps: where soils were taken, whether neighbours are alike, and kriging of what lies between them.

Kriging is a Gaussian process over coordinates (Rasmussen & Williams 2006, section 2.2), with an
exponential covariance, a nugget and an unknown mean, fitted by maximum likelihood with scikit-learn.
Draws err as kriging without each soil did, so the target and pH of the same soils err together, as
:mod:`soilpb.decide.exceedance` needs it, and no normal law is assumed.

A kriged probability is about a soil that might be taken somewhere, whose spectrum nobody has measured:
it uses its neighbours' laboratory values, and nothing else. Coordinates are in metres.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import cho_solve
from scipy.spatial import Delaunay, KDTree, QhullError
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from soilpb.decide import exceedance
from soilpb.decide.site_model import FEWEST_PH
from soilpb.decide.standards import LEAD_LIMITS, lead_limit
from soilpb.evaluate import splits

#: A map shows nothing farther from a soil than so many times the usual distance of neighbours.
REACH = 3.0
#: Fewer places make no map.
FEWEST_PLACES = 50
#: Neighbours are called alike where chance makes them so in at most this share of cases.
SIGNIFICANCE = 0.05
#: Nearest soils that are compared with a soil.
NEIGHBOURS = 4
#: Blocks of neighbouring soils that are left out in turn.
N_BLOCKS = 10
_METRES_PER_DEGREE = 111_195.0  # of a great circle, on a sphere of 6,371 km


def local_coordinates(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Metres east and north of the site's south-western corner, of the samples whose place is known.

    ``x`` and ``y`` of ``samples`` are in degrees where ``crs`` says EPSG:4326, else in metres. None if there
    are none, or if ``crs`` says that coordinates are dummies, which protect their owners.

    Examples
    --------
    >>> local_coordinates(pd.DataFrame({"x": [500.0, 510.0], "y": [20.0, 20.0]}))["x"].tolist()
    [0.0, 10.0]
    """
    if not {"x", "y"} <= set(samples):
        return None
    crs = samples["crs"].astype(str) if "crs" in samples else pd.Series("", index=samples.index)
    known = samples[["x", "y"]].astype(float).dropna()
    if known.empty or crs.str.startswith("dummy").any():
        return None
    if crs.loc[known.index].str.contains("4326").all():
        along = np.cos(np.radians(known["y"].mean()))
        known = known * _METRES_PER_DEGREE * [along, 1.0]
    return known - known.min()


def map_cells(coordinates: np.ndarray) -> pd.DataFrame:
    """Centres ``x``, ``y`` of the cells that a map of these soils may show, 60 along its longer side.

    They lie on a square grid, within the hull of the soils' ``coordinates`` (n_samples, 2), and within
    :data:`REACH`. There are none where the soils lie on one line.
    """
    soils = np.unique(np.asarray(coordinates, dtype=float), axis=0)
    low, high = soils.min(axis=0), soils.max(axis=0)
    step = (high - low).max() / 60
    across, up = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    cells = pd.DataFrame(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), columns=["x", "y"])
    try:
        hull = Delaunay(soils)
    except QhullError:
        return cells.iloc[:0]
    near = KDTree(soils).query(cells)[0] <= REACH * _usual_distance(soils)
    return cells[near & (hull.find_simplex(cells.to_numpy()) >= 0)].reset_index(drop=True)


def _usual_distance(coordinates: np.ndarray) -> float:
    """Median distance of nearest neighbours."""
    different = np.unique(coordinates, axis=0)
    return float(np.median(KDTree(different).query(different, 2)[0][:, 1]))


class SpatialStructure(NamedTuple):
    """Whether soils near each other are alike.

    ``ratio`` is the semivariance of nearest neighbours over the variance of all soils (1 where neighbours
    are no more alike than any two), ``p`` the share of permutations with a ratio as small.
    """

    n_places: int
    ratio: float
    p: float

    @property
    def found(self) -> bool:
        """Whether a map may be kriged: enough places, and neighbours more alike than by chance."""
        return self.n_places >= FEWEST_PLACES and self.p <= SIGNIFICANCE


def assess_structure(coordinates: np.ndarray, values: np.ndarray, seed: int = 0) -> SpatialStructure:
    """Test whether neighbours are more alike than by chance.

    The first step of the variogram is compared with what it is when the values, (n_samples,), are
    permuted over the coordinates, (n_samples, 2), 999 times. NaN is left out; soils of one place count
    as one, with their mean.
    """
    known = np.isfinite(values)
    places, which = np.unique(np.asarray(coordinates)[known], axis=0, return_inverse=True)
    values = np.bincount(which.ravel(), np.asarray(values)[known]) / np.bincount(which.ravel())
    n = len(values)
    if n <= NEIGHBOURS or values.std() == 0:
        return SpatialStructure(n, 1.0, 1.0)
    neighbours = KDTree(places).query(places, NEIGHBOURS + 1)[1][:, 1:]
    rng = np.random.default_rng(seed)
    permuted = np.stack([values, *(rng.permutation(values) for _ in range(999))])
    squares = (permuted[:, :, None] - permuted[:, neighbours]) ** 2
    ratios = squares.mean(axis=(1, 2)) / (2 * values.var(ddof=1))
    return SpatialStructure(n, float(ratios[0]), float((ratios <= ratios[0]).mean()))


@dataclass(frozen=True, eq=False)
class KrigedProperty:
    """One property, kriged. Make one with :meth:`fit`.

    ``errors`` (n_samples,) are those of kriging without each soil, in their own standard deviations, NaN
    where the soil has no value; ``skill`` is the R² of kriging at places left out one by one.

    Examples
    --------
    >>> x = np.arange(60.0)
    >>> kriged = KrigedProperty.fit(np.column_stack([x, 0 * x]), np.sin(x / 8))
    >>> mean, sd = kriged.predict(np.array([[30.5, 0.0]]))
    >>> bool(abs(mean.item() - np.sin(30.5 / 8)) < 0.05), kriged.skill > 0.9
    (True, True)
    """

    process: GaussianProcessRegressor
    errors: np.ndarray
    skill: float

    @classmethod
    def fit(cls, coordinates: np.ndarray, values: np.ndarray) -> KrigedProperty:
        """Fit to values, (n_samples,) with NaN where not measured, at coordinates, (n_samples, 2).

        Fewer than three known values, or equal ones, are a ValueError.
        """
        known = np.isfinite(values)
        at, measured = np.asarray(coordinates, dtype=float)[known], np.asarray(values, dtype=float)[known]
        if len(measured) < 3 or measured.std() == 0:
            different = len(np.unique(measured))
            raise ValueError(f"got {len(measured)} known values, {different} different; expected more")
        process = GaussianProcessRegressor(_covariance(at), normalize_y=True)
        with warnings.catch_warnings():
            # A parameter at its bound is an answer: no structure, or a trend across the whole site.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(at, measured)
        # Errors of kriging without each soil in turn (Rasmussen & Williams 2006, equation 5.12).
        precision = np.diag(cho_solve((process.L_, True), np.eye(len(measured))))
        errors = np.full(len(known), np.nan)
        errors[known] = process.alpha_ / np.sqrt(precision)
        skill = 1 - np.mean((process.alpha_ / precision) ** 2)  # of values with a variance of 1
        return cls(process, errors, float(skill))

    def predict(self, coordinates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (n_new,) each, of a new soil's value: the nugget is in it."""
        return self.process.predict(np.asarray(coordinates, dtype=float), return_std=True)

    def draws(self, coordinates: np.ndarray) -> np.ndarray:
        """Equally likely values of a new soil, (n_new, n_samples): column ``i`` errs as soil ``i`` did."""
        mean, sd = self.predict(coordinates)
        return mean[:, None] + sd[:, None] * self.errors


def _covariance(coordinates: np.ndarray):
    """Kernel with starting values and bounds that the coordinates allow."""
    step, extent = _usual_distance(coordinates), float(np.ptp(coordinates, axis=0).max())
    shape = Matern(np.sqrt(step * extent), (step / 2, extent), nu=0.5)
    spatial = ConstantKernel(0.5, (1e-3, 10)) * shape
    unknown_mean = ConstantKernel(100.0, "fixed")  # a variance so large that the mean is as good as unknown
    return unknown_mean + spatial + WhiteKernel(0.5, (1e-3, 10))


@dataclass(frozen=True, eq=False)
class KrigedSite:
    """A kriged target, and its pH where the limit depends on it. Make one with :meth:`fit`.

    ``target`` is on the modelling scale, which is the logarithm if ``log``.
    """

    target: KrigedProperty
    ph: KrigedProperty | None
    log: bool

    @classmethod
    def fit(cls, coordinates: np.ndarray, y: np.ndarray, ph: np.ndarray | None, log: bool) -> KrigedSite:
        """Krige laboratory values, (n_samples,) each: ``y`` on the modelling scale, ``ph`` with gaps."""
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH and np.nanstd(ph) > 0
        kriged_ph = KrigedProperty.fit(coordinates, ph) if enough else None
        return cls(KrigedProperty.fit(coordinates, y), kriged_ph, log)

    def values(self, coordinates: np.ndarray) -> np.ndarray:
        """Median of the target, (n_new,), in the laboratory's unit."""
        mean = self.target.predict(coordinates)[0]
        return np.exp(mean) if self.log else mean

    def probability(
        self, coordinates: np.ndarray, standard: str, rule: str, limits: pd.DataFrame = LEAD_LIMITS
    ) -> np.ndarray:
        """Probability that a soil taken there exceeds the limit of a rule, (n_new,).

        NaN where the limit depends on pH, and too few soils have one.
        """
        draws = self.target.draws(coordinates)
        draws = np.exp(draws) if self.log else draws
        ph_draws = self.ph.draws(coordinates) if self.ph is not None else None
        return exceedance.exceedance_by_rule(draws, standard, limits, ph_draws=ph_draws)[rule].to_numpy()


def cross_validate_blocks(
    coordinates: np.ndarray,
    y: np.ndarray,
    ids: Sequence,
    ph: np.ndarray | None = None,
    log: bool = True,
    standard: str = "",
    rule: str = "",
    seed: int = 0,
    limits: pd.DataFrame = LEAD_LIMITS,
) -> pd.DataFrame:
    """Krige each block of neighbouring soils from the other blocks, everything fitted anew.

    Values are those of :meth:`KrigedSite.fit`, of samples ``ids`` (n_samples,). ``standard`` and ``rule``
    say of which limit probabilities are asked, none if empty; ``seed`` is that of the blocks.

    Returns
    -------
    DataFrame
        ``sample``, ``observed`` and ``predicted`` on the modelling scale; with a standard
        ``probability`` and ``exceeded``, without soils whose limit is unknown.
    """
    ph = np.full(len(y), np.nan) if ph is None else ph
    tables = []
    for fold in splits.iterate_folds(splits.spatial_blocks(ids, coordinates, N_BLOCKS, 1, seed), ids):
        train, test = fold.train, fold.test
        site = KrigedSite.fit(coordinates[train], y[train], ph[train], log)
        predicted = site.target.predict(coordinates[test])[0]
        table = pd.DataFrame({"sample": np.asarray(ids)[test], "observed": y[test], "predicted": predicted})
        if standard:
            limit = lead_limit(standard, rule, ph[test], limits)
            table["probability"] = site.probability(coordinates[test], standard, rule, limits)
            table["exceeded"] = (np.exp(y[test]) if log else y[test]) > limit
            table = table[np.isfinite(limit) & table["probability"].notna()]
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
