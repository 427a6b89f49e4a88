"""Figures of predictions and models show the rows and the scores of their tables, and nothing else."""

import numpy as np
import pandas as pd
import pytest

from soilpb.models import baselines
from soilpb.plots import scores as score_plots
from tests.looks import assert_axes, assert_readable, legend_texts

pytestmark = pytest.mark.usefixtures("styled")

MODELS = ("PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb")


def predictions(models=("PLS-Pb",), n=60, repeats=3):
    rng = np.random.default_rng(1)
    table = pd.MultiIndex.from_product(
        [models, range(repeats), [f"s{i}" for i in range(n)]], names=["model", "repeat", "sample"]
    ).to_frame(index=False)
    observed = np.tile(rng.normal(5.8, 0.6, n), len(models) * repeats)
    return table.assign(observed=observed, predicted=observed + rng.normal(0, 0.4, len(table)))


def scores(models=("PLS-Pb",)):
    """Two pooled repeats, and a fold whose scores must not be mixed in."""
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


def test_parity_shows_mean_predictions_and_pooled_scores():
    """One point per sample at its mean, a line over its repeats, pooled scores, equal axes."""
    table, score = predictions(), scores()
    before = table.copy()
    ax = score_plots.plot_parity(table, score, "ln Pb (mg/kg)")
    by_sample = table.groupby("sample", sort=False)
    whiskers, points = ax.collections
    means = np.column_stack([by_sample["observed"].first(), by_sample["predicted"].mean()])
    np.testing.assert_allclose(points.get_offsets(), means)
    lowest = [segment[:, 1].min() for segment in whiskers.get_segments()]
    np.testing.assert_allclose(lowest, by_sample["predicted"].min())
    assert ax.texts[0].get_text() == "R² 0.63\nRMSE 0.40\nbias −0.03"
    assert (ax.get_xlim(), ax.get_aspect()) == (ax.get_ylim(), 1)
    assert_axes(ax, "Observed ln Pb (mg/kg)", "Predicted ln Pb (mg/kg)")
    pd.testing.assert_frame_equal(table, before)


def test_parity_refuses_several_models_and_missing_scores():
    """Two models are never mixed, and a missing pooled score is named."""
    with pytest.raises(ValueError, match="shows one model"):
        score_plots.plot_parity(predictions(MODELS[:2]), scores(), "ln Pb (mg/kg)")
    with pytest.raises(ValueError, match="no pooled"):
        score_plots.plot_parity(predictions(), scores().query("fold >= 0"), "ln Pb (mg/kg)")


def test_thousands_of_points_become_pixels():
    """A library's points are rasterised, so that a page does not carry thousands of vector marks."""
    many = score_plots.plot_parity(predictions(n=2_500, repeats=1), scores(), "pH")
    assert many.collections[0].get_rasterized()


def test_a_grid_has_common_axes_and_a_title_per_model():
    """Each model has its plot, all share one scale, and a cell without a model is empty."""
    given = predictions(MODELS[:3]), scores(MODELS[:3])
    axes = score_plots.plot_parity_grid(*given, "ln Pb (mg/kg)", MODELS[:3])
    assert [ax.get_title() for ax in axes.flat] == [*MODELS[:3], ""]
    assert len({ax.get_xlim() for ax in axes.flat[:3]}) == 1
    assert not axes.flat[3].axison
    assert_readable(axes[0, 0])


SLOPES = pd.DataFrame(
    {
        "constituent": ["clay", "goethite", "water"],
        "slope": [0.4, 0.2, -0.1],
        "low": [0.3, 0.1, -0.2],
        "high": [0.5, 0.3, 0.1],
        "truth": [0.6, 0.25, 0.0],
        "note": ["p = 0.01", "p = 0.20", "p = 0.90"],
    }
)


