"""Tables of spectra: ordered and cleared of what is empty, never filled in; scans averaged per sample."""

import numpy as np
import pytest

from soilpb.readers.scans import SCAN_LIMIT, average_scans
from tests.site_files import IDS, NM, notes, soil_spectra, write


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


def test_numbered_ids_are_not_taken_for_wavelengths(folder):
    """A laboratory table of S1 … S12 given as spectra has no bands, down or across."""
    ids = [f"S{i}" for i in range(1, 13)]
    folder.spectra = folder.lab(range(1, 13), ids=ids)
    folder.refuse("lab.csv has no wavelength columns")


def test_scans_are_averaged_whatever_their_order():
    """Interleaved scans of one, two and three per sample give each sample's mean, in order of appearance."""
    ids = np.array(["b", "a", "c", "a", "b", "a"])
    base = {"a": 0.2, "b": 0.4, "c": 0.6}
    wiggle = np.array([0.004, 0.002, 0.0, 0.0, -0.004, -0.002])
    scans = np.array([[base[i], base[i] / 2] for i in ids]) + wiggle[:, None]
    before = scans.copy()
    unique, mean, agree = average_scans(ids, scans)
    assert unique.tolist() == ["b", "a", "c"]
    np.testing.assert_allclose(mean, [[0.4, 0.2], [0.2, 0.1], [0.6, 0.3]], rtol=1e-6)
    assert mean.dtype == np.float32
    assert agree.all()
    np.testing.assert_array_equal(scans, before)


@pytest.mark.parametrize(("share", "expected"), [(0.9, True), (1.1, False)])
def test_agreement_is_judged_against_the_limit(share, expected):
    """Two scans that are each 0.9 limits off their mean agree; 1.1 limits off they do not."""
    gap = share * SCAN_LIMIT
    scans = 0.3 * np.array([[1 + gap] * 5, [1.0] * 5, [1.0] * 5, [1 - gap] * 5])
    _, mean, agree = average_scans(np.array(["a", "b", "b", "a"]), scans)
    assert agree.tolist() == [expected, True]
    np.testing.assert_allclose(mean, 0.3, rtol=1e-6)
