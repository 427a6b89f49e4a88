"""Bare columns of numbers, as programs export spectra: OPUS ``.dpt``, ViewSpec Pro, SpectraSuite and others.

The first column is the axis, each other one a spectrum; lines of text above may name columns, units and
quantity, else values tell. A table with one line of names above is read with the tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soilpb.readers.columns import MIN_BANDS
from soilpb.readers.formats.spectrum_file import (
    Format,
    SpectrumFile,
    axis_unit_in_words,
    quantity_in_words,
)
from soilpb.readers.formats.text import read_rows
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SAYS_AXIS = re.compile(
    r"wave|spectral data|\bnm\b|cm\s*\^?-\s*1|1/cm|[µμ]m\b|wvl|reflect|absorb", re.IGNORECASE
)


def read_columns(path: Path, content: bytes) -> list[SpectrumFile]:
    """Read bare columns of numbers: one spectrum or several over one axis."""
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    rows = [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
    start = _find_start([line for _, line in rows])
    while rows and not re.search(r"\d", rows[-1][1]):
        rows.pop()  # words at the end
    width = len(_cells(rows[start][1]))
    table = read_rows(
        path, [(n, " ".join(_cells(line)).replace(",", ".")) for n, line in rows[start:]], width
    )
    above, axis = "\n".join(line for _, line in rows[:start]), table[:, 0]
    names = _column_names([line for _, line in rows[:start]], width)
    if not names:
        raise SiteError(
            f"{path} has {width - 1} columns of values without names; write a line above them with the "
            "wavelength's name and the samples' ids"
        )
    unit, found = axis_unit_in_words(above, axis), []
    for name, values in zip(names, table[:, 1:].T, strict=True):
        quantity = quantity_in_words(name, values) or quantity_in_words(above, values)
        found.append(SpectrumFile(path, axis, unit, values, quantity, sample=name if width > 2 else ""))
    return found


def _column_names(above: Sequence[str], width: int) -> list[str]:
    """Names of the columns but the first, from the lowest line that has as many; none if no line does."""
    for line in reversed(above):
        cells = [cell.strip(' "') for cell in re.split(r"\t|;|,|\s{2,}", line.strip())]
        if len(cells) == width and all(cells[1:]) and len(set(cells[1:])) == width - 1:
            return cells[1:]
    return [""] if width == 2 else []


def _cells(line: str) -> list[str]:
    """Numbers of a row as text, or nothing if it is no row of numbers."""
    marks = "\t" if "\t" in line else ";" if ";" in line else None
    cells = [cell.strip().strip(",") for cell in line.strip().split(marks)]
    if len(cells) == 1:
        cells = [cell.strip() for cell in line.strip().strip(",").split(",")]
    return cells if len(cells) > 1 and all(map(_NUMBER.fullmatch, cells)) else []


def _find_start(lines: Sequence[str]) -> int | None:
    """Line at which columns of numbers begin: as many rows as a spectrum has bands, over an axis."""
    cells = [_cells(line) for line in lines]
    for start in range(len(cells) - MIN_BANDS + 1):
        rows = cells[start : start + MIN_BANDS]
        if not rows[0] or len(set(map(len, rows))) > 1:
            continue
        axis = np.array([float(row[0].replace(",", ".")) for row in rows])
        steps, (low, high) = np.diff(axis), sorted(axis[[0, -1]])
        if np.ptp(np.sign(steps)) == 0 and steps[0] and (low >= VIS_NIR_NM[0] or 0.2 <= low < high <= 3):
            return start
    return None


def _begins_with_columns(head: bytes) -> bool:
    """Tell columns of numbers without names, or below two lines or more: else it is a table like others."""
    lines = [line for line in head.decode("utf-8-sig", errors="replace").splitlines()[:-1] if line.strip()]
    start = None if b"\0" in head else _find_start(lines)
    if not start:
        return start == 0
    spaced = not re.search(r"[\t;,]", lines[start])
    return (start > 1 or spaced) and bool(_SAYS_AXIS.search("\n".join(lines[:start])))


FORMATS = (Format("columns of numbers", (".dpt",), _begins_with_columns, read_columns),)
