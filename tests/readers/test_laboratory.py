"""Laboratory tables: the target read strictly and in its unit, other columns leniently."""

import numpy as np
import pandas as pd
import pytest

from soilpb.readers.laboratory import clean_ids, plausible_range, read_laboratory, read_library_columns
from soilpb.site_file import SiteError
from tests.site_files import IDS, LEAD, notes, write


@pytest.mark.parametrize(("header", "factor"), [("Pb_mg_kg", 1), ("Pb (g/kg)", 1e3), ("Pb %", 1e4)])
def test_the_target_is_found_by_element_and_unit(folder, header, factor):
    """Lead as any share of mass is converted to mg/kg, with a note if it was."""
    folder.lab(["1", "2", "3", "4"], header=header)
    soils = folder.read()
    np.testing.assert_allclose(soils.values("Pb_mg_kg"), factor * np.arange(1, 5))
    assert (f"× {factor:g}" in notes(soils)) == (factor != 1)


@pytest.mark.parametrize("word", ["n.d.", "NA", "-999", "", "-", "nd"])
def test_missing_laboratory_values_are_missing_and_counted(folder, word):
    """The usual words for nothing are NaN, never numbers, and counted."""
    folder.lab(["12.5", word, "55", "1200"])
    soils = folder.read()
    np.testing.assert_array_equal(np.isnan(soils.values("Pb_mg_kg")), [False, True, False, False])
    assert "1 of 4 samples without Pb_mg_kg" in notes(soils)


def test_half_the_detection_limit_is_taken_when_told(folder):
    """``<5`` is 2.5 where the site file says half, counted in the notes."""
    folder.lab(["<5", "< 1,5", "55", "1200"], separator=";")
    soils = folder.read(below_detection="half")
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [2.5, 0.75, 55, 1200])
    assert "2 of 4 values of Pb_mg_kg below detection: half the limit" in notes(soils)


def test_all_bad_rows_are_listed(folder):
    """One message lists every row below detection, not only the first."""
    folder.lab(["<5", "340", "<5", "<5"])
    folder.refuse("row 2", "rows 4, 5 likewise")
    folder.lab(["12.5", "340", ">2000", "1200"])
    folder.refuse("lab.csv, row 4, column 'Pb (mg/kg)'", "'>2000' is above the measuring range", "a dilution")


def test_two_columns_for_the_target_are_refused(folder):
    """Two lead columns are named, and the exact name settles it."""
    write(folder.laboratory, [["id", "Pb (ppm)", "Pb (%)"], *([i, 5, 1] for i in IDS)])
    folder.refuse("'Pb (ppm)', 'Pb (%)' could all be Pb_mg_kg")
    write(folder.laboratory, [["id", "Pb_mg_kg", "Pb (%)"], *([i, 5, 1] for i in IDS)])
    assert folder.read().values("Pb_mg_kg").tolist() == [5, 5, 5, 5]


def test_the_target_is_never_taken_for_the_ids(folder):
    """With the lead column first and ids under an unusual name, ids are the next column."""
    rows = zip(LEAD, IDS, strict=True)
    write(folder.laboratory, [["Pb (mg/kg)", "Kennung"], *rows])
    np.testing.assert_array_equal(folder.read().values("Pb_mg_kg"), [12.5, 340, 55, 1200])


def test_a_unit_counts_where_the_name_says_none(folder):
    """``target_unit`` converts a bare name, and leaves a name with a unit alone."""
    folder.lab(["0.1", "0.2", "0.3", "0.4"], header="Pb")
    np.testing.assert_allclose(folder.read(target_unit="g/kg").values("Pb_mg_kg"), [100, 200, 300, 400])
    folder.lab(["1", "2", "3", "4"], header="Pb (mg/kg)")
    np.testing.assert_allclose(folder.read(target_unit="g/kg").values("Pb_mg_kg"), [1, 2, 3, 4])
    folder.lab(["1", "2", "3", "4"], header="Pb")
    folder.refuse("the header says no unit", target_unit="bushels")


def test_companion_columns_come_along(folder):
    """pH, clay in g/kg, coordinates and plots are recognised, and the rest is named as left aside."""
    rows = [["id", "Pb [ppm]", "pH (H2O)", "Clay [g/kg]", "lon", "lat", "Plot", "Remark"]]
    rows += [[i, pb, 6.5, 250, 103.1, 23.3, "A", "wet"] for i, pb in zip(IDS, LEAD, strict=True)]
    write(folder.laboratory, rows)
    soils = folder.read()
    found = {"pH": 6.5, "clay_pct": 25.0, "x": 103.1, "y": 23.3, "crs": "EPSG:4326", "group": "A"}
    assert soils.samples.iloc[0].drop("Pb_mg_kg").to_dict() == found
    assert "laboratory columns left aside: 'Remark'" in notes(soils)


def test_implausible_companions_are_missing_and_counted(folder):
    """A pH of 65 or a word costs that cell only, with a count; the target stays."""
    rows = [["S1", 5, 65, "<2"], ["S2", 5, "wet", 3], ["S3", 5, 6.5, "n.d."]]
    write(folder.laboratory, [["id", "Pb_mg_kg", "pH", "As (ppm)"], *rows])
    soils = folder.read()
    np.testing.assert_array_equal(soils.values("pH"), [np.nan, np.nan, 6.5])
    np.testing.assert_array_equal(soils.values("As_mg_kg"), [np.nan, 3, np.nan])
    assert "2 cells of 'pH' count as missing" in notes(soils)
    assert "1 cells of 'As (ppm)' count as missing" in notes(soils)
    assert folder.read(below_detection="half").values("As_mg_kg")[0] == 1


