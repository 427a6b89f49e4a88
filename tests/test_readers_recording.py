"""A recording becomes reflectance over nm, or one message says why it is none."""

from pathlib import Path

import numpy as np
import pytest

from soilpb.readers.formats.spectrum_file import SpectrumFile, to_nanometres, to_reflectance
from soilpb.site_file import SiteError
from soilpb.spectra import absorbance
from tests.instrument_files import NM, SOIL


def recording(values=SOIL, quantity="fraction", axis=NM, unit="nm"):
    return SpectrumFile(Path("S1.asd"), np.asarray(axis, float), unit, np.asarray(values, float), quantity)


@pytest.mark.parametrize(
    "scan",
    [
        recording(),
        recording(100 * SOIL, "percent"),
        recording(absorbance(SOIL), "absorbance"),
        recording(axis=NM / 1000, unit="um"),
        recording(axis=1e7 / NM, unit="1/cm"),
        recording(SOIL[::-1], axis=NM[::-1]),
    ],
    ids=["fraction", "percent", "absorbance", "um", "wavenumbers", "descending"],
)
def test_every_unit_gives_the_same_reflectance(scan):
    """Whatever the unit of axis and values, nm ascend and reflectance is the same fraction."""
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm, NM)
    np.testing.assert_allclose(reflectance, SOIL, rtol=1e-6)


@pytest.mark.parametrize(
    ("scan", "says"),
    [
        (recording(axis=np.linspace(600, 4000, NM.size), unit="1/cm"), "mid-infrared"),
        (recording(axis=np.linspace(100, 900, NM.size)), "mend the unit of its axis"),
        (recording(quantity="transmittance"), "holds transmittance; export reflectance"),
        (recording(unit="HZ"), r"no wavelength or wavenumber \(HZ\)"),
        (recording(axis=NM - 350), "no wavelength or wavenumber"),
        (recording(SOIL * 100), "look like percent"),
        (recording(SOIL, "percent"), "look like a fraction"),
        (recording(SOIL * 60_000, "percent"), "look like raw counts"),
        (recording(absorbance(SOIL)), "look like absorbance by its slope"),
        (recording(SOIL, "absorbance"), "look like reflectance by its slope"),
        (recording(np.full(NM.size, 0.3)), "constant"),
        (recording(np.where(NM == 900, np.nan, SOIL)), r"no value at 900 nm \(1 in all\)"),
        (recording(np.where(NM == 900, 9.0, SOIL)), "9 at 900 nm"),
        (recording(SOIL[:5], axis=NM[:5]), "5 bands"),
        (recording(axis=np.where(NM == 900, 895, NM)), "895 nm stands there twice"),
    ],
)
def test_what_is_no_reflectance_is_refused(scan, says):
    """Another range, another quantity, a contradicted header or a broken value names the file."""
    with pytest.raises(SiteError, match=f"S1.asd.*{says}"):
        to_reflectance(scan)


def test_only_wavelengths_and_wavenumbers_become_nanometres():
    """1/cm and micrometres convert; hertz and axes through zero do not."""
    np.testing.assert_allclose(to_nanometres(np.array([10_000.0]), "1/cm"), [1000])
    np.testing.assert_allclose(to_nanometres(np.array([1.0]), "um"), [1000])
    assert to_nanometres(np.array([1.0]), "Hz") is None
    assert to_nanometres(np.array([0.0]), "1/cm") is None
