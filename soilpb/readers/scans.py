"""Tables of spectra, one spectrum per row or column, and the average over the scans of a sample."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from soilpb.readers.columns import Bands, band_wavelengths, find_id_column, locate_bands, read_ids
from soilpb.readers.tables import Table, as_text, decimal_mark, read_numbers, read_table
from soilpb.site_file import SiteError

#: Largest deviation of a scan from the mean of its sample: root mean square over the bands, as a
#: share of the mean's. Repacking a cup moves a spectrum by a few percent as a whole; ten percent
#: between two scans is another soil or a failed scan.
SCAN_LIMIT = 0.05


@dataclass(frozen=True, eq=False)
class Scans:
    """Spectra as a file or folder has them, one row per scan."""

    table: Table  # the rows that are kept, for messages
    id_column: int  # position of the ids in the table
    ids: np.ndarray  # (n_scans,) of str: an id repeats where a sample was scanned more than once
    wavelengths: np.ndarray  # (n_bands,) nm, strictly ascending
    spectra: np.ndarray  # (n_scans, n_bands) finite, in the unit of the file
    notes: tuple[str, ...]  # what was converted, re-ordered, dropped or left aside
    unit: Literal["", "fraction"] = ""  # where the files say it themselves, as those of instruments do
    instrument: str = ""  # what the files say of it

    def at(self, row: int) -> str:
        """Name the place of a scan in the file."""
        return f"{self.table.at(row)} (sample {self.ids[row]!r})"


def read_scans(path: str | Path, id_column: str = "") -> Scans:
    """Read spectra from a CSV or XLSX, one spectrum per row or column.

    Bands without any value and scans without any value are dropped and noted; a single
    missing value is refused, because what stands there is not known.

    Parameters
    ----------
    path : path
        A table with one column per wavelength (in nm, µm or 1/cm, spelt in any usual way)
        and a column of sample ids; or transposed, wavelengths down the first column.
    id_column : str
        Name of the id column; found by itself if empty.
    """
    table = read_table(path)
    located = locate_bands(table)
    if located is None:
        names = ", ".join(repr(name) for name in table.header[:6])
        raise SiteError(
            f"{table.path} has no wavelength columns (it starts with {names}); name each band by its "
            "wavelength in nm, such as 450, wl_450 or 450 nm"
        )
    table, bands = located
    wavelengths, notes = band_wavelengths(table, bands)
    id_at = find_id_column(table, id_column, others=bands.columns.tolist())
    values, remarks = _read_values(table, bands)
    keep_rows, keep_bands, dropped = _drop_empty(table, values, wavelengths)
    _refuse_gaps(table, bands, values, keep_rows, keep_bands)
    table = replace(table, cells=table.cells[keep_rows], rows=table.rows[keep_rows])
    wavelengths = wavelengths[keep_bands]
    order, steps = np.argsort(wavelengths), np.diff(wavelengths)
    if not (steps > 0).all():
        was = "descend" if (steps < 0).all() else "are in no order"
        dropped.append(f"wavelengths {was} in the file; put in ascending order")
    used = {id_at, *bands.columns.tolist()}
    aside = [repr(name) for j, name in enumerate(table.header) if j not in used]
    if aside:
        dropped.append(f"columns of {table.path.name} that are no bands left aside: {', '.join(aside)}")
    return Scans(
        table=table,
        id_column=id_at,
        ids=read_ids(table, id_at),
        wavelengths=wavelengths[order],
        spectra=values[keep_rows][:, keep_bands][:, order],
        notes=(*table.notes, *notes, *remarks, *dropped),
    )


def average_scans(ids: np.ndarray, reflectance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average the scans of each sample, and say where they disagree.

    Parameters
    ----------
    ids : (n_scans,) array
    reflectance : (n_scans, n_bands) array, fraction

    Returns
    -------
    ids : (n_samples,) array, in order of first appearance
    mean : (n_samples, n_bands) float32 array
    agree : (n_samples,) bool array, False where a scan deviates by more than :data:`SCAN_LIMIT`

    Examples
    --------
    >>> ids, mean, agree = average_scans(np.array(["a", "a", "b"]), np.array([[0.2], [0.3], [0.5]]))
    >>> ids.tolist(), mean.ravel().round(2).tolist(), agree.tolist()
    (['a', 'b'], [0.25, 0.5], [False, True])
    """
    sample, unique = pd.factorize(np.asarray(ids, dtype=object))
    if unique.size == sample.size:
        return unique, reflectance.astype(np.float32, copy=False), np.ones(sample.size, dtype=bool)
    order = np.argsort(sample, kind="stable")
    counts = np.bincount(sample)
    starts = np.cumsum(counts) - counts
    mean = (np.add.reduceat(reflectance[order], starts, axis=0) / counts[:, None]).astype(np.float32)
    deviation = np.linalg.norm(reflectance - mean[sample], axis=1) / np.linalg.norm(mean, axis=1)[sample]
    return unique, mean, np.maximum.reduceat(deviation[order], starts) <= SCAN_LIMIT


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
    return numbers.measured.reshape(cells.shape), notes


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
