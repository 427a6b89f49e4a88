"""Local PLS is PLS where there is no nearer soil, and better where the relation bends."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.cross_decomposition import PLSRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilpb.models.pls import PLSCV, LocalPLS, PrincipalAxes
from soilpb.models.preprocessing import derivative_pipeline


def soils(n_samples, seed=0, n_bands=40):
    """Two absorptions in spectra with noise; the target is the first one's depth."""
    rng = np.random.default_rng(seed)
    depths = rng.uniform(0, 0.5, (n_samples, 2))
    position = np.linspace(0, 1, n_bands)
    bands = np.exp(-0.5 * ((position - [[0.3], [0.7]]) / 0.08) ** 2)
    noise = rng.normal(0, 0.003, (n_samples, n_bands))
    return 10 ** -(0.3 + depths @ bands + noise), depths


def test_with_all_soils_it_is_pls():
    """Without smaller neighbourhoods, choice and predictions are those of PLS."""
    X, depths = soils(50)
    new, _ = soils(20, seed=1)
    y = depths[:, 0] + np.random.default_rng(3).normal(0, 0.05, 50)
    local, plain = LocalPLS(neighbours=(), seed=2).fit(X, y), PLSCV(seed=2).fit(X, y)
    assert (local.n_neighbours_, local.n_components_) == (50, plain.n_components_)
    np.testing.assert_allclose(local.inner_rmse_, plain.inner_rmse_)
    np.testing.assert_allclose(local.predict(new), plain.predict(new), atol=1e-10)


def test_each_prediction_is_pls_on_the_nearest_soils():
    """A new soil's value is scikit-learn's PLS, fitted to its nearest training spectra alone."""
    X, depths = soils(60)
    new, _ = soils(5, seed=1)
    y = np.sin(9 * depths[:, 0])
    model = LocalPLS(neighbours=[20], max_components=4).fit(X, y)
    assert model.n_neighbours_ == 20
    known, unseen = (derivative_pipeline().fit_transform(rows) for rows in (X, new))
    for spectrum, predicted in zip(unseen, model.predict(new), strict=True):
        near = PrincipalAxes.learn(known).nearest(spectrum[None], known)[0, :20]
        pls = PLSRegression(model.n_components_, scale=False).fit(known[near], y[near])
        assert predicted == pytest.approx(pls.predict(spectrum[None])[0])


def test_inner_folds_are_an_honest_rehearsal():
    """The error that the choice is made from is that of fitting and predicting each inner fold outright."""
    X, depths = soils(60)
    y = np.sin(9 * depths[:, 0])
    model = LocalPLS(neighbours=[25], max_components=3, seed=4).fit(X, y)
    spectra, errors = derivative_pipeline().fit_transform(X), []
    for train, test in KFold(5, shuffle=True, random_state=4).split(X):
        order = PrincipalAxes.learn(spectra[train]).nearest(spectra[test], spectra[train])[:, :25]
        predicted = [
            PLSRegression(2, scale=False).fit(spectra[train[near]], y[train[near]]).predict(spectra[[row]])[0]
            for row, near in zip(test, order, strict=True)
        ]
        errors.append(np.sqrt(np.mean((predicted - y[test]) ** 2)))
    assert model.inner_rmse_[0, 1] == pytest.approx(np.mean(errors))


def test_it_wins_where_the_relation_bends():
    """A target that rises and falls with an absorption is learned by neighbours better than by all."""
    (X, depths), (new, unseen) = soils(200), soils(80, seed=1)
    local = LocalPLS(neighbours=[20, 30]).fit(X, np.sin(9 * depths[:, 0]))
    plain = PLSCV().fit(X, np.sin(9 * depths[:, 0]))
    truth = np.sin(9 * unseen[:, 0])
    assert local.n_neighbours_ < 200
    assert r2_score(truth, local.predict(new)) > r2_score(truth, plain.predict(new)) + 0.1


def test_distances_do_not_hang_on_the_scale_of_an_axis():
    """Each leading component counts alike, however little of the variance it holds; noise does not count."""
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(300, 3)) * [10, 2, 0.01]
    space = PrincipalAxes.learn(scores)
    assert space.axes.shape == (3, 2)
    spread = ((scores - space.mean) @ space.axes).std(axis=0)
    assert spread[0] == pytest.approx(spread[1])
    order = space.nearest(np.zeros((1, 3)), np.array([[5.0, 0, 0], [0, 2.0, 0], [0, 0, 9.0]]))
    assert order.tolist() == [[2, 0, 1]]


def test_neighbourhoods_larger_than_the_inner_rows_are_left_out():
    """Of 20, 30 and 90 neighbours, 40 soils can try the first two, and all of them."""
    X, depths = soils(40)
    assert LocalPLS(neighbours=[90, 30, 20]).fit(X, depths[:, 0]).inner_rmse_.shape[0] == 3


def test_two_neighbours_are_refused():
    """A local model of two soils is an error."""
    with pytest.raises(ValueError, match="3 soils or more"):
        LocalPLS(neighbours=[2, 30]).fit(soils(40)[0], soils(40)[1][:, 0])


def test_an_unknown_preprocessing_is_refused():
    """A misspelt preprocessing is an error that lists those there are."""
    with pytest.raises(ValueError, match=r"preprocessing is 'D1'; expected of \['raw', 'snv', 'd1'\]"):
        LocalPLS(preprocessing="D1").fit(soils(40)[0], soils(40)[1][:, 0])


@parametrize_with_checks([LocalPLS([5, 8], max_components=3, preprocessing="raw")])
def test_is_a_scikit_learn_estimator(estimator, check):
    """LocalPLS keeps scikit-learn's contract for regressors."""
    check(estimator)
