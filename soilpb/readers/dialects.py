"""Files as programs and locales write them → rows of cells, not yet a table.

Text comes in several encodings and with several separators, workbooks with dates and
sheets; here they become lines of stripped texts, numbers and dates. Files are only read.
"""

from __future__ import annotations

import csv
import re
import unicodedata
import warnings
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import openpyxl

from soilpb.sitefile import SiteError

#: In order of trust: a comma may also be a decimal mark or stand in a remark.
SEPARATORS = ("\t", ";", "|", ",")

_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_BYTE_ORDER_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
#: ASCII and pairs of the GB 2312 plane only: Western accents mostly stand alone.
_CHINESE = re.compile(rb"(?:[\x00-\x7f]|[\xa1-\xf7][\xa1-\xfe])*")

Line = tuple[int, list[Any]]


@dataclass(frozen=True)
class Lines:
    """Rows of a file.

    Parameters
    ----------
    lines : list of (int, list)
        Row of the file, counted from 1, and its cells: ``str`` (stripped, ``""`` where
        empty), ``int``, ``float`` or a date.
    separator : str
        Of a text file; empty for a workbook.
    notes : tuple of str
        What had to be decided to read it.
    """

    lines: list[Line]
    separator: str
    notes: tuple[str, ...]


def read_lines(path: str | Path) -> Lines:
    """Read the rows of a CSV, TSV or XLSX; its kind is told by its content, not its name.

    Text may be UTF-8 (with or without byte order mark), UTF-16 with one, Chinese GB 18030
    or Western Windows-1252, and be separated by tabs, semicolons, bars or commas.

    Raises
    ------
    SiteError
        Naming the file, and the row where there is one: not there, empty, a single
        column, an unreadable workbook, encoding or quotation.
    """
    path = Path(path)
    content = read_bytes(path)
    if content.startswith(_OLE):
        raise SiteError(f"{path} is an old .xls or an encrypted workbook; save it as .xlsx or CSV")
    if content.startswith(_ZIP):
        lines, notes = _read_workbook(path, content)
        return Lines(lines, "", notes)
    text, notes = _decode(path, content)
    try:
        separator = _find_separator(path, text)
        return Lines(_split(text, separator), separator, notes)
    except csv.Error as error:
        raise SiteError(f"{path} is no table of text ({error}); look for a stray quotation mark") from None


def clean(text: str) -> str:
    """Strip a text and bring look-alike characters (µ, −, full width, hard spaces) to one form.

    Examples
    --------
    >>> clean(" ＜５ "), clean("Pb (mg kg⁻¹)")
    ('<5', 'Pb (mg kg-1)')
    """
    if not text.isascii():
        text = (
            unicodedata.normalize("NFKC", text).replace("−", "-").replace("\ufeff", "").replace("\u200b", "")
        )
    return text.strip()


def read_bytes(path: Path) -> bytes:
    """Bytes of a file.

    Raises
    ------
    SiteError
        Naming the file: not there, not readable, or empty.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise SiteError(f"{path} is not there; check the path in the site file") from None
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if not content.strip():
        raise SiteError(f"{path} is empty; export it again")
    return content


def _decode(path: Path, content: bytes) -> tuple[str, tuple[str, ...]]:
    """Text of the bytes, and a note where the encoding had to be guessed."""
    marked = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "")
    if not marked and b"\x00" in content:
        raise SiteError(f"{path} is no text (it holds zero bytes); save it as CSV UTF-8 or .xlsx")
    guess = "gb18030" if _CHINESE.fullmatch(content) else "cp1252"
    for encoding in [marked] if marked else ["utf-8", guess]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError as error:
            failed = error
        else:
            return text, (f"{path.name} is not UTF-8; read as {encoding}",) if encoding == guess else ()
    row = content[: failed.start].count(b"\n") + 1
    tried = marked or "UTF-8, GB 18030 or Windows-1252"
    raise SiteError(
        f"{path}, row {row}: byte 0x{content[failed.start]:02x} is no text in {tried}; save it as CSV UTF-8"
    )


def _find_separator(path: Path, text: str) -> str:
    """Separator that gives the first rows one length; failing that, the longest rows."""
    head = [line for line in text.splitlines() if line.strip("\ufeff\t ")][:30]
    if not head:
        raise SiteError(f"{path} is empty; export it again")
    widths = {s: [len(row) for row in csv.reader(head, delimiter=s)] for s in SEPARATORS}
    for separator, found in widths.items():
        if len(set(found)) == 1 and found[0] > 1:
            return separator
    longest = max(widths, key=lambda s: sum(widths[s]))
    if max(widths[longest]) < 2:
        raise SiteError(
            f"{path} has one column only; separate columns with commas, semicolons or tabs "
            f"(row 1 reads {head[0][:40]!r})"
        )
    return longest


def _split(text: str, separator: str) -> list[Line]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True, skipinitialspace=True)
    return [(reader.line_num, [clean(cell) for cell in row]) for row in reader]


def _read_workbook(path: Path, content: bytes) -> tuple[list[Line], tuple[str, ...]]:
    """Rows of the first sheet that has any, and a note on sheets left aside."""
    try:
        with warnings.catch_warnings():
            # openpyxl warns of styles and extensions that have no bearing on values.
            warnings.simplefilter("ignore", UserWarning)
            workbook = openpyxl.load_workbook(BytesIO(content), read_only=True, data_only=True)
            sheets = {sheet.title: _sheet_lines(sheet) for sheet in workbook.worksheets}
            workbook.close()
    except Exception as error:  # a broken workbook raises whatever its broken part provokes
        raise SiteError(
            f"{path} cannot be opened as a workbook ({error}); save it again as .xlsx or CSV"
        ) from None
    filled = {title: lines for title, lines in sheets.items() if lines}
    if not filled:
        raise SiteError(f"{path} is empty: no sheet has a filled cell; export it again")
    used, *others = filled
    notes = (f"{path.name}: sheet {used!r} read, {', '.join(others)} left aside",) if others else ()
    return filled[used], notes


def _sheet_lines(sheet: Any) -> list[Line]:
    sheet.reset_dimensions()  # some writers store a wrong extent
    lines = ((i, [_workbook_cell(value) for value in row]) for i, row in enumerate(sheet.values, start=1))
    return [line for line in lines if not _blank(line)]


def _workbook_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, str | bool):
        return clean(str(value))
    return value


def _blank(line: Line) -> bool:
    return all(cell == "" for cell in line[1])
