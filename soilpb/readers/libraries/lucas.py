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
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from soilpb._format import list_first, track
from soilpb.readers.columns import parse_quantity
from soilpb.readers.laboratory import clean_ids, read_library_columns
from soilpb.readers.libraries.cache import load_or_convert
from soilpb.readers.libraries.large_tables import SpectralTable, read_on_grid
from soilpb.readers.scans import SCAN_LIMIT, average_scans
from soilpb.readers.tables import read_table
from soilpb.site_file import SiteError
from soilpb.spectra import WARN, Provenance, SoilSpectra, reflectance_from_absorbance

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
#: Simplified columns that are read as text.
_TEXT = ("pointid", "sampleid", "isocountry", "nuts0", "source")
#: Elements that the table of metals may have, and bounds of the median of lead in European topsoils, mg/kg.
METALS = frozenset("As Cd Co Cr Cu Fe Hg Mn Ni Pb Sb V Zn".split())
MEDIAN_LEAD = (3.0, 100.0)
#: Both surveys: 4,200 bands, nm.
WAVELENGTHS = np.arange(400.0, 2500.0, 0.5)
#: EU-28 in LUCAS's abbreviations: in 2015 each has one file of spectra.
COUNTRIES = tuple(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK UK".split()
)
#: A file may lack one row in twenty of its release, since publishers mend their releases.
LEAST_SHARE = 0.95
_INSTRUMENT = "FOSS XDS Rapid Content Analyzer, soil < 2 mm"
_LICENCE = "ESDAC licence: free on request, no redistribution"
#: European topsoils have a median of 20 g/kg organic carbon, the driest countries 10; a
#: lower median than this is a column that somebody has already divided by ten.
LEAST_MEDIAN_OC = 5.0


class Survey(NamedTuple):
    """What a survey's download holds, and how to get it."""

    name: str
    spectra: str  #: names of the files of spectra, and of the laboratory's table
    laboratory: str
    n_scans: int  #: rows of the release
    n_points: int
    citation: str
    ask: str  #: of ESDAC
    unpack: str


SURVEYS = {
    "lucas2009": Survey(
        "LUCAS 2009",
        "LUCAS.SOIL_corr*.csv",
        "LUCAS_TOPSOIL_v1*.xlsx",
        19_860,
        19_860,
        "Tóth, Jones & Montanarella 2013, LUCAS Topsoil Survey, doi 10.2788/97922",
        "the spectral data; a message with links follows.",
        """LUCAS.SOIL_corr.csv (about 808 MB) into {folder}, without opening it in a spreadsheet.
4. If you also got LUCAS_TOPSOIL_v1.xlsx, put it there too: it fills laboratory values that are missing.""",
    ),
    "lucas2015": Survey(
        "LUCAS 2015",
        "spectra_*.csv",
        "LUCAS_Topsoil_2015*.csv",
        43_560,
        21_859,
        "Jones, Fernández-Ugalde & Scarpa 2020, LUCAS 2015 Topsoil Survey, doi 10.2760/616084",
        "the laboratory table and the spectral data (EU-28).",
        """LUCAS_Topsoil_2015_20200323.csv and the folder LUCAS2015_Soil_Spectra_EU28 into {folder}.
4. Rename nothing (file names have spaces: 'spectra_ AT .csv') and open nothing in a spreadsheet.""",
    ),
}
#: LUCAS is handed out on request only: five lines on what to ask for and where it goes.
REQUEST_STEPS = {
    source: f"""\
1. Open https://esdac.jrc.ec.europa.eu/projects/lucas and fill in the request form of {of.name} topsoil.
2. Ask for {of.ask} They may not be passed on to anybody.
3. Unpack {of.unpack}
5. Run: soilpb check-source {source} --folder {{folder}}"""
    for source, of in SURVEYS.items()
}


def load_lucas(
    source: str, folder: Path, grid: np.ndarray, *, property: str = "pH", cache: Path | None = None
) -> SoilSpectra:
    """Read a survey of LUCAS from ESDAC's files.

    In 2009 the spectral file carries the laboratory values, and the workbook, if it is there, fills those
    it lacks; in 2015 they are in a table of their own. The scans of a point (two in 2015, as a rule) are
    averaged; a point with a scan that deviates from their mean is dropped, and counted.

    Parameters
    ----------
    source : str
        ``lucas2009`` or ``lucas2015``.
    folder : Path
        Holds the unpacked download, at any depth.
    grid : (n_bands,) array, nm, within 400–2499.5
    property : str
        Points without a value of it are dropped, and counted in the notes.
    cache : Path, optional
        Folder of the columnar cache (:mod:`soilpb.readers.libraries.cache`).

    Returns
    -------
    SoilSpectra indexed by POINT_ID; ``group`` is the country, ``x`` and ``y`` are GPS longitude and latitude,
    or metres in EPSG:3035 read from the point's id (the nodes of LUCAS's grid).
    """
    files = find_files(source, folder)
    soils = load_or_convert(cache, source, [*files], grid, lambda: _convert(SURVEYS[source], files, grid))
    if property not in soils.samples:
        has = ", ".join(soils.samples.select_dtypes("number"))
        ask = "ask ESDAC for the table of heavy metals and put it beside them, with 'metal' in its name"
        mend = ask if property.removesuffix("_mg_kg") in METALS else "mend source_property"
        raise SiteError(f"{soils.provenance.name} has no {property} in its files (they have {has}); {mend}")
    return soils.having(property)


