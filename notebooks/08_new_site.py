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
# (sec-new-site)=
# # Bring a new mine
#
# You come with a folder of spectrometer files, a table from the laboratory, and a question. How far is it to a report, and to predictions of soils that no laboratory has seen?
# {glue:text}`new-answer`
#
# ```{admonition} You will be able to
# :class: tip
# - get from a folder and a table to a report, by two commands;
# - read what was understood of your files, and see at once where it was not what you meant;
# - predict new soils with an interval, and tell which of them the model should not be asked about;
# - mend the three mistakes that files from the field have most often.
# ```
#
# *Needs no other chapter. Each command below was typed while this page was made, and what it says is what it said.*

# %% tags=["parameters"]
site: str = "gejiu"  # only where artifacts lie; a field of LimeSoDa is the subject
n_held_back: int = 20  # soils that the report does not see
n_repeats: int = 1  # repeats of the report's cross-validation
chosen: str = "pls ridge resnet-ph features-pls"  # models that the report compares
keep: str = "pls blocks"  # models of which the report keeps the best
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default

# %% tags=["hide-input"]
import datetime
import math
import os
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from html import escape

import numpy as np
import pandas as pd
from bs4 import BeautifulSoup
from IPython.display import HTML
from myst_nb import glue

from soilpb.evaluate import cross_validation
from soilpb.plots import decisions, style
from soilpb.readers import limesoda
from soilpb.readers.formats import text
from soilpb.study import Study, banner_html

study = Study.open("08_new_site", globals())
style.set_style()
soils = limesoda.load_field("CV.98")
HTML(banner_html("one field of LimeSoDa, written out as files", soils.provenance))

# %% [markdown]
# ## What you come with
#
# Nobody published lead together with full-range spectra under a free licence. So a field of LimeSoDa {cite:p}`limesoda` stands in for the mine, and its **clay** for lead:
# like lead, clay is measured by a laboratory at a price, and like lead it is read from a spectrum through what the light meets: clay minerals, iron, water.
# The field, CV.98, is the one that was measured with a Spectral Evolution spectrometer, so `.sed` files are what its owners will have copied from their instrument.
# Spectra and laboratory values are theirs. Ours are the files, the samples' names, and the second scan of each soil:
# its one spectrum is written twice, a little brighter and a little darker.
#
# {glue:text}`new-n-held-back` soils, drawn by lot, are held back. They are the new samples for which nobody has paid a laboratory yet.
# And three scans of another country's soils get among them, as happens when one instrument serves many.

# %%
ids = [f"{1 + i // 5:02d}-{1 + i % 5}" for i in range(soils.n_samples)]  # line and point
soils = replace(soils, samples=soils.samples.set_axis(ids))
lot = np.random.default_rng(study.site.seed).permutation(soils.n_samples)
new, known = soils.take(np.sort(lot[:n_held_back])), soils.take(np.sort(lot[n_held_back:]))
strangers = limesoda.load_field("UL.120").take([0, 1, 2])
strangers = replace(strangers, samples=strangers.samples.set_axis(["other-1", "other-2", "other-3"]))

project = study.folder() / "project"
shutil.rmtree(project, ignore_errors=True)
(project / "notebooks" / "sites").mkdir(parents=True)
text.write_scans(project / "data" / "scans", known)
for arrived in (new, strangers):
    text.write_scans(project / "data" / "new_scans", arrived, n_scans=1)
files = sorted(path.name for path in (project / "data" / "scans").iterdir())

# %% tags=["hide-input"]
example = (project / "data" / "scans" / files[0]).read_text().splitlines()
print(f"{len(files)} files: {files[0]}, {files[1]}, …, {files[-1]}\n\n{files[0]}:")
print("\n".join([*example[:11], "…"]))

# %% [markdown]
# The laboratory sent a spreadsheet, as laboratories do: units in the header, decimal commas, and a cell that says `<LOD`, below the limit of detection.

# %%
columns = {"Clay (%)": "clay_pct", "pH (H2O)": "pH", "Org. C (%)": "SOC_pct"}
values = known.samples[list(columns.values())].set_axis(list(columns), axis="columns")
laboratory = values.map(lambda value: f"{value:.2f}".replace(".", ","))
laboratory.iloc[3, 2] = "<LOD"
laboratory = laboratory.rename_axis("Sample no.").reset_index()
laboratory.to_excel(project / "data" / "laboratory.xlsx", index=False)
laboratory.head(5).style.format(escape="html").hide(axis="index")

