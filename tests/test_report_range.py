"""What a restricted instrument loses is measured on soils whose full range is known."""

import numpy as np
import pandas as pd
import pytest

from soilpb.report import sections, tables, text as words
from soilpb.spectra import Provenance, SoilSpectra, band_grid, reflectance_from_absorbance
from soilpb.study import Study


def library(fields, n=60):
    """Soils whose pH is what 600 nm absorbs, in fields that differ in it by far more than within."""
    grid, rng = band_grid(*model_sections.FULL, 10.0), np.random.default_rng(0)
    names = np.repeat(fields, n)
    A = 0.5 + 0.02 * np.cumsum(rng.standard_normal((len(names), grid.size)), axis=1) / 10
    own = rng.standard_normal(len(names))
    A[:, (grid >= 590) & (grid <= 610)] += 0.03 * own[:, None]
    A[:, (grid >= 1490) & (grid <= 1510)] += 0.1 * np.repeat(np.arange(len(fields)), n)[:, None]
    pH = 6 + 0.2 * own + np.repeat(np.arange(len(fields)), n)
    samples = pd.DataFrame({"pH": pH, "group": names}, index=[f"L{i}" for i in range(len(names))])
    return SoilSpectra(grid, reflectance_from_absorbance(A), samples, Provenance("lib", "measured"))


@pytest.fixture
def lent(monkeypatch):
    """Make a library of two fields be read, whatever the site says."""
    monkeypatch.setattr(model_sections.domains, "read_source", lambda site, grid: library(["a", "b"]))


def study(**bands):
    return Study.load("cv98", target="Pb_mg_kg", **bands)


@pytest.mark.parametrize(
    ("bands", "short"),
    [
        ({}, False),
        ({"band_start": 400.0, "band_stop": 2490.0}, False),
        ({"band_stop": 740.0}, True),
        ({"band_start": 1000.0}, True),
    ],
)
def test_an_instrument_is_restricted_if_an_end_is_missing(bands, short):
    """A hundred nanometres at either end are forgiven."""
    assert model_sections.restricted(study(**bands)) == short


def test_the_loss_is_that_of_the_bands_that_matter(lent):
    """Without 600 nm little is left of the pH; 1500 nm, which knows only the field, is not missed."""
    near_infrared, visible = (
        model_sections.loss(study(**b)) for b in ({"band_start": 1000.0}, {"band_stop": 740.0})
    )
    assert (near_infrared["full"] > 0.8).all()
    assert (near_infrared["narrow"] < 0.3).all()
    assert (visible["full"] - visible["narrow"]).abs().max() < 0.1
    assert list(visible["set"]) == ["a", "b"]
    assert set(visible["property"]) == {"pH"}


def test_the_loss_is_said_with_its_numbers(lent):
    """The sentence names the range, the soils it was measured on, both scores and their difference."""
    asked = study(band_start=1000.0)
    table = model_sections.loss(asked)
    text = model_sections.range_sentence(asked)
    assert text.startswith("The study sees 1000–2480 nm only")
    assert "2 sets of the library's soils PLS predicts pH" in text
    assert f"{table['full'].mean():.2f} from 430–2480 nm" in text
    assert text.endswith("is lost.")
    assert model_sections.range_sentence(study()) == ""
    assert model_sections.covered(study()) == "The study sees 206 bands over 430–2480 nm."


def test_a_library_without_fields_lends_some_of_its_soils(monkeypatch):
    """Simulated soils, each a group of its own, are one set of at most 400; a tiny library says so."""
    asked = study(band_start=1000.0)
    monkeypatch.setattr(model_sections, "MOST_SOILS", 70)
    alone = library(np.arange(90), n=1)
    monkeypatch.setattr(model_sections.domains, "read_source", lambda site, grid: alone)
    assert model_sections.loss(asked)["n"].tolist() == [70]
    monkeypatch.setattr(model_sections.domains, "read_source", lambda site, grid: library(["a"], n=20))
    assert "too small to say" in model_sections.range_sentence(asked)
