"""Decisions on areas: right where the truth is known, and clear where they cannot be made."""

import json

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import decision_units as units
from soilpb.decide.confidence_limits import estimate_limits
from soilpb.site_file import SiteError, make_site
from tests.test_results import RESULTS


def simulate(rng, n_units=6, n=12, m=25, error=0.3):
    """Units of lognormal soils whose true mean is 100, predicted with an error; the last ``m`` unmeasured."""
    truth = np.exp(0.6 * rng.standard_normal((n_units, n + m)) - 0.18) * 100
    predicted = truth * np.exp(error * rng.standard_normal(truth.shape))
    measured = np.where(np.arange(n + m) < n, truth, np.nan)
    names = np.repeat([f"u{i}" for i in range(n_units)], n + m)
    return pd.DataFrame({"unit": names, "measured": measured.ravel(), "predicted": predicted.ravel()})


@pytest.fixture
def soils():
    return simulate(np.random.default_rng(0))


def test_units_without_predictions_have_the_recommended_limits(soils):
    """A unit whose soils are all measured is judged by the limits of measured values."""
    measured = soils.dropna().drop(columns="predicted")
    table = units.decide_units(measured, 100.0).set_index("unit")
    values = measured.query("unit == 'u2'")["measured"].to_numpy()
    best = estimate_limits(values)
    assert table.loc["u2", ["lower", "upper"]].tolist() == [best.lower, best.upper]
    assert table.loc["u2", "method"] == f"measured: {best.method}"


def test_assisted_limits_hold_and_are_shorter():
    """Of 60 places of 6 units, 95 % of limits hold, and predictions shorten them."""
    rng = np.random.default_rng(1)
    found = pd.concat([units.decide_units(simulate(rng), 100.0) for _ in range(60)])
    assert 0.93 < (found["upper"] >= 100).mean() < 0.97
    assert 0.93 < (found["lower"] <= 100).mean() < 0.97
    rng = np.random.default_rng(1)
    alone = pd.concat([units.decide_units(simulate(rng).assign(predicted=1.0), 100.0) for _ in range(15)])
    width, of_alone = ((table["upper"] / table["mean"]).median() - 1 for table in (found, alone))
    assert width < 0.85 * of_alone


def test_biased_predictions_change_nothing(soils):
    """Predictions all 30 % too high give the same table: the bias is found on measured soils."""
    biased = soils.assign(predicted=1.3 * soils["predicted"])
    pd.testing.assert_frame_equal(units.decide_units(biased, 90.0), units.decide_units(soils, 90.0))


def test_useless_predictions_leave_the_measured_mean(soils):
    """Predictions that are noise get hardly any weight."""
    noise = soils.assign(predicted=np.random.default_rng(3).uniform(50, 150, len(soils)))
    found = units.decide_units(noise, 90.0).set_index("unit")["mean"]
    measured = soils.groupby("unit")["measured"].mean()
    assert np.abs(found / measured - 1).max() < 0.05


def test_verdicts_and_probabilities_follow_the_limits(soils):
    """Far below, near and far above the mean; the probability passes a half at the mean."""
    tables = [units.decide_units(soils, limit).iloc[0] for limit in (20.0, 2000.0)]
    assert [table["verdict"] for table in tables] == ["above", "below"]
    assert [table[["more_measured", "more_scanned"]].tolist() for table in tables] == [[0, 0], [0, 0]]
    mean = tables[0]["mean"]
    at_mean = units.decide_units(soils, mean).iloc[0]
    assert at_mean["p_above"] == pytest.approx(0.5)
    assert at_mean["verdict"] == "not decided"
    at_limit = units.decide_units(soils, tables[0]["upper"] * 0.999).iloc[0]
    assert at_limit["verdict"] == "not decided"
    assert at_limit["p_above"] == pytest.approx(0.05, abs=0.001)


def test_named_number_of_soils_decides(soils):
    """As many more soils like these as are named bring the limit to the mean's other side, one fewer not."""
    limit = 100.0
    row = units.decide_units(soils, limit).query("verdict == 'not decided'").iloc[0]
    parts = [units._Unit.of(*each) for each in soils.assign(below=False, limit=limit).groupby("unit")]
    units._share_variances(parts)
    (part,) = (each for each in parts if each.name == row["unit"])
    needed = units._relative_distance(row["mean"], limit) * row["mean"]
    more = int(row["more_measured"])

    def width(k):
        error, free = part.error(k)
        return units.stdtrit(free, 0.95) * error

    assert width(more) <= needed < width(more - 1)


