"""A network that sits for explanation: a safe copy, prepared spectra, and a background.

Bands that are not known are taken from the background's soils, and the prediction is
averaged over them. No soil looks like such a mixture: what a network answers off its data
is a property of the network, not of soils.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from soilpb.credit import Attribution
from soilpb.explainable import explainable_copy
from soilpb.network import SpectralNetwork


@dataclass
class Subject:
    """A safe copy of a network, with prepared spectra and background.

    The copy answers in standard deviations of the target: single precision would lose a
    weak signal beside the target's mean. Credit is scaled afterwards.

    Attributes
    ----------
    model : Module
        Maps prepared spectra (n, n_bands) to (n, 1).
    inputs : (n_samples, n_bands) tensor
    background : (n_background, n_bands) tensor
    wavelengths : (n_bands,) array, nm
    mean, sd : float
        Turn an output into the units of the target.
    """

    model: nn.Module
    inputs: torch.Tensor
    background: torch.Tensor
    wavelengths: np.ndarray
    mean: float
    sd: float

    @classmethod
    def of(cls, network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0) -> Subject:
        """Copy a network and prepare reflectance for it.

        Parameters
        ----------
        network : SpectralNetwork
        X, background : (n, n_bands) arrays
            Reflectance of the soils to explain, and of those that stand for "spectrum unknown".
        output : int
            Which property, where the network predicts several.
        """
        if len(background) < 2:
            raise ValueError(f"the background holds {len(background)} spectra; at least 2 are needed")
        return cls(
            explainable_copy(network.network, len(network.properties), output),
            torch.from_numpy(network.prepare(X)),
            torch.from_numpy(network.prepare(background)),
            network.wavelengths,
            *network.output_scale(output),
        )

    def predict(self, inputs: torch.Tensor) -> np.ndarray:
        """Predictions in the units of the target, (n,) float64."""
        with torch.inference_mode():
            return self.mean + self.sd * self.model(inputs)[:, 0].double().numpy()

    def expect(self, known: np.ndarray) -> np.ndarray:
        """Mean prediction of each soil over the background for the bands not known, (n_samples,)."""
        mixed = torch.where(torch.from_numpy(known), self.inputs[:, None], self.background)
        return self.predict(mixed.flatten(0, 1)).reshape(len(self.inputs), -1).mean(axis=1)

    def attribution(self, explainer: str, credit: np.ndarray) -> Attribution:
        """Credit in standard deviations, as an attribution in the units of the target."""
        return Attribution(
            explainer,
            self.wavelengths,
            self.sd * credit.astype(float),
            self.inputs.detach().numpy(),
            self.predict(self.inputs),
            float(self.predict(self.background).mean()),
        )
