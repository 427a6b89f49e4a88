"""Bootstrap intervals: checked where the truth is known, and broken on purpose."""

import pandas as pd
import pytest

from soilpb.evaluate import comparison, cross_validation
from tests.test_compare import predictions_of


def test_bootstrap_covers_the_truth():
    """Nominal 95 % intervals of R² cover the true value in 90–98 % of simulated studies."""
    sd, covered, n_studies = 0.6, 0, 200
    for study in range(n_studies):
        table = comparison.bootstrap_interval(
            predictions_of({"m": sd}, n_repeats=1, seed=study), n_draws=400, seed=study
        )
        covered += table["lower"].item() < 1 - sd**2 < table["upper"].item()
    assert 0.90 <= covered / n_studies <= 0.98


def test_bootstrap_value_is_the_pooled_score():
    """Without resampling the bootstrap's R² and RMSE are the scores of the table."""
    predictions = predictions_of({"a": 0.3, "b": 0.7})
    scores = (
        cross_validation.score_predictions(predictions)
        .query("fold == -1")
        .groupby(["metric", "model"])["value"]
        .mean()
    )
    for metric in ("R2", "RMSE"):
        table = comparison.bootstrap_interval(predictions, metric, n_draws=50).set_index("model")["value"]
        assert table.to_dict() == pytest.approx(scores[metric].to_dict())


def test_bootstrap_differences_share_their_draws():
    """The interval of a difference is narrower than the two models' own would suggest."""
    predictions = predictions_of({"a": 0.5})
    shifted = predictions.assign(model="b", predicted=predictions["predicted"] + 0.05)
    both = pd.concat([predictions, shifted])
    own = comparison.bootstrap_interval(both, n_draws=300).set_index("model")
    pair = comparison.bootstrap_interval(both, reference="a", n_draws=300).set_index("model")
    assert pair.loc["b", "value"] == pytest.approx(own.loc["b", "value"] - own.loc["a", "value"])
    width = (own["upper"] - own["lower"]).min()
    assert pair.loc["b", "upper"] - pair.loc["b", "lower"] < width / 2


def test_bootstrap_draws_whole_groups():
    """Soils that are copies of each other tell no more than one: with groups the interval is wider."""
    alone = predictions_of({"a": 0.5})
    copies = [alone.assign(sample=alone["sample"].astype(str) + f"-{i}") for i in range(4)]
    predictions = pd.concat(copies, ignore_index=True)
    groups = {sample: sample.split("-")[0] for sample in predictions["sample"]}
    blind, aware, one = (
        comparison.bootstrap_interval(table, groups=g).iloc[0]
        for table, g in ((predictions, None), (predictions, groups), (alone, None))
    )
    assert aware["value"] == pytest.approx(blind["value"])
    width = aware["upper"] - aware["lower"]
    assert width == pytest.approx(2 * (blind["upper"] - blind["lower"]), rel=0.2)
    assert width == pytest.approx(one["upper"] - one["lower"], rel=0.2)


def test_bootstrap_refuses_samples_without_predictions():
    """Repeats that tested different samples cannot be resampled by sample."""
    predictions = predictions_of({"a": 0.5}).drop(index=3)
    with pytest.raises(ValueError, match="lack predictions"):
        comparison.bootstrap_interval(predictions)
