"""Instrument files, told by their content: names and suffixes are what people make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from soilpb.readers.formats import asd, omnic, opus
from soilpb.readers.formats import text as text_
from soilpb.readers.formats.jcamp import read_jcamp
from soilpb.readers.formats.spectrum_file import SpectrumFile
from soilpb.readers.formats.text import read_sed
from soilpb.site_file import SiteError

#: Suffixes that promise an instrument file; so do numbers (OPUS ``.0``, old ASD ``.000``).
SUFFIXES = frozenset({".asd", ".sed", ".sig", ".spa", ".jdx", ".dx", ".jcm"})
#: As much of a file as tells its format: remarks may stand before the first telling line.
_HEAD = 4096

Reader = Callable[[Path], SpectrumFile]


def find_reader(path: str | Path) -> Reader | None:
    """Return the reader of a file's format, or None if its content is of no instrument known here.

    Examples
    --------
    >>> find_reader(__file__) is None
    True
    """
    with open(path, "rb") as file:
        head = file.read(_HEAD)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    # In the order of certainty: bytes that nobody writes by chance, then words.
    tests = (
        (head[:3] in asd.VERSIONS and b"\0" in head, asd.read_asd),
        (head.startswith(opus.MARK), opus.read_opus),
        (head.startswith(omnic.MARK), omnic.read_omnic),
        (text.startswith(text_.MARK), text_.read_svc),
        (re.match(rb"##\s*(TITLE|JCAMP)", text, re.IGNORECASE), read_jcamp),
        (re.match(rb"(Comment|Version):", text) and b"Instrument:" in text, read_sed),
    )
    return next((reader for found, reader in tests if found), None)


def has_instrument_suffix(path: Path) -> bool:
    """Tell whether a file's name says that an instrument wrote it.

    Examples
    --------
    >>> has_instrument_suffix(Path("s1.ASD")), has_instrument_suffix(Path("s1.0")), has_instrument_suffix(Path("a.txt"))
    (True, True, False)
    """
    suffix = path.suffix.lower()
    return suffix in SUFFIXES or suffix[1:].isdigit()


# A damaged file may hold any number; what comes of it is refused by its value.
@np.errstate(all="ignore")
def read_instrument(path: str | Path) -> SpectrumFile:
    """Read a file of any format known here.

    Raises
    ------
    SiteError
        Naming the file: not there, of no known format, or whatever its format's reader finds.
    """
    path = Path(path)
    try:
        reader = find_reader(path)
    except FileNotFoundError:
        raise SiteError(f"{path} is not there; check the path in the site file") from None
    except OSError as error:
        raise SiteError(f"{path} cannot be read: {error.strerror or error}") from None
    if reader is None:
        raise SiteError(
            f"{path} is no instrument file known here (ASD, Spectral Evolution, SVC, Bruker OPUS, OMNIC, "
            "JCAMP-DX), or its beginning is lost; copy it from the instrument again, or export a table"
        )
    return reader(path)
