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
# The chapters before this one worked on a twin whose lead is simulated. Would measured soils say the same?
# Here the same pipeline runs on five fields that people sampled, measured and gave away.
# **Does transfer from pH help there, and which model should one use?**

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # only where artifacts lie; the fields below are the subject
fields: str = "cv98 sc93 sl125 ul120 ssp460"  # files of notebooks/sites, separated by spaces
chosen: str = ""  # models beside those the text speaks of, keys of soilpb.models.MODELS; empty: all
n_repeats: int = 5  # repeats of the outer 5-fold cross-validation
n_repeats_slow: int = 2  # repeats of the models that take longest
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default
n_jobs: int = 2  # processes

# %% tags=["hide-input"]
import textwrap

import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import HTML, Markdown, display
from myst_nb import glue

from soilpb import _format, evaluate, plots
from soilpb.models import PLSCV, describe_models, installed_models, make_models, model_name
from soilpb.readers import load_fields
from soilpb.site_file import project_root
from soilpb.study import Study, banner_html

# %% tags=["hide-input"]
study = Study.open("06_real_soils", globals())
plots.set_style()
given = {key: globals()[key] for key in ("source", "source_datasets") if key in globals()}
sites = [Study.load(name, artifacts=study.site.artifacts, **given) for name in fields.split()]
library = [sites[0].source.provenance] if given else []  # else each field has its own
HTML(banner_html("five fields of LimeSoDa", *[field.target.provenance for field in sites], *library))

