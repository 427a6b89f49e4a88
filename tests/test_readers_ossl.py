import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soilpb.readers import ossl
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid, resample
from tests import layouts

GRID = band_grid(400, 2490, 10)
N = 12
PUBLISHED = Path(__file__).parents[1].parent / "shared" / "data" / "ossl"
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


@pytest.mark.parametrize(
    "wanted", [{"countries": ["USA"]}, {"ph_method": "usda.a268"}, {"datasets": ["KSSL.SSL"]}]
)
def test_filters_keep_what_they_name(tmp_path, reflectance, wanted):
    """The four soils of KSSL are those of the USA, and those whose pH was measured by a268."""
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    soils = ossl.load_ossl(tmp_path, GRID, **wanted)
    assert soils.samples["dataset"].tolist() == ["KSSL.SSL"] * 4


@pytest.mark.parametrize("wanted", [{"countries": ["Usa"]}, {"ph_method": "h2o"}, {"datasets": ["LUCAS"]}])
def test_an_unknown_filter_names_what_there_is(tmp_path, reflectance, wanted):
    """A filter that names nothing is an error that lists what could be named."""
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    with pytest.raises(SiteError, match=r"has no .*; it has .*(USA|usda.a268|LUCAS.SSL)"):
        ossl.load_ossl(tmp_path, GRID, **wanted)


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


def test_soils_of_one_place_share_a_site(tmp_path, reflectance):
    """Points that LUCAS visited twice can be kept on one side of a split."""
    table = layouts.ossl_table(reflectance)
    layouts.write_ossl(tmp_path, table)
    soils = ossl.load_ossl(tmp_path, GRID)
    assert soils.samples["site"].tolist() == table["id.dataset.site_ascii_txt"].tolist()


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


def test_an_unpacked_table_is_read_whatever_its_name(tmp_path, reflectance):
    """Browsers unpack gzip and may keep the name: the content tells."""
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    packed = ossl.load_ossl(tmp_path, GRID)
    layouts.ossl_table(reflectance).to_csv(path, index=False, compression=None)
    assert ossl.load_ossl(tmp_path, GRID).sha256() == packed.sha256()


def test_a_cut_download_is_refused(tmp_path, reflectance):
    """A download that broke off is refused, and the message says so."""
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(SiteError, match="is the file complete"):
        ossl.load_ossl(tmp_path, GRID)


def test_what_is_no_ossl_table_is_refused(tmp_path, reflectance):
    """A page of the web under OSSL's name, and a table without ids, are refused."""
    path = tmp_path / "ossl_all_L0_v1.2.csv.gz"
    path.write_text("<html>\n<body>403 forbidden</body>\n")
    with pytest.raises(SiteError, match="none of its 1 columns is a band"):
        ossl.load_ossl(tmp_path, GRID)
    layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance).drop(columns="id.layer_uuid_txt"))
    with pytest.raises(SiteError, match="no column 'id.layer_uuid_txt'"):
        ossl.load_ossl(tmp_path, GRID)


def test_which_of_two_levels_must_be_said(tmp_path, reflectance):
    """With both levels there the level must be named, and with none the command that gets one."""
    with pytest.raises(SiteError, match="soilpb fetch ossl"):
        ossl.load_ossl(tmp_path, GRID)
    for level in ("L0", "L1"):
        layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance, level), level)
    with pytest.raises(SiteError, match="name the level"):
        ossl.load_ossl(tmp_path, GRID)
    assert ossl.load_ossl(tmp_path, GRID, level="L1").provenance.name == "OSSL L1 v1.2"


@needs_published
def test_columns_are_those_that_ossl_publishes():
    """Layouts and reader use the names of OSSL's own dictionaries, and no other."""

    def names(file, column="ossl_name"):
        with open(PUBLISHED / file, encoding="utf-8") as lines:
            return list(dict.fromkeys(row[column] for row in csv.DictReader(lines)))

    site = names("ossl_level0_names_soilsite.csv")
    scans = names("ossl_level0_names_visnir.csv")
    for level, laboratory in (
        ("L0", names("ossl_level0_names_soillab.csv")),
        ("L1", names("ossl_level1_names_soillab.csv", "ossl_name_level1")),
    ):
        columns = layouts.ossl_columns(level)
        assert set(site) | set(laboratory) <= set(columns)
        assert {name for name in scans if not name.startswith("scan_visnir.")} <= set(columns)
    read = {name for found in ossl.LABORATORY.values() for name in found} | set(ossl.TEXT)
    assert read <= set(layouts.ossl_columns("L0"))


@needs_published
def test_twenty_real_spectra(tmp_path):
    """Twenty published spectra, 350–2500 nm every 1 nm, come through table and reader unharmed."""
    real = pd.read_csv(PUBLISHED / "sample_visnir_data.csv").drop(columns="sample_id")
    wavelengths = real.columns.to_numpy(int)
    layouts.write_ossl(tmp_path, layouts.ossl_table(real.to_numpy(), visnir=wavelengths))
    soils = ossl.load_ossl(tmp_path, GRID)
    np.testing.assert_allclose(soils.reflectance, resample(wavelengths, real.to_numpy(), GRID), atol=1e-6)
