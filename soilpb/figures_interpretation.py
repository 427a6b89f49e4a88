"""Pictures of a trial: what became of the bands, and which statements about them survive."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from soilpb.figures import SOURCE_COLOUR, TARGET_COLOUR, legend_above, make_axes, wavelength_axis
from soilpb.figures_shap import mark_published_bands

#: What can become of a band: its colour, dark where something is claimed.
OUTCOME_COLOURS = {
    "retained": "#0b5d8a",
    "adapted": "#8a5a9e",
    "new": "#c4401b",
    "lost": "#d9a300",
    "unused": "0.72",
    "undecided": "0.92",
}
_RATIOS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)


def band_diagram(change: pd.DataFrame, before: str, after: str, ax: Axes | None = None) -> Axes:
    """Draw each band's credit in two models, with intervals, and a strip of what became of it.

    Parameters
    ----------
    change : DataFrame
        From :func:`soilpb.band_change.compare_bands`.
    before, after : str
        What the two models are called.
    """
    ax = make_axes(ax, height=5.0)
    middle, width = (change["start"] + change["stop"]) / 2, change["stop"] - change["start"]
    for name, label, colour, side in (
        ("before", before, SOURCE_COLOUR, -1),
        ("after", after, TARGET_COLOUR, 1),
    ):
        x = middle + side * width / 6
        ax.vlines(x, change[f"{name}_low"], change[f"{name}_high"], color=colour, alpha=0.45, linewidth=2.2)
        ax.plot(x, change[name], marker="o", linestyle="", markersize=3.5, color=colour, label=label)
    ax.axhline(1, color="black", linewidth=0.8)
    lowest = change[["before_low", "after_low"]].min().min()
    highest = change[["before_high", "after_high"]].max().max()
    _strip(ax, change, top=0.8 * lowest, height=0.72)
    ax.set(yscale="log", ylim=(0.8 * lowest * 0.72 * 0.97, 2.4 * highest))
    ticks = [ratio for ratio in _RATIOS if lowest < ratio < highest]
    ax.set_yticks(ticks, [f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}" for ratio in ticks])
    ax.minorticks_off()
    ax.set_ylabel("Credit per nm (1: even spread)")
    wavelength_axis(ax, np.array([change["start"].min(), change["stop"].max()]))
    mark_published_bands(ax)
    _legends(ax, set(change["outcome"]))
    return ax


def _strip(ax: Axes, change: pd.DataFrame, top: float, height: float) -> None:
    """One block a band, coloured by its outcome, along the bottom of a logarithmic axis."""
    for band in change.itertuples():
        ax.fill_between(
            [band.start, band.stop],
            height * top,
            top,
            color=OUTCOME_COLOURS[band.outcome],
            linewidth=0,
        )


def _legends(ax: Axes, outcomes: set[str]) -> None:
    """Models above the axes, outcomes beneath the figure."""
    legend_above(ax)
    patches = [Patch(color=c, label=name) for name, c in OUTCOME_COLOURS.items() if name in outcomes]
    ax.figure.legend(handles=patches, loc="outside lower center", ncols=6, columnspacing=1.2)
