"""What a linear model says of its bands: exact credit, coefficients, VIP.

For comparison with a network. A model that is linear in absorbance (PLS on absorbance or
on its derivative) needs no masking: the Shapley value of a band is its coefficient times
its distance from the background's mean, and that is exact.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression

from soilpb.bands import absorbance, reflectance_from_absorbance
from soilpb.credit import Attribution
from soilpb.pls import PLSCV, PREPROCESSING

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
