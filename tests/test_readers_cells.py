"""Cells: numbers in either decimal mark, missing values and limits, and nothing guessed."""

import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilpb.readers.tables import decimal_mark, read_number, read_numbers


def read(*cells, mark="."):
    return read_numbers(np.array(cells, dtype=object), mark)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        *(("12.5", 12.5), ("12,5", 12.5), (",5", 0.5), ("-3", -3.0), ("+7", 7.0), ("1e-3", 0.001)),
        *(("1.234,5", 1234.5), ("1,234.5", 1234.5), ("1.234.567", 1234567.0), ("1 234 567,8", 1234567.8)),
        *(("1'234.5", 1234.5), ("0,123", 0.123), ("0.123", 0.123), ("1,2345", 1.2345)),
    ],
)
@pytest.mark.parametrize("mark", [".", ",", ""])
def test_a_number_that_can_only_be_one_is_that_one(text, number, mark):
    """Unambiguous numbers do not depend on the table's decimal mark."""
    assert read_number(text, mark) == number


@pytest.mark.parametrize(
    ("text", "mark", "number"),
    [
        *(("1,234", ".", 1234.0), ("1,234", ",", 1.234), ("1,234", "", None)),
        *(("1.234", ".", 1.234), ("1.234", ",", None), ("1.234", "", None)),
    ],
)
def test_a_lone_group_of_three_depends_on_the_table(text, mark, number):
    """``1,234`` is read only where other cells tell what a comma is, and never a point as a thousand."""
    assert read_number(text, mark) == number


@pytest.mark.parametrize(
    "text", ["", "abc", "12 mg", "1,23,456", "1.234.5", "1_000", "0x1A", "12.03.2024", "5*"]
)
def test_what_is_no_number_is_none(text):
    """Words, units in cells, dates and misplaced marks are no numbers."""
    assert read_number(text) is None


@given(st.floats(min_value=1e-4, max_value=1e6), st.sampled_from(".,"))
def test_numbers_survive_writing_and_reading(value, mark):
    """A number written with four decimals and its table's mark reads back as itself."""
    text = f"{value:.4f}".replace(".", mark)
    assert read_number(text, mark) == float(f"{value:.4f}")


@pytest.mark.parametrize(
    ("cells", "separator", "mark"),
    [
        (["12.5", "3"], "", "."),
        (["12,5", "3"], "", ","),
        (["12,5", "3.25"], "", ""),
        (["1,234", "12.5"], "", "."),
        (["1,234", "55"], "", ""),
        (["1,234", "55"], ";", ","),
        (["wet, dark", "55"], "", "."),
        (["<0,5", "55"], "", ","),
    ],
)
def test_the_decimal_mark_is_told_by_the_whole_table(cells, separator, mark):
    """Sure numbers, then the separator, tell the mark; remarks with commas do not."""
    assert decimal_mark(cells, separator) == mark


def test_the_four_kinds_of_cells_are_told_apart():
    """Numbers, missing values, limits and unreadable cells fall into exactly one kind."""
    date = datetime.date(2024, 3, 1)
    numbers = read(1.5, "2.5", "n.d.", "-999", "", "<5", "< 0.5", "<=3", "<LOD", ">9", "inf", date)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(numbers.values)), [0, 1])
    np.testing.assert_array_equal(np.flatnonzero(numbers.missing), [2, 3, 4])
    np.testing.assert_array_equal(numbers.limits[5:8], [5, 0.5, 3])
    np.testing.assert_array_equal(np.flatnonzero(numbers.unreadable), [8, 9, 10, 11])


def test_both_marks_give_the_same_column():
    """The fast way for decimal points and the careful way for commas agree."""
    point = read("0.12", "12.5", "1e-3", "NA", "<0.5", "x")
    comma = read("0,12", "12,5", "1e-3", "NA", "<0,5", "x", mark=",")
    for field in ("values", "limits", "unreadable"):
        np.testing.assert_array_equal(getattr(point, field), getattr(comma, field))
