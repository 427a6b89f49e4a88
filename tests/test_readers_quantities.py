"""Quantities: one lead in many spellings, and units that never match by mistake."""

import pytest

from soilpb.readers.columns import TO_MG_KG, parse_quantity, standard_name
from soilpb.readers.tables import clean


@pytest.mark.parametrize(
    "header",
    [
        *("Pb_mg_kg", "Pb (mg/kg)", "Pb [mg/kg]", "Pb, mg/kg", "Pb mg kg⁻¹", "Pb mg.kg-1", "Pb..mg.kg."),
        *("Pb(mg·kg-1)", "Pb/mg·kg-1", "Pb ppm", "lead (µg/g)", "PB [PPM]", "铅（mg/kg）", "Pb (mg/kg TS)"),
    ],
)
def test_every_spelling_of_lead_is_lead_in_mg_kg(header):
    """Brackets, marks, powers, languages and dry mass change nothing."""
    found = parse_quantity(clean(header))
    assert found.is_same(parse_quantity("Pb_mg_kg"))
    assert found.factor == 1.0


@pytest.mark.parametrize(
    ("header", "remark"),
    [("Pb", ""), ("Pb (mg/L)", "mg/L"), ("Pb [mg/m3]", "mg/m3"), ("Pb (total)", "total")],
)
def test_no_unit_is_invented(header, remark):
    """A header without a share of mass has no factor, and keeps what else it says."""
    assert parse_quantity(header).factor is None
    assert parse_quantity(header).remark == remark


@pytest.mark.parametrize("header", ["Pb_XRF (ppm)", "Pb206 (ppm)", "Pb total mg/kg", "mg/kg"])
def test_what_is_not_plainly_lead_is_not_lead(header):
    """Another method, isotope or fraction is another quantity."""
    assert not parse_quantity(header).is_same(parse_quantity("Pb_mg_kg"))


@pytest.mark.parametrize(
    ("header", "column", "factor"),
    [
        *(
            ("pH", "pH", 1),
            ("pH (H2O)", "pH", 1),
            ("Clay %", "clay_pct", 1),
            ("clay (g/kg)", "clay_pct", 0.1),
        ),
        *(
            ("OC [g/kg]", "SOC_pct", 0.1),
            ("Org. C (%)", "SOC_pct", 1),
            ("As (ppm)", "As_mg_kg", 1),
            ("Fe %", "Fe_mg_kg", 1e4),
        ),
    ],
)
def test_companions_get_our_names_and_units(header, column, factor):
    """Clay and carbon are in percent, elements in mg/kg, pH has no unit."""
    assert standard_name(parse_quantity(header)) == (column, pytest.approx(factor))


def test_depths_and_remarks_are_no_quantities():
    """A column without a share of mass is left aside."""
    assert standard_name(parse_quantity("Depth (cm)")) is None
    assert standard_name(parse_quantity("Remark")) is None


def test_units_agree_with_each_other():
    """One percent is ten g/kg is ten thousand ppm."""
    assert TO_MG_KG["%"] == 10 * TO_MG_KG["g/kg"] == 1e4 * TO_MG_KG["ppm"]
