"""Write small libraries in the exact layouts of LUCAS 2009, LUCAS 2015 and OSSL.

The readers' tests read them back, and the benchmarks measure loading on large ones.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

LUCAS_BANDS = np.arange(400, 2500, 0.5)
OSSL_VISNIR = np.arange(400, 2501, 2)
OSSL_MIR = np.arange(600, 4001, 2)

LUCAS_2009 = (
    "sample.ID POINT_ID iso.country date SURV_DATE GPS_LONG GPS_LAT LC1 LU1 mineral WRBFU coarse clay silt "
    "sand pH.in.CaCl2 pH.in.H2O OC CaCO3 N P K CEC"
).split()
LUCAS_2015 = (
    "Point_ID Revisited_point Coarse Clay Sand Silt pH(CaCl2) pH(H2O) EC OC CaCO3 P N K Elevation LC1 LU1 "
    "Soil_Stones NUTS_0 NUTS_1 NUTS_2 NUTS_3 LC1_Desc LU1_Desc"
).split()

OSSL_SITE = """
dataset.code_ascii_txt id.layer_uuid_txt id.layer_local_c longitude.point_wgs84_dd latitude.point_wgs84_dd
layer.sequence_usda_uint16 layer.upper.depth_usda_cm layer.lower.depth_usda_cm
observation.date.begin_iso.8601_yyyy.mm.dd observation.date.end_iso.8601_yyyy.mm.dd
surveyor.title_utf8_txt id.project_ascii_txt id.location_olc_txt layer.texture_usda_txt
pedon.taxa_usda_txt horizon.designation_usda_txt longitude.county_wgs84_dd latitude.county_wgs84_dd
location.point.error_any_m location.country_iso.3166_txt observation.ogc.schema.title_ogc_txt
observation.ogc.schema_idn_url surveyor.contact_ietf_email surveyor.address_utf8_txt
dataset.title_utf8_txt dataset.owner_utf8_txt dataset.address_idn_url dataset.doi_idf_url
dataset.license.title_ascii_txt dataset.license.address_idn_url dataset.contact.name_utf8_txt
dataset.contact_ietf_email id.dataset.site_ascii_txt
""".split()
OSSL_LABORATORY = {
    "L0": """
acidity_usda.a795_cmolc.kg aggstb_usda.a1_w.pct al.dith_usda.a65_w.pct al.ext_aquaregia_g.kg
al.ext_usda.a1056_mg.kg al.ext_usda.a69_cmolc.kg al.ox_usda.a59_w.pct awc.33.1500kPa_usda.c80_w.frac
b.ext_mel3_mg.kg bd_iso.11272_g.cm3 bd_usda.a21_g.cm3 bd_usda.a4_g.cm3 c.tot_iso.10694_w.pct
c.tot_usda.a622_w.pct ca.ext_aquaregia_mg.kg ca.ext_usda.a1059_mg.kg ca.ext_usda.a722_cmolc.kg
caco3_iso.10693_w.pct caco3_usda.a54_w.pct cec_iso.11260_cmolc.kg cec_usda.a723_cmolc.kg
cf_iso.11464_w.pct cf_usda.c236_w.pct clay.tot_iso.11277_w.pct clay.tot_usda.a334_w.pct
cu.ext_usda.a1063_mg.kg ec_iso.11265_ds.m ec_usda.a364_ds.m efferv_usda.a479_class fe.dith_usda.a66_w.pct
fe.ext_aquaregia_g.kg fe.ext_usda.a1064_mg.kg fe.ox_usda.a60_w.pct k.ext_aquaregia_mg.kg
k.ext_usda.a1065_mg.kg k.ext_usda.a725_cmolc.kg mg.ext_aquaregia_mg.kg mg.ext_usda.a1066_mg.kg
mg.ext_usda.a724_cmolc.kg mn.ext_aquaregia_mg.kg mn.ext_usda.a1067_mg.kg mn.ext_usda.a70_mg.kg
n.tot_iso.11261_w.pct n.tot_iso.13878_w.pct n.tot_usda.a623_w.pct na.ext_aquaregia_mg.kg
na.ext_usda.a1068_mg.kg na.ext_usda.a726_cmolc.kg oc_iso.10694_w.pct oc_usda.c1059_w.pct
oc_usda.c729_w.pct p.ext_aquaregia_mg.kg p.ext_iso.11263_mg.kg p.ext_usda.a1070_mg.kg
p.ext_usda.a270_mg.kg p.ext_usda.a274_mg.kg p.ext_usda.a652_mg.kg ph.cacl2_iso.10390_index
ph.cacl2_usda.a477_index ph.cacl2_usda.a481_index ph.h2o_iso.10390_index ph.h2o_usda.a268_index
s.ext_mel3_mg.kg s.tot_usda.a624_w.pct sand.tot_iso.11277_w.pct sand.tot_usda.c405_w.pct
sand.tot_usda.c60_w.pct silt.tot_iso.11277_w.pct silt.tot_usda.c407_w.pct silt.tot_usda.c62_w.pct
wr.10kPa_usda.a414_w.pct wr.10kPa_usda.a8_w.pct wr.1500kPa_usda.a417_w.pct wr.33kPa_usda.a415_w.pct
wr.33kPa_usda.a9_w.pct zn.ext_usda.a1073_mg.kg
""".split(),
    "L1": """
