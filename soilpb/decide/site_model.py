"""One property of a site, predicted by the best of several models, with errors it has really made.

Every candidate is fitted to all soils, and once without each fold. The errors at soils that a fit
had not seen choose the candidate, and are what intervals are made of. Errors that chose a model
flatter it, so each fold's model is chosen by the errors at *other* folds' soils: no soil has a say in
which model is to predict it. What is left is that those errors come from fits that have seen the
soil, which the proof of CV+ does not allow for; what it amounts to is measured, on each site by an
outer cross-validation of all of this (:mod:`soilpb.decide.site_model`) and on simulated sites in
``benchmarks/decisions.py``.

The model of one site that is kept: what the next spectra from there are read with.

The best of the candidates, with all that a prediction needs to be judged: the fits without each fold
(intervals, probabilities), the same of pH where it was measured, and what spectra of the site look
like (applicability). It is stored with a card that says what it was made of; what is loaded predicts
what was saved, and altered files are refused (:mod:`soilpb.models.storage`).

What the kept model of a site is worth on soils it has not seen: intervals, probabilities, flags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin

from soilpb._format import track
from soilpb.decide import exceedance
from soilpb.decide.applicability import ApplicabilityDomain
from soilpb.decide.exceedance import calibration_error, reliability_table
from soilpb.decide.intervals import CrossConformal, assign_folds, cv_plus, predictive_draws
from soilpb.decide.standards import LEAD_LIMITS, lead_limit
from soilpb.evaluate import splits
from soilpb.models import storage
from soilpb.models.pls import PLSCV


@dataclass(frozen=True, eq=False)
class Calibration:
    """Models of one property, and how far they erred on soils they had not seen.

    Make one with :meth:`fit`.

    Attributes
    ----------
    models : tuple of regressors
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

    models: tuple[RegressorMixin, ...]
    names: tuple[str, ...]
    fold: np.ndarray
    residuals: np.ndarray
    errors: dict[str, float]

    @classmethod
    def fit(
        cls,
        candidates: Mapping[str, RegressorMixin],
        X: np.ndarray,
        y: np.ndarray,
        fold: np.ndarray,
        groups: np.ndarray | None = None,
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
            From :func:`soilpb.decide.intervals.assign_folds`.
        groups : (n_samples,) array, optional
            Soils that inner folds keep together.
        """
        known = np.isfinite(y)
        X, y = np.asarray(X, dtype=np.float64)[known], y[known]
        inside = None if groups is None else np.asarray(groups)[known]
        tried = [CrossConformal.fit(model, X, y, fold[known], inside) for model in candidates.values()]
        place = tried[0].fold
        errors = np.column_stack([each.residuals for each in tried])
        first, *others = choose(errors, place)
        fitted = [tried[first].model, *(tried[c].fold_models[k] for k, c in enumerate(others))]
        placed, residuals = np.zeros(len(known), dtype=int), np.full(len(known), np.nan)
        placed[known] = place
        residuals[known] = errors[np.arange(len(y)), np.array(others)[place]]
        names, sizes = list(candidates), np.sqrt((errors**2).mean(axis=0)).tolist()
        return cls(
            tuple(fitted),
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
        return np.ravel(self.models[0].predict(X))

    def fold_predictions(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_new, n_folds) values, each by the model that has not seen one fold."""
        return np.column_stack([np.ravel(model.predict(X)) for model in self.models[1:]])

    def interval(self, X: np.ndarray, coverage: float = 0.9) -> np.ndarray:
        """CV+ interval, (n_new, 2)."""
        known = np.isfinite(self.residuals)
        return cv_plus(self.fold_predictions(X), self.fold[known], self.residuals[known], coverage)

    def draws(self, X: np.ndarray) -> np.ndarray:
        """Predictive distribution, (n_new, n_samples); NaN in the columns of soils without a value."""
        return predictive_draws(self.fold_predictions(X), self.fold, self.residuals)


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


#: With fewer soils of known pH, pH is not predicted.
FEWEST_PH = 20
SCALES = ("log", "natural")


@dataclass(frozen=True, eq=False)
class SiteModel:
    """A site's best model, on its grid, with what is needed to judge its predictions.

    Make one with :meth:`fit` or :meth:`load`.

    Attributes
    ----------
    wavelengths : (n_bands,) array, nm
    scale : {"log", "natural"}
        Whether ``target`` predicts the value or its natural logarithm.
    target : Calibration
    ph : Calibration or None
        Of the same soils and folds, so that errors of both can be drawn together.
    domain : ApplicabilityDomain
    card : dict
        What was said of it when it was loaded.
    """

    wavelengths: np.ndarray
    scale: str
    target: Calibration
    ph: Calibration | None
    domain: ApplicabilityDomain
    card: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        y: np.ndarray,
        wavelengths: np.ndarray,
        scale: str = "log",
        ph: np.ndarray | None = None,
        groups: np.ndarray | None = None,
        seed: int = 0,
        n_folds: int = 10,
        candidates: Mapping[str, RegressorMixin] | None = None,
    ) -> SiteModel:
        """Fit to the soils of a site.

        Parameters
        ----------
        X : (n_samples, n_bands) array
            Reflectance.
        y : (n_samples,) array
            Target on the modelling scale, finite.
        wavelengths : (n_bands,) array, nm
        scale : {"log", "natural"}
            Which scale that is.
        ph : (n_samples,) array, optional
            Measured pH; NaN where not.
        groups : (n_samples,) array, optional
            Soils that stay together in the folds, and in those inside the models.
        seed, n_folds : int
        candidates : mapping of name to regressor, optional
            Models of the target, of which the best is kept; PLS if omitted. pH is always PLS's.
        """
        if scale not in SCALES:
            raise ValueError(f"scale is {scale!r}; expected one of {SCALES}")
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=float)
        fold, pls = assign_folds(len(y), n_folds, seed, groups), {"PLS": PLSCV(seed=seed)}
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH
        return cls(
            np.array(wavelengths, dtype=np.float64),
            scale,
            Calibration.fit(candidates or pls, X, y, fold, groups),
            Calibration.fit(pls, X, np.asarray(ph, dtype=float), fold, groups) if enough else None,
            ApplicabilityDomain.fit(X, fold),
        )

    def predict(self, X: np.ndarray, coverage: float = 0.9) -> pd.DataFrame:
        """Predict on the natural scale.

        Parameters
        ----------
        X : (n_new, n_bands) array
            Reflectance on ``wavelengths``.
        coverage : float
            Of the intervals.

        Returns
        -------
        DataFrame
            ``predicted``, ``lower``, ``upper``; ``pH``, ``pH_lower``, ``pH_upper`` where pH is
            predicted; ``T2``, ``Q``, ``distance``, ``outside`` (see :class:`ApplicabilityDomain`).
        """
        X = self._checked(X)
        values = np.column_stack([self.target.predict(X), self.target.interval(X, coverage)])
        table = pd.DataFrame(self._natural(values), columns=["predicted", "lower", "upper"])
        if self.ph is not None:
            table["pH"] = self.ph.predict(X)
            table[["pH_lower", "pH_upper"]] = self.ph.interval(X, coverage)
        return pd.concat([table, self.domain.distances(X)], axis=1)

    def exceedance(
        self,
        X: np.ndarray,
        standard: str,
        limits: pd.DataFrame = LEAD_LIMITS,
        ph: np.ndarray | float = np.nan,
    ) -> pd.DataFrame:
        """Probability of exceeding each limit of a standard (see :func:`soilpb.decide.exceedance.by_rule`).

        Parameters
        ----------
        X : (n_new, n_bands) array
        standard : str
        limits : DataFrame
        ph : float or (n_new,) array
            Measured pH; where NaN, pH is predicted from the same spectrum.
        """
        X = self._checked(X)
        ph_draws = self.ph.draws(X) if self.ph is not None else None
        draws = self._natural(self.target.draws(X))
        return exceedance.exceedance_by_rule(draws, standard, limits, ph, ph_draws)

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write the fitted parts and a card to a folder; ``card`` says what the model was made of."""
        calibrations = {"target": self.target, "ph": self.ph}
        fitted = {name: vars(part) if part else None for name, part in calibrations.items()}
        own = {
            "wavelengths": self.wavelengths,
            "scale": self.scale,
            "n_samples": len(self.target.fold),
            "chosen": {name: part.names for name, part in calibrations.items() if part},
            "errors": {name: part.errors for name, part in calibrations.items() if part},
        }
        return storage.save_fitted(folder, {**fitted, "domain": vars(self.domain)}, card | own)

    @classmethod
    def load(cls, folder: str | Path, made_by: str = "") -> SiteModel:
        """Read a model back, refusing files that changed since they were saved."""
        fitted, card = storage.load_fitted(folder, made_by)
        target, ph = (Calibration(**part) if part else None for part in (fitted["target"], fitted["ph"]))
        domain = ApplicabilityDomain(**fitted["domain"])
        return cls(np.array(card["wavelengths"]), card["scale"], target, ph, domain, card)

    def _checked(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self.wavelengths):
            first, last = self.wavelengths[[0, -1]]
            raise ValueError(
                f"got spectra of shape {X.shape}; the model takes (n_samples, {len(self.wavelengths)}) on "
                f"{first:g}–{last:g} nm: resample them to its grid"
            )
        return X

    def _natural(self, values: np.ndarray) -> np.ndarray:
        return np.exp(values) if self.scale == "log" else values


def cross_validate_site(
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    scale: str = "log",
    ph: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    standard: str = "",
    limits: pd.DataFrame = LEAD_LIMITS,
    seed: int = 0,
    coverage: float = 0.9,
    candidates: Mapping[str, RegressorMixin] | None = None,
    n_folds: int = 10,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit the model on each fold's training soils, choice and all, and judge what it says of the others.

    Parameters
    ----------
    X, y, scale, ph, groups, seed, candidates, n_folds
        As for :meth:`SiteModel.fit`.
    folds : DataFrame
        From :mod:`soilpb.evaluate.splits`.
    sample_ids : (n_samples,) sequence
    standard : str
        Whose limits are tried, with pH predicted; none if empty.
    limits : DataFrame
    coverage : float

    Returns
    -------
    predictions : DataFrame
        ``repeat``, ``fold``, ``sample``, ``observed``, ``model`` (the candidate that was chosen), and
        what :meth:`SiteModel.predict` says.
    exceedances : DataFrame
        ``repeat``, ``fold``, ``sample``, ``rule``, ``probability``, ``exceeded``: whether the
        laboratory's value is above the limit at the laboratory's pH. Soils whose limit is unknown
        have no row.
    """
    ids = np.asarray(sample_ids)
    observed = np.exp(y) if scale == "log" else np.asarray(y)
    measured = np.full(len(ids), np.nan) if ph is None else np.asarray(ph, dtype=float)
    splits.validate_folds(folds, ids, groups)
    predicted, exceeding = [], []
    for fold in track(list(splits.iterate_folds(folds, ids)), "judging the kept model"):
        train, test = fold.train, fold.test
        inner = None if groups is None else groups[train]
        bands, known = np.arange(X.shape[1]), measured[train]
        model = SiteModel.fit(
            X[train], y[train], bands, scale, known, inner, seed, n_folds=n_folds, candidates=candidates
        )
        place = {"repeat": fold.repeat, "fold": fold.fold, "sample": ids[test]}
        said = model.predict(X[test], coverage)
        predicted.append(
            pd.DataFrame({**place, "observed": observed[test], "model": model.target.name}).join(said)
        )
        for rule, found in (model.exceedance(X[test], standard, limits) if standard else {}).items():
            limit = lead_limit(standard, rule, measured[test], limits)
            table = pd.DataFrame({**place, "rule": rule, "probability": found})
            exceeding.append(
                table.assign(exceeded=observed[test] > limit)[np.isfinite(limit) & found.notna()]
            )
    columns = ["repeat", "fold", "sample", "rule", "probability", "exceeded"]
    joined = pd.concat(exceeding, ignore_index=True) if exceeding else pd.DataFrame(columns=columns)
    return pd.concat(predicted, ignore_index=True), joined


def summary(predictions: pd.DataFrame, exceedances: pd.DataFrame) -> dict[str, float]:
    """What a card says of a model on soils it has not seen.

    Returns
    -------
    dict
        ``coverage``: share of observed values within their intervals; ``outside``: share flagged;
        ``calibration_error``: of the probabilities of all rules, where there are any.
    """
    inside = predictions["observed"].between(predictions["lower"], predictions["upper"])
    found = {
        "coverage": float(inside.mean()),
        "outside": float(predictions["outside"].mean()),
    }
    if len(exceedances):
        table = reliability_table(exceedances["probability"], exceedances["exceeded"])
        found["calibration_error"] = calibration_error(table)
    return found
