"""``soilpb new-site``: from a folder of spectra and a laboratory table to a site file.

``soilpb predict``: what a site's kept model says of new spectra.

``soilpb report``: one site's report as one page, without the other chapters of the book.

``soilpb fetch`` and ``soilpb check-source``: the libraries that the network learns from.

The command line: ``soilpb new-site``, ``check-site``, ``report``, ``predict`` and those about libraries.

What a user gets wrong is one message on standard error and exit code 1, never a
traceback.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args

import pandas as pd
import typer
import yaml
from papermill.exceptions import PapermillExecutionError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from soilpb import quality, site_file, workflow
from soilpb._files import MissingArtifact, atomic_write
from soilpb.decide import stored_model
from soilpb.quality import Finding
from soilpb.readers import libraries
from soilpb.readers.site import read_measured
from soilpb.report import new_site, render
from soilpb.site_file import Site, SiteError, project_root

app = typer.Typer(
    help="Soil lead from vis-NIR spectra: check what you bring to the book.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
        console.print(_proposal_table(proposal))
        path = new_site.write_site(proposal, force=force)
    except SiteError as error:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"problem: {error}")
        raise typer.Exit(1) from None
    plain = Console(soft_wrap=True, highlight=False, markup=False)
    plain.print(f"Written: {path.relative_to(project_root())}")
    plain.print(f"Looked at closely: soilpb check-site {name}")
    plain.print(f"Its report: make report SITE={name}")


def _proposal_table(proposal: new_site.Proposal) -> Table:
    table = Table("about", "understood as", title=proposal.site.site, title_justify="left")
    for about, found in proposal.understood:
        # Names and cells of users' files may hold what rich takes for markup.
        table.add_row(Text(about), Text(found))
    for finding in proposal.findings:
        if finding.level in ("problem", "warning"):
            table.add_row(Text(finding.level), Text(f"{finding.found}: {finding.advice}"), style="yellow")
    return table


SiteName = Annotated[str, typer.Argument(help="A site's name, or the path of its file.", show_default=False)]
NewSpectra = Annotated[
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
    spectra: NewSpectra,
    output: Output = None,
    ph: Ph = None,
    standard: Standard = "",
    limits: Limits = None,
    coverage: Coverage = 0.9,
) -> None:
    """Predict new soils with the model that a site's report kept: value, interval, exceedance, flag."""
    speak = Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print
    try:
        table, remarks = stored_model.predict_files(site, spectra, ph, standard, limits, coverage)
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


#: The chapter whose network the report starts from, and the report itself.
PRETRAINING, REPORT = "02_pretraining", "site_report"
#: Where reports are put, in the project's root.
FOLDER = Path("_build", "report")

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
    except (SiteError, render.PageError) as error:
        console.print(f"problem: {error}")
        raise typer.Exit(1) from None
    typer.echo(f"The report: {path.relative_to(site_file.project_root())}")


def make(site: str, parameters: Mapping[str, Any], console: Console) -> Path:
    """Execute what the report needs, render it, and return its path.

    The network is trained again only if something behind it changed. With parameters, what
    is executed is for this page alone: the book executes its own.
    """
    logging.getLogger("papermill").setLevel(logging.ERROR)  # keys of site files are no news to us
    keys = {key: value for key, value in parameters.items() if key in Site.model_fields}
    about = site_file.load_site_file(site, **keys)
    page = site_file.project_root() / FOLDER / f"{about.site}.html"
    with tempfile.TemporaryDirectory(prefix="soilpb-report-") as aside:
        for chapter, given in ((PRETRAINING, keys), (REPORT, parameters)):
            source = render.PROJECT / "notebooks" / f"{chapter}.py"
            kept = site_file.artifacts_folder(about) / chapter / "notebook.ipynb"
            if chapter == PRETRAINING and not given and _is_current(kept, source, site):
                continue
            console.print(f"Executing {chapter} for {about.site} …")
            if given:
                kept.unlink(missing_ok=True)  # its tables are about to be others
            executed = Path(aside) / f"{chapter}.ipynb" if given else kept
            workflow.execute(source, executed, site, **given)
        console.print(f"Rendering the report of {about.site} …")
        return render.render_page(executed, page)


