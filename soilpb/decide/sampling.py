"""Which soils to send to the laboratory next, when all have a spectrum and few have a value.

Every method sees spectra only, never a laboratory value, and takes account of the soils that are
measured already:

``random``
    Any: what the others must beat.
``kennard_stone``
    Always the soil farthest from all chosen so far (Kennard & Stone 1969,
    doi 10.1080/00401706.1969.10490666).
``latin_hypercube``
    Chosen and measured soils together fill equally probable strata of every component, and
    keep the components' correlations (Minasny & McBratney 2006, doi 10.1016/j.cageo.2005.12.009).
``uncertainty``
    Always the soil whose value would reduce the variance of the predictions most, averaged over all
    soils (Cohn et al. 1996, arXiv:cs/9603104), for a linear model of the spectra: the variance
    does not depend on the values, so a whole batch can be chosen at once.

:func:`learning_curves` and :func:`soils_needed` test the choice where all values are known.
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
CUBE = 5
#: Predictions are accepted only among so many measured soils that as many wrong ones would be allowed.
FEWEST_WRONG = 5
SWAPS, START, COOLING = 4000, 1.0, 0.998


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
    """Choose the next soils to measure, by one of :data:`METHODS`.

    Parameters
    ----------
    F : (n_samples, n_features) array
        From :func:`spectral_features`, of all soils.
    n : int
        How many more; more than there are is a ValueError.
    measured : sequence of int
        Positions of the soils that have a value.
    seed : int
        Of the methods that draw lots.

    Returns
    -------
    (n,) int array of positions, none of them measured; the most useful first, where the method has
    an order.

    Examples
    --------
    >>> soils = np.array([[0.0], [1.0], [2.0], [9.0]])
    >>> choose_samples("kennard_stone", soils, 2, measured=[0])
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
    """From the measured soils on; without any, from the soil farthest from the mean."""
    start = F[known] if len(known) else F.mean(axis=0)[None]
    nearest = cdist(F[free], start).min(axis=1)
    chosen = []
    for _ in range(n):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, cdist(F[free], F[free[chosen[-1:]]])[:, 0])
        nearest[chosen] = -1
    return free[chosen]


def _hypercube(F: np.ndarray, known: np.ndarray, free: np.ndarray, n: int, rng: Generator) -> np.ndarray:
    """Simulated annealing: a chosen soil is exchanged for another where that fits better, or by chance."""
    total, cube = n + len(known), F[:, :CUBE]
    strata = _strata(cube, total)
    wanted = np.corrcoef(cube, rowvar=False)

    def misfit(chosen: np.ndarray) -> float:
        rows = np.concatenate([known, chosen])
        uneven = np.abs(_counts(strata[rows], total) - 1).sum()
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
    """Greedy: each choice reduces the posterior covariance of all soils' values by a rank of one."""
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


def _counts(strata: np.ndarray, n: int) -> np.ndarray:
    """How many soils lie in each stratum of each feature, (n_features · n,)."""
    offset = n * np.arange(strata.shape[1])
    return np.bincount((strata + offset).ravel(), minlength=n * strata.shape[1])


#: What :func:`choose_samples` can do, and what tables and figures call it.
METHODS: dict[str, Callable[..., np.ndarray]] = {
    "random": _random,
    "kennard_stone": _kennard_stone,
    "latin_hypercube": _hypercube,
    "uncertainty": _uncertainty,
}
NAMES = {
    "random": "random",
    "kennard_stone": "Kennard–Stone",
    "latin_hypercube": "Latin hypercube",
    "uncertainty": "uncertainty",
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

    The training soils of each fold are those to choose from, some of which, chosen at random, are
    measured already. All methods share both.

    Parameters
    ----------
    X, y : (n_samples, n_bands) and (n_samples,) arrays
        Reflectance, and the target on the modelling scale, of the samples ``sample_ids``.
    folds : DataFrame
        From :func:`soilpb.evaluate.splits.random_split`: one draw per repeat.
    sizes : sequence of int
        Numbers of measured soils, ascending; the first is the random start.
    methods : sequence of str
        Of :data:`METHODS`.
    groups : (n_samples,) array, optional
        Soils that the inner folds of PLS keep together.

    Returns
    -------
    DataFrame
        ``model`` (the method), ``draw``, ``n``, ``value``: the RMSE.
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
                rows.append((NAMES[method], fold.repeat, size, np.sqrt(np.mean(error**2))))
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

    Parameters
    ----------
    predicted : (n_new,) array
        Of soils without a value.
    known, measured : (n_samples,) arrays
        Of measured soils: predictions by models that had not seen them, and values; above 0.
    tolerance : float
        Largest error that is no harm, in the target's unit; a share of the prediction if ``relative``.
    rate : float
        Share of accepted predictions that may be off by more.

    Returns
    -------
    DataFrame
        ``risk`` and ``accepted``, a row per new soil; the others go to the laboratory.

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

    def allowed(values: np.ndarray) -> np.ndarray:
        return tolerance * values if relative else np.full(values.shape, float(tolerance))

    errors = np.abs(measured / known - 1)
    risk, of_known = (
        (errors * values[:, None] > allowed(values)[:, None]).mean(axis=1) for values in (predicted, known)
    )
    wrong, limit = np.abs(measured - known) > allowed(known), -np.inf
    for threshold in np.unique(of_known):
        below = of_known <= threshold
        if rate * below.sum() >= FEWEST_WRONG and (wrong[below].sum() + 1) / (below.sum() + 1) <= rate:
            limit = threshold
    return pd.DataFrame({"risk": risk, "accepted": risk <= limit})
