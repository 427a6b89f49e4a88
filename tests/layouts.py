"""Write small libraries in the exact layouts of LUCAS 2009, LUCAS 2015 and OSSL.

The readers' tests read them back, and the benchmarks measure loading on large ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from soilpb.readers.libraries import ossl

LUCAS_BANDS = np.arange(400, 2500, 0.5)
OSSL_VISNIR = np.arange(400, 2501, 2)
OSSL_MIR = np.arange(600, 4001, 2)

OSSL_TEXT = (
    "id.layer_uuid_txt dataset.code_ascii_txt dataset.license.title_ascii_txt location.country_iso.3166_txt "
    "id.dataset.site_ascii_txt scan.visnir.model.name_utf8_txt"
).split()
LUCAS_2009 = (
    "sample.ID POINT_ID iso.country date SURV_DATE GPS_LONG GPS_LAT LC1 LU1 mineral WRBFU coarse clay silt "
    "sand pH.in.CaCl2 pH.in.H2O OC CaCO3 N P K CEC"
).split()
LUCAS_2015 = (
    "Point_ID Revisited_point Coarse Clay Sand Silt pH(CaCl2) pH(H2O) EC OC CaCO3 P N K Elevation LC1 LU1 "
    "Soil_Stones NUTS_0 NUTS_1 NUTS_2 NUTS_3 LC1_Desc LU1_Desc"
).split()


def soil_absorbance(n: int, wavelengths: np.ndarray, seed: int = 0) -> np.ndarray:
    """Smooth soil-like absorbance, (n, n_bands): falling to the infrared, with a water band."""
    rng = np.random.default_rng(seed)
    level, slope, water = rng.uniform([[0.35], [0.3], [0.02]], [[0.5], [0.6], [0.2]], (3, n))
    falling = np.exp(-(wavelengths - 400) / 500)
    band = np.exp(-(((wavelengths - 1930) / 40) ** 2))
    return np.round(level[:, None] + slope[:, None] * falling + water[:, None] * band, 6)


def point_ids(n: int) -> list[str]:
    """Point ids as LUCAS makes them: km east and north of a grid node."""
    return [f"{4000 + 2 * (i // 100)}{2500 + 2 * (i % 100)}" for i in range(n)]


def lucas_2009_table(n: int, seed: int = 0) -> pd.DataFrame:
    """Laboratory and site columns of the 2009 file, every cell as the text that the file has."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame("", index=range(n), columns=LUCAS_2009)
    table["sample.ID"] = [str(i + 1) for i in range(n)]
    table["POINT_ID"] = point_ids(n)
    table["iso.country"] = [("AT", "ES", "FI")[i % 3] for i in range(n)]
    table["GPS_LONG"], table["GPS_LAT"] = _text(rng.uniform(-9, 30, n), 5), _text(rng.uniform(36, 68, n), 5)
    for name, low, high in (("pH.in.H2O", 4, 8), ("pH.in.CaCl2", 3.5, 7.5), ("OC", 5, 60), ("CaCO3", 0, 400)):
        table[name] = _text(rng.uniform(low, high, n), 2)
    for name, high in zip("clay silt sand coarse N P K".split(), (50, 50, 90, 30, 5, 80, 400), strict=True):
        table[name] = _text(rng.uniform(0, high, n), 1)
    return table


def write_lucas_2009(folder: Path, table: pd.DataFrame, absorbance: np.ndarray, comma: bool = False) -> Path:
    """Write ``LUCAS.SOIL_corr.csv``; with ``comma``, as a program of a decimal-comma country does."""
    names = [f"spc.{w:g}" for w in LUCAS_BANDS]
    whole = pd.concat([table, _bands(absorbance, names)], axis=1)
    path = Path(folder) / "LUCAS.SOIL_corr.csv"
    if comma:
        whole = whole.map(lambda cell: cell.replace(".", ",") if isinstance(cell, str) else cell)
    whole.to_csv(path, index=False, sep=";" if comma else ",", decimal="," if comma else ".")
    return path


def write_lucas_2009_workbook(folder: Path, table: pd.DataFrame) -> Path:
    """Write ``LUCAS_TOPSOIL_v1.xlsx``: the laboratory columns, in that file's spelling, as numbers."""
    names = {name: name.replace(".", "_") for name in [*LUCAS_2009[11:], "GPS_LAT", "GPS_LONG"]}
    numbers = table[list(names)].apply(pd.to_numeric, errors="coerce").rename(columns=names)
    numbers.insert(0, "POINT_ID", pd.to_numeric(table["POINT_ID"]))
    path = Path(folder) / "LUCAS_TOPSOIL_v1.xlsx"
    numbers.to_excel(path, index=False, sheet_name="Sheet1")
    return path


