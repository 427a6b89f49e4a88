"""Reports of two sites of a user's files, made at the same time by ``soilpb report``, are right and whole."""

import io
import os
import re
import signal
import subprocess
import sys

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from bs4 import BeautifulSoup
from papermill.exceptions import PapermillExecutionError
from typer.testing import CliRunner

from soilpb import workflow
from soilpb._files import sha256_of
from soilpb.cli import app
from soilpb.decide import site_model, stored_model
from soilpb.evaluate import splits
from soilpb.models.network import SpectralNetwork
from soilpb.readers.libraries import limesoda
from soilpb.report import render
from soilpb.study import Study
from tests.user_site import write_project

#: A visible and near-infrared instrument's tables of clay, in percent.
SITE = {
    **{"site": "my-mine", "title": "Old *mine*", "target_data": "files", "target": "clay_pct"},
    **{"spectra": "data/my-mine/spectra.csv", "laboratory": "data/my-mine/laboratory.csv"},
    **{"target_scale": "natural", "band_stop": 1000, "band_step": 30},
}
SMALL = ["--store"]
for parameter in ("n_repeats=1", "epochs=1", "chosen=pls ridge", "keep=features-pls pls"):
    SMALL += ["-p", parameter]


def write_my_mine(root):
    """Write measured spectra, a laboratory table that lacks four soils, and the site file."""
    (root / "data/my-mine").mkdir(parents=True)
    soils = limesoda.load_field("CV.98")
    ids, bands = soils.samples.index, soils.wavelengths < 1050
    names = [f"{nm:g}" for nm in soils.wavelengths[bands][::5]]
    spectra = pd.DataFrame(100 * soils.reflectance[:, bands][:, ::5], index=ids, columns=names)
    laboratory = soils.samples[["clay_pct", "pH"]].rename(columns={"clay_pct": "Clay (%)"})
    laboratory["profile"] = [f"P{i // 2}" for i in range(len(ids))]
    laboratory.loc[ids[5], "Clay (%)"] = np.nan
    spectra.round(3).to_csv(root / SITE["spectra"], index_label="sample")
    laboratory.drop(index=ids[:3]).to_csv(root / SITE["laboratory"], index_label="sample")
    (root / "notebooks/sites/my-mine.yml").write_text(yaml.safe_dump(SITE))


def save_network(site, **keys):
    """Store an untrained network as chapter 2 would, executed with the site's own values."""
    study = Study.load(site, "02_pretraining", **keys)
    SpectralNetwork.random(study.X, study.grid, ("pH",)).save(study.folder())
    source = render.PROJECT / "notebooks" / "02_pretraining.py"
    about = {"soilpb": workflow.hash_inputs(source, study.site)}
    nbformat.write(nbformat.v4.new_notebook(metadata=about), study.folder() / "notebook.ipynb")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of two sites, of measured clay and of simulated lead, whose networks are there."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        write_project(root, n=60, laboratory=("Pb_mg_kg", "pH", "x", "y"), band_step=90)
        write_my_mine(root)
        for site in ("mine", "my-mine"):
            save_network(site)
        yield root


