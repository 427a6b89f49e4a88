"""Intervals from models that each left out a share of the training soils.

Models of different folds share most of their soils, so their spread understates what other
soils would have given. The delete-d jackknife knows by how much: its variance is that of
the folds times ``(1 − share) / share``, 4 for five folds (Shao & Wu 1989, *A General Theory
for Jackknife Variance Estimation*, Annals of Statistics 17:1176). The intervals are for what
the method answers with this many soils, its shrinkage included, and not for nature.

Which bands a model uses, for any regressor: credit on soils it has not seen, fold by fold.

A network's credit is SHAP. Any other model is asked how its prediction answers to a little
more absorbance at one band: exact where it is linear in absorbance (PLS), and its best
linear account at the site's mean spectrum elsewhere (SNV, kernels).

What transfer did to the bands of a network: retained, adapted, new or lost, by a stated rule.

Credit of two models has two units. What can be compared is *relative* credit: credit per
nanometre, divided by what an even spread over the spectrum would give. It is 1 for a band
that gets its due, 2 for one that gets twice that. Intervals come from draws. The second model
is trained anew in each, without a share of the soils, so its intervals are the jackknife's;
the first is one network, whose draws differ in their background soils alone.

Statements about wavelengths as hypotheses: a window against all windows of its width.

Any profile has peaks, and any list of wavelengths hits some of them. A window that was
named beforehand says something only if few windows as wide carry as much credit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.signal import find_peaks
from scipy.stats import norm
from sklearn.base import RegressorMixin, clone

from soilpb.evaluate import splits
from soilpb.evaluate.comparison import adjust_p_values
from soilpb.explain.attribution import Attribution, absorbance_coefficients
from soilpb.explain.network_attribution import deep_shap
from soilpb.models.inner_folds import fit_model
from soilpb.spectra import absorbance


def jackknife_half_width(statistics: np.ndarray, left_out: float, level: float = 0.9) -> np.ndarray:
    """Half width of the interval of a statistic that was computed once a fold.

    Parameters
    ----------
    statistics : (..., n_draws) array
        One value a fold; folds of several repeats may be strung together.
    left_out : float
        Share of the soils that each fold leaves out, such as 0.2.
    level : float
        Coverage of the interval.

    Returns
    -------
    (...) array

    Examples
    --------
    >>> jackknife_half_width(np.array([1.0, 3.0]), left_out=0.5).round(2)
    np.float64(1.64)
    """
    if not 0 < left_out < 1:
        raise ValueError(f"left_out is {left_out}; expected the share each fold leaves out, such as 0.2")
    statistics = np.asarray(statistics, dtype=float)
    if statistics.shape[-1] < 2:
        raise ValueError(f"got statistics of {statistics.shape[-1]} draws; an interval needs at least 2")
    variance = statistics.var(axis=-1) * (1 - left_out) / left_out
    return norm.ppf((1 + level) / 2) * np.sqrt(variance)


def jackknife_intervals(
    table: pd.DataFrame, by: Sequence[str], value: str, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Mean and interval of a column over the draws of a tidy table.

    Parameters
    ----------
    table : DataFrame
        With ``draw`` and the columns named; several rows a draw are averaged first.
    by : sequence of str
        What tells one statistic from another, such as ``["model", "wavelength"]``.
    value : str
        The column to summarise.
    left_out, level
        As for :func:`jackknife_half_width`.

    Returns
    -------
    DataFrame: the columns ``by``, then ``value`` (the mean), ``low`` and ``high``.
    """
    draws = table.pivot_table(index=list(by), columns="draw", values=value, sort=False)
    mean, half = draws.mean(axis=1), jackknife_half_width(draws.to_numpy(), left_out, level)
    return pd.DataFrame({value: mean, "low": mean - half, "high": mean + half}).reset_index()


#: Training soils of a fold that stand for "spectrum unknown".
N_BACKGROUND = 20
#: Peaks nearer to each other than this, in nm, count as one.
MIN_PEAK_DISTANCE = 60.0


def fit_by_fold(
    model: RegressorMixin,
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    groups: np.ndarray | None = None,
) -> list[RegressorMixin]:
    """Fit a model on the training soils of each fold, ready to be asked.

    Parameters
    ----------
    model : scikit-learn regressor
        Left unfitted.
    X : (n_samples, n_bands) array
        Reflectance.
    y : (n_samples,) array
        Target on the modelling scale.
    folds : DataFrame
        From :mod:`soilpb.evaluate.splits`.
    sample_ids : (n_samples,) sequence
        Ids that ``folds`` speaks of.
    groups : (n_samples,) array, optional
        Soils that the model's inner folds keep together.
    """
    rows = (fold.train for fold in splits.iterate_folds(folds, sample_ids))
    return [fit_model(clone(model), X, y, groups, train) for train in rows]


