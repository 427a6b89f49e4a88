"""The trial judges the kept model by soils it has not seen, and by nothing else."""

import numpy as np
import pytest

from soilpb.decide import site_model
from soilpb.decide.site_model import SiteModel
from soilpb.decide.standards import lead_limit
from soilpb.evaluate import splits
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 30)
GB = "GB 15618-2018"


@pytest.fixture(scope="module")
def site():
    soils = twin.simulate_target(50, seed=3, grid=GRID)
    ids = soils.samples.index.to_numpy()
    folds = splits.repeated_kfold(ids, 5, 1, seed=0)
    return soils.reflectance, np.log(soils.values("Pb_mg_kg")), soils.values("pH"), ids, folds


@pytest.fixture(scope="module")
def found(site):
    X, y, ph, ids, folds = site
    return site_model.cross_validate_site(X, y, folds, ids, ph=ph, standard=GB)


def test_each_soil_is_judged_by_a_model_of_the_others(site, found):
    """A row is what the whole model, fitted on that fold's training soils, says of that soil."""
    X, y, ph, ids, folds = site
    predictions, exceedances = found
    fold = next(splits.iterate_folds(folds, ids))
    model = SiteModel.fit(X[fold.train], y[fold.train], GRID, ph=ph[fold.train])
    rows = predictions.query("fold == @fold.fold")
    np.testing.assert_array_equal(rows["sample"], ids[fold.test])
    said = model.predict(X[fold.test])
    np.testing.assert_allclose(rows[list(said)].astype(float), said.astype(float))
    chances = exceedances.query("fold == @fold.fold and rule == 'intervention'")["probability"]
    np.testing.assert_allclose(chances, model.exceedance(X[fold.test], GB)["intervention"])
    assert len(predictions) == 50


def test_what_happened_is_the_laboratorys(site, found):
    """Exceeded means measured lead above the limit at the measured pH."""
    _, y, ph, ids, _ = site
    table = found[1].query("rule == 'screening, paddy'").set_index("sample").loc[ids]
    np.testing.assert_array_equal(table["exceeded"], np.exp(y) > lead_limit(GB, "screening, paddy", ph))


def test_test_soils_change_nothing_that_was_learnt(site):
    """With other values of lead and pH in all test soils but one, that one's row is the same."""
    X, y, ph, ids, _ = site
    folds = splits.random_split(ids, seed=1)
    fold = next(splits.iterate_folds(folds, ids))
    kept, others = fold.test[0], fold.test[1:]
    y_other, ph_other = y.copy(), ph.copy()
    y_other[others], ph_other[others] = 99.0, 1.0
    before, after = (
        site_model.cross_validate_site(X, *values, ids, ph=acidity)[0].set_index("sample").loc[ids[kept]]
        for values, acidity in (((y, folds), ph), ((y_other, folds), ph_other))
    )
    assert before.equals(after)


def test_soils_without_ph_have_no_verdict_of_their_own(site):
    """Where the laboratory measured no pH, no limit is known and no outcome is claimed."""
    X, y, ph, ids, folds = site
    unknown = np.where(np.arange(50) < 5, np.nan, ph)
    exceedances = site_model.cross_validate_site(X, y, folds, ids, ph=unknown, standard=GB)[1]
    assert not set(ids[:5]) & set(exceedances["sample"])
    assert len(exceedances) == 3 * 45


def test_a_summary_counts(found):
    """Coverage and flags are shares of soils; without limits there is no calibration error."""
    predictions, exceedances = found
    inside = (predictions["lower"] <= predictions["observed"]) & (
        predictions["observed"] <= predictions["upper"]
    )
    summary = site_model.summary(predictions, exceedances)
    assert summary["coverage"] == inside.mean()
    assert 0 <= summary["calibration_error"] < 0.5
    assert set(site_model.summary(predictions, exceedances[:0])) == {"coverage", "outside"}


def test_a_group_on_both_sides_is_refused(site):
    """Folds that tear groups apart are not judged with."""
    X, y, _, ids, folds = site
    with pytest.raises(ValueError, match="trains and tests"):
        site_model.cross_validate_site(X, y, folds, ids, groups=np.repeat(np.arange(10), 5))
