"""What a reading by XRF adds to spectra, and that a useless one costs nothing: on twins.

    python benchmarks/xrf.py [--first 8100] [--twins 10] [--csv results/xrf.csv]

Each twin has 130 soils to learn from and 1,000 to be tested on. A reading is lead times 10 % of lognormal
error, lowered by the soil's water, of 2 to 30 % (the wet soil is what both instruments see, so that its water
is in the spectra); below 20 mg/kg it is censored. Variants: as described; a detection limit at the median,
so that half are censored; an error of 60 %; noise that has nothing to do with lead. The model is the fusion
of :class:`soilpb.models.linear.SensorFusion` over PLS. R² is of ln Pb, on the test soils; intervals are of
the mean over twins (Student's t, 95 %).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import t
from threadpoolctl import threadpool_limits

from soilpb._files import atomic_write
from soilpb.models.linear import SensorFusion
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.simulate.minerals import add_constituent
from soilpb.spectra import band_grid

GRID = band_grid(400, 2490, 10)
N_LEARNT, N_TESTED = 130, 1000
#: Error of the logarithm, and quantile of readings below which they are censored (0: at 20 mg/kg).
VARIANTS = {
    "error 10 %, limit 20 mg/kg": (0.1, 0.0),
    "half below detection": (0.1, 0.5),
    "error 60 %": (0.6, 0.0),
    "noise": (np.nan, 0.0),
}
USES = ("reading", "spectrum", "both")


def read(lead: np.ndarray, water: np.ndarray, rng: np.random.Generator, error: float, share: float):
    """Readings in mg/kg, below detection minus the limit."""
    noise = rng.standard_normal(len(lead))
    if np.isnan(error):
        reading = np.exp(np.log(lead).mean() + np.log(lead).std() * noise)
    else:
        reading = lead * (1 - water) * np.exp(error * noise)
    limit = max(20.0, np.quantile(reading, share)) if share else 20.0
    return np.where(reading < limit, -limit, reading)


def judge(seed: int) -> list[tuple]:
    """R² of each use of each variant's readings on one twin."""
    rng = np.random.default_rng(seed)
    soils = twin.simulate_target(N_LEARNT + N_TESTED, seed=seed, grid=GRID)
    lead, rows = soils.values("Pb_mg_kg"), []
    water = rng.uniform(0.02, 0.3, len(lead))
    X = add_constituent(soils.reflectance.astype(float), GRID, "water", water)
    y = np.log(lead)
    for name, (error, share) in VARIANTS.items():
        Z = np.column_stack([X, read(lead, water, rng, error, share)])
        for use in USES:
            model = SensorFusion(PLSCV(), use).fit(Z[:N_LEARNT], y[:N_LEARNT])
            rows.append((seed, name, use, model.score(Z[N_LEARNT:], y[N_LEARNT:])))
    return rows


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Means over twins, with intervals, of R² and of what both together have more."""
    wide = table.pivot_table("r2", ["readings", "seed"], "use", sort=False)[list(USES)]
    wide = wide.assign(**{f"both − {use}": wide["both"] - wide[use] for use in USES[:2]})
    n = table["seed"].nunique()
    long = wide.melt(ignore_index=False, var_name="model", value_name="r2")
    found = long.groupby(["readings", "model"], sort=False)["r2"].agg(["mean", "std"]).reset_index()
    half = t.ppf(0.975, n - 1) * found["std"] / np.sqrt(n)
    return found.assign(lower=found["mean"] - half, upper=found["mean"] + half, twins=n)


def main() -> None:
    """Print the table; write it where asked, after each twin."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--first", type=int, default=8100, help="seed of the first twin")
    parser.add_argument("--twins", type=int, default=10)
    parser.add_argument("--csv", type=Path, help="write the table there as well")
    arguments = parser.parse_args()
    rows: list[tuple] = []
    with threadpool_limits(1):
        for seed in range(arguments.first, arguments.first + arguments.twins):
            rows += judge(seed)
            found = summarise(pd.DataFrame(rows, columns=["seed", "readings", "use", "r2"])).round(4)
            if arguments.csv and seed > arguments.first:
                with atomic_write(arguments.csv) as temporary:
                    found.to_csv(temporary, index=False)
    print(found.to_string())


if __name__ == "__main__":
    main()
