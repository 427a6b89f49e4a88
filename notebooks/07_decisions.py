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
# (sec-decisions)=
# # Decide: where, how sure, and what next
#
# A mine's team does not need R². It needs to know where lead is above the limit, how sure that is, and which samples to send to the laboratory.
# {glue:text}`decide-coverage` {glue:text}`decide-calibration` {glue:text}`decide-cheapest`
#
# ```{admonition} You will be able to
# :class: tip
# - give each prediction an interval, and check that it holds what it promises;
# - turn a spectrum into the probability that a soil exceeds a limit which itself depends on the soil's pH;
# - choose between ignoring, sending and treating by your own costs;
# - say which spectra a model should not be asked about, and which soils to measure next.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*

# %% tags=["parameters"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 3  # repeats of the outer 5-fold cross-validation
n_draws: int = 8  # times that learning curves set other soils aside
rule: str = "intervention"  # whose limits are mapped: a rule of the standard
analysis: float = 60.0  # cost of one soil in the laboratory
remediation: float = 1500.0  # cost of treating what one soil stands for
harm: float = 6000.0  # cost of leaving a soil above its limit as it is

# %%
import json

import numpy as np
from myst_nb import glue

from soilpb import _format
from soilpb.decide import applicability, exceedance, sampling, stored_model
from soilpb.evaluate import splits
from soilpb.old import decision_record, decision_words
from soilpb.plots import decisions, style, training
from soilpb.report import sections, tables, text
from soilpb.site_file import project_root
from soilpb.study import Study

study = Study.open("07_decisions", globals())
style.set_style()
study.banner()

# %% [markdown]
# ## How far off can a prediction be?
#
# The model is the one that {ref}`a site's report keeps <sec-site-file>`: the best of {glue:text}`decide-tried`.
# Each is fitted once on all soils and once without each of {glue:text}`decide-n-folds` folds.
# How far each soil was missed by the fit that had not seen it says how far the next may be missed: CV+ intervals {cite:p}`barber2021`.
# They are made on the logarithm and read in {glue:text}`decide-unit`, so they are wider for richer soils.
#
# The same errors choose the model, and errors that chose a model flatter it. So the model of each fold is chosen by the errors at the
# soils of the *other* folds: no soil has a say in which model is to predict it.
#
# An interval is only as good as its promise. So all of it, folds, choice and all, is made from the training soils of an outer
# cross-validation, and the other soils say whether it held. In its folds these were chosen: {glue:text}`decide-chosen`.

# %%
folds = splits.repeated_kfold(study.ids, 5, n_repeats, study.site.seed, study.groups)
among = stored_model.make_candidates(study)
predictions, exceedances = stored_model.evaluate_site_model(study, folds, among)
worth = stored_model.score_site_model(study, predictions, exceedances)

# %% mystnb={"figure": {"caption": "90 % intervals of {glue:text}`decide-target` and what the laboratory found, in the first repeat ({glue:text}`decide-kind` soils).", "name": "fig-intervals"}, "image": {"alt": "Vertical bars, one a soil, in the order of predicted lead on a logarithmic axis; points within their bar are blue, the few outside it red."}}
first = predictions.query("repeat == 0")
label = f"{study.target_name} ({study.target_unit})"
ax = decisions.plot_prediction_intervals(first, label, log=study.site.target_scale == "log")

# %% [markdown]
# {glue:text}`decide-coverage` The interval of a typical soil runs from {glue:text}`decide-below:.2f` to {glue:text}`decide-above:.2f` times its prediction.
#
# ## Is it above the limit?
#
# China's limits for farmland depend on pH {cite:p}`gb15618`, and pH is what the study's network learns first.
# Here pH is predicted from the same spectrum, and its error counts twice: it moves the limit, and it goes along with the error in lead.
# So both are drawn together. Each soil of the calibration lends its two errors, in lead and in pH, as a pair; no normal law is assumed and no correlation is left out.

# %%
mapped = stored_model.select_rule(study, exceedances, rule)
table = exceedance.reliability_table(exceedances["probability"], exceedances["exceeded"])
study.save("predictions", predictions)
study.save("exceedances", exceedances)

# %% mystnb={"figure": {"caption": "Reliability of the probabilities of exceeding GB 15618-2018, all rules and repeats, pH predicted ({glue:text}`decide-kind` soils). Bars: 95 % intervals that take repeats for further soils, and so are too short; numbers: predictions in the bin.", "name": "fig-reliability"}, "image": {"alt": "Observed share of exceedances against the probability that was given, in ten bins about the dashed diagonal, with error bars; most soils are at both ends."}}
ax = decisions.plot_reliability(table)

