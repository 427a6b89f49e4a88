"""Pictures of credit by wavelength: which bands a model uses, and which the study named."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from soilpb.figures import GREY, SOURCE_COLOUR, TARGET_COLOUR, legend_above, make_axes, wavelength_axis
from soilpb.windows import PUBLISHED


def share_of_credit(attributions: pd.DataFrame) -> pd.DataFrame:
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


def mirrored_profiles(
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
    shares = share_of_credit(attributions[attributions["model"].isin([above, below])])
    for model, sign, colour in ((above, 1, SOURCE_COLOUR), (below, -1, TARGET_COLOUR)):
        _profile(ax, shares[shares["model"] == model], sign, colour, model)
    highest = 1.3 * shares.groupby(["model", "wavelength"])["share"].quantile(0.95).max()
    ax.set(ylim=(-highest, highest), ylabel="Share of credit (% a band)")
    ax.axhline(0, color="black", linewidth=0.8)
    ax.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
    wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    if published:
        mark_published_bands(ax)
    ax.legend(loc="lower right", ncols=2)
    return ax


def profile(attributions: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw one model's credit by wavelength: mean over draws, and 5–95 % of them.

    Parameters
    ----------
    attributions : DataFrame
        ``model``, ``draw``, ``wavelength``, ``mean_abs``.
    """
    (model,) = attributions["model"].unique()
    ax = make_axes(ax, height=3.2)
    shares = share_of_credit(attributions)
    _profile(ax, shares, 1, TARGET_COLOUR, model)
    ax.set(ylim=(0, None), ylabel="Share of credit (% a band)")
    wavelength_axis(ax, np.sort(shares["wavelength"].unique()))
    legend_above(ax)
    return ax


def mark_published_bands(ax: Axes, windows: pd.DataFrame = PUBLISHED) -> None:
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
