"""Where soils were taken, in metres; and the places between them that a map may speak of.

A property between the places where it was measured: ordinary kriging, and whether it is worth it.

Kriging is a Gaussian process over places (Rasmussen & Williams 2006, section 2.2): here with an
exponential covariance, a nugget and an unknown mean, fitted by maximum likelihood with
scikit-learn. No variogram has to be binned and fitted by eye, and errors at left-out places come in
closed form. These errors are what draws err by, so two properties of the same soils err together,
as :mod:`soilpb.decide.exceedance` needs it, and no normal law is assumed.

Places are in one unit of length, such as metres (see :mod:`soilpb.decide.maps`).

The probability of exceedance between soils: the target and pH kriged, and tried block by block.

A kriged probability speaks of a soil that might be taken at a place, whose spectrum nobody has. It
knows what its neighbours' laboratory values tell, and nothing else.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

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

#: A map speaks of places no farther from a soil than so many times the usual distance of neighbours.
REACH = 3.0
_METRES_A_DEGREE = 111_195.0  # of a great circle, on a sphere of 6,371 km


def local_coordinates(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Places of soils in metres east and north of the site's south-western corner.

    Parameters
    ----------
    samples : DataFrame
        With ``x`` and ``y``; in degrees where ``crs`` says EPSG:4326, else in metres.

    Returns
    -------
    DataFrame ``x``, ``y`` of the soils whose place is known, by sample; None if there are none, or if
    ``crs`` says that coordinates are dummies, which protect their owners.

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
        known = known * _METRES_A_DEGREE * [along, 1.0]
    return known - known.min()


def distinct(places: np.ndarray, values: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Places that differ, (n_places, 2), and the mean of the values at each.

    Examples
    --------
    >>> places, values = distinct(np.array([[0, 0], [0, 0], [5, 0]]), np.array([1.0, 3.0, 7.0]))
    >>> len(places), values.tolist()
    (2, [2.0, 7.0])
    """
    values = np.zeros(len(places)) if values is None else values
    different, which = np.unique(places, axis=0, return_inverse=True)
    return different, np.bincount(which.ravel(), values) / np.bincount(which.ravel())


def map_cells(places: np.ndarray, n_across: int = 60) -> pd.DataFrame:
    """Centres of the cells that a map of these soils may show.

    Parameters
    ----------
    places : (n_samples, 2) array
    n_across : int
        Cells along the longer side.

    Returns
    -------
    DataFrame ``x``, ``y`` on a square grid: within the soils' hull, and within :data:`REACH`. It has
    no rows where the soils lie on one line.
    """
    soils, _ = distinct(np.asarray(places, dtype=float))
    low, high = soils.min(axis=0), soils.max(axis=0)
    step = (high - low).max() / n_across
    across, up = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    cells = pd.DataFrame(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), columns=["x", "y"])
    try:
        hull = Delaunay(soils)
    except QhullError:
        return cells.iloc[:0]
    tree = KDTree(soils)
    usual = np.median(tree.query(soils, 2)[0][:, 1])
    near = tree.query(cells)[0] <= REACH * usual
    return cells[near & (hull.find_simplex(cells.to_numpy()) >= 0)].reset_index(drop=True)


#: Fewer places make no map.
FEWEST_PLACES = 50
#: Neighbours are called alike where chance makes them so in at most this share of cases.
LUCK = 0.05
#: Nearest soils that are compared with a soil.
NEIGHBOURS = 4
#: Variance of the mean, beside the values' own: large, so that the mean is as good as unknown.
_MEAN = 100.0


@dataclass(frozen=True)
class SpatialStructure:
    """Whether soils near each other are alike.

    Attributes
    ----------
    n_places : int
        Distinct places.
    ratio : float
        Semivariance of nearest neighbours over the variance of all soils: 1 where neighbours are
        no more alike than any two.
    p : float
        Share of random rearrangements of the values with a ratio as small.
    """

    n_places: int
    ratio: float
    p: float

    @property
    def found(self) -> bool:
        """Whether a map may be kriged: enough places, and neighbours alike beyond luck."""
        return self.n_places >= FEWEST_PLACES and self.p <= LUCK


