"""Limits for lead in soil, each with where it is written down.

Limits in mg/kg of dry soil. In China the limit depends on the soil's pH, the source
property of the study; elsewhere one number holds for all soils.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

_GB_15618 = "GB 15618-2018"
_PH_CLASSES = (-np.inf, 5.5, 6.5, 7.5, np.inf)  # above the first, up to and including the second, …

# standard, rule, limits (one a pH class, or one for all), citation (the bibliography's key)
_RULES = (
    (_GB_15618, "screening, paddy", (80, 100, 140, 240), "gb15618"),
    (_GB_15618, "screening, other land", (70, 90, 120, 170), "gb15618"),
    (_GB_15618, "intervention", (400, 500, 700, 1000), "gb15618"),
    ("Finland 214/2007", "threshold", (60,), "finland214"),
    ("Finland 214/2007", "lower guideline", (200,), "finland214"),
    ("Finland 214/2007", "upper guideline", (750,), "finland214"),
)


def _rows() -> list[tuple[str, str, float, float, float, str]]:
    rows = []
    for standard, rule, limits, citation in _RULES:
        classes = _PH_CLASSES if len(limits) > 1 else (-np.inf, np.inf)
        for above, to, limit in zip(classes, classes[1:], limits, strict=False):
            rows.append((standard, rule, above, to, float(limit), citation))
    return rows


#: One row a (rule, pH class): standard, rule, ph_above, ph_to, limit_mg_kg, citation.
LEAD_LIMITS = pd.DataFrame(
    _rows(), columns=["standard", "rule", "ph_above", "ph_to", "limit_mg_kg", "citation"]
)


def lead_limit(standard: str, rule: str, ph: np.ndarray | float) -> np.ndarray:
    """Limit for lead at a pH, in mg/kg.

    Parameters
    ----------
    standard, rule : str
        As in :data:`LEAD_LIMITS`.
    ph : float or array

    Returns
    -------
    array of the shape of ``ph``; NaN where ``ph`` is unknown.

    Raises
    ------
    KeyError
        If there is no such rule.

    Examples
    --------
    >>> lead_limit("GB 15618-2018", "screening, paddy", [5.5, 5.6])
    array([ 80., 100.])
    """
    rows = LEAD_LIMITS.query("standard == @standard and rule == @rule")
    if rows.empty:
        known = "; ".join(
            f"{s}: {r}" for s, r in LEAD_LIMITS[["standard", "rule"]].drop_duplicates().to_numpy()
        )
        raise KeyError(f"no rule {rule!r} in {standard!r}; there are: {known}")
    ph = np.asarray(ph, dtype=float)
    classes = np.searchsorted(rows["ph_to"].to_numpy()[:-1], ph)
    return np.where(np.isnan(ph), np.nan, rows["limit_mg_kg"].to_numpy()[classes])
