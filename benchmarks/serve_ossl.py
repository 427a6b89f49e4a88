"""The book on a fetched library, from a fresh clone: download and build each interrupted by ``kill -9``.

    python benchmarks/serve_ossl.py [--soils 20000] [--venv .venv] [--folder FOLDER] [--json FILE]
    python benchmarks/serve_ossl.py --write data/ossl

Writes LUCAS and ICRAF_ISRIC in the layout of OSSL v1.3, filled by the SIMULATED twin (the tables and every
page made from them say so), serves them from 127.0.0.1, clones the last commit, and there runs

    soilpb fetch lucas
    make book SOURCE=lucas

each killed once on its way and given again. Prints minutes of the build, bytes that were sent beside those
of the library, and whether the book is whole. ``--venv`` lends an environment that is installed already.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from soilpb.simulate import twin  # noqa: E402
from tests.layouts import write_ossl_library  # noqa: E402
from tests.readers.libraries.test_fetch import Publisher  # noqa: E402

#: Code → bands, nm, and a seed.
LIBRARIES = {"LUCAS": (np.arange(400, 2501, 2), 1), "ICRAF_ISRIC": (np.arange(350, 2501, 2), 2)}
COLUMNS = {
    "pH": "ph.h2o_iso.10390_index",
    "clay_pct": "clay.tot_iso.11277_w.pct",
    "SOC_pct": "oc_iso.10694_w.pct",
    "CaCO3_pct": "caco3_iso.10693_w.pct",
}


def write(folder: Path, n: int) -> None:
    """Write the simulated libraries; the second has a fifth of the soils of the first."""
    for share, (code, (nm, seed)) in enumerate(LIBRARIES.items()):
        soils = twin.simulate_source(n // (1 + 4 * share), seed=seed)
        ids = [f"simulated {i}" for i in range(len(soils))]
        key = {"id.layer_local_c": ids}
        site = pd.DataFrame(key | {"dataset.title_utf8_txt": "simulated, nobody measured these"})
        site["longitude.point_wgs84_dd"], site["latitude.point_wgs84_dd"] = soils.samples[
            ["x", "y"]
        ].T.to_numpy()
        laboratory = soils.samples[list(COLUMNS)].rename(columns=COLUMNS).round(2).reset_index(drop=True)
        spectra = np.array([np.interp(nm, soils.wavelengths, row) for row in soils.reflectance])
        bands = pd.DataFrame(spectra, columns=[f"scan_visnir.{w}_ref" for w in nm])
        tables = {
            "soilsite": site,
            "soillab": pd.concat([pd.DataFrame(key), laboratory], axis=1),
            "visnir": pd.concat([pd.DataFrame(key), bands], axis=1),
        }
        write_ossl_library(folder / code, tables)


def run_whole_way(n: int, venv: Path, folder: Path) -> dict[str, object]:
    """Fetch and build in a fresh clone, each killed once; what it cost."""
    write(folder / "published", n)
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Publisher, directory=str(folder / "published"))
    )
    server.sent, server.breaks, server.ranges, server.pause = 0, False, True, 0.001
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clone = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    (clone / ".venv").symlink_to(venv.resolve())
    environment = os.environ | {
        "SOILPB_OSSL": f"http://127.0.0.1:{server.server_port}",
        "PYTHONPATH": str(clone),
    }
    fetch = [str(venv.resolve() / "bin" / "python"), "-m", "soilpb.cli", "fetch", "lucas"]
    part = clone / "data" / "ossl" / "LUCAS" / "ossl_visnir_v1.3.parquet.part"
    run(fetch, clone, environment, kill=lambda _: part.exists() and part.stat().st_size > 1e6)
    server.pause = 0
    run(fetch, clone, environment)
    # The environment is lent: make must not install into it.
    book = ["make", "--assume-old=.venv/installed", "book", "SOURCE=lucas"]
    trained = clone / "artifacts" / "gejiu" / "02_pretraining" / "notebook.ipynb"
    first = run(book, clone, environment, kill=lambda _: trained.exists())
    second = run(book, clone, environment)
    library = sum(path.stat().st_size for path in (folder / "published" / "LUCAS").iterdir())
    pages = sorted((clone / "_build" / "html").rglob("*.html"))
    chapters = [page for page in pages if page.parent.name == "notebooks" and page.stem[:2] != "08"]
    named = [page.stem for page in chapters if "LUCAS" in page.read_text(encoding="utf-8")]
    return {
        "soils": n,
        "minutes": round((first + second) / 60, 1),
        "bytes sent": server.sent,
        "bytes of the library": library,
        "pages": len(pages),
        "chapters that name LUCAS": named,
    }


def run(command: list[str], folder: Path, environment: dict, kill=lambda seconds: False) -> float:
    """Run a command, or kill its processes as soon as ``kill`` says so; its wall seconds."""
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    while process.poll() is None:
        time.sleep(0.02)
        if kill(time.perf_counter() - start):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"killed: {' '.join(command[-3:])}", flush=True)
            return time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - start


def main() -> None:
    """Write the files alone, or go the whole way and print what it cost."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soils", type=int, default=20_000, help="soils of the first library")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the files there, and do no more")
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv", help="an installed environment")
    parser.add_argument("--folder", type=Path, help="where the clone is made")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    arguments = parser.parse_args()
    if arguments.write:
        write(arguments.write, arguments.soils)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        found = run_whole_way(arguments.soils, arguments.venv, Path(folder))
    for name, value in found.items():
        print(f"{name}: {value}")
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
