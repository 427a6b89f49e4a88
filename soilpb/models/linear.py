"""Ridge regression with a tuned penalty, MiniRocket for its features, and the weights of a further sensor.

scikit-learn's ``RidgeCV`` is fast for leave-one-out only. That is fooled where a soil was
scanned twice: the other scan stays in training, and the smallest penalty looks best.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from scipy.optimize import nnls
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin, clone
from sklearn.feature_selection import r_regression
from sklearn.linear_model import Ridge
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds, fit_model

KERNEL_LENGTH = 9
#: Which three of a kernel's nine weights are 2; the others are -1, so that weights sum to zero.
KERNELS = np.array(list(combinations(range(KERNEL_LENGTH), 3)))
#: More dilations than this are not tried, however many features there are (the paper's value).
MOST_DILATIONS = 32
#: Fewest soils with a reading of a further sensor from which its weight is learnt, and the inner folds.
FEWEST_READ, FUSION_FOLDS = 20, 3


class RidgeKFold(RegressorMixin, BaseEstimator):
    """Ridge regression; the penalty has the least RMSE, averaged over inner folds (``inner_rmse_``).

    The choice, of equals the first, and the predictions are those of ``GridSearchCV`` over ``Ridge``: one
    decomposition per fold gives all penalties at once (Hastie & Tibshirani 2004, Biostatistics 5:329).

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(30, 5))
    >>> RidgeKFold([0.01, 1, 100]).fit(X, X @ [1, 2, 0, 0, 0]).penalty_
    0.01
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(self, penalties: Sequence[float] = (0.1, 1, 10), seed: int = 0) -> None:
        self.penalties = penalties
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> RidgeKFold:
        """Choose the penalty and fit on ``X`` (n_samples, n_features) and ``y``, ``groups`` (n_samples,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        penalties = np.asarray(self.penalties, dtype=float)
        if not (penalties.size and (penalties > 0).all()):
            raise ValueError(f"penalties are {self.penalties!r}; expected numbers above 0")
        errors = []
        for training in InnerFolds(seed=self.seed).training_masks(len(y), groups):
            slopes, intercepts = ridge_path(X[training], y[training], penalties)
            residuals = X[~training] @ slopes + intercepts - y[~training, None]
            errors.append(np.sqrt((residuals**2).mean(axis=0)))
        averaged = np.mean(errors, axis=0)
        self.penalty_, self.inner_rmse_ = float(penalties[averaged.argmin()]), float(averaged.min())
        slopes, intercepts = ridge_path(X, y, np.array([self.penalty_]))
        self.coef_, self.intercept_ = slopes[:, 0], float(intercepts[0])
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) values from ``X`` (n_samples, n_features)."""
        check_is_fitted(self)
        return validate_data(self, X, dtype=np.float64, reset=False) @ self.coef_ + self.intercept_


