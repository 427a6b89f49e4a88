"""A site's own files, spectra and a laboratory table → :class:`SoilSpectra`.

Whatever is read otherwise than it stands is noted in the provenance.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from soilpb._files import sha256_of
from soilpb.readers import limesoda
from soilpb.readers.columns import match_ids, refuse_repeated_ids
from soilpb.readers.folder import holds_spectra, list_files, read_folder
from soilpb.readers.formats.spectrum_file import (
    STUDY_NM,
    Unit,
    describe_odd_bands,
    find_contradiction,
    find_implausible,
    is_needed,
    recognise_unit,
    to_fraction,
)
from soilpb.readers.laboratory import BelowDetection, read_laboratory
from soilpb.readers.scans import SCAN_LIMIT, Scans, average_scans, is_streamed, iterate_scans, join_scans
from soilpb.site_file import Site, SiteError, project_root
from soilpb.spectra import REFLECTANCE_RANGE, Provenance, SoilSpectra, resample


def read_site(
    spectra: str | Path,
    laboratory: str | Path,
    *,
    target: str,
    id_column: str = "",
    target_unit: str = "",
    spectra_unit: Unit | Literal["auto"] = "auto",
    below_detection: BelowDetection = "refuse",
    replicates: Literal["refuse", "mean"] = "refuse",
    splice: Literal["auto", "off"] = "auto",
    study: tuple[float, float] = STUDY_NM,
    unit_column: str = "",
    name: str = "site",
    instrument: str = "",
    citation: str = "",
    licence: str = "",
) -> SoilSpectra:
    """Read a site's spectra and laboratory table on the instrument's own bands.

    Parameters
    ----------
    spectra, laboratory : path
        CSV, TSV or XLSX; both may be one file. ``spectra`` may be a folder of
        instrument files too, each named after its sample (see :mod:`soilpb.readers.folder`).
    target, id_column, target_unit, below_detection, unit_column : str
        See :func:`~soilpb.readers.laboratory.read_laboratory`.
    spectra_unit : str
        ``fraction``, ``percent``, ``absorbance`` (log10(1/R)), or ``auto``: recognised
        where only one unit is possible, refused elsewhere.
    replicates : str
        ``refuse`` a sample with several spectra, or take their ``mean``.
    splice : str
        ``auto`` removes steps between the detectors of instrument files, ``off`` leaves them.
    study : tuple of float
        First and last band of the study, nm; what noise there is outside does not matter.
    name, instrument, citation, licence : str
        For the provenance.

    Returns
    -------
    SoilSpectra
        The samples that have both a spectrum and a laboratory row, in the order of the
        spectra; how many have one only is noted.
    """
    options = {"target_unit": target_unit, "below_detection": below_detection}
    samples, notes = read_laboratory(
        laboratory, target, id_column=id_column, unit_column=unit_column, **options
    )
    options = {"spectra_unit": spectra_unit, "replicates": replicates, "splice": splice, "study": study}
    scanned = read_spectra(spectra, id_column=id_column, known=samples.index, **options)
    ids = scanned.samples.index
    both = match_ids(list(ids), samples.index, (str(spectra), str(laboratory)))
    alone = [_left_out(ids, both, "a laboratory row"), _left_out(samples.index, both, "a spectrum")]
    return SoilSpectra(
        wavelengths=scanned.wavelengths,
        reflectance=scanned.reflectance[ids.get_indexer(both)],
        samples=_join_places(samples.loc[both], scanned.samples.loc[both]),
        provenance=Provenance(
            name=name,
            kind="measured",
            instrument=instrument or scanned.provenance.instrument,
            citation=citation,
            licence=licence,
            sha256=sha256_of(*list_files(spectra), laboratory),
            notes=(*notes, *scanned.provenance.notes, *filter(None, alone)),
        ),
    )


def read_spectra(
    spectra: str | Path,
    *,
    id_column: str = "",
    spectra_unit: Unit | Literal["auto"] = "auto",
    replicates: Literal["refuse", "mean"] = "refuse",
    splice: Literal["auto", "off"] = "auto",
    study: tuple[float, float] = STUDY_NM,
    known: Collection[str] = (),
    counters: Sequence[str] = (),
    grid: np.ndarray | None = None,
) -> SoilSpectra:
    """Read spectra alone, of soils that no laboratory has seen, on the instrument's own bands.

    Parameters and errors are those of :func:`read_site`; ``known`` are ids that names of
    instrument files may begin with, before a counter of scans; ``counters`` say how scans of
    other samples are counted (see :mod:`soilpb.readers.folder`). A table that is read in several
    blocks is resampled to ``grid``, nm, block by block, where one is given. Bands outside ``study``, nm, that
    hold what no soil reflects are dropped: instruments are dark at their ends.
    """
    files, unit, parts = holds_spectra(spectra), spectra_unit, []
    blocks = [read_folder(spectra, known, counters, splice)] if files else iterate_scans(spectra, id_column)
    for scans in blocks:
        unit = _find_unit(scans, unit)
        reflectance, converted = _to_reflectance(scans, unit, study)
        parts.append(replace(scans, spectra=reflectance, notes=(*scans.notes, *converted)))
        if grid is not None and is_streamed(spectra) and not files:
            values = resample(scans.wavelengths, reflectance, grid)
            parts[-1] = replace(parts[-1], wavelengths=np.asarray(grid, float), spectra=values)
    scans = join_scans(parts)
    keep, dropped = _without_noise(scans, study)
    ids, reflectance, averaged = _one_spectrum_each(scans, scans.spectra[:, keep], replicates)
    return SoilSpectra(
        wavelengths=scans.wavelengths[keep],
        reflectance=reflectance,
        samples=_places(scans, ids),
        provenance=Provenance(
            name=Path(spectra).name,
            kind="measured",
            instrument=scans.instrument or "unknown",
            sha256=sha256_of(*list_files(spectra)),
            notes=(*scans.notes, *dropped, *averaged),
        ),
    )


def read_measured(site: Site) -> SoilSpectra:
    """Read the measured soils that a site file points at, on their native bands."""
    if site.target_data == "limesoda":
        return limesoda.load_field(site.limesoda_set)
    if site.target_data != "files":
        raise SiteError(f"site {site.site!r} is simulated: nobody measured its soils")
    keys = "target target_unit id_column spectra_unit below_detection replicates splice"
    keys += " instrument citation licence"
    # Paths below the current folder are shown, in messages, as users type them.
    paths, here = [project_root() / path for path in (site.spectra, site.laboratory)], Path.cwd()
    spectra, laboratory = (path.relative_to(here) if path.is_relative_to(here) else path for path in paths)
    options = site.model_dump(include=set(keys.split())) | {"study": (site.band_start, site.band_stop)}
    options["unit_column"] = "" if site.units.endswith("json") else site.units
    return read_site(spectra, laboratory, name=site.title or site.site, **options)


def _places(scans: Scans, ids: list[str]) -> pd.DataFrame:
    """Samples, (n_samples,), with the mean place of their scans where all files say one."""
    samples = pd.DataFrame(index=pd.Index(ids, name="sample"))
    if scans.places is None:
        return samples
    mean = pd.DataFrame(scans.places, scans.ids, columns=["x", "y"]).groupby(level=0).mean()
    return samples.join(mean).assign(crs="EPSG:4326")


def _join_places(samples: pd.DataFrame, scanned: pd.DataFrame) -> pd.DataFrame:
    """Add the places of the files to a laboratory table that has none."""
    return samples if "x" in samples else samples.join(scanned)


def _without_noise(scans: Scans, study: tuple[float, float]) -> tuple[slice, list[str]]:
    """Bands but for those, outside the study's, up to the last that holds no reflectance; and a note."""
    low, high = REFLECTANCE_RANGE
    rows, bands = np.nonzero((scans.spectra < low) | (scans.spectra > high))
    if not bands.size:
        return slice(None), []
    nm, (start, stop) = scans.wavelengths, study
    first = max(bands[nm[bands] < start], default=-1) + 1
    end = min(bands[nm[bands] > stop], default=nm.size)
    row, band = rows[0], bands[0]
    at = f"{scans.at(int(row))}: {scans.spectra[row, band]:.4g} (reflectance) at {nm[band]:g} nm"
    others = f", as {len(set(rows)) - 1} other spectra" if len(set(rows)) > 1 else ""
    kept = f"{nm[first]:g}–{nm[end - 1]:g} nm kept"
    return slice(first, end), [f"{at}{others}: noise outside the study's {start:g}–{stop:g} nm; {kept}"]


