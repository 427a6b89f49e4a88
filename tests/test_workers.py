"""What tests of a file share is made once: ``make test`` keeps a file with one worker."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TESTS = """\
import os, time
import pytest
@pytest.mark.parametrize("i", range(4))
def test_x(i, request):
    time.sleep(0.1)
    with open("grouping.txt", "a") as file:
        print(request.node.nodeid, os.environ["PYTEST_XDIST_WORKER"], file=file)
"""


def test_a_file_stays_with_one_worker(tmp_path):
    """With the options of the Makefile, two workers share two files and no file."""
    options = re.search(r"pytest -n \S+ (--dist .*)", (ROOT / "Makefile").read_text())[1].split()
    for name in ("test_a.py", "test_b.py"):
        (tmp_path / name).write_text(TESTS)
    own = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    words = ["-q", "-p", "no:cacheprovider", "--strict-markers", "-n", "2"]
    run = [sys.executable, "-m", "pytest", *words, *options]
    subprocess.run(run, cwd=tmp_path, env=own, check=True, capture_output=True)
    lines = [line.split() for line in (tmp_path / "grouping.txt").read_text().splitlines()]
    workers = {
        name: {worker for node, worker in lines if node.startswith(name)} for name in ("test_a", "test_b")
    }
    assert [len(found) for found in workers.values()] == [1, 1]
    assert workers["test_a"] != workers["test_b"]
