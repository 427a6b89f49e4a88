"""Verdicts in words, computed: prose that cannot disagree with its table.

A page glues these sentences; nobody types them. Each states its rule, so that a reader
can go from the words back to the numbers of :mod:`soilpb.compare`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from soilpb.compare import mean_over_tasks
from soilpb.evaluation import POOLED
from soilpb.wording import signed

#: What a comparison can end with.
Outcome = Literal["better", "worse", "equal", "undecided"]
#: A result seen in fewer than this share of single splits is called unusual.
UNUSUAL = 0.05


def outcome(comparison: Mapping, level: float = 0.05) -> Outcome:
    """Decide one row of :func:`soilpb.compare.against`.

    - ``equal``: the difference is too small to matter with a probability of 1 - level,
      whatever the p-value: with many folds even a trifle is significant;
    - ``better``, ``worse``: the Holm-corrected p-value is below the level;
    - ``undecided``: neither. This is not evidence of equality.
    """
    if comparison["equal"] >= 1 - level:
        return "equal"
    if comparison["p_holm"] < level:
        return "better" if comparison["change"] < 0 else "worse"
    return "undecided"


def verdict(comparison: Mapping, level: float = 0.05) -> str:
    """Say one row of :func:`soilpb.compare.against` in a sentence.

    ``p_holm`` is corrected for as many comparisons as its table has; the interval is of this
    comparison alone, so that it may exclude zero where the verdict is still "undecided".
    """
    c = comparison
    decided = outcome(c, level)
    if decided == "equal":
        return (
            f"{c['model']} and {c['reference']} are practically equal: their {c['metric']} differs by less "
            f"than {_percent(c['rope'])} with a probability of {_probability(c['equal'])}."
        )
    interval = f"95 % interval of the change {_signed(c['lower'])} to {_signed(c['upper'])}"
    effect = f"{c['metric']} by {_percent(abs(c['change']))}"
    numbers = f"({interval}; {_p(c['p_holm'])}, Holm-corrected)"
    if decided == "undecided":
        return (
            f"{c['model']} and {c['reference']} cannot be told apart: {c['model']} "
            f"{'lowers' if c['change'] < 0 else 'raises'} {effect}, {luck(c)} {numbers}."
        )
    verb = "lowers" if decided == "better" else "raises"
    return f"{c['model']} is {decided} than {c['reference']}: it {verb} {effect} {numbers}."


def place_verdict(gains: Sequence[float], model: str) -> str:
    """Say whether transfer earns its place in a model: its R² with transfer minus without, a value a task.

    The rule: the 95 % interval of the mean over tasks lies above 0.
    """
    mean, lower, upper = mean_over_tasks(gains)
    if lower > 0:
        said = "transfer earns its place"
    elif upper < 0:
        said = "transfer does harm"
    else:
        said = "transfer does not earn its place; what it changes may be chance"
    return (
        f"Over {len(gains)} tasks, transfer changes the mean R² of {model} by {signed(mean, 3)} "
        f"(95 % interval {signed(lower, 3)} to {signed(upper, 3)}): {said}."
    )


def luck(comparison: Mapping) -> str:
    """Say why a difference is not proven: its interval holds zero, or many comparisons were made."""
    if comparison["lower"] <= 0 <= comparison["upper"]:
        return "which other splits might undo"
    return "more than other splits would undo, were it the only comparison, but not among as many as here"


def split_verdict(scores: pd.DataFrame, model: str, published: float) -> str:
    """Say what a published R² of one split can mean, given what single splits do to ours.

    Parameters
    ----------
    scores : DataFrame
        From :func:`soilpb.evaluation.single_splits`.
    model : str
    published : float
        R² that somebody reported from one split.
    """
    rows = scores[(scores["model"] == model) & (scores["metric"] == "R2") & (scores["fold"] == POOLED)]
    r2 = rows["value"]
    reached = (r2 >= published).mean()
    low, high = r2.quantile([0.05, 0.95])
    usual = "a single split at that value would be unusual for this model"
    if reached >= UNUSUAL:
        usual = "one split at that value may well be this model on a good day"
    return (
        f"Over {len(r2)} random splits the R² of {model} averages {r2.mean():.2f} and runs from {low:.2f} "
        f"to {high:.2f} (5–95 %); it reaches the published {published:.2f} in {_percent(reached)} of them: "
        f"{usual}."
    )


def protocol_verdict(scores: pd.DataFrame, model: str) -> str:
    """Say how far the way of splitting moves R² of one model.

    Parameters
    ----------
    scores : DataFrame
        ``protocol``, ``model``, ``value``: mean R² of a model under a way of splitting.
    model : str

    Examples
    --------
    >>> table = pd.DataFrame({"protocol": ["random", "blocks"], "model": "PLS", "value": [0.6, 0.41]})
    >>> protocol_verdict(table, "PLS")
    'The R² of PLS runs from 0.41 (blocks) to 0.60 (random), on the same soils.'
    """
    r2 = scores[scores["model"] == model].set_index("protocol")["value"]
    return (
        f"The R² of {model} runs from {r2.min():.2f} ({r2.idxmin()}) to {r2.max():.2f} ({r2.idxmax()}), "
        "on the same soils."
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if abs(share) >= 0.0095 or share == 0 else f"{100 * share:.1f} %"


def _probability(p: float) -> str:
    return _percent(p) if p < 0.99 else "more than 99 %"


def _signed(share: float) -> str:
    return f"{'−' if share < 0 else '+'}{_percent(abs(share))}"


def _p(p_value: float) -> str:
    if p_value < 0.001:
        return "p < .001"
    return f"p = {p_value:.{3 if p_value < 0.01 else 2}f}".replace("0.", ".")
