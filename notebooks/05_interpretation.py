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
# # Explain the network, and check the explanation
#
# The study does not stop at accuracy. By SHAP it names wavelengths that a network keeps when it goes from pH to lead, and wavelengths that it adapts {cite:p}`he2025`.
# At a mine such a list is tempting: a handful of wavelengths would make a cheap sensor, and an argument that the model sees lead itself.
# **Which wavelengths does the network use, and can the list be believed?** We repeat the analysis and put each statement to a test that it could fail.

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_folds: int = 5  # folds; at most as many as there are groups
n_repeats: int = 2  # repeats of the folds, each with seeds and backgrounds of its own
epochs: int = 0  # epochs of fine-tuning; 0: the model's own default
n_background: int = 20  # soils that stand for "spectrum unknown"
n_explained: int = 40  # soils in the slow tests: programs, random weights, masking, permuted targets
n_permutations: int = 39  # permuted targets; the smallest p-value is 1 / (n_permutations + 1)

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown, display
from myst_nb import glue
from sklearn.base import clone
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline

from soilpb import _format, evaluate, explain, models, plots, simulate, site_file
from soilpb.models import PLSCV, fit_model, make_models, model_name
from soilpb.study import Study, describe_grade

# %% tags=["hide-input"]
study = Study.open("05_interpretation", globals())
source, seed = study.source_network(), study.site.seed
plots.set_style()
study.banner()

# %% tags=["remove-input"]
answer = display(Markdown("The answer appears here once the chapter has been executed."), display_id=True)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Attribution by wavelength ({glue:text}`shap-kind`): of the network that learnt pH (above) and of the one fine-tuned to {glue:text}`shap-label` (below). Lines: means over draws; bands: 5–95 % of them. Grey: what the study says was retained and adapted for lead at Gejiu.", "name": "fig-shap-profiles"}, "image": {"alt": "Two profiles of SHAP attribution against wavelength, pH upwards and the target downwards, with the study's retained bands at 550 to 750 and 1600 to 1700 nm shaded and its adapted wavelengths 919 and 959 nm dashed."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - read a SHAP profile of a spectrum, say what it adds up to, and what another draw would change;
# - tell the bands that transfer retained from those it adapted, with intervals;
# - put a statement about a wavelength to a test that it could fail;
# - say what an explanation is about: this model, the next model, or the soil.
# ```
#
# *Needs: {ref}`chapter 2's network <sec-pretraining>`.*
#
# ## Attribute predictions to bands
#
# We take what we assume to be the study's recipe (`notebooks/protocol.yml`): start from the network that learnt pH from the library, and fine-tune all of it on the site's soils.
# We fit it several times, each time without one fold of the soils, with another seed and with other background soils. One such fit is a *draw*.

# %%
BEFORE, AFTER = model_name("resnet-ph"), model_name("resnet-ph", study.target_name)
recipe = make_models(source, ["resnet-ph"], seed, epochs, study.target_name)[AFTER]
if study.groups is not None:
    n_folds = min(n_folds, len(set(study.groups)))
folds_table = evaluate.repeated_kfold(study.ids, n_folds, n_repeats, seed, study.groups)
folds = list(evaluate.iterate_folds(folds_table, study.ids))
fitted = [
    fit_model(clone(recipe).set_params(seed=seed + i), study.X, study.y, study.groups, fold.train)
    for i, fold in enumerate(folds)
]

# %% [markdown]
# SHAP divides each prediction among the bands {cite:p}`lundberg2017`. What a band gets is its *attribution*, in the unit of the target. Over all bands, the attributions
# add up to the prediction minus the mean prediction of the background. To get there, bands are *masked*: a masked band takes the value of a background soil,
# whatever the other bands of the soil are. Shapley values of this kind are called *interventional*; {ref}`below <sec-which-value>` they are compared with the other kind.

# %%
rng = np.random.default_rng(seed)
backgrounds = [study.X[rng.choice(f.train, min(n_background, len(f.train)), replace=False)] for f in folds]
before = [explain.deep_lift_shap(source, study.X, background) for background in backgrounds]
after = [explain.deep_lift_shap(m.network_, study.X, b) for m, b in zip(fitted, backgrounds, strict=True)]
explained = {BEFORE: before, AFTER: after}
profiles = explain.tabulate(explained)
of_target = profiles[profiles["model"] == AFTER]

# %% tags=["remove-input"]
ax = plots.plot_profiles(profiles)
picture.update(ax.figure)
plt.close(ax.figure)

