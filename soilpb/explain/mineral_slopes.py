"""Minerals, not nanometres: how a model answers to a little more of a constituent.

A slope is ``∂ target / ∂ ln(constituent)``. A little of the constituent is mixed into
each *measured* spectrum by Kubelka–Munk optics and the model is asked again; whatever
bands it reads by, it reads them all at once, and the spectrum stays one that a soil could
have. On a logarithmic target the slope is an elasticity: 0.5 means that 10 % more of the
constituent goes with about 5 % more of the target. Slopes come out shrunk: with few soils
a model answers less than nature does.

Ask a model only about spectra that its site could have.

A counterfactual spectrum carries bands of the atlas, at the atlas' wavelengths and widths.
Real minerals differ a little, and a calibration may answer wildly to a shape that none of
its soils had. Here a spectrum is first rebuilt from the principal components of the site's
own absorbance: what remains is what the site's spectra do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
import pandas as pd

from soilpb.evaluate.splits import Fold
from soilpb.simulate.minerals import (
    TYPICAL_ABUNDANCE,
    add_constituent,
    endmember_absorption,
    km_ratio,
    km_reflectance,
    scattering,
)
from soilpb.spectra import CARBON_IN_ORGANIC_MATTER, SoilSpectra, absorbance, reflectance_from_absorbance

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
    "SOC_pct": ("organic_matter", 0.01 / CARBON_IN_ORGANIC_MATTER),
    "CaCO3_pct": ("carbonate", 0.01),
}
#: Mass fraction below which the logarithm of an abundance says nothing more.
_TRACE = 1e-3


class Predictor(Protocol):
    """Anything that predicts from reflectance as a fraction: a network, a PLS pipeline, a stack."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n_samples,) for reflectance (n_samples, n_bands)."""


