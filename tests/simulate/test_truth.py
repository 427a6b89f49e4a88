import numpy as np
import pytest

from soilpb.simulate import truth, twin
from soilpb.simulate.soils import expected_ph, log_pb
from soilpb.simulate.twin import soil_reflectance
from soilpb.spectra import absorbance, band_grid

GRID = band_grid(400, 2490, 10)


@pytest.fixture(scope="module")
def samples():
    return twin.simulate_target(300, seed=5, grid=GRID).samples


@pytest.fixture(scope="module")
def response(samples):
    table = truth.true_response(samples, GRID)
    return table.pivot(index="wavelength", columns="constituent", values="response")


def test_slopes_are_the_coefficients(samples):
    """Directly iron has .62, clay .45; through pH a further −.45·.45 and .45·.40, organic matter −.45·.35."""
    slopes = truth.true_mineral_slopes(samples).set_index("constituent")
    np.testing.assert_allclose(slopes.loc["iron_oxides"], [0.62, 0.62 - 0.45 * 0.45], atol=1e-6)
    np.testing.assert_allclose(slopes.loc["clay"], [0.45, 0.45 + 0.45 * 0.40], atol=1e-6)
    np.testing.assert_allclose(slopes.loc["organic_matter"], [0, -0.45 * 0.35], atol=1e-6)


def test_the_carbonate_slope_follows_its_law(samples):
    """The carbonate slope is the mean of .45 · .62 · c / (c + 0.4 %)."""
    slopes = truth.true_mineral_slopes(samples).set_index("constituent")
    carbonate = samples["CaCO3_pct"]
    expected = 0.45 * 0.62 * (carbonate / (carbonate + 0.4)).mean()
    assert slopes.loc["carbonate", "total"] == pytest.approx(expected, rel=1e-4)


def test_members_of_a_mixture_share_its_slope(samples):
    """The slopes of hematite and goethite add up to that of the iron oxides."""
    slopes = truth.true_mineral_slopes(samples).set_index("constituent")["total"]
    assert slopes["hematite"] + slopes["goethite"] == pytest.approx(slopes["iron_oxides"], rel=1e-6)


def test_bystanders_have_no_slope(samples):
    """Water, manganese oxide, gypsum and jarosite do not move lead."""
    slopes = truth.true_mineral_slopes(samples).set_index("constituent")
    assert (slopes.loc[["water", "manganese_oxide", "gypsum", "jarosite"]] == 0).all(axis=None)


def test_slopes_from_the_mean_are_those_of_adding_as_much_to_each(samples):
    """With reference 'mean', iron's direct slope is .62 · mean(Fe) · mean(1/Fe) where oxides go together."""
    alike = samples.assign(hematite_pct=samples["goethite_pct"])
    slopes = truth.true_mineral_slopes(alike, "mean").set_index("constituent")
    iron = alike["goethite_pct"]
    assert slopes.loc["iron_oxides", "direct"] == pytest.approx(
        0.62 * iron.mean() * (1 / iron).mean(), rel=1e-4
    )


def test_an_unknown_reference_is_refused(samples):
    """Only 'own' and 'mean' say what the logarithm is counted from."""
    with pytest.raises(ValueError, match="reference is 'median'"):
        truth.true_mineral_slopes(samples, "median")


def test_the_ceiling_is_what_noise_leaves(samples):
    """The ceiling is 1 − .22² / Var(ln Pb) up to sampling; not knowing pH's residual lowers it."""
    variance = np.var(np.log(samples["Pb_mg_kg"]))
    assert truth.ceiling_r2(samples) == pytest.approx(1 - 0.22**2 / variance, abs=0.03)
    assert truth.ceiling_r2(samples, ph_known=False) < truth.ceiling_r2(samples)


def test_drivers_respond_where_they_absorb(response):
    """Hematite responds most in the visible, kaolinite at its hydroxyls, carbonate above 2300 nm."""
    assert response["hematite"].idxmax() <= 700
    assert min(abs(response["kaolinite"].idxmax() - nm) for nm in (1410, 2207)) <= 10
    assert min(abs(response["carbonate"].idxmax() - nm) for nm in (2340, 2490)) <= 10


def test_what_does_not_move_lead_responds_nowhere(response):
    """Water absorbs strongly and drives nothing: its response is zero at every band."""
    assert (response[["water", "manganese_oxide", "gypsum", "jarosite"]] == 0).all(axis=None)
    assert response["hematite"].abs().max() > 0.01


def test_organic_matter_darkens_soils_poor_in_lead(response):
    """Organic matter lowers pH and so lead: absorbance in the visible falls as lead rises through it."""
    assert response.loc[450:600, "organic_matter"].max() < 0


def test_all_is_the_sum(response):
    """The row 'all' adds up the constituents."""
    np.testing.assert_allclose(response["all"], response.drop(columns="all").sum(axis=1), atol=1e-12)


def test_a_lone_driver_has_the_regression_slope(samples):
    """Where one constituent alone varies, the response is the slope of absorbance on ln Pb."""
    fixed = samples[:100].assign(packing=1.0)
    for name in samples.columns[samples.columns.str.endswith("_pct")]:
        if name != "carbonate_pct":
            fixed[name] = samples[name].median()
    table = truth.true_response(fixed, GRID, n_swaps=40).query("constituent == 'carbonate'")
    x = log_pb(fixed, expected_ph(fixed))
    y = absorbance(soil_reflectance(fixed, GRID))
    slope = (x - x.mean()) @ (y - y.mean(axis=0)) / ((x - x.mean()) @ (x - x.mean()))
    np.testing.assert_allclose(table["response"], slope, rtol=0.1, atol=1e-3)


def test_a_planted_band_is_found():
    """With lead that absorbs at 1000 nm, the response of lead peaks there and only there."""
    band = (1000.0, 20.0, 0.03)
    planted = twin.simulate_target(100, seed=2, grid=GRID, direct_band=band)
    lead = truth.true_response(planted.samples, GRID, direct_band=band).query("constituent == 'lead'")
    lead = lead.set_index("wavelength")["response"]
    assert lead.idxmax() == 1000
    assert lead[(lead.index < 850) | (lead.index > 1150)].abs().max() < 1e-6


def test_the_transform_is_what_the_model_sees(samples):
    """Doubling the predictor doubles the response."""
    once = truth.true_response(samples[:50], GRID, n_swaps=1)["response"]
    twice = truth.true_response(samples[:50], GRID, transform=lambda r: 2 * absorbance(r), n_swaps=1)[
        "response"
    ]
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-5, atol=1e-8)
