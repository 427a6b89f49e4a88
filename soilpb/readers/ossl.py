"""The Open Soil Spectral Library (OSSL), levels L0 and L1: download, check, read.

One gzipped text of 135,651 rows holds ten libraries: site, laboratory, vis-NIR and MIR columns. Only
the vis-NIR spectra and the laboratory columns named here are converted. L0 keeps the method of each
laboratory in the column's name, L1 brings methods together; where several columns hold one
property, the first with a value counts, which is how OSSL's own table of methods makes L1 from L0.

OSSL publishes no checksum and may change its files without notice: the hash of the first download
is recorded beside the file, and what is there later, or downloaded again, must be the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from soilpb import _files
from soilpb.readers.laboratory import read_library_columns
from soilpb.readers.libraries import (
    Finding,
    SpectralTable,
    check_count,
    load_or_convert,
    read_on_grid,
    read_whole,
    track_bytes,
)
from soilpb.readers.scans import SCAN_LIMIT, average_scans
from soilpb.site_file import SiteError
from soilpb.spectra import REFLECTANCE_RANGE, Provenance, SoilSpectra

URL = "https://storage.googleapis.com/soilspec4gg-public/ossl_all_{level}_v1.2.csv.gz"
#: What the publisher says of the licences, to be read before the download (about 1 GB).
LICENCES = """\
OSSL v1.2 gathers ten libraries, each under its own licence, named in every row of the table:
  CC-BY: KSSL, ICRAF-ISRIC, CAF, GARRETT, SCHIEDUNG, SERBIA    CC0: AFSIS2    ODbL: AFSIS1
  JRC licence agreement (no redistribution, no exact places): LUCAS
