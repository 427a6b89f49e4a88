"""Inputs that once went wrong, each in a folder beside the project; tests of them skip where it is not."""

from pathlib import Path

import pytest

CASES = Path(__file__).parents[1].parent / "shared" / "cases"


def case(name: str) -> Path:
    """Folder of a case; the test is skipped if it is not there."""
    if not (CASES / name).is_dir():
        # A clone alone has none; inputs made by the tests themselves hold the same kinds everywhere.
        pytest.skip(f"{CASES / name} is not there: cases are handed out beside the project")
    return CASES / name


def shared_data(name: str) -> Path:
    """A real file or folder beside the project; the test is skipped if it is not there."""
    if not (CASES.parent / "data" / name).exists():
        # Licences do not let these files into the project.
        pytest.skip(
            f"{CASES.parent / 'data' / name} is not there: real data are handed out beside the project"
        )
    return CASES.parent / "data" / name
