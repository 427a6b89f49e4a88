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
# (sec-real-soils)=
# # Repeat it on real soils
#
# The chapters before this one worked on a simulated twin. Would measured soils say the same?
# Here the same pipeline runs on five fields that people sampled, measured and gave away.
# {glue:text}`real-answer`
#
# ```{admonition} You will be able to
# :class: tip
# - say how well clay and organic carbon of a field can be read from about a hundred spectra, and by which model;
# - say on how many tasks transfer from pH beats, ties with or loses to partial least squares;
# - explain why a pooled R² can be high while every field's own R² is low.
# ```
#
# *Needs: the networks that {ref}`chapter 2 <sec-pretraining>` trained for each of the five fields.*

# %% tags=["parameters"]
site: str = "gejiu"  # only where artifacts lie; the fields below are the subject
fields: str = "cv98 sc93 sl125 ul120 ssp460"  # files of notebooks/sites, separated by spaces
n_repeats: int = 2  # repeats of the outer 5-fold cross-validation
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
n_jobs: int = 1  # processes

# %%
import textwrap

import pandas as pd
from IPython.display import HTML
from myst_nb import glue

from soilpb import (
    compare,
    evaluation,
    figures,
    figures_interpretation,
    figures_league,
    figures_scores,
    models,
    pls,
    splits,
    verdicts,
    wording,
)
from soilpb.readers import limesoda
from soilpb.sitefile import project_root
from soilpb.study import Study, banner_html

study = Study.open("06_real_soils", globals())
figures.style()
HTML(banner_html("five fields of LimeSoDa", *[Study.load(name).target.provenance for name in fields.split()]))

# %% [markdown]
# ## Ten tasks
#
# LimeSoDa {cite:p}`limesoda` holds fields with spectra, pH, clay and organic carbon. Lead is not among them: nobody published lead with full-range spectra
# under a free licence. Clay and organic carbon stand in. Like lead at a mine, they were measured on about a hundred soils of one place.
# For each field the *source* is pH of the other four, so no soil is ever on both sides.

# %%
targets = ["clay_pct", "SOC_pct"]
tasks = {
    f"{target.split('_')[0]} {field}": Study.load(
        field, chapter=study.chapter, target=target, artifacts=study.site.artifacts
    )
    for target in targets
    for field in fields.split()
}

# %% tags=["hide-input"]
overview = [
    {
        "task": name,
        "soils": task.target.n_samples,
        "mean": task.y.mean(),
        "sd": task.y.std(ddof=1),
        "unit": task.target_unit,
        "source soils": task.source.n_samples,
    }
    for name, task in tasks.items()
]
pd.DataFrame(overview).style.format({"mean": "{:.2f}", "sd": "{:.2f}"}).hide(axis="index")

# %% [markdown]
# ## The league
#
# Every model tunes itself inside each training fold; the folds are the same for all, and stored.
# A model's R² on a task is the pooled R² of a repeat, averaged over {glue:text}`real-n-repeats` repeats of 5-fold cross-validation.

# %%
predictions, folds = [], []
for name, task in tasks.items():
    zoo = models.registry(task.source_network(), seed=task.site.seed, epochs=epochs)
    rows = splits.repeated_kfold(task.ids, 5, n_repeats, task.site.seed, task.groups)
    predicted = evaluation.cross_validate(zoo, task.X, task.y, rows, task.ids, n_jobs)
    predictions.append(predicted.assign(task=name))
    folds.append(rows.assign(task=name))
predictions, folds = pd.concat(predictions), pd.concat(folds)

# %%
scored = {name: evaluation.score(rows) for name, rows in predictions.groupby("task", sort=False)}
scores = pd.concat([rows.assign(task=name) for name, rows in scored.items()])
league = pd.concat([evaluation.summary(rows).assign(task=name) for name, rows in scored.items()])
r2 = league.query("metric == 'R2'")
for name, table in {"predictions": predictions, "folds": folds, "scores": scores, "league": league}.items():
    study.save(name, table)