def _read(parameters: Iterable[str]) -> dict[str, Any]:
    """Names and values of ``name=value``; values as YAML reads them."""
    pairs = [text.partition("=") for text in parameters]
    for name, equals, value in pairs:
        if not equals:
            raise SiteError(f"-p {name}{value} is no parameter; write -p name=value")
    return {name: yaml.safe_load(value) for name, _, value in pairs}


def _is_current(executed: Path, source: Path, site: str) -> bool:
    """Tell whether nothing behind an executed chapter is younger than it."""
    root = site_file.project_root()
    behind = [*workflow.data_behind(site), *workflow.code_behind(source)]
    files = [source, site_file.site_file(site), *(root / path for path in behind)]
    return executed.exists() and executed.stat().st_mtime >= max(file.stat().st_mtime for file in files)


console = Console(soft_wrap=True, highlight=False, markup=False)


class SourceLibrary(StrEnum):
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
    source: SourceLibrary,
    folder: Folder = None,
    level: Annotated[Level, typer.Option(help="OSSL as measured (L0) or harmonised (L1).")] = Level.L0,
) -> None:
    """Download OSSL (about 1 GB), or say how to ask for LUCAS."""
    folder = folder or Path("data") / source
    if source in libraries.LUCAS_STEPS:
        console.print(libraries.LUCAS_STEPS[source].format(folder=folder))
        return
    console.print(libraries.OSSL_LICENCES)
    try:
        path = libraries.fetch_ossl(folder, level.value)
    except SiteError as error:
        _stop(error)
    console.print(f"{path}\nsha256 {libraries.recorded_sha256(path)}\nNow: soilpb check-source ossl")


@app.command("check-source")
def check_source(source: SourceLibrary, folder: Folder = None) -> None:
    """Say whether a library is complete and right; exit with 1 if it is not."""
    findings = libraries.check_source(source, folder or Path("data") / source)
    for finding in findings:
        console.print(f"{'✓' if finding.good else '✗'} {finding.text}")
    complete = all(finding.good for finding in findings)
    console.print(f"{source}: {'complete' if complete else 'not complete'}")
    raise typer.Exit(0 if complete else 1)


def _stop(error: SiteError) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(str(error))
    raise typer.Exit(1)


_STYLES = {"problem": "bold red", "warning": "yellow", "ok": "green", "note": "dim"}


@app.command("check-site")
def check_site(site: SiteName) -> None:
    """Say what a study would find in a site's files; exit with 1 if anything stops it."""
    try:
        findings = _findings(site_file.load_site_file(site))
    except SiteError as error:
        # One line, not wrapped: paths and cells stay whole for whoever searches for them.
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(f"problem: {error}")
        raise typer.Exit(1) from None
    counts = Counter(finding.level for finding in findings)
    console = Console(highlight=False)
    console.print(_table(site, findings))
    console.print(f"problems: {counts['problem']}, warnings: {counts['warning']}, notes: {counts['note']}")
    raise typer.Exit(1 if counts["problem"] else 0)


def _findings(site: site_file.Site) -> list[Finding]:
    if site.target_data == "twin":
        return [Finding("ok", "site file", "valid; the site is a simulated twin: nothing measured to check")]
    return quality.check_soils(read_measured(site), site)


def _table(title: str, findings: Iterable[Finding]) -> Table:
    table = Table("", "about", "found, and what to do", title=title, title_justify="left")
    for finding in findings:
        said = ": ".join(filter(None, (finding.found, finding.advice)))
        # Cells of users' files may hold what rich takes for markup.
        table.add_row(*map(Text, (finding.level, finding.topic, said)), style=_STYLES[finding.level])
    return table


if __name__ == "__main__":
    app()
