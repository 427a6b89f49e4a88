"""Credit of each band in a prediction, in the units of the target.

Every explainer returns an :class:`Attribution` that conserves credit: over bands it sums
to the prediction minus a base value. Bands are the network's own inputs (absorbance, SNV,
standardised), so credit at a wavelength means credit for its height *within* the spectrum.
A masked spectrum takes bands from a background soil: no soil looks like it, and what a
model answers off its data is a property of the model, not of lead.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from soilpb.credit import Attribution, band_members
from soilpb.explainable import refuse_unexplainable
from soilpb.network import SpectralNetwork
from soilpb.subject import Subject
from soilpb.training import reproducible

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
    Unexplainable
        If the rules do not hold for the network (functional, in-place, shared activation).
    ArithmeticError
        If credit does not add up to 1e-4 of the predictions' standard deviation.

    Notes
    -----
    Lundberg & Lee (2017), *A Unified Approach to Interpreting Model Predictions*, NeurIPS 30.
    """
    refuse_unexplainable(network.network, network.wavelengths.size)
    subject = Subject.of(network, X, background, output)
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
    refuse_unexplainable(network.network, network.wavelengths.size)
    subject = Subject.of(network, X, background, output)
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
    subject = Subject.of(network, X, background, output)
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
    subject = Subject.of(network, X, background, output)
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
