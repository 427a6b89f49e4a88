"""Tests between models and bootstrap intervals: checked where the truth is known, and broken on purpose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soilpb.evaluate import comparison
from soilpb.evaluate.cross_validation import POOLED, score_predictions
from soilpb.evaluate.splits import held_out_ratio, iterate_folds, repeated_kfold

N_SAMPLES, N_BANDS = 50, 5
FOLDS = repeated_kfold(range(N_SAMPLES), n_splits=5, n_repeats=5)
RATIO = held_out_ratio(FOLDS)


def rmse_of_folds(X, y):
    """RMSE of least squares in every fold of every simulation, (n_simulations, n_folds)."""
    errors = []
    for *_, train, test in iterate_folds(FOLDS, range(N_SAMPLES)):
        gram = np.einsum("sij,sik->sjk", X[:, train], X[:, train])
        moment = np.einsum("sij,si->sj", X[:, train], y[:, train])
        slopes = np.linalg.solve(gram, moment[..., None])[..., 0]
        error = np.einsum("sij,sj->si", X[:, test], slopes) - y[:, test]
        errors.append(np.sqrt((error**2).mean(axis=1)))
    return np.stack(errors, axis=1)


def simulated_differences(n_simulations, second_slope=1.0):
    """RMSE of a model that sees one half of the causes minus that of one that sees the other.

    With ``second_slope=1`` both halves matter alike and the models are equally good.
    """
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, n_simulations, N_SAMPLES, N_BANDS))
    y = (first + second_slope * second).sum(axis=2) + rng.normal(size=(n_simulations, N_SAMPLES))
    return rmse_of_folds(first, y) - rmse_of_folds(second, y)


def test_size_is_nominal_where_the_truth_is_known():
    """Of two equally good models, the corrected test at 5 % calls one better in 2–8 % of studies."""
    differences = simulated_differences(1000)
    assert 0.02 <= (comparison.corrected_t_test(differences, RATIO).p_value < 0.05).mean() <= 0.08
    assert (comparison.corrected_t_test(differences, 0).p_value < 0.05).mean() > 0.2  # uncorrected


def test_a_truly_better_model_is_found():
    """With a real difference the test rejects far more often, and in the right direction."""
    found = comparison.corrected_t_test(simulated_differences(300, second_slope=2.0), RATIO)
    assert (found.p_value < 0.05).mean() > 0.9
    assert (found.mean > 0).all()


def test_without_a_correction_it_is_the_ordinary_t_test():
    """A ratio of 0 gives scipy's one-sample t-test, with its interval."""
    differences = np.random.default_rng(0).normal(0.3, 1, 12)
    ours, expected = comparison.corrected_t_test(differences, 0), stats.ttest_1samp(differences, 0)
    assert ours.p_value == pytest.approx(expected.pvalue)
    assert (ours.lower, ours.upper) == pytest.approx(tuple(expected.confidence_interval()))
    with pytest.raises(ValueError, match="at least 2"):
        comparison.corrected_t_test(np.array([0.3]), RATIO)


def test_posterior_and_p_value_agree_without_a_region():
    """With a region of no width, twice the smaller tail of the posterior is the p-value."""
    found = comparison.corrected_t_test(np.random.default_rng(1).normal(0.2, 1, 25), RATIO)
    assert 2 * min(found.below, found.above) == pytest.approx(found.p_value)
    assert found.inside == pytest.approx(0, abs=1e-12)


def test_models_that_never_differ_are_equal():
    """Without any difference the p-value is 1 and all probability lies inside the region."""
    assert comparison.corrected_t_test(np.zeros(10), RATIO, 0.01)[3:] == (1, 0, 1, 0)


def test_holm_is_step_down():
    """Adjusted p-values are those worked out by hand, in the order given, never above 1."""
    adjusted = comparison.adjust_p_values([0.04, 0.005, 0.02, 0.9])
    assert adjusted.tolist() == pytest.approx([0.08, 0.02, 0.06, 0.9])
    assert comparison.adjust_p_values([0.6, 0.7]).tolist() == [1, 1]


def predictions_of(errors, n_repeats=5, seed=0):
    """Predictions of named models whose errors have the given standard deviations."""
    rng = np.random.default_rng(seed)
    observed = rng.normal(size=N_SAMPLES)
    tested = FOLDS[(FOLDS["role"] == "test") & (FOLDS["repeat"] < n_repeats)].drop(columns="role")
    tables = []
    for model, sd in errors.items():
        predicted = observed + sd * rng.normal(size=N_SAMPLES)
        row = tested["sample"].to_numpy()
        tables.append(tested.assign(model=model, observed=observed[row], predicted=predicted[row]))
    return pd.concat(tables, ignore_index=True)


def test_models_are_compared_with_the_reference():
    """A model with half the reference's error is better, one with twice is worse, itself is absent."""
    scores = score_predictions(predictions_of({"reference": 0.6, "half": 0.3, "twice": 1.2}))
    table = comparison.compare_models(scores, FOLDS, "reference").set_index("model")
    assert table["change"].to_dict() == pytest.approx({"half": -0.5, "twice": 1.0}, abs=0.3)
    assert (table["p_holm"] < 0.01).all()
    assert table.loc["half", "better"] > 0.99
    assert table.loc["twice", "worse"] > 0.99
    np.testing.assert_allclose(table[["better", "equal", "worse"]].sum(axis=1), 1)
    with pytest.raises(ValueError, match=r"'PLS'; there are: reference, half, twice"):
        comparison.compare_models(scores, FOLDS, "PLS")


