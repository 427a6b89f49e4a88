"""The simulated twin of the study: a LUCAS-like source and a Gejiu-like target with known truth.

Neither Gejiu's data nor LUCAS can be shipped. The twin lets every chapter run, and lets claims be
tested against what is true by construction (:func:`true_mineral_slopes`, :func:`true_response`). Its
numbers say nothing about Gejiu.

Light obeys Kubelka and Munk, computed at 841 knots, 2.5 nm apart: the narrowest band of the atlas is
8 nm wide. Splines carry the knots to the native 4,200 bands, and Gaussian responses carry these
to a coarser grid. Both are linear, so their product is one small matrix: a coarse spectrum
costs nothing extra and equals the resampled native one. Then an instrument errs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from threadpoolctl import threadpool_limits

from soilpb._format import track
from soilpb.simulate.minerals import ENDMEMBERS, FEATURES, MIXTURES, absorption, km_reflectance, scattering
from soilpb.simulate.soils import CHEMISTRY, constituent_columns, draw_soils, expected_ph, laboratory, log_pb
from soilpb.spectra import SPLICES, Provenance, SoilSpectra, absorbance, band_grid, resample

#: Bands of LUCAS' spectrometer: 4,200 from 400 to 2499.5 nm.
NATIVE_GRID = band_grid(400, 2499.5, 0.5)
KNOTS = band_grid(400, 2500, 2.5)

BACKGROUND_ABSORPTION = 0.05  #: of quartz, feldspar and whatever has no features
CLAY_SCATTERING = -0.6  #: exponent of scattering on clay relative to 25 %
PACKING_SPREAD = 0.25  #: sd of ln(scattering) at equal clay: grains, grinding, packing
EXPONENT, EXPONENT_SPREAD = 0.25, 0.15  #: of scattering on wavelength
STRENGTH_SPREAD = 0.15  #: sd of ln(absorption per mass) of a constituent, from soil to soil
JITTER = 4.0  #: sd in nm of a mineral's bands, from soil to soil (crystallinity, substitution)
_STEP = 1e-4  # relative step of the finite differences behind the true slopes
_CHUNK = 500  # soils at a time: their noise at the knots is 3 MB


@dataclass(frozen=True)
class Instrument:
    """What a spectrometer does to reflectance; spreads are standard deviations over soils."""

    name: str
    gain: float = 0.05  #: spread of ln(gain): lamp, distance, white reference
    splice: float = 0.006  #: spread of the step at each detector change
    noise: float = 0.0015  #: at a knot; three times that at both ends
    ripple: float = 0.0  #: amplitude of a fixed ripple that tells instruments apart

    def fixed_response(self, wavelengths: np.ndarray) -> np.ndarray:
        """Gain by wavelength, the same for every soil, (n_bands,)."""
        phase = 2 * np.pi * (np.asarray(wavelengths) - 400)
        return 1 + self.ripple * (np.sin(phase / 310) + np.sin(phase / 87))

    def noise_level(self, wavelengths: np.ndarray) -> np.ndarray:
        """Standard deviation of the noise at a knot, (n_bands,)."""
        ends = np.exp(-(wavelengths - 400) / 40) + np.exp((wavelengths - 2500) / 60)
        return self.noise * (1 + 2 * ends)


class LeadBand(NamedTuple):
    """An absorption that real lead does not have: the control in which a band *is* the cause."""

    centre_nm: float
    width_nm: float
    strength: float  #: absorption ``K`` at 350 mg/kg; a median soil has about 0.1 at 1000 nm


@dataclass(frozen=True)
class Texture:
    """How soils of one composition differ to the eye.

    Parameters
    ----------
    strength : (n_samples, len(ENDMEMBERS)) array
        Absorption per mass relative to the atlas.
    jitter : (n_samples, len(FEATURES)) array, nm
        Displacement of the band centres.
    exponent : (n_samples, 1) array
        Fall of scattering with wavelength.
    """

    strength: np.ndarray
    jitter: np.ndarray
    exponent: np.ndarray

    @classmethod
    def draw(cls, n: int, rng: np.random.Generator) -> Texture:
        """Draw texture; the bands of one mineral move together, as substitution moves them."""
        member = [ENDMEMBERS.index(name) for name in FEATURES["constituent"]]
        return cls(
            np.exp(STRENGTH_SPREAD * rng.standard_normal((n, len(ENDMEMBERS)))),
            JITTER * rng.standard_normal((n, len(ENDMEMBERS)))[:, member],
            EXPONENT + EXPONENT_SPREAD * rng.standard_normal((n, 1)),
        )

    @classmethod
    def nominal(cls, n: int) -> Texture:
        """Texture of the atlas itself."""
        return cls(np.ones((n, len(ENDMEMBERS))), np.zeros((n, len(FEATURES))), np.full((n, 1), EXPONENT))

    def take(self, rows: slice) -> Texture:
        """Texture of some of the soils."""
        return Texture(self.strength[rows], self.jitter[rows], self.exponent[rows])


def scattering_factor(soils: pd.DataFrame) -> np.ndarray:
    """Scattering relative to the median soil, (n_samples,); it falls with clay and rises with packing."""
    clay = laboratory(soils)["clay_pct"]
    return (soils["packing"] * (clay / 25) ** CLAY_SCATTERING).to_numpy()


def soil_reflectance(
    soils: pd.DataFrame,
    grid: np.ndarray | None = None,
    texture: Texture | None = None,
    direct_band: LeadBand | None = None,
) -> np.ndarray:
    """Reflectance of soils as no instrument has touched it, (n_samples, n_bands) float32.

    Parameters
    ----------
    soils : DataFrame
        Constituents (percent) and ``packing``; ``Pb_mg_kg`` too with a ``direct_band``.
    grid : (n_bands,) array, nm, optional
        Bands, as wide as they are apart; :data:`NATIVE_GRID` if omitted.
    texture : Texture, optional
        Nominal if omitted.
    """
    texture = texture or Texture.nominal(len(soils))
    return _at_knots(soils, texture, direct_band) @ _from_knots(_bands(grid))


def measure(
    soils: pd.DataFrame,
    instrument: Instrument,
    rng: np.random.Generator,
    grid: np.ndarray | None = None,
    direct_band: LeadBand | None = None,
) -> np.ndarray:
    """Reflectance of soils as an instrument reads it, computed a few hundred soils at a time.

    Parameters and result as :func:`soil_reflectance`; texture, gain, splice steps and noise come
    from ``rng``, and are the same ones whatever the grid.
    """
    n, bands = len(soils), np.array(_bands(grid))
    from_knots, texture = _from_knots(_bands(grid)), Texture.draw(n, rng)
    gain = np.exp(instrument.gain * rng.standard_normal((n, 1)))
    steps = instrument.splice * rng.standard_normal((n, len(SPLICES)))
    later_detectors = resample(NATIVE_GRID, np.array(SPLICES)[:, None] < NATIVE_GRID, bands)
    response = instrument.fixed_response(KNOTS)
    noise_level = instrument.noise_level(KNOTS).astype(np.float32)
    reading = np.empty((n, bands.size), dtype=np.float32)
    for start in track(range(0, n, _CHUNK), f"measuring {n} soils"):
        rows = slice(start, start + _CHUNK)
        clean = _at_knots(soils.iloc[rows], texture.take(rows), direct_band)
        lit = (gain[rows] * response * clean).astype(np.float32) @ from_knots
        noise = noise_level * rng.standard_normal(clean.shape, dtype=np.float32)
        reading[rows] = lit * (1 + steps[rows] @ later_detectors) + noise @ from_knots
    return reading


def _at_knots(soils: pd.DataFrame, texture: Texture, direct_band: LeadBand | None) -> np.ndarray:
    """Kubelka–Munk reflectance at the knots, (n_samples, n_knots) float32."""
    abundance = soils[[f"{name}_pct" for name in ENDMEMBERS]].to_numpy() / 100
    absorbed = BACKGROUND_ABSORPTION + absorption(KNOTS, abundance * texture.strength, texture.jitter)
    if direct_band is not None:
        band = np.exp(-0.5 * ((KNOTS - direct_band.centre_nm) / direct_band.width_nm) ** 2)
        absorbed += direct_band.strength * np.outer(soils["Pb_mg_kg"] / CHEMISTRY.pb, band)
    scattered = scattering(KNOTS, scattering_factor(soils)[:, None], texture.exponent)
    return km_reflectance(absorbed, scattered).astype(np.float32)


def _bands(grid: np.ndarray | None) -> tuple[float, ...]:
    return tuple(map(float, NATIVE_GRID if grid is None else grid))


@lru_cache(maxsize=4)
def _from_knots(bands: tuple[float, ...]) -> np.ndarray:
    """Matrix that takes spectra at the knots to bands, (n_knots, n_bands) float32."""
    to_native = CubicSpline(KNOTS, np.eye(KNOTS.size))(NATIVE_GRID).T
    return resample(NATIVE_GRID, to_native, np.array(bands))


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


@threadpool_limits.wrap(limits=1)
def simulate_source(n: int, seed: int, grid: np.ndarray | None = None) -> SoilSpectra:
    """Simulate a library of ``n`` soils with pH and without lead, in the manner of LUCAS.

    ``grid`` are the bands to read the spectra at, nm; the native 4,200, 17 kB per soil, if omitted. Samples
    have ``pH``, ``clay_pct``, ``SOC_pct``, ``CaCO3_pct``, ``Fe_pct``, the true constituents in percent and
    ``packing``; each is its own profile (``group``).

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


