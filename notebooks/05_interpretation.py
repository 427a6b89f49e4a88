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
# (sec-interpretation)=
# # Put the wavelengths on trial
#
# The study does not stop at accuracy. By SHAP it names the wavelengths that a network keeps when it goes from pH to lead, and those it adapts {cite:p}`he2025`.
# At a mine such a list is tempting: a handful of wavelengths would make a cheap sensor. So we repeat the analysis and ask what the list is worth.
# {glue:text}`shap-answer`
#
# ```{admonition} You will be able to
# :class: tip
# - read a SHAP profile of a spectrum, and say what it adds up to;
# - tell which bands transfer retained, adapted, gained or lost, and for which bands these soils cannot tell;
# - say how much of a profile another fold, another seed or another program would change.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*

# %% tags=["parameters"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 2  # repeats of the 5 folds, each with seeds and backgrounds of its own
epochs: int = 0  # epochs of fine-tuning; 0: the model's own default
n_background: int = 20  # soils that stand for "spectrum unknown"

# %%
import numpy as np
import pandas as pd
from myst_nb import glue
from scipy.stats import spearmanr
from sklearn.base import clone

from soilpb import band_change, figures, figures_interpretation, figures_shap, splits
from soilpb.attribution import deep_lift_shap, deep_shap
from soilpb.study import Study
from soilpb.transfer import TransferRegressor

study = Study.open("05_interpretation", globals())
figures.style()
study.banner()

# %% [markdown]
# ## The claim: wavelengths that pH lends to the target
#
# *{glue:text}`shap-before`* is the network that learned pH from the library. *{glue:text}`shap-after`* starts from it and is fine-tuned as a whole
# on the site's soils: the study's recipe. We fit it {glue:text}`shap-n-draws` times, each time without a fifth of the soils, with another seed
# and other background soils. One such fit is a *draw*.

# %%
BEFORE = f"ResNet-{study.site.source_property}"
AFTER = f"{BEFORE}-{study.target_name}"
source = study.source_network()
recipe = TransferRegressor(source, "full", **({"epochs": epochs} if epochs else {}))
folds = list(
    splits.iterate(splits.repeated_kfold(study.ids, 5, n_repeats, study.site.seed, study.groups), study.ids)
)
fitted = [
    clone(recipe).set_params(seed=i).fit(study.X[f.train], study.y[f.train]) for i, f in enumerate(folds)
]

# %% [markdown]
# SHAP divides each prediction among the bands {cite:p}`lundberg2017`. Credit is in units of the target, and adds up: over all bands it gives the prediction minus the
# mean prediction of the background. To make that possible, bands are masked: a masked band takes the value of a background soil.

# %%
rng = np.random.default_rng(study.site.seed)
backgrounds = [
    study.X[rng.choice(fold.train, min(n_background, len(fold.train)), replace=False)] for fold in folds
]
before = [deep_lift_shap(source, study.X, background) for background in backgrounds]
after = [
    deep_lift_shap(model.network_, study.X, background)
    for model, background in zip(fitted, backgrounds, strict=True)
]
explained = {BEFORE: before, AFTER: after}
profiles = pd.concat([a.profile(name, i) for name, draws in explained.items() for i, a in enumerate(draws)])
study.save("attributions", profiles)

# %% mystnb={"figure": {"caption": "Credit by wavelength ({{kind}} soils): of the network that learned pH (above) and of the one that was fine-tuned to the target (below). Lines: means over draws; bands: 5–95 % of them. Grey: what the study says was retained and adapted for lead at Gejiu.", "name": "fig-shap-profiles"}, "image": {"alt": "Two profiles of SHAP credit against wavelength, pH upwards and the target downwards, with the study's retained bands at 550 to 750 and 1600 to 1700 nm shaded and its adapted wavelengths 919 and 959 nm dashed."}}
ax = figures_shap.mirrored_profiles(profiles, BEFORE, AFTER)
# %% [markdown]
# {numref}`fig-shap-profiles` is the study's figure, with what it could not show: how far a line moves from draw to draw.
#
# ### Does it add up, and do two programs agree?
#
# DeepExplainer, which the study used, and captum's DeepLiftShap {cite:p}`kokhlikyan2020` are written independently. Both run on a copy of the network.

# %%
network = fitted[0].network_
weights = {name: value.clone() for name, value in network.network.state_dict().items()}
deep = deep_shap(network, study.X, backgrounds[0])
untouched = all(value.equal(weights[name]) for name, value in network.network.state_dict().items())
agreement = spearmanr(deep.credit.ravel(), after[0].credit.ravel()).statistic
assert untouched
assert deep.additivity_error <= 1e-4

# %% tags=["remove-cell"]
worst = max(a.additivity_error for draws in explained.values() for a in [*draws, deep])
glue("shap-before", BEFORE, display=False)
glue("shap-after", AFTER, display=False)
glue("shap-n-draws", len(folds), display=False)
glue("shap-additivity", f"{worst:.0e}", display=False)
glue("shap-agreement", float(agreement), display=False)

