"""Lead and its confounders are told apart where it is known which of them the spectrum shows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from soilpb.evaluate import splits
from soilpb.explain.confounders import PARTS, check_confounders, score_confounders

N = 150


@pytest.fixture(scope="module")
def soils():
    """Spectra of four bands: iron, clay, lead itself, noise; and what was measured."""
    rng = np.random.default_rng(0)
    iron, clay, own = rng.normal(size=(3, N))
    X = np.column_stack([iron, clay, own, rng.normal(size=N)]) + 0.3 * rng.normal(size=(N, 4))
    return X, pd.DataFrame({"iron": iron, "clay": clay}), own


@pytest.fixture(scope="module")
def folds():
    ids = np.arange(N)
    return list(splits.iterate_folds(splits.repeated_kfold(ids, 5, 1), ids))


@pytest.mark.parametrize(("own", "word"), [(0.0, "fails"), (1.5, "holds")])
def test_lead_is_told_from_its_confounders(own, word, soils, folds):
    """Where lead follows iron and clay only, these reach its skill; a band of its own adds to them."""
    X, measured, band = soils
    noise = 0.3 * np.random.default_rng(1).normal(size=N)
    y = (measured["iron"] + measured["clay"]).to_numpy() + own * band + noise
    scores = score_confounders(Ridge(), X, y, measured, folds)
    mean = scores.groupby("part")["r2"].mean()
    verdict = check_confounders(scores, "Pb")
    assert verdict.verdict == word
    assert verdict.statistic == pytest.approx(mean["both"] - mean["confounders"])
    assert (mean["confounders"] == pytest.approx(mean["spectrum"], abs=0.02)) == (own == 0)


def test_what_few_soils_cannot_tell_is_undecided():
    """A gain whose interval reaches from nothing to much is no verdict."""
    rows = [
        (i, 80, 20, part, r2)
        for i, gain in enumerate((0.3, -0.2, 0.1))
        for part, r2 in zip(PARTS, (0.5, 0.4, 0.4 + gain), strict=True)
    ]
    scores = pd.DataFrame(rows, columns=["draw", "n_train", "n_test", "part", "r2"])
    assert check_confounders(scores, "Pb").verdict == "undecided"


def test_test_rows_teach_nothing(soils, folds):
    """Confounders measured on the test rows are never looked at: spoiling them changes no score."""
    X, measured, own = soils
    y = (measured["iron"] + own).to_numpy()
    spoilt = measured.copy()
    spoilt.loc[folds[0].test] = 1e3
    once, again = (score_confounders(Ridge(), X, y, table, folds[:1]) for table in (measured, spoilt))
    pd.testing.assert_frame_equal(once, again)


def test_groups_stay_together_inside(soils, folds):
    """No inner model is asked about a group it has seen: an estimator that remembers groups finds none."""

    class Remembers(Ridge):
        def fit(self, X, y):
            self.seen_ = set(X[:, 3])
            return super().fit(X, y)

        def predict(self, X):
            assert len(X) == len(folds[0].test) or not self.seen_ & set(X[:, 3])
            return super().predict(X)

    X, measured, own = soils
    groups = np.arange(N) // 10
    X = np.column_stack([X[:, :3], groups])
    score_confounders(Remembers(), X, own, measured, folds[:1], groups=groups)
