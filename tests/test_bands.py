"""Resampling invents nothing, unit conversion is reversible, splices go and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilpb import spectra

BANDS = np.arange(400.0, 2501.0, 1.0)


@pytest.fixture
def reflectance():
    """Three smooth spectra."""
    return np.array([0.2 + 0.1 * k + 0.05 * np.sin(BANDS / 300) for k in range(3)], dtype=np.float32)


def test_resampling_to_the_same_grid_is_the_identity(reflectance):
    """The same grid gives the same values, as a copy."""
    again = spectra.resample(BANDS, reflectance, BANDS)
    np.testing.assert_array_equal(again, reflectance)
    assert again is not reflectance


@given(st.floats(0.05, 0.9), st.floats(2.0, 40.0))
def test_resampling_keeps_a_constant(level, fwhm):
    """A flat spectrum stays flat on any grid and with any response: the weights sum to 1."""
    out = spectra.resample(BANDS, np.full((1, BANDS.size), level), spectra.band_grid(400, 2500, 10), fwhm)
    np.testing.assert_allclose(out, level, rtol=2e-6)


def test_resampling_keeps_a_straight_line_on_uneven_bands():
    """Uneven bands are weighted by the width they stand for: a line away from the ends stays a line."""
    uneven = np.sort(np.concatenate([np.arange(400, 1000, 1.0), np.arange(1000, 2500, 2.7)]))
    grid = spectra.band_grid(500, 2400, 10)
    out = spectra.resample(uneven, (uneven / 5000)[None, :], grid, 10.0)
    np.testing.assert_allclose(out[0], grid / 5000, atol=2e-5)


def test_resampling_broadens_a_line_by_the_response():
    """A Gaussian line of width s comes out with width sqrt(s² + response²)."""
    sigma, fwhm = 8.0, 20.0
    line = np.exp(-(((BANDS - 1200) / sigma) ** 2) / 2)
    out = spectra.resample(BANDS, line[None, :], BANDS, fwhm)[0].astype(float)
    width = np.sqrt(np.sum(out * (BANDS - 1200) ** 2) / out.sum())
    assert width == pytest.approx(np.hypot(sigma, fwhm / 2.3548), rel=1e-3)


def test_nothing_is_extrapolated(reflectance):
    """A grid beyond the measured range is refused."""
    with pytest.raises(ValueError, match="350–2500 nm reaches beyond the measured 400–2500"):
        spectra.resample(BANDS, reflectance, spectra.band_grid(350, 2500, 10))


def test_absorbance_is_inverse_to_reflectance_above_the_floor():
    """R → log10(1/R) → R is the identity above the floor, and finite below it."""
    values = np.array([0.002, 0.05, 0.5, 1.0])
    np.testing.assert_allclose(spectra.reflectance_from_absorbance(spectra.absorbance(values)), values)
    assert np.isfinite(spectra.absorbance(np.array([0.0, -0.01]))).all()


def test_splice_correction_removes_a_planted_step_and_nothing_else(reflectance):
    """A 2 % step at 1000 nm disappears; a spectrum without steps stays as it was."""
    stepped = reflectance.copy()
    stepped[:, BANDS > 1000] *= 1.02
    mended = spectra.correct_splices(BANDS, stepped)
    np.testing.assert_allclose(mended, reflectance, rtol=3e-4)
    np.testing.assert_allclose(spectra.correct_splices(BANDS, reflectance), reflectance, rtol=3e-4)
