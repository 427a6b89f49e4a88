"""ASD files of all versions: target divided by white reference, or a message."""

import numpy as np
import pytest

from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from tests.cases import case
from tests.instrument_files import (
    FOLDER,
    NM,
    SOIL,
    needs_real_files,
    read_instrument,
    to_reflectance,
    write_asd,
)


@pytest.mark.parametrize(("version", "data_format"), [*((n, 2) for n in range(2, 9)), (8, 0), (8, 1)])
def test_reflectance_is_target_by_white_reference(tmp_path, version, data_format):
    """Versions with a reference, in each number format, give the ratio over the header's bands."""
    white = 1e6 if data_format == 1 else 2000.0
    scan = read_instrument(
        write_asd(tmp_path / "s.asd", version=version, data_format=data_format, white=white)
    )
    np.testing.assert_allclose(scan.values, SOIL, atol=1e-6)
    np.testing.assert_allclose(scan.axis, NM)
    assert (scan.axis_unit, scan.quantity, scan.instrument) == ("nm", "fraction", "ASD FS FR 4139")
    assert scan.splices == (1000, 1800)


@pytest.mark.parametrize("version", [1, 8])
def test_reflectance_may_be_stored_as_it_is(tmp_path, version):
    """A file of type reflectance whose values are reflectance is not divided, and says so."""
    scan = read_instrument(write_asd(tmp_path / "s.asd", version=version, white=None))
    np.testing.assert_allclose(scan.values, SOIL)
    assert "stores reflectance" in scan.notes[0]


def test_an_instrument_with_one_detector_has_no_splice(tmp_path):
    """Splices outside the measured range do not count."""
    nm = np.arange(325.0, 1076.0)
    assert (
        read_instrument(write_asd(tmp_path / "s.asd", np.full(nm.size, 0.3), nm, splices=(0, 0))).splices
        == ()
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"data_type": 99}, "holds data type 99"),
        ({"nm": NM * 20}, "which no instrument has"),
        ({"white": np.where(NM == 900, 0.0, 2000.0)}, "reference is 0 at 900 nm"),
    ],
)
def test_counts_are_never_reflectance(tmp_path, options, says):
    """Raw counts, radiance, a spoilt header and a dark reference are refused by the file's name."""
    with pytest.raises(SiteError, match=f"s.asd.*{says}"):
        to_reflectance(read_instrument(write_asd(tmp_path / "s.asd", **options)))


# pyASDReader never closes the log that it opens where it is imported.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@needs_real_files
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.asd")), ids=lambda p: p.name)
def test_real_files_agree_with_pyasdreader(tmp_path, monkeypatch, path):
    """Bands and target / reference are those of an independent reader."""
    monkeypatch.chdir(tmp_path)
    from pyASDReader import ASDFile

    found, scan = ASDFile(str(path)), read_instrument(path)
    np.testing.assert_array_equal(scan.axis, found.wavelengths)
    ratio = found.spectrumData.spectra / found.referenceData.spectra
    np.testing.assert_allclose(scan.values, ratio, rtol=1e-12)
    assert scan.axis.size == 2151
    assert 0.02 < scan.values.min() < scan.values.max() < 1


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        (1, "VNIR"),
        (2, "SWIR1"),
        (5, "VNIR, SWIR2"),
        (7, "VNIR, SWIR1, SWIR2"),
        ("case", "VNIR, SWIR1, SWIR2"),
    ],
)
def test_saturated_detectors_are_said_with_the_files_name(tmp_path, flag, said):
    """The flags of the header reach the notes of the soils."""
    path = write_asd(tmp_path / "S1.asd", splices=(0, 0))
    if flag == "case":
        path = case("asd-saturated") / "S1.asd"
    else:
        content = bytearray(path.read_bytes())
        content[422] = flag
        path.write_bytes(content)
    assert f"S1.asd: saturated ({said})" in read_spectra(path).provenance.notes[0]


def test_counts_at_their_highest_are_saturated(tmp_path):
    """Without a flag, bands that stay at one highest count tell; smooth or low counts do not."""
    whole = {"data_format": 1, "splices": (0, 0)}
    for values, white, found in (
        (SOIL, 2000.0, False),
        (SOIL, 9e4, False),
        (np.minimum(SOIL, 0.2), 3e5, True),
    ):
        notes = read_instrument(write_asd(tmp_path / "s.asd", values, white=white, **whole)).notes
        assert any("saturated (detector of 350–2500 nm)" in note for note in notes) == found


def raw(path, values, integration=34, nm=NM):
    """Counts without a white reference, and how long they were collected."""
    write_asd(
        path,
        2000 * np.asarray(values) * max(integration, 1) / 34,
        nm,
        white=None,
        data_type=0,
        splices=(0, 0),
    )
    content = bytearray(path.read_bytes())
    content[390:394] = integration.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["white_1.asd", "WR.asd", "ref-00001.asd", "Spectralon.asd"])
@pytest.mark.parametrize("integration", [34, 68])
def test_white_references_of_the_folder_divide_counts(tmp_path, name, integration):
    """Each folder's own white references count, whatever time they were measured for."""
    for day, lamp in (("a", 1.0), ("b", 3.0)):
        (tmp_path / day).mkdir()
        raw(tmp_path / day / f"{day}1.asd", lamp * SOIL)
        raw(tmp_path / day / name, lamp * np.ones(NM.size), integration)
    soils = read_spectra(tmp_path)
    assert soils.samples.index.tolist() == ["a1", "b1"]
    np.testing.assert_allclose(soils.reflectance, [SOIL, SOIL], rtol=1e-5)
    assert f"white references: a/{name}, b/{name}" in soils.provenance.notes


@pytest.mark.parametrize(
    ("others", "says"),
    [
        ([], "without a white reference"),
        ([{"integration": 0}], "does not say how long"),
        ([{"nm": NM[:-3]}], "bands"),
    ],
)
def test_counts_that_nothing_divides_are_refused(tmp_path, others, says):
    """No white reference, one of unknown time, or one of other bands."""
    raw(tmp_path / "S1.asd", SOIL)
    for options in others:
        raw(tmp_path / "white.asd", np.ones(len(options.get("nm", NM))), **options)
    with pytest.raises(SiteError, match=rf"S1\.asd.*{says}"):
        read_spectra(tmp_path)
