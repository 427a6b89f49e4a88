"""Fitted models as arrays and settings: what predicts, without what fitted it, and without a pickle.

Four kinds are enough for every model that a site may keep: a weighted sum of bands, the mean of a
Gaussian process, a residual network, and weighted sums of these. Each takes reflectance as a
fraction, (n_samples, n_bands), and gives (n_samples,) values. :mod:`soilpb.freezing` makes them from
fitted estimators.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.pipeline import Pipeline

from soilpb.baselines import four_views
from soilpb.network import SpectralNetwork
from soilpb.pls import PREPROCESSING

Arrays = Mapping[str, np.ndarray]

#: How spectra may be looked at. None of these learns from other spectra.
VIEWS: dict[str, Callable[[], Pipeline]] = {**PREPROCESSING, "four": four_views}


class Frozen(Protocol):
    """What a stored model can do."""

    kind: ClassVar[str]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) values from reflectance (n_samples, n_bands)."""

    def arrays(self) -> Arrays:
        """All that it has learned, by names."""

    def settings(self) -> dict[str, Any]:
        """What JSON can say of the rest, its kind included."""

    @classmethod
    def thaw(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from both."""


def thaw(arrays: Arrays, settings: Mapping[str, Any]) -> Frozen:
    """Make a model from what :meth:`Frozen.arrays` and :meth:`Frozen.settings` gave.

    Examples
    --------
    >>> mean = Linear("raw", np.array([0.5, 0.5]), 1.0)  # of two bands' absorbance
    >>> thaw(mean.arrays(), mean.settings()).predict(np.array([[0.1, 0.001]])).round(2)
    array([2.85])
    """
    rest = dict(settings)
    return _KINDS[rest.pop("kind")].thaw(arrays, rest)


class _Plain:
    """Arrays and settings are the fields themselves."""

    kind: ClassVar[str]

    def arrays(self) -> Arrays:
        """Fields that are arrays."""
        return {name: value for name, value in vars(self).items() if isinstance(value, np.ndarray)}

    def settings(self) -> dict[str, Any]:
        """All other fields."""
        return {"kind": self.kind, **{k: v for k, v in vars(self).items() if not isinstance(v, np.ndarray)}}

    @classmethod
    def thaw(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it of its fields."""
        return cls(**arrays, **settings)


@dataclass(frozen=True, eq=False)
class Linear(_Plain):
    """Weighted sum of the bands of a view: PLS and ridge alike.

    Attributes
    ----------
    view : str
        Key of :data:`VIEWS`.
    coefficients : (n_features,) array
    intercept : float
    """

    kind = "linear"
    view: str
    coefficients: np.ndarray
    intercept: float

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Weigh what the view shows."""
        return _seen(self.view, X) @ self.coefficients + self.intercept


@dataclass(frozen=True, eq=False)
class Process(_Plain):
    """Mean of a Gaussian process with a Matérn kernel of ν = 3/2 (Rasmussen & Williams 2006, eq. 2.27).

    Attributes
    ----------
    view : str
        Key of :data:`VIEWS`; its features are standardised by ``mean`` and ``sd``, (n_features,) arrays.
    spectra : (n_known, n_bands) array
        Reflectance of the soils that it was fitted to.
    weights : (n_known,) array
        What the likeness to each of them counts.
    signal, length : float
        Variance and length scale of the kernel.
    level, spread : float
        Mean and standard deviation of the target.
    """

    kind = "process"
    view: str
    mean: np.ndarray
    sd: np.ndarray
    spectra: np.ndarray
    weights: np.ndarray
    signal: float
    length: float
    level: float
    spread: float

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Weigh the soils that the process was fitted to by their likeness."""
        new, known = ((_seen(self.view, spectra) - self.mean) / self.sd for spectra in (X, self.spectra))
        distance = np.sqrt(3) * cdist(new, known) / self.length
        likeness = self.signal * (1 + distance) * np.exp(-distance)
        return self.level + self.spread * (likeness @ self.weights)


@dataclass(frozen=True, eq=False)
class Network:
    """Weighted sum of what a residual network predicts, or of its features.

    Attributes
    ----------
    network : SpectralNetwork
    weights : (n_properties,) or (n_features,) array
    of : {"predictions", "features"}
    """

    kind = "network"
    network: SpectralNetwork
    weights: np.ndarray
    of: str = "predictions"

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Weigh what the network says."""
        known = self.network.predict(X) if self.of == "predictions" else self.network.embed(X)
        return known.astype(np.float64) @ self.weights

    def arrays(self) -> Arrays:
        """Weights, scales, and the weights of what it says."""
        parts = self.network.parts()
        flat = {f"{part}.{name}": value for part, values in parts.items() for name, value in values.items()}
        return {**flat, "weights": self.weights}

    def settings(self) -> dict[str, Any]:
        """Its architecture, and what it was made for."""
        made_for = {"wavelengths": self.network.wavelengths, "properties": self.network.properties}
        architecture = asdict(self.network.network.config)
        return {"kind": self.kind, "of": self.of, "architecture": architecture, **made_for}

    @classmethod
    def thaw(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make the network, and what weighs it."""
        parts: dict[str, dict[str, np.ndarray]] = {}
        for key in arrays.keys() - {"weights"}:
            part, _, name = key.partition(".")
            parts.setdefault(part, {})[name] = arrays[key]
        return cls(SpectralNetwork.of_parts(parts, settings), arrays["weights"], settings["of"])


@dataclass(frozen=True, eq=False)
class Sum:
    """Weighted sum of members: averages, stacks, features beside scores.

    Attributes
    ----------
    members : tuple of Frozen
    weights : tuple of float
    intercept : float
    """

    kind = "sum"
    members: tuple[Frozen, ...]
    weights: tuple[float, ...]
    intercept: float = 0.0

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Add what the members predict."""
        said = (w * member.predict(X) for w, member in zip(self.weights, self.members, strict=True))
        return sum(said) + self.intercept

    def arrays(self) -> Arrays:
        """Those of all members."""
        return numbered(self.members)

    def settings(self) -> dict[str, Any]:
        """Those of all members, and how they are weighed."""
        members = [member.settings() for member in self.members]
        return {"kind": self.kind, "members": members, "weights": self.weights, "intercept": self.intercept}

    @classmethod
    def thaw(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make all members."""
        members = thaw_numbered(arrays, settings["members"])
        return cls(members, tuple(settings["weights"]), settings["intercept"])


def numbered(members: tuple[Frozen, ...]) -> Arrays:
    """Arrays of several models, each name behind the model's number."""
    return {f"{i}.{name}": a for i, member in enumerate(members) for name, a in member.arrays().items()}


def thaw_numbered(arrays: Arrays, settings: list[Mapping[str, Any]]) -> tuple[Frozen, ...]:
    """Make several models from :func:`numbered` arrays and the settings of each."""
    return tuple(
        thaw({name[len(f"{i}.") :]: a for name, a in arrays.items() if name.startswith(f"{i}.")}, one)
        for i, one in enumerate(settings)
    )


def _seen(view: str, X: np.ndarray) -> np.ndarray:
    """Reflectance as a view shows it, in double precision."""
    return VIEWS[view]().fit_transform(np.asarray(X, dtype=np.float64))


_KINDS: dict[str, type[Frozen]] = {kind.kind: kind for kind in (Linear, Process, Network, Sum)}
