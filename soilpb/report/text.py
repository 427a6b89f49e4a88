"""Sentences of a site's report, computed from its tables: what was found, and what remains unknown.

This is the only place where the package computes sentences: a report is made for any site, and nobody
writes it by hand.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from soilpb import quality
from soilpb._format import join_words, number, signed, to_words
from soilpb.decide import maps, site_model
from soilpb.decide.decision_units import VERDICTS
from soilpb.decide.exceedance import coverage_by_content
from soilpb.decide.site_model import SiteModel
from soilpb.evaluate import comparison
from soilpb.models import baselines
from soilpb.report.new_site import SOURCE_BANDS
from soilpb.report.sections import N_DRAWS, N_START
from soilpb.report.soils import LIKELY, score_scales
from soilpb.report.tables import format_significant
from soilpb.spectra import SoilSpectra
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
    unit, drawn = study.target_unit, "soils" if study.groups is None else "groups of soils"
    error = " ".join(filter(None, (format_significant(first["RMSE"]), unit, name)))
    words = [
        f"{number(row['R2'])} {row['scale']} (95 % interval over {drawn} {number(row['lower'])} to "
        f"{number(row['upper'])})"
        for _, row in scales.iterrows()
    ]
    sentence = f"spectra predict {name} with a typical error of {error}; R² is {join_words(words)}."
    if first["R2"] - first["within"] > FLATTERED:
        sentence = (
            f"Within the {len(set(study.groups))} groups of soils that belong together, R² is "
            f"{number(first['within'])} {first['scale']}: so well spectra tell soils of one group apart. "
            "Over all soils, where differences between groups count, " + sentence
        )
    else:
        sentence = f"On soils that the model had not seen, {sentence}"
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
    name, scales = study.target_name, score_scales(study, trials).iloc[0]
    spread = trials["predicted"].std() / trials["observed"].std()
    tenths = coverage_by_content(trials)
    low, top = tenths.iloc[0], tenths.iloc[-1]
    checks = [found for found in quality.check_soils(study.target, study.site) if found.level == "warning"]
    flagged = int(trials["outside"].sum())
    sentences = {
        f"The laboratory's values of {name} are simulated. This page shows what a method does, and decides "
        "nothing about a real place.": study.target.provenance.kind != "measured",
        f"The site file names no rule of {site_model.site_rules(study.site)[0]}. Shown is “{rule}”, which "
        "divides these soils most evenly; which rule applies to this land is for the authority to say.": (
            bool(rule) and not study.site.rule
        ),
        describe_coverage(outside): outside > FAR,
        f"Predictions are near the mean: they vary {100 * spread:.0f} % as much as the laboratory's values. "
        "High soils are predicted too low.": spread < ALIKE,
        "Part of what spectra predict are differences between groups: R² is "
        f"{number(scales['R2'])} over all soils and {number(scales['within'])} within groups.": (
            scales["R2"] - scales["within"] > FLATTERED
        ),
        f"{flagged} of {len(trials)} soils are unlike the others: their predictions are not to be used. The "
        "laboratory's value, which each of these has, stands.": flagged > 0,
        f"Spectra draw values to the middle: the tenth of soils with least {name} is predicted at "
        f"{low['ratio']:.1f} times what the laboratory found, that with most at {top['ratio']:.1f} times; "
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
    if rule not in by_rule:
        why = "no pH, on which limits depend," if site_model.site_rules(study.site)[0] else "no limit"
        return (
            f"Nothing is decided on this page: {why} is known for {name}. It says how well spectra predict "
            f"{name} at this site. Next: name the limit that applies, if there is one; contamination is "
            "judged by contaminants that the laboratory measured."
        )
    by, units = f"{site_model.site_rules(study.site)[0]}, “{rule}”", by_rule[rule]
    kinds = {kind: units.loc[units["verdict"] == kind, "unit"].astype(str).tolist() for kind in VERDICTS}
    if len(units) == 1:
        one = units.iloc[0]
        verdict = {"above": "above", "below": "not above"}.get(one["verdict"], "not decided against")
        mean, low, high = (format_significant(one[column]) for column in ("mean", "lower", "upper"))
        decided = (
            f"The mean {name} of the site is {verdict} the limit of {by}: it is {mean} {unit}, and its limit "
            f"at the site's pH is {one['limit']:g} {unit}."
        )
        sure = (
            f"How sure: 95 % lower and upper confidence limits (LCL, UCL) of the mean are {low} and {high} "
            f"{unit}: each alone is wrong in one case of twenty, if the soils were taken at random. They "
            f"rest on {one['n_measured']} soils with a laboratory value"
            + (f" and {one['n_predicted']} more by spectrum." if one["n_predicted"] else ".")
        )
    else:
        counts = [f"{len(found)} {kind} ({join_words(found[:5])}{', …' if len(found) > 5 else ''})"
                  for kind, found in kinds.items() if found]  # fmt: skip
        decided = f"Of {len(units)} units, by their mean {name} against {by}: {join_words(counts)}."
        sure = (
            "How sure: a unit is called below if the 95 % upper confidence limit of its mean is not above "
            "the limit, and above if the 95 % lower one is: at the limit, one in twenty is called wrongly."
        )
    if study.target.provenance.kind != "measured":
        decided = f"On simulated values: {decided}"
    others = [
        f"“{other}” ({_join_limits(table)}): {_count_verdicts(table)}"
        for other, table in by_rule.items()
        if other != rule
    ]
    told = f" By the other limits of the standard: {'; '.join(others)}." if others else ""
    return f"{decided}{told} {sure} {_say_what_next(units)}"


def describe_exceeding(soils: pd.DataFrame) -> str:
    """Say how many soils the laboratory found above their own limit, and how far; empty without limits.

    ``soils`` are from :func:`soilpb.report.soils.list_soils`.
    """
    times = (soils["measured"] / soils["limit"]).dropna()
    if times.empty:
        return ""
    highest = f", the highest at {number(times.max(), 1)} times its limit" if times.max() > 1 else ""
    return f" Of single soils {(times > 1).sum()} of {len(times)} are above their own limit{highest}."


def _join_limits(units: pd.DataFrame) -> str:
    low, high = units["limit"].min(), units["limit"].max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


def _count_verdicts(units: pd.DataFrame) -> str:
    counts = units["verdict"].value_counts()
    return (
        units["verdict"].iloc[0] if len(units) == 1 else join_words([f"{n} {v}" for v, n in counts.items()])
    )


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


def describe_confusion(study: Study, counts: pd.Series, rule: str) -> str:
    """Say how many soils above the limit spectra find and miss, with 95 % intervals.

    ``counts`` are from :func:`soilpb.report.soils.count_confusion`.
    """

    def share(name: str, right: str, wrong: str) -> str:
        if not (of := counts[right] + counts[wrong]):
            return "none, for there is none"
        rate, low, high = (100 * counts[f"{name}{end}"] for end in ("", "_low", "_high"))
        return f"{counts[right]:.0f} of {of:.0f} ({rate:.0f} %, 95 % interval {low:.0f} to {high:.0f} %)"

    above, n = counts["found"] + counts["missed"], counts[["found", "missed", "false", "clear"]].sum()
    return (
        f"Each soil against {site_model.site_rules(study.site)[0]}, “{rule}”, at its own pH: by the "
        f"laboratory {above:.0f} of {n:.0f} are above. A spectrum calls a soil above if it gives a "
        f"probability of {LIKELY} or more, by a model that had not seen it. Of the soils above it finds "
        f"{share('sensitivity', 'found', 'missed')}; of the others it clears "
        f"{share('specificity', 'clear', 'false')}."
    )


def describe_unapplied(study: Study) -> str:
    """Say why no limit is applied to the soils."""
    standard, known = site_model.site_rules(study.site)
    if not standard:
        return f"No limit for {study.target_name} is known here, so no soil is called above one."
    lowest = known.loc[known["standard"] == standard, "limit_mg_kg"].min()
    highest = study.natural(study.y).max()
    unknown = f"The limits of {standard} depend on pH, and no soil has one: they cannot be applied."
    safe = f" Even so: no soil has more than {highest:.0f} mg/kg, and the lowest limit is {lowest:g}."
    return unknown + (safe if highest < lowest else "")


def describe_next_samples(unmeasured: SoilSpectra | None) -> str:
    """Say which soils the table of the next samples names."""
    if unmeasured is None:
        return "Every soil of this site has its laboratory value: none is left to measure."
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
