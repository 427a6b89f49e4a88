"""Attributions add up, and their tables say what they say; linear models are explained exactly."""

import numpy as np
import pytest

from soilpb.explain.attribution import (
    Attribution,
    absorbance_coefficients,
    attribute_by_coefficients,
    attribute_components,
    attribute_zones,
    band_members,
)
from soilpb.models.pls import PLSCV
from soilpb.spectra import absorbance, reflectance_from_absorbance

FOUR = np.array([500.0, 510.0, 520.0, 540.0])
WAVELENGTHS = np.arange(500.0, 800.0, 10.0)


@pytest.fixture
def known():
    """Two soils, four wavelengths, attributions that cancel between the first two."""
    values = np.array([[1.0, -1.0, 2.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    inputs = np.array([[1.0, 1.0, 3.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    return Attribution("known", FOUR, values, inputs, predicted=np.array([7.0, 5.0]), base=5.0)


@pytest.fixture(scope="module")
def soils():
    """Reflectance of 60 soils, and a target that is 3 A(600) - 2 A(700)."""
    rng = np.random.default_rng(0)
    spectra = 0.5 + 0.05 * np.cumsum(rng.normal(size=(60, 30)), axis=1) / 3
    return reflectance_from_absorbance(spectra), 3 * spectra[:, 10] - 2 * spectra[:, 20]


@pytest.fixture(scope="module")
def exact(soils):
    """PLS with every latent variable: least squares, which finds the two bands."""
    return PLSCV(max_components=30, preprocessing="raw").fit(*soils)


def test_profile_is_tidy(known):
    """One row per wavelength: size, mean, size per nanometre and the sign of the effect."""
    table = known.profile("ResNet-pH", draw=3)
    assert set(table["model"]) == {"ResNet-pH"}
    assert set(table["draw"]) == {3}
    assert table["wavelength"].tolist() == FOUR.tolist()
    assert table["mean_abs"].tolist() == [1, 1, 1, 0]
    assert table["mean"].tolist() == [0, 0, 1, 0]
    assert table["per_nm"].tolist() == [0.1, 0.1, 1 / 15, 0]
    assert table["direction"].tolist() == pytest.approx([1, -1, 1, 0])


def test_bands_sum_before_size_is_taken(known):
    """Opposite attributions of neighbours cancel inside a band; size is per nanometre of its width."""
    table = known.bands(np.array([500.0, 515.0, 545.0]), "ResNet-pH")
    assert table["mean_abs"].tolist() == [0, 1]
    assert table["per_nm"].tolist() == [0, 1 / 30]
    assert table[["start", "stop"]].to_numpy().tolist() == [[500, 515], [515, 545]]


def test_what_does_not_add_up_is_an_error(known):
    """A gap beyond the tolerance is refused; within it, the attribution passes through."""
    assert known.additivity_error == 0
    assert known.require_additivity() is known
    known.attributions[0, 0] += 0.1
    with pytest.raises(ArithmeticError, match=r"known: attributions miss the predictions by up to 0\.1"):
        known.require_additivity()


def test_bands_are_half_open_and_never_empty(known):
    """A wavelength on an edge belongs to the band it opens; a band without wavelengths is refused."""
    members = band_members(FOUR, np.array([500.0, 510.0, 540.0]))
    assert members.astype(int).tolist() == [[1, 0, 0, 0], [0, 1, 1, 0]]
    with pytest.raises(ValueError, match="the band 525–535 nm holds no wavelength"):
        known.bands(np.array([500.0, 525.0, 535.0, 545.0]), "ResNet-pH")


def test_coefficients_are_those_of_absorbance(exact, soils):
    """A model that is linear in absorbance gives back its own coefficients; derivatives are undone."""
    np.testing.assert_allclose(absorbance_coefficients(exact, soils[0]), exact.coef_, atol=1e-8)
    derivative = PLSCV(max_components=8, preprocessing="d1").fit(*soils)
    rebuilt = absorbance(soils[0]) @ absorbance_coefficients(derivative, soils[0])
    assert np.ptp(derivative.predict(soils[0]) - rebuilt) < 1e-8


def test_linear_models_are_explained_exactly(exact, soils):
    """Where the target is 3 A(600) - 2 A(700), these bands get all, with these signs, and it adds up."""
    explained = attribute_by_coefficients(exact, soils[0][:20], soils[0][20:], WAVELENGTHS)
    table = explained.require_additivity().profile("PLS").set_index("wavelength")
    assert set(table["mean_abs"].nlargest(2).index) == {600, 700}
    assert table.loc[[600, 700], "direction"].tolist() == pytest.approx([1, -1])


def test_a_model_that_is_not_linear_does_not_add_up(soils):
    """SNV divides by each spectrum's own spread, so coefficients are an approximation only."""
    model = PLSCV(max_components=5, preprocessing="snv").fit(*soils)
    with pytest.raises(ArithmeticError, match="coefficients: attributions miss"):
        attribute_by_coefficients(model, soils[0], soils[0], WAVELENGTHS).require_additivity()


class Absorber:
    """A model that is linear in absorbance."""

    def __init__(self, slopes):
        self.slopes = np.asarray(slopes)

    def predict(self, X):
        """Sum absorbances."""
        return absorbance(X) @ self.slopes


def correlated(rho, n=4000, size=0.02):
    """Reflectance of three bands, of which the first two are correlated."""
    covariance = np.eye(3)
    covariance[0, 1] = covariance[1, 0] = rho
    A = 0.5 + size * np.random.default_rng(0).multivariate_normal(np.zeros(3), covariance, n)
    return reflectance_from_absorbance(A)


@pytest.mark.parametrize(("rho", "shares"), [(0.0, [1, 0, 0]), (0.999, [0.5, 0.5, 0])])
def test_both_shapley_values_are_what_theory_says(rho, shares):
    """A model of one band: the conditional value halves with a band that varies as one."""
    model, X, nm = Absorber([1.0, 0, 0]), correlated(rho), np.array([500.0, 600, 700])
    edges = np.array([450.0, 550, 650, 750])
    asked = (model, X[:200], X, nm)
    for found, expected in (
        (attribute_by_coefficients(*asked), [1, 0, 0]),
        (attribute_zones(*asked, edges), shares),
    ):
        assert found.additivity_error < 1e-6
        sizes = found.bands(edges, "")["mean_abs"]
        np.testing.assert_allclose(sizes / sizes.sum(), expected, atol=0.03)


def test_credit_of_components_returns_to_their_bands():
    """Credits of components add up; two bands that vary as one share what a model of one of them predicts."""
    X, nm = correlated(0.999), np.array([500.0, 600, 700])
    found = attribute_components(Absorber([1.0, 0, 0]), X[:200], X, nm, share=0.99)
    assert found.additivity_error < 1e-6
    sizes = np.abs(found.attributions).mean(axis=0)
    np.testing.assert_allclose(sizes / sizes.sum(), [0.5, 0.5, 0], atol=0.05)
