"""``soilpb report``: one site's report as one page, without the other chapters of the book."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from papermill.exceptions import PapermillExecutionError
from rich.console import Console

from soilpb import one_page, sitefile, workflow
from soilpb.sitefile import Site, SiteError

app = typer.Typer(help="A report.", no_args_is_help=True)

#: The chapter whose network the report starts from, and the report itself.
PRETRAINING, REPORT = "02_pretraining", "site_report"
#: Where reports are put, in the project's root.
FOLDER = Path("_build", "report")

SiteName = Annotated[str, typer.Argument(help="A site's name, or the path of its file.", show_default=False)]
Parameters = Annotated[
    list[str] | None,
    typer.Option("-p", help="A parameter of the report or key of the site file, such as -p n_repeats=1."),
]


@app.command("report")
def report(site: SiteName, parameters: Parameters = None) -> None:
    """Make the report of a site: one HTML file. The former one stays until the new one is complete."""
    console = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    try:
        given = _read(parameters or [])
        path = make(site, given, console)
    except PapermillExecutionError as error:
        fault = error.evalue if error.ename == SiteError.__name__ else f"{error.ename}: {error.evalue}"
        console.print(f"problem: {fault}")
        raise typer.Exit(1) from None
    except (SiteError, one_page.PageError) as error:
        console.print(f"problem: {error}")
        raise typer.Exit(1) from None
    typer.echo(f"The report: {path.relative_to(sitefile.project_root())}")


def make(site: str, parameters: Mapping[str, Any], console: Console) -> Path:
    """Execute what the report needs, render it, and return its path.

    The network is trained again only if something behind it changed. With parameters, what
    is executed is for this page alone: the book executes its own.
    """
    logging.getLogger("papermill").setLevel(logging.ERROR)  # keys of site files are no news to us
    keys = {key: value for key, value in parameters.items() if key in Site.model_fields}
    about = sitefile.load_site_file(site, **keys)
    page = sitefile.project_root() / FOLDER / f"{about.site}.html"
    with tempfile.TemporaryDirectory(prefix="soilpb-report-") as aside:
        for chapter, given in ((PRETRAINING, keys), (REPORT, parameters)):
            source = one_page.PROJECT / "notebooks" / f"{chapter}.py"
            kept = sitefile.artifacts_folder(about) / chapter / "notebook.ipynb"
            if chapter == PRETRAINING and not given and _is_current(kept, source, site):
                continue
            console.print(f"Executing {chapter} for {about.site} …")
            if given:
                kept.unlink(missing_ok=True)  # its tables are about to be others
            executed = Path(aside) / f"{chapter}.ipynb" if given else kept
            workflow.execute(source, executed, site, **given)
        console.print(f"Rendering the report of {about.site} …")
        return one_page.render(executed, page)


def _read(parameters: Iterable[str]) -> dict[str, Any]:
    """Names and values of ``name=value``; values as YAML reads them."""
    pairs = [text.partition("=") for text in parameters]
    for name, equals, value in pairs:
        if not equals:
            raise SiteError(f"-p {name}{value} is no parameter; write -p name=value")
    return {name: yaml.safe_load(value) for name, _, value in pairs}


def _is_current(executed: Path, source: Path, site: str) -> bool:
    """Tell whether nothing behind an executed chapter is younger than it."""
    root = sitefile.project_root()
    behind = [*workflow.data_behind(site), *workflow.code_behind(source)]
    files = [source, sitefile.site_file(site), *(root / path for path in behind)]
    return executed.exists() and executed.stat().st_mtime >= max(file.stat().st_mtime for file in files)
