"""How far other soils of the same place would move a score: the bootstrap (Efron & Tibshirani 1993)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd


def interval(
    predictions: pd.DataFrame,
    metric: Literal["R2", "RMSE"] = "R2",
    reference: str | None = None,
    groups: Mapping | None = None,
    n_draws: int = 2000,
    coverage: float = 0.95,
    seed: int = 0,
) -> pd.DataFrame:
    """Percentile interval of the pooled metric under resampling of the test samples.

    A sample is drawn with all its repeats, and all models share the draws. It says how far
    other soils of this population would move the score of *these* fitted models.

    Parameters
    ----------
    predictions : DataFrame
        Every model predicts each sample once a repeat.
    reference : str, optional
        Give the metric's difference from this model's instead of its value.
    groups : mapping, optional
        Sample → group (profile, sampling field): whole groups are drawn, since their samples are alike.

    Returns
    -------
    DataFrame
        Columns model, metric, value, lower, upper; the metric is averaged over repeats.
    """
    wide = predictions.pivot_table(index="sample", columns=["model", "repeat"], values="predicted")
    if wide.isna().any(axis=None):
        raise ValueError("some samples lack predictions of a model and repeat: use the folds of a k-fold")
    observed = predictions.groupby("sample")["observed"].first().to_numpy()[:, None]
    square = (wide.to_numpy() - observed) ** 2
    unit = np.arange(len(observed)) if groups is None else pd.factorize(wide.index.map(groups))[0]
    n = unit.max() + 1
    resampled = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=n_draws)
    weights = np.vstack([np.ones(n), resampled])[:, unit]  # the first row is the sample itself
    total = weights.sum(axis=1, keepdims=True)
    value = np.sqrt(weights @ square / total)
    if metric == "R2":
        value = 1 - total * value**2 / (weights @ observed**2 - (weights @ observed) ** 2 / total)
    draws = pd.DataFrame(value, columns=wide.columns).T.groupby("model", sort=False).mean().T
    if reference is not None:
        draws = draws.drop(columns=reference).sub(draws[reference], axis=0)
    tails = draws.iloc[1:].quantile([(1 - coverage) / 2, (1 + coverage) / 2])
    table = pd.DataFrame({"value": draws.iloc[0], "lower": tails.iloc[0], "upper": tails.iloc[1]})
    return table.rename_axis("model").reset_index().assign(metric=metric)
