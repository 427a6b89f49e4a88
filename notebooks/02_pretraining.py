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
# (sec-pretraining)=
# # Teach a network pH
#
# A hundred soils are few to learn from, and lead itself has no absorption here. But pH was measured on many more soils,
# and whoever can read pH from a spectrum has learnt to see carbonate, clay, iron and organic matter: what also decides where lead stays.
# So a network first learns {glue:text}`pre-property` from a library. {glue:text}`pre-verdict`
#
# ```{admonition} You will be able to
# :class: tip
# - say what a one-dimensional residual network does with a spectrum, layer by layer;
# - read a training curve, and say whether a network learnt enough or too much;
# - judge a network by soils it never saw, and by what PLS makes of the same rows;
# - tell apart a model that knows soils from one that recognises where they come from;
# - say whether more soils in the library would help.
# ```
#
# *Needs: nothing but the soils of {ref}`chapter 1 <sec-data>`.*

# %% tags=["parameters"]
site: str = "gejiu"  # a file of notebooks/sites
epochs: int = 0  # passes over the library; 0: chosen by its size
test_share: float = 0.2  # share of the library that is held back

# %%
import time

import matplotlib.pyplot as plt
import pandas as pd
from myst_nb import glue

from soilpb import _format
from soilpb.evaluate import comparison, cross_validation, pretraining
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig
from soilpb.old import pretraining_words
from soilpb.plots import scores as scores_
from soilpb.plots import style
from soilpb.plots import training as training_
from soilpb.site_file import library_folder
from soilpb.study import Study

# %%
study = Study.open("02_pretraining", globals())
style.set_style()
study.banner()

# %% [markdown]
# ## The network
#
# {cite:t}`he2025` use a one-dimensional residual network {cite:p}`he2016`; how many layers it had, they do not say in what we could read.
# Ours is small ({numref}`fig-network`). It sees absorbance after standard normal variate {cite:p}`barnes1989`, each band standardised by the soils it learns from.
# A *stem* slides a window of {glue:text}`pre-stem-nm:.0f` nm over the spectrum and looks for shapes: an edge, a dip, a shoulder.
# Each *block* combines neighbouring shapes over twice the distance; its shortcut hands the input on, so that a block only has to learn what to add.
# The *features* that come out keep their place along the spectrum, since *where* a mineral absorbs is what tells it from another.
# A linear head turns them into {glue:text}`pre-property`.

# %% mystnb={"figure": {"caption": "The network, drawn from its configuration: channels × positions along the spectrum beneath each layer, what the layer does above it. Curved arrows are shortcuts.", "name": "fig-network"}, "image": {"alt": "Boxes from left to right: the spectrum, a strided convolution called stem, three residual blocks with curved shortcut arrows, flattened features and one output; each box names its number of channels and positions."}}
config = ResNetConfig(n_bands=study.source.n_bands)
ax = training_.plot_network(config, output=study.site.source_property)

# %% [markdown]
# ## Training
#
# Before anything is learnt, {glue:text}`pre-share-held-back:.0f` % of the library's soils are put aside; samples of one profile stay together.
# The others are shown to the network {glue:text}`pre-epochs` times, in small batches, each time with a little noise and another brightness,
# so that it cannot know them by heart. After each pass the soils put aside are predicted. They are watched, but nothing is chosen by them.

# %%
prop, seed = study.site.source_property, study.site.seed
learning, held_back = pretraining.hold_out(study.source, test_share, seed)
training = TrainingConfig(epochs or pretraining.choose_epochs(learning.n_samples), seed=seed)
started = time.process_time()
network = SpectralNetwork.fit(
    learning.reflectance,
    learning.values(prop),
    study.grid,
    [prop],
    config,
    training,
    validation=(held_back.reflectance, held_back.values(prop)),
    progress=f"learning {prop}",
)
seconds = time.process_time() - started

