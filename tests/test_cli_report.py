"""A site's report is one page, made beside the former one, whoever else makes one at the same time."""

import os
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
import yaml
from papermill.exceptions import PapermillExecutionError
from typer.testing import CliRunner

from soilpb import workflow
from soilpb.cli import app
from soilpb.decide import stored_model
from soilpb.models.network import SpectralNetwork
from soilpb.report import render
from soilpb.study import Study
from tests.kept_sites import SITE, write_project

SMALL = ("-p", "n_repeats=1", "-p", "chosen=pls", "-p", "keep=pls")
YOUNG = 2**32


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of two sites, whose networks are there."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_project(root, n=40, band_step=90)
        other = {**SITE, "band_step": 90, "site": "other", "title": "Other mine", "seed": 4, "n_target": 35}
        (root / "notebooks/sites/other.yml").write_text(yaml.safe_dump(other))
        for site in ("mine", "other"):
            study = Study.load(site, "02_pretraining")
            SpectralNetwork.random(study.X, study.grid, ("pH",)).save(study.folder())
            # A date ahead, since the package may be edited while this runs.
            (study.folder() / "notebook.ipynb").touch()
            os.utime(study.folder() / "notebook.ipynb", (YOUNG, YOUNG))
        yield root


def started(root, site):
    """Start the command in a session of its own, as a terminal would."""
    command = [sys.executable, "-m", "soilpb.cli", "report", site, *SMALL]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command,
        cwd=root,
        env=environment,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def page_of(root, site):
    return root / "_build" / "report" / f"{site}.html"


@pytest.fixture(scope="module")
def reports(project):
    """Both reports, made at the same time."""
    runs = {site: started(project, site) for site in ("mine", "other")}
    said = {site: run.communicate() for site, run in runs.items()}
    for site, run in runs.items():
        assert run.returncode == 0, said[site][1]
        assert said[site][0].splitlines()[-1] == f"The report: _build/report/{site}.html"
    return {site: page_of(project, site).read_text() for site in runs}


def test_two_reports_made_at_once_do_not_disturb_each_other(reports, project):
    """Each page is about its own site, and each model is the one that its site alone gives."""
    for site, other in (("mine", "other"), ("other", "mine")):
        title = {"mine": "Old mine", "other": "Other mine"}
        assert set(re.findall(r"<h1>([^<]+)<", reports[site])) == {title[site]}
        assert title[other] not in reports[site]
        study = Study.load(site)
        kept = stored_model.load_site_model(study)
        assert kept.card["site"] == site
        alone = stored_model.fit_site_model(study, stored_model.make_candidates(study, ["pls"]))
        np.testing.assert_array_equal(kept.predict(study.X), alone.predict(study.X))
    assert sorted(path.name for path in (project / "_build/report").iterdir()) == ["mine.html", "other.html"]


def test_a_killed_report_leaves_the_former_one(reports, project):
    """``kill -9`` while a report is executed leaves the former page as it was, and nothing beside it."""
    run = started(project, "mine")
    for line in run.stderr:
        if line.startswith("Executing site_report"):
            break
    assert run.poll() is None
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert page_of(project, "mine").read_text() == reports["mine"]
    assert sorted(path.name for path in (project / "_build/report").iterdir()) == ["mine.html", "other.html"]


def invoke(*arguments):
    return CliRunner().invoke(app, ["report", *arguments])


def refused(*arguments, says):
    result = invoke(*arguments)
    assert result.exit_code == 1
    *_, last = result.stderr.splitlines()
    assert last.startswith("problem: ")
    assert says in last


def test_mistakes_are_one_line(project):
    """A site that is not there and a parameter without a value are told in one line."""
    refused("mime", says="did you mean 'mine'?")
    refused("mine", "-p", "n_repeats", says="write -p name=value")


def test_what_a_notebook_finds_is_told_like_any_mistake(project, monkeypatch):
    """The message of a chapter that stopped is shown without its cells, and names other errors' kinds."""
    for name, says in (("SiteError", "problem: no such cell"), ("KeyError", "problem: KeyError: no such")):

        def stop(*_, name=name, **__):
            raise PapermillExecutionError(3, 3, "x = 1", name, "no such cell", [])

        monkeypatch.setattr(workflow, "execute", stop)
        refused("mine", says=says)


def test_only_what_changed_is_executed(project, monkeypatch):
    """A network is trained again when the site's files are younger than it, else not."""
    executed = []
    monkeypatch.setattr(
        workflow, "execute", lambda source, *_, **given: executed.append((source.stem, given))
    )
    monkeypatch.setattr(render, "render_page", lambda notebook, page: page)
    invoke("mine")
    os.utime(project / "data/lab.csv", (YOUNG + 1, YOUNG + 1))
    invoke("mine")
    invoke("mine", "-p", "n_repeats=1", "-p", "seed=7")
    assert executed == [
        ("site_report", {}),
        ("02_pretraining", {}),
        ("site_report", {}),
        ("02_pretraining", {"seed": 7}),
        ("site_report", {"n_repeats": 1, "seed": 7}),
    ]
