"""Attributions of networks add up, two libraries agree, the network stays as it was, others are refused."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from soilpb.explain.network_attribution import (
    ExplainableNetwork,
    UnexplainableError,
    deep_lift_shap,
    deep_shap,
    integrated_gradients,
    trace_network,
)
from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNet1d, ResNetConfig

WAVELENGTHS = np.arange(400.0, 2500.0, 50.0)
N_BANDS = 12


@pytest.fixture(scope="module")
def spectra():
    """Smooth reflectance of 30 soils, (30, 42)."""
    rng = np.random.default_rng(0)
    waves = np.sin(np.outer(rng.uniform(1, 6, 30), WAVELENGTHS / 800) + rng.uniform(0, 6, (30, 1)))
    return (0.3 + 0.1 * waves + 0.05 * WAVELENGTHS / 2500).astype(np.float32)


@pytest.fixture(scope="module")
def network(spectra):
    """Untrained network with an output whose scale is that of a laboratory."""
    config = ResNetConfig(len(WAVELENGTHS), stem_channels=8, channels=(8, 8))
    network = SpectralNetwork.random(spectra, WAVELENGTHS, ("ln Pb",), config)
    network.set_outputs(np.random.default_rng(1).normal(5.8, 0.6, (30, 1)), ("ln Pb",))
    with torch.no_grad():
        network.network.head.weight *= 5  # as spread as a trained head
    return network


@pytest.mark.parametrize("explain", [deep_shap, deep_lift_shap, integrated_gradients])
def test_attributions_add_up_and_nothing_else_changes(explain, network, spectra):
    """They sum to the prediction minus the background's mean; weights, generator and bits stay the same."""
    before, random_state = copy.deepcopy(network.network.state_dict()), np.random.get_state()[1].copy()  # noqa: NPY002
    explained, again = (explain(network, spectra[:12], spectra[12:20]) for _ in range(2))
    predicted = network.predict(spectra[:12])[:, 0]
    np.testing.assert_allclose(explained.predicted, predicted, rtol=1e-5)
    sums = explained.attributions.sum(axis=1) + explained.base
    of_path = explained.explainer == "IntegratedGradients"
    tolerance, unknown = 0.02 if of_path else 1e-4, network.predict(spectra[12:20]).mean()
    assert of_path or explained.base == pytest.approx(unknown, rel=1e-5)
    assert np.abs(sums - predicted).max() <= tolerance * predicted.std()
    assert np.array_equal(explained.attributions, again.attributions)
    after = network.network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert np.array_equal(random_state, np.random.get_state()[1])  # noqa: NPY002


def test_two_libraries_agree(network, spectra):
    """DeepExplainer and DeepLiftShap give the same values."""
    deep, captum = (
        f(network, spectra[:12], spectra[12:20]).attributions for f in (deep_shap, deep_lift_shap)
    )
    np.testing.assert_allclose(deep, captum, atol=1e-4 * np.abs(deep).max())


def test_a_network_that_the_rules_do_not_fit_is_never_explained(network, spectra):
    """A shared activation, or a layer without a rule, stops both explainers before they explain."""
    shared, squared = copy.deepcopy(network), copy.deepcopy(network)
    for block in shared.network.blocks:
        block.relu2 = block.relu1
    squared.network.head = nn.Sequential(squared.network.head, nn.Softmax(dim=1))
    for explain in (deep_shap, deep_lift_shap):
        with pytest.raises(UnexplainableError, match="called 2 times"):
            explain(shared, spectra[:3], spectra[12:20])
        with pytest.raises(UnexplainableError, match="Softmax 'head.1' has no rule"):
            explain(squared, spectra[:3], spectra[12:20])


