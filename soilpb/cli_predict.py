"""``soilpb predict``: what a site's kept model says of new spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console

from soilpb.sitefile import SiteError
from soilpb.store import MissingArtifact, atomic_write

app = typer.Typer(help="Predictions.", no_args_is_help=True)

SiteName = Annotated[str, typer.Argument(help="A site's name, or the path of its file.", show_default=False)]
Spectra = Annotated[
    Path,
    typer.Argument(
        help="Spectra of the new soils: CSV, XLSX, or a folder of instrument files.", show_default=False
    ),
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="CSV to write; printed if omitted.")]
Ph = Annotated[Path | None, typer.Option(help="Table with measured pH of the new soils.")]
Standard = Annotated[str, typer.Option(help="Whose limits; GB 15618-2018 for lead if omitted.")]
Limits = Annotated[Path | None, typer.Option(help="YAML file of a standard of your own.")]
Coverage = Annotated[float, typer.Option(help="Share of values that intervals shall hold.")]


@app.command("predict")
def predict(
    site: SiteName,
    spectra: Spectra,
    output: Output = None,
    ph: Ph = None,
    standard: Standard = "",
    limits: Limits = None,
    coverage: Coverage = 0.9,
) -> None:
    """Predict new soils with the model that a site's report kept: value, interval, exceedance, flag."""
    from soilpb import predictions  # not before it is asked for: PyTorch takes seconds

    speak = Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print
    try:
        table, remarks = predictions.predict(site, spectra, ph, standard, limits, coverage)
        _write(table, output, inputs=[spectra, *filter(None, [ph, limits])])
    except (ValueError, MissingArtifact, OSError) as error:
        speak(f"problem: {error}")
        raise typer.Exit(1) from None
    for remark in remarks:
        speak(remark)


def _write(table: pd.DataFrame, output: Path | None, inputs: list[Path]) -> None:
    """Write the table whole or not at all, and never over what was read."""
    text = table.to_csv(float_format="%.6g")
    if output is None:
        typer.echo(text, nl=False)
        return
    if output.resolve() in [path.resolve() for path in inputs]:
        raise SiteError(f"{output} is a file of yours that was just read: name another output")
    with atomic_write(output) as temporary:
        temporary.write_text(text, encoding="utf-8")