def test_values_below_detection_leave_predictions_aside(soils):
    """Kaplan and Meier's mean takes no predictions, which the note says."""
    censored = soils.assign(below=soils["measured"] < 60)
    censored.loc[censored["below"], "measured"] = 60.0
    row = units.decide_units(censored, 90.0).iloc[0]
    assert row["method"].startswith("measured")
    assert "below detection" in row["note"]


def test_a_unit_with_one_soil_is_not_decided_and_says_why(soils):
    """Its row says what is missing; the other units are decided."""
    one = pd.DataFrame({"unit": ["lone"], "measured": [500.0], "predicted": [480.0]})
    table = units.decide_units(pd.concat([soils, one], ignore_index=True), 100.0).set_index("unit")
    assert table.loc["lone", "verdict"] == "not decided"
    assert table.loc["lone", "note"].startswith("1 soils measured, 1 above detection; at least 3 are needed")
    assert table.loc["u0", "upper"] > 0


def test_few_detected_values_are_decided_by_those(soils):
    """A unit of which two are below detection and three above it has limits of its own."""
    few = pd.DataFrame({"unit": "few", "measured": [10.0, 10, 30, 32, 31]})
    few["below"] = few["measured"] == 10
    assert units.decide_units(few, 200.0)["verdict"].tolist() == ["below"]


@pytest.mark.parametrize(
    ("changes", "limit", "message"),
    [
        ({"below": True, "measured": 60.0}, 50.0, "limit 50 is below the detection limit 60 of soils 0, 1"),
        ({}, -5.0, "limit of unit 'u0' is -5.0; expected a number above 0"),
    ],
)
def test_limits_that_cannot_be_judged_are_refused(soils, changes, limit, message):
    """A limit below detection, and a negative one."""
    with pytest.raises(ValueError, match=message):
        units.decide_units(soils.assign(**changes), limit)


@pytest.fixture
def sized(tmp_path):
    """What three decided units add up to, by a table of sizes."""
    decided = {"unit": list("abc"), "verdict": ["above", "not decided", "below"], "p_above": [1, 0.4, 0]}
    path = tmp_path / "sizes.csv"
    site = make_site({"site": "mine", "target_data": "twin", "sizes": str(path)})

    def add_up(table):
        path.write_text(table)
        return units.size_on_site(site, pd.DataFrame(decided))

    return add_up


SIZES = "Unit,area_m2,depth_m,density_t_m3,price_per_t\na,100,.5,1.4,30\nb,100,.5,1.4,30\nc,100,.5,1.4,30\n"


def test_sizes_add_up_between_sure_and_at_most(sized):
    """Area, tonnes and cost of units above, expected, and at most; without a density, area alone."""
    np.testing.assert_allclose(sized(SIZES), [[100, 140, 200], [70, 98, 140], [2100, 2940, 4200]])
    assert sized("unit,area_m2,depth_m,price_per_t\na,1,2,3\nb,1,2,3\nc,1,2,3\n").index.tolist() == [
        "area_m2"
    ]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("block,area\na,100\n", "has block, area; expected unit, area_m2, depth_m"),
        (SIZES.replace("1.4,30\nc", "1.4,-30\nc"), "price_per_t of unit 'b' is -30.0; expected 0 or more"),
        (SIZES.replace("a,100", "a,"), "area_m2 of unit 'a' is nan; expected 0 or more"),
        (SIZES[: SIZES.index("c,")], "unit 'c' has 0 rows, expected one; there are: a, b"),
        (SIZES.replace("\nb,", "\na,"), "unit 'a' has 2 rows"),
    ],
)
def test_sizes_that_cannot_be_meant_are_refused(sized, table, message):
    """A table without its columns, a negative price, a gap, no size or two of one unit: the file is named."""
    with pytest.raises(SiteError, match=f"sizes.csv:? {message}"):
        sized(table)


@pytest.fixture
def samples():
    depth = ["0-10", "0-10", "0-10", "10-30"]
    columns = {"x": [1.0, 5, 9, 3], "y": 1.0, "crs": "EPSG:32648", "Depth": depth}
    return pd.DataFrame(columns, index=list("abcd"))


