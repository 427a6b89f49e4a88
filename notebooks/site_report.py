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
# How well do spectra predict what the laboratory finds at this site, and which of its soils are above a limit?

# %% tags=["parameters", "remove-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 2  # repeats of the outer 5-fold cross-validation
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
chosen: str = "pls ridge average resnet resnet-ph features-ridge features-pls"  # keys of soilpb.models.MODELS; the first is the reference, compared with the average
rule: str = ""  # rule whose limits are applied; empty: the one nearest to half of the soils exceed
keep: str = "pls blocks average average-ph"  # keys of models, of which the best is stored
n_jobs: int = 1  # processes

# %% tags=["remove-input"]
from IPython.display import Markdown, display

from soilpb import _format, evaluate, plots, quality
from soilpb.decide import compare_with_world, decision_units, stored_model
from soilpb.explain import bands
from soilpb.models import baselines
from soilpb.report import sections, tables, text
from soilpb.simulate import minerals
from soilpb.study import Study

study = Study.open("site_report", globals())
native = sections.read_native(study)
used = native.take(native.samples.index.get_indexer(study.ids))
quality.refuse_problems(quality.check_soils(used, study.site))
plots.set_style()
answer = display(Markdown("The answer appears here once the report has been executed."), display_id=True)

# %% [markdown]
# One notebook makes this page for every site, so that sites can be compared. Its parts are explained in the chapters of the book:
# distances from the soils of the world in {ref}`sec-data`, the networks in {ref}`sec-transfer`, scores and their uncertainty in {ref}`sec-baselines`,
# attributions of bands and slopes of minerals in {ref}`sec-interpretation`, limits and the choice of samples in {ref}`sec-decisions`.

# %% tags=["remove-input"]
study.banner()

# %% [markdown]
# ## Whose soils
#
# Notes say what was converted, dropped or assumed on reading.

# %% tags=["remove-input"]
tables.wrap_table(tables.tabulate_provenance(study.target.provenance))

# %% tags=["remove-input"]
keys = chosen.split()
starts = any(evaluate.needs_source_network(key) for key in [*keys, *keep.split()])
none = "No model of this page starts from a network that learned from a library, so none was trained. The figure below draws the spectra beside this library:"
Markdown("The networks were trained on this library:" if starts else none)

# %% tags=["hide-cell"]
tables.wrap_table(tables.tabulate_provenance(study.source.provenance))

# %% [markdown]
# ## Spectra

# %% tags=["remove-input"]
covered = text.describe_range(study, sections.compare_ranges(study))
Markdown(covered)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Reflectance of the site's soils ({{site}}, {{kind}}) and of the library ({{source_kind}}), and the constituents that absorb at each wavelength: a bar spans two widths on either side of a feature's centre."}, "image": {"alt": "Median reflectance of library and site against wavelength, with shaded 5 to 95 percent bands; beneath, one row per constituent, bars mark where hematite, goethite, organic matter, water, clays, carbonate and others absorb."}}
above, beneath = plots.stack_axes([3.6, 2.8])
plots.plot_spectra({"library": study.source, "site": study.target}, above)
ax = plots.plot_atlas(minerals.FEATURES, beneath)

# %% [markdown]
# ## Laboratory values

# %% tags=["remove-input"]
laboratory = tables.tabulate_laboratory(native, [study.site.target, study.site.source_property])
laboratory.style.format(tables.format_significant, subset=list(laboratory)[2:]).set_properties(
    **{"white-space": "nowrap"}
)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The laboratory's values that the models are trained on ({{site}}, {{kind}}), in percent of the soils."}, "image": {"alt": "Histogram of the target's laboratory values, with a dashed line at the median."}}
values = {"site": study.target.values(study.site.target)}
label = study.label.removeprefix("ln ")
logarithmic = study.site.target_scale == "log"
ax = plots.plot_distribution(values, label, log=logarithmic, colours=[plots.TARGET_COLOUR])

# %% [markdown]
# ## Quality
#
# Checks of the spectra on the instrument's own bands, and of what a study needs.

# %% tags=["remove-input"]
tables.wrap_table(tables.tabulate_quality(used, study.site)).hide(axis="index")

# %% [markdown]
# A soil can be unusual *within* the site: then look at it. Or it can be unusual *among the soils of the world*, here 4,168 measured ones of
# the ICRAF-ISRIC library, dried and sieved: then what was learnt elsewhere may fail on it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from the site's other soils: within their principal components (T²) and outside them (Q). Dashed: limits that 99.9 % of one population would pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q within the site, with dashed limits; soils beyond a limit are named."}}
within = quality.measure_distances_within(study.X)
ax = plots.plot_outliers(within.table.assign(sample=study.ids), within.t2_limit, within.q_limit)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from 4,168 soils of the world (ICRAF-ISRIC, measured). Dashed: limits that 95 % of them pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q, one point per soil of the site, with the world's limits dashed."}}
apart = compare_with_world(study.target)
distances = apart.table.assign(sample=study.ids)
ax = plots.plot_outliers(distances, apart.t2_limit, apart.q_limit, most=0)

