"""Thermo OMNIC files."""

import numpy as np
import pytest

from soilpb.readers.formats import read_instrument
from soilpb.readers.formats.spectrum_file import to_reflectance
from soilpb.site_file import SiteError
from tests.instrument_files import FOLDER, NM, SOIL, mid_absorbance, needs_real_files, write_omnic


def test_absorbance_becomes_reflectance(tmp_path):
    """Absorbance over wavenumbers gives the soil's reflectance over nm."""
    scan = read_instrument(write_omnic(tmp_path / "s.spa"))
    assert (scan.axis_unit, scan.quantity) == ("1/cm", "absorbance")
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=1e-5)


def test_percent_reflectance_over_nanometres(tmp_path):
    """The header's codes for axis and quantity count."""
    scan = read_instrument(write_omnic(tmp_path / "s.spa", 100 * SOIL, NM[0], NM[-1], quantity=11, axis=3))
    assert (scan.axis_unit, scan.quantity) == ("nm", "percent")
    np.testing.assert_allclose(to_reflectance(scan)[1], SOIL, rtol=1e-5)


@pytest.mark.parametrize(
    "options",
    [
        {"first": 600.0, "last": 4000.0, "values": mid_absorbance()},
        {"quantity": 16},
        {"axis": 77},
    ],
    ids=["mid infrared", "transmittance", "unknown axis"],
)
def test_other_spectra_are_no_reflectance(tmp_path, options):
    """They are read as what they are, and are refused as reflectance."""
    with pytest.raises(SiteError, match=r"s\.spa"):
        to_reflectance(read_instrument(write_omnic(tmp_path / "s.spa", **options)))


@pytest.mark.parametrize("length", [100, 310, 370, 800])
def test_a_file_that_is_cut_off_is_refused(tmp_path, length):
    """Wherever the file ends early, one message says so."""
    path = write_omnic(tmp_path / "s.spa")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(SiteError, match="cut off"):
        read_instrument(path)


@needs_real_files
def test_a_real_file_agrees_with_an_independent_reader():
    """Axis and values are those that spectrochempy-omnic 0.2.1 gives, and that the file's history states."""
    scan = read_instrument(FOLDER / "omnic_csiro_example.spa")
    assert (scan.axis_unit, scan.quantity, scan.axis.size) == ("1/cm", "absorbance", 1971)
    np.testing.assert_allclose(scan.axis[[0, -1]], [7999.2798, 401.1211], atol=1e-4)
    np.testing.assert_allclose(scan.values[[0, 1000, -1]], [0.33313227, 0.38510945, 2.00220108], rtol=1e-7)
    np.testing.assert_allclose(scan.values.mean(), 0.6747867565418729, rtol=1e-9)
