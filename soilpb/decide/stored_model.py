"""The stored model of a site: kept with a card, and asked about new spectra.

The site report and ``soilpb predict`` make their tables by :func:`predict_soils`, so that they cannot
disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from soilpb._format import list_first, track
from soilpb.decide.applicability import FALSE_ALARMS
from soilpb.decide.decision_units import decide_on_site
from soilpb.decide.maps import assign_units
from soilpb.decide.sampling import accept_predictions
from soilpb.decide.site_model import COVERAGE, N_FOLDS, SiteModel, fit_site_model, make_candidates, site_rules
from soilpb.decide.standards import LEAD_LIMITS, list_rules
from soilpb.evaluate.instruments import Standardisation, standardise
from soilpb.models.storage import CARD
from soilpb.readers.folder import find_counted_scans, find_counters, holds_spectra, list_files
from soilpb.readers.ids import match_ids
from soilpb.readers.laboratory import read_columns, read_laboratory
from soilpb.readers.scans import read_scans
from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError, make_site, project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: Of which chapter's artifacts the model is one, and its folder among them; that of second instruments.
CHAPTER, FOLDER, INSTRUMENTS = "site_report", "model", "instruments"
#: R² below which a model is hardly better than a mean; p below which spectra are of another instrument.
WEAK, DOUBT = 0.2, 0.01
#: Soils that are predicted at once: the draws of each of their values would fill the memory.
AT_ONCE = 2000


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
        model, rules = fit_site_model(other, make_candidates(other, ["pls"])), site_rules(other.site)
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

    ``scores`` are from :func:`soilpb.decide.site_model.score_site_model`, ``robustness`` from
    :func:`soilpb.decide.site_model.assess_robustness`; ``limitations`` are the report's sentences.
    """
    y, origin = study.natural(study.y), study.target.provenance
    card: dict[str, Any] = {
        "site": study.site.site,
        "title": study.site.title,
        "model": model.target.name,
        "intervals": f"CV+ over {N_FOLDS} folds, the model chosen without the fold's errors",
        "target": study.site.target,
        "target_range": [float(y.min()), float(y.max())],
        "trained_on": {
            **{name: getattr(origin, name) for name in ("name", "kind", "instrument", "licence")},
            "files_sha256": origin.sha256,
            "soils_sha256": study.target.sha256(),
        },
        "scores_on_held_out_soils": {**scores, "scale": study.label, "nominal_coverage": COVERAGE},
        "false_alarms": FALSE_ALARMS,
        "limits": list(limitations),
        "scan_counters": scan_counters(study),
    }
    if robustness is not None:
        card["robustness"] = robustness.to_dict("list")
    model.save(study.folder(CHAPTER) / FOLDER, **card)


def scan_counters(study: Study) -> tuple[str, ...]:
    """How the site's own files, or the names in its table, count scans of a sample."""
    site, known = study.site, set(study.ids)
    if site.target_data != "files":
        return ()
    spectra = project_root() / site.spectra
    folder = holds_spectra(spectra)
    names = list_files(spectra) if folder else read_scans(spectra, site.id_column, known, site.bands).ids
    return find_counters(names, known)


def read_as_own(
    study: Study, spectra: Path, counters: Sequence[str], known: Collection[str] = ()
) -> SoilSpectra:
    """Read spectra as the site's own, on its grid; see :func:`soilpb.readers.site.read_spectra`."""
    keys = {"id_column", "spectra_unit", "replicates", "replicates_limit", "bands", "splice"}
    own = study.site.model_dump(include=keys) | {"study": (study.site.band_start, study.site.band_stop)}
    return read_spectra(spectra, known=known, counters=counters, grid=study.grid, **own).resample(study.grid)


