"""Decision units: areas whose mean is compared with a limit, from measured and predicted soils.

An exposure unit, block or field is above a limit if its *mean* is. Where all its soils are measured, the
limits of the mean are those of :mod:`soilpb.decide.confidence_limits`. Where more have a spectrum, the mean
is

    mean(λ · predicted, soils not measured) + mean(measured − λ · predicted, measured soils),

whose second term is the bias of the predictions, found on soils that the model had not seen: the interval
holds even if the model is wrong, and a useless model gets ``λ = 0`` (prediction-powered inference:
Angelopoulos et al. 2023, doi 10.1126/science.adi6000; ``λ``: arXiv:2311.01453; fits without each fold: Zrnic
& Candès 2024, doi 10.1073/pnas.2322083121). ``λ`` is the slope of measured on predicted values within units.
Variances of units are drawn towards what the units have in common (Smyth 2004, doi
10.2202/1544-6115.1027). Contents are skewed, and vary as much as their mean is high: with an error of
``r = t · se / mean`` the upper limit is ``mean / (1 − r)``, the lower ``mean · exp(−r)``. How often they hold
is measured in ``benchmarks/decision_units.py``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import digamma, polygamma
from scipy.stats import t as student

from soilpb.decide.confidence_limits import FEWEST, FEWEST_DETECTED, estimate_limits, estimate_mean
from soilpb.decide.maps import assign_units, list_few
from soilpb.decide.site_model import SiteModel
from soilpb.decide.standards import lead_limit
from soilpb.readers.tables import read_numbers, read_table
from soilpb.site_file import Site, SiteError, project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

VERDICTS = ("above", "not decided", "below")
#: Most further soils that are worth naming.
MOST_MORE = 500
ASSISTED = "measured and predicted"
#: Columns of the table of units' sizes; the last three may be absent.
SIZES = ("area_m2", "depth_m", "density_t_m3", "price_per_t")


@dataclass(frozen=True)
class _Unit:
    """Measured and predicted soils of one unit, and what its variances are."""

    measured: np.ndarray
    known: np.ndarray  # predictions of the measured soils, by fits that had not seen them
    new: np.ndarray  # predictions of the other soils
    slope: float = 0.0
    ratio: float = 1.0  # of the variance that is used to that of the unit's own soils
    prior: float = 0.0  # degrees of freedom that the other units lend

    @property
    def level(self) -> float:
        return float(np.concatenate([self.known, self.new]).mean())

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


def decide_units(
    soils: pd.DataFrame,
    limit: float | Mapping[str, float],
    wrong_below: float = 0.05,
    wrong_above: float = 0.05,
) -> pd.DataFrame:
    """Compare the mean of each unit with a limit.

    Parameters
    ----------
    soils : DataFrame
        A row per soil: ``unit``; ``measured``, NaN where not; ``predicted``, by models that had not seen the
        soil, NaN or absent where there is none; ``below`` (boolean, optional): ``measured`` is a detection
        limit.
    limit : float or mapping
        One for all units, or one per unit.
    wrong_below, wrong_above : float
        How often a unit may be called below that is above, and above that is below.

    Returns
    -------
    DataFrame
        A row per unit: ``unit``, ``n_measured``, ``n_predicted`` (not measured), ``method``, ``mean``,
        ``lower``, ``upper`` (one-sided, at the two error rates), ``p_above``, ``limit``, ``verdict`` (of
        :data:`VERDICTS`), ``more_measured``, ``more_scanned`` (soils that would decide it if the mean stays;
        infinite beyond :data:`MOST_MORE`, 0 where decided), ``note``.

    Examples
    --------
    >>> soils = pd.DataFrame({"unit": "A", "measured": [310, 280, 350, 330, 290, 300.0]})
    >>> decide_units(soils, 200.0)[["unit", "n_measured", "verdict"]].to_numpy().tolist()
    [['A', 6, 'above']]
    """
    for name, rate in (("wrong_below", wrong_below), ("wrong_above", wrong_above)):
        if not 0 < rate < 0.5:
            raise ValueError(f"{name} is {rate!r}; expected an error rate between 0 and 0.5, such as 0.05")
    soils = soils.assign(below=soils["below"].astype(bool) if "below" in soils else False)
    if "predicted" not in soils:
        soils = soils.assign(predicted=np.nan)
    soils = soils[soils["measured"].notna() | soils["predicted"].notna()]
    limits = {u: float(limit[u] if isinstance(limit, Mapping) else limit) for u in soils["unit"].unique()}
    _check_limits(soils, limits)
    assisted = _share_variances({u: unit for u, part in soils.groupby("unit") if (unit := _assist(part))})
    rows = [
        _decide(name, part, assisted.get(name), limits[name], wrong_below, wrong_above)
        for name, part in soils.groupby("unit", sort=False)
    ]
    return pd.DataFrame(rows)


def _check_limits(soils: pd.DataFrame, limits: Mapping[str, float]) -> None:
    for unit, part in soils.groupby("unit"):
        if not 0 < limits[unit] < np.inf:
            raise ValueError(f"the limit of unit {unit!r} is {limits[unit]}; expected a number above 0")
        hidden = part.loc[part["below"], "measured"]
        if (hidden > limits[unit]).any():
            few = list_few(hidden.index[hidden > limits[unit]])
            raise ValueError(
                f"unit {unit!r}: the limit {limits[unit]:g} is below the detection limit {hidden.max():g} of "
                f"{few}: have them measured by a more sensitive method"
            )


def _assist(part: pd.DataFrame) -> _Unit | None:
    """Soils of a unit whose mean predictions can help with; None where they cannot."""
    measured = part[part["measured"].notna()]
    new = part.loc[part["measured"].isna(), "predicted"].to_numpy()
    usable = len(new) and len(measured) >= FEWEST and not measured["below"].any()
    if not usable or measured["predicted"].isna().any():
        return None
    return _Unit(measured["measured"].to_numpy(float), measured["predicted"].to_numpy(float), new)


def _share_variances(units: dict[str, _Unit]) -> dict[str, _Unit]:
    """Give all units one slope, and variances that are drawn towards what they have in common."""
    if not units:
        return {}
    pairs = [(u.measured - u.measured.mean(), u.known - u.known.mean()) for u in units.values()]
    product, square = sum(float(y @ f) for y, f in pairs), sum(float(f @ f) for _, f in pairs)
    slope = max(product / square, 0.0) if square else 0.0
    sloped = {name: _Unit(u.measured, u.known, u.new, slope) for name, u in units.items()}
    own = np.array(
        [u.residual_variance(u.weight(len(u.measured), len(u.new))) / u.level**2 for u in sloped.values()]
    )
    free = np.array([len(u.measured) - 1 for u in units.values()])
    if len(units) < 2 or not (own > 0).all():
        return sloped
    prior, common = _common_variance(own, free)
    shared = common if np.isinf(prior) else (prior * common + free * own) / (prior + free)
    return {
        name: _Unit(u.measured, u.known, u.new, slope, ratio, prior)
        for (name, u), ratio in zip(sloped.items(), shared / own, strict=True)
    }


def _common_variance(variances: np.ndarray, free: np.ndarray) -> tuple[float, float]:
    """Degrees of freedom and variance of the scaled inverse chi-squared law of variances (Smyth 2004)."""
    logs = np.log(variances) - digamma(free / 2) + np.log(free / 2)
    beyond_chance = logs.var(ddof=1) - polygamma(1, free / 2).mean()
    if beyond_chance <= polygamma(1, 5e3):
        return np.inf, float(np.exp(logs.mean()))
    half = brentq(lambda h: polygamma(1, h) - beyond_chance, 1e-3, 1e4)
    return 2 * half, float(np.exp(logs.mean() + digamma(half) - np.log(half)))


def _decide(
    name: str, part: pd.DataFrame, unit: _Unit | None, limit: float, wrong_below: float, wrong_above: float
) -> dict[str, Any]:
    measured = part[part["measured"].notna()]
    n_new, detected = len(part) - len(measured), int((~measured["below"]).sum())
    row = {"unit": name, "n_measured": len(measured), "n_predicted": n_new}
    unknown = dict.fromkeys(("mean", "lower", "upper", "p_above"), np.nan)
    verdict = {"limit": limit, "verdict": "not decided", "more_measured": np.nan, "more_scanned": np.nan}
    if len(measured) < FEWEST or detected < FEWEST_DETECTED:
        note = (
            f"{len(measured)} soils measured, {detected} above detection; at least {FEWEST} are needed, "
            f"{FEWEST_DETECTED} of them above detection: measure more, or join the unit with another"
        )
        return row | {"method": "none"} | unknown | verdict | {"note": note}
    if unit is not None and unit.mean() > 0:
        found = _assisted_limits(unit, limit, wrong_below, wrong_above)
        note = ""
    else:
        found = _measured_limits(measured, limit, wrong_below, wrong_above)
        note = "predictions are not used: some values are below detection" if measured["below"].any() else ""
        note = note if n_new else ""
    is_above, is_below = found["lower"] > limit, found["upper"] <= limit
    verdict["verdict"] = VERDICTS[0] if is_above else VERDICTS[2] if is_below else VERDICTS[1]
    more = (0, 0)
    if not (is_above or is_below):
        rate = wrong_above if found["mean"] > limit else wrong_below
        more = _count_more(unit or _measured_unit(measured), found["mean"], limit, rate)
    verdict |= {"more_measured": more[0], "more_scanned": more[1] if unit else np.inf if more[0] else 0}
    return row | found | verdict | {"note": note}


def _assisted_limits(unit: _Unit, limit: float, wrong_below: float, wrong_above: float) -> dict[str, Any]:
    mean, (error, free) = unit.mean(), unit.error()
    up, down = (student.ppf(1 - rate, free) * error / mean for rate in (wrong_below, wrong_above))
    found = {"method": ASSISTED, "mean": mean, "lower": mean * np.exp(-down)}
    found["upper"] = mean / (1 - up) if up < 1 else np.inf
    distance = _relative_distance(mean, limit) * np.sign(mean - limit) * mean
    return found | {"p_above": float(student.cdf(distance / error, free) if error else mean > limit)}


def _relative_distance(mean: float, limit: float) -> float:
    """Relative error of the mean at which one of its limits is ``limit``."""
    return 1 - mean / limit if mean < limit else np.log(mean / limit)


def _measured_limits(
    measured: pd.DataFrame, limit: float, wrong_below: float, wrong_above: float
) -> dict[str, Any]:
    values, below = measured["measured"].to_numpy(float), measured["below"].to_numpy(bool)
    upper = estimate_limits(values, below, 1 - wrong_below).query("recommended").iloc[0]
    lower = estimate_limits(values, below, 1 - wrong_above).query("recommended").iloc[0]["lower"]
    n, mean, _, error = estimate_mean(values, below)
    above = student.cdf((mean - limit) / error, n - 1) if error else float(mean > limit)
    told = {"method": f"measured: {upper['method']}", "mean": mean}
    return told | {"lower": max(lower, 0.0), "upper": upper["upper"], "p_above": float(above)}


def _measured_unit(measured: pd.DataFrame) -> _Unit:
    values = measured["measured"].to_numpy(float)
    return _Unit(values, np.zeros(len(values)), np.empty(0))


def _count_more(unit: _Unit, mean: float, limit: float, rate: float) -> tuple[float, float]:
    """Further soils, measured or scanned, that would decide the unit if mean and spread stay."""
    needed = _relative_distance(mean, limit) * mean

    def decides(k: int, measured: int) -> bool:
        error, free = unit.error(k * measured, k * (1 - measured))
        return student.ppf(1 - rate, free) * error <= needed

    further = range(1, MOST_MORE + 1)
    found = [bisect_left(further, True, key=lambda k, kind=kind: decides(k, kind)) for kind in (1, 0)]
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

    ``rules`` are from :func:`soilpb.decide.stored_model.site_rules`; without a standard or a ``rule`` there
    is None. Units are the site file's (``units``), a column of its laboratory table, or one for all soils.
    ``new`` soils have no laboratory value; ``units`` names theirs, by sample, else their own column or place
    does: without any they count where there is one unit. The table is of :func:`decide_units`.
    """
    (standard, known), samples, y = rules, study.target.samples, study.natural(study.y)
    if not (standard and rule):
        return None
    ph = [each.samples["pH"] for each in (study.target, new) if each is not None and "pH" in each.samples]
    below = samples.get("below_detection", pd.Series(False, samples.index)).fillna(False).astype(bool)
    soils = pd.DataFrame({"measured": np.where(below, 2 * y, y), "below": below}, samples.index)  # half, in y
    soils["predicted"] = study.natural(study.y - model.target.residuals)
    polygons = project_root() / study.site.units if study.site.units.endswith("json") else None
    named = samples if study.site.units or "unit" not in samples else samples.dropna(subset="unit")
    try:
        soils["unit"] = assign_units(named, polygons=polygons)
        soils = soils.dropna(subset="unit")
        if new is not None and units is None:
            units = _units_of_unmeasured(new.samples, soils["unit"], polygons)
        if new is not None:
            values = study.natural(model.target.fold_predictions(model.inputs(new))).mean(axis=1)
            more = pd.DataFrame({"predicted": values, "below": False}, new.samples.index)
            more["unit"] = units.reindex(more.index)
            soils = pd.concat([soils, more.dropna(subset="unit")])
        ph = pd.concat(ph) if ph else pd.Series(np.nan, samples.index)
        by_unit = ph.reindex(soils.index).groupby(soils["unit"]).median()
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

    ``decisions`` are from :func:`decide_on_site`, the table is of :func:`summarise_sizes`.
    """
    if not site.sizes:
        return None
    table = read_table(project_root() / site.sizes)
    names = [name.strip().casefold() for name in table.header]
    columns = [name for name in SIZES if name in names]
    if "unit" not in names or SIZES[0] not in columns:
        raise SiteError(f"{table.path} has {', '.join(table.header)}; expected unit, {', '.join(SIZES)}")
    sizes = {name: read_numbers(table.cells[:, names.index(name)]).measured for name in columns}
    units = [str(cell).strip() for cell in table.cells[:, names.index("unit")]]
    try:
        return summarise_sizes(decisions, pd.DataFrame(sizes, index=units))
    except ValueError as error:
        raise SiteError(f"{table.path}: {error}") from None


def summarise_sizes(decisions: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Add up area, tonnes and cost of what is above its limit.

    Parameters
    ----------
    decisions : DataFrame
        From :func:`decide_units`.
    sizes : DataFrame
        Indexed by unit: ``area_m2``; ``depth_m`` and ``density_t_m3`` for tonnes; ``price_per_t`` for cost.

    Returns
    -------
    DataFrame
        Rows ``area_m2``, ``tonnes``, ``cost``, as far as given: ``surely`` (units above), ``expected``
        (each unit times its probability to be above), ``at most`` (units above or not decided).

    Examples
    --------
    >>> units = pd.DataFrame({"unit": ["A", "B"], "verdict": ["above", "not decided"], "p_above": [1, 0.25]})
    >>> summarise_sizes(units, pd.DataFrame({"area_m2": [100.0, 40.0]}, index=["A", "B"])).iloc[0].tolist()
    [100.0, 110.0, 140.0]
    """
    if bad := [(c, u) for c in sizes for u, value in sizes[c].items() if not 0 <= value < np.inf]:
        column, unit = bad[0]
        raise ValueError(f"{column} of unit {unit!r} is {sizes.loc[unit, column]}; expected 0 or more")
    if missing := [unit for unit in decisions["unit"] if unit not in sizes.index]:
        raise ValueError(f"no size is given for unit {missing[0]!r}; there are: {', '.join(sizes.index)}")
    known = sizes.loc[decisions["unit"]].reset_index(drop=True)
    amounts = known[["area_m2"]].copy()
    if {"depth_m", "density_t_m3"} <= set(known):
        amounts["tonnes"] = known["area_m2"] * known["depth_m"] * known["density_t_m3"]
        if "price_per_t" in known:
            amounts["cost"] = amounts["tonnes"] * known["price_per_t"]
    verdict, chance = decisions["verdict"].reset_index(drop=True), decisions["p_above"].reset_index(drop=True)
    shares = {
        "surely": (verdict == "above").astype(float),
        "expected": chance.fillna(0.5),
        "at most": (verdict != "below").astype(float),
    }
    return pd.DataFrame({name: amounts.mul(share, axis=0).sum() for name, share in shares.items()})
