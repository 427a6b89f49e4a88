"""Networks for a target with few soils: trained on it alone, or from one that learned a source property.

A :class:`Strategy` says what fine-tuning starts from and which weights learn. Everything is learned in
``fit``, on the rows it gets and no others: nested cross-validation is ``clone``, ``fit``, ``predict``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds, fit_model
from soilpb.models.linear import RidgeKFold, ridge_path
from soilpb.models.network import SpectralNetwork
from soilpb.models.preprocessing import Scaling, derivative_pipeline
from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.models.training import TrainingConfig, reproducible

#: Penalties that ridge heads choose from, on standardised features.
ALPHAS = np.logspace(-1, 5, 19)
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


@dataclass(frozen=True)
class Strategy:
    """What fine-tuning starts from and what it trains; ``stays`` and ``learns`` say it in words."""

    stays: str
    learns: str
    probe: bool = False  # start from a ridge head in closed form rather than a random one
    blocks: int | None = None  # last residual blocks that learn; None for all of them and the stem
    rate: float | None = None  # of learning; None trains nothing
    frozen_norms: bool = False  # keep every BatchNorm, also beside convolutions that learn


#: ``lp_ft`` is linear probe, then fine-tuning at a tenth of the learning rate (Kumar et al. 2022,
#: arXiv:2202.10054); ``full`` is assumed to be the study's recipe.
STRATEGIES = {
    "head": Strategy("all features", "a new linear head, by gradient descent", blocks=0, rate=1e-2),
    "partial": Strategy("stem and first blocks", "the last block and a new head", blocks=1, rate=3e-3),
    "full": Strategy("nothing: it is only where training starts", "every weight and a new head", rate=3e-3),
    "lp_ft": Strategy("BatchNorm: shifts and scales", "a ridge head first, then the other weights, gently",
                      probe=True, rate=3e-4, frozen_norms=True),
    "embedding_ridge": Strategy("all features", "a ridge head, in closed form", probe=True, blocks=0),
}  # fmt: skip


class NetworkRegressor(RegressorMixin, BaseEstimator):
    """A network trained on the target: alone, or from what a source network has learned, which never changes.

    Without a ``source`` it is the study's ResNet-Pb, of the shape ``config``; with one, ``strategy`` is a
    key of :data:`STRATEGIES`. ``epochs`` and ``batch_size`` are of what is trained (defaults were chosen on
    clay and organic carbon of five LimeSoDa fields), ``seed`` of new weights, training and inner folds.
    Fitted, ``network_`` is a :class:`SpectralNetwork`; without a source its bands are numbered from 0.
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(
        self,
        source: SpectralNetwork | None = None,
        strategy: str | Strategy = "embedding_ridge",
        epochs: int = 30,
        batch_size: int = 32,
        seed: int = 0,
        config: ResNetConfig | None = None,
    ) -> None:
        self.source = source
        self.strategy = strategy
        self.epochs = epochs
        self.batch_size = batch_size
        self.seed = seed
        self.config = config

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> NetworkRegressor:
        """Fit to reflectance (n_samples, n_bands) on the source's grid; ``y``, ``groups`` (n_samples,)."""
        strategy = STRATEGIES.get(self.strategy, self.strategy)
        if not isinstance(strategy, Strategy):
            raise ValueError(f"strategy is {self.strategy!r}; expected one of {', '.join(STRATEGIES)}")
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        sizes = {"epochs": self.epochs, "batch_size": self.batch_size, "seed": self.seed}
        training = TrainingConfig(**sizes, augment_gain=AUGMENT, augment_noise=AUGMENT)
        if self.source is None:
            shape = self.config or ResNetConfig(X.shape[1], dropout=DROPOUT["direct"])
            self.network_ = SpectralNetwork.fit(X, y, np.arange(X.shape[1]), ["target"], shape, training)
        else:
            self.network_ = fine_tune(self.source, X, y, strategy, training, DROPOUT["transfer"], groups)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        return self.network_.predict(validate_data(self, X, reset=False))[:, 0]


def fine_tune(
    source: SpectralNetwork,
    X: np.ndarray,
    y: np.ndarray,
    strategy: Strategy,
    training: TrainingConfig,
    dropout: float,
    groups: np.ndarray | None = None,
) -> SpectralNetwork:
    """Make a network for the target from the source's, which is not changed, on the rows given.

    Input scales are the source's: features mean what they meant. The learning rate is the strategy's;
    ``dropout`` is of the new head's features.
    """
    with reproducible(training.seed):
        network = ResNet1d(replace(source.network.config, n_outputs=1, dropout=dropout)).eval()
    network.stem.load_state_dict(source.network.stem.state_dict())
    network.blocks.load_state_dict(source.network.blocks.state_dict())
    tuned = replace(source, network=network, history=[], training=None)
    tuned.set_outputs(y, ["target"])
    if strategy.probe:
        _probe(tuned, X, y, groups, training.seed)
    if strategy.rate is None:
        return tuned
    if strategy.blocks is not None:
        network.stem.requires_grad_(False)
        network.blocks[: len(network.blocks) - strategy.blocks].requires_grad_(False)
    for module in network.modules():
        if strategy.frozen_norms and isinstance(module, nn.BatchNorm2d):
            module.requires_grad_(False)
    tuned.train(X, y, replace(training, learning_rate=strategy.rate))
    network.requires_grad_(True)
    return tuned


