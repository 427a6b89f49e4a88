"""Probability that a soil exceeds a limit, whether such probabilities are true, and what they decide.

The limit may depend on the soil's pH. Where pH is predicted from the same spectrum, its error and that of the
target are correlated, so both are drawn together: draw ``i`` of both errs as soil ``i`` of the calibration
did in both. Where pH was measured, its error is the laboratory's, normal and independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from soilpb.decide.standards import LEAD_LIMITS, lead_limit, list_rules

#: Standard deviation of a laboratory's pH: about a third of the 0.15 by which ISO 10390 lets two
#: readings of one acid soil differ. How a field was sampled is not in it.
PH_SD = 0.05
#: Bins of equal width in which probabilities are compared with what happened.
N_BINS = 10
#: Probabilities from which soils may be called above their limit.
THRESHOLDS = np.array([0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9])
#: What can be done about a soil.
ACTIONS = ("ignore", "send", "remediate")
_QUANTILES = norm.ppf((np.arange(21) + 0.5) / 21)


def exceedance_probability(draws: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Probability that a new soil exceeds a limit, (n_new,), never 0 or 1; NaN where a limit is unknown.

    ``draws`` (n_new, n_samples) are from ``CrossConformal.draws``. ``limit`` is
    one for all, or broadcasts to them: one per draw where it is as uncertain as the draw. ``n`` soils
    leave one part in ``n + 1`` undecided, of which half is counted as above.

    Examples
    --------
    >>> exceedance_probability(np.array([[1.0, 2.0, 3.0]]), 2.5)
    array([0.375])
    """
    limit = np.broadcast_to(limit, draws.shape)
    above = ((draws > limit).sum(axis=1) + 0.5) / (draws.shape[1] + 1)
    return np.where(np.isnan(draws + limit).any(axis=1), np.nan, above)


def exceedance_by_rule(
    draws: np.ndarray,
    standard: str,
    limits: pd.DataFrame = LEAD_LIMITS,
    ph: np.ndarray | float = np.nan,
    ph_draws: np.ndarray | None = None,
) -> pd.DataFrame:
    """Probability of exceedance under every rule of a standard, a column per rule and a row per soil.

    ``draws`` (n_new, n_samples) are in mg/kg; ``standard`` and ``limits`` as for
    :func:`soilpb.decide.standards.lead_limit`. ``ph``, (n_new,) or one for all, is measured (NaN where not)
    and preferred to ``ph_draws``, predicted pH of the shape of ``draws``, else a ValueError: its column ``i``
    errs as the same soil does there, NaN for soils whose pH was never measured. The probability is NaN where
    a pH is needed and unknown. For measured pH a correlation with the target's error is not used.

    Examples
    --------
    >>> draws, ph = np.array([[90.0, 90.0, 130.0]]), np.array([[5.0, 7.0, 7.0]])  # limits 70, 120, 120
    >>> exceedance_by_rule(draws, "GB 15618-2018", ph_draws=ph)["screening, other land"].tolist()
    [0.625]
    """
    if ph_draws is not None and draws.shape != ph_draws.shape:
        raise ValueError(f"draws are {draws.shape}, pH's {ph_draws.shape}; expected draws of one model")
    ph = np.broadcast_to(np.asarray(ph, dtype=float), len(draws))
    table = {}
    for rule in list_rules(standard, limits):
        possible = lead_limit(standard, rule, ph[:, None] + PH_SD * _QUANTILES, limits)  # (n_new, 21)
        given_measured = np.mean([exceedance_probability(draws, one[:, None]) for one in possible.T], axis=0)
        table[rule] = given_measured
        if ph_draws is not None:
            known = np.isfinite(ph_draws).all(axis=0)
            limit = lead_limit(standard, rule, ph_draws[:, known], limits)
            given_predicted = exceedance_probability(draws[:, known], limit)
            table[rule] = np.where(np.isnan(ph), given_predicted, given_measured)
    return pd.DataFrame(table)


