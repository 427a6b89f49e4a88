"""What transfer did to the bands of a network: retained, adapted, new or lost, by a stated rule.

Credit of two models has two units. What can be compared is *relative* credit: credit per
nanometre, divided by what an even spread over the spectrum would give. It is 1 for a band
that gets its due, 2 for one that gets twice that. Intervals come from draws. The second model
is trained anew in each, without a share of the soils, so its intervals are the jackknife's;
the first is one network, whose draws differ in their background soils alone.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb import jackknife

#: What can become of a band, and when, said as a page says it.
RULES = {
    "retained": "both models use it, and its share of the credit is not shown to change",
    "adapted": "both models use it, and its share of the credit changes",
    "new": "only the second model uses it",
    "lost": "only the first model uses it",
    "unused": "neither model uses it",
    "undecided": "an interval reaches across the even share: these soils cannot tell",
}

#: Share left out for which the jackknife's interval is the plain spread of the draws.
_SAME_NETWORK = 0.5


def relative_credit(bands: pd.DataFrame) -> pd.DataFrame:
    """Add the credit of each band relative to an even spread over the spectrum.

    Parameters
    ----------
    bands : DataFrame
        Tables of :meth:`soilpb.credit.Attribution.bands`, one (model, draw) or several.

    Returns
    -------
    DataFrame
        The same rows with a column ``relative``, whose mean over nanometres is 1.

    Examples
    --------
    >>> bands = pd.DataFrame({"start": [400, 500], "stop": [500, 700], "mean_abs": [1.0, 8.0]})
    >>> relative_credit(bands.assign(model="m", draw=0))["relative"].round(2).tolist()
    [0.33, 1.33]
    """
    by_model = bands.assign(width=bands["stop"] - bands["start"]).groupby(["model", "draw"])
    even = by_model["mean_abs"].transform("sum") / by_model["width"].transform("sum")
    if not (even > 0).all():
        raise ValueError("a model has no credit at all: it ignores the spectrum, so no band has a share")
    return bands.assign(relative=bands["mean_abs"] / (bands["stop"] - bands["start"]) / even)


def compare_bands(
    bands: pd.DataFrame, before: str, after: str, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Class each band by what becomes of it from one model to the other.

    A model *uses* a band whose relative credit lies above 1 with its whole interval, and
    does not use one whose interval lies below 1. See :data:`RULES` for what follows.

    Parameters
    ----------
    bands : DataFrame
        Tables of :meth:`soilpb.credit.Attribution.bands` of both models, for the same
        soils and the same draws.
    before, after : str
        Names of the models.
    left_out : float
        Share of the soils that a draw's second model did not train on: 0.2 for five folds.
    level : float
        Coverage of each interval. With 40 bands some are wrong by chance.

    Returns
    -------
    DataFrame
        One row a band: ``start``, ``stop``; ``before``, ``after`` and ``change`` (their
        ratio), each with ``_low`` and ``_high``; ``outcome``.
    """
    log_credit = relative_credit(bands).assign(log=lambda table: np.log(table["relative"]))
    wide = log_credit.pivot_table(index=["start", "stop"], columns=["model", "draw"], values="log")
    columns = {}
    for name, logs, share in (
        ("before", wide[before], _SAME_NETWORK),
        ("after", wide[after], left_out),
        ("change", wide[after] - wide[before], left_out),
    ):
        centre, half = logs.mean(axis=1), jackknife.half_width(logs.to_numpy(), share, level)
        columns |= {name: np.exp(centre), f"{name}_low": np.exp(centre - half)}
        columns[f"{name}_high"] = np.exp(centre + half)
    table = pd.DataFrame(columns).reset_index()
    return table.assign(outcome=[_outcome(row) for row in table.itertuples()])


def _outcome(row) -> str:
    before, after = _used(row.before_low, row.before_high), _used(row.after_low, row.after_high)
    if before is None or after is None:
        return "undecided"
    if before and after:
        return "retained" if row.change_low <= 1 <= row.change_high else "adapted"
    return {(False, True): "new", (True, False): "lost", (False, False): "unused"}[before, after]


def _used(low: float, high: float) -> bool | None:
    """Whether a band gets more than its even share; None if the interval does not tell."""
    return True if low > 1 else False if high < 1 else None
