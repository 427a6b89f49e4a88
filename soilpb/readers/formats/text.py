"""Text files of field spectrometers: Spectral Evolution ``.sed`` (read and written), Spectra Vista ``.sig``.

A ``.sed`` file has a header, then a column of wavelengths and others of values. Reflectance is in
percent (``Reflect. %``) or a fraction (``Reflect. [1.0]``): the column's name says which, and its
values must agree. A ``.sig`` file has wavelength, reference, target and reflectance, one detector
after another: where detectors overlap, wavelengths go back, and the overlap is cut in its middle.
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

from soilpb.readers.formats.spectrum_file import (
    AGAIN,
    COUNTS,
    HIGHEST_MEDIAN,
    IRRADIANCE,
    RADIANCE,
    Format,
    SpectrumFile,
    axis_unit_in_words,
    to_fraction,
)
from soilpb.readers.formats.white_reference import (
    divide_by,
    divide_by_white,
    find_saturated,
    warn_old_white,
    warn_saturated,
)
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError
from soilpb.spectra import STEP_LEAST, SoilSpectra

#: Column of reflectance in a ``.sed`` file.
REFLECTANCE = "Reflect. %"
#: First line of a ``.sig`` file.
MARK = b"/*** Spectra Vista SIG Data ***/"
#: Where silicon and two InGaAs detectors meet, nm; full-range models, and where they end at the least.
MEETINGS = ((900.0, 1100.0), (1700.0, 2000.0))
FULL_RANGE, FULL_RANGE_END = re.compile(r"HR-(768|1024)"), 2450.0
#: Largest deviation of stored reflectance from target / reference; both are printed with
#: two decimals, so the comparison leaves room for that.
AGREEMENT = 0.02

_PRINTED = 0.01
_UNITS = {"%": "percent", "[%]": "percent", "(%)": "percent", "[1.0]": "fraction", "[0-1]": "fraction"}
#: Columns of a ``.sed`` file, as they are called now and were before.
_AXIS_NAME = re.compile(r"(wvl|wavel|wl\b|wave\s*number)", re.IGNORECASE)
_REFLECTANCE_NAME = re.compile(
    r"(reflect(ance)?|refl|tgt\.?\s*/\s*ref\.?|target\s*/\s*ref(erence)?)\b\.?", re.IGNORECASE
)
#: How names of radiometric columns and units begin.
_BEAMS = {IRRADIANCE: "irrad", RADIANCE: "rad", "normalised counts": r"norm", COUNTS: r"raw|dn|count|digital"}
Row = tuple[int, str]


def read_sed(path: Path, content: bytes) -> SpectrumFile:
    """Read a Spectral Evolution file: reflectance over nm.

    A file with the target and its reference but without reflectance gives their ratio.
    """
    header, rows = _read_header(path, content, "Data", ":")
    if not rows:
        raise SiteError(f"{path} is cut off after its header; {AGAIN}")
    names = [name.strip() for name in re.split(r"\t| {2,}", rows[0][1].strip())]
    table = read_rows(path, rows[1:], len(names))
    said = header.get("Channels", "")
    if said.isdigit() and int(said) != len(table):
        raise SiteError(f"{path}: {len(table)} rows of values, but its header says {said} channels; {AGAIN}")
    columns = {name: table[:, j] for j, name in enumerate(names)}
    if len(columns) < len(names):
        raise SiteError(f"{path} has two columns of one name ({', '.join(names)}); export one of them")
    waves = next((values for name, values in columns.items() if _AXIS_NAME.match(name)), None)
    if waves is None:
        raise SiteError(f"{path} has no column 'Wvl' but {', '.join(map(repr, names))}; export it again")
    file = SpectrumFile(
        path=path,
        axis=waves,
        axis_unit=axis_unit_in_words(next(filter(_AXIS_NAME.match, names)), waves),
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
    table = read_rows(path, rows, 4 if wide else 3)
    waves = table[:, 0]
    keep, cuts = _resolve_overlaps(path, waves)
    if FULL_RANGE.search(header.get("instrument", "")) and waves.max() < FULL_RANGE_END:
        raise SiteError(
            f"{path} ends at {waves.max():g} nm, but a {header['instrument']} measures beyond "
            f"{FULL_RANGE_END:g} nm: it is cut off; {AGAIN}"
        )
    said = re.search(r"Remove @ ([\d.]+),\s*([\d.]+)", header.get("factors", ""))
    splices = cuts or (tuple(float(splice) for splice in said.groups()) if said else ())
    beams = _beams(path, header, table[keep], splices)
    longitude, latitude = _pair(header, "longitude", "latitude")
    found, counts = _stored_or_computed(*beams, table[keep, 3] if wide else None), beams[1].quantity == COUNTS
    saturated = [one for beam in beams for one in find_saturated(beam.values, beam.axis, splices)]
    return replace(
        found,
        instrument=f"SVC {header.get('instrument', '')}".strip(),
        steps=() if counts else _steps(waves, table[:, 2] / table[:, 1]),
        notes=(
            *(f"overlapping detectors cut at {cut:g} nm" for cut in cuts),
            *found.notes,
            *warn_saturated(path, saturated if counts else ()),
            *_white_age(path, header.get("time", "").split(",")),
        ),
        place=_place(longitude[1], latitude[1]),
        sample=clean(header.get("comm", "").rpartition(",")[2]),
    )


def _beams(
    path: Path, header: Mapping[str, str], table: np.ndarray, splices: tuple[float, ...]
) -> tuple[SpectrumFile, SpectrumFile]:
    """White reference and target of a ``.sig`` file, each in its unit; without one, both are as radiance."""
    units, times = _pair(header, "units")[0], _numbers(header.get("integration", ""))
    halves = times[: len(times) // 2], times[len(times) // 2 :]
    beams = [
        SpectrumFile(path, table[:, 0], "nm", table[:, k + 1], unit, splices=splices, exposures=time)
        for k, (unit, time) in enumerate(zip(map(_beam_unit, units), halves, strict=True))
    ]
    return beams[0], beams[1]


def _beam_unit(text: str, else_: str = RADIANCE) -> str:
    return next((unit for unit, words in _BEAMS.items() if re.match(words, text, re.IGNORECASE)), else_)


def _stored_or_computed(white: SpectrumFile, target: SpectrumFile, stored: np.ndarray | None) -> SpectrumFile:
    """Stored reflectance where it is what target and reference say, else what these say if it is certain."""
    path, counts = target.path, target.quantity == COUNTS
    ratio = divide_by_white(path, target.values, white.values, target.axis)
    plain = replace(target, quantity="fraction", values=ratio)
    found = plain if counts and stored is not None and not white.exposures else divide_by(target, white)
    if stored is None:
        return found
    ours, without = found.values, plain.values  # noqa: PD011
    unit = _find_unit(white.values, ours, stored)
    if not unit and not np.allclose(ours, without) and _find_unit(white.values, without, stored):
        if not counts:
            return found
        raise SiteError(
            f"{path}: its reflectance takes counts of {white.exposures} and {target.exposures} ms for those "
            "of one time; export radiance, or reflectance that allows for the integration time"
        )
    if not unit:
        at = int(np.argmax(np.abs(stored / 100 - ours)))
        raise SiteError(
            f"{path}: its reflectance is not target / reference ({stored[at]:g} % beside "
            f"{100 * ours[at]:.4g} %); export it again"
        )
    return replace(target, values=stored, quantity=unit)


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


def write_sed(
    path: str | Path,
    wavelengths: np.ndarray,
    columns: Mapping[str, np.ndarray],
    instrument: str = "PSR+3500_SN15 [3]",
) -> Path:
    """Write a Spectral Evolution file: (n_bands,) wavelengths in nm, and columns by their names.

    A column of reflectance in percent is called :data:`REFLECTANCE`.
    """
    header = {
        "Comment": "",
        "Version": "2.2",
        "Instrument": instrument,
        "Wavelength Range": f"{wavelengths[0]:g},{wavelengths[-1]:g}",
        "Channels": len(wavelengths),
        f"Columns [{len(columns) + 1}]": "",
        "Data": "",
    }
    rows = np.column_stack([wavelengths, *columns.values()])
    lines = [f"{name}: {value}".rstrip() for name, value in header.items()]
    lines += ["\t".join(["Wvl", *columns]), *("\t".join(f"{x:.4f}" for x in row) for row in rows)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Path(path)


def write_scans(
    folder: str | Path, soils: SoilSpectra, n_scans: int = 2, spread: float = 0.01, seed: int = 0
) -> Path:
    """Write soils as the files of a spectrometer: scans that differ in brightness and average to each soil.

    Files are named after ids: ``S1_00000.sed``, ``S1_00001.sed``, …, or ``S1.sed`` if there is one scan.
    ``spread`` is the standard deviation of the scans' brightness. Returns the folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    brightness = 1 + spread * np.random.default_rng(seed).standard_normal((soils.n_samples, n_scans))
    brightness /= brightness.mean(axis=1, keepdims=True)
    for name, spectrum, factors in zip(soils.samples.index, soils.reflectance, brightness, strict=True):
        for k, factor in enumerate(factors):
            percent = {REFLECTANCE: 100 * factor * spectrum}
            counter = f"_{k:05d}" if n_scans > 1 else ""
            write_sed(folder / f"{name}{counter}.sed", soils.wavelengths, percent)
    return folder