def test_a_reference_system_is_never_invented(folder):
    """Easting and northing have a crs only where the table says one."""
    write(folder.laboratory, [["id", "Pb_mg_kg", "x", "y"], *([i, 5, 517_000, 6_908_000] for i in IDS)])
    assert "crs" not in folder.read().samples
    rows = [["id", "Pb_mg_kg", "x", "y", "crs"], *([i, 5, 517_000, 6_908_000, "EPSG:32722"] for i in IDS)]
    write(folder.laboratory, rows)
    assert set(folder.read().samples["crs"]) == {"EPSG:32722"}


COLUMNS = {"OC": ("SOC_pct", 0.1), "pH.in.H2O": ("pH", 1.0)}


def read(cells, column="pH.in.H2O"):
    """One column of a file whose rows start at 2."""
    table = pd.DataFrame({column: cells}, index=pd.RangeIndex(2, 2 + len(cells)), dtype=object)
    return read_library_columns(table, COLUMNS, "soils.csv")


def test_columns_get_our_name_and_unit_and_keep_their_rows():
    """Carbon in g/kg comes out in percent under our name; a column not in the file is passed over."""
    values, notes = read(["", "12.5", "NA", "40"], "OC")
    expected = pd.DataFrame({"SOC_pct": [np.nan, 1.25, np.nan, 4.0]}, index=pd.RangeIndex(2, 6))
    pd.testing.assert_frame_equal(values, expected)
    assert notes == []


def test_the_decimal_mark_is_the_tables_not_the_columns():
    """A cell that alone could be read either way is read by the mark of another column."""
    table = pd.DataFrame({"OC": ["1,234"], "pH.in.H2O": ["6,5"]}, index=[2])
    values, _ = read_library_columns(table, COLUMNS, "soils.csv")
    assert values.loc[2, "SOC_pct"] == pytest.approx(0.1234)


@pytest.mark.parametrize("bad", ["63.5", "acid"])
def test_one_bad_cell_in_a_hundred_is_missing_and_one_more_is_too_many(bad):
    """One percent of cells that are no plausible number is noted with its row; more is an error."""
    cells = ["", *["6.5"] * 100]
    cells[40] = bad
    values, notes = read(cells)
    assert values.index[values["pH"].isna()].tolist() == [2, 42]
    assert notes == [
        f"1 cells of pH count as missing: soils.csv, column 'pH.in.H2O', row 42: {bad!r} "
        "is no pH between 1 and 13"
    ]
    cells[70] = bad
    with pytest.raises(SiteError, match=r"row 42: .* nor are 1 other cells .* in the original unit\?"):
        read(cells)


def test_empty_cells_do_not_dilute_the_bad_ones():
    """A bad cell among ten filled ones is common, however many cells are empty."""
    with pytest.raises(SiteError, match="is no pH"):
        read(["63.5"] + ["6.5"] * 9 + [""] * 500 + ["NA"] * 500)


def test_a_sample_without_a_group_is_its_own(folder):
    """One empty cell does not undo the grouping of the others, and is noted."""
    rows = zip(IDS, LEAD, ["A", "", "A", "B"], strict=True)
    folder.laboratory = write(folder.path / "lab.csv", [["id", "Pb (mg/kg)", "profile"], *rows])
    soils = folder.read()
    assert soils.samples["group"].tolist() == ["A", "row 3", "A", "B"]
    assert "1 samples without a 'profile' are groups of their own" in notes(soils)


def test_units_and_layers_are_kept_as_words(folder):
    """A block is a unit, a depth a layer, units of mass are neither; another name can be asked for."""
    layers = ["0-10", "0-10", "10-30", "0-10"]
    rows = list(zip(IDS, LEAD, ["1", "", "1", "2"], layers, ["mg/kg"] * 4, strict=True))
    head = ["id", "Pb (mg/kg)", "Block", "Depth", "unit"]
    path = write(folder.path / "lab.csv", [head[:4], *[row[:4] for row in rows]])
    samples, _ = read_laboratory(path, "Pb_mg_kg")
    assert samples["unit"].fillna("").tolist() == ["1", "", "1", "2"]
    assert samples["layer"].tolist() == layers
    path = write(folder.path / "lab.csv", [head, *rows])
    assert "unit" not in read_laboratory(path, "Pb_mg_kg")[0]
    assert read_laboratory(path, "Pb_mg_kg", unit_column="depth")[0]["unit"].iloc[0] == "0-10"
    with pytest.raises(SiteError, match="has no column 'Parzelle'; it has: 'id', "):
        read_laboratory(path, "Pb_mg_kg", unit_column="Parzelle")


def test_values_below_detection_are_missing_not_zero():
    """``<0.5`` is neither a bad cell nor half of 0.5: it is missing, and counted."""
    values, notes = read(["<0.5", "7", "<2"], "OC")
    np.testing.assert_allclose(values["SOC_pct"], [np.nan, 0.7, np.nan])
    assert notes == ["2 cells of SOC_pct below detection ('<x') count as missing"]


@pytest.mark.parametrize(
    ("column", "inside", "outside"),
    [("y", -90, -91), ("x", 180, 181), ("pH_CaCl2", 1, 0.9), ("sand_pct", 100, 101), ("K_mg_kg", 9e5, -1)],
)
def test_ranges_include_their_ends_and_nothing_more(column, inside, outside):
    """Each kind of column accepts its extreme value and refuses the next one."""
    low, high = plausible_range(column)
    assert low <= inside <= high
    assert not low <= outside <= high


def test_leading_zeros_and_inner_dots_of_ids_stay():
    """An id loses the ``.0`` of a spreadsheet and surrounding blanks, and nothing else."""
    ids = clean_ids(pd.Series([" 007 ", "12.05", "12.0", "A.0.1", "ne"]))
    assert ids.tolist() == ["007", "12.05", "12", "A.0.1", ""]
