"""Sphinx extension of this book: site reports carry no launch button, and titles are text.

A report is executed once a site from one notebook, so a launch link would name a file
that nobody committed. The theme prints a page's title above what is printed on paper,
as it is: a site's title may hold HTML or TeX.
"""

from html import escape


def setup(app):
    """Register the page hooks, after the theme has added its buttons and titles."""
    app.connect("html-page-context", _without_launch_button, priority=900)
    app.connect("html-page-context", _with_title_as_text, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _without_launch_button(app, pagename, templatename, context, doctree):
    if pagename.startswith("sites/"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [button for button in buttons if button.get("label") != "launch-buttons"]


def _with_title_as_text(app, pagename, templatename, context, doctree):
    for title in ("pagetitle", "root_title"):
        if title in context:
            context[title] = f'<span class="mathjax_ignore">{escape(context[title])}</span>'
