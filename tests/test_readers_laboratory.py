"""Laboratory columns of big libraries: rare bad cells are counted, common ones refused."""

import numpy as np
import pandas as pd
import pytest

from soilpb.readers.laboratory import (
    SCAN_LIMIT,
    average_scans,
    clean_ids,
    plausible_range,
    read_library_columns,
)
from soilpb.site_file import SiteError

COLUMNS = {"OC": ("SOC_pct", 0.1), "pH.in.H2O": ("pH", 1.0)}


def read(cells, column="pH.in.H2O"):
    """One column of a file whose rows start at 2."""
    table = pd.DataFrame({column: cells}, index=pd.RangeIndex(2, 2 + len(cells)), dtype=object)
    values, notes = read_library_columns(table, COLUMNS, "soils.csv")
    return values, notes


def test_columns_get_our_name_and_unit_and_keep_their_rows():
    """Carbon in g/kg comes out in percent under our name; a column not in the file is passed over."""
    values, notes = read(["", "12.5", "NA", "40"], "OC")
    expected = pd.DataFrame({"SOC_pct": [np.nan, 1.25, np.nan, 4.0]}, index=pd.RangeIndex(2, 6))
    pd.testing.assert_frame_equal(values, expected)
    assert notes == []


def test_the_range_is_that_of_our_unit():
    """900 g/kg of carbon is a plausible 90 percent, though 900 is none."""
    assert read(["900"], "OC")[0]["SOC_pct"].tolist() == [90.0]
    with pytest.raises(SiteError, match="is no SOC_pct between 0 and 100"):
        read(["1100"], "OC")


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


def test_scans_are_averaged_whatever_their_order():
    """Interleaved scans of one, two and three a sample give each sample's mean, in order of appearance."""
    ids = np.array(["b", "a", "c", "a", "b", "a"])
    base = {"a": 0.2, "b": 0.4, "c": 0.6}
    wiggle = np.array([0.004, 0.002, 0.0, 0.0, -0.004, -0.002])
    scans = np.array([[base[i], base[i] / 2] for i in ids]) + wiggle[:, None]
    before = scans.copy()
    unique, mean, agree = average_scans(ids, scans)
    assert unique.tolist() == ["b", "a", "c"]
    np.testing.assert_allclose(mean, [[0.4, 0.2], [0.2, 0.1], [0.6, 0.3]], rtol=1e-6)
    assert mean.dtype == np.float32
    assert agree.all()
    np.testing.assert_array_equal(scans, before)


@pytest.mark.parametrize(("share", "expected"), [(0.9, True), (1.1, False)])
def test_agreement_is_judged_against_the_limit(share, expected):
    """Two scans that are each 0.9 limits off their mean agree; 1.1 limits off they do not."""
    gap = share * SCAN_LIMIT
    scans = 0.3 * np.array([[1 + gap] * 5, [1.0] * 5, [1.0] * 5, [1 - gap] * 5])
    _, mean, agree = average_scans(np.array(["a", "b", "b", "a"]), scans)
    assert agree.tolist() == [expected, True]
    np.testing.assert_allclose(mean, 0.3, rtol=1e-6)
