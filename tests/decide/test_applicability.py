"""The flag spares soils of the same kind, as promised, and catches a kind it has never seen."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import applicability
from soilpb.decide.applicability import ApplicabilityDomain, leave_cluster_out
from soilpb.decide.intervals import assign_folds
from soilpb.models.preprocessing import derivative_pipeline
from soilpb.quality import fit_components, measure_t2_q
from soilpb.simulate import twin
from soilpb.simulate.library import load_library
from soilpb.spectra import Provenance, SoilSpectra

NM = np.linspace(0, 1, 60)


def bump(centre, width=0.06):
    return np.exp(-(((NM - centre) / width) ** 2))


def soils(n, seed, level=0.0, odd=0.0):
    """Spectra of two absorptions; ``level`` shifts the first, ``odd`` adds one of its own kind."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n))
    shape = 0.5 + (a + level)[:, None] * 0.03 * bump(0.3) + b[:, None] * 0.02 * bump(0.7)
    shape = shape + odd * 0.03 * bump(0.5, 0.02) + 0.001 * rng.standard_normal((n, NM.size))
    return 10**-shape


@pytest.fixture(scope="module")
def domain():
    return ApplicabilityDomain.fit(soils(130, 0), assign_folds(130))


def flagged(domain, X):
    return domain.distances(X)["outside"].mean()


def test_soils_of_the_same_kind_are_spared():
    """On average at most the stated share of new soils is flagged, though 12 components describe 40 soils."""
    rates = []
    for seed in range(20):
        domain = ApplicabilityDomain.fit(soils(40, seed), assign_folds(40))
        rates.append(flagged(domain, soils(150, 100 + seed)))
    assert 0.05 < np.mean(rates) < applicability.FALSE_ALARMS + 0.01


def test_limits_from_the_components_own_soils_would_flag_too_many():
    """Measured on the soils that made the components, Q looks too small: its limit condemns new soils."""
    rates = []
    for seed in range(6):
        components = fit_components(soils(30, seed), 10, derivative_pipeline())
        limit = measure_t2_q(components, soils(30, seed))["Q"].quantile(1 - applicability.FALSE_ALARMS)
        rates.append((measure_t2_q(components, soils(200, 100 + seed))["Q"] > limit).mean())
    assert np.mean(rates) > 3 * applicability.FALSE_ALARMS


def test_an_extreme_soil_and_a_foreign_one_are_outside(domain):
    """Far along a known direction is T²'s to see; a band nobody has is seen as well."""
    extreme = domain.distances(soils(50, 1, level=8))
    foreign = domain.distances(soils(50, 1, odd=1))
    assert (extreme["T2"] > domain.t2_limit).mean() > 0.9
    assert foreign["outside"].mean() > 0.9
    larger = np.maximum(foreign["T2"] / domain.t2_limit, foreign["Q"] / domain.q_limit)
    np.testing.assert_allclose(foreign["distance"], larger)
    assert (extreme["outside"] == (extreme["distance"] > 1)).all()


def test_one_limit_is_shared_by_both_distances():
    """T² and Q flag equally often, and together as often as promised: neither has a budget of its own."""
    shares = []
    for seed in range(5):
        domain = ApplicabilityDomain.fit(soils(130, seed), assign_folds(130))
        found = domain.distances(soils(300, 100 + seed))
        shares.append((found[["T2", "Q"]] > [domain.t2_limit, domain.q_limit]).mean())
    t2, q = np.mean(shares, axis=0)
    assert t2 == pytest.approx(q, abs=0.06)


