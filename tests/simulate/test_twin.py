"""The twin: its seeds, soils and instruments, against measured soils and what is true by construction."""

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from soilpb.simulate import library, twin
from soilpb.simulate.soils import log_pb
from soilpb.spectra import SoilSpectra, absorbance, band_grid

GRID = band_grid(400, 2490, 10)
LABORATORY = ["pH", "clay_pct", "SOC_pct", "CaCO3_pct", "Fe_pct"]


@pytest.fixture(scope="module")
def world():
    return library.load_library()


@pytest.fixture(scope="module")
def target():
    return twin.simulate_target(600, seed=11)


@pytest.fixture(scope="module")
def source():
    return twin.simulate_source(600, seed=11)


def snv(reflectance):
    """Standard normal variates of absorbance."""
    A = absorbance(reflectance)
    return (A - A.mean(axis=1, keepdims=True)) / A.std(axis=1, keepdims=True)


@pytest.mark.parametrize("simulate", [twin.simulate_source, twin.simulate_target])
def test_a_seed_is_a_twin(simulate):
    """The same seed gives bit-equal soils and spectra, another seed others; one soil is too few."""
    first, again, other = simulate(30, 1), simulate(30, 1), simulate(30, 2)
    assert first.sha256() == again.sha256()
    pd.testing.assert_frame_equal(first.samples, again.samples)
    assert first.sha256() != other.sha256()
    with pytest.raises(ValueError, match="cannot simulate 1 soils"):
        simulate(1, 0)


def test_only_the_target_knows_lead(source, target):
    """The library has pH, the site lead as well; both say that spectra are mixed from measured ones."""
    assert list(source.samples.columns[:5]) == LABORATORY
    assert list(target.samples.columns[:6]) == ["Pb_mg_kg", *LABORATORY]
    assert not source.samples.columns.str.contains("Pb").any()
    assert all(soils.provenance.kind == "simulated" and soils.provenance.mixed for soils in (source, target))
    assert target.samples["Pb_mg_kg"].median() == pytest.approx(350, rel=0.1)


def test_no_place_gives_soils_to_both(source, target):
    """A place of the world has soils in the source or in the site, never in both."""
    assert not set(source.samples["place"]) & set(target.samples["place"])
    assert not set(source.samples["measured_soil"]) & set(target.samples["measured_soil"])


@pytest.mark.parametrize(("simulate", "seed"), [(twin.simulate_source, 5), (twin.simulate_target, 6)])
def test_a_classifier_takes_it_for_soil(world, simulate, seed):
    """From 10 principal components the twin is hardly told from soils that it was not drawn from."""
    ours = twin.is_at_site_places(world) == (simulate is twin.simulate_target)
    half = np.random.default_rng(seed).random(world.n_samples) < 0.5
    drawn = simulate(300, seed, library=world.take(np.flatnonzero(half | ~ours)))
    held_out = world.reflectance[ours & ~half & world.samples["place"].notna()]
    X = snv(np.vstack([drawn.reflectance, held_out]))
    y = np.arange(len(X)) < drawn.n_samples
    model = make_pipeline(PCA(10), StandardScaler(), LogisticRegression(max_iter=1000))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    assert cross_val_score(model, X, y, cv=folds, scoring="roc_auc").mean() < 0.7


def test_without_label_noise_lead_is_the_truth():
    """With label noise zero, ln Pb equals what constituents and pH imply; with .22 it scatters by .22."""
    exact, noisy = (twin.simulate_target(400, 3, label_noise=noise) for noise in (0.0, 0.22))
    residual = [np.log(s.values("Pb_mg_kg")) - log_pb(s.samples, s.samples["pH"]) for s in (exact, noisy)]
    assert np.abs(residual[0]).max() < 1e-12
    assert residual[1].std() == pytest.approx(0.22, rel=0.1)
    np.testing.assert_array_equal(exact.reflectance, noisy.reflectance)


def test_the_site_is_richer_in_iron_and_a_shift_makes_it_richer(source, target):
    """The site has more iron, clay and kaolinite than the library; with a shift, more iron still."""
    columns = ["Fe_pct", "clay_pct", "kaolinite_pct"]
    assert (target.samples[columns].median() > 1.5 * source.samples[columns].median()).all()
    shifted = twin.simulate_target(200, 11, shift=0.7).samples["Fe_pct"].median()
    assert shifted > 1.3 * target.samples["Fe_pct"].median()


