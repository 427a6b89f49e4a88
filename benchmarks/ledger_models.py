"""Estimators of ideas in the ledger that the package has no use for, each a scikit-learn object.

What comes from other fields is fixed when an estimator is made; everything else is learned
in ``fit``, from the rows it gets.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer

from soilpb.models import baselines
from soilpb.models.inner_folds import InnerFolds
from soilpb.models.linear import RidgeKFold
from soilpb.models.network import SpectralNetwork
from soilpb.models.preprocessing import Scaling
from soilpb.models.training import evaluate
from soilpb.models.transfer import EmbeddingPLS

#: Correlations between fields that a Gaussian process may choose from.
CORRELATIONS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.95)
#: What a soil of another field may count beside one of the site's; 0 is no transfer.
WEIGHTS = (0.0, 0.03, 0.1, 0.3, 1.0)


class Library(NamedTuple):
    """Other fields' soils: four views of each spectrum and one property, both about their field's mean."""

    views: np.ndarray  # (n_soils, n_features)
    values: np.ndarray  # (n_soils,)
    places: np.ndarray  # (n_soils,), the field of each

    @classmethod
    def of(cls, X: np.ndarray, values: np.ndarray, places: np.ndarray) -> Library:
        """Centre reflectance (n_soils, n_bands) and values within each field."""
        views, values = baselines.four_views().fit_transform(X), np.array(values, dtype=float)
        for place in np.unique(places):
            rows = places == place
            views[rows] -= views[rows].mean(axis=0)
            values[rows] -= values[rows].mean()
        return cls(views, values, np.asarray(places))

    def compressed(self, rank: int = 150) -> Library:
        """As few rows that tell a linear model the same: their cross-products are those of all soils."""
        left, singular, right = np.linalg.svd(self.views, full_matrices=False)
        rows, values = singular[:rank, None] * right[:rank], left[:, :rank].T @ self.values
        return Library(rows, values, np.full(len(values), "all"))


class Features(TransformerMixin, BaseEstimator):
    """Features of source networks, (n_samples, n_networks · n_features).

    Parameters
    ----------
    networks : tuple of SpectralNetwork
    align : {"", "mean", "spread"}
        Move the site's spectra to the source's mean, band by band, or match their standard
        deviations too (a diagonal CORAL). The site's are those of the rows of ``fit``.
    """

    def __init__(self, networks: tuple[SpectralNetwork, ...], align: str = "") -> None:
        self.networks = networks
        self.align = align

    def fit(self, X: np.ndarray, y: None = None) -> Features:
        """Learn where the site's spectra lie."""
        self.scalings_ = [Scaling.learn(network.prepare(X)) for network in self.networks]
        for scaling in self.scalings_:
            if self.align != "spread":
                scaling.sd[:] = 1
            if not self.align:
                scaling.mean[:] = 0
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Embed reflectance (n_samples, n_bands)."""
        return np.hstack(
            [
                evaluate(network.network, scaling.apply(network.prepare(X)), "embed")
                for network, scaling in zip(self.networks, self.scalings_, strict=True)
            ]
        )


class PropertiesPLS(EmbeddingPLS):
    """Ridge on what a source network predicts of a soil, beside PLS scores of the site's own."""

    def _features(self, X: np.ndarray) -> np.ndarray:
        return self.source.predict(X)


class Floored(TransformerMixin, BaseEstimator):
    """Unit variance with a floor for dead features, divided by the root of their number."""

    def fit(self, X: np.ndarray, y: None = None) -> Floored:
        """Learn the scales."""
        self.scaling_ = Scaling.learn(X)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Standardise to float64."""
        return self.scaling_.apply(X).astype(np.float64) / np.sqrt(X.shape[1])


class Offset(RegressorMixin, BaseEstimator):
    """A straight line on the prediction of a fixed model, and a regressor for what remains."""

    def __init__(self, prior: FunctionTransformer, remainder: RegressorMixin) -> None:
        self.prior = prior
        self.remainder = remainder

    def fit(self, X: np.ndarray, y: np.ndarray) -> Offset:
        """Fit the line, then the rest."""
        self.line_ = make_pipeline(self.prior, LinearRegression()).fit(X, y)
        self.remainder_ = clone(self.remainder).fit(X, y - self.line_.predict(X))
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Add both."""
        return self.line_.predict(X) + self.remainder_.predict(X)


