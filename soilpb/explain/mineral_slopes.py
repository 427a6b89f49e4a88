"""How a model's prediction changes with a little more of a mineral: slopes instead of wavelengths.

A slope is ``∂ target / ∂ ln(constituent)``. A little of the constituent is mixed into each *measured*
spectrum by Kubelka–Munk optics, scattering as it was, and the model predicts again, by whatever bands. On a
logarithmic target 0.5 means that 10 % more of the constituent goes with about 5 % more of the target. A
calibration may react wildly to a shape that none of its soils had: :class:`ProjectedModel` removes it first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin

from soilpb.evaluate import splits
from soilpb.explain.bands import fit_by_fold, jackknife_intervals
from soilpb.models.pls import PLSCV
from soilpb.simulate import minerals
from soilpb.spectra import CARBON_IN_ORGANIC_MATTER, absorbance, reflectance_from_absorbance
from soilpb.study import Study

#: Constituents asked about unless told otherwise.
CONSTITUENTS = tuple("hematite goethite clay organic_matter carbonate water manganese_oxide gypsum".split())
#: Laboratory columns, what they measure, and its mass fraction per unit of the column.
_MEASURED = {
    "clay_pct": ("clay", 0.01),
    "SOC_pct": ("organic_matter", 0.01 / CARBON_IN_ORGANIC_MATTER),
    "CaCO3_pct": ("carbonate", 0.01),
}
#: Relative change of a constituent: half of it is added, half taken away.
_STEP = 0.1
#: Share of the variance of the differences that the components hold; the rest is noise and detail.
#: Chosen on twins with seeds 0–2: fewer components lose clay, more react to what no soil showed.
_SHARE = 0.99


def estimate_slopes(
    model: RegressorMixin,
    X: np.ndarray,
    wavelengths: np.ndarray,
    constituents: Sequence[str] = CONSTITUENTS,
    abundance: Mapping[str, np.ndarray | float] | None = None,
) -> pd.DataFrame:
    """Slope of each soil's prediction with the logarithm of each constituent.

    ``X`` is measured reflectance (n_samples, n_bands); ``constituents`` are names from the atlas, another is
    a ValueError. ``abundance`` (mass fractions, floats or (n_samples,) arrays; typical ones where not given)
    sets only the unit: twice the abundance is twice the slope. The table has ``constituent``, ``sample``
    (position in ``X``) and ``slope`` (units of the target per unit of the natural logarithm).

    Examples
    --------
    >>> class Darkness:
    ...     def predict(self, X):
    ...         return -np.log(X[:, 0])
    >>> slopes = estimate_slopes(Darkness(), np.full((1, 2), 0.3), np.array([500.0, 510.0]), ["hematite"])
    >>> slopes["slope"].item() > 0
    True
    """
    amounts = {**minerals.TYPICAL_ABUNDANCE, **(abundance or {})}
    if unknown := set(constituents) - amounts.keys():
        raise ValueError(f"the atlas has no {sorted(unknown)}; it has {', '.join(amounts)}")
    slopes = {}
    for name in constituents:
        added = _STEP / 2 * np.asarray(amounts[name])
        changed = (minerals.add_constituent(X, wavelengths, name, amount) for amount in (added, -added))
        slopes[name] = np.subtract(*map(model.predict, changed)) / _STEP
    return (
        pd.DataFrame(slopes).rename_axis("sample").reset_index().melt("sample", None, "constituent", "slope")
    )


def estimate_slopes_by_fold(
    models: Iterable[RegressorMixin],
    folds: Iterable[splits.Fold],
    X: np.ndarray,
    wavelengths: np.ndarray,
    constituents: Sequence[str],
    abundance: Mapping[str, np.ndarray | float],
) -> pd.DataFrame:
    """Slopes of the models of cross-validation, each behind the components of its training soils.

    ``models`` holds one fitted estimator per fold; each predicts all soils of ``X``. Other parameters and the
    table are those of :func:`estimate_slopes`, with ``draw``: the fold's number.
    """
    tables = []
    for draw, (model, fold) in enumerate(zip(models, folds, strict=True)):
        projected = ProjectedModel(model, X[fold.train])
        slopes = estimate_slopes(projected, X, wavelengths, constituents, abundance)
        tables.append(slopes.assign(draw=draw))
    return pd.concat(tables, ignore_index=True)


def estimate_own_slope(task: Study, constituent: str, asked: Sequence[str]) -> dict[str, float | str]:
    """Slope of PLS models with the very constituent they predict, whose sign is known without theory.

    ``task`` is a site whose target measures ``constituent``; ``asked`` are others to compare it with. Returns
    ``slope`` with ``low`` and ``high`` (90 %), in percent of the target's mean per unit of the logarithm;
    ``r2`` of the models on soils they have not seen; ``strongest``: of those asked, the constituent with the
    steepest rise; ``direct``: the slope without projection on components.
    """
    table = splits.repeated_kfold(task.ids, 5, 1, task.site.seed, task.groups)
    folds = list(splits.iterate_folds(table, task.ids))
    fitted = fit_by_fold(PLSCV(), task.X, task.y, table, task.ids, task.groups)
    amounts = laboratory_abundances(task.target.samples)
    slopes = estimate_slopes_by_fold(fitted, folds, task.X, task.grid, asked, amounts)
    direct = [estimate_slopes(m, task.X, task.grid, [constituent], amounts) for m in fitted]
    percent = 100 / task.y.mean()
    slopes["slope"] *= percent
    found = jackknife_intervals(slopes, ["constituent"], "slope", left_out=0.2).set_index("constituent")
    errors = [task.y[fold.test] - m.predict(task.X[fold.test]) for m, fold in zip(fitted, folds, strict=True)]
    return {
        **found.loc[constituent],
        "r2": 1 - np.mean(np.concatenate(errors) ** 2) / task.y.var(),
        "strongest": found["slope"].idxmax(),
        "direct": percent * pd.concat(direct)["slope"].mean(),
    }


def laboratory_abundances(samples: pd.DataFrame) -> dict[str, np.ndarray]:
    """Mass fractions (n_samples,) by constituent, from the laboratory's clay, organic carbon, carbonate.

    Gaps hold the median of the others.

    Examples
    --------
    >>> laboratory_abundances(pd.DataFrame({"SOC_pct": [1.16, 2.32]}))
    {'organic_matter': array([0.02, 0.04])}
    """
    known = {}
    for column, (constituent, fraction) in _MEASURED.items():
        if column in samples:
            values = samples[column].astype(float)
            known[constituent] = (fraction * values.fillna(values.median())).to_numpy()
    return known


class ProjectedModel:
    """A fitted model that sees spectra projected on the components of a site's reflectance ``X``.

    They hold 99 % of the variance of the differences of absorbance between neighbouring bands (of absorbance
    itself nearly all is brightness and slope, not the features of clay); the mean level of a spectrum stays.

    Examples
    --------
    >>> class Last:
    ...     def predict(self, X):
    ...         return -np.log10(X[:, -1])
    >>> rng = np.random.default_rng(0)
    >>> slope = 0.4 ** np.outer(rng.uniform(0.5, 1.5, 50), [1, 0.9, 0.8, 0.7])
    >>> odd = np.array([[0.4, 0.45, 0.5, 0.2]])
    >>> [round(model.predict(odd).item(), 2) for model in (Last(), ProjectedModel(Last(), slope))]
    [0.7, 0.59]
    """

    def __init__(self, model: RegressorMixin, X: np.ndarray) -> None:
        steps = np.diff(absorbance(np.asarray(X, dtype=float)), axis=1)
        self.model, self.mean = model, steps.mean(axis=0)
        _, sizes, components = np.linalg.svd(steps - self.mean, full_matrices=False)
        held = np.cumsum(sizes**2) / np.sum(sizes**2)
        self.components = components[: np.searchsorted(held, _SHARE) + 1]

    def project(self, X: np.ndarray) -> np.ndarray:
        """Reflectance (n, n_bands) as the components make it, float32."""
        spectra = absorbance(np.asarray(X, dtype=float))
        steps = self.mean + (np.diff(spectra, axis=1) - self.mean) @ self.components.T @ self.components
        projected = np.pad(np.cumsum(steps, axis=1), ((0, 0), (1, 0)))
        projected += (spectra - projected).mean(axis=1, keepdims=True)
        return reflectance_from_absorbance(projected).astype(np.float32)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) of the model for the projected spectra."""
        return self.model.predict(self.project(X))
