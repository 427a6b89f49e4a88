"""Accuracy of models by the number of soils or another factor, and the network's diagram."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from soilpb.models.resnet import ResNetConfig
from soilpb.plots.style import GREY, PALETTE, SYMBOLS, legend_above, make_axes

_MARKERS = "osD^vPX*"
_ARROW = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}


def plot_learning_curve(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    x: str = "n",
    label: str = "Training soils",
    metric: str = "R2",
    limit: str = "",
) -> Axes:
    """Draw a score of models against the number of training soils, or another factor, with intervals.

    ``scores`` has ``model``, the column ``x``, whose levels are drawn equally far apart, and ``value``; the
    interval is ``lower`` to ``upper`` if it has these, else 5–95 % of the draws about their mean. ``limit``
    names the attainable score, which is no model: grey and dashed. Of stacked axes the first has the legend.
    """
    ax, spread = make_axes(ax), ""
    if "lower" not in scores:
        spread = " (mean, 5–95 %)" if scores.duplicated(["model", x]).any() else ""
        draws = scores.groupby(["model", x], sort=False)["value"]
        tails = {"lower": lambda draw: draw.quantile(0.05), "upper": lambda draw: draw.quantile(0.95)}
        scores = draws.agg(value="mean", **tails).reset_index()
    levels, lines = np.sort(scores[x].unique()), scores.groupby("model", sort=False)
    for i, (model, line) in enumerate(lines):
        line = line.sort_values(x)
        look = {"color": PALETTE[i % len(PALETTE)], "marker": _MARKERS[i % len(_MARKERS)], "markersize": 6}
        look = {"color": GREY, "linestyle": "--"} if model == limit else look
        at = np.searchsorted(levels, line[x]) + 0.03 * (i - (len(lines) - 1) / 2)  # no whisker hides another
        ax.vlines(at, line["lower"], line["upper"], color=look["color"], alpha=0.5, linewidth=3)
        ax.plot(at, line["value"], label=model, **look)
    ax.set_xticks(range(len(levels)), [f"{level:,g}" for level in levels])
    ax.set(xlabel=label, ylabel=SYMBOLS.get(metric, metric) + spread)
    if ax.get_subplotspec().is_first_row():
        legend_above(ax, ncols=3)
    return ax


def list_layers(config: ResNetConfig) -> list[tuple[str, str, int, int]]:
    """List what a spectrum passes through: (name, operation, channels, positions) of each box.

    Examples
    --------
    >>> list_layers(ResNetConfig(n_bands=210))[1]
    ('stem', 'conv 9, stride 4', 16, 53)
    """
    stem = f"conv {config.stem_kernel}, stride {config.stem_stride}"
    sizes = list(zip(config.channels, config.lengths[1:], strict=True))
    return [
        ("spectrum", "", 1, config.n_bands),
        ("stem", stem, config.stem_channels, config.lengths[0]),
        *((f"block {i}", "2 × conv 3, stride 2", *size) for i, size in enumerate(sizes, start=1)),
        ("features", "flatten", 1, config.n_features),
        ("output", "linear", 1, config.n_outputs),
    ]


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
        ax.barh(i, 2 * half, high, left=-half, color=(*colour, 0.25), edgecolor=colour, linewidth=1.6)
        ax.text(-1.15, i, output if name == "output" else name, ha="right", va="center", weight="bold")
        ax.text(1.65, i, f"{channels} × {length}" if channels > 1 else f"{length}", va="center")
        if i:
            ax.annotate("", (0, i - high / 2), (0, below), arrowprops=_ARROW)
            ax.text(0.12, (below + i - high / 2) / 2, operation, va="center", color="0.3")
        if block:
            arc = {"connectionstyle": "arc3,rad=0.5", **_ARROW}
            ax.annotate("", (-half, i), (-last, i - 1), arrowprops=arc)
        below, last = i + high / 2, half
    ax.set(xlim=(-2.3, 2.6), ylim=(len(boxes) - 0.6, -0.4))
    ax.axis("off")
    return ax
