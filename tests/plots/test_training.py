"""Curves run through the numbers that were recorded; the drawn network is the network that is trained."""

import numpy as np
import pandas as pd
import pytest
import torch

from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.plots import style, training
from tests.looks import assert_axes, assert_readable

pytestmark = pytest.mark.usefixtures("styled")


def test_training_curves_show_the_history():
    """The line runs through the recorded epochs, and only the lowest of stacked axes says Epoch."""
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.4], "r2": [0.2, 0.6, 0.7]})
    top, bottom = style.stack_axes((2, 2))
    training.plot_training_curve(history, "loss", "Training loss", top)
    training.plot_training_curve(history, "r2", "Validation R²", bottom)
    assert bottom.lines[0].get_xydata().tolist() == [[1, 0.2], [2, 0.6], [3, 0.7]]
    assert top.get_xlabel() == ""
    assert_axes(bottom, "Epoch", "Validation R²")


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


def test_factors_have_a_panel_each():
    """Panels come in the order asked for, levels in rising order, on one scale; the limit is dashed."""
    levels = {"size": (1_000, 16_000), "shift": (0.0, 0.35, 0.7)}
    rows = [
        (factor, level, model, value, value - 0.02, value + 0.02)
        for factor, tried in levels.items()
        for level in reversed(tried)
        for model, value in {"four properties ‖ PLS": 0.7 + level / 1e6, "PLS": 0.6, "ceiling": 0.9}.items()
    ]
    table = pd.DataFrame(rows, columns=["factor", "level", "model", "value", "lower", "upper"])
    labels = {"shift": "Shift of the site", "size": "Soils in the library"}
    shift, size = training.plot_factors(table, labels, limit="ceiling")
    assert [text.get_text() for text in size.get_xticklabels()] == ["1,000", "16,000"]
    np.testing.assert_allclose(size.lines[0].get_ydata(), [0.701, 0.716])
    assert [line.get_linestyle() for line in shift.lines] == ["-", "-", "--"]
    assert size.get_ylim() == shift.get_ylim()
    assert_axes(shift, "Shift of the site", "R²")


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
