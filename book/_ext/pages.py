"""Sphinx extension of this book: launch buttons, titles, scripts and colours of its pages.

Site reports carry no launch button: a report is executed once per site from one notebook, so a launch link
would name a file that nobody committed. The theme prints a page's title above what is printed on paper,
as it is: a site's title may hold HTML or TeX. A script without a file is kept twice by Sphinx, once named
"" and once None: constants that it declares twice are an error in the browser. Colours of text in styled
tables were chosen on white; in the dark they are mixed with white.
"""

import re
from html import escape

_STYLE = re.compile(r"<style.*?</style>", re.DOTALL)
_COLOUR = re.compile(r"^(\s*)color: (#[0-9a-fA-F]{6});", re.MULTILINE)
#: The colour alone stays for browsers that do not know ``light-dark``.
_DARK_COLOUR = r"\g<0> color: light-dark(\2, color-mix(in srgb, \2 45%, white));"


def setup(app):
    """Register the page hooks, after the theme has added its buttons and titles."""
    app.connect("html-page-context", _without_launch_button, priority=900)
    app.connect("html-page-context", _with_title_as_text, priority=900)
    app.connect("html-page-context", _with_each_script_once, priority=900)
    app.connect("html-page-context", _with_colours_for_the_dark, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _without_launch_button(app, pagename, templatename, context, doctree):
    if pagename.startswith("sites/"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [button for button in buttons if button.get("label") != "launch-buttons"]


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
