"""What was measured stands beside what was asked, from the record that the benchmark wrote."""

import json
from pathlib import Path

import pytest

from soilpb.old import decision_record

RECORD = Path(__file__).parents[2] / "results" / "decisions.json"
MADE_UP = {
    "coverage of 90 % intervals": [{"of": "lead", "mean": 0.911, "min": 0.85, "max": 0.95}],
    "probabilities of exceedance": [
        {"pH": "predicted", "rule": "all", "calibration error": 0.0123},
        {"pH": "measured", "rule": "all", "calibration error": 0.5},
    ],
    "flagged soils": [
        {"soils": "same kind", "flagged": 0.07, "shown": None},
        {"soils": "shift 2", "flagged": 0.9, "shown": 0.99},
    ],
    "soils needed": [
        {"method": "random", "soils for an RMSE of 0.3": 100.0},
        {"method": "kennard_stone", "soils for an RMSE of 0.3": 74.2},
        {"method": "latin_hypercube", "soils for an RMSE of 0.3": None},
    ],
}


def test_each_number_stands_in_its_row():
    """Means with their spread, probabilities with predicted pH, flags by kind, the best choice of soils."""
    assert decision_record.beside_what_was_asked(MADE_UP).to_numpy().tolist() == [
        ["lead within its 90 % intervals", "87–93 %", "91 % (85 % to 95 % by site)"],
        ["error of probabilities, pH predicted", "≤ 0.05", "0.012"],
        ["flagged, same kind", "≤ 10 %", "7 %"],
        ["flagged, shift 2", "≥ 80 %", "90 % (shown both: 99 %)"],
        ["soils needed for the error of 100 at random", "≤ 75", "74 (kennard stone)"],
    ]


def test_the_record_can_be_laid_out():
    """The committed record has all that is asked for."""
    table = decision_record.beside_what_was_asked(json.loads(RECORD.read_text()))
    assert len(table) == 2 + 1 + 4 + 1
    assert not table["found"].str.contains("nan|inf").any()


@pytest.mark.parametrize("title", MADE_UP)
def test_a_record_without_a_table_is_an_error(title):
    """Nothing is left out in silence."""
    with pytest.raises(KeyError, match=title):
        decision_record.beside_what_was_asked({k: v for k, v in MADE_UP.items() if k != title})
