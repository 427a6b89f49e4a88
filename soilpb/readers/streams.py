"""Wide tables of spectra as text, read a chunk at a time and resampled on the way.

A library of 40,000 scans with 4,200 bands is 2 GB of text and, read whole, several
times that in memory; a study needs some 200 bands of it. Here one chunk of rows is in
memory at a time, and only the columns that are asked for are ever converted to numbers.
"""

from __future__ import annotations

import csv
import gzip
import re
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute
from pyarrow import csv as arrow_csv
from tqdm import tqdm

from soilpb.bands import resample
from soilpb.progress import track
from soilpb.sitefile import SiteError

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
    """Linear resampling to a grid (:func:`soilpb.bands.resample`), tolerant of gaps.

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
