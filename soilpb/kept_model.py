"""The model that a report keeps for the next spectra: chosen, fitted, judged, described on its card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin

from soilpb import evaluation, kept_table, models, site_trial
from soilpb.applicability import FALSE_ALARMS
from soilpb.readers.folder import files_of
from soilpb.readers.scan_ids import counters_of
from soilpb.site_model import SiteModel
from soilpb.sitefile import SiteError, project_root
from soilpb.standards import rules_of
from soilpb.study import Study

#: Whose artifact the model is, and its folder among them.
CHAPTER, FOLDER = "site_report", "model"
#: Whose limits a model of lead is asked about, unless a user names others.
STANDARD = "GB 15618-2018"
COVERAGE = 0.9
#: Keys of the models among which the kept one is chosen: the strongest of those that can be stored as
#: arrays and are quick enough to be chosen anew, and fitted without each fold, inside every fold.
CANDIDATES = ("pls", "blocks", "average", "features-pls")
#: Folds of its intervals.
N_FOLDS = 5

Candidates = Mapping[str, RegressorMixin]


def ph_of(study: Study) -> np.ndarray | None:
    """Measured pH of the target soils, NaN where not; None if no soil has one, or pH is the target."""
    known = "pH" in study.target.samples and study.site.target != "pH"
    return study.target.values("pH") if known else None


def standard_for(target: str) -> str:
    """Name the standard that a target is held against, or an empty text where none is known."""
    return STANDARD if target == "Pb_mg_kg" else ""


def candidates(study: Study, keys: Sequence[str] = CANDIDATES) -> Candidates:
    """Make the models among which the kept one is chosen, unfitted, by their keys of the registry.

    Raises
    ------
    MissingArtifact
        If one of them starts from the network of chapter 2, and that was not trained.
    """
    starts = any(models.ENTRIES[key].transfer for key in keys if key in models.ENTRIES)
    source = study.source_network() if starts else None
    return models.registry(source, keys, study.site.seed, target=study.target_name)


def fit(study: Study, among: Candidates | None = None) -> SiteModel:
    """Fit the site's model on all its soils: the best of :func:`candidates`."""
    scale, seed = study.site.target_scale, study.site.seed
    among = among or candidates(study)
    about = (study.grid, scale, ph_of(study), study.groups, seed)
    return SiteModel.fit(study.X, study.y, *about, n_folds=N_FOLDS, candidates=among)


def judge(
    study: Study, folds: pd.DataFrame, among: Candidates | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Try the model, its choice included, on soils that each fold left out.

    See :func:`soilpb.site_trial.held_out` for what is returned.
    """
    return site_trial.held_out(
        study.X,
        study.y,
        folds,
        study.ids,
        scale=study.site.target_scale,
        ph=ph_of(study),
        groups=study.groups,
        standard=standard_for(study.site.target),
        seed=study.site.seed,
        coverage=COVERAGE,
        n_folds=N_FOLDS,
        candidates=among or candidates(study),
    )


def once(study: Study, exceedances: pd.DataFrame, rule: str) -> pd.DataFrame:
    """What a trial says of each soil once, by one rule: its first repeat, with coordinates where known.

    Parameters
    ----------
    study : Study
    exceedances : DataFrame
        From :func:`judge`.
    rule : str

    Returns
    -------
    DataFrame, indexed by sample: ``probability``, ``exceeded``; ``x``, ``y`` where the site has them.

    Raises
    ------
    SiteError
        If the target has no limits, no soil has a pH, or there is no such rule.
    """
    if exceedances.empty:
        why = (
            "no soil has a measured pH"
            if standard_for(study.site.target)
            else "limits are known for Pb_mg_kg"
        )
        raise SiteError(f"no {study.site.target} of site {study.site.site!r} was held against a limit: {why}")
    if rule not in (known := rules_of(STANDARD)):
        raise SiteError(f"no rule {rule!r} in {STANDARD}; there are: {'; '.join(known)}")
    soils = exceedances.query("repeat == 0 and rule == @rule").set_index("sample")
    places = study.target.samples.filter(["x", "y"])
    return soils[["probability", "exceeded"]].join(places)


def scores(study: Study, predictions: pd.DataFrame, exceedances: pd.DataFrame) -> dict[str, float]:
    """Score the trial: metrics on the modelling scale, coverage, flags, calibration of probabilities."""
    values = predictions[["observed", "predicted"]]
    values = np.log(values) if study.site.target_scale == "log" else values
    found = evaluation.metrics(values["observed"], values["predicted"])
    return {name: found[name] for name in ("R2", "RMSE", "bias")} | site_trial.summary(
        predictions, exceedances
    )


def own_soils(study: Study, model: SiteModel) -> pd.DataFrame:
    """What the model says of the very soils it was made from: to check a stored one by, no evidence."""
    return kept_table.table(
        model, study.target, study.site.target, standard_for(study.site.target)
    ).reset_index()


def keep(study: Study, model: SiteModel, trial: Mapping[str, float], limits: Sequence[str]) -> None:
    """Store the model with its card: what it was made of, what it is worth, what it cannot tell.

    Parameters
    ----------
    study : Study
    model : SiteModel
    trial : mapping
        From :func:`scores`.
    limits : sequence of str
        What the report says of its own limits.
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
        "scores_on_held_out_soils": {**trial, "scale": study.label, "nominal_coverage": COVERAGE},
        "false_alarms": FALSE_ALARMS,
        "limits": list(limits),
        "scan_counters": scan_counters(study),
        "soilpb": version("soilpb"),
    }
    model.save(study.folder(CHAPTER) / FOLDER, **card)


def scan_counters(study: Study) -> tuple[str, ...]:
    """How the site's own files count scans of a sample; none if its spectra are no folder of files."""
    folder = project_root() / study.site.spectra
    if study.site.target_data != "files" or not folder.is_dir():
        return ()
    return counters_of(files_of(folder), set(study.ids))


def load(study: Study) -> SiteModel:
    """Read the model that the site's report kept.

    Raises
    ------
    MissingArtifact
        Naming the command that makes it.
    ValueError
        If a file was altered.
    """
    return SiteModel.load(study.folder(CHAPTER) / FOLDER, study.command(CHAPTER))
