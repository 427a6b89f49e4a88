"""A site file from a folder of spectra and a laboratory table: column inference, checks, writing.

What can be read from the files (ids, scans, units, the target's column, bands shared with the library)
is not asked. It is listed for the user, and a site file is written only if a study of it can start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from scipy.stats import skew

from soilpb import quality
from soilpb._files import atomic_write, check_space
from soilpb.quality import Finding
from soilpb.readers.columns import in_unit, parse_quantity, standard_name
from soilpb.readers.folder import list_files
from soilpb.readers.formats.spectrum_file import STUDY_NM
from soilpb.readers.laboratory import find_quantity, find_sensor, open_laboratory
from soilpb.readers.scans import Scans
from soilpb.readers.site import ASSAY_KEYS, FILE_KEYS, read_files, read_measured
from soilpb.readers.tables import Table
from soilpb.site_file import Site, SiteError, make_site, project_root
from soilpb.spectra import WARN, SoilSpectra

#: Bands that all fields of LimeSoDa have, nm, and the step of a study.
SOURCE_BANDS, STEP = STUDY_NM, 10.0
#: With a narrower common range, a network has nothing to transfer.
NARROWEST = 200.0
_HEADER = (
    "# Written by `soilpb new-site`; every key is explained in book/conventions.md, section Site files.\n"
)


def find_target(table: Table, target: str, unit: str = "") -> tuple[str, str]:
    """Name a target as studies do, and its column where that name does not tell it.

    ``target`` is ``Pb``, ``lead``, ``Pb_mg_kg``, ``pH``, ``clay``, …, or the name of a column, which is
    that quantity however it was measured; ``unit`` (``mg/kg``, ``%``, …) is needed only where the column's
    name has none. What no column is, more than one, or in no known unit, is refused by ``read_laboratory``.
    """
    column, quantity = next(iter(find_quantity(table, target).items()), (-1, parse_quantity(target)))
    quantity = in_unit(replace(quantity, method=""), unit)
    name, _ = standard_name(quantity) or standard_name(replace(quantity, factor=1.0)) or (target, 1.0)
    told = len(find_quantity(table, target)) != 1 or list(find_quantity(table, name)) == [column]
    return name, "" if told else table.header[column]


def choose_scale(values: np.ndarray) -> tuple[Literal["log", "natural"], str]:
    """Choose the scale on which values are spread more evenly, and say why.

    Examples
    --------
    >>> choose_scale(np.array([10.0, 20.0, 40.0, 80.0, 160.0]))
    ('log', 'skewness 0 of the logarithms, 0.9 of the values')
    """
    if values.size < 3 or values.min() <= 0 or np.ptp(values) == 0:
        return "natural", "values at or below zero, or alike"
    plain, logs = (0.0 + round(float(skew(x)), 1) for x in (values, np.log(values)))
    scale = "log" if abs(logs) <= abs(plain) else "natural"
    return scale, f"skewness {abs(logs) and logs:g} of the logarithms, {plain:g} of the values"


def common_bands(wavelengths: np.ndarray) -> tuple[float, float]:
    """First and last band, nm, that instrument and library have; a SiteError if they share too little.

    Examples
    --------
    >>> common_bands(np.arange(350.0, 2501.0)), common_bands(np.arange(1003.0, 2400.0))
    ((430.0, 2480.0), (1010.0, 2390.0))
    """
    start = STEP * np.ceil(max(wavelengths[0], SOURCE_BANDS[0]) / STEP)
    stop = STEP * np.floor(min(wavelengths[-1], SOURCE_BANDS[1]) / STEP)
    if stop - start < NARROWEST:
        raise SiteError(
            f"the spectra cover {wavelengths[0]:g}–{wavelengths[-1]:g} nm, the source library "
            f"{SOURCE_BANDS[0]:g}–{SOURCE_BANDS[1]:g} nm: too little in common; measure a wider range"
        )
    return float(start), float(stop)


@dataclass(frozen=True)
class Proposal:
    """A site file that is not written yet.

    ``keys`` are what it will say, those that differ from their defaults; ``understood`` is what was found in
    the files and what it was taken for, ``findings`` are what ``soilpb check-site`` will say.
    """

    site: Site
    keys: dict[str, Any]
    understood: list[tuple[str, str]]
    findings: list[Finding]


def propose_site(
    name: str, spectra: str | Path, laboratory: str | Path, target: str = "Pb", unit: str = "", **options: str
) -> Proposal:
    """Read a user's files and propose a site file.

    Parameters
    ----------
    name : str
        Short name of the site.
    spectra : path
        Folder of instrument files, or a table.
    laboratory : path
        Table with the target.
    target, unit : str
        As for :func:`find_target`.
    **options
        Keys of the site file, such as ``id_column``, ``bands``, ``title``; empty ones count as omitted.

    Raises
    ------
    SiteError
        Naming what could not be understood and how to mend it.
    """
    options = {key: value for key, value in options.items() if value}
    wanted, target_column = find_target(open_laboratory(laboratory, target), target, unit)
    options |= {"target_unit": unit, "target_column": target_column}
    of_files = {key: options[key] for key in (*FILE_KEYS, *ASSAY_KEYS) if options.get(key)}
    files = scans, assays, _ = read_files(spectra, laboratory, wanted, **of_files)
    start, stop = common_bands(scans.wavelengths)
    scale, why = choose_scale(assays[wanted].dropna().to_numpy())
    keys = {
        "site": name,
        "title": f"{name} (measured)",
        "target_data": "files",
        "spectra": _from_root(spectra),
        "laboratory": _from_root(laboratory),
        "replicates": "mean" if len(set(scans.ids)) < len(scans.ids) else "refuse",
        "instrument": scans.instrument,
        "target": wanted,
        "target_scale": "natural" if wanted == "pH" else scale,
        "sensor": find_sensor(assays, wanted),
        "band_start": start,
        "band_stop": stop,
        **options,
    }
    site = make_site(keys, where="soilpb new-site")
    soils = read_measured(site, files)
    written = {key: value for key, value in keys.items() if value != Site.model_fields[key].default}
    findings = quality.check_soils(soils, site)
    understood = _understood(site, scans, assays.attrs, why, soils)
    return Proposal(site, written, understood, findings)


def write_site(proposal: Proposal, *, force: bool = False) -> Path:
    """Write the site file, whole or not at all.

    It is a SiteError if there is one of that name and ``force`` is not set, or if a study could not start.
    """
    path = free_path(proposal.site.site, force=force)
    quality.refuse_problems(proposal.findings)
    text = yaml.safe_dump(proposal.keys, sort_keys=False, allow_unicode=True, width=1000)
    with atomic_write(path) as temporary:
        temporary.write_text(_HEADER + text, encoding="utf-8")
    return path


def free_path(name: str, *, force: bool = False) -> Path:
    """Path of a new site's file; an error if there is one and ``force`` is not set, or no room for it."""
    make_site({"site": name, "target_data": "twin"}, where="soilpb new-site")  # before files are read
    path = project_root() / "notebooks" / "sites" / f"{name}.yml"
    if path.exists() and not force:
        raise SiteError(f"{path} is there already; choose another name, or replace it with --force")
    check_space(path.parent, 1)
    return path


