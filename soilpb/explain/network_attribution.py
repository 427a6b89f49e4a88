"""Which networks DeepLIFT's rules can explain, and a copy of one that is safe to explain.

DeepExplainer and DeepLiftShap replace the gradient of each activation *module* by a
rule that needs that module's own input and output. An activation that is no module
(``F.relu``), overwrites its input (``inplace=True``) or is called twice is therefore
explained wrongly, and silently so. :func:`check_explainable` runs the network once
and finds all three before anything is explained.

A network that sits for explanation: a safe copy, prepared spectra, and a background.

Bands that are not known are taken from the background's soils, and the prediction is
averaged over them. No soil looks like such a mixture: what a network answers off its data
is a property of the network, not of soils.

Credit of each band in a prediction, in the units of the target.

Every explainer returns an :class:`Attribution` that conserves credit: over bands it sums
to the prediction minus a base value. Bands are the network's own inputs (absorbance, SNV,
standardised), so credit at a wavelength means credit for its height *within* the spectrum.
A masked spectrum takes bands from a background soil: no soil looks like it, and what a
model answers off its data is a property of the model, not of lead.
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

from soilpb.explain.attribution import Attribution, band_members
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import reproducible

#: Layers through which credit passes unchanged: linear in their input at evaluation.
LINEAR_LAYERS = (
    nn.AdaptiveAvgPool1d,
    nn.AvgPool1d,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.Conv1d,
    nn.Conv2d,
    nn.Dropout,
    nn.Flatten,
    nn.Identity,
    nn.Linear,
)
#: Activations for which shap and captum apply the same rule (captum has none for GELU).
ACTIVATIONS = (nn.ELU, nn.LeakyReLU, nn.ReLU, nn.Sigmoid, nn.Softplus, nn.Tanh)
#: What a forward pass may do outside a layer: add branches, and change shapes.
_BETWEEN_LAYERS = frozenset(
    "__add__ __get__ __getitem__ add cat dim flatten permute reshape size squeeze unsqueeze view".split()
)


class UnexplainableError(TypeError):
    """DeepLIFT's rules would give this network wrong credit; the message says where and why."""


def check_explainable(network: nn.Module, n_bands: int) -> None:
    """Raise unless DeepLIFT's rules hold for every step of the network's forward pass.

    Parameters
    ----------
    network : Module
        Maps (n_samples, n_bands) to (n_samples, n_outputs).
    n_bands : int
        Number of bands to send through it, once, as zeros.

    Raises
    ------
    UnexplainableError
        If an activation is functional, in place or shared, or a layer has no rule.

    Notes
    -----
    Shrikumar, Greenside & Kundaje (2017), *Learning Important Features Through
    Propagating Activation Differences*, arXiv:1704.02685.

    Examples
    --------
    >>> relu = nn.ReLU()
    >>> check_explainable(nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)), 4)
    Traceback (most recent call last):
    ...
    soilpb.explainable.UnexplainableError: ReLU '1' is called 2 times in one forward pass: ...
    """
    names = {module: name for name, module in network.named_modules()}
    _refuse_layers(names)
    calls, between = _record(network, n_bands)
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


def copy_for_explanation(network: nn.Module, n_outputs: int = 1, output: int = 0) -> nn.Module:
    """Copy a network in evaluation mode, reduced to one output.

    Explainers leave hooks and attributes behind that corrupt a state dict; they only
    ever get this copy. The output is picked by a linear layer, so the rules hold through it.

    Parameters
    ----------
    network : Module
        Maps (n_samples, n_bands) to (n_samples, n_outputs).
    n_outputs, output : int
        How many outputs there are, and which to keep.

    Returns
    -------
    Module from (n_samples, n_bands) to (n_samples, 1).
    """
    pick = nn.Linear(n_outputs, 1, bias=False)
    with torch.no_grad():
        pick.weight.copy_(torch.eye(n_outputs)[[output]])
    return nn.Sequential(copy.deepcopy(network), pick).eval().requires_grad_(False)


