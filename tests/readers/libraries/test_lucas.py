"""LUCAS 2009 and 2015: absorbance and g/kg become reflectance and percent; joins are counted both ways."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from soilpb.readers.libraries import lucas
from soilpb.readers.libraries.checks import check_source
from soilpb.site_file import SiteError
from soilpb.spectra import WARN, band_grid, resample
from tests import layouts

GRID = band_grid(400, 2490, 10)
N = 12
load_2009, load_2015 = (partial(lucas.load_lucas, name) for name in lucas.SURVEYS)


@pytest.fixture(scope="module")
def absorbance():
    return layouts.soil_absorbance(N, layouts.LUCAS_BANDS)


@pytest.fixture
def table_2009():
    return layouts.lucas_2009_table(N)


@pytest.fixture
def table_2015():
    return layouts.lucas_2015_table(N)


def two_scans(absorbance, gap=0.02):
    """Two scans per point whose absorbances differ by ``gap`` of their mean."""
    return np.stack([absorbance * (1 + gap / 2), absorbance * (1 - gap / 2)], axis=1)


def note(soils, words):
    """The one note that contains ``words``."""
    (found,) = [n for n in soils.provenance.notes if words in n]
    return found.removeprefix(WARN)


def on_grid(absorbance):
    return resample(layouts.LUCAS_BANDS, 10.0**-absorbance, GRID)


def test_2009_is_read_back(tmp_path, table_2009, absorbance):
    """What the 2009 file says in absorbance and g/kg is read as reflectance and percent."""
    layouts.write_lucas_2009(tmp_path, table_2009, absorbance)
    soils = load_2009(tmp_path, GRID)
    assert soils.samples.index.tolist() == table_2009["POINT_ID"].tolist()
    np.testing.assert_allclose(soils.reflectance, on_grid(absorbance), atol=1e-6)
    for ours, theirs, factor in (("pH", "pH.in.H2O", 1), ("SOC_pct", "OC", 0.1), ("N_pct", "N", 0.1)):
        np.testing.assert_allclose(soils.values(ours), table_2009[theirs].astype(float) * factor)
    np.testing.assert_allclose(soils.values("y"), table_2009["GPS_LAT"].astype(float))
    assert soils.samples["group"].tolist() == table_2009["iso.country"].tolist()
    assert soils.provenance.kind == "measured"
    assert "no redistribution" in soils.provenance.licence


@pytest.mark.parametrize("change", ["order and names", "decimal commas"])
def test_spellings_give_the_same_soils(tmp_path, table_2009, absorbance, change):
    """Columns in another order and in R's spelling, or decimal commas and semicolons, change no soil."""
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    path = layouts.write_lucas_2009(tmp_path / "one", table_2009, absorbance)
    if change == "decimal commas":
        layouts.write_lucas_2009(tmp_path / "two", table_2009, absorbance, comma=True)
    else:
        whole = pd.read_csv(path, dtype=str)
        shuffled = whole[np.random.default_rng(0).permutation(whole.columns)]
        renamed = shuffled.rename(columns=lambda name: name.replace("spc.", "X"))
        renamed.to_csv(tmp_path / "two" / path.name, quoting=1)  # and an index column, as write.csv makes
    one, two = (load_2009(tmp_path / folder, GRID) for folder in ("one", "two"))
    assert one.sha256() == two.sha256()


@pytest.mark.parametrize("cell", ["NA", "-999", "<4.5", ""])
def test_missing_values_are_dropped_and_counted(tmp_path, table_2009, absorbance, cell):
    """A point whose pH is missing, in any of LUCAS's spellings, is dropped and counted."""
    table_2009.loc[2, "pH.in.H2O"] = cell
    layouts.write_lucas_2009(tmp_path, table_2009, absorbance)
    soils = load_2009(tmp_path, GRID)
    assert table_2009.loc[2, "POINT_ID"] not in soils.samples.index
    assert "1 of 12 samples without pH dropped" in soils.provenance.notes
    if cell.startswith("<"):
        assert note(soils, "below detection") == "1 cells of pH below detection ('<x') count as missing"


def test_incomplete_spectra_are_dropped_and_counted(tmp_path, table_2009, absorbance):
    """A spectrum with a gap of 20 nm is dropped and counted; one empty cell of 0.5 nm is bridged."""
    table = absorbance.copy()
    table[4, 1000:1040] = -999.0
    table[5, 1000] = np.nan
    layouts.write_lucas_2009(tmp_path, table_2009, table)
    soils = load_2009(tmp_path, GRID)
    assert note(soils, "a value in every band").startswith("11 of 12 scans")
    kept = np.delete(np.arange(N), 4)
    np.testing.assert_allclose(soils.reflectance, on_grid(absorbance[kept]), atol=1e-4)


