"""Converted libraries are kept: never half, never changed in silence."""

import os
import shutil
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pandas as pd
import pytest

from soilpb import _files
from soilpb.readers.libraries import cache
from soilpb.spectra import Provenance, SoilSpectra

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


@pytest.fixture
def convert(soils):
    """Hands out spectra and counts how often it was asked."""
    return Mock(return_value=soils)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "cache"


def load(folder, source, convert, grid=THREE_BANDS):
    return cache.load_or_convert(folder, "library", [source], grid, convert)


def entries(folder):
    return [path.parent for path in folder.glob("*/SHA256SUM")]


def test_second_load_equals_the_first_and_is_memory_mapped(folder, source, soils, convert):
    """What comes out of the cache is what the reader made, mapped and not read."""
    first, second = (load(folder, source, convert) for _ in range(2))
    assert convert.call_count == 1
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


def test_an_unchanged_source_is_not_hashed_again(folder, source, convert, hashed):
    """A gigabyte is read once: later loads look at its size and time of change."""
    first, again = (load(folder, source, convert) for _ in range(2))
    assert hashed.count("library.csv") == 1
    assert again.provenance == first.provenance


@pytest.mark.parametrize("change", ["touched", "other bytes", "just written"])
def test_a_source_that_may_have_changed_is_hashed(folder, source, convert, hashed, change):
    """Another time of change, or one within a clock's tick, is hashed; other bytes are converted."""
    if change == "just written":
        os.utime(source)
    load(folder, source, convert)
    if change == "other bytes":
        source.write_text("0riginal")
    if change == "touched":
        os.utime(source, (1e9, 1.1e9))
    hashed.clear()
    found = load(folder, source, convert)
    assert "library.csv" in hashed
    assert convert.call_count == len(entries(folder)) == (2 if change == "other bytes" else 1)
    assert found.provenance.sha256 == _files.sha256_of(source)


@pytest.mark.parametrize(
    "damage", ["{bad", "[]", '{"{source}": 3}', '{"{source}": [[], 8, 1, "0"]}', "no hash"]
)
def test_damaged_hashes_are_made_again(folder, source, convert, hashed, damage):
    """A card of hashes that cannot be read, or that lies, costs one hashing and no wrong soil."""
    load(folder, source, convert)
    card = folder / "hashes.json"
    lie = card.read_text().replace(_files.sha256_of(source), damage)
    card.write_text(lie if damage == "no hash" else damage.replace("{source}", str(source)))
    for _ in range(2):
        assert load(folder, source, convert).provenance.sha256 == _files.sha256_of(source)
    assert convert.call_count == 1


def test_without_a_folder_nothing_is_kept(tmp_path, source, convert):
    """A cache of None converts every time and leaves no file."""
    for _ in range(2):
        assert load(None, source, convert).provenance.sha256 == _files.sha256_of(source)
    assert convert.call_count == 2
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("change", ["grid", "version"])
def test_whatever_changes_makes_another_entry(folder, source, convert, monkeypatch, change):
    """Another grid or reader version is converted anew, and the former entry stays."""
    load(folder, source, convert)
    monkeypatch.setattr(cache, "VERSION", cache.VERSION + (change == "version"))
    load(folder, source, convert, THREE_BANDS + (change == "grid"))
    assert convert.call_count == len(entries(folder)) == 2


@pytest.mark.parametrize("stop", ["while reading", "while writing"])
def test_an_interrupted_conversion_leaves_no_cache(folder, source, convert, monkeypatch, stop):
    """Interrupted at any point, a conversion leaves no entry, and the next one succeeds."""
    interrupt = Mock(side_effect=KeyboardInterrupt)
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        if stop == "while writing":
            patched.setattr(_files, "save_card", interrupt)
        load(folder, source, convert if stop == "while writing" else interrupt)
    assert entries(folder) == []
    assert load(folder, source, convert).n_samples == 2


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
def test_a_damaged_entry_is_made_again(folder, source, soils, convert, name, damage):
    """Truncated, altered or missing files of an entry cost a conversion, and no value is wrong."""
    load(folder, source, convert)
    (entry,) = entries(folder)
    damage(entry / name)
    for _ in range(2):
        assert load(folder, source, convert).sha256() == soils.sha256()
    assert convert.call_count == 2
    assert entries(folder) == [entry]


def test_entry_made_meanwhile_by_another_process_is_taken(folder, source, soils, convert):
    """Two processes that convert the same bytes at once end with one entry and no error."""
    meanwhile = Mock(side_effect=lambda: load(folder, source, convert))
    assert load(folder, source, meanwhile).sha256() == soils.sha256()
    assert len(entries(folder)) == 1
