"""A site's own files, spectra and a laboratory table → :class:`SoilSpectra`.

Whatever is read otherwise than it stands is noted in the provenance.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy import ndimage

from soilpb._files import sha256_of
from soilpb._format import list_first
from soilpb.readers.columns import MIN_BANDS
from soilpb.readers.folder import holds_spectra, list_files, name_samples, read_folder
from soilpb.readers.formats.spectrum_file import (
    STUDY_NM,
    Unit,
    as_fraction,
    inside_bands,
    recognise_unit,
)
from soilpb.readers.ids import find_ids, match_ids, possible_ids, refuse_repeated_ids
from soilpb.readers.laboratory import open_laboratory, read_laboratory
from soilpb.readers.libraries import limesoda
from soilpb.readers.scans import (
    SCAN_LIMIT,
    Scans,
    average_scans,
    is_streamed,
    iterate_scans,
    join_scans,
    read_scans,
)
from soilpb.readers.tables import clean
from soilpb.site_file import REPLICATES_LIMIT, Site, SiteError, project_root
from soilpb.spectra import REFLECTANCE_RANGE, WARN, Provenance, SoilSpectra, resample

#: A value is odd if it lies this far, in reflectance, from the cubic through its two neighbours on either
#: side, and so many times farther than the bands around it do, and than the same band of most spectra.
ODD_VALUE, ODD_AROUND, ODD_AMONG = 0.008, 10.0, 3.0
#: Bands farther apart than this, nm, differ by more than that from their neighbours in many soils.
FINE = 7.0
#: A step between bands is odd if it deviates by this share from those around it.
ODD_STEP = 0.02
#: Scans with the ids of their samples, laboratory values, and notes on these.
Files = tuple[Scans, pd.DataFrame, list[str]]
#: Keys of a site file that say how to read its files: both, and the laboratory's alone.
FILE_KEYS = ("id_column", "bands", "splice")
ASSAY_KEYS = ("target_unit", "target_column", "below_detection", "x_column", "y_column", "group_column")


class Reading(NamedTuple):
    """How spectra are read: keys of a site file, by the names that they have there."""

    id_column: str = ""
    #: ``fraction``, ``percent``, ``absorbance`` (log10(1/R)), or ``auto``: where only one is possible.
    spectra_unit: Unit | Literal["auto"] = "auto"
    replicates: Literal["refuse", "mean"] = "refuse"  #: several spectra of one sample
    splice: Literal["auto", "off"] = "auto"  #: whether steps between detectors are removed
    replicates_limit: float = REPLICATES_LIMIT  #: share by which a scan may deviate from its sample's mean
    bands: str = ""  #: how names of the band columns begin, where there are several families
    study: tuple[float, float] = STUDY_NM  #: nm; what noise there is outside does not matter


def read_site(
    spectra: str | Path,
    laboratory: str | Path,
    *,
    target: str,
    name: str = "site",
    instrument: str = "",
    citation: str = "",
    licence: str = "",
    files: Files | None = None,
    **options: Any,
) -> SoilSpectra:
    """Read a site's spectra and laboratory table on the instrument's own bands.

    Parameters
    ----------
    spectra, laboratory : path
        CSV, TSV or XLSX, ``file.xlsx#Sheet`` for one of several sheets; both may be one file.
        ``spectra`` may be a folder of instrument files too, each named after its sample (see
        :mod:`soilpb.readers.folder`).
    target : str
        See :func:`~soilpb.readers.laboratory.read_laboratory`.
    name, instrument, citation, licence : str
        For the provenance.
    files : tuple, optional
        What :func:`read_files` has made of the files, if it was called before.
    **options : Any
        Fields of :class:`Reading`, and further ones of :func:`~soilpb.readers.laboratory.read_laboratory`.

    Returns
    -------
    SoilSpectra
        The samples that have both a spectrum and a laboratory row, in the order of the
        spectra; how many have one only is noted.
    """
    how = Reading(**{key: options.pop(key) for key in Reading._fields if key in options})
    files = files or read_files(spectra, laboratory, target, how.id_column, how.bands, how.splice, **options)
    scans, samples, notes = files
    scanned = _average([scans], spectra, how)
    ids = scanned.samples.index
    both = match_ids(list(ids), samples.index, (str(spectra), str(laboratory)))
    alone = [_left_out(ids, both, "a laboratory row"), _left_out(samples.index, both, "a spectrum")]
    return SoilSpectra(
        wavelengths=scanned.wavelengths,
        reflectance=scanned.reflectance[ids.get_indexer(both)],
        samples=samples.loc[both] if "x" in samples else samples.loc[both].join(scanned.samples),
        provenance=replace(
            scanned.provenance,
            name=name,
            instrument=instrument or scanned.provenance.instrument,
            citation=citation,
            licence=licence,
            sha256=sha256_of(*list_files(spectra), *list_files(laboratory)),
            notes=(*notes, *scanned.provenance.notes, *filter(None, alone)),
        ),
    )


def read_files(
    spectra: str | Path,
    laboratory: str | Path,
    target: str,
    id_column: str = "",
    bands: str = "",
    splice: Literal["auto", "off"] = "auto",
    **assays: Any,
) -> Files:
    """Read both files of a site: the scans, named after their samples, the samples, and notes.

    Each file tells which column of the other its ids are. Parameters are those of :func:`read_site`.
    """
    table = open_laboratory(laboratory, assays.get("target_column") or target)
    if folder := holds_spectra(spectra):
        names = [clean(path.stem) for path in list_files(spectra)]
    else:
        scans = read_scans(spectra, id_column, possible_ids(table, id_column), bands)
        names = list(scans.ids)
    samples, notes = read_laboratory(table, target, id_column=id_column, known=names, **assays)
    if folder:
        scans = read_folder(spectra, samples.index, splice=splice)
    used = {scans.table.header[scans.id_column], samples.attrs["id_column"]}
    if id_column and id_column.casefold() not in map(str.casefold, used):
        find_ids(table, id_column)  # refuses a name that neither has
    return (scans if folder else name_samples(scans, samples.index)), samples, notes


def read_spectra(
    spectra: str | Path,
    *,
    known: Collection[str] = (),
    counters: Sequence[str] = (),
    grid: np.ndarray | None = None,
    **options: Any,
) -> SoilSpectra:
    """Read spectra alone, of soils that no laboratory has seen, on the instrument's own bands.

    ``known`` are ids that names of instrument files may begin with, before a counter of scans; ``counters``
    say how scans of other samples are counted (see :mod:`soilpb.readers.folder`). A table that is read in
    several blocks is resampled to ``grid``, nm, block by block, where one is given. ``options`` are fields of
    :class:`Reading`. Bands outside the study's, nm, that hold what no soil reflects are dropped: instruments
    are dark at their ends.
    """
    how = Reading(**options)
    if holds_spectra(spectra):
        blocks, grid = [read_folder(spectra, known, counters, how.splice)], None
    else:
        blocks = iterate_scans(spectra, how.id_column, known, how.bands)
        blocks = (name_samples(scans, known, counters) for scans in blocks)
    return _average(blocks, spectra, how, grid if is_streamed(spectra) else None)


def _average(
    blocks: Iterable[Scans], spectra: str | Path, how: Reading, grid: np.ndarray | None = None
) -> SoilSpectra:
    """Reflectance of each sample, with how the scans were read; each block on a grid, if one is given."""
    parts, unit = [], how.spectra_unit
    for scans in blocks:
        scans, unit = _to_reflectance(scans, unit, how.study)
        if grid is not None:
            values = resample(scans.wavelengths, scans.spectra, grid)
            scans = replace(scans, wavelengths=np.asarray(grid, float), spectra=values)
        parts.append(scans)
    scans = join_scans(parts)
    keep, dropped = _without_noise(scans, how.study)
    ids, reflectance, averaged = _one_spectrum_each(scans, scans.spectra[:, keep], how)
    samples = pd.DataFrame(index=pd.Index(ids, name="sample"))
    if scans.places is not None:
        mean = pd.DataFrame(scans.places, scans.ids, columns=["x", "y"]).groupby(level=0).mean()
        samples = samples.join(mean).assign(crs="EPSG:4326")
    return SoilSpectra(
        wavelengths=scans.wavelengths[keep],
        reflectance=reflectance,
        samples=samples,
        provenance=Provenance(
            name=Path(spectra).name,
            kind="measured",
            instrument=scans.instrument or "unknown",
            sha256=sha256_of(*list_files(spectra)),
            notes=(*scans.notes, *dropped, *averaged),
        ),
    )


def read_measured(site: Site, files: Files | None = None) -> SoilSpectra:
    """Read the measured soils that a site file points at, on their native bands.

    ``files`` are what :func:`read_files` made of them, where that was called before.
    """
    if site.target_data == "limesoda":
        return limesoda.load_field(site.limesoda_set)
    if site.target_data != "files":
        raise SiteError(f"site {site.site!r} is simulated: nobody measured its soils")
    keys = "target spectra_unit replicates replicates_limit instrument citation licence"
    # Paths below the current folder are shown, in messages, as users type them.
    paths, here = [project_root() / path for path in (site.spectra, site.laboratory)], Path.cwd()
    spectra, laboratory = (path.relative_to(here) if path.is_relative_to(here) else path for path in paths)
    options = site.model_dump(include={*keys.split(), *FILE_KEYS, *ASSAY_KEYS})
    options["unit_column"] = "" if site.units.endswith("json") else site.units
    study = (site.band_start, site.band_stop)
    name = site.title or site.site
    return read_site(spectra, laboratory, name=name, study=study, files=files, **options)


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
    at = f"{scans.noted_at(int(row))}: {scans.spectra[row, band]:.4g} (reflectance) at {nm[band]:g} nm"
    others = f", as {len(set(rows)) - 1} other spectra" if len(set(rows)) > 1 else ""
    kept = f"{nm[first]:g}–{nm[end - 1]:g} nm kept"
    return slice(first, end), [f"{at}{others}: noise outside the study's {start:g}–{stop:g} nm; {kept}"]


def _to_reflectance(
    scans: Scans, unit: Unit | Literal["auto"], study: tuple[float, float]
) -> tuple[Scans, Unit]:
    """Scans as a fraction, and their unit: what the files say, else the site file, else their looks."""
    where, nm = str(scans.table.path), scans.wavelengths
    if scans.unit and unit not in ("auto", scans.unit):
        raise SiteError(
            f"{where}: instrument files say their unit themselves; they were read as {scans.unit}, not "
            f"{unit}: set spectra_unit to auto"
        )
    some = scans.spectra[:: max(1, len(scans.spectra) // 500)]
    if done := find_transformation(some) or find_transformation(some[:, inside_bands(nm, study)]):
        raise SiteError(
            f"{where}: the spectra are {done}, as no reflectance or absorbance of soils is; export them as "
            "they were measured: a study preprocesses by itself"
        )
    if unit == "auto":
        unit = scans.unit or recognise_unit(nm, some, where)
    reflectance = as_fraction(scans.spectra, unit, nm, where, scans.at, study)
    notes = [] if unit == "fraction" else [f"reflectance from {unit} to fraction"]
    notes += describe_odd_bands(nm, reflectance, scans.noted_at)
    return replace(scans, spectra=reflectance, notes=(*scans.notes, *notes)), unit


def find_transformation(values: np.ndarray) -> str:
    """Name what was done to spectra, (n_samples, n_bands), that are no soil's any more; else empty.

    Reflectance and absorbance of soils are positive, their brightness differs from soil to soil by 5 %
    or more (56 measured sites), and nothing makes their extremes, means or norms equal.
    """
    values = np.asarray(values, dtype=np.float64)
    typical = np.median(values, axis=0)
    if typical.max() <= 0:
        return "logarithms of reflectance"
    if (typical < 0).mean() > 0.05:
        standard = np.abs(values.mean(axis=1)).max() < 0.3 and np.abs(values.std(axis=1) - 1).max() < 0.3
        return "standard normal variates (SNV)" if standard else "derivatives, or centred"
    least, ends = 1e-3 * np.abs(values).max(), values[:, [0, -1]]
    extremes = (values.max(axis=1), values.min(axis=1))
    if any(np.ptp(level) < least and np.abs(ends - level[:, None]).max() < least / 10 for level in extremes):
        return "continuum-removed"
    alike = len(values) < 5 or np.ptp(values, axis=0).max() < 10 * least
    return "" if alike else _find_scaling(values, least)


def _find_scaling(values: np.ndarray, least: float) -> str:
    """Name what gave spectra of different shapes one size; a difference below ``least`` is none."""
    mean, top, bottom = values.mean(axis=0), values.max(axis=1), values.min(axis=1)
    sizes = {"maximum": top, "mean": values.mean(axis=1), "norm": np.linalg.norm(values, axis=1)}
    if np.ptp(values.min(axis=0)) < least and np.ptp(values.max(axis=0)) < least:
        return "scaled band by band"
    if (np.ptp(top) < least and np.ptp(bottom) < least) or (bottom.min() == 0 and top.max() in (1, 100)):
        return "scaled between their minimum and maximum"
    if one := [name for name, size in sizes.items() if np.ptp(size) < 1e-3 * size.mean()]:
        return f"scaled to one {one[0]}"
    slope, offset = np.polyfit(mean, values.T, 1)
    uneven = max(slope.std(), sizes["mean"].std() / mean.mean())
    left_over = (values - slope[:, None] * mean - offset[:, None]).std() / mean.mean()
    corrected = len(values) >= 10 and uneven < 0.01 and left_over > 5 * max(uneven, 1e-3)
    return "corrected for scatter (MSC)" if corrected else ""


def describe_odd_bands(
    wavelengths: np.ndarray, reflectance: np.ndarray, name: Callable[[int], str]
) -> list[str]:
    """Notes on values, (n_samples, n_bands), and bands that their neighbours contradict.

    A flipped bit or a wrong digit looks so; a soil, measured every few nm, does not. ``name`` says where
    a row stands.
    """
    if np.size(wavelengths) < MIN_BANDS:
        return []
    odd = [
        (start + row, band, expected)
        for start in range(0, len(reflectance), 100)
        for row, band, expected in find_odd_values(wavelengths, reflectance[start : start + 100])
    ]
    notes = []
    if odd:
        row, band, expected = max(odd, key=lambda one: abs(reflectance[one[0], one[1]] - one[2]))
        more = len({other for other, *_ in odd}) - 1
        notes.append(
            f"{name(row)}: {reflectance[row, band]:.4g} (reflectance) at {wavelengths[band]:g} nm, the "
            f"bands around say {expected:.4g}: a wrong digit?{f' ({more} more such spectra)' if more else ''}"
        )
    odd_steps = _find_odd_steps(wavelengths)[:1]
    what = "is unevenly spaced: a wrong digit?"
    return notes + [f"{name(0)}: the band {wavelengths[band]:g} nm {what}" for band in odd_steps]


def find_odd_values(wavelengths: np.ndarray, reflectance: np.ndarray) -> list[tuple[int, int, float]]:
    """Row, band and expected value (by Lagrange's cubic) of each odd value of (n_samples, n_bands)."""
    few, n_bands = len(reflectance) < 5, wavelengths.size
    if few and np.median(np.abs(np.diff(wavelengths))) > FINE:
        return []
    bands = np.arange(n_bands)
    near = np.clip(bands, 2, n_bands - 3)[:, None] + np.arange(-2, 3)
    near = near[near != bands[:, None]].reshape(-1, 4)
    x = (wavelengths[near] - wavelengths[:, None]).T
    weights = [np.prod([x[k] / (x[k] - x[j]) for k in range(4) if k != j], axis=0) for j in range(4)]
    expected = sum(weights[j] * reflectance[:, near[:, j]] for j in range(4))
    off = np.abs(reflectance - expected)
    least = np.full(n_bands, ODD_VALUE)
    asked = np.flatnonzero((off > least).any(axis=0))  # a quantile of every band takes long
    if not few:
        least[asked] = np.maximum(ODD_VALUE, ODD_AMONG * np.quantile(off[:, asked], 0.8, axis=0))
    rows, columns = np.nonzero(off > least)
    noise = off / np.sqrt(1 + np.square(weights).sum(axis=0))
    width = min(21, n_bands)
    around = np.clip(columns - width // 2, 0, n_bands - width)[:, None] + np.arange(width)
    odd = noise[rows, columns] > ODD_AROUND * np.median(noise[rows[:, None], around], axis=1)
    return [(int(i), int(j), float(expected[i, j])) for i, j in zip(rows[odd], columns[odd], strict=True)]


def _find_odd_steps(wavelengths: np.ndarray) -> np.ndarray:
    """Bands that are too near to one neighbour by what they are too far from the other."""
    steps = np.abs(np.diff(wavelengths))
    usual = ndimage.median_filter(steps, 5, mode="nearest")
    off = steps / usual - 1
    least = max(ODD_STEP, ODD_AROUND * float(np.mean(np.abs(np.diff(off)))))
    return np.flatnonzero((off[:-1] * off[1:] < 0) & (np.minimum(*np.abs([off[:-1], off[1:]])) > least)) + 1


def _one_spectrum_each(
    scans: Scans, reflectance: np.ndarray, how: Reading
) -> tuple[list[str], np.ndarray, list[str]]:
    """Ids, one spectrum each, and notes if scans were averaged."""
    if how.replicates == "refuse":
        mend = "if they are scans of one sample set replicates: mean, else give each sample its own id"
        refuse_repeated_ids(scans.table, scans.ids, scans.id_column, mend)
    ids, mean, deviation = average_scans(scans.ids, reflectance)
    notes = [f"{len(scans.ids)} scans averaged to {len(ids)} samples"] if len(ids) < len(scans.ids) else []
    if (odd := deviation > SCAN_LIMIT).any():
        worst = ids[int(np.argmax(deviation))]
        rows = ", ".join(str(row) for row in scans.table.rows[scans.ids == worst])
        where = f"{scans.table.path}: the scans of sample {worst!r} ({scans.table.words[0]}s {rows})"
        found = f"{where} differ from their mean by up to {deviation.max():.0%}"
        if deviation.max() > how.replicates_limit:
            mend = "delete the failed scan, mend its id, or raise the limit"
            raise SiteError(f"{found}, more than replicates_limit, {how.replicates_limit:.0%}; {mend}")
        few = f"{odd.sum()} of {len(ids)} samples: {list_first(ids[odd])}"
        notes.append(f"{WARN}{found}; beyond {SCAN_LIMIT:.0%} in {few}")
    return list(ids), mean, notes


def _left_out(ids: Iterable[str], both: list[str], lacking: str) -> str:
    """Note of the ids that are on one side only, or an empty text."""
    alone = [name for name in ids if name not in set(both)]
    return f"{len(alone)} samples without {lacking} left out: {list_first(alone)}" if alone else ""
