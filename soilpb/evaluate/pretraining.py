"""How well a property is learnt from a source library: held-back soils, and R² within populations.

The column ``group`` of a library names profiles, or the *populations* it pools (fields, countries): R² comes
from telling them apart and from ranking soils within one, and both are reported.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from soilpb import _files
from soilpb._format import track
from soilpb.evaluate import splits
from soilpb.evaluate.cross_validation import COLUMNS, compute_metrics, score_predictions
from soilpb.models import network, preprocessing, resnet
from soilpb.models import training as training_loop
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.spectra import SoilSpectra

#: Spectra that a training looks at, all epochs together, if its epochs may be chosen.
LOOKS = 20_000
#: Fewest and most epochs, however large or small the library.
EPOCHS = (12, 30)
#: Groups of more soils than this, on average, are populations; smaller ones are profiles.
LARGEST_PROFILE = 20
#: Of whatever learns from a measured library, so that sites and seeds share it.
SHARED_SEED = 6
#: Most latent variables that PLS may ask for; a library's pH takes some thirty.
MAX_COMPONENTS = 40

#: What others reported of pH in water from vis-NIR spectra, on soils held back.
PUBLISHED = pd.DataFrame(
    [
        ("Safanelli et al. 2025", "OSSL v1.2, 44,590 soils", "Cubist", 0.899, 0.431, np.nan),
        ("Hosseinpour-Zarnaq et al. 2023", "LUCAS", "convolutional network", np.nan, np.nan, 2.82),
        ("Hosseinpour-Zarnaq et al. 2023", "LUCAS", "PLS", np.nan, np.nan, 2.79),
    ],
    columns=["reported by", "soils", "model", "R2", "RMSE", "RPD"],
)


def choose_epochs(n_samples: int) -> int:
    """Choose the passes over a library: more over a small one, whose passes have fewer steps.

    Settled by held-back R² of pH on simulated libraries and on pooled fields of LimeSoDa: it is level, within
    0.01, from here to twice as many, and then falls.
    """
    return int(np.clip(round(LOOKS / n_samples), *EPOCHS))


def choose_sizes(n_samples: int, most: int = 0) -> list[int]:
    """Choose sizes of smaller libraries: doublings of 1,000 soils (of 125 where there are few).

    None is nearly the whole library of ``n_samples``, nor larger than ``most`` (0: no limit).
    """
    first = 1_000 if n_samples > 2_000 else 125
    sizes = [first * 2**k for k in range(n_samples.bit_length())]
    return [size for size in sizes if 1.5 * size <= n_samples and (not most or size <= most)]


def shared_seed(library: SoilSpectra, seed: int) -> int:
    """Seed of what learns from a library: one for all sites where it is measured, else the site's own."""
    return SHARED_SEED if library.provenance.kind == "measured" else seed


def pretrain(
    folder: str | Path,
    learning: SoilSpectra,
    property_name: str,
    training: TrainingConfig,
    held_back: SoilSpectra | None = None,
) -> SpectralNetwork:
    """Train a network on a library, or read the one that the same soils, bands and settings gave before.

    In ``folder`` networks are shared by sites and seeds: one folder each, under the hash of all that it was
    made of, PyTorch and the code included. Soils that are ``held_back`` are watched only.
    """
    code = [network.__file__, preprocessing.__file__, resnet.__file__, training_loop.__file__]
    soils = [each.sha256() for each in (learning, held_back) if each is not None]
    parts = [*soils, property_name, training, torch.__version__, _files.sha256_of(*code)]
    place = Path(folder) / hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
    place.mkdir(parents=True, exist_ok=True)
    with _files.lock(place / ".lock"):  # another site may be training it
        with suppress(ValueError, OSError):  # not there, half written, or altered
            return SpectralNetwork.load(place)
        made = SpectralNetwork.fit(
            learning.reflectance,
            learning.values(property_name),
            learning.wavelengths,
            [property_name],
            training=training,
            validation=held_back and (held_back.reflectance, held_back.values(property_name)),
            progress=f"learning {property_name} from {learning.n_samples:,} soils",
        )
        made.save(place)
        return made