def test_every_dot_stands_on_its_interval():
    """One row per constituent from top to bottom, its dot between the ends of its line."""
    ax = score_plots.plot_intervals(SLOPES, "constituent", "slope", "Slope", mark="truth", notes="note")
    assert [label.get_text() for label in ax.get_yticklabels()] == SLOPES["constituent"].tolist()
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, :, 0], SLOPES[["low", "high"]])
    dots, truth = ax.lines[1], ax.lines[2]
    np.testing.assert_allclose(dots.get_xdata(), SLOPES["slope"])
    np.testing.assert_allclose(truth.get_xdata(), SLOPES["truth"])
    assert {text.get_text() for text in ax.texts} == set(SLOPES["note"])
    assert_axes(ax, "Slope")


def test_dots_lie_side_by_side_only_where_they_share_a_row():
    """Two models of one constituent are apart; groups that share no row stay on their lines."""
    twice = pd.concat([SLOPES.assign(model="a"), SLOPES.assign(model="b")])
    shared = score_plots.plot_intervals(twice, "constituent", "slope", "Slope", hue="model")
    assert shared.lines[1].get_ydata()[0] != shared.lines[2].get_ydata()[0]
    grouped = SLOPES.assign(model=["a", "a", "b"])
    apart = score_plots.plot_intervals(grouped, "constituent", "slope", "Slope", hue="model")
    np.testing.assert_allclose(apart.lines[2].get_ydata(), [2])
    assert_axes(apart, "Slope")


SUMMARY = pd.DataFrame(
    {
        "model": MODELS,
        "value": [0.63, 0.55, -0.08, 0.66],
        "lower": [0.55, 0.45, -0.2, 0.6],
        "upper": [0.7, 0.6, 0.1, 0.7],
    }
)


def test_the_best_model_comes_first_with_its_number():
    """Models run from the best to the worst, on their intervals, each with its score beside it."""
    ax = score_plots.plot_league(SUMMARY)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["ResNet-pH-Pb", "PLS-Pb", "SVM-Pb", "ResNet-Pb"]
    assert [t.get_text() for t in ax.texts] == ["0.66", "0.63", "0.55", "−0.08"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    np.testing.assert_allclose(ax.collections[0].get_segments()[0][:, 0], (0.6, 0.7))
    assert_axes(ax, "R²")


def test_a_model_missing_from_one_kind_is_left_blank():
    """Dots of each kind of split are side by side; where a model has none, no number is written."""
    single = SUMMARY.iloc[:3].assign(value=0.7, lower=np.nan, upper=np.nan, split="one 70/30 split")
    table = pd.concat([SUMMARY.assign(split="5 × 5-fold CV"), single])
    ax = score_plots.plot_league(table, hue="split", published=0.77)
    assert [t.get_text() for t in ax.texts] == ["0.66", "0.63", "0.55", "−0.08", "0.70", "0.70", "0.70"]
    assert legend_texts(ax) == ["5 × 5-fold CV", "one 70/30 split", "published: 0.77"]
    assert_axes(ax, "R²")


def test_the_best_of_each_task_is_bold():
    """The best model of a task is bold, models are ordered by their mean, and the mean is last."""
    rows = [("clay", "PLS", 0.9), ("clay", "SVR", 0.95), ("SOC", "PLS", 0.8), ("SOC", "SVR", -0.2)]
    table = pd.DataFrame(rows, columns=["task", "model", "value"])
    ax = score_plots.plot_task_heatmap(table)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["PLS", "SVR"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["clay", "SOC", "mean"]
    assert [text.get_text() for text in ax.texts] == [".90", ".80", ".85", ".95", "−.20", ".38"]
    bold = {text.get_text() for text in ax.texts if text.get_fontweight() == "bold"}
    assert bold == {".95", ".80", ".85"}


def test_a_large_heatmap_is_readable():
    """Ten tasks of all models fit into a table."""
    models = [baselines.model_name(key) for key in baselines.MODELS]
    tasks = [
        f"{p} {field}" for p in ("clay", "SOC") for field in ("cv98", "sc93", "sl125", "ul120", "ssp460")
    ]
    table = pd.MultiIndex.from_product([tasks, models], names=["task", "model"]).to_frame(index=False)
    table["value"] = np.random.default_rng(0).uniform(-0.1, 0.97, len(table))
    assert_readable(score_plots.plot_task_heatmap(table))
