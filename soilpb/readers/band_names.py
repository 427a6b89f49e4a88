"""Wavelengths from the names of columns, however they are spelt.

``450``, ``450.5``, ``450,5``, ``wl_450``, ``X450``, ``R450``, ``spc.450``, ``450nm``,
``450 nm``, ``scan_visnir.450_ref``: whatever stands around the number is the same in
all columns of a spectrum, so the largest family of alike names is the spectrum.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace

import numpy as np

from soilpb.readers.tables import Table, as_text
from soilpb.sitefile import SiteError

#: Fewer alike columns than this are no spectrum but, say, isotopes or depths.
MIN_BANDS = 10
#: Visible and near infrared, nm.
RANGE_NM = (200.0, 3000.0)

_NAME = re.compile(r"(?P<before>\D*)(?P<number>\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)(?P<after>\D*)", re.IGNORECASE)
_PER_CM = re.compile(r"cm\s*\^?\(?-1\)?|1\s*/\s*cm", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class Bands:
    """Columns of a table that are bands.

    Parameters
    ----------
    columns : (n_bands,) int array
        Positions in the table.
    numbers : (n_bands,) float array
        What their names say, in the file's unit.
    unit : str
        ``nm``, ``um``, ``1/cm``, or empty where the names do not say.
    """

    columns: np.ndarray
    numbers: np.ndarray
    unit: str


def find_bands(table: Table) -> Bands | None:
    """Find the columns whose names are wavelengths, or None if there are none.

    Raises
    ------
    SiteError
        If two families of columns could both be the spectrum.
    """
    families: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for column, name in enumerate(table.header):
        match = _NAME.fullmatch(_PER_CM.sub("percm", name))
        if match:
            family = (match["before"].casefold().strip(), match["after"].casefold().strip())
            families[family].append((column, float(match["number"].replace(",", "."))))
    spectra = {family: found for family, found in families.items() if len(found) >= MIN_BANDS}
    if not spectra:
        return None
    if len(spectra) > 1:
        examples = " and ".join(repr(table.header[found[0][0]]) for found in spectra.values())
        raise SiteError(
            f"{table.path} has several families of band columns, such as {examples}; "
            "keep the one to use in the file"
        )
    (family, found), *_ = spectra.items()
    columns, numbers = zip(*found, strict=True)
    return Bands(np.array(columns), np.array(numbers), _unit_of("".join(family)))


def transposed(table: Table) -> Table:
    """Turn a table with a spectrum a column: wavelengths go into the header, ids into rows."""
    ids = np.array(table.header[1:], dtype=object)
    return replace(
        table,
        header=("id", *(as_text(cell) for cell in table.cells[:, 0])),
        cells=np.column_stack([ids, table.cells[:, 1:].T]),
        rows=np.arange(2, len(table.header) + 1),
        notes=(*table.notes, f"{table.path.name} has a spectrum a column; read transposed"),
        words=("column", "row"),
    )


def to_nanometres(table: Table, bands: Bands) -> tuple[np.ndarray, list[str]]:
    """Wavelengths in nm of the bands, in the table's order, and a note if converted.

    Without a unit in the names, values tell: 200–3000 is nm, 3333–50000 is 1/cm and
    0.2–3 is µm.

    Raises
    ------
    SiteError
        If bands lie outside 200–3000 nm, or two of them coincide.
    """
    low, high = bands.numbers.min(), bands.numbers.max()
    unit = bands.unit or _unit_by_value(bands.numbers)
    span = f"bands from {low:g} to {high:g}{' ' + bands.unit if bands.unit else ''}"
    wavelengths = _CONVERSIONS[unit](bands.numbers) if low > 0 else np.zeros_like(bands.numbers)
    if wavelengths.min() < RANGE_NM[0] or wavelengths.max() > RANGE_NM[1]:
        raise SiteError(f"{table.path} has {span}: {_explain(wavelengths, unit, low, high)}")
    _refuse_repeated(table, bands, wavelengths)
    names = {"1/cm": "wavenumbers (1/cm)", "um": "micrometres"}
    notes = [f"{table.path.name}: {span}: {names[unit]} converted to nm"] if unit in names else []
    return wavelengths, notes


_CONVERSIONS = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x}


def _unit_of(affix: str) -> str:
    if "percm" in affix:
        return "1/cm"
    if re.search(r"(?<![a-z])[uμ]m(?![a-z])", affix):
        return "um"
    return "nm" if re.search(r"(?<![a-z])nm(?![a-z])", affix) else ""


def _unit_by_value(numbers: np.ndarray) -> str:
    low, high, steps = numbers.min(), numbers.max(), np.diff(numbers)
    # Reflectance in a file without header lies within 0.2–3 too, but neither ascends nor descends.
    if low >= 0.2 and 0.7 <= high <= 3 and ((steps > 0).all() or (steps < 0).all()):
        return "um"
    return "1/cm" if low >= 1e7 / RANGE_NM[1] else "nm"


def _explain(wavelengths: np.ndarray, unit: str, low: float, high: float) -> str:
    """Say what such bands may be, and what to do."""
    if high < RANGE_NM[0]:
        return "no wavelengths; name each band column by its wavelength in nm (is the header missing?)"
    if unit == "1/cm" or (350 <= low < 1e7 / RANGE_NM[1] and 3500 < high <= 8000):
        return "mid-infrared wavenumbers; this study needs visible and near infrared, 200–3000 nm"
    return "they reach beyond 200–3000 nm; keep the visible and near-infrared columns"


def _refuse_repeated(table: Table, bands: Bands, wavelengths: np.ndarray) -> None:
    """Refuse bands that coincide, or nearly: data frames rename a second ``400`` to ``400.1``."""
    order = np.argsort(wavelengths, kind="stable")
    steps = np.diff(wavelengths[order])
    same = np.flatnonzero(steps < (0.15 if np.median(steps) > 0.45 else 1e-9))
    if same.size:
        a, b = (table.header[bands.columns[order[same[0] + k]]] for k in (0, 1))
        raise SiteError(
            f"{table.path}: columns {a!r} and {b!r} are one wavelength ({same.size} such pairs); "
            "keep one column a wavelength"
        )
