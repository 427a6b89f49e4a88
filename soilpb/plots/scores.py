"""Pictures of predictions: observed against predicted, one model or several, and what groups hide.

They take the tidy tables of ``evaluation`` (``predictions``: one row a model, repeat, fold,
sample; ``scores``: one row a model, repeat, fold, metric, with fold −1 for a pooled repeat)
or summaries of them, and compute no score themselves: a picture cannot disagree with its table.

Pictures that compare models: the league table, the luck of a split, tasks × models.

They take summaries of ``scores`` and compute no score themselves: a picture cannot disagree
with its table.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from soilpb._format import number
from soilpb.evaluate.cross_validation import POOLED
from soilpb.plots.style import GREY, MANY_POINTS, PALETTE, SIGNAL_COLOUR, SYMBOLS, WIDTH, make_axes


def plot_parity(
    predictions: pd.DataFrame,
    scores: pd.DataFrame,
    label: str,
    ax: Axes | None = None,
    hue: str | None = None,
    metrics: Sequence[str] = ("R2", "RMSE", "bias"),
) -> Axes:
    """Draw observed against predicted with the 1:1 line, and the scores in the corner.

    Where a sample was predicted in several repeats, its point is the mean and a thin line
    runs from the lowest to the highest prediction.

    Parameters
    ----------
    predictions : DataFrame
        ``sample``, ``observed``, ``predicted`` of one model; also ``hue`` if given.
    scores : DataFrame
        ``fold``, ``metric``, ``value`` of the same model; pooled ones (fold −1) are averaged.
    label : str
        Quantity and unit of both axes.
    hue : str, optional
        Column that colours the points, such as ``group``.
    """
    _require_one_model(predictions, scores)
    ax = make_axes(ax, height=5.0, width=5.2)
    by = ["sample"] + ([hue] if hue else [])
    points = predictions.groupby(by, sort=False).agg(
        observed=("observed", "first"),
        predicted=("predicted", "mean"),
        low=("predicted", "min"),
        high=("predicted", "max"),
    )
    groups = points.groupby(hue, sort=False) if hue else [("", points)]
    for colour, (name, rows) in zip(cycle(PALETTE), groups, strict=False):
        _points(ax, rows, colour, str(name))
    _diagonal(ax, points[["observed", "low", "high"]].to_numpy())
    ax.set(xlabel=f"Observed {label}", ylabel=f"Predicted {label}")
    ax.text(
        0.04,
        0.97,
        _summary(scores, metrics),
        transform=ax.transAxes,
        va="top",
        fontsize=10.5,
        linespacing=1.4,
    )
    if hue:
        ax.legend(loc="lower right", handletextpad=0.2, markerscale=1.4)
    return ax


def plot_parity_grid(
    predictions: pd.DataFrame, scores: pd.DataFrame, label: str, models: Sequence[str] | None = None
) -> np.ndarray:
    """Draw one parity plot a model, two in a row, on common axes.

    Returns
    -------
    (n_rows, 2) array of Axes; those without a model are empty and switched off.
    """
    models = list(models if models is not None else predictions["model"].unique())
    n_rows = -(-len(models) // 2)
    _, axes = plt.subplots(n_rows, 2, sharex=True, sharey=True, squeeze=False, figsize=(WIDTH, 3.7 * n_rows))
    for ax, model in zip(axes.flat, models, strict=False):
        plot_parity(predictions.query("model == @model"), scores.query("model == @model"), label, ax)
        ax.set_title(model)
        ax.label_outer()
    _diagonal_limits(axes.flat[0], predictions[["observed", "predicted"]].to_numpy())
    for ax in axes.flat[len(models) :]:
        ax.axis("off")
    return axes


def plot_within_groups(
    predictions: pd.DataFrame, pooled: float, within: pd.Series, label: str, ax: Axes | None = None
) -> Axes:
    """Draw Simpson's trap: one cloud a group, each with its own line, beside the pooled R².

    Parameters
    ----------
    predictions : DataFrame
        ``group``, ``observed``, ``predicted``.
    pooled : float
        R² over all groups together.
    within : Series
        R² inside each group, indexed by group.
    label : str
        Quantity and unit.
    """
    ax = make_axes(ax, height=4.8)
    for colour, (group, rows) in zip(cycle(PALETTE), predictions.groupby("group", sort=False), strict=False):
        x, y = rows["observed"].to_numpy(), rows["predicted"].to_numpy()
        name = f"{group}: {number(within[group])}"
        ax.scatter(x, y, s=16, color=colour, alpha=0.55, linewidth=0, label=name)
        ends = np.array([x.min(), x.max()])
        ax.plot(ends, np.polyval(np.polyfit(x, y, 1), ends), color=colour, linewidth=2.5)
    _diagonal(ax, predictions[["observed", "predicted"]].to_numpy())
    ax.set(xlabel=f"Observed {label}", ylabel=f"Predicted {label}")
    ax.legend(
        loc="center left",
        bbox_to_anchor=(1.01, 0.5),
        title=f"R² of all groups: {number(pooled)}\nR² within a group:",
        alignment="left",
        markerscale=1.8,
        handletextpad=0.2,
    )
    return ax


def _require_one_model(*tables: pd.DataFrame) -> None:
    for table in tables:
        models = table["model"].unique() if "model" in table else ["?"]
        if len(models) != 1:
            raise ValueError(
                f"a parity plot shows one model; got {list(models)}: select rows, or use parity_grid"
            )


def _points(ax: Axes, rows: pd.DataFrame, colour: object, name: str) -> None:
    many = len(rows) > MANY_POINTS
    if (rows["high"] > rows["low"]).any():
        ax.vlines(rows["observed"], rows["low"], rows["high"], color=colour, alpha=0.25, linewidth=1)
    ax.scatter(
        rows["observed"],
        rows["predicted"],
        s=5 if many else 20,
        color=colour,
        alpha=0.25 if many else 0.7,
        linewidth=0,
        label=name,
        rasterized=many,
    )


def _diagonal(ax: Axes, values: np.ndarray) -> None:
    """Make both axes equal and draw the 1:1 line across."""
    ax.axline((0, 0), slope=1, color=GREY, linewidth=1.2, linestyle="--", zorder=0)
    _diagonal_limits(ax, values)


def _diagonal_limits(ax: Axes, values: np.ndarray) -> None:
    low, high = np.nanmin(values), np.nanmax(values)
    margin = 0.05 * (high - low)
    limits = (low - margin, high + margin)
    ax.set(xlim=limits, ylim=limits, aspect="equal")


def _summary(scores: pd.DataFrame, metrics: Sequence[str]) -> str:
    """Return the pooled metrics, averaged over repeats, one a line."""
    pooled = scores[scores["fold"] == POOLED].groupby("metric")["value"].mean()
    if missing := set(metrics) - set(pooled.index):
        raise ValueError(
            f"scores have no pooled (fold {POOLED}) {sorted(missing)}; they have {list(pooled.index)}"
        )
    return "\n".join(f"{SYMBOLS.get(metric, metric)} {number(pooled[metric])}" for metric in metrics)


def plot_league(
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


def plot_split_histogram(
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


def plot_task_heatmap(
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
