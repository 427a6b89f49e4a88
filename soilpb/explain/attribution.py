"""Credit of bands in predictions, in the units of the target: one container, tidy tables.

Credit is conserved: over bands it sums to the prediction minus a base value, and that is
checked wherever credit is computed. Tables give it per nanometre as well, so that wide
bands do not look important for being wide.

What a linear model says of its bands: exact credit, coefficients, VIP.

For comparison with a network. A model that is linear in absorbance (PLS on absorbance or
on its derivative) needs no masking: the Shapley value of a band is its coefficient times
its distance from the background's mean, and that is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression

from soilpb.models.pls import PLSCV, PREPROCESSING
from soilpb.spectra import absorbance, reflectance_from_absorbance

#: Credit may miss the prediction by this share of the predictions' standard deviation.
ADDITIVITY_TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False)
class Attribution:
    """Credit of each band in each prediction, and what it must add up to.

    Parameters
    ----------
    explainer : str
    wavelengths : (n_bands,) array, nm
    attributions : (n_samples, n_bands) array
        In the units of the target.
    inputs : (n_samples, n_bands) array
        What the network saw.
    predicted : (n_samples,) array
    base : float
        Prediction without knowing a spectrum: the mean over the background.
    """

    explainer: str
    wavelengths: np.ndarray
    attributions: np.ndarray
    inputs: np.ndarray
    predicted: np.ndarray
    base: float

    @property
    def additivity_error(self) -> float:
        """Largest gap between summed credit and prediction − base, in sd of the predictions."""
        gap = self.attributions.sum(axis=1) - (self.predicted - self.base)
        return float(np.abs(gap).max() / self.predicted.std())

    def require_additivity(self, tolerance: float = ADDITIVITY_TOLERANCE) -> Attribution:
        """Return the attribution, or raise ArithmeticError if credit is not conserved."""
        if not self.additivity_error <= tolerance:
            raise ArithmeticError(
                f"{self.explainer}: credit misses the predictions by up to {self.additivity_error:.2g} of "
                f"their standard deviation; at most {tolerance:g} is rounding, more is a step without a rule"
            )
        return self

    def profile(self, model: str, draw: int = 0) -> pd.DataFrame:
        """One row a wavelength.

        Returns
        -------
        DataFrame
            ``model``, ``explainer``, ``draw``, ``wavelength``, ``mean_abs`` and ``mean``
            (units of the target), ``per_nm`` (``mean_abs`` a nanometre) and ``direction``
            (correlation of credit with the band's height: the sign of its effect).
        """
        return self._table(self.attributions, model, draw).assign(
            wavelength=self.wavelengths,
            per_nm=lambda table: table["mean_abs"] / np.gradient(self.wavelengths),
            direction=_correlation(self.attributions, self.inputs),
        )

    def bands(self, edges: np.ndarray, model: str, draw: int = 0) -> pd.DataFrame:
        """One row a contiguous band, with the credit of its wavelengths summed before its size is taken.

        Parameters
        ----------
        edges : (n + 1,) array, nm
            Ascending; band ``i`` holds ``edges[i] <= wavelength < edges[i + 1]``.

        Returns
        -------
        DataFrame
            Like :meth:`profile`, with ``start`` and ``stop`` for ``wavelength``.
        """
        member = band_members(self.wavelengths, edges)
        if not member.any(axis=1).all():
            empty = int(np.argmin(member.any(axis=1)))
            raise ValueError(f"the band {edges[empty]:g}–{edges[empty + 1]:g} nm holds no wavelength")
        credit = self.attributions @ member.T
        width = np.diff(edges)
        return self._table(credit, model, draw).assign(
            start=edges[:-1],
            stop=edges[1:],
            per_nm=lambda table: table["mean_abs"] / width,
            direction=_correlation(credit, self.inputs @ member.T),
        )

    def _table(self, credit: np.ndarray, model: str, draw: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "model": model,
                "explainer": self.explainer,
                "draw": draw,
                "mean_abs": np.abs(credit).mean(axis=0),
                "mean": credit.mean(axis=0),
            }
        )


def band_members(wavelengths: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which wavelengths each band holds, (n, n_bands) booleans, for n + 1 ascending edges."""
    edges = np.asarray(edges, dtype=float)
    return (wavelengths >= edges[:-1, None]) & (wavelengths < edges[1:, None])


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlation of each column; 0 where either is constant."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    spread = np.sqrt((a**2).sum(axis=0) * (b**2).sum(axis=0))
    return np.divide((a * b).sum(axis=0), spread, out=np.zeros(a.shape[1]), where=spread > 0)


#: Step of absorbance by which coefficients are read off a model.
_STEP = 0.05


def absorbance_coefficients(model: PLSCV, X: np.ndarray) -> np.ndarray:
    """Change of the prediction per unit of absorbance of each band, (n_bands,).

    Derivatives and smoothing inside the model are undone by asking it, so models with
    different preprocessing can be laid over one spectrum.

    Parameters
    ----------
    model : fitted estimator with ``predict``, linear in absorbance
    X : (n_samples, n_bands) array
        Reflectance; its mean absorbance is where the model is asked.
    """
    centre = absorbance(np.asarray(X, dtype=float)).mean(axis=0)
    probes = np.vstack([centre, centre + _STEP * np.eye(centre.size)])
    answers = model.predict(reflectance_from_absorbance(probes))
    return (answers[1:] - answers[0]) / _STEP


def linear_shap(
    model: PLSCV, X: np.ndarray, background: np.ndarray, wavelengths: np.ndarray, name: str = "linear"
) -> Attribution:
    """Exact Shapley values of a model that is linear in absorbance.

    Parameters
    ----------
    model : fitted estimator with ``predict``, linear in absorbance
    X, background : (n, n_bands) arrays
        Reflectance of the soils to explain, and of those that stand for "unknown".
    wavelengths : (n_bands,) array, nm

    Raises
    ------
    ArithmeticError
        If credit does not add up: the model is not linear in absorbance (SNV is not).
    """
    X, background = np.asarray(X, dtype=float), np.asarray(background, dtype=float)
    inputs = absorbance(X)
    credit = (inputs - absorbance(background).mean(axis=0)) * absorbance_coefficients(model, background)
    base = float(model.predict(background).mean())
    return Attribution(name, wavelengths, credit, inputs, model.predict(X), base).require_additivity()


def pls_importance(model: PLSCV, X: np.ndarray, y: np.ndarray, wavelengths: np.ndarray) -> pd.DataFrame:
    """Coefficients and variable importance in projection of a fitted PLS model.

    Parameters
    ----------
    model : PLSCV, fitted on ``X`` and ``y``
    X : (n_samples, n_bands) array, reflectance
    y : (n_samples,) array
    wavelengths : (n_bands,) array, nm

    Returns
    -------
    DataFrame
        ``wavelength``; ``coefficient``, on the model's own preprocessing times the band's
        standard deviation there; ``vip``, whose squares average 1 (Wold et al. 2001,
        Chemom. Intell. Lab. Syst. 58:109).
    """
    spectra = PREPROCESSING[model.preprocessing_]().fit_transform(np.asarray(X, dtype=float))
    pls = PLSRegression(model.n_components_, scale=False).fit(spectra, y)
    explained = (pls.x_scores_**2).sum(axis=0) * pls.y_loadings_[0] ** 2
    weights = pls.x_weights_**2 / (pls.x_weights_**2).sum(axis=0)
    vip = np.sqrt(len(wavelengths) * weights @ explained / explained.sum())
    coefficient = model.coef_ * spectra.std(axis=0)
    return pd.DataFrame({"wavelength": wavelengths, "coefficient": coefficient, "vip": vip})
