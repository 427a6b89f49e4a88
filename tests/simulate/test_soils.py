"""Simulated soils have the medians, the chemistry and the neighbours they were given."""

import numpy as np
import pandas as pd
import pytest

from soilpb.simulate.minerals import ENDMEMBERS
from soilpb.simulate.soils import constituent_columns, draw_soils, expected_ph, log_pb


def soils(n=4000, seed=0, shift=0.0):
    return draw_soils(n, np.random.default_rng(seed), shift, 4000.0, 600.0)


@pytest.fixture(scope="module")
def library():
    return soils()


def test_a_soil_weighs_no_more_than_itself(library):
    """The constituents are positive and leave at least a twentieth for quartz and feldspar."""
    constituents = library[[f"{name}_pct" for name in ENDMEMBERS]]
    assert (constituents > 0).all(axis=None)
    assert constituents.sum(axis=1).max() <= 95 + 1e-9


def test_medians_are_those_of_the_table(library):
    """The library's medians of clay, iron and organic carbon are 20 %, 1.8 % and 0.58 · 2.8 %."""
    medians = library[["clay_pct", "Fe_pct", "SOC_pct"]].median()
    np.testing.assert_allclose(medians, [20, 1.8, 0.58 * 2.8], rtol=0.05)


def test_shift_goes_to_iron_rich_kaolinitic_soils(library):
    """A shifted site has more iron, more clay, and more kaolinite in it; a full shift reaches the medians."""
    site = soils(shift=1.0)
    np.testing.assert_allclose(site[["clay_pct", "Fe_pct"]].median(), [38, 5.5], rtol=0.06)
    kaolinitic = [(table["kaolinite_pct"] / table["clay_pct"]).median() for table in (library, site)]
    np.testing.assert_allclose(kaolinitic, [0.4, 0.7], atol=0.03)


def test_ph_of_the_reference_soil():
    """A soil at every reference, without carbonate, has pH 5.6; 0.4 % of carbonate adds 0.62 · ln 2."""
    reference = pd.DataFrame(
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
    np.testing.assert_allclose(expected_ph(reference), [5.6, 5.6 + 0.62 * np.log(2)])


def test_ph_varies_about_what_the_constituents_say(library):
    """The residual of pH has a standard deviation of 0.2 and no trend."""
    residual = library["pH"] - expected_ph(library)
    assert residual.std() == pytest.approx(0.2, rel=0.05)
    assert abs(np.corrcoef(residual, expected_ph(library))[0, 1]) < 0.05


def test_lead_answers_to_iron_and_to_ph(library):
    """Doubling both iron oxides multiplies lead by 2^0.62; a unit of pH by e^0.45."""
    ph = library["pH"].to_numpy()
    doubled = library.assign(**(2 * library[constituent_columns("iron_oxides")]))
    np.testing.assert_allclose(log_pb(doubled, ph) - log_pb(library, ph), 0.62 * np.log(2))
    np.testing.assert_allclose(log_pb(library, ph + 1) - log_pb(library, ph), 0.45)


def test_neighbours_are_alike():
    """Iron of soils within 100 m differs less than iron of soils far apart."""
    site = soils(n=800, seed=3)
    place, iron = site[["x", "y"]].to_numpy(), np.log(site["Fe_pct"].to_numpy())
    distance = np.linalg.norm(place[:, None] - place[None], axis=2)[np.triu_indices(800, 1)]
    difference = (np.subtract.outer(iron, iron) ** 2)[np.triu_indices(800, 1)]
    assert difference[distance < 100].mean() < 0.9 * difference[distance > 1200].mean()
