"""What is imported is declared, what is declared is used, and the locks pin just what is needed."""

import re
import subprocess
import sys
from importlib import metadata
from itertools import chain

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.dependencies import EXTRAS, LOCKS, PROJECT, ROOT, imported_packages, lock_texts

#: Declared, but run rather than imported → a file that runs it, and the word it does it with.
RUN = {
    "ipykernel": ("soilpb/workflow.py", "python3"),
    "earthlib": ("soilpb/simulate/library.py", "earthlib/data"),
    "jupyter-book": ("Snakefile", "jupyter-book"),
    "snakemake": ("Makefile", "snakemake"),
    "sphinx-design": ("_config.yml", "sphinx_design"),
    "sphinx-mathjax-offline": ("_config.yml", "sphinx-mathjax-offline"),
    "import-linter": ("Makefile", "lint-imports"),
    "pytest-xdist": ("Makefile", "-n "),
    "ruff": ("Makefile", "ruff"),
    "snakemake-executor-plugin-slurm": ("profiles/slurm/config.yaml", "slurm"),
}


def declared(requirements):
    return {canonicalize_name(Requirement(text).name) for text in requirements}


def distributions(*folders):
    """Distributions whose packages the files of folders import → those files."""
    owners = metadata.packages_distributions()
    files = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found = imported_packages(files)
    assert {name for name in found if name not in owners} <= {"cubist"}  # the optional one
    return {canonicalize_name(owners.get(name, [name])[0]): places for name, places in found.items()}


def test_what_is_imported_is_declared():
    """Package, chapters and benchmarks need no test tool; tests need nothing beyond theirs."""
    core = declared([*PROJECT["dependencies"], *EXTRAS["cubist"]])
    used = distributions("soilpb", "notebooks", "book/_ext", "benchmarks")
    assert {name: files for name, files in used.items() if name not in core} == {}
    tested = distributions("tests")
    core |= declared(EXTRAS["test"])
    assert {name: files for name, files in tested.items() if name not in core} == {}


def test_what_is_declared_is_used():
    """Each declared dependency is imported, or run by a file that names it."""
    book = distributions("soilpb", "notebooks", "book/_ext").keys()
    assert declared(PROJECT["dependencies"]) - book <= RUN.keys()
    assert declared(chain(*EXTRAS.values())) - book - distributions("tests").keys() <= RUN.keys()
    assert all(word in (ROOT / file).read_text() for file, word in RUN.values())


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_pins_what_is_needed_and_nothing_else(file):
    """Names and versions only, of declared packages and of what they need: no host, path or local build."""
    assert (ROOT / file).read_text() == lock_texts()[file]
    for line in (ROOT / file).read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line


def test_the_locks_satisfy_the_declaration():
    """Each declared dependency is pinned to a version that it allows, PyTorch to one exactly."""
    text = "".join((ROOT / file).read_text() for file in LOCKS)
    pins = {canonicalize_name(name): version for name, version in re.findall(r"(.+)==(.+)", text)}
    for requirement in map(Requirement, chain(*LOCKS.values())):
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement
    assert "torch==2.13.0" in PROJECT["dependencies"]


def test_no_default_holds_a_package_under_the_gpl():
    """Cubist is installed by whoever asks for it."""
    assert {"cubist"} == declared(EXTRAS["cubist"])
    assert "cubist" not in "".join((ROOT / file).read_text() for file in LOCKS).lower()


def test_the_environment_file_points_at_the_lock():
    """environment.yml installs the lock and the package, and lists no dependency of its own."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert {re.split("[=<>]", entry)[0] for entry in conda} == {"python", "pip", "make"}
    assert pip == ["-r requirements.lock", "-e ."]


def test_installed_packages_agree():
    """``pip check`` finds no conflict in the environment that runs this test."""
    run = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout
