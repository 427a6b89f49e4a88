"""The model of one site: the best of some candidates, with all that judges its predictions.

:mod:`soilpb.decide.stored_model` stores it and asks it about new spectra.
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
from soilpb.decide import standards
from soilpb.decide.applicability import ApplicabilityDomain
from soilpb.decide.exceedance import calibration_error, exceedance_by_rule, reliability_table
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.standards import LEAD_LIMITS, lead_limit, list_rules
from soilpb.evaluate import cross_validation, splits
from soilpb.evaluate.comparison import bootstrap_interval
from soilpb.evaluate.instruments import measure_robustness
from soilpb.models import baselines, storage
from soilpb.models.linear import SensorFusion
from soilpb.models.pls import PLSCV
from soilpb.site_file import Site, SiteError, project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: Folds of the intervals.
N_FOLDS = 5
#: Share of soils that intervals shall hold, unless a user asks for another.
COVERAGE = 0.9
#: With fewer soils of known pH, pH is not predicted.
FEWEST_PH = 20
SCALES = ("log", "natural")
#: Soils whose predictions a stored model must repeat when it is loaded.
N_EXAMPLES = 5
#: Whose limits are applied where it has some, unless a user names others.
STANDARD = "GB 15618-2018"
#: Keys of the models among which the site's is chosen: strong ones that are quick enough to be fitted
#: without each fold, inside every fold.
CANDIDATES = ("pls", "blocks", "average", "average-ph")
#: Of these, those that a sensor's reading is fused with: inner folds fit them many times over.
FUSED = ("pls", "blocks")

Candidates = Mapping[str, RegressorMixin]


class Origin(BaseModel):
    """Whose soils a stored model was fitted to."""

    kind: Literal["measured", "lead simulated", "simulated"]
    instrument: str = "unknown"


class Robustness(BaseModel):
    """How many times larger errors were in the report's test, by disturbance."""

    disturbance: list[str]
    times: list[float]


class SiteCard(BaseModel):
    """What the card of a stored model must say, beside whatever else it says."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    wavelengths: storage.Wavelengths
    scale: Literal["log", "natural"]
    check: list[list[Annotated[float, Field(allow_inf_nan=True)]]]
    sensor: Annotated[str, Field(max_length=100)] = ""
    site: str
    target: str
    target_range: Annotated[list[float], Field(min_length=2, max_length=2)]
    trained_on: Origin
    scores_on_held_out_soils: dict[str, Any] = {}
    robustness: Robustness | None = None
    scan_counters: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=50)]


@dataclass(frozen=True, eq=False)
class SiteModel:
    """A site's best model, on its grid, with what is needed to judge its predictions.

    Make one with :meth:`fit` or :meth:`load`. It works on reflectance, (n_samples, n_bands), and the reading
    of a sensor, where it takes one.
    """

    wavelengths: np.ndarray  # (n_bands,), nm
    scale: str  # whether the target is the value ("natural") or its logarithm ("log")
    target: CrossConformal
    ph: CrossConformal | None  # same soils and folds, so that errors of both can be drawn together
    domain: ApplicabilityDomain
    examples: np.ndarray  # inputs of some soils that it was fitted to, by which a stored model is tested
    sensor: str = ""  # column of the reading that is the last of the target's inputs; empty without
    card: dict[str, Any] = field(default_factory=dict, repr=False)  # what was stored with it

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
        candidates: Candidates | None = None,
        sensor: str = "",
    ) -> SiteModel:
        """Fit to soils: ``y`` is on the modelling ``scale``, finite; ``ph`` is NaN where not measured.

        The best of the ``candidates`` (PLS if omitted) predicts the target, PLS the pH. Soils of one of the
        ``groups`` stay together in folds; the ``seed`` is that of folds and PLS.
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
        """Predict on the natural scale, pH as well where it is known; with distances of the domain."""
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
        """Probability of exceeding each limit at a measured pH, or where NaN at that of the same spectrum."""
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
        return storage.save_fitted(folder, parts | {"examples": self.examples}, card | own)

    @classmethod
    def load(cls, folder: str | Path, made_by: str = "") -> SiteModel:
        """Read a model back; errors, and ``made_by``, as of :func:`soilpb.models.storage.load_fitted`."""

        def build(parts: dict[str, Any], card: dict[str, Any]) -> SiteModel:
            told = SiteCard.model_validate(card)
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
        return np.column_stack([table, *(np.nanmean(part.draws(X), axis=1) for part, X in parts if part)])

    def inputs(self, soils: SoilSpectra) -> np.ndarray:
        """What the model takes of soils, on any bands that cover its own: reflectance and reading."""
        X = soils.resample(self.wavelengths).reflectance
        read = soils.samples.get(self.sensor) if self.sensor else None
        return self.complete(X if read is None else np.column_stack([X, read]))

    def complete(self, X: np.ndarray) -> np.ndarray:
        """Check the shape of spectra, and append missing readings where the model takes some."""
        X, n_bands = np.asarray(X, dtype=np.float64), len(self.wavelengths)
        if X.ndim != 2 or X.shape[1] not in (n_bands, n_bands + bool(self.sensor)):
            first, last = self.wavelengths[[0, -1]]
            raise ValueError(
                f"got spectra of shape {X.shape}; the model takes (n_samples, {n_bands}) on "
                f"{first:g}–{last:g} nm: resample them to its grid"
            )
        unread = bool(self.sensor) and X.shape[1] == n_bands
        return np.column_stack([X, np.full(len(X), np.nan)]) if unread else X

    def _natural(self, values: np.ndarray) -> np.ndarray:
        """Values in the laboratory's unit; no content is negative where none was measured below 0."""
        if self.scale == "log":
            return np.exp(values)
        return np.maximum(values, 0.0) if self.target.lowest >= 0 else values


