"""Protocols: what a study must have decided, and R² of its four models under every plausible decision.

``notebooks/protocol.yml`` lists the choices: what the study states and where, or what is assumed here, with
plausible others. A :class:`Protocol` is one level of each choice that is varied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from reprlib import repr
from typing import Any, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR

from soilpb import site_file
from soilpb.evaluate import splits
from soilpb.evaluate.cross_validation import cross_validate, score_predictions
from soilpb.models import baselines
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.preprocessing import PREPROCESSING
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig
from soilpb.models.transfer import DROPOUT, NetworkRegressor, Strategy
from soilpb.study import Study

#: Choices on which the source network depends.
OF_SOURCE = ("preprocessing", "residual_blocks", "source_epochs")
#: Library soils that a protocol's network learns from at most: pretraining is most of the time.
MOST_SOURCE = 3_000
_SPECTRA = {"SNV": "snv", "absorbance": "raw", "first derivative": "d1"}
_BLOCKS = {"none": None, "all but the last block": 1, "all but the head": 0}


class Protocol(BaseModel):
    """One level of each choice that is varied."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    split: Literal["random", "Kennard–Stone", "SPXY", "5-fold"]
    preprocessing: Literal["SNV", "absorbance", "first derivative"]
    layers_frozen: Literal["none", "all but the last block", "all but the head"]
    target_scale: Literal["log", "natural"]
    baselines: Literal["tuned", "fixed"]
    test_share: float = Field(gt=0, lt=1)
    residual_blocks: int = Field(ge=1, le=6)
    source_epochs: int = Field(ge=1)
    target_epochs: int = Field(ge=1)
    learning_rate: float = Field(gt=0)


