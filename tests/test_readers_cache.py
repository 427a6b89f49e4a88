import hashlib
import json
import os
import time

import numpy as np
import pandas as pd
import pytest

from soilpb import _files
from soilpb.readers import spectra_table
from soilpb.spectra import Provenance, SoilSpectra

GRID = np.array([500.0, 510.0, 520.0])


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "library.csv"
    path.write_text("original")
    return path


@pytest.fixture
def soils():
    samples = pd.DataFrame({"pH": [6.1, np.nan], "group": ["AT", "ES"]}, index=["a", "b"])
    provenance = Provenance("library", "measured", notes=("read so",))
    return SoilSpectra(GRID, [[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]], samples, provenance)


class Converter:
    """Hands out spectra and counts how often it was asked."""

    def __init__(self, soils):
        self.soils, self.calls = soils, 0

    def __call__(self):
        """Convert."""
        self.calls += 1
        return self.soils


def load(folder, source, convert, grid=GRID, version=1):
    return spectra_table.load_or_convert(folder, "library", version, [source], grid, convert)


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


def test_without_a_folder_nothing_is_kept(tmp_path, source, soils):
    """A cache of None converts every time and leaves no file."""
    convert = Converter(soils)
    for _ in range(2):
        assert load(None, source, convert).provenance.sha256 == _files.sha256_of(source)
    assert convert.calls == 2
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("change", ["grid", "version", "bytes"])
def test_whatever_changes_makes_another_entry(tmp_path, source, soils, change):
    """Another grid, reader version or byte is converted anew, and the former entry stays."""
    convert = Converter(soils)
    load(tmp_path / "cache", source, convert)
    if change == "bytes":
        source.write_text("0riginal")
    load(
        tmp_path / "cache",
        source,
        convert,
        grid=GRID + 1 if change == "grid" else GRID,
        version=2 if change == "version" else 1,
    )
    assert convert.calls == 2
    assert len(entries(tmp_path / "cache")) == 2


def test_bytes_count_even_when_size_and_time_are_forged(tmp_path, source, soils, monkeypatch):
    """A changed file with its old size and modification time is not taken for the old one."""
    monkeypatch.setattr(spectra_table, "SETTLED_SECONDS", -1.0)
    convert = Converter(soils)
    load(tmp_path / "cache", source, convert)
    before = source.stat()
    source.write_text("0riginal")
    os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (source.stat().st_size, source.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    load(tmp_path / "cache", source, convert)
    assert convert.calls == 2


def test_a_settled_file_is_hashed_once(tmp_path, source, monkeypatch):
    """A hash is remembered while the file stands still, and only of a file that has settled."""
    hashed = []
    monkeypatch.setattr(_files, "sha256_of", lambda path: hashed.append(path) or "digest")
    for _ in range(2):
        spectra_table.fingerprint([source], tmp_path / "cache")
    assert len(hashed) == 2
    monkeypatch.setattr(spectra_table, "SETTLED_SECONDS", -1.0)
    for _ in range(3):
        assert spectra_table.fingerprint([source], tmp_path / "cache") == "digest"
    assert len(hashed) == 3


def test_fingerprint_is_what_sha256sum_says(tmp_path, source):
    """One file's fingerprint is its sha256, that of several is the sha256 of their listing."""
    other = tmp_path / "other.csv"
    other.write_text("more")
    one, two = (hashlib.sha256(path.read_bytes()).hexdigest() for path in (source, other))
    assert spectra_table.fingerprint([source]) == one
    listing = f"{one}  library.csv\n{two}  other.csv\n"
    assert spectra_table.fingerprint([source, other]) == hashlib.sha256(listing.encode()).hexdigest()


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


def test_what_a_killed_conversion_left_is_swept_a_day_later(tmp_path, source, soils):
    """A killed process' half entry is never read, and goes when it is certainly abandoned."""
    folder = tmp_path / "cache"
    for name, age in (("young", 60), ("old", 2 * spectra_table.ABANDONED_SECONDS)):
        left = folder / f".converting-{name}"
        left.mkdir(parents=True)
        (left / "reflectance.npy").write_bytes(b"half")
        os.utime(left, (time.time() - age,) * 2)
    load(folder, source, Converter(soils))
    assert (folder / ".converting-young").exists()
    assert not (folder / ".converting-old").exists()


def test_entry_made_meanwhile_by_another_process_is_taken(tmp_path, source, soils):
    """Two processes that convert the same bytes at once end with one entry and no error."""

    def convert_while_another_does():
        load(tmp_path / "cache", source, Converter(soils))
        return soils

    assert load(tmp_path / "cache", source, convert_while_another_does).sha256() == soils.sha256()
    assert len(entries(tmp_path / "cache")) == 1


def test_card_says_what_was_read(tmp_path, source, soils):
    """An entry's card names its provenance, so that a person can tell entries apart."""
    load(tmp_path / "cache", source, Converter(soils))
    (entry,) = entries(tmp_path / "cache")
    card = json.loads((entry / "card.json").read_text())
    assert entry.name.startswith("library-")
    assert card["provenance"]["name"] == "library"
    assert card["wavelengths"] == GRID.tolist()


def interrupt(*args, **kwargs):
    raise KeyboardInterrupt
