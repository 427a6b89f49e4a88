"""Slopes by constituent recover what a model knows, through the physics and not through bands."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.explain.mineral_slopes import estimate_slopes, estimate_texture_exponent, laboratory_abundances
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.models.transfer import TransferRegressor
from soilpb.simulate import truth, twin
from soilpb.simulate.minerals import (
    TYPICAL_ABUNDANCE,
    endmember_absorption,
    km_ratio,
    km_reflectance,
    scattering,
)
from soilpb.simulate.twin import CLAY_SCATTERING

GRID = np.arange(400.0, 2500.0, 10.0)


class Geochemist:
    """Reads the abundance of one pure constituent off its strongest band; answers 0.7 of its logarithm."""

    def __init__(self, constituent):
        pure = endmember_absorption(GRID)[constituent] / scattering(GRID)
        self.band = int(pure.argmax())
        self.strength = pure[self.band]

    def predict(self, X):
        """0.7 · ln(abundance), (n_samples,)."""
        return 0.7 * np.log(km_ratio(X[:, self.band].astype(float)) / self.strength)


@pytest.mark.parametrize("constituent", ["hematite", "goethite", "water", "clay"])
def test_a_known_slope_is_recovered(constituent):
    """A model that answers 0.7 of ln(abundance) has the slope 0.7, soil by soil."""
    abundance = np.array([0.01, 0.03, 0.08])
    X = km_reflectance(np.outer(abundance, endmember_absorption(GRID)[constituent]), scattering(GRID))
    slopes = estimate_slopes(Geochemist(constituent), X, GRID, [constituent], {constituent: abundance})
    assert slopes["sample"].tolist() == [0, 1, 2]
    np.testing.assert_allclose(slopes["slope"], 0.7, rtol=0.01)


def test_a_constituent_that_the_model_cannot_see_has_no_slope():
    """Water does not absorb at 530 nm, so a model that looks nowhere else does not answer to it."""
    X = np.full((2, GRID.size), 0.3)
    slopes = estimate_slopes(Geochemist("hematite"), X, GRID, ["water", "hematite"])
    mean = slopes.groupby("constituent")["slope"].mean()
    assert mean["water"] == pytest.approx(0, abs=1e-6)
    assert mean["hematite"] > 0.1


def test_abundance_sets_the_unit():
    """Counted from twice the abundance, the same answer is twice the slope."""
    X = np.full((1, GRID.size), 0.3)
    single, double = (
        estimate_slopes(
            Geochemist("goethite"),
            X,
            GRID,
            ["goethite"],
            {"goethite": k * TYPICAL_ABUNDANCE["goethite"]},
            0.01,
        )["slope"].item()
        for k in (1, 2)
    )
    assert double == pytest.approx(2 * single, rel=1e-3)


def test_signs_on_the_twin_are_right():
    """From 130 simulated soils, PLS answers with the right sign wherever the true slope exceeds 0.2."""
    soils = twin.simulate_target(130, seed=3, grid=GRID)
    model = PLSCV().fit(soils.reflectance, np.log(soils.values("Pb_mg_kg")))
    true = truth.true_mineral_slopes(soils.samples).set_index("constituent")["total"]
    strong = true.index[true.abs() > 0.2]
    known = laboratory_abundances(soils.samples)
    slopes = (
        estimate_slopes(model, soils.reflectance, GRID, strong, known).groupby("constituent")["slope"].mean()
    )
    assert {"clay", "goethite", "iron_oxides"} <= set(strong)
    assert (np.sign(slopes) == np.sign(true[slopes.index])).all()


def test_the_twins_texture_law_is_recovered():
    """From library soils alone, scattering is found to fall with clay to the power that the twin has."""
    library = twin.simulate_source(600, seed=5, grid=GRID)
    exponent = estimate_texture_exponent(library)
    assert exponent == pytest.approx(CLAY_SCATTERING, abs=0.1)


def test_without_measured_clay_scattering_stays():
    """A library without clay tells nothing about scattering: the exponent is 0."""
    library = twin.simulate_source(20, seed=5, grid=GRID)
    unknown = replace(library, samples=library.samples.drop(columns="clay_pct"))
    assert estimate_texture_exponent(unknown) == 0


def test_texture_darkens_for_clay_only():
    """A model of darkness answers to clay through scattering as ``-exponent``; to iron nothing changes."""

    class Darkness:
        def predict(self, X):
            return np.log(km_ratio(X[:, 100].astype(float)))  # 1400 nm

    X = np.full((1, GRID.size), 0.3)
    with_law, without = (
        estimate_slopes(Darkness(), X, GRID, ["clay", "hematite"], texture=exponent).set_index("constituent")[
            "slope"
        ]
        for exponent in (-0.6, 0.0)
    )
    assert with_law["clay"] - without["clay"] == pytest.approx(0.6, rel=0.01)
    assert with_law["hematite"] == without["hematite"]


def test_slopes_of_a_transferred_network_follow_the_truth():
    """At n = 130, averaged over two sites, slopes of transfer correlate with the truth at .9 or more."""
    library = twin.simulate_source(800, seed=11, grid=GRID)
    source = SpectralNetwork.fit(
        library.reflectance, library.values("pH"), GRID, ["pH"], training=TrainingConfig(epochs=5)
    )
    texture = estimate_texture_exponent(library)
    answers, true = [], []
    for seed in (0, 1):
        soils = twin.simulate_target(130, seed=seed, grid=GRID)
        model = TransferRegressor(source, "embedding_ridge").fit(
            soils.reflectance, np.log(soils.values("Pb_mg_kg"))
        )
        known = laboratory_abundances(soils.samples)
        slopes = estimate_slopes(model, soils.reflectance, GRID, abundance=known, texture=texture)
        answers.append(slopes.groupby("constituent")["slope"].mean())
        true.append(truth.true_mineral_slopes(soils.samples).set_index("constituent")["total"])
    answer, true = sum(answers) / 2, (sum(true) / 2).loc[answers[0].index]
    assert np.corrcoef(answer, true)[0, 1] >= 0.9
    strong = true.abs() > 0.2
    assert (np.sign(answer[strong]) == np.sign(true[strong])).all()


def test_measured_spectra_are_not_changed():
    """Asking is free: the spectra are the same afterwards."""
    X = np.full((2, GRID.size), 0.3, dtype=np.float32)
    estimate_slopes(Geochemist("hematite"), X, GRID, ["hematite"])
    np.testing.assert_array_equal(X, np.float32(0.3))


def test_unknown_constituents_are_refused():
    """Lead has no absorption of its own: the atlas does not know it, and says what it knows."""
    with pytest.raises(ValueError, match="no \\['lead'\\]; it has hematite"):
        estimate_slopes(Geochemist("hematite"), np.full((1, GRID.size), 0.3), GRID, ["lead"])


def test_laboratory_values_become_mass_fractions():
    """Percent clay is a hundredth, organic matter is carbon / 0.58, and a gap takes the median."""
    samples = pd.DataFrame({"clay_pct": [10.0, 30.0, np.nan], "SOC_pct": [0.58, 1.16, 1.74], "pH": [5, 6, 7]})
    known = laboratory_abundances(samples)
    np.testing.assert_allclose(known["clay"], [0.1, 0.3, 0.2])
    np.testing.assert_allclose(known["organic_matter"], [0.01, 0.02, 0.03])
    assert set(known) == {"clay", "organic_matter"}
