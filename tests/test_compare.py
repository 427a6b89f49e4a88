"""Tests of differences: checked where the truth is known, and broken on purpose."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soilpb.evaluate import comparison, cross_validation, splits

N_SAMPLES, N_BANDS = 100, 5
FOLDS = splits.repeated_kfold(range(N_SAMPLES), n_splits=5, n_repeats=5)
RATIO = splits.held_out_ratio(FOLDS)


def rmse_of_folds(X, y):
    """RMSE of least squares in every fold of every simulation, (n_simulations, n_folds)."""
    errors = []
    for *_, train, test in splits.iterate_folds(FOLDS, range(N_SAMPLES)):
        gram = np.einsum("sij,sik->sjk", X[:, train], X[:, train])
        moment = np.einsum("sij,si->sj", X[:, train], y[:, train])
        slopes = np.linalg.solve(gram, moment[..., None])[..., 0]
        error = np.einsum("sij,sj->si", X[:, test], slopes) - y[:, test]
        errors.append(np.sqrt((error**2).mean(axis=1)))
    return np.stack(errors, axis=1)


def simulated_differences(n_simulations, second_slope=1.0, seed=0):
    """RMSE of a model that sees one half of the causes minus that of one that sees the other.

    With ``second_slope=1`` both halves matter alike and the models are equally good.
    """
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, n_simulations, N_SAMPLES, N_BANDS))
    y = (first + second_slope * second).sum(axis=2) + rng.normal(size=(n_simulations, N_SAMPLES))
    return rmse_of_folds(first, y) - rmse_of_folds(second, y)


def test_size_is_nominal_where_the_truth_is_known():
    """Of two equally good models, the corrected test at 5 % calls one better in 2–8 % of studies."""
    differences = simulated_differences(2000)
    wrong = (comparison.corrected_t_test(differences, RATIO).p_value < 0.05).mean()
    assert 0.02 <= wrong <= 0.08
    uncorrected = (comparison.corrected_t_test(differences, 0).p_value < 0.05).mean()
    assert uncorrected > 0.2


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


def test_belief_and_p_value_agree_without_a_region():
    """With a region of no width, twice the smaller tail of the posterior is the p-value."""
    differences = np.random.default_rng(1).normal(0.2, 1, 25)
    belief = comparison.bayesian_t_test(differences, RATIO, rope=0)
    expected = comparison.corrected_t_test(differences, RATIO).p_value
    assert 2 * min(belief.below, belief.above) == pytest.approx(expected)
    assert belief.inside == pytest.approx(0, abs=1e-12)


def test_a_small_sure_difference_is_practically_nothing():
    """A difference that is certain but inside the region of equivalence counts as equality."""
    differences = np.random.default_rng(2).normal(0.01, 0.002, 25)
    assert comparison.corrected_t_test(differences, RATIO).p_value < 0.001
    assert comparison.bayesian_t_test(differences, RATIO, rope=0.02).inside > 0.999


def test_models_that_never_differ_are_equal():
    """Without any difference the p-value is 1 and all belief lies inside the region."""
    assert comparison.corrected_t_test(np.zeros(10), RATIO).p_value == 1
    assert comparison.bayesian_t_test(np.zeros(10), RATIO, 0.01) == (0, 1, 0)


def test_one_fold_is_no_sample():
    """A single fold has no variance; asking is an error."""
    with pytest.raises(ValueError, match="at least 2"):
        comparison.corrected_t_test(np.array([0.3]), RATIO)


def test_holm_is_step_down():
    """Adjusted p-values are those worked out by hand, in the order given, never above 1."""
    assert comparison.adjust_p_values([0.04, 0.005, 0.02, 0.9]).tolist() == pytest.approx(
        [0.08, 0.02, 0.06, 0.9]
    )
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


def test_against_orders_the_models_about_the_reference():
    """A model with half the reference's error is better, one with twice is worse, itself is absent."""
    scores = cross_validation.score_predictions(predictions_of({"reference": 0.6, "half": 0.3, "twice": 1.2}))
    table = comparison.compare_models(scores, FOLDS, "reference").set_index("model")
    assert set(table.index) == {"half", "twice"}
    assert table.loc["half", "change"] == pytest.approx(-0.5, abs=0.1)
    assert table.loc["twice", "change"] == pytest.approx(1, abs=0.3)
    assert (table["p_holm"] < 0.001).all()
    assert table.loc["half", "better"] > 0.99
    assert table.loc["twice", "worse"] > 0.99
    np.testing.assert_allclose(table[["better", "equal", "worse"]].sum(axis=1), 1)


def test_fewer_repeats_are_compared_on_common_repeats():
    """A model with two repeats of five is compared on these two; the others are not affected."""
    predictions = predictions_of({"PLS": 1.0, "good": 0.5, "slow": 0.7})
    all_repeats = comparison.compare_models(cross_validation.score_predictions(predictions), FOLDS, "PLS")
    fewer = predictions[(predictions["model"] != "slow") | (predictions["repeat"] < 2)]
    found = comparison.compare_models(cross_validation.score_predictions(fewer), FOLDS, "PLS")
    first = cross_validation.score_predictions(predictions[predictions["repeat"] < 2])
    expected = comparison.compare_models(first, FOLDS, "PLS")
    numbers = ["change", "lower", "upper", "p_value", "equal"]
    for model, table in (("good", all_repeats), ("slow", expected)):
        row, other = (rows.set_index("model").loc[model, numbers] for rows in (found, table))
        pd.testing.assert_series_equal(row, other)


def test_against_refuses_r2_and_unknown_references():
    """R² of single folds is refused, and a missing reference is named with what exists."""
    scores = cross_validation.score_predictions(predictions_of({"a": 0.5, "b": 0.5}))
    with pytest.raises(ValueError, match="compare errors"):
        comparison.compare_models(scores, FOLDS, "a", metric="R2")
    with pytest.raises(ValueError, match=r"'PLS'; there are: a, b"):
        comparison.compare_models(scores, FOLDS, "PLS")


def test_wrong_winners_counts_upsets():
    """The share is that of splits in which the model with the lower mean scored higher."""
    scores = pd.DataFrame(
        {
            "model": ["good"] * 4 + ["poor"] * 4,
            "repeat": [0, 1, 2, 3] * 2,
            "fold": cross_validation.POOLED,
            "metric": "R2",
            "value": [0.6, 0.7, 0.2, 0.8, 0.5, 0.5, 0.4, 0.3],
        }
    )
    row = comparison.count_wrong_winners(scores).iloc[0]
    assert (row["winner"], row["loser"], row["share"]) == ("good", "poor", 0.25)
    assert row["gap"] == pytest.approx(0.15)
    assert row["sd"] == pytest.approx(np.std([0.1, 0.2, -0.2, 0.5], ddof=1))


def test_interval_over_tasks_covers_the_truth():
    """Over 2,000 sets of ten simulated tasks, the 95 % interval of the mean holds the true mean in 95 %."""
    draws = np.random.default_rng(0).normal(0.3, 1, (2000, 10))
    covered = [lower <= 0.3 <= upper for _, lower, upper in map(comparison.mean_over_tasks, draws)]
    assert 0.935 < np.mean(covered) < 0.965


def test_one_task_has_no_interval():
    """A single task is refused: nothing says how far the next would be."""
    with pytest.raises(ValueError, match="got 1 task"):
        comparison.mean_over_tasks([0.1])
