"""A network predicts in units and is safe on disk."""

import numpy as np
import pytest
import torch

from soilpb._files import load_card
from soilpb.models import storage
from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig

from .conftest import WAVELENGTHS, simulate


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 80 soils, and the depth of an absorption in it as their pH."""
    X, depth = simulate(80, seed=3)
    return X, 4 + 8 * depth


def test_a_property_is_predicted_in_its_units(source, soils):
    """A trained network gives back pH on the pH scale for soils that it has not seen."""
    assert np.abs(source.predict(soils[0])[:, 0] - soils[1]).mean() < 0.3


def test_scales_come_from_the_training_rows(soils):
    """What the network sees of its training rows has mean 0 and at most unit spread in each band."""
    fitted = SpectralNetwork.fit(*soils, WAVELENGTHS, ["pH"], training=TrainingConfig(epochs=0))
    inputs = fitted.prepare(soils[0])
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-4)
    assert inputs.std(axis=0).max() == pytest.approx(1, abs=1e-4)
    assert fitted.output_scale() == pytest.approx((soils[1].mean(), soils[1].std()))


def test_a_network_is_saved_and_read_back_bit_equal(soils, source, tmp_path):
    """What is loaded predicts the same bits, and its card says what was asked of it."""
    source.save(tmp_path, source="twin", r2=0.9, architecture="mine")  # what it is cannot be overwritten
    loaded = SpectralNetwork.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(soils[0]), source.predict(soils[0]))
    np.testing.assert_array_equal(loaded.embed(soils[0]), source.embed(soils[0]))
    assert (loaded.properties, loaded.history, loaded.training) == (("pH",), source.history, source.training)
    card = load_card(tmp_path / "card.json")
    assert (card["source"], card["r2"], card["parameters"]) == ("twin", 0.9, source.n_parameters)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card, arrays: card["architecture"].update(n_bands=10**9), "do not have the network's shapes"),
        (lambda card, arrays: card["architecture"].update(channels=[10**6] * 3), "the network's shapes"),
        (lambda card, arrays: card["architecture"].update(channels=[1] * 10**5), "16 residual blocks"),
        (lambda card, arrays: card.update(wavelengths=card["wavelengths"][:9]), "the network's shapes"),
        (lambda card, arrays: card.update(wavelengths=card["wavelengths"][::-1]), "they should ascend"),
        (lambda card, arrays: card.pop("properties"), "card.json, properties: Field required"),
        (lambda card, arrays: arrays.pop("network.head.bias"), "the network's shapes"),
        (lambda card, arrays: arrays.update({"network.head.bias": np.array([np.nan])}), "is not finite"),
    ],
)
def test_an_altered_network_is_refused(source, tmp_path, change, message):
    """Even with new checksums: by schema and shapes, before anything is allocated."""
    card, arrays = (source.__getstate__()[part] for part in ("card", "arrays"))
    change(card, arrays)
    storage.save_fitted(tmp_path, arrays, card)
    with pytest.raises(ValueError, match=f"cannot be used: .*{message}.*; make it again") as caught:
        SpectralNetwork.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_random_control_knows_the_source_spectra_but_no_property(soils, source):
    """The untrained control shares the trained network's input scale and initial weights' seed only."""
    config, (X, pH) = source.network.config, soils
    control = SpectralNetwork.random(X, WAVELENGTHS, config=config)
    untrained = SpectralNetwork.fit(X, pH, WAVELENGTHS, ["pH"], config, TrainingConfig(epochs=0))
    np.testing.assert_array_equal(control.prepare(X), untrained.prepare(X))
    assert torch.equal(control.network.head.weight, untrained.network.head.weight)
    trained = SpectralNetwork.fit(X, pH, WAVELENGTHS, ["pH"], config, TrainingConfig(epochs=1))
    other = SpectralNetwork.random(X, WAVELENGTHS, config=config, seed=1)
    assert not any(np.allclose(control.embed(X), each.embed(X)) for each in (trained, other))


def test_several_properties_with_gaps_are_learnt_together(soils):
    """Properties missing in some soils are predicted for all, each in its own units."""
    X, pH = soils
    clay = 100 - 5 * pH
    Y = np.column_stack([np.where(np.arange(80) % 3, pH, np.nan), np.where(np.arange(80) % 2, clay, np.nan)])
    two = ResNetConfig(len(WAVELENGTHS), 2, stem_channels=4, stem_stride=2, channels=(6, 8))
    data, training = (X, Y, WAVELENGTHS, ["pH", "clay_pct"]), TrainingConfig(epochs=40, batch_size=16)
    network = SpectralNetwork.fit(*data, two, training, validation=(X[:9], Y[:9]))
    found = network.predict(X)
    assert np.corrcoef(found[:, 0], pH)[0, 1] > 0.8
    assert np.corrcoef(found[:, 1], clay)[0, 1] > 0.8
    assert np.abs(found[:, 1] - clay).mean() < 0.7 * clay.std()
    assert np.isfinite([row["validation_r2"] for row in network.history]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X[:, :-1], y), r"resample them to its grid"),
        (lambda X, y: (np.where(np.arange(80)[:, None] == 7, 0.3, X), y), "row 7 is flat"),
        (lambda X, y: (X, np.full(80, 6.5)), "pH has 80 values and does not vary"),
        (lambda X, y: (X, np.column_stack([y, y])), "2.* for 1 properties"),
        (lambda X, y: (X, y[:-1]), "80 spectra but 79 values"),
    ],
)
def test_what_cannot_be_learnt_is_refused(soils, change, message):
    """Wrong bands, flat spectra, constant properties and wrong shapes are errors that say so."""
    with pytest.raises(ValueError, match=message):
        SpectralNetwork.fit(*change(*soils), WAVELENGTHS, ["pH"], training=TrainingConfig(epochs=1))
    with pytest.raises(ValueError, match="config has 24 bands"):
        SpectralNetwork.random(soils[0], WAVELENGTHS, config=ResNetConfig(24))
