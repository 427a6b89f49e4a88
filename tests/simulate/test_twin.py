"""The twin: its seeds, its soils, its light and its instruments, against what is true by construction."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from soilpb.simulate import twin
from soilpb.simulate.minerals import absorption, add_constituent, km_reflectance, scattering
from soilpb.simulate.soils import draw_soils, log_pb
from soilpb.simulate.twin import KNOTS, NATIVE_GRID, Instrument, Texture, measure, soil_reflectance
from soilpb.spectra import band_grid, resample

GRID = band_grid(400, 2490, 10)
PERFECT = Instrument("perfect", gain=0, splice=0, noise=0)
LABORATORY = ["pH", "clay_pct", "SOC_pct", "CaCO3_pct", "Fe_pct"]


@pytest.fixture(scope="module")
def target():
    return twin.simulate_target(600, seed=11, grid=GRID)


@pytest.fixture(scope="module")
def source():
    return twin.simulate_source(600, seed=11, grid=GRID)


def snv(soils):
    """Standard normal variates of absorbance."""
    A = soils.absorbance
    return (A - A.mean(axis=1, keepdims=True)) / A.std(axis=1, keepdims=True)


@pytest.mark.parametrize("simulate", [twin.simulate_source, twin.simulate_target])
def test_a_seed_is_a_twin(simulate):
    """The same seed gives bit-equal soils and spectra, another seed others; one soil is too few."""
    first, again, other = simulate(30, 1, GRID), simulate(30, 1, GRID), simulate(30, 2, GRID)
    assert first.sha256() == again.sha256()
    pd.testing.assert_frame_equal(first.samples, again.samples)
    assert first.sha256() != other.sha256()
    with pytest.raises(ValueError, match="cannot simulate 1 soils"):
        simulate(1, 0, GRID)


def test_only_the_target_knows_lead(source, target):
    """The library has pH, the site lead as well; both are said to be simulated; they share no soil."""
    assert list(source.samples.columns[:5]) == LABORATORY
    assert list(target.samples.columns[:6]) == ["Pb_mg_kg", *LABORATORY]
    assert not source.samples.columns.str.contains("Pb").any()
    for soils in (source, target):
        assert soils.provenance.kind == "simulated"
        assert soils.samples["crs"].str.contains("fictional").all()
    assert not set(source.samples["packing"]) & set(target.samples["packing"])  # at equal seeds
    assert target.samples["Pb_mg_kg"].median() == pytest.approx(350, rel=0.08)


def test_without_label_noise_lead_is_the_truth():
    """With label noise zero, ln Pb equals what constituents and pH imply; with .22 it scatters by .22."""
    exact, noisy = (twin.simulate_target(400, 3, GRID, label_noise=noise) for noise in (0.0, 0.22))
    residual = [np.log(s.values("Pb_mg_kg")) - log_pb(s.samples, s.samples["pH"]) for s in (exact, noisy)]
    assert np.abs(residual[0]).max() < 1e-12
    assert residual[1].std() == pytest.approx(0.22, rel=0.1)
    np.testing.assert_array_equal(exact.reflectance, noisy.reflectance)


def test_the_shift_sets_the_domains_apart(source, target):
    """The site is richer in iron and clay than the library; a shift of zero is not."""
    medians = source.samples[["Fe_pct", "clay_pct"]].median()
    assert (target.samples[["Fe_pct", "clay_pct"]].median() > 1.1 * medians).all()
    unshifted = twin.simulate_target(600, 11, GRID, shift=0.0).samples[["Fe_pct", "clay_pct"]].median()
    np.testing.assert_allclose(unshifted, medians, rtol=0.08)


def test_groups_are_fields_of_neighbours(source, target):
    """A site's group is a square field of 800 m; each library soil is its own profile."""
    extent = target.samples.groupby("group")[["x", "y"]].agg(lambda v: v.max() - v.min())
    assert extent.to_numpy().max() <= 800
    assert target.samples["group"].nunique() == 25
    assert source.samples["group"].is_unique


def test_a_planted_band_is_darkened_by_lead():
    """With a direct band, reflectance at 1000 nm falls with lead beyond what its neighbourhood does."""
    contrast = []
    for band in (None, (1000.0, 15.0, 0.05)):
        soils = twin.simulate_target(300, 4, GRID, direct_band=band)
        at, beside = (soils.absorbance[:, np.isin(GRID, nm)].mean(axis=1) for nm in ([1000], [930, 1070]))
        contrast.append(np.corrcoef(at - beside, np.log(soils.values("Pb_mg_kg")))[0, 1])
    assert abs(contrast[0]) < 0.6 < 0.8 < contrast[1]


def test_lead_is_about_as_hard_as_the_prototype():
    """Ridge on 130 soils reaches .65 of a ceiling of .86 within the scatter of three draws."""
    scores, ceilings = [], []
    for seed in range(3):
        soils = twin.simulate_target(1130, seed, GRID)
        X, y = snv(soils), np.log(soils.values("Pb_mg_kg"))
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11))).fit(X[:130], y[:130])
        scores.append(r2_score(y[130:], ridge.predict(X[130:])))
        ceilings.append(r2_score(y, log_pb(soils.samples, soils.samples["pH"])))
    assert np.mean(scores) == pytest.approx(0.65, abs=0.05)
    assert np.mean(ceilings) == pytest.approx(0.856, abs=0.015)


def test_a_permuted_target_cannot_be_learned(target):
    """Shuffled lead is unpredictable: the spectra hold no hidden copy of the labels."""
    X = snv(target)
    y = np.random.default_rng(0).permutation(np.log(target.values("Pb_mg_kg")))
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 6, 15))).fit(X[:300], y[:300])
    assert r2_score(y[300:], ridge.predict(X[300:])) < 0.05


@pytest.fixture(scope="module")
def soils():
    rng = np.random.default_rng(1)
    table = draw_soils(60, rng, 0.35, 4000.0, 600.0)
    return table.assign(packing=np.exp(0.25 * rng.standard_normal(60)), Pb_mg_kg=np.linspace(50, 1000, 60))


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
    alike = soils.assign(packing=(soils["clay_pct"] / 25) ** 0.6)  # all scatter as the median soil
    richer = alike.assign(goethite_pct=1.4 * soils["goethite_pct"])
    delta = 0.4 * soils["goethite_pct"].to_numpy() / 100
    poorer = soil_reflectance(alike)
    mixed = add_constituent(poorer, NATIVE_GRID, "goethite", delta)
    np.testing.assert_allclose(mixed, soil_reflectance(richer), atol=1e-5)
    assert np.abs(mixed - poorer).max() > 0.02


def test_splices_step_where_detectors_change(soils):
    """With splices alone, the spectrum steps after 1000 and after 1800 nm and nowhere else."""
    stepped = measure(soils, Instrument("stepped", 0, 0.05, 0), np.random.default_rng(6))
    smooth = measure(soils, PERFECT, np.random.default_rng(6))
    jump = np.abs(np.diff(stepped / smooth, axis=1)).max(axis=0)
    assert list(NATIVE_GRID[:-1][jump > 1e-3]) == [1000.0, 1800.0]


def test_a_grid_beyond_the_physics_is_refused(soils):
    """Nothing is extrapolated below 400 nm."""
    with pytest.raises(ValueError, match="reaches beyond"):
        measure(soils, PERFECT, np.random.default_rng(0), band_grid(350, 2490, 10))
