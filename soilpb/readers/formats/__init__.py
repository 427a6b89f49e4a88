"""Spectrum files of instruments, one module per format; a file's format is told by its content.

A new format is a module with a ``FORMATS`` tuple of
:class:`~soilpb.readers.formats.spectrum_file.Format` and its name in the list below.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soilpb.site_file import SiteError

if TYPE_CHECKING:
    from soilpb.readers.formats.spectrum_file import Format, SpectrumFile

_MODULES = (
    "asd",
    "opus",
    "omnic",
    "jcamp",
    "text",
)
#: As much of a file as tells its format: remarks may stand before the first telling line.
_HEAD = 4096


def find_format(path: str | Path) -> Format | None:
    """Return the format of a file, or None if its content is of no instrument known here."""
    with open(path, "rb") as file:
        head = file.read(_HEAD).removeprefix(b"\xef\xbb\xbf")
    return next((found for found in _formats() if found.begins(head)), None)


def has_instrument_suffix(path: Path) -> bool:
    """Tell whether a file's name says that an instrument wrote it; numbers do (OPUS ``.0``, ASD ``.000``)."""
    suffix = path.suffix.lower()
    return suffix[1:].isdigit() or any(suffix in known.suffixes for known in _formats())


# A damaged file may hold any number; what comes of it is refused by its value.
@np.errstate(all="ignore")
def read_instrument(path: str | Path) -> SpectrumFile:
    """Read a file of any format known here."""
    path = Path(path)
    try:
        found = find_format(path)
    except FileNotFoundError:
        raise SiteError(f"{path} is not there; check the path in the site file") from None
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if found is None:
        names = ", ".join(known.name for known in _formats())
        raise SiteError(
            f"{path} is no instrument file known here ({names}), or its beginning is lost; copy it from "
            "the instrument again, or export a table"
        )
    file = found.read(path, path.read_bytes())
    return replace(file, notes=(*file.notes, *_odd_bands(file)))


def _odd_bands(file: SpectrumFile) -> list[str]:
    """Notes on what may be damaged; none on what :func:`to_reflectance` refuses."""
    from soilpb.readers.formats.spectrum_file import describe_odd_bands, to_reflectance

    try:
        wavelengths, reflectance = to_reflectance(file)
    except SiteError:
        return []
    return describe_odd_bands(wavelengths, reflectance[None], lambda _: file.path.name)


@cache
def _formats() -> tuple[Format, ...]:
    """All formats; their modules are imported when the first file is read."""
    modules = (import_module(f"{__name__}.{name}") for name in _MODULES)
    return tuple(found for module in modules for found in module.FORMATS)
