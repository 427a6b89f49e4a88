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
# # Decide: which ground is above the limit, how sure, and what next
#
# A mine's team does not need R². It decides about land: **is the lead of this ground above the limit, how sure is that, and which soils must still go to the laboratory?**
# This chapter finds the limit that decides, counts what spectra find and miss at it, and decides on areas by their mean. All of it is checked on soils that the model had not seen.

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 3  # repeats of the outer 5-fold cross-validation
n_draws: int = 8  # times that learning curves set other soils aside
rule: str = ""  # whose limits decide: a rule of the standard; empty: that which nearest to half exceed
tolerance: float = 200.0  # error of a prediction that does no harm, in the unit of the target
rate: float = 0.1  # share of accepted predictions that may be off by more
analysis: float = 60.0  # cost of one soil in the laboratory
remediation: float = 1500.0  # cost of treating what one soil stands for
harm: float = 6000.0  # cost of leaving a soil above its limit as it is
keep: str = "pls blocks average average-ph"  # keys of models, of which each fold takes the best

# %% tags=["hide-input"]
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
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

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Mean of each area over its limit ({glue:text}`decide-rule`), with 95 % limits, from half of its soils measured and the others predicted from spectra ({glue:text}`decide-kind` soils). Diamonds: the mean of all its soils by the laboratory. Right: the verdict.", "name": "fig-units"}, "image": {"alt": "One row per area: its mean divided by the limit, with an interval, beside the line at 1 where mean and limit are equal; a diamond marks the mean of all soils; the verdict stands at the right."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - say which limit decides at a site, and what a spectrum finds and misses at it;
# - decide on an area by its mean, and say how many more samples would decide what is open;
# - accept a prediction or send the soil to the laboratory, by a tolerance of your own or by costs;
# - say for which soils the intervals hold, and which spectra a model should not be asked about.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*
#
# ## Which limit decides?
#
# The model is the one that {ref}`a site's report stores <sec-site-file>`: the best of several candidates. To judge it, everything (the choice, too) is made anew from the training soils of
# each fold of an outer cross-validation, and asked about the other soils.

# %%
folds = evaluate.repeated_kfold(study.ids, 5, n_repeats, study.site.seed, study.groups)
candidates = decide.make_candidates(study, keep.split())
predictions, exceedances = decide.evaluate_site_model(study, folds, candidates)
scores = decide.score_site_model(study, predictions, exceedances)
standard, limits = decide.site_rules(study.site)
rule = rule or report.choose_rule(exceedances)

# %% tags=["remove-cell"]
study.save("predictions", predictions)
study.save("exceedances", exceedances)
label = f"{study.target_name} ({study.target_unit})"
for name, value in {"target": label, "kind": study.target.provenance.kind, "rule": rule}.items():
    glue(f"decide-{name}", value, display=False)

# %% [markdown]
# A standard has several limits. In China's for farmland they depend on pH {cite:p}`gb15618`: above the *screening* value land is looked into, above the *intervention* value
# food should in principle no longer be grown on it. Where nearly all soils are on one side of a limit, no spectrum is needed to say so. The limit that decides is the one that divides the soils.

# %% tags=["hide-input"]
first = exceedances.query("repeat == 0").groupby("rule", sort=False)["exceeded"]
by_limit = (
    limits[limits["standard"] == standard].groupby("rule", sort=False)["limit_mg_kg"].agg(["min", "max"])
)
rules = by_limit.join(pd.DataFrame({"soils": first.size(), "above": first.sum()}), how="inner")
rules["share"] = (rules["above"] / rules["soils"]).map("{:.0%}".format)
rules["limit"] = [f"{a:g}" if a == b else f"{a:g} to {b:g}" for a, b in rules[["min", "max"]].to_numpy()]
rules.drop(columns=["min", "max"]).rename_axis("rule").reset_index().style.hide(axis="index")

# %% tags=["remove-input"]
n_above, n_soils = (int(rules.loc[rule, name]) for name in ("above", "soils"))
chosen = predictions.drop_duplicates(["repeat", "fold"])["model"].value_counts()
Markdown(f"""
**The limit that decides here is “{rule}” of {standard}**: by the laboratory {n_above} of {n_soils} soils are above it (limits in {study.target_unit}).
In {chosen.sum()} outer folds these models were chosen: {_format.join_words([f"{name} ({n})" for name, n in chosen.items()])}.
""")

