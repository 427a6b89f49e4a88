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
# A mine's team does not need R². It decides about soils: **is lead above the limit, how sure is that, and is an analysis worth its price?**
# This chapter gives each prediction an interval and each soil a probability, checks both on soils that the model had not seen, and lets costs decide.

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 3  # repeats of the outer 5-fold cross-validation
n_draws: int = 8  # times that learning curves set other soils aside
rule: str = "intervention"  # whose limits are mapped: a rule of the standard
analysis: float = 60.0  # cost of one soil in the laboratory
remediation: float = 1500.0  # cost of treating what one soil stands for
harm: float = 6000.0  # cost of leaving a soil above its limit as it is

# %% tags=["hide-input"]
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from myst_nb import glue

from soilpb import _format, decide, evaluate, plots, report
from soilpb.site_file import project_root
from soilpb.study import Study

# %% tags=["hide-input"]
study = Study.open("07_decisions", globals())
plots.set_style()
study.banner()

# %% tags=["remove-input"]
answer = display(Markdown("The answer appears here once the chapter has been executed."), display_id=True)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Probability that a soil exceeds its limit ({glue:text}`decide-rule`), by a model that had not seen the soil ({glue:text}`decide-kind` soils). Triangles: the laboratory found it above.", "name": "fig-chances"}, "image": {"alt": "Soils coloured by their probability of exceedance, on a map where coordinates are known and else in the order of the probabilities; triangles mark soils measured above the limit, circles the others; most circles have low probabilities."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - give each prediction an interval, and check that it holds what it promises;
# - turn a spectrum into the probability that a soil exceeds a limit which itself depends on the soil's pH;
# - choose between ignoring, sending and treating by your own costs;
# - say which spectra a model should not be asked about, and which soils to measure next.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*
#
# ## How far off can a prediction be?
#
# The model is the one that {ref}`a site's report stores <sec-site-file>`: the best of several candidates.
# Each candidate is fitted once on all soils, and once without each of five folds.
# How far each soil was missed by the fit that had not seen it says how far the next soil may be missed. Intervals made of such errors are called CV+ {cite:p}`barber2021`.
# They are made on the scale of the model; for lead that is the logarithm, so richer soils have wider intervals.
#
# The same errors choose the best candidate, and errors that chose a model are smaller than its errors on new soils. So the model of each fold is chosen by the errors in the
# *other* folds: no soil has a say in which model is to predict it.
#
# Does an interval hold what it promises? To find out, everything (folds, choice and all) is made from the training soils of an outer
# cross-validation, and the other soils are compared with their intervals.

# %%
folds = evaluate.repeated_kfold(study.ids, 5, n_repeats, study.site.seed, study.groups)
candidates = decide.make_candidates(study)
predictions, exceedances = decide.evaluate_site_model(study, folds, candidates)
scores = decide.score_site_model(study, predictions, exceedances)

# %% tags=["remove-cell"]
study.save("predictions", predictions)
study.save("exceedances", exceedances)
label = f"{study.target_name} ({study.target_unit})"
for name, value in {"target": label, "kind": study.target.provenance.kind, "rule": rule}.items():
    glue(f"decide-{name}", value, display=False)

# %% tags=["remove-input"]
chosen = predictions.drop_duplicates(["repeat", "fold"])["model"].value_counts()
Markdown(f"""
The candidates are {_format.join_words(list(candidates))}.
In the {chosen.sum()} outer folds these were chosen: {_format.join_words([f"{name} ({n})" for name, n in chosen.items()])}.
""")

# %% mystnb={"figure": {"caption": "90 % intervals of {glue:text}`decide-target` and what the laboratory found, in the first repeat ({glue:text}`decide-kind` soils).", "name": "fig-intervals"}, "image": {"alt": "Vertical bars, one per soil, in the order of predicted lead on a logarithmic axis; points within their bar are blue, the few outside it red."}}
first = predictions.query("repeat == 0")
ax = plots.plot_prediction_intervals(first, label, log=study.site.target_scale == "log")

# %%
coverage = scores["coverage"]
below, above = ((predictions[end] / predictions["predicted"]).median() for end in ("lower", "upper"))

# %% tags=["remove-input"]
coverage_verdict = "fewer than" if coverage < 0.87 else "as many as" if coverage <= 0.93 else "more than"
Markdown(f"""
In all repeats, {100 * coverage:.0f} % of the soils lie within their 90 % intervals: **{coverage_verdict}** promised, where 87 to 93 % counts as kept.
The interval of a typical soil runs from {below:.2f} to {above:.2f} times its prediction.
""")

# %% [markdown]
# ## Is it above the limit?
#
# China's limits for farmland depend on pH {cite:p}`gb15618`, and pH is what the study's network learns first.
# Here pH is predicted from the same spectrum. Its error counts twice: it moves the limit, and it is correlated with the error in lead.
# So both are drawn together. Each soil of the calibration gives its two errors, in lead and in pH, as a pair; no normal law is assumed.
#
# Such probabilities are true if, of the soils that are given 30 %, three in ten exceed their limit.