def test_fewer_repeats_are_compared_on_common_repeats():
    """A model with two repeats of five is compared on these two; the others are not affected."""
    predictions = predictions_of({"PLS": 1.0, "good": 0.5, "slow": 0.7})
    fewer = predictions[(predictions["model"] != "slow") | (predictions["repeat"] < 2)]
    found, all_repeats, first = (
        comparison.compare_models(score_predictions(rows), FOLDS, "PLS").set_index("model")
        for rows in (fewer, predictions, predictions[predictions["repeat"] < 2])
    )
    numbers = ["change", "lower", "upper", "p_value", "equal"]
    for model, expected in (("good", all_repeats), ("slow", first)):
        pd.testing.assert_series_equal(found.loc[model, numbers], expected.loc[model, numbers])


def test_pairs_are_corrected_for_as_many_comparisons():
    """Each model is compared with its own control; p-values are Holm-corrected over the pairs."""
    scores = score_predictions(predictions_of({"a": 0.3, "a, control": 0.6, "b": 0.5, "b, control": 0.5}))
    table = comparison.compare_pairs(scores, FOLDS, {"a": "a, control", "b": "b, control"})
    assert table["reference"].tolist() == ["a, control", "b, control"]
    assert table["outcome"].iloc[0] == "better"
    np.testing.assert_allclose(table["p_holm"], comparison.adjust_p_values(table["p_value"]))


@pytest.mark.parametrize(
    ("change", "spread", "word"),
    [
        (-0.25, 0.05, "better"),
        (0.25, 0.05, "worse"),
        (-0.08, 0.3, "undecided"),
        (-0.005, 0.002, "equal"),  # significant, and too small to matter
    ],
)
def test_the_word_of_a_verdict(change, spread, word):
    """A win, a loss, a tie and practical equality each get their word."""
    keys = FOLDS[["repeat", "fold"]].drop_duplicates()
    noise = np.random.default_rng(0).normal(size=len(keys))
    noise = (noise - noise.mean()) / noise.std()
    reference = keys.assign(model="PLS-Pb", metric="RMSE", value=1.0)
    other = keys.assign(model="ResNet-Pb", metric="RMSE", value=1 + change + spread * noise)
    row = comparison.compare_models(pd.concat([reference, other]), FOLDS, "PLS-Pb").iloc[0]
    assert comparison.decide_verdict(row) == word


def test_wrong_winners_are_counted():
    """The share is that of splits in which the model with the lower mean scored higher."""
    values = {"good": [0.6, 0.7, 0.2, 0.8], "poor": [0.5, 0.5, 0.4, 0.3]}
    rows = [(model, i, POOLED, "R2", value) for model, four in values.items() for i, value in enumerate(four)]
    scores = pd.DataFrame(rows, columns=["model", "repeat", "fold", "metric", "value"])
    row = comparison.count_wrong_winners(scores).iloc[0]
    assert (row["winner"], row["loser"], row["share"]) == ("good", "poor", 0.25)
    assert row["gap"] == pytest.approx(0.15)
    assert row["sd"] == pytest.approx(np.std([0.1, 0.2, -0.2, 0.5], ddof=1))


def test_interval_over_tasks_covers_the_truth():
    """Over 2,000 sets of ten simulated tasks, the 95 % interval of the mean holds the true mean in 95 %."""
    draws = np.random.default_rng(0).normal(0.3, 1, (2000, 10))
    covered = [lower <= 0.3 <= upper for _, lower, upper in map(comparison.mean_over_tasks, draws)]
    assert 0.935 < np.mean(covered) < 0.965
    with pytest.raises(ValueError, match="got 1 task"):
        comparison.mean_over_tasks([0.1])


def test_bootstrap_covers_the_truth():
    """Nominal 95 % intervals of R² cover the true value in 90–98 % of simulated studies."""
    sd, covered, n_studies = 0.6, 0, 80
    for study in range(n_studies):
        predictions = predictions_of({"m": sd}, n_repeats=1, seed=study)
        table = comparison.bootstrap_interval(predictions, n_draws=400, seed=study)
        covered += table["lower"].item() < 1 - sd**2 < table["upper"].item()
    assert 0.90 <= covered / n_studies <= 0.98


def test_bootstrap_value_is_the_pooled_score():
    """Without resampling the bootstrap's R² are the scores of the table."""
    predictions = predictions_of({"a": 0.3, "b": 0.7})
    scores = score_predictions(predictions).query("fold == -1").groupby(["metric", "model"])["value"].mean()
    table = comparison.bootstrap_interval(predictions, n_draws=50).set_index("model")["value"]
    assert table.to_dict() == pytest.approx(scores["R2"].to_dict())


def test_bootstrap_differences_share_their_draws():
    """The interval of a difference is narrower than the two models' own would suggest."""
    predictions = predictions_of({"a": 0.5})
    shifted = predictions.assign(model="b", predicted=predictions["predicted"] + 0.05)
    both = pd.concat([predictions, shifted])
    own = comparison.bootstrap_interval(both, n_draws=300).set_index("model")
    pair = comparison.bootstrap_interval(both, reference="a", n_draws=300).set_index("model").loc["b"]
    assert pair["value"] == pytest.approx(own.loc["b", "value"] - own.loc["a", "value"])
    assert pair["upper"] - pair["lower"] < (own["upper"] - own["lower"]).min() / 2


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
    with pytest.raises(ValueError, match="lack predictions"):
        comparison.bootstrap_interval(predictions_of({"a": 0.5}).drop(index=3))
