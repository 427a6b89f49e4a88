"""Spectra Vista ``.sig``: wavelength, reference, target, reflectance, one detector after another.

Where detectors overlap, wavelengths go back at each change of detector. An overlap is cut
in its middle: below, the earlier detector counts; above, the later one.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from soilpb.readers.number_rows import read_header, read_rows
from soilpb.readers.recording import Recording
from soilpb.sitefile import SiteError

MARK = b"/*** Spectra Vista SIG Data ***/"
#: Silicon and two InGaAs detectors: more jumps in wavelength are a spoilt file.
DETECTORS = 3
#: Largest deviation of stored reflectance from target / reference; both are printed with
#: two decimals, so the comparison leaves room for that.
AGREEMENT = 0.02
_PRINTED = 0.01


def read_svc(path: str | Path) -> Recording:
    """Read a Spectra Vista file: reflectance over nm, each wavelength once.

    Raises
    ------
    SiteError
        Naming the file: cut off, or reflectance that is not target / reference.
    """
    path = Path(path)
    header, rows = read_header(path, "data", "=")
    wide = bool(rows) and len(rows[0][1].split()) == 4
    table = read_rows(path, rows, 4 if wide else 3)
    waves, white, target = table.T[:3]
    if not (white > 0).all():
        raise SiteError(f"{path}: its white reference is 0 or less in some bands; measure it again")
    quantity = _unit(path, white, target, table[:, 3]) if wide else "fraction"
    values = table[:, 3] if wide else target / white
    keep, cuts = resolve_overlaps(path, waves)
    said = re.search(r"Remove @ ([\d.]+),\s*([\d.]+)", header.get("factors", ""))
    return Recording(
        path=path,
        axis=waves[keep],
        axis_unit="nm",
        values=values[keep],
        quantity=quantity,
        instrument=f"SVC {header.get('instrument', '')}".strip(),
        splices=cuts or (tuple(float(splice) for splice in said.groups()) if said else ()),
        notes=tuple(f"overlapping detectors cut at {cut:g} nm" for cut in cuts),
    )


def resolve_overlaps(path: Path, waves: np.ndarray) -> tuple[np.ndarray, tuple[float, ...]]:
    """Rows to keep so that wavelengths ascend, (n_rows,) bool, and where overlaps were cut, nm.

    Examples
    --------
    >>> keep, cuts = resolve_overlaps(Path("s.sig"), np.array([980.0, 990, 1000, 985, 995, 1005]))
    >>> keep.tolist(), cuts
    ([True, True, False, False, True, True], (992.5,))
    """
    starts = np.flatnonzero(np.diff(waves) <= 0) + 1
    if starts.size >= DETECTORS:
        raise SiteError(
            f"{path}: its wavelengths go back {starts.size} times, which no {DETECTORS} detectors explain; "
            "copy it from the instrument again"
        )
    cuts = [(waves[start - 1] + waves[start]) / 2 for start in starts]
    edges = [-np.inf, *cuts, np.inf]
    detectors = np.split(waves, starts)
    keep = [
        (part > low) & (part <= high)
        for part, low, high in zip(detectors, edges[:-1], edges[1:], strict=True)
    ]
    return np.concatenate(keep), tuple(float(cut) for cut in cuts)


def _unit(path: Path, white: np.ndarray, target: np.ndarray, values: np.ndarray) -> str:
    """Tell percent from fraction by target / reference, which must agree with the stored values."""
    ratio = target / white
    for unit, factor in (("percent", 100.0), ("fraction", 1.0)):
        room = AGREEMENT * np.abs(factor * ratio) + _PRINTED + factor * _PRINTED / white
        if (np.abs(values - factor * ratio) <= room).mean() > 0.99:
            return unit
    at = int(np.argmax(np.abs(values / 100 - ratio)))
    raise SiteError(
        f"{path}: its reflectance is not target / reference ({values[at]:g} % beside {100 * ratio[at]:.4g} "
        "%); export it again"
    )
