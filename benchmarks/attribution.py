"""What each explainer costs, and how far it agrees with DeepExplainer, in one run.

    python benchmarks/attribution.py [--soils 130] [--background 20] [--csv results/attribution.csv]

130 simulated soils at 210 and at 2,100 bands, explained by one network each. Agreement is
Spearman's correlation of mean absolute attribution, by wavelength and by bands of 100 nm.

    python benchmarks/attribution.py --planted results/planted_bands.csv

The planted-band contest: twins in which lead itself absorbs at 1000 nm, of four strengths (0: not at all),
of seeds 9000 on. PLS on derivatives of 130 soils; which of 21 zones of 100 nm has most credit, by
wavelengths, by zones (interventional and conditional Shapley values) and by components mapped back; and
whether the tests of chapter 5 name the planted band: their positive controls; strength 0 is the negative one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from soilpb.evaluate import splits
from soilpb.explain import network_attribution
from soilpb.explain.attribution import (
    Attribution,
    attribute_by_coefficients,
    attribute_components,
    attribute_zones,
)
from soilpb.explain.bands import attribute_by_fold, compare_windows, fit_by_fold
from soilpb.explain.sanity_checks import check_windows, compare_with_permuted_targets
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRIDS = {210: band_grid(400, 2490, 10), 2_100: band_grid(400, 2499, 1)}
EDGES = np.arange(400.0, 2501.0, 100.0)
#: Where lead itself absorbs: centre and width in nm; its strengths; and zones that have it in the middle.
PLANTED, STRENGTHS, ZONES = (1000.0, 15.0), (0.0, 0.01, 0.03, 0.1), np.arange(350.0, 2551.0, 100.0)
COARSE = band_grid(400, 2490, 20)


def benchmark(n_bands: int, n_soils: int, n_background: int, seed: int = 0) -> pd.DataFrame:
    """Time every explainer on the same soils; one row each.

    CPU seconds on one thread: what else the machine does is not measured.
    """
    network = train(n_bands, seed)
    soils = twin.simulate_target(n_soils, seed=seed, grid=GRIDS[n_bands])
    X, background = soils.reflectance, soils.reflectance[:: max(1, n_soils // n_background)][:n_background]
    pls = PLSCV().fit(X, soils.values("pH"))
    explainers: dict[str, Callable[[], Attribution]] = {
        "DeepExplainer": lambda: network_attribution.deep_shap(network, X, background),
        "DeepLiftShap": lambda: network_attribution.deep_lift_shap(network, X, background),
        "IntegratedGradients": lambda: network_attribution.integrated_gradients(network, X, background),
        "PLS, exact": lambda: attribute_by_coefficients(pls, X, background, GRIDS[n_bands]),
    }
    for warm_up in (
        network_attribution.deep_shap,
        network_attribution.deep_lift_shap,
        network_attribution.integrated_gradients,
    ):
        warm_up(network, X[:3], background)  # imports are not the algorithm
    rows, reference = [], None
    for name, explain in explainers.items():
        start = time.process_time()
        explained = explain()
        seconds = time.process_time() - start
        reference = reference or explained
        rows.append(
            {
                "bands": n_bands,
                "explainer": name,
                "CPU s": seconds,
                "additivity": explained.additivity_error,
                "rho wavelengths": agreement(explained, reference, GRIDS[n_bands]),
                "rho 100 nm": agreement(explained, reference, EDGES),
            }
        )
    return pd.DataFrame(rows)


def find_planted(seed: int, strength: float) -> list[tuple]:
    """Rank of the planted zone (1: most credit) by each way of attribution, and whether tests name it."""
    direct = (*PLANTED, strength) if strength else None
    soils = twin.simulate_target(130, seed=seed, grid=COARSE, direct_band=direct)
    X, y = soils.reflectance, np.log(soils.values("Pb_mg_kg"))
    model = PLSCV(max_components=10).fit(X, y)
    asked = (model, X, X, COARSE)
    explained = {
        "wavelengths": attribute_by_coefficients(*asked),
        "components, mapped back": attribute_components(*asked),
        "zones, interventional": attribute_by_coefficients(*asked),
        "zones, conditional": attribute_zones(*asked, ZONES),
    }
    zone, rows = int(np.searchsorted(ZONES, PLANTED[0]) - 1), []
    for way, found in explained.items():
        by_band = way[:5] != "zones"
        table = found.profile("") if by_band else found.bands(ZONES, "")
        sizes = table["mean_abs"].to_numpy()
        if by_band:  # the highest wavelength of each zone
            inside = np.digitize(COARSE, ZONES) - 1
            sizes = (
                pd.Series(sizes).groupby(inside).max().reindex(range(len(ZONES) - 1), fill_value=0).to_numpy()
            )
        rows.append((seed, strength, way, int((sizes > sizes[zone]).sum()) + 1))
    folds = splits.repeated_kfold(soils.samples.index, 5, 1, seed)
    fitted = fit_by_fold(PLSCV(max_components=10), X, y, folds, soils.samples.index)
    profiles = attribute_by_fold("PLS", fitted, X, folds, soils.samples.index, COARSE)
    window = pd.DataFrame({"start": [PLANTED[0] - PLANTED[1]], "stop": [PLANTED[0] + PLANTED[1]]})
    named = check_windows(compare_windows(profiles, window, 0.2), "PLS")[0].verdict == "holds"
    rows.append((seed, strength, "test of a named window", int(named)))
    chance = compare_with_permuted_targets(
        lambda target: attribute_by_coefficients(PLSCV(max_components=10).fit(X, target), X, X, COARSE).bands(
            ZONES, ""
        ),
        *(y, 39, seed),
    )
    rows.append((seed, strength, "test against permuted targets", int(chance["p"].iloc[zone] < 0.05)))
    return rows


def contest(seeds: range) -> pd.DataFrame:
    """Ranks and tests over twins and strengths."""
    rows = [row for seed in seeds for strength in STRENGTHS for row in find_planted(seed, strength)]
    return pd.DataFrame(rows, columns=["seed", "strength", "way", "found"])


def train(n_bands: int, seed: int) -> SpectralNetwork:
    """Train a network on pH of 3,000 simulated soils: enough for attributions that are not noise."""
    source = twin.simulate_source(3_000, seed=seed + 1, grid=GRIDS[n_bands])
    return SpectralNetwork.fit(
        source.reflectance,
        source.values("pH"),
        GRIDS[n_bands],
        ("pH",),
        training=TrainingConfig(epochs=8, seed=seed),
    )


def agreement(explained: Attribution, reference: Attribution, edges: np.ndarray) -> float:
    """Spearman correlation of mean absolute attribution in the bands that edges make, or by wavelength."""
    if len(edges) == len(explained.wavelengths):
        sizes = [a.profile("")["mean_abs"] for a in (explained, reference)]
    else:
        sizes = [a.bands(edges, "")["mean_abs"] for a in (explained, reference)]
    return float(spearmanr(*sizes).statistic)


def main() -> None:
    """Print the table, and store it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--soils", type=int, default=130)
    parser.add_argument("--background", type=int, default=20)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--planted", type=Path, help="hold the planted-band contest, and write it there")
    parser.add_argument("--twins", type=int, default=12)
    arguments = parser.parse_args()
    if arguments.planted:
        with threadpool_limits(1):
            table = contest(range(9000, 9000 + arguments.twins))
        print(table.pivot_table(index="way", columns="strength", values="found", aggfunc=["mean", "median"]))
        table.to_csv(arguments.planted, index=False)
        return
    with threadpool_limits(1):
        table = pd.concat(
            [benchmark(n_bands, arguments.soils, arguments.background) for n_bands in GRIDS],
            ignore_index=True,
        )
    print(table.to_string(index=False, float_format="{:.3g}".format))
    if arguments.csv:
        table.to_csv(arguments.csv, index=False, float_format="%.5g")


if __name__ == "__main__":
    main()
