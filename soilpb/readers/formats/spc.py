"""Galactic (GRAMS) ``.spc``: one or several spectra, evenly or unevenly spaced.

Layout after *A Brief Guide to SPC File Format and Using GSPCIO* (Galactic Industries): a header of 512 bytes,
perhaps one axis for all spectra, then each spectrum behind 32 bytes of its own. Values are floats, or
integers with one power of two for each spectrum.
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
    take,
)
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError

#: Second byte, and layouts that are not read.
NEW, OTHERS = 0x4B, {0x4C: "for other processors (big-endian)", 0x4D: "of before 1996"}
HEADER = np.dtype(
    {
        "names": "flags exponent points first last spectra x y source remark labels log edited".split(),
        "formats": ["u1", "i1", "<u4", "<f8", "<f8", "<u4", "u1", "u1", "S9", "S130", "S30", "<u4", "<u4"],
        "offsets": [0, 3, 4, 8, 16, 24, 28, 29, 45, 88, 218, 248, 252],
        "itemsize": 512,
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
    if content[1] in OTHERS:
        raise SiteError(f"{path} has the layout {OTHERS[content[1]]}; save it anew, or export a table")
    header = take(path, content, HEADER, 0, 1, "within its header")[0]
    if header["edited"] & _DERIVED:
        raise SiteError(f"{path} holds a derivative, as its header says; export reflectance or absorbance")
    labels = bytes(header["labels"]).split(b"\0") if header["flags"] & LABELS else []
    labels = [label.decode("latin-1") for label in labels] + ["", ""]
    found = []
    for axis, values in _spectra(path, content, header):
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
                quantity=quantity,
                instrument=_text(header["source"]),
                sample="" if header["flags"] & SEVERAL else _text(header["remark"]),
            )
        )
    return found


def _text(field: bytes) -> str:
    return clean(bytes(field).split(b"\0")[0].decode("latin-1"))


def _spectra(path: Path, content: bytes, header: np.void) -> list[tuple[np.ndarray, np.ndarray]]:
    """Axis and values of each spectrum; refuse a file that is longer or shorter than it says."""
    flags, at, found = int(header["flags"]), HEADER.itemsize, []
    each, points, said = bool(flags & AXIS_EACH), int(header["points"]), int(header["spectra"])
    first, last = float(header["first"]), float(header["last"])
    if not each and not MIN_BANDS <= points <= len(content):
        raise SiteError(f"{path}: its header says {points} points in {len(content)} bytes; {AGAIN}")
    axis = np.linspace(first, last, 0 if each else points)
    if flags & AXIS and not each:
        axis = take(path, content, "<f4", at, points).astype(float)
        at += 4 * points
        if not np.allclose(axis[[0, -1]], [first, last], rtol=1e-4):
            raise SiteError(
                f"{path}: its bands run from {axis[0]:g} to {axis[-1]:g}, but its header says from {first:g} "
                f"to {last:g}; {AGAIN}"
            )
    end = min(int(header["log"]) or len(content), points if each and points else len(content))
    while at < end and len(found) < said:
        about = take(path, content, SPECTRUM, at, 1, "within a spectrum")[0]
        at, n, mine = at + SPECTRUM.itemsize, int(about["points"]) if each else points, axis
        if n < MIN_BANDS or len(found) == MOST_SPECTRA:
            raise SiteError(
                f"{path} holds spectra of {n} points, or more than {MOST_SPECTRA} of them; export a table"
            )
        if each:
            mine, at = take(path, content, "<f4", at, n).astype(float), at + 4 * n
        exponent = int((about if flags & SEVERAL else header)["exponent"])
        values, at = _values(path, content, at, n, exponent, 2 if flags & SHORT else 4)
        found.append((mine, values))
    if not found or len(found) != said or at != end:
        raise SiteError(
            f"{path}: its header says {said} spectra, but it holds {len(found)} in {end} bytes, of which "
            f"{end - at} are left; {AGAIN}"
        )
    return found


def _values(path: Path, content: bytes, at: int, n: int, exponent: int, size: int) -> tuple[np.ndarray, int]:
    """Values of a spectrum, (n,), and where they end; integers have ``size`` bytes."""
    if exponent == FLOAT:
        return take(path, content, "<f4", at, n).astype(float), at + 4 * n
    return take(path, content, f"<i{size}", at, n) * 2.0 ** (exponent - 8 * size), at + size * n


def _begins(head: bytes) -> bool:
    """Tell the second byte, and zeros in a header that is not text; workbooks begin with PK."""
    return len(head) > 2 and head[1] in (NEW, *OTHERS) and head[:2] != b"PK" and b"\0" in head[:256]


FORMATS = (Format("Galactic SPC", (".spc",), _begins, read_spc),)
