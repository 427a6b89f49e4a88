"""Reproducibility report: how this book was made, and how far its tables are from the committed reference.

As a Sphinx extension it writes the page *Reproducibility*. As a command, ``python book/_ext/reproduce.py
check`` compares the tables in ``artifacts`` with ``results/reference.json`` and fails outside the tolerance;
``python book/_ext/reproduce.py reference`` writes that file from them.

Of a table of at most 60 rows the reference holds all numbers; of a longer one the means by model, metric and
task; and of each the hash of its bits.
"""

import hashlib
import json
import math
import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd

from soilpb.site_file import load_site_file

_PROJECT = Path(__file__).resolve().parents[2]
_REFERENCE = _PROJECT / "results" / "reference.json"
_PLACEHOLDER = "<!-- report -->"
#: Largest relative difference of a number. On the kind of machine that made the reference it is 0.
TOLERANCE = 0.005
#: A number nearer to 0 than this share of its column's root mean square is compared with that.
_NEAR_ZERO = 0.001
_WHOLE = 60  # rows
_COUNTERS = ("repeat", "fold", "draw")
_GROUPS = ("place", "task", "protocol", "rule", "model", "metric")
_PACKAGES = (
    *("torch", "numpy", "scipy", "pandas", "scikit-learn", "chemotools", "shap"),
    *("limesoda", "earthlib", "jupyter-book"),
)


def setup(app):
    """Register the hook that writes the page."""
    app.connect("source-read", _write_page)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def summarise(table):
    """Numbers of a table that a reference holds: column → list, in the order of rows or groups."""
    numbers = table.select_dtypes(["number", "bool"]).astype(float)
    if len(table) > _WHOLE:
        numbers = numbers.drop(columns=[name for name in _COUNTERS if name in numbers])
        groups = [name for name in _GROUPS if name in table]
        while groups and table.groupby(groups).ngroups > 3 * _WHOLE:
            groups = groups[1:]
        by_group = numbers.groupby([table[name] for name in groups]) if groups else None
        numbers = pd.DataFrame([numbers.mean(), numbers.std()]) if by_group is None else by_group.mean()
    return {name: [None if math.isnan(x) else float(f"{x:.5g}") for x in numbers[name]] for name in numbers}


def make_reference(artifacts):
    """``site/chapter/table`` → hash and numbers, of all tables that chapters stored."""
    found = {}
    for path in sorted(artifacts.glob("*/*/*.parquet")):
        if path.parent.name != "shards":
            table = pd.read_parquet(path)
            bits = hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()[:12]
            found[path.relative_to(artifacts).with_suffix("").as_posix()] = [bits, summarise(table)]
    return found


def compare(found, reference):
    """Table per row: the largest relative difference, 0 where all bits agree, inf where something is missing.

    A site of which there is no table at all was not built; it is left out.
    """
    sites = {name.split("/")[0] for name in found}
    rows = []
    for name, (bits, numbers) in reference.items():
        if name.split("/")[0] in sites:
            now = found.get(name, ["", {}])
            same = now[0] == bits and now[1] == numbers
            rows.append((name, same, 0.0 if same else _difference(now[1], numbers)))
    return pd.DataFrame(rows, columns=["table", "same", "difference"])


def _difference(now, before):
    if {name: len(x) for name, x in now.items()} != {name: len(x) for name, x in before.items()}:
        return math.inf
    largest = 0.0
    for name, expected in before.items():
        a, b = np.array(now[name], dtype=float), np.array(expected, dtype=float)
        if (np.isnan(a) != np.isnan(b)).any():
            return math.inf
        a, b = a[~np.isnan(b)], b[~np.isnan(b)]
        if b.size:
            scale = np.maximum(np.abs(b), max(_NEAR_ZERO * np.sqrt(np.mean(b**2)), 1e-12))
            with np.errstate(invalid="ignore"):  # ∞ - ∞, which are equal
                gaps = np.where(a == b, 0.0, np.abs(a - b) / scale)
            largest = max(largest, float(np.max(gaps)))
    return largest


