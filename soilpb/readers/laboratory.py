"""Laboratory tables: which column is the target, its unit, other columns, ranges, detection limits.

A site's target is read strictly: a cell that is no number stops the reading with one message. Its other
columns, and all of the big libraries, are read leniently: what is no plausible number counts as missing, and
the notes count it. A library's column in which such cells are common is refused: its unit is another one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from soilpb._format import list_first
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
from soilpb.readers.ids import find_ids, read_ids, refuse_repeated_ids
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

#: Share of a library column's filled cells that may be implausible before the column is refused.
BAD_SHARE = 0.01

_RANGES = {
    **{"x": (-180.0, 180.0), "y": (-90.0, 90.0), "pH(_CaCl2|_KCl)?": (1.0, 13.0)},
    **{".*_pct": (0.0, 100.0), ".*_mg_kg": (0.0, 1e6), ".*_g_kg": (0.0, 1e3), ".*": (0.0, np.inf)},
}
#: Names of coordinates without spaces and marks, and what may stand beside them; degrees are of WGS 84.
_XY = (("x", "y"), ("east(ing)?", "north(ing)?"), ("lon(g|gitude)?", "lat(itude)?"), ("经度", "纬度"))
_BESIDE = r"(gps|coord(inate)?s?|point|utm|m|epsg\d*|dd|deg(rees)?|decimal|wgs84)*"
_DEGREES = re.compile(r"lon|lat|wgs84|dd$|deg|经度|纬度")
#: Below a detection limit that is not said.
_UNSAID = re.compile(r"(?i)<.*|b\.?d\.?l\.?|lod|loq|n\.?n\.?|not detected|未检出")
#: What a cell that is no number may be.
_UNREADABLE = (
    (re.compile("[>≥].*"), "above the measuring range; measure a dilution, or leave the cell empty"),
    (_UNSAID, "below a limit that is not said; write it as <5, or leave the cell empty"),
    (re.compile(r"[+-]?\d{1,3}[.,]\d{3}"), "a thousand or a decimal; write it without a thousands mark"),
    (re.compile("(?s).*"), "no number; write a number, <limit, or leave the cell empty"),
)
#: Columns that name a soil's decision unit, and its depth layer, in the order they are looked for.
UNIT_COLUMNS = ("unit", "decision_unit", "block", "parcel", "field", "zone")
LAYER_COLUMNS = ("layer", "horizon", "depth", "depth_cm")
_GROUP_COLUMNS = ("group", "field", "profile", "core", "plot", "block", "parent", "parentid")


def plausible_range(column: str) -> tuple[float, float]:
    """Smallest and largest value that a soil may have in a column of this name."""
    return next(limits for pattern, limits in _RANGES.items() if re.fullmatch(pattern, column))


def read_laboratory(
    path: str | Path | Table,
    target: str,
    *,
    id_column: str = "",
    target_unit: str = "",
    target_column: str = "",
    below_detection: Literal["refuse", "half"] = "refuse",
    known: Collection[str] = (),
    **named: str,
) -> tuple[pd.DataFrame, list[str]]:
    """Read a site's laboratory table.

    Parameters
    ----------
    path : path
        CSV, TSV or XLSX; or the table, from :func:`open_laboratory`.
    target : str
        Our name of the wanted column, such as ``Pb_mg_kg``; of shares of mass the file may have any.
    id_column, target_column : str
        Names of the columns where several could be; the ids' may be several, ``soil + horizon``.
    target_unit : str
        Unit of the target and of other elements where the names of their columns say none.
    below_detection : str
        ``half`` takes half the limit of ``<5`` (US EPA QA/G-9: tolerable for fewer than 15 % of the values).
    known : collection of str
        Names of the spectra, which tell the id column among several.
    **named : str
        ``x_column``, ``y_column``, ``group_column``, ``unit_column``: columns whose names do not tell.

    Returns
    -------
    samples : DataFrame
        By sample id: the target, then what else was recognised, ``clay_pct``, ``x``, ``group``, ``unit``, …;
        ``below_detection`` (boolean) where some values of the target are.
    notes : list of str
        What was converted, counted as missing, or left aside.
    """
    table = path if isinstance(path, Table) else open_laboratory(path, target_column or target)
    skip = band_positions(table)
    column, factor, notes = _find_target(table, target, target_unit, target_column, skip)
    measured = [j for j, name in enumerate(table.header) if len(known) and is_measured(name)]
    table, id_at = find_ids(table, id_column, {*skip, column, *measured}, known)
    ids = read_ids(table, id_at)
    idle = table.numbers(column).missing & pd.Index(ids).duplicated(keep=False)
    if idle.any():
        notes.append(f"{idle.sum()} rows of repeated ids without {target} passed over")
        table, ids = replace(table, cells=table.cells[~idle], rows=table.rows[~idle]), ids[~idle]
    refuse_repeated_ids(table, ids, id_at)
    notes += [f"{table.path.name} has decimal commas"] if table.mark == "," else []
    share = 0.5 if below_detection == "half" else np.nan
    values, below, remarks = _target_values(table, column, factor, target, share)
    others, more = _other_columns(table, {*skip, column, id_at}, share, target_unit, named)
    samples = pd.DataFrame({target: values} | others | {target: values}, index=pd.Index(ids, name="id"))
    if below.any():
        samples["below_detection"] = below
    samples.attrs |= {"id_column": table.header[id_at], "target_column": table.header[column]}
    return samples, [*table.notes, *notes, *remarks, *more]


def read_columns(path: str | Path, wanted: Sequence[str], id_column: str = "") -> pd.DataFrame:
    """Read some columns of a table by our names and sample id; one without the first of them is refused.

    They are words (``unit``, ``layer``), coordinates (``x``, ``y``, ``crs``) or quantities.
    """
    table, id_at = find_ids(open_laboratory(path, wanted[0]), id_column)
    ids = read_ids(table, id_at)
    refuse_repeated_ids(table, ids, id_at)
    found, _ = _other_columns(table, band_positions(table))
    if wanted[0] not in found:
        what = {"unit": "units, such as block", "x": "coordinates, such as x and y, or lon and lat"}
        what = f"no column of {what.get(wanted[0], wanted[0])}"
        raise SiteError(f"{path} has {what}: give it one, or name another table")
    columns = {name: found[name] for name in wanted if name in found}
    return pd.DataFrame(columns, index=pd.Index(ids, name="sample"))


def find_sensor(samples: pd.DataFrame, target: str, wanted: str = "") -> str:
    """Name the column of a sensor's readings of a target, such as ``Pb_XRF_mg_kg``; empty if there is none.

    It is a SiteError if a ``wanted`` one is not there, or readings are a hundred times off the laboratory's.
    """
    element = target.partition("_")[0]
    name = wanted or f"{element}_XRF_mg_kg"
    if wanted and wanted not in samples:
        there = ", ".join(samples)
        raise SiteError(f"no column is {wanted}, the site's sensor; there are: {there}; mend sensor")
    if name not in samples or (name == target and not wanted) or not samples[name].notna().any():
        return ""
    ratio = (samples[name].where(samples[name] > 0) / samples[target]).median()
    if ratio <= 0.01 or 100 <= ratio < np.inf:
        raise SiteError(
            f"{name} reads {ratio:.2g} times what the laboratory finds: is it in another unit? Write it into "
            f"the header, such as '{element} XRF (%)'"
        )
    return name


def open_laboratory(path: str | Path, target: str) -> Table:
    """Read the table, or the sheet, that has a target: a quantity, or the name of its column."""
    return join_units(read_table(path, lambda sheet: find_quantity(join_units(sheet), target)))


def find_quantity(table: Table, wanted: str) -> dict[int, Quantity]:
    """Columns that are a quantity, by position: the one called ``wanted``, or else all of its name.

    A reading by XRF counts only where nothing else is there, or it is wanted.
    """
    quantity, skip = parse_quantity(wanted), band_positions(table)
    columns = {j: parse_quantity(name) for j, name in enumerate(table.header) if j not in skip}
    if exact := [j for j in columns if table.header[j].casefold() == wanted.casefold()]:
        return {j: columns[j] for j in exact}
    name = quantity.name.casefold()
    same = {j: found for j, found in columns.items() if found.name.casefold() == name}
    return {j: found for j, found in same.items() if found.method == quantity.method} or same


def read_library_columns(
    table: pd.DataFrame, columns: Mapping[str, tuple[str, float]], where: str
) -> tuple[pd.DataFrame, list[str]]:
    """Read the laboratory columns of a library's table, of str or numbers, as float64 with our names.

    ``columns`` gives our name of a column of ``table``, with its unit, and the factor to that (0.1 from g/kg
    to percent); those that ``table`` lacks are passed over. Messages name the file, ``where``, and its row,
    the index of ``table``. Notes say what counts as missing, NaN, though something stands there.
    """
    cells = table[[name for name in columns if name in table]]
    mark = decimal_mark(cell for name in cells for cell in cells[name])
    values, notes = pd.DataFrame(index=table.index), []
    for name, column in cells.items():
        ours, factor = columns[name]
        numbers = read_numbers(column.to_numpy(dtype=object), mark)
        values[ours], bad = _plausible(numbers, ours, factor)
        if below := np.isfinite(numbers.limits).sum():
            notes.append(f"{below:,} cells of {ours} below detection ('<x') count as missing")
        if bad.any():
            first, (low, high) = int(np.argmax(bad)), plausible_range(ours)
            found = f"column {name!r}, row {column.index[first]}: {column.iloc[first]!r}"
            found += f" is no {ours} between {low:g} and {high:g}"
            if bad.sum() > BAD_SHARE * (~numbers.missing).sum():
                raise SiteError(
                    f"{where}, {found}, nor are {bad.sum() - 1:,} other cells of the column: "
                    "is it the original file, in the original unit?"
                )
            # Notes reach pages that are published: they name the file, not the folders of a machine.
            notes.append(f"{bad.sum():,} cells of {ours} count as missing: {Path(where).name}, {found}")
    return values, notes


def clean_ids(cells: pd.Series) -> pd.Series:
    """Ids as text, without the ``.0`` that spreadsheets add; empty where there is none."""
    text = cells.map(as_text).str.strip().str.removesuffix(".0")
    # LUCAS 2009 writes NE where a sample belongs to no point.
    return text.mask(text.str.casefold().isin({*MISSING_WORDS, "ne"}), "")


def _find_target(
    table: Table, target: str, unit: str, named: str, skip: set[int]
) -> tuple[int, float, list[str]]:
    """Position of the target's column, the factor to its unit, and a note on how it is called there."""
    wanted = parse_quantity(target)
    columns = {j: in_unit(found, unit) for j, found in find_quantity(table, named or target).items()}
    if not columns:
        there = [name for j, name in enumerate(table.header) if j not in skip]
        data = any(read_number(name) is not None for name in there)
        what = f"{table.path} has no column for the target {named or target}"
        more = " (is the header missing? its first row has numbers)" if data else ""
        raise SiteError(
            f"{what}; it has: {list_first(list(map(repr, there)), 20)}; mend target (--target){more}"
        )
    exact = any(table.header[j].casefold() == target.casefold() for j in columns)
    known = [j for j in columns if exact or (columns[j].factor is None) == (wanted.factor is None)]
    column = (known or list(columns))[0]
    name, found = table.header[column], columns[column]
    if not known:
        what = f"the unit {found.remark!r} is none that converts to that of {target}"
        if not found.remark:
            what = f"the header says {'a unit, ' + target + ' has none' if found.factor else 'no unit'}"
        raise SiteError(
            f"{table.at(column=column)}: {what}; write mg/kg, ppm, µg/g, g/kg or % into the header, such as "
            f"'{found.name} (mg/kg)', if that is the unit, or set target_unit (soilpb new-site: --unit)"
        )
    if len(known) > 1:
        names = ", ".join(repr(table.header[j]) for j in known)
        raise SiteError(
            f"{table.path}: {names} could all be {target}; name the right one with target_column "
            f"(soilpb new-site: --target {name!r})"
        )
    factor = 1.0 if exact or not (found.factor and wanted.factor) else found.factor / wanted.factor
    how = f"{f' × {factor:g}' if factor != 1 else ''}{f', by {found.method}' if found.method else ''}"
    return column, factor, [] if exact else [f"{target} is column {name!r}{how}"]


