"""A report's tables tell whose soils they are, what is missing, and what was checked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.readers import limesoda
from soilpb.report import text
from soilpb.site_file import Site
from soilpb.spectra import Provenance, SoilSpectra
from soilpb.study import Study

FIELD = Site(site="f", target_data="limesoda", limesoda_set="SC.93", target="clay_pct")


@pytest.fixture(scope="module")
def field():
    return limesoda.load_field("SC.93")


def test_native_soils_are_the_studys_soils_on_the_instruments_bands():
    """The twin's soils on 4,200 bands are the soils that the study compares on its grid."""
    study = Study.load("gejiu")
    native = text.native_soils(study)
    assert native.n_bands == 4200
    assert list(native.samples.index) == list(study.target.samples.index)
    np.testing.assert_allclose(native.values("Pb_mg_kg"), study.target.values("Pb_mg_kg"))
    np.testing.assert_allclose(native.resample(study.grid).reflectance, study.X, atol=0.01)


def test_soils_that_the_study_did_not_choose_are_left_out():
    """Of a field from which 130 soils were drawn, the report sees these 130."""
    study = Study.load("ssp460")
    assert list(text.native_soils(study).samples.index) == list(study.ids)


def test_provenance_says_what_nobody_stated():
    """Missing citation, instrument and licence name the key that mends them; each note has a row."""
    about = Provenance(
        "mine", "measured", sha256="ab" * 32, notes=("percent to fraction", "2 samples left out")
    )
    table = text.provenance(about)[""]
    assert table["measured by"] == "not stated (key citation of the site file)"
    assert table["instrument"] == "not stated (key instrument of the site file)"
    assert table["licence"] == "not stated (key licence of the site file)"
    assert table["SHA-256"] == "ab" * 32
    assert list(table[["note 1", "note 2"]]) == list(about.notes)


def test_provenance_of_measured_and_simulated_soils_differs(field):
    """A field names who measured it and under which licence; simulated soils were measured by nobody."""
    table = text.provenance(field.provenance)[""]
    assert "Schmidinger" in table["measured by"]
    assert table["licence"] == "CC BY-SA 4.0"
    assert text.provenance(Provenance("t", "simulated"))[""]["measured by"].startswith("nobody")


def test_laboratory_values_are_counted_and_summarised():
    """Missing values are counted and left out of the moments; columns the soils lack are left out."""
    samples = pd.DataFrame({"Pb_mg_kg": [10, 20, 30, np.nan]}, index=list("abcd"))
    soils = SoilSpectra([500.0, 510.0], np.full((4, 2), 0.2), samples, Provenance("t", "measured"))
    table = text.laboratory(soils, ["Pb_mg_kg", "pH"])
    assert list(table.index) == ["Pb_mg_kg"]
    row = table.loc["Pb_mg_kg"]
    assert (row["soils"], row["missing"], row["mean"], row["sd"]) == (3, 1, 20, 10)
    assert row["quartiles"] == "15.0 – 20.0 – 25.0"


def test_every_check_has_a_row_even_if_it_found_nothing(field):
    """Noise, range, duplicates and outliers are always spoken of; the field's repeated spectrum is named."""
    table = text.quality_table(field, FIELD)
    assert {"noise", "range", "duplicates", "outliers", "samples", "target"} <= set(table["checked"])
    duplicates = table.loc[table["checked"] == "duplicates", "found"].item()
    assert "SC.93-080, SC.93-081 → was a file copied?" in duplicates
    clean = text.quality_table(field.take(np.arange(79)), FIELD).set_index("checked")
    assert clean.loc["duplicates", "found"] == "no spectrum twice"


def test_reading_notes_are_not_repeated_among_the_checks(field):
    """What the reader noted belongs to the provenance and to no second table."""
    assert "reading" not in set(text.quality_table(field, FIELD)["checked"])


def test_coarse_spectra_say_that_noise_was_not_estimated(field):
    """On bands 10 nm apart the row about noise says why there is no number."""
    coarse = field.resample(np.arange(430.0, 2481.0, 10.0))
    table = text.quality_table(coarse, FIELD).set_index("checked")
    assert table.loc["noise", "found"].startswith("not estimated")


def test_names_of_users_are_text_and_never_markup(field):
    """A tag in a cell or a sentence reaches the page escaped."""
    table = text.provenance(replace(field.provenance, name="<b>mine</b>"))
    assert "&lt;b&gt;mine&lt;/b&gt;" in text.wrapped(table).to_html()
    assert text.html_list(["a < b"]).data == "<ul><li>a &lt; b</li></ul>"
