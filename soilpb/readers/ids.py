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

from soilpb._format import list_first
from soilpb.readers.columns import ID_NAMES, is_measured, squeeze
from soilpb.readers.tables import MISSING_WORDS, Table, read_number
from soilpb.site_file import SiteError

#: Names that programs give to a column that has none.
_UNNAMED = (
    *("", "x", "x1", "1", "v1", "unnamed0", "index", "rowname", "rownames", "row", "rownumber", "rowid"),
    *("column1", "spalte1", "columna1", "colonne1", "列1", "fid", "oid", "objectid", "level0"),
)


def find_ids(
    table: Table, wanted: str = "", others: Collection[int] = (), known: Collection[str] = ()
) -> tuple[Table, int]:
    """Find the column of ids, the ``wanted`` one, or where a file lacks it one of its own.

    That is the column that is most like the ``known`` ids of the other file; else one with a usual name.
    A running number without a name is never taken, and one with a name only where nothing else is as good.
    ``others`` are columns that are known to be something else, such as bands. Columns that ``soil + horizon``
    names are joined, by the mark that makes them most alike, to one behind the others of the returned table.
    """
    alike = _comparer(known)
    table = _join_columns(table, wanted, alike)
    names = {j: squeeze(name) for j, name in enumerate(table.header) if j not in set(others)}
    numbered = {j for j in names if _are_row_numbers(table, j)}
    found = [j for j in names if wanted and table.header[j] == wanted]
    found = found or [j for j, name in names.items() if wanted and name == squeeze(wanted)]
    if not found:
        names = {j: name for j, name in names.items() if j not in numbered or name not in _UNNAMED}
        score = {j: sum(map(alike, {*table.texts(j)} - {""})) for j in names}
        place = {j: ID_NAMES.index(name) if name in ID_NAMES else len(ID_NAMES) for j, name in names.items()}
        usual = {j for j in names if names[j] in ID_NAMES}
        best = max(score.values(), default=0)
        if not names or (wanted and not best):
            there = [table.header[j] for j in names]
            near = difflib.get_close_matches(wanted, there, n=1)
            mend = f"did you mean id_column: {near[0]}?" if near else "name one with id_column"
            there = ", ".join(map(repr, there[:8])) or "bands or a running number without a name only"
            what = f"no column of sample ids{wanted and f' {wanted!r}'}"
            raise SiteError(f"{table.path} has {what}; it has {there}; {mend}")
        rank = {j: (-score[j], j in numbered and (best or j not in usual), place[j], j) for j in names}
        first = min(names, key=rank.__getitem__)
        found = [j for j in names if j == first or (not best and first in usual and names[j] == names[first])]
    if len(found) > 1:
        raise SiteError(f"{table.path} has {len(found)} columns {table.header[found[0]]!r}; keep one")
    return table, found[0]


def read_ids(table: Table, column: int) -> np.ndarray:
    """Ids of the rows, (n_rows,) array of str; refuse an empty one and one that became a date."""
    ids = np.array(table.texts(column), dtype=object)
    for row, (cell, text) in enumerate(zip(table.cells[:, column], ids, strict=True)):
        if hasattr(cell, "isoformat"):
            raise SiteError(
                f"{table.at(row, column)}: the id is the date {text[:10]}: a spreadsheet took an id "
                "such as 3-1 for a date; format the column as text and type the id again"
            )
        if text.casefold() in MISSING_WORDS:
            raise SiteError(
                f"{table.at(row, column)}: {f'id {text!r}' if text else 'no id'}; give it one, or delete the "
                f"{table.words[0]} (units belong into the header)"
            )
    return ids