Cite Safanelli et al. 2025, doi 10.1371/journal.pone.0296545, and the libraries you use."""
#: Rows of the release.
N_ROWS = 135_651
BAND = r"scan_visnir\.(\d+(?:\.\d+)?)_ref"
#: Our name → OSSL's columns of that property, in the order in which they count.
LABORATORY = {
    "pH": ("ph.h2o_iso.10390_index", "ph.h2o_usda.a268_index"),
    "pH_CaCl2": ("ph.cacl2_iso.10390_index", "ph.cacl2_usda.a481_index", "ph.cacl2_usda.a477_index"),
    "clay_pct": ("clay.tot_iso.11277_w.pct", "clay.tot_usda.a334_w.pct"),
    "silt_pct": ("silt.tot_iso.11277_w.pct", "silt.tot_usda.c62_w.pct", "silt.tot_usda.c407_w.pct"),
    "sand_pct": ("sand.tot_iso.11277_w.pct", "sand.tot_usda.c60_w.pct", "sand.tot_usda.c405_w.pct"),
    "SOC_pct": ("oc_iso.10694_w.pct", "oc_usda.c729_w.pct", "oc_usda.c1059_w.pct"),
    "CaCO3_pct": ("caco3_iso.10693_w.pct", "caco3_usda.a54_w.pct"),
    "N_pct": ("n.tot_iso.11261_w.pct", "n.tot_iso.13878_w.pct", "n.tot_usda.a623_w.pct"),
    "CEC_cmol_kg": ("cec_iso.11260_cmolc.kg", "cec_usda.a723_cmolc.kg"),
    "Fe_dithionite_pct": ("fe.dith_usda.a66_w.pct",),
    "P_Olsen_mg_kg": ("p.ext_iso.11263_mg.kg", "p.ext_usda.a274_mg.kg"),
    "x": ("longitude.point_wgs84_dd",),
    "y": ("latitude.point_wgs84_dd",),
}
#: OSSL's column → ours, kept as text; the first three must be there.
TEXT = {
    "id.layer_uuid_txt": "sample",
    "dataset.code_ascii_txt": "dataset",
    "dataset.license.title_ascii_txt": "licence",
    "location.country_iso.3166_txt": "country",
    "id.dataset.site_ascii_txt": "site",
    "scan.visnir.model.name_utf8_txt": "instrument",
}

_CITATION = (
    "Safanelli et al. 2025, Open Soil Spectral Library (OSSL), PLOS ONE, doi 10.1371/journal.pone.0296545"
)


def load_ossl(
    folder: Path,
    grid: np.ndarray,
    *,
    property: str = "pH",
    datasets: Sequence[str] | None = None,
    countries: Sequence[str] | None = None,
    cache: Path | None = None,
) -> SoilSpectra:
    """Read the vis-NIR soils of OSSL that have a value of a property.

    Parameters
    ----------
    folder : Path
        Holds ``ossl_all_L0_v1.2.csv.gz`` or the L1 file, as downloaded.
    grid : (n_bands,) array, nm, within 400–2500 (most libraries start at 400)
    property : str
        Soils without a value of it are dropped, and counted in the notes.
    datasets : sequence of str, optional
        Codes of the libraries to keep, such as ``["LUCAS.SSL"]``.
    countries : sequence of str, optional
        ISO 3166 codes, such as ``["USA"]``. OSSL names no country for LUCAS.
    cache : Path, optional
        Folder of the columnar cache (:mod:`soilpb.readers.libraries`).

    Returns
    -------
    SoilSpectra indexed by OSSL's layer id; ``group`` is the dataset. LUCAS visited many
    points in 2009 and again in 2015: soils of one place share ``site``.
    """
    path, *others = find_tables(folder)
    if others:
        names = ", ".join(map(str, (path, *others)))
        raise SiteError(f"{folder} has {names}; expected one table of OSSL: move the others out")
    soils = load_or_convert(cache, "ossl", [path], grid, lambda: _convert(path, grid))
    for column, wanted in (("dataset", datasets), ("country", countries)):
        soils = _keep(soils, column, wanted)
    return _described(soils.having(property))


def find_tables(folder: str | Path) -> list[Path]:
    """Paths of all tables of OSSL in ``folder``, at any depth."""
    found = Path(folder).rglob("ossl_all_L[01]_v*.csv*")
    tables = sorted(path for path in found if path.suffix in (".gz", ".csv"))
    if not tables:
        raise SiteError(f"{folder} has no ossl_all_L0_v1.2.csv.gz; soilpb fetch ossl downloads it")
    return tables


def fetch_ossl(folder: str | Path, level: Literal["L0", "L1"] = "L0") -> Path:
    """Download OSSL's table, or check the one that is there against its recorded hash.

    An interrupted download leaves nothing behind; the next one starts anew.

    Parameters
    ----------
    folder : Path
        Where the table goes, and ``<table>.sha256`` beside it.
    level : {"L0", "L1"}
        As measured, or with the methods of laboratories brought together.
    """
    address = URL.format(level=level)
    path = Path(folder) / address.rsplit("/", 1)[-1]
    if path.exists():
        _record(path, path)
        return path
    with _files.atomic_write(path) as temporary:
        _download(address, temporary)
        _record(path, temporary)
    return path


def recorded_sha256(path: Path) -> str:
    """Hash that was recorded when ``path`` was first downloaded; empty if none was."""
    record = path.with_name(f"{path.name}.sha256")
    words = record.read_text(encoding="utf-8", errors="replace").split() if record.exists() else []
    return words[0] if words else ""


def _download(address: str, target: Path) -> None:
    from pooch import HTTPDownloader  # here: its import warns in notebooks without widgets

    bar = track_bytes(address.rsplit("/", 1)[-1], 1)
    try:
        HTTPDownloader(progressbar=bar, chunk_size=1 << 20)(address, str(target), None)
    except OSError as error:  # all of requests' errors are
        raise SiteError(f"{address} could not be downloaded ({error}); run the command again") from error
    finally:
        bar.close()


def _record(path: Path, found: Path) -> None:
    """Record the hash of the first download, or compare with the one recorded."""
    sha256, recorded = _files.sha256_of(found), recorded_sha256(path)
    record = path.with_name(f"{path.name}.sha256")
    if not recorded:
        with _files.atomic_write(record) as temporary:
            temporary.write_text(f"{sha256}  {path.name}\n", encoding="utf-8")
    elif recorded != sha256:
        what = "is damaged or was edited" if found == path else "has changed at its publisher's"
        fix = "delete it and fetch again" if found == path else f"to accept the new table, delete {record}"
        raise SiteError(f"{path} {what}: sha256 {sha256[:12]}…, recorded {recorded[:12]}…; {fix}")


def check_ossl(folder: Path) -> Iterator[Finding]:
    """Say what OSSL's tables in a folder hold, and whether they are what was recorded."""
    for path in find_tables(folder):
        recorded, found = recorded_sha256(path), _files.sha256_of(path)
        same = "the one recorded" if recorded == found else f"not {recorded}" if recorded else "none recorded"
        yield Finding(recorded in ("", found), f"{path.name}: sha256 {found} ({same})")
        wanted = ["dataset.code_ascii_txt", "dataset.license.title_ascii_txt", *LABORATORY["pH"]]
        cells, bands = read_whole(path, r"scan_visnir\.(600|2000)_ref", wanted)
        scanned = np.isfinite(bands).all(axis=1)
        ph = cells[[name for name in LABORATORY["pH"] if name in cells]]
        both = int((scanned & (~ph.isin(["", "NA"])).any(axis=1)).sum())
        yield check_count(len(cells), "rows", N_ROWS)
        yield Finding(both > 0, f"{scanned.sum():,} rows have a vis-NIR spectrum, {both:,} also pH in water")
        for (dataset, licence), n in cells[scanned][wanted[:2]].value_counts().items():
            yield Finding(True, f"{dataset}: {n:,} spectra, licence {licence or 'not stated'}")


