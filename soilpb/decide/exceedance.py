"""How probable it is that a soil exceeds a limit, where the limit itself depends on the soil's pH.

A predictive distribution of the target is held against the limits of a standard. Where pH was
predicted from the same spectrum, the two errors belong together: a soil that was read too rich in
lead may also have been read too alkaline. Draw ``i`` of both errs as soil ``i`` did in both, so
whatever correlation the errors have is carried along, and no normal law is assumed. Where pH was
measured, its error is the laboratory's, and independent.

Whether probabilities are true: of the soils given 30 %, three in ten exceed the limit.

What a decision is expected to cost: ignore a soil, send it to the laboratory, or treat it at once.

Costs are the user's, in any one currency, a soil (or the plot it stands for). The laboratory's
answer is taken for the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm

from soilpb.decide.standards import LEAD_LIMITS, lead_limit, list_rules

#: Standard deviation of a laboratory's pH where nobody says otherwise: about a third of the 0.15 by
#: which ISO 10390 lets two readings of one acid soil differ. How a field was sampled is not in it.
PH_SD = 0.05
_QUANTILES = norm.ppf((np.arange(21) + 0.5) / 21)


def exceedance_probability(draws: np.ndarray, limit: np.ndarray | float) -> np.ndarray:
    """Probability that a new soil exceeds a limit, (n_new,), never 0 or 1.

    Parameters
    ----------
    draws : (n_new, n_samples) array
        From :func:`soilpb.decide.intervals.predictive_draws`.
    limit : float, or array that broadcasts to ``draws``
        A limit a draw may be given: it can be as uncertain as the draw. NaN: unknown.

    Returns
    -------
    (n_new,) array; NaN where a limit is unknown. ``n`` soils leave one part in ``n + 1`` undecided,
    of which half is counted as above.

    Examples
    --------
    >>> exceedance_probability(np.array([[1.0, 2.0, 3.0]]), 2.5)
    array([0.375])
    """
    limit = np.broadcast_to(limit, draws.shape)
    above = ((draws > limit).sum(axis=1) + 0.5) / (draws.shape[1] + 1)
    return np.where(np.isnan(limit).any(axis=1), np.nan, above)


def with_predicted_ph(
    draws: np.ndarray, ph_draws: np.ndarray, standard: str, rule: str, limits: pd.DataFrame = LEAD_LIMITS
) -> np.ndarray:
    """Probability of exceedance where pH comes from the same spectrum.

    Parameters
    ----------
    draws : (n_new, n_samples) array
        Predictive distribution of the target, in mg/kg.
    ph_draws : (n_new, n_samples) array
        Predictive distribution of pH; column ``i`` must err as the same soil as in ``draws``.
    standard, rule : str
    limits : DataFrame
        As for :func:`soilpb.decide.standards.lead_limit`.

    Returns
    -------
    (n_new,) array

    Examples
    --------
    >>> draws, ph = np.array([[90.0, 90.0, 130.0]]), np.array([[5.0, 7.0, 7.0]])
    >>> with_predicted_ph(draws, ph, "GB 15618-2018", "screening, other land")  # limits 70, 120, 120
    array([0.625])
    """
    if draws.shape != ph_draws.shape:
        raise ValueError(
            f"draws are {draws.shape}, those of pH {ph_draws.shape}; expected draws of one model"
        )
    return exceedance_probability(draws, lead_limit(standard, rule, ph_draws, limits))


def with_measured_ph(
    draws: np.ndarray,
    ph: np.ndarray | float,
    standard: str,
    rule: str,
    limits: pd.DataFrame = LEAD_LIMITS,
    ph_sd: float = PH_SD,
) -> np.ndarray:
    """Probability of exceedance where a laboratory measured pH, with a normal error of its own.

    That the spectrum's error in the target may go along with the soil's pH is not used here.

    Parameters
    ----------
    draws : (n_new, n_samples) array
        Predictive distribution of the target, in mg/kg.
    ph : float or (n_new,) array
        NaN where unknown.
    standard, rule, limits
        As for :func:`with_predicted_ph`.
    ph_sd : float
        Standard deviation of the laboratory's pH; 0 takes it for exact.

    Returns
    -------
    (n_new,) array; NaN where a pH is needed and unknown.
    """
    ph = np.broadcast_to(np.asarray(ph, dtype=float), len(draws))
    possible = ph[:, None] + ph_sd * _QUANTILES if ph_sd else ph[:, None]
    held = lead_limit(standard, rule, possible, limits)
    return np.mean([exceedance_probability(draws, column[:, None]) for column in held.T], axis=0)


def exceedance_by_rule(
    draws: np.ndarray,
    standard: str,
    limits: pd.DataFrame = LEAD_LIMITS,
    ph: np.ndarray | float = np.nan,
    ph_draws: np.ndarray | None = None,
) -> pd.DataFrame:
    """Probability of exceedance under every rule of a standard.

    Parameters
    ----------
    draws : (n_new, n_samples) array, mg/kg
    standard : str
    limits : DataFrame
    ph : float or (n_new,) array
        Measured pH, which goes before a predicted one; NaN where not measured.
    ph_draws : (n_new, n_samples) array, optional
        Predicted pH; NaN in the columns of soils whose pH was never measured.

    Returns
    -------
    DataFrame with a column a rule and a row a soil; NaN where a pH is needed and unknown.
    """
    ph = np.broadcast_to(np.asarray(ph, dtype=float), len(draws))
    table = {}
    for rule in list_rules(standard, limits):
        found = with_measured_ph(draws, ph, standard, rule, limits)
        if ph_draws is not None:
            known = np.isfinite(ph_draws).all(axis=0)
            predicted = with_predicted_ph(draws[:, known], ph_draws[:, known], standard, rule, limits)
            found = np.where(np.isnan(ph), predicted, found)
        table[rule] = found
    return pd.DataFrame(table)


def reliability_table(probability: np.ndarray, exceeded: np.ndarray, n_bins: int = 10) -> pd.DataFrame:
    """Lay probabilities beside what happened, by bins of equal width.

    Parameters
    ----------
    probability : (n_samples,) array
        Predicted for soils that the model has not seen; NaN is left out.
    exceeded : (n_samples,) boolean array
        Whether the laboratory found more than the limit.
    n_bins : int

    Returns
    -------
    DataFrame
        One row a bin that has soils: ``bin`` (its middle), ``predicted`` (mean probability),
        ``observed`` (share that exceeded), ``lower``, ``upper`` (95 % Wilson interval), ``n``.

    Raises
    ------
    ValueError
        If lengths differ or something is no probability.

    Examples
    --------
    >>> table = reliability_table(np.array([0.04, 0.08, 0.93]), np.array([False, False, True]))
    >>> table[["bin", "predicted", "observed", "n"]].round(2).to_numpy().tolist()
    [[0.05, 0.06, 0.0, 2.0], [0.95, 0.93, 1.0, 1.0]]
    """
    probability, exceeded = _checked(probability, exceeded)
    place = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    soils = pd.DataFrame({"bin": (place + 0.5) / n_bins, "predicted": probability, "observed": exceeded})
    table = soils.groupby("bin", as_index=False).agg(
        predicted=("predicted", "mean"), observed=("observed", "mean"), n=("observed", "size")
    )
    counts = (table["observed"] * table["n"]).round().astype(int)
    tests = [
        binomtest(int(k), int(n)).proportion_ci(method="wilson")
        for k, n in zip(counts, table["n"], strict=True)
    ]
    return table.assign(lower=[test.low for test in tests], upper=[test.high for test in tests])


def calibration_error(table: pd.DataFrame) -> float:
    """Expected calibration error: mean ``|predicted − observed|`` of a reliability table, by soils.

    With few soils a bin it is above 0 for perfect probabilities too.

    Examples
    --------
    >>> calibration_error(pd.DataFrame({"predicted": [0.1, 0.9], "observed": [0.2, 0.9], "n": [30, 10]}))
    0.075
    """
    gaps = (table["predicted"] - table["observed"]).abs()
    return float(round(np.average(gaps, weights=table["n"]), 12))


def error_by_chance(
    probability: np.ndarray, share: float = 0.95, n_bins: int = 10, n_draws: int = 1000, seed: int = 0
) -> float:
    """Calibration error that true probabilities of these soils stay below, in ``share`` of cases.

    With few soils a bin, outcomes miss their probabilities by luck alone.

    Examples
    --------
    >>> few, many = (error_by_chance(np.full(n, 0.5)) for n in (20, 2000))
    >>> round(few, 2), round(many, 2)
    (0.2, 0.02)
    """
    probability = np.asarray(probability, dtype=float)
    luck = np.random.default_rng(seed).uniform(size=(n_draws, len(probability))) < probability
    place = np.minimum((probability * n_bins).astype(int), n_bins - 1)
    bins = np.eye(n_bins)[place]  # (n_samples, n_bins)
    errors = np.abs((luck - probability) @ bins).sum(axis=1) / len(probability)
    return float(np.quantile(errors, share))


def brier_score(probability: np.ndarray, exceeded: np.ndarray) -> float:
    """Mean squared distance of probabilities from what happened (Brier 1950): 0 is perfect.

    Examples
    --------
    >>> brier_score(np.array([0.5, 1.0]), np.array([True, True]))
    0.125
    """
    probability, exceeded = _checked(probability, exceeded)
    return float(np.mean((probability - exceeded) ** 2))


def _checked(probability: np.ndarray, exceeded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what is known of both, or refuse what is no probability."""
    probability, exceeded = np.asarray(probability, dtype=float), np.asarray(exceeded)
    if probability.shape != exceeded.shape:
        raise ValueError(
            f"got {probability.shape} probabilities of {exceeded.shape} outcomes; expected as many"
        )
    known = np.isfinite(probability)
    if ((probability[known] < 0) | (probability[known] > 1)).any():
        raise ValueError(f"probabilities run to {np.nanmax(probability):g}; expected 0 to 1")
    return probability[known], exceeded[known].astype(bool)


