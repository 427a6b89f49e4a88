"""Sentences about a pretrained network, computed from its tables: they hold for any library and site."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from soilpb._format import number, signed

#: A change of R² smaller than this is not worth a word.
TRIFLE = 0.02


def training(history: pd.DataFrame) -> str:
    """Say whether a training was too short, too long, or neither.

    Parameters
    ----------
    history : DataFrame
        ``epoch`` and ``validation_r2``.

    Examples
    --------
    >>> training(pd.DataFrame({"epoch": [1, 2, 3, 4], "validation_r2": [0.5, 0.8, 0.9, 0.9]}))
    'Here the curve has levelled off: the last quarter of the epochs changed R² by less than 0.02.'
    """
    r2 = history["validation_r2"].to_numpy()
    best, last = r2.argmax(), r2[-1]
    gained = last - r2[-1 - -(-len(r2) // 4)] if len(r2) > 1 else last
    if r2[best] - last >= TRIFLE:
        return (
            f"Here it fell by {r2[best] - last:.2f} after epoch {history['epoch'].iloc[best]}: "
            "fewer epochs would have done."
        )
    if gained >= TRIFLE:
        return (
            f"Here the last quarter of the epochs still brought {gained:.2f}: more epochs would learn more."
        )
    return (
        "Here the curve has levelled off: the last quarter of the epochs changed R² "
        f"by less than {TRIFLE:.2f}."
    )


def rivalry(difference: Mapping, reference: str) -> str:
    """Say whether a network is worth its while against a simpler model on the same soils.

    Parameters
    ----------
    difference : mapping
        The network's row of :func:`soilpb.evaluate.comparison.bootstrap_interval` of R² with ``reference``.
    reference : str
    """
    gap, lower, upper = difference["value"], difference["lower"], difference["upper"]
    interval = f"95 % interval of the difference {signed(lower)} to {signed(upper)}"
    if lower > 0:
        return f"On the library's soils the network is better than {reference} by {gap:.2f} ({interval})."
    if upper < 0:
        return (
            f"On the library's soils the network is worse than {reference} by {-gap:.2f} ({interval}): "
            "no soil of the library is predicted better for having trained it."
        )
    return f"On the library's soils the network and {reference} cannot be told apart ({interval})."


def growth(by_size: pd.DataFrame, network: str, reference: str) -> str:
    """Say what more soils of a library bring, and whether they change who is ahead.

    Parameters
    ----------
    by_size : DataFrame
        R² (``value``) by ``model`` and number of soils ``n``; the largest ``n`` is the whole library.
    network, reference : str
        Names of the models.
    """
    r2 = by_size.pivot_table(index="n", columns="model", values="value").sort_index()
    if len(r2) < 2:
        return "This library is too small to learn from less of it."
    first, last = r2.index[[0, -1]]
    doublings = math.log2(last / r2.index[-2])
    gain = (r2[network].iloc[-1] - r2[network].iloc[-2]) / doublings
    rises = f"still rises by {gain:.2f}" if gain >= TRIFLE else f"rises by less than {TRIFLE:.2f}"
    return (
        f"From {first:,} to {last:,} soils R² of {network} goes from {number(r2.loc[first, network])} to "
        f"{number(r2.loc[last, network])} and {rises} a doubling at the end; {reference} goes from "
        f"{number(r2.loc[first, reference])} to {number(r2.loc[last, reference])}."
    )


def groups(by_population: pd.DataFrame, model: str) -> str:
    """Say how far a model's error varies over the groups that a library pools.

    Parameters
    ----------
    by_population : DataFrame
        From :func:`soilpb.evaluate.pretraining.score_by_population`.
    model : str
    """
    rmse = by_population[by_population["model"] == model].set_index("population")["RMSE"].sort_values()
    if len(rmse) < 2:
        return "This library names none."
    return (
        f"Over the {len(rmse)} groups RMSE of {model} lies between {rmse.iloc[0]:.2f} ({rmse.index[0]}) and "
        f"{rmse.iloc[-1]:.2f} ({rmse.index[-1]}), with a median of {rmse.median():.2f}."
    )


def published(kind: str, property_name: str) -> str:
    """Say whether a library's scores may be laid beside published ones."""
    if property_name != "pH":
        return f"They are about pH, and this page is about {property_name}."
    if kind == "measured":
        return (
            "Below them stand the models of this page, on the soils that were held back. Soils, splits and "
            "pretreatments differ, so they tell an order of magnitude and no ranking."
        )
    return (
        "The soils of this page are simulated, so its own numbers have no place beside them; "
        "they come to stand there when the library is a measured one."
    )


def populations(pooled: float, within: float, n_populations: int) -> str:
    """Say how much of R² is the recognition of populations."""
    if n_populations == 1:
        return (
            "This library names no fields or countries, so how much of R² is recognition of where soils "
            "come from cannot be checked here."
        )
    seen = f"R² is {pooled:.2f} about the mean of all soils and {number(within)} about each group's own mean"
    if within < pooled / 2:
        return (
            f"This library pools {n_populations} groups: {seen}. Most of what looks like knowledge of soils "
            "is recognition of where they come from."
        )
    return f"This library pools {n_populations} groups: {seen}. Most of the knowledge holds within them."


def crossing(library: float, site: float, bias: float, rmse: float) -> str:
    """Say how a network does on the site's soils: R² in the library and at the site, bias and RMSE there."""
    if site >= library - 0.1:
        said = f"The knowledge crosses over: R² is {library:.2f} in the library and {site:.2f} at the site"
    elif site > 0:
        said = f"Part of the knowledge is lost on the way: R² falls from {library:.2f} to {number(site)}"
    else:
        said = (
            f"The predictions do not cross over: R² falls from {library:.2f} to {number(site)}, "
            "worse than guessing the site's mean"
        )
    if abs(bias) > rmse / 2:
        return f"{said}. Much of the error is a common shift: predictions are {_shifted(bias)}."
    return f"{said}. Predictions are {_shifted(bias)} on average, out of a typical error of {rmse:.2f}."


def _shifted(bias: float) -> str:
    return f"{abs(bias):.2f} too {'high' if bias > 0 else 'low'}"
