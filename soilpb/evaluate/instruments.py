"""Another spectrometer: what it does to predictions, and how soils measured on both bring them back.

All corrections are affine in absorbance, where a gain and a ripple are sums: ``A · matrix + offset``, then
``intercept + slope · prediction``. Which is taken is decided by the pairs alone: each is left out in turn,
and the prediction from its corrected spectrum is compared with that from the first instrument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from chemotools.adaptation import DirectStandardization, PiecewiseDirectStandardization
from chemotools.projection import ExternalParameterOrthogonalization
from scipy.interpolate import CubicSpline

from soilpb.models import storage
from soilpb.simulate.minerals import add_constituent
from soilpb.spectra import SPLICES, absorbance, reflectance_from_absorbance

#: Soils measured on both instruments: fewer say too little, more are not needed.
FEWEST_PAIRS, MOST_PAIRS = 5, 30
#: Bands on either side of a window, and components within, of piecewise direct standardisation.
PDS_SETTINGS = ((1, 1), (2, 1))
#: Directions that orthogonalisation removes.
EPO_COMPONENTS = (1, 2, 3)
#: Components of the calibration that say what stood in a removed direction.
_FILLING = 20

Predict = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Standardisation:
    """How spectra of a second instrument become those of the first, and predictions from them.

    Parameters
    ----------
    method : str
    matrix, offset : (n_bands, n_bands) and (n_bands,) arrays
        Of absorbance.
    slope, intercept : float
        Of predictions, on the modelling scale.
    error : float
        Root mean square difference of predictions between the instruments, of pairs left out.
    errors : dict of str to float
        The same of every method.
    """

    method: str
    matrix: np.ndarray
    offset: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    error: float = np.nan
    errors: dict[str, float] | None = None

    def correct(self, X: np.ndarray) -> np.ndarray:
        """Reflectance as the first instrument reads it, (n_samples, n_bands)."""
        return reflectance_from_absorbance(absorbance(np.asarray(X, float)) @ self.matrix + self.offset)

    def predict(self, predict: Predict, X: np.ndarray) -> np.ndarray:
        """Predict from spectra of the second instrument."""
        return self.intercept + self.slope * np.ravel(predict(self.correct(X)))

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write arrays, card and checksums."""
        numbers = {name: getattr(self, name) for name in ("method", "slope", "intercept", "error", "errors")}
        return storage.save_arrays(folder, {"matrix": self.matrix, "offset": self.offset}, card | numbers)

    @classmethod
    def load(cls, folder: str | Path, n_bands: int, made_by: str = "") -> tuple[Standardisation, dict]:
        """Read it back with its card; a ValueError if it was altered or is of other bands."""

        def build(arrays: dict, card: dict) -> tuple[Standardisation, dict]:
            if arrays["matrix"].shape != (n_bands, n_bands) or arrays["offset"].shape != (n_bands,):
                raise ValueError(f"it has {len(arrays['offset'])} bands, the model {n_bands}")
            numbers = {name: float(card[name]) for name in ("slope", "intercept", "error")}
            finite = all(map(np.isfinite, numbers.values()))
            if not (finite and all(np.isfinite(array).all() for array in arrays.values())):
                raise ValueError("it holds numbers that are not finite")
            made = cls(
                str(card["method"]), arrays["matrix"], arrays["offset"], **numbers, errors=card["errors"]
            )
            return made, card

        return storage.load_arrays(folder, made_by, build)


def standardise(
    master: np.ndarray, slave: np.ndarray, predict: Predict, known: np.ndarray
) -> Standardisation:
    """Choose, by leave-one-out on soils measured on both instruments, how to correct the second, and fit it.

    Parameters
    ----------
    master, slave : (n_pairs, n_bands) arrays
        Reflectance of the same soils on the first and on the second instrument.
    predict : callable
        Predicts from reflectance, on the modelling scale.
    known : (n_samples, n_bands) array
        Reflectance of the calibration soils, on the first instrument.

    Raises
    ------
    ValueError
        With too few or too many pairs, or if the two are not of one shape.
    """
    master, slave = np.asarray(master, float), np.asarray(slave, float)
    if master.shape != slave.shape:
        raise ValueError(f"spectra of the first instrument are {master.shape}, of the second {slave.shape}")
    if not FEWEST_PAIRS <= len(master) <= MOST_PAIRS:
        raise ValueError(
            f"{len(master)} soils were measured on both instruments; {FEWEST_PAIRS} to {MOST_PAIRS} are "
            "needed"
        )
    wanted, errors = np.ravel(predict(master)), {}
    everybody = np.arange(len(master))
    left_out: dict[str, list[np.ndarray]] = {}
    for out in everybody:
        kept = everybody != out
        for name, made in _corrections(master[kept], slave[kept], known):
            left_out.setdefault(name, []).append(made.correct(slave[[out]])[0])
    for name, corrected in left_out.items():
        errors[name] = _rms(np.ravel(predict(np.array(corrected))) - wanted)
    plain = np.ravel(predict(slave))
    lines = [_line(plain[everybody != out], wanted[everybody != out]) for out in everybody]
    errors["slope and bias"] = _rms(
        np.array([a + b * x for (a, b), x in zip(lines, plain, strict=True)]) - wanted
    )
    least = 1.001 * min(errors.values()) + 1e-9 * np.ptp(wanted)  # of equals the simplest
    best = next(name for name, error in errors.items() if error <= least)
    found = {"error": errors[best], "errors": errors}
    if best == "slope and bias":
        intercept, slope = _line(plain, wanted)
        return Standardisation(best, *_identity(master.shape[1]), slope, intercept, **found)
    made = dict(_corrections(master, slave, known))[best]
    return Standardisation(best, made.matrix, made.offset, **found)


