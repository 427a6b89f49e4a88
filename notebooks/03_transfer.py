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
# (sec-transfer)=
# # Transfer what pH taught
#
# A network has learnt pH from a library. Does that help to predict {glue:text}`transfer-target` of the site, where a laboratory
# has measured {glue:text}`transfer-n-soils` soils? If it does, fewer samples need an acid digestion. {glue:text}`transfer-answer`
#
# ```{admonition} You will be able to
# :class: tip
# - name six ways of carrying a network over, and say what each keeps and what each learns;
# - tell knowledge that crossed over from what the same network does with random weights;
# - say whether transfer beats PLS on these soils, and how sure that is;
# - read off a learning curve how many soils transfer is worth;
# - say what makes transfer pay: the labels of the library, its size, its distance from the site, the noise of the laboratory.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*

# %% tags=["parameters"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 3  # repeats of the outer 5-fold cross-validation
epochs: int = 0  # epochs of fine-tuning; 0: each strategy's own
n_jobs: int = 1  # processes

# %%
from functools import partial

import numpy as np
import pandas as pd
from myst_nb import glue

from soilpb import _format
from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.models import baselines, transfer
from soilpb.models.network import SpectralNetwork
from soilpb.old import fresh_twins, transfer_words
from soilpb.plots import scores as scores_
from soilpb.plots import style, training
from soilpb.site_file import project_root
from soilpb.study import Study

# %%
study = Study.open("03_transfer", globals())
style.set_style()
study.banner()

# %% [markdown]
# ## Six ways to carry it over
#
# Transfer learning is a choice of what to keep. Fine-tuning starts from the source's weights and changes them on the site's soils: all of them, or the last layers only.
# {cite:t}`he2025` do not say which, in what we could read; we take *their recipe* to be full fine-tuning, as it was for soils before {cite:p}`padarian2019`.
# Linear probing, then fine-tuning (LP-FT) first fits a head on untouched features and changes the rest gently, so that a random head cannot spoil what was learnt {cite:p}`kumar2022`.
# Or nothing is changed at all, and the network's features are handed to a ridge regression {cite:p}`hoerl1970`, alone or beside the scores of PLS.

# %%
network, prop = study.source_network(), study.site.source_property
make = partial(baselines.make_models, seed=study.site.seed, target=study.target_name)
strategies = ["head", "partial", "resnet-ph", "lp-ft", "features-ridge", "features-pls"]
fitted = {name: model.fit(study.X, study.y) for name, model in make(network, strategies, epochs=1).items()}
menu = transfer.describe_strategies(fitted)

# %% tags=["hide-input"]
heads = {"stays": "kept from the source", "learns": "learnt on the site", "weights": "weights"}
menu.rename(columns=heads).style.format({"weights": "{:,}"}).hide(axis="index")

# %% [markdown]
# The last column counts, after one pass, the weights that are no longer the source's. {glue:text}`transfer-n-soils` soils have to determine them.
#
# ## What else could explain a good result?
#
# A good score after transfer does not show that anything was transferred. Controls stand beside it.
#
# - **Random weights.** The same strategy from a network that learnt nothing. Convolutions with random weights are still a bank of filters, and ridge can use them.
# - **Shuffled labels.** The same training on the same spectra, but every soil has the {glue:text}`transfer-property` of another. This network has seen the library, and learnt nothing about soils; what it fitted was chance, which may leave it worse than random weights.
# - **{glue:text}`transfer-property` alone.** One number a soil, the network's prediction of {glue:text}`transfer-property`, in a straight line. What features do better than that is more than {glue:text}`transfer-property`.
# - **PLS, and multiblock ridge.** What the site's soils can do without any library. PLS is the field's custom; ridge on four preprocessings side by side is the stronger of the two.

# %%
library, seed = study.source, study.site.seed
ignorant = SpectralNetwork.random(library.reflectance, study.grid, seed=seed)
dealt_out = np.random.default_rng(seed).permutation(library.values(prop))
misled = SpectralNetwork.fit(library.reflectance, dealt_out, study.grid, [prop], training=network.training)

# %%
zoo = make(network, ["pls", "blocks", *strategies], epochs=epochs)
for word, source, keys in (
    ("random", ignorant, ["resnet-ph", "features-ridge", "features-pls"]),
    ("shuffled", misled, ["features-ridge", "features-pls"]),
):
    zoo |= {name.replace("pH", word): model for name, model in make(source, keys, epochs=epochs).items()}
