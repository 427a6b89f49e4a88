"""New spectra get what the report's model says, in one table; mistakes get one line."""

import hashlib
import io
import json
import os
import signal
import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from soilpb.cli import app
from soilpb.decide import site_model, stored_model
from soilpb.evaluate import instruments, splits
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
from soilpb.readers.formats import text
from soilpb.site_file import SiteError
from soilpb.spectra import SoilSpectra
from soilpb.study import Study
from tests.user_site import write_project

AMONG = {"GPR": baselines.gaussian_process()}
OWN = "standard: Canton\nrules:\n  stop: 200\n"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose report has kept a model."""
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("COLUMNS", "200")
        new = write_project(root)
        study = Study.load("mine")
        stored_model.store_site_model(study, site_model.fit_site_model(study, AMONG), {"R2": 0.6}, [])
        (root / "canton.yml").write_text(OWN)
        yield root, study, new


KILLED = """
import os, signal, sys
from pathlib import Path
from soilpb import cli

def half(path, text, encoding):
    with path.open("w") as file:
        file.write(text[: len(text) // 2])
    os.kill(os.getpid(), signal.SIGKILL)

Path.write_text = half
cli._write("sample,Pb\\na,300\\n", Path(sys.argv[1]), [])
"""


def test_a_kill_in_the_middle_of_writing_leaves_the_former_table(tmp_path):
    """What stands under the name that was asked for is whole, whatever happens."""
    output = tmp_path / "out.csv"
    output.write_text("the former table")
    killed = subprocess.run([sys.executable, "-c", KILLED, output], check=False)
    assert (killed.returncode, output.read_text()) == (-signal.SIGKILL, "the former table")


def run(*arguments):
    return CliRunner().invoke(app, ["predict", *map(str, arguments)])


def refused(*arguments, says):
    result = run(*arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert says in result.stderr


def printed(*arguments):
    """Return the table on standard output, which holds nothing else."""
    return pd.read_csv(io.StringIO(run(*arguments).stdout), index_col="sample")


def test_predictions_are_those_of_the_fitted_model(project):
    """The table, printed or written, equals what the model in memory says of the same soils."""
    root, study, new = project
    result = run("mine", "data/new.csv", "-o", "out.csv")
    assert result.exit_code == 0, result.output
    assert "mine (measured soils) (R² 0.60 on soils it had not seen); intervals of 90%" in result.stderr
    written = pd.read_csv(root / "out.csv", index_col="sample")
    model = site_model.fit_site_model(study, AMONG)
    expected = stored_model.predict_soils(model, new, "Pb_mg_kg", "GB 15618-2018")
    pd.testing.assert_frame_equal(written, expected, rtol=1e-4, check_dtype=False)
    pd.testing.assert_frame_equal(printed("mine", "data/new.csv"), written)


def test_units_are_decided_by_the_mean_of_measured_and_new_soils(project):
    """New soils count in the unit that a table names; a file without units is refused."""
    root, _, new = project
    units = pd.Series("all soils", new.samples.index, name="unit")
    units.iloc[:2] = "lone"
    units.to_csv(root / "units.csv", index_label="id")
    own = ("--limits", "canton.yml")
    result = run("mine", "data/new.csv", "--units", "units.csv", *own)
    table = pd.read_csv(io.StringIO(result.stdout), index_col="unit")
    assert table.loc["all soils", ["n_measured", "n_predicted", "limit"]].tolist() == [60, 18, 200]
    assert table.loc["all soils", "method"] == "measured and predicted"
    assert table.loc["all soils", "verdict"] in ("above", "below", "not decided")
    assert table.loc["lone", "verdict"] == "not decided"
    assert "at least 3 are needed" in table.loc["lone", "note"]
    assert "R² 0.60 on soils it had not seen" in result.stderr
    refused("mine", "data/new.csv", "--units", "data/new_ph.csv", *own, says="has no column of units")
    refused("mine", "data/new.csv", "--units", "units.csv", "--rule", "none", says="no rule 'none'")


def test_units_may_be_polygons_around_coordinates_in_the_new_table(project):
    """Coordinates stand beside the bands; without them it says so."""
    root, *_ = project
    square = [[[0, 0], [100, 0], [100, 100], [0, 100], [0, 0]]]
    crs = {"properties": {"name": "EPSG:32648"}}
    shape = {"type": "Polygon", "coordinates": square}
    features = [{"properties": {"unit": "all soils"}, "geometry": shape}]
    (root / "units.geojson").write_text(json.dumps({"features": features, "crs": crs}))
    spectra = pd.read_csv(root / "data/new.csv", index_col=0)
    spectra.assign(x=50.0, y=50.0, crs="EPSG:32648").to_csv(root / "data/placed.csv")
    own = ("--limits", "canton.yml", "--units", "units.geojson")
    result = run("mine", "data/placed.csv", *own)
    table = pd.read_csv(io.StringIO(result.stdout), index_col="unit")
    assert table.loc["all soils", ["n_measured", "n_predicted"]].tolist() == [60, 20]
    refused("mine", "data/new.csv", *own, says="has no column of coordinates, such as x and y")


def test_predictions_are_accepted_or_sent_to_the_laboratory(project):
    """A wide tolerance accepts all but flagged soils, a narrow one none; the counts are told."""
    result = run("mine", "data/new.csv", "--tolerance", "1e6")
    table = pd.read_csv(io.StringIO(result.stdout), index_col="sample")
    assert (table["accepted"] == ~table["outside"]).all()
    assert f"{table['accepted'].sum()} of 20 predictions accepted" in result.stderr
    assert not printed("mine", "data/new.csv", "--tolerance", "0.001")["accepted"].any()
    refused("mine", "data/new.csv", "--tolerance", "-5", says="tolerance is -5")


def test_measured_ph_is_used_and_the_models_day_told(project):
    """With the laboratory's pH, which the table repeats, the probabilities are those of its limits."""
    root, study, new = project
    result = run("mine", "data/new.csv", "-o", "with_ph.csv", "--ph", "data/new_ph.csv")
    found = pd.read_csv(root / "with_ph.csv", index_col="sample")
    model, ph = stored_model.load_site_model(study), new.values("pH")
    expected = stored_model.predict_soils(model, new, "Pb_mg_kg", "GB 15618-2018", ph=ph)
    np.testing.assert_allclose(found["p_above_intervention"], expected["p_above_intervention"], rtol=1e-4)
    np.testing.assert_allclose(found["pH_used"], ph, rtol=1e-4)
    assert f"the model is of {date.today()}\n" in result.stderr


def test_a_standard_of_ones_own_is_used(project):
    """A YAML file of limits replaces the standard; a wider coverage widens the intervals."""
    limits = ("mine", "data/new.csv", "--limits", "canton.yml", "--coverage")
    wide, narrow = (printed(*limits, coverage) for coverage in (0.95, 0.5))
    assert [c for c in wide if c.startswith("p_above")] == ["p_above_stop"]
    assert (wide["Pb_mg_kg_upper"] > narrow["Pb_mg_kg_upper"]).all()


def test_spectra_of_another_instrument_are_one_sentence_and_another_status(project):
    """Where every spectrum is flagged, one sentence says so, and scripts see it by the exit status."""
    root, *_ = project
    spectra = pd.read_csv(root / "data/new.csv", index_col=0)
    nm = spectra.columns.astype(float).to_numpy()
    (spectra * (1 - 0.7 * np.exp(-(((nm - 1000) / 60) ** 2)))).to_csv(root / "data/all_odd.csv")
    result = run("mine", "data/all_odd.csv", "--ph", "data/new_ph.csv")
    assert result.exit_code == 3
    assert result.stderr.count("every spectrum is unlike the soils of the model") == 1
    assert "R² 0.60 on soils it had not seen" in result.stderr
    assert run("mine", "data/all_odd.csv", "-o", "odd.csv").exit_code == 3
    assert len(pd.read_csv(root / "odd.csv")) == 20  # the table is written all the same
    found = pd.read_csv(io.StringIO(result.stdout), index_col="sample")
    ph = pd.read_csv(root / "data/new_ph.csv", index_col=0)["pH"]
    np.testing.assert_allclose(found["pH_used"], ph, rtol=1e-4)


def test_strange_soils_are_flagged_by_name(project):
    """Spectra with a band nobody has are outside, and named on standard error."""
    root, *_ = project
    spectra = pd.read_csv(root / "data/new.csv", index_col=0)
    nm = spectra.columns.astype(float).to_numpy()
    spectra.iloc[:3] *= 1 - 0.7 * np.exp(-(((nm - 1000) / 60) ** 2))
    spectra.to_csv(root / "data/odd.csv")
    result = run("mine", "data/odd.csv")
    found = pd.read_csv(io.StringIO(result.stdout), index_col="sample")
    assert found["outside"][:3].all()
    assert "do not trust them: " + found.index[0] in result.stderr


def test_ids_that_a_spreadsheet_would_compute_are_written_as_text(project):
    """An id that looks like a formula gets an apostrophe; other ids, numbers too, stay as they are."""
    root, *_ = project
    spectra = pd.read_csv(root / "data/new.csv", index_col=0)[:7]
    ids = ["=cmd()", "+1-1", "@sum", "-S1", "-12", r"$1\frac$", "<b>"]
    spectra.set_axis(pd.Index(ids, name="id")).to_csv(root / "data/formulas.csv")
    written = list(printed("mine", "data/formulas.csv").index)
    assert written == ["'=cmd()", "'+1-1", "'@sum", "'-S1", "-12", r"$1\frac$", "<b>"]


def test_users_files_are_never_changed(project):
    """Neither the spectra nor the model change, and an output on top of an input is refused."""
    root, *_ = project

    def hashes():
        files = [*root.glob("data/*"), *root.glob("artifacts/**/model/*")]
        return {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = hashes()
    run("mine", "data/new.csv", "-o", "again.csv")
    refused("mine", "data/new.csv", "-o", "data/new.csv", says="name another output")
    assert hashes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["mime", "data/new.csv"], "did you mean 'mine'?"),
        (["mine", "data/newer.csv"], "newer.csv"),
        (["mine", "data/lab.csv"], "no wavelength columns"),
        (["mine", "data/new.csv", "--standard", "GB"], "no standard 'GB'; there are: GB 15618-2018"),
        (["mine", "data/new.csv", "--limits", "data/lab.csv"], "data/lab.csv"),
        (["mine", "data/new.csv", "--coverage", "90"], "expected a share between 0 and 1"),
        (["mine", "data/new.csv", "--ph", "data/lab.csv"], "has pH of none of the soils"),
    ],
)
def test_a_mistake_is_one_line(project, arguments, says):
    """What was got, what was expected, and no traceback."""
    refused(*arguments, says=says)