def test_all_bands_known_is_the_prediction_and_none_is_the_background(network, spectra):
    """Knowing every band gives each soil's prediction; knowing none, the background's mean."""
    copied = ExplainableNetwork.prepare(network, spectra[:5], spectra[5:])
    everything, nothing = np.ones(len(WAVELENGTHS), bool), np.zeros(len(WAVELENGTHS), bool)
    np.testing.assert_allclose(copied.expect(everything), network.predict(spectra[:5])[:, 0], rtol=1e-5)
    np.testing.assert_allclose(copied.expect(nothing), network.predict(spectra[5:])[:, 0].mean(), rtol=1e-5)
    assert not {id(p) for p in network.network.parameters()} & {id(p) for p in copied.model.parameters()}
    with pytest.raises(ValueError, match="holds 1 spectra; at least 2"):
        ExplainableNetwork.prepare(network, spectra[:5], spectra[5:6])


class Residual(nn.Module):
    """A block that the rules can explain; the classes below each spoil one thing."""

    def __init__(self, activation: nn.Module | None = None):
        super().__init__()
        self.first, self.second = nn.Linear(N_BANDS, N_BANDS), nn.Linear(N_BANDS, N_BANDS)
        self.activation = activation or nn.ReLU()
        self.head = nn.Linear(N_BANDS, 1)

    def forward(self, x):
        """Two branches, one activation each."""
        h = self.activation(self.first(x))
        return self.head(h + self.second(x))


class Functional(Residual):
    def forward(self, x):
        """A function where a module belongs."""
        return self.head(F.relu(self.first(x)))


class Method(Residual):
    def forward(self, x):
        """A tensor method where a module belongs."""
        return self.head(self.first(x).relu())


class Shared(Residual):
    def forward(self, x):
        """One module called twice."""
        return self.head(self.activation(self.second(self.activation(self.first(x)))))


class SumInPlace(Residual):
    def forward(self, x):
        """A sum that overwrites its first term."""
        h = self.activation(self.first(x))
        h += self.second(x)
        return self.head(h)


class Overwrites(Residual):
    def forward(self, x):
        """A value that is overwritten."""
        h = self.activation(self.first(x))
        h[:, 0] = 0
        return self.head(h)


class Gated(Residual):
    def forward(self, x):
        """A product of two branches."""
        return self.head(self.activation(self.first(x)) * self.second(x))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Functional(), r"calls relu outside a layer.*nn.ReLU\(\)"),
        (Method(), "calls relu outside a layer"),
        (Residual(nn.ReLU(inplace=True)), "ReLU 'activation' works in place.*inplace=False"),
        (Shared(), r"ReLU 'activation' is called 2 times.*its own nn.ReLU\(\)"),
        (Overwrites(), "overwrites or depends on values"),
        (Gated(), "calls mul outside a layer"),
        (Residual(nn.SiLU()), "SiLU 'activation' has no rule"),
        (Residual(nn.GELU()), "GELU 'activation' has no rule"),
        (nn.Sequential(nn.Linear(N_BANDS, 4), nn.GroupNorm(2, 4)), "GroupNorm '1' has no rule"),
    ],
)
def test_refused_with_the_reason_and_the_remedy(network, reason):
    """A step that the rules do not reach is named before anything is explained."""
    with pytest.raises(UnexplainableError, match=reason):
        trace_network(network)


def test_a_sum_in_place_is_explained_as_one_that_overwrites_nothing(spectra):
    """Traced, it gives the same predictions, and its attributions are those of the plain sum."""
    network = SpectralNetwork.random(spectra[:, :N_BANDS], WAVELENGTHS[:N_BANDS])
    config, plain, found = network.network.config, Residual(), []
    spoilt = SumInPlace()
    spoilt.load_state_dict(plain.state_dict())
    for network.network in (plain, spoilt):
        network.network.config = config
        found.append(deep_shap(network, spectra[:5, :N_BANDS], spectra[5:15, :N_BANDS]).attributions)
    np.testing.assert_allclose(*found, atol=1e-7)


def test_networks_within_the_rules_pass_without_a_trace():
    """Inspection accepts single-use activation modules and changes neither weights, hooks nor mode."""
    trace_network(Residual())
    network = ResNet1d(ResNetConfig(N_BANDS)).train()
    before = copy.deepcopy(network.state_dict())
    trace_network(network)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())
