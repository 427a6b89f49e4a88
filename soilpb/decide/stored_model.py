"""The stored model of a site: fitted for a study, tested, stored with a card, asked about new spectra.

The site report and ``soilpb predict`` make their tables by :func:`predict_soils`, so that they cannot
disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from pydantic import BaseModel, Field
from sklearn.base import RegressorMixin

from soilpb._files import sha256_of
from soilpb._format import track
from soilpb.decide import standards
from soilpb.decide.applicability import FALSE_ALARMS
from soilpb.decide.decision_units import decide_on_site, size_on_site
from soilpb.decide.exceedance import calibration_error, reliability_table
from soilpb.decide.maps import assign_units
from soilpb.decide.sampling import accept_predictions
from soilpb.decide.site_model import COVERAGE, N_FOLDS, SiteCard, SiteModel, cross_validate_site
from soilpb.decide.standards import LEAD_LIMITS, list_rules
from soilpb.evaluate import cross_validation
from soilpb.evaluate.comparison import bootstrap_interval
from soilpb.evaluate.instruments import Standardisation, measure_robustness, standardise
from soilpb.models import baselines
from soilpb.models.linear import SensorFusion
from soilpb.models.storage import CARD, ESTIMATORS
from soilpb.readers.folder import find_counted_scans, find_counters, holds_spectra, list_files
from soilpb.readers.ids import match_ids
from soilpb.readers.laboratory import read_laboratory, read_places, read_sensor, read_units
from soilpb.readers.scans import read_scans
from soilpb.readers.site import read_spectra
from soilpb.site_file import Site, SiteError, make_site, project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: Of which chapter's artifacts the model is one, and its folder among them.
CHAPTER, FOLDER = "site_report", "model"
#: Whose limits are applied to lead, unless a user names others.
STANDARD = "GB 15618-2018"
#: R² below which a model is hardly better than a mean; p below which spectra are of another instrument.
WEAK, DOUBT = 0.2, 0.01
#: Soils that are predicted at once: the draws of each of their values would fill the memory.
AT_ONCE = 2000
#: Keys of the models among which the site's is chosen: strong ones that are quick enough to be fitted
#: without each fold, inside every fold.
CANDIDATES = ("pls", "blocks", "average", "average-ph")
#: Of these, those that a sensor's reading is fused with: inner folds fit them many times over.
FUSED = ("pls", "blocks")


class Origin(BaseModel):
    """Whose soils a stored model was fitted to."""

    kind: Literal["measured", "lead simulated", "simulated"]


class StoredCard(SiteCard):
    """What the card of a report's model must say, for new soils to be predicted."""

    site: str
    target: str
    target_range: Annotated[list[float], Field(min_length=2, max_length=2)]
    trained_on: Origin
    scan_counters: Annotated[list[Annotated[str, Field(max_length=50)]], Field(max_length=50)]


Candidates = Mapping[str, RegressorMixin]


def measured_ph(study: Study) -> np.ndarray | None:
    """Measured pH of the target soils, NaN where not; None if no soil has one, or pH is the target."""
    known = "pH" in study.target.samples and study.site.target != "pH"
    return study.target.values("pH") if known else None


def default_standard(target: str) -> str:
    """Name the standard whose limits a target has, or an empty text where none is known."""
    known = standards.limits_of(target)["standard"]
    return STANDARD if (known == STANDARD).any() else next(iter(known), "")


def site_rules(site: Site) -> tuple[str, pd.DataFrame]:
    """Name the standard that decides on a site, perhaps none, and return the limits to look it up in."""
    return _rules(site.target, site.standard, project_root() / site.limits if site.limits else None)


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