# %% mystnb={"figure": {"caption": "Reliability of the probabilities of exceeding GB 15618-2018, all rules and repeats, pH predicted ({glue:text}`decide-kind` soils). Bars: 95 % intervals that take repeats for further soils, and so are too short; numbers: predictions in the bin.", "name": "fig-reliability"}, "image": {"alt": "Observed share of exceedances against the probability that was given, in ten bins about the dashed diagonal, with error bars; most soils are at both ends."}}
table = decide.reliability_table(exceedances["probability"], exceedances["exceeded"])
ax = plots.plot_reliability(table)

# %% [markdown]
# But many soils are far below or far above some limit, where a probability is easy. One rule, with each soil once, is the harder test.

# %%
by_rule = decide.select_rule(study, exceedances, rule)
table = decide.reliability_table(by_rule["probability"], by_rule["exceeded"])
error = decide.calibration_error(table)
chance = decide.error_by_chance(by_rule["probability"], seed=study.site.seed)

# %% tags=["remove-input"]
calibration_verdict = "no more" if error <= chance else "more"
Markdown(f"""
Over all rules, probabilities are off by {scores["calibration_error"]:.3f} on average.
For “{rule}” they are off by {error:.2f} over {len(by_rule)} soils. With so few soils, true probabilities would be off by up to {chance:.2f}, by chance alone.
So the error is **{calibration_verdict}** than chance explains{"" if error <= max(chance, 0.05) else ": take these probabilities with care"}.
""")

# %% [markdown]
# {numref}`fig-chances` shows the probabilities for that rule, where coordinates are known on a map. Nobody scanned the ground *between* the soils:
# what lies there is decided by the mean of its unit. On the twin the coordinates are invented.

# %%
ground = report.map_site(study, exceedances, rule)
ax = report.draw_map(ground) or plots.plot_probabilities(by_rule, ground.label)
picture.update(ax.figure)
plt.close(ax.figure)

# %% [markdown]
# ## What does it cost to be wrong?
#
# A soil can be ignored, sent to the laboratory, or treated at once. Which is cheapest depends on its probability and on three costs, which are parameters of this chapter.
# They are invented. Put in your own.

# %% mystnb={"figure": {"caption": "Expected cost of each action, by the probability of exceedance, at the chapter's costs. Shaded: the cheapest.", "name": "fig-actions"}, "image": {"alt": "Three lines: the cost of ignoring rises steeply from zero, that of sending rises gently, that of treating is level; the lowest of them is shaded."}}
prices = decide.Costs(analysis, remediation, harm)
odds = np.linspace(0, 1, 201)
expected = decide.expected_costs(odds, prices).drop(columns="best")
ax = plots.plot_costs(expected.assign(probability=odds))

# %% tags=["remove-input"]
send_from, send_to = prices.thresholds()
Markdown(f"""
An analysis costs {analysis:.0f}, a treatment {remediation:.0f}, and the harm of a soil left above its limit {harm:.0f}.
At these costs a soil is worth sending between probabilities of {send_from:.2f} and {send_to:.2f}.
""")

# %% [markdown]
# What would deciding so have cost on these soils? The table compares it with treating all soils alike, and with knowing the truth, which nobody can.

# %%
probability, exceeded = by_rule["probability"].to_numpy(), by_rule["exceeded"].to_numpy()
policies = decide.compare_policies(probability, exceeded, prices)
dearer = decide.compare_policies(probability, exceeded, decide.Costs(5 * analysis, remediation, harm))
costs = pd.DataFrame({n: t.set_index("policy")["cost"] for n, t in ((1, policies), (5, dearer))})
alike = costs.drop(index=["by probability", "knowing all"])
change = 100 * (costs.loc["by probability"] / alike.min() - 1)

# %%
study.save("policies", policies)
shares = dict.fromkeys(decide.ACTIONS, "{:.0%}")
policies.style.format({"cost": "{:.0f}", **shares}).hide(axis="index")

# %% tags=["remove-input"]
cheaper = {n: "cheaper" if c < -0.5 else "dearer" if c > 0.5 else "no cheaper" for n, c in change.items()}
Markdown(f"""
Costs are per soil, for the rule “{rule}”. The best rule for all soils alike is “{alike[1].idxmin()}”. Deciding by probability is **{cheaper[1]}**: its cost differs by {_format.signed(change[1], 0)} %.
Were an analysis five times as dear, the best would be “{alike[5].idxmin()}”, and deciding by probability **{cheaper[5]}**: {_format.signed(change[5], 0)} %.
""")

# %% [markdown]
# ## Should the model be asked at all?
#
# A spectrum unlike those of the site gets a number all the same. T² and Q among the principal components of the site's spectra flag it.
# Their limits come from soils that were left out, so that on average at most one soil in ten of the same kind is flagged.
# Does the flag notice a kind that it has *not* seen? To test that, soils are clustered by their spectra, and each cluster in turn is left out whole.

