"""Sentences of a site's report, computed from its tables: what was found, and what remains unknown.

This is the only place where the package computes sentences: a report is made for any site, and nobody
writes it by hand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb import quality
from soilpb._format import join_words, number, signed, to_words
from soilpb.decide import maps, stored_model
from soilpb.decide.decision_units import VERDICTS
from soilpb.decide.site_model import SiteModel
from soilpb.evaluate import comparison, cross_validation
from soilpb.report.new_site import SOURCE_BANDS
from soilpb.report.sections import LIKELY, N_DRAWS, N_START, SiteMap
from soilpb.report.tables import format_significant
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: Share of spectra beyond the world's 95 % limits from which the report warns.
FAR = 0.10
#: How a comparison ends, in the words of a sentence.
OUTCOMES = {
    "better": "better",
    "worse": "worse",
    "equal": "practically equal",
    "undecided": "not shown to be different",
}


def rank_models(scores: pd.DataFrame) -> list[str]:
    """List models by pooled R² averaged over repeats, the best first."""
    return list(dict.fromkeys(cross_validation.summarise_scores(scores)["model"]))


def describe_best_model(study: Study, predictions: pd.DataFrame) -> str:
    """Say how well the best model predicts: its R², its typical error, and whether that is of use."""
    best = rank_models(cross_validation.score_predictions(predictions))[0]
    of_best = predictions[predictions["model"] == best]
    drawn, seed = "soils" if study.groups is None else "groups of soils", study.site.seed
    r2 = comparison.bootstrap_interval(of_best, "R2", groups=study.group_of, seed=seed).iloc[0]
    rmse = comparison.bootstrap_interval(of_best, "RMSE", groups=study.group_of, seed=seed).iloc[0]
    if study.site.target_scale == "log":
        error = f"a factor of {np.exp(rmse['value']):.2f} either way"
    else:
        words = format_significant(rmse["value"]), study.target_unit, study.target_name
        error = " ".join(filter(None, words))
    n_models = predictions["model"].nunique()
    of = f"Of {n_models} models, {best}" if n_models > 1 else best
    sentence = (
        f"{of} predicts {study.target_name}{' best' if n_models > 1 else ''}: R² {number(r2['value'])} "
        f"(95 % interval over {drawn} {number(r2['lower'])} to {number(r2['upper'])}), "
        f"with a typical error of {error}."
    )
    if not r2["lower"] > 0:
        sentence += (
            " This is not shown to be better than the mean: spectra do not replace the laboratory here."
        )
    return sentence


def compare_with_reference(scores: pd.DataFrame, folds: pd.DataFrame, reference: str, primary: str) -> str:
    """Say whether the primary model, which was named before any result, is better than the reference."""
    if primary == reference or primary not in set(scores["model"]):
        return f"No other model was compared with {reference}."
    row = comparison.compare_models(scores, folds, reference, primary).set_index("model").loc[primary]
    outcome = OUTCOMES[comparison.decide_verdict(row)]
    low, high = (f"{signed(100 * row[limit], 0)} %" for limit in ("lower", "upper"))
    p = "< 0.001" if row["p_value"] < 0.001 else f"= {number(row['p_value'], 3)}"
    return (
        f"The primary comparison, named before any result: against {reference}, {primary} is {outcome}. "
        f"Its RMSE differs by {signed(100 * row['change'], 0)} % (95 % interval {low} to {high}), p {p}."
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
        f"The best of {n_models} models was chosen by the scores shown here, which makes its scores a little "
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


def describe_stored_model(study: Study, model: SiteModel, best: str) -> str:
    """Say which model is stored, among which it was chosen, and why it is not the ``best`` of the report."""
    stored, tried, n = model.target.name, list(model.target.errors), study.target.n_samples
    sentence = f"{stored} of {study.label}, fitted on all {n} soils, is stored with this report."
    if len(tried) > 1:
        sentence += f" Of {join_words(tried)} it had the smallest errors on soils left out."
    if best not in tried:
        sentence += f" {best}, the best model above, was not among them."
    elif best != stored:
        sentence += f" {best}, the best model above, was second here, on other folds: the two are close."
    return sentence + (" PLS predicts pH beside it." if model.ph is not None else "")


def count_exceeding(study: Study, exceedances: pd.DataFrame, rule: str) -> str:
    """Say how many soils are above the limits of a rule by the laboratory; empty if there is no rule."""
    if not rule:
        return ""
    exceeded = stored_model.select_rule(study, exceedances, rule)["exceeded"]
    return (
        f"By the laboratory, {int(exceeded.sum())} of {len(exceeded)} soils are above "
        f"{stored_model.site_rules(study.site)[0]}, “{rule}”."
    )


def describe_decision(study: Study, units: pd.DataFrame | None, rule: str) -> str:
    """Say in three sentences what is decided, how sure that is, and what to do next; empty without units.

    ``units`` are from :func:`soilpb.decide.decision_units.decide_on_site`.
    """
    if units is None:
        return ""
    standard, name = stored_model.site_rules(study.site)[0], study.target_name
    kinds = {kind: units.loc[units["verdict"] == kind, "unit"].astype(str).tolist() for kind in VERDICTS}
    if len(units) == 1:
        one = units.iloc[0]
        verdict = {"above": "above", "below": "below", "not decided": "not decided against"}[one["verdict"]]
        mean = format_significant(one["mean"])
        decided = (
            f"The site is {verdict} the limit of {standard}, “{rule}”, {one['limit']:g} {study.target_unit}: "
            f"its mean {name} is {mean} {study.target_unit}."
        )
    else:
        counts = [f"{len(found)} {kind} ({join_words(found[:5])}{', …' if len(found) > 5 else ''})"
                  for kind, found in kinds.items() if found]  # fmt: skip
        decided = (
            f"Of {len(units)} units, by their mean {name} against {standard}, “{rule}”: {join_words(counts)}."
        )
    sure = (
        "A unit is called below if the 95 % upper confidence limit of its mean is not above the limit, and "
        "above if the 95 % lower one is: of units at the limit itself, one in twenty is called wrongly."
    )
    open_ = units[units["verdict"] == "not decided"]
    wanted = [
        f"{row.unit}: {row.more_measured:.0f}" for row in open_.itertuples() if row.more_measured < np.inf
    ]
    following = "Nothing more need be measured to decide."
    if len(open_):
        following = "No number of further samples that is worth naming would decide what is open."
    if wanted:
        following = f"So many more soils, measured, would decide what is open: {'; '.join(wanted[:6])}."
    if kinds["above"]:
        following += " What is above must be looked into before the land is used."
    return f"{decided} {sure} {following}"


def describe_exceeding(study: Study, exceedances: pd.DataFrame, rule: str) -> str:
    """Say how many of the soils above a limit spectra find, or why no limit is applied (empty ``rule``)."""
    if not rule:
        standard, known = stored_model.site_rules(study.site)
        if standard:
            lowest = known.loc[known["standard"] == standard, "limit_mg_kg"].min()
            highest = study.natural(study.y).max()
            unknown = f"The limits of {standard} depend on pH, and no soil has one: they cannot be applied."
            safe = f" Even so: no soil has more than {highest:.0f} mg/kg, and the lowest limit is {lowest:g}."
            return unknown + (safe if highest < lowest else "")
        return f"No limit for {study.target_name} is known here."
    by_rule = exceedances.query("repeat == 0").groupby("rule", sort=False)["exceeded"]
    others = [f"“{name}” {int(found.sum())} of {len(found)}" for name, found in by_rule if name != rule]
    soils = stored_model.select_rule(study, exceedances, rule)
    above, likely = soils["exceeded"].astype(bool), soils["probability"] >= LIKELY
    return (
        (f"Soils above the limits of other rules: {join_words(others)}. " if others else "")
        + f"For “{rule}”, spectra alone give {likely.sum()} soils a probability of {LIKELY} or more: "
        f"{(above & likely).sum()} rightly, {(likely & ~above).sum()} wrongly, and they miss "
        f"{(above & ~likely).sum()}. The table lists all of these in {study.target_unit}."
    )


def describe_map(mapped: SiteMap) -> str:
    """Say what the map shows, and what it does not."""
    if mapped.soils.empty:
        return "No true coordinates are known, so there is no map."
    return "The map shows the soils alone: what lies between them is decided by the mean of their unit."


def describe_next_samples(unmeasured: SoilSpectra | None) -> str:
    """Say which soils the table of the next samples names."""
    if unmeasured is None:
        return (
            "Every spectrum of this site has its laboratory value, so new samples must be taken. Look for "
            "soils like these, in this order: a further value of their kind would reduce the uncertainty of "
            "all predictions most."
        )
    return (
        f"{unmeasured.n_samples} spectra of this site have no laboratory value. Measured in this order they "
        "would reduce the uncertainty of all predictions most."
    )


def describe_choosing(needed: tuple[float, float] | None) -> str:
    """Say whether choosing samples saves analyses, from :func:`soilpb.report.sections.compare_choosing`."""
    if needed is None:
        return "There are too few soils to test here whether choosing them saves analyses."
    chosen, random = needed
    tested = f"Tested {N_DRAWS} times on this site's own soils, "
    if chosen <= N_START:
        return f"{tested}{random:.0f} random soils were hardly better than {N_START}: choosing is not judged."
    if not chosen < random:
        return f"{tested}choosing needed no fewer soils than random samples, {random:.0f}."
    return f"{tested}{chosen:.0f} chosen soils were as good as {random:.0f} random ones."
