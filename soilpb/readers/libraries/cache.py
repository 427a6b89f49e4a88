"""Cache of converted libraries: never half an entry, never one that lies.

An entry is a folder of ``reflectance.npy`` (memory-mapped the second time), ``samples.parquet``,
``card.json`` and their checksum; a damaged one is made again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb import _files
from soilpb.spectra import Provenance, SoilSpectra

#: Rises when the same bytes would be read differently: older cache entries then rest unused.
VERSION = 3
_UNFINISHED = ".converting-"
#: Files of a cache entry, and the one that holds their checksum.
_PARTS, _SUM = ("reflectance.npy", "samples.parquet", "card.json"), "SHA256SUM"
#: Beside them: path, size, time of change (ns) and sha256 of the files that were read.
_SOURCES = "sources.json"
#: A file changed less than so many ns ago may change again within one tick of its file system's clock.
SETTLED_NS = 3_000_000_000


def load_or_convert(
    folder: Path | None,
    reader: str,
    files: Sequence[Path],
    grid: np.ndarray,
    convert: Callable[[], SoilSpectra],
) -> SoilSpectra:
    """Return the converted library from the cache, converting it first where needed.

    An entry's name is a hash of the bytes that were read, the grid and :data:`VERSION`, so
    whatever changes makes another entry. It appears under its name only when it is complete.
    Files whose size and time of change are those of an entry's card are not hashed again.

    Without a ``folder`` nothing is kept. ``files`` are all that ``convert`` reads; the provenance carries
    the sha256 of their bytes. Spectra from the cache are memory-mapped.
    """
    known = _read_hashes(Path(folder), reader) if folder else {}
    sources = _hash_files(files, known)
    entry = _entry(folder, reader, grid, sources)
    whole = bool(folder) and _is_whole(entry)
    if known and not whole:  # what is made anew is hashed anew: the card may be damaged, too
        sources = _hash_files(files, {})
        entry = _entry(folder, reader, grid, sources)
        whole = _is_whole(entry)
    if not whole:
        soils = convert()
        soils = replace(soils, provenance=replace(soils.provenance, sha256=_digest(sources)))
        if folder is None:
            return soils
        _save(entry, soils)
    if any(tuple(file) not in known for *file, _ in sources):
        with suppress(OSError):  # a read-only cache is hashed each time
            _files.save_card(entry / _SOURCES, {"files": sources})
    return _load(entry)


def _hash_files(files: Sequence[Path], known: dict[tuple, str]) -> list[tuple[str, int, int, str]]:
    """Path, size, time of change and sha256 of each file, the latter read only where it is not known."""
    found = []
    for path in files:
        stat, now = path.stat(), time.time_ns()
        state = str(path.resolve()), stat.st_size, stat.st_mtime_ns
        digest = known.get(state) or _files.sha256_of(path)
        changed = stat.st_mtime_ns if now - stat.st_mtime_ns > SETTLED_NS else -1  # fits no file
        found.append((*state[:2], changed, digest))
    return found


def _read_hashes(folder: Path, reader: str) -> dict[tuple, str]:
    """Hashes by path, size and time of change, from all cards of the cache that can be read."""
    known: dict[tuple, str] = {}
    for card in folder.glob(f"{reader}-*/{_SOURCES}"):
        with suppress(OSError, ValueError, TypeError, KeyError):
            known |= {tuple(file): str(digest) for *file, digest in _files.load_card(card)["files"]}
    return known


def _digest(sources: Sequence[tuple[str, int, int, str]]) -> str:
    """Hash of a file, or of the hashes of several."""
    digests = [digest for *_, digest in sources]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _entry(folder: Path | None, reader: str, grid: np.ndarray, sources: Sequence[tuple]) -> Path:
    key = json.dumps([reader, VERSION, _digest(sources), np.asarray(grid, float).tolist()])
    return Path(folder or "") / f"{reader}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _save(entry: Path, soils: SoilSpectra) -> None:
    """Write an entry beside its place and move it there whole; a damaged one is moved away."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with _files.temporary_folder(_UNFINISHED, entry.parent) as made:
        unfinished = made / entry.name
        unfinished.mkdir()
        np.save(unfinished / "reflectance.npy", soils.reflectance)
        soils.samples.to_parquet(unfinished / "samples.parquet")
        card = {"wavelengths": soils.wavelengths, "provenance": asdict(soils.provenance)}
        _files.save_card(unfinished / "card.json", card)
        (unfinished / _SUM).write_bytes(_sum(unfinished))
        if not _is_whole(entry):
            with suppress(FileNotFoundError):
                entry.rename(made / "damaged")
        try:
            unfinished.rename(entry)
        except OSError:
            if not entry.exists():
                raise  # else another process made the same entry first


def _is_whole(entry: Path) -> bool:
    """Tell whether an entry is there as it was written."""
    try:
        return (entry / _SUM).read_bytes() == _sum(entry)
    except OSError:
        return False


def _sum(entry: Path) -> bytes:
    return _files.sha256_of(*(entry / name for name in _PARTS)).encode()


def _load(entry: Path) -> SoilSpectra:
    card = _files.load_card(entry / "card.json")
    provenance = card["provenance"] | {"notes": tuple(card["provenance"]["notes"])}
    return SoilSpectra(
        np.array(card["wavelengths"]),
        np.load(entry / "reflectance.npy", mmap_mode="r"),
        pd.read_parquet(entry / "samples.parquet"),
        Provenance(**provenance),
    )
