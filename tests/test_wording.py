"""Numbers and lists are written one way."""

import pytest

from soilpb import _format


@pytest.mark.parametrize(
    ("value", "digits", "plain", "signed"),
    [
        (0.126, 2, "0.13", "+0.13"),
        (-0.126, 2, "−0.13", "−0.13"),
        (-0.004, 2, "0.00", "0.00"),
        (0.0004, 3, "0.000", "0.000"),
        (-1206.2, 0, "−1206", "−1206"),
    ],
)
def test_signs_are_true_and_zero_has_none(value, digits, plain, signed):
    """Minus is U+2212, plus only where a change is told, and what rounds to zero has no sign."""
    assert _format.number(value, digits) == plain
    assert _format.signed(value, digits) == signed


def test_lists_end_with_and():
    """Nothing, one, two and three words."""
    assert [_format.join_words("abc"[:n]) for n in range(4)] == ["", "a", "a and b", "a, b and c"]


def test_intervals_follow_their_value():
    """Both ends have true minus signs."""
    assert _format.with_interval(-0.5, -0.9, -0.1) == "−0.50 (−0.90 to −0.10)"
