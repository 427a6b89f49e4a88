"""What the project says of itself is consistent: environment files, licence, citation, README."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = {
    canonicalize_name(name): version
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / "requirements.lock").read_text(), re.M)
}
EXTRAS = PROJECT["optional-dependencies"]
DECLARED = [Requirement(r) for r in sum(EXTRAS.values(), PROJECT["dependencies"])]


@pytest.mark.parametrize("requirement", DECLARED, ids=lambda r: r.name)
def test_the_lock_pins_what_the_list_asks_for(requirement):
    """Each declared dependency is pinned to a version that satisfies it."""
    assert requirement.specifier.contains(LOCK[canonicalize_name(requirement.name)])


def test_the_lock_names_no_place():
    """The lock holds names and versions only: no host, no path, no local build."""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.]+", line), line


def test_the_environment_file_points_at_the_list():
    """environment.yml installs the lock and the package, and lists no dependency of its own."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert {re.split("[=<>]", entry)[0] for entry in conda} == {"python", "pip", "make"}
    assert pip == ["-r requirements.lock", "-e ."]


def test_installed_packages_agree():
    """``pip check`` finds no conflict in the environment that runs this test."""
    result = subprocess.run(
        [sys.executable, "-m", "pip", "check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_every_module_has_a_test_file():
    """Each module of the package has a test file of its own name."""
    package = ROOT / "soilpb"
    modules = [p.relative_to(package) for p in package.rglob("*.py") if p.stem != "__init__"]
    expected = {f"test_{'_'.join(module.with_suffix('').parts)}.py" for module in modules}
    assert expected - {p.name for p in (ROOT / "tests").glob("*.py")} == set()


def test_modules_stay_small():
    """A module holds one concept: no module exceeds 260 lines."""
    sizes = {p.name: len(p.read_text().splitlines()) for p in (ROOT / "soilpb").rglob("*.py")}
    assert {name: n for name, n in sizes.items() if n > 260} == {}


def test_the_citation_file_cites_the_study_and_this_version():
    """CITATION.cff names the package's version and the study it re-executes."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["cff-version"] == "1.2.0"
    assert str(citation["version"]) == PROJECT["version"]
    assert "10.3390/s25134209" in yaml.safe_dump(citation["references"])


def test_licences_are_stated():
    """Code is BSD-3-Clause, text CC BY 4.0, and LimeSoDa's share-alike licence is shown."""
    licence = (ROOT / "LICENSE").read_text()
    assert "Redistribution and use in source and binary forms" in licence
    assert "CC BY 4.0" in licence
    assert "CC BY-SA 4.0" in (ROOT / "README.md").read_text()


def test_the_readme_names_only_commands_that_exist():
    """Each ``make`` target and ``soilpb`` command that README shows is there."""
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"^(\w+):.*##", (ROOT / "Makefile").read_text(), re.M))
    assert {"book", "test"} <= set(re.findall(r"\bmake (\w+)", readme)) <= targets
    shown = set(re.findall(r"\bsoilpb ([a-z]+-[a-z]+)\b", readme))
    helped = subprocess.run(
        [sys.executable, "-m", "soilpb.cli", "--help"], capture_output=True, text=True, check=True
    )
    assert shown, "README shows no soilpb command"
    assert all(command in helped.stdout for command in shown)


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.md")) + sorted((ROOT / "book").glob("*.md")), ids=lambda p: p.name
)
def test_relative_links_lead_somewhere(path):
    """Each relative link of a page names a file that is there (chapters: their source)."""
    for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", path.read_text()):
        target = (path.parent / link).resolve()
        chapter = ROOT / "notebooks" / target.with_suffix(".py").name
        exists = target.exists() or target.with_suffix(".md").exists() or chapter.exists()
        assert exists, f"{path.name} links to {link}"
