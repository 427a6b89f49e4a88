"""Wide tables of the big libraries: read in chunks, by name, and resampled to a study's grid meanwhile.

A library of 40,000 scans with 4,200 bands is 2 GB of text: :class:`SpectralTable` has one chunk of
rows in memory at a time and :func:`read_on_grid` brings it to a study's grid; of Parquet,
:func:`read_parquet_on_grid` has one block of bands.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet
from pyarrow import csv as arrow_csv

from soilpb._format import track, track_bytes
from soilpb.site_file import SiteError
from soilpb.spectra import resample

#: Bytes of text per chunk: two hundred rows of 4,200 bands. Larger is not faster (measured).
CHUNK_BYTES = 8 << 20
#: Columns of a Parquet table that are read at a time: resampling is a sum over bands.
BLOCK = 64
#: How libraries write "no value" in a band.
NO_VALUE = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "-999", "-999.0", "-9999")
#: A band of the grid counts as measured if half of its response is: the first and the last
#: band of a library always lack the outer half.
MEASURED_SHARE = 0.499


class SpectralTable:
    """A delimited text file, perhaps gzipped, with one column per band, read in chunks of rows.

    Delimiter and decimal mark are found in the file; columns are found by name. ``band`` is the pattern
    of the names of band columns; its one group is the wavelength in nm.
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
        """Yield some hundred rows at a time: the columns ``text`` as strings, and the bands.

        The strings are a DataFrame indexed by the file's rows (the header is row 1), the bands an
        (n_rows, n_bands) float32 array, NaN where empty.
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


def resample_with_gaps(
    wavelengths: np.ndarray, reflectance: np.ndarray, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Resample (n_rows, n_bands) to (n_rows, n_grid), and say which rows are complete.

    Bands without a value take no part: the others are weighted up, and a spectrum is complete if every
    band of the grid has at least half of its response measured (else see :func:`soilpb.spectra.resample`).
    """
    weights = _resampling_matrix(tuple(wavelengths), tuple(grid))
    measured = np.isfinite(reflectance)
    if weights is None:
        return reflectance, measured.all(axis=1)
    if measured.all():
        return reflectance @ weights, np.ones(len(reflectance), dtype=bool)
    share = measured.astype(np.float32) @ weights
    resampled = np.where(measured, reflectance, 0) @ weights / np.maximum(share, MEASURED_SHARE)
    return resampled, (share >= MEASURED_SHARE).all(axis=1)


def read_on_grid(
    table: SpectralTable,
    text: Sequence[str],
    grid: np.ndarray,
    convert: Callable[[np.ndarray], np.ndarray] = lambda values: values,
) -> tuple[pd.DataFrame, np.ndarray, int, int]:
    """Read the spectra of a table that are complete on a grid, nm.

    ``convert`` turns the values of a chunk into reflectance as a fraction.

    Returns
    -------
    cells : DataFrame of str, n_complete rows
        The columns ``text``, indexed by the rows of the file.
    reflectance : (n_complete, n_grid) float32 array
    n_rows, n_scanned : int
        Rows of the file, and how many of them have any spectrum.
    """
    cells, scans, n_rows, n_scanned = [], [], 0, 0
    for rows, values in table.chunks(text):
        scanned = np.isfinite(values).any(axis=1)
        reflectance, complete = resample_with_gaps(table.wavelengths, convert(values[scanned]), grid)
        cells.append(rows[scanned][complete])
        scans.append(reflectance[complete])
        n_rows, n_scanned = n_rows + len(rows), n_scanned + int(scanned.sum())
    return pd.concat(cells), np.concatenate(scans), n_rows, n_scanned


def open_parquet(path: Path) -> parquet.ParquetFile:
    """Open a Parquet file, or say what stands in its place and how to mend that."""
    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        start = Path(path).read_bytes()[:1000].lstrip() if Path(path).exists() else b""
        what = "a page of HTML, no Parquet" if start[:1] == b"<" else f"no whole Parquet file ({error})"
        mend = "delete it and run soilpb fetch again"
        raise SiteError(f"{path} is {' '.join(what.split())}; {mend}") from error


