"""R² of the study's four models under hundreds of plausible protocols, on the twin and on a measured field.

    python benchmarks/multiverse.py [--draws 10] [--csv results/multiverse.csv]

What the study must have decided and what else is plausible stands in ``notebooks/protocol.yml``. Settled
before any result was seen: 20 protocols for each of ten draws of the twin (a draw is a seed: its own site of
130 soils, library, split and network), and 10 for each of ten seeds on one measured field (the same soils and
the same library of the other four fields; split and network by the seed). The field is the one of the ten
tasks of chapter 6 on which PLS is nearest to the published 0.77: organic carbon of SL.125. Within a draw the
levels of each choice are used equally often. Networks learn pH from at most 3,000 library soils (chapter 2:
12,000), because pretraining takes most of the time; protocols that agree on it share it.

One row per protocol, written as soon as it is there; the same command goes on where it was interrupted.
Thirty-nine CPU minutes (torch on one thread).
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from soilpb.evaluate import protocols
from soilpb.site_file import project_root
from soilpb.study import Study

MODELS = ["pls", "svm", "resnet", "resnet-ph"]
COLUMNS = ["soils", "seed", *protocols.Protocol.model_fields, *MODELS, "seconds"]
#: Soils → site file, keys laid over it, protocols per draw.
SOILS = {
    "twin": ("gejiu", {"source_size": protocols.MOST_SOURCE}, 20),
    "SL.125": ("sl125", {"target": "SOC_pct"}, 10),
}
FIRST_SEED = 77_000


def run(soils: str, seed: int, path: Path) -> None:
    """Append the rows of one draw that the table lacks."""
    site, over, n = SOILS[soils]
    planned = protocols.choose_protocols(protocols.load_protocol(), n, seed)
    table = pd.read_csv(path).query("soils == @soils and seed == @seed") if path.exists() else pd.DataFrame()
    done = table.to_dict("records")
    missing = [one for one in planned if not any(one.model_dump().items() <= row.items() for row in done)]
    study = Study.load(site, "04_baselines", seed=seed, **over)
    start = time.process_time()
    for row in protocols.run_protocols(study, missing):
        now = time.process_time()
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS)
            if new:
                writer.writeheader()
            scores = {model: f"{row[model]:.5f}" for model in MODELS}
            writer.writerow({"soils": soils, **row, **scores, "seconds": f"{now - start:.1f}"})
        start = now


def main() -> None:
    """Run what is not there yet, a draw of the twin and one of the field in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=10, help="of each soils")
    parser.add_argument("--csv", type=Path, default=project_root() / "results" / "multiverse.csv")
    arguments = parser.parse_args()
    with threadpool_limits(1):
        for seed in range(FIRST_SEED, FIRST_SEED + arguments.draws):
            for soils in SOILS:
                run(soils, seed, arguments.csv)


if __name__ == "__main__":
    main()
