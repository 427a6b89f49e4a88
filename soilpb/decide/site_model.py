"""The model of one site: the best of some candidates, with all that judges its predictions.

Beside the model that predicts the target stand the fits without each fold (intervals, probabilities of
exceedance), the same of pH where it was measured, and the applicability domain of the site's spectra.
:func:`cross_validate_site` tests all of it, the choice of the candidate included, on held-out soils.
:mod:`soilpb.decide.stored_model` fits, tests and stores it for a study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field
from sklearn.base import RegressorMixin
from threadpoolctl import threadpool_limits

from soilpb._format import track
from soilpb.decide.applicability import ApplicabilityDomain
from soilpb.decide.exceedance import exceedance_by_rule
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.standards import LEAD_LIMITS, lead_limit
from soilpb.evaluate import splits
from soilpb.models import storage
from soilpb.models.pls import PLSCV
from soilpb.spectra import SoilSpectra

#: Folds of the intervals.
N_FOLDS = 5
#: Share of soils that intervals shall hold, unless a user asks for another.
COVERAGE = 0.9
#: With fewer soils of known pH, pH is not predicted.
FEWEST_PH = 20
SCALES = ("log", "natural")
#: Soils whose predictions a stored model must repeat when it is loaded.
N_EXAMPLES = 5


class SiteCard(BaseModel):
    """What the card of a stored model must say, beside whatever else it says."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    wavelengths: storage.Wavelengths
    scale: Literal["log", "natural"]
    check: list[list[Annotated[float, Field(allow_inf_nan=True)]]]
    sensor: Annotated[str, Field(max_length=100)] = ""


