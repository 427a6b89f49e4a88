"""Pictures for decisions show the numbers of their tables."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import exceedance
from soilpb.decide.exceedance import reliability_table
from soilpb.plots import decisions

pytestmark = pytest.mark.usefixtures("styled")


def texts(ax):
    return " ".join(text.get_text() for text in ax.get_legend().get_texts())


def test_intervals_tell_who_lies_outside():
    """Soils are drawn in the order of predictions; those outside their interval are counted apart."""
    soils = pd.DataFrame(
        {
            "observed": [300, 90, 20],
            "predicted": [200, 100, 10],
            "lower": [100, 50, 5],
            "upper": [400, 200, 15],
        }
    )
    ax = decisions.plot_prediction_intervals(soils, "Pb (mg/kg)")
    assert "measured, within (2)" in texts(ax)
    assert "measured, beyond (1)" in texts(ax)
    assert ax.lines[0].get_ydata().tolist() == [10, 100, 200]
    assert (ax.get_yscale(), ax.get_ylabel()) == ("log", "Pb (mg/kg)")
    assert decisions.plot_prediction_intervals(soils, "clay (%)", log=False).get_yscale() == "linear"


def test_reliability_lies_where_its_table_says():
    """A point a bin, at (given, observed), with its number of soils beside."""
    rng = np.random.default_rng(0)
    p = rng.uniform(size=400)
    table = reliability_table(p, rng.uniform(size=400) < p)
    ax = decisions.plot_reliability(table)
    np.testing.assert_allclose(ax.collections[-1].get_offsets(), table[["predicted", "observed"]])
    assert [text.get_text() for text in ax.texts] == [str(n) for n in table["n"]]


def test_chances_are_put_in_order():
    """Soils stand by their probability, those above the limit apart and counted."""
    soils = pd.DataFrame({"probability": [0.9, 0.1, 0.4], "exceeded": [True, False, False]})
    ax = decisions.plot_probabilities(soils, "P")
    below, above = ax.collections
    np.testing.assert_array_equal(below.get_offsets(), [[0, 0.1], [1, 0.4]])
    np.testing.assert_array_equal(above.get_offsets(), [[2, 0.9]])
    assert "measured above it (1)" in texts(ax)
    assert ax.get_ylabel() == "P"


def test_actions_are_drawn_with_their_costs():
    """One line an action, named, through its expected costs."""
    p = np.linspace(0, 1, 11)
    table = (
        exceedance.expected_costs(p, exceedance.Costs(50, 1000, 4000))
        .drop(columns="best")
        .assign(probability=p)
    )
    ax = decisions.plot_costs(table)
    assert texts(ax) == "ignore send remediate"
    np.testing.assert_allclose(ax.lines[1].get_ydata(), table["send"])
