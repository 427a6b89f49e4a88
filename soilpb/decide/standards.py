"""Limits for metals in soil, in mg/kg of dry soil, each with where it is written down.

In China's standard for agricultural land the limit depends on the soil's pH; elsewhere one number holds for
all soils. Limits of hexavalent chromium are left out: laboratories report the total.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soilpb.site_file import parse_yaml

_FARMLAND = ("screening, paddy", "screening, other land", "intervention")
#: First class land is for dwelling, schools and parks; second class for industry, roads and stores.
_LAND = tuple(
    f"{kind}, {land} class" for kind in ("screening", "intervention") for land in ("first", "second")
)


def _rules(names: tuple[str, ...], *limits: float | tuple[float, ...]) -> dict:
    """Limits by rule: one, or one for each of GB 15618's four classes of pH."""
    classes = (5.5, 6.5, 7.5, "above")
    by_ph = (
        dict(zip(classes, given, strict=True)) if isinstance(given, tuple) else given for given in limits
    )
    return dict(zip(names, by_ph, strict=True))


#: By standard, the bibliography's key, and metal: rules, each with one limit, or one per class of pH.
_RULES = {
    ("GB 15618-2018", "gb15618"): {
        "Pb": _rules(_FARMLAND, (80, 100, 140, 240), (70, 90, 120, 170), (400, 500, 700, 1000)),
        "Cd": _rules(_FARMLAND, (0.3, 0.4, 0.6, 0.8), (0.3, 0.3, 0.3, 0.6), (1.5, 2, 3, 4)),
        "Hg": _rules(_FARMLAND, (0.5, 0.5, 0.6, 1), (1.3, 1.8, 2.4, 3.4), (2, 2.5, 4, 6)),
        "As": _rules(_FARMLAND, (30, 30, 25, 20), (40, 40, 30, 25), (200, 150, 120, 100)),
        "Cr": _rules(_FARMLAND, (250, 250, 300, 350), (150, 150, 200, 250), (800, 850, 1000, 1300)),
        "Cu": _rules(
            ("screening, orchard", "screening, not orchard"), (150, 150, 200, 200), (50, 50, 100, 100)
        ),
        "Ni": _rules(("screening",), (60, 70, 100, 190)),
        "Zn": _rules(("screening",), (200, 200, 250, 300)),
    },
    ("GB 36600-2018", "gb36600"): {
        "Pb": _rules(_LAND, 400, 800, 800, 2500),
        "As": _rules(_LAND, 20, 60, 120, 140),
        "Cd": _rules(_LAND, 20, 65, 47, 172),
        "Cu": _rules(_LAND, 2000, 18000, 8000, 36000),
        "Hg": _rules(_LAND, 8, 38, 33, 82),
        "Ni": _rules(_LAND, 150, 900, 600, 2000),
    },
    ("US EPA 2025, residential", "epa2025lead"): {"Pb": {"screening": 200, "removal management": 600}},
    ("Finland 214/2007", "finland214"): {
        "Pb": {"threshold": 60, "lower guideline": 200, "upper guideline": 750}
    },
}


def _tabulate(standard: str, citation: str, rules: dict, where: str) -> pd.DataFrame:
    rows = [
        (standard, str(rule), above, to, limit, citation)
        for rule, given in rules.items()
        for above, to, limit in _classes(given, f"{where}, rule {rule!r}")
    ]
    columns = ["standard", "rule", "ph_above", "ph_to", "limit_mg_kg", "citation"]
    return pd.DataFrame(rows, columns=columns)


def _classes(given: Any, where: str) -> list[tuple[float, float, float]]:
    """Classes of pH (above, up to and including) and their limits: one, or ``{5.5: …, above: …}``."""
    by_ph = given if isinstance(given, dict) else {"above": given}
    numbers = [*by_ph.values(), *(key for key in by_ph if key != "above")]
    # as a comparison, so that .nan, .inf and numbers of a thousand digits fail, too
    if any(type(number) not in (int, float) or not abs(number) < 1e9 for number in numbers):
        raise ValueError(f"{where}: {given!r}; expected a limit in mg/kg, or limits by pH and 'above'")
    ends = [float(key) for key in by_ph if key != "above"]
    if list(by_ph)[-1:] != ["above"] or ends != sorted(set(ends)):
        raise ValueError(f"{where}: pH classes are {list(by_ph)}; expected them to ascend, with 'above' last")
    if not all(limit > 0 for limit in by_ph.values()):
        raise ValueError(f"{where}: limits are {list(by_ph.values())}; expected mg/kg above 0")
    return list(zip([-np.inf, *ends], [*ends, np.inf], map(float, by_ph.values()), strict=True))


