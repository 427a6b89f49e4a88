"""What a decision is expected to cost: ignore a soil, send it to the laboratory, or treat it at once.

Costs are the user's, in any one currency, a soil (or the plot it stands for). The laboratory's
answer is taken for the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

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


def expected(probability: np.ndarray, costs: Costs) -> pd.DataFrame:
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
    >>> expected(np.array([0.01, 0.4, 0.99]), Costs(50, 1000, 4000))["best"].tolist()
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


def incurred(actions: np.ndarray, exceeded: np.ndarray, costs: Costs) -> np.ndarray:
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


def policies(probability: np.ndarray, exceeded: np.ndarray, costs: Costs) -> pd.DataFrame:
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
        "by probability": expected(probability, costs)["best"].to_numpy(),
        "knowing all": oracle,
    }
    rows = [
        (name, incurred(actions, exceeded, costs).mean(), *(np.mean(actions == a) for a in ACTIONS))
        for name, actions in choices.items()
    ]
    return pd.DataFrame(rows, columns=["policy", "cost", *ACTIONS])
