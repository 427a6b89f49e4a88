"""``soilpb fetch`` and ``soilpb check-source``: the libraries that the network learns from."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from soilpb import fetch, sources
from soilpb.sitefile import SiteError

app = typer.Typer(help="Source libraries.", no_args_is_help=True)
console = Console(soft_wrap=True, highlight=False, markup=False)


class Source(StrEnum):
    """Libraries that a site file may name as its source and that are not installed with the package."""

    ossl = "ossl"
    lucas2009 = "lucas2009"
    lucas2015 = "lucas2015"


class Level(StrEnum):
    """Levels of OSSL."""

    L0 = "L0"
    L1 = "L1"


Folder = Annotated[Path | None, typer.Option(help="Where the library's files are; data/<source> if omitted.")]


@app.command("fetch")
def fetch_source(
    source: Source,
    folder: Folder = None,
    level: Annotated[Level, typer.Option(help="OSSL as measured (L0) or harmonised (L1).")] = Level.L0,
) -> None:
    """Download OSSL (about 1 GB), or say how to ask for LUCAS."""
    folder = folder or Path("data") / source
    if source in fetch.LUCAS_STEPS:
        console.print(fetch.LUCAS_STEPS[source].format(folder=folder))
        return
    console.print(fetch.OSSL_LICENCES)
    try:
        path = fetch.fetch_ossl(folder, level.value)
    except SiteError as error:
        _stop(error)
    console.print(f"{path}\nsha256 {fetch.recorded_sha256(path)}\nNow: soilpb check-source ossl")


@app.command("check-source")
def check_source(source: Source, folder: Folder = None) -> None:
    """Say whether a library is complete and right; exit with 1 if it is not."""
    report = sources.check_source(source, folder or Path("data") / source)
    for finding in report.findings:
        console.print(f"{'✓' if finding.good else '✗'} {finding.text}")
    console.print(f"{source}: {'complete' if report.complete else 'not complete'}")
    raise typer.Exit(0 if report.complete else 1)


def _stop(error: SiteError) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(str(error))
    raise typer.Exit(1)
