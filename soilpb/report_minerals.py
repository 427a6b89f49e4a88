"""How a report's best model reads a soil: the bands it credits, and how it answers to minerals.

Both are asked of the fits of one cross-validation, so both have intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soilpb import atlas, bands_used, jackknife, slopes, splits
from soilpb.figures_shap import share_of_credit
from soilpb.plausible import slopes_by_fold
from soilpb.study import Study
from soilpb.wording import listed, number, signed, spaced

#: Constituents that a report asks about.
ASKED = ("hematite", "goethite", "clay", "organic_matter", "carbonate", "water")
#: A constituent is seen by its edge towards the ultraviolet where at least this much of it, in the
#: atlas' unit of strength, is left at the first band.
LEAST_EDGE = 1.0


def peaks(credit: pd.DataFrame, n_folds: int, n: int = 3) -> pd.DataFrame:
    """Bands with the most credit, each with its interval and with how many folds would have named it.

    Parameters
    ----------
    credit : DataFrame
        From :func:`soilpb.bands_used.credit_by_fold`, one draw a fold.
    n_folds : int
    n : int
        At most so many.

    Returns
    -------
    DataFrame
        ``wavelength``; ``share`` of the credit in percent, with ``low`` and ``high`` (90 %);
        ``even``: the share of a band if all had the same; ``folds``: in how many a peak of the ``n``
        highest lies within :data:`soilpb.bands_used.APART` / 2.
    """
    shares = share_of_credit(credit)
    found = jackknife.intervals(shares, ["wavelength"], "share", left_out=1 / n_folds)
    found = found.set_index("wavelength").loc[bands_used.peaks(credit, n)].reset_index()
    of_folds = [bands_used.peaks(profile, n) for _, profile in credit.groupby("draw")]
    near = [
        sum(any(abs(peak - other) <= bands_used.APART / 2 for other in named) for named in of_folds)
        for peak in found["wavelength"]
    ]
    return found.assign(even=100 / credit["wavelength"].nunique(), folds=near)


def peaks_shown(table: pd.DataFrame, n_folds: int) -> pd.DataFrame:
    """Write :func:`peaks` for a page."""
    return pd.DataFrame(
        {
            "band (nm)": [f"{nm:g}" for nm in table["wavelength"]],
            "share of the credit (%)": [
                f"{number(row.share)} ({number(max(row.low, 0))} to {number(row.high)})"
                for row in table.itertuples()
            ],
            "if all were alike (%)": [number(value) for value in table["even"]],
            "named by": [f"{n} of {n_folds} folds" for n in table["folds"]],
        }
    )


def asked_of(wavelengths: np.ndarray) -> list[str]:
    """Constituents of :data:`ASKED` that have an absorption band, or a visible edge, among these wavelengths.

    Examples
    --------
    >>> asked_of(np.arange(430.0, 741.0, 10.0)), asked_of(np.arange(1000.0, 2481.0, 10.0))[0]
    (['hematite', 'goethite', 'organic_matter'], 'clay')
    """
    inside = atlas.FEATURES["centre_nm"].between(wavelengths[0], wavelengths[-1])
    seen = set(atlas.FEATURES.loc[inside, "constituent"])
    left = atlas.EDGES["strength"] * np.exp(-(wavelengths[0] - 400.0) / atlas.EDGES["decay_nm"])
    seen |= set(atlas.EDGES.loc[left >= LEAST_EDGE, "constituent"])
    return [name for name in ASKED if seen & {name, *atlas.MIXTURES.get(name, ())}]


def answers(study: Study, fitted: Sequence, folds: pd.DataFrame) -> pd.DataFrame:
    """How predictions answer to a little more of each constituent.

    Parameters
    ----------
    study : Study
    fitted : sequence of estimators
        One a fold, from :func:`soilpb.bands_used.fit_by_fold`.
    folds : DataFrame

    Returns
    -------
    DataFrame
        ``constituent``, ``slope`` with ``low`` and ``high`` (90 %): units of the modelling scale a unit
        of the constituent's natural logarithm; the steepest rise first.
    """
    rows = list(splits.iterate(folds, study.ids))
    library = study.source
    texture = 0.0
    if "clay_pct" in library.samples:
        texture = slopes.texture_exponent(library.reflectance, library.wavelengths, library.samples)
    amounts = slopes.laboratory_abundances(study.target.samples)
    asked = slopes_by_fold(fitted, rows, study.X, study.grid, asked_of(study.grid), amounts, texture)
    table = jackknife.intervals(asked, ["constituent"], "slope", left_out=1 / len(rows))
    return table.sort_values("slope", ascending=False, ignore_index=True)


def sentence(study: Study, table: pd.DataFrame) -> str:
    """Say what predictions rise and fall with, as far as intervals tell, and the largest in plain words."""
    up, down = table[table["low"] > 0], table[table["high"] < 0].iloc[::-1]
    if up.empty and down.empty:
        return "For none of the constituents the folds agree whether predictions rise or fall with it."
    parts = [
        f"{verb} with {listed([spaced(name) for name in rows['constituent']])}"
        for verb, rows in (("rise", up), ("fall", down))
        if len(rows)
    ]
    most = pd.concat([up, down]).loc[lambda rows: rows["slope"].abs().idxmax()]
    log, tenth = study.site.target_scale == "log", 0.1 * most["slope"]
    unit = {"": "", "%": " percentage points"}.get(study.target_unit, f" {study.target_unit}")
    size = f"{signed(100 * tenth, 1)} %" if log else f"{signed(tenth)}{unit}"
    return (
        f"Predictions {' and '.join(parts)}. If a soil had 10 % more {spaced(most['constituent'])} than it "
        f"has, its predicted {study.target_name} would change by {size}."
    )
