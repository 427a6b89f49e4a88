"""Text files of field spectrometers: Spectral Evolution ``.sed`` (read and written), Spectra Vista ``.sig``.

A ``.sed`` file has a header, then a column of wavelengths and others of values. Reflectance is in
percent (``Reflect. %``) or a fraction (``Reflect. [1.0]``): the column's name says which, and its
values must agree. A ``.sig`` file has wavelength, reference, target and reflectance, one detector
after another: where detectors overlap, wavelengths go back, and the overlap is cut in its middle.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from soilpb.readers.formats.spectrum_file import (
    AGAIN,
    HIGHEST_MEDIAN,
    Format,
    SpectrumFile,
    divide_by_white,
)
from soilpb.site_file import SiteError
from soilpb.spectra import SoilSpectra

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
_UNITS = {"%": "percent", "[1.0]": "fraction"}
Row = tuple[int, str]


def read_sed(path: Path, content: bytes) -> SpectrumFile:
    """Read a Spectral Evolution file: reflectance over nm.

    A file with the target and its reference but without reflectance gives their ratio.
    """
    header, rows = _read_header(path, content, "Data", ":")
    if not rows:
        raise SiteError(f"{path} is cut off after its header; {AGAIN}")
    names = [name.strip() for name in rows[0][1].split("\t")]
    table = _read_rows(path, rows[1:], len(names))
    said = header.get("Channels", "")
    if said.isdigit() and int(said) != len(table):
        raise SiteError(f"{path}: {len(table)} rows of values, but its header says {said} channels; {AGAIN}")
    columns = {name: table[:, j] for j, name in enumerate(names)}
    waves = next((values for name, values in columns.items() if name.startswith("Wvl")), None)
    if waves is None:
        raise SiteError(f"{path} has no column 'Wvl' but {', '.join(map(repr, names))}; export it again")
    values, quantity, notes = _reflectance(path, waves, columns)
    return SpectrumFile(
        path=path,
        axis=waves,
        axis_unit="nm",
        values=values,
        quantity=quantity,
        instrument=f"Spectral Evolution {header.get('Instrument', '')}".strip(),
        notes=notes,
    )


def read_svc(path: Path, content: bytes) -> SpectrumFile:
    """Read a Spectra Vista file: reflectance over nm, each wavelength once."""
    header, rows = _read_header(path, content, "data", "=")
    wide = bool(rows) and len(rows[0][1].split()) == 4
    table = _read_rows(path, rows, 4 if wide else 3)
    waves, white, target = table.T[:3]
    ratio = divide_by_white(path, target, white, waves)
    quantity = _unit_by_ratio(path, white, ratio, table[:, 3]) if wide else "fraction"
    values = table[:, 3] if wide else ratio
    keep, cuts = _resolve_overlaps(path, waves)
    if FULL_RANGE.search(header.get("instrument", "")) and waves.max() < FULL_RANGE_END:
        raise SiteError(
            f"{path} ends at {waves.max():g} nm, but a {header['instrument']} measures beyond "
            f"{FULL_RANGE_END:g} nm: it is cut off; {AGAIN}"
        )
    said = re.search(r"Remove @ ([\d.]+),\s*([\d.]+)", header.get("factors", ""))
    return SpectrumFile(
        path=path,
        axis=waves[keep],
        axis_unit="nm",
        values=values[keep],
        quantity=quantity,
        instrument=f"SVC {header.get('instrument', '')}".strip(),
        splices=cuts or (tuple(float(splice) for splice in said.groups()) if said else ()),
        notes=tuple(f"overlapping detectors cut at {cut:g} nm" for cut in cuts),
    )


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
    path: Path, waves: np.ndarray, columns: dict[str, np.ndarray]
) -> tuple[np.ndarray, str, tuple[str, ...]]:
    """Values of a ``.sed`` file, their unit, and notes."""
    for name, values in columns.items():
        if name.startswith("Reflect"):
            unit = re.sub(r"^Reflect(?:ance|\.)?\s*", "", name)
            return values, _UNITS.get(unit) or _unit_by_value(path, name, values), ()
    target = [values for name, values in columns.items() if "(Target)" in name]
    white = [values for name, values in columns.items() if "(Ref.)" in name]
    if not (target and white):
        raise SiteError(
            f"{path} has no reflectance but {', '.join(map(repr, columns))}; export it with the column "
            "'Reflect. %', or with both target and reference"
        )
    ratio = divide_by_white(path, target[0], white[0], waves)
    return ratio, "fraction", ("reflectance is target / reference",)


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


def _unit_by_ratio(path: Path, white: np.ndarray, ratio: np.ndarray, values: np.ndarray) -> str:
    """Tell percent from fraction by target / reference, which must agree with the stored values."""
    for unit, factor in (("percent", 100.0), ("fraction", 1.0)):
        room = AGREEMENT * np.abs(factor * ratio) + _PRINTED + factor * _PRINTED / white
        if (np.abs(values - factor * ratio) <= room).mean() > 0.99:
            return unit
    at = int(np.argmax(np.abs(values / 100 - ratio)))
    raise SiteError(
        f"{path}: its reflectance is not target / reference ({values[at]:g} % beside {100 * ratio[at]:.4g} "
        "%); export it again"
    )


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
