"""Shards: a league of models, cut into pieces that many machines can share.

A shard is one model, cross-validated once on one site. Its seed deals the folds and starts
the model, and is the table's repeat. Shards know nothing of each other, so that they run
anywhere and in any order; merged, they are the table that one process would have made,
bit for bit. The workflow's rules ``shard`` and ``merge`` call this file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb import evaluation, models, splits, store
from soilpb.sitefile import SiteError
from soilpb.store import MissingArtifact
from soilpb.study import Study

#: Folds that a seed deals.
N_SPLITS = 5


class ShardError(ValueError):
    """A shard cannot be merged; the message names the file."""


def predict(study: Study, seeds: Iterable[int], keys: Sequence[str]) -> pd.DataFrame:
    """Cross-validate models on a site, once a seed.

    Parameters
    ----------
    study : Study
        The site. Its soils stay the same whatever the seed.
    seeds : iterable of int
        Each deals :data:`N_SPLITS` folds of its own, groups kept together, and is the
        seed of every random choice inside the models.
    keys : sequence of str
        Models, by their keys in :data:`soilpb.models.ENTRIES`.

    Returns
    -------
    DataFrame
        Columns of :data:`soilpb.evaluation.COLUMNS`; the repeat is the seed.

    Raises
    ------
    MissingArtifact
        If a model starts from the source network, and chapter 2 has not trained it.
    """
    network = study.source_network() if any(map(starts_from_source, keys)) else None
    parts = []
    for seed in seeds:
        folds = splits.repeated_kfold(study.ids, N_SPLITS, 1, seed, study.groups).assign(repeat=seed)
        zoo = models.registry(network, keys, seed=seed, target=study.target_name)
        parts.append(evaluation.cross_validate(zoo, study.X, study.y, folds, study.ids))
    return _in_order(parts)


def starts_from_source(key: str) -> bool:
    """Tell whether a model needs the network that chapter 2 trains.

    Examples
    --------
    >>> starts_from_source("pls"), starts_from_source("resnet-ph")
    (False, True)
    """
    if key not in models.ENTRIES:
        raise KeyError(f"no model {key!r}; there are: {', '.join(models.ENTRIES)}")
    return models.ENTRIES[key].transfer


def shard_path(folder: str | Path, seed: int, key: str) -> Path:
    """Return where a shard lies in its site's folder of shards."""
    return Path(folder) / f"seed-{seed}" / f"{key}.parquet"


def save(path: str | Path, shard: pd.DataFrame) -> None:
    """Write a shard, whole or not at all, with a checksum on each page of it."""
    with store.atomic_write(path) as temporary:
        shard.to_parquet(temporary, write_page_checksum=True)


def load(path: str | Path, seed: int) -> pd.DataFrame:
    """Read a shard and make sure that it is one.

    Raises
    ------
    MissingArtifact
        If it is not there.
    ShardError
        If it is damaged, or holds something else than one model's predictions for ``seed``.
    """
    path = store.require(path, f"snakemake {path}")
    mend = "delete it, and the workflow makes it again"
    try:
        shard = pd.read_parquet(path, page_checksum_verification=True)
    except (OSError, ValueError) as error:
        raise ShardError(f"{path} is damaged ({str(error).splitlines()[0]}); {mend}") from error
    if list(shard) != evaluation.COLUMNS:
        raise ShardError(f"{path} has columns {list(shard)}, expected {evaluation.COLUMNS}; {mend}")
    found = shard["model"].unique().tolist(), shard["repeat"].unique().tolist()
    if len(found[0]) != 1 or found[1] != [seed]:
        raise ShardError(f"{path} holds models {found[0]}, seeds {found[1]}; expected one, {seed}; {mend}")
    if not np.isfinite(shard[["observed", "predicted"]]).all(axis=None):
        raise ShardError(f"{path} has predictions that are not finite; mend the model, not the file")
    return shard


def merge(folder: str | Path, seeds: Sequence[int], keys: Sequence[str]) -> pd.DataFrame:
    """Put the shards of a site together; the order in which they were made does not matter.

    Parameters
    ----------
    folder : path
        The site's shards, each at :func:`shard_path`. Those that are not asked for stay out.
    seeds, keys : sequence
        Every model for every seed.

    Returns
    -------
    DataFrame
        What :func:`predict` returns for the same seeds and models.

    Raises
    ------
    MissingArtifact, ShardError
        Naming the first shard that is absent, damaged, or was tested on other soils.
    """
    shards = {
        path: load(path, seed)
        for seed, path in ((seed, shard_path(folder, seed, key)) for key in keys for seed in seeds)
    }
    _refuse_disagreement(shards)
    return _in_order(shards.values())


def save_tables(folder: str | Path, predictions: pd.DataFrame) -> None:
    """Store a site's predictions, their scores, and the league table."""
    scores = evaluation.score(predictions)
    tables = {"predictions": predictions, "scores": scores, "league": evaluation.summary(scores)}
    for name, table in tables.items():
        store.save_table(Path(folder) / f"{name}.parquet", table)


def _in_order(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Model by model, seed by seed; within a fold, in the order of the site's soils."""
    return pd.concat(parts).sort_values(["model", "repeat"], kind="stable", ignore_index=True)


def _refuse_disagreement(shards: dict[Path, pd.DataFrame]) -> None:
    """Refuse shards of other data: all hold the same soils, and those of a seed the same folds."""
    first: dict[int | None, tuple[Path, pd.DataFrame]] = {}
    for path, shard in shards.items():
        soils = shard[["sample", "observed"]].sort_values("sample", ignore_index=True)
        seed = shard["repeat"].iloc[0]
        for what, key, rows in (("soils", None, soils), ("folds", seed, shard[["fold", "sample"]])):
            other, expected = first.setdefault(key, (path, rows))
            if not rows.equals(expected):
                raise ShardError(
                    f"{path} and {other} were tested on different {what}: the site's data changed "
                    "between them; delete the older, and the workflow makes it again"
                )


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line of the workflow: ``python -m soilpb.shards run|merge …``."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="cross-validate one model once")
    running.add_argument("site")
    running.add_argument("seed", type=int)
    running.add_argument("model", choices=list(models.ENTRIES))
    running.add_argument("output")
    merging = commands.add_parser("merge", help="put a site's shards together, and score them")
    merging.add_argument("folder")
    merging.add_argument("--seeds", type=int, nargs="+", required=True)
    merging.add_argument("--models", nargs="+", required=True)
    asked = parser.parse_args(arguments)
    try:
        if asked.command == "run":
            save(asked.output, predict(Study.load(asked.site), [asked.seed], [asked.model]))
        else:
            save_tables(asked.folder, merge(asked.folder, asked.seeds, asked.models))
    except (SiteError, ShardError, MissingArtifact) as error:
        sys.exit(f"problem: {error}")


if __name__ == "__main__":
    main()
