"""Sentences about the kept model say what its numbers say."""

import numpy as np
import pandas as pd

from soilpb.decide import stored_model
from soilpb.evaluate import splits
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
from soilpb.report import text

AMONG = {"PLS": PLSCV(), "ridge": baselines.ridge()}


def test_a_sentence_tells_which_model_is_kept_and_among_which(study):
    """With and without a choice, and where the page's best model is another, why."""
    model = stored_model.fit_site_model(study, AMONG)
    kept, other = model.target.name, ({*AMONG} - {model.target.name}).pop()
    said = text.sentence(study, model, kept)
    assert said.startswith(f"Of PLS and ridge, {kept} erred least on soils left out. Fitted on all 60 soils")
    assert said.endswith("what it was made from. PLS predicts pH beside it.")
    assert "ResNet, which leads above, was not among them." in text.sentence(study, model, "ResNet")
    assert f"{other}, which leads above on other folds, did not here" in text.sentence(study, model, other)
    alone = stored_model.fit_site_model(study, {"PLS": PLSCV()})
    assert text.sentence(study, alone).startswith("PLS of ln Pb (mg/kg), fitted on all 60 soils, is")


def test_a_trial_is_described_beside_its_promises(study):
    """Each promise has a row, and soils above a limit are counted beside those expected."""
    predictions, exceedances = stored_model.evaluate_site_model(
        study, splits.repeated_kfold(study.ids, 5, 1, seed=0), {"PLS": PLSCV()}
    )
    trial = stored_model.score_site_model(study, predictions, exceedances)
    rows = text.described(trial, predictions, exceedances).set_index("asked")["found"]
    assert rows["model chosen, by the fold"] == "PLS (5)"
    assert rows["values within their 90% interval"] == f"{trial['coverage']:.0%}"
    paddy = exceedances.query("rule == 'screening, paddy'")
    expected = f"{paddy['exceeded'].sum()} of 60; expected {paddy['probability'].sum():.1f}"
    assert rows["soils above GB 15618-2018, screening, paddy"] == expected
    del trial["calibration_error"]
    assert len(text.described(trial, predictions, exceedances[:0])) == 4


def test_choices_are_counted_by_fold():
    """A fold counts once, however many soils it has, and in each repeat."""
    folds = pd.DataFrame({"repeat": np.repeat([0, 1], 4), "fold": [0, 0, 0, 1] * 2})
    assert text.choices(folds.assign(model=["a", "a", "a", "b"] * 2)) == "a (2), b (2)"
