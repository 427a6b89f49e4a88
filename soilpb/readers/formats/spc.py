"""Galactic (GRAMS) ``.spc``: one or several spectra, evenly or unevenly spaced, in three byte orders.

Layout after *A Brief Guide to SPC File Format and Using GSPCIO* (Galactic Industries): a header of 512 bytes
(old files: 224), perhaps one axis for all spectra, then each spectrum behind 32 bytes of its own. Values are
floats, or integers with one power of two for each spectrum. Old files are read as well.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soilpb.readers.columns import MIN_BANDS
from soilpb.readers.formats.spectrum_file import (
    AGAIN,
    Format,
    SpectrumFile,
    axis_unit_in_words,
    quantity_in_words,
    recognise_quantity,
    refuse_cut_off,
)
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError

#: Second byte: little-endian, big-endian, and the old layout.
NEW, SWAPPED, OLD = 0x4B, 0x4C, 0x4D
HEADER = np.dtype(
    {
        "names": "flags exponent points first last spectra x y source remark labels log edited".split(),
        "formats": ["u1", "i1", "<u4", "<f8", "<f8", "<u4", "u1", "u1", "S9", "S130", "S30", "<u4", "<u4"],
        "offsets": [0, 3, 4, 8, 16, 24, 28, 29, 45, 88, 218, 248, 252],
        "itemsize": 512,
    }
)
OLD_HEADER = np.dtype(
    {
        "names": "flags exponent points first last x y remark labels".split(),
        "formats": ["u1", "<i2", "<f4", "<f4", "<f4", "u1", "u1", "S130", "S30"],
        "offsets": [0, 2, 4, 8, 12, 16, 17, 64, 194],
        "itemsize": 224,
    }
)
SPECTRUM = np.dtype(
    {"names": ["exponent", "points"], "formats": ["i1", "<u4"], "offsets": [1, 16], "itemsize": 32}
)
#: Bits of the flags: 16-bit values, several spectra, labels of one's own, an axis each, an axis.
SHORT, SEVERAL, LABELS, AXIS_EACH, AXIS = 1, 4, 32, 64, 128
FLOAT = -128  # as exponent
#: Spectra in one file beyond which it is taken for damage.
MOST_SPECTRA = 20_000

_AXES = {1: "1/cm", 2: "um", 3: "nm"}
_QUANTITIES = {
    **{1: "an interferogram", 2: "absorbance", 3: "Kubelka-Munk units", 4: "raw counts", 10: "absorbance"},
    **{11: "percent", 128: "transmittance", 129: "reflectance", 131: "emission"},
}
_DERIVED = 1 << 4  # among what was done to the values


def read_spc(path: Path, content: bytes) -> list[SpectrumFile]:
    """Read a Galactic file: the spectra that it holds."""
    old, order = content[1] == OLD, ">" if content[1] == SWAPPED else "<"
    layout = (OLD_HEADER if old else HEADER).newbyteorder(order)
    refuse_cut_off(path, content, layout.itemsize, "within its header")
    header = np.frombuffer(content, layout, 1)[0]
    if not old and header["edited"] & _DERIVED:
        raise SiteError(f"{path} holds a derivative, as its header says; export reflectance or absorbance")
    labels = bytes(header["labels"]).split(b"\0") if header["flags"] & LABELS else []
    labels = [label.decode("latin-1") for label in labels] + ["", ""]
    found = []
    for axis, values in _spectra(path, content, header, order):
        quantity = _QUANTITIES.get(int(header["y"]), "")
        if quantity in ("", "reflectance"):
            quantity = quantity_in_words(quantity or labels[1], values)
        unit = _AXES.get(int(header["x"]), "") or axis_unit_in_words(labels[0], axis)
        found.append(
            SpectrumFile(
                path=path,
                axis=axis,
                axis_unit=unit,
                values=values,
                quantity=quantity or recognise_quantity(path, axis, unit, values),
                instrument="" if old else _text(header["source"]),
                sample="" if header["flags"] & SEVERAL else _text(header["remark"]),
            )
        )
    return found


def _text(field: bytes) -> str:
    return clean(bytes(field).split(b"\0")[0].decode("latin-1"))


def _spectra(path: Path, content: bytes, header: np.void, order: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Axis and values of each spectrum; refuse a file that is longer or shorter than it says."""
    old, flags = content[1] == OLD, int(header["flags"])
    at, end, found = header.dtype.itemsize, len(content), []
    each, points = bool(flags & AXIS_EACH), float(header["points"])
    if not each and not MIN_BANDS <= points <= len(content):
        raise SiteError(f"{path}: its header says {points:g} points in {len(content)} bytes; {AGAIN}")
    axis = np.linspace(float(header["first"]), float(header["last"]), 0 if each else int(points))
    if flags & AXIS and not each:
        axis, at = _shared_axis(path, content, header, order)
    if not old:
        end = min(int(header["log"]) or end, int(points) if each and points else end)
    while at < end and (old or len(found) < header["spectra"]):
        refuse_cut_off(path, content, at + SPECTRUM.itemsize, "within a spectrum")
        about = np.frombuffer(content, SPECTRUM.newbyteorder(order), 1, at)[0]
        at, n, mine = at + SPECTRUM.itemsize, int(about["points"]) if each else int(points), axis
        if n < MIN_BANDS or len(found) == MOST_SPECTRA:
            raise SiteError(
                f"{path} holds spectra of {n} points, or more than {MOST_SPECTRA} of them; export a table"
            )
        if each:
            mine, at = _take(path, content, at, f"{order}f4", n)
        exponent = int(about["exponent"] if flags & SEVERAL else header["exponent"])
        values, at = _values(path, content, at, n, exponent, bool(flags & SHORT), order, old)
        found.append((mine, values))
    if not found or (not old and (len(found) != header["spectra"] or at != end)):
        said = len(found) if old else int(header["spectra"])
        raise SiteError(
            f"{path}: its header says {said} spectra, but it holds {len(found)} in {end} bytes, of which "
            f"{end - at} are left; {AGAIN}"
        )
    return found