def _corrections(
    master: np.ndarray, slave: np.ndarray, known: np.ndarray
) -> Iterator[tuple[str, Standardisation]]:
    """Yield every correction of spectra, fitted to pairs, under its name; the simplest first."""
    first, second, n_bands = absorbance(master), absorbance(slave), master.shape[1]
    identity, mean = np.eye(n_bands), (first - second).mean(axis=0)
    made = {"none": (identity, np.zeros(n_bands)), "mean difference": (identity, mean)}
    direct = DirectStandardization().fit(second - second.mean(axis=0), X_source=first - first.mean(axis=0))
    matrix = direct.V_ds_ @ direct.B_ds_
    made["direct"] = (matrix, first.mean(axis=0) - second.mean(axis=0) @ matrix)
    for window, components in PDS_SETTINGS:
        if components < len(master):
            pds = PiecewiseDirectStandardization(window, components, scale=False).fit(second, X_source=first)
            made[f"piecewise direct, {2 * window + 1} bands, {components}"] = (pds.T_, pds.bias_)
    pairs = np.tile(np.arange(len(master)), 2)
    for k in EPO_COMPONENTS:
        epo = ExternalParameterOrthogonalization(k)
        epo.fit(first, X_external=np.concatenate([first, second]), sample_ids=pairs)
        made[f"orthogonalisation, {k}"] = _fill(epo.V_epo_, absorbance(np.asarray(known, float)))
    for name, (matrix, offset) in made.items():
        yield name, Standardisation(name, matrix, offset)


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


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope of y on x."""
    slope = float(np.cov(x, y)[0, 1] / x.var(ddof=1)) if np.ptp(x) > 0 else 1.0
    return float(y.mean() - slope * x.mean()), slope


def _identity(n_bands: int) -> tuple[np.ndarray, np.ndarray]:
    return np.eye(n_bands), np.zeros(n_bands)


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def disturb(wavelengths: np.ndarray, X: np.ndarray, seed: int = 0) -> dict[str, np.ndarray]:
    """Spectra (n_samples, n_bands) as they would be read under other circumstances, by what was changed."""
    X, rng = np.asarray(X, float), np.random.default_rng(seed)
    shifted = CubicSpline(wavelengths, X, axis=1)(np.clip(wavelengths + 1, wavelengths[0], wavelengths[-1]))
    step = X * np.where(wavelengths > SPLICES[0], 1.02, 1.0)
    return {
        "noise of 0.001 (reflectance)": X + rng.normal(0, 0.001, X.shape),
        "wavelengths off by 1 nm": shifted,
        "gain of 3 %": 1.03 * X,
        "step of 2 % at 1000 nm": step,
        "5 % more water": add_constituent(X, wavelengths, "water", 0.05),
        "another instrument": simulate_instrument(wavelengths, X, rng, 0.0002),
    }


def simulate_instrument(
    wavelengths: np.ndarray, X: np.ndarray, rng: np.random.Generator, noise: float = 0.0005
) -> np.ndarray:
    """Spectra as a second instrument reads them: smooth ripple of 3 %, 1 nm off, 5 % gain, other noise."""
    X = np.asarray(X, float)
    waves = [
        np.sin(2 * np.pi * wavelengths / rng.uniform(150, 600) + rng.uniform(0, 2 * np.pi)) for _ in range(3)
    ]
    ripple = np.sum(waves, axis=0)
    at = np.clip(wavelengths + rng.choice([-1, 1]), wavelengths[0], wavelengths[-1])
    read = CubicSpline(wavelengths, X, axis=1)(at)
    gain = 1 + 0.05 * rng.choice([-1, 1])
    read = gain * (1 + 0.03 * ripple / np.abs(ripple).max()) * read
    return np.maximum(read + rng.normal(0, noise, X.shape), 0.001)


def measure_robustness(
    wavelengths: np.ndarray, X: np.ndarray, y: np.ndarray, predict: Predict, seed: int = 0
) -> pd.DataFrame:
    """What disturbances do to predictions of soils: the report's table.

    ``predict`` takes reflectance of all soils, (n_samples, n_bands), and returns predictions by models that
    had not seen each; ``y`` are the laboratory's values, on the same scale.

    Returns
    -------
    DataFrame
        ``disturbance``, the first of which is none; ``change``, the root mean square change of predictions;
        ``bias``, their mean change; ``RMSE``, and ``times``, its ratio to that without a disturbance.
    """
    before = np.ravel(predict(X))
    rows = [("none", 0.0, 0.0, _rms(before - y))]
    for name, disturbed in disturb(wavelengths, X, seed).items():
        after = np.ravel(predict(disturbed))
        rows.append((name, _rms(after - before), float((after - before).mean()), _rms(after - y)))
    table = pd.DataFrame(rows, columns=["disturbance", "change", "bias", "RMSE"])
    return table.assign(times=table["RMSE"] / table["RMSE"].iloc[0])
