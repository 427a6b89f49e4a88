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
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb._format import join_words
from soilpb.readers.laboratory import clean_ids, read_library_columns
from soilpb.readers.libraries.cache import load_or_convert
from soilpb.readers.libraries.fetch import LIBRARIES, VERSION, Library, slug
from soilpb.readers.libraries.large_tables import (
    SpectralTable,
    open_parquet,
    read_on_grid,
    read_parquet,
    read_parquet_on_grid,
)
from soilpb.readers.scans import SCAN_LIMIT, average_scans
from soilpb.site_file import SiteError, project_root
from soilpb.spectra import REFLECTANCE_RANGE, Provenance, SoilSpectra

#: Rows of the release.
N_ROWS = 135_651
BAND = r"scan_visnir\.(\d+(?:\.\d+)?)_ref"
#: Bands of v1.3, and the column by which its tables are joined.
BAND_OF_ONE, KEY = r"scan_(?:visnir|nir)\.(\d+(?:\.\d+)?)_ref", "id.layer_local_c"
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
#: Share of the ids of a table of v1.3 that may have rows which contradict each other.
MOST_CONTRADICTIONS = 0.05
NUMBERS = ("x", "y", "top_cm", "bottom_cm")
MODEL = "scan.visnir.model.name_utf8_txt"
#: Our name → columns of v1.3's soilsite that may hold it; the first that is there counts.
PLACE = {
    "country": ("location.country_iso.3166_txt", "loc.country_src_txt"),
    "site": ("id.profile_local_c", "id.dataset.site_ascii_txt", "id.location_olc_txt"),
    "x": LABORATORY["x"],
    "y": LABORATORY["y"],
    "top_cm": ("layer.upper.depth_usda_cm", "layer.top.depth_usda_cm"),
    "bottom_cm": ("layer.lower.depth_usda_cm", "layer.bottom.depth_usda_cm"),
    "title": ("dataset.title_utf8_txt",),
}

_CITATION = (
    "Safanelli et al. 2025, Open Soil Spectral Library (OSSL), PLOS ONE, doi 10.1371/journal.pone.0296545"
)
_WITHIN = "{:g}–{:g}".format(*REFLECTANCE_RANGE)
_ODD_SCANS = f"soils with a scan more than {SCAN_LIMIT:.0%} off their mean dropped"


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
    fetched = find_libraries(folder)
    tables = find_tables(folder, needed=False)
    if fetched and tables and datasets is None:
        raise SiteError(f"{folder} has {', '.join(fetched)} and {tables[0]}: say which by source_datasets")
    absent = [code for code in datasets or fetched if code not in fetched]
    if fetched and not absent:
        codes = dict.fromkeys(datasets or fetched)
        load = partial(_load_library, grid=grid, property=property, cache=cache)
        return _keep(_pool({code: load(code, fetched[code]) for code in codes}), "country", countries)
    if not tables and datasets:
        there = ", ".join(fetched) or "none"
        get = f"soilpb fetch {slug(absent[0])} downloads it" if absent[0] in LIBRARIES else "mend its code"
        raise SiteError(f"{folder} has no library {absent[0]} of OSSL v1.3 (it has {there}); {get}")
    path, *others = find_tables(folder)
    if others:
        names = ", ".join(map(str, tables))
        raise SiteError(f"{folder} has {names}; expected one table of OSSL: move the others out")
    soils = load_or_convert(cache, "ossl", [path], grid, lambda: _convert(path, grid))
    for column, wanted in (("dataset", datasets), ("country", countries)):
        soils = _keep(soils, column, wanted)
    return _described(soils.having(property) if property else soils)


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


def find_tables(folder: str | Path, needed: bool = True) -> list[Path]:
    """Paths of all tables of OSSL v1.2 in ``folder``, at any depth; none is an error if they are needed."""
    tables = sorted(Path(folder).rglob("ossl_all_L[01]_v*.csv*"))
    tables = [path for path in tables if path.suffix in (".gz", ".csv")]
    if needed and not tables:
        raise SiteError(
            f"{folder} has no library of OSSL; soilpb fetch lucas downloads LUCAS, soilpb fetch --list names "
            "the others, soilpb fetch ossl downloads ossl_all_L0_v1.2.csv.gz"
        )
    return tables