def attribute_by_fold(
    name: str,
    fitted: Sequence[RegressorMixin],
    X: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    wavelengths: np.ndarray,
    seed: int = 0,
) -> pd.DataFrame:
    """Explain each fold's test soils by the model that has not seen them.

    Parameters
    ----------
    name : str
        What the table calls the model.
    fitted : sequence of regressors
        From :func:`fit_by_fold`. One that ends in a fitted ``network_`` is explained by SHAP.
    X : (n_samples, n_bands) array
        Reflectance.
    folds : DataFrame
        From :mod:`soilpb.evaluate.splits`; each fold is a draw.
    sample_ids : (n_samples,) sequence
        Ids that ``folds`` speaks of.
    wavelengths : (n_bands,) array, nm
    seed : int
        Chooses the background among a fold's training soils.

    Returns
    -------
    DataFrame
        As :meth:`soilpb.explain.attribution.Attribution.profile`: one row a (model, draw, wavelength).
    """
    rng = np.random.default_rng(seed)
    profiles = []
    for draw, (model, fold) in enumerate(zip(fitted, splits.iterate_folds(folds, sample_ids), strict=True)):
        size = min(N_BACKGROUND, len(fold.train))
        background = X[rng.choice(fold.train, size, replace=False)]
        explained = attribute(model, X[fold.test], background, wavelengths)
        profiles.append(explained.profile(name, draw))
    return pd.concat(profiles, ignore_index=True)


def attribute(
    model: RegressorMixin, X: np.ndarray, background: np.ndarray, wavelengths: np.ndarray
) -> Attribution:
    """Credit of each band in a fitted model's predictions of ``X``, both reflectance."""
    if hasattr(model, "network_"):
        return replace(deep_shap(model.network_, X, background), wavelengths=wavelengths)
    inputs, base = absorbance(X.astype(float)), float(model.predict(background).mean())
    slopes = absorbance_coefficients(model, background)
    credit = (inputs - absorbance(background.astype(float)).mean(axis=0)) * slopes
    return Attribution("coefficients", wavelengths, credit, inputs, model.predict(X), base)


def strongest_bands(profiles: pd.DataFrame, n: int = 3) -> list[float]:
    """Find the highest peaks of a profile, averaged over draws, the highest first, in nm.

    Parameters
    ----------
    profiles : DataFrame
        ``wavelength``, ``mean_abs`` of one model, on an even grid.
    n : int
        At most so many. Peaks nearer than :data:`MIN_PEAK_DISTANCE` count as one.

    Examples
    --------
    >>> strongest_bands(pd.DataFrame({"wavelength": [500, 510, 520, 600, 700.0], "mean_abs": [1, 3, 1, 0, 2]}))
    [510.0, 700.0]
    """
    mean = profiles.groupby("wavelength")["mean_abs"].mean()
    step = float(np.median(np.diff(mean.index)))
    padded = np.concatenate([[0.0], mean.to_numpy(), [0.0]])  # a peak may stand at either end
    found = find_peaks(padded, distance=max(1, round(MIN_PEAK_DISTANCE / step)))[0] - 1
    return mean.iloc[found].sort_values(ascending=False, kind="stable").index[:n].astype(float).tolist()


#: What can become of a band, and when, said as a page says it.
OUTCOMES = {
    "retained": "both models use it, and its share of the credit is not shown to change",
    "adapted": "both models use it, and its share of the credit changes",
    "new": "only the second model uses it",
    "lost": "only the first model uses it",
    "unused": "neither model uses it",
    "undecided": "an interval reaches across the even share: these soils cannot tell",
}

#: Share left out for which the jackknife's interval is the plain spread of the draws.
_SAME_NETWORK = 0.5


def relative_attribution(bands: pd.DataFrame) -> pd.DataFrame:
    """Add the credit of each band relative to an even spread over the spectrum.

    Parameters
    ----------
    bands : DataFrame
        Tables of :meth:`soilpb.explain.attribution.Attribution.bands`, one (model, draw) or several.

    Returns
    -------
    DataFrame
        The same rows with a column ``relative``, whose mean over nanometres is 1.

    Examples
    --------
    >>> bands = pd.DataFrame({"start": [400, 500], "stop": [500, 700], "mean_abs": [1.0, 8.0]})
    >>> relative_attribution(bands.assign(model="m", draw=0))["relative"].round(2).tolist()
    [0.33, 1.33]
    """
    by_model = bands.assign(width=bands["stop"] - bands["start"]).groupby(["model", "draw"])
    even = by_model["mean_abs"].transform("sum") / by_model["width"].transform("sum")
    if not (even > 0).all():
        raise ValueError("a model has no credit at all: it ignores the spectrum, so no band has a share")
    return bands.assign(relative=bands["mean_abs"] / (bands["stop"] - bands["start"]) / even)


