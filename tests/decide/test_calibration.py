"""The best candidate is kept, and no soil has a say in the model that is to predict it."""

import numpy as np
import pytest

from soilpb.decide.intervals import CrossConformal, assign_folds, cv_plus
from soilpb.decide.site_model import Calibration, choose
from soilpb.models import baselines
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 30)


@pytest.fixture(scope="module")
def site():
    soils = twin.simulate_target(60, seed=1, grid=GRID)
    return soils.reflectance.astype(float), np.log(soils.values("Pb_mg_kg"))


@pytest.fixture(scope="module")
def new():
    return twin.simulate_target(25, seed=2, grid=GRID).reflectance.astype(float)


FOLD = assign_folds(60, 5)
CANDIDATES = {"stiff": PLSCV(1), "PLS": PLSCV(), "ridge": baselines.ridge()}


@pytest.fixture(scope="module")
def kept(site):
    return Calibration.fit(CANDIDATES, *site, FOLD)


def test_the_candidate_with_the_least_errors_predicts(kept, site, new):
    """It is fitted to all soils, and the errors of all candidates are told."""
    tried = {name: CrossConformal.fit(model, *site, FOLD) for name, model in CANDIDATES.items()}
    errors = {name: np.sqrt(np.mean(each.residuals**2)) for name, each in tried.items()}
    assert kept.name == min(errors, key=errors.get)
    assert kept.errors == pytest.approx(errors)
    np.testing.assert_allclose(kept.predict(new), tried[kept.name].predict(new), rtol=1e-9)


def test_each_folds_model_and_errors_are_of_the_candidate_that_other_folds_choose(kept, site, new):
    """Residuals and fold models come from one and the same fit; the interval is CV+ of them."""
    X, y = site
    tried = {name: CrossConformal.fit(model, X, y, FOLD) for name, model in CANDIDATES.items()}
    for label in range(5):
        others = {name: np.mean(each.residuals[label != FOLD] ** 2) for name, each in tried.items()}
        chosen = min(others, key=others.get)
        assert kept.names[1 + label] == chosen
        fit = tried[chosen].fold_models[label]
        np.testing.assert_allclose(kept.fold_predictions(new)[:, label], fit.predict(new), rtol=1e-9)
        out = label == FOLD
        np.testing.assert_allclose(kept.residuals[out], (y - fit.predict(X))[out])
    expected = cv_plus(kept.fold_predictions(new), FOLD, kept.residuals, 0.8)
    np.testing.assert_array_equal(kept.interval(new, 0.8), expected)


def test_one_candidate_is_plain_cv_plus(site, new):
    """Without a choice nothing differs from CV+ of the model."""
    alone, plain = Calibration.fit({"PLS": PLSCV()}, *site, FOLD), CrossConformal.fit(PLSCV(), *site, FOLD)
    np.testing.assert_allclose(alone.interval(new), plain.interval(new), rtol=1e-9)
    np.testing.assert_allclose(alone.draws(new), plain.draws(new), rtol=1e-9)


def test_errors_of_what_was_chosen_are_not_flattered():
    """Of fifty candidates that guess, the best looks good; the errors that are kept look as they are."""
    rng, fold = np.random.default_rng(0), np.arange(40) % 10
    flattered, kept = [], []
    for _ in range(200):
        errors = rng.standard_normal((40, 50))
        first, *others = choose(errors, fold)
        flattered.append(np.mean(errors[:, first] ** 2))
        kept.append(np.mean(errors[np.arange(40), np.array(others)[fold]] ** 2))
    assert np.mean(flattered) < 0.6
    assert np.mean(kept) == pytest.approx(1, abs=0.05)


def test_soils_without_a_value_take_no_part(site, new):
    """Fits, folds and errors are those of the other soils."""
    X, y = site
    known = np.arange(60) % 3 > 0
    some = Calibration.fit(CANDIDATES, X, np.where(known, y, np.nan), FOLD)
    alone = Calibration.fit(CANDIDATES, X[known], y[known], FOLD[known])
    np.testing.assert_array_equal(some.interval(new), alone.interval(new))
    np.testing.assert_array_equal(np.isfinite(some.residuals), known)