def ridge_path(X: np.ndarray, y: np.ndarray, penalties: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (n_features, n_penalties) and intercepts (n_penalties,) of ridge regression."""
    center, level = X.mean(axis=0), y.mean()
    centred, target = X - center, y - level
    dual = X.shape[0] < X.shape[1]  # the Gram matrix of the rows is the smaller then
    strengths, axes = np.linalg.eigh(centred @ centred.T if dual else centred.T @ centred)
    projected = axes.T @ (target if dual else centred.T @ target)
    coefficients = axes @ (projected[:, None] / (strengths.clip(min=0)[:, None] + penalties))
    coefficients = centred.T @ coefficients if dual else coefficients
    return coefficients, level - center @ coefficients


class SensorFusion(RegressorMixin, BaseEstimator):
    """Predict from spectra and a further sensor's reading of the target, which is the last column of ``X``.

    Three predictions are weighed by their errors on inner folds, so that a useless sensor gets hardly any
    weight: of the spectrum; of the reading, by a line; and of both, where the spectrum explains what the line
    leaves over, such as water or matrix. A soil without a reading is predicted from its spectrum.
    A reading of -20 means below a detection limit of 20: such readings share a value that is learnt from
    the training soils, not zero. ``base`` is a regressor of spectra; ``use`` is "both", "spectrum" or
    "reading": the fused prediction, or one of the first two alone.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X, lead = rng.uniform(0.1, 0.6, (60, 8)), np.exp(rng.normal(5, 1, 60))
    >>> fused = SensorFusion(RidgeKFold([1.0])).fit(np.column_stack([X, lead]), np.log(lead))
    >>> round(fused.score(np.column_stack([X, lead]), np.log(lead)), 2)
    1.0
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(self, base: RegressorMixin, use: str = "both", seed: int = 0) -> None:
        self.base = base
        self.use = use
        self.seed = seed

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> SensorFusion:
        """Fit to reflectance and readings, (n_samples, n_bands + 1), NaN without a reading."""
        X, y = validate_data(self, X, y, y_numeric=True, ensure_all_finite="allow-nan")
        self.spectrum_ = fit_model(clone(self.base), X[:, :-1], y, groups)
        read = np.flatnonzero(np.isfinite(X[:, -1]))
        self.weighs_ = self.use != "spectrum" and len(read) >= FEWEST_READ
        if not self.weighs_:
            return self
        values = np.abs(X[read, -1])
        on_logs, plain = (abs(r_regression(v[:, None], y[read]).item()) for v in (np.log(values), values))
        self.log_ = bool(on_logs >= plain)
        self.reading_, self.rest_ = self._fit_reading(X, y, groups, read)
        if self.use == "reading":
            self.weights_ = np.array([0.0, 1.0, 0.0])
            return self
        predicted, of_read = np.empty((len(read), 3)), None if groups is None else np.asarray(groups)[read]
        for training in InnerFolds(FUSION_FOLDS, self.seed).training_masks(len(read), of_read):
            spectrum = fit_model(clone(self.base), X[:, :-1], y, groups, read[training])
            pair = self._fit_reading(X, y, groups, read[training])
            predicted[~training] = self._each(X[read[~training]], spectrum, *pair)
        deviation = y[read] - y[read].mean()
        firm = 1e3 * np.linalg.norm(deviation)  # so firmly do weights add up to 1
        rows = np.vstack([predicted - y[read].mean(), np.full((1, 3), firm)])
        self.weights_ = nnls(rows, np.append(deviation, firm))[0]
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) values."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, ensure_all_finite="allow-nan")
        predicted = np.array(self.spectrum_.predict(X[:, :-1]), dtype=float).ravel()
        read = np.isfinite(X[:, -1])
        if self.weighs_ and read.any():
            predicted[read] = self._each(X[read], self.spectrum_, self.reading_, self.rest_) @ self.weights_
        return predicted

    def _fit_reading(
        self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None, rows: np.ndarray
    ) -> tuple:
        """Fit a line on the readings, and the base to what it leaves over."""
        line = Ridge(1.0).fit(self._describe(X[rows, -1]), y[rows])
        left_over = np.zeros(len(y))
        left_over[rows] = y[rows] - line.predict(self._describe(X[rows, -1]))
        return line, fit_model(clone(self.base), X[:, :-1], left_over, groups, rows)

    def _each(self, X: np.ndarray, spectrum: RegressorMixin, line: Ridge, rest: RegressorMixin) -> np.ndarray:
        """Predictions of the spectrum, the reading and both, (n_samples, 3)."""
        of_line = line.predict(self._describe(X[:, -1]))
        of_spectrum, of_rest = (np.ravel(model.predict(X[:, :-1])) for model in (spectrum, rest))
        return np.column_stack([of_spectrum, of_line, of_line + of_rest])

    def _describe(self, reading: np.ndarray) -> np.ndarray:
        """Value, which below detection is the limit, and whether it is below, (n_samples, 2)."""
        values = np.abs(reading)
        return np.column_stack([np.log(values) if self.log_ else values, reading < 0])


