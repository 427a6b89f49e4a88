"""Sphinx extension of a report on its own: chapters that are not there are named, not linked.

A report refers to chapters of the book. Alone, it gives their titles, which are found by
their labels in the book's sources; a label that nobody has stays an error.
"""

import re
from pathlib import Path

from docutils import nodes

_PROJECT = Path(__file__).parents[2]
_TITLE = re.compile(r"^(?:# )?\(([\w-]+)\)=\s+(?:# )?#+ (.+)$", re.MULTILINE)


def setup(app):
    """Register what is done about references that lead nowhere."""
    app.connect("missing-reference", _name_the_chapter)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def titles():
    """Label → title of each section that the book's sources label."""
    sources = [*(_PROJECT / "book").glob("*.md"), *(_PROJECT / "notebooks").glob("*.py")]
    return {
        label: title.strip()
        for source in sources
        for label, title in _TITLE.findall(source.read_text(encoding="utf-8"))
    }


def _name_the_chapter(app, env, node, contnode):
    title = titles().get(node.get("reftarget"))
    if title is None or node.get("reftype") != "ref":
        return None
    if node.get("refexplicit"):
        return contnode
    return nodes.emphasis(title, title)
