"""Wide tables in chunks: the same numbers as read whole, resampled with gaps."""

import gzip

import numpy as np
import pytest

from soilpb.readers.libraries import large_tables
from soilpb.readers.libraries.large_tables import SpectralTable, resample_with_gaps
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid, resample

BAND = r"b(\d+(?:[.,]\d+)?)"


def write(folder, text, name="soils.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path, text=("id",)):
    """All rows of a small file: its text columns and its bands."""
    ((cells, values),) = SpectralTable(path, BAND).chunks(text)
    return cells, values


def test_chunks_join_to_the_whole_file(tmp_path, monkeypatch):
    """Read in many chunks, each row comes once, in order, with its row of the file."""
    monkeypatch.setattr(large_tables, "CHUNK_BYTES", 200)
    rows = 60
    lines = [f"s{i},{i / 100},{i / 200}" for i in range(rows)]
    path = write(tmp_path, "\n".join(["id,b400,b410", *lines]) + "\n")
    chunks = list(SpectralTable(path, BAND).chunks(["id"]))
    assert len(chunks) > 3
    assert [i for cells, _ in chunks for i in cells.index] == list(range(2, rows + 2))
    assert [i for cells, _ in chunks for i in cells["id"]] == [f"s{i}" for i in range(rows)]
    expected = np.column_stack([np.arange(rows) / 100, np.arange(rows) / 200])
    np.testing.assert_allclose(np.vstack([values for _, values in chunks]), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("delimiter", "mark"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("\t", ".")]
)
def test_delimiter_and_decimal_mark_are_found(tmp_path, delimiter, mark):
    """Every usual pair of delimiter and decimal mark reads as the same numbers."""
    cells = [["id", "b400", "b410"], ["a", f"0{mark}25", f"0{mark}5"]]
    path = write(tmp_path, "\n".join(delimiter.join(line) for line in cells) + "\n")
    assert read(path)[1].tolist() == [[0.25, 0.5]]


def test_ids_stay_text(tmp_path):
    """A text column keeps leading zeros, commas and line breaks in quotes, and loses outer blanks."""
    path = write(tmp_path, 'id,b400,b410\n 007 ,1,1\n"clay, red\nsticky",1,1\n')
    assert read(path)[0]["id"].tolist() == ["007", "clay, red\nsticky"]


@pytest.mark.parametrize("cell", large_tables.NO_VALUE)
def test_every_spelling_of_no_value_is_nan(tmp_path, cell):
    """A band without a value is NaN, and its neighbour is untouched."""
    path = write(tmp_path, f"id,b400,b410\na,{cell},0.5\n")
    np.testing.assert_array_equal(read(path)[1], [[np.nan, 0.5]])


def test_gzip_and_byte_order_mark_are_seen_in_the_content(tmp_path):
    """A gzipped file under a bare name, and one that starts as Excel's do, read the same."""
    text = "\ufeffid,b400,b410\na,0.25,0.5\n"
    plain = write(tmp_path, text)
    packed = tmp_path / "packed.csv"
    packed.write_bytes(gzip.compress(text.encode()))
    for path in (plain, packed):
        cells, values = read(path)
        assert cells["id"].tolist() == ["a"]
        assert values.tolist() == [[0.25, 0.5]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has 0 lines; expected a header"),
        ("id,b400,b410\n", "has 1 lines; expected a header"),
        ("id,b400,wet\na,1,2\n", r"none of its 3 columns is a band; .* found id, b400, wet"),
        ("id,b400,b410\na,1\n", "expected 3 columns separated by ','"),
        ("id,b400,b410\na,1,wet\n", r"wet.*numbers with decimal '\.'"),
        ("name,b400,b410\na,1,2\n", "no column 'id'; it has name, b400"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, text, message):
    """Empty files, missing columns, short rows and words in bands are errors naming the file."""
    path = write(tmp_path, text)
    with pytest.raises(SiteError, match=rf"soils.csv:? .*{message}"):
        read(path)


FINE = np.arange(400.0, 501.0)
GRID = band_grid(400, 500, 10)


@pytest.fixture
def spectra():
    rng = np.random.default_rng(0)
    return rng.uniform(0.1, 0.6, (4, FINE.size)).astype(np.float32)


def test_complete_spectra_are_resampled_as_everywhere_else(spectra):
    """Without gaps a table is resampled exactly as a single spectrum is."""
    found, complete = resample_with_gaps(FINE, spectra, GRID)
    np.testing.assert_allclose(found, resample(FINE, spectra, GRID), atol=1e-6)
    assert complete.all()


def test_on_their_own_grid_spectra_are_not_touched(spectra):
    """Resampling to the same bands is the identity, gaps included."""
    spectra[2, 5] = np.nan
    found, complete = resample_with_gaps(FINE, spectra, FINE)
    np.testing.assert_array_equal(found[complete], spectra[complete])
    assert complete.tolist() == [True, True, False, True]


def test_a_small_gap_is_weighted_out(spectra):
    """One missing band leaves a flat spectrum flat and other spectra's values unchanged."""
    spectra[1] = 0.3
    whole, _ = resample_with_gaps(FINE, spectra, GRID)
    gapped = spectra.copy()
    gapped[1, 43] = np.nan
    found, complete = resample_with_gaps(FINE, gapped, GRID)
    np.testing.assert_allclose(found[1], 0.3, rtol=1e-6)
    np.testing.assert_allclose(found[[0, 2, 3]], whole[[0, 2, 3]], rtol=1e-6)
    assert complete.all()
    assert np.isnan(gapped[1, 43])


def test_a_wide_gap_makes_a_spectrum_incomplete(spectra):
    """A gap over 44 percent of a band of the grid is bridged; one over 59 percent puts that spectrum out."""
    spectra[0, 38:43] = np.nan
    spectra[3, 37:44] = np.nan
    assert resample_with_gaps(FINE, spectra, GRID)[1].tolist() == [True, True, True, False]


def test_a_spectrum_that_starts_at_the_grids_first_band_is_complete():
    """The first band of the grid lacks its outer half when nothing lies below it, and counts."""
    below = np.arange(350.0, 400.0, 0.1)
    wide = np.concatenate([below, np.arange(400.0, 500.05, 0.1)])
    starts_at_400 = np.where(wide < 399.95, np.nan, 0.3).astype(np.float32)[None]
    found, complete = resample_with_gaps(wide, starts_at_400, GRID)
    assert complete.tolist() == [True]
    np.testing.assert_allclose(found, 0.3, rtol=1e-3)