def _read_header(path: Path, content: bytes, last: str, mark: str) -> tuple[dict[str, str], list[Row]]:
    """Names and values above the line ``last``, and the lines below it, numbered, that are not blank."""
    lines = content.decode("utf-8-sig", errors="replace").splitlines()
    header: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        name, found, value = line.partition(mark)
        if found and name.strip() == last:
            below = enumerate(lines[number:], start=number + 1)
            return header, [(at, text) for at, text in below if text.strip()]
        header[name.strip()] = value.strip()
    raise SiteError(f"{path} has no line {last!r}: it is cut off; {AGAIN}")


def read_rows(path: Path, rows: Sequence[Row], n_columns: int) -> np.ndarray:
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
    path, found = file.path, []
    for name, values in columns.items():
        if match := _REFLECTANCE_NAME.match(name):
            unit = _UNITS.get(name[match.end() :].strip()) or _unit_by_value(path, name, values)
            found.append(replace(file, values=values, quantity=unit))
    fractions = [to_fraction(spectrum.values, spectrum.quantity) for spectrum in found]
    if found and all(np.allclose(fractions[0], other, rtol=0.01, atol=2e-4) for other in fractions):
        return found[0]
    beams = {}
    for name, values in columns.items():
        side = re.search(r"\((Ref|Target|Tgt)\b", name, re.IGNORECASE)
        if side and (unit := _beam_unit(name, "")):
            beams.setdefault(side[1].lower()[0], replace(file, values=values, quantity=unit))
    if found or "t" not in beams:
        kind = "several reflectances" if found else "no reflectance"
        raise SiteError(
            f"{path} has {kind} but {', '.join(map(repr, columns))}; export it with the column "
            "'Reflect. %', or with both target and reference"
        )
    white, target = beams.get("r"), beams["t"]
    half, counts = len(times) // 2, target.quantity == COUNTS
    saturated = warn_saturated(path, find_saturated(target.values, target.axis, ())) if counts else ()
    target = replace(target, exposures=times[half:], notes=(*file.notes, *saturated))
    if white is None:
        return target
    divide_by_white(path, target.values, white.values, file.axis)
    return divide_by(target, replace(white, exposures=times[:half]))


