"""Pages of the book as a browser shows them: on a desk and on a phone, by day and in the dark."""

import itertools
import re
import shutil
from base64 import b64decode
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    # pip cannot install a browser; .ci/run does it by apt.
    pytest.skip("no Chromium on PATH: apt-get install chromium", allow_module_level=True)

#: CSS pixels: a common phone, a desk.
PHONE, DESK = 390, 1280
#: What WCAG 2 asks of text (level AA).
CONTRAST = 4.5
SMALLEST_LABEL = 9  # CSS pixels
#: Of Matplotlib's glyphs, which are 100 units high at 100 points: points → CSS pixels.
PIXELS = 96 / 72

MEASURE = r"""
() => {
  const article = document.querySelector("article") ?? document.createElement("article");
  const numbers = text => {
    const found = text.match(/[\d.]+/g).map(Number);
    const fractions = text.startsWith("color(srgb");
    return found.map((value, i) => (fractions && i < 3 ? value * 255 : value));
  };
  const over = (top, below) => {
    const alpha = top.length < 4 ? 1 : top[3];
    return below.map((value, i) => top[i] * alpha + value * (1 - alpha));
  };
  const known = new Map([[null, [255, 255, 255]]]);
  const ground = element => {
    if (!known.has(element)) {
      const own = numbers(getComputedStyle(element).backgroundColor);
      known.set(element, over(own, ground(element.parentElement)));
    }
    return known.get(element);
  };
  const luminance = colour => {
    const linear = v => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = colour.map(v => linear(v / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = element => {
    const below = ground(element);
    const two = [luminance(over(numbers(getComputedStyle(element).color), below)), luminance(below)];
    return (Math.max(...two) + 0.05) / (Math.min(...two) + 0.05);
  };
  const faint = {}, seen = new Set();
  const texts = document.createTreeWalker(article, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode.textContent.trim();
    const element = texts.currentNode.parentElement;
    const apart = () => element.closest("svg, .headerlink, button, mjx-container, script");
    if (!text || seen.has(element) || apart() || !element.checkVisibility()) continue;
    seen.add(element);
    const found = contrast(element);
    if (found < LIMIT) faint[`${element.tagName}.${element.className} ${found}`] = text.slice(0, 40);
  }
  const images = [...article.querySelectorAll("img")].filter(e => e.checkVisibility() && e.naturalWidth > 50);
  return {
    faint,
    theme: document.documentElement.dataset.theme,
    width: document.documentElement.scrollWidth,
    figures: images.map(e => [e.currentSrc, e.getBoundingClientRect().width, e.naturalWidth]),
  };
}
""".replace("LIMIT", str(CONTRAST))


@pytest.fixture(scope="module")
def seen(html):
    """Page → what a browser reports of it: its errors, and by (width, theme) what it measures."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page()
        # Nothing from elsewhere; formulas take seconds, and nothing is measured of them.
        tab.route(lambda url: not url.startswith("file:"), lambda route: route.abort())
        tab.route(lambda url: "mathjax" in url.lower(), lambda route: route.fulfill(body=""))
        pages = [path for path in sorted(html.rglob("*.html")) if "_static" not in path.parts]
        found = {path.relative_to(html).as_posix(): look_at(tab, path) for path in pages}
        browser.close()
    return found


def look_at(tab, path):
    """Errors of a page, and its measures at each width in each theme."""
    errors, measures = [], {}
    listeners = {
        "pageerror": lambda error: errors.append(str(error)),
        "console": lambda message: message.type == "error" and errors.append(message.text),
    }
    for event, listener in listeners.items():
        tab.on(event, listener)
    tab.goto(path.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
    for width, theme in itertools.product((PHONE, DESK), ("light", "dark")):
        tab.set_viewport_size({"width": width, "height": 900})
        tab.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        measures[width, theme] = tab.evaluate(MEASURE)
    for event, listener in listeners.items():
        tab.remove_listener(event, listener)
    return errors, measures


def each(seen):
    """Name, width, theme and measures of all pages in all views."""
    for page, (_, measures) in seen.items():
        for (width, theme), measured in measures.items():
            yield f"{page} at {width} px, {theme}", width, theme, measured


def test_no_page_has_an_error(seen):
    """Nothing fails to load, and no script complains."""
    assert {page: errors for page, (errors, _) in seen.items() if errors} == {}


def test_text_stands_out_in_both_themes(seen):
    """Banners, tables, frames of terminals, and all other text of the article have contrast enough."""
    for name, _, theme, measured in each(seen):
        assert measured["theme"] == theme, name
        assert measured["faint"] == {}, name


def test_pages_do_not_scroll_sideways(seen):
    """What is wider than the window scrolls in a box of its own."""
    assert {name: m["width"] for name, width, _, m in each(seen) if m["width"] > width} == {}


def smallest_label(source):
    """Height of the smallest letters of an SVG, per unit of its own width."""
    if source.startswith("data:"):
        text = b64decode(source.partition(",")[2]).decode()
    else:
        text = Path(unquote(urlparse(source).path)).read_text(encoding="utf-8")
    points = [100 * float(scale) for scale in re.findall(r"scale\(([\d.]+) -[\d.]+\)", text)]
    letters = [PIXELS * size for size in points if size < 100]  # 1 is no letter's
    return min([*letters, *map(float, re.findall(r'font-size="([\d.]+)', text))])


def test_labels_of_figures_can_be_read_on_a_phone(seen):
    """Figures are vector graphics whose smallest letters are 9 px high as displayed, and more."""
    small, n_figures = {}, 0
    for name, width, _, measured in each(seen):
        for source, shown, natural in measured["figures"] if width == PHONE else ():
            n_figures += 1
            height = smallest_label(source) * shown / natural
            if height < SMALLEST_LABEL:
                small[name, source[-20:]] = round(height, 1)
    assert n_figures > 20
    assert small == {}
