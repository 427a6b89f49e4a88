"""Verdict sentences: a win, a loss, a tie and an equality each read as what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import comparison, cross_validation, splits

FOLDS = splits.repeated_kfold(range(50), n_splits=5, n_repeats=5)


def compared(change, spread, seed=0):
    """Row of a comparison: RMSE of folds that differ from the reference's 1 by change ± spread."""
    keys = FOLDS[["repeat", "fold"]].drop_duplicates()
    noise = np.random.default_rng(seed).normal(size=len(keys))
    noise = (noise - noise.mean()) / noise.std()
    reference = keys.assign(model="PLS-Pb", metric="RMSE", value=1.0)
    other = keys.assign(model="ResNet-Pb", metric="RMSE", value=1 + change + spread * noise)
    return comparison.compare_models(pd.concat([reference, other]), FOLDS, "PLS-Pb").iloc[0]


def test_a_clear_win():
    """A quarter less error in every fold reads as better, with effect, interval and p-value."""
    row = compared(-0.25, 0.05)
    assert comparison.decide_verdict(row) == "better"
    assert comparison.verdict(row) == (
        "ResNet-Pb is better than PLS-Pb: it lowers RMSE by 25 % "
        "(95 % interval of the change −31 % to −19 %; p < .001, Holm-corrected)."
    )


def test_a_clear_loss():
    """A quarter more error reads as worse."""
    row = compared(+0.25, 0.05)
    assert comparison.decide_verdict(row) == "worse"
    assert comparison.verdict(row).startswith("ResNet-Pb is worse than PLS-Pb: it raises RMSE by 25 % (")


def test_a_tie():
    """Eight per cent less error on average, but anything from fold to fold, names no winner."""
    row = compared(-0.08, 0.3)
    assert comparison.decide_verdict(row) == "undecided"
    sentence = comparison.verdict(row)
    assert sentence.startswith("ResNet-Pb and PLS-Pb cannot be told apart: ResNet-Pb lowers RMSE by 8 %")
    assert "which other splits might undo" in sentence


def test_practical_equality_is_not_a_tie():
    """Half a per cent in every fold is significant and still reads as equality."""
    row = compared(-0.005, 0.002)
    assert row["p_holm"] < 0.001
    assert comparison.decide_verdict(row) == "equal"
    assert comparison.verdict(row) == (
        "ResNet-Pb and PLS-Pb are practically equal: their RMSE differs by less than 2 % "
        "with a probability of more than 99 %."
    )


def test_many_comparisons_take_the_win_back():
    """A p-value that would do alone does not after Holm's correction."""
    row = compared(-0.1, 0.1).copy()
    row["p_holm"] = 0.03
    assert comparison.decide_verdict(row) == "better"
    row["p_holm"] = 0.12
    assert comparison.decide_verdict(row) == "undecided"
    assert "p = .12" in comparison.verdict(row)
    row["lower"], row["upper"] = -0.19, -0.01
    assert "were it the only comparison" in comparison.verdict(row)


@pytest.mark.parametrize(
    ("published", "share", "judged"), [(0.6, "46 %", "good day"), (0.9, "0 %", "unusual")]
)
def test_what_a_published_split_can_mean(published, share, judged):
    """A value that many splits reach is called a good day, one that none reaches unusual."""
    scores = pd.DataFrame({"value": np.linspace(0.3, 0.85, 101)}).assign(
        model="PLS-Pb", metric="R2", fold=cross_validation.POOLED
    )
    sentence = comparison.split_verdict(scores, "PLS-Pb", published)
    assert sentence.startswith("Over 101 random splits the R² of PLS-Pb averages 0.58")
    assert f"reaches the published {published:.2f} in {share} of them" in sentence
    assert judged in sentence


@pytest.mark.parametrize(
    ("shift", "said"),
    [
        (0.02, "transfer earns its place."),
        (0.0, "transfer does not earn its place; what it changes may be chance."),
        (-0.02, "transfer does harm."),
    ],
)
def test_whether_transfer_earns_its_place(shift, said):
    """Gains on ten tasks read as earned, as chance or as harm, by the interval of their mean."""
    gains = shift + 0.01 * np.array([-1, 1, -1, 1, -1, 1, -1, 1, -1, 1])
    sentence = comparison.place_verdict(gains, "average")
    assert sentence.startswith("Over 10 tasks, transfer changes the mean R² of average by ")
    assert sentence.endswith(said)


def test_one_lucky_task_does_not_earn_a_place():
    """A large gain on one task of ten, and none elsewhere, is no case for transfer."""
    assert "may be chance" in comparison.place_verdict([0.2, *[0.0] * 9], "average")
