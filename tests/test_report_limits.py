"""Soils above a limit are listed worst first, with what spectra alone would have said."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import stored_model
from soilpb.report import sections, tables, text as words
from soilpb.study import Study

RULE = "intervention"


@pytest.fixture(scope="module")
def study():
    return Study.load("gejiu", source_size=50)


def trial(study, probability, exceeded, predicted=300.0):
    """What a trial would have said of the first soils of a site."""
    ids = study.ids[: len(probability)]
    place = {"repeat": 0, "fold": 0, "sample": ids}
    values = {"observed": study.natural(study.y)[: len(ids)], "predicted": predicted}
    trials = pd.DataFrame({**place, **values, "lower": 200.0, "upper": 450.0})
    rows = pd.DataFrame({**place, "rule": RULE, "probability": probability, "exceeded": exceeded})
    others = rows.assign(rule="screening, paddy", exceeded=True, probability=0.99)
    return trials, pd.concat([others, rows], ignore_index=True)


def test_the_rule_that_divides_most_evenly_is_chosen():
    """Rules that all soils or none exceed decide nothing; without limits there is no rule."""
    rows = [("all", True)] * 4 + [("some", True), ("some", False), ("some", False)] + [("none", False)] * 4
    table = pd.DataFrame(rows, columns=["rule", "exceeded"])
    assert decision_sections.dividing_rule(table) == "some"
    assert decision_sections.dividing_rule(table.iloc[:0]) == ""


def test_exceeding_and_likely_soils_are_listed_the_most_probable_first(study):
    """A soil below its limit with a low probability is left out, a missed one is kept at the end."""
    tables = trial(study, [0.2, 0.9, 0.6, 0.1], [True, True, False, False])
    found = decision_sections.above(study, *tables, RULE)
    assert list(found["soil"]) == list(study.ids[[1, 2, 0]])
    assert list(found["probability"]) == [0.9, 0.6, 0.2]
    np.testing.assert_allclose(found["measured"], study.natural(study.y)[[1, 2, 0]])


def test_the_limit_is_that_of_the_soils_own_ph(study):
    """Of two soils with different pH, each is held against its class."""
    ph = stored_model.measured_ph(study)
    classes = np.array([400, 500, 700, 1000])[np.searchsorted([5.5, 6.5, 7.5], ph[:40])]
    found = decision_sections.above(study, *trial(study, [0.9] * 40, [True] * 40), RULE).set_index("soil")
    assert len(set(classes)) > 1
    np.testing.assert_array_equal(found.loc[study.ids[:40], "limit"], classes)


def test_soils_that_wait_for_the_laboratory_stand_among_the_others(study):
    """A soil without a value is listed by its probability, with dashes for what nobody measured."""
    waiting = pd.DataFrame(
        {
            "Pb_mg_kg": [700.0, 90.0],
            "Pb_mg_kg_lower": [500.0, 50.0],
            "Pb_mg_kg_upper": [990.0, 160.0],
            "p_above_intervention": [0.8, 0.01],
        },
        index=["new-1", "new-2"],
    )
    found = decision_sections.above(study, *trial(study, [0.9, 0.6], [True, True]), RULE, waiting)
    assert list(found["soil"]) == [study.ids[0], "new-1", study.ids[1]]
    row = decision_sections.limits_shown(found).iloc[1].tolist()
    assert row == ["new-1", "0.80", "–", "–", "700 (500 to 990)"]


def test_the_sentence_counts_what_spectra_find_and_miss(study):
    """Rightly, wrongly and missed add up to what is above or called so."""
    exceedances = trial(study, [0.2, 0.9, 0.6, 0.1], [True, True, False, False])[1]
    text = decision_sections.limits_sentence(study, exceedances, RULE)
    assert "2 of 4 soils are above GB 15618-2018, “intervention”" in text
    assert "“screening, paddy” 4 of 4" in text
    assert "call 2 likelier above it than not: 1 rightly, 1 wrongly; 1 they miss" in text
    quiet = decision_sections.limits_sentence(study, trial(study, [0.2, 0.1], [False, False])[1], RULE)
    assert "no soil is likelier above it than not" in quiet


def test_where_nothing_is_held_against_a_limit_it_is_said_why(study):
    """No limit of clay is known; lead without pH has limits that cannot be read."""
    tables = trial(study, [0.9], [True])
    clay = Study.load("cv98")
    assert "No limit for clay is known" in decision_sections.limits_sentence(clay, tables[1].iloc[:0], "")
    assert "depend on pH, and no soil has one" in decision_sections.limits_sentence(
        study, tables[1].iloc[:0], ""
    )
    assert decision_sections.page(clay, *tables, "") is None


def test_a_long_table_is_folded(study):
    """Ten rows are open, the others stand in a fold that names their number."""
    html = decision_sections.page(study, *trial(study, [0.9] * 30, [True] * 30), RULE).data
    before, folded = html.split("<details><summary>20 more</summary>")
    assert before.count("site-") == 10
    assert folded.count("site-") == 20
