"""Tables of a site's report as the page shows them: whose soils, laboratory, quality, models, samples.

They hold for any site: simulated, from a collection, or a user's own files. Nothing in them is taken
for markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from soilpb import quality
from soilpb._format import number, with_interval
from soilpb.decide.applicability import FALSE_ALARMS
from soilpb.decide.stored_model import COVERAGE
from soilpb.quality import CONFIDENCE, Finding
from soilpb.site_file import Site
from soilpb.spectra import Provenance, SoilSpectra
from soilpb.study import Study

#: What the table says of a check that found nothing.
_NOTHING_FOUND = {
    "range": "no reading at the noise floor, none saturated",
    "noise": "not estimated: the bands are more than 5 nm apart",
    "near twins": "no spectrum twice",
    "outliers": f"no spectrum beyond the {CONFIDENCE:.1%} limits of T² and Q within the site",
}


def tabulate_provenance(about: Provenance) -> pd.DataFrame:
    """Tabulate whose spectra they are, and what was converted or dropped when they were read."""
    missing = "not stated (key {} of the site file)".format
    rows = {
        "soils": about.name,
        "kind": about.kind,
        "measured by": about.citation or missing("citation"),
        "instrument": about.instrument if about.instrument != "unknown" else missing("instrument"),
        "licence": about.licence or missing("licence"),
        "SHA-256": about.sha256 or "no file was read",
    }
    if about.kind == "simulated" and not about.mixed:
        rows["measured by"] = "nobody: they were computed"
    rows |= {f"note {i}": note for i, note in enumerate(about.notes, start=1)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[""])


def tabulate_laboratory(soils: SoilSpectra, columns: Sequence[str]) -> pd.DataFrame:
    """Summarise laboratory values: one row per column that the soils have, with moments and quartiles."""
    values = soils.samples[[name for name in dict.fromkeys(columns) if name in soils.samples]].astype(float)
    table = values.describe().T.rename(columns={"count": "soils", "std": "sd"}).astype({"soils": int})
    return table.assign(missing=values.isna().sum())[["soils", "missing", "mean", "sd", "25%", "50%", "75%"]]


def tabulate_quality(soils: SoilSpectra, site: Site) -> pd.DataFrame:
    """Tabulate what was checked about spectra on the instrument's own bands, found, and advised.

    A check that found nothing says so.
    """
    findings = [finding for finding in quality.check_soils(soils, site) if finding.topic != "reading"]
    topics = {finding.topic for finding in findings}
    findings += [Finding("ok", topic, text) for topic, text in _NOTHING_FOUND.items() if topic not in topics]
    rows = [(f.level, f.topic, f"{f.found} → {f.advice}" if f.advice else f.found) for f in findings]
    return pd.DataFrame(rows, columns=["level", "checked", "found"])


def tabulate_bands(ranked: pd.DataFrame, n_folds: int) -> pd.DataFrame:
    """Write the bands of :func:`soilpb.report.sections.rank_bands` for a page."""
    shares = zip(ranked["share"], ranked["low"].clip(lower=0), ranked["high"], strict=True)
    return pd.DataFrame(
        {
            "band (nm)": [f"{nm:g}" for nm in ranked["wavelength"]],
            "share of all attributions (%)": [with_interval(*share) for share in shares],
            "if all bands had the same (%)": [number(value) for value in ranked["even"]],
            "found in": [f"{n} of {n_folds} folds" for n in ranked["folds"]],
        }
    )


def tabulate_trial(
    scores: Mapping[str, float], predictions: pd.DataFrame, exceedances: pd.DataFrame
) -> pd.DataFrame:
    """Tabulate how the stored model did on left-out soils, beside what it promises.

    ``scores`` are from :func:`soilpb.decide.stored_model.score_site_model`, the tables (``exceedances`` may
    be empty) from :func:`soilpb.decide.stored_model.evaluate_site_model`.
    """
    rows = [
        ("model chosen (number of folds)", count_choices(predictions)),
        ("R² of the model chosen", f"{scores['R2']:.2f}"),
        (f"values within their {COVERAGE:.0%} interval", f"{scores['coverage']:.0%}"),
        (f"flagged as unlike the others ({FALSE_ALARMS:.0%} allowed)", f"{scores['outside']:.0%}"),
    ]
    for rule, soils in exceedances.groupby("rule", sort=False):
        found = f"{soils['exceeded'].sum()} of {len(soils)}; expected {soils['probability'].sum():.1f}"
        rows.append((f"soils above the limit, {rule}", found))
    if "calibration_error" in scores:
        rows.append(("error of these probabilities, on average", f"{scores['calibration_error']:.3f}"))
    return pd.DataFrame(rows, columns=["asked", "found"])


def count_choices(predictions: pd.DataFrame) -> str:
    """Count in how many folds which model was chosen.

    Examples
    --------
    >>> folds = pd.DataFrame({"repeat": 0, "fold": [0, 0, 1, 2], "model": ["a", "a", "b", "a"]})
    >>> count_choices(folds)
    'a (2), b (1)'
    """
    counts = predictions.drop_duplicates(["repeat", "fold"])["model"].value_counts()
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def tabulate_units(units: pd.DataFrame, label: str, most: int = 12) -> str:
    """Write the first units of :func:`soilpb.decide.decision_units.decide_on_site` as a Markdown table."""
    heads = "unit|measured|by spectrum|mean|95 % limits|limit|P(above)|verdict|limits by".split("|")
    heads[3] += f", {label}"
    rows = [
        (
            str(row.unit).replace("|", "/"),
            row.n_measured,
            row.n_predicted,
            format_significant(row.mean),
            f"{format_significant(row.lower)} to {format_significant(row.upper)}",
            f"{row.limit:g}",
            "–" if np.isnan(row.p_above) else number(min(max(row.p_above, 0.01), 0.99)),
            row.verdict,
            row.note or row.method,
        )
        for row in units.head(most).itertuples()
    ]
    lines = [heads, ["---"] * len(heads), *rows]
    more = f"\n\n{len(units) - most} more units are in the stored table." if len(units) > most else ""
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + more


def tabulate_robustness(robustness: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Write what disturbances do to predictions, in the target's unit at the median soil.

    ``robustness`` is from :func:`soilpb.decide.stored_model.assess_robustness`.
    """
    table, name = robustness, f"predictions change by, {study.label.removeprefix('ln ')}"
    change = table["change"]
    if study.site.target_scale == "log":
        change = np.median(study.natural(study.y)) * np.expm1(change)
    shown = pd.DataFrame({"read with": table["disturbance"], name: change.map(lambda x: f"{x:.3g}")})
    shown[f"RMSE, {study.label}"] = table["RMSE"].map(number)
    shown["times the RMSE without"] = table["times"].map(number)
    return shown


