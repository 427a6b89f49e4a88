"""What a narrower range of wavelengths costs, measured on soils whose full range is known.

A visible-only or a NIR-only instrument works: library and site are compared on the bands they
share. What is lost cannot be seen in the site's own spectra, so it is measured on the library's soils:
the same soils, the same folds, with all bands and with those of the instrument.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb import domains, splits
from soilpb.bands import band_grid
from soilpb.evaluation import metrics
from soilpb.pls import PLSCV
from soilpb.spectra import SoilSpectra
from soilpb.study import Study
from soilpb.wording import number

#: The bands that every field of LimeSoDa has, nm: the usual range of a vis-NIR instrument.
FULL = (430.0, 2480.0)
#: An instrument that ends so many nm short of either end is a restricted one.
SHORT = 100.0
#: Soils and sets of soils that are enough to measure a loss.
FEWEST_SOILS, MOST_SOILS, MOST_SETS = 50, 400, 5


def restricted(study: Study) -> bool:
    """Whether the study's bands leave out a part of the usual range."""
    return study.site.band_start > FULL[0] + SHORT or study.site.band_stop < FULL[1] - SHORT


def loss(study: Study) -> pd.DataFrame:
    """Score PLS on the library's soils with all bands, and with the study's.

    Pooled over fields a model may recognise the field, so every field is a set of its own; a library
    that is one set lends :data:`MOST_SOILS` of its soils.

    Returns
    -------
    DataFrame
        ``set``, ``n``, ``property``; ``full`` and ``narrow``: R² of 5-fold cross-validation.
    """
    wide = band_grid(*FULL, study.site.band_step)
    library = domains.read_source(study.site, wide)
    asked = study.site.target if study.site.target in library.samples else study.site.source_property
    library = library.having(asked)
    inside = (wide >= study.site.band_start) & (wide <= study.site.band_stop)
    rows = []
    for name, soils in _sets(library, study.site.seed):
        folds = splits.repeated_kfold(soils.samples.index, 5, 1, study.site.seed)
        y = soils.values(asked)
        scores = [_r2(soils.reflectance[:, bands], y, folds, soils) for bands in (slice(None), inside)]
        rows.append((name, len(soils), asked, *scores))
    return pd.DataFrame(rows, columns=["set", "n", "property", "full", "narrow"])


def sentence(study: Study) -> str:
    """Say what the instrument's range costs; empty for a full range."""
    if not restricted(study):
        return ""
    table, site = loss(study), study.site
    span = f"{site.band_start:g}–{site.band_stop:g} nm"
    if table.empty:
        return f"The study sees {span} only; the library is too small to say what that costs."
    name = table["property"].iloc[0].split("_")[0]
    full, narrow = table["full"].mean(), table["narrow"].mean()
    sets = (
        f"{len(table)} sets of the library's soils"
        if len(table) > 1
        else f"{table['n'].iloc[0]} soils of the library"
    )
    judged = "lost" if full > narrow else "gained, by luck or by bands that only disturb"
    return (
        f"The study sees {span} only, and its network learnt from these bands. On {sets} PLS predicts {name} "
        f"with an R² of {number(full)} from {FULL[0]:g}–{FULL[1]:g} nm and of {number(narrow)} from {span}: "
        f"{number(abs(full - narrow))} is {judged}."
    )


def covered(study: Study) -> str:
    """Say which bands a study sees."""
    bands = study.grid
    return f"The study sees {bands.size} bands over {bands[0]:g}–{bands[-1]:g} nm."


def _sets(library: SoilSpectra, seed: int) -> list[tuple[str, SoilSpectra]]:
    """Fields of the library, the largest first, or a random choice of its soils where it has no fields."""
    names = library.samples["group"].value_counts() if "group" in library.samples else pd.Series(dtype=int)
    fields = names[names >= FEWEST_SOILS].index[:MOST_SETS]
    if len(fields):
        chosen = [(str(name), np.flatnonzero(library.samples["group"] == name)) for name in fields]
    else:
        chosen = [(library.provenance.name, np.arange(len(library)))]
    rng = np.random.default_rng(seed)
    sets = ((name, np.sort(rng.permutation(rows)[:MOST_SOILS])) for name, rows in chosen)
    return [(name, library.take(rows)) for name, rows in sets if len(rows) >= FEWEST_SOILS]


def _r2(X: np.ndarray, y: np.ndarray, folds: pd.DataFrame, soils: SoilSpectra) -> float:
    predicted = np.empty(len(y))
    for fold in splits.iterate(folds, soils.samples.index):
        predicted[fold.test] = PLSCV().fit(X[fold.train], y[fold.train]).predict(X[fold.test])
    return metrics(y, predicted)["R2"]
