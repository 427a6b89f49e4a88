"""Shared fixtures: the book at small parameters, executed once a session, by whichever worker comes first."""

import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock
from hypothesis import settings

from soilpb import workflow
from soilpb.plots import style
from soilpb.study import Study
from tests import site_files, user_site

# The same examples in each run, however busy the machine.
settings.register_profile("soilpb", deadline=None, derandomize=True)
settings.load_profile("soilpb")

ROOT = Path(__file__).parents[1]

#: Parameters that make each chapter small; results are not good, but every line runs.
SMALL = {
    "01_data": {},
    "02_pretraining": {"epochs": 1},
    "03_transfer": {"n_repeats": 1, "epochs": 1},
    "04_baselines": {"n_repeats": 1, "epochs": 1, "n_splits": 3, "n_splits_slow": 2},
    "05_interpretation": {
        **{"n_folds": 3, "n_repeats": 1, "epochs": 1, "n_background": 5},
        **{"n_explained": 10, "n_permutations": 4},
    },
    "05b_minerals": {"n_folds": 2, "n_repeats": 1, "epochs": 1, "fields": "cv98", "n_controls": 1},
    "06_real_soils": {"n_repeats": 1, "epochs": 1, "fields": "cv98", "chosen": "ridge", "n_jobs": 1},
    "07_decisions": {"n_repeats": 1, "n_draws": 2, "keep": "pls ridge"},
    "08_new_site": {"n_repeats": 1, "epochs": 1, "chosen": "pls ridge", "keep": "pls", "source_size": 150},
    "site_report": {"n_repeats": 1, "epochs": 1, "keep": "pls ridge"},
}
SMALL_SOURCE = 300
#: The site whose report the small book renders; of a simulated one, tests of the report make it.
SMALL_REPORT = "cv98"
READS_SOURCE_NETWORK = (
    *(
        "03_transfer",
        "04_baselines",
        "05_interpretation",
        "05b_minerals",
        "06_real_soils",
        "07_decisions",
        "site_report",
    ),
)


def pytest_addoption(parser):
    """Let the workflow test a book it has built."""
    parser.addoption("--book", default="", help="folder of a built book's HTML, instead of a small one")
    parser.addoption("--slurm", action="store_true", help="raise a Slurm of one node and run shards on it")


def pytest_collection_modifyitems(items):
    """Start with the files that take longest: a file stays with one worker, which makes its fixtures once.

    The book comes after the chapters that it shows: else a worker waits for what the other executes.
    """
    long = ("test_notebooks", "test_site_report", "test_report_scenes")
    items.sort(key=lambda item: long.index(item.path.stem) if item.path.stem in long else len(long))


class SmallBook:
    """Executes chapters at small parameters, each (site, chapter) once, upstream first.

    Workers share its folder: who asks for what another one is making waits for it.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @contextmanager
    def _absent(self, output: Path):
        """Lock an output; tell whether it has to be made."""
        output.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{output}.lock"):
            yield not output.exists()

    def execute(self, chapter: str, site: str = "gejiu") -> Path:
        """Path of the executed notebook."""
        output = self.folder / "executed" / site / f"{chapter}.ipynb"
        with self._absent(output) as absent:
            if absent:
                self._execute_upstream(chapter, site)
                artifacts = str(self.folder / "artifacts")
                about = {"artifacts": artifacts, "source_size": SMALL_SOURCE, **SMALL[chapter]}
                source = ROOT / "notebooks" / f"{chapter}.py"
                workflow.execute(source, output, site, **about)
        return output

    def _execute_upstream(self, chapter: str, site: str) -> None:
        sites = SMALL[chapter]["fields"].split() if chapter == "06_real_soils" else [site]
        for site in sites if chapter in READS_SOURCE_NETWORK else []:
            self.execute("02_pretraining", site)

    def html(self) -> Path:
        """Render all chapters and a site's report; return the folder of the HTML."""
        built = self.folder / "_build" / "html"
        with self._absent(self.folder / "html-is-complete") as absent:
            if absent:
                self._render()
                (self.folder / "html-is-complete").touch()
        return built

    def _render(self) -> None:
        book = self.folder / "book"
        ignored = shutil.ignore_patterns("notebooks", "sites", "_build")
        shutil.copytree(ROOT / "book", book, ignore=ignored)
        for chapter in SMALL.keys() - {"site_report"}:
            self._copy(self.execute(chapter), book / "notebooks" / f"{chapter}.ipynb")
        self._copy(self.execute("site_report", SMALL_REPORT), book / "sites" / f"{SMALL_REPORT}.ipynb")
        build = ["jupyter-book", "build", book, "--path-output", self.folder]
        build += ["--config", ROOT / "_config.yml", "--all", "-W", "-n", "--keep-going"]
        run = subprocess.run(build, cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 0, f"{run.stdout[-3000:]}\n{run.stderr[-3000:]}"

    @staticmethod
    def _copy(source: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)


@pytest.fixture(scope="session")
def small_book(tmp_path_factory, worker_id):
    """The chapters at small parameters, executed as they are asked for, once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    return SmallBook((folder if worker_id == "master" else folder.parent) / "small-book")


@pytest.fixture(scope="session")
def html(request, small_book):
    """Folder of a built book: the one given by ``--book``, else all chapters at small parameters."""
    given = request.config.getoption("--book")
    return Path(given).resolve() if given else small_book.html()


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
        user_site.write_project(root)
        yield Study.load("mine", chapter="site_report")
