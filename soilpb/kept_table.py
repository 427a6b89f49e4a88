"""What a kept model says of soils, as users see it.

The report and ``soilpb predict`` make their tables here, so that they cannot disagree.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from soilpb.site_model import SiteModel
from soilpb.spectra import SoilSpectra
from soilpb.standards import LEAD_LIMITS, rules_of


def table(
    model: SiteModel,
    soils: SoilSpectra,
    target: str,
    standard: str = "",
    limits: pd.DataFrame = LEAD_LIMITS,
    ph: np.ndarray | float = np.nan,
    coverage: float = 0.9,
) -> pd.DataFrame:
    """Say all that the model knows of some soils, under the names that users see.

    Parameters
    ----------
    model : SiteModel
    soils : SoilSpectra
        On any bands that cover the model's grid.
    target : str
        What the model predicts, such as ``Pb_mg_kg``.
    standard, limits
        Whose rules; none if empty.
    ph : float or (n_samples,) array
        Measured pH.
    coverage : float

    Returns
    -------
    DataFrame, indexed by sample
        The target with ``_lower`` and ``_upper``; pH likewise; ``p_above_…`` a rule;
        ``distance`` and ``outside``.
    """
    same = np.array_equal(soils.wavelengths, model.wavelengths)
    X = soils.reflectance if same else soils.resample(model.wavelengths).reflectance
    said = model.predict(X, coverage).drop(columns=["T2", "Q"])
    names = {"predicted": target, "lower": f"{target}_lower", "upper": f"{target}_upper"}
    parts = [said.drop(columns=["distance", "outside"]).rename(columns=names)]
    if standard:
        columns = {rule: column_of(rule) for rule in rules_of(standard, limits)}
        parts.append(model.exceedance(X, standard, limits, ph).rename(columns=columns))
    parts.append(said[["distance", "outside"]])
    return pd.concat(parts, axis=1).set_axis(soils.samples.index.rename("sample"))


def column_of(rule: str) -> str:
    """Column of a rule's probabilities.

    Examples
    --------
    >>> column_of("screening, other land")
    'p_above_screening_other_land'
    """
    return "p_above_" + "_".join("".join(c if c.isalnum() else " " for c in rule).split())
