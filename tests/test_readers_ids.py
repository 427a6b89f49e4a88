"""Sample ids: compared as they stand, never matched by force."""

import datetime

import pytest

from tests.site_files import IDS, LEAD, soil_spectra, workbook, write


def test_repeated_ids_are_refused_on_either_side(folder):
    """Both files are checked; the rows are named; replicates are offered for spectra only."""
    folder.lab(["1", "2", "3", "4"], ids=["S1", "S2", "S2", "S3"])
    folder.refuse("lab.csv", "id 'S2' stands in rows 3, 4", "keep one row a sample")
    folder.lab(LEAD)
    folder.wide(soil_spectra(), ids=["S1", "S1", "S2", "S3"])
    folder.refuse("spectra.csv", "id 'S1' stands in rows 2, 3", "replicates: mean")


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        (["1", "2", "3", "4"], "leading zeros were lost"),
        (["s-001", "s-002", "s-003", "s-004"], "share no sample id"),
        (["001", "002", "3", "004"], "'003' where"),
    ],
)
def test_ids_that_do_not_match_are_refused(folder, ids, why):
    """Lost zeros are recognised, all or some of them, and nothing is matched by force."""
    folder.wide(soil_spectra(), ids=["001", "002", "003", "004"])
    folder.lab(LEAD, ids=ids)
    folder.refuse("spectra.csv", "lab.csv", why)


def test_ids_spelt_differently_are_refused(folder):
    """``S-01`` against ``s 1`` is pointed out, not matched."""
    folder.lab(LEAD, ids=["s-01", "S2", "S3", "S4"])
    folder.refuse("has id 'S1' where", "has 's-01' (1 such pairs); spell them alike")


def test_ids_are_stripped(folder):
    """Stray spaces around ids do no harm."""
    folder.lab(LEAD, ids=[" S1", "S2 ", "\tS3", "S4\u00a0"])
    assert folder.read().n_samples == 4


def test_an_id_that_became_a_date_is_refused(folder):
    """A spreadsheet's date in the id column is named as such."""
    rows = [["id", "Pb_mg_kg"], ["S1", 1], [datetime.datetime(2024, 3, 1), 2], ["S3", 3]]
    workbook(folder.laboratory, rows)
    folder.refuse("row 3", "the id is the date 2024-03-01", "format the column as text")


def test_a_row_without_id_is_refused(folder):
    """A row of units beneath the header, or a forgotten id, is named."""
    folder.lab(["mg/kg", *LEAD], ids=["", *IDS])
    folder.refuse("lab.csv, row 2, column 'id': no id", "units belong into the header")


def test_an_unknown_id_column_is_refused(folder):
    """A misspelt id_column names what there is, and the nearest."""
    write(folder.laboratory, [["Kennung", "Pb_mg_kg"], *zip(IDS, LEAD, strict=True)])
    folder.refuse("lab.csv has no column of sample ids 'Kenung'", "id_column: Kennung", id_column="Kenung")
    assert folder.read(id_column="Kennung").n_samples == 4
