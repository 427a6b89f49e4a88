"""A window named beforehand against all windows of its width."""

import numpy as np
import pandas as pd
import pytest

from soilpb.explain.bands import PUBLISHED_WINDOWS, compare_windows

WAVELENGTHS = np.arange(400.0, 1400.0, 10.0)


def profiles(peak, height=10.0, n_draws=5, noise=0.05):
    """Flat credit but for one window, which carries ``height`` times as much."""
    rng = np.random.default_rng(0)
    inside = (peak[0] <= WAVELENGTHS) & (peak[1] >= WAVELENGTHS)
    credit = np.where(inside, height, 1.0) * rng.lognormal(0, noise, (n_draws, WAVELENGTHS.size))
    draws = [
        pd.DataFrame({"draw": i, "wavelength": WAVELENGTHS, "mean_abs": row}) for i, row in enumerate(credit)
    ]
    return pd.concat(draws)


def window(start, stop):
    """One window to test."""
    return pd.DataFrame({"start": [start], "stop": [stop]})


def test_the_window_that_carries_the_credit_is_the_best_of_its_width():
    """Its p-value is one over the number of windows as wide, its interval lies above an even spread."""
    tested = compare_windows(profiles((700, 790)), window(700, 790), left_out=0.2).iloc[0]
    assert tested["p"] == pytest.approx(1 / 91)  # 100 bands, windows of 10
    assert tested["relative"] == pytest.approx(10 / 1.9, rel=0.05)
    assert 1 < tested["low"] < tested["relative"] < tested["high"]


def test_a_window_beside_it_is_not():
    """Flat credit away from the peak is below the even spread, and as many windows carry more."""
    tested = compare_windows(profiles((700, 790)), window(1000, 1090), left_out=0.2).iloc[0]
    assert tested["high"] < 1
    assert tested["p"] > 0.1


def test_credit_may_have_any_unit():
    """Ten times the credit everywhere changes no relative credit and no p-value."""
    once = compare_windows(profiles((700, 790)), PUBLISHED_WINDOWS.iloc[:1], left_out=0.2)
    scaled = profiles((700, 790)).assign(mean_abs=lambda table: 10 * table["mean_abs"])
    pd.testing.assert_frame_equal(once, compare_windows(scaled, PUBLISHED_WINDOWS.iloc[:1], left_out=0.2))


def test_many_windows_are_corrected_for():
    """The best of two windows needs half the p-value."""
    two = pd.concat([window(700, 790), window(1000, 1090)], ignore_index=True)
    tested = compare_windows(profiles((700, 790)), two, left_out=0.2)
    assert tested["p_holm"].tolist() == pytest.approx([2 * tested["p"][0], tested["p"][1]])


def test_a_window_without_bands_is_refused():
    """A window between two bands of the grid cannot be tested."""
    with pytest.raises(ValueError, match="no band of the profile lies within 402–408 nm"):
        compare_windows(profiles((700, 790)), window(402, 408), left_out=0.2)


def test_published_windows_lie_on_the_usual_grids():
    """Each published window holds bands of a 10 nm grid, and says who published it."""
    tested = compare_windows(
        profiles((700, 790)).query("wavelength < 1400"), PUBLISHED_WINDOWS.query("stop < 1400"), 0.2
    )
    assert len(tested) == 3
    assert (PUBLISHED_WINDOWS["citation"] == "he2025").all()
