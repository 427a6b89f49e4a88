"""``SoilSpectra``, one validated container, and its bands: absorbance, grids, resampling, splices.

Wavelengths are in nm and strictly ascending; reflectance is a fraction (1 is a white
reference), one row per sample; absorbance means ``log10(1/R)``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree
from scipy.spatial.distance import pdist
from scipy.special import ndtr
from threadpoolctl import threadpool_limits

from soilpb._format import list_first

#: Visible and near infrared, nm: bands outside are refused wherever spectra are read.
VIS_NIR_NM = (200.0, 3000.0)
#: Organic carbon in organic matter, by mass (van Bemmelen's factor).
CARBON_IN_ORGANIC_MATTER = 0.58
#: Reflectance below this is at the noise floor of a field spectrometer and would
#: explode in ``log10(1/R)``; 0.2 % also covers the dead 350 nm end of real files.
REFLECTANCE_FLOOR = 0.002
#: Noise reads a little below 0; powders and specular grains a little above a white reference, which is 1.
REFLECTANCE_RANGE = (-0.05, 1.6)
#: Soils that are closer than this share of the median distance between soils are one soil.
TWINS = 0.02
#: What may have been measured of soils: all, all but lead, or not even that.
KINDS = ("measured", "lead simulated", "simulated")
#: Detector changes of ASD-type instruments, nm.
SPLICES = (1000.0, 1800.0)
#: A step between detectors is fitted to bands within so many nm on either side, and removed if it is at least
#: this share of reflectance, and so many times what is found around and what the fit leaves unexplained.
STEP_NM, STEP_LEAST, STEP_AROUND, STEP_UNEXPLAINED = 15.0, 5e-4, 2.0, 6.0

#: How a note begins that a user should look at, not only know.
WARN = "look at this: "

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
    """Turn ``log10(1/R)`` into reflectance."""
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


def find_near_twins(reflectance: np.ndarray) -> np.ndarray:
    """Number the soils behind spectra, (n_samples, n_bands): near twins have one number.

    Spectra of absorbance (SNV) that differ by less than :data:`TWINS` of the median distance are of one
    soil: in five measured fields of LimeSoDa the closest two soils, but for one double entry, differ by 6 %.
    The result is (n_samples,) int, 0 … n_soils - 1.
    """
    A = absorbance(np.asarray(reflectance, dtype=np.float64))
    spread = A.std(axis=1, keepdims=True)
    shapes = (A - A.mean(axis=1, keepdims=True)) / np.where(spread > 0, spread, 1)
    some = pdist(shapes[:: max(1, len(A) // 500)])
    typical = np.median(some) if some.size > 1 else 0.0
    if typical <= 1e-4 * np.sqrt(A.shape[1]):  # all have one shape, but for rounding
        return np.unique(A, axis=0, return_inverse=True)[1].ravel()
    pairs = KDTree(shapes).query_pairs(TWINS * typical, output_type="ndarray")
    near = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(A), len(A)))
    return connected_components(near, directed=False)[1]


def list_near_twins(ids: Iterable, twins: np.ndarray) -> str:
    """Name the soils that have several ids; the first eight written out, empty if there are none.

    Examples
    --------
    >>> list_near_twins(["a", "b", "c"], np.array([0, 1, 0]))
    'a = c'
    """
    names = pd.Series(map(str, ids)).groupby(twins).agg(list)
    return list_first([" = ".join(alike) for alike in names if alike[1:]])


@threadpool_limits.wrap(limits=1)
def resample(wavelengths: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Resample spectra to another grid with a Gaussian response as wide as the grid's median step.

    Each band counts with the Gaussian's mass over the interval it stands for, so that unevenly spaced
    bands are weighted rightly. From ``values``, (n_samples, n_bands), it makes (n_samples, n_grid) float32.
    A grid beyond the measured range is a ValueError: nothing is extrapolated.
    """
    wavelengths, grid = np.asarray(wavelengths, float), np.asarray(grid, float)
    values = np.asarray(values, dtype=np.float32)
    if np.array_equal(wavelengths, grid):
        return values.copy()
    tolerance = 0.5 * float(np.median(np.diff(wavelengths)))
    if grid[0] < wavelengths[0] - tolerance or grid[-1] > wavelengths[-1] + tolerance:
        raise ValueError(
            f"the grid {grid[0]:g}–{grid[-1]:g} nm reaches beyond the measured "
            f"{wavelengths[0]:g}–{wavelengths[-1]:g} nm"
        )
    step = float(np.median(np.diff(grid))) if grid.size > 1 else 10.0
    weights = _response_matrix(wavelengths, grid, step)
    return (values @ weights.astype(np.float32)).astype(np.float32)