def find_files(source: str, folder: Path) -> dict[Path, str]:
    """Files of a survey and what each holds: spectra, then the laboratory's values, then metals."""
    survey, found = SURVEYS[source], {}
    patterns = {
        "spectra": survey.spectra,
        "laboratory": survey.laboratory,
        "metals": "*[mM][eE][tT][aA][lL]*",
    }
    for kind, pattern in patterns.items():
        for path in sorted(Path(folder).rglob(pattern)):
            what = f"{kind} of {country_of(path) or survey.name}" if kind == "spectra" else kind
            if path.suffix.lower() in (".csv", ".xlsx") and found.setdefault(what, path) != path:
                raise SiteError(f"{found[what]} and {path} are both {what}; remove one")
        needed = kind == "spectra" or (kind == "laboratory" and source == "lucas2015")
        if needed and not any(what.startswith(kind) for what in found):
            raise SiteError(f"{folder} has no {pattern}; soilpb fetch {source} explains where it goes")
    return {path: what.split()[0] for what, path in found.items()}


def country_of(path: Path) -> str:
    """Country of a spectral file of 2015, whose name ESDAC writes with spaces: ``spectra_ MT .csv``."""
    return re.sub(r"\s", "", path.stem.removeprefix("spectra_")) if path.stem.startswith("spectra_") else ""


def simplify(names: Iterable[str]) -> dict[str, str]:
    """Key → name of columns, one key for all spellings: ``pH.in.H2O`` and ``pH(H2O)`` are ``phh2o``."""
    return {re.sub(r"[\W_]", "", name.lower()).replace("phin", "ph", 1): name for name in names}


def _convert(survey: Survey, files: Mapping[Path, str], grid: np.ndarray) -> SoilSpectra:
    laboratory, scans, notes, n_rows, n_complete, simulated = pd.DataFrame(), [], [], 0, 0, False
    for path, kind in track(files.items(), f"reading {survey.name}"):
        if kind == "spectra":
            table = SpectralTable(path, BAND)
            nm, spelling = table.wavelengths, simplify(table.columns)
            bands = f"{path.name}: {nm.size:,} bands, {nm[0]:g}–{nm[-1]:g} nm; expected 4,200, 400–2499.5 nm"
            notes += [] if np.array_equal(nm, WAVELENGTHS) else [WARN + bands]
            wanted = [name for key, name in spelling.items() if key in {*_TEXT, *LABORATORY}]
            cells, reflectance, n, _ = read_on_grid(table, wanted, grid, reflectance_from_absorbance)
            scans.append(average_scans(_read_ids(cells, path).to_numpy(), reflectance))
            n_rows, n_complete = n_rows + n, n_complete + len(reflectance)
            simulated |= "source" in spelling and "simulated" in {*cells[spelling["source"]].str.casefold()}
        else:
            cells = read_table(path).to_frame()
        values, remarks = (_read_metals if kind == "metals" else _read_laboratory)(cells, path)
        notes += remarks
        if not values.empty:
            values = values.set_axis(pd.Index(_read_ids(cells, path), name="sample"))
            values = values[(values.index != "") & ~values.index.duplicated()]
            values = laboratory.join(values) if kind == "metals" else values
            laboratory = values if laboratory.empty else laboratory.combine_first(values)
    notes = ["absorbance A read as reflectance 10^-A", *notes]
    ids, mean, deviation = (np.concatenate(parts) for parts in zip(*scans, strict=True))
    _refuse_other_units(survey.name, grid, mean, laboratory)
    if "x" not in laboratory:  # a point's id is easting and northing of its grid node, four digits of km each
        node = laboratory.index.to_series().str.extract(r"^(\d{4})(\d{4})$").astype(float) * 1000
        laboratory = laboratory.assign(x=node[0], y=node[1], crs="EPSG:3035")
    else:
        laboratory = laboratory.assign(crs="EPSG:4326")
    known, agree = pd.Index(ids).isin(laboratory.index), deviation <= SCAN_LIMIT
    n_points, n_seen, scanned = len(laboratory), known.sum(), f"of {ids.size:,} scanned points"
    countries = {country_of(path) for path in files} - {""}
    absent = sorted({*COUNTRIES} - countries) if countries else []
    of_scans, of_points = n_rows / survey.n_scans, n_points / survey.n_points
    for good, text in (
        (of_scans >= LEAST_SHARE, f"{n_rows:,} scans; the release has {survey.n_scans:,}"),
        (True, f"{n_complete:,} of {n_rows:,} scans have a value in every band, the others are dropped"),
        (not absent, f"spectra of {', '.join(absent) or 'no country'} are missing"),
        (of_points >= LEAST_SHARE, f"{n_points:,} points; the release has {survey.n_points:,}"),
        (n_seen >= LEAST_SHARE * n_points, f"{n_seen:,} of {n_points:,} points have spectra"),
        (known.all(), f"{(~known).sum():,} {scanned} are not in the laboratory table: dropped"),
        (True, f"{(~agree).sum():,} {scanned} have a scan over {SCAN_LIMIT:.0%} off their mean: dropped"),
    ):
        notes.append(WARN * (not good) + text)
    if not (known & agree).any():
        raise SiteError(f"{survey.name}: nothing is left to learn from: {'; '.join(notes)}")
    soils = SoilSpectra(
        grid,
        mean[known & agree],
        laboratory.loc[ids[known & agree]],
        Provenance(survey.name, "measured", _INSTRUMENT, survey.citation, _LICENCE, notes=tuple(notes)),
    )
    if not simulated:
        return soils
    provenance = Provenance(
        name=f"simulated soils in the files of {survey.name}",
        kind="simulated",
        instrument="simulated laboratory spectrometer",
        licence="none needed: nobody measured these",
        notes=soils.provenance.notes,
    )
    return replace(soils, provenance=provenance)