# %% mystnb={"figure": {"caption": "Training on the source library ({glue:text}`pre-source-kind`). Above: error on the soils it learns from, with the noise that training adds. Below: R² on soils held back.", "name": "fig-training"}, "image": {"alt": "Two curves by epoch: above, the training error falls steeply and then slowly; below, R squared of the held-back soils rises and levels off."}}
history = pd.DataFrame(network.history)
above, beneath = style.stack_axes([2.2, 2.2])
training_.plot_training_curve(history, "train_loss", "Training error\n(squared sd)", above)
ax = training_.plot_training_curve(history, "validation_r2", "R², held back", beneath)

# %% [markdown]
# A network that learnt too little would still be rising at the last epoch of {numref}`fig-training`; one that learnt its soils by heart would fall
# while its training error goes on falling. {glue:text}`pre-training-verdict`
#
# ## Is it worth a network?
#
# Partial least squares {cite:p}`wold2001` is what a spectroscopist would use first. It gets the same soils, as first derivatives of absorbance,
# and as many latent variables as inner cross-validation asks for. Both then predict soils that neither has seen: those of the library
# that were held back, and those of the site.

# %%
pls = PLSCV(pretraining.MAX_COMPONENTS, seed=seed)
pls.fit(learning.reflectance, learning.values(prop))
RESNET, PLS = (f"{kind}-{prop.split('_')[0]}" for kind in ("ResNet", "PLS"))
models = {RESNET: network, PLS: pls}
places = {"library": held_back}
if prop in study.target.samples:
    places["site"] = study.target.having(prop)
predictions = {at: pretraining.predict_held_back(models, soils, prop) for at, soils in places.items()}
scores = {at: cross_validation.score_predictions(rows) for at, rows in predictions.items()}

# %% tags=["hide-input"]
league = pd.concat(
    {at: cross_validation.summarise_scores(rows) for at, rows in scores.items()}, names=["soils of the"]
)
value = league.pivot_table(index=["soils of the", "model"], columns="metric", values="value", sort=False)
value = value.reindex(models, level="model")
shown = value[["R2", "RMSE", "bias", "RPD"]].round(2) + 0.0  # no minus before a zero
shown = shown.rename(columns={"R2": "R²"}).reset_index().rename_axis(columns=None)
shown.style.format(_format.number, subset=["R²", "RMSE", "bias", "RPD"]).hide(axis="index")

# %% mystnb={"figure": {"caption": "Observed against predicted {glue:text}`pre-property` of soils that the network never saw. Left: soils of the library that were held back ({glue:text}`pre-source-kind`). Right: the soils of the site ({glue:text}`pre-target-kind`).", "name": "fig-source-parity"}, "image": {"alt": "Two plots of observed against predicted pH with the one-to-one line, R squared, RMSE and bias in the corner: on the left the held-back soils of the library, on the right the soils of the site."}}
_, axes = plt.subplots(1, 2, figsize=(style.WIDTH, 3.9))
for ax, at in zip(axes, places, strict=False):
    of_network = [table[at].query("model == @RESNET") for table in (predictions, scores)]
    scores_.plot_parity(*of_network, prop, ax).set_title(at.capitalize())
for ax in axes[len(places) :]:
    ax.axis("off")

# %% [markdown]
# {glue:text}`pre-rivalry` On the real LUCAS library the two were about level: {cite:t}`hosseinpourzarnaq2023` report an RPD of 2.82 for a convolutional network and 2.79 for PLS.
#
# The right-hand side of {numref}`fig-source-parity` is the first test of transfer: other soils, another instrument, and the network as it is. {glue:text}`pre-crossing`
#
# **Beware of pooled libraries.** If a library pools places that differ in {glue:text}`pre-property`, a model can score well by recognising the place.
# Inside each place it may know nothing, as in Simpson's paradox {cite:p}`simpson1951`. {glue:text}`pre-populations`

