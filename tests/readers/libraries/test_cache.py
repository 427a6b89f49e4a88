"""Converted libraries are kept: never half, never changed in silence."""

import os
import shutil
from pathlib import Path

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


class Converter:
    """Hands out spectra and counts how often it was asked."""

    def __init__(self, soils):
        self.soils, self.calls = soils, 0

    def __call__(self):
        """Convert."""
        self.calls += 1
        return self.soils


def load(folder, source, convert, grid=THREE_BANDS):
    return cache.load_or_convert(folder, "library", [source], grid, convert)


def entries(folder):
    return [path.parent for path in folder.glob("*/SHA256SUM")]


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
    "damage", ["{bad", "[]", '{"{source}": 3}', '{"{source}": [[], 8, 1, "0"]}', "no hash"]
)
def test_damaged_hashes_are_made_again(tmp_path, source, soils, hashed, damage):
    """A card of hashes that cannot be read, or that lies, costs one hashing and no wrong soil."""
    convert = Converter(soils)
    load(tmp_path / "cache", source, convert)
    card = tmp_path / "cache" / "hashes.json"
    lie = card.read_text().replace(_files.sha256_of(source), damage)
    card.write_text(lie if damage == "no hash" else damage.replace("{source}", str(source)))
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
        monkeypatch.setattr(cache, "VERSION", cache.VERSION + 1)
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
    assert entries(tmp_path / "cache") == []
    assert load(tmp_path / "cache", source, convert).n_samples == 2


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
