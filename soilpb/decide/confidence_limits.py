"""Confidence limits of a mean: what the soils of an area say of the area.

An area is above a limit if its mean is, and its mean is known from a few soils only. What is compared with
the limit is the upper confidence limit (UCL) of the mean: 95 of 100 such limits lie above the true mean.
Values are in any unit, above 0; ``below`` marks those that a laboratory reports as "less than", whose value
is the detection limit. With such values, mean and error are those of Kaplan and Meier.

``student``
    Student's t: right for normal data, and for many soils.
``chebyshev``
    Holds for any distribution whose standard deviation is known; mostly far too high.
``land``
    Land's exact limit of lognormal data (Land 1971, doi 10.1214/aoms/1177693235), which is ProUCL's H-UCL.
    Land's tables are not needed: the conditional distribution behind them is integrated.
``gamma``, ``adjusted gamma``
    Chi-squared limits of gamma data; adjusted for few soils (Grice & Bain 1980,
    doi 10.1080/01621459.1980.10477574).
``bca``, ``bootstrap-t``
    Bootstraps for no distribution in particular (Efron & Tibshirani 1993, chapters 12 and 14).

Which is recommended follows ProUCL 5.2 (US EPA 2022, EPA/600/R-22/190, section 2.5): normal, then gamma,
then lognormal data; the first that the soils do not contradict. How often each limit is above the
true mean of lognormal soils is in ``results/ucl_coverage.csv``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats
from scipy.optimize import brentq
from scipy.special import digamma

#: Resamples of the bootstraps, and fewest values, and fewest above detection, that have a limit.
N_RESAMPLES = 2000
FEWEST, FEWEST_DETECTED = 3, 3
#: Grice and Bain's table: the level that makes a gamma limit of ``n`` soils hold, by 1 − confidence.
_LEVELS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25]
_ADJUSTED = {
    5: [0, 0, 0.0010, 0.0086, 0.0234, 0.0432, 0.2038],
    10: [0.0003, 0.0015, 0.0086, 0.0267, 0.0486, 0.0724, 0.2294],
    20: [0.0017, 0.0046, 0.0159, 0.0380, 0.0619, 0.0866, 0.2403],
    40: [0.0030, 0.0070, 0.0203, 0.0440, 0.0685, 0.0934, 0.2453],
    np.inf: _LEVELS,
}


class MeanEstimate(NamedTuple):
    """Mean of some soils: ``n``, ``mean``, ``sd`` of the soils, and ``se`` of the mean."""

    n: int
    mean: float
    sd: float
    se: float


def estimate_mean(values: np.ndarray, below: np.ndarray | None = None) -> MeanEstimate:
    """Mean, standard deviation and standard error; by Kaplan and Meier where values are below detection.

    The share of soils that may lie below the smallest detected value is given that value. ``sd`` divides by
    ``n − 1`` without values below detection, and by ``n`` with them, as ProUCL does (equations 4-1 to 4-3).

    Raises
    ------
    ValueError
        With fewer than three values, or three detected ones; with values that are not finite.

    Examples
    --------
    >>> found = estimate_mean(np.array([1.0, 2.0, 3.0, 10.0]), np.array([True, False, False, False]))
    >>> found.mean, round(found.sd, 2), round(found.se, 2)
    (4.25, 3.34, 2.05)
    """
    values, below = _checked(values, below)
    n = len(values)
    if not below.any():
        sd = values.std(ddof=1)
        return MeanEstimate(n, float(values.mean()), float(sd), float(sd / np.sqrt(n)))
    x, m = np.unique(values[~below], return_counts=True)
    at_risk = (values[:, None] <= x).sum(axis=0)  # a value "< x" is not above x
    after = np.append(((at_risk - m) / at_risk)[1:][::-1].cumprod()[::-1], 1.0)
    weight = np.diff(after, prepend=0.0)
    mean = weight @ x
    areas = np.cumsum(np.diff(x) * after[:-1])
    risk, found = at_risk[1:], m[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(risk > found, areas**2 * found / (risk * (risk - found)), 0.0)
    detected = int((~below).sum())
    se = np.sqrt(detected / (detected - 1) * terms.sum())
    return MeanEstimate(n, float(mean), float(np.sqrt(weight @ x**2 - mean**2)), float(se))


def _checked(values: np.ndarray, below: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, dtype=float)
    below = np.zeros(len(values), dtype=bool) if below is None else np.asarray(below, dtype=bool)
    if values.shape != below.shape or not np.isfinite(values).all():
        raise ValueError(f"got {values.shape} values and {below.shape} flags; expected as many, all finite")
    if len(values) < FEWEST or (~below).sum() < FEWEST_DETECTED:
        raise ValueError(
            f"{len(values)} measured soils, {(~below).sum()} above detection; limits of a mean need at least "
            f"{FEWEST} measured soils, {FEWEST_DETECTED} of them above detection: measure more, or join units"
        )
    return values, below


def estimate_limits(
    values: np.ndarray, below: np.ndarray | None = None, confidence: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Lower and upper confidence limits of the mean by every method, each one-sided at ``confidence``.

    Returns
    -------
    DataFrame
        A row per method: ``method``, ``lower``, ``upper``, ``recommended``, and for the recommended one
        ``reason``. NaN where a method cannot be used (lognormal and gamma need values above 0).

    Examples
    --------
    >>> soils = np.array([10, 13, 20, 36, 41, 59, 67, 110, 110, 136, 140, 160, 200, 230, 1300.0])
    >>> table = estimate_limits(soils).set_index("method")
    >>> table.loc[["student", "land"], "upper"].round(1).tolist()
    [320.3, 496.6]
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; expected a share between 0.5 and 1, such as 0.95")
    values, below = _checked(values, below)
    best, reason = recommend_method(values, below)
    rows = []
    for name, method in METHODS.items():
        usable = values.min() > 0 or name not in ("land", "gamma", "adjusted gamma")
        limits = method(values, below, confidence, seed) if usable else (np.nan, np.nan)
        rows.append((name, *limits, name == best, reason if name == best else ""))
    return pd.DataFrame(rows, columns=["method", "lower", "upper", "recommended", "reason"])


def _by_error(values: np.ndarray, below: np.ndarray, confidence: float, seed: int, *, any_law: bool) -> tuple:
    """Student's t or Chebyshev's limits."""
    n, mean, _, se = estimate_mean(values, below)
    factor = np.sqrt(1 / (1 - confidence) - 1) if any_law else stats.t.ppf(confidence, n - 1)
    return mean - factor * se, mean + factor * se


def _land(values: np.ndarray, below: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    n, mean, sd, _ = estimate_mean(np.log(values), below)
    return tuple(land_limit(n, mean, sd, level) for level in (1 - confidence, confidence))


def land_limit(n: int, log_mean: float, log_sd: float, confidence: float) -> float:
    """Confidence limit of a lognormal mean from mean and standard deviation of ``n`` logarithms.

    Given ``V = Σ(ln x − θ)²``, the statistic ``√n (mean − θ) / √V`` of soils whose mean is ``exp θ`` has
    a density proportional to ``(1 − z²)^((n − 3)/2) exp(−z √(nV) / 2)``, whatever their spread. The limit is
    the ``exp θ`` at which what was found has probability ``1 − confidence`` or less. A ``confidence`` below
    0.5 gives a lower limit. Of ProUCL's 56 soils with pyrene it is 179.7; ProUCL prints 180.2, which is
    what the factor of the tables' entry for 51 soils and a spread of 0.8 gives instead of 56 and 0.787.
    """
    if log_sd == 0:
        return float(np.exp(log_mean))
    nodes, weights = _gauss_legendre()

    def tail(theta: float) -> float:
        total = (n - 1) * log_sd**2 + n * (log_mean - theta) ** 2
        edge = np.arcsin(np.sqrt(n / total) * (log_mean - theta))
        parts = []
        for start, end in ((-np.pi / 2, edge), (edge, np.pi / 2)):
            angle = start + (end - start) * (nodes + 1) / 2
            log_density = (n - 2) * np.log(np.cos(angle)) - np.sqrt(n * total) / 2 * np.sin(angle)
            parts.append((log_density, weights * (end - start)))
        top = max(log_density.max() for log_density, _ in parts)
        below, above = (w @ np.exp(log_density - top) for log_density, w in parts)
        return below / (below + above) - (1 - confidence)

    centre, step = log_mean + log_sd**2 / 2, log_sd * (1 + log_sd) / np.sqrt(n)
    low, high = centre - step, centre + step
    while tail(low) < 0:
        low -= (step := 2 * step)
    while tail(high) > 0:
        high += (step := 2 * step)
    return float(np.exp(brentq(tail, low, high, xtol=1e-12)))


@lru_cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(200)


def gamma_shape(values: np.ndarray) -> float:
    """Shape of a gamma distribution by maximum likelihood, with ProUCL's correction for few soils."""
    gap = np.log(np.mean(values)) - np.mean(np.log(values))
    found = brentq(lambda log_k: log_k - digamma(np.exp(log_k)) - gap, np.log(1e-4), np.log(1e8))
    n = len(values)
    return float((n - 3) * np.exp(found) / n + 2 / (3 * n))


