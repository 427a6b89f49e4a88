"""One spectrum as an instrument wrote it, and what it is as reflectance.

Each format's reader says what its file says — axis, values, quantity — and changes
nothing; :func:`to_reflectance` is the one place where wavenumbers become nm and percent
or absorbance become a fraction, and where a file that is no vis-NIR reflectance is
refused: mid infrared, transmittance, raw counts, a header that its own values contradict.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from soilpb.readers.band_names import MIN_BANDS, RANGE_NM
from soilpb.readers.units import odd_row, shape_of, to_fraction
from soilpb.sitefile import SiteError

#: Quantities that are reflectance; what else a file holds keeps the name that the file gives it.
REFLECTANCE_UNITS = ("fraction", "percent", "absorbance")
_TO_NM = {"nm": lambda x: x, "um": lambda x: 1e3 * x, "1/cm": lambda x: 1e7 / x}


@dataclass(frozen=True, eq=False)
class Recording:
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
def to_reflectance(recording: Recording) -> tuple[np.ndarray, np.ndarray]:
    """Wavelengths in nm, ascending, and reflectance as a fraction, both (n_bands,).

    Raises
    ------
    SiteError
        Naming the file, what it holds, and what to export instead.

    Examples
    --------
    >>> axis = np.linspace(4000, 25000, 20)  # 1/cm: 2500 to 400 nm
    >>> scan = Recording(Path("s.0"), axis, "1/cm", np.linspace(0.4, 0.8, 20), "absorbance")
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


def _refuse_broken(recording: Recording) -> None:
    """Refuse too few bands, and an axis or values that are no numbers."""
    path, axis, values = recording.path, recording.axis, recording.values
    if axis.size < MIN_BANDS or axis.shape != values.shape:
        raise SiteError(f"{path}: {axis.size} bands, {values.size} values; export the whole spectrum again")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        at = f"{axis[bad[0]]:g} {recording.axis_unit}"
        raise SiteError(f"{path}: no value at {at} ({bad.size} in all); export or measure it again")


def _refuse_range(recording: Recording, wavelengths: np.ndarray) -> None:
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
    kind, votes = shape_of(wavelengths, values[None])
    said = "absorbance" if quantity == "absorbance" else "reflectance"
    if not looks and votes == 2 and kind != said:
        looks = f"{kind} by its slope from blue to infrared and its water band at 1930 nm"
    if looks:
        raise SiteError(
            f"{path} says that its values are {quantity}, but they look like {looks} (median {median:.4g}); "
            "export it again, or mend its header"
        )
    odd = odd_row(reflectance[None])
    if odd:
        _, band, why = odd
        raise SiteError(f"{path}: {values[band]:.4g} at {wavelengths[band]:g} nm, read as {quantity}; {why}")