# %% tags=["remove-input"]
answer = display(Markdown("The answer appears here once the chapter has been executed."), display_id=True)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "R² minus that of PLS, mean over the tasks and 95 % interval over tasks (LimeSoDa, measured soils).", "name": "fig-real-gains"}, "image": {"alt": "One row per model, the best first: a dot and an interval for the mean difference in R squared from partial least squares; models that start from the pH network in another colour."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - say how well clay and organic carbon of a field can be read from about a hundred spectra, and by which model;
# - say on how many tasks transfer from pH beats, equals or loses to partial least squares;
# - explain why a pooled R² can be high while every field's own R² is low.
# ```
#
# *Needs: the networks that {ref}`chapter 2 <sec-pretraining>` trained for each of the five fields.*
#
# ## Ten tasks
#
# LimeSoDa {cite:p}`limesoda` holds fields with spectra, pH, clay and organic carbon. Lead is not among them: nobody published lead with full-range spectra
# under a free licence. Clay and organic carbon stand in. Like lead at a mine, they were measured on about a hundred soils of one place.

# %% tags=["remove-input"]
others = "pH of the other four, so no soil is ever on both sides"
Markdown(f"For each field the *source* is {f'pH of {library[0].name}' if given else others}.")

# %%
tasks = {
    f"{target.split('_')[0]} {field}": Study.load(
        field, chapter=study.chapter, target=target, artifacts=study.site.artifacts, **given
    )
    for target in ("clay_pct", "SOC_pct")
    for field in fields.split()
}

# %% tags=["hide-input"]
overview = pd.DataFrame(
    {
        "soils": {name: task.target.n_samples for name, task in tasks.items()},
        "mean": {name: f"{task.y.mean():.2f}" for name, task in tasks.items()},
        "sd": {name: f"{task.y.std(ddof=1):.2f}" for name, task in tasks.items()},
        "unit": {name: task.target_unit for name, task in tasks.items()},
        "source soils": {name: task.source.n_samples for name, task in tasks.items()},
    }
)
overview.reset_index(names="task").style.hide(axis="index")

# %% [markdown]
# ## All models on all tasks
#
# All models of this book are compared, and with them MiniRocket {cite:p}`dempster2021`, local PLS {cite:p}`ramirezlopez2013` and, where its optional package is installed, Cubist {cite:p}`quinlan1992`.
# Each tunes itself inside each training fold; the folds are the same for all, and stored.
# A model's R² on a task is the pooled R² of a repeat of 5-fold cross-validation, averaged over the repeats. Networks and other slow models
# are given fewer repeats than the rest, the first ones. Whenever two models are compared, only the repeats that both have are used.

# %% tags=["hide-input", "hide-output"]
spoken_of = ["pls", "average", "resnet", "resnet-ph", "features-ridge"]
keys = list(dict.fromkeys([*spoken_of, *chosen.split()])) if chosen else list(installed_models())
slow = ["resnet", "resnet-ph", "lp-ft", "partial", "head", "stack", "cubist", "minirocket", "forest"]
repeats = {key: min(n_repeats, n_repeats_slow) if key in slow else n_repeats for key in keys}
described = describe_models(keys).assign(repeats=list(repeats.values()))
described.style.hide(axis="index")

# %%
predictions, folds = [], []
for name, task in tasks.items():
    rows = evaluate.repeated_kfold(task.ids, 5, n_repeats, task.site.seed, task.groups)
    folds.append(rows.assign(task=name))
    for n in sorted(set(repeats.values()), reverse=True):
        models = [key for key in keys if repeats[key] == n]
        models = make_models(task.source_network(), models, task.site.seed, epochs)
        first = rows[rows["repeat"] < n]
        found = evaluate.cross_validate(models, task.X, task.y, first, task.ids, n_jobs, task.groups)
        predictions.append(found.assign(task=name))
predictions, folds = pd.concat(predictions), pd.concat(folds)

# %%
by_task = dict(list(predictions.groupby("task", sort=False)))
scored = {name: evaluate.score_predictions(rows) for name, rows in by_task.items()}
scores = pd.concat([rows.assign(task=name) for name, rows in scored.items()])
league = pd.concat([evaluate.summarise_scores(rows).assign(task=name) for name, rows in scored.items()])

# %% mystnb={"figure": {"caption": "R² of each model on each task (LimeSoDa, measured soils), and the mean over the tasks.", "name": "fig-real-league"}, "image": {"alt": "Heat map of R squared: models as rows ordered by their mean, the best first; clay and organic carbon of five fields as columns, and their mean; the best model of each column in bold."}}
ax = plots.plot_task_heatmap(league.query("metric == 'R2'"), tall=True)

# %% tags=["remove-input"]
means = league.query("metric == 'R2'").groupby("model")["value"].mean().sort_values(ascending=False)
PLS, AVERAGE, DIRECT, RECIPE = (model_name(key) for key in ("pls", "average", "resnet", "resnet-ph"))
from_ph = described.loc[described["starts from the source"] == "yes", "model"].tolist()
TRANSFER = means[from_ph].idxmax()
recommended = f", and the average that this book recommends {_format.number(means[AVERAGE])}"
recommended = "; the average is what this book recommends" if means.idxmax() == AVERAGE else recommended
Markdown(f"""
Averaged over the tasks, *{means.idxmax()}* has the highest R², {means.max():.2f}. PLS has {_format.number(means[PLS])}{recommended}.
A network trained on the field alone has {_format.number(means[DIRECT])}; the study's recipe, which fine-tunes the whole pH network, {_format.number(means[RECIPE])};
the best way of using that network, *{TRANSFER}*, {_format.number(means[TRANSFER])}.
""")

# %% [markdown]
# ## Better, worse, or chance?
#
# How much better than PLS is a model on a task like these? {numref}`fig-real-gains` gives the mean difference, with an interval over tasks, and so does the table.
# And on which tasks is the difference more than chance? On each task every model is compared with PLS fold by fold, by the corrected resampled t-test {cite:p}`nadeau2003`,
# with Holm's correction over the tasks. *Equal* means that the error differs by less than 2 % with a probability of 95 %; *undecided* means that these soils cannot tell.

# %%
compared = pd.concat(
    evaluate.compare_models(rows, folds.query("task == @name"), reference=PLS).assign(task=name)
    for name, rows in scored.items()
).reset_index(drop=True)
compared["p_holm"] = compared.groupby("model")["p_value"].transform(evaluate.adjust_p_values)
compared["outcome"] = [evaluate.decide_verdict(row) for row in compared.to_dict("records")]
counts = pd.crosstab(compared["model"], compared["outcome"])
counts = counts.reindex(columns=["better", "equal", "undecided", "worse"], fill_value=0)

# %%
r2 = scores.query("metric == 'R2' and fold == @evaluate.POOLED")
r2 = r2.pivot_table("value", ["task", "repeat"], "model", sort=False)
gains = r2.drop(columns=PLS).sub(r2[PLS], axis=0).groupby("task").mean()
above = {model: evaluate.mean_over_tasks(gains[model]) for model in gains}
above = pd.DataFrame(above, index=["ΔR²", "low", "high"]).T
above = above.sort_values("ΔR²", ascending=False).rename_axis("model")
above["starts from"] = [
    "the pH network" if model in from_ph else "the field's soils" for model in above.index
]

# %% tags=["remove-input"]
ax = plots.plot_intervals(above.reset_index(), "model", "ΔR²", "ΔR² from PLS", hue="starts from")
picture.update(ax.figure)
plt.close(ax.figure)

# %% tags=["hide-input"]
shown = pd.DataFrame({"R²": means[above.index].map("{:.3f}".format)})
numbers = above[["ΔR²", "low", "high"]].to_numpy()
shown["ΔR² from PLS"] = [_format.signed_with_interval(*row, 3) for row in numbers]
four = counts.loc[above.index].to_numpy()
shown["better, equal,<br>undecided, worse"] = [", ".join(map(str, row)) for row in four]
style = shown.reset_index().style.hide(axis="index")
style.set_table_attributes('style="font-size: 0.85em; white-space: nowrap"')

# %% tags=["remove-input"]
change = above[["ΔR²", "low", "high"]].T
numbers = {model: _format.signed_with_interval(*change[model], 3) for model in change}
n = counts.to_dict("index")
explains = "more" if change[AVERAGE]["low"] > 0 else "less" if change[AVERAGE]["high"] < 0 else "no more"
better, worse = n[TRANSFER]["better"], n[TRANSFER]["worse"]
helps = "helps" if better > worse else "harms" if worse > better else "makes no provable difference"
verdict = f"""Over {len(tasks)} tasks, transfer from pH **{helps}**: its best use, *{TRANSFER}*, differs from PLS by {numbers[TRANSFER]} in mean R², and is better on {better}, worse on {worse}, equal on {n[TRANSFER]["equal"]} and undecided on {n[TRANSFER]["undecided"]} tasks."""
Markdown(f"""
{verdict}
The study's recipe differs by {numbers[RECIPE]}, and of the tasks is better on {n[RECIPE]["better"]} and worse on {n[RECIPE]["worse"]}.

The model that this book recommends, the *{AVERAGE}* of PLS, multiblock ridge and a Gaussian process, explains **{explains}** than PLS alone: {numbers[AVERAGE]}.
Of the tasks, it is better on {n[AVERAGE]["better"]} and worse on {n[AVERAGE]["worse"]}.
""")

# %% tags=["remove-input"]
Markdown(f"""
Why so? The source has {overview["source soils"].min()} to {overview["source soils"].max()} soils{"" if given else ", from the other fields, where the study had a continent"}; and pH varies little within a field.
A network cannot carry over what it never learnt. {{ref}}`A later section <sec-real-pool>` shows it.
""")

# %% [markdown]
# ## Which models should be averaged?
#
# Would other models than these three make a better average? Means of two to four out of seven models were compared on the *clay* tasks.
# The best one was put on record, and only then were its new members tried on *organic carbon* (`benchmarks/averages.md`).

# %% tags=["remove-input"]
results = project_root() / "results"
averages = pd.read_csv(results / "averages.csv")
winner = averages[averages["chosen"]].eval("gain = R2 - R2_present")
on_clay, on_carbon = (
    _format.signed_with_interval(*evaluate.mean_over_tasks(rows), 3)
    for rows in (winner.loc[winner["target"] == target, "gain"] for target in ("clay", "SOC"))
)
stays = winner.loc[winner["target"] == "SOC", "gain"].mean() < 0
Markdown(f"""
Of {averages["average"].nunique()} means, the best on clay is that of {winner["average"].iloc[0]}: its R² differs from that of the recommended average by {on_clay} there, and by {on_carbon} on organic carbon.
So the recommended average {"stays as it is" if stays else "is replaced by it"}.
""")

# %% [markdown]
# ## Does transfer improve the average?
#
# The average knows the field's soils alone. Would it be better for knowing others? Ideas were written down with what was expected of them, then tried on these ten tasks with 5 × 5-fold cross-validation:
# features of the pH network as a further member, networks that learnt clay and carbon too, or minerals of simulated soils first; alignment of the
# fields; other fields' own models; slopes shrunk towards theirs. The ideas met on the *clay* tasks only. The best one there was put on record; then it
# was tried on *organic carbon*, which had taken no part in the choice. All ideas with all expectations are in `benchmarks/ledger.md`.

# %%
ledger = pd.read_csv(results / "ledger.csv").eval("gain = R2 - R2_without")
by_idea = ledger.groupby(["idea", "borrows", "control", "chosen"], sort=False)["gain"]
tried = pd.DataFrame(by_idea.apply(evaluate.mean_over_tasks).tolist(), columns=["ΔR²", "low", "high"])
tried = pd.concat([by_idea.size().index.to_frame(index=False), tried], axis=1)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "R² of the average with an idea minus without, mean over the ten tasks and 95 % interval over tasks (LimeSoDa, measured soils), by what the idea borrows. Controls borrow nothing, or an unrelated property.", "name": "fig-ledger"}, "image": {"alt": "Thirty rows, one per idea or control: dots near zero with intervals, nearly all of which hold zero."}}
rows = tried.sort_values("ΔR²", ascending=False)
names = [textwrap.fill(name.removeprefix("average").lstrip(" +,"), 46) for name in rows["idea"]]
rows = rows.assign(idea=names)
ax = plots.plot_intervals(rows, "idea", "ΔR²", "ΔR² over ten tasks", hue="borrows", label_size=8.5)

