"""Kriging recovers fields of known covariance, and a map shows nothing that its soils do not support."""

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from soilpb.decide import maps
from soilpb.decide.exceedance import calibration_error, reliability_table
from soilpb.decide.maps import KrigedProperty, KrigedSite, assess_structure, cross_validate_blocks
from soilpb.decide.standards import lead_limit

SQUARE = np.random.default_rng(0).uniform(0, 100, (80, 2))
RANGE, SILL, NUGGET, MEAN = 25.0, 0.8, 0.2, 6.0
GB, FINLAND = ("GB 15618-2018", "intervention"), ("Finland 214/2007", "upper guideline")


def samples(**columns):
    return pd.DataFrame(columns, index=[f"S{i}" for i in range(len(columns["x"]))])


def test_degrees_become_metres():
    """One thousandth of a degree is 111 m to the north, and half of it to the east at 60° north."""
    found = maps.local_coordinates(samples(x=[10.0, 10.001], y=[60.0, 60.001], crs="EPSG:4326"))
    assert found.loc["S1", "y"] == pytest.approx(111.2, abs=0.1)
    assert found.loc["S1", "x"] == pytest.approx(55.6, abs=0.1)


def test_metres_stay_metres_and_soils_without_a_place_are_left_out():
    """Projected coordinates are counted from the south-western corner; a gap costs its soil only."""
    found = maps.local_coordinates(samples(x=[516_900.0, 516_850.0, np.nan], y=[690.0, 720.0, 700.0]))
    assert found.to_dict("index") == {"S0": {"x": 50, "y": 0}, "S1": {"x": 0, "y": 30}}


@pytest.mark.parametrize(
    "soils",
    [
        pd.DataFrame({"pH": [5.0]}),
        samples(x=[1.0, 2.0], y=[1.0, 2.0], crs="dummy EPSG:4326"),
        samples(x=[np.nan], y=[1.0]),
    ],
    ids=["no columns", "dummies", "no pair"],
)
def test_no_true_place_is_no_place(soils):
    """Without coordinates, with dummies, or with half of a pair there is nothing to map."""
    assert maps.local_coordinates(soils) is None


def test_a_map_ends_where_its_soils_do():
    """Every cell lies in the hull and near a soil; a hole among the soils stays white."""
    hole = np.hypot(*(SQUARE - 50).T) > 35
    full, holed = maps.map_cells(SQUARE), maps.map_cells(SQUARE[hole])
    assert len(holed) < len(full)
    assert np.hypot(*(holed[["x", "y"]].to_numpy() - 50).T).min() > 5
    assert full.min().min() >= SQUARE.min()
    assert full.max().max() <= SQUARE.max()


def test_soils_on_one_line_span_no_map():
    """A transect has no cells."""
    assert maps.map_cells(np.column_stack([np.arange(60.0), np.arange(60.0)])).empty


def simulate_field(n, seed, sill=SILL):
    """Places in a square of 100, and values of known exponential covariance with a nugget."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 100, (n, 2))
    covariance = sill * np.exp(-cdist(places, places) / RANGE) + NUGGET * np.eye(n)
    return places, MEAN + np.linalg.cholesky(covariance) @ rng.standard_normal(n)


@pytest.fixture(scope="module")
def fields():
    return [
        (*simulate_field(400, seed), KrigedProperty.fit(*(a[:200] for a in simulate_field(400, seed))))
        for seed in range(4)
    ]


def test_it_is_nearly_as_good_as_with_the_true_covariance(fields):
    """At 200 new places its error is at most 5 % above that of kriging which was told the truth."""
    own, best = [], []
    true = ConstantKernel(SILL) * Matern(RANGE, nu=0.5) + WhiteKernel(NUGGET)
    for places, values, field in fields:
        own.append(field.predict(places[200:])[0] - values[200:])
        told = GaussianProcessRegressor(true, optimizer=None).fit(places[:200], values[:200] - MEAN)
        best.append(MEAN + told.predict(places[200:]) - values[200:])
    assert np.std(own) <= 1.05 * np.std(best)
    assert np.std(own) < 0.9 * np.sqrt(SILL + NUGGET)


def test_its_draws_cover_what_is_found(fields):
    """Nine in ten new soils lie within the middle nine tenths of their draws, their nugget included."""
    inside = []
    for places, values, field in fields:
        low, high = np.quantile(field.draws(places[200:]), [0.05, 0.95], axis=1)
        inside.append((low < values[200:]) & (values[200:] < high))
    assert 0.86 <= np.mean(inside) <= 0.94


def test_errors_without_a_soil_are_those_of_leaving_it_out():
    """The closed form equals kriging anew without the soil, covariance kept."""
    places, values = simulate_field(40, 9)
    field = KrigedProperty.fit(places, values)
    scaled = (values - values.mean()) / values.std()
    rest = np.arange(40) != 7
    again = GaussianProcessRegressor(field.process.kernel_, optimizer=None).fit(places[rest], scaled[rest])
    mean, sd = again.predict(places[[7]], return_std=True)
    assert field.errors[7] == pytest.approx(((scaled[7] - mean) / sd).item(), rel=1e-5)


def test_gaps_are_no_errors():
    """A soil without a value is not kriged from, and errs by NaN."""
    places, values = simulate_field(60, 3)
    values[5] = np.nan
    field = KrigedProperty.fit(places, values)
    assert np.flatnonzero(np.isnan(field.errors)).tolist() == [5]
    assert np.isfinite(field.predict(places)[0]).all()


def test_structure_is_found_where_it_is_and_not_where_it_is_not():
    """A field has it; the same values dealt to the places at random have it in about one case of twenty."""
    assert all(assess_structure(*simulate_field(120, seed)).found for seed in range(6))
    dealt = [assess_structure(*simulate_field(120, seed, sill=0.0), seed=seed) for seed in range(100)]
    assert sum(one.found for one in dealt) <= 10
    assert np.mean([one.ratio for one in dealt]) == pytest.approx(1, abs=0.03)


def test_few_places_make_no_map():
    """Forty places are too few, however alike neighbours are; a place counts once."""
    places, values = simulate_field(40, 0, sill=20.0)
    alone, twice = (
        assess_structure(places, values),
        assess_structure(np.tile(places, (2, 1)), np.tile(values, 2)),
    )
    assert alone.p <= 0.05
    assert not alone.found
    assert not twice.found
    assert twice.n_places == 40


def test_without_variation_there_is_nothing_to_krige():
    """Equal values have no structure, and are refused."""
    places = simulate_field(60, 0)[0]
    assert assess_structure(places, np.full(60, 3.0)).p == 1
    with pytest.raises(ValueError, match="60 known values, 1 different"):
        KrigedProperty.fit(places, np.full(60, 3.0))


def simulate_site(n, seed):
    """Ln Pb and pH of known exponential covariance, whose nuggets go along with each other."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1000, (n, 2))
    root = np.linalg.cholesky(np.exp(-cdist(places, places) / 300) + 1e-9 * np.eye(n))
    nugget = rng.standard_normal((n, 2)) @ np.linalg.cholesky([[0.04, 0.03], [0.03, 0.05]]).T
    lead, ph = root @ rng.standard_normal((n, 2)).T[0], root @ rng.standard_normal(n)
    return places, np.log(600) + 0.5 * lead + nugget[:, 0], 6.3 + 0.7 * ph + nugget[:, 1]


