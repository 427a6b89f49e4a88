"""What is true of simulated soils follows from their chemistry."""

import numpy as np
import pytest

from soilpb.simulate import twin
from soilpb.simulate.library import AMOUNTS
from soilpb.simulate.minerals import add_constituent
from soilpb.simulate.soils import expected_ph, log_pb
from soilpb.spectra import SoilSpectra, absorbance, band_grid

GRID = band_grid(400, 2490, 10)
BYSTANDERS = ["water", "manganese_oxide", "gypsum", "jarosite"]


@pytest.fixture(scope="module")
def soils():
    return twin.simulate_target(300, seed=5)


@pytest.fixture(scope="module")
def samples(soils):
    return soils.samples


@pytest.fixture(scope="module")
def response(soils):
    table = twin.true_response(soils)
    return table.pivot(index="wavelength", columns="constituent", values="response")


def test_slopes_are_the_coefficients(samples):
    """Directly iron has .8, clay .45; through pH iron has a further −.45·.30, organic matter .45·.20.

    Carbonate has the mean of .45 · .47 · c / (c + 0.4 %); bystanders have none.
    """
    slopes = twin.true_mineral_slopes(samples).set_index("constituent")
    np.testing.assert_allclose(slopes.loc["iron_oxides"], [0.8, 0.8 - 0.45 * 0.30], atol=1e-3)
    np.testing.assert_allclose(slopes.loc["clay", "direct"], 0.45, atol=0.02)
    carbonate = samples["CaCO3_pct"]
    expected = 0.45 * 0.47 * (carbonate / (carbonate + 0.4)).mean()
    assert slopes.loc["carbonate", "total"] == pytest.approx(expected, rel=1e-4)
    assert (slopes.loc[BYSTANDERS] == 0).all(axis=None)
    some = (samples["organic_matter_pct"] > 0.1).mean()
    np.testing.assert_allclose(slopes.loc["organic_matter"], [0, some * 0.45 * 0.20], atol=1e-3)


def test_drivers_respond_where_they_absorb_and_bystanders_nowhere(response):
    """Hematite responds most in the visible, kaolinite at its hydroxyls, carbonate above 2300 nm."""
    assert response["hematite"].idxmax() <= 700
    assert response["hematite"].abs().max() > 0.01
    assert min(abs(response["kaolinite"].idxmax() - nm) for nm in (1410, 2207)) <= 10
    assert min(abs(response["carbonate"].idxmax() - nm) for nm in (2340, 2490)) <= 10
    assert (response[BYSTANDERS] == 0).all(axis=None)


def test_a_lone_driver_has_the_regression_slope(soils):
    """Where one constituent alone varies, the response is the slope of absorbance on ln Pb."""
    samples, like = soils.samples.iloc[:100].copy(), np.repeat(soils.reflectance[:1], 100, axis=0)
    for column in AMOUNTS:
        if column != "carbonate_pct":
            samples[column] = samples[column].iloc[0]
    more = (samples["carbonate_pct"] - samples["carbonate_pct"].iloc[0]) / 100
    spectra = add_constituent(like, GRID, "carbonate", more.to_numpy())
    alone = SoilSpectra(GRID, spectra, samples, soils.provenance)
    table = twin.true_response(alone, n_swaps=12).query("constituent == 'carbonate'")
    x, y = log_pb(samples, expected_ph(samples)), absorbance(spectra)
    slope = (x - x.mean()) @ (y - y.mean(axis=0)) / ((x - x.mean()) @ (x - x.mean()))
    np.testing.assert_allclose(table["response"], slope, rtol=0.15, atol=2e-3)


def test_a_planted_band_is_found():
    """With lead that absorbs at 1000 nm, the response of lead peaks there and only there."""
    band = (1000.0, 20.0, 0.03)
    planted = twin.simulate_target(100, seed=2, direct_band=band)
    lead = twin.true_response(planted, direct_band=band).query("constituent == 'lead'")
    lead = lead.set_index("wavelength")["response"]
    assert lead.idxmax() == 1000
    assert lead[(lead.index < 850) | (lead.index > 1150)].abs().max() < 1e-6
