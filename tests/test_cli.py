"""The command line: findings and an exit code for any input, a traceback for none."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

from soilpb.cli import app
from tests.site_files import Folder, soil_spectra

ROOT = Path(__file__).parents[1]
N = 130
IDS = [f"G{i:03d}" for i in range(N)]
NM = np.arange(400.0, 2501.0, 5.0)


class Project:
    """A project with one site of a user's files."""

    def __init__(self, path):
        rng = np.random.default_rng(11)
        self.path = path
        self.files = Folder(path)
        self.lead = [f"{value:.1f}" for value in rng.lognormal(5, 0.8, N)]
        self.spectra = soil_spectra(N, NM) * np.exp(0.002 * rng.standard_normal((N, NM.size)))
        self.files.wide(self.spectra, ids=IDS, names=[f"{w:g}" for w in NM])
        self.files.lab(self.lead, ids=IDS)
        (path / "notebooks" / "sites").mkdir(parents=True)

    def site(self, **keys):
        """Write the site file."""
        values = {
            **{"site": "mine", "target_data": "files", "spectra": "spectra.csv", "laboratory": "lab.csv"},
            **{"source": "twin", **keys},
        }
        (self.path / "notebooks" / "sites" / "mine.yml").write_text(yaml.safe_dump(values))

    def check(self, site="mine"):
        """Run the command."""
        return CliRunner().invoke(app, ["check-site", site], env={"COLUMNS": "200"})


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    project = Project(tmp_path)
    project.site()
    return project


def refused(result, *parts):
    """Check that a run was stopped by one message that says all of ``parts``."""
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    for part in parts:
        assert part in result.stderr


def test_a_good_site_passes(project):
    """Findings are listed and the exit code is 0."""
    result = project.check()
    assert result.exit_code == 0, result.output
    assert "130 of 130 soils have Pb_mg_kg" in result.stdout
    assert "problems: 0, warnings: 0" in result.stdout
    assert "Pb_mg_kg is column 'Pb (mg/kg)'" in result.stdout


def test_a_site_may_be_given_by_its_path(project):
    """The path of a site file does as well as its name."""
    assert project.check("notebooks/sites/mine.yml").exit_code == 0


def test_a_problem_exits_with_one(project):
    """Files that can be read but not studied give the table, and exit code 1."""
    project.site(band_start=350.0)
    result = project.check()
    assert result.exit_code == 1
    assert "the study asks for 350–2480 nm" in result.stdout


def test_a_warning_alone_exits_with_zero(project):
    """A copied spectrum is warned of and stops nothing."""
    project.spectra[7] = project.spectra[3]
    project.files.wide(project.spectra, ids=IDS, names=[f"{w:g}" for w in NM])
    result = project.check()
    assert result.exit_code == 0
    assert "one and the same spectrum: G003, G007" in result.stdout


def test_bad_files_are_one_message(project):
    """What the readers refuse is one line on standard error, whole and unwrapped."""
    project.lead[5] = "<5"
    project.files.lab(project.lead, ids=IDS)
    refused(project.check(), "lab.csv, row 7, column 'Pb (mg/kg)': '<5'", "below_detection: half")


def test_what_looks_like_markup_is_printed_as_it_stands(project):
    """Brackets in users' headers and cells are neither styled nor swallowed."""
    project.files.lab(["[red]x"] * N, ids=IDS, header="Pb [mg/kg]")
    refused(project.check(), "column 'Pb [mg/kg]'", "'[red]x'")
    project.files.lab(project.lead, ids=IDS, header="Pb [mg/kg]")
    assert "column 'Pb [mg/kg]'" in project.check().stdout


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        ({"spectra_units": "percent"}, ["unknown key 'spectra_units'", "did you mean 'spectra_unit'"]),
        ({"seed": "one"}, ["seed is 'one'"]),
        ({"spectra": "nowhere.csv"}, ["nowhere.csv is not there"]),
        ({"target": "Zn_mg_kg"}, ["no column for the target Zn_mg_kg"]),
        ({"spectra_unit": "percent"}, ["said to be percent", "mend spectra_unit"]),
    ],
)
def test_a_bad_site_file_is_one_message(project, keys, parts):
    """Unknown keys, wrong types and wrong claims are told like any other mistake."""
    project.site(**keys)
    refused(project.check(), *parts)


def test_an_unknown_site_is_one_message(project):
    """A misspelt site names the nearest."""
    refused(project.check("mime"), "no site file", "did you mean 'mine'?")


def test_outside_a_project_is_one_message(tmp_path_factory, monkeypatch):
    """The command says where it must be run."""
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    refused(CliRunner().invoke(app, ["check-site", "gejiu"]), "not inside a soilpb project")


def test_the_twin_is_told_to_be_simulated(project):
    """A simulated site has nothing to check but its file."""
    project.site(target_data="twin", spectra="", laboratory="")
    result = project.check()
    assert result.exit_code == 0
    assert "simulated twin" in result.stdout


def test_a_committed_field_passes_from_a_process_of_its_own():
    """In its own process, a measured field of the repository has no problem and no stray warning."""
    run = subprocess.run(
        [sys.executable, "-m", "soilpb.cli", "check-site", "ul120"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
    )
    assert run.returncode == 0, run.stderr
    assert "120 of 120 soils have clay_pct" in run.stdout
    assert run.stderr == ""


def test_commands_start_without_pytorch():
    """Only a command that predicts waits for it."""
    code = "import sys, soilpb.cli; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
