"""Transfer learns what a strategy names; PLS scores beside features are chosen on unseen rows."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import r2_score

from soilpb.models import (
    DirectResNet,
    EmbeddingPLS,
    TransferRegressor,
    describe_strategies,
    property_line,
    transfer,
)
from soilpb.models.transfer import STRATEGIES, count_learned_weights

from .conftest import WAVELENGTHS, simulate


@pytest.fixture(scope="module")
def fitted(source, site):
    """Every strategy, fitted to the site."""
    return {name: TransferRegressor(source, name, epochs=1).fit(*site) for name in STRATEGIES}


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 120 soils, made of three absorptions, and the depths of these."""
    rng = np.random.default_rng(0)
    depths = rng.uniform(0.0, 0.4, (120, 3))
    bands = np.exp(-0.5 * ((WAVELENGTHS - np.array([[560], [680], [800]])) / 25) ** 2)
    return 10 ** -(0.4 + depths @ bands + rng.normal(0, 0.004, (120, 40))), depths


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_target_off_the_sources_grid_is_refused(strategy, source, site):
    """A target with other bands than the source is an error that says how to mend it."""
    with pytest.raises(ValueError, match="500–890 nm: resample"):
        TransferRegressor(source, strategy).fit(site[0][:, :30], site[1])


def test_an_unknown_strategy_is_refused(source, site):
    """A misspelt strategy is an error that lists the known ones."""
    with pytest.raises(ValueError, match="'ridge'; expected one of head, partial, full"):
        TransferRegressor(source, "ridge").fit(*site)


@pytest.mark.parametrize("strategy", ["head", "partial", "full", "lp_ft", "embedding_ridge", "embedding_pls"])
def test_a_related_target_is_transferred(strategy, source, site):
    """A target that the source's property determines is predicted in unseen site."""
    model = TransferRegressor(source, strategy, epochs=20, batch_size=8)
    X, depth = simulate(60, seed=2)
    assert r2_score(20 + 40 * depth, model.fit(*site).predict(X)) > 0.7


def test_the_direct_network_learns(site):
    """Without a source the same network learns a plain target from fifty site."""
    X, depth = simulate(60, seed=2)
    model = DirectResNet(epochs=40, batch_size=16)
    assert r2_score(20 + 40 * depth, model.fit(*site).predict(X)) > 0.7
    assert len(model.network_.history) == 40


def test_seeds_matter_only_where_something_is_random(source, site):
    """Another seed gives another fine-tuned network, and the same ridge in closed form."""
    predicted = {
        (strategy, seed): TransferRegressor(source, strategy, epochs=1, seed=seed).fit(*site).predict(site[0])
        for strategy in ("full", "embedding_ridge")
        for seed in (0, 1)
    }
    assert not np.allclose(predicted["full", 0], predicted["full", 1])
    np.testing.assert_array_equal(predicted["embedding_ridge", 0], predicted["embedding_ridge", 1])


def test_weights_that_learn_are_counted(fitted):
    """A head alone, a head and scores, the last block, all but BatchNorm, everything."""
    count = {name: count_learned_weights(model) for name, model in fitted.items()}
    network = fitted["full"].network_
    head = sum(p.numel() for p in network.network.head.parameters())
    norms = sum(p.numel() for name, p in network.network.named_parameters() if p.ndim == 1) - 1
    assert count["head"] == count["embedding_ridge"] == head
    assert count["embedding_pls"] == head + fitted["embedding_pls"].regressor_.n_scores_
    assert head < count["partial"] < count["lp_ft"]
    assert count["lp_ft"] == pytest.approx(network.n_parameters - norms, rel=0.01)
    assert count["full"] == pytest.approx(network.n_parameters, rel=0.01)
    table = describe_strategies(fitted)
    assert list(table["model"]) == list(STRATEGIES)
    assert list(table["weights"]) == list(count.values())


def test_the_property_line_is_a_straight_line(source, site):
    """Its predictions are a linear function of the network's, and clones share nothing."""
    X, y = site
    control = property_line(source)
    predicted = clone(control).fit(X, y).predict(X)
    assert abs(np.corrcoef(predicted, source.predict(X)[:, 0])[0, 1]) == pytest.approx(1)
    assert not hasattr(control[-1], "coef_")


def test_a_linear_target_is_found_in_unseen_soils(source, soils):
    """The depths of two absorptions are predicted for soils that took no part in the fit."""
    X, depths = soils
    y = depths[:, 0] - 2 * depths[:, 1]
    model = EmbeddingPLS(source).fit(X[:80], y[:80])
    assert r2_score(y[80:], model.predict(X[80:])) > 0.95
    assert model.n_scores_ >= 2


def test_of_noise_nothing_is_learnt(source, soils):
    """Over ten targets of pure noise, unseen rows are given little but the mean."""
    X, rng = soils[0], np.random.default_rng(3)
    r2 = []
    for y in rng.normal(10, 1, (10, 120)):
        r2.append(r2_score(y[80:], EmbeddingPLS(source).fit(X[:80], y[:80]).predict(X[80:])))
    assert -0.2 < np.mean(r2) <= 0


def test_scores_help_where_the_features_know_nothing(source, soils, monkeypatch):
    """With scores weighted to nothing, the target is predicted worse than with them."""
    X, y = soils[0], soils[1][:, 2]
    r2 = []
    for weight in (0.0, transfer.SCORE_WEIGHT):
        monkeypatch.setattr(transfer, "SCORE_WEIGHT", weight)
        r2.append(r2_score(y[80:], EmbeddingPLS(source).fit(X[:80], y[:80]).predict(X[80:])))
    assert r2[1] > r2[0] + 0.02


def test_few_soils_still_fit(source, soils):
    """Eight soils are enough for a finite prediction: there are fewer scores to choose from."""
    model = EmbeddingPLS(source).fit(soils[0][:8], soils[1][:8, 0])
    assert model.n_scores_ <= 5
    assert np.isfinite(model.predict(soils[0])).all()


def test_fewer_soils_than_folds_are_refused(source, soils):
    """Four soils for five inner folds are an error that gives both numbers."""
    with pytest.raises(ValueError, match=r"4 sample\(s\).* minimum of 5"):
        EmbeddingPLS(source).fit(soils[0][:4], soils[1][:4, 0])
