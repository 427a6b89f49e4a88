"""All models that can be compared, each with its search space: the table :data:`MODELS`.

What is fixed here rather than tuned was settled while looking at the ten LimeSoDa tasks (views, kernels) and
at soils of China, Indonesia, Brazil and Kenya (members of the average): there scores are a little flattered.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import partial
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pandas as pd
from chemotools.scatter import StandardNormalVariate
from scipy.linalg import cho_solve
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor, StackingRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.gaussian_process.kernels import ConstantKernel, WhiteKernel
from sklearn.linear_model import LinearRegression
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVR
from sklearn.utils.validation import check_is_fitted, validate_data

from soilpb.models.inner_folds import WANTS_GROUPS, InnerFolds, fit_model
from soilpb.models.linear import MiniRocket, RidgeKFold
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.preprocessing import EvenComponents, derivative_pipeline, raw_pipeline, snv_pipeline
from soilpb.models.transfer import EmbeddingPLS, NetworkFeatures, NetworkRegressor

#: Of ridge regression.
RIDGE_PENALTIES = tuple(np.logspace(-5, 3, 33))
#: Of the support vector machine, on a standardised target.
SVM_SPACE = {"svr__C": [1, 10, 100], "svr__gamma": [0.01, 0.1, 1], "svr__epsilon": [0.02, 0.2]}
#: How far a prediction of the average may leave the training values, as a share of their range.
MARGIN = 0.05
#: PLS that also chooses its preprocessing, and PLS on the nearest soils.
pls_any = partial(PLSCV, preprocessing=("raw", "snv", "d1"))
local_pls = partial(PLSCV, neighbours=(30, 45, 60, 80, 120, 180))


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
    return make_pipeline(StandardScaler(), FunctionTransformer(_divide_by_root_bands))


def ridge(seed: int = 0) -> Pipeline:
    """Ridge regression on SNV spectra."""
    return make_pipeline(_double(), snv_pipeline(), standardised(), RidgeKFold(RIDGE_PENALTIES, seed=seed))


def multiblock_ridge(seed: int = 0) -> Pipeline:
    """Ridge regression on four views of each spectrum side by side."""
    return make_pipeline(four_views(), standardised(), RidgeKFold(RIDGE_PENALTIES, seed=seed))


def minirocket(seed: int = 0) -> Pipeline:
    """Ridge regression on MiniRocket features of SNV spectra, as many as its paper takes."""
    features = make_pipeline(snv_pipeline(), MiniRocket(seed=seed), standardised())
    return make_pipeline(*features, RidgeKFold(RIDGE_PENALTIES, seed=seed))


def svm(seed: int = 0) -> Pipeline:
    """Support vector regression with a radial kernel on SNV spectra.

    SNV and the target's scale stay outside the search: the former learns from no other row, and the latter
    only sets the unit of C and epsilon.
    """
    svr, rmse = make_pipeline(standardised(), SVR()), "neg_root_mean_squared_error"
    search = GridSearchCV(svr, SVM_SPACE, scoring=rmse, cv=InnerFolds(seed=seed))
    scaled = TransformedTargetRegressor(search, transformer=StandardScaler())
    return make_pipeline(_double(), snv_pipeline(), scaled)


def gaussian_process(seed: int = 0, components: bool = False) -> Pipeline:
    """Gaussian process on the four views; length, signal and noise by marginal likelihood.

    On principal ``components``, whose spreads are made more even, its kernel is exponential: it follows jumps
    between kinds of soils that differ in what their spectra mean.
    """
    shape = Matern(1, (0.1, 1e3), nu=0.5 if components else 1.5)
    kernel = ConstantKernel(1, (1e-4, 1e4)) * shape + WhiteKernel(0.1, (1e-4, 2))
    process = GaussianProcess(kernel, normalize_y=True, alpha=1e-8, random_state=seed)
    last = (EvenComponents(), process) if components else (process,)
    return make_pipeline(four_views(), standardised(), *last)


def random_forest(seed: int = 0) -> Pipeline:
    """Random forest on first derivatives, not tuned: a third of the bands at a split is Breiman's rule."""
    forest = RandomForestRegressor(200, max_features=1 / 3, min_samples_leaf=2, random_state=seed)
    return make_pipeline(derivative_pipeline(), forest)


