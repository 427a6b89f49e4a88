"""The simulated twin of the study: a LUCAS-like source and a Gejiu-like target with known truth.

Neither Gejiu's data nor LUCAS can be shipped. The twin lets every chapter run, and lets claims be
tested against what is true by construction: lead has no absorption of its own and is known by its
company (``composition``), light obeys Kubelka and Munk, and instruments err (``optics``). Its
numbers say nothing about Gejiu. What may be checked against is in ``truth``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from soilpb.composition import draw_soils
from soilpb.optics import NATIVE_GRID, PACKING_SPREAD, Instrument, LeadBand, measure
from soilpb.spectra import Provenance, SoilSpectra
from soilpb.truth import ceiling_r2, true_log_pb, true_mineral_slopes, true_response

__all__ = [
    "ceiling_r2",
    "simulate_source",
    "simulate_target",
    "true_log_pb",
    "true_mineral_slopes",
    "true_response",
]

SHIFT = 0.35  #: how far the target lies on the way from the library's soils to iron-rich kaolinitic ones
LABEL_NOISE = 0.22  #: sd of ln Pb at equal constituents and pH: natural scatter and the laboratory's error

LIBRARY_INSTRUMENT = Instrument("simulated laboratory spectrometer, 400–2499.5 nm by 0.5 nm")
SITE_INSTRUMENT = Instrument("simulated field spectrometer, 400–2499.5 nm by 0.5 nm", ripple=0.003)


class _Place(NamedTuple):
    name: str
    prefix: str  # of the sample ids
    stream: int  # keeps places apart: equal seeds must not give equal soils
    extent: float  # m
    patch: float  # m over which weathering stays alike


_LIBRARY = _Place("simulated twin of a LUCAS-like library", "library", 0, 2e6, 1e5)
_SITE = _Place("simulated twin of a Gejiu-like mining site", "site", 1, 4e3, 600.0)
_FIELD = 800.0  # side of a sampling field of the site, m


def simulate_source(n: int, seed: int, grid: np.ndarray | None = None) -> SoilSpectra:
    """Simulate a library of soils with pH and without lead, in the manner of LUCAS.

    Parameters
    ----------
    n : int
        Number of soils, each its own profile (``group``).
    seed : int
    grid : (n_bands,) array, nm, optional
        Bands to read the spectra at. The native 4,200 bands if omitted: 17 kB a soil.

    Returns
    -------
    SoilSpectra
        With ``pH``, ``clay_pct``, ``SOC_pct``, ``CaCO3_pct``, ``Fe_pct``, the true constituents
        in percent and ``packing``; simulated, and saying so.

    Examples
    --------
    >>> library = simulate_source(20, seed=1, grid=np.arange(400.0, 2500.0, 10.0))
    >>> library.n_bands, library.provenance.kind, "Pb_mg_kg" in library.samples
    (210, 'simulated', False)
    """
    draws, light = _generators(_LIBRARY, n, seed)
    soils = _draw_samples(_LIBRARY, n, draws, shift=0.0)
    soils["group"] = soils.index
    return _spectra(_LIBRARY, soils, LIBRARY_INSTRUMENT, light, grid)


def simulate_target(
    n: int,
    seed: int,
    grid: np.ndarray | None = None,
    shift: float = SHIFT,
    label_noise: float = LABEL_NOISE,
    direct_band: tuple[float, float, float] | None = None,
) -> SoilSpectra:
    """Simulate the soils of a mining site with lead, in the manner of Gejiu.

    Parameters
    ----------
    n, seed, grid
        As for :func:`simulate_source`.
    shift : float
        0: the library's soils; 1: iron-rich kaolinitic soils.
    label_noise : float
        Standard deviation of ln Pb that no constituent explains.
    direct_band : (centre_nm, width_nm, strength), optional
        A control that nature does not offer: lead that absorbs light itself, with ``K = strength``
        at 350 mg/kg (a median soil has about 0.1 at 1000 nm; 0.02 is easily seen).

    Returns
    -------
    SoilSpectra
        As :func:`simulate_source`, with ``Pb_mg_kg`` first and sampling fields as ``group``.

    Examples
    --------
    >>> site = simulate_target(130, seed=1, grid=np.arange(400.0, 2500.0, 10.0))
    >>> bool(200 < site.samples["Pb_mg_kg"].median() < 500)
    True
    """
    draws, light = _generators(_SITE, n, seed)
    soils = _draw_samples(_SITE, n, draws, shift)
    soils["Pb_mg_kg"] = np.exp(true_log_pb(soils) + label_noise * draws.standard_normal(n))
    column, row = (soils[axis].floordiv(_FIELD).astype(int).astype(str) for axis in "xy")
    soils["group"] = "field-" + column + "-" + row
    band = None if direct_band is None else LeadBand(*direct_band)
    return _spectra(_SITE, soils, SITE_INSTRUMENT, light, grid, band)


def _generators(place: _Place, n: int, seed: int) -> list[np.random.Generator]:
    """Generators of the soils and of the light: the same soils, whatever reads them."""
    if n < 2:
        raise ValueError(f"cannot simulate {n} soils; ask for at least 2")
    return np.random.default_rng([place.stream, seed]).spawn(2)


def _draw_samples(place: _Place, n: int, rng: np.random.Generator, shift: float) -> pd.DataFrame:
    """Soils of a place as a table of samples, with how tightly each is packed."""
    soils = draw_soils(n, rng, shift, place.extent, place.patch)
    soils.index = pd.Index([f"{place.prefix}-{i:05d}" for i in range(1, n + 1)], name="sample")
    packing = np.exp(PACKING_SPREAD * rng.standard_normal(n))
    return soils.assign(packing=packing, crs="fictional local grid, metres")


def _spectra(
    place: _Place,
    soils: pd.DataFrame,
    instrument: Instrument,
    light: np.random.Generator,
    grid: np.ndarray | None,
    direct_band: LeadBand | None = None,
) -> SoilSpectra:
    """Spectra of the soils, their samples with what a laboratory reports first, and their origin."""
    laboratory_first = [
        "Pb_mg_kg",
        "pH",
        "clay_pct",
        "SOC_pct",
        "CaCO3_pct",
        "Fe_pct",
        "group",
        "x",
        "y",
        "crs",
    ]
    first = [column for column in laboratory_first if column in soils]
    reading = measure(soils, instrument, light, grid, direct_band)
    reading.flags.writeable = False  # spares the container a copy
    return SoilSpectra(
        wavelengths=NATIVE_GRID if grid is None else grid,
        reflectance=reading,
        samples=soils[[*first, *soils.columns.difference(first, sort=False)]],
        provenance=Provenance(
            name=place.name,
            kind="simulated",
            instrument=instrument.name,
            licence="none needed: nobody measured these",
            notes=("simulated with known truth; says nothing about the soils of any real place",),
        ),
    )
