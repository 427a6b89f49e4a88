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

# %% tags=["parameters", "remove-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 2  # repeats of the outer 5-fold cross-validation
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
chosen: str = "pls ridge average resnet resnet-ph features-ridge features-pls"  # keys of soilpb.models.MODELS; the first is the reference, compared with the average
keep: str = "pls blocks average average-ph"  # keys of models, of which the best is stored
n_jobs: int = 1  # processes

# %% tags=["remove-input"]
from IPython.display import Markdown

from soilpb import decide, evaluate, plots, quality
from soilpb.decide import site_model, stored_model
from soilpb.explain import bands
from soilpb.models import baselines
from soilpb.report import record, sections, soils, tables, text
from soilpb.simulate import minerals
from soilpb.study import Study

study = Study.open("site_report", globals())
native = sections.read_native(study)
checked = native.take(native.samples.index.get_indexer(study.ids))
quality.refuse_problems(quality.check_soils(checked, study.site))
plots.set_style()
label, target = study.label.removeprefix("ln "), study.site.target
logarithmic = study.site.target_scale == "log"

# %% tags=["remove-input"]
n_folds = 5 if study.groups is None else min(5, len(set(study.groups)))
folds = evaluate.repeated_kfold(study.ids, n_folds, n_repeats, study.site.seed, study.groups)
first = folds.query("repeat == 0")
candidates = site_model.make_candidates(study, keep.split())
stored = site_model.fit_site_model(study, candidates)
trials, exceedances = site_model.evaluate_site_model(study, first, candidates)
rule = study.site.rule or soils.choose_rule(exceedances)
unmeasured, predicted = sections.read_unmeasured(study), None
if unmeasured is not None:
    ph = unmeasured.samples.get("pH", float("nan"))
    predicted = stored_model.predict_soils(
        stored, unmeasured, target, *site_model.site_rules(study.site), ph=ph
    )
    predicted = predicted.join(unmeasured.samples.filter(["unit"]))
decided = soils.decide_by_rule(study, stored, unmeasured)
units = decided.get(rule)
apart = decide.compare_with_world(study.target)
listed = soils.list_soils(study, trials, exceedances, rule, predicted)

# %% tags=["remove-input"]
decision, skill = text.describe_decision(study, decided, rule), text.describe_skill(study, trials)
decision += text.describe_exceeding(listed)
warned = text.list_warnings(study, trials, float(apart.outside.mean()), rule)
tables.answer_html(decision, warned, None if units is None else tables.tabulate_units(units, label), skill)

# %% tags=["remove-input"]
tables.fold_table(tables.tabulate_sizes(None if units is None else decide.size_on_site(study.site, units)))

# %% tags=["remove-input"]
further = stored_model.decide_targets(study)
if len(further):
    further["unit"] = further["target"] + ", " + further["rule"] + ": " + further["unit"].astype(str)
    further = tables.tabulate_units(further, "mg/kg")
tables.fold_table(further)

# %% tags=["remove-input"]
unmapped = "There is no map: no true coordinates of the soils are known."
Markdown(unmapped if decide.local_coordinates(study.target.samples) is None else "## Map")

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The site's soils ({{site}}, {{kind}}): the probability that a soil is above its limit, by a model that had not seen the soil, or the laboratory's value where no limit is known. What lies between them is decided by the mean of their unit."}, "image": {"alt": "Map of the soils with a scale bar, coloured by the probability of exceedance where a limit is known and by the laboratory's value elsewhere."}}
ax = sections.draw_map(study, exceedances, rule)

# %% [markdown]
# ## Who, when and how

# %% tags=["remove-input"]
study.banner()

# %% tags=["remove-input"]
tables.wrap_table(record.tabulate_record(study))

# %% [markdown]
# What this page was made of; the same files give the same numbers.

# %% tags=["remove-input"]
inputs = record.tabulate_inputs(study)
tables.fold_table(inputs)

# %% [markdown]
# ## Soils above the limit

# %% tags=["remove-input"]
each = f"Each soil against {site_model.site_rules(study.site)[0]}, “{rule}”, at its own pH. A spectrum calls a soil above if it gives a probability of {soils.LIKELY} or more, by a model that had not seen it."
Markdown(each if rule else "No limit is applied to single soils, for the reason given at the top.")

# %% tags=["remove-input"]
tables.fold_table(soils.tabulate_confusion(listed)) if rule else None

# %% [markdown]
# ## Every soil
#
# By spectrum means: by a model that had not seen the soil. A dash means that the laboratory has no value.
# The interval takes each error in both directions; the probability takes it with its sign. Where errors are skewed the two differ, and the probability is the sharper.

# %% tags=["remove-input"]
tables.fold_table(tables.tabulate_soils(listed[~listed["flagged"]], label))

# %% tags=["remove-input"]
flagged = listed[listed["flagged"]]
none = "No soil is so unlike the others that its prediction could not be used."
Markdown("These soils are unlike the others. Their predictions are not to be used:" if len(flagged) else none)

