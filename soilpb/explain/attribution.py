"""Attributions of predictions to bands, in the units of the target, and how they are tabulated.

The attributions of a soil sum over its bands to the prediction minus a base value; this is checked wherever
they are computed. Tables also give them per nanometre, so that wide bands do not look important for being
wide. For models that are linear in absorbance (PLS on it or on its derivative) exact values are computed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA

from soilpb.spectra import absorbance, reflectance_from_absorbance

#: Attributions may miss the prediction by this share of the predictions' standard deviation.
ADDITIVITY_TOLERANCE = 1e-4
#: Step of absorbance by which coefficients are read off a model.
_STEP = 0.05


@dataclass(frozen=True, eq=False)
class Attribution:
    """Attribution of each prediction to each band, and what the bands must add up to.

    ``wavelengths`` (n_bands,) are in nm, ``attributions`` (n_samples, n_bands) in the units of the target,
    ``inputs`` (n_samples, n_bands) what the model saw: absorbance or preprocessed spectra. ``base`` is the
    prediction where the spectrum is not known: the mean over the background soils.
    """

    explainer: str
    wavelengths: np.ndarray
    attributions: np.ndarray
    inputs: np.ndarray
    predicted: np.ndarray
    base: float

    @property
    def additivity_error(self) -> float:
        """Largest gap between summed attributions and prediction − base, in sd of the predictions."""
        gap = self.attributions.sum(axis=1) - (self.predicted - self.base)
        return float(np.abs(gap).max() / self.predicted.std())

    def require_additivity(self, tolerance: float = ADDITIVITY_TOLERANCE) -> Attribution:
        """Return the attribution, or raise ArithmeticError if it does not add up to the predictions."""
        error = self.additivity_error
        if not error <= tolerance:
            raise ArithmeticError(
                f"{self.explainer}: attributions miss the predictions by up to {error:.2g} of their standard "
                f"deviation; at most {tolerance:g} is rounding, more is a step without a rule"
            )
        return self

    def profile(self, model: str, draw: int = 0) -> pd.DataFrame:
        """Tabulate attributions over soils, one row per wavelength.

        Beside ``model``, ``explainer``, ``draw`` and ``wavelength``: ``mean_abs``, ``mean``, ``per_nm``
        (``mean_abs`` per nm) and ``direction`` (correlation with the height of the band).
        """
        table = self._table(self.attributions, self.inputs, model, draw).assign(wavelength=self.wavelengths)
        return table.assign(per_nm=table["mean_abs"] / np.gradient(self.wavelengths))

    def bands(self, edges: np.ndarray, model: str, draw: int = 0) -> pd.DataFrame:
        """Tabulate attributions by contiguous bands, summed within a band before the size is taken.

        ``edges`` (n + 1,) are ascending, in nm; band ``i`` holds ``edges[i] <= wavelength < edges[i + 1]``;
        one without a wavelength is a ValueError. ``start`` and ``stop`` stand for ``wavelength``.
        """
        members = band_members(self.wavelengths, edges)
        if not members.any(axis=1).all():
            empty = int(np.argmin(members.any(axis=1)))
            raise ValueError(f"the band {edges[empty]:g}–{edges[empty + 1]:g} nm holds no wavelength")
        table = self._table(self.attributions @ members.T, self.inputs @ members.T, model, draw)
        return table.assign(start=edges[:-1], stop=edges[1:], per_nm=table["mean_abs"] / np.diff(edges))

    def _table(self, attributions: np.ndarray, inputs: np.ndarray, model: str, draw: int) -> pd.DataFrame:
        direction = pd.DataFrame(attributions).corrwith(pd.DataFrame(inputs)).fillna(0)  # 0 where constant
        sizes = {"mean_abs": np.abs(attributions).mean(axis=0), "mean": attributions.mean(axis=0)}
        about = {"model": model, "explainer": self.explainer, "draw": draw}
        return pd.DataFrame({**about, **sizes, "direction": direction})


def tabulate(explained: Mapping[str, Sequence[Attribution]], edges: np.ndarray | None = None) -> pd.DataFrame:
    """Tabulate explanations of models, one per draw, by wavelength or, with ``edges``, by bands."""
    tables = [
        each.profile(model, draw) if edges is None else each.bands(edges, model, draw)
        for model, draws in explained.items()
        for draw, each in enumerate(draws)
    ]
    return pd.concat(tables, ignore_index=True)


def band_members(wavelengths: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which wavelengths each band holds, (n, n_bands) booleans, for n + 1 ascending edges."""
    edges = np.asarray(edges, dtype=float)
    return (wavelengths >= edges[:-1, None]) & (wavelengths < edges[1:, None])


