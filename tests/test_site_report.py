"""The report is right for a user's own files: a project of one site, from two tables and a site file."""

import io
import json
import re
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from soilpb import workflow
from soilpb._files import sha256_of
from soilpb.cli import app
from soilpb.decide import stored_model
from soilpb.evaluate import splits
from soilpb.models.network import SpectralNetwork
from soilpb.readers import limesoda
from soilpb.study import Study

REPORT = Path(__file__).parents[1] / "notebooks" / "site_report.py"
SITE = """\
site: my-mine
title: "Old *mine*"
target_data: files
spectra: data/my-mine/spectra.csv
laboratory: data/my-mine/laboratory.csv
target: clay_pct
target_scale: natural
source_property: pH
instrument: Spectral Evolution PSR+ 3500
"""
SMALL = {
    **{"n_repeats": 1, "epochs": 1, "chosen": "pls ridge resnet features-ridge"},
    "keep": "features-ridge features-pls",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project folder with measured spectra in percent, a laboratory table, and one site file."""
    root = tmp_path_factory.mktemp("project")
    soils = limesoda.load_field("CV.98")
    ids, bands = soils.samples.index, [f"{nm:g}" for nm in soils.wavelengths[::5]]
    spectra = pd.DataFrame(100 * soils.reflectance[:, ::5], index=ids, columns=bands)
    laboratory = soils.samples[["clay_pct", "pH"]].rename(columns={"clay_pct": "Clay (%)"})
    laboratory["profile"] = [f"P{i // 2}" for i in range(len(ids))]
    laboratory.loc[ids[5], "Clay (%)"] = np.nan
    for folder in ("data/my-mine", "notebooks/sites"):
        (root / folder).mkdir(parents=True)
    tables = {"spectra": spectra.round(3), "laboratory": laboratory.drop(index=ids[:3])}
    for name, table in tables.items():
        table.to_csv(root / f"data/my-mine/{name}.csv", index_label="sample")
    (root / "notebooks/sites/my-mine.yml").write_text(SITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield root


@pytest.fixture(scope="module")
def report(project):
    """The executed report."""
    study = Study.load("my-mine", chapter="02_pretraining")
    SpectralNetwork.random(study.source.reflectance, study.grid, ("pH",)).save(study.folder())
    workflow.execute(REPORT, project / "report.ipynb", "my-mine", **SMALL)
    return nbformat.read(project / "report.ipynb", as_version=4)


def outputs(report):
    return [output for cell in report.cells for output in cell.get("outputs", [])]


def said(report):
    """All that the page shows: words, glued values, tables and lists, without markup."""
    shown = [cell.source for cell in report.cells if cell.cell_type == "markdown"]
    shown += [value for output in outputs(report) for value in output.get("data", {}).values()]
    return re.sub(r"<[^>]+>", " ", " ".join(map(str, shown)))


def test_the_report_is_about_these_files(report, project):
    """Title, provenance, hash and notes are those of the user's two tables."""
    text = said(report)
    files = [project / "data/my-mine" / name for name in ("spectra.csv", "laboratory.csv")]
    assert "(site-my-mine)=\n# Old \\*mine\\*\n" in text
    assert sha256_of(*files) in text
    assert "reflectance from percent to fraction" in text
    assert "3 samples without a laboratory row left out" in text
    assert "not stated (key citation of the site file)" in text


def test_measured_soils_are_nowhere_called_simulated(report):
    """Banner and captions say measured, for the site and for the library of five fields."""
    captions = [c.metadata.mystnb["figure"]["caption"] for c in report.cells if "mystnb" in c.metadata]
    assert "Measured data" in said(report)
    assert all("(my-mine, measured)" in caption for caption in captions)
    assert "simulated" not in said(report) + " ".join(captions)
    assert "LimeSoDa CV.98, SC.93, SL.125, UL.120, SSP.460" in said(report)


def test_missing_values_and_profiles_are_respected(report):
    """A soil without clay is counted and not modelled, and no profile is torn apart by a fold."""
    study = Study.load("my-mine", chapter="site_report")
    assert study.target.n_samples == 98 - 3 - 1
    splits.validate_folds(study.table("site_report", "folds"), study.ids, study.groups)
    assert f"The {len(set(study.groups))} groups of samples stay together" in said(report)


def test_the_kept_model_predicts_what_the_report_said(report, project):
    """``soilpb predict`` gives the very numbers that the report's model gave, for the same spectra."""
    run = CliRunner().invoke(app, ["predict", "my-mine", "data/my-mine/spectra.csv"])
    assert run.exit_code == 0, run.output
    written = pd.read_csv(io.StringIO(run.stdout), index_col="sample")
    study = Study.load("my-mine")
    told = study.table("site_report", "kept").set_index("sample")
    columns = ["clay_pct", "clay_pct_lower", "clay_pct_upper", "pH", "distance"]
    np.testing.assert_allclose(written.loc[told.index, columns], told[columns], rtol=1e-4)
    card = stored_model.load_site_model(study).card
    assert card["n_samples"] == len(told) == 94
    assert card["trained_on"]["files_sha256"] == study.target.provenance.sha256
    assert card["model"] in ("pH features + ridge-clay", "pH features ‖ PLS-clay")
    assert f"soilpb predict {card['site']} new_spectra.csv" in said(report)


def test_spectra_without_a_value_are_those_to_send_next(report):
    """The four soils that the laboratory has no clay of are listed, and no measured one."""
    (listed,) = [
        output["data"]["text/html"]
        for output in outputs(report)
        if "by spectrum (90 %)" in output.get("data", {}).get("text/html", "")
    ]
    named = set(re.findall(r"CV\.98-\d{3}", listed))
    assert named == {"CV.98-001", "CV.98-002", "CV.98-003", "CV.98-006"}
    assert "4 spectra of this site have no laboratory value" in said(report)


def test_what_cannot_be_told_of_this_site_is_said(report):
    """Clay has no limit, the tables no coordinates, the instrument no gap: each is one sentence."""
    text = said(report)
    assert "No limit for clay is known here" in text
    assert "No true coordinates are known, so there is no map." in text
    assert "The study sees 206 bands over 430–2480 nm." in text
    assert "only, and its network learnt" not in text


def test_nothing_is_left_open_in_the_page(report, project):
    """No placeholder remains, nothing went to standard error, and no path of the machine shows."""
    shown = json.dumps([outputs(report), [c.metadata for c in report.cells if "mystnb" in c.metadata]])
    assert "{{" not in said(report) + json.dumps([c.metadata.get("mystnb", {}) for c in report.cells])
    assert [output for output in outputs(report) if output.get("name") == "stderr"] == []
    assert str(project) not in shown