# %% tags=["remove-input"]
coverage = text.describe_coverage(float(apart.outside.mean()))
Markdown(coverage)

# %% [markdown]
# ## Models compared
#
# Each model is tuned on the training soils of a fold and scored on the others; groups of samples stay together.

# %% tags=["hide-input"]
network = study.source_network() if starts else None
models = baselines.make_models(network, keys, study.site.seed, epochs, study.target_name)
n_folds = 5 if study.groups is None else min(5, len(set(study.groups)))
folds = evaluate.repeated_kfold(study.ids, n_folds, n_repeats, study.site.seed, study.groups)
predictions = evaluate.cross_validate(models, study.X, study.y, folds, study.ids, n_jobs, study.groups)
scores = evaluate.score_predictions(predictions)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "R² of each model on the site's soils ({{site}}, {{kind}}) by repeated cross-validation. Bars: 95 % bootstrap intervals over the soils (over whole groups, where soils come in groups)."}, "image": {"alt": "Dots with intervals, one row per model, the best first, with R squared beside each."}}
ax = plots.plot_league(evaluate.bootstrap_interval(predictions, groups=study.group_of, seed=study.site.seed))

# %% tags=["remove-input"]
ranking = text.rank_models(scores)
wide = evaluate.summarise_scores(scores).pivot(index="model", columns="metric", values="value")
wide = wide.loc[ranking, ["R2", "RMSE", "bias", "RPIQ", "CCC"]].rename(columns={"R2": "R²"})
wide.rename_axis(index=None, columns=None).style.format(_format.number)

# %% tags=["remove-input"]
reference, other = keys[0], "average" if "average" in keys else keys[-1]
reference, primary = (baselines.model_name(key, study.target_name) for key in (reference, other))
Markdown(
    f"Scores are of {n_folds}-fold cross-validation, {n_repeats} times repeated, on the scale of {study.label}. "
    f"{text.compare_with_reference(scores, folds, reference, primary)}"
)

# %% [markdown]
# ## The best model
#
# Each point is the mean of a soil's predictions, by models that had not seen the soil in training.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Observed against predicted by the best model ({{site}}, {{kind}}), under repeated cross-validation; thin lines span the repeats."}, "image": {"alt": "Parity plot of observed against predicted values with the one-to-one line and the scores in the corner."}}
best = ranking[0]
ax = plots.plot_parity(predictions.query("model == @best"), scores.query("model == @best"), study.label)

# %% [markdown]
# ## The bands it uses
#
# The best model is fitted on each fold of the first repeat, and the predictions of the fold's other soils are attributed to bands:
# by SHAP if it is a network, else by how its prediction changes with absorbance. The intervals (90 %) say what other soils of this place
# could have changed. A band is not a cause: lead, for one, has no absorption here, and neighbouring bands can replace each other.

# %% tags=["remove-input"]
first = folds.query("repeat == 0")
fitted = bands.fit_by_fold(models[best], study.X, study.y, first, study.ids, study.groups)
attributions = bands.attribute_by_fold(best, fitted, study.X, first, study.ids, study.grid, study.site.seed)
tables.fold_table(tables.tabulate_bands(sections.rank_bands(attributions, n_folds), n_folds))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of the best model's attributions by wavelength ({{site}}, {{kind}}): mean over the folds, and 5–95 % of them; beneath, what absorbs where."}, "image": {"alt": "Share of attributions against wavelength as a filled line with a band around it; beneath, one row per constituent, bars mark where it absorbs."}}
above, beneath = plots.stack_axes([3.2, 2.8])
plots.plot_profile(attributions, above)
ax = plots.plot_atlas(minerals.FEATURES, beneath)

# %% [markdown]
# ## The minerals it responds to
#
# What would the same models predict if a soil had a little more of a constituent? Its spectrum is computed by optics and rebuilt from
# the components of this site's spectra. The signs are more reliable than the sizes, which come out too small. A slope describes the
# model, not the soil: what is correlated with a mineral changes with it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "How the best model's predictions change with a little more of a constituent ({{site}}, {{kind}}), with 90 % intervals over the folds."}, "image": {"alt": "One row per constituent that absorbs in the range: the slope of the prediction with its interval beside zero."}}
slopes = sections.compute_mineral_slopes(study, fitted, first)
shown = slopes.assign(constituent=slopes["constituent"].map(_format.to_words))
ax = plots.plot_intervals(shown, "constituent", "slope", f"Slope of {study.label} with ln(constituent)")