def cubist(seed: int = 0) -> Pipeline:
    """Cubist on SNV spectra: trees of rules, each with a linear model (Quinlan 1992), not tuned.

    Twenty committees, corrected by the five nearest training spectra. Needs the optional package ``cubist``.
    """
    from cubist import Cubist  # optional: its licence is the GPL

    rules = Cubist(n_committees=20, neighbors=5, random_state=seed)
    return make_pipeline(_double(), snv_pipeline(), FunctionTransformer(_name_bands), rules)


def average(seed: int = 0, source: SpectralNetwork | None = None) -> BoundedAverage:
    """Multiblock ridge and two Gaussian processes: a weighted mean within the range of training values.

    With a ``source`` network, ridge on its features is one more, which weighs what its errors allow.
    """
    members = {
        "multiblock ridge": multiblock_ridge(seed),
        "GPR": gaussian_process(seed),
        "GPR on components": gaussian_process(seed, components=True),
    }
    if source is not None:
        ridge = make_pipeline(NetworkFeatures(source), RidgeKFold(RIDGE_PENALTIES, seed=seed))
        members["source features"] = ridge
    return BoundedAverage(list(members.items()))


def stack(seed: int = 0) -> StackingRegressor:
    """Weighted sum of PLS, multiblock ridge and GPR, by inner folds, none negative (Breiman 1996)."""
    members = {"PLS": pls_any, "multiblock ridge": multiblock_ridge, "GPR": gaussian_process}
    # A search of nothing accepts the groups that a stack hands to its final estimator.
    line, folds = LinearRegression(positive=True), InnerFolds(seed=seed)
    weights = GridSearchCV(line, {}, scoring="neg_root_mean_squared_error", cv=folds)
    made = [(name, make(seed=seed)) for name, make in members.items()]
    return StackingRegressor(made, weights, cv=folds)


class GaussianProcess(GaussianProcessRegressor):
    """A Gaussian process that knows its error on grouped inner folds, and does not warn at bounds.

    ``inner_rmse_`` is averaged over inner folds, each left out in closed form, length, signal and noise as
    fitted to all rows (Rasmussen & Williams 2006, Gaussian Processes for Machine Learning, eq. 5.12).
    """

    __metadata_request__fit = WANTS_GROUPS

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> GaussianProcess:
        """Fit as the parent does; groups are those of the inner folds, whose seed is ``random_state``."""
        with warnings.catch_warnings():  # without a signal the likelihood is largest at a bound
            warnings.simplefilter("ignore", ConvergenceWarning)
            super().fit(X, y)
        precision = cho_solve((self.L_, True), np.eye(len(X)))
        errors = []
        for training in InnerFolds(seed=self.random_state or 0).training_masks(len(X), groups):
            left_out = np.flatnonzero(~training)
            residuals = np.linalg.solve(precision[np.ix_(left_out, left_out)], self.alpha_[left_out])
            errors.append(np.sqrt(np.mean(residuals**2)) * self._y_train_std)
        self.inner_rmse_ = float(np.mean(errors))
        return self


class Matern(kernels.Matern):
    """The kernel of scikit-learn, with distances to other spectra by one product of matrices."""

    def __call__(
        self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False
    ) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
        """Covariance (n, m) of rows of X (n, n_columns) and Y (m, n_columns), as the parent computes it."""
        if Y is None:
            return super().__call__(X, eval_gradient=eval_gradient)
        scaled = np.sqrt(2 * self.nu) * euclidean_distances(X, Y) / self.length_scale
        return np.exp(-scaled) if self.nu == 0.5 else (1 + scaled) * np.exp(-scaled)


