"""Which samples train and which test: tidy tables of folds that are stored with every result.

A table has one row per repeat, fold and sample with its role, ``train`` or ``test``; a sample that a fold
leaves out has no row.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.model_selection import GroupKFold, GroupShuffleSplit, KFold, ShuffleSplit

Rows = tuple[np.ndarray, np.ndarray]


class Fold(NamedTuple):
    """One fold: its keys in the table and the positions of its rows."""

    repeat: int
    fold: int
    train: np.ndarray
    test: np.ndarray


def repeated_kfold(
    ids: Sequence, n_splits: int = 5, n_repeats: int = 5, seed: int = 0, groups: Sequence | None = None
) -> pd.DataFrame:
    """Shuffled k-fold, repeated; samples of one group stay together.

    Examples
    --------
    >>> folds = repeated_kfold(["a", "b", "c", "d"], n_splits=2, n_repeats=1)
    >>> folds.query("role == 'test'")["sample"].sort_values().tolist()
    ['a', 'b', 'c', 'd']
    """
    kfold = KFold if groups is None else GroupKFold
    rows = (
        list(kfold(n_splits, shuffle=True, random_state=_state(seed, repeat)).split(ids, groups=groups))
        for repeat in range(n_repeats)
    )
    return _table(ids, rows)


def random_split(
    ids: Sequence, n_repeats: int = 1, test_share: float = 0.3, seed: int = 0, groups: Sequence | None = None
) -> pd.DataFrame:
    """Random split per repeat; with ``groups``, ``test_share`` is a share of the groups."""
    splitter = ShuffleSplit if groups is None else GroupShuffleSplit
    split = splitter(n_repeats, test_size=test_share, random_state=_state(seed, 0))
    return _table(ids, ([rows] for rows in split.split(ids, groups=groups)))


def kennard_stone(ids: Sequence, X: np.ndarray, test_share: float = 0.3) -> pd.DataFrame:
    """Train on the samples that cover the spectra ``X``, as distances shall see them, most evenly.

    After Kennard & Stone (1969). The split has seen all spectra, and its test rows lie inside the training
    rows' range: it says how a model interpolates, not how it does on the next soils.
    """
    return _table(ids, [[_most_even_split(cdist(X, X), test_share)]])


def spxy(ids: Sequence, X: np.ndarray, y: np.ndarray, test_share: float = 0.3) -> pd.DataFrame:
    """Kennard–Stone on spectra and target together, whose distances count alike (Galvão et al. 2005).

    The split has seen the target of the test rows: its scores are not evidence about new soils.
    """
    y = np.asarray(y, dtype=float)[:, None]
    distances = (cdist(X, X), cdist(y, y))
    return _table(ids, [[_most_even_split(sum(d / d.max() for d in distances), test_share)]])


def spatial_blocks(
    ids: Sequence, xy: np.ndarray, n_splits: int = 5, n_repeats: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Leave out one compact block of the site at a time: k-means on projected coordinates (n_samples, 2)."""
    xy = np.asarray(xy, dtype=float)
    if not np.isfinite(xy).all():
        missing = [str(ids[i]) for i in np.flatnonzero(~np.isfinite(xy).all(axis=1))[:3]]
        raise ValueError(f"spatial blocks need coordinates of every sample; {missing} have none")
    rows = []
    for repeat in range(n_repeats):
        block = KMeans(n_splits, n_init=1, random_state=_state(seed, repeat)).fit_predict(xy)
        rows.append([(np.flatnonzero(block != b), np.flatnonzero(block == b)) for b in range(n_splits)])
    return _table(ids, rows)


