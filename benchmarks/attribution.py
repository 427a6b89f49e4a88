"""What each explainer costs, and how far it agrees with DeepExplainer, in one run.

    python benchmarks/attribution.py [--soils 130] [--background 20] [--csv results/attribution.csv]

130 simulated soils at 210 and at 2,100 bands, explained by one network each. Agreement is
Spearman's correlation of mean absolute attribution, by wavelength and by bands of 100 nm.
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

from soilpb.explain import network_attribution
from soilpb.explain.attribution import Attribution, attribute_by_coefficients
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.training import TrainingConfig
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRIDS = {210: band_grid(400, 2490, 10), 2_100: band_grid(400, 2499, 1)}
EDGES = np.arange(400.0, 2501.0, 100.0)


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
    arguments = parser.parse_args()
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
