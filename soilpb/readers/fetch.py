"""Downloads of what may not be shipped: OSSL's libraries and table, the Mano Dam's soils.

An interrupted download goes on where it was if the server allows, else it starts anew; a file appears
under its name only when it is whole. Publishers give no checksums and may change files without notice:
the hash of the first download is recorded beside the file, and what is there later, or downloaded
again, must be the same bytes. Nothing is downloaded twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import requests

from soilpb import _files
from soilpb._format import track_bytes
from soilpb.site_file import SiteError

#: Environment variable that names another address of OSSL's libraries, such as a mirror, or a test.
ADDRESS = "SOILPB_OSSL"
_PUBLIC = "https://storage.googleapis.com/soilspec4gg-public"
#: The release of OSSL whose libraries are read one by one.
VERSION = "v1.3"


#: Files of the Mano Dam's soils, at the commit named in their address, and their sha256.
_MANO = "https://raw.githubusercontent.com/tchalauxclergue/fingR/937f8c0e219d1786fc741d8779519c9356e32ba6/inst/extdata"
_MANO_FILE = "TCC_MDD_20210608_{}_ChalauxClergue_et_al_v240319.csv"
MANO = {
    _MANO_FILE.format("data"): "4bca5832b0b62e6ad84b6ddf9353e21e1f763718cdd62bd7c42d2458433eb385",
    _MANO_FILE.format("metadata"): "5db818237b5e6df16a79399f7b669442813714520d23d43800be1bbdf75f808f",
}


#: Bytes that are written at a time: as many may be lost when a download breaks off.
_CHUNK = 1 << 14


class Library(NamedTuple):
    """What the publisher says of one library of OSSL."""

    about: str
    soils: str
    nm: str
    properties: str
    licence: str
    instrument: str = "not stated"
    table: str = "visnir"  #: of spectra; nir where nothing visible was measured


#: Code → library. Soils and licences as listed in May 2026.
LIBRARIES = {
    "LUCAS": Library(
        "Europe 2009–2015, the study's own source",
        "20,000+",
        "400–2500",
        "pH in water, in CaCl2; clay; organic carbon; carbonate; CEC",
        "LUCAS's own terms: open for access through OSSL, not to be passed on",
        "FOSS XDS Rapid Content Analyzer",
    ),
    "BESB": Library("Brazil", "15,000+", "350–2500", "pH in water; clay; organic carbon", "CC BY"),
    "HSDOS": Library("Hungary", "5,000+", "350–2500", "pH in KCl; organic carbon; carbonate", "CC BY"),
    "ICRAF_ISRIC": Library(
        "the world, 55 countries",
        "4,000+",
        "350–2500",
        "pH in water; clay; organic carbon; carbonate; CEC",
        "CC BY (ODbL and DbCL by the library's own document)",
        "ASD FieldSpec FR",
    ),
    "Geocradle": Library(
        "Balkans, Near East, North Africa",
        "1,000+",
        "350–2500",
        "pH in water; clay; organic carbon; carbonate",
        "ODbL",
    ),
    "LF_BRA": Library(
        "two farms in Brazil", "< 300", "450–2150", "pH in CaCl2; clay; organic carbon", "CC BY"
    ),
    "AUT": Library("Austria", "2,000+", "680–2500", "pH in CaCl2", "CC BY", table="nir"),
    "Neospectra": Library("several countries", "2,000+", "1350–2550", "pH in water", "CC BY", table="nir"),
    "MTQ": Library("Martinique", "< 1,000", "1100–2498", "no pH", "CC BY", table="nir"),
    "GPKOR": Library("Korea", "1,000+", "1400–2500", "no pH", "CC BY", table="nir"),
}


def slug(code: str) -> str:
    """Write the code of a library as the command line does: ``icraf-isric`` for ``ICRAF_ISRIC``."""
    return code.lower().replace("_", "-")


#: Name on the command line → code.
CODES = {slug(code): code for code in LIBRARIES}
_CITE = "Cite Safanelli et al. 2025, doi 10.1371/journal.pone.0296545, and the library."
#: What the publishers of other downloads say.
LICENCES = {
    "ossl": """\
OSSL v1.2 gathers ten libraries in one table of about 1 GB, each under its own licence, named in every row:
  CC-BY: KSSL, ICRAF-ISRIC, CAF, GARRETT, SCHIEDUNG, SERBIA    CC0: AFSIS2    ODbL: AFSIS1
  JRC licence agreement (no redistribution, no exact places): LUCAS
