"""What the kept model of a site is worth on soils it has not seen: intervals, probabilities, flags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin

from soilpb import splits
from soilpb.progress import track
from soilpb.reliability import calibration_error, reliability
from soilpb.site_model import SiteModel
from soilpb.standards import LEAD_LIMITS, lead_limit


def held_out(
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    scale: str = "log",
    ph: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    standard: str = "",
    limits: pd.DataFrame = LEAD_LIMITS,
    seed: int = 0,
    coverage: float = 0.9,
    candidates: Mapping[str, RegressorMixin] | None = None,
    n_folds: int = 10,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit the model on each fold's training soils, choice and all, and judge what it says of the others.

    Parameters
    ----------
    X, y, scale, ph, groups, seed, candidates, n_folds
        As for :meth:`SiteModel.fit`.
    folds : DataFrame
        From :mod:`soilpb.splits`.
    sample_ids : (n_samples,) sequence
    standard : str
        Whose limits are tried, with pH predicted; none if empty.
    limits : DataFrame
    coverage : float

    Returns
    -------
    predictions : DataFrame
        ``repeat``, ``fold``, ``sample``, ``observed``, ``model`` (the candidate that was chosen), and
        what :meth:`SiteModel.predict` says.
    exceedances : DataFrame
        ``repeat``, ``fold``, ``sample``, ``rule``, ``probability``, ``exceeded``: whether the
        laboratory's value is above the limit at the laboratory's pH. Soils whose limit is unknown
        have no row.
    """
    ids = np.asarray(sample_ids)
    observed = np.exp(y) if scale == "log" else np.asarray(y)
    measured = np.full(len(ids), np.nan) if ph is None else np.asarray(ph, dtype=float)
    splits.validate(folds, ids, groups)
    predicted, exceeding = [], []
    for fold in track(list(splits.iterate(folds, ids)), "judging the kept model"):
        train, test = fold.train, fold.test
        inner = None if groups is None else groups[train]
        bands, known = np.arange(X.shape[1]), measured[train]
        model = SiteModel.fit(
            X[train], y[train], bands, scale, known, inner, seed, n_folds=n_folds, candidates=candidates
        )
        place = {"repeat": fold.repeat, "fold": fold.fold, "sample": ids[test]}
        said = model.predict(X[test], coverage)
        predicted.append(
            pd.DataFrame({**place, "observed": observed[test], "model": model.target.name}).join(said)
        )
        for rule, found in (model.exceedance(X[test], standard, limits) if standard else {}).items():
            limit = lead_limit(standard, rule, measured[test], limits)
            table = pd.DataFrame({**place, "rule": rule, "probability": found})
            exceeding.append(
                table.assign(exceeded=observed[test] > limit)[np.isfinite(limit) & found.notna()]
            )
    columns = ["repeat", "fold", "sample", "rule", "probability", "exceeded"]
    joined = pd.concat(exceeding, ignore_index=True) if exceeding else pd.DataFrame(columns=columns)
    return pd.concat(predicted, ignore_index=True), joined


def summary(predictions: pd.DataFrame, exceedances: pd.DataFrame) -> dict[str, float]:
    """What a card says of a model on soils it has not seen.

    Returns
    -------
    dict
        ``coverage``: share of observed values within their intervals; ``outside``: share flagged;
        ``calibration_error``: of the probabilities of all rules, where there are any.
    """
    inside = predictions["observed"].between(predictions["lower"], predictions["upper"])
    found = {
        "coverage": float(inside.mean()),
        "outside": float(predictions["outside"].mean()),
    }
    if len(exceedances):
        table = reliability(exceedances["probability"], exceedances["exceeded"])
        found["calibration_error"] = calibration_error(table)
    return found
