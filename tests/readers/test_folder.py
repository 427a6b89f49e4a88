"""Folders of spectra: mixed formats, names that become ids of samples, what does not belong."""

from pathlib import Path

import numpy as np
import pytest

from soilpb.readers.folder import find_counted_scans, find_counters, list_files, read_folder, sample_finder
from soilpb.readers.site import read_site
from soilpb.site_file import SiteError
from tests import instrument_files as files
from tests.cases import case
from tests.instrument_files import NM, SOIL
from tests.site_files import soil_spectra, write


def asd_files(folder, values, names):
    """Write one ASD file per spectrum."""
    for spectrum, name in zip(values, names, strict=True):
        files.write_asd(folder / name, spectrum, splices=(0, 0))


def test_files_become_scans_in_the_order_of_their_names(tmp_path):
    """Ids are names without suffix, spectra fractions, and rows are called by their files."""
    values = soil_spectra(3, NM)
    asd_files(tmp_path, values, ["b.asd", "a.asd", "c.asd"])
    scans = read_folder(tmp_path)
    assert scans.ids.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(scans.spectra, values[[1, 0, 2]], rtol=1e-6)
    assert (scans.unit, scans.instrument) == ("fraction", "ASD FS FR 4139")
    assert scans.at(1) == f"{tmp_path}, file b.asd (sample 'b')"


def test_formats_may_be_mixed(tmp_path):
    """Six formats and a table of one soil agree on the bands that all have."""
    for suffix, name in (("asd", "asd"), ("sed", "sed"), ("sig", "svc"), ("0", "opus"), ("spa", "omnic")):
        getattr(files, f"write_{name}")(tmp_path / f"{name}.{suffix}")
    files.write_jcamp(tmp_path / "jcamp.jdx")
    write(tmp_path / "table.csv", [["id", *NM], ["t1", *SOIL]])
    scans = read_folder(tmp_path)
    assert scans.ids.tolist() == ["asd", "jcamp", "omnic", "opus", "sed", "svc", "table"]
    expected = np.interp(scans.wavelengths, NM, SOIL)
    assert np.abs(scans.spectra - expected).max() < 0.004
    assert any("files differ in their bands: interpolated to 35" in note for note in scans.notes)
    assert "reflectance from percent to fraction (2 spectra)" in scans.notes


def test_spectra_exported_as_text_are_named_after_their_files(tmp_path):
    """Wavelength and reflectance in two columns are one spectrum; spectra of a table keep their ids."""
    write(tmp_path / "S1_00001.txt", [["Wavelength", "Reflectance"], *zip(NM, SOIL, strict=True)], "\t")
    write(tmp_path / "more.csv", [["id", *NM], ["a", *SOIL], ["b", *SOIL]])
    scans = read_folder(tmp_path, known={"S1", "a", "b"})
    assert scans.ids.tolist() == ["S1", "a", "b"]
    np.testing.assert_allclose(scans.spectra, [SOIL] * 3)


def test_a_spoilt_table_among_spectra_is_refused(tmp_path):
    """A table of spectra with a word for a number is named, not left aside."""
    write(tmp_path / "more.csv", [["id", *NM], ["a", *SOIL], ["b", "x", *SOIL[1:]]])
    with pytest.raises(SiteError, match=r"more\.csv, row 3.*'x' is no reflectance"):
        read_folder(tmp_path)


def test_steps_between_detectors_are_removed(tmp_path):
    """A file that says where its detectors meet loses the step there, and the notes say so."""
    stepped = np.where(NM > 1000, 1.03, 1.0) * SOIL
    files.write_asd(tmp_path / "a.asd", stepped)
    scans = read_folder(tmp_path)
    np.testing.assert_allclose(scans.spectra[0], SOIL, rtol=5e-3)
    assert scans.notes == ("steps between detectors removed at 1000 nm (1 spectra)",)
    kept = read_folder(tmp_path, splice="off")
    np.testing.assert_allclose(kept.spectra[0], stepped, rtol=1e-6)


