"""Sample ids: the column they stand in, and whether two files mean the same samples.

Ids are texts, compared as they stand after stripping. Ids that differ only by leading
zeros, case or separators are never matched by force: one message says what was found.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Collection, Sequence
from functools import cache
from typing import Any

import numpy as np

from soilpb.readers.cells import MISSING_WORDS
from soilpb.readers.dialects import clean
from soilpb.readers.tables import Table, as_text
from soilpb.sitefile import SiteError

#: Names of id columns without spaces and marks, the surest first.
ID_NAMES = (
    *("id", "sampleid", "sample", "sampleno", "samplenumber", "samplename", "samplecode"),
    *("labid", "labno", "pointid", "siteid", "code", "probe", "编号", "样品编号", "样号", "name", "no", "nr"),
)


def find_id_column(table: Table, wanted: str = "", others: Collection[int] = ()) -> int:
    """Find the position of the id column.

    Parameters
    ----------
    table : Table
    wanted : str
        Its name, as the site file says; where a file lacks it, the usual names serve.
    others : collection of int
        Columns that are known to be something else, such as bands.

    Raises
    ------
    SiteError
        If there is none, or two of one name.
    """
    names = {j: _squeeze(name) for j, name in enumerate(table.header) if j not in set(others)}
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
    """Ids of the rows, (n_rows,) array of str.

    Raises
    ------
    SiteError
        For an empty id, or one that a spreadsheet has turned into a date.
    """
    return np.array([_read_id(table, row, column) for row in range(len(table.rows))], dtype=object)


def refuse_repeated(table: Table, ids: np.ndarray, column: int, mend: str) -> None:
    """Raise unless every id stands in one row only.

    Raises
    ------
    SiteError
        Naming the first id that repeats and its rows.
    """
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        rows = ", ".join(str(row) for row in table.rows[ids == repeated[0]][:5])
        others = f" ({len(repeated) - 1} more ids repeat)" if repeated[1:] else ""
        where = f"{table.at(column=column)}: id {repeated[0]!r} stands in {table.words[0]}s {rows}{others}"
        raise SiteError(f"{where}; {mend}")


def match_ids(spectra: Sequence[str], laboratory: Sequence[str], files: tuple[str, str]) -> list[str]:
    """Return the ids on both sides, in the order of the spectra.

    Raises
    ------
    SiteError
        If none is on both sides, or if ids on one side only are an id of the other side
        spelt otherwise: matching some and losing others would go unseen.
    """
    both = set(spectra) & set(laboratory)
    alone = {fold_id(name): name for name in laboratory if name not in both}
    pairs = [(name, alone[fold_id(name)]) for name in spectra if name not in both and fold_id(name) in alone]
    if pairs:
        ours, theirs = pairs[0]
        why = (
            "leading zeros were lost: format the column as text"
            if _zeros_lost(ours, theirs)
            else "spell them alike"
        )
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
    """Reduce an id to what survives spreadsheets and hands: no case, marks, leading zeros.

    Examples
    --------
    >>> fold_id("S-007"), fold_id("s 7"), fold_id("S7.0"), fold_id("S70")
    ('s7', 's7', 's7', 's70')
    """
    bare = re.sub(r"[\s_.\-/]+", "", re.sub(r"\.0+$", "", name)).casefold()
    return re.sub(r"(?<!\d)0+(?=\d)", "", bare)


def _read_id(table: Table, row: int, column: int) -> str:
    cell: Any = table.cells[row, column]
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


def _zeros_lost(ours: str, theirs: str) -> bool:
    return ours.lstrip("0") == theirs.lstrip("0")


def _some(ids: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in ids[:3]) + (", …" if len(ids) > 3 else "")
