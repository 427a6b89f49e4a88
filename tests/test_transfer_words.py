"""Sentences about transfer say what their tables say."""

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.old import transfer_words

CLEAR = {"equal": 0.0, "p_holm": 0.001}
ROWS = {
    "better": {**CLEAR, "change": -0.2},
    "worse": {**CLEAR, "change": 0.2},
    "equal": {"equal": 0.99, "p_holm": 0.5, "change": 0.0},
    "tied": {"equal": 0.3, "p_holm": 1.0, "change": -0.001},
    "undecided": {"equal": 0.3, "p_holm": 0.4, "change": -0.05},
}
ROWS = {
    name: {**row, "lower": row["change"] - 0.1, "upper": row["change"] + 0.1} for name, row in ROWS.items()
}


@pytest.fixture(scope="module")
def compared():
    """With the source the error is a third; a second model gains nothing by it."""
    ids = np.arange(60)
    folds = splits.repeated_kfold(ids, 5, 3)
    rng = np.random.default_rng(0)
    rows = folds[folds["role"] == "test"]
    truth = rng.standard_normal(60)[rows["sample"]]
    noise = {name: rng.standard_normal(len(rows)) for name in ("A", "B")}
    errors = {"A": 0.3 * noise["A"], "A without": 0.9 * noise["A"], "B": noise["B"], "B without": noise["B"]}
    predictions = pd.concat(
        rows.assign(model=name, observed=truth, predicted=truth + error) for name, error in errors.items()
    )
    pairs = {"A": "A without", "B": "B without"}
    return comparison.compare_pairs(cross_validation.score_predictions(predictions), folds, pairs)


def test_each_model_is_compared_with_its_own_control(compared):
    """The gain is found where it is, and only there."""
    rows = compared.set_index("model")
    assert rows.loc["A", "reference"] == "A without"
    assert rows.loc["A", "change"] == pytest.approx(-2 / 3, abs=0.05)
    assert list(compared["outcome"]) == ["better", "equal"]


def test_correction_counts_all_pairs(compared):
    """p-values are corrected for the number of pairs, not of models in one comparison."""
    smallest = compared.loc[compared["p_value"].idxmin()]
    assert smallest["p_holm"] == pytest.approx(2 * smallest["p_value"])


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        (["better", "better"], "helps every time"),
        (["better", "undecided"], "helps in 1 of 2"),
        (["worse", "undecided"], "harms in 1"),
        (["equal", "tied"], "lowers the error in none of 2"),
        (["equal", "undecided"], "lowers the error in 1 of 2 strategies, but in none"),
    ],
)
def test_knowledge_is_claimed_only_where_it_was_shown(outcomes, said):
    """Wins, ties and losses against random weights each get their own sentence."""
    assert said in transfer_words.knowledge(
        pd.DataFrame([ROWS[o] for o in outcomes]).assign(outcome=outcomes), "pH"
    )


def test_each_control_has_its_own_conclusion():
    """Shuffled labels rule out the sight of the library, random weights the shape of the network."""
    pairs = pd.DataFrame([ROWS["better"]]).assign(outcome="better")
    said = transfer_words.knowledge(pairs, "pH", "shuffled labels")
    assert "from shuffled labels, pH helps every time" in said
    assert said.endswith("the labels matter, not only the sight of many spectra.")
    assert transfer_words.knowledge(pairs, "pH").endswith("not the shape of a network.")


@pytest.mark.parametrize(
    ("control", "reference", "said"),
    [
        ("better", "better", "earned its place"),
        ("better", "worse", "PLS is better still"),
        ("better", "equal", "no better than PLS"),
        ("better", "undecided", "cannot tell it from PLS"),
        (
            "undecided",
            "better",
            "beats PLS. Its error is 5 % lower with the source than without",
        ),
        ("tied", "undecided", "Its error is the same with the source and without"),
        ("equal", "worse", "loses to PLS, and is as good without the source"),
        ("worse", "undecided", "its error is 20 % higher with the source than without: transfer harms"),
    ],
)
def test_transfer_earns_its_place_by_two_wins(control, reference, said):
    """It must beat itself without the source, and the reference."""
    assert said in transfer_words.earned(ROWS[control], {**ROWS[reference], "reference": "PLS"})


@pytest.mark.parametrize(
    ("pls", "said"),
    [
        ([0.5, 0.6, 0.7], "and PLS no less"),
        ([0.1, 0.3, 0.45], "PLS needs 100 for as much"),
        ([0.1, 0.2, 0.3], "PLS does not get beyond 0.30 with up to 100"),
        ([-0.2, -0.15, -0.1], "PLS does not get beyond −0.10 with up to 100"),
    ],
)
def test_savings_are_read_off_the_learning_curve(pls, said):
    """The sentence names the first number of soils at which the reference catches up, if any."""
    values = {"transfer": [0.4, 0.5, 0.6], "PLS": pls}
    curve = pd.concat(
        pd.DataFrame({"model": name, "n_train": [30, 60, 100], "value": r2}) for name, r2 in values.items()
    )
    assert said in transfer_words.savings(curve, "transfer", "PLS")


def test_groups_are_mentioned_where_there_are_any():
    """The number of groups is the number of different ones."""
    assert "folds are random" in transfer_words.membership(None)
    assert "The 2 groups" in transfer_words.membership(["a", "a", "b"])


def test_features_are_held_against_the_property_alone():
    """Features that do no better than the one number they were trained for add little."""
    assert "hold more than pH: ridge on them has 0.60" in transfer_words.alone("pH", 0.1, 0.6)
    assert "add little" in transfer_words.alone("pH", 0.58, 0.6)
