"""Shared fixtures: the book at small parameters, executed once a session."""

import shutil
import subprocess
from pathlib import Path

import pytest

from soilpb import workflow
from soilpb.plots import style
from soilpb.study import Study
from tests import kept_sites, site_files

ROOT = Path(__file__).parents[1]

#: Parameters that make each chapter small; results are not good, but every line runs.
SMALL = {
    "01_data": {},
    "02_pretraining": {"epochs": 1},
    "03_transfer": {"n_repeats": 1, "epochs": 1},
    "04_baselines": {"n_repeats": 1, "epochs": 1, "n_splits": 3},
    "05_interpretation": {"n_repeats": 1, "epochs": 1, "n_background": 5, "n_permutations": 4},
    "06_real_soils": {"n_repeats": 1, "epochs": 1, "fields": "cv98 sc93", "chosen": "ridge", "n_jobs": 1},
    "07_decisions": {"n_repeats": 1, "n_draws": 2},
    "08_new_site": {"n_repeats": 1, "epochs": 1, "chosen": "pls ridge", "keep": "pls", "source_size": 150},
    "site_report": {"n_repeats": 1, "epochs": 1, "keep": "pls ridge"},
}
SMALL_SOURCE = 300
#: Sites whose reports the small book renders: a simulated and a measured one.
SMALL_REPORTS = ("gejiu", "cv98")
READS_SOURCE_NETWORK = ("03_transfer", "04_baselines", "05_interpretation", "07_decisions", "site_report")


def pytest_addoption(parser):
    """Let the workflow test a book it has built."""
    parser.addoption("--book", default="", help="folder of a built book's HTML, instead of a small one")
    parser.addoption("--slurm", action="store_true", help="raise a Slurm of one node and run shards on it")


class SmallBook:
    """Executes chapters at small parameters, each (site, chapter) once, upstream first."""

    def __init__(self, folder: Path):
        self.artifacts = folder / "artifacts"
        self.folder = folder

    def execute(self, chapter: str, site: str = "gejiu") -> Path:
        """Path of the executed notebook."""
        output = self.folder / "executed" / site / f"{chapter}.ipynb"
        if not output.exists():
            if chapter in READS_SOURCE_NETWORK:
                self.execute("02_pretraining", site)
            if chapter == "06_real_soils":
                for field in SMALL[chapter]["fields"].split():
                    self.execute("02_pretraining", field)
            parameters = {"artifacts": str(self.artifacts), "source_size": SMALL_SOURCE, **SMALL[chapter]}
            workflow.execute(ROOT / "notebooks" / f"{chapter}.py", output, site, **parameters)
        return output

    def html(self) -> Path:
        """Render all chapters and two site reports; return the folder of the HTML."""
        book, built = self.folder / "book", self.folder / "_build" / "html"
        if not built.exists():
            shutil.copytree(
                ROOT / "book", book, ignore=shutil.ignore_patterns("notebooks", "sites", "_build")
            )
            for chapter in SMALL.keys() - {"site_report"}:
                self._copy(self.execute(chapter), book / "notebooks" / f"{chapter}.ipynb")
            for site in SMALL_REPORTS:
                self._copy(self.execute("site_report", site), book / "sites" / f"{site}.ipynb")
            build = [
                "jupyter-book",
                "build",
                book,
                "--path-output",
                self.folder,
                "--config",
                ROOT / "_config.yml",
            ]
            run = subprocess.run(
                [*build, "--all", "-W", "-n", "--keep-going"], cwd=ROOT, capture_output=True, text=True
            )
            assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"
        return built

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


@pytest.fixture(scope="session")
def small_book(tmp_path_factory):
    """The chapters at small parameters, executed as they are asked for."""
    return SmallBook(tmp_path_factory.mktemp("small-book"))


@pytest.fixture
def styled():
    """The style of the book's figures, and none of them left open."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    with mpl.rc_context():
        style.set_style()
        yield
        plt.close("all")


@pytest.fixture
def folder(tmp_path):
    """A folder with a good pair of a site's files."""
    return site_files.Folder(tmp_path)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study of a user's files as a report opens it, in a project of its own."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        kept_sites.write_project(root)
        yield Study.load("mine", chapter="site_report")
