"""What pretraining costs: by bands, stem and batch, and by the number of soils.

    python benchmarks/pretraining.py [--soils 20000] [--json FILE] [--figure benchmarks/pretraining.svg]

Three tables from one run, on one thread:

1. samples/s, GFLOP/s and the share of this machine's sgemm (1,024 × 1,024, measured beside each row)
   for bands × stem × batch;
2. an epoch of ``--soils`` spectra with the default network, at 210, 420, 2,100 and 4,200 bands;
3. an epoch and the peak memory of the whole process for 5,000 to 40,000 spectra of 210 bands, read
   from a memory-mapped file as the cache of a library is; drawn in ``benchmarks/pretraining.svg``.

CPU seconds throughout: what else the machine does is not counted, though its caches are shared.
Spectra are a thousand of the simulated twin's, repeated: values make no difference to speed.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from processes import run
from torch.utils.flop_counter import FlopCounterMode

from soilpb._format import track
from soilpb.models.resnet import ResNet1d, ResNetConfig
from soilpb.models.training import TrainingConfig, fit_network, reproducible
from soilpb.plots import style
from soilpb.simulate import twin
from soilpb.spectra import band_grid

GRIDS = {
    210: band_grid(400, 2490, 10),
    420: band_grid(400, 2495, 5),
    2_100: band_grid(400, 2499, 1),
    4_200: band_grid(400, 2499.5, 0.5),
}
#: Stems (kernel, stride) in bands, tried beside the one that the network chooses by its bands.
SHORT_STEMS = ((9, 4), (7, 2))
BATCHES = (32, 64, 128, 256)
ROWS = (5_000, 10_000, 20_000, 40_000)
#: Spectra a measurement of speed sees, at the least and if they have 210 bands.
SOILS = (512, 4_096)
SGEMM_SIZE = 1_024
FIGURE = Path(__file__).with_suffix(".svg")

FIT_FROM_FILE = """
import sys, time
import numpy as np
from soilpb.models.network import SpectralNetwork
from soilpb.models.training import TrainingConfig
X, wavelengths = np.load(sys.argv[1], mmap_mode="r")[: int(sys.argv[2])], np.load(sys.argv[3])
y = np.linspace(4, 9, len(X))
for n, epochs in ((256, 1), (len(X), 2)):  # first calls are not training
    start = time.process_time()
    SpectralNetwork.fit(X[:n], y[:n], wavelengths, ["pH"], training=TrainingConfig(epochs=epochs))
