"""Partial least squares that chooses its number of latent variables; on all soils, or on the nearest.

For one target, PLS builds orthonormal scores from the Krylov sequence of the Gram matrix ``K = X Xᵀ``
(Rännar et al. 1994, J. Chemometrics 8:111; Phatak & de Hoog 2002, J. Chemometrics 16:361). Two things
make nested cross-validation cheap and leave it exact: a residual that is zero outside a fold's
training rows needs no centring of ``K``, so all folds share one ``K``; and the path of one fit holds
the predictions for every number of latent variables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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
    """PLS regression; latent variables, and preprocessing if asked, by inner cross-validation.

    The choice is the plain minimum, over the grid, of the RMSE averaged over the inner
    folds (``inner_rmse_``); ties go to fewer latent variables, then to the preprocessing named first. It is
    what ``GridSearchCV`` over ``PLSRegression(scale=False)`` chooses with
    ``scoring="neg_root_mean_squared_error"`` and the same folds.

    Parameters
    ----------
    max_components : int
        Most latent variables tried; fewer where the inner training rows or bands are.
    preprocessing : str or tuple of str
        Keys of :data:`PREPROCESSING`; the best of several is chosen inside.

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
    ) -> None:
        self.max_components = max_components
        self.preprocessing = preprocessing
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> PLSCV:
        """Choose and fit on reflectance ``X`` (n_samples, n_bands); ``y``, ``groups`` (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        names = _known_preprocessing(self.preprocessing)
        spectra = [PREPROCESSING[name]().fit_transform(X) for name in names]
        training = InnerFolds(seed=self.seed).training_masks(len(y), groups)
        rows = int(training.sum(axis=1).min())
        n_components = max(1, min(self.max_components, X.shape[1], rows - 1))
        self.inner_rmse_ = np.stack([inner_rmse(S, y, training, n_components) for S in spectra])
        best, choice = np.unravel_index(self.inner_rmse_.T.argmin(), self.inner_rmse_.T.shape)
        self.n_components_, self.preprocessing_ = int(best) + 1, names[choice]
        self.coef_, self.intercept_ = pls_coefficients(spectra[choice], y, self.n_components_)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions for reflectance ``X``, (n_samples,), in the units of ``y``."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        return PREPROCESSING[self.preprocessing_]().fit_transform(X) @ self.coef_ + self.intercept_


def inner_rmse(X: np.ndarray, y: np.ndarray, training: np.ndarray, n_components: int) -> np.ndarray:
    """RMSE on held-out rows, averaged over folds, for 1 … n_components latent variables: (n_components,)."""
    error = (pls_paths(X, y, training, n_components) - y) * ~training[:, None]
    mean_square = (error**2).sum(axis=2) / (~training).sum(axis=1, keepdims=True)
    return np.sqrt(mean_square).mean(axis=0)


def pls_paths(X: np.ndarray, y: np.ndarray, training: np.ndarray, n_components: int) -> np.ndarray:
    """Predict all rows in all folds, by number of components: (n_folds, n_components, n_samples).

    ``X`` is (n_samples, n_bands), ``training`` (n_folds, n_samples) boolean. Beyond the rank of the training
    rows predictions no longer change.
    """
    n_folds, n_samples = training.shape
    gram, inside = _gram_product(X - X.mean(axis=0)), training.astype(float)
    n_training = inside.sum(axis=1, keepdims=True)
    prediction = np.repeat(inside @ y[:, None] / n_training, n_samples, axis=1)
    scores = np.zeros((n_folds, n_components, n_samples))  # orthonormal over the training rows
    path = np.empty_like(scores)
    for a in range(n_components):
        residual = (y - prediction) * inside
        t = gram(residual.T).T
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

    The weights of component ``a`` are ``Xᵀ`` times the residual before it, and the
    coefficients are the one vector they span whose fitted values are the path's last.
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


class LocalPLS(RegressorMixin, BaseEstimator):
    """PLS on the nearest training spectra; their number and the latent variables by inner folds.

    The spectrum-based learner of Ramirez-Lopez et al. (2013, Geoderma 195–196:268): neighbours by the
    Mahalanobis distance of principal components, and a regression on them alone. Where the relation
    bends, a straight line fitted nearby beats one fitted everywhere; with few soils there is little
    nearby. Of the ``neighbours`` tried, beside all soils, those that inner training rows cannot provide are
    left out. The choice is that of :class:`PLSCV`; of equals, fewer neighbours.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0.1, 0.6, (60, 12))
    >>> model = LocalPLS([20, 30], max_components=3).fit(X, -np.log10(X[:, 4]))
    >>> model.n_neighbours_, model.n_components_
    (60, 3)
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(
        self,
        neighbours: Sequence[int] = (30, 45, 60, 80, 120, 180),
        max_components: int = 20,
        preprocessing: str = "d1",
        seed: int = 0,
    ) -> None:
        self.neighbours = neighbours
        self.max_components = max_components
        self.preprocessing = preprocessing
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> LocalPLS:
        """Choose on reflectance ``X`` (n_samples, n_bands); ``y``, ``groups`` (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        if min(self.neighbours, default=3) < 3:
            raise ValueError(f"neighbours are {self.neighbours!r}; a local model needs 3 soils or more")
        (name,) = _known_preprocessing(self.preprocessing)
        self._spectra, self._values = PREPROCESSING[name]().fit_transform(X), y
        training = InnerFolds(seed=self.seed).training_masks(len(y), groups)
        rows = int(training.sum(axis=1).min())
        tried = [*(k for k in sorted(set(self.neighbours)) if k < rows), len(y)]
        n_components = max(1, min(self.max_components, X.shape[1], min(tried[0], rows) - 1))
        nearest = np.zeros((len(tried), len(y), len(y)), dtype=bool)
        for known in training:
            order = nearest_spectra(self._spectra[~known], self._spectra[known])
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
        order = nearest_spectra(spectra, self._spectra)[:, : self.n_neighbours_]
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


def nearest_spectra(new: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Rows of ``known`` spectra from the nearest to the farthest, (n_new, n_known).

    By the distance of leading principal components of the known spectra, each of unit variance.
    """
    pca = PCA(svd_solver="full", whiten=True).fit(known)
    leading = pca.explained_variance_ >= LEAST_SHARE * pca.explained_variance_.sum()
    a, b = (pca.transform(spectra)[:, leading] for spectra in (new, known))
    return cdist(a, b).argsort(axis=1, kind="stable")


def _known_preprocessing(preprocessing: str | tuple[str, ...]) -> tuple[str, ...]:
    names = (preprocessing,) if isinstance(preprocessing, str) else tuple(preprocessing)
    if not names or not set(names) <= set(PREPROCESSING):
        raise ValueError(f"preprocessing is {preprocessing!r}; expected of {list(PREPROCESSING)}")
    return names


def _gram_product(X: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return ``R ↦ X Xᵀ R``, with ``X Xᵀ`` formed only where that is the smaller matrix."""
    if X.shape[0] <= X.shape[1]:
        return (X @ X.T).__matmul__
    return lambda R: X @ (X.T @ R)


def _norm(rows: np.ndarray) -> np.ndarray:
    return np.sqrt((rows**2).sum(axis=1, keepdims=True))
