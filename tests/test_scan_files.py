"""Files that are written as a spectrometer would are read as its files are."""

import numpy as np
import pandas as pd

from soilpb.readers.formats import text
from soilpb.readers.formats.text import read_sed
from soilpb.readers.site import read_spectra
from soilpb.spectra import Provenance, SoilSpectra
from tests.site_files import soil_spectra

NM = np.arange(350.0, 2501.0, 5.0)


def soils(n):
    samples = pd.DataFrame(index=[f"{i:02d}-1" for i in range(n)])
    about = Provenance(name="few", kind="measured", instrument="none")
    return SoilSpectra(NM, soil_spectra(n, NM).astype(np.float32), samples, about)


def test_a_written_file_is_read_to_its_values(tmp_path):
    """Percent, wavelengths and instrument come back as they went, to the four decimals of the format."""
    spectrum = soils(1).reflectance[0]
    path = text.write_sed(tmp_path / "s.sed", NM, {text.REFLECTANCE: 100 * spectrum}, "PSR+ 7")
    found = read_sed(path)
    assert (found.quantity, found.instrument) == ("percent", "Spectral Evolution PSR+ 7")
    np.testing.assert_array_equal(found.axis, NM)
    np.testing.assert_allclose(found.values, 100 * spectrum, atol=6e-5)


def test_scans_average_to_the_soil(tmp_path):
    """Scans of one soil differ, and their mean is its spectrum under its id."""
    few = soils(4)
    folder = text.write_scans(tmp_path / "scans", few, n_scans=3)
    assert len(list(folder.iterdir())) == 12
    texts = {path.read_text() for path in folder.glob("00-1_*.sed")}
    assert len(texts) == 3
    found = read_spectra(folder, replicates="mean", known=few.samples.index)
    assert list(found.samples.index) == list(few.samples.index)
    np.testing.assert_allclose(found.reflectance, few.reflectance, atol=2e-6)


def test_a_single_scan_is_named_after_its_soil(tmp_path):
    """Without a counter the file's name is the id, whether or not a laboratory knows it."""
    few = soils(2)
    found = read_spectra(text.write_scans(tmp_path / "scans", few, n_scans=1))
    assert list(found.samples.index) == ["00-1", "01-1"]
    np.testing.assert_allclose(found.reflectance, few.reflectance, atol=2e-6)
