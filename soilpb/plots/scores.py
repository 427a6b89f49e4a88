"""Predictions and scores: observed against predicted, league tables, tasks × models.

No score is computed here, so that a figure cannot disagree with its table.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from soilpb._format import number
from soilpb.evaluate.cross_validation import POOLED
from soilpb.plots.style import (
    GREY,
    MANY_POINTS,
    PALETTE,
    SIGNAL_COLOUR,
    SYMBOLS,
    WIDTH,
    legend_above,
    make_axes,
    set_log_axes,
)

#: Characters of a row's name that leave room for what is drawn.
_LONGEST_LINE = 34


def plot_parity(
    predictions: pd.DataFrame, scores: pd.DataFrame, label: str, ax: Axes | None = None, log: bool = False
) -> Axes:
    """Draw observed against predicted with the 1:1 line, and R², RMSE and bias in the corner.

    Where a sample was predicted in several repeats, its point is the mean and a thin line
    runs from the lowest to the highest prediction.

    Parameters
    ----------
    predictions : DataFrame
        ``sample``, ``observed``, ``predicted`` of one model.
    scores : DataFrame
        ``fold``, ``metric``, ``value`` of the same model; pooled ones (fold −1) are averaged.
    label : str
        Quantity and unit of both axes.
    log : bool
        Whether axes are logarithmic.
    """
    for table in (predictions, scores):
        models = list(table["model"].unique()) if "model" in table else ["?"]
        if len(models) != 1:
            raise ValueError(f"a parity plot shows one model; got {models}: use plot_parity_grid")
    ax = make_axes(ax, height=4.8, width=5.0)
    by_sample = predictions.groupby("sample", sort=False)
    observed, predicted = by_sample["observed"].first(), by_sample["predicted"].agg(["mean", "min", "max"])
    if (predicted["max"] > predicted["min"]).any():
        ax.vlines(observed, predicted["min"], predicted["max"], color=PALETTE[0], alpha=0.25, linewidth=1)
    many = len(observed) > MANY_POINTS
    look = {"s": 5, "alpha": 0.25, "rasterized": True} if many else {"s": 20, "alpha": 0.7}
    ax.scatter(observed, predicted["mean"], color=PALETTE[0], linewidth=0, **look)
    _set_equal_limits(ax, np.concatenate([observed, predicted["min"], predicted["max"]]), log)
    ax.plot(ax.get_xlim(), ax.get_xlim(), color=GREY, linewidth=1.2, linestyle="--", zorder=0)
    ax.set(xlabel=f"Observed {label}", ylabel=f"Predicted {label}")
    look = {"transform": ax.transAxes, "va": "top", "linespacing": 1.4}
    ax.text(0.04, 0.97, _scores_text(scores), **look)
    return ax


def plot_parity_grid(
    predictions: pd.DataFrame, scores: pd.DataFrame, label: str, models: Sequence[str]
) -> np.ndarray:
    """Draw one :func:`plot_parity` per model, two in a row, on common axes.

    Returned are (n_rows, 2) axes; those without a model are empty and switched off.
    """
    n_rows = -(-len(models) // 2)
    _, axes = plt.subplots(n_rows, 2, sharex=True, sharey=True, squeeze=False, figsize=(WIDTH, 3.2 * n_rows))
    for ax, model in zip(axes.flat, models, strict=False):
        plot_parity(predictions.query("model == @model"), scores.query("model == @model"), label, ax)
        ax.set_title(model)
        ax.label_outer()
    _set_equal_limits(axes.flat[0], predictions[["observed", "predicted"]].to_numpy())
    for ax in axes.flat[len(models) :]:
        ax.axis("off")
    return axes


def plot_intervals(
    table: pd.DataFrame,
    row: str,
    value: str,
    label: str,
    ax: Axes | None = None,
    hue: str | None = None,
    neutral: float | None = 0.0,
    mark: str | None = None,
    notes: str | None = None,
) -> Axes:
    """Draw a dot and an interval per row, beside a line at the value that means no effect.

    Parameters
    ----------
    table : DataFrame
        The columns named, and ``low`` and ``high``; rows from top to bottom. Long names take two lines.
    row, value : str
        Columns of the names and of the dots.
    hue : str, optional
        Column that tells several dots of one row apart.
    neutral : float or None
        Where the line stands.
    mark : str, optional
        Column of values to mark by diamonds, such as the truth; it names them in the legend.
    notes : str, optional
        Column of short texts for the right margin.
    """
    names = list(dict.fromkeys(table[row]))
    kinds = list(dict.fromkeys(table[hue])) if hue else [None]
    beside = 0.3 if table[row].duplicated().any() else 0.0
    wrapped = [textwrap.fill(name, _LONGEST_LINE) for name in names]
    of_a_row = max(0.3 + beside * (len(kinds) - 1), 0.2 * max(name.count("\n") + 1 for name in wrapped))
    ax = make_axes(ax, height=1.4 + of_a_row * len(names))
    if neutral is not None:
        ax.axvline(neutral, color="black", linewidth=0.8)
    for k, kind in enumerate(kinds):
        rows = table if hue is None else table[table[hue] == kind]
        y = np.array([names.index(name) for name in rows[row]]) + beside * (k - (len(kinds) - 1) / 2)
        ax.hlines(y, rows["low"], rows["high"], color=PALETTE[k], alpha=0.45, linewidth=4)
        ax.plot(rows[value], y, "osD^vP*X"[k], color=PALETTE[k], markersize=7, label=kind)
        if mark:
            label_once = mark if k == len(kinds) - 1 else None
            ax.plot(rows[mark], y, "D", color=SIGNAL_COLOUR, fillstyle="none", markersize=8, label=label_once)
        for text, height in zip(rows[notes] if notes else (), y, strict=False):
            colour = PALETTE[k] if beside else "black"
            ax.text(1.02, height, text, color=colour, transform=ax.get_yaxis_transform(), va="center")
    ax.set_yticks(range(len(names)), wrapped)
    ax.locator_params(axis="x", nbins=6)  # room for the numbers of small effects
    ax.set(xlabel=label, ylim=(len(names) - 0.4, -0.6))
    ax.grid(axis="y", linewidth=0.5, alpha=0.5)
    if hue or mark:
        legend_above(ax, ncols=2 if len(kinds) > 3 else 3)
    return ax


def plot_league(
    summary: pd.DataFrame, ax: Axes | None = None, hue: str | None = None, published: float | None = None
) -> Axes:
    """Draw R² of models: a dot and an interval per model, the best first, with its number.

    ``summary`` has ``model``, ``value``, ``lower``, ``upper`` (NaN where there is no interval), and perhaps
    ``hue``, such as the kind of split, whose first value orders the models; a model may be missing from the
    others. ``published`` is an R² from the literature to mark.
    """
    first = summary if hue is None else summary[summary[hue] == summary[hue].iloc[0]]
    ranks = {"model": list(first.sort_values("value", ascending=False)["model"])}
    ranks = ranks if hue is None else {hue: list(summary[hue].unique()), **ranks}
    table = summary.rename(columns={"lower": "low", "upper": "high"}).dropna(subset="value")
    table = table.sort_values(list(ranks), key=lambda names: names.map(ranks[names.name].index))
    table = table.assign(number=table["value"].map(number))
    ax = plot_intervals(table, "model", "value", "R²", ax, hue, None, notes="number")
    if published is not None:
        look = {"color": SIGNAL_COLOUR, "linestyle": ":", "linewidth": 2}
        ax.axvline(published, label=f"published: {number(published)}", **look)
        legend_above(ax, ncols=3)
    return ax


def plot_task_heatmap(scores: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw R² of models × tasks, the best model of each task in bold, and the models' means last.

    ``scores`` has one row per ``task`` and ``model``, with ``value``. Numbers are written without the 0
    before the point: ten tasks fit on a phone.
    """
    table = scores.pivot_table(index="model", columns="task", values="value")[scores["task"].unique()]
    table = table.assign(mean=table.mean(axis=1)).sort_values("mean", ascending=False)
    best = table.eq(table.max())
    names = 0.11 * max(map(len, table.columns))  # inches, written upwards
    ax = make_axes(ax, height=0.5 + names + 0.3 * len(table))
    sns.heatmap(table, vmin=0, vmax=1, cmap="crest", annot=True, linewidths=1.5, cbar=False, ax=ax)
    for text, value, bold in zip(ax.texts, table.to_numpy().flat, best.to_numpy().flat, strict=True):
        text.set(text=number(value).replace("0.", "."), fontweight="bold" if bold else "normal")
    ax.axvline(table.shape[1] - 1, color="black", linewidth=2)
    ax.set(xlabel="", ylabel="", title="R² (bold: best of the column)")
    ax.tick_params(length=0)
    ax.tick_params(axis="x", rotation=90)
    ax.tick_params(axis="y", rotation=0)
    return ax


def _set_equal_limits(ax: Axes, values: np.ndarray, log: bool = False) -> None:
    """Make both axes equal, with a margin of a twentieth."""
    values = np.log(values) if log else values
    low, high = np.nanmin(values), np.nanmax(values)
    limits = np.array([low, high]) + 0.05 * (high - low) * np.array([-1, 1])
    if log:
        limits = np.exp(limits)
        set_log_axes(ax, "xy")
    ax.set(xlim=tuple(limits), ylim=tuple(limits), aspect="equal")


def _scores_text(scores: pd.DataFrame) -> str:
    """Return the pooled scores, averaged over repeats, one per line."""
    shown = ["R2", "RMSE", "bias"]
    pooled = scores[scores["fold"] == POOLED].groupby("metric")["value"].mean()
    if missing := sorted(set(shown) - set(pooled.index)):
        raise ValueError(f"scores have no pooled (fold {POOLED}) {missing}; they have {list(pooled.index)}")
    return "\n".join(f"{SYMBOLS.get(metric, metric)} {number(pooled[metric])}" for metric in shown)
