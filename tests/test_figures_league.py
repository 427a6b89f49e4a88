"""Pictures that compare models order, mark and number them as their tables say."""

import numpy as np
import pandas as pd
import pytest

from soilpb.models import baselines
from soilpb.plots import scores as scores_
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")

SUMMARY = pd.DataFrame(
    {
        "model": ["PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb"],
        "value": [0.63, 0.55, -0.08, 0.66],
        "lower": [0.55, 0.45, -0.2, 0.6],
        "upper": [0.7, 0.6, 0.1, 0.7],
    }
)


def two_splits():
    single = SUMMARY.iloc[:3].assign(value=0.7, lower=np.nan, upper=np.nan, split="one 70/30 split")
    return pd.concat([SUMMARY.assign(split="5 × 5-fold CV"), single])


def test_the_best_model_comes_first_with_its_number():
    """Models run from the best at the top to the worst, each with its score beside it."""
    ax = scores_.plot_league(SUMMARY)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["ResNet-pH-Pb", "PLS-Pb", "SVM-Pb", "ResNet-Pb"]
    assert [t.get_text() for t in ax.texts] == ["0.66", "0.63", "0.55", "−0.08"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_intervals_run_from_lower_to_upper():
    """The bar behind a dot is the table's interval."""
    bars = scores_.plot_league(SUMMARY).collections[0].get_segments()
    np.testing.assert_allclose(bars[0][:, 0], (0.6, 0.7))


def test_a_model_missing_from_one_kind_is_left_blank():
    """Dots of each kind of split are side by side; where a model has none, no number is written."""
    ax = scores_.plot_league(two_splits(), hue="split", published=0.77)
    assert [t.get_text() for t in ax.texts] == ["0.66", "0.63", "0.55", "−0.08", "0.70", "0.70", "0.70"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["5 × 5-fold CV", "one 70/30 split", "published, one split: 0.77"]


def test_the_histogram_counts_every_split_and_marks_the_published_number():
    """Bars add up to the number of splits; the band is 5–95 %; the published R² is a line."""
    values = np.linspace(0.2, 1.0, 201)
    ax = scores_.plot_split_histogram(values, published=0.77, reference=0.6)
    assert sum(bar.get_height() for bar in ax.containers[0]) == 201
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "5–95 %: 0.24 to 0.96" in labels
    assert "published, one split: 0.77" in labels
    assert [line.get_xdata()[0] for line in ax.lines] == [0.6, 0.77]


def test_the_best_of_each_row_is_bold():
    """In a task's row the best model is bold, models are ordered by their mean, and the mean is last."""
    scores = pd.DataFrame(
        [("clay", "PLS", 0.9), ("clay", "SVR", 0.95), ("SOC", "PLS", 0.8), ("SOC", "SVR", -0.2)],
        columns=["task", "model", "value"],
    )
    ax = scores_.plot_task_heatmap(scores)
    bold = [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["PLS", "SVR"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["clay", "SOC", "mean"]
    assert bold == ["0.95", "0.80", "0.85"]
    assert "−0.20" in [text.get_text() for text in ax.texts]
    rows = scores_.plot_task_heatmap(scores, means=False).get_yticklabels()
    assert [label.get_text() for label in rows] == ["clay", "SOC"]


def test_a_tall_heatmap_is_the_same_table_turned():
    """With models as rows, numbers and bold ones are those of the table with tasks as rows."""
    scores = pd.DataFrame(
        [("clay", "PLS", 0.9), ("clay", "SVR", 0.95), ("SOC", "PLS", 0.8), ("SOC", "SVR", -0.2)],
        columns=["task", "model", "value"],
    )
    ax = scores_.plot_task_heatmap(scores, tall=True)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["PLS", "SVR"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["clay", "SOC", "mean"]
    assert [t.get_text() for t in ax.texts] == ["0.90", "0.80", "0.85", "0.95", "−0.20", "0.38"]
    bold = [text.get_text() for text in ax.texts if text.get_fontweight() == "bold"]
    assert bold == ["0.80", "0.85", "0.95"]


def draw_heatmap(models, **options):
    rng = np.random.default_rng(0)
    tasks = [
        f"{p} {field}" for p in ("clay", "SOC") for field in ("cv98", "sc93", "sl125", "ul120", "ssp460")
    ]
    rows = [(task, model, rng.uniform(-0.1, 0.97)) for task in tasks for model in models]
    return scores_.plot_task_heatmap(pd.DataFrame(rows, columns=["task", "model", "value"]), **options)


FEW = ["PLS-D1", "ridge-SNV", "SVR", "direct ResNet", "pH embedding + ridge", "pH full fine-tune"]
ALL = [baselines.model_name(key) for key in baselines.MODELS]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: scores_.plot_league(SUMMARY),
        lambda: scores_.plot_league(two_splits(), hue="split", published=0.77),
        lambda: scores_.plot_split_histogram(np.linspace(0.2, 0.9, 200), published=0.77, reference=0.6),
        lambda: draw_heatmap(FEW),
        lambda: draw_heatmap(ALL, tall=True),
    ],
    ids=["league", "league-two", "splits", "heatmap", "heatmap-tall"],
)
def test_nothing_is_written_over_anything_else(draw):
    """Letters are at least 9 pt and no text hides another."""
    assert_readable(draw())
