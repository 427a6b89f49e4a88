"""Units of spectra: told by size and shape, or asked for."""

import numpy as np
import pytest

from soilpb.readers import limesoda
from soilpb.readers.formats.spectrum_file import check_unit, find_implausible, recognise_unit
from soilpb.spectra import absorbance
from tests.site_files import NM, notes, soil_spectra


@pytest.mark.parametrize(
    ("unit", "convert"),
    [("percent", lambda r: 100 * r), ("absorbance", absorbance), ("fraction", lambda r: r)],
)
def test_the_unit_of_spectra_is_recognised_and_noted(folder, unit, convert):
    """Percent, absorbance and fraction give one reflectance, told or untold."""
    folder.wide(convert(soil_spectra()))
    for told in ("auto", unit):
        soils = folder.read(spectra_unit=told)
        np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-4)
        assert (f"reflectance from {unit} to fraction" in notes(soils)) == (unit != "fraction")


def test_a_near_infrared_instrument_is_told_by_its_water_band(folder):
    """From 1000 nm on there is no blue, yet absorbance is told from reflectance."""
    nm = np.arange(1000.0, 2500.0, 20.0)
    for convert in (absorbance, np.array):
        folder.wide(convert(soil_spectra(nm=nm)), names=[f"{w:g}" for w in nm])
        np.testing.assert_allclose(folder.read().reflectance, soil_spectra(nm=nm), rtol=1e-4)


def test_a_visible_instrument_is_told_by_its_rise_to_the_red(folder):
    """Up to 740 nm there is no infrared, yet absorbance is told from reflectance."""
    nm = np.arange(360.0, 741.0, 10.0)
    for convert in (absorbance, np.array):
        folder.wide(convert(soil_spectra(nm=nm)), names=[f"{w:g}" for w in nm])
        np.testing.assert_allclose(folder.read().reflectance, soil_spectra(nm=nm), rtol=1e-4)


def test_a_unit_that_cannot_be_told_is_refused(folder):
    """Flat values within 0–1 could be one unit or another: the message names the key."""
    folder.wide(np.full((4, NM.size), 0.4) + np.linspace(0, 0.005, NM.size))
    folder.refuse("spectra.csv", "from 0.4 to 0.405", "spectra_unit: fraction, percent or absorbance")


@pytest.mark.parametrize(
    ("values", "said", "looks"),
    [
        (100 * soil_spectra(), "fraction", "percent"),
        (soil_spectra(), "percent", "a fraction or absorbance"),
        (absorbance(soil_spectra()), "fraction", "absorbance by its slope"),
        (soil_spectra(), "absorbance", "reflectance by its slope"),
        (40_000 * soil_spectra(), "percent", "something else"),
    ],
)
def test_a_wrong_unit_is_refused(folder, values, said, looks):
    """A unit that values or shape contradict is refused, whatever the site file says."""
    folder.wide(values)
    folder.refuse("spectra.csv", f"said to be {said}", looks, "mend spectra_unit", spectra_unit=said)


def test_raw_counts_are_refused(folder):
    """Digital numbers are no reflectance, and the message says what to export."""
    folder.wide(40_000 * soil_spectra())
    folder.refuse("spectra.csv", "raw counts", "divided by its white reference")


@pytest.mark.parametrize(
    ("row", "factor", "base", "why"),
    [(2, 100, 1, "in another unit"), (2, 0.01, 100, "far too dark"), (1, 0, 1, "the spectrum is constant")],
)
def test_a_row_in_another_unit_is_refused(folder, row, factor, base, why):
    """A percent among fractions, a fraction among percents, a dead spectrum: row and sample are named."""
    values = base * soil_spectra()
    values[row] *= factor
    folder.wide(values)
    folder.refuse(f"spectra.csv, row {row + 2}", f"sample 'S{row + 1}'", why)


@pytest.mark.parametrize("name", limesoda.FIELDS)
def test_the_unit_of_every_real_field_is_recognised(name):
    """Eight measured fields, as fraction, percent and absorbance, are each told right."""
    soils = limesoda.load_field(name)
    reflectance = soils.reflectance.astype(float)
    for unit, values in [
        ("fraction", reflectance),
        ("percent", 100 * reflectance),
        ("absorbance", absorbance(reflectance)),
    ]:
        assert recognise_unit(soils.wavelengths, values, name) == unit
        check_unit(unit, soils.wavelengths, values, name)
    assert find_implausible(reflectance) is None


def test_an_absurd_absorbance_is_refused_not_overflown(folder):
    """A cell of −400 in absorbance is an odd row, not an overflow."""
    values = absorbance(soil_spectra())
    values[2, 5] = -400
    folder.wide(values)
    folder.refuse("spectra.csv, row 4", "sample 'S3'", "-400", "read as absorbance")
