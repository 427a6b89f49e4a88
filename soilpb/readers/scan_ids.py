"""Which sample a file of one scan is about: the rule by which names become ids.

A file is named after its sample, perhaps with a counter of scans behind: ``S1.asd``,
``S1_00002.asd``, ``S1-2.sed``, ``S1 (2).sig``, ``S100002.asd`` (ASD counts with five
digits, older ones with three), ``S1.0`` and ``S1.1`` (OPUS), ``S1MD01.asd`` (KSSL). A
counter is only taken off where what remains is a sample of the laboratory's table, and
never where the whole name is one: ``S-1`` and ``S-2`` may be two soils. Where what remains
is such a sample but for leading zeros, case or marks, it is what the file says, so that
:func:`~soilpb.readers.ids.match_ids` can refuse it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from soilpb.readers.dialects import clean
from soilpb.readers.ids import fold_id
from soilpb.sitefile import SiteError

_COUNTERS = tuple(
    re.compile(rf"(?P<id>.+?){counter}")
    for counter in (
        r"[ _.\-]+(?:scan|rep|r)?[ _.\-]?\d{1,5}",
        r" ?\(\d+\)",
        r"\d{5}",
        r"\d{3}",
        r"[A-Z]{2}\d{2}",
    )
)


def sample_of(path: Path, known: Collection[str]) -> str:
    """Id of the sample that a file is about.

    Parameters
    ----------
    path : Path
        The file; its suffix is no part of the id.
    known : collection of str
        Ids of the laboratory's table.

    Returns
    -------
    str
        One of ``known``, or one that is spelt otherwise there, or the whole name if none fits.

    Raises
    ------
    SiteError
        If the name fits two samples.

    Examples
    --------
    >>> [sample_of(Path(name), {"S1", "S2-1"}) for name in ("S1.asd", "S1_003.asd", "S2-1.0", "X-1.sig")]
    ['S1', 'S1', 'S2-1', 'X-1']
    """
    name = clean(path.stem)
    if name in known:
        return name
    matches = [match["id"] for counter in _COUNTERS if (match := counter.fullmatch(name))]
    fitting = sorted(set(matches) & set(known))
    if len(fitting) > 1:
        raise SiteError(
            f"{path}: the name may mean sample {' or '.join(map(repr, fitting))}; rename the file to its "
            "sample's id, '_' and a number"
        )
    if fitting:
        return fitting[0]
    folded = {fold_id(other) for other in known}
    return next((other for other in (name, *matches) if fold_id(other) in folded), name)