def _find_unit(scans: Scans, unit: Unit | Literal["auto"]) -> Unit:
    """Unit that the files say, else that the site file says, else that the spectra look like."""
    where = str(scans.table.path)
    if scans.unit and unit not in ("auto", scans.unit):
        raise SiteError(
            f"{where}: instrument files say their unit themselves; they were read as {scans.unit}, not "
            f"{unit}: set spectra_unit to auto"
        )
    if scans.unit or unit != "auto":
        return scans.unit or unit
    return recognise_unit(scans.wavelengths, scans.spectra, where)


def _to_reflectance(scans: Scans, unit: Unit, study: tuple[float, float]) -> tuple[np.ndarray, list[str]]:
    """Reflectance as a fraction, (n_scans, n_bands), and a note if it was converted."""
    where, found = str(scans.table.path), unit
    some = scans.spectra[:: max(1, len(scans.ids) // 500)]  # a median of more takes long
    looks = "" if scans.unit else find_contradiction(found, scans.wavelengths, some)
    if looks:
        raise SiteError(f"{where}: said to be {found}, but it looks like {looks}; mend spectra_unit")
    reflectance = to_fraction(scans.spectra, found)
    odd = find_implausible(reflectance, is_needed(scans.wavelengths, study))
    if odd:
        row, band, why = odd
        value, nm = scans.spectra[row, band], scans.wavelengths[band]
        raise SiteError(f"{scans.at(row)}: {value:.4g} at {nm:g} nm, read as {found}; {why}")
    notes = [] if found == "fraction" else [f"reflectance from {found} to fraction"]
    if not scans.unit:  # else each file was looked at
        notes += describe_odd_bands(scans.wavelengths, reflectance, scans.at)
    return reflectance, notes


def _one_spectrum_each(
    scans: Scans, reflectance: np.ndarray, replicates: str
) -> tuple[list[str], np.ndarray, list[str]]:
    """Ids, one spectrum each, and a note if scans were averaged."""
    if replicates == "refuse":
        mend = "if they are scans of one sample set replicates: mean, else give each sample its own id"
        refuse_repeated_ids(scans.table, scans.ids, scans.id_column, mend)
    ids, mean, agree = average_scans(scans.ids, reflectance)
    if not agree.all():
        name = ids[int(np.argmin(agree))]
        rows = ", ".join(str(row) for row in scans.table.rows[scans.ids == name])
        raise SiteError(
            f"{scans.table.path}: the scans of sample {name!r} ({scans.table.words[0]}s {rows}) differ by "
            f"more than {SCAN_LIMIT:.0%}; delete the failed scan, or mend its id"
        )
    note = f"{len(scans.ids)} scans averaged to {len(ids)} samples"
    return list(ids), mean, [note] if len(ids) < len(scans.ids) else []


def _left_out(ids: Iterable[str], both: list[str], lacking: str) -> str:
    """Note of the ids that are on one side only, or an empty text."""
    alone = [name for name in ids if name not in set(both)]
    listed = ", ".join(alone[:8]) + (", …" if len(alone) > 8 else "")
    return f"{len(alone)} samples without {lacking} left out: {listed}" if alone else ""
