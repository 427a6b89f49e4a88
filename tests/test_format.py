"""Numbers and lists are written one way; progress goes to the terminal that watches."""

import io
import sys

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


class Terminal(io.StringIO):
    """A text stream that says it is, or is not, watched."""

    def __init__(self, watched):
        super().__init__()
        self.watched = watched

    def isatty(self):
        """Whether a person looks on."""
        return self.watched


def run(monkeypatch, watched):
    """What a loop of three writes to the terminal, and to a notebook's captured stderr."""
    terminal, page = Terminal(watched), Terminal(watched=True)
    monkeypatch.setattr(sys, "__stderr__", terminal)
    monkeypatch.setattr(sys, "stderr", page)
    assert list(_format.track("abc", "folds")) == ["a", "b", "c"]
    return terminal.getvalue(), page.getvalue()


def test_a_watched_terminal_shows_the_bar_and_the_page_does_not(monkeypatch):
    """The bar with its description is on the process' own stderr, not on the captured one."""
    terminal, page = run(monkeypatch, watched=True)
    assert "folds" in terminal
    assert "0/3" in terminal
    assert page == ""


def test_the_finished_bar_is_wiped_away(monkeypatch):
    """After the loop the terminal's last line is blank, so bars do not pile up."""
    terminal, _ = run(monkeypatch, watched=True)
    assert "\n" not in terminal
    assert terminal.rstrip("\r").split("\r")[-1].strip() == ""


def test_where_nobody_watches_nothing_is_written(monkeypatch):
    """A log or a build server gets no bar at all."""
    assert run(monkeypatch, watched=False) == ("", "")