# %% tags=["remove-cell"]
learnt = value.xs(RESNET, level="model")
gain = comparison.bootstrap_interval(predictions["library"], reference=PLS, seed=seed).iloc[0]
population = pretraining.name_populations(study.source)
within = pretraining.score_within_populations(predictions["library"], population)
groups = pretraining_words.populations(learnt.loc["library", "R2"], within[RESNET], population.unique().size)
crossing = f"The site's laboratory has no {prop}, so this test is missing here."
if "site" in places:
    crossing = pretraining_words.crossing(
        learnt.loc["library", "R2"], *learnt.loc["site", ["R2", "bias", "RMSE"]]
    )
glue("pre-rivalry", pretraining_words.rivalry(gain, PLS), display=False)
glue("pre-crossing", crossing, display=False)
glue("pre-populations", groups, display=False)
glue("pre-training-verdict", pretraining_words.training(history), display=False)
glue("pre-r2-library", float(learnt.loc["library", "R2"]), display=False)
glue("pre-r2-pls", float(value.loc[("library", PLS), "R2"]), display=False)

# %% [markdown]
# ## At full size
#
# How many soils does a network need? Both models learn once more, from random parts of the soils that were not put aside;
# a larger part holds the smaller ones, and the soils to predict stay the same.
# The larger the library, the more this section shows: with the files of LUCAS or the OSSL on disk ({ref}`sec-lucas-steps`), `-p source lucas2015` tries
# every doubling from 1,000 soils up to all of them.

# %%
most = 0 if library_folder(study.site) else 2_000  # soils; more is for libraries of files
sizes = pretraining.choose_sizes(learning.n_samples, most)
smaller = pretraining.score_by_size(learning, held_back, prop, sizes, (RESNET, PLS), epochs, seed)
by_size = pd.concat([smaller, scores["library"].assign(n=learning.n_samples)])

# %% mystnb={"figure": {"caption": "R² of {glue:text}`pre-property` on the soils held back, by the number of soils that the network and PLS learn from; the last is the whole library but for the soils held back ({glue:text}`pre-source-kind`). One choice of soils and one training each.", "name": "fig-source-size"}, "image": {"alt": "Two lines over the number of library soils on a logarithmic axis: R squared of the network and of PLS on the same held-back soils."}}
r2_by_size = by_size.query("metric == 'R2' and fold == @cross_validation.POOLED")
ax = training_.plot_learning_curve(r2_by_size, label="Soils of the library that are learnt from")

# %% [markdown]
# {glue:text}`pre-growth` {numref}`fig-source-size` shows the way between. A pass over all {glue:text}`pre-n-learning:,` soils, with a look at those put aside, took {glue:text}`pre-epoch-seconds:.1f` s of one core.
#
# A score about the mean of a whole library hides where it fails, so it is taken apart by the groups that the library pools: countries, data sets, fields. {glue:text}`pre-groups`

# %% tags=["hide-input"]
parts = pretraining.score_by_population(predictions["library"], population)
apart = value.loc["library", ["R2"]].assign(within=within, rmse=value.loc["library", "RMSE"])
apart["median"] = parts.groupby("model")["RMSE"].median()
apart["worst"] = parts.groupby("model")["RMSE"].max()
apart.columns = ["R²", "R² within groups", "RMSE", "RMSE, median group", "RMSE, worst group"]
table = apart.reset_index().style.format(_format.number, subset=apart.columns).hide(axis="index")
table if population.unique().size > 1 else None

# %% [markdown]
# From real libraries {cite:t}`safanelli2025` and {cite:t}`hosseinpourzarnaq2023` report the following. {glue:text}`pre-published`

# %% tags=["hide-input"]
reported = pretraining.PUBLISHED
if prop == "pH" and study.source.provenance.kind == "measured":
    soils = (
        f"{study.source.provenance.name}, {learning.n_samples:,} learnt, {held_back.n_samples:,} predicted"
    )
    ours = value.loc["library"].reset_index().assign(**{"reported by": "this page", "soils": soils})
    reported = pd.concat([reported, ours[reported.columns]])
reported = reported.rename(columns={"R2": "R²"})
reported.style.format("{:.3g}", subset=["R²", "RMSE", "RPD"], na_rep="–").hide(axis="index")

# %% [markdown]
# What was made of the library's files on the way here, and what was left out:

