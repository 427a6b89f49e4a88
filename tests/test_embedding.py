"""Features beside PLS scores: chosen on unseen rows, exact, and empty-handed where there is nothing."""

import copy

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score

from soilpb.models.network import SpectralNetwork
from soilpb.models.preprocessing import Scaling
from soilpb.models.resnet import ResNetConfig
from soilpb.models.transfer import ALPHAS, EmbeddingPLS, _ridge_path

WAVELENGTHS = np.arange(500.0, 900.0, 10.0)


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 120 soils, made of three absorptions, and the depths of these."""
    rng = np.random.default_rng(0)
    depths = rng.uniform(0.0, 0.4, (120, 3))
    bands = np.exp(-0.5 * ((WAVELENGTHS - np.array([[560], [680], [800]])) / 25) ** 2)
    return 10 ** -(0.4 + depths @ bands + rng.normal(0, 0.004, (120, 40))), depths


@pytest.fixture(scope="module")
def source(soils):
    config = ResNetConfig(40, stem_channels=4, channels=(6, 8))
    return SpectralNetwork.random(soils[0], WAVELENGTHS, config=config)


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
        r2.append(r2_score(y[80:], EmbeddingPLS(source, max_scores=6).fit(X[:80], y[:80]).predict(X[80:])))
    assert -0.2 < np.mean(r2) <= 0


def test_scores_help_where_the_features_know_nothing(source, soils):
    """With scores weighted to nothing, the target is predicted worse than with them."""
    X, depths = soils
    y = depths[:, 2]
    r2 = [
        r2_score(y[80:], EmbeddingPLS(source, score_weight=weight).fit(X[:80], y[:80]).predict(X[80:]))
        for weight in (0.0, 2.0)
    ]
    assert r2[1] > r2[0] + 0.02


def test_predictions_can_stand_in_for_features(source, soils):
    """Ridge then sees a column a property: units do not matter, and unknown views are refused."""
    X, depths = soils
    network = copy.copy(source)
    network.set_outputs(depths, ["a", "b", "c"])
    network.predict = lambda X: depths[-len(X) :] * [1.0, 10.0, 100.0]
    network.output_scaling = Scaling.learn(network.predict(X), floor=0.0)
    y = depths[:, 0] - 2 * depths[:, 1]
    model = EmbeddingPLS(network, score_weight=0.0, view="predictions").fit(X, y)
    assert r2_score(y, model.predict(X)) > 0.99
    with pytest.raises(ValueError, match="view is 'outputs'; expected one of features, predictions"):
        EmbeddingPLS(network, view="outputs").fit(X, y)


def test_the_path_is_ridge_for_every_penalty():
    """Predictions for all penalties at once are those of one ridge regression each."""
    rng = np.random.default_rng(0)
    A, B, y = rng.normal(size=(20, 30)), rng.normal(size=(6, 30)), rng.normal(5, 1, 20)
    found = _ridge_path(A, y, B)
    for column, alpha in enumerate(ALPHAS):
        np.testing.assert_allclose(found[:, column], Ridge(alpha).fit(A, y).predict(B), atol=1e-8)


def test_fewer_soils_than_folds_are_refused(source, soils):
    """Four soils for five inner folds are an error that gives both numbers."""
    with pytest.raises(ValueError, match=r"4 sample\(s\).* minimum of 5"):
        EmbeddingPLS(source).fit(soils[0][:4], soils[1][:4, 0])


def test_few_soils_still_fit(source, soils):
    """Eight soils are enough for a finite prediction: there are fewer scores to choose from."""
    model = EmbeddingPLS(source).fit(soils[0][:8], soils[1][:8, 0])
    assert model.n_scores_ <= 5
    assert np.isfinite(model.predict(soils[0])).all()
