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
# At a mine such a list is tempting: a handful of wavelengths would make a cheap sensor, and an argument that the model sees lead itself.
# So we repeat the analysis, put it on trial, and keep what survives. {glue:text}`shap-answer`
#
# ```{admonition} You will be able to
# :class: tip
# - read a SHAP profile of a spectrum, say what it adds up to, and what another draw would change;
# - put a statement about a wavelength to a test that it could fail;
# - ask a model about minerals instead of nanometres, and say how sure its answer is;
# - tell whether a model knows its target, or the company that the target keeps.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*

# %% tags=["parameters"]
site: str = "gejiu"  # a file of notebooks/sites
n_repeats: int = 2  # repeats of the folds, each with seeds and backgrounds of its own
epochs: int = 0  # epochs of fine-tuning; 0: the model's own default
n_background: int = 20  # soils that stand for "spectrum unknown"
n_permutations: int = 39  # permuted targets; the smallest p-value is 1 / (n_permutations + 1)

# %%
import numpy as np
import pandas as pd
from myst_nb import glue
from sklearn.base import clone

from soilpb import _format
from soilpb.evaluate import splits
from soilpb.explain import bands as bands_
from soilpb.explain import mineral_slopes as slopes_module
from soilpb.explain import sanity_checks
from soilpb.explain.bands import PUBLISHED_WINDOWS, compare_windows, format_window
from soilpb.explain.confounders import compare_confounders, score_confounders
from soilpb.explain.mineral_slopes import estimate_slopes, estimate_slopes_by_fold
from soilpb.explain.network_attribution import deep_lift_shap, deep_shap, integrated_gradients
from soilpb.models import baselines, pls
from soilpb.models.inner_folds import fit_model
from soilpb.old import figures_hover, interpretation_words
from soilpb.plots import attribution, scores, spectra, style
from soilpb.simulate import minerals as minerals_
from soilpb.simulate import truth
from soilpb.simulate.soils import constituent_columns
from soilpb.study import Study

study = Study.open("05_interpretation", globals())
style.set_style()
study.banner()

# %% [markdown]
# ## The claim: wavelengths that pH lends
#
# *{glue:text}`shap-before`* is the network that learned pH from the library. *{glue:text}`shap-after`* starts from it and is fine-tuned as a whole
# on the site's soils: the study's recipe. We fit it {glue:text}`shap-n-draws` times, each time without one fold of the soils, with another seed
# and other background soils. One such fit is a *draw*.

# %%
source, seed = study.source_network(), study.site.seed
BEFORE, AFTER = (
    baselines.model_name("resnet-ph", name).removesuffix("-") for name in ("", study.target_name)
)
recipe = baselines.make_models(source, ["resnet-ph"], seed, epochs, study.target_name)[AFTER]
n_folds = 5 if study.groups is None else min(5, len(set(study.groups)))
folds_table = splits.repeated_kfold(study.ids, n_folds, n_repeats, seed, study.groups)
folds = list(splits.iterate_folds(folds_table, study.ids))
fitted = [
    fit_model(clone(recipe).set_params(seed=seed + i), study.X, study.y, study.groups, f.train)
    for i, f in enumerate(folds)
]

# %% [markdown]
# SHAP divides each prediction among the bands {cite:p}`lundberg2017`. Credit has the unit of the target, and adds up: over all bands it gives the prediction minus the
# mean prediction of the background. To get there, bands are *masked*: a masked band takes the value of a background soil.

# %%
rng = np.random.default_rng(seed)
backgrounds = [study.X[rng.choice(f.train, min(n_background, len(f.train)), replace=False)] for f in folds]
before = [deep_lift_shap(source, study.X, background) for background in backgrounds]
after = [deep_lift_shap(m.network_, study.X, b) for m, b in zip(fitted, backgrounds, strict=True)]
explained = {BEFORE: before, AFTER: after}
profiles = pd.concat([a.profile(name, i) for name, draws in explained.items() for i, a in enumerate(draws)])
of_target = profiles[profiles["model"] == AFTER]

