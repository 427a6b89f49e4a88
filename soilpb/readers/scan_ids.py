"""Which sample a file of one scan is about: the rule by which names become ids.

A file is named after its sample, perhaps with a counter of scans behind: ``S1.asd``,
``S1_00002.asd``, ``S1-2.sed``, ``S1 (2).sig``, ``S100002.asd`` (ASD counts with five
digits, older ones with three), ``S1.0`` and ``S1.1`` (OPUS), ``S1MD01.asd`` (KSSL). A
counter is only taken off where what remains is a sample of the laboratory's table, and
never where the whole name is one: ``S-1`` and ``S-2`` may be two soils. Where what remains
is such a sample but for leading zeros, case or marks, it is what the file says, so that
:func:`~soilpb.readers.ids.match_ids` can refuse it.

New spectra come without a laboratory's table. There a counter is taken off where the files of
the site's own soils, whose ids are known, were counted in the same way (:func:`counters_of`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
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

#: Counters that hardly end a sample's own name.
_TELLING = re.compile(r"(?P<id>.+?)[ _.\-]+(?:(?:scan|rep|r)[ _.\-]?\d{1,3}|0\d{2,4})")


def sample_of(path: Path, known: Collection[str], counters: Sequence[str] = ()) -> str:
    """Id of the sample that a file is about.

    Parameters
    ----------
    path : Path
        The file; its suffix is no part of the id.
    known : collection of str
        Ids of the laboratory's table.
    counters : sequence of str
        How scans of other samples are counted, from :func:`counters_of`.

    Returns
    -------
    str
        One of ``known``; else the name without one of ``counters``; else one that is spelt otherwise
        in ``known``, or the whole name.

    Raises
    ------
    SiteError
        If the name fits two samples.

    Examples
    --------
    >>> sample_of(Path("N7_00001.asd"), (), ["_#####"]), sample_of(Path("N-7.asd"), (), ["_#####"])
    ('N7', 'N-7')
    >>> [sample_of(Path(name), {"S1", "S2-1"}) for name in ("S1.asd", "S1_003.asd", "S2-1.0", "X-1.sig")]
    ['S1', 'S1', 'S2-1', 'X-1']
    """
    name = clean(path.stem)
    if name in known:
        return name
    matches = [match["id"] for counter in _COUNTERS if (match := counter.fullmatch(name))]
    fitting = sorted(set(matches) & set(known)) or _without(counters, name)
    if len(fitting) > 1:
        raise SiteError(
            f"{path}: the name may mean sample {' or '.join(map(repr, fitting))}; rename the file to its "
            "sample's id, '_' and a number"
        )
    if fitting:
        return fitting[0]
    folded = {fold_id(other) for other in known}
    return next((other for other in (name, *matches) if fold_id(other) in folded), name)


def counters_of(paths: Iterable[Path], known: Collection[str]) -> tuple[str, ...]:
    """Say how files of known samples count their scans.

    Parameters
    ----------
    paths : iterable of Path
    known : collection of str
        Ids of the laboratory's table.

    Returns
    -------
    tuple of str
        What stands behind the ids, digits as ``#``: as many as there are where zeros lead them or
        there are three or more, else one for a number of one or two digits.

    Examples
    --------
    >>> counters_of([Path("S1_00001.asd"), Path("S2-9.asd"), Path("S3.asd")], {"S1", "S2"})
    ('-#', '_#####')
    """
    found = set()
    for path in paths:
        name, sample = clean(path.stem), sample_of(path, known)
        if sample in known and name.startswith(sample) and name != sample:
            found.add(re.sub(r"\d+", _as_marks, name.removeprefix(sample)))
    return tuple(sorted(found))


def looks_counted(ids: Sequence[str]) -> tuple[str, ...]:
    """Ids that look like scans of the first sample that has several; none if no sample has.

    Examples
    --------
    >>> looks_counted(["A_00001", "A_00002", "B"]), looks_counted(["S-1", "S-2"])
    (('A_00001', 'A_00002'), ())
    """
    scans: dict[str, list[str]] = {}
    for name in ids:
        if match := _TELLING.fullmatch(str(name)):
            scans.setdefault(match["id"], []).append(str(name))
    return next((tuple(names) for names in scans.values() if len(names) > 1), ())


def _without(counters: Sequence[str], name: str) -> list[str]:
    """What may remain of a name without its counter."""
    behind = ("".join(map(_as_pattern, re.split(r"(#+)", counter))) for counter in counters)
    matches = (re.fullmatch(rf"(?P<id>.+?){pattern}", name) for pattern in behind)
    return sorted({match["id"] for match in matches if match})


def _as_marks(digits: re.Match[str]) -> str:
    fixed = digits[0].startswith("0") or len(digits[0]) > 2
    return "#" * len(digits[0]) if fixed else "#"


def _as_pattern(part: str) -> str:
    if not part.startswith("#"):
        return re.escape(part)
    return rf"\d{{{len(part)}}}" if len(part) > 1 else r"[1-9]\d?"
