"""Preprocessing as scikit-learn pipelines: reflectance (n_samples, n_bands) in, as many bands out.

None of the steps learns from other samples, but each is a pipeline step all the same, so that a fold
cannot be preprocessed outside itself. Reflectance below ``REFLECTANCE_FLOOR`` counts as that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from chemotools.derivative import SavitzkyGolay
from chemotools.scatter import StandardNormalVariate
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from soilpb.spectra import REFLECTANCE_FLOOR, absorbance

#: Spectra transformed at once: float64 copies of a whole library would not fit a laptop.
_BLOCK = 4096
#: Values that are copied to float64 at once for their mean and standard deviation: 16 MB.
_VALUES = 1 << 21
#: Least standard deviation of a component, as a share of the first: less is rounding error.
RELATIVE_SPREAD = 1e-6


def raw_pipeline() -> Pipeline:
    """Apparent absorbance, ``log10(1/R)``, alone: albedo, particle size and moisture stay in the spectrum."""
    return make_pipeline(FunctionTransformer(absorbance, validate=True))


def snv_pipeline() -> Pipeline:
    """Absorbance, then standard normal variate (Barnes et al. 1989) of each spectrum.

    A spectrum ``a·x + b`` becomes what ``x`` becomes: differences of path length and
    offset are gone, and each spectrum has mean 0 and standard deviation 1.
    """
    return make_pipeline(*raw_pipeline(), StandardNormalVariate())


def derivative_pipeline() -> Pipeline:
    """Absorbance, then first derivative per band (Savitzky & Golay 1964; 7 bands, degree 2).

    The ends are derivatives of the last full window's polynomial, so that a straight line has one
    slope everywhere.
    """
    return make_pipeline(*raw_pipeline(), SavitzkyGolay(window_length=7, polyorder=2, deriv=1, mode="interp"))


#: What PLS may choose from and a network may see. Each works on one spectrum at a time: one that
#: learned from other rows (MSC, a scaler) would have to be fitted in every inner fold.
PREPROCESSING: dict[str, Callable[[], Pipeline]] = {
    "raw": raw_pipeline,
    "snv": snv_pipeline,
    "d1": derivative_pipeline,
}


def preprocess(X: np.ndarray, name: str) -> np.ndarray:
    """Apply one of :data:`PREPROCESSING` to any number of spectra, in float32; flat ones are refused."""
    pipeline = PREPROCESSING[name]().fit(X[:1])
    transformed = np.empty(X.shape, dtype=np.float32)
    for start in range(0, len(X), _BLOCK):
        block = X[start : start + _BLOCK]
        flat = np.flatnonzero(np.ptp(np.maximum(block, REFLECTANCE_FLOOR), axis=1) == 0)
        if flat.size:
            raise ValueError(f"the spectrum of row {start + flat[0]} is flat: no soil reads so; drop it")
        transformed[start : start + _BLOCK] = pipeline.transform(block)
    return transformed


class EvenComponents(TransformerMixin, BaseEstimator):
    """At most so many principal components, their standard deviations replaced by the square roots of these.

    Halfway between plain scores, where the first drowns all others, and whitened ones, where noise counts as
    much as soil. The mean square of a row is 1.
    """

    def __init__(self, n_components: int = 40) -> None:
        self.n_components = n_components

    def fit(self, X: np.ndarray, y: None = None) -> EvenComponents:
        """Learn the components of (n_samples, n_columns) training rows."""
        self.pca_ = PCA(min(self.n_components, X.shape[1], len(X) - 1), svd_solver="full").fit(X)
        spread = np.sqrt(self.pca_.explained_variance_)
        spread = np.maximum(spread, RELATIVE_SPREAD * spread.max())
        self.scale_ = np.sqrt(spread * spread.sum())
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Project rows, (n_samples, n_components)."""
        return self.pca_.transform(X) / self.scale_


@dataclass(frozen=True, eq=False)
class Scaling:
    """Mean and standard deviation of each column, learned from training rows."""

    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def learn(cls, values: np.ndarray, floor: float = 0.1) -> Scaling:
        """Learn from (n_samples, n_columns) values, ignoring NaN.

        ``floor`` is the least standard deviation, as a share of their median over the columns that
        vary: a feature that is constant in the training rows must not explode in another row.
        """
        n_blocks = min(values.shape[1], -(-values.size // _VALUES))
        blocks = np.array_split(values, n_blocks, axis=1)  # float64 copies stay small
        sd = np.concatenate([np.nanstd(block, axis=0, dtype=np.float64) for block in blocks])
        mean = np.concatenate([np.nanmean(block, axis=0, dtype=np.float64) for block in blocks])
        typical = np.median(sd[sd > 0]) if (sd > 0).any() else 1.0
        return cls(mean, np.maximum(sd, floor * typical))

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardise (n_samples, n_columns) values in their own precision, to float32."""
        mean, sd = self.mean.astype(values.dtype), self.sd.astype(values.dtype)
        centred = values - mean
        centred /= sd
        return centred.astype(np.float32, copy=False)

    def invert(self, standardised: np.ndarray) -> np.ndarray:
        """Return standardised values to their units, float64."""
        return standardised * self.sd + self.mean
