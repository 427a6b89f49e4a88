"""A table of spectra: ids, wavelengths in nm, and values still in the file's unit.

Wide tables of spectra as text, read a chunk at a time and resampled on the way.

A library of 40,000 scans with 4,200 bands is 2 GB of text and, read whole, several
times that in memory; a study needs some 200 bands of it. Here one chunk of rows is in
memory at a time, and only the columns that are asked for are ever converted to numbers.

What a reader made of a library, kept in columns: the second time it is memory-mapped.

An entry is a folder with ``reflectance.npy``, ``samples.parquet`` and ``card.json``. Its
name is a hash of the bytes that were read, the grid and the reader's version, so an
entry is never stale: whatever changes makes another entry. It appears under its name
only when it is complete.

Hashing 1 GB takes about a second, too long for every chapter that opens. As git does, a
file's hash is remembered with its inode, size, modification and change time, and taken
on trust while all four stand still. Size and modification time alone would not do:
``cp -p`` and ``touch -d`` forge both; the change time is the kernel's own.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv
from tqdm import tqdm

from soilpb import _files
from soilpb._format import track
from soilpb.readers.columns import (
    RANGE_NM,
    Bands,
    find_bands,
    find_id_column,
    read_ids,
    to_nanometres,
    transpose,
)
from soilpb.readers.tables import Table, as_text, decimal_mark, read_numbers, read_table
from soilpb.site_file import SiteError
from soilpb.spectra import Provenance, SoilSpectra, resample


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
    upright, turned = find_bands(table), transpose(table)
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


#: Bytes of text a chunk: two hundred rows of 4,200 bands. Larger is not faster (measured).
CHUNK_BYTES = 8 << 20
#: How libraries write "no value" in a band.
NO_VALUE = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "-999", "-999.0", "-9999")
#: A band of the grid counts as measured if half of its response is: the first and the last
#: band of a library always lack the outer half.
MEASURED_SHARE = 0.499


class SpectralTable:
    """A delimited text file, perhaps gzipped, with one column a band.

    Delimiter and decimal mark are found in the file; columns are found by name.

    Parameters
    ----------
    path : Path
    band : str
        Pattern of the names of band columns; its one group is the wavelength in nm.

    Raises
    ------
    SiteError
        If the file is empty or no column is a band.
    """

    def __init__(self, path: Path, band: str) -> None:
        self.path = path
        header, first = self._first_lines()
        self.delimiter = max(",;\t", key=header.count)
        self.columns = next(csv.reader([header], delimiter=self.delimiter))
        pattern = re.compile(band)
        found = {name: pattern.fullmatch(name.strip()) for name in self.columns}
        nm = {name: float(match[1].replace(",", ".")) for name, match in found.items() if match}
        if len(nm) < 2:
            raise SiteError(
                f"{path}: none of its {len(self.columns)} columns is a band; expected names like "
                f"{band!r}, found {', '.join(self.columns[:6])}, …"
            )
        self.bands = sorted(nm, key=nm.__getitem__)
        self.wavelengths = np.array([nm[name] for name in self.bands])
        cells = dict(zip(self.columns, next(csv.reader([first], delimiter=self.delimiter), []), strict=False))
        self.decimal = "," if any("," in cells.get(name, "") for name in self.bands) else "."

    def chunks(self, text: Sequence[str]) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """Yield the columns ``text`` as strings and the bands, some hundred rows at a time.

        Yields
        ------
        DataFrame of the columns ``text``, indexed by the file's rows (the header is row 1),
        and (n_rows, n_bands) float32 array, NaN where empty.

        Raises
        ------
        SiteError
            If a column is missing, a band is no number, or the file ends early.
        """
        absent = [name for name in text if name not in self.columns]
        if absent:
            raise SiteError(f"{self.path}: no column {absent[0]!r}; it has {', '.join(self.columns[:12])}, …")
        row = 2
        with pa.OSFile(str(self.path)) as raw, track_bytes(self.path.name, self.path.stat().st_size) as bar:
            try:
                for batch in self._open(raw, text):
                    values = batch.select(self.bands).to_tensor(null_to_nan=True).to_numpy()
                    cells = [compute.utf8_trim_whitespace(batch[name]) for name in text]
                    index = pd.RangeIndex(row, row + batch.num_rows)
                    yield pa.table(cells, names=list(text)).to_pandas().set_axis(index), values
                    row = index.stop
                    bar.update(raw.tell() - bar.n)
            except (pa.ArrowInvalid, OSError) as error:
                raise SiteError(
                    f"{self.path}: {str(error)[:200]}; expected {len(self.columns)} columns separated by "
                    f"{self.delimiter!r} and numbers with decimal {self.decimal!r}: is the file complete?"
                ) from error

    def _open(self, raw: pa.NativeFile, text: Sequence[str]) -> arrow_csv.CSVStreamingReader:
        types = dict.fromkeys(self.bands, pa.float32()) | dict.fromkeys(text, pa.string())
        stream = pa.CompressedInputStream(raw, "gzip") if self._is_gzipped else raw
        return arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(block_size=CHUNK_BYTES),
            parse_options=arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                column_types=types,
                include_columns=list(types),
                null_values=list(NO_VALUE),
                decimal_point=self.decimal,
            ),
        )

    @cached_property
    def _is_gzipped(self) -> bool:
        # Not by its name: browsers unpack downloads and keep the name.
        with open(self.path, "rb") as file:
            return file.read(2) == b"\x1f\x8b"

    def _first_lines(self) -> tuple[str, str]:
        try:
            with (gzip.open if self._is_gzipped else open)(
                self.path, "rt", encoding="utf-8-sig", errors="replace", newline=""
            ) as file:
                lines = [line.rstrip("\r\n") for line in islice(file, 2)]
        except (OSError, EOFError) as error:
            raise SiteError(f"{self.path} cannot be read ({error}); download it again") from error
        if len(lines) < 2:
            raise SiteError(f"{self.path} has {len(lines)} lines; expected a header and rows of spectra")
        return lines[0], lines[1]


class Resampler:
    """Linear resampling to a grid (:func:`soilpb.spectra.resample`), tolerant of gaps.

    Bands without a value take no part: the others are weighted up, and a spectrum is
    complete if every band of the grid has at least half of its response measured.

    Parameters
    ----------
    wavelengths : (n_bands,) array, nm, ascending
    grid : (n_grid,) array, nm, ascending

    Examples
    --------
    >>> to_grid = Resampler(np.arange(400.0, 441.0), np.array([410.0, 420.0, 430.0]))
    >>> reflectance, complete = to_grid(np.full((2, 41), 0.25, dtype=np.float32))
    >>> reflectance.shape, complete.tolist()
    ((2, 3), [True, True])
    """

    def __init__(self, wavelengths: np.ndarray, grid: np.ndarray) -> None:
        self._weights = _resampling_matrix(tuple(wavelengths), tuple(grid))

    def __call__(self, reflectance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Resample (n_rows, n_bands) to (n_rows, n_grid), and say which rows are complete."""
        measured = np.isfinite(reflectance)
        if self._weights is None:
            return reflectance, measured.all(axis=1)
        if measured.all():
            return reflectance @ self._weights, np.ones(len(reflectance), dtype=bool)
        share = measured.astype(np.float32) @ self._weights
        resampled = np.where(measured, reflectance, 0) @ self._weights / np.maximum(share, MEASURED_SHARE)
        return resampled, (share >= MEASURED_SHARE).all(axis=1)


