"""OSSL: libraries one by one (v1.3), or one table (v1.2), checked, read by method, level and dataset."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soilpb.readers import ossl
from soilpb.readers.libraries import check_source
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid, resample
from tests import layouts

GRID = band_grid(400, 2490, 10)
N = 12
PUBLISHED = Path(__file__).parents[2].parent / "shared" / "data" / "ossl"
needs_published = pytest.mark.skipif(
    not PUBLISHED.exists(), reason=f"OSSL's own files are not in {PUBLISHED}"
)


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
    assert both.provenance.instrument == "ASD Labspec 2500; XDS Rapid Content Analyzer"
    assert note(both, "by iso.10390") == "pH in water by iso.10390: 8"
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
    assert note(soils, "vis-NIR spectrum") == "10 of 12 rows have a vis-NIR spectrum, 10 on all of the grid"
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
    assert note(soils, "reflectance outside").startswith("1 spectra")
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
    """A page of the web under OSSL's name, and a table without ids, are refused."""
    path = tmp_path / "ossl_all_L0_v1.2.csv.gz"
    path.write_text("<html>\n<body>403 forbidden</body>\n")
    with pytest.raises(SiteError, match="none of its 1 columns is a band"):
        ossl.load_ossl(tmp_path, GRID)
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance).drop(columns="id.layer_uuid_txt"))
    with pytest.raises(SiteError, match="no column 'id.layer_uuid_txt'"):
        ossl.load_ossl(tmp_path, GRID)


def test_one_table_is_expected(tmp_path, reflectance):
    """With both levels there one must go, and with none the message names the command that gets one."""
    with pytest.raises(SiteError, match="soilpb fetch ossl"):
        ossl.load_ossl(tmp_path, GRID)
    for level in ("L0", "L1"):
        layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance, level), level)
    with pytest.raises(SiteError, match="move the others out"):
        ossl.load_ossl(tmp_path, GRID)


@needs_published
@pytest.mark.parametrize("level", ["L0", "L1"])
def test_columns_are_those_that_ossl_publishes(level):
    """The reader's names are those of OSSL's own dictionaries."""
    files = {"soilsite": "ossl_name", "visnir": "ossl_name", "soillab": "ossl_name"}
    published = set()
    for file, column in files.items():
        with open(PUBLISHED / f"ossl_level0_names_{file}.csv", encoding="utf-8") as lines:
            published |= {row[column] for row in csv.DictReader(lines)}
    with open(PUBLISHED / "ossl_level1_names_soillab.csv", encoding="utf-8") as lines:
        published |= {row["ossl_name_level1"] for row in csv.DictReader(lines)}
    read = {name for name in layouts.ossl_columns(level) if not name.startswith("scan_")}
    assert read <= published


@needs_published
def test_twenty_real_spectra(tmp_path):
    """Twenty published spectra, 350–2500 nm every 1 nm, come through table and reader unharmed."""
    real = pd.read_csv(PUBLISHED / "sample_visnir_data.csv").drop(columns="sample_id")
    wavelengths = real.columns.to_numpy(int)
    layouts.write_ossl(tmp_path, layouts.ossl_table(real.to_numpy(), visnir=wavelengths))
    soils = ossl.load_ossl(tmp_path, GRID)
    np.testing.assert_allclose(soils.reflectance, resample(wavelengths, real.to_numpy(), GRID), atol=1e-6)


def test_a_check_counts_licences_and_hash(tmp_path, reflectance, monkeypatch):
    """A check counts spectra by dataset with their licence, and compares the recorded hash."""
    monkeypatch.setattr(ossl, "N_ROWS", N)
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    found = check_source("ossl", tmp_path)
    assert all(finding.good for finding in found)
    texts = [finding.text for finding in found]
    assert "12 rows have a vis-NIR spectrum, 12 also pH in water" in texts
    assert "LUCAS.SSL: 8 spectra, licence JRC License Agreement" in texts
    path.with_name(f"{path.name}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    (bad,) = [finding.text for finding in check_source("ossl", tmp_path) if not finding.good]
    assert bad.endswith(f"(not {'0' * 64})")


def test_a_cut_download_is_a_finding(tmp_path, reflectance):
    """A download that broke off is reported as such, not raised."""
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    path.write_bytes(path.read_bytes()[:-4000])
    assert "is the file complete?" in check_source("ossl", tmp_path)[-1].text