def start(root, site):
    """Start the command in a session of its own, as a terminal would."""
    return subprocess.Popen(
        [sys.executable, "-m", "soilpb.cli", "report", site, *SMALL],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.fixture(scope="module")
def pages(project):
    """HTML of both reports, made at the same time."""
    runs = {site: start(project, site) for site in ("mine", "my-mine")}
    for site, run in runs.items():
        output, errors = run.communicate()
        assert run.returncode == 0, errors
        assert output.splitlines()[-1] == f"The report: _build/report/{site}.html"
    return {site: (project / f"_build/report/{site}.html").read_text() for site in runs}


@pytest.fixture(scope="module")
def articles(pages):
    return {site: BeautifulSoup(page, "html.parser").article for site, page in pages.items()}


@pytest.fixture(scope="module")
def texts(articles):
    """What each page says, its tables and captions included, without line breaks."""
    return {site: " ".join(article.get_text(" ").split()) for site, article in articles.items()}


def list_reports(project):
    return sorted(path.name for path in (project / "_build/report").iterdir())


def test_two_reports_made_at_once_do_not_disturb_each_other(texts, articles, project):
    """Each page and model is about its own site; the model is the one that its site alone gives."""
    titles = {"mine": "Old mine", "my-mine": "Old *mine*"}
    for site, title in titles.items():
        assert articles[site].h1.find(string=True) == title
        assert not any(other in texts[site] for other in titles.values() if other != title)
        assert stored_model.load_site_model(Study.load(site)).card["site"] == site
    study = Study.load("mine")
    alone = site_model.fit_site_model(study, site_model.make_candidates(study, ["features-pls", "pls"]))
    predicted = (m.predict(study.X)["predicted"] for m in (stored_model.load_site_model(study), alone))
    np.testing.assert_allclose(*predicted, rtol=1e-5)
    assert list_reports(project) == ["mine.csv", "mine.geojson", "mine.html", "my-mine.csv", "my-mine.html"]


def test_a_report_is_about_its_files(texts, project):
    """Provenance, hash and notes are those of the user's two tables."""
    files = [project / SITE[key] for key in ("spectra", "laboratory")]
    assert all(sha256_of(file) in texts["my-mine"] for file in files)
    assert "reflectance from percent to fraction" in texts["my-mine"]
    assert "3 samples without a laboratory row left out" in texts["my-mine"]
    assert "detection limit not stated" in texts["my-mine"]


def test_measured_soils_are_nowhere_called_simulated(texts, articles):
    """Banner and captions say measured, for the site and for the library of five fields."""
    captions = [caption.get_text() for caption in articles["my-mine"]("figcaption")]
    assert "Measured data" in texts["my-mine"]
    assert all("(my-mine, measured)" in caption for caption in captions)
    assert "simulated" not in texts["my-mine"]
    assert "LimeSoDa CV.98, SC.93, SL.125, UL.120, SSP.460" in texts["my-mine"]
    assert "laboratory values simulated" in texts["mine"]


def test_missing_values_and_profiles_are_respected(pages):
    """A soil without clay is counted and not modelled, and no profile is torn apart by a fold."""
    study = Study.load("my-mine", chapter="site_report")
    assert study.target.n_samples == 98 - 3 - 1
    splits.validate_folds(study.table("site_report", "folds"), study.ids, study.groups)


def test_the_stored_model_predicts_what_the_report_did(texts):
    """``soilpb predict`` gives the very numbers that the report's model gave, for the same spectra."""
    run = CliRunner().invoke(app, ["predict", "my-mine", SITE["spectra"]])
    assert run.exit_code == 0, run.output
    written = pd.read_csv(io.StringIO(run.stdout), index_col="sample")
    study = Study.load("my-mine")
    own = study.table("site_report", "kept").set_index("sample")
    columns = ["clay_pct", "clay_pct_lower", "clay_pct_upper", "pH", "distance"]
    np.testing.assert_allclose(written.loc[own.index, columns], own[columns], rtol=1e-4)
    card = stored_model.load_site_model(study).card
    assert card["n_samples"] == len(own) == 94
    assert card["trained_on"]["files_sha256"] == study.target.provenance.sha256
    assert card["target_range"][0] > 0
    soils = pd.read_csv("_build/report/my-mine.csv")
    assert len(soils) == 98
    assert (soils.filter(like="_lower") >= 0).all(axis=None)


def test_spectra_without_a_value_are_those_to_measure_next(texts, articles):
    """The four soils that the laboratory has no clay of are listed, and no measured one."""
    (table,) = [t.get_text() for t in articles["my-mine"]("table") if "by spectrum (90 %)" in t.get_text()]
    assert set(re.findall(r"CV\.98-\d{3}", table)) == {"CV.98-001", "CV.98-002", "CV.98-003", "CV.98-006"}
    assert "4 spectra of this site have no laboratory value" in texts["my-mine"]


def test_what_depends_on_the_site_is_said_of_each(texts):
    """Limits, map and range: of clay by a narrow instrument without coordinates, of lead with them."""
    clay, lead = texts["my-mine"], texts["mine"]
    assert "no limit is known for clay" in clay
    assert "There is no map: no true coordinates" in clay
    assert "The study uses 430–1000 nm only" in clay
    assert "by the laboratory" in lead
    assert "The mean Pb of the site is" in lead
    assert "There is no map" not in lead
    constituents = Study.load("my-mine").table("site_report", "minerals")["constituent"]
    assert set(constituents) == {"hematite", "goethite", "organic_matter", "water"}


def test_nothing_is_left_open_and_nothing_said_twice(texts, articles, project):
    """No placeholder, no path of the machine, the answer where it belongs, and each sentence once."""
    for site, text in texts.items():
        assert "{{" not in text
        assert str(project) not in text
        assert "The answer appears here" not in text
        prose = articles[site].find("section").find_all("p")
        first = [paragraph.get_text() for paragraph in prose if not paragraph.find_parent("table")][:4]
        assert any("is decided" in paragraph or "The mean Pb" in paragraph for paragraph in first)
        prose = " ".join(" ".join(p.get_text().split()) for p in articles[site].select("section p"))
        sentences = [s for s in re.split(r"(?<=[.:]) (?=[A-Z])", prose) if len(s) > 40]
        assert [s for s in {*sentences} if sentences.count(s) > 1] == []


def test_a_killed_report_leaves_the_former_one(pages, project):
    """``kill -9`` while a report is executed leaves the former page as it was, and nothing beside it."""
    run = start(project, "mine")
    for line in run.stderr:
        if line.startswith("Executing site_report"):
            break
    assert run.poll() is None
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    assert (project / "_build/report/mine.html").read_text() == pages["mine"]
    assert list_reports(project) == ["mine.csv", "mine.geojson", "mine.html", "my-mine.csv", "my-mine.html"]


def refused(*arguments, says):
    result = CliRunner().invoke(app, ["report", *arguments])
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
    """A network is trained again if the site's files, or its own, are not those that it was made of."""
    executed = []

    def execute(source, output, site, /, **given):
        executed.append((source.stem, given["seed"], given.get("n_repeats")))
        if source.stem == "02_pretraining":
            save_network(site, artifacts=given["artifacts"])
        else:
            nbformat.write(nbformat.v4.new_notebook(), output)

    monkeypatch.setattr(workflow, "execute", execute)
    monkeypatch.setattr(render, "render_page", lambda notebook, page, author: page)
    laboratory = project / "data/lab.csv"
    weights = project / "artifacts/mine/02_pretraining/estimators.skops"
    (project / "artifacts/mine/02_pretraining/notebook.ipynb").unlink(missing_ok=True)
    save_network("mine")
    for edit, arguments in (
        (lambda: None, []),
        (lambda: laboratory.write_text(laboratory.read_text().replace("\n", "\r\n")), []),
        (lambda: weights.write_bytes(weights.read_bytes()[:-9]), []),
        (lambda: None, ["-p", "n_repeats=1", "-p", "seed=7"]),
        (lambda: None, ["-p", "n_repeats=1"]),
        (lambda: None, ["-p", "chosen=pls", "-p", "keep=pls", "-p", "seed=7"]),
    ):
        edit()
        result = CliRunner().invoke(app, ["report", "mine", *arguments])
        assert result.exit_code == 0, result.output
    assert executed == [
        ("site_report", 3, None),
        ("02_pretraining", 3, None),
        ("site_report", 3, None),
        ("02_pretraining", 3, None),
        ("site_report", 3, None),
        ("02_pretraining", 7, None),
        ("site_report", 7, 1),
        ("site_report", 3, 1),
        ("site_report", 7, None),
    ]