zoo[f"{prop} alone"] = transfer.property_line(network)

# %% [markdown]
# Every model predicts every soil {glue:text}`transfer-n-repeats` times, each time fitted without it. {glue:text}`transfer-folds`

# %%
n_folds = 5 if study.groups is None else min(5, len(set(study.groups)))
folds = splits.repeated_kfold(study.ids, n_folds, n_repeats, study.site.seed, study.groups)
predictions = cross_validation.cross_validate(zoo, study.X, study.y, folds, study.ids, n_jobs, study.groups)
scores = cross_validation.score_predictions(predictions)

# %% mystnb={"figure": {"caption": "R² on {glue:text}`transfer-label` of all strategies, their controls (random weights; shuffled labels; the source property alone), PLS and multiblock ridge, under repeated cross-validation ({glue:text}`transfer-kind` soils). Bars: 95 % bootstrap intervals over the soils (whole sampling fields, where they are known). Grey names: controls, PLS and ridge.", "name": "fig-transfer-league"}, "image": {"alt": "One row a model, the best first: a dot for R squared with an interval; strategies that start from the pH network, the same from random weights and from shuffled labels, the pH prediction alone, and PLS."}}
together = None if study.groups is None else dict(zip(study.ids, study.groups, strict=True))
league = comparison.bootstrap_interval(predictions, groups=together, seed=study.site.seed)
ax = scores_.plot_league(league)
for name in ax.get_yticklabels():
    name.set_color("black" if name.get_text() in fitted else style.GREY)

# %% [markdown]
# ## Was it the knowledge?
#
# Intervals of {numref}`fig-transfer-league` overlap because soils differ; but all models predict the same soils, so they can be compared fold by fold,
# with a test that knows that training sets overlap {cite:p}`nadeau2003`. Each strategy meets itself from random weights, and from shuffled labels;
# the table says by how much the source's weights change its error, with the 95 % interval.

# %%
keys = ["resnet-ph", "features-ridge", "features-pls", "pls", "blocks"]
RECIPE, RIDGE, BEST, PLS, BLOCKS = (baselines.model_name(key, study.target_name) for key in keys)
pairs = {name: name.replace("pH", "random") for name in [RECIPE, RIDGE, BEST]}
misled_pairs = {name: name.replace("pH", "shuffled") for name in [RIDGE, BEST]}
controls = {"random weights": pairs, "shuffled labels": misled_pairs}
knowledge = pd.concat(
    [
        comparison.compare_pairs(scores, folds, these).assign(control=control)
        for control, these in controls.items()
    ]
)
against_pls = comparison.compare_models(scores, folds, reference=PLS)

# %% tags=["hide-input"]
change = [
    f"{100 * row.change:+.0f} ({100 * row.lower:+.0f} to {100 * row.upper:+.0f})".replace("-", "−")
    for row in knowledge.itertuples()
]
columns = {
    "model": "with the source",
    "control": "against",
    "change": "change of RMSE, %",
    "p_holm": "p (Holm)",
    "outcome": "verdict",
}
shown = knowledge.assign(change=change, control=knowledge["control"].str.partition()[0])
shown = shown[list(columns)].rename(columns=columns)
shown.style.format({"p (Holm)": lambda p: f"{p:.3f}" if p >= 0.001 else "< 0.001"}).hide(axis="index")

# %% [markdown]
# {glue:text}`transfer-knowledge` {glue:text}`transfer-labels` {glue:text}`transfer-alone`
#
# And against PLS? p-values are corrected for every model of {numref}`fig-transfer-league`, since that is how many were tried. Two strategies are of interest: features beside PLS scores, which we recommend
# for small sites because PLS remains when the source does not help, and the study's recipe.
# {glue:text}`transfer-best-pls` {glue:text}`transfer-recipe-pls`
#
# {glue:text}`transfer-earned` {glue:text}`transfer-blocks`
#
# ## What the predictions look like

