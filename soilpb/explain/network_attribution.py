"""Attribution of a network's predictions to bands: SHAP as in the study, and independent checks of it.

DeepExplainer and DeepLiftShap replace the gradient of each activation *module* by a rule that needs that
module's own input and output. An activation that is no module (``F.relu``), overwrites its input
(``inplace=True``) or is called twice is explained wrongly, and silently so: :func:`check_explainable` finds
all three. Explainers also leave hooks behind that corrupt a state dict, so they only ever get a copy.

Bands are the network's own inputs (absorbance, SNV, standardised). A band that is not known takes its value
from background soils, and the prediction is averaged over them: *interventional* Shapley values. No soil
looks like such a mixture: what a network predicts there is a property of the network.
"""

from __future__ import annotations

import copy
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

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
    "__add__ __get__ __getitem__ add cat dim flatten permute reshape size squeeze unsqueeze view".split()
)
#: Samples that captum explains at once, each against the whole background.
_CHUNK = 16
#: Steps of integrated gradients, tried in turn, until the sum is right to this share of the sd.
_STEPS = (64, 128, 256, 512, 1024, 2048)
_PATH_TOLERANCE = 0.02


class UnexplainableError(TypeError):
    """DeepLIFT's rules would explain this network wrongly; the message says where and why."""


@reproducible(seed=0)
def deep_shap(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
) -> Attribution:
    """Compute SHAP values by DeepExplainer (Lundberg & Lee 2017, NeurIPS 30).

    Parameters
    ----------
    network : SpectralNetwork
        Explained on a copy; it is bit-equal afterwards.
    X, background : (n, n_bands) arrays
        Reflectance of the soils to explain, and of those that stand for "spectrum unknown".
    output : int
        Which property, where the network predicts several.

    Raises
    ------
    UnexplainableError
        If the rules do not hold for the network (functional, in-place, shared activation).
    ArithmeticError
        If attributions do not add up to 1e-4 of the predictions' standard deviation.
    """
    check_explainable(network.network, network.wavelengths.size)
    copied = ExplainableNetwork.prepare(network, X, background, output)
    with _without_library_warnings():
        import shap  # here, as captum below: they take seconds to import and warn while they do

        values = shap.DeepExplainer(copied.model, copied.background).shap_values(copied.inputs)[..., 0]
    return copied.attribution("DeepExplainer", values).require_additivity()


@reproducible(seed=0)
def deep_lift_shap(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
) -> Attribution:
    """Compute the same values with captum's independent, faster implementation.

    Parameters, errors and result are those of :func:`deep_shap`.
    """
    check_explainable(network.network, network.wavelengths.size)
    copied = ExplainableNetwork.prepare(network, X, background, output)
    with _without_library_warnings():
        from captum.attr import DeepLiftShap

        explainer = DeepLiftShap(copied.model)
        chunks = [explainer.attribute(x, copied.background).detach() for x in copied.inputs.split(_CHUNK)]
    return copied.attribution("DeepLiftShap", torch.cat(chunks).numpy()).require_additivity()


@reproducible(seed=0)
def integrated_gradients(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
) -> Attribution:
    """Integrate gradients along the straight line from the mean background spectrum.

    No rules, so any differentiable network will do; the base is the prediction *of* the mean background.
    Activations put kinks into the path, so steps are doubled until attributions add up to 2 % of the
    predictions' sd. Source: Sundararajan, Taly & Yan (2017), arXiv:1703.01365.
    """
    copied = ExplainableNetwork.prepare(network, X, background, output)
    copied.background = copied.background.mean(dim=0, keepdim=True)
    with _without_library_warnings():
        from captum.attr import IntegratedGradients
    integrate = IntegratedGradients(copied.model).attribute
    for steps in _STEPS:
        chunks = [
            integrate(x, copied.background, n_steps=steps, method="riemann_middle").detach()
            for x in copied.inputs.split(_CHUNK)
        ]
        explained = copied.attribution("IntegratedGradients", torch.cat(chunks).numpy())
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
    def prepare(
        cls, network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
    ) -> ExplainableNetwork:
        """Copy a network and prepare reflectance for it; parameters as for :func:`deep_shap`."""
        if len(background) < 2:
            raise ValueError(f"the background holds {len(background)} spectra; at least 2 are needed")
        # a linear layer picks the output, so that the rules hold through it
        pick = nn.Linear(len(network.properties), 1, bias=False)
        with torch.no_grad():
            pick.weight.copy_(torch.eye(len(network.properties))[[output]])
        return cls(
            nn.Sequential(copy.deepcopy(network.network), pick).eval().requires_grad_(False),
            torch.from_numpy(network.prepare(X)),
            torch.from_numpy(network.prepare(background)),
            network.wavelengths,
            *network.output_scale(output),
        )

    def predict(self, inputs: Tensor) -> np.ndarray:
        """Predictions in the units of the target, (n,) float64."""
        with torch.inference_mode():
            return self.mean + self.sd * self.model(inputs)[:, 0].double().numpy()

    def expect(self, known: np.ndarray) -> np.ndarray:
        """Mean prediction of each soil over the background for the bands not known, (n_samples,)."""
        mixed = torch.where(torch.from_numpy(known), self.inputs[:, None], self.background)
        return self.predict(mixed.flatten(0, 1)).reshape(len(self.inputs), -1).mean(axis=1)

    def attribution(self, explainer: str, values: np.ndarray) -> Attribution:
        """Turn values in standard deviations into an attribution in the units of the target."""
        return Attribution(
            explainer,
            self.wavelengths,
            self.sd * values.astype(float),
            self.inputs.detach().numpy(),
            self.predict(self.inputs),
            float(self.predict(self.background).mean()),
        )


