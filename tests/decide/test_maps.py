"""Coordinates are metres on a map where they are true, and none where they are not."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import maps


def samples(**columns):
    return pd.DataFrame(columns, index=[f"S{i}" for i in range(len(columns["x"]))])


def test_degrees_become_metres():
    """One thousandth of a degree is 111 m to the north, and half of it to the east at 60° north."""
    found = maps.local_coordinates(samples(x=[10.0, 10.001], y=[60.0, 60.001], crs="EPSG:4326"))
    assert found.loc["S1", "y"] == pytest.approx(111.2, abs=0.1)
    assert found.loc["S1", "x"] == pytest.approx(55.6, abs=0.1)


def test_metres_stay_metres_and_soils_without_a_place_are_left_out():
    """Projected coordinates are counted from the south-western corner; a gap costs its soil only."""
    found = maps.local_coordinates(samples(x=[516_900.0, 516_850.0, np.nan], y=[690.0, 720.0, 700.0]))
    assert found.to_dict("index") == {"S0": {"x": 50, "y": 0}, "S1": {"x": 0, "y": 30}}


@pytest.mark.parametrize(
    "soils",
    [
        pd.DataFrame({"pH": [5.0]}),
        samples(x=[1.0, 2.0], y=[1.0, 2.0], crs="dummy EPSG:4326"),
        samples(x=[np.nan], y=[1.0]),
    ],
    ids=["no columns", "dummies", "no pair"],
)
def test_no_true_place_is_no_place(soils):
    """Without coordinates, with dummies, or with half of a pair there is nothing to map."""
    assert maps.local_coordinates(soils) is None
