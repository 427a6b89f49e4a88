"""Which soils to send to the laboratory next, when all have a spectrum and few have a value.

Every method sees spectra only, never a laboratory value, and takes account of the soils that are measured
already. :func:`learning_curves` and :func:`soils_needed` test the choice where all values are known;
:func:`accept_predictions` says which predictions are good enough to spare the laboratory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.random import Generator
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA

from soilpb._format import track
from soilpb.evaluate import splits
from soilpb.models.inner_folds import fit_model
from soilpb.models.pls import PLSCV
from soilpb.models.preprocessing import derivative_pipeline

#: Noise beside the signal's variance that ``uncertainty`` assumes. It and the number of features were
#: settled on twins with seeds 100–111, none of which is used to measure anything.
NOISE = 0.02
#: Components that the Latin hypercube fills, exchanges that it tries, and how it cools.
CUBE, SWAPS, START, COOLING = 5, 4000, 1.0, 0.998
#: Predictions are accepted only among so many measured soils that as many wrong ones would be allowed.
FEWEST_WRONG = 5


def spectral_features(X: np.ndarray, n_components: int = 20) -> np.ndarray:
    """Principal component scores of derivative spectra, (n_samples, n_components).

    ``X`` is the reflectance of all soils, measured or not. Scores keep their spread: a component that
    hardly varies hardly counts in a distance.
    """
    spectra = derivative_pipeline().fit_transform(np.asarray(X, dtype=np.float64))
    n_components = min(n_components, len(X) - 1, X.shape[1])
    scores = PCA(n_components, svd_solver="full").fit_transform(spectra)
    return scores / scores[:, 0].std()


def choose_samples(
    method: str, F: np.ndarray, n: int, measured: Sequence[int] = (), seed: int = 0
) -> np.ndarray:
    """Choose the next ``n`` soils to measure, by one of :data:`METHODS`.

    ``F`` (n_samples, n_features) is from :func:`spectral_features`, of all soils; ``measured`` are positions
    of those that have a value. Returned are positions (n,) of others; the most useful first, where the method
    has an order. Another method, or more soils than there are, is a ValueError.

    Examples
    --------
    >>> soils = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> choose_samples("Kennard–Stone", soils, 2, measured=[0])
    array([3, 2])
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {', '.join(METHODS)}")
    F, measured = np.asarray(F, dtype=float), np.asarray(measured, dtype=int)
    free = np.setdiff1d(np.arange(len(F)), measured)
    if not 0 < n <= len(free):
        raise ValueError(f"asked for {n} soils; {len(free)} of {len(F)} are not measured yet")
    return METHODS[method](F, measured, free, n, np.random.default_rng(seed))


# Each method takes the features of all soils, positions of the measured and of the free ones, how many
# to choose, and a random generator.


def _random(F: np.ndarray, known: np.ndarray, free: np.ndarray, n: int, rng: Generator) -> np.ndarray:
    return rng.choice(free, n, replace=False)


def _kennard_stone(F: np.ndarray, known: np.ndarray, free: np.ndarray, n: int, rng: Generator) -> np.ndarray:
    """Always the soil farthest from all chosen (Kennard & Stone 1969, doi 10.1080/00401706.1969.10490666).

    It starts at the measured soils; without any, at the mean.
    """
    start = F[known] if len(known) else F.mean(axis=0)[None]
    nearest = cdist(F[free], start).min(axis=1)
    chosen = []
    for _ in range(n):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, cdist(F[free], F[free[chosen[-1:]]])[:, 0])
        nearest[chosen] = -1
    return free[chosen]


