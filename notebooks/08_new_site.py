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
# You have a folder of spectrometer files, a table from the laboratory, and a question. **How much work is it to get a report, and predictions
# of soils that no laboratory has measured?**

# %% tags=["parameters", "hide-input"]
site: str = "gejiu"  # decides only where artifacts lie; a field of LimeSoDa is the subject
n_held_back: int = 20  # soils that the report does not see
n_repeats: int = 1  # repeats of the report's cross-validation
chosen: str = "pls ridge resnet-ph features-pls"  # models that the report compares
keep: str = "pls blocks"  # models of which the report stores the best
epochs: int = 0  # epochs of networks trained on the target; 0: each model's own default

# %% tags=["hide-input"]
import shutil
import time
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import HTML, Markdown, display

from soilpb import evaluate, plots, readers, report
from soilpb.study import Study, banner_html

study = Study.open("08_new_site", globals())
plots.set_style()
soils = readers.load_field("CV.98")
HTML(banner_html("one field of LimeSoDa, written out as files", soils.provenance))

# %% tags=["remove-input"]
answer = display(Markdown("The answer appears here once the chapter has been executed."), display_id=True)

# %% tags=["remove-input"] mystnb={"figure": {"caption": "Clay of soils that the model was not fitted to (CV.98, and three soils of another country, measured): prediction, 90 % interval, and what the laboratory found. Ringed: flagged as unlike the soils of the report.", "name": "fig-held-back"}, "image": {"alt": "Vertical bars, one per soil, in the order of predicted clay; points of measured clay lie within their bar, or beyond it in another colour; rings mark flagged soils."}}
picture = display(Markdown("The figure appears here once the chapter has been executed."), display_id=True)

# %% [markdown]
# ```{admonition} You will be able to
# :class: tip
# - get from a folder and a table to a report, by two commands;
# - check what was understood of your files, and see where it is not what you meant;
# - predict new soils with an interval, and see which of them the model does not know;
# - mend the three mistakes that files from the field have most often.
# ```
#
# *Needs no other chapter. Each command below was run while this page was made, and its output is shown as it was.*
#
# ## What you come with
#
# Nobody published lead together with full-range spectra under a free licence. So a field of LimeSoDa {cite:p}`limesoda` is used as the mine,
# and its **clay** in place of lead: like lead, clay is measured by a laboratory at a price, and is predicted from what absorbs in the soil.
# The field, CV.98, was measured with a Spectral Evolution spectrometer, which writes `.sed` files.
# Spectra and laboratory values are those of the field's owners. Made for this page are the files, the names of the samples, and the second
# scan of each soil: its one spectrum is written twice, a little brighter and a little darker.
#
# Some soils, chosen at random, are held back. They are the new samples that no laboratory has measured yet.
# Three soils of another country are put among them, as happens where one instrument serves many.

# %%
ids = [f"{1 + i // 5:02d}-{1 + i % 5}" for i in range(soils.n_samples)]  # line and point
soils = replace(soils, samples=soils.samples.set_axis(ids))
order = np.random.default_rng(study.site.seed).permutation(soils.n_samples)
new, known = soils.take(np.sort(order[:n_held_back])), soils.take(np.sort(order[n_held_back:]))
foreign = readers.load_field("UL.120").take([0, 1, 2])
foreign = replace(foreign, samples=foreign.samples.set_axis(["other-1", "other-2", "other-3"]))

# %%
project = study.folder() / "project"
shutil.rmtree(project, ignore_errors=True)
(project / "notebooks" / "sites").mkdir(parents=True)
readers.write_scans(project / "data" / "scans", known)
for arrived in (new, foreign):
    readers.write_scans(project / "data" / "new_scans", arrived, n_scans=1)

# %% [markdown]
# This is the beginning of the first file:

# %% tags=["hide-input"]
files = sorted((project / "data" / "scans").iterdir())
print(
    "\n".join(
        [
            f"{len(files)} files, {files[0].name} to {files[-1].name}\n",
            *files[0].read_text().splitlines()[:11],
        ]
    )
)

# %% [markdown]
# The laboratory sent a spreadsheet: units in the header, decimal commas, and a cell `<LOD`, below the limit of detection.

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
# Commands are typed in the project's folder, the one with the `Makefile`; here `run_command` types them. Only the target has to be named, since it is not lead.

# %%
report.run_command(
    "soilpb new-site vaud --spectra data/scans --lab data/laboratory.xlsx --target clay", project
)

# %% [markdown]
# Read this table first: the report will be about what it says. The command found the ids in the names of the files, removed the counter
# and will average the scans. It read percent as percent, and commas as decimals. It took `Clay (%)` for the target, and found pH
# and carbon, which it can use too. The `<LOD` cell is in a column that is not the target, so this value counts as missing, and a note says so.
# In the target's column it would have stopped the command with a question.
#
# The command wrote a short file. What the file does not say is as {ref}`sec-site-file` says.

# %% tags=["hide-input"]
print((project / "notebooks" / "sites" / "vaud.yml").read_text())

# %% [markdown]
# The next command checks both files again, band by band and soil by soil. It takes seconds.

# %%
report.run_command("soilpb check-site vaud", project)

# %% [markdown]
# ## The second command
#
# `make report SITE=vaud` installs what is missing and then calls `soilpb report vaud`. This trains the network on the library, executes the
# report and renders one HTML file, which needs no other file: it can be mailed and printed.
# Here `-p` gives it less to do: fewer repeats, fewer models. And since these soils belong to the default library,
# `limesoda_set` takes their field out of it. Your soils are not in it. What `-p` says is for one page; `--store` also stores the model
# that it gives, which yours stores without being told.

