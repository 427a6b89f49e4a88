"""A property between the places where it was measured: ordinary kriging, and whether it is worth it.

Kriging is a Gaussian process over places (Rasmussen & Williams 2006, section 2.2): here with an
exponential covariance, a nugget and an unknown mean, fitted by maximum likelihood with
scikit-learn. No variogram has to be binned and fitted by eye, and errors at left-out places come in
closed form. These errors are what draws err by, so two properties of the same soils err together,
as :mod:`soilpb.exceedance` needs it, and no normal law is assumed.

Places are in one unit of length, such as metres (see :mod:`soilpb.places`).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_solve
from scipy.spatial import KDTree
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from soilpb.places import distinct

#: Fewer places make no map.
FEWEST_PLACES = 50
#: Neighbours are called alike where chance makes them so in at most this share of cases.
LUCK = 0.05
#: Nearest soils that are compared with a soil.
NEIGHBOURS = 4
#: Variance of the mean, beside the values' own: large, so that the mean is as good as unknown.
_MEAN = 100.0


@dataclass(frozen=True)
class Structure:
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


def structure(places: np.ndarray, values: np.ndarray, n_draws: int = 999, seed: int = 0) -> Structure:
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
        return Structure(n, 1.0, 1.0)
    neighbours = KDTree(places).query(places, NEIGHBOURS + 1)[1][:, 1:]
    rng = np.random.default_rng(seed)
    dealt = np.stack([values, *(rng.permutation(values) for _ in range(n_draws))])
    ratios = ((dealt[:, :, None] - dealt[:, neighbours]) ** 2).mean(axis=(1, 2)) / (2 * values.var(ddof=1))
    return Structure(n, float(ratios[0]), float((ratios <= ratios[0]).mean()))


@dataclass(frozen=True, eq=False)
class Field:
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
    >>> field = Field.fit(np.column_stack([x, 0 * x]), np.sin(x / 8))
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
    def fit(cls, places: np.ndarray, values: np.ndarray) -> Field:
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
