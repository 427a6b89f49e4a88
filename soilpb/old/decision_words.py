"""Sentences of the chapter on decisions, computed from its tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb.decide.exceedance import ACTIONS

#: What was asked of coverage, calibration and flags before anything was measured.
COVERAGE, CALIBRATION, CAUGHT, ALARMS = (0.87, 0.93), 0.05, 0.8, 0.1


def coverage(share: float, promised: float = 0.9) -> str:
    """Say whether intervals hold what they promise.

    Examples
    --------
    >>> coverage(0.91)
    '91 % of the soils lie within their 90 % intervals, as promised.'
    """
    low, high = COVERAGE
    judged = "as promised" if low <= share <= high else "more than promised" if share > high else "too few"
    return f"{100 * share:.0f} % of the soils lie within their {100 * promised:.0f} % intervals, {judged}."


def calibration(error: float, chance: float, n_soils: int) -> str:
    """Say whether probabilities come true, as far as so few soils can tell.

    Parameters
    ----------
    error : float
        Expected calibration error.
    chance : float
        What true probabilities of the same soils would stay below (see
        :func:`soilpb.decide.exceedance.error_by_chance`).
    n_soils : int

    Examples
    --------
    >>> calibration(0.06, 0.08, 130)
    'Probabilities are off by 0.06 on average over 130 soils, no more than luck explains (up to 0.08).'
    """
    off = f"Probabilities are off by {error:.2f} on average over {n_soils} soils"
    if error <= chance:
        return f"{off}, no more than luck explains (up to {chance:.2f})."
    judged = "take them with care" if error > CALIBRATION else "little, if more than luck"
    return f"{off}, where luck explains {chance:.2f}: {judged}."


def flags(clusters: pd.DataFrame) -> str:
    """Say what the flag catches of clusters it has never seen, and what it costs.

    Parameters
    ----------
    clusters : DataFrame
        From :func:`soilpb.decide.applicability.leave_cluster_out`.
    """
    caught = np.average(clusters["caught"], weights=clusters["n"])
    alarms = np.average(clusters["false_alarms"], weights=clusters["n_others"])
    judged = "enough to rely on" if caught >= CAUGHT and alarms <= ALARMS else "not enough to rely on"
    return (
        f"Of a cluster that was left out whole, {100 * caught:.0f} % is flagged on average, and "
        f"{100 * alarms:.0f} % of soils of kinds that were known: {judged}."
    )


def cheapest(policies: pd.DataFrame) -> str:
    """Say what deciding by probability saves against the best of treating all soils alike.

    Parameters
    ----------
    policies : DataFrame
        From :func:`soilpb.decide.exceedance.compare_policies`.
    """
    costs = policies.set_index("policy")["cost"]
    alike = costs[[f"{action} all" for action in ACTIONS]]
    saved = 1 - costs["by probability"] / alike.min()
    if saved <= 0:
        more = f"{-100 * saved:.0f} % more than “{alike.idxmin()}”"
        return f"Deciding by probability costs {more}: spectra add nothing here."
    less = f"{100 * saved:.0f} % less than “{alike.idxmin()}”"
    return f"Deciding by probability costs {less}, the best single rule."


def choices(needed: pd.Series) -> str:
    """Say whether choosing soils by their spectra saves laboratory work.

    Parameters
    ----------
    needed : Series
        From :func:`soilpb.decide.sampling.soils_needed`.
    """
    others = needed.drop("random")
    best, end = others.idxmin(), needed["random"]
    if others.min() >= end:
        return f"No method reaches with fewer soils what random choices reach with {end:.0f}."
    return (
        f"The method “{best}” reaches with {others.min():.0f} soils what random choices reach with {end:.0f}."
    )
