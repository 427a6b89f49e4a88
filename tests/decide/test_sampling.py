"""What to measure next: never what is measured, never a value seen, and better than luck where it can be."""

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import sampling
from soilpb.decide.sampling import METHODS, choose_samples, learning_curves, soils_needed, spectral_features
from soilpb.evaluate import splits
from soilpb.models.pls import PLSCV


@pytest.fixture(scope="module")
def cloud():
    """200 soils: a dense crowd and a thin tail in one direction, three features."""
    rng = np.random.default_rng(0)
    crowd = rng.standard_normal((200, 3)) * [1.0, 0.5, 0.2]
    crowd[:20, 0] += 5
    return crowd


@pytest.mark.parametrize("method", METHODS)
def test_a_choice_is_new_unique_and_repeatable(cloud, method):
    """So many soils as asked, none measured, none twice, the same for the same seed."""
    measured = np.arange(0, 200, 10)
    found = choose_samples(method, cloud, 15, measured, seed=3)
    assert len(set(found)) == 15
    assert not set(found) & set(measured)
    np.testing.assert_array_equal(found, choose_samples(method, cloud, 15, measured, seed=3))
    everything = choose_samples(method, cloud, 180, measured)
    np.testing.assert_array_equal(np.sort(everything), np.setdiff1d(np.arange(200), measured))


def test_kennard_stone_is_the_textbooks():
    """On a line the farthest from all chosen comes next, by hand."""
    line = np.array([0.0, 1.0, 2.0, 6.0, 10.0])[:, None]
    assert choose_samples("Kennard–Stone", line, 3, measured=[0]).tolist() == [4, 3, 2]


def test_the_hypercube_fills_strata_that_random_choices_miss(cloud):
    """Of ten equally probable strata a feature, few stay empty, measured soils counted."""
    measured = np.argsort(cloud[:, 0])[:3]

    def empty(chosen):
        rows = np.concatenate([measured, chosen])
        strata = sampling._strata(cloud, 13)[rows]
        return sum(13 - len(set(column)) for column in strata.T)

    luck = np.mean([empty(choose_samples("random", cloud, 10, measured, seed)) for seed in range(20)])
    assert empty(choose_samples("Latin hypercube", cloud, 10, measured)) < 0.4 * luck


def test_the_hypercube_does_not_sample_again_where_soils_are_measured(cloud):
    """With the lower half of a feature measured, new soils come from its upper half."""
    line = np.linspace(0, 1, 100)[:, None]
    new = choose_samples("Latin hypercube", line, 10, measured=np.arange(0, 50, 5))
    assert (line[new] >= 0.5).all()


def test_uncertainty_shrinks_the_variance_of_a_linear_model_more_than_luck(cloud):
    """The average posterior variance, computed from scratch, is below that of random choices."""
    centred = cloud - cloud.mean(axis=0)
    kernel = centred @ centred.T
    kernel += kernel.trace() / 200
    noise = sampling.NOISE * kernel.trace() / 200

    def variance(rows):
        inner = kernel[np.ix_(rows, rows)] + noise * np.eye(len(rows))
        return np.trace(kernel - kernel[:, rows] @ np.linalg.solve(inner, kernel[rows]))

    lucky = [variance(choose_samples("random", cloud, 6, seed=seed)) for seed in range(50)]
    assert variance(choose_samples("uncertainty", cloud, 6)) < np.min(lucky)


def test_features_tell_soils_apart_and_scale_with_the_first():
    """Scores of derivative spectra, the first of unit spread, each further one smaller."""
    rng = np.random.default_rng(0)
    X = (0.3 + 0.01 * np.cumsum(rng.standard_normal((40, 30)), axis=1)).clip(0.05, 0.9)
    F = spectral_features(X, 5)
    assert F.shape == (40, 5)
    spread = F.std(axis=0)
    assert spread[0] == pytest.approx(1)
    assert (np.diff(spread) < 0).all()


@pytest.fixture(scope="module")
def soils():
    rng = np.random.default_rng(0)
    X = (0.3 + 0.01 * np.cumsum(rng.standard_normal((60, 25)), axis=1)).clip(0.05, 0.9)
    return X, 10 * X[:, 6] + 0.05 * rng.standard_normal(60)


FOLDS = splits.random_split(range(60), 2, 0.3, seed=1)


def test_every_method_starts_alike_and_ends_as_chosen(soils):
    """All share the first error; a later one is that of PLS on the soils the method chose."""
    X, y = soils
    found = learning_curves(X, y, FOLDS, [15, 25], range(60))
    assert len(found) == 2 * 2 * len(sampling.METHODS)
    assert found.query("n == 15").groupby("draw")["value"].agg(np.ptp).eq(0).all()
    fold = next(splits.iterate_folds(FOLDS, range(60)))
    F = sampling.spectral_features(X[fold.train])
    start = np.random.default_rng([0, 0]).choice(42, 15, replace=False)
    chosen = fold.train[[*start, *sampling.choose_samples("Kennard–Stone", F, 10, start)]]
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
    before, after = (learning_curves(X, values, one, [15, 25], range(60))["value"] for values in (y, y_other))
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


def test_impossible_requests_are_refused(cloud, soils):
    """An unknown method, and more soils than there are, to choose or to learn from."""
    with pytest.raises(ValueError, match="'luck'; expected one of random"):
        choose_samples("luck", cloud, 1)
    with pytest.raises(ValueError, match="asked for 6 soils; 5 of 200"):
        choose_samples("random", cloud, 6, measured=np.arange(195))
    with pytest.raises(ValueError, match="42 soils are left to choose 50 from"):
        learning_curves(*soils, FOLDS, [15, 50], range(60))
