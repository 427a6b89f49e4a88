"""Where soils were taken, in metres; and the places between them that a map may speak of."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.spatial import Delaunay, KDTree, QhullError

#: A map speaks of places no farther from a soil than so many times the usual distance of neighbours.
REACH = 3.0
_METRES_A_DEGREE = 111_195.0  # of a great circle, on a sphere of 6,371 km


def of_soils(samples: pd.DataFrame) -> pd.DataFrame | None:
    """Places of soils in metres east and north of the site's south-western corner.

    Parameters
    ----------
    samples : DataFrame
        With ``x`` and ``y``; in degrees where ``crs`` says EPSG:4326, else in metres.

    Returns
    -------
    DataFrame ``x``, ``y`` of the soils whose place is known, by sample; None if there are none, or if
    ``crs`` says that coordinates are dummies, which protect their owners.

    Examples
    --------
    >>> of_soils(pd.DataFrame({"x": [500.0, 510.0], "y": [20.0, 20.0]}))["x"].tolist()
    [0.0, 10.0]
    """
    if not {"x", "y"} <= set(samples):
        return None
    crs = samples["crs"].astype(str) if "crs" in samples else pd.Series("", index=samples.index)
    known = samples[["x", "y"]].astype(float).dropna()
    if known.empty or crs.str.startswith("dummy").any():
        return None
    if crs.loc[known.index].str.contains("4326").all():
        along = np.cos(np.radians(known["y"].mean()))
        known = known * _METRES_A_DEGREE * [along, 1.0]
    return known - known.min()


def distinct(places: np.ndarray, values: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Places that differ, (n_places, 2), and the mean of the values at each.

    Examples
    --------
    >>> places, values = distinct(np.array([[0, 0], [0, 0], [5, 0]]), np.array([1.0, 3.0, 7.0]))
    >>> len(places), values.tolist()
    (2, [2.0, 7.0])
    """
    values = np.zeros(len(places)) if values is None else values
    different, which = np.unique(places, axis=0, return_inverse=True)
    return different, np.bincount(which.ravel(), values) / np.bincount(which.ravel())


def between(places: np.ndarray, n_across: int = 60) -> pd.DataFrame:
    """Centres of the cells that a map of these soils may show.

    Parameters
    ----------
    places : (n_samples, 2) array
    n_across : int
        Cells along the longer side.

    Returns
    -------
    DataFrame ``x``, ``y`` on a square grid: within the soils' hull, and within :data:`REACH`. It has
    no rows where the soils lie on one line.
    """
    soils, _ = distinct(np.asarray(places, dtype=float))
    low, high = soils.min(axis=0), soils.max(axis=0)
    step = (high - low).max() / n_across
    across, up = (np.arange(a + step / 2, b, step) for a, b in zip(low, high, strict=True))
    cells = pd.DataFrame(np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2), columns=["x", "y"])
    try:
        hull = Delaunay(soils)
    except QhullError:
        return cells.iloc[:0]
    tree = KDTree(soils)
    usual = np.median(tree.query(soils, 2)[0][:, 1])
    near = tree.query(cells)[0] <= REACH * usual
    return cells[near & (hull.find_simplex(cells.to_numpy()) >= 0)].reset_index(drop=True)
