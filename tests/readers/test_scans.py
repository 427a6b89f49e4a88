"""Tables of spectra: ordered and cleared of what is empty, never filled in; scans averaged per sample."""

import subprocess
import sys
import tempfile

import numpy as np
import pandas as pd
import pytest

from soilpb.readers import scans
from soilpb.readers.scans import SCAN_LIMIT, average_scans
from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from tests.cases import case
from tests.site_files import IDS, NM, notes, soil_spectra, write


def test_descending_wavelengths_are_reordered(folder):
    """A file from 2450 down to 400 nm gives ascending bands with their own values."""
    folder.wide(soil_spectra()[:, ::-1], names=[f"{w:g}" for w in NM[::-1]])
    soils = folder.read()
    np.testing.assert_array_equal(soils.wavelengths, NM)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    assert "descend in the file" in notes(soils)


def test_bands_and_spectra_without_any_value_are_dropped(folder):
    """An empty band and an empty spectrum go, and are named."""
    cells = [[f"{v:.5f}" for v in row] for row in soil_spectra()]
    for row in cells:
        row[3] = "NaN"
    cells[1] = [""] * NM.size
    write(folder.spectra, [["id", *NM], *([i, *row] for i, row in zip(IDS, cells, strict=True))])
    soils = folder.read()
    assert soils.n_bands == NM.size - 1
    assert list(soils.samples.index) == ["S1", "S3", "S4"]
    assert "1 bands without any value dropped, 490–490 nm" in notes(soils)
    assert "1 spectra without any value dropped: row 3" in notes(soils)


def test_a_table_without_bands_is_refused(folder):
    """A laboratory table given as spectra is recognised as having no wavelengths."""
    folder.spectra = folder.laboratory
    folder.refuse("lab.csv has no wavelength columns", "'Pb (mg/kg)'", "name each band")
    folder.spectra = folder.lab(range(1, 13), ids=[f"S{i}" for i in range(1, 13)])
    folder.refuse("lab.csv has no wavelength columns")


def test_scans_are_averaged_whatever_their_order():
    """Interleaved scans of one, two and three per sample give each sample's mean, in order of appearance."""
    ids = np.array(["b", "a", "c", "a", "b", "a"])
    base = {"a": 0.2, "b": 0.4, "c": 0.6}
    wiggle = np.array([0.004, 0.002, 0.0, 0.0, -0.004, -0.002])
    scans = np.array([[base[i], base[i] / 2] for i in ids]) + wiggle[:, None]
    before = scans.copy()
    unique, mean, deviation = average_scans(ids, scans)
    assert unique.tolist() == ["b", "a", "c"]
    np.testing.assert_allclose(mean, [[0.4, 0.2], [0.2, 0.1], [0.6, 0.3]], rtol=1e-6)
    assert mean.dtype == np.float32
    assert (deviation < SCAN_LIMIT).all()
    np.testing.assert_array_equal(scans, before)


@pytest.mark.parametrize(("share", "expected"), [(0.9, True), (1.1, False)])
def test_agreement_is_judged_against_the_limit(share, expected):
    """Two scans that are each 0.9 limits off their mean agree; 1.1 limits off they do not."""
    gap = share * SCAN_LIMIT
    scans = 0.3 * np.array([[1 + gap] * 5, [1.0] * 5, [1.0] * 5, [1 - gap] * 5])
    _, mean, deviation = average_scans(np.array(["a", "b", "b", "a"]), scans)
    assert (deviation <= SCAN_LIMIT).tolist() == [expected, True]
    np.testing.assert_allclose(mean, 0.3, rtol=1e-6)


@pytest.fixture
def in_blocks(monkeypatch):
    """Files of any size are read in blocks of a few rows."""
    monkeypatch.setattr(scans, "LARGE", 0)
    monkeypatch.setattr(scans, "TEXT_VALUES", 2 * NM.size)
    monkeypatch.setattr(scans, "VALUES", 2 * NM.size)