def _probe(
    tuned: SpectralNetwork, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, seed: int
) -> None:
    """Put ridge on the features into the head; leave-one-out, or folds with groups, choose its penalty."""
    features = tuned.embed(X)
    scaling, (mean, sd) = Scaling.learn(features), tuned.output_scale()
    ridge = RidgeCV(ALPHAS) if groups is None else RidgeKFold(ALPHAS, seed=seed)
    fit_model(ridge, scaling.apply(features), (y - mean) / sd, groups)
    weights = ridge.coef_ / scaling.sd
    bias = ridge.intercept_ - weights @ scaling.mean
    with torch.no_grad():
        tuned.network.head.weight.copy_(torch.from_numpy(weights)[None])
        tuned.network.head.bias.fill_(float(bias))


class NetworkFeatures(TransformerMixin, BaseEstimator):
    """Features of a source network, never changed; standardised, divided by the root of their number."""

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
        features, spectra = self._features(X), derivative_pipeline().fit_transform(X)
        folds = InnerFolds(seed=self.seed).training_masks(len(X), groups)
        most = min(MOST_SCORES, int(folds.sum(axis=1).min()) - 1, X.shape[1])
        errors = np.zeros((most, ALPHAS.size))
        for train in folds:
            joined = self._learn(features[train], spectra[train], y[train], most)._join(features, spectra)
            for row in range(most):
                columns = joined[:, : features.shape[1] + row + 1]
                slopes, levels = ridge_path(columns[train], y[train], ALPHAS)
                predicted = columns[~train] @ slopes + levels
                errors[row] += ((predicted - y[~train, None]) ** 2).sum(axis=0)
        row, column = np.unravel_index(errors.argmin(), errors.shape)
        self.n_scores_, self.alpha_ = int(row) + 1, float(ALPHAS[column])
        joined = self._learn(features, spectra, y, self.n_scores_)._join(features, spectra)
        self.ridge_ = Ridge(self.alpha_).fit(joined, y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return self.ridge_.predict(self._join(self._features(X), derivative_pipeline().fit_transform(X)))

    def _features(self, X: np.ndarray) -> np.ndarray:
        return self.source.embed(X)

    def _learn(self, features: np.ndarray, spectra: np.ndarray, y: np.ndarray, n_scores: int) -> EmbeddingPLS:
        """Learn scales of the features, and PLS scores with theirs, from training rows."""
        self.pls_ = PLSRegression(n_scores, scale=False).fit(spectra, y)
        # late scores are small by nature, not dead as features can be: hardly a floor
        scores = Scaling.learn(self.pls_.transform(spectra), floor=1e-3)
        self.scalings_ = Scaling.learn(features), scores
        return self

    def _join(self, features: np.ndarray, spectra: np.ndarray) -> np.ndarray:
        """Standardised features, then weighted scores, (n_samples, n_features + n_scores)."""
        of_features, of_scores = self.scalings_
        scores = SCORE_WEIGHT * of_scores.apply(self.pls_.transform(spectra))
        return np.hstack([of_features.apply(features), scores]).astype(np.float64)


def describe_strategies(fitted: Mapping[str, NetworkRegressor | EmbeddingPLS]) -> pd.DataFrame:
    """Lay fitted strategies side by side: columns model, stays, learns, and weights that were learned.

    These are counted, not asserted: in a network the head and all weights that differ from the source's.
    """
    rows = []
    for name, model in fitted.items():
        if isinstance(model, EmbeddingPLS):
            words = "all features", "PLS scores of the site's spectra, and ridge on both"
            weights = model.ridge_.n_features_in_ + 1
        else:
            words = STRATEGIES[model.strategy].stays, STRATEGIES[model.strategy].learns
            before = dict(model.source.network.named_parameters())
            weights = sum(
                weight.numel() if part.startswith("head.") else int(torch.ne(weight, before[part]).sum())
                for part, weight in model.network_.network.named_parameters()
            )
        rows.append((name, *words, weights))
    return pd.DataFrame(rows, columns=["model", "stays", "learns", "weights"])


def property_line(network: SpectralNetwork) -> Pipeline:
    """Make the simplest transfer there is: a straight line on what the network predicts of a soil.

    A regressor from reflectance (n_samples, n_bands). What features do better than this is
    more than the property that the network was taught.
    """
    return make_pipeline(FunctionTransformer(network.predict), LinearRegression())