def _understood(
    site: Site, scans: Scans, columns: Mapping[str, str], why: str, soils: SoilSpectra
) -> list[tuple[str, str]]:
    """Lines of the table that a user checks: what was found, and what it was taken for."""
    first, last = scans.wavelengths[[0, -1]]
    n_files = len(list_files(scans.table.path))
    values = soils.values(site.target)
    values = values[np.isfinite(values)]
    averaged = f"{len(scans.ids)} scans of {len(set(scans.ids))} samples"
    lines = [
        ("spectra", f"{averaged}, from {n_files} file{'s' if n_files > 1 else ''}"),
        ("instrument", scans.instrument or "not named in the files; see `instrument` in the site file"),
        ("range", f"{scans.wavelengths.size} bands over {first:g}–{last:g} nm"),
        ("bands of the study", f"{site.band_start:g}–{site.band_stop:g} nm by {site.band_step:g} nm"),
        (
            "ids",
            f"{scans.table.header[scans.id_column]!r} of the spectra, {columns['id_column']!r} of the "
            f"laboratory: the same text for {soils.n_samples}, such as {', '.join(soils.samples.index[:3])}",
        ),
        ("samples", f"{soils.n_samples} with both a spectrum and a laboratory row"),
        (
            "target",
            f"column {columns['target_column']!r} is {site.target}, modelled on the {site.target_scale} "
            "scale",
        ),
        ("scale", why),
        (
            "values",
            f"{values.size}, {values.min():.4g} to {values.max():.4g}, median {np.median(values):.4g}",
        ),
    ]
    others = soils.samples.columns.drop([site.target, "below_detection"], errors="ignore").tolist()
    lines += [("used besides", ", ".join(others))] if others else []
    if site.sensor:
        read = soils.samples[site.sensor].dropna()
        lines += [("sensor", f"{site.sensor}: {len(read)} readings, {(read < 0).sum()} below detection")]
    lost = SOURCE_BANDS[1] - SOURCE_BANDS[0] - (site.band_stop - site.band_start)
    lines += [("narrower than usual", f"{lost:g} nm of the source's range are not used")] if lost else []
    return lines + [("noted", note) for note in soils.provenance.notes if not note.startswith(WARN)]


def _from_root(path: str | Path) -> str:
    """Path as the site file says it: from the project's root where it lies below."""
    path, root = Path(path).resolve(), project_root()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
