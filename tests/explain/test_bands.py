"""Credit finds the bands a model uses, on soils it has not seen, for any kind of model."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from soilpb.evaluate import splits
from soilpb.explain import bands
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.preprocessing import Absorbance, snv_pipeline
from soilpb.models.training import TrainingConfig
from soilpb.spectra import absorbance, reflectance_from_absorbance

NM = np.arange(500.0, 1300.0, 10)
IDS = np.arange(60)


@pytest.fixture(scope="module")
def soils():
    """Soils whose target is the absorbance at 900 nm, among bands that tell nothing."""
    rng = np.random.default_rng(0)
    A = 0.5 + 0.3 * np.sin(NM / 200) + 0.01 * rng.standard_normal((60, NM.size))
    A[:, NM == 900] += 0.1 * rng.standard_normal((60, 1))
    return reflectance_from_absorbance(A), 3 * A[:, NM == 900][:, 0]


def credit(model, soils, **options):
    X, y = soils
    folds = splits.repeated_kfold(IDS, 4, 1)
    fitted = bands.fit_by_fold(model, X, y, folds, IDS)
    return bands.attribute_by_fold("model", fitted, X, folds, IDS, NM, **options)


@pytest.mark.parametrize(
    "model",
    [
        PLSCV(preprocessing="raw"),
        make_pipeline(Absorbance(), Ridge(1e-3)),
        make_pipeline(snv_pipeline(), Ridge(1e-3)),
    ],
    ids=["PLS", "ridge", "ridge on SNV"],
)
def test_the_band_that_matters_has_the_most_credit(model, soils):
    """Where the target is one band, each fold's credit is highest there, and rises with its height."""
    table = credit(model, soils)
    highest = table.loc[table.groupby("draw")["mean_abs"].idxmax()]
    assert (highest["wavelength"] == 900).all()
    assert (highest["direction"] > 0.9).all()
    assert list(highest["draw"]) == [0, 1, 2, 3]


def test_a_linear_models_credit_adds_up(soils):
    """Coefficients times deviations sum to the prediction minus the background's mean."""
    X, y = soils
    model = PLSCV(preprocessing="raw").fit(X[:40], y[:40])
    bands.attribute(model, X[40:], X[:20], NM).require_additivity()


def test_a_network_is_explained_by_shap_on_the_studys_bands(soils):
    """A model with a network gets DeepExplainer's credit, at the wavelengths asked for."""
    X, y = soils

    class Fitted:
        network_ = SpectralNetwork.fit(
            X, y, np.arange(NM.size), ["target"], training=TrainingConfig(epochs=1)
        )

    explained = bands.attribute(Fitted(), X[:5], X[5:15], NM)
    assert explained.explainer == "DeepExplainer"
    np.testing.assert_array_equal(explained.wavelengths, NM)


def test_only_test_soils_are_explained_and_only_training_soils_are_learnt_from(soils):
    """A fold's credit does not change when the other folds' test soils stay, and its own target changes."""
    X, y = soils
    folds = splits.repeated_kfold(IDS, 4, 1).query("fold == 0")
    tested = folds.query("role == 'test'")["sample"].to_numpy()
    spoiled = y.copy()
    spoiled[tested] = 99.0
    model = PLSCV(preprocessing="raw")
    fits = (bands.fit_by_fold(model, X, values, folds, IDS) for values in (y, spoiled))
    one, two = (bands.attribute_by_fold("m", fitted, X, folds, IDS, NM) for fitted in fits)
    pd.testing.assert_frame_equal(one, two)


def test_credit_repeats_with_its_seed(soils):
    """The same seed draws the same background, another draws another."""
    one, same, other = (credit(PLSCV(preprocessing="raw"), soils, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not np.allclose(one["mean_abs"], other["mean_abs"])


def test_peaks_are_named_from_the_highest_down():
    """Neighbouring maxima count as one, both ends may be peaks, and the order is by height."""
    heights = np.zeros(NM.size)
    heights[[0, 20, 22, 60]] = [5.0, 7.0, 8.0, 3.0]
    table = pd.DataFrame({"wavelength": NM, "mean_abs": heights})
    assert bands.strongest_bands(table) == [720, 500, 1100]


def test_absorbance_here_is_what_models_see(soils):
    """The inputs beside the credit are absorbance, so that its direction means more absorption."""
    X, y = soils
    explained = bands.attribute(PLSCV(preprocessing="raw").fit(X, y), X, X, NM)
    np.testing.assert_allclose(explained.inputs, absorbance(X))
