"""A page on its own: whole, in the book's style, and there only when it is complete."""

import os
import re
import signal
import subprocess
import sys
import time

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

from soilpb import workflow
from soilpb.report import render
from soilpb.site_file import make_site
from tests.cases import CASES

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>'
#: A site's title that is everything but text, and that of the case.
TITLE = "<script>alert(1)</script> &lt;script&gt;alert(1)&lt;/script&gt; </title><img src=x onerror=alert(1)>"
TITLE += r" \(x\) $y$"
if (CASES / "title_markup").is_dir():
    TITLE += f" {yaml.safe_load((CASES / 'title_markup' / 'markup.yml').read_text())['title']}"
TEXT = """\
(site-{{site}})=
# {{title}}
Its own section is {ref}`here <site-mine>`. After {cite:t}`padarian2019`, $x^2$.
"""


def notebook(folder, text=TEXT):
    """Write an executed notebook with a picture."""
    picture = nbformat.v4.new_output("display_data", {"image/svg+xml": SVG, "text/plain": "picture"})
    warning = nbformat.v4.new_output("stream", name="stderr", text="a font is missing")
    drawn = nbformat.v4.new_code_cell("draw()", outputs=[picture, warning])
    cells = [nbformat.v4.new_markdown_cell(text), drawn]
    path = folder / "executed.ipynb"
    about = {"language_info": {"name": "python", "pygments_lexer": "ipython3"}}
    site = make_site({"site": "mine", "target_data": "twin", "title": TITLE})
    filled = workflow.fill_in_site(nbformat.v4.new_notebook(cells=cells, metadata=about), site)
    nbformat.write(filled, path)
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The rendered page."""
    folder = tmp_path_factory.mktemp("page")
    return render.render_page(notebook(folder), folder / "out" / "mine.html", "A. Meier").read_text()


def article(page):
    return page.split("<article", 1)[1].split("</article", 1)[0]


def test_the_page_loads_nothing(page):
    """No script, style, picture or font comes from another file, here or elsewhere."""
    assert re.findall(r"<script\b[^>]*\bsrc=", page) == []
    assert re.findall(r"<link\b", page) == []
    assert "@import" not in page
    assert all(url.startswith("data:") for url in re.findall(r"<img\b[^>]*\bsrc=\"([^\"]+)", page))
    styles = "".join(re.findall(r"<style.*?</style>", page, re.DOTALL))
    assert all(url.startswith("data:") for url in re.findall(r"url\(\s*[\"']?([^\"')]+)", styles))
    assert "data:font/woff2;base64," in styles
    assert "data:image/svg+xml;base64," in article(page)
    assert "MathJax" in page


def test_a_title_is_text_wherever_it_stands(page):
    """In the tab, above the print and in the heading the title reads as it was written: nothing runs."""
    html = BeautifulSoup(page, "html.parser")
    printed, heading = html("h1")
    assert heading.text.removesuffix("#") == TITLE
    assert printed.text.strip() == TITLE
    assert printed.span["class"] == ["mathjax_ignore"]
    assert html.title.text.startswith(TITLE)
    assert not [tag for tag in html("script") if tag.text.startswith("alert")]
    assert not html("img", onerror=True)


def test_own_sections_are_linked_and_the_author_stands_at_the_foot(page):
    """A reference within the page is a link; its author is the one that was named, not the book's."""
    assert 'href="#site-mine"' in article(page)
    foot = page.split("</article", 1)[1]
    assert "A. Meier" in foot
    assert "The soilpb developers" not in foot


def test_warnings_of_cells_are_not_on_the_page(page):
    """What a cell wrote to standard error stops no page, and is not on it."""
    assert "a font is missing" not in page


def test_what_is_cited_is_listed(page):
    """Works that the page cites stand at its end."""
    assert "<h2>References" in page
    assert "Geoderma" in article(page)


def test_a_fault_keeps_the_former_page(tmp_path):
    """A label that nobody has is an error that names it, and the former page stays."""
    former = tmp_path / "mine.html"
    former.write_text("former")
    with pytest.raises(render.PageError, match="sec-nowhere.*; .*sec-none") as caught:
        render.render_page(notebook(tmp_path, "# Old mine\n{ref}`sec-nowhere` {ref}`sec-none`"), former)
    assert str(caught.value).isprintable()
    assert former.read_text() == "former"


def test_a_killed_rendering_keeps_the_former_page(tmp_path):
    """``kill -9`` in the midst of a build leaves the former page, and nothing else where users look."""
    former = tmp_path / "out" / "mine.html"
    former.parent.mkdir()
    former.write_text("former")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = (
        f"from soilpb.report import render; render.render_page({str(notebook(tmp_path))!r}, {str(former)!r})"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, "TMPDIR": str(scratch)}, start_new_session=True
    )
    while not list(scratch.glob("soilpb-page-*/_config.yml")):
        assert run.poll() is None
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGKILL)
    assert run.wait() == -signal.SIGKILL
    assert [path.name for path in former.parent.iterdir()] == ["mine.html"]
    assert former.read_text() == "former"


def test_scripts_keep_their_order_and_stay_whole(tmp_path):
    """A script that waits for the page goes to its end; text that would end a script is masked."""
    (tmp_path / "a.js").write_text('let a = "</script>";')
    (tmp_path / "b.js").write_text("let b;")
    (tmp_path / "x.css").write_text('@import "y.css"; p { background: url(none.png) }')
    (tmp_path / "y.css").write_text("i { color: red }")
    head = '<link rel="stylesheet" href="x.css?v=1"/><script defer src="b.js"></script>'
    html = tmp_path / "page.html"
    html.write_text(f'<html><head>{head}<script src="a.js"></script></head><body><p>x</p></body></html>')
    text = render.embed_files(html)
    assert '<script>let a = "<\\/script>";</script></head>' in text
    assert "<p>x</p><script>let b;</script></body>" in text
    assert "<style>i { color: red } p { background: url(data:,) }</style>" in text
