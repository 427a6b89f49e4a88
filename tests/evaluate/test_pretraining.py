"""Soils are held back whole, and R² within populations sees through Simpson's trap."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import cross_validation, pretraining
from soilpb.models import inner_folds
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.simulate import twin
from soilpb.spectra import Provenance, SoilSpectra


def library(n=60, **columns):
    """A library of featureless spectra; only its samples matter here."""
    wavelengths = np.arange(430.0, 530.0, 10.0)
    samples = pd.DataFrame({"pH": np.linspace(4, 8, n), **columns}, index=[f"s{i}" for i in range(n)])
    reflectance = np.full((n, wavelengths.size), 0.3, dtype=np.float32)
    provenance = Provenance(name="library", kind="simulated", instrument="none")
    return SoilSpectra(wavelengths, reflectance, samples, provenance)


class Constant:
    """A model that predicts given values, whatever it sees."""

    def __init__(self, values):
        self.values = values

    def predict(self, X):
        """Return the values."""
        return self.values


def test_small_libraries_are_seen_more_often():
    """Epochs fall with the size of the library and stay within their limits."""
    epochs = [pretraining.choose_epochs(n) for n in (10, 1_000, 5_000, 10_000, 10**7)]
    assert epochs == sorted(epochs, reverse=True)
    assert (epochs[0], epochs[-1]) == (30, 12)


def test_every_soil_is_either_learnt_from_or_held_back():
    """The two sides share no soil, and together are the library."""
    train, test = pretraining.hold_out(library(), 0.25, seed=1)
    assert test.n_samples == 15
    assert sorted([*train.samples.index, *test.samples.index]) == sorted(library().samples.index)


def test_recognising_the_population_is_worth_nothing_within_it():
    """A model that knows each field's mean has R² above .9 about all soils, and 0 within fields."""
    soils = library(100, group=np.repeat(list("abcd"), 25))
    field_means = soils.samples.groupby("group")["pH"].transform("mean").to_numpy()
    values = {"field": field_means, "perfect": soils.values("pH")[:, None], "mean": np.full(100, 6.0)}
    models = {name: Constant(predicted) for name, predicted in values.items()}
    predictions = pretraining.predict_held_back(models, soils, "pH")
    scores = cross_validation.score_predictions(predictions).query("metric == 'R2' and fold == -1")
    pooled = scores.set_index("model")["value"]
    within = pretraining.score_within_populations(predictions, pretraining.name_populations(soils))
    assert pooled["field"] > 0.9
    assert within["field"] == pytest.approx(0, abs=1e-12)
    assert within["perfect"] == 1
    assert within["mean"] < -1


def test_errors_are_told_apart_by_population():
    """A model that is one unit off in one field and right in the other has those errors there."""
    soils = library(60, group=np.repeat(["a", "b"], 30))
    off = soils.values("pH") + np.repeat([1.0, 0.0], 30)
    predictions = pretraining.predict_held_back({"m": Constant(off)}, soils, "pH")
    table = pretraining.score_by_population(predictions, pretraining.name_populations(soils)).set_index(
        "population"
    )
    assert table["RMSE"].to_dict() == pytest.approx({"a": 1.0, "b": 0.0})
    assert table["n"].tolist() == [30, 30]


def test_profiles_are_held_back_whole_and_populations_are_not():
    """All samples of a profile lie on one side; large groups are populations and lie on both."""
    soils = library(group=np.repeat(np.arange(20), 3))
    train, test = pretraining.hold_out(soils, 0.25, seed=1)
    assert not set(train.samples["group"]) & set(test.samples["group"])
    assert pretraining.name_populations(soils).unique().size == 1
    train, test = pretraining.hold_out(library(group=np.repeat(["a", "b"], 30)), 0.25, seed=1)
    assert set(train.samples["group"]) == set(test.samples["group"]) == {"a", "b"}


@pytest.mark.parametrize("n", [10, 240, 2_500, 44_590])
def test_smaller_libraries_are_smaller(n):
    """Sizes double, and the largest lies clearly below the whole library."""
    sizes = pretraining.choose_sizes(n)
    assert all(b == 2 * a for a, b in pairwise(sizes))
    assert all(1.5 * size <= n for size in sizes)
    assert sizes or n < 200
    assert pretraining.choose_sizes(n, most=500) == [size for size in sizes if size <= 500]


def test_a_network_is_trained_once_for_the_same_soils_bands_and_settings(tmp_path, monkeypatch):
    """A second site takes it bit for bit; other soils or settings, and a damaged file, train anew."""
    soils = twin.simulate_source(40, seed=3, grid=np.arange(400.0, 2500.0, 50.0))
    fits, fit = [], SpectralNetwork.fit
    monkeypatch.setattr(SpectralNetwork, "fit", lambda *a, **k: fits.append(1) or fit(*a, **k))

    def predict(soils=soils, epochs=1):
        trained = pretraining.pretrain(tmp_path, soils, "pH", TrainingConfig(epochs))
        return trained.predict(soils.reflectance)

    first = predict()
    np.testing.assert_array_equal(predict(), first)
    assert len(fits) == 1
    predict(soils.take(np.arange(30)))
    predict(epochs=2)
    assert len(fits) == 3
    for weights in tmp_path.glob("*/estimators.skops"):
        weights.write_bytes(weights.read_bytes()[:-1])
    np.testing.assert_array_equal(predict(), first)
    assert len(fits) == 4


def test_more_soils_predict_better(tmp_path):
    """On simulated soils PLS gains from more soils; each size is scored on all soils held back."""
    soils = twin.simulate_source(400, seed=3, grid=np.arange(400.0, 2500.0, 50.0))
    learning, held_back = pretraining.hold_out(soils, 0.5, seed=1)
    asked = learning, held_back, "pH", [25, 200], ("net", "PLS"), 1
    first, again = (pretraining.score_by_size(tmp_path, *asked) for _ in range(2))
    pd.testing.assert_frame_equal(first, again)
    r2 = first.query("metric == 'R2' and fold == @cross_validation.POOLED")
    r2 = r2.pivot_table(index="n", columns="model", values="value")
    assert set(r2.columns) == {"net", "PLS"}
    assert r2.loc[200, "PLS"] > r2.loc[25, "PLS"] + 0.05
    whole = inner_folds.fit_model(
        PLSCV(pretraining.MAX_COMPONENTS),
        learning.reflectance,
        learning.values("pH"),
        learning.samples["group"],
    )
    expected = cross_validation.compute_metrics(held_back.values("pH"), whole.predict(held_back.reflectance))[
        "R2"
    ]
    assert r2.loc[200, "PLS"] == pytest.approx(expected, abs=1e-6)
