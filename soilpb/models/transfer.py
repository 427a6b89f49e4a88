"""From a network that learned a source property to a target with few soils; and the direct network.

Beside the direct network there are six strategies, from full fine-tuning to closed forms
(:data:`STRATEGIES`). Each is what :class:`TransferRegressor` does inside ``fit``, on the rows it gets
and no others, so that nested cross-validation is ``clone``, ``fit``, ``predict``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds
from soilpb.models.linear import ridge_path
from soilpb.models.network import ALPHAS, NETWORK_STRATEGIES, SpectralNetwork, Strategy, fine_tune
from soilpb.models.preprocessing import Scaling, derivative_pipeline
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig

STRATEGIES: dict[str, Strategy] = NETWORK_STRATEGIES | {
    "embedding_pls": Strategy("all features", "PLS scores of the site's spectra, and ridge on both")
}
#: Gain and noise of augmentation where a network is trained on few soils.
AUGMENT = 0.1
#: Share of features that a head does without: trained from scratch, it sees three in ten. This, and
#: few steps, keep 44,000 weights from memorising a hundred soils.
DROPOUT = {"direct": 0.7, "transfer": 0.5}
#: Most PLS scores tried beside a network's features.
MOST_SCORES = 12
#: Standard deviation of a score beside a feature's 1: the larger, the less the penalty holds the
#: scores back. There are few of them and hundreds of features.
SCORE_WEIGHT = 2.0


class DirectResNet(RegressorMixin, BaseEstimator):
    """The study's ResNet-Pb: the same network, trained on the target alone.

    The defaults were chosen on real soils, clay and organic carbon of the five LimeSoDa fields.

    Parameters are those of :class:`~soilpb.models.training.TrainingConfig`, and the network's shape if not
    the default; ``network_`` is the fitted :class:`SpectralNetwork`, whose bands are numbered from 0.
    """

    def __init__(
        self, epochs: int = 30, batch_size: int = 32, seed: int = 0, config: ResNetConfig | None = None
    ) -> None:
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.config = config

    def fit(self, X: np.ndarray, y: np.ndarray) -> DirectResNet:
        """Train on reflectance (n_samples, n_bands) and target values (n_samples,)."""
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        config = self.config or ResNetConfig(X.shape[1], dropout=DROPOUT["direct"])
        self.network_ = SpectralNetwork.fit(X, y, np.arange(X.shape[1]), ["target"], config, _training(self))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        return self.network_.predict(validate_data(self, X, reset=False))[:, 0]


class TransferRegressor(RegressorMixin, BaseEstimator):
    """A target predicted with what a source network has learned, which never changes.

    ``strategy`` is a key of :data:`STRATEGIES`; ``epochs`` and ``batch_size`` are of those that train,
    ``seed`` is of new heads, training and inner folds. Fitted, it has a ``network_`` that predicts, or with
    ``embedding_pls`` a ``regressor_``.
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(
        self,
        source: SpectralNetwork,
        strategy: str | Strategy = "embedding_ridge",
        epochs: int = 30,
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> TransferRegressor:
        """Fit to reflectance (n_samples, n_bands) on the source's grid; ``y``, ``groups`` (n_samples,)."""
        strategy = STRATEGIES.get(self.strategy, self.strategy)
        if not isinstance(strategy, Strategy):
            raise ValueError(f"strategy is {self.strategy!r}; expected one of {', '.join(STRATEGIES)}")
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        if self.strategy == "embedding_pls":
            self.regressor_ = EmbeddingPLS(self.source, self.seed).fit(X, y, groups)
        else:
            self.network_ = fine_tune(
                self.source, X, y, strategy, _training(self), DROPOUT["transfer"], groups
            )
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        if self.strategy == "embedding_pls":
            return self.regressor_.predict(X)
        return self.network_.predict(validate_data(self, X, reset=False))[:, 0]


class NetworkFeatures(TransformerMixin, BaseEstimator):
    """Features of a source network, standardised, divided by the root of their number.

    ``source`` is a :class:`SpectralNetwork`, never changed; scales are learned in ``fit``.
    """

    def __init__(self, source: SpectralNetwork) -> None:
        self.source = source

    def fit(self, X: np.ndarray, y: None = None) -> NetworkFeatures:
        """Learn the scales of features of (n_samples, n_bands) reflectance."""
        self.scaling_ = Scaling.learn(self.source.embed(X))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Embed reflectance, (n_samples, n_features) float64."""
        features = self.scaling_.apply(self.source.embed(X)).astype(np.float64)
        return features / np.sqrt(features.shape[1])


class EmbeddingPLS(RegressorMixin, BaseEstimator):
    """Ridge on a network's features beside PLS scores of derivative spectra.

    The features carry what the library taught, the scores what the target's own soils say. Scores
    are learned from the target values, so on their own training rows they look better than they
    are: their number and the penalty are chosen on rows that neither scores nor ridge has seen.
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(self, source: SpectralNetwork, seed: int = 0) -> None:
        self.source = source
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> EmbeddingPLS:
        """Fit to reflectance (n_samples, n_bands); ``y``, ``groups`` (n_samples,)."""
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=5)
        embedding, derivative = self.source.embed(X), derivative_pipeline().fit_transform(X)
        folds = InnerFolds(seed=self.seed).training_masks(len(X), groups)
        most = min(MOST_SCORES, int(folds.sum(axis=1).min()) - 1, X.shape[1])
        errors = np.zeros((most, ALPHAS.size))
        for train in folds:
            blocks = Blocks.learn(embedding[train], derivative[train], y[train], most)
            joined = blocks.join(embedding, derivative)
            for row in range(most):
                columns = joined[:, : embedding.shape[1] + row + 1]
                slopes, levels = ridge_path(columns[train], y[train], ALPHAS)
                predicted = columns[~train] @ slopes + levels
                errors[row] += ((predicted - y[~train, None]) ** 2).sum(axis=0)
        row, column = np.unravel_index(errors.argmin(), errors.shape)
        self.n_scores_, self.alpha_ = int(row) + 1, float(ALPHAS[column])
        self.blocks_ = Blocks.learn(embedding, derivative, y, self.n_scores_)
        self.ridge_ = Ridge(self.alpha_).fit(self.blocks_.join(embedding, derivative), y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self, "n_scores_")
        X = validate_data(self, X, reset=False)
        joined = self.blocks_.join(self.source.embed(X), derivative_pipeline().fit_transform(X))
        return self.ridge_.predict(joined)


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

    def join(self, embedding: np.ndarray, derivative: np.ndarray) -> np.ndarray:
        """Standardised features, then weighted scores, (n_samples, n_features + n_scores)."""
        scores = SCORE_WEIGHT * self.scores.apply(self.pls.transform(derivative))
        return np.hstack([self.features.apply(embedding), scores]).astype(np.float64)


