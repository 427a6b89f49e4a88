"""What exact fast PLS saves: ``PLSCV`` against ``GridSearchCV``, in one run.

    python benchmarks/nested_pls.py [--components 15] [--json FILE]

Ten outer folds on 130 simulated soils at 210 and at 2,100 bands: the same choices, the
same predictions, and how many times sooner. The grid search runs twice: over a pipeline
that takes reflectance, as ``PLSCV`` does, and, in its favour, on spectra prepared once.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.cross_decomposition import PLSRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import Pipeline, make_pipeline
from threadpoolctl import threadpool_limits

from soilpb._format import track
from soilpb.models.pls import PLSCV, PREPROCESSING
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRIDS = {210: band_grid(400, 2490, 10), 2_100: band_grid(400, 2499, 1)}
PLS = PLSRegression(scale=False)


def compare(n_bands: int, n_components: int, seed: int = 0) -> dict[str, float | str]:
    """Time all on ten outer folds; return how they agree and what they cost a fold.

    CPU seconds on one thread: what else the machine does is not measured.
    """
    soils = twin.simulate_target(130, seed=seed, grid=GRIDS[n_bands])
    X, y = soils.reflectance.astype(np.float64), np.log(soils.values("Pb_mg_kg"))
    prepared = PREPROCESSING["d1"]().fit_transform(X)
    contestants = {
        "pipeline": (grid_search(make_pipeline(PREPROCESSING["d1"](), PLS), n_components, seed), X),
        "prepared": (grid_search(make_pipeline(PLS), n_components, seed), prepared),
        "PLSCV": (PLSCV(n_components, seed=seed), X),
    }
    contestants["PLSCV"][0].fit(X, y)  # imports and first calls are not the algorithm
    same, difference, seconds = [], [], dict.fromkeys(contestants, 0.0)
    outer = list(KFold(10, shuffle=True, random_state=seed).split(X))
    for train, test in track(outer, f"{n_bands} bands"):
        for name, (model, spectra) in contestants.items():
            start = time.process_time()
            model.fit(spectra[train], y[train])
            seconds[name] += time.process_time() - start
        (grid, _), (fast, _) = contestants["pipeline"], contestants["PLSCV"]
        same.append(fast.n_components_ == grid.best_params_["plsregression__n_components"])
        difference.append(np.abs(fast.predict(X[test]) - grid.predict(X[test]).ravel()).max())
    return {
        "bands": str(n_bands),
        "same choices": f"{sum(same)} of {len(same)}",
        "largest difference": f"{max(difference):.1e}",
        **{f"{name}, CPU ms a fold": round(1e3 * s / len(outer), 1) for name, s in seconds.items()},
        "times faster than the pipeline": round(seconds["pipeline"] / seconds["PLSCV"], 1),
        "times faster than prepared": round(seconds["prepared"] / seconds["PLSCV"], 1),
    }


def grid_search(pipeline: Pipeline, n_components: int, seed: int) -> GridSearchCV:
    """Make the search that ``PLSCV`` stands for."""
    return GridSearchCV(
        pipeline,
        {"plsregression__n_components": range(1, n_components + 1)},
        scoring="neg_root_mean_squared_error",
        cv=KFold(5, shuffle=True, random_state=seed),
    )


def main() -> None:
    """Print the table; write it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--components", type=int, default=15, help="most latent variables tried")
    parser.add_argument("--json", type=Path, help="write the table there as well")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        rows = [compare(n_bands, arguments.components) for n_bands in GRIDS]
    print(pd.DataFrame(rows).T.to_string(header=False))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
