"""Which constituent absorbs where, Kubelka–Munk optics, and a little more of one in a measured spectrum.

The atlas gives each feature with its cause and its source. Centres and widths are in nm, abundances
mass fractions. Centres are the literature's (Clark 1999; Viscarra Rossel & Behrens 2010; Stenberg
et al. 2010; ``citation`` holds the bibliography's key). Widths (Gaussian standard deviations) and
strengths (absorption ``K`` of the pure constituent at the centre, in the unit in which a median soil
scatters 0.45) are effective values, chosen so that the inversion of 4,168 measured soils explains their
spectra and finds amounts that soils have. Lead has no feature.
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

#: The atlas, one row per feature: constituent, centre_nm, width_nm, strength, cause, citation.
FEATURES = pd.DataFrame(
    [
        ("hematite", 530.0, 38.0, 4.6, _CRYSTAL_FIELD, "viscarrarossel2010"),
        ("hematite", 650.0, 45.0, 1.0, _CRYSTAL_FIELD, "viscarrarossel2010"),
        ("hematite", 880.0, 65.0, 1.5, _CRYSTAL_FIELD, "viscarrarossel2010"),
        ("goethite", 480.0, 35.0, 4.8, _CRYSTAL_FIELD, "viscarrarossel2010"),
        ("goethite", 670.0, 45.0, 1.0, _CRYSTAL_FIELD, "viscarrarossel2010"),
        ("goethite", 930.0, 75.0, 1.9, _CRYSTAL_FIELD, "viscarrarossel2010"),
        ("organic_matter", 1730.0, 14.0, 0.5, "C–H stretch, overtone", "stenberg2010"),
        ("organic_matter", 1760.0, 14.0, 0.4, "C–H stretch, overtone", "stenberg2010"),
        ("organic_matter", 2100.0, 40.0, 0.8, "C–O and N–H combination", "stenberg2010"),
        ("organic_matter", 2310.0, 16.0, 1, "C–H combination", "stenberg2010"),
        ("organic_matter", 2350.0, 16.0, 0.8, "C–H combination", "stenberg2010"),
        ("water", 970.0, 22.0, 0.06, _WATER, "stenberg2010"),
        ("water", 1200.0, 28.0, 0.12, _WATER, "stenberg2010"),
        ("water", 1455.0, 34.0, 2.2, _WATER, "stenberg2010"),
        ("water", 1930.0, 32.0, 6.0, _WATER, "stenberg2010"),
        ("kaolinite", 1395.0, 8.0, 0.083, _HYDROXYL, "viscarrarossel2010"),
        ("kaolinite", 1414.0, 8.0, 0.11, _HYDROXYL, "viscarrarossel2010"),
        ("kaolinite", 2165.0, 12.0, 0.092, _AL_OH, "viscarrarossel2010"),
        ("kaolinite", 2207.0, 12.0, 0.15, _AL_OH, "viscarrarossel2010"),
        ("kaolinite", 2380.0, 15.0, 0.05, _AL_OH, "viscarrarossel2010"),
        ("smectite", 1414.0, 14.0, 0.075, _HYDROXYL, "viscarrarossel2010"),
        ("smectite", 1910.0, 22.0, 0.15, "O–H of interlayer water", "viscarrarossel2010"),
        ("smectite", 2207.0, 18.0, 0.092, _AL_OH, "viscarrarossel2010"),
        ("illite", 1412.0, 14.0, 0.05, _HYDROXYL, "viscarrarossel2010"),
        ("illite", 1910.0, 24.0, 0.058, "O–H of interlayer water", "viscarrarossel2010"),
        ("illite", 2207.0, 18.0, 0.1, _AL_OH, "viscarrarossel2010"),
        ("illite", 2345.0, 18.0, 0.058, _AL_OH, "viscarrarossel2010"),
        ("illite", 2440.0, 20.0, 0.042, _AL_OH, "viscarrarossel2010"),
        ("carbonate", 1870.0, 18.0, 0.2, _CARBONATE, "clark1999"),
        ("carbonate", 1995.0, 20.0, 0.3, _CARBONATE, "clark1999"),
        ("carbonate", 2160.0, 18.0, 0.2, _CARBONATE, "clark1999"),
        ("carbonate", 2340.0, 24.0, 0.9, _CARBONATE, "clark1999"),
        ("carbonate", 2500.0, 32.0, 1.0, _CARBONATE, "clark1999"),
        ("gypsum", 1446.0, 10.0, 1.2, _SULFATE_WATER, "clark1999"),
        ("gypsum", 1490.0, 12.0, 0.8, _SULFATE_WATER, "clark1999"),
        ("gypsum", 1538.0, 14.0, 0.6, _SULFATE_WATER, "clark1999"),
        ("gypsum", 1749.0, 14.0, 0.8, _SULFATE_WATER, "clark1999"),
        ("gypsum", 1944.0, 18.0, 2.5, _SULFATE_WATER, "clark1999"),
        ("gypsum", 2215.0, 22.0, 0.8, "S–O and water combination", "clark1999"),
        ("jarosite", 437.0, 22.0, 10.0, _CRYSTAL_FIELD, "clark1999"),
        ("jarosite", 919.0, 60.0, 7.0, _CRYSTAL_FIELD, "clark1999"),
        ("jarosite", 1475.0, 14.0, 1.0, _HYDROXYL, "clark1999"),
        ("jarosite", 1849.0, 16.0, 1.0, "O–H combination", "clark1999"),
        ("jarosite", 2265.0, 16.0, 1.5, "Fe–OH combination", "clark1999"),
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


def absorption(wavelengths: np.ndarray) -> np.ndarray:
    """Absorption ``K`` of the pure constituents, (len(ENDMEMBERS), n_bands), at a mass fraction of 1.

    ``wavelengths`` are (n_bands,), nm.
    """
    wavelengths = np.asarray(wavelengths, dtype=float)
    total = np.zeros((len(ENDMEMBERS), wavelengths.size))
    for edge in EDGES.itertuples():
        tail = np.minimum(1, np.exp(-(wavelengths - edge.start_nm) / edge.decay_nm))
        total[ENDMEMBERS.index(edge.constituent)] += edge.strength * tail
    for feature in FEATURES.itertuples():
        distance = (wavelengths - feature.centre_nm) / feature.width_nm
        total[ENDMEMBERS.index(feature.constituent)] += feature.strength * np.exp(-0.5 * distance**2)
    return total


def endmember_absorption(wavelengths: np.ndarray) -> dict[str, np.ndarray]:
    """Absorption ``K`` (n_bands,) of the pure constituents and of the mixtures, at a mass fraction of 1.

    Examples
    --------
    >>> spectra = endmember_absorption(np.arange(2150.0, 2260.0, 10))
    >>> int(2150 + 10 * spectra["clay"].argmax())
    2210
    """
    spectra = dict(zip(ENDMEMBERS, absorption(wavelengths), strict=True))
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
    """Reflectance of the same soils with a little more of a constituent mixed in, of the same floating type.

    ``K/S`` of the measured spectrum grows by ``delta · K(constituent) / S``, with the scattering of a
    median soil. What the instrument did to the spectrum (gain, splices) stays, for only the ratio
    of the modelled reflectances, after and before, is applied.

    Parameters
    ----------
    reflectance : (n_samples, n_bands) array, fraction; not changed
    wavelengths : (n_bands,) array, nm
    constituent : str
        One of :data:`ENDMEMBERS` or :data:`MIXTURES`; another is a ValueError.
    delta : float or (n_samples,) array
        Mass fraction added; negative to take away, never beyond what the spectrum shows.
    """
    if constituent not in TYPICAL_ABUNDANCE:
        known = ", ".join(TYPICAL_ABUNDANCE)
        raise ValueError(f"the atlas has no constituent {constituent!r}; it has: {known}")
    added = endmember_absorption(wavelengths)[constituent] / scattering(wavelengths)
    return add_ratio(reflectance, np.reshape(delta, (-1, 1)) * added)


def add_ratio(reflectance: np.ndarray, added: np.ndarray) -> np.ndarray:
    """Reflectance of the same soils with their ``K/S`` changed by ``added``, never below 0; of the same type.

    Both are (n_samples, n_bands). What the instrument did stays (see :func:`add_constituent`).
    """
    reflectance = np.asarray(reflectance)
    before = km_ratio(reflectance.astype(np.float64))
    after = np.maximum(before + added, 0)
    return (reflectance * km_reflectance(after) / km_reflectance(before)).astype(
        np.result_type(reflectance, np.float32)
    )