def _write_page(app, docname, source):
    if docname == "reproducibility":
        book = Path(app.srcdir)
        parts = [_made_by(), _chapters(book), _inputs(), _tables(book.parent / "artifacts")]
        source[0] = source[0].replace(_PLACEHOLDER, "\n\n".join(parts))


def _made_by():
    git = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    run = subprocess.run(git, cwd=_PROJECT, capture_output=True)
    cpuinfo = Path("/proc/cpuinfo")
    model = re.search(r"model name\s*: (.*)", cpuinfo.read_text() if cpuinfo.exists() else "")
    processor = model[1] if model else platform.processor() or platform.machine()
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "commit": f"`{run.stdout.decode().strip() or 'not a git repository'}`",
        "Python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "packages": ", ".join(f"{name} {metadata.version(name)}" for name in _PACKAGES),
        "hardware": f"{processor}; {os.cpu_count()} cores",
        "threads": "1 per chapter; chapters and folds run side by side",
    }
    return _markdown(["", ""], about.items())


def _chapters(book):
    rows = []
    for path in [*sorted(book.glob("notebooks/*.ipynb")), *sorted(book.glob("sites/*.ipynb"))]:
        about = nbformat.read(path, as_version=4).metadata
        site = about.get("papermill", {}).get("parameters", {}).get("site", "")
        seed = load_site_file(site).seed if site else ""
        hashes = [f"`{about.get('soilpb', {}).get(part, '')[:12]}`" for part in ("values", "data", "code")]
        seconds = about.get("papermill", {}).get("duration") or 0
        rows.append((path.stem, site, seed, f"{seconds:,.0f}", *hashes))
    heads = ["page", "site", "seed", "seconds", "parameters", "data", "code"]
    return f"## Chapters\n\n{_HASHES}\n\n{_markdown(heads, rows)}"


_HASHES = (
    "Hashes are the first digits of SHA-256: of the values of all parameters, of the files of a site's own "
    "data (the same for all sites that bring none), and of the chapter's source and all code behind it."
)


def _inputs():
    files = [*sorted((_PROJECT / "results").glob("*.*")), _PROJECT / "requirements.lock"]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files]
    rows = [(f"`{path.relative_to(_PROJECT)}`", f"`{h}`") for path, h in zip(files, hashes, strict=True)]
    return f"## Committed tables and versions\n\n{_markdown(['file', 'SHA-256'], rows)}"


def _tables(artifacts):
    head = "## Tables against the reference"
    if not _REFERENCE.exists():
        return f"{head}\n\nThere is no `results/reference.json`."
    table = compare(make_reference(artifacts), json.loads(_REFERENCE.read_text(encoding="utf-8")))
    outside = table["difference"] > TOLERANCE
    same = f"{table['same'].sum()} of {len(table)} tables are the same bit by bit"
    said = f"{same}, {outside.sum()} differ by more than the tolerance of {TOLERANCE:.1%}."
    shown = table.sort_values("difference", ascending=False, kind="stable").itertuples()
    rows = [(f"`{row.table}`", "0" if row.same else f"{row.difference:.1e}") for row in shown]
    return f"{head}\n\n{said}\n\n{_markdown(['table', 'difference'], rows)}"


def _markdown(heads, rows):
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def main(words):
    """Compare with the reference, or write it."""
    found = make_reference(_PROJECT / "artifacts")
    if words == ["reference"]:
        _REFERENCE.write_text(json.dumps(found, separators=(",", ":")).replace('"],', '"],\n') + "\n")
        return f"{len(found)} tables: {_REFERENCE.relative_to(_PROJECT)}"
    if words != ["check"]:
        sys.exit("usage: reproduce.py check | reference")
    table = compare(found, json.loads(_REFERENCE.read_text(encoding="utf-8")))
    outside = table[table["difference"] > TOLERANCE]
    if len(outside) or table.empty:
        found = f"{len(outside)} of {len(table)} tables differ by more than {TOLERANCE:.1%}"
        sys.exit(f"{found}:\n{outside.to_string()}")
    largest = f"largest difference {table['difference'].max():.1e}"
    return f"{len(table)} tables, {table['same'].sum()} the same bit by bit; {largest}"


if __name__ == "__main__":
    print(main(sys.argv[1:]))
