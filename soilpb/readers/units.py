"""Reflectance in the file's unit → reflectance as a fraction.

Percent is told by its size. Fraction and absorbance overlap in size but not in shape:
soils reflect more in the near infrared, or else the red, than in the blue, and water absorbs at
1930 nm, so reflectance rises and dips where absorbance falls and peaks (Stenberg et al. 2010).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from soilpb.bands import reflectance_from_absorbance
from soilpb.sitefile import SiteError

Unit = Literal["fraction", "percent", "absorbance"]

#: No soil reflects less than this everywhere; a row that does is in another unit.
DARKEST = 0.011
_SAY = "say spectra_unit: fraction, percent or absorbance in the site file (soilpb new-site: --spectra-unit)"


def shape_of(wavelengths: np.ndarray, values: np.ndarray) -> tuple[str, int]:
    """Tell reflectance from absorbance by the shape of the median spectrum.

    Parameters
    ----------
    wavelengths : (n_bands,) array, nm, ascending
    values : (n_samples, n_bands) array

    Returns
    -------
    kind : str
        ``reflectance``, ``absorbance``, or empty if nothing or too much is said.
    votes : int
        How many features said so: the rise from blue to near infrared or red, the water band.
    """
    median = np.median(values, axis=0)
    size = np.abs(median).mean() or 1.0
    infrared, red = _level(wavelengths, median, 750, 900), _level(wavelengths, median, 640, 740)
    rise = (red if np.isnan(infrared) else infrared) - _level(wavelengths, median, 400, 500)
    shoulders = 0.7 * _level(wavelengths, median, 1830, 1870) + 0.3 * _level(wavelengths, median, 2090, 2130)
    dip = shoulders - _level(wavelengths, median, 1910, 1940)
    votes = [np.sign(x) for x, least in ((rise, 0.05), (dip, 0.01)) if abs(x) > least * size]
    if not votes or len(set(votes)) > 1:
        return "", 0
    return ("reflectance" if votes[0] > 0 else "absorbance"), len(votes)


def recognise_unit(wavelengths: np.ndarray, values: np.ndarray, where: str) -> Unit:
    """Recognise the unit of spectra, or refuse where it cannot be told.

    Raises
    ------
    SiteError
        Naming ``where`` the values are from and the key that settles it.
    """
    median = np.median(values, axis=0)
    low, high = float(median.min()), float(median.max())
    if high > 160:
        raise SiteError(
            f"{where}: values up to {high:g} are raw counts or scaled numbers; export reflectance, "
            "that is the target divided by its white reference"
        )
    if high > 5:
        return "percent"
    kind, _ = shape_of(wavelengths, values)
    if kind == "reflectance" and high <= 1.1:
        return "fraction"
    if kind == "absorbance" and low > -0.3:
        return "absorbance"
    raise SiteError(f"{where}: values from {low:.3g} to {high:.3g} may be in one unit or another; {_SAY}")


def check_unit(unit: Unit, wavelengths: np.ndarray, values: np.ndarray, where: str) -> None:
    """Refuse a unit that the values, or two features of their shape, contradict.

    Raises
    ------
    SiteError
        Naming ``where``, what the unit was said to be and what the values look like.
    """
    median = np.median(values, axis=0)
    low, high = float(median.min()), float(median.max())
    limits = {"fraction": (-0.05, 1.6), "percent": (-5, 160), "absorbance": (-0.3, 5)}[unit]
    kind, votes = shape_of(wavelengths, values)
    said = "absorbance" if unit == "absorbance" else "reflectance"
    looks = ""
    if high > 5 and unit != "percent":
        looks = "percent" if high <= 160 else "raw counts"
    elif unit == "percent" and high <= 1.6:
        looks = "a fraction or absorbance"
    elif low < limits[0] or high > limits[1]:
        looks = f"something else (values from {low:.3g} to {high:.3g})"
    elif votes == 2 and kind != said:
        looks = f"{kind} by its slope from blue to infrared and its water band at 1930 nm"
    if looks:
        raise SiteError(f"{where}: said to be {unit}, but it looks like {looks}; mend spectra_unit")


def to_fraction(values: np.ndarray, unit: Unit) -> np.ndarray:
    """Convert to reflectance as a fraction, (n_samples, n_bands).

    Examples
    --------
    >>> to_fraction(np.array([[50.0]]), "percent"), to_fraction(np.array([[1.0]]), "absorbance")
    (array([[0.5]]), array([[0.1]]))
    """
    if unit == "percent":
        return values / 100
    with np.errstate(over="ignore"):  # an absurd cell becomes inf, which odd_row names
        return reflectance_from_absorbance(values) if unit == "absorbance" else values


def odd_row(reflectance: np.ndarray) -> tuple[int, int, str] | None:
    """First row that cannot be a soil's reflectance: its position, its band, and why and what to do."""
    for row, spectrum in enumerate(reflectance):
        why = _why_odd(spectrum)
        if why:
            return row, int(np.argmax(np.abs(spectrum - 0.5))), why
    return None


def _why_odd(spectrum: np.ndarray) -> str:
    if np.ptp(spectrum) == 0:
        return "the spectrum is constant: measure it again or delete it"
    if spectrum.max() < DARKEST:
        return "the spectrum is far too dark for this file: is it in another unit? export it like the others"
    if spectrum.min() < -0.05 or spectrum.max() > 1.6:
        return "reflectance lies within 0–1: is it in another unit, or spoilt? export it again, or delete it"
    return ""


def _level(wavelengths: np.ndarray, spectrum: np.ndarray, start: float, stop: float) -> float:
    """Mean over a window, or NaN where the instrument does not reach."""
    inside = (wavelengths >= start) & (wavelengths <= stop)
    return float(spectrum[inside].mean()) if inside.any() else np.nan
