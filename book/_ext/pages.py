"""Sphinx extension of this book: buttons, titles, descriptions, scripts, colours and words of its pages.

Site reports carry no launch button: a report is executed once per site from one notebook, so a launch link
would name a file that nobody committed. The theme prints a page's title above what is printed on paper,
as it is: a site's title may hold HTML or TeX. A script without a file is kept twice by Sphinx, once named
"" and once None: constants that it declares twice are an error in the browser. Colours of text in styled
tables were chosen on white; in the dark they are mixed with white. The edit button opens what people edit:
the source of a chapter, not its twin. The first time that a page uses a word of the glossary, it leads there.
"""

import re
from html import escape
from textwrap import shorten

from docutils import nodes

_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
_COLOUR = re.compile(r"^(\s*)color: (#[0-9a-fA-F]{6});", re.MULTILINE)
#: The colour alone stays for browsers that do not know ``light-dark``.
_DARK_COLOUR = r"\g<0> color: light-dark(\2, color-mix(in srgb, \2 45%, white));"


def setup(app):
    """Register the page hooks, after the theme has added its buttons and titles."""
    app.connect("html-page-context", _without_launch_button, priority=900)
    app.connect("html-page-context", _with_edit_button_of_the_source, priority=900)
    app.connect("html-page-context", _with_description, priority=900)
    app.connect("html-page-context", _with_title_as_text, priority=900)
    app.connect("html-page-context", _with_each_script_once, priority=900)
    app.connect("html-page-context", _with_colours_for_the_dark, priority=900)
    app.connect("doctree-resolved", _link_words)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _without_launch_button(app, pagename, templatename, context, doctree):
    if pagename.startswith("sites/"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [button for button in buttons if button.get("label") != "launch-buttons"]


def _with_edit_button_of_the_source(app, pagename, templatename, context, doctree):
    folder = pagename.split("/")[0]
    sources = {"notebooks": f"{pagename}.py", "sites": "notebooks/site_report.py"}
    for button in _all_buttons(context.get("header_buttons", [])):
        host, edits, place = str(button.get("url", "")).partition("/edit/")
        if edits:
            branch = place.split("/")[0]
            button["url"] = f"{host}/edit/{branch}/{sources.get(folder, f'book/{pagename}.md')}"


def _all_buttons(buttons):
    for button in buttons:
        yield button
        yield from _all_buttons(button.get("buttons", []))


def _with_description(app, pagename, templatename, context, doctree):
    """Describe a page to search engines by its first paragraph of some length."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree else ()
    whole = (p for p in paragraphs if len(p.astext()) > 20 and not _within(p, nodes.table))
    first = next(whole, None)
    if first is not None:
        text = escape(shorten(first.astext(), 200, placeholder=" …"))
        context["metatags"] = f'{context.get("metatags", "")}<meta name="description" content="{text}" />'


def _link_words(app, doctree, docname):
    """Link the first use of each word of the glossary in a page's paragraphs and lists."""
    objects = app.env.get_domain("std").get_objects()
    words = {name.lower(): (page, to) for name, _, kind, page, to, _ in objects if kind == "term"}
    if not words or docname == "api" or docname in dict(words.values()):
        return
    longest_first = sorted(map(re.escape, words), key=len, reverse=True)
    pattern = re.compile(rf"\b({'|'.join(longest_first)})\b", re.IGNORECASE)
    for text in list(doctree.findall(nodes.Text)):
        if isinstance(text.parent, nodes.paragraph) and not _within(text, nodes.table, nodes.figure):
            parts, done = [], 0
            for found in pattern.finditer(text):
                if place := words.pop(found[0].lower(), None):
                    uri = f"{app.builder.get_relative_uri(docname, place[0])}#{place[1]}"
                    link = nodes.reference("", found[0], refuri=uri, internal=True)
                    parts += [nodes.Text(text[done : found.start()]), link]
                    done = found.end()
            if parts:
                text.parent.replace(text, [*parts, nodes.Text(text[done:])])


def _within(node, *kinds):
    while node is not None and not isinstance(node, kinds):
        node = node.parent
    return node is not None


def _with_title_as_text(app, pagename, templatename, context, doctree):
    for title in ("pagetitle", "root_title"):
        if title in context:
            context[title] = f'<span class="mathjax_ignore">{escape(context[title])}</span>'


def _with_each_script_once(app, pagename, templatename, context, doctree):
    scripts = {}
    for script in context["script_files"]:
        scripts.setdefault((script.filename or "", *sorted(script.attributes.items())), script)
    context["script_files"] = list(scripts.values())


def _with_colours_for_the_dark(app, pagename, templatename, context, doctree):
    if "body" in context:
        context["body"] = _STYLE.sub(lambda style: _COLOUR.sub(_DARK_COLOUR, style[0]), context["body"])
