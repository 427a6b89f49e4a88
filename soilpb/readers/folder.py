"""A folder of spectra — instrument files of any format, tables too — → :class:`Scans`.

Every file is told by its content. What an instrument's suffix promises but its content is
not, or what is no vis-NIR reflectance, stops the reading; remarks, pictures and laboratory
tables are left aside and named. Steps between detectors are removed where a file says
where its detectors meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soilpb.bands import band_grid, correct_splices
from soilpb.readers.instruments import promises_spectrum, read_instrument, recognise
from soilpb.readers.recording import to_reflectance
from soilpb.readers.scan_ids import sample_of
from soilpb.readers.scans import Scans, locate_bands, read_scans
from soilpb.readers.tables import Table, read_table
from soilpb.readers.units import recognise_unit, to_fraction
from soilpb.sitefile import SiteError

#: Share of a file's range that may be lost to the range all files have in common.
LOST_RANGE = 0.1
_TABLES = (".csv", ".tsv", ".txt", ".xlsx")


@dataclass(frozen=True, eq=False)
class Scan:
    """One spectrum of the folder: reflectance as a fraction over nm, both (n_bands,)."""

    path: Path
    sample: str
    wavelengths: np.ndarray
    reflectance: np.ndarray
    instrument: str = ""
    notes: tuple[str, ...] = ()


def files_of(path: str | Path) -> list[Path]:
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
        How scans of other samples are counted (see :func:`soilpb.readers.scan_ids.counters_of`).

    Returns
    -------
    Scans
        In the order of the files' names, reflectance as a fraction, on the bands that all
        files have; interpolated to whole nm where their bands differ.

    Raises
    ------
    SiteError
        Naming the first file that cannot be read and how to mend it, and all others that cannot.
    """
    folder, scans, aside, faults = Path(folder), [], [], []
    for path in files_of(folder):
        try:
            found = _read_file(path, known, counters)
        except SiteError as error:
            faults.append((path.name, str(error)))
            continue
        aside += [] if found else [path.name]
        scans += found
    _refuse_faults(faults)
    if not scans:
        raise SiteError(_nothing_found(folder, aside))
    wavelengths, spectra, notes = _on_common_bands(scans)
    if aside:
        notes.append(f"files of {folder.name} without spectra left aside: {_listed(aside)}")
    names = np.array([scan.path.name for scan in scans], dtype=object)
    table = Table(folder, ("file name",), names[:, None], names, words=("file", "part"))
    return Scans(
        table=table,
        id_column=0,
        ids=np.array([scan.sample for scan in scans], dtype=object),
        wavelengths=wavelengths,
        spectra=spectra,
        notes=(*_counted(scans), *notes),
        unit="fraction",
        instrument="; ".join(sorted({scan.instrument for scan in scans} - {""})),
    )


def _read_file(path: Path, known: Collection[str], counters: Sequence[str]) -> list[Scan]:
    """Spectra of a file; none if it is about something else."""
    try:
        is_instruments = recognise(path) is not None or promises_spectrum(path)
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if is_instruments:
        return [_read_recording(path, known, counters)]
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


def _read_recording(path: Path, known: Collection[str], counters: Sequence[str]) -> Scan:
    recording = read_instrument(path)
    wavelengths, reflectance = to_reflectance(recording)
    notes = list(recording.notes)
    if recording.quantity != "fraction":
        notes.append(f"reflectance from {recording.quantity} to fraction")
    if recording.splices:
        reflectance = correct_splices(wavelengths, reflectance[None], recording.splices)[0]
        at = ", ".join(f"{splice:g}" for splice in recording.splices)
        notes.append(f"steps between detectors removed at {at} nm")
    sample = sample_of(path, known, counters)
    return Scan(path, sample, wavelengths, reflectance, recording.instrument, tuple(notes))


def _read_table_of_spectra(path: Path, known: Collection[str], counters: Sequence[str]) -> list[Scan]:
    """Spectra of a table; a single one, as programs export it, is named after its file."""
    scans = read_scans(path)
    alone = len(scans.ids) == 1 and scans.ids[0] not in known
    ids = [sample_of(path, known, counters)] if alone else scans.ids
    unit = recognise_unit(scans.wavelengths, scans.spectra, str(path))
    reflectance = to_fraction(scans.spectra, unit)
    notes = (*scans.notes, *([f"reflectance from {unit} to fraction"] if unit != "fraction" else []))
    return [
        Scan(path, name, scans.wavelengths, spectrum, notes=notes)
        for name, spectrum in zip(ids, reflectance, strict=True)
    ]


def _refuse_faults(faults: Sequence[tuple[str, str]]) -> None:
    if faults:
        others = [name for name, _ in faults[1:]]
        also = f" ({len(others)} other files cannot be read either: {_listed(others)})" if others else ""
        raise SiteError(f"{faults[0][1]}{also}")


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
    raise SiteError(
        f"{narrow.path} covers {_span(narrow)}, {wide.path.name} covers {_span(wide)}: one is cut off or of "
        "another instrument; copy it again, or keep the instruments in folders of their own"
    )


def _span(scan: Scan) -> str:
    return f"{scan.wavelengths[0]:g}–{scan.wavelengths[-1]:g} nm"


def _counted(scans: Iterable[Scan]) -> list[str]:
    """Notes of the scans, each once, with the number of scans it is about."""
    counts = Counter(note for scan in scans for note in scan.notes)
    return [f"{note} ({count} spectra)" for note, count in counts.items()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
