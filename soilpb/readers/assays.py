"""A laboratory table: one row a sample, the target in its unit, what else is useful.

The target is read strictly: a cell that is no number stops the reading with one message.
``<5`` is a value below the detection limit: refused, or half the limit where the site
file says ``below_detection: half`` — the usual substitution, tolerable while such values
are few (US EPA QA/G-9: fewer than 15 %) and biased beyond. Other columns are read
leniently: what is no plausible number counts as missing, and the notes count it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from soilpb.readers.band_names import find_bands
from soilpb.readers.cells import decimal_mark, read_numbers
from soilpb.readers.companions import read_companions
from soilpb.readers.ids import find_id_column, read_ids, refuse_repeated
from soilpb.readers.quantities import Quantity, in_unit, parse_quantity
from soilpb.readers.tables import Table, as_text, read_table
from soilpb.sitefile import SiteError

BelowDetection = Literal["refuse", "half"]


@dataclass(frozen=True, eq=False)
class Assays:
    """A laboratory table that was understood.

    Parameters
    ----------
    samples : DataFrame
        Indexed by sample id; the target first, then what else was recognised.
    notes : tuple of str
        What was converted, counted as missing, or left aside.
    """

    samples: pd.DataFrame
    notes: tuple[str, ...]


def read_assays(
    path: str | Path,
    target: str,
    *,
    id_column: str = "",
    target_unit: str = "",
    below_detection: BelowDetection = "refuse",
) -> Assays:
    """Read a laboratory table.

    Parameters
    ----------
    path : path
        CSV or XLSX of any dialect.
    target : str
        Our name of the wanted column, such as ``Pb_mg_kg``; the file may call it
        ``Pb (mg/kg)``, ``Pb [ppm]``, ``lead %``, …: shares of mass are converted.
    id_column : str
        Name of the id column; found by itself if empty.
    target_unit : str
        Unit of the column where its name says none.
    below_detection : str
        ``refuse`` cells such as ``<5``, or take ``half`` of their limit.

    Raises
    ------
    SiteError
        Naming the file, row and column, what was found and how to mend it.
    """
    table = read_table(path)
    bands = find_bands(table)
    skip = set() if bands is None else set(bands.columns.tolist())
    column, factor, notes = _find_target(table, target, target_unit, skip)
    id_at = find_id_column(table, id_column, others={*skip, column})
    ids = read_ids(table, id_at)
    refuse_repeated(table, ids, id_at, "keep one row a sample")
    mark = decimal_mark(table.cells.ravel(), table.separator)
    notes = [*table.notes, *notes, *([f"{table.path.name} has decimal commas"] if mark == "," else [])]
    values, remarks = _target_values(table, column, factor, mark, target, below_detection)
    samples = pd.DataFrame({target: values}, index=pd.Index(ids, name="id"))
    below = 0.5 if below_detection == "half" else np.nan
    others, more = read_companions(table, {*skip, column, id_at}, mark, below)
    return Assays(
        samples=samples.assign(**{name: cells for name, cells in others.items() if name != target}),
        notes=(*notes, *remarks, *more),
    )


def _find_target(table: Table, target: str, unit: str, skip: set[int]) -> tuple[int, float, list[str]]:
    """Position of the target's column, the factor to its unit, and a note if it is not 1."""
    wanted = parse_quantity(target)
    columns = {j: parse_quantity(name) for j, name in enumerate(table.header) if j not in skip}
    columns = {j: in_unit(found, unit) for j, found in columns.items()} if unit else columns
    exact = [j for j in columns if table.header[j].casefold() == target.casefold()]
    same = exact or [j for j, found in columns.items() if found.is_same(wanted)]
    known = exact or [j for j in same if (columns[j].factor is None) == (wanted.factor is None)]
    if not same:
        there = ", ".join(repr(table.header[j]) for j in list(columns)[:12])
        raise SiteError(f"{table.path} has no column for the target {target}; it has: {there}; mend target")
    if not known:
        _refuse_unit(table, same[0], columns[same[0]], target)
    if len(known) > 1:
        names = ", ".join(repr(table.header[j]) for j in known)
        raise SiteError(f"{table.path}: {names} could all be {target}; rename the right one to {target}")
    column = known[0]
    factor = 1.0 if exact or wanted.factor is None else columns[column].factor / wanted.factor
    times = f" × {factor:g}" if factor != 1 else ""
    return column, factor, [] if exact else [f"{target} is column {table.header[column]!r}{times}"]


