"""Confidence limits of a mean: what the soils of an area say of the area.

An area is above a limit if its mean is, and its mean is known from a few soils only. What is compared with
the limit is the upper confidence limit (UCL) of the mean: 95 of 100 such limits lie above the true mean.
How often each limit does so, for lognormal soils, is in ``results/ucl_coverage.csv``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import stats
from scipy.integrate import fixed_quad
from scipy.optimize import brentq

#: Resamples of the bootstraps; fewest values, as many of them above detection, that have a limit.
N_RESAMPLES, FEWEST = 2000, 3
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


class Limits(NamedTuple):
    """One-sided limits of a mean, by which method, and why by this one."""

    lower: float
    upper: float
    method: str
    reason: str = ""


def estimate_mean(values: np.ndarray, below: np.ndarray | None = None) -> MeanEstimate:
    """Mean, standard deviation and standard error; by Kaplan and Meier where values are below detection.

    ``below`` marks values that a laboratory reports as "less than"; these are detection limits. The share of
    soils that may lie below the smallest detected value is given that value. ``sd`` divides by ``n − 1``
    without values below detection, and by ``n`` with them, as ProUCL does (equations 4-1 to 4-3). Fewer than
    three values, or three detected ones, and values that are not finite are a ValueError.

    Examples
    --------
    >>> found = estimate_mean(np.array([1.0, 2.0, 3.0, 10.0]), np.array([True, False, False, False]))
    >>> found.mean, round(found.sd, 2), round(found.se, 2)
    (4.25, 3.34, 2.05)
    """
    values, below = _checked(values, below)
    n, detected = len(values), int((~below).sum())
    if not below.any():
        return MeanEstimate(n, float(values.mean()), float(values.std(ddof=1)), float(stats.sem(values)))
    x, found = np.unique(values[~below], return_counts=True)
    at_risk = (values[:, None] <= x).sum(axis=0)  # a value "< x" is not above x
    after = np.append((1 - found / at_risk)[:0:-1].cumprod()[::-1], 1.0)
    weight = np.diff(after, prepend=0.0)
    mean = weight @ x
    left = at_risk[1:] - found[1:]
    areas = np.cumsum(np.diff(x) * after[:-1])
    terms = areas**2 * found[1:] / (at_risk[1:] * np.where(left, left, np.inf))
    se = np.sqrt(detected / (detected - 1) * terms.sum())
    return MeanEstimate(n, float(mean), float(np.sqrt(weight @ x**2 - mean**2)), float(se))


def _checked(values: np.ndarray, below: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    values = np.asarray(values, dtype=float)
    below = np.zeros(len(values), dtype=bool) if below is None else np.asarray(below, dtype=bool)
    if values.shape != below.shape or not np.isfinite(values).all():
        raise ValueError(f"got {values.shape} values and {below.shape} flags; expected as many, all finite")
    if too_few := describe_too_few(below):
        raise ValueError(too_few)
    return values, below


def describe_too_few(below: np.ndarray) -> str:
    """Say what is missing where measured soils, some ``below`` detection, are too few; else nothing."""
    detected = int((~below).sum())
    if len(below) >= FEWEST and detected >= FEWEST:
        return ""
    return (
        f"{len(below)} soils measured, {detected} above detection; at least {FEWEST} are needed, {FEWEST} of "
        "them above detection: measure more, or join the unit with another"
    )


def estimate_limits(
    values: np.ndarray,
    below: np.ndarray | None = None,
    confidence: float = 0.95,
    method: str = "",
    seed: int = 0,
) -> Limits:
    """Lower and upper confidence limits of the mean, each one-sided at ``confidence``.

    ``method`` is one of :data:`METHODS`, the recommended one if empty. NaN where it cannot be used: lognormal
    and gamma limits need values above 0. ``seed`` is that of the bootstraps, the rest as for
    :func:`estimate_mean`.

    Examples
    --------
    >>> soils = np.array([10, 13, 20, 36, 41, 59, 67, 110, 110, 136, 140, 160, 200, 230, 1300.0])
    >>> [round(estimate_limits(soils, method=name).upper, 1) for name in ("student", "land")]
    [320.3, 496.6]
    """
    if not 0.5 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; expected a share between 0.5 and 1, such as 0.95")
    values, below = _checked(values, below)
    method, reason = (method, "") if method else recommend_method(values, below)
    if values.min() <= 0 and method in ("land", "gamma", "adjusted gamma"):
        return Limits(np.nan, np.nan, method, reason)
    mean = estimate_mean(values, below)
    limits = METHODS[method](values, below, confidence, seed) if mean.sd else (mean.mean, mean.mean)
    return Limits(*map(float, limits), method, reason)


def _by_error(values: np.ndarray, below: np.ndarray, confidence: float, seed: int, *, any_law: bool) -> tuple:
    """Student's t, right for normal data and many soils; or Chebyshev's, for any law, mostly far too high."""
    n, mean, _, se = estimate_mean(values, below)
    factor = np.sqrt(1 / (1 - confidence) - 1) if any_law else stats.t.ppf(confidence, n - 1)
    return mean - factor * se, mean + factor * se


def _land(values: np.ndarray, below: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Land's exact limits of lognormal data (Land 1971, doi 10.1214/aoms/1177693235): ProUCL's H-UCL."""
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

    def tail(theta: float) -> float:
        total = (n - 1) * log_sd**2 + n * (log_mean - theta) ** 2
        edge, pull = np.arcsin(np.sqrt(n / total) * (log_mean - theta)), np.sqrt(n * total) / 2
        top = (n - 2 - np.hypot(n - 2, 2 * pull)) / (2 * pull)  # sine of the angle where it is densest

        def density(angle: np.ndarray) -> np.ndarray:
            return np.exp(
                (n - 2) * np.log(np.cos(angle) / np.sqrt(1 - top**2)) - pull * (np.sin(angle) - top)
            )

        parts = ((-np.pi / 2, edge), (edge, np.pi / 2))
        below, above = (fixed_quad(density, *ends, n=200)[0] for ends in parts)
        return below / (below + above) - (1 - confidence)

    centre, step = log_mean + log_sd**2 / 2, log_sd * (1 + log_sd) / np.sqrt(n)
    low, high = centre - step, centre + step
    while tail(low) < 0:
        low -= (step := 2 * step)
    while tail(high) > 0:
        high += (step := 2 * step)
    return float(np.exp(brentq(tail, low, high, xtol=1e-12)))


