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
# (sec-data)=
# # Meet the soils: a continent and a mine
#
# A mine has about a hundred soils with known lead. A continental library has thousands with known pH, and no lead.
# Can the library help the mine? That depends on how alike their soils are: **how different are the two sets of spectra?**

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # a file of notebooks/sites
n_components: int = 10  # principal components that describe the library's spectra

# %% tags=["hide-input"]
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from myst_nb import glue

from soilpb import plots, quality, site_file
from soilpb.decide import compare_with_world, measure_shapes, share_bands, standards, tell_apart
from soilpb.readers.libraries import limesoda
from soilpb.simulate import CHEMISTRY, WORLD_PH, load_library, minerals
from soilpb.study import Study, describe_grade

study = Study.open("01_data", globals())
plots.set_style()
study.banner()

# %% tags=["remove-cell"]
domains, world = {"source": study.source, "target": study.target}, load_library()
distances = quality.measure_distances(study.source.reflectance, study.target.reflectance, n_components)
outside = 100 * float(distances.outside.mean())
study.save("distances", distances.table.assign(sample=study.ids))
grades = {name: describe_grade(soils.provenance).lower() for name, soils in domains.items()}
glue("data-kind", grades["target"], display=False)
glue("data-source-kind", grades["source"], display=False)
glue("data-world", f"{world.n_samples:,}", display=False)

# %% tags=["remove-input"]
Markdown(f"""
**The answer.** {outside:.0f} % of the site's {study.target.n_samples} spectra lie outside the range of the library's.
Of new soils from the library itself, 5 to 10 % would. By this measure the library **{"does not cover" if outside > 10 else "covers"}** the site.
{"Whatever is carried over from one to the other must bridge that difference." if outside > 10 else "The two domains differ in their averages rather than in the kinds of soil they hold."}
""")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Reflectance of the source ({glue:text}`data-source-kind`) and the target soils ({glue:text}`data-kind`), and the constituents that absorb at each wavelength. Bars span two widths on either side of a feature's centre.", "name": "fig-domain-spectra"}, "image": {"alt": "Two reflectance curves with shaded 5 to 95 percent bands rise from the blue towards 1300 nm and dip near 1400, 1900 and 2200 nm; a strip beneath shows where hematite, goethite, organic matter, water, clays, carbonate, gypsum and jarosite absorb."}}
above, beneath = plots.stack_axes([3.6, 2.8])
plots.plot_spectra(domains, above)
ax = plots.plot_atlas(minerals.FEATURES, beneath)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - say what each domain holds, and whether anybody measured it;
# - read a reflectance spectrum, and name what absorbs where;
# - tell how many soils lie above a limit or screening value for lead, and why that depends on pH in farmland of China;
# - tell how far the mine's spectra lie outside the library's;
# - tell how unusual soils are among the measured soils of the world.
# ```
#
# *Needs: nothing. This is the first chapter.*
#
# ## Two domains
#
# {cite:t}`he2025` call them the *source* and the *target* domain. The source is a large library in which a property that spectra show well
# was measured. The target is the mine. The study's data cannot be shipped ({ref}`sec-data-access`), so these pages
# use a *twin* of both, until a site file points at real ones. Its spectra are mixed from measured soils of the world, and its lead is simulated; the banner says what else is.
#
# **Where is the twin's mine? Nowhere.** Its name says which study it imitates. The site's soils come from those cells of one degree, within 25° of the equator, that hold more
# free iron (by inversion) than half of such cells; the source's come from all other cells. None was chosen for lying near a mine, and no tailings, slag or lead minerals were added.

# %%
table = pd.DataFrame(
    {
        "soils": {name: f"{soils.n_samples:,}" for name, soils in domains.items()},
        "bands": {name: soils.n_bands for name, soils in domains.items()},
        "learnt from it": {"source": study.site.source_property, "target": study.label},
        "what was measured": grades,
    }
)
table.reset_index(names="domain").style.hide(axis="index")

