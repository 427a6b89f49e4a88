"""The network has the shape its configuration says, and nothing that explainers get wrong."""

import pytest
import torch
from torch import nn

from soilpb.models.resnet import ResNet1d, ResNetConfig

CONFIGS = [
    ResNetConfig(n_bands=210),
    ResNetConfig(n_bands=206, n_outputs=4),
    ResNetConfig(n_bands=37, stem_stride=2, channels=(4, 5)),
    ResNetConfig(n_bands=4200),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_lengths_are_those_of_the_tensors(config):
    """Positions and features that the configuration computes are those that spectra meet."""
    network = ResNet1d(config).eval()
    h = network.stem(torch.zeros(3, 1, 1, config.n_bands))
    lengths = [h.shape[-1]]
    for block in network.blocks:
        h = block(h)
        lengths.append(h.shape[-1])
    assert tuple(lengths) == config.lengths
    assert network.embed(torch.zeros(3, config.n_bands)).shape == (3, config.n_features)
    assert network(torch.zeros(3, config.n_bands)).shape == (3, config.n_outputs)


def test_the_default_has_44_thousand_weights():
    """The default network at 210 bands has the size that the book states."""
    network = ResNet1d(ResNetConfig(n_bands=210))
    assert sum(parameter.numel() for parameter in network.parameters()) == 44_241


@pytest.mark.parametrize("n_bands", [30, 206, 210, 420, 1051, 2100, 4200, 8000])
def test_the_blocks_cost_the_same_whatever_the_bands(n_bands):
    """The stem leaves some fifty positions, however many the bands, and loses none between steps."""
    config = ResNetConfig(n_bands)
    assert config.lengths[0] <= 65
    assert config.stem_kernel == 2 * config.stem_stride + 1
    assert (config.stem_stride > 4) == (n_bands > 210)


def test_a_stem_that_is_asked_for_is_made():
    """Window and step are chosen apart: what is given stays, what is omitted follows the bands."""
    config = ResNetConfig(4200, stem_stride=100)
    assert (config.stem_kernel, config.stem_stride) == (161, 100)


def test_a_block_without_convolutions_is_its_shortcut():
    """With the residual branch silenced a block passes on its shortcut, rectified."""
    block = ResNet1d(CONFIGS[0]).eval().blocks[0]
    nn.init.zeros_(block.norm2.weight)
    x = torch.linspace(-1, 1, 2 * 16 * 53).reshape(2, 16, 1, 53)
    expected = torch.relu(block.shortcut_norm(block.shortcut(x)))
    torch.testing.assert_close(block(x), expected)
    assert (expected > 0).any()


def test_positions_are_kept_apart():
    """The same absorption elsewhere in the spectrum gives other features: nothing is averaged away."""
    network = ResNet1d(CONFIGS[0]).eval()
    x = torch.zeros(2, 210)
    x[0, 40:50] = x[1, 120:130] = 1.0
    first, second = network.embed(x)
    assert not torch.allclose(first, second, atol=1e-3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_bands": 8}, "fewer than the stem's kernel"),
        ({"n_bands": 210, "stem_kernel": 8}, "odd"),
        ({"n_bands": 210, "channels": ()}, "1 to 16 residual blocks"),
        ({"n_bands": 210, "n_outputs": 0}, "size below 1"),
    ],
)
def test_impossible_shapes_are_refused(wrong, message):
    """A configuration that no network can have is an error that says why."""
    with pytest.raises(ValueError, match=message):
        ResNetConfig(**wrong)
