"""Any CSV, TSV or XLSX file → a table of cells, and cells → numbers.

Encoding, separator and decimal mark are found in the file; nothing is guessed: ``1,234`` is 1.234 or 1234
only where other cells tell. ``n.d.`` or ``-999`` is missing, ``<5`` below a limit of 5.
"""

from __future__ import annotations

import csv
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from io import BytesIO, StringIO
from itertools import islice
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import openpyxl
import pandas as pd

from soilpb.site_file import SiteError

#: A table of more cells than this is refused where fewer than such a share of them are filled.
MOST_ROOM, LEAST_FILLED = 5_000_000, 0.05
#: Bytes that a workbook may unpack to: altogether, or for each byte of its own if that is more.
MOST_UNPACKED, MOST_PACKED = 100_000_000, 100
#: In order of trust: a comma may also be a decimal mark or stand in a remark.
SEPARATORS = ("\t", ";", "|", ",")
MISSING_WORDS = frozenset(
    "- -- – — . / na n/a n.a. #n/a nan null none missing nd n.d n.d. n.b. 未测".split()
) | {"", "n. d.", "not determined"}
MISSING_CODES = (-999.0, -9999.0)

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
#: Pairs of the GB 2312 plane: Western accents mostly stand alone.
_CHINESE = re.compile(rb"[\xa1-\xf7][\xa1-\xfe]")
#: A number by its decimal mark: digits, or groups of three of them, which another mark parts.
_NUMBER = {
    mark: re.compile(
        rf"[+-]?(?=[{mark}]?\d)(\d*([{mark}]\d*)?(e[+-]?\d+)?|"
        rf"[1-9]\d{{0,2}}(?P<group>[{other} '])\d{{3}}((?P=group)\d{{3}})*([{mark}]\d*)?)",
        re.IGNORECASE,
    )
    for mark, other in (".,", ",.")
}

#: Row of the file, counted from 1, and its cells: str, int, float or a date.
Line = tuple[int, list[Any]]


@dataclass(frozen=True, eq=False)
class Table:
    """Cells of a file, with what is needed to name any of them in a message."""

    path: Path
    header: tuple[str, ...]  # first row that is not blank
    cells: np.ndarray  # (n_rows, n_columns) of stripped str ("" where empty), int, float or dates
    rows: np.ndarray  # (n_rows,) row of the file, counted from 1 as spreadsheets and editors do
    separator: str = ""  # of a text file
    notes: tuple[str, ...] = ()  # what had to be decided to read it
    above: str = ""  # what stands above the header
    words: tuple[str, str] = ("row", "column")  # as the file has them: swapped in a transposed table
    encoding: str = ""  # of a text file

    def at(self, row: int | None = None, column: int | None = None) -> str:
        """Name a place: file, row and column, the latter two by their position in ``cells``."""
        across = "" if row is None else f", {self.words[0]} {self.rows[row]}"
        return f"{self.path}{across}{'' if column is None else f', {self.words[1]} {self.header[column]!r}'}"

    @cached_property
    def mark(self) -> str:
        """Decimal mark of its cells (:func:`decimal_mark`)."""
        return decimal_mark(self.cells.ravel(), self.separator)

    def numbers(self, column: int) -> Numbers:
        """Cells of a column as numbers."""
        return read_numbers(self.cells[:, column], self.mark)

    def texts(self, column: int) -> list[str]:
        """Cells of a column as text."""
        return [clean(as_text(cell)) for cell in self.cells[:, column]]

    def to_frame(self) -> pd.DataFrame:
        """Return the cells, indexed by the rows of the file."""
        return pd.DataFrame(self.cells, columns=self.header, index=self.rows)


def read_table(
    path: str | Path, fits: Callable[[Table], object] | None = None, most: int | None = None
) -> Table:
    """Read a CSV, TSV or XLSX; its kind is told by its content, not its name.

    Blank rows, remarks above the header, and columns without name and value, are passed over. Cells of a
    workbook count as they are shown: ``35 %`` is no 0.35.

    ``file.xlsx#Sheet`` names a sheet; else it is the only one that ``fits``, or the first. Of a text ``most``
    bytes are read, and the rest of the last line. It is a SiteError, with file and row, if it is no table.
    """
    path, sheet = split_sheet(path)
    content = read_bytes(path, most)
    if content.startswith(_OLE):
        raise SiteError(f"{path} is an old .xls or an encrypted workbook; save it as .xlsx or CSV")
    if content.startswith(_ZIP):
        return _choose_sheet(path, _read_workbook(path, content), sheet, fits)
    text, encoding = _decode(path, content)
    notes = () if encoding.startswith("utf") else (f"{path.name} is not UTF-8; read as {encoding}",)
    return replace(_make_table(path, *_read_text(path, text), notes), encoding=encoding)


