"""Sentences about a pretrained network say what its numbers say."""

import pandas as pd
import pytest

from soilpb import pretraining_words as words


@pytest.mark.parametrize(
    ("r2", "said"),
    [
        ([0.2, 0.7, 0.9, 0.9, 0.9, 0.9, 0.9, 0.905], "levelled off"),
        ([0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9], "still brought 0.20"),
        ([0.2, 0.7, 0.9, 0.8, 0.7, 0.6, 0.6, 0.6], "fell by 0.30 after epoch 3"),
        ([0.4], "still brought 0.40"),
    ],
)
def test_a_training_is_too_short_too_long_or_right(r2, said):
    """A level, a rising and a falling curve get their own sentence."""
    history = pd.DataFrame({"epoch": range(1, len(r2) + 1), "validation_r2": r2})
    assert said in words.training(history)


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ((0.05, 0.02, 0.08), "better than PLS by 0.05"),
        ((-0.05, -0.08, -0.02), "worse than PLS by 0.05"),
        ((0.01, -0.02, 0.04), "PLS cannot be told apart (95 % interval of the difference −0.02 to +0.04)"),
    ],
)
def test_a_network_is_better_worse_or_neither(difference, said):
    """A win, a loss and a tie follow from where the interval lies."""
    row = dict(zip(["value", "lower", "upper"], difference, strict=True))
    assert said in words.rivalry(row, "PLS")


def test_recognition_is_told_from_knowledge():
    """A high pooled R² with a low one within groups is called recognition, and only then."""
    assert "recognition of where they come from" in words.populations(0.9, 0.2, 4)
    assert "holds within them" in words.populations(0.9, 0.8, 4)
    assert "names no fields" in words.populations(0.9, 0.9, 1)


@pytest.mark.parametrize(
    ("site", "bias", "said"),
    [
        (0.85, 0.05, "crosses over"),
        (0.40, 0.05, "falls from 0.90 to 0.40"),
        (-0.5, 0.05, "worse than guessing"),
        (-0.5, -0.6, "common shift: predictions are 0.60 too low"),
    ],
)
def test_crossing_over_is_judged_by_r2_and_bias(site, bias, said):
    """R² decides what crossed over; a bias beyond half the error is named as its cause."""
    assert said in words.crossing(0.9, site, bias, rmse=0.7)
