"""Sentences about transfer, computed: whether it was the knowledge, and how many soils it is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from soilpb._format import number
from soilpb.evaluate import comparison

#: Control → what is shown by doing better than it every time.
_SHOWN = {
    "random weights": "what crosses over is knowledge, not the shape of a network",
    "shuffled labels": "the labels matter, not only the sight of many spectra",
}
#: A change of the error smaller than this share rounds to 0 %.
TRIFLE = 0.005


def knowledge(pairs: pd.DataFrame, property_name: str, control: str = "random weights") -> str:
    """Say whether the source's knowledge made the difference, over all pairs.

    Parameters
    ----------
    pairs : DataFrame
        From :func:`soilpb.evaluate.comparison.compare_pairs`: with the source's weights
        against with random ones.
    property_name : str
        What the source knows.
    control : {"random weights", "shuffled labels"}
        What the same strategies started from instead.
    """
    n, won, lost = len(pairs), *((pairs["outcome"] == kind).sum() for kind in ("better", "worse"))
    tried = f"Against the same strategy from {control}, {property_name}"
    if won == n:
        return f"{tried} helps every time: {_SHOWN[control]}."
    if lost > won:
        return f"{tried} helps in {won} of {n} strategies and harms in {lost}: here its knowledge misleads."
    if won:
        return f"{tried} helps in {won} of {n} strategies; in the others these soils show no difference."
    lower = (pairs["change"] <= -TRIFLE).sum()
    if not lower:
        return f"{tried} lowers the error in none of {n} strategies."
    return (
        f"{tried} lowers the error in {lower} of {n} strategies, "
        "but in none by more than other splits of these soils might."
    )


def earned(against_control: Mapping, against_reference: Mapping) -> str:
    """Say whether transfer earned its place: against itself without, and against the reference.

    Parameters
    ----------
    against_control, against_reference : mapping
        Rows of :func:`soilpb.evaluate.comparison.compare_models` of the same model.
    """
    reference, rivalry = against_reference["reference"], comparison.decide_verdict(against_reference)
    if comparison.decide_verdict(against_control) == "better":
        return {
            "better": f"Transfer earned its place: it beats itself without the source, and {reference}.",
            "worse": f"Transfer beats itself without the source, but {reference} is better still.",
            "equal": f"Transfer beats itself without the source, but is no better than {reference}.",
            "undecided": "Transfer beats itself without the source, but these soils cannot tell it "
            f"from {reference}.",
        }[rivalry]
    versus = {
        "better": f"The model beats {reference}",
        "worse": f"The model loses to {reference}",
        "equal": f"The model equals {reference}",
        "undecided": f"The model cannot be told from {reference}",
    }[rivalry]
    change, p = against_control["change"], against_control["p_holm"]
    size = f"{100 * abs(change):.0f} % {'lower' if change < 0 else 'higher'} with the source than without"
    noise = comparison.luck(against_control) + (f" (p = {p:.2f}, Holm-corrected)" if p < 0.2 else "")
    if abs(change) < TRIFLE:
        size = "the same with the source and without"
    return {
        "worse": f"{versus}, and its error is {size}: transfer harms here.",
        "equal": f"{versus}, and is as good without the source: transfer is not needed here.",
        "undecided": f"{versus}. Its error is {size}, {noise}: transfer is not proven here.",
    }[comparison.decide_verdict(against_control)]


def torn_apart(groups: Sequence | None, loose: np.ndarray, kept: np.ndarray) -> str:
    """Say what single splits do to R² if they tear groups apart, as the usual ones do.

    Parameters
    ----------
    groups : sequence or None
        The soils' groups; None where none are known, and nothing is to be said.
    loose, kept : array
        R² of single splits that ignore groups, and that keep them together.

    Examples
    --------
    >>> torn_apart(["a", "b"], np.array([0.5, 0.7]), np.array([0.2, 0.6]))[:60]
    'Splits here keep sampling groups together; splits that tear '
    """
    if groups is None:
        return ""
    return (
        "Splits here keep sampling groups together; splits that tear them apart give PLS an R² of "
        f"{number(np.mean(loose))} ± {number(np.std(loose, ddof=1))} instead of {number(np.mean(kept))} ± "
        f"{number(np.std(kept, ddof=1))} (mean and standard deviation). Which kind the study used, "
        "nobody tells."
    )


def alone(property_name: str, r2_alone: float, r2_features: float) -> str:
    """Say whether the network's features hold more than the property it was taught."""
    said = f"{property_name} alone, one number a soil, reaches an R² of {number(r2_alone)}"
    if r2_features > r2_alone + 0.05:
        return (
            f"{said}; the features hold more than {property_name}: ridge on them has {number(r2_features)}."
        )
    return f"{said}, and ridge on the features {number(r2_features)}: they add little to it."


def savings(curve: pd.DataFrame, model: str, reference: str) -> str:
    """Say how many soils the reference needs for what ``model`` does with the fewest.

    Parameters
    ----------
    curve : DataFrame
        ``model``, ``n_train``, ``value`` (R²); several draws a number of soils.
    """
    mean = curve.groupby(["model", "n_train"])["value"].mean()
    few = mean[model].index.min()
    reached = mean[model][few]
    enough = mean[reference].index[mean[reference] >= reached]
    said = f"With {few} soils {model} has an R² of {number(reached)}"
    if enough.size and enough[0] == few:
        return f"{said}, and {reference} no less."
    if enough.size:
        return f"{said}; {reference} needs {enough[0]} for as much, of the numbers tried."
    best, most = mean[reference].max(), mean[reference].index.max()
    return f"{said}; {reference} does not get beyond {number(best)} with up to {most}."


def membership(groups: Sequence | None) -> str:
    """Say what folds do with soils that belong together."""
    if groups is None:
        return "The folds are random: scores speak of new soils from the same place."
    return (
        f"The {len(set(groups))} groups of soils that belong together are never torn apart: "
        "scores speak of new groups from the same place."
    )
