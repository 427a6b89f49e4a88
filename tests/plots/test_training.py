"""Curves run through the numbers that were recorded; the drawn network is the network that is trained."""

import numpy as np
import pandas as pd
import pytest
import torch

from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.plots import training
from tests.looks import assert_axes, assert_readable

pytestmark = pytest.mark.usefixtures("styled")


def draws(models):
    rng = np.random.default_rng(3)
    rows = [
        (model, n, 0.7 - 4 / n + rng.normal(0, 0.05))
        for model in models
        for n in (20, 40, 80)
        for _ in range(9)
    ]
    return pd.DataFrame(rows, columns=["model", "n", "value"])


def test_learning_curves_run_through_the_means():
    """A model's line runs through the mean of its draws, and the ticks are the sizes tried."""
    table = draws(["PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb"])
    ax = training.plot_learning_curve(table)
    means = table[table["model"] == "PLS-Pb"].groupby("n")["value"].mean()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), means)
    assert [text.get_text() for text in ax.get_xticklabels()] == ["20", "40", "80"]
    assert_axes(ax, "Training soils", "R² (mean, 5–95 %)")
    once = table.drop_duplicates(["model", "n"])
    assert training.plot_learning_curve(once).get_ylabel() == "R²"


def test_more_models_than_colours_are_all_drawn():
    """A twelfth model is drawn too: colours come round again, with another marker."""
    ax = training.plot_learning_curve(draws([f"model {i}" for i in range(12)]))
    lines = [line for line in ax.lines if len(line.get_xdata()) == 3 and line.get_marker() != "None"]
    assert len({(str(line.get_color()), line.get_marker()) for line in lines}) == len(lines) == 12


def test_other_factors_have_intervals_of_their_own():
    """Levels come in rising order, equally far apart, with the intervals given; the limit is dashed."""
    rows = [
        (level, model, value, value - 0.02, value + 0.02)
        for level in (16_000, 1_000)
        for model, value in {"four properties ‖ PLS": 0.7 + level / 1e6, "PLS": 0.6, "ceiling": 0.9}.items()
    ]
    table = pd.DataFrame(rows, columns=["level", "model", "value", "lower", "upper"])
    ax = training.plot_learning_curve(table, x="level", label="Soils in the library", limit="ceiling")
    assert [text.get_text() for text in ax.get_xticklabels()] == ["1,000", "16,000"]
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [0.701, 0.716])
    ends = [segment[:, 1] for segment in ax.collections[0].get_segments()]
    np.testing.assert_allclose(ends, [[0.681, 0.721], [0.696, 0.736]])
    assert [line.get_linestyle() for line in ax.lines] == ["-", "-", "--"]
    assert_axes(ax, "Soils in the library", "R²")


CONFIGS = [
    ResNetConfig(n_bands=210),
    ResNetConfig(n_bands=4200, stem_kernel=161, stem_stride=80),
    ResNetConfig(n_bands=206, n_outputs=3, channels=(8, 8)),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.n_bands}-{len(c.channels)}")
def test_drawn_shapes_are_those_of_the_tensors(config):
    """Channels and positions of each box are what a forward pass gives, each written once, readably."""
    model, shapes = ResNet1d(config).eval(), []
    for layer in (model.stem, *model.blocks):
        layer.register_forward_hook(lambda module, inputs, output: shapes.append(output.squeeze(2).shape[1:]))
    with torch.no_grad():
        features, output = model.embed(torch.zeros(1, config.n_bands)), model(torch.zeros(1, config.n_bands))
    drawn = [(channels, positions) for _, _, channels, positions in training.list_layers(config)]
    assert drawn[0] == (1, config.n_bands)
    assert drawn[1:-2] == [tuple(shape) for shape in shapes[: 1 + len(config.channels)]]
    assert drawn[-2:] == [(1, features.shape[1]), (1, output.shape[1])]
    ax = training.plot_network(config, output="pH")
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("pH") == 1
    assert f"{config.channels[-1]} × {config.lengths[-1]}" in texts
    assert_readable(ax)
