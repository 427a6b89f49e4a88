"""Another spectrometer: what it does to predictions, and how soils measured on both bring them back.

Corrections are affine in absorbance, where a gain and a ripple are sums. Which is taken is decided by the
pairs alone: each is left out, and predicted from its corrected spectrum and from the first instrument's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from chemotools.adaptation import DirectStandardization, PiecewiseDirectStandardization
from chemotools.projection import ExternalParameterOrthogonalization
from scipy.interpolate import CubicSpline
from scipy.ndimage import uniform_filter1d

from soilpb.models import storage
from soilpb.simulate.minerals import add_constituent
from soilpb.spectra import SPLICES, absorbance, reflectance_from_absorbance

#: Soils measured on both instruments: fewer say too little, more are not needed.
FEWEST_PAIRS, MOST_PAIRS = 5, 30
#: Directions that orthogonalisation removes.
EPO_COMPONENTS = (1, 3)
#: By how much a filter multiplies the noise that pairs show: few show too little of it. Settled on the tasks
#: of ``benchmarks/second_instrument.py``, with other splits and instruments than are reported there.
NOISE_FACTOR = 3.0
#: Bands over which the variance of noise is averaged, and the least of it (squared absorbance).
_SMOOTH, _LEAST = 11, 1e-10
#: Components of the calibration that say what stood in a removed direction.
_FILLING = 20

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Standardisation:
    """How spectra of a second instrument become those of the first, and predictions from them."""

    method: str
    matrix: np.ndarray  # of absorbance, (n_bands, n_bands)
    offset: np.ndarray  # (n_bands,)
    slope: float = 1.0  # of predictions on the modelling scale
    intercept: float = 0.0
    error: float = np.nan  # of pairs left out: root mean square difference of predictions by instrument
    errors: dict[str, float] | None = None  # of every method

    def correct(self, X: np.ndarray) -> np.ndarray:
        """Reflectance as the first instrument reads it, (n_samples, n_bands)."""
        return reflectance_from_absorbance(absorbance(np.asarray(X, float)) @ self.matrix + self.offset)

    def predict(self, predict: Predict, X: np.ndarray) -> np.ndarray:
        """Predict from spectra of the second instrument."""
        return self.intercept + self.slope * np.ravel(predict(self.correct(X)))

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write it with a card and checksums."""
        return storage.save_fitted(folder, vars(self), card)

    @classmethod
    def load(cls, folder: str | Path, n_bands: int, made_by: str = "") -> tuple[Standardisation, dict]:
        """Read it back with its card; a ValueError if it was altered or is of other bands."""

        def build(fields: dict, card: dict) -> tuple[Standardisation, dict]:
            made = cls(**fields)
            if made.matrix.shape != (n_bands, n_bands) or made.offset.shape != (n_bands,):
                raise ValueError(f"it has {len(made.offset)} bands, the model {n_bands}")
            numbers = made.matrix, made.offset, made.slope, made.intercept, made.error
            if not all(np.isfinite(values).all() for values in numbers):
                raise ValueError("it holds numbers that are not finite")
            return made, card

        return storage.load_fitted(folder, made_by, build)


def standardise(
    master: np.ndarray, slave: np.ndarray, predict: Predict, known: np.ndarray
) -> Standardisation:
    """Choose, by leave-one-out on soils measured on both instruments, how to correct the second, and fit it.

    ``master`` and ``slave`` are reflectance of the same soils on both, (n_pairs, n_bands), ``known`` that of
    the calibration soils; ``predict`` works on the modelling scale. Too few or too many pairs, and arrays of
    two shapes, are a ValueError.
    """
    master, slave = np.asarray(master, float), np.asarray(slave, float)
    if master.shape != slave.shape:
        raise ValueError(f"spectra of the first instrument are {master.shape}, of the second {slave.shape}")
    if not FEWEST_PAIRS <= len(master) <= MOST_PAIRS:
        needed = f"{FEWEST_PAIRS} to {MOST_PAIRS} are needed"
        raise ValueError(f"{len(master)} soils were measured on both instruments; {needed}")
    pairs = master, slave, np.ravel(predict(master)), np.ravel(predict(slave))
    spectra: dict[str, list[np.ndarray]] = {}
    lines: dict[str, list[tuple[float, float]]] = {}
    for out in range(len(master)):
        kept = np.arange(len(master)) != out
        for name, made in _corrections(*(values[kept] for values in pairs), known).items():
            spectra.setdefault(name, []).append(made.correct(slave[[out]])[0])
            lines.setdefault(name, []).append((made.intercept, made.slope))
    errors = {}
    for name, corrected in spectra.items():
        intercept, slope = np.transpose(lines[name])
        errors[name] = _rms(intercept + slope * np.ravel(predict(np.array(corrected))) - pairs[2])
    least = 1.001 * min(errors.values()) + 1e-9 * np.ptp(pairs[2])  # of equals the simplest
    best = next(name for name, error in errors.items() if error <= least)
    return replace(_corrections(*pairs, known)[best], error=errors[best], errors=errors)


