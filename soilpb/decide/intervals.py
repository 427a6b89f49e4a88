"""Intervals and predictive distributions of any regressor, by CV+, the regressor chosen or given.

Everything is on the modelling scale; ``exp`` of an interval is the interval on the natural scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.base import RegressorMixin, clone

from soilpb.evaluate import splits
from soilpb.models.inner_folds import fit_model


@dataclass(frozen=True, eq=False)
class CrossConformal:
    """The best of some regressors, and its errors on soils that it had not seen; made by :meth:`fit`.

    A model is fitted without each fold, and each soil predicted by the fit that has not seen it, with error
    ``rᵢ``. For a new ``x``, quantiles of ``f₋ₖ₍ᵢ₎(x) ∓ |rᵢ|`` are the CV+ interval (Barber et al. 2021, Ann.
    Stat. 49:486), and ``f₋ₖ₍ᵢ₎(x) + rᵢ`` a predictive distribution (Vovk et al. 2018, PMLR 91:37).

    Errors that chose a model are smaller than its errors on new soils, so the model of each fold is chosen by
    the errors in the *other* folds. Those fits have seen the soil, which the proof of CV+ does not allow for;
    what it amounts to is measured on each site, and in ``benchmarks/decisions.py``.
    """

    model: RegressorMixin  # fitted on all soils: what predicts
    fold_models: tuple[RegressorMixin, ...]  # each fitted without one fold
    names: tuple[str, ...]  # of the candidates that model and fold_models are
    fold: np.ndarray  # (n_samples,): which of fold_models has not seen a soil
    residuals: np.ndarray  # (n_samples,): observed minus predicted by that; NaN without a value
    errors: dict[str, float]  # of each candidate, root mean square, on soils that it had not seen
    lowest: float = 0.0  # value that it was fitted to
    intercept: float = 0.0  # of a line that all predictions are put on
    slope: float = 1.0

    @classmethod
    def fit(
        cls,
        candidates: Mapping[str, RegressorMixin],
        X: np.ndarray,
        y: np.ndarray,
        fold: np.ndarray,
        groups: np.ndarray | None = None,
    ) -> CrossConformal:
        """Fit all candidates without each fold, and the best (the first of equals) on all soils.

        ``candidates`` are left unfitted. ``y`` is NaN where not measured; ``fold`` is from
        :func:`assign_folds`. Soils of one of the ``groups`` are together in inner folds, too. Other lengths,
        and fewer than two folds, are a ValueError.
        """
        y, fold = np.asarray(y, dtype=float), np.asarray(fold)
        if not len(X) == len(y) == len(fold):
            raise ValueError(f"got {len(X)} spectra, {len(y)} targets, {len(fold)} folds; expected as many")
        known = np.isfinite(y)
        X, y, groups = np.asarray(X)[known], y[known], None if groups is None else np.asarray(groups)[known]
        labels, place = np.unique(fold[known], return_inverse=True)
        if len(labels) < 2:
            raise ValueError(f"all {len(y)} soils are in one fold: no fit has not seen them")
        fits = [
            [fit_model(clone(model), X, y, groups, place != k) for k in range(len(labels))]
            for model in candidates.values()
        ]
        own = np.arange(len(y)), place
        errors = np.column_stack([y - _predict_each(models, X)[own] for models in fits])
        best, *of_folds = choose_candidates(errors, place)
        names = list(candidates)
        all_folds, residuals = np.zeros(len(known), dtype=int), np.full(len(known), np.nan)
        all_folds[known] = place
        residuals[known] = errors[own[0], np.array(of_folds)[place]]
        return cls(
            fit_model(clone(candidates[names[best]]), X, y, groups),
            tuple(fits[c][k] for k, c in enumerate(of_folds)),
            tuple(names[c] for c in (best, *of_folds)),
            all_folds,
            residuals,
            dict(zip(names, np.sqrt((errors**2).mean(axis=0)).tolist(), strict=True)),
            float(y.min()),
        )

    @property
    def name(self) -> str:
        """The candidate that predicts."""
        return self.names[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new,) values with the model of all soils."""
        return self.intercept + self.slope * _predict_each([self.model], X)[:, 0]

    def fold_predictions(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new, n_folds) values, each without one fold."""
        return self.intercept + self.slope * _predict_each(self.fold_models, X)

    def interval(self, X: np.ndarray, coverage: float = 0.9) -> np.ndarray:
        """CV+ interval of each spectrum, (n_new, 2): lower, upper."""
        known = np.isfinite(self.residuals)
        return cv_plus(self.fold_predictions(X), self.fold[known], self.residuals[known], coverage)

    def draws(self, X: np.ndarray) -> np.ndarray:
        """Equally likely values of each new soil, (n_new, n_samples): column ``i`` errs as soil ``i`` did.

        NaN in the columns of soils without a value.
        """
        return self.fold_predictions(X)[:, self.fold] + self.residuals


def _predict_each(models: Sequence[RegressorMixin], X: np.ndarray) -> np.ndarray:
    """Predict (n_samples, n_models) values."""
    return np.column_stack([np.ravel(model.predict(X)) for model in models])


def choose_candidates(errors: np.ndarray, fold: np.ndarray) -> list[int]:
    """Choose a candidate by all errors (n_samples, n_candidates), and one per fold by those outside it."""
    squares = errors**2
    parts = [squares, *(squares[fold != label] for label in range(fold.max() + 1))]
    return [int(part.mean(axis=0).argmin()) for part in parts]


def assign_folds(
    n_samples: int, n_folds: int = 10, seed: int = 0, groups: np.ndarray | None = None
) -> np.ndarray:
    """Fold of each soil, (n_samples,), no more than there are soils or groups; a group is in one."""
    members = n_samples if groups is None else len(np.unique(groups))
    table = splits.repeated_kfold(range(n_samples), min(n_folds, members), 1, seed, groups)
    return table[table["role"] == "test"].sort_values("sample")["fold"].to_numpy()


def cv_plus(
    fold_predictions: np.ndarray, fold: np.ndarray, residuals: np.ndarray, coverage: float = 0.9
) -> np.ndarray:
    """CV+ interval of new soils, (n_new, 2): lower, upper; infinite where the soils are too few.

    It holds at least ``2 · coverage − 1`` of any exchangeable soils, and in practice close to ``coverage``.
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage is {coverage!r}; expected a share between 0 and 1, such as 0.9")
    n = len(residuals)
    rank = int(np.ceil(coverage * (n + 1) - 1e-9))  # 0.9 · 100 is 90, whatever binary fractions say
    if rank > n:
        return np.tile([-np.inf, np.inf], (len(fold_predictions), 1))
    at, off = fold_predictions[:, fold], np.abs(residuals)
    lower = np.partition(at - off, n - rank, axis=1)[:, n - rank]
    upper = np.partition(at + off, rank - 1, axis=1)[:, rank - 1]
    return np.column_stack([lower, upper])
