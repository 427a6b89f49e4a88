"""Maps of a site: its soils at their places, and what was kriged between them. No tiles, no network."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import LogNorm, Normalize
from matplotlib.ticker import FuncFormatter

from soilpb.figures import GREY, legend_above, make_axes

#: Dark to light for low to high, the same for all eyes.
COLOURS = "cividis"


def surface(cells: pd.DataFrame, column: str, norm: Normalize, ax: Axes) -> QuadMesh:
    """Colour the cells of a square grid by a column; where there is no cell, the map stays white.

    Parameters
    ----------
    cells : DataFrame
        ``x``, ``y`` from :func:`soilpb.places.between`, and the column.
    column : str
    norm : Normalize
        Shared with the points.
    """
    grid = cells.pivot_table(column, "y", "x")
    mesh = ax.pcolormesh(grid.columns, grid.index, grid, norm=norm, cmap=COLOURS, alpha=0.75, rasterized=True)
    mesh.set_edgecolor("none")
    return mesh


def site_map(
    soils: pd.DataFrame,
    column: str,
    label: str,
    cells: pd.DataFrame | None = None,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Draw soils at their places, coloured by a column, over what was kriged between them.

    Parameters
    ----------
    soils : DataFrame
        ``x``, ``y`` in metres, the column, and perhaps ``exceeded``: those are triangles.
    column : str
        Such as ``probability``, which is coloured from 0 to 1; anything else by its range.
    label : str
        Of the colour bar, with the unit.
    cells : DataFrame, optional
        Kriged values of the same column, from :func:`soilpb.places.between`; none if empty.
    log : bool
        Whether colours follow the logarithm.
    """
    wide, high = (max(float(np.ptp(soils[axis])), 1e-9) for axis in "xy")
    ax = make_axes(ax, height=float(np.clip(1.9 + 5.2 * high / wide, 3.2, 7.5)), width=6.4)
    low, top = (0.0, 1.0) if column == "probability" else (soils[column].min(), soils[column].max())
    norm = LogNorm(low, top) if log else Normalize(low, top)
    if cells is not None and len(cells):
        surface(cells, column, norm, ax)
    exceeded = soils["exceeded"].astype(bool) if "exceeded" in soils else None
    kinds = [(slice(None), "o", None)]
    if exceeded is not None:
        kinds = [
            (~exceeded, "o", f"measured at or below the limit ({(~exceeded).sum()})"),
            (exceeded, "^", f"measured above it ({exceeded.sum()})"),
        ]
    for rows, marker, name in kinds:
        places, values = soils.loc[rows, ["x", "y"]], soils.loc[rows, column]
        points = ax.scatter(
            places["x"],
            places["y"],
            c=values,
            norm=norm,
            cmap=COLOURS,
            marker=marker,
            s=44,
            edgecolor=GREY if cells is None or cells.empty else "white",
            linewidth=0.8,
            label=name,
        )
    bar = ax.figure.colorbar(points, ax=ax, label=label, location="bottom", shrink=0.8, aspect=32)
    if log:
        bar.ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.ax.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    ax.set(xlabel="East (m)", ylabel="North (m)", aspect="equal")
    if exceeded is not None:
        legend_above(ax, ncols=1)
    return ax
