"""Transfer learns what a strategy names; PLS scores beside features are chosen on unseen rows."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score

from soilpb.models import EmbeddingPLS, NetworkRegressor, TrainingConfig, property_line, transfer
from soilpb.models.preprocessing import Scaling
from soilpb.models.transfer import (
    ALPHAS,
    STRATEGIES,
    describe_strategies,
    fine_tune,
)

from .conftest import WAVELENGTHS, simulate

TUNING = TrainingConfig(epochs=3, batch_size=16, seed=2)


@pytest.fixture(scope="module")
def fitted(source, site):
    """Every strategy, fitted to the site."""
    models = {name: NetworkRegressor(source, name, epochs=1) for name in STRATEGIES}
    return {name: m.fit(*site) for name, m in (models | {"embedding_pls": EmbeddingPLS(source)}).items()}


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 120 soils, made of three absorptions, and the depths of these."""
    rng = np.random.default_rng(0)
    depths = rng.uniform(0.0, 0.4, (120, 3))
    bands = np.exp(-0.5 * ((WAVELENGTHS - np.array([[560], [680], [800]])) / 25) ** 2)
    return 10 ** -(0.4 + depths @ bands + rng.normal(0, 0.004, (120, 40))), depths


def test_what_cannot_be_transferred_is_refused(source, site):
    """Other bands than the source's are an error that says how to mend it, as is a misspelt strategy."""
    for model in (*(NetworkRegressor(source, name) for name in STRATEGIES), EmbeddingPLS(source)):
        with pytest.raises(ValueError, match="500–890 nm: resample"):
            model.fit(site[0][:, :30], site[1])
    with pytest.raises(ValueError, match="'ridge'; expected one of head, partial, full"):
        NetworkRegressor(source, "ridge").fit(*site)


@pytest.mark.parametrize("strategy", [*STRATEGIES, "embedding_pls"])
def test_a_related_target_is_transferred(strategy, source, site):
    """A target that the source's property determines is predicted in unseen site."""
    model = EmbeddingPLS(source)
    if strategy in STRATEGIES:
        model = NetworkRegressor(source, strategy, epochs=20, batch_size=8)
    X, depth = simulate(60, seed=2)
    assert r2_score(20 + 40 * depth, model.fit(*site).predict(X)) > 0.7


def test_the_direct_network_learns(site):
    """Without a source the same network learns a plain target from fifty site."""
    X, depth = simulate(60, seed=2)
    model = NetworkRegressor(epochs=40, batch_size=16)
    assert r2_score(20 + 40 * depth, model.fit(*site).predict(X)) > 0.7
    assert len(model.network_.history) == 40


def test_seeds_matter_only_where_something_is_random(source, site):
    """Another seed gives another fine-tuned network, and the same ridge in closed form."""
    predicted = {
        (strategy, seed): NetworkRegressor(source, strategy, epochs=1, seed=seed).fit(*site).predict(site[0])
        for strategy in ("full", "embedding_ridge")
        for seed in (0, 1)
    }
    assert not np.allclose(predicted["full", 0], predicted["full", 1])
    np.testing.assert_array_equal(predicted["embedding_ridge", 0], predicted["embedding_ridge", 1])


def test_weights_that_learn_are_counted(fitted):
    """A head alone, a head and scores, the last block, all but BatchNorm, everything."""
    table = describe_strategies(fitted)
    count = table.set_index("model")["weights"]
    network = fitted["full"].network_
    head = sum(p.numel() for p in network.network.head.parameters())
    norms = sum(p.numel() for name, p in network.network.named_parameters() if p.ndim == 1) - 1
    assert count["head"] == count["embedding_ridge"] == head
    assert count["embedding_pls"] == head + fitted["embedding_pls"].n_scores_
    assert head < count["partial"] < count["lp_ft"]
    assert count["lp_ft"] == pytest.approx(network.n_parameters - norms, rel=0.01)
    assert count["full"] == pytest.approx(network.n_parameters, rel=0.01)
    assert list(table["model"]) == list(fitted)


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
    """Eight soils are enough: there are fewer scores to choose from. Four, for five folds, are refused."""
    model = EmbeddingPLS(source).fit(soils[0][:8], soils[1][:8, 0])
    assert model.n_scores_ <= 5
    assert np.isfinite(model.predict(soils[0])).all()
    with pytest.raises(ValueError, match=r"4 sample\(s\).* minimum of 5"):
        EmbeddingPLS(source).fit(soils[0][:4], soils[1][:4, 0])


