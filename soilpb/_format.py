"""How numbers and lists are written in sentences, tables and pictures; progress bars of long loops."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

from tqdm import tqdm


def number(value: float, digits: int = 2) -> str:
    """Write a value with a true minus sign; what rounds to zero has none.

    Examples
    --------
    >>> number(-0.031), number(-0.001), number(1205.7, 0)
    ('−0.03', '0.00', '1206')
    """
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """Write a change with its sign; what rounds to zero has none.

    Examples
    --------
    >>> signed(0.031), signed(-0.0312, 3), signed(-0.0001)
    ('+0.03', '−0.031', '0.00')
    """
    return ("+" if round(value, digits) > 0 else "") + number(value, digits)


def with_interval(value: float, low: float, high: float) -> str:
    """Write a value and its interval.

    Examples
    --------
    >>> with_interval(0.5, -0.101, 0.9)
    '0.50 (−0.10 to 0.90)'
    """
    return f"{number(value)} ({number(low)} to {number(high)})"


def signed_with_interval(value: float, low: float, high: float, digits: int = 2) -> str:
    """Write a change and its interval, with signs.

    Examples
    --------
    >>> signed_with_interval(0.031, -0.0012, 0.06, 3)
    '+0.031 (−0.001 to +0.060)'
    """
    return f"{signed(value, digits)} ({signed(low, digits)} to {signed(high, digits)})"


def join_words(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> join_words(["clay", "water", "iron"]), join_words(["clay"])
    ('clay, water and iron', 'clay')
    """
    *first, last = [*words] or [""]
    return f"{', '.join(first)} and {last}" if first else last


def list_first(words: Sequence[object], most: int = 8) -> str:
    """List words, the first ``most`` written out.

    Examples
    --------
    >>> list_first("abc", 2)
    'a, b and 1 more'
    """
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return ", ".join(map(str, words[:most])) + more


def as_cell(text: str) -> str:
    """Write a text so that a spreadsheet shows it: what it would take for a formula gets an apostrophe.

    Examples
    --------
    >>> as_cell("=cmd()"), as_cell("-S1"), as_cell("-12"), as_cell("S-1")
    ("'=cmd()", "'-S1", '-12', 'S-1')
    """
    formula = re.match(r"\s*[=+\-@＝＋－＠]", text) and not re.fullmatch(r"[+-]?[\d.]+", text)
    return f"'{text}" if formula else text


def to_words(name: str) -> str:
    """Write a name of the code as words.

    Examples
    --------
    >>> to_words("organic_matter")
    'organic matter'
    """
    return name.replace("_", " ")


Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, total: int | None = None) -> tqdm[Item]:
    """Iterate with a progress bar where a terminal watches, silently elsewhere.

    A kernel captures ``sys.stderr`` into the notebook; ``sys.__stderr__`` is the terminal.

    Examples
    --------
    >>> sum(track(range(4), "adding"))
    6
    """
    return tqdm(items, desc=description, total=total, file=sys.__stderr__, disable=None, leave=False)


def track_bytes(name: str, size: int) -> tqdm:
    """Progress bar over the bytes of a file, to be moved with ``update``: every 10 s where no terminal is.

    What is read in a moment has none.
    """
    watched = sys.__stderr__ is not None and sys.__stderr__.isatty()
    return tqdm(
        desc=name,
        total=size,
        unit="B",
        unit_scale=True,
        file=sys.__stderr__,
        disable=sys.__stderr__ is None or size < 5e7,
        mininterval=0.2 if watched else 10,
        leave=False,
    )
