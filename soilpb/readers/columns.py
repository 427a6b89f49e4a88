"""What the name of a column means: a band, a quantity with its unit, or an id.

Bands: whatever stands around the wavelength (``450``, ``wl_450``, ``X450``, ``spc.450``, ``450 nm``,
``scan_visnir.450_ref``) is the same in all columns of a spectrum, so the largest family of alike
names is the spectrum. Quantities: ``Pb_mg_kg``, ``Pb [ppm]`` and ``lead µg/g`` are one; shares of
mass convert into each other, other units (mg/L) never match; a reading by XRF is kept apart. Ids are
texts, compared as they stand after stripping: those that differ by leading zeros, case or separators
are reported, not matched. A running number that nobody named is never an id.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from soilpb.readers.tables import MISSING_WORDS, Table, as_text, clean, read_number
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

#: Fewer alike columns than this are no spectrum but, say, isotopes or depths.
MIN_BANDS = 10

_NAME = re.compile(r"(?P<before>\D*)(?P<number>\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)(?P<after>\D*)", re.IGNORECASE)
_PER_CM = re.compile(r"cm\s*\^?[(.]*-?1\)?|1\s*/\s*cm", re.IGNORECASE)
_TO_NM = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x}
_RANGE = f"{VIS_NIR_NM[0]:g}–{VIS_NIR_NM[1]:g} nm"


@dataclass(frozen=True, eq=False)
class Bands:
    """Columns of a table that are bands."""

    columns: np.ndarray  # (n_bands,) positions in the table
    numbers: np.ndarray  # (n_bands,) what their names say, in the file's unit
    unit: str  # nm, um, 1/cm, or empty where the names do not say


def find_bands(table: Table, wanted: str = "") -> Bands | None:
    """Find the columns whose names are wavelengths, or None.

    Of several families of such columns the one is taken whose names begin with ``wanted`` and a number,
    or of which ``wanted`` is one; else they are refused.
    """
    spectra = _find_families(table.header)
    if wanted and spectra:
        chosen = _family_of(wanted)
        asked = chosen[0] if chosen else (wanted.casefold().strip(), None)
        spectra = {f: found for f, found in spectra.items() if f[0] == asked[0] and asked[1] in (None, f[1])}
        if not spectra:
            raise SiteError(f"{table.path} has no {MIN_BANDS} bands called {wanted!r}; mend bands")
        shortest = min(spectra, key=lambda family: len(family[1]))
        if all(ending.startswith(shortest[1]) for _, ending in spectra):  # R_360_nm beside R_360_nm_SD
            spectra = {shortest: spectra[shortest]}
    axes = {family: found for family, found in spectra.items() if _is_axis(_as_bands({family: found}))}
    spectra = axes or spectra
    if len(spectra) > 1:
        spectra = dict(sorted(spectra.items(), key=lambda one: -len(one[1]))[:4])
        examples = " and ".join(repr(table.header[found[0][0]]) for found in spectra.values())
        raise SiteError(
            f"{table.path} has several families of band columns, such as {examples}; choose one by its name: "
            f"bands: {table.header[next(iter(spectra.values()))[0][0]]} (soilpb new-site: --bands)"
        )
    return _as_bands(spectra, *table.header[:1], table.above)


def locate_bands(table: Table, known: Collection[str] = (), wanted: str = "") -> tuple[Table, Bands] | None:
    """Return the table, transposed if its spectra stand in columns, and its bands; None if it has none.

    Where header and first column could both be wavelengths, what the corner says and which of the two
    are ``known`` ids, of the laboratory's table, tell; where they do not, the table is refused.
    """
    upright, down = find_bands(table, wanted), None
    first = [as_text(cell) for cell in table.cells[:, 0]]
    across, along = (len({*names} & {*known}) / max(len(names), 1) for names in (table.header[1:], first))
    if len(first) >= MIN_BANDS and not (upright is None and along > 0.5 and not across):
        down = _as_bands(_find_families(first, several=False), table.header[0], table.above)
    if upright is None and (down is None or _are_counters(down)):
        return None
    if down is None or (upright is not None and not _is_axis(down)):
        if _is_row(table, upright):
            raise SiteError(
                f"{table.path}: its first row looks like a spectrum, not like wavelengths "
                f"({', '.join(table.header[:4])}, …): is the header missing? write it above"
            )
        if down is None or _is_axis(upright) or _are_counters(down):
            return table, upright
    if _is_axis(upright) and not _lies_turned(table, first, across, along):
        return table, upright
    turned = transpose(_with_header(table, first))
    return turned, replace(down, columns=1 + down.columns + (len(turned.header) - 1 - len(first)))


def band_positions(table: Table) -> set[int]:
    """Columns of all families of bands."""
    return {column for found in _find_families(table.header).values() for column, _ in found}


def _find_families(
    names: Iterable[str], several: bool = True
) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Positions and numbers of names that differ by a number only; the largest family, or all ``several``."""
    families: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for column, name in enumerate(names):
        if match := _family_of(name):
            families[match[0]].append((column, match[1]))
    found = {family: found for family, found in families.items() if len(found) >= MIN_BANDS}
    largest = sorted(found, key=lambda family: -len(found[family]))
    return found if several else {family: found[family] for family in largest[:1]}