def _hypercube(F: np.ndarray, known: np.ndarray, free: np.ndarray, n: int, rng: Generator) -> np.ndarray:
    """Fill equally probable strata of each component, as often as they are correlated, by annealing.

    Measured soils count (Minasny & McBratney 2006, doi 10.1016/j.cageo.2005.12.009).
    """
    total, cube = n + len(known), F[:, :CUBE]
    cells = _strata(cube, total) + total * np.arange(cube.shape[1])
    wanted = np.corrcoef(cube, rowvar=False)

    def misfit(chosen: np.ndarray) -> float:
        rows = np.concatenate([known, chosen])
        uneven = np.abs(np.bincount(cells[rows].ravel(), minlength=total * cube.shape[1]) - 1).sum()
        if wanted.ndim == 0 or total < 3:
            return float(uneven)
        return float(uneven + np.abs(np.corrcoef(cube[rows], rowvar=False) - wanted).sum())

    order = rng.permutation(free)
    chosen, spare = order[:n], order[n:]
    best, least = chosen.copy(), misfit(chosen)
    now, temperature = least, START
    for _ in range(SWAPS if len(spare) else 0):
        i, j = rng.integers(n), rng.integers(len(spare))
        chosen[i], spare[j] = spare[j], chosen[i]
        new = misfit(chosen)
        if new <= now or rng.random() < np.exp((now - new) / temperature):
            now = new
            if now < least:
                best, least = chosen.copy(), now
        else:
            chosen[i], spare[j] = spare[j], chosen[i]
        temperature *= COOLING
    return best


def _uncertainty(F: np.ndarray, known: np.ndarray, free: np.ndarray, n: int, rng: Generator) -> np.ndarray:
    """Always the soil whose value would reduce the variance of all predictions most (Cohn et al. 1996).

    arXiv:cs/9603104. The variance of a linear model does not depend on values, so a batch can be chosen.
    """
    centred = F - F.mean(axis=0)
    covariance = centred @ centred.T
    covariance += covariance.trace() / len(covariance)  # the unknown mean
    noise = NOISE * covariance.trace() / len(covariance)
    for row in known:
        covariance = _condition(covariance, row, noise)
    chosen = []
    for _ in range(n):
        left = np.setdiff1d(free, chosen)
        gain = (covariance[:, left] ** 2).sum(axis=0) / (covariance[left, left] + noise)
        chosen.append(int(left[gain.argmax()]))
        covariance = _condition(covariance, chosen[-1], noise)
    return np.array(chosen)


def _condition(covariance: np.ndarray, row: int, noise: float) -> np.ndarray:
    """Covariance of all values once one of them is measured, with noise."""
    column = covariance[:, row]
    return covariance - np.outer(column, column) / (column[row] + noise)


def _strata(F: np.ndarray, n: int) -> np.ndarray:
    """Stratum of each soil in each feature, (n_samples, n_features), of ``n`` equally probable ones."""
    rank = F.argsort(axis=0).argsort(axis=0)
    return rank * n // len(F)


#: What :func:`choose_samples` can do, by the names of tables and figures.
METHODS: dict[str, Callable[..., np.ndarray]] = {
    "random": _random,
    "Kennard–Stone": _kennard_stone,
    "Latin hypercube": _hypercube,
    "uncertainty": _uncertainty,
}


