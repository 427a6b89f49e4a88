"""Column inference: wavelengths, quantities and ids from the names of columns, however they are spelt."""

import numpy as np
import pytest

from soilpb.readers.columns import parse_quantity, standard_name
from soilpb.readers.tables import clean
from tests.site_files import IDS, LEAD, NM, notes, soil_spectra, write

SPELLINGS = ["{}", "{}.0", "wl_{}", "X{}", "X{}.0", "R{}", "spc.{}", "{}nm", "{} nm", "X{}.nm", "{},0"]
SPELLINGS += ["Reflectance {} nm", "{}.0000e0", "scan_visnir.{}_ref"]


@pytest.mark.parametrize(
    ("spell", "axis", "said"),
    [
        *((spell, NM.astype(int), "") for spell in SPELLINGS),
        *((spell, 1e7 / NM, "wavenumbers (1/cm)") for spell in ("{:.4f}", "{:.4f} cm-1", "wn_{:.4f} (1/cm)")),
        ("{:.2f}", NM / 1000, "micrometres"),
    ],
)
def test_any_usual_spelling_of_wavelengths_is_read(folder, spell, axis, said):
    """Whatever stands around the number, the bands are the same; other units are converted, named or not."""
    folder.wide(soil_spectra(), names=[spell.format(x) for x in axis], separator=";" if "," in spell else ",")
    soils = folder.read()
    np.testing.assert_allclose(soils.wavelengths, NM, rtol=1e-6)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    assert (f"{said} converted to nm" in notes(soils)) == bool(said)


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


def test_band_numbers_are_refused(folder):
    """Columns numbered 1, 2, 3 are no wavelengths."""
    folder.wide(soil_spectra(), names=[f"band_{i}" for i in range(1, NM.size + 1)])
    folder.refuse("spectra.csv", f"bands from 1 to {NM.size}", "by its wavelength in nm")


@pytest.mark.parametrize(
    ("header", "remark"),
    [("Pb", ""), ("Pb (mg/L)", "mg/L"), ("Pb [mg/m3]", "mg/m3"), ("Pb (EDTA)", "EDTA")],
)
def test_no_unit_is_invented(header, remark):
    """A header without a share of mass has no factor, and keeps what else it says."""
    assert parse_quantity(header).factor is None
    assert parse_quantity(header).remark == remark


@pytest.mark.parametrize(
    "header", ["Pb_EDTA (ppm)", "Pb206 (ppm)", "Pb Error (ppm)", "有效态铅(mg/kg)", "PbO %", "mg/kg"]
)
def test_what_is_not_plainly_lead_is_not_lead(header):
    """Another method, isotope or fraction is another quantity."""
    assert parse_quantity(header).name != "Pb"


@pytest.mark.parametrize(
    ("header", "column", "factor"),
    [
        *(
            ("pH", "pH", 1),
            ("pH (H2O)", "pH", 1),
            ("Clay %", "clay_pct", 1),
            ("clay (g/kg)", "clay_pct", 0.1),
        ),
        *(("OC [g/kg]", "SOC_pct", 0.1), ("Org. C (%)", "SOC_pct", 1), ("As (ppm)", "As_mg_kg", 1)),
        *(("Fe %", "Fe_mg_kg", 1e4), ("Pb (µg/kg)", "Pb_mg_kg", 1e-3)),
    ],
)
def test_companions_get_our_names_and_units(header, column, factor):
    """Clay and carbon are in percent, elements in mg/kg, pH has no unit."""
    assert standard_name(parse_quantity(clean(header))) == (column, pytest.approx(factor))


def test_ids_spelt_differently_are_refused(folder):
    """``S-01`` against ``s 1`` is pointed out, not matched."""
    folder.lab(LEAD, ids=["s-01", "S2", "S3", "S4"])
    folder.refuse("has id 'S1' where", "has 's-01' (1 such pairs); spell them alike")


def test_an_unknown_id_column_is_refused(folder):
    """A misspelt id_column names what there is, and the nearest."""
    write(folder.laboratory, [["Kennung", "Pb_mg_kg"], *zip(IDS, LEAD, strict=True)])
    folder.refuse("lab.csv has no column of sample ids 'Kenung'", "id_column: Kennung", id_column="Kenung")
    assert folder.read(id_column="Kennung").n_samples == 4
