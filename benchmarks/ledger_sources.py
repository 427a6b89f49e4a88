"""What an idea may know besides the site's training rows: the other four fields, the twin, and the world.

The world is ICRAF-ISRIC's library (``world_sites.py``), where it lies beside the project.

Networks are trained once and kept; a field's own soils never take part in what is made for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import world_sites
from ledger_models import Library
from sklearn.frozen import FrozenEstimator

from soilpb.evaluate.pretraining import choose_epochs
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.models.transfer import STRATEGIES, fine_tune
from soilpb.simulate import twin
from soilpb.simulate.minerals import ENDMEMBERS
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

PROPERTIES = ("pH", "clay_pct", "SOC_pct")
#: Seven properties of the world library, each on a scale that makes its distribution even.
WORLD_PROPERTIES = {
    "ph_h2o": np.asarray,
    "clay_pct": np.sqrt,
    "silt_pct": np.sqrt,
    "sand_pct": np.sqrt,
    "oc_pct": lambda values: np.log(values + 0.1),
    "cec_cmolc_kg": lambda values: np.log(values + 0.1),
    "ca_exch_cmolc_kg": lambda values: np.log(values + 0.1),
}
#: Passes over the other fields' soils, some 800, and over the twin's.
EPOCHS, TWIN_EPOCHS = 30, 12
TWIN_SOILS = 6_000


@dataclass(frozen=True)
class Sources:
    """Everything that one task may borrow.

    Parameters
    ----------
    study : Study
        Of a field, with the task's target.
    folder : Path
        Where networks are kept.
    """

    study: Study
    folder: Path

    @property
    def seed(self) -> int:
        """Seed of inner folds."""
        return self.study.site.seed

    @property
    def soils(self) -> SoilSpectra:
        """The other four fields."""
        return self.study.source

    @property
    def fields(self) -> np.ndarray:
        """Field of each of their soils."""
        return self.soils.samples["field"].to_numpy()

    def values(self, name: str) -> np.ndarray:
        """A property of theirs; ``target`` is the property that the task predicts here."""
        return self.soils.values(self.study.site.target if name == "target" else name)

    def network(self, kind: str, seed: int = 0) -> SpectralNetwork:
        """Train a network, or read it back.

        Parameters
        ----------
        kind : {"pH", "all", "shuffled", "field", "random", "physics", "physics-pH"}
            Or ``world-pH``, ``world-shuffled``, ``world-seven``: learned from the world library.
        seed : int
        """
        place = "world" if kind.startswith("world-") else self.study.site.site
        place = "twin" if kind == "physics" else place
        folder = self.folder / "networks" / f"{kind}-{seed}" / place
        if not (folder / "card.json").exists():
            self._train(kind, seed).save(folder)
        return SpectralNetwork.load(folder)

    def library(self, name: str) -> Library:
        """Other fields' soils with one property, centred within fields."""
        return Library.of(self.soils.reflectance, self.values(name), self.fields)

    @cached_property
    def models(self) -> dict[tuple[str, str], PLSCV]:
        """PLS of each other field and property."""
        return {
            (field, name): PLSCV(seed=self.seed).fit(
                self.soils.reflectance[self.fields == field], self.values(name)[self.fields == field]
            )
            for field in np.unique(self.fields)
            for name in (*PROPERTIES, "target")
        }

    def predictors(self, *names: str) -> tuple[FrozenEstimator, ...]:
        """PLS models of the other fields for these properties."""
        return tuple(FrozenEstimator(model) for (_, name), model in self.models.items() if name in names)

    def _train(self, kind: str, seed: int) -> SpectralNetwork:
        X, grid, training = self.soils.reflectance, self.study.grid, TrainingConfig(EPOCHS, seed=seed)
        if kind == "random":
            return SpectralNetwork.random(X, grid, seed=seed)
        if kind == "physics":
            soils = twin.simulate_source(TWIN_SOILS, seed, grid)
            names = [f"{name}_pct" for name in ENDMEMBERS]
            abundances = np.log(soils.samples[names].to_numpy() + 1e-3)
            return SpectralNetwork.fit(
                soils.reflectance, abundances, grid, names, training=TrainingConfig(TWIN_EPOCHS, seed=seed)
            )
        if kind == "physics-pH":
            return fine_tune(
                self.network("physics", seed),
                X,
                self.values("pH"),
                STRATEGIES["full"],
                training,
                dropout=0.1,
            )
        if kind.startswith("world-"):
            return self._train_on_world(kind, seed)
        Y, names = self._labels(kind, seed)
        return SpectralNetwork.fit(X, Y, grid, names, training=training)

    def _train_on_world(self, kind: str, seed: int) -> SpectralNetwork:
        """Train on all soils of the world library that have the property; missing values are left out."""
        soils = world_sites.read_world()
        names = list(WORLD_PROPERTIES) if kind == "world-seven" else ["ph_h2o"]
        Y = np.column_stack([WORLD_PROPERTIES[name](soils[name].to_numpy(float)) for name in names])
        known = np.isfinite(Y).any(axis=1)
        soils, Y = soils[known], Y[known]
        Y = np.random.default_rng(seed).permutation(Y) if kind == "world-shuffled" else Y
        training = TrainingConfig(choose_epochs(len(soils)), seed=seed)
        X, grid = world_sites.spectra(soils), world_sites.GRID
        return SpectralNetwork.fit(X, Y, grid, names, training=training)

    def _labels(self, kind: str, seed: int) -> tuple[np.ndarray, list[str]]:
        if kind == "all":
            return np.column_stack([self.values(name) for name in PROPERTIES]), list(PROPERTIES)
        if kind == "field":
            names = list(np.unique(self.fields))
            return np.equal.outer(self.fields, names).astype(float), names
        ph = self.values("pH")
        return (np.random.default_rng(seed).permutation(ph) if kind == "shuffled" else ph), ["pH"]
