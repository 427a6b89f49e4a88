"""Weights and their card in one folder, sealed with checksums.

Weights without the card that describes them are only numbers, and a card beside other
weights is a lie: both are read together or not at all. ``sha256sum -c SHA256SUMS``
verifies a folder without this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from soilpb._files import atomic_write, load_card, load_tensors, require, save_card, save_tensors, sha256_of

WEIGHTS, CARD, SUMS = "weights.safetensors", "card.json", "SHA256SUMS"

#: Arrays by part and name, such as ``parts["input_scaling"]["mean"]``.
Parts = Mapping[str, Mapping[str, np.ndarray]]


def save(folder: str | Path, parts: Parts, card: Mapping[str, Any]) -> Path:
    """Write weights, their card and the checksums of both.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    parts : mapping of mappings of arrays
        Stored as ``part.name``, so no part's name may hold a dot.
    card : mapping
        What JSON can say, numpy arrays included.
    """
    folder = Path(folder)
    dotted = [part for part in parts if "." in part]
    if dotted:
        raise ValueError(f"part {dotted[0]!r} has a dot in its name: it could not be told apart when read")
    flat = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
    save_tensors(folder / WEIGHTS, flat)
    save_card(folder / CARD, card)
    with atomic_write(folder / SUMS) as temporary:
        temporary.write_text("".join(f"{sha256_of(folder / name)}  {name}\n" for name in (WEIGHTS, CARD)))
    return folder


def load(folder: str | Path, made_by: str = "") -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    """Read parts and card back.

    Parameters
    ----------
    folder : path
    made_by : str
        Command to name if something is missing or altered.

    Raises
    ------
    MissingArtifact
        If a file is not there.
    ValueError
        If weights or card are not those that were saved together.
    """
    folder = Path(folder)
    _verify(folder, made_by)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, value in load_tensors(folder / WEIGHTS).items():
        part, _, name = key.partition(".")
        parts.setdefault(part, {})[name] = value
    return parts, load_card(folder / CARD)


def _verify(folder: Path, made_by: str) -> None:
    lines = require(folder / SUMS, made_by).read_text().splitlines()
    sums = {name: expected for expected, _, name in (line.partition("  ") for line in lines)}
    for name in (WEIGHTS, CARD):
        if sha256_of(require(folder / name, made_by)) != sums.get(name):
            raise ValueError(
                f"{folder / name} is not the file that {SUMS} was written for: it was altered or half "
                f"copied; make it again{' with: ' + made_by if made_by else ''}"
            )
