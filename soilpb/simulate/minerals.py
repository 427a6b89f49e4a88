"""Which constituent of soil absorbs where, and how absorption becomes reflectance (Kubelka–Munk).

The atlas gives each feature with its cause and its source. Centres and widths are in nm, abundances
mass fractions. Centres are the literature's (Clark 1999; Viscarra Rossel & Behrens 2010; Stenberg
et al. 2010; ``citation`` holds the bibliography's key). Widths (Gaussian standard deviations) and
strengths (absorption ``K`` of the pure constituent at the centre, in the unit in which a median soil
scatters 0.45) are effective values, chosen so that mixtures look like soils. Lead has no feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

_CRYSTAL_FIELD = "Fe³⁺ crystal field"
_WATER = "O–H of water"
_HYDROXYL = "O–H stretch, overtone"
_AL_OH = "Al–OH combination"
_CARBONATE = "CO₃ overtone or combination"
_SULFATE_WATER = "O–H of structural water"

# constituent → citation, (centre nm, width nm, strength, cause) …
_ATLAS = {
    "hematite": (
        "viscarrarossel2010",
        (530, 38, 14.0, _CRYSTAL_FIELD),
        (650, 45, 3.0, _CRYSTAL_FIELD),
        (880, 65, 4.5, _CRYSTAL_FIELD),
    ),
    "goethite": (
        "viscarrarossel2010",
        (480, 35, 8.0, _CRYSTAL_FIELD),
        (670, 45, 1.6, _CRYSTAL_FIELD),
        (930, 75, 3.2, _CRYSTAL_FIELD),
    ),
    "manganese_oxide": ("clark1999",),
    "organic_matter": (
        "stenberg2010",
        (1730, 14, 0.25, "C–H stretch, overtone"),
        (1760, 14, 0.20, "C–H stretch, overtone"),
        (2100, 40, 0.40, "C–O and N–H combination"),
        (2310, 16, 0.50, "C–H combination"),
        (2350, 16, 0.40, "C–H combination"),
    ),
    "water": (
        "stenberg2010",
        (970, 22, 0.06, _WATER),
        (1200, 28, 0.12, _WATER),
        (1455, 34, 2.2, _WATER),
        (1930, 32, 6.0, _WATER),
    ),
    "kaolinite": (
        "viscarrarossel2010",
        (1395, 8, 0.50, _HYDROXYL),
        (1414, 8, 0.65, _HYDROXYL),
        (2165, 12, 0.55, _AL_OH),
        (2207, 12, 0.90, _AL_OH),
        (2380, 15, 0.30, _AL_OH),
    ),
    "smectite": (
        "viscarrarossel2010",
        (1414, 14, 0.45, _HYDROXYL),
        (1910, 22, 0.90, "O–H of interlayer water"),
        (2207, 18, 0.55, _AL_OH),
    ),
    "illite": (
        "viscarrarossel2010",
        (1412, 14, 0.30, _HYDROXYL),
        (1910, 24, 0.35, "O–H of interlayer water"),
        (2207, 18, 0.60, _AL_OH),
        (2345, 18, 0.35, _AL_OH),
        (2440, 20, 0.25, _AL_OH),
    ),
    "carbonate": (
        "clark1999",
        (1870, 18, 0.20, _CARBONATE),
        (1995, 20, 0.30, _CARBONATE),
        (2160, 18, 0.20, _CARBONATE),
        (2340, 24, 0.90, _CARBONATE),
        (2500, 32, 1.00, _CARBONATE),
    ),
    "gypsum": (
        "clark1999",
        (1446, 10, 1.2, _SULFATE_WATER),
        (1490, 12, 0.8, _SULFATE_WATER),
        (1538, 14, 0.6, _SULFATE_WATER),
        (1749, 14, 0.8, _SULFATE_WATER),
        (1944, 18, 2.5, _SULFATE_WATER),
        (2215, 22, 0.8, "S–O and water combination"),
    ),
    "jarosite": (
        "clark1999",
        (437, 22, 10.0, _CRYSTAL_FIELD),
        (919, 60, 7.0, _CRYSTAL_FIELD),
        (1475, 14, 1.0, _HYDROXYL),
        (1849, 16, 1.0, "O–H combination"),
        (2265, 16, 1.5, "Fe–OH combination"),
    ),
}

#: The atlas, one row a feature: constituent, centre_nm, width_nm, strength, cause, citation.
FEATURES = pd.DataFrame(
    [
        (constituent, float(centre), float(width), strength, cause, citation)
        for constituent, (citation, *features) in _ATLAS.items()
        for centre, width, strength, cause in features
    ],
    columns=["constituent", "centre_nm", "width_nm", "strength", "cause", "citation"],
)

#: Ultraviolet and charge-transfer edges that tail into the visible: ``strength · exp(−(λ − 400)/decay)``.
EDGES = pd.DataFrame(
    [
        ("hematite", 60.0, 14.0),
        ("goethite", 60.0, 12.0),
        ("manganese_oxide", 700.0, 16.0),
        ("organic_matter", 260.0, 9.0),
        ("kaolinite", 150.0, 0.2),
        ("smectite", 150.0, 0.4),
        ("illite", 150.0, 0.4),
    ],
    columns=["constituent", "decay_nm", "strength"],
)

#: Constituents in the order that every array of abundances follows.
ENDMEMBERS = tuple(_ATLAS)

#: What laboratories report as one number, as the share of each endmember in it.
MIXTURES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "iron_oxides": {"hematite": 0.4, "goethite": 0.6},
        "clay": {"kaolinite": 0.4, "smectite": 0.25, "illite": 0.35},
    }
)

#: Mass fractions to count ``d ln(constituent)`` from where nobody measured the abundance.
TYPICAL_ABUNDANCE: Mapping[str, float] = MappingProxyType(
    {
        "hematite": 0.012,
        "goethite": 0.020,
        "iron_oxides": 0.032,
        "manganese_oxide": 0.001,
        "organic_matter": 0.03,
        "water": 0.025,
        "kaolinite": 0.09,
        "smectite": 0.05,
        "illite": 0.08,
        "clay": 0.22,
        "carbonate": 0.03,
        "gypsum": 0.001,
        "jarosite": 0.0005,
    }
)


_WINDOW = 5.0  # half-widths, in standard deviations, beyond which a band is nothing (4e-6)
_LOWEST = 1e-3  # reflectance below it has no finite K/S worth computing with


def absorption(
    wavelengths: np.ndarray, abundance: np.ndarray, jitter: np.ndarray | float = 0.0
) -> np.ndarray:
    """Absorption of mixtures: mass fractions times endmember absorption, summed.

    Parameters
    ----------
    wavelengths : (n_bands,) array, nm, ascending
    abundance : (n_samples, len(ENDMEMBERS)) array
        Mass fractions in the order of :data:`ENDMEMBERS`.
    jitter : array, nm, optional
        Displacement of the band centres, broadcast to (n_samples, len(FEATURES)).

    Returns
    -------
    (n_samples, n_bands) float32 array of ``K``.
    """
    wavelengths = np.asarray(wavelengths, dtype=np.float32)
    abundance = np.asarray(abundance, dtype=np.float32)
    jitter = np.broadcast_to(np.asarray(jitter, np.float32), (len(abundance), len(FEATURES)))
    total = abundance @ _edge_absorption(wavelengths)
    for feature, shift in zip(FEATURES.itertuples(), jitter.T, strict=True):
        margin = _WINDOW * feature.width_nm + np.abs(shift).max(initial=0)
        window = slice(*np.searchsorted(wavelengths, feature.centre_nm + np.array([-margin, margin])))
        distance = (wavelengths[window] - (feature.centre_nm + shift)[:, None]) / feature.width_nm
        amount = feature.strength * abundance[:, ENDMEMBERS.index(feature.constituent)]
        total[:, window] += amount[:, None] * np.exp(-0.5 * distance**2)
    return total


def _edge_absorption(wavelengths: np.ndarray) -> np.ndarray:
    """Edges of the pure endmembers, (len(ENDMEMBERS), n_bands) float32."""
    edges = np.zeros((len(ENDMEMBERS), wavelengths.size), dtype=np.float32)
    for edge in EDGES.itertuples():
        edges[ENDMEMBERS.index(edge.constituent)] += edge.strength * np.exp(
            -(wavelengths - 400) / edge.decay_nm
        )
    return edges


def endmember_absorption(wavelengths: np.ndarray) -> dict[str, np.ndarray]:
    """Absorption ``K`` (n_bands,) of the pure constituents and of the mixtures, at a mass fraction of 1.

    Examples
    --------
    >>> spectra = endmember_absorption(np.arange(2150.0, 2260.0, 10))
    >>> int(2150 + 10 * spectra["clay"].argmax())
    2210
    """
    spectra = dict(zip(ENDMEMBERS, absorption(wavelengths, np.eye(len(ENDMEMBERS))), strict=True))
    for mixture, shares in MIXTURES.items():
        spectra[mixture] = sum(share * spectra[member] for member, share in shares.items())
    return spectra


def scattering(
    wavelengths: np.ndarray, factor: np.ndarray | float = 1.0, exponent: np.ndarray | float = 0.25
) -> np.ndarray:
    """Scattering of soil, ``0.45 · factor · (λ / 1000 nm) ** −exponent``.

    ``factor`` and ``exponent`` may be (n_samples, 1) arrays; the defaults are a soil of median grain.
    """
    return 0.45 * factor * (np.asarray(wavelengths) / 1000) ** -np.asarray(exponent)


def km_reflectance(absorption: np.ndarray, scattering: np.ndarray | float = 1.0) -> np.ndarray:
    """Reflectance of an infinitely thick layer, ``R = 1 + q − √(q² + 2q)`` with ``q = K/S``.

    Source: Kubelka & Munk (1931), Z. Tech. Phys. 12, 593–601.

    Examples
    --------
    >>> float(km_reflectance(np.array(0.25)))
    0.5
    """
    ratio = np.asarray(absorption) / scattering
    return 1 + ratio - np.sqrt(ratio * (ratio + 2))


def km_ratio(reflectance: np.ndarray) -> np.ndarray:
    """``K/S = (1 − R)² / 2R``, the inverse of :func:`km_reflectance`.

    Reflectance is taken within 0.001 and 1: beyond, the layer has no ``K/S``.

    Examples
    --------
    >>> float(km_ratio(np.array(0.5)))
    0.25
    """
    reflectance = np.clip(reflectance, _LOWEST, 1.0)
    return (1 - reflectance) ** 2 / (2 * reflectance)


def add_constituent(
    reflectance: np.ndarray, wavelengths: np.ndarray, constituent: str, delta: np.ndarray | float
) -> np.ndarray:
    """Reflectance of the same soils with a little more of a constituent mixed in.

    ``K/S`` of the measured spectrum grows by ``delta · K(constituent) / S``, with the scattering of a
    median soil. What the instrument did to the spectrum (gain, splices) stays, for only the ratio
    of the modelled reflectances, after and before, is applied.

    Parameters
    ----------
    reflectance : (n_samples, n_bands) array, fraction; not changed
    wavelengths : (n_bands,) array, nm
    constituent : str
        One of :data:`ENDMEMBERS` or :data:`MIXTURES`.
    delta : float or (n_samples,) array
        Mass fraction added; negative to take away, never beyond what the spectrum shows.

    Returns
    -------
    (n_samples, n_bands) array of the floating type of ``reflectance``.

    Raises
    ------
    ValueError
        If the constituent is not in the atlas.
    """
    if constituent not in TYPICAL_ABUNDANCE:
        known = ", ".join(TYPICAL_ABUNDANCE)
        raise ValueError(f"the atlas has no constituent {constituent!r}; it has: {known}")
    reflectance = np.asarray(reflectance)
    before = km_ratio(reflectance.astype(np.float64))
    added = endmember_absorption(wavelengths)[constituent] / scattering(wavelengths)
    after = np.maximum(before + np.reshape(delta, (-1, 1)) * added, 0)
    return (reflectance * km_reflectance(after) / km_reflectance(before)).astype(
        np.result_type(reflectance, np.float32)
    )
