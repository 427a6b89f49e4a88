"""The atlas is that of the literature, and light obeys Kubelka and Munk."""

import numpy as np
import pytest

from soilpb.simulate.minerals import (
    EDGES,
    ENDMEMBERS,
    FEATURES,
    MIXTURES,
    TYPICAL_ABUNDANCE,
    absorption,
    add_constituent,
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
    return km_reflectance((0.05 + abundance @ absorption(GRID)) / scattering(GRID)), abundance


def test_kubelka_munk_inverse_undoes_forward():
    """The ratio K/S comes back from the reflectance it gives; dead bands have a finite one."""
    ratio = np.logspace(-3, 2, 200)
    np.testing.assert_allclose(km_ratio(km_reflectance(ratio)), ratio, rtol=1e-9)
    assert km_reflectance(np.array(0.0)) == 1
    dead = km_ratio(np.array([-0.01, 0.0, 1.0, 1.2]))
    assert np.isfinite(dead).all()
    assert (dead >= 0).all()


def test_features_sit_where_the_atlas_says():
    """Beside its edges a goethite band peaks at its centre, as high as its strength; edges fall."""
    goethite, hematite = absorption(FINE, ["goethite", "hematite"])
    band = goethite - 120 * np.exp(-(FINE - 400) / 75)
    around = (FINE > 850) & (FINE < 1000)
    assert FINE[around][band[around].argmax()] == 930
    assert band[FINE == 930] == pytest.approx(1.9, rel=1e-2)
    assert hematite[FINE == 535] > 46
    assert hematite[FINE == 620] < 5


def test_a_mixture_is_the_mean_of_its_members():
    """Iron oxides and clay absorb as the weighted sum of their endmembers."""
    for name, shares in MIXTURES.items():
        members = [share * absorption(GRID, [member]) for member, share in shares.items()]
        np.testing.assert_allclose(absorption(GRID, [name]), np.sum(members, axis=0))


def test_adding_hematite_darkens_its_bands(soil):
    """Hematite darkens 530 and 880 nm, more than it darkens 1300 nm."""
    reflectance, _ = soil
    fall = (reflectance - add_constituent(reflectance, GRID, "hematite", 0.01))[0]
    at_530, at_880, at_1300 = fall[np.isin(GRID, (530, 880, 1300))]
    assert at_530 > 0.01
    assert at_880 > 0.005
    assert abs(at_1300) < 1e-4


def test_adding_equals_simulating_with_more(soil):
    """Adding to a spectrum gives the spectrum of the soil that holds as much more."""
    reflectance, abundance = soil
    absorbed = 0.05 + (abundance + mixture(kaolinite=0.03)) @ absorption(GRID)
    richer = km_reflectance(absorbed / scattering(GRID))
    np.testing.assert_allclose(add_constituent(reflectance, GRID, "kaolinite", 0.03), richer, atol=2e-6)


def test_adding_keeps_what_the_instrument_did(soil):
    """Adding nothing changes nothing, even where a measured spectrum reads above a white reference."""
    measured = (soil[0] * np.linspace(0.9, 2.5, GRID.size)).astype(np.float32)
    assert measured.max() > 1
    unchanged = add_constituent(measured, GRID, "hematite", 0.0)
    assert unchanged.dtype == np.float32
    np.testing.assert_array_equal(unchanged, measured)
    with pytest.raises(ValueError, match="no constituent 'lead'; it has: .*hematite.*clay"):
        add_constituent(measured, GRID, "lead", 0.01)


def test_every_constituent_has_features_with_a_source_and_lead_has_none():
    """Centres lie in the vis-NIR, once each; width and strength are positive, cause and source are given."""
    assert FEATURES["centre_nm"].between(400, 2500).all()
    assert (FEATURES[["width_nm", "strength"]] > 0).all(axis=None)
    assert FEATURES["cause"].str.len().gt(0).all()
    assert set(FEATURES["citation"]) <= {"clark1999", "viscarrarossel2010", "stenberg2010"}
    assert not FEATURES.duplicated(["constituent", "centre_nm"]).any()
    assert set(FEATURES["constituent"]) | set(EDGES["constituent"]) == set(ENDMEMBERS)
    assert not any("lead" in name or name == "Pb" for name in ENDMEMBERS)


@pytest.mark.parametrize(
    ("constituent", "centres"),
    [
        ("hematite", {530, 650, 880}),
        ("goethite", {480, 670, 930}),
        ("water", {970, 1200, 1455, 1930}),
        ("kaolinite", {1395, 1414, 2165, 2207, 2380}),
        ("carbonate", {1870, 1995, 2160, 2340, 2500}),
        ("jarosite", {437, 919, 1475, 1849, 2265}),
        ("manganese_oxide", set()),
    ],
)
def test_centres_are_the_published_ones(constituent, centres):
    """The atlas has the band centres of the literature, and none for the featureless manganese oxides."""
    assert set(FEATURES.loc[FEATURES["constituent"] == constituent, "centre_nm"]) == centres


def test_a_typical_abundance_stands_for_each_constituent():
    """Whatever can be added has a mass fraction to count its logarithm from; a mixture has its members'."""
    assert set(TYPICAL_ABUNDANCE) == {*ENDMEMBERS, *MIXTURES}
    for mixture, shares in MIXTURES.items():
        assert abs(sum(shares.values()) - 1) < 1e-12
        members = sum(TYPICAL_ABUNDANCE[member] for member in shares)
        assert abs(TYPICAL_ABUNDANCE[mixture] - members) < 1e-12