def test_2009_workbook_fills_what_the_spectral_file_lacks(tmp_path, table_2009, absorbance):
    """Laboratory values that the spectral file lacks come from the workbook, joined by point."""
    bare = table_2009.drop(columns=["pH.in.H2O", "clay"])
    layouts.write_lucas_2009(tmp_path, bare, absorbance)
    with pytest.raises(SiteError, match="no column of pH"):
        load_2009(tmp_path, GRID)
    layouts.write_lucas_2009_workbook(tmp_path, layouts.lucas_2009_table(N + 3).iloc[::-1])
    soils = load_2009(tmp_path, GRID)
    expected = layouts.lucas_2009_table(N + 3).set_index("POINT_ID").loc[soils.samples.index]
    np.testing.assert_allclose(soils.values("pH"), expected["pH.in.H2O"].astype(float))
    np.testing.assert_allclose(soils.values("SOC_pct"), table_2009["OC"].astype(float) / 10)
    assert note(soils, "points have spectra") == "12 of 15 points have spectra"


def test_a_soil_of_unknown_place_is_kept(tmp_path, table_2009, absorbance):
    """A row whose POINT_ID is NE keeps its own sample id."""
    table_2009.loc[7, "POINT_ID"] = "NE"
    layouts.write_lucas_2009(tmp_path, table_2009, absorbance)
    assert load_2009(tmp_path, GRID).samples.index[7] == "sample 8"


def test_2015_averages_two_scans(tmp_path, table_2015, absorbance):
    """The spectrum of a point is the mean reflectance of its two scans."""
    scans = two_scans(absorbance)
    layouts.write_lucas_2015(tmp_path, table_2015, scans)
    soils = load_2015(tmp_path, GRID)
    expected = table_2015.set_index("Point_ID").loc[soils.samples.index]
    rows = table_2015.set_index("Point_ID").index.get_indexer(soils.samples.index)
    mean = np.mean([on_grid(scans[:, i]) for i in range(2)], axis=0)
    np.testing.assert_allclose(soils.reflectance, mean[rows], atol=1e-6)
    np.testing.assert_allclose(soils.values("pH"), expected["pH(H2O)"].astype(float))
    np.testing.assert_allclose(soils.values("SOC_pct"), expected["OC"].astype(float) / 10)
    assert soils.samples["group"].tolist() == expected["NUTS_0"].tolist()
    assert note(soils, "a value in every band").startswith("24 of 24 scans")
    first = soils.samples.loc["40002504"]  # a point's id holds its place
    assert (first["x"], first["y"], first["crs"]) == (4_000_000.0, 2_504_000.0, "EPSG:3035")


def test_2015_file_names_with_and_without_spaces(tmp_path, table_2015, absorbance):
    """``spectra_ AT .csv`` and ``spectra_AT.csv`` are read alike, in any subfolder."""
    for folder, spaces in (("spaces", True), ("none", False)):
        (tmp_path / folder / "unpacked").mkdir(parents=True)
        layouts.write_lucas_2015(tmp_path / folder / "unpacked", table_2015, two_scans(absorbance), spaces)
    spaces, none = (load_2015(tmp_path / folder, GRID) for folder in ("spaces", "none"))
    assert spaces.sha256() == none.sha256()


def test_2015_scans_that_disagree_are_refused(tmp_path, table_2015, absorbance):
    """A point whose two scans are of different soils is dropped and counted, and no other."""
    scans = two_scans(absorbance)
    scans[3, 1] += 0.2
    layouts.write_lucas_2015(tmp_path, table_2015, scans)
    soils = load_2015(tmp_path, GRID)
    assert set(table_2015["Point_ID"]) - set(soils.samples.index) == {table_2015.loc[3, "Point_ID"]}
    assert note(soils, "off their mean").startswith("1 of 12 scanned points have a scan over 5%")


@pytest.mark.parametrize(("word", "kind"), [("FOSS", "measured"), ("simulated", "simulated")])
def test_2015_simulated_files_are_called_simulated(tmp_path, table_2015, absorbance, word, kind):
    """A file whose column ``source`` says simulated is never passed off as LUCAS, not even from the cache."""
    _, paths = layouts.write_lucas_2015(tmp_path, table_2015, two_scans(absorbance))
    paths[0].write_text(paths[0].read_text().replace("FOSS", word))
    for _ in range(2):
        provenance = load_2015(tmp_path, GRID, cache=tmp_path / "cache").provenance
        assert provenance.kind == kind
        assert provenance.name.startswith("simulated") == (kind == "simulated")


