"""Names of files become ids of samples."""

from pathlib import Path

import pytest

from soilpb.readers.scan_ids import sample_of
from soilpb.sitefile import SiteError


@pytest.mark.parametrize(
    "name",
    [
        *("S1.asd", "S1_00002.asd", "S1-2.sed", "S1 (2).sig", "S100002.asd", "S1002.asd", "S1.0", "S1.17"),
        *("S1MD01.asd", "S1_rep2.asd", "S1 scan 3.sig", "S1_a.asd.asd", " S1 .asd"),
    ],
)
def test_a_counter_of_scans_is_no_part_of_an_id(name):
    """Each usual way to count scans leads to the sample; a word that is no counter does not."""
    assert sample_of(Path(name), {"S1", "S2"}) == ("S1_a.asd" if "_a" in name else "S1")


def test_an_id_with_a_number_behind_is_an_id():
    """A name that is a sample's id stays whole, and so does one that fits no sample."""
    known = {"S-1", "S-2", "S"}
    assert sample_of(Path("S-2.asd"), known) == "S-2"
    assert sample_of(Path("S-3.asd"), {"S-1", "S-2"}) == "S-3"
    assert sample_of(Path("S-3.asd"), ()) == "S-3"


def test_a_name_that_fits_two_samples_is_refused():
    """Five digits behind S1, or three behind S100, cannot both be a counter."""
    with pytest.raises(SiteError, match="sample 'S1' or 'S100'"):
        sample_of(Path("S100001.asd"), {"S1", "S100"})


@pytest.mark.parametrize(
    ("name", "known", "found"),
    [
        ("01-1_00000.sed", {"1-1", "10-1"}, "01-1"),
        ("S1 (2).sig", {"s1"}, "S1"),
        ("01-12.sed", {"1-1", "1-12"}, "01-12"),
    ],
)
def test_a_counter_hides_no_sample_that_is_spelt_otherwise(name, known, found):
    """Where leading zeros were lost in the table, the file's own id is left, to be refused."""
    assert sample_of(Path(name), known) == found
