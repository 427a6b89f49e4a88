"""Learning a property from a source library, and what is then known of it.

Some soils are held back before anything is learnt from the others. The column ``group`` of
a library names profiles, or the *populations* it pools: fields, countries, data sets. With
populations two things make R², telling them apart and ranking soils within one: they are
reported apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pandas as pd

from soilpb import splits
from soilpb.evaluation import COLUMNS
from soilpb.spectra import SoilSpectra

#: Spectra that a training looks at, all epochs together, if its epochs may be chosen.
LOOKS = 20_000
#: Fewest and most epochs, however large or small the library.
EPOCHS = (12, 30)
#: Groups of more soils than this, on average, are populations; smaller ones are profiles.
LARGEST_PROFILE = 20


class Predictor(Protocol):
    """A fitted model: a network, or a scikit-learn regressor."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) or (n_samples, 1) values."""


def epochs_for(n_samples: int) -> int:
    """Choose the passes over a library: more over a small one, whose passes have fewer steps.

    Chosen by held-back R² of pH: on simulated libraries of 640 to 9,600 soils and on pooled
    fields of LimeSoDa it is level, within 0.01, from here to twice as many, and then falls.

    Examples
    --------
    >>> [epochs_for(n) for n in (640, 1_000, 9_600)]
    [30, 20, 12]
    """
    return int(np.clip(round(LOOKS / n_samples), *EPOCHS))


def populations(library: SoilSpectra) -> pd.Series:
    """Name the population of each soil, indexed by sample; one name where groups are profiles."""
    samples = library.samples
    if "group" in samples and len(samples) > LARGEST_PROFILE * samples["group"].nunique():
        return samples["group"]
    return pd.Series(library.provenance.name, index=samples.index)


def hold_out(library: SoilSpectra, share: float, seed: int) -> tuple[SoilSpectra, SoilSpectra]:
    """Split a library into soils to learn from and soils to be judged by.

    Samples of one profile stay together. Populations do not: each lies on both sides, so
    that the score speaks of new soils from known populations.

    Parameters
    ----------
    library : SoilSpectra
    share : float
        Of the soils (of the profiles, where there are any) that are held back.
    seed : int
    """
    ids = library.samples.index
    profiles = None if populations(library).unique().size > 1 else library.samples.get("group")
    (fold,) = splits.iterate(splits.random_split(ids, 1, share, seed, profiles), ids)
    return library.take(fold.train), library.take(fold.test)


def predict(models: Mapping[str, Predictor], soils: SoilSpectra, property_name: str) -> pd.DataFrame:
    """Predict soils that no model has seen: one row a (model, sample).

    Parameters
    ----------
    models : mapping of str to fitted model
        Each predicts from reflectance (n_samples, n_bands).
    soils : SoilSpectra
    property_name : str
        Column of the soils' samples that is predicted.

    Returns
    -------
    DataFrame
        With :data:`soilpb.evaluation.COLUMNS`; one repeat, one fold.
    """
    about = {
        "repeat": 0,
        "fold": 0,
        "sample": soils.samples.index.to_numpy(),
        "observed": soils.values(property_name),
        "lower": np.nan,
        "upper": np.nan,
    }
    tables = [
        pd.DataFrame({"model": name, "predicted": np.ravel(model.predict(soils.reflectance)), **about})
        for name, model in models.items()
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def within_populations(predictions: pd.DataFrame, population: pd.Series) -> pd.Series:
    """R² about the mean of each soil's own population, by model.

    A model that only recognises the population scores 0 here, however well it does about
    the mean of all soils (Simpson 1951). With one population this is plain R².

    Parameters
    ----------
    predictions : DataFrame
        One row a (model, sample).
    population : Series
        Sample → population, from :func:`populations`.

    Examples
    --------
    >>> table = pd.DataFrame({"model": "m", "sample": [1, 2, 3, 4], "observed": [4, 5, 7, 8.0]})
    >>> population = pd.Series(list("aabb"), index=[1, 2, 3, 4])
    >>> float(within_populations(table.assign(predicted=[4.5, 4.5, 7.5, 7.5]), population)["m"])
    0.0
    """
    table = predictions.assign(population=predictions["sample"].map(population))
    own_mean = table.groupby(["model", "population"])["observed"].transform("mean")
    squares = pd.DataFrame(
        {
            "error": (table["predicted"] - table["observed"]) ** 2,
            "spread": (table["observed"] - own_mean) ** 2,
        }
    )
    sums = squares.groupby(table["model"], sort=False).sum()
    return 1 - sums["error"] / sums["spread"]
