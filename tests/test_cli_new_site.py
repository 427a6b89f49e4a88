"""``soilpb new-site``: a table of what was understood, a file, and the command that comes next."""

from typer.testing import CliRunner

from soilpb.cli import app
from soilpb.site_file import load_site_file
from tests.test_new_site import mine  # noqa: F401 (a fixture)


def run(folder, *options):
    arguments = ["new-site", "mine", "--spectra", folder / "scans", "--lab", folder / "lab.csv", *options]
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "200"})


def test_a_site_is_made_by_one_command(mine):  # noqa: F811
    """It says what it understood, where the file is, and how the report is made."""
    result = run(mine)
    assert result.exit_code == 0, result.output
    for words in (
        "48 scans of 24 samples",
        "column 'Pb (g/kg)' is Pb_mg_kg",
        "24 of 24 soils have Pb_mg_kg: few",
    ):
        assert words in result.stdout
    assert "Written: notebooks/sites/mine.yml" in result.stdout
    assert result.stdout.splitlines()[-1] == "Its report: make report SITE=mine"


def test_the_site_checks_right_away(mine):  # noqa: F811
    """What ``new-site`` wrote, ``check-site`` finds without a problem."""
    run(mine)
    result = CliRunner().invoke(app, ["check-site", "mine"], env={"COLUMNS": "200"})
    assert "problems: 0" in result.stdout


def test_a_mistake_is_one_line_on_standard_error(mine):  # noqa: F811
    """A second site of one name, and a target that is not there, stop with exit code 1."""
    run(mine)
    for options, words in (((), "is there already"), (("--target", "Zn", "--force"), "no column for Zn")):
        result = run(mine, *options)
        assert result.exit_code == 1
        assert words in result.stderr
        assert result.stderr.count("\n") == 1
    assert run(mine, "--force").exit_code == 0


def test_the_library_is_a_choice(mine):  # noqa: F811
    """``--source`` goes into the site file; a library that nobody has is refused with those there are."""
    assert run(mine, "--source", "twin").exit_code == 0
    assert load_site_file("mine").source == "twin"
    result = run(mine, "--source", "lucas", "--force")
    assert result.exit_code == 2
    assert "lucas2015" in result.stderr


def test_the_unit_of_spectra_can_be_said(mine):  # noqa: F811
    """``--spectra-unit`` goes into the site file, and is refused where the spectra contradict it."""
    assert run(mine, "--spectra-unit", "fraction").exit_code == 0
    assert load_site_file("mine").spectra_unit == "fraction"
    result = run(mine, "--spectra-unit", "absorbance", "--force")
    assert result.exit_code == 1
    assert "read as fraction, not absorbance" in result.stderr
