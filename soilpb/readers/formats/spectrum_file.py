"""One spectrum as an instrument wrote it, and what it is as reflectance: units of axis and values.

Readers say what their files say; :func:`to_reflectance` converts, or refuses what is no vis-NIR reflectance.
Fraction and absorbance are told by shape: soils reflect more in the near infrared than in the blue, and water
absorbs at 1930 nm (Stenberg et al. 2010, doi 10.1016/S0065-2113(10)07005-7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from soilpb.readers.columns import MIN_BANDS, to_nanometres
from soilpb.site_file import Site, SiteError
from soilpb.spectra import REFLECTANCE_RANGE, VIS_NIR_NM, reflectance_from_absorbance

Unit = Literal["fraction", "percent", "absorbance"]
#: Quantities that are reflectance; what else a file holds keeps the name that the file gives it.
UNITS: tuple[Unit, ...] = ("fraction", "percent", "absorbance")
#: Quantities that become reflectance when they are divided by those of a white reference.
UNDIVIDED = (COUNTS, RADIANCE, IRRADIANCE) = ("raw counts", "radiance", "irradiance")

#: No soil reflects less than this everywhere; a row that does is in another unit.
DARKEST = 0.011
#: The typical soil of 56 measured sites reflects less than this at 400–500 nm, and more than that somewhere.
BRIGHT_BLUE, DARK_PEAK = 0.22, 0.075
#: Absorbance of no typical soil: less everywhere, or more at 430–500 nm.
WHITE, BLACK_BLUE = 0.1, 2.0
#: A median above this is another unit: percent for a fraction and absorbance, counts for percent.
HIGHEST_MEDIAN = {"fraction": REFLECTANCE_RANGE[1], "absorbance": 5.0, "percent": 100 * REFLECTANCE_RANGE[1]}
#: Where a study does not reach, an instrument's dark ends read this, as a fraction; more is damage.
NOISE_RANGE = (-1.0, 3.0)
#: Range of a study that says no other, nm.
STUDY_NM = (Site.model_fields["band_start"].default, Site.model_fields["band_stop"].default)
#: What to do where a file breaks off or contradicts itself.
AGAIN = "copy it from the instrument again"

_WORDS = {
    "reflectance": r"refl|\b(tgt|target)\.?\s*/\s*ref|%\s*R\b|^\s*R\s*$",
    "absorbance": r"absorban|^\s*abs\s*$|log.{0,9}1\s*/\s*R|log\W*R\b",
    "transmittance": r"transmi",
    "normalised counts": r"norm(al|\b)",
    COUNTS: r"^(?!.*norm).*(\bcounts?\b|\bDN\b|\braw\b|digital)",
    RADIANCE: r"(?<!ir)radiance|\brad\b",
    IRRADIANCE: r"irradiance|\birrad\b",
    "Kubelka-Munk units": r"kubelka",
    "a derivative": r"derivative",
}
#: How a label says the unit of reflectance.
_LABELS = {
    "percent": r"ref\S*\s*[\[(]?\s*(%|percent|pct)|(%|percent|pct)\s*R",
    "fraction": r"ref\S*\s*[\[(]\s*(1\.0|0\s*-\s*1)",
}

_AXIS_WORDS = {
    "1/cm": r"cm\s*\^?\(?[-−⁻]\s*[1¹]|1\s*/\s*cm|wave\s*number",
    "um": r"[µμ]m\b|\bum\b|micro",
    "nm": r"\bnm\b|nanomet",
}
_SAY = (
    "export reflectance; if they are right, say spectra_unit: fraction, percent or absorbance in the site "
    "file (soilpb new-site: --spectra-unit)"
)


@dataclass(frozen=True, eq=False)
class SpectrumFile:
    """A spectrum as its file has it.

    ``quantity`` is ``fraction``, ``percent`` or ``absorbance`` (log10(1/R)) where the values are
    reflectance; else the file's own word, such as ``transmittance``, or empty where it says nothing.
    """

    path: Path
    axis: np.ndarray  # (n_bands,) in the order of the file
    axis_unit: str  # nm, um or 1/cm; another word where the axis is none of them
    values: np.ndarray  # (n_bands,)
    quantity: str
    instrument: str = ""  # what the file says of it
    splices: tuple[float, ...] = ()  # last wavelength of each detector but the last, nm
    steps: tuple[float, ...] = ()  # later / earlier detector at each splice, where both measured it
    notes: tuple[str, ...] = ()  # what had to be decided to read it; a warning starts with the file's name
    sample: str = ""  # what the file calls it
    place: tuple[float, ...] = ()  # longitude and latitude, degrees, where the file says them
    exposures: tuple[float, ...] = ()  # ms of each detector, where values are counts


@dataclass(frozen=True)
class Format:
    """A file format: what its files are called, how they begin, who reads them."""

    name: str  # as messages call it
    suffixes: tuple[str, ...]  # of its files, in lower case
    begins: Callable[[bytes], object]  # says of a file's first bytes, by a true value, that it is one
    #: From the path, for messages, and the content; several spectra where the file holds several.
    read: Callable[[Path, bytes], SpectrumFile | list[SpectrumFile]]


@np.errstate(all="ignore")
def to_reflectance(file: SpectrumFile) -> SpectrumFile:
    """Bring a spectrum to reflectance as a fraction over ascending nm; refuse by name what is none."""
    path, quantity = file.path, file.quantity
    where = f"{path} (sample {file.sample!r})" if file.sample not in ("", path.stem) else str(path)
    wavelengths = to_nanometres(file.axis, file.axis_unit)
    if wavelengths is None:
        what = f"its axis is no wavelength or wavenumber ({file.axis_unit})"
        raise SiteError(f"{where}: {what}; export a spectrum over nm or 1/cm")
    if quantity in UNDIVIDED:
        raise SiteError(
            f"{where} holds {quantity} without a white reference (median {np.median(file.values):.4g}); put "
            "that into the folder as white_1 with its suffix, or export reflectance"
        )
    if quantity and quantity not in UNITS:
        raise SiteError(f"{where} holds {quantity}; export reflectance, or absorbance as log10(1/R)")
    _refuse_broken(file, wavelengths, where)
    order = np.argsort(wavelengths, kind="stable")
    wavelengths, values = wavelengths[order], file.values[order]
    if not quantity:
        mend = "export it with the word Reflectance or Absorbance in its header"
        quantity = recognise_unit(wavelengths, values[None], where, mend)
    reflectance = as_fraction(values[None], quantity, wavelengths, where, lambda _: where)[0]
    notes = [f"reflectance from {quantity} to fraction"] if quantity != "fraction" else []
    read = {"axis": wavelengths, "axis_unit": "nm", "values": reflectance, "quantity": "fraction"}
    return replace(file, **read, notes=(*file.notes, *notes))


def as_fraction(
    values: np.ndarray,
    unit: Unit,
    wavelengths: np.ndarray,
    where: str,
    at: Callable[[int], str],
    study: tuple[float, float] = STUDY_NM,
) -> np.ndarray:
    """Reflectance as a fraction, (n_samples, n_bands), if the values agree with their unit and with soils.

    Outside the bands of the ``study``, nm, they may be noise. ``at`` says where a row stands.
    """
    some = values[:: max(1, len(values) // 500)]  # a median of more takes long
    if looks := find_contradiction(unit, wavelengths, some):
        raise SiteError(
            f"{where}: said to be {unit}, but the values look like {looks} (median {np.median(some):.4g}); "
            "mend spectra_unit or the file's header, or export it again"
        )
    reflectance, needed = to_fraction(values, unit), inside_bands(wavelengths, study)
    low, high = (np.where(needed, *both) for both in zip(REFLECTANCE_RANGE, NOISE_RANGE, strict=True))
    lowest, highest = reflectance.min(axis=1), reflectance.max(axis=1)
    within = ((reflectance >= low) & (reflectance <= high)).all(axis=1)
    rows = np.flatnonzero(~((lowest < highest) & (highest >= DARKEST) & within))
    if not rows.size:
        return reflectance
    row, spectrum = int(rows[0]), reflectance[rows[0]]
    band = int(np.argmax(np.maximum(low - spectrum, spectrum - high)))
    why = "reflectance lies within 0–1: is it in another unit, or spoilt? export it again, or delete it"
    if highest[row] < DARKEST:
        why = "the spectrum is far too dark for this file: is it in another unit? export it like the others"
    if lowest[row] == highest[row]:
        band, why = 0, "the spectrum is constant: measure it again or delete it"
    found = f"{values[row, band]:.4g} at {wavelengths[band]:g} nm"
    raise SiteError(f"{at(row)}: {found}, read as {unit}; {why}")


def take(
    path: Path, content: bytes, kind: npt.DTypeLike, at: int, n: int, where: str = "within its values"
) -> np.ndarray:
    """Numbers or headers of one kind from a place of a file on, (n,); refuse a file that ends before."""
    if at + n * np.dtype(kind).itemsize > len(content):
        raise SiteError(f"{path} is cut off {where} ({len(content)} bytes); {AGAIN}")
    return np.frombuffer(content, kind, n, at)


def quantity_in_words(text: str, values: np.ndarray) -> str:
    """Quantity that a label names, one of :data:`UNITS` if it is reflectance; empty if none or two."""
    found = {name for name, words in _WORDS.items() if re.search(words, text, re.IGNORECASE | re.MULTILINE)}
    if found != {"reflectance"}:
        return found.pop() if len(found) == 1 else ""
    by_value = "percent" if np.median(values) > HIGHEST_MEDIAN["fraction"] else "fraction"
    said = (unit for unit, words in _LABELS.items() if re.search(words, text, re.IGNORECASE))
    return next(said, by_value)


def axis_unit_in_words(text: str, axis: np.ndarray, label: bool = False) -> str:
    """Unit of an axis: what the text says where values allow it, else what values alone allow.

    If the text is the axis's own label, it counts whatever the values are.
    """
    said = [unit for unit, words in _AXIS_WORDS.items() if re.search(words, text, re.IGNORECASE)]
    if said == ["1/cm"] or (label and len(said) == 1):
        return said[0]
    if label and text and not said and "wave" not in text.casefold():
        return text
    with np.errstate(invalid="ignore"):
        low, high = (float(np.abs(x)) for x in (axis.min(), axis.max()))
    if high <= VIS_NIR_NM[1] / 1e3:
        return "um"
    return "nm" if VIS_NIR_NM[0] <= low and high <= VIS_NIR_NM[1] else "1/cm"


def to_fraction(values: np.ndarray, unit: Unit) -> np.ndarray:
    """Convert to reflectance as a fraction, (n_samples, n_bands)."""
    if unit == "percent":
        return values / 100
    with np.errstate(over="ignore"):  # an absurd cell becomes inf, which as_fraction names
        return reflectance_from_absorbance(values) if unit == "absorbance" else values


def recognise_unit(wavelengths: np.ndarray, values: np.ndarray, where: str, mend: str = _SAY) -> Unit:
    """Recognise the unit of spectra, (n_samples, n_bands) over nm, or refuse where it cannot be told."""
    median, (kind, _) = np.median(values, axis=0), recognise_shape(wavelengths, values)
    low, high = float(median.min()), float(median.max())
    unit, doubt = None, f"values from {low:.3g} to {high:.3g} may be in one unit or another"
    if high > HIGHEST_MEDIAN["absorbance"]:
        unit, roots = "percent", high < 100 * DARK_PEAK and wavelengths[-1] > 2000
        doubt = f"read as percent no band of the typical spectrum reflects {DARK_PEAK:.1%} (square roots?)"
        doubt = doubt if roots else ""
    elif kind == "reflectance" and high <= 1.1:
        unit, doubt = "fraction", _doubt_fraction(wavelengths, median)
    elif kind == "absorbance" and low > -0.3:
        unit, doubt = "absorbance", _doubt_absorbance(wavelengths, median)
    if high > HIGHEST_MEDIAN["percent"]:
        doubt = f"values up to {high:g} are raw counts or scaled numbers, not target over white reference"
    if doubt:
        raise SiteError(f"{where}: {doubt}; {mend}")
    return unit


def _doubt_fraction(wavelengths: np.ndarray, median: np.ndarray) -> str:
    """Say what makes the typical soil, (n_bands,), too bright if it is read as a fraction."""
    blue, red = (median[inside_bands(wavelengths, span)].mean() for span in ((400, 500), (800, 900)))
    bright = wavelengths[0] < 480 and blue > BRIGHT_BLUE and red < 2.6 * blue
    what = f"the typical spectrum is {blue:.2g} in the blue, brighter than soils (square roots, or scaled?)"
    return what if bright else ""


def _doubt_absorbance(wavelengths: np.ndarray, median: np.ndarray) -> str:
    """Say what makes the typical soil, (n_bands,), white or black if it is read as log10(1/R)."""
    blue = median[inside_bands(wavelengths, (430, 500))].mean() if wavelengths[0] < 480 else 0
    odd = "brighter than soils are (derivatives?)" if median.max() < WHITE else ""
    if 10 ** -median.min() < DARK_PEAK or blue > BLACK_BLUE:
        odd = odd or "darker than soils are: natural logarithms, or Kubelka–Munk?"
    return f"read as log10(1/R) the typical spectrum is {odd}" if odd else ""


def recognise_shape(wavelengths: np.ndarray, values: np.ndarray) -> tuple[str, int]:
    """Tell reflectance from absorbance by the shape of the median of spectra, (n_samples, n_bands) over nm.

    An empty text if nothing or too much is said; and how many features said so, rise and water band.
    """
    median = np.median(values, axis=0)

    def level(start: float, stop: float) -> float:  # NaN where the instrument does not reach
        inside = (wavelengths >= start) & (wavelengths <= stop)
        return float(median[inside].mean()) if inside.any() else np.nan

    size = np.abs(median).mean() or 1.0
    infrared = level(750, 900)
    rise = (level(640, 740) if np.isnan(infrared) else infrared) - level(400, 500)
    dip = 0.7 * level(1830, 1870) + 0.3 * level(2090, 2130) - level(1910, 1940)
    votes = [np.sign(x) for x, least in ((rise, 0.05), (dip, 0.01)) if abs(x) > least * size]
    if not votes or len(set(votes)) > 1:
        return "", 0
    return ("reflectance" if votes[0] > 0 else "absorbance"), len(votes)


def inside_bands(wavelengths: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Which bands lie within a span, nm, (n_bands,) boolean; all if fewer than two do."""
    inside = (wavelengths >= span[0]) & (wavelengths <= span[1])
    return inside if inside.sum() > 1 else np.ones_like(inside)


