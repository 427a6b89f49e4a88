"""``soilpb new-site``: from a folder of spectra and a laboratory table to a site file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from soilpb import new_site
from soilpb.sitefile import Site, SiteError, project_root

app = typer.Typer(help="A new site.", no_args_is_help=True)


class BelowDetection(StrEnum):
    """What to do with cells such as ``<5``."""

    refuse = "refuse"
    half = "half"


#: The libraries, and the units of spectra, that a site file may name.
Source = StrEnum("Source", list(get_args(Site.model_fields["source"].annotation)))
SpectraUnit = StrEnum("SpectraUnit", list(get_args(Site.model_fields["spectra_unit"].annotation)))

Name = Annotated[str, typer.Argument(help="Short name: letters, digits and dashes.", show_default=False)]
Spectra = Annotated[Path, typer.Option(help="Folder of instrument files, or a table.", show_default=False)]
Laboratory = Annotated[Path, typer.Option("--lab", help="Laboratory table, CSV or XLSX.", show_default=False)]
Target = Annotated[str, typer.Option(help="What to predict: its column, or its name such as Pb or clay.")]
Unit = Annotated[str, typer.Option(help="Unit of the target where its column says none, such as mg/kg.")]
Id = Annotated[str, typer.Option("--id", help="Column of the sample ids; found by itself if omitted.")]
Measured = Annotated[
    SpectraUnit, typer.Option("--spectra-unit", help="Unit of the spectra, where it cannot be seen.")
]
Below = Annotated[BelowDetection, typer.Option(help="Cells such as <5: refuse, or take half the limit.")]
Library = Annotated[
    Source, typer.Option("--source", help="What the network learns from; limesoda needs no download.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace a site file that is there.")]


@app.command("new-site")
def new(
    name: Name,
    spectra: Spectra,
    laboratory: Laboratory,
    target: Target = "Pb",
    unit: Unit = "",
    id_column: Id = "",
    spectra_unit: Measured = SpectraUnit.auto,
    below_detection: Below = BelowDetection.refuse,
    source: Library = Source.limesoda,
    force: Force = False,
) -> None:
    """Recognise a site's files, say what was understood, and write its site file."""
    console = Console(highlight=False)
    try:
        new_site.free_path(name, force=force)
        proposal = new_site.propose_site(
            name,
            spectra,
            laboratory,
            target=target,
            unit=unit,
            id_column=id_column,
            spectra_unit=spectra_unit.value,
            below_detection=below_detection.value,
            source=source.value,
        )
        console.print(_table(proposal))
        path = new_site.write_site(proposal, force=force)
    except SiteError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"problem: {error}")
        raise typer.Exit(1) from None
    plain = Console(soft_wrap=True, highlight=False, markup=False)
    plain.print(f"Written: {path.relative_to(project_root())}")
    plain.print(f"Looked at closely: soilpb check-site {name}")
    plain.print(f"Its report: make report SITE={name}")


def _table(proposal: new_site.Proposal) -> Table:
    table = Table("about", "understood as", title=proposal.site.site, title_justify="left")
    for about, found in proposal.understood:
        # Names and cells of users' files may hold what rich takes for markup.
        table.add_row(Text(about), Text(found))
    for finding in proposal.findings:
        if finding.level in ("problem", "warning"):
            table.add_row(Text(finding.level), Text(f"{finding.found}: {finding.mend}"), style="yellow")
    return table
