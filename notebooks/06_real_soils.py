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
chosen: str = ""  # models beside those the text speaks of, keys of soilpb.models.MODELS; empty: all
n_repeats: int = 5  # repeats of the outer 5-fold cross-validation
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
n_jobs: int = 2  # processes

# %%
import textwrap

import pandas as pd
from IPython.display import HTML
from myst_nb import glue

from soilpb import _format
from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.models import baselines, pls
from soilpb.plots import scores as scores_
from soilpb.plots import style as style_
from soilpb.readers import limesoda
from soilpb.site_file import project_root
from soilpb.study import Study, banner_html

study = Study.open("06_real_soils", globals())
style_.set_style()
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
# All models of this book compete, and with them MiniRocket {cite:p}`dempster2021`, local PLS {cite:p}`ramirezlopez2013` and Cubist {cite:p}`quinlan1992`.
# Each tunes itself inside each training fold; the folds are the same for all, and stored.
# A model's R² on a task is the pooled R² of a repeat, averaged over {glue:text}`real-n-repeats` repeats of 5-fold cross-validation.

# %% tags=["hide-input", "hide-output"]
spoken_of = ["pls", "average", "resnet", "resnet-ph", "features-ridge"]
keys = dict.fromkeys([*spoken_of, *chosen.split()]) if chosen else baselines.installed_models()
baselines.describe_models(keys).style.hide(axis="index")

# %%
predictions, folds = [], []
for name, task in tasks.items():
    zoo = baselines.make_models(task.source_network(), keys, task.site.seed, epochs)
    rows = splits.repeated_kfold(task.ids, 5, n_repeats, task.site.seed, task.groups)
    predicted = cross_validation.cross_validate(zoo, task.X, task.y, rows, task.ids, n_jobs, task.groups)
    predictions.append(predicted.assign(task=name))
    folds.append(rows.assign(task=name))
predictions, folds = pd.concat(predictions), pd.concat(folds)

# %%
by_task = dict(list(predictions.groupby("task", sort=False)))
scored = {name: cross_validation.score_predictions(rows) for name, rows in by_task.items()}
scores = pd.concat([rows.assign(task=name) for name, rows in scored.items()])
league = pd.concat(
    [cross_validation.summarise_scores(rows).assign(task=name) for name, rows in scored.items()]
)
r2 = league.query("metric == 'R2'")
for name, table in {"predictions": predictions, "folds": folds, "scores": scores, "league": league}.items():
    study.save(name, table)

# %% mystnb={"figure": {"caption": "R² of each model on each task (LimeSoDa, measured soils), and the mean over the tasks.", "name": "fig-real-league"}, "image": {"alt": "Heat map of R squared: models as rows ordered by their mean, the best first; clay and organic carbon of five fields as columns, and their mean; the best model of each column in bold."}}
ax = scores_.plot_task_heatmap(r2, tall=True)

# %% [markdown]
# Each number of {numref}`fig-real-league` has an interval, which says how far *other soils of the same field* would move it
# (95 %, by drawing the field's soils again and again, with replacement).

# %% tags=["hide-input", "hide-output"]
sampled = pd.concat([comparison.bootstrap_interval(rows).assign(task=name) for name, rows in by_task.items()])
study.save("intervals", sampled)
sampled["R²"] = [_format.with_interval(*row) for row in sampled[["value", "lower", "upper"]].to_numpy()]
wide = sampled.pivot_table(index="model", columns="task", values="R²", aggfunc="first")[list(tasks)]
wide.loc[r2.groupby("model")["value"].mean().sort_values(ascending=False).index].rename_axis(columns=None)

# %% tags=["remove-cell"]
means = r2.groupby("model")["value"].mean()
PLS, _, DIRECT, RECIPE = [baselines.model_name(key) for key in baselines.STUDY_MODELS]
best_transfer = means[[baselines.model_name(key) for key in keys if baselines.MODELS[key].transfer]].idxmax()
for key, name in {"pls": PLS, "direct": DIRECT, "recipe": RECIPE, "transfer": best_transfer}.items():
    glue(f"real-mean-r2-{key}", float(means[name]), display=False)
