"""Statements about wavelengths as hypotheses: a window against all windows of its width.

Any profile has peaks, and any list of wavelengths hits some of them. A window that was
named beforehand says something only if few windows as wide carry as much credit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb import jackknife
from soilpb.compare import holm

#: What the study says of wavelengths (He et al. 2025, abstract): nm, claim, citation key.
#: It names 919 and 959 nm as points; here they are 20 nm wide, two bands of the usual grid.
PUBLISHED = pd.DataFrame(
    [
        (550.0, 750.0, "retained", "he2025"),
        (1600.0, 1700.0, "retained", "he2025"),
        (909.0, 929.0, "adapted", "he2025"),
        (949.0, 969.0, "adapted", "he2025"),
    ],
    columns=["start", "stop", "claim", "citation"],
)


def in_nm(start: float, stop: float) -> str:
    """Name a window as a reader would.

    Examples
    --------
    >>> in_nm(550, 750), in_nm(1860, 1860)
    ('550–750 nm', '1860 nm')
    """
    return f"{start:g} nm" if start == stop else f"{start:g}–{stop:g} nm"


def window_tests(
    profiles: pd.DataFrame, windows: pd.DataFrame, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Test for each window whether a model's credit is high there.

    Parameters
    ----------
    profiles : DataFrame
        ``draw``, ``wavelength``, ``mean_abs`` of one model, the same wavelengths in each draw.
    windows : DataFrame
        ``start`` and ``stop`` in nm, both inclusive; other columns are kept.
    left_out : float
        Share of the soils that a draw's model did not train on: 0.2 for five folds.
    level : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        The windows with ``relative`` (credit relative to an even spread, 1; geometric mean
        over draws), ``low``, ``high``; ``p`` (share of all windows as wide, this one included,
        that carry at least as much credit) and ``p_holm`` (corrected for the number of windows tested).

    Raises
    ------
    ValueError
        If a window holds no band of the profile.
    """
    density = profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    density = density / density.mean()
    wavelengths = density.index.to_numpy(dtype=float)
    rows = []
    for window in windows.itertuples():
        inside = np.flatnonzero((wavelengths >= window.start) & (wavelengths <= window.stop))
        if not inside.size:
            raise ValueError(f"no band of the profile lies within {window.start:g}–{window.stop:g} nm")
        of_this_width = np.lib.stride_tricks.sliding_window_view(density.to_numpy(), inside.size, axis=0)
        # Credit is positive and its ratios count: means and intervals are those of logarithms.
        relative = np.log(of_this_width.mean(axis=-1))  # (n_windows, n_draws)
        here, everywhere = relative[inside[0]], relative.mean(axis=1)
        centre, half = here.mean(), jackknife.half_width(here, left_out, level)
        p = np.mean(everywhere >= centre - 1e-12)  # a window ties with itself, whatever the rounding
        rows.append((*np.exp([centre, centre - half, centre + half]), p))
    tested = pd.DataFrame(rows, columns=["relative", "low", "high", "p"], index=windows.index)
    return windows.join(tested.assign(p_holm=holm(tested["p"])))