# %% tags=["remove-input"]
ideas, controls = tried[~tried["control"]], tried[tried["control"]]
elected = ledger[ledger["chosen"]]
changes = {
    target: evaluate.mean_over_tasks(rows["gain"])
    for target, rows in [("all", elected), *elected.groupby("target")]
}
changed = {target: _format.signed_with_interval(*change, 3) for target, change in changes.items()}
improves = "is" if changes["all"][1] > 0 and changes["SOC"][1] > 0 else "is not"
of_ideas = f"""The best of them on clay changes the mean R² of the average over ten tasks by {changed["all"]}; transfer **{improves}** shown to improve it."""
Markdown(f"""
Chosen on clay was *{elected["idea"].iloc[0]}*: it changes R² by {changed["clay"]} there, and by {changed["SOC"]} on organic carbon, which was to confirm it. Over all ten tasks the change is {changed["all"]}.
The best control, to which no knowledge was transferred, has {_format.signed(controls["ΔR²"].max(), 3)}.
Of {len(ideas)} ideas in {{numref}}`fig-ledger`, the interval lies above 0 for {int((ideas["low"] > 0).sum())}; chance alone would give {0.025 * len(ideas):.1f}.
For fields and sources as small as these, this book recommends the average {"with that idea" if improves == "is" else "without transfer"}; its mean R² is {elected["R2_without"].mean():.2f}.
""")

