"""What ``soilpb check-site`` looks at, once a site's files could be read.

A problem stops a study, a warning should be looked at, a note says what was converted
on reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from soilpb import quality
from soilpb.bands import band_grid
from soilpb.quality import Finding
from soilpb.readers import limesoda
from soilpb.sitefile import Site
from soilpb.spectra import SoilSpectra

#: Fewer soils than this cannot be divided into five folds with five inner ones.
FEWEST = 20
#: With fewer, R² of one 70/30 split has a standard deviation above 0.13.
FEW = 100
#: So many times beyond the 5th or 95th percentile: a lost decimal mark rather than a soil.
LOST_MARK = 5.0
_ORDER = ("problem", "warning", "ok", "note")


def check_soils(soils: SoilSpectra, site: Site) -> list[Finding]:
    """Check a site's soils against what a study of it needs.

    Parameters
    ----------
    soils : SoilSpectra
        On their native bands.
    site : Site
        Target, scale, bands and source of the study.

    Returns
    -------
    list of Finding, problems first, notes last.

    Examples
    --------
    >>> soils = limesoda.load_field("SP.231")
    >>> site = Site(site="sp", target_data="limesoda", limesoda_set="SP.231", target="clay_pct")
    >>> check_soils(soils, site)[0].found
    'spectra cover 350–1700 nm, the study asks for 430–2480 nm'
    """
    findings = [*_check_target(soils, site), *_check_bands(soils, site), *_check_source(site)]
    used = _used_bands(soils, site)
    for check in (quality.check_unit, quality.check_range, quality.check_noise, quality.check_repeated):
        findings += check(used)
    if not any(finding.topic == "bands" and finding.level == "problem" for finding in findings):
        findings += quality.check_outliers(soils.resample(_grid(site)))
    findings += [Finding("note", "reading", note) for note in soils.provenance.notes]
    return sorted(findings, key=lambda finding: _ORDER.index(finding.level))


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
        found = f"far from all others: {quality.names_of(soils, odd, values)}"
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
