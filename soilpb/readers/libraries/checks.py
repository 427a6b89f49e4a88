"""Whether a source library is complete: it is read on a few bands, and what its reader noted is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from soilpb import _files
from soilpb.readers.libraries import fetch, lucas, ossl
from soilpb.site_file import SiteError
from soilpb.spectra import WARN, band_grid


def check_source(name: str, folder: str | Path) -> list[str]:
    """Read a source library, and tell what was found: columns, counts, hashes, both sides of a join.

    ``name`` is ``"ossl"``, the name of one of its libraries (``"lucas"``), ``"lucas2009"`` or
    ``"lucas2015"``; the original files are at any depth of ``folder``. What is not as it should be begins
    with :data:`soilpb.spectra.WARN`; what could not be read is told so, too, never an exception.
    """
    if name not in (known := ["ossl", *lucas.SURVEYS, *fetch.CODES]):
        raise SiteError(f"no source {name!r}; expected one of {', '.join(known)}")
    notes: list[str] = []
    try:
        notes.extend((_check_lucas if name in lucas.SURVEYS else _check_ossl)(name, Path(folder)))
    except SiteError as error:
        notes.append(f"{WARN}{error}")
    return notes


def _check_lucas(source: str, folder: Path) -> Iterator[str]:
    soils = lucas.load_lucas(source, folder, band_grid(500, 2000, 100))
    yield from (*soils.provenance.notes, f"{soils.n_samples:,} points have a spectrum and pH in water")


def _check_ossl(name: str, folder: Path) -> Iterator[str]:
    libraries, tables = ossl.find_libraries(folder), {path.name: [path] for path in ossl.find_tables(folder)}
    every = {code: files for code, files in libraries.items() if name in ("ossl", fetch.slug(code))}
    every |= tables if name == "ossl" else {}
    if not every:
        raise SiteError(f"{folder} has no such library; soilpb fetch {name} downloads it")
    for code, files in every.items():
        for path in files:
            recorded, found = fetch.recorded_sha256(path), _files.sha256_of(path)
            same = {found: "the one recorded", "": "none recorded"}.get(recorded, f"not {recorded}")
            yield f"{WARN * same.startswith('not')}{path.name}: sha256 {found} ({same})"
        grid = band_grid(1500, 2000, 100)
        soils = ossl.describe(ossl.load_library(code if code in libraries else "", files, grid, "", None))
        told = [f"{soils.n_samples:,} soils", f"licence {soils.provenance.licence}", *soils.provenance.notes]
        yield from (f"{WARN * (WARN in text)}{code}: {text.removeprefix(WARN)}" for text in told)