def learning_curves(
    X: np.ndarray,
    y: np.ndarray,
    folds: pd.DataFrame,
    sizes: Sequence[int],
    sample_ids: Sequence,
    seed: int = 0,
    methods: Sequence[str] = tuple(METHODS),
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Measure soils in the order each method chooses, and score PLS on soils set aside.

    The training soils of each fold of ``folds`` (one draw per repeat, as of
    :func:`soilpb.evaluate.splits.random_split`) are those to choose from. Some of them, chosen at random, are
    measured already: as many as the first of the ascending ``sizes``. All methods share them. ``X`` is
    reflectance and ``y`` the target on the modelling scale of the samples ``sample_ids``; inner folds of PLS
    keep ``groups`` together. The table has ``model`` (the method), ``draw``, ``n``, ``value``: the RMSE.
    """
    rows, ids = [], np.asarray(sample_ids)
    splits.validate_folds(folds, ids)
    if (fewest := int(splits.count_training_rows(folds).min())) < max(sizes):
        raise ValueError(f"{fewest} soils are left to choose {max(sizes)} from: ask for fewer")
    for fold in track(list(splits.iterate_folds(folds, ids)), "choosing soils"):
        F = spectral_features(X[fold.train])
        start = np.random.default_rng([seed, fold.repeat]).choice(len(F), sizes[0], replace=False)
        for method in methods:
            measured = start
            for size in sizes:
                if size > len(measured):
                    more = choose_samples(method, F, size - len(measured), measured, seed + fold.repeat)
                    measured = np.concatenate([measured, more])
                model = fit_model(PLSCV(seed=seed), X, y, groups, fold.train[measured])
                error = model.predict(X[fold.test]) - y[fold.test]
                rows.append((method, fold.repeat, size, np.sqrt(np.mean(error**2))))
    return pd.DataFrame(rows, columns=["model", "draw", "n", "value"])


def soils_needed(curves: pd.DataFrame) -> pd.Series:
    """How many soils each method needs for the mean error that random choices end with.

    From :func:`learning_curves`. Infinite where the error is not reached; between sizes errors are
    interpolated, and a rise, which is chance, is ignored.
    """
    mean = curves.pivot_table("value", "model", "n", sort=False)
    goal = mean.loc["random"].iloc[-1]
    falling = mean.drop(index="random").cummin(axis=1)
    needed = {name: np.interp(-goal, -row, row.index, right=np.inf) for name, row in falling.iterrows()}
    return pd.Series({"random": float(mean.columns[-1]), **needed}, name="soils")


def accept_predictions(
    predicted: np.ndarray,
    known: np.ndarray,
    measured: np.ndarray,
    tolerance: float,
    rate: float,
    *,
    relative: bool = False,
) -> pd.DataFrame:
    """Accept predictions of which at most a share is expected to be off by more than a tolerance.

    A soil's risk is the share of the measured soils' errors, as ratios, that would take its prediction beyond
    the tolerance. Of all thresholds on the risk, the highest is taken below which ``(wrong + 1) / (n + 1)``
    of the measured soils is at most ``rate`` (conformal risk control: Angelopoulos et al. 2024,
    arXiv:2208.02814), and below which so many soils lie that :data:`FEWEST_WRONG` wrong ones would be
    allowed: of fewer, some look good by chance. New soils must be like the measured.

    ``predicted`` (n_new,) are of soils without a value; ``known`` and ``measured`` (n_samples,), above 0, are
    predictions of measured soils by models that had not seen them, and their values. The ``tolerance`` is in
    the target's unit, or a share of the prediction if ``relative``. The table has ``risk`` and ``accepted``,
    a row per new soil; the others go to the laboratory.

    Examples
    --------
    >>> known = np.arange(1.0, 201)
    >>> measured = known * np.where(known % 2, 1.1, 0.9)
    >>> accept_predictions(np.array([5.0, 150.0]), known, measured, 8, 0.1)["accepted"].tolist()
    [True, False]
    """
    if not tolerance > 0 or not 0 < rate < 1:
        raise ValueError(
            f"tolerance is {tolerance}, rate is {rate}; expected an error above 0, a share below 1"
        )
    predicted, known, measured = (np.asarray(v, dtype=float) for v in (predicted, known, measured))
    usable = np.isfinite(known + measured) & (known > 0)
    known, measured = known[usable], measured[usable]

    errors = np.abs(measured / known - 1)

    def beyond(values: np.ndarray, off: np.ndarray) -> np.ndarray:
        return off > (tolerance * values if relative else tolerance)

    risk, of_known = (beyond(v[:, None], errors * v[:, None]).mean(axis=1) for v in (predicted, known))
    soils = (
        pd.DataFrame({"n": 1, "wrong": beyond(known, np.abs(measured - known))})
        .groupby(of_known)
        .sum()
        .cumsum()
    )
    allowed = (rate * soils["n"] >= FEWEST_WRONG) & ((soils["wrong"] + 1) / (soils["n"] + 1) <= rate)
    limit = allowed.index[allowed].max() if allowed.any() else -np.inf
    return pd.DataFrame({"risk": risk, "accepted": risk <= limit})
