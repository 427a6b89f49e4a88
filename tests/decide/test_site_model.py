"""The model of a site predicts what was fitted, stored or not, and is tested on soils it has not seen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.decide.exceedance import calibration_error, exceedance_by_rule, reliability_table
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.site_model import N_FOLDS, SiteModel, evaluate_site_model, fit_site_model
from soilpb.decide.standards import lead_limit
from soilpb.evaluate import splits
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.spectra import band_grid
from soilpb.study import Study

GRID = band_grid(400, 2490, 30)
PLS = {"PLS": PLSCV(seed=4)}
GB = "GB 15618-2018"
CARD = {
    **{"site": "mine", "target": "Pb_mg_kg", "target_range": [1.0, 2.0], "scan_counters": []},
    **{"trained_on": {"kind": "measured"}},
}


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
    fold = assign_folds(60, N_FOLDS, 4)
    lead, acidity = (CrossConformal.fit(PLS, X, values, fold) for values in (y, ph))
    table = model.predict(new)
    np.testing.assert_allclose(table["predicted"], np.exp(lead.predict(new)), rtol=1e-9)
    np.testing.assert_allclose(table[["lower", "upper"]], np.exp(lead.interval(new)), rtol=1e-9)
    np.testing.assert_allclose(table[["pH_lower", "pH_upper"]], acidity.interval(new), rtol=1e-9)
    expected = exceedance_by_rule(np.exp(lead.draws(new)), GB, ph_draws=acidity.draws(new))
    np.testing.assert_allclose(model.exceedance(new, GB), expected)


def test_what_is_loaded_predicts_what_was_saved(model, new, tmp_path):
    """Bit for bit, through files without a pickle; the card keeps what it was told."""
    loaded = SiteModel.load(model.save(tmp_path / "model", **CARD, r2=0.6))
    assert loaded.predict(new).equals(model.predict(new))
    assert loaded.exceedance(new, GB).equals(model.exceedance(new, GB))
    assert (loaded.card["site"], loaded.card["r2"], loaded.card["n_samples"]) == ("mine", 0.6, 60)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".skops", ".json", ""}


def test_soils_without_ph_still_teach_lead(site, new, model):
    """With pH of half of the soils, lead is predicted as before, and pairs come from the other half."""
    X, y, ph = site
    half = np.where(np.arange(60) % 2, ph, np.nan)
    found = SiteModel.fit(X, y, GRID, ph=half, seed=4)
    np.testing.assert_array_equal(found.predict(new)["predicted"], model.predict(new)["predicted"])
    assert found.exceedance(new, GB).notna().all(axis=None)
    np.testing.assert_array_equal(np.isfinite(found.ph.residuals), np.isfinite(half))


def test_without_ph_only_limits_that_need_none_are_judged(site, new, tmp_path):
    """Too few pH give no predicted pH: China's limits are unknown, Finland's are not; so when stored."""
    X, y, ph = site
    few = np.where(np.arange(60) < 19, ph, np.nan)
    found = SiteModel.load(SiteModel.fit(X, y, GRID, ph=few).save(tmp_path, **CARD))
    assert found.ph is None
    assert "pH" not in found.predict(new)
    assert found.exceedance(new, GB).isna().all(axis=None)
    assert found.exceedance(new, GB, ph=6.0).notna().all(axis=None)
    assert found.exceedance(new, "Finland 214/2007").notna().all(axis=None)


def test_a_target_on_its_natural_scale_is_not_exponentiated(site, new):
    """Clay in percent stays clay in percent."""
    X, _, ph = site
    assert SiteModel.fit(X, ph, GRID, "natural").predict(new)["predicted"].between(2, 11).all()


def test_another_grid_and_an_unknown_scale_are_refused(model, site):
    """The messages say which grid the model takes, and which scales there are."""
    with pytest.raises(ValueError, match="400–2470 nm"):
        model.predict(np.ones((2, 7)))
    with pytest.raises(ValueError, match="scale is 'log10'"):
        SiteModel.fit(*site[:2], GRID, "log10")


def altered(study, **columns):
    """The same study with other values of its soils."""
    other = Study(study.site, study.chapter)
    vars(other)["target"] = replace(study.target, samples=study.target.samples.assign(**columns))
    return other


@pytest.fixture(scope="module")
def folds(study):
    return splits.repeated_kfold(study.ids, 5, 1, seed=0)


@pytest.fixture(scope="module")
def tested(study, folds):
    return evaluate_site_model(study, folds, PLS)


def test_each_soil_is_predicted_by_a_model_of_the_others(study, folds, tested):
    """A row is what the whole model, fitted on that fold's training soils, predicts for that soil."""
    predictions, exceedances = tested
    X, y, ph = study.X, study.y, study.target.values("pH")
    assert len(predictions) == 60
    fold = next(splits.iterate_folds(folds, study.ids))
    model = SiteModel.fit(X[fold.train], y[fold.train], study.grid, ph=ph[fold.train], seed=3, candidates=PLS)
    rows = predictions.query("fold == @fold.fold")
    np.testing.assert_array_equal(rows["sample"], study.ids[fold.test])
    expected = model.predict(X[fold.test])
    np.testing.assert_allclose(rows[list(expected)].astype(float), expected.astype(float))
    found = exceedances.query("fold == @fold.fold and rule == 'intervention'")["probability"]
    np.testing.assert_allclose(found, model.exceedance(X[fold.test], GB)["intervention"])


