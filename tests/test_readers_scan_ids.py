"""Names of files become ids of samples."""

from pathlib import Path

import pytest

from soilpb.readers.folder import find_counted_scans, find_counters, find_sample_id
from soilpb.site_file import SiteError


@pytest.mark.parametrize(
    "name",
    [
        *("S1.asd", "S1_00002.asd", "S1-2.sed", "S1 (2).sig", "S100002.asd", "S1002.asd", "S1.0", "S1.17"),
        *("S1MD01.asd", "S1_rep2.asd", "S1 scan 3.sig", "S1_a.asd.asd", " S1 .asd"),
    ],
)
def test_a_counter_of_scans_is_no_part_of_an_id(name):
    """Each usual way to count scans leads to the sample; a word that is no counter does not."""
    assert find_sample_id(Path(name), {"S1", "S2"}) == ("S1_a.asd" if "_a" in name else "S1")


def test_an_id_with_a_number_behind_is_an_id():
    """A name that is a sample's id stays whole, and so does one that fits no sample."""
    known = {"S-1", "S-2", "S"}
    assert find_sample_id(Path("S-2.asd"), known) == "S-2"
    assert find_sample_id(Path("S-3.asd"), {"S-1", "S-2"}) == "S-3"
    assert find_sample_id(Path("S-3.asd"), ()) == "S-3"


def test_a_name_that_fits_two_samples_is_refused():
    """Five digits behind S1, or three behind S100, cannot both be a counter."""
    with pytest.raises(SiteError, match="sample 'S1' or 'S100'"):
        find_sample_id(Path("S100001.asd"), {"S1", "S100"})


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
    assert find_sample_id(Path(name), known) == found


@pytest.mark.parametrize(
    ("own", "new", "sample"),
    [
        ("S1_00001.asd", "N7_00002.asd", "N7"),
        ("S1_r1.sed", "N7_r12.sed", "N7"),
        ("S1 (2).sig", "N 7 (3).sig", "N 7"),
        ("S1002.asd", "N7015.asd", "N7"),
        ("S1_00001.asd", "N-7.asd", "N-7"),
        ("S1_00001.asd", "N7_001.asd", "N7_001"),
        ("S1_r1.sed", "N7_1.sed", "N7_1"),
        ("S1-1.sed", "N7-01.sed", "N7-01"),
        ("S1.asd", "N7_00001.asd", "N7_00001"),
    ],
)
def test_new_files_are_counted_as_the_sites_own(own, new, sample):
    """What stands behind a known id is taken off an unknown one, in the same words and width, and no more."""
    counters = find_counters([Path(own)], {"S1"})
    assert find_sample_id(Path(new), (), counters) == sample


def test_a_known_sample_goes_before_a_counter():
    """Where an id is known, it is not cut; two counters that leave different ids are refused."""
    assert find_sample_id(Path("N-7.sed"), {"N-7"}, ["-#"]) == "N-7"
    with pytest.raises(SiteError, match="sample 'N' or 'N-7'"):
        find_sample_id(Path("N-7-1.sed"), (), ["-#", "-#-#"])


def test_files_of_unknown_samples_teach_nothing():
    """Only names whose sample the laboratory's table has say how scans are counted."""
    assert find_counters([Path("X1_00001.asd"), Path("S1.asd")], {"S1"}) == ()


def test_only_telling_counters_look_counted():
    """Words and leading zeros tell scans; plain numbers may be samples; one scan alone tells nothing."""
    assert find_counted_scans(["A-1", "B r1", "A-2", "B r2"]) == ("B r1", "B r2")
    assert find_counted_scans(["A_001", "B_001"]) == ()