def _read_ids(cells: pd.DataFrame, path: Path) -> pd.Series:
    """Points of rows; a soil of unknown place is a soil all the same, and goes by its sample's id."""
    spelling = simplify(cells)
    if "pointid" not in spelling:
        raise SiteError(f"{path}: no column 'pointid' in any spelling; it has {list_first(list(cells))}")
    ids = clean_ids(cells[spelling["pointid"]])
    if "sampleid" in spelling:
        ids = ids.mask(ids == "", "sample " + cells[spelling["sampleid"]].astype(str))
    return ids


def _read_laboratory(cells: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """Laboratory values of a table, with the country as ``group``; empty if it has none."""
    spelling = simplify(cells)
    columns = {spelling[key]: ours for key, ours in LABORATORY.items() if key in spelling}
    values, notes = read_library_columns(cells, columns, str(path))
    for key in {"isocountry", "nuts0"} & {*spelling} if columns else ():
        values["group"] = cells[spelling[key]]
    return values, notes


def _read_metals(cells: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The JRC's metals, mg/kg; a column without a unit is taken for mg/kg, and noted."""
    quantities = {name: parse_quantity(name) for name in cells}
    elements = {name: found for name, found in quantities.items() if found.name in METALS}
    known = [found.name for found in elements.values()]
    if not known or len(set(known)) < len(known) or any(found.remark for found in elements.values()):
        raise SiteError(
            f"{path}: expected a column for each element, such as 'Pb' or 'Pb (mg/kg)', once, in a unit "
            f"of mass per mass; it has {', '.join(map(repr, elements or list(cells)[:20]))}"
        )
    columns = {name: (f"{found.name}_mg_kg", found.factor or 1.0) for name, found in elements.items()}
    metals, notes = read_library_columns(cells, columns, str(path))
    lead = metals["Pb_mg_kg"].median() if "Pb_mg_kg" in metals else np.nan
    if lead < MEDIAN_LEAD[0] or lead > MEDIAN_LEAD[1]:
        usual = "European topsoils about 15: mend its unit"
        raise SiteError(f"{path}: lead has a median of {lead:.3g} mg/kg, {usual}")
    silent = [found.name for found in elements.values() if found.factor is None]
    notes += [f"metals of {path.name} by aqua regia (Tóth et al. 2016): {', '.join(known)}"]
    notes += [f"no unit stated, taken as mg/kg: {', '.join(silent)}"] if silent else []
    return metals, notes


def _refuse_other_units(
    name: str, grid: np.ndarray, reflectance: np.ndarray, laboratory: pd.DataFrame
) -> None:
    if "pH" not in laboratory:
        raise SiteError(f"{name}: no column of pH; put the download's laboratory table beside the spectra")
    carbon = 10 * laboratory.get("SOC_pct", pd.Series(dtype=float)).dropna()
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
