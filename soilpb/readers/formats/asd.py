"""ASD ``.asd``, versions 1 to 8: reflectance is the target divided by its white reference.

Layout after *ASD File Format, version 8, revision B* (ASD Inc.): a header of 484 bytes, the spectrum, and
from version 2 on its white reference. pyASDReader raises nothing and writes a log file on import.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np

from soilpb.readers.formats.spectrum_file import (
    AGAIN,
    COUNTS,
    DARKEST,
    HIGHEST_MEDIAN,
    Format,
    SpectrumFile,
    take,
)
from soilpb.readers.formats.white_reference import divide_by_white, warn_old_white, warn_saturated
from soilpb.readers.tables import clean
from soilpb.site_file import SiteError
from soilpb.spectra import VIS_NIR_NM

#: First three bytes → version.
VERSIONS = {b"ASD": 1, **{f"as{n}".encode(): n for n in range(2, 9)}}
HEADER = np.dtype(
    {
        "names": [
            *("data_type", "first", "step", "data_format", "channels"),
            *("integration", "instrument_number", "saturated", "instrument", "gains", "splice_1", "splice_2"),
        ],
        "formats": ["u1", "<f4", "<f4", "u1", "<u2", "<u4", "<u2", "u1", "u1", "(2,)<u2", "<f4", "<f4"],
        "offsets": [186, 191, 195, 199, 204, 390, 400, 422, 431, 436, 444, 448],
        "itemsize": 484,
    }
)
#: Flag, time of the reference, time of the spectrum, length of a remark.
REFERENCE = np.dtype("<u2, <f8, <f8, <u2")

_FORMATS = {0: np.dtype("<f4"), 1: np.dtype("<i4"), 2: np.dtype("<f8")}
_DATA_TYPES = ("raw counts", "reflectance", "radiance", "no unit", "irradiance", "a quality index")
_DATA_TYPES += ("transmittance", "something unknown", "absorbance")
_RAW, _REFLECTANCE = 0, 1
_DETECTORS = ("VNIR", "SWIR1", "SWIR2")  # in the order of the bits of a flag
#: How programs write false and true.
_FLAGS = (0, 1, 0xFFFF)
_MODELS = {
    **{1: "PS II", 2: "LS VNIR", 3: "FS VNIR", 4: "FS FR", 5: "FS NIR", 6: "CHEM", 7: "LabSpec Pro"},
    10: "HandHeld",
}
#: A header that is spoilt may say anything; no ASD has more channels.
_MOST_CHANNELS = 10_000


def read_asd(path: Path, content: bytes) -> SpectrumFile:
    """Read an ASD file: reflectance over nm."""
    header = take(path, content, HEADER, 0, 1, "within its header")[0]
    axis = _axis(path, header)
    # Version, axis, format and channels; a remark, which may be another, stands between them.
    second = re.escape(content[:3]) + b".{188}" + re.escape(content[191:206])
    if re.search(second, content[1:], re.DOTALL):
        raise SiteError(f"{path} holds several files, one behind the other; {AGAIN}, each alone")
    spectrum, end = _values(path, content, header, HEADER.itemsize, "spectrum")
    white, notes = _white_reference(path, content, header, end) if VERSIONS[content[:3]] > 1 else (None, ())
    flag = int(header["saturated"])
    flagged = [name for k, name in enumerate(_DETECTORS) if flag >> k & 1]
    # Where detectors meet; an instrument with one detector says places outside its range.
    splices = (float(header["splice_1"]), float(header["splice_2"]))
    found = SpectrumFile(
        path=path,
        axis=axis,
        axis_unit="nm",
        values=spectrum,
        quantity=COUNTS,
        instrument=f"ASD {_MODELS.get(int(header['instrument']), 'unit')} {header['instrument_number']}",
        splices=tuple(splice for splice in splices if axis[1] <= splice < axis[-2]),
        notes=notes,
        sample=clean(content[3:160].partition(b"\0")[0].decode("latin-1")),
    )
    return _divided(replace(found, notes=(*warn_saturated(found, flagged), *notes)), header, white)


def _axis(path: Path, header: np.void) -> np.ndarray:
    first, step, channels = float(header["first"]), float(header["step"]), int(header["channels"])
    good = np.isfinite([first, step]).all() and VIS_NIR_NM[0] <= first <= VIS_NIR_NM[1] and 0 < step <= 100
    if not good or not 1 < channels <= _MOST_CHANNELS:
        raise SiteError(
            f"{path}: its header says {channels} channels from {first:g} nm by {step:g} nm, which no "
            f"instrument has; {AGAIN}"
        )
    return first + step * np.arange(channels, dtype=np.float64)


def _values(path: Path, content: bytes, header: np.void, offset: int, what: str) -> tuple[np.ndarray, int]:
    """One array of the file, (n_channels,) float64, and where it ends."""
    kind = _FORMATS.get(int(header["data_format"]))
    if kind is None:
        raise SiteError(f"{path}: its header says data format {header['data_format']}; {AGAIN}")
    values = take(path, content, kind, offset, int(header["channels"]), f"within its {what}")
    return values.astype(np.float64), offset + values.nbytes


def _white_reference(
    path: Path, content: bytes, header: np.void, start: int
) -> tuple[np.ndarray | None, tuple[str, ...]]:
    """White reference, (n_channels,), or None where the file says that there is none; a note on its age."""
    about = take(path, content, REFERENCE, start, 1, "before its white reference")[0]
    flag, white, taken, remark = about.item()  # times in days
    if flag not in _FLAGS:
        raise SiteError(f"{path}: its spectrum does not end where its white reference starts; {AGAIN}")
    if not flag:
        return None, ()
    values, _ = _values(path, content, header, start + REFERENCE.itemsize + remark, "white reference")
    return values, warn_old_white(path, 1440 * (taken - white)) if white > 0 else ()


def _divided(found: SpectrumFile, header: np.void, white: np.ndarray | None) -> SpectrumFile:
    """Return reflectance as a fraction, or what the file holds where its white reference is elsewhere."""
    kind, path, spectrum = int(header["data_type"]), found.path, found.values
    if kind not in (_RAW, _REFLECTANCE):
        held = _DATA_TYPES[kind] if kind < len(_DATA_TYPES) else f"data type {kind}"
        return replace(found, quantity=held)
    median = float(np.median(spectrum))
    divided_already = kind == _REFLECTANCE and DARKEST < median < HIGHEST_MEDIAN["fraction"]
    if divided_already and (white is None or np.median(white) > 10):
        return replace(
            found, quantity="fraction", notes=(*found.notes, "the file stores reflectance, not counts")
        )
    if white is None:
        # The nearer infrared scans: its counts go with 2048 / gain instead of a time.
        times = (float(header["integration"]), *(1 / max(float(gain), 1e-9) for gain in header["gains"]))
        return replace(found, exposures=times[: len(found.splices) + 1])
    return replace(found, quantity="fraction", values=divide_by_white(path, spectrum, white, found.axis))


FORMATS = (Format("ASD", (".asd",), lambda head: head[:3] in VERSIONS and b"\0" in head, read_asd),)
