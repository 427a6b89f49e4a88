"""Spectral Evolution ``.sed``: a text header, then a column of wavelengths and others of values.

Reflectance is in percent (``Reflect. %``) or a fraction (``Reflect. [1.0]``), by file: the
column's name says which, and its values must agree (see :mod:`soilpb.readers.recording`).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from soilpb.readers.number_rows import read_header, read_rows
from soilpb.readers.recording import Recording
from soilpb.sitefile import SiteError

_UNITS = {"%": "percent", "[1.0]": "fraction"}


def read_sed(path: str | Path) -> Recording:
    """Read a Spectral Evolution file: reflectance over nm.

    A file with the target and its reference but without reflectance gives their ratio.

    Raises
    ------
    SiteError
        Naming the file: cut off, without reflectance, or in a unit that cannot be told.
    """
    path = Path(path)
    header, rows = read_header(path, "Data", ":")
    if not rows:
        raise SiteError(f"{path} is cut off after its header; copy it from the instrument again")
    names = [name.strip() for name in rows[0][1].split("\t")]
    table = read_rows(path, rows[1:], len(names))
    said = header.get("Channels", "")
    if said.isdigit() and int(said) != len(table):
        raise SiteError(
            f"{path}: {len(table)} rows of values, but its header says {said} channels; copy it from the "
            "instrument again"
        )
    columns = {name: table[:, j] for j, name in enumerate(names)}
    waves = next((values for name, values in columns.items() if name.startswith("Wvl")), None)
    if waves is None:
        raise SiteError(f"{path} has no column 'Wvl' but {', '.join(map(repr, names))}; export it again")
    values, quantity, notes = _reflectance(path, columns)
    return Recording(
        path=path,
        axis=waves,
        axis_unit="nm",
        values=values,
        quantity=quantity,
        instrument=f"Spectral Evolution {header.get('Instrument', '')}".strip(),
        notes=notes,
    )


def _reflectance(path: Path, columns: dict[str, np.ndarray]) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Values, their unit, and notes."""
    for name, values in columns.items():
        if name.startswith("Reflect"):
            unit = re.sub(r"^Reflect(?:ance|\.)?\s*", "", name)
            return values, _UNITS.get(unit) or _unit_by_value(path, name, values), ()
    target = [values for name, values in columns.items() if "(Target)" in name]
    white = [values for name, values in columns.items() if "(Ref.)" in name]
    if not (target and white):
        raise SiteError(
            f"{path} has no reflectance but {', '.join(map(repr, columns))}; export it with the column "
            "'Reflect. %', or with both target and reference"
        )
    if not (white[0] > 0).all():
        raise SiteError(f"{path}: its white reference is 0 or less in some bands; measure it again")
    return target[0] / white[0], "fraction", ("reflectance is target / reference",)


def _unit_by_value(path: Path, name: str, values: np.ndarray) -> str:
    high = float(np.median(values))
    if high > 1.6:
        return "percent"
    if values.max() <= 1.1 and high > 0.02:
        return "fraction"
    raise SiteError(
        f"{path}: the column {name!r} says no unit, and its values (median {high:.3g}) may be in one or "
        "another; name it 'Reflect. %' or 'Reflect. [1.0]'"
    )