def describe_strategies(fitted: Mapping[str, TransferRegressor]) -> pd.DataFrame:
    """Lay fitted strategies side by side: columns model, stays, learns, and weights that were learned."""
    rows = [
        (
            name,
            STRATEGIES[model.strategy].stays,
            STRATEGIES[model.strategy].learns,
            count_learned_weights(model),
        )
        for name, model in fitted.items()
    ]
    return pd.DataFrame(rows, columns=["model", "stays", "learns", "weights"])


def count_learned_weights(model: TransferRegressor) -> int:
    """Count the weights that a fitted model learned on the site: counted, not asserted.

    In a network these are the head and all weights that differ from the source's. Ridge on
    features beside PLS scores has a coefficient each and an intercept.
    """
    if model.strategy == "embedding_pls":
        return model.regressor_.ridge_.n_features_in_ + 1
    before = dict(model.source.network.named_parameters())
    return sum(
        weight.numel() if name.startswith("head.") else int(torch.ne(weight, before[name]).sum())
        for name, weight in model.network_.network.named_parameters()
    )


def property_line(network: SpectralNetwork) -> Pipeline:
    """Make the simplest transfer there is: a straight line on what the network predicts of a soil.

    A regressor from reflectance (n_samples, n_bands). What features do better than this is
    more than the property that the network was taught.
    """
    return make_pipeline(FunctionTransformer(network.predict), LinearRegression())


def _training(model: DirectResNet | TransferRegressor) -> TrainingConfig:
    return TrainingConfig(
        epochs=model.epochs,
        batch_size=model.batch_size,
        augment_gain=AUGMENT,
        augment_noise=AUGMENT,
        seed=model.seed,
    )
