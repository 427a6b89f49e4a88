"""What the name of a column means: a band, or a quantity with its unit.

Bands: whatever stands around the wavelength (``450``, ``wl_450``, ``spc.450``, ``scan_visnir.450_ref``) is
the same in all columns of a spectrum. Quantities: ``Pb_mg_kg``, ``Pb [ppm]`` and ``lead µg/g`` are one;
shares of mass convert into each other, other units (mg/L) never match; a reading by XRF is kept apart.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product

import numpy as np

from soilpb.readers.tables import Table, as_text, clean, read_number
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

#: Fewer alike columns than this are no spectrum but, say, isotopes or depths.
MIN_BANDS = 10

_NAME = re.compile(r"\s*(\D*?)\s*(\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)\s*(\D*?)\s*")
_PER_CM = re.compile(r"cm\s*\^?[(.]*-?1\)?|1\s*/\s*cm", re.IGNORECASE)
_TO_NM = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x, "Å": lambda x: x / 10}
#: What says the unit of an axis, in a text in lower case with ``percm`` for 1/cm.
_AXIS_WORDS = {
    "1/cm": r"percm|wave ?number|wellenzahl|波数|nombres? d.onde|n[uú]meros? de onda",
    "um": r"(?<![a-z])[uμ]m(?![a-z])|micron|mi[ck]romet",
    "Å": r"(?<![a-z])å(?![a-zå])|[aå]ngstr[oö]m",
    "nm": r"(?<![a-z])nm(?![a-z])|nanomet|纳米",
}
_CONVERTED = {"1/cm": "wavenumbers (1/cm)", "um": "micrometres", "Å": "ångströms"}
_RANGE = f"{VIS_NIR_NM[0]:g}–{VIS_NIR_NM[1]:g} nm"


@dataclass(frozen=True, eq=False)
class Bands:
    """Columns of a table, or cells of its first one, that are bands: their names differ by a number only."""

    around: tuple[str, str]  # what stands before and behind the number
    columns: np.ndarray  # (n_bands,) positions
    numbers: np.ndarray  # (n_bands,) in the file's unit
    said: str  # nm, um, 1/cm, Å, or empty where the file does not say

    @cached_property
    def unit(self) -> str:
        """Unit as said, or by value: 200–3000 is nm, 3333–50000 is 1/cm and 0.2–3 is µm."""
        low, high, steps = self.numbers.min(), self.numbers.max(), np.sign(np.diff(self.numbers))
        # Reflectance in a file without header lies within 0.2–3 too, but neither ascends nor descends.
        small = low >= 0.2 and 0.7 <= high <= 3 and abs(steps.sum()) == steps.size
        return self.said or ("um" if small else "1/cm" if low >= 1e7 / VIS_NIR_NM[1] else "nm")

    @cached_property
    def wavelengths(self) -> np.ndarray | None:
        """(n_bands,) nm in the table's order, None if these are none of visible and near-infrared light."""
        nm = to_nanometres(self.numbers, self.unit)
        return nm if nm is not None and VIS_NIR_NM[0] <= nm.min() and nm.max() <= VIS_NIR_NM[1] else None

    @cached_property
    def likeness(self) -> int:
        """0: numbers of samples (S1 … S40), 1: any other numbers, 2: wavelengths of an instrument."""
        if 3 < self.numbers.max() < VIS_NIR_NM[0]:
            return 0
        return 2 if self.wavelengths is not None and np.ptp(self.wavelengths) >= 100 else 1


def locate_bands(table: Table, known: Collection[str] = (), wanted: str = "") -> tuple[Table, Bands] | None:
    """Return the table, transposed if its spectra stand in columns, and its bands; None if it has none.

    Of several families of columns the one is taken that is called ``wanted``. Where header and first column
    could both be wavelengths, the corner and the laboratory's ``known`` ids tell; else the table is refused.
    """
    first, said = [as_text(cell) for cell in table.cells[:, 0]], (table.header[0], table.above)
    upright, down = _choose_family(table, wanted, said), next(iter(_find_families(first, *said)), None)
    across, along = (len({*names} & {*known}) / max(len(names), 1) for names in (table.header[1:], first))
    if upright is None and along > 0.5 and not across:
        return None
    ours, theirs = (-1 if bands is None else bands.likeness for bands in (upright, down))
    turned = theirs >= max(ours, 1) and (ours < 2 or _lies_turned(table, first, across, along))
    steps = np.diff([read_number(text) or np.nan for text in (table.header[0], *first[:2])])
    if (turned and 0 < steps.prod() < 9 * steps[-1] ** 2) or (
        ours >= 0 and theirs < 2 and _is_row(table, upright)
    ):
        raise SiteError(
            f"{table.path}: its first row, {', '.join(table.header[:4])}, … looks like data: is the header "
            "missing? write the wavelengths, or the ids of the samples, above their columns"
        )
    if not turned:
        return upright and (table, upright)
    table = replace(
        table,
        header=("id", *first),
        cells=np.column_stack([np.array(table.header[1:], dtype=object), table.cells[:, 1:].T]),
        rows=np.arange(2, len(table.header) + 1),
        notes=(*table.notes, f"{table.path.name} has one spectrum per column; read transposed"),
        words=("column", "row"),
    )
    return table, replace(down, columns=1 + down.columns)


