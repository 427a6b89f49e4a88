"""Quality of spectra: what ``soilpb check-site`` looks at, and how far spectra lie from others (T², Q).

A problem stops a study, a warning should be looked at, a note says what was converted on
reading. Limits are stated beside each check; none is learned from other soils.

Distances are measured in principal components of the absorbance (SNV): Hotelling's T² is
the distance within them, Q the squared part they leave over (Jackson & Mudholkar 1979,
doi 10.1080/00401706.1979.10489779). A reference of many sets the limits by its own
percentiles, which need no normality. Among a few soils percentiles always condemn somebody:
there the limits are what one population would pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from chemotools.outliers import HotellingT2, QResiduals
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from soilpb._format import list_first
from soilpb.models.preprocessing import snv_pipeline
from soilpb.readers.formats.spectrum_file import recognise_shape
from soilpb.readers.libraries import limesoda
from soilpb.site_file import Site, SiteError
from soilpb.spectra import REFLECTANCE_FLOOR, WARN, SoilSpectra, band_grid, find_near_twins, list_near_twins

#: Share of soils that a T² or Q limit passes if they come from one distribution.
CONFIDENCE = 0.999
#: Noise of a reading, as reflectance, that drowns the features of soils.
NOISE = 0.003
#: Fewer soils than this cannot be divided into five folds with five inner ones.
FEWEST = 20
#: Groups, and soils outside the largest one, that five folds with training soils need.
FEWEST_GROUPS, FEWEST_TRAINED = 5, 16
#: Intervals from fewer groups are rough.
FEW_GROUPS = 20
#: Share of the variance in a twentieth of the soils from which a target is taken for constant but for them.
LOADED = 0.97
#: Share of values below detection from which half the limit biases (US EPA QA/G-9).
BELOW = 0.15
#: R² of the order of measurement, predicted from spectra, that drift or neighbourhood explains.
TOLD = 0.15
#: With fewer, R² of one 70/30 split has a standard deviation above 0.13.
FEW = 100
#: So many times beyond the 5th or 95th percentile: a lost decimal mark rather than a soil.
LOST_MARK = 5.0
#: Share of all variance below which a direction of principal components is rounding.
ROUNDING = 1e-10
#: Squared absorbance that is rounding, where spectra do not vary at all.
_TINY = 1e-20


@dataclass(frozen=True)
class Finding:
    """What a check found, and what to do about it (``advice``; empty: nothing)."""

    level: Literal["ok", "note", "warning", "problem"]
    topic: str
    found: str
    advice: str = ""


def check_soils(soils: SoilSpectra, site: Site) -> list[Finding]:
    """Check a site's soils, on their native bands, against what a study of it needs; problems come first.

    Examples
    --------
    >>> soils = limesoda.load_field("SP.231")
    >>> site = Site(site="sp", target_data="limesoda", limesoda_set="SP.231", target="clay_pct")
    >>> check_soils(soils, site)[0].found
    'spectra cover 350–1700 nm, the study asks for 430–2480 nm'
    """
    findings = [*_check_bands(soils, site), *_check_source(site)]
    used = _used_bands(soils, site)
    for check in (check_unit, check_range, check_noise):
        findings += check(used)
    if findings[0].level != "problem":
        used = soils.resample(_grid(site))
        findings += check_outliers(used)
    findings += _check_target(used, site)
    levels = {True: "warning", False: "note"}
    findings += [
        Finding(levels[note.startswith(WARN)], "reading", note.removeprefix(WARN))
        for note in soils.provenance.notes
    ]
    order = ("problem", "warning", "ok", "note")
    return sorted(findings, key=lambda finding: order.index(finding.level))


def refuse_problems(findings: Iterable[Finding]) -> None:
    """Raise a SiteError that names whatever stops a study, before anything is trained."""
    problems = [f"{one.topic}: {one.found}; {one.advice}" for one in findings if one.level == "problem"]
    if problems:
        raise SiteError(" | ".join(problems))


@dataclass(frozen=True)
class SpectralDistances:
    """``table`` of T² and Q, one row per spectrum, and the limits that most of a reference passes."""

    table: pd.DataFrame
    t2_limit: float
    q_limit: float

    @property
    def outside(self) -> np.ndarray:
        """Which spectra lie beyond either limit, (n_samples,) boolean."""
        return ~((self.table["T2"] <= self.t2_limit) & (self.table["Q"] <= self.q_limit)).to_numpy()


@threadpool_limits.wrap(limits=1)
def fit_components(X: np.ndarray, n_components: int, preprocessing: Pipeline) -> Pipeline:
    """Fit at most ``n_components`` principal components of reflectance, (n_samples, n_bands), preprocessed.

    Variances below :data:`ROUNDING` of all variance are set to that share, so that T² does not
    divide by rounding.
    """
    X = np.asarray(X, dtype=np.float64)
    pca = PCA(min(n_components, *X.shape), svd_solver="full")
    model = make_pipeline(preprocessing, pca).fit(X)
    least = max(ROUNDING * pca.explained_variance_.sum(), _TINY)
    pca.explained_variance_ = np.maximum(pca.explained_variance_, least)
    pca.components_ = np.ascontiguousarray(pca.components_)  # so that a stored copy gives the same bits
    return model


@threadpool_limits.wrap(limits=1)
def measure_t2_q(model: Pipeline, X: np.ndarray) -> pd.DataFrame:
    """T² and Q of reflectance, (n_samples, n_bands): columns ``T2`` and ``Q``, one row per spectrum."""
    X = np.asarray(X, dtype=np.float64)
    measures = {"T2": HotellingT2(model), "Q": QResiduals(model, method="percentile")}
    return pd.DataFrame({name: each.fit(X).predict_residuals(X) for name, each in measures.items()})


def measure_distances(
    reference: np.ndarray, reflectance: np.ndarray, n_components: int = 10
) -> SpectralDistances:
    """Measure how far spectra lie from a reference set, of which 95 % pass each limit.

    Parameters
    ----------
    reference, reflectance : (n_reference, n_bands), (n_samples, n_bands) arrays
        Reflectance of the spectra that define what is usual, and of those to judge.
    n_components : int
        Principal components; fewer where the reference is smaller.
    """
    if len(reference) < 4:
        raise ValueError(f"{len(reference)} reference spectra cannot say what is usual; at least 4 can")
    n_components = min(n_components, len(reference) - 2, reference.shape[1] - 1)
    model = fit_components(reference, n_components, snv_pipeline())
    limits = measure_t2_q(model, reference).quantile(0.95)
    return SpectralDistances(measure_t2_q(model, reflectance), float(limits["T2"]), float(limits["Q"]))


def measure_distances_within(reflectance: np.ndarray) -> SpectralDistances:
    """Measure how far spectra lie from each other: a soil beyond a limit is unlike the rest.

    Of one normal population, a share :data:`CONFIDENCE` passes each limit.
    """
    if len(reflectance) < 10:
        raise ValueError(f"{len(reflectance)} spectra cannot say what is usual among them; at least 10 can")
    n_components = min(10, len(reflectance) // 5, reflectance.shape[1] - 1)
    model = fit_components(reflectance, n_components, snv_pipeline())
    table = measure_t2_q(model, reflectance)
    t2_limit = float(HotellingT2(model, CONFIDENCE).fit(reflectance).critical_value_)
    q_limit = 1e-12 * reflectance.shape[1]  # chemotools takes residual variances below 1e-12 for rounding
    if table["Q"].sum() / (len(table) - 1) > q_limit:
        # Jackson and Mudholkar's limit of Q breaks down where few eigenvalues hold the residual.
        left_over = QResiduals(model, CONFIDENCE, method="chi-square").fit(reflectance)
        q_limit = float(left_over.critical_value_)
    return SpectralDistances(table, t2_limit, q_limit)


def check_unit(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn where reflectance has the shape of absorbance."""
    if recognise_shape(soils.wavelengths, soils.reflectance)[0] == "absorbance":
        found = "spectra fall from blue to infrared, or peak at 1930 nm: the shape of absorbance"
        yield Finding("warning", "unit", found, "check spectra_unit")