# %% [markdown]
# ## What is found, and what is missed?
#
# Each soil gets a *probability* of being above its limit. pH is predicted from the same spectrum. Its error counts twice: it moves the limit, and it is correlated with the error in lead.
# So both are drawn together: each soil of the calibration gives its two errors as a pair, and no normal law is assumed.
#
# Somebody must say from which probability on a soil is called above. *Sensitivity* is the share found of the soils that are above; *specificity* is the share of the others that are rightly left.

# %% mystnb={"figure": {"caption": "What is found and what is rightly left at the limit “{glue:text}`decide-rule`”, by the probability from which a soil is called above, each soil once ({glue:text}`decide-kind` soils). Bands: 95 % intervals.", "name": "fig-detection"}, "image": {"alt": "Two curves with bands against the threshold of probability: sensitivity falls from one as the threshold rises, specificity rises towards one; they cross in between."}}
by_rule = decide.select_rule(study, exceedances, rule)
detection = decide.detection_table(by_rule["probability"], by_rule["exceeded"])
ax = plots.plot_detection(detection)

# %% tags=["hide-input"]
shown = detection[["threshold", "found", "missed", "false"]]
shown = shown.rename(columns={"threshold": "called from", "false": "called wrongly"})
for name in ("sensitivity", "specificity"):
    rows = detection[[name, f"{name}_low", f"{name}_high"]].to_numpy()
    shown[name] = [f"{share:.2f} ({low:.2f}–{high:.2f})" for share, low, high in rows]
shown.style.format({"called from": "{:g}"}).hide(axis="index")

# %% tags=["remove-cell"]
results = project_root() / "results"
record, of_units = (
    json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
    for name in ("decisions", "decision_units")
)
n_twins = sum(row["size"] for row in record["models kept"])

# %% tags=["remove-input"]
half_way = detection.query("threshold == 0.5").iloc[0]
careful = detection[detection["sensitivity"] >= 0.95]
found = [
    _format.with_interval(*half_way[[n, f"{n}_low", f"{n}_high"]]) for n in ("sensitivity", "specificity")
]
on_twins = pd.DataFrame(record["found and missed, pH predicted"]).query("rule == @rule and threshold == 0.5")
twin_found = "".join(f"""
On {n_twins} other twins and a thousand new soils of each, sensitivity there was {row.sensitivity:.2f} ({row.sensitivity_low:.2f} to {row.sensitivity_high:.2f} by twin), specificity {row.specificity:.2f} ({row.specificity_low:.2f} to {row.specificity_high:.2f}).
""" for row in on_twins.itertuples())  # fmt: skip
Markdown(f"""
Called above from a probability of 0.5 on, {half_way["found"]:.0f} of {n_above} soils are found and **{half_way["missed"]:.0f} are missed**: sensitivity {found[0]}. Of the others {half_way["false"]:.0f} are called wrongly: specificity {found[1]}.
{f"To find at least 95 %, soils must be called from {careful['threshold'].max():g} on; then {careful.iloc[-1]['false']:.0f} are called wrongly." if len(careful) else "No threshold finds 95 %."}
{twin_found}""")

# %% [markdown]
# Are the probabilities true? They are if, of the soils that are given 30 %, three in ten are above.

# %% mystnb={"figure": {"caption": "Reliability of the probabilities of being above “{glue:text}`decide-rule`”, pH predicted, each soil once ({glue:text}`decide-kind` soils). Bars: 95 % intervals; numbers: soils in the bin.", "name": "fig-reliability"}, "image": {"alt": "Observed share of soils above the limit against the probability that was given, in ten bins about the dashed diagonal, with error bars."}}
table = decide.reliability_table(by_rule["probability"], by_rule["exceeded"])
ax = plots.plot_reliability(table)

# %%
error = decide.calibration_error(table)
chance = decide.error_by_chance(by_rule["probability"], seed=study.site.seed)

# %% tags=["remove-input"]
calibration_verdict = "no more" if error <= chance else "more"
Markdown(f"""
They are off by {error:.2f} on average. With so few soils, true probabilities would be off by up to {chance:.2f}, by chance alone.
So the error is **{calibration_verdict}** than chance explains{"" if error <= max(chance, 0.05) else ": take these probabilities with care"}.
""")

