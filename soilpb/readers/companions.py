"""What a laboratory table says besides the target: other assays, coordinates, groups.

It is read leniently: a cell that is no plausible number counts as missing, and the
notes count such cells.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from soilpb.readers.cells import Numbers, read_numbers
from soilpb.readers.laboratory import plausible_range
from soilpb.readers.quantities import parse_quantity, standard_name
from soilpb.readers.tables import Table, as_text
from soilpb.sitefile import SiteError

#: Name of the first coordinate → its reference system, where the name tells.
_X = {"x": "", "easting": "", "lon": "EPSG:4326", "long": "EPSG:4326", "longitude": "EPSG:4326"}
_Y = {"y", "northing", "lat", "latitude"}
_GROUP = ("group", "field", "profile", "plot", "block", "parent")


def read_companions(
    table: Table, skip: Collection[int], mark: str, below: float
) -> tuple[dict[str, Any], list[str]]:
    """Read the columns besides the target.

    Parameters
    ----------
    table : Table
    skip : collection of int
        Columns read elsewhere: bands, ids, the target.
    mark : str
        Decimal mark of the table.
    below : float
        Share of the detection limit that stands for ``<5``: 0.5, or NaN for missing.

    Returns
    -------
    columns : dict
        Our name (``pH``, ``clay_pct``, ``As_mg_kg``, ``x``, ``y``, ``crs``, ``group``) → (n_rows,) values.
    notes : list of str
        Cells that count as missing though filled, and columns left aside.

    Raises
    ------
    SiteError
        For a latitude beyond 90°.
    """
    columns: dict[str, Any] = {}
    notes, aside = [], []
    for j, name in enumerate(table.header):
        known = standard_name(parse_quantity(name)) if j not in skip else None
        if known and known[0] not in columns:
            numbers = read_numbers(table.cells[:, j], mark)
            columns[known[0]], lost = _lenient(numbers, known[0], known[1], below)
            notes += [f"{lost} cells of {name!r} count as missing: no plausible numbers"] if lost else []
        elif j not in skip and name.casefold() not in {*_X, *_Y, *_GROUP, "crs"}:
            aside.append(name)
    notes += [f"laboratory columns left aside: {', '.join(map(repr, aside))}"] if aside else []
    return {**columns, **_coordinates(table, mark), **_group(table)}, notes


def _lenient(numbers: Numbers, column: str, factor: float, below: float) -> tuple[np.ndarray, int]:
    """Values with everything implausible missing, and how many filled cells that cost."""
    values = factor * np.where(np.isfinite(numbers.limits), below * numbers.limits, numbers.values)
    low, high = plausible_range(column)
    values[(values < low) | (values > high)] = np.nan
    return values, int((np.isnan(values) & ~numbers.missing).sum())


def _coordinates(table: Table, mark: str) -> dict[str, Any]:
    """``x``, ``y`` and, where known, ``crs``, if the table has both coordinates."""
    names = {name.casefold(): j for j, name in enumerate(table.header)}
    x, y = next((n for n in _X if n in names), None), next((n for n in _Y if n in names), None)
    if x is None or y is None:
        return {}
    east, north = (read_numbers(table.cells[:, names[name]], mark) for name in (x, y))
    beyond = np.abs(north.values) > 90
    if _X[x] and beyond.any():
        row = int(np.argmax(beyond))
        raise SiteError(
            f"{table.at(row, names[y])}: latitude {north.values[row]:g} lies beyond 90°; are x and y swapped?"
        )
    crs = table.cells[:, names["crs"]].astype(str) if "crs" in names else _X[x]
    return {"x": east.values, "y": north.values, **({"crs": crs} if len(crs) else {})}


def _group(table: Table) -> dict[str, Any]:
    names = [name.casefold() for name in table.header]
    found = next((names.index(name) for name in _GROUP if name in names), None)
    if found is None or (table.cells[:, found] == "").any():
        return {}
    return {"group": np.array([as_text(cell) for cell in table.cells[:, found]], dtype=object)}