def measured_ph(study: Study) -> np.ndarray:
    """Measured pH of the target soils, (n_samples,); NaN where not, or if pH is the target."""
    known = "pH" in study.target.samples and study.site.target != "pH"
    return study.target.values("pH") if known else np.full(len(study.ids), np.nan)


def site_rules(site: Site, standard: str = "", limits: Path | None = None) -> tuple[str, pd.DataFrame]:
    """Name the standard that decides on a site, perhaps none, and return the limits to look it up in.

    Both are the site file's unless one is given. Without a name it is :data:`STANDARD`, or else the first of
    the ``limits``, a YAML file, or of the target's. It is a SiteError if there is no such standard.
    """
    if not (standard or limits):
        standard, limits = site.standard, project_root() / site.limits if site.limits else None
    try:
        known = standards.read_limits(limits) if limits else standards.limits_of(site.target)
    except (ValueError, OSError) as error:
        raise SiteError(str(error)) from None
    names = known["standard"].unique().tolist()
    name = standard or (STANDARD if STANDARD in names else next(iter(names), ""))
    if name and name not in names:
        there = f"there are: {'; '.join(names)}" if names else f"no limit of {site.target} is known"
        raise SiteError(f"no standard {name!r}; {there}; give others in a file of your own (limits)")
    return name, known


def make_candidates(study: Study, keys: Sequence[str] = CANDIDATES) -> Candidates:
    """Make the models among which the site's is chosen, unfitted, by their keys in the registry.

    Raises MissingArtifact if one starts from the network of chapter 2, and that was not trained.
    """
    starts = any(baselines.MODELS[key].transfer for key in keys if key in baselines.MODELS)
    source = study.source_network() if starts else None
    made = baselines.make_models(source, keys, study.site.seed, target=study.target_name)
    if not (sensor := study.site.sensor):
        return made
    spectra = {name: SensorFusion(model, "spectrum") for name, model in made.items()}
    quick = baselines.make_models(None, FUSED, study.site.seed, target=study.target_name)
    return spectra | {f"{name} and {sensor}": SensorFusion(model) for name, model in quick.items()}


def fit_site_model(
    study: Study, candidates: Candidates | None = None, rows: np.ndarray | slice = slice(None)
) -> SiteModel:
    """Fit the best of some candidates (:func:`make_candidates`) on all soils, or on some ``rows``."""
    return SiteModel.fit(
        study.inputs[rows],
        study.y[rows],
        study.grid,
        study.site.target_scale,
        measured_ph(study)[rows],
        None if study.groups is None else study.groups[rows],
        study.site.seed,
        candidates or make_candidates(study),
        study.site.sensor,
    )