def assess_structure(
    places: np.ndarray, values: np.ndarray, n_draws: int = 999, seed: int = 0
) -> SpatialStructure:
    """Test whether neighbours are more alike than chance makes them.

    The first step of the variogram is compared with what it is when the values are dealt to the
    places at random. Soils of one place count as one, with their mean.

    Parameters
    ----------
    places : (n_samples, 2) array
    values : (n_samples,) array
        NaN is left out.
    n_draws, seed : int
    """
    known = np.isfinite(values)
    places, values = distinct(np.asarray(places)[known], np.asarray(values)[known])
    n = len(values)
    if n <= NEIGHBOURS or values.std() == 0:
        return SpatialStructure(n, 1.0, 1.0)
    neighbours = KDTree(places).query(places, NEIGHBOURS + 1)[1][:, 1:]
    rng = np.random.default_rng(seed)
    dealt = np.stack([values, *(rng.permutation(values) for _ in range(n_draws))])
    ratios = ((dealt[:, :, None] - dealt[:, neighbours]) ** 2).mean(axis=(1, 2)) / (2 * values.var(ddof=1))
    return SpatialStructure(n, float(ratios[0]), float((ratios <= ratios[0]).mean()))


@dataclass(frozen=True, eq=False)
class KrigedProperty:
    """A kriged property.

    Make one with :meth:`fit`.

    Attributes
    ----------
    process : GaussianProcessRegressor
        Of the values less ``centre``, over ``spread``.
    centre, spread : float
    errors : (n_samples,) array
        What kriging without a soil misses it by, in its own standard deviations; NaN where the soil
        has no value.
    skill : float
        R² of kriging at places left out one by one.

    Examples
    --------
    >>> x = np.arange(60.0)
    >>> field = KrigedProperty.fit(np.column_stack([x, 0 * x]), np.sin(x / 8))
    >>> mean, sd = field.predict(np.array([[30.5, 0.0]]))
    >>> bool(abs(mean.item() - np.sin(30.5 / 8)) < 0.05), field.skill > 0.9
    (True, True)
    """

    process: GaussianProcessRegressor
    centre: float
    spread: float
    errors: np.ndarray
    skill: float

    @classmethod
    def fit(cls, places: np.ndarray, values: np.ndarray) -> KrigedProperty:
        """Fit to values at places.

        Parameters
        ----------
        places : (n_samples, 2) array
        values : (n_samples,) array
            NaN where not measured.

        Raises
        ------
        ValueError
            If fewer than three values are known, or all are equal.
        """
        known = np.isfinite(values)
        at, there = np.asarray(places, dtype=float)[known], np.asarray(values, dtype=float)[known]
        if len(there) < 3 or there.std() == 0:
            raise ValueError(
                f"got {len(there)} known values, {len(np.unique(there))} different; expected more"
            )
        centre, spread = float(there.mean()), float(there.std(ddof=1))
        process = GaussianProcessRegressor(_covariance(at))
        with warnings.catch_warnings():
            # A parameter at its bound is an answer: no structure, or a trend across the whole site.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(at, (there - centre) / spread)
        # Errors of kriging without each soil in turn (Rasmussen & Williams 2006, equation 5.12).
        precision = np.diag(cho_solve((process.L_, True), np.eye(len(there))))
        errors = np.full(len(known), np.nan)
        errors[known] = process.alpha_ / np.sqrt(precision)
        missed = process.alpha_ / precision
        skill = 1 - np.mean(missed**2) / np.var((there - centre) / spread)
        return cls(process, centre, spread, errors, float(skill))

    def predict(self, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation, (n_new,) each, of a new soil's value: the nugget is in it."""
        mean, sd = self.process.predict(np.asarray(places, dtype=float), return_std=True)
        return self.centre + self.spread * mean, self.spread * sd

    def draws(self, places: np.ndarray) -> np.ndarray:
        """Equally likely values of a new soil, (n_new, n_samples): column ``i`` errs as soil ``i`` did."""
        mean, sd = self.predict(places)
        return mean[:, None] + sd[:, None] * self.errors


def _covariance(places: np.ndarray):
    """Kernel with starting values and bounds that the places allow."""
    step = float(np.median(KDTree(distinct(places)[0]).query(distinct(places)[0], 2)[0][:, 1]))
    extent = float(np.ptp(places, axis=0).max())
    shape = Matern(np.sqrt(step * extent), (step / 2, extent), nu=0.5)
    spatial = ConstantKernel(0.5, (1e-3, 10)) * shape
    return ConstantKernel(_MEAN, "fixed") + spatial + WhiteKernel(0.5, (1e-3, 10))


#: Blocks of neighbouring soils that are left out in turn.
N_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class KrigedSite:
    """A kriged target, and its pH where the limit depends on it.

    Make one with :meth:`fit`.

    Attributes
    ----------
    target : Field
        On the modelling scale.
    ph : KrigedProperty or None
    log : bool
        Whether the modelling scale is the logarithm.
    """

    target: KrigedProperty
    ph: KrigedProperty | None
    log: bool

    @classmethod
    def fit(cls, places: np.ndarray, y: np.ndarray, ph: np.ndarray | None, log: bool) -> KrigedSite:
        """Krige laboratory values, (n_samples,) each: ``y`` on the modelling scale, ``ph`` with gaps."""
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH and np.nanstd(ph) > 0
        return cls(KrigedProperty.fit(places, y), KrigedProperty.fit(places, ph) if enough else None, log)

    def values(self, places: np.ndarray) -> np.ndarray:
        """Median of the target at places, (n_new,), in the laboratory's unit."""
        mean = self.target.predict(places)[0]
        return np.exp(mean) if self.log else mean

    def probability(
        self, places: np.ndarray, standard: str, rule: str, limits: pd.DataFrame = LEAD_LIMITS
    ) -> np.ndarray:
        """Probability that a soil taken there exceeds the limit of a rule, (n_new,).

        NaN where the limit depends on pH, and too few soils have one.
        """
        draws = self.target.draws(places)
        draws = np.exp(draws) if self.log else draws
        ph_draws = self.ph.draws(places) if self.ph is not None else None
        return exceedance.exceedance_by_rule(draws, standard, limits, ph_draws=ph_draws)[rule].to_numpy()


def cross_validate_blocks(
    places: np.ndarray,
    y: np.ndarray,
    ids: Sequence,
    ph: np.ndarray | None = None,
    log: bool = True,
    standard: str = "",
    rule: str = "",
    limits: pd.DataFrame = LEAD_LIMITS,
    seed: int = 0,
) -> pd.DataFrame:
    """Krige each block of neighbouring soils from the other blocks, everything fitted anew.

    Parameters
    ----------
    places : (n_samples, 2) array
    y : (n_samples,) array
        On the modelling scale.
    ids : (n_samples,) sequence
    ph : (n_samples,) array, optional
    log : bool
    standard, rule, limits
        Whose limit is tried; none if ``standard`` is empty.
    seed : int
        Of the blocks.

    Returns
    -------
    DataFrame
        ``sample``, ``observed`` and ``predicted`` on the modelling scale; with a standard
        ``probability`` and ``exceeded``, without soils whose limit is unknown.
    """
    tables = []
    for fold in splits.iterate_folds(splits.spatial_blocks(ids, places, N_BLOCKS, 1, seed), ids):
        train, test = fold.train, fold.test
        surface = KrigedSite.fit(places[train], y[train], None if ph is None else ph[train], log)
        told = {
            "sample": np.asarray(ids)[test],
            "observed": y[test],
            "predicted": surface.target.predict(places[test])[0],
        }
        if standard:
            limit = lead_limit(standard, rule, np.nan if ph is None else ph[test], limits)
            value = np.exp(y[test]) if log else y[test]
            told["probability"] = surface.probability(places[test], standard, rule, limits)
            told["exceeded"] = value > limit
            told["limit"] = np.broadcast_to(limit, value.shape)
        tables.append(pd.DataFrame(told))
    table = pd.concat(tables, ignore_index=True)
    if not standard:
        return table
    return table.dropna(subset=["limit", "probability"]).drop(columns="limit").reset_index(drop=True)
