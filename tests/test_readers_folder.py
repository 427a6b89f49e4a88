"""Folders of instrument files become scans: mixed formats, scans of one sample, what does not belong."""

import numpy as np
import pytest

from soilpb.readers.folder import list_files, read_folder
from soilpb.readers.site import read_site, read_spectra
from soilpb.site_file import SiteError
from tests import instrument_files as files
from tests.instrument_files import NM, SOIL
from tests.site_files import soil_spectra, write


def asd_files(folder, values, names):
    """Write one ASD file a spectrum."""
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
    """Two columns of wavelength and reflectance are one spectrum; several spectra a table keep their ids."""
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
    assert scans.notes == ("steps between detectors removed at 1000, 1800 nm (1 spectra)",)


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


def test_a_range_that_others_do_not_have_is_refused(tmp_path):
    """A file of another instrument would cost all others most of their range."""
    files.write_asd(tmp_path / "a.asd")
    files.write_asd(tmp_path / "b.asd", SOIL[:100], NM[:100])
    with pytest.raises(SiteError, match=r"b\.asd covers 350–845 nm, a\.asd covers 350–2500 nm"):
        read_folder(tmp_path)


def test_a_folder_without_spectra_says_what_it_has(tmp_path):
    """Other files and subfolders are named, and an empty folder is called so."""
    with pytest.raises(SiteError, match="has no spectra; it has no files"):
        read_folder(tmp_path)
    (tmp_path / "notes.txt").write_text("rain")
    (tmp_path / "scans").mkdir()
    with pytest.raises(SiteError, match=r"the files notes\.txt; are they in the subfolder 'scans'"):
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


def test_scans_of_a_sample_are_refused_unless_told(site):
    """The message names the files and the key of the site file."""
    with pytest.raises(SiteError, match=r"'S1' stands in files S1_0\.asd, S1_1\.asd; .*replicates: mean"):
        read_site(*site, target="Pb_mg_kg")


def test_a_row_of_a_table_in_the_folder_is_looked_at(site):
    """A constant spectrum is refused by file and sample wherever it stands."""
    folder, laboratory = site
    (folder / "S2.asd").unlink()
    write(folder / "more.csv", [["id", *NM], ["S3", *SOIL], ["S2", *(0.3 for _ in NM)]])
    with pytest.raises(SiteError, match=r"file more\.csv \(sample 'S2'\): 0\.3 at 350 nm.*constant"):
        read_site(folder, laboratory, target="Pb_mg_kg", replicates="mean")


def test_a_detector_that_failed_is_no_step(site):
    """Where removing a step between detectors gives what no soil reflects, the file is refused."""
    folder, laboratory = site
    files.write_asd(folder / "S2.asd", np.where(NM > 1000, 0.001 + 2e-4 * (NM - 1000), SOIL))
    with pytest.raises(SiteError, match=r"file S2\.asd \(sample 'S2'\).*reflectance lies within 0–1"):
        read_site(folder, laboratory, target="Pb_mg_kg", replicates="mean")


def test_a_unit_that_contradicts_the_files_is_refused(site):
    """Instrument files say their unit; a site file cannot say another."""
    with pytest.raises(SiteError, match="set spectra_unit to auto"):
        read_site(*site, target="Pb_mg_kg", replicates="mean", spectra_unit="absorbance")


def test_spectra_alone_keep_their_names(site):
    """Without a laboratory table, every file is a sample of its own name."""
    assert read_spectra(site[0]).samples.index.tolist() == ["S1_0", "S1_1", "S2"]
