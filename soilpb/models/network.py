"""A network with its scales: reflectance goes in, properties come out in their units.

The network sees preprocessed absorbance, each band standardised by the soils it was trained on. Scales,
grid and names of properties travel with the weights: without them weights are only numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import BaseModel

from soilpb.models import storage
from soilpb.models.preprocessing import Scaling, preprocess
from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.models.training import TrainingConfig, evaluate, fit_network, reproducible

_SCALINGS = ("input_scaling", "output_scaling")


class NetworkCard(BaseModel):
    """What the card of a stored network must say, beside whatever else it says."""

    architecture: ResNetConfig
    training: TrainingConfig | None
    wavelengths: storage.Wavelengths
    properties: tuple[str, ...]
    history: list[dict[str, float]]


@dataclass(eq=False)
class SpectralNetwork:
    """A residual network, the grid and the scales it was made for: see :meth:`fit`, :meth:`load`."""

    network: ResNet1d  # maps standardised spectra to standardised properties
    wavelengths: np.ndarray  # (n_bands,), nm
    properties: tuple[str, ...]  # what is predicted, with units, such as ("Pb_mg_kg",)
    input_scaling: Scaling
    output_scaling: Scaling
    history: list[dict[str, float]] = field(default_factory=list, repr=False)  # one entry per epoch
    training: TrainingConfig | None = None  # how it was trained last

    @classmethod
    def random(
        cls,
        X: np.ndarray,
        wavelengths: np.ndarray,
        properties: Sequence[str] = ("random",),
        config: ResNetConfig | None = None,
        seed: int = 0,
    ) -> SpectralNetwork:
        """Make an untrained network whose input scales are learned from ``X``: the control of transfer."""
        wavelengths, properties = np.array(wavelengths, dtype=np.float64), tuple(properties)
        config = config or ResNetConfig(len(wavelengths), len(properties))
        if (config.n_bands, config.n_outputs) != (len(wavelengths), len(properties)):
            raise ValueError(
                f"config has {config.n_bands} bands and {config.n_outputs} outputs; "
                f"the data have {len(wavelengths)} bands and {len(properties)} properties"
            )
        with reproducible(seed):
            network = ResNet1d(config).eval()
        scaling = Scaling.learn(preprocess(_on_grid(X, wavelengths), config.preprocessing))
        unit = Scaling(np.zeros(len(properties)), np.ones(len(properties)))
        return cls(network, wavelengths, properties, scaling, unit)

    @classmethod
    def fit(
        cls,
        X: np.ndarray,
        Y: np.ndarray,
        wavelengths: np.ndarray,
        properties: Sequence[str],
        config: ResNetConfig | None = None,
        training: TrainingConfig | None = None,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        progress: str = "",
    ) -> SpectralNetwork:
        """Train a network from scratch on the rows given, and on nothing else.

        Parameters
        ----------
        X, Y : (n_samples, n_bands), (n_samples,) or (n_samples, n_properties) arrays
            Reflectance, and values in the units of ``properties``; NaN where not measured. Shapes that
            disagree, a flat spectrum and a property that does not vary are a ValueError.
        wavelengths : (n_bands,) array, nm
        validation : (X, Y), optional
            Soils to report R² on after each epoch.
        progress : str
            Description of a progress bar; none if empty.
        """
        training = training or TrainingConfig()
        made = cls.random(X, wavelengths, properties, config, training.seed)
        made.set_outputs(Y, properties)
        made.train(X, Y, training, validation, progress)
        return made

    @property
    def n_parameters(self) -> int:
        """Number of weights that training can change."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def prepare(self, X: np.ndarray) -> np.ndarray:
        """Turn reflectance (n_samples, n_bands) into what the network sees, float32."""
        X = _on_grid(X, self.wavelengths)
        return self.input_scaling.apply(preprocess(X, self.network.config.preprocessing))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples, n_properties) in the units of ``properties``."""
        return self.output_scaling.invert(evaluate(self.network, self.prepare(X)))

    def embed(self, X: np.ndarray) -> np.ndarray:
        """Features before the head, (n_samples, n_features) float32."""
        return evaluate(self.network, self.prepare(X), "embed")

    def output_scale(self, output: int = 0) -> tuple[float, float]:
        """Mean and standard deviation that turn one output into its units."""
        return float(self.output_scaling.mean[output]), float(self.output_scaling.sd[output])

    def set_outputs(self, Y: np.ndarray, properties: Sequence[str]) -> None:
        """Learn the scales of the properties from (n_samples, n_properties) training values."""
        Y = _columns(Y, properties)
        for values, name in zip(Y.T, properties, strict=True):
            known = values[np.isfinite(values)]
            if known.size < 2 or np.ptp(known) == 0:
                raise ValueError(f"{name} has {known.size} values and does not vary: nothing to learn")
        self.properties, self.output_scaling = tuple(properties), Scaling.learn(Y, floor=0.0)

    def train(
        self,
        X: np.ndarray,
        Y: np.ndarray,
        training: TrainingConfig,
        validation: tuple[np.ndarray, np.ndarray] | None = None,
        progress: str = "",
    ) -> None:
        """Train what is not frozen, in place, keeping all scales (arguments as in :meth:`fit`)."""
        if len(X) != len(Y):
            raise ValueError(f"got {len(X)} spectra but {len(Y)} values")
        if validation is not None:
            validation = self.prepare(validation[0]), self._standardise(validation[1])
        self.training = training
        self.history = fit_network(
            self.network, self.prepare(X), self._standardise(Y), training, validation, progress
        )

    def save(self, folder: str | Path, **card: Any) -> Path:
        """Write the network to a folder, with a card that also says what ``card`` says."""
        state = self.__getstate__()
        return storage.save_fitted(folder, state["arrays"], card | state["card"])

    @classmethod
    def load(cls, folder: str | Path, made_by: str = "") -> SpectralNetwork:
        """Read a network back (arguments and errors: :func:`soilpb.models.storage.load_fitted`)."""
        return storage.load_fitted(folder, made_by, cls._remake)

    def __getstate__(self) -> dict[str, Any]:
        """All that it is, in arrays and settings: copies and stored models are made of these."""
        arrays = {f"network.{name}": value.numpy() for name, value in self.network.state_dict().items()}
        for key in _SCALINGS:
            scaling = getattr(self, key)
            arrays |= {f"{key}.mean": scaling.mean, f"{key}.sd": scaling.sd}
        card = {
            "architecture": asdict(self.network.config),
            "training": asdict(self.training) if self.training else None,
            "wavelengths": self.wavelengths.tolist(),
            "properties": self.properties,
            "parameters": self.n_parameters,
            "history": self.history,
        }
        return {"arrays": arrays, "card": card}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Make it again from both."""
        vars(self).update(vars(self._remake(**state)))

    @classmethod
    def _remake(cls, arrays: Mapping[str, np.ndarray], card: Mapping[str, Any]) -> SpectralNetwork:
        told = NetworkCard.model_validate(card)
        with torch.device("meta"):  # shapes alone: nothing is allocated for what a card says
            network = ResNet1d(told.architecture).eval()
        weights, sizes = network.state_dict(), (len(told.wavelengths), len(told.properties))
        shapes = {f"network.{name}": weight.shape for name, weight in weights.items()}
        shapes |= {
            f"{key}.{of}": (n,) for key, n in zip(_SCALINGS, sizes, strict=True) for of in ("mean", "sd")
        }
        same = sizes == (told.architecture.n_bands, told.architecture.n_outputs)
        if not same or {name: array.shape for name, array in arrays.items()} != shapes:
            raise ValueError("weights, scales, bands or properties do not have the network's shapes")
        if broken := [name for name, array in arrays.items() if not np.isfinite(array).all()]:
            raise ValueError(f"{broken[0]} is not finite")
        parts = {name: torch.tensor(arrays[f"network.{name}"], dtype=w.dtype) for name, w in weights.items()}
        network.load_state_dict(parts, assign=True)
        network.to(memory_format=torch.channels_last)
        scales = (Scaling(arrays[f"{key}.mean"], arrays[f"{key}.sd"]) for key in _SCALINGS)
        grid = np.array(told.wavelengths)
        return cls(network, grid, told.properties, *scales, told.history, told.training)

    def _standardise(self, Y: np.ndarray) -> np.ndarray:
        return self.output_scaling.apply(_columns(Y, self.properties))


def _on_grid(X: np.ndarray, wavelengths: np.ndarray) -> np.ndarray:
    """Return spectra as they are if they have the network's bands."""
    X = np.asarray(X)
    if X.ndim != 2 or X.shape[1] != len(wavelengths):
        raise ValueError(
            f"got spectra of shape {X.shape}; the network takes (n_samples, {len(wavelengths)}) on "
            f"{wavelengths[0]:g}–{wavelengths[-1]:g} nm: resample them to its grid"
        )
    return X


def _columns(Y: np.ndarray, properties: Sequence[str]) -> np.ndarray:
    """Values as (n_samples, n_properties) float64."""
    Y = np.asarray(Y, dtype=np.float64)
    Y = Y[:, None] if Y.ndim == 1 else Y
    if Y.shape[1] != len(properties):
        raise ValueError(f"got values of shape {Y.shape} for {len(properties)} properties: {properties}")
    return Y
