"""The strongest small-sample models there are, each with its search space, as estimators.

Every function returns an unfitted scikit-learn regressor that takes reflectance and tunes
itself inside ``fit``, on the rows it gets. What is fixed here rather than tuned (views,
kernels, members of the average) was settled while looking at the ten LimeSoDa tasks: on
those, and only there, scores are a little flattered.

The registry: every model that a league table may hold, each one entry.

A model is a scikit-learn regressor that takes reflectance and tunes itself inside ``fit``.
Names are the study's where it has them: PLS-Pb, SVM-Pb, ResNet-Pb, ResNet-pH-Pb.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from chemotools.scatter import StandardNormalVariate
from sklearn.base import RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor, StackingRegressor, VotingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds
from soilpb.models.linear import MiniRocket, RidgeKFold
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV, LocalPLS
from soilpb.models.preprocessing import derivative_pipeline, raw_pipeline, snv_pipeline
from soilpb.models.transfer import DirectResNet, TransferRegressor

#: Of ridge regression.
RIDGE_PENALTIES = tuple(np.logspace(-5, 3, 33))
#: Of the support vector machine, on a standardised target.
SVM_SPACE = {"svr__C": [1, 10, 100], "svr__gamma": [0.01, 0.1, 1], "svr__epsilon": [0.02, 0.2]}


def pls(preprocessing: str | tuple[str, ...] = "d1", seed: int = 0) -> PLSCV:
    """PLS on first derivatives, or on the best of several preprocessings."""
    return PLSCV(preprocessing=preprocessing, seed=seed)


def ridge(seed: int = 0) -> Pipeline:
    """Ridge regression on SNV spectra."""
    return make_pipeline(_double(), snv_pipeline(), standardised(), RidgeKFold(RIDGE_PENALTIES, seed=seed))


def multiblock_ridge(seed: int = 0) -> Pipeline:
    """Ridge regression on four views of each spectrum side by side."""
    return make_pipeline(four_views(), standardised(), RidgeKFold(RIDGE_PENALTIES, seed=seed))


def svm(seed: int = 0) -> Pipeline:
    """Support vector regression with a radial kernel on SNV spectra."""
    search = GridSearchCV(
        make_pipeline(standardised(), SVR()),
        SVM_SPACE,
        scoring="neg_root_mean_squared_error",
        cv=InnerFolds(seed=seed),
    )
    # SNV and the target's scale stay outside the search: the former learns from no other
    # row, and the latter only sets the unit of C and epsilon.
    return make_pipeline(
        _double(), snv_pipeline(), TransformedTargetRegressor(search, transformer=StandardScaler())
    )


def gaussian_process() -> Pipeline:
    """Gaussian process on the four views; length, signal and noise by marginal likelihood."""
    kernel = ConstantKernel(1, (1e-4, 1e4)) * Matern(1, (0.1, 1e3), nu=1.5) + WhiteKernel(0.1, (1e-4, 2))
    process = GaussianProcess(kernel, normalize_y=True, alpha=1e-8)
    return make_pipeline(four_views(), standardised(), process)


def random_forest(seed: int = 0) -> Pipeline:
    """Random forest on first derivatives.

    Not tuned: a third of the bands at a split is Breiman's rule for regression, and more
    trees only ever help (Probst & Boulesteix 2018, J. Mach. Learn. Res. 18:181).
    """
    forest = RandomForestRegressor(200, max_features=1 / 3, min_samples_leaf=2, random_state=seed)
    return make_pipeline(derivative_pipeline(), forest)


def minirocket(seed: int = 0) -> Pipeline:
    """Ridge regression on MiniRocket features of SNV spectra, as many as its paper takes."""
    return make_pipeline(
        snv_pipeline(), MiniRocket(seed=seed), standardised(), RidgeKFold(RIDGE_PENALTIES, seed=seed)
    )


def local_pls(seed: int = 0) -> LocalPLS:
    """PLS on the training spectra nearest to each new one."""
    return LocalPLS(seed=seed)


def cubist(seed: int = 0) -> Pipeline:
    """Cubist on SNV spectra: trees of rules, each with a linear model (Quinlan 1992).

    Not tuned: twenty committees, corrected by the five nearest training spectra. Inner folds
    over both would take twenty times as long. Needs the optional package ``cubist``.
    """
    from cubist import Cubist  # optional: its licence is the GPL

    rules = Cubist(n_committees=20, neighbors=5, random_state=seed)
    return make_pipeline(_double(), snv_pipeline(), FunctionTransformer(_named), rules)


def average(seed: int = 0) -> VotingRegressor:
    """Mean of PLS, multiblock ridge and the Gaussian process: nothing to learn, nothing to overfit."""
    return VotingRegressor(_members(seed))


def stack(seed: int = 0) -> StackingRegressor:
    """Weighted sum of the same three, weights not negative, learned from inner folds (Breiman 1996)."""
    return StackingRegressor(_members(seed), StackWeights(positive=True), cv=InnerFolds(seed=seed))


class GaussianProcess(GaussianProcessRegressor):
    """A Gaussian process for which a hyperparameter at its bound is an answer, not an alarm.

    Where spectra say nothing of a target, the likelihood is largest without any signal.
    """

    __metadata_request__fit = WANTS_GROUPS  # it has no folds, but a stack's around it have

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> GaussianProcess:
        """Fit as the parent does, whatever the groups."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(X, y)


class StackWeights(LinearRegression):
    """Linear regression that lets a stack hand it the groups, of which it makes nothing."""

    __metadata_request__fit = WANTS_GROUPS

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> StackWeights:
        """Fit as the parent does."""
        return super().fit(X, y)


