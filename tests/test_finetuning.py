"""Fine-tuning trains what its recipe names, and nothing else; a ridge head is the ridge it came from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import RidgeCV

from soilpb.models.network import ALPHAS, NETWORK_STRATEGIES, SpectralNetwork, fine_tune
from soilpb.models.preprocessing import Scaling
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig

WAVELENGTHS = np.arange(500.0, 800.0, 10.0)
QUICK = TrainingConfig(epochs=3, batch_size=16, seed=2)


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 60 soils and a target that follows one absorption."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(0.0, 0.5, 60)
    band = np.exp(-0.5 * ((WAVELENGTHS - 650) / 25) ** 2)
    noise = rng.normal(0, 0.005, (60, 30))
    return 10 ** -(0.4 + np.linspace(0, 0.3, 30) + depth[:, None] * band + noise), 100 + 300 * depth


@pytest.fixture(scope="module")
def source(soils):
    """A network that learned another property of the same spectra."""
    config = ResNetConfig(30, stem_channels=4, stem_stride=2, channels=(6, 8))
    pH = np.log(soils[0][:, 20]) - np.log(soils[0][:, 12])
    return SpectralNetwork.fit(soils[0], pH, WAVELENGTHS, ["pH"], config, QUICK)


def moved(source, tuned):
    """Names of the tensors of stem and blocks that differ by a bit from the source's."""
    before = source.network.state_dict()
    return {
        name
        for name, value in tuned.network.state_dict().items()
        if not name.startswith("head") and not torch.equal(value, before[name])
    }


@pytest.mark.parametrize("name", NETWORK_STRATEGIES)
def test_the_source_is_left_as_it_was(name, source, soils):
    """No recipe changes a bit of the source, and no weight stays frozen for whoever comes next."""
    before = {key: value.clone() for key, value in source.network.state_dict().items()}
    scale, history = source.output_scale(), list(source.history)
    tuned = fine_tune(source, *soils, NETWORK_STRATEGIES[name], QUICK, dropout=0.5)
    after = source.network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    assert (source.output_scale(), source.history, source.properties) == (scale, history, ("pH",))
    assert all(parameter.requires_grad for parameter in tuned.network.parameters())
    np.testing.assert_array_equal(tuned.prepare(soils[0]), source.prepare(soils[0]))


@pytest.mark.parametrize("name", ["head", "embedding_ridge"])
def test_features_stay_bit_equal(name, source, soils):
    """A head alone leaves weights and running statistics of stem and blocks bit-equal."""
    tuned = fine_tune(source, *soils, NETWORK_STRATEGIES[name], QUICK, dropout=0.5)
    assert moved(source, tuned) == set()
    np.testing.assert_array_equal(tuned.embed(soils[0]), source.embed(soils[0]))


def test_partial_moves_the_last_blocks_only(source, soils):
    """With one block the stem and the first block stay bit-equal; with two only the stem does."""
    one = moved(source, fine_tune(source, *soils, NETWORK_STRATEGIES["partial"], QUICK, dropout=0.5))
    assert {name.split(".")[0] + name.split(".")[1] for name in one} == {"blocks1"}
    assert "blocks.1.norm1.running_var" in one
    two = moved(
        source,
        fine_tune(source, *soils, replace(NETWORK_STRATEGIES["partial"], blocks=2), QUICK, dropout=0.5),
    )
    assert {name.split(".")[1] for name in two} == {"0", "1"}
    assert not [name for name in two if name.startswith("stem")]


def test_full_moves_everything(source, soils):
    """Fine-tuning as a whole moves every weight and every running statistic."""
    tuned = fine_tune(source, *soils, NETWORK_STRATEGIES["full"], QUICK, dropout=0.5)
    assert moved(source, tuned) == {n for n in source.network.state_dict() if not n.startswith("head")}


def test_lp_ft_keeps_batchnorm(source, soils):
    """LP-FT moves every convolution and no tensor of BatchNorm."""
    tuned = fine_tune(source, *soils, NETWORK_STRATEGIES["lp_ft"], QUICK, dropout=0.5)
    convolutions = {n for n, p in source.network.named_parameters() if p.ndim == 4}
    assert moved(source, tuned) == convolutions


def test_more_blocks_than_there_are_is_refused(source, soils):
    """Asking for three blocks of a network with two is an error that gives both numbers."""
    with pytest.raises(ValueError, match="3 blocks cannot learn: the network has 2"):
        fine_tune(source, *soils, replace(NETWORK_STRATEGIES["partial"], blocks=3), QUICK, dropout=0.5)


def test_the_ridge_head_is_the_ridge(source, soils):
    """The folded head predicts what ridge on the standardised features predicts, for new soils too."""
    X, y = soils
    tuned = fine_tune(source, X[:40], y[:40], NETWORK_STRATEGIES["embedding_ridge"], QUICK, dropout=0.5)
    features = source.embed(X)
    scaling = Scaling.learn(features[:40])
    ridge = RidgeCV(ALPHAS).fit(scaling.apply(features[:40]), (y[:40] - y[:40].mean()) / y[:40].std())
    expected = ridge.predict(scaling.apply(features)) * y[:40].std() + y[:40].mean()
    np.testing.assert_allclose(tuned.predict(X)[:, 0], expected, atol=1e-4 * y.std())
    assert np.corrcoef(expected[40:], y[40:])[0, 1] > 0.8


def test_lp_ft_starts_from_the_ridge_head(source, soils):
    """LP-FT without a step is embedding and ridge."""
    still = replace(QUICK, epochs=0)
    probed = fine_tune(source, *soils, NETWORK_STRATEGIES["lp_ft"], still, dropout=0.5)
    ridge = fine_tune(source, *soils, NETWORK_STRATEGIES["embedding_ridge"], QUICK, dropout=0.5)
    np.testing.assert_array_equal(probed.predict(soils[0]), ridge.predict(soils[0]))
