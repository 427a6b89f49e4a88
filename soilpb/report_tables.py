"""Tables of a site's report: whose soils, what the laboratory found, what was checked.

Made for any site: simulated, from a collection, or a user's own files.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import numpy as np
import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from soilpb import checks, domains, twin
from soilpb.quality import CONFIDENCE, Finding
from soilpb.readers.site import read_measured
from soilpb.sitefile import Site
from soilpb.spectra import Provenance, SoilSpectra
from soilpb.study import Study

#: What a report says of a check that found nothing.
_QUIET = {
    "range": "no reading at the noise floor, none saturated",
    "noise": "not estimated: the bands are more than 5 nm apart",
    "duplicates": "no spectrum twice",
    "outliers": f"no spectrum beyond the {CONFIDENCE:.1%} limits of T² and Q within the site",
}


def native_soils(study: Study) -> SoilSpectra:
    """Return the soils that a study asks about on the instrument's own bands, laboratory value or not."""
    site = study.site
    if site.target_data == "twin":
        soils = twin.simulate_target(domains.TWIN_TARGET_SIZE, seed=site.seed)
    else:
        soils = read_measured(site)
    return soils.take(soils.samples.index.isin(study.ids) | np.isnan(soils.values(site.target)))


def provenance(about: Provenance) -> pd.DataFrame:
    """Whose spectra they are, and what was converted or dropped when they were read: one row each."""
    nobody = "nobody: they were computed" if about.kind == "simulated" else ""
    instrument = "" if about.instrument == "unknown" else about.instrument
    rows = {
        "soils": about.name,
        "kind": about.kind,
        "measured by": nobody or about.citation or "not stated (key citation of the site file)",
        "instrument": instrument or "not stated (key instrument of the site file)",
        "licence": about.licence or "not stated (key licence of the site file)",
        "SHA-256": about.sha256 or "no file was read",
    }
    notes = {f"note {i}": note for i, note in enumerate(about.notes, start=1)}
    return pd.DataFrame.from_dict(
        rows | (notes or {"note": "read as it stands"}), orient="index", columns=[""]
    )


def laboratory(soils: SoilSpectra, columns: list[str]) -> pd.DataFrame:
    """Summarise laboratory values: one row a column, known and missing, moments, quartiles.

    Columns that the soils lack are left out.
    """
    rows = {}
    for column in dict.fromkeys(columns):
        if column in soils.samples:
            values = soils.values(column)
            known = values[np.isfinite(values)]
            rows[column] = {
                "soils": known.size,
                "missing": values.size - known.size,
                "mean": known.mean(),
                "sd": known.std(ddof=1),
                "quartiles": " – ".join(map(significant, np.percentile(known, (25, 50, 75)))),
            }
    return pd.DataFrame.from_dict(rows, orient="index")


def quality(soils: SoilSpectra, site: Site) -> pd.DataFrame:
    """Say what was checked about the spectra, what was found, and what to do about it.

    Parameters
    ----------
    soils : SoilSpectra
        On the instrument's own bands.
    site : Site

    Returns
    -------
    DataFrame
        ``level``, ``checked``, ``found`` with what to do about it; the worst first. A
        check that found nothing says so.
    """
    findings = [finding for finding in checks.check_soils(soils, site) if finding.topic != "reading"]
    spoken = {finding.topic for finding in findings}
    findings += [Finding("ok", topic, found) for topic, found in _QUIET.items() if topic not in spoken]
    rows = [(f.level, f.topic, f"{f.found} → {f.mend}" if f.mend else f.found) for f in findings]
    return pd.DataFrame(rows, columns=["level", "checked", "found"])


def significant(value: float) -> str:
    """Write a laboratory value with three significant digits, and all digits before the point.

    Examples
    --------
    >>> significant(1234.5), significant(12.345), significant(0.012345)
    ('1234', '12.3', '0.0123')
    """
    magnitude = int(np.floor(np.log10(abs(value)))) if value else 0
    return f"{value:.{max(0, 2 - magnitude)}f}"


def wrapped(table: pd.DataFrame) -> Styler:
    """Style a table of words: long ones in the last column (hashes, ids) break; nothing is markup."""
    last = [table.columns[-1]]
    return table.style.format(escape="html").set_properties(subset=last, **{"overflow-wrap": "anywhere"})


def foldable(table: pd.DataFrame, open_rows: int = 10) -> HTML | None:
    """Lay a table of words out with its first rows open, the others folded; None if it has none.

    Parameters
    ----------
    table : DataFrame
        Nothing in it is taken for markup.
    open_rows : int
        A table that is only a little longer stays open.
    """
    if table.empty:
        return None
    if len(table) <= open_rows + 2:
        return HTML(_plain(table))
    rest = (
        f"<details><summary>{len(table) - open_rows} more</summary>{_plain(table.iloc[open_rows:])}</details>"
    )
    return HTML(_plain(table.iloc[:open_rows]) + rest)


def listed(sentences: Iterable[str]) -> HTML:
    """Lay sentences out as a list, nothing in them taken for markup."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return HTML(f"<ul>{items or '<li>nothing</li>'}</ul>")


def _plain(table: pd.DataFrame) -> str:
    """HTML of a table without its index; names in the first column stay on one line."""
    styled = table.style.format(escape="html").hide(axis="index")
    return styled.set_properties(subset=[table.columns[0]], **{"white-space": "nowrap"}).to_html()
