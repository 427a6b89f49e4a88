"""The command line: ``soilpb new-site``, ``check-site``, ``report``, ``predict`` and those about libraries.

What a user gets wrong is one message on standard error and exit code 1, never a
traceback.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from soilpb import checks, sitefile
from soilpb.cli_new_site import app as new_site_app
from soilpb.cli_predict import app as predict_app
from soilpb.cli_report import app as report_app
from soilpb.cli_sources import app as sources_app
from soilpb.quality import Finding
from soilpb.readers.site import read_measured
from soilpb.sitefile import SiteError

app = typer.Typer(
    help="Soil lead from vis-NIR spectra: check what you bring to the book.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(new_site_app)
app.add_typer(report_app)
app.add_typer(predict_app)
app.add_typer(sources_app)

_STYLES = {"problem": "bold red", "warning": "yellow", "ok": "green", "note": "dim"}

SiteName = Annotated[str, typer.Argument(help="A site's name, or the path of its file.", show_default=False)]


@app.command("check-site")
def check_site(site: SiteName) -> None:
    """Say what a study would find in a site's files; exit with 1 if anything stops it."""
    try:
        findings = _findings(sitefile.load_site_file(site))
    except SiteError as error:
        # One line, not wrapped: paths and cells stay whole for whoever searches for them.
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"problem: {error}")
        raise typer.Exit(1) from None
    counts = Counter(finding.level for finding in findings)
    console = Console(highlight=False)
    console.print(_table(site, findings))
    console.print(f"problems: {counts['problem']}, warnings: {counts['warning']}, notes: {counts['note']}")
    raise typer.Exit(1 if counts["problem"] else 0)


def _findings(site: sitefile.Site) -> list[Finding]:
    if site.target_data == "twin":
        return [Finding("ok", "site file", "valid; the site is a simulated twin: nothing measured to check")]
    return checks.check_soils(read_measured(site), site)


def _table(title: str, findings: Iterable[Finding]) -> Table:
    table = Table("", "about", "found, and what to do", title=title, title_justify="left")
    for finding in findings:
        said = ": ".join(filter(None, (finding.found, finding.mend)))
        # Cells of users' files may hold what rich takes for markup.
        table.add_row(*map(Text, (finding.level, finding.topic, said)), style=_STYLES[finding.level])
    return table


if __name__ == "__main__":
    app()
