"""The laboratory's target column: read strictly, in its unit, with one message for what is no number."""

import numpy as np
import pytest

from tests.site_files import IDS, LEAD, notes, workbook, write


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        *(("Pb_mg_kg", 1), ("pb [PPM]", 1), ("Pb, mg kg⁻¹", 1), ("Pb (mg/kg DW)", 1), ("lead µg/g", 1)),
        *(("Pb (g/kg)", 1e3), ("Pb %", 1e4), ("Pb (µg/kg)", 1e-3)),
    ],
)
def test_the_target_is_found_by_element_and_unit(folder, header, factor):
    """Any spelling of lead as a share of mass is converted to mg/kg, with a note if it was."""
    folder.lab(["1", "2", "3", "4"], header=f'"{header}"')
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


@pytest.mark.parametrize(
    ("cell", "what", "mend"),
    [
        ("<5", "below the detection limit", "below_detection: half"),
        ("<LOD", "below a limit that is not said", "write it as <5"),
        (">2000", "above the measuring range", "measure a dilution"),
        ("12 mg/kg", "no number", "write a number"),
        ("12?", "no number", "write a number"),
        ("-4", "Pb_mg_kg is negative", "write <limit"),
        ("0", "Pb_mg_kg is zero", "write <limit"),
        ("2000000", "above 1e+06", "the unit in the header"),
        ("inf", "no number", "write a number"),
    ],
)
def test_a_bad_laboratory_cell_is_refused_by_row_and_column(folder, cell, what, mend):
    """Cells that are no lead content are named by file, row and column, with the mend."""
    folder.lab(["12.5", "340", cell, "1200"])
    folder.refuse("lab.csv, row 4, column 'Pb (mg/kg)'", f"{cell!r} is", what, mend)


def test_all_bad_rows_are_listed(folder):
    """One message lists every row below detection, not only the first."""
    folder.lab(["<5", "340", "<5", "<5"])
    folder.refuse("row 2", "rows 4, 5 likewise")


def test_a_thousand_or_a_decimal_is_refused(folder):
    """``1,234`` with nothing to tell its mark is not guessed."""
    workbook(folder.laboratory, [["id", "Pb_mg_kg"], *zip(IDS, ["12", "340", "1,234", "55"], strict=True)])
    folder.refuse("row 4", "'1,234' is a thousand or a decimal")


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("Zn (mg/kg)", ["no column for the target Pb_mg_kg", "'Zn (mg/kg)'"]),
        ("Pb", ["column 'Pb': the header says no unit", "'Pb (mg/kg)'"]),
        ("Pb (mg/L)", ["the unit 'mg/L' is none that converts"]),
    ],
)
def test_a_target_without_a_fitting_unit_is_refused(folder, header, parts):
    """No unit, or one that is no share of mass, is never taken for mg/kg."""
    folder.lab(LEAD, header=header)
    folder.refuse("lab.csv", *parts)


def test_two_columns_for_the_target_are_refused(folder):
    """Two lead columns are named, and the exact name settles it."""
    write(folder.laboratory, [["id", "Pb (ppm)", "Pb (%)"], *([i, 5, 1] for i in IDS)])
    folder.refuse("'Pb (ppm)', 'Pb (%)' could all be Pb_mg_kg")
    write(folder.laboratory, [["id", "Pb_mg_kg", "Pb (%)"], *([i, 5, 1] for i in IDS)])
    assert folder.read().values("Pb_mg_kg").tolist() == [5, 5, 5, 5]


def test_a_target_without_any_value_is_refused(folder):
    """A column of n.d. is no target."""
    folder.lab(["n.d."] * 4)
    folder.refuse("lab.csv, column 'Pb (mg/kg)': no row has a value")


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
