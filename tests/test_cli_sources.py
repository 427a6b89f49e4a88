import pytest
from typer.testing import CliRunner

from soilpb.cli import app
from soilpb.readers import libraries
from soilpb.site_file import SiteError
from tests import layouts


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the command line in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_fetch_lucas_explains(run):
    """Fetching LUCAS downloads nothing and says in five lines what to do, with the folder to use."""
    result = run("fetch", "lucas2015")
    assert result.exit_code == 0
    assert (
        result.stdout.splitlines()
        == libraries.LUCAS_STEPS["lucas2015"].format(folder="data/lucas2015").splitlines()
    )


def test_fetch_ossl_shows_licences_and_hash(run, tmp_path, monkeypatch):
    """Fetching OSSL shows the licences first, then the file and its hash."""

    def download(folder, level):
        path = folder / f"ossl_all_{level}_v1.2.csv.gz"
        path.parent.mkdir(parents=True)
        path.with_name(f"{path.name}.sha256").write_text(f"abc  {path.name}\n")
        return path

    monkeypatch.setattr(libraries, "fetch_ossl", download)
    output = run("fetch", "ossl", "--level", "L1").stdout
    assert output.startswith(libraries.OSSL_LICENCES)
    assert "ossl_all_L1_v1.2.csv.gz\nsha256 abc\n" in output


def test_a_failed_fetch_is_one_message(run, monkeypatch):
    """A failed download ends with its message and exit code 1, without a traceback."""

    def fail(folder, level):
        raise SiteError("no network; run the command again")

    monkeypatch.setattr(libraries, "fetch_ossl", fail)
    result = run("fetch", "ossl")
    assert result.exit_code == 1
    assert result.stderr == "problem: no network; run the command again\n"


def test_check_source_tells_by_its_exit_code(run, tmp_path):
    """Findings are marked, and the exit code is 1 unless the source is complete."""
    folder = tmp_path / "data" / "lucas2009"
    folder.mkdir(parents=True)
    absorbance = layouts.soil_absorbance(12, layouts.LUCAS_BANDS)
    layouts.write_lucas_2009(folder, layouts.lucas_2009_table(12), absorbance)
    result = run("check-source", "lucas2009")
    assert result.exit_code == 1
    assert "✓ LUCAS.SOIL_corr.csv: 4,200 bands" in result.stdout
    assert "✗ 12 rows; the release has 19,860" in result.stdout
    assert result.stdout.endswith("lucas2009: not complete\n")
