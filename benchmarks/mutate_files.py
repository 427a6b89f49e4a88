"""Byte mutations of every format that is read: what is refused, said, and taken without a word.

    python benchmarks/mutate_files.py [mutations of each format: 5000]

A mutation is one to three bytes, bits or digits changed, up to eight bytes lost, added or zeroed, up to 64
repeated, or the rest cut off (``tests/mutations.py``). *Silent* is a spectrum that differs by more than
.01 in reflectance or .1 nm without a note. A traceback ends the run, as does more than 500 MB. Measured on
5,000 mutations of each format (peak 178 MB, of which 154 are imports):

| format | refused | said | the same | silent | ms each |
|---|---|---|---|---|---|
| asd | 33.7% | 12.1% | 54.2% | 0.0% | 2.3 |
| opus | 56.9% | 7.0% | 36.0% | 0.2% | 1.2 |
| omnic | 23.9% | 30.1% | 44.9% | 1.1% | 1.5 |
| csv | 81.9% | 12.3% | 5.8% | 0.1% | 12.1 |
| jcamp | 86.1% | 5.1% | 8.8% | 0.1% | 1.0 |
| sed | 82.5% | 7.5% | 10.0% | 0.0% | 1.1 |
| sig | 77.3% | 6.2% | 16.5% | 0.0% | 1.6 |
| dpt | 82.6% | 7.5% | 9.3% | 0.6% | 2.7 |
| spc | 31.7% | 23.7% | 44.6% | 0.1% | 1.5 |
| spg | 29.3% | 31.7% | 38.6% | 0.4% | 1.8 |
| xlsx | 95.9% | 0.0% | 4.1% | 0.0% | 7.3 |

Silent stays what a file says only once: the ends of the axis (OMNIC, OPUS, SPC), rows lost
from bare columns, and eight bytes lost
in ASD files, which shift the target against its white reference by one band.
"""

import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.mutations import WRITERS, count_outcomes

#: Seconds after which a reader hangs, and bytes of address space beyond those of the imports.
PATIENCE, ROOM = 600, 500 << 20


def main(n: int = 5000) -> None:
    """Print a row per format."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, resource.RLIM_INFINITY))
    print("| format | refused | said | the same | silent | ms each |\n|---|---|---|---|---|---|")
    for name in WRITERS:
        signal.alarm(PATIENCE)
        start = time.process_time()
        with tempfile.TemporaryDirectory() as folder:
            found = count_outcomes(Path(folder), name, n)
        shares = " | ".join(f"{found[kind] / n:.1%}" for kind in ("refused", "said", "same", "silent"))
        print(f"| {name} | {shares} | {1e3 * (time.process_time() - start) / n:.1f} |", flush=True)
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
