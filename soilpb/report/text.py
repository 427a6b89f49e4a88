"""Sentences of a site's report, computed from its tables: what was found, and what remains unknown.

This is the only place where the package computes sentences: a report is made for any site.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soilpb import quality
from soilpb._format import join_words, list_first, number, signed, to_words
from soilpb.decide import maps, site_model
from soilpb.decide.decision_units import VERDICTS
from soilpb.decide.exceedance import coverage_by_content
from soilpb.decide.site_model import SiteModel
from soilpb.evaluate import comparison
from soilpb.models import baselines
from soilpb.report.new_site import SOURCE_BANDS
from soilpb.report.soils import score_scales
from soilpb.report.tables import format_significant
from soilpb.study import Study

#: Share of spectra beyond the world's 95 % limits from which the report warns.
FAR = 0.10
#: Spread of predictions, as a share of the laboratory's, below which they are called alike.
ALIKE = 0.4
#: R² of all soils may be so much higher than within groups before the latter leads.
FLATTERED = 0.1
#: Share of the most contaminated tenth within its intervals below which the report warns.
MISSED = 0.7
#: How a comparison ends, in the words of a sentence.
OUTCOMES = {
    "better": "better",
    "worse": "worse",
    "equal": "practically equal",
    "undecided": "not shown to be different",
}


#: What models of a report are, in plain words.
PLAIN = {
    "pls": "partial least squares, a few weighted sums of all bands",
    "ridge": "linear regression on all bands, with small weights",
    "blocks": "linear regression on four preparations of the spectrum side by side, with small weights",
    "average": "a weighted mean of linear regression and two Gaussian processes, which compare spectra",
    "average-ph": "a weighted mean of linear regression, two Gaussian processes, which compare spectra, and "
    "regression on what a neural network learned of pH from a library",
    "resnet": "a neural network that learned from the site's soils alone",
    "resnet-ph": "a neural network that learned pH from a library first, then the site's soils",
    "features-ridge": "linear regression on what a neural network learned of pH from a library",
    "features-pls": "the same beside partial least squares",
}


def explain_models(study: Study) -> dict[str, str]:
    """Name of each model → what it is."""
    models = baselines.MODELS.items()
    return {
        baselines.model_name(key, study.target_name): PLAIN.get(key, entry.learns) for key, entry in models
    }


def describe_skill(study: Study, predictions: pd.DataFrame) -> str:
    """Say how well soils that a model had not seen are predicted, and whether that is of use.

    ``predictions`` are in the laboratory's unit. R² within groups leads where that of all soils flatters.
    """
    scales = score_scales(study, predictions)
    first, name = scales.iloc[0], study.target_name
    drawn = "soils" if study.groups is None else "groups of soils"
    error = " ".join(filter(None, (format_significant(first["RMSE"]), study.target_unit, name)))
    words = [
        f"{number(r.R2)} {r.scale} (95 % interval over {drawn} {number(r.lower)} to {number(r.upper)}"
        + (f"; RMSE {format_significant(r.RMSE)})" if r.Index else ")")
        for r in scales.itertuples()
    ]
    sentence = f"spectra predict {name} with a typical error of {error}; R² is {join_words(words)}."
    inside = f"R² is {number(first['within'])} {first['scale']}"
    if first["R2"] - first["within"] > FLATTERED:
        sentence = (
            f"Within the {len(set(study.groups))} groups of soils that belong together, {inside}: so well "
            "spectra tell soils of one group apart. Over all soils, where differences between groups count, "
            f"{sentence}"
        )
    else:
        sentence = f"On soils that the model had not seen, {sentence}"
        sentence += "" if np.isnan(first["within"]) else f" Within groups of soils {inside}."
    if not first["lower"] > 0:
        sentence += (
            " This is not shown to be better than the mean: spectra do not replace the laboratory here."
        )
    return sentence


def list_warnings(study: Study, trials: pd.DataFrame, outside: float, rule: str) -> list[str]:
    """List what a reader must know before anything else of a page.

    ``trials`` are from :func:`soilpb.decide.site_model.evaluate_site_model`, ``outside`` is the share of
    spectra that are unusual in the world.
    """
    spread = trials["predicted"].std() / trials["observed"].std()
    tenths = coverage_by_content(trials)
    low, top = tenths.iloc[0], tenths.iloc[-1]
    checks = [found for found in quality.check_soils(study.target, study.site) if found.level == "warning"]
    flagged = int(trials["outside"].sum())
    sentences = {
        f"The laboratory's values of {study.target_name} are simulated. This page shows what a method does, "
        "and decides nothing about a real place.": study.target.provenance.kind != "measured",
        f"The site file names no rule of {site_model.site_rules(study.site)[0]}. Shown is “{rule}”, which "
        "divides these soils most evenly; which rule applies to this land is for the authority to say.": (
            bool(rule) and not study.site.rule
        ),
        describe_coverage(outside): outside > FAR,
        f"Predictions are near the mean: they vary {100 * spread:.0f} % as much as the laboratory's values. "
        "High soils are predicted too low.": spread < ALIKE,
        f"{flagged} of {len(trials)} soils are unlike the others: their predictions are not to be used. The "
        "laboratory's value, which each of these has, stands.": flagged > 0,
        f"Spectra draw values to the middle: the tenth of soils with least {study.target_name} is predicted "
        f"at {low['ratio']:.1f} times what the laboratory found, that with most at {top['ratio']:.1f} times; "
        f"{100 * low['coverage']:.0f} % and {100 * top['coverage']:.0f} % lie within their 90 % intervals.": (
            min(low["coverage"], top["coverage"]) < MISSED
        ),
        f"Checks of the files gave {len(checks)} warnings: see Quality.": len(checks) > 0,
    }  # fmt: skip
    return [sentence for sentence, applies in sentences.items() if applies]


def compare_with_reference(scores: pd.DataFrame, folds: pd.DataFrame, reference: str, primary: str) -> str:
    """Say whether the primary model, which was named before any result, is better than the reference."""
    if primary == reference or primary not in set(scores["model"]):
        return f"No other model was compared with {reference}."
    row = comparison.compare_models(scores, folds, reference, primary).set_index("model").loc[primary]
    low, high = (f"{signed(100 * row[limit], 0)} %" for limit in ("lower", "upper"))
    p = "< 0.001" if row["p_value"] < 0.001 else f"= {number(row['p_value'], 3)}"
    return (
        f"The primary comparison, named before any result: against {reference}, {primary} is "
        f"{OUTCOMES[comparison.decide_verdict(row)]}. Its RMSE differs by {signed(100 * row['change'], 0)} % "
        f"(95 % interval {low} to {high}), p {p}."
    )


def describe_coverage(outside: float) -> str:
    """Say how unusual a site's soils are among the world's, from the share beyond their 95 % limits.

    Examples
    --------
    >>> describe_coverage(0.06)  # doctest: +NORMALIZE_WHITESPACE
    "6 % of the site's spectra lie outside the 95 % limits of 4,168 measured soils of the world, of which 8 %
    do themselves: such spectra are common."
    """
    found = (
        f"{100 * outside:.0f} % of the site's spectra lie outside the 95 % limits of 4,168 measured soils of "
        "the world, of which 8 % do themselves"
    )
    if outside > FAR:
        return f"{found}: soils, instrument or preparation are unusual; what was learnt elsewhere may fail."
    return f"{found}: such spectra are common."


def describe_limitations(study: Study, n_models: int) -> list[str]:
    """Say what a report about these soils cannot tell, one sentence per limitation."""
    target, n = study.target, study.target.n_samples
    values = target.values(study.site.target)
    span = f"{format_significant(values.min())} to {format_significant(values.max())}"
    simulated = target.provenance.kind != "measured"
    below = quality.count_below_detection(target, study.site.target)
    mapped = maps.local_coordinates(target.samples) is not None
    sentences = {
        "The site's laboratory values are simulated: they show what a method does, not what a place holds.": (
            simulated
        ),
        "The library's laboratory values are simulated: no network has learnt from measured ones.": (
            not simulated and study.source.provenance.kind == "simulated"
        ),
        f"{n} soils are few (fewer than {quality.FEW}): other soils of the same place could change "
        "the order of the models.": n < quality.FEW,
        "Nothing says which samples belong together (column group of the laboratory table): if some are "
        "replicates, or layers of one profile, the errors here are too small.": study.groups is None,
        "No true coordinates: whether neighbours in training make errors too small is not known.": not mapped,
        "Folds are random, not spatial: beyond the sampled area errors can be larger.": mapped,
        f"{study.target_name} was measured from {span} {study.target_unit}".rstrip()
        + ": what a model predicts beyond is extrapolation.": True,
        f"Of {n_models} models compared, the first leads by the scores shown here, which makes them a little "
        "too good.": n_models > 1,
        f"{below} of {n} values of {study.target_name} are below detection, or the smallest of all: so many "
        "substituted values (half the limit) bias models, scores and intervals.": below > quality.BELOW * n,
        "Some spectra are of one soil under several ids (near twins): they were kept in one group.": any(
            note.startswith("near twins") for note in target.provenance.notes
        ),
        "All soils come from one site: nothing here tests another mine, instrument or year.": True,
    }
    return [sentence for sentence, applies in sentences.items() if applies]


def describe_range(study: Study, compared: pd.DataFrame | None) -> str:
    """Say which bands the study uses, and what a narrow range costs (``compared``, by ``compare_ranges``)."""
    site = study.site
    span = f"{site.band_start:g}–{site.band_stop:g} nm"
    if compared is None:
        return f"The study uses {study.grid.size} bands over {span}."
    if compared.empty:
        return f"The study uses {span} only; the library is too small to say what that costs."
    name = compared["property"].iloc[0].split("_")[0]
    full, narrow = compared["full"].mean(), compared["narrow"].mean()
    sets = f"{len(compared)} sets of the library's soils"
    if len(compared) == 1:
        sets = f"{compared['n'].iloc[0]} soils of the library"
    judged = "lost" if full > narrow else "gained, by chance or because the other bands only disturb"
    return (
        f"The study uses {span} only. On {sets} PLS predicts "
        f"{name} with an R² of {number(full)} from {SOURCE_BANDS[0]:g}–{SOURCE_BANDS[1]:g} nm and of "
        f"{number(narrow)} from {span}: {number(abs(full - narrow))} is {judged}."
    )


def describe_minerals(study: Study, slopes: pd.DataFrame) -> str:
    """Say with which constituents predictions rise and fall, and give an example for the steepest slope."""
    up, down = slopes[slopes["low"] > 0], slopes[slopes["high"] < 0].iloc[::-1]
    if up.empty and down.empty:
        return "For no constituent do the folds agree whether predictions rise or fall with it."
    parts = [
        f"{verb} with {join_words([to_words(name) for name in rows['constituent']])}"
        for verb, rows in (("rise", up), ("fall", down))
        if len(rows)
    ]
    steepest = pd.concat([up, down]).loc[lambda rows: rows["slope"].abs().idxmax()]
    log, tenth = study.site.target_scale == "log", 0.1 * steepest["slope"]
    unit = {"": "", "%": " percentage points"}.get(study.target_unit, f" {study.target_unit}")
    change = f"{signed(100 * tenth, 1)} %" if log else f"{signed(tenth)}{unit}"
    return (
        f"Predictions {' and '.join(parts)}. If a soil had 10 % more {to_words(steepest['constituent'])} "
        f"than it has, its predicted {study.target_name} would change by {change}."
    )


def describe_stored_model(study: Study, model: SiteModel) -> str:
    """Say which model is stored and illustrated, what it learns, and among which it was chosen."""
    stored, tried, n = model.target.name, list(model.target.errors), study.target.n_samples
    what = explain_models(study).get(stored, "a candidate")
    sentence = f"The model of this page, {stored}, is {what}. It learned from {n} soils."
    if len(tried) > 1:
        sentence += f" Of {join_words(tried)} it had the smallest errors on soils left out."
    return sentence


def describe_decision(study: Study, by_rule: Mapping[str, pd.DataFrame], rule: str) -> str:
    """Say what is decided by a rule and the others of its standard, how sure that is, and what to do next.

    ``by_rule`` is from :func:`soilpb.report.soils.decide_by_rule`; empty if no limit was applied.
    """
    name, unit = study.target_name, study.target_unit
    standard, known = site_model.site_rules(study.site)
    if rule not in by_rule:
        why = f"no limit is known for {name}."
        if standard:
            lowest = known.loc[known["standard"] == standard, "limit_mg_kg"].min()
            highest = study.natural(study.y).max()
            why = f"the limits of {standard} for {name} depend on pH, and no soil has one."
            why += f" Even so, no soil is above the lowest, {lowest:g} {unit}." if highest < lowest else ""
        return (
            f"Nothing is decided on this page: {why} It says how well spectra predict {name} at this site. "
            "Next: name the limit that applies, if there is one; contamination is judged by contaminants "
            "that the laboratory measured."
        )
    units = by_rule[rule]
    decided = f"Of {len(units)} units, by their mean {name} against {standard}, “{rule}”: {_verdicts(units)}."
    if len(units) == 1:
        one = units.iloc[0]
        verdict = {"above": "above", "below": "not above"}.get(one["verdict"], "not decided against")
        mean, low, high = (format_significant(one[column]) for column in ("mean", "lower", "upper"))
        decided = (
            f"The mean {name} of the site is {verdict} the limit of {standard}, “{rule}”: it is {mean} "
            f"{unit} (95 % lower and upper confidence limits, LCL and UCL, from {one['n_measured']} soils "
            f"measured and {one['n_predicted']} by spectrum: {low} and {high}), and its limit at the site's "
            f"pH is {one['limit']:g} {unit}."
        )
    if study.target.provenance.kind != "measured":
        decided = f"On simulated values: {decided}"
    others = [
        f"“{other}” ({_range(table['limit'])}): {_verdicts(table)}"
        for other, table in by_rule.items()
        if other != rule
    ]
    told = f" By the other limits of the standard: {'; '.join(others)}." if others else ""
    sure = (
        "How sure: a mean is called below if its 95 % upper confidence limit is not above the limit, and "
        "above if its 95 % lower one is. At the limit one in twenty is called wrongly, if the soils were "
        "taken at random."
    )
    return f"{decided}{told} {sure} {_say_what_next(units)}"


def _range(values: pd.Series) -> str:
    return " to ".join(f"{value:g}" for value in dict.fromkeys([values.min(), values.max()]))


def _verdicts(units: pd.DataFrame) -> str:
    """Count units by verdict, the first named; of a single unit its verdict."""
    if len(units) == 1:
        return units["verdict"].iloc[0]
    named = units.groupby("verdict", sort=False)["unit"].agg(lambda names: list_first(names.to_list(), 5))
    counts = units["verdict"].value_counts()
    return join_words([f"{counts[v]} {v} ({named[v]})" for v in VERDICTS if v in counts])


def describe_exceeding(soils: pd.DataFrame) -> str:
    """Say how many soils the laboratory found above their own limit, and how far; empty without limits.

    ``soils`` are from :func:`soilpb.report.soils.list_soils`.
    """
    times = (soils["measured"] / soils["limit"]).dropna()
    if times.empty:
        return ""
    highest = f", the highest at {number(times.max(), 1)} times its limit" if times.max() > 1 else ""
    return f" Of single soils {(times > 1).sum()} of {len(times)} are above their own limit{highest}."


def _say_what_next(units: pd.DataFrame) -> str:
    open_ = units[units["verdict"] == "not decided"]
    wanted = [
        f"{row.unit}: {row.more_measured:.0f}" for row in open_.itertuples() if row.more_measured < np.inf
    ]
    following = "Next: nothing more need be measured to decide."
    if len(open_):
        following = "Next: no number of further samples that is worth naming would decide what is open."
    if wanted:
        following = f"Next: so many more soils, measured, would decide what is open: {'; '.join(wanted[:6])}."
    if (units["verdict"] == "above").any():
        following += " What is above must be looked into before the land is used."
    return following
