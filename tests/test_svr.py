"""Support vector regression with an inner choice: the same as scikit-learn's grid search, only sooner."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilpb.models.linear import SVRKFold

COSTS, GAMMAS, EPSILONS = [1, 10, 100], [0.01, 0.1, 1], [0.02, 0.2]


def numbers(n_samples, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_samples, 6)) * [1, 2, 3, 1, 1, 1]
    return X, np.sin(X[:, 0]) + 0.1 * X[:, 1] + rng.normal(0, 0.2, n_samples)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_chooses_and_predicts_as_grid_search(seed):
    """Cost, width, tolerance and predictions are bit-equal to GridSearchCV's over the same pipeline."""
    X, y = numbers(40, seed)
    grid = GridSearchCV(
        Pipeline([("scaler", StandardScaler()), ("svr", SVR())]),
        {"svr__C": COSTS, "svr__gamma": GAMMAS, "svr__epsilon": EPSILONS},
        scoring="neg_root_mean_squared_error",
        cv=KFold(5, shuffle=True, random_state=seed),
    ).fit(X, y)
    ours = SVRKFold(StandardScaler(), COSTS, GAMMAS, EPSILONS, seed=seed).fit(X, y)
    chosen = {"svr__C": ours.cost_, "svr__gamma": ours.gamma_, "svr__epsilon": ours.epsilon_}
    assert chosen == grid.best_params_
    new, _ = numbers(15, seed=9)
    np.testing.assert_array_equal(ours.predict(new), grid.predict(new))


def test_the_scaler_sees_training_rows_only():
    """A wild row sets the scale of the inner folds that train on it, and not of the one it is held out of."""
    largest = []

    class Watching(StandardScaler):
        def fit(self, X, y=None, sample_weight=None):
            largest.append(X.max())
            return super().fit(X)

    X, y = numbers(20)
    X[3, 0] = 1e3
    SVRKFold(Watching(), costs=[1], gammas=[0.1]).fit(X, y)
    assert sorted(value == 1e3 for value in largest) == [False, *[True] * 5]


@parametrize_with_checks([SVRKFold(StandardScaler(), costs=[1, 100])])
def test_is_a_scikit_learn_estimator(estimator, check):
    """SVRKFold keeps scikit-learn's contract for regressors."""
    check(estimator)
