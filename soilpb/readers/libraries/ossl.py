"""The Open Soil Spectral Library (OSSL): libraries one by one (v1.3), or one table of all (v1.2).

Since v1.3 each library is three Parquet tables in a folder of its code, ``LUCAS/ossl_soilsite_v1.3.parquet``,
``…soillab…`` and ``…visnir…`` (or ``nir``), joined by ``id.layer_local_c``. In v1.2 one gzipped text of
135,651 rows holds ten libraries (level L0 keeps the method of each laboratory in the column's name, L1
brings methods together). Only the vis-NIR spectra and the laboratory columns named here are converted;
where several columns hold one property, the first with a value counts. pH in water, in KCl and in CaCl2
are three properties.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb._format import join_words
from soilpb.readers.laboratory import clean_ids, read_library_columns
from soilpb.readers.libraries.cache import load_or_convert
from soilpb.readers.libraries.fetch import LIBRARIES, VERSION, slug
from soilpb.readers.libraries.large_tables import SpectralTable, read_on_grid, read_parquet
from soilpb.readers.scans import SCAN_LIMIT, average_scans
from soilpb.site_file import SiteError, project_root
from soilpb.spectra import REFLECTANCE_RANGE, WARN, Provenance, SoilSpectra

#: Rows of the release of v1.2; a file may lack one in twenty.
N_ROWS, LEAST_SHARE = 135_651, 0.95
BAND = r"scan_(?:visnir|nir)\.(\d+(?:\.\d+)?)_ref"
#: Columns of the ids: the library's own, by which tables of v1.3 are joined, and OSSL's.
KEY, UUID = "id.layer_local_c", "id.layer_uuid_txt"
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
#: Our name → columns that may hold what is kept as text, or as numbers; the first that is there counts.
TEXT = {
    "dataset": ("dataset.code_ascii_txt",),
    "licence": ("dataset.license.title_ascii_txt",),
    "country": ("location.country_iso.3166_txt", "loc.country_src_txt"),
    "site": ("id.profile_local_c", "id.dataset.site_ascii_txt", "id.location_olc_txt"),
    "instrument": ("scan.visnir.model.name_utf8_txt",),
    "title": ("dataset.title_utf8_txt",),
}
DEPTH = {
    "top_cm": ("layer.upper.depth_usda_cm", "layer.top.depth_usda_cm"),
    "bottom_cm": ("layer.lower.depth_usda_cm", "layer.bottom.depth_usda_cm"),
}
#: Share of the ids of a table of v1.3 that may have rows which contradict each other.
MOST_CONTRADICTIONS = 0.05

_CITATION = (
    "Safanelli et al. 2025, Open Soil Spectral Library (OSSL), PLOS ONE, doi 10.1371/journal.pone.0296545"
)
_WITHIN = "{:g}–{:g}".format(*REFLECTANCE_RANGE)


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
        Holds folders of single libraries (v1.3), or ``ossl_all_L0_v1.2.csv.gz`` or the L1 file.
    grid : (n_bands,) array, nm, within 400–2500 (most libraries start at 400)
    property : str
        Soils without a value of it are dropped, and counted in the notes. A library of v1.3 that has no
        column of it is refused. Empty: all soils.
    datasets : sequence of str, optional
        Codes of the libraries to keep, such as ``["LUCAS", "ICRAF_ISRIC"]``, in v1.2 ``["LUCAS.SSL"]``.
    countries : sequence of str, optional
        As OSSL writes them, such as ``["USA"]``. OSSL v1.2 names no country for LUCAS.
    cache : Path, optional
        Folder of the columnar cache (:mod:`soilpb.readers.libraries.cache`).

    Returns
    -------
    SoilSpectra indexed by the library's own layer id (v1.3; after the code, if there are several libraries)
    or by OSSL's (v1.2). ``group`` is the profile or place in v1.3, with ``top_cm`` and ``bottom_cm``; in v1.2
    the dataset, and soils of one place, visited in 2009 and again in 2015, share ``site``.
    """
    libraries, tables = find_libraries(folder), find_tables(folder)
    if libraries and tables and datasets is None:
        raise SiteError(f"{folder} has {', '.join(libraries)} and {tables[0]}: say which by source_datasets")
    codes = list(dict.fromkeys(datasets or libraries))
    absent = [code for code in codes if code not in libraries]
    if libraries and not absent:
        soils = _pool({code: load_library(code, libraries[code], grid, property, cache) for code in codes})
    elif len(tables) == 1:
        soils = _keep(load_library("", tables, grid, property, cache), "dataset", datasets)
    else:
        get = "soilpb fetch --list names what can be downloaded, soilpb fetch ossl gets v1.2's one table"
        if tables:
            get = "expected one table of OSSL: move the others out"
        elif absent and absent[0] in LIBRARIES:
            get = f"soilpb fetch {slug(absent[0])} downloads it"
        there = ", ".join(map(str, [*libraries, *tables])) or "none"
        raise SiteError(f"{folder} has no library {', '.join(absent)} of OSSL (it has {there}); {get}")
    return describe(_keep(soils, "country", countries))


