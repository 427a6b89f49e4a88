"""Pictures of predictions show the rows and the scores of their tables, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from soilpb.plots import scores as scores_
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")

MODELS = ("PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb")


def predictions(models=("PLS-Pb",), n=60, repeats=3):
    rng = np.random.default_rng(1)
    observed = rng.normal(5.8, 0.6, n)
    rows = [
        pd.DataFrame(
            {
                "model": model,
                "repeat": repeat,
                "sample": [f"s{i}" for i in range(n)],
                "group": np.where(np.arange(n) % 2, "north", "south"),
                "observed": observed,
                "predicted": observed + rng.normal(0, 0.4, n),
            }
        )
        for model in models
        for repeat in range(repeats)
    ]
    return pd.concat(rows, ignore_index=True)


def scores(models=("PLS-Pb",)):
    values = {"R2": (0.61, 0.65, -9.0), "RMSE": (0.4, 0.4, 9.0), "bias": (-0.02, -0.04, 9.0)}
    return pd.DataFrame(
        [
            (model, repeat, fold, metric, value)
            for model in models
            for metric, three in values.items()
            for (repeat, fold), value in zip(((0, -1), (1, -1), (0, 0)), three, strict=True)
        ],
        columns=["model", "repeat", "fold", "metric", "value"],
    )


def test_a_point_is_the_mean_of_a_samples_predictions():
    """One point a sample, at the mean over repeats, with a line from the lowest to the highest."""
    table = predictions()
    ax = scores_.plot_parity(table, scores(), "ln Pb (mg/kg)")
    by_sample = table.groupby("sample", sort=False)
    whiskers, points = ax.collections
    np.testing.assert_allclose(
        points.get_offsets(),
        np.column_stack([by_sample["observed"].first(), by_sample["predicted"].mean()]),
    )
    lowest = [segment[:, 1].min() for segment in whiskers.get_segments()]
    np.testing.assert_allclose(lowest, by_sample["predicted"].min())


def test_the_corner_shows_pooled_scores_averaged_over_repeats():
    """Scores are the table's pooled rows (fold −1); those of single folds are not mixed in."""
    ax = scores_.plot_parity(predictions(), scores(), "ln Pb (mg/kg)")
    assert ax.texts[0].get_text() == "R² 0.63\nRMSE 0.40\nbias −0.03"


def test_a_score_that_is_missing_is_named():
    """Without pooled rows there is an error that names the metric, not a picture without it."""
    folds_only = scores().query("fold >= 0")
    with pytest.raises(ValueError, match="no pooled"):
        scores_.plot_parity(predictions(), folds_only, "ln Pb (mg/kg)")


def test_models_are_never_mixed():
    """A parity plot of two models' rows is refused."""
    with pytest.raises(ValueError, match="shows one model"):
        scores_.plot_parity(predictions(MODELS[:2]), scores(), "ln Pb (mg/kg)")


def test_both_axes_are_equal():
    """Observed and predicted share limits and scale, so that the 1:1 line is the diagonal."""
    ax = scores_.plot_parity(predictions(), scores(), "ln Pb (mg/kg)")
    assert ax.get_xlim() == ax.get_ylim()
    assert ax.get_aspect() == 1
    low, high = ax.get_xlim()
    assert predictions()[["observed", "predicted"]].apply(lambda x: x.between(low, high)).all(axis=None)


def test_groups_have_a_colour_each():
    """With ``hue`` each group is a cloud of its own, named in the legend."""
    ax = scores_.plot_parity(predictions(repeats=1), scores(), "ln Pb (mg/kg)", hue="group")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["south", "north"]
    assert [len(cloud.get_offsets()) for cloud in ax.collections] == [30, 30]


def test_thousands_of_points_become_pixels():
    """A library's points are rasterised, so that a page does not carry thousands of vector marks."""
    many = scores_.plot_parity(predictions(n=2_500, repeats=1), scores(), "pH")
    few = scores_.plot_parity(predictions(n=60, repeats=1), scores(), "pH")
    assert many.collections[0].get_rasterized()
    assert not few.collections[0].get_rasterized()


def test_a_grid_has_common_axes_and_a_title_a_model():
    """Each model has its plot, all share one scale, and a cell without a model is empty."""
    axes = scores_.plot_parity_grid(predictions(MODELS[:3]), scores(MODELS[:3]), "ln Pb (mg/kg)")
    assert [ax.get_title() for ax in axes.flat] == [*MODELS[:3], ""]
    assert len({ax.get_xlim() for ax in axes.flat[:3]}) == 1
    assert not axes.flat[3].axison


def fields():
    rng = np.random.default_rng(4)
    parts = []
    for i, mean in enumerate(np.linspace(4.5, 7.5, 12)):
        observed = rng.normal(mean, 0.3, 40)
        parts.append(
            pd.DataFrame({"group": f"field {i}", "observed": observed, "predicted": mean + 0 * observed})
        )
    return pd.concat(parts)


def test_simpsons_trap_shows_flat_lines_within_groups():
    """Where a model only knows the group's mean, each group's line is flat, and none is left out."""
    within = pd.Series(0.0, index=[f"field {i}" for i in range(12)])
    ax = scores_.plot_within_groups(fields(), 0.9, within, "pH")
    lines = [line for line in ax.lines if len(line.get_xdata()) == 2 and line.get_linestyle() == "-"]
    assert len(lines) == 12
    for line in lines:
        assert np.ptp(line.get_ydata()) < 1e-9
    assert "0.90" in ax.get_legend().get_title().get_text()
    assert ax.get_legend().get_texts()[0].get_text() == "field 0: 0.00"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: scores_.plot_parity(predictions(), scores(), "ln Pb (mg/kg)"),
        lambda: scores_.plot_parity_grid(predictions(MODELS), scores(MODELS), "ln Pb (mg/kg)")[-1, 0],
        lambda: scores_.plot_within_groups(
            fields(), 0.9, pd.Series(0.2, index=[f"field {i}" for i in range(12)]), "pH"
        ),
    ],
    ids=["parity", "grid", "groups"],
)
def test_nothing_is_written_over_anything_else(draw):
    """Letters are at least 9 pt, no text hides another, and axes carry labels."""
    ax = draw()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    assert_readable(ax)


def test_tables_are_not_changed():
    """Drawing leaves the tables as they were."""
    table, score = predictions(), scores()
    before = table.copy(), score.copy()
    scores_.plot_parity(table, score, "ln Pb (mg/kg)", hue="group")
    pd.testing.assert_frame_equal(table, before[0])
    pd.testing.assert_frame_equal(score, before[1])
