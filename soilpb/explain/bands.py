"""Which bands a model uses, what transfer did to them, and whether named wavelengths matter.

A model is explained on soils it has not seen, fold by fold; each fold is a *draw*. Attributions of two models
have two units. What can be compared is the *relative* attribution: per nanometre, divided by what an even
spread over the spectrum would give (1: the even share).
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
from soilpb.explain.attribution import Attribution, attribute_by_coefficients, tabulate
from soilpb.explain.network_attribution import deep_shap
from soilpb.models.inner_folds import fit_model

#: Coverage of every interval.
LEVEL = 0.9
#: Training soils of a fold that stand for "spectrum unknown".
N_BACKGROUND = 20
#: Peaks nearer to each other than this, in nm, count as one.
MIN_PEAK_DISTANCE = 60.0

#: What can become of a band from one model to the next, and when.
OUTCOMES = {
    "retained": "both models use it, and its share of the attribution is not shown to change",
    "adapted": "both models use it, and its share of the attribution changes",
    "new": "only the second model uses it",
    "lost": "only the first model uses it",
    "unused": "neither model uses it",
    "undecided": "an interval reaches across the even share: these soils cannot tell",
}

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

#: Share left out for which the jackknife's interval is the plain spread of the draws.
_SAME_NETWORK = 0.5


def fit_by_fold(
    model: RegressorMixin,
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sample_ids: Sequence,
    groups: np.ndarray | None = None,
) -> list[RegressorMixin]:
    """Fit clones of a model, one per fold of ``folds``, to reflectance and target of its training soils.

    ``sample_ids`` are what ``folds`` names, and ``groups`` what the model's inner folds keep together.
    """
    rows = splits.iterate_folds(folds, sample_ids)
    return [fit_model(clone(model), X, y, groups, fold.train) for fold in rows]


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

    ``fitted`` is of :func:`fit_by_fold`, with the same soils and folds; ``seed`` chooses the background among
    a fold's training soils. Profiles as of :meth:`~soilpb.explain.attribution.Attribution.profile`.
    """
    rng = np.random.default_rng(seed)
    explained = []
    for model, fold in zip(fitted, splits.iterate_folds(folds, sample_ids), strict=True):
        background = X[rng.choice(fold.train, min(N_BACKGROUND, len(fold.train)), replace=False)]
        explained.append(attribute(model, X[fold.test], background, wavelengths))
    return tabulate({name: explained})


def attribute(
    model: RegressorMixin, X: np.ndarray, background: np.ndarray, wavelengths: np.ndarray
) -> Attribution:
    """Attribute a fitted model's predictions of ``X`` to bands: by SHAP if it ends in a ``network_``.

    Any other model is asked how its prediction changes with absorbance
    (:func:`soilpb.explain.attribution.attribute_by_coefficients`). ``X`` and ``background`` are reflectance.
    """
    if hasattr(model, "network_"):
        return replace(deep_shap(model.network_, X, background), wavelengths=wavelengths)
    return attribute_by_coefficients(model, X, background, wavelengths)


def strongest_bands(profiles: pd.DataFrame, n: int = 3) -> list[float]:
    """Find the (at most ``n``) highest peaks of a profile, averaged over draws, the highest first, in nm.

    ``profiles`` are those of one model, on an even grid; near peaks count as one.

    Examples
    --------
    >>> profile = pd.DataFrame({"wavelength": [500, 510, 520, 600, 700.0], "mean_abs": [1, 3, 1, 0, 2]})
    >>> strongest_bands(profile)
    [510.0, 700.0]
    """
    mean = profiles.groupby("wavelength")["mean_abs"].mean()
    step = float(np.median(np.diff(mean.index)))
    padded = np.concatenate([[0.0], mean.to_numpy(), [0.0]])  # a peak may stand at either end
    found = find_peaks(padded, distance=max(1, round(MIN_PEAK_DISTANCE / step)))[0] - 1
    return mean.iloc[found].sort_values(ascending=False, kind="stable").index[:n].astype(float).tolist()


