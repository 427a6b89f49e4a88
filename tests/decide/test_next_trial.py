"""Choices are tried fairly: the same start, the same soils set aside, and none of them seen."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import sampling
from soilpb.decide.sampling import learning_curves, soils_needed
from soilpb.evaluate import splits
from soilpb.models.pls import PLSCV


@pytest.fixture(scope="module")
def soils():
    rng = np.random.default_rng(0)
    X = (0.3 + 0.01 * np.cumsum(rng.standard_normal((60, 25)), axis=1)).clip(0.05, 0.9)
    return X, 10 * X[:, 6] + 0.05 * rng.standard_normal(60)


FOLDS = splits.random_split(range(60), 2, 0.3, seed=1)


def test_every_method_starts_alike_and_ends_as_chosen(soils):
    """All share the first error; a later one is that of PLS on the soils the method chose."""
    X, y = soils
    found = learning_curves(X, y, FOLDS, [15, 25])
    assert len(found) == 2 * 2 * len(sampling.METHODS)
    assert found.query("n == 15").groupby("draw")["value"].agg(np.ptp).eq(0).all()
    fold = next(splits.iterate_folds(FOLDS, range(60)))
    F = sampling.spectral_features(X[fold.train])
    start = np.random.default_rng([0, 0]).choice(42, 15, replace=False)
    chosen = fold.train[[*start, *sampling.choose_samples("kennard_stone", F, 10, start)]]
    error = PLSCV().fit(X[chosen], y[chosen]).predict(X[fold.test]) - y[fold.test]
    row = found.query("model == 'Kennard–Stone' and draw == 0 and n == 25")
    assert row["value"].item() == pytest.approx(np.sqrt(np.mean(error**2)))


def test_soils_set_aside_are_not_seen(soils):
    """With other spectra and values set aside, errors change, but not which soils were chosen."""
    X, y = soils
    fold = next(splits.iterate_folds(FOLDS, range(60)))
    y_other = y.copy()
    y_other[fold.test] += 100
    one = FOLDS.query("repeat == 0")
    before, after = (learning_curves(X, values, one, [15, 25])["value"] for values in (y, y_other))
    np.testing.assert_allclose(after - before, 100, atol=1.5)


def test_the_number_needed_lies_where_the_error_is_reached():
    """On a straight line between sizes; a rise later on does not undo it; never reached is infinite."""
    curves = pd.DataFrame(
        [
            *[("random", n, v) for n, v in ((20, 1.0), (40, 0.8), (60, 0.6))],
            *[("good", n, v) for n, v in ((20, 1.0), (40, 0.5), (60, 0.7))],
            *[("bad", n, v) for n, v in ((20, 1.0), (40, 0.9), (60, 0.7))],
        ],
        columns=["model", "n", "value"],
    )
    found = soils_needed(curves)
    assert found["random"] == 60
    assert found["good"] == pytest.approx(36)
    assert np.isinf(found["bad"])


def test_more_soils_than_there_are_is_refused(soils):
    """The message says how many are left."""
    with pytest.raises(ValueError, match="42 soils are left to choose 50 from"):
        learning_curves(*soils, FOLDS, [15, 50])
