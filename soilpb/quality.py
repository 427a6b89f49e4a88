"""Quality of measured spectra: range, noise, repeated spectra, outliers.

Each check yields findings about the bands that a study uses. Limits are stated beside
each check; none is learned from other soils.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from soilpb.bands import REFLECTANCE_FLOOR
from soilpb.distance import among
from soilpb.readers.units import shape_of
from soilpb.spectra import SoilSpectra

Level = Literal["ok", "note", "warning", "problem"]

#: Share of soils that a T² or Q limit passes if they come from one distribution.
CONFIDENCE = 0.999
#: Noise of a reading, as reflectance, that drowns the features of soils.
NOISE = 0.003


@dataclass(frozen=True)
class Finding:
    """One thing that was checked.

    Parameters
    ----------
    level : str
        ``ok``, ``note``, ``warning`` or ``problem``.
    topic : str
        What was checked.
    found : str
        What was found, with the samples it concerns.
    mend : str
        What to do about it; empty where nothing need be done.
    """

    level: Level
    topic: str
    found: str
    mend: str = ""


def check_unit(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn where reflectance has the shape of absorbance."""
    if shape_of(soils.wavelengths, soils.reflectance)[0] == "absorbance":
        found = "spectra fall from blue to infrared, or peak at 1930 nm: the shape of absorbance"
        yield Finding("warning", "unit", found, "check spectra_unit")


def check_range(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of readings at the noise floor and of saturated ones."""
    dark = (soils.reflectance <= REFLECTANCE_FLOOR).any(axis=1)
    bright = (soils.reflectance >= 1).any(axis=1)
    if dark.any():
        found = f"reflectance at or under {REFLECTANCE_FLOOR:.1%}: {names_of(soils, dark)}"
        yield Finding("warning", "range", found, "it counts as the floor; was the lamp on?")
    if bright.any():
        found = f"reflectance of 100 % or more, saturated: {names_of(soils, bright)}"
        yield Finding("warning", "range", found, "check the white reference and the integration time")


def check_noise(soils: SoilSpectra) -> Iterator[Finding]:
    """Estimate the noise of each spectrum from its second differences; bands of 5 nm or less only."""
    if soils.n_bands < 50 or np.median(np.diff(soils.wavelengths)) > 5:
        return  # coarser bands bend by features, not only by noise
    # A second difference of white noise has a standard deviation of √6, and a mean size √(2/π) of that.
    noise = np.abs(np.diff(soils.reflectance, 2, axis=1)).mean(axis=1) * np.sqrt(np.pi / 12)
    typical = float(np.median(noise))
    loud = noise > max(5 * typical, NOISE / 3)
    found = f"{typical:.2g} of reflectance, median over soils"
    if typical > NOISE:
        yield Finding("warning", "noise", found, "average more scans, or smooth")
    else:
        yield Finding("ok", "noise", found)
    if loud.any():
        found = f"far noisier than the rest: {names_of(soils, loud)}"
        yield Finding("warning", "noise", found, "measure them again or delete them")


def check_repeated(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of one spectrum that stands for several samples."""
    _, which, counts = np.unique(soils.reflectance, axis=0, return_inverse=True, return_counts=True)
    for spectrum in np.flatnonzero(counts > 1):
        found = f"one and the same spectrum: {names_of(soils, which == spectrum)}"
        yield Finding("warning", "duplicates", found, "was a file copied? delete one, or give them one group")


def check_outliers(soils: SoilSpectra) -> Iterator[Finding]:
    """Warn of soils beyond T² or Q in principal components of absorbance (SNV)."""
    if soils.n_samples < 10:
        return
    found = among(soils.reflectance, CONFIDENCE)
    for name, column, limit in (("T²", "T2", found.t2_limit), ("Q", "Q", found.q_limit)):
        beyond = found.table[column].to_numpy() > limit
        if beyond.any():
            text = f"beyond the {CONFIDENCE:.1%} limit of {name}: {names_of(soils, beyond)}"
            yield Finding("warning", "outliers", text, "look at these spectra; keep them if they are soils")


def names_of(soils: SoilSpectra, which: np.ndarray, values: np.ndarray | None = None) -> str:
    """Ids of the samples that ``which`` marks, with their values if given; the first eight written out."""
    rows = np.flatnonzero(which)
    ids = [str(soils.samples.index[row]) for row in rows[:8]]
    if values is not None:
        ids = [f"{name} ({value:.4g})" for name, value in zip(ids, values[rows[:8]], strict=True)]
    return ", ".join(ids) + (f" and {rows.size - 8} more" if rows.size > 8 else "")
