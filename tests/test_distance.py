"""T² sees what is far within the components, Q what the components cannot make."""

import numpy as np
import pytest

from soilpb.quality import measure_distances, measure_distances_within


@pytest.fixture
def reference():
    """300 spectra that vary in two broad shapes, with little noise."""
    rng = np.random.default_rng(0)
    bands = np.linspace(0, 1, 80)
    shapes = np.stack([np.sin(2 * bands), np.cos(5 * bands)])
    noise = 1e-4 * rng.standard_normal((300, 80))
    return 0.4 + 0.1 * bands + 0.02 * rng.standard_normal((300, 2)) @ shapes + noise


def test_the_reference_passes_its_own_limits_as_stated(reference):
    """Each limit lets the stated share of the reference pass."""
    own = measure_distances(reference, reference, 2)
    assert np.mean(own.table["T2"] <= own.t2_limit) == pytest.approx(0.95, abs=0.01)
    assert np.mean(own.table["Q"] <= own.q_limit) == pytest.approx(0.95, abs=0.01)


def test_a_new_shape_is_seen_by_q_and_an_extreme_soil_by_t2(reference):
    """A narrow band nobody has shows in Q; ten times the usual variation shows in T²."""
    bands = np.linspace(0, 1, 80)
    narrow = reference[0] + 0.05 * np.exp(-(((bands - 0.5) / 0.02) ** 2))
    extreme = reference.mean(axis=0) + 0.15 * np.cos(5 * bands)
    seen = measure_distances(reference, np.stack([narrow, extreme]), 2)
    assert seen.table.loc[0, "Q"] > 10 * seen.q_limit
    assert seen.table.loc[1, "T2"] > 3 * seen.t2_limit
    assert seen.outside.all()


def test_judging_spectra_changes_nothing_that_was_learnt(reference):
    """Limits and a spectrum's distance depend on the reference alone, not on its neighbours."""
    alone = measure_distances(reference, reference[:1], 2)
    among = measure_distances(reference, np.concatenate([reference[:1], reference[5:9] * 1.3]), 2)
    assert (alone.t2_limit, alone.q_limit) == (among.t2_limit, among.q_limit)
    np.testing.assert_allclose(alone.table.iloc[0], among.table.iloc[0])


def test_too_few_spectra_are_refused(reference):
    """Three spectra define nothing."""
    with pytest.raises(ValueError, match="3 reference spectra"):
        measure_distances(reference[:3], reference)


def test_soils_of_one_kind_are_not_condemned(reference):
    """Among soils of one population nearly all pass; one with a shape of its own is the farthest."""
    bands = np.linspace(0, 1, 80)
    assert measure_distances_within(reference[:100]).outside.mean() < 0.05
    odd = reference[:100].copy()
    odd[7] += 0.05 * np.exp(-(((bands - 0.5) / 0.02) ** 2))
    found = measure_distances_within(odd)
    assert found.outside[7]
    assert found.table["T2"].idxmax() == 7


def test_nine_spectra_are_refused_among_themselves(reference):
    """A handful of spectra cannot say which of them is unusual."""
    with pytest.raises(ValueError, match="9 spectra"):
        measure_distances_within(reference[:9])


@pytest.mark.parametrize("n_shapes", [0, 1, 2])
def test_spectra_without_noise_are_like_each_other(n_shapes):
    """Where few shapes make all spectra, what rounding leaves condemns no soil; an odd one is seen."""
    bands = np.linspace(0, 1, 80)
    shapes = np.stack([np.sin(2 * bands), np.cos(5 * bands)])[:n_shapes]
    amounts = np.random.default_rng(0).uniform(-0.02, 0.02, (60, n_shapes))
    spectra = 10 ** -(0.4 + 0.1 * bands + amounts @ shapes)
    found = measure_distances_within(spectra)
    assert np.isfinite(found.table.to_numpy()).all()
    assert found.outside.mean() < 0.05
    odd = spectra.copy()
    odd[7] -= 0.05 * np.exp(-(((bands - 0.5) / 0.02) ** 2))
    assert measure_distances_within(odd).outside[7]