def _convert(path: Path, grid: np.ndarray) -> SoilSpectra:
    table = SpectralTable(path, BAND)
    laboratory = [name for names in LABORATORY.values() for name in names]
    wanted = [name for name in (*TEXT, *laboratory) if name in table.columns]
    missing = [name for name in list(TEXT)[:3] if name not in table.columns]
    if missing:
        raise SiteError(f"{path}: no column {missing[0]!r}; is it OSSL's table of all, as downloaded?")
    cells, reflectance, n_rows, n_scanned = read_on_grid(table, wanted, grid)
    values, methods, notes = _laboratory(cells, LABORATORY, path)
    text = cells.reindex(columns=list(TEXT), fill_value="").rename(columns=TEXT).replace("NA", "")
    samples = text.join(values).assign(pH_method=methods["pH"], group=text["dataset"], crs="EPSG:4326")
    possible = _is_possible(reflectance, np.ones(len(reflectance), dtype=bool))
    ids, mean, deviation = average_scans(samples["sample"][possible].to_numpy(), reflectance[possible])
    agree = deviation <= SCAN_LIMIT
    notes = [
        f"{n_scanned:,} of {n_rows:,} rows have a vis-NIR spectrum, {possible.size:,} on all of the grid",
        f"{(~possible).sum():,} spectra with reflectance outside {_WITHIN} dropped",
        f"{(~agree).sum():,} {_ODD_SCANS}",
        *notes,
    ]
    kept = samples[possible].drop_duplicates("sample").set_index("sample").loc[ids[agree]]
    name = f"OSSL {' '.join(path.name.split('.csv')[0].split('_')[2:])}"
    provenance = Provenance(name, "measured", citation=_CITATION, notes=tuple(notes))
    return SoilSpectra(grid, mean[agree], kept, provenance)


def _is_possible(reflectance: np.ndarray, complete: np.ndarray) -> np.ndarray:
    """Complete spectra that soils may have; all, if most are none: another unit, named later."""
    low, high = REFLECTANCE_RANGE
    possible = complete & ((reflectance > low) & (reflectance < high)).all(axis=1)
    return complete if possible.sum() < 0.5 * complete.sum() else possible


def _laboratory(
    cells: pd.DataFrame, candidates: Mapping[str, Sequence[str]], path: Path
) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Values, and the method of each, of the first column with a value; notes on what was no number."""
    values, notes = pd.DataFrame(index=cells.index), []
    methods = pd.DataFrame("", cells.index, list(candidates))
    for rank in range(max(map(len, candidates.values()))):
        columns = {names[rank]: (ours, 1.0) for ours, names in candidates.items() if rank < len(names)}
        found, remarks = read_library_columns(cells, columns, str(path))
        for name, (ours, _) in columns.items():
            if ours in found:
                new = (methods[ours] == "") & found[ours].notna()
                methods[ours] = methods[ours].mask(new, name.rsplit("_", 2)[1])
        values, notes = values.combine_first(found), [*notes, *remarks]
    return values, methods, notes


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
        if same and ours not in ("x", "y"):
            found[ours] = [*(name for name in known if name in same), *sorted(set(same) - set(known))]
    return found


def _load_library(
    code: str, files: Sequence[Path], grid: np.ndarray, property: str, cache: Path | None
) -> SoilSpectra:
    """One library of v1.3: its soils that have a property, or all."""
    soils = load_or_convert(cache, "ossl", files, grid, partial(_convert_library, code, files, grid))
    measured = soils.samples.dropna(axis="columns", how="all").select_dtypes("number")
    measured = measured.columns.difference(list(PLACE), sort=False)
    if property and property not in measured:
        raise SiteError(
            f"{code} of OSSL has no {property}{' in water' if property == 'pH' else ''}; it has "
            f"{', '.join(measured)}: mend source_property, or leave the library out of source_datasets"
        )
    return soils.having(property) if property else soils


def _convert_library(code: str, files: Sequence[Path], grid: np.ndarray) -> SoilSpectra:
    site_file, lab_file, scan_file = files
    cells = _read(scan_file, [MODEL])
    reflectance, scanned, complete = read_parquet_on_grid(scan_file, BAND_OF_ONE, grid)
    possible = _is_possible(reflectance, complete) & (cells[KEY] != "").to_numpy()
    ids, mean, deviation = average_scans(cells[KEY][possible].to_numpy(), reflectance[possible])
    agree = deviation <= SCAN_LIMIT
    laboratory, notes = _read_laboratory(lab_file)
    places, lost = _read_places(site_file)
    known = pd.Index(ids).isin(laboratory.index)
    if not (known & agree).any():
        here, there = (", ".join(map(str, some[:3])) or "none" for some in (ids, laboratory.index))
        raise SiteError(
            f"no soil of {scan_file} with a spectrum on all of {grid[0]:g}–{grid[-1]:g} nm ({here}) is in "
            f"{lab_file.name} ({there}); mend band_start and band_stop, or fetch {slug(code)} again"
        )
    samples = laboratory.loc[ids[known & agree]].join(places)
    notes = [
        f"{scanned.sum():,} of {len(cells):,} rows have a spectrum, {complete.sum():,} on all of the grid",
        f"{(complete & ~possible).sum():,} spectra without an id or outside {_WITHIN} dropped",
        f"{(~agree).sum():,} {_ODD_SCANS}",
        f"{(~known).sum():,} of {ids.size:,} scanned soils are not in {lab_file.name}: dropped",
        f"{(~samples.index.isin(places.index)).sum():,} soils are not in {site_file.name}: place unknown",
        *notes,
        *lost,
    ]
    samples = samples.fillna({"site": "", "country": "", "title": ""})
    simulated = bool(samples["title"].str.contains("simulated", case=False).any())
    models = sorted(set(cells.get(MODEL, pd.Series(dtype=str)).dropna()) - {"", "NA"})
    unknown = Library(*5 * ["not stated"])
    about = unknown._replace(licence="none needed") if simulated else LIBRARIES.get(code, unknown)
    provenance = Provenance(
        f"{'simulated soils in the files of ' * simulated}OSSL {VERSION} {code}",
        "simulated" if simulated else "measured",
        "; ".join(models) or about.instrument,
        "" if simulated else _CITATION,
        about.licence,
        notes=tuple(notes),
    )
    samples = samples.assign(dataset=code, group=_group(samples), crs="EPSG:4326").drop(columns="title")
    return SoilSpectra(grid, mean[known & agree], samples, provenance)


def _read_laboratory(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Laboratory values of one library by id, with ``pH_method``; the method of each stands in the notes."""
    candidates = find_methods(open_parquet(path).schema_arrow.names)
    cells, notes = _by_id(path, [name for found in candidates.values() for name in found])
    values, methods, remarks = _laboratory(cells, candidates, path)
    for ours, found in methods.items():
        by = [f"{method} ({n:,})" for method, n in found.value_counts().items() if method]
        notes += [f"{ours} by {join_words(by)}"] if by else []
    return values.assign(pH_method=methods.get("pH", "")), [*notes, *remarks]


