"""Baselines learn what there is to learn, tune themselves, and mean the same on every grid."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import r2_score

from soilpb.models import baselines

MODELS = {
    "pls": baselines.pls(),
    "pls any": baselines.pls(("raw", "snv", "d1")),
    "ridge": baselines.ridge(),
    "multiblock ridge": baselines.multiblock_ridge(),
    "svm": baselines.svm(),
    "gaussian process": baselines.gaussian_process(),
    "random forest": baselines.random_forest(),
    "minirocket": baselines.minirocket(),
    "local pls": baselines.local_pls(),
    "cubist": baselines.cubist(),
    "average": baselines.average(),
    "stack": baselines.stack(),
}


def soils(n_samples, seed, n_bands=40):
    """Sloping spectra with one absorption, whose depth is the target, in float32 as spectra come."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0, 0.5, n_samples)
    position = np.linspace(0, 1, n_bands)
    slope = rng.uniform(0.2, 0.4, n_samples)[:, None] * (1 - position)
    band = depth[:, None] * np.exp(-0.5 * ((position - 0.6) / 0.08) ** 2)
    noise = rng.normal(0, 0.003, (n_samples, n_bands))
    return (10 ** -(0.3 + slope + band + noise)).astype(np.float32), 20 + 40 * depth


@pytest.mark.parametrize("name", MODELS)
def test_every_baseline_finds_an_absorption(name):
    """Sixty soils suffice to learn the depth of one absorption."""
    X, y = soils(60, seed=0)
    X_new, y_new = soils(40, seed=1)
    assert r2_score(y_new, clone(MODELS[name]).fit(X, y).predict(X_new)) > 0.8


@pytest.mark.parametrize("name", MODELS)
def test_the_same_rows_give_the_same_bits(name):
    """Fitting a clone again on the same rows predicts bit-equal values."""
    X, y = soils(30, seed=0)
    first, second = (clone(MODELS[name]).fit(X, y).predict(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("name", ["multiblock ridge", "svm", "gaussian process"])
def test_unit_of_the_target_does_not_matter(name):
    """In per mille instead of per cent, predictions are ten times as large, and nothing else changes."""
    X, y = soils(25, seed=0)
    X_new, _ = soils(20, seed=1)
    per_cent = clone(MODELS[name]).fit(X, y).predict(X_new)
    per_mille = clone(MODELS[name]).fit(X, 10 * y).predict(X_new)
    np.testing.assert_allclose(per_mille, 10 * per_cent, rtol=2e-3)


def test_inner_choices_are_inside_their_spaces():
    """On a target with signal, no ridge penalty sits at the end of its search space."""
    X, y = soils(60, seed=0)
    y = y + np.random.default_rng(5).normal(0, 4, len(y))
    for model in (baselines.ridge(), baselines.multiblock_ridge()):
        penalty = model.fit(X, y)[-1].penalty_
        assert baselines.RIDGE_PENALTIES[0] < penalty < baselines.RIDGE_PENALTIES[-1]


def test_average_is_the_mean_of_its_members():
    """The average's prediction is the mean of PLS, multiblock ridge and Gaussian process."""
    X, y = soils(40, seed=0)
    members = [
        baselines.pls(("raw", "snv", "d1")),
        baselines.multiblock_ridge(),
        baselines.gaussian_process(),
    ]
    expected = np.mean([model.fit(X, y).predict(X) for model in members], axis=0)
    np.testing.assert_allclose(baselines.average().fit(X, y).predict(X), expected)


def test_stack_gives_no_member_a_negative_weight():
    """Weights of the stack are not negative."""
    assert (baselines.stack().fit(*soils(25, seed=0)).final_estimator_.coef_ >= 0).all()