def compare_bands(
    bands: pd.DataFrame, before: str, after: str, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Class each band by what becomes of it from one model to the other.

    A model *uses* a band whose relative credit lies above 1 with its whole interval, and
    does not use one whose interval lies below 1. See :data:`OUTCOMES` for what follows.

    Parameters
    ----------
    bands : DataFrame
        Tables of :meth:`soilpb.explain.attribution.Attribution.bands` of both models, for the same
        soils and the same draws.
    before, after : str
        Names of the models.
    left_out : float
        Share of the soils that a draw's second model did not train on: 0.2 for five folds.
    level : float
        Coverage of each interval. With 40 bands some are wrong by chance.

    Returns
    -------
    DataFrame
        One row a band: ``start``, ``stop``; ``before``, ``after`` and ``change`` (their
        ratio), each with ``_low`` and ``_high``; ``outcome``.
    """
    log_credit = relative_attribution(bands).assign(log=lambda table: np.log(table["relative"]))
    wide = log_credit.pivot_table(index=["start", "stop"], columns=["model", "draw"], values="log")
    columns = {}
    for name, logs, share in (
        ("before", wide[before], _SAME_NETWORK),
        ("after", wide[after], left_out),
        ("change", wide[after] - wide[before], left_out),
    ):
        centre, half = logs.mean(axis=1), jackknife_half_width(logs.to_numpy(), share, level)
        columns |= {name: np.exp(centre), f"{name}_low": np.exp(centre - half)}
        columns[f"{name}_high"] = np.exp(centre + half)
    table = pd.DataFrame(columns).reset_index()
    return table.assign(outcome=[_outcome(row) for row in table.itertuples()])


def _outcome(row) -> str:
    before, after = _used(row.before_low, row.before_high), _used(row.after_low, row.after_high)
    if before is None or after is None:
        return "undecided"
    if before and after:
        return "retained" if row.change_low <= 1 <= row.change_high else "adapted"
    return {(False, True): "new", (True, False): "lost", (False, False): "unused"}[before, after]


def _used(low: float, high: float) -> bool | None:
    """Whether a band gets more than its even share; None if the interval does not tell."""
    return True if low > 1 else False if high < 1 else None


#: What the study says of wavelengths (He et al. 2025, abstract): nm, claim, citation key.
#: It names 919 and 959 nm as points; here they are 20 nm wide, two bands of the usual grid.
PUBLISHED_WINDOWS = pd.DataFrame(
    [
        (550.0, 750.0, "retained", "he2025"),
        (1600.0, 1700.0, "retained", "he2025"),
        (909.0, 929.0, "adapted", "he2025"),
        (949.0, 969.0, "adapted", "he2025"),
    ],
    columns=["start", "stop", "claim", "citation"],
)


def format_window(start: float, stop: float) -> str:
    """Name a window as a reader would.

    Examples
    --------
    >>> format_window(550, 750), format_window(1860, 1860)
    ('550–750 nm', '1860 nm')
    """
    return f"{start:g} nm" if start == stop else f"{start:g}–{stop:g} nm"


def compare_windows(
    profiles: pd.DataFrame, windows: pd.DataFrame, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Test for each window whether a model's credit is high there.

    Parameters
    ----------
    profiles : DataFrame
        ``draw``, ``wavelength``, ``mean_abs`` of one model, the same wavelengths in each draw.
    windows : DataFrame
        ``start`` and ``stop`` in nm, both inclusive; other columns are kept.
    left_out : float
        Share of the soils that a draw's model did not train on: 0.2 for five folds.
    level : float
        Coverage of the intervals.

    Returns
    -------
    DataFrame
        The windows with ``relative`` (credit relative to an even spread, 1; geometric mean
        over draws), ``low``, ``high``; ``p`` (share of all windows as wide, this one included,
        that carry at least as much credit) and ``p_holm`` (corrected for the number of windows tested).

    Raises
    ------
    ValueError
        If a window holds no band of the profile.
    """
    density = profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    density = density / density.mean()
    wavelengths = density.index.to_numpy(dtype=float)
    rows = []
    for window in windows.itertuples():
        inside = np.flatnonzero((wavelengths >= window.start) & (wavelengths <= window.stop))
        if not inside.size:
            raise ValueError(f"no band of the profile lies within {window.start:g}–{window.stop:g} nm")
        of_this_width = np.lib.stride_tricks.sliding_window_view(density.to_numpy(), inside.size, axis=0)
        # Credit is positive and its ratios count: means and intervals are those of logarithms.
        relative = np.log(of_this_width.mean(axis=-1))  # (n_windows, n_draws)
        here, everywhere = relative[inside[0]], relative.mean(axis=1)
        centre, half = here.mean(), jackknife_half_width(here, left_out, level)
        p = np.mean(everywhere >= centre - 1e-12)  # a window ties with itself, whatever the rounding
        rows.append((*np.exp([centre, centre - half, centre + half]), p))
    tested = pd.DataFrame(rows, columns=["relative", "low", "high", "p"], index=windows.index)
    return windows.join(tested.assign(p_holm=adjust_p_values(tested["p"])))
