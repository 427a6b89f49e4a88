"""A folder of spectra: which files are spectra, told by content, and which sample each file is about.

What has an instrument's suffix but is no vis-NIR reflectance stops the reading; other files are left aside.
A counter of scans behind a sample's id (``S1_00002.asd``) is taken off only where what remains is an id of
the laboratory or, for new spectra, where the site's own files were counted in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from soilpb._format import list_first
from soilpb.readers.columns import locate_bands
from soilpb.readers.formats import export_hint, find_format, has_instrument_suffix, read_instruments
from soilpb.readers.formats.spectrum_file import (
    UNDIVIDED,
    SpectrumFile,
    recognise_unit,
    to_reflectance,
)
from soilpb.readers.formats.white_reference import divide_by
from soilpb.readers.ids import fold_id
from soilpb.readers.scans import Scans, read_scans
from soilpb.readers.tables import Table, clean, read_table, split_sheet
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid, correct_splices, measure_steps

#: Share of a file's range that may be lost to the range all files have in common.
LOST_RANGE = 0.1

_TEXTS = (".txt", ".dat", ".asc", ".prn")
_TABLES = (".csv", ".tsv", ".xlsx", *_TEXTS)
_WORDED = r"[ _.\-]+(?:scan|rep|r)?[ _.\-]?\d{1,5}"
_COUNTERS = tuple(
    re.compile(rf"(?P<id>.+?){counter}")
    for counter in (_WORDED, r" ?\(\d+\)", r"\d{5}", r"\d{3}", r"[A-Z]{2}\d{2}")
)
#: What files of a white reference are called.
_WHITE = re.compile(r"(white|wr|wref|ref|reference|spectralon|panel|白板|参考)(\W|_|\d|ref)*", re.IGNORECASE)
#: What instruments' programs leave of file names in the columns of an export.
_SUFFIXES = re.compile(r"(\.(asd|ref|rad|raw|sed|sig|spc|spa|dpt|jdx|dx|txt|csv))+$", re.IGNORECASE)
_DIGITS = str.maketrans("0123456789", 10 * "#")
#: Counters that hardly end a sample's own name.
_TELLING = re.compile(r"(?P<id>.+?)[ _.\-]+(?:(?:scan|rep|r)[ _.\-]?\d{1,3}|0\d{2,4})")


def list_files(path: str | Path) -> list[Path]:
    """Files that stand for a site's spectra: the file itself, or all below a folder but hidden ones."""
    path, _ = split_sheet(path)
    if not path.is_dir():
        return [path]
    files = (file for file in path.rglob("*") if file.is_file())
    return sorted(
        file for file in files if not any(p.startswith((".", "~$")) for p in file.relative_to(path).parts)
    )


def holds_spectra(path: str | Path) -> bool:
    """Tell a folder, or a file of an instrument, from a table."""
    path = Path(path)
    return path.is_dir() or (
        path.is_file() and (has_instrument_suffix(path) or find_format(path) is not None)
    )


def read_folder(
    folder: str | Path,
    known: Collection[str] = (),
    counters: Sequence[str] = (),
    splice: Literal["auto", "off"] = "auto",
) -> Scans:
    """Read all spectra of a folder and the folders in it, or of one file of an instrument.

    Parameters
    ----------
    folder : path
    known : collection of str
        Ids of the laboratory's table, so that names such as ``S1_00002.asd`` find their sample.
    counters : sequence of str
        How scans of other samples are counted, from :func:`find_counters`.
    splice : str
        ``auto`` removes steps between detectors where they are seen; ``off`` leaves spectra as they are.

    Returns
    -------
    Scans
        In the order of the files' names, reflectance as a fraction, on the bands that all
        files have; interpolated to whole nm where their bands differ. Counts or radiance alone are
        divided by those of white references in the same folder (``white_1.asd``, ``ref.sed``).
    """
    folder = Path(folder)
    base = folder if folder.is_dir() else folder.parent
    files, faults = list_files(folder), {}
    find = sample_finder(known, counters)
    found = _try_each(files, lambda path: _read_file(path, known, counters, find), faults)
    whites = _take_whites(found, known)

    def to_scans(path: Path) -> list[SpectrumFile]:
        return [_to_scan(file, whites.get(path.parent, []), splice) for file in found[path]]

    scans = [scan for parts in _try_each(found, to_scans, faults).values() for scan in parts]
    names = {path: path.relative_to(base).as_posix() for path in files}
    if faults:
        others = [names[path] for path in sorted(faults)[1:]]
        also = f" ({len(others)} other files cannot be read either: {list_first(others)})" if others else ""
        raise SiteError(f"{faults[min(faults)]}{also}")
    aside = [names[path] for path, parts in found.items() if not parts]
    hints = sorted({f"{path.suffix} from {hint}" for path in files if (hint := export_hint(path))})
    hints = f"export {'; '.join(hints)}" if hints else ""  # how to, from formats that are not read
    if not scans:
        there = f"it has the files {list_first(aside)}" if aside else "it has no files"
        raise SiteError(f"{folder} has no spectra; {there}; {hints or 'put the instrument files there'}")
    wavelengths, spectra, notes = _on_common_bands(scans)
    if used := sorted({names[white.path] for parts in whites.values() for white in parts}):
        notes.append(f"white references: {list_first(used)}")
    if aside:
        notes.append(
            f"files of {folder.name} without spectra left aside: {list_first(aside)}{hints and f' ({hints})'}"
        )
    rows = np.array([names[scan.path] for scan in scans], dtype=object)
    return Scans(
        table=Table(folder, ("file name",), rows[:, None], rows, words=("file", "part")),
        id_column=0,
        ids=np.array([scan.sample for scan in scans], dtype=object),
        wavelengths=wavelengths,
        spectra=spectra,
        notes=(*_collect_notes(scans), *notes),
        unit="fraction",
        instrument="; ".join(sorted({scan.instrument for scan in scans} - {""})),
        places=np.array([scan.place for scan in scans]) if all(scan.place for scan in scans) else None,
    )


