import numpy as np
import pytest

from soilpb.simulate.minerals import (
    ENDMEMBERS,
    FEATURES,
    MIXTURES,
    absorption,
    add_constituent,
    endmember_absorption,
    km_ratio,
    km_reflectance,
    scattering,
)
from soilpb.spectra import band_grid

FINE = band_grid(400, 2500, 1)
GRID = band_grid(400, 2490, 10)


def mixture(**mass_fractions):
    """Abundances of one soil, (1, n_endmembers)."""
    return np.array([[mass_fractions.get(name, 0.0) for name in ENDMEMBERS]])


@pytest.fixture
def soil():
    """Reflectance (1, n_bands) of a nominal soil, and its abundances."""
    abundance = mixture(goethite=0.02, organic_matter=0.03, kaolinite=0.1, illite=0.08, water=0.015)
    return km_reflectance(0.05 + absorption(GRID, abundance), scattering(GRID)), abundance


def test_kubelka_munk_inverse_undoes_forward():
    """The ratio K/S comes back from the reflectance it gives, over five decades."""
    ratio = np.logspace(-3, 2, 200)
    np.testing.assert_allclose(km_ratio(km_reflectance(ratio)), ratio, rtol=1e-9)


def test_kubelka_munk_forward_undoes_inverse():
    """Reflectance comes back from its K/S."""
    reflectance = np.linspace(0.01, 1, 100)
    np.testing.assert_allclose(km_reflectance(km_ratio(reflectance)), reflectance, rtol=1e-9)


def test_no_absorption_is_white_and_more_is_darker():
    """Reflectance is 1 without absorption, and falls as absorption grows or scattering weakens."""
    assert km_reflectance(np.array(0.0)) == 1
    assert np.all(np.diff(km_reflectance(np.linspace(0, 10, 50))) < 0)
    assert km_reflectance(np.array(0.2), 0.3) < km_reflectance(np.array(0.2), 0.6)


def test_dead_and_saturated_bands_have_a_finite_ratio():
    """Reflectance at or below zero, or above one, gives a finite K/S that is not negative."""
    ratio = km_ratio(np.array([-0.01, 0.0, 1.0, 1.2]))
    assert np.isfinite(ratio).all()
    assert (ratio >= 0).all()


@pytest.mark.parametrize(
    "feature", list(FEATURES.itertuples()), ids=lambda f: f"{f.constituent}-{f.centre_nm:g}"
)
def test_features_sit_where_the_atlas_says(feature):
    """Taking a feature's neighbours away leaves a peak at its centre, with its width and strength."""
    moved = np.where(FEATURES.index == feature.Index, 0.0, 1e6)  # the others leave the spectrum
    edges = endmember_absorption(FINE, 1e6)[feature.constituent]
    band = endmember_absorption(FINE, moved)[feature.constituent] - edges
    assert FINE[band.argmax()] == feature.centre_nm
    assert band.max() == pytest.approx(feature.strength, rel=1e-4)
    flank = band[np.isin(FINE, feature.centre_nm - feature.width_nm)]
    assert flank == pytest.approx(np.exp(-0.5) * feature.strength, rel=1e-4)


def test_jitter_moves_bands_by_that_much():
    """A jitter of 7 nm puts the kaolinite band 7 nm higher."""
    window = (FINE > 2190) & (FINE < 2230)
    still, moved = (endmember_absorption(FINE, jitter)["kaolinite"][window] for jitter in (0.0, 7.0))
    assert FINE[window][moved.argmax()] - FINE[window][still.argmax()] == 7


def test_absorption_is_linear_in_abundance():
    """A mixture absorbs as the mass-weighted sum of its endmembers, per soil and band."""
    abundance = np.random.default_rng(0).uniform(0, 0.1, (5, len(ENDMEMBERS)))
    pure = endmember_absorption(GRID)
    expected = abundance @ np.stack([pure[name] for name in ENDMEMBERS])
    np.testing.assert_allclose(absorption(GRID, abundance), expected, rtol=1e-5)


def test_mixtures_absorb_as_their_shares():
    """Clay absorbs as its shares of kaolinite, smectite and illite."""
    spectra = endmember_absorption(GRID)
    expected = sum(share * spectra[member] for member, share in MIXTURES["clay"].items())
    np.testing.assert_allclose(spectra["clay"], expected)


def test_adding_hematite_darkens_its_bands(soil):
    """Hematite darkens 530 and 880 nm, more than it darkens 1300 nm."""
    reflectance, _ = soil
    fall = (reflectance - add_constituent(reflectance, GRID, "hematite", 0.01))[0]
    at_530, at_880, at_1300 = fall[np.isin(GRID, (530, 880, 1300))]
    assert at_530 > 0.01
    assert at_880 > 0.01
    assert abs(at_1300) < 1e-6


def test_adding_equals_simulating_with_more(soil):
    """Adding to a spectrum gives the spectrum of the soil that holds as much more."""
    reflectance, abundance = soil
    richer = km_reflectance(0.05 + absorption(GRID, abundance + mixture(kaolinite=0.03)), scattering(GRID))
    np.testing.assert_allclose(add_constituent(reflectance, GRID, "kaolinite", 0.03), richer, atol=2e-6)


def test_adding_respects_the_scattering_of_each_soil(soil):
    """A soil that scatters twice as much needs twice the constituent for the same change."""
    reflectance = np.repeat(soil[0], 2, axis=0)
    changed = add_constituent(reflectance, GRID, "clay", np.array([0.02, 0.04]), np.array([1.0, 2.0]))
    np.testing.assert_allclose(changed[0], changed[1], atol=1e-7)


def test_taking_away_undoes_adding(soil):
    """What was added can be taken away."""
    richer = add_constituent(soil[0], GRID, "water", 0.01)
    np.testing.assert_allclose(add_constituent(richer, GRID, "water", -0.01), soil[0], atol=1e-6)


def test_adding_keeps_what_the_instrument_did(soil):
    """Adding nothing changes nothing, even where a measured spectrum reads above a white reference."""
    measured = (soil[0] * np.linspace(0.9, 2.0, GRID.size)).astype(np.float32)
    assert measured.max() > 1
    np.testing.assert_array_equal(add_constituent(measured, GRID, "hematite", 0.0), measured)


def test_adding_leaves_the_input_alone_and_keeps_its_type(soil):
    """The measured spectra are not written to, and float32 stays float32."""
    measured = soil[0].astype(np.float32)
    copy = measured.copy()
    assert add_constituent(measured, GRID, "goethite", 0.01).dtype == np.float32
    np.testing.assert_array_equal(measured, copy)


def test_an_unknown_constituent_is_refused_by_name(soil):
    """The message names what was asked for and what there is."""
    with pytest.raises(ValueError, match="no constituent 'lead'; it has: .*hematite.*clay"):
        add_constituent(soil[0], GRID, "lead", 0.01)
