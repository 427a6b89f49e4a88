"""Do mineral slopes follow the truth? Freshly seeded sites of the twin, five models each.

    python benchmarks/mineral_slopes.py [--sites 12] [--soils 130] [--csv results/mineral_slopes.csv]

As in chapter 5: the models of five folds, asked by Kubelka–Munk and through the principal
components of their own training soils (*projected*), beside the same without the components
(*as it comes*). Sites are seeds that no setting was chosen on. A figure a site: correlation
of the slopes with the true ones over the constituents, and the share of right signs among
constituents whose true slope exceeds 0.2 in size.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.base import clone

from soilpb._format import track
from soilpb.evaluate import pretraining, splits
from soilpb.explain import mineral_slopes
from soilpb.explain.mineral_slopes import ProjectedModel
from soilpb.models import baselines
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import TrainingConfig
from soilpb.simulate import twin
from soilpb.simulate.soils import constituent_columns
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 10)
#: The study's recipe, the features of its network beside PLS, and models without a library.
ENTRIES = ["resnet-ph", "features-pls", "pls", "blocks", "average"]
FIRST_SEED = 7_000
STRONG = 0.2


def benchmark(n_sites: int, n_soils: int, source_size: int) -> pd.DataFrame:
    """One row a (site, model, way of asking): correlation with the truth and signs."""
    library = twin.simulate_source(source_size, seed=FIRST_SEED - 1, grid=GRID)
    training = TrainingConfig(pretraining.choose_epochs(source_size), seed=FIRST_SEED - 1)
    source = SpectralNetwork.fit(library.reflectance, library.values("pH"), GRID, ["pH"], training=training)
    return pd.concat(
        [site(source, n_soils, FIRST_SEED + i) for i in track(range(n_sites), "sites")],
        ignore_index=True,
    )


def site(source: SpectralNetwork, n_soils: int, seed: int) -> pd.DataFrame:
    """Fit the models to the folds of one simulated site and ask them."""
    soils = twin.simulate_target(n_soils, seed=seed, grid=GRID)
    X, y, ids = soils.reflectance, np.log(soils.values("Pb_mg_kg")), soils.samples.index.to_numpy()
    folds = list(splits.iterate_folds(splits.repeated_kfold(ids, 5, 1, seed), ids))
    amounts = {
        c: soils.samples[constituent_columns(c)].sum(axis=1).to_numpy() / 100
        for c in mineral_slopes.CONSTITUENTS
    }
    true = twin.true_mineral_slopes(soils.samples).set_index("constituent")["total"]
    rows = []
    for name, model in baselines.make_models(source, ENTRIES, seed).items():
        fitted = [clone(model).fit(X[fold.train], y[fold.train]) for fold in folds]
        ways = {
            "projected": [ProjectedModel(m, X[fold.train]) for m, fold in zip(fitted, folds, strict=True)],
            "as it comes": fitted,
        }
        for way, asked in ways.items():
            answers = pd.concat(
                [mineral_slopes.estimate_slopes(m, X, GRID, abundance=amounts) for m in asked]
            )
            rows.append({"seed": seed, "model": name, "way": way, **agreement(answers, true)})
    return pd.DataFrame(rows)


def agreement(answers: pd.DataFrame, true: pd.Series) -> dict[str, float]:
    """Correlation with the truth over constituents, and right signs among strong ones."""
    slope = answers.groupby("constituent")["slope"].mean()
    true = true.loc[slope.index]
    strong = true.abs() > STRONG
    return {
        "r": float(np.corrcoef(slope, true)[0, 1]),
        "strong": int(strong.sum()),
        "right": int((np.sign(slope[strong]) == np.sign(true[strong])).sum()),
    }


def main() -> None:
    """Print the mean over sites, and save every row if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sites", type=int, default=12)
    parser.add_argument("--soils", type=int, default=130)
    parser.add_argument("--source-size", type=int, default=4_000)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    table = benchmark(options.sites, options.soils, options.source_size)
    summary = table.groupby(["model", "way"], sort=False).agg(
        r=("r", "mean"), lowest=("r", "min"), strong=("strong", "sum"), right=("right", "sum")
    )
    print(summary.round(3).to_string())
    if options.csv:
        table.to_csv(options.csv, index=False, float_format="%.5f")


if __name__ == "__main__":
    main()
