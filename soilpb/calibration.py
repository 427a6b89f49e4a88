"""One property of a site, predicted by the best of several models, with errors it has really made.

Every candidate is fitted to all soils, and once without each fold. The errors at soils that a fit
had not seen choose the candidate, and are what intervals are made of. Errors that chose a model
flatter it, so each fold's model is chosen by the errors at *other* folds' soils: no soil has a say in
which model is to predict it. What is left is that those errors come from fits that have seen the
soil, which the proof of CV+ does not allow for; what it amounts to is measured, on each site by an
outer cross-validation of all of this (:mod:`soilpb.site_trial`) and on simulated sites in
``benchmarks/decisions.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import RegressorMixin

from soilpb import frozen
from soilpb.freezing import freeze
from soilpb.frozen import Arrays, Frozen
from soilpb.intervals import CrossConformal, cv_plus, predictive_draws


@dataclass(frozen=True, eq=False)
class Calibration:
    """Models of one property, and how far they erred on soils they had not seen.

    Make one with :meth:`fit`.

    Attributes
    ----------
    models : tuple of Frozen
        The first is fitted to all soils, each other without one fold.
    names : tuple of str
        Of the candidates that these are.
    fold : (n_samples,) int array
        Which model after the first has not seen a soil.
    residuals : (n_samples,) array
        Of that model; NaN for soils without a value.
    errors : dict of str to float
        Root mean square error of each candidate on soils it had not seen.
    """

    models: tuple[Frozen, ...]
    names: tuple[str, ...]
    fold: np.ndarray
    residuals: np.ndarray
    errors: dict[str, float]

    @classmethod
    def fit(
        cls, candidates: Mapping[str, RegressorMixin], X: np.ndarray, y: np.ndarray, fold: np.ndarray
    ) -> Calibration:
        """Fit all candidates, keep the best.

        Parameters
        ----------
        candidates : mapping of name to regressor
            Left unfitted; the first of equals is taken.
        X : (n_samples, n_bands) array
            Reflectance.
        y : (n_samples,) array
            NaN where not measured.
        fold : (n_samples,) int array
            From :func:`soilpb.intervals.assign_folds`.

        Raises
        ------
        CannotFreeze
            If the best cannot be stored as arrays.
        """
        known = np.isfinite(y)
        X, y = np.asarray(X, dtype=np.float64)[known], y[known]
        tried = [CrossConformal.fit(model, X, y, fold[known]) for model in candidates.values()]
        place = tried[0].fold
        errors = np.column_stack([each.residuals for each in tried])
        first, *others = choose(errors, place)
        fitted = [(tried[first].model, X)]
        fitted += [(tried[c].fold_models[k], X[place != k]) for k, c in enumerate(others)]
        placed, residuals = np.zeros(len(known), dtype=int), np.full(len(known), np.nan)
        placed[known] = place
        residuals[known] = errors[np.arange(len(y)), np.array(others)[place]]
        names, sizes = list(candidates), np.sqrt((errors**2).mean(axis=0)).tolist()
        return cls(
            tuple(freeze(model, seen) for model, seen in fitted),
            tuple(names[c] for c in (first, *others)),
            placed,
            residuals,
            dict(zip(names, sizes, strict=True)),
        )

    @property
    def name(self) -> str:
        """The candidate that predicts."""
        return self.names[0]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new,) values from reflectance (n_new, n_bands)."""
        return self.models[0].predict(X)

    def fold_predictions(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new, n_folds) values, each by the model that has not seen one fold."""
        return np.column_stack([model.predict(X) for model in self.models[1:]])

    def interval(self, X: np.ndarray, coverage: float = 0.9) -> np.ndarray:
        """CV+ interval, (n_new, 2)."""
        known = np.isfinite(self.residuals)
        return cv_plus(self.fold_predictions(X), self.fold[known], self.residuals[known], coverage)

    def draws(self, X: np.ndarray) -> np.ndarray:
        """Predictive distribution, (n_new, n_samples); NaN in the columns of soils without a value."""
        return predictive_draws(self.fold_predictions(X), self.fold, self.residuals)

    def arrays(self) -> Arrays:
        """All that was learned, by names."""
        return {"fold": self.fold, "residuals": self.residuals, **frozen.numbered(self.models)}

    def settings(self) -> dict[str, Any]:
        """What a card says of it."""
        models = [model.settings() for model in self.models]
        return {"names": self.names, "errors": self.errors, "models": models}

    @classmethod
    def thaw(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Calibration:
        """Make it again from both."""
        models = frozen.thaw_numbered(arrays, settings["models"])
        return cls(
            models, tuple(settings["names"]), arrays["fold"], arrays["residuals"], dict(settings["errors"])
        )


def choose(errors: np.ndarray, fold: np.ndarray) -> list[int]:
    """Choose a candidate by all errors, and one for each fold by the errors outside it.

    Parameters
    ----------
    errors : (n_samples, n_candidates) array
        At soils that a candidate had not seen.
    fold : (n_samples,) int array

    Returns
    -------
    list of int
        Positions of candidates: of all soils, then of each fold.

    Examples
    --------
    >>> choose(np.array([[0.1, 2.0], [2.0, 1.0], [0.5, 0.8]]), np.array([0, 1, 2]))
    [0, 1, 0, 0]
    """
    squares = errors**2
    parts = [squares, *(squares[fold != label] for label in range(fold.max() + 1))]
    return [int(part.mean(axis=0).argmin()) for part in parts]
