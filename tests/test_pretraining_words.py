"""Sentences about a pretrained network say what its numbers say."""

import pandas as pd
import pytest

from soilpb.old import pretraining_words


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
    assert said in pretraining_words.training(history)


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
    assert said in pretraining_words.rivalry(row, "PLS")


def test_recognition_is_told_from_knowledge():
    """A high pooled R² with a low one within groups is called recognition, and only then."""
    assert "recognition of where they come from" in pretraining_words.populations(0.9, 0.2, 4)
    assert "holds within them" in pretraining_words.populations(0.9, 0.8, 4)
    assert "names no fields" in pretraining_words.populations(0.9, 0.9, 1)


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
    assert said in pretraining_words.crossing(0.9, site, bias, rmse=0.7)


def by_size(**r2):
    sizes = (1_000, 2_000, 8_000)
    return pd.DataFrame(
        [(model, n, value) for model, row in r2.items() for n, value in zip(sizes, row, strict=False)],
        columns=["model", "n", "value"],
    )


@pytest.mark.parametrize(
    ("r2", "said"),
    [
        (
            [0.5, 0.6, 0.7],
            "goes from 0.50 to 0.70 and still rises by 0.05 a doubling at the end; PLS goes from 0.80",
        ),
        ([0.5, 0.69, 0.7], "rises by less than 0.02 a doubling"),
        ([0.5, 0.7, 0.6], "rises by less than 0.02 a doubling"),
        ([0.5], "too small"),
    ],
)
def test_what_more_soils_bring_is_counted_by_the_doubling(r2, said):
    """The last step is divided by its doublings; one size alone allows no statement."""
    assert said in pretraining_words.growth(
        by_size(network=r2, PLS=[0.8, 0.81, 0.82][: len(r2)]), "network", "PLS"
    )


def test_the_best_and_the_worst_group_are_named():
    """The sentence names the groups of the least and the largest error of its own model."""
    table = pd.DataFrame(
        {"model": ["m"] * 3 + ["other"], "population": list("abca"), "RMSE": [0.4, 0.3, 0.9, 2]}
    )
    assert pretraining_words.groups(table, "m") == (
        "Over the 3 groups RMSE of m lies between 0.30 (b) and 0.90 (c), with a median of 0.40."
    )
    assert pretraining_words.groups(table, "other") == "This library names none."


def test_simulated_scores_are_not_laid_beside_published_ones():
    """Only measured soils and pH may stand under what others reported."""
    assert "Below them stand the models of this page" in pretraining_words.published("measured", "pH")
    assert "no place beside them" in pretraining_words.published("simulated", "pH")
    assert "this page is about clay_pct" in pretraining_words.published("measured", "clay_pct")
