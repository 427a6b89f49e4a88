"""Downloads of what may not be shipped: OSSL's libraries and table, the Mano Dam's soils.

An interrupted download goes on where it was if the server allows, else it starts anew; a file appears
under its name only when it is whole. Publishers give no checksums and may change files without notice:
the hash of the first download is recorded beside the file, and what is there later, or downloaded
again, must be the same bytes. Nothing is downloaded twice.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
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


def slug(code: str) -> str:
    """Name of a library on the command line."""
    return code.lower().replace("_", "-")


_FIVE, _NIR = "pH in water; clay; organic carbon; carbonate", ("not stated", "nir")
_OWN = "LUCAS's own terms: open for access through OSSL, not to be passed on"
_ODBL = "CC BY (ODbL and DbCL by the library's own document)"
#: Code → library. Soils and licences as listed in May 2026.
LIBRARIES = {
    "LUCAS": Library("Europe 2009–2015, the study's own source", "20,000+", "400–2500",
                     f"{_FIVE}; CEC; pH in CaCl2", _OWN, "FOSS XDS Rapid Content Analyzer"),
    "BESB": Library("Brazil", "15,000+", "350–2500", "pH in water; clay; organic carbon", "CC BY"),
    "HSDOS": Library("Hungary", "5,000+", "350–2500", "pH in KCl; organic carbon; carbonate", "CC BY"),
    "ICRAF_ISRIC": Library("the world, 55 countries", "4,000+", "350–2500", f"{_FIVE}; CEC", _ODBL,
                           "ASD FieldSpec FR"),
    "Geocradle": Library("Balkans, Near East, North Africa", "1,000+", "350–2500", _FIVE, "ODbL"),
    "LF_BRA": Library("two farms, Brazil", "< 300", "450–2150", "pH in CaCl2; clay; organic carbon", "CC BY"),
    "AUT": Library("near infrared only", "2,000+", "680–2500", "pH in CaCl2", "CC BY", *_NIR),
    "Neospectra": Library("near infrared only", "2,000+", "1350–2550", "pH in water", "CC BY", *_NIR),
    "MTQ": Library("near infrared only", "< 1,000", "1100–2498", "no pH", "CC BY", *_NIR),
    "GPKOR": Library("near infrared only", "1,000+", "1400–2500", "no pH", "CC BY", *_NIR),
}  # fmt: skip
#: Name on the command line, ``icraf-isric``, → code, ``ICRAF_ISRIC``.
CODES = {slug(code): code for code in LIBRARIES}
#: What is shown before a download.
LICENCES = {
    name: f"{code} of OSSL {VERSION}: {of.about}; {of.soils} soils, {of.nm} nm; {of.properties}.\nLicence: "
    f"{of.licence}.\nCite Safanelli et al. 2025, doi 10.1371/journal.pone.0296545, and the library."
    for (name, code), of in zip(CODES.items(), LIBRARIES.values(), strict=True)
} | {
    "ossl": """\
OSSL v1.2 gathers ten libraries in one table of about 1 GB, each under its own licence, named in every row:
  CC-BY: KSSL, ICRAF-ISRIC, CAF, GARRETT, SCHIEDUNG, SERBIA    CC0: AFSIS2    ODbL: AFSIS1
  JRC licence agreement (no redistribution, no exact places): LUCAS
Cite Safanelli et al. 2025, doi 10.1371/journal.pone.0296545, and the libraries you use.""",
    "mano-dam": """\
