"""The command line, ``soilpb``: new-site, check-site, report, predict, fetch, check-source.

What a user gets wrong is one line on standard error and exit code 1, never a traceback.
Commands import what they need when they run, so that ``soilpb --help`` answers at once.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

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


#: Values that keys of the site file may have.
Source, SpectraUnit, BelowDetection = (
    Site.model_fields[key].annotation for key in ("source", "spectra_unit", "below_detection")
)
#: Libraries that are not installed with the package: those of OSSL v1.3 one by one, and the levels of v1.2.
OSSL_LIBRARIES = "lucas besb hsdos icraf-isric geocradle lf-bra aut neospectra mtq gpkor".split()
_LIBRARIES = [*OSSL_LIBRARIES, "ossl", "lucas2009", "lucas2015"]
SourceLibrary = Literal[*_LIBRARIES]
DataSet = Literal[*_LIBRARIES, "mano-dam"]
Level = Literal["L0", "L1"]

Name = Annotated[str, typer.Argument(help="Short name: letters, digits and dashes.", show_default=False)]
Spectra = Annotated[Path, typer.Option(help="Folder of instrument files, or a table.", show_default=False)]
Laboratory = Annotated[Path, typer.Option("--lab", help="Laboratory table, CSV or XLSX.", show_default=False)]
Target = Annotated[str, typer.Option(help="What to predict: its column, or its name such as Pb or clay.")]
Unit = Annotated[str, typer.Option(help="Unit of target and other elements whose columns say none: mg/kg.")]
Id = Annotated[str, typer.Option("--id", help="Column of the sample ids, or 'soil + depth'; else found.")]
BandNames = Annotated[str, typer.Option("--bands", help="How names of bands begin, of several kinds: R_.")]
X = Annotated[str, typer.Option("--x", help="Column of the first coordinate; found if omitted.")]
Y = Annotated[str, typer.Option("--y", help="Column of the second coordinate; found if omitted.")]
Group = Annotated[str, typer.Option("--group", help="Column of fields, profiles or cores; found if omitted.")]
Title = Annotated[str, typer.Option(help="What the pages call the site.")]
Citation = Annotated[str, typer.Option(help="Who measured the soils.")]
Instrument = Annotated[str, typer.Option(help="Spectrometer; read from the files if omitted.")]
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
Units = Annotated[
    Path | None, typer.Option(help="Table with the unit of each new soil: decide on units, by their mean.")
]
Rule = Annotated[str, typer.Option(help="Rule of the standard for --units; its first if omitted.")]
Tolerance = Annotated[float, typer.Option(help="Accept predictions that are off by no more than this …")]
Rate = Annotated[float, typer.Option(help="… except this share of those accepted.")]
Readings = Annotated[
    Path | None, typer.Option("--sensor", help="Table with XRF readings; that of the spectra if omitted.")
]
Instrument = Annotated[str, typer.Option(help="A second instrument, as named with soilpb standardise.")]
Master = Annotated[Path, typer.Option(help="5–30 soils on the model's own instrument.", show_default=False)]
Slave = Annotated[Path, typer.Option(help="The same soils on the second instrument.", show_default=False)]
SecondInstrument = Annotated[
    str, typer.Option("--instrument", help="A short name for the second instrument.", show_default=False)
]
Parameters = Annotated[
    list[str] | None, typer.Option("-p", help="A parameter or a key of the site file: -p n_repeats=1.")
]
Store = Annotated[bool, typer.Option("--store", help="Store the model that -p gives as the site's own.")]
Pdf = Annotated[bool, typer.Option("--pdf", help="Print it as PDF, too, where Chromium is installed.")]
Folder = Annotated[Path | None, typer.Option(help="Where the files are; a folder in data/ if omitted.")]
Listed = Annotated[bool, typer.Option("--list", help="List OSSL's libraries, with size and licence.")]
OsslLevel = Annotated[Level, typer.Option(help="OSSL as measured (L0) or harmonised (L1).")]

#: Exit status of predictions none of which can be trusted.
ALL_OUTSIDE = 3
_STYLES = {"problem": "bold red", "warning": "yellow", "ok": "green", "note": "dim"}


@app.callback()
def write_in_any_encoding() -> None:
    """Soil lead from vis-NIR spectra: check what you bring to the book."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a terminal may know ASCII only


def _print(text: str, *, error: bool = False) -> None:
    """Print a line unwrapped, so that paths and cells stay whole for whoever searches for them."""
    Console(stderr=error, soft_wrap=True, highlight=False, markup=False).print(text)


