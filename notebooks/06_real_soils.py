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
# Later sections also use measured soils of ICRAF-ISRIC, with seven countries as sites; simulated are only the soils that some ideas of {numref}`fig-ledger` borrow from.
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
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from IPython.display import HTML, Markdown, display
from myst_nb import glue

from soilpb import _format, evaluate, plots
from soilpb.models import PLSCV, describe_models, installed_models, make_models, model_name
from soilpb.readers import fetched_library, load_fields, load_ossl
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
# ```{admonition} The primary comparison
# *ResNet-pH* against *PLS*: the mean difference in R² over the tasks, tested over the tasks by Student's t, not corrected ({ref}`sec-primary`). All others are secondary.
# ```
#
# *Needs: the networks that {ref}`chapter 2 <sec-pretraining>` trained for each of the five fields.*
#
# ## Ten tasks
#
# LimeSoDa {cite:p}`limesoda` holds fields with spectra, pH, clay and organic carbon. Lead is not among them: we found no open data set
# with lead and full-range spectra. Clay and organic carbon stand in. Like lead at a mine, they were measured on about a hundred soils of one place.

# %% tags=["remove-input"]
others = "pH of the other four, so no soil is ever on both sides"
large = "SSP.460 has 460 soils. As a target it is given 130 of them, drawn at random, so that all sites are about as large; as a source for the others it is whole."
large = large if "ssp460" in fields.split() and not given else ""
Markdown(f"For each field the *source* is {f'pH of {library[0].name}' if given else others}. {large}")

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
# A model's R² on a task is computed over all held-out predictions of one field in one repeat of 5-fold cross-validation, and averaged over the repeats. Networks and other slow models
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

# %% tags=["hide-input"]
by_task = dict(list(predictions.groupby("task", sort=False)))
scored = {name: evaluate.score_predictions(rows) for name, rows in by_task.items()}
scores = pd.concat([rows.assign(task=name) for name, rows in scored.items()])
league = pd.concat([evaluate.summarise_scores(rows).assign(task=name) for name, rows in scored.items()])

# %% mystnb={"figure": {"caption": "R² of each model on each task (LimeSoDa, measured soils), and the mean over the tasks.", "name": "fig-real-league"}, "image": {"alt": "Heat map of R squared: models as rows ordered by their mean, the best first; clay and organic carbon of five fields as columns, and their mean; the best model of each column in bold."}}
ax = plots.plot_task_heatmap(league.query("metric == 'R2'"))