# %% mystnb={"figure": {"caption": "R² of each model on each task (LimeSoDa, measured soils), and the mean over the tasks.", "name": "fig-real-league"}, "image": {"alt": "Heat map of R squared: ten tasks as rows, clay and organic carbon of five fields, models as columns ordered by their mean; the best model of each row in bold."}}
ax = figures_league.task_heatmap(r2)

# %% tags=["remove-cell"]
means = r2.groupby("model")["value"].mean()
PLS, _, DIRECT, RECIPE = [models.name_of(key) for key in models.STUDY]
best_transfer = means[[models.name_of(key) for key in models.LEAGUE if models.ENTRIES[key].transfer]].idxmax()
for key, name in {"pls": PLS, "direct": DIRECT, "recipe": RECIPE, "transfer": best_transfer}.items():
    glue(f"real-mean-r2-{key}", float(means[name]), display=False)
glue("real-best-model", means.idxmax(), display=False)
glue("real-best-r2", float(means.max()), display=False)
glue("real-best-transfer", best_transfer, display=False)
glue("real-n-repeats", n_repeats, display=False)
glue("real-n-tasks", len(tasks), display=False)

# %% [markdown]
# Averaged over the tasks, {glue:text}`real-best-model` leads with {glue:text}`real-best-r2:.2f`. PLS, the field's workhorse, has
# {glue:text}`real-mean-r2-pls:.2f`; the network trained on the target alone {glue:text}`real-mean-r2-direct:.2f`; the study's recipe, fine-tuning all
# of the pH network, {glue:text}`real-mean-r2-recipe:.2f`; the best way of using that network, {glue:text}`real-best-transfer`,
# {glue:text}`real-mean-r2-transfer:.2f`.
#
# ## Better, worse, or luck?
#
# Each model is compared with PLS fold by fold, by the corrected resampled t-test {cite:p}`nadeau2003`, with Holm's correction over the tasks.
# *Equal* means that the error differs by less than 2 % with a probability of 95 %; *undecided* means that these soils cannot tell.

# %% tags=["hide-input"]
compared = pd.concat(
    [
        compare.against(rows, folds.query("task == @name"), reference=models.name_of("pls")).assign(task=name)
        for name, rows in scored.items()
    ],
    ignore_index=True,
)
compared["p_holm"] = compared.groupby("model")["p_value"].transform(compare.holm)
compared["outcome"] = [verdicts.outcome(row) for row in compared.to_dict("records")]
study.save("comparison", compared)
counts = pd.crosstab(compared["model"], compared["outcome"])
counts = counts.reindex(columns=["better", "equal", "undecided", "worse"], fill_value=0)
order = means.drop(PLS).sort_values(ascending=False).index
counts.loc[order].rename_axis(columns=None).reset_index().style.hide(axis="index")


# %% tags=["remove-cell"]
def sentence(model):
    n = counts.loc[model]
    gap = means[model] - means[PLS]
    size = f"{abs(gap):.2f} {'above' if gap > 0 else 'below'} that of PLS"
    return (
        f"over {len(tasks)} tasks, {model} has a mean R² {size if abs(gap) >= 0.005 else 'equal to that of PLS'}; "
        f"it is better on {n['better']}, worse on {n['worse']}, equal on {n['equal']} and undecided on {n['undecided']}"
    )


better, worse = counts.loc[best_transfer, ["better", "worse"]]
said = "Transfer helps here" if better > worse else "Transfer does not win here"
if not better and not worse:
    said = "These soils cannot tell transfer from PLS"
glue("real-verdict", f"{said}: {sentence(best_transfer)}.", display=False)
glue("real-verdict-recipe", f"And the study's recipe: {sentence(RECIPE)}.", display=False)
glue(
    "real-answer",
    f"Over {len(tasks)} tasks PLS reaches a mean R² of {means[PLS]:.2f}, the study's recipe {means[RECIPE]:.2f}, "
    f"and the best use of the pH network {means[best_transfer]:.2f}.",
    display=False,
)

