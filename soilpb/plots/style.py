"""The look that all figures share: theme, palette, axes; :func:`set_style` is called once in a notebook."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from IPython import get_ipython
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib_inline.backend_inline import set_matplotlib_formats

#: Width of a figure (inches). A phone shows 3.7 of them: no text may be smaller than ``TEXT`` (points).
WIDTH, TEXT = 6.0, 11.5
#: Colours that stay apart for colour-blind readers.
PALETTE = sns.color_palette("colorblind")
#: The first stands for the source (library, pH) everywhere, the second for the target (site, Pb).
SOURCE_COLOUR, TARGET_COLOUR = PALETTE[0], PALETTE[1]
GREY = "0.45"
#: More points than this are rasterised within the vector graphic.
MANY_POINTS = 2_000
#: Colour of a published number, of an outlier, of soils above a limit.
SIGNAL_COLOUR = "#c4401b"
#: How metrics are written.
SYMBOLS = {"R2": "R²"}


def set_style() -> None:
    """Set the look of all figures: seaborn theme, white background, vector graphics, reproducible bytes."""
    sns.set_theme(
        context="notebook",
        style="ticks",
        palette="colorblind",
        rc={
            "figure.figsize": (WIDTH, 4.2),
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "savefig.dpi": 200,
            "figure.constrained_layout.use": True,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 12,
            "axes.titleweight": "bold",
            **dict.fromkeys(["font.size", "axes.labelsize", "xtick.labelsize", "ytick.labelsize"], TEXT),
            **dict.fromkeys(["legend.fontsize", "legend.title_fontsize"], TEXT),
            "legend.frameon": False,
            "font.family": "DejaVu Sans",
            "svg.hashsalt": "soilpb",
        },
    )
    if get_ipython() is not None:
        set_matplotlib_formats("svg", metadata={"Date": None})


def make_axes(ax: Axes | None, height: float = 4.2, width: float = WIDTH) -> Axes:
    """Return ``ax``, or the axes of a new figure of so many inches."""
    return plt.subplots(figsize=(width, height))[1] if ax is None else ax


def stack_axes(heights: Sequence[float]) -> list[Axes]:
    """Axes one above the other that share their x axis, of so many inches each."""
    size = (WIDTH, sum(heights))
    _, axes = plt.subplots(len(heights), sharex=True, figsize=size, height_ratios=list(heights))
    for upper in axes[:-1]:
        upper.tick_params(axis="x", length=0)
    return list(axes)


def set_wavelength_axis(ax: Axes, wavelengths: np.ndarray) -> None:
    """Run the x axis from the first band to the last, and label it where no axes stacked beneath share it."""
    ax.set(xlim=(wavelengths[0], wavelengths[-1]), xlabel="Wavelength (nm)")
    ax.label_outer()


def legend_above(ax: Axes, ncols: int = 2) -> None:
    """Put the legend over the axes, covering no data: a wide one in fewer columns, or further left."""
    room, labels = 0.95 * ax.figure.bbox.width, ax.bbox.x0 - ax.get_tightbbox().x0
    for side, free in (("left", room - labels), ("right", room)):
        place = {"loc": f"lower {side}", "bbox_to_anchor": (float(side == "right"), 1), "borderaxespad": 0.2}
        for columns in range(ncols, 0, -1):
            if ax.legend(ncols=columns, **place).get_window_extent().width < free:
                return


def set_log_axes(ax: Axes, names: str = "x") -> None:
    """Make axes logarithmic, with plain numbers at 1, 2 and 5, as far as there is room."""
    for name in names:
        ax.set(**{f"{name}scale": "log"})
        axis = getattr(ax, f"{name}axis")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
