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
# (sec-baselines)=
# # Compare models, and measure chance
#
# The study reports R² = 0.77 for its transferred network, on one split of 130 samples, above PLS, SVM and a network without transfer {cite:p}`he2025`.
# At a mine this decides whether to train networks or to stay with what the laboratory already has.
# **Is the transferred network better than PLS, and would the order of the models survive another split?**

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 3  # repeats of the outer 5-fold cross-validation
n_splits: int = 200  # random 70/30 splits of the section on chance
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
n_jobs: int = 1  # processes

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown, display
from myst_nb import glue

from soilpb import evaluate, plots
from soilpb._format import number, signed
from soilpb.models import QUICK_MODELS, STUDY_MODELS, describe_models, make_models, model_name, snv_pipeline
from soilpb.study import Study

# %% tags=["hide-input"]
study = Study.open("04_baselines", globals())
seed, target = study.site.seed, study.target_name
PUBLISHED_R2 = 0.77  # ResNet-pH-Pb, He et al. (2025), one split
plots.set_style()
study.banner()

# %% tags=["remove-input"]
answer = display(Markdown("The answer appears here once the chapter has been executed."), display_id=True)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "R² on {glue:text}`base-label` by one 70/30 split and by repeated 5-fold cross-validation ({glue:text}`base-kind` soils). Bars: 5–95 % of the repeats. Dotted: the published R² of ResNet-pH-Pb, from one split of the soils of Gejiu.", "name": "fig-league"}, "image": {"alt": "Dots with intervals, one row per model, for one random split and for repeated cross-validation, with the published value of 0.77 as a dotted line."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - read a table of models by one split and by repeated cross-validation, and say which column to believe;
# - say how far R² of one and the same model moves when only the split changes;
# - say how often a single split names the wrong winner of two models.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*
#
# ## Four models, and those the study left out
#
# *PLS* and *SVM* are what most laboratories use. *ResNet* is the network trained on the site alone; *ResNet-pH* starts from the network of pH and is fine-tuned as in the study.
# To these we add ridge regressions, an average of strong simple models that stays within the training values, and the pH network used with care: its features beside PLS scores.
# Each model tunes itself inside the training rows it is given, so the test rows stay unseen. Soils that belong together stay together in these inner folds as well.

# %% tags=["hide-input"]
models = make_models(study.source_network(), seed=seed, epochs=epochs, target=target)
PLS, SVM, RESNET, RECIPE = [model_name(key, target) for key in STUDY_MODELS]
describe_models(target=target).style.hide(axis="index")

# %% [markdown]
# ## One split, and all of them
#
# First one split, as in the study: 30 % of the samples, drawn once, are the test set. Then repeated cross-validation:
# in each repeat, every sample is predicted once, by a model that never saw it. The folds are stored with the scores, so that anybody can repeat the comparison.

# %%
one_split = evaluate.random_split(study.ids, seed=seed, groups=study.groups)
folds = evaluate.repeated_kfold(study.ids, 5, n_repeats, seed, study.groups)
single, repeated = (
    evaluate.cross_validate(models, study.X, study.y, rows, study.ids, n_jobs, study.groups)
    for rows in (one_split, folds)
)
single_scores, scores = evaluate.score_predictions(single), evaluate.score_predictions(repeated)

# %% tags=["hide-input"]
by = {
    "one 70/30 split": evaluate.summarise_scores(single_scores),
    "repeated cross-validation": evaluate.summarise_scores(scores),
}
league = pd.concat([table.assign(protocol=name) for name, table in by.items()], ignore_index=True)
shown = league[league["metric"].isin(["R2", "RMSE", "RPIQ"])]
shown = shown.pivot_table(index="model", columns=["protocol", "metric"], values="value", sort=False)
shown = shown.sort_values(("repeated cross-validation", "R2"), ascending=False)
shown.rename(columns={"R2": "R²"}).rename_axis(columns=[None, None], index=None).style.format(number)

# %% tags=["remove-input"]
r2 = league.query("metric == 'R2'").sort_values("protocol", ascending=False, kind="stable")
picture.update(plots.plot_league(r2, hue="protocol", published=PUBLISHED_R2).figure)
plt.close()
single_r2, cv_r2 = (shown[name, "R2"] for name in by)
leads, led = cv_r2.index[0], single_r2.idxmax()
by_folds = "whole groups of soils that belong together" if study.groups is not None else "random soils"
Markdown(f"""
The test rows are {by_folds}. On the one split *{led}* comes first, with R² {number(single_r2[led])}; by cross-validation ({n_repeats} × 5 folds) it is *{leads}*, with {number(cv_r2[leads])}.
The two columns differ by up to {number((single_r2 - cv_r2).abs().max())} for one and the same model ({{numref}}`fig-league`).
Believe the second: it uses every soil as a test soil, and {n_repeats * 5} trainings instead of one.
""")

# %% [markdown]
# {numref}`fig-parity-direct` shows the predictions behind the scores, of the models without transfer and of the study's recipe. Points are means over the repeats; the thin lines span the repeats.
# A cloud flatter than the dashed line means that low soils are predicted too high and high soils too low.

# %% mystnb={"figure": {"caption": "Observed against predicted {glue:text}`base-label` under repeated cross-validation ({glue:text}`base-kind` soils).", "name": "fig-parity-direct"}, "image": {"alt": "Four parity plots of observed against predicted logarithm of lead, for PLS, SVM, the direct network and the transferred network, with the one-to-one line and scores in the corner."}}
axes = plots.plot_parity_grid(repeated, scores, study.label, models=[PLS, SVM, RESNET, RECIPE])

# %% [markdown]
# ## Is any of them better than PLS?
#
# Models are compared with PLS by their error in each fold, by a t-test that takes account of overlapping training sets {cite:p}`nadeau2003`.
# As many tests are made as there are models, so the p-values are corrected for their number {cite:p}`holm1979`.
# The verdict is *better* or *worse* where the corrected p-value is below 0.05; *equal* where the errors differ by less than 2 % with a probability of at least 95 % {cite:p}`benavoli2017`;
# and *undecided* otherwise. Undecided is not equal: it says that these soils cannot tell.

# %% tags=["hide-input"]
compared = evaluate.compare_models(scores, folds, reference=PLS)
compared["verdict"] = [evaluate.decide_verdict(row) for row in compared.to_dict("records")]
percent = compared.set_index("model")[["change", "lower", "upper"]].mul(100).map(signed, digits=0)
shown = pd.DataFrame(
    {"ΔRMSE (%)": percent["change"], "95 % (%)": percent["lower"] + " to " + percent["upper"]}
)
shown["p (Holm)"] = compared["p_holm"].map("{:.3f}".format).to_numpy()
shown.assign(verdict=compared["verdict"].to_numpy()).rename_axis(None)

# %% tags=["remove-input"]
row = compared.set_index("model").loc[RECIPE]
p = "< 0.001" if row["p_holm"] < 0.001 else f"= {row['p_holm']:.3f}"
n_better, n_worse = ((compared["verdict"] == word).sum() for word in ("better", "worse"))
Markdown(f"""
Against {PLS}, the verdict on {RECIPE} is **{row["verdict"]}**: its RMSE differs by {percent.loc[RECIPE, "change"]} % (95 % interval {percent.loc[RECIPE, "lower"]} to {percent.loc[RECIPE, "upper"]} %, corrected p {p}).
Of all {len(compared)} models, {n_better} are better than {PLS} and {n_worse} worse.
The interval is that of one comparison alone; it may exclude zero where the correction for {len(compared)} of them leaves the verdict undecided.
""")

# %% [markdown]
# ## How much is chance?
#
# Now the same data, the same model, and many different 70/30 splits. Only the draw changes, as it would between two authors who have the same samples.

# %%
quick = {name: models[name] for name in (model_name(key, target) for key in QUICK_MODELS)}
split_scores = evaluate.score_single_splits(quick, study.X, study.y, n_splits, seed, study.groups, n_jobs)
r2_of_pls = split_scores.query("metric == 'R2' and model == @PLS")["value"]

# %% mystnb={"figure": {"caption": "R² of {glue:text}`base-pls` over random 70/30 splits of the same soils ({glue:text}`base-kind`). Dotted: the R² that the study reports for its transferred network, from one split.", "name": "fig-split-honesty"}, "image": {"alt": "Histogram of R squared of PLS over random splits, with the range of ninety percent shaded, the cross-validated value as a solid line and the published 0.77 dotted."}}
ax = plots.plot_split_histogram(r2_of_pls.to_numpy(), published=PUBLISHED_R2, reference=float(cv_r2[PLS]))

# %% tags=["remove-input"]
low, high = r2_of_pls.quantile([0.05, 0.95])
reached = (r2_of_pls >= PUBLISHED_R2).mean()
usual = "usual" if reached >= 0.05 else "unusual"
Markdown(f"""
Over {n_splits} splits, R² of {PLS} averages {number(r2_of_pls.mean())} and runs from {number(low)} to {number(high)} (5–95 %). The published {PUBLISHED_R2} is reached in {100 * reached:.0f} % of them:
for {PLS} on soils like these, such a number from one split is **{usual}**. (*Unusual*: in fewer than 5 % of the splits.)
""")

# %% [markdown]
# A single split can also name the wrong winner. For each pair of models, the table counts how often the model that is better on average over all splits had the lower R².

# %% tags=["hide-input"]
wrong = evaluate.count_wrong_winners(split_scores).assign(share=lambda rows: 100 * rows["share"])
names = ["better on average", "other", "ΔR²", "its SD", "splits that say the opposite (%)"]
table = wrong.set_axis(names, axis="columns").style.format(number, subset=["ΔR²", "its SD"])
table.format("{:.0f}", subset=names[-1]).hide(axis="index")

# %% tags=["remove-input"]
worst = wrong.loc[wrong["share"].idxmax()]
Markdown(f"""
The most uncertain pair: *{worst["winner"]}* is better than *{worst["loser"]}* on average, and {worst["share"]:.0f} % of single splits say the opposite.
On one split, the difference in R² between two of these models has a standard deviation of {number(wrong["sd"].min())} to {number(wrong["sd"].max())}, by the pair: a published difference smaller than that decides nothing.
""")

# %% [markdown]
# ## Which split, then?
#
# Each way of splitting asks its own question. Random folds ask about new soils among those sampled. Folds that keep sampling fields, or blocks of the map, together ask about ground
# where nobody has been. Kennard–Stone {cite:p}`kennardstone1969` trains on the extremes and tests in between; SPXY {cite:p}`galvao2005` looks at the target, too, before it divides.
# These two have looked at the test soils, so they say how a calibration interpolates, not how it will do next year.

# %%
seen = snv_pipeline().fit_transform(study.X)
protocols = {
    "random folds": evaluate.repeated_kfold(study.ids, 5, n_repeats, seed),
    "Kennard–Stone 70/30": evaluate.kennard_stone(study.ids, seen),
    "SPXY 70/30": evaluate.spxy(study.ids, seen, study.y),
}
if {"x", "y"} <= set(study.target.samples):
    xy = study.target.samples[["x", "y"]].to_numpy()
    protocols["blocks of the map"] = evaluate.spatial_blocks(study.ids, xy, 5, n_repeats, seed)

# %% tags=["hide-input"]
predicted = {
    name: evaluate.cross_validate(quick, study.X, study.y, rows, study.ids, n_jobs)
    for name, rows in protocols.items()
}
if study.groups is not None:
    predicted["fields kept together"] = repeated[repeated["model"].isin(quick)]
by_protocol = {
    name: evaluate.summarise_scores(evaluate.score_predictions(rows)) for name, rows in predicted.items()
}
by_protocol = pd.concat(table.assign(protocol=name, task=name) for name, table in by_protocol.items())
by_protocol = by_protocol.query("metric == 'R2'")

# %% mystnb={"figure": {"caption": "R² on {glue:text}`base-label` of four models by the ways of splitting the same soils ({glue:text}`base-kind`).", "name": "fig-protocols"}, "image": {"alt": "A table in colour: one row per model, one column per way of splitting, R squared in each cell and the best of each column in bold."}}
ax = plots.plot_task_heatmap(by_protocol, means=False)

# %% tags=["remove-input"]
of_pls = by_protocol[by_protocol["model"] == PLS].set_index("protocol")["value"]
Markdown(f"""
On the same soils, R² of {PLS} runs from {number(of_pls.min())} ({of_pls.idxmin()}) to {number(of_pls.max())} ({of_pls.idxmax()}).
None of these numbers is wrong; each answers another question, and a paper that gives one of them must say which.
""")

# %% tags=["hide-input"]
tables = {"split": one_split, "single": single, "folds": folds, "predictions": repeated, "scores": scores}
tables |= {"league": league, "comparison": compared.drop(columns="verdict")}
tables |= {"single_splits": split_scores, "protocols": by_protocol}
for name, table in tables.items():
    study.save(name, table)

# %% tags=["remove-cell"]
quoted = {"label": study.label, "kind": study.target.provenance.kind, "pls": PLS, "verdict": row["verdict"]}
quoted |= {"n-samples": study.target.n_samples, "n-splits": n_splits, "split-sd": float(r2_of_pls.std())}
for key, name in zip(STUDY_MODELS, (PLS, SVM, RESNET, RECIPE), strict=True):
    quoted |= {f"cv-r2-{key}": float(cv_r2[name]), f"single-r2-{key}": float(single_r2[name])}
for key, value in quoted.items():
    glue(f"base-{key}", value, display=False)

# %% tags=["remove-input"]
answer.update(Markdown(f"""
**The answer.** On {study.target.n_samples} {study.target.provenance.kind} soils, one split gives {RECIPE} an R² of {number(single_r2[RECIPE])} and {PLS} {number(single_r2[PLS])};
repeated cross-validation gives {number(cv_r2[RECIPE])} and {number(cv_r2[PLS])}. Compared fold by fold, the verdict on {RECIPE} against {PLS} is **{row["verdict"]}**.
From one split to the next, R² of {PLS} alone has a standard deviation of {number(r2_of_pls.std())}: that much of a published difference can be chance.
"""))  # fmt: skip

# %% [markdown]
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- *{leads}* has the highest cross-validated R² here, {number(cv_r2[leads])}.
- {RECIPE} against {PLS}: {row["verdict"]} ({percent.loc[RECIPE, "change"]} % in RMSE).
- From one 70/30 split to the next, R² of the same model has a standard deviation of {number(r2_of_pls.std())}: report repeated cross-validation, with the folds.
- A single split can name the wrong winner, here in up to {worst["share"]:.0f} % of the draws.
""")

# %% [markdown]
# ## Limits
#
# Where the soils are simulated, the *size* of what chance does carries over to real soils of this number; the *order* of the models need not ({ref}`sec-real-soils` looks at that).
# The study's split, preprocessing and network are not known in detail ({ref}`sec-data-access`), so this is its recipe, not its code.
# Cross-validation speaks of new samples from the same site, not of another mine.

# %% tags=["remove-input"]
loose = ""
if study.groups is not None:
    torn = evaluate.score_single_splits({PLS: models[PLS]}, study.X, study.y, n_splits, seed, n_jobs=n_jobs)
    torn = torn.query("metric == 'R2'")["value"]
    loose = f"""
The splits of this chapter keep the soils of a sampling field together. With splits that may divide a field, {PLS} has an R² of {number(torn.mean())} ± {number(torn.std())} instead of {number(r2_of_pls.mean())} ± {number(r2_of_pls.std())} (mean and standard deviation).
Which kind the study used is not reported.
"""
Markdown(loose)

# %% [markdown]
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml -p n_repeats 5`. Which model leads, and is its verdict *better*?
# 2. Change the seed with `-p seed 7`. Which numbers move, and by how much compared with {numref}`fig-split-honesty`?
#
# Next: {ref}`sec-interpretation`.
