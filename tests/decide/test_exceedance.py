"""Probabilities of exceedance are true, their table shows it, and decisions by them are the cheapest."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from soilpb.decide.exceedance import (
    ACTIONS,
    Costs,
    calibration_error,
    compare_policies,
    coverage_by_content,
    detection_table,
    error_by_chance,
    exceedance_by_rule,
    exceedance_probability,
    reliability_table,
)
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.standards import lead_limit

GB, RULE = "GB 15618-2018", "screening, other land"
COSTS = Costs(analysis=50, remediation=1000, harm=4000)


def soils(n, seed, rho):
    """Lead and pH that two bands show, with errors whose correlation is rho."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    errors = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    return X, 4.5 + 0.5 * X[:, 0] + 0.3 * errors[:, 0], 6.2 + X[:, 1] + 0.5 * errors[:, 1]


def draw(seed, rho):
    """Draws of lead and pH for 200 new soils, and which of them exceed their own limit."""
    X, lead, ph = soils(80, seed, rho)
    new, new_lead, new_ph = soils(200, 500 + seed, rho)
    fold = assign_folds(80, 10, seed)
    draws, ph_draws = (
        CrossConformal.fit({"line": LinearRegression()}, X, y, fold).draws(new) for y in (lead, ph)
    )
    return np.exp(draws), ph_draws, np.exp(new_lead) > lead_limit(GB, RULE, new_ph)


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_probabilities_with_predicted_ph_are_true(rho):
    """Soils given p exceed in p of cases, errors correlated or not; taking predicted pH for true is worse."""
    honest, sure, happened = [], [], []
    for seed in range(25):
        draws, ph_draws, exceeded = draw(seed, rho)
        honest.append(exceedance_by_rule(draws, GB, ph_draws=ph_draws)[RULE])
        limit = lead_limit(GB, RULE, np.median(ph_draws, axis=1))
        sure.append(exceedance_probability(draws, limit[:, None]))
        happened.append(exceeded)
    honest, sure, happened = map(np.concatenate, (honest, sure, happened))
    error = calibration_error(reliability_table(honest, happened))
    assert error < 0.025
    if rho:
        assert calibration_error(reliability_table(sure, happened)) > 1.5 * error


def test_a_measured_ph_sets_the_limit_with_its_own_error():
    """100 mg/kg exceeds the limit of an acid soil, not of a neutral one; at a class's end both are likely."""
    found = exceedance_by_rule(np.full((3, 99), 100.0), GB, ph=[5.0, 7.0, 6.5])[RULE]
    np.testing.assert_allclose(found, [0.995, 0.005, 0.5], atol=0.03)


def test_measured_ph_goes_before_predicted_and_unknown_stays_unknown():
    """A soil with pH uses it, one without takes the prediction, and without both only fixed limits hold."""
    draws = np.full((2, 99), 100.0)
    acid = np.full((2, 99), 5.0)
    acid[:, 3] = np.nan  # a soil whose pH was never measured
    ph = np.array([7.0, np.nan])
    found = exceedance_by_rule(draws, GB, ph=ph, ph_draws=acid)[RULE]
    assert found[0] < 0.01
    assert found[1] > 0.99
    alone = exceedance_by_rule(draws, GB, ph=ph)
    assert list(alone) == ["screening, paddy", RULE, "intervention"]
    assert alone.loc[1].isna().all()
    finland = exceedance_by_rule(draws, "Finland 214/2007")
    assert (finland["threshold"] > 0.99).all()
    assert (finland["lower guideline"] < 0.01).all()


def test_probabilities_are_never_certain_and_need_a_limit():
    """Beyond all draws the probability is half a part in n + 1; without a limit there is none."""
    draws = np.arange(9.0)[None].repeat(3, axis=0)
    found = exceedance_probability(draws, np.array([[99.0], [-1.0], [np.nan]]))
    np.testing.assert_allclose(found, [0.05, 0.95, np.nan])


def outcomes(seed, n=20_000):
    rng = np.random.default_rng(seed)
    truth = rng.uniform(size=n)
    return truth, rng.uniform(size=n) < truth


def test_true_probabilities_have_no_error_and_distorted_ones_have_theirs():
    """Probabilities drawn from are calibrated; pushed by 0.1 towards the ends, they err by that."""
    truth, happened = outcomes(0)
    assert calibration_error(reliability_table(truth, happened)) < 0.01
    pushed = np.clip(truth + np.where(truth > 0.5, 0.1, -0.1), 0, 1)
    assert calibration_error(reliability_table(pushed, happened)) == pytest.approx(0.09, abs=0.01)


def test_bins_count_every_soil_once():
    """Each bin holds its own soils, ends included; a missing probability has no bin."""
    given = np.array([0.0, 0.05, 0.1, 0.55, 1.0, np.nan])
    table = reliability_table(given, np.array([False, True, False, True, True, True]))
    assert table["bin"].round(2).tolist() == [0.05, 0.15, 0.55, 0.95]
    assert table["n"].tolist() == [2, 1, 1, 1]
    assert table["observed"].tolist() == [0.5, 0.0, 1.0, 1.0]