# %% mystnb={"figure": {"caption": "Credit by wavelength ({glue:text}`shap-kind` soils): of the network that learned pH (above) and of the one fine-tuned to {glue:text}`shap-label` (below). Lines: means over draws; bands: 5–95 % of them. Grey: what the study says was retained and adapted for lead at Gejiu.", "name": "fig-shap-profiles"}, "image": {"alt": "Two profiles of SHAP credit against wavelength, pH upwards and the target downwards, with the study's retained bands at 550 to 750 and 1600 to 1700 nm shaded and its adapted wavelengths 919 and 959 nm dashed."}}
ax = attribution.plot_mirrored_profiles(profiles, BEFORE, AFTER)
# %% [markdown]
# {numref}`fig-shap-profiles` is the study's figure, with what one fit cannot show: how far a line moves from draw to draw.
#
# Which bands did transfer retain, and which did it adapt? We cut the spectrum into bands of 50 nm. A model *uses* a band whose credit per nanometre lies above the even share, 1,
# with its whole 90 % interval; it does not use one whose interval lies below 1. Folds share most of their soils, so their spread understates
# what other soils would have given; the jackknife scales it up.

# %%
edges = np.arange(study.grid[0] - study.grid[0] % 50, study.grid[-1] + 50, 50)
bands = pd.concat([a.bands(edges, name, i) for name, draws in explained.items() for i, a in enumerate(draws)])
change = bands_.compare_bands(bands, BEFORE, AFTER, left_out=1 / n_folds)

# %% mystnb={"figure": {"caption": "Credit of 50 nm bands ({glue:text}`shap-kind` soils), relative to an even spread, with 90 % intervals. Strip: what became of each band. Grey: what the study says of Gejiu.", "name": "fig-band-change"}, "image": {"alt": "For each band of 50 nm two dots with intervals, pH and target, on a logarithmic axis around the even share; beneath, a strip coloured by outcome: retained, adapted, new, lost, unused or undecided."}}
ax = attribution.plot_band_change(change, BEFORE, AFTER)
# %% tags=["hide-input"]
rules = pd.DataFrame({"outcome": list(bands_.OUTCOMES), "rule": list(bands_.OUTCOMES.values())})
rules["bands"] = [int((change["outcome"] == name).sum()) for name in rules["outcome"]]
rules.style.hide(axis="index")

# %% tags=["hide-input"]
classed = change[~change["outcome"].isin(["unused", "undecided"])]
pd.DataFrame(
    {
        "band": [format_window(b.start, b.stop) for b in classed.itertuples()],
        "outcome": classed["outcome"].to_list(),
        BEFORE: [f"{b.before:.1f} ({b.before_low:.1f}–{b.before_high:.1f})" for b in classed.itertuples()],
        AFTER: [f"{b.after:.1f} ({b.after_low:.1f}–{b.after_high:.1f})" for b in classed.itertuples()],
    }
).style.hide(axis="index")

# %% [markdown]
# {glue:text}`shap-bands` With {glue:text}`shap-n-bands` bands and intervals of 90 %, a few are wrong by chance.
#
# ## The trial
#
# A profile can be wrong in three ways: it may not say what the model does, it may not say what another model of the same soils would do, and it may not say what the soil does.
# Each test below states a threshold and an interval. A statement *holds* or *fails* if its whole interval lies on one side; otherwise it is *undecided*.
#
# **Does credit add up, and do other programs agree?** DeepExplainer, which the study used, captum's DeepLiftShap {cite:p}`kokhlikyan2020`, written independently, and
# integrated gradients {cite:p}`sundararajan2017`, a different method. Each works on a copy: the network must be the same afterwards.

