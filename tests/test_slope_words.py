"""Sentences about slopes say what the slopes say."""

import pandas as pd

from soilpb.old import interpretation_words

#: Four slopes with the truth, of which two are strong and one is in doubt.
SLOPES = pd.DataFrame(
    {
        "constituent": ["clay", "goethite", "organic_matter", "water"],
        "slope": [0.3, 0.2, -0.1, 0.1],
        "low": [0.2, 0.1, -0.2, -0.1],
        "high": [0.4, 0.3, -0.05, 0.3],
        "truth": [0.6, 0.25, -0.15, 0.0],
    }
)


def test_slopes_are_judged_by_signs_and_sizes():
    """Only true slopes above the threshold are judged by sign; sizes are relative to the truth."""
    said = interpretation_words.signs(SLOPES)
    assert "2 of the 2 whose true slope exceeds 0.2 in size have the right sign" in said
    assert "65 % of the truth (median)" in said
    assert said.endswith(
        "The interval misses the truth for: clay, 0.30 (0.20 to 0.40) where the truth is 0.60."
    )
    known = interpretation_words.away_from_zero(SLOPES)
    assert known.startswith(
        "Predictions rise with clay and goethite and fall with organic matter; for 1 of 4 "
    )
    assert "only simulated soils" in interpretation_words.signs(SLOPES.drop(columns="truth"))


def test_exceptions_among_fields_are_named():
    """A field whose slope has the wrong sign is named, for each model apart."""
    slopes = pd.DataFrame(
        {
            "field": ["CV.98", "SC.93"] * 2,
            "model": ["clay model"] * 2 + ["carbon model"] * 2,
            "slope": [1.0, 2.0, 1.0, -1.0],
            "low": [0.5, -0.5, 0.5, -2.0],
            "r2": [0.9, 0.8, 0.7, 0.2],
            "strongest": ["clay", "clay", "organic_matter", "iron_oxides"],
        }
    )
    assert interpretation_words.fields_agree(slopes) == (
        "The slope of the clay model is positive in 2 of 2 fields, in 1 of them with its whole interval; "
        "the slope of the carbon model is positive in 1 of 2 fields, in 1 of them with its whole interval "
        "(not in SC.93, whose model has an R² of 0.20 and rises most with iron oxides)."
    )
