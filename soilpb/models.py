"""The registry: every model that a league table may hold, each one entry.

A model is a scikit-learn regressor that takes reflectance and tunes itself inside ``fit``.
Names are the study's where it has them: PLS-Pb, SVM-Pb, ResNet-Pb, ResNet-pH-Pb.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import pandas as pd
from sklearn.base import RegressorMixin

from soilpb import baselines
from soilpb.network import SpectralNetwork
from soilpb.transfer import DirectResNet, TransferRegressor


class Recipe(NamedTuple):
    """What a model may be made from."""

    source: SpectralNetwork | None
    seed: int
    epochs: dict[str, int]  # of networks trained on the target: {} leaves their default


class Entry(NamedTuple):
    """One model: what it is called, what it does, and how it is made."""

    name: str  # ``{}`` is where the target's symbol goes
    learns: str
    make: Callable[[Recipe], RegressorMixin]
    transfer: bool = False  # starts from a network that learned a source property
    needs: str = ""  # optional package, and the extra of soilpb that installs it


def _transfer(strategy: str) -> Callable[[Recipe], RegressorMixin]:
    trained = strategy in ("head", "partial", "full", "lp_ft")
    return lambda r: TransferRegressor(r.source, strategy, seed=r.seed, **(r.epochs if trained else {}))


#: Key → entry; the order is that of tables.
ENTRIES: dict[str, Entry] = {
    "pls": Entry("PLS{}", "latent variables of first derivatives, as many as inner folds favour",
                 lambda r: baselines.pls(seed=r.seed)),
    "pls-any": Entry("PLS, best preprocessing{}", "the same; raw, SNV or derivative chosen by inner folds",
                     lambda r: baselines.pls(("raw", "snv", "d1"), r.seed)),
    "svm": Entry("SVM{}", "a radial kernel on SNV spectra; cost, width and tolerance by inner folds",
                 lambda r: baselines.svm(r.seed)),
    "ridge": Entry("ridge{}", "every band of SNV spectra, shrunk as inner folds favour",
                   lambda r: baselines.ridge(r.seed)),
    "blocks": Entry("multiblock ridge{}", "ridge on four preprocessings side by side",
                    lambda r: baselines.multiblock_ridge(r.seed)),
    "gpr": Entry("GPR{}", "a Gaussian process on the same four", lambda r: baselines.gaussian_process()),
    "forest": Entry("random forest{}", "200 trees on first derivatives",
                    lambda r: baselines.random_forest(r.seed)),
    "minirocket": Entry("MiniRocket{}", "ridge on 10,000 random convolutions' shares above a bias",
                        lambda r: baselines.minirocket(r.seed)),
    "local-pls": Entry("local PLS{}", "PLS on the nearest soils, for each soil anew; how many by inner folds",
                       lambda r: baselines.local_pls(r.seed)),
    "cubist": Entry("Cubist{}", "trees of rules, a linear model in each", lambda r: baselines.cubist(r.seed),
                    needs="cubist"),
    "average": Entry("average{}", "the mean of PLS, multiblock ridge and GPR",
                     lambda r: baselines.average(r.seed)),
    "stack": Entry("stack{}", "the same three, weighted as inner folds favour",
                   lambda r: baselines.stack(r.seed)),
    "resnet": Entry("ResNet{}", "the network, trained on the site's soils alone",
                    lambda r: DirectResNet(seed=r.seed, **r.epochs)),
    "resnet-ph": Entry("ResNet-pH{}", "the pH network, fine-tuned as a whole: the study's recipe",
                       _transfer("full"), transfer=True),
    "head": Entry("pH network, new head{}", "a new head, trained; the pH features stay", _transfer("head"),
                  transfer=True),
    "partial": Entry("pH network, last block{}", "the last block and a new head", _transfer("partial"),
                     transfer=True),
    "lp-ft": Entry("pH network, LP-FT{}", "a ridge head first, then everything gently", _transfer("lp_ft"),
                   transfer=True),
    "features-ridge": Entry("pH features + ridge{}", "a ridge head on the pH network's features",
                            _transfer("embedding_ridge"), transfer=True),
    "features-pls": Entry("pH features ‖ PLS{}", "ridge on the pH features beside PLS scores",
                          _transfer("embedding_pls"), transfer=True),
}  # fmt: skip

#: The four of the study.
STUDY = ("pls", "svm", "resnet", "resnet-ph")
#: What chapters compare.
LEAGUE = ("pls", "svm", "ridge", "blocks", "average", "resnet", "resnet-ph", "features-ridge", "features-pls")
#: Fitted in a moment: what can be repeated on hundreds of splits.
QUICK = ("pls", "ridge", "features-ridge", "features-pls")


def name_of(key: str, target: str = "") -> str:
    """Name of a model in tables and figures.

    Examples
    --------
    >>> name_of("resnet-ph", "Pb"), name_of("pls")
    ('ResNet-pH-Pb', 'PLS')
    """
    return ENTRIES[key].name.format(f"-{target}" if target else "")


def installed() -> tuple[str, ...]:
    """Keys of the models that can be made here: all, but for those whose optional package is missing."""
    return tuple(key for key, entry in ENTRIES.items() if not entry.needs or find_spec(entry.needs))


def registry(
    source: SpectralNetwork | None = None,
    keys: Sequence[str] = LEAGUE,
    seed: int = 0,
    epochs: int = 0,
    target: str = "",
) -> dict[str, Any]:
    """Make unfitted models by their keys.

    Parameters
    ----------
    source : SpectralNetwork, optional
        The network that learned the source property; without one, transfer is left out.
    keys : sequence of str
        Of :data:`ENTRIES`.
    seed : int
        Of every random choice inside a model.
    epochs : int
        Of networks that are trained on the target; 0 keeps each model's own default.
    target : str
        Symbol to put into the names, such as ``Pb``.

    Returns
    -------
    dict of name to scikit-learn regressor

    Raises
    ------
    KeyError
        For a key that the registry does not have.
    ModuleNotFoundError
        For a model whose optional package is not installed.
    """
    if unknown := [key for key in keys if key not in ENTRIES]:
        raise KeyError(f"no model {unknown[0]!r}; there are: {', '.join(ENTRIES)}")
    if absent := [key for key in keys if key not in installed()]:
        extra = ENTRIES[absent[0]].needs
        raise ModuleNotFoundError(
            f"model {absent[0]!r} needs the package {extra}: pip install 'soilpb[{extra}]', or leave it out"
        )
    recipe = Recipe(source, seed, {"epochs": epochs} if epochs else {})
    chosen = [key for key in keys if source is not None or not ENTRIES[key].transfer]
    return {name_of(key, target): ENTRIES[key].make(recipe) for key in chosen}


def describe(keys: Sequence[str] = LEAGUE, target: str = "") -> pd.DataFrame:
    """Say in a table what each model learns, and whether it starts from the source."""
    rows = [
        (name_of(key, target), ENTRIES[key].learns, "yes" if ENTRIES[key].transfer else "") for key in keys
    ]
    return pd.DataFrame(rows, columns=["model", "what it learns", "starts from the source"])
