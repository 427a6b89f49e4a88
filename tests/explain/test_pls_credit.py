"""Credit, coefficients and VIP of linear models, against what is known."""

import numpy as np
import pytest

from soilpb.explain.attribution import absorbance_coefficients, linear_shap, pls_importance
from soilpb.models.pls import PLSCV
from soilpb.spectra import absorbance, reflectance_from_absorbance

WAVELENGTHS = np.arange(500.0, 800.0, 10.0)


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


def test_coefficients_are_those_of_absorbance(exact, soils):
    """A model that is linear in absorbance gives back its own coefficients."""
    np.testing.assert_allclose(absorbance_coefficients(exact, soils[0]), exact.coef_, atol=1e-8)


def test_derivatives_are_undone(soils):
    """Coefficients of a model on derivatives predict from absorbance itself, up to a constant."""
    model = PLSCV(max_components=8, preprocessing="d1").fit(*soils)
    rebuilt = absorbance(soils[0]) @ absorbance_coefficients(model, soils[0])
    offset = model.predict(soils[0]) - rebuilt
    assert np.ptp(offset) < 1e-8


def test_credit_goes_to_the_bands_that_matter(exact, soils):
    """Where the target is 3 A(600) - 2 A(700), these bands get the credit, with these signs."""
    explained = linear_shap(exact, soils[0][:20], soils[0][20:], WAVELENGTHS)
    table = explained.profile("PLS").set_index("wavelength")
    assert set(table["mean_abs"].nlargest(2).index) == {600, 700}
    assert table.loc[600, "direction"] == pytest.approx(1)
    assert table.loc[700, "direction"] == pytest.approx(-1)


def test_a_model_that_is_not_linear_is_refused(soils):
    """SNV divides by each spectrum's own spread, so coefficients do not add up, and that is an error."""
    model = PLSCV(max_components=5, preprocessing="snv").fit(*soils)
    with pytest.raises(ArithmeticError, match="linear: credit misses"):
        linear_shap(model, soils[0], soils[0], WAVELENGTHS)


def test_vip_is_the_textbook_sum(soils):
    """VIP² is the weights' squares, averaged by explained sums of squares, times the bands; its mean is 1."""
    model = PLSCV(max_components=1, preprocessing="raw").fit(*soils)
    table = pls_importance(model, *soils, WAVELENGTHS)
    assert (table["vip"] ** 2).mean() == pytest.approx(1)
    weights = (absorbance(soils[0]) - absorbance(soils[0]).mean(axis=0)).T @ (soils[1] - soils[1].mean())
    np.testing.assert_allclose(table["vip"], np.sqrt(30) * np.abs(weights) / np.linalg.norm(weights))


def test_vip_counts_components_by_what_they_explain(soils):
    """A second latent variable that explains next to nothing of the target leaves VIP as it was."""
    spectra = absorbance(soils[0])
    first = np.linalg.svd(spectra - spectra.mean(axis=0), full_matrices=False)[2][0]
    y = spectra @ first + 1e-4 * np.random.default_rng(1).normal(size=60)
    model = PLSCV(max_components=1, preprocessing="raw").fit(soils[0], y)
    one = pls_importance(model, soils[0], y, WAVELENGTHS)["vip"]
    model.n_components_ = 2
    np.testing.assert_allclose(pls_importance(model, soils[0], y, WAVELENGTHS)["vip"], one, atol=0.01)
