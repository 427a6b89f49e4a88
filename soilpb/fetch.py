"""Getting the source libraries: OSSL is downloaded, LUCAS is asked for.

OSSL publishes no checksum and may change its files without notice. So the hash of the
first download is recorded beside the file, in the format of ``sha256sum``, and what is
there later, or downloaded again, must be the same bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pooch import HTTPDownloader

from soilpb import store
from soilpb.readers.streams import track_bytes
from soilpb.sitefile import SiteError

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
        _record(path, store.sha256_of(path), path)
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # of a download that was killed
        left.unlink()
    with store.atomic_write(path) as temporary:
        _download(address, temporary)
        _record(path, store.sha256_of(temporary), temporary)
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
        with store.atomic_write(record) as temporary:
            temporary.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    elif recorded != sha256:
        what = "is damaged or was edited" if found == path else "has changed at its publisher's"
        fix = "delete it and fetch again" if found == path else f"to accept the new table, delete {record}"
        raise SiteError(f"{path} {what}: sha256 {sha256[:12]}…, recorded {recorded[:12]}…; {fix}")
