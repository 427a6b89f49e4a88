"""What is true of the simulated soils: how lead depends on each constituent, and where that shows.

Everything here takes the ``samples`` of a simulated target, with their true constituents.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from soilpb.simulate.minerals import ENDMEMBERS, MIXTURES
from soilpb.simulate.soils import CHEMISTRY, constituent_columns, expected_ph, log_pb
from soilpb.simulate.twin import LeadBand, soil_reflectance
from soilpb.spectra import absorbance

_STEP = 1e-4  # relative step of the finite differences behind the slopes


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
