"""How far spectra lie from those a model has seen: Hotelling's T² and the Q residual.

Principal components of the reference's absorbance (SNV) describe it; T² is the distance
within them, Q the squared part they leave over (Jackson & Mudholkar 1979,
doi 10.1080/00401706.1979.10489779). A reference of many sets the limits by its own
percentiles, which need no normality. Among a few soils percentiles always condemn somebody:
there the limits are what one population would pass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from chemotools.outliers import HotellingT2, QResiduals
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline

from soilpb.preprocessing import snv_pipeline

#: Variance that is rounding, a direction, of spectra that vary by about 1 (chemotools draws the line there).
ROUNDING = 1e-12


@dataclass(frozen=True)
class Distances:
    """Distances of spectra from a reference, and the limits that most of the reference passes.

    Parameters
    ----------
    table : DataFrame
        ``T2``, ``Q``, one row a spectrum, in the order given.
    t2_limit, q_limit : float
        Percentiles of the reference's own distances.
    """

    table: pd.DataFrame
    t2_limit: float
    q_limit: float

    @property
    def outside(self) -> np.ndarray:
        """Which spectra lie beyond either limit, (n_samples,) boolean."""
        return ((self.table["T2"] > self.t2_limit) | (self.table["Q"] > self.q_limit)).to_numpy()


def distances(
    reference: np.ndarray, reflectance: np.ndarray, n_components: int = 10, confidence: float = 0.95
) -> Distances:
    """Measure how far spectra lie from a reference set.

    Parameters
    ----------
    reference : (n_reference, n_bands) array
        Reflectance of the spectra that define what is usual.
    reflectance : (n_samples, n_bands) array
        Reflectance of the spectra to judge; may be the reference itself.
    n_components : int
        Principal components; fewer where the reference is smaller.
    confidence : float
        Share of the reference that passes each limit.

    Raises
    ------
    ValueError
        If the reference has fewer than 4 spectra.
    """
    if len(reference) < 4:
        raise ValueError(f"{len(reference)} reference spectra cannot say what is usual; at least 4 can")
    n_components = min(n_components, len(reference) - 2, reference.shape[1] - 1)
    model = make_pipeline(snv_pipeline(), PCA(n_components, svd_solver="full")).fit(reference)
    usual = _t2_and_q(model, reference)
    limits = np.quantile(usual, confidence, axis=0)
    table = pd.DataFrame(_t2_and_q(model, reflectance), columns=["T2", "Q"])
    return Distances(table, float(limits[0]), float(limits[1]))


def among(reflectance: np.ndarray, confidence: float = 0.999) -> Distances:
    """Measure how far spectra lie from each other: a soil beyond a limit is unlike the rest.

    Parameters
    ----------
    reflectance : (n_samples, n_bands) array
    confidence : float
        Share of soils of one normal population that passes each limit.

    Raises
    ------
    ValueError
        If there are fewer than 10 spectra.
    """
    if len(reflectance) < 10:
        raise ValueError(f"{len(reflectance)} spectra cannot say what is usual among them; at least 10 can")
    n_components = min(10, len(reflectance) // 5, reflectance.shape[1] - 1)
    model = make_pipeline(snv_pipeline(), PCA(n_components, svd_solver="full")).fit(reflectance)
    table = pd.DataFrame(_t2_and_q(model, reflectance), columns=["T2", "Q"])
    t2_limit = float(HotellingT2(model, confidence).fit(reflectance).critical_value_)
    q_limit = ROUNDING * reflectance.shape[1]
    if table["Q"].sum() / (len(table) - 1) > q_limit:  # else the components leave nothing over
        # Jackson and Mudholkar's limit of Q breaks down where few eigenvalues hold the residual.
        left_over = QResiduals(model, confidence, method="chi-square").fit(reflectance)
        q_limit = float(left_over.critical_value_)
    return Distances(table, t2_limit, q_limit)


def _t2_and_q(model: Pipeline, reflectance: np.ndarray) -> np.ndarray:
    prepared, pca = model[:-1].transform(reflectance), model[-1]
    scores = pca.transform(prepared)
    residual = prepared - pca.inverse_transform(scores)
    t2 = (scores**2 / np.maximum(pca.explained_variance_, ROUNDING)).sum(axis=1)
    return np.column_stack([t2, (residual**2).sum(axis=1)])
