"""Checks that an explanation must pass before its wavelengths are believed.

The first part makes experiments in which something is known about the outcome: weights at random, targets
permuted, bands taken away. The second decides each statement: it ``holds`` or ``fails`` if its whole interval
lies on one side of a threshold that is stated with the test; ``undecided``: these soils cannot tell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import combinations, product
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from soilpb._format import to_words, track
from soilpb.explain.attribution import ADDITIVITY_TOLERANCE, Attribution, band_members, tabulate
from soilpb.explain.bands import format_window, jackknife_half_width, relative_attribution
from soilpb.explain.network_attribution import ExplainableNetwork, deep_lift_shap
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import reproducible
from soilpb.simulate.minerals import MIXTURES

#: Intervals over draws run between these quantiles.
QUANTILES = (0.05, 0.95)
#: Level below which a p-value counts.
SIGNIFICANT = 0.05

Word = Literal["holds", "fails", "undecided"]


class Verdict(NamedTuple):
    """One row of the table of verdicts."""

    statement: str
    test: str
    statistic: float
    low: float
    high: float
    verdict: Word


def profile_random_networks(
    network: SpectralNetwork, X: np.ndarray, background: np.ndarray, n_draws: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Profiles of networks of the same shape and scales whose weights were never trained.

    An explanation that looks the same for them shows nothing that was learned (Adebayo et al. 2018,
    arXiv:1810.03292). ``X`` and ``background`` are reflectance.
    """
    shape = (network.wavelengths, network.properties, network.network.config)
    untrained = [SpectralNetwork.random(X, *shape, seed + draw).network for draw in range(n_draws)]
    explained = [deep_lift_shap(replace(network, network=each), X, background) for each in untrained]
    return tabulate({"random weights": explained})


@reproducible(seed=0)
def mask_bands(
    network: SpectralNetwork,
    X: np.ndarray,
    background: np.ndarray,
    bands: pd.DataFrame,
    n_random: int = 20,
    seed: int = 0,
) -> pd.DataFrame:
    """Mask bands one by one, the strongest first or at random, and measure how far predictions move.

    ``bands`` (``start``, ``stop``, ``mean_abs``) are contiguous and of equal width; masked, they are averaged
    over the ``background``. The table has ``curve`` (``deletion`` from the whole spectrum, ``insertion`` into
    none), ``order`` (``attribution`` or ``random``), ``draw``, ``share`` of bands handled, ``moved`` (root
    mean square distance from the prediction with all bands, in standard deviations of the predictions).
    Sources: Samek et al. (2017), IEEE Trans. Neural Netw. Learn. Syst. 28:2660; Petsiuk et al. (2018).
    """
    copied = ExplainableNetwork.prepare(network, X, background)
    edges = np.append(bands["start"].to_numpy(), bands["stop"].iloc[-1])
    members = band_members(network.wavelengths, edges)
    rng = np.random.default_rng(seed)
    strongest_first = np.argsort(-bands["mean_abs"].to_numpy(), kind="stable")
    orders = [("attribution", 0, strongest_first)]
    orders += [("random", draw, rng.permutation(len(bands))) for draw in range(n_random)]
    whole = copied.predict(copied.inputs)
    rows = []
    for name, draw, order in track(orders, "masking bands"):
        for handled in range(len(bands) + 1):
            given = members[order[:handled]].any(axis=0)
            for curve, known in (("deletion", ~given), ("insertion", given)):
                moved = np.sqrt(np.mean((copied.expect(known) - whole) ** 2)) / whole.std()
                rows.append((curve, name, draw, handled / len(bands), moved))
    return pd.DataFrame(rows, columns=["curve", "order", "draw", "share", "moved"])


