"""Laboratory quantities from the names of columns: what was measured, and its unit.

``Pb_mg_kg``, ``Pb (mg/kg)``, ``Pb [ppm]``, ``Pb, mg kg-1`` and ``lead µg/g`` are one
quantity. Shares of mass convert into each other; other units (mg/L) are not shares of
mass and never match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

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
    """What a column holds.

    Parameters
    ----------
    name : str
        Without spaces and marks, aliases resolved: ``Pb``, ``pH``, ``SOC``.
    factor : float or None
        mg/kg in one unit of the column; None without a known unit.
    remark : str
        What the name says beyond that and is no known unit: ``mg/L``, ``H2O``.
    """

    name: str
    factor: float | None
    remark: str = ""

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
    """Return the quantity in ``unit`` if its own name says none.

    Examples
    --------
    >>> in_unit(parse_quantity("Pb"), "g/kg"), in_unit(parse_quantity("Pb (%)"), "g/kg").factor
    (Quantity(name='Pb', factor=1000.0, remark=''), 10000.0)
    """
    silent = quantity.factor is None and not quantity.remark and quantity.name != "pH"
    return Quantity(quantity.name, TO_MG_KG.get(_unit_key(unit))) if silent else quantity


def standard_name(quantity: Quantity) -> tuple[str, float] | None:
    """Our column for a quantity, and the factor to its unit; None for what is no share of mass.

    Shares of clay, silt, sand, organic carbon and carbonate are in percent, elements and
    the rest in mg/kg.

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
