"""Transfer regressors are scikit-learn regressors that learn from the rows of ``fit`` and no others."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig
from soilpb.models.transfer import STRATEGIES, DirectResNet, TransferRegressor

WAVELENGTHS = np.arange(500.0, 900.0, 10.0)
BAND = np.exp(-0.5 * ((WAVELENGTHS - 700) / 30) ** 2)


def simulate(n, seed):
    """Reflectance of n soils, and the depth of one absorption in each."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.0, 0.5, n)
    slope = rng.uniform(0.28, 0.32, n)[:, None] * np.linspace(1, 0, 40)
    return 10 ** -(0.3 + slope + depth[:, None] * BAND + rng.normal(0, 0.003, (n, 40))), depth


@pytest.fixture(scope="module")
def source():
    """A network that learned the depth as pH, on 200 soils."""
    X, depth = simulate(200, seed=0)
    config = ResNetConfig(40, stem_channels=4, stem_stride=2, channels=(6, 8))
    training = TrainingConfig(epochs=20, batch_size=32)
    return SpectralNetwork.fit(X, 4 + 8 * depth, WAVELENGTHS, ["pH"], config, training)


@pytest.fixture(scope="module")
def soils():
    """Fifty target soils, whose lead follows the depth."""
    X, depth = simulate(50, seed=1)
    return X, 5 + 2 * depth


@pytest.fixture(params=[*STRATEGIES, "direct"])
def model(request, source):
    """Every strategy, and the direct network, at few epochs."""
    if request.param == "direct":
        return DirectResNet(epochs=2, batch_size=16)
    return TransferRegressor(source, request.param, epochs=2, batch_size=16)


def test_a_clone_is_the_same_model(model, soils):
    """Clones have equal parameters and, fitted alike, predict equal bits."""
    twin = clone(model)
    assert twin.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(model.fit(*soils).predict(soils[0]), twin.fit(*soils).predict(soils[0]))


def test_test_rows_change_nothing_that_is_learned(model, soils):
    """Other spectra and values in the test rows leave every prediction outside them bit-equal."""
    X, y = soils
    train, test = np.arange(35), np.arange(35, 50)
    other, values = X.copy(), y.copy()
    other[test], values[test] = X[test][::-1] ** 1.5, -100.0
    before = clone(model).fit(X[train], y[train])
    after = clone(model).fit(other[train], values[train])
    np.testing.assert_array_equal(before.predict(X[train]), after.predict(other[train]))
    together = np.vstack([X[train], other[test]])
    np.testing.assert_allclose(after.predict(together)[:35], before.predict(X[train]), atol=1e-5)


def test_inputs_are_left_alone(model, soils):
    """Fitting and predicting write neither into spectra nor into values."""
    X, y = soils[0].copy(), soils[1].copy()
    model.fit(X, y).predict(X)
    np.testing.assert_array_equal(X, soils[0])
    np.testing.assert_array_equal(y, soils[1])


def test_other_bands_are_refused(model, soils):
    """Spectra on another grid than the fitted one are an error that gives both numbers."""
    model.fit(*soils)
    with pytest.raises(ValueError, match="39 features.* expecting 40"):
        model.predict(soils[0][:, 1:])


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_target_off_the_sources_grid_is_refused(strategy, source, soils):
    """A target with other bands than the source is an error that says how to mend it."""
    with pytest.raises(ValueError, match="500–890 nm: resample"):
        TransferRegressor(source, strategy).fit(soils[0][:, :30], soils[1])


def test_an_unknown_strategy_is_refused(source, soils):
    """A misspelt strategy is an error that lists the known ones."""
    with pytest.raises(ValueError, match="'ridge'; expected one of head, partial, full"):
        TransferRegressor(source, "ridge").fit(*soils)


@pytest.mark.parametrize("strategy", ["head", "partial", "full", "lp_ft", "embedding_ridge", "embedding_pls"])
def test_a_related_target_is_transferred(strategy, source, soils):
    """A target that the source's property determines is predicted in unseen soils."""
    model = TransferRegressor(source, strategy, epochs=20, batch_size=8)
    X, depth = simulate(60, seed=2)
    assert r2_score(5 + 2 * depth, model.fit(*soils).predict(X)) > 0.7


def test_a_permuted_target_is_not_predicted(source, soils):
    """Out of fold, a shuffled target scores below 0 with features and ridge."""
    y = np.random.default_rng(0).permutation(soils[1])
    folds = KFold(5, shuffle=True, random_state=0)
    predicted = cross_val_predict(TransferRegressor(source), soils[0], y, cv=folds)
    assert r2_score(y, predicted) < 0.1


def test_the_direct_network_learns(soils):
    """Without a source the same network learns a plain target from fifty soils."""
    X, depth = simulate(60, seed=2)
    model = DirectResNet(epochs=40, batch_size=16, wavelengths=WAVELENGTHS)
    assert r2_score(5 + 2 * depth, model.fit(*soils).predict(X)) > 0.7
    np.testing.assert_array_equal(model.network_.wavelengths, WAVELENGTHS)
    assert len(model.network_.history) == 40


def test_seeds_matter_only_where_something_is_random(source, soils):
    """Another seed gives another fine-tuned network, and the same ridge in closed form."""
    predicted = {
        (strategy, seed): TransferRegressor(source, strategy, epochs=1, seed=seed)
        .fit(*soils)
        .predict(soils[0])
        for strategy in ("full", "embedding_ridge")
        for seed in (0, 1)
    }
    assert not np.allclose(predicted["full", 0], predicted["full", 1])
    np.testing.assert_array_equal(predicted["embedding_ridge", 0], predicted["embedding_ridge", 1])
