"""MiniRocket's features are what its paper says, worked out another way."""

from __future__ import annotations

import numpy as np
import pytest

from soilpb.models.linear import KERNELS, MiniRocket, convolutions, dilations


def spectra(n_samples, n_bands, seed=0):
    return np.cumsum(np.random.default_rng(seed).normal(size=(n_samples, n_bands)), axis=1).astype(np.float32)


def test_there_are_84_kernels_of_weights_that_sum_to_zero():
    """Each kernel has three weights of 2 and six of -1, and no two are alike."""
    weights = np.full((84, 9), -1)
    weights[np.arange(84)[:, None], KERNELS] = 2
    assert (weights.sum(axis=1) == 0).all()
    assert len(np.unique(weights, axis=0)) == 84


def test_a_single_spike_gives_back_the_kernel():
    """Convolving one 1 amid zeros spreads the kernel's weights, last first, at the dilation's steps."""
    spike = np.zeros((1, 41), dtype=np.float32)
    spike[0, 20] = 1
    places = [0, 4, 7]
    kernel = KERNELS.tolist().index(places)
    (convolved,) = convolutions(spike, dilation=3)[kernel]
    expected = np.full(9, -1.0)
    expected[places] = 2
    assert np.flatnonzero(convolved).tolist() == list(range(8, 33, 3))
    np.testing.assert_array_equal(convolved[8:33:3], expected[::-1])


@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_convolutions_are_those_of_numpy(dilation):
    """All 84 equal np.convolve with the dilated weights, zeros beyond the ends."""
    X = spectra(2, 60)
    ours = convolutions(X, dilation)
    for kernel, places in enumerate(KERNELS):
        weights = np.zeros(8 * dilation + 1)
        weights[::dilation] = -1
        weights[places * dilation] = 2
        theirs = [np.convolve(row, weights[::-1], mode="same") for row in X]
        np.testing.assert_allclose(ours[kernel], theirs, atol=1e-4)


def test_features_are_shares_above_the_bias():
    """By hand on one spike: every other kernel sees zeros beyond the ends, the rest whole windows."""
    spike = np.zeros((1, 12), dtype=np.float32)
    spike[0, 5] = 1
    model = MiniRocket(n_features=84).fit(spike)
    model.biases_ = [np.full((84, 1), 0.5, dtype=np.float32)]
    features = model.transform(spike)[0]
    # The weights of 2 of the first kernel, at places 0, 1 and 2, meet the spike from positions 9, 8 and 7:
    # 3 of 12. Those of the second, at 0, 1 and 3, from 9, 8 and 6; whole windows stand at 4 to 7: 1 of 4.
    assert model.dilations_.tolist() == [1]
    assert features[:2] == pytest.approx([3 / 12, 1 / 4])


def test_biases_are_quantiles_of_training_convolutions():
    """With a single training spectrum, each bias is the stated quantile of that kernel's convolution."""
    X = spectra(1, 50)
    model = MiniRocket(n_features=84 * 40).fit(X)
    first = convolutions(X, model.dilations_[0])[:, 0]
    golden = (1 + 5**0.5) / 2
    n = model.biases_[0].shape[1]
    for kernel in (0, 1, 83):
        levels = np.arange(kernel * n + 1, (kernel + 1) * n + 1) * golden % 1
        np.testing.assert_allclose(model.biases_[0][kernel], np.quantile(first[kernel], levels), rtol=1e-5)


@pytest.mark.parametrize(("n_bands", "per_kernel"), [(9, 1), (40, 5), (206, 119), (2100, 119)])
def test_dilations_stay_inside_the_spectrum(n_bands, per_kernel):
    """The widest kernel is no longer than the spectrum, and every feature has its dilation."""
    spacing, counts = dilations(n_bands, per_kernel)
    assert 8 * spacing.max() + 1 <= n_bands
    assert counts.sum() == per_kernel
    assert (counts > 0).all()


def test_a_spectrum_is_transformed_alone(monkeypatch):
    """Features do not depend on the spectra beside it, nor on how many are handled at once."""
    X = spectra(20, 64)
    model = MiniRocket(n_features=500, seed=3).fit(X)
    together = model.transform(X)
    np.testing.assert_array_equal(together[7:9], model.transform(X[7:9]))
    monkeypatch.setattr("soilpb.models.linear._VALUES", 84 * 64 * 3)
    np.testing.assert_array_equal(together, model.transform(X))


def test_the_seed_draws_the_training_spectra():
    """The same seed gives the same bits; another seed other biases."""
    X = spectra(20, 64)
    first, again, other = (MiniRocket(500, seed).fit_transform(X) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_spectrum_too_short_for_a_kernel_is_refused():
    """Eight bands cannot hold a kernel of nine."""
    with pytest.raises(ValueError, match="minimum of 9 is required"):
        MiniRocket().fit(spectra(5, 8))