def gamma_shape(values: np.ndarray) -> float:
    """Shape of a gamma distribution by maximum likelihood, with ProUCL's correction for few soils."""
    n = len(values)
    return (n - 3) * stats.gamma.fit(values, floc=0)[0] / n + 2 / (3 * n)


def gamma_limits(
    n: int, mean: float, shape: float, confidence: float, *, adjusted: bool
) -> tuple[float, float]:
    """Lower and upper chi-squared limits of a gamma mean; only the upper one can be ``adjusted``.

    Grice & Bain (1980, doi 10.1080/01621459.1980.10477574) adjust for few soils: their table is interpolated
    in ``n`` up to 40 soils and in ``1/n`` beyond.
    """
    level = 1 - confidence
    if adjusted:
        inverse = [1 / size for size in _ADJUSTED] if n > 40 else [-size for size in _ADJUSTED]
        by_n = [np.interp(level, _LEVELS, row) for row in _ADJUSTED.values()]
        level = np.interp(1 / n if n > 40 else -n, inverse[::-1], by_n[::-1])
    lower, upper = (2 * n * shape / stats.chi2.ppf(p, 2 * n * shape) for p in (confidence, level))
    return mean * lower, mean * upper


def _gamma(values: np.ndarray, below: np.ndarray, confidence: float, seed: int, *, adjusted: bool) -> tuple:
    n, mean, sd, _ = estimate_mean(values, below)
    corrected = (n - 3) / n * (mean / sd) ** 2 + 2 / (3 * n)  # ProUCL's, where values are below detection
    shape = corrected if below.any() else gamma_shape(values)
    return gamma_limits(n, mean, shape, confidence, adjusted=adjusted)


def _bca(values: np.ndarray, below: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Bias-corrected, accelerated bootstrap (Efron & Tibshirani 1993, chapter 14)."""

    def mean(drawn: np.ndarray, hidden: np.ndarray) -> float:
        return drawn.mean() if describe_too_few(hidden > 0) else estimate_mean(drawn, hidden).mean

    about = {"confidence_level": 2 * confidence - 1, "n_resamples": N_RESAMPLES, "rng": seed, "method": "BCa"}
    if below.any():
        return stats.bootstrap((values, below), mean, paired=True, **about).confidence_interval
    return stats.bootstrap((values,), np.mean, **about).confidence_interval


def _bootstrap_t(values: np.ndarray, below: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    """Bootstrap of Student's t (Efron & Tibshirani 1993, chapter 12), where enough values are detected."""
    _, mean, _, se = estimate_mean(values, below)
    rows = np.random.default_rng(seed).integers(len(values), size=(N_RESAMPLES, len(values)))
    if below.any():
        drawn = [estimate_mean(values[row], below[row]) for row in rows if not describe_too_few(below[row])]
        means, errors = np.transpose([(one.mean, one.se) for one in drawn])
    else:
        means, errors = values[rows].mean(axis=1), stats.sem(values[rows], axis=1)
    pivots = (means - mean)[errors > 0] / errors[errors > 0]
    high, low = np.quantile(pivots, [confidence, 1 - confidence])
    return mean - high * se, mean - low * se


#: Each takes values, which are below detection, the confidence, and a seed; it gives both limits.
METHODS: dict[str, Callable[[np.ndarray, np.ndarray, float, int], tuple[float, float]]] = {
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
    n, distance = len(x), stats.kstest((x - x.mean()) / x.std(ddof=1), "norm").statistic
    critical = {0.01: 1.035, 0.1: 0.819}[level] / (np.sqrt(n) - 0.01 + 0.85 / np.sqrt(n))  # Stephens 1974
    return bool(distance <= critical or stats.shapiro(x).pvalue >= level)


def _may_be_gamma(x: np.ndarray, shape: float) -> bool:
    """Shapiro and Wilk's test of gamma scores (Chen & Balakrishnan 1995), instead of ProUCL's tables."""
    scores = stats.norm.ppf(stats.gamma.cdf(x, shape, scale=x.mean() / shape).clip(1e-12, 1 - 1e-12))
    return bool(stats.shapiro(scores).pvalue >= 0.05)
