"""Kriging recovers fields of known covariance, knows its errors, and says where there is no structure."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.gaussian_process import GaussianProcessRegressor

from soilpb.decide.maps import KrigedProperty, assess_structure

RANGE, SILL, NUGGET, MEAN = 25.0, 0.8, 0.2, 6.0


def simulate(n, seed, sill=SILL):
    """Places in a square of 100, and values of known exponential covariance with a nugget."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 100, (n, 2))
    covariance = sill * np.exp(-cdist(places, places) / RANGE) + NUGGET * np.eye(n)
    return places, MEAN + np.linalg.cholesky(covariance) @ rng.standard_normal(n)


def true_kriging(places, values, new):
    """Simple kriging with the covariance and the mean that made the field."""
    weights = np.linalg.solve(
        SILL * np.exp(-cdist(places, places) / RANGE) + NUGGET * np.eye(len(places)), values - MEAN
    )
    return MEAN + SILL * np.exp(-cdist(new, places) / RANGE) @ weights


@pytest.fixture(scope="module")
def fields():
    return [
        (*simulate(400, seed), KrigedProperty.fit(*(a[:200] for a in simulate(400, seed))))
        for seed in range(4)
    ]


def test_it_is_nearly_as_good_as_with_the_true_covariance(fields):
    """At 200 new places its error is at most 5 % above that of kriging which was told the truth."""
    own, best = [], []
    for places, values, field in fields:
        own.append(field.predict(places[200:])[0] - values[200:])
        best.append(true_kriging(places[:200], values[:200], places[200:]) - values[200:])
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
    places, values = simulate(40, 9)
    field = KrigedProperty.fit(places, values)
    scaled = (values - field.centre) / field.spread
    rest = np.arange(40) != 7
    again = GaussianProcessRegressor(field.process.kernel_, optimizer=None).fit(places[rest], scaled[rest])
    mean, sd = again.predict(places[[7]], return_std=True)
    assert field.errors[7] == pytest.approx(((scaled[7] - mean) / sd).item(), rel=1e-5)


def test_gaps_are_no_errors():
    """A soil without a value is not kriged from, and errs by NaN."""
    places, values = simulate(60, 3)
    values[5] = np.nan
    field = KrigedProperty.fit(places, values)
    assert np.flatnonzero(np.isnan(field.errors)).tolist() == [5]
    assert np.isfinite(field.predict(places)[0]).all()


def test_structure_is_found_where_it_is_and_not_where_it_is_not():
    """A field has it; the same values dealt to the places at random have it in about one case of twenty."""
    assert all(assess_structure(*simulate(120, seed)).found for seed in range(6))
    dealt = [assess_structure(*simulate(120, seed, sill=0.0), seed=seed) for seed in range(100)]
    assert sum(one.found for one in dealt) <= 10
    assert np.mean([one.ratio for one in dealt]) == pytest.approx(1, abs=0.03)


def test_few_places_make_no_map():
    """Forty places are too few, however alike neighbours are; a place counts once."""
    places, values = simulate(40, 0, sill=20.0)
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
    places = simulate(60, 0)[0]
    assert assess_structure(places, np.full(60, 3.0)).p == 1
    with pytest.raises(ValueError, match="60 known values, 1 different"):
        KrigedProperty.fit(places, np.full(60, 3.0))


def test_kriging_repeats(fields):
    """The same soils give the same map, to the bit."""
    places, values, field = fields[0]
    again = KrigedProperty.fit(places[:200], values[:200])
    np.testing.assert_array_equal(again.predict(places[200:])[0], field.predict(places[200:])[0])