# %% tags=["remove-input"]
tables.fold_table(tables.tabulate_soils(flagged, label))

# %% tags=["remove-input"]
record.link_files(study.site.site, record.write_soils(study, listed))

# %% [markdown]
# ## Soils to measure next

# %% tags=["remove-input"]
left = "Every soil of this site has its laboratory value: none is left to measure."
if unmeasured is not None:
    left = f"{unmeasured.n_samples} spectra of this site have no laboratory value. Measured in this order they would reduce the uncertainty of all predictions most."
Markdown(left)

# %% tags=["remove-input"]
chosen_next = None if unmeasured is None else sections.choose_next_samples(study, unmeasured)
following = None if unmeasured is None else tables.tabulate_next_samples(study, chosen_next, predicted)
None if following is None else tables.fold_table(following)

# %% [markdown]
# ## How well spectra predict

# %% tags=["remove-input"]
Markdown(text.describe_stored_model(study, stored))

# %% [markdown]
# To test it, model and choice were made anew without each fifth of the soils in turn, and that fifth was predicted.
# R² is the share of the laboratory's variance that is explained, RMSE the typical error; both stand at the top, too, with intervals.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Laboratory values against predictions of each soil by a model made the same way without it ({{site}}, {{kind}})."}, "image": {"alt": "Parity plot of observed against predicted values with the one-to-one line and the scores in the corner."}}
held_out = trials.assign(model="stored")
ax = plots.plot_parity(held_out, evaluate.score_predictions(held_out), label, log=logarithmic)

# %% tags=["remove-input"]
sensor = study.site.sensor
tables.fold_table(tables.tabulate_sensor(site_model.compare_sensor(study, first))) if sensor else None

# %% [markdown]
# Errors are not alike for all soils. By tenths of the measured values, the lowest first:

# %% tags=["remove-input"]
tables.fold_table(tables.tabulate_levels(decide.coverage_by_content(trials)))

# %% tags=["remove-input"]
worth = site_model.score_site_model(study, trials, exceedances)
tables.wrap_table(tables.tabulate_trial(worth, trials, exceedances)).hide(axis="index")

# %% [markdown]
# What would the stored model say of the same soils, had they been measured otherwise? Another instrument here has a smooth ripple of 3 %,
# wavelengths that are 1 nm off, a gain of 5 % and noise of its own.

# %% tags=["remove-input"]
robustness = site_model.assess_robustness(study, stored)
tables.wrap_table(tables.tabulate_robustness(robustness, study)).hide(axis="index")

# %% [markdown]
# ## Laboratory values

# %% tags=["remove-input"]
laboratory = tables.tabulate_laboratory(native, [target, study.site.source_property])
laboratory.style.format(tables.format_significant, subset=list(laboratory)[2:]).set_properties(
    **{"white-space": "nowrap"}
)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "The laboratory's values that the models are trained on ({{site}}, {{kind}}), in percent of the soils."}, "image": {"alt": "Histogram of the target's laboratory values, with a dashed line at the median."}}
values = {"site": study.target.values(target)}
ax = plots.plot_distribution(values, label, log=logarithmic, colours=[plots.TARGET_COLOUR])

# %% [markdown]
# ## Spectra

# %% tags=["remove-input"]
covered = text.describe_range(study, sections.compare_ranges(study))
Markdown(covered)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Reflectance of the site's soils ({{site}}, {{kind}}) and of a library ({{source_kind}}), and the constituents that absorb at each wavelength: a bar spans two widths on either side of a feature's centre."}, "image": {"alt": "Median reflectance of library and site against wavelength, with shaded 5 to 95 percent bands; beneath, one row per constituent, bars mark where hematite, goethite, organic matter, water, clays, carbonate and others absorb."}}
above, beneath = plots.stack_axes([3.6, 2.8])
plots.plot_spectra({"library": study.source, "site": study.target}, above)
ax = plots.plot_atlas(minerals.FEATURES, beneath)

# %% tags=["remove-input"]
keys = chosen.split()
starts = any(evaluate.needs_source_network(key) for key in [*keys, *keep.split()])
drawn = "No model of this page learned from the library; its spectra are drawn for comparison only:"
Markdown("Neural networks of this page learned from the library first:" if starts else drawn)

# %% tags=["remove-input"]
tables.wrap_table(tables.tabulate_provenance(study.source.provenance))

# %% [markdown]
# ## Quality
#
# Checks of the spectra on the instrument's own bands, and of what a study needs.

# %% tags=["remove-input"]
tables.wrap_table(tables.tabulate_quality(checked, study.site)).hide(axis="index")

