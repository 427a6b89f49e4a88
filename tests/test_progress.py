"""Bars go to the terminal that runs a loop, and nowhere else."""

import io
import sys

import pytest

from soilpb._format import track


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
    assert list(track("abc", "folds")) == ["a", "b", "c"]
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


def test_a_generator_gets_its_length_from_total(monkeypatch):
    """A loop over a generator counts up to the total that is given."""
    terminal = Terminal(watched=True)
    monkeypatch.setattr(sys, "__stderr__", terminal)
    list(track((i for i in range(4)), "rows", total=4))
    assert "0/4" in terminal.getvalue()


def test_an_error_in_the_loop_comes_through():
    """An error raised while iterating is not swallowed by the bar."""

    def failing():
        yield 1
        raise ArithmeticError("row 2")

    with pytest.raises(ArithmeticError, match="row 2"):
        list(track(failing(), "rows"))