def band_positions(table: Table) -> set[int]:
    """Columns of all families of bands."""
    return {column for bands in _find_families(table.header) for column in bands.columns.tolist()}


def _choose_family(table: Table, wanted: str, said: Sequence[str]) -> Bands | None:
    """Bands of the header: the only ones, or those ``wanted``: a name, or what stands before the numbers."""
    found = _find_families(table.header, *said)
    if wanted and found:
        match = _NAME.fullmatch(_plain(wanted))
        before, after = (match[1], match[3]) if match else (_plain(wanted).strip(), None)
        found = [bands for bands in found if bands.around[0] == before and after in (None, bands.around[1])]
        if not found:
            raise SiteError(f"{table.path} has no {MIN_BANDS} bands called {wanted!r}; mend bands")
        ends = [bands.around[1] for bands in found]
        shortest = min(ends, key=len)
        if all(end.startswith(shortest) for end in ends):  # R_360_nm beside R_360_nm_SD
            found = [found[ends.index(shortest)]]
    found = [bands for bands in found if bands.likeness == 2] or found
    if len(found) > 1:
        names = [table.header[bands.columns[0]] for bands in found][:4]
        raise SiteError(
            f"{table.path} has several families of band columns, such as {' and '.join(map(repr, names))}; "
            f"choose one by its name: bands: {names[0]} (soilpb new-site: --bands)"
        )
    return found[0] if found else None


def _find_families(names: Sequence[str], *said: str) -> list[Bands]:
    """Bands among names, the largest family first; their unit is in their names, or in what is ``said``."""
    families = defaultdict(list)
    for column, name in enumerate(names):
        if match := _NAME.fullmatch(_plain(name)):
            families[match[1], match[3]].append((column, float(match[2].replace(",", "."))))
    found = []
    for around, places in families.items():
        if len(places) >= MIN_BANDS:
            texts = map(_plain, ("".join(around), *said))
            units = (unit for text in texts for unit, words in _AXIS_WORDS.items() if re.search(words, text))
            columns, numbers = map(np.array, zip(*places, strict=True))
            found.append(Bands(around, columns, numbers, next(units, "")))
    return sorted(found, key=lambda bands: -bands.columns.size)


def _plain(text: str) -> str:
    return _PER_CM.sub("percm", text).casefold()


def _is_row(table: Table, bands: Bands) -> bool:
    """Tell a header that is a row of data: unevenly spaced numbers that are much like those below."""
    cells = table.cells[:20, bands.columns]
    below = np.array([[read_number(as_text(cell)) or np.nan for cell in row] for row in cells])
    if bands.said or not np.isfinite(below).all(axis=1).any():
        return False
    ratio = bands.numbers / np.nanmedian(below, axis=0)
    steps = (np.diff(axis) for axis in (bands.numbers, 1 / np.maximum(bands.numbers, 1e-9)))
    even = any(np.std(step) < 0.2 * (abs(np.mean(step)) or 1e-9) for step in steps)
    return bool(((ratio > 1 / 3) & (ratio < 3)).all() and not even)


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


def join_units(table: Table) -> Table:
    """Put the units of a second row, where there is one, behind the names of the columns."""
    units = [as_text(cell) for cell in table.cells[0]] if len(table.rows) > 1 else []
    known = [_unit_key(_plain(unit)) in _UNITS for unit in units]
    if not any(known) or not all(k or squeeze(u) in _NO_UNIT for k, u in zip(known, units, strict=True)):
        return table
    named = zip(table.header, units, known, strict=True)
    header = tuple(f"{name} ({unit})" if is_known else name for name, unit, is_known in named)
    return replace(table, header=header, cells=table.cells[1:], rows=table.rows[1:])