def test_2015_join_is_counted_both_ways(tmp_path, table_2015, absorbance):
    """Points without spectra and spectra without a point are both counted."""
    laboratory, _ = layouts.write_lucas_2015(tmp_path, table_2015, two_scans(absorbance))
    more = layouts.lucas_2015_table(N + 2)
    more.drop(index=0).to_csv(laboratory, index=False)
    soils = load_2015(tmp_path, GRID)
    assert soils.n_samples == N - 1
    assert note(soils, "points have spectra") == "11 of 13 points have spectra"
    assert (
        note(soils, "laboratory table") == "1 of 12 scanned points are not in the laboratory table: dropped"
    )


def test_other_units_are_refused(tmp_path, absorbance):
    """Carbon already divided by ten, or absorbance turned into reflectance, is not converted twice."""
    table, spectra = layouts.lucas_2009_table(36), np.repeat(absorbance, 3, axis=0)
    layouts.write_lucas_2009(tmp_path, table, 10.0**-spectra)
    with pytest.raises(SiteError, match=r"brighter at 400 nm .* looks like reflectance"):
        load_2009(tmp_path, GRID)
    table["OC"] = [f"{float(cell) / 10:.2f}" for cell in table["OC"]]
    layouts.write_lucas_2009(tmp_path, table, spectra)
    with pytest.raises(SiteError, match=r"OC has a median of 3.*LUCAS gives g/kg.*looks like percent"):
        load_2009(tmp_path, GRID)


def test_a_cut_file_is_refused(tmp_path, table_2015, absorbance):
    """A file that ends in the middle of a row is refused."""
    _, (path, *_) = layouts.write_lucas_2015(tmp_path, table_2015, two_scans(absorbance))
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(SiteError, match=r"spectra_ AT .csv .*expected 4205 columns.*is the file complete"):
        load_2015(tmp_path, GRID)


def test_missing_and_double_files_are_named(tmp_path, table_2015, absorbance):
    """What is not there, or there twice, is named with the command that explains it."""
    with pytest.raises(SiteError, match=r"no LUCAS.SOIL_corr\*.csv.*soilpb fetch lucas2009"):
        load_2009(tmp_path, GRID)
    with pytest.raises(SiteError, match="soilpb fetch lucas2015"):
        load_2015(tmp_path, GRID)
    _, (path, *others) = layouts.write_lucas_2015(tmp_path, table_2015, two_scans(absorbance))
    (path.parent / "spectra_AT.csv").write_bytes(path.read_bytes())
    with pytest.raises(SiteError, match="are both spectra of AT; remove one"):
        load_2015(tmp_path, GRID)
    for left in (path.parent / "spectra_AT.csv", path, *others):
        left.unlink()
    with pytest.raises(SiteError, match=r"no spectra_\*.csv"):
        load_2015(tmp_path, GRID)


@pytest.mark.parametrize(("survey", "absent"), [(layouts.LUCAS_2009, {"ec"}), (layouts.LUCAS_2015, {"cec"})])
def test_each_survey_has_all_columns_but_its_own_gap(survey, absent):
    """Both surveys' real headers hold every property we read, but EC in 2009 and CEC in 2015."""
    places = {"gpslong", "gpslat"} if survey is layouts.LUCAS_2015 else set()
    assert set(lucas.LABORATORY) - set(lucas.simplify(survey)) == absent | places


@pytest.fixture
def release(tmp_path, monkeypatch):
    """A complete small release of 2015: 28 countries, two points each, two scans per point."""
    small = lucas.SURVEYS["lucas2015"]._replace(n_points=56, n_scans=112)
    monkeypatch.setitem(lucas.SURVEYS, "lucas2015", small)
    table = layouts.lucas_2015_table(56).assign(NUTS_0=2 * lucas.COUNTRIES)
    absorbance = layouts.soil_absorbance(56, layouts.LUCAS_BANDS)
    return layouts.write_lucas_2015(tmp_path, table, np.repeat(absorbance[:, None], 2, axis=1))


def bad(notes):
    """What is not as it should be."""
    return [text.removeprefix(WARN) for text in notes if text.startswith(WARN)]