# %% [markdown]
# Over all rules the error is {glue:text}`decide-error-all:.3f`. But limits far below or above all soils are easily judged.
# The rule “{glue:text}`decide-rule`” is a harder test, on each soil once. {glue:text}`decide-calibration`
#
# {numref}`fig-chances` puts the probabilities for that rule on the map. What lies *between* the soils nobody scanned; the laboratory's values
# of neighbours may tell. The target and pH are kriged, with parameters by maximum likelihood, and their errors at left-out places are drawn
# together as before. {glue:text}`decide-map`

# %% mystnb={"figure": {"caption": "{glue:text}`decide-map-caption` ({glue:text}`decide-kind` soils). Triangles: the laboratory found it above.", "name": "fig-chances"}, "image": {"alt": "Map of the soils' places coloured by probability of exceedance; triangles mark soils measured above the limit, circles the others; most circles are dark. Where neighbours are alike the ground between is coloured too."}}
ground = sections.map_site(study, exceedances, rule)
unmapped = f"Probability above the limit, {rule}"
ax = sections.draw_map(ground) or decisions.plot_probabilities(mapped, unmapped)

# %% [markdown]
# ## What does it cost to be wrong?
#
# A soil can be ignored, sent to the laboratory, or treated at once. Which is cheapest depends on its probability and on three costs,
# which are parameters of this chapter: an analysis at {glue:text}`decide-analysis:.0f`, a treatment at {glue:text}`decide-remediation:.0f`,
# the harm of a soil left above its limit at {glue:text}`decide-harm:.0f`. They are invented. Put in your own.

# %% mystnb={"figure": {"caption": "Expected cost of each action, by the probability of exceedance, at the chapter's costs. Shaded: the cheapest.", "name": "fig-actions"}, "image": {"alt": "Three lines: the cost of ignoring rises steeply from zero, that of sending rises gently, that of treating is level; the lowest of them is shaded."}}
prices = exceedance.Costs(analysis, remediation, harm)
odds = np.linspace(0, 1, 201)
expected = exceedance.expected_costs(odds, prices).drop(columns="best")
ax = decisions.plot_costs(expected.assign(probability=odds))

# %% tags=["hide-input"]
policies = exceedance.compare_policies(
    mapped["probability"].to_numpy(), mapped["exceeded"].to_numpy(), prices
)
dearer = exceedance.Costs(5 * analysis, remediation, harm)
dearer = exceedance.compare_policies(mapped["probability"].to_numpy(), mapped["exceeded"].to_numpy(), dearer)
study.save("policies", policies)
shares = dict.fromkeys(exceedance.ACTIONS, "{:.0%}")
policies.style.format({"cost": "{:.0f}", **shares}).hide(axis="index")

# %% [markdown]
# Costs are a soil, for the rule “{glue:text}`decide-rule`”; the last row is what nobody can do. {glue:text}`decide-cheapest`
# Were an analysis five times as dear: {glue:text}`decide-dearer`
# At the chapter's costs a soil is worth sending between probabilities of {glue:text}`decide-send-from:.2f` and {glue:text}`decide-send-to:.2f`.
#
# ## Should the model be asked at all?
#
# A spectrum unlike those of the site gets a number all the same, whichever model is kept. T² and Q among the principal components of
# the site's spectra flag it, with limits from soils that were left out: on average at most {glue:text}`decide-allowed:.0f` % of soils of the same kind are flagged.
# Whether the flag notices a kind it has *not* seen is tested by leaving whole clusters of soils out.

# %% tags=["hide-input"]
clusters = applicability.leave_cluster_out(study.X, seed=study.site.seed)
study.save("clusters", clusters)
names = {
    "n": "soils",
    "caught": "flagged, when left out",
    "false_alarms": "flagged of other soils",
}
percent = dict.fromkeys([names["caught"], names["false_alarms"]], "{:.0%}")
clusters.drop(columns="n_others").rename(columns=names).style.format(percent).hide(axis="index")

# %% [markdown]
# {glue:text}`decide-flags` Clusters of one population border on each other, so most of a cluster lies within what its neighbours span, and a model may well be right there.
# On soils that truly differ the flag does better, as the last section of this chapter shows.
#
# ## Which soils to measure next?
#
# Spectra are cheap, so there are usually more of them than analyses. Does it pay to choose? Twenty soils start at random, and four methods choose the next:
# *random*; *Kennard–Stone*, always the farthest {cite:p}`kennardstone1969`; a *Latin hypercube* that fills the components evenly {cite:p}`minasny2006`;
# and *uncertainty*, always the soil that would make a linear model surest of all the others. None sees a laboratory value.