def limit_training_size(folds: pd.DataFrame, size: int, seed: int = 0) -> pd.DataFrame:
    """Keep ``size`` random training rows of each fold, and all test rows.

    With one seed, smaller choices are among larger ones. A fold with fewer training rows is an error.
    """
    rank = np.random.default_rng(seed).permutation(len(folds))
    place = pd.Series(rank, index=folds.index).where(folds["role"].eq("train"))
    place = place.groupby([folds["repeat"], folds["fold"]]).rank()
    if (fewest := int(count_training_rows(folds).min())) < size:
        raise ValueError(f"asked for {size} training samples; the smallest fold has {fewest}")
    return folds[~(place > size)].reset_index(drop=True)


def count_training_rows(folds: pd.DataFrame) -> pd.Series:
    """Count the training rows of each (repeat, fold)."""
    return folds["role"].eq("train").groupby([folds["repeat"], folds["fold"]]).sum()


def held_out_ratio(folds: pd.DataFrame) -> float:
    """Mean over folds of n_test / n_train, which corrected tests need."""
    tests = folds["role"].eq("test").groupby([folds["repeat"], folds["fold"]]).sum()
    return float((tests / count_training_rows(folds)).mean())


def iterate_folds(folds: pd.DataFrame, ids: Sequence) -> Iterator[Fold]:
    """Yield each fold as positions in ``ids``; a table that names other samples is an error."""
    index = pd.Index(ids)
    position = index.get_indexer(folds["sample"])
    if (position < 0).any():
        strangers = folds.loc[position < 0, "sample"].unique()
        such = f"{len(strangers)} samples that the data have not, such as {strangers[0]!r}"
        raise ValueError(f"the folds name {such}: they were made for other data")
    table = folds.assign(position=position)
    for (repeat, fold), rows in table.groupby(["repeat", "fold"], sort=True):
        role = rows.groupby("role")["position"]
        yield Fold(repeat, fold, *(np.sort(role.get_group(name).to_numpy()) for name in ("train", "test")))


def validate_folds(folds: pd.DataFrame, ids: Sequence, groups: Sequence | None = None) -> pd.DataFrame:
    """Return the folds, or raise ValueError naming the first leak.

    Nothing of a group (profile, field or parent sample, (n_samples,)) may lie on both sides.
    """
    membership = np.asarray(ids if groups is None else groups)
    for repeat, fold, train, test in iterate_folds(folds, ids):
        torn = np.intersect1d(membership[train], membership[test])
        if torn.size:
            what = f"{'sample' if groups is None else 'group'} {str(torn[0])!r} trains and tests"
            raise ValueError(f"repeat {repeat}, fold {fold}: {what}; split by groups, or repair the table")
    return folds


def _state(seed: int, repeat: int) -> int:
    """Seed of one repeat, unlike that of any other (seed, repeat)."""
    return int(np.random.SeedSequence([seed, repeat]).generate_state(1)[0])


def _table(ids: Sequence, repeats: Iterable[Iterable[Rows]]) -> pd.DataFrame:
    """Lay positions of training and test rows out as a tidy table."""
    ids = np.asarray(ids)
    if len(np.unique(ids)) < len(ids):
        raise ValueError("sample ids repeat; a fold could not say which of them it means")
    parts = [
        pd.DataFrame({"repeat": repeat, "fold": fold, "sample": ids[rows], "role": role})
        for repeat, folds in enumerate(repeats)
        for fold, pair in enumerate(folds)
        for role, rows in zip(("train", "test"), pair, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def _most_even_split(distance: np.ndarray, test_share: float) -> Rows:
    """Positions by Kennard & Stone: the farthest pair, then always the farthest from all chosen."""
    n_samples = len(distance)
    n_train = n_samples - round(test_share * n_samples)
    if not 2 <= n_train < n_samples:
        raise ValueError(f"test_share {test_share:g} of {n_samples} samples leaves one side without any")
    chosen = list(np.unravel_index(distance.argmax(), distance.shape))
    nearest = distance[chosen].min(axis=0)
    while len(chosen) < n_train:
        nearest[chosen] = -1
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, distance[chosen[-1]])
    return np.sort(chosen), np.setdiff1d(np.arange(n_samples), chosen)