@contextmanager
def _stop_in_one_line(*faults: type[Exception]) -> Iterator[None]:
    """Turn what a user can mend into one line and exit code 1; a full or read-only folder is always such."""
    try:
        yield
    except (SiteError, OSError, *faults) as error:
        _print(f"problem: {' '.join(str(error).split())}", error=True)
        raise typer.Exit(1) from None


@app.command("new-site")
def new_site(
    name: Name,
    spectra: Spectra,
    laboratory: Laboratory,
    target: Target = "Pb",
    unit: Unit = "",
    id_column: Id = "",
    bands: BandNames = "",
    x_column: X = "",
    y_column: Y = "",
    group_column: Group = "",
    title: Title = "",
    citation: Citation = "",
    instrument: Instrument = "",
    spectra_unit: Measured = "auto",
    below_detection: Below = "refuse",
    source: Library = "limesoda",
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
            bands=bands,
            x_column=x_column,
            y_column=y_column,
            group_column=group_column,
            title=title,
            citation=citation,
            instrument=instrument,
            spectra_unit=spectra_unit,
            below_detection=below_detection,
            source=source,
        )
        warned = [finding for finding in proposal.findings if finding.level in ("problem", "warning")]
        rows = [(about, found, "") for about, found in proposal.understood]
        told = (": ".join(filter(None, (finding.found, finding.advice))) for finding in warned)
        rows += [(finding.level, text, "yellow") for finding, text in zip(warned, told, strict=True)]
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
        return [Finding("ok", "site file", "valid; the site is a twin: its lead is simulated")]
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
    units: Units = None,
    rule: Rule = "",
    tolerance: Tolerance = 0.0,
    rate: Rate = 0.1,
    instrument: Instrument = "",
    sensor: Readings = None,
) -> None:
    """Predict new soils with the model stored by a site's report: value, interval, exceedance, flag.

    The exit code is 3 if all soils are unlike those of the model: the table is there, but not to be trusted.
    """
    from soilpb._format import as_cell

    if spectra.is_file() and (size := spectra.stat().st_size) > 5e7:  # before imports, which take seconds
        _print(f"Reading {spectra}, {size / 1e6:,.0f} MB …", error=True)
    from soilpb.decide.stored_model import predict_files

    with _stop_in_one_line(ValueError, OSError):
        table, remarks = predict_files(
            site, spectra, ph, standard, limits, coverage, units, rule, tolerance, rate, instrument, sensor
        )
        table = table.rename(index=as_cell)
        _write(
            table.to_csv(float_format="%.6g"),
            output,
            inputs=[spectra, *filter(None, [ph, limits, units, sensor])],
        )
    for remark in remarks:
        _print(remark, error=True)
    if "outside" in table and table["outside"].all():
        raise typer.Exit(ALL_OUTSIDE)


@app.command("standardise")
def standardise(site: SiteName, master: Master, slave: Slave, instrument: SecondInstrument) -> None:
    """Learn from soils measured on both how to correct a second instrument, for predict --instrument."""
    from soilpb.decide.stored_model import standardise_files

    with _stop_in_one_line(ValueError, OSError):
        found = standardise_files(site, master, slave, instrument)
    rows = [
        (name, f"{error:.4g}", "bold" if name == found.method else "")
        for name, error in sorted((found.errors or {}).items(), key=lambda each: each[1])
    ]
    _print_table(instrument, ("method", "difference of predictions, pairs left out (modelling scale)"), rows)
    _print(f"Stored: {found.method}. Now: soilpb predict {site} new_spectra.csv --instrument {instrument}")


def _write(text: str, output: Path | None, inputs: list[Path]) -> None:
    """Write a table whole or not at all, and never over what was read."""
    from soilpb._files import atomic_write

    if output is None:
        try:
            text.encode(sys.stdout.encoding or "utf-8")
        except UnicodeEncodeError as error:
            letter = text[error.start]
            raise SiteError(f"{sys.stdout.encoding} has no {letter!r}: write to a file with -o") from None
        typer.echo(text, nl=False)
        return
    if output.resolve() in [path.resolve() for path in inputs]:
        raise SiteError(f"{output} is a file of yours that was just read: name another output")
    with atomic_write(output) as temporary:
        temporary.write_text(text, encoding="utf-8")


