"""OSSL: libraries one by one (v1.3), or one table (v1.2), checked, read by method, level and dataset."""

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict

from soilpb.readers.libraries import ossl
from soilpb.readers.libraries.checks import check_source
from soilpb.site_file import SiteError
from soilpb.spectra import WARN, absorbance, band_grid, resample
from tests import layouts
from tests.cases import shared_data

GRID = band_grid(400, 2490, 10)
N = 12


@pytest.fixture(scope="module")
def reflectance():
    return np.round(10.0 ** -layouts.soil_absorbance(N, layouts.OSSL_VISNIR), 6)


def note(soils, words):
    """The one note that contains ``words``."""
    (found,) = [n for n in soils.provenance.notes if words in n]
    return found


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_a_level_is_read_back(tmp_path, reflectance, level):
    """Both levels give the table's reflectance on the grid, and its pH whatever the column."""
    table = layouts.ossl_table(reflectance, level)
    layouts.write_ossl(tmp_path, table, level)
    soils = ossl.load_ossl(tmp_path, GRID)
    assert soils.provenance.name == f"OSSL {level} v1.2"
    assert soils.samples.index.tolist() == table["id.layer_uuid_txt"].tolist()
    np.testing.assert_allclose(soils.reflectance, resample(layouts.OSSL_VISNIR, reflectance, GRID), atol=1e-6)
    columns = [name for name in ("ph.h2o_iso.10390_index", "ph.h2o_usda.a268_index") if name in table]
    ph = table[columns].apply(pd.to_numeric).bfill(axis=1).iloc[:, 0]
    np.testing.assert_allclose(soils.values("pH"), ph)


def test_provenance_names_datasets_licences_instruments_and_methods(tmp_path, reflectance):
    """Whose soils they are, under which licence and measured how, follows the filters."""
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    both = ossl.load_ossl(tmp_path, GRID)
    assert both.provenance.licence == "KSSL.SSL: CC-BY; LUCAS.SSL: JRC License Agreement"
    assert both.provenance.instrument == "KSSL.SSL: ASD Labspec 2500; LUCAS.SSL: XDS Rapid Content Analyzer"
    assert note(both, "by iso.10390") == "pH by iso.10390 (8) and usda.a268 (4)"
    one = ossl.load_ossl(tmp_path, GRID, datasets=["KSSL.SSL"])
    assert one.provenance.licence == "KSSL.SSL: CC-BY"
    assert note(one, "of dataset") == "4 of 12 soils are of dataset KSSL.SSL"
    assert set(one.samples["group"]) == {"KSSL.SSL"}


@pytest.mark.parametrize("wanted", [{"countries": ["USA"]}, {"datasets": ["KSSL.SSL"]}])
def test_filters_keep_what_they_name(tmp_path, reflectance, wanted):
    """The four soils of KSSL are those of the USA; a filter that names nothing lists what could be named."""
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    soils = ossl.load_ossl(tmp_path, GRID, **wanted)
    assert soils.samples["dataset"].tolist() == ["KSSL.SSL"] * 4
    with pytest.raises(SiteError, match=r"has no .*; it has .*(USA|LUCAS.SSL)"):
        ossl.load_ossl(tmp_path, GRID, **{column: ["LUCAS"] for column in wanted})


def test_rows_without_spectra_or_ph_are_counted(tmp_path, reflectance):
    """Rows without vis-NIR (MIR alone) and soils without pH are dropped and counted."""
    table = layouts.ossl_table(reflectance)
    visnir = [name for name in table if name.startswith("scan_visnir.")]
    table.loc[[1, 4], visnir] = np.nan
    table.loc[2, "ph.h2o_usda.a268_index"] = "NA"
    layouts.write_ossl(tmp_path, table)
    soils = ossl.load_ossl(tmp_path, GRID)
    assert soils.n_samples == 9
    assert note(soils, "on all").endswith("10 of 12 rows have a spectrum, 10 on all of the grid")
    assert "1 of 10 samples without pH dropped" in soils.provenance.notes
    assert soils.samples.index[1] == table.loc[2 + 1, "id.layer_uuid_txt"]


