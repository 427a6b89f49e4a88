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

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from chemotools.outliers import HotellingT2, QResiduals
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline, make_pipeline

from soilpb.models.preprocessing import snv_pipeline
from soilpb.readers import limesoda
from soilpb.readers.formats.spectrum_file import recognise_shape
from soilpb.site_file import Site
from soilpb.spectra import REFLECTANCE_FLOOR, SoilSpectra, band_grid

#: Share of soils that a T² or Q limit passes if they come from one distribution.
CONFIDENCE = 0.999
#: Noise of a reading, as reflectance, that drowns the features of soils.
NOISE = 0.003
#: Fewer soils than this cannot be divided into five folds with five inner ones.
FEWEST = 20
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
    findings = [*_check_target(soils, site), *_check_bands(soils, site), *_check_source(site)]
    used = _used_bands(soils, site)
    for check in (check_unit, check_range, check_noise, check_repeated):
        findings += check(used)
    if not any(finding.topic == "bands" and finding.level == "problem" for finding in findings):
        findings += check_outliers(soils.resample(_grid(site)))
    findings += [Finding("note", "reading", note) for note in soils.provenance.notes]
    order = ("problem", "warning", "ok", "note")
    return sorted(findings, key=lambda finding: order.index(finding.level))


@dataclass(frozen=True)
class SpectralDistances:
    """``table`` of T² and Q, one row per spectrum, and the limits that most of a reference passes."""

    table: pd.DataFrame
    t2_limit: float
    q_limit: float

    @property
    def outside(self) -> np.ndarray:
        """Which spectra lie beyond either limit, (n_samples,) boolean."""
        return ((self.table["T2"] > self.t2_limit) | (self.table["Q"] > self.q_limit)).to_numpy()


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


def check_repeated(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of one spectrum that stands for several samples."""
    _, which, counts = np.unique(soils.reflectance, axis=0, return_inverse=True, return_counts=True)
    for spectrum in np.flatnonzero(counts > 1):
        found = f"one and the same spectrum: {name_samples(soils, which == spectrum)}"
        yield Finding("warning", "duplicates", found, "was a file copied? delete one, or give them one group")


def check_outliers(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of soils beyond T² or Q in principal components of absorbance (SNV)."""
    if soils.n_samples < 10:
        return
    found = measure_distances_within(soils.reflectance)
    for name, column, limit in (("T²", "T2", found.t2_limit), ("Q", "Q", found.q_limit)):
        beyond = found.table[column].to_numpy() > limit
        if beyond.any():
            text = f"beyond the {CONFIDENCE:.1%} limit of {name}: {name_samples(soils, beyond)}"
            yield Finding("warning", "outliers", text, "look at these spectra; keep them if they are soils")


def name_samples(soils: SoilSpectra, which: np.ndarray, values: np.ndarray | None = None) -> str:
    """Ids of the samples that ``which`` marks, with their values if given; the first eight written out."""
    rows = np.flatnonzero(which)
    ids = [str(soils.samples.index[row]) for row in rows[:8]]
    if values is not None:
        ids = [f"{name} ({value:.4g})" for name, value in zip(ids, values[rows[:8]], strict=True)]
    return ", ".join(ids) + (f" and {rows.size - 8} more" if rows.size > 8 else "")


def _check_target(soils: SoilSpectra, site: Site) -> Iterator[Finding]:
    if site.target not in soils.samples:
        columns = ", ".join(map(str, soils.samples.columns))
        yield Finding("problem", "target", f"no column {site.target}; there are: {columns}", "mend target")
        return
    values = soils.values(site.target)
    known = values[np.isfinite(values)]
    yield from _check_size(known.size, soils.n_samples, site.target)
    if known.size == 0:
        return
    span = f"{site.target}: median {np.median(known):.4g}, range {known.min():.4g}–{known.max():.4g}"
    if np.ptp(known) == 0:
        yield Finding("problem", "target", f"{span}: no variance", "is it the right column?")
    elif site.target_scale == "log" and known.min() <= 0:
        yield Finding("problem", "target", f"{span}: no logarithm", "set target_scale: natural")
    else:
        yield Finding("ok", "target", span)
    if site.target == "Pb_mg_kg" and not 1 <= np.median(known) <= 20_000:
        yield Finding("warning", "target", f"{span}: unusual for lead in soil", "is the unit mg/kg?")
    low, high = np.quantile(known, (0.05, 0.95))
    odd = (values > LOST_MARK * high) | (values < low / LOST_MARK)
    if low > 0 and odd.any():
        found = f"far from all others: {name_samples(soils, odd, values)}"
        yield Finding("warning", "target", found, "is a decimal mark lost, or a unit?")


def _check_size(known: int, n_samples: int, target: str) -> Iterator[Finding]:
    found = f"{known} of {n_samples} soils have {target}"
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
    for i in np.flatnonzero(inside & (steps > max(3 * np.median(steps), site.band_step))):
        gap = f"no bands within {soils.wavelengths[i]:g}–{soils.wavelengths[i + 1]:g} nm"
        yield Finding("warning", "bands", gap, "values there are drawn from the neighbours")


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
