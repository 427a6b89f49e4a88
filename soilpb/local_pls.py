"""Local, or memory-based, PLS: for each new soil, a model of the soils that look like it.

The spectrum-based learner of Ramirez-Lopez et al. (2013, Geoderma 195–196:268): nearest
neighbours by the Mahalanobis distance of principal components, and a regression on them alone.
Where the relation bends, a straight line fitted nearby beats one fitted everywhere; with
few soils there is little nearby. All training soils are among the neighbourhoods tried, so
that plain PLS is one of the choices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.pls import PREPROCESSING, pls_coefficients, pls_paths, training_masks

#: Principal components that hold less than this share of the variance are noise to a distance.
LEAST_SHARE = 0.01


class LocalPLS(RegressorMixin, BaseEstimator):
    """PLS on the nearest training spectra; their number and the latent variables by inner folds.

    The choice is the least RMSE, averaged over shuffled inner folds, as in
    :class:`~soilpb.pls.PLSCV`: ties go to fewer latent variables, then to fewer neighbours.

    Parameters
    ----------
    neighbours : sequence of int
        Numbers of neighbours tried, beside all soils; those that inner training rows cannot
        provide are left out.
    max_components : int
        Most latent variables tried; no more than the smallest neighbourhood allows.
    inner_folds : int
    preprocessing : str
        Key of :data:`~soilpb.pls.PREPROCESSING`, for distances and regressions alike.
    seed : int
        Shuffles the inner folds.

    Attributes
    ----------
    n_neighbours_ : int
        The number of training rows if all of them are best.
    n_components_ : int
    inner_rmse_ : (n_neighbourhoods, n_components) array
        What the choice was made from; all soils are the last row.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0.1, 0.6, (60, 12))
    >>> model = LocalPLS([20, 30], max_components=3).fit(X, -np.log10(X[:, 4]))
    >>> model.n_neighbours_, model.n_components_
    (60, 3)
    """

    def __init__(
        self,
        neighbours: Sequence[int] = (30, 45, 60, 80, 120, 180),
        max_components: int = 20,
        inner_folds: int = 5,
        preprocessing: str = "d1",
        seed: int = 0,
    ) -> None:
        self.neighbours = neighbours
        self.max_components = max_components
        self.inner_folds = inner_folds
        self.preprocessing = preprocessing
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> LocalPLS:
        """Choose on reflectance ``X`` (n_samples, n_bands) and ``y`` (n_samples,), and remember both."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if min(self.neighbours, default=3) < 3:
            raise ValueError(f"neighbours are {self.neighbours!r}; a local model needs 3 soils or more")
        if self.preprocessing not in PREPROCESSING:
            raise ValueError(f"preprocessing is {self.preprocessing!r}; expected of {list(PREPROCESSING)}")
        self._spectra, self._values = PREPROCESSING[self.preprocessing]().fit_transform(X), y
        self._space = Space.learn(self._spectra)
        training = training_masks(len(y), self.inner_folds, self.seed)
        rows = int(training.sum(axis=1).min())
        tried = [*(k for k in sorted(set(self.neighbours)) if k < rows), len(y)]
        n_components = min(self.max_components, X.shape[1], min(tried[0], rows) - 1)
        nearest = np.zeros((len(tried), len(y), len(y)), dtype=bool)
        for known in training:
            space = Space.learn(self._spectra[known])
            order = space.nearest(self._spectra[~known], self._spectra[known])
            for choice, k in enumerate(tried):
                nearest[choice, np.flatnonzero(~known)[:, None], np.flatnonzero(known)[order[:, :k]]] = True
        self.inner_rmse_ = np.stack([self._rmse(masks, training, n_components) for masks in nearest])
        component, choice = np.unravel_index(self.inner_rmse_.T.argmin(), self.inner_rmse_.T.shape)
        self.n_components_, self.n_neighbours_ = int(component) + 1, tried[choice]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions for reflectance ``X``, (n_samples,), in the units of ``y``."""
        check_is_fitted(self, "n_components_")
        X = validate_data(self, X, dtype=np.float64, reset=False)
        spectra = PREPROCESSING[self.preprocessing]().fit_transform(X)
        order = self._space.nearest(spectra, self._spectra)[:, : self.n_neighbours_]
        return np.array([self._local(new, near) for new, near in zip(spectra, np.sort(order), strict=True)])

    def _local(self, new: np.ndarray, near: np.ndarray) -> float:
        slopes, level = pls_coefficients(self._spectra[near], self._values[near], self.n_components_)
        return new @ slopes + level

    def _rmse(self, masks: np.ndarray, training: np.ndarray, n_components: int) -> np.ndarray:
        """RMSE of 1 … n_components latent variables, each row predicted from its own neighbours."""
        paths = pls_paths(self._spectra, self._values, masks, n_components)
        rows = np.arange(len(masks))
        square = (paths[rows, :, rows] - self._values[:, None]) ** 2
        return np.mean([np.sqrt(square[~known].mean(axis=0)) for known in training], axis=0)


@dataclass(frozen=True, eq=False)
class Space:
    """Leading principal components of training spectra, each scaled to unit variance."""

    mean: np.ndarray
    axes: np.ndarray  # (n_bands, n_components)

    @classmethod
    def learn(cls, spectra: np.ndarray) -> Space:
        """Learn from (n_samples, n_bands) spectra."""
        mean = spectra.mean(axis=0)
        _, singular, axes = np.linalg.svd(spectra - mean, full_matrices=False)
        leading = singular**2 >= LEAST_SHARE * (singular**2).sum()
        leading &= singular > 0
        return cls(mean, axes[leading].T / singular[leading])

    def nearest(self, new: np.ndarray, known: np.ndarray) -> np.ndarray:
        """Rows of ``known`` from the nearest to the farthest, for each new spectrum."""
        a, b = ((spectra - self.mean) @ self.axes for spectra in (new, known))
        square = ((a[:, None] - b) ** 2).sum(axis=2)
        return square.argsort(axis=1, kind="stable")