# %% [markdown]
# (sec-real-pool)=
# ## Pooled fields, and each field alone
#
# How well was pH learnt? Pool the five fields and cross-validate: R² is high. Then compute it within each field.

# %%
sets = dict.fromkeys(task.site.limesoda_set for task in tasks.values())
pooled = load_fields(list(sets), next(iter(tasks.values())).grid).having("pH")
ids = pooled.samples.index
ph_folds = evaluate.repeated_kfold(ids, 5, 1, seed=study.site.seed)
ph = evaluate.cross_validate({PLS: PLSCV()}, pooled.reflectance, pooled.values("pH"), ph_folds, ids)
ph["group"] = pooled.samples["field"].loc[ph["sample"]].to_numpy()
r2_of = {
    name: evaluate.compute_metrics(rows["observed"], rows["predicted"])["R2"]
    for name, rows in [("all fields", ph), *ph.groupby("group")]
}
r2_pooled, within = r2_of["all fields"], pd.Series(r2_of).drop("all fields")

# %% mystnb={"figure": {"caption": "Observed against predicted pH of the five fields (LimeSoDa, measured soils), by PLS under 5-fold cross-validation of the pooled soils.", "name": "fig-simpson"}, "image": {"alt": "Scatter plot of observed against predicted pH: five clouds along the 1:1 line, one per field, with the pooled R squared beside the far lower R squared of each field."}}
ax = plots.plot_within_groups(ph, r2_pooled, within, "pH (H₂O)")

