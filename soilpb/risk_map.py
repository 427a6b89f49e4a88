"""The probability of exceedance between soils: the target and pH kriged, and tried block by block.

A kriged probability speaks of a soil that might be taken at a place, whose spectrum nobody has. It
knows what its neighbours' laboratory values tell, and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from soilpb import exceedance, splits
from soilpb.kriging import Field
from soilpb.site_model import FEWEST_PH
from soilpb.standards import LEAD_LIMITS, lead_limit

#: Blocks of neighbouring soils that are left out in turn.
N_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class Surface:
    """A kriged target, and its pH where the limit depends on it.

    Make one with :meth:`fit`.

    Attributes
    ----------
    target : Field
        On the modelling scale.
    ph : Field or None
    log : bool
        Whether the modelling scale is the logarithm.
    """

    target: Field
    ph: Field | None
    log: bool

    @classmethod
    def fit(cls, places: np.ndarray, y: np.ndarray, ph: np.ndarray | None, log: bool) -> Surface:
        """Krige laboratory values, (n_samples,) each: ``y`` on the modelling scale, ``ph`` with gaps."""
        enough = ph is not None and np.isfinite(ph).sum() >= FEWEST_PH and np.nanstd(ph) > 0
        return cls(Field.fit(places, y), Field.fit(places, ph) if enough else None, log)

    def values(self, places: np.ndarray) -> np.ndarray:
        """Median of the target at places, (n_new,), in the laboratory's unit."""
        mean = self.target.predict(places)[0]
        return np.exp(mean) if self.log else mean

    def probability(
        self, places: np.ndarray, standard: str, rule: str, limits: pd.DataFrame = LEAD_LIMITS
    ) -> np.ndarray:
        """Probability that a soil taken there exceeds the limit of a rule, (n_new,).

        NaN where the limit depends on pH, and too few soils have one.
        """
        draws = self.target.draws(places)
        draws = np.exp(draws) if self.log else draws
        ph_draws = self.ph.draws(places) if self.ph is not None else None
        return exceedance.by_rule(draws, standard, limits, ph_draws=ph_draws)[rule].to_numpy()


def left_out(
    places: np.ndarray,
    y: np.ndarray,
    ids: Sequence,
    ph: np.ndarray | None = None,
    log: bool = True,
    standard: str = "",
    rule: str = "",
    limits: pd.DataFrame = LEAD_LIMITS,
    seed: int = 0,
) -> pd.DataFrame:
    """Krige each block of neighbouring soils from the other blocks, everything fitted anew.

    Parameters
    ----------
    places : (n_samples, 2) array
    y : (n_samples,) array
        On the modelling scale.
    ids : (n_samples,) sequence
    ph : (n_samples,) array, optional
    log : bool
    standard, rule, limits
        Whose limit is tried; none if ``standard`` is empty.
    seed : int
        Of the blocks.

    Returns
    -------
    DataFrame
        ``sample``, ``observed`` and ``predicted`` on the modelling scale; with a standard
        ``probability`` and ``exceeded``, without soils whose limit is unknown.
    """
    tables = []
    for fold in splits.iterate(splits.spatial_blocks(ids, places, N_BLOCKS, 1, seed), ids):
        train, test = fold.train, fold.test
        surface = Surface.fit(places[train], y[train], None if ph is None else ph[train], log)
        told = {
            "sample": np.asarray(ids)[test],
            "observed": y[test],
            "predicted": surface.target.predict(places[test])[0],
        }
        if standard:
            limit = lead_limit(standard, rule, np.nan if ph is None else ph[test], limits)
            value = np.exp(y[test]) if log else y[test]
            told["probability"] = surface.probability(places[test], standard, rule, limits)
            told["exceeded"] = value > limit
            told["limit"] = np.broadcast_to(limit, value.shape)
        tables.append(pd.DataFrame(told))
    table = pd.concat(tables, ignore_index=True)
    if not standard:
        return table
    return table.dropna(subset=["limit", "probability"]).drop(columns="limit").reset_index(drop=True)
