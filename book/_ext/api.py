"""Sphinx extension of the page *API*: what each room of the package exports, from the docstrings.

The page's source ends with a placeholder; a section per room takes its place when it is read.
"""

import importlib
import inspect
import pkgutil
import re

import soilpb

_PLACEHOLDER = "<!-- rooms -->"
#: What scikit-learn and pydantic add to each class.
_INHERITED = re.compile(r"set_\w+_request|model_config")


def setup(app):
    """Register the hook that writes the page."""
    app.connect("source-read", _write_sections)
    app.connect("autodoc-skip-member", _skip_what_is_inherited)
    app.connect("autodoc-process-docstring", _drop_what_is_inherited)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}


def _write_sections(app, docname, source):
    if docname == "api":
        rooms = [module.name for module in pkgutil.iter_modules(soilpb.__path__, "soilpb.") if module.ispkg]
        source[0] = source[0].replace(_PLACEHOLDER, "\n".join(map(_section, ["soilpb", *rooms])))


def _section(room):
    package = importlib.import_module(room)
    exports = getattr(package, "_EXPORTS", {}).items()
    entries = [_entry(f"{room}.{module}", name) for module, names in exports for name in names]
    about = [f".. automodule:: {room}", "   :no-members:", ""]
    return "\n".join([f"## `{room}`", "", "```{eval-rst}", *about, *entries, "```", ""])


def _entry(module, name):
    """Directive that documents a name where it is defined, so that references to it lead there."""
    value = getattr(importlib.import_module(module), name)
    if inspect.isclass(value):
        return f".. autoclass:: {module}.{name}\n   :members:\n"
    if callable(value):
        return f".. autofunction:: {module}.{name}\n"
    hidden = "   :no-value:\n" if len(repr(value)) > 60 else ""
    return f".. autodata:: {module}.{name}\n{hidden}"


def _skip_what_is_inherited(app, what, name, value, skip, options):
    return True if _INHERITED.fullmatch(name) else None


def _drop_what_is_inherited(app, what, name, value, options, lines):
    """Leave out the docstring of ``dict`` and the like under a constant that has none of its own."""
    if what == "data" and "\n".join(lines).strip() == (inspect.getdoc(type(value)) or "").strip():
        lines.clear()
