"""Figures for decisions show the numbers of their tables, and maps show them at their coordinates."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide.exceedance import detection_table
from soilpb.plots import decisions
from tests.looks import assert_axes, legend_texts

pytestmark = pytest.mark.usefixtures("styled")


def test_intervals_count_the_soils_outside():
    """Soils are drawn in the order of predictions; those outside their interval are counted apart."""
    columns = {"observed": [300, 90, 20], "predicted": [200, 100, 10]}
    soils = pd.DataFrame(columns | {"lower": [100, 50, 5], "upper": [400, 200, 15]})
    ax = decisions.plot_prediction_intervals(soils, "Pb (mg/kg)")
    assert legend_texts(ax) == ["predicted", "measured, within (2)", "measured, beyond (1)"]
    assert ax.lines[0].get_ydata().tolist() == [10, 100, 200]
    assert ax.get_yscale() == "log"
    assert_axes(ax, "Soils, in the order of their predictions", "Pb (mg/kg)")
    assert decisions.plot_prediction_intervals(soils, "clay (%)", log=False).get_yscale() == "linear"


def test_reliability_lies_where_its_table_says():
    """A point per bin, at (given, observed), with its number of soils beside."""
    given = np.array([0.1, 0.5, 0.9])
    table = pd.DataFrame({"predicted": given, "observed": given**2, "n": [30, 20, 9]})
    table = table.assign(lower=table["observed"] - 0.1, upper=table["observed"] + 0.1)
    ax = decisions.plot_reliability(table)
    np.testing.assert_allclose(ax.collections[-1].get_offsets(), table[["predicted", "observed"]])
    assert [text.get_text() for text in ax.texts] == ["30", "20", "9"]
    assert_axes(ax, "Probability that was given", "Share that exceeded")


@pytest.fixture
def soils():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0, 100, (30, 2)), columns=["x", "y"])
    return table.assign(probability=rng.uniform(size=30), exceeded=np.arange(30) < 4)


def test_a_map_shows_soils_by_their_probability(soils):
    """Triangles above the limit, colours from 0 to 1."""
    ax = decisions.plot_map(soils, "probability", "P")
    below, above = ax.collections
    np.testing.assert_array_equal(above.get_offsets(), soils[["x", "y"]][:4])
    np.testing.assert_array_equal(below.get_array(), soils["probability"][4:])
    assert below.get_clim() == above.get_clim() == (0, 1)
    assert legend_texts(ax) == ["measured at or below the limit (26)", "measured above it (4)"]
    assert_axes(ax, "East (m)", "North (m)")


def test_mapped_values_are_coloured_by_their_range(soils):
    """Values run from least to most, by their logarithm where asked, without a legend of limits."""
    table = soils.drop(columns="exceeded").assign(value=np.geomspace(10, 1000, 30))
    ax = decisions.plot_map(table, "value", "Pb (mg/kg)", log=True)
    (points,) = ax.collections
    assert points.get_clim() == pytest.approx((10, 1000))
    assert points.to_rgba(100.0) == pytest.approx(points.get_cmap()(0.5), abs=0.02)
    assert ax.get_legend() is None


def test_detection_is_drawn_with_its_intervals():
    """Two lines with a band each: what is found above its limit, and what is rightly left."""
    probability = np.linspace(0, 1, 50)
    ax = decisions.plot_detection(detection_table(probability, probability > 0.4))
    assert len(ax.lines) == len(ax.collections) == 2
    assert ax.lines[0].get_ydata()[0] == 1
