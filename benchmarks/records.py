"""Print the tables of a benchmark, and write them as one JSON file of records."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from soilpb._files import atomic_write


def report(tables: Mapping[str, pd.DataFrame], path: Path | None = None) -> None:
    """Print each table under its title; with a path, write all, a list of rows per title."""
    for title, table in tables.items():
        print(f"\n{title}\n{table.round(3).to_string()}")
    if path is not None:
        rows = {
            title: json.loads(table.round(4).reset_index().to_json(orient="records"))
            for title, table in tables.items()
        }
        text = json.dumps(rows, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        with atomic_write(path) as file:
            file.write_text(text, encoding="utf-8")