def absorbance_coefficients(model: RegressorMixin, X: np.ndarray) -> np.ndarray:
    """Change of the prediction per unit of absorbance of each band, (n_bands,).

    The model is asked about the mean absorbance of ``X`` (reflectance) with one band changed at a time,
    which is exact if it is linear in absorbance, derivatives and smoothing included.
    """
    centre = absorbance(np.asarray(X, dtype=float)).mean(axis=0)
    probes = np.vstack([centre, centre + _STEP * np.eye(centre.size)])
    predictions = model.predict(reflectance_from_absorbance(probes))
    return (predictions[1:] - predictions[0]) / _STEP


def attribute_by_coefficients(
    model: RegressorMixin, X: np.ndarray, background: np.ndarray, wavelengths: np.ndarray
) -> Attribution:
    """Attribute predictions by coefficients: each times the band's distance from the background's mean.

    For a model that is linear in absorbance these are the exact Shapley values; for another
    (SNV, kernels) they are its linear approximation at the background's mean spectrum. ``X`` is the
    reflectance of the soils to explain, ``background`` that of soils that stand for "spectrum unknown".
    """
    X, background = np.asarray(X, dtype=float), np.asarray(background, dtype=float)
    inputs = absorbance(X)
    from_mean = inputs - absorbance(background).mean(axis=0)
    attributions = from_mean * absorbance_coefficients(model, background)
    base = float(model.predict(background).mean())
    return Attribution("coefficients", wavelengths, attributions, inputs, model.predict(X), base)


def attribute_zones(
    model: RegressorMixin,
    X: np.ndarray,
    background: np.ndarray,
    wavelengths: np.ndarray,
    edges: np.ndarray,
    n_orders: int = 20,
    seed: int = 0,
) -> Attribution:
    """Conditional Shapley values of wavelength zones, for a model that is linear in absorbance.

    A zone that is not known takes what the others make most likely, under a normal law with the shrunken
    covariance of the ``background`` (Ledoit & Wolf 2004), averaged over ``n_orders`` random orders of zones
    and their reverses. (The *interventional* value, which takes the background's mean, is the sum over the
    zone of :func:`attribute_by_coefficients`.) ``wavelengths`` are the zones' centres, ``edges`` as for
    :meth:`Attribution.bands`. Source: Aas, Jullum & Løland 2021, doi 10.1016/j.artint.2021.103502.
    """
    members, slopes = band_members(wavelengths, edges), absorbance_coefficients(model, background)
    known = LedoitWolf().fit(absorbance(np.asarray(background, dtype=float)))
    apart = absorbance(np.asarray(X, dtype=float)) - known.location_
    credits, rng = np.zeros((len(apart), len(members))), np.random.default_rng(seed)
    forward = [rng.permutation(len(members)) for _ in range(n_orders)]
    for order in [*forward, *(o[::-1] for o in forward)]:
        before = np.zeros(len(apart))
        for count, zone in enumerate(order, start=1):
            rows = members[order[:count]].any(axis=0)
            inside = known.covariance_[np.ix_(rows, rows)]
            after = apart[:, rows] @ np.linalg.solve(inside, known.covariance_[rows] @ slopes)
            credits[:, zone] += (after - before) / (2 * n_orders)
            before = after
    predicted, centres = model.predict(X), (edges[:-1] + edges[1:]) / 2
    base = float(predicted.mean() - credits.sum(axis=1).mean())
    return Attribution("zones, conditional", centres, credits, apart @ members.T, predicted, base)


def attribute_components(
    model: RegressorMixin,
    X: np.ndarray,
    background: np.ndarray,
    wavelengths: np.ndarray,
    share: float = 0.999,
) -> Attribution:
    """Shapley values of principal components, mapped back to bands, for a model linear in absorbance.

    Components of the ``background`` that hold ``share`` of its variance are not correlated, so that both
    kinds of value agree on them. Each gives its credit to the bands by their squared loadings; what lies
    outside them is credited band by band. After SHAPCA (Zhang et al. 2026, arXiv:2603.19141).
    """
    slopes = absorbance_coefficients(model, background)
    components = PCA(share, svd_solver="full").fit(absorbance(np.asarray(background, dtype=float)))
    inputs = absorbance(np.asarray(X, dtype=float))
    scores, loadings = components.transform(inputs), components.components_
    outside = inputs - components.mean_ - scores @ loadings
    credits = (scores * (loadings @ slopes)) @ loadings**2 + outside * slopes
    predicted = model.predict(X)
    base = float(predicted.mean() - credits.sum(axis=1).mean())
    return Attribution("components, mapped back", wavelengths, credits, inputs, predicted, base)