@dataclass(frozen=True, eq=False)
class SiteModel:
    """A site's best model, on its grid, with what is needed to judge its predictions.

    Make one with :meth:`fit` or :meth:`load`.

    Attributes
    ----------
    wavelengths : (n_bands,) array, nm
    scale : {"log", "natural"}
        Whether ``target`` predicts the value or its natural logarithm.
    ph : CrossConformal or None
        Of the same soils and folds as ``target``, so that errors of both can be drawn together.
    examples : (n_examples, n_bands) array
        Spectra of some soils that it was fitted to, by which a stored model is tested.
    sensor : str
        Column of the reading that is the last column of what the target is predicted from; empty without.
    card : dict
        What was stored with it; empty before.
    """

    wavelengths: np.ndarray
    scale: str
    target: CrossConformal
    ph: CrossConformal | None
    domain: ApplicabilityDomain
    examples: np.ndarray
    sensor: str = ""
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
        candidates: Mapping[str, RegressorMixin] | None = None,
        sensor: str = "",
    ) -> SiteModel:
        """Fit to the soils of a site.

        Parameters
        ----------
        X, y : (n_samples, n_bands) and (n_samples,) arrays
            Reflectance, and the ``sensor``'s reading where one is named; the target on the modelling
            ``scale``, finite.
        ph : (n_samples,) array, optional
            Measured pH; NaN where not.
        groups : (n_samples,) array, optional
            Soils that stay together in the folds, and in those inside the models.
        seed : int
            Of the folds, and of PLS.
        candidates : mapping of name to regressor, optional
            Models of the target, of which the best predicts; PLS if omitted. pH is always PLS's.
        """
        if scale not in SCALES:
            raise ValueError(f"scale is {scale!r}; expected one of {SCALES}")
        X, pls = np.asarray(X, dtype=np.float64), {"PLS": PLSCV(seed=seed)}
        fold = assign_folds(len(X), N_FOLDS, seed, groups)
        spectra = X[:, :-1] if sensor else X
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH
        return cls(
            np.array(wavelengths, dtype=np.float64),
            scale,
            CrossConformal.fit(candidates or pls, X, y, fold, groups),
            CrossConformal.fit(pls, spectra, ph, fold, groups) if enough else None,
            ApplicabilityDomain.fit(spectra, fold),
            X[np.linspace(0, len(X) - 1, N_EXAMPLES).astype(int)],
            sensor,
        )

    @threadpool_limits.wrap(limits=1)
    def predict(self, X: np.ndarray, coverage: float = COVERAGE) -> pd.DataFrame:
        """Predict on the natural scale, from reflectance on ``wavelengths``, (n_new, n_bands).

        The table has ``predicted``, ``lower``, ``upper``; ``pH``, ``pH_lower``, ``pH_upper`` where pH is
        predicted; and the columns of :meth:`ApplicabilityDomain.distances`.
        """
        X = self.complete(X)
        spectra = X[:, : len(self.wavelengths)]
        values = np.column_stack([self.target.predict(X), self.target.interval(X, coverage)])
        table = pd.DataFrame(self._natural(values), columns=["predicted", "lower", "upper"])
        if self.ph is not None:
            table["pH"] = self.ph.predict(spectra)
            table[["pH_lower", "pH_upper"]] = self.ph.interval(spectra, coverage)
        return pd.concat([table, self.domain.distances(spectra)], axis=1)

    @threadpool_limits.wrap(limits=1)
    def exceedance(
        self,
        X: np.ndarray,
        standard: str,
        limits: pd.DataFrame = LEAD_LIMITS,
        ph: np.ndarray | float = np.nan,
    ) -> pd.DataFrame:
        """Probability of exceeding each limit, by :func:`soilpb.decide.exceedance.exceedance_by_rule`.

        ``X`` is reflectance, (n_new, n_bands), and ``ph`` measured pH; where that is NaN, pH is predicted
        from the same spectrum.
        """
        X = self.complete(X)
        ph_draws = self.ph.draws(X[:, : len(self.wavelengths)]) if self.ph is not None else None
        return exceedance_by_rule(self._natural(self.target.draws(X)), standard, limits, ph, ph_draws)

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write the fitted parts and a card to a folder; ``card`` says what the model was made of."""
        fitted = {name: part for name, part in (("target", self.target), ("ph", self.ph)) if part}
        own = {
            "wavelengths": self.wavelengths,
            "scale": self.scale,
            "sensor": self.sensor,
            "n_samples": len(self.target.fold),
            "check": self._check(),
            "chosen": {name: part.names for name, part in fitted.items()},
            "errors": {name: part.errors for name, part in fitted.items()},
        }
        parts = {name: vars(part) for name, part in {**fitted, "domain": self.domain}.items()}
        parts["examples"] = self.examples
        return storage.save_fitted(folder, parts, card | own)

    @classmethod
    def load(cls, folder: str | Path, made_by: str = "", schema: type[SiteCard] | None = None) -> SiteModel:
        """Read a model back, refusing one that changed since it was saved, or a card beyond its schema."""

        def build(parts: dict[str, Any], card: dict[str, Any]) -> SiteModel:
            told = (schema or SiteCard).model_validate(card)
            ph = CrossConformal(**parts["ph"]) if "ph" in parts else None
            target, domain = CrossConformal(**parts["target"]), ApplicabilityDomain(**parts["domain"])
            bands = np.array(told.wavelengths)
            model = cls(bands, told.scale, target, ph, domain, parts["examples"], told.sensor, card)
            found, stored = model._check(), np.array(told.check)
            if found.shape != stored.shape or not np.allclose(found, stored, rtol=1e-3, atol=1e-6):
                raise ValueError("it does not predict its own soils as it did when it was stored")
            return model

        return storage.load_fitted(folder, made_by, build)

    def _check(self) -> np.ndarray:
        """What it says of its examples, (n_examples, n_numbers): once stored, it must say so again."""
        table = self.predict(self.examples).astype(float)
        table[["T2", "Q"]] /= [self.domain.t2_limit, self.domain.q_limit]
        parts = [(self.target, self.examples), (self.ph, self.examples[:, : len(self.wavelengths)])]
        draws = [np.nanmean(part.draws(X), axis=1) for part, X in parts if part]
        return np.column_stack([table, *draws])

    def inputs(self, soils: SoilSpectra) -> np.ndarray:
        """What the model takes of soils, on any bands that cover its own: reflectance and reading."""
        same = np.array_equal(soils.wavelengths, self.wavelengths)
        X = soils.reflectance if same else soils.resample(self.wavelengths).reflectance
        read = soils.samples.get(self.sensor) if self.sensor else None
        return self.complete(X if read is None else np.column_stack([X, read]))

    def complete(self, X: np.ndarray) -> np.ndarray:
        """Check the shape of spectra, and append missing readings where the model takes some."""
        X = np.asarray(X, dtype=np.float64)
        if self.sensor and X.ndim == 2 and X.shape[1] == len(self.wavelengths) + 1:
            return X
        if X.ndim != 2 or X.shape[1] != len(self.wavelengths):
            first, last = self.wavelengths[[0, -1]]
            raise ValueError(
                f"got spectra of shape {X.shape}; the model takes (n_samples, {len(self.wavelengths)}) on "
                f"{first:g}–{last:g} nm: resample them to its grid"
            )
        return np.column_stack([X, np.full(len(X), np.nan)]) if self.sensor else X

    def _natural(self, values: np.ndarray) -> np.ndarray:
        """Values in the laboratory's unit; no content is negative where none was measured below 0."""
        if self.scale == "log":
            return np.exp(values)
        return np.maximum(values, 0.0) if self.target.lowest >= 0 else values


