"""Tables of spectra, one spectrum per row or column, and the average over the scans of a sample.

Texts of any size, and Parquet, are read in blocks of rows (:func:`iterate_scans`): what the columns are is
told by the first rows, and a block that is not plain numbers is read cell by cell, as a small file is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd

from soilpb._format import list_first, track_bytes
from soilpb.readers.columns import band_positions, band_wavelengths, join_units, locate_bands
from soilpb.readers.ids import find_ids, read_ids
from soilpb.readers.tables import (
    MISSING_CODES,
    MISSING_WORDS,
    Table,
    as_text,
    clean,
    decimal_mark,
    read_numbers,
    read_table,
    take_off_percent,
)
from soilpb.site_file import SiteError

#: What tells ids and bands of a table: id_column, known and bands of :func:`read_scans`.
Wanted = tuple[str, Collection[str], str]
#: Deviation of a scan from the mean of its sample, root mean square over the bands as a share of the
#: mean's, that is worth a look. Repacking a cup moves a spectrum by a few percent as a whole.
SCAN_LIMIT = 0.05
#: A text of more bytes is read in blocks of so many values, and Parquet in blocks of more.
LARGE, TEXT_VALUES, VALUES = 20_000_000, 1 << 21, 1 << 24
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

    def noted_at(self, row: int) -> str:
        """Name it without the folders of a machine: notes reach pages that are published."""
        return self.at(row).removeprefix(f"{self.table.path.parent}/")


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
    path, wanted, keep_bands = Path(path), (id_column, known, bands), None
    if not is_streamed(path):
        blocks = [_read_whole(path, wanted)]
    else:
        blocks = (_iterate_parquet if _start(path).startswith(_PARQUET) else _iterate_text)(path, wanted)
    for block in blocks:
        scans = _make_scans(*block, keep_bands=keep_bands)
        keep_bands = np.isin(block[0].wavelengths, scans.wavelengths)
        yield scans


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
    columns: np.ndarray  # (n_bands,) positions in the table
    wavelengths: np.ndarray  # (n_bands,) nm, ascending
    id_column: int
    notes: tuple[str, ...]


#: Where ids and bands stand, the rows, the cells of ids, the values, and notes.
Block = tuple[_Layout, Table, np.ndarray, np.ndarray, list[str]]


def _find_layout(table: Table, wanted: Wanted) -> _Layout:
    id_column, known, family = wanted
    located = locate_bands(table, known, family)
    if located is None:
        names = ", ".join(repr(name) for name in table.header[:6])
        raise SiteError(
            f"{table.path} has no wavelength columns (it starts with {names}); name each band by its "
            "wavelength in nm, such as 450, wl_450 or 450 nm"
        )
    table, bands = located
    wavelengths, notes = band_wavelengths(table, bands)
    others = {*bands.columns.tolist(), *band_positions(table)}
    table, id_at = find_ids(table, id_column, others, known)
    used = {id_at, *bands.columns.tolist()}
    aside = [repr(name) for j, name in enumerate(table.header) if name and j not in used]
    told = f"columns of {table.path.name} that are no bands left aside: {list_first(aside)}"
    notes += [told] if aside else []
    order, steps = np.argsort(wavelengths), np.diff(wavelengths)
    if not (steps > 0).all():
        was = "descend" if (steps < 0).all() else "are in no order"
        notes.append(f"wavelengths {was} in the file; put in ascending order")
    return _Layout(table, bands.columns[order], wavelengths[order], id_at, (*table.notes, *notes))


def _read_whole(path: Path, wanted: Wanted) -> Block:
    def fits(sheet: Table) -> bool:
        try:
            return locate_bands(join_units(sheet), *wanted[1:]) is not None
        except SiteError:  # about its bands
            return True

    layout = _find_layout(join_units(read_table(path, fits)), wanted)
    values, remarks = _read_values(layout.table, layout.columns)
    return layout, layout.table, layout.table.cells[:, layout.id_column], values, remarks


def _make_scans(
    layout: _Layout,
    table: Table,
    ids: np.ndarray,
    values: np.ndarray,
    remarks: Sequence[str],
    keep_bands: np.ndarray | None = None,
) -> Scans:
    """Drop rows and bands without any value and refuse gaps; ``ids`` are cells, (n_rows,).

    ``keep_bands`` are those that the file's first rows have values of.
    """
    missing, notes = ~np.isfinite(values), [*layout.notes, *remarks]
    keep = ~missing.all(axis=1)
    if keep_bands is None:
        keep_bands = ~missing.all(axis=0)
        if not keep.any():
            raise SiteError(f"{table.path} has wavelength columns without a single value; export it again")
    if not keep_bands.all():
        gone = layout.wavelengths[~keep_bands]
        notes.append(f"{gone.size} bands without any value dropped, {gone[0]:g}–{gone[-1]:g} nm")
    if not keep.all():
        listed = list_first(table.rows[~keep])
        notes.append(f"{(~keep).sum()} spectra without any value dropped: {table.words[0]} {listed}")
    gaps = np.argwhere(missing & keep[:, None] & keep_bands)
    if gaps.size:
        raise SiteError(
            f"{table.at(gaps[0, 0], layout.columns[gaps[0, 1]])}: no value ({len(gaps)} in all); fill the "
            f"cell, or delete the {table.words[0]} or the {table.words[1]}"
        )
    table = replace(table, cells=table.cells[keep], rows=table.rows[keep])
    named = replace(table, header=(table.header[layout.id_column],), cells=ids[keep, None])
    return Scans(
        table=table,
        id_column=layout.id_column,
        ids=read_ids(named, 0),
        wavelengths=layout.wavelengths[keep_bands],
        spectra=values if keep.all() and keep_bands.all() else values[keep][:, keep_bands],
        notes=tuple(notes),
    )


def _iterate_text(path: Path, wanted: Wanted) -> Iterator[Block]:
    head = join_units(read_table(path, most=_HEAD))
    layout, start = _find_layout(head, wanted), int(head.rows[0])
    with path.open("rb") as file, track_bytes(f"reading {path.name}", path.stat().st_size) as progress:
        *above, first = [file.readline() for _ in range(start)]
        file.seek(-len(first), 1)
        header = next(filter(bytes.strip, reversed(above))).decode(head.encoding)
        if layout.table is not head or header.count(head.separator) + 1 != len(head.header):
            yield _read_whole(path, wanted)  # turned, or with columns that have no name
            return
        mark = decimal_mark(head.cells[:, layout.columns].ravel(), head.separator) or "."
        try:
            frames = pd.read_csv(
                file,
                sep=head.separator,
                decimal=mark,
                names=range(max(len(head.header), first.count(head.separator.encode()) + 1)),
                dtype={layout.id_column: str},
                na_values=[*MISSING_WORDS, *map(str.upper, MISSING_WORDS)],
                skip_blank_lines=False,
                skipinitialspace=True,
                low_memory=False,
                encoding=head.encoding,
                chunksize=max(1, TEXT_VALUES // len(head.header)),
            )
            for frame in frames:
                lacking = frame[layout.id_column].isna().any()  # to look for blank rows takes long
                yield _read_frame(frame.dropna(how="all") if lacking else frame, layout, start, mark)
                progress.update(file.tell() - progress.n)
        except pd.errors.ParserError as error:
            what = str(error).strip().rpartition("error: ")[2]
            raise SiteError(f"{path}: {what}, counted from row {start}; mend that row") from None
        except UnicodeDecodeError as error:
            byte = f"byte 0x{error.object[error.start]:02x} is no text in {head.encoding}"
            raise SiteError(f"{path}: {byte}, as the file begins; save it as CSV UTF-8") from None


def _read_frame(frame: pd.DataFrame, layout: _Layout, start: int, mark: str) -> Block:
    """Some rows of a text; where they are not plain numbers, cell by cell."""
    numbers, rows = frame[layout.columns], frame.index.to_numpy() + start
    beyond = frame.iloc[:, len(layout.table.header) :].notna().any(axis=1).to_numpy()
    if beyond.any():
        raise SiteError(f"{layout.table.path}, row {rows[beyond][0]} has more cells than the header; mend it")
    values = numbers.to_numpy(copy=True)
    if values.dtype.kind in "fi" and not np.isinf(values).any():
        table = replace(layout.table, cells=np.empty((len(rows), 0), dtype=object), rows=rows)
        values = values.astype(float, copy=False)
        values[np.isin(values, MISSING_CODES)] = np.nan
        remarks = [f"{table.path.name} has decimal commas"] if mark == "," else []
    else:
        cells = frame.map(
            lambda cell: clean(cell) if isinstance(cell, str) else "" if pd.isna(cell) else cell
        )
        table = replace(layout.table, cells=cells.to_numpy(object), rows=rows)
        take_off_percent(list(table.header), table.cells)
        values, remarks = _read_values(table, layout.columns)
    ids = frame[layout.id_column].fillna("").to_numpy(object)
    return layout, table, ids, values, remarks


def _iterate_parquet(path: Path, wanted: Wanted) -> Iterator[Block]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(path)
        names = file.schema_arrow.names
        parts = (names[j : j + _COLUMNS] for j in range(0, len(names), _COLUMNS))
        head = [file.read_row_group(0, part).slice(0, 30).to_pandas(ignore_metadata=True) for part in parts]
        head = pd.concat(head, axis=1).astype(object)
        cells = head.where(head.notna(), "").to_numpy()
        layout = _find_layout(
            Table(path, tuple(map(str, names)), cells, np.arange(1, len(cells) + 1)), wanted
        )
        bands, row = [names[j] for j in layout.columns], 1
        with track_bytes(f"reading {path.name}", file.metadata.num_rows * len(bands) * 4) as progress:
            for ids, values in _parquet_blocks(file, names[layout.id_column], bands):
                rows = np.arange(row, row := row + len(ids))
                table = replace(layout.table, cells=np.empty((len(rows), 0), dtype=object), rows=rows)
                yield layout, table, ids, values, []
                progress.update(values.nbytes)
    except (pa.ArrowException, IndexError) as error:
        raise SiteError(f"{path} is no table of spectra ({' '.join(str(error).split())[:200]})") from None


def _parquet_blocks(file, id_name: str, bands: list[str]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Ids and values, (n_rows, n_bands), in blocks; a few columns are held at once."""
    at_once = max(1, VALUES // len(bands))
    for group in range(file.num_row_groups):
        for start in range(0, file.metadata.row_group(group).num_rows, at_once):
            ids = file.read_row_group(group, [id_name]).column(0).slice(start, at_once).to_numpy()
            values = np.empty((len(ids), len(bands)), dtype=np.float32)
            for j in range(0, len(bands), _COLUMNS):
                part = file.read_row_group(group, bands[j : j + _COLUMNS]).slice(start, at_once)
                columns = [column.cast("float32", safe=False).to_numpy() for column in part.columns]
                values[:, j : j + _COLUMNS] = np.column_stack(columns)
            yield ids.astype(object), values


def average_scans(ids: np.ndarray, reflectance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
        Of the scan that deviates most: root mean square over the bands, as a share of the mean's;
        beyond SCAN_LIMIT it is worth a look.
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


def _read_values(table: Table, columns: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Values of all bands, (n_rows, n_bands), NaN where missing, and a note on decimal commas."""
    cells = table.cells[:, columns]
    mark = decimal_mark(cells.ravel(), table.separator)
    numbers = read_numbers(cells.ravel(), mark)
    bad = np.flatnonzero(numbers.unreadable | np.isfinite(numbers.limits))
    if bad.size:
        row, band = divmod(int(bad[0]), cells.shape[1])
        cell = as_text(cells[row, band])
        raise SiteError(
            f"{table.at(row, columns[band])}: {cell!r} is no reflectance, nor are {bad.size - 1} other "
            "cells; write numbers with one decimal mark and no thousands mark"
        )
    notes = [f"{table.path.name} has decimal commas"] if mark == "," else []
    return numbers.measured.reshape(cells.shape), notes