def _refuse_layers(names: dict[nn.Module, str]) -> None:
    for module, name in names.items():
        if getattr(module, "inplace", False) and isinstance(module, ACTIVATIONS):
            raise UnexplainableError(
                f"{type(module).__name__} {name!r} works in place: it overwrites the input its rule needs; "
                "set inplace=False"
            )
        if not any(module.children()) and not isinstance(module, LINEAR_LAYERS + ACTIVATIONS):
            known = ", ".join(layer.__name__ for layer in ACTIVATIONS + LINEAR_LAYERS)
            raise UnexplainableError(
                f"{type(module).__name__} {name!r} has no rule; layers with one are {known}"
            )


def _record(network: nn.Module, n_bands: int) -> tuple[Counter[nn.Module], list[str]]:
    """Run a copy once: how often each layer is called, and what is called between layers."""
    probe = copy.deepcopy(network).eval()
    originals = dict(zip(probe.modules(), network.modules(), strict=True))
    calls: Counter[nn.Module] = Counter()
    spectra = torch.zeros(2, n_bands)
    with torch.no_grad(), _Between() as between, _layer_hooks(probe, calls, between):
        probe(spectra)
    return Counter({originals[module]: count for module, count in calls.items()}), between.functions


class _Between(TorchFunctionMode):
    """Record the torch functions that run while no layer does."""

    def __init__(self) -> None:
        super().__init__()
        self.layers_running = 0
        self.functions: list[str] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if not self.layers_running:
            self.functions.append(resolve_name(function) or getattr(function, "__name__", repr(function)))
        return function(*args, **(kwargs or {}))


