"""Groups stay together wherever a model tunes itself."""

import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.model_selection import GroupKFold, KFold

from soilpb.evaluate import cross_validate, repeated_kfold
from soilpb.models import InnerFolds, baselines, fit_model

GROUPS = np.repeat([f"field {i}" for i in range(11)], 3)
#: Models that choose nothing on inner folds.
UNTUNED = {"forest", "cubist", "resnet", "resnet-ph", "head", "partial"}


class GroupRecorder(RegressorMixin, BaseEstimator):
    """Remembers the groups that its fit was given."""

    __metadata_request__fit = {"groups": True}  # noqa: RUF012

    def fit(self, X, y, groups=None):
        """Remember them."""
        self.groups_ = groups
        return self

    def predict(self, X):
        """Predict how many they are."""
        return np.full(len(X), float(len(set(self.groups_))))


@pytest.fixture
def dealt(monkeypatch):
    """Training and test groups of every inner fold that is dealt; a fold that ignores groups fails."""
    found, deal = [], InnerFolds.split

    def watched(self, X, y=None, groups=None):
        assert groups is not None, "an inner fold got no groups"
        for train, test in deal(self, X, y, groups):
            found.append((set(groups[train]), set(groups[test])))
            yield train, test

    def refused(self, X, y=None, groups=None):
        raise AssertionError("inner folds were dealt without regard to groups")

    monkeypatch.setattr(InnerFolds, "split", watched)
    monkeypatch.setattr(KFold, "split", refused)
    return found


def test_no_model_splits_a_group(key, model, site, dealt):
    """Every model that tunes itself does so on folds that keep each group on one side."""
    fit_model(model, *site, GROUPS)
    assert bool(dealt) == (key not in UNTUNED)
    assert not any(train & test for train, test in dealt)


@pytest.mark.parametrize("key", [key for key in baselines.MODELS if key not in UNTUNED])
def test_without_groups_soils_are_dealt_singly(model, site, dealt):
    """The test above would notice: without groups every such model is refused."""
    if model.__class__.__name__ == "NetworkRegressor":
        # Such a model deals no inner folds then, so there is nothing to notice.
        pytest.skip("its ridge head chooses by leave-one-out where there are no groups")
    with pytest.raises(AssertionError, match="no groups"):
        fit_model(model, *site)


def test_cross_validation_hands_on_the_groups_of_training_rows(site):
    """Each outer fold's fit gets the groups of its own rows, and no model that takes none is bothered."""
    folds = repeated_kfold(range(33), 5, 1, 0, GROUPS)
    found = cross_validate({"it": GroupRecorder()}, *site, folds, groups=GROUPS)
    left_out = found.groupby("fold")["sample"].agg(lambda rows: len(set(GROUPS[rows])))
    assert (found.groupby("fold")["predicted"].first() == 11 - left_out).all()
    assert np.isfinite(cross_validate({"it": baselines.random_forest()}, *site, folds)["predicted"]).all()


def test_folds_are_scikit_learns():
    """Without groups they are KFold's of the same seed, with them GroupKFold's, no more than groups."""
    X = np.zeros((33, 1))
    for ours, theirs in (
        (InnerFolds(4, 7).split(X), KFold(4, shuffle=True, random_state=7).split(X)),
        (
            InnerFolds(4, 7).split(X, groups=GROUPS),
            GroupKFold(4, shuffle=True, random_state=7).split(X, groups=GROUPS),
        ),
    ):
        for (train, test), (train_expected, test_expected) in zip(ours, theirs, strict=True):
            np.testing.assert_array_equal(train, train_expected)
            np.testing.assert_array_equal(test, test_expected)
    assert InnerFolds(5).get_n_splits(groups=GROUPS[:9]) == 3
    assert InnerFolds(5).training_masks(9, GROUPS[:3].repeat(3)).shape == (5, 9)


def test_routing_is_no_side_effect(site):
    """scikit-learn's switch is as it was, after import and after a fit with groups."""
    fit_model(baselines.ridge(), *site, GROUPS)
    assert not sklearn.get_config()["enable_metadata_routing"]
