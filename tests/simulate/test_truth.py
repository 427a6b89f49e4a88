"""What is true of simulated soils follows from their chemistry."""

import numpy as np
import pytest

from soilpb.simulate import twin
from soilpb.simulate.soils import expected_ph, log_pb
from soilpb.simulate.twin import soil_reflectance
from soilpb.spectra import absorbance, band_grid

GRID = band_grid(400, 2490, 10)


@pytest.fixture(scope="module")
def samples():
    return twin.simulate_target(300, seed=5, grid=GRID).samples


@pytest.fixture(scope="module")
def response(samples):
    table = twin.true_response(samples, GRID)
    return table.pivot(index="wavelength", columns="constituent", values="response")


def test_slopes_are_the_coefficients(samples):
    """Directly iron has .62, clay .45; through pH a further −.45·.45 and .45·.40, organic matter −.45·.35."""
    slopes = twin.true_mineral_slopes(samples).set_index("constituent")
    np.testing.assert_allclose(slopes.loc["iron_oxides"], [0.62, 0.62 - 0.45 * 0.45], atol=1e-6)
    np.testing.assert_allclose(slopes.loc["clay"], [0.45, 0.45 + 0.45 * 0.40], atol=1e-6)
    np.testing.assert_allclose(slopes.loc["organic_matter"], [0, -0.45 * 0.35], atol=1e-6)


def test_the_carbonate_slope_follows_its_law(samples):
    """The carbonate slope is the mean of .45 · .62 · c / (c + 0.4 %)."""
    slopes = twin.true_mineral_slopes(samples).set_index("constituent")
    carbonate = samples["CaCO3_pct"]
    expected = 0.45 * 0.62 * (carbonate / (carbonate + 0.4)).mean()
    assert slopes.loc["carbonate", "total"] == pytest.approx(expected, rel=1e-4)


def test_bystanders_have_no_slope(samples):
    """Water, manganese oxide, gypsum and jarosite do not move lead."""
    slopes = twin.true_mineral_slopes(samples).set_index("constituent")
    assert (slopes.loc[["water", "manganese_oxide", "gypsum", "jarosite"]] == 0).all(axis=None)


def test_drivers_respond_where_they_absorb(response):
    """Hematite responds most in the visible, kaolinite at its hydroxyls, carbonate above 2300 nm."""
    assert response["hematite"].idxmax() <= 700
    assert min(abs(response["kaolinite"].idxmax() - nm) for nm in (1410, 2207)) <= 10
    assert min(abs(response["carbonate"].idxmax() - nm) for nm in (2340, 2490)) <= 10


def test_what_does_not_move_lead_responds_nowhere(response):
    """Water absorbs strongly and drives nothing: its response is zero at every band."""
    assert (response[["water", "manganese_oxide", "gypsum", "jarosite"]] == 0).all(axis=None)
    assert response["hematite"].abs().max() > 0.01


def test_a_lone_driver_has_the_regression_slope(samples):
    """Where one constituent alone varies, the response is the slope of absorbance on ln Pb."""
    fixed = samples[:100].assign(packing=1.0)
    for name in samples.columns[samples.columns.str.endswith("_pct")]:
        if name != "carbonate_pct":
            fixed[name] = samples[name].median()
    table = twin.true_response(fixed, GRID, n_swaps=12).query("constituent == 'carbonate'")
    x = log_pb(fixed, expected_ph(fixed))
    y = absorbance(soil_reflectance(fixed, GRID))
    slope = (x - x.mean()) @ (y - y.mean(axis=0)) / ((x - x.mean()) @ (x - x.mean()))
    np.testing.assert_allclose(table["response"], slope, rtol=0.1, atol=1e-3)


def test_a_planted_band_is_found():
    """With lead that absorbs at 1000 nm, the response of lead peaks there and only there."""
    band = (1000.0, 20.0, 0.03)
    planted = twin.simulate_target(100, seed=2, grid=GRID, direct_band=band)
    lead = twin.true_response(planted.samples, GRID, direct_band=band).query("constituent == 'lead'")
    lead = lead.set_index("wavelength")["response"]
    assert lead.idxmax() == 1000
    assert lead[(lead.index < 850) | (lead.index > 1150)].abs().max() < 1e-6
