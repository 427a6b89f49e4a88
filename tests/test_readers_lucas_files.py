"""LUCAS's files go by their names, and their columns by any spelling of theirs."""

from pathlib import Path

import numpy as np
import pytest

from soilpb.readers import lucas
from soilpb.readers.laboratory import plausible_range
from soilpb.readers.spectra_table import SpectralTable
from soilpb.site_file import SiteError
from tests import layouts


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(("survey", "absent"), [(layouts.LUCAS_2009, {"ec"}), (layouts.LUCAS_2015, {"cec"})])
def test_each_survey_has_all_columns_but_its_own_gap(survey, absent):
    """Both surveys' real headers hold every property we read, but EC in 2009 and CEC in 2015."""
    found = lucas.laboratory_columns(survey)
    places = {"gpslong", "gpslat"} if survey is layouts.LUCAS_2015 else set()
    expected = {ours for key, ours in lucas.LABORATORY.items() if key not in absent | places}
    assert set(found.values()) == expected


def test_no_two_columns_of_a_survey_are_one_property():
    """Simplified names stay distinct: pH in water and in CaCl2, or N and NUTS_0, never collide."""
    for survey in (layouts.LUCAS_2009, layouts.LUCAS_2015):
        assert len({lucas.simplify(name) for name in survey}) == len(survey)


def test_factors_turn_grams_in_a_kilogram_into_percent():
    """1000 g/kg, the most there can be of carbon, carbonate or nitrogen, is 100 percent."""
    for key in ("oc", "caco3", "n"):
        ours, factor = lucas.LABORATORY[key]
        assert 1000 * factor == pytest.approx(plausible_range(ours)[1])


@pytest.mark.parametrize("spelling", ["spc.{}", "X{}", "{}"])
def test_band_columns_are_found_in_every_spelling(tmp_path, spelling):
    """ESDAC's, R's and bare band names are bands, and neither POINT_ID nor a year is."""
    names = [spelling.format(w) for w in ("400", "400.5", "2499.5")]
    path = tmp_path / "soils.csv"
    path.write_text(",".join(["POINT_ID", "pH2009", *names]) + "\n1,6,0.5,0.5,0.3\n")
    table = SpectralTable(path, lucas.BAND)
    assert table.wavelengths.tolist() == [400.0, 400.5, 2499.5]


def test_the_wavelengths_are_those_of_the_instrument():
    """The 4,200 bands start at 400 nm and end at 2499.5 nm, every 0.5 nm."""
    np.testing.assert_array_equal(lucas.WAVELENGTHS, layouts.LUCAS_BANDS)
    assert (lucas.WAVELENGTHS.size, lucas.WAVELENGTHS[-1]) == (4200, 2499.5)
    assert len(set(lucas.COUNTRIES)) == 28


def test_2015_files_come_in_the_order_of_countries_not_of_paths(tmp_path):
    """Spectral files are ordered by country, wherever and with whatever blanks they lie."""
    touch(tmp_path, "a/spectra_ SE .csv", "b/spectra_AT.csv", "spectra_ MT.csv", "x/LUCAS_Topsoil_2015_1.csv")
    laboratory, *spectra = lucas.find_2015(tmp_path)
    assert laboratory.name == "LUCAS_Topsoil_2015_1.csv"
    assert [lucas.country_of(path) for path in spectra] == ["AT", "MT", "SE"]


def test_2009_takes_the_workbook_if_it_is_there(tmp_path):
    """The laboratory workbook is found beside the spectra, and its absence is no error."""
    touch(tmp_path, "LUCAS.SOIL_corr.csv", "readme.xlsx")
    assert [path.name for path in lucas.find_2009(tmp_path)] == ["LUCAS.SOIL_corr.csv"]
    touch(tmp_path, "docs/LUCAS_TOPSOIL_v1.xlsx")
    assert lucas.find_2009(tmp_path)[1:] == [tmp_path / "docs" / "LUCAS_TOPSOIL_v1.xlsx"]


def test_two_copies_of_one_file_are_both_named(tmp_path):
    """Which of two spectral files of 2009 to read is not guessed: both are named."""
    touch(tmp_path, "one/LUCAS.SOIL_corr.csv", "two/LUCAS.SOIL_corr (1).csv")
    with pytest.raises(SiteError, match=r"2 files .*one.*two.*expected one"):
        lucas.find_2009(tmp_path)


def test_a_column_keeps_the_spelling_of_its_file():
    """The id column is returned as the file spells it, and a missing one lists what there is."""
    path = Path("soils.csv")
    assert lucas.find_column(iter(["OC", "Point_ID"]), "pointid", path) == "Point_ID"
    with pytest.raises(SiteError, match=r"soils.csv: no column 'pointid' .* it has OC, pH"):
        lucas.find_column(["OC", "pH"], "pointid", path)
