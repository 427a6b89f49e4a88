"""What the big libraries share: reading wide tables in chunks, resampling, a cache, checks.

A library of 40,000 scans with 4,200 bands is 2 GB of text: :class:`SpectralTable` has one chunk of
rows in memory at a time and :func:`read_on_grid` brings it to a study's grid. :func:`load_or_convert`
keeps the result in a folder of ``reflectance.npy`` (memory-mapped the second time),
``samples.parquet``, ``card.json`` and their checksum; a damaged one is made again.
:func:`check_source` says whether a library is complete.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from functools import cached_property, lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import compute, parquet
from pyarrow import csv as arrow_csv

from soilpb import _files
from soilpb._format import track, track_bytes
from soilpb.site_file import SiteError
from soilpb.spectra import Provenance, SoilSpectra, resample

#: Bytes of text per chunk: two hundred rows of 4,200 bands. Larger is not faster (measured).
CHUNK_BYTES = 8 << 20
#: Columns of a Parquet table that are read at a time: resampling is a sum over bands.
BLOCK = 64
#: How libraries write "no value" in a band.
NO_VALUE = ("", "NA", "N/A", "NaN", "nan", "NULL", "null", "-999", "-999.0", "-9999")
#: A band of the grid counts as measured if half of its response is: the first and the last
#: band of a library always lack the outer half.
MEASURED_SHARE = 0.499

#: Rises when the same bytes would be read differently: older cache entries then rest unused.
VERSION = 3
#: A file may lack one row in twenty of its release, since publishers mend their releases.
LEAST_SHARE = 0.95

_UNFINISHED = ".converting-"
#: Files of a cache entry, and the one that holds their checksum.
_PARTS, _SUM = ("reflectance.npy", "samples.parquet", "card.json"), "SHA256SUM"
#: Beside them: path, size, time of change (ns) and sha256 of the files that were read.
_SOURCES = "sources.json"
#: A file changed less than so many ns ago may change again within one tick of its file system's clock.
SETTLED_NS = 3_000_000_000


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
    matches = [re.fullmatch(band, name) for name in open_parquet(path).schema_arrow.names]
    names = {float(match[1]): match[0] for match in matches if match}
    if len(names) < 2:
        raise SiteError(f"{path} has no columns of bands such as scan_visnir.500_ref; fetch it again")
    wavelengths = np.array(sorted(names))
    try:
        weights = _resampling_matrix(tuple(wavelengths), tuple(grid))
    except ValueError as error:
        raise SiteError(f"{path}: {error}; set band_start and band_stop of the site file") from error
    weights = np.eye(grid.size, dtype=np.float32) if weights is None else weights
    n_rows = open_parquet(path).metadata.num_rows
    total, share = np.zeros((2, n_rows, grid.size), dtype=np.float32)
    scanned = np.zeros(n_rows, dtype=bool)
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


def load_or_convert(
    folder: Path | None,
    reader: str,
    files: Sequence[Path],
    grid: np.ndarray,
    convert: Callable[[], SoilSpectra],
) -> SoilSpectra:
    """Return the converted library from the cache, converting it first where needed.

    An entry's name is a hash of the bytes that were read, the grid and :data:`VERSION`, so
    whatever changes makes another entry. It appears under its name only when it is complete.
    Files whose size and time of change are those of an entry's card are not hashed again.

    Without a ``folder`` nothing is kept. ``files`` are all that ``convert`` reads; the provenance carries
    the sha256 of their bytes. Spectra from the cache are memory-mapped.
    """
    known = _read_hashes(Path(folder), reader) if folder else {}
    sources = _hash_files(files, known)
    entry = _entry(folder, reader, grid, sources)
    whole = bool(folder) and _is_whole(entry)
    if known and not whole:  # what is made anew is hashed anew: the card may be damaged, too
        sources = _hash_files(files, {})
        entry = _entry(folder, reader, grid, sources)
        whole = _is_whole(entry)
    if not whole:
        soils = convert()
        soils = replace(soils, provenance=replace(soils.provenance, sha256=_digest(sources)))
        if folder is None:
            return soils
        _save(entry, soils)
    if any(tuple(file) not in known for *file, _ in sources):
        with suppress(OSError):  # a read-only cache is hashed each time
            _files.save_card(entry / _SOURCES, {"files": sources})
    return _load(entry)


def _hash_files(files: Sequence[Path], known: dict[tuple, str]) -> list[tuple[str, int, int, str]]:
    """Path, size, time of change and sha256 of each file, the latter read only where it is not known."""
    found = []
    for path in files:
        stat, now = path.stat(), time.time_ns()
        state = str(path.resolve()), stat.st_size, stat.st_mtime_ns
        digest = known.get(state) or _files.sha256_of(path)
        changed = stat.st_mtime_ns if now - stat.st_mtime_ns > SETTLED_NS else -1  # fits no file
        found.append((*state[:2], changed, digest))
    return found


def _read_hashes(folder: Path, reader: str) -> dict[tuple, str]:
    """Hashes by path, size and time of change, from all cards of the cache that can be read."""
    known: dict[tuple, str] = {}
    for card in folder.glob(f"{reader}-*/{_SOURCES}"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            known |= {tuple(file): str(digest) for *file, digest in _files.load_card(card)["files"]}
    return known


def _digest(sources: Sequence[tuple[str, int, int, str]]) -> str:
    """Hash of a file, or of the hashes of several."""
    digests = [digest for *_, digest in sources]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _entry(folder: Path | None, reader: str, grid: np.ndarray, sources: Sequence[tuple]) -> Path:
    key = json.dumps([reader, VERSION, _digest(sources), np.asarray(grid, float).tolist()])
    return Path(folder or "") / f"{reader}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _save(entry: Path, soils: SoilSpectra) -> None:
    """Write an entry beside its place and move it there whole; a damaged one is moved away."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with _files.temporary_folder(_UNFINISHED, entry.parent) as made:
        unfinished = made / entry.name
        unfinished.mkdir()
        np.save(unfinished / "reflectance.npy", soils.reflectance)
        soils.samples.to_parquet(unfinished / "samples.parquet")
        card = {"wavelengths": soils.wavelengths, "provenance": asdict(soils.provenance)}
        _files.save_card(unfinished / "card.json", card)
        (unfinished / _SUM).write_bytes(_sum(unfinished))
        if not _is_whole(entry):
            with suppress(FileNotFoundError):
                entry.rename(made / "damaged")
        try:
            unfinished.rename(entry)
        except OSError:
            if not entry.exists():
                raise  # else another process made the same entry first