def load_site_model(study: Study) -> SiteModel:
    """Read the model that the site's report stored, of the target, scale and bands that its file asks for.

    It is a ValueError if it was altered or is another, a MissingArtifact if it is not there.
    """
    folder, command = study.folder(CHAPTER) / FOLDER, f"soilpb report {study.site.site}"
    model = SiteModel.load(folder, command)
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

    ``target`` is what the model predicts, such as ``Pb_mg_kg``; ``standard`` and ``limits`` are from
    :func:`soilpb.decide.site_model.site_rules`; ``ph``, (n_samples,), is measured, NaN where not.

    Returns
    -------
    DataFrame, indexed by sample
        The target with ``_lower`` and ``_upper``; pH likewise; ``p_above_…`` per rule (of the strictest
        limit where no pH is known); ``distance`` and ``outside``.
    """
    X = model.inputs(soils)
    ph = np.broadcast_to(np.asarray(ph, dtype=float), len(X))
    strictest = limits.sort_values("limit_mg_kg", kind="stable").drop_duplicates(["standard", "rule"])

    def predict(rows: slice) -> pd.DataFrame:
        table = model.predict(X[rows], coverage)
        flags = table[["distance", "outside"]]
        if model.sensor:  # without a reading its errors are those of the spectrum alone
            flags = flags.assign(outside=flags["outside"] | np.isnan(X[rows, -1]))
        parts = [table.drop(columns=["T2", "Q", *flags])]
        if standard:
            above = model.exceedance(X[rows], standard, limits, ph[rows])
            if above.isna().to_numpy().any():
                above = above.fillna(model.exceedance(X[rows], standard, strictest, ph[rows]))
            parts.append(above.rename(columns=probability_column))
        return pd.concat([*parts, flags], axis=1)

    blocks = [slice(start, start + AT_ONCE) for start in range(0, len(X), AT_ONCE)]
    at_once = Parallel(min(2, len(blocks)), prefer="threads", return_as="generator")
    parts = list(track(at_once(map(delayed(predict), blocks)), "predicting soils", total=len(blocks)))
    names = {"predicted": target, "lower": f"{target}_lower", "upper": f"{target}_upper"}
    index = soils.samples.index.rename("sample")
    return pd.concat(parts, ignore_index=True).rename(columns=names).set_axis(index)


def probability_column(rule: str) -> str:
    """Column of a rule's probabilities: ``p_above_screening_other_land`` of ``screening, other land``."""
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
    """Predict new soils with the model that a site's report stored: the command ``soilpb predict``.

    Parameters
    ----------
    site : str
        Name of a site, or path of its file.
    spectra : path
        Spectra of the new soils: a table, or a folder of instrument files.
    ph, standard, limits, coverage, units, rule, tolerance, rate, instrument, sensor
        Options of the command, which ``soilpb predict --help`` describes.

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
    model, rules = load_site_model(study), site_rules(study.site, standard, limits)
    soils, measured = _read_new(study, model, spectra, ph, sensor)
    if instrument:
        model, soils, told = _correct(study, model, soils, instrument)
    else:
        told = _describe_instrument(model, soils)
    if (units or tolerance) and model.card["trained_on"].get("soils_sha256") != study.target.sha256():
        again = f"soilpb report {study.site.site}"
        raise SiteError(f"the site's soils changed since its model was stored; make it again with: {again}")
    if units:
        named = _name_units(units, soils, spectra, study.site.id_column)
        return _decide(study, model, rules, rule, soils, named)
    table = predict_soils(model, soils, study.site.target, *rules, ph=measured, coverage=coverage)
    if model.sensor and (unread := soils.samples[model.sensor].isna().sum()):
        told.append(f"{unread} soils without {model.sensor}: predicted from the spectrum alone, and flagged")
    accepted = _accept(table, study, model, tolerance, rate) if tolerance else []
    if ph:
        table.insert(table.shape[1] - 2, "pH_used", measured.fillna(table.get("pH", np.nan)))
    remarks = _remarks(study, table, model.card, rules, coverage)
    return table, [*accepted, *soils.provenance.notes, *remarks, *told]


def _read_new(
    study: Study, model: SiteModel, spectra: Path, ph: Path | None, sensor: Path | None
) -> tuple[SoilSpectra, pd.Series | float]:
    """New soils, with readings of a sensor where the model takes them, and their measured pH."""
    named, id_column = model.sensor, study.site.id_column
    acidity = read_laboratory(ph, "pH", id_column=id_column)[0]["pH"] if ph else pd.Series(dtype=float)
    soils = read_as_own(study, spectra, model.card["scan_counters"], acidity.index)
    if named:
        if (path := sensor or spectra).is_dir():
            raise SiteError(f"the site's model takes {named}: give a table with its readings by --sensor")
        read = _of_soils(soils, read_columns(path, [named], id_column)[named], f"{path} has {named}")
        soils = replace(soils, samples=soils.samples.assign(**{named: read}))
    return soils, _of_soils(soils, acidity, f"{ph} has pH") if ph else np.nan


def standardise_files(site: str, master: Path, slave: Path, instrument: str) -> Standardisation:
    """Learn from soils measured on both instruments how spectra of the second are corrected, and store it.

    ``master`` and ``slave`` are spectra of the same 5–30 soils, under the same ids, of the model's own and of
    the second instrument, which ``instrument`` names. Errors are those of :func:`predict_files`.
    """
    make_site({"site": instrument, "target_data": "twin"}, where="--instrument")  # a name for a folder
    study = Study.load(site)
    model = load_site_model(study)
    read = [read_as_own(study, path, model.card["scan_counters"]) for path in (master, slave)]
    both = match_ids(*(list(soils.samples.index) for soils in read), (str(master), str(slave)))
    pairs = [soils.take(soils.samples.index.get_indexer(both)).reflectance for soils in read]
    found = standardise(*pairs, lambda X: model.target.predict(model.complete(X)), study.X)
    card = {"model": str(model.card["check"]), "instrument": instrument, "soils": both}
    found.save(study.folder(CHAPTER) / INSTRUMENTS / instrument, **card)
    return found


def _correct(
    study: Study, model: SiteModel, soils: SoilSpectra, instrument: str
) -> tuple[SiteModel, SoilSpectra, list[str]]:
    """Model and spectra, corrected; the model's errors grow by those that the correction leaves."""
    folder = study.folder(CHAPTER) / INSTRUMENTS
    again = f"soilpb standardise {study.site.site} --instrument {instrument} --master … --slave …"
    known = sorted(path.name for path in folder.glob("*") if path.is_dir())
    if instrument not in known:
        there = f"there are: {', '.join(known) or 'none'}; measure soils on both: {again}"
        raise SiteError(f"no instrument {instrument!r} was standardised, {there}")
    found, card = Standardisation.load(folder / instrument, len(model.wavelengths), again)
    if card["model"] != str(model.card["check"]):
        raise SiteError(f"{folder / instrument} belongs to another model of the site; make it again: {again}")
    target, soils = model.target, replace(soils, reflectance=found.correct(soils.reflectance))
    own = float(np.sqrt(np.nanmean(np.square(target.residuals))))
    wider = np.sqrt(1 + (found.error / own) ** 2) if own > 0 else 1.0
    line = {"intercept": found.intercept, "slope": found.slope, "residuals": target.residuals * wider}
    told = [f"corrected to the first instrument: {found.method}; intervals are as much wider"]
    return replace(model, target=replace(target, **line)), soils, told


