"""Minerals, not nanometres: how a model answers to a little more of a constituent.

A slope is ``∂ target / ∂ ln(constituent)``. A little of the constituent is mixed into
each *measured* spectrum by Kubelka–Munk optics and the model is asked again; whatever
bands it reads by, it reads them all at once, and the spectrum stays one that a soil could
have. On a logarithmic target the slope is an elasticity: 0.5 means that 10 % more of the
constituent goes with about 5 % more of the target. Slopes come out shrunk: with few soils
a model answers less than nature does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from soilpb.atlas import TYPICAL_ABUNDANCE
from soilpb.minerals import add_constituent

#: Constituents asked about unless told otherwise.
CONSTITUENTS = (
    "hematite",
    "goethite",
    "clay",
    "organic_matter",
    "carbonate",
    "water",
    "manganese_oxide",
    "gypsum",
)
#: Laboratory columns, what they measure, and its mass fraction per unit of the column
#: (organic matter is 58 % carbon: van Bemmelen's factor).
_MEASURED = {
    "clay_pct": ("clay", 0.01),
    "SOC_pct": ("organic_matter", 0.01 / 0.58),
    "CaCO3_pct": ("carbonate", 0.01),
}


class Predictor(Protocol):
    """Anything that predicts from reflectance as a fraction: a network, a PLS pipeline, a stack."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n_samples,) for reflectance (n_samples, n_bands)."""


def mineral_slopes(
    model: Predictor,
    X: np.ndarray,
    wavelengths: np.ndarray,
    constituents: Sequence[str] = CONSTITUENTS,
    abundance: Mapping[str, np.ndarray | float] | None = None,
    step: float = 0.1,
) -> pd.DataFrame:
    """Slope of each soil's prediction with the logarithm of each constituent.

    Parameters
    ----------
    model : fitted estimator
    X : (n_samples, n_bands) array
        Measured reflectance, fraction.
    wavelengths : (n_bands,) array, nm
    constituents : sequence of str
        Names from the atlas: endmembers or mixtures.
    abundance : mapping of str to float or (n_samples,) array, optional
        Mass fractions, where known; typical ones of soils otherwise. They set only the
        unit: twice the abundance is twice the slope.
    step : float
        Relative change: half of it is added, half taken away.

    Returns
    -------
    DataFrame
        One row a (constituent, sample): ``constituent``, ``sample`` (position in ``X``),
        ``slope`` (units of the target per unit of the natural logarithm).

    Examples
    --------
    >>> class Darkness:
    ...     def predict(self, X):
    ...         return -np.log(X[:, 0])
    >>> slopes = mineral_slopes(Darkness(), np.full((1, 2), 0.3), np.array([500.0, 510.0]), ["hematite"])
    >>> slopes["slope"].item() > 0
    True
    """
    amounts = {**TYPICAL_ABUNDANCE, **(abundance or {})}
    if unknown := set(constituents) - amounts.keys():
        raise ValueError(f"the atlas has no {sorted(unknown)}; it has {', '.join(amounts)}")
    tables = []
    for constituent in constituents:
        delta = step / 2 * np.asarray(amounts[constituent])
        more, less = (
            model.predict(add_constituent(X, wavelengths, constituent, sign * delta)) for sign in (1, -1)
        )
        tables.append(
            pd.DataFrame(
                {"constituent": constituent, "sample": np.arange(len(X)), "slope": (more - less) / step}
            )
        )
    return pd.concat(tables, ignore_index=True)


def laboratory_abundances(samples: pd.DataFrame) -> dict[str, np.ndarray]:
    """Mass fractions that the laboratory measured, as :func:`mineral_slopes` takes them.

    Parameters
    ----------
    samples : DataFrame
        Laboratory values: ``clay_pct``, ``SOC_pct``, ``CaCO3_pct``, where there are any.

    Returns
    -------
    dict of str to (n_samples,) array; gaps hold the median of the others.

    Examples
    --------
    >>> laboratory_abundances(pd.DataFrame({"SOC_pct": [1.16, 2.32]}))
    {'organic_matter': array([0.02, 0.04])}
    """
    known = {}
    for column, (constituent, fraction) in _MEASURED.items():
        if column in samples:
            values = samples[column].astype(float)
            known[constituent] = (fraction * values.fillna(values.median())).to_numpy()
    return known
