"""What prediction of very many soils costs: wall time, processor time and memory, from CSV and Parquet.

A project is made in a folder of its own: a site whose model (the average) is stored as its report would, and
new spectra of 350–2500 nm by 1 nm, scaled and noisy copies of a measured LimeSoDa field. Then the commands
are run as a user would, each in a process of its own.

    python benchmarks/scale.py /tmp/scale --rows 100000

Inputs that are there are used again: 100,000 rows take 1.9 GB as CSV and 1.1 GB as Parquet. A peak cannot be
told below this script's own, some 360 MB.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from processes import run
from pyarrow import csv, parquet

from soilpb._format import track
from soilpb.readers.libraries.limesoda import load_field

FIELD, GRID, AT_ONCE = "CV.98", np.arange(350.0, 2501.0), 2000
STORE = """
from soilpb.decide import site_model, stored_model
from soilpb.study import Study
study = Study.load("big")
model = site_model.fit_site_model(study, site_model.make_candidates(study, ["average"]))
stored_model.store_site_model(study, model, {"R2": 0.6}, [])
"""
SITE = """site: big
target_data: files
spectra: data/spectra.csv
laboratory: data/lab.csv
target: clay_pct
target_scale: natural
source: twin
"""


def make_project(folder: Path) -> np.ndarray:
    """Write a site's files and store its model; return its spectra on :data:`GRID`."""
    field = load_field(FIELD)
    soils = field.take(np.isfinite(field.values("clay_pct")))
    spectra = np.array([np.interp(GRID, soils.wavelengths, row) for row in soils.reflectance])
    (folder / "data").mkdir(parents=True, exist_ok=True)
    sites = folder / "notebooks" / "sites"
    sites.mkdir(parents=True, exist_ok=True)
    (sites / "big.yml").write_text(SITE)
    soils.samples[["clay_pct"]].to_csv(folder / "data" / "lab.csv", index_label="id")
    ids = pd.Index(soils.samples.index, name="id")
    table = pd.DataFrame(spectra.round(5), ids, [f"{nm:g}" for nm in GRID])
    table.to_csv(folder / "data" / "spectra.csv")
    run([sys.executable, "-c", STORE], folder)
    return spectra


def write_spectra(folder: Path, spectra: np.ndarray, n_rows: int) -> list[Path]:
    """Write new spectra as CSV and as Parquet, unless they are there, in blocks of rows."""
    paths = [folder / "data" / f"new_{n_rows}.{kind}" for kind in ("csv", "parquet")]
    if all(path.exists() for path in paths):
        return paths
    rng, names = np.random.default_rng(0), [f"{nm:g}" for nm in GRID]
    schema = pa.schema([("id", pa.string()), *((name, pa.float32()) for name in names)])
    with csv.CSVWriter(paths[0], schema) as text, parquet.ParquetWriter(paths[1], schema) as columns:
        for start in track(range(0, n_rows, AT_ONCE), "writing spectra"):
            n = min(AT_ONCE, n_rows - start)
            gain = rng.uniform(0.85, 1.15, (n, 1))
            new = spectra[rng.integers(len(spectra), size=n)] * gain + rng.normal(0, 3e-4, (n, GRID.size))
            new = np.clip(new, 0.003, 1.2).round(6).astype(np.float32)
            arrays = [pa.array([f"N{i:06d}" for i in range(start, start + n)]), *map(pa.array, new.T)]
            block = pa.Table.from_arrays(arrays, schema=schema)
            text.write_table(block)
            columns.write_table(block)
    return paths


def main() -> None:
    """Make the inputs and measure the commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    folder = given.folder.resolve()
    paths = write_spectra(folder, make_project(folder), given.rows)
    os.chdir(folder)
    soilpb = [sys.executable, "-m", "soilpb.cli"]
    print(f"{'command':40} {'wall s':>8} {'CPU s':>8} {'peak MB':>8}")
    for words in (["--help"], *(["predict", "big", f"data/{path.name}", "-o", "out.csv"] for path in paths)):
        cost = run([*soilpb, *words])
        told = " ".join(words[:3])
        print(f"{told:40} {cost.wall_s:8.1f} {cost.cpu_s:8.1f} {cost.peak_MB:8.0f}", flush=True)
    kill_in_the_middle([*soilpb, "predict", "big", str(paths[1]), "-o", "killed.csv"], cost.wall_s / 2)


def kill_in_the_middle(command: list[str], seconds: float) -> None:
    """Kill a prediction with signal 9 half-way; say what it left in the folder."""
    before = set(Path().iterdir())
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    process.kill()
    process.wait()
    left = ", ".join(path.name for path in set(Path().iterdir()) - before)
    print(
        f"killed after {seconds:.0f} s (exit status {process.returncode}), left behind: {left or 'nothing'}"
    )


if __name__ == "__main__":
    main()
