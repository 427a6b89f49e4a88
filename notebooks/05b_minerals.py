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
# (sec-minerals)=
# # Ask about minerals, and about lead itself
#
# {ref}`The last chapter <sec-interpretation>` asked which wavelengths a network uses. A model that reads contrasts between many bands has no wavelength of its own. But it can be asked what a soil scientist would ask:
# *what if this soil had a little more hematite?* **Do the model's reactions to minerals make sense, and does it see lead itself or only what lead is correlated with?**
# If it is the latter, the model works only as long as the correlation lasts.

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_folds: int = 5  # folds; at most as many as there are groups
n_repeats: int = 2  # repeats of the folds, each with seeds of its own
epochs: int = 0  # epochs of fine-tuning; 0: the model's own default
fields: str = "cv98 sc93 sl125 ul120 ssp460"  # measured fields in which slopes are tried
n_controls: int = 4  # confounders that are asked the same question as the target

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from myst_nb import glue
from sklearn.base import clone

from soilpb import _format, evaluate, explain, plots, simulate, site_file
from soilpb.models import fit_model, make_models, model_name
from soilpb.study import Study, describe_grade

# %% tags=["hide-input"]
study = Study.open("05b_minerals", globals())
source, seed, samples = study.source_network(), study.site.seed, study.target.samples
plots.set_style()
study.banner()

