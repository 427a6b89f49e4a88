"""What the simulated soils are made of, and the chemistry that gives their pH and lead.

A soil is a row of a table. ``hematite_pct`` … ``jarosite_pct`` are mass percents of the
atlas' constituents; ``clay_pct``, ``Fe_pct`` (free iron), ``SOC_pct``, ``CaCO3_pct`` are what a
laboratory reports of them. pH and lead follow from the constituents by the equations below,
with a residual that no mineral explains. Lead is bound by iron oxides, clay and high pH
(Bradl 2004), so a spectrum shows it through them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata

from soilpb.simulate.minerals import ENDMEMBERS, MIXTURES
from soilpb.spectra import CARBON_IN_ORGANIC_MATTER


class Abundance(NamedTuple):
    """Log-normal abundance of a constituent (or, for a share, its logit-normal)."""

    source: float  #: median mass fraction in the source library
    target: float  #: median at the weathered end to which the target shifts
    spread: float  #: standard deviation of the logarithm
    weathering: float  #: correlation of the logarithm with the weathering axis


#: Abundances as mass fractions; carbonate where there is any; water is air-dry.
ABUNDANCES: Mapping[str, Abundance] = MappingProxyType(
    {
        "iron": Abundance(0.018, 0.055, 0.55, 0.6),
        "clay": Abundance(0.20, 0.38, 0.45, 0.6),
        "manganese_oxide": Abundance(0.0008, 0.0020, 0.70, 0.4),
        "organic_matter": Abundance(0.028, 0.028, 0.60, -0.1),
        "water": Abundance(0.014, 0.020, 0.35, 0.3),
        "carbonate": Abundance(0.030, 0.030, 1.00, -0.4),
        "gypsum": Abundance(0.0005, 0.0005, 0.80, 0.0),
        "jarosite": Abundance(0.0001, 0.0005, 0.80, 0.0),
    }
)

#: Shares of a mixture, with medians in the same places: hematite of the iron oxides,
#: kaolinite of the clay, smectite of the other clay.
SHARES: Mapping[str, Abundance] = MappingProxyType(
    {
        "hematite": Abundance(0.35, 0.55, 0.7, 0.5),
        "kaolinite": Abundance(0.40, 0.70, 0.7, 0.6),
        "smectite": Abundance(0.40, 0.40, 0.7, 0.0),
    }
)

CALCAREOUS = 0.5  #: fraction of soils with carbonate
CARBONATE_TRACE = 0.01  #: abundance in the other soils, relative to the calcareous
IRON_IN = MappingProxyType({"hematite": 0.699, "goethite": 0.629})  #: mass fraction of Fe in the oxide


@dataclass(frozen=True)
class Chemistry:
    """Coefficients of pH and of ln Pb on natural logarithms of abundance, at a reference soil.

    ``ph`` and ``pb`` are the values at the reference; ``ph_residual`` is the part of pH that
    no constituent explains.
    """

    ph: float = 5.6
    ph_carbonate: float = 0.62  # on ln(1 + carbonate / 0.4 %)
    ph_organic_matter: float = -0.35  # relative to 2.5 %
    ph_iron: float = -0.45  # relative to 2 %
    ph_clay: float = 0.40  # relative to 20 %
    ph_kaolinite_share: float = -0.3  # on the share itself, relative to 0.4
    ph_residual: float = 0.2
    pb: float = 350.0  # mg/kg: the references below are the medians of the default target
    pb_iron: float = 0.62  # relative to 2.66 %
    pb_clay: float = 0.45  # relative to 25 %
    pb_ph: float = 0.45  # relative to 6.2


CHEMISTRY = Chemistry()


def draw_soils(n: int, rng: np.random.Generator, shift: float, extent: float, patch: float) -> pd.DataFrame:
    """Draw ``n`` soils of a landscape: ``pH``, laboratory percents, constituents, coordinates ``x``, ``y``.

    Parameters
    ----------
    shift : float
        0 for the source library's medians, 1 for a fully weathered, iron-rich kaolinitic site.
    extent, patch : float, m
        Side of the square landscape, and the distance over which weathering stays alike.
    """
    x, y, weathering = _landscape(n, rng, extent, patch)
    amount = {
        name: np.exp(_draw(entry, np.log, shift, weathering, rng)) for name, entry in ABUNDANCES.items()
    }
    share = {name: expit(_draw(entry, logit, shift, weathering, rng)) for name, entry in SHARES.items()}
    amount["carbonate"] *= np.where(rng.random(n) < CALCAREOUS, 1.0, CARBONATE_TRACE)
    iron, clay = amount.pop("iron"), amount.pop("clay")
    other_clay = clay * (1 - share["kaolinite"])
    amount |= {
        "hematite": iron * share["hematite"] / IRON_IN["hematite"],
        "goethite": iron * (1 - share["hematite"]) / IRON_IN["goethite"],
        "kaolinite": clay * share["kaolinite"],
        "smectite": other_clay * share["smectite"],
        "illite": other_clay * (1 - share["smectite"]),
    }
    soils = pd.DataFrame({f"{name}_pct": 100 * amount[name] for name in ENDMEMBERS})
    # The rest is quartz and feldspar, never less than a twentieth of a soil.
    soils = soils.mul(np.minimum(1, 95 / soils.sum(axis=1)), axis=0)
    ph = expected_ph(soils) + CHEMISTRY.ph_residual * rng.standard_normal(n)
    return pd.concat([pd.Series(ph, name="pH"), laboratory(soils), soils.assign(x=x, y=y)], axis=1)


def laboratory(soils: pd.DataFrame) -> pd.DataFrame:
    """What a laboratory reports of the constituents: clay, organic carbon, carbonate, free iron (percent)."""
    return pd.DataFrame(
        {
            "clay_pct": soils[constituent_columns("clay")].sum(axis=1),
            "SOC_pct": CARBON_IN_ORGANIC_MATTER * soils["organic_matter_pct"],
            "CaCO3_pct": soils["carbonate_pct"],
            "Fe_pct": sum(iron * soils[f"{oxide}_pct"] for oxide, iron in IRON_IN.items()),
        }
    )


def constituent_columns(constituent: str) -> list[str]:
    """Columns that hold a constituent, or the members of a mixture.

    Examples
    --------
    >>> constituent_columns("iron_oxides")
    ['hematite_pct', 'goethite_pct']
    """
    return [f"{name}_pct" for name in MIXTURES.get(constituent, (constituent,))]


def expected_ph(soils: pd.DataFrame) -> np.ndarray:
    """Part of pH that the constituents explain, (n_samples,)."""
    c, lab = CHEMISTRY, laboratory(soils)
    return (
        c.ph
        + c.ph_carbonate * np.log1p(lab["CaCO3_pct"] / 0.4)
        + c.ph_organic_matter * np.log(soils["organic_matter_pct"] / 2.5)
        + c.ph_iron * np.log(lab["Fe_pct"] / 2)
        + c.ph_clay * np.log(lab["clay_pct"] / 20)
        + c.ph_kaolinite_share * (soils["kaolinite_pct"] / lab["clay_pct"] - 0.4)
    ).to_numpy()


def log_pb(soils: pd.DataFrame, ph: np.ndarray) -> np.ndarray:
    """``ln Pb`` (mg/kg) without its residual, of these constituents at this pH, (n_samples,)."""
    c, lab = CHEMISTRY, laboratory(soils)
    bound = c.pb_iron * np.log(lab["Fe_pct"] / 2.66) + c.pb_clay * np.log(lab["clay_pct"] / 25)
    return np.log(c.pb) + bound.to_numpy() + c.pb_ph * (np.asarray(ph) - 6.2)


def _draw(
    entry: Abundance, scale: Callable, shift: float, weathering: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Normal scores of an abundance on its scale (log or logit), correlated with weathering."""
    centre = (1 - shift) * scale(entry.source) + shift * scale(entry.target)
    own = np.sqrt(1 - entry.weathering**2) * rng.standard_normal(weathering.size)
    return centre + entry.spread * (entry.weathering * weathering + own)


def _landscape(n: int, rng: np.random.Generator, extent: float, patch: float) -> tuple[np.ndarray, ...]:
    """Coordinates, and a weathering axis that is alike over ``patch`` and standard normal over the soils."""
    x, y = rng.uniform(0, extent, (2, n))
    # Plane waves of Gaussian wave numbers add up to a field of Gaussian covariance.
    waves, phases = rng.standard_normal((2, 200)) / patch, rng.uniform(0, 2 * np.pi, 200)
    field = np.cos(np.outer(x, waves[0]) + np.outer(y, waves[1]) + phases).sum(axis=1) / 10
    local = np.sqrt(0.7) * field + np.sqrt(0.3) * rng.standard_normal(n)
    # Normal scores: the difficulty of a twin must not hang on how one landscape fell out.
    return x, y, ndtri((rankdata(local) - 0.5) / n)
