# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# (site-{{site}})=
# # {{title}}
#
# {glue:text}`report-answer`
# {glue:text}`report-rivalry`
# {glue:text}`report-above`
#
# This page is made by one notebook for every site file, so that sites can be laid side by side. What its parts mean is told where they
# are introduced: distances from the library in {ref}`sec-data`, the networks in {ref}`sec-transfer`, scores and their luck in
# {ref}`sec-baselines`, credit of bands and slopes of minerals in {ref}`sec-interpretation`, limits and the next soils in {ref}`sec-decisions`.

# %% tags=["parameters", "remove-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 2  # repeats of the outer 5-fold cross-validation
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
chosen: str = "pls ridge average resnet resnet-ph features-ridge features-pls"  # keys of soilpb.models.ENTRIES; the first is the reference
rule: str = ""  # whose limit is held against the soils; empty: the one that divides them most evenly
keep: str = "pls blocks average features-pls"  # keys of models, of which the best is kept
n_jobs: int = 1  # processes

# %% tags=["remove-input"]
from myst_nb import glue

from soilpb import (
    atlas,
    bands_used,
    bootstrap,
    distance,
    evaluation,
    figures,
    figures_interpretation,
    figures_league,
    figures_scores,
    figures_shap,
    figures_soils,
    kept_model,
    kept_words,
    models,
    report_limits,
    report_map,
    report_minerals,
    report_next,
    report_range,
    report_tables,
    report_words,
    splits,
    wording,
)
from soilpb.study import Study

# %% tags=["remove-input"]
study = Study.open("site_report", globals())
figures.style()
study.banner()

# %% [markdown]
# ## Whose soils

# %% tags=["remove-input"]
report_tables.wrapped(report_tables.provenance(study.target.provenance))

# %% [markdown]
# Notes say what was converted, dropped or assumed on reading. The library, from which networks learnt {glue:text}`report-property`:

# %% tags=["hide-cell"]
report_tables.wrapped(report_tables.provenance(study.source.provenance))

# %% [markdown]
# ## Spectra
#
# {glue:text}`report-range`

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Reflectance of the site's soils ({{site}}, {{kind}}) and of the library ({{source_kind}}), and the constituents that absorb at each wavelength: a bar spans two widths on either side of a feature's centre."}, "image": {"alt": "Median reflectance of library and site against wavelength, with shaded 5 to 95 percent bands; beneath, one row a constituent, bars mark where hematite, goethite, organic matter, water, clays, carbonate and others absorb."}}
above, beneath = figures.stacked([3.6, 2.8])
figures_soils.spectra({"library": study.source, "site": study.target}, above)
ax = figures_soils.atlas(atlas.FEATURES, beneath)

# %% [markdown]
# ## Laboratory values

# %% tags=["remove-input"]
native = report_tables.native_soils(study)
laboratory = report_tables.laboratory(native, [study.site.target, study.site.source_property])
laboratory.style.format(report_tables.significant, subset=["mean", "sd"]).set_properties(
    **{"white-space": "nowrap"}
)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The laboratory's values that the models learn from ({{site}}, {{kind}}), in percent of the soils."}, "image": {"alt": "Histogram of the target's laboratory values, with a dashed line at the median."}}
values = {"site": study.target.values(study.site.target)}
label = f"{study.target_name} ({study.target_unit})" if study.target_unit else study.target_name
ax = figures_soils.distribution(
    values, label, log=study.site.target_scale == "log", colours=[figures.TARGET_COLOUR]
)

# %% [markdown]
# ## Quality
#
# Checks of the spectra on the instrument's own bands, and of what a study needs.

# %% tags=["remove-input"]
used = native.take(native.samples.index.get_indexer(study.ids))
report_tables.wrapped(report_tables.quality(used, study.site)).hide(axis="index")

# %% [markdown]
# A soil can be unusual *within* the site: then look at it. Or the site can be unusual to the *library*: then take care with all that the
# library lends. {glue:text}`report-coverage`

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from the site's other soils: within their principal components (T²) and outside them (Q). Dashed: limits that 99.9 % of one population would pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q within the site, with dashed limits; soils beyond a limit are named."}}
within = distance.among(study.X)
ax = figures_soils.outliers(within.table.assign(sample=study.ids), within.t2_limit, within.q_limit)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from the library ({{source_kind}}). Dashed: limits that 95 % of the library pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q, one point a soil of the site, with the library's limits dashed."}}
apart = distance.distances(study.source.reflectance, study.X)
apart_table = apart.table.assign(sample=study.ids)
ax = figures_soils.outliers(apart_table, apart.t2_limit, apart.q_limit, most=0)

