"""Whether probabilities are true: of the soils given 30 %, three in ten exceed the limit."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import binomtest


def reliability(probability: np.ndarray, exceeded: np.ndarray, n_bins: int = 10) -> pd.DataFrame:
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
    >>> table = reliability(np.array([0.04, 0.08, 0.93]), np.array([False, False, True]))
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
