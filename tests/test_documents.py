"""What the project says of itself is consistent: environment files, licence, citation, README."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


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


def test_contributing_names_what_is_there():
    """Each file, folder and room that CONTRIBUTING.md names exists, and no room is left out."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    for path in re.findall(r"`((?:soilpb|tests|book|notebooks)/[\w/.]*)`", page):
        assert (ROOT / path).exists(), path
    rooms = {f"{path.parent.name}/" for path in (ROOT / "soilpb").glob("*/__init__.py")}
    assert set(re.findall(r"^\| `(\w+/)` \|", page, re.M)) == {"soilpb/", *rooms}


def test_no_page_says_more_of_the_study_than_its_abstract():
    """What the abstract does not say is not said of the study, or is marked as assumed (protocol.yml)."""
    beyond = r"the study(?:'s)? (?:used|trained|froze|split|figure)|as in the study|on one split of"
    for path in [ROOT / "README.md", *(ROOT / "book").glob("*.md"), *(ROOT / "notebooks").glob("*.py")]:
        page = path.read_text(encoding="utf-8")
        assert (path.name, re.findall(beyond, page)) == (path.name, [])
        assert all("assum" in line for line in re.findall(r".*the study's recipe.*", page)), path.name