@threadpool_limits.wrap(limits=1)
def simulate_target(
    n: int,
    seed: int,
    grid: np.ndarray | None = None,
    shift: float = SHIFT,
    label_noise: float = LABEL_NOISE,
    direct_band: tuple[float, float, float] | None = None,
) -> SoilSpectra:
    """Simulate the soils of a mining site with lead, in the manner of Gejiu.

    Samples are like those of :func:`simulate_source`, with ``Pb_mg_kg`` first, and fields as ``group``.

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

    Examples
    --------
    >>> site = simulate_target(130, seed=1, grid=np.arange(400.0, 2500.0, 10.0))
    >>> bool(200 < site.samples["Pb_mg_kg"].median() < 500)
    True
    """
    draws, light = _generators(_SITE, n, seed)
    soils = _draw_samples(_SITE, n, draws, shift)
    soils["Pb_mg_kg"] = np.exp(log_pb(soils, soils["pH"]) + label_noise * draws.standard_normal(n))
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
    laboratory_first = "Pb_mg_kg pH clay_pct SOC_pct CaCO3_pct Fe_pct group x y crs".split()
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


def true_mineral_slopes(samples: pd.DataFrame) -> pd.DataFrame:
    """True ``∂ ln Pb / ∂ ln(constituent)``, averaged over the soils.

    Each constituent of the ``samples`` of simulated soils grows by a small fraction of the soil's own.

    Returns
    -------
    DataFrame with a row for each endmember and mixture: ``constituent``; ``direct``, at
    constant pH; ``total``, with pH following the constituents, which is what a spectrum can show.

    Examples
    --------
    >>> from soilpb.simulate.soils import draw_soils
    >>> soils = draw_soils(50, np.random.default_rng(0), 0.35, 4000.0, 600.0)
    >>> slopes = true_mineral_slopes(soils).set_index("constituent")
    >>> slopes.loc["iron_oxides"].round(4).to_dict()  # total: 0.62 − 0.45 · 0.45
    {'direct': 0.62, 'total': 0.4175}
    """
    ph = samples["pH"].to_numpy()
    rows = []
    for constituent in (*ENDMEMBERS, *MIXTURES):
        amounts = samples[constituent_columns(constituent)]
        more, less = (samples.assign(**(amounts + sign * _STEP * amounts)) for sign in (1, -1))
        direct = log_pb(more, ph) - log_pb(less, ph)
        total = direct + CHEMISTRY.pb_ph * (expected_ph(more) - expected_ph(less))
        rows.append((constituent, direct.mean() / (2 * _STEP), total.mean() / (2 * _STEP)))
    return pd.DataFrame(rows, columns=["constituent", "direct", "total"])