def find_contradiction(unit: str, wavelengths: np.ndarray, values: np.ndarray) -> str:
    """What the spectra, (n_samples, n_bands), look like where that is not ``unit``; else an empty text."""
    typical = np.median(values, axis=0)
    median = float(np.median(typical))
    if median > HIGHEST_MEDIAN["percent"]:
        return "raw counts"
    if median > HIGHEST_MEDIAN[unit]:
        return "percent"
    if unit == "percent" and typical.max() <= REFLECTANCE_RANGE[1]:
        return "a fraction or absorbance"
    kind, votes = recognise_shape(wavelengths, values)
    if votes == 2 and kind != ("absorbance" if unit == "absorbance" else "reflectance"):
        return f"{kind} by its slope from blue to infrared and its water band at 1930 nm"
    return ""


def _refuse_broken(file: SpectrumFile, wavelengths: np.ndarray, where: str) -> None:
    """Refuse too few bands, values that are no numbers, an axis that goes back, and another range."""
    axis, unit = file.axis, file.axis_unit
    if axis.size < MIN_BANDS or axis.shape != file.values.shape:
        sizes = f"{axis.size} bands, {file.values.size} values"
        raise SiteError(f"{where}: {sizes}; export the whole spectrum again")
    bad = np.flatnonzero(~np.isfinite(file.values))
    if bad.size:
        at = f"{axis[bad[0]]:g} {unit}"
        raise SiteError(f"{where}: no value at {at} ({bad.size} in all); export or measure it again")
    back = np.flatnonzero(np.diff(axis) * (axis[-1] - axis[0]) <= 0)
    if back.size:
        at = f"{axis[back[0]]:g} before {axis[back[0] + 1]:g} {unit}"
        raise SiteError(f"{where}: its bands are out of order, or one stands there twice ({at}); {AGAIN}")
    if wavelengths.min() < VIS_NIR_NM[0] or wavelengths.max() > VIS_NIR_NM[1]:
        what = "mid-infrared spectrum" if wavelengths.max() > VIS_NIR_NM[1] else "spectrum of other light"
        low, high = sorted(axis[[0, -1]])
        raise SiteError(
            f"{where} is a {what} ({low:g}–{high:g} {unit}); this study needs visible and near infrared, 200–"
            "3000 nm: move the file out, cut it to that range, or mend the unit of its axis"
        )
