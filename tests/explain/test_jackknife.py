"""Intervals from folds allow for the soils that folds share."""

import numpy as np
import pandas as pd
import pytest

from soilpb.explain import bands


def test_leaving_one_out_of_a_mean_gives_its_standard_error():
    """For a mean over all n folds of n - 1 soils, the half width is z times s / √n, exactly."""
    soils = np.random.default_rng(0).normal(size=20)
    folds = np.array([np.delete(soils, i).mean() for i in range(20)])
    standard_error = soils.std(ddof=1) / np.sqrt(20)
    assert bands.jackknife_half_width(folds, left_out=1 / 20) == pytest.approx(
        1.6449 * standard_error, rel=1e-4
    )


def test_five_folds_vary_half_as_much_as_new_soils_would():
    """The spread of five-fold means, doubled, is the spread of the mean over new samples of soils."""
    rng = np.random.default_rng(1)
    widths = []
    for _ in range(200):
        folds = np.split(rng.normal(size=100), 5)
        means = [np.concatenate(folds[:k] + folds[k + 1 :]).mean() for k in range(5)]
        widths.append(bands.jackknife_half_width(means, left_out=0.2) / 1.645)
    # five values, each a fifth from their mean: the divisor 5 instead of 4 costs 10 %
    assert np.sqrt(np.mean(np.square(widths))) == pytest.approx(0.1, rel=0.12)


def test_tidy_intervals():
    """Several rows a draw are averaged first; each statistic keeps its own interval."""
    table = pd.DataFrame(
        {"band": list("aabb") * 2, "draw": [0] * 4 + [1] * 4, "credit": [1, 3, 5, 5, 2, 4, 5, 5.0]}
    )
    made = bands.jackknife_intervals(table, ["band"], "credit", left_out=0.5).set_index("band")
    assert made["credit"].tolist() == [2.5, 5]
    assert made.loc["a", "high"] - 2.5 == pytest.approx(1.6449 * 0.5, rel=1e-4)
    assert made.loc["b", "low"] == made.loc["b", "high"] == 5


@pytest.mark.parametrize(("draws", "left_out"), [([1.0, 2.0], 0), ([1.0, 2.0], 20), ([1.0], 0.2)])
def test_what_gives_no_interval_is_refused(draws, left_out):
    """A percentage for a share, or a single draw, is an error and not a width."""
    with pytest.raises(ValueError, match="expected the share|needs at least 2"):
        bands.jackknife_half_width(draws, left_out)
