"""What a laboratory table says besides the target."""

import numpy as np

from tests.site_files import IDS, LEAD, notes, write


def test_companion_columns_come_along(folder):
    """pH, clay in g/kg, coordinates and plots are recognised, and the rest is named as left aside."""
    rows = [["id", "Pb [ppm]", "pH (H2O)", "Clay [g/kg]", "lon", "lat", "Plot", "Remark"]]
    rows += [[i, pb, 6.5, 250, 103.1, 23.3, "A", "wet"] for i, pb in zip(IDS, LEAD, strict=True)]
    write(folder.laboratory, rows)
    soils = folder.read()
    assert soils.samples.iloc[0].drop("Pb_mg_kg").to_dict() == {
        **{"pH": 6.5, "clay_pct": 25.0, "x": 103.1, "y": 23.3},
        **{"crs": "EPSG:4326", "group": "A"},
    }
    assert "laboratory columns left aside: 'Remark'" in notes(soils)


def test_swapped_coordinates_are_refused(folder):
    """A latitude of 103° is not on Earth."""
    write(folder.laboratory, [["id", "Pb_mg_kg", "lon", "lat"], *([i, 5, 23.3, 103.1] for i in IDS)])
    folder.refuse("row 2, column 'lat'", "swapped")


def test_implausible_companions_are_missing_and_counted(folder):
    """A pH of 65 or a word costs that cell only, with a count; the target stays."""
    rows = [
        ["id", "Pb_mg_kg", "pH", "As (ppm)"],
        ["S1", 5, 65, "<2"],
        ["S2", 5, "wet", 3],
        ["S3", 5, 6.5, "n.d."],
    ]
    write(folder.laboratory, rows)
    soils = folder.read()
    np.testing.assert_array_equal(soils.values("pH"), [np.nan, np.nan, 6.5])
    np.testing.assert_array_equal(soils.values("As_mg_kg"), [np.nan, 3, np.nan])
    assert "2 cells of 'pH' count as missing" in notes(soils)
    assert "1 cells of 'As (ppm)' count as missing" in notes(soils)
    assert folder.read(below_detection="half").values("As_mg_kg")[0] == 1


def test_a_reference_system_is_never_invented(folder):
    """Easting and northing have a crs only where the table says one."""
    write(folder.laboratory, [["id", "Pb_mg_kg", "x", "y"], *([i, 5, 517_000, 6_908_000] for i in IDS)])
    assert "crs" not in folder.read().samples
    rows = [["id", "Pb_mg_kg", "x", "y", "crs"], *([i, 5, 517_000, 6_908_000, "EPSG:32722"] for i in IDS)]
    write(folder.laboratory, rows)
    assert set(folder.read().samples["crs"]) == {"EPSG:32722"}