@pytest.mark.parametrize("name", ["ossl", "lucas2009", "lucas2015"])
def test_nothing_there_is_a_finding(tmp_path, name):
    """An empty folder is reported with the command that helps, for every source."""
    (found,) = bad(check_source(name, tmp_path))
    assert f"soilpb fetch {name}" in found


def test_an_unknown_source_is_refused(tmp_path):
    """A misspelt source is an error that lists the sources."""
    with pytest.raises(SiteError, match="no source 'lukas'; expected one of ossl, lucas2009, lucas2015"):
        check_source("lukas", tmp_path)


def test_a_check_of_2015_counts_both_sides(tmp_path, release):
    """A complete release is complete; a missing country, and scans of unknown points, are named."""
    found = check_source("lucas2015", tmp_path)
    assert not bad(found)
    assert "56 of 56 points have spectra" in found
    laboratory, spectra = release
    spectra[3].unlink()
    lines = laboratory.read_text().splitlines()
    laboratory.write_text("\n".join([*lines[:1], *lines[2:]]) + "\n")
    assert bad(check_source("lucas2015", tmp_path)) == [
        "spectra of CY are missing",
        "1 of 54 scanned points are not in the laboratory table: dropped",
    ]


def test_a_check_of_2009_tells_units_bands_and_rows(tmp_path, absorbance, monkeypatch):
    """Too few rows, reflectance in place of absorbance, and a file that lacks a band are named."""
    path = layouts.write_lucas_2009(tmp_path, layouts.lucas_2009_table(N), absorbance)
    assert bad(check_source("lucas2009", tmp_path))[0] == "12 scans; the release has 19,860"
    small = lucas.SURVEYS["lucas2009"]._replace(n_points=N, n_scans=N)
    monkeypatch.setitem(lucas.SURVEYS, "lucas2009", small)
    assert not bad(check_source("lucas2009", tmp_path))
    layouts.write_lucas_2009(tmp_path, layouts.lucas_2009_table(N), 10.0**-absorbance)
    assert "looks like reflectance" in bad(check_source("lucas2009", tmp_path))[0]
    layouts.write_lucas_2009(tmp_path, layouts.lucas_2009_table(N), absorbance)
    path.write_text(path.read_text().replace("spc.2499.5", "remark"))
    assert "4,199 bands, 400–2499 nm; expected 4,200" in bad(check_source("lucas2009", tmp_path))[0]


@pytest.fixture
def survey(tmp_path, table_2009, absorbance):
    """Twelve points of 2009, of which ten are in the JRC's table of metals."""
    layouts.write_lucas_2009(tmp_path, table_2009, absorbance)
    return tmp_path


def write_metals(folder, **columns):
    table = pd.DataFrame({"POINT_ID": layouts.point_ids(12)[2:], **columns})
    table.to_csv(folder / "Heavy_metals.csv", index=False)


def test_lead_of_the_same_points_is_a_property(survey):
    """The JRC's lead, in whichever unit its column names, joins by point and can be learnt from."""
    lead = np.linspace(5, 50, 10).round(2)
    write_metals(survey, **{"Pb (g/kg)": lead / 1000, "As": lead / 3})
    soils = load_2009(survey, GRID, property="Pb_mg_kg")
    np.testing.assert_allclose(soils.values("Pb_mg_kg"), lead)
    assert soils.samples.index.tolist() == layouts.point_ids(12)[2:]
    assert "no unit stated, taken as mg/kg: As" in soils.provenance.notes
    assert load_2009(survey, GRID).n_samples == 12


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"Pb (mg/L)": 12.0}, "mass per mass; it has 'Pb .mg/L.'"),
        ({"Pb": 12.0, "Pb (mg/kg)": 12.0}, "once.*it has 'Pb', 'Pb .mg/kg.'"),
        ({"median": 12.0}, "it has 'POINT_ID', 'median'"),
        ({"Pb": 1200.0}, "median of 1.2e.03 mg/kg.*mend its unit"),
    ],
)
def test_metals_that_cannot_be_told_are_refused(survey, columns, message):
    """A table of metals whose layout or unit cannot be told is refused with what was found."""
    write_metals(survey, **columns)
    with pytest.raises(SiteError, match=f"Heavy_metals.csv: .*{message}"):
        load_2009(survey, GRID)


def test_lead_without_its_table_says_whom_to_ask(survey):
    """Asked for lead that the files do not have, the message names the table that does."""
    with pytest.raises(SiteError, match="no Pb_mg_kg in its files.*ask ESDAC for the table of heavy metals"):
        load_2009(survey, GRID, property="Pb_mg_kg")
