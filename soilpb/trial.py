"""Experiments that an explanation must survive before its wavelengths are believed.

Weights at random, targets at random, bands taken away: in each, something is known about
what an explanation should do, whatever the soils are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from soilpb.attribution import deep_lift_shap
from soilpb.band_change import relative_credit
from soilpb.credit import band_members
from soilpb.network import SpectralNetwork
from soilpb.progress import track
from soilpb.subject import Subject
from soilpb.training import reproducible


def randomised_profiles(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, n_draws: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Profiles of networks of the same shape and scales whose weights were never trained.

    An explanation that looks the same for them shows the shape of the network and the
    spread of the spectra, and nothing that was learned.

    Parameters
    ----------
    network : SpectralNetwork
    X, background : (n, n_bands) arrays, reflectance
    n_draws, seed : int

    Returns
    -------
    DataFrame as :meth:`soilpb.credit.Attribution.profile`, model ``random weights``.

    Notes
    -----
    Adebayo et al. (2018), *Sanity Checks for Saliency Maps*, arXiv:1810.03292.
    """
    profiles = []
    for draw in range(n_draws):
        untrained = SpectralNetwork.random(
            X, network.wavelengths, network.properties, network.network.config, seed + draw
        )
        shuffled = replace(network, network=untrained.network)
        profiles.append(deep_lift_shap(shuffled, X, background).profile("random weights", draw))
    return pd.concat(profiles, ignore_index=True)


@reproducible(seed=0)
def masking_curves(
    network: SpectralNetwork,
    X: np.ndarray,
    background: np.ndarray,
    bands: pd.DataFrame,
    n_random: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Mask bands one after the other, by credit and at random, and see predictions move.

    Parameters
    ----------
    network : SpectralNetwork
    X, background : (n, n_bands) arrays, reflectance
        Masked bands are averaged over the background.
    bands : DataFrame
        ``start``, ``stop``, ``mean_abs`` of contiguous bands of equal width.
    n_random, seed : int
        Random orders of the same bands.

    Returns
    -------
    DataFrame
        ``curve`` (``deletion``: bands are taken away from the whole spectrum; ``insertion``:
        they are given back to none), ``order`` (``credit`` or ``random``), ``draw``, ``share`` of
        bands handled, ``moved`` (root mean square distance from the prediction with all
        bands, in standard deviations of the predictions).

    Notes
    -----
    Samek et al. (2017), IEEE Trans. Neural Netw. Learn. Syst. 28:2660; Petsiuk et al. (2018), *RISE*.
    """
    subject = Subject.of(network, X, background)
    edges = np.append(bands["start"].to_numpy(), bands["stop"].iloc[-1])
    members = band_members(network.wavelengths, edges)
    rng = np.random.default_rng(seed)
    by_credit = np.argsort(-bands["mean_abs"].to_numpy(), kind="stable")
    orders = [("credit", 0, by_credit)]
    orders += [("random", draw, rng.permutation(len(bands))) for draw in range(n_random)]
    whole = subject.predict(subject.inputs)
    rows = []
    for name, draw, order in track(orders, "masking bands"):
        for handled in range(len(bands) + 1):
            given = members[order[:handled]].any(axis=0)
            for curve, known in (("deletion", ~given), ("insertion", given)):
                gap = np.sqrt(np.mean((subject.expect(known) - whole) ** 2)) / whole.std()
                rows.append((curve, name, draw, handled / len(bands), gap))
    return pd.DataFrame(rows, columns=["curve", "order", "draw", "share", "moved"])


def bands_beyond_chance(
    explain: Callable[[np.ndarray], pd.DataFrame], y: np.ndarray, n_permutations: int = 39, seed: int = 0
) -> pd.DataFrame:
    """Find the bands that carry more credit than in models of permuted targets.

    A model has habits: bands that vary much, or that its source relied on, get credit
    whatever it is trained on. Models of permuted targets show these habits and nothing
    else. The test is over all bands at once (largest deviation; Westfall & Young 1993).

    Parameters
    ----------
    explain : callable
        Takes a target (n_samples,), fits a model to it and returns its bands (``start``,
        ``stop``, ``mean_abs``).
    y : (n_samples,) array
        The target as measured.
    n_permutations : int
        The smallest p-value is ``1 / (n_permutations + 1)``.
    seed : int

    Returns
    -------
    DataFrame
        ``start``, ``stop``; ``relative`` (credit relative to an even spread), ``chance`` (the
        same, typical of permuted targets), ``z`` (their distance on a logarithmic scale in
        standard deviations) and ``p``, corrected for the number of bands.
    """
    rng = np.random.default_rng(seed)
    targets = [y, *(rng.permutation(y) for _ in range(n_permutations))]
    explained = [
        explain(target).assign(model="", draw=i) for i, target in enumerate(track(targets, "permuting"))
    ]
    bands = relative_credit(pd.concat(explained, ignore_index=True))
    logs = np.log(bands.pivot_table(index=["start", "stop"], columns="draw", values="relative"))
    values = logs.to_numpy()
    # the measured target is one of the exchangeable draws: it belongs into mean and spread
    z = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    p = np.mean(z.max(axis=0) >= z[:, :1] * (1 - 1e-12), axis=1)
    table = pd.DataFrame({"relative": np.exp(values[:, 0]), "chance": np.exp(values[:, 1:].mean(axis=1))})
    return table.assign(z=z[:, 0], p=p).set_index(logs.index).reset_index()