def find_libraries(folder: str | Path) -> dict[str, list[Path]]:
    """Code → tables (site, laboratory, spectra) of each library of v1.3 in ``folder``, or that it is."""
    found, name = {}, "ossl_soilsite_v*.parquet"
    for site in sorted([*Path(folder).glob(name), *Path(folder).glob(f"*/{name}")]):
        names = [site.name.replace("soilsite", table) for table in ("soillab", "visnir", "nir")]
        laboratory, *spectra = [site.with_name(name) for name in names]
        scans = next((path for path in spectra if path.exists()), spectra[0])
        absent = [path for path in (laboratory, scans) if not path.exists()]
        if absent:
            again = f"run soilpb fetch {slug(site.parent.name)} again"
            raise SiteError(f"{absent[0]} is not there, but {site.name} is; {again}")
        found[site.parent.name] = [site, laboratory, scans]
    return found


def fetched_library(code: str) -> Path | None:
    """Folder of a library of v1.3 that ``soilpb fetch`` has brought into the project, else None."""
    folder = project_root() / "data" / "ossl" / code
    return folder if (folder / "ossl_soilsite_v1.3.parquet").exists() else None


def find_tables(folder: str | Path) -> list[Path]:
    """Paths of all tables of OSSL v1.2 in ``folder``, at any depth."""
    tables = sorted(Path(folder).rglob("ossl_all_L[01]_v*.csv*"))
    return [path for path in tables if path.suffix in (".gz", ".csv")]


def find_methods(columns: Iterable[str]) -> dict[str, list[str]]:
    """Property → those of a library's columns that hold it, by whatever method; known methods come first.

    Examples
    --------
    >>> find_methods(["ph_kcl_iso.10390_index", "oc_wb1934_w.pct", "ph.h2o_usda.a268_index"])
    {'pH': ['ph.h2o_usda.a268_index'], 'SOC_pct': ['oc_wb1934_w.pct'], 'pH_KCl': ['ph_kcl_iso.10390_index']}
    """
    parts = {name: name.replace("ph_", "ph.", 1).split("_") for name in columns}
    found = {}
    for ours, known in {**LABORATORY, "pH_KCl": ("ph.kcl_iso.10390_index",)}.items():
        what, _, unit = known[0].split("_")
        same = [name for name, part in parts.items() if (part[0], part[-1]) == (what, unit)]
        if ours == "P_Olsen_mg_kg":  # another method extracts another phosphorus
            same = [name for name in same if name in known]
        if same:
            found[ours] = [*(name for name in known if name in same), *sorted(set(same) - set(known))]
    return found


def load_library(
    code: str, files: Sequence[Path], grid: np.ndarray, property: str, cache: Path | None
) -> SoilSpectra:
    """One library of v1.3, or the table of v1.2, without a code: its soils that have a property, or all."""
    soils = load_or_convert(cache, "ossl", files, grid, lambda: _convert(code, files, grid))
    measured = soils.samples.dropna(axis="columns", how="all").select_dtypes("number")
    measured = measured.columns.difference(["x", "y", *DEPTH], sort=False)
    if property and property not in measured:
        raise SiteError(
            f"{soils.provenance.name} has no {property}{' in water' if property == 'pH' else ''}; it has "
            f"{', '.join(measured)}: mend source_property, or leave the library out of source_datasets"
        )
    return soils.having(property) if property else soils


