"""The map of a report: soils at their places, and what may be said of the ground between them.

Where a limit is known, colours are probabilities of exceeding it, else values. The ground between
soils is kriged only where neighbours are alike (see :func:`soilpb.kriging.structure`) and kriging
beats the mean at places left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from soilpb import decision_words, figures_map, kept_model, kriging, places, risk_map
from soilpb.reliability import calibration_error, error_by_chance, reliability
from soilpb.study import Study
from soilpb.wording import number

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
        From :func:`soilpb.risk_map.left_out`; no rows where nothing was kriged.
    """

    column: str
    label: str
    log: bool
    soils: pd.DataFrame
    structure: kriging.Structure | None = None
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
        From :func:`soilpb.kept_model.judge`; may be empty.
    rule : str
        Whose limit is mapped; values are where it is empty.
    """
    there = places.of_soils(study.target.samples)
    name = f"{study.target_name} ({study.target_unit})" if study.target_unit else study.target_name
    if rule:
        column, label = "probability", f"Probability above the limit, {rule}"
        shown = kept_model.once(study, exceedances, rule)[["probability", "exceeded"]]
    else:
        column, label = "value", name
        shown = pd.DataFrame({"value": study.natural(study.y)}, index=study.ids)
    log = not rule and study.site.target_scale == "log"
    if there is None:
        return SiteMap(column, label, log, shown.iloc[:0])
    at, y, ph = there.to_numpy(), *_known(study, there.index)
    soils = there.join(shown, how="inner")
    structure = kriging.structure(at, y, seed=study.site.seed)
    if not structure.found:
        return SiteMap(column, label, log, soils, structure)
    surface = risk_map.Surface.fit(at, y, ph, study.site.target_scale == "log")
    cells = places.between(at) if surface.target.skill > 0 else places.between(at).iloc[:0]
    standard = kept_model.standard_for(study.site.target) if rule else ""
    if len(cells):
        ground = cells[["x", "y"]].to_numpy()
        cells[column] = surface.probability(ground, standard, rule) if rule else surface.values(ground)
    trial = risk_map.left_out(at, y, there.index, ph, surface.log, standard, rule, seed=study.site.seed)
    return SiteMap(column, label, log, soils, structure, cells, surface.target.skill, trial)


def draw(mapped: SiteMap) -> Axes | None:
    """Draw the map; nothing without true coordinates."""
    if mapped.soils.empty:
        return None
    return figures_map.site_map(mapped.soils, mapped.column, mapped.label, mapped.cells, mapped.log)


def caption(mapped: SiteMap) -> str:
    """Say what the map shows, without a full stop."""
    soils = {
        "probability": "Probability that a soil exceeds its limit, by a model that had not seen the soil",
        "value": "What the laboratory found",
    }[mapped.column]
    return f"{soils}; between soils: kriged from the laboratory's values" if mapped.kriged else soils


def sentence(mapped: SiteMap, seed: int = 0) -> str:
    """Say what the map may be used for: whether neighbours are alike, and whether kriging came true."""
    if mapped.soils.empty:
        return "No true coordinates are known, so there is no map."
    found = mapped.structure
    if found.n_places < kriging.FEWEST_PLACES:
        return (
            f"The map shows the soils alone: {found.n_places} places are too few to krige "
            f"(at least {kriging.FEWEST_PLACES})."
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
    error = calibration_error(reliability(trial["probability"], trial["exceeded"]))
    chance = error_by_chance(trial["probability"].to_numpy(), seed=seed)
    return f"{explained}. In such blocks: {_lower(decision_words.calibration(error, chance, len(trial)))}"


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]


def _known(study: Study, ids: pd.Index) -> tuple[np.ndarray, np.ndarray | None]:
    """The target on the modelling scale and pH of some soils."""
    rows = study.target.samples.index.get_indexer(ids)
    ph = kept_model.ph_of(study)
    return study.y[rows], None if ph is None else ph[rows]
