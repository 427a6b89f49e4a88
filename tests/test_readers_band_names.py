"""Wavelengths from column names, however they are spelt and in whatever unit."""

import numpy as np
import pytest

from soilpb.spectra import absorbance
from tests.site_files import IDS, NM, notes, soil_spectra, write


@pytest.mark.parametrize(
    "spell",
    [
        *("{}", "{}.0", "wl_{}", "X{}", "X{}.0", "R{}", "spc.{}", "{}nm", "{} nm", "X{}.nm"),
        *("{},0", "Reflectance {} nm", "{}.0000e0", "scan_visnir.{}_ref"),
    ],
)
def test_any_usual_spelling_of_wavelengths_is_read(folder, spell):
    """Whatever stands around the number, the bands are the same."""
    separator = ";" if "," in spell else ","
    folder.wide(soil_spectra(), names=[spell.format(f"{w:.0f}") for w in NM], separator=separator)
    np.testing.assert_array_equal(folder.read().wavelengths, NM)


def test_fractional_wavelengths_keep_their_decimals(folder):
    """``X431.6`` is 431.6 nm, with a point as with a comma."""
    folder.wide(soil_spectra(), names=[f"X{w + 0.6:.1f}".replace(".", ",") for w in NM], separator=";")
    np.testing.assert_allclose(folder.read().wavelengths, NM + 0.6)


@pytest.mark.parametrize("spell", ["{:.4f}", "{:.4f} cm-1", "wn_{:.4f} (1/cm)"])
def test_wavenumbers_become_nanometres(folder, spell):
    """Bands in 1/cm over the visible and near infrared are converted, named or by value."""
    folder.wide(soil_spectra()[:, ::-1], names=[spell.format(1e7 / w) for w in NM[::-1]])
    soils = folder.read()
    np.testing.assert_allclose(soils.wavelengths, NM, rtol=1e-6)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    assert "wavenumbers (1/cm) converted to nm" in notes(soils)


def test_micrometres_become_nanometres(folder):
    """Bands from 0.4 to 2.45 are micrometres."""
    folder.wide(soil_spectra(), names=[f"{w / 1000:.2f}" for w in NM])
    np.testing.assert_allclose(folder.read().wavelengths, NM)


def test_repeated_wavelengths_are_refused(folder):
    """Two columns of one wavelength are named."""
    names = [f"{w:g}" for w in NM]
    names[5] = f"{NM[4]:g}.0"
    folder.wide(soil_spectra(), names=names)
    folder.refuse("spectra.csv", "columns '520' and '520.0' are one wavelength", "keep one column")


def test_the_second_of_two_equal_columns_is_recognised(folder):
    """A data frame's ``520.1`` beside ``520`` is a repeated column, not a band 0.1 nm on."""
    names = [f"{w:g}" for w in NM]
    names[5] = f"{NM[4]:g}.1"
    folder.wide(soil_spectra(), names=names)
    folder.refuse("spectra.csv", "columns '520' and '520.1' are one wavelength")


def test_finely_spaced_bands_are_no_repetition(folder):
    """Bands 0.1 nm apart throughout are a fine grid."""
    nm = 400 + 0.1 * np.arange(12)
    folder.wide(soil_spectra(nm=nm), names=[f"{w:.1f}" for w in nm])
    np.testing.assert_allclose(folder.read(spectra_unit="fraction").wavelengths, nm)


@pytest.mark.parametrize("spell", ["{:.1f}", "{:.1f} cm-1"])
def test_the_mid_infrared_is_refused(folder, spell):
    """600–4000 1/cm is recognised as mid-infrared, named or by value."""
    folder.wide(soil_spectra(), names=[spell.format(k) for k in np.linspace(4000, 600, NM.size)])
    folder.refuse("spectra.csv", "bands from 600 to 4000", "mid-infrared", "200–3000 nm")


def test_band_numbers_are_refused(folder):
    """Columns numbered 1, 2, 3 are no wavelengths."""
    folder.wide(soil_spectra(), names=[f"band_{i}" for i in range(1, NM.size + 1)])
    folder.refuse("spectra.csv", f"bands from 1 to {NM.size}", "by its wavelength in nm")


def test_a_file_without_header_is_refused(folder):
    """A first row of values is not taken for wavelengths."""
    write(folder.spectra, [[i, *row] for i, row in zip(IDS, soil_spectra(), strict=True)])
    folder.refuse("spectra.csv", "is the header missing?")


def test_two_families_of_bands_are_refused(folder):
    """Reflectance and absorbance columns side by side: the reader does not choose."""
    names = [f"ref_{w:g}" for w in NM] + [f"abs_{w:g}" for w in NM]
    folder.wide(np.hstack([soil_spectra(), absorbance(soil_spectra())]), names=names)
    folder.refuse("spectra.csv", "'ref_400' and 'abs_400'", "keep the one")