def test_probabilities_of_new_places_come_true():
    """Over 900 new soils, with pH kriged too, the calibration error stays below 0.05."""
    given, exceeded = [], []
    for seed in range(3):
        places, y, ph = simulate_site(430, seed)
        site = KrigedSite.fit(places[:130], y[:130], ph[:130], log=True)
        given.append(site.probability(places[130:], *GB))
        exceeded.append(np.exp(y[130:]) > lead_limit(*GB, ph[130:]))
    given, exceeded = np.concatenate(given), np.concatenate(exceeded)
    assert calibration_error(reliability_table(given, exceeded)) < 0.05
    assert given[exceeded].mean() > given[~exceeded].mean() + 0.2


def test_without_ph_no_limit_is_known():
    """Where the limit needs pH and too few soils have one, there is no probability; a gap does no harm."""
    places, y, ph = simulate_site(60, 5)
    ph[3] = np.nan
    assert np.isfinite(KrigedSite.fit(places, y, ph, log=True).probability(places, *GB)).all()
    few = KrigedSite.fit(places, y, np.where(np.arange(60) < 5, ph, np.nan), log=True)
    assert np.isnan(few.probability(places, *GB)).all()
    assert np.isfinite(few.probability(places, *FINLAND)).all()


def test_values_are_in_the_laboratorys_unit():
    """The median of a kriged logarithm is its exponential; a natural scale stays as it is."""
    places, y, _ = simulate_site(60, 1)
    log, natural = (KrigedSite.fit(places, y, None, log) for log in (True, False))
    np.testing.assert_allclose(log.values(places), np.exp(natural.values(places)))


def test_a_block_is_kriged_from_the_other_blocks_only():
    """Other values in one block change no prediction there, but predictions elsewhere."""
    places, y, ph = simulate_site(80, 2)
    ids = np.arange(80)
    before = cross_validate_blocks(places, y, ids, ph, True, *GB).set_index("sample").sort_index()
    block = cross_validate_blocks(places, y, ids).head(3)["sample"].to_numpy()
    other = y.copy()
    other[block] += 5.0
    after = cross_validate_blocks(places, other, ids, ph, True, *GB).set_index("sample").sort_index()
    changed = np.flatnonzero(~np.isclose(before["predicted"], after["predicted"]))
    assert not set(block) & set(changed)
    assert len(changed) > 20
    assert after.loc[block, "exceeded"].all()


def test_soils_of_unknown_limit_are_not_judged():
    """A soil without pH has no row where the limit needs it, and one where it does not."""
    places, y, ph = simulate_site(80, 2)
    ph[:4] = np.nan
    names = [f"S{i}" for i in range(80)]
    assert sorted(cross_validate_blocks(places, y, names, ph, True, *GB)["sample"]) == sorted(names[4:])
    found = cross_validate_blocks(places, y, names, ph, True, *FINLAND)
    assert sorted(found["sample"]) == sorted(names)
    assert list(cross_validate_blocks(places, y, names)) == ["sample", "observed", "predicted"]
