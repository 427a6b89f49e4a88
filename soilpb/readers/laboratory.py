"""Laboratory tables: which column is the target, its unit, other columns, ranges, detection limits.

A site's target is read strictly: a cell that is no number stops the reading with one message.
``<5`` is a value below the detection limit: refused, or half the limit where the site file says
``below_detection: half`` (US EPA QA/G-9: tolerable while fewer than 15 % of the values are such).
A site's other columns, and all columns of the big libraries, are read leniently: what is no
plausible number counts as missing, and the notes count it. A library's column in which such cells
are common is refused, because then its unit is another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from soilpb.readers.columns import (
    ELEMENTS,
    Quantity,
    band_positions,
    in_unit,
    is_measured,
    join_units,
    parse_quantity,
    squeeze,
    standard_name,
)
from soilpb.readers.ids import find_id_column, join_id_columns, known_before, read_ids, refuse_repeated_ids
from soilpb.readers.tables import (
    MISSING_WORDS,
    Numbers,
    Table,
    as_text,
    decimal_mark,
    read_number,
    read_numbers,
    read_table,
)
from soilpb.site_file import SiteError

BelowDetection = Literal["refuse", "half"]

#: Share of a library column's filled cells that may be implausible before the column is refused.
BAD_SHARE = 0.01

_RANGES = {"x": (-180.0, 180.0), "y": (-90.0, 90.0)} | dict.fromkeys(
    ("pH", "pH_CaCl2", "pH_KCl"), (1.0, 13.0)
)
_HIGHEST = {"_pct": 100.0, "_mg_kg": 1e6, "_g_kg": 1e3}
#: Names of coordinates without spaces and marks, and what may stand beside them; degrees are of WGS 84.
_XY = (("x", "y"), ("east(ing)?", "north(ing)?"), ("lon(g|gitude)?", "lat(itude)?"), ("经度", "纬度"))
_BESIDE = r"(gps|coord(inate)?s?|point|utm|m|epsg\d*|dd|deg(rees)?|decimal|wgs84)*"
_DEGREES = re.compile(r"lon|lat|wgs84|dd$|deg|经度|纬度")
#: Below a detection limit that is not said.
_UNSAID = re.compile(r"(?i)<.*|b\.?d\.?l\.?|lod|loq|n\.?n\.?|not detected|未检出")
_GROUP = ("group", "field", "profile", "core", "plot", "block", "parent", "parentid")
#: Columns that name a soil's decision unit, and its depth layer, in the order they are looked for.
UNIT_COLUMNS = ("unit", "decision_unit", "block", "parcel", "field", "zone")
LAYER_COLUMNS = ("layer", "horizon", "depth", "depth_cm")


def plausible_range(column: str) -> tuple[float, float]:
    """Smallest and largest value that a soil may have in a column of this name."""
    highest = (top for ending, top in _HIGHEST.items() if column.endswith(ending))
    return _RANGES.get(column) or (0.0, next(highest, np.inf))


def read_laboratory(
    path: str | Path | Table,
    target: str,
    *,
    id_column: str = "",
    target_unit: str = "",
    target_column: str = "",
    below_detection: BelowDetection = "refuse",
    unit_column: str = "",
    known: Collection[str] = (),
    **places: str,
) -> tuple[pd.DataFrame, list[str]]:
    """Read a site's laboratory table.

    Parameters
    ----------
    path : path
        CSV, TSV or XLSX; or the table, from :func:`open_laboratory`.
    target : str
        Our name of the wanted column, such as ``Pb_mg_kg``; of shares of mass the file may have any.
    id_column : str
        Name of the id column, or of several as ``soil + horizon``; found by itself if empty.
    target_unit : str
        Unit of the target and of other elements where the names of their columns say none.
    target_column : str
        Name of the target's column, where several could be.
    below_detection : str
        ``refuse`` cells such as ``<5``, or take ``half`` of their limit.
    unit_column : str
        Column of the decision units; the first of :data:`UNIT_COLUMNS` that there is if empty.
    known : collection of str
        Names of the spectra, which tell the id column among several.
    **places : str
        ``x_column``, ``y_column``, ``group_column``: columns whose names do not tell.

    Returns
    -------
    samples : DataFrame
        Indexed by sample id; the target first, then what else was recognised: ``clay_pct``, ``x``, ``group``,
        ``unit``, …; ``below_detection`` (boolean) where some values of the target are.
    notes : list of str
        What was converted, counted as missing, or left aside.
    """
    table = path if isinstance(path, Table) else open_laboratory(path, target_column or target)
    skip = band_positions(table)
    column, factor, notes = _find_target(table, target, target_unit, target_column, skip)
    is_known = known_before(known) if len(known) else None
    table = join_id_columns(table, id_column, is_known)
    measured = [j for j, name in enumerate(table.header) if known and is_measured(name)]
    id_at = find_id_column(table, id_column, {*skip, column, *measured}, is_known)
    ids = read_ids(table, id_at)
    mark = decimal_mark(table.cells.ravel(), table.separator)
    idle = read_numbers(table.cells[:, column], mark).missing & pd.Index(ids).duplicated(keep=False)
    if idle.any():
        notes.append(f"{idle.sum()} rows of repeated ids without {target} passed over")
        table, ids = replace(table, cells=table.cells[~idle], rows=table.rows[~idle]), ids[~idle]
    refuse_repeated_ids(table, ids, id_at, "keep one row per sample")
    commas = [f"{table.path.name} has decimal commas"] if mark == "," else []
    numbers = read_numbers(table.cells[:, column], mark)
    values, remarks = _target_values(table, column, factor, numbers, target, below_detection)
    below = 0.5 if below_detection == "half" else np.nan
    others, more = _other_columns(table, {*skip, column, id_at}, mark, below, target_unit, places)
    others |= _words(table, "unit", (unit_column,) if unit_column else UNIT_COLUMNS, needed=bool(unit_column))
    others |= _words(table, "layer", LAYER_COLUMNS)
    samples = pd.DataFrame({**others, target: values}, index=pd.Index(ids, name="id"))
    samples.insert(0, target, samples.pop(target))
    if np.isfinite(numbers.limits).any():
        samples["below_detection"] = np.isfinite(numbers.limits)
    samples.attrs["id_column"] = table.header[id_at]
    return samples, [*table.notes, *notes, *commas, *remarks, *more]


def read_units(path: str | Path, id_column: str = "") -> pd.DataFrame:
    """Read the decision units of samples from a table: ``unit`` and perhaps ``layer``, by sample id."""
    table = read_table(path)
    ids = read_ids(table, id_at := find_id_column(table, id_column))
    refuse_repeated_ids(table, ids, id_at, "keep one row per sample")
    words = _words(table, "unit", UNIT_COLUMNS) | _words(table, "layer", LAYER_COLUMNS)
    if "unit" not in words:
        raise SiteError(f"{path} names no units: give it a column {' or '.join(UNIT_COLUMNS[:3])}")
    return pd.DataFrame(words, index=pd.Index(ids, name="sample"))


def read_places(path: str | Path, id_column: str = "") -> pd.DataFrame:
    """Read the coordinates of samples from a table: ``x``, ``y`` and perhaps ``crs``, by sample id."""
    table = read_table(path)
    found, _ = _coordinates(table, decimal_mark(table.cells.ravel(), table.separator), {})
    if not found:
        raise SiteError(f"{path} has no coordinates: give it columns x and y, or lon and lat")
    ids = read_ids(table, id_at := find_id_column(table, id_column))
    refuse_repeated_ids(table, ids, id_at, "keep one row per sample")
    return pd.DataFrame(found, index=pd.Index(ids, name="sample"))


def find_sensor(samples: pd.DataFrame, target: str, wanted: str = "") -> str:
    """Name the column of a sensor's readings of a target, such as ``Pb_XRF_mg_kg``; empty if there is none.

    It is a SiteError if a ``wanted`` one is not there, or readings are a hundred times off the laboratory's.
    """
    usual = f"{target.partition('_')[0]}_XRF_mg_kg"
    name = wanted or (usual if usual != target else "")
    if wanted and wanted not in samples:
        raise SiteError(
            f"no column is {wanted}, the site's sensor; there are: {', '.join(samples)}; mend sensor"
        )
    if not name or name not in samples or not samples[name].notna().any():
        return ""
    ratio = (samples[name].where(samples[name] > 0) / samples[target]).median()
    if not 0.01 < ratio < 100 and np.isfinite(ratio):
        raise SiteError(
            f"{name} reads {ratio:.2g} times what the laboratory finds: is it in another unit? Write it into "
            f"the header, such as '{target.partition('_')[0]} XRF (%)'"
        )
    return name


def read_sensor(path: str | Path, sensor: str, id_column: str = "") -> pd.Series:
    """Read a sensor's readings of new soils, by sample id, from a table with a column of that quantity."""
    table = open_laboratory(path, sensor)
    found = find_quantity(table, sensor, band_positions(table))
    method = parse_quantity(sensor).method
    found = {j: quantity for j, quantity in found.items() if quantity.method == method}
    if not found:
        raise SiteError(
            f"{path} has no column of {sensor}, which the site's model takes: add it, or name a table"
        )
    ids = read_ids(table, id_at := find_id_column(table, id_column))
    refuse_repeated_ids(table, ids, id_at, "keep one row per sample")
    others = set(range(len(table.header))) - {next(iter(found))}
    mark = decimal_mark(table.cells.ravel(), table.separator)
    columns, _ = _other_columns(table, others, mark, np.nan, "", {})
    return pd.Series(columns[sensor], index=pd.Index(ids, name="sample"))


