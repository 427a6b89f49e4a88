"""Is one model better than another? Tests on stored folds, and bootstrap intervals over soils.

Scores of folds are not independent, since their training rows overlap: a plain t-test finds differences
everywhere. Both t-tests widen the variance by ``n_test / n_train`` (Nadeau & Bengio 2003, Mach. Learn. 52).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from soilpb.evaluate.cross_validation import POOLED
from soilpb.evaluate.splits import held_out_ratio

#: Columns of a comparison.
COMPARED = "model reference metric change lower upper p_value p_holm better equal worse rope".split()
#: What a comparison can end with.
Verdict = Literal["better", "worse", "equal", "undecided"]
#: Level of the tests.
LEVEL = 0.05
#: Differences smaller than this share of the reference's error make no practical difference.
ROPE = 0.02


def compare_models(
    scores: pd.DataFrame, folds: pd.DataFrame, reference: str, primary: str = ""
) -> pd.DataFrame:
    """Compare the RMSE of every model with that of one reference, fold by fold, one row per model.

    R² is not compared: in one fold it is mostly the variance of the few test rows. ``change``, ``lower`` and
    ``upper`` are shares of the reference's mean error (below 0 is better) on the repeats that both have,
    ``p_holm`` is corrected over these models, but for the ``primary`` one; ``better``, ``equal``, ``worse``
    are posterior probabilities with the margin ``rope``.
    """
    by_fold = scores[(scores["metric"] == "RMSE") & (scores["fold"] != POOLED)]
    errors = by_fold.pivot_table(index=["repeat", "fold"], columns="model", values="value", sort=False)
    if reference not in errors:
        raise ValueError(f"no scores of the reference {reference!r}; there are: {', '.join(errors)}")
    ratio, rows = held_out_ratio(folds), []
    for model in errors.columns.drop(reference):
        both = errors[[model, reference]].dropna()  # the repeats that both were given
        change = (both[model] - both[reference]).to_numpy() / both[reference].mean()
        *interval, p_value, better, equal, worse = corrected_t_test(change, ratio, ROPE)
        rows.append((model, reference, "RMSE", *interval, p_value, p_value, better, equal, worse, ROPE))
    table = pd.DataFrame(rows, columns=COMPARED)
    others = table["model"] != primary
    table.loc[others, "p_holm"] = adjust_p_values(table.loc[others, "p_value"])
    return table


def compare_pairs(scores: pd.DataFrame, folds: pd.DataFrame, pairs: Mapping[str, str]) -> pd.DataFrame:
    """Compare each model with its own control, Holm-corrected over the pairs.

    ``pairs`` maps each model to the same model without what is under test. The rows are those of
    :func:`compare_models`, with a column ``outcome`` (:func:`decide_verdict`).
    """
    pairs = pairs.items()
    tables = [compare_models(scores[scores["model"].isin(pair)], folds, pair[1]) for pair in pairs]
    table = pd.concat(tables, ignore_index=True)
    table["p_holm"] = adjust_p_values(table["p_value"])
    return table.assign(outcome=[decide_verdict(row) for row in table.to_dict("records")])


def decide_verdict(comparison: Mapping) -> Verdict:
    """Decide one row of :func:`compare_models`, at the level :data:`LEVEL`.

    It is ``equal`` where the difference is too small to matter with a probability of 1 - level, whatever the
    p-value: with many folds even a tiny difference is significant. ``undecided`` is no evidence of equality.
    """
    if comparison["equal"] >= 1 - LEVEL:
        return "equal"
    if comparison["p_holm"] < LEVEL:
        return "better" if comparison["change"] < 0 else "worse"
    return "undecided"


def count_wrong_winners(scores: pd.DataFrame) -> pd.DataFrame:
    """How often a single split gives the better R² to the wrong one of two models, one row per pair.

    ``gap`` and ``sd`` are of the difference over splits, ``share`` is that of splits in which the ``loser``
    (on average) scored better.
    """
    rows = scores[(scores["metric"] == "R2") & (scores["fold"] == POOLED)]
    values = rows.pivot_table(index="repeat", columns="model", values="value")
    ranking = values.mean().sort_values(ascending=False)
    pairs = [
        (winner, loser, gap.mean(), gap.std(), (gap < 0).mean())
        for winner, loser in combinations(ranking.index, 2)
        for gap in [values[winner] - values[loser]]
    ]
    return pd.DataFrame(pairs, columns=["winner", "loser", "gap", "sd", "share"])


class TTest(NamedTuple):
    """Mean difference, its 95 % interval, the two-sided p-value, and where the true difference may lie."""

    mean: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    p_value: np.ndarray
    below: np.ndarray  # probability that it is below the margin of practical difference, inside, above
    inside: np.ndarray
    above: np.ndarray


def corrected_t_test(differences: np.ndarray, ratio: float, rope: float = 0.0) -> TTest:
    """Corrected resampled t-test (Nadeau & Bengio 2003), and its Bayesian reading.

    The latter (Corani & Benavoli 2015, Machine Learning 100:285) gives the probabilities that the true
    difference lies below, inside and above ``±rope``. ``differences`` (..., n_folds) are of two models'
    scores on all folds of all repeats. ``ratio`` is n_test / n_train; 0 gives the ordinary t-test, which is
    too sure where folds overlap.
    """
    differences = np.asarray(differences, dtype=float)
    n_folds = differences.shape[-1]
    if n_folds < 2:
        raise ValueError(f"got differences of {n_folds} folds; a test needs at least 2")
    mean = differences.mean(axis=-1)
    spread = np.sqrt((1 / n_folds + ratio) * differences.var(axis=-1, ddof=1))
    # Models that never differ have no spread: the smallest number stands for none.
    student = stats.t(n_folds - 1, mean, np.maximum(spread, np.finfo(float).tiny))
    p_value, below, above = (
        2 * np.minimum(student.cdf(0), student.sf(0)),
        student.cdf(-rope),
        student.sf(rope),
    )
    return TTest(mean, *student.interval(0.95), p_value, below, 1 - below - above, above)


def adjust_p_values(p_values: Sequence[float]) -> np.ndarray:
    """Adjust p-values for many comparisons, step-down (Holm 1979, Scand. J. Statist. 6:65)."""
    p = np.asarray(p_values, dtype=float)
    order = p.argsort()
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1, np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)))
    return adjusted


def mean_over_tasks(differences: Sequence[float]) -> tuple[float, float, float]:
    """Mean of one difference per task, and its 95 % interval by Student's t.

    Tasks are the sample: the interval says what to expect on another task like these.
    """
    differences = np.asarray(differences, dtype=float)
    if differences.size < 2:
        raise ValueError(f"got {differences.size} task; an interval over tasks needs at least 2")
    half = stats.t.ppf(0.975, differences.size - 1) * stats.sem(differences)
    mean = differences.mean()
    return float(mean), float(mean - half), float(mean + half)


def bootstrap_interval(
    predictions: pd.DataFrame,
    reference: str | None = None,
    groups: Mapping | None = None,
    n_draws: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """95 % percentile interval of the pooled R² under resampling of the test samples, one row per model.

    A sample is drawn with all its repeats, and all models share the draws; where ``groups`` maps samples to
    groups, whole groups are drawn. With a ``reference``, values are differences from that model's. The
    interval says how far other soils of this population would move the score of *these* fitted models.
    """
    wide = predictions.pivot_table(index="sample", columns=["model", "repeat"], values="predicted")
    if wide.isna().any(axis=None):
        raise ValueError("some samples lack predictions of a model and repeat: use the folds of a k-fold")
    observed = predictions.groupby("sample")["observed"].first().to_numpy()[:, None]
    square = (wide.to_numpy() - observed) ** 2
    unit = np.arange(len(observed)) if groups is None else pd.factorize(wide.index.map(groups))[0]
    n = unit.max() + 1
    resampled = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_draws)
    weights = np.vstack([np.ones(n), resampled])[:, unit]  # the first row is the sample itself
    total = weights.sum(axis=1, keepdims=True)
    centred = observed - observed.mean()
    spread = weights @ centred**2 - (weights @ centred) ** 2 / total
    # Draws without variance leave nothing to explain: they count as a very bad R², never as missing.
    value = 1 - weights @ square / np.maximum(spread, 1e-12 * (centred**2).sum() + 1e-30)
    draws = pd.DataFrame(value, columns=wide.columns).T.groupby("model", sort=False).mean().T
    if reference is not None:
        draws = draws.drop(columns=reference).sub(draws[reference], axis=0)
    tails = draws.iloc[1:].quantile([0.025, 0.975])
    table = pd.DataFrame({"value": draws.iloc[0], "lower": tails.iloc[0], "upper": tails.iloc[1]})
    return table.rename_axis("model").reset_index().assign(metric="R2")