# %% mystnb={"figure": {"caption": "Probability that a soil is above its limit ({glue:text}`decide-rule`), by a model that had not seen the soil ({glue:text}`decide-kind` soils). Triangles: the laboratory found it above. On the twin the coordinates are invented.", "name": "fig-chances"}, "image": {"alt": "Soils coloured by their probability of exceedance, on a map where coordinates are known and else in the order of the probabilities; triangles mark soils measured above the limit, circles the others."}}
if (ax := report.draw_map(study, exceedances, rule)) is None:  # no true coordinates
    ranked = by_rule.sort_values("probability").reset_index(drop=True).rename_axis("soil").reset_index()
    ax = sns.scatterplot(ranked, x="soil", y="probability", hue="exceeded", style="exceeded")
    ax.set(xlabel="Soils, in the order of their probabilities", ylabel=f"Probability above the limit, {rule}")

# %% [markdown]
# ## How far off is a prediction, and for which soils?
#
# How far each soil was missed by the fit that had not seen it says how far the next soil may be missed. Intervals made of such errors are called CV+ {cite:p}`barber2021`.
# They are made on the scale of the model; for lead that is the logarithm, so richer soils have wider intervals.
# The errors that chose a model are smaller than its errors on new soils, so the model of each fold is chosen by the errors in the *other* folds.

# %% mystnb={"figure": {"caption": "90 % intervals of {glue:text}`decide-target` and what the laboratory found, in the first repeat ({glue:text}`decide-kind` soils).", "name": "fig-intervals"}, "image": {"alt": "Vertical bars, one per soil, in the order of predicted lead on a logarithmic axis; points within their bar are blue, the few outside it red."}}
told = predictions.query("repeat == 0")
ax = plots.plot_prediction_intervals(told, label, log=study.site.target_scale == "log")

# %%
coverage = scores["coverage"]
below, above = ((predictions[end] / predictions["predicted"]).median() for end in ("lower", "upper"))
tenths = decide.coverage_by_content(told)
richest = tenths.iloc[-1]

# %% tags=["hide-input"]
shown = pd.DataFrame({"tenth": tenths["tenth"], "soils": tenths["n"]})
shown[f"median measured, {study.target_unit}"] = tenths["content"].map(report.format_significant)
shown["predicted over measured"] = tenths["ratio"].map(_format.number)
rows = tenths[["coverage", "low", "high"]].itertuples(index=False)
shown["share within 90 % (95 %)"] = [_format.with_interval(*row) for row in rows]
shown.style.hide(axis="index")

# %% tags=["remove-input"]
coverage_verdict = "fewer than" if coverage < 0.87 else "as many as" if coverage <= 0.93 else "more than"
by_twin = pd.DataFrame(record["coverage by tenths"]).query("tenth == 10").set_index("by")
true, guess = (by_twin.loc[name] for name in ("true content", "predicted content"))
poorest = pd.DataFrame(record["coverage by tenths"]).query("tenth == 1 and by == 'true content'").iloc[0]
richest_verdict = "hold" if true["coverage"] >= 0.87 else "do not hold"
Markdown(f"""
In all repeats, {100 * coverage:.0f} % of the soils lie within their 90 % intervals: **{coverage_verdict}** promised, where 87 to 93 % counts as kept.
The interval of a typical soil runs from {below:.2f} to {above:.2f} times its prediction.

On average over soils is not for each kind of soil. Of the tenth that the laboratory finds richest, {100 * richest["coverage"]:.0f} % lie within ({100 * richest["low"]:.0f} to {100 * richest["high"]:.0f} %), and they are predicted at {richest["ratio"]:.2f} of what they hold.
One site has few such soils. On {n_twins} other twins it is {100 * true["coverage"]:.0f} % ({100 * true["lowest"]:.0f} to {100 * true["highest"]:.0f} % by twin), at {true["ratio"]:.2f} of what they hold: for the most leaded tenth the intervals **{richest_verdict}** {"(on average over twins)" if true["coverage"] >= 0.87 else ""}. For the poorest tenth, predicted at {poorest["ratio"]:.2f} of what they hold, it is {100 * poorest["coverage"]:.0f} %: there they {"hold" if poorest["coverage"] >= 0.87 else "**do not hold**"}.
Of the tenth with the highest *predictions*, which is all that is known before the laboratory answers, {100 * guess["coverage"]:.0f} % lie within.
""")

