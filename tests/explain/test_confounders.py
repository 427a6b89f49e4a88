"""Lead and its company are told apart where it is known which of them the spectrum shows."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from soilpb.evaluate import splits
from soilpb.explain.confounders import PARTS, compare_confounders, score_confounders
from soilpb.models.inner_folds import InnerFolds

N = 150


@pytest.fixture(scope="module")
def soils():
    """Spectra of four bands: iron, clay, lead itself, noise; and what was measured."""
    rng = np.random.default_rng(0)
    iron, clay, own = rng.normal(size=(3, N))
    X = np.column_stack([iron, clay, own, rng.normal(size=N)]) + 0.3 * rng.normal(size=(N, 4))
    return X, pd.DataFrame({"iron": iron, "clay": clay}), own


@pytest.fixture(scope="module")
def folds():
    ids = np.arange(N)
    return list(splits.iterate_folds(splits.repeated_kfold(ids, 5, 1), ids))


def skill_of(y, soils, folds):
    return score_confounders(Ridge(), soils[0], y, soils[1], folds)


def test_lead_known_by_its_company_adds_nothing(soils, folds):
    """Where lead follows iron and clay only, these reach the model's skill, and the sentence says so."""
    y = soils[1]["iron"] + soils[1]["clay"] + 0.3 * np.random.default_rng(1).normal(size=N)
    skill = skill_of(y.to_numpy(), soils, folds)
    mean = skill.groupby("part")["r2"].mean()
    assert mean["company"] == pytest.approx(mean["spectrum"], abs=0.02)
    sentence = compare_confounders(skill, "lead", ["iron", "clay"])
    assert sentence.endswith("what the spectrum shows is the company of lead.")
    assert f"R² of {mean['spectrum']:.2f}; what the spectrum says of iron and clay alone" in sentence


def test_lead_with_a_band_of_its_own_adds_much(soils, folds):
    """Where a band shows lead itself, the model adds to the companions, and the sentence says so."""
    y = soils[1]["iron"] + 1.5 * soils[2]
    skill = skill_of(y.to_numpy(), soils, folds)
    mean = skill.groupby("part")["r2"].mean()
    assert mean["both"] - mean["company"] > 0.4
    assert compare_confounders(skill, "lead", ["iron", "clay"]).endswith(
        "more of lead than its company does."
    )


def test_what_few_soils_cannot_tell_is_said(soils, folds):
    """A gain whose interval reaches from nothing to much is no verdict."""
    rows = [
        (i, 80, 20, p, r)
        for i, gain in enumerate((0.3, -0.2, 0.1))
        for p, r in zip(PARTS, (0.5, 0.4, 0.4 + gain), strict=True)
    ]
    skill = pd.DataFrame(rows, columns=["draw", "n_train", "n_test", "part", "r2"])
    assert compare_confounders(skill, "lead", ["pH"]).endswith("these soils cannot tell.")


def test_test_rows_teach_nothing(soils, folds):
    """Companions measured on the test rows are never looked at: spoiling them changes no score."""
    X, companions, own = soils
    y = (companions["iron"] + own).to_numpy()
    fold = folds[0]
    spoilt = companions.copy()
    spoilt.loc[fold.test] = 1e3
    once, again = (score_confounders(Ridge(), X, y, table, [fold]) for table in (companions, spoilt))
    pd.testing.assert_frame_equal(once, again)


def test_groups_stay_together_inside(soils, folds, monkeypatch):
    """Inner folds get the groups of the training rows."""
    groups, masks = np.arange(N) // 50, []
    deal = InnerFolds.training_masks

    def watched(self, n, groups):
        masks.append((deal(self, n, groups), groups))
        return masks[-1][0]

    monkeypatch.setattr(InnerFolds, "training_masks", watched)
    score_confounders(Ridge(), soils[0], soils[2], soils[1], folds[:1], groups=groups)
    assert all(not set(names[mask]) & set(names[~mask]) for found, names in masks for mask in found)
