"""A report's tables tell whose soils they are, what is missing, and what was checked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import site_model
from soilpb.evaluate import splits
from soilpb.models.pls import PLSCV
from soilpb.readers.libraries import limesoda
from soilpb.report import sections, tables
from soilpb.site_file import Site
from soilpb.spectra import Provenance, SoilSpectra
from soilpb.study import Study

FIELD = Site(site="f", target_data="limesoda", limesoda_set="SC.93", target="clay_pct")


@pytest.fixture(scope="module")
def field():
    return limesoda.load_field("SC.93")


def test_native_soils_are_the_studys_soils_on_the_instruments_bands():
    """The twin's soils on the library's bands are those that the study compares on its grid."""
    study = Study.load("gejiu")
    native = sections.read_native(study)
    assert list(native.samples.index) == list(study.target.samples.index)
    np.testing.assert_allclose(native.values("Pb_mg_kg"), study.target.values("Pb_mg_kg"))
    np.testing.assert_allclose(native.resample(study.grid).reflectance, study.X, atol=1e-6)
    drawn = Study.load("ssp460")
    assert list(sections.read_native(drawn).samples.index) == list(drawn.ids)


def test_provenance_says_who_measured_and_what_nobody_stated(field):
    """A field names its authors and licence; nobody measured simulated soils; what lacks is said to lack."""
    table = tables.tabulate_provenance(field.provenance)[""]
    assert "Schmidinger" in table["measured by"]
    assert table["licence"] == "CC BY-SA 4.0"
    assert tables.tabulate_provenance(Provenance("t", "simulated"))[""]["measured by"].startswith("nobody")
    about = Provenance("mine", "measured", notes=("percent to fraction", "2 samples left out"))
    table = tables.tabulate_provenance(about)[""]
    assert set(table[["measured by", "instrument", "licence"]]) == {"not stated"}
    assert list(table[["note 1", "note 2"]]) == list(about.notes)


def test_laboratory_values_are_counted_and_summarised():
    """Missing values are counted and left out of the moments; columns the soils lack are left out."""
    samples = pd.DataFrame({"Pb_mg_kg": [10, 20, 30, np.nan]}, index=list("abcd"))
    soils = SoilSpectra([500.0, 510.0], np.full((4, 2), 0.2), samples, Provenance("t", "measured"))
    table = tables.tabulate_laboratory(soils, ["Pb_mg_kg", "pH"])
    assert list(table.index) == ["Pb_mg_kg"]
    row = table.loc["Pb_mg_kg"]
    assert (row["soils"], row["missing"], row["mean"], row["sd"]) == (3, 1, 20, 10)
    assert row[["25%", "50%", "75%"]].tolist() == [15, 20, 25]


def test_every_check_has_a_row_even_if_it_found_nothing(field):
    """Noise, range, near twins and outliers are always spoken of; the field's repeated spectrum is named."""
    table = tables.tabulate_quality(field, FIELD)
    assert {"noise", "range", "near twins", "outliers", "samples", "target"} <= set(table["checked"])
    assert "SC.93-080" in table.loc[table["checked"] == "near twins", "found"].item()
    assert "reading" not in set(table["checked"])  # notes belong to the provenance
    clean = tables.tabulate_quality(field.take(np.arange(79)), FIELD).set_index("checked")
    assert clean.loc["near twins", "found"] == "no spectrum twice"
    coarse = field.resample(np.arange(430.0, 2481.0, 10.0))
    noise = tables.tabulate_quality(coarse, FIELD).set_index("checked").loc["noise", "found"]
    assert noise.startswith("not estimated")


def test_names_of_users_are_text_and_never_markup(field):
    """A tag in a cell or a sentence reaches the page escaped."""
    table = tables.tabulate_provenance(replace(field.provenance, name="<b>mine</b>"))
    assert "&lt;b&gt;mine&lt;/b&gt;" in tables.wrap_table(table).to_html()
    assert tables.html_list(["a < b"]).data == "<ul><li>a &lt; b</li></ul>"


def test_a_long_table_is_folded():
    """Ten rows are open, the others stand in a fold that names their number."""
    html = tables.fold_table(pd.DataFrame({"soil": [f"site-{i}" for i in range(30)]})).data
    before, folded = html.split("<details><summary>20 more</summary>")
    assert before.count("site-") == 10
    assert folded.count("site-") == 20
    assert tables.fold_table(pd.DataFrame({"soil": []})) is None


def test_a_trial_is_tabulated_beside_its_promises(study):
    """Each promise has a row, and soils above a limit are counted beside those expected."""
    folds = splits.repeated_kfold(study.ids, 5, 1, seed=0)
    predictions, exceedances = site_model.evaluate_site_model(study, folds, {"PLS": PLSCV()})
    scores = site_model.score_site_model(study, predictions, exceedances)
    rows = tables.tabulate_trial(scores, predictions, exceedances).set_index("")
    assert rows.loc["model chosen", "found"] == "PLS (5)"
    assert rows.loc["values within their interval"].tolist() == ["90%", f"{scores['coverage']:.0%}"]
    paddy = exceedances.query("rule == 'screening, paddy'")
    expected = [f"{paddy['probability'].sum():.1f}", f"{paddy['exceeded'].sum()} of 60"]
    assert rows.loc["soils above the limit, screening, paddy"].tolist() == expected
    del scores["calibration_error"]
    assert len(tables.tabulate_trial(scores, predictions, exceedances[:0])) == 3


def test_choices_are_counted_by_fold():
    """A fold counts once, however many soils it has, and in each repeat."""
    folds = pd.DataFrame({"repeat": np.repeat([0, 1], 4), "fold": [0, 0, 0, 1] * 2})
    assert tables.count_choices(folds.assign(model=["a", "a", "a", "b"] * 2)) == "a (2), b (2)"
