"""What the name of a column means: a band, a quantity with its unit, or an id.

Bands: whatever stands around the wavelength (``450``, ``wl_450``, ``X450``, ``spc.450``, ``450 nm``,
``scan_visnir.450_ref``) is the same in all columns of a spectrum, so the largest family of alike
names is the spectrum. Quantities: ``Pb_mg_kg``, ``Pb [ppm]`` and ``lead µg/g`` are one; shares of
mass convert into each other, other units (mg/L) never match. Ids are texts, compared as they stand
after stripping: those that differ by leading zeros, case or separators are reported, not matched.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from soilpb.readers.tables import MISSING_WORDS, Table, as_text, clean
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

#: Fewer alike columns than this are no spectrum but, say, isotopes or depths.
MIN_BANDS = 10

_NAME = re.compile(r"(?P<before>\D*)(?P<number>\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)(?P<after>\D*)", re.IGNORECASE)
_PER_CM = re.compile(r"cm\s*\^?\(?-1\)?|1\s*/\s*cm", re.IGNORECASE)
_TO_NM = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x}
_RANGE = f"{VIS_NIR_NM[0]:g}–{VIS_NIR_NM[1]:g} nm"


@dataclass(frozen=True, eq=False)
class Bands:
    """Columns of a table that are bands."""

    columns: np.ndarray  # (n_bands,) positions in the table
    numbers: np.ndarray  # (n_bands,) what their names say, in the file's unit
    unit: str  # nm, um, 1/cm, or empty where the names do not say


def find_bands(table: Table) -> Bands | None:
    """Find the columns whose names are wavelengths, or None; refuse two families of such columns."""
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


def locate_bands(table: Table) -> tuple[Table, Bands] | None:
    """Return the table, transposed if its spectra stand in columns, and its bands; None if it has none."""
    upright, turned = find_bands(table), transpose(table)
    if upright is not None and not _are_counters(upright):
        return table, upright
    bands = find_bands(turned)
    if bands is not None and not _are_counters(bands):
        return turned, bands
    return None if upright is None else (table, upright)


def transpose(table: Table) -> Table:
    """Turn a table with one spectrum per column: wavelengths go into the header, ids into rows."""
    ids = np.array(table.header[1:], dtype=object)
    return replace(
        table,
        header=("id", *(as_text(cell) for cell in table.cells[:, 0])),
        cells=np.column_stack([ids, table.cells[:, 1:].T]),
        rows=np.arange(2, len(table.header) + 1),
        notes=(*table.notes, f"{table.path.name} has one spectrum per column; read transposed"),
        words=("column", "row"),
    )


def to_nanometres(axis: np.ndarray, unit: str) -> np.ndarray | None:
    """Convert an axis in ``nm``, ``um`` or ``1/cm`` to nm, in its order; None if that is not possible.

    Examples
    --------
    >>> to_nanometres(np.array([4000.0]), "1/cm"), to_nanometres(np.array([1.0]), "Hz")
    (array([2500.]), None)
    """
    if unit not in _TO_NM or not (np.isfinite(axis).all() and (axis > 0).all()):
        return None
    return _TO_NM[unit](axis)


def band_wavelengths(table: Table, bands: Bands) -> tuple[np.ndarray, list[str]]:
    """Wavelengths in nm of the bands, in the table's order, and a note if converted.

    Without a unit in the names, values tell: 200–3000 is nm, 3333–50000 is 1/cm and 0.2–3 is µm.
    """
    low, high = bands.numbers.min(), bands.numbers.max()
    unit = bands.unit or _unit_by_value(bands.numbers)
    span = f"bands from {low:g} to {high:g}{' ' + bands.unit if bands.unit else ''}"
    wavelengths = to_nanometres(bands.numbers, unit)
    if wavelengths is None or wavelengths.min() < VIS_NIR_NM[0] or wavelengths.max() > VIS_NIR_NM[1]:
        raise SiteError(f"{table.path} has {span}: {_explain(unit, low, high)}")
    _refuse_repeated_bands(table, bands, wavelengths)
    names = {"1/cm": "wavenumbers (1/cm)", "um": "micrometres"}
    notes = [f"{table.path.name}: {span}: {names[unit]} converted to nm"] if unit in names else []
    return wavelengths, notes


def _are_counters(bands: Bands) -> bool:
    """Tell ids such as S1 … S40, which look like band names, from wavelengths in nm, µm or 1/cm."""
    return 3 < bands.numbers.max() < VIS_NIR_NM[0]


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
    return "1/cm" if low >= 1e7 / VIS_NIR_NM[1] else "nm"


def _explain(unit: str, low: float, high: float) -> str:
    """Say what such bands may be, and what to do."""
    if high < VIS_NIR_NM[0]:
        return "no wavelengths; name each band column by its wavelength in nm (is the header missing?)"
    if unit == "1/cm" or (350 <= low < 1e7 / VIS_NIR_NM[1] and 3500 < high <= 8000):
        return f"mid-infrared wavenumbers; this study needs visible and near infrared, {_RANGE}"
    return f"they reach beyond {_RANGE}; keep the visible and near-infrared columns"


def _refuse_repeated_bands(table: Table, bands: Bands, wavelengths: np.ndarray) -> None:
    """Refuse bands that coincide, or nearly: data frames rename a second ``400`` to ``400.1``."""
    order = np.argsort(wavelengths, kind="stable")
    steps = np.diff(wavelengths[order])
    same = np.flatnonzero(steps < (0.15 if np.median(steps) > 0.45 else 1e-9))
    if same.size:
        a, b = (table.header[bands.columns[order[same[0] + k]]] for k in (0, 1))
        raise SiteError(
            f"{table.path}: columns {a!r} and {b!r} are one wavelength ({same.size} such pairs); "
            "keep one column per wavelength"
        )


#: Shares of mass without spaces and marks → mg/kg.
TO_MG_KG = {
    **dict.fromkeys(["mg/kg", "mgkg", "mgkg-1", "ppm", "ug/g", "ugg", "ugg-1", "g/t", "gt-1"], 1.0),
    **dict.fromkeys(["ug/kg", "ugkg", "ugkg-1", "ng/g", "ngg-1", "ppb"], 1e-3),
    **dict.fromkeys(["mg/100g", "mg100g-1"], 10.0),
    **dict.fromkeys(["g/kg", "gkg", "gkg-1", "mg/g", "mgg", "mgg-1", "‰", "permil"], 1e3),
    **dict.fromkeys(["%", "pct", "percent", "wt%", "%wt", "wtpct", "g/100g", "dag/kg"], 1e4),
}

_ALIASES = {
    **dict.fromkeys(["lead", "plomb", "blei", "铅"], "Pb"),
    **dict.fromkeys(["phh2o", "phwater", "phinh2o", "phinwater", "ph"], "pH"),
    **dict.fromkeys(["oc", "toc", "corg", "orgc", "organiccarbon", "soilorganiccarbon", "soc"], "SOC"),
    **dict.fromkeys(["claycontent", "clayfraction", "argile", "clay"], "clay"),
    **{name.casefold(): name for name in ("silt", "sand", "SOM", "CaCO3")},
}
_IN_PERCENT = ("clay", "silt", "sand", "SOC", "SOM", "CaCO3")
#: Laboratories add that mass means dry mass; it always does here.
_DRY = re.compile(r"(dryweight|drymatter|drymass|dry|dwt|dw|dm|ts)$")
_OPENING = "([{,;:/"
_BREAK = re.compile(r"[\s_.,;:/(\[{]+")


@dataclass(frozen=True)
class Quantity:
    """What a column holds."""

    name: str  # without spaces and marks, aliases resolved: Pb, pH, SOC
    factor: float | None  # mg/kg in one unit of the column; None without a known unit
    remark: str = ""  # what the header says beyond that and is no known unit: mg/L, H2O

    def is_same(self, other: Quantity) -> bool:
        """Whether both are one quantity, whatever their units."""
        return self.name.casefold() == other.name.casefold()


def parse_quantity(header: str) -> Quantity:
    """Read a column's name.

    Examples
    --------
    >>> parse_quantity("Pb (mg/kg)") == parse_quantity("lead_ppm") == parse_quantity("Pb µg g-1")
    True
    >>> parse_quantity("clay_pct"), parse_quantity("Pb [mg/L]")
    (Quantity(name='clay', factor=10000.0, remark=''), Quantity(name='Pb', factor=None, remark='mg/L'))
    """
    for gap in _BREAK.finditer(header):
        factor = TO_MG_KG.get(_unit_key(header[gap.end() :]))
        if factor is not None and gap.start():
            return Quantity(_name_key(header[: gap.start()]), factor)
    start = min((header.find(mark) for mark in _OPENING if mark in header), default=len(header))
    return Quantity(_name_key(header[:start]), None, header[start:].strip(" ()[]{},;:/"))


def in_unit(quantity: Quantity, unit: str) -> Quantity:
    """Return the quantity in ``unit`` if its own name says none."""
    silent = quantity.factor is None and not quantity.remark and quantity.name != "pH"
    return Quantity(quantity.name, TO_MG_KG.get(_unit_key(unit))) if silent else quantity


def standard_name(quantity: Quantity) -> tuple[str, float] | None:
    """Our column for a quantity, and the factor to its unit; None for what is no share of mass.

    Clay, silt, sand, organic carbon and carbonate are in percent, elements and the rest in mg/kg.

    Examples
    --------
    >>> standard_name(parse_quantity("SOC g/kg")), standard_name(parse_quantity("As (ppm)"))
    (('SOC_pct', 0.1), ('As_mg_kg', 1.0))
    """
    if quantity.name == "pH":
        return "pH", 1.0
    if quantity.factor is None or not quantity.name:
        return None
    if quantity.name in _IN_PERCENT:
        return f"{quantity.name}_pct", quantity.factor / TO_MG_KG["pct"]
    return f"{quantity.name}_mg_kg", quantity.factor


def _unit_key(text: str) -> str:
    """Reduce a unit's spelling: ``(mg kg-1)`` and ``mg_kg-1`` are ``mgkg-1``."""
    key = re.sub(r"[\s_.·*^()\[\]{}]+", "", text).casefold().replace("μ", "u").replace("mcg", "ug")
    return _DRY.sub("", key)


