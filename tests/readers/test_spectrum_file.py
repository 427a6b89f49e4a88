"""A spectrum file becomes reflectance over nm in any unit, or one message says why it is none."""

from pathlib import Path

import numpy as np
import pytest

from soilpb.readers.formats.spectrum_file import (
    SpectrumFile,
    as_fraction,
    find_contradiction,
    recognise_unit,
)
from soilpb.readers.libraries import limesoda
from soilpb.readers.site import describe_odd_bands, read_spectra
from soilpb.site_file import SiteError
from soilpb.spectra import absorbance
from tests.instrument_files import NM, SOIL, to_reflectance, write_sed
from tests.site_files import notes, soil_spectra, write


def scanned(values=SOIL, quantity="fraction", axis=NM, unit="nm"):
    return SpectrumFile(Path("S1.asd"), np.asarray(axis, float), unit, np.asarray(values, float), quantity)


@pytest.mark.parametrize(
    "scan",
    [
        scanned(),
        scanned(100 * SOIL, "percent"),
        scanned(absorbance(SOIL), "absorbance"),
        scanned(axis=NM / 1000, unit="um"),
        scanned(axis=1e7 / NM, unit="1/cm"),
        scanned(SOIL[::-1], axis=NM[::-1]),
    ],
    ids=["fraction", "percent", "absorbance", "um", "wavenumbers", "descending"],
)
def test_every_unit_gives_the_same_reflectance(scan):
    """Whatever the unit of axis and values, nm ascend and reflectance is the same fraction."""
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm, NM)
    np.testing.assert_allclose(reflectance, SOIL, rtol=1e-6)


@pytest.mark.parametrize(
    ("scan", "says"),
    [
        (scanned(axis=np.linspace(100, 900, NM.size)), "mend the unit of its axis"),
        (scanned(axis=NM - 350), "no wavelength or wavenumber"),
        (scanned(SOIL * 60_000, "percent"), "look like raw counts"),
        (scanned(SOIL, "absorbance"), "look like reflectance by its slope"),
        (scanned(np.where(NM == 900, 9.0, SOIL)), "9 at 900 nm"),
        (scanned(SOIL[:5], axis=NM[:5]), "5 bands"),
        (scanned(axis=np.where(NM == 900, 895, NM)), "one stands there twice .895 before 895 nm"),
    ],
)
def test_what_is_no_reflectance_is_refused(scan, says):
    """Another range, another quantity, a contradicted header or a broken value names the file."""
    with pytest.raises(SiteError, match=f"S1.asd.*{says}"):
        to_reflectance(scan)


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


@pytest.mark.parametrize(
    ("values", "said", "looks"),
    [
        (100 * soil_spectra(), "fraction", "percent"),
        (soil_spectra(), "percent", "a fraction or absorbance"),
        (absorbance(soil_spectra()), "fraction", "absorbance by its slope"),
        (soil_spectra(), "absorbance", "reflectance by its slope"),
        (40_000 * soil_spectra(), "percent", "raw counts"),
    ],
)
def test_a_wrong_unit_is_refused(folder, values, said, looks):
    """A unit that values or shape contradict is refused, whatever the site file says."""
    folder.wide(values)
    folder.refuse("spectra.csv", f"said to be {said}", looks, "mend spectra_unit", spectra_unit=said)


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
        assert find_contradiction(unit, soils.wavelengths, values) == ""
    as_fraction(reflectance, "fraction", soils.wavelengths, name, str)


def test_an_absurd_absorbance_is_refused_not_overflown(folder):
    """A cell of −400 in absorbance is an odd row, not an overflow."""
    values = absorbance(soil_spectra())
    values[2, 5] = -400
    folder.wide(values)
    folder.refuse("spectra.csv, row 4", "sample 'S3'", "-400", "read as absorbance")


@pytest.mark.parametrize("convert", [absorbance, np.array])
@pytest.mark.parametrize("nm", [np.arange(1000.0, 2500.0, 20.0), np.arange(360.0, 741.0, 10.0)])
def test_a_part_of_the_range_tells_the_unit(folder, nm, convert):
    """Without the blue the water band tells absorbance from reflectance, without the infrared the red."""
    folder.wide(convert(soil_spectra(nm=nm)), names=[f"{w:g}" for w in nm])
    np.testing.assert_allclose(folder.read().reflectance, soil_spectra(nm=nm), rtol=1e-4)


def noisy_soils(n, nm):
    rng = np.random.default_rng(3)
    return soil_spectra(n, nm) + 5e-4 * rng.standard_normal((n, nm.size))


@pytest.mark.parametrize("n", [1, 20])
@pytest.mark.parametrize("step", [1.0, 5.0])
def test_a_single_value_off_its_neighbours_is_said(n, step):
    """One wrong digit is named with its row, band and what was expected; soils with noise are not doubted."""
    nm = np.arange(350, 2501, step)
    soils = noisy_soils(n, nm)
    assert describe_odd_bands(nm, soils, str) == []
    for band in (0, 7, nm.size // 2, nm.size - 1):
        spoilt = soils.copy()
        spoilt[n - 1, band] += 0.05
        (note,) = describe_odd_bands(nm, spoilt, lambda row: f"row {row}")
        assert note.startswith(f"row {n - 1}: {spoilt[n - 1, band]:.4g} (reflectance) at {nm[band]:g} nm")


def test_a_band_off_the_spacing_of_its_neighbours_is_said():
    """One wrong digit among the wavelengths is named; other spacing from one detector to the next is not."""
    nm = np.round(
        np.r_[np.arange(350, 1000, 1.43), np.arange(1002, 1900, 3.77), np.arange(1902, 2510, 2.31)], 1
    )
    assert describe_odd_bands(nm, soil_spectra(1, nm), str) == []
    nm = np.arange(350.0, 2501, 5)
    soils = noisy_soils(6, nm)
    nm[100] += 1
    (note,) = describe_odd_bands(nm, soils, str)
    assert "band 851 nm is unevenly spaced" in note


def test_what_looks_damaged_is_noted_from_file_to_soils(tmp_path):
    """The note of a file, and of a cell of a table, is among those of the soils."""
    soils = soil_spectra(2, NM)
    soils[1, 200] += 0.1
    (tmp_path / "scans").mkdir()
    for i in (0, 1):
        write_sed(tmp_path / "scans" / f"S{i}.sed", soils[i])
    table = write(tmp_path / "s.csv", [["id", *NM], *([f"S{i}", *soils[i]] for i in (0, 1))])
    for path, name in ((tmp_path / "scans", "S1.sed"), (table, "row 3")):
        (note,) = [note for note in read_spectra(path).provenance.notes if "wrong digit" in note]
        assert name in note
        assert "1350 nm" in note
