"""Which bands a model uses, for any regressor: credit on soils it has not seen, fold by fold.

A network's credit is SHAP. Any other model is asked how its prediction answers to a little
more absorbance at one band: exact where it is linear in absorbance (PLS), and its best
linear account at the site's mean spectrum elsewhere (SNV, kernels).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.signal import find_peaks
from sklearn.base import RegressorMixin, clone

from soilpb import splits
from soilpb.attribution import deep_shap
from soilpb.bands import absorbance
from soilpb.credit import Attribution
from soilpb.pls_credit import absorbance_coefficients
from soilpb.wording import listed

#: Training soils of a fold that stand for "spectrum unknown".
N_BACKGROUND = 20
#: Peaks nearer to each other than this, in nm, count as one.
APART = 60.0


def fit_by_fold(
    model: RegressorMixin, X: np.ndarray, y: np.ndarray, folds: pd.DataFrame, sample_ids: Sequence
) -> list[RegressorMixin]:
    """Fit a model on the training soils of each fold, ready to be asked.

    Parameters
    ----------
    model : scikit-learn regressor
        Left unfitted.
    X : (n_samples, n_bands) array
        Reflectance.
    y : (n_samples,) array
        Target on the modelling scale.
    folds : DataFrame
        From :mod:`soilpb.splits`.
    sample_ids : (n_samples,) sequence
        Ids that ``folds`` speaks of.
    """
    rows = (fold.train for fold in splits.iterate(folds, sample_ids))
    return [clone(model).fit(X[train], y[train]) for train in rows]


def credit_by_fold(
    name: str,
    fitted: Sequence[RegressorMixin],
    X: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    wavelengths: np.ndarray,
    seed: int = 0,
) -> pd.DataFrame:
    """Explain each fold's test soils by the model that has not seen them.

    Parameters
    ----------
    name : str
        What the table calls the model.
    fitted : sequence of regressors
        From :func:`fit_by_fold`. One that ends in a fitted ``network_`` is explained by SHAP.
    X : (n_samples, n_bands) array
        Reflectance.
    folds : DataFrame
        From :mod:`soilpb.splits`; each fold is a draw.
    sample_ids : (n_samples,) sequence
        Ids that ``folds`` speaks of.
    wavelengths : (n_bands,) array, nm
    seed : int
        Chooses the background among a fold's training soils.

    Returns
    -------
    DataFrame
        As :meth:`soilpb.credit.Attribution.profile`: one row a (model, draw, wavelength).
    """
    rng = np.random.default_rng(seed)
    profiles = []
    for draw, (model, fold) in enumerate(zip(fitted, splits.iterate(folds, sample_ids), strict=True)):
        size = min(N_BACKGROUND, len(fold.train))
        background = X[rng.choice(fold.train, size, replace=False)]
        explained = credit_of(model, X[fold.test], background, wavelengths)
        profiles.append(explained.profile(name, draw))
    return pd.concat(profiles, ignore_index=True)


def credit_of(
    model: RegressorMixin, X: np.ndarray, background: np.ndarray, wavelengths: np.ndarray
) -> Attribution:
    """Credit of each band in a fitted model's predictions of ``X``, both reflectance."""
    if hasattr(model, "network_"):
        return replace(deep_shap(model.network_, X, background), wavelengths=wavelengths)
    inputs, base = absorbance(X.astype(float)), float(model.predict(background).mean())
    slopes = absorbance_coefficients(model, background)
    credit = (inputs - absorbance(background.astype(float)).mean(axis=0)) * slopes
    return Attribution("coefficients", wavelengths, credit, inputs, model.predict(X), base)


def peaks(profiles: pd.DataFrame, n: int = 3) -> list[float]:
    """Find the highest peaks of a profile, averaged over draws, the highest first, in nm.

    Parameters
    ----------
    profiles : DataFrame
        ``wavelength``, ``mean_abs`` of one model, on an even grid.
    n : int
        At most so many. Peaks nearer than :data:`APART` count as one.

    Examples
    --------
    >>> peaks(pd.DataFrame({"wavelength": [500, 510, 520, 600, 700.0], "mean_abs": [1, 3, 1, 0, 2]}))
    [510.0, 700.0]
    """
    mean = profiles.groupby("wavelength")["mean_abs"].mean()
    step = float(np.median(np.diff(mean.index)))
    padded = np.concatenate([[0.0], mean.to_numpy(), [0.0]])  # a peak may stand at either end
    found = find_peaks(padded, distance=max(1, round(APART / step)))[0] - 1
    return mean.iloc[found].sort_values(ascending=False, kind="stable").index[:n].astype(float).tolist()


def strongest(profiles: pd.DataFrame, n: int = 3) -> str:
    """Name the bands of :func:`peaks` in a sentence.

    Examples
    --------
    >>> strongest(pd.DataFrame({"wavelength": [500, 510, 520, 600, 700.0], "mean_abs": [1, 3, 1, 0, 2]}))
    '510 and 700 nm'
    """
    return f"{listed([f'{wavelength:g}' for wavelength in peaks(profiles, n)])} nm"
