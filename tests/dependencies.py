"""What the project imports, and what the packages it declares need: the lock files are made from it.

``python -m tests.dependencies`` writes ``requirements.lock`` and ``requirements-test.lock``
from the versions that are installed.
"""

import ast
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_TOML = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = _TOML["project"]
EXTRAS = PROJECT["optional-dependencies"]
#: Lock file → what it has to install. The second comes on top of the first.
LOCKS = {
    "requirements.lock": [*_TOML["build-system"]["requires"], *PROJECT["dependencies"]],
    "requirements-test.lock": [*EXTRAS["test"], *EXTRAS["cluster"]],
}


def imported_packages(files: Iterable[Path]) -> dict[str, set[str]]:
    """Top-level names that files import, but for Python's and the project's own → the files."""
    own = {"soilpb", "tests", *(path.stem for path in (ROOT / "benchmarks").glob("*.py"))}
    found: dict[str, set[str]] = {}
    for file in files:
        for name in _imported_names(ast.parse(file.read_text())):
            package = name.split(".")[0]
            if package not in sys.stdlib_module_names and package not in own:
                found.setdefault(package, set()).add(file.relative_to(ROOT).as_posix())
    return found


def _imported_names(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), level=0):
                yield module
            case ast.Call(func=ast.Attribute(attr="importorskip"), args=[ast.Constant(value=str(name)), *_]):
                yield name


def needed(requirements: Iterable[str]) -> dict[str, str]:
    """Name → installed version of all distributions that requirements need, directly or not."""
    versions: dict[str, str] = {}
    visited = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        key = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if key in visited:
            continue
        visited.add(key)
        distribution = metadata.distribution(requirement.name)
        versions[distribution.name] = distribution.version.partition("+")[0]
        for text in distribution.requires or []:
            further = Requirement(text)
            extras = requirement.extras or {""}
            if not further.marker or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)
    return versions


def lock_texts() -> dict[str, str]:
    """Lock file → its text: one ``name==version`` per line."""
    first, second = (needed(requirements) for requirements in LOCKS.values())
    second = {name: version for name, version in second.items() if name not in first}
    return {
        file: "".join(f"{name}=={pins[name]}\n" for name in sorted(pins, key=str.lower))
        for file, pins in zip(LOCKS, (first, second), strict=True)
    }


if __name__ == "__main__":
    for file, text in lock_texts().items():
        (ROOT / file).write_text(text)