class PooledRidge(RegressorMixin, BaseEstimator):
    """Ridge on the site's soils and, with less weight, on those of a library.

    Slopes are shrunk towards what the library teaches. Weight and penalty have the least
    RMSE, averaged over inner folds of the site's soils.

    Parameters
    ----------
    library : Library
        Never changed; compressed, or large.
    seed : int
        Of the inner folds.

    Attributes
    ----------
    weight_ : float
        One of :data:`WEIGHTS`; 0 if the library was of no use.
    penalty_ : float
    coef_ : (n_features,) array
    intercept_ : float
    """

    def __init__(self, library: Library, seed: int = 0) -> None:
        self.library = library
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray) -> PooledRidge:
        """Choose and fit on reflectance (n_samples, n_bands) and target values (n_samples,)."""
        self._views = baselines.four_views().fit(X)
        views = self._views.transform(X)
        self._scale = views.std(axis=0) * np.sqrt(views.shape[1])
        A, B = views / self._scale, self.library.views / self._scale
        errors = np.zeros((len(WEIGHTS), len(baselines.RIDGE_PENALTIES)))
        for training in InnerFolds(5, self.seed).training_masks(len(y)):
            for row, weight in enumerate(WEIGHTS):
                slopes, levels = self._slopes(A[training], y[training], B, weight)
                residuals = A[~training] @ slopes + levels - y[~training, None]
                errors[row] += np.sqrt((residuals**2).mean(axis=0))
        row, column = np.unravel_index(errors.argmin(), errors.shape)
        self.weight_, self.penalty_ = WEIGHTS[row], float(baselines.RIDGE_PENALTIES[column])
        slopes, levels = self._slopes(A, y, B, self.weight_)
        self.coef_, self.intercept_ = slopes[:, column], float(levels[column])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) target values from reflectance (n_samples, n_bands)."""
        return self._views.transform(X) / self._scale @ self.coef_ + self.intercept_

    def _slopes(
        self, A: np.ndarray, y: np.ndarray, B: np.ndarray, weight: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients (n_features, n_penalties) and intercepts, in the dual: few rows, many features."""
        rows, answers = A - A.mean(axis=0), y - y.mean()
        if weight:
            rows = np.vstack([rows, weight * B])
            answers = np.concatenate([answers, weight * self.library.values])
        strengths, directions = np.linalg.eigh(rows @ rows.T)
        penalised = strengths.clip(min=0)[:, None] + np.array(baselines.RIDGE_PENALTIES)
        slopes = rows.T @ (directions @ ((directions.T @ answers)[:, None] / penalised))
        return slopes, y.mean() - A.mean(axis=0) @ slopes