glue("real-best-model", means.idxmax(), display=False)
glue("real-best-r2", float(means.max()), display=False)
glue("real-best-transfer", best_transfer, display=False)
glue("real-n-repeats", n_repeats, display=False)
glue("real-n-tasks", len(tasks), display=False)

# %% [markdown]
# Averaged over the tasks, *{glue:text}`real-best-model`* leads with {glue:text}`real-best-r2:.2f`. PLS, the field's workhorse, has
# {glue:text}`real-mean-r2-pls:.2f`; the network trained on the target alone {glue:text}`real-mean-r2-direct:.2f`; the study's recipe, fine-tuning all
# of the pH network, {glue:text}`real-mean-r2-recipe:.2f`; the best way of using that network, {glue:text}`real-best-transfer`,
# {glue:text}`real-mean-r2-transfer:.2f`.
#
# ## Better, worse, or luck?
#
# How much better than PLS is a model on a task like these? {numref}`fig-real-gains` gives the mean over the ten, with an interval over tasks, and so does the table.
# And on which of them is the difference more than luck? On each task every model is compared with PLS fold by fold, by the corrected resampled t-test {cite:p}`nadeau2003`,
# with Holm's correction over the tasks. *Equal* means that the error differs by less than 2 % with a probability of 95 %; *undecided* means that these soils cannot tell.

# %% tags=["hide-input"]
compared = pd.concat(
    [
        comparison.compare_models(rows, folds.query("task == @name"), reference=PLS).assign(task=name)
        for name, rows in scored.items()
    ],
    ignore_index=True,
)
compared["p_holm"] = compared.groupby("model")["p_value"].transform(comparison.adjust_p_values)
compared["outcome"] = [comparison.decide_verdict(row) for row in compared.to_dict("records")]
study.save("comparison", compared)
counts = pd.crosstab(compared["model"], compared["outcome"])
counts = counts.reindex(columns=["better", "equal", "undecided", "worse"], fill_value=0)

# %% tags=["hide-input"]
values = r2.pivot_table(index="model", columns="task", values="value")
order = means.drop(PLS).sort_values(ascending=False).index
above = pd.DataFrame(
    [comparison.mean_over_tasks(values.loc[model] - values.loc[PLS]) for model in order],
    index=order,
    columns=["ΔR²", "low", "high"],
)
transfers = {baselines.model_name(key): baselines.MODELS[key].transfer for key in keys}
above["starts from"] = ["the pH network" if transfers[model] else "the field's soils" for model in order]

# %% tags=["hide-input"] mystnb={"figure": {"caption": "R² minus that of PLS, mean over the tasks and 95 % interval over tasks (LimeSoDa, measured soils).", "name": "fig-real-gains"}, "image": {"alt": "One row a model, the best first: a dot and an interval for the mean difference in R squared from partial least squares; models that start from the pH network in another colour."}}
ax = scores_.plot_intervals(
    above.rename_axis("model").reset_index(), "model", "ΔR²", "ΔR² from PLS", hue="starts from"
)

# %% tags=["hide-input"]
shown = pd.DataFrame({"R²": [_format.number(means[model], 3) for model in order]}, index=order)
change = [[_format.signed(value, 3) for value in row] for row in above[["ΔR²", "low", "high"]].to_numpy()]
shown["ΔR² from PLS"] = [f"{mean} ({low} to {high})" for mean, low, high in change]
shown["better, equal,<br>undecided, worse"] = [
    ", ".join(map(str, row)) for row in counts.loc[order].to_numpy()
]
style = shown.rename_axis("model").reset_index().style.hide(axis="index")
style.set_table_attributes('style="font-size: 0.85em; white-space: nowrap"')


# %% tags=["remove-cell"]
def sentence(model):
    n = counts.loc[model]
    gap = means[model] - means[PLS]
    size = f"{abs(gap):.2f} {'above' if gap > 0 else 'below'} that of PLS"
    return (
        f"over {len(tasks)} tasks, {model} has a mean R² {size if abs(gap) >= 0.005 else 'equal to that of PLS'}; "
        f"it is better on {n['better']}, worse on {n['worse']}, equal on {n['equal']} and undecided on {n['undecided']}"
    )