class BoundedAverage(RegressorMixin, BaseEstimator):
    """Weighted mean of models, none of which may leave the range of the training values by much.

    A linear model can be far off on a soil unlike those of training. So each prediction is kept within the
    training values' range and a margin of 5 % of it, and a member counts by its squared error on grouped
    inner folds, squared and inverted: one that errs by twice another's RMSE has a sixteenth of its weight.
    ``members`` are names and pipelines, whose last step has ``inner_rmse_`` once fitted.
    """

    __metadata_request__fit = WANTS_GROUPS

    def __init__(self, members: list[tuple[str, RegressorMixin]]) -> None:
        self.members = members

    def fit(self, X: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> BoundedAverage:
        """Fit members, weights and bounds to reflectance (n_samples, n_bands), ``y`` and their groups."""
        X, y = validate_data(self, X, y, y_numeric=True)
        self.members_ = [fit_model(clone(member), X, y, groups) for _, member in self.members]
        errors = np.array([member[-1].inner_rmse_ for member in self.members_])
        shares = (errors.min() / errors) ** 4 if errors.min() > 0 else (errors == 0).astype(float)
        self.weights_ = shares / shares.sum()
        margin = MARGIN * np.ptp(y)
        self.bounds_ = float(y.min() - margin), float(y.max() + margin)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (n_samples,) values within the bounds."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        views = self.members_[0][0].transform(X)  # what most members see first, and learns nothing
        predicted = [
            member.predict(X) if isinstance(member[0], NetworkFeatures) else member[1:].predict(views)
            for member in self.members_
        ]
        return self.weights_ @ np.clip(predicted, *self.bounds_)


def _divide_by_root_bands(X: np.ndarray) -> np.ndarray:
    return X / np.sqrt(X.shape[1])


def _double() -> FunctionTransformer:
    """Double precision: Gram matrices of float32 spectra lose their small eigenvalues to rounding."""
    return FunctionTransformer(np.asarray, kw_args={"dtype": np.float64})


def _name_bands(X: np.ndarray) -> pd.DataFrame:
    """Bands under names: Cubist makes some up for an array, and then misses them."""
    return pd.DataFrame(X, columns=[f"band {i}" for i in range(X.shape[1])])


class Entry(NamedTuple):
    """One model: what it is called, what it learns, and how it is made."""

    name: str  # ``{}`` is where the target's symbol goes
    learns: str
    make: Callable[..., RegressorMixin]  # takes seed; source if transfer, epochs if trained
    transfer: bool = False  # starts from a network that learned a source property
    trained: bool = False  # by gradient descent on the target
    needs: str = ""  # optional package, and the extra of soilpb that installs it


def _transfer(name: str, learns: str, strategy: str, trained: bool = True) -> Entry:
    return Entry(name, learns, partial(NetworkRegressor, strategy=strategy), transfer=True, trained=trained)


#: Key → entry; the order is that of tables.
MODELS: dict[str, Entry] = {
    "pls": Entry("PLS{}", "latent variables of first derivatives, as many as inner folds favour", PLSCV),
    "pls-any": Entry("PLS, best preprocessing{}", "the same; raw, SNV or derivative chosen by inner folds",
                     pls_any),
    "svm": Entry("SVM{}", "a radial kernel on SNV spectra; cost, width and tolerance by inner folds", svm),
    "ridge": Entry("ridge{}", "every band of SNV spectra, shrunk as inner folds favour", ridge),
    "blocks": Entry("multiblock ridge{}", "ridge on four preprocessings side by side", multiblock_ridge),
    "gpr": Entry("GPR{}", "a Gaussian process on the same four", gaussian_process),
    "gpr-pc": Entry("GPR on components{}", "the same on principal components, weak ones strengthened",
                    partial(gaussian_process, components=True)),
    "forest": Entry("random forest{}", "200 trees on first derivatives", random_forest),
    "minirocket": Entry("MiniRocket{}", "ridge on 10,000 random convolutions' shares above a bias",
                        minirocket),
    "local-pls": Entry("local PLS{}", "PLS on the nearest soils, for each soil anew; how many by inner folds",
                       local_pls),
    "cubist": Entry("Cubist{}", "trees of rules, a linear model in each", cubist, needs="cubist"),
    "average": Entry("average{}", "multiblock ridge and both GPR, weighted by error, kept in range",
                     average),
    "stack": Entry("stack{}", "PLS, multiblock ridge and GPR, weights by regression on inner folds", stack),
    "resnet": Entry("ResNet{}", "the network, trained on the site's soils alone", NetworkRegressor,
                    trained=True),
    "resnet-ph": _transfer("ResNet-pH{}", "the pH network, fine-tuned as a whole: the assumed recipe",
                           "full"),
    "head": _transfer("pH network, new head{}", "a new head, trained; the pH features stay", "head"),
    "partial": _transfer("pH network, last block{}", "the last block and a new head", "partial"),
    "lp-ft": _transfer("pH network, LP-FT{}", "a ridge head first, then everything gently", "lp_ft"),
    "features-ridge": _transfer("pH features + ridge{}", "a ridge head on the pH network's features",
                                "embedding_ridge", trained=False),
    "features-pls": Entry("pH features ‖ PLS{}", "ridge on the pH features beside PLS scores", EmbeddingPLS,
                          transfer=True),
    "average-ph": Entry("average with pH features{}", "the average, and ridge on the pH network's features",
                        average, transfer=True),
}  # fmt: skip

#: The four of the study.
STUDY_MODELS = ("pls", "svm", "resnet", "resnet-ph")
#: What chapters compare.
LEAGUE_MODELS = tuple("pls svm ridge blocks average resnet resnet-ph features-ridge features-pls".split())
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


def find_entry(key: str) -> Entry:
    """Find a model; a key that is not in :data:`MODELS` is a KeyError that lists those that are."""
    if key not in MODELS:
        raise KeyError(f"no model {key!r}; there are: {', '.join(MODELS)}")
    return MODELS[key]


def installed_models() -> tuple[str, ...]:
    """Keys of the models that can be made here: all, but for those whose optional package is missing."""
    return tuple(key for key, entry in MODELS.items() if not entry.needs or find_spec(entry.needs))


def make_models(
    source: SpectralNetwork | None = None,
    keys: Sequence[str] = LEAGUE_MODELS,
    seed: int = 0,
    epochs: int = 0,
    target: str = "",
) -> dict[str, RegressorMixin]:
    """Make unfitted models by their keys in :data:`MODELS`, named for a target such as ``Pb``.

    Without a ``source``, the network that learned the source property, transfer is left out; ``epochs`` are
    of networks that are trained on the target (0: each model's own). An unknown key is a KeyError; a model
    whose optional package is not installed, a ModuleNotFoundError.
    """
    made = {}
    for key in keys:
        entry = find_entry(key)
        if entry.needs and not find_spec(entry.needs):
            install = f"the package {entry.needs}: pip install 'soilpb[{entry.needs}]'"
            raise ModuleNotFoundError(f"model {key!r} needs {install}, or leave it out")
        options = {"epochs": epochs} if entry.trained and epochs else {}
        if entry.transfer:
            options["source"] = source
        if source is not None or not entry.transfer:
            made[model_name(key, target)] = entry.make(seed=seed, **options)
    return made


def describe_models(keys: Sequence[str] = LEAGUE_MODELS, target: str = "") -> pd.DataFrame:
    """Say in a table what each model learns, and whether it starts from the source."""
    rows = [
        (model_name(key, target), MODELS[key].learns, "yes" if MODELS[key].transfer else "") for key in keys
    ]
    return pd.DataFrame(rows, columns=["model", "what it learns", "starts from the source"])