def _try_each(
    paths: Iterable[Path], read: Callable[[Path], list[SpectrumFile]], faults: dict[Path, str]
) -> dict[Path, list[SpectrumFile]]:
    """Read each file; what is wrong with those that cannot be read goes into ``faults``."""
    found = {}
    for path in paths:
        try:
            found[path] = read(path)
        except SiteError as error:
            faults[path] = str(error)
    return found


def name_samples(scans: Scans, known: Collection[str], counters: Sequence[str] = ()) -> Scans:
    """Replace the names of spectra by the ids of their samples (:func:`sample_finder`)."""
    find = sample_finder(known, counters, f"{scans.table.path}, ")
    return replace(scans, ids=np.array([find(name) for name in scans.ids], dtype=object))


def sample_finder(
    known: Collection[str], counters: Sequence[str] = (), where: str = ""
) -> Callable[[Path | str], str]:
    """Return what tells the sample that a file, or what a table calls a spectrum, is about.

    It is one of ``known``, else the name without one of ``counters`` (from :func:`find_counters`), else an
    id spelt otherwise in ``known``, else the whole name. ``where`` stands before refusals.
    """
    known = frozenset(known)
    folded = {fold_id(other) for other in known}

    def find(path: Path | str) -> str:
        name = clean(path.stem if isinstance(path, Path) else path)
        bare = _SUFFIXES.sub("", name)
        if name in known or not (known or len(counters)):
            return name
        if bare in known:
            return bare
        matches = [match["id"] for counter in _COUNTERS if (match := counter.fullmatch(bare))]
        fitting = sorted({*matches} & known or {m for m in matches if _marks(bare, m) & {*counters}})
        if len(fitting) > 1:
            raise SiteError(
                f"{where}{path}: the name may mean sample {' or '.join(map(repr, fitting))}; rename it to "
                "its sample's id, '_' and a number"
            )
        if fitting:
            return fitting[0]
        return next((other for other in (name, bare, *matches) if fold_id(other) in folded), name)

    return find


def find_counters(paths: Iterable[Path | str], known: Collection[str]) -> tuple[str, ...]:
    """Say how names of spectra count their scans: what stands behind the ``known`` ids, digits as ``#``.

    There is one ``#`` for a number of one or two digits, else as many as digits.
    """
    found, find = set(), sample_finder(known)
    for path in paths:
        name, sample = clean(path.stem if isinstance(path, Path) else path), find(path)
        if sample in known and name.startswith(sample) and name != sample:
            found.add(min(_marks(_SUFFIXES.sub("", name), sample), key=len))
    return tuple(sorted(found))


def _marks(name: str, sample: str) -> set[str]:
    """Counter behind a sample's id with digits as ``#``: one for each, and one for a short number."""
    behind = name.removeprefix(sample)
    return {re.sub(r"\d", "#", behind), re.sub(r"(?<!\d)[1-9]\d?(?!\d)", "#", behind).translate(_DIGITS)}


def find_counted_scans(ids: Sequence[str]) -> tuple[str, ...]:
    """Ids that look like scans of the first sample that has several; none if no sample has."""
    scans: dict[str, list[str]] = {}
    for name in ids:
        if match := _TELLING.fullmatch(str(name)):
            scans.setdefault(match["id"], []).append(str(name))
    return next((tuple(names) for names in scans.values() if len(names) > 1), ())


def _read_file(
    path: Path, known: Collection[str], counters: Sequence[str], find: Callable[[Path | str], str]
) -> list[SpectrumFile]:
    """Spectra of a file, called after their samples; none if it is about something else."""
    try:
        is_instruments = holds_spectra(path)
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if is_instruments:
        return _name_spectra(path, read_instruments(path), known, find)
    if path.suffix.lower() not in _TABLES or not _has_bands(path, known):
        return []
    scans = name_samples(read_scans(path, known=known), known, counters)
    alone = len(scans.ids) == 1 and scans.ids[0] not in known  # as programs export it: named after its file
    unit = recognise_unit(scans.wavelengths, scans.spectra, str(path))
    return [
        SpectrumFile(path, scans.wavelengths, "nm", spectrum, unit, sample=name, notes=scans.notes)
        for name, spectrum in zip([find(path)] if alone else scans.ids, scans.spectra, strict=True)
    ]