# %% [markdown]
# ## What a spectrometer sees
#
# A spectrometer records which fraction of light a soil reflects at each wavelength ({numref}`fig-domain-spectra`).
# Iron oxides absorb blue and green light, which is why soils look red or yellow. Water and clay minerals absorb in narrow bands near
# 1400, 1900 and 2200 nm. Organic matter darkens the whole visible range. Lead has no absorption of its own here.
# It can only be seen through the constituents it is correlated with {cite:p}`stenberg2010`: iron and manganese oxides, clay, organic matter and carbonate.

# %% tags=["remove-input"]
at_550 = [float(np.median(s.reflectance[:, np.argmin(abs(s.wavelengths - 550))])) for s in domains.values()]
Markdown(f"""
The site's soils are **{"darker" if at_550[1] < at_550[0] else "brighter"}** in the visible than the library's.
At 550 nm their median reflectance is {at_550[1]:.2f}, against {at_550[0]:.2f} in the library.
""")

# %% [markdown]
# ## What the laboratory says
#
# Both domains have pH. A network can only carry over what it has seen: the target's pH should lie within the library's range.

# %% mystnb={"figure": {"caption": "Soil pH in the source ({glue:text}`data-source-kind`) and the target ({glue:text}`data-kind`).", "name": "fig-ph-distribution"}, "image": {"alt": "Two overlapping histograms of soil pH, one for the source library and one for the target site, with dashed lines at the medians."}}
ph = {name: soils.values(study.site.source_property) for name, soils in domains.items()}
ax = plots.plot_distribution(ph, "pH (H₂O)")

# %% [markdown]
# Only the target has lead. Concentrations are skewed to the right, so models predict their logarithm.
# Limits for farmland in China (GB 15618) depend on pH: the very property that the source teaches.

# %% mystnb={"figure": {"caption": "The target's lead ({glue:text}`data-kind`), on a logarithmic axis.", "name": "fig-target-distribution"}, "image": {"alt": "A right-skewed histogram of lead on a logarithmic axis, with a dashed line at the median."}}
pb = study.target.values(study.site.target)
unit = f"{study.target_name} ({study.target_unit})"
ax = plots.plot_distribution({"target": pb}, unit, log=True, colours=[plots.TARGET_COLOUR])

# %% [markdown]
# How many soils are above each limit or screening value? Where it depends on pH, each soil is compared with the one for its own pH.
# Above a screening value a soil must be looked into, which is less than being forbidden.

# %%
limits = standards.LEAD_LIMITS.groupby(["standard", "rule"], sort=False)["limit_mg_kg"].agg(["min", "max"])
above = [pb > standards.lead_limit(*rule, study.target.values("pH")) for rule in limits.index]
rules = limits.index.to_frame(index=False)
rules["limit (mg/kg)"] = [f"{a:g}" if a == b else f"{a:g} to {b:g}" for a, b in limits.to_numpy()]
rules["soils above (%)"] = [f"{100 * soils.mean():.0f}" for soils in above]
rules.style.hide(axis="index")

# %% [markdown]
# ## How far apart are they?
#
# The library's spectra are summarised by principal components. A spectrum can be unusual in two ways:
# far from the others *within* the components (Hotelling's T²), or with a shape that the components cannot make at all (Q, what is left over).
# Each limit is set so that 95 % of the library would pass.

# %% mystnb={"figure": {"caption": "Distance of each target soil ({glue:text}`data-kind`) from the source library ({glue:text}`data-source-kind`): within its principal components (T²) and outside them (Q). Dashed: limits that 95 % of the library pass.", "name": "fig-domain-distance"}, "image": {"alt": "Scatter plot on logarithmic axes of T² against Q, one point per target soil, with dashed limits and the farthest soils named."}}
table = distances.table.assign(sample=study.ids)
ax = plots.plot_outliers(table, distances.t2_limit, distances.q_limit)

# %% tags=["remove-input"]
beyond_t2, beyond_q = (
    int((table[name] > limit).sum()) for name, limit in (("T2", distances.t2_limit), ("Q", distances.q_limit))
)
Markdown(f"""
With {n_components} components, {beyond_t2} soils of {{numref}}`fig-domain-distance` lie beyond the limit of T² and {beyond_q} beyond that of Q.
{"Most of the unusual soils have shapes that the library has not." if beyond_q > beyond_t2 else "Their shapes are known to the library; what is unusual is how much of each shape they have." if beyond_t2 else "None is more unusual than the library's own."}
""")

