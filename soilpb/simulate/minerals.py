"""Which constituent absorbs where, Kubelka–Munk optics, and a little more of one in a measured spectrum.

The atlas gives each feature with its cause and its source. Centres and widths are in nm, abundances
mass fractions. Centres are the literature's (Clark 1999; Viscarra Rossel & Behrens 2010; Stenberg
et al. 2010; ``citation`` holds the bibliography's key). Widths (Gaussian standard deviations) and
strengths (absorption ``K`` of the pure constituent at the centre, in the unit in which a median soil
scatters 0.45) are effective values, chosen so that the inversion of 4,168 measured soils explains their
spectra and finds amounts that soils have. Lead has no feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd

#: Constituent, cause and source of absorptions, then centre (nm), width (nm) and strength of each.
_ABSORPTIONS = [
    ("hematite", "Fe³⁺ crystal field", "viscarrarossel2010", (530, 38, 4.6), (650, 45, 1), (880, 65, 1.5)),
    ("goethite", "Fe³⁺ crystal field", "viscarrarossel2010", (480, 35, 4.8), (670, 45, 1), (930, 75, 1.9)),
    ("organic_matter", "C–H stretch, overtone", "stenberg2010", (1730, 14, 0.5), (1760, 14, 0.4)),
    ("organic_matter", "C–O and N–H combination", "stenberg2010", (2100, 40, 0.8)),
    ("organic_matter", "C–H combination", "stenberg2010", (2310, 16, 1), (2350, 16, 0.8)),
    ("water", "O–H of water", "stenberg2010",
     (970, 22, 0.06), (1200, 28, 0.12), (1455, 34, 2.2), (1930, 32, 6)),
    ("kaolinite", "O–H stretch, overtone", "viscarrarossel2010", (1395, 8, 0.083), (1414, 8, 0.11)),
    ("kaolinite", "Al–OH combination", "viscarrarossel2010",
     (2165, 12, 0.092), (2207, 12, 0.15), (2380, 15, 0.05)),
    ("smectite", "O–H stretch, overtone", "viscarrarossel2010", (1414, 14, 0.075)),
    ("smectite", "O–H of interlayer water", "viscarrarossel2010", (1910, 22, 0.15)),
    ("smectite", "Al–OH combination", "viscarrarossel2010", (2207, 18, 0.092)),
    ("illite", "O–H stretch, overtone", "viscarrarossel2010", (1412, 14, 0.05)),
    ("illite", "O–H of interlayer water", "viscarrarossel2010", (1910, 24, 0.058)),
    ("illite", "Al–OH combination", "viscarrarossel2010",
     (2207, 18, 0.1), (2345, 18, 0.058), (2440, 20, 0.042)),
    ("carbonate", "CO₃ overtone or combination", "clark1999",
     (1870, 18, 0.2), (1995, 20, 0.3), (2160, 18, 0.2), (2340, 24, 0.9), (2500, 32, 1)),
    ("gypsum", "O–H of structural water", "clark1999",
     (1446, 10, 1.2), (1490, 12, 0.8), (1538, 14, 0.6), (1749, 14, 0.8), (1944, 18, 2.5)),
    ("gypsum", "S–O and water combination", "clark1999", (2215, 22, 0.8)),
    ("jarosite", "Fe³⁺ crystal field", "clark1999", (437, 22, 10), (919, 60, 7)),
    ("jarosite", "O–H stretch, overtone", "clark1999", (1475, 14, 1)),
    ("jarosite", "O–H combination", "clark1999", (1849, 16, 1)),
    ("jarosite", "Fe–OH combination", "clark1999", (2265, 16, 1.5)),
]  # fmt: skip
#: The atlas, one row per feature: constituent, centre_nm, width_nm, strength, cause, citation.
FEATURES = pd.DataFrame(
    [
        (name, *map(float, each), cause, of)
        for name, cause, of, *absorbed in _ABSORPTIONS
        for each in absorbed
    ],
    columns=["constituent", "centre_nm", "width_nm", "strength", "cause", "citation"],
)

#: Ultraviolet and charge-transfer edges that tail into the visible: ``strength`` up to ``start_nm``, and then
#: ``strength · exp(−(λ − start_nm) / decay_nm)``.
EDGES = pd.DataFrame(
    [
        ("hematite", 535.0, 25.0, 46.0),
        ("goethite", 400.0, 75.0, 120.0),
        ("manganese_oxide", 400.0, 1500.0, 80.0),
        ("organic_matter", 400.0, 260.0, 40.0),
        ("organic_matter", 400.0, 1e5, 2.0),
    ],
    columns=["constituent", "start_nm", "decay_nm", "strength"],
)

#: What laboratories report as one number, as the share of each endmember in it.
MIXTURES: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "iron_oxides": {"hematite": 0.3, "goethite": 0.7},
        "clay": {"kaolinite": 0.4, "smectite": 0.4, "illite": 0.2},
    }
)

#: Mass fractions to count ``d ln(constituent)`` from where nobody measured the abundance: means of the
#: library's soils (:mod:`soilpb.simulate.library`), rounded.
TYPICAL_ABUNDANCE: Mapping[str, float] = MappingProxyType(
    {
        "hematite": 0.008,
        "goethite": 0.018,
        "iron_oxides": 0.026,
        "manganese_oxide": 0.001,
        "organic_matter": 0.015,
        "water": 0.013,
        "kaolinite": 0.10,
        "smectite": 0.12,
        "illite": 0.05,
        "clay": 0.27,
        "carbonate": 0.005,
        "gypsum": 0.001,
        "jarosite": 0.001,
    }
)
#: Constituents in the order that every array of abundances follows.
ENDMEMBERS = tuple(name for name in TYPICAL_ABUNDANCE if name not in MIXTURES)

_LOWEST = 1e-3  # reflectance below it has no finite K/S worth computing with


def absorption(wavelengths: np.ndarray, constituents: Sequence[str] = ENDMEMBERS) -> np.ndarray:
    """Absorption ``K`` of pure constituents or mixtures, (n_constituents, n_bands), at a mass fraction of 1.

    ``wavelengths`` are (n_bands,), nm.

    Examples
    --------
    >>> int(2150 + 10 * absorption(np.arange(2150.0, 2260.0, 10), ["clay"]).argmax())
    2210
    """
    wavelengths = np.asarray(wavelengths, dtype=float)
    pure = {name: np.zeros(wavelengths.size) for name in ENDMEMBERS}
    for edge in EDGES.itertuples():
        tail = np.minimum(1, np.exp(-(wavelengths - edge.start_nm) / edge.decay_nm))
        pure[edge.constituent] += edge.strength * tail
    for feature in FEATURES.itertuples():
        distance = (wavelengths - feature.centre_nm) / feature.width_nm
        pure[feature.constituent] += feature.strength * np.exp(-0.5 * distance**2)
    shares = [MIXTURES.get(name, {name: 1.0}) for name in constituents]
    return np.array([sum(share * pure[name] for name, share in mixed.items()) for mixed in shares])


def scattering(wavelengths: np.ndarray) -> np.ndarray:
    """Scattering of soil of median grain, ``0.45 · (λ / 1000 nm) ** −0.25``."""
    return 0.45 * (np.asarray(wavelengths) / 1000) ** -0.25


def km_reflectance(ratio: np.ndarray) -> np.ndarray:
    """Reflectance of an infinitely thick layer, ``R = 1 + q − √(q² + 2q)`` with ``q = K/S``.

    Source: Kubelka & Munk (1931), Z. Tech. Phys. 12, 593–601.

    Examples
    --------
    >>> float(km_reflectance(np.array(0.25)))
    0.5
    """
    return 1 + ratio - np.sqrt(ratio * (ratio + 2))


def km_ratio(reflectance: np.ndarray) -> np.ndarray:
    """``K/S = (1 − R)² / 2R``, the inverse of :func:`km_reflectance`.

    Reflectance is taken within 0.001 and 1: beyond, the layer has no ``K/S``.
    """
    reflectance = np.clip(reflectance, _LOWEST, 1.0)
    return (1 - reflectance) ** 2 / (2 * reflectance)


def add_constituent(
    reflectance: np.ndarray, wavelengths: np.ndarray, constituent: str, delta: np.ndarray | float
) -> np.ndarray:
    """Reflectance of the same soils with a little more of a constituent mixed in, of the same floating type.

    ``K/S`` of the measured spectrum (n_samples, n_bands) grows by ``delta · K(constituent) / S``, with the
    scattering of a median soil. What the instrument did (gain, splices) stays: only the ratio of the modelled
    reflectances, after and before, is applied. ``delta`` is the mass fraction added, one or (n_samples,);
    negative to take away, never beyond what the spectrum shows. An unknown constituent is a ValueError.
    """
    if constituent not in TYPICAL_ABUNDANCE:
        known = ", ".join(TYPICAL_ABUNDANCE)
        raise ValueError(f"the atlas has no constituent {constituent!r}; it has: {known}")
    added = absorption(wavelengths, [constituent]) / scattering(wavelengths)
    return add_ratio(reflectance, np.reshape(delta, (-1, 1)) * added)


def add_ratio(reflectance: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Reflectance of the same soils with their ``K/S`` changed by ``added``, never below 0; of the same type.

    Both are (n_samples, n_bands). What the instrument did stays (see :func:`add_constituent`).
    """
    reflectance = np.asarray(reflectance)
    before = km_ratio(reflectance.astype(np.float64))
    after = np.maximum(before + added, 0)
    changed = reflectance * km_reflectance(after) / km_reflectance(before)
    return changed.astype(np.result_type(reflectance, np.float32))
