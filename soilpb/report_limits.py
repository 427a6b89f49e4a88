"""Which soils of a report are above a limit: how probable, worst first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from IPython.display import HTML

from soilpb import kept_model, kept_table
from soilpb.report_tables import foldable, significant
from soilpb.standards import lead_limit
from soilpb.study import Study
from soilpb.wording import listed, number

#: From this probability on, a soil is taken for one above its limit.
LIKELY = 0.5


def dividing_rule(exceedances: pd.DataFrame) -> str:
    """Choose the rule that the laboratory's values divide most evenly: the others decide little here.

    Parameters
    ----------
    exceedances : DataFrame
        From :func:`soilpb.kept_model.judge`.

    Returns
    -------
    str: the first of equally even rules; empty if no limit is known.

    Examples
    --------
    >>> rows = [("screening", True), ("screening", True), ("intervention", True), ("intervention", False)]
    >>> dividing_rule(pd.DataFrame(rows, columns=["rule", "exceeded"]))
    'intervention'
    """
    if exceedances.empty:
        return ""
    share = exceedances.groupby("rule", sort=False)["exceeded"].mean().astype(float)
    return str((share - 0.5).abs().idxmin())


def above(
    study: Study,
    trials: pd.DataFrame,
    exceedances: pd.DataFrame,
    rule: str,
    waiting: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """List the soils that are above their limit, or are likelier to be than not.

    Parameters
    ----------
    study : Study
    trials, exceedances : DataFrame
        From :func:`soilpb.kept_model.judge`: each soil as models said that had not seen it.
    rule : str
    waiting : DataFrame, optional
        From :func:`soilpb.kept_table.table`, of soils without a laboratory value.

    Returns
    -------
    DataFrame
        ``soil``, ``measured`` and ``limit`` (NaN where the laboratory did not say), ``predicted``,
        ``lower``, ``upper``, ``probability``; the highest probability first, and of equal ones the
        soil farthest above its limit.
    """
    said = trials.query("repeat == 0").set_index("sample")
    ph = kept_model.ph_of(study)
    samples = study.target.samples
    limits = lead_limit(kept_model.STANDARD, rule, np.nan if ph is None else ph)
    soils = kept_model.once(study, exceedances, rule)[["probability", "exceeded"]].join(
        said[["observed", "predicted", "lower", "upper"]]
    )
    soils["limit"] = pd.Series(np.broadcast_to(limits, len(samples)), samples.index)
    soils = soils[soils["exceeded"] | (soils["probability"] >= LIKELY)]
    table = soils.rename(columns={"observed": "measured"})
    if waiting is not None:
        target, column = study.site.target, kept_table.column_of(rule)
        names = {target: "predicted", f"{target}_lower": "lower", f"{target}_upper": "upper"}
        more = waiting.rename(columns={**names, column: "probability"})
        more = more.loc[more["probability"] >= LIKELY, ["predicted", "lower", "upper", "probability"]]
        table = pd.concat([table, more]) if len(more) else table
    order = table.assign(times=table["measured"] / table["limit"])
    table = table.loc[order.sort_values(["probability", "times"], ascending=False).index]
    columns = ["measured", "limit", "predicted", "lower", "upper", "probability"]
    return table[columns].rename_axis("soil").reset_index()


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """Write the numbers of :func:`above` for a page."""
    return pd.DataFrame(
        {
            "soil": table["soil"].astype(str),
            "probability": [number(value) for value in table["probability"]],
            "measured": [_or_dash(value) for value in table["measured"]],
            "limit": [_or_dash(value) for value in table["limit"]],
            "by spectrum (90 %)": [
                f"{significant(row.predicted)} ({significant(row.lower)} to {significant(row.upper)})"
                for row in table.itertuples()
            ],
        }
    )


def page(
    study: Study,
    trials: pd.DataFrame,
    exceedances: pd.DataFrame,
    rule: str,
    waiting: pd.DataFrame | None = None,
) -> HTML | None:
    """Lay :func:`above` out for a page, folded where it is long; None where no limit is known."""
    if not rule:
        return None
    return foldable(shown(above(study, trials, exceedances, rule, waiting)))


def sentence(study: Study, exceedances: pd.DataFrame, rule: str) -> str:
    """Say how many soils are above which limit, and how many of them spectra alone would have found."""
    if not rule:
        if standard := kept_model.standard_for(study.site.target):
            return (
                f"The limits of {standard} depend on pH, and no soil has one: nothing is held against them."
            )
        return f"No limit for {study.target_name} is known here, so no soil is held against one."
    soils = kept_model.once(study, exceedances, rule)
    above, likely = soils["exceeded"].astype(bool), soils["probability"] >= LIKELY
    first = exceedances.query("repeat == 0").groupby("rule", sort=False)["exceeded"]
    others = [f"“{name}” {int(found.sum())} of {len(found)}" for name, found in first if name != rule]
    found = (
        f"By the laboratory {above.sum()} of {len(soils)} soils are above {kept_model.STANDARD}, “{rule}” "
        f"(the other rules: {listed(others)})."
    )
    if not above.any() and not likely.any():
        return f"{found} Spectra agree: no soil is likelier above it than not."
    return (
        f"{found} Spectra alone call {likely.sum()} likelier above it than not: {(above & likely).sum()} "
        f"rightly, {(likely & ~above).sum()} wrongly; {(above & ~likely).sum()} they miss. The table lists "
        f"both kinds in {study.target_unit}, the most probable first."
    )


def _or_dash(value: float) -> str:
    return "–" if np.isnan(value) else significant(value)