def gamma_limits(
    n: int, mean: float, shape: float, confidence: float, *, adjusted: bool
) -> tuple[float, float]:
    """Lower and upper chi-squared limits of a gamma mean; only the upper one can be ``adjusted``."""
    level = _adjusted_level(n, 1 - confidence) if adjusted else 1 - confidence
    lower, upper = (2 * n * shape / stats.chi2.ppf(p, 2 * n * shape) for p in (confidence, level))
    return mean * lower, mean * upper


def _adjusted_level(n: int, level: float) -> float:
    """Interpolate Grice and Bain's table, in ``n`` up to 40 soils and in ``1/n`` beyond."""
    by_n = {size: np.interp(level, _LEVELS, row) for size, row in _ADJUSTED.items()}
    if n > 40:
        return float(np.interp(1 / n, [0, 1 / 40], [by_n[np.inf], by_n[40]]))
    return float(np.interp(n, [5, 10, 20, 40], [by_n[size] for size in (5, 10, 20, 40)]))


def _gamma(values: np.ndarray, below: np.ndarray, confidence: float, seed: int, *, adjusted: bool) -> tuple:
    n, mean, sd, _ = estimate_mean(values, below)
    if sd == 0:
        return mean, mean
    corrected = (n - 3) / n * (mean / sd) ** 2 + 2 / (3 * n)  # ProUCL's, where values are below detection
    shape = corrected if below.any() else gamma_shape(values)
    return gamma_limits(n, mean, shape, confidence, adjusted=adjusted)