def _convert(code: str, files: Sequence[Path], grid: np.ndarray) -> SoilSpectra:
    *others, scan_file = files
    table, key = SpectralTable(scan_file, BAND), KEY if others else UUID
    cells, reflectance, n_rows, n_scanned = read_on_grid(table, [key, *_wanted(table.columns)], grid)
    ids = clean_ids(cells[key]).to_numpy()
    possible = (ids != "") & (REFLECTANCE_RANGE[0] < reflectance).all(axis=1)
    possible &= (reflectance < REFLECTANCE_RANGE[1]).all(axis=1)
    if possible.sum() < 0.5 * len(ids):  # another unit, named later
        possible = ids != ""
    unique, mean, deviation = average_scans(ids[possible], reflectance[possible])
    agree = deviation <= SCAN_LIMIT
    cells = cells[possible].set_axis(ids[possible]).drop(columns=key)
    cells = cells[~cells.index.duplicated()]
    notes = [
        f"{WARN * (not others and n_rows < LEAST_SHARE * N_ROWS)}{n_scanned:,} of {n_rows:,} rows have a "
        f"spectrum, {ids.size:,} on all of the grid",
        f"{(~possible).sum():,} spectra without an id or outside {_WITHIN} dropped",
        f"{(~agree).sum():,} soils with a scan more than {SCAN_LIMIT:.0%} off their mean dropped",
    ]
    keep, path, more = agree, scan_file, cells
    for path, what in zip(others, ("their place is unknown", "dropped"), strict=False):  # v1.2 has none
        more, remarks = _read_by_id(path)
        known = cells.index.isin(more.index)
        lost = f"{(~known).sum():,} of {unique.size:,} scanned soils are not in {path.name}: {what}"
        notes += [lost, *remarks]
        cells = cells.join(more.drop(columns=cells.columns, errors="ignore"))
        keep = agree & known  # of the last, the laboratory's
    if not keep.any():
        here, there = (", ".join(map(str, some[:3])) or "none" for some in (unique, more.index))
        raise SiteError(
            f"no soil of {scan_file} with a spectrum on all of {grid[0]:g}–{grid[-1]:g} nm ({here}) is in "
            f"{path.name} ({there}); mend band_start and band_stop, or fetch {slug(code)} again"
        )
    cells = cells[keep].astype(object).where(cells[keep].notna(), "")
    values, remarks = _read_laboratory(cells, files[-2:][0])
    samples = pd.DataFrame({ours: _first(cells, names).astype(str) for ours, names in TEXT.items()})
    samples = samples.assign(
        **{ours: pd.to_numeric(_first(cells, names), errors="coerce") for ours, names in DEPTH.items()},
        **values,
        crs="EPSG:4326",
    )
    simulated = bool(samples.pop("title").str.contains("simulated", case=False).any())
    if others:
        name, about = f"OSSL {VERSION} {code}", LIBRARIES.get(code)
        silent = samples["instrument"] == ""
        samples["instrument"] = samples["instrument"].mask(silent, about.instrument if about else "")
        samples["licence"] = "none needed" if simulated else about.licence if about else ""
        samples = samples.assign(dataset=code, group=_group(samples))
    else:
        name = f"OSSL {' '.join(scan_file.name.split('.csv')[0].split('_')[2:])}"
        samples["group"] = samples["dataset"]
    provenance = Provenance(
        f"{'simulated soils in the files of ' * simulated}{name}",
        "simulated" if simulated else "measured",
        citation="" if simulated else _CITATION,
        notes=(*notes, *remarks),
    )
    return SoilSpectra(grid, mean[keep], samples.rename_axis("sample"), provenance)


def _wanted(columns: Iterable[str]) -> list[str]:
    """Those of a table's columns that are read, but for ids and bands."""
    known = [*TEXT.values(), *DEPTH.values(), *find_methods(columns).values()]
    return [name for name in columns if any(name in names for names in known)]


