"""Probability that a soil exceeds a limit, whether such probabilities are true, and what they decide.

The limit may depend on the soil's pH. Where pH is predicted from the same spectrum, its error and that
of the target are correlated, so both are drawn together: draw ``i`` of both errs as soil ``i`` of the
calibration did in both, and no normal law is assumed. Where pH was measured, its error is the
laboratory's, normal and independent.

Costs are the user's, in one currency, per soil (or the plot it stands for). The laboratory's value is
taken for the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from soilpb.decide.standards import LEAD_LIMITS, lead_limit, list_rules

#: Standard deviation of a laboratory's pH: about a third of the 0.15 by which ISO 10390 lets two
#: readings of one acid soil differ. How a field was sampled is not in it.
PH_SD = 0.05
#: Bins of equal width in which probabilities are compared with what happened.
N_BINS = 10
#: Probabilities from which soils may be called above their limit.
THRESHOLDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
#: What can be done about a soil.
ACTIONS = ("ignore", "send", "remediate")
_QUANTILES = norm.ppf((np.arange(21) + 0.5) / 21)


def exceedance_probability(draws: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Probability that a new soil exceeds a limit, (n_new,), never 0 or 1; NaN where a limit is unknown.

    ``draws`` (n_new, n_samples) are from :meth:`soilpb.decide.intervals.CrossConformal.draws`. ``limit`` is
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

    It is NaN where a pH is needed and unknown.

    Parameters
    ----------
    draws : (n_new, n_samples) array, mg/kg
    standard, limits
        As for :func:`soilpb.decide.standards.lead_limit`.
    ph : float or (n_new,) array
        Measured pH, which is preferred to a predicted one; NaN where not measured. That the error of the
        target may be correlated with the soil's pH is not used for these soils.
    ph_draws : (n_new, n_samples) array, optional
        Predicted pH, whose column ``i`` errs as the same soil as in ``draws`` (else a ValueError); NaN in
        the columns of soils whose pH was never measured.

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
    different lengths, are a ValueError.

    Returns
    -------
    DataFrame
        One row per bin that has soils: ``bin`` (its middle), ``predicted`` (mean probability),
        ``observed`` (share that exceeded), ``lower``, ``upper`` (95 % Wilson interval), ``n``.

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
        predicted=("predicted", "mean"), observed=("observed", "mean"), n=("observed", "size")
    )
    counts = (table["observed"] * table["n"]).round().astype(int)
    intervals = [_share(int(k), int(n))[1:] for k, n in zip(counts, table["n"], strict=True)]
    return table.assign(**dict(zip(("lower", "upper"), np.transpose(intervals), strict=True)))


def _share(k: int, n: int) -> tuple[float, float, float]:
    """Share k of n and its 95 % Wilson interval; NaN of none."""
    if not n:
        return np.nan, np.nan, np.nan
    return (k / n, *binomtest(k, n).proportion_ci(method="wilson"))


def detection_table(probability: np.ndarray, exceeded: np.ndarray) -> pd.DataFrame:
    """Count what is found and missed when soils of at least some probability are called above their limit.

    Returns
    -------
    DataFrame
        One row per threshold of :data:`THRESHOLDS`: ``threshold``, ``called`` (soils called above),
        ``found`` and ``missed`` (of those above), ``false`` (called, but not above); ``sensitivity`` and
        ``specificity``, each with a 95 % Wilson interval ``_low`` and ``_high``.

    Examples
    --------
    >>> table = detection_table(np.array([0.1, 0.4, 0.9, 0.8]), np.array([False, True, True, False]))
    >>> table.query("threshold == 0.5")[["found", "missed", "false", "specificity"]].to_numpy().tolist()
    [[1.0, 1.0, 1.0, 0.5]]
    """
    probability, exceeded, rows = np.asarray(probability), np.asarray(exceeded, dtype=bool), []
    for threshold in THRESHOLDS:
        called = probability >= threshold
        found, false = int((called & exceeded).sum()), int((called & ~exceeded).sum())
        row = {"threshold": threshold, "called": found + false, "found": found, "false": false}
        row["missed"] = int(exceeded.sum()) - found
        right = {"sensitivity": (found, exceeded), "specificity": ((~called & ~exceeded).sum(), ~exceeded)}
        for name, (k, of) in right.items():
            row |= dict(
                zip((name, f"{name}_low", f"{name}_high"), _share(int(k), int(of.sum())), strict=True)
            )
        rows.append(row)
    return pd.DataFrame(rows)


def coverage_by_content(predictions: pd.DataFrame) -> pd.DataFrame:
    """Share of soils within their intervals, by tenths of the measured values, the lowest first.

    ``predictions`` has ``observed``, ``predicted``, ``lower``, ``upper``, one row per soil. The table has
    ``tenth`` (1 to 10), ``n``, ``content`` (median measured), ``ratio`` (median of predicted over measured),
    ``coverage`` and its 95 % Wilson interval ``low``, ``high``.
    """
    inside = predictions["observed"].between(predictions["lower"], predictions["upper"])
    tenth = np.ceil(10 * predictions["observed"].rank(pct=True, method="first")).astype(int)
    ratio = predictions["predicted"] / predictions["observed"]
    soils = pd.DataFrame({"tenth": tenth, "content": predictions["observed"], "ratio": ratio, "in": inside})
    by = soils.groupby("tenth")
    table = by[["content", "ratio"]].median().assign(n=by.size(), inside=by["in"].sum())
    shares = [_share(int(k), int(n)) for k, n in zip(table.pop("inside"), table["n"], strict=True)]
    table[["coverage", "low", "high"]] = shares
    return table.reset_index()


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
    """What each outcome costs; a negative cost is a ValueError.

    Parameters
    ----------
    analysis : float
        One soil in the laboratory.
    remediation : float
        Treating what one soil stands for, needed or not.
    harm : float
        Leaving a soil above the limit as it is.

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