def _refuse_unit(table: Table, column: int, found: Quantity, target: str) -> None:
    if found.remark:
        what = f"the unit {found.remark!r} is none that converts to that of {target}"
    elif found.factor is None:
        what = "the header says no unit"
    else:
        what = f"the header says a unit, {target} has none"
    raise SiteError(
        f"{table.at(column=column)}: {what}; write mg/kg, ppm, µg/g, g/kg or % into the header, such as "
        f"'{found.name} (mg/kg)', if that is the unit, or set target_unit"
    )


def _target_values(
    table: Table, column: int, factor: float, mark: str, target: str, below_detection: BelowDetection
) -> tuple[np.ndarray, list[str]]:
    """Strictly read values of the target, (n_rows,), and notes."""
    numbers = read_numbers(table.cells[:, column], mark)
    _refuse_cells(table, column, numbers.unreadable, _mend_unreadable)
    below = np.isfinite(numbers.limits)
    if below_detection == "refuse":
        _refuse_cells(
            table,
            column,
            below,
            lambda cell: (
                "a value below the detection limit; set below_detection: half to use half the limit, "
                "or enter the laboratory's own reading"
            ),
        )
    values = factor * np.where(below, numbers.limits / 2, numbers.values)
    _refuse_implausible(table, column, values, target)
    notes = []
    if below.any():
        notes.append(f"{below.sum()} of {below.size} values of {target} below detection: half the limit")
    if numbers.missing.any():
        words = sorted({as_text(cell) or "empty" for cell in table.cells[numbers.missing, column]})
        notes.append(
            f"{numbers.missing.sum()} of {below.size} samples without {target}: {', '.join(words)} "
            "read as not determined"
        )
    return values, notes


def _refuse_implausible(table: Table, column: int, values: np.ndarray, target: str) -> None:
    """Refuse what no soil can have: negative shares, more than the whole, pH off its scale."""
    if not np.isfinite(values).any():
        raise SiteError(
            f"{table.at(column=column)}: no row has a value of {target}; enter them, or mend target"
        )
    unit = target.partition("_")[2]
    highest = {"pct": 100.0, "mg_kg": 1e6, "g_kg": 1e3}.get(unit, 14.0 if target == "pH" else np.inf)
    mends = {
        "negative": "mend the cell, or write <limit if it was below detection",
        "zero": "no soil is free of it: write <limit if it was below detection, or leave the cell empty",
        f"above {highest:g}": "mend the cell, or the unit in the header",
    }
    tests = (values < 0, (values == 0) & (unit == "mg_kg"), values > highest)
    for bad, (what, mend) in zip(tests, mends.items(), strict=True):
        _refuse_cells(table, column, bad, lambda cell, what=what, mend=mend: f"{target} is {what}; {mend}")


def _refuse_cells(table: Table, column: int, bad: np.ndarray, explain: Callable[[str], str]) -> None:
    """Raise on the first bad cell, naming the rows of all."""
    rows = np.flatnonzero(bad)
    if not rows.size:
        return
    cell = as_text(table.cells[rows[0], column])
    listed = ", ".join(str(row) for row in table.rows[rows[1:9]])
    also = f" (rows {listed}{', …' if rows.size > 9 else ''} likewise)" if listed else ""
    raise SiteError(f"{table.at(int(rows[0]), column)}: {cell!r} is {explain(cell)}{also}")


def _mend_unreadable(cell: str) -> str:
    if cell.startswith((">", "≥")):
        return "above the measuring range; measure a dilution, or leave the cell empty"
    if cell.startswith("<") or re.fullmatch(r"(?i)b\.?d\.?l\.?|lod|loq|n\.?n\.?|not detected|未检出", cell):
        return "below a limit that is not said; write it as <5, or leave the cell empty"
    if re.fullmatch(r"[+-]?\d{1,3}[.,]\d{3}", cell):
        return "a thousand or a decimal; write it without a thousands mark"
    return "no number; write a number, <limit, or leave the cell empty"
