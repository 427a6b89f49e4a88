"""Ridge on a network's features beside PLS scores: transfer as one block among two.

The source's features carry what the library taught; PLS scores of derivative spectra
carry what the target's own soils say. Scores are learned from the target values, so on
their own training rows they look better than they are: their number and the penalty are
chosen on rows that neither the scores nor the ridge has seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.finetuning import ALPHAS
from soilpb.network import SpectralNetwork
from soilpb.preprocessing import Scaling, derivative_pipeline

#: What a network may put beside PLS scores.
VIEWS = ("features", "predictions")


class EmbeddingPLS(RegressorMixin, BaseEstimator):
    """Ridge on embedding‖PLS scores, both chosen and fitted on the rows of ``fit``.

    Parameters
    ----------
    source : SpectralNetwork
        Whose features are used, as they are.
    max_scores : int
        Most PLS scores tried; fewer where rows or bands are.
    score_weight : float
        Standard deviation of a score beside a feature's 1: the larger, the less the
        penalty holds the scores back. There are few of them and hundreds of features.
    inner_folds : int
        Folds within which number of scores and penalty are chosen.
    seed : int
        Of the inner folds.
    view : {"features", "predictions"}
        What stands beside the scores: the features, or only what the network predicts from
        them, a column a property. Few columns ask little of few soils: they serve a network
        that learned several properties which the target hangs on.

    Attributes
    ----------
    n_scores_ : int
    alpha_ : float
    blocks_ : Blocks
        Scales of features and scores.
    ridge_ : Ridge
        On both, joined.
    """

    def __init__(
        self,
        source: SpectralNetwork,
        max_scores: int = 12,
        score_weight: float = 2.0,
        inner_folds: int = 5,
        seed: int = 0,
        view: str = "features",
    ) -> None:
        self.source = source
        self.max_scores = max_scores
        self.score_weight = score_weight
        self.inner_folds = inner_folds
        self.seed = seed
        self.view = view

    def fit(self, X: np.ndarray, y: np.ndarray) -> EmbeddingPLS:
        """Fit to reflectance (n_samples, n_bands) and target values (n_samples,)."""
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=self.inner_folds)
        embedding, derivative = self._views(X)
        smallest = len(X) - -(-len(X) // self.inner_folds)
        counts = range(1, min(self.max_scores, smallest - 1, X.shape[1]) + 1)
        errors = np.zeros((len(counts), ALPHAS.size))
        for train, test in KFold(self.inner_folds, shuffle=True, random_state=self.seed).split(X):
            blocks = Blocks.learn(embedding[train], derivative[train], y[train], counts[-1])
            known = blocks.join(embedding[train], derivative[train], self.score_weight)
            unseen = blocks.join(embedding[test], derivative[test], self.score_weight)
            for row, n_scores in enumerate(counts):
                width = embedding.shape[1] + n_scores
                predicted = _ridge_path(known[:, :width], y[train], unseen[:, :width])
                errors[row] += ((predicted - y[test, None]) ** 2).sum(axis=0)
        row, column = np.unravel_index(errors.argmin(), errors.shape)
        self.n_scores_, self.alpha_ = counts[row], float(ALPHAS[column])
        self.blocks_ = Blocks.learn(embedding, derivative, y, self.n_scores_)
        joined = self.blocks_.join(embedding, derivative, self.score_weight)
        self.ridge_ = Ridge(self.alpha_).fit(joined, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self, "n_scores_")
        X = validate_data(self, X, reset=False)
        return self.ridge_.predict(self.blocks_.join(*self._views(X), self.score_weight))

    def _views(self, X: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        source = self.source
        if self.view not in VIEWS:
            raise ValueError(f"view is {self.view!r}; expected one of {', '.join(VIEWS)}")
        known = source.embed(X) if self.view == "features" else source.output_scaling.apply(source.predict(X))
        return known, derivative_pipeline().fit_transform(X)


@dataclass(frozen=True, eq=False)
class Blocks:
    """Scales of the features, and PLS scores with theirs, learned from training rows."""

    features: Scaling
    pls: PLSRegression
    scores: Scaling

    @classmethod
    def learn(cls, embedding: np.ndarray, derivative: np.ndarray, y: np.ndarray, n_scores: int) -> Blocks:
        """Learn from features (n, n_features), derivative spectra (n, n_bands) and values (n,)."""
        pls = PLSRegression(n_scores, scale=False).fit(derivative, y)
        # late scores are small by nature, not dead as features can be: hardly a floor
        scores = Scaling.learn(pls.transform(derivative), floor=1e-3)
        return cls(Scaling.learn(embedding), pls, scores)

    def join(self, embedding: np.ndarray, derivative: np.ndarray, weight: float) -> np.ndarray:
        """Standardised features, then weighted scores, (n_samples, n_features + n_scores)."""
        scores = self.scores.apply(self.pls.transform(derivative))
        return np.hstack([self.features.apply(embedding), weight * scores]).astype(np.float64)


def _ridge_path(A: np.ndarray, y: np.ndarray, B: np.ndarray) -> np.ndarray:
    """Predictions for rows ``B`` by every penalty, (n_rows, n_alphas), from one decomposition.

    Ridge in its dual form: with fewer soils than features, their Gram matrix is small.
    """
    centre, mean = A.mean(axis=0), y.mean()
    A, B = A - centre, B - centre
    strengths, directions = np.linalg.eigh(A @ A.T)
    answers = directions.T @ (y - mean)
    shrunk = answers[:, None] / (strengths.clip(min=0)[:, None] + ALPHAS)
    return mean + (B @ A.T) @ directions @ shrunk
