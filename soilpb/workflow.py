"""Execution of chapters: the paired notebook, its executed copy, and the files that stand behind it.

The ``.py`` (py:percent) file is what people edit; its ``.ipynb`` twin is written from it,
without outputs and with ids that depend on the cells alone, so that twins can be compared.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import grimp
import jupytext
import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from traitlets import CaselessStrEnum, Unicode

from soilpb import _files, site_file
from soilpb._files import MissingArtifact
from soilpb.readers.folder import list_files
from soilpb.readers.libraries import fetch, ossl
from soilpb.site_file import Site, SiteError
from soilpb.study import TWIN_LIBRARY, kinds_of_data

_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
#: Characters: the path of a Unix socket holds about 100 on all systems, its name included.
_LONGEST_SOCKET_FOLDER = 85
#: A kernel computes on one thread: numbers must not depend on how many a machine has.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
#: Endings of the files in which libraries are handed out.
_LIBRARY_TABLES = {".csv", ".gz", ".xlsx", ".parquet"}
#: Beside an executed notebook: held by who executes it.
LOCK = ".lock"
#: What Markdown would take for markup.
_MARKUP = re.compile(r"([\\`*_{}\[\]<>$#|&~])")


def paired_notebook(source: str | Path) -> str:
    """Text of the ``.ipynb`` twin of a py:percent file.

    Cell ids are hashes of the cells' text (with a running number where a text repeats):
    an untouched cell keeps its id, and the same source gives the same bytes.
    """
    notebook = jupytext.read(source)
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:8]
        cell.id = f"{digest}-{seen[digest]}"
        seen[digest] += 1
    notebook.metadata = nbformat.from_dict({"kernelspec": _KERNEL, "language_info": {"name": "python"}})
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    nbformat.validate(notebook)
    return nbformat.writes(notebook) + "\n"


def pair(source: str | Path) -> bool:
    """Write the ``.ipynb`` twin beside ``source``; tell whether it had to change."""
    text, twin = paired_notebook(source), Path(source).with_suffix(".ipynb")
    if twin.exists() and twin.read_text(encoding="utf-8") == text:
        return False
    with _files.atomic_write(twin) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return True


def execute(source: str | Path, output: str | Path, site: str, /, **parameters: Any) -> bool:
    """Execute a chapter's py:percent file for a site; ``output`` appears only when it succeeded.

    ``parameters`` are laid over the site file, as by papermill's ``-p``. The result tells whether code or
    site file were edited meanwhile: the notebook is of the values at the start. A fault in the site file,
    or an edit of the site's data meanwhile, is a SiteError.
    """
    os.environ.update(ONE_THREAD)  # the kernel inherits them
    # A fault in the site file is told at once, not by a kernel.
    keys = {key: parameters[key] for key in Site.model_fields.keys() & parameters}
    about = site_file.load_site_file(site, **keys)
    notebook = fill_in_site(nbformat.reads(paired_notebook(source), as_version=4), about)
    site_path = site_file.find_site_file(site)
    text, inputs = site_path.read_bytes(), hash_inputs(source, about, **parameters)
    with _files.temporary_folder("soilpb-home-") as home, _files.atomic_write(output) as temporary:
        fresh = temporary.with_suffix(".source.ipynb")
        try:
            fresh.write_text(nbformat.writes(notebook), encoding="utf-8")
            executed = papermill.execute_notebook(
                fresh,
                temporary,
                {"site": site, **parameters},
                cwd=site_file.project_root(),
                kernel_name="python3",
                kernel_manager_class=_kernel_of_this_python(home),
                progress_bar=False,
                request_save_on_cell_execute=False,  # it is kept whole or not at all
                # The kernel's own chatter is not the chapter's: it calls the interrupt at its end an error.
                extra_arguments=["--log-level=CRITICAL"],
            )
        finally:
            fresh.unlink(missing_ok=True)
        now = hash_inputs(source, about, **parameters)
        if now["data"] != inputs["data"]:
            raise SiteError(
                f"data of {about.site} were edited while {Path(source).stem} read them: run it again"
            )
        executed.metadata["soilpb"] = inputs
        nbformat.write(_hide_injected_parameters(executed), temporary)
    return now != inputs or not site_path.exists() or site_path.read_bytes() != text


def _kernel_of_this_python(home: Path) -> type[AsyncKernelManager]:
    """Start chapters in the Python that runs this, whichever kernel JUPYTER_PATH calls python3.

    In ``home`` is its connection file, and what IPython and Matplotlib write where the user's is read-only.
    """
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    env = {} if os.access(os.path.expanduser("~"), os.W_OK) else {"HOME": str(home)}  # noqa: PTH111
    spec = KernelSpec(argv=argv, env=env, display_name=_KERNEL["display_name"], language="python")
    own = {"kernel_spec": spec, "connection_file": Unicode(str(home / "kernel.json"))}
    # Sockets in ``home`` belong to this kernel: two that start at once can be given the same TCP port.
    if os.name == "posix" and len(str(home)) < _LONGEST_SOCKET_FOLDER:
        own["transport"] = CaselessStrEnum(["tcp", "ipc"], "ipc")
    return type("Kernel", (AsyncKernelManager,), own)


def read_parameters(source: str | Path) -> tuple[dict[str, Any], dict[str, type]]:
    """Defaults and types of a chapter's parameters, by their names."""
    values: dict[str, Any] = {}
    for cell in jupytext.read(source).cells:
        if "parameters" in cell.metadata.get("tags", []):
            exec(
                compile(cell.source, str(source), "exec", dont_inherit=True), values
            )  # types, not their names
    types = values.pop("__annotations__", {})
    return {name: values[name] for name in types}, types


