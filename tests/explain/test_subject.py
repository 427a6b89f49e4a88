"""A network sits for explanation: predictions keep their units, unknown bands are averaged over."""

import numpy as np
import pytest

from soilpb.explain.network_attribution import ExplainableNetwork
from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNetConfig

WAVELENGTHS = np.arange(400.0, 2500.0, 50.0)


@pytest.fixture(scope="module")
def spectra():
    """Smooth reflectance of 20 soils, (20, 42)."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.outer(rng.uniform(1, 6, 20), WAVELENGTHS / 800) + rng.uniform(0, 6, (20, 1)))
    return (0.3 + 0.1 * waves).astype(np.float32)


@pytest.fixture(scope="module")
def network(spectra):
    """Untrained network of two properties on a laboratory's scales."""
    config = ResNetConfig(len(WAVELENGTHS), n_outputs=2, stem_channels=8, channels=(8, 8))
    network = SpectralNetwork.random(spectra, WAVELENGTHS, ("pH", "ln Pb"), config)
    network.set_outputs(np.random.default_rng(1).normal([6, 5.8], [1, 0.6], (20, 2)), ("pH", "ln Pb"))
    return network


@pytest.mark.parametrize("output", [0, 1])
def test_predictions_are_those_of_the_network_in_its_units(network, spectra, output):
    """The copy answers what the network answers, for the output that was asked for."""
    subject = ExplainableNetwork.prepare(network, spectra[:5], spectra[5:], output)
    np.testing.assert_allclose(
        subject.predict(subject.inputs), network.predict(spectra[:5])[:, output], rtol=1e-5
    )


def test_all_bands_known_is_the_prediction_and_none_is_the_background(network, spectra):
    """Knowing every band gives each soil's prediction; knowing none, the background's mean."""
    subject = ExplainableNetwork.prepare(network, spectra[:5], spectra[5:])
    everything, nothing = np.ones(len(WAVELENGTHS), bool), np.zeros(len(WAVELENGTHS), bool)
    np.testing.assert_allclose(subject.expect(everything), subject.predict(subject.inputs), rtol=1e-5)
    np.testing.assert_allclose(subject.expect(nothing), subject.predict(subject.background).mean(), rtol=1e-5)


def test_a_background_of_one_spectrum_is_refused(network, spectra):
    """One spectrum says nothing about what is usual."""
    with pytest.raises(ValueError, match="holds 1 spectra; at least 2"):
        ExplainableNetwork.prepare(network, spectra[:5], spectra[5:6])
