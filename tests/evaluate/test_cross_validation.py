"""Cross-validation and scores: nothing crosses a fold, and metrics are what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from soilpb.evaluate import cross_validation, splits
from soilpb.evaluate.cross_validation import (
    COLUMNS,
    POOLED,
    compute_metrics,
    cross_validate,
    learning_curve,
    score_predictions,
    score_single_splits,
    summarise_scores,
)
from soilpb.models.pls import PLSCV

IDS = np.array([f"s{i}" for i in range(40)])


@pytest.fixture
def soils():
    rng = np.random.default_rng(0)
    X = 0.35 + 0.02 * np.cumsum(rng.normal(size=(40, 12)), axis=1)
    return X, X[:, 3] * 10 - X[:, 8] * 5 + 0.1 * rng.normal(size=40)


def test_predictions_are_those_of_a_model_fitted_on_the_training_rows(soils):
    """A row of the table is what the model, fitted on that fold's training rows, says of that sample."""
    X, y = soils
    folds = splits.repeated_kfold(IDS, n_repeats=2, seed=4)
    model = LinearRegression()
    predictions = cross_validate({"line": model}, X, y, folds, IDS)
    assert list(predictions) == COLUMNS
    assert len(predictions) == 80
    found = predictions.groupby(["repeat", "fold"])
    for repeat, fold, train, test in splits.iterate_folds(folds, IDS):
        rows = found.get_group((repeat, fold))
        assert rows["sample"].tolist() == IDS[test].tolist()
        expected = LinearRegression().fit(X[train], y[train]).predict(X[test])
        np.testing.assert_allclose(rows["predicted"], expected)
        np.testing.assert_array_equal(rows["observed"], y[test])
    assert not hasattr(model, "coef_")


def test_two_processes_give_the_numbers_of_one(soils, monkeypatch):
    """The table does not depend on the number of processes."""
    monkeypatch.setattr(cross_validation, "_start_process", None)  # no networks here: spare both the import
    folds = splits.repeated_kfold(IDS, n_repeats=1)
    models = {"PLS": PLSCV(max_components=4), "line": LinearRegression()}
    one, two = (cross_validate(models, *soils, folds, IDS, n_jobs=n) for n in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_lengths_must_agree(soils):
    """Missing targets are named, not broadcast."""
    with pytest.raises(ValueError, match="40 spectra, 39 targets"):
        cross_validate({}, soils[0], soils[1][1:], splits.random_split(np.arange(39)))


def test_metrics_are_their_definitions():
    """R², RMSE and MAE equal scikit-learn's; the others equal their formulas on chosen numbers."""
    observed = np.array([1.0, 2.0, 4.0, 7.0, 11.0])
    predicted = np.array([2.0, 2.0, 5.0, 6.0, 9.0])
    found = compute_metrics(observed, predicted)
    assert found["R2"] == pytest.approx(r2_score(observed, predicted))
    assert found["RMSE"] == pytest.approx(root_mean_squared_error(observed, predicted))
    assert found["MAE"] == pytest.approx(mean_absolute_error(observed, predicted))
    assert found["bias"] == pytest.approx(-0.2)
    assert found["RPD"] == pytest.approx(np.sqrt(5 / 4) / np.sqrt(1 - found["R2"]))
    assert found["RPIQ"] == pytest.approx((7 - 2) / np.sqrt(7 / 5))
    assert found["CCC"] == pytest.approx(2 * 9.4 / (13.2 + 6.96 + 0.2**2))


def test_perfect_constant_and_shifted_predictions():
    """A perfect model has R² = CCC = 1, the mean has R² = 0, and a shift costs CCC what it costs."""
    observed = np.array([1.0, 2.0, 3.0, 4.0])
    perfect = compute_metrics(observed, observed)
    assert perfect["R2"] == perfect["CCC"] == 1
    assert np.isnan(perfect["RPD"])
    assert compute_metrics(observed, np.full(4, 2.5))["R2"] == 0
    assert compute_metrics(observed, observed + 1)["CCC"] == pytest.approx(2.5 / 3.5)
    assert np.isnan(compute_metrics(observed[:1], observed[:1])["R2"])


def test_pooled_r2_is_about_the_mean_of_all_test_rows():
    """Pooling computes a repeat's metric once from all its predictions; it is not the mean over folds."""
    observed = np.array([0.0, 1.0, 10.0, 11.0])
    predictions = pd.DataFrame({"model": "m", "repeat": 0, "fold": [0, 0, 1, 1], "sample": range(4)}).assign(
        observed=observed, predicted=[0.5, 0.5, 10.5, 10.5], lower=np.nan, upper=np.nan
    )
    scores = score_predictions(predictions).query("metric == 'R2'").set_index("fold")["value"]
    assert scores[0] == scores[1] == 0
    assert scores[POOLED] == pytest.approx(1 - 1 / 101)


def test_summary_ranks_by_r2_and_spreads_over_repeats(soils):
    """The league table has the best model first, one row a metric, and the repeats' mean and sd."""
    models = {"mean": DummyRegressor(), "line": LinearRegression()}
    folds = splits.repeated_kfold(IDS, n_repeats=3)
    scores = score_predictions(cross_validate(models, *soils, folds, IDS))
    table = summarise_scores(scores)
    assert table["model"].drop_duplicates().tolist() == ["line", "mean"]
    pooled = scores.query("model == 'line' and metric == 'RMSE' and fold == -1")["value"]
    row = table.query("model == 'line' and metric == 'RMSE'").iloc[0]
    assert (row["value"], row["sd"]) == pytest.approx((pooled.mean(), pooled.std()))
    assert row["lower"] <= row["value"] <= row["upper"]
    assert row["n_repeats"] == 3


def test_learning_curve_keeps_the_test_rows_and_learns(soils):
    """More training samples of a learnable target lower the error on the same test rows."""
    folds = splits.repeated_kfold(IDS, n_repeats=2)
    curve = learning_curve({"line": LinearRegression()}, *soils, [14, 32], folds, IDS)
    rmse = curve.query("metric == 'RMSE' and fold == -1").groupby("n_train")["value"].mean()
    assert rmse[32] < rmse[14]


def test_single_splits_share_their_splits_and_spread(soils):
    """Every model is scored on the same n splits, whose scores differ by luck alone."""
    models = {"line": LinearRegression(), "again": LinearRegression()}
    scores = score_single_splits(models, *soils, n_splits=10, seed=3).query("metric == 'R2'")
    wide = scores.pivot_table(index="repeat", columns="model", values="value")
    assert len(wide) == 10
    pd.testing.assert_series_equal(wide["line"], wide["again"], check_names=False)
    assert wide["line"].std() > 0
