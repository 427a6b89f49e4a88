"""LUCAS's original files: what they are called, and what their columns hold.

Nothing is read by position: columns go by their simplified names, since the two surveys
and R's exports spell them differently (``pH.in.H2O``, ``pH_in_H2O``, ``pH(H2O)``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from soilpb.sitefile import SiteError

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
#: Both surveys: 4,200 bands, nm.
WAVELENGTHS = np.arange(400.0, 2500.0, 0.5)
#: EU-28 in LUCAS's abbreviations: in 2015 each has one file of spectra.
COUNTRIES = tuple(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK UK".split()
)


def find_2009(folder: Path) -> list[Path]:
    """Spectral CSV of 2009, and the laboratory workbook if it is there."""
    spectra = _only(folder, "LUCAS.SOIL_corr*.csv", "lucas2009")
    return [spectra, *sorted(Path(folder).rglob("LUCAS_TOPSOIL_v1*.xlsx"))[:1]]


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
    return [laboratory, *(spectra[country] for country in sorted(spectra))]


def country_of(path: Path) -> str:
    """Country of a spectral file of 2015, whose name ESDAC writes with spaces.

    Examples
    --------
    >>> country_of(Path("spectra_ MT .csv")), country_of(Path("spectra_AT.csv"))
    ('MT', 'AT')
    """
    return re.sub(r"\s", "", path.stem.removeprefix("spectra_"))


def simplify(name: str) -> str:
    """Reduce a column's name to lower-case letters and digits: one key for its spellings.

    Examples
    --------
    >>> simplify("pH.in.H2O"), simplify("pH_in_H2O"), simplify("pH(H2O)"), simplify("Point_ID")
    ('phh2o', 'phh2o', 'phh2o', 'pointid')
    """
    return "".join(c for c in name.lower() if c.isalnum()).replace("phin", "ph", 1)


def laboratory_columns(names: Iterable[str]) -> dict[str, tuple[str, float]]:
    """Those of a table's columns that hold laboratory values, with our name and factor.

    Examples
    --------
    >>> laboratory_columns(["POINT_ID", "pH.in.H2O", "OC"])
    {'pH.in.H2O': ('pH', 1.0), 'OC': ('SOC_pct', 0.1)}
    """
    spelling = {simplify(name): name for name in names}
    return {spelling[key]: ours for key, ours in LABORATORY.items() if key in spelling}


def find_column(names: Iterable[str], key: str, path: Path) -> str:
    """Name of the column whose simplified name is ``key``.

    Raises
    ------
    SiteError
        If the file has none.
    """
    names = list(names)
    for name in names:
        if simplify(name) == key:
            return name
    raise SiteError(f"{path}: no column {key!r} in any spelling; it has {', '.join(names[:8])}, …")


def _only(folder: Path, pattern: str, source: str) -> Path:
    found = sorted(Path(folder).rglob(pattern))
    if len(found) != 1:
        names = f"{len(found)} files {pattern} ({', '.join(map(str, found))})" if found else f"no {pattern}"
        raise SiteError(f"{folder} has {names}; expected one: soilpb fetch {source} explains where it goes")
    return found[0]
