"""An instrument that sees a part of the range gets its report, and the report says what that costs."""

import nbformat
import numpy as np
import pandas as pd
import pytest

from soilpb import workflow
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import TrainingConfig
from soilpb.simulate import twin
from soilpb.study import Study

from .test_site_report import REPORT, outputs, said

FIRST, LAST = 400, 740
SITE = """\
site: visible
target_data: files
spectra: visible.csv
laboratory: laboratory.csv
source: twin
source_size: 300
band_start: 430
band_stop: 740
"""
SMALL = {"n_repeats": 1, "epochs": 1, "chosen": "pls features-ridge", "keep": "pls"}
N, WAITING = 70, 3


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of one site: simulated soils, read by a visible-only instrument; three have no value."""
    root = tmp_path_factory.mktemp("narrow")
    (root / "notebooks" / "sites").mkdir(parents=True)
    soils = twin.simulate_target(130, seed=7, grid=np.arange(400, 2490, 5.0)).take(np.arange(N))
    columns = soils.samples[["Pb_mg_kg", "pH", "x", "y"]]
    columns.iloc[WAITING:].to_csv(root / "laboratory.csv", index_label="sample")
    bands = (soils.wavelengths >= FIRST) & (soils.wavelengths <= LAST)
    names = [f"{nm:g}" for nm in soils.wavelengths[bands]]
    percent = pd.DataFrame(100 * soils.reflectance[:, bands], soils.samples.index, names)
    percent.round(3).to_csv(root / "visible.csv", index_label="sample")
    (root / "notebooks" / "sites" / "visible.yml").write_text(SITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        yield root


def test_a_visible_instrument_gets_its_report_with_the_loss(project):
    """Pretrained on the common bands, executed whole: the range, what it costs, minerals, map, next soils."""
    study = Study.load("visible", chapter="02_pretraining")
    source = (study.source.reflectance, study.source.values("pH"), study.grid, ["pH"])
    SpectralNetwork.fit(*source, training=TrainingConfig(epochs=1)).save(study.folder())
    workflow.execute(REPORT, project / "visible.ipynb", "visible", **SMALL)
    report = nbformat.read(project / "visible.ipynb", as_version=4)
    text = said(report)
    # Where spectra are shown, and among the limits.
    assert text.count("The study sees 430–740 nm only") == 2
    assert "PLS predicts pH with an R² of" in text
    assert f"{WAITING} spectra of this site have no laboratory value" in text
    assert all(f"site-0000{i}" in text for i in range(1, WAITING + 1))
    minerals = Study.load("visible", chapter="site_report").table("site_report", "minerals")
    assert set(minerals["constituent"]) == {"hematite", "goethite", "organic_matter"}
    assert [output for output in outputs(report) if output.get("name") == "stderr"] == []
