"""Networks that DeepLIFT's rules cannot explain are refused; others are copied safely."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from soilpb.explain.network_attribution import UnexplainableError, check_explainable, copy_for_explanation
from soilpb.models.resnet import ResNet1d, ResNetConfig

N_BANDS = 12


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


class Gated(Residual):
    def forward(self, x):
        """A product of two branches."""
        return self.head(self.activation(self.first(x)) * self.second(x))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (Functional(), r"torch.nn.functional.relu outside a layer.*nn.ReLU\(\)"),
        (Method(), "torch.Tensor.relu outside a layer"),
        (Residual(nn.ReLU(inplace=True)), "ReLU 'activation' works in place.*inplace=False"),
        (Shared(), r"ReLU 'activation' is called 2 times.*its own nn.ReLU\(\)"),
        (SumInPlace(), r"outside a layer.*h = h \+ x"),
        (Gated(), "torch.Tensor.mul outside a layer"),
        (Residual(nn.SiLU()), "SiLU 'activation' has no rule"),
        (Residual(nn.GELU()), "GELU 'activation' has no rule"),
        (nn.Sequential(nn.Linear(N_BANDS, 4), nn.GroupNorm(2, 4)), "GroupNorm '1' has no rule"),
    ],
)
def test_refused_with_the_reason_and_the_remedy(network, reason):
    """A step that the rules do not reach is named before anything is explained."""
    with pytest.raises(UnexplainableError, match=reason):
        check_explainable(network, N_BANDS)


@pytest.mark.parametrize("network", [Residual(), ResNet1d(ResNetConfig(N_BANDS))])
def test_networks_within_the_rules_are_accepted(network):
    """A residual network of single-use activation modules passes."""
    check_explainable(network, N_BANDS)


def test_looking_leaves_no_trace():
    """Inspection changes neither weights, running statistics, hooks nor mode."""
    network = ResNet1d(ResNetConfig(N_BANDS)).train()
    before = copy.deepcopy(network.state_dict())
    check_explainable(network, N_BANDS)
    assert network.training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in network.modules())


def test_copy_answers_for_one_output():
    """The copy gives the output asked for, and shares no weight with the original."""
    network = ResNet1d(ResNetConfig(N_BANDS, n_outputs=3)).eval()
    x = torch.linspace(-1, 1, 5 * N_BANDS).reshape(5, N_BANDS)
    copied = copy_for_explanation(network, n_outputs=3, output=2)
    assert torch.equal(copied(x), network(x)[:, 2:])
    assert not {id(p) for p in network.parameters()} & {id(p) for p in copied.parameters()}