# %%
network, background = fitted[0].network_, backgrounds[0]
weights = {name: value.clone() for name, value in network.network.state_dict().items()}
deep = deep_shap(network, study.X, background)
assert all(value.equal(weights[name]) for name, value in network.network.state_dict().items())
assert deep.additivity_error <= 1e-4
another_method = integrated_gradients(network, study.X, background)
of_model = [
    sanity_checks.check_additivity([deep, *before, *after]),
    sanity_checks.check_agreement(deep, after[0], 0.999),
]
of_next = {"another method": sanity_checks.check_agreement(deep, another_method, 0.9)}

# %% [markdown]
# **Is it the same tomorrow?** The same fit with other background soils; the same soils with another seed; another fold.


# %%
def profiles_of(fits, masks):
    pairs = zip(fits, masks, strict=True)
    return pd.concat(
        [deep_lift_shap(m.network_, study.X, b).profile(AFTER, i) for i, (m, b) in enumerate(pairs)]
    )


train = folds[0].train
other_seeds = [
    clone(recipe).set_params(seed=seed + 1000 + i).fit(study.X[train], study.y[train]) for i in range(3)
]
changed = {
    "another background": profiles_of(fitted[:1] * 4, backgrounds[:4]),
    "another seed": profiles_of(other_seeds, [background] * 3),
    "another draw (fold, seed and background)": of_target,
}
of_next |= {what: sanity_checks.check_stability(draws, what) for what, draws in changed.items()}

# %% [markdown]
# **Does it depend on what was learned?** A network with random weights has learned nothing; its profile must look different {cite:p}`adebayo2018`.
# **Do the credited bands matter to the model?** Take them away, most credited first, and the predictions should move further than with random bands; give them back, and
# they should return sooner.

# %%
few = np.sort(rng.choice(len(study.y), min(40, len(study.y)), replace=False))
untrained = sanity_checks.profile_random_networks(network, study.X[few], background, n_draws=3, seed=seed)
wide = after[0].bands(edges[::2] if edges.size % 2 else np.append(edges[::2], edges[-1] + 50), AFTER)
curves = sanity_checks.mask_bands(network, study.X[few], background[:10], wide, n_random=10, seed=seed)
of_model += [sanity_checks.check_randomisation(of_target, untrained), *sanity_checks.check_masking(curves)]

# %% mystnb={"figure": {"caption": "How far predictions of {glue:text}`shap-label` move as bands of 100 nm are masked or given back ({glue:text}`shap-kind` soils). Solid: most credited band first; dashed: random orders, with 5–95 % of them. The test is about the area between solid and dashed.", "name": "fig-masking"}, "image": {"alt": "Two pairs of curves against the share of bands handled: deletion rises and insertion falls, the order by credit beside random orders."}}
ax = attribution.plot_masking_curves(curves)
# %% [markdown]
# **The published bands as hypotheses.** A window that was named beforehand says something if it carries more than the even share, and if few windows *of the same width* carry as much.
# We ask this of {glue:text}`shap-after` and the windows that the study published for lead at Gejiu.
# {glue:text}`shap-other-target`

# %%
tested = compare_windows(of_target, PUBLISHED_WINDOWS, left_out=1 / n_folds)
of_windows = sanity_checks.check_windows(tested, AFTER)
tested = tested.assign(verdict=[v.verdict for v in of_windows], group="named by the study")

# %% [markdown]
# **Is any band credited beyond chance?** Permute the target, fit again: such a model knows nothing, yet it credits the bands that its source relied on and that vary most.
# The recipe is too slow for {glue:text}`shap-n-permutations` permutations, so this test takes the pH network with a ridge head, which is fitted at once.

# %%
probe = baselines.make_models(source, ["features-ridge"], seed)[baselines.model_name("features-ridge")]


def explain(target):
    network = clone(probe).fit(study.X, target).network_
    return deep_lift_shap(network, study.X[few], background[:10]).bands(edges, "")