def to_nanometres(axis: np.ndarray, unit: str) -> np.ndarray | None:
    """Convert an axis in ``nm``, ``um``, ``Å`` or ``1/cm`` to nm, in its order; None if that is not possible.

    Examples
    --------
    >>> to_nanometres(np.array([4000.0]), "1/cm"), to_nanometres(np.array([1.0]), "Hz")
    (array([2500.]), None)
    """
    possible = unit in _TO_NM and np.isfinite(axis).all() and (axis > 0).all()
    return _TO_NM[unit](axis) if possible else None


def band_wavelengths(table: Table, bands: Bands) -> tuple[np.ndarray, list[str]]:
    """Wavelengths in nm of the bands, in the table's order, and a note if converted; else a SiteError."""
    nm, low, high = bands.wavelengths, bands.numbers.min(), bands.numbers.max()
    span = f"bands from {low:g} to {high:g} {bands.said}".rstrip()
    if nm is None:
        what = f"they reach beyond {_RANGE}; keep the visible and near-infrared columns"
        if bands.unit == "1/cm" or (350 <= low < 1e7 / VIS_NIR_NM[1] and 3500 < high <= 8000):
            what = f"mid-infrared wavenumbers; this study needs visible and near infrared, {_RANGE}"
        if high < VIS_NIR_NM[0]:
            what = "no wavelengths; name each band column by its wavelength in nm (is the header missing?)"
        raise SiteError(f"{table.path} has {span}: {what}")
    order = np.argsort(nm, kind="stable")
    steps = np.diff(nm[order])
    # Bands that coincide, or nearly: data frames rename a second ``400`` to ``400.1``.
    same = np.flatnonzero(steps < (0.15 if np.median(steps) > 0.45 else 1e-9))
    if same.size:
        a, b = (table.header[bands.columns[order[same[0] + k]]] for k in (0, 1))
        raise SiteError(
            f"{table.path}: columns {a!r} and {b!r} are one wavelength ({same.size} such pairs); "
            "keep one column per wavelength"
        )
    name = _CONVERTED.get(bands.unit)
    return nm, [f"{table.path.name}: {span}: {name} converted to nm"] if name else []


#: Names of id columns without spaces and marks, the surest first.
ID_NAMES = (
    *("id", "sampleid", "sample", "sampleno", "samplenumber", "samplename", "samplecode"),
    *("labid", "labno", "pointid", "siteid", "code", "probe", "编号", "样品编号", "样号", "name", "no", "nr"),
)
#: Shares of mass without spaces and marks (:func:`_unit_key`) → mg/kg.
TO_MG_KG = {
    **dict.fromkeys("mgkg ppm ugg gt 10-6 ×10-6 x10-6 1e-6 毫克千克 mg公斤 мгкг".split(), 1.0),
    **dict.fromkeys(["ugkg", "ngg", "ppb"], 1e-3),
    **dict.fromkeys(["gkg", "mgg", "‰", "permil"], 1e3),
    **dict.fromkeys(["%", "pct", "percent", "wt%", "%wt", "wtpct", "g100g", "dagkg"], 1e4),
    "mg100g": 10.0,
}
#: What may stand in a second row of units, and what may stand in it instead of one.
_UNITS = {*TO_MG_KG, "nm", "um", "percm", "m", "cm", "°", "deg", "mmolkg", "cmolkg", "cmol+kg"}
_NO_UNIT = {"", "unit", "units", "einheit", "单位", "none", "text"}
#: Elements by their symbols, in any case but for those of one letter, and by names in other languages.
_ELEMENTS = """
    Ag, Al, B, Ba, Be, Bi, C, Ca, Ce, Cs, Ga, K, La, Li, Mg, Mo, N, Na, Nb, P, Rb, S, Sc, Se, Si, Sr, Th, Ti,
    Tl, U, V, Y, Zr, Pb lead plomb blei plomo piombo chumbo lood свинец 铅 鉛, As arsenic arsen arsénico 砷,
    Cd cadmium kadmium cadmio 镉, Co cobalt kobalt 钴, Cr chromium chrom chrome cromo 铬, Ni nickel níquel 镍,
    Cu copper kupfer cuivre cobre 铜, Fe iron eisen fer hierro 铁, Hg mercury quecksilber mercure mercurio 汞,
    Mn manganese mangan 锰, Sb antimony antimon 锑, Sn tin zinn étain 锡, Zn zinc zink cinc 锌
"""
_ELEMENT_OF = {
    word.casefold() if word[1:] else word: words[0]
    for words in map(str.split, _ELEMENTS.split(","))
    for word in words
}
#: What is measured in mg/kg, and what in percent.
ELEMENTS, IN_PERCENT = {*_ELEMENT_OF.values()}, ("clay", "silt", "sand", "SOC", "SOM", "CaCO3")
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
    **dict.fromkeys(["oc", "toc", "corg", "orgc", "organiccarbon", "soilorganiccarbon"], "SOC"),
    **dict.fromkeys(["claycontent", "clayfraction", "argile", "ton", "粘粒", "黏粒"], "clay"),
    **{name.casefold(): name for name in IN_PERCENT},
}
#: Laboratories add that mass means dry mass; it always does here.
_DRY = re.compile(r"(dryweight|drymatter|drymass|dry|dwt|dw|dm|ts|tm|tr|ms)$")
_BREAK = re.compile(r"[\s_.,;:/(\[{]+")


