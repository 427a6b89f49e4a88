"""Soils as the files of a spectrometer: to practise on, and to hand spectra to other software.

Spectral Evolution's ``.sed`` is plain text: a header, then wavelengths and reflectance in
percent, one file a scan, as :mod:`soilpb.readers.sed` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from soilpb.spectra import SoilSpectra

REFLECTANCE = "Reflect. %"


def write_sed(
    path: str | Path,
    wavelengths: np.ndarray,
    columns: Mapping[str, np.ndarray],
    instrument: str = "PSR+3500_SN15 [3]",
    channels: int | None = None,
) -> Path:
    """Write a Spectral Evolution file.

    Parameters
    ----------
    path : path
    wavelengths : (n_bands,) array, nm
    columns : mapping of str to (n_bands,) array
        Name, such as :data:`REFLECTANCE`, and values of each column.
    instrument : str
    channels : int, optional
        What the header says of the number of bands, if not the truth.
    """
    header = {
        "Comment": "",
        "Version": "2.2",
        "Instrument": instrument,
        "Wavelength Range": f"{wavelengths[0]:g},{wavelengths[-1]:g}",
        "Channels": channels or len(wavelengths),
        f"Columns [{len(columns) + 1}]": "",
        "Data": "",
    }
    rows = np.column_stack([wavelengths, *columns.values()])
    lines = [f"{name}: {value}".rstrip() for name, value in header.items()]
    lines += ["\t".join(["Wvl", *columns]), *("\t".join(f"{x:.4f}" for x in row) for row in rows)]
    Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return Path(path)


def write_scans(
    folder: str | Path, soils: SoilSpectra, n_scans: int = 2, spread: float = 0.01, seed: int = 0
) -> Path:
    """Write each soil's spectrum as so many scans, which differ in brightness and average to it.

    Parameters
    ----------
    folder : path
        Made if it is not there.
    soils : SoilSpectra
        Files are named after their ids: ``S1_00000.sed``, ``S1_00001.sed``, …, or ``S1.sed`` if there is one.
    n_scans : int
    spread : float
        Standard deviation of the scans' brightness.
    seed : int

    Returns
    -------
    Path
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    brightness = 1 + spread * np.random.default_rng(seed).standard_normal((soils.n_samples, n_scans))
    brightness /= brightness.mean(axis=1, keepdims=True)
    for name, spectrum, factors in zip(soils.samples.index, soils.reflectance, brightness, strict=True):
        for k, factor in enumerate(factors):
            percent = {REFLECTANCE: 100 * factor * spectrum}
            counter = f"_{k:05d}" if n_scans > 1 else ""
            write_sed(folder / f"{name}{counter}.sed", soils.wavelengths, percent)
    return folder