# %%
aside = splits.random_split(study.ids, n_draws, 0.3, study.site.seed, study.groups)
sizes = np.linspace(20, splits.count_training_rows(aside).min(), 6).astype(int)[:-1]
curves = sampling.learning_curves(study.X, study.y, aside, sizes, study.ids, study.site.seed)
needed = sampling.soils_needed(curves)
study.save("next_samples", curves)

# %% mystnb={"figure": {"caption": "Error on soils set aside, by the number of soils measured and by who chose them ({glue:text}`decide-kind` soils).", "name": "fig-next"}, "image": {"alt": "Root mean square error against the number of measured soils for four ways of choosing them; all fall, with wide bars that overlap."}}
ax = training.plot_learning_curve(curves, label="Soils measured", metric="RMSE")

# %% tags=["remove-cell"]
error = exceedance.calibration_error(exceedance.reliability_table(mapped["probability"], mapped["exceeded"]))
chance = exceedance.error_by_chance(mapped["probability"], seed=study.site.seed)
send_from, send_to = prices.thresholds()
words = {
    "coverage": decision_words.coverage(worth["coverage"]),
    "calibration": decision_words.calibration(error, chance, len(mapped)),
    "cheapest": decision_words.cheapest(policies),
    "flags": decision_words.flags(clusters),
    "choices": decision_words.choices(needed),
    "below": float((predictions["lower"] / predictions["predicted"]).median()),
    "above": float((predictions["upper"] / predictions["predicted"]).median()),
    "error-all": worth["calibration_error"],
    "map": text.describe_map(ground, study.site.seed),
    "map-caption": "Probability that a soil exceeds its limit, by a model that had not seen the soil",
    "dearer": decision_words.cheapest(dearer),
    "send-from": send_from,
    "send-to": send_to,
}

# %% tags=["remove-cell"]
names = {"tried": _format.join_words(list(among)), "chosen": tables.count_choices(predictions)}
names |= {"unit": study.target_unit, "target": label, "kind": study.target.provenance.kind, "rule": rule}
settings = {"analysis": analysis, "remediation": remediation, "harm": harm}
settings |= {"allowed": 100 * applicability.FALSE_ALARMS, "n-folds": stored_model.N_FOLDS}
for name, value in {**words, **names, **settings}.items():
    glue(f"decide-{name}", value, display=False)

# %% [markdown]
# {glue:text}`decide-choices` With so few soils set aside the curves are uncertain.
#
# ## Does it hold elsewhere?
#
# One site may be lucky. So all of this was repeated on twenty simulated sites of 130 soils whose seeds had no part in any choice,
# and judged by a thousand other soils of each. What had been asked was settled before.

# %% tags=["hide-input"]
record = json.loads((project_root() / "results" / "decisions.json").read_text(encoding="utf-8"))
tables.wrap_table(decision_record.beside_what_was_asked(record)).hide(axis="index")

# %% [markdown]
# *Shift* is how far soils were moved towards iron-rich kaolinitic ones: the sites themselves lie at 0.35, the library at 0.
# *Shown both* is what a classifier caught, at ten false alarms in a hundred, that had seen 400 soils of either kind: no flag can see more than there is.
# All tables are printed by `benchmarks/decisions.py`.
#
# ## Takeaways
#
# - {glue:text}`decide-coverage`
# - {glue:text}`decide-calibration`
# - {glue:text}`decide-cheapest`
# - {glue:text}`decide-flags`
# - {glue:text}`decide-choices`
#
# ## Limits
#
# Intervals and probabilities hold for further soils of the *same* place, instrument and laboratory: that is what exchangeable means.
# They hold on average over soils, not for each kind of soil. The laboratory is taken for the truth, and its own error is inside the intervals.
# The costs are invented, and the harm of a contaminated field is more than a number.
# Probabilities are for single soils. The area of a field above its limit is another question.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml` and your own costs: `-p analysis 45 -p remediation 20000`. Which share of soils is still worth sending?
# 2. Give the rule you are bound by, `-p rule "screening, paddy"`. Does the calibration hold where the limit lies in the middle of your soils?
#
# Once its report is made, a site's model answers for new spectra from the command line: `soilpb predict <your-site> new_spectra.csv -o predictions.csv`.
