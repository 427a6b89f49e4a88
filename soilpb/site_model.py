"""The model of one site that is kept: what the next spectra from there are read with.

PLS on first derivatives, with all that a prediction needs to be judged: the fits without each fold
(intervals, probabilities), the same of pH where it was measured, and the calibration's space
(applicability). All of it is arrays, stored as safetensors with a card that says what it was made
of; what is loaded predicts what was saved, and altered files are refused
(:mod:`soilpb.checkpoint`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soilpb import checkpoint, exceedance
from soilpb.applicability import Domain
from soilpb.intervals import CrossConformal, assign_folds, cv_plus, predictive_draws
from soilpb.pls import PLSCV
from soilpb.preprocessing import derivative_pipeline
from soilpb.standards import LEAD_LIMITS

#: With fewer soils of known pH, pH is not predicted.
FEWEST_PH = 20
SCALES = ("log", "natural")


@dataclass(frozen=True, eq=False)
class Calibration:
    """PLS of one property on derivative spectra, and its fits without each fold.

    Attributes
    ----------
    coefficients : (1 + n_folds, n_bands) array
        The first row is fitted on all soils, each other without one fold.
    intercepts : (1 + n_folds,) array
    fold : (n_samples,) int array
        Which row after the first has not seen a soil.
    residuals : (n_samples,) array
        Of that row; NaN for soils without a value.
    n_components : int
        Latent variables of the fit on all soils.
    """

    coefficients: np.ndarray
    intercepts: np.ndarray
    fold: np.ndarray
    residuals: np.ndarray
    n_components: int

    @classmethod
    def fit(cls, X: np.ndarray, y: np.ndarray, fold: np.ndarray, seed: int = 0) -> Calibration:
        """Fit to reflectance (n_samples, n_bands) and values (n_samples,), NaN where not measured."""
        known = np.isfinite(y)
        fitted = CrossConformal.fit(PLSCV(seed=seed), X[known], y[known], fold[known])
        models = (fitted.model, *fitted.fold_models)
        place, residuals = np.zeros(len(y), dtype=int), np.full(len(y), np.nan)
        place[known], residuals[known] = fitted.fold, fitted.residuals
        return cls(
            np.stack([model.coef_ for model in models]),
            np.array([model.intercept_ for model in models]),
            place,
            residuals,
            fitted.model.n_components_,
        )

    def predict(self, spectra: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Predict (n_new,) values, and (n_new, n_folds) values of the fits without each fold."""
        found = spectra @ self.coefficients.T + self.intercepts
        return found[:, 0], found[:, 1:]

    def interval(self, spectra: np.ndarray, coverage: float) -> np.ndarray:
        """CV+ interval, (n_new, 2)."""
        known = np.isfinite(self.residuals)
        return cv_plus(self.predict(spectra)[1], self.fold[known], self.residuals[known], coverage)

    def draws(self, spectra: np.ndarray) -> np.ndarray:
        """Predictive distribution, (n_new, n_samples); NaN in the columns of soils without a value."""
        return predictive_draws(self.predict(spectra)[1], self.fold, self.residuals)


@dataclass(frozen=True, eq=False)
class SiteModel:
    """A site's calibration, on its grid, with what is needed to judge its predictions.

    Make one with :meth:`fit` or :meth:`load`.

    Attributes
    ----------
    wavelengths : (n_bands,) array, nm
    scale : {"log", "natural"}
        Whether ``target`` predicts the value or its natural logarithm.
    target : Calibration
    ph : Calibration or None
        Of the same soils and folds, so that errors of both can be drawn together.
    domain : Domain
    card : dict
        What was said of it when it was loaded.
    """

    wavelengths: np.ndarray
    scale: str
    target: Calibration
    ph: Calibration | None
    domain: Domain
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
            Soils that stay together in the folds.
        seed, n_folds : int
        """
        if scale not in SCALES:
            raise ValueError(f"scale is {scale!r}; expected one of {SCALES}")
        X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=float)
        fold = assign_folds(len(y), n_folds, seed, groups)
        target = Calibration.fit(X, y, fold, seed)
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH
        return cls(
            np.array(wavelengths, dtype=np.float64),
            scale,
            target,
            Calibration.fit(X, np.asarray(ph, dtype=float), fold, seed) if enough else None,
            Domain.learn(X, y, target.n_components, fold),
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
            predicted; ``T2``, ``Q``, ``distance``, ``outside`` (see :class:`Domain`).
        """
        spectra = self._spectra(X)
        values = np.column_stack([self.target.predict(spectra)[0], self.target.interval(spectra, coverage)])
        table = pd.DataFrame(self._natural(values), columns=["predicted", "lower", "upper"])
        if self.ph is not None:
            table["pH"] = self.ph.predict(spectra)[0]
            table[["pH_lower", "pH_upper"]] = self.ph.interval(spectra, coverage)
        return pd.concat([table, self.domain.distances(X)], axis=1)

    def exceedance(
        self,
        X: np.ndarray,
        standard: str,
        limits: pd.DataFrame = LEAD_LIMITS,
        ph: np.ndarray | float = np.nan,
    ) -> pd.DataFrame:
        """Probability of exceeding each limit of a standard (see :func:`soilpb.exceedance.by_rule`).

        Parameters
        ----------
        X : (n_new, n_bands) array
        standard : str
        limits : DataFrame
        ph : float or (n_new,) array
            Measured pH; where NaN, pH is predicted from the same spectrum.
        """
        spectra = self._spectra(X)
        ph_draws = self.ph.draws(spectra) if self.ph is not None else None
        draws = self._natural(self.target.draws(spectra))
        return exceedance.by_rule(draws, standard, limits, ph, ph_draws)

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write arrays and card to a folder; ``card`` says what the model was made of."""
        calibrations = {"target": self.target, **({"ph": self.ph} if self.ph is not None else {})}
        own = {
            "wavelengths": self.wavelengths,
            "scale": self.scale,
            "n_samples": len(self.target.fold),
            "latent_variables": {name: part.n_components for name, part in calibrations.items()},
            "applicability_limits": {"t2_limit": self.domain.t2_limit, "q_limit": self.domain.q_limit},
        }
        parts = {name: _arrays(part) for name, part in {**calibrations, "domain": self.domain}.items()}
        return checkpoint.save(folder, parts, card | own)

    @classmethod
    def load(cls, folder: str | Path, made_by: str = "") -> SiteModel:
        """Read a model back, refusing files that changed since they were saved."""
        parts, card = checkpoint.load(folder, made_by)
        calibrations = {
            name: Calibration(**parts[name], n_components=n) for name, n in card["latent_variables"].items()
        }
        return cls(
            np.array(card["wavelengths"]),
            card["scale"],
            calibrations["target"],
            calibrations.get("ph"),
            Domain(**parts["domain"], **card["applicability_limits"]),
            card,
        )

    def _spectra(self, X: np.ndarray) -> np.ndarray:
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != len(self.wavelengths):
            first, last = self.wavelengths[[0, -1]]
            raise ValueError(
                f"got spectra of shape {X.shape}; the model takes (n_samples, {len(self.wavelengths)}) on "
                f"{first:g}–{last:g} nm: resample them to its grid"
            )
        return derivative_pipeline().fit_transform(X)

    def _natural(self, values: np.ndarray) -> np.ndarray:
        return np.exp(values) if self.scale == "log" else values


def _arrays(part: Calibration | Domain) -> Mapping[str, np.ndarray]:
    return {name: value for name, value in vars(part).items() if isinstance(value, np.ndarray)}
