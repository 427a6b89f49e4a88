"""Cache of converted libraries: never half an entry, never one that lies.

An entry is a folder of ``reflectance.npy`` (memory-mapped the second time), ``samples.parquet``,
``card.json`` and, written last, their checksum; a damaged one is made again.
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
VERSION = 4
#: A file changed less than so many ns ago may change again within one tick of its file system's clock.
SETTLED_NS = 3_000_000_000
_PARTS, _SUM = ("reflectance.npy", "samples.parquet", "card.json"), "SHA256SUM"


def load_or_convert(
    folder: Path | None,
    reader: str,
    files: Sequence[Path],
    grid: np.ndarray,
    convert: Callable[[], SoilSpectra],
) -> SoilSpectra:
    """Return the converted library from the cache, converting it first where needed.

    An entry's name is a hash of the bytes that were read, the grid and :data:`VERSION`, so whatever changes
    makes another entry. Files whose size and time of change are those of ``hashes.json`` are not hashed
    again, unless what is there has to be made anew: the hashes may be damaged, too.

    Without a ``folder`` nothing is kept. ``files`` are all that ``convert`` reads; the provenance carries
    the sha256 of their bytes. Spectra from the cache are memory-mapped.
    """
    stored = _load_hashes(folder)
    for known in [stored, {}] if stored else [{}]:
        hashes = {str(path.resolve()): _hash_file(path, known) for path in files}
        digests = [digest for *_, digest in hashes.values()]
        sha256 = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
        key = json.dumps([reader, VERSION, sha256, np.asarray(grid, float).tolist()])
        entry = Path(folder or "") / f"{reader}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
        soils = _load(entry) if folder else None
        if soils is not None:
            break
    else:
        soils = convert()
        soils = replace(soils, provenance=replace(soils.provenance, sha256=sha256))
        if folder is None:
            return soils
        _save(entry, soils)
        soils = _load(entry) or soils
    if any(known.get(name) != state for name, state in hashes.items()):
        with suppress(OSError):  # a read-only cache is hashed each time
            _files.save_card(entry.parent / "hashes.json", {**stored, **hashes})
    return soils


def _load_hashes(folder: Path | None) -> dict[str, list]:
    """Path → size, time of change (ns) and sha256 of files that were read; none if that cannot be read."""
    with suppress(OSError, ValueError, TypeError):
        hashes = dict(_files.load_card(Path(folder) / "hashes.json"))
        return {path: state for path, state in hashes.items() if isinstance(state, list)}
    return {}


def _hash_file(path: Path, known: dict[str, list]) -> list:
    """Size, time of change and sha256 of a file; the latter is read only where it is not known."""
    stat = path.stat()
    settled = time.time_ns() - stat.st_mtime_ns > SETTLED_NS
    state = [stat.st_size, stat.st_mtime_ns if settled else -1]
    *same, digest = known.get(str(path.resolve())) or [""]
    return [*state, str(digest) if settled and same == state else _files.sha256_of(path)]


def _save(entry: Path, soils: SoilSpectra) -> None:
    """Write an entry; the checksum, without which the rest is none, comes last."""
    with _files.atomic_write(entry / "reflectance.npy") as temporary:
        np.save(temporary, soils.reflectance)
    _files.save_table(entry / "samples.parquet", soils.samples)
    card = {"wavelengths": soils.wavelengths, "provenance": asdict(soils.provenance)}
    _files.save_card(entry / "card.json", card)
    with _files.atomic_write(entry / _SUM) as temporary:
        temporary.write_text(_files.sha256_of(*(entry / name for name in _PARTS)))


def _load(entry: Path) -> SoilSpectra | None:
    """Read an entry if it is there as it was written."""
    with suppress(OSError):
        if (entry / _SUM).read_bytes() == _files.sha256_of(*(entry / name for name in _PARTS)).encode():
            card = _files.load_card(entry / "card.json")
            provenance = card["provenance"] | {"notes": tuple(card["provenance"]["notes"])}
            spectra = np.load(entry / "reflectance.npy", mmap_mode="r")
            samples = pd.read_parquet(entry / "samples.parquet")
            return SoilSpectra(np.array(card["wavelengths"]), spectra, samples, Provenance(**provenance))
    return None
