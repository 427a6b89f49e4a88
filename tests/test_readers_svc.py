"""Spectra Vista files: each wavelength once, reflectance that is target / reference."""

import numpy as np
import pytest

from soilpb.readers.formats.spectrum_file import to_reflectance
from soilpb.readers.formats.text import read_svc, resolve_overlaps
from soilpb.site_file import SiteError
from tests.instrument_files import NM, SOIL, write_svc
from tests.shared_instruments import FOLDER, needs_real_files

OVERLAPPING = np.concatenate([np.arange(350, 1011, 5), np.arange(975, 1911, 5), np.arange(1885, 2501, 5.0)])


@pytest.mark.parametrize(("factor", "quantity"), [(100.0, "percent"), (1.0, "fraction")])
def test_reflectance_is_read_in_its_unit(tmp_path, factor, quantity):
    """Percent and fraction are told by target / reference; splices are those of the header."""
    scan = read_svc(write_svc(tmp_path / "s.sig", factor=factor))
    assert (scan.quantity, scan.splices) == (quantity, (990, 1900))
    np.testing.assert_allclose(to_reflectance(scan)[1], SOIL, atol=6e-5)


def test_overlapping_detectors_are_resolved(tmp_path):
    """Each overlap is cut in its middle, so that bands ascend and every detector keeps its own."""
    values = np.interp(OVERLAPPING, NM, SOIL)
    scan = read_svc(write_svc(tmp_path / "s.sig", values, OVERLAPPING, overlap="Preserve"))
    assert scan.splices == (992.5, 1897.5)
    assert "overlapping detectors cut at 992.5 nm" in scan.notes[0]
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_array_equal(nm, np.arange(350, 2501, 5.0))
    np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=6e-5)


def test_wavelengths_in_disorder_are_refused(tmp_path):
    """More jumps than detectors are a spoilt file."""
    with pytest.raises(SiteError, match="go back 3 times"):
        resolve_overlaps(tmp_path / "s.sig", np.array([1.0, 2, 1, 2, 1, 2, 1]))


def test_reflectance_that_is_not_the_ratio_is_refused(tmp_path):
    """A stored reflectance beside which target / reference says something else names the file."""
    with pytest.raises(SiteError, match=r"s\.sig: its reflectance is not target / reference"):
        read_svc(write_svc(tmp_path / "s.sig", spoil=1.3))


@needs_real_files
def test_a_real_file_is_read_to_its_own_numbers():
    """Bands, values, splices and instrument are those that the file prints."""
    scan = read_svc(FOLDER / "svc_gr070214_003.sig")
    np.testing.assert_array_equal(scan.axis[:3], [337.9, 339.3, 340.8])
    np.testing.assert_array_equal(scan.values[:3], [8.73, 0.78, 3.25])
    assert (scan.quantity, scan.splices) == ("percent", (985, 1906))
    assert (np.diff(scan.axis) > 0).all()
    assert "HR-1024i" in scan.instrument
