"""Tables of a site's report: whose soils, what the laboratory found, what was checked.

Made for any site: simulated, from a collection, or a user's own files.

Sentences of a site's report, computed: how good the best model is, and what remains unknown.

They hold for any site, so that nobody has to write them, and none can disagree with its table.

What a page says of the kept model: which it is, and how its promises held.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

import numpy as np
import pandas as pd
from IPython.display import HTML
from pandas.io.formats.style import Styler

from soilpb import quality
from soilpb import quality as quality_
from soilpb import study as study_
from soilpb._format import join_words, number
from soilpb.decide.applicability import FALSE_ALARMS
from soilpb.decide.site_model import SiteModel
from soilpb.decide.stored_model import COVERAGE, STANDARD
from soilpb.evaluate import comparison, cross_validation
from soilpb.quality import CONFIDENCE, Finding
from soilpb.readers.site import read_measured
from soilpb.simulate import twin
from soilpb.site_file import Site
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
        soils = twin.simulate_target(study_.TWIN_TARGET_SIZE, seed=site.seed)
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


def quality_table(soils: SoilSpectra, site: Site) -> pd.DataFrame:
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
    findings = [finding for finding in quality_.check_soils(soils, site) if finding.topic != "reading"]
    spoken = {finding.topic for finding in findings}
    findings += [Finding("ok", topic, found) for topic, found in _QUIET.items() if topic not in spoken]
    rows = [(f.level, f.topic, f"{f.found} → {f.advice}" if f.advice else f.found) for f in findings]
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


def html_list(sentences: Iterable[str]) -> HTML:
    """Lay sentences out as a list, nothing in them taken for markup."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return HTML(f"<ul>{items or '<li>nothing</li>'}</ul>")


def _plain(table: pd.DataFrame) -> str:
    """HTML of a table without its index; names in the first column stay on one line."""
    styled = table.style.format(escape="html").hide(axis="index")
    return styled.set_properties(subset=[table.columns[0]], **{"white-space": "nowrap"}).to_html()


#: More than this share beyond 95 % limits, and the library does not cover the site.
FAR = 0.10


def ranking(scores: pd.DataFrame) -> list[str]:
    """Models by pooled R² averaged over repeats, the best first."""
    return list(dict.fromkeys(cross_validation.summarise_scores(scores)["model"]))


def answer(study: Study, predictions: pd.DataFrame) -> str:
    """Say how well the best model does: its R², its typical error, and whether that is of use.

    Parameters
    ----------
    study : Study
    predictions : DataFrame
        Of several models on a repeated k-fold, from :func:`soilpb.evaluate.cross_validation.cross_validate`.
    """
    best = ranking(cross_validation.score_predictions(predictions))[0]
    intervals = [
        comparison.bootstrap_interval(predictions[predictions["model"] == best], metric, seed=study.site.seed)
        for metric in ("R2", "RMSE")
    ]
    r2, rmse = (table.iloc[0] for table in intervals)
    if study.site.target_scale == "log":
        error = f"a factor of {np.exp(rmse['value']):.2f} either way"
    else:
        error = f"{significant(rmse['value'])} {study.target_unit} {study.target_name}".replace("  ", " ")
    n_models = predictions["model"].nunique()
    leads = (
        f"Of {n_models} models {best} predicts {study.target_name} best" if n_models > 1 else f"{best} alone"
    )
    sentence = (
        f"{leads}: R² "
        f"{number(r2['value'])} (95 % interval over soils {number(r2['lower'])} to {number(r2['upper'])}), "
        f"with a typical error of {error}."
    )
    if r2["lower"] <= 0:
        sentence += " That cannot be told from guessing the mean: here spectra do not replace the laboratory."
    return sentence


def rivalry(scores: pd.DataFrame, folds: pd.DataFrame, reference: str) -> str:
    """Say whether the best model is better than the reference, or the reference than the next best.

    Parameters
    ----------
    scores, folds : DataFrame
        As for :func:`soilpb.evaluate.comparison.compare_models`.
    reference : str
        Name of the model that is usual in the field.
    """
    rivals = [model for model in ranking(scores) if model != reference]
    if not rivals:
        return f"No other model was compared with {reference}."
    table = comparison.compare_models(scores, folds, reference)
    return comparison.verdict(table.loc[table["model"] == rivals[0]].iloc[0].to_dict())


def coverage(outside: float) -> str:
    """Say whether the library covers the site, from the share of spectra beyond its 95 % limits.

    Examples
    --------
    >>> coverage(0.42)
    "42 % of the site's spectra lie outside the library's 95 % limits: what was learnt there may fail here."
    """
    found = f"{100 * outside:.0f} % of the site's spectra lie outside the library's 95 % limits"
    if outside > FAR:
        return f"{found}: what was learnt there may fail here."
    return f"{found}, as do 5–10 % of its own: the library knows such spectra."


