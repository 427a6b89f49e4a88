"""Bruker OPUS files: the right spectrum of several, checked against its own parameters."""

import struct

import brukeropus
import numpy as np
import pytest

from soilpb.readers.formats import opus
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
    write_opus,
)

NEAR = (1e7 / NM[-1], 1e7 / NM[0])


def test_absorbance_becomes_reflectance(tmp_path):
    """Absorbance over wavenumbers gives the soil's reflectance over nm."""
    scan = read_instrument(write_opus(tmp_path / "s.0"))
    assert (scan.axis_unit, scan.quantity, scan.instrument) == ("1/cm", "absorbance", "Bruker MPA II")
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm[[0, -1]], NM[[0, -1]])
    np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=1e-6)


def test_the_near_infrared_block_is_chosen(tmp_path):
    """Beside a mid-infrared block, in either order, the near-infrared one is read and the other noted."""
    near = (opus.ABSORBANCE, 3, *NEAR, near_absorbance())
    mid = (opus.ABSORBANCE, 3, 600.0, 4000.0, mid_absorbance())
    for blocks in ([near, mid], [mid, near]):
        scan = read_instrument(write_opus(tmp_path / "s.0", blocks))
        np.testing.assert_allclose(scan.values, near_absorbance(), atol=1e-6)
        assert "1 other spectra of the file left aside" in scan.notes[0]


@pytest.mark.parametrize(
    ("blocks", "quantity"),
    [
        ([(opus.SINGLE, 1, *NEAR, near_absorbance())], "a single beam"),
        ([(opus.TRANSMITTANCE, 3, *NEAR, near_absorbance())], "transmittance"),
        ([(opus.ABSORBANCE, 3, 600.0, 4000.0, mid_absorbance())], "absorbance"),
    ],
)
def test_other_spectra_are_read_but_are_no_reflectance(tmp_path, blocks, quantity):
    """A single beam, transmittance and mid infrared are what they are, and are refused as reflectance."""
    scan = read_instrument(write_opus(tmp_path / "s.0", blocks))
    assert scan.quantity == quantity
    with pytest.raises(SiteError, match=r"s\.0"):
        to_reflectance(scan)


def add_block(path, kind, content):
    """Put one more block behind the others."""
    old = path.read_bytes()
    count = opus.HEADER.unpack_from(old)[3]
    directory = opus.HEADER.size + opus.ENTRY.size * count
    entries = [opus.ENTRY.unpack_from(old, opus.HEADER.size + opus.ENTRY.size * i) for i in range(count)]
    entries = [(k, words, at + opus.ENTRY.size) for k, words, at in entries]
    entries.append((kind, len(content) // 4, len(old) + opus.ENTRY.size))
    head = opus.MARK + struct.pack("<d3i", 920622.0, opus.HEADER.size, 40, len(entries))
    path.write_bytes(head + b"".join(opus.ENTRY.pack(*e) for e in entries) + old[directory:] + content)
    return path


@pytest.mark.parametrize(
    ("kind", "form"), [(opus.ABSORBANCE, 4), (opus.REFLECTANCE, 0), (opus.LOG_REFLECTANCE, 4), ("case", 0)]
)
def test_a_block_without_parameters_is_no_spectrum(tmp_path, kind, form):
    """Text whose type says absorbance or reflectance, as of a quality test, is passed over."""
    if kind == "case":
        path = case("opus-quality-report") / "S1.0"
        truth = float((path.parent / "truth.txt").read_text().split()[-1])
    else:
        text = b"Quality test passed. ".ljust(64, b"\0")
        path = add_block(write_opus(tmp_path / "s.0"), kind << 10 | 3 << 2 | form << 19, text)
        truth = np.median(10 ** -near_absorbance())
    assert np.median(to_reflectance(read_instrument(path))[1]) == pytest.approx(truth, abs=1e-4)


@pytest.mark.parametrize("name", ["NPT", "FXV", "CSF", "MNY", "DXU"])
@pytest.mark.parametrize("kind", [0, 1, 2, 9])
def test_a_parameter_of_another_type_is_refused(tmp_path, name, kind):
    """A count that became text, or a text that became a number, names the file."""
    path = write_opus(tmp_path / "s.0")
    content = bytearray(path.read_bytes())
    at = content.index(name.encode()) + 4
    same = content[at] == kind or (kind > 1 and name == "DXU")
    content[at] = kind
    path.write_bytes(content)
    if not same:
        with pytest.raises(SiteError, match=r"s\.0"):
            to_reflectance(read_instrument(path))


@pytest.mark.parametrize(
    ("length", "says"),
    [(20, "cut off within its header"), (30, "header says 3 blocks"), (1000, "a block ends beyond")],
)
def test_a_file_that_is_cut_off_is_refused(tmp_path, length, says):
    """Wherever the file ends early, one message says so."""
    path = write_opus(tmp_path / "s.0")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(SiteError, match=says):
        read_instrument(path)


@needs_real_files
@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("235157XS01.0", "a"),
        ("icr056141.0", "a"),
        ("opus_BF_lo_01_soil_cal.1", "a"),
        ("opus_csiro_test_refl.0", "r"),
    ],
)
def test_real_files_agree_with_brukeropus(name, key):
    """Axis and values are those of an independent reader."""
    found, scan = getattr(brukeropus.read_opus(FOLDER / name), key), read_instrument(FOLDER / name)
    np.testing.assert_allclose(scan.axis, found.x)
    np.testing.assert_allclose(scan.values, found.y, rtol=1e-6)
    assert (scan.axis_unit, scan.quantity) == ("1/cm", {"a": "absorbance", "r": "fraction"}[key])
