"""Wide tables of the big libraries, text or Parquet: read by name, and resampled to a study's grid meanwhile.

A library of 40,000 scans with 4,200 bands is 2 GB of text: one chunk of rows is in memory at a time.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from soilpb._format import list_first, track, track_bytes
from soilpb.site_file import SiteError
from soilpb.spectra import resample

#: Bytes of text per chunk: two hundred rows of 4,200 bands. Larger is not faster (measured).
CHUNK_BYTES = 8 << 20
#: Columns of Parquet that are read at a time, and rows that are handed on at a time.
BLOCK, ROWS = 64, 2000
#: How libraries write "no value" in a band, beside -999 and what lies below it.
NO_VALUE = ("", "NA", "N/A", "NaN", "nan", "NULL", "null")
#: A band of the grid counts as measured if half of its response is: the first and the last
#: band of a library always lack the outer half.
MEASURED_SHARE = 0.499
#: Bytes that surely hold the header and the first row of a text.
_HEAD = 1 << 20


class OnGrid(NamedTuple):
    """Spectra of a table that are complete on a grid."""

    cells: pd.DataFrame  #: n_complete rows of the columns that were asked for, by the row of the file
    reflectance: np.ndarray  #: (n_complete, n_grid) float32
    n_rows: int  #: of the file
    n_scanned: int  #: rows that have any spectrum


class SpectralTable:
    """A table with one column per band: Parquet, or delimited text, perhaps gzipped.

    Delimiter and decimal mark are found in the file; columns are found by name. ``band`` is the pattern
    of the names of band columns; its one group is the wavelength in nm.
    """

    def __init__(self, path: Path, band: str) -> None:
        self.path, self.is_parquet, cells = path, path.suffix == ".parquet", {}
        if self.is_parquet:
            with _explain(path):
                self.columns = parquet.read_schema(path).names
        else:
            lines = self._first_lines()
            self.delimiter = max(",;\t", key=lines[0].count)
            self.columns, values = (next(csv.reader([line], delimiter=self.delimiter)) for line in lines)
            cells = dict(zip(self.columns, values, strict=False))
        found = {name: re.fullmatch(band, name.strip()) for name in self.columns}
        nm = {name: float(match[1].replace(",", ".")) for name, match in found.items() if match}
        if len(nm) < 2:
            raise SiteError(
                f"{path}: none of its {len(self.columns)} columns is a band; expected names like "
                f"{band!r}, found {list_first(self.columns)}"
            )
        self.bands = sorted(nm, key=nm.__getitem__)
        self.wavelengths = np.array([nm[name] for name in self.bands])
        self.decimal = "," if any("," in cells.get(name, "") for name in self.bands) else "."

    def chunks(self, columns: Sequence[str]) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """Yield some hundred rows at a time: the columns asked for, and the bands.

        The first are a DataFrame indexed by the file's rows (the header is row 1), of str where the file is
        text; the bands are an (n_rows, n_bands) float32 array, NaN where empty.
        """
        absent = [name for name in columns if name not in self.columns]
        if absent:
            raise SiteError(f"{self.path}: no column {absent[0]!r}; it has {list_first(self.columns, 12)}")
        row = 2
        for cells, values in (self._read_parquet if self.is_parquet else self._read_text)(list(columns)):
            yield (
                cells.set_axis(pd.RangeIndex(row, row + len(cells))),
                np.where(values > -999, values, np.nan),
            )
            row += len(cells)

    def _read_parquet(self, columns: list[str]) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        with _explain(self.path), parquet.ParquetFile(self.path) as file:
            values = np.empty((file.metadata.num_rows, len(self.bands)), dtype=np.float32)
            for start in track(range(0, len(self.bands), BLOCK), self.path.name):
                part = (
                    file.read(self.bands[start : start + BLOCK]).to_pandas().replace(list(NO_VALUE), np.nan)
                )
                values[:, start : start + BLOCK] = part.to_numpy(np.float32, na_value=np.nan)
            cells = file.read(columns).to_pandas()
        for start in range(0, len(cells), ROWS):
            yield cells[start : start + ROWS], values[start : start + ROWS]

    def _read_text(self, columns: list[str]) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        types = dict.fromkeys(self.bands, pa.float32()) | dict.fromkeys(columns, pa.string())
        expected = (
            f"{len(self.columns)} columns separated by {self.delimiter!r} and numbers with decimal "
            f"{self.decimal!r}: is the file complete?"
        )
        size = self.path.stat().st_size
        with _explain(self.path, expected), pa.OSFile(str(self.path)) as raw:
            batches = arrow_csv.open_csv(
                _unpack(raw),
                arrow_csv.ReadOptions(block_size=CHUNK_BYTES),
                arrow_csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                arrow_csv.ConvertOptions(
                    column_types=types,
                    include_columns=list(types),
                    null_values=list(NO_VALUE),
                    decimal_point=self.decimal,
                ),
            )
            with track_bytes(self.path.name, size) as bar:
                for batch in batches:
                    cells = batch.select(columns).to_pandas().apply(lambda column: column.str.strip())
                    yield cells, batch.select(self.bands).to_tensor(null_to_nan=True).to_numpy()
                    bar.update(raw.tell() - bar.n)

    def _first_lines(self) -> list[str]:
        with _explain(self.path, "a text of rows and columns"), pa.OSFile(str(self.path)) as raw:
            head = _unpack(raw).read(_HEAD).decode("utf-8-sig", "replace")
        lines = [line.rstrip("\r") for line in head.split("\n", 2)[:2] if line]
        if len(lines) < 2:
            raise SiteError(f"{self.path} has {len(lines)} lines; expected a header and rows of spectra")
        return lines


def read_on_grid(
    table: SpectralTable,
    columns: Sequence[str],
    grid: np.ndarray,
    convert: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> OnGrid:
    """Read the spectra of a table that are complete on a grid, nm, and columns beside them.

    ``convert`` turns the values of a chunk into reflectance as a fraction.
    """
    cells, spectra, n_rows, n_scanned = [], [], 0, 0
    for rows, values in table.chunks(columns):
        scanned = np.isfinite(values).any(axis=1)
        try:
            found, complete = resample_with_gaps(table.wavelengths, convert(values[scanned]), grid)
        except ValueError as error:
            mend = "set band_start and band_stop of the site file"
            raise SiteError(f"{table.path}: {error}; {mend}") from error
        cells.append(rows[scanned][complete])
        spectra.append(found[complete])
        n_rows, n_scanned = n_rows + len(rows), n_scanned + int(scanned.sum())
    return OnGrid(pd.concat(cells), np.concatenate(spectra), n_rows, n_scanned)


def resample_with_gaps(
    wavelengths: np.ndarray, reflectance: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Resample (n_rows, n_bands) to (n_rows, n_grid), and say which rows are complete.

    Bands without a value take no part: the others are weighted up, and a spectrum is complete if every
    band of the grid has at least half of its response measured (else see :func:`soilpb.spectra.resample`).
    """
    weights, measured = _resampling_matrix(tuple(wavelengths), tuple(grid)), np.isfinite(reflectance)
    share = measured.astype(np.float32) @ weights
    resampled = np.where(measured, reflectance, 0).astype(np.float32) @ weights
    return resampled / np.maximum(share, MEASURED_SHARE), (share >= MEASURED_SHARE).all(axis=1)


@lru_cache(maxsize=2)  # the 28 files of LUCAS 2015 share one
def _resampling_matrix(wavelengths: tuple[float, ...], grid: tuple[float, ...]) -> np.ndarray:
    """(n_bands, n_grid) float32: resampled unit vectors, as resampling is linear."""
    return resample(np.array(wavelengths), np.eye(len(wavelengths), dtype=np.float32), np.array(grid))


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a Parquet table without spectra as a whole."""
    with _explain(path), parquet.ParquetFile(path) as file:
        return file.read().to_pandas()


def _unpack(raw: pa.NativeFile) -> pa.NativeFile:
    """Bytes of a text. Gzip is told by its content, for browsers unpack downloads and keep the name."""
    gzipped = raw.read(2) == b"\x1f\x8b"
    raw.seek(0)
    return pa.CompressedInputStream(raw, "gzip") if gzipped else raw


@contextmanager
def _explain(
    path: Path,
    expected: str = "a whole Parquet file with numbers in its bands: delete it and run soilpb fetch again",
) -> Iterator[None]:
    """Turn what pyarrow and pandas say of a damaged file into one line."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        why = " ".join(str(error).split())[:200]
        raise SiteError(f"{path} cannot be read ({why}); expected {expected}") from error