# %% [markdown]
# {glue:text}`real-verdict` {glue:text}`real-verdict-recipe`
#
# Why so? The source has {glue:text}`real-n-source:.0f` soils or so, from four fields, where the study had a continent; and pH varies little within a field.
# A network cannot carry over what it never learnt. That is what the next section shows.
#
# ## Does transfer earn its place?
#
# What this book recommends for a hundred soils of one place is an average of three models. Would it be better for knowing other soils?
# {glue:text}`real-ledger-ideas` ideas were written down with what was expected of them, then tried on these ten tasks with 5 × 5-fold cross-validation:
# features of the pH network as a further member, networks that learned clay and carbon too, or minerals of simulated soils first; alignment of the
# fields; other fields' own models; slopes shrunk towards theirs. The ideas met on the *clay* tasks only. The best one there was put on record; then it
# was tried on *organic carbon*, which had taken no part in the choice. The ledger with all expectations is `benchmarks/ledger.md`.

# %%
ledger = pd.read_csv(project_root() / "benchmarks" / "ledger.csv")
ledger["gain"] = ledger["R2"] - ledger["R2_without"]
gains = ledger.groupby("idea", sort=False)["gain"].apply(compare.mean_over_tasks).tolist()
means_of_targets = ledger.pivot_table(index=["idea", "borrows"], columns="target", values="gain", sort=False)
tried = means_of_targets[["clay", "SOC"]].rename(columns="ΔR² {}".format)
tried[["ΔR²", "lower", "upper"]] = gains

# %% tags=["hide-input"] mystnb={"figure": {"caption": "R² of the average with an idea minus without, mean over the ten tasks and 95 % interval over tasks (LimeSoDa, measured soils), by what the idea borrows.", "name": "fig-ledger"}, "image": {"alt": "Thirty rows, one an idea or a control: dots near zero with intervals, nearly all of which hold zero."}}
rows = (
    tried.reset_index().rename(columns={"lower": "low", "upper": "high"}).sort_values("ΔR²", ascending=False)
)
rows["idea"] = [textwrap.fill(name.removeprefix("average").lstrip(" +,"), 46) for name in rows["idea"]]
ax = figures_interpretation.intervals(
    rows, "idea", "ΔR²", "ΔR² over ten tasks", hue="borrows", label_size=8.5
)

# %% tags=["hide-input", "hide-output"]
signed = "{:+.4f}".format
tried.rename_axis(columns=None).reset_index().style.format(signed, subset=tried.columns).hide(axis="index")

# %% [markdown]
# In {numref}`fig-ledger` and its table, ΔR² is the average's R² with the idea minus without, over clay, organic carbon, and all ten with a 95 % interval over tasks.
# It is not corrected for the number of ideas. Controls learned nothing that could be of use: what they gain, any further member would.

# %% tags=["remove-cell"]
chosen = ledger[ledger["chosen"]]
best_control = tried.xs("nothing", level="borrows")["ΔR²"].max()
glue("real-ledger-ideas", int(ledger.loc[~ledger["control"], "idea"].nunique()), display=False)
glue("real-ledger-chosen", chosen["idea"].iloc[0], display=False)
glue("real-ledger-base", float(chosen["R2_without"].mean()), display=False)

# %% tags=["remove-cell"]
lucky = tried.loc[tried.index.get_level_values("idea").isin(ledger.loc[~ledger["control"], "idea"])]
glue("real-ledger-helping", int((lucky["lower"] > 0).sum()), display=False)
glue("real-ledger-luck", 0.025 * len(lucky), display=False)
confirmed = all(
    compare.mean_over_tasks(rows["gain"])[1] > 0 for rows in (chosen, chosen.query("target == 'SOC'"))
)
advice = "with it" if confirmed else "without transfer"
glue(
    "real-ledger-advice",
    f"for fields and sources as small as these, this book recommends the average {advice}",
    display=False,
)

# %% tags=["remove-cell"]
glue("real-ledger-control", wording.signed(best_control, 3), display=False)
for target, rows in {
    "clay": chosen.query("target == 'clay'"),
    "SOC": chosen.query("target == 'SOC'"),
    "all": chosen,
}.items():
    glue(
        f"real-ledger-{target}", verdicts.place_verdict(rows["gain"].to_numpy(), "the average"), display=False
    )