# %%
clusters = decide.leave_cluster_out(study.X, seed=study.site.seed)
caught = np.average(clusters["caught"], weights=clusters["n"])
alarms = np.average(clusters["false_alarms"], weights=clusters["n_others"])

# %%
study.save("clusters", clusters)
names = {"n": "soils", "caught": "flagged, when left out", "false_alarms": "flagged of other soils"}
percent = dict.fromkeys([names["caught"], names["false_alarms"]], "{:.0%}")
clusters.drop(columns="n_others").rename(columns=names).style.format(percent).hide(axis="index")

# %% tags=["remove-input"]
flag_verdict = "is" if caught >= 0.8 and alarms <= decide.FALSE_ALARMS else "is not"
Markdown(f"""
Of a cluster that was left out whole, {100 * caught:.0f} % is flagged on average, and {100 * alarms:.0f} % of soils of kinds that were known.
To be relied on, the flag should reach 80 % of the first and at most 10 % of the second: here it **{flag_verdict}** to be relied on.
""")

# %% [markdown]
# This is a hard test. Clusters of one population border on each other, so most of a cluster lies within what its neighbours span, and a model may well be right there.
# On soils that truly differ the flag does better, as the last section shows.
#
# ## Which soils to measure next?
#
# Spectra are cheap, so there are usually more of them than analyses. Does it pay to choose? Twenty soils start at random, and four methods choose the next:
# *random*; *Kennard–Stone*, always the farthest {cite:p}`kennardstone1969`; a *Latin hypercube* that fills the components evenly {cite:p}`minasny2006`;
# and *uncertainty*, always the soil that would make a linear model surest of all the others. None sees a laboratory value.

# %%
aside = evaluate.random_split(study.ids, n_draws, 0.3, study.site.seed, study.groups)
sizes = np.linspace(20, evaluate.count_training_rows(aside).min(), 6).astype(int)[:-1]
curves = decide.learning_curves(
    study.X, study.y, aside, sizes, study.ids, study.site.seed, groups=study.groups
)
needed = decide.soils_needed(curves)
end, others = needed["random"], needed.drop("random")
study.save("next_samples", curves)

# %% mystnb={"figure": {"caption": "Error on soils set aside, by the number of soils measured and by who chose them ({glue:text}`decide-kind` soils).", "name": "fig-next"}, "image": {"alt": "Root mean square error against the number of measured soils for four ways of choosing them; all fall, with wide bars that overlap."}}
ax = plots.plot_learning_curve(curves, label="Soils measured", metric="RMSE")

# %% tags=["remove-input"]
enough = f"{others.min():.0f}" if others.min() < end else f"no fewer than {end:.0f}"
Markdown(f"""
Random choices end with {end:.0f} soils. For the same error the best of the other methods, *{others.idxmin()}*, needs **{enough}**.
With so few soils set aside the curves are uncertain.
""")

# %% [markdown]
# ## Does it hold elsewhere?
#
# One site may be lucky. So all of this was repeated on twenty freshly drawn twins of 130 soils whose seeds had no part in any choice,
# and tested on a thousand other soils of each. What was asked for was settled before.

# %%
record = json.loads((project_root() / "results" / "decisions.json").read_text(encoding="utf-8"))
elsewhere = pd.DataFrame(record["beside what was asked"])[["about", "asked", "found"]]
report.wrap_table(elsewhere).hide(axis="index")

# %% [markdown]
# Where *found* falls short of what was asked, the flag missed soils that differ from the site's: soils of the same places without those poorest in iron, or soils of other places, where the library comes from.
# *Shown both* is what a classifier caught, at ten false alarms in a hundred, that had been trained on 400 soils of either kind: no flag can see more than there is.
# All tables are printed by `benchmarks/decisions.py`.
#
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- Intervals: 90 % promised, {100 * coverage:.0f} % found.
- Probabilities for “{rule}”: off by {error:.2f}, {calibration_verdict} than chance explains.
- Costs of deciding by probability, against the best rule for all: {_format.signed(change[1], 0)} % at the chapter's prices, {_format.signed(change[5], 0)} % with dear analyses.
- The flag catches {100 * caught:.0f} % of clusters left out: it {flag_verdict} enough by itself.
- Chosen by their spectra, {enough} soils do what {end:.0f} random ones do.
""")

# %% tags=["remove-input"]
answer.update(
    Markdown(f"""
**The answer.** Of {len(study.y)} {study.target.provenance.kind} soils, {100 * coverage:.0f} % have their {study.target_name} within the 90 % interval of the prediction.
The probabilities of being above “{rule}” are off by {error:.2f} on average, **{calibration_verdict}** than chance explains.
At the chapter's costs, deciding by them is **{cheaper[1]}** than the best rule for all soils, “{alike[1].idxmin()}”.
""")
)

# %% [markdown]
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
#
# Next: {ref}`sec-new-site`.
