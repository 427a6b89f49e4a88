"""What the name of a column means: a band, or a quantity with its unit.

Bands: whatever stands around the wavelength (``450``, ``wl_450``, ``X450``, ``spc.450``, ``450 nm``,
``scan_visnir.450_ref``) is the same in all columns of a spectrum, so the largest family of alike
names is the spectrum. Quantities: ``Pb_mg_kg``, ``Pb [ppm]`` and ``lead µg/g`` are one; shares of
mass convert into each other, other units (mg/L) never match; a reading by XRF is kept apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from soilpb.readers.tables import Table, as_text, clean, read_number
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

#: Fewer alike columns than this are no spectrum but, say, isotopes or depths.
MIN_BANDS = 10

_NAME = re.compile(r"(?P<before>\D*)(?P<number>\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)(?P<after>\D*)", re.IGNORECASE)
_PER_CM = re.compile(r"cm\s*\^?[(.]*-?1\)?|1\s*/\s*cm", re.IGNORECASE)
_TO_NM = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x, "Å": lambda x: x / 10}
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
    spectra = {f: found for f, found in spectra.items() if _is_axis(_as_bands({f: found}))} or spectra
    if len(spectra) > 1:
        names = [table.header[found[0][0]] for found in spectra.values()][:4]
        raise SiteError(
            f"{table.path} has several families of band columns, such as {' and '.join(map(repr, names))}; "
            f"choose one by its name: bands: {names[0]} (soilpb new-site: --bands)"
        )
    return _as_bands(spectra, *table.header[:1], table.above)


def locate_bands(table: Table, known: Collection[str] = (), wanted: str = "") -> tuple[Table, Bands] | None:
    """Return the table, transposed if its spectra stand in columns, and its bands; None if it has none.

    Where header and first column could both be wavelengths, the corner and the laboratory's ``known`` ids
    tell; where they do not, the table is refused.
    """
    upright, down = find_bands(table, wanted), None
    first = [as_text(cell) for cell in table.cells[:, 0]]
    across, along = (len({*names} & {*known}) / max(len(names), 1) for names in (table.header[1:], first))
    if len(first) >= MIN_BANDS and not (upright is None and along > 0.5 and not across):
        down = _as_bands(_find_families(first), table.header[0], table.above)
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


def _find_families(names: Iterable[str]) -> dict[tuple[str, str], list[tuple[int, float]]]:
    """Positions and numbers of names that differ by a number only, the largest family first."""
    families: dict[tuple[str, str], list[tuple[int, float]]] = defaultdict(list)
    for column, name in enumerate(names):
        if match := _family_of(name):
            families[match[0]].append((column, match[1]))
    largest = sorted(families.items(), key=lambda one: -len(one[1]))
    return {family: found for family, found in largest if len(found) >= MIN_BANDS}


def _family_of(name: str) -> tuple[tuple[str, str], float] | None:
    match = _NAME.fullmatch(_PER_CM.sub("percm", name))
    if match is None:
        return None
    family = (match["before"].casefold().strip(), match["after"].casefold().strip())
    return family, float(match["number"].replace(",", "."))


def _as_bands(spectra: dict[tuple[str, str], list[tuple[int, float]]], *said: str) -> Bands | None:
    """Bands of the first family; their unit is in their names, or else in what is ``said`` elsewhere."""
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
    """Tell spectra in columns; ``across``, ``along``: shares of known ids in header and first column."""
    corner = clean(table.header[0]).casefold()
    if re.search(r"wave|welle|波|onde|onda|lambda|(?<![a-z])(nm|um|μm|cm)(?![a-z])", corner):
        return True
    if max(across, along) >= 0.5 and max(across, along) >= 2 * min(across, along):
        return across > along
    if not across + along and squeeze(corner) in ID_NAMES:
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
    if not any(known) or not all(k or squeeze(u) in _NO_UNIT for k, u in zip(known, units, strict=True)):
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
    """Convert an axis in ``nm``, ``um``, ``Å`` or ``1/cm`` to nm, in its order; None if that is not possible.

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
    name = {"1/cm": "wavenumbers (1/cm)", "um": "micrometres", "Å": "ångströms"}.get(unit)
    return wavelengths, [f"{table.path.name}: {span}: {name} converted to nm"] if name else []


def _are_counters(bands: Bands) -> bool:
    """Tell ids such as S1 … S40, which look like band names, from wavelengths in nm, µm or 1/cm."""
    return 3 < bands.numbers.max() < VIS_NIR_NM[0]


def _unit_of(text: str) -> str:
    """Unit of an axis that a text in lower case, with ``percm`` for 1/cm, says."""
    if re.search(r"percm|wave ?number|wellenzahl|波数|nombres? d.onde|n[uú]meros? de onda", text):
        return "1/cm"
    if re.search(r"(?<![a-z])[uμ]m(?![a-z])|micron|mi[ck]romet", text):
        return "um"
    if re.search(r"(?<![a-z])å(?![a-zå])|[aå]ngstr[oö]m", text):
        return "Å"
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


