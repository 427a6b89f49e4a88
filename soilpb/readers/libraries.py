"""Getting the source libraries: OSSL is downloaded, LUCAS is asked for.

OSSL publishes no checksum and may change its files without notice. So the hash of the
first download is recorded beside the file, in the format of ``sha256sum``, and what is
there later, or downloaded again, must be the same bytes.

Is a source library complete and right? Every finding, good or bad, in one line.

Nothing is converted here: columns, counts, hashes and both sides of the join are looked
at, in one pass over the files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from pooch import HTTPDownloader

from soilpb import _files
from soilpb._format import track
from soilpb.readers import ossl
from soilpb.readers.laboratory import clean_ids, read_library_columns
from soilpb.readers.lucas import (
    BAND,
    COUNTRIES,
    WAVELENGTHS,
    country_of,
    find_2009,
    find_2015,
    find_column,
    laboratory_columns,
)
from soilpb.readers.spectra_table import SpectralTable, track_bytes
from soilpb.readers.tables import read_table
from soilpb.site_file import SiteError

OSSL_URL = "https://storage.googleapis.com/soilspec4gg-public/ossl_all_{level}_v1.2.csv.gz"

#: What the publisher says of the licences, to be read before the download (about 1 GB).
OSSL_LICENCES = """\
OSSL v1.2 gathers ten libraries, each under its own licence, named in every row of the table:
  CC-BY: KSSL, ICRAF-ISRIC, CAF, GARRETT, SCHIEDUNG, SERBIA    CC0: AFSIS2    ODbL: AFSIS1
  JRC licence agreement (no redistribution, no exact places): LUCAS
Cite Safanelli et al. 2025, doi 10.1371/journal.pone.0296545, and the libraries you use."""

#: LUCAS is handed out on request only: five lines on what to ask for and where it goes.
LUCAS_STEPS = {
    "lucas2009": """\
1. Open https://esdac.jrc.ec.europa.eu/projects/lucas and fill in the request form of LUCAS 2009 topsoil.
2. Ask for the spectral data; a message with links follows. They may not be passed on to anybody.
3. Unpack LUCAS.SOIL_corr.csv (about 808 MB) into {folder}, without opening it in a spreadsheet.
4. If you also got LUCAS_TOPSOIL_v1.xlsx, put it there too: it fills laboratory values that are missing.
5. Run: soilpb check-source lucas2009 --folder {folder}""",
    "lucas2015": """\
