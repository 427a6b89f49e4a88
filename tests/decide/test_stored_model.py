"""A report stores a model whose card says what it is, and which predicts new files as soils in memory."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soilpb._files import MissingArtifact
from soilpb.decide import site_model, stored_model
from soilpb.evaluate import cross_validation, splits
from soilpb.models import baselines
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.readers.site import read_measured, read_spectra
from soilpb.site_file import SiteError
from soilpb.study import Study

GB = "GB 15618-2018"
CANDIDATES = {"PLS": PLSCV(), "ridge": baselines.ridge()}
NEW = Path("data/new.csv")


@pytest.fixture(scope="module")
def tested(study):
    """Predictions and exceedances of two repeats."""
    folds = splits.repeated_kfold(study.ids, 5, 2, seed=0)
    return site_model.evaluate_site_model(study, folds, CANDIDATES)


@pytest.fixture(scope="module")
def model(study, tested):
    """The model, stored with its card."""
    fitted = site_model.fit_site_model(study, CANDIDATES)
    scores = site_model.score_site_model(study, *tested)
    stored_model.store_site_model(study, fitted, scores, ["one limit"])
    return fitted


def test_the_card_tells_what_the_model_is(study, model, tested):
    """Soils, files and scores on held-out soils are on the card, and the range the model has seen."""
    card = stored_model.load_site_model(study).card
    scores = site_model.score_site_model(study, *tested)
    assert card["trained_on"]["files_sha256"] == study.target.provenance.sha256
    assert card["trained_on"]["soils_sha256"] == study.target.sha256()
    assert card["scores_on_held_out_soils"]["coverage"] == scores["coverage"]
    assert card["scores_on_held_out_soils"]["scale"] == "ln Pb (mg/kg)"
    lead = study.target.values("Pb_mg_kg")
    assert card["target_range"] == [lead.min(), lead.max()]
    assert (card["limits"], card["n_samples"], card["site"]) == (["one limit"], 60, "mine")


def test_candidates_come_from_the_registry(study):
    """Those that start from the network of chapter 2 need it, and its command is named; others do not."""
    assert list(site_model.make_candidates(study, ["pls", "gpr"])) == ["PLS-Pb", "GPR-Pb"]
    with pytest.raises(MissingArtifact, match="papermill notebooks/02_pretraining.ipynb"):
        site_model.make_candidates(study)
    with pytest.raises(KeyError, match="no model 'lpa'"):
        site_model.make_candidates(study, ["lpa"])


def test_every_default_candidate_can_be_stored(study, tmp_path, monkeypatch):
    """Whichever is best, what is loaded predicts what was fitted."""
    network, elsewhere = (
        SpectralNetwork.random(study.X, study.grid, ("pH",)),
        Study.load("mine", artifacts=str(tmp_path)),
    )
    monkeypatch.setattr(Study, "source_network", lambda self: network)
    for name, candidate in site_model.make_candidates(study).items():
        fitted = site_model.fit_site_model(study, {name: candidate})
        stored_model.store_site_model(elsewhere, fitted, {}, [])
        loaded = stored_model.load_site_model(elsewhere)
        assert loaded.target.name == name
        assert loaded.predict(study.X).equals(fitted.predict(study.X))


def test_scores_are_on_the_modelling_scale(study, tested):
    """R² of the logarithm, as everywhere in the book; coverage and flags are shares of soils."""
    predictions, exceedances = tested
    found = site_model.score_site_model(study, predictions, exceedances)
    logs = np.log(predictions[["observed", "predicted"]]).to_numpy().T
    assert found["R2"] == pytest.approx(cross_validation.compute_metrics(*logs)["R2"])
    observed = predictions["observed"]
    assert found["coverage"] == np.mean(
        (predictions["lower"] <= observed) & (observed <= predictions["upper"])
    )
    assert 0.75 < found["coverage"] <= 1
    assert 0 <= found["calibration_error"] < 0.5
    assert "calibration_error" not in site_model.score_site_model(study, predictions, exceedances[:0])


def test_a_rule_has_each_soil_once(study, tested):
    """One row per soil of the first repeat; other rules, other targets and soils without pH are refused."""
    exceedances = tested[1]
    found = site_model.select_rule(study, exceedances, "intervention")
    expected = exceedances.query("repeat == 0 and rule == 'intervention'").set_index("sample")
    assert sorted(found.index) == sorted(study.ids)
    np.testing.assert_array_equal(found["probability"], expected["probability"])
    with pytest.raises(SiteError, match="no rule 'screening' in GB 15618-2018; there are: screening, paddy"):
        site_model.select_rule(study, exceedances, "screening")
    with pytest.raises(SiteError, match="no soil has a measured pH"):
        site_model.select_rule(study, exceedances[:0], "intervention")
    clay = Study.load("mine", target="clay_pct")
    with pytest.raises(SiteError, match="no clay_pct of site 'mine' .* no limit is known"):
        site_model.select_rule(clay, exceedances[:0], "intervention")


def test_the_table_has_the_names_of_the_laboratory(study, model):
    """Target, pH, a probability per rule, and the flag, under names that need no code."""
    table = stored_model.predict_soils(model, study.target, "Pb_mg_kg", GB)
    assert list(table) == [
        *("Pb_mg_kg", "Pb_mg_kg_lower", "Pb_mg_kg_upper", "pH", "pH_lower", "pH_upper"),
        *("p_above_screening_paddy", "p_above_screening_other_land", "p_above_intervention"),
        *("distance", "outside"),
    ]
    np.testing.assert_array_equal(table.index, study.ids)
    np.testing.assert_allclose(table["Pb_mg_kg"], model.predict(study.X)["predicted"])


def test_spectra_of_another_instrument_are_resampled(study, model):
    """Finer bands that cover the grid are brought to it: predictions hardly change."""
    native = read_measured(study.site)
    assert native.n_bands != len(model.wavelengths)
    found = stored_model.predict_soils(model, native, "Pb_mg_kg")
    np.testing.assert_allclose(found["Pb_mg_kg"], model.predict(study.X)["predicted"])


@pytest.mark.parametrize(
    ("own", "new", "told"),
    [("ASD 1", "ASD 2", 1), ("ASD 1", "ASD 1", 0), ("unknown", "ASD 1", 0), ("ASD 1", "unknown", 0)],
)
def test_instruments_differ_only_where_both_are_named(study, model, own, new, told):
    """Files that name an instrument are no other's than a table's that names none."""
    soils = replace(study.target, provenance=replace(study.target.provenance, instrument=new))
    ours = replace(model, card={"trained_on": {"instrument": own}})
    assert len(stored_model._describe_instrument(ours, soils)) == told


def test_files_are_predicted_as_soils_are(study, model):
    """The table is that of the stored model; a remark counts values beyond those it was fitted to."""
    table, remarks = stored_model.predict_files("mine", NEW)
    expected = stored_model.predict_soils(model, read_spectra(NEW), "Pb_mg_kg", GB)
    pd.testing.assert_frame_equal(table, expected, rtol=1e-4, check_dtype=False)
    assert any("20 soils predicted by the model of mine" in remark for remark in remarks)
    low, high = stored_model.load_site_model(study).card["target_range"]
    beyond = int((~table["Pb_mg_kg"].between(low, high)).sum())
    told = [remark for remark in remarks if "beyond the values it was made from" in remark]
    assert [remark.split()[0] for remark in told] == ([str(beyond)] if beyond else [])


@pytest.fixture
def altering(study, model, monkeypatch):
    """The benchmark that alters models; the good one is put back."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "benchmarks")
    script = importlib.import_module("alter_models")
    folder = study.folder(stored_model.CHAPTER) / stored_model.FOLDER
    good = script.read_files(folder)
    yield script, folder, good
    script.write_files(folder, good)


