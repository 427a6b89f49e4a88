"""Spectra that a site could have pass unchanged; shapes that none of its soils had do not."""

import numpy as np
import pytest

from soilpb.evaluate.splits import iterate_folds, repeated_kfold
from soilpb.explain.mineral_slopes import ProjectedModel, estimate_slopes, estimate_slopes_by_fold
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.simulate.minerals import add_constituent

GRID = np.arange(400.0, 2500.0, 10.0)


class Echo:
    """Answers with the spectrum it was shown."""

    def predict(self, X):
        """Reflectance as it came."""
        return X


@pytest.fixture(scope="module")
def soils():
    return twin.simulate_target(60, seed=5, grid=GRID).reflectance


def test_the_sites_own_spectra_pass(soils):
    """What the components do not hold of measured absorbance is at most the share left to them."""
    shown = ProjectedModel(Echo(), soils).predict(soils)
    lost = np.var(np.log10(shown) - np.log10(soils), axis=0).sum()
    assert lost <= 0.001 * np.var(np.log10(soils), axis=0).sum() * (1 + 1e-3)


def test_an_impossible_band_is_taken_away(soils):
    """A notch in one band, which no soil had, hardly reaches the model."""
    notched = soils.copy()
    notched[:, 80] *= 0.7
    model = ProjectedModel(Echo(), soils)
    answer = np.log10(model.predict(notched)) - np.log10(model.predict(soils))
    assert np.abs(answer).max() < 0.1 * abs(np.log10(0.7))


def test_a_change_that_soils_do_make_reaches_the_model(soils):
    """A little more hematite, which varies among these soils, arrives almost whole."""
    more = add_constituent(soils, GRID, "hematite", 0.001)
    model = ProjectedModel(Echo(), soils)
    arrived = np.log10(model.predict(more)) - np.log10(model.predict(soils))
    sent = np.log10(more) - np.log10(soils)
    assert np.linalg.norm(arrived - sent) < 0.2 * np.linalg.norm(sent)


def test_more_variance_needs_more_components(soils):
    """The number of components follows the share, and never the spectra asked about."""
    few, many = (ProjectedModel(Echo(), soils, share).n_components for share in (0.9, 0.9999))
    assert 1 <= few < many < 60
    with pytest.raises(ValueError, match="share is 99.9"):
        ProjectedModel(Echo(), soils, 99.9)


def test_rebuilding_twice_changes_nothing_more(soils):
    """A rebuilt spectrum is one that the site could have."""
    model = ProjectedModel(Echo(), soils)
    once = model.project(soils)
    np.testing.assert_allclose(model.project(once), once, rtol=1e-4)


def test_each_models_slopes_are_asked_through_its_own_training_soils(soils):
    """The table holds every soil once a fold; spectra of a fold's test soils shape no components."""
    ids, y = np.arange(len(soils)), np.log(soils[:, 90] / soils[:, 20])
    folds = list(iterate_folds(repeated_kfold(ids, 3, 1), ids))
    models = [PLSCV(max_components=4).fit(soils[fold.train], y[fold.train]) for fold in folds]
    table = estimate_slopes_by_fold(models, folds, soils, GRID, ["hematite"], {"hematite": 0.01})
    assert table.groupby("draw")["sample"].apply(list).tolist() == [ids.tolist()] * 3
    alone = ProjectedModel(models[1], soils[folds[1].train])
    expected = estimate_slopes(alone, soils, GRID, ["hematite"], {"hematite": 0.01})["slope"]
    np.testing.assert_array_equal(table[table["draw"] == 1]["slope"], expected)
