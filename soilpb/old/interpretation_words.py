"""Sentences about a trial of wavelengths, computed: none names a band without its interval.

Sentences about how predictions answer to minerals: signs, sizes, and the truth where it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soilpb._format import join_words, number, to_words, with_interval
from soilpb.explain.bands import OUTCOMES, format_window
from soilpb.explain.sanity_checks import Verdict


def tally(table: pd.DataFrame) -> str:
    """Count the verdicts of a table.

    Parameters
    ----------
    table : DataFrame
        From :func:`soilpb.explain.sanity_checks.verdict_table`.

    Examples
    --------
    >>> tally(pd.DataFrame({"verdict": ["holds", "fails", "fails"]}))
    'Of 3 statements 1 holds, 2 fail and 0 are undecided.'
    """
    n = table["verdict"].value_counts().reindex(["holds", "fails", "undecided"], fill_value=0)
    return (
        f"Of {len(table)} statements {n['holds']} hold{_s(n['holds'])}, {n['fails']} fail{_s(n['fails'])} "
        f"and {n['undecided']} {'is' if n['undecided'] == 1 else 'are'} undecided."
    )


def about_the_model(verdicts: Sequence[Verdict]) -> str:
    """Say whether credit describes the network it was computed for.

    Parameters
    ----------
    verdicts : sequence of Verdict
        On sums, programs, what was learned, and masking.
    """
    doubted = [verdict for verdict in verdicts if verdict.verdict != "holds"]
    if not doubted:
        return (
            "Credit describes the network: it adds up, two programs agree, it depends on what was learned, "
            "and credited bands move the predictions more than random ones."
        )
    words = {"fails": "fails", "undecided": "is undecided"}
    told = [f"“{verdict.statement}” {words[verdict.verdict]}" for verdict in doubted]
    return f"Whether credit describes the network is in doubt: {join_words(told)}."


def about_the_next_model(verdicts: Mapping[str, Verdict]) -> str:
    """Say how much of a profile is left when something changes that should not matter.

    Parameters
    ----------
    verdicts : mapping of str to Verdict
        What was changed, such as "another seed" → its verdict, on a Spearman correlation.
    """
    told = [f"{_judged(verdict)} with {what}" for what, verdict in verdicts.items()]
    lost = [what for what, verdict in verdicts.items() if verdict.verdict == "fails"]
    said = f"Ranks of credit agree (Spearman, with intervals of 90 %) at {join_words(told)}."
    if not lost:
        return f"{said} None falls short of its threshold."
    return f"{said} What {join_words(lost)} would change is not a property of the soils."


def about_the_soil(ranking: Verdict | None) -> str:
    """Say whether credit ranks wavelengths as the truth does; None where nobody knows the truth."""
    if ranking is None:
        return "Whether credit describes the soil cannot be tested where nobody knows the truth."
    does = {"holds": "describes the soil", "fails": "does not describe the soil"}.get(
        ranking.verdict, "may or may not describe the soil"
    )
    return (
        f"Credit {does}: with the true response of the simulated soils its ranking of wavelengths "
        f"correlates at {_judged(ranking)}."
    )


def band_outcomes(change: pd.DataFrame) -> str:
    """Count what became of the bands.

    Parameters
    ----------
    change : DataFrame
        From :func:`soilpb.explain.bands.compare_bands`.
    """
    n = change["outcome"].value_counts().reindex(list(OUTCOMES), fill_value=0)
    width = change["stop"].iloc[0] - change["start"].iloc[0]
    told = [f"{n[outcome]} {outcome}" for outcome in OUTCOMES if outcome != "undecided" and n[outcome]]
    known = f"{join_words(told)}; for" if told else "none can be classed: for"
    return f"Of {len(change)} bands of {width:g} nm, {known} {n['undecided']} these soils cannot tell."


def named_windows(tested: pd.DataFrame, model: str) -> str:
    """Say of each window that was named beforehand how much credit it gets, and what became of the claim.

    Parameters
    ----------
    tested : DataFrame
        From :func:`soilpb.explain.bands.compare_windows`, with ``verdict``: a word for each window.
    model : str
    """
    told = [
        f"{format_window(row.start, row.stop)} {with_interval(row.relative, row.low, row.high)}"
        for row in tested.itertuples()
    ]
    n = (tested["verdict"] == "holds").sum()
    survive = f"{n} of {len(tested)} survive" if n else f"none of the {len(tested)} survive"
    return (
        f"In {model}, credit per nanometre relative to an even spread (90 % interval) is: {join_words(told)}. "
        f"As statements about this model, {survive}{'s' if n < 2 else ''} both tests."
    )


def true_windows(outcomes: pd.DataFrame | None) -> str:
    """Say how many true windows the model's credit recovered, missed, or left open.

    Parameters
    ----------
    outcomes : DataFrame or None
        From :func:`soilpb.explain.sanity_checks.compare_with_truth`; None where nobody knows the truth.
    """
    if outcomes is None:
        return "What is true of these soils, nobody knows."
    n = outcomes["outcome"].value_counts()
    recovered, missed, open_ = (n.get(word, 0) for word in ("recovered", "missed", "undecided"))
    return (
        f"Of the {len(outcomes)} windows in which the true response lies above an even spread, credit "
        f"recovers {recovered}, misses {missed} and leaves {open_} open."
    )


def answer(draw: Verdict, tested: pd.DataFrame, slopes: pd.DataFrame) -> str:
    """Sum the trial up in three sentences.

    Parameters
    ----------
    draw : Verdict
        On the agreement of two draws.
    tested : DataFrame
        As for :func:`named_windows`.
    slopes : DataFrame
        As for :func:`soilpb.old.interpretation_words.signs` and :func:`soilpb.old.interpretation_words.away_from_zero`.
    """
    n = (tested["verdict"] == "holds").sum()
    survive = {0: "none survives", 1: "1 survives"}.get(n, f"{n} survive")
    minerals = (
        f"What survives is minerals. {signs(slopes)}"
        if "truth" in slopes
        else f"Asked about minerals instead, it answers: {away_from_zero(slopes)}"
    )
    return (
        "Two fits of the recipe agree on the order of wavelengths at a Spearman correlation of "
        f"{_judged(draw)}, and of the {len(tested)} published windows {survive}. {minerals}"
    )


def _judged(verdict: Verdict) -> str:
    return with_interval(verdict.statistic, verdict.low, verdict.high)


def _s(n: int) -> str:
    return "s" if n == 1 else ""


def signs(slopes: pd.DataFrame, threshold: float = 0.2) -> str:
    """Say how slopes compare with the truth: correlation, signs, sizes.

    Parameters
    ----------
    slopes : DataFrame
        ``constituent``, ``slope``, ``low``, ``high`` and ``truth``; without ``truth`` where nobody
        knows it.
    threshold : float
        Size of a true slope from which its sign has to be right.
    """
    if "truth" not in slopes:
        return "Whether they are true nobody can say here: only simulated soils carry their truth."
    r = np.corrcoef(slopes["slope"], slopes["truth"])[0, 1]
    strong = slopes[slopes["truth"].abs() > threshold]
    right = int((np.sign(strong["slope"]) == np.sign(strong["truth"])).sum())
    size = np.median(strong["slope"] / strong["truth"])
    return (
        f"Over {len(slopes)} constituents the slopes correlate with the truth at {r:.2f}. "
        f"{right} of the {len(strong)} whose true slope exceeds {threshold:g} in size have the right sign; "
        f"their slopes are {100 * size:.0f} % of the truth (median): models of few soils shrink."
        f"{_missed(slopes)}"
    )


def away_from_zero(slopes: pd.DataFrame) -> str:
    """Name the constituents whose slope is known to be positive or negative.

    Parameters
    ----------
    slopes : DataFrame
        ``constituent``, ``slope``, ``low``, ``high``.
    """
    named = slopes.assign(name=slopes["constituent"].map(to_words))
    up, down = named[named["low"] > 0]["name"], named[named["high"] < 0]["name"]
    unsure = len(named) - len(up) - len(down)
    return (
        f"Predictions rise with {join_words(up) or 'none'} and fall with {join_words(down) or 'none'}; "
        f"for {unsure} of {len(named)} constituents the interval holds 0."
    )


def fields_agree(slopes: pd.DataFrame) -> str:
    """Say in how many measured fields a model answers to what it was taught, and name the exceptions.

    Parameters
    ----------
    slopes : DataFrame
        ``field``, ``model``, ``slope``, ``low``, ``r2`` of the model, and ``strongest``: the
        constituent with which its predictions rise most.
    """
    told = []
    for model, rows in slopes.groupby("model", sort=False):
        wrong = [
            f"{row.field}, whose model has an R² of {row.r2:.2f} and rises most with {to_words(row.strongest)}"
            for row in rows[rows["slope"] <= 0].itertuples()
        ]
        sure = (rows["low"] > 0).sum()
        told.append(
            f"the slope of the {model} is positive in {(rows['slope'] > 0).sum()} of {len(rows)} fields, "
            f"in {sure} of them with its whole interval" + (f" (not in {join_words(wrong)})" if wrong else "")
        )
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _missed(slopes: pd.DataFrame) -> str:
    """Name the constituents whose interval does not hold the truth."""
    outside = slopes[(slopes["low"] > slopes["truth"]) | (slopes["high"] < slopes["truth"])]
    if outside.empty:
        return ""
    told = [
        f"{to_words(row.constituent)}, {with_interval(row.slope, row.low, row.high)} where "
        f"the truth is {number(row.truth)}"
        for row in outside.itertuples()
    ]
    return f" The interval misses the truth for: {join_words(told)}."