@dataclass(frozen=True)
class Quantity:
    """What a column holds."""

    name: str  # without spaces and marks, aliases resolved: Pb, pH, SOC
    factor: float | None  # mg/kg in one unit of the column; None without a known unit
    remark: str = ""  # what the header says beyond that and is no known unit: mg/L, H2O
    method: str = ""  # XRF, which reads something else than a digestion finds; else empty


def parse_quantity(header: str) -> Quantity:
    """Read a column's name.

    Examples
    --------
    >>> parse_quantity("Pb (mg/kg)") == parse_quantity("lead_ppm") == parse_quantity("Pb µg g-1")
    True
    >>> parse_quantity("w(Pb)/10-6"), parse_quantity("pXRF Pb [mg/L]").remark
    (Quantity(name='Pb', factor=1.0, remark='', method=''), 'mg/L')
    """
    gaps = [gap.span() for gap in _BREAK.finditer(header)]
    for (start, begin), (end, rest) in product(gaps, [(len(header), len(header)), *reversed(gaps)]):
        factor = TO_MG_KG.get(_unit_key(header[begin:end])) if start and begin < end else None
        if factor is not None and (not header[rest:] or _find_element(f"Pb {header[rest:]}")):
            name, method = _read_name(f"{header[:start]} {header[rest:]}")
            return Quantity(name, factor, method=method)
    name, remark = re.fullmatch(r"([^(\[{,;:/]*)(.*)", header, re.DOTALL).groups()
    element = _find_element(header)
    name, method = element or _read_name(name)
    return Quantity(name, None, "" if element else remark.strip(" ()[]{},;:/"), method)


def _read_name(text: str) -> tuple[str, str]:
    """Name without spaces and marks, and the method."""
    known = _ALIASES.get(squeeze(text))
    return (known, "") if known else _find_element(text) or (re.sub(r"[\W_]+", "", text), "")


def _find_element(text: str) -> tuple[str, str] | None:
    """Element that a name means, and XRF where it says so; None if it says anything else."""
    words = [_WHOLE.sub("", word) for word in _WORD.findall(text)]
    method = "XRF" if any(map(_XRF.fullmatch, words)) else ""
    words = [w for w in words if w and w.casefold() not in _BESIDE and not _XRF.fullmatch(w)]
    found = {_ELEMENT_OF.get(word.casefold() if word[1:] else word) for word in words}
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
    if quantity.name in IN_PERCENT:
        return f"{quantity.name}_pct", quantity.factor / TO_MG_KG["pct"]
    return "_".join(filter(None, (quantity.name, quantity.method, "mg_kg"))), quantity.factor


def is_measured(name: str) -> bool:
    """Tell the name of a measured quantity, with or without a unit, from others."""
    found = parse_quantity(name)
    return found.factor is not None or found.name in {*ELEMENTS, *IN_PERCENT, "pH"}


def _unit_key(text: str) -> str:
    """Reduce a unit's spelling: ``(mg kg-1)``, ``mg/kg`` and ``mg_per_kg`` are ``mgkg``."""
    key = re.sub(r"[\s_.·*^()\[\]{}/]+", "", text).casefold().replace("μ", "u").replace("mcg", "ug")
    key = _DRY.sub("", re.sub("(?<=g)per(?=[km]?g)", "", key.replace("–", "-")))
    return key.removesuffix("-1")


def squeeze(name: str) -> str:
    """Reduce a name to its letters and digits, in lower case."""
    return re.sub(r"[\W_]+", "", name).casefold()