def open_laboratory(path: str | Path, target: str) -> Table:
    """Read the table, or the sheet, that has a target: a quantity, or the name of its column."""

    def has_target(sheet: Table) -> bool:
        return bool(find_quantity(join_units(sheet), target, band_positions(sheet)))

    return join_units(read_table(path, has_target))


def find_quantity(table: Table, wanted: str, skip: Collection[int] = ()) -> dict[int, Quantity]:
    """Columns that are a quantity, by position: the one called ``wanted``, or else all of its name.

    A reading by XRF counts only where nothing else is there, or it is wanted.
    """
    quantity = parse_quantity(wanted)
    columns = {j: parse_quantity(name) for j, name in enumerate(table.header) if j not in skip}
    if exact := [j for j in columns if table.header[j].casefold() == wanted.casefold()]:
        return {j: columns[j] for j in exact}
    same = {j: found for j, found in columns.items() if found.is_same(quantity)}
    return {j: found for j, found in same.items() if found.method == quantity.method} or same


def read_library_columns(
    table: pd.DataFrame, columns: Mapping[str, tuple[str, float]], where: str
) -> tuple[pd.DataFrame, list[str]]:
    """Read the laboratory columns of a library's table, of str or numbers, as float64 with our names.

    ``columns`` gives our name of a column of ``table``, with its unit, and the factor to that (0.1 from g/kg
    to percent); those that ``table`` lacks are passed over. Messages name the file, ``where``, and its row,
    the index of ``table``. Notes say what counts as missing, NaN, though something stands there.
    """
    present = {name: about for name, about in columns.items() if name in table}
    mark = decimal_mark(cell for name in present for cell in table[name].to_numpy(dtype=object) if cell)
    read = {to: _library_column(table[name], mark, to, by, where) for name, (to, by) in present.items()}
    values = pd.DataFrame({name: found for name, (found, _) in read.items()}, index=table.index)
    return values, [note for _, remarks in read.values() for note in remarks]


