"""Fine-tuning: a network for the target, made from the source's.

A :class:`Recipe` says what it starts from and which of its weights learn; the source
itself never changes, and all that is learned comes from the rows given.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn.linear_model import RidgeCV
from torch import nn

from soilpb.network import SpectralNetwork
from soilpb.preprocessing import Scaling
from soilpb.resnet import ResNet1d
from soilpb.training import TrainingConfig, freeze, reproducible

#: Penalties that ridge heads choose from, on standardised features.
ALPHAS = np.logspace(-1, 5, 19)


@dataclass(frozen=True)
class Recipe:
    """What a strategy starts from and what it trains.

    Parameters
    ----------
    probe : bool
        Start from a ridge head in closed form rather than a random one.
    blocks : int or None
        Last residual blocks that learn; None for all of them and the stem.
    learning_rate : float or None
        None trains nothing.
    frozen_norms : bool
        Keep every BatchNorm as the source left it, also beside convolutions that learn.
    """

    probe: bool
    blocks: int | None
    learning_rate: float | None
    frozen_norms: bool = False


RECIPES = {
    "head": Recipe(probe=False, blocks=0, learning_rate=1e-2),
    "partial": Recipe(probe=False, blocks=1, learning_rate=3e-3),
    "full": Recipe(probe=False, blocks=None, learning_rate=3e-3),
    "lp_ft": Recipe(probe=True, blocks=None, learning_rate=3e-4, frozen_norms=True),
    "embedding_ridge": Recipe(probe=True, blocks=0, learning_rate=None),
}


def fine_tune(
    source: SpectralNetwork,
    X: np.ndarray,
    y: np.ndarray,
    recipe: Recipe,
    training: TrainingConfig,
    dropout: float,
) -> SpectralNetwork:
    """Make a network for the target from the source's, on the rows given.

    Parameters
    ----------
    source : SpectralNetwork
        Not changed. Its input scales are kept: features mean what they meant.
    X : (n_samples, n_bands) array
        Reflectance on the source's grid.
    y : (n_samples,) array
    recipe : Recipe
    training : TrainingConfig
        Its learning rate is the recipe's.
    dropout : float
        Of the new head's features.
    """
    tuned = _with_new_head(source, y, dropout, training.seed)
    if recipe.probe:
        _probe(tuned, X, y)
    if recipe.learning_rate is None:
        return tuned
    network = tuned.network
    if recipe.blocks is not None:
        if not 0 <= recipe.blocks <= len(network.blocks):
            raise ValueError(f"{recipe.blocks} blocks cannot learn: the network has {len(network.blocks)}")
        freeze(network.stem, *network.blocks[: len(network.blocks) - recipe.blocks])
    if recipe.frozen_norms:
        freeze(*(module for module in network.modules() if isinstance(module, nn.BatchNorm2d)))
    tuned.train(X, y, replace(training, learning_rate=recipe.learning_rate))
    network.requires_grad_(True)
    return tuned


def _with_new_head(source: SpectralNetwork, y: np.ndarray, dropout: float, seed: int) -> SpectralNetwork:
    """Copy of the source's stem, blocks and input scales, with one fresh output."""
    with reproducible(seed):
        network = ResNet1d(replace(source.network.config, n_outputs=1, dropout=dropout)).eval()
    network.stem.load_state_dict(source.network.stem.state_dict())
    network.blocks.load_state_dict(source.network.blocks.state_dict())
    tuned = copy.copy(source)
    tuned.network, tuned.history, tuned.training = network, [], None
    tuned.set_outputs(y, ["target"])
    return tuned


def _probe(tuned: SpectralNetwork, X: np.ndarray, y: np.ndarray) -> None:
    """Put a ridge regression on the features into the head; leave-one-out chooses its penalty."""
    features = tuned.embed(X)
    scaling, (mean, sd) = Scaling.learn(features), tuned.output_scale()
    ridge = RidgeCV(ALPHAS).fit(scaling.apply(features), (y - mean) / sd)
    weights = ridge.coef_ / scaling.sd
    bias = ridge.intercept_ - weights @ scaling.mean
    with torch.no_grad():
        tuned.network.head.weight.copy_(torch.from_numpy(weights)[None])
        tuned.network.head.bias.fill_(float(bias))