def test_intervals_of_bins_cover_the_truth():
    """In about 95 % of bins the interval holds the true probability."""
    covered = []
    for seed in range(30):
        table = reliability_table(*outcomes(seed, 300))
        covered.append((table["lower"] <= table["predicted"]) & (table["predicted"] <= table["upper"]))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_chance_explains_what_true_probabilities_show():
    """Errors of true probabilities stay below the bound in 95 % of cases; those of distorted ones do not."""
    p = np.random.default_rng(0).uniform(size=150)
    bound, rng = error_by_chance(p), np.random.default_rng(1)
    drawn = [rng.uniform(size=150) < p for _ in range(150)]
    below = [calibration_error(reliability_table(p, happened)) <= bound for happened in drawn]
    assert np.mean(below) == pytest.approx(0.95, abs=0.04)
    distorted = np.clip(p - 0.2, 0, 1)
    bound = error_by_chance(distorted)
    above = [calibration_error(reliability_table(distorted, happened)) > bound for happened in drawn[:20]]
    assert np.mean(above) > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: reliability_table(np.array([30.0]), np.array([True])), "run to 30"),
        (lambda: reliability_table(np.array([0.3]), np.array([True, False])), "expected as many"),
        (lambda: exceedance_by_rule(np.ones((2, 5)), GB, ph_draws=np.ones((2, 6))), "draws of one model"),
        (lambda: Costs(1, 1, -1), "harm is -1"),
    ],
)
def test_what_cannot_be_meant_is_refused(call, message):
    """Percent, lengths that differ, draws that cannot be paired, a negative cost."""
    with pytest.raises(ValueError, match=message):
        call()


LOW, HIGH = COSTS.thresholds()


@pytest.mark.parametrize(
    ("p", "costs", "best"),
    [
        *((LOW - 1e-6, COSTS, "ignore"), (LOW + 1e-6, COSTS, "send")),
        *((HIGH - 1e-6, COSTS, "send"), (HIGH + 1e-6, COSTS, "remediate")),
        (0.5, Costs(analysis=50, remediation=1000, harm=800), "ignore"),  # treating costs more than the harm
        (0.5, Costs(analysis=5000, remediation=1000, harm=4000), "remediate"),  # a laboratory too dear
        (0.5, Costs(analysis=0, remediation=1000, harm=4000), "send"),
    ],
)
def test_the_cheapest_action_is_chosen(p, costs, best):
    """It changes at the thresholds; extreme costs have their obvious answer."""
    taken = compare_policies([p], [False], costs).set_index("policy").loc["by probability", list(ACTIONS)]
    assert taken.astype(float).idxmax() == best


def test_deciding_by_true_probabilities_beats_treating_all_alike():
    """With calibrated probabilities the decision costs least of all policies but knowing the truth."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 0.6, 5000)
    exceeded = rng.uniform(size=5000) < p
    table = compare_policies(p, exceeded, COSTS).set_index("policy")
    alike = table.loc[[f"{action} all" for action in ACTIONS], "cost"]
    assert table.loc["knowing all", "cost"] < table.loc["by probability", "cost"] < alike.min()
    np.testing.assert_allclose(alike, [4000 * exceeded.mean(), 50 + 1000 * exceeded.mean(), 1000])
    np.testing.assert_allclose(table[list(ACTIONS)].sum(axis=1), 1)


def test_soils_above_their_limit_are_found_or_missed():
    """Every soil is counted once at each threshold; a higher one finds fewer and is wrong less often."""
    truth, exceeded = outcomes(3, 2000)
    table = detection_table(truth, exceeded)
    assert (table["found"] + table["missed"] == exceeded.sum()).all()
    assert (table["called"] == table["found"] + table["false"]).all()
    assert table["sensitivity"].is_monotonic_decreasing
    assert table["specificity"].is_monotonic_increasing
    at_half = table.query("threshold == 0.5").iloc[0]  # of a uniform probability, 3/4 of those above
    assert at_half["sensitivity_low"] < 0.75 < at_half["sensitivity_high"]
    assert np.isnan(detection_table(truth, truth < 0)["sensitivity"]).all()


def test_intervals_that_miss_the_richest_tenth_say_so():
    """Where only the richest soils lie beyond their intervals, their tenth holds none and the others all."""
    observed = np.arange(1.0, 201)
    soils = pd.DataFrame({"observed": observed, "predicted": np.minimum(observed, 150)})
    soils = soils.assign(lower=0.0, upper=180.0).sample(frac=1, random_state=0)
    table = coverage_by_content(soils)
    assert table["n"].eq(20).all()
    assert table["coverage"].tolist() == [1.0] * 9 + [0.0]
    assert table.iloc[-1]["ratio"] == pytest.approx(150 / 190.5, abs=0.001)
