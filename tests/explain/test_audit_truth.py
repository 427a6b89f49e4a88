"""Where the truth is known, verdicts on true bands are themselves true."""

import numpy as np
import pandas as pd
import pytest

from soilpb.explain.attribution import linear_shap
from soilpb.explain.sanity_checks import check_truth, compare_with_truth, true_profile, true_windows
from soilpb.models.pls import PLSCV
from soilpb.simulate import truth, twin

GRID = np.arange(400.0, 2500.0, 20.0)
BAND = (1000.0, 15.0, 0.05)


@pytest.fixture(scope="module")
def soils():
    """130 simulated soils in which lead itself absorbs at 1000 nm."""
    return twin.simulate_target(130, seed=0, grid=GRID, direct_band=BAND)


@pytest.fixture(scope="module")
def response(soils):
    return truth.true_response(soils.samples, GRID, direct_band=BAND)


def profiles(credit):
    """Three draws of a profile with a little noise."""
    rng = np.random.default_rng(0)
    noisy = credit * rng.lognormal(0, 0.02, (3, GRID.size))
    return pd.concat(
        pd.DataFrame({"draw": i, "wavelength": GRID, "mean_abs": row}) for i, row in enumerate(noisy)
    )


def test_credit_that_is_the_truth_recovers_all(response):
    """A profile equal to the true response recovers every true window and ranks wavelengths perfectly."""
    credit = true_profile(response).to_numpy() ** 2  # squared, to lie clear of the even spread
    compared = compare_with_truth(profiles(credit), response, left_out=0.2)
    assert set(compared.loc[compared["true"] > 1.3, "outcome"]) == {"recovered"}
    ranking, *_ = check_truth(profiles(credit), response, "oracle", left_out=0.2)
    assert ranking.statistic > 0.99
    assert ranking.verdict == "holds"


def test_credit_that_avoids_the_truth_misses_all(response):
    """A profile that is high only where nothing acts misses every true window."""
    credit = np.where(true_profile(response) > 1, 0.01, 1.0)
    outcomes = compare_with_truth(profiles(credit), response, left_out=0.2)["outcome"]
    assert set(outcomes) == {"missed"}
    ranking, *windows = check_truth(profiles(credit), response, "liar", left_out=0.2)
    assert {v.verdict for v in (ranking, *windows)} == {"fails"}


def test_windows_are_where_the_response_exceeds_an_even_spread(response):
    """Together the windows hold exactly the wavelengths whose true response is above its mean."""
    windows = true_windows(response)
    inside = sum(np.isin(GRID, np.arange(w.start, w.stop + 1, 20)).astype(int) for w in windows.itertuples())
    assert np.array_equal(inside, (true_profile(response) > 1).astype(int))


def test_a_planted_driver_is_named(response):
    """Where lead itself absorbs, lead is what acts."""
    windows = true_windows(response)
    holds = windows[(windows["start"] <= 1000) & (windows["stop"] >= 1000)]
    assert holds["driver"].tolist() == ["lead"]


def test_a_model_of_the_planted_band_is_said_to_use_it(soils, response):
    """PLS, fitted to soils in which lead absorbs at 1000 nm, is found to use that window."""
    y, X = np.log(soils.values("Pb_mg_kg")), soils.reflectance
    draws = []
    for i, test in enumerate(np.array_split(np.random.default_rng(0).permutation(130), 5)):
        train = np.setdiff1d(np.arange(130), test)
        model = PLSCV(max_components=10).fit(X[train], y[train])
        draws.append(linear_shap(model, X, X[train], GRID).profile("PLS-Pb", i))
    verdicts = check_truth(pd.concat(draws), response, "PLS-Pb", left_out=0.2)
    lead = [v for v in verdicts if "where lead truly acts" in v.statement]
    assert [v.verdict for v in lead] == ["holds"]
