"""What the sections of a site's report show, as data: :mod:`soilpb.report.tables` writes it for the page.

The map, the samples to measure next, the bands that the stored model responds to, its answers to minerals,
and what a narrow instrument costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold, cross_val_predict

from soilpb import study as study_
from soilpb.decide import maps, sampling, site_model, stored_model
from soilpb.decide.site_model import SiteModel
from soilpb.evaluate import splits
from soilpb.explain import bands, mineral_slopes
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
from soilpb.plots import decisions
from soilpb.plots.attribution import compute_shares
from soilpb.readers.site import read_measured
from soilpb.report.new_site import SOURCE_BANDS
from soilpb.report.record import describe_system
from soilpb.simulate import minerals, twin
from soilpb.site_file import project_root
from soilpb.spectra import SoilSpectra, band_grid
from soilpb.study import Study

#: Constituents whose slopes a report shows.
CONSTITUENTS = ("hematite", "goethite", "clay", "organic_matter", "carbonate", "water")
#: Strength at the first band from which a constituent's edge towards the ultraviolet counts as visible.
LEAST_EDGE = 3.0
#: An instrument that lacks more nm than this at either end of the library's range is a narrow one.
SHORT = 100.0
#: Sizes of the sets on which a narrow range is tested, and how many sets.
FEWEST_SOILS, MOST_SOILS, MOST_SETS = 50, 400, 5


def read_native(study: Study) -> SoilSpectra:
    """Read the site's soils on the instrument's own bands, with a laboratory value or without."""
    site = study.site
    if site.target_data == "twin":
        world = study_.read_twin_library(site)
        soils = twin.simulate_target(study_.TWIN_TARGET_SIZE, site.seed, library=world)
    else:
        soils = read_measured(site)
    return soils.take(soils.samples.index.isin(study.ids) | np.isnan(soils.values(site.target)))


def read_unmeasured(study: Study) -> SoilSpectra | None:
    """Read the spectra of the site's own files that have no value of the target, on the study's grid.

    What else their row of the laboratory's table holds (unit, pH, a sensor's reading) is in ``samples``.
    Returns None if there are none, or if the site has no files of its own.
    """
    site = study.site
    if site.target_data != "files":
        return None
    counters, known = stored_model.scan_counters(study), study.target.samples.index
    soils = stored_model.read_as_own(study, project_root() / site.spectra, counters, known)
    unmeasured = ~soils.samples.index.isin(study.ids)
    if not unmeasured.any():
        return None
    soils = soils.take(unmeasured)
    rows = read_measured(site).samples.drop(columns=soils.samples.columns, errors="ignore")
    return replace(soils, samples=soils.samples.join(rows))


def draw_map(study: Study, exceedances: pd.DataFrame, rule: str = "") -> Axes | None:
    """Map probabilities of exceeding a rule's limits, or the laboratory's values if ``rule`` is empty.

    ``exceedances`` are of :func:`soilpb.decide.site_model.evaluate_site_model`. Without such soils at
    true coordinates nothing is drawn, and None is returned.
    """
    samples = study.target.samples
    if (places := maps.local_coordinates(samples)) is None:
        return None
    soils, about = pd.DataFrame({"value": study.natural(study.y)}, index=study.ids), "value"
    label, log = study.label.removeprefix("ln "), study.site.target_scale == "log"
    if rule:
        soils = site_model.select_rule(study, exceedances, rule)[["probability", "exceeded"]]
        about, label, log = "probability", f"Probability above the limit, {rule}", False
    x, y = samples[["x", "y"]].astype(float).min()
    system = f"{describe_system(samples) or 'no single coordinate system stated'}; 0, 0 is {x:.8g}, {y:.8g}"
    soils = places.join(soils, how="inner")
    return decisions.plot_map(soils, about, label, log, system) if len(soils) else None


def choose_next_samples(study: Study, unmeasured: SoilSpectra, n: int = 10) -> np.ndarray:
    """Choose ids of the soils to analyse next among the unmeasured, the most useful first."""
    F = sampling.spectral_features(np.concatenate([study.X, unmeasured.reflectance]))
    measured = np.arange(len(study.X))
    chosen = sampling.choose_samples("uncertainty", F, min(n, len(unmeasured)), measured, study.site.seed)
    return unmeasured.samples.index.to_numpy()[chosen - len(study.X)]


def choose_illustrated(study: Study, model: SiteModel, folds: pd.DataFrame) -> Sequence:
    """Fits of spectra to illustrate, one per fold: the stored model's, without the sensor it may take."""
    if not model.sensor:
        return model.target.fold_models
    (base,) = baselines.make_models(keys=["blocks"], seed=study.site.seed).values()
    return bands.fit_by_fold(base, study.X, study.y, folds, study.ids, study.groups)


