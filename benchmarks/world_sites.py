"""Countries of the world library as sites: which soils, which targets, which folds, which source.

The ICRAF-ISRIC library (Garrity & Bindraban 2004; World Agroforestry & ISRIC 2021) has 4,168 measured soils
with laboratory values. One country is a site of some 130 soils; all others are its library, with pH.
Whole profiles are drawn, for each repeat anew, since which are drawn changes a country's R² by some .1;
profiles stay together in folds, since horizons of one are alike. Choices are made on four countries,
confirmed on three. Where the file is not beside the project, :func:`read_world` says so.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from soilpb.evaluate import splits
from soilpb.evaluate.pretraining import choose_epochs
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import TrainingConfig
from soilpb.site_file import project_root
from soilpb.spectra import band_grid

FILE = project_root().parent / "shared" / "data" / "icraf_isric" / "icraf_isric_visnir.parquet"
STORE = project_root() / "artifacts" / "countries"
#: Countries on which models are chosen, and on which the choice is confirmed.
CHOSEN_ON = ("China", "Indonesia", "Brazil", "Kenya")
CONFIRMED_ON = ("Peru", "Nigeria", "United States")
COUNTRIES = (*CHOSEN_ON, *CONFIRMED_ON)
#: Target → its column, and what makes its distribution even.
TARGETS = {
    "√clay": ("clay_pct", np.sqrt),
    "ln OC": ("oc_pct", np.log),
    "ln CEC": ("cec_cmolc_kg", np.log),
}
GRID = band_grid(430, 2480, 10)
#: Soils of a site: profiles are drawn until there are so many.
N_SOILS = 130
N_FOLDS, N_REPEATS, SEED = 5, 5, 0


class WorldSite(NamedTuple):
    """One country's soils: spectra, profiles, and a table of the targets."""

    country: str
    repeat: int
    X: np.ndarray  # (n_soils, n_bands), reflectance on GRID
    targets: pd.DataFrame  # (n_soils, 3), indexed by sample id, columns as in TARGETS
    profiles: np.ndarray  # (n_soils,)

    def folds(self) -> pd.DataFrame:
        """Table of the repeat's folds (:mod:`soilpb.evaluate.splits`); profiles stay together."""
        folds = splits.repeated_kfold(self.targets.index, N_FOLDS, self.repeat + 1, SEED, self.profiles)
        return folds[folds["repeat"] == self.repeat]


@cache
def read_world() -> pd.DataFrame:
    """All soils, indexed by id: laboratory values, profile, country, and a column per band."""
    if not FILE.exists():
        raise SystemExit(
            "this needs the ICRAF-ISRIC library in ../shared/data/icraf_isric, beside the project"
        )
    return pd.read_parquet(FILE).set_index("id")


@cache
def world_site(country: str, repeat: int, n_soils: float = N_SOILS) -> WorldSite:
    """Draw whole profiles of a country until there are 130 soils with all targets, or ``n_soils``.

    Soils with a value of 0, below detection, are left out where its logarithm is asked for.
    """
    soils = read_world().query("country == @country")
    known = soils[[column for column, _ in TARGETS.values()]].notna().all(axis=1)
    soils = soils[known & (soils["oc_pct"] > 0) & (soils["cec_cmolc_kg"] > 0)]
    order = np.random.default_rng(SEED + repeat).permutation(np.unique(soils["profile"]))
    reached = soils["profile"].value_counts().loc[order].cumsum().searchsorted(n_soils)
    soils = soils[soils["profile"].isin(order[: reached + 1])]
    targets = pd.DataFrame({name: scale(soils[column]) for name, (column, scale) in TARGETS.items()})
    return WorldSite(
        country, repeat, spectra(soils), targets.rename_axis("sample"), soils["profile"].to_numpy()
    )


def other_soils(country: str) -> pd.DataFrame:
    """All soils of other countries with pH in water: the site's library."""
    return read_world().query("country != @country and ph_h2o.notna()")


def spectra(soils: pd.DataFrame) -> np.ndarray:
    """Reflectance of soils on :data:`GRID`, (n_soils, n_bands) float32."""
    return soils[[f"{band:.0f}" for band in GRID]].to_numpy(dtype=np.float32)


def source_network(country: str, shuffled: bool = False, seed: int = 0) -> SpectralNetwork:
    """Network that learned pH of the other countries; trained, or read back.

    ``shuffled`` is the control: the same spectra, their pH permuted.
    """
    folder = STORE / "networks" / f"{'shuffled' if shuffled else 'pH'}-{seed}" / country.replace(" ", "-")
    if not (folder / "card.json").exists():
        soils = other_soils(country)
        ph = soils["ph_h2o"].to_numpy(dtype=float)
        ph = np.random.default_rng(seed).permutation(ph) if shuffled else ph
        training = TrainingConfig(choose_epochs(len(ph)), seed=seed)
        SpectralNetwork.fit(spectra(soils), ph, GRID, ["pH"], training=training).save(folder)
    return SpectralNetwork.load(folder)


def predictions_path(model: str, country: str, target: str) -> Path:
    """Where a benchmark keeps out-of-fold predictions of a model on a site."""
    names = ("predictions", model.replace("/", "-"), f"{target} {country}.parquet")
    return STORE.joinpath(*(name.replace(" ", "-") for name in names))