def moved(source, tuned):
    """Names of the tensors of stem and blocks that differ by a bit from the source's."""
    before = source.network.state_dict()
    return {
        name
        for name, value in tuned.network.state_dict().items()
        if not name.startswith("head") and not torch.equal(value, before[name])
    }


@pytest.mark.parametrize("name", STRATEGIES)
def test_the_source_is_left_as_it_was(name, source, site):
    """No recipe changes a bit of the source, and no weight stays frozen for whoever comes next."""
    before = {key: value.clone() for key, value in source.network.state_dict().items()}
    scale, history = source.output_scale(), list(source.history)
    tuned = fine_tune(source, *site, STRATEGIES[name], TUNING, 0.5)
    after = source.network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert (source.output_scale(), source.history, source.properties) == (scale, history, ("pH",))
    assert all(parameter.requires_grad for parameter in tuned.network.parameters())
    np.testing.assert_array_equal(tuned.prepare(site[0]), source.prepare(site[0]))


@pytest.mark.parametrize("name", ["head", "embedding_ridge", "full", "lp_ft"])
def test_a_strategy_moves_what_it_says_and_leaves_the_rest_bit_equal(name, source, site):
    """A head alone moves nothing of stem and blocks, full everything, LP-FT all but BatchNorm."""
    moves = {"head": (), "embedding_ridge": (), "lp_ft": (4,)}.get(name, (0, 1, 4))  # dimensions of tensors
    tuned = fine_tune(source, *site, STRATEGIES[name], TUNING, 0.5)
    tensors = source.network.state_dict().items()
    assert moved(source, tuned) == {n for n, t in tensors if t.ndim in moves and not n.startswith("head")}


def test_partial_moves_the_last_blocks_only(source, site):
    """With one block the stem and the first block stay bit-equal; with two only the stem does."""
    one = moved(source, fine_tune(source, *site, STRATEGIES["partial"], TUNING, 0.5))
    assert {name.split(".")[0] + name.split(".")[1] for name in one} == {"blocks1"}
    assert "blocks.1.norm1.running_var" in one
    two = moved(
        source,
        fine_tune(source, *site, replace(STRATEGIES["partial"], blocks=2), TUNING, 0.5),
    )
    assert {name.split(".")[1] for name in two} == {"0", "1"}
    assert not [name for name in two if name.startswith("stem")]


def test_the_ridge_head_is_the_ridge(source):
    """The folded head predicts what ridge on the standardised features predicts, for new soils too."""
    X, depth = simulate(60, seed=2)
    y = 20 + 40 * depth
    tuned = fine_tune(source, X[:40], y[:40], STRATEGIES["embedding_ridge"], TUNING, 0.5)
    features = source.embed(X)
    scaling = Scaling.learn(features[:40])
    ridge = RidgeCV(ALPHAS).fit(scaling.apply(features[:40]), (y[:40] - y[:40].mean()) / y[:40].std())
    expected = ridge.predict(scaling.apply(features)) * y[:40].std() + y[:40].mean()
    np.testing.assert_allclose(tuned.predict(X)[:, 0], expected, atol=1e-4 * y.std())
    assert np.corrcoef(expected[40:], y[40:])[0, 1] > 0.8


def test_lp_ft_starts_from_the_ridge_head(source, site):
    """LP-FT without a step is embedding and ridge."""
    still = replace(TUNING, epochs=0)
    probed = fine_tune(source, *site, STRATEGIES["lp_ft"], still, 0.5)
    ridge = fine_tune(source, *site, STRATEGIES["embedding_ridge"], TUNING, 0.5)
    np.testing.assert_array_equal(probed.predict(site[0]), ridge.predict(site[0]))