# %% [markdown]
# ## Models compared
#
# Each model tunes itself inside the training soils of a fold, and is scored on the others; groups of samples stay together.
# Dots are means over {glue:text}`report-n-repeats` repeats of {glue:text}`report-n-folds`-fold cross-validation.

# %% tags=["hide-input"]
keys = chosen.split()
zoo = models.registry(study.source_network(), keys, study.site.seed, epochs, study.target_name)
n_folds = 5 if study.groups is None else min(5, len(set(study.groups)))
folds = splits.repeated_kfold(study.ids, n_folds, n_repeats, study.site.seed, study.groups)
predictions = evaluation.cross_validate(zoo, study.X, study.y, folds, study.ids, n_jobs)
scores = evaluation.score(predictions)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "R² of each model on the site's soils ({{site}}, {{kind}}) by repeated cross-validation. Bars: 95 % intervals, had other soils of this place been sampled (bootstrap)."}, "image": {"alt": "Dots with intervals, one row a model, the best first, with R squared beside each."}}
ax = figures_league.league(bootstrap.interval(predictions, "R2", seed=study.site.seed))

# %% tags=["remove-input"]
ranking = report_words.ranking(scores)
wide = evaluation.summary(scores).pivot(index="model", columns="metric", values="value").loc[ranking]
wide = wide[["R2", "RMSE", "bias", "RPIQ", "CCC"]].rename(columns=figures.SYMBOLS)
wide.rename_axis(index=None, columns=None).style.format(wording.number)

# %% [markdown]
# Scores are on the scale the models were fitted on, {glue:text}`report-label`. {glue:text}`report-rivalry`
#
# ## The best model
#
# {glue:text}`report-best` leads. Each point below is the mean of a soil's predictions, none of which saw it in training.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Observed against predicted by the best model ({{site}}, {{kind}}), under repeated cross-validation; thin lines span the repeats."}, "image": {"alt": "Parity plot of observed against predicted values with the one-to-one line and the scores in the corner."}}
best = ranking[0]
of_best = {
    name: table.query("model == @best")
    for name, table in {"predictions": predictions, "scores": scores}.items()
}
ax = figures_scores.parity(of_best["predictions"], of_best["scores"], study.label)

# %% [markdown]
# ## The bands it uses
#
# The best model is fitted on each fold of the first repeat, and asked what each band adds to its predictions of the fold's other soils:
# by SHAP where it is a network, else by how its prediction answers to a little more absorbance. It leans most on {glue:text}`report-peaks`.
# The intervals (90 %) tell what other soils of this place would have changed.
# A band is not a cause: lead, for one, has no absorption here, and neighbouring bands stand in for each other ({ref}`sec-interpretation`).

# %% tags=["remove-input"]
first = folds.query("repeat == 0")
fitted = bands_used.fit_by_fold(zoo[best], study.X, study.y, first, study.ids)
credit = bands_used.credit_by_fold(best, fitted, study.X, first, study.ids, study.grid, study.site.seed)
report_tables.foldable(report_minerals.peaks_shown(report_minerals.peaks(credit, n_folds), n_folds))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of the best model's credit by wavelength ({{site}}, {{kind}}): mean over the folds, and 5–95 % of them; beneath, what absorbs where."}, "image": {"alt": "Share of credit against wavelength as a filled line with a band around it; beneath, one row a constituent, bars mark where it absorbs."}}
above, beneath = figures.stacked([3.2, 2.8])
figures_shap.profile(credit, above)
ax = figures_soils.atlas(atlas.FEATURES, beneath)

