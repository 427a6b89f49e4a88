"""A network predicts in units and is safe on disk."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from soilpb._files import load_card
from soilpb.models import storage
from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig

WAVELENGTHS = np.arange(500.0, 800.0, 10.0)
SMALL = ResNetConfig(n_bands=30, stem_channels=4, stem_stride=2, channels=(6, 8))
QUICK = TrainingConfig(epochs=2, batch_size=32)


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 80 soils, and the depth of an absorption at 650 nm in it as their pH."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.0, 0.5, 80)
    band = np.exp(-0.5 * ((WAVELENGTHS - 650) / 25) ** 2)
    slope = rng.uniform(0.2, 0.6, 80)[:, None] * np.linspace(1, 0.4, 30)
    return 10 ** -(slope + depth[:, None] * band + 0.2), 4 + 8 * depth


@pytest.fixture(scope="module")
def fitted(soils):
    return SpectralNetwork.fit(*soils, WAVELENGTHS, ["pH"], SMALL, QUICK)


def test_a_property_is_predicted_in_its_units():
    """A trained network gives back pH on the pH scale for soils that it has not seen."""
    rng = np.random.default_rng(1)
    depth = rng.uniform(0.0, 0.5, 160)
    absorbance = (
        0.3 + np.linspace(0, 0.3, 30) + depth[:, None] * np.exp(-0.5 * ((WAVELENGTHS - 650) / 25) ** 2)
    )
    X, pH = 10**-absorbance, 4 + 8 * depth
    training = TrainingConfig(epochs=30, batch_size=16)
    network = SpectralNetwork.fit(X[:120], pH[:120], WAVELENGTHS, ["pH"], SMALL, training)
    assert np.abs(network.predict(X[120:])[:, 0] - pH[120:]).mean() < 0.3


def test_scales_come_from_the_training_rows(soils, fitted):
    """What the network sees of its training rows has mean 0 and at most unit spread in each band."""
    inputs = fitted.prepare(soils[0])
    assert inputs.dtype == np.float32
    np.testing.assert_allclose(inputs.mean(axis=0), 0, atol=1e-4)
    assert inputs.std(axis=0).max() == pytest.approx(1, abs=1e-4)
    assert fitted.output_scale() == pytest.approx((soils[1].mean(), soils[1].std()))


def test_scale_and_offset_of_absorbance_do_not_matter(soils, fitted):
    """A spectrum and the same one with its absorbance scaled and shifted get one prediction."""
    shifted = 10 ** (1.3 * np.log10(soils[0]) - 0.05)
    np.testing.assert_allclose(fitted.predict(shifted), fitted.predict(soils[0]), atol=1e-4)


def test_a_network_is_saved_and_read_back_bit_equal(soils, fitted, tmp_path):
    """What is loaded predicts the same bits, and its card says what was asked of it."""
    fitted.save(tmp_path, source="twin", r2=0.9, architecture="mine")  # what it is cannot be overwritten
    loaded = SpectralNetwork.load(tmp_path)
    np.testing.assert_array_equal(loaded.predict(soils[0]), fitted.predict(soils[0]))
    np.testing.assert_array_equal(loaded.embed(soils[0]), fitted.embed(soils[0]))
    assert (loaded.properties, loaded.history, loaded.training) == (("pH",), fitted.history, QUICK)
    card = load_card(tmp_path / "card.json")
    assert (card["source"], card["r2"], card["parameters"]) == ("twin", 0.9, fitted.n_parameters)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card, arrays: card["architecture"].update(n_bands=10**9), "do not have the network's shapes"),
        (lambda card, arrays: card["architecture"].update(channels=[10**6] * 3), "the network's shapes"),
        (
            lambda card, arrays: card["architecture"].update(channels=[1] * 10**5),
            "16 residual blocks",
        ),
        (lambda card, arrays: card.update(wavelengths=card["wavelengths"][:9]), "the network's shapes"),
        (lambda card, arrays: card.update(wavelengths=card["wavelengths"][::-1]), "they should ascend"),
        (lambda card, arrays: card.pop("properties"), "card.json, properties: Field required"),
        (lambda card, arrays: arrays.pop("network.head.bias"), "the network's shapes"),
        (lambda card, arrays: arrays.update({"network.head.bias": np.array([np.nan])}), "is not finite"),
    ],
)
def test_an_altered_network_is_refused(fitted, tmp_path, change, message):
    """Even with new checksums: by schema and shapes, before anything is allocated."""
    card, arrays = (fitted.__getstate__()[part] for part in ("card", "arrays"))
    change(card, arrays)
    storage.save_fitted(tmp_path, arrays, card)
    with pytest.raises(ValueError, match=f"cannot be used: .*{message}.*; make it again") as caught:
        SpectralNetwork.load(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_random_control_knows_the_source_spectra_but_no_property(soils, fitted):
    """The untrained control shares the fitted network's input scale and initial weights' seed only."""
    control = SpectralNetwork.random(soils[0], WAVELENGTHS, config=SMALL, seed=QUICK.seed)
    np.testing.assert_array_equal(control.prepare(soils[0]), fitted.prepare(soils[0]))
    untrained = SpectralNetwork.fit(*soils, WAVELENGTHS, ["pH"], SMALL, TrainingConfig(epochs=0))
    assert torch.equal(control.network.head.weight, untrained.network.head.weight)
    assert not np.allclose(control.embed(soils[0]), fitted.embed(soils[0]))
    other = SpectralNetwork.random(soils[0], WAVELENGTHS, config=SMALL, seed=1)
    assert not np.allclose(control.embed(soils[0]), other.embed(soils[0]))


def test_several_properties_with_gaps_are_learnt_together(soils):
    """Properties missing in some soils are predicted for all, each in its own units."""
    X, pH = soils
    clay = 100 - 5 * pH
    Y = np.column_stack([np.where(np.arange(80) % 3, pH, np.nan), np.where(np.arange(80) % 2, clay, np.nan)])
    two = replace(SMALL, n_outputs=2)
    training = TrainingConfig(epochs=40, batch_size=16)
    network = SpectralNetwork.fit(
        X, Y, WAVELENGTHS, ["pH", "clay_pct"], two, training, validation=(X[:9], Y[:9])
    )
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
        SpectralNetwork.fit(*change(*soils), WAVELENGTHS, ["pH"], training=QUICK)
    with pytest.raises(ValueError, match="config has 24 bands"):
        SpectralNetwork.random(soils[0], WAVELENGTHS, config=ResNetConfig(24))