# %% tags=["remove-input"]
Markdown(f"""
{{numref}}`fig-shap-profiles` shows attribution by wavelength, and what one fit cannot show: how far a line moves over {len(folds)} draws.
*{BEFORE}* is the network of the library, *{AFTER}* the one fine-tuned at the site.
""")

# %% [markdown]
# ## What did transfer retain, and what did it adapt?
#
# We cut the spectrum into bands of 50 nm. A model *uses* a band whose attribution per nanometre lies above the even share, 1, with its whole 90 % interval.
# It does not use one whose interval lies below 1. Folds share most of their soils, so their spread understates what other soils would have given; the jackknife scales it up.

# %%
edges = np.arange(study.grid[0] - study.grid[0] % 50, study.grid[-1] + 50, 50)
bands = explain.tabulate(explained, edges)
change = explain.compare_bands(bands, BEFORE, AFTER, left_out=1 / n_folds)

# %% mystnb={"figure": {"caption": "Attribution of 50 nm bands ({glue:text}`shap-kind`), relative to an even spread, with 90 % intervals. Strip: what became of each band. Grey: what the study says of Gejiu.", "name": "fig-band-change"}, "image": {"alt": "For each band of 50 nm two dots with intervals, pH and target, on a logarithmic axis around the even share; beneath, a strip coloured by outcome: retained, adapted, new, lost, unused or undecided."}}
ax = plots.plot_band_change(change, BEFORE, AFTER)

# %% tags=["hide-input"]
rules = pd.DataFrame({"outcome": list(explain.OUTCOMES), "rule": list(explain.OUTCOMES.values())})
rules["bands"] = [int((change["outcome"] == name).sum()) for name in rules["outcome"]]
rules.style.hide(axis="index")

# %% tags=["hide-input"]
classed = change[~change["outcome"].isin(["unused", "undecided"])]
shown = {"band": [explain.format_window(b.start, b.stop) for b in classed.itertuples()]}
shown["outcome"] = classed["outcome"].to_list()
for name, column in ((BEFORE, "before"), (AFTER, "after")):
    values = classed[[column, f"{column}_low", f"{column}_high"]].itertuples(index=False)
    shown[name] = [_format.with_interval(*row) for row in values]
pd.DataFrame(shown).style.hide(axis="index")

# %% tags=["remove-input"]
undecided = int((change["outcome"] == "undecided").sum())
Markdown(f"""
Of {len(change)} bands, {len(change) - undecided} can be classed; for {undecided}, these soils cannot tell. With so many intervals of 90 %, a few are wrong by chance.
""")

# %% [markdown]
# ## Check the explanation
#
# A profile can be wrong in three ways. It may not say what the model does, it may not say what another model of the same soils would do, and it may not say what the soil does.
# Each test below states a threshold and an interval. A statement *holds* or *fails* if its whole interval lies on one side; otherwise it is *undecided*.
#
# **Do attributions add up, and do other programs agree?** DeepExplainer is our choice, since the abstract says SHAP and not which variant. It is compared with captum's DeepLiftShap {cite:p}`kokhlikyan2020`, written independently, and with
# integrated gradients {cite:p}`sundararajan2017`, a different method. Each works on a copy: the network must be the same afterwards.

# %%
few = study.X[np.sort(rng.choice(len(study.y), min(n_explained, len(study.y)), replace=False))]
network, background = fitted[0].network_, backgrounds[0]
weights = {name: value.clone() for name, value in network.network.state_dict().items()}
deep = explain.deep_shap(network, few, background)
assert all(value.equal(weights[name]) for name, value in network.network.state_dict().items())
assert deep.additivity_error <= 1e-4
lift = explain.deep_lift_shap(network, few, background)
integrated = explain.integrated_gradients(network, few, background)
adds_up = explain.check_additivity([deep, *before, *after])
programs = explain.check_agreement(deep, lift, threshold=0.999)
methods = explain.check_agreement(deep, integrated, threshold=0.9)

# %% [markdown]
# **Would another fit say the same?** We change what should not matter: the background soils of one fit; the seed, with the same soils; and all at once, as from draw to draw.

# %%
masks = backgrounds[:4]
other_backgrounds = [explain.deep_lift_shap(network, study.X, mask) for mask in masks]
other_seeds = []
for i in range(3):
    model = clone(recipe).set_params(seed=seed + 1000 + i)
    model = fit_model(model, study.X, study.y, study.groups, folds[0].train)
    other_seeds.append(explain.deep_lift_shap(model.network_, study.X, background))
