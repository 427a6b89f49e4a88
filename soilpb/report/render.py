"""An executed notebook as one HTML file that needs nothing beside it: to mail, to print, to keep.

The book's own configuration renders it, so that it looks and is checked like a page of the
book; then styles, scripts, fonts and pictures are put into the file itself. Chapters show commands
and the beginning of a report in the same way.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import date
from html import escape
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import yaml
from bs4 import BeautifulSoup, Tag
from IPython.display import HTML

from soilpb._files import atomic_write, temporary_folder

#: Where the book's configuration, styles and bibliography are: in the project beside the package.
PROJECT = Path(__file__).resolve().parents[2]
_PAGE = "page"
#: Programs that print a page without a screen.
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_REFERENCES = "## References\n\n```{bibliography}\n:filter: docname in docnames\n```"
#: Scripts that serve a book of many pages, or a kernel.
_NOT_NEEDED = ("searchtools", "language_data", "searchindex", "sphinx-thebe")
#: Lines of Sphinx that say what is wrong, and its colours, which it does not leave out when asked.
_FAULT = re.compile(r"WARNING|ERROR|^[\w.]*(Error|Exception): \S")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_IMPORT = re.compile(r"@import\s+[\"']([^\"']+)[\"']\s*;")
_URL = re.compile(r"url\((?!\s*[\"']?data:)\s*[\"']?([^\"')]+)[\"']?\s*\)")


class PageError(RuntimeError):
    """The page could not be rendered; the message is what Sphinx said."""


def render_page(notebook: str | Path, output: str | Path, author: str = "") -> Path:
    """Render an executed notebook into one HTML file; a former one stays until it is complete.

    ``author`` stands at its foot.

    Raises
    ------
    PageError
        If Sphinx warns of anything: warnings are errors, as in the book.
    """
    # Not beside the output: a run that is killed leaves nothing where users look.
    with temporary_folder("soilpb-page-") as folder:
        html = _build(Path(notebook), folder, author)
        page = embed_files(html)
    with atomic_write(output) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return Path(output)


def print_pdf(html: Path) -> Path | None:
    """Print a page as a PDF beside it, by Chromium; None where none is installed.

    Raises
    ------
    PageError
        If the browser fails.
    """
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        return None
    pdf = html.with_suffix(".pdf")
    with temporary_folder("soilpb-print-") as home, atomic_write(pdf) as temporary:
        options = ["--headless", "--disable-gpu", f"--user-data-dir={home}", "--no-pdf-header-footer"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []
        run = subprocess.run(
            [browser, *options, f"--print-to-pdf={temporary}", html.resolve().as_uri()],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode or not temporary.stat().st_size:
            raise PageError(f"{browser} printed no PDF: {run.stderr.strip()[-300:]}")
    return pdf


def embed_files(html: Path) -> str:
    """Text of an HTML file with the styles, scripts and pictures beside it put into it."""
    page = BeautifulSoup(html.read_text(encoding="utf-8"), "html.parser")
    _remove_book_parts(page)
    for link in page("link", rel="stylesheet"):
        style = page.new_tag("style")
        style.string = _read_style(_file(html, link["href"]))
        link.replace_with(style)
    for script in page("script", src=True):
        _embed_script(page, script, _file(html, script["src"]))
    for image in page("img", src=True):
        if not urlsplit(image["src"]).scheme:
            image["src"] = _data_uri(_file(html, image["src"]))
    return str(page)


def show_beginning(html: Path) -> HTML:
    """Show the title, the answer, the first figure and the headings of a report within another page."""
    page = BeautifulSoup(html.read_text(encoding="utf-8"), "html.parser").article
    headings = ", ".join(str(heading.find(string=True)).strip() for heading in page("h2"))
    answer = "".join(str(paragraph) for paragraph in page.select(".cell_output p")[:2])
    style = "border: 1px solid #888; border-radius: 6px; padding: 0.6em min(1em, 1vw)"
    title = escape(str(page.h1.find(string=True)))
    rest = f"<p>… and then: {escape(headings)}.</p>"
    return HTML(f'<div style="{style}"><strong>{title}</strong>{answer}{page.img or ""}{rest}</div>')


def run_command(command: str, folder: Path, fails: bool = False) -> HTML:
    """Run a ``soilpb`` command in a project's folder, and show it with all that it prints.

    Raises
    ------
    RuntimeError
        If the command fails where it should not, or the other way round.
    """
    _, *words = shlex.split(command)
    colours = ("FORCE_COLOR", "CLICOLOR_FORCE")
    environment = {name: value for name, value in os.environ.items() if name not in colours}
    run = subprocess.run(
        [sys.executable, "-m", "soilpb.cli", *words],
        cwd=folder,
        env={**environment, "COLUMNS": "46"},  # as wide as a phone
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if bool(run.returncode) != fails:
        raise RuntimeError(f"{command} ended with exit code {run.returncode}: {run.stdout}")
    style = "white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.72rem; line-height: 1.25"
    return HTML(f'<pre style="{style}">$ {escape(command)}\n{escape(run.stdout)}</pre>')


def _build(notebook: Path, folder: Path, author: str = "") -> Path:
    """Build a book of this one page; return its HTML file."""
    book = folder / "book"
    shutil.copytree(PROJECT / "book" / "_static", book / "_static")
    shutil.copy(PROJECT / "book" / "references.bib", book)
    (book / "_toc.yml").write_text(f"format: jb-book\nroot: {_PAGE}\n")
    page = nbformat.read(notebook, as_version=4)
    if any("{cite" in cell.source for cell in page.cells if cell.cell_type == "markdown"):
        page.cells.append(nbformat.v4.new_markdown_cell(_REFERENCES))
    nbformat.write(page, book / f"{_PAGE}.ipynb")
    config = folder / "_config.yml"
    config.write_text(yaml.safe_dump(_config(author), allow_unicode=True), encoding="utf-8")
    # The command beside this Python, whether or not its environment is activated.
    build = [Path(sys.executable).with_name("jupyter-book"), "build", book, "--path-output", folder]
    build += ["--config", config, "--all", "-W", "-n", "--keep-going"]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(build, env=environment, capture_output=True, text=True, encoding="utf-8")
    if run.returncode:
        said = _COLOURS.sub("", run.stderr).replace(f"{book}/", "").splitlines()
        faults = list(dict.fromkeys(line.strip() for line in said if _FAULT.search(line)))
        more = [f"and {len(faults) - 5} more"] if len(faults) > 5 else []
        raise PageError("; ".join([*faults[:5], *more]) or "jupyter-book failed without a word")
    return folder / "_build" / "html" / f"{_PAGE}.html"


def _config(author: str) -> dict:
    """Return the book's configuration without what only a book of several pages has."""
    config = yaml.safe_load((PROJECT / "_config.yml").read_text(encoding="utf-8"))
    config["execute"]["stderr_output"] = "remove"  # the command shows it
    config |= {
        "author": author or "a person whom the site file does not name",
        "copyright": str(date.today().year),
    }
    sphinx, extensions = config["sphinx"]["config"], config["sphinx"]["local_extensions"]
    extensions |= {name: str(PROJECT / path) for name, path in extensions.items()}
    made = f"<p>Made on {date.today().isoformat()} with soilpb {version('soilpb')}.</p>"
    sphinx["html_theme_options"] |= {
        "article_header_start": [],
        "article_header_end": [],
        "extra_footer": made,
    }
    # One file of fonts and all, where a page has equations.
    sphinx |= {"html_sidebars": {"**": []}, "mathjax_path": "mathjax/tex-svg.js"}
    return config


