"""JCAMP-DX (``.jdx``, ``.dx``, ``.jcm``): plain and compressed, read by the jcamp package.

That package says on standard output what does not fit and goes on; here any such word, a
count of points that disagrees or a first or largest value that disagrees stops the reading.
"""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import jcamp
import numpy as np

from soilpb.readers.formats.spectrum_file import Format, SpectrumFile, axis_unit_in_words, quantity_in_words
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError

#: Repeats of a value in the compressed form: more than a spectrum has bands is a spoilt file.
_BOMB = re.compile(r"[S-Zs]\d{5}")
_AGAIN = "export it again"


def read_jcamp(path: Path, content: bytes) -> list[SpectrumFile]:
    """Read a JCAMP-DX file with one spectrum, or several in a compound file."""
    found = _parse(path, content.decode("utf-8-sig", errors="replace"))
    blocks = found.get("children", [found])
    return [_spectrum(path, block) for block in blocks if "y" in block] or [_spectrum(path, found)]


def _spectrum(path: Path, found: dict[str, Any]) -> SpectrumFile:
    _check(path, found)
    axis, values = (np.asarray(found[name], dtype=np.float64) for name in "xy")
    units, quantity = (_line(found.get(label, "")) for label in ("xunits", "yunits"))
    return SpectrumFile(
        path=path,
        axis=axis,
        axis_unit=axis_unit_in_words(units, axis, label=True),
        values=values,
        quantity=quantity_in_words(quantity, values) or quantity.lower() or "an unknown quantity",
        instrument=_line(found.get("spectrometer/data system", "")),
        sample=clean(_line(found.get("title", ""))),
    )


def _parse(path: Path, text: str) -> dict[str, Any]:
    """Labels in lower case, ``x`` and ``y``."""
    said = re.findall(r"##\s*NPOINTS\s*=\s*([^\s$]+)", text, re.IGNORECASE)
    if not said:
        raise SiteError(f"{path} does not say its number of points (##NPOINTS=); {_AGAIN}")
    spoilt = [n for n in said if not re.fullmatch(r"\d{1,9}(\.0*)?", n) or float(n) > len(text)]
    if spoilt or _BOMB.search(text):
        raise SiteError(f"{path} is spoilt: {len(text)} characters for {said[0]} points; {_AGAIN}")
    complaints = io.StringIO()
    try:
        with redirect_stdout(complaints):
            found = jcamp.read(text.splitlines())
    except Exception as error:  # a spoilt file raises whatever its spoilt part provokes
        raise SiteError(f"{path} cannot be read as JCAMP-DX ({_line(error)}); {_AGAIN}") from None
    if complaints.getvalue():
        first = complaints.getvalue().splitlines()[0]
        raise SiteError(f"{path} contradicts itself ({first}); {_AGAIN}")
    return found


def _check(path: Path, found: dict[str, Any]) -> None:
    """Refuse a count, a first or a largest value that is not what the header says."""
    x, y = np.asarray(found.get("x", [])), np.asarray(found.get("y", []))
    if x.size != y.size or y.size != found.get("npoints") or not y.size:
        raise SiteError(
            f"{path}: {y.size} values, but its header says {found.get('npoints')} points: it is cut off or "
            f"holds no spectrum; {_AGAIN}"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise SiteError(f"{path}: a value is missing or no number; {_AGAIN}")
    for label, value in (("firsty", y[0]), ("maxy", y.max()), ("miny", y.min())):
        said = found.get(label)
        # Some programs write the stored number here, not yet multiplied by YFACTOR.
        stored = value / (found.get("yfactor", 1) or 1)
        room = 0.01 * np.abs(y).max()
        if not isinstance(said, int | float) or np.isclose(stored, said, rtol=0.01):
            continue
        if abs(value - said) > room:
            raise SiteError(
                f"{path}: {label.upper()} is {said:g} in its header, {value:.6g} in its values; {_AGAIN}"
            )


def _line(text: object) -> str:
    """Text on one line, of sensible length: labels of a spoilt file may hold the rest of it."""
    return " ".join(str(text).split())[:80]


_BEGINNING = re.compile(rb"\s*##\s*(TITLE|JCAMP)", re.IGNORECASE)
FORMATS = (Format("JCAMP-DX", (".jdx", ".dx", ".jcm"), _BEGINNING.match, read_jcamp),)