def test_what_happened_is_the_laboratorys(study, tested):
    """Exceeded means measured lead above the limit at the measured pH."""
    table = tested[1].query("rule == 'screening, paddy'").set_index("sample").loc[study.ids]
    limit = lead_limit(GB, "screening, paddy", study.target.values("pH"))
    np.testing.assert_array_equal(table["exceeded"], study.target.values("Pb_mg_kg") > limit)


def test_test_soils_change_nothing_that_was_learnt(study):
    """With other values of lead and pH in all test soils but one, that one's row is the same."""
    split = splits.random_split(study.ids, seed=1)
    kept, *others = next(splits.iterate_folds(split, study.ids)).test
    lead, ph = (study.target.values(name).copy() for name in ("Pb_mg_kg", "pH"))
    lead[others], ph[others] = 1e6, 1.0
    before, after = (
        evaluate_site_model(each, split, PLS)[0].set_index("sample").loc[study.ids[kept]]
        for each in (study, altered(study, Pb_mg_kg=lead, pH=ph))
    )
    assert before.equals(after)


def test_soils_without_ph_are_compared_with_no_limit_that_needs_it(study, folds):
    """Where the laboratory measured no pH, no limit is known and no outcome is claimed."""
    unknown = altered(study, pH=np.where(np.arange(60) < 5, np.nan, study.target.values("pH")))
    exceedances = evaluate_site_model(unknown, folds, PLS)[1]
    assert not set(study.ids[:5]) & set(exceedances["sample"])
    assert len(exceedances) == 3 * 55


def test_groups_stay_together_inside(study):
    """Soils of one group are left out of one and the same fit."""
    group = np.repeat(np.arange(12), 5)
    fold = fit_site_model(altered(study, group=group), PLS).target.fold
    assert all(len(set(fold[group == each])) == 1 for each in range(12))


def test_a_group_on_both_sides_is_refused(study, folds):
    """Folds that tear groups apart are not tested with."""
    with pytest.raises(ValueError, match="trains and tests"):
        evaluate_site_model(altered(study, group=np.repeat(np.arange(12), 5)), folds, PLS)


def test_intervals_and_probabilities_hold_on_fresh_twins():
    """Over six sites, 90 % intervals hold 87–93 % of new soils, and probabilities are off by .05 at most."""
    inside, chances = [], []
    for seed in range(60, 66):
        soils = twin.simulate_target(430, seed=seed, grid=GRID)
        X, lead, ph = soils.reflectance, soils.values("Pb_mg_kg"), soils.values("pH")
        model = SiteModel.fit(X[:130], np.log(lead[:130]), GRID, ph=ph[:130], seed=seed)
        told, found = model.predict(X[130:]), model.exceedance(X[130:], GB)
        inside.append((told["lower"] <= lead[130:]) & (lead[130:] <= told["upper"]))
        for rule in found:
            limit = lead_limit(GB, rule, ph[130:])
            chances.append(pd.DataFrame({"told": found[rule], "above": lead[130:] > limit}))
    assert 0.87 <= np.mean(inside) <= 0.93
    table = pd.concat(chances)
    assert calibration_error(reliability_table(table["told"], table["above"])) <= 0.05