def _members(seed: int) -> list[tuple[str, RegressorMixin]]:
    return [
        ("PLS", pls(("raw", "snv", "d1"), seed)),
        ("multiblock ridge", multiblock_ridge(seed)),
        ("GPR", gaussian_process()),
    ]


def four_views() -> Pipeline:
    """Absorbance, SNV, first derivative, and SNV of it, side by side."""
    derivative_snv = make_pipeline(derivative_pipeline(), StandardNormalVariate())
    return make_pipeline(
        _double(), make_union(raw_pipeline(), snv_pipeline(), derivative_pipeline(), derivative_snv)
    )


def standardised() -> Pipeline:
    """Bands of unit variance, and spectra divided by the root of the number of bands.

    Squared lengths are then means over bands: penalties, kernel widths and gamma mean the
    same with 210 bands, with 2,100, and with four views side by side.
    """
    return make_pipeline(StandardScaler(), FunctionTransformer(_per_root_band))


def _per_root_band(X: np.ndarray) -> np.ndarray:
    return X / np.sqrt(X.shape[1])


def _double() -> FunctionTransformer:
    """Double precision: Gram matrices of float32 spectra lose their small eigenvalues to rounding."""
    return FunctionTransformer(np.asarray, kw_args={"dtype": np.float64})


def _named(X: np.ndarray) -> pd.DataFrame:
    """Bands under names: Cubist makes some up for an array, and then misses them."""
    return pd.DataFrame(X, columns=[f"band {i}" for i in range(X.shape[1])])


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
MODELS: dict[str, Entry] = {
    "pls": Entry("PLS{}", "latent variables of first derivatives, as many as inner folds favour",
                 lambda r: pls(seed=r.seed)),
    "pls-any": Entry("PLS, best preprocessing{}", "the same; raw, SNV or derivative chosen by inner folds",
                     lambda r: pls(("raw", "snv", "d1"), r.seed)),
    "svm": Entry("SVM{}", "a radial kernel on SNV spectra; cost, width and tolerance by inner folds",
                 lambda r: svm(r.seed)),
    "ridge": Entry("ridge{}", "every band of SNV spectra, shrunk as inner folds favour",
                   lambda r: ridge(r.seed)),
    "blocks": Entry("multiblock ridge{}", "ridge on four preprocessings side by side",
                    lambda r: multiblock_ridge(r.seed)),
    "gpr": Entry("GPR{}", "a Gaussian process on the same four", lambda r: gaussian_process()),
    "forest": Entry("random forest{}", "200 trees on first derivatives",
                    lambda r: random_forest(r.seed)),
    "minirocket": Entry("MiniRocket{}", "ridge on 10,000 random convolutions' shares above a bias",
                        lambda r: minirocket(r.seed)),
    "local-pls": Entry("local PLS{}", "PLS on the nearest soils, for each soil anew; how many by inner folds",
                       lambda r: local_pls(r.seed)),
    "cubist": Entry("Cubist{}", "trees of rules, a linear model in each", lambda r: cubist(r.seed),
                    needs="cubist"),
    "average": Entry("average{}", "the mean of PLS, multiblock ridge and GPR",
                     lambda r: average(r.seed)),
    "stack": Entry("stack{}", "the same three, weighted as inner folds favour",
                   lambda r: stack(r.seed)),
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
STUDY_MODELS = ("pls", "svm", "resnet", "resnet-ph")
#: What chapters compare.
LEAGUE_MODELS = (
    "pls",
    "svm",
    "ridge",
    "blocks",
    "average",
    "resnet",
    "resnet-ph",
    "features-ridge",
    "features-pls",
)
#: Fitted in a moment: what can be repeated on hundreds of splits.
QUICK_MODELS = ("pls", "ridge", "features-ridge", "features-pls")


def model_name(key: str, target: str = "") -> str:
    """Name of a model in tables and figures.

    Examples
    --------
    >>> model_name("resnet-ph", "Pb"), model_name("pls")
    ('ResNet-pH-Pb', 'PLS')
    """
    return MODELS[key].name.format(f"-{target}" if target else "")


def installed_models() -> tuple[str, ...]:
    """Keys of the models that can be made here: all, but for those whose optional package is missing."""
    return tuple(key for key, entry in MODELS.items() if not entry.needs or find_spec(entry.needs))


def make_models(
    source: SpectralNetwork | None = None,
    keys: Sequence[str] = LEAGUE_MODELS,
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
        Of :data:`MODELS`.
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
    if unknown := [key for key in keys if key not in MODELS]:
        raise KeyError(f"no model {unknown[0]!r}; there are: {', '.join(MODELS)}")
    if absent := [key for key in keys if key not in installed_models()]:
        extra = MODELS[absent[0]].needs
        raise ModuleNotFoundError(
            f"model {absent[0]!r} needs the package {extra}: pip install 'soilpb[{extra}]', or leave it out"
        )
    recipe = Recipe(source, seed, {"epochs": epochs} if epochs else {})
    chosen = [key for key in keys if source is not None or not MODELS[key].transfer]
    return {model_name(key, target): MODELS[key].make(recipe) for key in chosen}


def describe_models(keys: Sequence[str] = LEAGUE_MODELS, target: str = "") -> pd.DataFrame:
    """Say in a table what each model learns, and whether it starts from the source."""
    rows = [
        (model_name(key, target), MODELS[key].learns, "yes" if MODELS[key].transfer else "") for key in keys
    ]
    return pd.DataFrame(rows, columns=["model", "what it learns", "starts from the source"])
