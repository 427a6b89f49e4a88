"""Which soils of a site to send to the laboratory next, and what choosing them is worth here."""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb import kept_model, kept_table, next_samples, next_trial, places, splits
from soilpb.readers.site import read_spectra
from soilpb.report_tables import significant
from soilpb.site_model import SiteModel
from soilpb.sitefile import project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: How soils are chosen. Fixed beforehand for all sites: the one method that needs no lots, takes account
#: of what is measured, and led at the smallest numbers of soils in chapter 7.
METHOD = "uncertainty"
#: Most soils that a report names.
MOST = 10
#: The trial: draws, random start, steps, and how many soils must be left to choose from.
DRAWS, START, STEPS, FEWEST = 8, 20, 6, 40


def unmeasured(study: Study) -> SoilSpectra | None:
    """Read the spectra of a site's own files that have no value of the target, on the study's grid.

    Returns
    -------
    SoilSpectra or None: None if there are none, or if the site has no files of its own.
    """
    site = study.site
    if site.target_data != "files":
        return None
    soils = read_spectra(
        project_root() / site.spectra,
        id_column=site.id_column,
        spectra_unit=site.spectra_unit,
        replicates=site.replicates,
        known=study.target.samples.index,
        counters=kept_model.scan_counters(study),
    )
    waiting = ~soils.samples.index.isin(study.ids)
    return soils.take(np.flatnonzero(waiting)).resample(study.grid) if waiting.any() else None


def said_of(model: SiteModel, waiting: SoilSpectra | None, study: Study) -> pd.DataFrame | None:
    """What the kept model says of the soils that wait (see :func:`soilpb.kept_table.table`)."""
    if waiting is None:
        return None
    target = study.site.target
    return kept_table.table(model, waiting, target, kept_model.standard_for(target))


def send_next(study: Study, waiting: SoilSpectra | None, most: int = MOST) -> pd.DataFrame:
    """Choose soils: of those that wait, or else the measured soils of whose kind more are wanted.

    Without spectra that wait, any further soil must be dug first. Then every measured soil is
    offered once more, as if its twin had been found: the chosen ones say where, in the space of
    spectra, another value would make the model surest of all the others.

    Parameters
    ----------
    study : Study
    waiting : SoilSpectra, optional
        From :func:`unmeasured`.
    most : int

    Returns
    -------
    DataFrame, most wanted first: ``soil``; of measured soils also ``value`` in the laboratory's unit,
    and ``x``, ``y`` in metres where they are known.
    """
    n = study.target.n_samples
    offered = study.X if waiting is None else waiting.reflectance
    ids = study.ids if waiting is None else waiting.samples.index.to_numpy()
    F = next_samples.features(np.concatenate([study.X, offered]))
    chosen = next_samples.choose(METHOD, F, min(most, len(ids)), np.arange(n), study.site.seed) - n
    table = pd.DataFrame({"soil": ids[chosen]})
    if waiting is None:
        table["value"] = study.natural(study.y)[chosen]
        there = places.of_soils(study.target.samples)
        table = table if there is None else table.join(there, on="soil")
    return table


def shown(study: Study, table: pd.DataFrame, said: pd.DataFrame | None = None) -> pd.DataFrame:
    """Write the choice for a page.

    Parameters
    ----------
    study : Study
    table : DataFrame
        From :func:`send_next`.
    said : DataFrame, optional
        What the kept model says of the soils that wait (:func:`soilpb.kept_table.table`).
    """
    unit = f"{study.target_name} ({study.target_unit})" if study.target_unit else study.target_name
    page = pd.DataFrame({"soil": table["soil"].astype(str)})
    if said is not None:
        target = study.site.target
        rows = said.loc[table["soil"], [target, f"{target}_lower", f"{target}_upper"]].to_numpy()
        page[f"{unit} by spectrum (90 %)"] = [
            f"{significant(a)} ({significant(b)} to {significant(c)})" for a, b, c in rows
        ]
        unlike = said.loc[table["soil"], "outside"].to_numpy(bool)
        page["kind"] = np.where(unlike, "unlike those measured", "like those measured")
        return page
    page[unit] = [significant(value) for value in table["value"]]
    if {"x", "y"} <= set(table):
        page["east, north (m)"] = [
            "–" if np.isnan(x) else f"{x:.0f}, {y:.0f}" for x, y in table[["x", "y"]].to_numpy()
        ]
    return page


def sentence(waiting: SoilSpectra | None) -> str:
    """Say which soils the table names."""
    if waiting is None:
        return (
            "Every spectrum of this site has its laboratory value, so more soils must be dug first. Look for "
            "soils like these, in this order: a further value of their kind would make the model surest of "
            "all the others."
        )
    n = waiting.n_samples
    return (
        f"{n} spectra of this site have no laboratory value. In this order they would make the model surest "
        "of all the others."
    )


def worth(study: Study) -> str:
    """Say what choosing by :data:`METHOD` is worth, tried on the site's own soils as in chapter 7."""
    groups = study.groups
    aside = splits.random_split(study.ids, DRAWS, 0.3, study.site.seed, groups)
    left = int(splits.training_sizes(aside).min())
    if left < FEWEST:
        return f"With {left} soils to choose from, whether choosing pays cannot be tried here."
    sizes = np.linspace(START, left, STEPS).astype(int)[:-1]
    methods = ("random", METHOD)
    curves = next_trial.learning_curves(study.X, study.y, aside, sizes, study.ids, study.site.seed, methods)
    needed = next_trial.soils_needed(curves)
    chosen, end = needed[next_trial.NAMES[METHOD]], needed["random"]
    tried = f"Tried {DRAWS} times on this site's own soils, "
    if chosen <= START:
        return f"{tried}{end:.0f} random soils were hardly better than {START}: choosing cannot be judged."
    if chosen >= end:
        return f"{tried}choosing so did not reach with fewer soils what random choices reach with {end:.0f}."
    return f"{tried}choosing so reached with {chosen:.0f} soils what random choices reach with {end:.0f}."
