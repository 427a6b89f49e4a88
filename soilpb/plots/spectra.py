"""Soils: spectra, the atlas of absorption features, distributions, outliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes

from soilpb.plots.style import (
    GREY,
    PALETTE,
    SIGNAL_COLOUR,
    SOURCE_COLOUR,
    legend_above,
    make_axes,
    set_log_axes,
    set_wavelength_axis,
)
from soilpb.spectra import SoilSpectra

_ATLAS_COLOURS = {
    "hematite": "#a63c1e",
    "goethite": "#c98a1b",
    "jarosite": "#b8a600",
    "organic_matter": "#5b4636",
    "water": "#3b83c4",
    "carbonate": "#7a7a7a",
    "gypsum": "#8a6fb0",
}
_CLAY_COLOUR = "#b0764a"


def plot_spectra(
    soils: Mapping[str, SoilSpectra], ax: Axes | None = None, colours: Sequence = PALETTE
) -> Axes:
    """Draw the median and the 5–95 % band of each domain's reflectance; the source comes first."""
    ax = make_axes(ax)
    for colour, (name, domain) in zip(cycle(colours), soils.items(), strict=False):
        low, median, high = np.percentile(domain.reflectance, (5, 50, 95), axis=0)
        ax.fill_between(domain.wavelengths, low, high, color=colour, alpha=0.22, linewidth=0)
        label = f"{name} (n = {domain.n_samples:,})"
        ax.plot(domain.wavelengths, median, color=colour, linewidth=2, label=label)
    ax.set(ylabel="Reflectance (median, 5–95 %)", ylim=(0, None))
    set_wavelength_axis(ax, next(iter(soils.values())).wavelengths)
    legend_above(ax)
    return ax


def plot_atlas(features: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw what absorbs where: one row per constituent, one bar per absorption feature (± 2 widths).

    ``features`` has ``constituent``, ``centre_nm``, ``width_nm``, as in ``minerals.FEATURES``.
    """
    ax = make_axes(ax, height=2.4)
    names = list(dict.fromkeys(features["constituent"]))
    for row in features.itertuples():
        y, colour = names.index(row.constituent), _ATLAS_COLOURS.get(row.constituent, _CLAY_COLOUR)
        left = row.centre_nm - 2 * row.width_nm
        ax.barh(y, 4 * row.width_nm, left=left, height=0.55, color=colour, alpha=0.3)
        ax.plot(row.centre_nm, y, marker="|", color=colour, markersize=8, markeredgewidth=1.8)
    ax.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    ax.set(xlabel="Wavelength (nm)", ylim=(len(names) - 0.4, -0.6))
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="y", linewidth=0.5, alpha=0.5)
    ax.spines["left"].set_visible(False)
    return ax


def plot_distribution(
    values: Mapping[str, np.ndarray],
    label: str,
    ax: Axes | None = None,
    log: bool = False,
    colours: Sequence = PALETTE,
) -> Axes:
    """Draw histograms, in percent of each domain's soils, and the medians.

    ``values`` maps a domain's name to its values, of which unknown ones (NaN) are left out; ``label`` names
    quantity and unit; ``log`` makes axis and bins logarithmic, and needs values above 0.
    """
    ax = make_axes(ax, height=3.2)
    known = {name: np.asarray(v, dtype=float)[np.isfinite(v)] for name, v in values.items()}
    pooled = np.concatenate(list(known.values()))
    if log and pooled.min() <= 0:
        raise ValueError(f"{label} has {pooled.min():g}: a logarithmic axis needs values above 0")
    edges = (np.geomspace if log else np.linspace)(pooled.min(), pooled.max(), 29)
    for colour, (name, v) in zip(cycle(colours), known.items(), strict=False):
        look = {"color": colour, "alpha": 0.4, "linewidth": 0, "label": f"{name} (n = {v.size:,})"}
        sns.histplot(x=v, bins=edges, stat="percent", ax=ax, **look)
        ax.axvline(np.median(v), color=colour, linewidth=1.8, linestyle="--")
    ax.set(xlabel=label, ylabel="Soils (%; dashed: median)")
    if log:
        set_log_axes(ax)
    legend_above(ax)
    return ax


def plot_outliers(
    table: pd.DataFrame, t2_limit: float, q_limit: float, ax: Axes | None = None, most: int = 6
) -> Axes:
    """Draw each spectrum's distance within (T²) and outside (Q) the principal components, with limits.

    ``table`` has ``sample``, ``T2``, ``Q``, one row per spectrum. Of those beyond either limit the ``most``
    distant are named, unless a name would cover another.
    """
    ax = make_axes(ax)
    beyond = np.maximum(table["T2"] / t2_limit, table["Q"] / q_limit)
    unusual = beyond > 1
    kinds = {"within both limits": (~unusual, SOURCE_COLOUR), "beyond one": (unusual, SIGNAL_COLOUR)}
    for label, (rows, colour) in kinds.items():
        n = f"{label} (n = {rows.sum()})"
        ax.scatter(table["T2"][rows], table["Q"][rows], s=26, color=colour, alpha=0.7, linewidth=0, label=n)
    ax.axvline(t2_limit, color=GREY, linestyle="--", linewidth=1.2)
    ax.axhline(q_limit, color=GREY, linestyle="--", linewidth=1.2)
    ax.set(xlabel="T², within the components", ylabel="Q, outside them")
    set_log_axes(ax, "xy")
    _name_points(ax, table.loc[beyond[unusual].nlargest(most).index])
    legend_above(ax)
    return ax


def _name_points(ax: Axes, rows: pd.DataFrame) -> None:
    """Write each sample's name beside its point, unless it would cover one written before."""
    named: list[np.ndarray] = []
    for row in rows.itertuples():
        place = ax.transData.transform((row.T2, row.Q)) * 72 / ax.figure.dpi
        room = (6.5 * len(str(row.sample)), 12.0)  # of a name, in points
        if all((abs(place - other) > room).any() for other in named):
            named.append(place)
            look = {"xytext": (5, 3), "textcoords": "offset points", "parse_math": False}
            ax.annotate(str(row.sample), (row.T2, row.Q), **look)
