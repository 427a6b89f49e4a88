"""Intervals cover what they promise, and distributions are those of the errors made."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import PredefinedSplit

from soilpb.decide import exceedance, intervals
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.models import baselines


def line(n, seed, skewed=False):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    error = rng.exponential(size=n) - 1 if skewed else rng.standard_normal(n)
    return X, X @ [1.0, -2.0, 0.5] + 0.5 * error


def test_intervals_are_those_of_mapie():
    """With equal folds, CV+ gives the interval of an independent library, bound for bound."""
    mapie = pytest.importorskip("mapie.regression")
    X, y = line(60, 0)
    fold = assign_folds(60, 5, seed=3)
    theirs = mapie.CrossConformalRegressor(
        Ridge(), confidence_level=0.9, method="plus", cv=PredefinedSplit(fold)
    ).fit_conformalize(X, y)
    new = line(20, 1)[0]
    expected = theirs.predict_interval(new)[1][:, :, 0]
    np.testing.assert_allclose(CrossConformal.fit(Ridge(), X, y, fold).interval(new, 0.9), expected)


@pytest.mark.parametrize("n_folds", [10, 60])
def test_intervals_cover_as_promised(n_folds):
    """Over many draws of 60 soils, 90 % intervals hold 90 % of new soils, with ten folds or jackknife+."""
    covered = []
    for seed in range(60 if n_folds == 10 else 12):
        X, y = line(60, seed)
        new, truth = line(100, 1000 + seed)
        lower, upper = (
            CrossConformal.fit(LinearRegression(), X, y, assign_folds(60, n_folds, seed)).interval(new).T
        )
        covered.append(np.mean((lower <= truth) & (truth <= upper)))
    assert np.mean(covered) == pytest.approx(0.91, abs=0.025)


class Memory(RegressorMixin, BaseEstimator):
    """Know the training soils by heart, and nothing else."""

    def fit(self, X, y):  # noqa: D102
        self.seen_ = dict(zip(map(tuple, X), y, strict=True))
        return self

    def predict(self, X):  # noqa: D102
        return np.array([self.seen_.get(tuple(x), 0.0) for x in X])


def test_errors_are_those_of_fits_that_have_not_seen_the_soil():
    """A model that has learnt every soil by heart has in-sample error 0, but not here."""
    X, y = line(30, 0)
    fitted = CrossConformal.fit(Memory(), X, y, assign_folds(30))
    np.testing.assert_array_equal(fitted.predict(X), y)
    np.testing.assert_array_equal(fitted.residuals, y)


def test_groups_are_never_torn_apart():
    """Each group lies in one fold, every fold has soils, and seeds differ."""
    groups = np.repeat(np.arange(12), 5)
    fold = assign_folds(60, 10, seed=0, groups=groups)
    assert all(len(set(fold[groups == group])) == 1 for group in range(12))
    assert set(fold) == set(range(10))
    assert (fold != assign_folds(60, 10, seed=1, groups=groups)).any()
    assert len(set(assign_folds(60, 10, groups=groups % 4))) == 4


def test_groups_that_are_torn_apart_give_intervals_too_narrow():
    """Five copies of each soil: only folds that keep them together see how wrong the model is."""
    X, y = line(20, 0)
    X, y, groups = np.repeat(X, 5, axis=0), np.repeat(y, 5), np.repeat(np.arange(20), 5)
    torn, whole = (
        CrossConformal.fit(Memory(), X, y, assign_folds(100, 10, 0, by)).residuals for by in (None, groups)
    )
    assert np.abs(torn).mean() < 0.01 * np.abs(whole).mean()


def test_few_soils_promise_nothing():
    """Eight soils cannot promise 90 %: the interval is everything; nine can."""
    predictions = np.zeros((2, 1))
    eight, nine = (
        intervals.cv_plus(predictions, np.zeros(n, int), np.arange(1.0, n + 1), 0.9) for n in (8, 9)
    )
    assert np.isinf(eight).all()
    np.testing.assert_array_equal(nine, [[-9, 9], [-9, 9]])


def test_the_distribution_is_calibrated():
    """New soils fall uniformly within their predictive distributions, though errors lean to one side."""
    ranks = []
    for seed in range(60):
        X, y = line(60, seed, skewed=True)
        new, truth = line(100, 1000 + seed, skewed=True)
        draws = CrossConformal.fit(LinearRegression(), X, y, assign_folds(60, 10, seed)).draws(new)
        ranks.append(exceedance.exceedance_probability(draws, truth[:, None]))
    shares, _ = np.histogram(np.concatenate(ranks), bins=5, range=(0, 1))
    np.testing.assert_allclose(shares / shares.sum(), 0.2, atol=0.02)


def test_probabilities_are_never_certain_and_need_a_limit():
    """Beyond all draws the probability is half a part in n + 1; without a limit there is none."""
    draws = np.arange(9.0)[None].repeat(3, axis=0)
    found = exceedance.exceedance_probability(draws, np.array([[99.0], [-1.0], [np.nan]]))
    np.testing.assert_allclose(found, [0.05, 0.95, np.nan])


def test_every_model_of_the_registry_may_be_asked():
    """What a league table holds can be given intervals; those of the quickest are finite and ordered."""
    rng = np.random.default_rng(0)
    X = (0.3 + 0.02 * np.cumsum(rng.standard_normal((30, 24)), axis=1)).clip(0.05, 0.9)
    y = 10 * X[:, 7] + 0.1 * rng.standard_normal(30)
    for model in baselines.make_models(keys=("pls", "ridge")).values():
        lower, upper = CrossConformal.fit(model, X, y, assign_folds(30, 5)).interval(X, 0.8).T
        assert (np.isfinite(lower) & (lower < upper)).all()


def test_wrong_shapes_and_promises_are_refused():
    """Lengths must agree, one fold is none, and coverage is a share."""
    X, y = line(10, 0)
    with pytest.raises(ValueError, match="10 spectra, 9 targets"):
        CrossConformal.fit(Ridge(), X, y[:9], np.arange(10))
    with pytest.raises(ValueError, match="one fold"):
        CrossConformal.fit(Ridge(), X, y, np.zeros(10))
    with pytest.raises(ValueError, match="coverage is 90"):
        intervals.cv_plus(np.zeros((1, 1)), np.zeros(9, int), np.ones(9), 90)