changed = {"another background": other_backgrounds, "another seed": other_seeds}
stable = {
    what: explain.check_stability(explain.tabulate({AFTER: draws}), what) for what, draws in changed.items()
}
stable["another draw"] = explain.check_stability(of_target, "another draw (fold, seed and background)")

# %% [markdown]
# **Does it depend on what was learnt?** A network with random weights has learnt nothing; its profile must look different {cite:p}`adebayo2018`.
#
# **Do the strongest bands matter to the model?** Take them away, the strongest first, and the predictions should move further than with random bands.
# Give them back, and the predictions should return sooner.

# %%
untrained = explain.profile_random_networks(network, few, background, n_draws=3, seed=seed)
learned = explain.check_randomisation(of_target, untrained)
wide = edges[::2] if edges.size % 2 else np.append(edges[::2], edges[-1] + 50)
strongest = after[0].bands(wide, AFTER)
curves = explain.mask_bands(network, few, background[:10], strongest, n_random=10, seed=seed)
masking = explain.check_masking(curves)

# %% mystnb={"figure": {"caption": "How far predictions of {glue:text}`shap-label` move as bands of 100 nm are masked or given back ({glue:text}`shap-kind`). Solid: strongest band first; dashed: random orders, with 5–95 % of them. The test is about the area between solid and dashed.", "name": "fig-masking"}, "image": {"alt": "Two pairs of curves against the share of bands handled: deletion rises and insertion falls, the order by attribution beside random orders."}}
ax = plots.plot_masking_curves(curves)

# %% [markdown]
# **Do the published bands matter?** A window that was named beforehand says something if it gets more than the even share, and if few windows *of the same width* get as much.

# %%
tested = explain.compare_windows(of_target, explain.PUBLISHED_WINDOWS, left_out=1 / n_folds)
published = explain.check_windows(tested, AFTER)
tested = tested.assign(verdict=[each.verdict for each in published], group="named by the study")

# %% tags=["remove-input"]
windows = [
    f"{explain.format_window(w.start, w.stop)}: {_format.with_interval(w.relative, w.low, w.high)}, **{w.verdict}**"
    for w in tested.itertuples()
]
n_published = sum(tested["verdict"] == "holds")
Markdown(f"""
The study published these windows for lead at Gejiu; the target here is {study.target_name}. Attribution of {AFTER} per nanometre, relative to an even spread (90 % interval), and whether both tests are passed:
{"; ".join(windows)}.
""")

# %% [markdown]
# **Is any band used beyond chance?** Permute the target (whole groups, where soils come in groups) and fit again. Such a model knows nothing, yet it has strong bands: those that its source relied on, and those that vary most.
# The recipe is too slow for so many permutations, so this test takes the pH network with a ridge head, which is fitted at once.

# %%
ridge_head = make_models(source, ["features-ridge"], seed)[model_name("features-ridge")]


def explain_target(target):
    model = fit_model(clone(ridge_head), study.X, target, study.groups)
    return explain.deep_lift_shap(model.network_, few, background[:10]).bands(edges, "")


found = explain.compare_with_permuted_targets(explain_target, study.y, n_permutations, seed, study.groups)
chance = explain.check_beyond_chance(found, "The pH network with a ridge head")

# %% tags=["remove-input"]
n_chance = int((found["p"] < 0.05).sum())
Markdown(f"""
Of {len(found)} bands, {n_chance} stand out from {n_permutations} permuted targets, at a level of 5 % over all bands. This network starts from the same source as the recipe, but its features stay as they are.
""")

# %% [markdown]
# **Does it say what the soil does?** Of measured soils nobody knows, so there this test is left out. On the twin the truth is known: the true response of a band is that part of its covariance with ln Pb
# which is caused by the constituents that lead depends on. It is computed with the atlas that read the amounts, and the scattering of a median soil: a network that follows a soil's real bands where they differ from the atlas' is counted as wrong.

# %%
hypotheses, truth, known = tested, [], study.site.target_data == "twin"
if known:
    response = simulate.true_response(study.target, source.prepare)
    true = explain.compare_windows(of_target, explain.true_windows(response), left_out=1 / n_folds)
    truth = [
        explain.check_ranking(of_target, response, AFTER, 1 / n_folds),
        *explain.check_windows(true, AFTER),
    ]
    true = true.assign(verdict=[each.verdict for each in truth[1:]], group="true of the twin")
    hypotheses = pd.concat([tested, true], ignore_index=True)

