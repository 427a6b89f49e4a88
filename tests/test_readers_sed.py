"""Spectral Evolution files: percent or fraction, by header and by value."""

import re

import numpy as np
import pytest

from soilpb.readers.formats.spectrum_file import to_reflectance
from soilpb.readers.formats.text import read_sed
from soilpb.site_file import SiteError
from tests.instrument_files import NM, SOIL, write_sed
from tests.shared_instruments import FOLDER, needs_real_files


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
def test_reflectance_is_read_in_its_unit(tmp_path, options, quantity):
    """Whatever the file's unit, the same reflectance comes out."""
    scan = read_sed(write_sed(tmp_path / "s.sed", **options))
    assert scan.quantity == quantity
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm, NM)
    np.testing.assert_allclose(reflectance, SOIL, atol=6e-5)


def test_reflectance_counts_before_radiance(tmp_path):
    """Of several columns, that of reflectance is read."""
    columns = {"Rad. (Ref.)": SOIL * 9, "Rad. (Target)": SOIL, "Reflect. %": 100 * SOIL}
    scan = read_sed(write_sed(tmp_path / "s.sed", columns=columns))
    np.testing.assert_allclose(scan.values, 100 * SOIL, atol=6e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": 500}, r"431 rows of values, but its header says 500 channels"),
        ({"columns": {"Rad. (Target)": SOIL}}, "no reflectance but 'Wvl', 'Rad. (Target)'"),
        ({"columns": {"DN (Ref.)": 0 * SOIL, "DN (Target)": SOIL}}, "white reference is 0"),
        ({"unit": "", "factor": 0.05}, "says no unit"),
    ],
)
def test_what_is_no_reflectance_is_refused(tmp_path, options, says):
    """Missing rows, one radiance alone, a dark reference and an unknown unit name the file."""
    with pytest.raises(SiteError, match=r"s\.sed.*" + re.escape(says)):
        read_sed(write_sed(tmp_path / "s.sed", **options))


@pytest.mark.parametrize(("unit", "factor"), [(" %", 1.0), (" [1.0]", 100.0)])
def test_a_header_that_its_values_contradict_is_refused(tmp_path, unit, factor):
    """Percent that are a fraction, and a fraction that is percent, are not guessed at."""
    with pytest.raises(SiteError, match="look like"):
        to_reflectance(read_sed(write_sed(tmp_path / "s.sed", unit=unit, factor=factor)))


@needs_real_files
def test_a_real_file_is_read_to_its_own_numbers():
    """Bands, values and instrument are those that the file prints."""
    scan = read_sed(FOLDER / "sed_csiro_example.sed")
    assert (scan.axis[0], scan.axis[-1], scan.axis.size) == (350, 2500, 2151)
    np.testing.assert_array_equal(scan.values[:3], [9.4758, 9.3972, 9.2851])
    assert (scan.quantity, scan.instrument) == ("percent", "Spectral Evolution PSR+3500_SN15B6069 [3]")
