"""Progress of long loops: on the terminal that runs them, never in a page.

A notebook kernel inherits the terminal's standard error as ``sys.__stderr__``, while
``sys.stderr`` is captured into the notebook: bars go to the former.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], description: str, total: int | None = None) -> tqdm[Item]:
    """Iterate with a progress bar where a terminal watches, silently elsewhere.

    Examples
    --------
    >>> sum(track(range(4), "adding"))
    6
    """
    return tqdm(items, desc=description, total=total, file=sys.__stderr__, disable=None, leave=False)
