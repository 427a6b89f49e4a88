"""Bruker OPUS (``.0``, ``.1``, …): a directory of blocks, spectra and their parameters apart.

The type of a block is written in the bits of one integer (Duran, github.com/joshduran/brukeropus; that
library goes round in circles on some damaged files). Each spectrum is checked against its extremes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soilpb.readers.columns import to_nanometres
from soilpb.readers.formats.spectrum_file import AGAIN, Format, SpectrumFile, take
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

MARK = b"\n\n\xfe\xfe"
#: Version, position of the directory, room for blocks, blocks.
HEADER = struct.Struct("<4xd3i")
#: Type, length in 4-byte words, position.
ENTRY = struct.Struct("<3i")
#: Name, type of the value, length in 2-byte words.
PARAMETER = struct.Struct("<3sx2h")
_TYPES = {(0, 2): "<i", (1, 4): "<d"}  # of numbers; others are text
#: Kinds of data, in bits 10–16 of a type.
SINGLE, ABSORBANCE, TRANSMITTANCE, KUBELKA_MUNK, REFLECTANCE, LOG_REFLECTANCE = 1, 4, 5, 6, 12, 15

_QUANTITIES = {
    **{REFLECTANCE: "fraction", ABSORBANCE: "absorbance", LOG_REFLECTANCE: "absorbance"},
    **{KUBELKA_MUNK: "Kubelka-Munk units", TRANSMITTANCE: "transmittance", SINGLE: "a single beam"},
}
_RANKS = ("a single beam", "transmittance", "Kubelka-Munk units", "absorbance", "fraction")
_AXES = {"WN": "1/cm", "MI": "um", "LGW": "log wavenumber"}
_STATUS, _COMPACT = 1, 4
#: Parameters of a spectrum: points, first and last of its axis, factor, smallest and largest value, unit.
_NUMBERS = ("FXV", "LXV", "CSF", "MNY", "MXY")
#: Blocks are filled up to an even number of values, or a little more.
_PADDING = 3


class Block(NamedTuple):
    """A block of the directory; ``kind`` says what data, ``about`` whether it holds parameters."""

    whose: int
    about: int
    kind: int
    form: int
    rest: int
    content: bytes

    def describes(self, data: Block) -> bool:
        """Tell whether these are the parameters of ``data``."""
        return self[:-1] == data._replace(about=_STATUS)[:-1]


def read_opus(path: Path, content: bytes) -> SpectrumFile:
    """Read an OPUS file: its reflectance or absorbance, of the near infrared where there is one."""
    blocks = list(_blocks(path, content))
    # What has no parameters is no spectrum, whatever its type says: quality tests are stored as text so.
    data = [b for b in blocks if b.about == 0 and b.kind in _QUANTITIES and b.form in (0, _COMPACT)]
    data = [block for block in data if any(other.describes(block) for other in blocks)]
    spectra = [_spectrum(path, block, blocks) for block in data]
    if not spectra:
        raise SiteError(f"{path} holds no spectrum; export reflectance or absorbance from OPUS")
    best = max(enumerate(spectra), key=_worth)[1]
    results = sum(spectrum.quantity != _QUANTITIES[SINGLE] for spectrum in spectra)
    note = f"the {best.quantity} read, {results - 1} other spectra of the file left aside"
    about = [_parameters(block.content) for block in blocks if block.about > 1]
    instrument, sample = (next((str(p[key]) for p in about if key in p), "") for key in ("INS", "SNM"))
    return replace(
        best,
        instrument=f"Bruker {instrument}".strip(),
        sample=clean(sample),
        notes=(note,) if results > 1 else (),
    )


def _blocks(path: Path, content: bytes) -> Iterator[Block]:
    take(path, content, "u1", 0, HEADER.size, "within its header")
    _, start, _, count = HEADER.unpack_from(content)
    if start < HEADER.size or not 0 < count <= len(content) // ENTRY.size:
        raise SiteError(f"{path}: its header says {count} blocks from byte {start}; {AGAIN}")
    entries = take(path, content, "<i4", start, 3 * count, "within its directory").reshape(-1, 3)
    for kind, words, position in entries.tolist():
        if position <= 0:
            return
        if words < 0 or position + 4 * words > len(content):
            raise SiteError(f"{path} is cut off: {len(content)} bytes, a block ends beyond; {AGAIN}")
        bits = (kind >> 2 & 3, kind >> 4 & 63, kind >> 10 & 127, kind >> 19 & 7, kind & 3 | kind >> 17 & 3)
        yield Block(*bits, content[position : position + 4 * words])


def _parameters(content: bytes) -> dict[str, Any]:
    """Parameters of a block; what follows a spoilt one is left."""
    found: dict[str, Any] = {}
    at = 0
    while at + PARAMETER.size <= len(content):
        name, kind, words = PARAMETER.unpack_from(content, at)
        at += PARAMETER.size
        value, key = content[at : at + 2 * words], name.decode("latin-1")
        if name == b"END" or words < 0 or len(value) < 2 * words:
            break
        at += 2 * words
        if (kind, words) in _TYPES:
            found[key] = struct.unpack(_TYPES[kind, words], value)[0]
        elif kind > 1:
            found[key] = " ".join(value.partition(b"\0")[0].decode("latin-1").split())
    return found


def _spectrum(path: Path, data: Block, blocks: Sequence[Block]) -> SpectrumFile:
    """Join values to those parameters whose extremes they have."""
    values = np.frombuffer(data.content, "<f4").astype(np.float64)
    for status in (_parameters(block.content) for block in blocks if block.describes(data)):
        points = status.get("NPT")
        if not isinstance(points, int) or not all(isinstance(status.get(n), int | float) for n in _NUMBERS):
            continue
        least = 2 if data.form == _COMPACT else max(2, values.size - _PADDING)
        if not least <= points <= values.size:
            continue
        found = status["CSF"] * (values[-points:] if data.form == _COMPACT else values[:points])
        said = [status["MNY"], status["MXY"]]
        if np.allclose([found.min(), found.max()], said, rtol=1e-5, atol=1e-6 * np.ptp(said)):
            axis = np.linspace(status["FXV"], status["LXV"], points)
            unit = _AXES.get(status.get("DXU"), "of unknown unit")
            return SpectrumFile(path, axis, unit, found, _QUANTITIES[data.kind])
    raise SiteError(
        f"{path}: its {_QUANTITIES[data.kind]} has not the number of values, or the smallest and largest, "
        f"that the file says; {AGAIN}"
    )


def _worth(numbered: tuple[int, SpectrumFile]) -> tuple[bool, int, int]:
    """Near infrared before others, reflectance before absorbance before others; the last one written."""
    number, spectrum = numbered
    rank = _RANKS.index(spectrum.quantity)
    nm = to_nanometres(spectrum.axis, spectrum.axis_unit)
    near = nm is not None and VIS_NIR_NM[0] <= nm.min() and nm.max() <= VIS_NIR_NM[1]
    return near and rank > 2, rank, number


#: Its files end in numbers (``.0``, ``.1``), which ``has_instrument_suffix`` knows.
FORMATS = (Format("Bruker OPUS", (), lambda head: head.startswith(MARK), read_opus),)