@app.command("report")
def report(site: SiteName, parameters: Parameters = None, store: Store = False, pdf: Pdf = False) -> None:
    """Make the report of a site: one HTML file. The former one stays until the new one is complete.

    Its table of soils lies beside it as CSV, and as GeoJSON where coordinates are known. What -p says is for
    this page alone: the stored model stays as it is, unless --store is given.
    """
    from papermill.exceptions import PapermillExecutionError

    from soilpb.report.render import print_pdf

    printed = None
    with _stop_in_one_line(RuntimeError):  # a page that Sphinx refuses, a kernel that died
        try:
            path = make_report(site, _read_parameters(parameters or []), store=store)
            printed = print_pdf(path) if pdf else None
        except PapermillExecutionError as error:
            known = error.ename == SiteError.__name__
            raise SiteError(error.evalue if known else f"{error.ename}: {error.evalue}") from None
    if pdf and printed is None:
        _print("No Chromium was found: print the page from a browser, it is made for paper, too", error=True)
    typer.echo(f"The report: {(printed or path).relative_to(project_root())}")


def make_report(site: str, parameters: Mapping[str, Any], *, store: bool = False) -> Path:
    """Execute what the report needs, render it, and return its path, ``_build/report/<site>.html``.

    The network is trained only if a model starts from it, and again only if something behind it changed.
    With parameters, artifacts are put aside and removed, unless ``store`` makes them the site's own.
    """
    from soilpb import _files, quality, workflow
    from soilpb.report import render

    logging.getLogger("papermill").setLevel(logging.ERROR)  # keys of site files are no news to us
    site = str(site_file.find_site_file(site).resolve()) if site.endswith((".yml", ".yaml")) else site
    keys = {key: value for key, value in parameters.items() if key in Site.model_fields}
    laid_over = {name: value for name, value in parameters.items() if name != "artifacts"}
    about = site_file.load_site_file(site, **keys)
    page = project_root() / "_build" / "report" / f"{about.site}.html"
    own = site_file.artifacts_folder(about)
    for folder, megabytes in ((own, 20), (page.parent, 20), (Path(tempfile.gettempdir()), 100)):
        _files.check_space(folder, megabytes)
    with _lock_report(own), _files.temporary_folder("soilpb-report-") as aside:
        quality.refuse_problems(_findings(about))
        needs_network = _needs_network(site, parameters)
        made = about if store or not laid_over else about.model_copy(update={"artifacts": str(aside)})
        if needs_network:
            _train_network(site, made if laid_over.keys() & keys else about)
        if made is not about:
            _link_artifacts(about, made)
        executed = aside / "site_report.ipynb" if laid_over else own / "site_report" / "notebook.ipynb"
        if store and laid_over:  # the book, which executes its own, is not about these parameters
            for chapter in ("site_report", *(["02_pretraining"] if laid_over.keys() & keys else [])):
                (own / chapter / "notebook.ipynb").unlink(missing_ok=True)
        page_alone = {name: value for name, value in parameters.items() if name not in keys}
        _execute("site_report", site, made, executed, page_alone)
        if laid_over:
            told = ", ".join(f"`{name}={value}`" for name, value in laid_over.items())
            kept = "stored as the site's own" if store else "not stored; `soilpb predict` uses the site's own"
            note = f"Parameters were laid over the site's for this page: {told}. Their model is {kept}."
            workflow.add_note(executed, note)
        _print(f"Rendering the report of {about.site} …", error=True)
        render.render_page(executed, page, about.responsible)
        _copy_soils(site_file.artifacts_folder(made) / "site_report", page)
        return page


def _copy_soils(folder: Path, page: Path) -> None:
    """Put the table of every soil beside the page."""
    from soilpb import _files

    for kind in ("csv", "geojson"):
        if (folder / f"soils.{kind}").exists():
            with _files.atomic_write(page.with_suffix(f".{kind}")) as temporary:
                temporary.write_bytes((folder / f"soils.{kind}").read_bytes())


def _source(chapter: str) -> Path:
    from soilpb.report.render import PROJECT

    return PROJECT / "notebooks" / f"{chapter}.py"


def _needs_network(site: str, parameters: Mapping[str, Any]) -> bool:
    """Tell whether a model of a report starts from the network, after its parameters were checked."""
    from soilpb import workflow

    defaults, types = workflow.read_parameters(_source("site_report"))
    values = site_file.check_parameters({**defaults, **parameters, "site": site}, types)
    keys = f"{values.get('chosen', '')} {values.get('keep', '')}".split()
    if not keys:
        return False
    from soilpb.evaluate.cross_validation import needs_source_network  # PyTorch takes seconds

    try:
        return any(needs_source_network(key) for key in keys)
    except KeyError as error:
        raise SiteError(error.args[0]) from None


@contextmanager
def _lock_report(folder: Path) -> Iterator[None]:
    """Let nobody else execute what a report of a site needs, whether for a report or for the book."""
    from soilpb import _files, workflow

    with ExitStack() as locks:
        for chapter in ("02_pretraining", "site_report"):
            (folder / chapter).mkdir(parents=True, exist_ok=True)
            try:
                locks.enter_context(_files.lock(folder / chapter / workflow.LOCK, wait=False))
            except BlockingIOError:
                raise SiteError(
                    f"another report of {folder.name}, or the book, is being made: wait until it is complete"
                ) from None
        yield