# %% mystnb={"figure": {"caption": "Observed against predicted {glue:text}`transfer-label` under repeated cross-validation ({glue:text}`transfer-kind` soils). Left: the study's recipe, full fine-tuning. Right: the network's features beside PLS scores. Thin lines span the repeats.", "name": "fig-transfer-parity"}, "image": {"alt": "Two plots of observed against predicted values with the one-to-one line and scores in the corner: full fine-tuning on the left, features beside PLS scores on the right."}}
two = [table[table["model"].isin([RECIPE, BEST])] for table in (predictions, scores)]
axes = scores_.plot_parity_grid(*two, study.label, models=[RECIPE, BEST])

# %% [markdown]
# A cloud flatter than the dashed line means that low soils are predicted too high and high soils too low: a model that is unsure stays near the mean.
# The thin lines of {numref}`fig-transfer-parity` show how far a prediction moves when only the other soils of its training set change.
#
# ## How many soils is it worth?
#
# Fewer training soils, the same test soils: where does knowledge from elsewhere pay most?

# %%
most = int(splits.count_training_rows(folds).min())
sizes = [size for size in (30, 60, 120, 240) if size < 0.9 * most] + [most]
compared = {name: zoo[name] for name in (PLS, BLOCKS, RIDGE, BEST)}
curve = cross_validation.learning_curve(
    compared, study.X, study.y, sizes, folds, study.ids, n_jobs, study.site.seed, study.groups
)
curve = curve.query("metric == 'R2' and fold == @cross_validation.POOLED")

# %% mystnb={"figure": {"caption": "R² on {glue:text}`transfer-label` by the number of training soils ({glue:text}`transfer-kind` soils), always on the same test soils. Whiskers: 5–95 % of the repeats.", "name": "fig-transfer-learning-curve"}, "image": {"alt": "R squared against the number of training soils on a logarithmic axis, one line a model: PLS, multiblock ridge, ridge on the network's features, and features beside PLS scores."}}
ax = training.plot_learning_curve(curve, x="n_train")

# %% [markdown]
# {glue:text}`transfer-savings`
#
# ## When does transfer pay?
#
# One site is one throw of the dice, and its library is what it is. Where soils are *simulated*, both can be drawn again: {glue:text}`transfer-n-draws` libraries, and as many sites of
# {glue:text}`transfer-n-train` soils with {glue:text}`transfer-n-test` others to be right about. No network is told of iron, on which lead depends most. But a library may know more than pH: clay, organic carbon
# and carbonate are measured with it. A network of these four properties turns a spectrum into four numbers, and ridge sees them beside PLS scores.
#
# Then one thing is changed at a time: how large the library is, how far the site's soils have shifted away from it, and how much of ln Pb nothing explains.
# The new soils lie in the same fields as those learnt from, which is easier than whole fields left out.

# %%
twins = pd.read_csv(project_root() / "results" / "fresh_twins.csv")
curves = fresh_twins.by_factor(twins)

# %% mystnb={"figure": {"caption": "R² on lead of new soils, as measured, of freshly drawn **simulated** libraries and sites: mean and 95 % interval over the draws. One factor varies, the others stay at {glue:text}`transfer-default`. Dashed: who knows all constituents and pH.", "name": "fig-transfer-twins"}, "image": {"alt": "Three panels, R squared against the soils in the library, the shift of the site, and the unexplained spread of lead. Lines: four properties beside PLS, pH features beside PLS, pH fine-tuned, two models without a library, random features; a dashed line above them is the ceiling."}}
axes = training.plot_factors(curves, fresh_twins.FACTORS, fresh_twins.CEILING)

# %% [markdown]
# {glue:text}`transfer-twins-many` {glue:text}`transfer-twins-turning`
#
# And pH alone? {glue:text}`transfer-twins-ph`
#
# The table has every strategy by what the network had learnt. The last three columns are controls: labels of other soils; a property that lead does not hang on
# (smectite's share of the clay that is not kaolinite); and nothing.

# %% tags=["hide-input"]
table = fresh_twins.controls(twins).map(_format.number)
table.rename_axis(index=None, columns=None).reset_index(names="R², simulated").style.hide(axis="index")

# %% [markdown]
# {glue:text}`transfer-twins-labels`
#
# {glue:text}`transfer-twins-random` Script, all numbers and what had been expected: `benchmarks/fresh_twins.md`.