# %% [markdown]
# A model of few soils draws all predictions towards the mean, so the richest soils are predicted too low and the poorest too high. That is why soils should not be decided one by one where an area can be.
#
# ## Is the area above?
#
# Nobody digs up a soil. An area is above a limit if its *mean* is, and it is called so if the limit of that mean says so: *below*, if the upper 95 % confidence limit is not above the limit;
# *above*, if the lower one is; *not decided* otherwise. Areas come from a column of the laboratory's table. Where there is none, this page cuts the map into six blocks of as many soils.
#
# To see what spectra save, half of each area's soils, drawn by lot, keep their laboratory value; a model of these soils alone predicts the others. Predictions are not believed as they are:
# their mean error on the measured soils of the area is taken off, and the error that remains is part of the limits {cite:p}`angelopoulos2023`.

# %% tags=["hide-input"]
samples, places = study.target.samples, decide.local_coordinates(study.target.samples)
unit = decide.assign_units(samples)
if len(set(unit)) == 1 and places is not None:
    third = pd.qcut(places["x"], 3, labels=["west", "middle", "east"]).astype(str)
    north = places["y"] > places["y"].groupby(third).transform("median")
    unit = (third + np.where(north, ", north", ", south")).reindex(samples.index, fill_value="no place")
rng = np.random.default_rng(study.site.seed)
drawn = unit.groupby(unit).transform(lambda u: rng.permutation(len(u)) < (len(u) + 1) // 2)
measured = drawn.to_numpy(bool)

# %%
halves = decide.fit_site_model(study, candidates, measured)
lead = study.natural(study.y)
soils = pd.DataFrame({"unit": unit, "measured": np.where(measured, lead, np.nan)})
soils.loc[measured, "predicted"] = study.natural(study.y[measured] - halves.target.residuals)
soils.loc[~measured, "predicted"] = study.natural(
    halves.target.fold_predictions(study.inputs[~measured])
).mean(axis=1)

# %%
ph = pd.Series(decide.measured_ph(study), samples.index).where(measured).groupby(unit).median()
at = dict(zip(ph.index, decide.lead_limit(standard, rule, ph.to_numpy(), limits), strict=True))
units = decide.decide_units(soils, at)
units["all_soils"] = units["unit"].map(pd.Series(lead, unit.index).groupby(unit).mean())
alone = decide.decide_units(soils.drop(columns="predicted").dropna(), at).set_index("unit").loc[units["unit"]]
study.save("units", units)

# %% tags=["remove-input"]
over = units[["mean", "lower", "upper", "all_soils"]].div(units["limit"], axis=0)
over = over.rename(columns={"lower": "low", "upper": "high", "all_soils": "mean of all soils"})
over = over.join(units[["unit", "verdict"]]).sort_values("mean", ascending=False)
ax = plots.plot_intervals(
    over, "unit", "mean", "Mean over the limit", neutral=1.0, mark="mean of all soils", notes="verdict"
)
picture.update(ax.figure)
plt.close(ax.figure)

# %% tags=["hide-input"]
numbers = units[["mean", "lower", "upper", "all_soils"]].map(report.format_significant)
shown = units[["unit", "verdict"]].rename(columns={"unit": "area"})
shown[f"mean (95 % limits), {study.target_unit}"] = (
    numbers["mean"] + " (" + numbers["lower"] + " to " + numbers["upper"] + ")"
)
shown["limit"] = units["limit"].map("{:g}".format)
shown["P(above)"] = units["p_above"].map(_format.number)
shown["soils measured + by spectrum"] = [
    f"{n} + {m}" for n, m in units[["n_measured", "n_predicted"]].to_numpy()
]
for name in ("measured", "scanned"):
    more = units[f"more_{name}"]
    shown[f"more {name} to decide"] = [
        f"{n:.0f}" if np.isfinite(n) else "over 500" for n in more.fillna(np.inf)
    ]
shown["mean of all soils"] = numbers["all_soils"]
shown.style.hide(axis="index")

# %% tags=["remove-input"]
verdicts = {kind: int((units["verdict"] == kind).sum()) for kind in decide.VERDICTS}
decided = _format.join_words(
    [f"{n or 'none'} {'is' if n == 1 else 'are'} {kind}" for kind, n in verdicts.items()]
)
holds = int(units["all_soils"].between(units["lower"], units["upper"]).sum())
shorter = (1 - (units["upper"] - units["mean"]) / (alone["upper"] - alone["mean"]).to_numpy()).median()
decided_alone = int((alone["verdict"] != "not decided").sum())
by_twins = pd.DataFrame(of_units["limits of units"])
ways = ("predictions as they are", "predictions 30 % too high", "measured alone, ProUCL")
as_is, biased, usual = (by_twins[by_twins["way"] == way].iloc[0] for way in ways)
Markdown(f"""
Of {len(units)} areas {decided}. The limits hold the mean of all soils of the area in {holds} of {len(units)}. The measured soils alone would decide {decided_alone}.
With the predictions the upper limit is {"nearer to" if shorter > 0 else "farther from"} the mean than the recommended limit of the measured soils alone, by {100 * abs(shorter):.0f} % in the median.

On {as_is["units"]:.0f} areas of other twins the upper 95 % limit held in {100 * as_is["upper"]:.0f} %, and in {100 * biased["upper"]:.0f} % where all predictions were made 30 % too high. There it was {100 * (1 - as_is["length"]):.0f} % nearer to the mean than a limit of the same kind from the measured soils alone. The recommended limits of measured soils are as near, but held in {100 * usual["upper"]:.0f} %.
""")

# %% [markdown]
# A number of further samples supposes that mean and spread stay as they are. Where an area's mean is close to its limit, no number worth naming decides it: then the question is what the land is to be used for.
#
# ## Accept a prediction, or send the soil to the laboratory?
#
# Say which error does no harm, and how many of the accepted predictions may be off by more: both are parameters. Predictions are accepted where errors like those of the measured soils would rarely take them beyond the tolerance;
# the threshold is set so that the promise is kept {cite:p}`angelopoulos2024`, and on no fewer measured soils than would allow five wrong ones: of fewer, some look good by chance. It is set here on the measured half, and judged on the other.

# %%
accepted = decide.accept_predictions(
    *(soils.loc[~measured, "predicted"], soils.loc[measured, "predicted"], soils.loc[measured, "measured"]),
    *(tolerance, rate),
)["accepted"].to_numpy()
off = np.abs(lead[~measured] - soils.loc[~measured, "predicted"].to_numpy()) > tolerance

# %% tags=["remove-input"]
many = pd.DataFrame(of_units["accepted predictions"])
wrong = (off & accepted).sum() / max(accepted.sum(), 1)
over_sites = "; ".join(
    f"within {row.tolerance.replace('%', ' % of the prediction')}, at {100 * row.rate:.0f} %: {f'{100 * row.accepted:.0f} % accepted, wrong in {100 * row[5]:.0f} % of these' if row.accepted else 'none accepted'}"
    for row in many[["tolerance", "rate", "accepted", "wrong", "wrong of accepted"]].itertuples()
)
Markdown(f"""
Within {tolerance:g} {study.target_unit}, with at most {100 * rate:.0f} % to be off by more: of {len(off)} soils **{accepted.sum()} are accepted** and {(~accepted).sum()} sent. Of the accepted, {(off & accepted).sum()} are off by more, **{"more" if wrong > rate else "no more"}** than the share that was allowed; of all, {off.sum()} are.
On twins ({over_sites}). Where predictions are this uncertain, strict demands send nearly all soils to the laboratory.
""")

# %% [markdown]
# ## What does it cost to be wrong?
#
# A soil can be ignored, sent to the laboratory, or treated at once. Which is cheapest depends on its probability and on three costs, which are parameters of this chapter.
# They are invented. Put in your own.

# %% mystnb={"figure": {"caption": "Expected cost of each action, by the probability of exceedance, at the chapter's costs.", "name": "fig-actions"}, "image": {"alt": "Three lines: the cost of ignoring rises steeply from zero, that of sending rises gently, that of treating is level; each is lowest over one stretch of probabilities."}}
prices = decide.Costs(analysis, remediation, harm)
send_from, send_to = prices.thresholds()
odds = np.linspace(0, 1, 201)
expected = pd.DataFrame(prices.expected(odds), odds, decide.ACTIONS)
ax = expected.plot(
    style=["-", "--", ":"], ylim=(0, 1.6 * (remediation + analysis)), ax=plots.make_axes(None, 3.4)
)
ax.set(xlabel="Probability that the soil exceeds its limit", ylabel="Expected cost per soil", xlim=(0, 1))
plots.legend_above(ax, ncols=3)

# %% tags=["remove-input"]
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
# ## What does a portable XRF add?
#
# Practitioners measure lead in the field by portable XRF, which sees lead itself, and ask a spectrum for what surrounds it. A site's table may hold both: a second lead column is taken for a *sensor*,
# and the site's model can learn from the spectrum, from the reading, or from both ({ref}`sec-site-file`). On twins, readings were simulated: with an error of 10 % and a detection limit, made lower by the soil's water; and three that are worse.

# %% tags=["hide-input"]
xrf = pd.read_csv(results / "xrf.csv")
xrf["R²"] = [f"{row.r2:.2f} ({row.lower:.2f} to {row.upper:.2f})" for row in xrf.itertuples()]
shown = xrf.pivot_table(index="readings", columns="model", values="R²", aggfunc="first", sort=False)
shown.rename_axis(columns=None).reset_index().style.hide(axis="index")

# %% tags=["remove-input"]
gains = xrf.set_index(["readings", "model"])
gained = "; ".join(
    f"{kind}, {_format.signed_with_interval(*gains.loc[(kind, 'both − reading'), ['r2', 'lower', 'upper']], 3)}"
    for kind in xrf["readings"].unique()
    if gains.loc[(kind, "reading"), "r2"] > 0
)
useless = gains.loc[("noise", "both − spectrum"), ["r2", "lower", "upper"]]
Markdown(f"""
R² of ln Pb on new soils, means over {xrf["twins"].iloc[0]} twins with 95 % intervals. What the spectrum adds to the reading: {gained}.
Where readings are noise, using them changes R² by {_format.signed_with_interval(*useless, 3)}: **{"nothing that matters is lost" if useless["lower"] > -0.02 else "that may cost more than 0.02"}**.
These are simulated readings. Measured ones have errors of their own, by moisture, grain size and other metals.
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
elsewhere = pd.DataFrame(record["beside what was asked"])[["about", "asked", "found"]]
report.wrap_table(elsewhere).hide(axis="index")

# %% [markdown]
# Where *found* falls short of what was asked, the flag missed soils that differ from the site's: soils of the same places without those poorest in iron, or soils of other places, where the library comes from.
# *Shown both* is what a classifier caught, at ten false alarms in a hundred, that had been trained on 400 soils of either kind: no flag can see more than there is.
# All tables are printed by `benchmarks/decisions.py` and `benchmarks/decision_units.py`.
#
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- The limit that decides is the one that divides the soils: here “{rule}”, {n_above} of {n_soils} above.
- From a probability of 0.5 on, {half_way["found"]:.0f} of these are found and {half_way["missed"]:.0f} missed.
- Intervals: 90 % promised, {100 * coverage:.0f} % found; for the most leaded tenth, on twins, {100 * true["coverage"]:.0f} %: they **{richest_verdict}**.
- Areas: {decided}, with half of the soils measured.
- Within {tolerance:g} {study.target_unit}, {accepted.sum()} of {len(off)} predictions can be accepted.
- Costs of deciding by probability, against the best rule for all: {_format.signed(change[1], 0)} % at the chapter's prices, {_format.signed(change[5], 0)} % with dear analyses.
- The flag catches {100 * caught:.0f} % of clusters left out: it {flag_verdict} enough by itself. Chosen by their spectra, {enough} soils do what {end:.0f} random ones do.
""")

# %% tags=["remove-input"]
answer.update(
    Markdown(f"""
**The answer.** The limit that decides is “{rule}” of {standard}: {n_above} of {n_soils} {study.target.provenance.kind} soils are above it. Spectra alone find {half_way["found"]:.0f} of them and miss {half_way["missed"]:.0f}, and call {half_way["false"]:.0f} others wrongly (probability from 0.5 on).
Of {len(units)} areas, with half of their soils measured and the others scanned, {decided}, by their mean.
The 90 % intervals hold {100 * coverage:.0f} % of all soils; for the most leaded tenth they **{richest_verdict}** ({100 * true["coverage"]:.0f} % on other twins, from {100 * true["lowest"]:.0f} to {100 * true["highest"]:.0f} % by twin).
""")
)

# %% [markdown]
# ## Limits
#
# Intervals and probabilities hold for further soils of the *same* place, instrument and laboratory: that is what exchangeable means.
# They hold on average over soils, not for each kind of soil. The laboratory is taken for the truth, and its own error is inside the intervals.
# The limits of an area's mean suppose that its soils were drawn by lot within it; soils taken where ore was suspected make the mean too high.
# The costs are invented, and the harm of a contaminated field is more than a number.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml` and your own costs: `-p analysis 45 -p remediation 20000`. Which share of soils is still worth sending?
# 2. Give the rule you are bound by, `-p rule "screening, paddy"`. What is missed there, and which areas does it decide?
#
# Once its report is made, a site's model answers for new spectra from the command line: `soilpb predict <your-site> new_spectra.csv -o predictions.csv`.
#
# Next: {ref}`sec-new-site`.