# %% [markdown]
# ## The first command
#
# Everything below is typed in the project's folder, the one with the `Makefile`. Only the target has to be named, since here it is not lead.


# %% tags=["hide-input"]
def terminal(command: str, refused: bool = False) -> HTML:
    """Type a command in the project's folder; show it, and what it says."""
    _, *words = shlex.split(command)
    coloured = ("FORCE_COLOR", "CLICOLOR_FORCE")
    plain = {name: value for name, value in os.environ.items() if name not in coloured}
    run = subprocess.run(
        [sys.executable, "-m", "soilpb.cli", *words],
        cwd=project,
        env={**plain, "COLUMNS": "46"},  # as wide as a phone
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert run.returncode == refused, run.stdout
    look = "white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.72rem; line-height: 1.25"
    return HTML(f'<pre style="{look}">$ {escape(command)}\n{escape(run.stdout)}</pre>')


# %%
terminal("soilpb new-site vaud --spectra data/scans --lab data/laboratory.xlsx --target clay")

# %% [markdown]
# Read this table before anything else: it is what the report will be about. It found the ids in the names of the files, took the counter off and will average the scans;
# it read percent as percent, and the commas as decimals; it took `Clay (%)` for the target, and found pH and carbon besides, which it can use.
# The `<LOD` cell is in a column that is not the target, so that one value counts as missing and the note says so.
# Had it been in the target's column, the command would have stopped and asked.
#
# A short file was written, `notebooks/sites/vaud.yml`. All that is not in it is as {ref}`sec-site-file` says.

# %% tags=["hide-input"]
print((project / "notebooks" / "sites" / "vaud.yml").read_text())

# %% [markdown]
# A closer look costs seconds. It checks both files again, band by band and soil by soil:

# %%
terminal("soilpb check-site vaud")

# %% [markdown]
# ## The second command
#
# `make report SITE=vaud` installs what is missing and then calls `soilpb report vaud`. It trains the network on the library, executes the report and renders one HTML file,
# which needs nothing beside it: mail it, print it.
# Here it is called with less to do, by `-p`: fewer repeats, fewer models. And since our soils are borrowed from the very collection that is the default library,
# `limesoda_set` takes their field out of it; your soils are not in it.

# %%
started = time.perf_counter()
options = f"-p limesoda_set=CV.98 -p n_repeats={n_repeats} -p 'chosen={chosen}' -p 'keep={keep}'"
options += f" -p source_size={study.site.source_size} -p epochs={epochs}" if epochs else ""
shown = terminal(f"soilpb report vaud {options}")
minutes = math.ceil((time.perf_counter() - started) / 60)
shown

# %% [markdown]
# The former report stays in place until the new one is complete. This is how the page begins; the report of the same field from the library's own files, with all
# models, is in this book: {ref}`site-cv98`.

# %% tags=["hide-input"]
page = BeautifulSoup((project / "_build" / "report" / "vaud.html").read_text(), "html.parser").article
parts = ", ".join(heading.find(string=True).strip() for heading in page("h2"))
frame = "border: 1px solid #888; border-radius: 6px; padding: 0.6em 1em"
HTML(
    f'<div style="{frame}"><strong>{escape(page.h1.find(string=True))}</strong>{page.p}{page.img}'
    f"<p>… and then: {escape(parts)}.</p></div>"
)

# %% [markdown]
# ## Soils that no laboratory has seen
#
# With the page the report kept a model. The soils that were held back arrive as a folder of scans, and nothing else:

# %%
terminal("soilpb predict vaud data/new_scans -o predictions.csv")

# %%
predictions = pd.read_csv(project / "predictions.csv", index_col="sample")
predictions.head(5).style.format(precision=2)

# %% [markdown]
# In this chapter the laboratory's values are at hand after all, and can be laid beside.

# %% mystnb={"figure": {"caption": "Clay of the soils that no laboratory had seen (CV.98 and three strangers, measured): prediction, 90 % interval, and what the laboratory found. Ringed: flagged as unlike the soils of the report.", "name": "fig-held-back"}, "image": {"alt": "Vertical bars, one a soil, in the order of predicted clay; points of measured clay lie within their bar, or beyond it in another colour; rings mark flagged soils."}}
names = {"clay_pct": "predicted", "clay_pct_lower": "lower", "clay_pct_upper": "upper"}
found = pd.concat([new.samples, strangers.samples])["clay_pct"]
beside = predictions.rename(columns=names).assign(observed=found).sort_values("predicted")
ax = decisions.plot_prediction_intervals(beside.reset_index(), "Clay (%)", log=False)
flagged = np.flatnonzero(beside["outside"])
ring = {"s": 120, "facecolor": "none", "edgecolor": "black"}
ax.scatter(flagged, beside["observed"].iloc[flagged], **ring, label=f"flagged ({len(flagged)})")
style.legend_above(ax, ncols=2)

# %% [markdown]
# {glue:text}`new-predicted`
#
# ## What goes wrong
#
# Three mistakes are in almost every folder sooner or later. Each is made here on purpose. None gets as far as a site file.
#
# **A spreadsheet made a date of an id.** Line 3, point 1 is `03-1`; somebody typed it into a cell that was not formatted as text.

# %%
dates = laboratory.astype(object)
dates.iloc[10, 0] = datetime.date(2025, 1, 3)
dates.to_excel(project / "data" / "dates.xlsx", index=False)
terminal("soilpb new-site dates --spectra data/scans --lab data/dates.xlsx --target clay", refused=True)

# %% [markdown]
# *The mend:* format the column as text **first**, then type the ids again; a date that is only displayed as text stays a date. Better still, send the laboratory a list of ids to fill in.
#
# **Leading zeros were lost.** The files are called `01-1`, the table says `1-1`. A program could guess that these are the same. It could also guess wrong, so it asks.

# %%
zeros = laboratory.assign(**{"Sample no.": laboratory["Sample no."].str.lstrip("0")})
zeros.to_excel(project / "data" / "zeros.xlsx", index=False)
terminal("soilpb new-site zeros --spectra data/scans --lab data/zeros.xlsx --target clay", refused=True)

# %% [markdown]
# *The mend:* as above, text first; or rename the files.
#
# **Raw counts without a white reference.** One scan was saved before the white panel was measured. Its file holds what the detector counted, and no reflectance.

# %%
counted = 4_000 * known.reflectance[0]
raw = {"Raw counts (Target)": counted}
text.write_sed(project / "data" / "scans" / files[0], known.wavelengths, raw)
terminal("soilpb new-site raw --spectra data/scans --lab data/laboratory.xlsx --target clay", refused=True)

# %% [markdown]
# *The mend:* measure the soil again after the white panel, or take the file out: the soil's other scan is still there. What the lamp and the detector did to the light cannot be told from one file.

# %% tags=["remove-cell"]
written = sorted(path.stem for path in (project / "notebooks" / "sites").iterdir())
assert written == ["vaud"], written
ours, others = beside.loc[new.samples.index], beside.loc[strangers.samples.index]
scores = cross_validation.compute_metrics(ours["observed"], ours["predicted"])
within = int(ours["observed"].between(ours["lower"], ours["upper"]).sum())
predicted = (
    f"Of the {len(ours)} soils held back, {within} lie within their 90 % interval; the typical error is {scores['RMSE']:.1f} % clay "
    f"(R² {scores['R2']:.2f}). Flagged as unlike the soils of the report: {ours['outside'].sum()} of them, and {others['outside'].sum()} of the {len(others)} strangers."
)
answer = (
    f"Two commands. From {len(files)} files and a table, with fewer models than yours will compare, the report took at most {minutes} min when this page was made. "
    f"Of {len(ours)} soils held back, {within} lie within their 90 % interval."
)
glue("new-answer", answer, display=False)
glue("new-predicted", predicted, display=False)
glue("new-n-held-back", n_held_back, display=False)
study.save("held_back", beside.reset_index())

# %% [markdown]
# ## Takeaways
#
# - {glue:text}`new-answer`
# - What can be seen in the files is not asked for. What was understood is shown as a table; read it.
# - {glue:text}`new-predicted`
# - What cannot be read with certainty is refused, in one message that names the file, the row and the mend. Your files are never changed.
#
# ## Limits
#
# Clay stands in for lead. It varies much in this field, and absorbs light itself, which lead does not: expect less of lead. {ref}`sec-real-soils` shows how much fields differ.
# The second scans are made, so their average is better than that of real replicates.
# Twenty soils say little about a promise of 90 %; {ref}`sec-decisions` tests it on many. The soils held back come from the same field and instrument as the others, and the strangers from another: the flag is seldom asked so easy a question.
#
# ## Try it on your site
#
# 1. Type the two commands for your own folder and table. Is every line of the first table what you meant?
# 2. Hold back ten of your soils: leave them out of the table, and predict them. How many lie within their interval?
#
# Next: {ref}`sec-conventions` lists all keys of a site file.
