"""How a report's best model reads a soil: the bands it credits, and how it answers to minerals.

Both are asked of the fits of one cross-validation, so both have intervals.

What a narrower range of wavelengths costs, measured on soils whose full range is known.

A visible-only or a NIR-only instrument works: library and site are compared on the bands they
share. What is lost cannot be seen in the site's own spectra, so it is measured on the library's soils:
the same soils, the same folds, with all bands and with those of the instrument.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soilpb import study as study_
from soilpb._format import join_words, number, signed, to_words
from soilpb.evaluate import splits
from soilpb.evaluate.cross_validation import compute_metrics
from soilpb.explain import bands, mineral_slopes
from soilpb.explain.mineral_slopes import estimate_slopes_by_fold
from soilpb.models.pls import PLSCV
from soilpb.plots.attribution import compute_shares
from soilpb.simulate import minerals
from soilpb.spectra import SoilSpectra, band_grid
from soilpb.study import Study

#: Constituents that a report asks about.
ASKED = ("hematite", "goethite", "clay", "organic_matter", "carbonate", "water")
#: A constituent is seen by its edge towards the ultraviolet where at least this much of it, in the
#: atlas' unit of strength, is left at the first band.
LEAST_EDGE = 1.0


def peaks(credit: pd.DataFrame, n_folds: int, n: int = 3) -> pd.DataFrame:
    """Bands with the most credit, each with its interval and with how many folds would have named it.

    Parameters
    ----------
    credit : DataFrame
        From :func:`soilpb.explain.bands.attribute_by_fold`, one draw a fold.
    n_folds : int
    n : int
        At most so many.

    Returns
    -------
    DataFrame
        ``wavelength``; ``share`` of the credit in percent, with ``low`` and ``high`` (90 %);
        ``even``: the share of a band if all had the same; ``folds``: in how many a peak of the ``n``
        highest lies within :data:`soilpb.explain.bands.MIN_PEAK_DISTANCE` / 2.
    """
    shares = compute_shares(credit)
    found = bands.jackknife_intervals(shares, ["wavelength"], "share", left_out=1 / n_folds)
    found = found.set_index("wavelength").loc[bands.strongest_bands(credit, n)].reset_index()
    of_folds = [bands.strongest_bands(profile, n) for _, profile in credit.groupby("draw")]
    near = [
        sum(any(abs(peak - other) <= bands.MIN_PEAK_DISTANCE / 2 for other in named) for named in of_folds)
        for peak in found["wavelength"]
    ]
    return found.assign(even=100 / credit["wavelength"].nunique(), folds=near)


def peaks_shown(table: pd.DataFrame, n_folds: int) -> pd.DataFrame:
    """Write :func:`peaks` for a page."""
    return pd.DataFrame(
        {
            "band (nm)": [f"{nm:g}" for nm in table["wavelength"]],
            "share of the credit (%)": [
                f"{number(row.share)} ({number(max(row.low, 0))} to {number(row.high)})"
                for row in table.itertuples()
            ],
            "if all were alike (%)": [number(value) for value in table["even"]],
            "named by": [f"{n} of {n_folds} folds" for n in table["folds"]],
        }
    )


def asked_of(wavelengths: np.ndarray) -> list[str]:
    """Constituents of :data:`ASKED` that have an absorption band, or a visible edge, among these wavelengths.

    Examples
    --------
    >>> asked_of(np.arange(430.0, 741.0, 10.0)), asked_of(np.arange(1000.0, 2481.0, 10.0))[0]
    (['hematite', 'goethite', 'organic_matter'], 'clay')
    """
    inside = minerals.FEATURES["centre_nm"].between(wavelengths[0], wavelengths[-1])
    seen = set(minerals.FEATURES.loc[inside, "constituent"])
    left = minerals.EDGES["strength"] * np.exp(-(wavelengths[0] - 400.0) / minerals.EDGES["decay_nm"])
    seen |= set(minerals.EDGES.loc[left >= LEAST_EDGE, "constituent"])
    return [name for name in ASKED if seen & {name, *minerals.MIXTURES.get(name, ())}]


def answers(study: Study, fitted: Sequence, folds: pd.DataFrame) -> pd.DataFrame:
    """How predictions answer to a little more of each constituent.

    Parameters
    ----------
    study : Study
    fitted : sequence of estimators
        One a fold, from :func:`soilpb.explain.bands.fit_by_fold`.
    folds : DataFrame

    Returns
    -------
    DataFrame
        ``constituent``, ``slope`` with ``low`` and ``high`` (90 %): units of the modelling scale a unit
        of the constituent's natural logarithm; the steepest rise first.
    """
    rows = list(splits.iterate_folds(folds, study.ids))
    texture = mineral_slopes.estimate_texture_exponent(study.source)
    amounts = mineral_slopes.laboratory_abundances(study.target.samples)
    asked = estimate_slopes_by_fold(fitted, rows, study.X, study.grid, asked_of(study.grid), amounts, texture)
    table = bands.jackknife_intervals(asked, ["constituent"], "slope", left_out=1 / len(rows))
    return table.sort_values("slope", ascending=False, ignore_index=True)


def minerals_sentence(study: Study, table: pd.DataFrame) -> str:
    """Say what predictions rise and fall with, as far as intervals tell, and the largest in plain words."""
    up, down = table[table["low"] > 0], table[table["high"] < 0].iloc[::-1]
    if up.empty and down.empty:
        return "For none of the constituents the folds agree whether predictions rise or fall with it."
    parts = [
        f"{verb} with {join_words([to_words(name) for name in rows['constituent']])}"
        for verb, rows in (("rise", up), ("fall", down))
        if len(rows)
    ]
    most = pd.concat([up, down]).loc[lambda rows: rows["slope"].abs().idxmax()]
    log, tenth = study.site.target_scale == "log", 0.1 * most["slope"]
    unit = {"": "", "%": " percentage points"}.get(study.target_unit, f" {study.target_unit}")
    size = f"{signed(100 * tenth, 1)} %" if log else f"{signed(tenth)}{unit}"
    return (
        f"Predictions {' and '.join(parts)}. If a soil had 10 % more {to_words(most['constituent'])} than it "
        f"has, its predicted {study.target_name} would change by {size}."
    )


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
    library = study_.read_source(study.site, wide)
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


def range_sentence(study: Study) -> str:
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
    for fold in splits.iterate_folds(folds, soils.samples.index):
        predicted[fold.test] = PLSCV().fit(X[fold.train], y[fold.train]).predict(X[fold.test])
    return compute_metrics(y, predicted)["R2"]
