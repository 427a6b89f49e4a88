"""The drawn network is the network that is trained."""

import pytest
import torch

from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.plots import training
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")

CONFIGS = [
    ResNetConfig(n_bands=210),
    ResNetConfig(n_bands=4200, stem_kernel=161, stem_stride=80),
    ResNetConfig(n_bands=206, n_outputs=3, channels=(8, 8)),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.n_bands}-{len(c.channels)}")
def test_shapes_are_those_of_the_tensors(config):
    """Channels and positions of each box are what a forward pass through the real network gives."""
    model, shapes = ResNet1d(config).eval(), []
    for layer in (model.stem, *model.blocks):
        layer.register_forward_hook(lambda module, inputs, output: shapes.append(output.squeeze(2).shape[1:]))
    with torch.no_grad():
        features, output = model.embed(torch.zeros(1, config.n_bands)), model(torch.zeros(1, config.n_bands))
    drawn = [(channels, positions) for _, _, channels, positions in training.list_layers(config)]
    assert drawn[0] == (1, config.n_bands)
    assert drawn[1:-2] == [tuple(shape) for shape in shapes[: 1 + len(config.channels)]]
    assert drawn[-2:] == [(1, features.shape[1]), (1, output.shape[1])]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.n_bands}-{len(c.channels)}")
def test_every_box_is_named_and_readable(config):
    """Each layer's name and shape is written once, at least 9 pt, over nothing else."""
    ax = training.plot_network(config, output="pH")
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("pH") == 1
    assert f"{config.channels[-1]} × {config.lengths[-1]}" in texts
    assert [t for t in texts if t.startswith("block")] == [
        f"block {i + 1}" for i in range(len(config.channels))
    ]
    assert_readable(ax)