found = sanity_checks.compare_with_permuted_targets(explain, study.y, n_permutations, seed)
of_chance = sanity_checks.check_beyond_chance(found, "The pH network with a ridge head")

# %% [markdown]
# **Does it say what the soil does?** {glue:text}`shap-truth-asked`

# %%
known = study.site.target_data == "twin"  # what is true of measured soils, nobody knows
hypotheses, against, of_truth = tested, None, []
if known:
    response = truth.true_response(study.target.samples, study.grid, source.prepare)
    against = sanity_checks.compare_with_truth(of_target, response, left_out=1 / n_folds)
    of_truth = sanity_checks.check_truth(of_target, response, AFTER, left_out=1 / n_folds)
    true = against.assign(group="true of the simulated soils")
    hypotheses = pd.concat([tested, true], ignore_index=True)

# %% mystnb={"figure": {"caption": "Credit per nanometre in windows that were not chosen by it ({glue:text}`shap-kind` soils), relative to an even spread (line), with 90 % intervals; right: p among all windows of the same width, before Holm's correction. Windows of the study are claims about lead at Gejiu; the others were chosen by the simulation's truth.", "name": "fig-windows"}, "image": {"alt": "One row a window of wavelengths: a dot with an interval beside the line of the even share, and its p-value at the right."}}
rows = hypotheses.assign(
    window=[format_window(w.start, w.stop) for w in hypotheses.itertuples()],
    p_value=[f"p = {p:.2f}" for p in hypotheses["p"]],
)
ax = scores.plot_intervals(
    rows, "window", "relative", "Credit per nm (1: even spread)", hue="group", neutral=1, notes="p_value"
)
# %% [markdown]
# {glue:text}`shap-windows` {glue:text}`shap-truth`
#
# What absorbs in those windows? {numref}`fig-shap-atlas` lays the spectrum and the atlas beneath the credit. Nearly every window has a mineral to explain it, and that is the danger:
# the atlas is dense enough to make a story of any peak.

# %% mystnb={"figure": {"caption": "From above: credit by wavelength in the fine-tuned network; reflectance of the site's soils ({glue:text}`shap-kind`); what absorbs where, with bars of two widths on either side of a feature's centre.", "name": "fig-shap-atlas"}, "image": {"alt": "Three panels with a common wavelength axis: SHAP credit with the band of the draws, median reflectance with its 5 to 95 percent band, and a strip a constituent with its absorption features."}}
top, middle, bottom = style.stack_axes([2.4, 2.4, 2.8])
attribution.plot_profile(of_target, top)
spectra.plot_spectra({"site": study.target}, middle, [style.TARGET_COLOUR])
top.set_ylabel("Credit (% a band)")
middle.set_ylabel("Reflectance")
ax = spectra.plot_atlas(minerals_.FEATURES, bottom)
# %% [markdown]
# The same, to explore: point at a wavelength and read the reflectance, what the model credits, and what could be made responsible.

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Credit and reflectance, to be read at any wavelength ({glue:text}`shap-kind` soils).", "name": "fig-explore"}, "image": {"alt": "Credit above, reflectance below, by wavelength; a line of text reads both at the wavelength pointed at."}}
top, middle = style.stack_axes([2.4, 2.0])
attribution.plot_profile(of_target, top)
spectra.plot_spectra({"site": study.target}, middle, [style.TARGET_COLOUR])
top.set_ylabel("Credit (% a band)")
middle.set(xlabel="Wavelength (nm)", ylabel="Reflectance")
said = figures_hover.readings(
    attribution.compute_shares(of_target),
    pd.Series(np.median(study.X, axis=0), study.grid),
    minerals_.FEATURES,
)
figures_hover.explorable(middle, said, f"credit-of-{study.site.site}", "Credit and reflectance by wavelength")
# %% [markdown]
# ## The verdicts

# %% tags=["hide-input"]
table = sanity_checks.verdict_table([*of_model, *of_next.values(), *of_windows, *of_chance, *of_truth])
attribution.style_verdicts(table)

