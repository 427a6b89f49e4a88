"""Pictures of credit by wavelength: which bands a model uses, and which the study named.

Pictures of a trial: what became of bands, what predictions do without them, what survives.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from pandas.io.formats.style import Styler

from soilpb._format import number
from soilpb.explain.bands import PUBLISHED_WINDOWS
from soilpb.plots.style import (
    GREY,
    PALETTE,
    SIGNAL_COLOUR,
    SOURCE_COLOUR,
    TARGET_COLOUR,
    legend_above,
    make_axes,
    set_wavelength_axis,
)


def compute_shares(attributions: pd.DataFrame) -> pd.DataFrame:
    """Percent of a model's credit that falls on each wavelength, draw by draw.

    pH and ln Pb have different units, and so has their credit; shares can be compared.

    Parameters
    ----------
    attributions : DataFrame
        ``model``, ``draw``, ``wavelength``, ``mean_abs``.

    Returns
    -------
    DataFrame
        The same rows with a column ``share``, which sums to 100 over a (model, draw).
    """
    total = attributions.groupby(["model", "draw"])["mean_abs"].transform("sum")
    if not (total > 0).all():
        raise ValueError("a model has no credit at all: it ignores the spectrum, so there are no shares")
    return attributions.assign(share=100 * attributions["mean_abs"] / total)


def plot_mirrored_profiles(
    attributions: pd.DataFrame, above: str, below: str, ax: Axes | None = None, published: bool = True
) -> Axes:
    """Draw two models' credit by wavelength, one upwards and one downwards.

    Lines are means over draws (folds, seeds, backgrounds), bands run from 5 to 95 % of them.

    Parameters
    ----------
    attributions : DataFrame
        ``model``, ``draw``, ``wavelength``, ``mean_abs``.
    above, below : str
        Names of the two models, such as ``ResNet-pH`` and ``ResNet-pH-Pb``.
    published : bool
        Mark the bands that the study calls retained and the wavelengths it calls adapted.
    """
    ax = make_axes(ax, height=4.6)
    shares = compute_shares(attributions[attributions["model"].isin([above, below])])
    for model, sign, colour in ((above, 1, SOURCE_COLOUR), (below, -1, TARGET_COLOUR)):
        _profile(ax, shares[shares["model"] == model], sign, colour, model)
    highest = 1.3 * shares.groupby(["model", "wavelength"])["share"].quantile(0.95).max()
    ax.set(ylim=(-highest, highest), ylabel="Share of credit (% a band)")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    set_wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    if published:
        mark_published_bands(ax)
    ax.legend(loc="lower right", ncols=2)
    return ax


def plot_profile(attributions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw one model's credit by wavelength: mean over draws, and 5–95 % of them.

    Parameters
    ----------
    attributions : DataFrame
        ``model``, ``draw``, ``wavelength``, ``mean_abs``.
    """
    (model,) = attributions["model"].unique()
    ax = make_axes(ax, height=3.2)
    shares = compute_shares(attributions)
    _profile(ax, shares, 1, TARGET_COLOUR, model)
    ax.set(ylim=(0, None), ylabel="Share of credit (% a band)")
    set_wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    legend_above(ax)
    return ax


def mark_published_bands(ax: Axes, windows: pd.DataFrame = PUBLISHED_WINDOWS) -> None:
    """Shade the bands that the study says were retained; dash the wavelengths it says were adapted.

    Parameters
    ----------
    windows : DataFrame
        ``start``, ``stop`` (nm) and ``claim``: retained or adapted. An adapted window is
        marked at its centre.
    """
    top = ax.get_xaxis_transform()
    for window in windows[windows["claim"] == "retained"].itertuples():
        ax.axvspan(window.start, window.stop, color=GREY, alpha=0.13, linewidth=0, zorder=0)
        text = f"retained\n{window.start:g}–{window.stop:g}"
        ax.text((window.start + window.stop) / 2, 0.985, text, transform=top, ha="center", va="top")
    adapted = windows[windows["claim"] == "adapted"][["start", "stop"]].mean(axis=1)
    for wavelength in adapted:
        ax.axvline(wavelength, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=0)
    if len(adapted):
        text = "adapted\n" + ", ".join(f"{wavelength:g}" for wavelength in adapted)
        ax.text(adapted.max() + 15, 0.985, text, transform=top, ha="left", va="top")