def _take_whites(
    found: dict[Path, list[SpectrumFile]], known: Collection[str]
) -> dict[Path, list[SpectrumFile]]:
    """Take files off that are named after a white reference and hold counts or radiance, by their folders."""
    whites: dict[Path, list[SpectrumFile]] = {}
    for path in [path for path in found if _WHITE.fullmatch(path.stem) and clean(path.stem) not in known]:
        if found[path] and all(spectrum.quantity in UNDIVIDED for spectrum in found[path]):
            whites.setdefault(path.parent, []).extend(found.pop(path))
    return whites


def _collect_notes(scans: Sequence[SpectrumFile]) -> list[str]:
    """Notes of the scans, each once: with the names of files that it is about, or their number."""
    about: dict[str, list[str]] = {}
    for name, note in ((scan.path.name, note) for scan in scans for note in scan.notes):
        bare = note.removeprefix(f"{name}: ")
        about.setdefault(bare, []).append(name if bare != note else "")
    return [
        f"{list_first(sorted(set(names)))}: {note}" if names[0] else f"{note} ({len(names)} spectra)"
        for note, names in about.items()
    ]


def _has_bands(path: Path, known: Collection[str]) -> bool:
    """Tell spectra from laboratory tables and, in plain text, from remarks."""
    try:
        return locate_bands(read_table(path), known) is not None
    except SiteError:
        if path.suffix.lower() in _TEXTS:
            return False
        raise


def _name_spectra(
    path: Path, spectra: Sequence[SpectrumFile], known: Collection[str], find: Callable[[Path | str], str]
) -> list[SpectrumFile]:
    """Call each spectrum after its sample: by the file's name or, of several, as the file calls it."""
    names = [spectrum.sample for spectrum in spectra]
    if len(spectra) > 1:
        told = len(set(names) - {""}) == len(names)
        called = [name if name in known else _SUFFIXES.sub("", name) for name in names]
        called = called if told else [f"{path.stem}_{k}" for k in range(1, len(names) + 1)]
        return [replace(found, sample=find(name)) for name, found in zip(called, spectra, strict=True)]
    sample = find(path)
    if sample in known or names[0] not in known:
        return [replace(spectra[0], sample=sample)]
    notes = (*spectra[0].notes, "named after the sample that the file's header names")
    return [replace(spectra[0], notes=notes)]


def _to_scan(file: SpectrumFile, whites: Sequence[SpectrumFile], splice: str) -> SpectrumFile:
    """Reflectance as a fraction over nm, divided by its folder's white references if the file is raw."""
    if file.quantity in UNDIVIDED and whites:
        file = divide_by(file, replace(whites[0], values=np.mean([white.values for white in whites], axis=0)))
    file = to_reflectance(file)
    if splice == "off" or not file.splices:
        return file
    spectrum = file.values[None]
    steps = np.array([file.steps]) if file.steps else measure_steps(file.axis, spectrum, file.splices)
    places = [f"{at:g}" for at, step in zip(file.splices, steps[0], strict=True) if step != 1]
    notes = [f"steps between detectors removed at {', '.join(places)} nm"] if places else []
    values = correct_splices(file.axis, spectrum, file.splices, steps)[0]
    return replace(file, values=values, notes=(*file.notes, *notes))


def _on_common_bands(scans: Sequence[SpectrumFile]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Wavelengths, reflectance (n_scans, n_bands), and a note if bands differed."""
    bands = scans[0].axis
    if all(np.array_equal(scan.axis, bands) for scan in scans):
        return bands, np.array([scan.values for scan in scans]), []
    low = max(scan.axis[0] for scan in scans)
    high = min(scan.axis[-1] for scan in scans)
    widths = np.array([np.ptp(scan.axis) for scan in scans])
    if high - low < (1 - LOST_RANGE) * widths.max():
        narrow, wide = scans[int(widths.argmin())], scans[int(widths.argmax())]
        spans = [f"{scan.axis[0]:g}–{scan.axis[-1]:g} nm" for scan in (narrow, wide)]
        raise SiteError(
            f"{narrow.path} covers {spans[0]}, {wide.path.name} covers {spans[1]}: one is cut off or of "
            "another instrument; copy it again, or keep the instruments in folders of their own"
        )
    # As fine as the finest file, and interpolated: bands are averaged once, on the study's own grid.
    finest = min(float(np.median(np.diff(scan.axis))) for scan in scans)
    grid = band_grid(np.ceil(low), np.floor(high), max(1.0, np.floor(finest)))
    spectra = [np.interp(grid, scan.axis, scan.values) for scan in scans]
    span = f"{grid[0]:g}–{grid[-1]:g} nm by {grid[1] - grid[0]:g} nm"
    return grid, np.array(spectra), [f"files differ in their bands: interpolated to {span}"]
