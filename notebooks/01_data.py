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
import numpy as np
import pandas as pd
from IPython.display import Markdown
from myst_nb import glue

from soilpb import plots, quality
from soilpb.decide import standards
from soilpb.simulate import minerals
from soilpb.study import Study

study = Study.open("01_data", globals())
plots.set_style()
study.banner()

# %% tags=["remove-cell"]
distances = quality.measure_distances(study.source.reflectance, study.target.reflectance, n_components)
outside = 100 * float(distances.outside.mean())
study.save("distances", distances.table.assign(sample=study.ids))
glue("data-kind", study.target.provenance.kind, display=False)
glue("data-source-kind", study.source.provenance.kind, display=False)

# %% tags=["remove-input"]
Markdown(f"""
**The answer.** {outside:.0f} % of the site's {study.target.n_samples} spectra lie outside the range of the library's.
Of new soils from the library itself, 5 to 10 % would. By this measure the library **{"does not cover" if outside > 10 else "covers"}** the site.
{"Whatever is carried over from one to the other must bridge that difference." if outside > 10 else "The two domains differ in their averages rather than in the kinds of soil they hold."}
""")

# %% tags=["hide-input"] mystnb={"figure": {"caption": "Reflectance of the source ({glue:text}`data-source-kind`) and the target soils ({glue:text}`data-kind`), and the constituents that absorb at each wavelength. Bars span two widths on either side of a feature's centre.", "name": "fig-domain-spectra"}, "image": {"alt": "Two reflectance curves with shaded 5 to 95 percent bands rise from the blue towards 1300 nm and dip near 1400, 1900 and 2200 nm; a strip beneath shows where hematite, goethite, organic matter, water, clays, carbonate, gypsum and jarosite absorb."}}
domains = {"source": study.source, "target": study.target}
above, beneath = plots.stack_axes([3.6, 2.8])
plots.plot_spectra(domains, above)
ax = plots.plot_atlas(minerals.FEATURES, beneath)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - say what each domain holds, and whether anybody measured it;
# - read a reflectance spectrum, and name what absorbs where;
# - tell how many soils lie above a legal limit for lead, and why that depends on pH;
# - tell how far the mine's spectra lie outside the library's.
# ```
#
# *Needs: nothing. This is the first chapter.*
#
# ## Two domains
#
# {cite:t}`he2025` call them the *source* and the *target* domain. The source is a large library in which a property that spectra show well
# was measured. The target is the mine. The study's data cannot be shipped ({ref}`sec-data-access`), so these pages
# use a simulated twin of both, until a site file points at real ones.

# %%
pd.DataFrame(
    {
        "soils": {name: soils.n_samples for name, soils in domains.items()},
        "bands": {name: soils.n_bands for name, soils in domains.items()},
        "kind": {name: soils.provenance.kind for name, soils in domains.items()},
        "learnt from it": {"source": study.site.source_property, "target": study.label},
    }
).rename_axis("domain")

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
# Legal limits are drawn beneath. In China they depend on pH: the very property that the source teaches.

# %% mystnb={"figure": {"caption": "Above: the target's lead ({glue:text}`data-kind`), on a logarithmic axis. Below: legal limits; where they depend on pH, one mark per pH class.", "name": "fig-target-distribution"}, "image": {"alt": "A right-skewed histogram of lead on a logarithmic axis; beneath it, legal limits of China, one mark per pH class, of the United States and of Finland."}}
pb = study.target.values(study.site.target)
unit = f"{study.target_name} ({study.target_unit})"
above, beneath = plots.stack_axes([2.8, 2.6])
plots.plot_distribution({"target": pb}, unit, above, log=True, colours=[plots.TARGET_COLOUR])
ax = plots.plot_limits(standards.LEAD_LIMITS, unit, beneath)

# %% [markdown]
# How many soils are above a limit? Each is compared with the limit for its own pH.

# %%
rules = standards.LEAD_LIMITS[["standard", "rule"]].drop_duplicates()
above = [pb > standards.lead_limit(*rule, study.target.values("pH")) for rule in rules.to_numpy()]
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
# ## Takeaways

# %% tags=["remove-input"]
Markdown(f"""
- The source has {study.source.n_samples:,} {study.source.provenance.kind} soils with {study.site.source_property}, the target {study.target.n_samples} {study.target.provenance.kind} ones with {study.target_name} (median {np.median(pb):.0f} {study.target_unit}).
- Lead has no absorption in this range: every model in this book reads it from other constituents.
- Limits for lead depend on pH, so a spectrum that tells both is worth more than one that tells either.
- Outside the library's 95 % limits: {outside:.0f} % of the site's spectra.
""")

# %% [markdown]
# ## Limits
#
# Simulated soils obey a simple theory of light in powders {cite:p}`kubelka1931` and a made-up chemistry: they are no evidence about a mine. Distances in principal components say that spectra differ, not that a prediction will be wrong.
#
# ## Try it on your site
#
# 1. Write a site file for your soils (see the README) and execute this chapter with `-f notebooks/sites/<your-site>.yml`. Are they covered by the library?
# 2. Set `-p n_components 3`. Which soils move from beyond Q to within the limits, and why?
#
# Next: {ref}`sec-pretraining`.
