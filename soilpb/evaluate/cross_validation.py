"""Nested cross-validation on stored folds, metrics, and pieces (shards) of it for a cluster.

Predictions have one row per model, repeat, fold and sample; scores one row per model, repeat, fold and
metric. A shard is one model, cross-validated once on one site. Shards run anywhere and in any order, and
merged they equal the table of one process bit for bit.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from joblib import Parallel, delayed, parallel_config
from sklearn.base import RegressorMixin, clone
from threadpoolctl import threadpool_limits

from soilpb import _files
from soilpb._format import track
from soilpb.evaluate import splits
from soilpb.models.inner_folds import fit_model

if TYPE_CHECKING:
    from soilpb.study import Study

COLUMNS = ["model", "repeat", "fold", "sample", "observed", "predicted", "lower", "upper"]
#: In ``scores``, the fold of a metric computed from all predictions of a repeat.
POOLED = -1
METRICS = ("R2", "RMSE", "MAE", "bias", "RPD", "RPIQ", "CCC")
#: Folds of a shard.
N_SPLITS = 5


def cross_validate(
    models: Mapping[str, RegressorMixin],
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence | None = None,
    n_jobs: int = 1,
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Predict the test rows of every fold with clones of every model; the table has :data:`COLUMNS`.

    Each fit runs on one thread, in this process or in one of ``n_jobs``: results do not depend on how many.
    Lengths that differ, folds of other data, and a sample that trains and tests are a ValueError.

    Parameters
    ----------
    X, y : (n_samples, n_bands) and (n_samples,) arrays
        Reflectance, and the target on the modelling scale.
    folds : DataFrame
        From :mod:`soilpb.evaluate.splits`.
    sample_ids : (n_samples,) sequence, optional
        Ids that ``folds`` speaks of; 0 … n_samples - 1 if omitted.
    groups : (n_samples,) array, optional
        Soils that inner folds keep together, as ``folds`` do.
    """
    y = np.asarray(y, dtype=float)
    ids = np.arange(len(y)) if sample_ids is None else np.asarray(sample_ids)
    if not len(X) == len(y) == len(ids):
        raise ValueError(f"got {len(X)} spectra, {len(y)} targets, {len(ids)} ids; expected as many of each")
    splits.validate_folds(folds, ids)
    tasks = [(name, fold) for name in models for fold in splits.iterate_folds(folds, ids)]
    start = _start_process if "torch" in sys.modules else None  # there may be networks among the models
    with parallel_config(backend="loky", inner_max_num_threads=1, initializer=start):
        fitted = Parallel(n_jobs, return_as="generator")(
            delayed(_predict_fold)(models[name], X, y, fold, groups) for name, fold in tasks
        )
        predicted = list(track(fitted, "cross-validating", total=len(tasks)))
    parts = [
        pd.DataFrame({"sample": ids[fold.test], "observed": y[fold.test], "predicted": values}).assign(
            model=name, repeat=fold.repeat, fold=fold.fold, lower=np.nan, upper=np.nan
        )
        for (name, fold), values in zip(tasks, predicted, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)[COLUMNS]


def _start_process() -> None:
    """Import what a network imports when it is first trained.

    loky takes a process that has grown by 300 MB since its first fit for a leak, and stops it.
    """
    import torch._dynamo  # noqa: F401 (what the first step of an optimiser imports)


def _predict_fold(
    model: RegressorMixin, X: np.ndarray, y: np.ndarray, fold: splits.Fold, groups: np.ndarray | None
) -> np.ndarray:
    with threadpool_limits(1):
        return np.ravel(fit_model(clone(model), X, y, groups, fold.train).predict(X[fold.test]))


def compute_metrics(observed: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Agreement of predictions with observations, on whatever scale both are.

    - R2: ``1 - Σ(o-p)² / Σ(o-mean(o))²``, about the mean of these observations; it may be
      negative, and is not a squared correlation.
    - RMSE, MAE; bias: mean of predicted minus observed.
    - RPD: sample standard deviation of the observed over RMSE (Chang et al. 2001).
    - RPIQ: interquartile range of the observed over RMSE (Bellon-Maurel et al. 2010).
    - CCC: concordance with the 1:1 line, moments with divisor n (Lin 1989).

    What cannot be computed (one sample, no variance, no error) is NaN.
    """
    o, p = np.asarray(observed, dtype=float), np.asarray(predicted, dtype=float)
    error = p - o
    rmse = np.sqrt(np.mean(error**2))
    deviation = o.std(ddof=1) if o.size > 1 else np.nan
    iqr = np.subtract(*np.percentile(o, [75, 25]))
    covariance = np.mean((o - o.mean()) * (p - p.mean()))
    return {
        "R2": 1 - _ratio(np.sum(error**2), np.sum((o - o.mean()) ** 2)),
        "RMSE": float(rmse),
        "MAE": float(np.mean(np.abs(error))),
        "bias": float(error.mean()),
        "RPD": _ratio(deviation, rmse),
        "RPIQ": _ratio(iqr, rmse),
        "CCC": _ratio(2 * covariance, o.var() + p.var() + (o.mean() - p.mean()) ** 2),
    }


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else np.nan


def score_predictions(predictions: pd.DataFrame) -> pd.DataFrame:
    """Score predictions by fold, and pooled over the folds of each repeat (fold ``POOLED``).

    Columns are model, repeat, fold, metric and value, on the scale of the predictions.
    """
    rows = [
        (*key, metric, value)
        for table in (predictions, predictions.assign(fold=POOLED))
        for key, rows in table.groupby(["model", "repeat", "fold"], sort=False)
        for metric, value in compute_metrics(rows["observed"], rows["predicted"]).items()
    ]
    return pd.DataFrame(rows, columns=["model", "repeat", "fold", "metric", "value"])


def summarise_scores(scores: pd.DataFrame) -> pd.DataFrame:
    """League table: pooled metrics averaged over repeats, the model with the best R² first.

    ``lower`` and ``upper`` are the 5 and 95 % quantiles over repeats: how far another partition of *these*
    soils moves the metric. Other soils move it further (:func:`bootstrap_interval`).
    """
    values = scores[scores["fold"] == POOLED].groupby(["model", "metric"])["value"]
    table = values.agg(
        value="mean", sd="std", lower=lambda v: v.quantile(0.05), upper=lambda v: v.quantile(0.95)
    )
    table["n_repeats"] = values.size()
    ranking = table.xs("R2", level="metric")["value"].sort_values(ascending=False).index
    order = pd.MultiIndex.from_product([ranking, METRICS], names=["model", "metric"])
    return table.reindex(order).reset_index()


def learning_curve(
    models: Mapping[str, RegressorMixin],
    X: np.ndarray,
    y: np.ndarray,
    sizes: Sequence[int],
    folds: pd.DataFrame,
    sample_ids: Sequence,
    n_jobs: int = 1,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Score models trained on ever more samples (nested), always on the same test rows.

    Parameters are those of :func:`cross_validate`; scores have a column ``n_train``, one of ``sizes``.
    """
    parts = []
    for size in sizes:
        smaller = splits.limit_training_size(folds, size, seed)
        predictions = cross_validate(models, X, y, smaller, sample_ids, n_jobs, groups)
        parts.append(score_predictions(predictions).assign(n_train=size))
    return pd.concat(parts, ignore_index=True)


def score_single_splits(
    models: Mapping[str, RegressorMixin],
    X: np.ndarray,
    y: np.ndarray,
    n_splits: int = 200,
    seed: int = 0,
    groups: Sequence | None = None,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Pooled scores of models on many random 70/30 splits, which they share, one repeat per split."""
    folds = splits.random_split(np.arange(len(y)), n_splits, seed=seed, groups=groups)
    scores = score_predictions(cross_validate(models, X, y, folds, n_jobs=n_jobs, groups=groups))
    return scores[scores["fold"] == POOLED].reset_index(drop=True)


class ShardError(ValueError):
    """A shard cannot be merged; the message names the file."""


def predict_shard(study: Study, seed: int, key: str) -> pd.DataFrame:
    """Cross-validate one model (its key in the registry) on a site, once; its repeat is the seed.

    The seed deals :data:`N_SPLITS` folds, groups kept together, and starts the model. A source network that
    chapter 2 has not trained is a MissingArtifact.
    """
    from soilpb.models import baselines  # PyTorch takes seconds, and nothing else here needs it

    network = study.source_network() if needs_source_network(key) else None
    folds = splits.repeated_kfold(study.ids, N_SPLITS, 1, seed, study.groups).assign(repeat=seed)
    models = baselines.make_models(network, [key], seed=seed, target=study.target_name)
    return cross_validate(models, study.X, study.y, folds, study.ids, groups=study.groups)


def needs_source_network(key: str) -> bool:
    """Tell whether a model needs the network that chapter 2 trains."""
    from soilpb.models import baselines

    return baselines.find_entry(key).transfer


def shard_path(folder: str | Path, seed: int, key: str) -> Path:
    """Return where a shard lies in its site's folder of shards."""
    return Path(folder) / f"seed-{seed}" / f"{key}.parquet"


def save_shard(path: str | Path, shard: pd.DataFrame) -> None:
    """Write a shard, whole or not at all, with a checksum on each page of it."""
    with _files.atomic_write(path) as temporary:
        shard.to_parquet(temporary, write_page_checksum=True)


def merge_shards(folder: str | Path, seeds: Sequence[int], keys: Sequence[str]) -> pd.DataFrame:
    """Put the shards of a site together, model by model, seed by seed, whatever order they were made in.

    Within a fold soils are in the site's order. The first shard that is not there is named by a
    MissingArtifact; one that is damaged, is something else than one model's predictions for its seed, or was
    tested on other soils or folds than the others, by a ShardError.
    """
    shards, first = [], {}
    for key, seed in product(keys, seeds):
        path = shard_path(folder, seed, key)
        _files.require(path, f"snakemake {path}")
        try:
            shard = pd.read_parquet(path, page_checksum_verification=True)
            fault = _find_fault(shard, seed, path, first)
        except (OSError, ValueError) as error:
            fault = f"is damaged ({str(error).splitlines()[0]})"
        if fault:
            raise ShardError(f"{path} {fault}; delete it, and the workflow makes it again")
        shards.append(shard)
    return pd.concat(shards).sort_values(["model", "repeat"], kind="stable", ignore_index=True)


def _find_fault(shard: pd.DataFrame, seed: int, path: Path, first: dict) -> str:
    """Say what is wrong with a shard; ``first`` has path and rows of all soils, and of a seed's folds."""
    if list(shard) != COLUMNS:
        return f"has columns {list(shard)}, expected {COLUMNS}"
    models, repeats = shard["model"].unique().tolist(), shard["repeat"].unique().tolist()
    if len(models) != 1 or repeats != [seed]:
        return f"holds models {models}, seeds {repeats}; expected one, {seed}"
    if not np.isfinite(shard[["observed", "predicted"]]).all(axis=None):
        return "has predictions that are not finite: mend the model"
    soils = shard[["sample", "observed"]].sort_values("sample", ignore_index=True)
    for what, key, rows in (("soils", None, soils), ("folds", seed, shard[["fold", "sample"]])):
        other, expected = first.setdefault(key, (path, rows))
        if not rows.equals(expected):
            return f"and {other} were tested on different {what}: the site's data changed, one is older"
    return ""


def save_league(folder: str | Path, predictions: pd.DataFrame) -> None:
    """Store a site's predictions, their scores, and the league table."""
    scores = score_predictions(predictions)
    tables = {"predictions": predictions, "scores": scores, "league": summarise_scores(scores)}
    for name, table in tables.items():
        _files.save_table(Path(folder) / f"{name}.parquet", table)
