"""Kriged probabilities come true, carry the error of pH, and are tried on blocks they have not seen."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from soilpb.decide.exceedance import calibration_error, reliability_table
from soilpb.decide.maps import KrigedSite, cross_validate_blocks

GB, FINLAND = ("GB 15618-2018", "intervention"), ("Finland 214/2007", "upper guideline")


def simulate(n, seed):
    """Ln Pb and pH of known exponential covariance, whose nuggets go along with each other."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 1000, (n, 2))
    root = np.linalg.cholesky(np.exp(-cdist(places, places) / 300) + 1e-9 * np.eye(n))
    nugget = rng.standard_normal((n, 2)) @ np.linalg.cholesky([[0.04, 0.03], [0.03, 0.05]]).T
    lead, ph = root @ rng.standard_normal((n, 2)).T[0], root @ rng.standard_normal(n)
    return places, np.log(600) + 0.5 * lead + nugget[:, 0], 6.3 + 0.7 * ph + nugget[:, 1]


def limit(ph):
    return np.array([400, 500, 700, 1000])[np.searchsorted([5.5, 6.5, 7.5], ph)]


@pytest.fixture(scope="module")
def told():
    """What kriging of 130 soils says of 300 others, three times over."""
    tables = []
    for seed in range(3):
        places, y, ph = simulate(430, seed)
        surface = KrigedSite.fit(places[:130], y[:130], ph[:130], log=True)
        sure = KrigedSite(surface.target, None, log=True)
        given = surface.probability(places[130:], *GB)
        tables.append((given, np.exp(y[130:]) > limit(ph[130:]), sure.probability(places[130:], *GB)))
    return [np.concatenate(parts) for parts in zip(*tables, strict=True)]


def test_probabilities_of_new_places_come_true(told):
    """Over 900 new soils, with pH kriged too, the calibration error stays below 0.05."""
    given, exceeded, _ = told
    assert calibration_error(reliability_table(given, exceeded)) < 0.05
    assert given[exceeded].mean() > given[~exceeded].mean() + 0.2


def test_without_ph_no_limit_is_known(told):
    """Where the limit needs pH and too few soils have one, there is no probability; a gap does no harm."""
    assert np.isnan(told[2]).all()
    places, y, ph = simulate(60, 5)
    ph[3] = np.nan
    assert np.isfinite(KrigedSite.fit(places, y, ph, log=True).probability(places, *GB)).all()
    few = KrigedSite.fit(places, y, np.where(np.arange(60) < 5, ph, np.nan), log=True)
    assert np.isnan(few.probability(places, *GB)).all()
    assert np.isfinite(few.probability(places, *FINLAND)).all()


def test_values_are_in_the_laboratorys_unit():
    """The median of a kriged logarithm is its exponential; a natural scale stays as it is."""
    places, y, _ = simulate(60, 1)
    log, natural = (KrigedSite.fit(places, y, None, log) for log in (True, False))
    np.testing.assert_allclose(log.values(places), np.exp(natural.values(places)))


def test_a_block_is_kriged_from_the_other_blocks_only():
    """Other values in one block change no prediction there, but predictions elsewhere."""
    places, y, ph = simulate(80, 2)
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
    places, y, ph = simulate(80, 2)
    ph[:4] = np.nan
    names = [f"S{i}" for i in range(80)]
    assert sorted(cross_validate_blocks(places, y, names, ph, True, *GB)["sample"]) == sorted(names[4:])
    found = cross_validate_blocks(places, y, names, ph, True, *FINLAND)
    assert sorted(found["sample"]) == sorted(names)
    assert list(cross_validate_blocks(places, y, names)) == ["sample", "observed", "predicted"]