def test_spectra_that_do_not_cover_the_grid_are_refused(project):
    """A visible-only instrument cannot be read with a full-range model."""
    root, *_ = project
    spectra = pd.read_csv(root / "data/new.csv", index_col=0)
    spectra.loc[:, [c for c in spectra if float(c) < 1000]].to_csv(root / "data/visible.csv")
    refused("mine", "data/visible.csv", says="2440")


def test_an_altered_model_is_refused(project, tmp_path, monkeypatch):
    """Whoever edits the card gets no prediction, and is told how to make the model again."""
    root = tmp_path / "project"
    new = write_project(root, 40, 5)
    monkeypatch.chdir(root)
    study = Study.load("mine")
    refused("mine", "data/new.csv", says="make it with: soilpb report mine")
    stored_model.store_site_model(study, site_model.fit_site_model(study, AMONG), {"R2": 0.6}, [])
    assert run("mine", "data/new.csv").exit_code == 0
    assert len(new) == 5
    card = study.folder("site_report") / "model" / "card.json"
    card.write_text(card.read_text().replace("0.6", "0.9"))
    refused(
        "mine", "data/new.csv", says="it was altered or half copied; make it again with: soilpb report mine"
    )


def test_the_command_is_quiet_in_a_process_of_its_own(project):
    """Run as a program it writes the table, and no stray warning."""
    root, *_ = project
    command = [sys.executable, "-W", "error", "-m", "soilpb.cli", "predict", "mine", "data/new.csv"]
    result = subprocess.run(
        [*command, "-o", "own.csv"],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert all("Warning" not in line for line in result.stderr.splitlines())


@pytest.fixture(scope="module")
def second(project):
    """Soils of the site and new ones as a second instrument reads them, written beside the first's."""
    root, study, new = project
    rng = np.random.default_rng(5)
    both = np.concatenate([study.target.reflectance, new.resample(study.grid).reflectance])
    read = instruments.simulate_instrument(study.grid, both, rng, noise=1e-5)
    n, names = len(study.y), [f"{nm:g}" for nm in study.grid]
    for name, values in (("first", both), ("second", read)):
        table = pd.DataFrame(values, [*study.ids, *new.samples.index], names).rename_axis("id")
        table[:10].to_csv(root / f"data/pairs_{name}.csv")
        table[n:].to_csv(root / f"data/new_{name}.csv")
    return root


def test_a_second_instrument_is_seen_and_corrected_by_soils_measured_on_both(second):
    """Without pairs it is told; with ten, predictions come near those from the first instrument."""
    told = run("mine", "data/new_second.csv").stderr
    assert "may be of another instrument" in told
    assert "may be of another instrument" not in run("mine", "data/new_first.csv").stderr
    refused("mine", "data/new_second.csv", "--instrument", "other", says="no instrument 'other'")
    pairs = ["--master", "data/pairs_first.csv", "--slave", "data/pairs_second.csv"]
    made = CliRunner().invoke(app, ["standardise", "mine", *pairs, "--instrument", "field"])
    assert made.exit_code == 0, made.output
    wanted = np.log(printed("mine", "data/new_first.csv")["Pb_mg_kg"])
    plain, corrected = (
        np.log(printed("mine", "data/new_second.csv", *more)["Pb_mg_kg"]) - wanted
        for more in ((), ("--instrument", "field"))
    )
    assert np.sqrt((corrected**2).mean()) < 0.5 * np.sqrt((plain**2).mean())


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    """A project whose soils were scanned twice, ``_00000`` and ``_00001``, with a kept model."""
    root = tmp_path_factory.mktemp("scanned")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        new = write_project(root, 30, 5, spectra="data/scans", replicates="mean")
        spectra = pd.read_csv(root / "data/spectra.csv", index_col=0)
        grid = spectra.columns.astype(float).to_numpy()
        ids = pd.DataFrame(index=spectra.index.rename("sample"))
        soils = SoilSpectra(grid, spectra.to_numpy(), ids, new.provenance)
        text.write_scans(root / "data/scans", soils)
        study = Study.load("mine")
        stored_model.store_site_model(
            study, site_model.fit_site_model(study, {"PLS": PLSCV()}), {"R2": 0.6}, []
        )
        yield root, study, new


def test_scans_of_new_samples_are_averaged_as_the_sites_own(scanned):
    """A folder counted like the site's gives one row per sample, from the mean of its scans."""
    root, study, new = scanned
    text.write_scans(root / "new", new)
    model = stored_model.load_site_model(study)
    assert model.card["scan_counters"] == ["_#####"]
    found = printed("mine", "new")
    assert list(found.index) == list(new.samples.index)
    expected = stored_model.predict_soils(model, new, "Pb_mg_kg")
    np.testing.assert_allclose(found["Pb_mg_kg"], expected["Pb_mg_kg"], rtol=0.01)
    assert "10 scans averaged to 5 samples" in run("mine", "new").stderr


def test_scans_counted_otherwise_are_told_unless_a_table_knows_their_samples(scanned):
    """``r1`` and ``r2`` give one row per scan, and a remark; with a pH table of the samples, their means."""
    root, _, new = scanned
    for path in text.write_scans(root / "other", new).iterdir():
        path.rename(path.with_name(path.name.replace("_00000", "_r1").replace("_00001", "_r2")))
    first = new.samples.index[0]
    assert f"'{first}_r1', '{first}_r2' look like scans of one sample" in run("mine", "other").stderr
    assert len(printed("mine", "other")) == 10
    known = printed("mine", "other", "--ph", "data/new_ph.csv")
    assert list(known.index) == list(new.samples.index)


def test_scans_that_are_no_scans_of_one_sample_are_refused(scanned):
    """Two soils under one id differ by more than scans do: one line names them, and nothing is predicted."""
    root, _, new = scanned
    folder = text.write_scans(root / "mixed", new)
    names = sorted(folder.iterdir())
    names[3].write_text(names[9].read_text())
    refused("mine", "mixed", says="differ from their mean by up to 32%")


def test_a_sensors_readings_are_taken_from_the_new_table(tmp_path, monkeypatch):
    """A model of spectra and XRF asks for readings, by name or --sensor, and flags soils without."""
    new = write_project(tmp_path, 60, 20, sensor="Pb_XRF_mg_kg")
    monkeypatch.chdir(tmp_path)
    lab = pd.read_csv("data/lab.csv", index_col=0)
    rng = np.random.default_rng(0)
    lab.assign(**{"Pb_XRF": lab["Pb_mg_kg"] * np.exp(0.1 * rng.standard_normal(60))}).to_csv("data/lab.csv")
    study = Study.load("mine")
    candidates = site_model.make_candidates(study, ["pls"])
    assert list(candidates) == ["PLS-Pb", "PLS-Pb and Pb_XRF_mg_kg", "multiblock ridge-Pb and Pb_XRF_mg_kg"]
    model = site_model.fit_site_model(study, {k: candidates[k] for k in list(candidates)[:2]})
    assert model.target.name == "PLS-Pb and Pb_XRF_mg_kg"
    stored_model.store_site_model(study, model, {"R2": 0.9}, [], site_model.assess_robustness(study, model))
    refused("mine", "data/new.csv", says="has no column of Pb_XRF_mg_kg")
    truth = new.values("Pb_mg_kg")
    cells = pd.Series(truth, new.samples.index, name="pXRF Pb (ppm)").astype(object)
    cells.iloc[0], cells.iloc[1] = "", "<20"
    cells.to_csv("data/xrf.csv")
    pd.read_csv("data/new.csv", index_col=0).assign(Pb_XRF=cells).to_csv("data/both.csv")
    beside, own = (
        printed("mine", "data/new.csv", "--sensor", "data/xrf.csv"),
        printed("mine", "data/both.csv"),
    )
    pd.testing.assert_frame_equal(beside, own)
    assert own["outside"].iloc[0]
    assert own["Pb_mg_kg"].iloc[1] < own["Pb_mg_kg"].min() * 1.001
    errors = np.log(own["Pb_mg_kg"] / truth)[2:]
    assert errors.std() < 0.25


def test_further_targets_are_decided_and_a_sensor_is_compared(tmp_path, monkeypatch):
    """Each target of the site file has a row per unit and its own limit; a sensor's gain has an interval."""
    write_project(tmp_path, 40, 5, targets="Cd_mg_kg", sensor="Pb_XRF_mg_kg")
    monkeypatch.chdir(tmp_path)
    lab = pd.read_csv("data/lab.csv", index_col=0)
    more = {"Cd_mg_kg": lab["Pb_mg_kg"] / 100, "Pb_XRF": lab["Pb_mg_kg"] * np.linspace(0.9, 1.1, 40)}
    lab.assign(**more).to_csv("data/lab.csv")
    study = Study.load("mine")
    decided = stored_model.decide_targets(study)
    assert decided[["target", "verdict"]].to_numpy().tolist() == [["Cd_mg_kg", "above"]]
    assert 0.3 <= decided["limit"].iloc[0] <= 0.8
    folds = splits.repeated_kfold(study.ids, 3, 1, 0)
    compared = site_model.compare_sensor(study, folds, "pls").set_index("model")
    assert compared.loc["Pb_XRF_mg_kg", "value"] > 0.9
    assert compared.loc["spectrum", "lower_gain"] > 0
    with pytest.raises(SiteError, match="clay_pct"):
        stored_model.decide_targets(Study.load("mine", targets="clay_pct"))