def _unit_by_value(path: Path, name: str, values: np.ndarray) -> str:
    median = float(np.median(values))
    if median > HIGHEST_MEDIAN["fraction"]:
        return "percent"
    if values.max() <= 1.1 and median > 0.02:
        return "fraction"
    raise SiteError(
        f"{path}: the column {name!r} says no unit, and its values (median {median:.3g}) may be in one or "
        "another; name it 'Reflect. %' or 'Reflect. [1.0]'"
    )


def _find_unit(white: np.ndarray, ratio: np.ndarray, values: np.ndarray) -> str:
    """Tell percent from fraction by target / reference; empty if stored values agree with neither."""
    for unit, factor in (("percent", 100.0), ("fraction", 1.0)):
        room = AGREEMENT * np.abs(factor * ratio) + _PRINTED + factor * _PRINTED / white
        if (np.abs(values - factor * ratio) <= room).mean() > 0.99:
            return unit
    return ""


def _numbers(text: str) -> tuple[float, ...]:
    """Numbers of a header's line, none if one of its parts is no number."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return ()


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


_BEGINNING = re.compile(rb"\s*(Comment|Version):(?s:.*)Instrument:")
FORMATS = (
    Format("Spectral Evolution", (".sed",), _BEGINNING.match, read_sed),
    Format("SVC", (".sig",), lambda head: head.lstrip().startswith(MARK), read_svc),
)