def test_groups_are_fields_and_places(source, target):
    """A site's group is a square field of 800 m; mixtures of one first soil are one group of the library."""
    extent = target.samples.groupby("group")[["x", "y"]].agg(lambda v: v.max() - v.min())
    assert extent.to_numpy().max() <= 800
    assert target.samples["group"].nunique() == 25
    assert (source.samples["group"] == source.samples["measured_soil"]).all()


def test_a_planted_band_is_darkened_by_lead():
    """With a direct band, reflectance at 1000 nm falls with lead beyond what its neighbourhood does."""
    contrast = []
    for band in (None, (1000.0, 15.0, 0.1)):
        soils = twin.simulate_target(300, 4, direct_band=band)
        at, beside = (soils.absorbance[:, np.isin(GRID, nm)].mean(axis=1) for nm in ([1000], [930, 1070]))
        contrast.append(np.corrcoef(at - beside, np.log(soils.values("Pb_mg_kg")))[0, 1])
    assert abs(contrast[0]) < 0.6 < 0.8 < contrast[1]


def test_lead_is_hard_to_predict_but_not_hopeless():
    """Ridge on 130 soils explains .4 to .75, and stays .08 below a ceiling of at least .80."""
    scores, ceilings = [], []
    for seed in range(3):
        soils = twin.simulate_target(1130, seed)
        X, y = snv(soils.reflectance), np.log(soils.values("Pb_mg_kg"))
        ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11))).fit(X[:130], y[:130])
        scores.append(r2_score(y[130:], ridge.predict(X[130:])))
        ceilings.append(r2_score(y, log_pb(soils.samples, soils.samples["pH"])))
    assert 0.4 < np.mean(scores) < 0.75
    assert np.mean(ceilings) > max(0.8, np.mean(scores) + 0.08)


def test_a_library_with_measured_ph_is_taken_as_it_is(world):
    """Spectra and pH are then those measured, and only lead is simulated."""
    ph = np.random.default_rng(0).uniform(4, 8, world.n_samples)
    measured = SoilSpectra(
        world.wavelengths,
        world.reflectance,
        world.samples.assign(pH=ph, **_laboratory(world)),
        world.provenance,
    )
    source, site = (
        twin.simulate_source(100, 1, library=measured),
        twin.simulate_target(100, 1, library=measured),
    )
    assert source.provenance.kind == "measured"
    assert site.provenance.kind == "lead simulated"
    for soils in (source, site):
        rows = world.samples.index.get_indexer(soils.samples.index)
        np.testing.assert_array_equal(soils.reflectance, world.reflectance[rows])
        np.testing.assert_array_equal(soils.values("pH"), ph[rows])


def _laboratory(world):
    return {"clay_pct": 20.0, "SOC_pct": 1.0, "CaCO3_pct": 0.0}


def test_an_instrument_steps_where_detectors_change_and_errs_in_nothing_else():
    """Without gain, splice, noise and ripple the reading is the reflectance; splices lie at 1000, 1800 nm."""
    soils, rng = np.random.default_rng(0).uniform(0.1, 0.5, (9, GRID.size)), np.random.default_rng(6)
    perfect, stepped = (
        twin.measure(soils, GRID, rng, gain=0, splice=splice, noise=0) for splice in (0, 0.05)
    )
    np.testing.assert_allclose(perfect, soils, rtol=1e-6)
    jump = np.abs(np.diff(stepped / soils, axis=1)).max(axis=0)
    assert list(GRID[:-1][jump > 1e-3]) == [1000.0, 1800.0]


def test_a_finer_grid_interpolates_and_a_longer_one_is_refused():
    """At 5 nm every other band is that at 10 nm; nothing is extrapolated by more than a band."""
    coarse, fine = (twin.simulate_target(20, 1, grid) for grid in (None, band_grid(400, 2490, 5)))
    np.testing.assert_allclose(fine.reflectance[:, ::2], coarse.reflectance, atol=1e-5)
    assert twin.simulate_target(20, 1, band_grid(400, 2499.5, 0.5)).n_bands == 4200
    with pytest.raises(ValueError, match="reaches beyond"):
        twin.simulate_target(20, 1, band_grid(350, 2490, 10))