# %% [markdown]
# {glue:text}`shap-tally` Read from above, the table makes one argument.
#
# - *The model.* {glue:text}`shap-model`
# - *The next model.* {glue:text}`shap-next`
# - *The soil.* {glue:text}`shap-soil`
#
# ## What survives: minerals, not nanometres
#
# A model that reads contrasts between many bands has no wavelength of its own, but it has an answer to a question that a soil scientist would ask: *what if this soil had a little more hematite?*
# Kubelka and Munk tell what its spectrum would be {cite:p}`kubelka1931`. We mix a little of each constituent into each spectrum, ask the model, and divide: the slope ∂{glue:text}`shap-label` / ∂ ln(constituent).
# Whatever bands the model reads by, it reads them all at once. Two things keep the question a fair one. Soils with more clay also scatter less light; how much less is learnt from the library
# (scattering ∝ clay to the power {glue:text}`shap-texture`). And the changed spectrum is rebuilt from the principal components of the site's own spectra, so that the model is asked only about soils that this site could have.


# %%
samples, asked, texture = (
    study.target.samples,
    list(slopes_module.CONSTITUENTS),
    slopes_module.estimate_texture_exponent(study.source),
)
amounts = slopes_module.laboratory_abundances(samples)
if known:
    amounts = {name: samples[constituent_columns(name)].sum(axis=1).to_numpy() / 100 for name in asked}
answers = estimate_slopes_by_fold(fitted, folds, study.X, study.grid, asked, amounts, texture)
minerals = bands_.jackknife_intervals(answers, ["constituent"], "slope", left_out=1 / n_folds)
if known:
    true_slopes = truth.true_mineral_slopes(samples, "own").set_index("constituent")["total"]
    minerals["truth"] = true_slopes.loc[minerals["constituent"]].to_numpy()

# %% mystnb={"figure": {"caption": "How predictions of {glue:text}`shap-label` answer to a little more of a constituent ({glue:text}`shap-kind` soils), with 90 % intervals. Diamonds, where soils are simulated: the truth.", "name": "fig-mineral-slopes"}, "image": {"alt": "One row a constituent: the slope of the model's prediction with its interval beside zero, and a diamond at the true slope where it is known."}}
shown = minerals.assign(constituent=minerals["constituent"].str.replace("_", " ")).sort_values(
    "slope", ascending=False
)
ax = scores.plot_intervals(
    shown,
    "constituent",
    "slope",
    f"Slope of {study.label} with ln(constituent)",
    mark="truth" if known else None,
)
# %% [markdown]
# {glue:text}`shap-slopes` {glue:text}`shap-slopes-truth`
#
# ### Do measured soils agree?
#
# On measured soils one slope is known without any theory: more clay must raise a prediction of clay, and more organic matter one of organic carbon.
# We ask PLS, fitted to each of the five fields of {ref}`sec-real-soils` {cite:p}`limesoda`.


# %%
def own_slope(field, target, constituent):
    task = Study.load(field, target=target)
    rows = list(
        splits.iterate_folds(splits.repeated_kfold(task.ids, 5, 1, task.site.seed, task.groups), task.ids)
    )
    baselines = [fit_model(pls.PLSCV(), task.X, task.y, task.groups, fold.train) for fold in rows]
    measured, texture = (
        slopes_module.laboratory_abundances(task.target.samples),
        slopes_module.estimate_texture_exponent(task.source),
    )
    answers = estimate_slopes_by_fold(
        baselines, rows, task.X, task.grid, [*pairs.values(), "water"], measured, texture
    )
    answers["slope"] *= 100 / task.y.mean()
    found = bands_.jackknife_intervals(answers, ["constituent"], "slope", left_out=0.2).set_index(
        "constituent"
    )
    errors = [task.y[f.test] - m.predict(task.X[f.test]) for f, m in zip(rows, baselines, strict=True)]
    r2 = 1 - np.mean(np.concatenate(errors) ** 2) / task.y.var()
    names = {"field": task.site.limesoda_set, "model": f"{task.target_name} model"}
    alone = [
        estimate_slopes(m, task.X, task.grid, [constituent], measured, texture=texture) for m in baselines
    ]
    direct = 100 / task.y.mean() * pd.concat(alone)["slope"].mean()
    return {
        **names,
        **found.loc[constituent],
        "r2": r2,
        "strongest": found["slope"].idxmax(),
        "direct": direct,
    }


