"""How far decisions on areas, and accepted predictions, can be trusted: on twins whose truth is known.

    python benchmarks/decision_units.py [--first 8000] [--twins 20] [--json results/decision_units.json]

Each twin has 6,000 soils in 25 blocks of 240; the mean of a block's soils is its true mean. Of eight blocks
20 to 60 soils have a spectrum and 10 to 20 of these a laboratory value, all drawn by lot. The model (PLS on
derivatives, CV+ of ten folds) learns from the measured soils of all eight. This is done five times per twin:
the share of 160 units alone would be uncertain by 2 %. Settled beforehand, on seeds 100 to 199: the
estimator and the form of its limits; nominal 95 %, one-sided; seeds from 8000 on. Three tables:

1. Limits of the unit's mean: share of units whose upper (lower) limit is above (below) the true mean, with
   the predictions as they are, all 30 % too high, and replaced by noise; beside it the measured soils alone,
   by the same kind of limit and by what ProUCL 5.2 recommends. ``length`` is the distance of the upper limit
   from the mean, as a share of that of the same kind of limit of measured soils alone (median over units).
2. The same in twins whose model has a cross-validated R² of at least 0.6.
3. Accepted predictions: of 1,000 other soils of the eight blocks, the share accepted at tolerances of 50 % of
   the prediction and of 200 mg/kg and rates of 5 and 10 %, and the share of these that are off by more: in
   the mean over sites (0 where none is accepted), which the method promises, and of all accepted soils.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from records import report
from scipy.stats import rankdata, t
from threadpoolctl import threadpool_limits

from soilpb._format import track
from soilpb.decide.confidence_limits import estimate_limits
from soilpb.decide.decision_units import decide_units
from soilpb.decide.intervals import CrossConformal, assign_folds
from soilpb.decide.sampling import accept_predictions
from soilpb.models.pls import PLSCV
from soilpb.simulate import twin
from soilpb.spectra import SoilSpectra, band_grid

GRID = band_grid(400, 2490, 10)
N_SOILS, N_UNITS, N_DRAWS, N_NEW, GOOD = 6000, 8, 5, 1000, 0.6
BIASES = {"as they are": 1.0, "30 % too high": 1.3, "noise": np.nan}


class Trial(NamedTuple):
    """One twin: its soils with a spectrum, true means, R², and other soils with their predictions."""

    soils: pd.DataFrame
    truth: dict[str, float]
    r2: float
    new: pd.DataFrame


def blocks(samples: pd.DataFrame) -> np.ndarray:
    """Name of each soil's block: fifths by x, and within each fifths by y."""
    column = ((rankdata(samples["x"]) - 1) * 5 // len(samples)).astype(int)
    row = np.empty(len(samples), dtype=int)
    for k in range(5):
        inside = column == k
        row[inside] = (rankdata(samples["y"][inside]) - 1) * 5 // inside.sum()
    return np.array([f"{a}-{b}" for a, b in zip(column, row, strict=True)])


def draw(site: SoilSpectra, seed: int, repeat: int) -> Trial:
    """Sample, measure and predict one twin."""
    rng = np.random.default_rng([seed, repeat])
    lead, unit = site.values("Pb_mg_kg"), blocks(site.samples)
    chosen = rng.choice(np.unique(unit), N_UNITS, replace=False)
    rows, measured = [], []
    for name in chosen:
        n = rng.integers(20, 61)
        rows.append(rng.choice(np.flatnonzero(unit == name), n, replace=False))
        measured.append(np.arange(n) < rng.integers(10, min(20, n - 5) + 1))
    rows, measured = np.concatenate(rows), np.concatenate(measured)
    X, y = site.reflectance, np.log(lead)
    folds = assign_folds(measured.sum(), 10, seed)
    model = CrossConformal.fit({"PLS": PLSCV(seed=0)}, X[rows[measured]], y[rows[measured]], folds)
    predicted = np.exp(model.fold_predictions(X[rows])).mean(axis=1)
    predicted[measured] = np.exp(y[rows[measured]] - model.residuals)
    soils = pd.DataFrame({"unit": unit[rows], "measured": lead[rows], "predicted": predicted})
    soils.loc[~measured, "measured"] = np.nan
    other = rng.choice(np.setdiff1d(np.flatnonzero(np.isin(unit, chosen)), rows), N_NEW, replace=False)
    new = pd.DataFrame({"measured": lead[other], "predicted": np.exp(model.predict(X[other]))})
    r2 = 1 - np.mean(model.residuals**2) / y[rows[measured]].var()
    return Trial(soils, {name: lead[unit == name].mean() for name in chosen}, r2, new)


def judge_units(seed: int, trial: Trial) -> pd.DataFrame:
    """Limits of each unit over its true mean, by how the predictions are."""
    rng, parts = np.random.default_rng(seed), []
    for name, factor in BIASES.items():
        noise = np.exp(rng.normal(5.5, 0.6, len(trial.soils)))
        predicted = trial.soils["predicted"] * factor if np.isfinite(factor) else noise
        found = decide_units(trial.soils.assign(predicted=predicted), 200.0)
        parts.append(found.assign(way=f"predictions {name}"))
    alone = [
        (unit, way, values.mean(), *pair)
        for unit, part in trial.soils.groupby("unit")
        for values in [part["measured"].dropna().to_numpy()]
        for way, pair in measured_alone(values).items()
    ]
    parts.append(pd.DataFrame(alone, columns=["unit", "way", "mean", "lower", "upper"]))
    table = pd.concat(parts)[["unit", "way", "mean", "lower", "upper"]]
    table["true"] = table["unit"].map(trial.truth)
    return table.assign(seed=seed, r2=trial.r2, length=table["upper"] - table["mean"])


def measured_alone(values: np.ndarray) -> dict[str, tuple[float, float]]:
    """Limits of measured soils, of the kind that predictions are used with, and as ProUCL recommends."""
    n, mean = len(values), values.mean()
    width = t.ppf(0.95, n - 1) * values.std(ddof=1) / np.sqrt(n) / mean
    return {
        "measured alone, same kind": (mean * np.exp(-width), mean / (1 - width) if width < 1 else np.inf),
        "measured alone, ProUCL": estimate_limits(values)[:2],
    }


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Coverage and length by way."""
    key = ["seed", "repeat", "unit"]
    base = table[table["way"] == "measured alone, same kind"].set_index(key)["length"]
    length = table["length"] / base.reindex(pd.MultiIndex.from_frame(table[key])).to_numpy()
    held = table.assign(
        upper=table["upper"] >= table["true"],
        lower=table["lower"] <= table["true"],
        bias=table["mean"] / table["true"] - 1,
        length=length,
    )
    return held.groupby("way", sort=False).agg(
        units=("unit", "size"),
        upper=("upper", "mean"),
        lower=("lower", "mean"),
        bias=("bias", "mean"),
        spread=("bias", "std"),
        length=("length", "median"),
    )


def judge_acceptance(trial: Trial) -> list[tuple]:
    """Share accepted and wrong, by tolerance and rate."""
    known, new, rows = trial.soils.dropna(), trial.new, []
    for tolerance, relative in ((0.5, True), (200.0, False)):
        off = (new["measured"] - new["predicted"]).abs() > tolerance * (new["predicted"] if relative else 1)
        for rate in (0.05, 0.1):
            found = accept_predictions(
                new["predicted"], known["predicted"], known["measured"], tolerance, rate, relative=relative
            )
            accepted = found["accepted"].to_numpy()
            told = f"{tolerance:.0%}" if relative else f"{tolerance:g} mg/kg"
            wrong = (off & accepted).sum()
            rows.append(
                (told, rate, accepted.mean(), wrong / max(accepted.sum(), 1), wrong / N_NEW, off.mean())
            )
    return rows


def summarise_accepted(table: pd.DataFrame) -> pd.DataFrame:
    """Means over twins, and the share of wrong ones among all accepted soils."""
    means = table.groupby(["tolerance", "rate"], sort=False).mean()
    return means.assign(
        **{"wrong of accepted": means["wrong of accepted"] / means["accepted"].clip(lower=1e-9)}
    )


def main() -> None:
    """Print the tables; write them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--first", type=int, default=8000, help="seed of the first twin")
    parser.add_argument("--twins", type=int, default=20)
    parser.add_argument("--json", type=Path, help="write the tables there as well")
    arguments = parser.parse_args()
    units, accepted = [], []
    with threadpool_limits(1):
        for seed in track(range(arguments.first, arguments.first + arguments.twins), "twins"):
            site = twin.simulate_target(N_SOILS, seed=seed, grid=GRID)
            for repeat in range(N_DRAWS):
                trial = draw(site, seed, repeat)
                units.append(judge_units(seed, trial).assign(repeat=repeat))
                accepted += judge_acceptance(trial)
    table = pd.concat(units, ignore_index=True)
    columns = ["tolerance", "rate", "accepted", "wrong", "wrong of accepted", "wrong of all"]
    results = {
        "limits of units": summarise(table),
        f"limits of units, R2 at least {GOOD}": summarise(table[table["r2"] >= GOOD]),
        "accepted predictions": summarise_accepted(pd.DataFrame(accepted, columns=columns)),
        "twins": table.groupby("seed")[["r2"]].mean(),
    }
    report(results, arguments.json)


if __name__ == "__main__":
    main()