def _is_whole(entry: Path) -> bool:
    """Tell whether an entry is there as it was written."""
    try:
        return (entry / _SUM).read_bytes() == _sum(entry)
    except OSError:
        return False


def _sum(entry: Path) -> bytes:
    return _files.sha256_of(*(entry / name for name in _PARTS)).encode()


def _load(entry: Path) -> SoilSpectra:
    card = _files.load_card(entry / "card.json")
    provenance = card["provenance"] | {"notes": tuple(card["provenance"]["notes"])}
    return SoilSpectra(
        np.array(card["wavelengths"]),
        np.load(entry / "reflectance.npy", mmap_mode="r"),
        pd.read_parquet(entry / "samples.parquet"),
        Provenance(**provenance),
    )


class Finding(NamedTuple):
    """One thing that was looked at: whether it is as it should be, and what was found."""

    good: bool
    text: str


def check_source(name: str, folder: str | Path) -> list[Finding]:
    """Look through a source library: whether all of it is there, and is what it should be.

    Nothing is converted: columns, counts, hashes and both sides of a join are looked at. What could not
    be read is a finding too, never an exception.

    ``name`` is ``"ossl"``, the name of one of its libraries (``"lucas"``), ``"lucas2009"`` or
    ``"lucas2015"``; the original files are at any depth of ``folder``.
    """
    from soilpb.readers import fetch, lucas, ossl  # which import this module

    checks = {"ossl": ossl.check_ossl, "lucas2009": lucas.check_2009, "lucas2015": lucas.check_2015}
    checks |= {slug: partial(ossl.check_ossl, code=code) for slug, code in fetch.CODES.items()}
    if name not in checks:
        raise SiteError(f"no source {name!r}; expected one of {', '.join(checks)}")
    findings = []
    try:
        for finding in checks[name](Path(folder)):
            findings.append(finding)
    except SiteError as error:
        findings.append(Finding(False, str(error)))
    return findings


def check_count(n: int, what: str, released: int) -> Finding:
    """Compare a number of rows with that of the release."""
    return Finding(n >= LEAST_SHARE * released, f"{n:,} {what}; the release has {released:,}")


def read_whole(path: Path, band: str, wanted: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """All rows of a table: those of the wanted columns that it has, and the few bands of pattern ``band``."""
    table = SpectralTable(path, band)
    rows, bands = zip(*table.chunks([name for name in wanted if name in table.columns]), strict=True)
    return pd.concat(rows), np.concatenate(bands)
