"""Text files: Spectral Evolution ``.sed`` (read and written), SVC ``.sig``, and bare columns of numbers.

The first two have a header, then columns. A ``.sed`` file says in the column's name whether reflectance is in
percent or a fraction. A ``.sig`` file has one detector after another: where they overlap, wavelengths go
back, and the overlap is cut in its middle. Of bare columns, as programs export them, the first is the axis.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb.readers.columns import MIN_BANDS
from soilpb.readers.formats.spectrum_file import (
    AGAIN,
    COUNTS,
    RADIANCE,
    UNITS,
    Format,
    SpectrumFile,
    axis_unit_in_words,
    quantity_in_words,
    to_fraction,
)
from soilpb.readers.formats.white_reference import (
    divide_by,
    divide_by_white,
    warn_old_white,
    warn_saturated,
)
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError
from soilpb.spectra import STEP_LEAST, VIS_NIR_NM, SoilSpectra

#: Column of reflectance in a ``.sed`` file.
REFLECTANCE = "Reflect. %"
#: First line of a ``.sig`` file.
MARK = b"/*** Spectra Vista SIG Data ***/"
#: Where silicon and two InGaAs detectors meet, and where full-range models end at the least, nm.
MEETINGS, FULL_RANGE_END = ((900.0, 1100.0), (1700.0, 2000.0)), 2450.0
#: Largest deviation of stored reflectance from target / reference; both are printed with
#: two decimals, so the comparison leaves room for that.
AGREEMENT = 0.02

_PRINTED = 0.01
#: Columns of a ``.sed`` file, as they are called now and were before.
_AXIS_NAME = re.compile(r"(wvl|wavel|wl\b|wave\s*number)", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SAYS_AXIS = re.compile(
    r"wave|spectral data|\bnm\b|cm\s*\^?-\s*1|1/cm|[µμ]m\b|wvl|reflect|absorb", re.IGNORECASE
)
Row = tuple[int, str]


def read_sed(path: Path, content: bytes) -> SpectrumFile:
    """Read a Spectral Evolution file: reflectance over nm.

    A file with the target and its reference but without reflectance gives their ratio.
    """
    header, rows = _read_header(path, content, "Data", ":")
    names = [name.strip() for name in re.split(r"\t| {2,}", rows[0][1].strip())] if rows else []
    table = _read_rows(path, rows[1:], len(names))
    said = header.get("Channels", "")
    if said.isdigit() and int(said) != len(table):
        raise SiteError(f"{path}: {len(table)} rows of values, but its header says {said} channels; {AGAIN}")
    columns = dict(zip(names, table.T, strict=True))
    axis = next(filter(_AXIS_NAME.match, names), None)
    if axis is None or len(columns) < len(names):
        what = "no column 'Wvl'" if axis is None else "two columns of one name"
        raise SiteError(f"{path} has {what} but {', '.join(map(repr, names))}; export it again")
    waves = columns[axis]
    file = SpectrumFile(
        path=path,
        axis=waves,
        axis_unit=axis_unit_in_words(axis, waves),
        values=waves,
        quantity="",
        instrument=f"Spectral Evolution {header.get('Instrument', '')}".strip(),
        notes=_white_age(path, [f"{d} {t}" for d, t in zip(*_pair(header, "Date", "Time"), strict=True)]),
        place=_place(header.get("Longitude", ""), header.get("Latitude", "")),
        sample=clean(header.get("Comment", "")),
    )
    return _reflectance(file, columns, _numbers(header.get("Integration", "")))


def read_svc(path: Path, content: bytes) -> SpectrumFile:
    """Read a Spectra Vista file: reflectance over nm, each wavelength once."""
    header, rows = _read_header(path, content, "data", "=")
    wide = bool(rows) and len(rows[0][1].split()) == 4
    table = _read_rows(path, rows, 4 if wide else 3)
    waves = table[:, 0]
    keep, cuts = _resolve_overlaps(path, waves)
    if re.search(r"HR-(768|1024)", header.get("instrument", "")) and waves.max() < FULL_RANGE_END:
        raise SiteError(
            f"{path} ends at {waves.max():g} nm, but a {header['instrument']} measures beyond "
            f"{FULL_RANGE_END:g} nm: it is cut off; {AGAIN}"
        )
    said = re.search(r"Remove @ ([\d.]+),\s*([\d.]+)", header.get("factors", ""))
    splices = cuts or (tuple(float(splice) for splice in said.groups()) if said else ())
    units, times = _pair(header, "units")[0], _numbers(header.get("integration", ""))
    said = [quantity_in_words(unit, waves) or RADIANCE for unit in units]  # without one, both are as radiance
    halves = times[: len(times) // 2], times[len(times) // 2 :]
    beams = [
        SpectrumFile(path, waves[keep], "nm", table[keep, k + 1], said[k], splices=splices) for k in (0, 1)
    ]
    white, target = (replace(beam, exposures=time) for beam, time in zip(beams, halves, strict=True))
    longitude, latitude = _pair(header, "longitude", "latitude")
    found = _stored_or_computed(white, target, table[keep, 3] if wide else None)
    return replace(
        found,
        instrument=f"SVC {header.get('instrument', '')}".strip(),
        steps=() if target.quantity == COUNTS else _steps(waves, table[:, 2] / table[:, 1]),
        notes=(
            *(f"overlapping detectors cut at {cut:g} nm" for cut in cuts),
            *found.notes,
            *dict.fromkeys(note for beam in beams for note in warn_saturated(beam)),
            *_white_age(path, header.get("time", "").split(",")),
        ),
        place=_place(longitude[1], latitude[1]),
        sample=clean(header.get("comm", "").rpartition(",")[2]),
    )


def _stored_or_computed(white: SpectrumFile, target: SpectrumFile, stored: np.ndarray | None) -> SpectrumFile:
    """Stored reflectance where it is what target and reference say, else what these say if it is certain."""
    path, counts = target.path, target.quantity == COUNTS
    ratio = divide_by_white(path, target.values, white.values, target.axis)
    plain = replace(target, quantity="fraction", values=ratio)
    found = plain if counts and stored is not None and not white.exposures else divide_by(target, white)
    if stored is None:
        return found
    ours, without = found.values, plain.values  # noqa: PD011
    if unit := _find_unit(white.values, ours, stored):
        return replace(target, values=stored, quantity=unit)
    if not counts and _find_unit(white.values, without, stored):
        return found  # stored without π
    at, words = int(np.argmax(np.abs(stored / 100 - ours))), (*found.notes, "target / reference")[0]
    raise SiteError(
        f"{path}: its reflectance is not {words.removeprefix('reflectance is ')} ({stored[at]:g} % beside "
        f"{100 * ours[at]:.4g} %); export it again, or as radiance"
    )


def _steps(waves: np.ndarray, values: np.ndarray) -> tuple[float, ...]:
    """Later / earlier detector in the middle of each overlap; 1 where no more than noise."""
    starts = np.flatnonzero(np.diff(waves) <= 0) + 1
    parts = list(zip(*(np.split(x, starts) for x in (waves, np.log(np.maximum(values, 1e-6)))), strict=True))
    steps = []
    for (w0, v0), (w1, v1) in pairwise(parts):
        low, high = w1[0], w0[-1]
        middle = np.abs(w0 - (low + high) / 2) <= max((high - low) / 4, 1.5 * np.ptp(w0[-4:]) / 3)
        found = np.interp(w0[middle], w1, v1) - v0[middle]
        told = found.size > 2 and np.isfinite(found).all()
        step = float(np.median(found)) if told else 0.0
        steps.append(np.exp(step) if abs(step) > max(STEP_LEAST, 3 * found.std() / found.size**0.5) else 1.0)
    return tuple(steps)


def write_sed(path: str | Path, wavelengths: np.ndarray, columns: Mapping[str, np.ndarray]) -> Path:
    """Write a Spectral Evolution file: (n_bands,) wavelengths in nm, and columns by their names.

    A column of reflectance in percent is called :data:`REFLECTANCE`.
    """
    header = (
        f"Comment:\nVersion: 2.2\nInstrument: PSR+3500_SN15 [3]\n"
        f"Wavelength Range: {wavelengths[0]:g},{wavelengths[-1]:g}\nChannels: {len(wavelengths)}\n"
        f"Columns [{len(columns) + 1}]:\nData:\n"
    )
    rows = pd.DataFrame({"Wvl": wavelengths, **columns}).to_csv(sep="\t", index=False, float_format="%.4f")
    Path(path).write_text(header + rows, encoding="utf-8")
    return Path(path)


def write_scans(folder: str | Path, soils: SoilSpectra, n_scans: int = 2) -> Path:
    """Write soils as the files of a spectrometer: scans that differ in brightness and average to each soil.

    Files are named after ids: ``S1_00000.sed``, ``S1_00001.sed``, …, or ``S1.sed`` if there is one scan.
    The scans' brightness differs by 1 %. Returns the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    brightness = 1 + 0.01 * np.random.default_rng(0).standard_normal((soils.n_samples, n_scans))
    brightness /= brightness.mean(axis=1, keepdims=True)
    for name, spectrum, factors in zip(soils.samples.index, soils.reflectance, brightness, strict=True):
        for k, factor in enumerate(factors):
            counter = f"_{k:05d}" if n_scans > 1 else ""
            percent = {REFLECTANCE: 100 * factor * spectrum}
            write_sed(folder / f"{name}{counter}.sed", soils.wavelengths, percent)
    return folder


