"""Soils measured on two instruments say how the second is corrected; disturbances change what they should."""

import numpy as np
import pytest

from soilpb.evaluate.instruments import (
    Standardisation,
    disturb,
    measure_robustness,
    simulate_instrument,
    standardise,
)
from soilpb.simulate import twin
from soilpb.spectra import absorbance

GRID = np.arange(430.0, 2441.0, 30.0)


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 60 simulated soils, (60, n_bands)."""
    return twin.simulate_target(60, seed=12, grid=GRID).reflectance.astype(float)


def predict(X):
    """Slope of the spectrum's absorbance around 1400 nm: no gain changes it, a ripple does."""
    A = absorbance(X)
    return 100 * (A[:, 34] - A[:, 30])


def test_a_gain_per_band_is_undone_by_ten_pairs(soils):
    """A ripple without noise is one offset of absorbance: predictions come back."""
    second = soils * (1 + 0.03 * np.sin(GRID / 60)) * 1.05
    found = standardise(soils[:10], second[:10], predict, soils)
    assert found.error < 0.01 * found.errors["none"]
    np.testing.assert_allclose(found.predict(predict, second), predict(soils), atol=0.05)


def test_the_same_instrument_needs_no_correction(soils):
    """Nothing is chosen over nothing where both instruments are one."""
    found = standardise(soils[:8], soils[:8], predict, soils)
    assert found.method == "none"
    np.testing.assert_allclose(found.correct(soils), soils, rtol=1e-9)


def test_the_choice_does_not_see_the_pair_that_is_left_out(soils):
    """Pairs of unrelated soils are predicted no better by any method than by their own mean."""
    rng, shares = np.random.default_rng(0), []
    for _ in range(2):
        first, second = np.split(soils[rng.permutation(60)[:20]], 2)
        shares.append(standardise(first, second, predict, soils).error / predict(first).std())
    assert np.mean(shares) > 0.9


def test_pairs_that_are_too_few_or_do_not_fit_are_refused(soils):
    """What was got and what is expected."""
    with pytest.raises(ValueError, match="4 soils were measured on both instruments; 5 to 30 are needed"):
        standardise(soils[:4], soils[:4], predict, soils)
    with pytest.raises(ValueError, match="of the first instrument are"):
        standardise(soils[:6], soils[:5], predict, soils)


def test_what_is_stored_corrects_as_before(soils, tmp_path):
    """Arrays and numbers come back; another model's bands are refused."""
    second = simulate_instrument(GRID, soils, np.random.default_rng(0), noise=1e-5)
    found = standardise(soils[:10], second[:10], predict, soils)
    found.save(tmp_path / "a", model="x")
    loaded, card = Standardisation.load(tmp_path / "a", len(GRID))
    assert (card["model"], loaded.method, loaded.errors) == ("x", found.method, found.errors)
    np.testing.assert_array_equal(loaded.predict(predict, second), found.predict(predict, second))
    with pytest.raises(ValueError, match=f"it has {len(GRID)} bands, the model 9"):
        Standardisation.load(tmp_path / "a", 9)


def test_disturbances_change_what_they_should(soils):
    """A gain changes no slope of absorbance, noise does; the first row is the undisturbed error."""
    y = predict(soils) + 0.5
    table = measure_robustness(GRID, soils, y, predict).set_index("disturbance")
    assert table.loc["none", "RMSE"] == pytest.approx(0.5)
    assert table.loc["gain of 3 %", "change"] == pytest.approx(0, abs=1e-6)
    assert table.loc["noise of 0.001 (reflectance)", "change"] > 0.01
    assert set(table.index[1:]) == set(disturb(GRID, soils))
    wet = disturb(GRID, soils)["5 % more water"]
    near = np.abs(GRID - 1930) < 20
    assert (wet[:, near] < soils[:, near]).all()
