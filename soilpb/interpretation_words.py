"""Sentences about a trial of wavelengths, computed: none names a band without its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from soilpb import slope_words
from soilpb.audit import Verdict
from soilpb.band_change import RULES
from soilpb.windows import in_nm
from soilpb.wording import listed, with_interval


def tally(table: pd.DataFrame) -> str:
    """Count the verdicts of a table.

    Parameters
    ----------
    table : DataFrame
        From :func:`soilpb.audit.verdict_table`.

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
    return f"Whether credit describes the network is in doubt: {listed(told)}."


def about_the_next_model(verdicts: Mapping[str, Verdict]) -> str:
    """Say how much of a profile is left when something changes that should not matter.

    Parameters
    ----------
    verdicts : mapping of str to Verdict
        What was changed, such as "another seed" → its verdict, on a Spearman correlation.
    """
    told = [f"{_judged(verdict)} with {what}" for what, verdict in verdicts.items()]
    lost = [what for what, verdict in verdicts.items() if verdict.verdict == "fails"]
    said = f"Ranks of credit agree (Spearman, with intervals of 90 %) at {listed(told)}."
    if not lost:
        return f"{said} None falls short of its threshold."
    return f"{said} What {listed(lost)} would change is not a property of the soils."


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
        From :func:`soilpb.band_change.compare_bands`.
    """
    n = change["outcome"].value_counts().reindex(list(RULES), fill_value=0)
    width = change["stop"].iloc[0] - change["start"].iloc[0]
    told = [f"{n[outcome]} {outcome}" for outcome in RULES if outcome != "undecided" and n[outcome]]
    known = f"{listed(told)}; for" if told else "none can be classed: for"
    return f"Of {len(change)} bands of {width:g} nm, {known} {n['undecided']} these soils cannot tell."


def named_windows(tested: pd.DataFrame, model: str) -> str:
    """Say of each window that was named beforehand how much credit it gets, and what became of the claim.

    Parameters
    ----------
    tested : DataFrame
        From :func:`soilpb.windows.window_tests`, with ``verdict``: a word for each window.
    model : str
    """
    told = [
        f"{in_nm(row.start, row.stop)} {with_interval(row.relative, row.low, row.high)}"
        for row in tested.itertuples()
    ]
    n = (tested["verdict"] == "holds").sum()
    survive = f"{n} of {len(tested)} survive" if n else f"none of the {len(tested)} survive"
    return (
        f"In {model}, credit per nanometre relative to an even spread (90 % interval) is: {listed(told)}. "
        f"As statements about this model, {survive}{'s' if n < 2 else ''} both tests."
    )


def true_windows(outcomes: pd.DataFrame | None) -> str:
    """Say how many true windows the model's credit recovered, missed, or left open.

    Parameters
    ----------
    outcomes : DataFrame or None
        From :func:`soilpb.audit_truth.against_truth`; None where nobody knows the truth.
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
        As for :func:`soilpb.slope_words.signs` and :func:`soilpb.slope_words.away_from_zero`.
    """
    n = (tested["verdict"] == "holds").sum()
    survive = {0: "none survives", 1: "1 survives"}.get(n, f"{n} survive")
    minerals = (
        f"What survives is minerals. {slope_words.signs(slopes)}"
        if "truth" in slopes
        else f"Asked about minerals instead, it answers: {slope_words.away_from_zero(slopes)}"
    )
    return (
        "Two fits of the recipe agree on the order of wavelengths at a Spearman correlation of "
        f"{_judged(draw)}, and of the {len(tested)} published windows {survive}. {minerals}"
    )


def _judged(verdict: Verdict) -> str:
    return with_interval(verdict.statistic, verdict.low, verdict.high)


def _s(n: int) -> str:
    return "s" if n == 1 else ""
