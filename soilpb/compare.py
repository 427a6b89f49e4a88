"""Is one model better than another? Tests that know folds overlap.

Scores of different folds are not independent: their training rows overlap. A plain t-test
takes them for so many experiments and finds differences everywhere. Both tests here widen
the variance by ``n_test / n_train`` (Nadeau & Bengio 2003, Machine Learning 52:239).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from soilpb.evaluation import ERRORS, POOLED
from soilpb.splits import held_out_ratio


class TTest(NamedTuple):
    """Mean difference, its 95 % interval, and the two-sided p-value."""

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p_value: np.ndarray


class Posterior(NamedTuple):
    """Probabilities that the true difference lies below, inside and above the region."""

    below: np.ndarray
    inside: np.ndarray
    above: np.ndarray


def corrected_t_test(differences: np.ndarray, ratio: float) -> TTest:
    """Corrected resampled t-test (Nadeau & Bengio 2003).

    Parameters
    ----------
    differences : (..., n_folds) array
        Score of one model minus that of another on the same fold, all folds of all repeats.
    ratio : float
        n_test / n_train; 0 gives the ordinary t-test, which overlapping folds make too sure.

    Examples
    --------
    >>> round(float(corrected_t_test([1.0, 2.0, 3.0, 2.0], ratio=0.25).p_value), 3)
    0.041
    """
    distribution, mean = _posterior(differences, ratio)
    lower, upper = distribution.interval(0.95)
    return TTest(mean, lower, upper, 2 * np.minimum(distribution.cdf(0), distribution.sf(0)))


def bayesian_t_test(differences: np.ndarray, ratio: float, rope: float) -> Posterior:
    """Bayesian correlated t-test (Corani & Benavoli 2015, Machine Learning 100:285).

    Parameters
    ----------
    differences, ratio
        As in :func:`corrected_t_test`.
    rope : float
        Differences within ``±rope`` make no practical difference, in the unit of the score.
    """
    distribution, _ = _posterior(differences, ratio)
    below, above = distribution.cdf(-rope), distribution.sf(rope)
    return Posterior(below, 1 - below - above, above)


def _posterior(differences: np.ndarray, ratio: float) -> tuple[stats.distributions.rv_frozen, np.ndarray]:
    """Student distribution that both tests read: the first as sampling, the second as belief."""
    differences = np.asarray(differences, dtype=float)
    n_folds = differences.shape[-1]
    if n_folds < 2:
        raise ValueError(f"got differences of {n_folds} folds; a test needs at least 2")
    mean = differences.mean(axis=-1)
    spread = np.sqrt((1 / n_folds + ratio) * differences.var(axis=-1, ddof=1))
    # Models that never differ have no spread: the smallest number stands for none.
    return stats.t(n_folds - 1, mean, np.maximum(spread, np.finfo(float).tiny)), mean


def mean_over_tasks(differences: Sequence[float], coverage: float = 0.95) -> tuple[float, float, float]:
    """Mean of one difference a task, and its interval by Student's t: tasks are the sample.

    It says what to expect on another task like these. That needs no correction for folds,
    which each task has averaged already.

    Examples
    --------
    >>> [round(value, 3) for value in mean_over_tasks([0.01, 0.02, 0.03])]
    [0.02, -0.005, 0.045]
    """
    differences = np.asarray(differences, dtype=float)
    if differences.size < 2:
        raise ValueError(f"got {differences.size} task; an interval over tasks needs at least 2")
    half = stats.t.ppf((1 + coverage) / 2, differences.size - 1) * stats.sem(differences)
    mean = differences.mean()
    return float(mean), float(mean - half), float(mean + half)


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjust p-values for many comparisons, step-down (Holm 1979, Scand. J. Statist. 6:65).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, dtype=float)
    order = p.argsort()
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted


def against(
    scores: pd.DataFrame, folds: pd.DataFrame, reference: str, metric: str = "RMSE", rope: float = 0.02
) -> pd.DataFrame:
    """Compare every model with one reference, fold by fold.

    Parameters
    ----------
    scores : DataFrame
        From :func:`soilpb.evaluation.score`, by fold.
    folds : DataFrame
        The folds they were made on: the share of test rows corrects the tests.
    reference : str
        Model to compare with.
    metric : str
        An error, so that less is better. R² of one fold is mostly the variance of its few
        test rows, and is refused.
    rope : float
        Practical equivalence, as a share of the reference's mean error.

    Returns
    -------
    DataFrame
        One row a model: model, reference, metric, change, lower, upper (shares of the
        reference's mean error; below 0 is better), p_value, p_holm (over these models),
        better, equal, worse (posterior probabilities), rope.
    """
    if metric not in ERRORS:
        raise ValueError(f"metric is {metric!r}; tests by fold compare errors: {', '.join(ERRORS)}")
    by_fold = scores[(scores["metric"] == metric) & (scores["fold"] != POOLED)]
    errors = by_fold.pivot_table(index=["repeat", "fold"], columns="model", values="value", sort=False)
    if reference not in errors:
        raise ValueError(f"no scores of the reference {reference!r}; there are: {', '.join(errors)}")
    others = errors.drop(columns=reference)
    changes = others.sub(errors[reference], axis=0).to_numpy().T / errors[reference].mean()
    ratio = held_out_ratio(folds)
    test, belief = corrected_t_test(changes, ratio), bayesian_t_test(changes, ratio, rope)
    table = pd.DataFrame({"model": others.columns, "reference": reference, "metric": metric})
    return table.assign(
        change=test.mean,
        lower=test.lower,
        upper=test.upper,
        p_value=test.p_value,
        p_holm=holm(test.p_value),
        better=belief.below,
        equal=belief.inside,
        worse=belief.above,
        rope=rope,
    )


def wrong_winners(scores: pd.DataFrame, metric: str = "R2") -> pd.DataFrame:
    """How often a single split names the wrong one of two models.

    Parameters
    ----------
    scores : DataFrame
        From :func:`soilpb.evaluation.single_splits`.

    Returns
    -------
    DataFrame
        One row a pair: winner (better on average over the splits), loser, gap (between
        their means), sd (of the difference over splits), share (of splits in which the
        loser scored better).
    """
    rows = scores[(scores["metric"] == metric) & (scores["fold"] == POOLED)]
    values = rows.pivot_table(index="repeat", columns="model", values="value")
    values = -values if metric in ERRORS else values
    ranking = values.mean().sort_values(ascending=False)
    pairs = [
        (winner, loser, gap.mean(), gap.std(), (gap < 0).mean())
        for winner, loser in combinations(ranking.index, 2)
        for gap in [values[winner] - values[loser]]
    ]
    return pd.DataFrame(pairs, columns=["winner", "loser", "gap", "sd", "share"])
