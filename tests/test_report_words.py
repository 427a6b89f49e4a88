"""A report's sentences follow its tables, for any site."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import cross_validation, splits
from soilpb.report import text
from soilpb.study import Study


@pytest.fixture(scope="module")
def field():
    return Study.load("cv98")


def predictions(study, errors, n_repeats=2, seed=0):
    """Predictions of models with known errors, on five folds."""
    rng = np.random.default_rng(seed)
    tests = splits.repeated_kfold(study.ids, 5, n_repeats).query("role == 'test'")
    observed = pd.Series(study.y, index=study.ids).loc[tests["sample"]].to_numpy()
    rows = tests[["repeat", "fold", "sample"]].reset_index(drop=True).assign(observed=observed)
    noise = rng.standard_normal(len(rows))
    tables = [rows.assign(model=name, predicted=observed + error * noise) for name, error in errors.items()]
    return pd.concat(tables, ignore_index=True)


def with_samples(study, **columns):
    """Study of the same soils with columns added; None takes one away."""
    added = {name: values for name, values in columns.items() if values is not None}
    gone = [name for name, values in columns.items() if values is None and name in study.target.samples]
    target = replace(study.target, samples=study.target.samples.drop(columns=gone).assign(**added))
    other = replace(study)
    other.__dict__["target"] = target
    return other


def limits(study, outside=0.02):
    return " ".join(text.limits(study, outside, n_models=3))


def test_the_answer_names_the_best_model_its_score_and_its_error(field):
    """The model with the smaller error leads, with its R² inside its interval, in the laboratory's unit."""
    table = predictions(field, {"bad": 9.0, "good": 2.0})
    sentence = text.answer(field, table)
    rmse = cross_validation.summarise_scores(cross_validation.score_predictions(table)).set_index(
        ["model", "metric"]
    )["value"]["good", "RMSE"]
    assert sentence.startswith("Of 2 models good predicts clay best: R² 0.9")
    assert sentence.endswith(f"with a typical error of {rmse:.2f} % clay.")


def test_on_a_logarithmic_scale_an_error_is_a_factor():
    """An RMSE of e in ln Pb is a factor of exp(e)."""
    study = Study.load("cv98", target_scale="log")
    sentence = text.answer(study, predictions(study, {"m": 0.3, "worse": 0.5}))
    factor = float(sentence.split("a factor of ")[1].split()[0])
    assert factor == pytest.approx(np.exp(0.3), rel=0.1)


def test_what_is_no_better_than_the_mean_is_said_to_be_useless(field):
    """If the interval of R² reaches zero, the answer says that spectra do not replace the laboratory."""
    hopeless = text.answer(field, predictions(field, {"m": field.y.std(), "worse": 20.0}))
    assert "guessing the mean" in hopeless
    assert "guessing the mean" not in text.answer(field, predictions(field, {"m": 1.0, "worse": 2.0}))


def test_the_best_is_held_against_the_reference_or_the_reference_against_the_next(field):
    """The rival is the best model, or the second best if the reference leads; alone it has none."""
    folds = splits.repeated_kfold(field.ids, 5, 2)
    for errors in ({"PLS": 4.0, "net": 1.0, "x": 9.0}, {"PLS": 1.0, "net": 2.0, "x": 9.0}):
        sentence = text.rivalry(cross_validation.score_predictions(predictions(field, errors)), folds, "PLS")
        assert sentence.startswith("net is ")
        assert "than PLS" in sentence
    alone = cross_validation.score_predictions(predictions(field, {"PLS": 1.0}))
    assert text.rivalry(alone, folds, "PLS") == "No other model was compared with PLS."


def test_few_soils_and_many_models_are_limits(field):
    """98 soils are called few, 130 are not, and choosing the best of several is confessed."""
    assert "98 soils are few" in limits(field)
    assert "are few" not in limits(Study.load("ssp460"))
    assert "The best of 3 models" in limits(field)


def test_simulated_soils_and_simulated_libraries_are_told_apart(field):
    """Simulated soils tell of no real place; measured soils with a simulated library are said to have one."""
    assert "simulated" not in limits(field)
    assert "site's soils are simulated" in limits(Study.load("gejiu", source_size=50))
    assert "The library is simulated" in limits(Study.load("cv98", source="twin", source_size=50))


def test_groups_and_coordinates_are_missed_where_they_lack(field):
    """Absent or dummy columns are limits; where they are there, what they do not solve is."""
    n = field.target.n_samples
    poor = limits(with_samples(field, group=None, x=None, y=None))
    assert "Nothing says which samples belong together" in poor
    assert "No true coordinates" in poor
    rich = limits(with_samples(field, group=np.arange(n) % 30, x=np.arange(n), y=1.0, crs="EPSG:2056"))
    assert "The 30 groups of samples stay together" in rich
    assert "Folds are random, not spatial" in rich
    assert "No true coordinates" in limits(with_samples(field, x=1.0, y=1.0, crs="dummy EPSG:2056"))


def test_the_range_of_the_target_bounds_the_claim(field):
    """Smallest and largest value are named with their unit."""
    assert "clay was seen from 12.3 to 55.5 %: what a model says beyond" in limits(field)


def test_a_library_that_does_not_cover_the_site_is_a_limit(field):
    """One spectrum in ten beyond the library's limits is where caution starts."""
    assert "may fail here" in limits(field, outside=0.5)
    assert "may fail here" not in limits(field, outside=0.06)
