"""Every model learns what there is to learn, from training rows only, and nothing from noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from soilpb.evaluate import (
    POOLED,
    cross_validate,
    iterate_folds,
    random_split,
    repeated_kfold,
    score_predictions,
)
from soilpb.models import baselines
from soilpb.models.baselines import GaussianProcess
from soilpb.models.inner_folds import InnerFolds, fit_model
from soilpb.models.linear import RidgeKFold

from .conftest import simulate

WITHOUT_NETWORK = [key for key, entry in baselines.MODELS.items() if not (entry.transfer or entry.trained)]


def soils(n_samples, seed):
    X, depth = simulate(n_samples, seed)
    return X, 20 + 40 * depth


def test_a_permuted_target_is_not_learned(model, site):
    """Through the whole nested pipeline, a shuffled target scores an R² of 0 or less."""
    X, y = site
    shuffled = np.random.default_rng(0).permutation(y)
    folds = repeated_kfold(range(len(y)), n_splits=3, n_repeats=1, seed=0)
    scores = score_predictions(cross_validate({"model": model}, X, shuffled, folds))
    pooled = scores[(scores["metric"] == "R2") & (scores["fold"] == POOLED)]
    assert pooled["value"].item() <= 0


def test_test_rows_change_nothing_that_is_learned(model, site):
    """With other spectra and targets in all test rows but one, that one's prediction is bit-equal."""
    X, y = site
    folds = random_split(range(len(y)), seed=3)
    fold = next(iterate_folds(folds, range(len(y))))
    kept, others = fold.test[0], fold.test[1:]
    X_other, y_other = X.copy(), y.copy()
    X_other[others], y_other[others] = X[others][:, ::-1] ** 2, -50.0
    before, after = (
        cross_validate({"model": model}, *data, folds).set_index("sample")["predicted"]
        for data in ((X, y), (X_other, y_other))
    )
    assert before[kept] == after[kept]
    assert (before[others] != after[others]).all()


def test_the_same_rows_give_the_same_bits(model, site):
    """A clone, fitted to the same rows, predicts equal bits; inputs are left alone, other bands refused."""
    X, y = site[0].copy(), site[1].copy()
    twin = clone(model)
    assert twin.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(model.fit(X, y).predict(X), twin.fit(X, y).predict(X))
    np.testing.assert_array_equal(X, site[0])
    np.testing.assert_array_equal(y, site[1])
    with pytest.raises(ValueError, match="39 features.* expecting 40"):
        model.predict(X[:, 1:])


@pytest.mark.parametrize("key", WITHOUT_NETWORK)
def test_every_baseline_finds_an_absorption(model):
    """Sixty soils suffice to learn the depth of one absorption."""
    X_new, y_new = soils(40, seed=4)
    assert r2_score(y_new, model.fit(*soils(60, seed=3)).predict(X_new)) > 0.75


@pytest.mark.parametrize("key", ["blocks", "svm", "gpr"])
def test_unit_of_the_target_does_not_matter(model, site):
    """In per mille instead of per cent, predictions are ten times as large, and nothing else changes."""
    X, y = site
    X_new, _ = soils(20, seed=4)
    per_cent, per_mille = (clone(model).fit(X, factor * y).predict(X_new) for factor in (1, 10))
    np.testing.assert_allclose(per_mille, 10 * per_cent, rtol=2e-3)


def test_inner_choices_are_inside_their_spaces():
    """On a target with signal, no ridge penalty sits at the end of its search space."""
    X, y = soils(60, seed=0)
    y = y + np.random.default_rng(5).normal(0, 4, len(y))
    for model in (baselines.ridge(), baselines.multiblock_ridge()):
        penalty = model.fit(X, y)[-1].penalty_
        assert baselines.RIDGE_PENALTIES[0] < penalty < baselines.RIDGE_PENALTIES[-1]


def test_average_weighs_its_members_by_their_errors(site):
    """It is a mean of its members, the better ones weigh more; no weight of the stack is negative."""
    X, y = site
    made = baselines.average().fit(X, y)
    errors = [member[-1].inner_rmse_ for member in made.members_]
    np.testing.assert_allclose(made.weights_ * np.power(errors, 4), (made.weights_ * np.power(errors, 4))[0])
    expected = made.weights_ @ [member.predict(X) for member in made.members_]
    np.testing.assert_allclose(made.predict(X), expected)
    assert (baselines.stack().fit(X, y).final_estimator_.best_estimator_.coef_ >= 0).all()


