"""How sure a prediction is: CV+ intervals and a predictive distribution, for any regressor.

The model is fitted without each fold in turn, and each soil is predicted by the fit that has
not seen it. Soil ``i`` then says of a new spectrum ``x``: a value such as ``f₋ₖ₍ᵢ₎(x) + rᵢ`` would
be as surprising as mine was. Quantiles of ``f ∓ |r|`` are the CV+ interval, or jackknife+ with one
fold a soil (Barber et al. 2021, Ann. Stat. 49:486); the ``f + r`` themselves are a predictive
distribution (Vovk et al. 2018, cross-conformal predictive distributions, PMLR 91:37).

Everything is on the modelling scale; quantiles of a logarithm are logarithms of quantiles, so
``exp`` takes interval and distribution to the natural scale unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from sklearn.base import RegressorMixin, clone

from soilpb.evaluate import splits
from soilpb.models.inner_folds import fit_model


@dataclass(frozen=True, eq=False)
class CrossConformal:
    """A fitted regressor that knows how far it erred on soils it had not seen.

    Make one with :meth:`fit`.

    Attributes
    ----------
    model : regressor
        Fitted on all soils: what predicts.
    fold_models : tuple of regressors
        Each fitted without one fold.
    fold : (n_samples,) int array
        Which fold left a soil out.
    residuals : (n_samples,) array
        Observed minus predicted by the fit that has not seen the soil.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> X = np.linspace(0, 1, 40)[:, None]
    >>> y = X[:, 0] + 0.1 * np.random.default_rng(0).standard_normal(40)
    >>> line = CrossConformal.fit(LinearRegression(), X, y, assign_folds(40))
    >>> line.interval(np.array([[0.5]]), 0.9).round(1)
    array([[0.4, 0.6]])
    """

    model: RegressorMixin
    fold_models: tuple[RegressorMixin, ...]
    fold: np.ndarray
    residuals: np.ndarray

    @classmethod
    def fit(
        cls,
        model: RegressorMixin,
        X: np.ndarray,
        y: np.ndarray,
        fold: np.ndarray,
        groups: np.ndarray | None = None,
    ) -> CrossConformal:
        """Fit a model on all soils, and once without each fold.

        Parameters
        ----------
        model : scikit-learn regressor
            Left unfitted; tunes itself inside ``fit``.
        X : (n_samples, n_bands) array
        y : (n_samples,) array
            On the modelling scale.
        fold : (n_samples,) int array
            From :func:`assign_folds`.
        groups : (n_samples,) array, optional
            Soils that the model's inner folds keep together.

        Raises
        ------
        ValueError
            If lengths differ, or there are fewer than two folds.
        """
        y, fold = np.asarray(y, dtype=float), np.asarray(fold)
        if not len(X) == len(y) == len(fold):
            raise ValueError(f"got {len(X)} spectra, {len(y)} targets, {len(fold)} folds; expected as many")
        labels = np.unique(fold)
        if len(labels) < 2:
            raise ValueError(f"all {len(y)} soils are in one fold: no fit has not seen them")
        fits, residuals = [], np.empty(len(y))
        for label in labels:
            out = fold == label
            fits.append(fit_model(clone(model), X, y, groups, ~out))
            residuals[out] = y[out] - np.ravel(fits[-1].predict(X[out]))
        place = np.searchsorted(labels, fold)
        return cls(fit_model(clone(model), X, y, groups), tuple(fits), place, residuals)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new,) values with the model of all soils."""
        return np.ravel(self.model.predict(X))

    def fold_predictions(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new, n_folds) values, each without one fold."""
        return np.column_stack([np.ravel(model.predict(X)) for model in self.fold_models])

    def interval(self, X: np.ndarray, coverage: float = 0.9) -> np.ndarray:
        """CV+ interval of each spectrum, (n_new, 2): lower, upper."""
        return cv_plus(self.fold_predictions(X), self.fold, self.residuals, coverage)

    def draws(self, X: np.ndarray) -> np.ndarray:
        """Predictive distribution of each spectrum: (n_new, n_samples) equally likely values."""
        return predictive_draws(self.fold_predictions(X), self.fold, self.residuals)


def assign_folds(
    n_samples: int, n_folds: int = 10, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Fold of each soil, (n_samples,); soils of one group share theirs.

    ``n_folds`` becomes the number of soils, or of groups, where there are fewer.
    """
    members = n_samples if groups is None else len(np.unique(groups))
    table = splits.repeated_kfold(range(n_samples), min(n_folds, members), 1, seed, groups)
    fold = np.empty(n_samples, dtype=int)
    for part in splits.iterate_folds(table, range(n_samples)):
        fold[part.test] = part.fold
    return fold


def cv_plus(
    fold_predictions: np.ndarray, fold: np.ndarray, residuals: np.ndarray, coverage: float = 0.9
) -> np.ndarray:
    """CV+ interval from what is stored of a fit.

    Parameters
    ----------
    fold_predictions : (n_new, n_folds) array
    fold : (n_samples,) int array
    residuals : (n_samples,) array
    coverage : float
        At least ``2 · coverage − 1`` for any exchangeable soils; close to ``coverage`` in practice.

    Returns
    -------
    (n_new, 2) array: lower, upper; infinite where so few soils cannot promise so much.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage is {coverage!r}; expected a share between 0 and 1, such as 0.9")
    n = len(residuals)
    rank = int(np.ceil(coverage * (n + 1) - 1e-9))  # 0.9 · 100 is 90, whatever binary fractions say
    if rank > n:
        return np.tile([-np.inf, np.inf], (len(fold_predictions), 1))
    at = fold_predictions[:, fold]
    lower = np.partition(at - np.abs(residuals), n - rank, axis=1)[:, n - rank]
    upper = np.partition(at + np.abs(residuals), rank - 1, axis=1)[:, rank - 1]
    return np.column_stack([lower, upper])


def predictive_draws(fold_predictions: np.ndarray, fold: np.ndarray, residuals: np.ndarray) -> np.ndarray:
    """Equally likely values of each new soil, (n_new, n_samples): column ``i`` errs as soil ``i`` did."""
    return fold_predictions[:, fold] + residuals
