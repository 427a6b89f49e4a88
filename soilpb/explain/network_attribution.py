"""Attribution of a network's predictions to bands: SHAP as in the study, and independent checks of it.

DeepExplainer and DeepLiftShap replace the gradient of each activation *module* by a rule that needs that
module's own input and output. An activation that is no module (``F.relu``), overwrites its input
(``inplace=True``) or is called twice is explained wrongly, and silently so: :func:`trace_network` refuses
all three. Explainers also leave hooks behind that corrupt a state dict, so they only ever get a copy.

Bands are the network's own inputs (absorbance, SNV, standardised). A band that is not known takes its value
from background soils, and the prediction is averaged over them: *interventional* Shapley values. No soil
looks like such a mixture: what a network predicts there is a property of the network.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from soilpb.explain.attribution import Attribution
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import reproducible

#: Layers that pass attributions on unchanged: linear in their input at evaluation.
LINEAR_LAYERS = (
    *(nn.AdaptiveAvgPool1d, nn.AvgPool1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.Conv1d, nn.Conv2d),
    *(nn.Dropout, nn.Flatten, nn.Identity, nn.Linear),
)
#: Activations for which shap and captum apply the same rule (captum has none for GELU).
ACTIVATIONS = (nn.ELU, nn.LeakyReLU, nn.ReLU, nn.Sigmoid, nn.Softplus, nn.Tanh)
#: What a forward pass may do outside a layer: add branches, and change shapes.
_BETWEEN_LAYERS = frozenset(
    "add cat dim flatten getattr getitem permute reshape size squeeze unsqueeze view".split()
)
#: Samples that captum explains at once, each against the whole background.
_CHUNK = 16
#: Steps of integrated gradients, tried in turn, until the sum is right to this share of the sd.
_STEPS = (64, 128, 256, 512, 1024, 2048)
_PATH_TOLERANCE = 0.02


class UnexplainableError(TypeError):
    """DeepLIFT's rules would explain this network wrongly; the message says where and why."""


@reproducible(seed=0)
def deep_shap(network: SpectralNetwork, X: np.ndarray, background: np.ndarray) -> Attribution:
    """Compute SHAP values by DeepExplainer (Lundberg & Lee 2017, NeurIPS 30).

    Parameters
    ----------
    network : SpectralNetwork
        Of one property. Explained on a copy; it is bit-equal afterwards.
    X, background : (n, n_bands) arrays
        Reflectance of the soils to explain, and of those that stand for "spectrum unknown".

    Raises
    ------
    UnexplainableError
        If the rules do not hold for the network (functional, in-place, shared activation).
    ArithmeticError
        If attributions do not add up to 1e-4 of the predictions' standard deviation.
    """
    copied = ExplainableNetwork.prepare(network, X, background)
    copied.model = trace_network(copied.model)
    with warnings.catch_warnings(action="ignore"):
        import shap  # here, as captum below: they take seconds to import, and warn then and later

        values = shap.DeepExplainer(copied.model, copied.background).shap_values(copied.inputs)[..., 0]
    return copied.attribution("DeepExplainer", values).require_additivity()


@reproducible(seed=0)
def deep_lift_shap(network: SpectralNetwork, X: np.ndarray, background: np.ndarray) -> Attribution:
    """Compute the same values with captum's independent, faster implementation.

    Parameters, errors and result are those of :func:`deep_shap`.
    """
    copied = ExplainableNetwork.prepare(network, X, background)
    copied.model = trace_network(copied.model)
    return copied.ask_captum("DeepLiftShap").require_additivity()


@reproducible(seed=0)
def integrated_gradients(network: SpectralNetwork, X: np.ndarray, background: np.ndarray) -> Attribution:
    """Integrate gradients along the straight line from the mean background spectrum.

    No rules, so any differentiable network will do; the base is the prediction *of* the mean background.
    Activations put kinks into the path, so steps are doubled until attributions add up to 2 % of the
    predictions' sd. Source: Sundararajan, Taly & Yan (2017), arXiv:1703.01365.
    """
    copied = ExplainableNetwork.prepare(network, X, background)
    copied.background = copied.background.mean(dim=0, keepdim=True)
    for steps in _STEPS:
        explained = copied.ask_captum("IntegratedGradients", n_steps=steps, method="riemann_middle")
        if explained.additivity_error <= _PATH_TOLERANCE:
            break
    return explained.require_additivity(_PATH_TOLERANCE)


