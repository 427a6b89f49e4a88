"""Pictures of progress: training by epoch, accuracy by the number of soils."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from soilpb.figures import GREY, PALETTE, SYMBOLS, label_x, legend_above, make_axes


def training_curve(
    history: pd.DataFrame, y: str, label: str, ax: Axes | None = None, hue: str | None = None
) -> Axes:
    """Draw one quantity by epoch, such as ``train_loss`` or ``validation_r2``.

    Parameters
    ----------
    history : DataFrame
        ``epoch`` and ``y``; also ``hue``, where several trainings are compared.
    """
    ax = make_axes(ax, height=3.2)
    runs = history.groupby(hue, sort=False) if hue else [(None, history)]
    for colour, (name, run) in zip(cycle(PALETTE), runs, strict=False):
        ax.plot(run["epoch"], run[y], color=colour, marker="o", markersize=4, label=name)
    ax.set_ylabel(label)
    label_x(ax, "Epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    if hue:
        ax.legend()
    return ax


def learning_curve(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    x: str = "n",
    label: str = "Training soils",
    metric: str = "R2",
) -> Axes:
    """Draw a score against the number of training soils: mean, and 5–95 % of the draws if there are several.

    Parameters
    ----------
    scores : DataFrame
        ``model``, ``x``, ``value``; one or several draws a number of soils.
    """
    ax = make_axes(ax)
    models = scores.groupby("model", sort=False)
    for i, (model, rows) in enumerate(models):
        colour, marker = PALETTE[i % len(PALETTE)], "osD^vPX*"[i % 8]
        draws = rows.groupby(x)["value"]
        mean, low, high = draws.mean(), draws.quantile(0.05), draws.quantile(0.95)
        beside = mean.index * 1.015 ** (i - (len(models) - 1) / 2)  # whiskers must not hide each other
        ax.vlines(beside, low, high, color=colour, alpha=0.4, linewidth=2)
        ax.plot(beside, mean, color=colour, marker=marker, label=model)
    ticks = np.unique(scores[x])
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    spread = " (mean, 5–95 %)" if scores.duplicated(["model", x]).any() else ""
    ax.set(xlabel=label, ylabel=SYMBOLS.get(metric, metric) + spread)
    legend_above(ax, ncols=3)
    return ax


def one_at_a_time(
    summary: pd.DataFrame, factors: Mapping[str, str], limit: str = "", metric: str = "R2"
) -> list[Axes]:
    """Draw a score against one factor after another, panels one above the other on the same scale.

    Parameters
    ----------
    summary : DataFrame
        ``factor``, ``level``, ``model``, ``value``, ``lower``, ``upper``; all models at all levels.
    factors : mapping of str to str
        Factor → label of its axis; a panel each. Levels lie equally far apart.
    limit : str
        A model that is no model but what is attainable: grey and dashed.
    """
    size = (5.4, 1.2 + 2.3 * len(factors))  # inches: a phone shows it at nearly its own size
    _, axes = plt.subplots(len(factors), sharey=True, figsize=size, squeeze=False)
    models = list(summary["model"].unique())
    for ax, (factor, label) in zip(axes[:, 0], factors.items(), strict=True):
        rows = summary[summary["factor"] == factor]
        levels = np.sort(rows["level"].unique())
        for i, model in enumerate(models):
            line = rows[rows["model"] == model].sort_values("level")
            look = {"color": PALETTE[i % len(PALETTE)], "marker": "osD^vPX*"[i % 8], "markersize": 6}
            beside = np.arange(len(levels)) + 0.03 * (i - (len(models) - 1) / 2)
            if model == limit:
                look, beside = {"color": GREY, "linestyle": "--"}, np.arange(len(levels))
            ax.vlines(beside, line["lower"], line["upper"], color=look["color"], alpha=0.5, linewidth=3)
            ax.plot(beside, line["value"], label=model, **look)
        ax.set_xticks(range(len(levels)), [f"{level:,g}" for level in levels])
        ax.set(xlabel=label, ylabel=SYMBOLS.get(metric, metric))
    legend_above(axes[0, 0])
    return list(axes[:, 0])