def _lines(content: bytes) -> list[Row]:
    """Lines of a text that are not blank, with their numbers."""
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def _read_header(path: Path, content: bytes, last: str, mark: str) -> tuple[dict[str, str], list[Row]]:
    """Names and values above the line ``last``, and the lines below it."""
    header: dict[str, str] = {}
    lines = _lines(content)
    for i, (_, line) in enumerate(lines, start=1):
        name, found, value = line.partition(mark)
        if found and name.strip() == last:
            return header, lines[i:]
        header[name.strip()] = value.strip()
    raise SiteError(f"{path} has no line {last!r}: it is cut off; {AGAIN}")


def _read_rows(path: Path, rows: Sequence[Row], n_columns: int) -> np.ndarray:
    r"""Numbers of the rows, (n_rows, n_columns); decimal commas are read too."""
    if not rows:
        raise SiteError(f"{path} has a header but no values below it; {AGAIN}")
    table = np.empty((len(rows), n_columns))
    for i, (number, text) in enumerate(rows):
        try:
            table[i] = [float(cell) for cell in text.replace(",", ".").split()]
        except ValueError:
            line = text.strip()[:60]
            raise SiteError(
                f"{path}, row {number}: {line!r} is no row of {n_columns} numbers; {AGAIN}"
            ) from None
    ends = [len(text.rstrip().replace(",", ".").rpartition(".")[2]) for _, text in rows[-2:]]
    if ends[-1] < ends[0]:
        raise SiteError(
            f"{path}, row {rows[-1][0]}: its last number has fewer decimals than the others: the file is cut "
            f"off; {AGAIN}"
        )
    return table