def test_the_first_method_with_a_value_counts(tmp_path, reflectance):
    """Where pH was measured by two methods ISO's counts, and where ISO's is missing the other."""
    table = layouts.ossl_table(reflectance)
    table["ph.h2o_usda.a268_index"] = "5.5"
    table["ph.h2o_iso.10390_index"] = ["6.5", "NA"] * (N // 2)
    layouts.write_ossl(tmp_path, table)
    soils = ossl.load_ossl(tmp_path, GRID)
    assert soils.values("pH").tolist() == [6.5, 5.5] * (N // 2)
    assert soils.samples["pH_method"].tolist() == ["iso.10390", "usda.a268"] * (N // 2)


def test_spectra_that_start_at_400_beside_some_that_start_at_350(tmp_path):
    """LUCAS's rows, empty below 400 nm, read as if the columns below 400 were not there."""
    wide = np.arange(350, 2501, 2)
    reflectance = np.round(10.0 ** -layouts.soil_absorbance(N, np.maximum(wide, 400)), 6)
    reflectance[:6, wide < 400] = np.nan
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance, visnir=wide))
    soils = ossl.load_ossl(tmp_path, GRID)
    alone = resample(wide[wide >= 400], reflectance[:6, wide >= 400], GRID)
    np.testing.assert_allclose(soils.reflectance[:6], alone, atol=1e-6)
    assert ossl.load_ossl(tmp_path, band_grid(360, 2490, 10)).n_samples == 6


def test_impossible_reflectance_is_dropped_and_counted(tmp_path, reflectance):
    """One spectrum of percent among fractions is dropped; a table of percent is refused."""
    table = layouts.ossl_table(np.vstack([reflectance[:-1], 100 * reflectance[-1:]]))
    layouts.write_ossl(tmp_path, table)
    soils = ossl.load_ossl(tmp_path, GRID)
    assert note(soils, "or outside").startswith("1 spectra")
    layouts.write_ossl(tmp_path, layouts.ossl_table(100 * reflectance))
    with pytest.raises(ValueError, match="looks like percent"):
        ossl.load_ossl(tmp_path, GRID)


def test_rows_of_one_layer_are_averaged(tmp_path, reflectance):
    """Two rows with one layer id are two scans of one soil."""
    table = layouts.ossl_table(np.vstack([reflectance[:2], reflectance[:2] * 1.04]))
    table["id.layer_uuid_txt"] = ["a", "b", "a", "b"]
    layouts.write_ossl(tmp_path, table)
    soils = ossl.load_ossl(tmp_path, GRID)
    expected = resample(layouts.OSSL_VISNIR, reflectance[:2] * 1.02, GRID)
    np.testing.assert_allclose(soils.reflectance, expected, rtol=1e-4)


def test_cached_load_serves_every_filter(tmp_path, reflectance):
    """One conversion serves all properties and filters, with equal results."""
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    first = ossl.load_ossl(tmp_path, GRID, datasets=["LUCAS.SSL"], cache=tmp_path / "cache")
    again = ossl.load_ossl(tmp_path, GRID, datasets=["LUCAS.SSL"], cache=tmp_path / "cache")
    clay = ossl.load_ossl(tmp_path, GRID, property="clay_pct", cache=tmp_path / "cache")
    assert first.sha256() == again.sha256()
    assert first.provenance == again.provenance
    assert clay.n_samples == 8
    assert len(list((tmp_path / "cache").glob("ossl-*"))) == 1


def test_what_is_no_ossl_table_is_refused(tmp_path, reflectance):
    """A page of the web under OSSL's name, a table without ids, and one without the visible are refused."""
    path = tmp_path / "ossl_all_L0_v1.2.csv.gz"
    path.write_text("<html>\n<body>403 forbidden</body>\n")
    with pytest.raises(SiteError, match="none of its 1 columns is a band"):
        ossl.load_ossl(tmp_path, GRID)
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance).drop(columns="id.layer_uuid_txt"))
    with pytest.raises(SiteError, match="no column 'id.layer_uuid_txt'"):
        ossl.load_ossl(tmp_path, GRID)
    half = np.where(layouts.OSSL_VISNIR < 1000, np.nan, reflectance)
    layouts.write_ossl(tmp_path, layouts.ossl_table(half))
    with pytest.raises(SiteError, match="no soil of .*v1.2.csv.gz with a spectrum on all of 400–2490 nm"):
        ossl.load_ossl(tmp_path, GRID)


def test_one_table_is_expected(tmp_path, reflectance):
    """With both levels there one must go, and with none the message names the command that gets one."""
    with pytest.raises(SiteError, match="soilpb fetch ossl"):
        ossl.load_ossl(tmp_path, GRID)
    for level in ("L0", "L1"):
        layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance, level), level)
    with pytest.raises(SiteError, match="move the others out"):
        ossl.load_ossl(tmp_path, GRID)


