"""Tables of spectra, one spectrum per row or column, and the average over the scans of a sample.

Texts of any size, and Parquet, are read in blocks of rows (:func:`iterate_scans`): what the columns are is
told by the first rows, and a block that is not plain numbers is read cell by cell, as a small file is.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from soilpb._format import track_bytes
from soilpb.readers.columns import Bands, band_positions, band_wavelengths, join_units, locate_bands
from soilpb.readers.ids import find_id_column, join_id_columns, known_in, read_ids
from soilpb.readers.tables import (
    MISSING_CODES,
    MISSING_WORDS,
    Table,
    as_text,
    decimal_mark,
    make_table,
    read_numbers,
    read_table,
    read_text,
)
from soilpb.site_file import SiteError

#: Deviation of a scan from the mean of its sample, root mean square over the bands as a share of the
#: mean's, that is worth a look. Repacking a cup moves a spectrum by a few percent as a whole.
SCAN_LIMIT = 0.05
#: A text of more bytes is read in blocks of so many bytes; Parquet in blocks of so many values.
LARGE, BLOCK, VALUES = 20_000_000, 1 << 23, 1 << 24
#: Bytes from which the columns of a large text are found, and columns of Parquet that are read at once.
_HEAD, _COLUMNS = 1 << 21, 64
_PARQUET = b"PAR1"


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
    places: np.ndarray | None = None  # (n_scans, 2) longitude, latitude in degrees, where all files say them

    def at(self, row: int) -> str:
        """Name the place of a scan in the file."""
        return f"{self.table.at(row)} (sample {self.ids[row]!r})"


class Wanted(NamedTuple):
    """What tells ids and bands of a table (see :func:`read_scans`)."""

    id_column: str = ""
    known: Collection[str] = ()
    bands: str = ""

    def fits(self, sheet: Table) -> bool:
        """Tell a sheet that has spectra."""
        try:
            return locate_bands(join_units(sheet), self.known, self.bands) is not None
        except SiteError:  # about its bands
            return True


def read_scans(path: str | Path, id_column: str = "", known: Collection[str] = (), bands: str = "") -> Scans:
    """Read spectra from a table, one spectrum per row or column.

    Bands and scans without any value are dropped and noted; a single missing value is refused.

    Parameters
    ----------
    path : path
        A table with one column per wavelength (nm, µm or 1/cm) and one of sample ids; or transposed.
    id_column : str
        Name of the id column, or of several as ``soil + horizon``; found by itself if empty.
    known : collection of str
        What may be ids of the laboratory's table: tells the id column, and which way the table lies.
    bands : str
        What stands before the wavelengths in the names of bands, where a table has several families.
    """
    return join_scans(list(iterate_scans(path, id_column, known, bands)))


def iterate_scans(
    path: str | Path, id_column: str = "", known: Collection[str] = (), bands: str = ""
) -> Iterator[Scans]:
    """Read what :func:`read_scans` reads in blocks of rows, so that memory does not grow with the file."""
    path, wanted = Path(path), Wanted(id_column, known, bands)
    if _start(path).startswith(_PARQUET):
        yield from _iterate_parquet(path, wanted)
    elif is_streamed(path):
        yield from _iterate_text(path, wanted)
    else:
        yield _read_whole(read_table(path, wanted.fits), wanted)


def is_streamed(path: str | Path) -> bool:
    """Tell whether a file is read in blocks: Parquet, or a long text whose lines end as usual."""
    start = _start(path := Path(path))
    no_text = b"\x00" in start or b"\n" not in start or start.startswith((b"PK\x03\x04", b"\xd0\xcf"))
    return start.startswith(_PARQUET) or (not no_text and path.stat().st_size > LARGE)


def _start(path: Path) -> bytes:
    """First bytes of a file; none if it is no file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(_HEAD)


