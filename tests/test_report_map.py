"""A report's map says of the ground what its soils allow, and no more."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist

from soilpb.report import sections, tables, text as words
from soilpb.study import Study

pytestmark = pytest.mark.usefixtures("styled")
RULE = "intervention"


def site(n=90, seed=0, patch=300.0, **columns):
    """The twin with its lead and pH made anew: a field over 1 km, alike over ``patch`` metres."""
    study = Study.load("gejiu", source_size=50)
    rng = np.random.default_rng(seed)
    target = study.target.take(np.arange(n))
    xy = rng.uniform(0, 1000, (n, 2))
    covariance = np.exp(-cdist(xy, xy) / patch) if patch else np.eye(n)
    field = np.linalg.cholesky(covariance + 1e-6 * np.eye(n)) @ rng.standard_normal(n)
    lead = np.exp(6.2 + 0.5 * field + 0.1 * rng.standard_normal(n))
    samples = target.samples.assign(x=xy[:, 0], y=xy[:, 1], Pb_mg_kg=lead, crs="local, metres")
    samples = samples.assign(**columns).drop(columns=[k for k, v in columns.items() if v is None])
    other = replace(study)
    other.__dict__["target"] = replace(target, samples=samples)
    return other


def judged(study):
    """Exceedances as a trial would tell them."""
    soils = pd.DataFrame({"repeat": 0, "fold": 0, "sample": study.ids, "rule": RULE, "probability": 0.3})
    return soils.assign(exceeded=np.exp(study.y) > 600)


def test_ground_is_kriged_where_neighbours_are_alike():
    """Cells have probabilities, blocks were left out, and the sentence says what kriging is worth."""
    study = site()
    mapped = decision_sections.of_site(study, judged(study), RULE)
    assert mapped.kriged
    assert mapped.cells["probability"].between(0, 1).all()
    assert mapped.skill > 0.3
    assert sorted(mapped.trial["sample"]) == sorted(study.ids)
    text = decision_sections.map_sentence(mapped)
    assert "the ground between soils is kriged" in text
    assert f"explains {100 * mapped.skill:.0f} % of the variance" in text
    assert "Probabilities".lower() in text
    assert "kriged" in decision_sections.caption(mapped)
    assert len(decision_sections.draw(mapped).collections) == 3


def test_values_are_mapped_where_no_limit_is_known():
    """Without a rule the map carries the laboratory's values, kriged in the laboratory's unit."""
    study = site()
    mapped = decision_sections.of_site(study, judged(study).iloc[:0], "")
    np.testing.assert_allclose(mapped.soils["value"], study.natural(study.y))
    assert mapped.cells["value"].between(*np.exp([study.y.min(), study.y.max()])).all()
    assert mapped.label == "Pb (mg/kg)"
    assert "robabilities" not in decision_sections.map_sentence(mapped)


def test_without_structure_only_points_are_shown():
    """Where neighbours are no more alike than any two soils, nothing is said of the ground between."""
    study = site(patch=0)
    mapped = decision_sections.of_site(study, judged(study), RULE)
    assert not mapped.kriged
    assert "no more alike than any two soils" in decision_sections.map_sentence(mapped)
    assert "kriged" not in decision_sections.caption(mapped)
    assert len(decision_sections.draw(mapped).collections) == 2


def test_few_places_are_not_kriged():
    """Forty soils are shown alone, and the sentence says how many it would need."""
    study = site(n=40)
    mapped = decision_sections.of_site(study, judged(study), RULE)
    assert not mapped.kriged
    assert "40 places are too few to krige (at least 50)" in decision_sections.map_sentence(mapped)


@pytest.mark.parametrize("columns", [{"x": None, "y": None}, {"crs": "dummy EPSG:4326"}])
def test_without_true_coordinates_there_is_no_map(columns):
    """Absent or dummy coordinates are said, and nothing is drawn."""
    study = site(**columns)
    mapped = decision_sections.of_site(study, judged(study), RULE)
    assert decision_sections.draw(mapped) is None
    assert decision_sections.map_sentence(mapped) == "No true coordinates are known, so there is no map."


def test_a_soil_without_a_place_is_left_out():
    """One gap among the coordinates costs one point of the map."""
    x = np.random.default_rng(0).uniform(0, 1000, 90)
    x[3] = np.nan
    study = site(x=x, patch=0)
    mapped = decision_sections.of_site(study, judged(study), RULE)
    assert study.ids[3] not in mapped.soils.index
    assert len(mapped.soils) == 89


def test_a_weak_surface_is_called_weak():
    """Below an R² of 0.2 at places left out the reader is sent back to the soils."""
    study = site()
    mapped = decision_sections.of_site(study, judged(study), RULE)
    assert "go by the soils" not in decision_sections.map_sentence(mapped)
    assert "go by the soils" in decision_sections.map_sentence(replace(mapped, skill=0.06))
