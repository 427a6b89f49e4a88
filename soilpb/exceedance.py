"""How probable it is that a soil exceeds a limit, where the limit itself depends on the soil's pH.

A predictive distribution of the target is held against the limits of a standard. Where pH was
predicted from the same spectrum, the two errors belong together: a soil that was read too rich in
lead may also have been read too alkaline. Draw ``i`` of both errs as soil ``i`` did in both, so
whatever correlation the errors have is carried along, and no normal law is assumed. Where pH was
measured, its error is the laboratory's, and independent.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from soilpb.intervals import probability_above
from soilpb.standards import LEAD_LIMITS, lead_limit, rules_of

#: Standard deviation of a laboratory's pH where nobody says otherwise: about a third of the 0.15 by
#: which ISO 10390 lets two readings of one acid soil differ. How a field was sampled is not in it.
PH_SD = 0.05
_QUANTILES = norm.ppf((np.arange(21) + 0.5) / 21)


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
        As for :func:`soilpb.standards.lead_limit`.

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
    return probability_above(draws, lead_limit(standard, rule, ph_draws, limits))


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
    return np.mean([probability_above(draws, column[:, None]) for column in held.T], axis=0)


def by_rule(
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
    for rule in rules_of(standard, limits):
        found = with_measured_ph(draws, ph, standard, rule, limits)
        if ph_draws is not None:
            known = np.isfinite(ph_draws).all(axis=0)
            predicted = with_predicted_ph(draws[:, known], ph_draws[:, known], standard, rule, limits)
            found = np.where(np.isnan(ph), predicted, found)
        table[rule] = found
    return pd.DataFrame(table)
