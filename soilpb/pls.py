"""Partial least squares whose number of latent variables is chosen inside.

For one target, PLS builds orthonormal scores from the Krylov sequence of the Gram
matrix ``K = X Xᵀ`` (Rännar et al. 1994, J. Chemometrics 8:111; Phatak & de Hoog 2002,
J. Chemometrics 16:361). Two things make nested cross-validation cheap and leave it exact:
a residual that is zero outside a fold's training rows needs no centring of ``K``, so all
folds share one ``K``; and the path of one fit holds the predictions for every number of
latent variables.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.preprocessing import derivative_pipeline, raw_pipeline, snv_pipeline

#: What :class:`PLSCV` may choose from. Each works on one spectrum at a time: one that
#: learned from other rows (MSC, a scaler) would have to be fitted in every inner fold.
PREPROCESSING: dict[str, Callable[[], Pipeline]] = {
    "raw": raw_pipeline,
    "snv": snv_pipeline,
    "d1": derivative_pipeline,
}
#: A score that keeps less than this of its length when orthogonalised is rounding error.
RANK_TOLERANCE = 1e-10


class PLSCV(RegressorMixin, BaseEstimator):
    """PLS regression; latent variables, and preprocessing if asked, by inner cross-validation.

    The choice is the plain minimum, over the grid, of the RMSE averaged over the inner
    folds; ties go to fewer latent variables, then to the preprocessing named first. It is
    what ``GridSearchCV`` over ``PLSRegression(scale=False)`` chooses with
    ``scoring="neg_root_mean_squared_error"`` and the same folds.

    Parameters
    ----------
    max_components : int
        Most latent variables tried; fewer where the inner training rows or bands are.
    inner_folds : int
        Shuffled inner folds.
    preprocessing : str or tuple of str
        Keys of :data:`PREPROCESSING`; the best of several is chosen inside.
    seed : int
        Shuffles the inner folds.

    Attributes
    ----------
    n_components_ : int
    preprocessing_ : str
    coef_ : (n_bands,) array
        In units of y per unit of the preprocessed spectrum.
    intercept_ : float
    inner_rmse_ : (n_preprocessings, n_components) array
        What the choice was made from.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0.1, 0.6, (30, 12))
    >>> model = PLSCV(max_components=3, preprocessing="raw").fit(X, -np.log10(X[:, 4]))
    >>> model.n_components_, round(model.score(X, -np.log10(X[:, 4])), 2)
    (3, 0.99)
    """

    def __init__(
        self,
        max_components: int = 20,
        inner_folds: int = 5,
        preprocessing: str | tuple[str, ...] = "d1",
        seed: int = 0,
    ) -> None:
        self.max_components = max_components
        self.inner_folds = inner_folds
        self.preprocessing = preprocessing
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> PLSCV:
        """Choose and fit on reflectance ``X`` (n_samples, n_bands) and ``y`` (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        names = self._candidates()
        spectra = [PREPROCESSING[name]().fit_transform(X) for name in names]
        training = training_masks(len(y), self.inner_folds, self.seed)
        n_components = min(self.max_components, X.shape[1], int(training.sum(axis=1).min()) - 1)
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

    def _candidates(self) -> tuple[str, ...]:
        names = (self.preprocessing,) if isinstance(self.preprocessing, str) else tuple(self.preprocessing)
        unknown = [name for name in names if name not in PREPROCESSING]
        if unknown or not names:
            raise ValueError(f"preprocessing is {self.preprocessing!r}; expected of {list(PREPROCESSING)}")
        return names


def training_masks(n_samples: int, n_folds: int, seed: int) -> np.ndarray:
    """Shuffled k-fold as booleans, (n_folds, n_samples): True where a row trains."""
    training = np.ones((n_folds, n_samples), dtype=bool)
    folds = KFold(n_folds, shuffle=True, random_state=seed).split(np.empty(n_samples))
    for mask, (_, test) in zip(training, folds, strict=True):
        mask[test] = False
    return training


def inner_rmse(X: np.ndarray, y: np.ndarray, training: np.ndarray, n_components: int) -> np.ndarray:
    """RMSE on held-out rows, averaged over folds, for 1 … n_components latent variables.

    Returns
    -------
    (n_components,) array
    """
    error = (pls_paths(X, y, training, n_components) - y) * ~training[:, None]
    mean_square = (error**2).sum(axis=2) / (~training).sum(axis=1, keepdims=True)
    return np.sqrt(mean_square).mean(axis=0)


def pls_paths(X: np.ndarray, y: np.ndarray, training: np.ndarray, n_components: int) -> np.ndarray:
    """Predict all rows in all folds with 1 … n_components latent variables.

    Parameters
    ----------
    X : (n_samples, n_bands) array
    y : (n_samples,) array
    training : (n_folds, n_samples) boolean array
    n_components : int
        Beyond the rank of the training rows predictions no longer change.

    Returns
    -------
    (n_folds, n_components, n_samples) array
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


def _gram_product(X: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return ``R ↦ X Xᵀ R``, with ``X Xᵀ`` formed only where that is the smaller matrix."""
    if X.shape[0] <= X.shape[1]:
        return (X @ X.T).__matmul__
    return lambda R: X @ (X.T @ R)


def _norm(rows: np.ndarray) -> np.ndarray:
    return np.sqrt((rows**2).sum(axis=1, keepdims=True))