def odd_rows(mark="."):
    """Rows with what is no plain number: a missing word, decimals of another length, a quoted id."""
    cells = [[f"{v:.5f}".replace(".", mark) for v in row] for row in soil_spectra()]
    return [["id", "depth", *NM], *([f"{i} ", "0-5", *row] for i, row in zip(IDS, cells, strict=True))]


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: rows,
        lambda rows: [["id", "depth", *NM[::-1]], *rows[1:]],
        lambda rows: [*rows[:3], [], *rows[3:]],
        lambda rows: [*rows[:2], [*rows[2][:2], *[""] * NM.size], *rows[3:]],
        lambda rows: [*rows[:3], [*rows[3][:2], *(f" {v}" for v in rows[3][2:])], *rows[4:]],
        lambda rows: [*rows[:-1], ['"a, b"', *rows[-1][1:]]],
        lambda rows: [["Soils of 2024"], *rows],
        lambda rows: [rows[0], *([*row, "", ""] for row in rows[1:])],
        lambda rows: [rows[0], *([*row[:2], *(f"{v} %" for v in row[2:])] for row in rows[1:])],
    ],
)
def test_a_file_read_in_blocks_is_what_it_is_as_a_whole(tmp_path, in_blocks, monkeypatch, change):
    """Ids, bands, values, rows and notes are the same, also where a block is no plain numbers."""
    path = write(tmp_path / "a.csv", change(odd_rows()))
    found, blocks = scans.read_scans(path), list(scans.iterate_scans(path))
    assert len(blocks) > 1
    monkeypatch.setattr(scans, "LARGE", 1e9)
    expected = scans.read_scans(path)
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.table.rows.tolist() == expected.table.rows.tolist()
    np.testing.assert_array_equal(found.wavelengths, expected.wavelengths)
    np.testing.assert_allclose(found.spectra, expected.spectra, rtol=1e-6)
    assert set(found.notes) == set(expected.notes)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_ids_of_a_long_text_are_in_its_encoding(tmp_path, in_blocks, monkeypatch, encoding):
    """Else different soils become one, and their spectra are averaged; a byte of another is refused."""
    ids = [f"{mine}{i}" for i, mine in zip(IDS, "土石山水火木金沙泥田" * len(IDS), strict=False)]
    rows = [["id", *NM], *([i, *row] for i, row in zip(ids, soil_spectra(), strict=True))]
    path = tmp_path / "a.csv"
    path.write_bytes("\n".join(",".join(map(str, row)) for row in rows).encode(encoding))
    assert scans.read_scans(path).ids.tolist() == ids
    monkeypatch.setattr(scans, "_HEAD", 600)
    path.write_bytes(path.read_bytes() + b"\n\xff\xff" + b",0.5" * NM.size)
    with pytest.raises(SiteError, match="0xff is no text"):
        scans.read_scans(path)


@pytest.mark.parametrize("cell", ["x", "", "0.3.1", "<0.2"])
def test_a_bad_cell_in_a_late_block_is_named_by_its_row(tmp_path, in_blocks, monkeypatch, cell):
    """The message is that of a file read as a whole."""
    rows = odd_rows()
    rows[-1][7] = cell
    path = write(tmp_path / "a.csv", rows)
    told = []
    for large in (0, 1e9):
        monkeypatch.setattr(scans, "LARGE", large)
        with pytest.raises(SiteError, match=f"row {len(rows)}, column '{NM[5]}'") as caught:
            scans.read_scans(path)
        told.append(str(caught.value))
    assert told[0] == told[1]


def test_parquet_is_read_as_a_table_is(tmp_path, in_blocks):
    """Whatever the row groups, ids and values are those that were written; text for a number is refused."""
    table = pd.DataFrame(soil_spectra(), pd.Index(IDS, name="id"), [f"{w:g}" for w in NM])
    for size in (1, 3, 100):
        table.to_parquet(tmp_path / "a.parquet", row_group_size=size)
        found = read_spectra(tmp_path / "a.parquet")
        assert found.samples.index.tolist() == IDS
        np.testing.assert_array_equal(found.wavelengths, NM)
        np.testing.assert_allclose(found.reflectance, soil_spectra(), rtol=1e-6)
    bands = table.columns[3:4]
    table.assign(**dict.fromkeys(bands, "high")).to_parquet(tmp_path / "b.parquet")
    with pytest.raises(SiteError, match="b.parquet is no table of spectra"):
        read_spectra(tmp_path / "b.parquet")


def test_memory_of_a_long_table_does_not_grow_with_its_cells():
    """A CSV of 8 MB takes a few times its size (case csv_memory)."""
    folder = case("csv_memory")
    script = (
        "import resource, sys; from soilpb.readers import scans; scans.LARGE = 1e6\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"exec(open({str(folder / 'make.py')!r}).read().replace('range(1200)', 'range(400)'))\n"
        "found = scans.read_scans('wide.csv')\n"
        "grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024\n"
        "assert found.spectra.shape == (400, 2091), found.spectra.shape\n"
        "assert grown < 150, grown"
    )
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", script], check=True, cwd=folder)
