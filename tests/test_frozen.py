"""What is stored of a model predicts by itself: sums of bands, likeness to soils, networks, sums of these."""

import numpy as np
import pytest

from soilpb.models.network import SpectralNetwork
from soilpb.old import frozen
from soilpb.old.frozen import Linear, Network, Process, Sum, thaw

X = np.random.default_rng(0).uniform(0.1, 0.6, (12, 210)).astype(np.float32)
BANDS = np.arange(400.0, 2500.0, 10.0)


def process(spectra):
    """Likeness to one soil, on standardised absorbance."""
    learned = {"mean": np.zeros(210), "sd": np.full(210, np.sqrt(210)), "weights": np.array([2.0])}
    return Process("raw", spectra=spectra, **learned, signal=1.5, length=0.5, level=6.0, spread=0.1)


def test_a_soil_is_as_like_itself_as_can_be():
    """At the soil itself the kernel is its variance; far from it, nothing but the level is left."""
    one = process(X[:1])
    assert one.predict(X[:1]) == pytest.approx([6.0 + 0.1 * 1.5 * 2.0])
    assert one.predict(np.full((1, 210), 1e-9)) == pytest.approx([6.0], abs=0.01)


def test_likeness_falls_as_the_kernel_says():
    """A spectrum darker by 0.3 everywhere is 0.3 away: Matérn of 3/2, by hand."""
    root = np.sqrt(3) * 0.3 / 0.5
    expected = 6.0 + 0.2 * 1.5 * (1 + root) * np.exp(-root)
    assert process(X[:1].astype(float)).predict(X[:1] * 10**-0.3) == pytest.approx([expected], rel=1e-6)


@pytest.mark.parametrize("of", ["predictions", "features"])
def test_a_network_is_weighed(of):
    """By what it predicts, or by its features; thawed, bit for bit."""
    network = SpectralNetwork.random(X, BANDS, ("pH", "clay"), seed=1)
    known = network.predict(X) if of == "predictions" else network.embed(X)
    weights = np.random.default_rng(2).standard_normal(known.shape[1])
    model = Network(network, weights, of)
    np.testing.assert_allclose(model.predict(X), known @ weights, rtol=1e-6)
    np.testing.assert_array_equal(thaw(model.arrays(), model.settings()).predict(X), model.predict(X))


def test_precision_of_spectra_does_not_matter():
    """Single precision is taken for what it is: views are computed in double precision."""
    model = Linear("d1", np.random.default_rng(3).standard_normal(210), 1.0)
    np.testing.assert_array_equal(model.predict(X), model.predict(X.astype(float)))


def test_sums_nest():
    """Members of members keep their arrays apart."""
    bands = [Linear("raw", np.full(2, weight), 0.5) for weight in (1.0, 2.0)]
    nested = Sum((Sum(tuple(bands), (1.0, 1.0)), bands[0]), (2.0, -1.0), 3.0)
    assert set(nested.arrays()) == {"0.0.coefficients", "0.1.coefficients", "1.coefficients"}
    X = np.array([[0.1, 0.01]])  # absorbance 1 and 2
    assert thaw(nested.arrays(), nested.settings()).predict(X) == pytest.approx(2 * (3 + 6 + 1) - 3.5 + 3)


def test_numbers_of_two_digits_are_kept_apart():
    """Model 1 does not take the arrays of models 10 and 11."""
    models = tuple(Linear("raw", np.full(3, float(i)), float(i)) for i in range(12))
    settings = [model.settings() for model in models]
    thawed = frozen.thaw_numbered(frozen.numbered(models), settings)
    assert [model.coefficients[0] for model in thawed] == [model.intercept for model in models]
