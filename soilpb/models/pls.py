"""Partial least squares that chooses its number of latent variables; on all soils, or on the nearest.

Scores come from the Gram matrix (Rännar et al. 1994, J. Chemometrics 8:111). A residual that is zero
outside a fold's training rows needs no centring of it, so all folds share one, and one path holds every
number of latent variables: nested cross-validation is cheap, and exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.decomposition import PCA
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds
from soilpb.models.preprocessing import PREPROCESSING

#: A score that keeps less than this of its length when orthogonalised is rounding error.
RANK_TOLERANCE = 1e-10
#: Principal components that hold less than this share of the variance are noise to a distance.
LEAST_SHARE = 0.01


class PLSCV(RegressorMixin, BaseEstimator):
    """PLS regression; latent variables, preprocessing and neighbours, if asked, by inner cross-validation.

    The choice is the plain minimum, over the grid, of the RMSE averaged over the inner folds
    (``inner_rmse_``); ties go to fewer latent variables, then to what is named first. Without neighbours
    it is what ``GridSearchCV`` over ``PLSRegression(scale=False)`` chooses with
    ``scoring="neg_root_mean_squared_error"`` and the same folds.

    With neighbours it may be local: fitted, for each new soil, to the nearest training spectra alone (the
    spectrum-based learner of Ramirez-Lopez et al. 2013, Geoderma 195–196:268). Where the relation bends, a
    straight line fitted nearby beats one fitted everywhere; with few soils there is little nearby.

    Parameters
    ----------
    max_components : int
        Most latent variables tried; fewer where the inner training rows, neighbours or bands are.
    preprocessing : str or tuple of str
        Keys of :data:`PREPROCESSING`; the best of several is chosen inside.
    neighbours : sequence of int
        Numbers of soils tried beside all of them, where inner training rows can provide them.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0.1, 0.6, (30, 12))
    >>> model = PLSCV(max_components=3, preprocessing="raw").fit(X, -np.log10(X[:, 4]))
    >>> model.n_components_, round(model.score(X, -np.log10(X[:, 4])), 2)
    (3, 0.99)
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(
        self,
        max_components: int = 20,
        preprocessing: str | tuple[str, ...] = "d1",
        seed: int = 0,
        neighbours: Sequence[int] = (),
    ) -> None:
        self.max_components = max_components
        self.preprocessing = preprocessing
        self.seed = seed
        self.neighbours = neighbours

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> PLSCV:
        """Choose and fit on reflectance ``X`` (n_samples, n_bands); ``y``, ``groups`` (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        names = (self.preprocessing,) if isinstance(self.preprocessing, str) else tuple(self.preprocessing)
        if not names or not set(names) <= set(PREPROCESSING):
            raise ValueError(f"preprocessing is {self.preprocessing!r}; expected of {list(PREPROCESSING)}")
        if min(self.neighbours, default=3) < 3:
            raise ValueError(f"neighbours are {self.neighbours!r}; a local model needs 3 soils or more")
        training = InnerFolds(seed=self.seed).training_masks(len(y), groups)
        rows = int(training.sum(axis=1).min())
        tried = [*(k for k in sorted(set(self.neighbours)) if k < rows), len(y)]
        n_components = max(1, min(self.max_components, X.shape[1], min(tried[0], rows) - 1))
        spectra = {name: PREPROCESSING[name]().fit_transform(X) for name in names}
        self.inner_rmse_ = np.vstack(
            [inner_rmse(S, y, training, n_components, tried) for S in spectra.values()]
        )
        best, choice = np.unravel_index(self.inner_rmse_.T.argmin(), self.inner_rmse_.T.shape)
        self.preprocessing_, self.n_neighbours_ = list(product(names, tried))[choice]
        chosen, self.n_components_ = spectra[self.preprocessing_], int(best) + 1
        self.coef_, self.intercept_ = pls_coefficients(chosen, y, self.n_components_)
        self.known_ = (chosen, y) if self.n_neighbours_ < len(y) else None
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions for reflectance ``X``, (n_samples,), in the units of ``y``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        new = PREPROCESSING[self.preprocessing_]().fit_transform(X)
        if self.known_ is None:
            return new @ self.coef_ + self.intercept_
        known, values = self.known_
        nearest = np.sort(nearest_spectra(new, known)[:, : self.n_neighbours_])
        lines = [pls_coefficients(known[near], values[near], self.n_components_) for near in nearest]
        return np.array([row @ slopes + level for row, (slopes, level) in zip(new, lines, strict=True)])


def inner_rmse(
    X: np.ndarray, y: np.ndarray, training: np.ndarray, n_components: int, tried: Sequence[int]
) -> np.ndarray:
    """RMSE averaged over folds by neighbours and latent variables, (n_tried, n_components).

    ``training`` (n_folds, n_samples) is True where a row trains. Each row is predicted from all training
    rows of its fold, or from as many of the nearest as are ``tried``.
    """
    n_samples = len(y)
    nearest = np.empty((n_samples, training.sum(axis=1).min()), dtype=int)
    for known in training if len(tried) > 1 else ():
        order = nearest_spectra(X[~known], X[known])[:, : nearest.shape[1]]
        nearest[~known] = np.flatnonzero(known)[order]
    found = []
    for k in tried:
        fits, of_row = training, (~training).argmax(axis=0)
        if k < n_samples:
            fits, of_row = np.zeros((n_samples, n_samples), dtype=bool), np.arange(n_samples)
            np.put_along_axis(fits, nearest[:, :k], True, axis=1)
        predicted = pls_paths(X, y, fits, n_components)[of_row, :, np.arange(n_samples)]
        square = (predicted - y[:, None]) ** 2
        found.append(np.mean([np.sqrt(square[~known].mean(axis=0)) for known in training], axis=0))
    return np.array(found)


def pls_paths(X: np.ndarray, y: np.ndarray, training: np.ndarray, n_components: int) -> np.ndarray:
    """Predict all rows in all folds, by number of components: (n_folds, n_components, n_samples).

    ``training`` is (n_folds, n_samples). Beyond the rank of the training rows predictions no longer change.
    """
    n_folds, n_samples = training.shape
    centred, inside = X - X.mean(axis=0), training.astype(float)
    gram = centred @ centred.T if n_samples <= X.shape[1] else None  # formed only where it is the smaller
    n_training = inside.sum(axis=1, keepdims=True)
    prediction = np.repeat(inside @ y[:, None] / n_training, n_samples, axis=1)
    scores = np.zeros((n_folds, n_components, n_samples))  # orthonormal over the training rows
    path = np.empty_like(scores)
    for a in range(n_components):
        residual = (y - prediction) * inside
        t = residual @ gram if gram is not None else residual @ centred @ centred.T
        t -= (t * inside).sum(axis=1, keepdims=True) / n_training
        length = _norm(t * inside)
        for _ in range(2):  # Gram–Schmidt, repeated: once loses orthogonality to rounding
            overlap = scores[:, :a] @ (t * inside)[:, :, None]
            t -= (scores[:, :a] * overlap).sum(axis=1)
        remaining = _norm(t * inside)
        t = np.divide(t, remaining, out=np.zeros_like(t), where=remaining > RANK_TOLERANCE * length)
        prediction = prediction + (t * residual).sum(axis=1, keepdims=True) * t
        scores[:, a], path[:, a] = t, prediction
    return path


def pls_coefficients(X: np.ndarray, y: np.ndarray, n_components: int) -> tuple[np.ndarray, float]:
    """Coefficients (n_bands,) and intercept of PLS with so many latent variables.

    Weights are ``Xᵀ`` times the residuals; coefficients are the vector they span that fits the path's last.
    """
    path = pls_paths(X, y, np.ones((1, len(y)), dtype=bool), n_components)[0]
    residuals = y - np.vstack([np.full(len(y), y.mean()), path[:-1]])
    mean = X.mean(axis=0)
    weights = (X - mean).T @ residuals.T
    length = _norm(weights.T).T
    weights = np.divide(weights, length, out=np.zeros_like(weights), where=length > 0)
    loadings = np.linalg.lstsq((X - mean) @ weights, path[-1] - y.mean(), rcond=RANK_TOLERANCE)[0]
    coefficients = weights @ loadings
    return coefficients, float(y.mean() - mean @ coefficients)


def nearest_spectra(new: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rows of ``known`` from the nearest, by leading components of unit variance: (n_new, n_known)."""
    pca = PCA(svd_solver="full", whiten=True).fit(known)
    leading = pca.explained_variance_ >= LEAST_SHARE * pca.explained_variance_.sum()
    a, b = (pca.transform(spectra)[:, leading] for spectra in (new, known))
    return cdist(a, b).argsort(axis=1, kind="stable")


def _norm(rows: np.ndarray) -> np.ndarray:
    return np.sqrt((rows**2).sum(axis=1, keepdims=True))