@dataclass
class ExplainableNetwork:
    """A safe copy ``model`` of a network, (n, n_bands) to (n, 1) in sd of the target, and prepared spectra.

    Single precision would lose a weak signal beside the target's mean: ``mean`` and ``sd`` stay outside.
    """

    model: nn.Module
    inputs: Tensor
    background: Tensor
    wavelengths: np.ndarray
    mean: float
    sd: float

    @classmethod
    def prepare(cls, network: SpectralNetwork, X: np.ndarray, background: np.ndarray) -> ExplainableNetwork:
        """Copy a network and prepare reflectance for it; parameters as for :func:`deep_shap`."""
        if len(background) < 2:
            raise ValueError(f"the background holds {len(background)} spectra; at least 2 are needed")
        if len(network.properties) > 1:
            raise ValueError(f"the network predicts {', '.join(network.properties)}; expected one property")
        model = copy.deepcopy(network.network).eval().requires_grad_(False)
        inputs, unknown = (torch.from_numpy(network.prepare(spectra)) for spectra in (X, background))
        return cls(model, inputs, unknown, network.wavelengths, *network.output_scale())

    def predict(self, inputs: Tensor) -> np.ndarray:
        """Predictions in the units of the target, (n,) float64."""
        with torch.inference_mode():
            return self.mean + self.sd * self.model(inputs)[:, 0].double().numpy()

    def expect(self, known: np.ndarray) -> np.ndarray:
        """Mean prediction of each soil over the background for the bands not known, (n_samples,)."""
        mixed = torch.where(torch.from_numpy(known), self.inputs[:, None], self.background)
        return self.predict(mixed.flatten(0, 1)).reshape(len(self.inputs), -1).mean(axis=1)

    def ask_captum(self, explainer: str, **options: Any) -> Attribution:
        """Explain by one of captum's classes."""
        with warnings.catch_warnings(action="ignore"):
            from captum import attr

            ask = getattr(attr, explainer)(self.model).attribute
            chunks = [ask(x, self.background, **options).detach() for x in self.inputs.split(_CHUNK)]
        return self.attribution(explainer, torch.cat(chunks).numpy())

    def attribution(self, explainer: str, values: np.ndarray) -> Attribution:
        """Turn values in standard deviations into an attribution in the units of the target."""
        values, base = self.sd * values.astype(float), float(self.predict(self.background).mean())
        inputs, predicted = self.inputs.detach().numpy(), self.predict(self.inputs)
        return Attribution(explainer, self.wavelengths, values, inputs, predicted, base)


def trace_network(network: nn.Module) -> fx.GraphModule:
    """Trace a network's forward pass, or raise :class:`UnexplainableError` if DeepLIFT's rules do not hold.

    The traced network has the same layers, and ``h += x`` overwrites nothing in it. Source: Shrikumar et al.
    (2017), arXiv:1704.02685.

    Examples
    --------
    >>> relu = nn.ReLU()
    >>> trace_network(nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)))
    Traceback (most recent call last):
    ...
    soilpb.explain.network_attribution.UnexplainableError: ReLU '1' is called 2 times in one forward pass: ...
    """
    modules = dict(network.named_modules())
    try:
        traced = fx.symbolic_trace(network)
    except (fx.proxy.TraceError, TypeError) as error:
        raise UnexplainableError(f"the forward pass overwrites or depends on values: {error}") from None
    calls = Counter(node.target for node in traced.graph.nodes if node.op == "call_module")
    for name, module in modules.items():
        what, activation = f"{type(module).__name__} {name!r}", isinstance(module, ACTIVATIONS)
        if activation and getattr(module, "inplace", False):
            raise UnexplainableError(
                f"{what} works in place: it overwrites the input its rule needs; set inplace=False"
            )
        if activation and calls[name] > 1:
            raise UnexplainableError(
                f"{what} is called {calls[name]} times in one forward pass: the rule would see only the last "
                "call; give each use its own nn.ReLU()"
            )
        if not any(module.children()) and not isinstance(module, LINEAR_LAYERS + ACTIVATIONS):
            known = ", ".join(layer.__name__ for layer in ACTIVATIONS + LINEAR_LAYERS)
            raise UnexplainableError(f"{what} has no rule; layers with one are {known}")
    for node in traced.graph.nodes:
        function = getattr(node.target, "__name__", node.target)
        if node.op in ("call_function", "call_method") and function not in _BETWEEN_LAYERS:
            raise UnexplainableError(
                f"the forward pass calls {function} outside a layer, where no rule reaches it: "
                "use a module of its own, such as nn.ReLU() for F.relu"
            )
    return traced
