"""A folder of spectra: which files are spectra, and which sample each file is about.

Every file is told by its content. A file with an instrument's suffix but other content, or one that
is no vis-NIR reflectance, stops the reading; other files are left aside and named. A file is
named after its sample, perhaps with a counter of scans behind: ``S1.asd``, ``S1_00002.asd``,
``S1-2.sed``, ``S1 (2).sig``, ``S100002.asd`` (ASD), ``S1.0`` (OPUS), ``S1MD01.asd`` (KSSL). A counter
is taken off only where what remains is a sample of the laboratory's table or, for new spectra, where
the files of the site's own soils were counted in the same way (:func:`find_counters`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from soilpb.readers.columns import fold_id, locate_bands
from soilpb.readers.formats import find_format, has_instrument_suffix, read_instrument
from soilpb.readers.formats.spectrum_file import (
    describe_odd_bands,
    recognise_unit,
    to_fraction,
    to_reflectance,
)
from soilpb.readers.scans import Scans, read_scans
from soilpb.readers.tables import Table, clean, read_table
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid, correct_splices

#: Share of a file's range that may be lost to the range all files have in common.
LOST_RANGE = 0.1

_TABLES = (".csv", ".tsv", ".txt", ".xlsx")
_COUNTERS = tuple(
    re.compile(rf"(?P<id>.+?){counter}")
    for counter in (
        r"[ _.\-]+(?:scan|rep|r)?[ _.\-]?\d{1,5}",
        r" ?\(\d+\)",
        r"\d{5}",
        r"\d{3}",
        r"[A-Z]{2}\d{2}",
    )
)
#: Counters that hardly end a sample's own name.
_TELLING = re.compile(r"(?P<id>.+?)[ _.\-]+(?:(?:scan|rep|r)[ _.\-]?\d{1,3}|0\d{2,4})")


class Scan(NamedTuple):
    """One spectrum of the folder: reflectance as a fraction over nm, both (n_bands,)."""

    path: Path
    sample: str
    wavelengths: np.ndarray
    reflectance: np.ndarray
    instrument: str = ""
    notes: tuple[str, ...] = ()


def list_files(path: str | Path) -> list[Path]:
    """Files that stand for a site's spectra: the file itself, or all of a folder but hidden ones."""
    path = Path(path)
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith((".", "~$")))


def read_folder(folder: str | Path, known: Collection[str] = (), counters: Sequence[str] = ()) -> Scans:
    """Read all spectra of a folder; its subfolders are not looked into.

    Parameters
    ----------
    folder : path
    known : collection of str
        Ids of the laboratory's table, so that names such as ``S1_00002.asd`` find their sample.
    counters : sequence of str
        How scans of other samples are counted, from :func:`find_counters`.

    Returns
    -------
    Scans
        In the order of the files' names, reflectance as a fraction, on the bands that all
        files have; interpolated to whole nm where their bands differ.
    """
    folder, scans, aside, faults = Path(folder), [], [], []
    for path in list_files(folder):
        try:
            found = _read_file(path, known, counters)
        except SiteError as error:
            faults.append((path.name, str(error)))
            continue
        aside += [] if found else [path.name]
        scans += found
    if faults:
        others = [name for name, _ in faults[1:]]
        also = f" ({len(others)} other files cannot be read either: {_listed(others)})" if others else ""
        raise SiteError(f"{faults[0][1]}{also}")
    if not scans:
        raise SiteError(_nothing_found(folder, aside))
    wavelengths, spectra, notes = _on_common_bands(scans)
    if aside:
        notes.append(f"files of {folder.name} without spectra left aside: {_listed(aside)}")
    # Notes of the scans, each once, with the number of scans it is about.
    counts = Counter(note for scan in scans for note in scan.notes)
    names = np.array([scan.path.name for scan in scans], dtype=object)
    return Scans(
        table=Table(folder, ("file name",), names[:, None], names, words=("file", "part")),
        id_column=0,
        ids=np.array([scan.sample for scan in scans], dtype=object),
        wavelengths=wavelengths,
        spectra=spectra,
        notes=(*(f"{note} ({count} spectra)" for note, count in counts.items()), *notes),
        unit="fraction",
        instrument="; ".join(sorted({scan.instrument for scan in scans} - {""})),
    )


def find_sample_id(path: Path, known: Collection[str], counters: Sequence[str] = ()) -> str:
    """Id of the sample that a file is about.

    It is one of ``known``, the ids of the laboratory's table; else the name without one of ``counters``
    (from :func:`find_counters`); else an id that is spelt otherwise in ``known``, for
    :func:`~soilpb.readers.columns.match_ids` to refuse; else the whole name. A name that fits two samples
    is refused.
    """
    name = clean(path.stem)
    if name in known:
        return name
    matches = [match["id"] for counter in _COUNTERS if (match := counter.fullmatch(name))]
    fitting = sorted(set(matches) & set(known)) or _without(counters, name)
    if len(fitting) > 1:
        raise SiteError(
            f"{path}: the name may mean sample {' or '.join(map(repr, fitting))}; rename the file to its "
            "sample's id, '_' and a number"
        )
    if fitting:
        return fitting[0]
    folded = {fold_id(other) for other in known}
    return next((other for other in (name, *matches) if fold_id(other) in folded), name)


def find_counters(paths: Iterable[Path], known: Collection[str]) -> tuple[str, ...]:
    """Say how files of ``known`` samples count their scans: what stands behind the ids, digits as ``#``.

    There are as many ``#`` as digits where zeros lead them or there are three or more, else one for a
    number of one or two digits.
    """
    found = set()
    for path in paths:
        name, sample = clean(path.stem), find_sample_id(path, known)
        if sample in known and name.startswith(sample) and name != sample:
            found.add(re.sub(r"\d+", _as_marks, name.removeprefix(sample)))
    return tuple(sorted(found))


