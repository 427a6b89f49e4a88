"""How far decisions can be trusted where the truth is known, beside what had been asked.

``results/decisions.json``, made by the script of that name, holds what was measured on simulated
sites that took no part in any choice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from soilpb._format import to_words
from soilpb.old.decision_words import ALARMS, CALIBRATION, CAUGHT, COVERAGE

#: Soils with which the best choice of the next ones should reach what random choices reach with 100.
NEEDED = 75

Record = Mapping[str, Sequence[Mapping[str, Any]]]


def beside_what_was_asked(record: Record) -> pd.DataFrame:
    """Lay out intervals, probabilities, flags and choices of soils.

    Parameters
    ----------
    record : mapping of title to rows
        As the script writes it.

    Returns
    -------
    DataFrame with columns ``about``, ``asked``, ``found``.
    """
    low, high = COVERAGE
    rows = [
        (f"{row['of']} within its 90 % intervals", f"{100 * low:.0f}–{_percent(high)}", _spread(row))
        for row in record["coverage of 90 % intervals"]
    ]
    rows += [
        ("error of probabilities, pH predicted", f"≤ {CALIBRATION}", f"{row['calibration error']:.3f}")
        for row in record["probabilities of exceedance"]
        if (row["pH"], row["rule"]) == ("predicted", "all")
    ]
    rows += [_flagged(row) for row in record["flagged soils"]]
    needed = {
        row["method"]: n for row in record["soils needed"] for name, n in row.items() if name != "method"
    }
    best = min((m for m, n in needed.items() if n is not None and m != "random"), key=needed.__getitem__)
    method = to_words(best)
    rows.append(
        ("soils needed for the error of 100 at random", f"≤ {NEEDED}", f"{needed[best]:.0f} ({method})")
    )
    return pd.DataFrame(rows, columns=["about", "asked", "found"])


def _flagged(row: Mapping[str, Any]) -> tuple[str, str, str]:
    """Flags of new soils of the same kind, or of shifted ones beside what can be known of them."""
    about, found = f"flagged, {row['soils']}", _percent(row["flagged"])
    if row["soils"] == "same kind":
        return about, f"≤ {_percent(ALARMS)}", found
    return about, f"≥ {_percent(CAUGHT)}", f"{found} (shown both: {_percent(row['shown'])})"


def _spread(row: Mapping[str, Any]) -> str:
    return f"{_percent(row['mean'])} ({_percent(row['min'])} to {_percent(row['max'])} by site)"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
