"""Wide tables in chunks: the same numbers as read whole, resampled with gaps, kept in a cache."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soilpb import _files
from soilpb.readers import libraries
from soilpb.readers.libraries import SpectralTable, resample_with_gaps
from soilpb.site_file import SiteError
from soilpb.spectra import Provenance, SoilSpectra, band_grid, resample

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
    monkeypatch.setattr(libraries, "CHUNK_BYTES", 200)
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


@pytest.mark.parametrize("cell", libraries.NO_VALUE)
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
    np.testing.assert_array_equal(found, spectra)
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


THREE_BANDS = np.array([500.0, 510.0, 520.0])


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "library.csv"
    path.write_text("original")
    return path


@pytest.fixture
def soils():
    samples = pd.DataFrame({"pH": [6.1, np.nan], "group": ["AT", "ES"]}, index=["a", "b"])
    provenance = Provenance("library", "measured", notes=("read so",))
    return SoilSpectra(THREE_BANDS, [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]], samples, provenance)


class Converter:
    """Hands out spectra and counts how often it was asked."""

    def __init__(self, soils):
        self.soils, self.calls = soils, 0

    def __call__(self):
        """Convert."""
        self.calls += 1
        return self.soils


def load(folder, source, convert, grid=THREE_BANDS):
    return libraries.load_or_convert(folder, "library", [source], grid, convert)


def entries(folder):
    return [path for path in folder.iterdir() if path.is_dir()]


def test_second_load_equals_the_first_and_is_memory_mapped(tmp_path, source, soils):
    """What comes out of the cache is what the reader made, mapped and not read."""
    convert = Converter(soils)
    first = load(tmp_path / "cache", source, convert)
    second = load(tmp_path / "cache", source, convert)
    assert convert.calls == 1
    assert isinstance(second.reflectance.base, np.memmap)
    for loaded in (first, second):
        assert loaded.sha256() == soils.sha256()
        assert loaded.provenance.notes == ("read so",)
        assert loaded.provenance.sha256 == _files.sha256_of(source)
        pd.testing.assert_frame_equal(loaded.samples, soils.samples)


@pytest.fixture
def hashed(source, monkeypatch):
    """Let the source be old, and list which files are hashed."""
    os.utime(source, (1e9, 1e9))
    names, hash_files = [], _files.sha256_of
    monkeypatch.setattr(
        _files, "sha256_of", lambda *paths: (names.extend(p.name for p in paths), hash_files(*paths))[1]
    )
    return names


def test_an_unchanged_source_is_not_hashed_again(tmp_path, source, soils, hashed):
    """A gigabyte is read once: later loads look at its size and time of change."""
    convert = Converter(soils)
    first = load(tmp_path / "cache", source, convert)
    assert hashed.count("library.csv") == 1
    again = load(tmp_path / "cache", source, convert)
    assert hashed.count("library.csv") == 1
    assert again.provenance == first.provenance
    load(tmp_path / "cache", source, convert, THREE_BANDS + 1)
    assert convert.calls == 2


@pytest.mark.parametrize("change", ["touched", "other bytes", "just written"])
def test_a_source_that_may_have_changed_is_hashed(tmp_path, source, soils, hashed, change):
    """Another time of change, or one within a clock's tick, is hashed; other bytes are converted."""
    convert = Converter(soils)
    if change == "just written":
        os.utime(source)
    load(tmp_path / "cache", source, convert)
    if change == "other bytes":
        source.write_text("0riginal")
    if change == "touched":
        os.utime(source, (1e9, 1.1e9))
    hashed.clear()
    found = load(tmp_path / "cache", source, convert)
    assert "library.csv" in hashed
    assert convert.calls == (2 if change == "other bytes" else 1)
    assert found.provenance.sha256 == _files.sha256_of(source)