def refuse_repeated_ids(
    table: Table, ids: np.ndarray, column: int, mend: str = "keep one row per sample"
) -> None:
    """Refuse an id that stands in several rows; ``mend`` says what to do, and other columns are offered."""
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if not repeated:
        return
    rows = ", ".join(str(row) for row in table.rows[ids == repeated[0]][:5])
    others = f" ({len(repeated) - 1} more ids repeat)" if repeated[1:] else ""
    where = f"{table.at(column=column)}: id {repeated[0]!r} stands in {table.words[0]}s {rows}{others}"
    names = table.header[: table.cells.shape[1]]
    texts = {name: table.texts(j) for j, name in enumerate(names) if name and not is_measured(name)}
    whole = [name for name, cells in texts.items() if len({*cells} - {""}) == len(ids)]
    joined = [name for name, cells in texts.items() if len({*zip(ids, cells, strict=True)}) == len(ids)]
    offered = whole or [f"{table.header[column]} + {name}" for name in joined]
    other = f"; without repetition: {', '.join(offered[:5])} (id_column, --id)" if offered else ""
    raise SiteError(f"{where}; {mend}{other}")


def possible_ids(table: Table, wanted: str = "") -> set[str]:
    """Texts of all columns that could be the ids of a laboratory's table, and of the ``wanted`` one."""
    table = _join_columns(table, wanted, _comparer(()))
    return {
        text
        for j, name in enumerate(table.header)
        if not is_measured(name) and (squeeze(name) not in _UNNAMED or not _are_row_numbers(table, j))
        for text in table.texts(j)
    } - {""}


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
        ours, theirs = (list_first(list(map(repr, ids)), 3) for ids in (spectra, laboratory))
        raise SiteError(
            f"{files[0]} and {files[1]} share no sample id: one has {ours}, the other {theirs}; "
            "name the right column with id_column"
        )
    return [name for name in spectra if name in both]


@cache
def fold_id(name: str) -> str:
    """Reduce an id to what survives spreadsheets and hands: ``S-007``, ``s 7`` and ``S7.0`` are ``s7``."""
    bare = re.sub(r"[\s_.\-/]+", "", re.sub(r"\.0+$", "", name)).casefold()
    return re.sub(r"(?<!\d)0+(?=\d)", "", bare)


def _comparer(known: Iterable[str]) -> Callable[[str], int]:
    """Tell how a text is like some ids: 3 the same, 2 but for a counter, 1 spelt otherwise, or 0."""
    exact, forms = set(known), set().union(*map(_forms, known))
    folded, folded_forms = ({fold_id(name) for name in names} for names in (exact, forms))

    def compare(text: str) -> int:
        if text in forms:
            return 2 + (text in exact)
        return int(fold_id(text) in folded_forms or not folded.isdisjoint(map(fold_id, _forms(text))))

    return compare


def _forms(name: str) -> set[str]:
    """Return a name, whole and without what may be a counter of scans."""
    ends = [cut.start() for cut in re.finditer(r"[\s_.\-(]|\d{5}$|\d{3}$|[A-Z]{2}\d\d$", name)]
    return {name[:end] for end in (*ends, len(name)) if end}


def _join_columns(table: Table, wanted: str, alike: Callable[[str], int]) -> Table:
    """Add the column that ``soil + horizon`` names, where the table has these columns."""
    names, parts = [squeeze(name) for name in table.header], [squeeze(part) for part in wanted.split("+")]
    if len(parts) < 2 or wanted in table.header or not set(parts) <= set(names):
        return table
    rows = list(zip(*(table.texts(names.index(part)) for part in parts), strict=True))
    joined = [[mark.join(row) if all(row) else "" for row in rows] for mark in (*"_- ./", "")]
    best = np.array(max(joined, key=lambda cells: sum(map(alike, cells))), dtype=object)
    return replace(table, header=(*table.header, wanted), cells=np.column_stack([table.cells, best]))


def _are_row_numbers(table: Table, column: int) -> bool:
    """Tell 1, 2, 3, …; without a name any small whole numbers, such as data frames keep of sorted rows."""
    numbers = [read_number(text) for text in table.texts(column)]
    if not numbers or None in numbers or any(number % 1 for number in numbers):
        return False
    if squeeze(table.header[column]) in _UNNAMED:
        return max(numbers) <= 3 * len(numbers) + 10
    return numbers[0] in (0, 1) and numbers == [numbers[0] + i for i in range(len(numbers))]
