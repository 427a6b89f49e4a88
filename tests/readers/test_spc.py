"""Galactic files: each layout of the format gives the values written, and those of an independent reader."""

import io

import numpy as np
import pytest
from spc_io.high_level import SPC

from soilpb.readers.formats import read_instruments
from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from soilpb.spectra import absorbance
from tests.instrument_files import NM, SOIL, near_absorbance, read_instrument, to_reflectance, write_spc
from tests.site_files import soil_spectra

SOILS = soil_spectra(3, NM)
UNEVEN = np.round(350 + 2150 * np.linspace(0, 1, NM.size) ** 1.2, 1)
LAYOUTS = {
    "floats": {},
    "32-bit integers": {"store": "i4"},
    "16-bit integers": {"store": "i2"},
    "several": {"values": SOILS},
    "several, integers": {"values": SOILS, "store": "i4"},
    "several, 16-bit": {"values": SOILS, "store": "i2"},
    "uneven": {"nm": UNEVEN, "axes": "shared"},
    "uneven, several": {"values": SOILS, "nm": UNEVEN, "axes": "shared"},
    "an axis each": {"values": SOILS, "nm": UNEVEN, "axes": "each"},
    "with a log": {"log": np.array([72, 4096, 64, 0, 0], "<u4").tobytes() + bytes(44) + b"a=1\r\n\0\0\0"},
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_each_layout_gives_what_was_written(tmp_path, options):
    """Axis and values of each spectrum, to the rounding of the numbers that are stored."""
    spectra = read_instruments(write_spc(tmp_path / "s.spc", **options))
    truth = np.atleast_2d(options.get("values", SOIL))
    assert len(spectra) == len(truth)
    for spectrum, expected in zip(spectra, truth, strict=True):
        np.testing.assert_allclose(spectrum.axis, options.get("nm", NM), rtol=1e-6)
        np.testing.assert_allclose(
            spectrum.values, expected, atol=4e-5 if options.get("store") == "i2" else 1e-7
        )
        assert (spectrum.axis_unit, spectrum.quantity) == ("nm", "fraction")


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS)
def test_an_independent_reader_agrees(tmp_path, options):
    """The package spc-io reads the same axis and values."""
    path = write_spc(tmp_path / "s.spc", **options)
    theirs = SPC.from_bytes_io(io.BytesIO(path.read_bytes()))
    for ours, other in zip(read_instruments(path), theirs, strict=True):
        np.testing.assert_allclose(ours.axis, other.xarray, rtol=1e-12)
        np.testing.assert_allclose(ours.values, other.yarray, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "quantity"),
    [
        ({"values": 100 * SOIL}, "percent"),
        ({"values": absorbance(SOIL), "y": 10}, "absorbance"),
        ({"values": absorbance(SOIL), "y": 2}, "absorbance"),
        ({"values": absorbance(SOIL), "y": 0}, "absorbance"),
        ({"y": 0, "x": 0, "labels": b"Wavelength (nm)\0Reflectance\0"}, "fraction"),
        ({"nm": NM / 1000, "x": 2}, "fraction"),
        ({"nm": 1e7 / UNEVEN, "x": 0, "axes": "shared", "values": np.interp(UNEVEN, NM, SOIL)}, "fraction"),
    ],
)
def test_units_are_told_by_the_header_or_by_the_values(tmp_path, options, quantity):
    """Codes, labels of one's own, else level and shape say what axis and values are."""
    found = read_instrument(write_spc(tmp_path / "s.spc", **options))
    assert found.quantity == ("" if options.get("y") == 0 and "labels" not in options else quantity)
    nm, reflectance = to_reflectance(found)
    np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=1e-4)


def test_wavenumbers_become_wavelengths(tmp_path):
    """An FT-NIR file, from high wavenumbers down or up, is reflectance over ascending nm."""
    wavenumbers = np.linspace(1e7 / NM[-1], 1e7 / NM[0], 300)
    for step in (1, -1):
        path = write_spc(tmp_path / "s.spc", near_absorbance()[::step], wavenumbers[::step], x=1, y=2)
        nm, reflectance = to_reflectance(read_instrument(path))
        np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=5e-3)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"y": 128}, "holds transmittance"),
        ({"y": 4, "values": 900 * SOIL}, "raw counts without a white reference"),
        ({"x": 13, "y": 4}, "no wavelength or wavenumber|raw counts"),
        (
            {"values": SOIL - 0.9 * SOIL.mean(), "y": 0},
            "may be in one unit or another; export it with the word|-0.1.* at 430 nm",
        ),
    ],
)
def test_other_quantities_are_refused(tmp_path, options, says):
    """What is no reflectance is named."""
    with pytest.raises(SiteError, match=f"s.spc.*({says})"):
        to_reflectance(read_instrument(write_spc(tmp_path / "s.spc", **options)))


@pytest.mark.parametrize("size", [300, 540, 1200, -4])
@pytest.mark.parametrize("name", ["several", "uneven", "an axis each"])
def test_a_file_that_is_cut_off_is_refused(tmp_path, size, name):
    """Header, axis or values that end too early, and a directory of more spectra than there are."""
    path = write_spc(tmp_path / "s.spc", **LAYOUTS[name])
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(SiteError, match=r"s\.spc.*(is cut off|its header says)"):
        read_instruments(path)


@pytest.mark.parametrize(
    ("at", "byte", "says"),
    [(252, 1 << 4, "holds a derivative"), (1, 0x4C, "big-endian"), (1, 0x4D, "before 1996")],
)
def test_derivatives_and_other_layouts_are_refused(tmp_path, at, byte, says):
    """The header's list of what was done to the values is read, and its version."""
    content = bytearray(write_spc(tmp_path / "s.spc").read_bytes())
    content[at] = byte
    (tmp_path / "s.spc").write_bytes(content)
    with pytest.raises(SiteError, match=says):
        read_instrument(tmp_path / "s.spc")


def test_several_spectra_of_a_file_are_samples(tmp_path):
    """A file is read as a folder is: one sample per spectrum, named after file and place."""
    soils = read_spectra(write_spc(tmp_path / "field.spc", SOILS))
    assert list(soils.samples.index) == ["field_1", "field_2", "field_3"]
    np.testing.assert_allclose(soils.reflectance, SOILS, rtol=1e-5)
