"""PLS with inner choice: the same as scikit-learn's grid search, only sooner."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilpb.models import pls
from soilpb.models.inner_folds import InnerFolds
from soilpb.models.pls import PLSCV, PREPROCESSING


def soils(n_samples=60, n_bands=40, seed=0):
    """Smooth spectra whose target is a contrast of two bands, with noise."""
    rng = np.random.default_rng(seed)
    X = 0.35 + 0.01 * np.cumsum(rng.normal(size=(n_samples, n_bands)), axis=1)
    y = 30 * X[:, 10] - 20 * X[:, 25] + 0.2 * rng.normal(size=n_samples)
    return np.clip(X, 0.02, 0.95), y


@pytest.mark.parametrize(("n_samples", "n_bands"), [(60, 40), (31, 90)])
def test_chooses_and_predicts_as_grid_search(n_samples, n_bands):
    """Choice and predictions equal GridSearchCV's to 1e-8, with fewer or more bands than samples."""
    X, y = soils(n_samples, n_bands)
    grid = GridSearchCV(
        Pipeline([("prepare", "passthrough"), ("pls", PLSRegression(scale=False))]),
        {
            "prepare": [PREPROCESSING[name]() for name in ("raw", "snv", "d1")],
            "pls__n_components": range(1, 13),
        },
        scoring="neg_root_mean_squared_error",
        cv=KFold(5, shuffle=True, random_state=3),
    ).fit(X, y)
    ours = PLSCV(max_components=12, preprocessing=("raw", "snv", "d1"), seed=3).fit(X, y)

    assert ours.n_components_ == grid.best_params_["pls__n_components"]
    expected = -grid.cv_results_["mean_test_score"].reshape(12, 3).T
    np.testing.assert_allclose(ours.inner_rmse_, expected, atol=1e-8)
    other_soils, _ = soils(20, n_bands, seed=9)
    np.testing.assert_allclose(ours.predict(other_soils), grid.predict(other_soils).ravel(), atol=1e-8)


def test_path_is_exact_in_every_fold_and_for_every_component():
    """Held-out predictions of each inner fold are those of PLSRegression fitted on that fold alone."""
    X, y = soils()
    training = InnerFolds(4, seed=1).training_masks(len(y))
    path = pls.pls_paths(X, y, training, 6)
    for fold, rows in enumerate(training):
        for a in range(6):
            expected = PLSRegression(a + 1, scale=False).fit(X[rows], y[rows]).predict(X)
            np.testing.assert_allclose(path[fold, a], expected.ravel(), atol=1e-8)


def test_held_out_rows_leave_the_fit_of_their_fold_alone():
    """Wild spectra and targets in held-out rows change no training prediction of that fold."""
    X, y = soils()
    training = InnerFolds(4, seed=1).training_masks(len(y))
    wild_X, wild_y = X.copy(), y.copy()
    wild_X[~training[0]], wild_y[~training[0]] = 0.9 - X[~training[0]], 1e3
    before = pls.pls_paths(X, y, training, 6)[0][:, training[0]]
    after = pls.pls_paths(wild_X, wild_y, training, 6)[0][:, training[0]]
    np.testing.assert_allclose(after, before, atol=1e-9)


def test_ties_go_to_fewer_latent_variables():
    """Spectra of rank one are fitted with one latent variable, and more change nothing."""
    y = np.linspace(-1, 1, 30)
    X = 10 ** -(0.5 + np.outer(y, np.linspace(0.1, 0.2, 15)))
    model = PLSCV(max_components=8, preprocessing="raw").fit(X, y)
    assert model.n_components_ == 1
    np.testing.assert_allclose(model.predict(X), y, atol=1e-10)
    assert np.isfinite(model.inner_rmse_).all()


def test_a_constant_target_is_predicted_by_itself():
    """A target without variance gives that constant and finite coefficients."""
    X, y = soils()
    model = PLSCV().fit(X, np.full_like(y, 2.5))
    np.testing.assert_allclose(model.predict(X), 2.5)


def test_more_samples_than_bands_needs_no_gram_matrix():
    """With 20,000 rows the path is computed without the 3.2 GB Gram matrix, and is as exact."""
    X, y = soils(20_000, 30)
    path = pls.pls_paths(X, y, np.ones((1, len(y)), dtype=bool), 3)[0]
    expected = PLSRegression(3, scale=False).fit(X, y).predict(X).ravel()
    np.testing.assert_allclose(path[-1], expected, atol=1e-8)


def test_unknown_preprocessing_is_refused():
    """A misspelt preprocessing is an error that names what exists."""
    X, y = soils()
    with pytest.raises(ValueError, match=r"'msc'.*raw.*snv.*d1"):
        PLSCV(preprocessing=("raw", "msc")).fit(X, y)


@parametrize_with_checks([PLSCV(max_components=3, preprocessing="raw")])
def test_is_a_scikit_learn_estimator(estimator, check):
    """PLSCV keeps scikit-learn's contract for regressors."""
    check(estimator)
