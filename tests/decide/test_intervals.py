"""Intervals cover what they promise, the best candidate predicts, and no soil chooses its own model."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import PredefinedSplit

from soilpb.decide.exceedance import exceedance_probability
from soilpb.decide.intervals import CrossConformal, assign_folds, choose_candidates, cv_plus
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.spectra import band_grid
from tests.models.test_inner_folds import GroupRecorder

LINE = {"line": LinearRegression()}
CANDIDATES = {"stiff": PLSCV(1), "PLS": PLSCV(), "ridge": baselines.ridge()}
FOLD = assign_folds(60, 5)
GRID = band_grid(400, 2490, 30)


def simulate(n, seed, skewed=False):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    error = rng.exponential(size=n) - 1 if skewed else rng.standard_normal(n)
    return X, X @ [1.0, -2.0, 0.5] + 0.5 * error


def test_intervals_are_those_of_mapie():
    """With equal folds, CV+ gives the interval of an independent library, bound for bound."""
    mapie = pytest.importorskip("mapie.regression")
    X, y = simulate(60, 0)
    fold = assign_folds(60, 5, seed=3)
    theirs = mapie.CrossConformalRegressor(
        Ridge(), confidence_level=0.9, method="plus", cv=PredefinedSplit(fold)
    ).fit_conformalize(X, y)
    new = simulate(20, 1)[0]
    expected = theirs.predict_interval(new)[1][:, :, 0]
    found = CrossConformal.fit({"ridge": Ridge()}, X, y, fold).interval(new, 0.9)
    np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize("n_folds", [10, 60])
def test_intervals_cover_as_promised(n_folds):
    """Over many draws of 60 soils, 90 % intervals hold 90 % of new soils, with ten folds or jackknife+."""
    covered = []
    for seed in range(60 if n_folds == 10 else 12):
        X, y = simulate(60, seed)
        new, truth = simulate(100, 1000 + seed)
        lower, upper = CrossConformal.fit(LINE, X, y, assign_folds(60, n_folds, seed)).interval(new).T
        covered.append(np.mean((lower <= truth) & (truth <= upper)))
    assert np.mean(covered) == pytest.approx(0.91, abs=0.025)


def test_the_distribution_is_calibrated():
    """New soils fall uniformly within their predictive distributions, though errors lean to one side."""
    ranks = []
    for seed in range(60):
        X, y = simulate(60, seed, skewed=True)
        new, truth = simulate(100, 1000 + seed, skewed=True)
        draws = CrossConformal.fit(LINE, X, y, assign_folds(60, 10, seed)).draws(new)
        ranks.append(exceedance_probability(draws, truth[:, None]))
    shares, _ = np.histogram(np.concatenate(ranks), bins=5, range=(0, 1))
    np.testing.assert_allclose(shares / shares.sum(), 0.2, atol=0.02)


class Memory(RegressorMixin, BaseEstimator):
    """Know the training soils by heart, and nothing else."""

    def fit(self, X, y):  # noqa: D102
        self.seen_ = dict(zip(map(tuple, X), y, strict=True))
        return self

    def predict(self, X):  # noqa: D102
        return np.array([self.seen_.get(tuple(x), 0.0) for x in X])


def test_errors_are_those_of_fits_that_have_not_seen_the_soil():
    """A model that has learnt every soil by heart has in-sample error 0, but not here."""
    X, y = simulate(30, 0)
    fitted = CrossConformal.fit({"memory": Memory()}, X, y, assign_folds(30))
    np.testing.assert_array_equal(fitted.predict(X), y)
    np.testing.assert_array_equal(fitted.residuals, y)


def test_groups_are_never_torn_apart():
    """Each group lies in one fold; five copies of each soil look well known where they are torn apart."""
    X, y = simulate(20, 0)
    X, y, groups = np.repeat(X, 5, axis=0), np.repeat(y, 5), np.repeat(np.arange(20), 5)
    fold = assign_folds(100, 10, 0, groups)
    assert all(len(set(fold[groups == group])) == 1 for group in range(20))
    assert set(fold) == set(range(10))
    assert len(set(assign_folds(100, 10, groups=groups % 4))) == 4
    torn, whole = (
        CrossConformal.fit({"memory": Memory()}, X, y, each).residuals for each in (assign_folds(100), fold)
    )
    assert np.abs(torn).mean() < 0.01 * np.abs(whole).mean()


def test_every_fit_is_told_the_groups_of_its_rows():
    """Models that tune themselves keep groups together inside, too: without each fold, and on all soils."""
    groups = np.arange(30) // 3
    fold = assign_folds(30, 5, groups=groups)
    made = CrossConformal.fit({"recorder": GroupRecorder()}, *simulate(30, 0), fold, groups)
    assert made.model.groups_.tolist() == groups.tolist()
    for k, model in enumerate(made.fold_models):
        assert model.groups_.tolist() == groups[fold != k].tolist()


def test_few_soils_promise_nothing():
    """Eight soils cannot promise 90 %: the interval is everything; nine can."""
    eight, nine = (cv_plus(np.zeros((2, 1)), np.zeros(n, int), np.arange(1.0, n + 1), 0.9) for n in (8, 9))
    assert np.isinf(eight).all()
    np.testing.assert_array_equal(nine, [[-9, 9], [-9, 9]])


def test_wrong_shapes_and_promises_are_refused():
    """Lengths must agree, one fold is none, and coverage is a share."""
    X, y = simulate(10, 0)
    with pytest.raises(ValueError, match="10 spectra, 9 targets"):
        CrossConformal.fit(LINE, X, y[:9], np.arange(10))
    with pytest.raises(ValueError, match="one fold"):
        CrossConformal.fit(LINE, X, y, np.zeros(10))
    with pytest.raises(ValueError, match="coverage is 90"):
        cv_plus(np.zeros((1, 1)), np.zeros(9, int), np.ones(9), 90)


@pytest.fixture(scope="module")
def site():
    soils = twin.simulate_target(60, seed=1, grid=GRID)
    return soils.reflectance.astype(float), np.log(soils.values("Pb_mg_kg"))


@pytest.fixture(scope="module")
def new():
    return twin.simulate_target(25, seed=2, grid=GRID).reflectance.astype(float)


@pytest.fixture(scope="module")
def chosen(site):
    return CrossConformal.fit(CANDIDATES, *site, FOLD)


@pytest.fixture(scope="module")
def alone(site):
    """Each candidate without a choice."""
    return {name: CrossConformal.fit({name: model}, *site, FOLD) for name, model in CANDIDATES.items()}


def test_the_candidate_with_the_smallest_errors_predicts(chosen, alone, new):
    """It is fitted to all soils, and the errors of all candidates are told."""
    errors = {name: np.sqrt(np.mean(each.residuals**2)) for name, each in alone.items()}
    assert chosen.name == min(errors, key=errors.get)
    assert chosen.errors == pytest.approx(errors)
    np.testing.assert_allclose(chosen.predict(new), alone[chosen.name].predict(new), rtol=1e-9)


def test_each_folds_model_and_errors_are_of_the_candidate_that_other_folds_choose(chosen, alone, site, new):
    """Residuals and fold models come from one and the same fit; the interval is CV+ of them."""
    X, y = site
    for label in range(5):
        others = {name: np.mean(each.residuals[label != FOLD] ** 2) for name, each in alone.items()}
        best = min(others, key=others.get)
        assert chosen.names[1 + label] == best
        fit, out = alone[best].fold_models[label], label == FOLD
        np.testing.assert_allclose(chosen.fold_predictions(new)[:, label], fit.predict(new), rtol=1e-9)
        np.testing.assert_allclose(chosen.residuals[out], (y - fit.predict(X))[out])
    expected = cv_plus(chosen.fold_predictions(new), FOLD, chosen.residuals, 0.8)
    np.testing.assert_array_equal(chosen.interval(new, 0.8), expected)


def test_errors_of_what_was_chosen_are_not_too_small():
    """Of fifty candidates that guess, the best looks good; the errors that are kept look as they are."""
    rng, fold = np.random.default_rng(0), np.arange(40) % 10
    of_best, kept = [], []
    for _ in range(200):
        errors = rng.standard_normal((40, 50))
        first, *others = choose_candidates(errors, fold)
        of_best.append(np.mean(errors[:, first] ** 2))
        kept.append(np.mean(errors[np.arange(40), np.array(others)[fold]] ** 2))
    assert np.mean(of_best) < 0.6
    assert np.mean(kept) == pytest.approx(1, abs=0.05)


def test_soils_without_a_value_take_no_part(site, new):
    """Fits, folds and errors are those of the other soils."""
    X, y = site
    known = np.arange(60) % 3 > 0
    some = CrossConformal.fit(CANDIDATES, X, np.where(known, y, np.nan), FOLD)
    others = CrossConformal.fit(CANDIDATES, X[known], y[known], FOLD[known])
    np.testing.assert_array_equal(some.interval(new), others.interval(new))
    np.testing.assert_array_equal(np.isfinite(some.residuals), known)
