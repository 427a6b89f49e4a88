"""Which networks DeepLIFT's rules can explain, and a copy of one that is safe to explain.

DeepExplainer and DeepLiftShap replace the gradient of each activation *module* by a
rule that needs that module's own input and output. An activation that is no module
(``F.relu``), overwrites its input (``inplace=True``) or is called twice is therefore
explained wrongly, and silently so. :func:`refuse_unexplainable` runs the network once
and finds all three before anything is explained.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

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


class Unexplainable(TypeError):
    """DeepLIFT's rules would give this network wrong credit; the message says where and why."""


def refuse_unexplainable(network: nn.Module, n_bands: int) -> None:
    """Raise unless DeepLIFT's rules hold for every step of the network's forward pass.

    Parameters
    ----------
    network : Module
        Maps (n_samples, n_bands) to (n_samples, n_outputs).
    n_bands : int
        Number of bands to send through it, once, as zeros.

    Raises
    ------
    Unexplainable
        If an activation is functional, in place or shared, or a layer has no rule.

    Notes
    -----
    Shrikumar, Greenside & Kundaje (2017), *Learning Important Features Through
    Propagating Activation Differences*, arXiv:1704.02685.

    Examples
    --------
    >>> relu = nn.ReLU()
    >>> refuse_unexplainable(nn.Sequential(nn.Linear(4, 4), relu, nn.Linear(4, 4), relu, nn.Linear(4, 1)), 4)
    Traceback (most recent call last):
    ...
    soilpb.explainable.Unexplainable: ReLU '1' is called 2 times in one forward pass: ...
    """
    names = {module: name for name, module in network.named_modules()}
    _refuse_layers(names)
    calls, between = _record(network, n_bands)
    for module, count in calls.items():
        if count > 1 and isinstance(module, ACTIVATIONS):
            raise Unexplainable(
                f"{type(module).__name__} {names[module]!r} is called {count} times in one forward pass: "
                "the rule would see only the last call; give each use its own nn.ReLU()"
            )
    for function in between:
        if function.rsplit(".", 1)[-1] not in _BETWEEN_LAYERS:
            raise Unexplainable(
                f"the forward pass calls {function} outside a layer, where no rule reaches it: "
                "use a module of its own (nn.ReLU() for F.relu), and h = h + x for h += x"
            )


def explainable_copy(network: nn.Module, n_outputs: int = 1, output: int = 0) -> nn.Module:
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
            raise Unexplainable(
                f"{type(module).__name__} {name!r} works in place: it overwrites the input its rule needs; "
                "set inplace=False"
            )
        if not any(module.children()) and not isinstance(module, LINEAR_LAYERS + ACTIVATIONS):
            known = ", ".join(layer.__name__ for layer in ACTIVATIONS + LINEAR_LAYERS)
            raise Unexplainable(f"{type(module).__name__} {name!r} has no rule; layers with one are {known}")


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
