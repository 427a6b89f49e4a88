"""A reliability table shows what happened, and its error is 0 only for true probabilities."""

import numpy as np
import pytest

from soilpb.decide.exceedance import brier_score, calibration_error, error_by_chance, reliability_table


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
    """Each bin holds its own soils, ends included, and its interval holds its share."""
    given = np.array([0.0, 0.05, 0.1, 0.55, 1.0, np.nan])
    table = reliability_table(given, np.array([False, True, False, True, True, True]))
    assert table["bin"].round(2).tolist() == [0.05, 0.15, 0.55, 0.95]
    assert table["n"].tolist() == [2, 1, 1, 1]
    assert table["observed"].tolist() == [0.5, 0.0, 1.0, 1.0]
    assert ((table["lower"] <= table["observed"]) & (table["observed"] <= table["upper"])).all()


def test_intervals_of_bins_cover_the_truth():
    """In about 95 % of bins the interval holds the true probability."""
    covered = []
    for seed in range(30):
        truth, happened = outcomes(seed, 300)
        table = reliability_table(truth, happened)
        covered.append((table["lower"] <= table["predicted"]) & (table["predicted"] <= table["upper"]))
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_luck_alone_explains_what_true_probabilities_show():
    """Errors of true probabilities stay below the bound in as many cases as stated; distorted ones do not."""
    p = np.random.default_rng(0).uniform(size=150)
    bound = error_by_chance(p, 0.95)
    rng = np.random.default_rng(1)
    drawn = [rng.uniform(size=150) < p for _ in range(400)]
    below = [calibration_error(reliability_table(p, happened)) <= bound for happened in drawn]
    assert np.mean(below) == pytest.approx(0.95, abs=0.03)
    distorted = np.clip(p - 0.2, 0, 1)
    wrong = [
        calibration_error(reliability_table(distorted, happened)) > error_by_chance(distorted)
        for happened in drawn[:20]
    ]
    assert np.mean(wrong) > 0.9


def test_sharp_probabilities_score_better_than_the_mean():
    """Both are calibrated; only the Brier score tells that one of them knows something."""
    truth, happened = outcomes(0)
    dull = np.full(len(truth), happened.mean())
    assert calibration_error(reliability_table(dull, happened)) < 0.01
    assert brier_score(truth, happened) < 0.7 * brier_score(dull, happened)


def test_what_is_no_probability_is_refused():
    """Percent and lengths that differ are errors."""
    with pytest.raises(ValueError, match="run to 30"):
        reliability_table(np.array([30.0]), np.array([True]))
    with pytest.raises(ValueError, match="expected as many"):
        brier_score(np.array([0.3]), np.array([True, False]))
