"""The book's chain on a library of full size: chapters 2, 3, 4 and 5 from LUCAS-shaped files on disk.

    python benchmarks/lucas_chain.py [--points 21859] [--folder FOLDER] [--json FILE]
    python benchmarks/lucas_chain.py --write data/lucas2015

Writes what ESDAC would hand out, filled by the SIMULATED twin: the laboratory table, and 28 files of
spectra with 4,200 bands and two scans a point (1.6 GB of text, a few minutes). The column ``source``
of the spectra says ``simulated``, and every page made from them says so too. Then, in a temporary
project that shares this one's notebooks, each chapter is executed as a user would:

    papermill notebooks/02_pretraining.ipynb 02_pretraining.out.ipynb -p source lucas2015

and its wall time, CPU time and memory are printed. ``--write`` only writes the files.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from processes import run

from soilpb._format import track
from soilpb.readers.libraries.lucas import COUNTRIES, WAVELENGTHS
from soilpb.simulate import twin
from soilpb.spectra import absorbance

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = ("02_pretraining", "03_transfer", "04_baselines", "05_interpretation")
#: Points of the release, and how many of them nobody scanned.
POINTS, UNSCANNED = 21_859, 77
#: Standard deviations between two scans of a point, in absorbance: level, and noise of a band.
REPACKING, NOISE = 0.004, 0.0004
COLUMNS = (
    "Point_ID Revisited_point Coarse Clay Sand Silt pH(CaCl2) pH(H2O) EC OC CaCO3 P N K Elevation LC1 LU1 "
    "Soil_Stones NUTS_0 NUTS_1 NUTS_2 NUTS_3 LC1_Desc LU1_Desc"
).split()


def write(folder: Path, n_points: int, seed: int = 1) -> None:
    """Write LUCAS 2015's files, filled with simulated soils, into a folder that has nothing in it."""
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder} is not empty; simulated files must not mix with others")
    spectra_folder = folder / "LUCAS2015_Soil_Spectra_EU28"
    spectra_folder.mkdir(parents=True)
    soils = twin.simulate_source(n_points + n_points // 20 + 28, seed=seed)
    table = laboratory_table(soils.samples).head(n_points)
    with open(folder / "LUCAS_Topsoil_2015_20200323.csv", "w", encoding="utf-8") as file:
        table.to_csv(file, index=False)
    rng = np.random.default_rng(seed)
    unscanned = rng.choice(n_points, UNSCANNED * n_points // POINTS, replace=False)
    scanned = table.drop(table.index[unscanned])
    bands = ",".join(f"{w:g}" for w in WAVELENGTHS)
    for country, rows in track(scanned.groupby("NUTS_0"), "writing spectra"):
        with open(spectra_folder / f"spectra_ {country} .csv", "w", encoding="utf-8") as file:
            file.write(f"source,SampleID,PointID,NUTS_0,SampleN,{bands}\n")
            for place, point in rows["Point_ID"].items():
                spectrum = absorbance(soils.reflectance[place])
                for scan in (1, 2):
                    repacked = spectrum + rng.normal(0, REPACKING) + rng.normal(0, NOISE, spectrum.size)
                    values = _LINE % tuple(repacked)
                    file.write(f"simulated,{place},{point},{country},{scan},{values}\n")


def laboratory_table(samples: pd.DataFrame) -> pd.DataFrame:
    """Soils as rows of the 2015 laboratory table, one a grid node; a country is a tile of the twin's map."""
    samples = samples.reset_index(drop=True)
    node = samples[["x", "y"]].floordiv(2_000).astype(int) * 2
    tile = 4 * samples["x"].rank(pct=True).mul(6.999).astype(int)
    tile += samples["y"].rank(pct=True).mul(3.999).astype(int)
    table = pd.DataFrame("", index=samples.index, columns=COLUMNS)
    table["Point_ID"] = (4_000 + node["x"]).astype(str) + (2_000 + node["y"]).astype(str)
    table["NUTS_0"] = np.array(COUNTRIES)[tile]
    table["LC1_Desc"] = "Simulated, nobody was there"
    values = {"Clay": "clay_pct", "pH(H2O)": "pH"}
    per_kg = {"OC": "SOC_pct", "CaCO3": "CaCO3_pct"}
    for column, name in (values | per_kg).items():
        table[column] = (samples[name] * (10 if column in per_kg else 1)).round(2)
    return table.drop_duplicates("Point_ID")


def run_chain(project: Path) -> list[dict[str, object]]:
    """Execute the chapters in a project, one after the other; what each cost."""
    rows = []
    for chapter in track(CHAPTERS, "chapters"):
        papermill = [sys.executable, "-m", "papermill", "--no-progress-bar"]
        notebooks = [f"notebooks/{chapter}.ipynb", f"{chapter}.out.ipynb"]
        cost = run([*papermill, *notebooks, "-p", "source", "lucas2015"], project)
        rows.append({"step": chapter, "wall, s": cost.wall_s, "CPU, s": cost.cpu_s, "peak, MB": cost.peak_MB})
    return rows


def main() -> None:
    """Write the files, run the chain, print the table."""
    arguments = _arguments()
    if arguments.write:
        write(arguments.write, arguments.points)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        project = Path(folder)
        (project / "notebooks").symlink_to(ROOT / "notebooks")
        library = project / "data" / "lucas2015"
        size = ["--points", str(arguments.points)]
        written = run([sys.executable, __file__, "--write", str(library), *size])
        megabytes = sum(path.stat().st_size for path in library.rglob("*.csv")) / 1e6
        print(f"{megabytes:,.0f} MB of simulated files written in {written.wall_s:.0f} s")
        rows = run_chain(project)
    table = pd.DataFrame(rows)
    print(table.to_string(index=False, float_format="{:.0f}".format))
    print(f"02 to 05 in {table['wall, s'].sum() / 60:.1f} minutes")
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


_LINE = ",".join(["%.6f"] * WAVELENGTHS.size)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=POINTS, help="rows of the laboratory table")
    parser.add_argument("--folder", type=Path, help="where the temporary project is made")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the files there, and do no more")
    return parser.parse_args()


if __name__ == "__main__":
    main()