# %% tags=["remove-input"]
means = league.query("metric == 'R2'").groupby("model")["value"].mean().sort_values(ascending=False)
PLS, AVERAGE, DIRECT, RECIPE = (model_name(key) for key in ("pls", "average", "resnet", "resnet-ph"))
from_ph = described.loc[described["starts from the source"] == "yes", "model"].tolist()
TRANSFER = means[from_ph].idxmax()
recommended = f", and the average that this book recommends {_format.number(means[AVERAGE])}"
recommended = "; the average is what this book recommends" if means.idxmax() == AVERAGE else recommended
Markdown(f"""
Averaged over the tasks, *{means.idxmax()}* has the highest R², {means.max():.2f}. PLS has {_format.number(means[PLS])}{recommended}.
A network trained on the field alone has {_format.number(means[DIRECT])}; ResNet-pH, the whole pH network fine-tuned, which we assume to be the study's recipe, {_format.number(means[RECIPE])};
of all ways of using that network *{TRANSFER}* has the highest, {_format.number(means[TRANSFER])}: chosen by its result, so a little flattered.
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

# %% tags=["hide-input"]
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
p = float(evaluate.corrected_t_test(gains[RECIPE], ratio=0).p_value)  # plain, over tasks
p = "< 0.001" if p < 0.001 else f"= {p:.3f}"
change = above[["ΔR²", "low", "high"]].T
numbers = {model: _format.signed_with_interval(*change[model], 3) for model in change}
n = counts.to_dict("index")
explains = (
    "explains **less** than" if change[AVERAGE]["high"] < 0 else "is **not shown** to explain more than"
)
explains = "explains **more** than" if change[AVERAGE]["low"] > 0 else explains
better, worse = n[TRANSFER]["better"], n[TRANSFER]["worse"]
helps = "helps" if better > worse else "harms" if worse > better else "makes no provable difference"
verdict = f"""Over {len(tasks)} tasks, transfer from pH **{helps}**: its best use, *{TRANSFER}*, differs from PLS by {numbers[TRANSFER]} in mean R² (chosen by its result), and is better on {better}, worse on {worse}, equal on {n[TRANSFER]["equal"]} and undecided on {n[TRANSFER]["undecided"]} tasks."""

# %% tags=["remove-input"]
total, averaging = change[TRANSFER]["ΔR²"], change[AVERAGE]["ΔR²"]
credit, added = "", _format.signed(total - averaging, 3)
if model_name("average-ph") == TRANSFER:
    much = "Nearly all" if abs(total - averaging) < abs(total) / 5 else "Part"
    credit = f" {much} of that comes from averaging, not from transfer: the same average without pH has {numbers[AVERAGE]}, so pH features change it by {added}."
verdict += credit
by_field = gains[[RECIPE, AVERAGE]].groupby(lambda task: task.split()[1]).mean()
over_fields = ""
if len(by_field) > 1:
    per = [_format.signed_with_interval(*evaluate.mean_over_tasks(by_field[m]), 3) for m in by_field]
    over_fields = f" Over the {len(by_field)} fields, each with the mean of its tasks, *{RECIPE}* differs from PLS by {per[0]}, and the *{AVERAGE}* by {per[1]}."
Markdown(f"""
The primary comparison: over {len(tasks)} tasks, *{RECIPE}* differs from PLS by {numbers[RECIPE]} in mean R² (p {p}). Of the tasks it is better on {n[RECIPE]["better"]} and worse on {n[RECIPE]["worse"]}.

{verdict}

The model that this book recommends, the *{AVERAGE}* of multiblock ridge and two Gaussian processes, {explains} PLS alone on these fields: {numbers[AVERAGE]}.
Of the tasks, it is better on {n[AVERAGE]["better"]}, worse on {n[AVERAGE]["worse"]}, equal on {n[AVERAGE]["equal"]} and undecided on {n[AVERAGE]["undecided"]}.
""")

# %% tags=["remove-input"]
results = project_root() / "results"
countries = pd.read_csv(results / "countries.csv")
draws = countries.pivot_table("R2", ["country", "repeat"], "model", sort=False)
there = (draws["recommended model"] - draws["PLS"]).groupby("country").mean()
mean_there, *ends = evaluate.mean_over_tasks(there)
there = _format.signed_with_interval(mean_there, *ends, 3)
single = (draws["recommended model"] - draws["GPR"]).groupby("country").mean()
single = _format.signed_with_interval(*evaluate.mean_over_tasks(single), 3)
Markdown(f"""
It is recommended because of soils that differ more than those of a field: on measured soils of {draws.index.unique("country").size} countries ({{ref}}`a later section <sec-real-countries>`) its R² {"is higher than" if ends[0] > 0 else "is not shown to be higher than"} that of PLS: {there}. That is mostly because PLS fails on some of them; the difference from GPR alone is {single}. Four of the countries took part in the choice.
""")

# %% tags=["remove-input"]
Markdown(f"""
Why so? The source has {overview["source soils"].min()} to {overview["source soils"].max()} soils{"" if given else ", from the other fields, where the study had LUCAS"}; and pH varies little within a field.
A network cannot carry over what it never learnt. {{ref}}`A later section <sec-real-pool>` shows it.
""")

# %% [markdown]
# ## Which models should be averaged?
#
# An average must not break where soils differ much. The one that this book recommended before was the plain mean of PLS, multiblock ridge and a
# Gaussian process. On diverse soils PLS predicts values that no soil of the site has, and drags the mean with it. So each prediction is now kept
# within the training values (and 5 % of their range beyond), and a member counts by its error on inner folds, in which profiles stay together.
# Which members? Means of one to four models were compared on soils of China, Indonesia, Brazil and Kenya: measured soils of the ICRAF-ISRIC
# library, some 130 of a country. The best mean was put on record, and then tried on soils of Peru, Nigeria and the United States (`benchmarks/averages.md`).

# %% tags=["remove-input"]
averages = pd.read_csv(results / "averages.csv")
own = averages[averages["chosen"]].eval("gain = R2 - R2_former")
on_four, on_three = (own[own["confirms"] == known] for known in (False, True))
gains = own.groupby("country", sort=False)["gain"].mean()
gained = _format.signed_with_interval(*evaluate.mean_over_tasks(gains), 3)
confirmed = on_three["gain"].mean() >= 0 and (on_three["R2"] >= 0).all()
Markdown(f"""
The best on the four countries is the mean of {own["average"].iloc[0]}. On the other three its mean R² is {_format.number(on_three["R2"].mean())}, and that of the former average {_format.number(on_three["R2_former"].mean())}: the choice **{"is confirmed" if confirmed else "is not confirmed"}**.
Over all seven it gains {gained}; its lowest R² on {len(own)} tasks is {_format.number(own["R2"].min())}, that of the former average {_format.number(own["R2_former"].min())}.
""")

# %% [markdown]
# ## Does transfer improve the average?
#
# The average knows the field's soils alone. Would it be better for knowing others? The trials of this section and the next were made with the former average,
# the plain mean of PLS, multiblock ridge and a Gaussian process. Ideas were written down with what was expected of them, then tried on these ten tasks with 5 × 5-fold cross-validation:
# features of the pH network as a further member, networks that learnt clay and carbon too, or minerals of simulated soils first; alignment of the
# fields; other fields' own models; slopes shrunk towards theirs. The ideas met on the *clay* tasks only. The best one there was put on record; then it
# was tried on *organic carbon*, which had taken no part in the choice. All ideas with all expectations are in `benchmarks/ledger.md`.

# %%
ledger = pd.read_csv(results / "ledger.csv").eval("gain = R2 - R2_without")
by_idea = ledger.groupby(["idea", "borrows", "control", "chosen"], sort=False)["gain"]
tried = pd.DataFrame(by_idea.apply(evaluate.mean_over_tasks).tolist(), columns=["ΔR²", "low", "high"])
tried = pd.concat([by_idea.size().index.to_frame(index=False), tried], axis=1)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "R² of the former average with an idea minus without, mean over the ten tasks and 95 % interval over tasks (LimeSoDa, measured soils), by what the idea borrows. Controls borrow nothing, or an unrelated property.", "name": "fig-ledger"}, "image": {"alt": "Some thirty-five rows, one per idea or control: dots near zero with intervals, nearly all of which hold zero."}}
rows = tried.sort_values("ΔR²", ascending=False)
names = [name.removeprefix("average").lstrip(" +,") for name in rows["idea"]]
rows = rows.assign(idea=names)
ax = plots.plot_intervals(rows, "idea", "ΔR²", "ΔR² over ten tasks", hue="borrows")

# %% tags=["remove-input"]
ideas, controls = tried[~tried["control"]], tried[tried["control"]]
elected = ledger[ledger["chosen"]]
changes = {
    target: evaluate.mean_over_tasks(rows["gain"])
    for target, rows in [("all", elected), *elected.groupby("target")]
}
changed = {target: _format.signed_with_interval(*change, 3) for target, change in changes.items()}
names = {AVERAGE: "the present one", model_name("average-ph"): "the present one with pH features"}
alike = ", ".join(f"{name} {means[model]:.2f}" for model, name in names.items() if model in means)
improves = "is" if changes["all"][1] > 0 and changes["SOC"][1] > 0 else "is not"
above_0 = ideas[ideas["low"] > 0].set_index("idea")[["ΔR²", "low", "high"]]
those = [f"*{k}*, {_format.signed_with_interval(*row, 4)}" for k, row in above_0.T.items()]
of_ideas = f"""The best of them on clay changes the mean R² of the former average (the one that this book recommended before) over ten tasks by {changed["all"]}; transfer **{improves}** shown to improve it."""
Markdown(f"""
Chosen on clay was *{elected["idea"].iloc[0]}*: it changes R² by {changed["clay"]} there, and by {changed["SOC"]} on organic carbon, which was to confirm it. Over all ten tasks the change is {changed["all"]}.
The best control, to which no knowledge was transferred, has {_format.signed(controls["ΔR²"].max(), 3)}.
Of {len(ideas)} ideas in {{numref}}`fig-ledger`, the interval lies above 0 for {len(those)}{f" ({'; '.join(those)})" if those else ""}; chance alone would give {0.025 * len(ideas):.1f}.
For fields and sources as small as these, this book recommends the average {"with that idea" if improves == "is" else "without transfer"}.
Mean R² on these tasks: the former average {elected["R2_without"].mean():.2f}, {alike}. The present one was not chosen for these fields, but because it does not break on diverse soils: its lowest R² on {len(own)} tasks of seven countries is {_format.number(own["R2"].min())}, that of the former {_format.number(own["R2_former"].min())}.
""")

# %% [markdown]
# (sec-real-world)=
# ## Would a library of the world bring more?
#
# Four fields are a small source: some 800 soils. The ICRAF-ISRIC library {cite:p}`garrity2004` has 4,168 measured soils of 55 countries.
# What does each of the two libraries bring, and does it depend on how many soils of the field were analysed?
# As before, the former average is joined by a further member that knows a library: ridge on the features of its pH network; or seven properties that a network of the world
# predicts, beside PLS scores. Beside each pH network stands one that was trained on the same spectra with *shuffled* pH: whatever it brings was not learned from pH (`benchmarks/world_source.py`).

# %% tags=["hide-input"]
world = pd.read_csv(results / "world_source.csv").eval("gain = R2 - R2_without")
by_source = world.groupby(["share", "n", "source"], sort=False)["gain"]
brings = pd.DataFrame(by_source.apply(evaluate.mean_over_tasks).tolist(), columns=["value", "lower", "upper"])
brings = pd.concat([by_source.size().index.to_frame(index=False), brings], axis=1)
brings = brings.rename(columns={"share": "factor", "n": "level", "source": "model"})
alone = world.groupby("n")["R2_without"].mean()
change = brings.set_index(["factor", "level", "model"])[["value", "lower", "upper"]]
text = {
    key: _format.signed_with_interval(*row, 3)
    for key, row in zip(change.index, change.to_numpy(), strict=True)
}

# %% tags=["hide-input"] mystnb={"figure": {"caption": "R² of the mean of PLS, multiblock ridge and a Gaussian process with a member that knows a library, minus R² without, by number of training soils: mean over the ten tasks and 95 % interval over tasks (LimeSoDa, measured soils; libraries: the other four fields of LimeSoDa, some 800 soils, and ICRAF-ISRIC, 4,168 soils). 100 stands for all training soils of fields that have no more.", "name": "fig-world-source"}, "image": {"alt": "Two panels, the member as a quarter and as half of the mean: five lines over 15, 25, 40 and 100 training soils, near zero, with intervals; networks trained on shuffled pH lie below those trained on pH."}}
panels = {0.25: "Training soils (member: a quarter)"}
panels |= {0.5: "Training soils (member: half)"}
_, axes = plt.subplots(2, sharey=True, figsize=(plots.WIDTH, 5.8))
for ax, (share, label) in zip(axes, panels.items(), strict=True):
    plots.plot_learning_curve(brings[brings["factor"] == share], ax, "level", label, "ΔR²")
    ax.axhline(0, color=plots.GREY, linewidth=1, zorder=0)

# %% tags=["remove-input"]
FOUR, WORLD, SEVEN, SHUFFLED = "pH, four fields", "pH, world", "seven properties, world", "shuffled, world"
CONTROL = "shuffled, four fields"
known = brings[~brings["model"].str.contains("shuffled")]
helped = known[known["lower"] > 0]
fewest, most = alone.index[0], alone.index[-1]
shown = pd.DataFrame(
    {
        f"{part}, {soils} soils": [
            text[share, soils, name] for name in (FOUR, WORLD, SEVEN, CONTROL, SHUFFLED)
        ]
        for share, part in {0.25: "a quarter", 0.5: "half"}.items()
        for soils in (fewest, most)
    }
)
shown.insert(0, "member", [FOUR, WORLD, SEVEN, CONTROL, SHUFFLED])
shown.style.hide(axis="index").set_table_attributes('style="font-size: 0.85em"')

# %% tags=["remove-input"]
quarter = world.query("share == 0.25").pivot_table("gain", ["target", "field"], "source")
difference = evaluate.mean_over_tasks(quarter[WORLD] - quarter[FOUR])
more = "is not shown to bring more" if difference[2] >= 0 else "brings less"
more = "brings more" if difference[1] > 0 else more
where = [
    f"{row.model}, {'a quarter' if row.factor == 0.25 else 'half'}, {row.level} soils: {text[row.factor, row.level, row.model]}"
    for row in helped.itertuples()
]
small = "So even where it is not chance, it is too little to matter." if helped["value"].max() < 0.02 else ""
Markdown(f"""
The table gives ends of {{numref}}`fig-world-source`. With {fewest} training soils the former average alone has a mean R² of {_format.number(alone[fewest])}, with {most} it has {_format.number(alone[most])}.
Of the {len(known)} points that know a library, the interval lies above 0 for {len(where)} ({"; ".join(where) or "none"}); chance alone would give {0.025 * len(known):.1f}. {small}
A library of five times as many soils **{more}** than the four fields: as a quarter of the mean, {_format.signed_with_interval(*difference, 3)}.
""")

# %% [markdown]
# (sec-real-countries)=
# ## One country of the world as the site
#
# Within a field pH varies little, and the library's instrument is another. Both excuses fall when one *country* of the library is the site: all spectra were measured in one laboratory, the chemistry in others.
# Seven countries are left out in turn, each with some 130 soils of whole profiles, drawn anew in each of five repeats. The source is pH of all other countries; targets are clay, organic carbon and cation exchange capacity, on scales that make them even.
# Profiles stay together in all folds, for horizons of a profile are alike. Networks that are trained anew took part in fewer draws; two models are compared on the draws that both have (`benchmarks/countries.py`).

# %%
by_country = draws.groupby("country", sort=False).mean()
lowest = countries.groupby(["model", "country", "target"])["R2"].mean().groupby("model").min()
BEST = "recommended model"
alone_best = by_country[["PLS", "GPR", BEST]].mean().idxmax()  # the strongest without a library


def compare(model: str, other: str) -> pd.Series:
    """ΔR² in each country, averaged over targets and the draws that both models have."""
    return (draws[model] - draws[other]).groupby("country", sort=False).mean()


# %% tags=["hide-input"]
net, features, joined = "ResNet-pH", "pH features + ridge", f"{BEST} with"
weighted, strongest = "features weighted in", f"the {alone_best}".replace("the GPR", "GPR")
rows = []
for model in by_country.mean().sort_values(ascending=False).index:
    if " with " in model and not model.startswith(BEST):
        continue
    r2s = [_format.number(value) for value in evaluate.mean_over_tasks(by_country[model])]
    change = evaluate.mean_over_tasks(compare(model, alone_best))
    change = "" if model == alone_best else _format.signed_with_interval(*change, 3)
    r2s = f"{r2s[0]} ({r2s[1]} to {r2s[2]})"
    rows.append((model, r2s, change, _format.number(lowest[model]), draws[model].count() // 7))
columns = ["model", "R²", f"ΔR² from {alone_best}", "lowest of 21", "draws"]
style = pd.DataFrame(rows, columns=columns).style.hide(axis="index")
style.set_table_attributes('style="font-size: 0.85em"')

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Differences in R² between two models, mean over seven countries and 95 % interval over countries (ICRAF-ISRIC, measured soils; one country left out as the site, pH of all others as the source).", "name": "fig-countries"}, "image": {"alt": "Dots with intervals: networks taught pH lie above those taught shuffled pH; against the strongest model without a library the intervals reach below zero."}}
pairs = [
    ("ResNet-pH − ResNet-shuffled", net, "ResNet-shuffled"),
    ("ResNet-pH − direct ResNet", net, "ResNet"),
    (f"ResNet-pH − {alone_best}", net, alone_best),
    ("pH features − shuffled", features, f"shuffled-{features}"),
    (f"pH features − {alone_best}", features, alone_best),
    ("as a member: ResNet-pH − shuffled", f"{joined} {net}", f"{joined} ResNet-shuffled"),
    ("as a member: ResNet-pH − none", f"{joined} {net}", BEST),
    ("weighted in: pH features − shuffled", f"{BEST}, pH {weighted}", f"{BEST}, shuffled-pH {weighted}"),
    ("weighted in: pH features − none", f"{BEST}, pH {weighted}", BEST),
]
gained = [evaluate.mean_over_tasks(compare(model, other)) for _, model, other in pairs]
shown = pd.DataFrame(gained, columns=["ΔR²", "low", "high"]).assign(models=[name for name, *_ in pairs])
shown["against"] = ["shuffled pH" if "shuffled" in pair[2] else "no library" for pair in pairs]
ax = plots.plot_intervals(shown, "models", "ΔR²", "ΔR² over seven countries", hue="against")


# %% tags=["remove-input"]
def in_words(model: str, other: str) -> str:
    """Mean change over countries, its interval, and in how many countries it is positive."""
    gain = compare(model, other)
    change = _format.signed_with_interval(*evaluate.mean_over_tasks(gain), 3)
    return f"{change}, above 0 in {(gain > 0).sum()} of {len(gain)} countries"


taught = compare(net, "ResNet-shuffled")
beyond = compare(f"{BEST}, pH {weighted}", BEST)
real = "is real" if evaluate.mean_over_tasks(taught)[1] > 0 else "cannot be told from chance"
beats = "improves" if evaluate.mean_over_tasks(beyond)[1] > 0 else "is not shown to improve"
of_countries = f"""What pH teaches {real}, {"and" if beats == "improves" else "but"} it {beats} the strongest model without a library."""
Markdown(f"""
What pH teaches **{real}**: the network that learned it differs from the same network taught shuffled pH by {in_words("ResNet-pH", "ResNet-shuffled")}.
Its features, with ridge, differ from those of the shuffled network by {in_words("pH features + ridge", "shuffled-pH features + ridge")}.
Does it beat the strongest model without a library? ResNet-pH differs from {strongest} by {in_words("ResNet-pH", alone_best)}.
As a member of the {BEST} it changes R² by {in_words(f"{joined} {net}", BEST)}; the shuffled network by {in_words(f"{joined} ResNet-shuffled", BEST)}, and one that knows no library by {in_words(f"{joined} ResNet", BEST)}.
Where its own inner folds weigh ridge on pH features as a member, the change is {in_words(f"{BEST}, pH {weighted}", BEST)}; with shuffled pH, {in_words(f"{BEST}, shuffled-pH {weighted}", BEST)}.
So pH of the world **{beats}** it. Who compares a further member with none, or with PLS alone, sees gains that are not transfer.
""")

# %% tags=["remove-input"]
whole = pd.read_csv(results / "whole_countries.csv")
all_soils = whole.groupby("model")["R2"].mean()
least = whole.groupby(["model", "country", "target"])["R2"].mean()[BEST].min()
Markdown(f"""
With all soils of each country as the site ({whole["soils"].min()} to {whole["soils"].max()}), the {BEST} reaches {_format.number(all_soils[BEST])} and is nowhere below {_format.number(least)}; the former average reaches {_format.number(all_soils["PLS + multiblock ridge + GPR"])}, and the {BEST} with pH features weighted in {_format.number(all_soils[f"{BEST}, pH {weighted}"])} (`benchmarks/whole_countries.md`).
""")


# %% tags=["remove-input"]
def repeat_clay(soils, n_draws: int = 5) -> dict[str, float]:
    """R² of √clay from 130 soils in whole profiles, five draws as in the benchmark, by model."""
    found = []
    for draw in range(n_draws):
        counts = soils.samples["group"].value_counts(sort=False).sample(frac=1, random_state=draw)
        drawn = counts.index[: counts.cumsum().searchsorted(130) + 1]
        some = soils.take(soils.samples["group"].isin(drawn).to_numpy().nonzero()[0])
        ids, profiles = some.samples.index, some.samples["group"].to_numpy()
        rows = evaluate.repeated_kfold(ids, 5, 1, draw, profiles)
        clay, models = some.values("clay_pct") ** 0.5, make_models(None, ["pls", "gpr"], draw)
        made = evaluate.cross_validate(models, some.reflectance, clay, rows, ids, groups=profiles)
        found.append(made.assign(repeat=draw))
    made = evaluate.summarise_scores(evaluate.score_predictions(pd.concat(found)))
    return made.query("metric == 'R2'").set_index("model")["value"].to_dict()


library, repeated = fetched_library("ICRAF_ISRIC"), ""
if library:
    about = {"datasets": ["ICRAF_ISRIC"], "property": "clay_pct"}
    soils = load_ossl(library.parent, next(iter(tasks.values())).grid, **about)
    soils = soils.take(soils.samples["country"].isin(["China", "CHN"]).to_numpy().nonzero()[0])

# %% tags=["remove-input"]
if library and soils.provenance.kind == "measured" and soils.n_samples > 150:
    table = countries.query("country == 'China' and target == '√clay'").groupby("model")["R2"].mean()
    for model, now in repeat_clay(soils).items():
        repeated += (
            f" {model} has R² {_format.number(now)} now and {_format.number(table[model])} in the table."
        )
    repeated = f"Repeated now from the fetched library, for clay of China:{repeated}"
Markdown(
    repeated or "`soilpb fetch icraf-isric` downloads the library; this chapter then repeats clay of China."
)

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

# %% mystnb={"figure": {"caption": "Observed against predicted pH of the five fields (LimeSoDa, measured soils), by PLS under 5-fold cross-validation of the pooled soils. Lines: within each field.", "name": "fig-simpson"}, "image": {"alt": "Scatter plot of observed against predicted pH: five clouds along the 1:1 line, one per field, each with a line through it and its R squared in the legend."}}
ax = plots.make_axes(None, 4.8)
for field, rows in ph.groupby("group", sort=False):
    look = {"label": f"{field}: R² {within[field]:.2f}", "scatter_kws": {"s": 16, "alpha": 0.5}, "ci": None}
    sns.regplot(rows, x="observed", y="predicted", ax=ax, **look)
ax.axline((6, 6), slope=1, color=plots.GREY, linestyle="--", zorder=0)
ax.set(xlabel="Observed pH (H₂O)", ylabel="Predicted pH (H₂O)")
plots.legend_above(ax)

# %% tags=["remove-input"]
Markdown(f"""
Pooled, R² is {_format.number(r2_pooled)}. Within fields the median is {_format.number(within.median())}, the lowest {_format.number(within.min())} and the highest {_format.number(within.max())}.
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
of_best = league[(league["metric"] == "R2") & (league["model"] == means.idxmax())]["value"]
quoted |= {"helps": helps, "best-lowest": float(of_best.min()), "best-highest": float(of_best.max())}
quoted |= {"ledger-ideas": len(ideas), "ledger-all": of_ideas.replace("*", "")}
quoted |= {"ph-r2-pooled": float(r2_pooled), "ph-r2-within": float(within.median())}
for name, item in quoted.items():
    glue(f"real-{name}", item, display=False)

# %% tags=["remove-input"]
answer.update(
    Markdown(f"""
**The answer.** Transfer from pH **{helps}** on these {len(tasks)} tasks: the best use of the pH network has a mean R² of {_format.number(means[TRANSFER])}, and PLS, which knows the field alone, {_format.number(means[PLS])}; without pH, the average has {_format.number(means[AVERAGE])}. The primary comparison: ResNet-pH, with {_format.number(means[RECIPE])}, differs from PLS by {numbers[RECIPE]} (p {p}).
Use the *{AVERAGE}* of multiblock ridge and two Gaussian processes: its mean R² is {_format.number(means[AVERAGE])}, which differs from that of PLS by {numbers[AVERAGE]}; on soils of seven countries, by {there}.
""")
)

# %% [markdown]
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- Highest mean R² on measured soils: *{means.idxmax()}* ({means.max():.2f}).
- The best use of transfer from pH was better than PLS on {better} of {len(tasks)} tasks and worse on {worse}.
- {len(ideas)} ideas to improve the former average by transfer were tried; the one chosen on clay changed organic carbon by {changed["SOC"]}.
- A library of the world instead of four fields changes little within a field. Across a country, {of_countries[0].lower()}{of_countries[1:].rstrip(".")}.
- Report R² pooled ({_format.number(r2_pooled)} for pH) and within fields (median {_format.number(within.median())}), always.
""")

# %% [markdown]
# ## Limits

# %% tags=["remove-input"]
Markdown(
    f"Two tasks of one field are not independent, and intervals over tasks do not allow for that.{over_fields}"
)

# %% [markdown]
# The targets are clay and organic carbon, not lead; the four fields are a source smaller than LUCAS by a factor of twenty or more, the world library by five.
# The five fields are not a sample of the world. Organic carbon of two fields is organic matter times 0.58 (van Bemmelen's factor).
# Cross-validation within a field says how well *that field's* next sample is predicted, not another field's.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-p n_repeats 10`. Which cells of {numref}`fig-real-league` change in the second digit?
# 2. Execute it with `-p fields "cv98 ul120" -p chosen pls -p n_repeats 2`. Does the verdict stand on two fields?
#
# ```{dropdown} Answer 2
# PLS is above ResNet-pH and above ridge on pH features on all four tasks: clay of CV.98 0.97 against 0.94 and 0.94, carbon of CV.98 0.76 against 0.72 and 0.71, clay of UL.120 0.63 against 0.59 and 0.57, carbon of UL.120 0.82 against 0.67 and 0.71. Yet over four tasks the p-value of the primary comparison is 0.10: the sample is the tasks, and four tasks of two fields are few. The average is above PLS on two of them, equal on one and below it on one.
# ```
#
# Next: {ref}`sec-decisions`.
