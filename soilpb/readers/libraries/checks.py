"""Whether a source library is complete: columns, counts, hashes, both sides of a join."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from soilpb import _files
from soilpb._format import track
from soilpb.readers.laboratory import clean_ids, read_library_columns
from soilpb.readers.libraries import fetch, lucas, ossl
from soilpb.readers.libraries.large_tables import SpectralTable, read_whole
from soilpb.readers.tables import read_table
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid

#: A file may lack one row in twenty of its release, since publishers mend their releases.
LEAST_SHARE = 0.95
#: Two bands that every spectrum of LUCAS has: enough to count spectra, and to tell their unit.
TWO_BANDS = r"(?:spc\.|X)?(600|2000)(?:[.,]0)?"


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
    checks = {"ossl": _check_ossl, "lucas2009": _check_2009, "lucas2015": _check_2015}
    checks |= {slug: partial(_check_ossl, code=code) for slug, code in fetch.CODES.items()}
    if name not in checks:
        raise SiteError(f"no source {name!r}; expected one of {', '.join(checks)}")
    findings: list[Finding] = []
    try:
        findings.extend(checks[name](Path(folder)))
    except SiteError as error:
        findings.append(Finding(False, str(error)))
    return findings


def _check_2009(folder: Path) -> Iterator[Finding]:
    """Say what the files of 2009 in a folder hold."""
    path, *others = lucas.find_2009(folder)
    workbooks = [other for other in others if not lucas.has_metals(other)]
    yield _check_bands(path)
    columns = lucas.laboratory_columns(SpectralTable(path, lucas.BAND).columns)
    cells, bands = read_whole(path, TWO_BANDS, list(columns))
    yield _check_count(len(cells), "rows", lucas.N_2009)
    yield _check_absorbance(bands, "spectra")
    laboratory, _ = read_library_columns(cells, columns, str(path))
    for workbook in workbooks:
        yield Finding(True, f"{workbook.name} fills what {path.name} lacks")
    yield _check_ph(laboratory, alone=not workbooks)


def _check_2015(folder: Path) -> Iterator[Finding]:
    """Say what the files of 2015 in a folder hold, and whether scans and points belong together."""
    path, *others = lucas.find_2015(folder)
    spectra = [other for other in others if not lucas.has_metals(other)]
    cells = read_table(path).to_frame()
    yield _check_count(len(cells), "points in the laboratory table", lucas.N_2015)
    laboratory, _ = read_library_columns(cells, lucas.laboratory_columns(cells), str(path))
    yield _check_ph(laboratory, alone=True)
    absent = sorted(set(lucas.COUNTRIES) - {lucas.country_of(file) for file in spectra})
    yield Finding(not absent, f"{len(spectra)} files of spectra, {', '.join(absent) or 'no country'} missing")
    scanned = []
    for file in track(spectra, "looking through LUCAS 2015"):
        point = lucas.find_column(SpectralTable(file, lucas.BAND).columns, "pointid", file)
        scans, bands = read_whole(file, TWO_BANDS, [point])
        scanned.append(clean_ids(scans[point]))
        findings = (_check_bands(file), _check_absorbance(bands, file.name))
        yield from (finding for finding in findings if not finding.good)
    points, scans = clean_ids(cells[lucas.find_column(cells, "pointid", path)]), pd.concat(scanned)
    yield _check_count(len(scans), "scans", lucas.N_SCANS_2015)
    seen = points.isin(set(scans)).sum()
    yield Finding(seen >= LEAST_SHARE * len(points), f"{seen:,} of {len(points):,} points have spectra")
    orphans = len(set(scans) - set(points))
    yield Finding(orphans == 0, f"{orphans:,} scanned points are not in the laboratory table")


def _check_bands(path: Path) -> Finding:
    found = SpectralTable(path, lucas.BAND).wavelengths
    text = f"{path.name}: {found.size:,} bands, {found[0]:g}–{found[-1]:g} nm"
    return Finding(np.array_equal(found, lucas.WAVELENGTHS), f"{text}; expected 4,200, 400–2499.5 nm")


def _check_absorbance(bands: np.ndarray, name: str) -> Finding:
    visible, infrared = np.nanmedian(bands, axis=0)
    text = f"{name}: median {visible:.2f} at 600 nm, {infrared:.2f} at 2000 nm"
    return Finding(bool(visible > infrared > 0), f"{text}; absorbance falls towards the infrared")


def _check_ph(laboratory: pd.DataFrame, alone: bool) -> Finding:
    n = laboratory["pH"].notna().sum() if "pH" in laboratory else 0
    return Finding(bool(n) or not alone, f"{n:,} of {len(laboratory):,} rows have pH in water")


def _check_ossl(folder: Path, code: str = "") -> Iterator[Finding]:
    """Say what OSSL's tables in a folder hold, of all libraries or one, and whether they are as recorded."""
    fetched = ossl.find_libraries(folder)
    if code and code not in fetched:
        get = f"soilpb fetch {fetch.slug(code)} downloads it"
        raise SiteError(f"{folder} has no library {code} of OSSL; {get}")
    for name in [code] if code else fetched:
        yield from map(_check_hash, fetched[name])
        soils = ossl.load_ossl(folder, band_grid(1500, 2000, 100), datasets=[name], property="")
        told = [f"{soils.n_samples:,} soils", f"licence {soils.provenance.licence}", *soils.provenance.notes]
        yield from (Finding(True, f"{name}: {text}") for text in told)
    for path in [] if code else ossl.find_tables(folder, needed=not fetched):
        yield _check_hash(path)
        wanted = ["dataset.code_ascii_txt", "dataset.license.title_ascii_txt", *ossl.LABORATORY["pH"]]
        cells, bands = read_whole(path, r"scan_visnir\.(600|2000)_ref", wanted)
        scanned = np.isfinite(bands).all(axis=1)
        ph = cells[[name for name in ossl.LABORATORY["pH"] if name in cells]]
        both = int((scanned & (~ph.isin(["", "NA"])).any(axis=1)).sum())
        yield _check_count(len(cells), "rows", ossl.N_ROWS)
        yield Finding(both > 0, f"{scanned.sum():,} rows have a vis-NIR spectrum, {both:,} also pH in water")
        for (dataset, licence), n in cells[scanned][wanted[:2]].value_counts().items():
            yield Finding(True, f"{dataset}: {n:,} spectra, licence {licence or 'not stated'}")


def _check_hash(path: Path) -> Finding:
    recorded, found = fetch.recorded_sha256(path), _files.sha256_of(path)
    same = "the one recorded" if recorded == found else f"not {recorded}" if recorded else "none recorded"
    return Finding(recorded in ("", found), f"{path.name}: sha256 {found} ({same})")


def _check_count(n: int, what: str, released: int) -> Finding:
    """Compare a number of rows with that of the release."""
    return Finding(n >= LEAST_SHARE * released, f"{n:,} {what}; the release has {released:,}")
