"""The twin of the study: a source library and a Gejiu-like site, mixed from measured soils, with known truth.

Neither Gejiu's data nor LUCAS can be shipped. The twin lets every chapter run, and lets claims be
tested against what is true by construction (:func:`true_mineral_slopes`, :func:`true_response`). Its
numbers say nothing about Gejiu.

The site's soils come from the places of the tropics that are richest in iron, the source's from all
other places. Each is an intimate mixture of a measured soil and two whose spectra are near: ``K/S`` (Kubelka
and Munk) and the amounts of constituents mix with the same weights. Then an instrument errs. pH and
lead follow from the amounts (:mod:`soilpb.simulate.soils`). Where a library with laboratory values is
given, its soils are taken as they are, with their measured pH, and only lead is simulated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.interpolate import CubicSpline
from scipy.spatial import KDTree
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from soilpb.simulate.library import AMOUNTS, load_library
from soilpb.simulate.minerals import (
    ENDMEMBERS,
    MIXTURES,
    absorption,
    add_ratio,
    km_ratio,
    km_reflectance,
    scattering,
)
from soilpb.simulate.soils import (
    CHEMISTRY,
    constituent_columns,
    draw_places,
    expected_ph,
    laboratory,
    log_pb,
)
from soilpb.spectra import SPLICES, SoilSpectra, absorbance

SHIFT = 0.0  #: share of the soils at the site's places, the poorest in iron, that the site has none of
LABEL_NOISE = 0.22  #: sd of ln Pb at equal constituents and pH: natural scatter and the laboratory's error
TROPICS = 25.0  #: degrees of latitude within which the site's soils come from; Gejiu lies at 23.4° N
NEIGHBOURS = 30  #: among which the two others of a mixture are drawn
WEIGHTS = (2.0, 1.0, 1.0)  #: Dirichlet parameters of the mixture: the first soil has half on average
EXTENT, PATCH, FIELD = 4e3, 600.0, 800.0  #: m: side of the site, range of its soils, side of a sampling field

_NOT_A_MINE = "says nothing about the soils of any mine"
_STEP = 1e-4  # relative step of the finite differences behind the true slopes
_CHUNK = 2000  # soils mixed at a time


def measure(
    reflectance: np.ndarray,
    wavelengths: np.ndarray,
    rng: np.random.Generator,
    *,
    gain: float = 0.05,
    splice: float = 0.001,
    noise: float = 0.0002,
    ripple: float = 0.0,
) -> np.ndarray:
    """Read reflectance (n_samples, n_bands) as a spectrometer does; float32.

    ``gain`` and ``splice`` are standard deviations over soils, of ln(gain) (lamp, distance, white reference)
    and of the step at each detector change; ``noise`` is that of a band of 10 nm, three times as large at
    both ends; ``ripple`` is the amplitude of a fixed response that tells instruments apart.
    """
    n = len(reflectance)
    gains = np.exp(gain * rng.standard_normal((n, 1)))
    steps = splice * rng.standard_normal((n, len(SPLICES)))
    later_detectors = (np.array(SPLICES)[:, None] < wavelengths).astype(float)
    ends = np.exp(-(wavelengths - 400) / 40) + np.exp((wavelengths - 2500) / 60)
    error = noise * (1 + 2 * ends) * rng.standard_normal(reflectance.shape)
    phase = 2 * np.pi * (wavelengths - 400)
    fixed = 1 + ripple * (np.sin(phase / 310) + np.sin(phase / 87))
    return (gains * fixed * (1 + steps @ later_detectors) * reflectance + error).astype(np.float32)


@threadpool_limits.wrap(limits=1)
def simulate_source(
    n: int, seed: int, grid: np.ndarray | None = None, library: SoilSpectra | None = None
) -> SoilSpectra:
    """Draw a library of ``n`` soils with pH and without lead, from all places but the site's.

    Samples have ``pH``, ``clay_pct``, ``SOC_pct``, ``CaCO3_pct``, ``Fe_pct`` and the true amounts of
    constituents in percent; mixtures of one first soil (``measured_soil``) are a ``group``. Bands are those
    of the ``library``, measured soils with amounts (the packaged ones if omitted), or ``grid``, nm. Soils of
    a library with measured ``pH`` are taken as they are, all that there are at most.

    Examples
    --------
    >>> library = simulate_source(20, seed=1)
    >>> library.n_bands, library.provenance.kind, "Pb_mg_kg" in library.samples
    (210, 'simulated', False)
    """
    library = load_library() if library is None else library
    rng = _generator(0, n, seed)
    pool = library.take(np.flatnonzero(library.samples["place"].notna() & ~is_at_site_places(library)))
    soils, clean = _draw(pool, n, rng, "library")
    if not is_measured(library):  # mixtures with one first soil stay together
        soils["group"] = soils["measured_soil"]
    return _spectra(library, soils, clean, rng, grid)


@threadpool_limits.wrap(limits=1)
def simulate_target(
    n: int,
    seed: int,
    grid: np.ndarray | None = None,
    shift: float = SHIFT,
    label_noise: float = LABEL_NOISE,
    direct_band: tuple[float, float, float] | None = None,
    library: SoilSpectra | None = None,
) -> SoilSpectra:
    """Draw the soils of a mining site with lead, in the manner of Gejiu, from the iron-rich tropics.

    Samples are like those of :func:`simulate_source`, with ``Pb_mg_kg`` first, coordinates in
    metres in which iron is alike nearby, and fields as ``group``.

    Parameters
    ----------
    shift : float
        Share of the soils at the site's places, the poorest in iron, that are left out.
    label_noise : float
        Standard deviation of ln Pb that no constituent explains.
    direct_band : (centre_nm, width_nm, strength), optional
        A control that nature does not offer: lead that absorbs light itself, with ``K = strength``
        at 350 mg/kg (a median soil has about 0.2 at 1000 nm; 0.02 is easily seen).

    Examples
    --------
    >>> site = simulate_target(130, seed=1)
    >>> bool(200 < site.samples["Pb_mg_kg"].median() < 500)
    True
    """
    library = load_library() if library is None else library
    rng = _generator(1, n, seed)
    pool = library.take(np.flatnonzero(is_at_site_places(library)))
    iron = laboratory(pool.samples)["Fe_pct"].to_numpy()
    pool = pool.take(np.flatnonzero(iron >= np.quantile(iron, shift)))
    soils, clean = _draw(pool, n, rng, "site")
    places = draw_places(soils["Fe_pct"].to_numpy(), rng, EXTENT, PATCH)
    soils = soils.assign(x=places[:, 0], y=places[:, 1], crs="fictional local grid, metres")
    soils["Pb_mg_kg"] = np.exp(log_pb(soils, soils["pH"]) + label_noise * rng.standard_normal(len(soils)))
    column, row = (soils[axis].floordiv(FIELD).astype(int).astype(str) for axis in "xy")
    if not is_measured(library):  # horizons of a measured profile stay together
        soils["group"] = "field-" + column + "-" + row
    if direct_band is not None:
        clean = add_ratio(clean, _lead_ratio(soils["Pb_mg_kg"], library.wavelengths, direct_band))
    return _spectra(library, soils, clean, rng, grid)


def _generator(stream: int, n: int, seed: int) -> np.random.Generator:
    """Generator of a place; equal seeds of library and site must not give equal soils."""
    if n < 2:
        raise ValueError(f"cannot simulate {n} soils; ask for at least 2")
    return np.random.default_rng([stream, seed])


def is_at_site_places(library: SoilSpectra) -> np.ndarray:
    """Tell which soils, (n,) bool, lie at tropical places with more free iron than half of them."""
    samples = library.samples
    tropical = samples["place"].notna() & (samples["y"].abs() <= TROPICS)
    of_place = laboratory(samples)["Fe_pct"][tropical].groupby(samples["place"][tropical]).median()
    return samples["place"].isin(of_place.index[of_place > of_place.median()]).to_numpy()


def is_measured(library: SoilSpectra) -> bool:
    """Tell whether a library has measured pH, so that its soils are taken as they are."""
    return "pH" in library.samples


def _draw(
    pool: SoilSpectra, n: int, rng: np.random.Generator, prefix: str
) -> tuple[pd.DataFrame, np.ndarray]:
    """Draw soils of a pool: their table with laboratory values, and their reflectance."""
    if is_measured(pool):
        pool = pool.having("pH")
        rows = np.sort(rng.permutation(pool.n_samples)[:n])
        soils = pool.samples.iloc[rows]
        computed = laboratory(soils)
        return soils.assign(**computed[computed.columns.difference(soils.columns)]), pool.reflectance[rows]
    base, others, weights = _choose_mixtures(pool, n, rng)
    parts = np.column_stack([base, others])
    table = pool.samples
    amounts = np.einsum("np,npc->nc", weights, table[AMOUNTS].to_numpy()[parts])
    soils = table.iloc[base][["x", "y", "crs", "place"]].reset_index(drop=True)
    soils.index = pd.Index([f"{prefix}-{i:05d}" for i in range(1, n + 1)], name="sample")
    soils[AMOUNTS] = amounts
    soils = soils.assign(measured_soil=table.index[base], **laboratory(soils))
    soils["pH"] = expected_ph(soils) + CHEMISTRY.ph_residual * rng.standard_normal(n)
    ratio = km_ratio(pool.reflectance.astype(float))
    clean = np.empty((n, pool.n_bands), dtype=np.float32)
    for start in range(0, n, _CHUNK):
        rows = slice(start, start + _CHUNK)
        clean[rows] = km_reflectance(np.einsum("np,npb->nb", weights[rows], ratio[parts[rows]]))
    return soils, clean


def _choose_mixtures(
    pool: SoilSpectra, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the first soil (n,) and of two neighbours (n, 2), and weights (n, 3).

    A first soil comes again only after all of the pool have been drawn.
    """
    rounds = [rng.permutation(pool.n_samples) for _ in range(-(-n // pool.n_samples))]
    base = np.concatenate(rounds)[:n]
    A = absorbance(pool.reflectance)
    shapes = (A - A.mean(axis=1, keepdims=True)) / A.std(axis=1, keepdims=True)
    scores = PCA(min(10, *shapes.shape), random_state=0).fit_transform(shapes)
    k = min(NEIGHBOURS, pool.n_samples - 1)
    nearest = KDTree(scores).query(scores, k=k + 1)[1][:, 1:]
    picked = rng.random((n, k)).argsort(axis=1)[:, :2]
    return base, np.take_along_axis(nearest[base], picked, axis=1), rng.dirichlet(WEIGHTS, n)


def _spectra(
    library: SoilSpectra,
    soils: pd.DataFrame,
    clean: np.ndarray,
    rng: np.random.Generator,
    grid: np.ndarray | None,
) -> SoilSpectra:
    """Spectra as an instrument reads them, samples with what a laboratory reports first, and their origin."""
    measured, whose, has_lead = is_measured(library), library.provenance, "Pb_mg_kg" in soils
    if not measured:
        clean = measure(clean, library.wavelengths, rng, ripple=0.001 * has_lead)
    first = "Pb_mg_kg pH clay_pct SOC_pct CaCO3_pct Fe_pct group x y crs".split()
    first = [column for column in first if column in soils]
    name = "twin of a Gejiu-like mining site" if has_lead else "source soils of the twin"
    other = "another simulated" if has_lead else "a simulated"
    mixed = (
        "each soil an intimate mixture of three measured soils with near spectra; laboratory values simulated"
    )
    lead = "lead simulated from amounts of constituents and pH"
    return SoilSpectra(
        wavelengths=library.wavelengths if grid is None else grid,
        reflectance=_interpolate(clean, library.wavelengths, grid),
        samples=soils[[*first, *soils.columns.difference(first, sort=False)]],
        provenance=replace(
            whose,
            name=f"{name}, from the {whose.name}",
            kind="simulated" if not measured else "lead simulated" if has_lead else "measured",
            instrument=whose.instrument
            if measured
            else f"ASD FieldSpec FR; {other} instrument's errors on top",
            notes=(*whose.notes, *[mixed] * (not measured), *[lead] * has_lead, _NOT_A_MINE),
            mixed=not measured,
        ),
    )


def _lead_ratio(lead: np.ndarray, wavelengths: np.ndarray, band: tuple[float, float, float]) -> np.ndarray:
    """``K/S`` of an absorption that real lead, mg/kg, does not have, (n_samples, n_bands)."""
    centre, width, strength = band
    shape = np.exp(-0.5 * ((wavelengths - centre) / width) ** 2)
    return np.outer(np.asarray(lead) / CHEMISTRY.pb, strength * shape / scattering(wavelengths))


def _interpolate(reflectance: np.ndarray, wavelengths: np.ndarray, grid: np.ndarray | None) -> np.ndarray:
    """Spectra at other bands by cubic splines; the last value is held for less than a band beyond."""
    if grid is None or np.array_equal(grid, wavelengths):
        return reflectance
    if grid[0] < wavelengths[0] or grid[-1] >= wavelengths[-1] + 10:
        raise ValueError(
            f"the grid {grid[0]:g}–{grid[-1]:g} nm reaches beyond the library's "
            f"{wavelengths[0]:g}–{wavelengths[-1]:g} nm"
        )
    inside = np.clip(grid, wavelengths[0], wavelengths[-1])
    return CubicSpline(wavelengths, reflectance, axis=1)(inside).astype(np.float32)


def true_mineral_slopes(samples: pd.DataFrame) -> pd.DataFrame:
    """True ``∂ ln Pb / ∂ ln(constituent)``, averaged over simulated soils, by endmember and mixture.

    Each constituent grows by a small fraction of the soil's own: ``direct`` at constant pH, ``total`` with pH
    following the constituents, which is what a spectrum can show.

    Examples
    --------
    >>> slopes = true_mineral_slopes(simulate_target(50, seed=1).samples).set_index("constituent")
    >>> slopes.loc["iron_oxides"].round(3).to_dict()  # total: 0.8 − 0.45 · 0.30
    {'direct': 0.8, 'total': 0.665}
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
    soils: SoilSpectra,
    transform: Callable[[np.ndarray], np.ndarray] = absorbance,
    direct_band: tuple[float, float, float] | None = None,
    n_swaps: int = 4,
) -> pd.DataFrame:
    """How the spectrum answers, band by band, when a constituent changes lead: a tidy table.

    Each soil's amount of one constituent is exchanged, ``n_swaps`` times, for that of another soil of the
    site, all else being equal; ln Pb answers by ``Δf`` (through pH too) and the predictor by ``ΔT(λ)``. The
    response is ``½ · mean(Δf · ΔT(λ)) / Var(f)``: the covariance of ln Pb with the band that this constituent
    alone causes (a pick-freeze, or Jansen, estimate), as a change of the predictor per unit of ln Pb. A
    constituent that does not move lead responds nowhere, however strongly it absorbs, nor does a driver where
    it does not absorb. ``all`` is the sum.

    ``soils`` are a simulated target; ``transform`` makes of reflectance what the model sees, of the same
    shape; ``direct_band`` is what the target was simulated with, and adds a row ``lead``.
    """
    samples, grid = soils.samples, soils.wavelengths
    swaps = [np.random.default_rng([0, k]).permutation(len(samples)) for k in range(n_swaps)]
    seen, truth = transform(soils.reflectance), log_pb(samples, expected_ph(samples))
    ratios = dict(zip(AMOUNTS, absorption(grid) / scattering(grid) / 100, strict=True))
    responses = {name: np.zeros(grid.size) for name in ENDMEMBERS}
    for name, column in zip(ENDMEMBERS, AMOUNTS, strict=True):
        for swap in swaps:
            other = samples.assign(**{column: samples[column].to_numpy()[swap]})
            answer = log_pb(other, expected_ph(other)) - truth
            if answer.any():
                added = np.outer(other[column] - samples[column], ratios[column])
                responses[name] += answer @ (transform(add_ratio(soils.reflectance, added)) - seen)
    if direct_band is not None:
        lead = samples["Pb_mg_kg"].to_numpy()
        responses["lead"] = np.zeros(grid.size)
        for swap in swaps:
            changed = add_ratio(soils.reflectance, _lead_ratio(lead[swap] - lead, grid, direct_band))
            responses["lead"] += np.log(lead[swap] / lead) @ (transform(changed) - seen)
    responses = {name: sums / (2 * n_swaps * len(samples) * truth.var()) for name, sums in responses.items()}
    responses["all"] = np.sum(list(responses.values()), axis=0)
    table = pd.DataFrame(responses, index=pd.Index(grid, name="wavelength")).reset_index()
    return table.melt("wavelength", var_name="constituent", value_name="response")
