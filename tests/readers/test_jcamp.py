"""JCAMP-DX files: plain and compressed, at one with their own header."""

import numpy as np
import pytest

from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from soilpb.spectra import absorbance
from tests.instrument_files import (
    FOLDER,
    NM,
    SOIL,
    needs_real_files,
    read_instrument,
    to_reflectance,
    write_jcamp,
)


@pytest.mark.parametrize("xunits", ["NANOMETERS", "Wavelength (nm)"])
@pytest.mark.parametrize(
    ("values", "yunits", "quantity"),
    [
        (SOIL, "REFLECTANCE", "fraction"),
        (100 * SOIL, "REFLECTANCE", "percent"),
        (100 * SOIL, "% Reflectance", "percent"),
        (absorbance(SOIL), "LOG(1/R)", "absorbance"),
    ],
)
def test_reflectance_is_read_in_its_unit(tmp_path, values, yunits, quantity, xunits):
    """The same reflectance comes out of every unit."""
    scan = read_instrument(write_jcamp(tmp_path / "s.jdx", values, yunits=yunits, xunits=xunits))
    assert (scan.axis_unit, scan.quantity) == ("nm", quantity)
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm, NM)
    np.testing.assert_allclose(reflectance, SOIL, atol=2e-5)


def test_the_compressed_form_is_read(tmp_path):
    """Squeezed numbers and differences are what they stand for: B0 is 20, J is one more."""
    path = write_jcamp(tmp_path / "s.jdx", np.r_[20.0, np.arange(21, 31)], NM[:11], yfactor=1, maxy=30)
    head = path.read_text().split("##XYDATA")[0]
    path.write_text(f"{head}##XYDATA=(X++(Y..Y))\n350B0JJJJJ\n375B5JJJJJ\n##END=\n")
    scan = read_instrument(path)
    np.testing.assert_array_equal(scan.values, np.arange(20, 31))


@pytest.mark.parametrize("titles", [("A 1", "A 2"), ("soil", "soil")])
def test_a_compound_file_is_as_many_spectra(tmp_path, titles):
    """Each block is a sample, called by its title or, where titles repeat, numbered."""
    blocks = [
        write_jcamp(tmp_path / "s.jdx", SOIL * (1 - k / 10))
        .read_text()
        .replace("TITLE=soil", f"TITLE={title}")
        for k, title in enumerate(titles)
    ]
    path = tmp_path / "two.jdx"
    path.write_text(f"##TITLE=two\n##DATA TYPE=LINK\n##BLOCKS=2\n{''.join(blocks)}##END=\n")
    soils = read_spectra(path)
    assert soils.samples.index.tolist() == (list(titles) if len(set(titles)) == 2 else ["two_1", "two_2"])
    np.testing.assert_allclose(soils.reflectance, [SOIL, 0.9 * SOIL], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"points": 400}, "contradicts itself"),
        ({"points": 10**8}, "spoilt"),
        ({"points": "many"}, "spoilt"),
        ({"firsty": 0.9}, "FIRSTY is 0.9"),
        ({"lastx": 900}, "contradicts itself"),
    ],
)
def test_a_file_at_odds_with_its_header_is_refused(tmp_path, capsys, options, says):
    """Another number of points, first or largest value, or axis names the file."""
    with pytest.raises(SiteError, match=rf"s\.jdx.*{says}"):
        read_instrument(write_jcamp(tmp_path / "s.jdx", **options))
    assert capsys.readouterr().out == ""  # the library prints what it finds


def test_a_label_that_runs_on_stays_on_one_line(tmp_path):
    """Where the mark of the next label is lost, the message is still one line."""
    path = write_jcamp(tmp_path / "s.jdx", xunits="HZ")
    path.write_text(path.read_text().replace("##YUNITS", "#YUNITS"))
    with pytest.raises(SiteError, match=r"HZ #YUNITS=REFLECTANCE") as caught:
        to_reflectance(read_instrument(path))
    assert "\n" not in str(caught.value)


@needs_real_files
def test_real_files_are_read_to_their_own_headers():
    """Axis, quantity, first and largest values are those that the headers state."""
    plain = read_instrument(FOLDER / "jcamp_ir_dichloroethane.jdx")
    assert (plain.axis_unit, plain.quantity, plain.axis.size) == ("1/cm", "transmittance", 3385)
    np.testing.assert_array_equal(plain.axis[[0, -1]], [382, 3766])
    np.testing.assert_array_equal([plain.values[0], plain.values.max()], [0.8117, 0.9055])
    squeezed = read_instrument(FOLDER / "jcamp_sqz.jdx")
    assert (squeezed.axis_unit, squeezed.axis.size, squeezed.values[0]) == ("HZ", 16384, 2259260)
    for scan in (plain, squeezed):
        with pytest.raises(SiteError):
            to_reflectance(scan)
