"""The trial's verdicts: each a statement, how it was tested, a statistic, its interval, a word.

``holds`` and ``fails`` need the whole interval on one side of a threshold that is stated
with the test; ``undecided`` means that these soils cannot tell. Verdicts are computed from
tidy tables, for any site.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from soilpb.credit import ADDITIVITY_TOLERANCE, Attribution
from soilpb.windows import in_nm

#: Intervals of verdicts run between these quantiles.
QUANTILES = (0.05, 0.95)
#: Level below which a p-value speaks.
SIGNIFICANT = 0.05

Word = Literal["holds", "fails", "undecided"]


class Verdict(NamedTuple):
    """One row of the table of verdicts."""

    statement: str
    test: str
    statistic: float
    low: float
    high: float
    verdict: Word


def verdict_table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """Verdicts as a table: ``statement``, ``test``, ``statistic``, ``low``, ``high``, ``verdict``."""
    return pd.DataFrame(list(verdicts), columns=Verdict._fields)


def additivity(explained: Iterable[Attribution]) -> Verdict:
    """Decide whether credit adds up to the predictions in every explanation."""
    errors = [attribution.additivity_error for attribution in explained]
    return Verdict(
        "Credit adds up to the predictions",
        f"largest gap ≤ {ADDITIVITY_TOLERANCE:g} sd of the predictions",
        max(errors),
        min(errors),
        max(errors),
        "holds" if max(errors) <= ADDITIVITY_TOLERANCE else "fails",
    )


def agreement(first: Attribution, second: Attribution, threshold: float) -> Verdict:
    """Decide whether two explainers rank credit alike, soil by soil."""
    pairs = zip(first.credit, second.credit, strict=True)
    rho = np.array([spearmanr(a, b).statistic for a, b in pairs])
    return Verdict(
        f"{first.explainer} and {second.explainer} agree",
        f"Spearman of a soil's credit ≥ {threshold:g}",
        *_summary(rho, threshold),
    )


def stability(profiles: pd.DataFrame, what: str, threshold: float = 0.8) -> Verdict:
    """Decide whether a profile is the same whatever is drawn anew.

    Parameters
    ----------
    profiles : DataFrame
        ``draw``, ``wavelength``, ``mean_abs`` of one model.
    what : str
        What differs between draws, such as "another fold".
    threshold : float
        Spearman correlation above which two profiles are called the same.
    """
    rho = [spearmanr(a, b).statistic for a, b in combinations(_draws(profiles).T, 2)]
    return Verdict(
        f"{what[0].upper()}{what[1:]} gives the same profile",
        f"Spearman of two draws ≥ {threshold:g}",
        *_summary(np.array(rho), threshold),
    )


def randomisation(profiles: pd.DataFrame, randomised: pd.DataFrame) -> Verdict:
    """Decide whether a profile shows what was learned (Adebayo et al. 2018).

    It does if trained profiles resemble untrained ones less than they resemble each other.

    Parameters
    ----------
    profiles, randomised : DataFrame
        Of the model, and of :func:`soilpb.trial.randomised_profiles`.
    """
    trained, untrained = _draws(profiles).T, _draws(randomised).T
    among = np.median([spearmanr(a, b).statistic for a, b in combinations(trained, 2)])
    rho = np.array([spearmanr(a, b).statistic for a in trained for b in untrained])
    statistic, low, high, word = _summary(rho, among)
    opposite: dict[Word, Word] = {"holds": "fails", "fails": "holds", "undecided": "undecided"}
    return Verdict(
        "The profile shows what was learned",
        f"Spearman with untrained networks < {among:.2f}, that among draws",
        statistic,
        low,
        high,
        opposite[word],
    )


def masking(curves: pd.DataFrame) -> list[Verdict]:
    """Decide whether bands with credit move predictions more than random bands do.

    Parameters
    ----------
    curves : DataFrame from :func:`soilpb.trial.masking_curves`
    """
    verdicts = []
    for curve, sign, statement in (
        ("deletion", 1, "Taking credited bands away moves predictions more than random bands"),
        ("insertion", -1, "Giving credited bands back restores predictions faster than random bands"),
    ):
        table = curves[curves["curve"] == curve].pivot_table("moved", "share", ["order", "draw"])
        areas = pd.Series(np.trapezoid(table, table.index, axis=0), index=table.columns)
        lead = sign * (areas["credit"].item() - areas["random"].to_numpy())
        verdicts.append(Verdict(statement, "area between the curves > 0 sd", *_summary(lead, 0.0)))
    return verdicts


def windows(tested: pd.DataFrame, model: str) -> list[Verdict]:
    """Decide for each window named beforehand whether the model uses it.

    Parameters
    ----------
    tested : DataFrame from :func:`soilpb.windows.window_tests`
    model : str
    """
    return [
        Verdict(
            f"{model} uses {in_nm(row.start, row.stop)}",
            f"credit per nm > 1; Holm's p < {SIGNIFICANT:g} among windows as wide: {row.p_holm:.2f}",
            row.relative,
            row.low,
            row.high,
            _window_word(row),
        )
        for row in tested.itertuples()
    ]


def beyond_chance(found: pd.DataFrame, model: str) -> list[Verdict]:
    """Say which bands carry more credit than in models of permuted targets.

    Parameters
    ----------
    found : DataFrame from :func:`soilpb.trial.bands_beyond_chance`
    model : str

    Returns
    -------
    list of Verdict
        One for each band found, or a single one saying that there is none.
    """
    test = f"credit per nm against permuted targets, p < {SIGNIFICANT:g} over all bands"
    bands = found[found["p"] < SIGNIFICANT]
    if bands.empty:
        best = found.loc[found["p"].idxmin()]
        statement = f"{model} credits some band beyond chance"
        return [Verdict(statement, test, best["z"], np.nan, np.nan, "undecided")]
    return [
        Verdict(f"{model} credits {in_nm(b.start, b.stop)} beyond chance", test, b.z, np.nan, np.nan, "holds")
        for b in bands.itertuples()
    ]


def decide(low: float, high: float, threshold: float) -> Word:
    """Say whether an interval lies above a threshold, below it, or across it.

    Examples
    --------
    >>> decide(0.7, 0.9, threshold=0.8)
    'undecided'
    """
    return "holds" if low >= threshold else "fails" if high < threshold else "undecided"


def _draws(profiles: pd.DataFrame) -> np.ndarray:
    """Profiles side by side, (n_bands, n_draws)."""
    return profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs").to_numpy()


def _summary(values: np.ndarray, threshold: float) -> tuple[float, float, float, Word]:
    """Median, interval between the quantiles, and what they say of the threshold."""
    low, high = np.quantile(values, QUANTILES)
    return float(np.median(values)), float(low), float(high), decide(low, high, threshold)


def _window_word(row) -> Word:
    if row.low > 1 and row.p_holm < SIGNIFICANT:
        return "holds"
    return "fails" if row.high < 1 else "undecided"  # too large a p refutes nothing
