"""Folds tables: what each splitter promises, and that a leak is named."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import splits

IDS = np.array([f"s{i:02d}" for i in range(30)])
GROUPS = np.repeat(np.arange(10), 3)


@pytest.fixture
def soils():
    """Thirty soils with spectra, a target and coordinates."""
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 5)), rng.normal(size=30), rng.uniform(size=(30, 2))


def every_splitter(X, y, xy):
    yield "repeated k-fold", splits.repeated_kfold(IDS, seed=1)
    yield "grouped k-fold", splits.repeated_kfold(IDS, seed=1, groups=GROUPS)
    yield "random", splits.random_split(IDS, n_repeats=4, seed=1)
    yield "grouped random", splits.random_split(IDS, n_repeats=4, seed=1, groups=GROUPS)
    yield "Kennard–Stone", splits.kennard_stone(IDS, X)
    yield "SPXY", splits.spxy(IDS, X, y)
    yield "spatial blocks", splits.spatial_blocks(IDS, xy, seed=1)


def test_every_fold_uses_every_sample_once(soils):
    """Training and test rows of each fold are disjoint and together all samples."""
    for name, folds in every_splitter(*soils):
        for _, _, train, test in splits.iterate_folds(folds, IDS):
            assert sorted([*train, *test]) == list(range(30)), name


def test_cross_validation_tests_every_sample_once_a_repeat(soils):
    """In each repeat of a k-fold, every sample is tested exactly once."""
    folds = splits.repeated_kfold(IDS, n_splits=5, n_repeats=3)
    tested = folds[folds["role"] == "test"].groupby(["repeat", "sample"]).size()
    assert len(tested) == 90
    assert tested.eq(1).all()
    assert splits.held_out_ratio(folds) == pytest.approx(0.25)


def test_the_same_seed_gives_the_same_table_and_another_seed_another(soils):
    """Folds are functions of the seed, and repeats differ among themselves."""
    for (name, first), (_, second) in zip(every_splitter(*soils), every_splitter(*soils), strict=True):
        pd.testing.assert_frame_equal(first, second, obj=name)
    one, other = splits.repeated_kfold(IDS, seed=1), splits.repeated_kfold(IDS, seed=2)
    assert not one.equals(other)
    repeats = [one[one["repeat"] == r].drop(columns="repeat").reset_index(drop=True) for r in (0, 1)]
    assert not repeats[0].equals(repeats[1])


def test_groups_are_never_torn_apart():
    """Grouped splits pass the check for leaks; ungrouped ones are refused with the group's name."""
    splits.validate_folds(splits.repeated_kfold(IDS, groups=GROUPS), IDS, GROUPS)
    splits.validate_folds(splits.random_split(IDS, n_repeats=5, groups=GROUPS), IDS, GROUPS)
    with pytest.raises(ValueError, match=r"repeat 0, fold 0: group '\d+' trains and tests"):
        splits.validate_folds(splits.repeated_kfold(IDS), IDS, GROUPS)


def test_a_sample_on_both_sides_is_refused():
    """A table in which a test sample also trains is named with fold and sample."""
    folds = splits.random_split(IDS)
    leaking = folds[folds["role"] == "test"].head(1).assign(role="train")
    with pytest.raises(ValueError, match=f"sample .*{leaking['sample'].iloc[0]}.* trains and tests"):
        splits.validate_folds(pd.concat([folds, leaking]), IDS)


def test_folds_of_other_data_are_refused():
    """A table that names unknown samples does not silently shrink."""
    with pytest.raises(ValueError, match="made for other data"):
        list(splits.iterate_folds(splits.random_split(IDS), IDS[:20]))


def test_folds_follow_ids_not_positions():
    """Shuffled data give the same samples to the same folds."""
    folds = splits.repeated_kfold(IDS, n_repeats=1)
    order = np.random.default_rng(3).permutation(30)
    for plain, shuffled in zip(
        splits.iterate_folds(folds, IDS), splits.iterate_folds(folds, IDS[order]), strict=True
    ):
        assert set(IDS[plain.test]) == set(IDS[order][shuffled.test])


def test_kennard_stone_takes_ends_then_the_middle():
    """On a line of points the split trains on both ends, then the middle, then the quarters."""
    line = np.arange(9.0)[:, None]
    folds = splits.kennard_stone(np.arange(9), line, test_share=4 / 9)
    assert folds.query("role == 'train'")["sample"].tolist() == [0, 2, 4, 6, 8]


def test_spxy_looks_at_the_target_too():
    """A soil with an ordinary spectrum and the largest target is trained on."""
    X, y = np.linspace(0, 1, 20)[:, None], np.zeros(20)
    y[9] = 10.0
    trained = splits.spxy(np.arange(20), X, y, test_share=0.8).query("role == 'train'")["sample"]
    assert 9 in set(trained)
    assert 9 not in set(splits.kennard_stone(np.arange(20), X, 0.85).query("role == 'train'")["sample"])


def test_spatial_blocks_are_compact():
    """Two clusters far apart become two blocks, and a missing coordinate is named."""
    xy = np.random.default_rng(0).normal(size=(30, 2)) + np.where(np.arange(30) < 12, 0, 100)[:, None]
    folds = splits.spatial_blocks(IDS, xy, n_splits=2, n_repeats=1)
    blocks = [set(test) for *_, test in splits.iterate_folds(folds, IDS)]
    assert set(range(12)) in blocks
    xy[4, 1] = np.nan
    with pytest.raises(ValueError, match="s04"):
        splits.spatial_blocks(IDS, xy)


def test_training_sizes_are_nested_and_tests_untouched():
    """Fewer training samples are a subset of more, and the test rows stay the same."""
    folds = splits.repeated_kfold(IDS, n_repeats=2)
    small, large = (splits.limit_training_size(folds, size, seed=5) for size in (6, 15))
    key = ["repeat", "fold", "sample", "role"]
    assert splits.count_training_rows(small).eq(6).all()
    assert len(small.merge(large, on=key)) == len(small)
    assert small.query("role == 'test'")[key].merge(folds, on=key).shape[0] == 60
    with pytest.raises(ValueError, match="asked for 25 .* has 24"):
        splits.limit_training_size(folds, 25)
