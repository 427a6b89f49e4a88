"""Reflectance in the file's unit → reflectance as a fraction.

Percent is told by its size. Fraction and absorbance overlap in size but not in shape:
soils reflect more in the near infrared, or else the red, than in the blue, and water absorbs at
1930 nm, so reflectance rises and dips where absorbance falls and peaks (Stenberg et al. 2010).

One spectrum as an instrument wrote it, and what it is as reflectance.

Each format's reader says what its file says — axis, values, quantity — and changes
nothing; :func:`to_reflectance` is the one place where wavenumbers become nm and percent
or absorbance become a fraction, and where a file that is no vis-NIR reflectance is
refused: mid infrared, transmittance, raw counts, a header that its own values contradict.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from soilpb.readers.columns import MIN_BANDS, RANGE_NM
from soilpb.site_file import SiteError
from soilpb.spectra import reflectance_from_absorbance

Unit = Literal["fraction", "percent", "absorbance"]

#: No soil reflects less than this everywhere; a row that does is in another unit.
DARKEST = 0.011
_SAY = "say spectra_unit: fraction, percent or absorbance in the site file (soilpb new-site: --spectra-unit)"


def recognise_shape(wavelengths: np.ndarray, values: np.ndarray) -> tuple[str, int]:
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
    kind, _ = recognise_shape(wavelengths, values)
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
    kind, votes = recognise_shape(wavelengths, values)
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
    with np.errstate(over="ignore"):  # an absurd cell becomes inf, which find_implausible names
        return reflectance_from_absorbance(values) if unit == "absorbance" else values


def find_implausible(reflectance: np.ndarray) -> tuple[int, int, str] | None:
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


#: Quantities that are reflectance; what else a file holds keeps the name that the file gives it.
REFLECTANCE_UNITS = ("fraction", "percent", "absorbance")
_TO_NM = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x}


@dataclass(frozen=True, eq=False)
class SpectrumFile:
    """A spectrum as its file has it.

    Parameters
    ----------
    path : Path
        The file.
    axis : (n_bands,) float array
        In the order of the file.
    axis_unit : str
        ``nm``, ``um`` or ``1/cm``; another word where the axis is none of them.
    values : (n_bands,) float array
    quantity : str
        ``fraction``, ``percent`` or ``absorbance`` (log10(1/R)) where the values are
        reflectance; else the file's own word, such as ``transmittance``.
    instrument : str
        What the file says of it; empty if nothing.
    splices : tuple of float
        Last wavelength of each detector but the last, nm, where the file says so.
    notes : tuple of str
        What had to be decided to read it.
    """

    path: Path
    axis: np.ndarray
    axis_unit: str
    values: np.ndarray
    quantity: str
    instrument: str = ""
    splices: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


def to_nanometres(axis: np.ndarray, unit: str) -> np.ndarray | None:
    """Wavelengths in nm, in the order of ``axis``; None if that is not possible.

    Examples
    --------
    >>> to_nanometres(np.array([4000.0]), "1/cm"), to_nanometres(np.array([1.0]), "Hz")
    (array([2500.]), None)
    """
    if unit not in _TO_NM or not (np.isfinite(axis).all() and (axis > 0).all()):
        return None
    return _TO_NM[unit](axis)


# A damaged file may hold any number; what comes of it is refused by its value.
@np.errstate(all="ignore")
def to_reflectance(recording: SpectrumFile) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths in nm, ascending, and reflectance as a fraction, both (n_bands,).

    Raises
    ------
    SiteError
        Naming the file, what it holds, and what to export instead.

    Examples
    --------
    >>> axis = np.linspace(4000, 25000, 20)  # 1/cm: 2500 to 400 nm
    >>> scan = SpectrumFile(Path("s.0"), axis, "1/cm", np.linspace(0.4, 0.8, 20), "absorbance")
    >>> nm, reflectance = to_reflectance(scan)
    >>> nm[[0, -1]], reflectance[[0, -1]].round(3)
    (array([ 400., 2500.]), array([0.158, 0.398]))
    """
    path, quantity = recording.path, recording.quantity
    wavelengths = to_nanometres(recording.axis, recording.axis_unit)
    if wavelengths is None:
        raise SiteError(
            f"{path}: its axis is no wavelength or wavenumber ({recording.axis_unit}); export a "
            "spectrum over nm or 1/cm"
        )
    if quantity not in REFLECTANCE_UNITS:
        raise SiteError(f"{path} holds {quantity}; export reflectance, or absorbance as log10(1/R)")
    _refuse_broken(recording)
    order = np.argsort(wavelengths, kind="stable")
    wavelengths, values = wavelengths[order], recording.values[order]
    _refuse_range(recording, wavelengths)
    reflectance = to_fraction(values, quantity)
    _refuse_values(path, quantity, wavelengths, values, reflectance)
    return wavelengths, reflectance


def _refuse_broken(recording: SpectrumFile) -> None:
    """Refuse too few bands, and an axis or values that are no numbers."""
    path, axis, values = recording.path, recording.axis, recording.values
    if axis.size < MIN_BANDS or axis.shape != values.shape:
        raise SiteError(f"{path}: {axis.size} bands, {values.size} values; export the whole spectrum again")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        at = f"{axis[bad[0]]:g} {recording.axis_unit}"
        raise SiteError(f"{path}: no value at {at} ({bad.size} in all); export or measure it again")


def _refuse_range(recording: SpectrumFile, wavelengths: np.ndarray) -> None:
    path, first, last = recording.path, wavelengths[0], wavelengths[-1]
    if (np.diff(wavelengths) <= 0).any():
        at = wavelengths[int(np.argmin(np.diff(wavelengths)))]
        raise SiteError(f"{path}: the band {at:g} nm stands there twice; export it again")
    low, high = sorted((recording.axis[0], recording.axis[-1]))
    span = f"{low:g}–{high:g} {recording.axis_unit}"
    if last > RANGE_NM[1]:
        raise SiteError(
            f"{path} is a mid-infrared spectrum ({span}); this study needs visible and near infrared, "
            f"{RANGE_NM[0]:g}–{RANGE_NM[1]:g} nm: move the file out, or cut it to that range"
        )
    if first < RANGE_NM[0]:
        raise SiteError(
            f"{path} runs over {span}; visible and near infrared is {RANGE_NM[0]:g}–{RANGE_NM[1]:g} nm: "
            "cut it to that range, or mend the unit of its axis"
        )


def _refuse_values(
    path: Path, quantity: str, wavelengths: np.ndarray, values: np.ndarray, reflectance: np.ndarray
) -> None:
    """Refuse values that contradict the quantity which the file says they are."""
    median, high = float(np.median(values)), float(values.max())
    looks = ""
    if median > 160:
        looks = "raw counts"
    elif quantity == "fraction" and median > 1.6:
        looks = "percent"
    elif quantity == "percent" and high <= 1.6:
        looks = "a fraction"
    kind, votes = recognise_shape(wavelengths, values[None])
    said = "absorbance" if quantity == "absorbance" else "reflectance"
    if not looks and votes == 2 and kind != said:
        looks = f"{kind} by its slope from blue to infrared and its water band at 1930 nm"
    if looks:
        raise SiteError(
            f"{path} says that its values are {quantity}, but they look like {looks} (median {median:.4g}); "
            "export it again, or mend its header"
        )
    odd = find_implausible(reflectance[None])
    if odd:
        _, band, why = odd
        raise SiteError(f"{path}: {values[band]:.4g} at {wavelengths[band]:g} nm, read as {quantity}; {why}")
