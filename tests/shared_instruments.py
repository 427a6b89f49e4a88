"""Real instrument files that are not part of the project: tests of them are skipped where they are absent."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1].parent / "shared" / "data" / "instruments"
needs_real_files = pytest.mark.skipif(
    not FOLDER.exists(), reason=f"real instrument files are not in {FOLDER}"
)