@pytest.mark.parametrize(
    "damage", ["{bad", "[]", '{"files": [3]}', '{"files": [[[], 8, 1, "0"]]}', "no hash"]
)
def test_damaged_hashes_are_made_again(tmp_path, source, soils, hashed, damage):
    """A card of hashes that cannot be read, or that lies, costs one hashing and no wrong soil."""
    convert = Converter(soils)
    load(tmp_path / "cache", source, convert)
    card = tmp_path / "cache" / entries(tmp_path / "cache")[0].name / "sources.json"
    card.write_text(
        card.read_text().replace(_files.sha256_of(source), damage) if damage == "no hash" else damage
    )
    for _ in range(2):
        found = load(tmp_path / "cache", source, convert)
        assert found.provenance.sha256 == _files.sha256_of(source)
    assert convert.calls == 1


def test_without_a_folder_nothing_is_kept(tmp_path, source, soils):
    """A cache of None converts every time and leaves no file."""
    convert = Converter(soils)
    for _ in range(2):
        assert load(None, source, convert).provenance.sha256 == _files.sha256_of(source)
    assert convert.calls == 2
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("change", ["grid", "version", "bytes"])
def test_whatever_changes_makes_another_entry(tmp_path, source, soils, monkeypatch, change):
    """Another grid, reader version or byte is converted anew, and the former entry stays."""
    convert = Converter(soils)
    load(tmp_path / "cache", source, convert)
    if change == "bytes":
        source.write_text("0riginal")
    if change == "version":
        monkeypatch.setattr(libraries, "VERSION", libraries.VERSION + 1)
    load(tmp_path / "cache", source, convert, THREE_BANDS + (change == "grid"))
    assert convert.calls == 2
    assert len(entries(tmp_path / "cache")) == 2


@pytest.mark.parametrize("stop", ["while reading", "while writing"])
def test_an_interrupted_conversion_leaves_no_cache(tmp_path, source, soils, monkeypatch, stop):
    """Interrupted at any point, a conversion leaves no entry, and the next one succeeds."""
    convert = Converter(soils)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        if stop == "while writing":
            patched.setattr(_files, "save_card", interrupt)
            load(tmp_path / "cache", source, convert)
        else:
            load(tmp_path / "cache", source, interrupt)
    assert not (tmp_path / "cache").exists() or entries(tmp_path / "cache") == []
    assert load(tmp_path / "cache", source, convert).n_samples == 2


def test_what_a_killed_conversion_left_is_swept_by_the_next(tmp_path, source, soils):
    """A half entry is removed once its process is dead, and left alone while that lives."""
    living, dead = (tmp_path / "cache" / f".converting-{name}" / ".lock" for name in ("living", "dead"))
    for left in (living, dead):
        left.parent.mkdir(parents=True)
        left.touch()
    with _files.lock(living):
        load(tmp_path / "cache", source, Converter(soils))
    assert living.exists()
    assert not dead.parent.exists()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("reflectance.npy", lambda file: file.write_bytes(file.read_bytes()[:-9])),
        ("reflectance.npy", lambda file: file.write_bytes(file.read_bytes()[:-9] + bytes(9))),
        ("samples.parquet", lambda file: file.write_bytes(b"")),
        ("card.json", Path.unlink),
        ("card.json", lambda file: file.write_text("{bad")),
        ("SHA256SUM", Path.unlink),
        ("", lambda folder: shutil.move(folder / "card.json", folder / "card.txt")),
    ],
)
def test_a_damaged_entry_is_made_again(tmp_path, source, soils, name, damage):
    """Truncated, altered or missing files of an entry cost a conversion, and no value is wrong."""
    convert = Converter(soils)
    load(tmp_path / "cache", source, convert)
    (entry,) = entries(tmp_path / "cache")
    damage(entry / name)
    for _ in range(2):
        assert load(tmp_path / "cache", source, convert).sha256() == soils.sha256()
    assert convert.calls == 2
    assert entries(tmp_path / "cache") == [entry]


def test_entry_made_meanwhile_by_another_process_is_taken(tmp_path, source, soils):
    """Two processes that convert the same bytes at once end with one entry and no error."""

    def convert_while_another_does():
        load(tmp_path / "cache", source, Converter(soils))
        return soils

    assert load(tmp_path / "cache", source, convert_while_another_does).sha256() == soils.sha256()
    assert len(entries(tmp_path / "cache")) == 1


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt
