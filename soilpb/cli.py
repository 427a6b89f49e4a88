"""The command line, ``soilpb``: new-site, check-site, report, predict, fetch, check-source.

What a user gets wrong is one line on standard error and exit code 1, never a traceback.
Commands import what they need when they run, so that ``soilpb --help`` answers at once.
"""

from __future__ import annotations

import logging
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from soilpb import site_file
from soilpb.site_file import Site, SiteError, parse_yaml, project_root

if TYPE_CHECKING:
    from soilpb.quality import Finding

app = typer.Typer(
    help="Soil lead from vis-NIR spectra: check what you bring to the book.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def _choices(name: str) -> type[StrEnum]:
    """Values that a key of the site file may have."""
    values = get_args(Site.model_fields[name].annotation)
    return StrEnum(name.title().replace("_", ""), {value: value for value in values})


Source, SpectraUnit, BelowDetection = map(_choices, ("source", "spectra_unit", "below_detection"))
#: Libraries that are not installed with the package, and the levels of OSSL.
SourceLibrary = StrEnum("SourceLibrary", {name: name for name in ("ossl", "lucas2009", "lucas2015")})
Level = StrEnum("Level", {"L0": "L0", "L1": "L1"})

Name = Annotated[str, typer.Argument(help="Short name: letters, digits and dashes.", show_default=False)]
Spectra = Annotated[Path, typer.Option(help="Folder of instrument files, or a table.", show_default=False)]
Laboratory = Annotated[Path, typer.Option("--lab", help="Laboratory table, CSV or XLSX.", show_default=False)]
Target = Annotated[str, typer.Option(help="What to predict: its column, or its name such as Pb or clay.")]
Unit = Annotated[str, typer.Option(help="Unit of the target where its column says none, such as mg/kg.")]
Id = Annotated[str, typer.Option("--id", help="Column of the sample ids; found by itself if omitted.")]
Measured = Annotated[SpectraUnit, typer.Option("--spectra-unit", help="Unit of the spectra, if not seen.")]
Below = Annotated[BelowDetection, typer.Option(help="Cells such as <5: refuse, or take half the limit.")]
Library = Annotated[Source, typer.Option(help="What the network learns from; limesoda needs no download.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a site file that is there.")]
SiteName = Annotated[str, typer.Argument(help="A site's name, or the path of its file.", show_default=False)]
NewSpectra = Annotated[
    Path, typer.Argument(help="New soils: CSV, XLSX, or a folder of instrument files.", show_default=False)
]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="CSV to write; printed if omitted.")]
Ph = Annotated[Path | None, typer.Option(help="Table with measured pH of the new soils.")]
Standard = Annotated[str, typer.Option(help="Whose limits; GB 15618-2018 for lead if omitted.")]
Limits = Annotated[Path | None, typer.Option(help="YAML file of a standard of your own.")]
Coverage = Annotated[float, typer.Option(help="Share of values that intervals shall hold.")]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", help="A parameter or a key of the site file: -p n_repeats=1.")
]
Folder = Annotated[Path | None, typer.Option(help="Where the library's files are; data/<source> if omitted.")]
OsslLevel = Annotated[Level, typer.Option(help="OSSL as measured (L0) or harmonised (L1).")]

_STYLES = {"problem": "bold red", "warning": "yellow", "ok": "green", "note": "dim"}


def _print(text: str, *, error: bool = False) -> None:
    """Print a line unwrapped, so that paths and cells stay whole for whoever searches for them."""
    Console(stderr=error, soft_wrap=True, highlight=False, markup=False).print(text)


@contextmanager
def _stop_in_one_line(*faults: type[Exception]) -> Iterator[None]:
    """Turn what a user can mend into one line and exit code 1."""
    try:
        yield
    except (SiteError, *faults) as error:
        _print(f"problem: {error}", error=True)
        raise typer.Exit(1) from None