# %% tags=["remove-input"]
answer = display(Markdown("The answer appears here once the chapter has been executed."), display_id=True)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "How predictions of {glue:text}`minerals-label` change with a little more of a constituent ({glue:text}`minerals-kind`), with 90 % intervals. Diamonds, where lead is simulated: the truth.", "name": "fig-mineral-slopes"}, "image": {"alt": "One row per constituent: the slope of the model's prediction with its interval beside zero, and a diamond at the true slope where it is known."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - ask a model about minerals instead of nanometres, and say how sure its answer is;
# - try the question on measured soils, where one answer is known beforehand;
# - tell whether a model knows its target, or what the target is correlated with.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*
#
# ## Mix in a little of a mineral
#
# Kubelka and Munk tell what the spectrum of a soil would be if it held a little more of a constituent {cite:p}`kubelka1931`. We add a little of each to each spectrum,
# let the model predict again, and divide: the *slope* ∂ target / ∂ ln(constituent). Whatever bands the model reads by, it reads them all at once.
# The changed spectrum is then rebuilt from the principal components of the site's own spectra, so that the model is asked only about soils that this site could have.
# (They are components of the *differences* between neighbouring bands. In absorbance itself nearly all variance is brightness and slope, and the features of clay would be lost.)
#
# Two models are asked: ResNet-pH fine-tuned as a whole, as in {ref}`sec-interpretation`, one fit per fold, each with a seed of its own; and the average of {ref}`sec-baselines`, which needs no library.

# %%
models = make_models(source, ["resnet-ph", "average"], seed, epochs, study.target_name)
recipe, average = models
if study.groups is not None:
    n_folds = min(n_folds, len(set(study.groups)))
folds_table = evaluate.repeated_kfold(study.ids, n_folds, n_repeats, seed, study.groups)
folds = list(evaluate.iterate_folds(folds_table, study.ids))
starts = [clone(models[recipe]).set_params(seed=seed + i) for i in range(len(folds))]
starts += [clone(models[average]) for _ in folds]
fitted = [
    fit_model(model, study.X, study.y, study.groups, fold.train)
    for model, fold in zip(starts, folds * 2, strict=True)
]

# %%
asked, known = list(explain.CONSTITUENTS), study.site.target_data == "twin"
amounts = explain.laboratory_abundances(samples)
if known:
    amounts = {c: samples[simulate.constituent_columns(c)].sum(axis=1).to_numpy() / 100 for c in asked}
tables = [
    explain.estimate_slopes_by_fold(part, folds, study.X, study.grid, asked, amounts).assign(model=model)
    for model, part in ((recipe, fitted[: len(folds)]), (average, fitted[len(folds) :]))
]
about = ["model", "constituent"]
slopes = explain.jackknife_intervals(pd.concat(tables), about, "slope", left_out=1 / n_folds)
if known:
    true_slopes = simulate.true_mineral_slopes(samples).set_index("constituent")["total"]
    slopes["truth"] = true_slopes.loc[slopes["constituent"]].to_numpy()

# %% tags=["remove-input"]
shown = slopes.sort_values(["model", "slope"], ascending=[slopes["model"].iloc[0] == recipe, False])
shown["constituent"] = shown["constituent"].map(_format.to_words)
mark = "truth" if known else None
ax = plots.plot_intervals(
    shown, "constituent", "slope", f"Slope of {study.label} with ln(constituent)", hue="model", mark=mark
)
picture.update(ax.figure)
plt.close(ax.figure)


# %% tags=["remove-input"]
def describe(model):
    of_model = shown[shown["model"] == model]
    up, down = (of_model[rows]["constituent"] for rows in (of_model["low"] > 0, of_model["high"] < 0))
    rises, falls = _format.join_words(list(up)) or "none", _format.join_words(list(down[::-1])) or "none"
    return f"rise with {rises} and fall with {falls} (for {len(of_model) - len(up) - len(down)} of {len(of_model)} constituents the interval holds 0)"


Markdown(f"""
In {{numref}}`fig-mineral-slopes`, predictions of {recipe} {describe(recipe)}; those of {average} {describe(average)}.
""")

# %% [markdown]
# ## Are the slopes true?
#
# Only where lead is simulated is the truth known. There, the slope that the chemistry gives can be compared with the slope of the model.


# %% tags=["remove-input"]
def compare(model):
    of_model = shown[shown["model"] == model]
    strong = of_model[of_model["truth"].abs() > 0.2]
    return {
        "r": np.corrcoef(of_model["slope"], of_model["truth"])[0, 1],
        "right": int((np.sign(strong["slope"]) == np.sign(strong["truth"])).sum()),
        "strong": len(strong),
        "size": 100 * np.median(strong["slope"] / strong["truth"]),
    }


# %% tags=["remove-input"]
benchmark = pd.read_csv(site_file.project_root() / "results" / "mineral_slopes.csv")
benchmark = benchmark.query("way == 'projected'").groupby("model", sort=False)[["r", "right", "strong"]]
benchmark = benchmark.agg({"r": "mean", "right": "sum", "strong": "sum"})
truth = {model: compare(model) for model in models} if known else {}
over_sites = "; ".join(
    f"{row.Index} {row.r:.2f} ({row.right} of {row.strong})" for row in benchmark.itertuples()
)
comparison = "; ".join(
    f"{model} {found['r']:.2f}, {found['right']} of {found['strong']} strong slopes (above 0.2 in size) with the right sign, {found['size']:.0f} % of the truth in size (median)"
    for model, found in truth.items()
)
Markdown(f"""
{f"Correlation of the slopes with the truth over {len(asked)} constituents: {comparison}." if known else "The soils of this page were measured: whether these slopes are true, nobody can say."}

One site is one draw. Over 12 sites of the twin, of seeds on which nothing was chosen, correlations are, with right signs among strong slopes: {over_sites}.
{"The ridge answers as the chemistry does" if benchmark.loc["multiblock ridge", "r"] > 0.8 else "Not even the ridge answers as the chemistry does"}; **the network that learned pH first {"does so too" if benchmark.iloc[0]["r"] > 0.8 else "does not"}**. The projection is not why:
asked without it, models answer much the same. A network predicts by whatever told pH among the library's soils, weighted anew by few soils with lead. That can predict well without following the minerals.
""")

# %% [markdown]
# ## Do measured soils agree?
#
# On measured soils one slope is known without any theory: more clay must raise a prediction of clay, and more organic matter one of organic carbon.
# We ask PLS, fitted to each of the fields of {ref}`sec-real-soils` {cite:p}`limesoda`.

# %%
measures = {"clay_pct": "clay", "SOC_pct": "organic_matter"}
rows = []
for target, constituent in measures.items():
    for field in fields.split():
        task = Study.load(field, target=target)
        own = explain.estimate_own_slope(task, constituent, [*measures.values(), "water"])
        rows.append({"field": task.site.limesoda_set, "model": f"{task.target_name} model", **own})
field_slopes = pd.DataFrame(rows)

# %% mystnb={"figure": {"caption": "Slope of each field's model with its own constituent, in percent of the target's mean (LimeSoDa, measured soils), with 90 % intervals. A perfect model of a perfect theory would say 100.", "name": "fig-field-slopes"}, "image": {"alt": "Fields as rows, each with two dots and intervals beside zero: the clay slope of the clay model and the organic matter slope of the organic carbon model."}}
label = "Slope, % of the mean per unit of ln(constituent)"
ax = plots.plot_intervals(field_slopes, "field", "slope", label, hue="model")

# %% tags=["remove-input"]
wrong = field_slopes[field_slopes["slope"] <= 0]
exceptions = [
    f"{row.model} of {row.field}, with an R² of {_format.number(row.r2)}, which rises most with {_format.to_words(row.strongest)}"
    for row in wrong.itertuples()
]
n_right, n_sure = len(field_slopes) - len(wrong), int((field_slopes["low"] > 0).sum())
n_wrong = int((field_slopes["high"] < 0).sum())
least, most, lowest, highest = (
    _format.number(value, 0) for c in ("slope", "direct") for value in field_slopes[c].agg(["min", "max"])
)
Markdown(f"""
These are positive controls: the sign is found in {n_right} of {len(field_slopes)} tested. The whole interval is right in {n_sure} and wrong in {n_wrong}; for the others these soils cannot tell. Wrong signs: {"; ".join(exceptions) or "none"}.
Slopes run from {least} to {most} % where a perfect answer is 100. Without the projection the same models would say {lowest} to {highest} %.
""")

# %% [markdown]
# A model that hardly predicts cannot answer, so look at its R² first. Read signs rather than sizes, and a sign only where the interval has it. Models of few soils shrink, the projected spectrum keeps only what the site's soils do,
# and clay and organic matter of the atlas are not those of the field.
#
# Without the projection, the atlas' bands are sharper than anything these soils showed, and a calibration on derivatives reacts wildly to such a shape.
# The projection was added because of these fields, though how much it keeps was set on the twin, where it changes little. So these fields illustrate it; they do not confirm it.
#
# ## Lead itself, or its confounders?
#
# Lead has no absorption of its own in this range. It is correlated with iron, clay, organic carbon and pH, which a spectrum does show: they are *confounders*.
# So let the spectrum predict these, explain the target by the predictions, and ask what a prediction of the target itself adds to that.
# One model, the pH network with a ridge head, reads them all, and no soil is predicted by a model that has seen it.
# Each confounder is asked the same. Minerals absorb, so with them something must be left: that is the control.

# %%
names = {"Fe_pct": "iron", "clay_pct": "clay", "SOC_pct": "organic carbon", "pH": "pH"}
scale = np.log if study.site.target_scale == "log" else np.asarray
there = [c for c in names if c in samples and c != study.site.target and samples[c].notna().all()]
least = {c: samples[c][samples[c] > 0].min() for c in there}  # zero has no logarithm
confounders = pd.DataFrame(
    {names[c]: samples[c] if c == "pH" else scale(samples[c].clip(lower=least[c])) for c in there}
)
ridge_head = make_models(source, ["features-ridge"], seed)[model_name("features-ridge")]
judged, first_repeat = [], folds[:n_folds]
for name in [study.target_name, *confounders][: 1 + n_controls] if there else []:
    y, others = confounders.get(name, study.y), confounders.drop(columns=name, errors="ignore")
    if others.shape[1]:
        parts = explain.score_confounders(
            ridge_head, study.X, np.asarray(y), others, first_repeat, study.groups, seed
        )
        gain = explain.check_confounders(parts, name)
        judged.append({"prediction of": name, **parts.groupby("part")["r2"].mean(), **gain._asdict()})
judged = pd.DataFrame(judged)

# %% tags=["hide-input"]
heads = {"spectrum": "R² of itself", "confounders": "R² by the others", "statistic": "added to the others"}
heads |= {"low": "95 % from", "high": "to", "verdict": "more than the others"}
table = judged.set_index("prediction of")[list(heads)].rename(columns=heads) if there else judged
table.style.format(_format.number, subset=list(heads.values())[:-1] if there else [])

# %% tags=["remove-input"]
if there:
    target = judged.iloc[0]
    gained = f"{_format.signed(target['statistic'])} (95 % interval {_format.signed(target['low'])} to {_format.signed(target['high'])})"
    reads = f"""
A model of {study.target_name} reaches an R² of {_format.number(target["spectrum"])}. What the spectrum says of {_format.join_words(list(confounders))} alone reaches {_format.number(target["confounders"])}, and the model adds {gained} to that.
That the spectrum shows more of {study.target_name} than of these: **{target["verdict"]}**. (It fails where the gain is shown to be smaller than 0.05.) Positive controls found of those tested: {(judged["verdict"].iloc[1:] == "holds").sum()} of {len(judged) - 1}; a target is not shown to be read where this test finds that much.
"""
Markdown(
    reads
    if there
    else "Nothing but the target was measured at this site, so its confounders cannot be asked."
)

# %% tags=["remove-input"]
confounded = (
    f"That the spectrum shows more of {study.target_name} than can be told from its confounders: **{judged['verdict'].iloc[0]}**."
    if there
    else ""
)
answer.update(Markdown(f"""
**The answer.** Predictions of {recipe} {describe(recipe)}; those of {average} {describe(average)}.
{f"Against the known truth, slopes of {recipe} correlate at {truth[recipe]['r']:.2f} and those of {average} at {truth[average]['r']:.2f}." if known else ""}
On measured fields, {n_right} of {len(field_slopes)} models have the sign that must be right; in {n_wrong} the whole interval is wrong. {confounded}
"""))  # fmt: skip

# %% tags=["remove-cell"]
glue("minerals-kind", describe_grade(study.target.provenance).lower(), display=False)
glue("minerals-label", study.label, display=False)
for name, table in {"slopes": slopes, "field_slopes": field_slopes, "confounders": judged}.items():
    study.save(name, table)

# %% [markdown]
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- Ask about minerals: the question is about soils, and its sign can be checked. On the twin a ridge has {benchmark.loc["multiblock ridge", "right"]} of {benchmark.loc["multiblock ridge", "strong"]} strong signs right, ResNet-pH {benchmark.iloc[0]["right"]:.0f}.
- {n_right} of {len(field_slopes)} models of measured fields pass the only test that needs no theory, and {n_wrong} clearly fail it. A slope is a question to ask, not an answer to believe.
- {f"That the spectrum shows more of {study.target_name} than can be told from its confounders: {judged['verdict'].iloc[0]}." if there else "Measure what your target may be correlated with."}
  A model that reads confounders works as long as they stay correlated with the target, and nobody has shown that they do at the next site.
""")

# %% [markdown]
# ## Limits
#
# The true slopes are those of a simulated chemistry. Spectra are mixed from measured ones, but the amounts behind lead were found by the same theory of light and the same atlas that ask the question: agreement with the truth is the best case.
#
# *What a soil spectroscopist asks of the atlas.* **Is the hematite real?** The amounts are effective: the inversion finds what explains a spectrum with the endmembers it has, supposing the scattering of a median soil. They rank soils
# roughly as the laboratory does (clay and carbon: Spearman above .5), but nobody measured hematite or goethite by X-rays, and where both absorb, between 480 and 560 nm, one can stand for the other. **What of carbonates?** Only the overtone near 2340 nm is free, and
# it lies where illite, organic matter and the edge of the detector are; few soils of the library's hot and humid places have any, so its slope is small here. **Grain size?** Finer grains scatter more and are brighter; the question here leaves scattering as it is. How much darker
# soils with more clay are differs from set to set (a power of clay between .1 and .4), so no law was put in. **Moisture?** The library's soils were dried and sieved; *water* here is what stays in a dry soil, and a moist field soil is none of this.
#
# A slope inherits the atlas: a constituent that it does not know is attributed to those it knows.
# Intervals cover folds and seeds of these soils, and one pH network: not another library.
# The confounders are those that were measured. What was not measured may be what lead is correlated with.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml`. Do the signs make sense to somebody who knows the soils?
# 2. Measure iron beside lead in some soils. Does the verdict on confounders change?
#
# Next: {ref}`sec-real-soils`.