def _reflectance(
    file: SpectrumFile, columns: dict[str, np.ndarray], times: tuple[float, ...]
) -> SpectrumFile:
    """Return the values of a ``.sed`` file with their unit and notes, or the target without a reference."""
    scans = {
        name: replace(file, values=values, quantity=quantity_in_words(name, values))
        for name, values in columns.items()
    }
    found = [scan for scan in scans.values() if scan.quantity in UNITS]
    fractions = [to_fraction(scan.values, scan.quantity) for scan in found]
    if found and all(np.allclose(fractions[0], other, rtol=0.01, atol=2e-4) for other in fractions):
        return found[0]
    sides = {name: re.search(r"\((R|T)(ef|arget|gt)\b", name, re.IGNORECASE) for name in scans}
    beams = {side[1].upper(): scans[name] for name, side in sides.items() if side and scans[name].quantity}
    if found or "T" not in beams:
        kind = "several reflectances" if found else "no reflectance"
        raise SiteError(
            f"{file.path} has {kind} but {', '.join(map(repr, columns))}; export it with the column "
            "'Reflect. %', or with both target and reference"
        )
    target, half = beams["T"], len(times) // 2
    target = replace(target, exposures=times[half:], notes=(*file.notes, *warn_saturated(target)))
    return divide_by(target, replace(beams["R"], exposures=times[:half])) if "R" in beams else target


