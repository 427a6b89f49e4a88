"""Folds inside a training set, on which models tune themselves, and how groups reach them.

Groups (fields, profiles) stay together in inner folds as in outer ones. scikit-learn hands them down by
*metadata routing*, which is off by default and global: :func:`fit_model` switches it on for one ``fit``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn import config_context
from sklearn.base import RegressorMixin
from sklearn.model_selection import BaseCrossValidator, GroupKFold, KFold
from sklearn.utils.metadata_routing import get_routing_for_object
from threadpoolctl import threadpool_limits

#: What an estimator or a splitter says on its class so that scikit-learn hands it the groups.
WANTS_GROUPS = {"groups": True}


class InnerFolds(BaseCrossValidator):
    """Shuffled k-fold; where groups are given, each is in one fold, and folds are no more than groups.

    Where all soils are of one group there is nothing to keep apart, and soils are dealt singly.
    """

    __metadata_request__split = WANTS_GROUPS

    def __init__(self, n_splits: int = 5, seed: int = 0) -> None:
        self.n_splits = n_splits
        self.seed = seed

    def split(
        self, X: np.ndarray, y: np.ndarray | None = None, groups: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield rows that train and rows that test."""
        folds = self._folds(groups)
        return folds.split(X, y, groups if isinstance(folds, GroupKFold) else None)

    def get_n_splits(
        self, X: np.ndarray | None = None, y: np.ndarray | None = None, groups: np.ndarray | None = None
    ) -> int:
        """Count the folds."""
        return self._folds(groups).get_n_splits()

    def training_masks(self, n_samples: int, groups: np.ndarray | None = None) -> np.ndarray:
        """Return the folds as booleans, (n_folds, n_samples): True where a row trains."""
        training = np.ones((self.get_n_splits(groups=groups), n_samples), dtype=bool)
        for mask, (_, test) in zip(training, self.split(np.empty(n_samples), groups=groups), strict=True):
            mask[test] = False
        return training

    def _folds(self, groups: np.ndarray | None) -> KFold | GroupKFold:
        n_groups = 1 if groups is None else len(np.unique(groups))
        if n_groups == 1:
            return KFold(self.n_splits, shuffle=True, random_state=self.seed)
        return GroupKFold(min(self.n_splits, n_groups), shuffle=True, random_state=self.seed)


@threadpool_limits.wrap(limits=1)
def fit_model(
    model: RegressorMixin,
    X: np.ndarray,
    y: np.ndarray,
    groups: np.ndarray | None = None,
    rows: np.ndarray | slice = slice(None),
) -> RegressorMixin:
    """Fit a model to some rows, in place, and hand it their groups if it tunes itself on inner folds.

    It is fitted on one thread: numbers must not depend on how many a machine has. A pipeline, an average or a
    stack hands groups on to its parts.

    Parameters
    ----------
    X, y : (n_samples, n_bands), (n_samples,) arrays
        Reflectance and target.
    groups : (n_samples,) array, optional
        Soils of one group are never on both sides of an inner fold.
    rows : index, optional
        Of the soils to fit to.
    """
    if groups is None:
        return model.fit(X[rows], y[rows])
    with config_context(enable_metadata_routing=True):
        wanted = get_routing_for_object(model).consumes("fit", ["groups"])
        return model.fit(X[rows], y[rows], **({"groups": np.asarray(groups)[rows]} if wanted else {}))