def _name_key(text: str) -> str:
    key = re.sub(r"[\W_]+", "", text)
    return _ALIASES.get(key.casefold(), key)


#: Names of id columns without spaces and marks, the surest first.
ID_NAMES = (
    *("id", "sampleid", "sample", "sampleno", "samplenumber", "samplename", "samplecode"),
    *("labid", "labno", "pointid", "siteid", "code", "probe", "编号", "样品编号", "样号", "name", "no", "nr"),
)


def find_id_column(table: Table, wanted: str = "", others: Collection[int] = ()) -> int:
    """Find the position of the id column: the ``wanted`` name, or where a file lacks it a usual one.

    ``others`` are columns that are known to be something else, such as bands.
    """
    others = set(others)
    names = {j: _squeeze(name) for j, name in enumerate(table.header) if j not in others}
    for name in (_squeeze(wanted), *ID_NAMES) if wanted else ID_NAMES:
        found = [j for j, known in names.items() if known == name]
        if len(found) > 1:
            raise SiteError(f"{table.path} has {len(found)} columns {table.header[found[0]]!r}; keep one")
        if found:
            return found[0]
    if wanted or not names:
        near = difflib.get_close_matches(wanted, [table.header[j] for j in names], n=1)
        there = ", ".join(repr(table.header[j]) for j in list(names)[:8]) or "bands only"
        raise SiteError(
            f"{table.path} has no column of sample ids"
            f"{f' {wanted!r}' if wanted else ''}; it has {there}"
            f"{f'; did you mean id_column: {near[0]}?' if near else '; name one with id_column'}"
        )
    return min(names)


