"""A Slurm of one node: munged, slurmctld and slurmd as children of a test, in a folder of their own.

Nothing of a Slurm that may already be on the machine is touched: ports, keys, state and
configuration are this one's, and everything ends with the block.
"""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "sinfo", "scancel")

CONFIGURATION = """\
ClusterName=one-node
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
# No cgroups and no accounting database: a container has neither.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
# Without a database, squeue is the only memory of what has ended: let it last for a day.
MinJobAge=86400
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
MpiDefault=none
SwitchType=switch/none
SlurmdParameters=config_overrides
ReturnToService=2
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""


def why_not() -> str:
    """Say what keeps this machine from raising a Slurm; empty if nothing does."""
    if missing := [name for name in PROGRAMS if not _program(name)]:
        return f"no {', '.join(missing)} here: apt-get install --no-install-recommends slurm-wlm munge"
    if not find_spec("snakemake_executor_plugin_slurm"):
        return "Snakemake has no Slurm executor here: pip install -r requirements.lock"
    return ""


@contextmanager
def one_node(cpus: int) -> Iterator[dict[str, str]]:
    """Raise the Slurm, and yield the environment in which its commands find it."""
    # A socket's path may have a hundred characters, which pytest's folders soon exceed.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    folder.chmod(0o755)
    environment = os.environ | {
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        _configure(folder, cpus)
        munge = [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in _MUNGE_FILES]
        for name, *options in (
            ("munged", "--foreground", "--force", f"--key-file={folder}/munge.key", *munge),
            ("slurmctld", "-D"),
            ("slurmd", "-D", "-N", _host()),
        ):
            stack.enter_context(_daemon(name, options, folder / f"{name}.log", environment))
            if name == "munged":
                _wait_for((folder / "munge.socket").exists, folder, "munged")
        _wait_for(lambda: _ask("sinfo", "-h", "-o", "%T", env=environment) == "idle", folder, "slurmctld")
        stack.callback(_cancel_all, environment)
        yield environment


def history(environment: dict[str, str]) -> list[tuple[str, str]]:
    """State and comment of every job so far: the workflow's executor names rule and wildcards there."""
    lines = _ask("squeue", "--states=all", "--noheader", "--format=%T|%k", env=environment).splitlines()
    return [tuple(line.split("|", 1)) for line in lines]


_MUNGE_FILES = ("socket", "pid-file", "log-file", "seed-file")


def _program(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")


def _host() -> str:
    return socket.gethostname().split(".")[0]


def _configure(folder: Path, cpus: int) -> None:
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    for name in ("state", "spool", "bin"):
        (folder / name).mkdir()
    # Snakemake's executor drops SLURM_CONF before it calls srun inside a job: this one remembers.
    step = folder / "bin" / "srun"
    step.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {_program("srun")} "$@"\n')
    step.chmod(0o755)
    megabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    text = CONFIGURATION.format(
        host=_host(),
        user=getpass.getuser(),
        folder=folder,
        cpus=cpus,
        memory=megabytes,
        ports=_free_ports(2),
    )
    (folder / "slurm.conf").write_text(text)


def _free_ports(n: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextmanager
def _daemon(name: str, options: list[str], log: Path, environment: dict[str, str]) -> Iterator[None]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [_program(name), *options], env=environment, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(ready: Callable[[], bool], folder: Path, name: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > end:
            logs = "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in folder.glob("*.log"))
            raise RuntimeError(f"{name} was not ready after {seconds:g} s\n{logs}")
        time.sleep(0.2)


def _ask(*command: str, env: dict[str, str]) -> str:
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False).stdout.strip()


def _cancel_all(environment: dict[str, str]) -> None:
    """Leave no job behind: its processes would outlive the daemons."""
    _ask("scancel", "--user", getpass.getuser(), env=environment)
    with suppress(RuntimeError):
        _wait_for(
            lambda: not _ask("squeue", "--noheader", "--format=%i", env=environment),
            Path(environment["SLURM_CONF"]).parent, "scancel", seconds=20,
        )  # fmt: skip
