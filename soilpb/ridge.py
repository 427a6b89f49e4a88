"""Ridge regression whose penalty is chosen by exact, fast k-fold cross-validation.

scikit-learn's ``RidgeCV`` is fast for leave-one-out only. That is fooled where a soil was
scanned twice: the twin stays in training, and the smallest penalty looks best.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.pls import training_masks


class RidgeKFold(RegressorMixin, BaseEstimator):
    """Ridge regression; the penalty has the least RMSE, averaged over shuffled inner folds.

    The choice and the predictions are those of ``GridSearchCV`` over ``Ridge``: one
    singular value decomposition a fold gives all penalties at once (Hastie & Tibshirani
    2004, Biostatistics 5:329).

    Parameters
    ----------
    penalties : sequence of float
        Tried in this order; the first of equals is taken.
    inner_folds : int
    seed : int
        Shuffles the inner folds.

    Attributes
    ----------
    penalty_ : float
    coef_ : (n_features,) array
    intercept_ : float

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(30, 5))
    >>> RidgeKFold([0.01, 1, 100]).fit(X, X @ [1, 2, 0, 0, 0]).penalty_
    0.01
    """

    def __init__(
        self, penalties: Sequence[float] = (0.1, 1, 10), inner_folds: int = 5, seed: int = 0
    ) -> None:
        self.penalties = penalties
        self.inner_folds = inner_folds
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> RidgeKFold:
        """Choose the penalty and fit on ``X`` (n_samples, n_features) and ``y`` (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        penalties = np.asarray(self.penalties, dtype=float)
        if not (penalties.size and (penalties > 0).all()):
            raise ValueError(f"penalties are {self.penalties!r}; expected numbers above 0")
        # A rotation to as many axes as the rank can be: ridge does not notice, folds get small.
        left, singular, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
        rotated = left * singular
        errors = []
        for training in training_masks(len(y), self.inner_folds, self.seed):
            slopes, intercepts = ridge_path(rotated[training], y[training], penalties)
            residuals = rotated[~training] @ slopes + intercepts - y[~training, None]
            errors.append(np.sqrt((residuals**2).mean(axis=0)))
        self.penalty_ = float(penalties[np.mean(errors, axis=0).argmin()])
        slopes, intercepts = ridge_path(X, y, np.array([self.penalty_]))
        self.coef_, self.intercept_ = slopes[:, 0], float(intercepts[0])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) values from ``X`` (n_samples, n_features)."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_ + self.intercept_


def ridge_path(X: np.ndarray, y: np.ndarray, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (n_features, n_penalties) and intercepts (n_penalties,) of ridge regression."""
    center, level = X.mean(axis=0), y.mean()
    left, singular, right = np.linalg.svd(X - center, full_matrices=False)
    shrunken = (singular * (left.T @ (y - level)))[:, None] / (singular[:, None] ** 2 + penalties)
    coefficients = right.T @ shrunken
    return coefficients, level - center @ coefficients
