"""Intervals from models that each left out a share of the training soils.

Models of different folds share most of their soils, so their spread understates what other
soils would have given. The delete-d jackknife knows by how much: its variance is that of
the folds times ``(1 − share) / share``, 4 for five folds (Shao & Wu 1989, *A General Theory
for Jackknife Variance Estimation*, Annals of Statistics 17:1176). The intervals are for what
the method answers with this many soils, its shrinkage included, and not for nature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm


def half_width(statistics: np.ndarray, left_out: float, level: float = 0.9) -> np.ndarray:
    """Half width of the interval of a statistic that was computed once a fold.

    Parameters
    ----------
    statistics : (..., n_draws) array
        One value a fold; folds of several repeats may be strung together.
    left_out : float
        Share of the soils that each fold leaves out, such as 0.2.
    level : float
        Coverage of the interval.

    Returns
    -------
    (...) array

    Examples
    --------
    >>> half_width(np.array([1.0, 3.0]), left_out=0.5).round(2)
    np.float64(1.64)
    """
    if not 0 < left_out < 1:
        raise ValueError(f"left_out is {left_out}; expected the share each fold leaves out, such as 0.2")
    statistics = np.asarray(statistics, dtype=float)
    if statistics.shape[-1] < 2:
        raise ValueError(f"got statistics of {statistics.shape[-1]} draws; an interval needs at least 2")
    variance = statistics.var(axis=-1) * (1 - left_out) / left_out
    return norm.ppf((1 + level) / 2) * np.sqrt(variance)


def intervals(
    table: pd.DataFrame, by: Sequence[str], value: str, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Mean and interval of a column over the draws of a tidy table.

    Parameters
    ----------
    table : DataFrame
        With ``draw`` and the columns named; several rows a draw are averaged first.
    by : sequence of str
        What tells one statistic from another, such as ``["model", "wavelength"]``.
    value : str
        The column to summarise.
    left_out, level
        As for :func:`half_width`.

    Returns
    -------
    DataFrame: the columns ``by``, then ``value`` (the mean), ``low`` and ``high``.
    """
    draws = table.pivot_table(index=list(by), columns="draw", values=value, sort=False)
    mean, half = draws.mean(axis=1), half_width(draws.to_numpy(), left_out, level)
    return pd.DataFrame({value: mean, "low": mean - half, "high": mean + half}).reset_index()
