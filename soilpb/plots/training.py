"""Training of networks by epoch, accuracy by the number of soils, and the network's diagram."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from soilpb.models.resnet import ResNetConfig
from soilpb.plots.style import GREY, PALETTE, SYMBOLS, label_x, legend_above, make_axes

_MARKERS = "osD^vPX*"


def plot_training_curve(history: pd.DataFrame, y: str, label: str, ax: Axes | None = None) -> Axes:
    """Draw the column ``y`` by ``epoch``, such as ``train_loss`` or ``validation_r2``."""
    ax = make_axes(ax, height=3.2)
    sns.lineplot(history, x="epoch", y=y, marker="o", markersize=5, ax=ax)
    ax.set(xlabel="", ylabel=label)
    label_x(ax, "Epoch")
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def plot_learning_curve(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    x: str = "n",
    label: str = "Training soils",
    metric: str = "R2",
) -> Axes:
    """Draw a score against the number of training soils: mean, and 5–95 % of the draws if there are several.

    ``scores`` has ``model``, the column ``x``, ``value``; one or several draws per number of soils.
    """
    ax = make_axes(ax)
    models = list(scores["model"].unique())
    shift = scores["model"].map(models.index) - (len(models) - 1) / 2  # whiskers must not hide each other
    sns.lineplot(
        scores.assign(shifted=scores[x] * 1.015**shift),
        x="shifted",
        y="value",
        hue="model",
        palette=[PALETTE[i % len(PALETTE)] for i in range(len(models))],
        style="model",
        markers=[_MARKERS[i % len(_MARKERS)] for i in range(len(models))],
        dashes=False,
        errorbar=("pi", 90),
        err_style="bars",
        ax=ax,
    )
    ticks = np.unique(scores[x])
    ax.set_xscale("log")
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.minorticks_off()
    spread = " (mean, 5–95 %)" if scores.duplicated(["model", x]).any() else ""
    ax.set(xlabel=label, ylabel=SYMBOLS.get(metric, metric) + spread)
    legend_above(ax, ncols=3)
    return ax


def plot_factors(summary: pd.DataFrame, factors: Mapping[str, str], limit: str = "") -> list[Axes]:
    """Draw R² against one factor after another, panels one above the other on the same scale.

    Parameters
    ----------
    summary : DataFrame
        ``factor``, ``level``, ``model``, ``value``, ``lower``, ``upper``; all models at all levels.
    factors : mapping of str to str
        Factor → label of its axis; a panel each. Levels lie equally far apart.
    limit : str
        The name of the attainable score, which is no model: grey and dashed.
    """
    size = (5.4, 1.2 + 2.3 * len(factors))  # inches: a phone shows it at nearly its own size
    _, axes = plt.subplots(len(factors), sharey=True, figsize=size, squeeze=False)
    models = list(summary["model"].unique())
    for ax, (factor, label) in zip(axes[:, 0], factors.items(), strict=True):
        rows = summary[summary["factor"] == factor]
        levels = np.sort(rows["level"].unique())
        for i, model in enumerate(models):
            line = rows[rows["model"] == model].sort_values("level")
            look = {"color": PALETTE[i % len(PALETTE)], "marker": _MARKERS[i % 8], "markersize": 6}
            x = np.arange(len(levels)) + 0.03 * (i - (len(models) - 1) / 2)
            if model == limit:
                look, x = {"color": GREY, "linestyle": "--"}, np.arange(len(levels))
            ax.vlines(x, line["lower"], line["upper"], color=look["color"], alpha=0.5, linewidth=3)
            ax.plot(x, line["value"], label=model, **look)
        ax.set_xticks(range(len(levels)), [f"{level:,g}" for level in levels])
        ax.set(xlabel=label, ylabel="R²")
    legend_above(axes[0, 0])
    return list(axes[:, 0])


_ARROW = {"arrowstyle": "-|>", "mutation_scale": 13, "color": GREY, "linewidth": 1.4}
_BOX = {"boxstyle": "round,pad=0,rounding_size=0.05", "linewidth": 1.6}


def list_layers(config: ResNetConfig) -> list[tuple[str, str, int, int]]:
    """List what a spectrum passes through: (name, operation, channels, positions) of each box.

    Examples
    --------
    >>> list_layers(ResNetConfig(n_bands=210))[1]
    ('stem', 'conv 9, stride 4', 16, 53)
    """
    stem = f"conv {config.stem_kernel}, stride {config.stem_stride}"
    boxes = [("spectrum", "", 1, config.n_bands), ("stem", stem, config.stem_channels, config.lengths[0])]
    for i, (channels, length) in enumerate(zip(config.channels, config.lengths[1:], strict=True), start=1):
        boxes.append((f"block {i}", "2 × conv 3, stride 2", channels, length))
    boxes.append(("features", "flatten", 1, config.n_features))
    boxes.append(("output", "linear", 1, config.n_outputs))
    return boxes


def plot_network(config: ResNetConfig, ax: Axes | None = None, output: str = "output") -> Axes:
    """Draw the 1D-ResNet from its configuration: a box per layer, its shape beside it, shortcuts as arcs.

    ``output`` is what the last box is called, such as ``pH``.
    """
    boxes = list_layers(config)
    ax = make_axes(ax, height=0.62 * len(boxes))
    longest = max(config.n_bands, config.n_features)
    last = below = 0.0  # half width and lower edge of the box above
    for i, (name, operation, channels, length) in enumerate(boxes):
        half, high = 0.15 + 0.85 * (length / longest) ** 0.5, 0.2 + 0.25 * channels / max(config.channels)
        block, end = name.startswith("block"), name in ("spectrum", "output")
        colour = PALETTE[1] if block else PALETTE[0] if end else PALETTE[2]
        look = {"facecolor": (*colour, 0.25), "edgecolor": colour}
        ax.add_patch(FancyBboxPatch((-half, i - high / 2), 2 * half, high, **look, **_BOX))
        ax.text(-1.15, i, output if name == "output" else name, ha="right", va="center", weight="bold")
        ax.text(1.65, i, f"{channels} × {length}" if channels > 1 else f"{length}", va="center")
        if i:
            ax.add_patch(FancyArrowPatch((0, below), (0, i - high / 2), **_ARROW))
            ax.text(0.12, (below + i - high / 2) / 2, operation, va="center", color="0.3")
        if block:
            ends = (-last, i - 1), (-half, i)
            ax.add_patch(FancyArrowPatch(*ends, connectionstyle="arc3,rad=0.5", **_ARROW))
        below, last = i + high / 2, half
    ax.set(xlim=(-2.3, 2.6), ylim=(len(boxes) - 0.6, -0.4))
    ax.axis("off")
    return ax
