"""Sentences about how predictions answer to minerals: signs, sizes, and the truth where it is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb.wording import listed, number, spaced, with_interval


def signs(slopes: pd.DataFrame, threshold: float = 0.2) -> str:
    """Say how slopes compare with the truth: correlation, signs, sizes.

    Parameters
    ----------
    slopes : DataFrame
        ``constituent``, ``slope``, ``low``, ``high`` and ``truth``; without ``truth`` where nobody
        knows it.
    threshold : float
        Size of a true slope from which its sign has to be right.
    """
    if "truth" not in slopes:
        return "Whether they are true nobody can say here: only simulated soils carry their truth."
    r = np.corrcoef(slopes["slope"], slopes["truth"])[0, 1]
    strong = slopes[slopes["truth"].abs() > threshold]
    right = int((np.sign(strong["slope"]) == np.sign(strong["truth"])).sum())
    size = np.median(strong["slope"] / strong["truth"])
    return (
        f"Over {len(slopes)} constituents the slopes correlate with the truth at {r:.2f}. "
        f"{right} of the {len(strong)} whose true slope exceeds {threshold:g} in size have the right sign; "
        f"their slopes are {100 * size:.0f} % of the truth (median): models of few soils shrink."
        f"{_missed(slopes)}"
    )


def away_from_zero(slopes: pd.DataFrame) -> str:
    """Name the constituents whose slope is known to be positive or negative.

    Parameters
    ----------
    slopes : DataFrame
        ``constituent``, ``slope``, ``low``, ``high``.
    """
    named = slopes.assign(name=slopes["constituent"].map(spaced))
    up, down = named[named["low"] > 0]["name"], named[named["high"] < 0]["name"]
    unsure = len(named) - len(up) - len(down)
    return (
        f"Predictions rise with {listed(up) or 'none'} and fall with {listed(down) or 'none'}; "
        f"for {unsure} of {len(named)} constituents the interval holds 0."
    )


def fields_agree(slopes: pd.DataFrame) -> str:
    """Say in how many measured fields a model answers to what it was taught, and name the exceptions.

    Parameters
    ----------
    slopes : DataFrame
        ``field``, ``model``, ``slope``, ``low``, ``r2`` of the model, and ``strongest``: the
        constituent with which its predictions rise most.
    """
    told = []
    for model, rows in slopes.groupby("model", sort=False):
        wrong = [
            f"{row.field}, whose model has an R² of {row.r2:.2f} and rises most with {spaced(row.strongest)}"
            for row in rows[rows["slope"] <= 0].itertuples()
        ]
        sure = (rows["low"] > 0).sum()
        told.append(
            f"the slope of the {model} is positive in {(rows['slope'] > 0).sum()} of {len(rows)} fields, "
            f"in {sure} of them with its whole interval" + (f" (not in {listed(wrong)})" if wrong else "")
        )
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _missed(slopes: pd.DataFrame) -> str:
    """Name the constituents whose interval does not hold the truth."""
    outside = slopes[(slopes["low"] > slopes["truth"]) | (slopes["high"] < slopes["truth"])]
    if outside.empty:
        return ""
    told = [
        f"{spaced(row.constituent)}, {with_interval(row.slope, row.low, row.high)} where "
        f"the truth is {number(row.truth)}"
        for row in outside.itertuples()
    ]
    return f" The interval misses the truth for: {listed(told)}."
