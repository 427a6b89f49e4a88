"""What is true of the twin: the most that can be known of lead, its slopes, its bands.

Everything here takes the ``samples`` of a simulated target, with their true constituents.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd

from soilpb.simulate.minerals import ENDMEMBERS, MIXTURES
from soilpb.simulate.soils import CHEMISTRY, constituent_columns, expected_ph, log_pb
from soilpb.simulate.twin import LeadBand, soil_reflectance
from soilpb.spectra import absorbance

Reference = Literal["own", "mean"]

_STEP = 1e-4  # relative step of the finite differences behind the slopes


def ceiling_r2(samples: pd.DataFrame, ph_known: bool = True) -> float:
    """R² on ln Pb of a perfect spectrometer: one that reads every constituent without error.

    Parameters
    ----------
    samples : DataFrame
        ``samples`` of a simulated target.
    ph_known : bool
        Whether it also knows pH as the laboratory does, or only the part that constituents explain.
    """
    ph = samples["pH"].to_numpy() if ph_known else expected_ph(samples)
    observed = np.log(samples["Pb_mg_kg"].to_numpy())
    return float(1 - np.var(observed - log_pb(samples, ph)) / np.var(observed))


def true_mineral_slopes(samples: pd.DataFrame, reference: Reference = "own") -> pd.DataFrame:
    """True ``∂ ln Pb / ∂ ln(constituent)``, averaged over the soils.

    Parameters
    ----------
    samples : DataFrame
        ``samples`` of simulated soils.
    reference : {"own", "mean"}
        What the constituent grows by a small fraction of: each soil's own abundance (the
        mean elasticity), or the mean abundance of all soils (what can be done to measured
        soils whose abundances are unknown: see ``minerals.add_constituent``).

    Returns
    -------
    DataFrame with a row for each endmember and mixture: ``constituent``; ``direct``, at
    constant pH; ``total``, with pH following the constituents, which is what a spectrum can show.

    Examples
    --------
    >>> from soilpb.composition import draw_soils
    >>> soils = draw_soils(50, np.random.default_rng(0), 0.35, 4000.0, 600.0)
    >>> slopes = true_mineral_slopes(soils).set_index("constituent")
    >>> slopes.loc["iron_oxides"].round(4).to_dict()  # total: 0.62 − 0.45 · 0.45
    {'direct': 0.62, 'total': 0.4175}
    """
    if reference not in get_args(Reference):
        raise ValueError(f"reference is {reference!r}; expected one of {get_args(Reference)}")
    ph = samples["pH"].to_numpy()
    rows = []
    for constituent in (*ENDMEMBERS, *MIXTURES):
        more, less = (_enriched(samples, constituent, sign * _STEP, reference) for sign in (1, -1))
        ph_answer = expected_ph(more) - expected_ph(less)
        direct = log_pb(more, ph) - log_pb(less, ph)
        total = direct + CHEMISTRY.pb_ph * ph_answer
        rows.append((constituent, direct.mean() / (2 * _STEP), total.mean() / (2 * _STEP)))
    return pd.DataFrame(rows, columns=["constituent", "direct", "total"])


def _enriched(soils: pd.DataFrame, constituent: str, fraction: float, reference: Reference) -> pd.DataFrame:
    """Soils with a constituent raised by a fraction of their own, or of the mean, abundance."""
    columns = constituent_columns(constituent)
    grown_from = soils[columns] if reference == "own" else soils[columns].mean()
    return soils.assign(**(soils[columns] + fraction * grown_from))


def true_response(
    samples: pd.DataFrame,
    grid: np.ndarray,
    transform: Callable[[np.ndarray], np.ndarray] = absorbance,
    direct_band: tuple[float, float, float] | None = None,
    seed: int = 0,
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
    seed, n_swaps : int
        Which soils exchange, and how many times each.

    Returns
    -------
    DataFrame, tidy: ``constituent``, ``wavelength``, ``response``; and ``constituent = "all"``, the sum.
    """
    band = None if direct_band is None else LeadBand(*direct_band)
    swaps = [np.random.default_rng([seed, k]).permutation(len(samples)) for k in range(n_swaps)]
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