def test_an_altered_model_is_refused_in_one_line_or_harmless(altering):
    """With new checksums, too: whole files, card, settings and arrays (case tampered_model)."""
    script, folder, good = altering
    expected = stored_model.predict_files("mine", NEW)[0].to_numpy(float)
    endings = {}
    for name, files in script.alterations(good, n=36, seed=5):
        script.write_files(folder, files)
        endings[name] = script.judge("mine", NEW, expected)
    assert {ending.split(":")[0] for ending in endings.values()} == {"refused", "harmless"}
    whole = [ending for name, ending in endings.items() if not name.startswith(("array", "settings"))]
    assert sum(ending.startswith("refused") for ending in whole) >= 17


def test_a_model_must_be_the_one_that_the_site_file_asks_for(study, model):
    """A target, scale or grid that was changed since the report is named with the command."""
    for key, value in {"target": "clay_pct", "target_scale": "natural", "band_stop": 2410.0}.items():
        other = Study.load("mine", **{key: value})
        about = {"target_scale": "scale", "band_stop": "wavelengths"}.get(key, key)
        with pytest.raises(SiteError, match=f"differs from the site file in {about}; make it"):
            stored_model.load_site_model(other)


def test_an_unknown_standard_is_refused(study, model):
    """The refusal lists the standards that are there; limits for lead are not those of clay."""
    with pytest.raises(SiteError, match=r"no standard 'GB 1'; there are: .*GB 15618-2018"):
        stored_model.predict_files("mine", NEW, standard="GB 1")
    names = [site_model.site_rules(Study.load("mine", target=t).site)[0] for t in ("Pb_mg_kg", "clay_pct")]
    assert names == [GB, ""]
