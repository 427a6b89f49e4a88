"""Curves run through the numbers that were recorded."""

import numpy as np
import pandas as pd
import pytest

from soilpb.plots import style, training
from soilpb.plots.training import plot_learning_curve
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")


def history():
    return pd.DataFrame({"epoch": [1, 2, 3], "train_loss": [0.9, 0.5, 0.4], "validation_r2": [0.2, 0.6, 0.7]})


def test_training_curves_show_the_history():
    """The line runs through the recorded epochs, and only the lowest of stacked axes says Epoch."""
    top, bottom = style.stack_axes((2, 2))
    training.plot_training_curve(history(), "train_loss", "Training loss", top)
    training.plot_training_curve(history(), "validation_r2", "Validation R²", bottom)
    assert bottom.lines[0].get_xydata().tolist() == [[1, 0.2], [2, 0.6], [3, 0.7]]
    assert (top.get_xlabel(), bottom.get_xlabel()) == ("", "Epoch")


def draws(models=("PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb")):
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
    table = draws(["PLS"])
    ax = plot_learning_curve(table)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), table.groupby("n")["value"].mean())
    assert [text.get_text() for text in ax.get_xticklabels()] == ["20", "40", "80"]


def test_only_several_draws_have_a_spread():
    """The axis speaks of a mean and its spread only where there is more than one draw."""
    once = draws(["PLS", "SVM"]).drop_duplicates(["model", "n"])
    assert plot_learning_curve(once).get_ylabel() == "R²"
    assert plot_learning_curve(draws(["PLS"])).get_ylabel() == "R² (mean, 5–95 %)"


def test_more_models_than_colours_are_all_drawn():
    """A twelfth model is drawn too: colours come round again, with another marker."""
    ax = plot_learning_curve(draws([f"model {i}" for i in range(12)]))
    looks = {(line.get_color(), line.get_marker()) for line in ax.lines}
    assert len(ax.lines) == len(looks) == 12


def factors():
    levels = {"size": (1_000, 16_000), "shift": (0.0, 0.35, 0.7)}
    rows = [
        (factor, level, model, value, value - 0.02, value + 0.02)
        for factor, tried in levels.items()
        for level in reversed(tried)
        for model, value in {"four properties ‖ PLS": 0.7 + level / 1e6, "PLS": 0.6, "ceiling": 0.9}.items()
    ]
    return pd.DataFrame(rows, columns=["factor", "level", "model", "value", "lower", "upper"])


LABELS = {"shift": "Shift of the site", "size": "Soils in the library"}


def test_factors_have_a_panel_each():
    """Panels come in the order asked for, levels in rising order, on one scale; the limit is dashed."""
    shift, size = training.plot_factors(factors(), LABELS, limit="ceiling")
    assert [text.get_text() for text in size.get_xticklabels()] == ["1,000", "16,000"]
    np.testing.assert_allclose(size.lines[0].get_ydata(), [0.701, 0.716])
    assert [line.get_linestyle() for line in shift.lines] == ["-", "-", "--"]
    assert size.get_ylim() == shift.get_ylim()
    assert (shift.get_xlabel(), size.get_xlabel()) == tuple(LABELS.values())


def draw_factors():
    return training.plot_factors(factors(), LABELS, limit="ceiling")[0]


def draw_training():
    top, bottom = style.stack_axes((2, 2))
    training.plot_training_curve(history(), "train_loss", "Training loss", top)
    return training.plot_training_curve(history(), "validation_r2", "Validation R²", bottom)


@pytest.mark.parametrize("draw", [draw_training, draw_factors, lambda: plot_learning_curve(draws())])
def test_nothing_is_written_over_anything_else(draw):
    """Letters are at least 9 pt, no text hides another, and axes carry labels."""
    ax = draw()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert_readable(ax)