def _first(cells: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """Cells of the first of the columns that is there; empty if none is."""
    found = [name for name in names if name in cells]
    return cells[found[0]].replace("NA", "") if found else pd.Series("", cells.index)


def _read_laboratory(cells: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Values of the first method that has one, ``pH_method``; and notes: methods, and what was no number."""
    values, notes = pd.DataFrame({"pH_method": ""}, cells.index), []
    for ours, names in find_methods(cells).items():
        read = [read_library_columns(cells, {name: (ours, 1.0)}, str(path)) for name in names]
        found = pd.concat([column[ours] for column, _ in read], axis=1, keys=names)
        values[ours] = found.bfill(axis=1).iloc[:, 0]
        method = found.notna().idxmax(axis=1).str.rsplit("_", n=2).str[1].where(values[ours].notna(), "")
        notes += [remark for _, remarks in read for remark in remarks]
        by = [f"{name} ({n:,})" for name, n in method.value_counts().items() if name]
        notes += [f"{ours} by {join_words(by)}"] if by and ours not in ("x", "y") else []
        values["pH_method"] = method if ours == "pH" else values["pH_method"]
    return values, notes


def _read_by_id(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Columns of a table of v1.3 by id; ids with contradicting rows are left out."""
    table = read_parquet(path)
    if KEY not in table:
        raise SiteError(f"{path}: no column {KEY!r}, by which tables are joined; run soilpb fetch again")
    cells = table[_wanted(table.columns)].assign(**{KEY: clean_ids(table[KEY])})
    cells = cells[cells[KEY] != ""].drop_duplicates().set_index(KEY)
    twice = cells.index.duplicated(keep=False)
    contradicting = cells.index[twice].nunique()
    note = f"{path.name}: {contradicting:,} ids with rows that contradict each other left out"
    if contradicting > MOST_CONTRADICTIONS * cells.index.nunique():
        raise SiteError(f"{note}, such as {cells.index[twice][0]}: too many; run soilpb fetch again")
    return cells[~twice], [note] if contradicting else []


def _group(samples: pd.DataFrame) -> pd.Series:
    """Profile or place of each soil: horizons of one are alike. A soil of unknown place is its own."""
    place = samples["x"].map("{:.5f}".format) + " " + samples["y"].map("{:.5f}".format)
    place = place.where(samples[["x", "y"]].notna().all(axis=1), samples.index.to_series())
    return samples["site"].astype(str).where(samples["site"] != "", place)


def _pool(libraries: Mapping[str, SoilSpectra]) -> SoilSpectra:
    """Put libraries of v1.3 together; ids and groups then begin with the library's code."""
    first = next(iter(libraries.values()))
    if len(libraries) == 1:
        return first
    samples = [
        soils.samples.rename(index=f"{code} {{}}".format).assign(group=f"{code} " + soils.samples["group"])
        for code, soils in libraries.items()
    ]
    sources = {code: soils.provenance for code, soils in libraries.items()}
    provenance = Provenance(
        ", ".join(source.name for source in sources.values()),
        max(source.kind for source in sources.values()),  # simulated, if any is
        citation=_CITATION,
        sha256=hashlib.sha256("".join(source.sha256 for source in sources.values()).encode()).hexdigest(),
        notes=tuple(f"{code}: {note}" for code, source in sources.items() for note in source.notes),
    )
    reflectance = np.concatenate([soils.reflectance for soils in libraries.values()])
    return SoilSpectra(first.wavelengths, reflectance, pd.concat(samples), provenance)


def _keep(soils: SoilSpectra, column: str, wanted: Sequence[str] | None) -> SoilSpectra:
    """Keep the soils whose ``column`` is among ``wanted``, and note how many."""
    if wanted is None:
        return soils
    known = soils.samples[column]
    if unknown := sorted(set(wanted) - set(known)):
        there = ", ".join(sorted(set(known) - {""}))
        raise SiteError(f"{soils.provenance.name} has no {column} {', '.join(unknown)}; it has {there}")
    kept = known.isin(list(wanted)).to_numpy()
    note = f"{kept.sum():,} of {kept.size:,} soils are of {column} {', '.join(wanted)}"
    taken = soils.take(kept)
    return replace(taken, provenance=taken.provenance.with_notes(note))


def describe(soils: SoilSpectra) -> SoilSpectra:
    """Say whose soils were kept: count, licence and instruments of each dataset."""
    by = soils.samples.groupby("dataset")
    stated = {
        column: "; ".join(
            f"{dataset}: {', '.join(filter(None, sorted(names))) or 'not stated'}"
            for dataset, names in by[column].unique().items()
        )
        for column in ("licence", "instrument")
    }
    counts = [f"{dataset}: {n:,} soils" for dataset, n in by.size().items()]
    return replace(soils, provenance=replace(soils.provenance, **stated).with_notes(*counts))