def compare_with_permuted_targets(
    explain: Callable[[np.ndarray], pd.DataFrame],
    y: np.ndarray,
    n_permutations: int = 39,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> pd.DataFrame:
    """Compare the attribution of each band with that in models of permuted targets.

    Bands that vary much, or that a model's source relied on, get attributions whatever it is trained on. The
    test is over all bands at once (largest deviation; Westfall & Young 1993), its smallest p-value
    ``1 / (n_permutations + 1)``. ``explain`` takes a target (n_samples,), fits a model to it and returns its
    bands (``start``, ``stop``, ``mean_abs``); whole ``groups`` (n_samples,) trade their values. The table has
    ``start``, ``stop``; ``relative`` (attribution relative to an even spread), ``chance`` (the same, typical
    of permuted targets), ``z`` (their distance on a logarithmic scale in standard deviations) and ``p``.
    """
    rng = np.random.default_rng(seed)
    targets = [y, *(_permute(y, groups, rng) for _ in range(n_permutations))]
    explained = [
        explain(target).assign(model="", draw=i) for i, target in enumerate(track(targets, "permuting"))
    ]
    bands = relative_attribution(pd.concat(explained, ignore_index=True))
    logs = np.log(bands.pivot_table(index=["start", "stop"], columns="draw", values="relative"))
    values = logs.to_numpy()
    # the measured target is one of the exchangeable draws: it belongs into mean and spread
    z = (values - values.mean(axis=1, keepdims=True)) / values.std(axis=1, keepdims=True)
    p = np.mean(z.max(axis=0) >= z[:, :1] * (1 - 1e-12), axis=1)
    table = pd.DataFrame({"relative": np.exp(values[:, 0]), "chance": np.exp(values[:, 1:].mean(axis=1))})
    return table.assign(z=z[:, 0], p=p).set_index(logs.index).reset_index()


def _permute(y: np.ndarray, groups: np.ndarray | None, rng: np.random.Generator) -> np.ndarray:
    """Permute values; of groups, whole groups trade places, so that their soils stay alike."""
    groups = np.arange(len(y)) if groups is None else groups
    rows = [np.flatnonzero(groups == group) for group in pd.unique(groups)]
    permuted = np.empty_like(y)
    permuted[np.concatenate(rows)] = y[np.concatenate([rows[i] for i in rng.permutation(len(rows))])]
    return permuted


def check_additivity(explained: Iterable[Attribution]) -> Verdict:
    """Decide whether attributions add up to the predictions in every explanation."""
    errors = [attribution.additivity_error for attribution in explained]
    word: Word = "holds" if max(errors) <= ADDITIVITY_TOLERANCE else "fails"
    test = f"largest gap ≤ {ADDITIVITY_TOLERANCE:g} sd of the predictions"
    return Verdict(
        "Attributions add up to the predictions", test, max(errors), min(errors), max(errors), word
    )


def check_agreement(first: Attribution, second: Attribution, threshold: float) -> Verdict:
    """Decide whether two explainers rank the bands alike, soil by soil."""
    rho = _spearman(zip(first.attributions, second.attributions, strict=True))
    statement = f"{first.explainer} and {second.explainer} agree"
    return _judge(statement, f"Spearman of a soil's attributions ≥ {threshold:g}", rho, threshold)


def check_stability(profiles: pd.DataFrame, changed: str, threshold: float = 0.8) -> Verdict:
    """Decide whether the profiles of all draws are the same, whatever was ``changed`` between them."""
    rho = _spearman(combinations(_by_draw(profiles), 2))
    statement = f"{changed[0].upper()}{changed[1:]} gives the same profile"
    return _judge(statement, f"Spearman of two draws ≥ {threshold:g}", rho, threshold)


def check_randomisation(profiles: pd.DataFrame, untrained: pd.DataFrame) -> Verdict:
    """Decide whether a profile shows what was learned (Adebayo et al. 2018).

    It does if it resembles ``untrained`` ones less than its draws resemble each other.
    """
    trained = _by_draw(profiles)
    threshold = np.median(_spearman(combinations(trained, 2)))
    test = f"Spearman with untrained networks < {threshold:.2f}, that among draws"
    rho = _spearman(product(trained, _by_draw(untrained)))
    found = _judge("The profile shows what was learned", test, rho, threshold)
    opposite: dict[Word, Word] = {"holds": "fails", "fails": "holds", "undecided": "undecided"}
    return found._replace(verdict=opposite[found.verdict])


def check_masking(curves: pd.DataFrame) -> list[Verdict]:
    """Decide from :func:`mask_bands` whether strong bands move predictions more than random ones."""
    verdicts = []
    for curve, sign, statement in (
        ("deletion", 1, "Taking the strongest bands away moves predictions more than random bands"),
        ("insertion", -1, "Giving the strongest bands back restores predictions faster than random bands"),
    ):
        table = curves[curves["curve"] == curve].pivot_table("moved", "share", ["order", "draw"])
        areas = pd.Series(np.trapezoid(table, table.index, axis=0), index=table.columns)
        lead = sign * (areas["attribution"].item() - areas["random"].to_numpy())
        verdicts.append(_judge(statement, "area between the curves > 0 sd", lead, 0.0))
    return verdicts


def check_windows(tested: pd.DataFrame, model: str) -> list[Verdict]:
    """Decide for each window of :func:`soilpb.explain.bands.compare_windows` whether the model uses it.

    Any of those named beforehand must also stand out among windows as wide; :func:`true_windows`, which have
    a ``driver``, need not.
    """
    verdicts = []
    for row in tested.itertuples():
        statement = f"{model} uses {format_window(row.start, row.stop)}"
        if "driver" in tested:
            statement += f", where {to_words(row.driver)} truly acts"
            test, word = "attribution per nm ≥ 1 (even)", decide(row.low, row.high, 1.0)
        else:
            test = (
                f"attribution per nm > 1; Holm's p < {SIGNIFICANT:g} among windows as wide: {row.p_holm:.2f}"
            )
            holds = row.low > 1 and row.p_holm < SIGNIFICANT  # too large a p refutes nothing
            word = "holds" if holds else "fails" if row.high < 1 else "undecided"
        verdicts.append(Verdict(statement, test, row.relative, row.low, row.high, word))
    return verdicts


def check_beyond_chance(found: pd.DataFrame, model: str) -> list[Verdict]:
    """Name the bands that :func:`compare_with_permuted_targets` found; one verdict if there is none."""
    test = f"attribution per nm against permuted targets, p < {SIGNIFICANT:g} over all bands"
    bands = found[found["p"] < SIGNIFICANT]
    named = [(format_window(b.start, b.stop), b.z, "holds") for b in bands.itertuples()]
    none = [("some band", found.loc[found["p"].idxmin(), "z"], "undecided")]
    return [
        Verdict(f"{model} uses {what} beyond chance", test, z, np.nan, np.nan, word)
        for what, z, word in named or none
    ]


def check_ranking(profiles: pd.DataFrame, response: pd.DataFrame, model: str, left_out: float) -> Verdict:
    """Decide whether attributions rank wavelengths as the truth does.

    ``response`` is that of :func:`soilpb.simulate.twin.true_response` for what the model sees, on the same
    wavelengths.
    """
    draws = profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    truth = true_profile(response).loc[draws.index]
    rho = _spearman((truth, draw) for _, draw in draws.items())
    mean, half = float(rho.mean()), float(jackknife_half_width(rho, left_out))
    statement = f"Attributions of {model} rank wavelengths as the true response does"
    interval = (mean, mean - half, mean + half)
    return Verdict(statement, "Spearman over wavelengths ≥ 0.5", *interval, decide(*interval[1:], 0.5))


def true_profile(response: pd.DataFrame) -> pd.Series:
    """Size of :func:`soilpb.simulate.twin.true_response` by wavelength, 1 on average."""
    whole = response.query("constituent == 'all'").set_index("wavelength")["response"].abs()
    return whole / whole.mean()


def true_windows(response: pd.DataFrame) -> pd.DataFrame:
    """Windows in which the true response exceeds an even spread, and what acts there.

    Neighbouring wavelengths with one ``driver`` (the constituent that responds most, minerals of one kind
    taken together) make one window: ``start``, ``stop`` (nm, both inclusive), ``true`` (mean response).
    """
    profile = true_profile(response)
    kinds = {member: mixture for mixture, members in MIXTURES.items() for member in members}
    parts = response.query("constituent != 'all'")
    parts = parts.assign(driver=parts["constituent"].replace(kinds))
    responses = parts.pivot_table("response", "wavelength", "driver", aggfunc="sum")
    driver = responses.abs().idxmax(axis=1).where(profile > 1, "")
    runs = profile.groupby((driver != driver.shift()).cumsum())
    rows = [(run.index[0], run.index[-1], run.mean(), driver[run.index[0]]) for _, run in runs]
    table = pd.DataFrame(rows, columns=["start", "stop", "true", "driver"])
    return table[table["driver"] != ""].reset_index(drop=True)


def decide(low: float, high: float, threshold: float) -> Word:
    """Say whether an interval lies above a threshold, below it, or across it.

    Examples
    --------
    >>> decide(0.7, 0.9, threshold=0.8)
    'undecided'
    """
    return "holds" if low >= threshold else "fails" if high < threshold else "undecided"


def _judge(statement: str, test: str, values: np.ndarray, threshold: float) -> Verdict:
    """Median of values over draws, interval between the quantiles, and what they say of the threshold."""
    low, high = (float(end) for end in np.quantile(values, QUANTILES))
    return Verdict(statement, test, float(np.median(values)), low, high, decide(low, high, threshold))


def _by_draw(profiles: pd.DataFrame) -> np.ndarray:
    """Profiles one below the other, (n_draws, n_bands)."""
    return profiles.pivot_table(index="draw", columns="wavelength", values="mean_abs").to_numpy()


def _spearman(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Rank correlation of each pair, (n_pairs,)."""
    return np.array([spearmanr(a, b).statistic for a, b in pairs])
