"""Bands are classed by a stated rule, with intervals that new soils would ask for."""

import numpy as np
import pandas as pd
import pytest

from soilpb.explain.bands import OUTCOMES, compare_bands, relative_attribution

STARTS = np.arange(400, 900, 100)
#: Credit of five bands: used by both, doubled, only after, only before, by neither.
BEFORE = np.array([3.0, 1.6, 0.1, 2.0, 0.3])
AFTER = np.array([3.0, 2.3, 1.5, 0.1, 0.1])


def draws(credit, model, spread=0.01, n=5, seed=0):
    rng = np.random.default_rng(seed)
    tables = [
        pd.DataFrame(
            {
                "model": model,
                "draw": draw,
                "start": STARTS,
                "stop": STARTS + 100,
                "mean_abs": credit * np.exp(spread * rng.standard_normal(STARTS.size)),
            }
        )
        for draw in range(n)
    ]
    return pd.concat(tables, ignore_index=True)


def compared(spread=0.01, **kwargs):
    bands = pd.concat([draws(BEFORE, "pH", spread), draws(AFTER, "Pb", spread, seed=1)])
    return compare_bands(bands, "pH", "Pb", left_out=0.2, **kwargs)


def test_each_kind_of_band_is_found():
    """Five bands with known histories get the five outcomes."""
    change = compared().set_index("start")
    assert change["outcome"].tolist() == ["retained", "adapted", "new", "lost", "unused"]
    assert set(change["outcome"]) | {"undecided"} == set(OUTCOMES)


def test_bands_that_scatter_are_undecided():
    """Where trainings disagree by a factor of three, nothing is claimed of a band near the even share."""
    outcomes = compared(spread=1.0)["outcome"]
    assert (outcomes == "undecided").sum() >= 4


def test_relative_credit_does_not_know_units_or_widths():
    """Credit a thousand times larger is the same; a band twice as wide needs twice the credit."""
    bands = draws(BEFORE, "pH", n=1)
    thousandfold = bands.assign(mean_abs=1000 * bands["mean_abs"])
    np.testing.assert_allclose(
        relative_attribution(bands)["relative"], relative_attribution(thousandfold)["relative"]
    )
    even = pd.DataFrame({"model": "m", "draw": 0, "start": [400, 500], "stop": [500, 700]})
    assert relative_attribution(even.assign(mean_abs=[1.0, 2.0]))["relative"].tolist() == [1, 1]


def test_intervals_hold_their_centre_and_widen_with_the_level():
    """Low < centre < high, and a 99 % interval is wider than one of 80 %."""
    narrow, wide = compared(level=0.8), compared(level=0.99)
    for name in ("before", "after", "change"):
        assert (wide[f"{name}_low"] < narrow[f"{name}_low"]).all()
        assert (narrow[f"{name}_low"] < narrow[name]).all()
        assert (narrow[name] < narrow[f"{name}_high"]).all()


def test_a_model_without_credit_is_refused():
    """A model that ignores the spectrum has no shares to compare."""
    with pytest.raises(ValueError, match="no credit at all"):
        relative_attribution(draws(0 * BEFORE, "pH"))