def _target_values(
    table: Table, column: int, factor: float, target: str, share: float
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Values of the target in its unit, NaN where not determined, which are below detection, and notes.

    ``share`` × limit stands for ``<5``, unless it is NaN. The first cell that no soil can have is refused,
    and the rows of all that are like it are named.
    """
    numbers, cells = table.numbers(column), table.texts(column)
    below, missing = np.isfinite(numbers.limits), numbers.missing
    values, (low, high) = factor * numbers.or_below(share), plausible_range(target)
    free = target.endswith("_mg_kg")
    under, limit = f"below {low:g}" if low else "negative", "write <limit if it was below detection"
    for bad, what in (
        (numbers.unreadable, ""),
        (
            below & np.isnan(share),
            "is a value below the detection limit; set below_detection: half, or enter what was read",
        ),
        (values < low, f"as {target} is {under}; mend the cell, or the unit in the header, or {limit}"),
        (free & (values == 0), f"as {target} is zero; no soil is free of it: {limit}, or leave it empty"),
        (values > high, f"as {target} is above {high:g}; mend the cell, or the unit in the header"),
    ):
        if bad.any():
            row, *rows = np.flatnonzero(bad)
            what = what or next(f"is {why}" for what, why in _UNREADABLE if what.fullmatch(cells[row]))
            also = f" (rows {list_first(table.rows[rows])} likewise)" if rows else ""
            raise SiteError(f"{table.at(row, column)}: {cells[row]!r} {what}{also}")
    if not np.isfinite(values).any():
        at = table.at(column=column)
        raise SiteError(f"{at}: no row has a value of {target}; enter them, or mend target")
    words = ", ".join(sorted({cells[row] or "empty" for row in np.flatnonzero(missing)}))
    half = f"{below.sum()} of {below.size} values of {target} below detection: half the limit"
    without = f"{missing.sum()} of {below.size} samples without {target}: {words} read as not determined"
    return values, below, [note for note, told in ((half, below), (without, missing)) if told.any()]


def _other_columns(
    table: Table, skip: Collection[int], share: float = np.nan, unit: str = "", named: Mapping[str, str] = {}
) -> tuple[dict[str, Any], list[str]]:
    """Columns besides the target, by our names, and notes; ``share`` × limit stands for ``<5``."""
    found, used, notes = _named_columns(table, named)
    columns, aside, lacking = {}, [], []
    for j in sorted({*range(len(table.header))} - {*skip, *used}):
        quantity = parse_quantity(table.header[j])
        usual = (unit or "mg/kg") if quantity.method else unit if quantity.name in ELEMENTS else ""
        ours, factor = standard_name(in_unit(quantity, usual)) or ("", 0.0)
        if not ours or ours in columns:
            aside.append(table.header[j])
            continue
        numbers = table.numbers(j)
        values, _ = _plausible(numbers, ours, factor, share)
        # Readings of a sensor: below detection minus the limit, or the least reading if it is not said.
        if quantity.method:
            unsaid = [bool(_UNSAID.fullmatch(text)) for text in table.texts(j)] | (values == 0)
            values[values <= 0] = np.nan
            values[unsaid] = -np.min(values[np.isfinite(values)], initial=np.inf)
            values = np.where(np.isnan(numbers.limits), values, -factor * numbers.limits)
        columns[ours] = np.where(np.isinf(values), np.nan, values)
        if lost := int((np.isnan(columns[ours]) & ~numbers.missing).sum()):
            lacking.append(f"{lost} cells of {table.header[j]!r} count as missing: no plausible numbers")
    aside = [repr(name) for name in aside if name]
    told = [f"laboratory columns left aside: {list_first(aside, 12)}"] if aside else []
    return columns | found, [*lacking, *told, *notes]


def _plausible(
    numbers: Numbers, column: str, factor: float, share: float = np.nan
) -> tuple[np.ndarray, np.ndarray]:
    """Values in our unit with what is implausible missing, and which cells are no plausible number."""
    values, (low, high) = factor * numbers.or_below(share), plausible_range(column)
    bad = numbers.unreadable | (values < low) | (values > high)
    return np.where(bad, np.nan, values), bad


def _named_columns(
    table: Table, named: Mapping[str, str]
) -> tuple[dict[str, Any], set[int | None], list[str]]:
    """Coordinates, group, unit and layer, None in empty cells, by our names; their columns; notes.

    A sample without a group is one of its own. Units of mass are no units.
    """
    columns, used, notes = {}, set(), []
    pairs = [[_find_column(table, named.get(key, "")) for key in ("x_column", "y_column")]]
    pairs += [[_find_column(table, "", [f"{_BESIDE}({name}){_BESIDE}"]) for name in pair] for pair in _XY]
    x, y = next((pair for pair in pairs if None not in pair), (None, None))
    if x is not None:
        columns = {"x": table.numbers(x).measured, "y": table.numbers(y).measured}
        degrees, beyond = _DEGREES.search(squeeze(table.header[x])), np.abs(columns["y"]) > 90
        if degrees and beyond.any():
            row = int(np.argmax(beyond))
            what = f"latitude {columns['y'][row]:g} lies beyond 90°"
            raise SiteError(f"{table.at(row, y)}: {what}; are x and y swapped?")
        crs = _find_column(table, "", ["crs"])
        if degrees or crs is not None:
            columns["crs"] = "EPSG:4326" if crs is None else table.cells[:, crs].astype(str)
        used = {x, y, crs}
    for ours, usual in (("group", _GROUP_COLUMNS), ("unit", UNIT_COLUMNS), ("layer", LAYER_COLUMNS)):
        at = _find_column(table, named.get(f"{ours}_column", ""), usual)
        texts = pd.Series([] if at is None else table.texts(at), dtype=object)
        empty = texts == ""
        if empty.all() or (ours != "group" and texts.str.contains(r"[/%]|ppm").any()):
            continue
        if ours == "group" and empty.any():
            notes.append(f"{empty.sum()} samples without a {table.header[at]!r} are groups of their own")
            texts[empty] = [f"row {row}" for row in table.rows[empty]]
        columns[ours] = texts.where(texts != "", None).to_numpy()
        used.add(at)
    return columns, used, notes


def _find_column(table: Table, wanted: str, usual: Sequence[str] = ()) -> int | None:
    """Position of the wanted column, or else of the first one with a usual name (a pattern)."""
    spelt = [{name.casefold(), squeeze(name)} for name in table.header]
    patterns = map(re.compile, [re.escape(wanted.casefold())] if wanted else usual)
    found = (j for pattern in patterns for j, names in enumerate(spelt) if any(map(pattern.fullmatch, names)))
    if (at := next(found, None)) is None and wanted:
        there = ", ".join(map(repr, table.header[:12]))
        raise SiteError(f"{table.path} has no column {wanted!r}; it has: {there}")
    return at
