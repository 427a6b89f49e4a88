"""Every soil of a report is listed, counted and decided by what the laboratory and unseen predictions say."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import decision_units, site_model
from soilpb.report import soils, tables, text
from soilpb.study import Study
from tests.report.test_sections import with_target

RULE, PADDY = "intervention", "screening, paddy"


@pytest.fixture(scope="module")
def study():
    return Study.load("gejiu", source_size=50)


def trial(study, probability, exceeded, predicted=300.0):
    """Predictions and exceedances of the first soils of a site."""
    ids = study.ids[: len(probability)]
    fold = {"repeat": 0, "fold": 0, "sample": ids}
    values = {"observed": study.natural(study.y)[: len(ids)], "predicted": predicted, "outside": False}
    trials = pd.DataFrame({**fold, **values, "lower": 200.0, "upper": 450.0})
    rows = pd.DataFrame({**fold, "rule": RULE, "probability": probability, "exceeded": exceeded})
    others = rows.assign(rule=PADDY, exceeded=True, probability=0.99)
    return trials, pd.concat([others, rows], ignore_index=True)


def test_the_rule_that_divides_most_evenly_is_chosen():
    """Rules that all soils or none exceed decide nothing; without limits there is no rule."""
    rows = [("all", True)] * 4 + [("some", True), ("some", False), ("some", False)] + [("none", False)] * 4
    table = pd.DataFrame(rows, columns=["rule", "exceeded"])
    assert soils.choose_rule(table) == "some"
    assert soils.choose_rule(table.iloc[:0]) == ""


def test_units_are_decided_by_each_rule(study):
    """The units of a column, each with its own limit; the page says verdict, how sure, and what next."""
    samples = study.target.samples
    unit = np.where(samples["x"] > 2000, "east", "west").astype(object)
    unit[0] = None
    other = with_target(study, replace(study.target, samples=samples.assign(unit=unit)))
    stored = SimpleNamespace(target=SimpleNamespace(residuals=np.zeros(len(samples))))
    decided = soils.decide_by_rule(other, stored)
    found = decided["screening, other land"]
    assert list(decided) == [PADDY, "screening, other land", RULE]
    assert found["n_measured"].sum() == len(samples) - 1
    assert set(found["verdict"]) == {"above"}
    told = text.describe_decision(other, decided, "screening, other land")
    assert told.startswith("On simulated values: Of 2 units, by their mean Pb against GB 15618-2018")
    assert "By the other limits of the standard: “screening, paddy” (" in told
    assert "2 above (" in told
    assert "must be looked into" in told
    assert list(tables.tabulate_units(found, "mg/kg")["unit"]) == list(found["unit"])
    assert decision_units.decide_on_site(other, stored, site_model.site_rules(study.site), "") is None


def test_one_unit_is_decided_with_its_limits(study):
    """A site that is one unit is told by its mean, its confidence limits and the number of its soils."""
    units = decision_units.decide_units(
        pd.DataFrame({"unit": "all soils", "measured": [310, 280, 350, 330, 290, 300.0]}), 320.0
    )
    told = text.describe_decision(study, {RULE: units}, RULE)
    assert "not decided against the limit of GB 15618-2018, “intervention”: it is 310 mg/kg (95 %" in told
    assert f"all soils: {units['more_measured'].item():.0f}" in told


def test_every_soil_is_listed_and_flagged_ones_stand_last(study):
    """The most probable soil comes first; each has the limit of its own pH; flagged soils are apart."""
    trials, exceedances = trial(study, [0.2, 0.9, 0.6, 0.1], [True, True, False, False])
    trials.loc[1, "outside"] = True
    found = soils.list_soils(study, trials, exceedances, RULE)
    assert list(found["soil"]) == list(study.ids[[2, 0, 3, 1]])
    assert list(found["flagged"]) == [False, False, False, True]
    classes = np.searchsorted([5.5, 6.5, 7.5], site_model.measured_ph(study)[[2, 0, 3, 1]])
    np.testing.assert_array_equal(found["limit"], np.array([400, 500, 700, 1000])[classes])
    without = soils.list_soils(study, trials, exceedances, "")
    assert list(tables.tabulate_soils(without, "Pb (mg/kg)")) == [
        "soil", "laboratory, Pb (mg/kg)", "by spectrum (90 % interval)"]  # fmt: skip


def test_unmeasured_soils_stand_among_the_others(study):
    """A soil without a value is listed by its probability, with dashes for what nobody measured."""
    names = ["Pb_mg_kg", "Pb_mg_kg_lower", "Pb_mg_kg_upper", "p_above_intervention", "outside"]
    rows = [(700.0, 500.0, 990.0, 0.8, False), (90.0, 50.0, 160.0, 0.01, False)]
    unmeasured = pd.DataFrame(rows, ["new-1", "new-2"], names)
    found = soils.list_soils(study, *trial(study, [0.9, 0.6], [True, True]), RULE, unmeasured)
    assert list(found["soil"]) == [study.ids[0], "new-1", study.ids[1], "new-2"]
    row = tables.tabulate_soils(found, "Pb").iloc[1].tolist()
    assert row == ["new-1", "–", "–", "700 (500 to 990)", "0.80"]


def test_right_and_wrong_calls_are_counted():
    """Found, missed, wrongly called and cleared soils add up, with intervals; of none there is no share."""
    listed = pd.DataFrame(
        {"measured": [9, 9, 1, 1, 1.0], "limit": 5.0, "probability": [0.9, 0.2, 0.6, 0.1, 0]}
    )
    page = soils.tabulate_confusion(listed)
    assert page.iloc[:, 1:3].to_numpy().tolist() == [[1, 1], [1, 2]]
    assert page.iloc[:, 3].tolist()[0] == "50 % (9 to 91)"
    none = soils.tabulate_confusion(listed.assign(limit=10.0))
    assert none.iloc[:, 3].tolist()[0] == "–"


def scored(study, within, between):
    """Predictions that know groups, soils within them, or both."""
    group = pd.Series(study.group_of)[study.ids].astype("category").cat.codes.to_numpy(float)
    own = np.random.default_rng(0).standard_normal(len(group))
    observed, predicted = 300 + 40 * group + 20 * own, 300 + 40 * between * group + 20 * within * own
    return pd.DataFrame({"repeat": 0, "sample": study.ids, "observed": observed, "predicted": predicted})


def test_scores_within_groups_lead_where_pooling_flatters():
    """A model that only tells groups apart scores high over all soils, nothing within, and that is said."""
    study = Study.load("gejiu", source_size=50)
    groups = np.repeat([f"f{i}" for i in range(13)], 10)
    samples = study.target.samples.assign(group=groups[: len(study.ids)])
    study = with_target(study, replace(study.target, samples=samples))
    flattered, fair = scored(study, 0, 1), scored(study, 0.9, 1)
    pooled = soils.score_scales(study, flattered)
    assert pooled["scale"].tolist() == ["in mg/kg", "on the logarithm"]
    assert pooled["R2"][0] > 0.9
    assert pooled["within"][0] < 0.1
    assert text.describe_skill(study, flattered).startswith("Within the 13 groups of soils")
    assert text.describe_skill(study, fair).startswith("On soils that the model had not seen")


def test_what_must_be_known_before_use_is_said_first(field_trials):
    """Intervals that miss the highest tenth, flat predictions, unusual and flagged soils are warned of."""
    study, trials = field_trials
    said = " ".join(text.list_warnings(study, trials, 0.5, ""))
    for words in (
        "near the mean",
        "0 % lie within their 90 % intervals",
        "50 % of the site's spectra",
        "1 of 98",
    ):
        assert words in said
    good = trials.assign(predicted=trials["observed"], outside=False, upper=1e9)
    assert "near the mean" not in " ".join(text.list_warnings(study, good, 0.0, ""))


@pytest.fixture
def field_trials():
    """Predictions of a field of clay that hardly vary."""
    study = Study.load("cv98")
    y = study.y
    flat = y.mean() + 0.1 * (y - y.mean())
    about = {"repeat": 0, "fold": 0, "sample": study.ids, "observed": y, "predicted": flat}
    return study, pd.DataFrame({**about, "lower": 0.0, "upper": flat + 1, "outside": np.arange(len(y)) == 0})
