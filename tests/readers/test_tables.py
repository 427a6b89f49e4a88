"""Tables and cells: any encoding, separator and decimal mark, every place by its name, nothing guessed."""

import datetime
import subprocess
import sys
import tracemalloc
import zipfile
from contextlib import suppress

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilpb.readers import read_scans, tables
from soilpb.readers.tables import decimal_mark, read_number, read_numbers, read_table
from soilpb.site_file import SiteError
from tests.cases import case
from tests.site_files import IDS, LEAD, NM, notes, soil_spectra, workbook, write


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings_are_recognised(folder, separator, encoding):
    """Four separators in four encodings give the same soils, µ included."""
    folder.wide(soil_spectra(), separator=separator, encoding=encoding)
    folder.lab(LEAD, header="Pb (µg/g)", separator=separator, encoding=encoding)
    np.testing.assert_array_equal(folder.read().values("Pb_mg_kg"), [12.5, 340, 55, 1200])


def test_a_chinese_spreadsheet_export_is_read(folder):
    """Headers in GB 18030 are understood, and the guess is noted."""
    write(folder.laboratory, [["样品编号", "铅(mg/kg)"], *zip(IDS, LEAD, strict=True)], encoding="gb18030")
    soils = folder.read()
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55, 1200])
    assert "lab.csv is not UTF-8; read as gb18030" in notes(soils)


def test_workbooks_are_read_like_text(folder):
    """XLSX files give the same soils; numeric ids lose their ``.0``; other sheets are noted."""
    values = soil_spectra()
    rows = [["Sample ID", *NM], *([float(i), *map(float, row)] for i, row in enumerate(values, 1))]
    folder.spectra = workbook(folder.path / "spectra.xlsx", rows)
    folder.laboratory = workbook(
        folder.path / "lab.xlsx",
        [["Sample", "Pb, mg/kg"], *([i, f * 10] for i, f in enumerate(range(1, 5), 1))],
    )
    book = openpyxl.load_workbook(folder.laboratory)
    book.create_sheet("methods").append(["ICP-MS"])
    book.save(folder.laboratory)
    soils = folder.read()
    assert list(soils.samples.index) == ["1", "2", "3", "4"]
    np.testing.assert_allclose(soils.reflectance, values, rtol=1e-6)
    assert "sheet 'Sheet' read, methods left aside" in notes(soils)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"  \r\n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b";;;\n;;;\n", "is empty"),
        (b"id\nS1\nS2\n", "one column only"),
        (b"id,Pb_mg_kg\nS1,12,5\nS2,3,4\n", "decimal commas"),
        (b"Report 2024\nS1,12,5\nS2,3,4\n", "delete what stands above the header"),
        (b'id,Pb_mg_kg\nS1,"12\nS2,3\n', "stray quotation mark"),
        (b"PK\x03\x04 no workbook", "cannot be opened as a workbook"),
        ("id,Pb_mg_kg\nS1,5\n".encode("utf-16-le"), "is no text"),
        (b"id,Pb_mg_kg\nS1,\x81\x20\n", "row 2: byte 0x81"),
    ],
)
def test_a_file_that_is_no_table_is_refused(folder, content, what):
    """Empty, ragged, binary and half-quoted files are each refused by name."""
    folder.laboratory.write_bytes(content)
    folder.refuse("lab.csv", what)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_table_or_a_site_error(tmp_path, content):
    """Whatever is in a file, it is read or refused, never a traceback."""
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    with suppress(SiteError):
        table = read_table(path)
        assert table.cells.shape == (len(table.rows), len(table.header))


@pytest.mark.parametrize(
    ("text", "cells", "row"),
    [
        ("id,Pb,\n,,\nS1,5,\n\nS2,6\n", [["S1", "5"], ["S2", "6"]], 5),
        ('id,note\nS1,"two\nlines"\nS2,x\n', [["S1", "two\nlines"], ["S2", "x"]], 4),
        ("id,Pb,pH\nS1,5\nS2,6,7\n", [["S1", "5", ""], ["S2", "6", "7"]], 3),
    ],
)
def test_rows_keep_their_numbers_and_cells_their_columns(tmp_path, text, cells, row):
    """Rows are an editor's lines: blank ones, broken ones and such as end early shift nothing."""
    path = tmp_path / "a.csv"
    path.write_text(text)
    table = read_table(path)
    assert table.cells.tolist() == cells
    assert table.at(1, 1) == f"{path}, row {row}, column {table.header[1]!r}"


def test_a_workbook_keeps_numbers_and_dates_as_they_are(tmp_path):
    """Cells of a workbook are numbers where the spreadsheet has numbers, and texts are stripped."""
    table = read_table(workbook(tmp_path / "a.xlsx", [[" id ", 450, 450.5], ["S1 ", 0.25, 3]]))
    assert table.header == ("id", "450", "450.5")
    assert table.cells.tolist() == [["S1", 0.25, 3]]


def read(*cells, mark="."):
    return read_numbers(np.array(cells, dtype=object), mark)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        *(("12.5", 12.5), ("12,5", 12.5), (",5", 0.5), ("-3", -3.0), ("+7", 7.0), ("1e-3", 0.001)),
        *(("1.234,5", 1234.5), ("1,234.5", 1234.5), ("1.234.567", 1234567.0), ("1 234 567,8", 1234567.8)),
        *(("1'234.5", 1234.5), ("0,123", 0.123), ("0.123", 0.123), ("1,2345", 1.2345)),
        *(("1,234", (1234.0, 1.234, None)), ("1.234", (1.234, None, None))),
        *((text, None) for text in ("", "abc", "12 mg", "1,23,456", "1.234.5", "1_000", "0x1A", "5*")),
        ("12.03.2024", None),
    ],
)
def test_a_number_is_read_where_it_can_only_be_one(text, numbers):
    """A lone group of three depends on the table's mark, point, comma or unknown; words are none."""
    expected = numbers if isinstance(numbers, tuple) else (numbers,) * 3
    assert tuple(read_number(text, mark) for mark in (".", ",", "")) == expected


