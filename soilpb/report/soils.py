"""Every soil of a site's report, and what follows from them: limits, right and wrong calls, scores.

Predictions of soils are by models that had not seen them, in the laboratory's unit.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb.decide import site_model, stored_model
from soilpb.decide.decision_units import decide_on_site
from soilpb.decide.exceedance import detection_table
from soilpb.decide.site_model import SiteModel
from soilpb.decide.standards import lead_limit, list_rules
from soilpb.evaluate import cross_validation
from soilpb.evaluate.comparison import bootstrap_interval
from soilpb.evaluate.pretraining import score_within_populations
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: From this probability on, a soil is taken for one above its limit.
LIKELY = 0.5
#: Groups with fewer soils say nothing of R² within groups.
FEWEST_IN_GROUP = 5


def choose_rule(exceedances: pd.DataFrame) -> str:
    """Choose the rule whose limit nearest to half of the soils exceed; empty if no limit is known.

    Examples
    --------
    >>> rows = [("screening", True), ("screening", True), ("intervention", True), ("intervention", False)]
    >>> choose_rule(pd.DataFrame(rows, columns=["rule", "exceeded"]))
    'intervention'
    """
    if exceedances.empty:
        return ""
    share = exceedances.groupby("rule", sort=False)["exceeded"].mean().astype(float)
    return str((share - 0.5).abs().idxmin())


def list_soils(
    study: Study,
    trials: pd.DataFrame,
    exceedances: pd.DataFrame,
    rule: str,
    unmeasured: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """List every soil of a site, by models that had not seen it.

    ``trials`` and ``exceedances`` are from :func:`soilpb.decide.site_model.evaluate_site_model`;
    ``unmeasured`` from :func:`soilpb.decide.stored_model.predict_soils`, with ``unit`` where known. Without
    a ``rule`` limits and probabilities are unknown.

    Returns
    -------
    DataFrame
        ``soil``, ``unit`` (where the laboratory's table has them), ``measured`` and ``limit`` (NaN where
        not), ``predicted``, ``lower``, ``upper`` (90 %), ``probability`` of being above, ``flagged``: unlike
        the others. The highest probability, or prediction, first; flagged soils last.
    """
    soils = trials.query("repeat == 0").set_index("sample")
    soils = soils.rename(columns={"observed": "measured", "outside": "flagged"})
    soils = soils.assign(limit=np.nan, probability=np.nan)
    if rule:
        soils["probability"] = site_model.select_rule(study, exceedances, rule)["probability"]
        ph = site_model.measured_ph(study)
        standard, known = site_model.site_rules(study.site)
        limits = lead_limit(standard, rule, np.nan if ph is None else ph, known)
        soils["limit"] = pd.Series(np.broadcast_to(limits, len(study.ids)), study.ids)
    if "unit" in study.target.samples:
        soils["unit"] = study.target.samples["unit"]
    if unmeasured is not None:
        target, column = study.site.target, stored_model.probability_column(rule)
        names = {target: "predicted", f"{target}_lower": "lower", f"{target}_upper": "upper"}
        soils = pd.concat(
            [soils, unmeasured.rename(columns={**names, column: "probability", "outside": "flagged"})]
        )
    soils = soils.assign(flagged=soils["flagged"].astype(bool)).rename_axis("soil").reset_index()
    order = soils.sort_values(["probability", "predicted"], ascending=False).sort_values(
        "flagged", kind="stable"
    )
    columns = ["soil", "unit", "measured", "limit", "predicted", "lower", "upper", "probability", "flagged"]
    return order.filter(columns).reset_index(drop=True)


def tabulate_confusion(soils: pd.DataFrame) -> pd.DataFrame:
    """Tabulate soils rightly and wrongly called above their limit from :data:`LIKELY` on, with intervals.

    ``soils`` are from :func:`list_soils`; soils without a laboratory value or a limit do not count.
    """
    known = soils.dropna(subset=["measured", "limit", "probability"])
    table = detection_table(known["probability"], known["measured"] > known["limit"])
    row = table.set_index("threshold").loc[LIKELY]
    clear = len(known) - row[["found", "missed", "false"]].sum()
    calls = {"above": (row["found"], row["missed"]), "not above": (row["false"], clear)}
    page = pd.DataFrame.from_dict(calls, orient="index", columns=[f"{word}, by spectrum" for word in calls])
    rates = [100 * row[[name, f"{name}_low", f"{name}_high"]] for name in ("sensitivity", "specificity")]
    right = ["{:.0f} % ({:.0f} to {:.0f})".format(*rate) if rate.notna().all() else "–" for rate in rates]
    page = page.astype(int).assign(**{"called rightly (95 % interval)": right})
    return page.rename_axis("by the laboratory").reset_index()


def decide_by_rule(
    study: Study, model: SiteModel, unmeasured: SoilSpectra | None = None
) -> dict[str, pd.DataFrame]:
    """Decide on a site's units by each rule of its standard; rules without a known limit are left out."""
    standard, known = site_model.site_rules(study.site)
    rules = list_rules(standard, known) if standard else ()
    decided = {rule: decide_on_site(study, model, (standard, known), rule, unmeasured) for rule in rules}
    return {rule: units for rule, units in decided.items() if units is not None}


def score_scales(study: Study, predictions: pd.DataFrame) -> pd.DataFrame:
    """Score predictions in the laboratory's unit, and on the modelling scale where that is another.

    ``predictions`` (``repeat``, ``sample``, ``observed``, ``predicted``) are in the laboratory's unit. The
    table has ``scale``, ``R2`` with ``lower`` and ``upper`` (95 %, whole groups drawn), ``RMSE`` and
    ``within``: R² about the mean of each group, NaN unless half of the soils are in groups of
    :data:`FEWEST_IN_GROUP`.
    """
    unit, names = study.target_unit, ["observed", "predicted"]
    scales = {f"in {unit}" if unit else "in its unit": predictions.assign(model="site")}
    if study.site.target_scale == "log":
        scales["on the logarithm"] = predictions.assign(model="site", **np.log(predictions[names]))
    rows = []
    for scale, table in scales.items():
        found = bootstrap_interval(table, groups=study.group_of, seed=study.site.seed).iloc[0]
        rmse = cross_validation.compute_metrics(table["observed"], table["predicted"])["RMSE"]
        row = found[["lower", "upper"]].to_dict() | {"scale": scale, "R2": found["value"], "RMSE": rmse}
        rows.append(row | {"within": _score_within(study, table)})
    return pd.DataFrame(rows)


def _score_within(study: Study, predictions: pd.DataFrame) -> float:
    if study.groups is None:
        return np.nan
    sizes = pd.Series(study.groups).value_counts()
    large = sizes[sizes >= FEWEST_IN_GROUP]
    if large.sum() < sizes.sum() / 2:
        return np.nan
    group = predictions["sample"].map(study.group_of)
    inside = predictions[group.isin(large.index)]
    return float(score_within_populations(inside, pd.Series(study.group_of))["site"])
