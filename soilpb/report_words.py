"""Sentences of a site's report, computed: how good the best model is, and what remains unknown.

They hold for any site, so that nobody has to write them, and none can disagree with its table.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from soilpb import bootstrap, checks, compare, evaluation, verdicts
from soilpb.report_tables import significant
from soilpb.study import Study
from soilpb.wording import number

#: More than this share beyond 95 % limits, and the library does not cover the site.
FAR = 0.10


def ranking(scores: pd.DataFrame) -> list[str]:
    """Models by pooled R² averaged over repeats, the best first."""
    return list(dict.fromkeys(evaluation.summary(scores)["model"]))


def answer(study: Study, predictions: pd.DataFrame) -> str:
    """Say how well the best model does: its R², its typical error, and whether that is of use.

    Parameters
    ----------
    study : Study
    predictions : DataFrame
        Of several models on a repeated k-fold, from :func:`soilpb.evaluation.cross_validate`.
    """
    best = ranking(evaluation.score(predictions))[0]
    intervals = [
        bootstrap.interval(predictions[predictions["model"] == best], metric, seed=study.site.seed)
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
        As for :func:`soilpb.compare.against`.
    reference : str
        Name of the model that is usual in the field.
    """
    rivals = [model for model in ranking(scores) if model != reference]
    if not rivals:
        return f"No other model was compared with {reference}."
    table = compare.against(scores, folds, reference)
    return verdicts.verdict(table.loc[table["model"] == rivals[0]].iloc[0].to_dict())


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
    if n < checks.FEW:
        yield (
            f"{n} soils are few (fewer than {checks.FEW}): other soils of the same place could change "
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