def true_response(
    samples: pd.DataFrame,
    grid: np.ndarray,
    transform: Callable[[np.ndarray], np.ndarray] = absorbance,
    direct_band: tuple[float, float, float] | None = None,
    n_swaps: int = 4,
) -> pd.DataFrame:
    """How the spectrum answers, band by band, when a constituent changes lead.

    Each soil's amount of one constituent is exchanged for that of another soil of the site, all
    else being equal; ln Pb answers by ``Δf`` (through pH too) and the predictor by ``ΔT(λ)``.
    The response is ``½ · mean(Δf · ΔT(λ)) / Var(f)``: the covariance of ln Pb with the band that
    this constituent alone causes (a pick-freeze, or Jansen, estimate), as a change of the predictor
    per unit of ln Pb. A constituent that does not move lead responds nowhere, however strongly it
    absorbs, nor does a driver where it does not absorb. Noise and texture play no part.

    Parameters
    ----------
    samples : DataFrame
        ``samples`` of a simulated target.
    grid : (n_bands,) array, nm
    transform : callable
        Reflectance to what the model sees, (n_samples, n_bands) → the same shape: absorbance, or
        absorbance followed by SNV or a derivative.
    direct_band : (centre_nm, width_nm, strength), optional
        As the target was simulated with; adds a row ``lead``, exchanged at equal constituents.
    n_swaps : int
        How often each soil exchanges.

    Returns
    -------
    DataFrame, tidy: ``constituent``, ``wavelength``, ``response``; and ``constituent = "all"``, the sum.
    """
    band = None if direct_band is None else LeadBand(*direct_band)
    swaps = [np.random.default_rng([0, k]).permutation(len(samples)) for k in range(n_swaps)]
    spectra = transform(soil_reflectance(samples, grid, direct_band=band))
    truth = log_pb(samples, expected_ph(samples))
    columns = {name: f"{name}_pct" for name in ENDMEMBERS} | ({"lead": "Pb_mg_kg"} if band else {})
    responses = {}
    for constituent, column in columns.items():
        total = np.zeros(len(grid))
        for swap in swaps:
            other = samples.assign(**{column: samples[column].to_numpy()[swap]})
            if constituent == "lead":
                answer = np.log(other[column] / samples[column]).to_numpy()
            else:
                answer = log_pb(other, expected_ph(other)) - truth
            if answer.any():
                total += answer @ (transform(soil_reflectance(other, grid, direct_band=band)) - spectra)
        responses[constituent] = total / (2 * n_swaps * len(samples) * truth.var())
    responses["all"] = np.sum(list(responses.values()), axis=0)
    table = pd.DataFrame(responses, index=pd.Index(grid, name="wavelength")).reset_index()
    return table.melt("wavelength", var_name="constituent", value_name="response")
