"""A report keeps a model that says on its card what it was made of and what it is worth."""

import numpy as np
import pytest

from soilpb._files import MissingArtifact
from soilpb.decide import stored_model
from soilpb.evaluate import cross_validation, splits
from soilpb.models import baselines
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.site_file import SiteError
from soilpb.study import Study

AMONG = {"PLS": PLSCV(), "ridge": baselines.ridge()}


@pytest.fixture(scope="module")
def model(study):
    return stored_model.fit_site_model(study, AMONG)


@pytest.fixture(scope="module")
def trial(study):
    """Predictions and exceedances of two repeats."""
    return stored_model.evaluate_site_model(study, splits.repeated_kfold(study.ids, 5, 2, seed=0), AMONG)


def test_the_card_tells_what_the_model_is(study, model, trial):
    """Soils, files and scores of the trial are on the card, and the range the model has seen."""
    worth = stored_model.score_site_model(study, *trial)
    stored_model.store_site_model(study, model, worth, ["one limit"])
    card = stored_model.load_site_model(study).card
    assert card["trained_on"]["files_sha256"] == study.target.provenance.sha256
    assert card["trained_on"]["soils_sha256"] == study.target.sha256()
    assert card["scores_on_held_out_soils"]["coverage"] == worth["coverage"]
    assert card["scores_on_held_out_soils"]["scale"] == "ln Pb (mg/kg)"
    assert card["target_range"] == [
        study.target.values("Pb_mg_kg").min(),
        study.target.values("Pb_mg_kg").max(),
    ]
    assert (card["limits"], card["n_samples"], card["site"]) == (["one limit"], 60, "mine")


def test_candidates_come_from_the_registry(study, tmp_path, monkeypatch):
    """Those that start from the network of chapter 2 need it, and its command is named; others do not."""
    assert list(stored_model.make_candidates(study, ["pls", "gpr"])) == ["PLS-Pb", "GPR-Pb"]
    with pytest.raises(MissingArtifact, match="papermill notebooks/02_pretraining.ipynb"):
        stored_model.make_candidates(study)
    network = SpectralNetwork.random(study.X, study.grid, ("pH",))
    monkeypatch.setattr(Study, "source_network", lambda self: network)
    assert list(stored_model.make_candidates(study)) == [
        *("PLS-Pb", "multiblock ridge-Pb", "average-Pb", "pH features ‖ PLS-Pb")
    ]
    with pytest.raises(KeyError, match="no model 'lpa'"):
        stored_model.make_candidates(study, ["lpa"])


def test_every_default_candidate_can_be_stored(study, tmp_path, monkeypatch):
    """Whichever wins, what is loaded from the report's folder predicts what was fitted."""
    network = SpectralNetwork.random(study.X, study.grid, ("pH",))
    monkeypatch.setattr(Study, "source_network", lambda self: network)
    for name, candidate in stored_model.make_candidates(study).items():
        fitted = stored_model.fit_site_model(study, {name: candidate})
        stored_model.store_site_model(study, fitted, {"R2": 0.6}, [])
        loaded = stored_model.load_site_model(study)
        assert loaded.card["model"] == name
        assert loaded.predict(study.X).equals(fitted.predict(study.X))


def test_scores_are_on_the_modelling_scale(study, trial):
    """R² of the logarithm, as everywhere in the book, and 90 % intervals that hold about that."""
    predictions, exceedances = trial
    found = stored_model.score_site_model(study, predictions, exceedances)
    logs = np.log(predictions[["observed", "predicted"]]).to_numpy().T
    assert found["R2"] == pytest.approx(cross_validation.compute_metrics(*logs)["R2"])
    assert 0.75 < found["coverage"] <= 1
    assert set(exceedances["rule"]) == {"screening, paddy", "screening, other land", "intervention"}


def test_each_soil_is_judged_once_by_a_rule(study, trial):
    """One row a soil of the first repeat; other rules, other targets and soils without pH are refused."""
    exceedances = trial[1]
    found = stored_model.select_rule(study, exceedances, "intervention")
    expected = exceedances.query("repeat == 0 and rule == 'intervention'").set_index("sample")
    assert sorted(found.index) == sorted(study.ids)
    np.testing.assert_array_equal(found["probability"], expected["probability"])
    with pytest.raises(SiteError, match="no rule 'screening' in GB 15618-2018; there are: screening, paddy"):
        stored_model.select_rule(study, exceedances, "screening")
    with pytest.raises(SiteError, match="no soil has a measured pH"):
        stored_model.select_rule(study, exceedances[:0], "intervention")
    clay = Study.load("mine", target="clay_pct")
    with pytest.raises(SiteError, match="no clay_pct of site 'mine' .* limits are known for Pb_mg_kg"):
        stored_model.select_rule(clay, exceedances[:0], "intervention")


def test_only_lead_has_a_standard_of_itself():
    """Limits for lead are not held against clay."""
    assert stored_model.default_standard("Pb_mg_kg") == "GB 15618-2018"
    assert stored_model.default_standard("clay_pct") == ""
