"""The chemistry of simulated soils is the stated one, and neighbours are alike."""

import numpy as np
import pandas as pd
import pytest

from soilpb.simulate.soils import constituent_columns, draw_places, expected_ph, log_pb


@pytest.fixture
def reference():
    """Soils at every reference of pH, without carbonate and with 0.4 % of it."""
    return pd.DataFrame(
        {
            "kaolinite_pct": [8.0] * 2,
            "smectite_pct": 5.0,
            "illite_pct": 7.0,
            "hematite_pct": 0.0,
            "goethite_pct": 2 / 0.629,
            "organic_matter_pct": 2.5,
            "carbonate_pct": [0.0, 0.4],
        }
    )


def test_ph_of_the_reference_soil(reference):
    """A soil at every reference, without carbonate, has pH 5.7; 0.4 % of carbonate adds 0.47 · ln 2."""
    np.testing.assert_allclose(expected_ph(reference), [5.7, 5.7 + 0.47 * np.log(2)])


def test_lead_answers_to_iron_and_to_ph(reference):
    """Doubling both iron oxides multiplies lead by 2^0.8; a unit of pH by e^0.45."""
    ph = np.array([5.0, 6.0])
    doubled = reference.assign(**(2 * reference[constituent_columns("iron_oxides")]))
    np.testing.assert_allclose(log_pb(doubled, ph) - log_pb(reference, ph), 0.8 * np.log(2))
    np.testing.assert_allclose(log_pb(reference, ph + 1) - log_pb(reference, ph), 0.45)


def test_a_soil_without_iron_clay_or_organic_matter_has_values(reference):
    """Amounts of zero count as traces: pH and lead stay finite."""
    bare = reference * 0
    assert np.isfinite(expected_ph(bare)).all()
    assert np.isfinite(log_pb(bare, expected_ph(bare))).all()


def test_neighbours_are_alike():
    """What the places were drawn by differs less between soils within 100 m than between soils far apart."""
    iron = np.random.default_rng(0).standard_normal(800)
    places = draw_places(iron, np.random.default_rng(3), 4000.0, 600.0)
    pairs = np.triu_indices(800, 1)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)[pairs]
    difference = (np.subtract.outer(iron, iron) ** 2)[pairs]
    assert difference[distance < 100].mean() < 0.7 * difference[distance > 1200].mean()