def _find_unit(white: np.ndarray, ratio: np.ndarray, values: np.ndarray) -> str:
    """Tell percent from fraction by target / reference; empty if stored values agree with neither."""
    for unit, factor in (("percent", 100.0), ("fraction", 1.0)):
        room = AGREEMENT * np.abs(factor * ratio) + _PRINTED + factor * _PRINTED / white
        if (np.abs(values - factor * ratio) <= room).mean() > 0.99:
            return unit
    return ""


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers of a header's line, none if one of its parts is no number."""
    plain = re.fullmatch(r"\s*\d+\.?\d*(\s*,\s*\d+\.?\d*)*\s*", text)
    return tuple(map(float, text.split(","))) if plain else ()


def _pair(header: Mapping[str, str], *names: str) -> list[list[str]]:
    """Values of each name for reference and target, two texts; empty ones where the header lacks them."""
    parts = [[part.strip() for part in header.get(name, "").split(",")] for name in names]
    return [(found * 2 if len(found) == 1 else found)[:2] for found in parts]


def _white_age(path: Path, times: Sequence[str]) -> tuple[str, ...]:
    """Warn of an old white reference, from its time and the target's as the file writes them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        when = pd.to_datetime(pd.Series([time.strip() for time in times], dtype=object), errors="coerce")
    if len(when) != 2 or when.isna().any():
        return ()
    return warn_old_white(path, (when[1] - when[0]).total_seconds() / 60)


def _place(*texts: str) -> tuple[float, ...]:
    """Longitude and latitude in degrees from degrees or, before N, S, E or W, degrees and minutes."""
    found = []
    for text in texts:
        match = re.fullmatch(r"([+-]?\d{1,3}\.\d+)|(\d{2,3})(\d\d(?:\.\d+)?)\s*([NSEW])", text.strip())
        if not match:
            return ()
        decimal, degrees, minutes, side = match.groups()
        found.append(
            float(decimal) if decimal else (float(degrees) + float(minutes) / 60) * (-1) ** (side in "SW")
        )
    return tuple(found) if any(found) and abs(found[0]) <= 180 and abs(found[1]) <= 90 else ()


def _resolve_overlaps(path: Path, waves: np.ndarray) -> tuple[np.ndarray, tuple[float, ...]]:
    """Rows to keep so that wavelengths ascend, (n_rows,) bool, and where overlaps were cut, nm."""
    starts = np.flatnonzero(np.diff(waves) <= 0) + 1
    for start in starts:
        back, to = waves[start - 1], waves[start]
        if starts.size > len(MEETINGS) or not any(low <= to <= back <= high for low, high in MEETINGS):
            raise SiteError(
                f"{path}: its wavelengths go back from {back:g} to {to:g} nm, where no detectors meet: rows "
                f"are out of place; {AGAIN}"
            )
    cuts = [(waves[start - 1] + waves[start]) / 2 for start in starts]
    edges = [-np.inf, *cuts, np.inf]
    parts = zip(np.split(waves, starts), edges[:-1], edges[1:], strict=True)
    keep = [(part > low) & (part <= high) for part, low, high in parts]
    return np.concatenate(keep), tuple(float(cut) for cut in cuts)


def read_columns(path: Path, content: bytes) -> list[SpectrumFile]:
    """Read bare columns of numbers: one spectrum or several over one axis."""
    rows = _lines(content)
    start = _find_start([line for _, line in rows])
    while rows and not re.search(r"\d", rows[-1][1]):
        rows.pop()  # words at the end
    width = len(_cells(rows[start][1]))
    cells = [(n, " ".join(_cells(line)).replace(",", ".")) for n, line in rows[start:]]
    table = _read_rows(path, cells, width)
    above, axis = "\n".join(line for _, line in rows[:start]), table[:, 0]
    names = _column_names([line for _, line in rows[:start]], width)
    if not names:
        raise SiteError(
            f"{path} has {width - 1} columns of values without names; write a line above them with the "
            "wavelength's name and the samples' ids"
        )
    unit, found = axis_unit_in_words(above, axis), []
    for name, values in zip(names, table[:, 1:].T, strict=True):
        quantity = quantity_in_words(name, values) or quantity_in_words(above, values)
        found.append(SpectrumFile(path, axis, unit, values, quantity, sample=name if width > 2 else ""))
    return found


def _column_names(above: Sequence[str], width: int) -> list[str]:
    """Names of the columns but the first, from the lowest line that has as many; none if no line does."""
    for line in reversed(above):
        cells = [cell.strip(' "') for cell in re.split(r"\t|;|,|\s{2,}", line.strip())]
        if len(cells) == width and all(cells[1:]) and len(set(cells[1:])) == width - 1:
            return cells[1:]
    return [""] if width == 2 else []


def _cells(line: str) -> list[str]:
    """Numbers of a row as text, or nothing if it is no row of numbers."""
    marks = "\t" if "\t" in line else ";" if ";" in line else None
    cells = [cell.strip().strip(",") for cell in line.strip().split(marks)]
    if len(cells) == 1:
        cells = [cell.strip() for cell in line.strip().strip(",").split(",")]
    return cells if len(cells) > 1 and all(map(_NUMBER.fullmatch, cells)) else []


def _find_start(lines: Sequence[str]) -> int | None:
    """Line at which columns of numbers begin: as many rows as a spectrum has bands, over an axis."""
    cells = [_cells(line) for line in lines]
    for start in range(len(cells) - MIN_BANDS + 1):
        rows = cells[start : start + MIN_BANDS]
        if not rows[0] or len(set(map(len, rows))) > 1:
            continue
        axis = np.array([float(row[0].replace(",", ".")) for row in rows])
        steps, (low, high) = np.diff(axis), sorted(axis[[0, -1]])
        if np.ptp(np.sign(steps)) == 0 and steps[0] and (low >= VIS_NIR_NM[0] or 0.2 <= low < high <= 3):
            return start
    return None


def _begins_with_columns(head: bytes) -> bool:
    """Tell columns of numbers without names, or below two lines or more: else it is a table like others."""
    lines = [line for _, line in _lines(head[: head.rfind(b"\n") + 1])]
    start = None if b"\0" in head else _find_start(lines)
    if not start:
        return start == 0
    spaced = not re.search(r"[\t;,]", lines[start])
    return (start > 1 or spaced) and bool(_SAYS_AXIS.search("\n".join(lines[:start])))


_BEGINNING = re.compile(rb"\s*(Comment|Version):(?s:.*)Instrument:")
FORMATS = (
    Format("Spectral Evolution", (".sed",), _BEGINNING.match, read_sed),
    Format("SVC", (".sig",), lambda head: head.lstrip().startswith(MARK), read_svc),
    Format("columns of numbers", (".dpt",), _begins_with_columns, read_columns),
)