# %%
options = f"-p limesoda_set=CV.98 -p n_repeats={n_repeats} -p 'chosen={chosen}' -p 'keep={keep}'"
options += f" -p source_size={study.site.source_size} -p epochs={epochs}" if epochs else ""
started = time.perf_counter()
shown = report.run_command(f"soilpb report vaud {options} --store", project)
minutes = 1 + int((time.perf_counter() - started) / 60)
shown

# %% [markdown]
# A former report stays until the new one is complete. The page begins like this. The report of the same field with all models is in this book: {ref}`site-cv98`.

# %% tags=["hide-input"]
report.show_beginning(project / "_build" / "report" / "vaud.html")

# %% [markdown]
# ## Soils that no laboratory has measured
#
# The report also stored a model. The soils that were held back arrive as a folder of scans, and nothing else:

# %%
report.run_command("soilpb predict vaud data/new_scans -o predictions.csv", project)

# %%
predictions = pd.read_csv(project / "predictions.csv", index_col="sample")
predictions.head(5).style.format(precision=2)

# %% [markdown]
# In this chapter the laboratory's values are known after all. {numref}`fig-held-back`, at the top, compares them with the predictions.

# %% tags=["hide-input"]
names = {"clay_pct": "predicted", "clay_pct_lower": "lower", "clay_pct_upper": "upper"}
measured = pd.concat([new.samples, foreign.samples])["clay_pct"]
table = predictions.rename(columns=names).assign(observed=measured).sort_values("predicted")
study.save("held_back", table.reset_index())
ax = plots.plot_prediction_intervals(table.reset_index(), "Clay (%)", log=False)
flagged = np.flatnonzero(table["outside"])
ring = {"s": 120, "facecolor": "none", "edgecolor": "black", "label": f"flagged ({len(flagged)})"}
ax.scatter(flagged, table["observed"].iloc[flagged], **ring)
plots.legend_above(ax)
picture.update(ax.figure)
plt.close(ax.figure)

# %% tags=["remove-input"]
own, other = table.loc[new.samples.index], table.loc[foreign.samples.index]
scores = evaluate.compute_metrics(own["observed"], own["predicted"])
within = int(own["observed"].between(own["lower"], own["upper"]).sum())
answer.update(
    Markdown(f"""
**The answer.** Two commands. From {len(files)} files and a table, with fewer models than yours will compare, the report took at most {minutes} min
when this page was made. A third command predicts new soils: of {len(own)} that were held back, {within} lie within their 90 % interval.
""")
)
Markdown(f"""
The typical error of the soils held back is {scores["RMSE"]:.1f} % clay (R² {scores["R2"]:.2f}). Flagged as unlike the soils of the report are
{own["outside"].sum()} of these {len(own)}, and {other["outside"].sum()} of the {len(other)} from another country.
""")

# %% [markdown]
# ## What goes wrong
#
# Three mistakes occur in almost every folder. Each is made here on purpose, and none leads to a site file.
#
# **A spreadsheet made a date of an id.** Line 3, point 1 is `03-1`. Somebody typed it into a cell that was not formatted as text.

# %%
dates = laboratory.astype(object)
dates.iloc[10, 0] = pd.Timestamp("2025-01-03")
dates.to_excel(project / "data" / "dates.xlsx", index=False)
new_site = "soilpb new-site vaud-2 --spectra data/scans --target clay --lab data"
report.run_command(f"{new_site}/dates.xlsx", project, fails=True)

# %% [markdown]
# *What to do:* format the column as text **first**, then type the ids again; a date that is only displayed as text stays a date.
# Better, send the laboratory a list of ids to fill in.
#
# **Leading zeros were lost.** The files are called `01-1`, the table says `1-1`. A program could guess that these are the same, and could be wrong.

# %%
zeros = laboratory.assign(**{"Sample no.": laboratory["Sample no."].str.lstrip("0")})
zeros.to_excel(project / "data" / "zeros.xlsx", index=False)
report.run_command(f"{new_site}/zeros.xlsx", project, fails=True)

# %% [markdown]
# *What to do:* as above, text first; or rename the files.
#
# **Raw counts without a white reference.** One scan was saved before the white panel was measured. Its file holds what the detector counted, and no reflectance.

# %%
counts = {"Raw counts (Target)": 4_000 * known.reflectance[0]}
readers.write_sed(files[0], known.wavelengths, counts)
report.run_command(f"{new_site}/laboratory.xlsx", project, fails=True)

# %% [markdown]
# *What to do:* measure the soil again after the white panel, or remove the file: the soil's other scan is still there. Counts also depend on the lamp and the detector,
# which one file does not tell.
#
# ## Takeaways
#
# - One command proposes a site file, one makes the report, one predicts new soils.
# - What the files say is not asked for. The first table shows how they were understood; read it.
# - Each prediction has an interval, and a flag says where the model does not know such soils.
# - What cannot be read with certainty is refused, in one message that names the file, the row and what to do. Your files are never changed.
#
# ## Limits
#
# Clay is not lead. It varies much in this field and absorbs light itself, which lead does not: expect less of lead. {ref}`sec-real-soils` shows how much fields differ.
# The second scans are artificial, so their average is better than that of real replicates.
# Few soils are held back, which tests an interval of 90 % only roughly; {ref}`sec-decisions` tests it on many. They come from the same field and instrument
# as the others, and the foreign soils do not: flags are seldom asked such an easy question.
#
# ## Try it on your site
#
# 1. Run the two commands for your own folder and table. Is every line of the first table what you meant?
# 2. Hold back ten of your soils: leave them out of the table, and predict them. How many lie within their interval?
#
# Next: {ref}`sec-conventions` lists all keys of a site file.