def _describe_instrument(model: SiteModel, soils: SoilSpectra) -> list[str]:
    """Say whether the spectra come from another instrument, and by how much errors may grow."""
    own, new = model.card["trained_on"].get("instrument", "unknown"), soils.provenance.instrument
    named = "unknown" not in (own, new) and own != new
    why = [f"their files name {new}, and the model's {own}"] if named else []
    if model.domain.batch_test(soils.reflectance) <= DOUBT:
        why.append(
            "all of them share what none of the model's soils has, which other kinds of soil do as well"
        )
    if not why:
        return []
    tests = model.card.get("robustness") or {"disturbance": [], "times": []}
    times = dict(zip(tests["disturbance"], tests["times"], strict=False)).get("another instrument")
    grows = f"; in the report's test another instrument multiplied errors by {times:.1f}" if times else ""
    mend = "measure 5 to 30 soils on both and run soilpb standardise"
    return [f"the spectra may be of another instrument ({'; '.join(why)}){grows}: {mend}"]


def _of_soils(soils: SoilSpectra, values: pd.Series, what: str) -> pd.Series:
    """Values of each soil from a user's table, NaN where there is none."""
    found = values.reindex(soils.samples.index)
    if found.isna().all():
        like = f"mend its cells, or its ids, like {values.index[0]!r}; theirs are like {found.index[0]!r}"
        raise SiteError(f"{what} of none of the soils: {like}")
    return found


