import numpy as np
import pytest

from soilpb.simulate import twin
from soilpb.simulate.minerals import absorption, add_constituent, km_reflectance, scattering
from soilpb.simulate.soils import draw_soils
from soilpb.simulate.twin import KNOTS, NATIVE_GRID, Instrument, LeadBand, Texture, measure, soil_reflectance
from soilpb.spectra import band_grid, resample

GRID = band_grid(400, 2490, 10)
PERFECT = Instrument("perfect", gain=0, splice=0, noise=0)


@pytest.fixture(scope="module")
def soils():
    rng = np.random.default_rng(1)
    table = draw_soils(60, rng, 0.35, 4000.0, 600.0)
    return table.assign(packing=np.exp(0.25 * rng.standard_normal(60)), Pb_mg_kg=np.linspace(50, 1000, 60))


def test_native_bands_are_those_of_lucas():
    """There are 4,200 native bands, from 400 to 2499.5 nm by 0.5 nm."""
    assert (NATIVE_GRID.size, NATIVE_GRID[0], NATIVE_GRID[-1]) == (4200, 400, 2499.5)


def test_knots_carry_all_that_the_physics_has(soils, monkeypatch):
    """Spectra computed at 2.5 nm and resampled equal spectra computed at 0.5 nm and resampled."""
    coarse = soil_reflectance(soils, GRID, Texture.draw(60, np.random.default_rng(2)))
    monkeypatch.setattr(twin, "KNOTS", NATIVE_GRID)
    fine = twin._at_knots(soils, Texture.draw(60, np.random.default_rng(2)), None)
    np.testing.assert_allclose(coarse, resample(NATIVE_GRID, fine, GRID), atol=1e-4)


def test_a_coarse_grid_is_the_resampled_native_one(soils):
    """Measuring at 10 nm equals measuring at 0.5 nm and resampling: noise, ripple, splices and all."""
    instrument = Instrument("rippled", ripple=0.003)
    native = measure(soils, instrument, np.random.default_rng(3))
    coarse = measure(soils, instrument, np.random.default_rng(3), GRID)
    assert native.shape == (60, 4200)
    np.testing.assert_allclose(resample(NATIVE_GRID, native, GRID), coarse, atol=1e-4)


def test_chunks_do_not_show(soils, monkeypatch):
    """Measuring seven soils at a time equals measuring all at once."""
    whole = measure(soils, Instrument("any"), np.random.default_rng(4), GRID)
    monkeypatch.setattr(twin, "_CHUNK", 7)
    np.testing.assert_allclose(
        measure(soils, Instrument("any"), np.random.default_rng(4), GRID), whole, atol=1e-6
    )


def test_measuring_leaves_the_soils_alone(soils):
    """The table of soils is not written to."""
    before = soils.copy(deep=True)
    measure(soils, Instrument("any"), np.random.default_rng(0), GRID, LeadBand(1000, 20, 0.05))
    assert soils.equals(before)


def test_a_perfect_instrument_reads_the_soil(soils):
    """Without gain, splice, noise and ripple the reading is the reflectance of these soils."""
    texture = Texture.draw(60, np.random.default_rng(5))
    reading = measure(soils, PERFECT, np.random.default_rng(5), GRID)
    np.testing.assert_allclose(reading, soil_reflectance(soils, GRID, texture), atol=1e-6)


def test_nominal_texture_is_the_atlas(soils):
    """A nominal soil reflects as Kubelka and Munk say of the atlas, its packing and its clay."""
    lone = soils.iloc[:1]
    abundance = lone[[f"{name}_pct" for name in twin.ENDMEMBERS]].to_numpy() / 100
    factor = lone["packing"].item() * (lone["clay_pct"].item() / 25) ** -0.6
    expected = km_reflectance(0.05 + absorption(KNOTS, abundance), scattering(KNOTS, factor))
    at_knots = soil_reflectance(lone)[:, ::5]
    np.testing.assert_allclose(at_knots, expected[:, :-1], atol=1e-5)


def test_mixing_into_a_spectrum_is_mixing_into_the_soil(soils):
    """Adding goethite to spectra equals simulating the soils with as much more goethite."""
    richer = soils.assign(goethite_pct=1.4 * soils["goethite_pct"])
    delta = 0.4 * soils["goethite_pct"].to_numpy() / 100
    poorer = soil_reflectance(soils)
    mixed = add_constituent(poorer, NATIVE_GRID, "goethite", delta, twin.scattering_factor(soils))
    np.testing.assert_allclose(mixed, soil_reflectance(richer), atol=1e-5)
    assert np.abs(mixed - poorer).max() > 0.02


def test_noise_is_worst_at_both_ends():
    """The noise of a knot is three times that of the middle at 400 and at 2500 nm."""
    level = Instrument("any").noise_level(KNOTS) / 0.0015
    np.testing.assert_allclose(level[[0, 400, -1]], [3, 1, 3], atol=0.01)


def test_splices_step_where_detectors_change(soils):
    """With splices alone, the spectrum steps after 1000 and after 1800 nm and nowhere else."""
    stepped = measure(soils, Instrument("stepped", 0, 0.05, 0), np.random.default_rng(6))
    smooth = measure(soils, PERFECT, np.random.default_rng(6))
    jump = np.abs(np.diff(stepped / smooth, axis=1)).max(axis=0)
    assert list(NATIVE_GRID[:-1][jump > 1e-3]) == [1000.0, 1800.0]


def test_a_direct_band_darkens_with_lead(soils):
    """With a planted band, spectra darken there in proportion to lead, and nowhere else."""
    plain, planted = (soil_reflectance(soils, GRID, direct_band=b) for b in (None, LeadBand(1000, 20, 0.05)))
    fall = plain - planted
    assert fall[:, GRID == 1000].min() > 0
    assert fall[-1, GRID == 1000] > 2 * fall[0, GRID == 1000]
    assert np.abs(fall[:, np.abs(GRID - 1000) > 150]).max() < 1e-6


def test_a_grid_beyond_the_physics_is_refused(soils):
    """Nothing is extrapolated below 400 nm."""
    with pytest.raises(ValueError, match="reaches beyond"):
        measure(soils, PERFECT, np.random.default_rng(0), band_grid(350, 2490, 10))