Cite Safanelli et al. 2025, doi 10.1371/journal.pone.0296545, and the libraries you use.""",
    "mano-dam": """\
Mano Dam reservoir, Japan: 68 soils and 38 sediments with lead by X-ray fluorescence and reflectance,
360–740 nm, 0.6 MB. Licence: CeCILL-2.1, that of the package fingR which publishes it.
Cite Chalaux-Clergue et al., doi 10.5281/zenodo.7081093.""",
}
#: What comes after a download.
NEXT = {
    "library": "Now: soilpb check-source {source}, then make book SOURCE={source}",
    "ossl": "Now: soilpb check-source ossl",
    "mano-dam": "Now: make report SITE=mano, or make book",
}


def recorded_sha256(path: Path) -> str:
    """Hash that was recorded when ``path`` was first downloaded; empty if none was."""
    record = path.with_name(f"{path.name}.sha256")
    words = record.read_text(encoding="utf-8", errors="replace").split() if record.exists() else []
    return words[0] if words else ""


def fetch(source: str, folder: str | Path, level: str = "L0") -> list[Path]:
    """Download what the command line calls ``source``: a library, OSSL's table of all, or ``mano-dam``."""
    if source == "mano-dam":
        return fetch_mano(folder)
    return [fetch_ossl(folder, level)] if source == "ossl" else fetch_library(CODES[source], folder)


def describe_licence(source: str) -> str:
    """Say under which licence a download stands, before it begins."""
    if source in LICENCES:
        return LICENCES[source]
    library = LIBRARIES[CODES[source]]
    return (
        f"{CODES[source]} of OSSL {VERSION}: {library.about}; {library.soils} soils, {library.nm} nm; "
        f"{library.properties}.\nLicence: {library.licence}. {_CITE}"
    )


def fetch_library(code: str, folder: str | Path) -> list[Path]:
    """Download the three tables of a library of OSSL into ``folder``/code, or check those that are there.

    ``SOILPB_OSSL`` may name another address than the publisher's, below which each library has a folder.

    Raises
    ------
    SiteError
        If the address gives no whole Parquet file, or another one than at the first download.
    """
    names = [f"ossl_{table}_{VERSION}.parquet" for table in ("soilsite", "soillab", LIBRARIES[code].table)]
    return [fetch_file(f"{_address()}/{code}/{name}", Path(folder) / code / name) for name in names]


def fetch_ossl(folder: str | Path, level: str = "L0") -> Path:
    """Download the table of all libraries, release v1.2, as measured (``L0``) or harmonised (``L1``)."""
    name = f"ossl_all_{level}_v1.2.csv.gz"
    return fetch_file(f"{_PUBLIC}/{name}", Path(folder) / name)


def fetch_mano(folder: str | Path) -> list[Path]:
    """Download the Mano Dam's two tables, and write its soils, and its sediments, as tables of a site.

    Soils are the fraction < 63 µm, whose lead and colour were measured, and ``group`` is a cell of half a
    kilometre; sediments are slices of one core. Rows without a measured spectrum are left out: coarser
    fractions, and 27 rows that are empty as published. Each table holds spectra in percent beside the
    laboratory's values in our names.
    """
    files = [fetch_file(f"{_MANO}/{name}", Path(folder) / name, digest) for name, digest in MANO.items()]
    data, about = (pd.read_csv(path, sep=";", encoding="latin-1") for path in files)
    bands = {name: f"{name[2:5]} nm" for name in data if re.fullmatch(r"R_\d{3}_nm", name)}
    table = data.dropna(subset=[*bands, "EDXRF_Pb_mg.kg-1"]).merge(about, on="IGSN", validate="one_to_one")
    elements = {name: f"{name[6:8]}_mg_kg" for name in data if re.fullmatch(r"EDXRF_.._mg\.kg-1", name)}
    names = {"IGSN": "id", "TOC_PrC": "SOC_pct", "X_WGS84": "longitude", "Y_WGS84": "latitude"}
    table = table.rename(columns=names | elements | bands)
    near = table[["latitude", "longitude"]].mul(200).round().div(200).round(3).astype(str)  # half a km
    table = pd.concat([table, (near["latitude"] + " " + near["longitude"]).rename("group")], axis=1)
    wanted = [*names.values(), "Class", "group", *elements.values(), *bands.values()]
    for nature, rows in table.groupby("Nature"):
        with _files.atomic_write(Path(folder) / f"{nature.lower()}s.csv") as temporary:
            rows[wanted].to_csv(temporary, index=False)
    return files