class MiniRocket(TransformerMixin, BaseEstimator):
    """Shares of values above a bias of 84 convolutions at many dilations.

    After Dempster, Schmidt & Webb (2021, KDD, doi:10.1145/3447548.3467231). A kernel has nine weights, three
    of them 2 and six -1; dilations are spaced evenly on a logarithmic scale; biases are quantiles of
    convolutions of training spectra. Compared once with aeon 1.6 on 98 soil spectra: the same dilations,
    biases to 2e-5, and features but for 2 in 100,000, where rounding decides.

    ``n_features`` are rounded down to a multiple of 84, at least 84; the paper's default is 10,000. ``seed``
    draws the training spectra whose convolutions give the biases, an array (84, n_biases) per dilation.

    Examples
    --------
    >>> spectra = np.random.default_rng(0).normal(size=(5, 40))
    >>> MiniRocket(n_features=840).fit_transform(spectra).shape
    (5, 840)
    """

    def __init__(self, n_features: int = 10_000, seed: int = 0) -> None:
        self.n_features = n_features
        self.seed = seed

    def fit(self, X: np.ndarray, y: None = None) -> MiniRocket:
        """Learn biases from (n_samples, n_bands) training spectra of nine bands or more."""
        X = validate_data(self, X, dtype=np.float32, ensure_min_features=KERNEL_LENGTH)
        per_kernel = max(1, self.n_features // len(KERNELS))
        self.dilations_, counts = dilations(X.shape[1], per_kernel)
        # Multiples of the golden ratio: any stretch of them is spread evenly over (0, 1).
        levels = np.arange(1, per_kernel * len(KERNELS) + 1) * ((1 + np.sqrt(5)) / 2) % 1
        random = np.random.default_rng(self.seed)
        self.biases_ = []
        for dilation, quantiles in zip(
            self.dilations_, np.split(levels, counts.cumsum()[:-1] * len(KERNELS)), strict=True
        ):
            drawn = _windows(X[random.integers(len(X), size=len(KERNELS))], dilation)
            triples = drawn[KERNELS.T, np.arange(len(KERNELS))].sum(axis=0)  # a spectrum for each kernel
            convolved = 3 * triples - drawn.sum(axis=0)
            quantiles = quantiles.reshape(len(KERNELS), -1)
            biases = [np.quantile(values, q) for values, q in zip(convolved, quantiles, strict=True)]
            self.biases_.append(np.array(biases, dtype=np.float32))
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Features of (n_samples, n_bands) spectra, (n_samples, n_features) float32.

        They run by dilation, then kernel, then bias.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, reset=False)
        return np.array([np.concatenate(list(self._shares(spectrum))) for spectrum in X[:, None]])

    def _shares(self, X: np.ndarray) -> Iterator[np.ndarray]:
        """Features of one spectrum (1, n_bands) by dilation, each (84 · n_biases,)."""
        for order, (dilation, biases) in enumerate(zip(self.dilations_, self.biases_, strict=True)):
            above = convolutions(X, dilation) > biases[:, :, None]  # (84, n_biases, n_bands)
            shares, margin = above.mean(axis=2, dtype=np.float32), dilation * (KERNEL_LENGTH // 2)
            # Every other kernel sees the zeros beyond the spectrum's ends; the rest, whole windows only.
            whole = slice(1 - order % 2, None, 2)
            shares[whole] = above[whole, :, margin:-margin].mean(axis=2, dtype=np.float32)
            yield shares.ravel()


def dilations(n_bands: int, per_kernel: int) -> tuple[np.ndarray, np.ndarray]:
    """Dilations, and how many of a kernel's features each has."""
    n_steps = min(per_kernel, MOST_DILATIONS)
    largest = (n_bands - 1) / (KERNEL_LENGTH - 1)
    spacing, repeats = np.unique(np.geomspace(1, largest, n_steps).astype(int), return_counts=True)
    counts = (repeats * (per_kernel / n_steps)).astype(int)
    missing = per_kernel - counts.sum()  # what rounding down has lost goes to the first, one each
    counts += missing // len(counts)
    counts[: missing % len(counts)] += 1
    return spacing, counts


def convolutions(X: np.ndarray, dilation: int) -> np.ndarray:
    """Convolve spectra (n_samples, n_bands), zero beyond their ends: (84, n_samples, n_bands).

    A kernel is three times the sum of its three places, minus the sum of all nine.
    """
    windows = _windows(X, dilation)
    return 3 * (windows[KERNELS[:, 0]] + windows[KERNELS[:, 1]] + windows[KERNELS[:, 2]]) - windows.sum(
        axis=0
    )


def _windows(X: np.ndarray, dilation: int) -> np.ndarray:
    """What each of a kernel's nine places sees, (9, n_samples, n_bands)."""
    n_bands, margin = X.shape[1], dilation * (KERNEL_LENGTH // 2)
    padded = np.pad(X, ((0, 0), (margin, margin)))
    return np.stack([padded[:, k * dilation : k * dilation + n_bands] for k in range(KERNEL_LENGTH)])
