"""What loading a whole library costs: OSSL with ours and with soilspecdata, LUCAS 2015 with ours.

    python benchmarks/load_ossl.py [--rows 135651] [--scans 43560] [--soils "40000 100000"]
                                   [--rival PYTHON] [--json FILE]

Writes files of the libraries' shape (random soils; 1,051 vis-NIR, 1,701 MIR and all laboratory
columns; 4,200 bands for LUCAS), loads vis-NIR and pH from them in a process each, and prints
wall time, CPU time and peak memory of the whole process. ``--soils`` are sizes of libraries in the Parquet
layout of OSSL v1.3: LUCAS's, and that of all vis-NIR libraries together. ``--rival`` names a Python that
has soilspecdata; without it, one is installed into a temporary environment; ``--rival none`` measures ours
alone. soilspecdata 0.2.3 reads a gzipped text with spectra and laboratory values in one table, not v1.3's
layout: its rows are those of v1.2's table. Needs 7 GB of disk, and 16 GB of memory for the rival.

On two cores, one thread: v1.3 with 40,000 soils in 6 s and 442 MB (cached .6 s), with 100,000 in 11 s and
796 MB (cached 1.7 s); chapter 2's steps on 100,000 soils, an epoch of training among them, in 902 MB.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from processes import run

ROOT = Path(__file__).resolve().parents[1]
RIVAL = "soilspecdata==0.2.3"
#: Rows that are formatted once and repeated under new ids. A block is a thousand times
#: the window of gzip, so the repetition makes no file smaller.
BLOCK = 1_000
#: Shares of OSSL's rows that have vis-NIR and MIR spectra.
VISNIR_SHARE, MIR_SHARE = 64_644 / 135_651, 85_684 / 135_651

LOAD_OURS = """
import sys, time
from functools import partial
from pathlib import Path
from soilpb.spectra import band_grid
from soilpb.readers.libraries import lucas, ossl
load = partial(lucas.load_lucas, "lucas2015") if sys.argv[1] == "lucas2015" else ossl.load_ossl
start = time.perf_counter()
soils = load(Path(sys.argv[2]), band_grid(400, 2490, 10), cache=Path(sys.argv[2]) / "cache")
print(time.perf_counter() - start, *soils.reflectance.shape)
"""
#: Chapter 2's steps that need most memory: soils put aside, one epoch on the others, predictions.
PRETRAIN = """
import sys, time
from pathlib import Path
from soilpb import evaluate
from soilpb.models import SpectralNetwork
from soilpb.models.training import TrainingConfig
from soilpb.readers.libraries import ossl
from soilpb.spectra import band_grid
start = time.perf_counter()
soils = ossl.load_ossl(Path(sys.argv[2]), band_grid(400, 2490, 10), cache=Path(sys.argv[2]) / "cache")
learning, held_back = evaluate.hold_out(soils, 0.2, 0)
ph, training = learning.values("pH"), TrainingConfig(epochs=1)
network = SpectralNetwork.fit(learning.reflectance, ph, soils.wavelengths, ["pH"], training=training)
network.predict(held_back.reflectance)
print(time.perf_counter() - start, *soils.reflectance.shape)
"""
LOAD_THEIRS = """
import time
from soilspecdata.datasets.ossl import load_ossl
start = time.perf_counter()
X, y, ids = load_ossl().visnir().xy("ph.h2o_iso.10390_index")
print(time.perf_counter() - start, *X.shape)
"""


def main() -> None:
    """Write the files, measure every load in a process of its own, print the table."""
    arguments = _arguments()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        ossl, lucas = Path(folder) / ".soilspecdata", Path(folder) / "lucas2015"
        for path, source, n in ((ossl, "ossl", arguments.rows), (lucas, "lucas2015", arguments.scans)):
            path.mkdir()
            if n:
                write = [sys.executable, __file__, "--write", source, "--rows", str(n), "--folder", str(path)]
                _run(write, PYTHONPATH=str(ROOT))
        results = []
        if arguments.rows:
            results.append(measure("OSSL, soilpb", [sys.executable, "-c", LOAD_OURS, "ossl", str(ossl)]))
            results.append(
                measure("OSSL, soilpb, cached", [sys.executable, "-c", LOAD_OURS, "ossl", str(ossl)])
            )
            if arguments.rival != "none":
                python = arguments.rival or _install_rival(Path(folder) / "rival")
                results.append(measure("OSSL, soilspecdata", [python, "-c", LOAD_THEIRS], HOME=folder))
        if arguments.scans:
            command = [sys.executable, "-c", LOAD_OURS, "lucas2015", str(lucas)]
            results.append(measure("LUCAS 2015, soilpb", command))
            results.append(measure("LUCAS 2015, soilpb, cached", command))
        for n in map(int, arguments.soils.split()):
            library = Path(folder) / f"v1.3-{n}"
            _run(
                [sys.executable, __file__, "--write", "library", "--rows", str(n), "--folder", str(library)],
                PYTHONPATH=str(ROOT),
            )
            command = [sys.executable, "-c", LOAD_OURS, "library", str(library)]
            results += [measure(f"OSSL v1.3, {n:,}{cached}", command) for cached in ("", ", cached")]
            train = [sys.executable, "-c", PRETRAIN, "library", str(library)]
            results.append(measure(f"OSSL v1.3, {n:,}, an epoch", train))
        sizes = {path.name: path.stat().st_size for path in Path(ossl).glob("*.gz")}
    _report(results, sizes)
    if arguments.json:
        arguments.json.write_text(json.dumps({"results": results, "bytes": sizes}, indent=2) + "\n")


def measure(name: str, command: list[str], **environment: str) -> dict[str, object]:
    """Run a command; return wall seconds and peak memory of its process, and what it printed."""
    cost = run(command, **environment)
    load, n_samples, n_bands = cost.output.split()
    return {
        "name": name,
        "wall_s": round(cost.wall_s, 2),
        "cpu_s": round(cost.cpu_s, 2),
        "load_s": round(float(load), 2),
        "peak_MB": round(cost.peak_MB),
        "samples": int(n_samples),
        "bands": int(n_bands),
    }


def write_ossl(folder: Path, n_rows: int) -> None:
    """Write OSSL's L0 table with ``n_rows`` rows, gzipped as the published one is."""
    import numpy as np

    from tests import layouts

    rng = np.random.default_rng(0)
    reflectance = 10.0 ** -layouts.soil_absorbance(BLOCK, layouts.OSSL_VISNIR)
    reflectance = np.round(reflectance + rng.normal(0, 1e-4, reflectance.shape), 7)
    reflectance[rng.random(BLOCK) > VISNIR_SHARE] = np.nan
    mir = np.round(1 + rng.normal(0, 0.02, (BLOCK, layouts.OSSL_MIR.size)).cumsum(axis=1), 7)
    mir[rng.random(BLOCK) > MIR_SHARE] = np.nan
    table = layouts.ossl_table(reflectance, mir=mir)
    header, *lines = table.to_csv(index=False).splitlines(keepends=True)
    ids = table["id.layer_uuid_txt"]
    with gzip.open(folder / "ossl_all_L0_v1.2.csv.gz", "wt", compresslevel=6, newline="") as file:
        file.write(header)
        for row in range(n_rows):
            line = lines[row % BLOCK]
            file.write(line.replace(ids[row % BLOCK], f"{row:032x}", 1))