def expected_costs(probability: np.ndarray, costs: Costs) -> pd.DataFrame:
    """Expected cost of each of :data:`ACTIONS`, from probabilities of exceedance (n_samples,).

    The column ``best`` names the cheapest action; it is missing where the probability is unknown.

    Examples
    --------
    >>> expected_costs(np.array([0.01, 0.4, 0.99]), Costs(50, 1000, 4000))["best"].tolist()
    ['ignore', 'send', 'remediate']
    """
    probability = np.asarray(probability, dtype=float)
    table = pd.DataFrame(
        {
            "ignore": probability * costs.harm,
            "send": costs.analysis + probability * costs.above,
            "remediate": np.where(np.isnan(probability), np.nan, costs.remediation),
        }
    )
    cheapest = table.to_numpy().argmin(axis=1)
    best = pd.Series(np.array(ACTIONS)[cheapest], index=table.index, dtype="string")
    return table.assign(best=best.where(np.isfinite(probability)))


def compare_policies(probability: np.ndarray, exceeded: np.ndarray, costs: Costs) -> pd.DataFrame:
    """Mean cost per soil of treating all alike, of deciding by probability, and of knowing the truth.

    ``probability`` and ``exceeded`` (boolean) are (n_samples,) arrays. The table has ``policy``, ``cost`` per
    soil, and the shares of soils that a policy ignores, sends and remediates.
    """
    exceeded = np.asarray(exceeded, dtype=bool)
    paid = expected_costs(exceeded, costs)  # once it is known which soils exceed
    choices = {f"{action} all": np.full(exceeded.shape, action) for action in ACTIONS}
    best = expected_costs(probability, costs)["best"]
    choices["by probability"] = best.to_numpy(dtype=object, na_value="")
    choices["knowing all"] = np.where(exceeded & (costs.remediation < costs.harm), "remediate", "ignore")
    rows = []
    for name, actions in choices.items():
        taken = np.column_stack([actions == action for action in ACTIONS])  # (n_samples, n_actions)
        rows.append((name, (paid[[*ACTIONS]] * taken).sum(axis=1).mean(), *taken.mean(axis=0)))
    return pd.DataFrame(rows, columns=["policy", "cost", *ACTIONS])
