"""Credit adds up, two libraries agree on it, and explaining leaves the network alone."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from soilpb.explain.attribution import band_members
from soilpb.explain.network_attribution import (
    UnexplainableError,
    deep_lift_shap,
    deep_shap,
    integrated_gradients,
    owen_values,
)
from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import evaluate

WAVELENGTHS = np.arange(400.0, 2500.0, 50.0)
EDGES = np.array([400.0, 700.0, 1400.0, 2500.0])
EXPLAINERS = [
    deep_shap,
    deep_lift_shap,
    integrated_gradients,
    lambda network, X, background, output=0: owen_values(network, X, background, EDGES, output),
]
BY_NAME = pytest.mark.parametrize("explain", EXPLAINERS, ids=["deep", "captum", "integrated", "owen"])


@pytest.fixture(scope="module")
def spectra():
    """Smooth reflectance of 30 soils, (30, 42)."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.outer(rng.uniform(1, 6, 30), WAVELENGTHS / 800) + rng.uniform(0, 6, (30, 1)))
    return (0.3 + 0.1 * waves + 0.05 * WAVELENGTHS / 2500).astype(np.float32)


@pytest.fixture(scope="module")
def network(spectra):
    """Untrained network with two outputs whose scale is that of a laboratory."""
    config = ResNetConfig(len(WAVELENGTHS), n_outputs=2, stem_channels=8, channels=(8, 8))
    network = SpectralNetwork.random(spectra, WAVELENGTHS, ("pH", "ln Pb"), config)
    network.set_outputs(np.random.default_rng(1).normal([6, 5.8], [1, 0.6], (30, 2)), ("pH", "ln Pb"))
    with torch.no_grad():
        network.network.head.weight *= 5  # as spread as a trained head
    return network


@BY_NAME
def test_credit_adds_up_in_the_units_of_the_target(explain, network, spectra):
    """Over bands, credit sums to the prediction of that property minus its base, as rounding allows."""
    explained = explain(network, spectra[:12], spectra[12:20], output=1)
    predicted = network.predict(spectra[:12])[:, 1]
    np.testing.assert_allclose(explained.predicted, predicted, rtol=1e-5)
    sums = explained.attributions.sum(axis=1) + explained.base
    tolerance = 0.02 if explained.explainer == "IntegratedGradients" else 1e-4
    assert np.abs(sums - predicted).max() <= tolerance * predicted.std()


def test_base_is_the_mean_over_the_background(network, spectra):
    """What is not known is averaged over: the base is the background's mean prediction."""
    explained = deep_shap(network, spectra[:3], spectra[12:20])
    assert explained.base == pytest.approx(network.predict(spectra[12:20])[:, 0].mean(), rel=1e-5)


def test_two_libraries_agree(network, spectra):
    """DeepExplainer and DeepLiftShap rank credit alike: Spearman at least .999, and values too."""
    deep, captum = (
        f(network, spectra[:12], spectra[12:20]).attributions for f in (deep_shap, deep_lift_shap)
    )
    np.testing.assert_allclose(deep, captum, atol=1e-4 * np.abs(deep).max())


@BY_NAME
def test_explaining_leaves_the_network_bit_equal(explain, network, spectra):
    """State, mode and numpy's global generator are what they were."""
    before, random_state = copy.deepcopy(network.network.state_dict()), np.random.get_state()[1].copy()  # noqa: NPY002
    explain(network, spectra[:3], spectra[12:20])
    after = network.network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert np.array_equal(random_state, np.random.get_state()[1])  # noqa: NPY002


@BY_NAME
def test_the_same_call_gives_the_same_bits(explain, network, spectra):
    """Nothing random is left in an explanation."""
    first, second = (explain(network, spectra[:4], spectra[12:20]).attributions for _ in range(2))
    assert np.array_equal(first, second)


@pytest.mark.parametrize("explain", [deep_shap, deep_lift_shap])
def test_a_network_that_the_rules_do_not_fit_is_refused(explain, network, spectra):
    """A shared activation inside a spectral network stops the explainer before it explains."""
    spoilt = copy.deepcopy(network)
    for block in spoilt.network.blocks:
        block.relu2 = block.relu1
    with pytest.raises(UnexplainableError, match="called 2 times"):
        explain(spoilt, spectra[:3], spectra[12:20])


def test_credit_that_does_not_add_up_is_an_error(network, spectra):
    """An explanation that lost credit is never returned: without its rule, a product loses some."""

    class Squared(nn.Module):
        def forward(self, x):
            return x * x

    spoilt = copy.deepcopy(network)
    spoilt.network.head = nn.Sequential(spoilt.network.head, Squared())
    with pytest.raises(UnexplainableError, match="Squared 'head.1' has no rule"):
        deep_shap(spoilt, spectra[:3], spectra[12:20])
    explained = deep_shap(network, spectra[:3], spectra[12:20])
    explained.attributions[0, 0] += 0.01
    with pytest.raises(ArithmeticError, match="DeepExplainer: credit misses"):
        explained.require_additivity()


def test_owen_values_average_over_orders_that_keep_unions_together(network, spectra):
    """By definition: a band's mean contribution over all orders in which unions arrive in one piece."""
    x, background = spectra[:2], spectra[12:16]
    inputs, unknown = network.prepare(x), network.prepare(background)
    members = band_members(WAVELENGTHS, EDGES)

    def worth(bands):
        known = members[list(bands)].any(axis=0)
        mixed = np.where(known, inputs[:, None], unknown).reshape(-1, len(WAVELENGTHS))
        answer = network.output_scaling.invert(evaluate(network.network, mixed))[:, 0]
        return answer.reshape(2, -1).mean(axis=1)

    expected = np.zeros((2, 3))
    for order in ((0, 1, 2), (0, 2, 1), (1, 2, 0), (2, 1, 0)):  # the tree is (0, (1, 2))
        for k, band in enumerate(order):
            expected[:, band] += (worth(order[: k + 1]) - worth(order[:k])) / 4
    owen = owen_values(network, x, background, EDGES)
    np.testing.assert_allclose(owen.attributions @ members.T, expected, atol=1e-5)


def test_owen_values_need_every_wavelength_in_a_band(network, spectra):
    """Credit of wavelengths outside all bands would be lost, so such edges are refused."""
    with pytest.raises(ValueError, match="400–1400 nm must hold every wavelength"):
        owen_values(network, spectra[:3], spectra[12:20], EDGES[:-1])


def test_one_background_spectrum_is_refused(network, spectra):
    """One soil cannot stand for not knowing the spectrum."""
    with pytest.raises(ValueError, match="background holds 1 spectra"):
        deep_shap(network, spectra[:3], spectra[12:13])