def clean_ids(cells: pd.Series) -> pd.Series:
    """Ids as text, without the ``.0`` that spreadsheets add; empty where there is none."""
    text = cells.map(as_text).str.strip().str.removesuffix(".0")
    # LUCAS 2009 writes NE where a sample belongs to no point.
    return text.mask(text.str.casefold().isin({*MISSING_WORDS, "ne"}), "")


def _find_target(
    table: Table, target: str, unit: str, named: str, skip: set[int]
) -> tuple[int, float, list[str]]:
    """Position of the target's column, the factor to its unit, and a note if it is not 1."""
    wanted = parse_quantity(target)
    columns = find_quantity(table, named or target, skip)
    exact = any(table.header[j].casefold() == target.casefold() for j in columns)
    columns = {j: in_unit(found, unit) for j, found in columns.items()} if unit else columns
    known = [j for j in columns if exact or (columns[j].factor is None) == (wanted.factor is None)]
    if not columns:
        there = [name for j, name in enumerate(table.header) if j not in skip]
        data = any(read_number(name) is not None for name in there)
        raise SiteError(
            f"{table.path} has no column for the target {named or target}; it has: "
            f"{', '.join(map(repr, there))[:300]}; mend target"
            f"{' (is the header missing? its first row has numbers)' if data else ''}"
        )
    if not known:
        first = next(iter(columns))
        _refuse_unit(table, first, columns[first], target)
    if len(known) > 1:
        names = ", ".join(repr(table.header[j]) for j in known)
        raise SiteError(
            f"{table.path}: {names} could all be {target}; name the right one with target_column "
            f"(soilpb new-site: --target {table.header[known[0]]!r})"
        )
    column = known[0]
    found = columns[column]
    factor = 1.0 if exact or None in (found.factor, wanted.factor) else found.factor / wanted.factor
    how = f"{f' × {factor:g}' if factor != 1 else ''}{f', by {found.method}' if found.method else ''}"
    return column, factor, [] if exact else [f"{target} is column {table.header[column]!r}{how}"]


