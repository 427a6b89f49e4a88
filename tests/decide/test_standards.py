"""Limits for lead are those of the standards, at the right pH."""

from pathlib import Path

import numpy as np
import pytest

from soilpb.decide.standards import LEAD_LIMITS, LIMITS, lead_limit, limits_of, list_rules, read_limits

GB = "GB 15618-2018"


@pytest.mark.parametrize(
    ("rule", "limits"),
    [
        ("screening, paddy", (80, 80, 100, 100, 140, 140, 240)),
        ("screening, other land", (70, 70, 90, 90, 120, 120, 170)),
        ("intervention", (400, 400, 500, 500, 700, 700, 1000)),
    ],
)
def test_chinese_limits_change_above_the_ends_of_ph_classes(rule, limits):
    """A class holds its upper end: at pH 5.5 the first limit holds, just above it the second."""
    np.testing.assert_array_equal(lead_limit(GB, rule, [3, 5.5, 5.51, 6.5, 6.51, 7.5, 7.51]), limits)


@pytest.mark.parametrize(
    ("target", "standard", "rule", "ph", "limit"),
    [
        ("Pb_mg_kg", "US EPA 2025, residential", "screening", 6.0, 200),
        ("Pb_mg_kg", "US EPA 2025, residential", "removal management", 6.0, 600),
        ("Pb_mg_kg", "GB 36600-2018", "screening, first class", 6.0, 400),
        ("Pb_mg_kg", "Finland 214/2007", "upper guideline", np.nan, 750),
        ("Pb_mg_kg", "GB 36600-2018", "intervention, second class", 6.0, 2500),
        ("Cd_mg_kg", GB, "screening, paddy", 7.0, 0.6),
        ("As_mg_kg", GB, "screening, other land", 8.0, 25),
        ("Cu_mg_kg", GB, "screening, orchard", 5.0, 150),
        ("Ni_mg_kg", "GB 36600-2018", "screening, second class", 5.0, 900),
    ],
)
def test_limits_of_other_standards_and_metals(target, standard, rule, ph, limit):
    """Spot checks against the standards' tables."""
    assert lead_limit(standard, rule, ph, limits_of(target)).item() == limit


def test_intervention_is_above_screening():
    """Of each metal, standard and pH class, for the same land."""
    for (_, standard), rows in LIMITS.groupby(["metal", "standard"]):
        highest = rows.groupby("rule")["limit_mg_kg"].max()
        for rule in [name for name in highest.index if name.startswith("intervention")]:
            land = rule.removeprefix("intervention")
            same = [n for n in highest.index if n.startswith("screening") and n.endswith(land)]
            assert highest[rule] > highest[same].max(), standard


def test_what_is_no_metal_in_mg_kg_has_no_limits():
    """Clay, and lead in percent."""
    assert limits_of("clay_pct").empty
    assert limits_of("Pb_pct").empty


def test_an_unknown_ph_has_no_limit():
    """Without a pH no class is guessed."""
    assert np.isnan(lead_limit(GB, "intervention", np.nan))


@pytest.mark.parametrize(
    ("call", "known"),
    [
        (lambda: lead_limit(GB, "screening", 6.0), "screening, paddy"),
        (lambda: list_rules("GB 15618-2017"), "Finland 214/2007"),
    ],
)
def test_what_is_unknown_is_refused_with_what_is_known(call, known):
    """The message lists rules, or standards."""
    with pytest.raises(KeyError, match=known):
        call()


def test_classes_of_a_rule_join_without_gap():
    """Each class begins where the former ends, from minus to plus infinity, and limits never fall with pH."""
    for _, rows in LEAD_LIMITS.groupby(["standard", "rule"]):
        assert rows["ph_above"].iloc[0] == -np.inf
        assert rows["ph_to"].iloc[-1] == np.inf
        assert (rows["ph_above"].iloc[1:].to_numpy() == rows["ph_to"].iloc[:-1].to_numpy()).all()
        assert rows["limit_mg_kg"].is_monotonic_increasing


def test_every_limit_is_cited_from_the_bibliography():
    """Each row's citation is a key of the book's references."""
    keys = (Path(__file__).parents[2] / "book" / "references.bib").read_text()
    for citation in LIMITS["citation"].unique():
        assert f"{{{citation}," in keys


OWN = """\
standard: Canton of Example, 2025
rules:
  screening: 120
  intervention:
    5.5: 400
    6.5: 500
    above: 700
"""


def test_a_users_standard_is_read_from_yaml(tmp_path):
    """One limit for all soils needs no pH; classes hold their upper ends, as written."""
    path = tmp_path / "canton.yml"
    path.write_text(OWN)
    limits = read_limits(path)
    standard = "Canton of Example, 2025"
    assert list_rules(standard, limits) == ["screening", "intervention"]
    assert list(limits) == list(LEAD_LIMITS)
    found = lead_limit(standard, "intervention", [3, 5.5, 5.6, 6.5, 6.6, np.nan], limits)
    np.testing.assert_array_equal(found, [400, 400, 500, 500, 700, np.nan])
    np.testing.assert_array_equal(lead_limit(standard, "screening", [4.0, np.nan], limits), [120, 120])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (OWN.replace("standard:", "name:"), "name, rules; expected two keys: standard, and rules"),
        (OWN.replace("120", "120 mg/kg"), "rule 'screening': '120 mg/kg'; expected a limit in mg/kg"),
        (OWN.replace("400", "-400"), "expected mg/kg above 0"),
        (OWN.replace("    above: 700\n", ""), "expected them to ascend, with 'above' last"),
        (OWN.replace("6.5: 500", "4.5: 500"), "expected them to ascend"),
        ("standard: X\nrules: {}\n", "rules is {}"),
        ("- 1\n", "holds list"),
        ("a: [", "is not plain YAML"),
    ],
)
def test_a_standard_that_cannot_be_meant_is_refused(tmp_path, text, parts):
    """The message names the file, what stands there and what is expected."""
    path = tmp_path / "canton.yml"
    path.write_text(text)
    with pytest.raises(ValueError, match="canton.yml") as caught:
        read_limits(path)
    assert parts in str(caught.value)
