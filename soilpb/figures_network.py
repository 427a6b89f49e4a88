"""The network, drawn from its configuration: a picture that cannot disagree with the model."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from soilpb.figures import GREY, PALETTE, make_axes
from soilpb.resnet import ResNetConfig

_STEP = 1.0  # from one box to the next
_ARROW = {"arrowstyle": "-|>", "mutation_scale": 13, "color": GREY, "linewidth": 1.4}


def layers(config: ResNetConfig) -> list[tuple[str, str, int, int]]:
    r"""What a spectrum passes through: (name, operation, channels, positions) for each box.

    Examples
    --------
    >>> layers(ResNetConfig(n_bands=210))[1]
    ('stem', 'conv 9\nstride 4', 16, 53)
    """
    stem = f"conv {config.stem_kernel}\nstride {config.stem_stride}"
    boxes = [("spectrum", "", 1, config.n_bands), ("stem", stem, config.stem_channels, config.lengths[0])]
    for i, (channels, length) in enumerate(zip(config.channels, config.lengths[1:], strict=True), start=1):
        boxes.append((f"block {i}", "2 × conv 3\nstride 2", channels, length))
    boxes.append(("features", "flatten", 1, config.n_features))
    boxes.append(("output", "linear", 1, config.n_outputs))
    return boxes


def network(config: ResNetConfig, ax: Axes | None = None, output: str = "output") -> Axes:
    """Draw the 1D-ResNet: one box a layer, its shape beneath, shortcuts as arcs above the blocks.

    Parameters
    ----------
    config : ResNetConfig
    output : str
        What the last box is called, such as ``pH``.
    """
    ax = make_axes(ax, height=2.9)
    boxes = layers(config)
    longest = max(config.n_bands, config.n_features)
    heights = [0.35 + 1.25 * (length / longest) ** 0.5 for *_, length in boxes]
    widths = [0.26 + 0.42 * channels / max(config.channels) for _, _, channels, _ in boxes]
    for i, (name, operation, channels, length) in enumerate(boxes):
        x, height, width = i * _STEP, heights[i], widths[i]
        block = name.startswith("block")
        colour = PALETTE[1] if block else PALETTE[0] if name in ("spectrum", "output") else PALETTE[2]
        _box(ax, x, width, height, colour)
        shape = f"{channels} × {length}" if channels > 1 else f"{length}"
        ax.text(x, -1.0, output if name == "output" else name, ha="center", va="top", weight="bold")
        ax.text(x, -1.24, shape, ha="center", va="top", fontsize=10)
        if i:
            left = x - _STEP + widths[i - 1] / 2
            ax.add_patch(FancyArrowPatch((left, 0), (x - width / 2, 0), **_ARROW))
            ax.text(x, 1.0, operation, ha="center", va="bottom", fontsize=9.5, color="0.3")
        if block:
            start, end = (x - _STEP, heights[i - 1] / 2), (x, height / 2)
            ax.add_patch(FancyArrowPatch(start, end, connectionstyle="arc3,rad=-0.55", **_ARROW))
    ax.set(xlim=(-0.5, len(boxes) - 0.5), ylim=(-1.5, 1.45))
    ax.axis("off")
    return ax


def _box(ax: Axes, x: float, width: float, height: float, colour: tuple) -> None:
    shape = {"boxstyle": "round,pad=0,rounding_size=0.05", "edgecolor": colour, "linewidth": 1.6}
    ax.add_patch(
        FancyBboxPatch((x - width / 2, -height / 2), width, height, facecolor=(*colour, 0.25), **shape)
    )