# %% tags=["hide-input"]
remarks = pd.DataFrame({f"reading {study.source.provenance.name}": study.source.provenance.notes})
remarks.style.set_properties(**{"text-align": "left", "white-space": "normal"}).hide(axis="index")

# %% tags=["remove-cell"]
glue("pre-growth", pretraining_words.growth(r2_by_size, RESNET, PLS), display=False)
glue("pre-groups", pretraining_words.groups(parts, RESNET), display=False)
glue("pre-published", pretraining_words.published(study.source.provenance.kind, prop), display=False)
glue("pre-n-learning", learning.n_samples, display=False)
glue("pre-epoch-seconds", seconds / training.epochs, display=False)

# %% [markdown]
# ## What goes on
#
# The network that was judged is the one that goes on to {ref}`sec-transfer`: the numbers above are its own. Training another on the whole library would
# give it the {glue:text}`pre-share-held-back:.0f` % held back as well, and leave it without a test. It is stored with its scales and a card that says what it learnt from;
# a file that was changed since is refused.

# %%
folder = network.save(
    study.folder(),
    site=study.site.site,
    source=study.source.provenance.name,
    kind=study.source.provenance.kind,
    source_sha256=study.source.sha256(),
    learned_from=learning.n_samples,
    scores={place: learnt.loc[place].to_dict() for place in places},
)
study.save("history", history)
study.save("by_size", by_size)
study.save("by_group", parts)
study.save("predictions", pd.concat(predictions, names=["place"]).reset_index("place"))
study.save("scores", pd.concat(scores, names=["place"]).reset_index("place"))

# %% tags=["hide-input"]
stored = {
    "learnt": f"{prop} of {learning.n_samples:,} {study.source.provenance.kind} soils",
    "bands": f"{network.wavelengths.size}, {network.wavelengths[0]:g}–{network.wavelengths[-1]:g} nm",
    "weights": f"{network.parameters_count:,}",
    "features": f"{config.n_features}",
    "passes over the library": f"{training.epochs}",
}
pd.Series(stored, name="stored").to_frame()

# %% tags=["remove-cell"]
glue("pre-property", prop, display=False)
glue("pre-source-kind", study.source.provenance.kind, display=False)
glue("pre-target-kind", study.target.provenance.kind, display=False)
glue("pre-stem-nm", config.stem_kernel * study.site.band_step, display=False)
glue("pre-epochs", training.epochs, display=False)
glue("pre-share-held-back", 100 * held_back.n_samples / study.source.n_samples, display=False)
glue("pre-n-held-back", held_back.n_samples, display=False)
glue("pre-n-parameters", network.parameters_count, display=False)
verdict = (
    f"Of {held_back.n_samples:,} {study.source.provenance.kind} library soils that it never saw it explains "
    f"{100 * learnt.loc['library', 'R2']:.0f} % of the variance of {prop}; PLS on the same rows {100 * value.loc[('library', PLS), 'R2']:.0f} %."
)
glue("pre-verdict", verdict, display=False)

# %% [markdown]
# ## Takeaways
#
# - The network turns a spectrum into features that keep their place, by convolutions with shortcuts; it has {glue:text}`pre-n-parameters:,` weights.
# - {glue:text}`pre-training-verdict`
# - {glue:text}`pre-rivalry`
# - {glue:text}`pre-populations`
# - {glue:text}`pre-growth`
#
# ## Limits
#
# The held-back soils come from the same library and the same instrument: their R² says nothing about another laboratory.
# One network was trained, from one seed; another seed would score a little differently.
# Where the soils are simulated, the scores say what the method can do with light that obeys a simple theory; they are not comparable with the literature's.
# The study's own network, its preprocessing and its R² for pH are unknown to us ({ref}`sec-data-access`).
#
# ## Try it on your site
#
# 1. Set `-p source_size 1000`. How much of the network's advantage over PLS is left?
# 2. Set `-p epochs 40`. Does {numref}`fig-training` show a network that learns its soils by heart?
#
# Next: {ref}`sec-transfer`.