def _shared_axis(path: Path, content: bytes, header: np.void, order: str) -> tuple[np.ndarray, int]:
    """Axis that stands behind the header, and where it ends; its ends must be those of the header."""
    axis, at = _take(path, content, HEADER.itemsize, f"{order}f4", int(header["points"]))
    if not np.allclose(axis[[0, -1]], [header["first"], header["last"]], rtol=1e-4):
        raise SiteError(
            f"{path}: its bands run from {axis[0]:g} to {axis[-1]:g}, but its header says from "
            f"{header['first']:g} to {header['last']:g}; {AGAIN}"
        )
    return axis, at


def _values(
    path: Path, content: bytes, at: int, n: int, exponent: int, short: bool, order: str, old: bool
) -> tuple[np.ndarray, int]:
    """Values of a spectrum and where they end. Old files have the two halves of 32 bits swapped."""
    if exponent in (FLOAT, 128):
        return _take(path, content, at, f"{order}f4", n)
    bits = 16 if short else 32
    if old and not short:
        halves, at = _take(path, content, at, "<u2", 2 * n)
        whole = (halves[::2] * 2**16 + halves[1::2]).astype(np.uint32).view(np.int32)
    else:
        whole, at = _take(path, content, at, f"{order}i{bits // 8}", n)
    return whole * 2.0 ** (exponent - bits), at


def _take(path: Path, content: bytes, at: int, kind: str, n: int) -> tuple[np.ndarray, int]:
    """Numbers from a place on, (n,) float64, and where they end."""
    end = at + n * np.dtype(kind).itemsize
    refuse_cut_off(path, content, end, "within its values")
    return np.frombuffer(content, kind, n, at).astype(np.float64), end


def _begins(head: bytes) -> bool:
    """Tell the second byte, and zeros in a header that is not text; workbooks begin with PK."""
    return len(head) > 2 and head[1] in (NEW, SWAPPED, OLD) and head[:2] != b"PK" and b"\0" in head[:256]


FORMATS = (Format("Galactic SPC", (".spc",), _begins, read_spc),)
