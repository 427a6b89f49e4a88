"""Measured soils of the world, and the inversion of spectra into amounts."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from soilpb.simulate import library
from soilpb.simulate.minerals import ENDMEMBERS, absorption, km_reflectance, scattering
from tests.cases import shared_data

GRID = library.GRID


@pytest.fixture(scope="module")
def world():
    return library.load_library()


def test_the_inversion_finds_what_was_mixed():
    """Amounts of mixtures computed by Kubelka and Munk come back."""
    rng = np.random.default_rng(0)
    amounts = rng.uniform(0, 5, (20, len(ENDMEMBERS)))
    absorbed = 0.05 + amounts / 100 @ absorption(GRID)
    found = library.invert(km_reflectance(absorbed / scattering(GRID)), GRID)
    np.testing.assert_allclose(found, amounts, atol=0.02)


def test_soils_hold_what_soils_hold(world):
    """Medians of iron oxides, clay and organic matter are those of soils; most have some of each."""
    amounts = world.samples[library.AMOUNTS]
    iron = amounts[["hematite_pct", "goethite_pct"]].sum(axis=1)
    clay = amounts[["kaolinite_pct", "smectite_pct", "illite_pct"]].sum(axis=1)
    assert 1 < iron.median() < 5
    assert 10 < clay.median() < 40
    assert 0.3 < amounts["organic_matter_pct"].median() < 3
    for found in (amounts["hematite_pct"], iron, clay, amounts["organic_matter_pct"]):
        assert (found == 0).mean() < 0.25
    assert amounts.sum(axis=1).max() <= 95 + 1e-9


def test_bands_and_amounts_agree_with_the_laboratory(world):
    """Against the full library: measured bands are equal, predicted ones close, amounts rank likewise."""
    table = pd.read_parquet(shared_data("icraf_isric/icraf_isric_visnir.parquet")).set_index("id")
    full = table.loc[world.samples.index]
    error = world.reflectance - full[[f"{nm:.0f}" for nm in GRID]].to_numpy()
    assert np.median(np.abs(error).max(axis=0)) == 0
    assert np.median(np.abs(error).mean(axis=0)[np.abs(error).max(axis=0) > 0]) < 0.004
    clay = world.samples[["kaolinite_pct", "smectite_pct", "illite_pct"]].sum(axis=1)
    for amount, value in ((clay, "clay_pct"), (world.samples["organic_matter_pct"], "oc_pct")):
        assert spearmanr(amount, full[value], nan_policy="omit")[0] > 0.5