#: Names of id columns without spaces and marks, the surest first.
ID_NAMES = (
    *("id", "sampleid", "sample", "sampleno", "samplenumber", "samplename", "samplecode"),
    *("labid", "labno", "pointid", "siteid", "code", "probe", "编号", "样品编号", "样号", "name", "no", "nr"),
)
#: Shares of mass without spaces and marks → mg/kg.
TO_MG_KG = {
    **dict.fromkeys(["mg/kg", "mgkg", "mgkg-1", "ppm", "ug/g", "ugg", "ugg-1", "g/t", "gt-1"], 1.0),
    **dict.fromkeys(["10-6", "×10-6", "x10-6", "1e-6", "毫克/千克", "mg/公斤", "мг/кг"], 1.0),
    **dict.fromkeys(["ug/kg", "ugkg", "ugkg-1", "ng/g", "ngg-1", "ppb"], 1e-3),
    **dict.fromkeys(["mg/100g", "mg100g-1"], 10.0),
    **dict.fromkeys(["g/kg", "gkg", "gkg-1", "mg/g", "mgg", "mgg-1", "‰", "permil"], 1e3),
    **dict.fromkeys(["%", "pct", "percent", "wt%", "%wt", "wtpct", "g/100g", "dag/kg"], 1e4),
}

#: What may stand in a second row of units, and what may stand in it instead of one.
_UNITS = {*TO_MG_KG, "nm", "um", "percm", "m", "cm", "°", "deg", "mmol/kg", "cmol/kg", "cmol+/kg"}
_NO_UNIT = {"", "unit", "units", "einheit", "单位", "none", "text"}
#: Elements by their symbols, in any case but for those of one letter, and by names in other languages.
ELEMENTS = dict.fromkeys(
    "Ag Al B Ba Be Bi C Ca Ce Cs Ga K La Li Mg Mo N Na Nb P Rb S Sc Se Si Sr Th Ti Tl U V Y Zr".split(), ""
) | {
    "Pb": "lead plomb blei plomo piombo chumbo lood свинец 铅 鉛",
    "As": "arsenic arsen arsénico 砷",
    "Cd": "cadmium kadmium cadmio 镉",
    "Co": "cobalt kobalt 钴",
    "Cr": "chromium chrom chrome cromo 铬",
    "Cu": "copper kupfer cuivre cobre 铜",
    "Fe": "iron eisen fer hierro 铁",
    "Hg": "mercury quecksilber mercure mercurio 汞",
    "Mn": "manganese mangan 锰",
    "Ni": "nickel níquel 镍",
    "Sb": "antimony antimon 锑",
    "Sn": "tin zinn étain 锡",
    "Zn": "zinc zink cinc 锌",
}
_ELEMENT_OF = {
    word: name
    for name, words in ELEMENTS.items()
    for word in ((name.casefold(),) if name[1:] else (name,)) + tuple(words.split())
}
#: What may stand beside an element and leaves it what it is: the whole of it, and how it was measured.
_BESIDE = frozenset(
    "w ω wb total tot totale gesamt content conc concentration concentración gehalt teneur contenido level "
    "of in the soil de del en el suelo du le sol im boden "
    "aas faas gfaas aes oes ms icp icpms icpoes icpaes ar aqua regia pseudototal metal element 土壤".split()
)
_XRF = re.compile(r"(?:[a-z]{0,2}xrf)", re.IGNORECASE)
_WHOLE = re.compile("土壤|重金属|元素|含量|浓度|质量分数|总量|全量|[总全]")
_WORD = re.compile(r"[^\W_\u4e00-\u9fff]+|[\u4e00-\u9fff]+")

_ALIASES = {
    **dict.fromkeys(["phh2o", "phwater", "phinh2o", "phinwater", "ph"], "pH"),
    **dict.fromkeys(["oc", "toc", "corg", "orgc", "organiccarbon", "soilorganiccarbon", "soc"], "SOC"),
    **dict.fromkeys(["claycontent", "clayfraction", "argile", "clay", "ton", "粘粒", "黏粒"], "clay"),
    **{name.casefold(): name for name in ("silt", "sand", "SOM", "CaCO3")},
}
_IN_PERCENT = ("clay", "silt", "sand", "SOC", "SOM", "CaCO3")
#: Laboratories add that mass means dry mass; it always does here.
_DRY = re.compile(r"(dryweight|drymatter|drymass|dry|dwt|dw|dm|ts|tm|tr|ms)$")
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
    key = re.sub("(?<=g)per(?=[km]?g)", "/", key.replace("–", "-"))
    return _DRY.sub("", key)


def _name_key(text: str) -> tuple[str, str]:
    """Name without spaces and marks, and the method."""
    key = re.sub(r"[\W_]+", "", text)
    known = _ALIASES.get(key.casefold())
    return (known, "") if known else _find_element(text) or (key, "")


def is_measured(name: str) -> bool:
    """Tell the name of a measured quantity, with or without a unit, from others."""
    found = parse_quantity(name)
    return found.factor is not None or found.name in (*ELEMENTS, *_IN_PERCENT, "pH")


def squeeze(name: str) -> str:
    """Reduce a name to its letters and digits, in lower case."""
    return re.sub(r"[\W_]+", "", name).casefold()
