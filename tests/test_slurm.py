"""On a real Slurm of one node, a league in shards survives a killed worker. `make slurm` runs it."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from tests import slurm_node

ROOT = Path(__file__).parents[1]
SITES, MODELS, N_SEEDS = ("cv98", "sc93", "sl125"), ("pls", "svm"), 5
N_SHARDS = len(SITES) * len(MODELS) * N_SEEDS
LEAGUE = ["shards", "--config", f"sites={' '.join(SITES)}", f"models={' '.join(MODELS)}", f"seeds={N_SEEDS}"]
SNAKEMAKE = [sys.executable, "-m", "snakemake"]
ON_SLURM = [
    "--workflow-profile", "profiles/slurm",
    # This Slurm has no accounting database, and its jobs are short: look often, with squeue.
    "--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "5",
]  # fmt: skip


@pytest.fixture
def slurm(request):
    """Environment of a Slurm of one node."""
    if not request.config.getoption("--slurm"):
        # Opt-in: it raises daemons of its own and takes a quarter of an hour.
        pytest.skip(reason="raises a Slurm of one node and runs for minutes; `make slurm` asks for it")
    if missing := slurm_node.why_not():
        # A machine without Slurm's programs, or the right to install them, cannot run it.
        pytest.skip(reason=f"no Slurm can be raised here: {missing}")
    with slurm_node.one_node(cpus=os.cpu_count()) as environment:
        yield environment


def project(folder: Path) -> Path:
    """Copy what the workflow reads, so that nothing of the user's is made again or overwritten."""
    for name in ("soilpb", "notebooks", "profiles"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.ipynb"))
    shutil.copy(ROOT / "Snakefile", folder)
    return folder


def start(folder: Path, options: list[str], environment: dict[str, str]) -> subprocess.Popen:
    """Start the workflow in a copy of the project; its words go to ``snakemake.log``."""
    path = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment = environment | {"PATH": path, "PYTHONPATH": str(folder)}
    with (folder / "snakemake.log").open("w") as log:
        return subprocess.Popen(
            [*SNAKEMAKE, *LEAGUE, *options], cwd=folder, env=environment, stdout=log, stderr=log
        )


def kill_a_worker(folder: Path, seconds: float = 600) -> tuple[str, float]:
    """Kill -9 the first worker that is found in the middle of its work; return its shard and CPU seconds."""
    idle = cpu_seconds_of_imports(folder)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it may be gone before it is looked at
                words = (process / "cmdline").read_text().split("\0")
                if words[1:4] != ["-m", "soilpb.workflow", "shard"] or (process / "cwd").readlink() != folder:
                    continue
                used = cpu_seconds(process)
                if words[6] == "svm" and used > idle + 0.5:
                    os.kill(int(process.name), signal.SIGKILL)
                    return words[7], used - idle
        time.sleep(0.02)
    raise AssertionError(f"no worker within {seconds:g} s:\n{(folder / 'snakemake.log').read_text()[-3000:]}")


def cpu_seconds(process: Path) -> float:
    """CPU seconds of a process, from its folder in /proc."""
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def cpu_seconds_of_imports(folder: Path) -> float:
    """CPU seconds that a worker uses before its work begins."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-c", "import soilpb.evaluate.cross_validation, soilpb.models.baselines"],
        cwd=folder,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def tables(folder: Path) -> dict[str, bytes]:
    """Bytes of every final table."""
    return {
        f"{site}/{name}": (folder / f"artifacts/{site}/shards/{name}.parquet").read_bytes()
        for site in SITES
        for name in ("predictions", "scores", "league")
    }


def test_a_killed_worker_is_retried_and_the_tables_are_those_of_a_local_run(slurm, tmp_path):
    """Three sites × five seeds finish on Slurm although one worker dies, bit for bit as on one machine."""
    cluster, local = project(tmp_path / "cluster"), project(tmp_path / "local")
    began = time.monotonic()
    workflow = start(cluster, ON_SLURM, slurm)
    killed, worked = kill_a_worker(cluster)
    assert not (cluster / killed).exists()
    log = cluster / "snakemake.log"
    assert workflow.wait() == 0, log.read_text()[-3000:]
    seconds = time.monotonic() - began

    jobs = slurm_node.history(slurm)
    states = Counter(state for state, _ in jobs)
    of_the_killed = sorted(state for state, comment in jobs if comment == comment_of(killed))
    assert of_the_killed == ["COMPLETED", "FAILED"], jobs
    assert states == {"COMPLETED": N_SHARDS + len(SITES), "FAILED": 1}

    assert start(local, ["--cores", "2"], dict(os.environ)).wait() == 0
    assert tables(cluster) == tables(local)
    print(
        f"\n{N_SHARDS} shards in {len(jobs)} jobs {dict(states)}, {seconds:.0f} s on Slurm. "
        f"Killed after {worked:.1f} CPU seconds of work, and retried: {killed}"
    )


def comment_of(shard: str) -> str:
    """Return what the executor writes beside a shard's job: its rule and wildcards."""
    site, _, seed, name = Path(shard).parts[1:]
    return f"rule_shard_wildcards_{site}_{seed.removeprefix('seed-')}_{Path(name).stem}"