# %% mystnb={"figure": {"caption": "Attribution per nanometre in windows that were not chosen by it ({glue:text}`shap-kind`), relative to an even spread (line), with 90 % intervals; right: p among all windows of the same width, before Holm's correction. Windows of the study are claims about lead at Gejiu; the others, where there are any, were chosen by the simulation's truth.", "name": "fig-windows"}, "image": {"alt": "One row per window of wavelengths: a dot with an interval beside the line of the even share, and its p-value at the right."}}
names = [explain.format_window(w.start, w.stop) for w in hypotheses.itertuples()]
rows = hypotheses.assign(window=names, p_value=[f"p = {p:.2f}" for p in hypotheses["p"]])
label = "Attribution per nm (1: even spread)"
ax = plots.plot_intervals(rows, "window", "relative", label, hue="group", neutral=1, notes="p_value")

# %% tags=["remove-input"]
if known:
    counts = true["verdict"].value_counts().reindex(["holds", "fails", "undecided"], fill_value=0)
    ranking = truth[0]
    soil = f"""
The ranking of wavelengths by {AFTER} correlates with that of the true response at {_format.with_interval(*ranking[2:5])}; that it ranks them as the truth does (at least 0.5): **{ranking.verdict}**.
Of the {len(true)} windows in which the true response lies above an even spread, the network is shown to use {counts["holds"]} and shown not to use {counts["fails"]}; {counts["undecided"]} are left open.
"""
Markdown(
    soil
    if known
    else "The soils of this page were measured: whether the profile describes them, nobody can say."
)

# %% [markdown]
# (sec-which-value)=
# ## Which Shapley value, and which model?
#
# All values above are interventional: they say what the model does with a band. *Conditional* values let a masked band follow from the bands that are known, as it does in soils {cite:p}`aas2021`:
# they say what a band tells, and a band that the model never reads gets credit if it varies with one that it reads. For a network the conditional value cannot be computed exactly. For a model that is linear in absorbance,
# such as PLS on derivatives, both have closed forms for a given set of bands. Single bands are too many for that, so both are given for zones of 100 nm. Principal components are not correlated, so on them both values agree;
# their credit can be mapped back to the bands {cite:p}`zhang2026`.

# %%
of_kind = {"zones, interventional": [], "zones, conditional": [], "components, mapped back": []}
for fold in folds[:n_folds]:
    linear = fit_model(PLSCV(max_components=10), study.X, study.y, study.groups, fold.train)
    asked = (linear, study.X, study.X[fold.train], study.grid)
    each = (
        explain.attribute_by_coefficients(*asked),
        explain.attribute_zones(*asked, wide, n_orders=5),
        explain.attribute_components(*asked),
    )
    for kind, explanation in zip(of_kind, each, strict=True):
        size = explanation.bands(wide, "")["mean_abs"].to_numpy()
        of_kind[kind].append(size / size.sum())
shares = pd.DataFrame({kind: np.mean(draws, axis=0) for kind, draws in of_kind.items()})
shares["zone"] = [explain.format_window(start, start + 100) for start in wide[:-1]]
order = shares["zones, interventional"].corr(shares["zones, conditional"], method="spearman")

# %% tags=["hide-input"]
upper = np.triu_indices(n_folds, 1)
alike = {k: np.median(pd.DataFrame(d).T.corr("spearman").to_numpy()[upper]) for k, d in of_kind.items()}
kinds = pd.DataFrame({"Shapley value (PLS)": list(of_kind)})
kinds["most credit"] = ["; ".join(shares.nlargest(3, kind)["zone"]) for kind in of_kind]
kinds["their share"] = [f"{shares[kind].nlargest(3).sum():.0%}" for kind in of_kind]
kinds["like another draw (Spearman)"] = [f"{value:.2f}" for value in alike.values()]
kinds.style.hide(axis="index")

# %% [markdown]
# And which model? Many predict equally well. We take PLS with 1, 3, … 15 latent variables on three preprocessings (SNV: its linear approximation), and keep all whose error lies within one standard error of the best: what they agree on does not depend on a choice
# among equals {cite:p}`fisher2019`.