# %% [markdown]
# ## Is it like soil?
#
# Spectra of a book about soil should look like soil. The yardstick is the world library of ICRAF and ISRIC {cite:p}`garrity2004`: soils of 55 countries, dried and sieved.
# All spectra were measured in one laboratory, the chemistry in others.
# The same yardstick tells how unusual the soils of a site are.

# %%
everyone = {"world": world, **domains}
for field in limesoda.FULL_RANGE_FIELDS:
    everyone[field] = limesoda.load_field(field)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Reflectance of {glue:text}`data-world` measured soils of the world (ICRAF-ISRIC), of the source ({glue:text}`data-source-kind`) and of the target ({glue:text}`data-kind`).", "name": "fig-like-soil"}, "image": {"alt": "Median reflectance of the world's soils, of the source and of the target against wavelength, with shaded 5 to 95 percent bands that overlap."}}
colours = [plots.GREY, plots.SOURCE_COLOUR, plots.TARGET_COLOUR]
ax = plots.plot_spectra(dict(list(everyone.items())[:3]), colours=colours)

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Depth of the features near 1400, 1900 and 2200 nm beneath a straight line between their shoulders, and rise of reflectance from 450 to 700 nm. Boxes: quartiles; whiskers: 5–95 %. World (ICRAF-ISRIC) and five fields (LimeSoDa) are measured; source: {glue:text}`data-source-kind`; target: {glue:text}`data-kind`.", "name": "fig-shapes"}, "image": {"alt": "Four panels of box plots, one per feature and one for the visible slope; rows are the world, source, target and five measured fields."}}
shapes = {name: measure_shapes(soils) for name, soils in everyone.items()}
tidy = pd.concat(shapes, names=["soils"]).reset_index("soils").melt("soils", var_name="shape")
names = {f"depth_{nm}": f"Depth at {nm} nm (%)" for nm in (1400, 1900, 2200)}
tidy["shape"] = tidy["shape"].replace(names | {"visible_slope": "Rise, 450–700 nm\n(% per 100 nm)"})
look = {"x": "value", "y": "soils", "hue": "soils", "whis": (5, 95), "showfliers": False}
_, axes = plt.subplots(2, 2, sharey=True, figsize=(plots.WIDTH, 5.6))
for ax, (shape, rows) in zip(axes.flat, tidy.groupby("shape", sort=False), strict=True):
    sns.boxplot(rows, ax=ax, **look).set(xlabel=shape, ylabel="")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Distance of each target soil ({glue:text}`data-kind`) from the measured soils of the world: within their principal components (T²) and outside them (Q). Dashed: limits that 95 % of them pass.", "name": "fig-world-distance"}, "image": {"alt": "Scatter plot on logarithmic axes of T² against Q of the target soils, with dashed limits of the world's soils and the farthest soils named."}}
among = {name: compare_with_world(soils) for name, soils in everyone.items()}
here = among["target"]
ax = plots.plot_outliers(here.table.assign(sample=study.ids), here.t2_limit, here.q_limit)

# %%
within = pd.Series({name: 100 * (1 - d.outside.mean()) for name, d in among.items()}, name="within, %")
told = {
    name: tell_apart(*(s.reflectance for s in share_bands(soils, world))) for name, soils in everyone.items()
}
told["world"] = float("nan")  # itself
pd.DataFrame({"within both limits (%)": within, "told from the world (AUC)": told}).style.format(
    {"within both limits (%)": "{:.0f}", "told from the world (AUC)": "{:.2f}"}, na_rep=""
)

# %% tags=["remove-input"]
realism = pd.read_csv(site_file.project_root() / "results" / "twin_realism.csv").pivot_table(
    "value", "soils", "measure", aggfunc=["mean", "min", "max"]
)