def _train_network(site: str, about: Site) -> None:
    """Execute chapter 2, unless its network is there, whole, and made of what there is now."""
    from soilpb import workflow
    from soilpb.study import Study

    executed = site_file.artifacts_folder(about) / "02_pretraining" / "notebook.ipynb"
    if workflow.is_current(executed, _source("02_pretraining"), about):
        with suppress(ValueError, OSError):
            Study(about, "").source_network()
            return
    _execute("02_pretraining", site, about, executed, {})


def _link_artifacts(own: Site, aside: Site) -> None:
    """Lend the site's network and converted libraries to a report that is made aside."""
    for name in ("sources", f"{own.site}/02_pretraining"):
        lent, place = (project_root() / site.artifacts / name for site in (own, aside))
        lent.mkdir(parents=True, exist_ok=True)
        place.parent.mkdir(exist_ok=True)
        if not place.exists():  # a network trained aside is
            place.symlink_to(lent, target_is_directory=True)


def _execute(chapter: str, site: str, about: Site, executed: Path, page: Mapping[str, Any]) -> None:
    """Execute a chapter with the site's values as they were at the start; show what it warns of."""
    from soilpb import workflow

    _print(f"Executing {chapter} for {about.site} …", error=True)
    values = about.model_dump(exclude={"site"})
    if workflow.execute(_source(chapter), executed, site, **values, **page):
        again = f"code or site file were edited while {chapter} was executed: make the report again"
        _print(f"warning: {again}", error=True)
    for line in workflow.read_warnings(executed):
        _print(line, error=True)


def _read_parameters(parameters: Iterable[str]) -> dict[str, Any]:
    """Names and values of ``name=value``; values as YAML reads them."""
    pairs = [text.partition("=") for text in parameters]
    for name, equals, value in pairs:
        if not equals:
            raise SiteError(f"-p {name}{value} is no parameter; write -p name=value")
        if name == "site":
            raise SiteError("the site is named before -p, not by it")
    try:
        return {name: parse_yaml(value, f"-p {name}") for name, _, value in pairs}
    except ValueError as error:
        raise SiteError(str(error)) from None


@app.command("fetch", no_args_is_help=True)
def fetch(
    source: Annotated[DataSet | None, typer.Argument(help="What to download.", show_default=False)] = None,
    folder: Folder = None,
    level: OsslLevel = "L0",
    listed: Listed = False,
) -> None:
    """Show the licence of a library, or of the Mano Dam's soils, and download it; say how to ask ESDAC."""
    from soilpb.readers.libraries import fetch as downloads
    from soilpb.readers.libraries import lucas

    if listed or source is None:
        rows = [(name, *library[:5], size, "") for name, library, size in downloads.list_libraries()]
        heads = ("soilpb fetch …", "where", "soils", "nm", "measured", "licence", "size")
        _print_table(f"Libraries of OSSL {downloads.VERSION}", heads, rows)
        return
    folder = folder or _source_folder(source)
    if source in lucas.REQUEST_STEPS:
        _print(lucas.REQUEST_STEPS[source].format(folder=folder))
        return
    _print(downloads.LICENCES[source])
    with _stop_in_one_line():
        for path in downloads.fetch_source(source, folder, level):
            _print(f"{path}\nsha256 {downloads.recorded_sha256(path)}")
    book = f"soilpb check-source {source}, then make book SOURCE={source}"
    _print(f"Now: {'make report SITE=mano, or make book' if source == 'mano-dam' else book}")


def _source_folder(source: str) -> Path:
    """Folder of a download: the libraries of OSSL share one, and the Mano Dam's is that of its site file."""
    return Path("data") / ("ossl" if source in OSSL_LIBRARIES else source.removesuffix("-dam"))


@app.command("check-source")
def check_source(source: SourceLibrary, folder: Folder = None) -> None:
    """Say whether a library is complete and right; exit with 1 if it is not."""
    from soilpb.readers.libraries import checks
    from soilpb.spectra import WARN

    notes = checks.check_source(source, folder or _source_folder(source))
    for note in notes:
        _print(f"{'✗' if note.startswith(WARN) else '✓'} {note.removeprefix(WARN)}")
    complete = not any(note.startswith(WARN) for note in notes)
    _print(f"{source}: {'complete' if complete else 'not complete'}")
    raise typer.Exit(0 if complete else 1)


if __name__ == "__main__":
    app()
