"""Experiments whose outcome is known find what is there, and nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from soilpb.explain.attribution import linear_shap
from soilpb.explain.network_attribution import deep_lift_shap
from soilpb.explain.sanity_checks import compare_with_permuted_targets, mask_bands, profile_random_networks
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.resnet import ResNetConfig
from soilpb.simulate import twin

WAVELENGTHS = np.arange(400.0, 2500.0, 50.0)
EDGES = np.arange(400.0, 2501.0, 300.0)


@pytest.fixture(scope="module")
def spectra():
    """Reflectance of 40 soils, (40, 42)."""
    rng = np.random.default_rng(0)
    walk = np.cumsum(rng.normal(size=(40, WAVELENGTHS.size)), axis=1)
    return np.clip(0.3 + 0.02 * walk, 0.02, 0.9).astype(np.float32)


@pytest.fixture
def one_band(spectra):
    """A linear network that reads 1000–1300 nm and nothing else."""
    network = SpectralNetwork.random(spectra, WAVELENGTHS)
    network.network = nn.Sequential(nn.Linear(WAVELENGTHS.size, 1))
    with torch.no_grad():
        network.network[0].weight.copy_(torch.from_numpy((WAVELENGTHS >= 1000) & (WAVELENGTHS < 1300))[None])
    return network


def bands_of(network, spectra):
    return deep_lift_shap(network, spectra[:20], spectra[20:30]).bands(EDGES, "network")


def test_masking_the_band_that_is_read_moves_predictions_at_once(one_band, spectra):
    """The first band masked by credit changes all, the others nothing; given back first, it restores all."""
    curves = mask_bands(one_band, spectra[:20], spectra[20:30], bands_of(one_band, spectra), n_random=3)
    by_credit = curves[curves["order"] == "attribution"].set_index("share")
    deletion, insertion = (by_credit[by_credit["curve"] == c]["moved"] for c in ("deletion", "insertion"))
    assert deletion.iloc[0] == 0
    np.testing.assert_allclose(deletion.iloc[1:], deletion.iloc[-1], rtol=1e-5)
    np.testing.assert_allclose(insertion.iloc[1:], 0, atol=1e-5)
    assert insertion.iloc[0] == pytest.approx(deletion.iloc[-1])
    assert set(curves[curves["order"] == "random"]["draw"]) == {0, 1, 2}


def test_random_weights_keep_shape_and_scales(spectra):
    """Untrained networks differ from draw to draw and from the network, which stays as it is."""
    config = ResNetConfig(WAVELENGTHS.size, stem_channels=8, channels=(8,))
    network = SpectralNetwork.random(spectra, WAVELENGTHS, config=config, seed=7)
    before = network.predict(spectra)
    profiles = profile_random_networks(network, spectra[:10], spectra[10:20], n_draws=2, seed=1)
    wide = profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    assert wide.shape == (WAVELENGTHS.size, 2)
    assert wide.corr(method="spearman").iloc[0, 1] < 0.9
    assert np.array_equal(network.predict(spectra), before)


def explain_pls(soils, target, edges):
    """Bands of a PLS model of the soils, fitted to a target."""
    model = PLSCV(max_components=10).fit(soils.reflectance, target)
    return linear_shap(model, soils.reflectance, soils.reflectance, soils.wavelengths).bands(edges, "PLS")


@pytest.fixture(scope="module")
def planted():
    """130 simulated soils in which lead itself absorbs at 1000 nm, as nature does not."""
    return twin.simulate_target(
        130, seed=0, grid=np.arange(400.0, 2500.0, 20.0), direct_band=(1000, 15, 0.02)
    )


@pytest.fixture(scope="module")
def found(planted):
    edges = np.arange(375.0, 2530.0, 50.0)
    return compare_with_permuted_targets(
        lambda target: explain_pls(planted, target, edges), np.log(planted.values("Pb_mg_kg"))
    )


def test_a_planted_band_is_found(found):
    """Lead that absorbs at 1000 nm gives 975–1025 nm more credit than permuted targets ever do."""
    planted_band = found[(found["start"] == 975) & (found["stop"] == 1025)].iloc[0]
    assert planted_band["p"] < 0.05
    assert planted_band["relative"] > planted_band["chance"]


def test_a_permuted_target_gives_no_band(planted):
    """Where nothing is to be found, no band is found, over all bands at once."""
    rng = np.random.default_rng(1)
    noise = rng.permutation(np.log(planted.values("Pb_mg_kg")))
    edges = np.arange(375.0, 2530.0, 50.0)
    found = compare_with_permuted_targets(
        lambda target: explain_pls(planted, target, edges), noise, n_permutations=19
    )
    assert (found["p"] > 0.05).all()


def test_p_values_are_exact():
    """Of ten exchangeable explanations, whichever is called the measured one, one finds a band at p = .1."""
    edges = np.arange(6.0)
    credit = np.random.default_rng(2).lognormal(size=(10, 6))
    smallest = []
    for measured in range(10):
        rest = iter(np.roll(credit, -measured, axis=0))
        found = compare_with_permuted_targets(
            lambda _, rest=rest: pd.DataFrame({"start": edges, "stop": edges + 1, "mean_abs": next(rest)}),
            np.arange(5.0),
            n_permutations=9,
        )
        smallest.append(found["p"].min())
    assert sorted(smallest) == pytest.approx(np.arange(1, 11) / 10)
