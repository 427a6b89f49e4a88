"""Text headers and the rows of numbers below them."""

import numpy as np
import pytest

from soilpb.readers.formats.text import read_header, read_rows
from soilpb.site_file import SiteError


def test_a_header_ends_where_it_says(tmp_path):
    """Names and values come before the last line, numbered rows after it, blank ones left out."""
    path = tmp_path / "s.sed"
    path.write_text("Instrument: PSR: 3500\nData:\n\n350 1.5\n351 1.6\n")
    header, rows = read_header(path, "Data", ":")
    assert header == {"Instrument": "PSR: 3500"}
    assert rows == [(4, "350 1.5"), (5, "351 1.6")]
    np.testing.assert_array_equal(read_rows(path, rows, 2), [[350, 1.5], [351, 1.6]])


def test_a_header_without_end_is_cut_off(tmp_path):
    """A file that ends within its header says so."""
    path = tmp_path / "s.sed"
    path.write_text("Instrument: PSR\n")
    with pytest.raises(SiteError, match=r"s\.sed has no line 'Data': it is cut off"):
        read_header(path, "Data", ":")


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ([], "no values below"),
        (["350 1.5 3"], "row 10: '350 1.5 3' is no row of 2 numbers"),
        (["350 x"], "no row of 2 numbers"),
        (["350 1.58", "351 1.6"], "row 11: its last number has fewer decimals"),
    ],
)
def test_other_rows_are_refused(tmp_path, texts, says):
    """No rows, a row of another length, a word and a last number that is cut off name their row."""
    with pytest.raises(SiteError, match=says):
        read_rows(tmp_path / "s.sed", list(enumerate(texts, start=10)), 2)
