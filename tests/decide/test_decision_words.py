"""Sentences say what their tables say, on either side of what was asked."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import exceedance
from soilpb.old import decision_words


@pytest.mark.parametrize(
    ("share", "says"),
    [(0.8, "too few"), (0.87, "as promised"), (0.93, "as promised"), (0.97, "more than promised")],
)
def test_coverage_is_judged_by_its_promise(share, says):
    """Below the band too few, within it as promised, above it more."""
    assert decision_words.coverage(share).endswith(f"{says}.")
    assert decision_words.coverage(share).startswith(f"{100 * share:.0f} % of the soils")


def test_calibration_is_judged_by_luck_and_then_by_its_bound():
    """What luck explains is no fault; beyond it 0.05 is the bound."""
    assert "no more than luck explains" in decision_words.calibration(0.07, 0.08, 130)
    assert "little, if more than luck" in decision_words.calibration(0.05, 0.03, 130)
    assert "with care" in decision_words.calibration(0.06, 0.03, 130)


def test_flags_are_averaged_over_soils():
    """A large cluster counts for more; false alarms can spoil a good catch."""
    clusters = pd.DataFrame(
        {"n": [90, 10], "caught": [1.0, 0.0], "false_alarms": [0.1, 0.1], "n_others": [10, 30]}
    )
    assert decision_words.flags(clusters).startswith("Of a cluster that was left out whole, 90 % is flagged")
    assert ": enough to rely on" in decision_words.flags(clusters)
    assert "not enough" in decision_words.flags(clusters.assign(false_alarms=0.3))
    assert "not enough" in decision_words.flags(clusters.assign(caught=0.5))


def test_savings_are_against_the_best_single_rule():
    """Knowing all is no rule; a useless probability is said to cost more."""
    prices = exceedance.Costs(50, 1000, 4000)
    exceeded = np.arange(100) < 30
    sharp, wrong = (
        exceedance.compare_policies(p, exceeded, prices)
        for p in (exceeded * 0.98 + 0.01, 0.99 - exceeded * 0.98)
    )
    assert "% less than “send all”" in decision_words.cheapest(sharp)
    assert "% more than “send all”: spectra add nothing here" in decision_words.cheapest(wrong)


def test_choices_are_said_to_save_only_where_they_do():
    """The best method is named with its number, or none is."""
    good = pd.Series({"random": 80.0, "kennard stone": 61.4, "uncertainty": np.inf})
    assert decision_words.choices(good) == (
        "The method “kennard stone” reaches with 61 soils what random choices reach with 80."
    )
    assert decision_words.choices(good.replace(61.4, np.inf)).startswith("No method reaches")