# %% tags=["remove-cell"]
recommended = baselines.model_name("average")
gain, low, high = (_format.signed(value, 3) for value in above.loc[recommended, ["ΔR²", "low", "high"]])
glue(
    "real-verdict-average",
    f"The model that this book recommends: {sentence(recommended)}. Its mean gain over PLS is {gain}, with a 95 % interval "
    f"over tasks of {low} to {high}.",
    display=False,
)

# %% tags=["remove-cell"]
better, worse = counts.loc[best_transfer, ["better", "worse"]]
said = "Transfer helps here" if better > worse else "Transfer does not win here"
if not better and not worse:
    said = "These soils cannot tell transfer from PLS"
glue("real-verdict", f"{said}: {sentence(best_transfer)}.", display=False)
glue("real-verdict-recipe", f"And the study's recipe: {sentence(RECIPE)}.", display=False)
glue(
    "real-answer",
    f"Over {len(tasks)} tasks PLS reaches a mean R² of {means[PLS]:.2f}, the average that this book recommends "
    f"{means[recommended]:.2f}, the study's recipe {means[RECIPE]:.2f}, and the best use of the pH network {means[best_transfer]:.2f}.",
    display=False,
)

# %% [markdown]
# {glue:text}`real-verdict-average`
#
# {glue:text}`real-verdict` {glue:text}`real-verdict-recipe`
#
# Why so? The source has {glue:text}`real-n-source:.0f` soils or so, from four fields, where the study had a continent; and pH varies little within a field.
# A network cannot carry over what it never learnt. {ref}`A later section <sec-real-pool>` shows it.
#
# ## Which models should be averaged?
#
# The recommended average is the mean of PLS with its best preprocessing, multiblock ridge and a Gaussian process. Would others do better?
# Means of two to four out of seven models were compared on the *clay* tasks. The best one was put on record, and only then were its new members tried on *organic carbon*.
# Rule and expectation were written before; all is in `benchmarks/averages.md`.

# %% tags=["remove-cell"]
averages = pd.read_csv(project_root() / "results" / "averages.csv")
winner = averages[averages["chosen"]].eval("gain = R2 - R2_present")
gain = {target: rows.to_numpy() for target, rows in winner.groupby("target")["gain"]}
change = {
    target: "{} (95 % interval {} to {})".format(
        *[_format.signed(value, 3) for value in comparison.mean_over_tasks(rows)]
    )
    for target, rows in gain.items()
}
stays = gain["SOC"].mean() < 0 or winner["present"].all()
glue(
    "real-averages",
    f"Of {averages['average'].nunique()} means, the best on clay is that of {winner['average'].iloc[0]}: "
    f"its mean R² differs from that of the recommended one by {change['clay']} there, and by {change['SOC']} on organic carbon. "
    f"So the recommended average {'stays as it is' if stays else 'is replaced by it'}; over all ten tasks the means are "
    f"{_format.number(winner['R2'].mean(), 3)} and {_format.number(winner['R2_present'].mean(), 3)}.",
    display=False,
)

# %% [markdown]
# {glue:text}`real-averages`
#
# ## Does transfer earn its place?
#
# The average knows the field's soils alone. Would it be better for knowing others?
# {glue:text}`real-ledger-ideas` ideas were written down with what was expected of them, then tried on these ten tasks with 5 × 5-fold cross-validation:
# features of the pH network as a further member, networks that learned clay and carbon too, or minerals of simulated soils first; alignment of the
# fields; other fields' own models; slopes shrunk towards theirs. The ideas met on the *clay* tasks only. The best one there was put on record; then it
# was tried on *organic carbon*, which had taken no part in the choice. The ledger with all expectations is `benchmarks/ledger.md`.

# %%
ledger = pd.read_csv(project_root() / "results" / "ledger.csv")
ledger["gain"] = ledger["R2"] - ledger["R2_without"]
gains = ledger.groupby("idea", sort=False)["gain"].apply(comparison.mean_over_tasks).tolist()
means_of_targets = ledger.pivot_table(index=["idea", "borrows"], columns="target", values="gain", sort=False)
tried = means_of_targets[["clay", "SOC"]].rename(columns="ΔR² {}".format)
tried[["ΔR²", "lower", "upper"]] = gains