@pytest.mark.parametrize("n_shapes", [1, 2])
def test_what_rounding_leaves_over_condemns_nobody(n_shapes):
    """Soils made of few shapes without noise are spared; one with a shape of its own is outside."""
    amounts = np.random.default_rng(0).uniform(-1, 1, (90, n_shapes))
    spectra = 10 ** -(0.5 + 0.03 * amounts @ np.stack([bump(0.3), bump(0.7)])[:n_shapes])
    domain = ApplicabilityDomain.fit(spectra[:60], assign_folds(60))
    assert flagged(domain, spectra[60:]) < 0.3
    assert flagged(domain, spectra[60:] * 10 ** -(0.01 * bump(0.5))) == 1


def test_a_cluster_that_was_left_out_is_caught():
    """Where soils come in clusters, each is caught when the calibration has not seen it; others pass."""
    parts = [soils(60, 1), soils(60, 2, level=14), soils(60, 3, odd=1.5)]
    found = leave_cluster_out(np.concatenate(parts), n_clusters=3)
    assert found["n"].sum() == 180
    assert (found["caught"] > 0.8).all()
    assert found["false_alarms"].mean() < 0.15


def test_a_limit_of_few_soils_is_their_largest():
    """With fewer soils than the share needs, the largest distance is the limit; ranks are conformal."""
    assert applicability.conformal_limit(np.arange(1.0, 20.0), 0.025) == 19
    assert applicability.conformal_limit(np.arange(1.0, 100.0), 0.05) == 95


def test_the_world_is_usual_and_what_is_not_soil_is_not():
    """92 % of the world pass both limits, on fewer bands as well; spectra turned around never do."""
    world = load_library()
    few, known = (
        world.take(np.arange(0, world.n_samples, 8)),
        (world.wavelengths >= 500) & (world.wavelengths < 2400),
    )
    narrow = few.resample(world.wavelengths[known])
    for soils in (few, narrow):
        assert 0.05 < applicability.compare_with_world(soils).outside.mean() < 0.11
    turned = SoilSpectra(world.wavelengths, few.reflectance[:, ::-1], few.samples, few.provenance)
    assert applicability.compare_with_world(turned).outside.mean() > 0.99


def test_depths_and_slope_are_those_of_the_spectrum():
    """A notch of 20 % at 2200 nm is a depth of 20; a rise of .25 over 250 nm is 10 % per 100 nm."""
    nm = np.arange(400.0, 2491.0, 10)
    level = 0.2 + 0.001 * np.clip(nm - 450, 0, 250)
    notched = np.where(nm == 2200, 0.8 * level, level)
    names, made = pd.DataFrame(index=["level", "notched"]), Provenance("made", "simulated")
    spectra = SoilSpectra(nm, np.array([level, notched]), names, made)
    shapes = applicability.measure_shapes(spectra)
    np.testing.assert_allclose(shapes["depth_2200"], [0, 20], atol=1e-4)
    np.testing.assert_allclose(shapes[["depth_1400", "depth_1900"]], 0, atol=1e-4)
    np.testing.assert_allclose(shapes["visible_slope"], 10, rtol=1e-4)
    narrow = applicability.measure_shapes(spectra.resample(nm[(nm >= 500) & (nm <= 2000)]))
    assert narrow.isna().all().tolist() == [False, True, True, True]


def test_a_classifier_tells_what_differs_and_nothing_else():
    """Two halves of one population are not told apart; with a band of their own they always are."""
    assert applicability.tell_apart(soils(150, 1), soils(150, 2)) == pytest.approx(0.5, abs=0.1)
    assert applicability.tell_apart(soils(150, 1), soils(150, 2, odd=1.0)) > 0.99


def test_the_twin_is_within_the_world_and_its_features_as_deep():
    """Four in five soils of source and site lie within the limits; median shapes are within the quartiles."""
    low, high = applicability.measure_shapes(load_library()).quantile([0.25, 0.75]).to_numpy()
    for drawn in (twin.simulate_source(300, 3), twin.simulate_target(300, 3)):
        assert applicability.compare_with_world(drawn).outside.mean() < 0.2
        median = applicability.measure_shapes(drawn).median()
        assert ((low < median) & (median < high)).all()
