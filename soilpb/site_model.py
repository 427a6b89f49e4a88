"""The model of one site that is kept: what the next spectra from there are read with.

The best of the candidates, with all that a prediction needs to be judged: the fits without each fold
(intervals, probabilities), the same of pH where it was measured, and what spectra of the site look
like (applicability). All of it is arrays, stored as safetensors with a card that says what it was
made of; what is loaded predicts what was saved, and altered files are refused
(:mod:`soilpb.checkpoint`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin

from soilpb import checkpoint, exceedance
from soilpb.applicability import Domain
from soilpb.calibration import Calibration
from soilpb.intervals import assign_folds
from soilpb.pls import PLSCV
from soilpb.standards import LEAD_LIMITS

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
            Soils that stay together in the folds.
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
            Calibration.fit(candidates or pls, X, y, fold),
            Calibration.fit(pls, X, np.asarray(ph, dtype=float), fold) if enough else None,
            Domain.learn(X, fold),
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
        """Probability of exceeding each limit of a standard (see :func:`soilpb.exceedance.by_rule`).

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
        return exceedance.by_rule(draws, standard, limits, ph, ph_draws)

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write arrays and card to a folder; ``card`` says what the model was made of."""
        calibrations = {"target": self.target, **({"ph": self.ph} if self.ph is not None else {})}
        own = {
            "wavelengths": self.wavelengths,
            "scale": self.scale,
            "n_samples": len(self.target.fold),
            "calibrations": {name: part.settings() for name, part in calibrations.items()},
            "applicability_limits": {"t2_limit": self.domain.t2_limit, "q_limit": self.domain.q_limit},
        }
        space = {name: v for name, v in vars(self.domain).items() if isinstance(v, np.ndarray)}
        parts = {"domain": space, **{name: part.arrays() for name, part in calibrations.items()}}
        return checkpoint.save(folder, parts, card | own)

    @classmethod
    def load(cls, folder: str | Path, made_by: str = "") -> SiteModel:
        """Read a model back, refusing files that changed since they were saved."""
        parts, card = checkpoint.load(folder, made_by)
        calibrations = {
            name: Calibration.thaw(parts[name], said) for name, said in card["calibrations"].items()
        }
        return cls(
            np.array(card["wavelengths"]),
            card["scale"],
            calibrations["target"],
            calibrations.get("ph"),
            Domain(**parts["domain"], **card["applicability_limits"]),
            card,
        )

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
