"""A model that was frozen, stored and thawed predicts what the fitted one predicts, or is refused."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline

from soilpb import _files
from soilpb.models import baselines
from soilpb.models.network import SpectralNetwork
from soilpb.models.preprocessing import Scaling, snv_pipeline
from soilpb.models.transfer import EmbeddingPLS
from soilpb.old.frozen import VIEWS, CannotFreeze, freeze, thaw
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 20)
#: One of each kind of estimator, and the kind it is frozen to.
KINDS = {
    **{"pls": "linear", "pls-any": "linear", "ridge": "linear", "blocks": "linear", "gpr": "process"},
    **{"average": "sum", "stack": "sum", "resnet": "network", "resnet-ph": "network", "head": "network"},
    **{"lp-ft": "network", "features-ridge": "network", "features-pls": "sum"},
}


@pytest.fixture(scope="module")
def site():
    soils = twin.simulate_target(60, seed=1, grid=GRID)
    return soils.reflectance.astype(float), np.log(soils.values("Pb_mg_kg"))


@pytest.fixture(scope="module")
def new():
    """Soils of another place: a frozen model must hold where it was not fitted."""
    return twin.simulate_target(40, seed=2, grid=GRID, shift=1.0).reflectance.astype(float)


@pytest.fixture(scope="module")
def source(site):
    """A network of two properties with scales of their own."""
    network = SpectralNetwork.random(site[0], GRID, ("pH", "clay"), seed=3)
    network.output_scaling = Scaling(np.array([6.0, 30.0]), np.array([0.7, 12.0]))
    return network


def through_files(frozen, folder):
    """The model as it comes back from a file of arrays and one of JSON."""
    _files.save_tensors(folder / "arrays.safetensors", frozen.arrays())
    _files.save_card(folder / "settings.json", frozen.settings())
    settings = json.loads((folder / "settings.json").read_text())
    return thaw(_files.load_tensors(folder / "arrays.safetensors"), settings)


@pytest.mark.parametrize("key", KINDS)
def test_a_thawed_model_predicts_what_was_fitted(key, site, new, source, tmp_path):
    """To a millionth, for every kind of model; and bit for bit what was frozen."""
    one_property = SpectralNetwork.random(site[0], GRID, ("pH",), seed=3)
    recipe = baselines.Recipe(one_property, 0, {"epochs": 2})
    model = baselines.MODELS[key].make(recipe).fit(*site)
    frozen = freeze(model, site[0])
    assert frozen.kind == KINDS[key]
    thawed = through_files(frozen, tmp_path)
    np.testing.assert_allclose(thawed.predict(new), np.ravel(model.predict(new)), rtol=1e-6)
    np.testing.assert_array_equal(thawed.predict(new), frozen.predict(new))


@pytest.mark.parametrize("view", ["features", "predictions"])
def test_either_view_of_a_network_beside_scores_is_kept(view, site, new, source, tmp_path):
    """Whether features or predictions stand beside PLS scores, and whatever the network's units."""
    model = EmbeddingPLS(source, max_scores=5, view=view).fit(*site)
    thawed = through_files(freeze(model, site[0]), tmp_path)
    np.testing.assert_allclose(thawed.predict(new), model.predict(new), rtol=1e-6)


def test_a_target_in_other_units_is_kept_as_well(site, new, tmp_path):
    """A Gaussian process of a target with large mean and spread keeps both."""
    X, y = site
    model = baselines.gaussian_process().fit(X, 1000 + 50 * y)
    thawed = through_files(freeze(model, X), tmp_path)
    np.testing.assert_allclose(thawed.predict(new), model.predict(new), rtol=1e-6)


def test_weights_of_an_average_are_kept(site, new):
    """An average whose members count unequally stays so."""
    model = clone(baselines.average()).set_params(weights=[1, 0, 3]).fit(*site)
    np.testing.assert_allclose(freeze(model, site[0]).predict(new), model.predict(new), rtol=1e-6)


def test_an_unknown_estimator_is_refused(site):
    """Alone or as a member: what nobody said how to store is not stored."""
    X, y = site
    with pytest.raises(CannotFreeze, match="LinearRegression cannot be stored as arrays"):
        freeze(LinearRegression().fit(X, y), X)
    with pytest.raises(CannotFreeze, match="SVR|TransformedTargetRegressor"):
        freeze(baselines.svm().fit(X[:20], y[:20]), X)


def test_an_unknown_way_to_look_at_spectra_is_refused(site):
    """A ridge on spectra preprocessed twice is none of those that are known."""
    X, y = site
    odd = make_pipeline(snv_pipeline(), *baselines.ridge()[2:]).fit(X, y)
    assert freeze(odd, X).view == "snv"
    odd = make_pipeline(VIEWS["d1"](), VIEWS["raw"](), *baselines.ridge()[2:])
    with pytest.raises(CannotFreeze, match="none of the ways known: raw, snv, d1, four"):
        freeze(odd.fit(X, y), X)


def test_what_predicts_something_else_is_refused(site):
    """An estimator that was changed after its fit, so that its parts tell another story, is caught."""
    X, y = site
    model = baselines.average().fit(X, y)
    model.predict = lambda spectra: np.full(len(spectra), 7.0)
    with pytest.raises(CannotFreeze, match="frozen, VotingRegressor predicts .*, not 7"):
        freeze(model, X)
