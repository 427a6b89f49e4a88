"""Rows of numbers below a text header, as spectrometers write them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from soilpb.readers.dialects import read_bytes
from soilpb.sitefile import SiteError

Row = tuple[int, str]


def read_header(path: Path, last: str, mark: str) -> tuple[dict[str, str], list[Row]]:
    """Read a text header, and the lines below it that are not blank.

    Parameters
    ----------
    path : Path
    last : str
        Name of the header's last line, such as ``Data``.
    mark : str
        What stands between a name and its value.

    Returns
    -------
    header : dict
        Names and values, stripped.
    rows : list of (int, str)
        Lines of the file, counted from 1, and their text.

    Raises
    ------
    SiteError
        If the header has no last line: the file is cut off, or another kind of file.
    """
    lines = read_bytes(path).decode("utf-8-sig", errors="replace").splitlines()
    header: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        name, found, value = line.partition(mark)
        if found and name.strip() == last:
            below = enumerate(lines[number:], start=number + 1)
            return header, [(at, text) for at, text in below if text.strip()]
        header[name.strip()] = value.strip()
    raise SiteError(f"{path} has no line {last!r}: it is cut off; copy it from the instrument again")


def read_rows(path: Path, rows: Sequence[Row], n_columns: int) -> np.ndarray:
    r"""Numbers of the rows, (n_rows, n_columns); decimal commas are read too.

    Raises
    ------
    SiteError
        Naming the row that is no such row, or the last one if its last number is cut off.

    Examples
    --------
    >>> read_rows(Path("s.sed"), [(30, "350,0\t9,4758"), (31, "351,0\t9,3972")], 2)
    array([[350.    ,   9.4758],
           [351.    ,   9.3972]])
    """
    if not rows:
        raise SiteError(f"{path} has a header but no values below it; copy it from the instrument again")
    table = np.empty((len(rows), n_columns))
    for i, (number, text) in enumerate(rows):
        cells = text.replace(",", ".").split()
        try:
            table[i] = [float(cell) for cell in cells]
        except ValueError:
            raise SiteError(
                f"{path}, row {number}: {text.strip()[:60]!r} is no row of {n_columns} numbers; copy the "
                "file from the instrument again"
            ) from None
    ends = [len(text.rstrip().replace(",", ".").rpartition(".")[2]) for _, text in rows[-2:]]
    if ends[-1] < ends[0]:
        raise SiteError(
            f"{path}, row {rows[-1][0]}: its last number has fewer decimals than the others: the file is cut "
            "off; copy it from the instrument again"
        )
    return table
