"""Which column holds the ids of the samples, and which ids of two tables are one.

Ids are texts, compared as they stand after stripping: those that differ by leading zeros, case or
separators are reported, not matched. A running number that nobody named is never an id.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from soilpb.readers.columns import ID_NAMES, is_measured, squeeze
from soilpb.readers.tables import MISSING_WORDS, Table, as_text, clean, read_number
from soilpb.site_file import SiteError

#: Names that programs give to a column that has none.
_UNNAMED = (
    *("", "x", "x1", "1", "v1", "unnamed0", "index", "rowname", "rownames", "row", "rownumber", "rowid"),
    *("column1", "spalte1", "columna1", "colonne1", "列1", "fid", "oid", "objectid", "level0"),
)


def find_id_column(
    table: Table, wanted: str = "", others: Collection[int] = (), known: Callable[[str], int] | None = None
) -> int:
    """Find the position of the id column: the ``wanted`` name, or where a file lacks it one of its own.

    That is the column of which most cells are ``known`` as ids of the other file; else one with a usual name.
    A running number without a name is never taken, and one with a name only where nothing else is as good.
    ``others`` are columns that are known to be something else, such as bands.
    """
    names = {j: squeeze(name) for j, name in enumerate(table.header) if j not in set(others)}
    found = [j for j, name in names.items() if wanted and name == squeeze(wanted)]
    exact = [j for j in found if table.header[j] == wanted]
    if len(found) > 1 and len(exact) != 1:
        raise SiteError(f"{table.path} has {len(found)} columns {table.header[found[0]]!r}; keep one")
    if found:
        return (exact or found)[0]
    numbered = {j for j in names if _are_row_numbers(table, j)}
    names = {j: name for j, name in names.items() if j not in numbered or name not in _UNNAMED}
    place = dict(zip(ID_NAMES, range(len(ID_NAMES)), strict=True))
    rank = {j: (j in numbered, place.get(name, len(place)), j) for j, name in names.items()}
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
    names, parts = [squeeze(name) for name in table.header], [squeeze(part) for part in wanted.split("+")]
    if len(parts) < 2 or wanted in table.header or not set(parts) <= set(names):
        return table
    at = [names.index(part) for part in parts]
    cells = [[clean(as_text(cell)) for cell in row] for row in table.cells[:, at]]
    joined = {mark: [mark.join(row) if all(row) else "" for row in cells] for mark in (*"_- ./", "")}
    best = max(joined, key=lambda mark: sum(map(int, map(known, joined[mark])))) if known else "_"
    column = np.array(joined[best], dtype=object)[:, None]
    return replace(table, header=(*table.header, wanted), cells=np.hstack([table.cells, column]))


def possible_ids(table: Table, wanted: str = "") -> set[str]:
    """Texts of all columns that could be the ids of a laboratory's table, and of the ``wanted`` one."""
    columns = [j for j, name in enumerate(table.header) if not is_measured(name)]
    columns = [
        j for j in columns if squeeze(table.header[j]) not in _UNNAMED or not _are_row_numbers(table, j)
    ]
    joined = join_id_columns(table, wanted)
    columns += range(len(table.header), len(joined.header))
    return set().union(*(column_texts(joined, j) for j in columns))


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


def _are_row_numbers(table: Table, column: int) -> bool:
    """Tell 1, 2, 3, …; without a name any small whole numbers, such as data frames keep of sorted rows."""
    numbers = [read_number(as_text(cell)) for cell in table.cells[:, column]]
    if not numbers or None in numbers or any(number % 1 for number in numbers):
        return False
    if squeeze(table.header[column]) in _UNNAMED:
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


def _some(ids: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in ids[:3]) + (", …" if len(ids) > 3 else "")