def estimate_slopes(
    model: Predictor,
    X: np.ndarray,
    wavelengths: np.ndarray,
    constituents: Sequence[str] = CONSTITUENTS,
    abundance: Mapping[str, np.ndarray | float] | None = None,
    step: float = 0.1,
    texture: float = 0.0,
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
    texture : float
        Exponent with which scattering follows clay (see :func:`estimate_texture_exponent`); 0 leaves
        scattering as it is, and clay is then known by what it absorbs alone.

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
    >>> slopes = estimate_slopes(Darkness(), np.full((1, 2), 0.3), np.array([500.0, 510.0]), ["hematite"])
    >>> slopes["slope"].item() > 0
    True
    """
    amounts = {**TYPICAL_ABUNDANCE, **(abundance or {})}
    if unknown := set(constituents) - amounts.keys():
        raise ValueError(f"the atlas has no {sorted(unknown)}; it has {', '.join(amounts)}")
    tables = []
    for constituent in constituents:
        answers = []
        for change in (step / 2, -step / 2):
            changed = add_constituent(X, wavelengths, constituent, change * np.asarray(amounts[constituent]))
            if constituent == "clay":
                changed = _rescatter(changed, (1 + change) ** texture)
            answers.append(model.predict(changed))
        slope = (answers[0] - answers[1]) / step
        table = pd.DataFrame({"constituent": constituent, "sample": np.arange(len(X)), "slope": slope})
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def estimate_texture_exponent(library: SoilSpectra) -> float:
    """Estimate the exponent of ``scattering ∝ clay ** exponent`` from a library of soils.

    Clay absorbs little, yet soils with more of it are darker at all wavelengths: their grains
    scatter less. ``ln(K/S)`` is regressed on ``ln(clay)``, beside what else was measured, and what
    clay's own absorption explains is subtracted. The median over wavelengths is taken: scattering
    is the same everywhere, and the constituents that are correlated with clay are not.

    Parameters
    ----------
    library : SoilSpectra
        Soils that vary in clay, such as the source library's.

    Returns
    -------
    float
        0 (scattering does not follow clay) where the library has no ``clay_pct``.
    """
    known = laboratory_abundances(library.samples)
    if "clay" not in known:
        return 0.0
    logs = [np.log(amounts + _TRACE) for amounts in known.values()]
    ratio = km_ratio(library.reflectance.astype(float))
    coefficients = np.linalg.lstsq(np.column_stack([np.ones(len(ratio)), *logs]), np.log(ratio), rcond=None)[
        0
    ]
    absorption = endmember_absorption(library.wavelengths)["clay"] / scattering(library.wavelengths)
    absorbed = known["clay"][:, None] * absorption
    of_clay = coefficients[1 + list(known).index("clay")] - (absorbed / ratio).mean(axis=0)
    return -float(np.median(of_clay))


def laboratory_abundances(samples: pd.DataFrame) -> dict[str, np.ndarray]:
    """Mass fractions that the laboratory measured, as :func:`estimate_slopes` takes them.

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


def _rescatter(X: np.ndarray, factor: float) -> np.ndarray:
    """Reflectance of the same layers with scattering multiplied by a factor."""
    before = km_ratio(X.astype(float))
    return (X * km_reflectance(before / factor) / km_reflectance(before)).astype(X.dtype)


#: Share of the variance of absorbance that the components hold; the rest is noise and detail.
#: Chosen on the twin: fewer components spoil the slopes there, more change nothing.
SHARE = 0.999


class ProjectedModel:
    """A fitted model behind the principal components of a site's spectra.

    Parameters
    ----------
    model : fitted estimator
    X : (n_samples, n_bands) array
        Reflectance of the site's soils, fraction.
    share : float
        Of the variance of absorbance that the components hold together.

    Attributes
    ----------
    n_components : int

    Examples
    --------
    >>> class Last:
    ...     def predict(self, X):
    ...         return -np.log10(X[:, -1])
    >>> rng = np.random.default_rng(0)
    >>> brightness = rng.uniform(0.2, 0.6, (50, 1)) * np.ones(4)
    >>> odd = np.array([[0.4, 0.4, 0.4, 0.2]])
    >>> [round(model.predict(odd).item(), 2) for model in (Last(), ProjectedModel(Last(), brightness))]
    [0.7, 0.47]
    """

    def __init__(self, model: Predictor, X: np.ndarray, share: float = SHARE) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share is {share}; expected a share of the variance, such as {SHARE}")
        spectra = absorbance(np.asarray(X, dtype=float))
        self.model, self.mean = model, spectra.mean(axis=0)
        _, sizes, components = np.linalg.svd(spectra - self.mean, full_matrices=False)
        held = np.cumsum(sizes**2) / np.sum(sizes**2)
        self.n_components = int(np.searchsorted(held, share)) + 1
        self.components = components[: self.n_components]

    def project(self, X: np.ndarray) -> np.ndarray:
        """Reflectance (n, n_bands) as the components make it, float32."""
        centred = absorbance(np.asarray(X, dtype=float)) - self.mean
        rebuilt = self.mean + centred @ self.components.T @ self.components
        return reflectance_from_absorbance(rebuilt).astype(np.float32)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) of the model for the rebuilt spectra."""
        return self.model.predict(self.project(X))


def estimate_slopes_by_fold(
    models: Iterable[Predictor],
    folds: Iterable[Fold],
    X: np.ndarray,
    wavelengths: np.ndarray,
    constituents: Sequence[str],
    abundance: Mapping[str, np.ndarray | float],
    texture: float = 0.0,
) -> pd.DataFrame:
    """Mineral slopes of the models of cross-validation, each asked about plausible spectra only.

    Parameters
    ----------
    models : iterable of fitted estimators
        One a fold, fitted to the fold's training soils.
    folds : iterable of Fold
    X : (n_samples, n_bands) array
        Reflectance of all soils: every model answers for each of them.
    wavelengths, constituents, abundance, texture
        As for :func:`soilpb.explain.mineral_slopes.estimate_slopes`.

    Returns
    -------
    DataFrame
        As :func:`soilpb.explain.mineral_slopes.estimate_slopes` returns, with ``draw``: the fold's number.
    """
    tables = []
    for draw, (model, fold) in enumerate(zip(models, folds, strict=True)):
        plausible = ProjectedModel(model, X[fold.train])
        slopes = estimate_slopes(plausible, X, wavelengths, constituents, abundance, texture=texture)
        tables.append(slopes.assign(draw=draw))
    return pd.concat(tables, ignore_index=True)
