"""What a page says of the kept model: which it is, and how its promises held."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from soilpb.applicability import FALSE_ALARMS
from soilpb.kept_model import COVERAGE, STANDARD
from soilpb.site_model import SiteModel
from soilpb.study import Study
from soilpb.wording import listed


def sentence(study: Study, model: SiteModel, best: str = "") -> str:
    """Say which model is kept, among which it was chosen, and why the page's best is not it.

    Parameters
    ----------
    study : Study
    model : SiteModel
        From :func:`soilpb.kept_model.fit`.
    best : str
        The model that leads the page's table.
    """
    kept, tried, n = model.target.name, list(model.target.errors), study.target.n_samples
    if len(tried) > 1:
        said = f"Of {listed(tried)}, {kept} erred least on soils left out. Fitted on all {n} soils, it"
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
        From :func:`soilpb.kept_model.scores`.
    predictions, exceedances : DataFrame
        From :func:`soilpb.kept_model.judge`; exceedances may be empty.
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