@app.command("new-site")
def new_site(
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
    from soilpb.report.new_site import free_path, propose_site, write_site

    with _stop_in_one_line():
        free_path(name, force=force)
        proposal = propose_site(
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
        warned = [finding for finding in proposal.findings if finding.level in ("problem", "warning")]
        rows = [(about, found, "") for about, found in proposal.understood]
        rows += [(finding.level, f"{finding.found}: {finding.advice}", "yellow") for finding in warned]
        _print_table(proposal.site.site, ("about", "understood as"), rows)
        path = write_site(proposal, force=force)
    _print(f"Written: {path.relative_to(project_root())}")
    _print(f"Looked at closely: soilpb check-site {name}")
    _print(f"Its report: make report SITE={name}")


def _print_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows that end with their style; cells of users' files may hold what rich takes for markup."""
    table = Table(*heads, title=title, title_justify="left")
    for *cells, style in rows:
        table.add_row(*map(Text, cells), style=style)
    Console(highlight=False).print(table)


@app.command("check-site")
def check_site(site: SiteName) -> None:
    """Say what a study would find in a site's files; exit with 1 if anything stops it."""
    with _stop_in_one_line():
        findings = _findings(site_file.load_site_file(site))
    counts = Counter(finding.level for finding in findings)
    told = (": ".join(filter(None, (finding.found, finding.advice))) for finding in findings)
    rows = [(f.level, f.topic, text, _STYLES[f.level]) for f, text in zip(findings, told, strict=True)]
    _print_table(site, ("", "about", "found, and what to do"), rows)
    _print(f"problems: {counts['problem']}, warnings: {counts['warning']}, notes: {counts['note']}")
    raise typer.Exit(1 if counts["problem"] else 0)


def _findings(site: Site) -> list[Finding]:
    from soilpb.quality import Finding, check_soils
    from soilpb.readers.site import read_measured

    if site.target_data == "twin":
        return [Finding("ok", "site file", "valid; the site is a simulated twin: nothing measured to check")]
    return check_soils(read_measured(site), site)


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
    """Predict new soils with the model stored by a site's report: value, interval, exceedance, flag."""
    from soilpb._format import as_cell
    from soilpb.decide.stored_model import predict_files

    with _stop_in_one_line(ValueError, OSError):
        table, remarks = predict_files(site, spectra, ph, standard, limits, coverage)
        table = table.rename(index=as_cell)
        _write(table.to_csv(float_format="%.6g"), output, inputs=[spectra, *filter(None, [ph, limits])])
    for remark in remarks:
        _print(remark, error=True)


def _write(text: str, output: Path | None, inputs: list[Path]) -> None:
    """Write a table whole or not at all, and never over what was read."""
    from soilpb._files import atomic_write

    if output is None:
        typer.echo(text, nl=False)
        return
    if output.resolve() in [path.resolve() for path in inputs]:
        raise SiteError(f"{output} is a file of yours that was just read: name another output")
    with atomic_write(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


@app.command("report")
def report(site: SiteName, parameters: Parameters = None) -> None:
    """Make the report of a site: one HTML file. The former one stays until the new one is complete."""
    from papermill.exceptions import PapermillExecutionError

    from soilpb.report.render import PageError

    with _stop_in_one_line(PageError):
        try:
            path = make_report(site, _read_parameters(parameters or []))
        except PapermillExecutionError as error:
            known = error.ename == SiteError.__name__
            raise SiteError(error.evalue if known else f"{error.ename}: {error.evalue}") from None
    typer.echo(f"The report: {path.relative_to(project_root())}")


def make_report(site: str, parameters: Mapping[str, Any]) -> Path:
    """Execute what the report needs, render it, and return its path, ``_build/report/<site>.html``.

    The network is trained again only if something behind it changed. With parameters, what
    is executed is for this page alone: the book executes its own.
    """
    from soilpb import quality, workflow
    from soilpb.report import render

    logging.getLogger("papermill").setLevel(logging.ERROR)  # keys of site files are no news to us
    keys = {key: value for key, value in parameters.items() if key in Site.model_fields}
    about = site_file.load_site_file(site, **keys)
    quality.refuse_problems(_findings(about))
    with tempfile.TemporaryDirectory(prefix="soilpb-report-") as aside:
        for chapter, given in (("02_pretraining", keys), ("site_report", parameters)):
            source = render.PROJECT / "notebooks" / f"{chapter}.py"
            executed = site_file.artifacts_folder(about) / chapter / "notebook.ipynb"
            if chapter == "02_pretraining" and not given and workflow.is_current(executed, source, site):
                continue
            _print(f"Executing {chapter} for {about.site} …", error=True)
            if given:
                executed.unlink(missing_ok=True)  # its tables are about to be others
                executed = Path(aside) / f"{chapter}.ipynb"
            workflow.execute(source, executed, site, **given)
        _print(f"Rendering the report of {about.site} …", error=True)
        return render.render_page(executed, project_root() / "_build" / "report" / f"{about.site}.html")


def _read_parameters(parameters: Iterable[str]) -> dict[str, Any]:
    """Names and values of ``name=value``; values as YAML reads them."""
    pairs = [text.partition("=") for text in parameters]
    for name, equals, value in pairs:
        if not equals:
            raise SiteError(f"-p {name}{value} is no parameter; write -p name=value")
    try:
        return {name: parse_yaml(value, f"-p {name}") for name, _, value in pairs}
    except ValueError as error:
        raise SiteError(str(error)) from None


@app.command("fetch")
def fetch(source: SourceLibrary, folder: Folder = None, level: OsslLevel = Level.L0) -> None:
    """Download OSSL (about 1 GB), or say how to ask for LUCAS."""
    from soilpb.readers import lucas, ossl

    folder = folder or Path("data") / source
    if source in lucas.REQUEST_STEPS:
        _print(lucas.REQUEST_STEPS[source].format(folder=folder))
        return
    _print(ossl.LICENCES)
    with _stop_in_one_line():
        path = ossl.fetch_ossl(folder, level.value)
    _print(f"{path}\nsha256 {ossl.recorded_sha256(path)}\nNow: soilpb check-source ossl")


@app.command("check-source")
def check_source(source: SourceLibrary, folder: Folder = None) -> None:
    """Say whether a library is complete and right; exit with 1 if it is not."""
    from soilpb.readers import libraries

    findings = libraries.check_source(source, folder or Path("data") / source)
    for finding in findings:
        _print(f"{'✓' if finding.good else '✗'} {finding.text}")
    complete = all(finding.good for finding in findings)
    _print(f"{source}: {'complete' if complete else 'not complete'}")
    raise typer.Exit(0 if complete else 1)


if __name__ == "__main__":
    app()