def list_libraries() -> Iterator[tuple[str, Library, str]]:
    """Name on the command line, what is known, and the size of each library where the server tells it."""
    answers = True
    for code, library in LIBRARIES.items():
        size = 0
        for table in ("soilsite", "soillab", library.table):
            try:
                path = f"{_address()}/{code}/ossl_{table}_{VERSION}.parquet"
                reply = requests.head(path, timeout=5) if answers else None
                size += int(reply.headers["Content-Length"]) if reply is not None and reply.ok else 0
            except (OSError, KeyError):
                answers = False
        yield slug(code), library, f"{size / 1e6:,.0f} MB" if size else "not told"


def _address() -> str:
    return os.environ.get(ADDRESS, f"{_PUBLIC}/datasets").rstrip("/")


def fetch_file(address: str, path: Path, sha256: str = "") -> Path:
    """Download a file, or check the one that is there: against ``sha256``, else against the first download.

    While it is incomplete it is called ``<name>.part``; ``<name>.part.tag`` holds the server's mark of its
    contents, without which nothing is resumed.
    """
    part = path.with_name(f"{path.name}.part")
    if path.exists():
        _record(path, path, sha256)
        return path
    part.parent.mkdir(parents=True, exist_ok=True)
    with _files.lock(part):  # who comes second waits, and finds the file
        if not path.exists():
            try:
                _download(address, part)
                _refuse_other_contents(address, part)
                _record(path, part, sha256)
            except SiteError:
                raise
            except OSError as error:  # all of requests' errors are
                why = f"{address} could not be downloaded ({' '.join(str(error).split())})"
                raise SiteError(f"{why}; run the command again: it goes on where it was") from error
            part.replace(path)
            _tag(part).unlink(missing_ok=True)
    return path


def _tag(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _download(address: str, part: Path) -> None:
    start, tag = part.stat().st_size, _tag(part)
    headers = {"Accept-Encoding": "identity"}
    if start and tag.exists():
        headers |= {"Range": f"bytes={start}-", "If-Range": tag.read_text(encoding="utf-8")}
    with requests.get(address, headers=headers, stream=True, timeout=60) as reply:
        if reply.status_code == requests.codes.requested_range_not_satisfiable:
            tag.unlink()
            return _download(address, part)
        reply.raise_for_status()
        start = start if reply.status_code == requests.codes.partial_content else 0
        _mark(tag, reply.headers)
        total = start + int(reply.headers.get("Content-Length", 0))
        bar = track_bytes(address.rsplit("/", 1)[-1], total)
        with bar, open(part, "ab" if start else "wb") as file:
            bar.update(start)
            for chunk in reply.iter_content(_CHUNK):
                bar.update(file.write(chunk))
    if part.stat().st_size < total:
        raise OSError(f"{part.stat().st_size:,} of {total:,} bytes came")


def _mark(tag: Path, headers: Mapping[str, str]) -> None:
    """Keep the server's mark of a file's contents; a weak one cannot prove that bytes are the same."""
    mark = headers.get("ETag", "")
    mark = headers.get("Last-Modified", "") if not mark or mark.startswith("W/") else mark
    if mark:
        tag.write_text(mark, encoding="utf-8")
    else:
        tag.unlink(missing_ok=True)


def _refuse_other_contents(address: str, part: Path) -> None:
    """Refuse, and remove, a page of HTML, and what should be Parquet and is not."""
    with open(part, "rb") as file:
        head = file.read(512).lstrip()
        file.seek(max(0, part.stat().st_size - 4))
        tail = file.read()
    html = head[:1] == b"<"
    if html or (".parquet" in part.name and not head[:4] == tail == b"PAR1"):
        _drop(part)
        what = "a page of HTML" if html else "no whole Parquet file"
        raise SiteError(f"{address} gave {what}; open it in a browser to see why, then run the command again")


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag(part).unlink(missing_ok=True)


def _record(path: Path, found: Path, expected: str = "") -> None:
    """Record the hash of the first download, or compare with the one recorded or expected."""
    sha256, recorded = _files.sha256_of(found), recorded_sha256(path) or expected
    record = path.with_name(f"{path.name}.sha256")
    if recorded and recorded != sha256:
        fix = "delete it and fetch again"
        what = "is damaged or was edited"
        if found != path:
            _drop(found)
            what, fix = "has changed at its publisher's", f"to accept the new table, delete {record}"
        raise SiteError(f"{path} {what}: sha256 {sha256[:12]}…, recorded {recorded[:12]}…; {fix}")
    if not record.exists():
        with _files.atomic_write(record) as temporary:
            temporary.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