# %% tags=["remove-cell"]
default = fresh_twins.default(twins)
texts = {
    "twins-many": fresh_twins.verdict(twins, fresh_twins.MANY),
    "twins-ph": fresh_twins.verdict(twins, fresh_twins.FEATURES),
    "twins-labels": fresh_twins.labels_matter(twins, fresh_twins.MANY),
    "twins-random": fresh_twins.random_words(twins),
    "twins-turning": fresh_twins.turning_points(twins, fresh_twins.MANY),
    "default": fresh_twins.default_words(twins),
    "n-draws": twins["draw"].nunique(),
    "n-train": int(twins["n_train"].iloc[0]),
    "n-test": f"{twins['n_test'].iloc[0]:,}",
}
for name, item in texts.items():
    glue(f"transfer-{name}", item, display=False)

# %% tags=["remove-cell"]
tables = {"folds": folds, "predictions": predictions, "scores": scores, "league": league, "menu": menu}
tables |= {"knowledge": knowledge, "against_pls": against_pls, "learning_curve": curve}
for name, table in tables.items():
    study.save(name, table)

# %% tags=["remove-cell"]
r2 = league.set_index("model")["value"]
by_control = dict(iter(knowledge.groupby("control")))
of_random = by_control["random weights"]
of_pls, of_control = (table.set_index("model", drop=False) for table in (against_pls, of_random))

# %% tags=["remove-cell"]
earned = transfer_words.earned(of_control.loc[BEST], of_pls.loc[BEST])
texts = {
    "answer": f"{BEST} reaches R² {r2[BEST]:.2f}, the same strategy from random weights {r2[pairs[BEST]]:.2f}; without any library {PLS} reaches {r2[PLS]:.2f} and {BLOCKS} {r2[BLOCKS]:.2f}. {earned}",
    "earned": earned,
    "blocks": f"Without any library, {BLOCKS} reaches R² {r2[BLOCKS]:.2f}: what a library is worth must be measured against that, too.",
    "alone": transfer_words.alone(prop, r2[f"{prop} alone"], r2[RIDGE]),
    "folds": transfer_words.membership(study.groups),
    "best-pls": comparison.verdict(of_pls.loc[BEST]),
    "recipe-pls": comparison.verdict(of_pls.loc[RECIPE]),
    "knowledge": transfer_words.knowledge(of_random, prop),
    "labels": transfer_words.knowledge(by_control["shuffled labels"], prop, "shuffled labels"),
    "savings": transfer_words.savings(curve, BEST, PLS),
    "target": study.target_name,
    "property": prop,
    "label": study.label,
    "kind": study.target.provenance.kind,
}

# %% tags=["remove-cell"]
numbers = {"r2-best": r2[BEST], "r2-pls": r2[PLS], "r2-recipe": r2[RECIPE], "r2-control": r2[pairs[BEST]]}
counts = {"n-soils": len(study.y), "n-repeats": n_repeats}
for name, item in (texts | counts | {name: float(number) for name, number in numbers.items()}).items():
    glue(f"transfer-{name}", item, display=False)

# %% [markdown]
# ## Takeaways
#
# - Six strategies learn from a few hundred weights to all of them; those that leave the features alone need no training of a network at the site.
# - {glue:text}`transfer-knowledge`
# - {glue:text}`transfer-earned` {glue:text}`transfer-blocks`
# - {glue:text}`transfer-savings`
# - Where all is simulated and can be drawn again: {glue:text}`transfer-twins-many`
#
# ## Limits
#
# Folds speak of soils from the same site and instrument. One source network was trained, from one seed; its luck is in every row of {numref}`fig-transfer-league`.
# Random weights were drawn once as well. The study's own choice of frozen layers, epochs and learning rate is unknown to us ({ref}`sec-data-access`).
# Where soils are simulated, the source was made to know what the target hangs on; real soils need not be so kind ({ref}`sec-real-soils`).
# That holds for {numref}`fig-transfer-twins` above all: there lead *does* hang on clay and pH, and pH on carbonate and carbon, by the equations that the labels come from.
#
# ## Try it on your site
#
# 1. Execute chapter 2 and this one with `-p source_size 1000`. Which strategies suffer from the smaller library?
# 2. Set `-p n_repeats 10`. Which verdicts change, and which intervals of {numref}`fig-transfer-league` do not?
#
# Next: {ref}`sec-baselines`.