def read_parquet(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """Those of the columns that a Parquet table has, in the order given."""
    file = open_parquet(path)
    there = set(file.schema_arrow.names)
    try:
        return file.read([name for name in columns if name in there]).to_pandas()
    except (pa.ArrowException, OSError) as error:
        why = " ".join(str(error).split())
        raise SiteError(f"{path} cannot be read ({why}); delete it and run soilpb fetch again") from error


def read_parquet_on_grid(
    path: Path, band: str, grid: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Read the spectra of a Parquet table onto a grid, nm, a block of bands at a time.

    Bands without a value take no part, as in :func:`resample_with_gaps`.

    Returns
    -------
    reflectance : (n_rows, n_grid) float32 array
    scanned, complete : (n_rows,) bool arrays
        Which rows have any spectrum, and which one on all of the grid.
    """
    file = open_parquet(path)
    matches = [re.fullmatch(band, name) for name in file.schema_arrow.names]
    names = {float(match[1]): match[0] for match in matches if match}
    if len(names) < 2:
        raise SiteError(f"{path} has no columns of bands such as scan_visnir.500_ref; fetch it again")
    wavelengths = np.array(sorted(names))
    try:
        weights = _resampling_matrix(tuple(wavelengths), tuple(grid))
    except ValueError as error:
        raise SiteError(f"{path}: {error}; set band_start and band_stop of the site file") from error
    weights = np.eye(grid.size, dtype=np.float32) if weights is None else weights
    total, share = np.zeros((2, file.metadata.num_rows, grid.size), dtype=np.float32)
    scanned = np.zeros(len(total), dtype=bool)
    for start in track(range(0, wavelengths.size, BLOCK), path.name):
        block = slice(start, start + BLOCK)
        cells = read_parquet(path, [names[nm] for nm in wavelengths[block]])
        values = _as_floats(cells, path)
        known = np.isfinite(values) & (values > -999)
        at = np.flatnonzero(weights[block].any(axis=0))
        if at.size:
            near = slice(at[0], at[-1] + 1)
            total[:, near] += np.where(known, values, 0) @ weights[block, near]
            share[:, near] += known.astype(np.float32) @ weights[block, near]
        scanned |= known.any(axis=1)
    complete = (share >= MEASURED_SHARE).all(axis=1)
    total /= np.maximum(share, MEASURED_SHARE, out=share)
    return total, scanned, complete


def _as_floats(cells: pd.DataFrame, path: Path) -> np.ndarray:
    """Bands as (n_rows, n_block) float32 array; a column of text is read as numbers where it holds such."""
    text = cells.columns[[not pd.api.types.is_numeric_dtype(kind) for kind in cells.dtypes]]
    try:
        cells = cells.assign(**cells[text].replace(list(NO_VALUE), np.nan)) if text.size else cells
        return cells.to_numpy(np.float32, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise SiteError(f"{path}: {cells.columns[0]} or a band near it holds no number: {error}") from error


@lru_cache(maxsize=2)  # the 28 files of LUCAS 2015 share one
def _resampling_matrix(wavelengths: tuple[float, ...], grid: tuple[float, ...]) -> np.ndarray | None:
    """(n_bands, n_grid) float32, or None where nothing changes: resampled unit vectors, as it is linear."""
    if wavelengths == grid:
        return None
    return resample(np.array(wavelengths), np.eye(len(wavelengths), dtype=np.float32), np.array(grid))


def read_whole(path: Path, band: str, wanted: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """All rows of a table: those of the wanted columns that it has, and the few bands of pattern ``band``."""
    table = SpectralTable(path, band)
    rows, bands = zip(*table.chunks([name for name in wanted if name in table.columns]), strict=True)
    return pd.concat(rows), np.concatenate(bands)
