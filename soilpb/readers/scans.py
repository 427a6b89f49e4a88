"""A table of spectra: ids, wavelengths in nm, and values still in the file's unit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from soilpb.readers.band_names import RANGE_NM, Bands, find_bands, to_nanometres, transposed
from soilpb.readers.cells import decimal_mark, read_numbers
from soilpb.readers.ids import find_id_column, read_ids
from soilpb.readers.tables import Table, as_text, read_table
from soilpb.sitefile import SiteError


@dataclass(frozen=True, eq=False)
class Scans:
    """Spectra as a file has them, one row a scan.

    Parameters
    ----------
    table : Table
        Of the rows that are kept, for messages.
    id_column : int
        Position of the ids in ``table``.
    ids : (n_scans,) array of str
        An id repeats where a sample was scanned more than once.
    wavelengths : (n_bands,) array
        nm, strictly ascending.
    spectra : (n_scans, n_bands) float array
        Finite, in the unit of the file.
    notes : tuple of str
        What was converted, re-ordered, dropped or left aside.
    unit : str
        Unit of the spectra where the files say it themselves, as those of instruments do.
    instrument : str
        What the files say of it.
    """

    table: Table
    id_column: int
    ids: np.ndarray
    wavelengths: np.ndarray
    spectra: np.ndarray
    notes: tuple[str, ...]
    unit: Literal["", "fraction"] = ""
    instrument: str = ""

    def at(self, row: int) -> str:
        """Name the place of a scan in the file."""
        return f"{self.table.at(row)} (sample {self.ids[row]!r})"


def read_scans(path: str | Path, id_column: str = "") -> Scans:
    """Read spectra from a CSV or XLSX, one spectrum a row or a column.

    Bands without any value and scans without any value are dropped and noted; a single
    missing value is refused, because what stands there is not known.

    Parameters
    ----------
    path : path
        A table with a column a wavelength (in nm, µm or 1/cm, spelt in any usual way)
        and a column of sample ids; or transposed, wavelengths down the first column.
    id_column : str
        Name of the id column; found by itself if empty.

    Raises
    ------
    SiteError
        Naming the file, row and column, what was found and how to mend it.
    """
    table, bands = _with_bands(read_table(path))
    wavelengths, notes = to_nanometres(table, bands)
    id_at = find_id_column(table, id_column, others=bands.columns.tolist())
    values, remarks = _read_values(table, bands)
    keep_rows, keep_bands, dropped = _drop_empty(table, values, wavelengths)
    _refuse_gaps(table, bands, values, keep_rows, keep_bands)
    table = replace(table, cells=table.cells[keep_rows], rows=table.rows[keep_rows])
    wavelengths, order, ordered = _ascending(wavelengths[keep_bands])
    return Scans(
        table=table,
        id_column=id_at,
        ids=read_ids(table, id_at),
        wavelengths=wavelengths,
        spectra=values[keep_rows][:, keep_bands][:, order],
        notes=(*table.notes, *notes, *remarks, *dropped, *ordered, *_aside(table, bands, id_at)),
    )


def locate_bands(table: Table) -> tuple[Table, Bands] | None:
    """Return the table, transposed if its spectra stand in columns, and its bands; None if it has none."""
    upright, turned = find_bands(table), transposed(table)
    if upright is not None and not _are_counters(upright):
        return table, upright
    bands = find_bands(turned)
    if bands is not None and not _are_counters(bands):
        return turned, bands
    return None if upright is None else (table, upright)


def _are_counters(bands: Bands) -> bool:
    """Tell ids such as S1 … S40, which look like band names, from wavelengths in nm, µm or 1/cm."""
    return 3 < bands.numbers.max() < RANGE_NM[0]


def _with_bands(table: Table) -> tuple[Table, Bands]:
    located = locate_bands(table)
    if located is not None:
        return located
    names = ", ".join(repr(name) for name in table.header[:6])
    raise SiteError(
        f"{table.path} has no wavelength columns (it starts with {names}); name each band by its wavelength "
        "in nm, such as 450, wl_450 or 450 nm"
    )


def _read_values(table: Table, bands: Bands) -> tuple[np.ndarray, list[str]]:
    """Values of all bands, (n_rows, n_bands), NaN where missing, and a note on decimal commas."""
    cells = table.cells[:, bands.columns]
    mark = decimal_mark(cells.ravel(), table.separator)
    numbers = read_numbers(cells.ravel(), mark)
    bad = np.flatnonzero(numbers.unreadable | np.isfinite(numbers.limits))
    if bad.size:
        row, band = divmod(int(bad[0]), cells.shape[1])
        cell = as_text(cells[row, band])
        raise SiteError(
            f"{table.at(row, bands.columns[band])}: {cell!r} is no reflectance, nor are {bad.size - 1} other "
            "cells; write numbers with one decimal mark and no thousands mark"
        )
    notes = [f"{table.path.name} has decimal commas"] if mark == "," else []
    return numbers.values.reshape(cells.shape), notes


def _drop_empty(
    table: Table, values: np.ndarray, wavelengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Masks of the scans and bands that have any value, and notes on those that have none."""
    known = np.isfinite(values)
    rows, bands = known.any(axis=1), known.any(axis=0)
    if not rows.any():
        raise SiteError(f"{table.path} has wavelength columns without a single value; export it again")
    notes = []
    if not bands.all():
        gone = np.sort(wavelengths[~bands])
        notes.append(f"{gone.size} bands without any value dropped, {gone[0]:g}–{gone[-1]:g} nm")
    if not rows.all():
        listed = ", ".join(map(str, table.rows[~rows][:8]))
        notes.append(f"{(~rows).sum()} spectra without any value dropped: {table.words[0]} {listed}")
    return rows, bands, notes


def _refuse_gaps(
    table: Table, bands: Bands, values: np.ndarray, keep_rows: np.ndarray, keep_bands: np.ndarray
) -> None:
    missing = ~np.isfinite(values) & keep_rows[:, None] & keep_bands
    if missing.any():
        row, band = np.argwhere(missing)[0]
        raise SiteError(
            f"{table.at(row, bands.columns[band])}: no value ({missing.sum()} in all); fill the cell, or "
            f"delete the {table.words[0]} or the {table.words[1]}"
        )


def _ascending(wavelengths: np.ndarray) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Wavelengths in ascending order, the order, and a note if it is another than the file's."""
    order = np.argsort(wavelengths)
    steps = np.diff(wavelengths)
    if (steps > 0).all():
        return wavelengths, order, []
    was = "descend" if (steps < 0).all() else "are in no order"
    return wavelengths[order], order, [f"wavelengths {was} in the file; put in ascending order"]


def _aside(table: Table, bands: Bands, id_at: int) -> list[str]:
    used = {id_at, *bands.columns.tolist()}
    names = [repr(name) for j, name in enumerate(table.header) if j not in used]
    return [f"columns of {table.path.name} that are no bands left aside: {', '.join(names)}"] if names else []