def span(soils, measure):
    low, high = (realism.loc[soils, (end, measure)] for end in ("min", "max"))
    return f"{low:.2f}–{high:.2f}"


position = {
    name: float((shapes["world"][name] < here_median).mean())
    for name, here_median in shapes["target"].median().dropna().items()
}
unusual = 100 * float(here.outside.mean())
where = "; ".join(f"{name.replace('_', ' ')} {100 * share:.0f}" for name, share in position.items())
Markdown(f"""
**{100 - unusual:.0f} % of the site's {study.target.n_samples} soils lie within both limits of the world's**, as do {within["world"]:.0f} % of the world's own. The median soil of the site stands at these percentiles of the world's: {where}.
Five measured fields show what to expect: a field can be as usual as SL.125 or, by its soils, its instrument or how they were prepared, as odd as CV.98 and SSP.460. One field alone is always told from the world, for its soils resemble each other.

A classifier that tells two sets of spectra apart has an AUC of 0.5 if it cannot and of 1 if it always can. The site's {told["target"]:.2f} in the table mostly says that one site is not the whole world.
A fairer test, made once with the full library (`benchmarks/twin_realism.md`, three seeds), compares the site with other measured soils *of the same places*: it is told from them at {span("site", "AUC 10")} with 10 principal components, so the twin passes for soil; and at {span("site", "AUC 20")} with 20, so there a classifier does see that it is mixed, perhaps because a mixture is smoother than a soil.
The source is told from measured soils of *other* places at {span("source", "AUC 10")} and {span("source", "AUC 20")}; measured soils of the same places as the source at {span("source, measured", "AUC 10")} and {span("source, measured", "AUC 20")}.
""")

# %% [markdown]
# **What a soil spectroscopist asks.**
#
# - *Who measured these spectra, and with what?* ICRAF in Nairobi, on soils of ISRIC's archive, with an ASD FieldSpec FR, on dried and sieved soil (below 2 mm) through the glass of Petri dishes {cite:p}`garrity2004`. Packaged are bands of 10 nm; laboratory values are not: `soilpb fetch icraf-isric` brings them, and the benchmarks of {ref}`chapter 6 <sec-real-soils>` use them.
# - *Dark current and white reference?* Both were dealt with before the spectra were stored; how well is unknown. On top of what the real instrument left, the twin adds gain of 5 %, small steps at 1000 and 1800 nm, and noise that is threefold at both ends. The spectra of source and site were read in one laboratory; the site's simulated instrument differs by a fixed ripple of 0.1 % only. So the twin does not test transfer between instruments.
# - *Moisture?* These soils were dry. What absorbs near 1400 and 1900 nm is bound water and hydroxyls. A spectrum taken in the field is darker and has both features several times as deep, and nothing on these pages says what a model of dry soil does with it. CV.98 looks like that.
# - *Why are the water windows predicted?* The package leaves out 1360–1450, 1800–1950 and 2460–2490 nm. A regression learnt from five fields predicts them from the other bands. It was centred on the library's own full
#   spectra, against which it is off by 0.007 in reflectance (see below), so that error is not an independent one. These are 30 of 210 bands, and models and explanations of this book do see them: what they say of these bands, and of *water*, is partly about that regression. So are the depths at 1400 and 1900 nm of the world and of the twin.
# - *What is a mixture of three spectra, physically?* Three powders ground together: light meets grains of all three, and absorption *K* and scattering *S*, not reflectance, add up {cite:p}`kubelka1931`; so does *K/S* if all three scatter alike, as is supposed here. The mixture is smoother than its parts: rare shapes get rarer.
#   On average half is one soil and a quarter each of two others, drawn from the 30 nearest in spectrum, mostly from other places: no spade ever mixed them. How far the theory holds for readings through glass was not tested.
# - *Are neighbours in spectrum neighbours in space?* Partly (see below). Source and site share no cell of one degree, though cells may border. Within each of them mixtures share parents: a soil that is held back may contain a quarter of one that was learnt, so scores on the twin are somewhat too high; by how much is unknown. The source's 12,000 soils are mixtures of fewer than {glue:text}`data-world`.
# - *Grain size?* All are below 2 mm; texture within that is part of each measured spectrum. The inversion into amounts supposes the scattering of a median soil, so an amount of a coarse soil comes out too high. The strengths of the atlas were chosen so that amounts look like those of soils: an amount is an index in percent, not a content.
# - *Is the hematite real? What of carbonates?* Amounts are what explains a spectrum, not what X-rays found: see {ref}`sec-minerals`.

