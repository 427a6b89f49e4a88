"""The table of a kept model has all that it says of a soil, under names that need no code."""

import numpy as np
import pytest

from soilpb.decide import stored_model
from soilpb.decide.exceedance import with_measured_ph
from soilpb.models import baselines
from soilpb.readers.site import read_measured


@pytest.fixture(scope="module")
def model(study):
    return stored_model.fit_site_model(study, {"ridge": baselines.ridge()})


def test_the_table_has_the_names_of_the_laboratory(study, model):
    """Target, pH, a probability a rule, and the flag, under names that need no code."""
    table = stored_model.predict_soils(model, study.target, "Pb_mg_kg", "GB 15618-2018")
    assert list(table) == [
        *("Pb_mg_kg", "Pb_mg_kg_lower", "Pb_mg_kg_upper", "pH", "pH_lower", "pH_upper"),
        *("p_above_screening_paddy", "p_above_screening_other_land", "p_above_intervention"),
        *("distance", "outside"),
    ]
    np.testing.assert_array_equal(table.index, study.ids)
    np.testing.assert_allclose(table["Pb_mg_kg"], model.predict(study.X)["predicted"])


def test_measured_ph_sets_the_limit(study, model):
    """Given a pH, the probability is that of this pH's limit."""
    soils = study.target.take(np.arange(5))
    found = stored_model.predict_soils(model, soils, "Pb_mg_kg", "GB 15618-2018", ph=np.full(5, 4.0))
    draws = np.exp(model.target.draws(soils.reflectance))
    expected = with_measured_ph(draws, 4.0, "GB 15618-2018", "intervention")
    np.testing.assert_allclose(found["p_above_intervention"], expected)


def test_spectra_of_another_instrument_are_resampled(study, model):
    """Finer bands that cover the grid are brought to it: predictions hardly change."""
    native = read_measured(study.site)
    assert native.n_bands != len(model.wavelengths)
    found = stored_model.predict_soils(model, native, "Pb_mg_kg")
    np.testing.assert_allclose(found["Pb_mg_kg"], model.predict(study.X)["predicted"])
