"""Training is repeatable, leaves what is frozen alone, and learns from what was measured."""

import numpy as np
import pytest
import torch

from soilpb.models import training
from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.models.training import (
    TrainingConfig,
    augment,
    evaluate,
    fit_network,
    masked_mse,
    reproducible,
)

SMALL = ResNetConfig(n_bands=24, stem_channels=4, stem_stride=2, channels=(6, 8), dropout=0.1)
QUICK = TrainingConfig(epochs=3, batch_size=16, seed=5)


@pytest.fixture
def spectra():
    """Sixty standardised spectra and a property that two of their bands determine."""
    X = np.random.default_rng(0).normal(size=(60, 24)).astype(np.float32)
    return X, (X[:, [5]] - 0.5 * X[:, [17]]).astype(np.float32)


def made(config=SMALL):
    with reproducible(seed=1):
        return ResNet1d(config)


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def changed(before, network):
    """Names of the tensors that are not bit-equal to what they were."""
    return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}


def test_the_same_seed_gives_the_same_bits(spectra):
    """Two trainings from one seed are bit-equal, and another seed's differ."""
    networks = [made(), made(), made()]
    histories = [
        fit_network(network, *spectra, TrainingConfig(epochs=3, batch_size=16, seed=seed))
        for network, seed in zip(networks, (5, 5, 6), strict=True)
    ]
    assert histories[0] == histories[1] != histories[2]
    assert changed(state(networks[0]), networks[1]) == set()
    assert "head.weight" in changed(state(networks[0]), networks[2])


def test_the_callers_random_numbers_and_threads_are_left_alone(spectra):
    """Training neither reads nor moves torch's global generator, and restores the threads."""
    threads = torch.get_num_threads()
    torch.default_generator.manual_seed(11)
    expected = torch.rand(3)
    torch.default_generator.manual_seed(11)
    torch.set_num_threads(2)
    fit_network(made(), *spectra, QUICK)
    restored = torch.get_num_threads()
    torch.set_num_threads(threads)
    assert restored == 2
    assert torch.equal(torch.rand(3), expected)


def test_history_tells_each_epoch(spectra):
    """There is one entry an epoch; the rate rises, then falls; validation R² is that of scikit-learn."""
    from sklearn.metrics import r2_score

    X, Y = spectra
    network = made()
    config = TrainingConfig(epochs=10, batch_size=16, learning_rate=0.01)
    history = fit_network(network, X[:40], Y[:40], config, validation=(X[40:], Y[40:]))
    rates = [row["learning_rate"] for row in history]
    assert [row["epoch"] for row in history] == list(range(1, 11))
    assert rates[0] < max(rates) <= 0.01
    assert rates[-1] < 0.1 * max(rates)
    expected = r2_score(Y[40:], evaluate(network, X[40:]))
    assert history[-1]["validation_r2"] == pytest.approx(expected, abs=1e-6)


def test_augmentation_takes_memory_by_the_part(spectra, monkeypatch):
    """Each epoch shows every soil once, in parts of no more values than stated, whose batches are alike."""
    parts = []

    def watched(X, config):
        parts.append(X.clone())
        return augment(X, config)

    monkeypatch.setattr(training, "augment", watched)
    monkeypatch.setattr(training, "_VALUES_AT_ONCE", 2 * 16 * 24)
    fit_network(made(), *spectra, QUICK)
    assert [len(part) for part in parts] == [30, 30] * QUICK.epochs
    for epoch in (torch.cat(parts[i : i + 2]) for i in range(0, len(parts), 2)):
        assert sorted(epoch[:, 0].tolist()) == sorted(spectra[0][:, 0].tolist())


def test_masked_error_is_the_mean_over_what_was_measured():
    """The loss is the mean square over measured values, and 0 with a 0 gradient where none was."""
    predicted = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    nan = float("nan")
    assert masked_mse(predicted, torch.tensor([[0.0, nan], [nan, 2.0]])).item() == pytest.approx(2.5)
    nothing = masked_mse(predicted, torch.full((2, 2), nan))
    nothing.backward()
    assert nothing.item() == 0
    assert torch.equal(predicted.grad, torch.zeros(2, 2))


def test_augmentation_has_the_stated_size():
    """Gain and noise scatter spectra by the standard deviations that the configuration gives."""
    X = torch.full((400, 50), 10.0)
    with reproducible(seed=0):
        gained = augment(X, TrainingConfig(augment_gain=0.05, augment_noise=0.0))
        noisy = augment(X, TrainingConfig(augment_gain=0.0, augment_noise=0.2))
    assert torch.equal(gained, gained[:, :1].expand_as(gained))
    assert gained[:, 0].std().item() == pytest.approx(0.5, rel=0.1)
    assert noisy.std().item() == pytest.approx(0.2, rel=0.05)


def test_evaluation_does_not_depend_on_the_batch(spectra):
    """A soil's output is the same alone as among a thousand others."""
    X = np.tile(spectra[0], (20, 1))
    network = made()
    np.testing.assert_allclose(evaluate(network, X)[:1], evaluate(network, X[:1]), atol=1e-6)
    assert evaluate(network, X, "embed").shape == (1200, SMALL.n_features)