# %% tags=["remove-input"]
one = realism["mean"].loc["world"]
Markdown(f"""
Measured with the full library: predicted bands are off by {one["reflectance error of predicted bands"]:.4f} in reflectance (root mean square). Of the 30 spectra nearest to a soil, {one["neighbours at one place"]:.0f} % come from its own cell of one degree, by chance {one["at one place by chance"]:.1f} %.
""")

# %% [markdown]
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- The source has {study.source.n_samples:,} soils with {study.site.source_property} ({grades["source"]}), the target {study.target.n_samples} with {study.target_name} ({grades["target"]}; median {np.median(pb):.0f} {study.target_unit}).
- Lead has no absorption in this range: every model in this book reads it from other constituents.
- China's limits for lead in farmland depend on pH, so a spectrum that tells both is worth more than one that tells either.
- Outside the library's 95 % limits: {outside:.0f} % of the site's spectra. Outside those of the world's measured soils: {unusual:.0f} %.
""")

# %% [markdown]
# ## Limits

# %% tags=["remove-input"]
Markdown(f"""
The twin's spectra are of measured soils, mixed by a simple theory of light in powders {{cite:p}}`kubelka1931`; its lead obeys a made-up chemistry. pH and lead are computed from amounts that were read from the same spectra.
This was put in: lead rises with free iron (as its power {CHEMISTRY.pb_iron:g}), with clay (as its power {CHEMISTRY.pb_clay:g}) and with pH (by {100 * np.expm1(CHEMISTRY.pb_ph):.0f} % per unit); what is left over follows from no constituent.
In the measured library such amounts explain {100 * WORLD_PH["R2"]:.0f} % of the variance of pH and leave a residual of {WORLD_PH["residual"]:g}; the twin's residual is {CHEMISTRY.ph_residual:g}, so its pH is far easier to read than nature's. As lead depends on pH, that favours transfer from pH.
It is no evidence about a mine. Distances in principal components say that spectra differ, not that a prediction will be wrong.
""")

# %% [markdown]
# ## Try it on your site
#
# 1. Write a site file for your soils (see the README) and execute this chapter with `-f notebooks/sites/<your-site>.yml`. Are they covered by the library?
# 2. Set `-p n_components 3`. Which soils move from beyond Q to within the limits, and why?
# 3. A soil of pH 6.4 has 100 mg/kg of lead. Is it above China's screening value for land that is not paddy? And at pH 6.6?
#
# ```{dropdown} Answer 1
# Take the field CV.98: `-f notebooks/sites/cv98.yml`. All of its 98 soils lie outside the limits of the four other fields, its library, both in T² and in Q: the field is not covered, and what a network learnt elsewhere has to bridge that.
# ```
#
# ```{dropdown} Answer 2
# With 10 components 4 soils of the twin lie beyond Q and 8 beyond T²; with 3 components, 9 and 4. Of the 4 soils beyond Q, 3 come within both limits. With fewer components more of *every* spectrum is left over, in the library too, so the limit of Q rises, and what was odd about these 3 is small beside it.
# The 9 soils that are now beyond Q are others: they have much of the shapes of components 4 to 10, which was counted *within* the components before and is left over now. Inside or outside depends on the number of components; far away does not.
# ```
#
# ```{dropdown} Answer 3
# At pH 6.4 yes, at pH 6.6 no. GB 15618-2018 sets 90 mg/kg from pH 5.5 to 6.5 and 120 from 6.5 to 7.5. A small error in pH can change the answer: `standards.lead_limit("GB 15618-2018", "screening, other land", np.array([6.4, 6.6]))` gives both.
# ```
#
# Next: {ref}`sec-pretraining`.