print((time.process_time() - start) / epochs)
"""


def sgemm() -> float:
    """GFLOP/s of a product of two square matrices in single precision: the best of five."""
    a, b = torch.rand(2, SGEMM_SIZE, SGEMM_SIZE)
    return max(2e-9 * SGEMM_SIZE**3 / _seconds(lambda: a @ b) for _ in range(5))


def flops_per_soil(config: ResNetConfig) -> float:
    """Floating-point operations of a training step on one soil: forwards and backwards."""
    with reproducible(0), FlopCounterMode(display=False) as counter:
        ResNet1d(config)(torch.zeros(64, config.n_bands)).square().mean().backward()
    return counter.get_total_flops() / 64


def configurations() -> Iterator[ResNetConfig]:
    """Networks for each number of bands: with the stem of their choice, and with short ones."""
    for n_bands in GRIDS:
        default = ResNetConfig(n_bands)
        for kernel, stride in dict.fromkeys([(default.stem_kernel, default.stem_stride), *SHORT_STEMS]):
            yield ResNetConfig(n_bands, stem_kernel=kernel, stem_stride=stride)


def speed(config: ResNetConfig, batch: int) -> dict[str, float | str]:
    """Samples/s and GFLOP/s of training, beside the sgemm of the same moment."""
    longest = config.lengths[0] / ResNetConfig(210).lengths[0]
    n = max(SOILS[0], int(SOILS[1] / longest))
    peak, seconds = sgemm(), epoch_seconds(config, n, batch)
    gflops = 1e-9 * flops_per_soil(config) * n / seconds
    return {
        "bands": config.n_bands,
        "stem": f"k{config.stem_kernel} s{config.stem_stride}",
        "default": config == ResNetConfig(config.n_bands),
        "batch": batch,
        "samples/s": round(n / seconds),
        "GFLOP/s": round(gflops, 2),
        "sgemm, GFLOP/s": round(peak, 1),
        "share of sgemm, %": round(100 * gflops / peak, 1),
    }


def epoch_seconds(config: ResNetConfig, n: int, batch: int = 64) -> float:
    """CPU seconds of an epoch over ``n`` spectra, once the network is warm."""
    X = torch.randn(min(n, 1_000), config.n_bands).repeat(-(-n // 1_000), 1)[:n].numpy()
    y = np.linspace(-1, 1, n, dtype=np.float32)[:, None]
    training = TrainingConfig(epochs=1, batch_size=batch)
    model = ResNet1d(config)
    fit_network(model, X[: 2 * batch], y[: 2 * batch], training)
    return _seconds(lambda: fit_network(model, X, y, training))


def epochs_by_bands(n: int) -> list[dict[str, float]]:
    """An epoch over ``n`` spectra with the default network, and how often that of 210 bands it costs."""
    rows = []
    for n_bands in track(GRIDS, f"an epoch of {n:,} spectra"):
        seconds = epoch_seconds(ResNetConfig(n_bands), n)
        first = rows[0]["s an epoch"] if rows else seconds
        rows.append({"bands": n_bands, "s an epoch": seconds, "times 210 bands": seconds / first})
    return rows


def epochs_by_rows() -> list[dict[str, float]]:
    """An epoch and the peak memory of the process by the number of spectra, each in a process of its own."""
    grid = GRIDS[210]
    spectra = twin.simulate_source(1_000, seed=0, grid=grid).reflectance
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        library, wavelengths = Path(folder) / "reflectance.npy", Path(folder) / "wavelengths.npy"
        np.save(library, np.tile(spectra, (max(ROWS) // len(spectra), 1)))
        np.save(wavelengths, grid)
        for n in track(ROWS, "more spectra"):
            cost = run([sys.executable, "-c", FIT_FROM_FILE, str(library), str(n), str(wavelengths)])
            seconds = float(cost.output)
            rows.append(
                {
                    "spectra": n,
                    "spectra, MB": 4e-6 * n * grid.size,
                    "s an epoch": seconds,
                    "µs a spectrum": 1e6 * seconds / n,
                    "peak, MB": cost.peak_MB,
                }
            )
    return rows


def draw(rows: list[dict[str, float]], path: Path) -> None:
    """Draw time and memory against the number of spectra."""
    style.set_style()
    table = pd.DataFrame(rows).set_index("spectra")
    above, beneath = style.stack_axes([2.4, 2.4])
    panels = ((above, "s an epoch", "Epoch (CPU s)"), (beneath, "peak, MB", "Peak memory (MB)"))
    for (ax, column, label), colour in zip(panels, style.PALETTE, strict=False):
        ax.plot(table.index, table[column], "o-", color=colour)
        ax.set(ylabel=label, ylim=(0, 1.15 * table[column].max()), xlim=(0, None))
    beneath.xaxis.set_major_formatter("{x:,.0f}")
    proportional = table["s an epoch"].iloc[-1] * np.array([0, 1])
    above.plot([0, table.index[-1]], proportional, "--", color=style.GREY, zorder=0, label="proportional")
    above.legend()
    beneath.set_xlabel("Spectra of 210 bands")
    path.parent.mkdir(parents=True, exist_ok=True)
    above.figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def main() -> None:
    """Measure, print the tables, draw the third, store all where asked."""
    arguments = _arguments()
    combinations = list(product(configurations(), BATCHES))
    rows = epochs_by_rows()  # first: a process never reports less memory than the one that started it has
    with reproducible(0):
        result = {
            "speed": [speed(*each) for each in track(combinations, "bands × stem × batch")],
            "bands": epochs_by_bands(arguments.soils),
            "rows": rows,
        }
    for table in result.values():
        print(pd.DataFrame(table).to_string(index=False, float_format="{:.2f}".format), end="\n\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    draw(result["rows"], arguments.figure)


def _seconds(do: Callable[[], object]) -> float:
    start = time.process_time()
    do()
    return time.process_time() - start


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--soils", type=int, default=20_000, help="spectra of the second table")
    parser.add_argument("--json", type=Path, help="where the numbers are written")
    parser.add_argument("--figure", type=Path, default=FIGURE, help="where the third table is drawn")
    return parser.parse_args()


if __name__ == "__main__":
    main()
