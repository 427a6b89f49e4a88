"""Thermo OMNIC ``.spa`` and groups ``.spg``: a directory of blocks, of which headers and intensities matter.

The layout follows what SpectroChemPy's OMNIC reader documents (Travert & Fernandez,
doi 10.5281/zenodo.3823841), which is too large a library to need for two blocks.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soilpb.readers.formats.spectrum_file import AGAIN, Format, SpectrumFile, take
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError

MARK = b"Spectral Data File"
#: Where the directory starts; 16 bytes an entry: key, unused, position, length.
DIRECTORY = 304
ENTRY = np.dtype(
    {
        "names": ["key", "start", "length"],
        "formats": ["u1", "<u4", "<u4"],
        "offsets": [0, 2, 6],
        "itemsize": 16,
    }
)
#: Points, unit of the axis, quantity, first and last of the axis.
HEADER = np.dtype(
    {
        "names": ["points", "axis", "quantity", "first", "last"],
        "formats": ["<u4", "u1", "u1", "<f4", "<f4"],
        "offsets": [4, 8, 12, 16, 20],
    }
)

#: Headers, values, titles; and what ends a directory.
_KEYS, _ENDS = (2, 3, 107), (0, 1)
_AXES = {1: "1/cm", 2: "data points", 3: "nm", 4: "um", 32: "Raman shift"}
_QUANTITIES = {
    **{11: "percent", 12: "absorbance", 15: "a single beam", 16: "transmittance", 17: "absorbance"},
    **{20: "Kubelka-Munk units", 21: "fraction", 22: "an interferogram", 26: "photoacoustics"},
    31: "Raman intensity",
}


def read_omnic(path: Path, content: bytes) -> list[SpectrumFile]:
    """Read an OMNIC file, one spectrum or a group: usually absorbance over descending wavenumbers."""
    blocks = _directory(path, content)
    headers, values, titles = ([block for key, *block in blocks if key == wanted] for wanted in _KEYS)
    if not headers or len(headers) != len(values):
        raise SiteError(
            f"{path} holds {len(values)} spectra with {len(headers)} headers; export each to its own .spa"
        )
    titles = titles if len(titles) == len(headers) else [(0, 0)] * len(headers)
    parts = zip([at for at, _ in headers], values, titles, strict=True)
    return [_spectrum(path, content, *part) for part in parts]


def _spectrum(
    path: Path, content: bytes, start: int, block: tuple[int, int], title: tuple[int, int]
) -> SpectrumFile:
    points, axis, quantity, first, last = take(path, content, HEADER, start, 1, "before its header")[0].item()
    at, length = block
    values = take(path, content, "<f4", at, length // 4)
    if length != 4 * points:
        raise SiteError(f"{path}: {length // 4} values, but its header says {points} points; {AGAIN}")
    name = content[title[0] : title[0] + min(title[1], 256)].partition(b"\0")[0]  # of a spectrum of a group
    return SpectrumFile(
        path=path,
        axis=np.linspace(first, last, points),
        axis_unit=_AXES.get(axis, f"of unknown unit {axis}"),
        values=values.astype(np.float64),
        quantity=_QUANTITIES.get(quantity, f"an unknown quantity ({quantity})"),
        instrument="Thermo (OMNIC)",
        sample=clean(name.decode("latin-1")),
    )


def _directory(path: Path, content: bytes) -> list[tuple[int, int, int]]:
    """Key, position and length of each block."""
    n, where = max(1, (len(content) - DIRECTORY) // ENTRY.itemsize), "within its directory"
    blocks = take(path, content, ENTRY, DIRECTORY, n, where).tolist()
    end = next((i for i, (key, *_) in enumerate(blocks) if key in _ENDS), None)
    if end is None:
        raise SiteError(f"{path} is cut off {where} ({len(content)} bytes); {AGAIN}")
    return blocks[:end]


FORMATS = (Format("OMNIC", (".spa", ".spg"), lambda head: head.startswith(MARK), read_omnic),)
