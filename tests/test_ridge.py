"""Ridge with an inner choice: the same as scikit-learn's grid search, only sooner."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilpb.models.linear import RidgeKFold, ridge_path

PENALTIES = np.logspace(-3, 3, 13)


def numbers(n_samples, n_features, seed=0):
    rng = np.random.default_rng(seed)
    X = np.cumsum(rng.normal(size=(n_samples, n_features)), axis=1)
    return X, X[:, 3] - 0.5 * X[:, 7] + rng.normal(size=n_samples)


@pytest.mark.parametrize(("n_samples", "n_features"), [(40, 90), (120, 15)])
def test_chooses_and_predicts_as_grid_search(n_samples, n_features):
    """Penalty and predictions equal GridSearchCV's, with more or fewer features than samples."""
    X, y = numbers(n_samples, n_features)
    grid = GridSearchCV(
        Ridge(solver="svd"),
        {"alpha": PENALTIES},
        scoring="neg_root_mean_squared_error",
        cv=KFold(5, shuffle=True, random_state=2),
    ).fit(X, y)
    ours = RidgeKFold(PENALTIES, seed=2).fit(X, y)
    assert ours.penalty_ == grid.best_params_["alpha"]
    new, _ = numbers(10, n_features, seed=5)
    np.testing.assert_allclose(ours.predict(new), grid.predict(new), atol=1e-8)


def test_path_is_ridge_for_every_penalty():
    """Each column of the path is scikit-learn's Ridge with that penalty."""
    X, y = numbers(30, 50)
    slopes, intercepts = ridge_path(X, y, PENALTIES)
    for column, penalty in enumerate(PENALTIES):
        expected = Ridge(penalty, solver="svd").fit(X, y)
        np.testing.assert_allclose(slopes[:, column], expected.coef_, atol=1e-8)
        assert intercepts[column] == pytest.approx(expected.intercept_)


def test_soils_scanned_twice_do_not_talk_it_out_of_a_penalty():
    """Where every soil of pure noise has a twin, leave-one-out shrinks nothing; inner folds still do."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 80)), 2, axis=0)
    y = np.repeat(rng.normal(size=30), 2)
    folds_choice = RidgeKFold(PENALTIES, inner_folds=2, seed=1).fit(X, y).penalty_
    assert RidgeCV(PENALTIES).fit(X, y).alpha_ == PENALTIES[0]
    assert folds_choice > PENALTIES[0]


@pytest.mark.parametrize("penalties", [[], [1, 0], [-1]])
def test_penalties_must_be_above_zero(penalties):
    """No penalties, or one that is not above zero, is an error."""
    with pytest.raises(ValueError, match="above 0"):
        RidgeKFold(penalties).fit(*numbers(20, 10))


@parametrize_with_checks([RidgeKFold()])
def test_is_a_scikit_learn_estimator(estimator, check):
    """RidgeKFold keeps scikit-learn's contract for regressors."""
    check(estimator)
