"""What a reader made of a library, kept in columns: the second time it is memory-mapped.

An entry is a folder with ``reflectance.npy``, ``samples.parquet`` and ``card.json``. Its
name is a hash of the bytes that were read, the grid and the reader's version, so an
entry is never stale: whatever changes makes another entry. It appears under its name
only when it is complete.

Hashing 1 GB takes about a second, too long for every chapter that opens. As git does, a
file's hash is remembered with its inode, size, modification and change time, and taken
on trust while all four stand still. Size and modification time alone would not do:
``cp -p`` and ``touch -d`` forge both; the change time is the kernel's own.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb import store
from soilpb.spectra import Provenance, SoilSpectra

#: A file touched less than so many seconds ago may change again within one tick of its
#: file system's clock; its hash is not remembered.
SETTLED_SECONDS = 3.0
#: An unfinished conversion older than this was interrupted and is swept away.
ABANDONED_SECONDS = 24 * 3600.0

_PREFIX = ".converting-"


def load_or_convert(
    folder: Path | None,
    reader: str,
    version: int,
    files: Sequence[Path],
    grid: np.ndarray,
    convert: Callable[[], SoilSpectra],
) -> SoilSpectra:
    """Return the converted library from the cache, converting it first where needed.

    Parameters
    ----------
    folder : Path or None
        Where entries are kept; None converts anew and keeps nothing.
    reader, version : str, int
        Who converts; the version rises when the same bytes would be read differently.
    files : sequence of Path
        All that ``convert`` reads.
    grid : (n_bands,) array, nm
    convert : callable
        Makes the spectra.

    Returns
    -------
    SoilSpectra whose provenance carries the sha256 of the bytes read; memory-mapped
    where it comes from the cache.
    """
    digest = fingerprint(files, folder)
    if folder is None:
        return _stamped(convert(), digest)
    key = json.dumps([reader, version, digest, np.asarray(grid, float).tolist()])
    entry = Path(folder) / f"{reader}-{hashlib.sha256(key.encode()).hexdigest()[:16]}"
    if not entry.exists():
        _save(entry, _stamped(convert(), digest))
    return _load(entry)


def fingerprint(files: Sequence[Path], ledger_folder: Path | None = None) -> str:
    """SHA-256 of what is in the files.

    For one file it is the file's own hash; for several, that of the listing which
    ``sha256sum`` would print, names without folders.

    Parameters
    ----------
    files : sequence of Path
    ledger_folder : Path, optional
        Where hashes are remembered; without it every file is read.
    """
    ledger = Path(ledger_folder) / "fingerprints.json" if ledger_folder else None
    known = json.loads(ledger.read_text(encoding="utf-8")) if ledger and ledger.exists() else {}
    hashes, learnt = {}, {}
    for path in files:
        place, signature = str(path.resolve()), _signature(path)
        remembered, digest = known.get(place, (None, ""))
        if remembered != signature:
            digest = store.sha256_of(path)
            if time.time() - path.stat().st_ctime > SETTLED_SECONDS:
                learnt[place] = (signature, digest)
        hashes[path.name] = digest
    if ledger and learnt:
        store.save_card(ledger, known | learnt)
    if len(hashes) == 1:
        return digest
    return hashlib.sha256("".join(f"{h}  {name}\n" for name, h in hashes.items()).encode()).hexdigest()


def _signature(path: Path) -> list[int]:
    stat = path.stat()
    return [stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns]


def _stamped(soils: SoilSpectra, digest: str) -> SoilSpectra:
    return replace(soils, provenance=replace(soils.provenance, sha256=digest))


def _save(entry: Path, soils: SoilSpectra) -> None:
    """Write an entry beside its place and move it there whole."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    _sweep(entry.parent)
    with tempfile.TemporaryDirectory(dir=entry.parent, prefix=_PREFIX, ignore_cleanup_errors=True) as made:
        unfinished = Path(made) / entry.name
        unfinished.mkdir()
        np.save(unfinished / "reflectance.npy", soils.reflectance)
        soils.samples.to_parquet(unfinished / "samples.parquet")
        card = {"wavelengths": soils.wavelengths, "provenance": asdict(soils.provenance)}
        store.save_card(unfinished / "card.json", card)
        try:
            unfinished.rename(entry)
        except OSError:
            if not entry.exists():
                raise  # else another process made the same entry first


def _sweep(folder: Path) -> None:
    for left in folder.glob(f"{_PREFIX}*"):
        if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


def _load(entry: Path) -> SoilSpectra:
    card = store.load_card(entry / "card.json")
    provenance = card["provenance"] | {"notes": tuple(card["provenance"]["notes"])}
    return SoilSpectra(
        np.array(card["wavelengths"]),
        np.load(entry / "reflectance.npy", mmap_mode="r"),
        pd.read_parquet(entry / "samples.parquet"),
        Provenance(**provenance),
    )
