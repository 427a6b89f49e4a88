"""Laboratory columns and repeated scans of the big libraries.

A library is too large to be refused for one bad cell and too precious to be mended by
guessing: a cell that is no plausible number counts as missing and is counted in the
notes, and a column in which such cells are common is refused, because then its unit is
another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb.readers.cells import MISSING_WORDS, decimal_mark, read_numbers
from soilpb.readers.tables import as_text
from soilpb.sitefile import SiteError

#: Share of a column's filled cells that may be implausible before the column is refused.
BAD_SHARE = 0.01
#: Largest deviation of a scan from the mean of its sample: root mean square over the
#: bands, as a share of the mean's. Repacking a cup moves a spectrum by a few percent as
#: a whole; ten percent between two scans is another soil or a failed scan.
SCAN_LIMIT = 0.05

_LIMITS = {"x": (-180.0, 180.0), "y": (-90.0, 90.0), "pH": (1.0, 13.0), "pH_CaCl2": (1.0, 13.0)}


def plausible_range(column: str) -> tuple[float, float]:
    """Smallest and largest value that a column of this name may hold.

    Examples
    --------
    >>> plausible_range("clay_pct"), plausible_range("pH"), plausible_range("P_mg_kg")
    ((0.0, 100.0), (1.0, 13.0), (0.0, inf))
    """
    return _LIMITS.get(column, (0.0, 100.0 if column.endswith("_pct") else np.inf))


def laboratory_table(
    table: pd.DataFrame, columns: Mapping[str, tuple[str, float]], where: str
) -> tuple[pd.DataFrame, list[str]]:
    """Read the laboratory columns of a table.

    Parameters
    ----------
    table : DataFrame of str or numbers
        Indexed by the row of the file, for messages.
    columns : mapping
        Column of ``table`` → our name with its unit, and the factor to that unit
        (0.1 from g/kg to percent). Columns that ``table`` lacks are passed over.
    where : str
        The file, for messages; notes give its name without folders.

    Returns
    -------
    DataFrame of float64 with our names, NaN where missing, on the index of ``table``;
    and notes on what counts as missing though something stands there.

    Raises
    ------
    SiteError
        If more than one percent of a column's filled cells are no plausible numbers.
    """
    present = [name for name in columns if name in table]
    mark = decimal_mark(cell for name in present for cell in table[name].to_numpy(dtype=object) if cell)
    read: dict[str, np.ndarray] = {}
    notes: list[str] = []
    for name in present:
        column, factor = columns[name]
        read[column], remarks = _numbers(table[name], mark, column, factor, where)
        notes += remarks
    return pd.DataFrame(read, index=table.index), notes


def _numbers(
    cells: pd.Series, mark: str, column: str, factor: float, where: str
) -> tuple[np.ndarray, list[str]]:
    filled = np.flatnonzero(cells != "")
    numbers = read_numbers(cells.iloc[filled].to_numpy(dtype=object), mark)
    values, notes = factor * numbers.values, []  # noqa: PD011
    low, high = plausible_range(column)
    bad = numbers.unreadable | (values < low) | (values > high)
    below = np.isfinite(numbers.limits).sum()
    if below:
        notes.append(f"{below:,} cells of {column} below detection ('<x') count as missing")
    if bad.any():
        first = filled[int(np.argmax(bad))]
        found = f"column {cells.name!r}, row {cells.index[first]}: {cells.iloc[first]!r}"
        what = f"is no {column} between {low:g} and {high:g}"
        if bad.sum() > BAD_SHARE * (~numbers.missing).sum():
            raise SiteError(
                f"{where}, {found} {what}, nor are {bad.sum() - 1:,} other cells of the column: "
                "is it the original file, in the original unit?"
            )
        # Notes reach pages that are published: they name the file, not the folders of a machine.
        file = Path(where).name
        notes.append(f"{bad.sum():,} cells of {column} count as missing: {file}, {found} {what}")
    result = np.full(len(cells), np.nan)
    result[filled] = np.where(bad, np.nan, values)
    return result, notes


def sample_ids(cells: pd.Series) -> pd.Series:
    """Ids as text, without the ``.0`` that spreadsheets add; empty where there is none.

    Examples
    --------
    >>> sample_ids(pd.Series(["43262402", 43262402.0, "43262402.0", "NA", "NE"])).tolist()
    ['43262402', '43262402', '43262402', '', '']
    """
    text = cells.map(as_text).str.strip().str.removesuffix(".0")
    # LUCAS 2009 writes NE where a sample belongs to no point.
    return text.mask(text.str.casefold().isin({*MISSING_WORDS, "ne"}), "")


def average_scans(
    ids: np.ndarray, reflectance: np.ndarray, limit: float = SCAN_LIMIT
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Average the scans of each sample, and say where they disagree.

    Parameters
    ----------
    ids : (n_scans,) array
    reflectance : (n_scans, n_bands) array, fraction
    limit : float
        See :data:`SCAN_LIMIT`.

    Returns
    -------
    ids : (n_samples,) array, in order of first appearance
    mean : (n_samples, n_bands) float32 array
    agree : (n_samples,) bool array, False where a scan deviates by more than ``limit``

    Examples
    --------
    >>> ids, mean, agree = average_scans(np.array(["a", "a", "b"]), np.array([[0.2], [0.3], [0.5]]))
    >>> ids.tolist(), mean.ravel().round(2).tolist(), agree.tolist()
    (['a', 'b'], [0.25, 0.5], [False, True])
    """
    sample, unique = pd.factorize(np.asarray(ids, dtype=object))
    if unique.size == sample.size:
        return unique, reflectance.astype(np.float32, copy=False), np.ones(sample.size, dtype=bool)
    order = np.argsort(sample, kind="stable")
    counts = np.bincount(sample)
    starts = np.cumsum(counts) - counts
    mean = (np.add.reduceat(reflectance[order], starts, axis=0) / counts[:, None]).astype(np.float32)
    deviation = np.linalg.norm(reflectance - mean[sample], axis=1) / np.linalg.norm(mean, axis=1)[sample]
    return unique, mean, np.maximum.reduceat(deviation[order], starts) <= limit
