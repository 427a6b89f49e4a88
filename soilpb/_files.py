"""Files that chapters hand to each other: Parquet tables, JSON cards; never pickles.

A file appears under its name only when it is complete.
"""

from __future__ import annotations

import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

#: In the names of files that are not complete yet, and the lock within folders that are to be removed.
_PART, _LOCK = ".part-", ".lock"


class MissingArtifact(FileNotFoundError):
    """An earlier chapter has not been executed; the message names the command that does it."""

    def _render_traceback_(self) -> list[str]:
        """Let a notebook show one line: what is missing, and the command that makes it."""
        return [f"{type(self).__name__}: {self}"]


@contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path, and move it to ``path`` if the block succeeds: a kill leaves no half file.

    What killed processes left of the same path is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}{_PART}"
    for left in path.parent.glob(f"{glob.escape(prefix)}*"):
        with suppress(OSError), lock(left, wait=False):
            left.unlink()
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=path.suffix)
    os.close(descriptor)
    temporary = Path(name)
    try:
        with lock(temporary):
            yield temporary
            temporary.chmod(0o644)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(prefix: str, parent: str | Path = "") -> Iterator[Path]:
    """Yield a folder that is removed at the end, or, if the process is killed, by the next of its prefix."""
    parent = Path(parent or tempfile.gettempdir())
    for left in parent.glob(f"{glob.escape(prefix)}*/{_LOCK}"):
        with suppress(OSError), lock(left, wait=False):
            shutil.rmtree(left.parent, ignore_errors=True)
    with (
        tempfile.TemporaryDirectory(dir=parent, prefix=prefix, ignore_cleanup_errors=True) as folder,
        lock(Path(folder) / _LOCK),
    ):
        yield Path(folder)


@contextmanager
def lock(path: str | Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock of a file until the block, or the process, ends.

    Without ``wait``, one that another process holds, or a file system without locks, is an OSError.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with suppress(*([OSError] if wait else [])):
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        yield
    finally:
        os.close(descriptor)


def check_space(folder: str | Path, megabytes: int) -> None:
    """Write that much into a folder and remove it: a full or read-only one is known before the work."""
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(bytes(megabytes << 20))
    except OSError as error:
        needed = f"{error.strerror}; {megabytes} MB are needed there"
        raise OSError(error.errno, needed, str(folder)) from None


def sha256_of(*paths: str | Path) -> str:
    """SHA-256 over the bytes of the files, in the order given."""
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            hashlib.file_digest(file, lambda: digest)
    return digest.hexdigest()


def save_table(path: str | Path, table: pd.DataFrame) -> Path:
    """Write a tidy table as Parquet."""
    with atomic_write(path) as temporary:
        table.to_parquet(temporary)
    return Path(path)


def load_table(path: str | Path, made_by: str = "") -> pd.DataFrame:
    """Read a table; ``made_by`` is the command to name if it is not there (see :func:`require`)."""
    return pd.read_parquet(require(path, made_by))


def save_card(path: str | Path, card: Mapping[str, Any]) -> Path:
    """Write a JSON card with sorted keys, so that equal cards are equal bytes."""
    text = json.dumps(card, indent=2, sort_keys=True, ensure_ascii=False, default=_as_json)
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return Path(path)


def load_card(path: str | Path) -> dict[str, Any]:
    """Read a JSON card."""
    return json.loads(require(path).read_text(encoding="utf-8"))


def require(path: str | Path, made_by: str = "") -> Path:
    """Return ``path`` if it exists, else raise :class:`MissingArtifact` with the command that makes it."""
    path = Path(path)
    if not path.exists():
        raise MissingArtifact(f"{path} is missing; make it with: {made_by or 'make book'}")
    return path


def _as_json(value: Any) -> Any:
    """Turn numpy scalars and arrays into what JSON knows."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} does not belong in a card")
