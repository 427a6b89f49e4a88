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

from soilpb import _format, quality
from soilpb.decide import stored_model
from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.explain import bands
from soilpb.models import baselines
from soilpb.plots import attribution, spectra, style
from soilpb.plots import scores as scores_
from soilpb.report import decision_sections, model_sections, text
from soilpb.simulate import minerals as minerals_
from soilpb.study import Study

# %% tags=["remove-input"]
study = Study.open("site_report", globals())
style.set_style()
study.banner()

# %% [markdown]
# ## Whose soils

# %% tags=["remove-input"]
text.wrapped(text.provenance(study.target.provenance))

# %% [markdown]
# Notes say what was converted, dropped or assumed on reading. The library, from which networks learnt {glue:text}`report-property`:

# %% tags=["hide-cell"]
text.wrapped(text.provenance(study.source.provenance))

# %% [markdown]
# ## Spectra
#
# {glue:text}`report-range`

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Reflectance of the site's soils ({{site}}, {{kind}}) and of the library ({{source_kind}}), and the constituents that absorb at each wavelength: a bar spans two widths on either side of a feature's centre."}, "image": {"alt": "Median reflectance of library and site against wavelength, with shaded 5 to 95 percent bands; beneath, one row a constituent, bars mark where hematite, goethite, organic matter, water, clays, carbonate and others absorb."}}
above, beneath = style.stack_axes([3.6, 2.8])
spectra.plot_spectra({"library": study.source, "site": study.target}, above)
ax = spectra.plot_atlas(minerals_.FEATURES, beneath)

# %% [markdown]
# ## Laboratory values

# %% tags=["remove-input"]
native = text.native_soils(study)
laboratory = text.laboratory(native, [study.site.target, study.site.source_property])
laboratory.style.format(text.significant, subset=["mean", "sd"]).set_properties(**{"white-space": "nowrap"})

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The laboratory's values that the models learn from ({{site}}, {{kind}}), in percent of the soils."}, "image": {"alt": "Histogram of the target's laboratory values, with a dashed line at the median."}}
values = {"site": study.target.values(study.site.target)}
label = f"{study.target_name} ({study.target_unit})" if study.target_unit else study.target_name
ax = spectra.plot_distribution(
    values, label, log=study.site.target_scale == "log", colours=[style.TARGET_COLOUR]
)

# %% [markdown]
# ## Quality
#
# Checks of the spectra on the instrument's own bands, and of what a study needs.

# %% tags=["remove-input"]
used = native.take(native.samples.index.get_indexer(study.ids))
text.wrapped(text.quality_table(used, study.site)).hide(axis="index")

# %% [markdown]
# A soil can be unusual *within* the site: then look at it. Or the site can be unusual to the *library*: then take care with all that the
# library lends. {glue:text}`report-coverage`

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from the site's other soils: within their principal components (T²) and outside them (Q). Dashed: limits that 99.9 % of one population would pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q within the site, with dashed limits; soils beyond a limit are named."}}
within = quality.measure_distances_within(study.X)
ax = spectra.plot_outliers(within.table.assign(sample=study.ids), within.t2_limit, within.q_limit)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from the library ({{source_kind}}). Dashed: limits that 95 % of the library pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q, one point a soil of the site, with the library's limits dashed."}}
apart = quality.measure_distances(study.source.reflectance, study.X)
apart_table = apart.table.assign(sample=study.ids)
ax = spectra.plot_outliers(apart_table, apart.t2_limit, apart.q_limit, most=0)

# %% [markdown]
# ## Models compared
#
# Each model tunes itself inside the training soils of a fold, and is scored on the others; groups of samples stay together.
# Dots are means over {glue:text}`report-n-repeats` repeats of {glue:text}`report-n-folds`-fold cross-validation.

# %% tags=["hide-input"]
keys = chosen.split()
zoo = baselines.registry(study.source_network(), keys, study.site.seed, epochs, study.target_name)
n_folds = 5 if study.groups is None else min(5, len(set(study.groups)))
folds = splits.repeated_kfold(study.ids, n_folds, n_repeats, study.site.seed, study.groups)
predictions = cross_validation.cross_validate(zoo, study.X, study.y, folds, study.ids, n_jobs)
scores = cross_validation.score_predictions(predictions)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "R² of each model on the site's soils ({{site}}, {{kind}}) by repeated cross-validation. Bars: 95 % intervals, had other soils of this place been sampled (bootstrap)."}, "image": {"alt": "Dots with intervals, one row a model, the best first, with R squared beside each."}}
ax = scores_.plot_league(comparison.bootstrap_interval(predictions, "R2", seed=study.site.seed))

# %% tags=["remove-input"]
ranking = text.ranking(scores)
wide = (
    cross_validation.summarise_scores(scores)
    .pivot(index="model", columns="metric", values="value")
    .loc[ranking]
)
wide = wide[["R2", "RMSE", "bias", "RPIQ", "CCC"]].rename(columns=style.SYMBOLS)
wide.rename_axis(index=None, columns=None).style.format(_format.number)

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
ax = scores_.plot_parity(of_best["predictions"], of_best["scores"], study.label)