def _profile(ax: Axes, shares: pd.DataFrame, sign: int, colour: tuple, label: str) -> None:
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
    """Draw each band's credit in two models, with intervals, and a strip of what became of it.

    Parameters
    ----------
    change : DataFrame
        From :func:`soilpb.explain.bands.compare_bands`.
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
    set_wavelength_axis(ax, np.array([change["start"].min(), change["stop"].max()]))
    mark_published_bands(ax)
    _legends(ax, set(change["outcome"]))
    return ax


def plot_masking_curves(curves: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how far predictions move as bands are taken away, or given back, by credit and at random.

    Parameters
    ----------
    curves : DataFrame
        From :func:`soilpb.explain.sanity_checks.mask_bands`. Random orders: mean, and 5–95 % of them.
    """
    ax = make_axes(ax, height=3.8)
    words = {"deletion": "taken away", "insertion": "given back"}
    for colour, (curve, word) in zip((TARGET_COLOUR, SOURCE_COLOUR), words.items(), strict=True):
        table = curves[curves["curve"] == curve].assign(percent=lambda rows: 100 * rows["share"])
        by_credit = table[table["order"] == "attribution"].set_index("percent")["moved"]
        random = table[table["order"] == "random"].groupby("percent")["moved"]
        ax.plot(by_credit, color=colour, linewidth=2.2, label=f"{word}, most credited first")
        low, high = random.quantile(0.05), random.quantile(0.95)
        ax.fill_between(low.index, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(random.mean(), color=colour, linestyle=(0, (4, 3)), label=f"{word}, at random")
    ax.set(xlabel="Bands handled (%)", ylabel="Predictions moved by (sd)", xlim=(0, 100), ylim=(0, None))
    legend_above(ax)
    return ax


def plot_intervals(
    table: pd.DataFrame,
    row: str,
    value: str,
    label: str,
    ax: Axes | None = None,
    hue: str | None = None,
    neutral: float = 0.0,
    mark: str | None = None,
    notes: str | None = None,
    label_size: float | None = None,
) -> Axes:
    """Draw a dot and an interval a row, beside a line at the value that means nothing.

    Parameters
    ----------
    table : DataFrame
        The columns named, and ``low`` and ``high``; rows from top to bottom.
    row, value : str
        Columns of the names and of the dots.
    label : str
        Quantity and unit.
    hue : str, optional
        Column that tells several dots of one row apart.
    neutral : float
        Where the line stands.
    mark : str, optional
        Column of values to mark by diamonds, such as the truth; it names them in the legend.
    notes : str, optional
        Column of short texts for the right margin.
    label_size : float, optional
        Of the names, in points, where they are long.
    """
    names = list(dict.fromkeys(table[row]))
    kinds = list(dict.fromkeys(table[hue])) if hue else [None]
    beside = 0.3 if table[row].duplicated().any() else 0.0
    ax = make_axes(ax, height=1.4 + (0.3 + beside * (len(kinds) - 1)) * len(names))
    ax.axvline(neutral, color="black", linewidth=0.8)
    for k, kind in enumerate(kinds):
        rows = table if hue is None else table[table[hue] == kind]
        y = np.array([names.index(name) for name in rows[row]]) + beside * (k - (len(kinds) - 1) / 2)
        ax.hlines(y, rows["low"], rows["high"], color=PALETTE[k], alpha=0.45, linewidth=4)
        ax.plot(rows[value], y, "osD^v"[k], color=PALETTE[k], markersize=7, label=kind)
        if mark:
            ax.plot(rows[mark], y, "D", color=SIGNAL_COLOUR, fillstyle="none", markersize=8, label=mark)
        for text, height in zip(rows[notes] if notes else (), y, strict=False):
            ax.text(1.02, height, text, transform=ax.get_yaxis_transform(), va="center")
    ax.set_yticks(range(len(names)), names, fontsize=label_size)
    ax.locator_params(axis="x", nbins=6)  # room for the numbers of small effects
    ax.set(xlabel=label, ylim=(len(names) - 0.4, -0.6))
    ax.grid(axis="y", linewidth=0.5, alpha=0.5)
    if hue or mark:
        legend_above(ax, ncols=2 if len(kinds) > 3 else 3)
    return ax


def style_verdicts(table: pd.DataFrame) -> Styler:
    """Lay the table of verdicts out for a page: statistic and interval in one column, words in colour.

    Parameters
    ----------
    table : DataFrame
        From :func:`soilpb.explain.sanity_checks.verdict_table`.
    """
    shown = table.assign(
        statistic=[
            _short(row.statistic)
            + ("" if np.isnan(row.low) else f" ({_short(row.low)} to {_short(row.high)})")
            for row in table.itertuples()
        ]
    )[["statement", "verdict", "statistic", "test"]]
    colour = {word: f"color: {c}; font-weight: bold" for word, c in VERDICT_COLOURS.items()}
    return shown.style.map(colour.get, subset="verdict").hide(axis="index")


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


def _short(value: float) -> str:
    """A statistic in two digits, or as a power of ten where it is tiny."""
    return number(value) if value == 0 or abs(value) >= 0.005 else f"{value:.0e}".replace("-", "−")