def test_average_gives_noise_no_weight(site):
    """A member that knows only noise counts for nearly nothing beside one that knows the target."""
    X, y = site
    noise = make_pipeline(FunctionTransformer(_noise), RidgeKFold(baselines.RIDGE_PENALTIES))
    made = baselines.BoundedAverage([("ridge", baselines.ridge()), ("noise", noise)]).fit(X, y)
    assert made.weights_[1] < 0.05


def test_average_stays_in_range_where_a_line_leaves_it(site):
    """On spectra unlike all others ridge is far off; the average is not 5 % of the range beyond it."""
    X, y = site
    strange = X ** np.linspace(-2, 6, X.shape[1])
    made, low, high = baselines.average().fit(X, y), y.min(), y.max()
    margin = 0.05 * (high - low)
    alone = made.members_[0].predict(strange)
    assert ((alone < low - margin) | (alone > high + margin)).any()
    assert made.bounds_ == pytest.approx((low - margin, high + margin))
    predicted = made.predict(strange)
    assert ((low - margin <= predicted) & (predicted <= high + margin)).all()


def test_weights_of_the_average_respect_groups():
    """Of twenty soils scanned six times: left out singly, errors are small; left out whole, large."""
    X, _ = simulate(20, seed=0)
    rng = np.random.default_rng(0)
    y = np.repeat(rng.normal(size=20), 6)  # spectra say nothing of it, but a scan says all of its soil
    X, groups = np.repeat(X, 6, axis=0) * rng.normal(1, 1e-3, (120, X.shape[1])), np.repeat(np.arange(20), 6)
    for key in ("gpr", "gpr-pc", "blocks"):
        make = baselines.MODELS[key].make
        singly, grouped = (fit_model(make(), X, y, g)[-1].inner_rmse_ for g in (None, groups))
        assert grouped > 0.8 * y.std()
        assert singly < 0.7 * grouped


def test_left_out_error_is_that_of_fits_without_the_fold(site):
    """The closed form equals what processes of the same kernel, fitted without each fold, are wrong by."""
    X, y = site[0].astype(float), site[1]
    made = GaussianProcess(ConstantKernel(1) * Matern(1) + WhiteKernel(0.1), alpha=1e-8, random_state=0).fit(
        X, y
    )
    errors = []
    for known in InnerFolds(seed=0).training_masks(len(y)):
        other = GaussianProcess(made.kernel_, optimizer=None, alpha=1e-8).fit(X[known], y[known])
        errors.append(np.sqrt(np.mean((other.predict(X[~known]) - y[~known]) ** 2)))
    assert made.inner_rmse_ == pytest.approx(np.mean(errors), rel=1e-6)


def _noise(X):
    return np.random.default_rng(0).normal(size=(len(X), 3))


def test_names_are_the_studys():
    """With the target's symbol, the four models of the study are named as there."""
    names = [baselines.model_name(key, "Pb") for key in baselines.STUDY_MODELS]
    assert names == ["PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb"]
    assert len({baselines.model_name(key) for key in baselines.MODELS}) == len(baselines.MODELS)


def test_without_a_source_there_is_no_transfer():
    """A site without a source network gets every model but those that start from one."""
    there = baselines.installed_models()
    made = baselines.make_models(None, there)
    expected = {baselines.model_name(key) for key in there if not baselines.MODELS[key].transfer}
    assert made.keys() == expected


def test_what_cannot_be_made_is_refused(monkeypatch):
    """A misspelt key lists those there are; without Cubist's package the error says what to install."""
    with pytest.raises(KeyError, match=r"no model 'plsr'; there are: pls, "):
        baselines.make_models(keys=["plsr"])
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    assert set(baselines.MODELS) - set(baselines.installed_models()) == {"cubist"}
    with pytest.raises(ModuleNotFoundError, match=r"'cubist' needs .*: pip install 'soilpb\[cubist\]'"):
        baselines.make_models(keys=["pls", "cubist"])


def test_description_covers_the_league(source):
    """Each model of the league is described in one row, under the name the tables use."""
    table = baselines.describe_models(target="Pb")
    assert table["model"].tolist() == list(baselines.make_models(source, target="Pb"))
    assert table["what it learns"].str.len().gt(10).all()