def test_other_files_are_left_aside_and_named(tmp_path):
    """Remarks, pictures, laboratory tables, hidden files and subfolders do not disturb."""
    asd_files(tmp_path, [SOIL], ["S1.asd"])
    (tmp_path / "notes.txt").write_text("rain")
    (tmp_path / ".DS_Store").write_bytes(b"\0\1")
    (tmp_path / "photos").mkdir()
    write(tmp_path / "lab.csv", [["id", "Pb_mg_kg"], ["S1", "12"]])
    scans = read_folder(tmp_path)
    assert scans.ids.tolist() == ["S1"]
    assert scans.notes == (f"files of {tmp_path.name} without spectra left aside: lab.csv, notes.txt",)
    assert [path.name for path in list_files(tmp_path)] == ["S1.asd", "lab.csv", "notes.txt"]


def test_all_spoilt_files_are_named_in_one_message(tmp_path):
    """The first says what is wrong with it, the others are listed."""
    asd_files(tmp_path, soil_spectra(3, NM), ["a.asd", "b.asd", "c.asd"])
    for name in ("a.asd", "c.asd"):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:900])
    with pytest.raises(
        SiteError, match=r"a\.asd is cut off.*\(1 other files cannot be read either: c\.asd\)"
    ):
        read_folder(tmp_path)


def test_a_folder_without_spectra_says_what_it_has(tmp_path):
    """Other files are named, and an empty folder is called so."""
    with pytest.raises(SiteError, match="has no spectra; it has no files"):
        read_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("rain")
    with pytest.raises(SiteError, match=r"the files notes\.txt; put the instrument files there"):
        read_folder(tmp_path)


@pytest.fixture
def site(tmp_path):
    """A folder with two scans of S1 and one of S2, and a laboratory table."""
    folder = tmp_path / "scans"
    folder.mkdir()
    values = soil_spectra(2, NM)
    asd_files(folder, [values[0], values[0] * 1.02, values[1]], ["S1_0.asd", "S1_1.asd", "S2.asd"])
    return folder, write(tmp_path / "lab.csv", [["id", "Pb (mg/kg)"], ["S1", "12"], ["S2", "40"]])


def test_scans_of_a_sample_are_averaged_when_told(site):
    """A counter behind an id of the laboratory makes scans of one sample: their mean, noted."""
    soils = read_site(*site, target="Pb_mg_kg", replicates="mean")
    assert soils.samples["Pb_mg_kg"].to_dict() == {"S1": 12.0, "S2": 40.0}
    np.testing.assert_allclose(soils.reflectance[0], 1.01 * soil_spectra(2, NM)[0], rtol=1e-5)
    assert "3 scans averaged to 2 samples" in soils.provenance.notes
    assert soils.provenance.instrument == "ASD FS FR 4139"


def test_a_row_of_a_table_in_the_folder_is_looked_at(site):
    """A constant spectrum is refused by file and sample wherever it stands."""
    folder, laboratory = site
    (folder / "S2.asd").unlink()
    write(folder / "more.csv", [["id", *NM], ["S3", *SOIL], ["S2", *(0.3 for _ in NM)]])
    with pytest.raises(SiteError, match=r"more\.csv \(sample 'S2'\): 0\.3 at 350 nm.*constant"):
        read_site(folder, laboratory, target="Pb_mg_kg", replicates="mean")


@pytest.mark.parametrize(
    "name",
    [
        *("S1.asd", "S1_00002.asd", "S1-2.sed", "S1 (2).sig", "S100002.asd", "S1002.asd", "S1.0", "S1.17"),
        *("S1MD01.asd", "S1_rep2.asd", "S1 scan 3.sig", "S1_a.asd.asd", " S1 .asd"),
    ],
)
def test_a_counter_of_scans_is_no_part_of_an_id(name):
    """Each usual way to count scans leads to the sample; a word that is no counter does not."""
    assert sample_finder({"S1", "S2"})(Path(name)) == ("S1_a.asd" if "_a" in name else "S1")