def score_by_size(
    folder: str | Path,
    learning: SoilSpectra,
    held_back: SoilSpectra,
    property_name: str,
    sizes: Sequence[int],
    names: tuple[str, str],
    epochs: int = 0,
    seed: int = 0,
) -> pd.DataFrame:
    """Score a network and PLS that learn from ever more soils of a library.

    The soils are chosen at random; a larger choice holds the smaller ones, and all models predict the same
    soils. ``names`` are of the network and PLS, ``epochs`` of the network (0: :func:`choose_epochs` of each
    size); ``n`` of the scores is one of ``sizes``. Other parameters are those of :func:`pretrain`.
    """
    order = np.random.default_rng(seed).permutation(learning.n_samples)
    tables = []
    for n in track(sizes, f"{property_name} from fewer soils"):
        soils = learning.take(np.sort(order[:n]))
        training = TrainingConfig(epochs or choose_epochs(n), seed=seed)
        trained = pretrain(folder, soils, property_name, training)
        pls = PLSCV(MAX_COMPONENTS, seed=seed)
        pls.fit(soils.reflectance, soils.values(property_name), profiles_of(soils))
        predictions = predict_held_back(
            dict(zip(names, (trained, pls), strict=True)), held_back, property_name
        )
        tables.append(score_predictions(predictions).assign(n=n))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def name_populations(library: SoilSpectra) -> pd.Series:
    """Name the population of each soil, indexed by sample; one name where groups are profiles."""
    samples = library.samples
    if "group" in samples and len(samples) > LARGEST_PROFILE * samples["group"].nunique():
        return samples["group"]
    return pd.Series(library.provenance.name, index=samples.index)


def hold_out(library: SoilSpectra, share: float, seed: int) -> tuple[SoilSpectra, SoilSpectra]:
    """Split a library into soils to learn from and a ``share`` to be judged by.

    Samples of one profile stay together. Populations do not: the score speaks of new soils from known ones.
    """
    ids = library.samples.index
    (fold,) = splits.iterate_folds(splits.random_split(ids, 1, share, seed, profiles_of(library)), ids)
    return library.take(fold.train), library.take(fold.test)


def profiles_of(library: SoilSpectra) -> np.ndarray | None:
    """Return the profile of each soil, which folds keep together; None where none is known."""
    known = "group" in library.samples and name_populations(library).unique().size == 1
    return library.samples["group"].to_numpy() if known else None


def predict_held_back(models: Mapping[str, Any], soils: SoilSpectra, property_name: str) -> pd.DataFrame:
    """Predict a property of soils that no fitted model has seen, as a table of cross-validation has it."""
    about = {"repeat": 0, "fold": 0, "lower": np.nan, "upper": np.nan}
    about |= {"sample": soils.samples.index.to_numpy(), "observed": soils.values(property_name)}
    tables = [
        pd.DataFrame({"model": name, "predicted": np.ravel(model.predict(soils.reflectance)), **about})
        for name, model in models.items()
    ]
    return pd.concat(tables, ignore_index=True)[COLUMNS]


def score_within_populations(predictions: pd.DataFrame, population: pd.Series) -> pd.Series:
    """R² about the mean of each soil's own population, by model.

    A model that only recognises the population (:func:`name_populations`) scores 0 here, however well it does
    about the mean of all soils (Simpson 1951). With one population this is plain R².
    """
    table = predictions.assign(population=predictions["sample"].map(population))
    own_mean = table.groupby(["model", "population"])["observed"].transform("mean")
    error, spread = (table["predicted"] - table["observed"]) ** 2, (table["observed"] - own_mean) ** 2
    sums = pd.DataFrame({"error": error, "spread": spread}).groupby(table["model"], sort=False).sum()
    return 1 - sums["error"] / sums["spread"]


def score_by_population(predictions: pd.DataFrame, population: pd.Series) -> pd.DataFrame:
    """Score each model in each population: columns ``model``, ``population``, ``n`` soils, and metrics."""
    table = predictions.assign(population=predictions["sample"].map(population))
    rows = [
        {"model": model, "population": name, "n": len(rows)}
        | compute_metrics(rows["observed"], rows["predicted"])
        for (model, name), rows in table.groupby(["model", "population"], sort=False)
    ]
    return pd.DataFrame(rows)
