"""Spectra are validated and never mutated; resampling invents nothing; splices go and nothing else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import savgol_filter

from soilpb import spectra
from soilpb.readers.libraries import limesoda
from soilpb.spectra import Provenance, SoilSpectra

BANDS = np.arange(400.0, 2501.0, 1.0)


def make(reflectance, wavelengths=BANDS, ids=None, **columns):
    reflectance = np.atleast_2d(reflectance)
    ids = [f"s{i}" for i in range(len(reflectance))] if ids is None else ids
    return SoilSpectra(
        wavelengths, reflectance, pd.DataFrame(columns, index=ids), Provenance("made up", "simulated")
    )


@pytest.fixture
def soils():
    """Three smooth spectra with one missing pH."""
    rows = [0.2 + 0.1 * k + 0.05 * np.sin(BANDS / 300) for k in range(3)]
    return make(rows, pH=[5.0, np.nan, 7.0])


def test_arrays_are_frozen_and_the_caller_keeps_his(soils):
    """Neither the container's arrays nor the caller's can be changed through the other."""
    mine = np.full((1, BANDS.size), 0.3, dtype=np.float32)
    held = make(mine)
    mine[0, 0] = 0.9
    assert held.reflectance[0, 0] == np.float32(0.3)
    with pytest.raises(ValueError, match="read-only"):
        soils.reflectance[0, 0] = 1.0


def test_percent_is_named_as_percent():
    """Percent taken for a fraction is refused, with the mend in the message."""
    with pytest.raises(ValueError, match=r"median of 38.*percent.*divide by 100"):
        make(np.full(BANDS.size, 38.2))


def test_absorbance_is_not_reflectance():
    """Values above 1.6 in some bands are refused with the sample and the band."""
    values = np.full(BANDS.size, 0.4)
    values[7] = 2.2
    with pytest.raises(ValueError, match=r"'s0' reads 2.2 at 407 nm.*absorbance"):
        make(values)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(wavelengths=BANDS[::-1]), "band 1 is 2500 nm, band 2 is 2499 nm"),
        (dict(wavelengths=np.r_[400.0, 400.0, BANDS[2:]]), "ascend strictly"),
        (dict(wavelengths=BANDS * 10), "wavenumbers"),
        (dict(wavelengths=BANDS[:-1]), "need"),
        (dict(ids=["a", "a"]), r"repeat: \['a'\]"),
        (dict(ids=["a"]), "need"),
    ],
)
def test_a_malformed_container_says_what_is_wrong(change, message):
    """Each structural fault has its own message."""
    with pytest.raises(ValueError, match=message):
        make(np.full((2, BANDS.size), 0.3), **change)


def test_nan_names_sample_and_band():
    """A missing value is refused with its sample and band, never interpolated silently."""
    values = np.full((2, BANDS.size), 0.3)
    values[1, 10] = np.nan
    with pytest.raises(ValueError, match="'s1' has no finite reflectance at 410 nm"):
        make(values)


def test_resampling_keeps_samples_and_provenance(soils):
    """Another grid changes bands and values, not the soils."""
    coarse = soils.resample(np.arange(500.0, 2400.0, 10.0))
    assert coarse.n_bands == 190
    assert coarse.samples.equals(soils.samples)
    assert coarse.provenance == soils.provenance


def test_dropped_samples_are_counted(soils):
    """Samples without a value leave, and the provenance says how many."""
    known = soils.having("pH")
    assert list(known.samples.index) == ["s0", "s2"]
    assert known.provenance.notes == ("1 of 3 samples without pH dropped",)


def test_an_unknown_column_lists_the_known(soils):
    """Asking for a column that is not there names those that are."""
    with pytest.raises(KeyError, match="no column 'Pb_mg_kg'; it has: pH"):
        soils.values("Pb_mg_kg")


def test_the_hash_follows_the_data(soils):
    """Equal data have equal hashes; one changed value, id or laboratory cell changes it."""
    assert soils.sha256() == soils.take(np.arange(3)).sha256()
    assert soils.sha256() != soils.take(np.array([0, 2, 1])).sha256()
    assert soils.sha256() != make(soils.reflectance, pH=[5.0, np.nan, 7.1]).sha256()


def test_provenance_has_two_kinds_only():
    """Data are measured or simulated; nothing in between."""
    with pytest.raises(ValueError, match="'modelled'; expected one of 'measured'"):
        Provenance("x", "modelled")


@pytest.fixture
def reflectance():
    """Three smooth spectra."""
    return np.array([0.2 + 0.1 * k + 0.05 * np.sin(BANDS / 300) for k in range(3)], dtype=np.float32)


def test_resampling_to_the_same_grid_is_the_identity(reflectance):
    """The same grid gives the same values, as a copy."""
    again = spectra.resample(BANDS, reflectance, BANDS)
    np.testing.assert_array_equal(again, reflectance)
    assert again is not reflectance


@given(st.floats(0.05, 0.9), st.integers(2, 40))
def test_resampling_keeps_a_constant(level, step):
    """A flat spectrum stays flat on any grid: the weights sum to 1."""
    grid = spectra.band_grid(400, 2500, step)
    out = spectra.resample(BANDS, np.full((1, BANDS.size), level), grid)
    np.testing.assert_allclose(out, level, rtol=2e-6)


def test_resampling_keeps_a_straight_line_on_uneven_bands():
    """Uneven bands are weighted by the width they stand for: a line away from the ends stays a line."""
    uneven = np.sort(np.concatenate([np.arange(400, 1000, 1.0), np.arange(1000, 2500, 2.7)]))
    grid = spectra.band_grid(500, 2400, 10)
    out = spectra.resample(uneven, (uneven / 5000)[None, :], grid)
    np.testing.assert_allclose(out[0], grid / 5000, atol=2e-5)


def test_resampling_broadens_a_line_by_the_response():
    """A Gaussian line of width s comes out as high as one of width sqrt(s² + response²)."""
    line = np.exp(-(((BANDS - 1200) / 8.0) ** 2) / 2)
    out = spectra.resample(BANDS, line[None, :], spectra.band_grid(1000, 1400, 20))
    assert out.max() == pytest.approx(8.0 / np.hypot(8.0, 20 / 2.3548), rel=1e-3)


def test_nothing_is_extrapolated(reflectance):
    """A grid beyond the measured range is refused."""
    with pytest.raises(ValueError, match="350–2500 nm reaches beyond the measured 400–2500"):
        spectra.resample(BANDS, reflectance, spectra.band_grid(350, 2500, 10))


@pytest.mark.parametrize("noise", [0.0, 2e-4, 1e-3])
@pytest.mark.parametrize("nm", ["even", "uneven", "coarse"])
def test_no_step_is_seen_where_there_is_none(noise, nm):
    """Real moist soils, smoothed, stay as they are wherever detectors may meet, on any spacing of bands."""
    field = limesoda.load_field("CV.98")
    nm = {
        "even": field.wavelengths,
        "uneven": np.r_[np.arange(351, 993, 1.4), np.arange(993.5, 1901, 3.8), np.arange(1902, 2499, 2.5)],
        "coarse": np.arange(360.0, 2490.0, 10.0),
    }[nm]
    smooth = savgol_filter(field.reflectance.astype(float), 31, 2, axis=1)
    soils = np.array([np.interp(nm, field.wavelengths, soil) for soil in smooth])
    soils *= 1 + noise * np.random.default_rng(0).standard_normal(soils.shape)
    steps = spectra.measure_steps(nm, soils, (993.0, 1000.0, 1800.0, 1830.0, 1900.9))
    assert (steps != 1).mean() < 0.002


@pytest.mark.parametrize("step", [0.98, 1.005, 1.05])
def test_steps_of_real_soils_are_measured(step):
    """Steps of half a percent and more are found on bands of 1 nm, and removed to a thousandth."""
    field = limesoda.load_field("SC.93")
    smooth = savgol_filter(field.reflectance.astype(float), 31, 2, axis=1)
    stepped = smooth * np.where(
        field.wavelengths > 1830, step**2, np.where(field.wavelengths > 1000, step, 1)
    )
    mended = spectra.correct_splices(field.wavelengths, stepped, (1000.0, 1830.0))
    assert np.median(np.abs(mended / smooth - 1).max(axis=1)) < 1e-3


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
