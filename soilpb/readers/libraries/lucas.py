"""LUCAS topsoils of 2009 and 2015 from ESDAC's original files: how to ask for them, check, read.

Both surveys were scanned with a FOSS XDS, 400–2499.5 nm every 0.5 nm, on soil sieved to 2 mm, and
store absorbance ``log10(1/R)``; here it becomes reflectance. Organic carbon, carbonate and nitrogen
are in g/kg and become percent. Columns go by their simplified names, since the surveys and R's
exports spell them differently (``pH.in.H2O``, ``pH_in_H2O``, ``pH(H2O)``). The data are free on
request and may not be passed on. Files of the twin in the layout of 2015 say ``simulated`` in their
column ``source``, and so does what is read from them.

Lead is not in these files. The JRC measured metals at most points of 2009 and 2012 (Tóth et al. 2016) and
hands the table out on request: beside a survey's files, with ``metal`` in its name, it is read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb._format import track
from soilpb.readers.columns import parse_quantity
from soilpb.readers.laboratory import clean_ids, read_library_columns
from soilpb.readers.libraries.cache import load_or_convert
from soilpb.readers.libraries.large_tables import SpectralTable, read_on_grid
from soilpb.readers.scans import SCAN_LIMIT, average_scans
from soilpb.readers.tables import read_table
from soilpb.site_file import SiteError
from soilpb.spectra import Provenance, SoilSpectra, reflectance_from_absorbance

#: Names of band columns in both surveys, in ESDAC's spelling and in R's.
BAND = r"(?:spc\.|X)?(\d{3,4}(?:[.,]\d+)?)"
#: Simplified column → our name, and the factor to its unit.
LABORATORY = {
    "phh2o": ("pH", 1.0),
    "phcacl2": ("pH_CaCl2", 1.0),
    "clay": ("clay_pct", 1.0),
    "silt": ("silt_pct", 1.0),
    "sand": ("sand_pct", 1.0),
    "coarse": ("coarse_pct", 1.0),
    "oc": ("SOC_pct", 0.1),
    "caco3": ("CaCO3_pct", 0.1),
    "n": ("N_pct", 0.1),
    "p": ("P_mg_kg", 1.0),
    "k": ("K_mg_kg", 1.0),
    "cec": ("CEC_cmol_kg", 1.0),
    "ec": ("EC_dS_m", 0.01),
    "gpslong": ("x", 1.0),
    "gpslat": ("y", 1.0),
}
#: Elements that the table of metals may have, and bounds of the median of lead in European topsoils, mg/kg.
METALS = frozenset("As Cd Co Cr Cu Fe Hg Mn Ni Pb Sb V Zn".split())
MEDIAN_LEAD = (3.0, 100.0)
#: Both surveys: 4,200 bands, nm.
WAVELENGTHS = np.arange(400.0, 2500.0, 0.5)
#: EU-28 in LUCAS's abbreviations: in 2015 each has one file of spectra.
COUNTRIES = tuple(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK UK".split()
)
#: Rows of the releases, and scans of 2015.
N_2009, N_2015, N_SCANS_2015 = 19_860, 21_859, 43_560
#: European topsoils have a median of 20 g/kg organic carbon, the driest countries 10; a
#: lower median than this is a column that somebody has already divided by ten.
LEAST_MEDIAN_OC = 5.0
#: LUCAS is handed out on request only: five lines on what to ask for and where it goes.
REQUEST_STEPS = {
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

_INSTRUMENT = "FOSS XDS Rapid Content Analyzer, soil < 2 mm"
_LICENCE = "ESDAC licence: free on request, no redistribution"
_COMPLETE = (
    "{:,} of {:,} scans have a value in every band, the others are dropped; absorbance A read as "
    "reflectance 10^-A"
)
_CITATIONS = {
    "LUCAS 2009": "Tóth, Jones & Montanarella 2013, LUCAS Topsoil Survey, doi 10.2788/97922",
    "LUCAS 2015": "Jones, Fernández-Ugalde & Scarpa 2020, LUCAS 2015 Topsoil Survey, doi 10.2760/616084",
}


def load_lucas_2009(
    folder: Path, grid: np.ndarray, *, property: str = "pH", cache: Path | None = None
) -> SoilSpectra:
    """Read LUCAS 2009: ``LUCAS.SOIL_corr.csv``, and ``LUCAS_TOPSOIL_v1.xlsx`` where it is there.

    The spectral file carries the laboratory values; the workbook fills those it lacks.

    Parameters
    ----------
    folder : Path
        Holds the unpacked download, at any depth.
    grid : (n_bands,) array, nm, within 400–2499.5
    property : str
        Points without a value of it are dropped, and counted in the notes.
    cache : Path, optional
        Folder of the columnar cache (:mod:`soilpb.readers.libraries.cache`).

    Returns
    -------
    SoilSpectra indexed by POINT_ID; ``group`` is the country, ``x`` and ``y`` are GPS
    longitude and latitude.
    """
    files = find_2009(folder)
    soils = load_or_convert(cache, "lucas2009", files, grid, lambda: _convert_2009(files, grid))
    return _having(soils, property)


def load_lucas_2015(
    folder: Path, grid: np.ndarray, *, property: str = "pH", cache: Path | None = None
) -> SoilSpectra:
    """Read LUCAS 2015: the laboratory CSV, and the folder with one file of spectra per country.

    The scans of a point (two, as a rule) are averaged; a point with a scan that deviates from their mean
    is dropped, and counted. Parameters and result are those of :func:`load_lucas_2009`, but ``x`` and ``y``
    are metres in EPSG:3035, read from the Point_ID (the nodes of LUCAS's grid).
    """
    files = find_2015(folder)
    soils = load_or_convert(cache, "lucas2015", files, grid, lambda: _convert_2015(files, grid))
    return _having(soils, property)


def _having(soils: SoilSpectra, property: str) -> SoilSpectra:
    if property not in soils.samples:
        has = ", ".join(soils.samples.select_dtypes("number"))
        ask = "ask ESDAC for the table of heavy metals and put it beside them, with 'metal' in its name"
        mend = ask if property.removesuffix("_mg_kg") in METALS else "mend source_property"
        raise SiteError(f"{soils.provenance.name} has no {property} in its files (they have {has}); {mend}")
    return soils.having(property)


def find_2009(folder: Path) -> list[Path]:
    """Spectral CSV of 2009, and the laboratory workbook and the table of metals if they are there."""
    spectra = _only(folder, "LUCAS.SOIL_corr*.csv", "lucas2009")
    return [spectra, *sorted(Path(folder).rglob("LUCAS_TOPSOIL_v1*.xlsx"))[:1], *_find_metals(folder)]


def _find_metals(folder: Path) -> list[Path]:
    """The table of metals beside a survey's files, if there is one."""
    tables = [path for path in Path(folder).rglob("*") if path.suffix.lower() in (".csv", ".xlsx")]
    found = sorted(path for path in tables if has_metals(path))
    if len(found) > 1:
        raise SiteError(f"{' and '.join(map(str, found))} could both be the table of metals: move one out")
    return found


def has_metals(path: Path) -> bool:
    """Tell the table of metals by its name."""
    return "metal" in path.name.lower()


def find_2015(folder: Path) -> list[Path]:
    """Laboratory CSV of 2015, then the spectral files in the order of their countries."""
    laboratory = _only(folder, "LUCAS_Topsoil_2015*.csv", "lucas2015")
    spectra: dict[str, Path] = {}
    for path in sorted(Path(folder).rglob("spectra_*.csv")):
        other = spectra.setdefault(country_of(path), path)
        if other != path:
            raise SiteError(f"{other} and {path} are both spectra of {country_of(path)}; remove one")
    if not spectra:
        raise SiteError(f"{folder} has no 'spectra_ XX .csv'; soilpb fetch lucas2015 explains where they go")
    return [laboratory, *(spectra[country] for country in sorted(spectra)), *_find_metals(folder)]


def country_of(path: Path) -> str:
    """Country of a spectral file of 2015, whose name ESDAC writes with spaces: ``spectra_ MT .csv``."""
    return re.sub(r"\s", "", path.stem.removeprefix("spectra_"))


def simplify(name: str) -> str:
    """Reduce a column's name to one key for its spellings: ``pH.in.H2O`` and ``pH(H2O)`` are ``phh2o``."""
    return "".join(c for c in name.lower() if c.isalnum()).replace("phin", "ph", 1)


def laboratory_columns(names: Iterable[str]) -> dict[str, tuple[str, float]]:
    """Those of a table's columns that hold laboratory values, with our name and factor."""
    spelling = {simplify(name): name for name in names}
    return {spelling[key]: ours for key, ours in LABORATORY.items() if key in spelling}


def find_column(names: Iterable[str], key: str, path: Path) -> str:
    """Name of the column whose simplified name is ``key``."""
    spelling = {simplify(name): name for name in names}
    if key in spelling:
        return spelling[key]
    raise SiteError(f"{path}: no column {key!r} in any spelling; it has {', '.join(list(names)[:8])}, …")


def _only(folder: Path, pattern: str, source: str) -> Path:
    found = sorted(Path(folder).rglob(pattern))
    if len(found) != 1:
        names = f"{len(found)} files {pattern} ({', '.join(map(str, found))})" if found else f"no {pattern}"
        raise SiteError(f"{folder} has {names}; expected one: soilpb fetch {source} explains where it goes")
    return found[0]


def _convert_2009(files: Sequence[Path], grid: np.ndarray) -> SoilSpectra:
    path, *others = files
    workbooks = [other for other in others if not has_metals(other)]
    table = SpectralTable(path, BAND)
    point, sample, country = (
        find_column(table.columns, key, path) for key in ("pointid", "sampleid", "isocountry")
    )
    columns = laboratory_columns(table.columns)
    text = [point, sample, country, *columns]
    cells, reflectance, n_rows, _ = read_on_grid(table, text, grid, reflectance_from_absorbance)
    ids = clean_ids(cells[point])
    ids = ids.mask(ids == "", "sample " + cells[sample])  # a soil of unknown place is a soil all the same
    laboratory, notes = read_library_columns(cells, columns, str(path))
    laboratory["group"] = cells[country]
    laboratory = _by_point(laboratory, ids)
    for workbook in workbooks:
        more, found = _laboratory(workbook)
        laboratory, notes = laboratory.combine_first(more), [*notes, *found]
    laboratory, found = _join_metals(laboratory.assign(crs="EPSG:4326"), others)
    notes += found
    scans = average_scans(ids.to_numpy(), reflectance)
    return _join("LUCAS 2009", grid, scans, laboratory, [_COMPLETE.format(len(reflectance), n_rows), *notes])


def _convert_2015(files: Sequence[Path], grid: np.ndarray) -> SoilSpectra:
    laboratory, notes = _laboratory(files[0])
    # A point's id is easting and northing of its grid node, four digits of km each.
    known = laboratory.index.to_series().where(laboratory.index.str.fullmatch(r"\d{8}"))
    east, north = (pd.to_numeric(part) * 1000.0 for part in (known.str[:4], known.str[4:]))
    laboratory = laboratory.assign(x=east, y=north, crs="EPSG:3035")
    countries, n_rows, n_complete, simulated = [], 0, 0, False
    laboratory, found = _join_metals(laboratory, files)
    notes += found
    for path in track([path for path in files[1:] if not has_metals(path)], "reading LUCAS 2015"):
        table = SpectralTable(path, BAND)
        point = find_column(table.columns, "pointid", path)
        source = [name for name in table.columns if simplify(name) == "source"]
        cells, reflectance, n, _ = read_on_grid(table, [point, *source], grid, reflectance_from_absorbance)
        simulated |= any(cells[name].str.casefold().eq("simulated").any() for name in source)
        countries.append(average_scans(clean_ids(cells[point]).to_numpy(), reflectance))
        n_rows, n_complete = n_rows + n, n_complete + len(reflectance)
    notes = [_COMPLETE.format(n_complete, n_rows), *notes]
    scans = [np.concatenate(parts) for parts in zip(*countries, strict=True)]
    soils = _join("LUCAS 2015", grid, scans, laboratory, notes)
    if not simulated:
        return soils
    provenance = Provenance(
        name=f"simulated soils in the files of {soils.provenance.name}",
        kind="simulated",
        instrument="simulated laboratory spectrometer",
        licence="none needed: nobody measured these",
        notes=soils.provenance.notes,
    )
    return replace(soils, provenance=provenance)


def _laboratory(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Read a table of laboratory values alone, by point; the country, if named, is the group."""
    cells = read_table(path).to_frame()
    laboratory, notes = read_library_columns(cells, laboratory_columns(cells), str(path))
    for name in cells:
        if simplify(name) == "nuts0":
            laboratory["group"] = cells[name]
    return _by_point(laboratory, clean_ids(cells[find_column(cells, "pointid", path)])), notes


def _join_metals(laboratory: pd.DataFrame, files: Sequence[Path]) -> tuple[pd.DataFrame, list[str]]:
    """Add the JRC's metals, mg/kg, by point; a column without a unit is taken for mg/kg, and noted."""
    notes: list[str] = []
    for path in filter(has_metals, files):
        cells = read_table(path).to_frame()
        point = find_column(cells, "pointid", path)
        quantities = {name: parse_quantity(name) for name in cells}
        elements = {name: found for name, found in quantities.items() if found.name in METALS}
        known = [found.name for found in elements.values()]
        if not known or len(set(known)) < len(known) or any(found.remark for found in elements.values()):
            raise SiteError(
                f"{path}: expected a column for each element, such as 'Pb' or 'Pb (mg/kg)', once, in a unit "
                f"of mass per mass; it has {', '.join(map(repr, elements or list(cells)[:20]))}"
            )
        columns = {name: (f"{found.name}_mg_kg", found.factor or 1.0) for name, found in elements.items()}
        metals, remarks = read_library_columns(cells, columns, str(path))
        lead = metals["Pb_mg_kg"].median() if "Pb_mg_kg" in metals else np.nan
        if lead < MEDIAN_LEAD[0] or lead > MEDIAN_LEAD[1]:
            usual = "European topsoils about 15: mend its unit"
            raise SiteError(f"{path}: lead has a median of {lead:.3g} mg/kg, {usual}")
        laboratory = laboratory.join(_by_point(metals, clean_ids(cells[point])))
        silent = [found.name for found in elements.values() if found.factor is None]
        notes += [f"metals of {path.name} by aqua regia (Tóth et al. 2016): {', '.join(known)}", *remarks]
        notes += [f"no unit stated, taken as mg/kg: {', '.join(silent)}"] if silent else []
    return laboratory, notes


def _by_point(table: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    """Index a table by point: rows without an id go, and of a repeated id the first stays."""
    indexed = table.set_axis(pd.Index(ids, name="sample"))
    return indexed[(indexed.index != "") & ~indexed.index.duplicated()]


def _join(
    name: str,
    grid: np.ndarray,
    scans: Sequence[np.ndarray],
    laboratory: pd.DataFrame,
    notes: list[str],
) -> SoilSpectra:
    """Join what :func:`average_scans` made with the laboratory table, both ways."""
    ids, mean, deviation = scans
    agree = deviation <= SCAN_LIMIT
    _refuse_other_units(name, grid, mean, laboratory)
    known = pd.Index(ids).isin(laboratory.index)
    points = f"of {ids.size:,} scanned points"
    counts = [
        f"{known.sum():,} of {len(laboratory):,} points have spectra",
        f"{(~known).sum():,} {points} are not in the laboratory table: dropped",
        f"{(~agree).sum():,} {points} have a scan more than {SCAN_LIMIT:.0%} off the point's mean: dropped",
    ]
    keep = known & agree
    provenance = Provenance(
        name, "measured", _INSTRUMENT, _CITATIONS[name], _LICENCE, notes=(*notes, *counts)
    )
    if not keep.any():
        raise SiteError(f"{name}: nothing is left to learn from: {'; '.join(counts)}")
    return SoilSpectra(grid, mean[keep], laboratory.loc[ids[keep]], provenance)


def _refuse_other_units(
    name: str, grid: np.ndarray, reflectance: np.ndarray, laboratory: pd.DataFrame
) -> None:
    if "pH" not in laboratory:
        raise SiteError(f"{name}: no column of pH; put the download's laboratory table beside the spectra")
    carbon = 10 * laboratory["SOC_pct"].dropna() if "SOC_pct" in laboratory else pd.Series(dtype=float)
    if carbon.size >= 30 and carbon.median() < LEAST_MEDIAN_OC:
        raise SiteError(
            f"{name}: OC has a median of {carbon.median():.2g}; LUCAS gives g/kg, with a median near 20. "
            "This looks like percent: use the file as it was downloaded"
        )
    first, last = np.median(reflectance[:, [0, -1]], axis=0)
    if grid[0] < 700 and grid[-1] > 1000 and first > last:
        raise SiteError(
            f"{name}: read as absorbance, soils are brighter at {grid[0]:g} nm ({first:.2f}) than at "
            f"{grid[-1]:g} nm ({last:.2f}). This looks like reflectance: use the file as it was downloaded"
        )