def limits(study: Study, outside: float, n_models: int) -> list[str]:
    """Say what a report about these soils cannot tell, one sentence a limit.

    Parameters
    ----------
    study : Study
    outside : float
        Share of the site's spectra beyond the library's 95 % limits.
    n_models : int
        How many models were compared.
    """
    rules = (_simulated, _few, _together, _places, _range)
    chosen = f"The best of {n_models} models was chosen by the scores shown here: they flatter it a little."
    return [
        *(sentence for rule in rules for sentence in rule(study)),
        coverage(outside),
        *([chosen] if n_models > 1 else []),
        "All soils come from one site: nothing here tests another mine, another instrument or another year.",
    ]


def _simulated(study: Study) -> Iterator[str]:
    if study.target.provenance.kind == "simulated":
        yield "The site's soils are simulated: they show what a method can do, and tell of no real place."
    elif study.source.provenance.kind == "simulated":
        yield "The library is simulated: its network has never seen a measured soil before this site's."


def _few(study: Study) -> Iterator[str]:
    n = study.target.n_samples
    if n < quality.FEW:
        yield (
            f"{n} soils are few (fewer than {quality.FEW}): other soils of the same place could change "
            "the order of the models."
        )


def _together(study: Study) -> Iterator[str]:
    if study.groups is None:
        yield (
            "Nothing says which samples belong together (column group of the laboratory table): if some are "
            "replicates, or layers of one profile, the errors here are too small."
        )
    else:
        yield (
            f"The {len(np.unique(study.groups))} groups of samples stay together in the folds, but not where "
            "a model tunes itself inside one."
        )


def _places(study: Study) -> Iterator[str]:
    samples = study.target.samples
    dummies = "crs" in samples and samples["crs"].astype(str).str.startswith("dummy").any()
    if dummies or not {"x", "y"} <= set(samples):
        yield "No true coordinates: whether neighbours in training flatter the errors cannot be tested."
    else:
        yield "Folds are random, not spatial: beyond the sampled area errors can be larger."


def _range(study: Study) -> Iterator[str]:
    values = study.target.values(study.site.target)
    unit = f" {study.target_unit}" if study.target_unit else ""
    span = f"{significant(values.min())} to {significant(values.max())}{unit}"
    yield f"{study.target_name} was seen from {span}: what a model says beyond is extrapolation."


def sentence(study: Study, model: SiteModel, best: str = "") -> str:
    """Say which model is kept, among which it was chosen, and why the page's best is not it.

    Parameters
    ----------
    study : Study
    model : SiteModel
        From :func:`soilpb.decide.stored_model.fit_site_model`.
    best : str
        The model that leads the page's table.
    """
    kept, tried, n = model.target.name, list(model.target.errors), study.target.n_samples
    if len(tried) > 1:
        said = f"Of {join_words(tried)}, {kept} erred least on soils left out. Fitted on all {n} soils, it"
    else:
        said = f"{kept} of {study.label}, fitted on all {n} soils,"
    said += " is kept with this report: its weights, and a card of what it was made from."
    if best and best not in tried:
        said += f" {best}, which leads above, was not among them."
    elif best and best != kept:
        said += f" {best}, which leads above on other folds, did not here: they are close."
    return said + (" PLS predicts pH beside it." if model.ph is not None else "")


def described(
    trial: Mapping[str, float],
    predictions: pd.DataFrame,
    exceedances: pd.DataFrame,
    flagged_of_same_kind: float = FALSE_ALARMS,
) -> pd.DataFrame:
    """Say in a table what the trial found, beside what was promised.

    Parameters
    ----------
    trial : mapping
        From :func:`soilpb.decide.stored_model.score_site_model`.
    predictions, exceedances : DataFrame
        From :func:`soilpb.decide.stored_model.evaluate_site_model`; exceedances may be empty.
    flagged_of_same_kind : float
        Share of flags that the applicability limits allow.

    Returns
    -------
    DataFrame with columns ``asked`` and ``found``.
    """
    rows = [
        ("model chosen, by the fold", choices(predictions)),
        ("R² of the model chosen", f"{trial['R2']:.2f}"),
        (f"values within their {COVERAGE:.0%} interval", f"{trial['coverage']:.0%}"),
        (f"flagged as unlike the others ({flagged_of_same_kind:.0%} allowed)", f"{trial['outside']:.0%}"),
    ]
    for rule, soils in exceedances.groupby("rule", sort=False):
        found = f"{soils['exceeded'].sum()} of {len(soils)}; expected {soils['probability'].sum():.1f}"
        rows.append((f"soils above {STANDARD}, {rule}", found))
    if "calibration_error" in trial:
        rows.append(("error of these probabilities, on average", f"{trial['calibration_error']:.3f}"))
    return pd.DataFrame(rows, columns=["asked", "found"])


def choices(predictions: pd.DataFrame) -> str:
    """Say how often which model was chosen in a trial.

    Examples
    --------
    >>> folds = pd.DataFrame({"repeat": 0, "fold": [0, 0, 1, 2], "model": ["a", "a", "b", "a"]})
    >>> choices(folds)
    'a (2), b (1)'
    """
    counts = predictions.drop_duplicates(["repeat", "fold"])["model"].value_counts()
    return ", ".join(f"{name} ({count})" for name, count in counts.items())