def cross_validate_site(
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    scale: str = "log",
    ph: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    standard: str = "",
    seed: int = 0,
    candidates: Mapping[str, RegressorMixin] | None = None,
    limits: pd.DataFrame = LEAD_LIMITS,
    sensor: str = "",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit the model on each fold's training soils, choice and all, and predict the other soils.

    Parameters are those of :meth:`SiteModel.fit`, with ``folds`` of the samples ``sample_ids``
    (:mod:`soilpb.evaluate.splits`), and the ``standard`` whose ``limits`` are applied, with pH predicted;
    none if empty.

    Returns
    -------
    predictions : DataFrame
        ``repeat``, ``fold``, ``sample``, ``observed``, ``model`` (the candidate that was chosen), and
        the columns of :meth:`SiteModel.predict`.
    exceedances : DataFrame
        ``repeat``, ``fold``, ``sample``, ``rule``, ``probability``, ``exceeded``: whether the
        laboratory's value is above the limit at the laboratory's pH. Soils whose limit is unknown
        have no row.
    """
    ids, bands = np.asarray(sample_ids), np.arange(X.shape[1] - bool(sensor))
    observed = np.exp(y) if scale == "log" else np.asarray(y)
    ph = np.full(len(ids), np.nan) if ph is None else np.asarray(ph, dtype=float)
    splits.validate_folds(folds, ids, groups)
    columns = ["repeat", "fold", "sample", "rule", "probability", "exceeded"]
    predictions, exceedances = [], [pd.DataFrame(columns=columns)]
    for fold in track(list(splits.iterate_folds(folds, ids)), "testing the site model"):
        train, test = fold.train, fold.test
        inside = None if groups is None else groups[train]
        model = SiteModel.fit(X[train], y[train], bands, scale, ph[train], inside, seed, candidates, sensor)
        soils = pd.DataFrame({"repeat": fold.repeat, "fold": fold.fold, "sample": ids[test]})
        told = soils.assign(observed=observed[test], model=model.target.name)
        predictions.append(told.join(model.predict(X[test])))
        for rule, probability in (model.exceedance(X[test], standard, limits) if standard else {}).items():
            limit = lead_limit(standard, rule, ph[test], limits)
            table = soils.assign(rule=rule, probability=probability, exceeded=observed[test] > limit)
            exceedances.append(table[np.isfinite(limit) & probability.notna()])
    tables = predictions, exceedances[1:] or exceedances
    return tuple(pd.concat(parts, ignore_index=True) for parts in tables)
