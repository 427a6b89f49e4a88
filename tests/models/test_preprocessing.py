"""Preprocessing: known spectra become known values, and nothing outside a row matters."""

from __future__ import annotations

import numpy as np
import pytest

from soilpb.models import preprocessing
from soilpb.models.preprocessing import (
    Scaling,
    derivative_pipeline,
    preprocess,
    raw_pipeline,
    snv_pipeline,
)

PIPELINES = [raw_pipeline, snv_pipeline, derivative_pipeline]


@pytest.fixture
def reflectance():
    """Twelve spectra of 40 bands, between 0.05 and 0.9."""
    return np.random.default_rng(0).uniform(0.05, 0.9, size=(12, 40))


def test_absorbance_floors_what_is_below_noise():
    """Reflectance of zero or less reads as the floor."""
    found = raw_pipeline().fit_transform([[0.0, -0.02, 0.1]])
    np.testing.assert_allclose(found, [[2.69897, 2.69897, 1.0]], atol=1e-6)


def test_snv_forgets_scale_and_offset(reflectance):
    """SNV of a·x + b equals SNV of x, x being absorbance."""
    x = -np.log10(reflectance)
    changed = 10 ** -(0.7 * x + 0.1)
    np.testing.assert_allclose(
        snv_pipeline().fit_transform(changed), snv_pipeline().fit_transform(reflectance), atol=1e-10
    )


def test_derivative_of_a_parabola_is_its_slope():
    """A quadratic absorbance has its exact derivative at every band, the ends included."""
    band = np.arange(30.0)
    x = 0.2 + 0.01 * band + 0.0005 * band**2
    found = derivative_pipeline().fit_transform(10 ** -x[None])
    np.testing.assert_allclose(found[0], 0.01 + 0.001 * band, atol=1e-12)


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_row_is_preprocessed_alone(pipeline, reflectance):
    """Other spectra do not matter, nor are any written into; another number of bands is refused."""
    before, fitted = reflectance.copy(), pipeline().fit(reflectance)
    found, other = (each.transform(reflectance) for each in (fitted, pipeline().fit(reflectance[::-1] ** 2)))
    np.testing.assert_array_equal(found, other)
    assert found.shape == before.shape
    np.testing.assert_array_equal(reflectance, before)
    with pytest.raises(ValueError, match="40 features"):
        fitted.transform(reflectance[:, :-1])


@pytest.mark.parametrize(("copies", "row"), [(1, 4), (400, 4100)])
def test_a_library_of_any_size_is_transformed_as_by_the_pipeline(reflectance, copies, row):
    """In float32; a spectrum without any feature has no SNV, and the error names its row in the library."""
    library = np.tile(reflectance, (copies, 1))
    found = preprocess(library, "snv")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, snv_pipeline().fit_transform(library), atol=1e-6)
    library[row] = 0.3
    with pytest.raises(ValueError, match=f"row {row} is flat"):
        preprocess(library, "snv")


def test_scales_do_not_depend_on_the_part(monkeypatch, reflectance):
    """Scales learnt a few columns at a time are bit-equal to those learnt at once."""
    whole = Scaling.learn(reflectance)
    monkeypatch.setattr(preprocessing, "_VALUES", 3 * len(reflectance))
    parts = Scaling.learn(reflectance)
    assert np.array_equal(whole.mean, parts.mean)
    assert np.array_equal(whole.sd, parts.sd)


def test_scaling_ignores_what_is_missing_and_returns():
    """Scales are learnt from what was measured, and inverting gives the values back."""
    values = np.array([[1.0, 10.0], [3.0, np.nan], [5.0, 30.0]])
    scaling = Scaling.learn(values)
    np.testing.assert_allclose(scaling.mean, [3, 20])
    np.testing.assert_allclose(scaling.sd, [np.sqrt(8 / 3), 10])
    np.testing.assert_allclose(scaling.invert(scaling.apply(values)), values, rtol=1e-6)


def test_a_dead_column_cannot_explode():
    """A column that does not vary is scaled by a tenth of the median spread of those that do."""
    values = np.random.default_rng(0).normal(size=(500, 5)) * [1, 2, 3, 0, 0]
    scaling = Scaling.learn(values)
    np.testing.assert_allclose(scaling.sd[3:], 0.1 * np.std(values[:, 1]))
    assert np.abs(scaling.apply(np.ones((1, 5)))).max() < 10
    np.testing.assert_array_equal(Scaling.learn(np.ones((4, 2))).sd, [0.1, 0.1])
