"""From a network that learned a source property to a target with few soils.

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
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.embedding import EmbeddingPLS
from soilpb.finetuning import RECIPES, Recipe, fine_tune
from soilpb.network import SpectralNetwork
from soilpb.resnet import ResNetConfig
from soilpb.training import TrainingConfig

STRATEGIES = (*RECIPES, "embedding_pls")


class DirectResNet(RegressorMixin, BaseEstimator):
    """The study's ResNet-Pb: the same network, trained on the target alone.

    What keeps 44,000 weights from memorising a hundred soils is few steps and much
    dropout: the head sees three features in ten. The defaults were chosen on real soils,
    clay and organic carbon of the five LimeSoDa fields.

    Parameters
    ----------
    epochs, batch_size, learning_rate, dropout, augment
        See :class:`~soilpb.training.TrainingConfig`; ``augment`` is gain and noise.
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
        Of the strategies that train (see :class:`~soilpb.training.TrainingConfig`).
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

    def fit(self, X: np.ndarray, y: np.ndarray) -> TransferRegressor:
        """Fit to reflectance (n_samples, n_bands) on the source's grid and target values (n_samples,)."""
        if self.strategy not in STRATEGIES:
            raise ValueError(f"strategy is {self.strategy!r}; expected one of {', '.join(STRATEGIES)}")
        X, y = validate_data(self, X, y, y_numeric=True, ensure_min_samples=2)
        if self.strategy == "embedding_pls":
            self.regressor_ = EmbeddingPLS(self.source, seed=self.seed).fit(X, y)
        else:
            training = TrainingConfig(
                epochs=self.epochs,
                batch_size=self.batch_size,
                augment_gain=self.augment,
                augment_noise=self.augment,
                seed=self.seed,
            )
            self.network_ = fine_tune(self.source, X, y, self._recipe(), training, self.dropout)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        check_is_fitted(self)
        if self.strategy == "embedding_pls":
            return self.regressor_.predict(X)
        return self.network_.predict(validate_data(self, X, reset=False))[:, 0]

    def _recipe(self) -> Recipe:
        recipe = RECIPES[self.strategy]
        if self.strategy == "partial":
            recipe = replace(recipe, blocks=self.trainable_blocks)
        if self.learning_rate is not None and recipe.learning_rate is not None:
            recipe = replace(recipe, learning_rate=self.learning_rate)
        return recipe