@lru_cache(maxsize=2)  # the 28 files of LUCAS 2015 share one
def _resampling_matrix(wavelengths: tuple[float, ...], grid: tuple[float, ...]) -> np.ndarray | None:
    """(n_bands, n_grid) float32, or None where nothing changes: resampled unit vectors, as it is linear."""
    if wavelengths == grid:
        return None
    return resample(np.array(wavelengths), np.eye(len(wavelengths), dtype=np.float32), np.array(grid))


def track_bytes(name: str, size: int) -> tqdm:
    """Progress bar over the bytes of a file, to be moved with ``update``."""
    bar = track((), name, total=size)
    bar.unit, bar.unit_scale = "B", True
    return bar


#: A file touched less than so many seconds ago may change again within one tick of its
#: file system's clock; its hash is not remembered.
SETTLED_SECONDS = 3.0
#: An unfinished conversion older than this was interrupted and is swept away.
ABANDONED_SECONDS = 24 * 3600.0

_PREFIX = ".converting-"


def load_or_convert(
    folder: Path | None,
    reader: str,
    version: int,
    files: Sequence[Path],
    grid: np.ndarray,
    convert: Callable[[], SoilSpectra],
) -> SoilSpectra:
    """Return the converted library from the cache, converting it first where needed.

    Parameters
    ----------
    folder : Path or None
        Where entries are kept; None converts anew and keeps nothing.
    reader, version : str, int
        Who converts; the version rises when the same bytes would be read differently.
    files : sequence of Path
        All that ``convert`` reads.
    grid : (n_bands,) array, nm
    convert : callable
        Makes the spectra.

    Returns
    -------
    SoilSpectra whose provenance carries the sha256 of the bytes read; memory-mapped
    where it comes from the cache.
    """
    digest = fingerprint(files, folder)
    if folder is None:
        return _stamped(convert(), digest)
    key = json.dumps([reader, version, digest, np.asarray(grid, float).tolist()])
    entry = Path(folder) / f"{reader}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if not entry.exists():
        _save(entry, _stamped(convert(), digest))
    return _load(entry)