def _refuse_unit(table: Table, column: int, found: Quantity, target: str) -> None:
    what = "the header says no unit" if found.factor is None else f"the header says a unit, {target} has none"
    if found.remark:
        what = f"the unit {found.remark!r} is none that converts to that of {target}"
    raise SiteError(
        f"{table.at(column=column)}: {what}; write mg/kg, ppm, µg/g, g/kg or % into the header, such as "
        f"'{found.name} (mg/kg)', if that is the unit, or set target_unit (soilpb new-site: --unit)"
    )


def _target_values(
    table: Table, column: int, factor: float, numbers: Numbers, target: str, below_detection: BelowDetection
) -> tuple[np.ndarray, list[str]]:
    """Values of the target in its unit, (n_rows,), NaN where not determined, and notes."""
    _refuse_cells(table, column, numbers.unreadable, _explain_unreadable)
    below, missing = np.isfinite(numbers.limits), numbers.missing
    if below_detection == "refuse":
        mend = "set below_detection: half to use half the limit, or enter the laboratory's own reading"
        _refuse_cells(table, column, below, lambda cell: f"a value below the detection limit; {mend}")
    values = factor * np.where(below, numbers.limits / 2, numbers.measured)
    _refuse_implausible(table, column, values, target)
    half = f"{below.sum()} of {below.size} values of {target} below detection: half the limit"
    words = ", ".join(sorted({as_text(cell) or "empty" for cell in table.cells[missing, column]}))
    without = f"{missing.sum()} of {below.size} samples without {target}: {words} read as not determined"
    return values, [half] * int(below.any()) + [without] * int(missing.any())


def _refuse_implausible(table: Table, column: int, values: np.ndarray, target: str) -> None:
    """Refuse what no soil can have: negative shares, more than the whole, pH off its scale."""
    if not np.isfinite(values).any():
        raise SiteError(
            f"{table.at(column=column)}: no row has a value of {target}; enter them, or mend target"
        )
    low, high = plausible_range(target)
    unit = "mend the cell, or the unit in the header"
    zero = "no soil is free of it: write <limit if it was below detection, or leave the cell empty"
    for bad, what, mend in (
        (values < 0, "negative", "mend the cell, or write <limit if it was below detection"),
        ((values == 0) & target.endswith("_mg_kg"), "zero", zero),
        (values < low, f"below {low:g}", unit),
        (values > high, f"above {high:g}", unit),
    ):
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