def evaluate_site_model(
    study: Study, folds: pd.DataFrame, candidates: Candidates | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit the model on each fold's training soils, choice and all, and predict the other soils.

    Returns
    -------
    predictions : DataFrame
        ``repeat``, ``fold``, ``sample``, ``observed``, ``model`` (the candidate that was chosen), and
        ``predicted``, ``lower``, ``upper``, ``T2``, ``Q``, ``distance``, ``outside``; pH where predicted.
    exceedances : DataFrame
        ``repeat``, ``fold``, ``sample``, ``rule``, ``probability`` (pH predicted), ``exceeded``: whether the
        laboratory's value is above the limit at the laboratory's pH. Soils whose limit is unknown
        have no row.
    """
    ids, observed, ph = study.ids, study.natural(study.y), measured_ph(study)
    (standard, limits), candidates = site_rules(study.site), candidates or make_candidates(study)
    splits.validate_folds(folds, ids, study.groups)
    columns = ["repeat", "fold", "sample", "rule", "probability", "exceeded"]
    predictions, exceedances = [], []
    for fold in track(list(splits.iterate_folds(folds, ids)), "testing the site model"):
        model, test = fit_site_model(study, candidates, fold.train), fold.test
        X = study.inputs[test]
        soils = pd.DataFrame({"repeat": fold.repeat, "fold": fold.fold, "sample": ids[test]})
        told = soils.assign(observed=observed[test], model=model.target.name)
        predictions.append(told.join(model.predict(X)))
        for rule, probability in (model.exceedance(X, standard, limits) if standard else {}).items():
            limit = lead_limit(standard, rule, ph[test], limits)
            table = soils.assign(rule=rule, probability=probability, exceeded=observed[test] > limit)
            exceedances.append(table[np.isfinite(limit) & probability.notna()])
    return tuple(
        pd.concat(parts or [pd.DataFrame(columns=columns)], ignore_index=True)
        for parts in (predictions, exceedances)
    )


def select_rule(study: Study, exceedances: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Select one rule's probabilities, each soil once: the first repeat of :func:`evaluate_site_model`.

    The table, indexed by sample, has ``probability``, ``exceeded``; ``x``, ``y`` where the site has them. It
    is a SiteError if the target has no limits, no soil has a pH, or there is no such rule.
    """
    known, limits = site_rules(study.site)
    if exceedances.empty:
        why = "no soil has a measured pH" if known else "no limit is known"
        what = f"no {study.site.target} of site {study.site.site!r}"
        raise SiteError(f"{what} was compared with a limit: {why}")
    if rule not in (rules := list_rules(known, limits)):
        raise SiteError(f"no rule {rule!r} in {known}; there are: {'; '.join(rules)}")
    soils = exceedances.query("repeat == 0 and rule == @rule").set_index("sample")
    return soils[["probability", "exceeded"]].join(study.target.samples.filter(["x", "y"]))


def score_site_model(study: Study, predictions: pd.DataFrame, exceedances: pd.DataFrame) -> dict[str, float]:
    """Score what :func:`evaluate_site_model` returned.

    ``R2``, ``RMSE``, ``bias`` are on the modelling scale; ``coverage`` is the share of observed values within
    their intervals, ``outside`` that flagged as unlike the site's soils; ``calibration_error`` is of the
    probabilities of all rules, where there are any.
    """
    values = predictions[["observed", "predicted"]].to_numpy().T
    metrics = cross_validation.compute_metrics(
        *(np.log(values) if study.site.target_scale == "log" else values)
    )
    inside = predictions["observed"].between(predictions["lower"], predictions["upper"])
    scores = {name: metrics[name] for name in ("R2", "RMSE", "bias")}
    scores |= {"coverage": float(inside.mean()), "outside": float(predictions["outside"].mean())}
    if len(exceedances):
        table = reliability_table(exceedances["probability"], exceedances["exceeded"])
        scores["calibration_error"] = calibration_error(table)
    return scores


def compare_sensor(study: Study, folds: pd.DataFrame, key: str = "blocks") -> pd.DataFrame:
    """Score the reading of the site's sensor, the spectrum, and both, on soils that each fold left out.

    Returns
    -------
    DataFrame
        A row per model: ``model``; ``value``, ``lower``, ``upper`` of R² (95 %, over soils or groups), and
        the same with ``_gain``: how much R² both together exceed it.
    """
    (base,) = baselines.make_models(keys=[key], seed=study.site.seed).values()
    sensor, seed = study.site.sensor, study.site.seed
    names = {"reading": sensor, "spectrum": "spectrum", "both": f"spectrum and {sensor}"}
    models = {name: SensorFusion(base, use, seed) for use, name in names.items()}
    found = cross_validation.cross_validate(models, study.inputs, study.y, folds, study.ids, 1, study.groups)
    scores, less = (
        bootstrap_interval(found, reference=reference, groups=study.group_of, seed=seed).set_index("model")
        for reference in (None, names["both"])
    )
    gains = {"value_gain": -less["value"], "lower_gain": -less["upper"], "upper_gain": -less["lower"]}
    return scores.drop(columns="metric").assign(**gains).reset_index()


def assess_robustness(study: Study, model: SiteModel) -> pd.DataFrame:
    """What noise, a shift, a gain, a step, moisture and another instrument do to the model's predictions.

    Each soil is predicted by the fit that had not seen it; the table is that of
    :func:`soilpb.evaluate.instruments.measure_robustness`, on the modelling scale.
    """
    own = np.arange(len(study.y)), model.target.fold

    def predict(X: np.ndarray) -> np.ndarray:
        return model.target.fold_predictions(study.with_readings(X))[own]

    return measure_robustness(study.grid, study.X, study.y, predict, study.site.seed)