def compare_sensor(study: Study, folds: pd.DataFrame, key: str = "blocks") -> pd.DataFrame:
    """Score the reading of the site's sensor, the spectrum, and both, on soils that each fold left out.

    Returns
    -------
    DataFrame
        A row per model: ``model``; ``value``, ``lower``, ``upper`` of R² (95 %, over soils or groups), and
        the same with ``_gain``: how much R² both together exceed it. None of the site has no sensor.
    """
    (base,) = baselines.make_models(keys=[key], seed=study.site.seed).values()
    names = {
        "reading": study.site.sensor,
        "spectrum": "spectrum",
        "both": f"spectrum and {study.site.sensor}",
    }
    models = {name: SensorFusion(base, use, study.site.seed) for use, name in names.items()}
    found = cross_validation.cross_validate(models, study.inputs, study.y, folds, study.ids, 1, study.groups)
    about = {"groups": study.group_of, "seed": study.site.seed}
    gains = bootstrap_interval(found, reference=names["both"], **about).set_index("model")
    gains = -gains[["value", "upper", "lower"]].set_axis(["value_gain", "lower_gain", "upper_gain"], axis=1)
    return bootstrap_interval(found, **about).drop(columns="metric").join(gains, on="model")


def _training_data(study: Study, candidates: Candidates | None) -> dict[str, Any]:
    return {
        "X": study.inputs,
        "y": study.y,
        "scale": study.site.target_scale,
        "ph": measured_ph(study),
        "groups": study.groups,
        "seed": study.site.seed,
        "candidates": candidates or make_candidates(study),
        "sensor": study.site.sensor,
    }


def fit_site_model(study: Study, candidates: Candidates | None = None) -> SiteModel:
    """Fit the best of some candidates on all soils; :func:`make_candidates` if omitted."""
    return SiteModel.fit(**_training_data(study, candidates), wavelengths=study.grid)


