"""Tables as people save them, with a name for every place in the file.

A table is read as it stands; what its cells mean is for others to say (``cells``,
``band_names``, ``ids``), who name file, row and column in each message.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from soilpb.readers.dialects import Line, read_lines
from soilpb.sitefile import SiteError


@dataclass(frozen=True, eq=False)
class Table:
    """Cells of a file, with what is needed to name any of them in a message.

    Parameters
    ----------
    path : Path
        The file.
    header : tuple of str, n_columns
        First row that is not blank.
    cells : (n_rows, n_columns) array of objects
        ``str`` (stripped, ``""`` where empty), ``int``, ``float`` or a date of a workbook.
    rows : (n_rows,) array of int
        Row of the file, counted from 1 as spreadsheets and editors do.
    separator : str
        Of a text file; empty for a workbook.
    notes : tuple of str
        What had to be decided to read it.
    words : tuple of str
        What a row and a column are called in the file: swapped in a transposed table.
    """

    path: Path
    header: tuple[str, ...]
    cells: np.ndarray
    rows: np.ndarray
    separator: str = ""
    notes: tuple[str, ...] = ()
    words: tuple[str, str] = ("row", "column")

    def at(self, row: int | None = None, column: int | None = None) -> str:
        """Name a place: file, row and column, the latter two by their position in ``cells``."""
        parts = [str(self.path)]
        if row is not None:
            parts.append(f"{self.words[0]} {self.rows[row]}")
        if column is not None:
            parts.append(f"{self.words[1]} {self.header[column]!r}")
        return ", ".join(parts)


def read_table(path: str | Path) -> Table:
    """Read a CSV, TSV or XLSX of any dialect (see :func:`soilpb.readers.dialects.read_lines`).

    Blank rows, and columns without name and value, are passed over.

    Raises
    ------
    SiteError
        Naming the file: no rows, or a row with more cells than the header has names.
    """
    path = Path(path)
    read = read_lines(path)
    lines = [(number, _trimmed(row)) for number, row in read.lines]
    lines = [line for line in lines if line[1]]
    if not lines:
        raise SiteError(f"{path} is empty: it has separators but no cell is filled")
    (_, header), *body = lines
    if not body:
        raise SiteError(f"{path} has a header but no rows below it; export it again")
    _check_lengths(path, lines, read.separator)
    width = len(header)
    cells = np.empty((len(body), width), dtype=object)
    for i, (_, row) in enumerate(body):
        cells[i] = row + [""] * (width - len(row))
    names = [as_text(name) for name in header]
    keep = [j for j in range(width) if names[j] or any(cell != "" for cell in cells[:, j])]
    return Table(
        path=path,
        header=tuple(names[j] for j in keep),
        cells=cells[:, keep],
        rows=np.array([number for number, _ in body]),
        separator=read.separator,
        notes=read.notes,
    )


def as_text(cell: Any) -> str:
    """Write a cell as a person would: 7.0 of a workbook is ``7``.

    Examples
    --------
    >>> as_text(7.0), as_text(7.5), as_text("S 7")
    ('7', '7.5', 'S 7')
    """
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _trimmed(row: list[Any]) -> list[Any]:
    """Return the row without the empty cells at its end."""
    end = len(row)
    while end and row[end - 1] == "":
        end -= 1
    return row[:end]


def _check_lengths(path: Path, lines: list[Line], separator: str) -> None:
    """Refuse cells beyond the header: the row, or the header, is not what it seems."""
    width = len(lines[0][1])
    longer = [(number, len(row)) for number, row in lines[1:] if len(row) > width]
    if not longer:
        return
    number, length = longer[0]
    usual = Counter(len(row) for _, row in lines[1:]).most_common(1)[0][0]
    hint = "mend the row"
    if usual > width:
        hint = "the first row must name every column: delete what stands above the header"
    if separator == ",":
        hint += "; if it has decimal commas, save it with semicolons or decimal points"
    raise SiteError(f"{path}, row {number}: {length} cells, but the header has {width}; {hint}")
