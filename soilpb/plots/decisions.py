"""Decisions: intervals of predictions, reliability of probabilities, maps of a site.

Maps show the soils at their coordinates; no tiles, no network.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

from soilpb.plots.style import (
    GREY,
    SIGNAL_COLOUR,
    SOURCE_COLOUR,
    legend_above,
    make_axes,
    set_log_axes,
)


def plot_prediction_intervals(
    predictions: pd.DataFrame, label: str, log: bool = True, ax: Axes | None = None
) -> Axes:
    """Draw each soil's interval, soils in the order of their predictions, and what the laboratory found.

    ``predictions`` has ``observed``, ``predicted``, ``lower``, ``upper``, one row per soil, on the natural
    scale; ``log`` makes that axis, whose ``label`` has the unit, logarithmic.
    """
    ax = make_axes(ax)
    soils = predictions.sort_values("predicted", ignore_index=True)
    inside = soils["observed"].between(soils["lower"], soils["upper"])
    ax.vlines(soils.index, soils["lower"], soils["upper"], color=GREY, alpha=0.45, linewidth=2)
    ax.plot(soils.index, soils["predicted"], color=GREY, linewidth=1.5, label="predicted")
    for rows, colour, word in ((inside, SOURCE_COLOUR, "within"), (~inside, SIGNAL_COLOUR, "beyond")):
        look = {"color": colour, "label": f"measured, {word} ({rows.sum()})"}
        ax.scatter(soils.index[rows], soils["observed"][rows], s=22, zorder=3, linewidth=0, **look)
    ax.set(xlabel="Soils, in the order of their predictions", ylabel=label)
    if log:
        set_log_axes(ax, "y")
    legend_above(ax, ncols=3)
    return ax


def plot_reliability(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how often soils of a given probability exceeded their limit; on the line, probabilities are right.

    ``table`` is from :func:`soilpb.decide.exceedance.reliability_table`.
    """
    ax = make_axes(ax, height=4.6, width=5.4)
    ax.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1.2)
    ax.vlines(table["predicted"], table["lower"], table["upper"], color=SOURCE_COLOUR, alpha=0.5, linewidth=2)
    ax.scatter(table["predicted"], table["observed"], s=46, color=SOURCE_COLOUR, zorder=3)
    for row in table.itertuples():
        look = {"xytext": (7, -11), "textcoords": "offset points"}
        ax.annotate(f"{row.n}", (row.predicted, row.observed), **look)
    ax.set(xlabel="Probability that was given", ylabel="Share that exceeded")
    ax.set(xlim=(-0.03, 1.06), ylim=(-0.03, 1.03), aspect="equal")
    return ax


def plot_detection(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the shares of soils rightly called above and rightly called below, by threshold, with intervals.

    ``table`` is from :func:`soilpb.decide.exceedance.detection_table`.
    """
    ax = make_axes(ax, height=3.6)
    kinds = (("sensitivity", "above, and called so", SIGNAL_COLOUR, "^"),
             ("specificity", "not above, and called so", SOURCE_COLOUR, "o"))  # fmt: skip
    for name, told, colour, marker in kinds:
        low, high = (table[f"{name}_{end}"] for end in ("low", "high"))
        ax.fill_between(table["threshold"], low, high, color=colour, alpha=0.2)
        ax.plot(table["threshold"], table[name], color=colour, marker=marker, label=told)
    ax.set(xlabel="Probability from which a soil is called above", ylabel="Share of such soils")
    ax.set(xlim=(0, 1), ylim=(-0.03, 1.03))
    legend_above(ax, ncols=2)
    return ax


def plot_map(
    soils: pd.DataFrame, column: str, label: str, log: bool = False, system: str = "", ax: Axes | None = None
) -> Axes:
    """Draw soils at their coordinates, coloured by a column, with a scale bar.

    Parameters
    ----------
    soils : DataFrame
        ``x``, ``y`` in metres, the column, and perhaps ``exceeded``: those are triangles.
    column : str
        Such as ``probability``, which is coloured from 0 to 1; anything else by its range.
    label : str
        Of the colour bar, with the unit.
    log : bool
        Whether colours follow the logarithm.
    system : str
        What coordinates mean; written beneath the map.
    """
    wide, high = (max(float(np.ptp(soils[axis])), 1e-9) for axis in "xy")
    ax = make_axes(ax, height=float(np.clip(2.2 + 5.2 * high / wide, 3.5, 7.5)))
    low, top = (0.0, 1.0) if column == "probability" else (soils[column].min(), soils[column].max())
    look = {"norm": LogNorm(low, top) if log else Normalize(low, top), "cmap": "cividis", "s": 44}
    look |= {"edgecolor": GREY, "linewidth": 0.8, "clip_on": False}
    kinds = [(soils, "o", None)]
    if "exceeded" in soils:
        below, above = (soils[soils["exceeded"].astype(bool) == known] for known in (False, True))
        kinds = [(below, "o", f"measured at or below the limit ({len(below)})"),
                 (above, "^", f"measured above it ({len(above)})")]  # fmt: skip
    for rows, marker, name in kinds:
        points = ax.scatter(rows["x"], rows["y"], c=rows[column], marker=marker, label=name, **look)
    bar = ax.figure.colorbar(points, ax=ax, label=label, location="bottom", shrink=0.8, aspect=32)
    if log:
        set_log_axes(bar.ax, "x")
    ax.set(xlabel=f"East (m)\n{system}" if system else "East (m)", ylabel="North (m)", aspect="equal")
    ax.margins(0.06)
    _draw_scale_bar(ax, wide)
    if "exceeded" in soils:
        legend_above(ax, ncols=1)
    return ax


def _draw_scale_bar(ax: Axes, wide: float) -> None:
    """Draw a bar of 1, 2 or 5 times a power of ten metres, a fifth of the map or less, above its corner."""
    power = 10.0 ** np.floor(np.log10(wide / 5))
    length = max(step * power for step in (1, 2, 5) if step * power <= wide / 5)
    text = f"{length / 1000:g} km" if length >= 1000 else f"{length:g} m"
    look = {"loc": "lower right", "bbox_to_anchor": (1, 1), "bbox_transform": ax.transAxes, "frameon": False}
    ax.add_artist(
        AnchoredSizeBar(ax.transData, length, text, borderpad=0.2, size_vertical=wide / 200, **look)
    )
