"""Scenes of ``soilpb report``: twice at once, edited in between, killed, on a full disk, elsewhere, with -p.

The workflow, its kernels and its locks are real; the notebook that they execute is a stub that says which
values and data it was given, and its page is not rendered by Sphinx.
"""

import json
import os
import re
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from soilpb import cli
from soilpb.report import render
from tests.user_site import write_project

NOTEBOOK = """\
# %% [markdown]
# # {{title}}

# %% tags=["parameters"]
site: str = "mine"
word: str = "none"

# %%
import os, sys, time
from pathlib import Path
folder = Path(artifacts) / "mine" / "site_report"
folder.mkdir(parents=True, exist_ok=True)
rows = len(Path("data/lab.csv").read_text().split())
if Path("meanwhile.py").exists():
    exec(Path("meanwhile.py").read_text())
(folder / "table").write_text(f"{n_target}")
print("a font is missing", file=sys.stderr)
print(f"{n_target} soils, {rows} rows, {word}")
"""
WAIT = "Path('kernel').write_text(str(os.getpid()))\nwhile Path('meanwhile.py').exists(): time.sleep(.02)"
COMMAND = "import sys; from tests.test_report_scenes import stub, cli; stub(sys.argv.pop(1)); cli.app()"


def build(notebook, folder, author):
    """Write the words of a notebook and what its cells printed, as a page."""
    cells = json.loads(notebook.read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", []) if output["name"] == "stdout"]
    words = [cell["source"] for cell in cells if cell["cell_type"] == "markdown"]
    lines = [line for text in [*words, *(output["text"] for output in outputs)] for line in text]
    (folder / "page.html").write_text(f"<body>{''.join(lines)}</body>")
    return folder / "page.html"


def stub(house, patch=setattr):
    """Let the package find the stub's notebook, and render it without Sphinx."""
    patch(render, "PROJECT", Path(house))
    patch(render, "_build", build)


class Project:
    """A project whose report is the stub above."""

    def __init__(self, root):
        self.root, self.house = root / "project", root / "house"
        write_project(self.root, n=60, band_step=90, n_target=30)
        (self.house / "notebooks").mkdir(parents=True)
        (self.house / "notebooks" / "site_report.py").write_text(NOTEBOOK)
        self.page = self.root / "_build/report/mine.html"
        self.hook = self.root / "meanwhile.py"

    def report(self, *arguments):
        """Make a report in this process; return its page and what was said on standard error."""
        result = CliRunner().invoke(cli.app, ["report", "mine", *arguments])
        assert result.exit_code == 0, result.output
        return self.page.read_text(), result.stderr

    def refused(self, *arguments):
        """Check that a report ends in one line; return the line."""
        result = CliRunner().invoke(cli.app, ["report", "mine", *arguments])
        assert result.exit_code == 1
        *before, line = result.stderr.splitlines()
        assert all(words.startswith("Executing") for words in before)
        assert line.startswith("problem: ")
        return line

    @contextmanager
    def meanwhile(self, code):
        """Let the notebook do something in the midst of its execution."""
        self.hook.write_text(code)
        try:
            yield
        finally:
            self.hook.unlink()

    def start(self, *arguments, cwd=".", **env):
        """Start the command in a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, self.house, "report", *(arguments or ["mine"])],
            cwd=self.root / cwd,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), **env},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    @contextmanager
    def running(self, **env):
        """Start the command, and let its notebook wait until the block ends."""
        with self.meanwhile(WAIT):
            run = self.start(**env)
            while not (self.root / "kernel").exists():
                assert run.poll() is None, run.communicate()
                time.sleep(0.02)
            kernel = int((self.root / "kernel").read_text())
            (self.root / "kernel").unlink()
            yield run, kernel


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return Project(tmp_path_factory.mktemp("scenes"))


@pytest.fixture
def project(made, monkeypatch):
    """The project, whose former page is of thirty soils."""
    monkeypatch.chdir(made.root)
    stub(made.house, monkeypatch.setattr)
    made.page.parent.mkdir(parents=True, exist_ok=True)
    made.page.write_text("former")
    return made


def test_twice_at_once(project):
    """The second of two reports of a site is refused at once; the first ends with its own page."""
    with project.running() as (first, _):
        assert "another report of mine" in project.refused("-p", "n_target=25")
    assert first.communicate()[0].startswith("The report: ")
    assert "30 soils" in project.page.read_text()


def test_edited_in_between(project):
    """The page has the values of the start, and says that they changed; changed data make no page."""
    edits = [
        "p = Path('notebooks/sites/mine.yml'); p.write_text(p.read_text().replace('t: 30', 't: 40'))",
        "p = Path('data/lab.csv'); p.write_text(p.read_text().rstrip().rpartition(chr(10))[0])",
    ]
    with project.meanwhile(edits[0]):
        page, said = project.report()
    assert "30 soils, 61 rows" in page
    assert "site file were edited while site_report was executed" in said
    with project.meanwhile(edits[1]):
        assert "edited while site_report read them" in project.refused()
    assert project.page.read_text() == page
    page, said = project.report()
    assert "40 soils, 60 rows" in page
    assert "edited" not in said


def test_killed(project, tmp_path):
    """``kill -9`` leaves the former page; the next run sweeps what else is left, the kernel ends itself."""

    def list_rubbish():
        hidden = [path for path in project.root.rglob(".*") if path.name != ".lock"]
        return [*hidden, *tmp_path.iterdir()]

    with project.running(TMPDIR=str(tmp_path)) as (run, kernel):
        run.kill()
        run.communicate()
        assert project.page.read_text() == "former"
        assert len(list_rubbish()) >= 3
        while is_running(kernel):
            time.sleep(0.1)
    run = project.start(TMPDIR=str(tmp_path))
    run.communicate()
    assert "soils" in project.page.read_text()
    assert list_rubbish() == []


@pytest.mark.parametrize("place", ["artifacts/mine", "_build/report", "scratch"])
def test_on_a_full_disk(project, place, monkeypatch):
    """A small disk is noticed before the work, one that fills up in one line; with room all is well."""
    folder = project.root / place
    folder.mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr("tempfile.tempdir", str(project.root / "scratch") if place == "scratch" else None)
    with small_disk(folder, "64k"):
        assert re.search(
            f"(No space|Read-only).*; [0-9]+ MB are needed there: '.*{place}'", project.refused()
        )
    if place == "artifacts/mine":
        with small_disk(folder, "40m"), project.meanwhile(f"Path('{place}/x').write_bytes(bytes(64 << 20))"):
            assert "No space left on device" in project.refused()
        assert project.page.read_text() == "former"
        assert "soils" in project.report()[0]


def test_from_elsewhere(project, tmp_path):
    """From a folder below, with a foreign kernel, without a home, on an ASCII terminal: the same page."""
    (tmp_path / "kernels/python3").mkdir(parents=True)
    spec = {"argv": [sys.executable, "-c", "1 / 0"], "display_name": "Python 3", "language": "python"}
    (tmp_path / "kernels/python3/kernel.json").write_text(json.dumps(spec))
    env = {"JUPYTER_PATH": str(tmp_path), "HOME": "/proc/nohome", "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    output, said = project.start("../notebooks/sites/mine.yml", cwd="data", **env).communicate()
    assert output == "The report: _build/report/mine.html\n"
    # What a cell wrote to standard error is shown to the user, and is not on the page; nothing else is said.
    assert [line.partition(" ")[0] for line in said.splitlines()] == ["Executing", "a", "Rendering"]
    assert "soils" in project.page.read_text()


def test_outside_a_project(project, tmp_path, monkeypatch):
    """Where no project is, the folder is named."""
    monkeypatch.chdir(tmp_path)
    assert "is not inside a soilpb project" in project.refused()


def test_parameters_are_for_the_page_alone(project):
    """Parameters change the page, which says so, and neither the stored tables nor the stored notebook."""
    project.report()
    folder = project.root / "artifacts/mine/site_report"
    stored = {path: path.read_bytes() for path in folder.iterdir()}
    page, _ = project.report("-p", "n_target=25", "-p", "word=green")
    assert "25 soils" in page
    assert "laid over the site's for this page: `n_target=25`, `word=green`" in page
    for mistake, says in (
        ("n_targt=25", "'n_target'"),
        ("word=7", "expected str"),
        ("site=a", "named before"),
    ):
        assert says in project.refused("-p", mistake)
    assert {path: path.read_bytes() for path in folder.iterdir()} == stored
    assert {path.name for path in stored} == {"notebook.ipynb", "table", ".lock"}
    project.report("-p", "n_target=25", "--store")
    assert (folder / "table").read_text() == "25"
    assert not (folder / "notebook.ipynb").exists()


def is_running(process):
    """Tell whether a process runs; one that ended may wait for a parent that never asks."""
    try:
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except FileNotFoundError:
        return False


@contextmanager
def small_disk(folder, size):
    """Mount a small disk on a folder."""
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=False
    ).returncode:
        # Only root can make a disk that is really full; a patched write would test the patch.
        pytest.skip("mounting is not allowed here")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)