class Choice(BaseModel):
    """One choice of the study, as ``protocol.yml`` holds it; ``where`` the study states it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    what: str
    status: Literal["stated", "assumed"]
    where: str = ""
    default: int | float | str
    others: tuple[int | float | str, ...] = ()
    varied: bool = False  # then its name and levels are those of :class:`Protocol`

    @model_validator(mode="after")
    def _says_where(self) -> Choice:
        if (self.status == "stated") != bool(self.where) or (self.where and self.others):
            raise ValueError("'stated' needs 'where' and leaves no others; 'assumed' has no 'where'")
        return self


def load_protocol(path: str | Path = "") -> dict[str, Choice]:
    """Read and check ``notebooks/protocol.yml``, or the file given; a SiteError names each wrong choice."""
    path = Path(path) if path else site_file.project_root() / "notebooks" / "protocol.yml"
    listed = site_file.parse_yaml(path.read_bytes(), path)
    try:
        choices = TypeAdapter(dict[str, Choice]).validate_python(listed)
        varied = {name: choice for name, choice in choices.items() if choice.varied}
        defaults = {name: choice.default for name, choice in varied.items()}
        for name, choice in varied.items():
            for level in (choice.default, *choice.others):
                Protocol(**defaults | {name: level})
    except ValidationError as error:
        found = [(".".join(map(str, e["loc"])), e["msg"], repr(e["input"])) for e in error.errors()]
        faults = "; ".join(f"{place}: {what}, got {value}" for place, what, value in found)
        raise site_file.SiteError(f"{path}: {faults}") from None
    return choices


def choose_protocols(choices: Mapping[str, Choice], n: int, seed: int) -> list[Protocol]:
    """Choose ``n`` protocols at random, each level of a choice as often as every other (± 1)."""
    rng = np.random.default_rng(seed)
    columns = {}
    for name in Protocol.model_fields:
        levels = [choices[name].default, *choices[name].others]
        order = rng.permutation(len(levels))
        columns[name] = [levels[order[i % len(levels)]] for i in rng.permutation(n)]
    return [Protocol(**{name: column[i] for name, column in columns.items()}) for i in range(n)]


def run_protocols(study: Study, protocols: Sequence[Protocol]) -> Iterator[dict[str, Any]]:
    """Yield each protocol with the study's seed and R² of the study's four models under it.

    R² is on the protocol's scale of the target, over its test soils. Protocols share source networks.
    """
    made = network = None
    for protocol in sorted(protocols, key=lambda one: [str(getattr(one, name)) for name in OF_SOURCE]):
        if made != (made := [getattr(protocol, name) for name in OF_SOURCE]):
            network = _pretrain(study, protocol)
        yield {"seed": study.site.seed, **protocol.model_dump(), **_score(study, protocol, network)}


def share_with_interval(won: pd.Series, draws: pd.Series) -> tuple[float, float, float]:
    """Share of protocols in which something holds, and its 95 % interval by a bootstrap over draws.

    Protocols of one draw share soils or splits: whole draws are drawn. One alone says nothing: 0 to 1.
    """
    counts = won.groupby(draws).agg(["sum", "size"]).to_numpy()
    if len(counts) == 1:
        return float(won.mean()), 0.0, 1.0
    drawn = np.random.default_rng(0).integers(len(counts), size=(2000, len(counts)))
    shares = np.divide(*counts[drawn].sum(axis=1).T)
    return float(won.mean()), *np.quantile(shares, [0.025, 0.975]).tolist()


def main_effects(table: pd.DataFrame, value: str, choices: Sequence[str]) -> pd.Series:
    """Share of a column's variance that lies between the levels of each choice alone (ε²), largest first.

    What chance alone would give is taken off (Kelley 1935, Proc. Natl. Acad. Sci. 21:554); none is below 0.
    """
    shares, n = {}, len(table)
    for choice in choices:
        groups = table.groupby(choice)[value]
        within = (table[value] - groups.transform("mean")).pow(2).sum() / (n - groups.ngroups)
        shares[choice] = max(0.0, 1 - within / table[value].var())
    return pd.Series(shares).sort_values(ascending=False)


def _pretrain(study: Study, protocol: Protocol) -> SpectralNetwork:
    seed, soils, prop = study.site.seed, study.source, study.site.source_property
    soils = soils.take(np.sort(np.random.default_rng(seed).permutation(soils.n_samples)[:MOST_SOURCE]))
    training = TrainingConfig(protocol.source_epochs, seed=seed)
    data = soils.reflectance, soils.values(prop), study.grid, [prop]
    return SpectralNetwork.fit(*data, _shape(protocol, len(study.grid)), training)


def _shape(protocol: Protocol, n_bands: int, dropout: float = 0.1) -> ResNetConfig:
    channels = (32, 48, *[64] * protocol.residual_blocks)[: protocol.residual_blocks]
    preprocessing = _SPECTRA[protocol.preprocessing]
    return ResNetConfig(n_bands, channels=channels, dropout=dropout, preprocessing=preprocessing)


def _score(study: Study, protocol: Protocol, network: SpectralNetwork) -> dict[str, float]:
    """R² by the models' keys; PLS and SVM are tuned by inner folds or have fixed settings."""
    seed, y = study.site.seed, study.target.values(study.site.target)
    y = np.log(y) if protocol.target_scale == "log" else y
    name = _SPECTRA[protocol.preprocessing]
    spectra, pls = PREPROCESSING[name](), PLSCV(preprocessing=name, seed=seed)
    svm = baselines.svm(seed).set_params(pipeline=spectra)
    if protocol.baselines == "fixed":
        pls, svr = PLSRegression(10, scale=False), make_pipeline(StandardScaler(), SVR())
        svr = TransformedTargetRegressor(svr, transformer=StandardScaler())
        pls, svm = make_pipeline(spectra, pls), make_pipeline(spectra, svr)
    strategy = Strategy("", "", blocks=_BLOCKS[protocol.layers_frozen], rate=protocol.learning_rate)
    shape, epochs = _shape(protocol, len(study.grid), DROPOUT["direct"]), protocol.target_epochs
    models = {
        "pls": pls,
        "svm": svm,
        "resnet": NetworkRegressor(epochs=epochs, seed=seed, config=shape),
        "resnet-ph": NetworkRegressor(network, strategy, epochs, seed=seed),
    }
    found = cross_validate(models, study.X, y, _split(study, protocol, y), study.ids, groups=study.groups)
    pooled = score_predictions(found).query("metric == 'R2' and fold == -1")
    return pooled.set_index("model")["value"].to_dict()


def _split(study: Study, protocol: Protocol, y: np.ndarray) -> pd.DataFrame:
    ids, share, seed = study.ids, protocol.test_share, study.site.seed
    if protocol.split == "random":
        return splits.random_split(ids, 1, share, seed, study.groups)
    if protocol.split == "5-fold":
        return splits.repeated_kfold(ids, 5, 1, seed, study.groups)
    seen = PREPROCESSING[_SPECTRA[protocol.preprocessing]]().fit_transform(study.X)
    by_both = protocol.split == "SPXY"
    return splits.spxy(ids, seen, y, share) if by_both else splits.kennard_stone(ids, seen, share)