# %%
fields = ["cv98", "sc93", "sl125", "ul120", "ssp460"]
pairs = {"clay_pct": "clay", "SOC_pct": "organic_matter"}
real = pd.DataFrame([own_slope(field, *pair) for pair in pairs.items() for field in fields])

# %% mystnb={"figure": {"caption": "Slope of each field's model with its own constituent, in percent of the target's mean (LimeSoDa, measured soils), with 90 % intervals. A perfect model of a perfect theory would say 100.", "name": "fig-field-slopes"}, "image": {"alt": "Five fields as rows, each with two dots and intervals beside zero: the clay slope of the clay model and the organic matter slope of the organic carbon model."}}
ax = scores.plot_intervals(
    real, "field", "slope", "Slope, % of the mean per unit of ln(constituent)", hue="model"
)
# %% [markdown]
# {glue:text}`shap-fields` A model that hardly predicts has little to answer with, so look at its R² first. And ask for signs, not for sizes: {glue:text}`shap-field-sizes`
# Models of few soils shrink, the rebuilt spectrum keeps only what the site's soils do, and clay and organic matter of the atlas are not those of the field.
#
# Without the rebuilding the same models answer {glue:text}`shap-field-direct`: the atlas' bands are sharper than anything these soils showed, and a calibration on derivatives
# answers wildly to such a shape. The step was added because of these fields (how much it keeps was set on simulated soils, where it changes nothing), so they illustrate it; they do not confirm it.
#
# ## The target itself, or the company it keeps?
#
# Lead has no absorption of its own in this range. So let the spectrum predict iron, clay, organic carbon and pH, explain the target by these predictions, and ask what
# a prediction of the target itself adds to that. One model, the pH network with a ridge head, reads them all, and no soil is predicted by a model that has seen it.
# Each member of the company is asked the same: minerals absorb, so with them something must be left. That is the control.

# %%
names = {"Fe_pct": "iron", "clay_pct": "clay", "SOC_pct": "organic carbon", "pH": "pH"}
scale = np.log if study.site.target_scale == "log" else np.asarray
there = [c for c in names if c in samples and c != study.site.target and samples[c].notna().all()]
companions = pd.DataFrame({names[c]: samples[c] if c == "pH" else scale(samples[c]) for c in there})
one_repeat = folds[:n_folds]
skills = {}
for name, values in companions.assign(**{study.target_name: study.y}).items():
    others = companions.drop(columns=name, errors="ignore")
    if others.shape[1]:
        skills[name] = score_confounders(
            probe, study.X, values.to_numpy(), others, one_repeat, study.groups, seed
        )

# %% tags=["hide-input"]
means = {name: skill.groupby("part")["r2"].mean() for name, skill in skills.items()}
company = pd.DataFrame(means, index=["spectrum", "company", "both"]).T.rename_axis("prediction of")
company["added"] = company["both"] - company["company"]
heads = {"spectrum": "R² of itself", "company": "R² by its company", "added": "added to the company"}
company[list(heads)].rename(columns=heads).style.format(_format.number)

# %% tags=["remove-cell"]
tables = {"attributions": profiles, "bands": change, "curves": curves, "windows": hypotheses, "chance": found}
tables |= {"verdicts": table, "slopes": minerals, "field_slopes": real, "company": company.reset_index()}
for name, saved in tables.items():
    study.save(name, saved)