def check_range(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of readings at the noise floor and of saturated ones."""
    dark = (soils.reflectance <= REFLECTANCE_FLOOR).any(axis=1)
    bright = (soils.reflectance >= 1).any(axis=1)
    if dark.any():
        found = f"reflectance at or under {REFLECTANCE_FLOOR:.1%}: {name_samples(soils, dark)}"
        yield Finding("warning", "range", found, "it counts as the floor; was the lamp on?")
    if bright.any():
        found = f"reflectance of 100 % or more, saturated: {name_samples(soils, bright)}"
        yield Finding("warning", "range", found, "check the white reference and the integration time")


def check_noise(soils: SoilSpectra) -> Iterator[Finding]:
    """Estimate the noise of each spectrum from its second differences; bands of 5 nm or less only."""
    if soils.n_bands < 50 or np.median(np.diff(soils.wavelengths)) > 5:
        return  # coarser bands bend by features, not only by noise
    # A second difference of white noise has a standard deviation of √6, and a mean size √(2/π) of that.
    noise = np.abs(np.diff(soils.reflectance, 2, axis=1)).mean(axis=1) * np.sqrt(np.pi / 12)
    typical = float(np.median(noise))
    loud = noise > max(5 * typical, NOISE / 3)
    found = f"{typical:.2g} of reflectance, median over soils"
    if typical > NOISE:
        yield Finding("warning", "noise", found, "average more scans, or smooth")
    else:
        yield Finding("ok", "noise", found)
    if loud.any():
        found = f"far noisier than the rest: {name_samples(soils, loud)}"
        yield Finding("warning", "noise", found, "measure them again or delete them")


def check_twins(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of spectra so alike that they are of one soil (:func:`soilpb.spectra.find_near_twins`)."""
    if named := list_near_twins(soils.samples.index, find_near_twins(soils.reflectance)):
        mend = "they are kept in one group; give one soil one id, or delete a copied file"
        yield Finding("warning", "near twins", f"one soil under several ids: {named}", mend)


def check_groups(soils: SoilSpectra) -> Iterator[Finding]:
    """Check that folds can keep groups (column ``group``) together and still train on enough soils."""
    if "group" not in soils.samples:
        return
    sizes = soils.samples["group"].value_counts()
    if len(sizes) == soils.n_samples:
        return
    largest = f"{sizes.index[0]} has {sizes.iloc[0]} of {soils.n_samples} soils"
    found = f"{len(sizes)} group{'s' if len(sizes) > 1 else ''}, {largest}"
    mend = "sample more places; if the soils of a group do not belong together, leave out the column"
    if len(sizes) == 1:
        yield Finding(
            "warning", "groups", found, "it counts as none; if it is one profile, errors are too small"
        )
    elif len(sizes) < FEWEST_GROUPS:
        yield Finding("problem", "groups", f"{found}: they cannot be divided into five folds", mend)
    elif soils.n_samples - sizes.iloc[0] < FEWEST_TRAINED:
        yield Finding("problem", "groups", f"{found}: too few are left to predict it from", mend)
    elif len(sizes) < FEW_GROUPS:
        yield Finding("warning", "groups", found, "few: intervals, which draw whole groups, are rough")


@threadpool_limits.wrap(limits=1)
def check_order(soils: SoilSpectra, target: str) -> Iterator[Finding]:
    """Warn where the target follows the order of the spectra, and the spectra tell that order.

    Then a lamp that drifts along the day predicts the target as well as any soil property does. Ridge
    predicts the order (leave-one-out); the target's rank correlation with it is Spearman's.
    """
    if soils.n_samples < FEWEST or np.ptp(soils.values(target)) == 0:
        return
    order = np.arange(float(soils.n_samples))
    rank, p = spearmanr(order, soils.values(target))
    A = soils.absorbance.astype(np.float64)
    A = (A - A.mean(axis=0)) / np.maximum(A.std(axis=0), _TINY)
    told = 1 + RidgeCV(np.logspace(-6, 3, 19)).fit(A, order).best_score_ / order.var()
    if p < 0.001 and told > TOLD:
        found = (
            f"{target} follows the order of the spectra (rank correlation {rank:.2f}), and the spectra tell "
            f"that order (R² {told:.2f})"
        )
        mend = (
            "a lamp that drifts looks like this; unless neighbours in the file are neighbours in the field, "
        )
        yield Finding("warning", "order", found, f"{mend}measure again in random order")


def check_outliers(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of soils beyond T² or Q in principal components of absorbance (SNV)."""
    if soils.n_samples < 10:
        return
    found = measure_distances_within(soils.reflectance)
    for name, column, limit in (("T²", "T2", found.t2_limit), ("Q", "Q", found.q_limit)):
        beyond = ~(found.table[column].to_numpy() <= limit)
        if beyond.any():
            text = f"beyond the {CONFIDENCE:.1%} limit of {name}: {name_samples(soils, beyond)}"
            yield Finding("warning", "outliers", text, "look at these spectra; keep them if they are soils")


def name_samples(soils: SoilSpectra, which: np.ndarray, values: np.ndarray | None = None) -> str:
    """Ids of the samples that ``which`` marks, with their values if given; the first eight written out."""
    ids = soils.samples.index[which]
    if values is not None:
        ids = [f"{name} ({value:.4g})" for name, value in zip(ids, values[which], strict=True)]
    return list_first(ids)


def _check_target(soils: SoilSpectra, site: Site) -> Iterator[Finding]:
    """Check the soils that have the target: how many, of how many groups, and their values."""
    columns = ", ".join(map(str, soils.samples.columns))
    for key, target in [("target", site.target), *(("targets", name) for name in site.targets.split())]:
        if target not in soils.samples:
            yield Finding("problem", "target", f"no column {target}; there are: {columns}", f"mend {key}")
    if site.target not in soils.samples:
        return
    known = soils.take(np.isfinite(soils.values(site.target)))
    n_soils = len(np.unique(find_near_twins(known.reflectance))) if known.n_samples else 0
    yield from _check_size(n_soils, known.n_samples, soils.n_samples, site)
    if n_soils:
        checks = check_twins(known), check_groups(known.group_near_twins()), check_order(known, site.target)
        for findings in (*checks, _check_spread(known, site), _check_values(known, site.target)):
            yield from findings


def _check_spread(soils: SoilSpectra, site: Site) -> Iterator[Finding]:
    """Refuse a target that is constant, but for a few soils perhaps."""
    values = soils.values(site.target)
    span = f"{site.target}: median {np.median(values):.4g}, range {values.min():.4g}–{values.max():.4g}"
    scaled = np.log(values) if site.target_scale == "log" and values.min() > 0 else values
    few, common = max(1, round(values.size / 20)), pd.Series(values).value_counts().iloc[0]
    away = np.sort((scaled - np.median(scaled)) ** 2)[::-1]
    if np.ptp(values) == 0:
        yield Finding("problem", "target", f"{span}: no variance", "is it the right column?")
    elif site.target_scale == "log" and values.min() <= 0:
        yield Finding("problem", "target", f"{span}: no logarithm", "set target_scale: natural")
    elif values.size / 2 < common > values.size - FEWEST / 2:
        found = f"{span}: {common} of {values.size} soils have one value"
        yield Finding("problem", "target", found, "the others are too few to learn from: measure more")
    elif away[:few].sum() > LOADED * away.sum():
        found = f"{span}: {few} of {values.size} soils have over {LOADED:.0%} of the variance"
        mend = "scores would say only whether these are found: mend them, or set target_scale: log"
        yield Finding("problem", "target", found, mend)
    else:
        yield Finding("ok", "target", span)
    if site.target == "Pb_mg_kg" and not 1 <= np.median(values) <= 20_000:
        yield Finding("warning", "target", f"{span}: unusual for lead in soil", "is the unit mg/kg?")


def _check_values(soils: SoilSpectra, target: str) -> Iterator[Finding]:
    """Warn of values below detection, and of those that a lost decimal mark may have made."""
    values, below = soils.values(target), count_below_detection(soils, target)
    if below > BELOW * values.size:
        found = f"{below} of {values.size} values of {target} are below detection, or the smallest of all"
        mend = f"substitution is biased beyond {BELOW:.0%}: ask for the laboratory's own readings"
        yield Finding("warning", "below detection", found, mend)
    low, high = np.quantile(values, (0.05, 0.95))
    odd = (values > LOST_MARK * high) | (values < low / LOST_MARK)
    if low > 0 and odd.any():
        found = f"far from all others: {name_samples(soils, odd, values)}"
        yield Finding("warning", "target", found, "is a decimal mark lost, or a unit?")


def count_below_detection(soils: SoilSpectra, target: str) -> int:
    """Count values below detection, or equal to the smallest: half a limit that somebody else put in."""
    values = soils.values(target)
    marked = soils.samples.get("below_detection", np.zeros(len(values), bool)) & np.isfinite(values)
    smallest = np.isclose(values, np.nanmin(values), rtol=1e-6).sum()
    return int(max(marked.sum(), smallest if smallest > 1 else 0))


def _check_size(n_soils: int, known: int, n_samples: int, site: Site) -> Iterator[Finding]:
    """Judge the number of soils with a value; near twins count once."""
    found = f"{known} of {n_samples} soils have {site.target}"
    found += f", but they are only {n_soils}" if n_soils < known else ""
    known = min(n_soils, site.n_target or n_soils)
    found += f", of which n_target takes {known}" if known < n_soils else ""
    if known < FEWEST:
        mend = f"nested cross-validation needs {FEWEST} or more"
        yield Finding("problem", "samples", f"{found}: too few", mend)
    elif known < FEW:
        mend = "trust repeated cross-validation, never one split"
        yield Finding("warning", "samples", f"{found}: few", mend)
    else:
        yield Finding("ok", "samples", found)


def _check_bands(soils: SoilSpectra, site: Site) -> Iterator[Finding]:
    first, last = soils.wavelengths[[0, -1]]
    asked = f"the study asks for {site.band_start:g}–{site.band_stop:g} nm"
    try:
        soils.take(np.arange(1)).resample(_grid(site))
    except ValueError:
        mend = f"set band_start and band_stop within {first:g}–{last:g}"
        yield Finding("problem", "bands", f"spectra cover {first:g}–{last:g} nm, {asked}", mend)
        return
    yield Finding("ok", "bands", f"{soils.n_bands} bands over {first:g}–{last:g} nm, {asked}")
    steps = np.diff(soils.wavelengths)
    inside = (soils.wavelengths[1:] > site.band_start) & (soils.wavelengths[:-1] < site.band_stop)
    wide = np.flatnonzero(inside & (steps > max(3 * np.median(steps), site.band_step)))
    if wide.size:
        gaps = [f"{soils.wavelengths[i]:g}–{soils.wavelengths[i + 1]:g}" for i in wide]
        found = f"no bands within {list_first(gaps)} nm"
        yield Finding("warning", "bands", found, "values there are drawn from the neighbours")


def _check_source(site: Site) -> Iterator[Finding]:
    """Check that the library's spectra cover the study's bands too."""
    if site.source != "limesoda":
        return
    others = [name for name in limesoda.FULL_RANGE_FIELDS if name != site.limesoda_set]
    try:
        limesoda.load_fields(others, _grid(site))
    except ValueError as error:
        mend = "LimeSoDa's fields share 430–2480 nm: mend band_start and band_stop"
        yield Finding("problem", "source", str(error), mend)


def _used_bands(soils: SoilSpectra, site: Site) -> SoilSpectra:
    """Return the soils on those native bands that the study uses, or on all if it uses none."""
    used = (soils.wavelengths >= site.band_start) & (soils.wavelengths <= site.band_stop)
    used = used if used.any() else np.ones_like(used)
    return replace(soils, wavelengths=soils.wavelengths[used], reflectance=soils.reflectance[:, used])


def _grid(site: Site) -> np.ndarray:
    return band_grid(site.band_start, site.band_stop, site.band_step)
