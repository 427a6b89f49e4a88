"""A report's sections show what their soils allow, and no more."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.decide import sampling
from soilpb.evaluate import splits
from soilpb.readers.formats import text as text_format
from soilpb.report import sections, tables, text
from soilpb.spectra import Provenance, SoilSpectra, absorbance, band_grid, reflectance_from_absorbance
from soilpb.study import Study
from tests.user_site import write_project

RULE = "intervention"


@pytest.fixture(scope="module")
def study():
    return Study.load("gejiu", source_size=200)


def with_target(study, target):
    """A study of the same site with other soils."""
    other = replace(study)
    other.__dict__["target"] = target
    return other


# -- the map ----------------------------------------------------------------------


def site(study, **columns):
    """The twin with coordinates over 1 km, or with other columns."""
    xy = np.random.default_rng(0).uniform(0, 1000, (len(study.ids), 2))
    samples = study.target.samples.assign(x=xy[:, 0], y=xy[:, 1], crs="local, metres").assign(**columns)
    samples = samples.drop(columns=[key for key, value in columns.items() if value is None])
    return with_target(study, replace(study.target, samples=samples))


def map_of(study, rule=RULE):
    soils = pd.DataFrame({"repeat": 0, "fold": 0, "sample": study.ids, "rule": RULE, "probability": 0.3})
    return sections.draw_map(study, soils.assign(exceeded=np.exp(study.y) > 600), rule)


def test_a_map_shows_probabilities_at_the_soils_places(study, styled):
    """Each soil has its probability, or where no limit is known the laboratory's value."""
    mapped, own = map_of(site(study)), site(study)
    below, above = mapped.collections
    assert set(below.get_array()) == set(above.get_array()) == {0.3}
    assert "local, metres; 0, 0 is " in mapped.get_xlabel()
    (values,) = map_of(own, rule="").collections
    np.testing.assert_allclose(values.get_array(), own.natural(own.y))


@pytest.mark.parametrize("columns", [{"x": None, "y": None}, {"crs": "dummy EPSG:4326"}])
def test_without_true_coordinates_there_is_no_map(study, columns):
    """With absent or dummy coordinates nothing is drawn."""
    assert map_of(site(study, **columns)) is None


# -- the samples to measure next --------------------------------------------------


def split(study, n):
    """A study of the first soils, and the others as unmeasured spectra."""
    rest = study.target.take(np.arange(n, study.target.n_samples))
    return with_target(study, study.target.take(np.arange(n))), rest


def test_of_unmeasured_soils_the_most_useful_comes_first(study):
    """The list is the choice of soilpb.decide.sampling, given what is measured; no measured soil is on it."""
    measured, unmeasured = split(study, 90)
    F = sampling.spectral_features(study.X)
    chosen = sampling.choose_samples("uncertainty", F, 10, np.arange(90))
    assert list(sections.choose_next_samples(measured, unmeasured)) == list(study.ids[chosen])
    assert len(sections.choose_next_samples(*split(study, 127))) == 3


def test_the_page_says_what_is_known_of_unmeasured_soils(study):
    """Each has its prediction, and whether it is like those measured."""
    measured, unmeasured = split(study, 90)
    chosen = sections.choose_next_samples(measured, unmeasured, 2)
    predicted = pd.DataFrame(
        {"Pb_mg_kg": 300.0, "Pb_mg_kg_lower": 150.0, "Pb_mg_kg_upper": 610.0, "outside": False},
        index=unmeasured.samples.index,
    )
    predicted.loc[chosen[1], "outside"] = True
    page = tables.tabulate_next_samples(measured, chosen, predicted)
    assert page["Pb (mg/kg) by spectrum (90 %)"].tolist() == ["300 (150 to 610)"] * 2
    assert page["kind"].tolist() == ["like those measured", "unlike those measured"]


def test_scans_of_unmeasured_soils_are_averaged_as_the_others(tmp_path, monkeypatch):
    """Two scans of a soil without lead become their mean, with the pH that its laboratory row has."""
    monkeypatch.chdir(tmp_path)
    new = write_project(tmp_path, 30, 5, spectra="data/scans", replicates="mean")
    spectra = pd.read_csv(tmp_path / "data/spectra.csv", index_col=0)
    ids = pd.DataFrame(index=spectra.index.rename("sample"))
    grid = spectra.columns.astype(float).to_numpy()
    text_format.write_scans("data/scans", SoilSpectra(grid, spectra.to_numpy(), ids, new.provenance))
    text_format.write_scans("data/scans", new)
    laboratory = pd.read_csv(tmp_path / "data/lab.csv", index_col=0)
    row = pd.DataFrame({"pH": 6.5}, index=[new.samples.index[0]])
    pd.concat([laboratory, row]).rename_axis("sample").to_csv(tmp_path / "data/lab.csv")
    unmeasured = sections.read_unmeasured(Study.load("mine"))
    assert list(unmeasured.samples.index) == list(new.samples.index)
    assert unmeasured.samples["pH"].dropna().to_dict() == {new.samples.index[0]: 6.5}


# -- bands and minerals -----------------------------------------------------------