def _family_of(name: str) -> tuple[tuple[str, str], float] | None:
    match = _NAME.fullmatch(_PER_CM.sub("percm", name))
    if match is None:
        return None
    family = (match["before"].casefold().strip(), match["after"].casefold().strip())
    return family, float(match["number"].replace(",", "."))


def _as_bands(spectra: dict[tuple[str, str], list[tuple[int, float]]], *said: str) -> Bands | None:
    """Bands of the only family; their unit is in their names, or else in what is ``said`` elsewhere."""
    if not spectra:
        return None
    (family, found), *_ = spectra.items()
    columns, numbers = zip(*found, strict=True)
    units = (_unit_of(_PER_CM.sub("percm", text).casefold()) for text in ("".join(family), *said))
    return Bands(np.array(columns), np.array(numbers), next(filter(None, units), ""))


def _is_axis(bands: Bands | None) -> bool:
    """Tell wavelengths of an instrument from numbers of samples or values of a spectrum."""
    if bands is None or _are_counters(bands):
        return False
    nm = to_nanometres(bands.numbers, bands.unit or _unit_by_value(bands.numbers))
    inside = nm is not None and VIS_NIR_NM[0] <= nm.min() and nm.max() <= VIS_NIR_NM[1]
    return inside and np.ptp(nm) >= 100


def _is_row(table: Table, bands: Bands) -> bool:
    """Tell a header that is a row of data: unevenly spaced numbers that are much like those below."""
    cells = table.cells[:20, bands.columns]
    below = np.array([[read_number(as_text(cell)) or np.nan for cell in row] for row in cells])
    if bands.unit or not np.isfinite(below).all(axis=1).any():
        return False
    alike = bands.numbers / np.nanmedian(below, axis=0)
    steps, inverse = np.diff(bands.numbers), np.diff(1 / np.maximum(bands.numbers, 1e-9))
    even = min(np.std(step) / (abs(np.mean(step)) or 1e-9) for step in (steps, inverse)) < 0.2
    return bool((alike > 1 / 3).all() and (alike < 3).all() and not even)


def _lies_turned(table: Table, first: Sequence[str], across: float, along: float) -> bool:
    """Tell spectra in columns where header and first column both could be wavelengths.

    ``across`` and ``along`` are the shares of known ids in the header and in the first column.
    """
    corner = clean(table.header[0]).casefold()
    if re.search(r"wave|welle|波|onde|onda|lambda|(?<![a-z])(nm|um|μm|cm)(?![a-z])", corner):
        return True
    if max(across, along) >= 0.5 and max(across, along) >= 2 * min(across, along):
        return across > along
    if not across + along and _squeeze(corner) in ID_NAMES:
        return False
    raise SiteError(
        f"{table.path} may be read two ways: both its header ({', '.join(table.header[1:4])}, …) and its "
        f"first column ({', '.join(first[:3])}, …) could be wavelengths; write 'wavelength (nm)' into the "
        "corner if they stand in the first column, or nm behind them in the header"
    )


