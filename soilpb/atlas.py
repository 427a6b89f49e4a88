"""The atlas of absorption features of soil: which constituent absorbs where, why, and who says so.

Centres and widths in nm, abundances as mass fractions. Centres are the literature's (Clark 1999;
Viscarra Rossel & Behrens 2010; Stenberg et al. 2010; ``citation`` holds the bibliography's key).
Widths (Gaussian standard deviations) and strengths (absorption of the pure constituent at the
centre, in the unit in which a median soil scatters 0.45) are effective values, chosen so that
mixtures look like soils. Lead has no feature: it is seen through its company.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