def read_ids(table: Table, column: int) -> np.ndarray:
    """Ids of the rows, (n_rows,) array of str; refuse an empty one and one that became a date."""
    return np.array([_read_id(table, row, column) for row in range(len(table.rows))], dtype=object)


def refuse_repeated_ids(table: Table, ids: np.ndarray, column: int, mend: str) -> None:
    """Refuse an id that stands in several rows; ``mend`` says what to do."""
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        rows = ", ".join(str(row) for row in table.rows[ids == repeated[0]][:5])
        others = f" ({len(repeated) - 1} more ids repeat)" if repeated[1:] else ""
        where = f"{table.at(column=column)}: id {repeated[0]!r} stands in {table.words[0]}s {rows}{others}"
        raise SiteError(f"{where}; {mend}")


def match_ids(spectra: Sequence[str], laboratory: Sequence[str], files: tuple[str, str]) -> list[str]:
    """Return the ids on both sides, in the order of the spectra; refuse to match none.

    Ids on one side only that are an id of the other side spelt otherwise are refused too: matching
    some and losing others would go unseen.
    """
    both = set(spectra) & set(laboratory)
    alone = {fold_id(name): name for name in laboratory if name not in both}
    pairs = [(name, alone[fold_id(name)]) for name in spectra if name not in both and fold_id(name) in alone]
    if pairs:
        ours, theirs = pairs[0]
        lost = ours.lstrip("0") == theirs.lstrip("0")
        why = "leading zeros were lost: format the column as text" if lost else "spell them alike"
        raise SiteError(
            f"{files[0]} has id {ours!r} where {files[1]} has {theirs!r} ({len(pairs)} such pairs); {why}"
        )
    if not both:
        raise SiteError(
            f"{files[0]} and {files[1]} share no sample id: one has {_some(spectra)}, the other "
            f"{_some(laboratory)}; name the right column with id_column"
        )
    return [name for name in spectra if name in both]


@cache
def fold_id(name: str) -> str:
    """Reduce an id to what survives spreadsheets and hands: ``S-007``, ``s 7`` and ``S7.0`` are ``s7``."""
    bare = re.sub(r"[\s_.\-/]+", "", re.sub(r"\.0+$", "", name)).casefold()
    return re.sub(r"(?<!\d)0+(?=\d)", "", bare)


def _read_id(table: Table, row: int, column: int) -> str:
    cell = table.cells[row, column]
    if hasattr(cell, "isoformat"):
        raise SiteError(
            f"{table.at(row, column)}: the id is the date {cell.isoformat()[:10]}: a spreadsheet took an id "
            "such as 3-1 for a date; format the column as text and type the id again"
        )
    text = clean(as_text(cell))
    if text.casefold() in MISSING_WORDS:
        raise SiteError(
            f"{table.at(row, column)}: {f'id {text!r}' if text else 'no id'}; give it one, or delete the "
            f"{table.words[0]} (units belong into the header)"
        )
    return text


def _squeeze(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _some(ids: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in ids[:3]) + (", …" if len(ids) > 3 else "")