def _accept(table: pd.DataFrame, study: Study, model: SiteModel, tolerance: float, rate: float) -> list[str]:
    """Add a column ``accepted``, and say how many analyses that saves."""
    known, measured = study.natural(study.y - model.target.residuals), study.natural(study.y)
    found = accept_predictions(table[study.site.target], known, measured, tolerance, rate)["accepted"]
    table["accepted"] = found.to_numpy() & ~table["outside"]
    n = int(table["accepted"].sum())
    told = f"{n} of {len(table)} predictions accepted: at most {rate:.0%} of such are expected to be off by"
    return [f"{told} more than {tolerance:g}; send the other {len(table) - n} to the laboratory"]


def _decide(
    study: Study,
    model: SiteModel,
    rules: tuple[str, pd.DataFrame],
    rule: str,
    soils: SoilSpectra,
    units: pd.Series,
) -> tuple[pd.DataFrame, list[str]]:
    """Decide on units instead of soils."""
    rule = rule or (list_rules(*rules)[0] if rules[0] else "")
    table = decide_on_site(study, model, rules, rule, soils, units)
    if table is None:
        raise SiteError(f"no limit of {study.site.target} is known: give one with --limits")
    by, worth = _describe_model(study, model.card)
    return table.set_index("unit"), [f"means of units against {rules[0]}, {rule!r}, by {by}", worth]


def _name_units(units: Path, soils: SoilSpectra, spectra: Path, id_column: str) -> pd.Series:
    """Unit of each new soil, by a table or by polygons around its coordinates."""
    if not units.suffix.casefold().endswith("json"):
        return assign_units(read_columns(units, ["unit", "layer"], id_column))
    samples = soils.samples
    if "x" not in samples and spectra.is_file():
        samples = read_columns(spectra, ["x", "y", "crs"], id_column).reindex(samples.index)
    return assign_units(samples, polygons=units)


def _describe_model(study: Study, card: dict) -> tuple[str, str]:
    """Whose model it is with its R², and its day with what it is worth."""
    made = date.fromtimestamp((study.folder(CHAPTER) / FOLDER / CARD).stat().st_mtime)
    r2 = card.get("scores_on_held_out_soils", {}).get("R2")
    scored = f" (R² {r2:.2f} on soils it had not seen)" if isinstance(r2, float) else ""
    weak = isinstance(r2, float) and r2 < WEAK
    told = f"the model is of {made}{', hardly better than the mean of its soils: do not rely on it' * weak}"
    return f"the model of {card['site']} ({card['trained_on']['kind']} soils){scored}", told


def _remarks(
    study: Study, table: pd.DataFrame, card: dict, rules: tuple[str, pd.DataFrame], coverage: float
) -> list[str]:
    """What a reader of the table should know."""
    (standard, known), (low, high) = rules, card["target_range"]
    by, worth = _describe_model(study, card)
    outside, scans = table.index[table["outside"]], [repr(scan) for scan in find_counted_scans(table.index)]
    unlike, foreign = "unlike the soils of the model, do not trust them: ", len(outside) == len(table)
    beyond = int((~table[study.site.target].between(low, high)).sum())
    by_ph = known.loc[known["standard"] == standard, "rule"].duplicated().any()
    limits = f"; limits of {standard}" * bool(standard)
    unknown_ph = by_ph and ("pH" not in table or table["pH"].isna().any())
    remarks = [
        (True, f"{len(table)} soils predicted by {by}; intervals of {coverage:.0%}{limits}"),
        (True, worth),
        (foreign, f"every spectrum is {unlike}another instrument, or unit?"),
        (len(outside) and not foreign, f"{len(outside)} {unlike}{list_first(outside)}"),
        (beyond, f"{beyond} predicted beyond the values it was made from, {low:.4g} to {high:.4g}"),
        (scans, f"{list_first(scans, 2)} look like scans of one sample, but the site's own files are not "
                "counted so: each was predicted by itself"),
        (unknown_ph, "without a pH the strictest limit of each rule holds: give measured pH with --ph"),
    ]  # fmt: skip
    return [remark for holds, remark in remarks if holds]
