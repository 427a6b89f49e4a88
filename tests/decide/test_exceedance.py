"""The probability of exceedance carries the uncertainty of the target and of the pH that sets the limit."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from soilpb.decide import exceedance
from soilpb.decide.exceedance import calibration_error, reliability_table
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.standards import lead_limit

GB, RULE = "GB 15618-2018", "screening, other land"


def soils(n, seed, rho=0.0, ph_sd=0.5):
    """Lead and pH that two bands show, with errors whose correlation is rho."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 2))
    errors = rng.multivariate_normal([0, 0], [[1, rho], [rho, 1]], n)
    return X, 4.5 + 0.5 * X[:, 0] + 0.3 * errors[:, 0], 6.2 + X[:, 1] + ph_sd * errors[:, 1]


def probabilities(seed, rho):
    """Probabilities for 200 new soils, and which of them exceed their own limit."""
    from sklearn.linear_model import LinearRegression

    X, lead, ph = soils(80, seed, rho)
    new, new_lead, new_ph = soils(200, 500 + seed, rho)
    fold = assign_folds(80, 10, seed)
    draws, ph_draws = (CrossConformal.fit(LinearRegression(), X, y, fold).draws(new) for y in (lead, ph))
    return np.exp(draws), ph_draws, np.exp(new_lead) > lead_limit(GB, RULE, new_ph), new_ph


@pytest.mark.parametrize("rho", [0.0, 0.9])
def test_probabilities_with_predicted_ph_are_true(rho):
    """With two normal errors, related or not, soils given p exceed their own pH's limit in p of cases."""
    given, happened = [], []
    for seed in range(25):
        draws, ph_draws, exceeded, _ = probabilities(seed, rho)
        given.append(exceedance.with_predicted_ph(draws, ph_draws, GB, RULE))
        happened.append(exceeded)
    assert calibration_error(reliability_table(np.concatenate(given), np.concatenate(happened))) < 0.025


def test_probabilities_that_forget_the_error_of_ph_are_not_true():
    """Taking the predicted pH for the truth is worse: the error of pH is part of the answer."""
    honest, sure, happened = [], [], []
    for seed in range(25):
        draws, ph_draws, exceeded, _ = probabilities(seed, 0.9)
        honest.append(exceedance.with_predicted_ph(draws, ph_draws, GB, RULE))
        limit = lead_limit(GB, RULE, np.median(ph_draws, axis=1))
        sure.append(exceedance.exceedance_probability(draws, limit[:, None]))
        happened.append(exceeded)
    honest, sure, happened = map(np.concatenate, (honest, sure, happened))
    errors = [calibration_error(reliability_table(given, happened)) for given in (honest, sure)]
    assert errors[1] > 1.5 * errors[0]


def test_errors_of_one_soil_stay_together():
    """Draws of lead and pH are paired: shuffling one of them against the other changes the answer."""
    draws, ph_draws, _, _ = probabilities(0, 0.95)
    torn = ph_draws[:, np.random.default_rng(0).permutation(80)]
    together, apart = (exceedance.with_predicted_ph(draws, ph, GB, RULE) for ph in (ph_draws, torn))
    assert np.abs(together - apart).max() > 0.05


def test_the_limit_follows_the_ph():
    """The same lead exceeds the limit of an acid soil and not that of an alkaline one."""
    draws = np.full((2, 99), 100.0)
    found = exceedance.with_measured_ph(draws, [5.0, 7.0], GB, RULE)
    np.testing.assert_allclose(found, [0.995, 0.005])


def test_a_measured_ph_near_an_end_of_its_class_is_uncertain_too():
    """At pH 5.5 with a normal error half of the probability falls on each side; taken as exact, none."""
    draws = np.full((1, 999), 80.0)  # above 70, below 90
    found = exceedance.with_measured_ph(draws, 5.55, GB, RULE, ph_sd=0.1)
    assert found == pytest.approx(norm.cdf(-0.5), abs=0.03)
    assert exceedance.with_measured_ph(draws, 5.55, GB, RULE, ph_sd=0) < 0.001


def test_measured_ph_goes_before_predicted_and_unknown_stays_unknown():
    """A soil with pH uses it, one without takes the prediction, and without both only fixed limits hold."""
    draws = np.full((2, 99), 100.0)
    acid = np.full((2, 99), 5.0)
    acid[:, 3] = np.nan  # a soil whose pH was never measured
    ph = np.array([7.0, np.nan])
    found = exceedance.exceedance_by_rule(draws, GB, ph=ph, ph_draws=acid)[RULE]
    assert found[0] < 0.01
    assert found[1] > 0.99
    alone = exceedance.exceedance_by_rule(draws, GB, ph=ph)
    assert list(alone) == ["screening, paddy", RULE, "intervention"]
    assert alone.loc[1].isna().all()
    finland = exceedance.exceedance_by_rule(draws, "Finland 214/2007")
    assert (finland["threshold"] > 0.99).all()
    assert (finland["lower guideline"] < 0.01).all()


def test_a_users_limits_are_used():
    """Limits that were read from a file stand in for those of the package."""
    own = pd.DataFrame(
        [("mine", "stop", -np.inf, np.inf, 50.0, "mine.yml")],
        columns=["standard", "rule", "ph_above", "ph_to", "limit_mg_kg", "citation"],
    )
    assert exceedance.exceedance_by_rule(np.full((1, 99), 60.0), "mine", own)["stop"][0] > 0.99


def test_draws_of_different_models_are_refused():
    """Draws that cannot be paired are an error."""
    with pytest.raises(ValueError, match="draws of one model"):
        exceedance.with_predicted_ph(np.ones((2, 5)), np.ones((2, 6)), GB, RULE)