def _read_places(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Country, site, place and depth of each layer of one library, by id."""
    cells, notes = _by_id(path, [name for known in PLACE.values() for name in known])
    places = pd.DataFrame(index=cells.index)
    for ours, known in PLACE.items():
        column = cells[next((name for name in known if name in cells), KEY)].replace("NA", "")
        places[ours] = pd.to_numeric(column, errors="coerce") if ours in NUMBERS else column
    return places, notes


def _read(path: Path, wanted: Sequence[str]) -> pd.DataFrame:
    """Id and columns of a table of v1.3."""
    cells = read_parquet(path, [KEY, *wanted])
    if KEY not in cells:
        raise SiteError(f"{path}: no column {KEY!r}, by which tables are joined; run soilpb fetch again")
    return cells.assign(**{KEY: clean_ids(cells[KEY])})


def _by_id(path: Path, wanted: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Columns of a table of v1.3 by id, empty where missing; ids with contradicting rows are left out."""
    cells = _read(path, wanted)
    cells = cells[cells[KEY] != ""].drop_duplicates().set_index(KEY)
    twice = cells.index.duplicated(keep=False)
    contradicting = cells.index[twice].nunique()
    note = f"{path.name}: {contradicting:,} ids with rows that contradict each other left out"
    if contradicting > MOST_CONTRADICTIONS * cells.index.nunique():
        raise SiteError(f"{note}, such as {cells.index[twice][0]}: too many; run soilpb fetch again")
    cells = cells[~twice].astype(object)
    return cells.where(cells.notna(), "").assign(**{KEY: ""}), [note] if contradicting else []


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
        instrument="; ".join(f"{code}: {source.instrument}" for code, source in sources.items()),
        citation=_CITATION,
        licence="; ".join(f"{code}: {source.licence}" for code, source in sources.items()),
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


def _described(soils: SoilSpectra) -> SoilSpectra:
    """Say whose soils were kept: licence and count of each dataset, instruments, methods of pH."""
    samples, source = soils.samples, soils.provenance
    methods = samples["pH_method"].value_counts().items()
    notes = [f"pH in water by {method}: {n:,}" for method, n in methods if method]
    notes += [f"{dataset}: {n:,} soils" for dataset, n in samples["dataset"].value_counts().items()]
    instrument = "; ".join(sorted(set(samples.get("instrument", ())) - {""})) or source.instrument
    licences = samples[["dataset", "licence"]].drop_duplicates().sort_values("dataset").to_numpy()
    stated = "; ".join(f"{dataset}: {licence or 'none stated'}" for dataset, licence in licences)
    source = replace(source, instrument=instrument, licence=stated)
    return replace(soils, provenance=source.with_notes(*notes))
