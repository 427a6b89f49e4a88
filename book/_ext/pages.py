"""Sphinx extension of this book: site reports carry no launch button.

A report is executed once a site from one notebook, so a launch link would name a file
that nobody committed.
"""


def setup(app):
    """Register the page hook, after the theme has added its buttons."""
    app.connect("html-page-context", _without_launch_button, priority=900)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _without_launch_button(app, pagename, templatename, context, doctree):
    if pagename.startswith("sites/"):
        buttons = context.get("header_buttons", [])
        context["header_buttons"] = [button for button in buttons if button.get("label") != "launch-buttons"]
