"""Dialects: four separators, five encodings and workbooks become lines of cells, or one message."""

from contextlib import suppress

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilpb.readers.tables import read_table
from soilpb.site_file import SiteError
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


def test_semicolons_with_decimal_commas_are_read(folder):
    """A continental export gives the numbers it means, and says so."""
    rows = [["id", *(f"{w:g}" for w in NM)]]
    rows += [
        [i, *(f"{v:.4f}".replace(".", ",") for v in r)] for i, r in zip(IDS, soil_spectra(), strict=True)
    ]
    write(folder.spectra, rows, separator=";")
    folder.lab(["12,5", "340", "55,25", "1.200,5"], separator=";")
    soils = folder.read()
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), atol=6e-5)
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55.25, 1200.5])
    assert "spectra.csv has decimal commas" in notes(soils)


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


def test_a_file_is_known_by_its_content_not_its_name(folder):
    """A workbook named .csv and a CSV named .xlsx are read for what they are."""
    workbook(
        folder.laboratory, [["id", "Pb_mg_kg"], *([i, float(v)] for i, v in zip(IDS, LEAD, strict=True))]
    )
    folder.wide(soil_spectra(), name="spectra.xlsx")
    assert folder.read().n_samples == 4


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"  \r\n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b";;;\n;;;\n", "is empty"),
        (b"id,Pb_mg_kg\n", "has a header but no rows"),
        (b"id\nS1\nS2\n", "one column only"),
        (b"id,Pb_mg_kg\nS1,12,5\nS2,3,4\n", "decimal commas"),
        (b"Report 2024\nid,Pb_mg_kg,pH\nS1,12,5\nS2,3,4\n", "delete what stands above the header"),
        (b'id,Pb_mg_kg\nS1,"12\nS2,3\n', "stray quotation mark"),
        (b"PK\x03\x04 no workbook", "cannot be opened as a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old .xls"),
        ("id,Pb_mg_kg\nS1,5\n".encode("utf-16-le"), "is no text"),
        (b"id,Pb_mg_kg\nS1,\x81\x20\n", "row 2: byte 0x81"),
    ],
)
def test_a_file_that_is_no_table_is_refused(folder, content, what):
    """Empty, ragged, binary and half-quoted files are each refused by name."""
    folder.laboratory.write_bytes(content)
    folder.refuse("lab.csv", what)


def test_a_missing_file_and_a_folder_are_refused(folder):
    """A path to nothing and a path to a folder are named."""
    folder.laboratory = folder.path / "nowhere.csv"
    folder.refuse("nowhere.csv is not there", "site file")
    folder.laboratory = folder.path
    folder.refuse("cannot be read")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_table_or_a_site_error(tmp_path, content):
    """Whatever is in a file, it is read or refused, never a traceback."""
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    with suppress(SiteError):
        table = read_table(path)
        assert table.cells.shape == (len(table.rows), len(table.header))
