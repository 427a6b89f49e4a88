"""A report's sentences follow its tables, for any site."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import site_model
from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
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


def limitations(study):
    return " ".join(text.describe_limitations(study, n_models=3))


def test_the_answer_is_a_score_and_an_error_in_the_laboratorys_unit(field):
    """R² with its interval, and the typical error; on a logarithmic scale R² of both scales."""
    table = predictions(field, {"good": 2.0})
    rmse = cross_validation.compute_metrics(table["observed"], table["predicted"])["RMSE"]
    sentence = text.describe_skill(field, table)
    assert f"a typical error of {rmse:.2f} % clay; R² is 0.9" in sentence
    assert "logarithm" not in sentence
    assert "on the logarithm" in text.describe_skill(Study.load("cv98", target_scale="log"), table)


def test_what_is_no_better_than_the_mean_is_said_to_be_useless(field):
    """If the interval of R² reaches zero, spectra do not replace the laboratory."""
    for error, useless in ((field.y.std(), True), (1.0, False)):
        said = text.describe_skill(field, predictions(field, {"m": error}))
        assert ("do not replace the laboratory" in said) == useless


def test_intervals_of_groups_are_wider_and_unknown_ones_claim_nothing(field):
    """Errors that a group shares count once: whole groups are drawn; an interval of NaN is no skill."""
    groups = np.arange(field.target.n_samples) // 10
    shared = np.random.default_rng(1).standard_normal(groups.max() + 1)[groups]
    table = predictions(field, {"m": 0.0}, n_repeats=1)
    error = field.y.std() * pd.Series(shared, field.ids).loc[table["sample"]].to_numpy()
    table = table.assign(predicted=table["observed"] + 0.8 * error)
    alone, together = (text.describe_skill(one, table) for one in (field, with_samples(field, group=groups)))
    assert "interval over soils" in alone
    assert "interval over groups of soils" in together
    assert "not shown to be better" not in alone
    assert "not shown to be better" in together
    assert "not shown to be better" in text.describe_skill(field, table.assign(observed=1.0))


def test_the_primary_comparison_is_not_chosen_by_its_result(field):
    """The model named beforehand is compared, though another is better, and its p-value is not corrected."""
    folds = splits.repeated_kfold(field.ids, 5, 2)
    for errors in ({"PLS": 4.0, "net": 2.0, "x": 1.0}, {"PLS": 1.0, "net": 2.0, "x": 9.0}):
        scores = cross_validation.score_predictions(predictions(field, errors))
        sentence = text.compare_with_reference(scores, folds, "PLS", "net")
        assert f"against PLS, net is {'better' if errors['net'] < errors['PLS'] else 'worse'}. " in sentence
        p = comparison.compare_models(scores, folds, "PLS").set_index("model").loc["net", "p_value"]
        assert ("p < 0.001" if p < 0.001 else f"p = {p:.3f}") in sentence
    alone = cross_validation.score_predictions(predictions(field, {"PLS": 1.0}))
    assert text.compare_with_reference(alone, folds, "PLS", "net") == "No other model was compared with PLS."


N = 98
DUMMY = {"x": 1.0, "y": 1.0, "crs": "dummy EPSG:2056"}
RICH = {"group": np.arange(N) % 30, "x": np.arange(N), "y": 1.0, "crs": "EPSG:2056"}


@pytest.mark.parametrize(
    ("columns", "said", "not_said"),
    [
        (
            {},
            "are few|Of 3 models compared|clay was measured from 12.3 to 55.5 %",
            "simulated",
        ),
        ({"below_detection": np.arange(N) < 0.1 * N}, "are few", "bias models"),
        ({"below_detection": np.arange(N) < 0.6 * N}, "bias models", "simulated"),
        (dict.fromkeys(("group", "x", "y")), "which samples belong together|No true coordinates", "spatial"),
        (DUMMY, "No true coordinates", "spatial"),
        (RICH, "Folds are random, not spatial", "belong together"),
    ],
)
def test_limitations_are_those_of_the_soils(field, columns, said, not_said):
    """Few soils, values below detection, absent groups and coordinates are told where they limit a report."""
    told = limitations(with_samples(field, **columns))
    assert all(words in told for words in said.split("|"))
    assert not_said not in told


def test_simulated_soils_and_simulated_libraries_are_told_apart():
    """Simulated soils tell of no real place; measured soils with a simulated library are said to have one."""
    simulated = limitations(Study.load("gejiu", source_size=50))
    assert "site's laboratory values are simulated" in simulated
    assert "are few" not in simulated  # 130
    library = limitations(Study.load("cv98", source="twin", source_size=50))
    assert "The library's laboratory values are simulated" in library


def test_minerals_are_named_with_an_example(field):
    """Only intervals off zero are spoken of; a slope of 0.4 on a logarithm is 4 % for 10 % more."""
    rows = [("clay", 0.4, 0.3, 0.5), ("hematite", 0.1, -0.1, 0.3), ("organic_matter", -0.2, -0.3, -0.1)]
    slopes = pd.DataFrame(rows, columns=["constituent", "slope", "low", "high"])
    assert text.describe_minerals(Study.load("gejiu", source_size=50), slopes) == (
        "Predictions rise with clay and fall with organic matter. If a soil had 10 % more clay than it has, "
        "its predicted Pb would change by +4.0 %."
    )
    assert text.describe_minerals(field, slopes).endswith("clay would change by +0.04 percentage points.")
    assert "For no constituent" in text.describe_minerals(field, slopes.iloc[[1]])


def test_without_a_limit_nothing_is_decided(field):
    """A target without limits, and limits that depend on an unknown pH, say so; the page decides nothing."""
    study = with_samples(Study.load("gejiu", source_size=50), pH=None)
    assert "depend on pH, and no soil has one" in text.describe_decision(study, {}, "")
    says = text.describe_decision(field, {}, "")
    assert says.startswith("Nothing is decided on this page: no limit is known for clay")


def test_the_stored_model_is_named_with_those_it_was_chosen_from(study):
    """What it learns is said, too, and alone it was not chosen."""
    candidates = {"PLS-Pb": PLSCV(), "ridge-Pb": baselines.ridge()}
    model = site_model.fit_site_model(study, candidates)
    what = text.explain_models(study)[model.target.name]
    says = text.describe_stored_model(study, model)
    assert says.startswith(
        f"The model of this page, {model.target.name}, is {what}. It learned from 60 soils."
    )
    assert "Of PLS-Pb and ridge-Pb it had the smallest errors" in says