def write_polygons(folder, squares, crs="urn:ogc:def:crs:EPSG::32648", hole=()):
    """GeoJSON of rectangles (name, x from, x to), perhaps with a hole."""

    def draw(left, right, edge=0.0):
        return [[left, edge], [right, edge], [right, 2 - edge], [left, 2 - edge], [left, edge]]

    holes, features = [draw(*hole, 0.5)] if hole else [], []
    for name, *ends in squares:
        shape = {"type": "MultiPolygon", "coordinates": [[draw(*ends), *holes]]}
        features.append({"type": "Feature", "properties": {"name": name}, "geometry": shape})
    path = folder / "units.geojson"
    content = {"type": "FeatureCollection", "features": features}
    path.write_text(json.dumps(content | ({"crs": {"properties": {"name": crs}}} if crs else {})))
    return path


def test_units_come_from_a_column_polygons_or_are_one(samples, tmp_path):
    """Depth layers are units of their own."""
    path = write_polygons(tmp_path, [("west", 0, 4), ("east", 4, 10)])
    found = units.assign_units(samples, polygons=path)
    assert found.tolist() == ["west (0-10)", "east (0-10)", "east (0-10)", "west (10-30)"]
    by_column = units.assign_units(samples.assign(Block=[1, 1, 2, 2]).drop(columns="Depth"))
    assert by_column.tolist() == ["1", "1", "2", "2"]
    assert set(units.assign_units(samples.drop(columns="Depth"))) == {"all soils"}


@pytest.mark.parametrize(
    ("squares", "changes", "message"),
    [
        ([("west", 0, 6), ("east", 4, 10)], {}, "west and east overlap: soils b lie in both"),
        ([("west", 0, 4)], {}, r"misses 2 of 4 soils \(soils b, c\): draw a polygon"),
        ([("A", 0, 10)], {"hole": (8, 9.5)}, r"misses 1 of 4 soils \(soils c\)"),
        (
            [("A", 0, 10)],
            {"crs": "EPSG:27700"},
            "in EPSG:27700, the soils are in EPSG:32648: give both in one",
        ),
        ([("A", 0, 10)], {"crs": ""}, "is in EPSG:4326, the soils are in EPSG:32648"),
    ],
)
def test_polygons_that_do_not_fit_are_refused(samples, tmp_path, squares, changes, message):
    """They overlap, miss soils (a hole is outside), or are in another coordinate system."""
    with pytest.raises(ValueError, match=message):
        units.assign_units(samples, polygons=write_polygons(tmp_path, squares, **changes))


def test_columns_and_files_that_are_not_there_are_refused(samples, tmp_path):
    """A cell without a unit, a file of another kind, soils of an unknown system."""
    with pytest.raises(ValueError, match="soils b have no unit"):
        units.assign_units(samples.assign(unit=["A", None, "A", "B"]))
    (tmp_path / "no.geojson").write_text("{}")
    with pytest.raises(ValueError, match="is no GeoJSON of polygons"):
        units.assign_units(samples, polygons=tmp_path / "no.geojson")
    path = write_polygons(tmp_path, [("all", 0, 10)])
    with pytest.raises(ValueError, match="the soils are in no known coordinate system"):
        units.assign_units(samples.drop(columns="crs"), polygons=path)


def test_limits_hold_on_the_twins():
    """Of units of 20 twins, biased predictions or not, 92 to 98 % have their true mean below the limit."""
    results = json.loads((RESULTS / "decision_units.json").read_text(encoding="utf-8"))
    table = pd.DataFrame(results["limits of units"]).set_index("way")
    assert table["units"].iloc[0] == 800
    assert table.loc["predictions as they are":"predictions 30 % too high", "upper"].between(0.92, 0.98).all()
    assert table.loc["predictions noise", "upper"] > 0.92
    accepted = pd.DataFrame(results["accepted predictions"])
    assert (accepted[["wrong", "wrong of accepted"]].max(axis=1) <= accepted["rate"] + 0.02).all()


def test_a_sensor_adds_what_it_knows_and_a_useless_one_costs_nothing():
    """On ten twins both together are no worse than either; noise loses less than .02 of R²."""
    table = pd.read_csv(RESULTS / "xrf.csv").set_index(["readings", "model"])
    gains = table.loc[table.index.get_level_values("model").str.startswith("both −")]
    assert (gains["upper"] > 0).all()
    assert table.loc[("noise", "both − spectrum"), "lower"] > -0.02
