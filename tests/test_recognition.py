"""What can be seen in a user's files is not asked: the target's column and unit, the bands."""

import numpy as np
import pytest

from soilpb.readers import limesoda
from soilpb.report.new_site import SOURCE_BANDS, STEP, common_bands, find_target
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid
from tests.test_new_site import lab


@pytest.mark.parametrize(
    ("header", "target", "unit", "expected"),
    [
        ("Pb (ppm)", "Pb", "", ("Pb (ppm)", "Pb_mg_kg", "")),
        ("Pb", "lead", "mg/kg", ("Pb", "Pb_mg_kg", "mg/kg")),
        ("clay (%)", "clay", "", ("clay (%)", "clay_pct", "")),
        ("pH", "pH", "", ("pH", "pH", "")),
    ],
)
def test_the_target_is_named_as_studies_name_it(tmp_path, header, target, unit, expected):
    """Element and unit become one name; a unit is only kept where the column says none."""
    assert find_target(lab(tmp_path, header), target, unit) == expected


@pytest.mark.parametrize(
    ("header", "more", "unit", "says"),
    [
        ("Zn (ppm)", (), "", "no column for Pb: 'Sample No.', 'Zn .ppm.'; name the column with --target"),
        ("Pb (ppm)", ("Pb (%)",), "", "more than one column for Pb: 'Pb .ppm.', 'Pb .%.'"),
        ("Pb", (), "", "its unit is not said; say it with --unit"),
        ("Pb (mg/L)", (), "mg/kg", "its unit is mg/L; say it with --unit"),
    ],
)
def test_a_target_that_cannot_be_told_is_asked_for(tmp_path, header, more, unit, says):
    """No column, two columns and a unit that is not known name the option that settles it."""
    with pytest.raises(SiteError, match=says):
        find_target(lab(tmp_path, header, *more), "Pb", unit)


def test_one_of_two_columns_may_be_named(tmp_path):
    """A column's whole name is always enough."""
    assert find_target(lab(tmp_path, "Pb (ppm)", "Pb (%)"), "pb (%)")[:2] == ("Pb (%)", "Pb_mg_kg")


def test_the_source_has_the_bands_that_are_proposed():
    """All fields of the default source cover the widest range that is ever proposed."""
    library = limesoda.load_fields(limesoda.FULL_RANGE_FIELDS, band_grid(*SOURCE_BANDS, STEP))
    assert library.wavelengths[[0, -1]].tolist() == list(SOURCE_BANDS)


def test_the_instruments_range_decides():
    """Visible-only and near-infrared-only instruments get the bands that the source has too."""
    assert common_bands(np.arange(360.0, 741.0)) == (430.0, 740.0)
    assert common_bands(np.arange(1000.0, 2501.0, 2)) == (1000.0, 2480.0)
    with pytest.raises(SiteError, match="too little in common"):
        common_bands(np.arange(300.0, 500.0))