def rank_bands(attributions: pd.DataFrame, n_folds: int, n: int = 3) -> pd.DataFrame:
    """Find the bands with the highest share of attributions, those that stand highest in their figure.

    ``attributions`` are from :func:`soilpb.explain.bands.attribute_by_fold`, one draw per fold.

    Returns
    -------
    DataFrame
        ``wavelength``; ``share`` of all attributions in percent, with ``low`` and ``high`` (90 %);
        ``even``: the share of a band if all had the same; ``folds``: in how many a peak of the ``n``
        highest lies within :data:`soilpb.explain.bands.MIN_PEAK_DISTANCE` / 2.
    """
    shares = compute_shares(attributions).assign(mean_abs=lambda table: table["share"])
    found = bands.jackknife_intervals(shares, ["wavelength"], "share", left_out=1 / n_folds)
    found = found.set_index("wavelength").loc[bands.strongest_bands(shares, n)].reset_index()
    of_folds = [np.array(bands.strongest_bands(fold, n)) for _, fold in shares.groupby("draw")]
    near = [
        sum((np.abs(peaks - nm) <= bands.MIN_PEAK_DISTANCE / 2).any() for peaks in of_folds)
        for nm in found["wavelength"]
    ]
    return found.assign(even=100 / attributions["wavelength"].nunique(), folds=near)


def absorbing_constituents(wavelengths: np.ndarray) -> list[str]:
    """Return those of :data:`CONSTITUENTS` that absorb, by a band or an edge, among these wavelengths.

    Examples
    --------
    >>> absorbing_constituents(np.arange(430.0, 741.0, 10.0))
    ['hematite', 'goethite', 'organic_matter']
    """
    inside = minerals.FEATURES["centre_nm"].between(wavelengths[0], wavelengths[-1])
    visible = set(minerals.FEATURES.loc[inside, "constituent"])
    beyond = np.maximum(wavelengths[0] - minerals.EDGES["start_nm"], 0)
    left = minerals.EDGES["strength"] * np.exp(-beyond / minerals.EDGES["decay_nm"])
    visible |= set(minerals.EDGES.loc[left >= LEAST_EDGE, "constituent"])
    return [name for name in CONSTITUENTS if visible & {name, *minerals.MIXTURES.get(name, ())}]


def compute_mineral_slopes(study: Study, fitted: Sequence, folds: pd.DataFrame) -> pd.DataFrame:
    """Compute how predictions change with a little more of each constituent.

    ``fitted`` models, one per fold, are from :func:`soilpb.explain.bands.fit_by_fold`. The table has
    ``constituent`` and ``slope`` with ``low`` and ``high`` (90 %), in units of the modelling scale per unit
    of the constituent's natural logarithm; the highest slope comes first.
    """
    rows = list(splits.iterate_folds(folds, study.ids))
    amounts = mineral_slopes.laboratory_abundances(study.target.samples)
    names = absorbing_constituents(study.grid)
    slopes = mineral_slopes.estimate_slopes_by_fold(fitted, rows, study.X, study.grid, names, amounts)
    table = bands.jackknife_intervals(slopes, ["constituent"], "slope", left_out=1 / len(rows))
    return table.sort_values("slope", ascending=False, ignore_index=True)


def compare_ranges(study: Study) -> pd.DataFrame | None:
    """Score PLS on the library's soils with all bands, and with those of a narrow instrument.

    What a narrow instrument loses cannot be seen in its own spectra. Each field of the library is a set
    of its own, since a model of several fields may recognise the field; a library without fields is one.

    Returns
    -------
    DataFrame or None
        ``set``, ``n``, ``property``; ``full`` and ``narrow``: R² of 5-fold cross-validation. No rows if
        the library is too small; None if the study has the library's range.
    """
    site, (first, last) = study.site, SOURCE_BANDS
    if site.band_start <= first + SHORT and site.band_stop >= last - SHORT:
        return None
    wide = band_grid(*SOURCE_BANDS, site.band_step)
    library = study_.read_source(site, wide)
    column = site.target if site.target in library.samples else site.source_property
    library = library.having(column)
    inside = (wide >= site.band_start) & (wide <= site.band_stop)
    groups = library.samples.get("group", pd.Series("", library.samples.index)).astype(str)
    if groups.value_counts().max() < FEWEST_SOILS:
        groups[:] = library.provenance.name
    sizes, rows, rng = groups.value_counts(), [], np.random.default_rng(site.seed)
    for name in sizes[sizes >= FEWEST_SOILS].index[:MOST_SETS]:
        drawn = np.sort(rng.permutation(np.flatnonzero(groups == name))[:MOST_SOILS])
        X, y = library.reflectance[drawn], library.values(column)[drawn]
        folds = KFold(5, shuffle=True, random_state=site.seed)
        scores = [r2_score(y, cross_val_predict(PLSCV(), x, y, cv=folds)) for x in (X, X[:, inside])]
        rows.append((name, len(drawn), column, *scores))
    return pd.DataFrame(rows, columns=["set", "n", "property", "full", "narrow"])