def _resample(values: np.ndarray, below: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard errors of resampled soils; those with too few detected are left out."""
    rows = np.random.default_rng(seed).integers(len(values), size=(N_RESAMPLES, len(values)))
    if not below.any():
        drawn = values[rows]
        return drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / np.sqrt(len(values))
    enough = [row for row in rows if (~below[row]).sum() >= FEWEST_DETECTED]
    found = [estimate_mean(values[row], below[row]) for row in enough]
    return np.array([one.mean for one in found]), np.array([one.se for one in found])


def _bca(values: np.ndarray, below: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    means, _ = _resample(values, below, seed)
    n, mean = len(values), estimate_mean(values, below).mean
    rest = ~np.eye(n, dtype=bool)
    left_out = [_mean_of_rest(values[row], below[row]) for row in rest]
    gap = np.mean(left_out) - left_out
    if not gap.any():
        return mean, mean
    skew = (gap**3).sum() / (6 * (gap**2).sum() ** 1.5)
    share = np.mean(means < mean) + np.mean(means == mean) / 2
    shift = stats.norm.ppf(np.clip(share, 0.5 / N_RESAMPLES, 1 - 0.5 / N_RESAMPLES))
    z = shift + stats.norm.ppf([1 - confidence, confidence])
    return tuple(np.quantile(means, stats.norm.cdf(shift + z / (1 - skew * z))))


def _mean_of_rest(values: np.ndarray, below: np.ndarray) -> float:
    return estimate_mean(values, below).mean if below.any() else float(values.mean())


def _bootstrap_t(values: np.ndarray, below: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    means, errors = _resample(values, below, seed)
    _, mean, _, se = estimate_mean(values, below)
    if se == 0:
        return mean, mean
    pivots = (means - mean)[errors > 0] / errors[errors > 0]
    high, low = np.quantile(pivots, [confidence, 1 - confidence])
    return mean - high * se, mean - low * se


Method = Callable[[np.ndarray, np.ndarray, float, int], tuple[float, float]]
#: Each takes values, which are below detection, the confidence, and a seed.
METHODS: dict[str, Method] = {
    "student": partial(_by_error, any_law=False),
    "chebyshev": partial(_by_error, any_law=True),
    "land": _land,
    "gamma": partial(_gamma, adjusted=False),
    "adjusted gamma": partial(_gamma, adjusted=True),
    "bca": _bca,
    "bootstrap-t": _bootstrap_t,
}


def recommend_method(values: np.ndarray, below: np.ndarray | None = None) -> tuple[str, str]:
    """Recommend one of :data:`METHODS`, and say why in one sentence, by the rules of ProUCL 5.2.

    Only detected values are asked what distribution they may come from.

    Examples
    --------
    >>> recommend_method(np.array([8.1, 9.4, 10.2, 10.9, 11.5, 12.8]))
    ('student', 'the values are like those of a normal distribution')
    """
    values, below = _checked(values, below)
    x, n = values[~below], len(values)
    if np.ptp(x) == 0 or _may_be_normal(x, 0.01):
        return "student", "the values are like those of a normal distribution"
    if x.min() <= 0:
        return "student", "the values are like no known distribution, and some are not above 0"
    shape = gamma_shape(x)
    if _may_be_gamma(x, shape):
        told = f"the values are like those of a gamma distribution of shape {shape:.2g}"
        if shape <= 1 and n < 15:
            return "bootstrap-t", f"{told}, which is very skewed, and the soils are fewer than 15"
        return ("adjusted gamma", f"{told}, and the soils are at most 50") if n <= 50 else ("gamma", told)
    spread = np.log(x).std(ddof=1)
    if _may_be_normal(np.log(x), 0.1):
        told = f"the values are like those of a lognormal distribution, their logarithms vary by {spread:.2g}"
        if n >= 28 or spread < 1.5:
            return "land", told
        return "student", f"{told}, and the soils are too few for Land's limit: it would be far too high"
    return "student", "the values are like no known distribution: where they are skewed, the limit is low"


def _may_be_normal(x: np.ndarray, level: float) -> bool:
    """Pass by Shapiro and Wilk's test or by Lilliefors', either being enough in ProUCL."""
    n, z = len(x), np.sort((x - x.mean()) / x.std(ddof=1))
    expected, steps = stats.norm.cdf(z), np.arange(n + 1) / n
    distance = max((steps[1:] - expected).max(), (expected - steps[:-1]).max())
    critical = {0.01: 1.035, 0.1: 0.819}[level] / (np.sqrt(n) - 0.01 + 0.85 / np.sqrt(n))  # Stephens 1974
    return bool(distance <= critical or stats.shapiro(x).pvalue >= level)


def _may_be_gamma(x: np.ndarray, shape: float) -> bool:
    """Shapiro and Wilk's test of gamma scores (Chen & Balakrishnan 1995), instead of ProUCL's tables."""
    scores = stats.norm.ppf(stats.gamma.cdf(x, shape, scale=x.mean() / shape).clip(1e-12, 1 - 1e-12))
    return bool(stats.shapiro(scores).pvalue >= 0.05)