def read_warnings(executed: str | Path) -> list[str]:
    """Lines that cells of an executed notebook wrote to standard error, each once."""
    cells = nbformat.read(executed, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    lines = [
        line for output in outputs if output.get("name") == "stderr" for line in output.text.splitlines()
    ]
    return list(dict.fromkeys(filter(str.strip, lines)))


def _hide_injected_parameters(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Keep papermill's cell of parameters off the page: the reader has just seen the defaults."""
    for cell in notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "remove-cell"]
    return notebook


def fill_in_site(notebook: nbformat.NotebookNode, site: Site) -> nbformat.NotebookNode:
    """Write the site's name and kind into a notebook that is executed for many sites.

    ``{{title}}``, ``{{site}}`` (its short name), ``{{kind}}`` and ``{{source_kind}}``
    (:data:`soilpb.spectra.KINDS`) are replaced in Markdown cells, and in the captions and
    alternative texts of figures: these are fixed before a notebook runs.
    """
    words = {
        "site": site.site,
        "title": _MARKUP.sub(r"\\\1", " ".join(site.title.split()) or site.site),
        **dict(zip(("kind", "source_kind"), kinds_of_data(site), strict=True)),
    }
    pattern = re.compile(r"\{\{(" + "|".join(words) + r")\}\}")

    def filled(text: str) -> str:
        return pattern.sub(lambda place: words[place[1]], text)

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = filled(cell.source)
        about = cell.metadata.get("mystnb", {})
        for part, key in (("figure", "caption"), ("image", "alt")):
            if key in about.get(part, {}):
                about[part][key] = filled(about[part][key])
    return notebook


def add_note(executed: str | Path, text: str) -> None:
    """Put a remark below the title of an executed notebook."""
    notebook = nbformat.read(executed, as_version=4)
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(text))
    nbformat.write(notebook, executed)


def code_behind(source: str | Path) -> list[str]:
    """Files of the package that a chapter imports, directly or through others.

    A chapter is executed again when one of them changes, and only then. A name that a room
    exports counts as the file that defines it, not as the whole room.
    """
    graph = _import_graph()
    cells = "\n".join(cell.source for cell in jupytext.read(source).cells if cell.cell_type == "code")
    imported = graph.modules & set(_imported_modules(cells, graph.modules))
    direct = {module for module in imported if not _exports(module)}
    behind = direct.union(*(graph.find_upstream_modules(module) for module in direct))
    # A package that is no room, such as the formats of instrument files, imports its modules as it runs.
    behind = behind.union(*(graph.find_children(module) for module in behind))
    root = site_file.project_root()
    return sorted(_from_root(_file_of(module), root) for module in behind)


def choose_library(name: str) -> dict[str, str]:
    """Keys of a site file that make a fetched library the source: ``lucas`` is LUCAS of OSSL; empty, none."""
    if name in fetch.CODES:
        if ossl.fetched_library(fetch.CODES[name]) is None:
            raise SiteError(f"{name} has not been fetched: run soilpb fetch {name} first")
        return {"source": "ossl", "source_datasets": fetch.CODES[name]}
    if name not in ("", "lucas2009", "lucas2015", "ossl"):
        known = ", ".join([*fetch.CODES, "lucas2009", "lucas2015", "ossl"])
        raise SiteError(f"SOURCE={name} is no library; expected one of {known}")
    return {"source": name, "source_datasets": ""} if name else {}


def data_behind(site: str | Site, library: str = "") -> list[str]:
    """Files of a site's own soils and of its library: pages are executed again when one of them changes.

    A file that is not there is left to the reader, whose message says what to mend. ``library`` stands in
    for the site's own (:func:`choose_library`).
    """
    about = site if isinstance(site, Site) else site_file.load_site_file(site, **choose_library(library))
    brought = (about.spectra, about.laboratory) if about.target_data == "files" else ()
    root = site_file.project_root()
    files = [
        f"{path}/{file.name}" if (root / path).is_dir() else path
        for path in brought
        for file in list_files(root / path)
    ]
    folder = site_file.library_folder(about)
    twin = "twin" in (about.target_data, about.source)  # whose soils are those of a library, once fetched
    for place in filter(None, [folder, ossl.fetched_library(TWIN_LIBRARY) if twin else None]):
        tables = [file for file in sorted(place.rglob("*")) if file.suffix in _LIBRARY_TABLES]
        wanted = about.source_datasets.split() if about.source == "ossl" and place == folder else []
        apart = wanted and all((place / code).is_dir() for code in wanted)
        files += [_from_root(file, root) for file in tables if not apart or file.parent.name in wanted]
    return [path for path in dict.fromkeys(files) if (root / path).exists()]