def fingerprint(files: Sequence[Path], ledger_folder: Path | None = None) -> str:
    """SHA-256 of what is in the files.

    For one file it is the file's own hash; for several, that of the listing which
    ``sha256sum`` would print, names without folders.

    Parameters
    ----------
    files : sequence of Path
    ledger_folder : Path, optional
        Where hashes are remembered; without it every file is read.
    """
    ledger = Path(ledger_folder) / "fingerprints.json" if ledger_folder else None
    known = json.loads(ledger.read_text(encoding="utf-8")) if ledger and ledger.exists() else {}
    hashes, learnt = {}, {}
    for path in files:
        place, signature = str(path.resolve()), _signature(path)
        remembered, digest = known.get(place, (None, ""))
        if remembered != signature:
            digest = _files.sha256_of(path)
            if time.time() - path.stat().st_ctime > SETTLED_SECONDS:
                learnt[place] = (signature, digest)
        hashes[path.name] = digest
    if ledger and learnt:
        _files.save_card(ledger, known | learnt)
    if len(hashes) == 1:
        return digest
    return hashlib.sha256("".join(f"{h}  {name}\n" for name, h in hashes.items()).encode()).hexdigest()


def _signature(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _stamped(soils: SoilSpectra, digest: str) -> SoilSpectra:
    return replace(soils, provenance=replace(soils.provenance, sha256=digest))


def _save(entry: Path, soils: SoilSpectra) -> None:
    """Write an entry beside its place and move it there whole."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    _sweep(entry.parent)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=_PREFIX, ignore_cleanup_errors=True) as made:
        unfinished = Path(made) / entry.name
        unfinished.mkdir()
        np.save(unfinished / "reflectance.npy", soils.reflectance)
        soils.samples.to_parquet(unfinished / "samples.parquet")
        card = {"wavelengths": soils.wavelengths, "provenance": asdict(soils.provenance)}
        _files.save_card(unfinished / "card.json", card)
        try:
            unfinished.rename(entry)
        except OSError:
            if not entry.exists():
                raise  # else another process made the same entry first


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _load(entry: Path) -> SoilSpectra:
    card = _files.load_card(entry / "card.json")
    provenance = card["provenance"] | {"notes": tuple(card["provenance"]["notes"])}
    return SoilSpectra(
        np.array(card["wavelengths"]),
        np.load(entry / "reflectance.npy", mmap_mode="r"),
        pd.read_parquet(entry / "samples.parquet"),
        Provenance(**provenance),
    )
