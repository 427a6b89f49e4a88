"""Attribution by wavelength: profiles, what became of bands, and the table of verdicts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pandas.io.formats.style import Styler

from soilpb._format import number
from soilpb.explain.bands import PUBLISHED_WINDOWS
from soilpb.plots.style import (
    GREY,
    SOURCE_COLOUR,
    TARGET_COLOUR,
    legend_above,
    make_axes,
    set_wavelength_axis,
)


def compute_shares(attributions: pd.DataFrame) -> pd.DataFrame:
    """Percent of a model's attribution that falls on each wavelength, draw by draw.

    Attributions of pH and of ln Pb have different units; shares can be compared. The table
    (``model``, ``draw``, ``wavelength``, ``mean_abs``) gets a column ``share``, which sums to 100 over a
    (model, draw).
    """
    total = attributions.groupby(["model", "draw"])["mean_abs"].transform("sum")
    if not (total > 0).all():
        raise ValueError("a model has no attribution at all: it ignores the spectrum, so there are no shares")
    return attributions.assign(share=100 * attributions["mean_abs"] / total)


def plot_mirrored_profiles(
    attributions: pd.DataFrame, above: str, below: str, ax: Axes | None = None
) -> Axes:
    """Draw the attribution of two models by wavelength, one upwards and one downwards.

    Lines are means over draws (folds, seeds, backgrounds), bands run from 5 to 95 % of them. Shaded:
    bands that the study calls retained; dashed: wavelengths it calls adapted. ``attributions`` has
    ``model``, ``draw``, ``wavelength``, ``mean_abs``; ``above`` and ``below`` name two of its models.
    """
    ax = make_axes(ax, height=4.6)
    shares = compute_shares(attributions[attributions["model"].isin([above, below])])
    for model, sign, colour in ((above, 1, SOURCE_COLOUR), (below, -1, TARGET_COLOUR)):
        _draw_profile(ax, shares[shares["model"] == model], sign, colour, model)
    highest = 1.3 * shares.groupby(["model", "wavelength"])["share"].quantile(0.95).max()
    ax.set(ylim=(-highest, highest), ylabel="Share of attribution\n(% per band)")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    set_wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    _mark_published_bands(ax)
    ax.legend(loc="lower right", ncols=2)
    return ax


def plot_profile(attributions: pd.DataFrame, ax: Axes | None = None, marked: Iterable[float] = ()) -> Axes:
    """Draw the attribution of one model by wavelength: mean over draws, and 5–95 % of them.

    ``attributions`` has ``model``, ``draw``, ``wavelength``, ``mean_abs``; ``marked`` wavelengths are dashed.
    """
    (model,) = attributions["model"].unique()
    ax = make_axes(ax, height=3.2)
    shares = compute_shares(attributions)
    _draw_profile(ax, shares, 1, TARGET_COLOUR, model)
    for wavelength in marked:
        ax.axvline(wavelength, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.set(ylim=(0, None), ylabel="Share of attribution\n(% per band)")
    set_wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    legend_above(ax)
    return ax


def _mark_published_bands(ax: Axes) -> None:
    """Shade the bands that the study says were retained; dash the wavelengths it says were adapted."""
    top = ax.get_xaxis_transform()
    for window in PUBLISHED_WINDOWS[PUBLISHED_WINDOWS["claim"] == "retained"].itertuples():
        ax.axvspan(window.start, window.stop, color=GREY, alpha=0.13, linewidth=0, zorder=0)
        text = f"retained\n{window.start:g}–{window.stop:g}"
        ax.text((window.start + window.stop) / 2, 0.985, text, transform=top, ha="center", va="top")
    adapted = PUBLISHED_WINDOWS[PUBLISHED_WINDOWS["claim"] == "adapted"][["start", "stop"]].mean(axis=1)
    for wavelength in adapted:
        ax.axvline(wavelength, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    text = "adapted\n" + ", ".join(f"{wavelength:g}" for wavelength in adapted)
    ax.text(adapted.max() + 15, 0.985, text, transform=top, ha="left", va="top")


def _draw_profile(ax: Axes, shares: pd.DataFrame, sign: int, colour: tuple, label: str) -> None:
    by_wavelength = shares.groupby("wavelength")["share"]
    mean = sign * by_wavelength.mean()
    ax.fill_between(mean.index, 0, mean, color=colour, alpha=0.35, linewidth=0)
    ax.plot(mean, color=colour, linewidth=1.6, label=label)
    if len(shares) > len(mean):
        low, high = sign * by_wavelength.quantile(0.05), sign * by_wavelength.quantile(0.95)
        ax.fill_between(mean.index, low, high, color=colour, alpha=0.25, linewidth=0)


#: What can become of a band: its colour, dark where something is claimed.
OUTCOME_COLOURS = {
    "retained": "#0b5d8a",
    "adapted": "#8a5a9e",
    "new": "#c4401b",
    "lost": "#d9a300",
    "unused": "0.72",
    "undecided": "0.92",
}
#: Words of a verdict, dark enough on white.
VERDICT_COLOURS = {"holds": "#0b5d8a", "fails": "#a5330f", "undecided": "#595959"}
_RATIOS = (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8)


def plot_band_change(change: pd.DataFrame, before: str, after: str, ax: Axes | None = None) -> Axes:
    """Draw each band's attribution in two models, with intervals, and a strip of what became of it.

    ``change`` is from :func:`soilpb.explain.bands.compare_bands`, of models called ``before`` and ``after``.
    """
    ax = make_axes(ax, height=5.0)
    middle, width = (change["start"] + change["stop"]) / 2, change["stop"] - change["start"]
    models = {"before": (before, SOURCE_COLOUR, -1), "after": (after, TARGET_COLOUR, 1)}
    for name, (label, colour, side) in models.items():
        x = middle + side * width / 6
        ax.vlines(x, change[f"{name}_low"], change[f"{name}_high"], color=colour, alpha=0.45, linewidth=2.2)
        ax.plot(x, change[name], marker="o", linestyle="", markersize=3.5, color=colour, label=label)
    ax.axhline(1, color="black", linewidth=0.8)
    lowest = change[["before_low", "after_low"]].min().min()
    highest = change[["before_high", "after_high"]].max().max()
    for band in change.itertuples():  # along the bottom of the axes
        ends, colour = [band.start, band.stop], OUTCOME_COLOURS[band.outcome]
        ax.fill_between(ends, 0.72 * 0.8 * lowest, 0.8 * lowest, color=colour, linewidth=0)
    ax.set(yscale="log", ylim=(0.8 * lowest * 0.72 * 0.97, 2.4 * highest))
    ticks = [ratio for ratio in _RATIOS if lowest < ratio < highest]
    ax.set_yticks(ticks, [f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}" for ratio in ticks])
    ax.minorticks_off()
    ax.set_ylabel("Attribution per nm (1: even spread)")
    set_wavelength_axis(ax, np.array([change["start"].min(), change["stop"].max()]))
    _mark_published_bands(ax)
    legend_above(ax)
    found = set(change["outcome"])
    patches = [Patch(color=c, label=name) for name, c in OUTCOME_COLOURS.items() if name in found]
    ax.figure.legend(handles=patches, loc="outside lower center", ncols=6, columnspacing=1.2)
    return ax


def style_verdicts(table: pd.DataFrame) -> Styler:
    """Format a table of verdicts for a page: statistic and interval in one column, words in colour.

    Its rows are of :class:`soilpb.explain.sanity_checks.Verdict`.
    """
    rows = [(row.statistic, row.low, row.high) for row in table.itertuples()]
    with_intervals = [
        _short(value) + ("" if np.isnan(low) else f" ({_short(low)} to {_short(high)})")
        for value, low, high in rows
    ]
    shown = table.assign(statistic=with_intervals)[["statement", "verdict", "statistic", "test"]]
    colour = {word: f"color: {c}; font-weight: bold" for word, c in VERDICT_COLOURS.items()}
    return shown.style.map(colour.get, subset="verdict").hide(axis="index")


def _short(value: float) -> str:
    """A statistic in two digits, or as a power of ten where it is tiny."""
    return number(value) if value == 0 or abs(value) >= 0.005 else f"{value:.0e}".replace("-", "−")