def join_scans(blocks: Sequence[Scans]) -> Scans:
    """Join blocks of one file; notes that repeat are kept once, and few of later blocks."""
    first, *others = blocks
    if not others:
        return first
    rows, ids = (
        np.concatenate(parts) for parts in zip(*((b.table.rows, b.ids) for b in blocks), strict=True)
    )
    table = replace(first.table, cells=np.empty((len(rows), 0), dtype=object), rows=rows)
    spectra = np.concatenate([block.spectra.astype(np.float32, copy=False) for block in blocks])
    later = [note for note in dict.fromkeys(n for b in others for n in b.notes) if note not in first.notes]
    more = [f"{len(later) - 2} more notes on later rows"] if len(later) > 2 else []
    return replace(first, table=table, ids=ids, spectra=spectra, notes=(*first.notes, *later[:2], *more))


class _Layout(NamedTuple):
    """Where ids and bands stand in a table."""

    table: Table  # turned, if its spectra stand in columns
    bands: Bands
    wavelengths: np.ndarray  # (n_bands,) nm, in the order of the table
    id_column: int
    notes: tuple[str, ...]


def _find_layout(table: Table, wanted: Wanted) -> _Layout:
    located = locate_bands(table, wanted.known, wanted.bands)
    if located is None:
        names = ", ".join(repr(name) for name in table.header[:6])
        raise SiteError(
            f"{table.path} has no wavelength columns (it starts with {names}); name each band by its "
            "wavelength in nm, such as 450, wl_450 or 450 nm"
        )
    table, bands = located
    wavelengths, notes = band_wavelengths(table, bands)
    is_known = known_in(wanted.known) if len(wanted.known) else None
    table = join_id_columns(table, wanted.id_column, is_known)
    others = {*bands.columns.tolist(), *band_positions(table)}
    id_at = find_id_column(table, wanted.id_column, others, is_known)
    used = {id_at, *bands.columns.tolist()}
    aside = [repr(name) for j, name in enumerate(table.header) if name and j not in used]
    more = f" and {len(aside) - 8} more" if len(aside) > 8 else ""
    told = f"columns of {table.path.name} that are no bands left aside: {', '.join(aside[:8])}{more}"
    notes += [told] if aside else []
    return _Layout(table, bands, wavelengths, id_at, (*table.notes, *notes))


def _read_whole(table: Table, wanted: Wanted) -> Scans:
    layout = _find_layout(join_units(table), wanted)
    values, remarks = _read_values(layout.table, layout.bands)
    return _make_scans(layout, layout.table, None, values, remarks)


def _make_scans(
    layout: _Layout,
    table: Table,
    ids: np.ndarray | None,
    values: np.ndarray,
    remarks: Sequence[str] = (),
    keep_bands: np.ndarray | None = None,
) -> Scans:
    """Order bands, drop what is empty, refuse gaps; ``ids`` are cells of the id column if not in ``table``.

    ``keep_bands`` are those that the file's first rows have values of.
    """
    keep_rows, known_bands, dropped = _drop_empty(table, values, layout.wavelengths, keep_bands)
    keep_bands = known_bands if keep_bands is None else keep_bands
    _refuse_gaps(table, layout.bands, values, keep_rows, keep_bands)
    table = replace(table, cells=table.cells[keep_rows], rows=table.rows[keep_rows])
    named, id_at = table, layout.id_column
    if ids is not None:
        header = (table.header[id_at],)
        named, id_at = replace(table, header=header, cells=ids[keep_rows, None]), 0
    wavelengths = layout.wavelengths[keep_bands]
    order, steps = np.argsort(wavelengths), np.diff(wavelengths)
    if not (steps > 0).all():
        was = "descend" if (steps < 0).all() else "are in no order"
        dropped.append(f"wavelengths {was} in the file; put in ascending order")
    straight = (steps > 0).all() and keep_rows.all() and keep_bands.all()
    return Scans(
        table=table,
        id_column=layout.id_column,
        ids=read_ids(named, id_at),
        wavelengths=wavelengths[order],
        spectra=values if straight else values[keep_rows][:, keep_bands][:, order],
        notes=(*layout.notes, *remarks, *dropped),
    )