# %%
errors, profiles_of = {}, {}
for name in models.PREPROCESSING:
    for k in range(1, min(15, len(folds[0].train) - 2) + 1, 2):
        pairs = [
            (make_pipeline(models.PREPROCESSING[name](), PLSRegression(k, scale=False)), f)
            for f in folds[:n_folds]
        ]
        fits = [(m.fit(study.X[f.train], study.y[f.train]), f) for m, f in pairs]
        squares = [np.mean((study.y[f.test] - m.predict(study.X[f.test])) ** 2) for m, f in fits]
        errors[name, k] = np.sqrt(squares)
        m, f = fits[0]
        zones = explain.attribute(m, study.X, study.X[f.train], study.grid).bands(wide, "")
        profiles_of[name, k] = zones["mean_abs"] / zones["mean_abs"].mean()
means = pd.Series({key: each.mean() for key, each in errors.items()})
best = means.idxmin()
equals = means[means <= means.min() + errors[best].std(ddof=1) / np.sqrt(len(errors[best]))].index
used = pd.DataFrame({key: profiles_of[key] > 1 for key in equals}).mean(axis=1)

# %% tags=["remove-input"]
agreed = {
    word: list(shares["zone"][rows.to_numpy()])
    for word, rows in (("all", used == 1), ("some", (used > 0) & (used < 1)), ("none", used == 0))
}
Markdown(f"""
Interventional and conditional values rank the {len(shares)} zones alike to a Spearman of {order:.2f}: {"which value is shown matters little here" if order >= 0.9 else "**which value is shown matters**, so a list of wavelengths must say it"}.
Of {len(means)} models, {len(equals)} are within one standard error of the best ({best[0]}, {best[1]} latent variables). All of them give more than the even share to {_format.join_words(agreed["all"]) or "no zone"}; {len(agreed["some"])} zones are used by some of them only, {len(agreed["none"])} by none.
""")

# %% [markdown]
# Could these tests find anything? In twins in which lead itself absorbs at 1000 nm, as nature does not, the answer is known: those are positive controls. Without that band, what is named there is a false alarm.

# %% tags=["remove-input"]
planted = pd.read_csv(site_file.project_root() / "results" / "planted_bands.csv")
wins = planted.assign(
    won=np.where(planted["way"].str.startswith("test"), planted["found"], planted["found"] == 1)
)
contest = wins.pivot_table(index="way", columns="strength", values="won", aggfunc="sum").astype(int)
n_controls = planted["seed"].nunique()
named = contest.loc[["test of a named window", "test against permuted targets"]]
contest.columns = [f"{strength:g}" for strength in contest.columns]
plots_of = (
    contest.map(lambda n: f"{n} of {n_controls}")
    .rename_axis("planted zone has most credit, or is named")
    .reset_index()
)
plots_of.style.hide(axis="index")

# %% tags=["remove-input"]
power = "; ".join(
    f"{way}, {_format.join_words([f'{n} at {c:g}' for c, n in named.loc[way].items() if c > 0])}"
    for way in named.index
)
ways = contest.drop(index=named.index)[f"{named.columns[1]:g}"].sort_values(ascending=False)
lost = named.iloc[:, -1] < named.iloc[:, 1]
Markdown(f"""
Columns: absorbance of the planted band per unit of ln Pb (0: none). At the weakest, the planted zone has most credit most often by {ways.index[0]} ({ways.iloc[0]} of {n_controls}), least often by {ways.index[-1]} ({ways.iloc[-1]}).

Positive controls found by the tests above, of {n_controls} tested at each strength, with PLS of 130 soils: {power}. Without a planted band the false alarms are {", ".join(str(n) for n in named.iloc[:, 0])} of {n_controls}.
{f"The {_format.join_words(list(named.index[lost]))} finds fewer where the band is strong: then models of permuted targets rely on it, too, and the test cannot tell." if lost.any() else ""}
That a band is *not shown* to be used means on this page: not found by tests that find this much.
""")

# %% [markdown]
# What absorbs in those windows? {numref}`fig-shap-atlas` lays the spectrum and the atlas beneath the attributions. Nearly every window has a mineral to explain it, and that is the danger:
# the atlas is dense enough to make a story of any peak.

