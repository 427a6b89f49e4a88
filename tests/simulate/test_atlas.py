import pytest

from soilpb.simulate.minerals import EDGES, ENDMEMBERS, FEATURES, MIXTURES, TYPICAL_ABUNDANCE


def test_every_feature_lies_in_the_vis_nir_and_cites_a_source():
    """A feature has a centre from 400 to 2500 nm, a positive width and strength, a cause and a citation."""
    assert FEATURES["centre_nm"].between(400, 2500).all()
    assert (FEATURES[["width_nm", "strength"]] > 0).all(axis=None)
    assert FEATURES["cause"].str.len().gt(0).all()
    assert set(FEATURES["citation"]) <= {"clark1999", "viscarrarossel2010", "stenberg2010"}


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


def test_no_feature_is_listed_twice():
    """A constituent has one feature at a wavelength."""
    assert not FEATURES.duplicated(["constituent", "centre_nm"]).any()


def test_lead_has_no_feature():
    """Lead is in no table of the atlas: what sees it sees its company."""
    assert not any("lead" in name or name == "Pb" for name in ENDMEMBERS)


def test_each_endmember_absorbs_somewhere():
    """Each constituent has a feature or an edge, and none is unknown to the endmembers."""
    assert set(FEATURES["constituent"]) | set(EDGES["constituent"]) == set(ENDMEMBERS)


def test_mixtures_are_made_of_endmembers():
    """The shares of a mixture name endmembers and add up to one."""
    for shares in MIXTURES.values():
        assert set(shares) <= set(ENDMEMBERS)
        assert abs(sum(shares.values()) - 1) < 1e-12


def test_a_typical_abundance_stands_for_each_constituent():
    """Whatever can be added has a mass fraction to count its logarithm from; a mixture has its members'."""
    assert set(TYPICAL_ABUNDANCE) == {*ENDMEMBERS, *MIXTURES}
    for mixture, shares in MIXTURES.items():
        members = sum(TYPICAL_ABUNDANCE[member] for member in shares)
        assert abs(TYPICAL_ABUNDANCE[mixture] - members) < 1e-12
