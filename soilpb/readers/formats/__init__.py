"""Spectrum files of instruments, one module per format; a file's format is told by its content.

A new format is a module with a ``FORMATS`` tuple of
:class:`~soilpb.readers.formats.spectrum_file.Format` and its name in the list below.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from soilpb.readers.tables import read_bytes
from soilpb.site_file import SiteError

if TYPE_CHECKING:
    from soilpb.readers.formats.spectrum_file import Format, SpectrumFile

_MODULES = ("asd", "opus", "omnic", "jcamp", "text", "spc")
#: As much of a file as tells its format: remarks may stand before the first telling line.
_HEAD = 16_384
#: Spectra that are not read, by the end of their files' names: who writes them, and how they come out.
_EXPORT = {
    **dict.fromkeys((".sp", ".spp"), "PerkinElmer Spectrum: File > Save As > JCAMP-DX or ASCII"),
    **dict.fromkeys((".jws", ".jwb"), "JASCO Spectra Manager: File > Export > JCAMP-DX"),
    **dict.fromkeys((".dsw", ".bsw"), "Varian/Agilent Cary: File > Save Data As > CSV"),
    **dict.fromkeys((".cal", ".nir", ".da"), "FOSS WinISI/ISIscan: Export spectra > JCAMP-DX or text"),
    **dict.fromkeys((".procspec", ".jaz"), "Ocean Optics SpectraSuite: Save Spectrum > Tab delimited"),
    **dict.fromkeys((".roh", ".raw8", ".rfl8", ".rir8", ".trt", ".ttt"), "Avantes AvaSoft: Export > ASCII"),
    **dict.fromkeys((".wdf",), "Renishaw WiRE: Save As > text"),
    **dict.fromkeys((".sli", ".slb", ".esl"), "ENVI: Spectral Library Viewer > Export > ASCII"),
    **dict.fromkeys((".unsb", ".unsc"), "The Unscrambler: File > Export > ASCII or JCAMP-DX"),
    **dict.fromkeys((".rds", ".rdata", ".rda"), "R: write.csv(spectra, 'spectra.csv')"),
    **dict.fromkeys((".mat",), "MATLAB: writematrix or writetable"),
    **dict.fromkeys((".sgd", ".sgw"), "Spectragryph: File > Save/export data > CSV"),
    **dict.fromkeys((".xls", ".ods", ".numbers"), "a spreadsheet: Save As > .xlsx or CSV"),
}


def find_format(path: str | Path) -> Format | None:
    """Return the format of a file, or None if its content is of no instrument known here."""
    with open(path, "rb") as file:
        return _format_of(file.read(_HEAD))


def _format_of(head: bytes) -> Format | None:
    head = head.removeprefix(b"\xef\xbb\xbf")
    return next((found for found in _formats() if found.begins(head)), None)


def has_instrument_suffix(path: Path) -> bool:
    """Tell whether a file's name says that an instrument wrote it; numbers do (OPUS ``.0``, ASD ``.000``)."""
    suffix = path.suffix.lower()
    return suffix[1:].isdigit() or any(suffix in known.suffixes for known in _formats())


def export_hint(path: Path) -> str:
    """Say how spectra of a format that is not read are exported, by a file's suffix; empty if not known."""
    return _EXPORT.get(path.suffix.lower(), "")


# A damaged file may hold any number; what comes of it is refused by its value.
@np.errstate(all="ignore")
def read_instruments(path: str | Path) -> list[SpectrumFile]:
    """Read all spectra of a file of any format known here; most hold one."""
    path = Path(path)
    content = read_bytes(path)
    found = _format_of(content[:_HEAD])
    if found is None:
        names, hint = ", ".join(known.name for known in _formats()), export_hint(path)
        mend = f"export from {hint}" if hint else "copy it from the instrument again, or export a table"
        raise SiteError(
            f"{path} is no instrument file known here ({names}), or its beginning is lost; {mend}"
        )
    if b"\0" in content[:_HEAD] and content.find(content[:16], 1) > 0:
        raise SiteError(
            f"{path} holds several files of its format, one behind the other; copy each from the instrument "
            "again, alone"
        )
    spectra = found.read(path, content)
    return spectra if isinstance(spectra, list) else [spectra]


@cache
def _formats() -> tuple[Format, ...]:
    """All formats; their modules are imported when the first file is read."""
    modules = (import_module(f"{__name__}.{name}") for name in _MODULES)
    return tuple(found for module in modules for found in module.FORMATS)
