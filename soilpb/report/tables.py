"""Tables of a site's report as the page shows them: whose soils, laboratory, quality, models, samples.

They hold for any site; nothing in them is taken for markup.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape

import numpy as np
import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from soilpb import quality
from soilpb._format import number, signed_with_interval, with_interval
from soilpb.decide.applicability import FALSE_ALARMS
from soilpb.decide.site_model import COVERAGE
from soilpb.evaluate.cross_validation import score_predictions, summarise_scores
from soilpb.quality import CONFIDENCE, Finding
from soilpb.report.record import NOT_STATED
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
    computed = about.kind == "simulated" and not about.mixed
    rows = {
        "soils": about.name,
        "kind": about.kind,
        "measured by": "nobody: they were computed" if computed else about.citation,
        "instrument": about.instrument.replace("unknown", ""),
        "licence": about.licence,
    }
    rows |= {f"note {i}": note for i, note in enumerate(about.notes, start=1)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[""]).replace("", NOT_STATED)


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
    """Tabulate what the stored model promises, and what was found on left-out soils.

    ``scores`` are from :func:`soilpb.decide.site_model.score_site_model`, the tables (``exceedances`` may
    be empty) from :func:`soilpb.decide.site_model.evaluate_site_model`.
    """
    rows = [
        ("model chosen", "–", count_choices(predictions)),
        ("values within their interval", f"{COVERAGE:.0%}", f"{scores['coverage']:.0%}"),
        ("soils flagged as unlike the others", f"{FALSE_ALARMS:.0%} at most", f"{scores['outside']:.0%}"),
    ]
    for rule, soils in exceedances.groupby("rule", sort=False):
        found = f"{soils['exceeded'].sum()} of {len(soils)}"
        rows.append((f"soils above the limit, {rule}", f"{soils['probability'].sum():.1f}", found))
    if "calibration_error" in scores:
        rows.append(("error of these probabilities, on average", "0", f"{scores['calibration_error']:.3f}"))
    return pd.DataFrame(rows, columns=["", "promised", "found"])


def count_choices(predictions: pd.DataFrame) -> str:
    """Count in how many parts of the test which model was chosen.

    Examples
    --------
    >>> folds = pd.DataFrame({"repeat": 0, "fold": [0, 0, 1, 2], "model": ["a", "a", "b", "a"]})
    >>> count_choices(folds)
    'a (2), b (1)'
    """
    counts = predictions.drop_duplicates(["repeat", "fold"])["model"].value_counts()
    return ", ".join(f"{name} ({count})" for name, count in counts.items())


def tabulate_units(units: pd.DataFrame, label: str) -> pd.DataFrame:
    """Write the units of :func:`soilpb.decide.decision_units.decide_on_site` for a page."""
    limits = units["lower"].map(format_significant) + " to " + units["upper"].map(format_significant)
    method = units["method"].str.replace("student", "Student's t")
    return pd.DataFrame(
        {
            "unit": units["unit"].astype(str),
            "verdict": units["verdict"],
            f"mean, {label}": units["mean"].map(format_significant),
            "95 % LCL to UCL": limits.replace("– to –", "–"),
            "limit": units["limit"].map("{:g}".format),
            "probability above": units["p_above"].map(_chance),
            "soils measured": units["n_measured"],
            "by spectrum": units["n_predicted"],
            "method": units["note"].where(units["note"] != "", method),
        }
    )


def tabulate_sizes(sized: pd.DataFrame | None) -> pd.DataFrame:
    """Write :func:`soilpb.decide.decision_units.size_on_site`: what is above its limit; no rows without."""
    if sized is None:
        return pd.DataFrame()
    page = sized.map("{:,.0f}".format).rename_axis("above the limit").reset_index()
    return page.assign(**{"above the limit": page["above the limit"].str.replace("area_m2", "area, m²")})


def tabulate_sensor(compared: pd.DataFrame) -> pd.DataFrame:
    """Write :func:`soilpb.decide.site_model.compare_sensor`: R² of each, and what both together add."""
    r2 = [with_interval(*row) for row in compared[["value", "lower", "upper"]].to_numpy()]
    gains = compared[["value_gain", "lower_gain", "upper_gain"]].to_numpy()
    added = ["–" if np.isnan(row[0]) else signed_with_interval(*row) for row in gains]
    return pd.DataFrame({"predicted from": compared["model"], "R² (95 % interval)": r2, "both add": added})


def tabulate_levels(levels: pd.DataFrame) -> pd.DataFrame:
    """Write :func:`soilpb.decide.exceedance.coverage_by_content` for a page."""
    page = pd.DataFrame({"tenth of the soils": levels["tenth"], "soils": levels["n"]})
    page["median measured"] = levels["content"].map(format_significant)
    page["predicted / measured"] = levels["ratio"].map(number)
    return page.assign(**{"within their 90 % interval": levels["coverage"].map("{:.0%}".format)})


def tabulate_models(predictions: pd.DataFrame, study: Study, works: Mapping[str, str]) -> pd.DataFrame:
    """Score models in the laboratory's unit and on the modelling scale, and say how each of them works.

    ``predictions`` are on the modelling scale; ``works`` maps names of models to plain words.
    """
    tables = {study.target_unit or study.target_name: in_laboratory_unit(study, predictions)}
    tables |= {"logarithm": predictions} if study.site.target_scale == "log" else {}
    page = pd.DataFrame()
    for scale, table in tables.items():
        scores = summarise_scores(score_predictions(table))
        wide = scores.pivot_table(index="model", columns="metric", values="value", sort=False)
        page[f"R² ({scale})"] = wide["R2"].map(number)
        page[f"RMSE ({scale})"] = wide["RMSE"].map(format_significant)
    return page.assign(**{"what it is": page.index.map(works)}).rename_axis("model").reset_index()


def in_laboratory_unit(study: Study, predictions: pd.DataFrame) -> pd.DataFrame:
    """Take predictions and observations from the modelling scale to the laboratory's unit."""
    return predictions.assign(
        **{name: study.natural(predictions[name]) for name in ("observed", "predicted")}
    )