def _corrections(
    master: np.ndarray, slave: np.ndarray, wanted: np.ndarray, plain: np.ndarray, known: np.ndarray
) -> dict[str, Standardisation]:
    """Every correction, fitted to spectra and predictions of pairs, by its name; the simplest first."""
    first, second, known = absorbance(master), absorbance(slave), absorbance(np.asarray(known, float))
    identity, mean = np.eye(first.shape[1]), (first - second).mean(axis=0)
    made = {"none": (identity, np.zeros_like(mean)), "mean difference": (identity, mean)}
    shift = _shift(first, second)
    made["shift"] = shift, (first - second @ shift).mean(axis=0)
    made["shift and filter"] = _filter(first, second, *made["shift"], known)
    direct = DirectStandardization().fit(second - second.mean(axis=0), X_source=first - first.mean(axis=0))
    matrix = direct.V_ds_ @ direct.B_ds_
    made["direct"] = (matrix, first.mean(axis=0) - second.mean(axis=0) @ matrix)
    pds = PiecewiseDirectStandardization(1, 1, scale=False).fit(second, X_source=first)
    made["piecewise direct"] = (pds.T_, pds.bias_)
    twice = np.tile(np.arange(len(master)), 2)
    for k in EPO_COMPONENTS:
        epo = ExternalParameterOrthogonalization(k)
        epo.fit(first, X_external=np.concatenate([first, second]), sample_ids=twice)
        made[f"orthogonalisation, {k}"] = _fill(epo.V_epo_, known)
    slope = np.cov(plain, wanted)[0, 1] / plain.var(ddof=1) if np.ptp(plain) > 0 else 1.0
    made["slope and bias"] = *made["none"], float(slope), float(wanted.mean() - slope * plain.mean())
    return {name: Standardisation(name, *correction) for name, correction in made.items()}


def _shift(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Matrix (n_bands, n_bands) that moves the second's bands to the first's, by what differs among soils."""
    differ, read = (values - values.mean(axis=0) for values in (first - second, second))
    bands = np.arange(first.shape[1])
    slopes = CubicSpline(bands, read, axis=1)(bands, 1)
    moved = (slopes * differ).sum() / max(np.square(slopes).sum(), _LEAST)
    return CubicSpline(bands, np.eye(len(bands)))(np.clip(bands + moved, 0, bands[-1])).T


def _filter(
    first: np.ndarray, second: np.ndarray, matrix: np.ndarray, offset: np.ndarray, known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correction, then the filter that takes out noise best (Wiener): known soils say what is none."""
    rest = first - second @ matrix - offset
    noise = uniform_filter1d(np.square(rest).sum(axis=0) / (len(rest) - 1), _SMOOTH, mode="nearest")
    spread, mean = np.cov(known.T), known.mean(axis=0)
    kept = np.linalg.solve(spread + NOISE_FACTOR * np.diag(np.maximum(noise, _LEAST)), spread)
    return matrix @ kept, mean + (offset - mean) @ kept


def _fill(directions: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Remove directions (n_bands, k); the rest of a spectrum says what known soils have there."""
    mean = known.mean(axis=0)
    removed = np.eye(len(mean)) - directions @ directions.T
    rest = (known - mean) @ removed
    _, size, axes = np.linalg.svd(rest, full_matrices=False)
    kept = axes[: min(_FILLING, int((size > 1e-6 * size[0]).sum()))].T
    scores = rest @ kept
    slopes = np.linalg.lstsq(scores, (known - mean) @ directions, rcond=None)[0]
    matrix = removed + removed @ kept @ slopes @ directions.T
    return matrix, mean - mean @ matrix


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def disturb(wavelengths: np.ndarray, X: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Spectra (n_samples, n_bands) as they would be read under other circumstances, by what was changed."""
    X, rng = np.asarray(X, float), np.random.default_rng(seed)
    return {
        "noise of 0.001 (reflectance)": X + rng.normal(0, 0.001, X.shape),
        "wavelengths off by 1 nm": _move(wavelengths, X, 1),
        "gain of 3 %": 1.03 * X,
        "step of 2 % at 1000 nm": X * np.where(wavelengths > SPLICES[0], 1.02, 1.0),
        "5 % more water": add_constituent(X, wavelengths, "water", 0.05),
        "another instrument": simulate_instrument(wavelengths, X, rng, 0.0002),
    }


def simulate_instrument(
    wavelengths: np.ndarray, X: np.ndarray, rng: np.random.Generator, noise: float = 0.0005
) -> np.ndarray:
    """Spectra as a second instrument reads them: smooth ripple of 3 %, 1 nm off, 5 % gain, other noise."""
    X = np.asarray(X, float)
    periods = [(rng.uniform(150, 600), rng.uniform(0, 2 * np.pi)) for _ in range(3)]
    ripple = sum(np.sin(2 * np.pi * wavelengths / period + phase) for period, phase in periods)
    read = _move(wavelengths, X, rng.choice([-1, 1]))
    gain = 1 + 0.05 * rng.choice([-1, 1])
    read = gain * (1 + 0.03 * ripple / np.abs(ripple).max()) * read
    return np.maximum(read + rng.normal(0, noise, X.shape), 0.001)


def _move(wavelengths: np.ndarray, X: np.ndarray, nm: float) -> np.ndarray:
    """Read spectra (n_samples, n_bands) so far off."""
    return CubicSpline(wavelengths, X, axis=1)(np.clip(wavelengths + nm, wavelengths[0], wavelengths[-1]))


def measure_robustness(
    wavelengths: np.ndarray, X: np.ndarray, y: np.ndarray, predict: Predict, seed: int = 0
) -> pd.DataFrame:
    """What disturbances do to predictions of soils, one row each: the report's table.

    ``predict`` predicts all soils by models that had not seen them, ``y`` are the laboratory's values on the
    same scale. ``change`` and ``bias`` are the root mean square and the mean change of predictions, ``times``
    is the ratio of ``RMSE`` to the undisturbed.
    """
    before = np.ravel(predict(X))
    rows = [("none", 0.0, 0.0, _rms(before - y))]
    for name, disturbed in disturb(wavelengths, X, seed).items():
        after = np.ravel(predict(disturbed))
        rows.append((name, _rms(after - before), float((after - before).mean()), _rms(after - y)))
    table = pd.DataFrame(rows, columns=["disturbance", "change", "bias", "RMSE"])
    return table.assign(times=table["RMSE"] / table["RMSE"].iloc[0])
