"""The flag spares soils of the same kind, as promised, and catches a kind it has never seen."""

import numpy as np
import pytest

from soilpb import applicability
from soilpb.applicability import Domain, leave_cluster_out
from soilpb.intervals import assign_folds

NM = np.linspace(0, 1, 60)


def bump(centre, width=0.06):
    return np.exp(-(((NM - centre) / width) ** 2))


def soils(n, seed, level=0.0, odd=0.0):
    """Spectra of two absorptions; ``level`` shifts the first, ``odd`` adds one of its own kind."""
    rng = np.random.default_rng(seed)
    a, b = rng.standard_normal((2, n))
    shape = 0.5 + (a + level)[:, None] * 0.03 * bump(0.3) + b[:, None] * 0.02 * bump(0.7)
    shape = shape + odd * 0.03 * bump(0.5, 0.02) + 0.001 * rng.standard_normal((n, NM.size))
    return 10**-shape, a + 0.1 * rng.standard_normal(n)


@pytest.fixture(scope="module")
def domain():
    X, y = soils(130, 0)
    return Domain.learn(X, y, 2, assign_folds(130))


def flagged(domain, X):
    return domain.distances(X)["outside"].mean()


def test_soils_of_the_same_kind_are_spared(domain):
    """At most the stated share of new soils is flagged, though 12 latent variables fit 40 soils closely."""
    rates = []
    for seed in range(12):
        X, y = soils(40, seed)
        rates.append(flagged(Domain.learn(X, y, 12, assign_folds(40)), soils(300, 100 + seed)[0]))
    assert 0.03 < np.mean(rates) < applicability.FALSE_ALARMS + 0.01


def test_limits_from_the_models_own_soils_would_flag_too_many():
    """Measured on the soils that made the space, Q looks too small: its limit condemns new soils."""
    rates = []
    for seed in range(6):
        X, y = soils(30, seed)
        space = Domain._space(X, y, 12)
        limit = np.quantile(space.distances(X)["Q"], 0.975)
        rates.append((space.distances(soils(200, 100 + seed)[0])["Q"] > limit).mean())
    assert np.mean(rates) > 0.1


def test_an_extreme_soil_shows_in_t2_and_a_foreign_one_in_q(domain):
    """Far along a known direction is T²'s to see; a band nobody has is Q's; both are outside."""
    extreme = domain.distances(soils(50, 1, level=8)[0])
    foreign = domain.distances(soils(50, 1, odd=1)[0])
    assert (extreme["T2"] > domain.t2_limit).mean() > 0.9
    assert (foreign["Q"] > domain.q_limit).mean() > 0.9
    assert (foreign["T2"] > domain.t2_limit).mean() < 0.2
    assert (extreme["outside"] == (extreme["distance"] > 1)).all()


def test_distances_do_not_depend_on_the_company(domain):
    """A spectrum is judged alike alone and among others."""
    X, _ = soils(20, 3)
    alone, among = (domain.distances(spectra)[["T2", "Q"]] for spectra in (X[:1], X))
    np.testing.assert_allclose(alone, among[:1])


def test_a_cluster_that_was_left_out_is_caught():
    """Where soils come in clusters, each is caught when the calibration has not seen it; others pass."""
    parts = [soils(60, 1), soils(60, 2, level=14), soils(60, 3, odd=1.5)]
    X, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    found = leave_cluster_out(X, y, 3, n_clusters=3)
    assert found["n"].sum() == 180
    assert (found["caught"] > 0.8).all()
    assert found["false_alarms"].mean() < 0.15


def test_one_population_has_no_clusters_to_catch():
    """Cut into clusters, soils of one kind are caught less than soils of another kind."""
    X, y = soils(180, 0)
    assert leave_cluster_out(X, y, 2, n_clusters=3)["caught"].mean() < 0.6


def test_a_limit_of_few_soils_is_their_largest():
    """With fewer soils than the share needs, the largest distance is the limit; ranks are conformal."""
    assert applicability._upper(np.arange(1.0, 20.0), 0.025) == 19
    assert applicability._upper(np.arange(1.0, 100.0), 0.05) == 95