# %% tags=["remove-cell"]
if study.target_name in skills:
    company_said = compare_confounders(skills[study.target_name], study.target_name, list(companions))
else:
    company_said = "Nothing but the target was measured at this site: its company cannot be asked."
if known:
    question = "On the simulated twin we know. The true response of a band is that part of its covariance with ln Pb which the constituents that drive lead cause."
else:
    question = "Of measured soils nobody knows, so this test is left out here; on the simulated twin it can be asked."
if study.target_name == "Pb":
    comparison = "Here, too, the target is lead."
else:
    comparison = f"The target here is {study.target_name}, not lead: these claims are a comparison, no more."
least, most, lowest, highest = (
    _format.number(value, 0)
    for column in ("slope", "direct")
    for value in (real[column].min(), real[column].max())
)

# %% tags=["remove-cell"]
facts = {
    **{"before": BEFORE, "after": AFTER, "label": study.label, "kind": study.target.provenance.kind},
    **{
        "n-draws": len(folds),
        "n-bands": len(change),
        "n-permutations": n_permutations,
        "texture": _format.number(texture),
    },
    **{"truth-asked": question, "other-target": comparison, "company": company_said},
}
for name, value in facts.items():
    glue(f"shap-{name}", value, display=False)

# %% tags=["remove-cell"]
sentences = {
    "bands": interpretation_words.band_outcomes(change),
    "windows": interpretation_words.named_windows(tested, AFTER),
    "truth": interpretation_words.true_windows(against),
    "tally": interpretation_words.tally(table),
    "model": interpretation_words.about_the_model(of_model),
    "next": interpretation_words.about_the_next_model(of_next),
    "soil": interpretation_words.about_the_soil(of_truth[0] if of_truth else None),
    "answer": interpretation_words.answer(
        of_next["another draw (fold, seed and background)"], tested, minerals
    ),
    "slopes": interpretation_words.away_from_zero(minerals),
    "slopes-truth": interpretation_words.signs(minerals),
    "fields": interpretation_words.fields_agree(real),
    "field-sizes": f"these run from {least} to {most} % where a perfect answer is 100.",
    "field-direct": f"from {lowest} to {highest} %",
}
for name, value in sentences.items():
    glue(f"shap-{name}", value, display=False)

# %% [markdown]
# {glue:text}`shap-company`
#
# ## Takeaways
#
# - {glue:text}`shap-model` {glue:text}`shap-next`
# - {glue:text}`shap-windows`
# - {glue:text}`shap-soil`
# - Ask about minerals instead. {glue:text}`shap-slopes` {glue:text}`shap-slopes-truth`
# - {glue:text}`shap-company` A sensor that reads company works as long as the company stays the same, and nobody has shown that it does at the next site.
#
# ## Limits
#
# Masking makes spectra that no soil has: half of one soil, half of another. What a network answers there is a habit of the network. SHAP, deletion and insertion all rest on such answers.
# Bands tell much the same thing, so credit among neighbours is a matter of habit too; with more soils it would settle on something, not necessarily on the cause.
# Intervals cover folds, seeds and backgrounds of these soils, and one pH network: not another library. The true response and the true slopes are those of a simulated chemistry, and the simulation was made with the same theory of light and the same atlas
# that ask the question about minerals: agreement with the truth is the best case. Where the truth says that a constituent acts at a wavelength, it speaks of covariance after preprocessing, not of an absorption band.
# A mineral slope inherits the atlas: a constituent that it does not know is credited to those it knows. The study's network, split and preprocessing are
# not known in detail ({ref}`sec-data-access`), so this is its analysis, not its code, and nothing here says what its own network did.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml`. Which statements of the table hold for your target, and which bands would you have believed without it?
# 2. Write down a window of wavelengths before you look. Add it to `PUBLISHED_WINDOWS` in `soilpb/windows.py`: does it survive?
#
# Next: {ref}`sec-real-soils`.