class PooledProcess(RegressorMixin, BaseEstimator):
    """Gaussian process over fields (intrinsic coregionalisation: Bonilla et al. 2008, NeurIPS 20).

    Soils of two fields covary as two of one field do, times a correlation. Kernel and noise
    are those of the site alone; the correlation is the likeliest for the site's values given
    the other fields'. Correlation 0, no transfer, is among the choices.

    Parameters
    ----------
    library : Library
    signed : bool
        Whether the library's property is another one, that may covary negatively.
    """

    def __init__(self, library: Library, signed: bool = False) -> None:
        self.library = library
        self.signed = signed

    def fit(self, X: np.ndarray, y: np.ndarray) -> PooledProcess:
        """Fit the site's own process, then choose the correlation."""
        self._own = baselines.gaussian_process().fit(X, y)
        scaler, process = self._own[1], self._own[2]
        self._site = self._own[:-1].transform(X)
        self._others = self.library.views / (scaler[0].scale_ * np.sqrt(self._site.shape[1]))
        self._centre = self._site.mean(axis=0)
        self._site = self._site - self._centre
        self._kernel, self._noise = process.kernel_.k1, process.kernel_.k2.noise_level + 1e-8
        self._level, self._scale = y.mean(), y.std()
        values = self.library.values / (self.library.values.std() if self.signed else self._scale)
        answers = (y - self._level) / self._scale
        grid = (*(-r for r in CORRELATIONS[:0:-1]), *CORRELATIONS) if self.signed else CORRELATIONS
        alike = np.equal.outer(self.library.places, self.library.places)
        kernels = self._kernel(self._others), self._kernel(self._site, self._others), self._kernel(self._site)
        candidates = [self._condition(answers, values, kernels, alike, correlation) for correlation in grid]
        self.correlation_, _, self._others_weights, self._site_weights = max(candidates, key=lambda c: c[1])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) values."""
        new = self._own[:-1].transform(X) - self._centre
        mean = self._kernel(new, self._site) @ self._site_weights
        mean += self.correlation_ * self._kernel(new, self._others) @ self._others_weights
        return self._level + self._scale * mean

    def _condition(
        self,
        y: np.ndarray,
        values: np.ndarray,
        kernels: tuple[np.ndarray, np.ndarray, np.ndarray],
        alike: np.ndarray,
        correlation: float,
    ) -> tuple[float, float, np.ndarray, np.ndarray]:
        """Correlation, log-likelihood of the site given the others, and the weights of both."""
        between = 1.0 if self.signed else correlation  # one other property is one process
        others = kernels[0] * np.where(alike, 1.0, between) + self._noise * np.eye(len(values))
        cross = correlation * kernels[1]
        site = kernels[2] + self._noise * np.eye(len(y))
        known = cho_factor(others, lower=True)
        residual = y - cross @ cho_solve(known, values)
        remaining = cho_factor(site - cross @ cho_solve(known, cross.T), lower=True)
        weights = cho_solve(remaining, residual)
        likelihood = -0.5 * residual @ weights - np.log(np.diag(remaining[0])).sum()
        return correlation, likelihood, cho_solve(known, values - cross.T @ weights), weights


def features_ridge(networks: tuple[SpectralNetwork, ...], align: str = "", seed: int = 0) -> Pipeline:
    """Ridge on the features of source networks."""
    return make_pipeline(
        Features(networks, align), Floored(), RidgeKFold(baselines.RIDGE_PENALTIES, seed=seed)
    )


def features_process(networks: tuple[SpectralNetwork, ...]) -> Pipeline:
    """Gaussian process on the features of source networks."""
    return make_pipeline(Features(networks), Floored(), baselines.gaussian_process()[-1])


def five_blocks(networks: tuple[SpectralNetwork, ...], seed: int = 0) -> Pipeline:
    """Multiblock ridge with the features as a fifth block, worth as much as the four together."""
    spectra = make_pipeline(baselines.four_views(), baselines.standardised())
    blocks = make_union(spectra, make_pipeline(Features(networks), Floored()))
    return make_pipeline(blocks, RidgeKFold(baselines.RIDGE_PENALTIES, seed=seed))


def predictions_block(models: tuple[FrozenEstimator, ...], seed: int = 0) -> Pipeline:
    """Multiblock ridge with other fields' predictions as a fifth block."""
    spectra = make_pipeline(baselines.four_views(), baselines.standardised())
    blocks = make_union(spectra, make_pipeline(library_predictions(models), Floored()))
    return make_pipeline(blocks, RidgeKFold(baselines.RIDGE_PENALTIES, seed=seed))


def predictions_ridge(models: tuple[FrozenEstimator, ...], seed: int = 0) -> Pipeline:
    """Ridge on what other fields' models say of a soil, and on nothing else."""
    return make_pipeline(
        library_predictions(models), Floored(), RidgeKFold(baselines.RIDGE_PENALTIES, seed=seed)
    )


def offset(models: tuple[FrozenEstimator, ...], seed: int = 0) -> Offset:
    """Line on the mean of other fields' predictions, multiblock ridge for the rest."""
    prior = FunctionTransformer(_mean_prediction, kw_args={"models": models})
    return Offset(prior, baselines.multiblock_ridge(seed))


def library_predictions(models: tuple[FrozenEstimator, ...]) -> FunctionTransformer:
    """Predictions of fitted models, a column each."""
    return FunctionTransformer(_predictions, kw_args={"models": models})


def _predictions(X: np.ndarray, models: tuple[FrozenEstimator, ...]) -> np.ndarray:
    return np.column_stack([model.predict(X) for model in models])


def _mean_prediction(X: np.ndarray, models: tuple[FrozenEstimator, ...]) -> np.ndarray:
    return _predictions(X, models).mean(axis=1, keepdims=True)