def _with_header(table: Table, first: Sequence[str]) -> Table:
    """Give a header to a single spectrum that stands in two columns without one."""
    top, axis = read_number(table.header[0]), [read_number(text) for text in first[:2]]
    if top is None or None in axis or not 0 < (axis[0] - top) * (axis[1] - axis[0]) < 9 * np.ptp(axis) ** 2:
        return table
    if len(table.header) > 2:
        raise SiteError(
            f"{table.path}: its first row, {', '.join(table.header[:3])}, … is one of data: write the ids of "
            "the samples above their columns"
        )
    rows = np.concatenate([[table.rows[0] - 1], table.rows])
    cells = np.vstack([np.array(table.header, dtype=object), table.cells])
    return replace(table, header=("wavelength", "spectrum"), cells=cells, rows=rows)


def join_units(table: Table) -> Table:
    """Put the units of a second row, where there is one, behind the names of the columns."""
    units = [as_text(cell) for cell in table.cells[0]] if len(table.rows) > 1 else []
    known = [_unit_key(_PER_CM.sub("percm", unit)) in _UNITS for unit in units]
    if not any(known) or not all(k or _squeeze(u) in _NO_UNIT for k, u in zip(known, units, strict=True)):
        return table
    named = zip(table.header, units, known, strict=True)
    header = tuple(f"{name} ({unit})" if is_known else name for name, unit, is_known in named)
    return replace(table, header=header, cells=table.cells[1:], rows=table.rows[1:])


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


def _unit_of(text: str) -> str:
    """Unit of an axis that a text in lower case, with ``percm`` for 1/cm, says."""
    if re.search(r"percm|wave ?number|wellenzahl|波数|nombres? d.onde|n[uú]meros? de onda", text):
        return "1/cm"
    if re.search(r"(?<![a-z])[uμ]m(?![a-z])|micron|mi[ck]romet", text):
        return "um"
    return "nm" if re.search(r"(?<![a-z])nm(?![a-z])|nanomet|纳米", text) else ""


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
    **dict.fromkeys(["10-6", "×10-6", "x10-6", "1e-6", "毫克/千克", "mg/公斤"], 1.0),
    **dict.fromkeys(["ug/kg", "ugkg", "ugkg-1", "ng/g", "ngg-1", "ppb"], 1e-3),
    **dict.fromkeys(["mg/100g", "mg100g-1"], 10.0),
    **dict.fromkeys(["g/kg", "gkg", "gkg-1", "mg/g", "mgg", "mgg-1", "‰", "permil"], 1e3),
    **dict.fromkeys(["%", "pct", "percent", "wt%", "%wt", "wtpct", "g/100g", "dag/kg"], 1e4),
}

#: What may stand in a second row of units, and what may stand in it instead of one.
_UNITS = {*TO_MG_KG, "nm", "um", "percm", "m", "cm", "°", "deg", "mmol/kg", "cmol/kg", "cmol+/kg"}
_NO_UNIT = {"", "unit", "units", "einheit", "单位", "none", "text"}
#: Elements by their symbols, in any case but for those of one letter, and by names in other languages.
ELEMENTS = {
    **dict.fromkeys("Ag Al Ba Be Bi Ca Ce Cs Ga La Li Mg Mo Na Nb Rb Sc Se Si Sr Th Ti Tl Zr".split(), ""),
    **dict.fromkeys("B C K N P S U V Y".split(), ""),
    **{"Pb": "lead plomb blei plomo piombo chumbo lood свинец 铅 鉛", "As": "arsenic arsen arsénico 砷"},
    **{
        "Cd": "cadmium kadmium cadmio 镉",
        "Cr": "chromium chrom chrome cromo 铬",
        "Mn": "manganese mangan 锰",
    },
    **{"Cu": "copper kupfer cuivre cobre 铜", "Fe": "iron eisen fer hierro 铁", "Ni": "nickel níquel 镍"},
    **{"Zn": "zinc zink cinc 锌", "Hg": "mercury quecksilber mercure mercurio 汞", "Co": "cobalt kobalt 钴"},
    **{"Sb": "antimony antimon 锑", "Sn": "tin zinn étain 锡"},
}
_ELEMENT_OF = {
    word: name
    for name, words in ELEMENTS.items()
    for word in ((name.casefold(),) if name[1:] else (name,)) + tuple(words.split())
}
#: What may stand beside an element and leaves it what it is: the whole of it, and how it was measured.
_BESIDE = frozenset(
    "w wb total tot totale gesamt content conc concentration gehalt teneur contenido level of in the soil "
    "aas faas gfaas aes oes ms icp icpms icpoes icpaes ar aqua regia pseudototal metal element 土壤".split()
)
_XRF = re.compile(r"(?:[a-z]{0,2}xrf)", re.IGNORECASE)
_WHOLE = re.compile("土壤|含量|浓度|质量分数|总量|全量|[总全]")
_WORD = re.compile(r"[^\W_\u4e00-\u9fff]+|[\u4e00-\u9fff]+")