def _iterate_text(path: Path, wanted: Wanted) -> Iterator[Scans]:
    head = join_units(read_table(path, most=_HEAD))
    start = int(head.rows[0])  # row of the first spectrum
    with path.open("rb") as file:
        above = [file.readline() for _ in range(start - 1)]
    layout, header = _find_layout(head, wanted), next(line for line in reversed(above) if line.strip())
    width = len(next(csv.reader([header.decode("utf-8", "replace")], delimiter=head.separator)))
    if layout.table is not head or width != len(head.header):  # turned, or with columns that have no name
        yield _read_whole(read_table(path), wanted)
        return
    cells = head.cells[:, layout.bands.columns].ravel()
    mark, keep_bands = decimal_mark(cells, head.separator) or ".", None
    for row, block in _iterate_lines(path, start):
        read = _parse_numbers(block, layout, mark)
        if read is None:
            lines, separator, notes = read_text(path, header + block)
            lines = [(n + row - 2 if n > 1 else n, line) for n, line in lines]
            table = make_table(path, lines, separator, notes)
            values, remarks = _read_values(table, layout.bands)
            scans = _make_scans(layout, table, None, values, remarks, keep_bands)
        else:
            rows = np.arange(row, row + len(read[0]))
            table = replace(head, cells=np.empty((len(rows), 0), dtype=object), rows=rows)
            remarks = [f"{path.name} has decimal commas"] if mark == "," else []
            scans = _make_scans(layout, table, *read, remarks, keep_bands)
        keep_bands = np.isin(layout.wavelengths, scans.wavelengths)
        yield scans


