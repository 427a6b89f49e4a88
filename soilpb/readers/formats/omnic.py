"""Thermo OMNIC ``.spa``: a directory of blocks, of which a header and the intensities matter.

The layout is not published; it follows what SpectroChemPy's OMNIC reader documents
(Travert & Fernandez, doi 10.5281/zenodo.3823841), which is too large a library to need
for two blocks.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from soilpb.readers.formats.spectrum_file import AGAIN, Format, SpectrumFile, refuse_cut_off
from soilpb.site_file import SiteError

MARK = b"Spectral Data File"
#: Where the directory starts; 16 bytes an entry: key, unused, position, length.
DIRECTORY = 304
ENTRY = struct.Struct("<BxII6x")
#: Points, unit of the axis, quantity, first and last of the axis, from the fifth byte on.
HEADER = struct.Struct("<4xIB3xB3xff")

_HEADER_KEY, _VALUES_KEY, _ENDS = 2, 3, (0, 1)
_AXES = {1: "1/cm", 2: "data points", 3: "nm", 4: "um", 32: "Raman shift"}
_QUANTITIES = {
    **{11: "percent", 12: "absorbance", 15: "a single beam", 16: "transmittance", 17: "absorbance"},
    **{20: "Kubelka-Munk units", 21: "fraction", 22: "an interferogram", 26: "photoacoustics"},
    31: "Raman intensity",
}


def read_omnic(path: Path, content: bytes) -> SpectrumFile:
    """Read an OMNIC file: usually absorbance over wavenumbers, from the highest down."""
    blocks = _directory(path, content)
    if not {_HEADER_KEY, _VALUES_KEY} <= blocks.keys():
        raise SiteError(f"{path} holds no spectrum; export it again")
    start, _ = blocks[_HEADER_KEY]
    refuse_cut_off(path, content, start + HEADER.size, "before its header")
    points, axis, quantity, first, last = HEADER.unpack_from(content, start)
    values = _values(path, content, blocks[_VALUES_KEY], points)
    return SpectrumFile(
        path=path,
        axis=np.linspace(first, last, points),
        axis_unit=_AXES.get(axis, f"of unknown unit {axis}"),
        values=values,
        quantity=_QUANTITIES.get(quantity, f"an unknown quantity ({quantity})"),
        instrument="Thermo (OMNIC)",
    )


def _directory(path: Path, content: bytes) -> dict[int, tuple[int, int]]:
    """Position and length of each block."""
    blocks = {}
    for at in range(DIRECTORY, len(content) - ENTRY.size + 1, ENTRY.size):
        key, start, length = ENTRY.unpack_from(content, at)
        if key in _ENDS:
            return blocks
        blocks[key] = (start, length)
    raise SiteError(f"{path} is cut off within its directory ({len(content)} bytes); {AGAIN}")


def _values(path: Path, content: bytes, block: tuple[int, int], points: int) -> np.ndarray:
    start, length = block
    refuse_cut_off(path, content, start + length, "within its values")
    if length != 4 * points:
        raise SiteError(f"{path}: {length // 4} values, but its header says {points} points; {AGAIN}")
    return np.frombuffer(content, "<f4", points, start).astype(np.float64)


FORMATS = (Format("OMNIC", (".spa",), lambda head: head.startswith(MARK), read_omnic),)
