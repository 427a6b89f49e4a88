"""Sentences about wavelengths follow their tables, and carry intervals."""

import pandas as pd
import pytest

from soilpb.explain.sanity_checks import Verdict
from soilpb.old import interpretation_words
from tests.test_slope_words import SLOPES


@pytest.fixture
def tested():
    """Two windows named beforehand, of which one survives."""
    return pd.DataFrame(
        {
            "start": [550, 909],
            "stop": [750, 929],
            "relative": [1.5, 0.6],
            "low": [1.2, 0.1],
            "high": [1.8, 1.1],
            "verdict": ["holds", "fails"],
        }
    )


def test_no_window_is_named_without_its_interval(tested):
    """Every pair of wavelengths is followed by its number and the interval."""
    said = interpretation_words.named_windows(tested, "ResNet-pH-Pb")
    assert "550–750 nm 1.50 (1.20 to 1.80) and 909–929 nm 0.60 (0.10 to 1.10)" in said
    assert said.endswith("1 of 2 survives both tests.")
    none = interpretation_words.named_windows(tested.assign(verdict="fails"), "ResNet-pH-Pb")
    assert none.endswith("none of the 2 survives both tests.")


def verdict(word, statistic=0.6):
    return Verdict("Credit adds up", "gap ≤ 0.0001", statistic, statistic - 0.1, statistic + 0.1, word)


def test_credit_describes_the_network_only_if_all_its_tests_hold():
    """One test that does not hold is named, and the claim is taken back."""
    assert interpretation_words.about_the_model([verdict("holds")] * 3).startswith(
        "Credit describes the network"
    )
    doubted = interpretation_words.about_the_model([verdict("holds"), verdict("undecided")])
    assert doubted == "Whether credit describes the network is in doubt: “Credit adds up” is undecided."


def test_what_changes_a_profile_is_named_with_its_correlation():
    """Only what fails is called no property of the soils; every correlation carries its interval."""
    said = interpretation_words.about_the_next_model(
        {"another seed": verdict("fails"), "another background": verdict("holds", 0.9)}
    )
    assert "0.60 (0.50 to 0.70) with another seed and 0.90 (0.80 to 1.00) with another background" in said
    assert said.endswith("What another seed would change is not a property of the soils.")
    assert interpretation_words.about_the_next_model({"another seed": verdict("holds")}).endswith(
        "its threshold."
    )


def test_the_soil_is_spoken_of_only_where_the_truth_is_known():
    """Without a truth no claim is made; with one, the verdict decides."""
    assert "cannot be tested" in interpretation_words.about_the_soil(None)
    said = interpretation_words.about_the_soil(verdict("fails", 0.0))
    assert said.startswith("Credit does not describe the soil")
    assert said.endswith("correlates at 0.00 (−0.10 to 0.10).")
    assert interpretation_words.about_the_soil(verdict("holds")).startswith("Credit describes the soil")


def test_bands_are_counted_by_outcome():
    """Outcomes that did not occur are not mentioned; undecided bands always are."""
    change = pd.DataFrame({"start": [400, 450, 500], "stop": [450, 500, 550]})
    said = interpretation_words.band_outcomes(change.assign(outcome=["retained", "lost", "undecided"]))
    assert said == "Of 3 bands of 50 nm, 1 retained and 1 lost; for 1 these soils cannot tell."
    assert "none can be classed: for 3" in interpretation_words.band_outcomes(
        change.assign(outcome="undecided")
    )


def test_true_windows_are_counted():
    """Recovered, missed and open windows add up."""
    outcomes = pd.DataFrame({"outcome": ["missed", "missed", "undecided"]})
    assert "Of the 3 windows" in interpretation_words.true_windows(outcomes)
    assert "recovers 0, misses 2 and leaves 1 open" in interpretation_words.true_windows(outcomes)
    assert interpretation_words.true_windows(None) == "What is true of these soils, nobody knows."


def test_the_answer_claims_survival_only_where_the_truth_is_known(tested):
    """On simulated soils slopes are held against the truth; on measured ones they are only told."""
    known = interpretation_words.answer(verdict("fails"), tested, SLOPES)
    assert (
        "at a Spearman correlation of 0.60 (0.50 to 0.70), and of the 2 published windows 1 survives."
        in known
    )
    assert "What survives is minerals." in known
    measured = interpretation_words.answer(
        verdict("fails"), tested.assign(verdict="fails"), SLOPES.drop(columns="truth")
    )
    assert "none survives. Asked about minerals instead, it answers: Predictions rise with clay" in measured


def test_grammar_follows_the_count():
    """One statement fails, two fail."""
    table = pd.DataFrame({"verdict": ["fails", "fails", "holds", "holds", "undecided"]})
    assert interpretation_words.tally(table) == "Of 5 statements 2 hold, 2 fail and 1 is undecided."
