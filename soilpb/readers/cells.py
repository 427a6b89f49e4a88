"""What cells mean: numbers with either decimal mark, missing values, detection limits.

``n.d.``, ``NA``, ``-999`` and an empty cell are missing values; ``<5`` is a value below
a detection limit of 5; anything else that is no number is unreadable, and its reader
says which cell it was. Nothing is ever guessed: ``1,234`` is 1.234 or 1234 only where
other cells of the same table tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

MISSING_WORDS = frozenset(
    "- -- – — . / na n/a n.a. #n/a nan null none missing nd n.d n.d. n.b. 未测".split()
) | {
    "",
    "n. d.",
    "not determined",
}
MISSING_CODES = (-999.0, -9999.0)

_DECIMAL = re.compile(r"[+-]?(\d+[.,]?\d*|[.,]\d+)(e[+-]?\d+)?", re.IGNORECASE)
#: Digits in groups of three by one mark, then perhaps the other mark and decimals.
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(?P<mark>[., '])\d{3}(?P<more>(?P=mark)\d{3})*(?P<rest>[.,]\d*)?")


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of cells as numbers.

    Parameters
    ----------
    values : (n,) float array
        NaN where the cell is missing, censored or unreadable.
    limits : (n,) float array
        The 5 of ``<5``; NaN elsewhere.
    unreadable : (n,) bool array
        Cells that are none of these.
    """

    values: np.ndarray
    limits: np.ndarray
    unreadable: np.ndarray

    @property
    def missing(self) -> np.ndarray:
        """(n,) bool: nothing was measured there, or nothing was written down."""
        return np.isnan(self.values) & np.isnan(self.limits) & ~self.unreadable


def decimal_mark(cells: Iterable[Any], separator: str = "") -> str:
    """Find a table's decimal mark: ``"."``, ``","``, or ``""`` where it cannot be told.

    Parameters
    ----------
    cells : iterable
        All cells of the table; the mark is a habit of the program that wrote it.
    separator : str
        Of the text file: semicolons are written where commas are decimal marks.

    Examples
    --------
    >>> decimal_mark(["12,5", "3,125"]), decimal_mark(["12.5", "3,125"]), decimal_mark(["3,125"])
    (',', '.', '')
    """
    texts = [cell for cell in cells if isinstance(cell, str)]
    with_comma = [text for text in texts if "," in text and _looks_numeric(text)]
    if not with_comma:
        return "."
    comma = any(not _GROUPED.fullmatch(text) for text in with_comma)
    point = any("." in t and _DECIMAL.fullmatch(t) and not _GROUPED.fullmatch(t) for t in texts)
    if comma or point:
        return "" if comma and point else "," if comma else "."
    return "," if separator == ";" else ""


def read_number(text: str, mark: str = ".") -> float | None:
    """Read one number, or None if the text is none or could be two.

    Examples
    --------
    >>> read_number("12,5"), read_number("1.234,5"), read_number("1 234.5"), read_number("12 mg")
    (12.5, 1234.5, 1234.5, None)
    >>> read_number("1,234", mark="."), read_number("1,234", mark=","), read_number("1,234", mark="")
    (1234.0, 1.234, None)
    """
    grouped = _GROUPED.fullmatch(text)
    if grouped and grouped["rest"] and grouped["rest"][0] == grouped["mark"]:
        return None
    if grouped and _certainly_grouped(grouped):
        whole = text.removesuffix(grouped["rest"] or "").replace(grouped["mark"], "")
        return float(whole + (grouped["rest"] or "").replace(",", "."))
    if grouped and mark != grouped["mark"]:
        # A lone group of three: thousands only for the comma of a decimal-point table.
        return float(text.replace(",", "")) if (mark, grouped["mark"]) == (".", ",") else None
    return float(text.replace(",", ".")) if _DECIMAL.fullmatch(text) else None


def read_numbers(cells: np.ndarray, mark: str = ".") -> Numbers:
    """Read cells of one table whose decimal mark is known.

    Parameters
    ----------
    cells : (n,) array of str, numbers, dates
    mark : str
        See :func:`decimal_mark`.
    """
    values = np.full(len(cells), np.nan)
    limits, unreadable = values.copy(), np.zeros(len(cells), dtype=bool)
    if mark == ".":
        values[:] = pd.to_numeric(pd.Series(cells, dtype=object), errors="coerce")
        values[~np.isfinite(values)] = np.nan
    for i in np.flatnonzero(np.isnan(values)):
        values[i], limits[i], unreadable[i] = _read_cell(cells[i], mark)
    values[np.isin(values, MISSING_CODES)] = np.nan
    return Numbers(values, limits, unreadable)


def _read_cell(cell: Any, mark: str) -> tuple[float, float, bool]:
    """Value, detection limit, and whether the cell is neither nor missing."""
    if isinstance(cell, int | float):
        return float(cell), np.nan, not np.isfinite(cell)
    text = str(cell)
    if text.casefold() in MISSING_WORDS:
        return np.nan, np.nan, False
    if text.startswith("<"):
        limit = read_number(text[1:].lstrip(" ="), mark)
        return np.nan, np.nan if limit is None else limit, limit is None or limit <= 0
    number = read_number(text, mark)
    return np.nan if number is None else number, np.nan, number is None


def _looks_numeric(text: str) -> bool:
    text = text.lstrip("<= ")
    return bool(_DECIMAL.fullmatch(text) or _GROUPED.fullmatch(text))


def _certainly_grouped(grouped: re.Match[str]) -> bool:
    return bool(grouped["more"] or grouped["rest"] or grouped["mark"] in " '")