def _iterate_lines(path: Path, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines from row ``start`` on, each with the row that it starts with."""
    with path.open("rb") as file, track_bytes(f"reading {path.name}", path.stat().st_size) as progress:
        for _ in range(start - 1):
            progress.update(len(file.readline()))
        while block := file.read(BLOCK):
            block += file.readline()
            if block.strip():
                yield start, block
            start += block.count(b"\n")
            progress.update(len(block))


def _parse_numbers(block: bytes, layout: _Layout, mark: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Ids and values, (n_rows, n_bands), of lines; None where a cell or a line is odd."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    names = [str(j) for j in range(len(layout.table.header))]
    bands, id_name = [names[j] for j in layout.bands.columns], names[layout.id_column]
    if block[:1] in b"\r\n" or b"\n\n" in block or b"\n\r\n" in block:
        return None
    missing = [*MISSING_WORDS, *(word.upper() for word in MISSING_WORDS), "NaN"]
    try:
        read = arrow_csv.read_csv(
            BytesIO(block),
            arrow_csv.ReadOptions(column_names=names, block_size=len(block) + 1),
            arrow_csv.ParseOptions(delimiter=layout.table.separator, ignore_empty_lines=False),
            arrow_csv.ConvertOptions(
                column_types={**dict.fromkeys(bands, pa.float64()), id_name: pa.string()},
                include_columns=[id_name, *bands],
                null_values=missing,
                decimal_point=mark,
            ),
        )
    except pa.ArrowInvalid:
        return None
    values = np.column_stack([read.column(name).to_numpy() for name in bands])
    if len(values) != block.count(b"\n") + (not block.endswith(b"\n")) or np.isinf(values).any():
        return None
    for code in MISSING_CODES:
        values[values == code] = np.nan
    return read.column(id_name).to_numpy().astype(object), values


def _iterate_parquet(path: Path, wanted: Wanted) -> Iterator[Scans]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        cells = np.empty((min(30, file.metadata.row_group(0).num_rows), len(names)), dtype=object)
        for start in range(0, len(names), _COLUMNS):
            part = names[start : start + _COLUMNS]
            few = next(file.iter_batches(len(cells), row_groups=[0], columns=part))
            for j, column in enumerate(few.columns):
                cells[:, start + j] = ["" if cell is None else cell for cell in column.to_pylist()]
        table = Table(path, tuple(map(str, names)), cells, np.arange(1, len(cells) + 1))
        layout, row, keep_bands = _find_layout(table, wanted), 1, None
        bands = [names[j] for j in layout.bands.columns]
        total = file.metadata.num_rows
        with track_bytes(f"reading {path.name}", total * len(bands) * 4) as progress:
            for group in range(file.num_row_groups):
                for ids, values in _read_group(file, group, names[layout.id_column], bands):
                    rows = np.arange(row, row := row + len(ids))
                    part = replace(table, cells=np.empty((len(rows), 0), dtype=object), rows=rows)
                    scans = _make_scans(layout, part, ids, values, (), keep_bands)
                    keep_bands = np.isin(layout.wavelengths, scans.wavelengths)
                    yield scans
                    progress.update(values.size * 4)
    except (pa.ArrowException, StopIteration) as error:
        raise SiteError(f"{path} is no table of spectra ({' '.join(str(error).split())[:200]})") from None


def _read_group(file, group: int, id_name: str, bands: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids and values, (n_rows, n_bands), of a row group, in blocks; a few of its columns are held at once."""
    n_rows = file.metadata.row_group(group).num_rows
    at_once = max(1, VALUES // len(bands))
    ids = file.read_row_group(group, [id_name]).column(0).to_numpy().astype(object)
    for start in range(0, n_rows, at_once):
        values = np.empty((min(at_once, n_rows - start), len(bands)), dtype=np.float32)
        for j in range(0, len(bands), _COLUMNS):
            part = file.read_row_group(group, bands[j : j + _COLUMNS])
            for k, name in enumerate(bands[j : j + _COLUMNS]):
                column = part.column(name).slice(start, at_once).cast("float32", safe=False)
                values[:, j + k] = column.to_numpy()
        yield ids[start : start + at_once], values


def average_scans(ids: np.ndarray, reflectance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average as :func:`measure_scans`; and (n_samples,) bool, whether no scan deviates beyond SCAN_LIMIT."""
    unique, mean, deviation = measure_scans(ids, reflectance)
    return unique, mean, deviation <= SCAN_LIMIT


def measure_scans(ids: np.ndarray, reflectance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average the scans of each sample, and say how far they disagree.

    Parameters
    ----------
    ids : (n_scans,) array
    reflectance : (n_scans, n_bands) array, fraction

    Returns
    -------
    ids : (n_samples,) array, in order of first appearance
    mean : (n_samples, n_bands) float32 array
    deviation : (n_samples,) array
        Of the scan that deviates most: root mean square over the bands, as a share of the mean's.
    """
    sample, unique = pd.factorize(np.asarray(ids, dtype=object))
    if unique.size == sample.size:
        return unique, reflectance.astype(np.float32, copy=False), np.zeros(sample.size)
    order = np.argsort(sample, kind="stable")
    counts = np.bincount(sample)
    starts = np.cumsum(counts) - counts
    mean = (np.add.reduceat(reflectance[order], starts, axis=0) / counts[:, None]).astype(np.float32)
    deviation = np.linalg.norm(reflectance - mean[sample], axis=1) / np.linalg.norm(mean, axis=1)[sample]
    return unique, mean, np.maximum.reduceat(deviation[order], starts)


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
    table: Table, values: np.ndarray, wavelengths: np.ndarray, keep_bands: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Masks of the scans and bands that have any value, and notes on those that have none."""
    known = np.isfinite(values)
    rows, bands = known.any(axis=1), known.any(axis=0) if keep_bands is None else keep_bands
    if not rows.any() and keep_bands is None:
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