def _explain_unreadable(cell: str) -> str:
    if cell.startswith((">", "≥")):
        return "above the measuring range; measure a dilution, or leave the cell empty"
    if _UNSAID.fullmatch(cell):
        return "below a limit that is not said; write it as <5, or leave the cell empty"
    if re.fullmatch(r"[+-]?\d{1,3}[.,]\d{3}", cell):
        return "a thousand or a decimal; write it without a thousands mark"
    return "no number; write a number, <limit, or leave the cell empty"


def _other_columns(
    table: Table, skip: Collection[int], mark: str, below: float, unit: str, places: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    """Columns besides the target, by our names, and notes; ``below`` × limit stands for ``<5``."""
    columns: dict[str, Any] = {}
    notes, aside = [], []
    where, used = _coordinates(table, mark, places)
    group, lacking, grouped = _group(table, places.get("group_column", ""))
    skip = {*skip, *used, *grouped}
    for j, name in enumerate(table.header):
        quantity = parse_quantity(name) if j not in skip else None
        if quantity and quantity.name in ELEMENTS and unit:
            quantity = in_unit(quantity, unit)
        if quantity and quantity.method:
            quantity = in_unit(quantity, unit or "mg/kg")
        known = standard_name(quantity) if quantity else None
        if known and known[0] not in columns:
            numbers = read_numbers(table.cells[:, j], mark)
            values, _ = _plausible(numbers, *known, below)
            values = _mark_below(table.cells[:, j], numbers, values, known[1]) if quantity.method else values
            lost = int((np.isnan(values) & ~numbers.missing).sum())
            columns[known[0]] = values
            notes += [f"{lost} cells of {name!r} count as missing: no plausible numbers"] if lost else []
        elif j not in skip and name and name.casefold() not in {*UNIT_COLUMNS, *LAYER_COLUMNS}:
            aside.append(name)
    more = f" and {len(aside) - 12} more" if len(aside) > 12 else ""
    notes += [f"laboratory columns left aside: {', '.join(map(repr, aside[:12]))}{more}"] if aside else []
    return {**columns, **where, **group}, [*notes, *lacking]


def _mark_below(cells: np.ndarray, numbers: Numbers, values: np.ndarray, factor: float) -> np.ndarray:
    """Readings of a sensor; below detection minus the limit, or the least reading if it is not said."""
    unsaid = [bool(_UNSAID.fullmatch(as_text(cell).strip())) for cell in cells] | (numbers.measured == 0)
    values = np.where(values > 0, values, np.nan)
    values[unsaid] = -np.nanmin(values) if np.isfinite(values).any() else np.nan
    return np.where(np.isfinite(numbers.limits), -factor * numbers.limits, values)


def _plausible(
    numbers: Numbers, column: str, factor: float, below: float = np.nan
) -> tuple[np.ndarray, np.ndarray]:
    """Values in our unit with what is implausible missing, and which cells are no plausible number."""
    values = factor * np.where(np.isfinite(numbers.limits), below * numbers.limits, numbers.measured)
    low, high = plausible_range(column)
    bad = numbers.unreadable | (values < low) | (values > high)
    return np.where(bad, np.nan, values), bad


def _coordinates(table: Table, mark: str, places: Mapping[str, str]) -> tuple[dict[str, Any], set[int]]:
    """``x``, ``y`` and, where known, ``crs``, if the table has both coordinates; and their columns."""
    named = [_named(table, places[key]) for key in ("x_column", "y_column") if places.get(key)]
    usual = ((_first(table, x), _first(table, y)) for x, y in _XY)
    x, y = named if len(named) == 2 else next((pair for pair in usual if None not in pair), (None, None))
    if x is None or y is None:
        return {}, set()
    east, north = (read_numbers(table.cells[:, at], mark).measured for at in (x, y))
    degrees, beyond = _DEGREES.search(squeeze(table.header[x])), np.abs(north) > 90
    if degrees and beyond.any():
        row = int(np.argmax(beyond))
        raise SiteError(f"{table.at(row, y)}: latitude {north[row]:g} lies beyond 90°; are x and y swapped?")
    named = [j for j, name in enumerate(table.header) if name.casefold() == "crs"]
    crs = table.cells[:, named[0]].astype(str) if named else "EPSG:4326" if degrees else ""
    return {"x": east, "y": north, **({"crs": crs} if len(crs) else {})}, {x, y, *named}


def _first(table: Table, usual: str) -> int | None:
    pattern = re.compile(f"{_BESIDE}({usual}){_BESIDE}")
    return next((j for j, name in enumerate(table.header) if pattern.fullmatch(squeeze(name))), None)


def _named(table: Table, wanted: str) -> int:
    found = [j for j, name in enumerate(table.header) if name.casefold() == wanted.casefold()]
    if not found:
        there = ", ".join(map(repr, table.header[:12]))
        raise SiteError(f"{table.path} has no column {wanted!r}; it has: {there}")
    return found[0]


def _group(table: Table, wanted: str) -> tuple[dict[str, Any], list[str], set[int]]:
    """Group of each sample, its own where the cell is empty; a note of those; the column."""
    names = list(map(squeeze, table.header))
    usual = next((names.index(name) for name in _GROUP if name in names), None)
    found = _named(table, wanted) if wanted else usual
    cells = [] if found is None else [as_text(cell) for cell in table.cells[:, found]]
    if not any(cells):
        return {}, [], set() if found is None else {found}
    group = [cell or f"row {row}" for cell, row in zip(cells, table.rows, strict=True)]
    lacking = f"{cells.count('')} samples without a {table.header[found]!r} are groups of their own"
    return {"group": np.array(group, dtype=object)}, [lacking] if "" in cells else [], {found}


def _words(table: Table, ours: str, wanted: Sequence[str], *, needed: bool = False) -> dict[str, Any]:
    """Text of the first wanted column that is there, None in empty cells; none if it holds units of mass."""
    names = [name.casefold() for name in table.header]
    usual = next((names.index(name) for name in wanted if name in names), None)
    found = _named(table, wanted[0]) if needed else usual
    cells = [] if found is None else [as_text(cell) or None for cell in table.cells[:, found]]
    if not any(cells) or any(cell and re.search(r"[/%]|ppm", cell) for cell in cells):
        return {}
    return {ours: np.array(cells, dtype=object)}


def _library_column(
    cells: pd.Series, mark: str, column: str, factor: float, where: str
) -> tuple[np.ndarray, list[str]]:
    filled = np.flatnonzero(cells != "")
    numbers = read_numbers(cells.iloc[filled].to_numpy(dtype=object), mark)
    values, bad = _plausible(numbers, column, factor)
    below = np.isfinite(numbers.limits).sum()
    notes = [f"{below:,} cells of {column} below detection ('<x') count as missing"] if below else []
    if bad.any():
        first = filled[int(np.argmax(bad))]
        found = f"column {cells.name!r}, row {cells.index[first]}: {cells.iloc[first]!r}"
        low, high = plausible_range(column)
        what = f"is no {column} between {low:g} and {high:g}"
        if bad.sum() > BAD_SHARE * (~numbers.missing).sum():
            raise SiteError(
                f"{where}, {found} {what}, nor are {bad.sum() - 1:,} other cells of the column: "
                "is it the original file, in the original unit?"
            )
        # Notes reach pages that are published: they name the file, not the folders of a machine.
        notes.append(f"{bad.sum():,} cells of {column} count as missing: {Path(where).name}, {found} {what}")
    result = np.full(len(cells), np.nan)
    result[filled] = values
    return result, notes