class Depth:
    """A model that reads how much a band absorbs beyond its neighbours."""

    def __init__(self, grid, gain):
        self.at, *self.beside = np.searchsorted(grid, (1930, 1830, 2030))
        self.gain = gain

    def predict(self, X):
        """Depth in units of absorbance, times the gain."""
        A = absorbance(np.asarray(X, dtype=float))
        return self.gain * (A[:, self.at] - A[:, self.beside].mean(axis=1))


def slopes(study, gains):
    models = [Depth(study.grid, gain) for gain in gains]
    folds = splits.repeated_kfold(study.ids, 5, 1)
    return sections.compute_mineral_slopes(study, models, folds).set_index("constituent")


def test_a_model_of_a_minerals_band_answers_to_the_mineral(study):
    """One that reads the depth at 1930 nm rises most with water; models that disagree leave it open."""
    agreed, torn = slopes(study, [10.0] * 5), slopes(study, [10.0, -10.0, 10.0, -10.0, 10.0])
    assert agreed["slope"].idxmax() == "water"
    assert agreed.loc["water", "low"] > 0
    assert torn.loc["water", "low"] < 0 < torn.loc["water", "high"]
    assert set(agreed.index) == set(sections.CONSTITUENTS)


def test_only_what_absorbs_in_the_range_is_asked():
    """A near-infrared instrument is not asked about oxides."""
    nir = sections.absorbing_constituents(np.arange(1000.0, 2481.0, 10.0))
    assert nir == ["clay", "organic_matter", "carbonate", "water"]


def test_bands_have_intervals_and_say_how_many_folds_find_them():
    """A peak of all folds is found by all, one that moves is not, and its interval is wider."""
    nm = np.arange(500.0, 1500.0, 10.0)
    profiles = []
    for draw in range(5):
        mean_abs = np.full(nm.size, 0.1)
        mean_abs[nm == 700] = 5.0
        mean_abs[nm == (1000 if draw < 3 else 1300)] = 3.0
        profiles.append(pd.DataFrame({"model": "m", "draw": draw, "wavelength": nm, "mean_abs": mean_abs}))
    found = sections.rank_bands(pd.concat(profiles), 5, n=2).set_index("wavelength")
    assert list(found.index) == [700, 1000]
    assert list(found["folds"]) == [5, 3]
    widths = found["high"] - found["low"]
    assert widths[700] < 0.01 < widths[1000]
    page = tables.tabulate_bands(found.reset_index(), 5)
    assert page["found in"].tolist() == ["5 of 5 folds", "3 of 5 folds"]


# -- a narrow range ---------------------------------------------------------------


def library(fields, n=60):
    """Soils whose pH is what 600 nm absorbs, in fields that differ in it by far more than within."""
    grid, rng = band_grid(*sections.SOURCE_BANDS, 10.0), np.random.default_rng(0)
    names = np.repeat(fields, n)
    A = 0.5 + 0.02 * np.cumsum(rng.standard_normal((len(names), grid.size)), axis=1) / 10
    own = rng.standard_normal(len(names))
    A[:, (grid >= 590) & (grid <= 610)] += 0.03 * own[:, None]
    A[:, (grid >= 1490) & (grid <= 1510)] += 0.1 * np.repeat(np.arange(len(fields)), n)[:, None]
    pH = 6 + 0.2 * own + np.repeat(np.arange(len(fields)), n)
    samples = pd.DataFrame({"pH": pH, "group": names}, index=[f"L{i}" for i in range(len(names))])
    return SoilSpectra(grid, reflectance_from_absorbance(A), samples, Provenance("lib", "measured"))


def narrow(**bands):
    return Study.load("cv98", target="Pb_mg_kg", **bands)


def test_the_loss_is_that_of_the_bands_that_matter(monkeypatch):
    """Without 600 nm little is left of the pH; 1500 nm, which knows only the field, is not missed."""
    monkeypatch.setattr(sections.study_, "read_source", lambda site, grid: library(["a", "b"]))
    assert sections.compare_ranges(narrow(band_start=400.0, band_stop=2490.0)) is None
    infrared, visible = narrow(band_start=1000.0), narrow(band_stop=740.0)
    lost, kept = sections.compare_ranges(infrared), sections.compare_ranges(visible)
    assert (lost["full"] > 0.8).all()
    assert (lost["narrow"] < 0.3).all()
    assert (kept["full"] - kept["narrow"]).abs().max() < 0.1
    assert sorted(kept["set"]) == ["a", "b"]
    says = text.describe_range(infrared, lost)
    assert says.startswith("The study uses 1000–2480 nm only")
    assert f"{lost['full'].mean():.2f} from 430–2480 nm" in says
    assert says.endswith("is lost.")


def test_a_library_without_fields_is_one_set(monkeypatch):
    """Simulated soils, each a group of its own, are one set of a limited size; a tiny library is none."""
    asked = narrow(band_start=1000.0)
    monkeypatch.setattr(sections, "MOST_SOILS", 70)
    monkeypatch.setattr(sections.study_, "read_source", lambda site, grid: library(np.arange(90), n=1))
    assert sections.compare_ranges(asked)["n"].tolist() == [70]
    monkeypatch.setattr(sections.study_, "read_source", lambda site, grid: library(["a"], n=20))
    assert "too small to say" in text.describe_range(asked, sections.compare_ranges(asked))