def _remove_book_parts(page: BeautifulSoup) -> None:
    """Remove what is there for other pages, for searching them, or for a kernel."""
    links = [link for link in page("link") if "stylesheet" not in link.get("rel", [])]
    scripts = [tag for tag in page("script", src=True) if _file(Path(), tag["src"]).stem in _NOT_NEEDED]
    kernels = page("script", string=re.compile("THEBE_JS_URL"))
    for tag in [*links, *scripts, *kernels, *page(id="pst-search-dialog")]:
        tag.decompose()


def _embed_script(page: BeautifulSoup, script: Tag, path: Path) -> None:
    """Write a script's file into its tag; one that waits for the page goes to its end."""
    waits = script.has_attr("defer") or script.has_attr("async")
    script.attrs = {name: value for name, value in script.attrs.items() if name.startswith("data-")}
    script.string = path.read_text(encoding="utf-8").replace("</script", "<\\/script")
    if waits:
        page.body.append(script.extract())


def _read_style(style: Path) -> str:
    """Text of a style sheet with what it imports, its fonts and pictures; what is not there is left out."""

    def embedded(match: re.Match) -> str:
        path = _file(style, match[1])
        # Every browser of this decade takes the first format that fonts are offered in.
        wanted = path.is_file() and path.suffix != ".ttf"
        return f"url({_data_uri(path) if wanted else 'data:,'})"

    text = _URL.sub(embedded, style.read_text(encoding="utf-8"))
    return _IMPORT.sub(lambda match: _read_style(_file(style, match[1])), text)


def _file(beside: Path, url: str) -> Path:
    return beside.parent / unquote(urlsplit(url).path)


def _data_uri(path: Path) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