# %% [markdown]
# Chosen on clay: *{glue:text}`real-ledger-chosen`*. {glue:text}`real-ledger-clay`
#
# Confirmed on organic carbon? {glue:text}`real-ledger-SOC`
#
# All ten together: {glue:text}`real-ledger-all` The best control that borrows nothing has {glue:text}`real-ledger-control`.
# Of all ideas, {glue:text}`real-ledger-helping` reached an interval above 0 over the ten tasks, where luck alone would give
# {glue:text}`real-ledger-luck:.1f`. So {glue:text}`real-ledger-advice`; its mean R² without transfer is {glue:text}`real-ledger-base:.2f`.
#
# ## The trap of the pool
#
# How well was pH learnt? Pool the five fields, cross-validate, and the answer looks splendid. Then look inside each field.

# %%
sets = dict.fromkeys(task.site.limesoda_set for task in tasks.values())
pooled = limesoda.load_fields(list(sets), next(iter(tasks.values())).grid).having("pH")
ph_folds = splits.repeated_kfold(pooled.samples.index, 5, 1, seed=study.site.seed)
ph = evaluation.cross_validate(
    {PLS: pls.PLSCV()}, pooled.reflectance, pooled.values("pH"), ph_folds, pooled.samples.index
)
ph["group"] = pooled.samples["field"].loc[ph["sample"]].to_numpy()
pooled_r2 = evaluation.metrics(ph["observed"], ph["predicted"])["R2"]
within = ph.groupby("group").apply(lambda rows: evaluation.metrics(rows["observed"], rows["predicted"])["R2"])

# %% mystnb={"figure": {"caption": "Observed against predicted pH of the five fields (LimeSoDa, measured soils), by PLS under 5-fold cross-validation of the pooled soils.", "name": "fig-simpson"}, "image": {"alt": "Scatter plot of observed against predicted pH: five clouds along the 1:1 line, one a field, with the pooled R squared beside the far lower R squared of each field."}}
ax = figures_scores.within_groups(ph, pooled_r2, within, "pH (H₂O)")

# %% tags=["remove-cell"]
glue("real-ph-r2-pooled", float(pooled_r2), display=False)
glue("real-ph-r2-within", float(within.median()), display=False)
glue("real-ph-r2-within-low", float(within.min()), display=False)
glue("real-ph-r2-within-high", float(within.max()), display=False)
glue("real-n-source", float(pd.DataFrame(overview)["source soils"].mean()), display=False)
study.save("ph_predictions", ph)

# %% [markdown]
# Pooled, R² is {glue:text}`real-ph-r2-pooled:.2f`. Within fields the median is {glue:text}`real-ph-r2-within:.2f` ({glue:text}`real-ph-r2-within-low:.2f` to {glue:text}`real-ph-r2-within-high:.2f`): much of the pooled R² is differences
# between fields, which a model gets for recognising *which field* a spectrum comes from. A high R² of a pooled source is no proof that a network learnt pH within them,
# nor that its features are useful elsewhere.
#
# ## Takeaways
#
# - On measured soils, {glue:text}`real-best-model` has the best mean R² ({glue:text}`real-best-r2:.2f`); PLS has {glue:text}`real-mean-r2-pls:.2f`.
# - {glue:text}`real-verdict`
# - Of {glue:text}`real-ledger-ideas` ideas to make transfer pay, the one that clay chose was tried on organic carbon. {glue:text}`real-ledger-SOC`
# - Pooled R² of pH is {glue:text}`real-ph-r2-pooled:.2f`, within fields its median is {glue:text}`real-ph-r2-within:.2f`. Report both, always.
#
# ## Limits
#
# The targets are clay and organic carbon, not lead; the source is smaller than LUCAS by a factor of twenty or more.
# The five fields are not a sample of the world. Organic carbon of two fields is organic matter times 0.58 (van Bemmelen's factor).
# Cross-validation within a field says how well *that field's* next sample is predicted, not another field's.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-p n_repeats 10`. Which cells of {numref}`fig-real-league` change in the second digit?
# 2. Execute it with `-p fields "cv98 ul120"`. Does the verdict stand on two fields?
#
# Next: the site reports, one page for each field.