# %% mystnb={"figure": {"caption": "From above: attribution by wavelength in the fine-tuned network; reflectance of the site's soils ({glue:text}`shap-kind`); what absorbs where, with bars of two widths on either side of a feature's centre.", "name": "fig-shap-atlas"}, "image": {"alt": "Three panels with a common wavelength axis: SHAP attribution with the band of the draws, median reflectance with its 5 to 95 percent band, and a strip per constituent with its absorption features."}}
top, middle, bottom = plots.stack_axes([2.4, 2.4, 2.8])
plots.plot_profiles(of_target, top).set_ylabel("Attribution\n(% per band)")
plots.plot_spectra({"site": study.target}, middle, [plots.TARGET_COLOUR]).set_ylabel("Reflectance")
ax = plots.plot_atlas(simulate.FEATURES, bottom)

# %% [markdown]
# ## The verdicts

# %% tags=["hide-input"]
of_model = [adds_up, programs, learned, *masking]
of_next = [methods, *stable.values()]
verdicts = pd.DataFrame([*of_model, *of_next, *published, *chance, *truth])
plots.style_verdicts(verdicts)

# %% tags=["remove-input"]
draw, n = stable["another draw"], verdicts["verdict"].value_counts()
model_passed = [check.verdict for check in of_model].count("holds")
next_passed = [check.verdict for check in of_next].count("holds")
correlations = "; ".join(
    f"{what} {_format.with_interval(*check[2:5])}, **{check.verdict}**" for what, check in stable.items()
)
Markdown(f"""
Of {len(verdicts)} statements, {n.get("holds", 0)} hold, {n.get("fails", 0)} fail and {n.get("undecided", 0)} are undecided. Read from above, the table makes one argument.

- *The model.* {model_passed} of {len(of_model)} tests of whether attributions describe the network they were computed for are passed: sums, programs, what was learnt, and masking.
- *The next model.* {next_passed} of {len(of_next)} tests of whether another method or another fit gives the same ranks are passed. Spearman correlations (90 % interval): {correlations}. Where the ranks change, they are no property of the soils.
- *The soil.* {f"Ranks of the true response: **{ranking.verdict}**." if known else "Not tested, since the truth is not known."}
""")

# %% tags=["remove-input"]
answer.update(Markdown(f"""
**The answer.** {model_passed} of {len(of_model)} tests support that SHAP describes the network it was computed for. Another question is whether the list of wavelengths can be believed.
That another draw of the recipe gives the same ranks: **{draw.verdict}** (Spearman {_format.with_interval(*draw[2:5])}). Of the {len(tested)} published windows, {n_published} pass both tests.
{f"That the ranks are those of the true response of the twin: **{ranking.verdict}** ({_format.with_interval(*ranking[2:5])})." if known else ""}
{{ref}}`The next chapter <sec-minerals>` asks the network about minerals instead.
"""))  # fmt: skip

# %% tags=["remove-cell"]
glue("shap-kind", describe_grade(study.target.provenance).lower(), display=False)
glue("shap-label", study.label, display=False)
tables = {"attributions": profiles, "bands": change, "curves": curves, "windows": hypotheses}
for name, table in {**tables, "chance": found, "verdicts": verdicts}.items():
    study.save(name, table)

# %% [markdown]
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- Attributions add up to the prediction: **{adds_up.verdict}**; two programs agree: **{programs.verdict}**. Always check both.
- A profile of one fit is one draw. Show several, or show none.
- Published windows that this network is shown to use: {n_published} of {len(tested)}. Bands beyond chance, for a ridge head: {n_chance} of {len(found)}.
- An explanation of a model is not an explanation of the soil{f": against the truth, **{ranking.verdict}**" if known else ""}.
""")

# %% [markdown]
# ## Limits
#
# Masking makes spectra that no soil has: half of one soil, half of another. What a network predicts there was never compared with a laboratory. SHAP, deletion and insertion all rest on such predictions.
# Bands tell much the same thing, so how attributions are divided among neighbours depends on the network, too. With more soils the division would become stable, but need not show the cause.
# Intervals cover folds, seeds and backgrounds of these soils, and one pH network: not another library.
# Where the truth says that a constituent acts at a wavelength, it speaks of covariance after preprocessing, not of an absorption band.
# The study's network, split, preprocessing and variant of SHAP are not known to us ({ref}`sec-protocols`): this is an analysis of its kind on our assumptions, and nothing here says what its own network did.
#
# ## Try it on your site
#
# 1. Execute this chapter with `-f notebooks/sites/<your-site>.yml`. Which statements of the table hold for your target, and which bands would you have believed without it?
# 2. Write down a window of wavelengths before you look. Add it to `PUBLISHED_WINDOWS` in `soilpb/explain/bands.py`: does it pass?
#
# Next: {ref}`sec-minerals`.
