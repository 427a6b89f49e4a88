"""Reflectance from a target and its white reference, and what may be wrong with them: unit, time, light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from soilpb.readers.formats.spectrum_file import AGAIN, COUNTS, IRRADIANCE, RADIANCE, SpectrumFile
from soilpb.site_file import SiteError

#: A white reference that is older, minutes, may have been taken in other light.
OLD_WHITE = 60
#: As many bands at one highest value, above these counts, show that a detector was saturated.
FLAT, FULL = 5, 30_000


def divide_by_white(path: Path, target: np.ndarray, white: np.ndarray, wavelengths: np.ndarray) -> np.ndarray:
    """Reflectance as a fraction from target and white reference, all (n_bands,)."""
    dark = np.flatnonzero(~(white > 0))
    if dark.size:
        at = f"{white[dark[0]]:.4g} at {wavelengths[dark[0]]:g} nm ({dark.size} such bands)"
        raise SiteError(f"{path}: its white reference is {at}; measure the white reference again")
    return target / white


def divide_by(target: SpectrumFile, white: SpectrumFile) -> SpectrumFile:
    """Return reflectance as a fraction: a target over its white reference, which may be a file of its own.

    Counts are divided by the time in which they were collected, and irradiance by π, to a white panel's
    radiance.
    """
    path, factors, words = target.path, 1.0, "target / reference"
    pair = (target.quantity, white.quantity)
    if not np.array_equal(target.axis, white.axis):
        raise SiteError(f"{path} has not the bands of its white reference {white.path.name}; {AGAIN}")
    ratio = divide_by_white(path, target.values, white.values, target.axis)
    if pair == (RADIANCE, IRRADIANCE):
        factors, words = np.pi, "π × radiance / irradiance"
    elif pair[0] != pair[1]:
        raise SiteError(f"{path}: {pair[0]} cannot be divided by {pair[1]}; export both in one unit")
    elif pair[0] == COUNTS:
        factors, words = _times(target, white), "counts per ms of target / reference"
    notes = (*target.notes, f"reflectance is {words}")
    return replace(target, values=factors * ratio, quantity="fraction", notes=notes)


def _times(target: SpectrumFile, white: SpectrumFile) -> np.ndarray:
    """Time in which the white reference was measured / that of the target, (n_bands,)."""
    theirs, ours = np.array(white.exposures), np.array(target.exposures)
    if ours.size and ours.shape == theirs.shape and (np.r_[ours, theirs] > 0).all():
        ratios = theirs / ours
        if np.allclose(ratios, ratios[0]):
            return np.full(target.axis.size, ratios[0])
        if len(ratios) == len(target.splices) + 1:
            return ratios[np.searchsorted(target.splices, target.axis)]
    raise SiteError(
        f"{target.path} holds raw counts, but does not say how long each detector measured target and white "
        f"reference ({ours.tolist()} and {theirs.tolist()} ms), or where they meet; export reflectance"
    )


def warn_saturated(file: SpectrumFile, flagged: Sequence[str] = ()) -> tuple[str, ...]:
    """Warn of saturated detectors: ``flagged`` by the file, else those whose counts stay at one value."""
    detector, found = np.searchsorted(file.splices, file.axis), [*flagged]
    for k in np.unique(detector) if file.quantity == COUNTS and not found else ():
        counts, bands = file.values[detector == k], file.axis[detector == k]
        flat = np.convolve(counts == counts.max(), np.ones(FLAT)) > FLAT - 0.5
        if counts.max() > FULL and flat.any():
            found.append(f"detector of {bands[0]:g}–{bands[-1]:g} nm")
    what = f"{file.path.name}: saturated ({', '.join(found)}); measure it again with a shorter integration"
    return (what,) if found else ()


def warn_old_white(path: Path, minutes: float) -> tuple[str, ...]:
    """Warn of a white reference that was measured long before; nothing if it was not, or nobody knows."""
    what = f"{path.name}: its white reference is {minutes:.0f} minutes older; was the light the same?"
    return (what,) if OLD_WHITE < minutes < 1e6 else ()