def test_an_id_with_a_number_behind_is_an_id():
    """A name that is a sample's id stays whole, and so does one that fits no sample."""
    known = {"S-1", "S-2", "S"}
    assert sample_finder(known)(Path("S-2.asd")) == "S-2"
    assert sample_finder({"S-1", "S-2"})(Path("S-3.asd")) == "S-3"
    assert sample_finder(())(Path("S-3.asd")) == "S-3"


def test_a_name_that_fits_two_samples_is_refused():
    """Five digits behind S1, or three behind S100, cannot both be a counter."""
    with pytest.raises(SiteError, match="sample 'S1' or 'S100'"):
        sample_finder({"S1", "S100"})(Path("S100001.asd"))


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
    assert sample_finder(known)(Path(name)) == found


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
    assert sample_finder((), counters)(Path(new)) == sample


def test_a_known_sample_goes_before_a_counter():
    """Where an id is known, it is not cut; two counters that leave different ids are refused."""
    assert sample_finder({"N-7"}, ["-#"])(Path("N-7.sed")) == "N-7"
    with pytest.raises(SiteError, match="sample 'N1' or 'N100'"):
        sample_finder((), ["###", "#####"])(Path("N100001.asd"))


def test_only_telling_counters_look_counted():
    """Words and leading zeros tell scans; plain numbers may be samples; one scan alone tells nothing."""
    assert find_counted_scans(["A-1", "B r1", "A-2", "B r2"]) == ("B r1", "B r2")
    assert find_counted_scans(["A_001", "B_001"]) == ()


@pytest.mark.parametrize("inner", ["day2", "day2/morning", "Tag 2"])
def test_spectra_of_subfolders_are_read(tmp_path, inner):
    """Files below the folder are among its spectra, named with their folder; hidden folders are not."""
    for name in (".", inner, ".trash"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    asd_files(tmp_path, soil_spectra(1, NM), ["S1.asd"])
    asd_files(tmp_path / inner, soil_spectra(1, NM), ["S2.asd"])
    asd_files(tmp_path / ".trash", soil_spectra(1, NM), ["S3.asd"])
    (tmp_path / inner / "rain.txt").write_text("rain")
    scans = read_folder(tmp_path)
    assert set(scans.ids) == {"S1", "S2"}
    assert any(f"{inner}/S2.asd" in scans.at(row) for row in (0, 1))
    assert f"left aside: {inner}/rain.txt" in scans.notes[-1]


def test_all_soils_of_a_folder_with_a_subfolder_are_found():
    """The laboratory's thirty soils have a spectrum each."""
    folder = case("subfolder")
    soils = read_site(folder / "scans", folder / "lab.csv", target="Pb_mg_kg")
    assert soils.n_samples == 30
    assert not any("without" in note for note in soils.provenance.notes)


@pytest.mark.parametrize("suffix", ["wdf", "sp", "jws", "ROH", "mat", "sli"])
def test_formats_that_are_not_read_are_named_with_their_export(tmp_path, suffix):
    """Alone they stop the reading, among others they are left aside; either message says how to export."""
    (tmp_path / f"S1.{suffix}").write_bytes(bytes(range(200, 256)) * 9)
    for path in (tmp_path, tmp_path / f"S1.{suffix}"):
        with pytest.raises(SiteError, match=rf"S1\.{suffix}; export \.{suffix} from \w+"):
            read_folder(path)
    asd_files(tmp_path, [SOIL], ["S2.asd"])
    assert f"S1.{suffix} (export .{suffix} from " in read_folder(tmp_path).notes[-1]


def test_an_empty_header_is_refused_by_its_name():
    """A .spc of a header alone, beside a .dpt that is read."""
    with pytest.raises(SiteError, match=r"S1\.spc: its header says 0 points.*again"):
        read_folder(case("unknown-format") / "scans")
