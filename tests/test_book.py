"""The rendered book is whole, asks nothing of other hosts, and links to what is committed."""

import importlib
import json
import re
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlparse

import pytest
import yaml

from .conftest import SMALL_REPORT

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def pages(html):
    """Name → text of each page."""
    return {
        p.relative_to(html).as_posix(): p.read_text()
        for p in html.rglob("*.html")
        if "_static" not in p.parts
    }


def files_of_toc():
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    chapters = [chapter for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *(chapter["file"] for chapter in chapters if "file" in chapter)]


def test_every_page_of_the_contents_is_there(pages):
    """Each page of _toc.yml exists as HTML."""
    assert {f"{name}.html" for name in files_of_toc()} <= pages.keys()


def test_each_site_file_has_its_report(request, pages):
    """In the full book every site file has a page, in the small one the one that it renders."""
    every = {path.stem for path in (ROOT / "notebooks" / "sites").glob("*.yml")}
    sites = every if request.config.getoption("--book") else {SMALL_REPORT}
    assert {name for name in pages if name.startswith("sites/")} == {f"sites/{site}.html" for site in sites}


def test_pages_load_nothing_from_other_hosts(pages):
    """No script, style, image, font or frame comes from another host."""
    loading = r"<(?:script|img|iframe|source|embed|video|audio)\b[^>]*\bsrc=[\"']([^\"']+)"
    styles = r"<link\b(?=[^>]*rel=[\"'](?:stylesheet|preload|icon|preconnect)[\"'])[^>]*href=[\"']([^\"']+)"
    for name, text in pages.items():
        for url in re.findall(loading, text) + re.findall(styles, text):
            assert not urlparse(url).netloc, f"{name} loads {url}"
        assert not re.findall(r"url\(\s*[\"']?(?:https?:)?//", text), name
        assert not re.findall(r"(?:import|from)\s*[\"'(]+https?://", text), name


def test_own_scripts_and_styles_name_no_other_host(html):
    """The styles shipped with the book import nothing from elsewhere."""
    for path in (html / "_static").rglob("*.css"):
        assert not re.findall(
            r"(?:@import|url\()\s*[\"'(]*(?:https?:)?//", path.read_text(errors="replace")
        ), path


def test_launch_links_name_committed_files(pages):
    """Each launch link opens a notebook that is in the repository; reports and prose carry none."""
    tracked = set(
        subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.split()
    )
    seen = 0
    for name, text in pages.items():
        for path in re.findall(r"urlpath=lab/tree/([^\"'&]+)", text):
            assert path in tracked, f"{name} launches {path}"
            assert not name.startswith("sites/")
            seen += 1
    assert seen >= 6


def test_edit_buttons_open_what_people_edit(pages):
    """Each opens a file that is there: a chapter's source, not its twin; each page has a description."""
    for name in (f"{page}.html" for page in files_of_toc()):
        (path,) = set(re.findall(r"/edit/main/([^\"']+)", pages[name]))
        assert (ROOT / path).is_file(), f"{name} edits {path}"
        assert not path.endswith(".ipynb"), name
        assert re.search(r'<meta name="description" content="[^"]{20,}"', pages[name]), name


def test_chapters_are_numbered_as_they_are_cited():
    """The sidebar calls a chapter by the number of its file and by its own title."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    for chapter in (chapter for part in toc["parts"] for chapter in part["chapters"] if "title" in chapter):
        number = re.search(r"notebooks/0(\w+?)_", chapter["file"])[1]
        title = re.search(r"^# # (.+)$", (ROOT / f"{chapter['file']}.py").read_text(), re.MULTILINE)[1]
        assert chapter["title"] == f"{number}. {title}"


def test_who_cites_finds_one_title_and_one_version():
    """CITATION.cff, .zenodo.json, codemeta.json and the page say the same; the version is the package's."""
    cff = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    zenodo, codemeta = (json.loads((ROOT / name).read_text()) for name in (".zenodo.json", "codemeta.json"))
    assert {cff["version"], zenodo["version"], codemeta["version"]} == {version}
    assert {zenodo["title"], codemeta["name"]} == {cff["title"]}
    page = (ROOT / "book" / "citation.md").read_text()
    assert f"{{{cff['title']}}}" in page
    assert f"{{{version}}}" in page


def test_every_image_has_alt_text(pages):
    """Each picture in the article has alt text, and not just its file name."""
    for name, text in pages.items():
        for tag in re.findall(r"<img\b[^>]*>", text):
            alt = re.search(r"alt=\"([^\"]*)\"", tag)
            assert alt, f"{name}: {tag}"
            if "_images" in tag:
                assert len(alt[1]) > 15, f"{name}: {tag}"
                assert "_images" not in alt[1], f"{name}: {tag}"


def test_simulated_pages_say_so(pages):
    """Every chapter about the twin carries the banner; those about fields, and a field's report, do not."""
    chapters = [n for n in files_of_toc() if n.startswith("notebooks/0") and n[10:12] not in ("06", "08")]
    for name in chapters:
        assert "laboratory values simulated" in pages[f"{name}.html"], name
    assert "laboratory values simulated" not in pages["sites/cv98.html"]
    assert "CC BY-SA 4.0" in pages["sites/cv98.html"]


def test_no_number_failed_to_be_glued(pages):
    """No placeholder of a missing glue or reference is left in a page."""
    for name, text in pages.items():
        article = text.split("<article", 1)[-1]
        assert "glue" not in re.sub(r"<pre.*?</pre>|<code.*?</code>", "", article, flags=re.S), name


def test_the_api_page_lists_what_rooms_export(pages):
    """Each name that the package or a room exports has an entry, at the file that defines it."""
    rooms = ["soilpb", *(f"soilpb.{path.parent.name}" for path in (ROOT / "soilpb").glob("*/__init__.py"))]
    for room in rooms:
        for module, names in importlib.import_module(room)._EXPORTS.items():
            missing = [name for name in names if f'id="{room}.{module}.{name}"' not in pages["api.html"]]
            assert not missing, (room, module, missing)


def test_what_is_hidden_on_paper_is_what_pages_have(pages):
    """Each selector that the print style hides names something: none has gone out of date."""
    style = (ROOT / "book" / "_static" / "book.css").read_text().split("@media print", 1)[1]
    hidden = re.findall(r"([^{}]+)\{\s*display: none !important;", style)[0]
    report = pages["sites/cv98.html"] + pages["notebooks/01_data.html"]
    for selector in (part.strip() for part in hidden.split(",")):
        for kind, name in re.findall(r"([.#]?)([\w-]+)", selector):
            about = {".": rf"class=\"[^\"]*\b{name}\b", "#": rf"id=\"{name}\"", "": rf"<{name}\b"}[kind]
            assert re.search(about, report), selector
