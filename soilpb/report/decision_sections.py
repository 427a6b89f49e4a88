"""Which soils of a report are above a limit: how probable, worst first.

The map of a report: soils at their places, and what may be said of the ground between them.

Where a limit is known, colours are probabilities of exceeding it, else values. The ground between
soils is kriged only where neighbours are alike (see :func:`soilpb.decide.maps.assess_structure`) and kriging
beats the mean at places left out.

Which soils of a site to send to the laboratory next, and what choosing them is worth here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from IPython.display import HTML
from matplotlib.axes import Axes

from soilpb._format import join_words, number
from soilpb.decide import maps, sampling, stored_model
from soilpb.decide.exceedance import calibration_error, error_by_chance, reliability_table
from soilpb.decide.site_model import SiteModel
from soilpb.decide.standards import lead_limit
from soilpb.evaluate import splits
from soilpb.old import decision_words
from soilpb.plots import decisions
from soilpb.readers.site import read_spectra
from soilpb.report.text import foldable, significant
from soilpb.site_file import project_root
from soilpb.spectra import SoilSpectra
from soilpb.study import Study

#: From this probability on, a soil is taken for one above its limit.
LIKELY = 0.5


def dividing_rule(exceedances: pd.DataFrame) -> str:
    """Choose the rule that the laboratory's values divide most evenly: the others decide little here.

    Parameters
    ----------
    exceedances : DataFrame
        From :func:`soilpb.decide.stored_model.evaluate_site_model`.

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
        From :func:`soilpb.decide.stored_model.evaluate_site_model`: models that had not seen the soil.
    rule : str
    waiting : DataFrame, optional
        From :func:`soilpb.decide.stored_model.predict_soils`, of soils without a laboratory value.

    Returns
    -------
    DataFrame
        ``soil``, ``measured`` and ``limit`` (NaN where the laboratory did not say), ``predicted``,
        ``lower``, ``upper``, ``probability``; the highest probability first, and of equal ones the
        soil farthest above its limit.
    """
    said = trials.query("repeat == 0").set_index("sample")
    ph = stored_model.measured_ph(study)
    samples = study.target.samples
    limits = lead_limit(stored_model.STANDARD, rule, np.nan if ph is None else ph)
    soils = stored_model.select_rule(study, exceedances, rule)[["probability", "exceeded"]].join(
        said[["observed", "predicted", "lower", "upper"]]
    )
    soils["limit"] = pd.Series(np.broadcast_to(limits, len(samples)), samples.index)
    soils = soils[soils["exceeded"] | (soils["probability"] >= LIKELY)]
    table = soils.rename(columns={"observed": "measured"})
    if waiting is not None:
        target, column = study.site.target, stored_model.probability_column(rule)
        names = {target: "predicted", f"{target}_lower": "lower", f"{target}_upper": "upper"}
        more = waiting.rename(columns={**names, column: "probability"})
        more = more.loc[more["probability"] >= LIKELY, ["predicted", "lower", "upper", "probability"]]
        table = pd.concat([table, more]) if len(more) else table
    order = table.assign(times=table["measured"] / table["limit"])
    table = table.loc[order.sort_values(["probability", "times"], ascending=False).index]
    columns = ["measured", "limit", "predicted", "lower", "upper", "probability"]
    return table[columns].rename_axis("soil").reset_index()


def limits_shown(table: pd.DataFrame) -> pd.DataFrame:
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
    return foldable(limits_shown(above(study, trials, exceedances, rule, waiting)))


def limits_sentence(study: Study, exceedances: pd.DataFrame, rule: str) -> str:
    """Say how many soils are above which limit, and how many of them spectra alone would have found."""
    if not rule:
        if standard := stored_model.default_standard(study.site.target):
            return (
                f"The limits of {standard} depend on pH, and no soil has one: nothing is held against them."
            )
        return f"No limit for {study.target_name} is known here, so no soil is held against one."
    soils = stored_model.select_rule(study, exceedances, rule)
    above, likely = soils["exceeded"].astype(bool), soils["probability"] >= LIKELY
    first = exceedances.query("repeat == 0").groupby("rule", sort=False)["exceeded"]
    others = [f"“{name}” {int(found.sum())} of {len(found)}" for name, found in first if name != rule]
    found = (
        f"By the laboratory {above.sum()} of {len(soils)} soils are above {stored_model.STANDARD}, “{rule}” "
        f"(the other rules: {join_words(others)})."
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


#: Below this R² at places left out, a kriged surface is called weak.
WEAK = 0.2


@dataclass(frozen=True, eq=False)
class SiteMap:
    """What is known of a site's ground.

    Make one with :func:`of_site`.

    Attributes
    ----------
    column : str
        ``probability`` of exceeding a rule's limit, or ``value`` in the laboratory's unit.
    label : str
        Of the colours.
    log : bool
        Whether values are coloured by their logarithm.
    soils : DataFrame
        ``x``, ``y`` in metres, the column and perhaps ``exceeded``; no rows without true coordinates.
    structure : Structure or None
        Of the target on the modelling scale.
    cells : DataFrame
        ``x``, ``y`` and the column, kriged; no rows where nothing was.
    skill : float
        R² of kriging the target at places left out one by one.
    trial : DataFrame
        From :func:`soilpb.decide.maps.cross_validate_blocks`; no rows where nothing was kriged.
    """

    column: str
    label: str
    log: bool
    soils: pd.DataFrame
    structure: maps.SpatialStructure | None = None
    cells: pd.DataFrame = None
    skill: float = np.nan
    trial: pd.DataFrame = None

    @property
    def kriged(self) -> bool:
        """Whether the map says something of the ground between soils."""
        return self.cells is not None and len(self.cells) > 0


def of_site(study: Study, exceedances: pd.DataFrame, rule: str = "") -> SiteMap:
    """Map a site.

    Parameters
    ----------
    study : Study
    exceedances : DataFrame
        From :func:`soilpb.decide.stored_model.evaluate_site_model`; may be empty.
    rule : str
        Whose limit is mapped; values are where it is empty.
    """
    there = maps.local_coordinates(study.target.samples)
    name = f"{study.target_name} ({study.target_unit})" if study.target_unit else study.target_name
    if rule:
        column, label = "probability", f"Probability above the limit, {rule}"
        shown = stored_model.select_rule(study, exceedances, rule)[["probability", "exceeded"]]
    else:
        column, label = "value", name
        shown = pd.DataFrame({"value": study.natural(study.y)}, index=study.ids)
    log = not rule and study.site.target_scale == "log"
    if there is None:
        return SiteMap(column, label, log, shown.iloc[:0])
    at, y, ph = there.to_numpy(), *_known(study, there.index)
    soils = there.join(shown, how="inner")
    structure = maps.assess_structure(at, y, seed=study.site.seed)
    if not structure.found:
        return SiteMap(column, label, log, soils, structure)
    surface = maps.KrigedSite.fit(at, y, ph, study.site.target_scale == "log")
    cells = maps.map_cells(at) if surface.target.skill > 0 else maps.map_cells(at).iloc[:0]
    standard = stored_model.default_standard(study.site.target) if rule else ""
    if len(cells):
        ground = cells[["x", "y"]].to_numpy()
        cells[column] = surface.probability(ground, standard, rule) if rule else surface.values(ground)
    trial = maps.cross_validate_blocks(
        at, y, there.index, ph, surface.log, standard, rule, seed=study.site.seed
    )
    return SiteMap(column, label, log, soils, structure, cells, surface.target.skill, trial)


def draw(mapped: SiteMap) -> Axes | None:
    """Draw the map; nothing without true coordinates."""
    if mapped.soils.empty:
        return None
    return decisions.plot_map(mapped.soils, mapped.column, mapped.label, mapped.cells, mapped.log)


def caption(mapped: SiteMap) -> str:
    """Say what the map shows, without a full stop."""
    soils = {
        "probability": "Probability that a soil exceeds its limit, by a model that had not seen the soil",
        "value": "What the laboratory found",
    }[mapped.column]
    return f"{soils}; between soils: kriged from the laboratory's values" if mapped.kriged else soils


def map_sentence(mapped: SiteMap, seed: int = 0) -> str:
    """Say what the map may be used for: whether neighbours are alike, and whether kriging came true."""
    if mapped.soils.empty:
        return "No true coordinates are known, so there is no map."
    found = mapped.structure
    if found.n_places < maps.FEWEST_PLACES:
        return (
            f"The map shows the soils alone: {found.n_places} places are too few to krige "
            f"(at least {maps.FEWEST_PLACES})."
        )
    alike = f"semivariance {number(found.ratio)} of the variance, p = {number(found.p, 3)}"
    if not found.found:
        return (
            f"The map shows the soils alone: neighbours are no more alike than any two soils ({alike}), "
            "so nothing can be told of the ground between them."
        )
    if not mapped.kriged:
        return (
            f"The map shows the soils alone: neighbours are a little alike ({alike}), but kriging is no "
            "better than the mean at places left out."
        )
    return (
        f"Neighbours are alike ({alike}), so the ground between soils is kriged. {_came_true(mapped, seed)}"
    )


def _came_true(mapped: SiteMap, seed: int) -> str:
    """What kriging is worth at places, and in blocks of places, that it had not seen."""
    trial = mapped.trial
    blocks = 1 - np.mean((trial["observed"] - trial["predicted"]) ** 2) / np.var(trial["observed"])
    explained = (
        f"At places left out one by one it explains {100 * mapped.skill:.0f} % of the variance, "
        f"and {f'{100 * blocks:.0f} %' if blocks > 0 else 'nothing'} of whole blocks left out"
    )
    if mapped.skill < WEAK:
        explained += ": the surface knows little more than the mean, so go by the soils"
    if mapped.column == "value":
        return f"{explained}."
    error = calibration_error(reliability_table(trial["probability"], trial["exceeded"]))
    chance = error_by_chance(trial["probability"].to_numpy(), seed=seed)
    return f"{explained}. In such blocks: {_lower(decision_words.calibration(error, chance, len(trial)))}"


def _lower(sentence: str) -> str:
    return map_sentence[0].lower() + map_sentence[1:]


def _known(study: Study, ids: pd.Index) -> tuple[np.ndarray, np.ndarray | None]:
    """The target on the modelling scale and pH of some soils."""
    rows = study.target.samples.index.get_indexer(ids)
    ph = stored_model.measured_ph(study)
    return study.y[rows], None if ph is None else ph[rows]


#: How soils are chosen. Fixed beforehand for all sites: the one method that needs no lots, takes account
#: of what is measured, and led at the smallest numbers of soils in chapter 7.
METHOD = "uncertainty"
#: Most soils that a report names.
MOST = 10
#: The trial: draws, random start, steps, and how many soils must be left to choose from.
DRAWS, START, STEPS, FEWEST = 8, 20, 6, 40


def unmeasured(study: Study) -> SoilSpectra | None:
    """Read the spectra of a site's own files that have no value of the target, on the study's grid.

    Returns
    -------
    SoilSpectra or None: None if there are none, or if the site has no files of its own.
    """
    site = study.site
    if site.target_data != "files":
        return None
    soils = read_spectra(
        project_root() / site.spectra,
        id_column=site.id_column,
        spectra_unit=site.spectra_unit,
        replicates=site.replicates,
        known=study.target.samples.index,
        counters=stored_model.scan_counters(study),
    )
    waiting = ~soils.samples.index.isin(study.ids)
    return soils.take(np.flatnonzero(waiting)).resample(study.grid) if waiting.any() else None


def said_of(model: SiteModel, waiting: SoilSpectra | None, study: Study) -> pd.DataFrame | None:
    """Predict the soils that wait (see :func:`soilpb.decide.stored_model.predict_soils`)."""
    if waiting is None:
        return None
    target = study.site.target
    return stored_model.predict_soils(model, waiting, target, stored_model.default_standard(target))


def send_next(study: Study, waiting: SoilSpectra | None, most: int = MOST) -> pd.DataFrame:
    """Choose soils: of those that wait, or else the measured soils of whose kind more are wanted.

    Without spectra that wait, any further soil must be dug first. Then every measured soil is
    offered once more, as if its twin had been found: the chosen ones say where, in the space of
    spectra, another value would make the model surest of all the others.

    Parameters
    ----------
    study : Study
    waiting : SoilSpectra, optional
        From :func:`unmeasured`.
    most : int

    Returns
    -------
    DataFrame, most wanted first: ``soil``; of measured soils also ``value`` in the laboratory's unit,
    and ``x``, ``y`` in metres where they are known.
    """
    n = study.target.n_samples
    offered = study.X if waiting is None else waiting.reflectance
    ids = study.ids if waiting is None else waiting.samples.index.to_numpy()
    F = sampling.spectral_features(np.concatenate([study.X, offered]))
    chosen = sampling.choose_samples(METHOD, F, min(most, len(ids)), np.arange(n), study.site.seed) - n
    table = pd.DataFrame({"soil": ids[chosen]})
    if waiting is None:
        table["value"] = study.natural(study.y)[chosen]
        there = maps.local_coordinates(study.target.samples)
        table = table if there is None else table.join(there, on="soil")
    return table


def next_shown(study: Study, table: pd.DataFrame, said: pd.DataFrame | None = None) -> pd.DataFrame:
    """Write the choice for a page.

    Parameters
    ----------
    study : Study
    table : DataFrame
        From :func:`send_next`.
    said : DataFrame, optional
        What the kept model says of the soils that wait (:func:`soilpb.decide.stored_model.predict_soils`).
    """
    unit = f"{study.target_name} ({study.target_unit})" if study.target_unit else study.target_name
    page = pd.DataFrame({"soil": table["soil"].astype(str)})
    if said is not None:
        target = study.site.target
        rows = said.loc[table["soil"], [target, f"{target}_lower", f"{target}_upper"]].to_numpy()
        page[f"{unit} by spectrum (90 %)"] = [
            f"{significant(a)} ({significant(b)} to {significant(c)})" for a, b, c in rows
        ]
        unlike = said.loc[table["soil"], "outside"].to_numpy(bool)
        page["kind"] = np.where(unlike, "unlike those measured", "like those measured")
        return page
    page[unit] = [significant(value) for value in table["value"]]
    if {"x", "y"} <= set(table):
        page["east, north (m)"] = [
            "–" if np.isnan(x) else f"{x:.0f}, {y:.0f}" for x, y in table[["x", "y"]].to_numpy()
        ]
    return page


def next_sentence(waiting: SoilSpectra | None) -> str:
    """Say which soils the table names."""
    if waiting is None:
        return (
            "Every spectrum of this site has its laboratory value, so more soils must be dug first. Look for "
            "soils like these, in this order: a further value of their kind would make the model surest of "
            "all the others."
        )
    n = waiting.n_samples
    return (
        f"{n} spectra of this site have no laboratory value. In this order they would make the model surest "
        "of all the others."
    )


def worth(study: Study) -> str:
    """Say what choosing by :data:`METHOD` is worth, tried on the site's own soils as in chapter 7."""
    groups = study.groups
    aside = splits.random_split(study.ids, DRAWS, 0.3, study.site.seed, groups)
    left = int(splits.count_training_rows(aside).min())
    if left < FEWEST:
        return f"With {left} soils to choose from, whether choosing pays cannot be tried here."
    sizes = np.linspace(START, left, STEPS).astype(int)[:-1]
    methods = ("random", METHOD)
    curves = sampling.learning_curves(study.X, study.y, aside, sizes, study.ids, study.site.seed, methods)
    needed = sampling.soils_needed(curves)
    chosen, end = needed[sampling.NAMES[METHOD]], needed["random"]
    tried = f"Tried {DRAWS} times on this site's own soils, "
    if chosen <= START:
        return f"{tried}{end:.0f} random soils were hardly better than {START}: choosing cannot be judged."
    if chosen >= end:
        return f"{tried}choosing so did not reach with fewer soils what random choices reach with {end:.0f}."
    return f"{tried}choosing so reached with {chosen:.0f} soils what random choices reach with {end:.0f}."
