"""What an idea may know besides the site's training rows: the other four fields, and the twin.

Networks are trained once and kept; a field's own soils never take part in what is made for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from ledger_models import Library
from sklearn.frozen import FrozenEstimator

from soilpb.models.network import NETWORK_STRATEGIES, SpectralNetwork, fine_tune
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.simulate import twin
from soilpb.simulate.minerals import ENDMEMBERS
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

PROPERTIES = ("pH", "clay_pct", "SOC_pct")
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
        seed : int
        """
        place = "twin" if kind == "physics" else self.study.site.site
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
                NETWORK_STRATEGIES["full"],
                training,
                dropout=0.1,
            )
        Y, names = self._labels(kind, seed)
        return SpectralNetwork.fit(X, Y, grid, names, training=training)

    def _labels(self, kind: str, seed: int) -> tuple[np.ndarray, list[str]]:
        if kind == "all":
            return np.column_stack([self.values(name) for name in PROPERTIES]), list(PROPERTIES)
        if kind == "field":
            names = list(np.unique(self.fields))
            return np.equal.outer(self.fields, names).astype(float), names
        ph = self.values("pH")
        return (np.random.default_rng(seed).permutation(ph) if kind == "shuffled" else ph), ["pH"]