# %% tags=["hide-input"] mystnb={"figure": {"caption": "R² of the average with an idea minus without, mean over the ten tasks and 95 % interval over tasks (LimeSoDa, measured soils), by what the idea borrows.", "name": "fig-ledger"}, "image": {"alt": "Thirty rows, one an idea or a control: dots near zero with intervals, nearly all of which hold zero."}}
rows = (
    tried.reset_index().rename(columns={"lower": "low", "upper": "high"}).sort_values("ΔR²", ascending=False)
)
rows["idea"] = [textwrap.fill(name.removeprefix("average").lstrip(" +,"), 46) for name in rows["idea"]]
ax = scores_.plot_intervals(rows, "idea", "ΔR²", "ΔR² over ten tasks", hue="borrows", label_size=8.5)

# %% tags=["hide-input", "hide-output"]
signed = "{:+.4f}".format
tried.rename_axis(columns=None).reset_index().style.format(signed, subset=tried.columns).hide(axis="index")

# %% [markdown]
# In {numref}`fig-ledger` and its table, ΔR² is the average's R² with the idea minus without, over clay, organic carbon, and all ten with a 95 % interval over tasks.
# It is not corrected for the number of ideas. Controls learned nothing that could be of use: what they gain, any further member would.

# %% tags=["remove-cell"]
elected = ledger[ledger["chosen"]]
best_control = tried.xs("nothing", level="borrows")["ΔR²"].max()
glue("real-ledger-ideas", int(ledger.loc[~ledger["control"], "idea"].nunique()), display=False)
glue("real-ledger-chosen", elected["idea"].iloc[0], display=False)
glue("real-ledger-base", float(elected["R2_without"].mean()), display=False)

# %% tags=["remove-cell"]
lucky = tried.loc[tried.index.get_level_values("idea").isin(ledger.loc[~ledger["control"], "idea"])]
glue("real-ledger-helping", int((lucky["lower"] > 0).sum()), display=False)
glue("real-ledger-luck", 0.025 * len(lucky), display=False)
confirmed = all(
    comparison.mean_over_tasks(rows["gain"])[1] > 0 for rows in (elected, elected.query("target == 'SOC'"))
)
advice = "with it" if confirmed else "without transfer"
glue(
    "real-ledger-advice",
    f"for fields and sources as small as these, this book recommends the average {advice}",
    display=False,
)

# %% tags=["remove-cell"]
glue("real-ledger-control", _format.signed(best_control, 3), display=False)
for target, rows in {
    "clay": elected.query("target == 'clay'"),
    "SOC": elected.query("target == 'SOC'"),
    "all": elected,
}.items():
    glue(
        f"real-ledger-{target}",
        comparison.place_verdict(rows["gain"].to_numpy(), "the average"),
        display=False,
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
# (sec-real-pool)=
# ## The trap of the pool
#
# How well was pH learnt? Pool the five fields, cross-validate, and the answer looks splendid. Then look inside each field.

# %%
sets = dict.fromkeys(task.site.limesoda_set for task in tasks.values())
pooled = limesoda.load_fields(list(sets), next(iter(tasks.values())).grid).having("pH")
ph_folds = splits.repeated_kfold(pooled.samples.index, 5, 1, seed=study.site.seed)
ph = cross_validation.cross_validate(
    {PLS: pls.PLSCV()}, pooled.reflectance, pooled.values("pH"), ph_folds, pooled.samples.index
)
ph["group"] = pooled.samples["field"].loc[ph["sample"]].to_numpy()
pooled_r2 = cross_validation.compute_metrics(ph["observed"], ph["predicted"])["R2"]
within = ph.groupby("group").apply(
    lambda rows: cross_validation.compute_metrics(rows["observed"], rows["predicted"])["R2"]
)

# %% mystnb={"figure": {"caption": "Observed against predicted pH of the five fields (LimeSoDa, measured soils), by PLS under 5-fold cross-validation of the pooled soils.", "name": "fig-simpson"}, "image": {"alt": "Scatter plot of observed against predicted pH: five clouds along the 1:1 line, one a field, with the pooled R squared beside the far lower R squared of each field."}}
ax = scores_.plot_within_groups(ph, pooled_r2, within, "pH (H₂O)")

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
# - On measured soils, *{glue:text}`real-best-model`* has the best mean R² ({glue:text}`real-best-r2:.2f`); PLS has {glue:text}`real-mean-r2-pls:.2f`.
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
