"""Ridge equals scikit-learn's grid search; MiniRocket's features are what its paper says."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.utils.estimator_checks import parametrize_with_checks

from soilpb.models.linear import (
    KERNELS,
    MiniRocket,
    RidgeKFold,
    SensorFusion,
    convolutions,
    dilations,
    ridge_path,
)

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
    """Where every soil of pure noise has a twin, leave-one-out shrinks nothing; folds with groups do."""
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 80)), 2, axis=0)
    y = np.repeat(rng.normal(size=30), 2)
    assert RidgeCV(PENALTIES).fit(X, y).alpha_ == PENALTIES[0]
    assert RidgeKFold(PENALTIES).fit(X, y, groups=np.arange(60) // 2).penalty_ > 100


@pytest.mark.parametrize("penalties", [[], [1, 0], [-1]])
def test_penalties_must_be_above_zero(penalties):
    """No penalties, or one that is not above zero, is an error."""
    with pytest.raises(ValueError, match="above 0"):
        RidgeKFold(penalties).fit(*numbers(20, 10))


@parametrize_with_checks([RidgeKFold()])
def test_is_a_scikit_learn_estimator(estimator, check):
    """RidgeKFold keeps scikit-learn's contract for regressors."""
    check(estimator)


def spectra(n_samples, n_bands, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(size=(n_samples, n_bands)), axis=1).astype(np.float32)


@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_convolutions_are_those_of_numpy(dilation):
    """All 84 equal np.convolve with the dilated weights, zeros beyond the ends."""
    X = spectra(2, 60)
    ours = convolutions(X, dilation)
    for kernel, places in enumerate(KERNELS):
        weights = np.zeros(8 * dilation + 1)
        weights[::dilation] = -1
        weights[places * dilation] = 2
        theirs = [np.convolve(row, weights[::-1], mode="same") for row in X]
        np.testing.assert_allclose(ours[kernel], theirs, atol=1e-4)


def test_features_are_shares_above_the_bias():
    """By hand on one spike: every other kernel sees zeros beyond the ends, the rest whole windows."""
    spike = np.zeros((1, 12), dtype=np.float32)
    spike[0, 5] = 1
    model = MiniRocket(n_features=84).fit(spike)
    model.biases_ = [np.full((84, 1), 0.5, dtype=np.float32)]
    features = model.transform(spike)[0]
    # The weights of 2 of the first kernel, at places 0, 1 and 2, meet the spike from positions 9, 8 and 7:
    # 3 of 12. Those of the second, at 0, 1 and 3, from 9, 8 and 6; whole windows stand at 4 to 7: 1 of 4.
    assert model.dilations_.tolist() == [1]
    assert features[:2] == pytest.approx([3 / 12, 1 / 4])


def test_biases_are_quantiles_of_training_convolutions():
    """With a single training spectrum, each bias is the stated quantile of that kernel's convolution."""
    X = spectra(1, 50)
    model = MiniRocket(n_features=84 * 40).fit(X)
    first = convolutions(X, model.dilations_[0])[:, 0]
    golden = (1 + 5**0.5) / 2
    n = model.biases_[0].shape[1]
    for kernel in (0, 1, 83):
        levels = np.arange(kernel * n + 1, (kernel + 1) * n + 1) * golden % 1
        np.testing.assert_allclose(model.biases_[0][kernel], np.quantile(first[kernel], levels), rtol=1e-5)


@pytest.mark.parametrize(("n_bands", "per_kernel"), [(9, 1), (40, 5), (206, 119), (2100, 119)])
def test_dilations_stay_inside_the_spectrum(n_bands, per_kernel):
    """The widest kernel is no longer than the spectrum, and every feature has its dilation."""
    spacing, counts = dilations(n_bands, per_kernel)
    assert 8 * spacing.max() + 1 <= n_bands
    assert counts.sum() == per_kernel
    assert (counts > 0).all()


def test_a_spectrum_too_short_for_a_kernel_is_refused():
    """Eight bands cannot hold a kernel of nine."""
    with pytest.raises(ValueError, match="minimum of 9 is required"):
        MiniRocket().fit(spectra(5, 8))


def sensed(error, seed=0, n=150):
    """Spectra and a sensor's readings of the same lead; what of it is lost to water shows in the spectra."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 12))
    y = 0.7 * X[:, 3] + 0.7 * rng.standard_normal(n)
    reading = np.exp(y + 0.5 * X[:, 8] + error * rng.standard_normal(n))
    return np.column_stack([X, reading]), y


def score(X, y, use, rows=100):
    model = SensorFusion(RidgeKFold(PENALTIES), use).fit(X[:rows], y[:rows])
    return model.score(X[rows:], y[rows:])


def test_both_are_better_than_either_and_correct_the_reading():
    """Spectra explain what water does to readings: both exceed each alone."""
    X, y = sensed(0.3)
    alone = [score(X, y, use) for use in ("spectrum", "reading")]
    assert score(X, y, "both") > max(alone) + 0.05


def test_a_useless_sensor_costs_nothing():
    """Readings of noise lose less than .02 of R²."""
    lost = []
    for seed in range(6):
        X, y = sensed(0.1, seed)
        X[:, -1] = np.random.default_rng(9 + seed).lognormal(0, 1, len(X))
        lost.append(score(X, y, "spectrum") - score(X, y, "both"))
    assert np.mean(lost) < 0.02


def test_a_reading_below_detection_is_neither_zero_nor_its_limit():
    """Where half are below a limit, what stands for them is learnt from training soils."""
    X, y = sensed(0.05)
    limit = np.median(X[:, -1])
    hidden = X[:, -1] < limit
    censored = np.column_stack([X[:, :-1], np.where(hidden, -limit, X[:, -1])])
    model = SensorFusion(RidgeKFold(PENALTIES), "reading").fit(censored[:100], y[:100])
    told = model.predict(censored[100:])[hidden[100:]]
    assert told.std() < 1e-9
    assert told.mean() == pytest.approx(y[:100][hidden[:100]].mean(), abs=0.15)
    assert score(censored, y, "both") > score(censored, y, "spectrum") + 0.1


def test_a_soil_without_a_reading_is_predicted_from_its_spectrum():
    """The prediction is that of the spectrum alone; too few readings are not weighed at all."""
    X, y = sensed(0.1)
    model = SensorFusion(RidgeKFold(PENALTIES)).fit(X[:100], y[:100])
    missing = np.column_stack([X[100:, :-1], np.full(50, np.nan)])
    plain = RidgeKFold(PENALTIES).fit(X[:100, :-1], y[:100])
    np.testing.assert_allclose(model.predict(missing), plain.predict(X[100:, :-1]))
    X[15:100, -1] = np.nan
    few = SensorFusion(RidgeKFold(PENALTIES)).fit(X[:100], y[:100])
    np.testing.assert_allclose(few.predict(X[100:]), plain.predict(X[100:, :-1]))