Mano Dam reservoir, Japan: 68 soils and 38 sediments with lead by X-ray fluorescence and reflectance, 0.6 MB.
Licence: CeCILL-2.1, that of the package fingR. Cite Chalaux-Clergue et al., doi 10.5281/zenodo.7081093.""",
}


def recorded_sha256(path: Path) -> str:
    """Hash that was recorded when ``path`` was first downloaded; empty if none was."""
    record = path.with_name(f"{path.name}.sha256")
    words = record.read_text(encoding="utf-8", errors="replace").split() if record.exists() else []
    return words[0] if words else ""


def fetch_source(name: str, folder: str | Path, level: str = "L0") -> list[Path]:
    """Download what a name of :data:`LICENCES` stands for, or check the files that are there.

    ``lucas`` and other libraries of OSSL get a folder of their code, with three tables each; ``SOILPB_OSSL``
    may name another address than the publisher's, below which each library has a folder. ``ossl`` is the
    table of release v1.2, as measured (``level`` L0) or harmonised (L1); of ``mano-dam`` tables of a site are
    made. What is no whole Parquet file, or another than at the first download, is a SiteError.
    """
    folder = Path(folder)
    if name == "mano-dam":
        files = [fetch_file(f"{_MANO}/{file}", folder / file, digest) for file, digest in MANO.items()]
        _write_mano(*files)
        return files
    addresses = [f"{_PUBLIC}/ossl_all_{level}_v1.2.csv.gz"]
    if name in CODES:
        folder, addresses = folder / CODES[name], _addresses(CODES[name])
    return [fetch_file(address, folder / Path(address).name) for address in addresses]


def list_libraries() -> Iterator[tuple[str, Library, str]]:
    """Name on the command line, what is known, and the size of each library where the server tells it."""
    answers = True
    for name, code in CODES.items():
        size = 0
        for address in _addresses(code) if answers else ():
            try:
                reply = requests.head(address, timeout=5)
                size += int(reply.headers["Content-Length"]) if reply.ok else 0
            except (OSError, KeyError):
                answers = False
        yield name, LIBRARIES[code], f"{size / 1e6:,.0f} MB" if size else "not told"


def _addresses(code: str) -> list[str]:
    base = os.environ.get(ADDRESS, f"{_PUBLIC}/datasets").rstrip("/")
    tables = ("soilsite", "soillab", LIBRARIES[code].table)
    return [f"{base}/{code}/ossl_{table}_{VERSION}.parquet" for table in tables]


def _write_mano(*files: Path) -> None:
    """Write the Mano Dam's soils, and its sediments, as tables of a site, from its two tables.

    Soils are the fraction < 63 µm, whose lead and colour were measured, and ``group`` is a cell of half a
    kilometre; sediments are slices of one core. Rows without a measured spectrum are left out: coarser
    fractions, and 27 rows that are empty as published. Each table holds spectra in percent beside the
    laboratory's values in our names.
    """
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
        with _files.atomic_write(files[0].with_name(f"{nature.lower()}s.csv")) as temporary:
            rows[wanted].to_csv(temporary, index=False)


def fetch_file(address: str, path: Path, sha256: str = "") -> Path:
    """Download a file, or check the one that is there: against ``sha256``, else against the first download.

    While it is incomplete it is called ``<name>.part``; ``<name>.part.tag`` holds the server's mark of its
    contents, without which nothing is resumed.
    """
    if path.exists():
        _record(path, path, sha256)
        return path
    part, tag = (path.with_name(f"{path.name}.part{ending}") for ending in ("", ".tag"))
    part.parent.mkdir(parents=True, exist_ok=True)
    with _files.lock(part):  # who comes second waits, and finds the file
        if path.exists():
            return path
        try:
            _download(address, part, tag)
            _refuse_other_contents(address, part)
            _record(path, part, sha256)
        except SiteError:
            part.unlink()
            tag.unlink(missing_ok=True)
            raise
        except OSError as error:  # all of requests' errors are
            why = f"{address} could not be downloaded ({' '.join(str(error).split())})"
            raise SiteError(f"{why}; run the command again: it goes on where it was") from error
        part.replace(path)
        tag.unlink(missing_ok=True)
    return path


def _download(address: str, part: Path, tag: Path) -> None:
    """Download a file, or what is missing of it if it still has the mark that it had."""
    start, mark = part.stat().st_size, tag.read_text(encoding="utf-8") if tag.exists() else ""
    headers = {"Range": f"bytes={start}-", "If-Range": mark} if start and mark else {}
    headers["Accept-Encoding"] = "identity"
    with requests.get(address, headers=headers, stream=True, timeout=60) as reply:
        if reply.status_code == requests.codes.requested_range_not_satisfiable:
            return  # all of it is there
        reply.raise_for_status()
        start = start if reply.status_code == requests.codes.partial_content else 0
        mark = reply.headers.get("ETag", "W/")  # a weak one does not prove that bytes are the same
        tag.write_text("" if mark.startswith("W/") else mark, encoding="utf-8")
        total = start + int(reply.headers.get("Content-Length", 0))
        with track_bytes(part.stem, total) as bar, open(part, "ab" if start else "wb") as file:
            bar.update(start)
            for chunk in reply.iter_content(_CHUNK):
                bar.update(file.write(chunk))
    if part.stat().st_size < total:
        raise OSError(f"{part.stat().st_size:,} of {total:,} bytes came")


def _refuse_other_contents(address: str, part: Path) -> None:
    """Refuse a page of HTML, and what should be Parquet and is not."""
    with open(part, "rb") as file:
        head = file.read(512).lstrip()
        file.seek(max(0, part.stat().st_size - 4))
        tail = file.read()
    html = head[:1] == b"<"
    if html or (".parquet" in part.name and not head[:4] == tail == b"PAR1"):
        what = "a page of HTML" if html else "no whole Parquet file"
        raise SiteError(f"{address} gave {what}; open it in a browser to see why, then run the command again")


def _record(path: Path, found: Path, expected: str = "") -> None:
    """Record the hash of the first download, or compare with the one recorded or expected."""
    sha256, recorded = _files.sha256_of(found), recorded_sha256(path) or expected
    record = path.with_name(f"{path.name}.sha256")
    if recorded not in ("", sha256):
        what, fix = "is damaged or was edited", "delete it and fetch again"
        if found != path:
            what, fix = "has changed at its publisher's", f"to accept the new table, delete {record}"
        raise SiteError(f"{path} {what}: sha256 {sha256[:12]}…, recorded {recorded[:12]}…; {fix}")
    if not record.exists():
        with _files.atomic_write(record) as temporary:
            temporary.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
