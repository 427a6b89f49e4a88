"""Pictures that compare models: the league table, the luck of a split, tasks × models.

They take summaries of ``scores`` and compute no score themselves: a picture cannot disagree
with its table.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from soilpb.figures import PALETTE, SIGNAL_COLOUR, SYMBOLS, make_axes
from soilpb.wording import number


def league(
    summary: pd.DataFrame,
    ax: Axes | None = None,
    metric: str = "R2",
    hue: str | None = None,
    published: float | None = None,
) -> Axes:
    """Draw a league table: a dot and an interval a model, the best first, with its number.

    Parameters
    ----------
    summary : DataFrame
        ``model``, ``value``, ``lower``, ``upper`` (equal to ``value``, or NaN, where there is no
        interval); also ``hue``, such as the kind of split, whose first value orders the models.
        A model may be missing from the other kinds.
    published : float, optional
        A number from the literature to mark.
    """
    first = summary if hue is None else summary[summary[hue] == summary[hue].iloc[0]]
    models = list(first.sort_values("value", ascending=False)["model"])
    kinds = [None] if hue is None else list(summary[hue].unique())
    ax = make_axes(ax, height=1.3 + len(models) * (0.25 + 0.22 * len(kinds)))
    for k, kind in enumerate(kinds):
        rows = (summary if hue is None else summary[summary[hue] == kind]).set_index("model").reindex(models)
        y = np.arange(len(models)) + 0.3 * (k - (len(kinds) - 1) / 2)
        ax.hlines(y, rows["lower"], rows["upper"], color=PALETTE[k], alpha=0.45, linewidth=4)
        ax.plot(rows["value"], y, "osD"[k % 3], color=PALETTE[k], markersize=7, label=kind)
        for value, height in zip(rows["value"].to_numpy(), y, strict=True):
            if np.isnan(value):
                continue
            ax.text(
                1.02,
                height,
                number(value),
                color=PALETTE[k],
                transform=ax.get_yaxis_transform(),
                va="center",
            )
    ax.set_yticks(range(len(models)), models)
    ax.set(xlabel=SYMBOLS.get(metric, metric), ylim=(len(models) - 0.4, -0.6))
    ax.grid(axis="y", linewidth=0.5, alpha=0.5)
    if published is not None:
        _mark_published(ax, published)
    if hue is not None or published is not None:
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.75 / ax.figure.get_figheight()), ncols=3)
    return ax


def split_histogram(
    values: np.ndarray,
    ax: Axes | None = None,
    published: float | None = None,
    reference: float | None = None,
    reference_label: str = "repeated cross-validation",
) -> Axes:
    """Draw R² of one model over many random splits of the same soils.

    Parameters
    ----------
    values : (n_splits,) array
        R² of each split's test samples.
    published : float, optional
        The literature's R², from one split.
    reference : float, optional
        The same model's R² by an estimate that does not hang on one split.
    """
    ax = make_axes(ax, height=3.4)
    values = np.asarray(values, dtype=float)
    low, high = np.percentile(values, (5, 95))
    ax.hist(values, bins=24, color=PALETTE[0], alpha=0.45)
    ax.axvspan(
        low, high, color=PALETTE[0], alpha=0.10, linewidth=0, label=f"5–95 %: {number(low)} to {number(high)}"
    )
    if reference is not None:
        ax.axvline(reference, color="0.15", linewidth=2, label=f"{reference_label}: {number(reference)}")
    if published is not None:
        _mark_published(ax, published)
    ax.set(xlabel="R² of the test samples", ylabel=f"Splits (of {values.size})")
    ax.legend(loc="upper left")
    ax.set_ylim(0, 1.45 * ax.get_ylim()[1])
    return ax


def task_heatmap(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    metric: str = "R2",
    means: bool = True,
    tall: bool = False,
) -> Axes:
    """Draw tasks × models, the best model of each task in bold, and the models' means last.

    Parameters
    ----------
    scores : DataFrame
        ``task``, ``model``, ``value``: one row each.
    means : bool
        Draw the means over tasks; without them, the models are still in their order.
    tall : bool
        Models from top to bottom and tasks from left to right: for more models than tasks.
    """
    table = scores.pivot_table(index="task", columns="model", values="value")
    table = table.loc[scores["task"].unique()]
    table = table[table.mean().sort_values(ascending=False).index]
    if means:
        table.loc["mean"] = table.mean()
    best = table.eq(table.max(axis=1), axis=0)
    table, best = (table.T, best.T) if tall else (table, best)
    ax = make_axes(ax, height=1.5 + (0.3 if tall else 0.36) * len(table))
    sns.heatmap(table, vmin=0, vmax=1, cmap="crest", annot=True, linewidths=1.5, cbar=False, ax=ax)
    for text, value, bold in zip(ax.texts, table.to_numpy().flat, best.to_numpy().flat, strict=True):
        text.set_text(number(value))
        text.set_fontweight("bold" if bold else "normal")
    if means:
        line, place = (ax.axvline, table.shape[1]) if tall else (ax.axhline, len(table))
        line(place - 1, color="black", linewidth=2)
    words = f"{SYMBOLS.get(metric, metric)} (bold: best of the {'column' if tall else 'row'})"
    ax.set(xlabel="", ylabel="", title=words)
    ax.tick_params(length=0)
    ax.tick_params(axis="x", rotation=90 if tall else 35)
    if not tall:
        plt.setp(ax.get_xticklabels(), ha="right", rotation_mode="anchor")
    ax.tick_params(axis="y", rotation=0)
    return ax


def _mark_published(ax: Axes, value: float) -> None:
    ax.axvline(
        value, color=SIGNAL_COLOUR, linewidth=2, linestyle=":", label=f"published, one split: {number(value)}"
    )
