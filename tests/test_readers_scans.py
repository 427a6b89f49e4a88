"""Tables of spectra: turned, ordered and cleared of what is empty, never filled in."""

import numpy as np
import pytest

from tests.site_files import IDS, NM, notes, soil_spectra, write


def test_spectra_in_columns_are_turned(folder):
    """Wavelengths down the first column, as instruments export them, give the same soils."""
    values = soil_spectra()
    write(
        folder.spectra,
        [["Wavelength", *IDS], *([w, *column] for w, column in zip(NM, values.T, strict=True))],
    )
    soils = folder.read()
    assert list(soils.samples.index) == IDS
    np.testing.assert_allclose(soils.reflectance, values, rtol=1e-6)
    assert "read transposed" in notes(soils)


def test_descending_wavelengths_are_reordered(folder):
    """A file from 2450 down to 400 nm gives ascending bands with their own values."""
    folder.wide(soil_spectra()[:, ::-1], names=[f"{w:g}" for w in NM[::-1]])
    soils = folder.read()
    np.testing.assert_array_equal(soils.wavelengths, NM)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    assert "descend in the file" in notes(soils)


def test_bands_and_spectra_without_any_value_are_dropped(folder):
    """An empty band and an empty spectrum go, and are named."""
    cells = [[f"{v:.5f}" for v in row] for row in soil_spectra()]
    for row in cells:
        row[3] = "NaN"
    cells[1] = [""] * NM.size
    write(folder.spectra, [["id", *NM], *([i, *row] for i, row in zip(IDS, cells, strict=True))])
    soils = folder.read()
    assert soils.n_bands == NM.size - 1
    assert list(soils.samples.index) == ["S1", "S3", "S4"]
    assert "1 bands without any value dropped, 490–490 nm" in notes(soils)
    assert "1 spectra without any value dropped: row 3" in notes(soils)


def test_a_table_without_bands_is_refused(folder):
    """A laboratory table given as spectra is recognised as having no wavelengths."""
    folder.spectra = folder.laboratory
    folder.refuse("lab.csv has no wavelength columns", "'Pb (mg/kg)'", "name each band")


@pytest.mark.parametrize(("cell", "what"), [("", "no value (1 in all)"), ("abc", "'abc' is no reflectance")])
def test_a_bad_cell_in_a_spectrum_is_refused_by_row_and_column(folder, cell, what):
    """A hole or a word within a spectrum is named by row and band."""
    rows = [["id", *(f"{w:g}" for w in NM)], *([i, *r] for i, r in zip(IDS, soil_spectra(), strict=True))]
    rows[3][8] = cell
    write(folder.spectra, rows)
    folder.refuse("spectra.csv, row 4, column '610'", what)


def test_numbered_ids_are_not_taken_for_wavelengths(folder):
    """A laboratory table of S1 … S12 given as spectra has no bands, down or across."""
    ids = [f"S{i}" for i in range(1, 13)]
    folder.spectra = folder.lab(range(1, 13), ids=ids)
    folder.refuse("lab.csv has no wavelength columns")
