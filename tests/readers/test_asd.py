"""ASD files of all versions: target divided by white reference, or a message."""

import numpy as np
import pytest

from soilpb.readers.formats import read_instrument
from soilpb.readers.formats.spectrum_file import to_reflectance
from soilpb.site_file import SiteError
from tests.instrument_files import FOLDER, NM, SOIL, needs_real_files, write_asd


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