@pytest.mark.parametrize("level", ["L0", "L1"])
def test_columns_are_those_that_ossl_publishes(level):
    """The reader's names are those of OSSL's own dictionaries."""
    published = set()
    for file in (
        "level0_names_soilsite",
        "level0_names_visnir",
        "level0_names_soillab",
        "level1_names_soillab",
    ):
        names = pd.read_csv(shared_data(f"ossl/ossl_{file}.csv"))
        published |= set(names["ossl_name_level1" if "level1" in file else "ossl_name"])
    read = {name for name in layouts.ossl_columns(level) if not name.startswith("scan_")}
    assert read <= published


def test_twenty_real_spectra(tmp_path):
    """Twenty published spectra, 350–2500 nm every 1 nm, come through table and reader unharmed."""
    real = pd.read_csv(shared_data("ossl/sample_visnir_data.csv")).drop(columns="sample_id")
    wavelengths = real.columns.to_numpy(int)
    layouts.write_ossl(tmp_path, layouts.ossl_table(real.to_numpy(), visnir=wavelengths))
    soils = ossl.load_ossl(tmp_path, GRID)
    np.testing.assert_allclose(soils.reflectance, resample(wavelengths, real.to_numpy(), GRID), atol=1e-6)


def test_a_check_counts_licences_and_hash(tmp_path, reflectance, monkeypatch):
    """A check counts spectra by dataset with their licence, and compares the recorded hash."""
    monkeypatch.setattr(ossl, "N_ROWS", N)
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    found = check_source("ossl", tmp_path)
    assert not any(text.startswith(WARN) for text in found)
    assert f"{path.name}: 12 soils" in found
    assert f"{path.name}: licence KSSL.SSL: CC-BY; LUCAS.SSL: JRC License Agreement" in found
    path.with_name(f"{path.name}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    (bad,) = [text for text in check_source("ossl", tmp_path) if text.startswith(WARN)]
    assert bad.endswith(f"(not {'0' * 64})")


def test_a_cut_download_is_a_finding(tmp_path, reflectance):
    """A download that broke off is reported as such, not raised."""
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    path.write_bytes(path.read_bytes()[:-4000])
    assert "cannot be read" in check_source("ossl", tmp_path)[-1]


LUCAS_NM = np.arange(400, 2501, 2)


def library(folder, n=N, code="LUCAS", change=None, **options):
    """Write a library of v1.3, its tables changed by a function, and return the tables as written."""
    tables = layouts.ossl_library(n, **options)
    if change:
        change(tables)
    layouts.write_ossl_library(folder / code, tables)
    return tables


def test_a_library_is_read_back(tmp_path):
    """Spectra, laboratory values and places meet by id, whatever the order of their rows."""
    tables = library(tmp_path)
    soils = ossl.load_ossl(tmp_path, GRID, datasets=["LUCAS"])
    spectra = tables["visnir"].set_index("id.layer_local_c")
    assert soils.samples.index.tolist() == spectra.index.tolist()
    expected = resample(LUCAS_NM, spectra.to_numpy(), GRID)
    np.testing.assert_allclose(soils.reflectance, expected, atol=1e-6)
    laboratory = tables["soillab"].set_index("id.layer_local_c").loc[spectra.index]
    for ours, theirs in (("pH", "ph.h2o_iso.10390_index"), ("SOC_pct", "oc_iso.10694_w.pct")):
        np.testing.assert_allclose(soils.values(ours), laboratory[theirs])
    assert soils.samples["group"].nunique() == N // 2  # two soils a place
    assert soils.samples["country"].tolist() == ["AT", "ES"] * (N // 2)
    assert soils.values("bottom_cm").tolist() == [20.0] * N
    assert soils.provenance.instrument == "LUCAS: FOSS XDS Rapid Content Analyzer"
    assert "pH by iso.10390 (12)" in soils.provenance.notes


def test_dtypes_and_missing_values_change_nothing(tmp_path):
    """Ids as numbers in one table, text for numbers, NA, -999 and empty cells read as they should."""
    library(tmp_path / "a")
    plain = ossl.load_ossl(tmp_path / "a", GRID)

    def change(tables):
        site, lab, spectra = tables.values()
        for table in (site, lab, spectra):
            table["id.layer_local_c"] = table["id.layer_local_c"].str[1:].astype(int) + 1
        lab["id.layer_local_c"] = lab["id.layer_local_c"].astype(float)
        site[KEY] = site["id.layer_local_c"].astype(str)
        spectra["scan_visnir.2400_ref"] = spectra["scan_visnir.2400_ref"].astype(str)
        spectra["scan_visnir.402_ref"] = (
            spectra["scan_visnir.402_ref"].astype(object).where(spectra.index != 3)
        )
        spectra.loc[5, "scan_visnir.1000_ref"] = -999.0
        lab["clay.tot_iso.11277_w.pct"] = (
            lab["clay.tot_iso.11277_w.pct"].astype(str).mask(lab.index == 0, "NA")
        )
        lab["cec_iso.11260_cmolc.kg"] = -999.0
        site["loc.country_src_txt"] = None

    library(tmp_path / "b", change=change)
    soils = ossl.load_ossl(tmp_path / "b", GRID)
    assert soils.samples.index.tolist() == [str(i + 1) for i in range(N)]
    np.testing.assert_allclose(soils.reflectance, plain.reflectance, atol=3e-4)
    np.testing.assert_allclose(soils.values("pH"), plain.values("pH"))
    assert np.isnan(soils.values("clay_pct")).tolist() == [False] * (N - 1) + [True]
    assert np.isnan(soils.values("CEC_cmol_kg")).all()


def test_another_ph_is_never_taken_for_ph_in_water(tmp_path):
    """A library with pH in KCl alone and no clay, as Hungary's, is refused for pH, and read for pH in KCl."""

    def change(tables):
        lab = tables["soillab"]
        tables["soillab"] = lab[["id.layer_local_c", "caco3_iso.10693_w.pct"]].assign(
            **{"ph_kcl_iso.10390_index": lab["ph.h2o_iso.10390_index"], "oc_wb1934_w.pct": 2.0}
        )

    library(tmp_path, code="HSDOS", change=change)
    with pytest.raises(SiteError, match="HSDOS has no pH in water; it has .*pH_KCl.*source_datasets"):
        ossl.load_ossl(tmp_path, GRID)
    soils = ossl.load_ossl(tmp_path, GRID, property="pH_KCl")
    assert soils.n_samples == N
    assert "clay_pct" not in soils.samples
    assert {"pH_KCl by iso.10390 (12)", "SOC_pct by wb1934 (12)"} <= set(soils.provenance.notes)


def test_libraries_are_put_together(tmp_path):
    """Ids and groups of several libraries begin with their code, and the instrument of each is named."""
    library(tmp_path)
    library(tmp_path, code="ICRAF_ISRIC", nm=np.arange(350, 2501, 2), seed=1)
    both = ossl.load_ossl(tmp_path, GRID, datasets=["LUCAS", "ICRAF_ISRIC"])
    assert both.samples.index[[0, N]].tolist() == ["LUCAS L00000", "ICRAF_ISRIC L00000"]
    assert (
        both.provenance.instrument == "ICRAF_ISRIC: ASD FieldSpec FR; LUCAS: FOSS XDS Rapid Content Analyzer"
    )
    assert both.samples.groupby("group")["dataset"].nunique().eq(1).all()
    one = ossl.load_ossl(tmp_path, GRID, datasets=["LUCAS"])
    np.testing.assert_array_equal(both.reflectance[:N], one.reflectance)
    with pytest.raises(SiteError, match="no library BESB .*it has ICRAF_ISRIC, LUCAS.*soilpb fetch besb"):
        ossl.load_ossl(tmp_path, GRID, datasets=["BESB"])


def test_near_infrared_alone_says_its_range(tmp_path):
    """A library without the visible is read where a site asks for its range, and else names it."""
    library(tmp_path, code="AUT", nm=np.arange(680, 2501, 2), table="nir")
    with pytest.raises(SiteError, match=r"ossl_nir_v1.3.parquet: .*measured 680–2500 nm; set band_start"):
        ossl.load_ossl(tmp_path, GRID)
    assert ossl.load_ossl(tmp_path, band_grid(700, 2490, 10)).n_samples == N


def test_repeated_and_lonely_ids_are_counted(tmp_path):
    """Scans of one id are averaged; an id of one table only is dropped, or has no place; all are counted."""

    def change(tables):
        site, lab, spectra = tables.values()
        again = spectra.iloc[[0]].copy()
        again.iloc[0, 1:] *= 1.02
        tables["visnir"] = pd.concat([spectra, again])
        tables["soillab"] = pd.concat([lab[lab["id.layer_local_c"] != "L00003"], lab.iloc[[4]]])
        tables["soilsite"] = site[site["id.layer_local_c"] != "L00005"]

    tables = library(tmp_path, change=change)
    soils = ossl.load_ossl(tmp_path, GRID)
    assert soils.n_samples == N - 1
    first = tables["visnir"].iloc[[0], 1:].to_numpy()
    np.testing.assert_allclose(soils.reflectance[:1], 1.01 * resample(LUCAS_NM, first, GRID), rtol=1e-4)
    assert note(soils, "not in ossl_soillab").startswith("1 of 12 scanned soils")
    assert note(soils, "not in ossl_soilsite").startswith("1 of 12")
    assert soils.samples.loc["L00005", "group"] == "L00005"


KEY = "id.layer_local_c"


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        (
            "soillab",
            lambda t: pd.concat([t, t.assign(**{"oc_iso.10694_w.pct": 1.0})]),
            "contradict",
        ),
        ("visnir", lambda t: t.drop(columns=KEY), "no column 'id.layer_local_c'"),
        ("soilsite", lambda t: t.drop(columns=KEY), "no column 'id.layer_local_c'"),
        ("soillab", lambda t: t.assign(**{"ph.h2o_iso.10390_index": 70.0}), "no pH between 1 and 13"),
        ("soillab", lambda t: t.assign(**{KEY: [f"x{i}" for i in range(N)]}), "fetch lucas again"),
        ("visnir", lambda t: t[[KEY]], "none of its 1 columns is a band"),
        ("visnir", lambda t: t.assign(**{"scan_visnir.500_ref": "high"}), "expected .* numbers in its bands"),
        ("visnir", None, "is not there.*run soilpb fetch lucas again"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, table, change, message):
    """Tables that cannot be joined with certainty are refused in one message that names the file."""

    def changed(tables):
        old = tables.pop(table)
        tables.update({table: change(old)} if change else {})

    library(tmp_path, change=changed)
    with pytest.raises(SiteError, match=f"ossl_{table}_v1.3.parquet.*{message}"):
        ossl.load_ossl(tmp_path, GRID)


@pytest.mark.parametrize("table", ["soilsite", "soillab", "visnir"])
@pytest.mark.parametrize("damage", ["cut", "html"])
def test_a_damaged_table_is_refused(tmp_path, table, damage):
    """A cut file, or a page of the web under its name, is refused with its name and what to do."""
    library(tmp_path)
    path = tmp_path / "LUCAS" / f"ossl_{table}_v1.3.parquet"
    path.write_bytes(path.read_bytes()[:-500] if damage == "cut" else b"<html>403</html>")
    with pytest.raises(SiteError, match=f"{path.name} cannot be read.*delete it and run soilpb fetch again"):
        ossl.load_ossl(tmp_path, GRID)


def test_simulated_files_say_so(tmp_path):
    """Files of the rehearsal name themselves simulated, and so do the pages made of them."""
    library(tmp_path, change=lambda t: t["soilsite"].insert(1, "dataset.title_utf8_txt", "simulated"))
    assert ossl.load_ossl(tmp_path, GRID).provenance.kind == "simulated"


def test_a_check_names_soils_and_methods_of_a_library(tmp_path):
    """A check of one library counts its soils and names the method of each property."""
    library(tmp_path)
    found = check_source("lucas", tmp_path)
    assert not any(text.startswith(WARN) for text in found)
    assert {"LUCAS: 12 soils", "LUCAS: clay_pct by iso.11277 (12)"} <= set(found)
    assert check_source("besb", tmp_path)[0].startswith(WARN)


def test_the_world_library_is_the_same_either_way(tmp_path):
    """4,168 measured soils, written in v1.3's layout: the same soils, pH and R² as read directly."""
    world = pd.read_parquet(shared_data("icraf_isric/icraf_isric_visnir.parquet"))
    layouts.write_ossl_library(tmp_path / "ICRAF_ISRIC", layouts.icraf_tables(world))
    soils = ossl.load_ossl(tmp_path, GRID, datasets=["ICRAF_ISRIC"])
    direct = world[world["ph_h2o"].notna()]
    nm = [name for name in world if name.isdigit()]
    X = resample(np.array(nm, dtype=float), direct[nm].to_numpy(), GRID)
    assert soils.samples.index.tolist() == direct["id"].tolist()
    assert soils.samples["group"].tolist() == direct["profile"].tolist()
    np.testing.assert_array_equal(soils.values("pH"), direct["ph_h2o"])
    np.testing.assert_allclose(soils.reflectance, X, atol=2e-7)
    folds = GroupKFold(5, shuffle=True, random_state=0)
    r2 = [
        r2_score(y, cross_val_predict(PLSRegression(12), spectra, y, cv=folds, groups=groups))
        for spectra, y, groups in (
            (soils.absorbance, soils.values("pH"), soils.samples["group"]),
            (absorbance(X), direct["ph_h2o"].to_numpy(), direct["profile"]),
        )
    ]
    assert r2[0] == pytest.approx(r2[1], abs=1e-3)
    assert r2[0] > 0.4
