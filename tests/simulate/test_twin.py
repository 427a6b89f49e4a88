import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from soilpb.simulate import truth, twin
from soilpb.simulate.soils import log_pb
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 10)
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
    """The same seed gives bit-equal soils and spectra, another seed other ones."""
    first, again, other = simulate(30, 1, GRID), simulate(30, 1, GRID), simulate(30, 2, GRID)
    assert first.sha256() == again.sha256()
    pd.testing.assert_frame_equal(first.samples, again.samples)
    assert first.sha256() != other.sha256()


def test_source_and_target_share_no_soil_at_equal_seeds(source, target):
    """Equal seeds do not make the library's soils those of the site."""
    assert not set(source.samples["packing"]) & set(target.samples["packing"])
    assert not set(source.samples.index) & set(target.samples.index)


def test_both_say_that_nobody_measured_them(source, target):
    """Kind, name and note tell a simulation; the map's coordinates are said to be fictional."""
    for soils in (source, target):
        assert soils.provenance.kind == "simulated"
        assert "simulated twin" in soils.provenance.name
        assert soils.samples["crs"].str.contains("fictional").all()


def test_only_the_target_knows_lead(source, target):
    """The library has pH and its company, the site has lead as well, both in named units."""
    assert list(source.samples.columns[:5]) == LABORATORY
    assert list(target.samples.columns[:6]) == ["Pb_mg_kg", *LABORATORY]
    assert not source.samples.columns.str.contains("Pb").any()


def test_lead_is_like_a_mining_district(target):
    """The median of lead is 350 mg/kg, and nine soils in ten lie between 100 and 1200."""
    lead = target.samples["Pb_mg_kg"]
    assert lead.median() == pytest.approx(350, rel=0.08)
    assert lead.between(100, 1200).mean() > 0.9


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


def test_spectra_are_like_soil(source, target):
    """Soils are darkest in the blue, brighter towards the NIR, and dip at the water band."""
    for soils in (source, target):
        median = pd.Series(np.median(soils.reflectance, axis=0), index=soils.wavelengths)
        assert 0.05 < median[400] < median[600] < median[900] < 0.8
        assert median[1930] < median[1850]


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
        ceilings.append(truth.ceiling_r2(soils.samples))
    assert np.mean(scores) == pytest.approx(0.65, abs=0.05)
    assert np.mean(ceilings) == pytest.approx(0.856, abs=0.015)


def test_a_permuted_target_cannot_be_learned(target):
    """Shuffled lead is unpredictable: the spectra hold no hidden copy of the labels."""
    X = snv(target)
    y = np.random.default_rng(0).permutation(np.log(target.values("Pb_mg_kg")))
    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 6, 15))).fit(X[:300], y[:300])
    assert r2_score(y[300:], ridge.predict(X[300:])) < 0.05


def test_one_soil_is_too_few():
    """A twin of fewer than two soils is refused with the number asked for."""
    with pytest.raises(ValueError, match="cannot simulate 1 soils"):
        twin.simulate_source(1, 0, GRID)