def split_sheet(path: str | Path) -> tuple[Path, str]:
    """Split ``lab.xlsx#Sheet`` into the file and the sheet; the latter is empty where none is named."""
    match = re.fullmatch(r"(.+?\.xls[xm])#(.+)", str(path), re.IGNORECASE)
    return (Path(match[1]), match[2]) if match and not Path(path).exists() else (Path(path), "")


def _choose_sheet(
    path: Path, sheets: dict[str, list[Line]], wanted: str, fits: Callable[[Table], object] | None
) -> Table:
    """Table of the wanted sheet, or else of the only one that fits."""
    found = [title for title in sheets if not wanted or title.casefold() == wanted.casefold()]
    if not found:
        there = f"it has {', '.join(map(repr, sheets))}" if sheets else "it is empty; export it again"
        raise SiteError(f"{path} has no sheet{f' {wanted!r}' if wanted else ''} with a filled cell; {there}")

    fitting = []
    for title in found if fits is not None and len(found) > 1 else ():
        with suppress(SiteError):
            fitting += [title] if fits(_make_table(path, sheets[title])) else []
    if len(fitting) > 1:
        both, name = " and ".join(map(repr, fitting)), f"{path.name}#{fitting[0]}"
        raise SiteError(f"{path}: sheets {both} could both be read; name the one to use: {name}")
    used = (fitting or found)[0]
    others = [title for title in sheets if title != used]
    notes = (f"{path.name}: sheet {used!r} read, {', '.join(others)} left aside",) if others else ()
    return _make_table(path.with_name(f"{path.name}#{used}") if others else path, sheets[used], "", notes)


def _make_table(path: Path, lines: list[Line], separator: str = "", notes: tuple[str, ...] = ()) -> Table:
    """Make a table of a file's rows: the first that names the columns is the header."""
    if not lines:
        raise SiteError(f"{path} is empty: it has separators but no cell is filled; export it again")
    above = _count_above_header([row for _, row in lines[:60]])
    told = " ".join(as_text(cell) for _, row in lines[:above] for cell in row if cell != "")[:200]
    (_, header), *body = lines[above:]
    if not body:
        raise SiteError(f"{path} has a header but no rows below it; export it again")
    width = len(header)
    if longer := [(number, len(row)) for number, row in body if len(row) > width]:
        hint = "mend the row, or delete what stands above the header, which must name every column"
        hint += "; if it has decimal commas, save it with semicolons or decimal points" * (separator == ",")
        number, length = longer[0]
        raise SiteError(f"{path}, row {number}: {length} cells, but the header has {width}; {hint}")
    cells = np.array([row + [""] * (width - len(row)) for _, row in body], dtype=object)
    names, rows = [as_text(name) for name in header], np.array([number for number, _ in body])
    keep = [j for j in range(width) if names[j] or any(cell != "" for cell in cells[:, j])]
    percent = ", ".join(take_off_percent(names, cells))
    notes += (f"{path.name}: above the header stands: {told}",) if above else ()
    notes += (f"{path.name}: shown in percent: {percent}",) if percent else ()
    return Table(path, tuple(names[j] for j in keep), cells[:, keep], rows, separator, notes, told)


def _trim(path: Path, rows: Iterable[Line]) -> list[Line]:
    """Rows without empty cells at their ends; a table so sparse that it only takes memory is refused."""
    lines, width, filled = [], 0, 0
    for number, row in rows:
        row = row[: max((at for at, cell in enumerate(row, 1) if cell != ""), default=0)]
        lines += [(number, row)] if row else []
        width, filled = max(width, len(row)), filled + len(row) - row.count("")
        if (room := width * len(lines)) > MOST_ROOM and filled < LEAST_FILLED * room:
            raise SiteError(
                f"{path}: its rows or its header reach so far that {filled:,} of {room:,} cells are filled; "
                "delete what stands far outside the table, or save the table alone"
            )
    return lines


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """Read the bytes of a file, or its first lines; refuse one that is not there, not readable, or empty."""
    try:
        with path.open("rb") as file:
            content = file.read(most)
            content += file.readline() if most else b""
    except FileNotFoundError:
        raise SiteError(f"{path} is not there; check the path in the site file") from None
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if not content.strip():
        raise SiteError(f"{path} is empty; export it again")
    return content


