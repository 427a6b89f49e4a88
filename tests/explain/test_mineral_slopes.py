"""Slopes by constituent recover what a model knows, through the physics and not through bands."""

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate.splits import iterate_folds, repeated_kfold
from soilpb.explain.mineral_slopes import (
    CONSTITUENTS,
    ProjectedModel,
    estimate_own_slope,
    estimate_slopes,
    estimate_slopes_by_fold,
    laboratory_abundances,
)
from soilpb.models.baselines import multiblock_ridge
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.simulate.minerals import (
    absorption,
    add_constituent,
    km_ratio,
    km_reflectance,
    scattering,
)
from soilpb.simulate.soils import constituent_columns
from soilpb.study import Study

GRID = np.arange(400.0, 2500.0, 10.0)
GREY = np.full((2, GRID.size), 0.3, dtype=np.float32)


class Geochemist:
    """Reads the abundance of one pure constituent off its strongest band; predicts 0.7 of its logarithm."""

    def __init__(self, constituent):
        pure = absorption(GRID, [constituent])[0] / scattering(GRID)
        self.band = int(pure.argmax())
        self.strength = pure[self.band]

    def predict(self, X):
        """0.7 · ln(abundance), (n_samples,)."""
        return 0.7 * np.log(km_ratio(X[:, self.band].astype(float)) / self.strength)


class Echo:
    """Predicts the spectrum it was shown."""

    def predict(self, X):
        """Reflectance as it came."""
        return X


@pytest.fixture(scope="module")
def soils():
    return twin.simulate_target(60, seed=5, grid=GRID).reflectance


@pytest.mark.parametrize("constituent", ["hematite", "goethite", "water", "clay"])
def test_a_known_slope_is_recovered(constituent):
    """A model that predicts 0.7 of ln(abundance) has the slope 0.7, soil by soil."""
    abundance = np.array([0.01, 0.03, 0.08])
    X = km_reflectance(np.outer(abundance, absorption(GRID, [constituent])) / scattering(GRID))
    slopes = estimate_slopes(Geochemist(constituent), X, GRID, [constituent], {constituent: abundance})
    assert slopes["sample"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(slopes["slope"], 0.7, rtol=0.01)


def test_a_constituent_that_the_model_cannot_see_has_no_slope():
    """Water does not absorb at 530 nm; asking changes no spectrum; lead is not in the atlas."""
    slopes = estimate_slopes(Geochemist("hematite"), GREY, GRID, ["water", "hematite"])
    mean = slopes.groupby("constituent")["slope"].mean()
    assert mean["water"] == pytest.approx(0, abs=1e-6)
    assert mean["hematite"] > 0.1
    np.testing.assert_array_equal(GREY, np.float32(0.3))
    with pytest.raises(ValueError, match="no \\['lead'\\]; it has hematite"):
        estimate_slopes(Geochemist("hematite"), GREY, GRID, ["lead"])


@pytest.mark.parametrize("permuted", [False, True])
def test_slopes_follow_the_truth_and_vanish_with_it(permuted):
    """At n = 130, over two sites, slopes of ridge follow the truth (r ≥ .9); of permuted lead all vanish."""
    slopes, true = [], []
    for seed in (3, 4):
        site = twin.simulate_target(130, seed=seed, grid=GRID)
        y, known = np.log(site.values("Pb_mg_kg")), abundances(site)
        y = np.random.default_rng(seed).permutation(y) if permuted else y
        model = ProjectedModel(multiblock_ridge().fit(site.reflectance, y), site.reflectance)
        asked = estimate_slopes(model, site.reflectance, GRID, abundance=known)
        slopes.append(asked.groupby("constituent")["slope"].mean())
        true.append(twin.true_mineral_slopes(site.samples).set_index("constituent")["total"])
    slope, true = sum(slopes) / 2, (sum(true) / 2).loc[slopes[0].index]
    strong = true.abs() > 0.2
    assert strong.sum() == 3
    if permuted:
        assert slope.abs().max() < 0.1
    else:
        assert np.corrcoef(slope, true)[0, 1] >= 0.9
        assert (slope[strong] > 0.3 * true[strong]).all()


def abundances(site):
    """True mass fractions of what is asked about, (n_samples,) each."""
    return {c: site.samples[constituent_columns(c)].sum(axis=1).to_numpy() / 100 for c in CONSTITUENTS}


def test_laboratory_values_become_mass_fractions():
    """Percent clay is a hundredth, organic matter is carbon / 0.58, and a gap takes the median."""
    samples = pd.DataFrame({"clay_pct": [10.0, 30.0, np.nan], "SOC_pct": [0.58, 1.16, 1.74], "pH": [5, 6, 7]})
    known = laboratory_abundances(samples)
    np.testing.assert_allclose(known["clay"], [0.1, 0.3, 0.2])
    np.testing.assert_allclose(known["organic_matter"], [0.01, 0.02, 0.03])
    assert set(known) == {"clay", "organic_matter"}


def test_projection_keeps_what_soils_do_and_removes_what_none_did(soils):
    """Soils pass, once or twice; a notch in one band hardly does; most of a little mineral arrives."""
    model = ProjectedModel(Echo(), soils)
    shown = model.predict(soils)
    lost = np.var(np.diff(np.log10(shown) - np.log10(soils)), axis=0).sum()
    assert lost <= 0.01 * np.var(np.diff(np.log10(soils)), axis=0).sum() * (1 + 1e-3)
    np.testing.assert_allclose(model.project(shown), shown, rtol=1e-4)
    notched = soils.copy()
    notched[:, 80] *= 0.7
    reaction = np.log10(model.predict(notched)) - np.log10(shown)
    assert np.abs(reaction).max() < 0.25 * abs(np.log10(0.7))
    for constituent, added in (("hematite", 0.001), ("clay", 0.05)):
        more = add_constituent(soils, GRID, constituent, added)
        arrived, sent = (
            np.diff(np.log10(a / b)).ravel() for a, b in ((model.predict(more), shown), (more, soils))
        )
        assert np.corrcoef(arrived, sent)[0, 1] > 0.7


def test_each_model_is_asked_through_its_own_training_soils(soils):
    """The table holds every soil once per fold; spectra of a fold's test soils shape no components."""
    ids, y = np.arange(len(soils)), np.log(soils[:, 90] / soils[:, 20])
    folds = list(iterate_folds(repeated_kfold(ids, 3, 1), ids))
    models = [PLSCV(max_components=4).fit(soils[fold.train], y[fold.train]) for fold in folds]
    table = estimate_slopes_by_fold(models, folds, soils, GRID, ["hematite"], {"hematite": 0.01})
    assert table.groupby("draw")["sample"].apply(list).tolist() == [ids.tolist()] * 3
    alone = ProjectedModel(models[1], soils[folds[1].train])
    expected = estimate_slopes(alone, soils, GRID, ["hematite"], {"hematite": 0.01})["slope"]
    np.testing.assert_array_equal(table[table["draw"] == 1]["slope"], expected)


def test_clay_of_a_measured_field_raises_its_prediction():
    """PLS of CV.98 predicts more clay where clay is added, and clay is what it reacts to most."""
    found = estimate_own_slope(Study.load("cv98", target="clay_pct"), "clay", ["clay", "organic_matter"])
    assert found["r2"] > 0.9
    assert found["low"] > 0
    assert found["strongest"] == "clay"