def _response_matrix(wavelengths: np.ndarray, grid: np.ndarray, fwhm: float) -> np.ndarray:
    """Weights of the bands, (n_bands, n_grid), each column summing to 1."""
    middle = (wavelengths[1:] + wavelengths[:-1]) / 2
    edges = np.concatenate([[2 * wavelengths[0] - middle[0]], middle, [2 * wavelengths[-1] - middle[-1]]])
    sigma = fwhm * _SIGMA_PER_FWHM
    mass = np.diff(ndtr((edges[:, None] - grid[None, :]) / sigma), axis=0)
    return mass / mass.sum(axis=0)


def correct_splices(
    wavelengths: np.ndarray,
    reflectance: np.ndarray,
    splices: tuple[float, ...] = SPLICES,
    steps: np.ndarray | None = None,
) -> np.ndarray:
    """Remove the steps where one detector hands over to the next; a spectrum without a step stays as it is.

    The first detector is the reference: each later one is divided by the ratio of the two where they meet
    (the additive form is usual for ASD; division keeps reflectance positive). ``splices`` are the last
    wavelengths of all detectors but the last, nm. ``steps``, (n_samples, n_splices), are later / earlier
    detector where the file has it (both measure their overlap), else found by :func:`measure_steps`.
    """
    steps = measure_steps(wavelengths, reflectance, splices) if steps is None else np.asarray(steps)
    corrected = np.array(reflectance, dtype=np.float32)
    for splice, step in zip(splices, steps.T, strict=True):
        corrected[:, wavelengths > splice] /= step[:, None]
    return corrected