ACTIONS = ("ignore", "send", "remediate")


@dataclass(frozen=True)
class Costs:
    """What each outcome costs.

    Parameters
    ----------
    analysis : float
        One soil in the laboratory.
    remediation : float
        Treating what one soil stands for, needed or not.
    harm : float
        Leaving a soil above the limit as it is.

    Raises
    ------
    ValueError
        If a cost is negative.

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

    def thresholds(self) -> tuple[float, float]:
        """Probabilities between which a soil is worth sending; none is if the first is not the smaller."""
        treated = min(self.remediation, self.harm)  # what is paid for a soil known to be above
        saved, spared = self.harm - treated, self.remediation - self.analysis
        return self.analysis / saved if saved else np.inf, spared / treated if treated else 0.0


def expected_costs(probability: np.ndarray, costs: Costs) -> pd.DataFrame:
    """Expected cost of each action, and the cheapest.

    A soil that is sent and found above its limit is treated, or left where treating costs more
    than the harm.

    Parameters
    ----------
    probability : (n_samples,) array
        That the soil exceeds its limit.
    costs : Costs

    Returns
    -------
    DataFrame
        ``ignore``, ``send``, ``remediate``, and ``best``: the cheapest, missing where the
        probability is unknown.

    Examples
    --------
    >>> expected_costs(np.array([0.01, 0.4, 0.99]), Costs(50, 1000, 4000))["best"].tolist()
    ['ignore', 'send', 'remediate']
    """
    probability = np.asarray(probability, dtype=float)
    table = pd.DataFrame(
        {
            "ignore": probability * costs.harm,
            "send": costs.analysis + probability * min(costs.remediation, costs.harm),
            "remediate": np.where(np.isnan(probability), np.nan, costs.remediation),
        }
    )
    cheapest = table.to_numpy().argmin(axis=1)
    best = pd.Series(np.array(ACTIONS)[cheapest], index=table.index, dtype="string")
    return table.assign(best=best.where(np.isfinite(probability)))


def incurred_costs(actions: np.ndarray, exceeded: np.ndarray, costs: Costs) -> np.ndarray:
    """What actions did cost, (n_samples,), once it is known which soils exceed.

    Parameters
    ----------
    actions : (n_samples,) array of :data:`ACTIONS`
    exceeded : (n_samples,) boolean array
    costs : Costs
    """
    exceeded = np.asarray(exceeded, dtype=bool)
    outcomes = {
        "ignore": exceeded * costs.harm,
        "send": costs.analysis + exceeded * min(costs.remediation, costs.harm),
        "remediate": np.full(exceeded.shape, costs.remediation),
    }
    return np.select([np.asarray(actions) == name for name in ACTIONS], [outcomes[name] for name in ACTIONS])


def compare_policies(probability: np.ndarray, exceeded: np.ndarray, costs: Costs) -> pd.DataFrame:
    """Mean cost a soil of treating all alike, of deciding by probability, and of knowing the truth.

    Returns
    -------
    DataFrame
        ``policy``, ``cost`` a soil, and the shares of soils it ignores, sends and remediates.
    """
    exceeded = np.asarray(exceeded, dtype=bool)
    alike = {f"{action} all": np.full(exceeded.shape, action) for action in ACTIONS}
    oracle = np.where(exceeded & (costs.remediation < costs.harm), "remediate", "ignore")
    choices = {
        **alike,
        "by probability": expected_costs(probability, costs)["best"].to_numpy(),
        "knowing all": oracle,
    }
    rows = [
        (name, incurred_costs(actions, exceeded, costs).mean(), *(np.mean(actions == a) for a in ACTIONS))
        for name, actions in choices.items()
    ]
    return pd.DataFrame(rows, columns=["policy", "cost", *ACTIONS])
