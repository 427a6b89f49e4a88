"""PLS equals scikit-learn's grid search; local PLS is PLS on the nearest soils."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilpb.models import pls
from soilpb.models.pls import PLSCV, PREPROCESSING, nearest_spectra
from soilpb.models.preprocessing import derivative_pipeline


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


def two_absorptions(n_samples, seed=0, n_bands=40):
    """Two absorptions in spectra with noise; the target is the first one's depth."""
    rng = np.random.default_rng(seed)
    depths = rng.uniform(0, 0.5, (n_samples, 2))
    position = np.linspace(0, 1, n_bands)
    bands = np.exp(-0.5 * ((position - [[0.3], [0.7]]) / 0.08) ** 2)
    noise = rng.normal(0, 0.003, (n_samples, n_bands))
    return 10 ** -(0.3 + depths @ bands + noise), depths


def test_each_prediction_is_pls_on_the_nearest_soils():
    """A new soil's value is scikit-learn's PLS, fitted to its nearest training spectra alone."""
    X, depths = two_absorptions(60)
    new, _ = two_absorptions(5, seed=1)
    y = np.sin(9 * depths[:, 0])
    model = PLSCV(neighbours=[20], max_components=4).fit(X, y)
    assert model.n_neighbours_ == 20
    known, unseen = (derivative_pipeline().fit_transform(rows) for rows in (X, new))
    for spectrum, predicted in zip(unseen, model.predict(new), strict=True):
        near = nearest_spectra(spectrum[None], known)[0, :20]
        pls = PLSRegression(model.n_components_, scale=False).fit(known[near], y[near])
        assert predicted == pytest.approx(pls.predict(spectrum[None])[0])


def test_inner_errors_are_those_of_each_fold_fitted_outright():
    """The error that the choice is made from is that of fitting and predicting each inner fold outright."""
    X, depths = two_absorptions(60)
    y = np.sin(9 * depths[:, 0])
    model = PLSCV(neighbours=[25], max_components=3, seed=4).fit(X, y)
    spectra, errors = derivative_pipeline().fit_transform(X), []
    for train, test in KFold(5, shuffle=True, random_state=4).split(X):
        order = nearest_spectra(spectra[test], spectra[train])[:, :25]
        predicted = [
            PLSRegression(2, scale=False).fit(spectra[train[near]], y[train[near]]).predict(spectra[[row]])[0]
            for row, near in zip(test, order, strict=True)
        ]
        errors.append(np.sqrt(np.mean((predicted - y[test]) ** 2)))
    assert model.inner_rmse_[0, 1] == pytest.approx(np.mean(errors))
    np.testing.assert_allclose(model.inner_rmse_[1], PLSCV(max_components=3, seed=4).fit(X, y).inner_rmse_[0])


def test_it_wins_where_the_relation_bends():
    """A target that rises and falls with an absorption is learned by neighbours better than by all."""
    (X, depths), (new, unseen) = two_absorptions(200), two_absorptions(80, seed=1)
    local = PLSCV(neighbours=[20, 30]).fit(X, np.sin(9 * depths[:, 0]))
    plain = PLSCV().fit(X, np.sin(9 * depths[:, 0]))
    truth = np.sin(9 * unseen[:, 0])
    assert local.n_neighbours_ < 200
    assert r2_score(truth, local.predict(new)) > r2_score(truth, plain.predict(new)) + 0.1


def test_distances_do_not_hang_on_the_scale_of_an_axis():
    """Each leading component counts alike, however little of the variance it holds; noise does not count."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 3)) * [10, 2, 0.01]
    scores = np.vstack([scores, [[5.0, 0, 0], [0, 2.0, 0], [0, 0, 9.0]]])
    order = nearest_spectra(np.zeros((1, 3)), scores)
    order = order[order >= 300][None] - 300
    assert order.tolist() == [[2, 0, 1]]


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (PLSCV(preprocessing=("raw", "msc")), r"'msc'.*raw.*snv.*d1"),
        (PLSCV(preprocessing="D1"), r"preprocessing is 'D1'; expected of \['raw', 'snv', 'd1'\]"),
        (PLSCV(neighbours=[2, 30]), "3 soils or more"),
    ],
)
def test_misspelt_settings_are_refused(model, message):
    """The error says what was got and what there is."""
    with pytest.raises(ValueError, match=message):
        model.fit(*soils())


@parametrize_with_checks(
    [
        PLSCV(max_components=3, preprocessing="raw"),
        PLSCV(neighbours=[5, 8], max_components=3, preprocessing="raw"),
    ]
)
def test_they_are_scikit_learn_estimators(estimator, check):
    """Both keep scikit-learn's contract for regressors."""
    check(estimator)
