"""The strongest small-sample models there are, each with its search space, as estimators.

Every function returns an unfitted scikit-learn regressor that takes reflectance and tunes
itself inside ``fit``, on the rows it gets. What is fixed here rather than tuned (views,
kernels, members of the average) was settled while looking at the ten LimeSoDa tasks: on
those, and only there, scores are a little flattered.
"""

from __future__ import annotations

import warnings

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
from sklearn.model_selection import KFold
from sklearn.pipeline import Pipeline, make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from soilpb.local_pls import LocalPLS
from soilpb.minirocket import MiniRocket
from soilpb.pls import PLSCV
from soilpb.preprocessing import derivative_pipeline, raw_pipeline, snv_pipeline
from soilpb.ridge import RidgeKFold
from soilpb.svr import SVRKFold

#: Of ridge regression.
RIDGE_PENALTIES = tuple(np.logspace(-5, 3, 33))
#: Of the support vector machine, on a standardised target.
SVM_SPACE = {"costs": (1, 10, 100), "gammas": (0.01, 0.1, 1), "epsilons": (0.02, 0.2)}


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
    search = SVRKFold(standardised(), **SVM_SPACE, seed=seed)
    # SNV and the target's scale stay outside the search: the former learns from no other
    # row, and the latter only sets the unit of C and epsilon.
    return make_pipeline(
        _double(), snv_pipeline(), TransformedTargetRegressor(search, transformer=StandardScaler())
    )


def gaussian_process() -> Pipeline:
    """Gaussian process on the four views; length, signal and noise by marginal likelihood."""
    kernel = ConstantKernel(1, (1e-4, 1e4)) * Matern(1, (0.1, 1e3), nu=1.5) + WhiteKernel(0.1, (1e-4, 2))
    process = QuietGaussianProcess(kernel, normalize_y=True, alpha=1e-8)
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
    return StackingRegressor(
        _members(seed), LinearRegression(positive=True), cv=KFold(5, shuffle=True, random_state=seed)
    )


class QuietGaussianProcess(GaussianProcessRegressor):
    """A Gaussian process for which a hyperparameter at its bound is an answer, not an alarm.

    Where spectra say nothing of a target, the likelihood is largest without any signal.
    """

    def fit(self, X: np.ndarray, y: np.ndarray) -> QuietGaussianProcess:
        """Fit as the parent does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
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