def _convert(path: Path, grid: np.ndarray) -> SoilSpectra:
    table = SpectralTable(path, BAND)
    laboratory = [name for names in LABORATORY.values() for name in names]
    wanted = [name for name in (*TEXT, *laboratory) if name in table.columns]
    missing = [name for name in list(TEXT)[:3] if name not in table.columns]
    if missing:
        raise SiteError(f"{path}: no column {missing[0]!r}; is it OSSL's table of all, as downloaded?")
    cells, reflectance, n_rows, n_scanned = read_on_grid(table, wanted, grid)
    samples, notes = _samples(cells, path)
    low, high = REFLECTANCE_RANGE
    possible = ((reflectance > low) & (reflectance < high)).all(axis=1)
    if possible.mean() < 0.5:  # another unit, which SoilSpectra names
        possible[:] = True
    ids, mean, agree = average_scans(samples["sample"][possible].to_numpy(), reflectance[possible])
    notes = [
        f"{n_scanned:,} of {n_rows:,} rows have a vis-NIR spectrum, {possible.size:,} on all of the grid",
        f"{(~possible).sum():,} spectra with reflectance outside {low:g}–{high:g} dropped",
        f"{(~agree).sum():,} soils with a scan more than {SCAN_LIMIT:.0%} off their mean dropped",
        *notes,
    ]
    kept = samples[possible].drop_duplicates("sample").set_index("sample").loc[ids[agree]]
    name = f"OSSL {' '.join(path.name.split('.csv')[0].split('_')[2:])}"
    provenance = Provenance(name, "measured", citation=_CITATION, notes=tuple(notes))
    return SoilSpectra(grid, mean[agree], kept, provenance)


def _samples(cells: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Text columns under our names, and each property from the first of its columns with a value."""
    values, notes = pd.DataFrame(index=cells.index), []
    method = pd.Series("", index=cells.index)
    for rank in range(max(map(len, LABORATORY.values()))):
        columns = {names[rank]: (ours, 1.0) for ours, names in LABORATORY.items() if rank < len(names)}
        found, remarks = read_library_columns(cells, columns, str(path))
        if "pH" in found:
            name = LABORATORY["pH"][rank].split("_")[1]
            method = method.mask((method == "") & found["pH"].notna(), name)
        values, notes = values.combine_first(found), [*notes, *remarks]
    text = cells.reindex(columns=list(TEXT), fill_value="").rename(columns=TEXT).replace("NA", "")
    return text.join(values).assign(pH_method=method, group=text["dataset"], crs="EPSG:4326"), notes


def _keep(soils: SoilSpectra, column: str, wanted: Sequence[str] | None) -> SoilSpectra:
    """Keep the soils whose ``column`` is among ``wanted``, and note how many."""
    if wanted is None:
        return soils
    known = soils.samples[column]
    unknown = sorted(set(wanted) - set(known))
    if unknown:
        there = ", ".join(sorted(set(known) - {""}))
        raise SiteError(f"{soils.provenance.name} has no {column} {', '.join(unknown)}; it has {there}")
    kept = known.isin(list(wanted)).to_numpy()
    note = f"{kept.sum():,} of {kept.size:,} soils are of {column} {', '.join(wanted)}"
    taken = soils.take(kept)
    return replace(taken, provenance=taken.provenance.with_notes(note))


def _described(soils: SoilSpectra) -> SoilSpectra:
    """Say whose soils were kept: licence and count of each dataset, instruments, methods of pH."""
    samples, source = soils.samples, soils.provenance
    methods = samples["pH_method"].value_counts().items()
    notes = [f"pH in water by {method}: {n:,}" for method, n in methods if method]
    notes += [f"{dataset}: {n:,} soils" for dataset, n in samples["dataset"].value_counts().items()]
    instruments = sorted(set(samples.get("instrument", ())) - {""})
    licences = samples[["dataset", "licence"]].drop_duplicates().sort_values("dataset")
    stated = "; ".join(f"{dataset}: {licence or 'none stated'}" for dataset, licence in licences.to_numpy())
    described = replace(
        source, instrument="; ".join(instruments) or source.instrument, licence=stated
    ).with_notes(*notes)
    return replace(soils, provenance=described)
