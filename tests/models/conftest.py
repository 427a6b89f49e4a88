"""Small soils whose one absorption says what the target is, and a network that learned it as pH."""

import numpy as np
import pytest

from soilpb.models import ResNetConfig, SpectralNetwork, TrainingConfig, baselines

WAVELENGTHS = np.arange(500.0, 900.0, 10.0)


def simulate(n_samples, seed):
    """Reflectance (n_samples, 40), and the depth of one absorption in each spectrum."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0, 0.5, n_samples)
    band = np.exp(-0.5 * ((WAVELENGTHS - 700) / 30) ** 2)
    slope = rng.uniform(0.2, 0.4, n_samples)[:, None] * np.linspace(1, 0, len(WAVELENGTHS))
    noise = rng.normal(0, 0.003, (n_samples, len(WAVELENGTHS)))
    return (10 ** -(0.3 + slope + depth[:, None] * band + noise)).astype(np.float32), depth


@pytest.fixture(scope="session")
def source():
    """A small network that learned the depth as pH, on 200 soils."""
    X, depth = simulate(200, seed=0)
    config = ResNetConfig(len(WAVELENGTHS), stem_channels=4, stem_stride=2, channels=(6, 8))
    training = TrainingConfig(epochs=20, batch_size=32)
    return SpectralNetwork.fit(X, 4 + 8 * depth, WAVELENGTHS, ["pH"], config, training)


@pytest.fixture(scope="session")
def site():
    """Thirty-three soils of a site: reflectance, and a target that follows the depth."""
    X, depth = simulate(33, seed=1)
    return X, 20 + 40 * depth


@pytest.fixture(params=baselines.MODELS)
def key(request):
    """Key of every model that there is."""
    return request.param


@pytest.fixture
def model(key, source):
    """Every model, its networks at few epochs; Cubist where its package is installed."""
    if key not in baselines.installed_models():
        # It is under the GPL and in no default; .ci/run installs it and runs these tests last.
        pytest.skip("the optional package cubist is not installed")
    (made,) = baselines.make_models(source, [key], epochs=2).values()
    return made
