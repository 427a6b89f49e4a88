"""The Open Soil Spectral Library, levels L0 and L1, from the published CSV.

One gzipped text of 135,651 rows holds ten libraries: site, laboratory, vis-NIR and MIR
columns. Only the vis-NIR spectra and the laboratory columns named here are converted.
L0 keeps the method of each laboratory in the column's name, L1 brings methods together;
where several columns hold one property, the first with a value counts, which is how
OSSL's own table of methods makes L1 from L0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from soilpb.readers.laboratory import SCAN_LIMIT, average_scans, read_library_columns
from soilpb.readers.spectra_table import Resampler, SpectralTable, load_or_convert
from soilpb.site_file import SiteError
from soilpb.spectra import REFLECTANCE_RANGE, Provenance, SoilSpectra

#: Rises when the same bytes would be read differently: older cache entries then rest unused.
VERSION = 1
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
#: OSSL's column → ours, kept as text.
TEXT = {
    "id.layer_uuid_txt": "sample",
    "dataset.code_ascii_txt": "dataset",
    "dataset.license.title_ascii_txt": "licence",
    "location.country_iso.3166_txt": "country",
    "id.dataset.site_ascii_txt": "site",
    "scan.visnir.model.name_utf8_txt": "instrument",
}
REQUIRED = ("id.layer_uuid_txt", "dataset.code_ascii_txt", "dataset.license.title_ascii_txt")

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
    ph_method: str | None = None,
    level: Literal["L0", "L1"] | None = None,
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
    ph_method : str, optional
        Keep only pH in water by this method, ``"iso.10390"`` or ``"usda.a268"``.
    level : {"L0", "L1"}, optional
        Which file; needed only if both are there.
    cache : Path, optional
        Folder of the columnar cache (:mod:`soilpb.readers.spectra_table`).

    Returns
    -------
    SoilSpectra indexed by OSSL's layer id; ``group`` is the dataset. LUCAS visited many
    points in 2009 and again in 2015: soils of one place share ``site``.

    Raises
    ------
    SiteError
        If the file is missing or incomplete, or a filter keeps nothing.
    """
    path = find_ossl(folder, level)
    soils = load_or_convert(cache, "ossl", VERSION, [path], grid, lambda: _convert(path, grid))
    for column, wanted in (("dataset", datasets), ("country", countries)):
        soils = _keep(soils, column, wanted)
    soils = _keep(soils, "pH_method", None if ph_method is None else [ph_method]).having(property)
    return _described(soils)


def find_ossl(folder: Path, level: str | None = None) -> Path:
    """Path of OSSL's table in ``folder``: the one that is there, or the one of ``level``."""
    found = list_ossl_tables(folder, level)
    if len(found) != 1:
        names = ", ".join(map(str, found)) or f"no ossl_all_{level or 'L0'}_v1.2.csv.gz"
        fix = "name the level" if found else "soilpb fetch ossl downloads it"
        raise SiteError(f"{folder} has {names}; expected one table of OSSL: {fix}")
    return found[0]


def list_ossl_tables(folder: Path, level: str | None = None) -> list[Path]:
    """Paths of all tables of OSSL in ``folder``, at any depth."""
    found = Path(folder).rglob(f"ossl_all_{level or 'L[01]'}_v*.csv*")
    return sorted(path for path in found if path.suffix in (".gz", ".csv"))


def _convert(path: Path, grid: np.ndarray) -> SoilSpectra:
    table = SpectralTable(path, BAND)
    laboratory = [name for names in LABORATORY.values() for name in names]
    wanted = [name for name in (*TEXT, *laboratory) if name in table.columns]
    to_grid = Resampler(table.wavelengths, grid)
    missing = [name for name in REQUIRED if name not in table.columns]
    if missing:
        raise SiteError(f"{path}: no column {missing[0]!r}; is it OSSL's table of all, as downloaded?")
    cells, scans, n_rows, n_scanned = [], [], 0, 0
    for rows, measured in table.chunks(wanted):
        scanned = np.isfinite(measured).any(axis=1)
        reflectance, complete = to_grid(measured[scanned])
        cells.append(rows[scanned][complete])
        scans.append(reflectance[complete])
        n_rows, n_scanned = n_rows + len(rows), n_scanned + scanned.sum()
    samples, notes = _samples(pd.concat(cells), path)
    reflectance = np.concatenate(scans)
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
    provenance = Provenance(
        f"OSSL {' '.join(path.name.split('.csv')[0].split('_')[2:])}", "measured", citation=_CITATION
    )
    return SoilSpectra(grid, mean[agree], kept, provenance.with_notes(*notes))


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
    notes = [
        f"pH in water by {method}: {n:,}"
        for method, n in samples["pH_method"].value_counts().items()
        if method
    ]
    notes += [f"{dataset}: {n:,} soils" for dataset, n in samples["dataset"].value_counts().items()]
    instruments = sorted(set(samples.get("instrument", ())) - {""})
    licences = samples[["dataset", "licence"]].drop_duplicates().sort_values("dataset")
    described = replace(
        source,
        instrument="; ".join(instruments) or source.instrument,
        licence="; ".join(
            f"{dataset}: {licence or 'none stated'}" for dataset, licence in licences.to_numpy()
        ),
        notes=(*source.notes, *notes),
    )
    return replace(soils, provenance=described)
