"""The chemistry of simulated soils: pH and lead from what a soil is made of, and where it lies.

A soil is a row of a table. ``hematite_pct`` … ``jarosite_pct`` are mass percents of the
atlas' constituents; ``clay_pct``, ``Fe_pct`` (free iron), ``SOC_pct``, ``CaCO3_pct`` are what a
laboratory reports of them. pH and lead follow from the constituents by the equations below,
with a residual that no mineral explains. Lead is bound by iron oxides, clay and high pH
(Bradl 2004), so a spectrum shows it through them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from soilpb.simulate.minerals import MIXTURES
from soilpb.spectra import CARBON_IN_ORGANIC_MATTER

IRON_IN = MappingProxyType({"hematite": 0.699, "goethite": 0.629})  #: mass fraction of Fe in the oxide
#: Percent below which an amount is as good as none: its logarithm falls no further.
TRACES: Mapping[str, float] = MappingProxyType({"Fe_pct": 0.1, "clay_pct": 1.0, "organic_matter_pct": 0.1})


@dataclass(frozen=True)
class Chemistry:
    """Coefficients of pH and of ln Pb on natural logarithms of amounts, at a reference soil.

    ``ph`` and ``pb`` are the values at the reference; ``ph_residual`` is the part of pH that no
    constituent explains. The coefficients of pH are those of a regression of measured pH on amounts by
    inversion in the ICRAF-ISRIC library (3,749 soils, :data:`WORLD_PH`; ``benchmarks/twin_realism.py``). The
    residual here is that of one landscape, where climate is the same.
    """

    ph: float = 5.7
    ph_carbonate: float = 0.47  # on ln(1 + carbonate / 0.4 %)
    ph_organic_matter: float = 0.20  # relative to 2.5 %
    ph_iron: float = -0.30  # relative to 2 %
    ph_clay: float = 0.25  # relative to 20 %
    ph_kaolinite_share: float = -2.6  # on the share itself, relative to 0.4
    ph_residual: float = 0.25
    pb: float = 400.0  # mg/kg, at about the medians of the default target; its median is 350
    pb_iron: float = 0.8  # relative to 3.5 %
    pb_clay: float = 0.45  # relative to 50 %
    pb_ph: float = 0.45  # relative to 5.7


CHEMISTRY = Chemistry()
#: What the same regression explains of pH among the world's measured soils, and what it leaves.
WORLD_PH = MappingProxyType({"R2": 0.30, "residual": 1.1})


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
    clay = lab["clay_pct"].clip(lower=TRACES["clay_pct"])
    return (
        c.ph
        + c.ph_carbonate * np.log1p(lab["CaCO3_pct"] / 0.4)
        + c.ph_organic_matter * _log_of(soils, "organic_matter_pct", 2.5)
        + c.ph_iron * _log_of(lab, "Fe_pct", 2)
        + c.ph_clay * np.log(clay / 20)
        + c.ph_kaolinite_share * (soils["kaolinite_pct"] / clay - 0.4)
    ).to_numpy()


def log_pb(soils: pd.DataFrame, ph: np.ndarray) -> np.ndarray:
    """``ln Pb`` (mg/kg) without its residual, of these constituents at this pH, (n_samples,)."""
    c, lab = CHEMISTRY, laboratory(soils)
    bound = c.pb_iron * _log_of(lab, "Fe_pct", 3.5) + c.pb_clay * _log_of(lab, "clay_pct", 50)
    return np.log(c.pb) + bound.to_numpy() + c.pb_ph * (np.asarray(ph) - 5.7)


def draw_places(index: np.ndarray, rng: np.random.Generator, extent: float, patch: float) -> np.ndarray:
    """Draw where soils lie, (n_samples, 2) in m, so that ``index`` is alike over ``patch``.

    Seven tenths of the variance of a soil's rank follow a Gaussian field over a square of side ``extent``.
    """
    n = len(index)
    places = rng.uniform(0, extent, (n, 2))
    # Plane waves of Gaussian wave numbers add up to a field of Gaussian covariance.
    waves, phases = rng.standard_normal((2, 200)) / patch, rng.uniform(0, 2 * np.pi, 200)
    field = np.cos(places @ waves + phases).sum(axis=1) / 10
    local = np.sqrt(0.7) * field + np.sqrt(0.3) * rng.standard_normal(n)
    of_soil = np.empty_like(places)
    of_soil[np.argsort(index, kind="stable")] = places[np.argsort(local, kind="stable")]
    return of_soil


def _log_of(table: pd.DataFrame, column: str, reference: float) -> pd.Series:
    """Natural logarithm of an amount relative to a reference."""
    return np.log(table[column].clip(lower=TRACES[column]) / reference)
