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
# A mine has a hundred soils with known lead; a continental library has thousands with known pH and, in the files that are shared, no lead.
# Before one can lend strength to the other, we ask how different they are.
# {glue:text}`data-verdict`
#
# ```{admonition} You will be able to
# :class: tip
# - say how many soils, bands and laboratory values each domain has, and whether anybody measured them;
# - read a soil's reflectance spectrum, and name what absorbs where;
# - tell how many of the mine's soils lie above a legal limit for lead, and why that depends on pH;
# - tell how far the mine's spectra lie outside the library's.
# ```
#
# *Needs: nothing. This is the first chapter.*

# %% tags=["parameters"]
site: str = "gejiu"  # a file of notebooks/sites
n_components: int = 10  # principal components that describe the library's spectra

# %%
import numpy as np
import pandas as pd
from myst_nb import glue

from soilpb import quality
from soilpb.decide import standards
from soilpb.plots import spectra, style
from soilpb.simulate import minerals
from soilpb.study import Study

study = Study.open("01_data", globals())
style.set_style()
study.banner()

# %% [markdown]
# ## Two domains
#
# {cite:t}`he2025` call them the *source* and the *target* domain. The source is a large library in which the property we can learn well
# was measured; the target is the mine. Neither data set of the study can be shipped ({ref}`sec-data-access`), so the pages you read
# use a simulated twin of both until someone points the site file at real ones.

# %% tags=["hide-input"]
domains = {"source": study.source, "target": study.target}
pd.DataFrame(
    {
        "soils": {name: soils.n_samples for name, soils in domains.items()},
        "bands": {name: soils.n_bands for name, soils in domains.items()},
        "range (nm)": {name: f"{s.wavelengths[0]:g}–{s.wavelengths[-1]:g}" for name, s in domains.items()},
        "kind": {name: soils.provenance.kind for name, soils in domains.items()},
        "learnt from it": {"source": study.site.source_property, "target": study.label},
    }
).rename_axis("domain")

# %% [markdown]
# ## What a spectrometer sees
#
# A spectrometer shines white light on the soil and records which fraction comes back at each wavelength.
# Iron oxides take away blue and green light, which is why soils look red or yellow; water and clay minerals take narrow bites near
# 1400, 1900 and 2200 nm; organic matter darkens everything in the visible. Lead takes nothing: it has no absorption of its own
# here, and can only be seen through the company it keeps {cite:p}`stenberg2010`.

# %% mystnb={"figure": {"caption": "Reflectance of the source ({glue:text}`data-source-kind`) and the target soils ({glue:text}`data-kind`), and the constituents that absorb at each wavelength. Bars span two widths on either side of a feature's centre.", "name": "fig-domain-spectra"}, "image": {"alt": "Two reflectance curves with shaded 5 to 95 percent bands rise from the blue towards 1300 nm and dip near 1400, 1900 and 2200 nm; a strip beneath shows where hematite, goethite, organic matter, water, clays, carbonate, gypsum and jarosite absorb."}}
above, beneath = style.stack_axes([3.6, 2.8])
spectra.plot_spectra(domains, above)
ax = spectra.plot_atlas(minerals.FEATURES, beneath)
# %% [markdown]
# In {numref}`fig-domain-spectra` the target is {glue:text}`data-darker` than the source in the visible:
# its median reflectance at 550 nm is {glue:text}`data-r550-target:.2f`, against {glue:text}`data-r550-source:.2f` in the library.

# %% tags=["remove-cell"]
at_550 = {
    name: float(np.median(s.reflectance[:, np.argmin(abs(s.wavelengths - 550))]))
    for name, s in domains.items()
}
glue("data-r550-source", at_550["source"], display=False)
glue("data-r550-target", at_550["target"], display=False)
glue("data-darker", "darker" if at_550["target"] < at_550["source"] else "brighter", display=False)

# %% [markdown]
# ## What the laboratory says
#
# Both domains have pH. A network can only carry over what it has seen: a target far outside the library's range of pH would be a warning.

# %% mystnb={"figure": {"caption": "Soil pH in the source ({glue:text}`data-source-kind`) and the target ({glue:text}`data-kind`).", "name": "fig-ph-distribution"}, "image": {"alt": "Two overlapping histograms of soil pH, one for the source library and one for the target site, with dashed lines at the medians."}}
ph = {name: soils.values(study.site.source_property) for name, soils in domains.items()}
ax = spectra.plot_distribution(ph, "pH (H₂O)")
# %% [markdown]
# The target alone has lead. It is skewed to the right, as concentrations are, so models in this book see its logarithm.
# Legal limits are drawn beneath. In China they depend on the soil's pH: the very property the source teaches.