def reliability_table(probability: np.ndarray, exceeded: np.ndarray) -> pd.DataFrame:
    """Compare probabilities with what happened, in :data:`N_BINS` bins of equal width.

    ``probability`` and ``exceeded`` (whether the laboratory found more than the limit) are (n_samples,)
    arrays, of soils that the model has not seen. A probability of NaN is left out; one beyond 0 to 1, or
    different lengths, are a ValueError. The table has a row per bin that has soils: ``bin`` (its middle),
    ``predicted`` (mean probability), ``observed`` (share that exceeded), ``n``, ``lower``, ``upper`` (95 %
    Wilson interval).

    Examples
    --------
    >>> table = reliability_table(np.array([0.04, 0.08, 0.93]), np.array([False, False, True]))
    >>> table[["bin", "predicted", "observed", "n"]].round(2).to_numpy().tolist()
    [[0.05, 0.06, 0.0, 2.0], [0.95, 0.93, 1.0, 1.0]]
    """
    probability, exceeded = np.asarray(probability, dtype=float), np.asarray(exceeded)
    if probability.shape != exceeded.shape:
        raise ValueError(
            f"got {probability.shape} probabilities of {exceeded.shape} outcomes; expected as many"
        )
    known = np.isfinite(probability)
    probability, exceeded = probability[known], exceeded[known].astype(bool)
    if ((probability < 0) | (probability > 1)).any():
        raise ValueError(f"probabilities run to {probability.max():g}; expected 0 to 1")
    middle = (_assign_bins(probability) + 0.5) / N_BINS
    soils = pd.DataFrame({"bin": middle, "predicted": probability, "observed": exceeded})
    table = soils.groupby("bin", as_index=False).agg(
        predicted=("predicted", "mean"), observed=("observed", "sum"), n=("observed", "size")
    )
    table[["observed", "lower", "upper"]] = _shares(table["observed"], table["n"])
    return table