1. Open https://esdac.jrc.ec.europa.eu/projects/lucas and fill in the request form of LUCAS 2015 topsoil.
2. Ask for the laboratory table and the spectral data (EU-28). They may not be passed on to anybody.
3. Unpack LUCAS_Topsoil_2015_20200323.csv and the folder LUCAS2015_Soil_Spectra_EU28 into {folder}.
4. Rename nothing (file names have spaces: 'spectra_ AT .csv') and open nothing in a spreadsheet.
5. Run: soilpb check-source lucas2015 --folder {folder}""",
}


def fetch_ossl(folder: Path, level: Literal["L0", "L1"] = "L0", url: str = OSSL_URL) -> Path:
    """Download OSSL's table, or check the one that is there against its recorded hash.

    An interrupted download leaves nothing behind; the next one starts anew.

    Parameters
    ----------
    folder : Path
        Where the table goes, and ``<table>.sha256`` beside it.
    level : {"L0", "L1"}
        As measured, or with the methods of laboratories brought together.
    url : str
        Address, with ``{level}`` in it.

    Returns
    -------
    Path of the table.

    Raises
    ------
    SiteError
        If the download fails, or the bytes are not those that were recorded.
    """
    address = url.format(level=level)
    path = Path(folder) / address.rsplit("/", 1)[-1]
    if path.exists():
        _record(path, _files.sha256_of(path), path)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # of a download that was killed
        left.unlink()
    with _files.atomic_write(path) as temporary:
        _download(address, temporary)
        _record(path, _files.sha256_of(temporary), temporary)
    return path


def recorded_sha256(path: Path) -> str:
    """Hash that was recorded when ``path`` was first downloaded; empty if none was."""
    record = path.with_name(f"{path.name}.sha256")
    return record.read_text(encoding="utf-8").split()[0] if record.exists() else ""


def _download(address: str, target: Path) -> None:
    bar = track_bytes(address.rsplit("/", 1)[-1], 1)
    try:
        HTTPDownloader(progressbar=bar, chunk_size=1 << 20)(address, str(target), None)
    except OSError as error:  # all of requests' errors are
        raise SiteError(f"{address} could not be downloaded ({error}); run the command again") from error
    finally:
        bar.close()


def _record(path: Path, sha256: str, found: Path) -> None:
    """Record the hash of the first download, or compare with the one recorded."""
    recorded = recorded_sha256(path)
    record = path.with_name(f"{path.name}.sha256")
    if not recorded:
        with _files.atomic_write(record) as temporary:
            temporary.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    elif recorded != sha256:
        what = "is damaged or was edited" if found == path else "has changed at its publisher's"
        fix = "delete it and fetch again" if found == path else f"to accept the new table, delete {record}"
        raise SiteError(f"{path} {what}: sha256 {sha256[:12]}…, recorded {recorded[:12]}…; {fix}")


#: Rows of the releases; a file may lack one in twenty, since ESDAC mends its releases.
ROWS = {"ossl": 135_651, "lucas2009": 19_860, "lucas2015": 21_859}
SCANS_2015 = 43_560
LEAST_SHARE = 0.95

#: Two bands that every spectrum has are enough to count spectra, and to tell their unit.
_LUCAS_WITNESSES = r"(?:spc\.|X)?(600|2000)(?:[.,]0)?"
_OSSL_WITNESSES = r"scan_visnir\.(600|2000)_ref"


class Finding(NamedTuple):
    """One thing that was looked at: whether it is as it should be, and what was found."""

    good: bool
    text: str


def check_source(name: str, folder: Path) -> list[Finding]:
    """Look through a source library: whether all of it is there, and is what it should be.

    Parameters
    ----------
    name : str
        ``"ossl"``, ``"lucas2009"`` or ``"lucas2015"``.
    folder : Path
        Where the original files are, at any depth.

    Returns
    -------
    list of Finding; what could not be read is a finding too, never an exception.

    Raises
    ------
    SiteError
        For a name that is no source library.
    """
    if name not in _CHECKS:
        raise SiteError(f"no source {name!r}; expected one of {', '.join(_CHECKS)}")
    findings = []
    try:
        for finding in _CHECKS[name](Path(folder)):
            findings.append(finding)
    except SiteError as error:
        findings.append(Finding(False, str(error)))
    return findings


def _check_ossl(folder: Path) -> Iterator[Finding]:
    paths = ossl.list_ossl_tables(folder) or [ossl.find_ossl(folder)]
    for path in paths:
        recorded, found = recorded_sha256(path), _files.sha256_of(path)
        same = (
            "the one recorded"
            if recorded == found
            else "none recorded"
            if not recorded
            else f"not {recorded}"
        )
        yield Finding(recorded in ("", found), f"{path.name}: sha256 {found} ({same})")
        wanted = ["dataset.code_ascii_txt", "dataset.license.title_ascii_txt", *ossl.LABORATORY["pH"]]
        cells, bands = _read(path, _OSSL_WITNESSES, wanted)
        scanned = np.isfinite(bands).all(axis=1)
        ph = cells[[name for name in ossl.LABORATORY["pH"] if name in cells]]
        with_ph = (~ph.isin(["", "NA"])).any(axis=1)
        yield _rows("ossl", len(cells), "rows")
        both = int((scanned & with_ph).sum())
        yield Finding(both > 0, f"{scanned.sum():,} rows have a vis-NIR spectrum, {both:,} also pH in water")
        for (dataset, licence), n in cells[scanned][wanted[:2]].value_counts().items():
            yield Finding(True, f"{dataset}: {n:,} spectra, licence {licence or 'not stated'}")


def _check_lucas2009(folder: Path) -> Iterator[Finding]:
    path, *workbooks = find_2009(folder)
    yield _bands(path)
    columns = laboratory_columns(SpectralTable(path, BAND).columns)
    cells, bands = _read(path, _LUCAS_WITNESSES, list(columns))
    yield _rows("lucas2009", len(cells), "rows")
    yield from _absorbance(bands)
    laboratory, _ = read_library_columns(cells, columns, str(path))
    for workbook in workbooks:
        yield Finding(True, f"{workbook.name} fills what {path.name} lacks")
    yield _ph(laboratory, alone=not workbooks)


def _check_lucas2015(folder: Path) -> Iterator[Finding]:
    path, *spectra = find_2015(folder)
    table = read_table(path)
    cells = pd.DataFrame(table.cells, columns=table.header, index=table.rows)
    yield _rows("lucas2015", len(cells), "points in the laboratory table")
    laboratory, _ = read_library_columns(cells, laboratory_columns(cells), str(path))
    yield _ph(laboratory, alone=True)
    absent = sorted(set(COUNTRIES) - {country_of(file) for file in spectra})
    yield Finding(not absent, f"{len(spectra)} files of spectra, {', '.join(absent) or 'no country'} missing")
    scanned = []
    for file in track(spectra, "looking through LUCAS 2015"):
        point = find_column(SpectralTable(file, BAND).columns, "pointid", file)
        scans, bands = _read(file, _LUCAS_WITNESSES, [point])
        scanned.append(clean_ids(scans[point]))
        yield from (finding for finding in (_bands(file), *_absorbance(bands, file.name)) if not finding.good)
    yield from _join(clean_ids(cells[find_column(cells, "pointid", path)]), pd.concat(scanned))


def _join(points: pd.Series, scans: pd.Series) -> Iterator[Finding]:
    yield Finding(
        len(scans) >= LEAST_SHARE * SCANS_2015, f"{len(scans):,} scans; the release has {SCANS_2015:,}"
    )
    seen = points.isin(set(scans)).sum()
    yield Finding(seen >= LEAST_SHARE * len(points), f"{seen:,} of {len(points):,} points have spectra")
    orphans = len(set(scans) - set(points))
    yield Finding(orphans == 0, f"{orphans:,} scanned points are not in the laboratory table")


def _read(path: Path, witnesses: str, wanted: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """All rows of a table: the wanted columns it has, and two bands."""
    table = SpectralTable(path, witnesses)
    rows, bands = zip(*table.chunks([name for name in wanted if name in table.columns]), strict=True)
    return pd.concat(rows), np.concatenate(bands)


def _rows(source: str, n: int, what: str) -> Finding:
    return Finding(n >= LEAST_SHARE * ROWS[source], f"{n:,} {what}; the release has {ROWS[source]:,}")


def _bands(path: Path) -> Finding:
    found = SpectralTable(path, BAND).wavelengths
    text = f"{path.name}: {found.size:,} bands, {found[0]:g}–{found[-1]:g} nm"
    return Finding(np.array_equal(found, WAVELENGTHS), f"{text}; expected 4,200, 400–2499.5 nm")


def _absorbance(bands: np.ndarray, name: str = "spectra") -> Iterator[Finding]:
    visible, infrared = np.nanmedian(bands, axis=0)
    text = f"{name}: median {visible:.2f} at 600 nm, {infrared:.2f} at 2000 nm"
    yield Finding(bool(visible > infrared > 0), f"{text}; absorbance falls towards the infrared")


def _ph(laboratory: pd.DataFrame, alone: bool) -> Finding:
    n = laboratory["pH"].notna().sum() if "pH" in laboratory else 0
    return Finding(bool(n) or not alone, f"{n:,} of {len(laboratory):,} rows have pH in water")


_CHECKS: dict[str, Callable[[Path], Iterator[Finding]]] = {
    "ossl": _check_ossl,
    "lucas2009": _check_lucas2009,
    "lucas2015": _check_lucas2015,
}