def answer_html(decision: str, warnings: Sequence[str], units: pd.DataFrame | None, skill: str) -> HTML:
    """Lay out how a page opens: the decision, what a reader must know, the units, what spectra can."""
    box = ""
    if warnings:
        title = '<p class="admonition-title">Before you use this page</p>'
        box = f'<div class="admonition warning">{title}{html_list(warnings).data}</div>'
    table = "" if units is None else fold_table(units, 20).data
    return HTML(f"<p>{escape(decision)}</p>{box}{table}<p>{escape(skill)}</p>")


def tabulate_robustness(robustness: pd.DataFrame, study: Study) -> pd.DataFrame:
    """Write what disturbances do to predictions, in the target's unit at the median soil.

    ``robustness`` is from :func:`soilpb.decide.site_model.assess_robustness`.
    """
    change = robustness["change"]
    if study.site.target_scale == "log":
        change = np.median(study.natural(study.y)) * np.expm1(change)
    columns = {
        "read with": robustness["disturbance"],
        f"predictions change by, {study.label.removeprefix('ln ')}": change.map("{:.3g}".format),
        "times the error without": robustness["times"].map(number),
    }
    return pd.DataFrame(columns)


def tabulate_soils(soils: pd.DataFrame, label: str) -> pd.DataFrame:
    """Write the soils of :func:`soilpb.report.soils.list_soils`; ``label`` is the target with its unit."""
    shown = soils.filter(["soil", "unit"]).astype(str)
    shown[f"laboratory, {label}"] = soils["measured"].map(format_significant)
    shown["limit"] = soils["limit"].map(format_significant)
    shown["by spectrum (90 % interval)"] = _intervals(soils[["predicted", "lower", "upper"]])
    shown["probability above"] = soils["probability"].map(number).replace("nan", "–")
    empty = [column for column in ("limit", "probability above") if (shown[column] == "–").all()]
    return shown.drop(columns=empty)


def tabulate_next_samples(study: Study, chosen: np.ndarray, predicted: pd.DataFrame) -> pd.DataFrame:
    """Write the soils of :func:`soilpb.report.sections.choose_next_samples`, and what spectra say of them.

    ``predicted`` is of :func:`soilpb.decide.stored_model.predict_soils`.
    """
    target, rows = study.site.target, predicted.loc[chosen]
    columns = {
        "soil": [str(name) for name in chosen],
        f"{study.label.removeprefix('ln ')} by spectrum (90 %)": _intervals(
            rows[[target, f"{target}_lower", f"{target}_upper"]]
        ),
        "kind": np.where(rows["outside"], "unlike those measured", "like those measured"),
    }
    return pd.DataFrame(columns)


def _chance(p: float) -> str:
    """Write a probability; near 0 and 1 it is not known to the second digit."""
    if np.isnan(p):
        return "–"
    return "< 0.01" if p < 0.01 else "> 0.99" if p > 0.99 else number(p)


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