acidity_usda.a795_cmolc.kg aggstb_usda.a1_w.pct al.dith_usda.a65_w.pct al.ext_aquaregia_g.kg
al.ext_usda.a1056_mg.kg al.ext_usda.a69_cmolc.kg al.ox_usda.a59_w.pct awc.33.1500kPa_usda.c80_w.frac
b.ext_mel3_mg.kg bd_usda.a4_g.cm3 c.tot_usda.a622_w.pct ca.ext_aquaregia_mg.kg ca.ext_usda.a1059_mg.kg
ca.ext_usda.a722_cmolc.kg caco3_usda.a54_w.pct cec_usda.a723_cmolc.kg cf_usda.c236_w.pct
clay.tot_usda.a334_w.pct cu.ext_usda.a1063_mg.kg ec_usda.a364_ds.m efferv_usda.a479_class
fe.dith_usda.a66_w.pct fe.ext_aquaregia_g.kg fe.ext_usda.a1064_mg.kg fe.ox_usda.a60_w.pct
k.ext_aquaregia_mg.kg k.ext_usda.a1065_mg.kg k.ext_usda.a725_cmolc.kg mg.ext_aquaregia_mg.kg
mg.ext_usda.a1066_mg.kg mg.ext_usda.a724_cmolc.kg mn.ext_aquaregia_mg.kg mn.ext_usda.a1066_mg.kg
mn.ext_usda.a70_mg.kg n.tot_usda.a623_w.pct na.ext_aquaregia_mg.kg na.ext_usda.a1068_mg.kg
na.ext_usda.a726_cmolc.kg oc_usda.c729_w.pct p.ext_aquaregia_mg.kg p.ext_usda.a1070_mg.kg
p.ext_usda.a270_mg.kg p.ext_usda.a274_mg.kg ph.cacl2_usda.a481_index ph.h2o_usda.a268_index
s.ext_mel3_mg.kg s.tot_usda.a624_w.pct sand.tot_usda.c60_w.pct silt.tot_usda.c62_w.pct
wr.10kPa_usda.a414_w.pct wr.1500kPa_usda.a417_w.pct wr.33kPa_usda.a415_w.pct zn.ext_usda.a1073_mg.kg
""".split(),
}
OSSL_SCAN_VISNIR = """
id.scan_local_c scan.visnir.date.begin_iso.8601_yyyy.mm.dd scan.visnir.date.end_iso.8601_yyyy.mm.dd
scan.visnir.model.name_utf8_txt scan.visnir.model.code_any_txt scan.visnir.method.optics_any_txt
scan.visnir.method.preparation_any_txt scan.visnir.license.title_ascii_txt
scan.visnir.license.address_idn_url scan.visnir.doi_idf_url scan.visnir.contact.name_utf8_txt
scan.visnir.contact.email_ietf_txt
""".split()
OSSL_SCAN_MIR = """
scan.mir.date.begin_iso.8601_yyyy.mm.dd scan.mir.date.end_iso.8601_yyyy.mm.dd scan.mir.model.name_utf8_txt
scan.mir.model.code_any_txt scan.mir.method.optics_any_txt scan.mir.method.preparation_any_txt
scan.mir.license.title_ascii_txt scan.mir.license.address_idn_url scan.mir.doi_idf_url
scan.mir.contact.name_utf8_txt scan.mir.contact.email_ietf_txt
""".split()


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
    for name, high in (
        ("clay", 50),
        ("silt", 50),
        ("sand", 90),
        ("coarse", 30),
        ("N", 5),
        ("P", 80),
        ("K", 400),
    ):
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
    """All columns of OSSL's table, in their order."""
    return [
        *OSSL_SITE,
        *OSSL_LABORATORY[level],
        *OSSL_SCAN_VISNIR,
        *(f"scan_visnir.{w}_ref" for w in visnir),
        *OSSL_SCAN_MIR,
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
