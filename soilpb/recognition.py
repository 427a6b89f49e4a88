"""What a user's files tell of a study: which column is the target, and which bands it can use."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from soilpb.readers.band_names import find_bands
from soilpb.readers.quantities import in_unit, parse_quantity, standard_name
from soilpb.readers.tables import read_table
from soilpb.sitefile import SiteError

#: Bands that all fields of LimeSoDa have, nm, and the step of a study.
SOURCE_BANDS, STEP = (430.0, 2480.0), 10.0
#: With a narrower common range, a network has nothing to transfer.
NARROWEST = 200.0


def find_target(laboratory: str | Path, target: str, unit: str = "") -> tuple[str, str, str]:
    """Column of the target, our name for it, and its unit where the column's name says none.

    Parameters
    ----------
    laboratory : path
    target : str
        ``Pb``, ``lead``, ``Pb_mg_kg``, ``pH``, ``clay``, …
    unit : str
        ``mg/kg``, ``%``, …; needed only where the column says none.

    Raises
    ------
    SiteError
        If no column, or more than one, is the target, or if its unit is not known.
    """
    table = read_table(laboratory)
    bands = find_bands(table)
    skip = set() if bands is None else set(bands.columns.tolist())
    wanted = parse_quantity(target)
    columns = {j: parse_quantity(name) for j, name in enumerate(table.header) if j not in skip}
    found = [j for j, quantity in columns.items() if quantity.is_same(wanted)]
    named = [j for j in found if table.header[j].casefold() == target.casefold()]
    if len(named or found) != 1:
        there = ", ".join(repr(table.header[j]) for j in (found or columns))
        what = "more than one column" if found else "no column"
        raise SiteError(f"{table.path} has {what} for {target}: {there}; name the column with --target")
    column = (named or found)[0]
    said = columns[column]
    known = standard_name(said) or standard_name(in_unit(said, unit))
    if known is None:
        raise SiteError(
            f"{table.at(column=column)}: its unit is {said.remark or 'not said'}; say it with --unit, such "
            "as mg/kg, g/kg or %"
        )
    needed = unit if standard_name(said) is None else ""
    return table.header[column], known[0], needed


def common_bands(wavelengths: np.ndarray) -> tuple[float, float]:
    """First and last band, nm, that both the instrument and the source have.

    Raises
    ------
    SiteError
        If they share less than :data:`NARROWEST`.

    Examples
    --------
    >>> common_bands(np.arange(350.0, 2501.0)), common_bands(np.arange(1003.0, 2400.0))
    ((430.0, 2480.0), (1010.0, 2390.0))
    """
    start = STEP * np.ceil(max(wavelengths[0], SOURCE_BANDS[0]) / STEP)
    stop = STEP * np.floor(min(wavelengths[-1], SOURCE_BANDS[1]) / STEP)
    if stop - start < NARROWEST:
        raise SiteError(
            f"the spectra cover {wavelengths[0]:g}–{wavelengths[-1]:g} nm, the source library "
            f"{SOURCE_BANDS[0]:g}–{SOURCE_BANDS[1]:g} nm: too little in common; measure a wider range"
        )
    return float(start), float(stop)