# %% [markdown]
# A soil can be unusual *within* the site: then look at it. Or it can be unusual *among the soils of the world*, here 4,168 measured ones of
# the ICRAF-ISRIC library, dried and sieved: then what was learnt elsewhere may fail on it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from the site's other soils: within their principal components (T²) and outside them (Q). Dashed: limits that 99.9 % of one population would pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q within the site, with dashed limits; soils beyond a limit are named."}}
within = quality.measure_distances_within(study.X)
ax = plots.plot_outliers(within.table.assign(sample=study.ids), within.t2_limit, within.q_limit)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Distance of each soil ({{site}}, {{kind}}) from 4,168 soils of the world (ICRAF-ISRIC, measured). Dashed: limits that 95 % of them pass."}, "image": {"alt": "Scatter plot on logarithmic axes of T squared against Q, one point per soil of the site, with the world's limits dashed."}}
distances = apart.table.assign(sample=study.ids)
ax = plots.plot_outliers(distances, apart.t2_limit, apart.q_limit, most=0)

# %% tags=["remove-input"]
coverage = text.describe_coverage(float(apart.outside.mean()))
Markdown(coverage)

# %% [markdown]
# ## Other models
#
# Would another kind of model do better? Each is tuned on the training soils of a fold and scored on the others; groups of samples stay together.

# %% tags=["remove-input"]
network = study.source_network() if starts else None
models = baselines.make_models(network, keys, study.site.seed, epochs, study.target_name)
predictions = evaluate.cross_validate(models, study.X, study.y, folds, study.ids, n_jobs, study.groups)
scores = evaluate.score_predictions(predictions)
tables.fold_table(tables.tabulate_models(predictions, study, text.explain_models(study)))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "R² of each model in the laboratory's unit ({{site}}, {{kind}}) by repeated cross-validation. Bars: 95 % bootstrap intervals over the soils (over whole groups, where soils come in groups)."}, "image": {"alt": "Dots with intervals, one row per model, the best first, with R squared beside each."}}
natural = tables.in_laboratory_unit(study, predictions)
ax = plots.plot_league(evaluate.bootstrap_interval(natural, groups=study.group_of, seed=study.site.seed))

# %% tags=["remove-input"]
reference, other = keys[0], "average" if "average" in keys else keys[-1]
reference, primary = (baselines.model_name(key, study.target_name) for key in (reference, other))
Markdown(
    f"{n_folds}-fold cross-validation, {n_repeats} times repeated. "
    f"{text.compare_with_reference(scores, folds, reference, primary)}"
)

# %% [markdown]
# ## The bands it responds to
#
# The stored model, fitted without each fold, predicts the fold's other soils, and its predictions are attributed to bands:
# by how they change with absorbance (by Shapley values if it is a network). The intervals (90 %) say what other soils of this place
# could have changed. A band is not a cause: lead, for one, has no absorption here, and neighbouring bands can replace each other.

# %% tags=["remove-input"]
fitted = sections.choose_illustrated(study, stored, first)
attributions = bands.attribute_by_fold(
    stored.target.name, fitted, study.X, first, study.ids, study.grid, study.site.seed
)
ranked = sections.rank_bands(attributions, n_folds)
tables.fold_table(tables.tabulate_bands(ranked, n_folds))

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Share of the stored model's attributions by wavelength ({{site}}, {{kind}}): mean over the folds, and 5–95 % of them; dashed: the bands of the table; beneath, what absorbs where."}, "image": {"alt": "Share of attributions against wavelength as a filled line with a band around it; beneath, one row per constituent, bars mark where it absorbs."}}
above, beneath = plots.stack_axes([3.2, 2.8])
plots.plot_profiles(attributions, above, marked=ranked["wavelength"])
ax = plots.plot_atlas(minerals.FEATURES, beneath)

# %% [markdown]
# ## The minerals it responds to
#
# What would the same models predict if a soil had a little more of a constituent? Its spectrum is computed by optics and rebuilt from
# the components of this site's spectra. The signs are more reliable than the sizes, which come out too small. A slope describes the
# model, not the soil: what is correlated with a mineral changes with it.

# %% tags=["remove-input"] mystnb={"figure": {"caption": "How the stored model's predictions change with a little more of a constituent ({{site}}, {{kind}}), with 90 % intervals over the folds."}, "image": {"alt": "One row per constituent that absorbs in the range: the slope of the prediction with its interval beside zero."}}
slopes = sections.compute_mineral_slopes(study, fitted, first)
shown = slopes.assign(constituent=slopes["constituent"].str.replace("_", " "))
ax = plots.plot_intervals(shown, "constituent", "slope", f"Slope of {study.label} with ln(constituent)")

# %% tags=["remove-input"]
Markdown(text.describe_minerals(study, slopes))

# %% [markdown]
# ## Limits of this page

# %% tags=["remove-input"]
limitations = text.describe_limitations(study, len(models))
stored_model.store_site_model(study, stored, worth, [*limitations, coverage, covered], robustness)
tables.html_list(limitations)

# %% tags=["remove-input"]
results = {"folds": folds, "predictions": predictions, "scores": scores, "attributions": attributions}
results |= {"trials": trials, "exceedances": exceedances, "minerals": slopes, "distances": distances}
results |= {} if units is None else {"units": units}
rules = site_model.site_rules(study.site)
results["kept"] = stored_model.predict_soils(stored, study.target, target, *rules).reset_index()
for name, table in results.items():
    study.save(name, table)
