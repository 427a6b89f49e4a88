"""Fitted models as arrays and settings: what predicts, without what fitted it, and without a pickle.

Four kinds are enough for every model that a site may keep: a weighted sum of bands, the mean of a
Gaussian process, a residual network, and weighted sums of these. Each takes reflectance as a
fraction, (n_samples, n_bands), and gives (n_samples,) values. :mod:`soilpb.old.frozen` makes them from
fitted estimators.

From fitted estimators to what can be stored of them: :mod:`soilpb.old.frozen`.

Each kind of estimator says here what it predicts with. Whether that is all of it is not taken on
trust: a frozen model must predict what the estimator predicts, or it is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import singledispatch
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.base import RegressorMixin
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.pipeline import Pipeline

from soilpb.models.baselines import QuietGaussianProcess, four_views
from soilpb.models.linear import RidgeKFold
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV, PREPROCESSING
from soilpb.models.transfer import DirectResNet, EmbeddingPLS, TransferRegressor

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


#: Relative to the largest prediction: what rounding may change.
TOLERANCE = 1e-6
#: Spectra that a frozen model is compared on.
N_COMPARED = 10


class CannotFreeze(TypeError):
    """Nobody has said how to store such an estimator without a pickle."""


def freeze(model: RegressorMixin, X: np.ndarray) -> Frozen:
    """Turn a fitted estimator into arrays and settings.

    Parameters
    ----------
    model : fitted regressor
        From :mod:`soilpb.models.baselines`, :mod:`soilpb.models.pls` or :mod:`soilpb.models.transfer`.
    X : (n_samples, n_bands) array
        Reflectance that it was fitted to. A Gaussian process keeps it.

    Raises
    ------
    CannotFreeze
        For an estimator of a kind that is not known here, or that would predict something else.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0.1, 0.6, (30, 12))
    >>> freeze(PLSCV(3).fit(X, X[:, 4]), X).kind
    'linear'
    """
    X = np.asarray(X, dtype=np.float64)
    frozen = _freeze(model, X)
    some = X[:N_COMPARED]
    said, expected = frozen.predict(some), np.ravel(model.predict(some))
    if not np.allclose(said, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max()):
        raise CannotFreeze(f"frozen, {type(model).__name__} predicts {said[0]:.8g}, not {expected[0]:.8g}")
    return frozen


@singledispatch
def _freeze(model: RegressorMixin, X: np.ndarray) -> Frozen:
    raise CannotFreeze(f"{type(model).__name__} cannot be stored as arrays; keep another model")


@_freeze.register
def _(model: PLSCV, X: np.ndarray) -> Linear:
    return Linear(model.preprocessing_, model.coef_, float(model.intercept_))


@_freeze.register
def _(model: Pipeline, X: np.ndarray) -> Frozen:
    """A view, standardised, and a regressor behind: see :mod:`soilpb.models.baselines`."""
    regressor = model[-1]
    if not isinstance(regressor, RidgeKFold | QuietGaussianProcess):
        return _freeze(regressor, X)
    view, scaler = _view_of(model[:-2], X[:N_COMPARED]), model[-2][0]
    mean, sd = scaler.mean_, scaler.scale_ * np.sqrt(scaler.mean_.size)
    if isinstance(regressor, RidgeKFold):
        coefficients = regressor.coef_ / sd
        return Linear(view, coefficients, float(regressor.intercept_ - mean @ coefficients))
    signal, matern = regressor.kernel_.k1.k1, regressor.kernel_.k1.k2
    return Process(
        view,
        mean,
        sd,
        X,
        regressor.alpha_,
        signal=float(signal.constant_value),
        length=float(matern.length_scale),
        level=float(regressor._y_train_mean),
        spread=float(regressor._y_train_std),
    )


@_freeze.register
def _(model: VotingRegressor, X: np.ndarray) -> Sum:
    members = tuple(_freeze(member, X) for member in model.estimators_)
    weights = np.ones(len(members)) if model.weights is None else np.asarray(model.weights, dtype=float)
    return Sum(members, tuple((weights / weights.sum()).tolist()))


@_freeze.register
def _(model: StackingRegressor, X: np.ndarray) -> Sum:
    members, final = tuple(_freeze(member, X) for member in model.estimators_), model.final_estimator_
    return Sum(members, tuple(final.coef_.tolist()), float(final.intercept_))


@_freeze.register
def _(model: DirectResNet, X: np.ndarray) -> Network:
    return Network(model.network_, np.ones(1))


@_freeze.register
def _(model: TransferRegressor, X: np.ndarray) -> Frozen:
    if model.strategy == "embedding_pls":
        return _freeze(model.regressor_, X)
    return Network(model.network_, np.ones(1))


@_freeze.register
def _(model: EmbeddingPLS, X: np.ndarray) -> Sum:
    """All scales are folded into the weights: what remains is linear in the network and in derivatives."""
    blocks, ridge = model.blocks_, model.ridge_
    n_columns = blocks.features.mean.size
    of_network = ridge.coef_[:n_columns] / blocks.features.sd
    of_scores = model.score_weight * ridge.coef_[n_columns:] / blocks.scores.sd
    of_bands = blocks.pls.x_rotations_ @ of_scores
    at_zero = (
        of_network @ blocks.features.mean + of_scores @ blocks.scores.mean + of_bands @ blocks.pls._x_mean
    )
    if model.view == "predictions":
        of_network = of_network / model.source.output_scaling.sd
        at_zero += of_network @ model.source.output_scaling.mean
    network = Network(model.source, of_network, model.view)
    return Sum((network, Linear("d1", of_bands, float(ridge.intercept_ - at_zero))), (1.0, 1.0))


def _view_of(steps: Pipeline, X: np.ndarray) -> str:
    """Key of the view that does to spectra what the steps do."""
    found = steps.transform(X)
    for name, make in VIEWS.items():
        view = make().fit_transform(X)
        if view.shape == found.shape and np.allclose(view, found):
            return name
    raise CannotFreeze(f"a pipeline looks at spectra in none of the ways known: {', '.join(VIEWS)}")
