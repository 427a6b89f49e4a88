"""Decision units: areas whose mean is compared with a limit, from measured and predicted soils.

A unit is above a limit if its *mean* is. Where all its soils are measured, the limits of the mean are those
of :mod:`soilpb.decide.confidence_limits`. Where more have a spectrum, the mean is

    mean(λ · predicted, soils not measured) + mean(measured − λ · predicted, measured soils),

whose second term is the bias of the predictions, found on soils that the model had not seen: the interval
holds even if the model is wrong, and a useless model gets ``λ = 0`` (prediction-powered inference:
Angelopoulos et al. 2023, doi 10.1126/science.adi6000; ``λ``: arXiv:2311.01453; fits without each fold: Zrnic
& Candès 2024, doi 10.1073/pnas.2322083121). ``λ`` is the slope of measured on predicted values within units.
Variances of units are drawn towards what the units have in common (Smyth 2004, doi
10.2202/1544-6115.1027). Contents are skewed, and vary as much as their mean is high: with an error of
``r = t · se / mean`` the upper limit is ``mean / (1 − r)``, the lower ``mean · exp(−r)``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import digamma, polygamma, stdtr, stdtrit

from soilpb._format import list_first
from soilpb.decide.confidence_limits import describe_too_few, estimate_limits, estimate_mean
from soilpb.decide.maps import assign_units
from soilpb.decide.site_model import SiteModel
from soilpb.decide.standards import lead_limit
from soilpb.readers.tables import read_numbers, read_table
from soilpb.site_file import Site, SiteError, project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

VERDICTS = ("above", "not decided", "below")
#: How often a unit may be called below that is above, or above that is below.
WRONG = 0.05
#: Most further soils that are worth naming.
MOST_MORE = 500
ASSISTED = "measured and predicted"
#: Columns of the table of units' sizes; the last three may be absent.
SIZES = ("area_m2", "depth_m", "density_t_m3", "price_per_t")


@dataclass
class _Unit:
    """Measured and predicted soils of one unit, and what its variances are.

    ``known`` are predictions of the measured soils, by fits that had not seen them, ``new`` those of the
    ``n_new`` other soils; there are none where predictions cannot help.
    """

    name: str
    limit: float
    measured: np.ndarray
    below: np.ndarray
    known: np.ndarray
    new: np.ndarray
    n_new: int
    slope: float = 0.0
    ratio: float = 1.0  # of the variance that is used to that of the unit's own soils
    prior: float = 0.0  # degrees of freedom that the other units lend

    @classmethod
    def of(cls, name: str, part: pd.DataFrame) -> _Unit:
        values, predicted, below = (part[c].to_numpy() for c in ("measured", "predicted", "below"))
        rows = np.isfinite(values)
        measured, below, known, new = values[rows], below[rows], predicted[rows], predicted[~rows]
        if not len(new) or below.any() or describe_too_few(below) or np.isnan(known).any():
            known, new = 0 * measured, new[:0]
        return cls(name, part["limit"].iloc[0], measured, below, known, new, int((~rows).sum()))

    def weight(self, n: float, m: float) -> float:
        return self.slope / (1 + n / m) if m else 0.0

    def residual_variance(self, weight: float) -> float:
        return float(np.var(self.measured - weight * self.known, ddof=1))

    def mean(self) -> float:
        weight = self.weight(len(self.measured), len(self.new))
        unseen = weight * self.new.mean() if len(self.new) else 0.0
        return float((self.measured - weight * self.known).mean() + unseen)

    def error(self, more_measured: int = 0, more_scanned: int = 0) -> tuple[float, float]:
        """Standard error of the mean with more soils like these, and its degrees of freedom."""
        n, m = len(self.measured) + more_measured, len(self.new) + more_scanned
        weight = self.weight(n, m)
        of_bias = self.ratio * self.residual_variance(weight) / n
        spread = np.var(np.concatenate([self.known, self.new]), ddof=1)
        of_new = weight**2 * spread / m if m else 0.0
        total = of_bias + of_new
        lost = of_bias**2 / (n - 1 + self.prior) + of_new**2 / (n + m - 1)
        return float(np.sqrt(total)), float(total**2 / lost if lost else 1e9)


def decide_units(soils: pd.DataFrame, limit: float | Mapping[str, float]) -> pd.DataFrame:
    """Compare the mean of each unit with a limit, at the error rate :data:`WRONG`.

    Parameters
    ----------
    soils : DataFrame
        A row per soil: ``unit``; ``measured``, NaN where not; ``predicted``, by models that had not seen the
        soil, NaN or absent where there is none; ``below`` (boolean, optional): ``measured`` is a detection
        limit.
    limit : float or mapping
        One for all units, or one per unit. One that is not above 0, or below a detection limit, is a
        ValueError.

    Returns
    -------
    DataFrame
        A row per unit: ``unit``, ``n_measured``, ``n_predicted`` (not measured), ``method``, ``mean``,
        ``lower``, ``upper`` (one-sided limits), ``p_above``, ``limit``, ``verdict`` (of :data:`VERDICTS`),
        ``more_measured``, ``more_scanned`` (soils that would decide it if the mean stays; infinite beyond
        :data:`MOST_MORE`, 0 where decided), ``note``.

    Examples
    --------
    >>> soils = pd.DataFrame({"unit": "A", "measured": [310, 280, 350, 330, 290, 300.0]})
    >>> decide_units(soils, 200.0)[["unit", "n_measured", "verdict"]].to_numpy().tolist()
    [['A', 6, 'above']]
    """
    soils = pd.DataFrame({"predicted": np.nan, "below": False}, soils.index).assign(**soils)
    soils = soils[soils["measured"].notna() | soils["predicted"].notna()]
    soils = soils.astype({"measured": float, "predicted": float, "below": bool})
    soils["limit"] = soils["unit"].map(limit) if isinstance(limit, Mapping) else float(limit)
    wrong = soils[~soils["limit"].between(0, np.inf, inclusive="neither")]
    hidden = soils[soils["below"] & (soils["measured"] > soils["limit"])]
    for unit, part in wrong.groupby("unit"):
        raise ValueError(f"the limit of unit {unit!r} is {part['limit'].iloc[0]}; expected a number above 0")
    for unit, part in hidden.groupby("unit"):
        raise ValueError(
            f"unit {unit!r}: the limit {part['limit'].iloc[0]:g} is below the detection limit "
            f"{part['measured'].max():g} of soils {list_first(part.index, 5)}: have them measured by a more "
            "sensitive method"
        )
    units = [_Unit.of(name, part) for name, part in soils.groupby("unit", sort=False)]
    _share_variances([unit for unit in units if len(unit.new)])
    return pd.DataFrame([_decide(unit) for unit in units])


def _share_variances(units: list[_Unit]) -> None:
    """Give all units one slope, and variances that are drawn towards what they have in common."""
    pairs = [(u.measured - u.measured.mean(), u.known - u.known.mean()) for u in units]
    product, square = sum(float(y @ f) for y, f in pairs), sum(float(f @ f) for _, f in pairs)
    for u in units:
        u.slope = max(product / square, 0.0) if square else 0.0
    weights = [u.weight(len(u.measured), len(u.new)) for u in units]
    levels = np.array([np.concatenate([u.known, u.new]).mean() for u in units])
    own = np.array([u.residual_variance(w) for u, w in zip(units, weights, strict=True)]) / levels**2
    if len(units) < 2 or not (own > 0).all():
        return
    free = np.array([len(u.measured) - 1 for u in units])
    prior, common = _common_variance(own, free)
    shared = common if np.isinf(prior) else (prior * common + free * own) / (prior + free)
    for u, ratio in zip(units, shared / own, strict=True):
        u.ratio, u.prior = ratio, prior


def _common_variance(variances: np.ndarray, free: np.ndarray) -> tuple[float, float]:
    """Degrees of freedom and variance of the scaled inverse chi-squared law of variances (Smyth 2004)."""
    logs = np.log(variances) - digamma(free / 2) + np.log(free / 2)
    beyond_chance = logs.var(ddof=1) - polygamma(1, free / 2).mean()
    if beyond_chance <= polygamma(1, 5e3):
        return np.inf, float(np.exp(logs.mean()))
    half = brentq(lambda h: polygamma(1, h) - beyond_chance, 1e-3, 1e4)
    return 2 * half, float(np.exp(logs.mean() + digamma(half) - np.log(half)))


def _decide(unit: _Unit) -> dict[str, Any]:
    limit, note = unit.limit, describe_too_few(unit.below)
    row = {"unit": unit.name, "n_measured": len(unit.measured), "n_predicted": unit.n_new, "method": "none"}
    row |= dict.fromkeys(("mean", "lower", "upper", "p_above"), np.nan)
    row |= {
        "limit": limit,
        "verdict": VERDICTS[1],
        "more_measured": np.nan,
        "more_scanned": np.nan,
        "note": note,
    }
    if note:
        return row
    row |= _assisted_limits(unit) if len(unit.new) and unit.mean() > 0 else _measured_limits(unit)
    if unit.n_new and unit.below.any():
        row["note"] = "predictions are not used: some values are below detection"
    if row["lower"] > limit or row["upper"] <= limit:
        verdict = VERDICTS[0] if row["lower"] > limit else VERDICTS[2]
        return row | {"verdict": verdict, "more_measured": 0, "more_scanned": 0}
    more_measured, more_scanned = _count_more(unit, _relative_distance(row["mean"], limit) * row["mean"])
    return row | {"more_measured": more_measured, "more_scanned": more_scanned}


def _assisted_limits(unit: _Unit) -> dict[str, Any]:
    mean, (error, free) = unit.mean(), unit.error()
    width = stdtrit(free, 1 - WRONG) * error / mean
    found = {"method": ASSISTED, "mean": mean, "lower": mean * np.exp(-width)}
    found["upper"] = mean / (1 - width) if width < 1 else np.inf
    distance = _relative_distance(mean, unit.limit) * np.sign(mean - unit.limit) * mean
    return found | {"p_above": float(stdtr(free, distance / error) if error else mean > unit.limit)}


def _relative_distance(mean: float, limit: float) -> float:
    """Relative error of the mean at which one of its limits is ``limit``."""
    return 1 - mean / limit if mean < limit else np.log(mean / limit)


def _measured_limits(unit: _Unit) -> dict[str, Any]:
    lower, upper, method, _ = estimate_limits(unit.measured, unit.below, 1 - WRONG)
    n, mean, _, error = estimate_mean(unit.measured, unit.below)
    above = stdtr(n - 1, (mean - unit.limit) / error) if error else mean > unit.limit
    found = {"method": f"measured: {method}", "mean": mean, "lower": max(lower, 0.0), "upper": upper}
    return found | {"p_above": float(above)}


def _count_more(unit: _Unit, needed: float) -> tuple[float, float]:
    """Further soils, measured or scanned, that would decide the unit if mean and spread stay."""

    def decides(measured: int, scanned: int) -> bool:
        error, free = unit.error(measured, scanned)
        return stdtrit(free, 1 - WRONG) * error <= needed

    further = range(1, MOST_MORE + 1)
    found = (
        bisect_left(further, True, key=lambda k: decides(k, 0)),
        bisect_left(further, True, key=lambda k: decides(0, k)) if len(unit.new) else MOST_MORE,
    )
    return tuple(further[i] if i < MOST_MORE else np.inf for i in found)


def decide_on_site(
    study: Study,
    model: SiteModel,
    rules: tuple[str, pd.DataFrame],
    rule: str,
    new: SoilSpectra | None = None,
    units: pd.Series | None = None,
) -> pd.DataFrame | None:
    """Compare the mean of each decision unit with a rule's limit at the unit's median pH.

    ``rules`` are from :func:`soilpb.decide.site_model.site_rules`; without a standard or a ``rule`` there
    is None. Units are the site file's (``units``), a column of its laboratory table, or one for all soils.
    ``new`` soils have no laboratory value; ``units`` names theirs, by sample, else their own column or place
    does: without any they count where there is one unit. The table is of :func:`decide_units`.
    """
    (standard, known), samples, y = rules, study.target.samples, study.natural(study.y)
    if not (standard and rule):
        return None
    below = samples.get("below_detection", pd.Series(False, samples.index)).fillna(False).astype(bool)
    soils = pd.DataFrame({"measured": np.where(below, 2 * y, y), "below": below}, samples.index)  # half, in y
    soils["predicted"] = study.natural(study.y - model.target.residuals)
    soils["pH"] = samples.get("pH", np.nan)
    polygons = project_root() / study.site.units if study.site.units.endswith("json") else None
    named = samples if study.site.units or "unit" not in samples else samples.dropna(subset="unit")
    try:
        soils["unit"] = assign_units(named, polygons=polygons)
        soils = soils.dropna(subset="unit")
        if new is not None and units is None:
            units = _units_of_unmeasured(new.samples, soils["unit"], polygons)
        if new is not None:
            values = study.natural(model.target.fold_predictions(model.inputs(new))).mean(axis=1)
            more = {"predicted": values, "pH": new.samples.get("pH", np.nan), "below": False}
            more = pd.DataFrame(more, new.samples.index).assign(unit=units.reindex(new.samples.index))
            soils = pd.concat([soils, more.dropna(subset="unit")])
        by_unit = soils.groupby("unit")["pH"].median()
        limits = dict(zip(by_unit.index, lead_limit(standard, rule, by_unit.to_numpy(), known), strict=True))
        soils = soils[soils["unit"].map(limits).notna()]
        return decide_units(soils, limits) if len(soils) else None
    except (ValueError, KeyError) as error:
        raise SiteError(str(error.args[0])) from None


def _units_of_unmeasured(samples: pd.DataFrame, known: pd.Series, polygons: Path | None) -> pd.Series:
    """Units of soils without a laboratory value, as those of the others are ``known``; NaN where not told."""
    if len(set(known)) == 1:
        return pd.Series(known.iloc[0], samples.index)
    needed = ["x", "y"] if polygons else ["unit"]
    if not set(needed) <= set(samples):
        return pd.Series(dtype=object)
    return assign_units(samples.dropna(subset=needed), polygons=polygons)


def size_on_site(site: Site, decisions: pd.DataFrame) -> pd.DataFrame | None:
    """Add up what is above its limit by the sizes of the units that the site file names; None without.

    ``decisions`` are from :func:`decide_on_site`. The table of sizes has ``unit`` and the columns
    :data:`SIZES`: depth and density make tonnes, the price makes a cost. The result has rows ``area_m2``,
    ``tonnes``, ``cost``, as far as given: ``surely`` (units above), ``expected`` (each unit times its
    probability to be above), ``at most`` (units above or not decided).
    """
    if not site.sizes:
        return None
    table = read_table(project_root() / site.sizes)
    names = [name.strip().casefold() for name in table.header]
    if not {"unit", SIZES[0]} <= set(names):
        raise SiteError(f"{table.path} has {', '.join(table.header)}; expected unit, {', '.join(SIZES)}")
    units = [str(cell).strip() for cell in table.cells[:, names.index("unit")]]
    columns = {n: read_numbers(table.cells[:, names.index(n)]).measured for n in SIZES if n in names}
    sizes = pd.DataFrame(columns, index=units)
    bad = sizes.melt(ignore_index=False)
    bad = bad[~bad["value"].between(0, np.inf, inclusive="left")]
    if len(bad):
        name, value = bad.iloc[0]
        raise SiteError(f"{table.path}: {name} of unit {bad.index[0]!r} is {value}; expected 0 or more")
    if wrong := [unit for unit in decisions["unit"] if units.count(unit) != 1]:
        found = f"unit {wrong[0]!r} has {units.count(wrong[0])} rows, expected one"
        raise SiteError(f"{table.path}: {found}; there are: {', '.join(units)}")
    known = sizes.loc[decisions["unit"], list(takewhile(columns.__contains__, SIZES))]
    amounts = known.cumprod(axis=1).drop(columns="depth_m", errors="ignore")
    verdict, chance = (decisions[name].to_numpy() for name in ("verdict", "p_above"))
    shares = {"surely": verdict == "above", "expected": chance, "at most": verdict != "below"}
    shares = pd.DataFrame(shares, index=known.index, dtype=float).fillna(0.5)
    return (amounts.T @ shares).rename({"density_t_m3": "tonnes", "price_per_t": "cost"})