def tabulate_exceeding(exceeding: pd.DataFrame) -> pd.DataFrame:
    """Write the soils of :func:`soilpb.report.sections.list_exceeding` for a page."""
    shown = exceeding[["soil"]].astype(str)
    return shown.assign(
        probability=exceeding["probability"].map(number),
        measured=exceeding["measured"].map(format_significant),
        limit=exceeding["limit"].map(format_significant),
        **{"by spectrum (90 %)": _intervals(exceeding[["predicted", "lower", "upper"]])},
    )


def tabulate_next_samples(
    study: Study, chosen: pd.DataFrame, predicted: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Write the soils of :func:`soilpb.report.sections.choose_next_samples` for a page.

    ``predicted`` is of :func:`soilpb.decide.stored_model.predict_soils`, if the soils are unmeasured.
    """
    target, label = study.site.target, study.label.removeprefix("ln ")
    page = chosen[["soil"]].astype(str)
    if predicted is not None:
        rows = predicted.loc[chosen["soil"]]
        page[f"{label} by spectrum (90 %)"] = _intervals(rows[[target, f"{target}_lower", f"{target}_upper"]])
        page["kind"] = np.where(rows["outside"], "unlike those measured", "like those measured")
        return page
    page[label] = chosen["value"].map(format_significant)
    if "x" in chosen:
        places = chosen[["x", "y"]].to_numpy()
        page["east, north (m)"] = ["–" if np.isnan(x) else f"{x:.0f}, {y:.0f}" for x, y in places]
    return page


def _intervals(rows: pd.DataFrame) -> list[str]:
    """Write rows of value, lower and upper limit."""
    numbers = [[format_significant(value) for value in row] for row in rows.to_numpy()]
    return [f"{value} ({lower} to {upper})" for value, lower, upper in numbers]


def format_significant(value: float) -> str:
    """Write a laboratory value with three significant digits, and all digits before the point.

    Examples
    --------
    >>> format_significant(1234.5), format_significant(0.012345), format_significant(np.nan)
    ('1234', '0.0123', '–')
    """
    if np.isnan(value):
        return "–"
    magnitude = int(np.floor(np.log10(abs(value)))) if value else 0
    return f"{value:.{max(0, 2 - magnitude)}f}"


def wrap_table(table: pd.DataFrame) -> Styler:
    """Style a table of words: long ones in the last column (hashes, ids) break."""
    last = [table.columns[-1]]
    return table.style.format(escape="html").set_properties(subset=last, **{"overflow-wrap": "anywhere"})


def fold_table(table: pd.DataFrame, open_rows: int = 10) -> HTML | None:
    """Lay a table out with its first rows open, the others (if more than two) folded; None if it is empty."""
    if table.empty:
        return None
    if len(table) <= open_rows + 2:
        return HTML(_without_index(table))
    rest = _without_index(table.iloc[open_rows:])
    fold = f"<details><summary>{len(table) - open_rows} more</summary>{rest}</details>"
    return HTML(_without_index(table.iloc[:open_rows]) + fold)


def _without_index(table: pd.DataFrame) -> str:
    """HTML of a table; names in its first column stay on one line."""
    styled = table.style.format(escape="html").hide(axis="index")
    return styled.set_properties(subset=[table.columns[0]], **{"white-space": "nowrap"}).to_html()


def html_list(sentences: Iterable[str]) -> HTML:
    """Lay sentences out as a list."""
    return HTML(f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in sentences)}</ul>")