def check_explainable(network: nn.Module, n_bands: int) -> None:
    """Raise :class:`UnexplainableError` unless DeepLIFT's rules hold for every step of the forward pass.

    A copy is run once, on zeros of ``n_bands`` bands. Source: Shrikumar et al. (2017), arXiv:1704.02685.

    Examples
    --------
    >>> relu = nn.ReLU()
    >>> check_explainable(nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)), 4)
    Traceback (most recent call last):
    ...
    soilpb.explain.network_attribution.UnexplainableError: ReLU '1' is called 2 times in one forward pass: ...
    """
    names = {module: name for name, module in network.named_modules()}
    for module, name in names.items():
        what = f"{type(module).__name__} {name!r}"
        if getattr(module, "inplace", False) and isinstance(module, ACTIVATIONS):
            raise UnexplainableError(
                f"{what} works in place: it overwrites the input its rule needs; set inplace=False"
            )
        if not any(module.children()) and not isinstance(module, LINEAR_LAYERS + ACTIVATIONS):
            known = ", ".join(layer.__name__ for layer in ACTIVATIONS + LINEAR_LAYERS)
            raise UnexplainableError(f"{what} has no rule; layers with one are {known}")
    calls, between = _record_forward_pass(network, n_bands)
    for module, count in calls.items():
        if count > 1 and isinstance(module, ACTIVATIONS):
            raise UnexplainableError(
                f"{type(module).__name__} {names[module]!r} is called {count} times in one forward pass: "
                "the rule would see only the last call; give each use its own nn.ReLU()"
            )
    for function in between:
        if function.rsplit(".", 1)[-1] not in _BETWEEN_LAYERS:
            raise UnexplainableError(
                f"the forward pass calls {function} outside a layer, where no rule reaches it: "
                "use a module of its own (nn.ReLU() for F.relu), and h = h + x for h += x"
            )


def _record_forward_pass(network: nn.Module, n_bands: int) -> tuple[Counter[nn.Module], list[str]]:
    """Run a copy once: how often each layer is called, and what is called between layers."""
    probe = copy.deepcopy(network).eval()
    calls: Counter[nn.Module] = Counter()
    running, between = [], []

    class Recorder(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            if not running:
                between.append(resolve_name(function) or getattr(function, "__name__", repr(function)))
            return function(*args, **(kwargs or {}))

    for own, original in zip(probe.modules(), network.modules(), strict=True):
        if not any(own.children()):
            own.register_forward_pre_hook(lambda *_, layer=original: running.append(calls.update([layer])))
            own.register_forward_hook(lambda *_: running.pop() and None)
    spectra = torch.zeros(2, n_bands)
    with torch.no_grad(), Recorder():
        probe(spectra)
    return calls, between


@contextmanager
def _without_library_warnings() -> Iterator[None]:
    """Silence what shap (numpy's and matplotlib's new ways), captum (its hooks) and tqdm always say."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The set_(bad|over|under) function", PendingDeprecationWarning)
        warnings.filterwarnings("ignore", "IProgress not found")
        warnings.filterwarnings("ignore", "__array_wrap__ must accept", DeprecationWarning)
        warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
        yield