# %% [markdown]
# Credit misses the predictions by at most {glue:text}`shap-additivity` of their standard deviation, the two programs rank credit alike
# (Spearman {glue:text}`shap-agreement:.4f`), and the network is bit-equal before and after. So the sums are right. Whether they mean anything is another matter.
#
# ## Retained, adapted, new, lost
#
# The spectrum is cut into bands of 50 nm. A model *uses* a band if the band's credit per nanometre lies above the even share, 1, with its whole 90 % interval;
# it does not use one whose interval lies below 1. The intervals allow for soils that nobody sampled: folds share soils, so their spread is scaled up by the jackknife.

# %%
edges = np.arange(study.grid[0] - study.grid[0] % 50, study.grid[-1] + 50, 50)
bands = pd.concat([a.bands(edges, name, i) for name, draws in explained.items() for i, a in enumerate(draws)])
change = band_change.compare_bands(bands, BEFORE, AFTER, left_out=0.2)
study.save("bands", change)

# %% mystnb={"figure": {"caption": "Credit of 50 nm bands ({{kind}} soils), relative to an even spread, with 90 % intervals. Strip: what became of each band. Grey: what the study says of Gejiu.", "name": "fig-band-change"}, "image": {"alt": "For each band of 50 nm two dots with intervals, pH and target, on a logarithmic axis around the even share; beneath, a strip coloured by outcome: retained, adapted, new, lost, unused or undecided."}}
ax = figures_interpretation.band_diagram(change, BEFORE, AFTER)
# %% tags=["hide-input"]
counts = change["outcome"].value_counts().reindex(list(band_change.RULES), fill_value=0)
where = dict(list(change.groupby("outcome")))
ranges = [
    ", ".join(f"{b.start:.0f}–{b.stop:.0f}" for b in where[n].itertuples()) if n in where else "none"
    for n in band_change.RULES
]
pd.DataFrame(
    {
        "outcome": list(band_change.RULES),
        "rule": list(band_change.RULES.values()),
        "bands": counts.to_numpy(),
        "nm": ranges,
    }
).style.hide(axis="index")

# %% tags=["remove-cell"]
tables = {
    name: rows.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    for name, rows in profiles.groupby("model")
}
within = tables[AFTER].corr("spearman").to_numpy()[np.triu_indices(len(folds), 1)]
between = spearmanr(tables[BEFORE].mean(axis=1), tables[AFTER].mean(axis=1)).statistic
claimed = int(counts[["retained", "adapted", "new", "lost"]].sum())
glue("shap-n-bands", len(change), display=False)
glue("shap-n-undecided", int(counts["undecided"]), display=False)
glue("shap-stability", float(np.median(within)), display=False)
glue("shap-stability-low", float(within.min()), display=False)
glue("shap-between", float(between), display=False)
verdict = f"Of {len(change)} bands of 50 nm, {counts['retained']} are retained, {counts['adapted']} adapted, {counts['new']} new and {counts['lost']} lost; for {counts['undecided']} these soils cannot tell."
glue("shap-verdict", verdict, display=False)
glue(
    "shap-answer",
    f"{'On simulated soils' if study.kind == 'simulated' else 'On these soils'} the sums are right, and two draws of the same recipe agree on the order of wavelengths at a Spearman correlation of {np.median(within):.2f}. {verdict}",
    display=False,
)

# %% [markdown]
# {glue:text}`shap-verdict` With {glue:text}`shap-n-bands` bands and intervals of 90 %, a few are wrong by chance.
#
# ### How stable is a profile?
#
# Two draws agree on the order of wavelengths at a median Spearman correlation of {glue:text}`shap-stability:.2f` (lowest {glue:text}`shap-stability-low:.2f`).
# The mean profiles of pH and of the target correlate at {glue:text}`shap-between:.2f`.
#
# ## Takeaways
#
# - SHAP credit adds up to the predictions (within {glue:text}`shap-additivity` of their standard deviation), and two programs agree.
# - {glue:text}`shap-verdict`
# - Two draws of one recipe agree at a Spearman correlation of {glue:text}`shap-stability:.2f`: a published profile is one draw.
#
# ## Limits
#
# A masked spectrum takes bands from another soil. No soil looks like it, and what a network answers off its data is a property of the network, not of lead.
# Bands overlap in what they tell: credit is divided among them by the network's habits. Intervals of {glue:text}`shap-before` cover soils and backgrounds, not another library.
# The study's network, split and preprocessing are not known in detail ({ref}`sec-data-access`): this repeats its analysis, not its code.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml`. Which bands are new? What absorbs there ({numref}`fig-domain-spectra`)?
# 2. Set `-p n_background 5`. Which bands change their class?
#
# Next: {ref}`sec-real-soils`.