def measure_steps(
    wavelengths: np.ndarray, reflectance: np.ndarray, splices: tuple[float, ...] = SPLICES
) -> np.ndarray:
    """Ratio of the later to the earlier detector at each splice, (n_samples, n_splices); 1 without a step.

    A cubic of the true wavelengths with a step in its middle is fitted to ``log R`` of the bands around.
    What noise and curvature make of it is known from what that fit leaves unexplained and from the same fit
    at places around, where no detectors meet: a step counts only if it is far larger than both.
    """
    logarithms = np.log(np.maximum(np.asarray(reflectance, float), REFLECTANCE_FLOOR))
    ratios = np.ones((len(reflectance), len(splices)))
    for k, splice in enumerate(splices):
        first = int(np.searchsorted(wavelengths, splice, side="right"))
        half = min(max(4, int((np.abs(wavelengths - splice) <= STEP_NM).sum()) // 2), 10)
        narrow, wide = (_fit_step(wavelengths, logarithms, first, n) for n in (half, half + 1))
        alike = np.abs(narrow - wide) <= np.abs(narrow) / 4
        ratios[:, k] = np.exp(np.where(alike & (wide != 0), narrow, 0))
    return ratios


def _fit_step(wavelengths: np.ndarray, logarithms: np.ndarray, first: int, half: int) -> np.ndarray:
    """Step of each spectrum before the band ``first``, fitted to ``half`` bands on either side; 0 if none."""
    apart = half + max(1, half // 2) * np.arange(8)
    places = np.r_[first, first - apart, first + apart]
    places = places[(places >= half) & (places <= wavelengths.size - half)]
    if places.size < 5 or places[0] != first:
        return np.zeros(len(logarithms))
    bands = places[:, None] + np.arange(-half, half)
    design = _cubic_with_step(wavelengths[bands])
    fits = np.einsum("pcb,npb->npc", np.linalg.pinv(design), logarithms[:, bands])
    left = logarithms[:, bands[0]] - fits[:, 0] @ design[0].T
    unexplained = np.sqrt(np.square(left).sum(axis=1) / (left.shape[1] - design.shape[2]))
    around, step = np.abs(fits[:, 1:, -1]).max(axis=1), fits[:, 0, -1]
    least = np.maximum.reduce([0 * step + STEP_LEAST, STEP_AROUND * around, STEP_UNEXPLAINED * unexplained])
    return np.where(np.abs(step) > least, step, 0)


def _cubic_with_step(wavelengths: np.ndarray) -> np.ndarray:
    """Terms of a cubic with a step in its middle, (n_places, n_bands, 5), for (n_places, n_bands) nm."""
    n_bands = wavelengths.shape[1]
    middle = wavelengths[:, n_bands // 2 - 1 : n_bands // 2 + 1].mean(axis=1, keepdims=True)
    x = (wavelengths - middle) / np.ptp(wavelengths, axis=1)[:, None]
    behind = (np.arange(n_bands) >= n_bands // 2) + 0 * x
    return np.stack([x**0, x, x**2, x**3, behind], axis=-1)


@dataclass(frozen=True)
class Provenance:
    """Where spectra come from, and whether anybody measured them."""

    name: str
    kind: Literal["measured", "lead simulated", "simulated"]
    instrument: str = "unknown"
    citation: str = ""
    licence: str = ""
    sha256: str = ""
    notes: tuple[str, ...] = ()
    mixed: bool = False  #: simulated soils whose spectra are mixtures of measured ones

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; expected one of {', '.join(map(repr, KINDS))}")

    def with_notes(self, *notes: str) -> Provenance:
        """Return a copy that carries further notes (what a reader converted or dropped)."""
        return replace(self, notes=(*self.notes, *notes))


@dataclass(frozen=True, eq=False)
class SoilSpectra:
    """Spectra of soils, their laboratory values and where they come from; validated, read-only.

    Parameters
    ----------
    wavelengths : (n_bands,) array
        Band centres in nm, strictly ascending; kept as float64.
    reflectance : (n_samples, n_bands) array
        Reflectance as a fraction, finite; kept as float32.
    samples : DataFrame
        One row per sample, indexed by unique sample ids, in the order of
        ``reflectance``. Laboratory values carry their unit in the column's name
        (``pH``, ``Pb_mg_kg``, ``clay_pct``); ``group`` (field, profile, parent
        sample), ``x``, ``y`` and ``crs`` where known.
    provenance : Provenance

    Raises
    ------
    ValueError
        If shapes disagree, ids repeat, bands do not ascend, or the values cannot
        be reflectance as a fraction (percent and absorbance are recognised).

    Examples
    --------
    >>> soils = SoilSpectra([500.0, 510.0], [[0.1, 0.2]], pd.DataFrame({"pH": [6.1]}, index=["a"]),
    ...                     Provenance("example", "simulated"))
    >>> soils.n_samples, soils.n_bands
    (1, 2)
    """

    wavelengths: np.ndarray
    reflectance: np.ndarray
    samples: pd.DataFrame = field(repr=False)
    provenance: Provenance

    def __post_init__(self) -> None:
        wavelengths = np.array(self.wavelengths, dtype=np.float64)
        reflectance = np.asarray(self.reflectance, dtype=np.float32)
        if reflectance is self.reflectance and reflectance.flags.writeable:
            reflectance = reflectance.copy()
        _validate(wavelengths, reflectance, self.samples.index)
        wavelengths.flags.writeable = False
        reflectance.flags.writeable = False
        object.__setattr__(self, "wavelengths", wavelengths)
        object.__setattr__(self, "reflectance", reflectance)

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        return self.reflectance.shape[0]

    @property
    def n_bands(self) -> int:
        """Number of bands."""
        return self.reflectance.shape[1]

    def __len__(self) -> int:
        return self.n_samples

    @property
    def absorbance(self) -> np.ndarray:
        """``log10(1/R)``, (n_samples, n_bands), reflectance floored at 0.2 %."""
        return absorbance(self.reflectance)

    def values(self, column: str) -> np.ndarray:
        """Laboratory values of one column as float64, (n_samples,); NaN where missing."""
        if column not in self.samples:
            known = ", ".join(map(str, self.samples.columns))
            raise KeyError(f"{self.provenance.name} has no column {column!r}; it has: {known}")
        return self.samples[column].to_numpy(dtype=np.float64, na_value=np.nan)

    def take(self, rows: np.ndarray) -> SoilSpectra:
        """Return the samples that ``rows`` (positions or a boolean mask) selects."""
        rows = np.asarray(rows)
        return replace(
            self,
            reflectance=self.reflectance[rows],
            samples=self.samples[rows] if rows.dtype == bool else self.samples.iloc[rows],
        )

    def having(self, column: str) -> SoilSpectra:
        """Return the samples with a value in ``column``, and note how many had none."""
        known = np.isfinite(self.values(column))
        if known.all():
            return self
        note = f"{(~known).sum()} of {known.size} samples without {column} dropped"
        return replace(self.take(known), provenance=self.provenance.with_notes(note))

    def resample(self, grid: np.ndarray) -> SoilSpectra:
        """Return the spectra on another grid (see :func:`soilpb.spectra.resample`)."""
        values = resample(self.wavelengths, self.reflectance, grid)
        return replace(self, wavelengths=np.asarray(grid, dtype=np.float64), reflectance=values)

    def group_near_twins(self) -> SoilSpectra:
        """Put near twins into one group, merged with the groups that are known, and note them.

        A soil measured twice under two ids would train and test at once: a model would recognise it,
        and predict noise. A single group of all soils is none.
        """
        twins = find_near_twins(self.reflectance)
        known = self.samples.get("group", pd.Series(self.samples.index, self.samples.index))
        groups = (known if len(known.unique()) > 1 else known.index.to_series()).astype(str)
        of_group, n_twins = pd.factorize(groups)[0], twins.max() + 1
        links = coo_array((np.ones(len(self)), (twins, n_twins + of_group)), shape=(n_twins + len(self),) * 2)
        merged = connected_components(links, directed=False)[1][twins]
        if len(np.unique(merged)) == len(groups.unique()):
            return self
        groups = groups.groupby(merged).transform("first")
        named = list_near_twins(self.samples.index, twins)
        provenance = self.provenance.with_notes(f"near twins, kept in one group: {named}")
        return replace(self, samples=self.samples.assign(group=groups), provenance=provenance)

    def sha256(self) -> str:
        """Hash of the bands, the values and the ids: two equal hashes are equal data."""
        digest = hashlib.sha256(self.wavelengths.tobytes())
        digest.update(np.ascontiguousarray(self.reflectance).tobytes())
        digest.update("\x1f".join(map(str, self.samples.index)).encode())
        numeric = self.samples.select_dtypes("number")
        digest.update(numeric.to_numpy(dtype=np.float64, na_value=np.nan).tobytes())
        return digest.hexdigest()


def _validate(wavelengths: np.ndarray, reflectance: np.ndarray, ids: pd.Index) -> None:
    """Raise ValueError unless the three describe spectra in nm and fractions."""
    if wavelengths.ndim != 1 or reflectance.shape != (len(ids), wavelengths.size) or reflectance.size == 0:
        raise ValueError(
            f"reflectance has shape {reflectance.shape}; {len(ids)} samples and wavelengths of shape "
            f"{wavelengths.shape} need (n_samples, n_bands), neither of them 0"
        )
    if not ids.is_unique:
        repeated = list(ids[ids.duplicated()].unique()[:3])
        raise ValueError(f"sample ids repeat: {repeated}; average replicates or rename them")
    _validate_wavelengths(wavelengths)
    _validate_reflectance(wavelengths, reflectance, ids)


def _validate_wavelengths(wavelengths: np.ndarray) -> None:
    steps = np.diff(wavelengths)
    if not np.isfinite(wavelengths).all() or (steps <= 0).any():
        at = int(np.argmax(~(steps > 0)))
        raise ValueError(
            f"wavelengths must ascend strictly: band {at + 1} is "
            f"{wavelengths[at]:g} nm, band {at + 2} is {wavelengths[at + 1]:g} nm"
        )
    if wavelengths[0] < VIS_NIR_NM[0] or wavelengths[-1] > VIS_NIR_NM[1]:
        raise ValueError(
            f"bands run {wavelengths[0]:g}–{wavelengths[-1]:g}; vis-NIR lies within "
            f"{VIS_NIR_NM[0]:g}–{VIS_NIR_NM[1]:g} nm (wavenumbers in 1/cm become nm as 1e7 / wavenumber)"
        )


def _validate_reflectance(wavelengths: np.ndarray, reflectance: np.ndarray, ids: pd.Index) -> None:
    if not np.isfinite(reflectance).all():
        row, band = np.argwhere(~np.isfinite(reflectance))[0]
        raise ValueError(
            f"sample {ids[row]!r} has no finite reflectance at {wavelengths[band]:g} nm; "
            "drop the sample or the band"
        )
    median = float(np.median(reflectance))
    lowest, highest = REFLECTANCE_RANGE
    if median > highest:
        about = 'it looks like percent; pass unit="percent" or divide by 100'
        raise ValueError(f"reflectance has a median of {median:.3g}: {about}")
    if reflectance.min() < lowest or reflectance.max() > highest:
        row, band = np.argwhere((reflectance < lowest) | (reflectance > highest))[0]
        raise ValueError(
            f"sample {ids[row]!r} reads {reflectance[row, band]:.3g} at "
            f"{wavelengths[band]:g} nm; reflectance as a fraction lies in 0–1: "
            'absorbance needs unit="absorbance", percent unit="percent"'
        )