#: One row per metal, rule and pH class: metal, standard, rule, ph_above, ph_to, limit_mg_kg, citation.
LIMITS = pd.concat(
    [
        _tabulate(*key, rules, f"{key[0]}, {metal}").assign(metal=metal)
        for key, by_metal in _RULES.items()
        for metal, rules in by_metal.items()
    ],
    ignore_index=True,
)


def limits_of(target: str) -> pd.DataFrame:
    """Rows of :data:`LIMITS` for a target such as ``Cd_mg_kg``, without the column ``metal``; perhaps none.

    Examples
    --------
    >>> limits_of("Hg_mg_kg")["standard"].unique().tolist(), len(limits_of("clay_pct"))
    (['GB 15618-2018', 'GB 36600-2018'], 0)
    """
    element = re.fullmatch(r"([A-Z][a-z]?)_mg_kg", target)
    rows = LIMITS[LIMITS["metal"] == (element[1] if element else "")]
    return rows.drop(columns="metal").reset_index(drop=True)


#: Limits of lead, as in :func:`limits_of`.
LEAD_LIMITS = limits_of("Pb_mg_kg")


def lead_limit(
    standard: str, rule: str, ph: np.ndarray | float, limits: pd.DataFrame = LEAD_LIMITS
) -> np.ndarray:
    """Limit at a pH, in mg/kg, of the shape of ``ph``; NaN where it depends on a pH that is NaN.

    ``limits`` is like :data:`LEAD_LIMITS`; a ``standard`` or ``rule`` that it has not is a KeyError.

    Examples
    --------
    >>> lead_limit("GB 15618-2018", "screening, paddy", [5.5, 5.6])
    array([ 80., 100.])
    """
    rows = limits.query("standard == @standard and rule == @rule")
    if rows.empty:
        pairs = limits[["standard", "rule"]].drop_duplicates().to_numpy()
        known = "; ".join(f"{s}: {r}" for s, r in pairs)
        raise KeyError(f"no rule {rule!r} in {standard!r}; there are: {known}")
    ph = np.asarray(ph, dtype=float)
    if len(rows) == 1:
        return np.full(ph.shape, rows["limit_mg_kg"].iloc[0])
    classes = np.searchsorted(rows["ph_to"].to_numpy()[:-1], ph)
    return np.where(np.isnan(ph), np.nan, rows["limit_mg_kg"].to_numpy()[classes])


def list_rules(standard: str, limits: pd.DataFrame = LEAD_LIMITS) -> list[str]:
    """Rules of a standard, in the order they are written down; KeyError if there is no such standard."""
    rules = limits.loc[limits["standard"] == standard, "rule"]
    if rules.empty:
        raise KeyError(f"no standard {standard!r}; there are: {'; '.join(limits['standard'].unique())}")
    return list(dict.fromkeys(rules))


def read_limits(path: str | Path) -> pd.DataFrame:
    """Read a standard from YAML: its name, and one limit per rule, or one per class of pH.

    .. code-block:: yaml

        standard: Canton of Example, 2025
        rules:
          screening: 120          # mg/kg, whatever the pH
          intervention:           # up to and including each pH …
            5.5: 400
            6.5: 500
            above: 700            # … and beyond the last

    The table is like :data:`LEAD_LIMITS`, with the file's name for the citation. Anything else in the file is
    a ValueError that names the file, what was found and what is expected.
    """
    path = Path(path)
    content = parse_yaml(path.read_bytes(), path)
    if not isinstance(content, dict) or set(content) != {"standard", "rules"}:
        found = ", ".join(map(str, content)) if isinstance(content, dict) else type(content).__name__
        raise ValueError(f"{path} holds {found}; expected two keys: standard, and rules with their limits")
    if not isinstance(content["rules"], dict) or not content["rules"]:
        raise ValueError(f"{path}: rules is {content['rules']!r}; expected lines such as 'screening: 120'")
    return _tabulate(str(content["standard"]), path.name, content["rules"], str(path))