# %% tags=["remove-input"]
Markdown(text.describe_minerals(study, slopes))

# %% [markdown]
# ## The stored model
#
# New spectra from this place are predicted with
#
# ```bash
# soilpb predict {{site}} new_spectra.csv -o predictions.csv
# ```
#
# which gives each soil its value, an interval, the probability that it exceeds a limit, and a flag where it is unlike the soils above.

# %% tags=["remove-input"]
candidates = stored_model.make_candidates(study, keep.split())
stored = stored_model.fit_site_model(study, candidates)
trials, exceedances = stored_model.evaluate_site_model(study, first, candidates)
worth = stored_model.score_site_model(study, trials, exceedances)
Markdown(text.describe_stored_model(study, stored, best))

# %% [markdown]
# To test it, model and choice were made anew from the training soils of each fold, in the first repeat. On the fold's other soils:

# %% tags=["remove-input"]
tables.wrap_table(tables.tabulate_trial(worth, trials, exceedances)).hide(axis="index")

# %% [markdown]
# ## Robustness
#
# What would the stored model say of the same soils, had they been read otherwise? Each soil is predicted by a fit that had not seen it.
# Another instrument here has a smooth ripple of 3 %, wavelengths that are 1 nm off, a gain of 5 % and noise of its own;
# `soilpb standardise` learns to correct it from 5 to 30 soils measured on both.

# %% tags=["remove-input"]
robustness = stored_model.assess_robustness(study, stored)
tables.wrap_table(tables.tabulate_robustness(robustness, study)).hide(axis="index")

# %% tags=["remove-input"]
limitations = text.describe_limitations(study, len(models))
stored_model.store_site_model(study, stored, worth, [*limitations, coverage, covered], robustness)

# %% [markdown]
# ## Above the limit?

# %% tags=["remove-input"]
rule = rule or sections.choose_rule(exceedances)
mapped = sections.map_site(study, exceedances, rule)
unmeasured = sections.read_unmeasured(study)
target, predicted = study.site.target, None
if unmeasured is not None:
    predicted = stored_model.predict_soils(stored, unmeasured, target, *stored_model.site_rules(study.site))
counted = text.count_exceeding(study, exceedances, rule)
units = decision_units.decide_on_site(study, stored, stored_model.site_rules(study.site), rule, unmeasured)
decided = text.describe_decision(study, units, rule)
listed = "" if units is None else tables.tabulate_units(units, study.target_unit)
best_model = text.describe_best_model(study, predictions)
answer.update(Markdown(f"{decided}\n\n{listed}\n\n{best_model} {counted}"))
Markdown(text.describe_exceeding(study, exceedances, rule))

# %% tags=["remove-input"]
exceeding = sections.list_exceeding(study, trials, exceedances, rule, predicted) if rule else None
exceeding if exceeding is None else tables.fold_table(tables.tabulate_exceeding(exceeding))

# %% tags=["remove-input"]
Markdown(text.describe_map(mapped))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The site's soils ({{site}}, {{kind}}): the probability of exceeding the limit, by a model that had not seen the soil, or the laboratory's value where no limit is known."}, "image": {"alt": "Map of the soils, coloured by probability of exceedance where a limit is known and by the laboratory's value elsewhere."}}
ax = sections.draw_map(mapped)

# %% [markdown]
# ## Soils to measure next

# %% tags=["remove-input"]
Markdown(
    f"{text.describe_next_samples(unmeasured)} {text.describe_choosing(sections.compare_choosing(study))}"
)

# %% tags=["remove-input"]
wanted = sections.choose_next_samples(study, unmeasured)
tables.fold_table(tables.tabulate_next_samples(study, wanted, predicted))

# %% [markdown]
# ## Limits
#
# What this page cannot tell:

# %% tags=["remove-input"]
tables.html_list(limitations)

# %% tags=["remove-input"]
results = {"folds": folds, "predictions": predictions, "scores": scores, "attributions": attributions}
results |= {"trials": trials, "exceedances": exceedances, "minerals": slopes, "distances": distances}
rules = stored_model.site_rules(study.site)
results |= {} if units is None else {"units": units}
results["kept"] = stored_model.predict_soils(stored, study.target, target, *rules).reset_index()
for name, table in results.items():
    study.save(name, table)

# %% [markdown]
# Your own soils get this page from one small file: see {ref}`sec-site-file`.
