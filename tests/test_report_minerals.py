"""Bands and minerals of a report's best model have intervals, and follow the model."""

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import splits
from soilpb.report import sections, tables, text as words
from soilpb.spectra import absorbance
from soilpb.study import Study


@pytest.fixture(scope="module")
def study():
    return Study.load("gejiu", source_size=200)


class Depth:
    """A model that reads how much a band absorbs beyond its neighbours."""

    def __init__(self, centre, shoulders, gain=10.0):
        self.at, self.beside, self.gain = centre, shoulders, gain

    def predict(self, X):
        """Depth in units of absorbance, times the gain."""
        A = absorbance(np.asarray(X, dtype=float))
        return self.gain * (A[:, self.at] - A[:, self.beside].mean(axis=1))


def depth(study, centre, *shoulders, gain=10.0):
    at = [int(np.searchsorted(study.grid, nm)) for nm in (centre, *shoulders)]
    return Depth(at[0], at[1:], gain)


def answers(study, models):
    folds = splits.repeated_kfold(study.ids, 5, 1)
    return model_sections.answers(study, models, folds).set_index("constituent")


def test_a_model_of_a_minerals_band_answers_to_the_mineral(study):
    """One that reads the depth at 1930 nm rises most with water; turned over, it falls most with it."""
    wet = answers(study, [depth(study, 1930, 1830, 2030)] * 5)
    dry = answers(study, [depth(study, 1930, 1830, 2030, gain=-10.0)] * 5)
    assert wet["slope"].idxmax() == "water" == dry["slope"].idxmin()
    assert set(wet.index) == set(model_sections.ASKED)


def test_only_what_absorbs_in_the_range_is_asked(study):
    """A visible instrument is asked about oxides and organic matter, a NIR one not about oxides."""
    nir = model_sections.asked_of(np.arange(1000.0, 2481.0, 10.0))
    assert nir == ["clay", "organic_matter", "carbonate", "water"]
    assert model_sections.asked_of(study.grid) == list(model_sections.ASKED)


def test_intervals_are_as_wide_as_the_folds_disagree(study):
    """Models that answer oppositely leave the sign open; nearly equal ones do not."""
    one, other = depth(study, 1930, 1830, 2030), depth(study, 1930, 1830, 2030, gain=-10.0)
    torn, agreed = answers(study, [one, other, one, other, one]), answers(study, [one] * 5)
    assert torn.loc["water", "low"] < 0 < torn.loc["water", "high"]
    assert agreed.loc["water", "low"] > 0


def test_the_sentence_names_what_is_known_and_how_much(study):
    """Only intervals off zero are spoken of; a slope of 0.4 on a logarithm is 4 % for 10 % more."""
    rows = [("clay", 0.4, 0.3, 0.5), ("hematite", 0.1, -0.1, 0.3), ("organic_matter", -0.2, -0.3, -0.1)]
    table = pd.DataFrame(rows, columns=["constituent", "slope", "low", "high"])
    assert model_sections.minerals_sentence(study, table) == (
        "Predictions rise with clay and fall with organic matter. If a soil had 10 % more clay than it has, "
        "its predicted Pb would change by +4.0 %."
    )
    field = Study.load("cv98")
    assert model_sections.minerals_sentence(field, table).endswith(
        "clay would change by +0.04 percentage points."
    )
    assert "For none" in model_sections.minerals_sentence(study, table.iloc[[1]])


def test_named_bands_have_intervals_and_say_how_many_folds_name_them():
    """A peak of all folds is named by all, one that wanders is not, and its interval is wider."""
    nm = np.arange(500.0, 1500.0, 10.0)
    profiles = []
    for draw in range(5):
        credit = np.full(nm.size, 0.1)
        credit[nm == 700] = 5.0
        credit[nm == (1000 if draw < 3 else 1300)] = 3.0
        profiles.append(pd.DataFrame({"model": "m", "draw": draw, "wavelength": nm, "mean_abs": credit}))
    found = model_sections.peaks(pd.concat(profiles), 5, n=2).set_index("wavelength")
    assert list(found.index) == [700, 1000]
    assert list(found["folds"]) == [5, 3]
    widths = found["high"] - found["low"]
    assert widths[700] < 0.01 < widths[1000]
    assert found["even"].tolist() == [1.0, 1.0]
    page = model_sections.peaks_shown(found.reset_index(), 5)
    assert page["named by"].tolist() == ["5 of 5 folds", "3 of 5 folds"]