# %% [markdown]
# ## The minerals it answers to
#
# {glue:text}`report-minerals` The same models are asked: what if this soil had a little more of a constituent? Optics tell what its spectrum
# would be, rebuilt from what the spectra of this site do. Signs can be trusted further than sizes, which come out too small,
# and a slope is what the model does, not what the soil does: whatever keeps a mineral company answers with it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "How the best model's predictions answer to a little more of a constituent ({{site}}, {{kind}}), with 90 % intervals over the folds."}, "image": {"alt": "One row a constituent that absorbs in the range: the slope of the prediction with its interval beside zero."}}
minerals = report_minerals.answers(study, fitted, first)
asked = minerals.assign(constituent=minerals["constituent"].map(wording.spaced))
ax = figures_interpretation.intervals(
    asked, "constituent", "slope", f"Slope of {study.label} with ln(constituent)"
)

# %% [markdown]
# ## The next spectra
#
# {glue:text}`report-kept` New spectra from this place are read with
#
# ```bash
# soilpb predict {{site}} new_spectra.csv -o predictions.csv
# ```
#
# which gives each soil its value, an interval, the probability that it exceeds a limit, and a flag where it is unlike the soils above.
# Model and choice were made anew from each fold's training soils, in the first repeat, and judged by the fold's other soils:

# %% tags=["remove-input"]
among = kept_model.candidates(study, keep.split())
kept = kept_model.fit(study, among)
trials, exceedances = kept_model.judge(study, first, among)
worth = kept_model.scores(study, trials, exceedances)
report_tables.wrapped(kept_words.described(worth, trials, exceedances)).hide(axis="index")

# %% tags=["remove-cell"]
tables = {"folds": folds, "predictions": predictions, "scores": scores, "attributions": credit}
trial_tables = {"trials": trials, "exceedances": exceedances, "kept": kept_model.own_soils(study, kept)}
for name, table in {**tables, **trial_tables, "distances": apart_table}.items():
    study.save(name, table)
outside = float(apart.outside.mean())
limits = report_words.limits(study, outside, n_models=len(zoo))
kept_model.keep(study, kept, worth, limits)

# %% tags=["remove-cell"]
words = {
    "answer": report_words.answer(study, predictions),
    "rivalry": report_words.rivalry(scores, folds, reference=models.name_of(keys[0], study.target_name)),
    "coverage": report_words.coverage(outside),
    "best": best,
    "kept": kept_words.sentence(study, kept, best),
    "peaks": bands_used.strongest(credit),
    "label": study.label,
    "property": study.site.source_property,
    "n-repeats": n_repeats,
    "n-folds": n_folds,
}
for name, value in words.items():
    glue(f"report-{name}", value, display=False)

# %% [markdown]
# ## Above the limit?
#
# {glue:text}`report-above` {glue:text}`report-map`

# %% tags=["remove-cell"]
held_to = rule or report_limits.dividing_rule(exceedances)
mapped = report_map.of_site(study, exceedances, held_to)
waiting = report_next.unmeasured(study)
said = report_next.said_of(kept, waiting, study)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "{glue:text}`report-map-caption` ({{site}}, {{kind}})."}, "image": {"alt": "Map of the places of the soils, coloured by probability of exceedance where a limit is known and by the laboratory's value elsewhere, over a kriged surface where neighbouring soils are alike."}}
ax = report_map.draw(mapped)

# %% tags=["remove-input"]
report_limits.page(study, trials, exceedances, held_to, said)

# %% [markdown]
# ## Soils to measure next
#
# {glue:text}`report-next` {glue:text}`report-next-worth` How soils are chosen is told in {ref}`sec-decisions`.

# %% tags=["remove-input"]
wanted = report_next.send_next(study, waiting)
report_tables.foldable(report_next.shown(study, wanted, said))

# %% tags=["remove-cell"]
narrower = report_range.sentence(study)
decided = {
    "above": report_limits.sentence(study, exceedances, held_to),
    "map": report_map.sentence(mapped, study.site.seed),
    "map-caption": report_map.caption(mapped),
    "minerals": report_minerals.sentence(study, minerals),
    "next": report_next.sentence(waiting),
    "next-worth": report_next.worth(study),
    "range": narrower or report_range.covered(study),
}
for name, value in decided.items():
    glue(f"report-{name}", value, display=False)
study.save("minerals", minerals)

# %% [markdown]
# ## Limits
#
# What this page cannot tell, as far as that can be computed:

# %% tags=["remove-input"]
report_tables.listed([*limits, *filter(None, [narrower])])

# %% [markdown]
# Your own soils get this page from one small file: see {ref}`sec-site-file`.