def find_counted_scans(ids: Sequence[str]) -> tuple[str, ...]:
    """Ids that look like scans of the first sample that has several; none if no sample has."""
    scans: dict[str, list[str]] = {}
    for name in ids:
        if match := _TELLING.fullmatch(str(name)):
            scans.setdefault(match["id"], []).append(str(name))
    return next((tuple(names) for names in scans.values() if len(names) > 1), ())


def _without(counters: Sequence[str], name: str) -> list[str]:
    """What may remain of a name without its counter."""
    behind = ("".join(map(_as_pattern, re.split(r"(#+)", counter))) for counter in counters)
    matches = (re.fullmatch(rf"(?P<id>.+?){pattern}", name) for pattern in behind)
    return sorted({match["id"] for match in matches if match})


def _as_marks(digits: re.Match[str]) -> str:
    fixed = digits[0].startswith("0") or len(digits[0]) > 2
    return "#" * len(digits[0]) if fixed else "#"


def _as_pattern(part: str) -> str:
    if not part.startswith("#"):
        return re.escape(part)
    return rf"\d{{{len(part)}}}" if len(part) > 1 else r"[1-9]\d?"


def _read_file(path: Path, known: Collection[str], counters: Sequence[str]) -> list[Scan]:
    """Spectra of a file; none if it is about something else."""
    try:
        is_instruments = find_format(path) is not None or has_instrument_suffix(path)
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if is_instruments:
        return [_read_spectrum_file(path, known, counters)]
    if path.suffix.lower() in _TABLES and _has_bands(path):
        return _read_table_of_spectra(path, known, counters)
    return []


def _has_bands(path: Path) -> bool:
    """Tell spectra from laboratory tables and, in plain text, from remarks."""
    try:
        return locate_bands(read_table(path)) is not None
    except SiteError:
        if path.suffix.lower() == ".txt":
            return False
        raise


def _read_spectrum_file(path: Path, known: Collection[str], counters: Sequence[str]) -> Scan:
    found = read_instrument(path)
    wavelengths, reflectance = to_reflectance(found)
    notes = list(found.notes)
    if found.quantity != "fraction":
        notes.append(f"reflectance from {found.quantity} to fraction")
    if found.splices:
        reflectance = correct_splices(wavelengths, reflectance[None], found.splices)[0]
        at = ", ".join(f"{splice:g}" for splice in found.splices)
        notes.append(f"steps between detectors removed at {at} nm")
    sample = find_sample_id(path, known, counters)
    return Scan(path, sample, wavelengths, reflectance, found.instrument, tuple(notes))


def _read_table_of_spectra(path: Path, known: Collection[str], counters: Sequence[str]) -> list[Scan]:
    """Spectra of a table; a single one, as programs export it, is named after its file."""
    scans = read_scans(path)
    alone = len(scans.ids) == 1 and scans.ids[0] not in known
    ids = [find_sample_id(path, known, counters)] if alone else scans.ids
    unit = recognise_unit(scans.wavelengths, scans.spectra, str(path))
    reflectance = to_fraction(scans.spectra, unit)
    notes = [*scans.notes, *([f"reflectance from {unit} to fraction"] if unit != "fraction" else [])]
    notes += describe_odd_bands(scans.wavelengths, reflectance, scans.at)
    return [
        Scan(path, name, scans.wavelengths, spectrum, notes=tuple(notes))
        for name, spectrum in zip(ids, reflectance, strict=True)
    ]


def _nothing_found(folder: Path, aside: Sequence[str]) -> str:
    inner = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[0] != ".")
    there = f"it has the files {_listed(aside)}" if aside else "it has no files"
    hint = f"; are they in the subfolder {inner[0]!r}? name that folder" if inner else ""
    return f"{folder} has no spectra; {there}{hint or '; put the instrument files there'}"


def _on_common_bands(scans: Sequence[Scan]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Wavelengths, reflectance (n_scans, n_bands), and a note if bands differed."""
    bands = scans[0].wavelengths
    if all(np.array_equal(scan.wavelengths, bands) for scan in scans):
        return bands, np.array([scan.reflectance for scan in scans]), []
    low = max(scan.wavelengths[0] for scan in scans)
    high = min(scan.wavelengths[-1] for scan in scans)
    _refuse_lost_range(scans, low, high)
    # As fine as the finest file, and interpolated: bands are averaged once, on the study's own grid.
    finest = min(float(np.median(np.diff(scan.wavelengths))) for scan in scans)
    grid = band_grid(np.ceil(low), np.floor(high), max(1.0, np.floor(finest)))
    spectra = [np.interp(grid, scan.wavelengths, scan.reflectance) for scan in scans]
    span = f"{grid[0]:g}–{grid[-1]:g} nm by {grid[1] - grid[0]:g} nm"
    return grid, np.array(spectra), [f"files differ in their bands: interpolated to {span}"]


def _refuse_lost_range(scans: Sequence[Scan], low: float, high: float) -> None:
    widths = np.array([np.ptp(scan.wavelengths) for scan in scans])
    if high - low >= (1 - LOST_RANGE) * widths.max():
        return
    narrow, wide = scans[int(widths.argmin())], scans[int(widths.argmax())]
    spans = [f"{scan.wavelengths[0]:g}–{scan.wavelengths[-1]:g} nm" for scan in (narrow, wide)]
    raise SiteError(
        f"{narrow.path} covers {spans[0]}, {wide.path.name} covers {spans[1]}: one is cut off or of "
        "another instrument; copy it again, or keep the instruments in folders of their own"
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
