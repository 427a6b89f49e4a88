"""What a command costs: wall time, and the memory of its largest process."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """What :func:`run` measured."""

    wall_s: float
    cpu_s: float  #: user and system, with all children that were waited for
    peak_MB: float  #: resident memory of the largest process, at its height
    output: str


def run(command: list[str], folder: Path | None = None, **environment: str) -> Cost:
    """Run a command on one thread a process, and measure it to its end.

    Raises
    ------
    SystemExit
        If it fails, with the end of what it said.
    """
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"} | environment,
    )
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:3])} … ended with {process.returncode}: {output[-2000:]}")
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, output)
