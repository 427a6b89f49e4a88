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
from soilpb.readers.libraries import fetch, lucas
from soilpb.site_file import SiteError, load_site_file
from tests import layouts
from tests.report.test_new_site import mine  # noqa: F401 (a fixture)
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


def test_problems_exit_with_one_and_warnings_with_zero(project):
    """A copied spectrum is warned of and stops nothing; bands that nobody measured stop a study."""
    project.spectra[7] = project.spectra[3]
    project.files.wide(project.spectra, ids=IDS, names=[f"{w:g}" for w in NM])
    result = project.check("notebooks/sites/mine.yml")
    assert result.exit_code == 0
    assert "one soil under several ids: G003 = G007" in result.stdout
    project.site(band_start=350.0)
    result = project.check()
    assert result.exit_code == 1
    assert "the study asks for 350–2480 nm" in result.stdout


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


def test_a_site_that_is_not_there_is_one_message(tmp_path_factory, monkeypatch):
    """The command says where it must be run, or which name was meant."""
    refused(CliRunner().invoke(app, ["check-site", "gejju"]), "no site file", "did you mean 'gejiu'?")
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    refused(CliRunner().invoke(app, ["check-site", "gejiu"]), "not inside a soilpb project")


def test_the_twin_is_told_to_be_simulated(project):
    """A simulated site has nothing to check but its file."""
    project.site(target_data="twin", spectra="", laboratory="")
    result = project.check()
    assert result.exit_code == 0
    assert "a twin: its lead is simulated" in result.stdout


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


def test_help_starts_without_what_commands_need():
    """``soilpb --help`` imports no library that takes a second."""
    slow = "{'torch', 'sklearn', 'scipy', 'pandas', 'matplotlib', 'papermill'}"
    code = f"import sys, soilpb.cli; sys.exit(str({slow} & sys.modules.keys() or 0))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False, capture_output=True, text=True)
    assert run.stderr.strip() == "0"


def run_new_site(folder, *options):
    arguments = ["new-site", "mine", "--spectra", folder / "scans", "--lab", folder / "lab.csv", *options]
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})


def test_a_site_is_made_by_one_command(mine):  # noqa: F811
    """It says what it understood, where the file is, and how the report is made."""
    result = run_new_site(mine)
    assert result.exit_code == 0, result.output
    for words in (
        "48 scans of 24 samples",
        "column 'Pb (g/kg)' is Pb_mg_kg",
        "24 of 24 soils have Pb_mg_kg: few",
    ):
        assert words in result.stdout
    assert "Written: notebooks/sites/mine.yml" in result.stdout
    assert result.stdout.splitlines()[-1] == "Its report: make report SITE=mine"
    checked = CliRunner().invoke(app, ["check-site", "mine"], env={"COLUMNS": "200"})
    assert "problems: 0" in checked.stdout


def test_a_mistake_is_one_line_on_standard_error(mine):  # noqa: F811
    """A second site of one name, and a target that is not there, stop with exit code 1."""
    run_new_site(mine)
    for options, words in (
        ((), "is there already"),
        (("--target", "Zn", "--force"), "no column for the target Zn"),
    ):
        result = run_new_site(mine, *options)
        assert result.exit_code == 1
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
    assert run_new_site(mine, "--force").exit_code == 0


def test_the_library_is_a_choice(mine):  # noqa: F811
    """``--source`` goes into the site file; a library that nobody has is refused with those there are."""
    assert run_new_site(mine, "--source", "twin").exit_code == 0
    assert load_site_file("mine").source == "twin"
    result = run_new_site(mine, "--source", "lucas", "--force")
    assert result.exit_code == 2
    assert "lucas2015" in result.stderr


def test_the_unit_of_spectra_can_be_said(mine):  # noqa: F811
    """``--spectra-unit`` goes into the site file, and is refused where the spectra contradict it."""
    assert run_new_site(mine, "--spectra-unit", "fraction").exit_code == 0
    assert load_site_file("mine").spectra_unit == "fraction"
    result = run_new_site(mine, "--spectra-unit", "absorbance", "--force")
    assert result.exit_code == 1
    assert "read as fraction, not absorbance" in result.stderr


@pytest.fixture
def run_in_empty_folder(tmp_path, monkeypatch):
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_fetch_lucas_explains(run_in_empty_folder):
    """Fetching LUCAS downloads nothing and says in five lines what to do, with the folder to use."""
    result = run_in_empty_folder("fetch", "lucas2015")
    assert result.exit_code == 0
    assert (
        result.stdout.splitlines()
        == lucas.REQUEST_STEPS["lucas2015"].format(folder="data/lucas2015").splitlines()
    )


def test_fetch_ossl_shows_licences_and_hash(run_in_empty_folder, tmp_path, monkeypatch):
    """Fetching OSSL shows the licences first, then the file and its hash."""

    def download(source, folder, level):
        path = folder / f"ossl_all_{level}_v1.2.csv.gz"
        path.parent.mkdir(parents=True)
        path.with_name(f"{path.name}.sha256").write_text(f"abc  {path.name}\n")
        return [path]

    monkeypatch.setattr(fetch, "fetch_source", download)
    output = run_in_empty_folder("fetch", "ossl", "--level", "L1").stdout
    assert output.startswith(fetch.LICENCES["ossl"])
    assert "ossl_all_L1_v1.2.csv.gz\nsha256 abc\n" in output


def test_a_failed_fetch_is_one_message(run_in_empty_folder, monkeypatch):
    """A failed download ends with its message and exit code 1, without a traceback."""

    def fail(source, folder, level):
        raise SiteError("no network; run the command again")

    monkeypatch.setattr(fetch, "fetch_source", fail)
    result = run_in_empty_folder("fetch", "ossl")
    assert result.exit_code == 1
    assert result.stderr == "problem: no network; run the command again\n"


def test_check_source_tells_by_its_exit_code(run_in_empty_folder, tmp_path):
    """Findings are marked, and the exit code is 1 unless the source is complete."""
    folder = tmp_path / "data" / "lucas2009"
    folder.mkdir(parents=True)
    absorbance = layouts.soil_absorbance(12, layouts.LUCAS_BANDS)
    layouts.write_lucas_2009(folder, layouts.lucas_2009_table(12), absorbance)
    result = run_in_empty_folder("check-source", "lucas2009")
    assert result.exit_code == 1
    assert "✓ 12 of 12 points have spectra" in result.stdout
    assert "✗ 12 scans; the release has 19,860" in result.stdout
    assert result.stdout.endswith("lucas2009: not complete\n")
