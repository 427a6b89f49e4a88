"""What colour tells of lead at the Mano Dam: of soils and sediments together, and of soils alone.

    soilpb fetch mano-dam && python benchmarks/mano.py [--folder data/mano] [--repeats 5]

Measured: 68 soils and 38 slices of one sediment core, lead by X-ray fluorescence, 430–700 nm by 10 nm. Writes
``benchmarks/mano.md``. Three questions:

1. R² of ln Pb by 5-fold cross-validation: pooled; soils alone, in random folds and with soils within half a
   kilometre kept together; sediments alone.
2. Do slopes of models have the right sign where it is known? More organic matter is more carbon, more
   iron oxide is more iron.
3. Mixtures of known proportions. The 27 mixtures that the authors made in their laboratory are empty rows of
   the published table, so mixtures are computed: a forest soil and a subsoil by shares of mass, optics by
   Kubelka and Munk, lead, iron and carbon by balance of mass. Models see neither soil, nor a neighbour of it.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from soilpb import evaluate
from soilpb._format import number, with_interval
from soilpb.explain.mineral_slopes import estimate_slopes
from soilpb.models import make_models
from soilpb.simulate.minerals import km_ratio, km_reflectance
from soilpb.spectra import band_grid, resample

ROOT = Path(__file__).resolve().parents[1]
GRID = band_grid(430, 700, 10)
TARGETS = {"Pb_mg_kg": (), "Fe_mg_kg": ("goethite", "hematite"), "SOC_pct": ("organic_matter",)}
#: Share of the subsoil in a mixture.
SHARES = np.linspace(0, 1, 5)


def read(folder: Path, name: str) -> tuple[pd.DataFrame, np.ndarray]:
    """Laboratory values by id, and reflectance, (n_samples, n_bands) on the grid."""
    table = pd.read_csv(folder / f"{name}.csv").set_index("id")
    bands = [column for column in table if column.endswith(" nm")]
    nm = np.array([float(band.removesuffix(" nm")) for band in bands])
    return table.drop(columns=bands), resample(nm, table[bands].to_numpy() / 100, GRID)


def cross_validate(X: np.ndarray, table: pd.DataFrame, grouped: bool, repeats: int) -> dict[str, str]:
    """R² of ln Pb with its 95 % interval over soils, or over groups of them, by model."""
    groups = table["group"].to_numpy() if grouped else None
    folds = evaluate.repeated_kfold(table.index, 5, repeats, 0, groups)
    models = make_models(keys=["pls", "average"])
    data = X, np.log(table["Pb_mg_kg"].to_numpy()), folds, table.index
    predictions = evaluate.cross_validate(models, *data, groups=groups)
    together = dict(zip(table.index, groups, strict=True)) if grouped else None
    found = evaluate.bootstrap_interval(predictions, groups=together, seed=0).set_index("model")
    return {name: with_interval(*found.loc[name, ["value", "lower", "upper"]]) for name in models}


def answers_to_mixtures(X: np.ndarray, table: pd.DataFrame, target: str) -> tuple[int, int, float]:
    """Pairs of a forest soil and a subsoil, those whose mixtures are predicted to change rightly, and r.

    ``r`` is the correlation of the predicted with the known change of the logarithm from one to the other.
    """
    y = np.log(table[target].to_numpy())
    cells = table["group"].to_numpy()
    predicted, known = [], []
    for a, b in product(*(np.flatnonzero(table["Class"] == name) for name in ("Forest", "Subsoil"))):
        away = ~np.isin(cells, cells[[a, b]])
        ratio = np.outer(1 - SHARES, km_ratio(X[[a]])[0]) + np.outer(SHARES, km_ratio(X[[b]])[0])
        model = _model(X, y, away)
        predicted.append(np.polyfit(SHARES, model.predict(km_reflectance(ratio)), 1)[0])
        known.append(y[b] - y[a])
    right = np.sign(predicted) == np.sign(known)
    return right.size, int(right.sum()), float(np.corrcoef(predicted, known)[0, 1])


_fitted: dict = {}


def _model(X: np.ndarray, y: np.ndarray, rows: np.ndarray) -> object:
    """PLS fitted on some soils; the same soils and target give the same model."""
    key = y.tobytes(), rows.tobytes()
    if key not in _fitted:
        (model,) = make_models(keys=["pls"]).values()
        _fitted[key] = model.fit(X[rows], y[rows])
    return _fitted[key]


def slopes(X: np.ndarray, table: pd.DataFrame) -> list[str]:
    """Median slope of a model with a constituent that it must answer to with a plus."""
    lines = []
    for target, constituents in TARGETS.items():
        y = np.log(table[target].to_numpy())
        model = _model(X, y, np.ones(len(y), dtype=bool))
        asked = constituents or ("goethite", "hematite", "organic_matter")
        found = estimate_slopes(model, X, GRID, asked).groupby("constituent")["slope"].median()
        for name in asked:
            known = ("right" if found[name] > 0 else "wrong") if constituents else "not known"
            lines.append(f"| ln {target} | {name} | {number(found[name], 3)} | {known} |")
    return lines


def main() -> None:
    """Compute, and write the note."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=ROOT / "data" / "mano", help="where the tables are")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of cross-validation")
    arguments = parser.parse_args()
    (soils, X), (sediments, Z) = (read(arguments.folder, name) for name in ("soils", "sediments"))
    both = pd.concat([soils, sediments])
    cases = {
        "soils and sediments, random folds": (np.concatenate([X, Z]), both, False),
        "soils alone, random folds": (X, soils, False),
        "**soils alone, half a kilometre together**": (X, soils, True),
        "sediments alone (one core), random folds": (Z, sediments, False),
    }
    lines = ["| soils | n | PLS | average |", "|---|---|---|---|"]
    for name, (spectra, table, grouped) in cases.items():
        r2 = cross_validate(spectra, table, grouped, arguments.repeats)
        lines.append(f"| {name} | {len(table)} | {' | '.join(r2.values())} |")
    lines += ["", "| model of | more | median slope | sign |", "|---|---|---|---|", *slopes(X, soils)]
    lines += ["", "| mixtures: change of | pairs | sign right | r |", "|---|---|---|---|"]
    for target in TARGETS:
        n, right, r = answers_to_mixtures(X, soils, target)
        lines.append(f"| ln {target} | {n} | {right} ({100 * right / n:.0f} %) | {number(r)} |")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