def lucas_2015_table(n: int, seed: int = 0) -> pd.DataFrame:
    """Laboratory table of 2015, every cell as the text that the file has."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame("", index=range(n), columns=LUCAS_2015)
    table["Point_ID"] = point_ids(n)
    table["Revisited_point"] = "Yes"
    for name, low, high in (("pH(H2O)", 4, 8), ("pH(CaCl2)", 3.5, 7.5), ("OC", 5, 60), ("CaCO3", 0, 400)):
        table[name] = _text(rng.uniform(low, high, n), 2)
    for name, high in (("Clay", 50), ("Silt", 50), ("Sand", 90), ("N", 5), ("P", 80), ("K", 400), ("EC", 50)):
        table[name] = _text(rng.uniform(0, high, n), 1)
    table["NUTS_0"] = [("AT", "ES", "MT")[i % 3] for i in range(n)]
    table["LC1_Desc"] = "Mix of cereals, other"
    return table


def write_lucas_2015(
    folder: Path, table: pd.DataFrame, scans: np.ndarray, spaces: bool = True
) -> tuple[Path, list[Path]]:
    """Write the laboratory CSV and a file of spectra a country.

    ``scans`` is (n_points, n_scans, 4200) absorbance, in the order of ``table``.
    """
    laboratory = Path(folder) / "LUCAS_Topsoil_2015_20200323.csv"
    table.to_csv(laboratory, index=False)
    spectra = Path(folder) / "LUCAS2015_Soil_Spectra_EU28"
    spectra.mkdir(exist_ok=True)
    names, paths = [f"{w:g}" for w in LUCAS_BANDS], []
    for country, rows in table.groupby("NUTS_0").indices.items():
        points = np.repeat(rows, scans.shape[1])
        head = pd.DataFrame({"source": "FOSS", "SampleID": [str(i + 1) for i in range(points.size)]})
        head["PointID"] = table["Point_ID"].to_numpy()[points]
        head["NUTS_0"], head["SampleN"] = country, "1"
        values = scans[rows].reshape(points.size, -1)
        paths.append(spectra / (f"spectra_ {country} .csv" if spaces else f"spectra_{country}.csv"))
        pd.concat([head, _bands(values, names)], axis=1).to_csv(paths[-1], index=False)
    return laboratory, paths


def ossl_columns(level: str = "L0", visnir: np.ndarray = OSSL_VISNIR) -> list[str]:
    """Columns of OSSL's table that are read, and those of MIR; ISO's methods stand in L0 only."""
    laboratory = [name for names in ossl.LABORATORY.values() for name in names]
    return [
        *OSSL_TEXT,
        *(name for name in laboratory if level == "L0" or "_iso" not in name),
        *(f"scan_visnir.{w}_ref" for w in visnir),
        *(f"scan_mir.{w}_abs" for w in OSSL_MIR),
    ]


def ossl_table(
    reflectance: np.ndarray,
    level: str = "L0",
    visnir: np.ndarray = OSSL_VISNIR,
    mir: np.ndarray | float = np.nan,
    seed: int = 0,
) -> pd.DataFrame:
    """OSSL's table for these vis-NIR spectra: two in three soils of LUCAS, the third of KSSL."""
    n = len(reflectance)
    rng = np.random.default_rng(seed)
    names = ossl_columns(level, visnir)
    text = pd.DataFrame("", index=range(n), columns=[c for c in names if not c.startswith("scan_")])
    lucas = np.arange(n) % 3 < 2
    text["dataset.code_ascii_txt"] = np.where(lucas, "LUCAS.SSL", "KSSL.SSL")
    text["id.layer_uuid_txt"] = [f"{i:032x}" for i in range(n)]
    text["dataset.license.title_ascii_txt"] = np.where(lucas, "JRC License Agreement", "CC-BY")
    text["location.country_iso.3166_txt"] = np.where(lucas, "", "USA")
    text["id.dataset.site_ascii_txt"] = [str(i // 2) for i in range(n)]
    text["scan.visnir.model.name_utf8_txt"] = np.where(
        lucas, "XDS Rapid Content Analyzer", "ASD Labspec 2500"
    )
    text["longitude.point_wgs84_dd"] = _text(rng.uniform(-9, 30, n), 5)
    ph, iso = _text(rng.uniform(4, 8, n), 2), "ph.h2o_iso.10390_index"
    if level == "L0":
        text[iso] = np.where(lucas, ph, "")
        text["clay.tot_iso.11277_w.pct"] = np.where(lucas, _text(rng.uniform(5, 60, n), 1), "")
        text["ph.h2o_usda.a268_index"] = np.where(lucas, "", ph)
    else:
        text["ph.h2o_usda.a268_index"] = ph
    bands = _bands(reflectance, [f"scan_visnir.{w}_ref" for w in visnir])
    absorbance = pd.DataFrame(mir, index=range(n), columns=[f"scan_mir.{w}_abs" for w in OSSL_MIR])
    return pd.concat([text, bands, absorbance], axis=1)[names]


def write_ossl(folder: Path, table: pd.DataFrame, level: str = "L0") -> Path:
    """Write ``ossl_all_L0_v1.2.csv.gz``."""
    path = Path(folder) / f"ossl_all_{level}_v1.2.csv.gz"
    table.to_csv(path, index=False, compression={"method": "gzip", "compresslevel": 1})
    return path


def _bands(values: np.ndarray, names: list[str]) -> pd.DataFrame:
    return pd.DataFrame(values, columns=names)


def _text(values: np.ndarray, decimals: int) -> list[str]:
    return [f"{value:.{decimals}f}" for value in values]


def ossl_library(
    n: int, nm: np.ndarray = OSSL_VISNIR, table: str = "visnir", seed: int = 0
) -> dict[str, pd.DataFrame]:
    """The three tables of a library of OSSL v1.3, with the columns that LUCAS has there."""
    rng = np.random.default_rng(seed)
    ids = [f"L{i:05d}" for i in range(n)]
    site = pd.DataFrame({"id.layer_local_c": ids, "dataset.code_ascii_txt": "LUCAS"})
    site["id.layer_uuid_txt"] = [f"{i:032x}" for i in range(n)]
    site["loc.country_src_txt"] = ["AT", "ES"] * (n // 2) + ["FI"] * (n % 2)
    place = rng.uniform((-9, 36), (30, 68), (n, 2)).round(2)[np.arange(n) // 2 * 2]
    site["longitude.point_wgs84_dd"], site["latitude.point_wgs84_dd"] = place.T
    site["layer.upper.depth_usda_cm"], site["layer.lower.depth_usda_cm"] = 0.0, 20.0
    lab = pd.DataFrame({"id.layer_local_c": ids[::-1]})  # tables need not share an order
    for name, low, high in (
        ("ph.h2o_iso.10390_index", 4, 8),
        ("ph.cacl2_iso.10390_index", 3.5, 7.5),
        ("clay.tot_iso.11277_w.pct", 5, 60),
        ("oc_iso.10694_w.pct", 0.5, 6),
        ("caco3_iso.10693_w.pct", 0, 40),
        ("cec_iso.11260_cmolc.kg", 2, 40),
    ):
        lab[name] = rng.uniform(low, high, n).round(2)
    spectra = _bands(10.0 ** -soil_absorbance(n, nm, seed), [f"scan_{table}.{w}_ref" for w in nm])
    spectra.insert(0, "id.layer_local_c", ids)
    return {"soilsite": site, "soillab": lab, table: spectra}


def write_ossl_library(folder: Path, tables: dict[str, pd.DataFrame] | int) -> Path:
    """Write a library of OSSL v1.3 into the folder of its code; a number makes so many soils."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in (ossl_library(tables) if isinstance(tables, int) else tables).items():
        table.to_parquet(folder / f"ossl_{name}_v1.3.parquet", index=False)
    return folder


def icraf_tables(world: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """ICRAF-ISRIC's own table as the three tables of OSSL v1.3."""
    site = {
        "id": "id.layer_local_c",
        "profile": "id.profile_local_c",
        "country": "loc.country_src_txt",
        "lon": "longitude.point_wgs84_dd",
        "lat": "latitude.point_wgs84_dd",
        "top_cm": "layer.upper.depth_usda_cm",
        "bottom_cm": "layer.lower.depth_usda_cm",
    }
    lab = {
        "id": "id.layer_local_c",
        "ph_h2o": "ph.h2o_usda.a268_index",
        "clay_pct": "clay.tot_usda.a334_w.pct",
        "oc_pct": "oc_usda.c1059_w.pct",
        "caco3_pct": "caco3_usda.a54_w.pct",
        "cec_cmolc_kg": "cec_usda.a723_cmolc.kg",
    }
    bands = {name: f"scan_visnir.{name}_ref" for name in world if name.isdigit()}
    parts = {"soilsite": site, "soillab": lab, "visnir": {"id": "id.layer_local_c", **bands}}
    return {name: world[list(columns)].rename(columns=columns) for name, columns in parts.items()}
