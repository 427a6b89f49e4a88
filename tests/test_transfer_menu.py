"""The menu counts what fitted strategies learned."""

import numpy as np
import pytest
from sklearn.base import clone

from soilpb.models.network import SpectralNetwork
from soilpb.models.transfer import (
    STRATEGIES,
    TransferRegressor,
    count_changed_weights,
    count_learned_weights,
    describe_strategies,
    property_line,
)

WAVELENGTHS = np.arange(400.0, 1000.0, 10.0)


@pytest.fixture(scope="module")
def fitted():
    """Every strategy, fitted to twenty spectra from an untrained network."""
    rng = np.random.default_rng(0)
    X = rng.uniform(0.1, 0.6, (20, WAVELENGTHS.size)).astype(np.float32)
    source = SpectralNetwork.random(X, WAVELENGTHS, seed=1)
    y = -np.log(X[:, 30])
    return {s: TransferRegressor(source, s, epochs=1).fit(X, y) for s in STRATEGIES}


def test_what_is_frozen_is_not_counted(fitted):
    """Strategies that keep the features learn as many weights as the head has, and no more."""
    head = sum(p.numel() for p in fitted["head"].network_.network.head.parameters())
    assert count_learned_weights(fitted["head"]) == count_learned_weights(fitted["embedding_ridge"]) == head
    scores = fitted["embedding_pls"].regressor_.n_scores_
    assert count_learned_weights(fitted["embedding_pls"]) == head + scores


def test_partial_learns_less_than_full_and_full_learns_everything(fitted):
    """The count grows from the head over the last block to the whole network."""
    total = fitted["full"].network_.n_parameters
    assert count_learned_weights(fitted["head"]) < count_learned_weights(fitted["partial"]) < total
    assert count_learned_weights(fitted["full"]) == pytest.approx(total, rel=0.001)


def test_lp_ft_leaves_batch_normalisation_alone(fitted):
    """Every weight learns but those of BatchNorm."""
    network = fitted["lp_ft"].network_.network
    norms = sum(p.numel() for name, p in network.named_parameters() if p.ndim == 1 and "head" not in name)
    total = fitted["lp_ft"].network_.n_parameters
    assert count_learned_weights(fitted["lp_ft"]) == pytest.approx(total - norms, rel=0.001)


def test_an_unchanged_network_has_only_its_head(fitted):
    """Compared with itself, a network learned nothing but its head."""
    source = fitted["head"].source
    head = sum(p.numel() for p in source.network.head.parameters())
    assert count_changed_weights(source, source) == head


def test_the_menu_has_a_row_for_every_strategy(fitted):
    """No strategy lacks its description."""
    table = describe_strategies(fitted)
    assert list(table["model"]) == list(STRATEGIES)
    assert table.notna().all(axis=None)


def test_the_property_alone_is_a_straight_line(fitted):
    """Its predictions are a linear function of the network's, and clones share nothing."""
    X = np.random.default_rng(1).uniform(0.1, 0.6, (20, WAVELENGTHS.size)).astype(np.float32)
    source = fitted["head"].source
    control = property_line(source)
    predicted = clone(control).fit(X, X[:, 3]).predict(X)
    assert abs(np.corrcoef(predicted, source.predict(X)[:, 0])[0, 1]) == pytest.approx(1)
    assert not hasattr(control[-1], "coef_")