# %% tags=["remove-input"]
Markdown(f"""
Pooled, R² is {_format.number(r2_pooled)}. Within fields the median is {_format.number(within.median())} ({_format.number(within.min())} to {_format.number(within.max())}).
Much of the pooled R² is differences between fields, which a model gets for recognising *which field* a spectrum comes from.
A high R² of a pooled source is no proof that a network learnt pH within the fields, nor that its features are useful elsewhere.
""")

# %% tags=["remove-cell"]
tables = {"predictions": predictions, "folds": folds, "scores": scores, "league": league}
tables |= {"comparison": compared, "ph_predictions": ph}
tables["intervals"] = pd.concat(
    [
        evaluate.bootstrap_interval(rows, groups=tasks[name].group_of).assign(task=name)
        for name, rows in by_task.items()
    ]
)
for name, table in tables.items():
    study.save(name, table)
for key, name in {"pls": PLS, "direct": DIRECT, "recipe": RECIPE, "transfer": TRANSFER}.items():
    glue(f"real-mean-r2-{key}", float(means[name]), display=False)
quoted = {"best-model": means.idxmax(), "best-r2": float(means.max()), "verdict": verdict.replace("*", "")}
quoted |= {"ledger-ideas": len(ideas), "ledger-all": of_ideas.replace("*", "")}
quoted |= {"ph-r2-pooled": float(r2_pooled), "ph-r2-within": float(within.median())}
for name, item in quoted.items():
    glue(f"real-{name}", item, display=False)

# %% tags=["remove-input"]
answer.update(
    Markdown(f"""
**The answer.** Transfer from pH **{helps}** on these {len(tasks)} tasks: the best use of the pH network has a mean R² of {_format.number(means[TRANSFER])}, the study's recipe {_format.number(means[RECIPE])}, and PLS, which knows the field alone, {_format.number(means[PLS])}.
Use the *{AVERAGE}* of PLS, multiblock ridge and a Gaussian process: its mean R² is {_format.number(means[AVERAGE])}, which differs from that of PLS by {numbers[AVERAGE]}.
""")
)

# %% [markdown]
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- Highest mean R² on measured soils: *{means.idxmax()}* ({means.max():.2f}).
- The best use of transfer from pH was better than PLS on {better} of {len(tasks)} tasks and worse on {worse}.
- {len(ideas)} ideas to improve the average by transfer were tried; the one chosen on clay changed organic carbon by {changed["SOC"]}.
- Report R² pooled ({_format.number(r2_pooled)} for pH) and within fields (median {_format.number(within.median())}), always.
""")

# %% [markdown]
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
# Next: {ref}`sec-decisions`.
