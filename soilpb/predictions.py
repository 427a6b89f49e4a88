"""What a site's kept model says of new spectra: a table, and what its reader should know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soilpb import kept_model, kept_table, standards
from soilpb.readers.assays import read_assays
from soilpb.readers.scan_ids import looks_counted
from soilpb.readers.site import read_spectra
from soilpb.sitefile import Site, SiteError
from soilpb.spectra import SoilSpectra
from soilpb.study import Study


def predict(
    site: str,
    spectra: Path,
    ph: Path | None = None,
    standard: str = "",
    limits: Path | None = None,
    coverage: float = kept_model.COVERAGE,
) -> tuple[pd.DataFrame, list[str]]:
    """Predict new soils with the model that a site's report kept.

    Parameters
    ----------
    site : str
        Name of a site, or path of its file.
    spectra : path
        Spectra of the new soils: a table, or a folder of instrument files.
    ph : path, optional
        Table with their measured pH; predicted from the spectra if omitted.
    standard : str
        Whose limits; that of the target if empty.
    limits : path, optional
        YAML file of a standard of one's own.
    coverage : float
        Share of values that intervals shall hold.

    Returns
    -------
    table : DataFrame
        From :func:`soilpb.kept_table.table`.
    remarks : list of str
        How the spectra were read, and what not to trust.

    Raises
    ------
    SiteError, ValueError, OSError
        If a file cannot be used, or the stored model was altered.
    MissingArtifact
        If no report has kept a model yet.
    """
    study = Study.load(site)
    model = kept_model.load(study)
    rules = _rules(model.card["target"], standard, limits)
    acidity = read_assays(ph, "pH", id_column=study.site.id_column).samples["pH"] if ph else None
    soils = read_spectra(spectra, **_reading(study.site, model.card, acidity))
    measured = _measured_ph(acidity, soils, str(ph))
    table = kept_table.table(model, soils, model.card["target"], *rules, ph=measured, coverage=coverage)
    return table, [*soils.provenance.notes, *_remarks(table, model.card, rules[0], coverage)]


def _reading(site: Site, card: dict, ph: pd.Series | None) -> dict[str, Any]:
    """How the site's own spectra were read: new ones come from the same hands.

    Scans are counted as the site's own files were; samples with a measured pH are known by their ids.
    """
    keys = site.model_dump(include={"id_column", "spectra_unit", "replicates"})
    return keys | {"known": () if ph is None else ph.index, "counters": card["scan_counters"]}


def _rules(target: str, standard: str, limits: Path | None) -> tuple[str, pd.DataFrame]:
    """Name of the standard, and the limits it is looked up in."""
    known = standards.read_limits(limits) if limits else standards.LEAD_LIMITS
    name = standard or (known["standard"].iloc[0] if limits else kept_model.standard_for(target))
    if name and not limits and target != "Pb_mg_kg":
        raise SiteError(f"{name} limits lead, and the model predicts {target}: give its limits with --limits")
    if name and name not in set(known["standard"]):
        raise SiteError(f"no standard {name!r}; there are: {'; '.join(known['standard'].unique())}")
    return name, known


def _measured_ph(ph: pd.Series | None, soils: SoilSpectra, where: str) -> np.ndarray | float:
    """PH of each soil as the laboratory found it, NaN where it did not."""
    if ph is None:
        return np.nan
    found = ph.reindex(soils.samples.index).to_numpy(dtype=float)
    if np.isnan(found).all():
        theirs, ours = ph.index[0], soils.samples.index[0]
        raise SiteError(
            f"{where} has pH of none of the soils: its ids are like {theirs!r}, theirs like {ours!r}"
        )
    return found


def _remarks(table: pd.DataFrame, card: dict, standard: str, coverage: float) -> list[str]:
    """What a reader of the table should know."""
    outside = table.index[table["outside"]]
    listed = ", ".join(map(str, outside[:8])) + (", …" if len(outside) > 8 else "")
    low, high = card["target_range"]
    beyond = int((~table[card["target"]].between(low, high)).sum())
    unjudged = [c for c in table if c.startswith("p_above_") and table[c].isna().any()]
    remarks = [
        f"{len(table)} soils predicted by the model of {card['site']} ({card['trained_on']['kind']} soils); "
        f"intervals of {coverage:.0%}" + (f"; limits of {standard}" if standard else "")
    ]
    if len(outside):
        remarks.append(f"{len(outside)} unlike the soils of the model, do not trust them: {listed}")
    if beyond:
        remarks.append(f"{beyond} predicted beyond the values it was made from, {low:.4g} to {high:.4g}")
    if scans := looks_counted(table.index):
        few = f"{', '.join(map(repr, scans[:2]))}{', …' if len(scans) > 2 else ''}"
        remarks.append(
            f"{few} look like scans of one sample, but the site's own files are not counted so: each was "
            "predicted by itself"
        )
    if unjudged:
        remarks.append("without a pH some limits are unknown: give measured pH with --ph")
    return remarks
