"""From fitted estimators to what can be stored of them: :mod:`soilpb.frozen`.

Each kind of estimator says here what it predicts with. Whether that is all of it is not taken on
trust: a frozen model must predict what the estimator predicts, or it is refused.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.pipeline import Pipeline

from soilpb.baselines import QuietGaussianProcess
from soilpb.embedding import EmbeddingPLS
from soilpb.frozen import VIEWS, Frozen, Linear, Network, Process, Sum
from soilpb.pls import PLSCV
from soilpb.ridge import RidgeKFold
from soilpb.transfer import DirectResNet, TransferRegressor

#: Relative to the largest prediction: what rounding may change.
TOLERANCE = 1e-6
#: Spectra that a frozen model is compared on.
N_COMPARED = 10


class CannotFreeze(TypeError):
    """Nobody has said how to store such an estimator without a pickle."""


def freeze(model: RegressorMixin, X: np.ndarray) -> Frozen:
    """Turn a fitted estimator into arrays and settings.

    Parameters
    ----------
    model : fitted regressor
        From :mod:`soilpb.baselines`, :mod:`soilpb.pls` or :mod:`soilpb.transfer`.
    X : (n_samples, n_bands) array
        Reflectance that it was fitted to. A Gaussian process keeps it.

    Raises
    ------
    CannotFreeze
        For an estimator of a kind that is not known here, or that would predict something else.

    Examples
    --------
    >>> X = np.random.default_rng(0).uniform(0.1, 0.6, (30, 12))
    >>> freeze(PLSCV(3).fit(X, X[:, 4]), X).kind
    'linear'
    """
    X = np.asarray(X, dtype=np.float64)
    frozen = _freeze(model, X)
    some = X[:N_COMPARED]
    said, expected = frozen.predict(some), np.ravel(model.predict(some))
    if not np.allclose(said, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max()):
        raise CannotFreeze(f"frozen, {type(model).__name__} predicts {said[0]:.8g}, not {expected[0]:.8g}")
    return frozen


@singledispatch
def _freeze(model: RegressorMixin, X: np.ndarray) -> Frozen:
    raise CannotFreeze(f"{type(model).__name__} cannot be stored as arrays; keep another model")


@_freeze.register
def _(model: PLSCV, X: np.ndarray) -> Linear:
    return Linear(model.preprocessing_, model.coef_, float(model.intercept_))


@_freeze.register
def _(model: Pipeline, X: np.ndarray) -> Frozen:
    """A view, standardised, and a regressor behind: see :mod:`soilpb.baselines`."""
    regressor = model[-1]
    if not isinstance(regressor, RidgeKFold | QuietGaussianProcess):
        return _freeze(regressor, X)
    view, scaler = _view_of(model[:-2], X[:N_COMPARED]), model[-2][0]
    mean, sd = scaler.mean_, scaler.scale_ * np.sqrt(scaler.mean_.size)
    if isinstance(regressor, RidgeKFold):
        coefficients = regressor.coef_ / sd
        return Linear(view, coefficients, float(regressor.intercept_ - mean @ coefficients))
    signal, matern = regressor.kernel_.k1.k1, regressor.kernel_.k1.k2
    return Process(
        view,
        mean,
        sd,
        X,
        regressor.alpha_,
        signal=float(signal.constant_value),
        length=float(matern.length_scale),
        level=float(regressor._y_train_mean),
        spread=float(regressor._y_train_std),
    )


@_freeze.register
def _(model: VotingRegressor, X: np.ndarray) -> Sum:
    members = tuple(_freeze(member, X) for member in model.estimators_)
    weights = np.ones(len(members)) if model.weights is None else np.asarray(model.weights, dtype=float)
    return Sum(members, tuple((weights / weights.sum()).tolist()))


@_freeze.register
def _(model: StackingRegressor, X: np.ndarray) -> Sum:
    members, final = tuple(_freeze(member, X) for member in model.estimators_), model.final_estimator_
    return Sum(members, tuple(final.coef_.tolist()), float(final.intercept_))


@_freeze.register
def _(model: DirectResNet, X: np.ndarray) -> Network:
    return Network(model.network_, np.ones(1))


@_freeze.register
def _(model: TransferRegressor, X: np.ndarray) -> Frozen:
    if model.strategy == "embedding_pls":
        return _freeze(model.regressor_, X)
    return Network(model.network_, np.ones(1))


@_freeze.register
def _(model: EmbeddingPLS, X: np.ndarray) -> Sum:
    """All scales are folded into the weights: what remains is linear in the network and in derivatives."""
    blocks, ridge = model.blocks_, model.ridge_
    n_columns = blocks.features.mean.size
    of_network = ridge.coef_[:n_columns] / blocks.features.sd
    of_scores = model.score_weight * ridge.coef_[n_columns:] / blocks.scores.sd
    of_bands = blocks.pls.x_rotations_ @ of_scores
    at_zero = (
        of_network @ blocks.features.mean + of_scores @ blocks.scores.mean + of_bands @ blocks.pls._x_mean
    )
    if model.view == "predictions":
        of_network = of_network / model.source.output_scaling.sd
        at_zero += of_network @ model.source.output_scaling.mean
    network = Network(model.source, of_network, model.view)
    return Sum((network, Linear("d1", of_bands, float(ridge.intercept_ - at_zero))), (1.0, 1.0))


def _view_of(steps: Pipeline, X: np.ndarray) -> str:
    """Key of the view that does to spectra what the steps do."""
    found = steps.transform(X)
    for name, make in VIEWS.items():
        view = make().fit_transform(X)
        if view.shape == found.shape and np.allclose(view, found):
            return name
    raise CannotFreeze(f"a pipeline looks at spectra in none of the ways known: {', '.join(VIEWS)}")
