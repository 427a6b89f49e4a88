"""Would another choice of soils have been worth it? Choices tried where all values are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from soilpb import next_samples, splits
from soilpb.pls import PLSCV
from soilpb.progress import track

#: What tables and figures call the methods of :mod:`soilpb.next_samples`.
NAMES = {
    "random": "random",
    "kennard_stone": "Kennard–Stone",
    "latin_hypercube": "Latin hypercube",
    "uncertainty": "uncertainty",
}


def learning_curves(
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sizes: Sequence[int],
    sample_ids: Sequence | None = None,
    seed: int = 0,
    methods: Sequence[str] = tuple(next_samples.METHODS),
) -> pd.DataFrame:
    """Measure soils in the order each method wants, and see how PLS improves on soils set aside.

    Each fold sets its test soils aside; its training soils are what there is to choose from, some
    of which, chosen at random, are measured already. The methods share both.

    Parameters
    ----------
    X : (n_samples, n_bands) array
        Reflectance.
    y : (n_samples,) array
        On the modelling scale.
    folds : DataFrame
        From :func:`soilpb.splits.random_split`: one draw a repeat.
    sizes : sequence of int
        Numbers of measured soils, ascending; the first is the random start.
    sample_ids : (n_samples,) sequence, optional
        Ids that ``folds`` speaks of; 0 … n_samples - 1 if omitted.
    seed : int
    methods : sequence of str
        Of :data:`soilpb.next_samples.METHODS`.

    Returns
    -------
    DataFrame
        ``model`` (the method), ``draw``, ``n``, ``value``: the RMSE.

    Raises
    ------
    ValueError
        If fewer soils than the largest size are left to choose from.
    """
    rows, ids = [], np.arange(len(y)) if sample_ids is None else np.asarray(sample_ids)
    splits.validate(folds, ids)
    if (fewest := int(splits.training_sizes(folds).min())) < max(sizes):
        raise ValueError(f"{fewest} soils are left to choose {max(sizes)} from: ask for fewer")
    for fold in track(list(splits.iterate(folds, ids)), "choosing soils"):
        X_pool, y_pool = X[fold.train], y[fold.train]
        F = next_samples.features(X_pool)
        start = np.random.default_rng([seed, fold.repeat]).choice(len(F), sizes[0], replace=False)
        for method in methods:
            measured = start
            for size in sizes:
                if size > len(measured):
                    more = next_samples.choose(method, F, size - len(measured), measured, seed + fold.repeat)
                    measured = np.concatenate([measured, more])
                model = PLSCV(seed=seed).fit(X_pool[measured], y_pool[measured])
                error = model.predict(X[fold.test]) - y[fold.test]
                rows.append((NAMES[method], fold.repeat, size, np.sqrt(np.mean(error**2))))
    return pd.DataFrame(rows, columns=["model", "draw", "n", "value"])


def soils_needed(curves: pd.DataFrame) -> pd.Series:
    """How many soils each method needs for the mean error that random choices end with.

    Returns
    -------
    Series by method; infinite where the error is not reached. Between sizes errors are taken to
    fall on straight lines, and a rise, which is luck, does not undo what was reached.
    """
    mean = curves.pivot_table("value", "model", "n", sort=False)
    goal, falling = mean.loc["random"].iloc[-1], mean.cummin(axis=1).drop(index="random")
    needed = {method: _first(row.to_numpy() <= goal, row, goal) for method, row in falling.iterrows()}
    return pd.Series({"random": float(mean.columns[-1]), **needed}, name="soils")


def _first(reached: np.ndarray, errors: pd.Series, goal: float) -> float:
    """First size at which an error is at most the goal, on a straight line from the size before."""
    if not reached.any():
        return np.inf
    at = int(reached.argmax())
    if at == 0:
        return float(errors.index[0])
    (low, high), (before, after) = errors.index[at - 1 : at + 1], errors.iloc[at - 1 : at + 1]
    return float(low + (high - low) * (before - goal) / (before - after))