def hash_inputs(source: str | Path, site: Site, /, **parameters: Any) -> dict[str, str]:
    """SHA-256 of what an executed chapter stands on: values of its parameters, the site's data, and code."""
    root, data = site_file.project_root(), data_behind(site)
    values = json.dumps([{**site.model_dump(), **parameters}, data], sort_keys=True, default=str)
    return {
        "values": hashlib.sha256(values.encode()).hexdigest(),
        "data": _files.sha256_of(*(root / path for path in data)),
        "code": _files.sha256_of(source, *(root / path for path in code_behind(source))),
    }


def is_current(executed: Path, source: Path, site: Site, /, **parameters: Any) -> bool:
    """Tell whether a chapter was executed with these very parameters, and the data and code there are now."""
    try:
        made_of = nbformat.read(executed, as_version=4).metadata["soilpb"]
        return made_of == hash_inputs(source, site, **parameters)
    except (OSError, ValueError, KeyError, AttributeError):
        return False  # never executed, by another release, or damaged


def _from_root(path: Path, root: Path) -> str:
    """Path from the project's root where it lies below, else whole: the package may lie elsewhere."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


@lru_cache
def _import_graph() -> grimp.ImportGraph:
    return grimp.build_graph("soilpb", cache_dir=None)


def _imported_modules(code: str, modules: Collection[str]) -> Iterator[str]:
    """Modules that code imports; of a room that it imports whole, those whose names it uses."""
    nodes = list(ast.walk(ast.parse(code)))
    rooms = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                rooms[alias.asname or alias.name] = _defining_module(node.module, alias.name, modules)
    yield from rooms.values()
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in rooms:
            yield _defining_module(rooms[node.value.id], node.attr, modules)


def _defining_module(package: str, name: str, modules: Collection[str]) -> str:
    if f"{package}.{name}" in modules:
        return f"{package}.{name}"
    exports = _exports(package).items() if package in modules else ()
    return next((f"{package}.{module}" for module, names in exports if name in names), package)


def _exports(package: str) -> dict[str, list[str]]:
    """Module → names that a room exports from it; empty for what is no room."""
    if _file_of(package).name != "__init__.py":
        return {}
    return getattr(importlib.import_module(package), "_EXPORTS", {})


def _file_of(module: str) -> Path:
    path = Path(__file__).resolve().parent.joinpath(*module.split(".")[1:])
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


_COMMANDS: dict[str, dict[str, dict[str, Any]]] = {
    "pair": {"sources": {"nargs": "+"}},
    "execute": {"source": {}, "site": {}, "output": {}, "--library": {"default": ""}},
    "shard": {"site": {}, "seed": {"type": int}, "model": {}, "output": {}},
    "merge": {
        "folder": {},
        "--seeds": {"type": int, "nargs": "+", "required": True},
        "--models": {"nargs": "+", "required": True},
    },
}


def main(words: Sequence[str] | None = None) -> None:
    """Write the .ipynb twins, execute a chapter, cross-validate one shard, or merge the shards of a site."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, options in _COMMANDS.items():
        command = commands.add_parser(name)
        for option, details in options.items():
            command.add_argument(option, **details)
    arguments = parser.parse_args(words)
    if arguments.command == "pair":
        for source in arguments.sources:
            print(f"{'wrote' if pair(source) else 'kept '} {Path(source).with_suffix('.ipynb')}")
    elif arguments.command == "execute":
        _execute_for_book(arguments)
    else:
        _run_shards(arguments)


def _execute_for_book(arguments: argparse.Namespace) -> None:
    """Execute a chapter where no report of the site is being made; Snakemake would not notice an edit."""
    output = Path(arguments.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    with _files.lock(output.with_name(LOCK)):
        edited = execute(arguments.source, output, arguments.site, **choose_library(arguments.library))
    if edited:
        sys.exit(f"problem: code or site file behind {output} were edited while it was made: run it again")


def _run_shards(arguments: argparse.Namespace) -> None:
    from soilpb.evaluate import cross_validation as shards  # PyTorch takes a second to import
    from soilpb.study import Study

    try:
        if arguments.command == "shard":
            found = shards.predict_shard(Study.load(arguments.site), arguments.seed, arguments.model)
            shards.save_shard(arguments.output, found)
        else:
            predictions = shards.merge_shards(arguments.folder, arguments.seeds, arguments.models)
            shards.save_league(arguments.folder, predictions)
    except (SiteError, shards.ShardError, MissingArtifact) as error:
        sys.exit(f"problem: {error}")


if __name__ == "__main__":
    main()