def jackknife_half_width(statistics: np.ndarray, left_out: float) -> np.ndarray:
    """Half width (...) of the 90 % interval of a statistic (..., n_draws), of one or more repeats of folds.

    ``left_out`` is the share of the soils that each fold leaves out, such as 0.2. Folds share most of their
    soils, so their spread is scaled up: by the delete-d jackknife the variance is that of the folds times
    ``(1 − share) / share`` (Shao & Wu 1989, Annals of Statistics 17:1176).

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
    return norm.ppf((1 + LEVEL) / 2) * np.sqrt(variance)


def jackknife_intervals(table: pd.DataFrame, by: Sequence[str], value: str, left_out: float) -> pd.DataFrame:
    """Mean and 90 % interval (``low``, ``high``) of the column ``value`` over the draws of a tidy table.

    The columns ``by`` tell one statistic from another; several rows of one draw are averaged first.
    """
    draws = table.pivot_table(index=list(by), columns="draw", values=value, sort=False)
    mean, half = draws.mean(axis=1), jackknife_half_width(draws.to_numpy(), left_out)
    return pd.DataFrame({value: mean, "low": mean - half, "high": mean + half}).reset_index()


def relative_attribution(bands: pd.DataFrame) -> pd.DataFrame:
    """Add a column ``relative``: attribution of each band relative to an even spread (1) over the spectrum.

    Examples
    --------
    >>> bands = pd.DataFrame({"start": [400, 500], "stop": [500, 700], "mean_abs": [1.0, 8.0]})
    >>> relative_attribution(bands.assign(model="m", draw=0))["relative"].round(2).tolist()
    [0.33, 1.33]
    """
    by_model = bands.assign(width=bands["stop"] - bands["start"]).groupby(["model", "draw"])
    even = by_model["mean_abs"].transform("sum") / by_model["width"].transform("sum")
    if not (even > 0).all():
        raise ValueError("a model has no attribution at all: it ignores the spectrum, so no band has a share")
    return bands.assign(relative=bands["mean_abs"] / (bands["stop"] - bands["start"]) / even)


def compare_bands(bands: pd.DataFrame, before: str, after: str, left_out: float) -> pd.DataFrame:
    """Class each band by what becomes of it from one model to the other.

    A model *uses* a band whose relative attribution lies above 1 with its whole interval, and does not
    use one whose interval lies below 1. The second model is trained anew in each draw, so its intervals are
    the jackknife's; the first is one network, whose draws differ in their background alone. ``bands`` are
    from :meth:`soilpb.explain.attribution.Attribution.bands`, of both, for the same draws. The table has
    ``start``, ``stop``; ``before``, ``after`` and ``change`` (their ratio), each with ``_low`` and
    ``_high``; ``outcome``, of :data:`OUTCOMES`.
    """
    logs = relative_attribution(bands).assign(log=lambda table: np.log(table["relative"]))
    wide = logs.pivot_table(index=["start", "stop"], columns=["model", "draw"], values="log")
    columns = {}
    for name, values, share in (
        ("before", wide[before], _SAME_NETWORK),
        ("after", wide[after], left_out),
        ("change", wide[after] - wide[before], left_out),
    ):
        centre, half = values.mean(axis=1), jackknife_half_width(values.to_numpy(), share)
        columns |= {name: np.exp(centre), f"{name}_low": np.exp(centre - half)}
        columns[f"{name}_high"] = np.exp(centre + half)
    table = pd.DataFrame(columns).reset_index()
    return table.assign(outcome=[_outcome(row) for row in table.itertuples()])


def _outcome(row) -> str:
    if row.before_low <= 1 <= row.before_high or row.after_low <= 1 <= row.after_high:
        return "undecided"
    before, after = row.before_low > 1, row.after_low > 1
    if before and after:
        return "retained" if row.change_low <= 1 <= row.change_high else "adapted"
    return {(False, True): "new", (True, False): "lost", (False, False): "unused"}[before, after]


def format_window(start: float, stop: float) -> str:
    """Write a window of wavelengths.

    Examples
    --------
    >>> format_window(550, 750), format_window(1860, 1860)
    ('550–750 nm', '1860 nm')
    """
    return f"{start:g} nm" if start == stop else f"{start:g}–{stop:g} nm"


def compare_windows(profiles: pd.DataFrame, windows: pd.DataFrame, left_out: float) -> pd.DataFrame:
    """Compare the attribution of windows named beforehand with that of all windows as wide.

    Any profile has peaks, and any list of wavelengths hits some of them. A named window says something only
    if few windows of its width get as much. ``windows`` have ``start`` and ``stop`` in nm, both inclusive;
    one without a band is a ValueError. They are returned with ``relative`` (attribution relative to an even
    spread; geometric mean over draws), ``low``, ``high``; ``p`` (share of all windows as wide, this one
    included, that get at least as much) and ``p_holm`` (corrected for the number of windows tested).
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
        # Attributions are positive and their ratios count: means and intervals are those of logarithms.
        relative = np.log(of_this_width.mean(axis=-1))  # (n_windows, n_draws)
        here, everywhere = relative[inside[0]], relative.mean(axis=1)
        centre, half = here.mean(), jackknife_half_width(here, left_out)
        p = np.mean(everywhere >= centre - 1e-12)  # a window ties with itself, whatever the rounding
        rows.append((*np.exp([centre, centre - half, centre + half]), p))
    tested = pd.DataFrame(rows, columns=["relative", "low", "high", "p"], index=windows.index)
    return windows.join(tested.assign(p_holm=adjust_p_values(tested["p"])))
