"""Measure what transfer brings at 15, 25, 40 and 100 soils of a site, by library.

    python benchmarks/world_source.py

Ten tasks, folds and models are those of ``ledger.py``; each fold keeps n of its training soils (for
100: all, 74 to 80, where a field has no more). The mean of PLS, multiblock ridge and a Gaussian process
is joined by a member that knows a library: ridge on the pH features of the other four fields (some 800
soils) or of the world (4,168 soils), the same networks trained on shuffled pH, or seven properties that
a network of the world predicts, beside PLS scores. The member is a quarter of the mean, or half of it.
Fits are kept under ``artifacts/world_source``. Writes ``results/world_source.csv``, one row per source,
share, n and task; without the world library beside the project it stops, saying so.

Expected, before it was run: at 100 nothing beyond ±.005. At 15, pH features of the world as half of the
mean +.02, of four fields +.01, seven properties +.03, shuffled ones −.02 to −.05: what is real shows
where soils are few, and as half of the mean a shuffled network harms more than a true one helps.
Intervals over ten tasks hold 0 for most.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import world_sites
from ledger import FIELDS, N_REPEATS, RESULTS, STORE, TARGETS, task
from ledger_ideas import AVERAGE, make
from ledger_sources import Sources
from threadpoolctl import threadpool_limits

from soilpb import _files
from soilpb.evaluate import cross_validation, splits

SIZES = (15, 25, 40, 100)
SHARES = (0.25, 0.5)
#: Name in the table → part of the ledger.
SOURCES = {
    "pH, four fields": "pH features, ridge",
    "pH, world": "world's pH features, ridge",
    "seven properties, world": "world's seven properties ‖ PLS",
    "shuffled, four fields": "features of shuffled pH, ridge",
    "shuffled, world": "world's shuffled-pH features, ridge",
}


@cache
def predicted(part: str, n: int, target: str, field: str) -> pd.DataFrame:
    """Out-of-fold predictions of a part from n soils, made now or read back."""
    path = STORE.parent / "world_source" / f"{n}" / part / f"{target}_{field}.parquet"
    if not path.exists():
        study = task(target, field)
        folds = splits.repeated_kfold(study.ids, 5, N_REPEATS, study.site.seed, study.groups)
        size = min(n, int(splits.count_training_rows(folds).min()))
        folds = splits.limit_training_size(folds, size, study.site.seed)
        model = {part: make(part, Sources(study, STORE))}
        table = cross_validation.cross_validate(model, study.X, study.y, folds, study.ids)
        _files.save_table(path, table)
    return _files.load_table(path).set_index(["repeat", "sample"])


def r2(parts: dict[str, float], n: int, target: str, field: str) -> float:
    """R² of the weighted sum of parts: pooled over folds, averaged over repeats."""
    tables = {part: predicted(part, n, target, field) for part in parts}
    observed = next(iter(tables.values()))["observed"]
    joined = sum(weight * tables[part]["predicted"][observed.index] for part, weight in parts.items())
    rows = pd.DataFrame({"o": observed, "p": joined}).groupby("repeat")
    return float(np.mean([cross_validation.compute_metrics(r["o"], r["p"])["R2"] for _, r in rows]))


def main() -> None:
    """Fit what is not there yet, and write the table."""
    world_sites.read_world()  # stops here, saying so, where the library is absent
    rows = []
    for n in SIZES:
        for place in [(target, field) for target in TARGETS for field in FIELDS]:
            without = r2(dict.fromkeys(AVERAGE, 1 / 3), n, *place)
            for source, part in SOURCES.items():
                for share in SHARES:
                    parts = dict.fromkeys(AVERAGE, (1 - share) / 3) | {part: share}
                    rows.append((source, share, n, *place, r2(parts, n, *place), without))
        print(f"{n} soils", flush=True)
    columns = ["source", "share", "n", "target", "field", "R2", "R2_without"]
    table = pd.DataFrame(rows, columns=columns)
    table.to_csv(RESULTS / "world_source.csv", index=False, float_format="%.5f")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
