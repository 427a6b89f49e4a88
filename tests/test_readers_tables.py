"""Tables: every cell where it stands, and every place with its name in the file."""

import pytest

from soilpb.readers.tables import as_text, read_table
from soilpb.site_file import SiteError
from tests.site_files import workbook, write


def test_blank_rows_and_columns_are_passed_over_but_rows_keep_their_numbers(tmp_path):
    """What a message calls row 5 is row 5 of the file, blank rows or not."""
    table = read_table(
        write(tmp_path / "a.csv", [["id", "Pb", ""], ["", "", ""], ["S1", "5", ""], [], ["S2", "6"]])
    )
    assert table.header == ("id", "Pb")
    assert table.cells.tolist() == [["S1", "5"], ["S2", "6"]]
    assert table.at(1, 1) == f"{tmp_path / 'a.csv'}, row 5, column 'Pb'"


def test_a_quoted_line_break_counts_in_the_row_number(tmp_path):
    """The row is the line that an editor shows."""
    path = tmp_path / "a.csv"
    path.write_text('id,note\nS1,"two\nlines"\nS2,x\n')
    table = read_table(path)
    assert table.cells.tolist() == [["S1", "two\nlines"], ["S2", "x"]]
    assert table.at(1).endswith("row 4")


def test_a_row_that_ends_early_is_filled_with_nothing(tmp_path):
    """Spreadsheets drop empty cells at the end of a row; they are empty, not shifted."""
    table = read_table(write(tmp_path / "a.csv", [["id", "Pb", "pH"], ["S1", "5"], ["S2", "6", "7"]]))
    assert table.cells.tolist() == [["S1", "5", ""], ["S2", "6", "7"]]


def test_a_column_without_name_but_with_values_is_kept(tmp_path):
    """The unnamed index column that data frames write is a column."""
    assert read_table(write(tmp_path / "a.csv", [["", "Pb"], ["S1", "5"]])).header == ("", "Pb")


def test_cells_beyond_the_header_are_refused(tmp_path):
    """A row longer than the header is named, with both lengths."""
    with pytest.raises(SiteError, match="row 3: 3 cells, but the header has 2; mend the row"):
        read_table(write(tmp_path / "a.csv", [["id", "Pb"], ["S1", "5"], ["S2", "6", "7"]], separator=";"))


def test_a_workbook_keeps_numbers_and_dates_as_they_are(tmp_path):
    """Cells of a workbook are numbers where the spreadsheet has numbers, and texts are stripped."""
    table = read_table(workbook(tmp_path / "a.xlsx", [[" id ", 450, 450.5], ["S1 ", 0.25, 3]]))
    assert table.header == ("id", "450", "450.5")
    assert table.cells.tolist() == [["S1", 0.25, 3]]


@pytest.mark.parametrize(("cell", "text"), [(7, "7"), (7.0, "7"), (7.25, "7.25"), ("007", "007")])
def test_a_cell_is_written_as_a_person_would(cell, text):
    """A workbook's 7.0 is ``7``, and a text keeps its zeros."""
    assert as_text(cell) == text
