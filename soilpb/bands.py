"""Bands of a spectrum: units, grids, instrument response, detector splices.

Wavelengths are in nm and ascending; reflectance is a fraction; spectra are rows.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

#: Reflectance below this is at the noise floor of a field spectrometer and would
#: explode in ``log10(1/R)``; 0.2 % also covers the dead 350 nm end of real files.
REFLECTANCE_FLOOR = 0.002
#: Detector changes of ASD-type instruments, nm.
SPLICES = (1000.0, 1800.0)

_SIGMA_PER_FWHM = 1 / (2 * np.sqrt(2 * np.log(2)))


def absorbance(reflectance: np.ndarray, floor: float = REFLECTANCE_FLOOR) -> np.ndarray:
    """Turn reflectance into ``log10(1/R)``, with ``R`` floored so that noise cannot explode.

    Examples
    --------
    >>> absorbance(np.array([1.0, 0.1]))
    array([-0.,  1.])
    """
    return -np.log10(np.maximum(reflectance, floor))


def reflectance_from_absorbance(absorbance: np.ndarray) -> np.ndarray:
    """Turn ``log10(1/R)`` into reflectance.

    Examples
    --------
    >>> reflectance_from_absorbance(np.array([0.0, 1.0]))
    array([1. , 0.1])
    """
    return np.power(10.0, -np.asarray(absorbance))


def band_grid(start: float, stop: float, step: float) -> np.ndarray:
    """Band centres ``start, start + step, … ≤ stop`` in nm.

    Examples
    --------
    >>> band_grid(430, 460, 10)
    array([430., 440., 450., 460.])
    """
    if step <= 0 or stop <= start:
        raise ValueError(f"a grid {start:g}–{stop:g} nm by {step:g} nm is empty")
    return start + step * np.arange(int(np.floor((stop - start) / step + 1e-9)) + 1, dtype=np.float64)


def response_matrix(wavelengths: np.ndarray, grid: np.ndarray, fwhm: float) -> np.ndarray:
    """Gaussian band responses, (n_bands, n_grid), each column summing to 1.

    Each band counts with the Gaussian's mass over the interval it stands for, so
    unevenly spaced bands are weighted rightly and a narrow Gaussian tends to the
    nearest band rather than to nothing.
    """
    middle = (wavelengths[1:] + wavelengths[:-1]) / 2
    edges = np.concatenate([[2 * wavelengths[0] - middle[0]], middle, [2 * wavelengths[-1] - middle[-1]]])
    sigma = fwhm * _SIGMA_PER_FWHM
    mass = np.diff(ndtr((edges[:, None] - grid[None, :]) / sigma), axis=0)
    return mass / mass.sum(axis=0)


def resample(
    wavelengths: np.ndarray, values: np.ndarray, grid: np.ndarray, fwhm: float | None = None
) -> np.ndarray:
    """Resample spectra to another grid with a Gaussian instrument response.

    Parameters
    ----------
    wavelengths : (n_bands,) array, nm, ascending
    values : (n_samples, n_bands) array
    grid : (n_grid,) array, nm, ascending, within the range of ``wavelengths``
    fwhm : float, optional
        Full width at half maximum in nm; the grid's median step if omitted.

    Returns
    -------
    (n_samples, n_grid) float32 array; ``values`` itself, copied, on an equal grid.

    Raises
    ------
    ValueError
        If the grid reaches beyond the measured range: nothing is extrapolated.
    """
    wavelengths, grid = np.asarray(wavelengths, float), np.asarray(grid, float)
    values = np.asarray(values, dtype=np.float32)
    if fwhm is None and np.array_equal(wavelengths, grid):
        return values.copy()
    tolerance = 0.5 * float(np.median(np.diff(wavelengths)))
    if grid[0] < wavelengths[0] - tolerance or grid[-1] > wavelengths[-1] + tolerance:
        raise ValueError(
            f"the grid {grid[0]:g}–{grid[-1]:g} nm reaches beyond the measured "
            f"{wavelengths[0]:g}–{wavelengths[-1]:g} nm"
        )
    step = float(np.median(np.diff(grid))) if grid.size > 1 else 10.0
    weights = response_matrix(wavelengths, grid, fwhm or step)
    return (values @ weights.astype(np.float32)).astype(np.float32)


def correct_splices(
    wavelengths: np.ndarray, reflectance: np.ndarray, splices: tuple[float, ...] = SPLICES
) -> np.ndarray:
    """Remove the steps where one detector hands over to the next.

    The first detector is the reference: each later one is scaled so that the line
    through its first two bands meets the line through the last two before it (the
    additive form is usual for ASD; scaling keeps reflectance positive).

    Parameters
    ----------
    wavelengths : (n_bands,) array, nm
    reflectance : (n_samples, n_bands) array
    splices : tuple of float
        Last wavelength of each detector but the last, nm.

    Returns
    -------
    (n_samples, n_bands) float32 array, a copy.
    """
    corrected = np.array(reflectance, dtype=np.float32)
    for splice in splices:
        first = int(np.searchsorted(wavelengths, splice, side="right"))
        if not 2 <= first <= wavelengths.size - 2:
            continue
        expected = 2 * corrected[:, first - 1] - corrected[:, first - 2]
        found = np.maximum(corrected[:, first], REFLECTANCE_FLOOR)
        corrected[:, first:] *= (np.maximum(expected, REFLECTANCE_FLOOR) / found)[:, None]
    return corrected
