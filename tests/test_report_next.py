"""The next soils are chosen from those that can be sent, and what choosing is worth is measured."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import sampling
from soilpb.readers.formats import text
from soilpb.report import sections, tables, text as words
from soilpb.spectra import SoilSpectra
from soilpb.study import Study
from tests.kept_sites import write_project


@pytest.fixture(scope="module")
def study():
    return Study.load("gejiu", source_size=50)


def split(study, n):
    """A study of the first soils, and the others as spectra that wait for the laboratory."""
    measured = replace(study)
    measured.__dict__["target"] = study.target.take(np.arange(n))
    return measured, study.target.take(np.arange(n, study.target.n_samples))


def test_of_soils_that_wait_the_most_wanted_comes_first(study):
    """The list is the choice of soilpb.next_samples, given what is measured; no measured soil is on it."""
    measured, waiting = split(study, 90)
    chosen = sampling.choose_samples("uncertainty", sampling.spectral_features(study.X), 10, np.arange(90))
    found = decision_sections.send_next(measured, waiting)
    assert list(found["soil"]) == list(study.ids[chosen])
    assert len(decision_sections.send_next(*split(study, 127))) == 3


def test_without_soils_that_wait_measured_ones_say_of_which_kind(study):
    """Measured soils are named once each, with their values and places; an odd soil is among them."""
    found = decision_sections.send_next(study, None).set_index("soil")
    assert found.index.is_unique
    np.testing.assert_allclose(found["value"], study.target.samples.loc[found.index, "Pb_mg_kg"])
    assert found[["x", "y"]].notna().all(axis=None)
    odd = replace(study)
    X = study.X.copy()
    X[17] = X[17][::-1]
    odd.__dict__["target"] = replace(study.target, reflectance=X)
    assert study.ids[17] == decision_sections.send_next(odd, None)["soil"].iloc[0]


def test_the_page_says_what_is_known_of_each_soil(study):
    """A soil that waits has its prediction and its kind; a measured one its value and its place."""
    measured, waiting = split(study, 90)
    table = decision_sections.send_next(measured, waiting, 2)
    said = pd.DataFrame(
        {"Pb_mg_kg": 300.0, "Pb_mg_kg_lower": 150.0, "Pb_mg_kg_upper": 610.0, "outside": False},
        index=waiting.samples.index,
    )
    said.loc[table["soil"].iloc[1], "outside"] = True
    page = decision_sections.next_shown(measured, table, said)
    assert page["Pb (mg/kg) by spectrum (90 %)"].tolist() == ["300 (150 to 610)"] * 2
    assert page["kind"].tolist() == ["like those measured", "unlike those measured"]
    assert list(decision_sections.next_shown(study, decision_sections.send_next(study, None))) == [
        "soil",
        "Pb (mg/kg)",
        "east, north (m)",
    ]


def test_the_sentence_tells_waiting_soils_from_none(study):
    """Spectra without a value are counted; without any, soils must be dug."""
    assert decision_sections.next_sentence(split(study, 127)[1]).startswith(
        "3 spectra of this site have no laboratory"
    )
    assert "must be dug first" in decision_sections.next_sentence(None)


def test_a_site_without_files_has_no_spectra_that_wait(study):
    """Simulated soils and fields of a collection have no folder to look into."""
    assert decision_sections.unmeasured(study) is None
    assert decision_sections.said_of(None, None, study) is None


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ([1.0, 0.5, 0.5], "reached with 40 soils what random choices reach with 60"),
        ([1.0, 0.9, 0.8], "did not reach with fewer soils what random choices reach with 60"),
    ],
)
def test_what_choosing_is_worth_is_what_the_trial_found(study, monkeypatch, errors, words):
    """The sentence follows the curves: sooner, or not."""

    def curves(*_):
        random = zip([20, 40, 60], [1.0, 0.7, 0.5], strict=True)
        own = zip([20, 40, 60], errors, strict=True)
        rows = [("random", n, v) for n, v in random] + [("uncertainty", n, v) for n, v in own]
        return pd.DataFrame(rows, columns=["model", "n", "value"])

    monkeypatch.setattr(decision_sections.next_trial, "learning_curves", curves)
    assert words in decision_sections.worth(study)


def test_where_more_soils_do_not_help_choosing_cannot_be_judged(study, monkeypatch):
    """If random soils end where they began, there is nothing to gain."""
    flat = pd.DataFrame(
        [(name, n, 1.0) for name in ("random", "uncertainty") for n in (20, 60)],
        columns=["model", "n", "value"],
    )
    monkeypatch.setattr(decision_sections.next_trial, "learning_curves", lambda *_: flat)
    assert "choosing cannot be judged" in decision_sections.worth(study)
    assert "cannot be tried here" in decision_sections.worth(split(study, 45)[0])


def test_scans_of_soils_that_wait_are_counted_as_the_others(tmp_path, monkeypatch):
    """In a folder of two scans a soil, one without a laboratory row waits once, as their mean."""
    monkeypatch.chdir(tmp_path)
    new = write_project(tmp_path, 30, 5, spectra="data/scans", replicates="mean")
    spectra = pd.read_csv(tmp_path / "data/spectra.csv", index_col=0)
    ids = pd.DataFrame(index=spectra.index.rename("sample"))
    grid = spectra.columns.astype(float).to_numpy()
    text.write_scans("data/scans", SoilSpectra(grid, spectra.to_numpy(), ids, new.provenance))
    text.write_scans("data/scans", new)
    waiting = decision_sections.unmeasured(Study.load("mine"))
    assert list(waiting.samples.index) == list(new.samples.index)
