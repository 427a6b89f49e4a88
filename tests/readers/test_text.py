"""Spectral Evolution and Spectra Vista files: percent or fraction, each wavelength once."""

import re

import numpy as np
import pandas as pd
import pytest

from soilpb.readers.formats import read_instrument, text
from soilpb.readers.formats.spectrum_file import to_reflectance
from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from soilpb.spectra import Provenance, SoilSpectra
from tests.instrument_files import FOLDER, NM, SOIL, needs_real_files, write_sed, write_svc
from tests.site_files import soil_spectra


@pytest.mark.parametrize(
    ("options", "quantity"),
    [
        ({}, "percent"),
        ({"unit": " [1.0]", "factor": 1.0}, "fraction"),
        ({"unit": ""}, "percent"),
        ({"unit": "", "factor": 1.0}, "fraction"),
        ({"comma": True}, "percent"),
        ({"columns": {"Rad. (Ref.)": np.full(NM.size, 900.0), "Rad. (Target)": 900 * SOIL}}, "fraction"),
    ],
    ids=["percent", "fraction", "percent by value", "fraction by value", "decimal commas", "two radiances"],
)
def test_sed_reflectance_is_read_in_its_unit(tmp_path, options, quantity):
    """Whatever the file's unit, the same reflectance comes out."""
    scan = read_instrument(write_sed(tmp_path / "s.sed", **options))
    assert scan.quantity == quantity
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm, NM)
    np.testing.assert_allclose(reflectance, SOIL, atol=6e-5)


def test_reflectance_counts_before_radiance(tmp_path):
    """Of several columns, that of reflectance is read."""
    columns = {"Rad. (Ref.)": SOIL * 9, "Rad. (Target)": SOIL, "Reflect. %": 100 * SOIL}
    scan = read_instrument(write_sed(tmp_path / "s.sed", columns=columns))
    np.testing.assert_allclose(scan.values, 100 * SOIL, atol=6e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": 500}, r"431 rows of values, but its header says 500 channels"),
        ({"columns": {"Rad. (Ref.)": SOIL}}, "no reflectance but 'Wvl', 'Rad. (Ref.)'"),
        ({"columns": {"Rad. (Target)": SOIL}}, "radiance without a white reference"),
        ({"columns": {"DN (Ref.)": 0 * SOIL, "DN (Target)": SOIL}}, "white reference is 0"),
        ({"unit": "", "factor": 0.05}, "says no unit"),
    ],
)
def test_what_is_no_reflectance_is_refused(tmp_path, options, says):
    """Missing rows, one radiance alone, a dark reference and an unknown unit name the file."""
    with pytest.raises(SiteError, match=r"s\.sed.*" + re.escape(says)):
        to_reflectance(read_instrument(write_sed(tmp_path / "s.sed", **options)))


@needs_real_files
def test_a_real_sed_file_is_read_to_its_own_numbers():
    """Bands, values and instrument are those that the file prints."""
    scan = read_instrument(FOLDER / "sed_csiro_example.sed")
    assert (scan.axis[0], scan.axis[-1], scan.axis.size) == (350, 2500, 2151)
    np.testing.assert_array_equal(scan.values[:3], [9.4758, 9.3972, 9.2851])  # noqa: PD011
    assert (scan.quantity, scan.instrument) == ("percent", "Spectral Evolution PSR+3500_SN15B6069 [3]")


def soils(n):
    samples = pd.DataFrame(index=[f"{i:02d}-1" for i in range(n)])
    about = Provenance(name="few", kind="measured", instrument="none")
    return SoilSpectra(NM, soil_spectra(n, NM).astype(np.float32), samples, about)


def test_scans_average_to_the_soil(tmp_path):
    """Scans of one soil differ, and their mean is its spectrum under its id."""
    few = soils(4)
    folder = text.write_scans(tmp_path / "scans", few, n_scans=3)
    assert len(list(folder.iterdir())) == 12
    texts = {path.read_text() for path in folder.glob("00-1_*.sed")}
    assert len(texts) == 3
    found = read_spectra(folder, replicates="mean", known=few.samples.index)
    assert list(found.samples.index) == list(few.samples.index)
    np.testing.assert_allclose(found.reflectance, few.reflectance, atol=2e-6)


def test_a_single_scan_is_named_after_its_soil(tmp_path):
    """Without a counter the file's name is the id, whether or not a laboratory knows it."""
    few = soils(2)
    found = read_spectra(text.write_scans(tmp_path / "scans", few, n_scans=1))
    assert list(found.samples.index) == ["00-1", "01-1"]
    np.testing.assert_allclose(found.reflectance, few.reflectance, atol=2e-6)


OVERLAPPING = np.concatenate([np.arange(350, 1011, 5), np.arange(975, 1911, 5), np.arange(1885, 2501, 5.0)])


@pytest.mark.parametrize(("factor", "quantity"), [(100.0, "percent"), (1.0, "fraction")])
def test_reflectance_is_read_in_its_unit(tmp_path, factor, quantity):
    """Percent and fraction are told by target / reference; splices are those of the header."""
    scan = read_instrument(write_svc(tmp_path / "s.sig", factor=factor))
    assert (scan.quantity, scan.splices) == (quantity, (990, 1900))
    np.testing.assert_allclose(to_reflectance(scan)[1], SOIL, atol=6e-5)


def test_overlapping_detectors_are_resolved(tmp_path):
    """Each overlap is cut in its middle, so that bands ascend and every detector keeps its own."""
    values = np.interp(OVERLAPPING, NM, SOIL)
    scan = read_instrument(write_svc(tmp_path / "s.sig", values, OVERLAPPING, overlap="Preserve"))
    assert scan.splices == (992.5, 1897.5)
    assert "overlapping detectors cut at 992.5 nm" in scan.notes[0]
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_array_equal(nm, np.arange(350, 2501, 5.0))
    np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=6e-5)


def moved(rows):
    rows.insert(300, rows.pop(120))


def swapped(rows):
    rows[50], rows[51] = rows[51], rows[50]


def repeated(rows):
    rows[200:200] = rows[150:170]


def cut(rows):
    del rows[400:]


@pytest.mark.parametrize("spoil", [moved, swapped, repeated, cut])
@pytest.mark.parametrize("writer", [write_svc, write_sed])
def test_rows_out_of_place_are_refused(tmp_path, writer, spoil):
    """No band is lost to rows that were moved, repeated, or cut off at a line's end."""
    path = writer(tmp_path / "s.x")
    lines = path.read_text().splitlines()
    rows = lines[-NM.size :]
    spoil(rows)
    path.write_text("\n".join([*lines[: -NM.size], *rows]) + "\n")
    with pytest.raises(SiteError, match=r"s\.x.*(go back|out of order|twice|cut off|channels)"):
        to_reflectance(read_instrument(path))


@needs_real_files
def test_a_real_file_is_read_to_its_own_numbers():
    """Bands, values, splices and instrument are those that the file prints."""
    scan = read_instrument(FOLDER / "svc_gr070214_003.sig")
    np.testing.assert_array_equal(scan.axis[:3], [337.9, 339.3, 340.8])
    np.testing.assert_array_equal(scan.values[:3], [8.73, 0.78, 3.25])  # noqa: PD011
    assert (scan.quantity, scan.splices) == ("percent", (985, 1906))
    assert (np.diff(scan.axis) > 0).all()
    assert "HR-1024i" in scan.instrument