# %% mystnb={"figure": {"caption": "Above: the target's lead ({glue:text}`data-kind`), on a logarithmic axis. Below: legal limits; where they depend on pH, one mark a pH class.", "name": "fig-target-distribution"}, "image": {"alt": "A right-skewed histogram of lead on a logarithmic axis; beneath it, legal limits of China, one mark a pH class, and of Finland."}}
above, beneath = style.stack_axes([2.8, 2.6])
target_values = {"target": study.target.values(study.site.target)}
unit = f"{study.target_name} ({study.target_unit})"
spectra.plot_distribution(target_values, unit, above, log=True, colours=[style.TARGET_COLOUR])
ax = spectra.plot_limits(standards.LEAD_LIMITS, unit, beneath)
# %% tags=["hide-input"]
pb, target_ph = study.target.values(study.site.target), study.target.values("pH")
rules = standards.LEAD_LIMITS[["standard", "rule"]].drop_duplicates()
rules["soils above (%)"] = [
    100 * np.mean(pb > standards.lead_limit(rule.standard, rule.rule, target_ph))
    for rule in rules.itertuples()
]
rules.style.format({"soils above (%)": "{:.0f}"}).hide(axis="index")

# %% [markdown]
# ## How far apart are they?
#
# The library's spectra are summarised by {glue:text}`data-n-components` principal components. A spectrum can be unusual in two ways:
# far from the others *within* the components (Hotelling's T²), or with a shape that the components cannot make at all (Q, what is left over).
# Each limit is set so that 95 % of the library would pass.

# %%
distances = quality.measure_distances(study.source.reflectance, study.target.reflectance, n_components)
table = distances.table.assign(sample=study.ids)

# %% mystnb={"figure": {"caption": "Distance of each target soil ({glue:text}`data-kind`) from the source library ({glue:text}`data-source-kind`): within its principal components (T²) and outside them (Q). Dashed: limits that 95 % of the library pass.", "name": "fig-domain-distance"}, "image": {"alt": "Scatter plot on logarithmic axes of T² against Q, one point a target soil, with dashed limits and the farthest soils named."}}
ax = spectra.plot_outliers(table, distances.t2_limit, distances.q_limit)
# %% tags=["remove-cell"]
share = 100 * float(distances.outside.mean())
far = share > 10
verdict = f"Of the target's {study.target.n_samples} spectra, {share:.0f} % lie outside the library's" + (
    ": the two domains differ, and whatever is carried over must bridge that."
    if far
    else ", as would 5–10 % of the library's own: by this measure the library covers the site."
)
glue("data-verdict", verdict, display=False)
glue("data-n-components", n_components, display=False)
glue("data-share-outside", share, display=False)
glue("data-kind", study.target.provenance.kind, display=False)
glue("data-source-kind", study.source.provenance.kind, display=False)
glue("data-n-source", study.source.n_samples, display=False)
glue("data-n-target", study.target.n_samples, display=False)
glue("data-pb-median", float(np.median(pb)), display=False)
study.save("distances", table)

# %% [markdown]
# ## Takeaways
#
# - The source has {glue:text}`data-n-source` soils with pH, the target {glue:text}`data-n-target` with lead (median {glue:text}`data-pb-median:.0f` mg/kg). Here the source is {glue:text}`data-source-kind` and the target {glue:text}`data-kind`.
# - Lead has no absorption in this range: every model in this book reads its company.
# - Limits for lead depend on pH, so a spectrum that tells both is worth more than one that tells either.
# - {glue:text}`data-share-outside:.0f` % of the target's spectra lie outside the library's 95 % limits.
#
# ## Limits
#
# Simulated soils obey a simple theory of light in powders {cite:p}`kubelka1931` and a made-up chemistry. They show whether a method finds what was put there;
# they are no evidence about a mine. Distances in principal components say that spectra differ, not that a prediction will be wrong.
#
# ## Try it on your site
#
# 1. Write a site file for your soils (see the README) and execute this chapter with `-f notebooks/sites/<your-site>.yml`. Are they covered by the library?
# 2. Set `-p n_components 3`. Which soils move from beyond Q to within the limits, and why?
#
# Next: {ref}`sec-pretraining`.
