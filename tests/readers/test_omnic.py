"""Thermo OMNIC files."""

import numpy as np
import pytest

from soilpb.readers.formats import omnic
from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from tests.cases import case
from tests.instrument_files import (
    FOLDER,
    NM,
    SOIL,
    mid_absorbance,
    near_absorbance,
    needs_real_files,
    read_instrument,
    to_reflectance,
    write_omnic,
    write_omnic_group,
)


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


@pytest.mark.parametrize("titles", [(), ("A 1", "A 2", "A 3"), "case"])
def test_a_group_is_as_many_spectra(tmp_path, titles):
    """Each spectrum of a .spg is a sample, called as the file calls it or numbered."""
    soils = [near_absorbance() + shift for shift in (0.0, 0.1, 0.2)]
    path = tmp_path / "soils.spg"
    truth = [np.median(10**-soil) for soil in soils]
    if titles == "case":
        path = case("omnic-group") / "soils.spg"
        truth = [float(line.split()[-1]) for line in (path.parent / "truth.txt").read_text().splitlines()]
    else:
        write_omnic_group(path, soils, titles)
    found = read_spectra(path)
    names = titles if titles and titles != "case" else ("soils_1", "soils_2", "soils_3")
    assert tuple(found.samples.index) == tuple(names)
    np.testing.assert_allclose(np.median(found.reflectance, axis=1), truth, atol=1e-3)


def test_a_group_that_lost_a_header_is_refused(tmp_path):
    """Values without their axis are no spectrum."""
    path = write_omnic_group(tmp_path / "s.spg", [near_absorbance()] * 2)
    content = bytearray(path.read_bytes())
    content[omnic.DIRECTORY] = 77
    path.write_bytes(content)
    with pytest.raises(SiteError, match="2 spectra with 1 headers"):
        read_instrument(path)
