"""Attribution by wavelength: profiles, what became of bands, and the table of verdicts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
import seaborn as sns
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
_DASHED = {"color": GREY, "linewidth": 1.2, "linestyle": (0, (4, 3)), "zorder": 0}


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


def plot_profiles(attributions: pd.DataFrame, ax: Axes | None = None, marked: Iterable[float] = ()) -> Axes:
    """Draw the attribution of a model by wavelength; of two, the second downwards, with the study's bands.

    Lines are means over draws (folds, seeds, backgrounds), bands run from 5 to 95 % of them; ``marked``
    wavelengths are dashed. ``attributions`` has ``model``, ``draw``, ``wavelength``, ``mean_abs``.
    """
    shares = compute_shares(attributions)
    models = list(shares["model"].unique())
    ax = make_axes(ax, height=4.6 if len(models) > 1 else 3.2)
    looks = [(1, TARGET_COLOUR)] if len(models) == 1 else [(1, SOURCE_COLOUR), (-1, TARGET_COLOUR)]
    for model, (sign, colour) in zip(models, looks, strict=True):
        rows = shares[shares["model"] == model].assign(share=lambda table, sign=sign: sign * table["share"])
        look = {"errorbar": ("pi", 90), "color": colour, "label": model, "legend": False, "ax": ax}
        sns.lineplot(rows, x="wavelength", y="share", **look)
        ax.fill_between(*ax.lines[-1].get_data(), color=colour, alpha=0.35, linewidth=0)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    set_wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    highest = 1.3 * np.abs(ax.get_ylim()).max()  # with room for words
    ax.set(ylim=(-highest, highest) if len(models) > 1 else (0, None))
    ax.set_ylabel("Share of attribution\n(% per band)")
    for wavelength in marked:
        ax.axvline(wavelength, **_DASHED)
    if len(models) == 1:
        legend_above(ax)
        return ax
    ax.axhline(0, color="black", linewidth=0.8)
    _mark_published_bands(ax)
    ax.legend(loc="lower right", ncols=2)
    return ax


def _mark_published_bands(ax: Axes) -> None:
    """Shade the bands that the study says were retained; dash the wavelengths it says were adapted."""
    look = {"transform": ax.get_xaxis_transform(), "va": "top"}
    for window in PUBLISHED_WINDOWS[PUBLISHED_WINDOWS["claim"] == "retained"].itertuples():
        ax.axvspan(window.start, window.stop, color=GREY, alpha=0.13, linewidth=0, zorder=0)
        text = f"retained\n{window.start:g}–{window.stop:g}"
        ax.text((window.start + window.stop) / 2, 0.985, text, ha="center", **look)
    adapted = PUBLISHED_WINDOWS[PUBLISHED_WINDOWS["claim"] == "adapted"][["start", "stop"]].mean(axis=1)
    for wavelength in adapted:
        ax.axvline(wavelength, **_DASHED)
    text = "adapted\n" + ", ".join(f"{wavelength:g}" for wavelength in adapted)
    ax.text(adapted.max() + 15, 0.985, text, ha="left", **look)


def plot_band_change(change: pd.DataFrame, before: str, after: str, ax: Axes | None = None) -> Axes:
    """Draw each band's attribution in two models, with intervals, and a strip of what became of it.

    ``change`` is from :func:`soilpb.explain.bands.compare_bands`, of models called ``before`` and ``after``.
    """
    ax = make_axes(ax, height=5.0)
    models = {"before": (before, SOURCE_COLOUR, 1 / 3), "after": (after, TARGET_COLOUR, 2 / 3)}
    for name, (label, colour, beside) in models.items():
        x = change["start"] + beside * (change["stop"] - change["start"])
        ax.vlines(x, change[f"{name}_low"], change[f"{name}_high"], color=colour, alpha=0.45, linewidth=2.2)
        ax.plot(x, change[name], marker="o", linestyle="", markersize=3.5, color=colour, label=label)
    ax.axhline(1, color="black", linewidth=0.8)
    lowest = change[["before_low", "after_low"]].min(axis=None)
    highest = change[["before_high", "after_high"]].max(axis=None)
    for band in change.itertuples():  # along the bottom of the axes
        ax.axvspan(band.start, band.stop, ymax=0.06, color=OUTCOME_COLOURS[band.outcome], linewidth=0)
    ax.set(yscale="log", ylim=(0.5 * lowest, 2.4 * highest), ylabel="Attribution per nm (1: even spread)")
    ticks = [ratio for ratio in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8) if lowest < ratio < highest]
    ax.set_yticks(ticks, [f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}" for ratio in ticks])
    ax.minorticks_off()
    set_wavelength_axis(ax, np.array([change["start"].min(), change["stop"].max()]))
    _mark_published_bands(ax)
    legend_above(ax)
    found = [
        Patch(color=c, label=name) for name, c in OUTCOME_COLOURS.items() if name in set(change["outcome"])
    ]
    ax.figure.legend(handles=found, loc="outside lower center", ncols=6, columnspacing=1.2)
    return ax


def plot_masking_curves(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how far predictions move as bands are masked, or restored, by attribution and at random.

    ``curves`` are from :func:`soilpb.explain.sanity_checks.mask_bands`. Random orders: mean, 5–95 %.
    """
    ax = make_axes(ax, height=3.8)
    words = {"deletion": "masked", "insertion": "restored"}
    for colour, (curve, word) in zip((TARGET_COLOUR, SOURCE_COLOUR), words.items(), strict=True):
        table = curves[curves["curve"] == curve].assign(percent=lambda rows: 100 * rows["share"])
        random = table["order"] == "random"
        look = {"x": "percent", "y": "moved", "color": colour, "errorbar": ("pi", 90), "ax": ax}
        sns.lineplot(table[~random], linewidth=2.2, label=f"{word}, most attribution first", **look)
        sns.lineplot(table[random], linestyle=(0, (4, 3)), label=f"{word}, at random", **look)
    ax.set(xlabel="Bands masked or restored (%)", ylabel="Predictions moved by (sd)")
    ax.set(xlim=(0, 100), ylim=(0, None))
    legend_above(ax)
    return ax


def style_verdicts(table: pd.DataFrame) -> Styler:
    """Format a table of verdicts for a page: statistic and interval in one column, words in colour.

    Its rows are of :class:`soilpb.explain.sanity_checks.Verdict`.
    """
    values = table[["statistic", "low", "high"]].map(_short)
    interval = (" (" + values["low"] + " to " + values["high"] + ")").where(table["low"].notna(), "")
    shown = table.assign(statistic=values["statistic"] + interval)
    colour = {word: f"color: {c}; font-weight: bold" for word, c in VERDICT_COLOURS.items()}
    styled = shown[["statement", "verdict", "statistic", "test"]].style.hide(axis="index")
    return styled.map(colour.get, subset="verdict")


def _short(value: float) -> str:
    """A statistic in two digits, or as a power of ten where it is tiny."""
    return number(value) if not 0 < abs(value) < 0.005 else f"{value:.0e}".replace("-", "−")