def evaluate_site_model(
    study: Study, folds: pd.DataFrame, candidates: Candidates | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Test the model, its choice included, on soils that each fold left out.

    See :func:`soilpb.decide.site_model.cross_validate_site` for what is returned.
    """
    (standard, limits), data = site_rules(study.site), _training_data(study, candidates)
    return cross_validate_site(**data, folds=folds, sample_ids=study.ids, standard=standard, limits=limits)


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
    values = predictions[["observed", "predicted"]]
    values = np.log(values) if study.site.target_scale == "log" else values
    metrics = cross_validation.compute_metrics(values["observed"], values["predicted"])
    inside = predictions["observed"].between(predictions["lower"], predictions["upper"])
    scores = {name: metrics[name] for name in ("R2", "RMSE", "bias")}
    scores |= {"coverage": float(inside.mean()), "outside": float(predictions["outside"].mean())}
    if len(exceedances):
        table = reliability_table(exceedances["probability"], exceedances["exceeded"])
        scores["calibration_error"] = calibration_error(table)
    return scores


def decide_targets(study: Study) -> pd.DataFrame:
    """Decide on the units of each further target of the site file, by PLS and its standard's first rule.

    Returns
    -------
    DataFrame
        As of :func:`soilpb.decide.decision_units.decide_on_site`, with ``target``, ``rule``, and ``R2`` of
        soils that each fit had not seen; no rows if the site file names no ``targets``.
    """
    tables = [pd.DataFrame()]
    for target in study.site.targets.split():
        own = study.site.model_dump() | {"target": target, "target_column": "", "sensor": ""}
        other = Study(make_site(own), study.chapter)
        model = fit_site_model(other, make_candidates(other, ["pls"]))
        rules = site_rules(other.site)
        rule = list_rules(*rules)[0] if rules[0] else ""
        decided = decide_on_site(other, model, rules, rule)
        if decided is None:
            raise SiteError(f"no limit of {target} is known for these soils: mend targets, or standard")
        r2 = 1 - np.nanmean(model.target.residuals**2) / other.y.var()
        tables.append(decided.assign(target=target, rule=rule, R2=r2))
    return pd.concat(tables, ignore_index=True)


def store_site_model(
    study: Study,
    model: SiteModel,
    scores: Mapping[str, float],
    limitations: Sequence[str],
    robustness: pd.DataFrame | None = None,
) -> None:
    """Store the model with its card: what it was made of, how good it is, what it cannot tell.

    ``scores`` are from :func:`score_site_model`, ``limitations`` the report's sentences,
    ``robustness`` from :func:`assess_robustness`.
    """
    soils, y = study.target, study.natural(study.y)
    card: dict[str, Any] = {
        "site": study.site.site,
        "title": study.site.title,
        "model": model.target.name,
        "intervals": f"CV+ over {N_FOLDS} folds, the model chosen without the fold's errors",
        "target": study.site.target,
        "target_range": [float(y.min()), float(y.max())],
        "trained_on": {
            "name": soils.provenance.name,
            "kind": soils.provenance.kind,
            "instrument": soils.provenance.instrument,
            "licence": soils.provenance.licence,
            "files_sha256": soils.provenance.sha256,
            "soils_sha256": soils.sha256(),
        },
        "scores_on_held_out_soils": {**scores, "scale": study.label, "nominal_coverage": COVERAGE},
        "false_alarms": FALSE_ALARMS,
        "limits": list(limitations),
        "scan_counters": scan_counters(study),
    }
    if robustness is not None:
        card["robustness"] = robustness.to_dict("list")
    model.save(study.folder(CHAPTER) / FOLDER, **card)


def assess_robustness(study: Study, model: SiteModel) -> pd.DataFrame:
    """What noise, a shift, a gain, a step, moisture and another instrument do to the model's predictions.

    Each soil is predicted by the fit that had not seen it; the table is that of
    :func:`soilpb.evaluate.instruments.measure_robustness`, on the modelling scale.
    """
    target, rows = model.target, np.arange(len(study.y))

    def predict(X: np.ndarray) -> np.ndarray:
        return target.fold_predictions(study.with_readings(X))[rows, target.fold]

    return measure_robustness(study.grid, study.X, study.y, predict, study.site.seed)


def scan_counters(study: Study) -> tuple[str, ...]:
    """How the site's own files, or the names in its table, count scans of a sample."""
    if study.site.target_data != "files":
        return ()
    spectra, known = project_root() / study.site.spectra, set(study.ids)
    if holds_spectra(spectra):
        return find_counters(list_files(spectra), known)
    site = study.site
    return find_counters(read_scans(spectra, site.id_column, known, site.bands).ids, known)


def load_site_model(study: Study) -> SiteModel:
    """Read the model that the site's report stored; errors as of :meth:`SiteModel.load`.

    It must be of the target, scale and bands that the site's file asks for now.
    """
    folder, command = study.folder(CHAPTER) / FOLDER, f"soilpb report {study.site.site}"
    model = SiteModel.load(folder, command, StoredCard)
    asked = study.site.model_dump(include={"site", "target"})
    asked |= {"scale": study.site.target_scale, "wavelengths": study.grid.tolist()}
    if other := [key for key, value in asked.items() if model.card[key] != value]:
        raise SiteError(f"{folder} differs from the site file in {other[0]}; make it again with: {command}")
    return model


def predict_soils(
    model: SiteModel,
    soils: SoilSpectra,
    target: str,
    standard: str = "",
    limits: pd.DataFrame = LEAD_LIMITS,
    ph: np.ndarray | float = np.nan,
    coverage: float = COVERAGE,
) -> pd.DataFrame:
    """Predict soils, on any bands that cover the model's grid, in a table with the names that users see.

    Parameters
    ----------
    target : str
        What the model predicts, such as ``Pb_mg_kg``.
    standard, limits
        Whose rules; none if empty.
    ph : float or (n_samples,) array
        Measured pH; NaN where not.
    coverage : float
        Of the intervals.

    Returns
    -------
    DataFrame, indexed by sample
        The target with ``_lower`` and ``_upper``; pH likewise; ``p_above_…`` per rule;
        ``distance`` and ``outside``.
    """
    X = model.inputs(soils)
    ph = np.broadcast_to(np.asarray(ph, dtype=float), len(X))
    blocks = [slice(start, start + AT_ONCE) for start in range(0, len(X), AT_ONCE)]
    each = (delayed(_predict_block)(model, X[b], target, standard, limits, ph[b], coverage) for b in blocks)
    at_once = Parallel(min(2, len(blocks)), prefer="threads", return_as="generator")
    parts = list(track(at_once(each), "predicting soils", total=len(blocks)))
    return pd.concat(parts, ignore_index=True).set_axis(soils.samples.index.rename("sample"))


def _predict_block(
    model: SiteModel,
    X: np.ndarray,
    target: str,
    standard: str,
    limits: pd.DataFrame,
    ph: np.ndarray,
    coverage: float,
) -> pd.DataFrame:
    predicted = model.predict(X, coverage).drop(columns=["T2", "Q"])
    names = {"predicted": target, "lower": f"{target}_lower", "upper": f"{target}_upper"}
    parts = [predicted.drop(columns=["distance", "outside"]).rename(columns=names)]
    if standard:
        columns = {rule: probability_column(rule) for rule in list_rules(standard, limits)}
        above = model.exceedance(X, standard, limits, ph)
        if above.isna().to_numpy().any():  # the strictest class bounds it
            above = above.fillna(model.exceedance(X, standard, _strictest(limits), ph))
        parts.append(above.rename(columns=columns))
    unread = bool(model.sensor) & np.isnan(X[:, -1])  # its errors are those of the spectrum alone
    parts.append(predicted[["distance", "outside"]].assign(outside=predicted["outside"] | unread))
    return pd.concat(parts, axis=1)


def _strictest(limits: pd.DataFrame) -> pd.DataFrame:
    """The lowest limit of each rule, whatever the pH."""
    return limits.sort_values("limit_mg_kg", kind="stable").drop_duplicates(["standard", "rule"])


def probability_column(rule: str) -> str:
    """Column of a rule's probabilities.

    Examples
    --------
    >>> probability_column("screening, other land")
    'p_above_screening_other_land'
    """
    return "p_above_" + "_".join("".join(c if c.isalnum() else " " for c in rule).split())


def predict_files(
    site: str,
    spectra: Path,
    ph: Path | None = None,
    standard: str = "",
    limits: Path | None = None,
    coverage: float = COVERAGE,
    units: Path | None = None,
    rule: str = "",
    tolerance: float = 0.0,
    rate: float = 0.1,
    instrument: str = "",
    sensor: Path | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """Predict new soils with the model that a site's report stored.

    Parameters
    ----------
    site : str
        Name of a site, or path of its file.
    spectra : path
        Spectra of the new soils: a table, or a folder of instrument files.
    ph : path, optional
        Table with their measured pH; predicted from the spectra if omitted.
    standard : str
        Whose limits; that of the site file, or else of the target, if empty.
    limits : path, optional
        YAML file of a standard of one's own.
    coverage : float
        Share of values that intervals shall hold.
    units : path, optional
        Table that names the decision unit of each new soil, or GeoJSON of units around the coordinates in
        ``spectra``: units are decided on instead, by ``rule``, the standard's first if empty.
    tolerance, rate : float
        As for :func:`soilpb.decide.sampling.accept_predictions`; none are accepted if ``tolerance`` is 0.
    instrument : str
        Name of a second instrument, which :func:`standardise_files` learned to correct.
    sensor : path, optional
        Table with the readings of a sensor, where the model takes them; ``spectra`` itself if omitted.

    Returns
    -------
    table : DataFrame
        From :func:`predict_soils`, with ``accepted`` if there is a tolerance; with ``units`` a row per unit,
        from :func:`soilpb.decide.decision_units.decide_on_site`.
    remarks : list of str
        How the spectra were read, and what not to trust.

    Raises
    ------
    SiteError, ValueError, OSError
        If a file cannot be used, no report has stored a model yet, or it was altered.
    """
    study = Study.load(site)
    model = load_site_model(study)
    rules = _rules(model.card["target"], standard, limits) if standard or limits else site_rules(study.site)
    acidity = read_laboratory(ph, "pH", id_column=study.site.id_column)[0]["pH"] if ph else None
    known = () if acidity is None else acidity.index
    keys = {"id_column", "spectra_unit", "replicates", "replicates_limit", "bands", "splice"}
    as_own = study.site.model_dump(include=keys)
    as_own |= {"counters": model.card["scan_counters"], "grid": model.wavelengths}
    as_own |= {"study": (study.site.band_start, study.site.band_stop)}
    soils = read_spectra(spectra, **as_own, known=known).resample(model.wavelengths)
    if model.sensor:
        soils = _add_readings(soils, sensor or spectra, model.sensor, study.site.id_column)
    measured = _measured_ph(acidity, soils, str(ph))
    made, told = date.fromtimestamp((study.folder(CHAPTER) / FOLDER / CARD).stat().st_mtime), []
    if instrument:
        corrected = _load_standardisation(study, model, instrument)
        soils = replace(soils, reflectance=corrected.correct(soils.reflectance))
        model = _on_instrument(model, corrected)
        told = [f"corrected to the first instrument: {corrected.method}; intervals are as much wider"]
    else:
        told = _describe_instrument(model, soils)
    if units or tolerance:
        _refuse_other_soils(study, model)
    if units:
        named = _name_units(units, soils, spectra, study.site.id_column)
        rule = rule or (list_rules(*rules)[0] if rules[0] else "")
        table = decide_on_site(study, model, rules, rule, soils, named)
        if table is None:
            raise SiteError(f"no limit of {model.card['target']} is known: give one with --limits")
        sized = size_on_site(study.site, table)
        amounts = [] if sized is None else [_describe_size(*row) for row in sized.iterrows()]
        by, worth = _describe_model(model.card, made)
        told = [f"means of units against {rules[0]}, {rule!r}, by {by}", worth, *amounts]
        return table.set_index("unit"), told
    table = predict_soils(model, soils, model.card["target"], *rules, ph=measured, coverage=coverage)
    if model.sensor and (unread := soils.samples[model.sensor].isna().sum()):
        told += [f"{unread} soils without {model.sensor}: predicted from the spectrum alone, and flagged"]
    accepted = _accept(table, study, model, tolerance, rate) if tolerance else []
    if ph:
        own = table.get("pH", np.nan)
        table.insert(table.shape[1] - 2, "pH_used", np.where(np.isnan(measured), own, measured))
    remarks = _remarks(table, model.card, rules, coverage, made)
    return table, [*accepted, *soils.provenance.notes, *remarks, *told]


def standardise_files(site: str, master: Path, slave: Path, instrument: str) -> Standardisation:
    """Learn from soils measured on both instruments how spectra of the second are corrected, and store it.

    ``master`` and ``slave`` are spectra of the same 5–30 soils, under the same ids, of the model's own and of
    the second instrument, which ``instrument`` names. Errors are those of :func:`predict_files`.
    """
    make_site({"site": instrument, "target_data": "twin"}, where="--instrument")  # a name for a folder
    study = Study.load(site)
    model = load_site_model(study)
    as_own = study.site.model_dump(include={"id_column", "spectra_unit", "replicates", "splice"})
    read = [read_spectra(p, **as_own, counters=model.card["scan_counters"]) for p in (master, slave)]
    both = match_ids(*(list(soils.samples.index) for soils in read), (str(master), str(slave)))
    pairs = [
        soils.take(soils.samples.index.get_indexer(both)).resample(model.wavelengths).reflectance
        for soils in read
    ]
    found = standardise(*pairs, lambda X: model.target.predict(model.complete(X)), study.X)
    card = {"model": _model_seal(study), "instrument": instrument, "soils": both}
    found.save(study.folder(CHAPTER) / "instruments" / instrument, **card)
    return found


def _load_standardisation(study: Study, model: SiteModel, instrument: str) -> Standardisation:
    folder = study.folder(CHAPTER) / "instruments"
    again = f"soilpb standardise {study.site.site} --instrument {instrument} --master … --slave …"
    known = sorted(path.name for path in folder.glob("*") if path.is_dir())
    if instrument not in known:
        there = f"there are: {', '.join(known)}" if known else "there is none"
        raise SiteError(
            f"no instrument {instrument!r} was standardised, {there}; measure soils on both: {again}"
        )
    found, card = Standardisation.load(folder / instrument, len(model.wavelengths), again)
    if card["model"] != _model_seal(study):
        raise SiteError(f"{folder / instrument} belongs to another model of the site; make it again: {again}")
    return found


def _model_seal(study: Study) -> str:
    return sha256_of(study.folder(CHAPTER) / FOLDER / ESTIMATORS)


class _Line:
    """A model whose predictions are put on a line."""

    def __init__(self, model: RegressorMixin, corrected: Standardisation) -> None:
        self.model, self.corrected = model, corrected

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.corrected.intercept + self.corrected.slope * np.ravel(self.model.predict(X))


def _on_instrument(model: SiteModel, corrected: Standardisation) -> SiteModel:
    """Model of corrected spectra: its errors grow by those that the correction leaves."""
    target = model.target
    own = float(np.sqrt(np.nanmean(np.square(target.residuals))))
    wider = np.sqrt(1 + (corrected.error / own) ** 2) if own > 0 else 1.0
    of_folds = tuple(_Line(each, corrected) for each in target.fold_models)
    residuals = target.residuals * wider
    return replace(
        model,
        target=replace(
            target, model=_Line(target.model, corrected), fold_models=of_folds, residuals=residuals
        ),
    )


def _describe_instrument(model: SiteModel, soils: SoilSpectra) -> list[str]:
    """Say whether the spectra come from another instrument, and by how much errors may grow."""
    own, new = model.card["trained_on"].get("instrument", "unknown"), soils.provenance.instrument
    named = "unknown" not in (own, new) and own != new
    marked = model.domain.batch_test(soils.reflectance) <= DOUBT
    if not (named or marked):
        return []
    why = [f"their files name {new}, and the model's {own}"] if named else []
    shared = "all of them share what none of the model's soils has, which soils of another kind do as well"
    why += [shared] if marked else []
    grows, tests = "", model.card.get("robustness")
    if tests:
        times = tests["times"][tests["disturbance"].index("another instrument")]
        grows = f"; in the report's test another instrument multiplied errors by {times:.1f}"
    mend = "measure 5 to 30 soils on both and run soilpb standardise"
    return [f"the spectra may be of another instrument ({'; '.join(why)}){grows}: {mend}"]


def _refuse_other_soils(study: Study, model: SiteModel) -> None:
    """Errors of the stored model are known for the soils it was made of, and for no others."""
    if model.card["trained_on"].get("soils_sha256") != study.target.sha256():
        again = f"soilpb report {study.site.site}"
        raise SiteError(f"the site's soils changed since its model was stored; make it again with: {again}")


def _accept(table: pd.DataFrame, study: Study, model: SiteModel, tolerance: float, rate: float) -> list[str]:
    """Add a column ``accepted``, and say how many analyses that saves."""
    known = study.natural(study.y - model.target.residuals)
    predicted = table[study.site.target]
    found = accept_predictions(predicted, known, study.natural(study.y), tolerance, rate)["accepted"]
    table["accepted"] = found.to_numpy() & ~table["outside"].to_numpy()
    n = int(table["accepted"].sum())
    told = f"{n} of {len(table)} predictions accepted: at most {rate:.0%} of such are expected to be off by"
    return [f"{told} more than {tolerance:g}; send the other {len(table) - n} to the laboratory"]


def _rules(target: str, standard: str, limits: Path | None) -> tuple[str, pd.DataFrame]:
    """Name of the standard, and the limits it is looked up in."""
    try:
        known = standards.read_limits(limits) if limits else standards.limits_of(target)
    except (ValueError, OSError) as error:
        raise SiteError(str(error)) from None
    name = standard or (known["standard"].iloc[0] if limits else default_standard(target))
    if name and known.empty:
        raise SiteError(f"{name} has no limit of {target}: give one in a file of your own (limits)")
    if name and name not in set(known["standard"]):
        raise SiteError(f"no standard {name!r}; there are: {'; '.join(known['standard'].unique())}")
    return name, known


def _measured_ph(ph: pd.Series | None, soils: SoilSpectra, where: str) -> np.ndarray | float:
    """Measured pH of each soil, NaN where there is none."""
    if ph is None:
        return np.nan
    found = ph.reindex(soils.samples.index).to_numpy(dtype=float)
    if np.isnan(found).all():
        like = f"its ids are like {ph.index[0]!r}, theirs like {soils.samples.index[0]!r}"
        raise SiteError(f"{where} has pH of none of the soils: {like}")
    return found


def _name_units(units: Path, soils: SoilSpectra, spectra: Path, id_column: str) -> pd.Series:
    """Unit of each new soil, by a table or by polygons around its coordinates."""
    if not units.suffix.casefold().endswith("json"):
        return assign_units(read_units(units, id_column))
    samples = soils.samples
    if "x" not in samples and spectra.is_file():
        samples = read_places(spectra, id_column).reindex(samples.index)
    return assign_units(samples, polygons=units)


def _describe_size(what: str, amounts: pd.Series) -> str:
    surely, expected, most = (f"{amounts[name]:,.4g}" for name in ("surely", "expected", "at most"))
    return f"{what} above the limit: expected {expected}, surely {surely}, at most {most}"


def _add_readings(soils: SoilSpectra, path: Path, sensor: str, id_column: str) -> SoilSpectra:
    if path.is_dir():
        raise SiteError(f"the site's model takes {sensor}: give a table with its readings by --sensor")
    read = read_sensor(path, sensor, id_column).reindex(soils.samples.index)
    if read.isna().all():
        raise SiteError(f"{path} has a reading of {sensor} of none of the soils: mend its ids or its cells")
    return replace(soils, samples=soils.samples.assign(**{sensor: read}))


def _describe_model(card: dict, made: date) -> tuple[str, str]:
    """Whose model it is with its R², and its day with what it is worth."""
    r2 = card.get("scores_on_held_out_soils", {}).get("R2")
    scored = f" (R² {r2:.2f} on soils it had not seen)" if isinstance(r2, float) else ""
    weak = isinstance(r2, float) and r2 < WEAK
    told = f"the model is of {made}{', hardly better than the mean of its soils: do not rely on it' * weak}"
    return f"the model of {card['site']} ({card['trained_on']['kind']} soils){scored}", told


def _remarks(
    table: pd.DataFrame,
    card: dict,
    rules: tuple[str, pd.DataFrame],
    coverage: float,
    made: date,
) -> list[str]:
    """What a reader of the table should know."""
    standard, known = rules
    outside = table.index[table["outside"]]
    listed = ", ".join(map(str, outside[:8])) + (", …" if len(outside) > 8 else "")
    low, high = card["target_range"]
    beyond = int((~table[card["target"]].between(low, high)).sum())
    limits = f"; limits of {standard}" if standard else ""
    model, worth = _describe_model(card, made)
    remarks = [f"{len(table)} soils predicted by {model}; intervals of {coverage:.0%}{limits}", worth]
    if len(outside) == len(table):
        remarks.append(
            "every spectrum is unlike the soils of the model, do not trust them: another instrument, or unit?"
        )
    elif len(outside):
        remarks.append(f"{len(outside)} unlike the soils of the model, do not trust them: {listed}")
    if beyond:
        remarks.append(f"{beyond} predicted beyond the values it was made from, {low:.4g} to {high:.4g}")
    if scans := find_counted_scans(table.index):
        few = f"{', '.join(map(repr, scans[:2]))}{', …' if len(scans) > 2 else ''}"
        remarks.append(
            f"{few} look like scans of one sample, but the site's own files are not counted so: each was "
            "predicted by itself"
        )
    by_ph = standard and known.loc[known["standard"] == standard, "rule"].duplicated().any()
    if by_ph and ("pH" not in table or table["pH"].isna().any()):
        remarks.append("without a pH the strictest limit of each rule holds: give measured pH with --ph")
    return remarks
