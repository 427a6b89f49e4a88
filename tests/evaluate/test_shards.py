"""Shards, merged, are the league that one process makes; a shard that is not whole is refused by name."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from soilpb import _files, workflow
from soilpb._files import MissingArtifact
from soilpb.evaluate import splits
from soilpb.evaluate.cross_validation import (
    ShardError,
    cross_validate,
    merge_shards,
    needs_source_network,
    predict_shard,
    save_shard,
    shard_path,
)
from soilpb.models import baselines
from soilpb.study import Study

ROOT = Path(__file__).parents[2]
SEEDS, KEYS = [0, 1, 2], ["pls", "ridge"]


@pytest.fixture(scope="module")
def study():
    """A measured field."""
    return Study.load("cv98")


@pytest.fixture(scope="module")
def one_process(study):
    """The same cross-validations, made without shards."""
    parts = []
    for seed in SEEDS:
        models = baselines.make_models(keys=KEYS, seed=seed, target="clay")
        folds = splits.repeated_kfold(study.ids, 5, 1, seed)
        parts.append(cross_validate(models, study.X, study.y, folds, study.ids).assign(repeat=seed))
    return pd.concat(parts).sort_values(["model", "repeat"], kind="stable", ignore_index=True)


@pytest.fixture(scope="module")
def made(study, tmp_path_factory):
    """Every shard, made on its own, the last one first."""
    folder = tmp_path_factory.mktemp("shards")
    for seed in reversed(SEEDS):
        for key in reversed(KEYS):
            save_shard(shard_path(folder, seed, key), predict_shard(study, seed, key))
    return folder


@pytest.fixture
def folder(made, tmp_path):
    """The same shards, to be spoilt."""
    return shutil.copytree(made, tmp_path / "shards")


def rewrite(path: Path, change) -> None:
    save_shard(path, change(pd.read_parquet(path)))


def test_merged_shards_are_the_table_of_one_process(made, one_process):
    """Predictions of merged shards equal those of the unsharded run in every bit, in whatever order.

    Shards that are not asked for stay out.
    """
    pd.testing.assert_frame_equal(merge_shards(made, SEEDS, KEYS), one_process, check_exact=True)
    backwards = merge_shards(made, SEEDS[::-1], KEYS[::-1])
    pd.testing.assert_frame_equal(backwards, one_process, check_exact=True)
    one = merge_shards(made, [1], ["pls"])
    assert (one["repeat"].unique().tolist(), one["model"].unique().tolist()) == ([1], ["PLS-clay"])


def test_a_missing_shard_is_named(folder):
    """Without one shard nothing is merged, and the message says which."""
    path = shard_path(folder, 1, "ridge")
    path.unlink()
    with pytest.raises(MissingArtifact, match="seed-1/ridge.parquet is missing; make it with: snakemake"):
        merge_shards(folder, SEEDS, KEYS)


@pytest.mark.parametrize("spoil", [lambda b: b[:-40], lambda b: b"", lambda b: b[:200] + b"\xff" + b[201:]])
def test_a_damaged_shard_is_named(folder, spoil):
    """A shard cut short, empty, or with one byte of its data changed is refused by its path."""
    path = shard_path(folder, 2, "pls")
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(ShardError, match=r"seed-2/pls.parquet is damaged .*delete it"):
        merge_shards(folder, SEEDS, KEYS)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda t: t.drop(columns="lower"), "has columns"),
        (lambda t: t.assign(repeat=4), r"seeds \[4\]; expected one, 2"),
        (lambda t: pd.concat([t, t.assign(model="other")]), r"models \['PLS-clay', 'other'\]"),
        (lambda t: t.assign(predicted=t["predicted"].where(t["fold"] > 0)), "not finite"),
        (lambda t: t.iloc[1:], "different soils"),
        (lambda t: t.assign(observed=t["observed"] + 1), "different soils"),
        (lambda t: t.assign(fold=4 - t["fold"]), "different folds"),
    ],
)
def test_a_shard_of_something_else_is_named(folder, change, complaint):
    """A readable file that is not this shard, or was made from other data, is refused by its path."""
    rewrite(shard_path(folder, 2, "pls"), change)
    with pytest.raises(ShardError, match=f"seed-2/pls.parquet .*{complaint}"):
        merge_shards(folder, SEEDS, KEYS)


def test_the_command_line_runs_and_merges(tmp_path):
    """What the workflow calls makes a shard, and from shards the tables of scores and the league."""
    for seed in ("0", "1"):
        workflow.main(["shard", "sc93", seed, "pls", str(shard_path(tmp_path, int(seed), "pls"))])
    workflow.main(["merge", str(tmp_path), "--seeds", "0", "1", "--models", "pls"])
    league = _files.load_table(tmp_path / "league.parquet")
    assert league.query("metric == 'R2'")["n_repeats"].tolist() == [2]
    assert set(_files.load_table(tmp_path / "scores.parquet")["repeat"]) == {0, 1}
    with pytest.raises(SystemExit, match=r"^problem: .*seed-2/pls.parquet is missing"):
        workflow.main(["merge", str(tmp_path), "--seeds", "2", "--models", "pls"])


def test_a_model_that_starts_from_the_source_needs_its_network(tmp_path):
    """Without chapter 2's network, a transfer shard stops and names the command that trains it."""
    study = Study.load("cv98", artifacts=str(tmp_path))
    with pytest.raises(MissingArtifact, match="02_pretraining"):
        predict_shard(study, 0, "features-ridge")


def test_an_unknown_model_is_refused_with_those_there_are():
    """A misspelt model never becomes a job."""
    with pytest.raises(KeyError, match=r"no model 'plss'; there are: pls,"):
        needs_source_network("plss")


def test_the_page_about_clusters_names_models_that_exist():
    """Models that the page gives as examples are in the registry."""
    page = (ROOT / "book" / "cluster.md").read_text()
    (row,) = (line for line in page.splitlines() if line.startswith("| model |"))
    assert set(re.findall("`(.+?)`", row.split("|")[3])) < set(baselines.MODELS)


def test_the_workflow_makes_one_job_per_shard(tmp_path):
    """A dry run plans sites × seeds × models shards and a merge per site; transfer waits for its network."""
    for name in ("soilpb", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    shutil.copy(ROOT / "Snakefile", tmp_path)
    choice = ["--config", "sites=cv98 sc93", "models=pls features-ridge", "seeds=3"]
    plan = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "shards", *choice],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert plan.returncode == 0, plan.stderr
    lines = (line.split() for line in plan.stdout.splitlines())
    jobs = {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdigit()}
    assert {rule: jobs.get(rule) for rule in ("shard", "merge", "execute")} == {
        "shard": 12, "merge": 2, "execute": 2,
    }  # fmt: skip