def write_library(folder: Path, n_soils: int) -> None:
    """Write a library of v1.3 at LUCAS's width, as 64-bit numbers in one row group, as R writes them."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    from tests import layouts

    tables = layouts.ossl_library(BLOCK)
    layouts.write_ossl_library(folder / "LUCAS", BLOCK)
    ids = {"id.layer_local_c": pa.array([f"L{i:05d}" for i in range(n_soils)])}
    rng = np.random.default_rng(0)
    for name, table in tables.items():
        rows = np.arange(n_soils) % BLOCK
        columns = {column: values.to_numpy()[rows] for column, values in table.items() if column not in ids}
        if name == "visnir":  # noise, so that no column is a short dictionary
            columns = {key: pa.array(r + rng.normal(0, 1e-4, n_soils)) for key, r in columns.items()}
        path = folder / "LUCAS" / f"ossl_{name}_v1.3.parquet"
        parquet.write_table(pa.table(ids | columns), path, row_group_size=n_soils)


def write_lucas2015(folder: Path, n_scans: int) -> None:
    """Write LUCAS 2015 with two scans a point: the laboratory table and a file a country."""
    import numpy as np

    from soilpb.readers.libraries.lucas import COUNTRIES
    from tests import layouts

    n_points = n_scans // 2
    table = layouts.lucas_2015_table(n_points)
    country = np.arange(n_points) * len(COUNTRIES) // n_points
    table["NUTS_0"] = np.array(COUNTRIES)[country]
    rng = np.random.default_rng(0)
    absorbance = layouts.soil_absorbance(BLOCK, layouts.LUCAS_BANDS)
    cells = [",".join(f"{a:.6f}" for a in row + rng.normal(0, 1e-4, row.size)) for row in absorbance]
    layouts.write_lucas_2015(folder, table.head(0), np.empty((0, 2, layouts.LUCAS_BANDS.size)))
    table.to_csv(folder / "LUCAS_Topsoil_2015_20200323.csv", index=False)
    bands = ",".join(f"{w:g}" for w in layouts.LUCAS_BANDS)
    for name, rows in table.groupby("NUTS_0").indices.items():
        path = folder / "LUCAS2015_Soil_Spectra_EU28" / f"spectra_ {name} .csv"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"source,SampleID,PointID,NUTS_0,SampleN,{bands}\n")
            for row in rows:
                for scan in (1, 2):
                    file.write(f"FOSS,{row},{table['Point_ID'][row]},{name},{scan},{cells[row % BLOCK]}\n")


def _report(results: list[dict[str, object]], sizes: dict[str, int]) -> None:
    for name, size in sizes.items():
        print(f"{name}: {size / 1e6:,.0f} MB")
    print(f"{'':28}{'wall, s':>9}{'CPU, s':>9}{'load, s':>9}{'peak, MB':>10}{'samples':>9}{'bands':>7}")
    for r in results:
        print(
            f"{r['name']:28}{r['wall_s']:9.1f}{r['cpu_s']:9.1f}{r['load_s']:9.2f}{r['peak_MB']:10,}{r['samples']:9,}{r['bands']:7,}"
        )
    found = {r["name"]: r for r in results}
    if "OSSL, soilspecdata" in found:
        ours, theirs = found["OSSL, soilpb"], found["OSSL, soilspecdata"]
        print(
            f"soilspecdata needs {theirs['peak_MB'] / ours['peak_MB']:.1f} times the memory and "
            f"{theirs['wall_s'] / ours['wall_s']:.1f} times the time"
        )


def _install_rival(folder: Path) -> str:
    _run([sys.executable, "-m", "venv", str(folder)])
    python = str(folder / "bin" / "python")
    _run([python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", RIVAL])
    return python


def _run(command: list[str], **environment: str) -> None:
    subprocess.run(command, check=True, env=os.environ | environment)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=135_651, help="rows of OSSL; 0 leaves it out")
    parser.add_argument("--scans", type=int, default=43_560, help="scans of LUCAS 2015; 0 leaves it out")
    parser.add_argument("--soils", default="40000 100000", help="sizes of libraries of v1.3; empty: none")
    parser.add_argument("--rival", default="", help="a Python that has soilspecdata, or none")
    parser.add_argument("--folder", type=Path, help="where the files are written")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    parser.add_argument("--write", choices=["ossl", "lucas2015", "library"], help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    # Files are written in a process of its own too: a child's peak is never below its parent's.
    options = _arguments()
    if options.write:
        writers = {"ossl": write_ossl, "lucas2015": write_lucas2015, "library": write_library}
        writers[options.write](options.folder, options.rows)
    else:
        main()