@given(st.floats(min_value=1e-4, max_value=1e6), st.sampled_from(".,"))
def test_numbers_survive_writing_and_reading(value, mark):
    """A number written with four decimals and its table's mark reads back as itself."""
    text = f"{value:.4f}".replace(".", mark)
    assert read_number(text, mark) == float(f"{value:.4f}")


@pytest.mark.parametrize(
    ("cells", "separator", "mark"),
    [
        (["12.5", "3"], "", "."),
        (["12,5", "3"], "", ","),
        (["12,5", "3.25"], "", ""),
        (["1,234", "12.5"], "", "."),
        (["1,234", "55"], "", ""),
        (["1,234", "55"], ";", ","),
        (["wet, dark", "55"], "", "."),
        (["<0,5", "55"], "", ","),
    ],
)
def test_the_decimal_mark_is_told_by_the_whole_table(cells, separator, mark):
    """Sure numbers, then the separator, tell the mark; remarks with commas do not."""
    assert decimal_mark(cells, separator) == mark


def test_the_four_kinds_of_cells_are_told_apart():
    """Numbers, missing values, limits and unreadable cells fall into exactly one kind."""
    date = datetime.date(2024, 3, 1)
    numbers = read(1.5, "2.5", "n.d.", "-999", "", "<5", "< 0.5", "<=3", "<LOD", ">9", "inf", date)
    np.testing.assert_array_equal(np.flatnonzero(np.isfinite(numbers.measured)), [0, 1])
    np.testing.assert_array_equal(np.flatnonzero(numbers.missing), [2, 3, 4])
    np.testing.assert_array_equal(numbers.limits[5:8], [5, 0.5, 3])
    np.testing.assert_array_equal(np.flatnonzero(numbers.unreadable), [8, 9, 10, 11])


@pytest.fixture
def peak():
    """Peak of the memory that a test has taken, in bytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def sparse_rows(path):
    book = openpyxl.Workbook()
    for row in range(1, 400):
        book.active.cell(row, 16_384, 1)
    book.save(path)


def sparse_header(path):
    workbook(path, [["id", *[None] * 16_382, "remark"], *([f"S{i}", 5] for i in range(400))])


def sparse_text(path):
    path.write_text("id" + "," * 200_000 + "remark\n" + "".join(f"S{i},5\n" for i in range(100)))


@pytest.mark.parametrize("make", [sparse_rows, sparse_header, sparse_text, None])
def test_a_sparse_table_is_refused_before_it_takes_memory(tmp_path, peak, make):
    """A few cells far to the right of a table are named, not filled up to gigabytes."""
    path = tmp_path / "lab.xlsx" if make else case("sparse_xlsx") / "sparse5k.xlsx"
    if make:
        make(path)
    with pytest.raises(SiteError, match=r"\.xlsx: its rows or its header reach so far .*delete"):
        read_table(path)
    assert peak() < 120e6


def test_a_workbook_that_unpacks_to_nothing_but_size_is_refused(tmp_path, monkeypatch):
    """A sheet of three megabytes of blanks in three kilobytes is not unpacked."""
    monkeypatch.setattr(tables, "MOST_UNPACKED", 1_000_000)
    path = workbook(tmp_path / "lab.xlsx", [["id", "Pb"], ["S1", 5]])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/worksheets/sheet2.xml", " " * 3_000_000)
    with pytest.raises(SiteError, match=r"lab\.xlsx unpacks to 3 MB"):
        read_table(path)


@pytest.mark.parametrize(("separator", "mark"), [(",", "."), (";", ","), ("\t", "."), ("case", "")])
def test_rows_of_any_length_are_read(tmp_path, separator, mark):
    """An FT-NIR spectrum of 8,501 bands in full precision is 160,000 characters, and is read."""
    path = tmp_path / "ftnir.csv"
    if separator == "case":
        subprocess.run([sys.executable, case("long_rows_csv") / "make.py"], cwd=tmp_path, check=True)
    else:
        wavenumbers = np.arange(4000, 12_501)
        values = [repr(float(v)).replace(".", mark) for v in soil_spectra(1, 1e7 / wavenumbers)[0]]
        write(path, [["id", *wavenumbers], *([f"S{i}", *values] for i in range(2))], separator=separator)
    scans = read_scans(path)
    assert scans.wavelengths.size == 8501
    assert (scans.wavelengths[[0, -1]] == [800, 2500]).all()
    assert 0.1 < np.median(scans.spectra) < 0.9


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "cp1252", "case"])
def test_a_table_takes_a_few_times_its_size(tmp_path, peak, encoding):
    """Finding the encoding of a megabyte takes no hundred of them, whichever it is."""
    path = tmp_path / "wide.csv"
    if encoding == "case":
        code = (case("csv_memory") / "make.py").read_text()
        small = code.replace("range(1200)", "range(50)")
        subprocess.run([sys.executable, "-c", small], cwd=tmp_path, check=True)
    else:
        sample = {"gb18030": "土", "cp1252": "Böden"}.get(encoding, "soil")
        rows = [[f"{sample} {i}", *["0.31234567"] * 1000] for i in range(100)]
        write(path, [["id", *range(400, 1400)], *rows], encoding=encoding)
    read_table(path)
    assert peak() < 20 * path.stat().st_size