# %% [markdown]
# ## The bands it uses
#
# The best model is fitted on each fold of the first repeat, and asked what each band adds to its predictions of the fold's other soils:
# by SHAP where it is a network, else by how its prediction answers to a little more absorbance. It leans most on {glue:text}`report-peaks`.
# The intervals (90 %) tell what other soils of this place would have changed.
# A band is not a cause: lead, for one, has no absorption here, and neighbouring bands stand in for each other ({ref}`sec-interpretation`).

# %% tags=["remove-input"]
first = folds.query("repeat == 0")
fitted = bands.fit_by_fold(zoo[best], study.X, study.y, first, study.ids)
credit = bands.attribute_by_fold(best, fitted, study.X, first, study.ids, study.grid, study.site.seed)
text.foldable(model_sections.peaks_shown(model_sections.peaks(credit, n_folds), n_folds))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of the best model's credit by wavelength ({{site}}, {{kind}}): mean over the folds, and 5–95 % of them; beneath, what absorbs where."}, "image": {"alt": "Share of credit against wavelength as a filled line with a band around it; beneath, one row a constituent, bars mark where it absorbs."}}
above, beneath = style.stack_axes([3.2, 2.8])
attribution.plot_profile(credit, above)
ax = spectra.plot_atlas(minerals_.FEATURES, beneath)

# %% [markdown]
# ## The minerals it answers to
#
# {glue:text}`report-minerals` The same models are asked: what if this soil had a little more of a constituent? Optics tell what its spectrum
# would be, rebuilt from what the spectra of this site do. Signs can be trusted further than sizes, which come out too small,
# and a slope is what the model does, not what the soil does: whatever keeps a mineral company answers with it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "How the best model's predictions answer to a little more of a constituent ({{site}}, {{kind}}), with 90 % intervals over the folds."}, "image": {"alt": "One row a constituent that absorbs in the range: the slope of the prediction with its interval beside zero."}}
minerals = model_sections.answers(study, fitted, first)
asked = minerals.assign(constituent=minerals["constituent"].map(_format.to_words))
ax = attribution.plot_intervals(asked, "constituent", "slope", f"Slope of {study.label} with ln(constituent)")

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
among = stored_model.make_candidates(study, keep.split())
kept = stored_model.fit_site_model(study, among)
trials, exceedances = stored_model.evaluate_site_model(study, first, among)
worth = stored_model.score_site_model(study, trials, exceedances)
text.wrapped(text.described(worth, trials, exceedances)).hide(axis="index")

# %% tags=["remove-cell"]
tables = {"folds": folds, "predictions": predictions, "scores": scores, "attributions": credit}
trial_tables = {
    "trials": trials,
    "exceedances": exceedances,
    "kept": stored_model.predict_own_soils(study, kept),
}
for name, table in {**tables, **trial_tables, "distances": apart_table}.items():
    study.save(name, table)
outside = float(apart.outside.mean())
limits = text.limits(study, outside, n_models=len(zoo))
stored_model.store_site_model(study, kept, worth, limits)

# %% tags=["remove-cell"]
words = {
    "answer": text.answer(study, predictions),
    "rivalry": text.rivalry(scores, folds, reference=baselines.name_of(keys[0], study.target_name)),
    "coverage": text.coverage(outside),
    "best": best,
    "kept": text.sentence(study, kept, best),
    "peaks": f"{_format.join_words([f'{nm:g}' for nm in bands.strongest_bands(credit)])} nm",
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
held_to = rule or decision_sections.dividing_rule(exceedances)
mapped = decision_sections.of_site(study, exceedances, held_to)
waiting = decision_sections.unmeasured(study)
said = decision_sections.said_of(kept, waiting, study)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "{glue:text}`report-map-caption` ({{site}}, {{kind}})."}, "image": {"alt": "Map of the places of the soils, coloured by probability of exceedance where a limit is known and by the laboratory's value elsewhere, over a kriged surface where neighbouring soils are alike."}}
ax = decision_sections.draw(mapped)

# %% tags=["remove-input"]
decision_sections.page(study, trials, exceedances, held_to, said)

# %% [markdown]
# ## Soils to measure next
#
# {glue:text}`report-next` {glue:text}`report-next-worth` How soils are chosen is told in {ref}`sec-decisions`.

# %% tags=["remove-input"]
wanted = decision_sections.send_next(study, waiting)
text.foldable(decision_sections.next_shown(study, wanted, said))

# %% tags=["remove-cell"]
narrower = model_sections.range_sentence(study)
decided = {
    "above": decision_sections.limits_sentence(study, exceedances, held_to),
    "map": decision_sections.map_sentence(mapped, study.site.seed),
    "map-caption": decision_sections.caption(mapped),
    "minerals": model_sections.minerals_sentence(study, minerals),
    "next": decision_sections.next_sentence(waiting),
    "next-worth": decision_sections.worth(study),
    "range": narrower or model_sections.covered(study),
}
for name, value in decided.items():
    glue(f"report-{name}", value, display=False)
study.save("minerals", minerals)

# %% [markdown]
# ## Limits
#
# What this page cannot tell, as far as that can be computed:

# %% tags=["remove-input"]
text.html_list([*limits, *filter(None, [narrower])])

# %% [markdown]
# Your own soils get this page from one small file: see {ref}`sec-site-file`.
