"""Ridge on a network's features beside PLS scores: transfer as one block among two.

The source's features carry what the library taught; PLS scores of derivative spectra
carry what the target's own soils say. Scores are learned from the target values, so on
their own training rows they look better than they are: their number and the penalty are
chosen on rows that neither the scores nor the ridge has seen.

From a network that learned a source property to a target with few soils.

Beside the direct network, six strategies, from the study's recipe to closed forms. Each
is what :class:`TransferRegressor` does inside ``fit``, on the rows it gets and no others, so
that nested cross-validation is ``clone``, ``fit``, ``predict``:

``head``
    The source's features stay; a new linear head is trained.
``partial``
    The last residual blocks and a new head are trained.
``full``
    Everything is trained, from the source's weights and a new head.
``lp_ft``
    Linear probe, then fine-tuning: a ridge head first, then everything but BatchNorm
    at a tenth of the learning rate (Kumar et al. 2022, arXiv:2202.10054).
``embedding_ridge``
    A ridge head on the source's features in closed form; nothing else changes.
``embedding_pls``
    Ridge on the source's features beside PLS scores of derivative spectra.

What each transfer strategy keeps of the source's network, what it learns, and a control.

How many weights learn is counted from fitted models, not asserted: a weight that should
have stayed and did not would show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds
from soilpb.models.network import ALPHAS, NETWORK_STRATEGIES, SpectralNetwork, Strategy, fine_tune
from soilpb.models.preprocessing import Scaling, derivative_pipeline
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig

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

    __metadata_request__fit = WANTS_GROUPS

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

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> EmbeddingPLS:
        """Fit to reflectance (n_samples, n_bands) and target values (n_samples,)."""
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=self.inner_folds)
        embedding, derivative = self._views(X)
        folds = InnerFolds(self.inner_folds, self.seed).training_masks(len(X), groups)
        smallest = int(folds.sum(axis=1).min())
        counts = range(1, min(self.max_scores, smallest - 1, X.shape[1]) + 1)
        errors = np.zeros((len(counts), ALPHAS.size))
        for train, test in zip(folds, ~folds, strict=True):
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


STRATEGIES = (*NETWORK_STRATEGIES, "embedding_pls")


class DirectResNet(RegressorMixin, BaseEstimator):
    """The study's ResNet-Pb: the same network, trained on the target alone.

    What keeps 44,000 weights from memorising a hundred soils is few steps and much
    dropout: the head sees three features in ten. The defaults were chosen on real soils,
    clay and organic carbon of the five LimeSoDa fields.

    Parameters
    ----------
    epochs, batch_size, learning_rate, dropout, augment
        See :class:`~soilpb.models.training.TrainingConfig`; ``augment`` is gain and noise.
    wavelengths : (n_bands,) array, nm, optional
        Grid for ``network_``; bands are numbered from 0 if omitted.
    seed : int

    Attributes
    ----------
    network_ : SpectralNetwork
    """

    def __init__(
        self,
        epochs: int = 30,
        batch_size: int = 32,
        learning_rate: float = 3e-3,
        dropout: float = 0.7,
        augment: float = 0.1,
        wavelengths: np.ndarray | None = None,
        seed: int = 0,
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.augment = augment
        self.wavelengths = wavelengths
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> DirectResNet:
        """Train on reflectance (n_samples, n_bands) and target values (n_samples,)."""
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        wavelengths = np.arange(X.shape[1]) if self.wavelengths is None else self.wavelengths
        self.network_ = SpectralNetwork.fit(
            X,
            y,
            wavelengths,
            ["target"],
            ResNetConfig(X.shape[1], dropout=self.dropout),
            TrainingConfig(
                epochs=self.epochs,
                batch_size=self.batch_size,
                learning_rate=self.learning_rate,
                augment_gain=self.augment,
                augment_noise=self.augment,
                seed=self.seed,
            ),
        )
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        return self.network_.predict(validate_data(self, X, reset=False))[:, 0]


class TransferRegressor(RegressorMixin, BaseEstimator):
    """A target predicted with what a source network has learned.

    Parameters
    ----------
    source : SpectralNetwork
        Pretrained; never changed.
    strategy : str
        One of :data:`STRATEGIES`, described at the top of this module.
    trainable_blocks : int
        Last residual blocks that the strategy ``partial`` trains.
    epochs, batch_size, dropout
        Of the strategies that train (see :class:`~soilpb.models.training.TrainingConfig`).
    learning_rate : float, optional
        The strategy's own if omitted.
    augment : float
        Gain and noise of augmentation.
    seed : int
        Of new heads, training and inner folds.

    Attributes
    ----------
    network_ : SpectralNetwork
        The network that predicts (all strategies but ``embedding_pls``).
    regressor_ : EmbeddingPLS
        What predicts with ``embedding_pls``.
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(
        self,
        source: SpectralNetwork,
        strategy: str = "embedding_ridge",
        trainable_blocks: int = 1,
        epochs: int = 30,
        batch_size: int = 32,
        dropout: float = 0.5,
        learning_rate: float | None = None,
        augment: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.trainable_blocks = trainable_blocks
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.augment = augment
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> TransferRegressor:
        """Fit to reflectance (n_samples, n_bands) on the source's grid and target values (n_samples,)."""
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; expected one of {', '.join(STRATEGIES)}")
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        if self.strategy == "embedding_pls":
            self.regressor_ = EmbeddingPLS(self.source, seed=self.seed).fit(X, y, groups)
        else:
            training = TrainingConfig(
                epochs=self.epochs,
                batch_size=self.batch_size,
                augment_gain=self.augment,
                augment_noise=self.augment,
                seed=self.seed,
            )
            self.network_ = fine_tune(self.source, X, y, self._recipe(), training, self.dropout, groups)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        if self.strategy == "embedding_pls":
            return self.regressor_.predict(X)
        return self.network_.predict(validate_data(self, X, reset=False))[:, 0]

    def _recipe(self) -> Strategy:
        recipe = NETWORK_STRATEGIES[self.strategy]
        if self.strategy == "partial":
            recipe = replace(recipe, blocks=self.trainable_blocks)
        if self.learning_rate is not None and recipe.learning_rate is not None:
            recipe = replace(recipe, learning_rate=self.learning_rate)
        return recipe


#: Strategy → what stays as the source left it, and what the site's soils teach.
_DESCRIPTIONS = {
    "head": ("all features", "a new linear head, by gradient descent"),
    "partial": ("stem and first blocks", "the last block and a new head"),
    "full": ("nothing: it is only where training starts", "every weight and a new head"),
    "lp_ft": ("BatchNorm: shifts and scales", "a ridge head first, then the other weights, gently"),
    "embedding_ridge": ("all features", "a ridge head, in closed form"),
    "embedding_pls": ("all features", "PLS scores of the site's spectra, and ridge on both"),
}


def describe_strategies(fitted: Mapping[str, TransferRegressor]) -> pd.DataFrame:
    """Lay fitted strategies side by side.

    Parameters
    ----------
    fitted : mapping of str to fitted TransferRegressor

    Returns
    -------
    DataFrame
        Columns model, stays, learns, weights.
    """
    rows = [
        (name, *_DESCRIPTIONS[model.strategy], count_learned_weights(model)) for name, model in fitted.items()
    ]
    return pd.DataFrame(rows, columns=["model", "stays", "learns", "weights"])


def count_learned_weights(model: TransferRegressor) -> int:
    """Count the weights that a fitted model learned on the site.

    In a network these are the head and all weights that differ from the source's. Ridge on
    features beside PLS scores has a coefficient each and an intercept.
    """
    if model.strategy == "embedding_pls":
        return model.source.network.config.n_features + model.regressor_.n_scores_ + 1
    return count_changed_weights(model.source, model.network_)


def count_changed_weights(source: SpectralNetwork, tuned: SpectralNetwork) -> int:
    """Count the weights of ``tuned`` that are not the source's; its head is always its own."""
    before = dict(source.network.named_parameters())
    return sum(
        weight.numel() if name.startswith("head.") else int(torch.ne(weight, before[name]).sum())
        for name, weight in tuned.network.named_parameters()
    )


def property_line(network: SpectralNetwork) -> Pipeline:
    """Make the simplest transfer there is: a straight line on what the network predicts of a soil.

    A regressor from reflectance (n_samples, n_bands). What features do better than this is
    more than the property that the network was taught.
    """
    return make_pipeline(FunctionTransformer(network.predict), LinearRegression())