def clean(text: str) -> str:
    """Strip a text and bring look-alike characters (µ, −, full width, hard spaces) to one form."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate({0x2212: "-", 0xFEFF: None, 0x200B: None})
    return text.strip()


def as_text(cell: Any) -> str:
    """Write a cell as a person would: 7.0 of a workbook is ``7``.

    Examples
    --------
    >>> as_text(7.0), as_text(7.5), as_text("S 7")
    ('7', '7.5', 'S 7')
    """
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


@dataclass(frozen=True, eq=False)
class Numbers:
    """A column of n cells as numbers."""

    measured: np.ndarray  # (n,) NaN where the cell is missing, below detection or unreadable
    limits: np.ndarray  # (n,) the 5 of ``<5``; NaN elsewhere
    unreadable: np.ndarray  # (n,) bool, cells that are none of these

    @property
    def missing(self) -> np.ndarray:
        """(n,) bool: nothing was measured there, or nothing was written down."""
        return np.isnan(self.measured) & np.isnan(self.limits) & ~self.unreadable

    def or_below(self, share: float) -> np.ndarray:
        """Values, (n,), with a share of the limit where they are below detection."""
        return np.where(np.isnan(self.limits), self.measured, share * self.limits)


def decimal_mark(cells: Iterable[Any], separator: str = "") -> str:
    """Find a table's decimal mark: ``"."``, ``","``, or ``""`` where it cannot be told.

    All ``cells`` of it tell; in a text so does the ``separator``: semicolons go with decimal commas.
    """
    texts = [cell.lstrip("<= ") for cell in cells if isinstance(cell, str)]
    if not any(marks := {_possible_marks(text) for text in texts if "," in text}):
        return "."
    sure = {one for one in marks | {_possible_marks(text) for text in texts if "." in text} if len(one) == 1}
    return sure.pop() if len(sure) == 1 else "," if not sure and separator == ";" else ""


def _possible_marks(text: str) -> str:
    return "".join(mark for mark, pattern in _NUMBER.items() if pattern.fullmatch(text))


def read_number(text: str, mark: str = ".") -> float | None:
    """Read one number, or None if the text is none or could be two.

    Examples
    --------
    >>> read_number("12,5"), read_number("1.234,5"), read_number("1 234.5"), read_number("12 mg")
    (12.5, 1234.5, 1234.5, None)
    >>> read_number("1,234", mark="."), read_number("1,234", mark=","), read_number("1,234", mark="")
    (1234.0, 1.234, None)
    """
    marks = _possible_marks(text)
    found = {m: float(re.sub(f"[^{m}\\de+-]", "", text.casefold()).replace(",", ".")) for m in marks}
    if len(set(found.values())) < 2:
        return next(iter(found.values()), None)
    # A lone group of three: a comma parts thousands in a table with decimal points, a point never does.
    return None if mark == "," and "." in text else found.get(mark)


def read_numbers(cells: np.ndarray, mark: str = ".") -> Numbers:
    """Read cells, (n,), of one table whose decimal mark (see :func:`decimal_mark`) is known."""
    plain = pd.Series(cells, dtype=object)
    plain = plain if mark == "." else plain.where(plain.map(lambda cell: isinstance(cell, int | float)))
    values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, copy=True)
    limits, unreadable = np.full(len(cells), np.nan), np.zeros(len(cells), dtype=bool)
    for i in np.flatnonzero(~np.isfinite(values)):
        text, values[i] = str(cells[i]), np.nan
        if text.casefold() in MISSING_WORDS:
            continue
        below = text.startswith("<")
        number = read_number(text.lstrip("<= ") if below else text, mark)
        if number is None or (below and number <= 0):
            unreadable[i] = True
        else:
            (limits if below else values)[i] = number
    values[np.isin(values, MISSING_CODES)] = np.nan
    return Numbers(values, limits, unreadable)


def _count_above_header(rows: list[list[Any]]) -> int:
    """Count rows above the header, which names every column: numbers that ascend or descend are names too."""
    usual = Counter(map(len, rows)).most_common(1)[0][0]
    above = next((i for i, row in enumerate(rows) if sum(cell != "" for cell in row) > 0.6 * usual), 0)
    numbers = [read_number(as_text(cell)) for cell in rows[above]]
    steps = np.diff([number for number in numbers if number is not None])
    named = numbers.count(None) == len(numbers) or (steps.size > 8 and np.ptp(np.sign(steps)) == 0)
    return above if named and len(rows[above]) >= usual else 0


def take_off_percent(names: list[str], cells: np.ndarray) -> list[str]:
    """Turn ``35 %`` into ``35``, in place, where a name says percent or gets it; return these names."""
    found = []
    for j in np.flatnonzero([any(str(cell)[-1:] == "%" for cell in column) for column in cells[:50].T]):
        says = re.search(r"%|pct|percent|prozent", names[j], re.IGNORECASE)
        if says or not re.search(r"[(\[/,]", names[j]):
            cells[:, j] = [c.removesuffix("%").rstrip() if isinstance(c, str) else c for c in cells[:, j]]
            names[j] += "" if says or read_number(names[j]) is not None else " (%)"
            found.append(names[j])
    return found


def _read_text(path: Path, content: str) -> tuple[list[Line], str]:
    """Rows of a text, and its separator."""
    # A row may be as long as the file; by itself the reader stops at 131,072 characters.
    before = csv.field_size_limit(len(content))
    try:
        text = StringIO(content, newline="")
        separator = _find_separator(path, text)
        text.seek(0)
        rows = csv.reader(text, delimiter=separator, strict=True, skipinitialspace=True)
        return _trim(path, ((rows.line_num, [clean(c) for c in row]) for row in rows)), separator
    except csv.Error as error:
        raise SiteError(f"{path} is no table of text ({error}); look for a stray quotation mark") from None
    finally:
        csv.field_size_limit(before)


def _decode(path: Path, content: bytes) -> tuple[str, str]:
    """Text of the bytes, and its encoding, which is guessed where no mark says it and it is not UTF-8."""
    marked = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"\xef\xbb": "utf-8-sig"}.get(content[:2])
    if not marked and b"\x00" in content:
        raise SiteError(f"{path} is no text (it holds zero bytes); save it as CSV UTF-8 or .xlsx")
    for encoding in [marked] if marked else ["utf-8", "gb18030", "cp1252"]:
        # Only text of other encodings is looked through for Chinese: that takes much memory.
        if encoding == "gb18030" and not _CHINESE.sub(b"", content).isascii():
            continue
        try:
            return content.decode(encoding), encoding
        except UnicodeDecodeError as error:
            row, byte = content[: error.start].count(b"\n") + 1, content[error.start]
    tried = marked or "UTF-8, GB 18030 or Windows-1252"
    raise SiteError(f"{path}, row {row}: byte 0x{byte:02x} is no text in {tried}; save it as CSV UTF-8")


def _find_separator(path: Path, text: Iterable[str]) -> str:
    """Separator that gives the first rows one length; failing that, the longest rows."""
    head = list(islice((line for line in text if line.strip("\ufeff\t \r\n")), 30))
    if not head:
        raise SiteError(f"{path} is empty; export it again")
    widths = {s: [len(row) for row in csv.reader(head, delimiter=s)] for s in SEPARATORS}
    if max(map(max, widths.values())) < 2:
        raise SiteError(
            f"{path} has one column only; separate columns with commas, semicolons or tabs "
            f"(row 1 reads {head[0][:40]!r})"
        )
    even = [s for s, found in widths.items() if len(set(found)) == 1 and found[0] > 1]
    return even[0] if even else max(widths, key=lambda s: sum(widths[s]))


def _read_workbook(path: Path, content: bytes) -> dict[str, list[Line]]:
    """Rows of the sheets that have any, by their titles."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # openpyxl's, of styles
            with ZipFile(BytesIO(content)) as parts:
                size = sum(part.file_size for part in parts.infolist())
            if size > max(MOST_UNPACKED, MOST_PACKED * len(content)):
                raise SiteError(f"{path} unpacks to {size / 1e6:,.0f} MB: no table does; save it as CSV")
            workbook = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
            sheets = {}
            for sheet in workbook.worksheets:
                sheet.reset_dimensions()  # some writers store a wrong extent
                rows = (list(map(_read_workbook_cell, row)) for row in sheet.rows)
                sheets[sheet.title] = _trim(path, enumerate(rows, start=1))
            workbook.close()
    except SiteError:
        raise
    except Exception as error:  # a broken workbook raises whatever its broken part provokes
        raise SiteError(
            f"{path} cannot be opened as a workbook ({error}); save it again as .xlsx or CSV"
        ) from None
    return {title: lines for title, lines in sheets.items() if lines}


def _read_workbook_cell(cell: Any) -> Any:
    """Value of a cell as shown: percent, thousands left off (``0.0,``), zeros or ``<`` in front."""
    value = cell.value
    if value is None or isinstance(value, str | bool):
        return "" if value is None else clean(str(value))
    if not isinstance(value, int | float) or cell.number_format == "General":
        return value
    shown = cell.number_format.split(";")[0]
    bare = re.sub(r'\\(.)|"([^"]*)"|\[[^\]]*\]|_.', lambda part: "<" if "<" in part[0] else "", shown)
    if "%" in bare:
        return f"{100 * value:.12g}%"
    if bare.endswith(","):
        return value / 1000 ** (len(bare) - len(bare.rstrip(",")))
    if re.fullmatch("0{2,}", bare) and value == int(value):
        return f"{int(value):0{len(bare)}d}"
    return f"<{value:.12g}" if bare.startswith("<") else value