_ALIASES = {
    **dict.fromkeys(["phh2o", "phwater", "phinh2o", "phinwater", "ph"], "pH"),
    **dict.fromkeys(["oc", "toc", "corg", "orgc", "organiccarbon", "soilorganiccarbon", "soc"], "SOC"),
    **dict.fromkeys(["claycontent", "clayfraction", "argile", "clay", "ton", "粘粒", "黏粒"], "clay"),
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
    method: str = ""  # XRF, which reads something else than a digestion finds; else empty

    def is_same(self, other: Quantity) -> bool:
        """Whether both are one quantity, whatever their units and methods."""
        return self.name.casefold() == other.name.casefold()


def parse_quantity(header: str) -> Quantity:
    """Read a column's name.

    Examples
    --------
    >>> parse_quantity("Pb (mg/kg)") == parse_quantity("lead_ppm") == parse_quantity("Pb µg g-1")
    True
    >>> parse_quantity("w(Pb)/10-6"), parse_quantity("pXRF Pb [mg/L]").remark
    (Quantity(name='Pb', factor=1.0, remark='', method=''), 'mg/L')
    """
    gaps = [(gap.start(), gap.end()) for gap in _BREAK.finditer(header)]
    ends = [(len(header), len(header)), *reversed(gaps)]
    for start, begin in gaps:
        for end, rest in ends:
            factor = TO_MG_KG.get(_unit_key(header[begin:end])) if start and begin < end else None
            if factor is not None and (not header[rest:] or _find_element(f"Pb {header[rest:]}")):
                name, method = _name_key(f"{header[:start]} {header[rest:]}".strip())
                return Quantity(name, factor, method=method)
    if found := _find_element(header):
        return Quantity(found[0], None, method=found[1])
    start = min((header.find(mark) for mark in _OPENING if mark in header), default=len(header))
    name, method = _name_key(header[:start])
    return Quantity(name, None, header[start:].strip(" ()[]{},;:/"), method)


def _find_element(text: str) -> tuple[str, str] | None:
    """Element that a name means, and XRF where it says so; None if it says anything else."""
    words = [_WHOLE.sub("", word) for word in _WORD.findall(text)]
    method = "XRF" if any(map(_XRF.fullmatch, words)) else ""
    words = [w for w in words if w and w.casefold() not in _BESIDE and not _XRF.fullmatch(w)]
    found = {_ELEMENT_OF.get(word if len(word) == 1 else word.casefold()) for word in words}
    return (found.pop(), method) if len(found) == 1 and None not in found else None


def in_unit(quantity: Quantity, unit: str) -> Quantity:
    """Return the quantity in ``unit`` if its own name says none."""
    silent = quantity.factor is None and not quantity.remark and quantity.name != "pH"
    return replace(quantity, factor=TO_MG_KG.get(_unit_key(unit))) if silent else quantity


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
    return "_".join(filter(None, (quantity.name, quantity.method, "mg_kg"))), quantity.factor


def _unit_key(text: str) -> str:
    """Reduce a unit's spelling: ``(mg kg-1)`` and ``mg_kg-1`` are ``mgkg-1``."""
    key = re.sub(r"[\s_.·*^()\[\]{}]+", "", text).casefold().replace("μ", "u").replace("mcg", "ug")
    return _DRY.sub("", key)


def _name_key(text: str) -> tuple[str, str]:
    """Name without spaces and marks, and the method."""
    key = re.sub(r"[\W_]+", "", text)
    known = _ALIASES.get(key.casefold())
    return (known, "") if known else _find_element(text) or (key, "")


#: Names of id columns without spaces and marks, the surest first.
ID_NAMES = (
    *("id", "sampleid", "sample", "sampleno", "samplenumber", "samplename", "samplecode"),
    *("labid", "labno", "pointid", "siteid", "code", "probe", "编号", "样品编号", "样号", "name", "no", "nr"),
)
#: Names that programs give to a column that has none.
_UNNAMED = ("", "x", "x1", "1", "v1", "unnamed0", "index", "rowname", "rownames", "row", "rownumber")


def find_id_column(
    table: Table, wanted: str = "", others: Collection[int] = (), known: Callable[[str], int] | None = None
) -> int:
    """Find the position of the id column: the ``wanted`` name, or where a file lacks it one of its own.

    That is the column of which most cells are ``known``, which says by a true value whether a text is an id
    of the other file; else one with a usual name. A running number without a name is never taken, and one
    with a name only where nothing else is as good.

    ``others`` are columns that are known to be something else, such as bands.
    """
    others = set(others)
    names = {j: _squeeze(name) for j, name in enumerate(table.header) if j not in others}
    found = [j for j, name in names.items() if wanted and name == _squeeze(wanted)]
    exact = [j for j in found if table.header[j] == wanted]
    if len(found) > 1 and len(exact) != 1:
        raise SiteError(f"{table.path} has {len(found)} columns {table.header[found[0]]!r}; keep one")
    if found:
        return (exact or found)[0]
    numbered = {j for j in names if _are_row_numbers(table, j)}
    names = {j: name for j, name in names.items() if j not in numbered or name not in _UNNAMED}
    rank = {
        j: (j in numbered, ID_NAMES.index(n) if n in ID_NAMES else len(ID_NAMES), j) for j, n in names.items()
    }
    if known is not None:
        alike = {j: sum(map(bool, map(known, column_texts(table, j)))) for j in names}
        if best := [j for j in names if alike[j] and alike[j] == max(alike.values())]:
            return min(best, key=rank.__getitem__)
    usual = [j for j in names if names[j] in ID_NAMES]
    if len({names[j] for j in usual}) < len(usual):
        twice = Counter(names[j] for j in usual).most_common(1)[0][0]
        raise SiteError(f"{table.path} has 2 columns {twice!r}; keep one")
    if usual and not wanted:
        return min(usual, key=lambda j: rank[j][1:])
    if wanted or not names:
        near = difflib.get_close_matches(wanted, [table.header[j] for j in names], n=1)
        there = ", ".join(repr(table.header[j]) for j in list(names)[:8])
        there = there or ("a running number without a name only" if numbered else "bands only")
        raise SiteError(
            f"{table.path} has no column of sample ids"
            f"{f' {wanted!r}' if wanted else ''}; it has {there}"
            f"{f'; did you mean id_column: {near[0]}?' if near else '; name one with id_column'}"
        )
    return min(names, key=rank.__getitem__)


def column_texts(table: Table, column: int) -> set[str]:
    """Different texts of a column that could be ids."""
    return {clean(as_text(cell)) for cell in table.cells[:, column]} - {""}


def join_id_columns(table: Table, wanted: str, known: Callable[[str], int] | None = None) -> Table:
    """Add the column that ``soil + horizon`` names, where the table has these columns.

    Their cells are joined by the mark that makes most of them ``known``; by ``_`` if none does.
    """
    parts = [part.strip() for part in wanted.split("+")]
    at = [
        [_squeeze(name) for name in table.header].index(_squeeze(part)) for part in parts if _has(table, part)
    ]
    if len(parts) < 2 or len(at) < len(parts) or wanted in table.header:
        return table
    cells = [[clean(as_text(cell)) for cell in row] for row in table.cells[:, at]]
    joined = {mark: [mark.join(row) if all(row) else "" for row in cells] for mark in "_- ./"}
    joined[""] = ["".join(row) if all(row) else "" for row in cells]
    best = max(joined, key=lambda mark: sum(map(int, map(known, joined[mark])))) if known else "_"
    column = np.array(joined[best], dtype=object)[:, None]
    return replace(table, header=(*table.header, wanted), cells=np.hstack([table.cells, column]))


def possible_ids(table: Table, wanted: str = "") -> set[str]:
    """Texts of all columns that could be the ids of a laboratory's table, and of the ``wanted`` one."""
    columns = [j for j, name in enumerate(table.header) if not is_measured(name)]
    columns = [
        j for j in columns if not (_squeeze(table.header[j]) in _UNNAMED and _are_row_numbers(table, j))
    ]
    joined = join_id_columns(table, wanted)
    columns += range(len(table.header), len(joined.header))
    return set().union(*(column_texts(joined, j) for j in columns))


def is_measured(name: str) -> bool:
    """Tell the name of a measured quantity, with or without a unit, from others."""
    found = parse_quantity(name)
    return found.factor is not None or found.name in (*ELEMENTS, *_IN_PERCENT, "pH")


def known_in(ids: Iterable[str]) -> Callable[[str], int]:
    """Say of a text whether it, perhaps without a counter, is one of some ids: 2; spelt otherwise: 1."""
    exact, folded = set(ids), set(map(fold_id, ids))
    return lambda text: 2 if text in exact else int(not folded.isdisjoint(map(fold_id, _forms(text))))


def known_before(names: Iterable[str]) -> Callable[[str], int]:
    """Say of a text whether it is what some names without their counters are: 2; spelt otherwise: 1."""
    exact = set().union(*map(_forms, names))
    folded = set(map(fold_id, exact))
    return lambda text: 2 if text in exact else int(fold_id(text) in folded)


def _forms(name: str) -> set[str]:
    ends = [cut.start() for cut in re.finditer(r"[\s_.\-(]|\d{5}$|\d{3}$|[A-Z]{2}\d\d$", name)]
    return {name[:end] for end in (*ends, len(name)) if end}


def _parts(wanted: str) -> list[str]:
    return [_squeeze(part) for part in wanted.split("+") if "+" in wanted]


def _has(table: Table, name: str) -> bool:
    return name in map(_squeeze, table.header)


def _are_row_numbers(table: Table, column: int) -> bool:
    """Tell 1, 2, 3, …; without a name any small whole numbers, such as data frames keep of sorted rows."""
    numbers = [read_number(as_text(cell)) for cell in table.cells[:, column]]
    if not numbers or None in numbers or any(number % 1 for number in numbers):
        return False
    if _squeeze(table.header[column]) in _UNNAMED:
        return max(numbers) <= 3 * len(numbers) + 10
    return numbers[0] in (0, 1) and numbers == [numbers[0] + i for i in range(len(numbers))]


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
        raise SiteError(f"{where}; {mend}{_offer_ids(table, column, ids)}")


def _offer_ids(table: Table, column: int, ids: np.ndarray) -> str:
    """Other columns that do not repeat, alone or joined to the ids."""
    names = [name for name in table.header[: table.cells.shape[1]] if name and not is_measured(name)]
    texts = {name: [as_text(cell) for cell in table.cells[:, table.header.index(name)]] for name in names}
    whole = [name for name, cells in texts.items() if len({*cells} - {""}) == len(ids)]
    joined = [name for name, cells in texts.items() if len({*zip(ids, cells, strict=True)}) == len(ids)]
    offered = whole or [f"{table.header[column]} + {name}" for name in joined]
    return f"; without repetition: {', '.join(offered[:5])} (id_column, --id)" if offered else ""


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
