"""What is stored of a site predicts what was fitted, with honest intervals, or is refused."""

import json

import numpy as np
import pytest

from soilpb._files import MissingArtifact
from soilpb.decide.exceedance import with_predicted_ph
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.site_model import SiteModel
from soilpb.models import storage
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 30)
GB = "GB 15618-2018"


@pytest.fixture(scope="module")
def site():
    soils = twin.simulate_target(60, seed=1, grid=GRID)
    return soils.reflectance, np.log(soils.values("Pb_mg_kg")), soils.values("pH")


@pytest.fixture(scope="module")
def new():
    return twin.simulate_target(25, seed=2, grid=GRID).reflectance


@pytest.fixture(scope="module")
def model(site):
    X, y, ph = site
    return SiteModel.fit(X, y, GRID, ph=ph, seed=4)


def test_predictions_are_those_of_the_estimator(site, new, model):
    """Value, interval and distribution equal those of PLSCV under CV+, on the natural scale."""
    X, y, ph = site
    fold = assign_folds(60, 10, 4)
    lead, acidity = (CrossConformal.fit(PLSCV(seed=4), X, values, fold) for values in (y, ph))
    table = model.predict(new)
    np.testing.assert_allclose(table["predicted"], np.exp(lead.predict(new)), rtol=1e-9)
    np.testing.assert_allclose(table[["lower", "upper"]], np.exp(lead.interval(new)), rtol=1e-9)
    np.testing.assert_allclose(table[["pH_lower", "pH_upper"]], acidity.interval(new), rtol=1e-9)
    expected = with_predicted_ph(np.exp(lead.draws(new)), acidity.draws(new), GB, "intervention")
    np.testing.assert_allclose(model.exceedance(new, GB)["intervention"], expected)


def test_what_is_loaded_predicts_what_was_saved(model, new, tmp_path):
    """Bit for bit, through files without a pickle; the card keeps what it was told."""
    loaded = SiteModel.load(model.save(tmp_path / "model", site="mine", r2=0.6))
    assert loaded.predict(new).equals(model.predict(new))
    assert loaded.exceedance(new, GB).equals(model.exceedance(new, GB))
    assert (loaded.card["site"], loaded.card["r2"], loaded.card["n_samples"]) == ("mine", 0.6, 60)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".skops", ".json", ""}


def test_an_altered_card_is_refused(model, tmp_path):
    """A card that was made to promise more is no longer read."""
    folder = model.save(tmp_path, scores={"R2": 0.6})
    card = json.loads((folder / storage.CARD).read_text())
    card["scores"]["R2"] = 0.9
    (folder / storage.CARD).write_text(json.dumps(card, indent=2, sort_keys=True))
    with pytest.raises(ValueError, match="card.json is not the file"):
        SiteModel.load(folder)


def test_a_missing_model_names_the_command_that_makes_it(tmp_path):
    """The message is the one a user needs."""
    with pytest.raises(MissingArtifact, match="make it with: papermill report"):
        SiteModel.load(tmp_path, "papermill report")


def test_soils_without_ph_still_teach_lead(site, new, model):
    """With pH of half of the soils, lead is predicted as before, and pairs come from the other half."""
    X, y, ph = site
    half = np.where(np.arange(60) % 2, ph, np.nan)
    found = SiteModel.fit(X, y, GRID, ph=half, seed=4)
    np.testing.assert_array_equal(found.predict(new)["predicted"], model.predict(new)["predicted"])
    assert found.exceedance(new, GB).notna().all(axis=None)
    known = np.isfinite(found.ph.residuals)
    np.testing.assert_array_equal(known, np.isfinite(half))


def test_without_ph_only_limits_that_need_none_are_judged(site, new):
    """No pH, or too few, gives no predicted pH: China's limits are unknown, Finland's are not."""
    X, y, ph = site
    few = np.where(np.arange(60) < 19, ph, np.nan)
    found = SiteModel.fit(X, y, GRID, ph=few)
    assert found.ph is None
    assert "pH" not in found.predict(new)
    assert found.exceedance(new, GB).isna().all(axis=None)
    assert found.exceedance(new, GB, ph=6.0).notna().all(axis=None)
    assert found.exceedance(new, "Finland 214/2007").notna().all(axis=None)


def test_a_target_on_its_natural_scale_is_not_exponentiated(site, new):
    """Clay in percent stays clay in percent."""
    X, _, ph = site
    found = SiteModel.fit(X, ph, GRID, "natural").predict(new)
    assert found["predicted"].between(2, 11).all()


def test_groups_stay_together_inside(site):
    """Soils of one group are left out of one and the same fit."""
    X, y, ph = site
    groups = np.repeat(np.arange(12), 5)
    fold = SiteModel.fit(X, y, GRID, ph=ph, groups=groups).target.fold
    assert all(len(set(fold[groups == group])) == 1 for group in range(12))


def test_spectra_of_another_grid_are_refused(model):
    """The message says which grid the model takes."""
    with pytest.raises(ValueError, match="400–2470 nm"):
        model.predict(np.ones((2, 7)))


def test_an_unknown_scale_is_refused(site):
    """Only two scales are known."""
    with pytest.raises(ValueError, match="scale is 'log10'"):
        SiteModel.fit(*site[:2], GRID, "log10")