def _shares(k: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Shares k of n and their 95 % Wilson intervals, (n_rows, 3); NaN of none."""
    z, k, n = norm.ppf(0.975), np.asarray(k, dtype=float), np.asarray(n, dtype=float)
    share = np.divide(k, n, out=np.full(k.shape, np.nan), where=n > 0)
    centre, half = (k + z**2 / 2) / (n + z**2), z * np.sqrt(k * (1 - share) + z**2 / 4) / (n + z**2)
    return np.column_stack([share, *np.clip([centre - half, centre + half], 0, 1)])


def detection_table(probability: np.ndarray, exceeded: np.ndarray) -> pd.DataFrame:
    """Count what is found and missed when soils of at least some probability are called above their limit.

    The table has a row per threshold of :data:`THRESHOLDS`: ``threshold``, ``called`` (soils called above),
    ``found`` and ``missed`` (of those above), ``false`` (called, but not above); ``sensitivity`` and
    ``specificity``, each with a 95 % Wilson interval ``_low`` and ``_high``.

    Examples
    --------
    >>> table = detection_table(np.array([0.1, 0.4, 0.9, 0.8]), np.array([False, True, True, False]))
    >>> table.query("threshold == 0.5")[["found", "missed", "false", "specificity"]].to_numpy().tolist()
    [[1.0, 1.0, 1.0, 0.5]]
    """
    called = np.asarray(probability)[:, None] >= THRESHOLDS  # (n_samples, n_thresholds)
    above = np.asarray(exceeded, dtype=bool)[:, None]
    found, false = (called & above).sum(axis=0), (called & ~above).sum(axis=0)
    n_above, n_others = (np.full(found.shape, rows.sum()) for rows in (above, ~above))
    table = pd.DataFrame({"threshold": THRESHOLDS, "called": found + false, "found": found, "false": false})
    table["missed"] = n_above - found
    for name, k, n in (("sensitivity", found, n_above), ("specificity", n_others - false, n_others)):
        table[[name, f"{name}_low", f"{name}_high"]] = _shares(k, n)
    return table


def coverage_by_content(predictions: pd.DataFrame) -> pd.DataFrame:
    """Share of soils within their intervals, by tenths of the measured values, the lowest first.

    ``predictions`` has ``observed``, ``predicted``, ``lower``, ``upper``, one row per soil. The table has
    ``tenth`` (1 to 10), ``content`` (median measured), ``ratio`` (median of predicted over measured), ``n``,
    ``coverage`` and its 95 % Wilson interval ``low``, ``high``.
    """
    content = predictions["observed"]
    soils = predictions.assign(
        tenth=np.ceil(10 * content.rank(pct=True, method="first")).astype(int),
        ratio=predictions["predicted"] / content,
        inside=content.between(predictions["lower"], predictions["upper"]),
    )
    table = soils.groupby("tenth", as_index=False).agg(
        content=("observed", "median"),
        ratio=("ratio", "median"),
        n=("inside", "size"),
        inside=("inside", "sum"),
    )
    table[["coverage", "low", "high"]] = _shares(table.pop("inside"), table["n"])
    return table


def calibration_error(table: pd.DataFrame) -> float:
    """Expected calibration error: mean ``|predicted − observed|`` of a reliability table, by soils.

    With few soils per bin it is above 0 for true probabilities too: see :func:`error_by_chance`.

    Examples
    --------
    >>> calibration_error(pd.DataFrame({"predicted": [0.1, 0.9], "observed": [0.2, 0.9], "n": [30, 10]}))
    0.075
    """
    gaps = (table["predicted"] - table["observed"]).abs()
    return float(round(np.average(gaps, weights=table["n"]), 12))


def error_by_chance(probability: np.ndarray, seed: int = 0) -> float:
    """Calibration error that true probabilities of these soils stay below in 95 % of 1,000 simulations.

    Examples
    --------
    >>> few, many = (error_by_chance(np.full(n, 0.5)) for n in (20, 2000))
    >>> round(few, 2), round(many, 2)
    (0.2, 0.02)
    """
    probability = np.asarray(probability, dtype=float)
    outcomes = np.random.default_rng(seed).uniform(size=(1000, len(probability))) < probability
    bins = np.eye(N_BINS)[_assign_bins(probability)]  # (n_samples, n_bins)
    errors = np.abs((outcomes - probability) @ bins).sum(axis=1) / len(probability)
    return float(np.quantile(errors, 0.95))


def _assign_bins(probability: np.ndarray) -> np.ndarray:
    return np.minimum((probability * N_BINS).astype(int), N_BINS - 1)


@dataclass(frozen=True)
class Costs:
    """What each outcome costs, per soil or what it stands for; a negative cost is a ValueError.

    ``analysis`` is of one soil in the laboratory, ``remediation`` of treating it, needed or not, and
    ``harm`` of leaving it as it is where it is above its limit.

    Examples
    --------
    >>> Costs(analysis=50, remediation=1000, harm=4000).thresholds()
    (0.016666666666666666, 0.95)
    """

    analysis: float
    remediation: float
    harm: float

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"{name} is {value!r}; expected a cost of 0 or more")

    @property
    def above(self) -> float:
        """What a soil costs that is known to be above: it is treated, or left if that is cheaper."""
        return min(self.remediation, self.harm)

    def thresholds(self) -> tuple[float, float]:
        """Probabilities between which a soil is worth sending; none is if the first is not the smaller."""
        saved, spared = self.harm - self.above, self.remediation - self.analysis
        return self.analysis / saved if saved else np.inf, spared / self.above if self.above else 0.0

    def expected(self, probability: np.ndarray) -> np.ndarray:
        """Expected cost of each of :data:`ACTIONS` (n_samples, 3), by probability of exceedance."""
        p = np.asarray(probability, dtype=float)
        return np.column_stack([p * self.harm, self.analysis + p * self.above, 0 * p + self.remediation])


def compare_policies(probability: np.ndarray, exceeded: np.ndarray, costs: Costs) -> pd.DataFrame:
    """Mean cost per soil of treating all alike, of the cheapest action by probability, and of knowing all.

    ``probability`` and ``exceeded`` (boolean) are (n_samples,) arrays; soils without a probability are left
    out. The table has ``policy``, ``cost`` per soil, and the shares that are ignored, sent, remediated.

    Examples
    --------
    >>> table = compare_policies([0.01, 0.4, 0.99], [False, True, True], Costs(50, 1000, 4000))
    >>> table.set_index("policy").loc["by probability", [*ACTIONS]].round(2).tolist()
    [0.33, 0.33, 0.33]
    """
    known = np.isfinite(probability)
    probability, exceeded = np.asarray(probability)[known], np.asarray(exceeded, dtype=bool)[known]
    choices = {f"{action} all": np.full(exceeded.shape, i) for i, action in enumerate(ACTIONS)}
    choices["by probability"] = costs.expected(probability).argmin(axis=1)
    choices["knowing all"] = np.where(exceeded & (costs.remediation < costs.harm), 2, 0)
    paid = costs.expected(exceeded)  # once it is known which soils exceed
    rows = []
    for name, choice in choices.items():
        taken = np.eye(len(ACTIONS))[choice]  # (n_samples, n_actions)
        rows.append((name, (paid * taken).sum(axis=1).mean(), *taken.mean(axis=0)))
    return pd.DataFrame(rows, columns=["policy", "cost", *ACTIONS])
