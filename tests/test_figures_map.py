"""Maps show the numbers of their tables, at their places."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import maps
from soilpb.plots import decisions

pytestmark = pytest.mark.usefixtures("styled")


@pytest.fixture
def soils():
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(0, 100, (30, 2)), columns=["x", "y"])
    return table.assign(probability=rng.uniform(size=30), exceeded=np.arange(30) < 4)


def test_soils_lie_at_their_places_in_their_colours(soils):
    """Circles at or below the limit, triangles above it, counted; colours run from 0 to 1."""
    ax = decisions.plot_map(soils, "probability", "P")
    below, above = ax.collections
    np.testing.assert_array_equal(above.get_offsets(), soils[["x", "y"]][:4])
    np.testing.assert_array_equal(below.get_array(), soils["probability"][4:])
    assert below.get_clim() == above.get_clim() == (0, 1)
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["measured at or below the limit (26)", "measured above it (4)"]


def test_what_was_kriged_lies_beneath(soils):
    """Cells carry their own values, and where there is no cell the map is white."""
    cells = maps.map_cells(soils[["x", "y"]].to_numpy(), 20)
    cells["probability"] = np.linspace(0, 1, len(cells))
    ax = decisions.plot_map(soils, "probability", "P", cells)
    shown = np.ma.masked_invalid(ax.collections[0].get_array()).compressed()
    np.testing.assert_allclose(np.sort(shown), cells["probability"])
    assert len(shown) < 20 * 20


def test_without_cells_there_are_points_only(soils):
    """None and an empty table are the same map."""
    for cells in (None, maps.map_cells(np.zeros((3, 2)) + np.arange(3)[:, None])):
        assert len(decisions.plot_map(soils, "probability", "P", cells).collections) == 2


def test_values_are_coloured_by_their_range(soils):
    """Values run from least to most, by their logarithm where asked, without a legend of limits."""
    table = soils.drop(columns="exceeded").assign(value=np.geomspace(10, 1000, 30))
    ax = decisions.plot_map(table, "value", "Pb (mg/kg)", log=True)
    (points,) = ax.collections
    assert points.get_clim() == pytest.approx((10, 1000))
    assert points.to_rgba(100.0) == pytest.approx(points.get_cmap()(0.5), abs=0.02)
    assert ax.get_legend() is None