@contextmanager
def _layer_hooks(network: nn.Module, calls: Counter[nn.Module], between: _Between) -> Iterator[None]:
    def enter(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        calls[module] += 1
        between.layers_running += 1

    def leave(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        between.layers_running -= 1

    layers = [module for module in network.modules() if not any(module.children())]
    handles = [layer.register_forward_pre_hook(enter) for layer in layers]
    handles += [layer.register_forward_hook(leave) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@dataclass
class ExplainableNetwork:
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
    def prepare(
        cls, network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
    ) -> ExplainableNetwork:
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
            copy_for_explanation(network.network, len(network.properties), output),
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


#: Samples that captum explains at once, each against the whole background.
_CHUNK = 16
#: Steps of integrated gradients, tried in turn.
_STEPS = (64, 128, 256, 512, 1024, 2048)


@reproducible(seed=0)
def deep_shap(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
) -> Attribution:
    """SHAP values by DeepExplainer, as in the study.

    Parameters
    ----------
    network : SpectralNetwork
        Explained on a copy; it is bit-equal afterwards.
    X : (n_samples, n_bands) array
        Reflectance of the soils to explain.
    background : (n_background, n_bands) array
        Reflectance of the soils that stand for "spectrum unknown".
    output : int
        Which property, where the network predicts several.

    Raises
    ------
    UnexplainableError
        If the rules do not hold for the network (functional, in-place, shared activation).
    ArithmeticError
        If credit does not add up to 1e-4 of the predictions' standard deviation.

    Notes
    -----
    Lundberg & Lee (2017), *A Unified Approach to Interpreting Model Predictions*, NeurIPS 30.
    """
    check_explainable(network.network, network.wavelengths.size)
    subject = ExplainableNetwork.prepare(network, X, background, output)
    with _without_library_warnings():
        import shap  # here, as captum below: they take seconds to import and warn while they do

        credit = shap.DeepExplainer(subject.model, subject.background).shap_values(subject.inputs)[..., 0]
    return subject.attribution("DeepExplainer", credit).require_additivity()


@reproducible(seed=0)
def deep_lift_shap(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0
) -> Attribution:
    """Compute the same values with captum's independent, batched implementation.

    Parameters, errors and result are those of :func:`deep_shap`.
    """
    check_explainable(network.network, network.wavelengths.size)
    subject = ExplainableNetwork.prepare(network, X, background, output)
    with _without_library_warnings():
        from captum.attr import DeepLiftShap

        explainer = DeepLiftShap(subject.model)
        chunks = [explainer.attribute(x, subject.background).detach() for x in subject.inputs.split(_CHUNK)]
    return subject.attribution("DeepLiftShap", torch.cat(chunks).numpy()).require_additivity()


@reproducible(seed=0)
def integrated_gradients(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, output: int = 0, tolerance: float = 0.02
) -> Attribution:
    """Gradients integrated along the straight line from the mean background spectrum.

    An independent check: no rules, so any differentiable network will do. Its base is
    the prediction *of* the mean background. Activations put kinks into the path, so
    steps are doubled until credit adds up to ``tolerance`` of the predictions' sd.

    Notes
    -----
    Sundararajan, Taly & Yan (2017), *Axiomatic Attribution for Deep Networks*, arXiv:1703.01365.
    """
    subject = ExplainableNetwork.prepare(network, X, background, output)
    subject.background = subject.background.mean(dim=0, keepdim=True)
    with _without_library_warnings():
        from captum.attr import IntegratedGradients
    integrate = IntegratedGradients(subject.model).attribute
    for steps in _STEPS:
        chunks = [
            integrate(x, subject.background, n_steps=steps, method="riemann_middle").detach()
            for x in subject.inputs.split(_CHUNK)
        ]
        explained = subject.attribution("IntegratedGradients", torch.cat(chunks).numpy())
        if explained.additivity_error <= tolerance:
            break
    return explained.require_additivity(tolerance)


@reproducible(seed=0)
def owen_values(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, edges: np.ndarray, output: int = 0
) -> Attribution:
    """Owen values of contiguous bands: each is masked as a whole, and credit is conserved.

    Exact over a balanced binary tree of the bands, in which only neighbours form unions.
    A band's credit is spread evenly over its wavelengths; :meth:`Attribution.bands` with
    the same edges gives it back.

    Parameters
    ----------
    network, X, background, output
        As for :func:`deep_shap`; any network will do.
    edges : (n + 1,) array, nm
        Ascending; together they must hold every wavelength of the network.

    Notes
    -----
    Owen (1977), *Values of Games with a Priori Unions*. The values are those of shap's
    ``PartitionExplainer``, without its compiler and without numpy's global generator.
    The network is asked about ``n ** 2`` spectra, or fewer, for each soil and background.
    """
    subject = ExplainableNetwork.prepare(network, X, background, output)
    members = band_members(network.wavelengths, edges)
    if not (members.sum(axis=0) == 1).all() or not members.any(axis=1).all():
        raise ValueError(f"edges {edges[0]:g}–{edges[-1]:g} nm must hold every wavelength, and each band one")
    credit = np.zeros((len(X), len(members)))
    nothing = np.zeros(len(network.wavelengths), dtype=bool)

    def share(bands: range, known: np.ndarray, low: np.ndarray, high: np.ndarray, weight: float) -> None:
        """Divide ``high − low``, what these bands add to what is known, among them."""
        if len(bands) == 1:
            credit[:, bands[0]] += weight * (high - low)
            return
        halves = bands[: len(bands) // 2], bands[len(bands) // 2 :]
        with_half = [known | members[half].any(axis=0) for half in halves]
        alone = [subject.expect(mask) for mask in with_half]
        for this, other in ((0, 1), (1, 0)):
            share(halves[this], known, low, alone[this], weight / 2)
            share(halves[this], with_half[other], alone[other], high, weight / 2)

    share(range(len(members)), nothing, subject.expect(nothing), subject.expect(~nothing), 1.0)
    spread = members / members.sum(axis=1, keepdims=True)
    return subject.attribution("Owen", credit @ spread / subject.sd).require_additivity()


@contextmanager
def _without_library_warnings() -> Iterator[None]:
    """Silence what shap (numpy's and matplotlib's new ways), captum (its hooks) and tqdm always say."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The set_(bad|over|under) function", PendingDeprecationWarning)
        warnings.filterwarnings("ignore", "IProgress not found")
        warnings.filterwarnings("ignore", "__array_wrap__ must accept", DeprecationWarning)
        warnings.filterwarnings("ignore", "Setting forward, backward hooks", UserWarning)
        yield
