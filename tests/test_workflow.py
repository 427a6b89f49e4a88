"""Twins are reproducible, executions atomic, and a chapter knows the code behind it."""

import json
from pathlib import Path

import papermill
import pytest

from soilpb import workflow

ROOT = Path(__file__).parents[1]
SOURCE = """\
# %% [markdown]
# # A chapter

# %% tags=["parameters"]
n: int = 1

# %%
print(n)

# %%
print(n)
"""


@pytest.fixture
def chapter(tmp_path):
    """A small chapter outside the project."""
    path = tmp_path / "chapter.py"
    path.write_text(SOURCE)
    return path


def test_pairing_is_reproducible_and_idempotent(chapter):
    """The same source gives the same bytes, and a second pairing has nothing to write."""
    assert workflow.pair(chapter) is True
    first = chapter.with_suffix(".ipynb").read_bytes()
    assert workflow.pair(chapter) is False
    assert chapter.with_suffix(".ipynb").read_bytes() == first


def test_cell_ids_are_unique_and_follow_the_text(chapter):
    """Equal cells get different ids, and changing one cell leaves the other ids alone."""
    before = [cell["id"] for cell in json.loads(workflow.paired_notebook(chapter))["cells"]]
    chapter.write_text(SOURCE.replace("# # A chapter", "# # A better chapter"))
    after = [cell["id"] for cell in json.loads(workflow.paired_notebook(chapter))["cells"]]
    assert len(set(before)) == len(before) == 4
    assert before[0] != after[0]
    assert before[1:] == after[1:]


def test_the_parameters_tag_survives_and_there_are_no_outputs(chapter):
    """Papermill finds the parameters cell in the twin, and the twin holds no outputs."""
    cells = json.loads(workflow.paired_notebook(chapter))["cells"]
    assert cells[1]["metadata"]["tags"] == ["parameters"]
    assert all(not cell.get("outputs") for cell in cells)


def test_execution_injects_the_site_and_the_parameters(chapter, tmp_path):
    """The executed copy and its copies hold the site file's keys and the given values."""
    chapter.write_text(SOURCE + "\n# %%\nprint(site, n)\n")
    output, copy = tmp_path / "out" / "done.ipynb", tmp_path / "book" / "page.ipynb"
    workflow.execute(chapter, output, "gejiu", copy, n=5)
    assert "gejiu 5" in output.read_text()
    assert copy.read_bytes() == output.read_bytes()


def test_a_failing_chapter_leaves_no_notebook(chapter, tmp_path):
    """A chapter that stops in the middle leaves nothing that a book could publish."""
    chapter.write_text(SOURCE + "\n# %%\n1 / 0\n")
    output = tmp_path / "out" / "done.ipynb"
    with pytest.raises(papermill.PapermillExecutionError, match="division by zero"):
        workflow.execute(chapter, output, "gejiu")
    assert list(output.parent.iterdir()) == []


def test_a_chapter_knows_the_code_behind_it(tmp_path):
    """Modules imported by imported modules count; modules that nobody imports do not."""
    chapter = tmp_path / "x.py"
    chapter.write_text("# %%\nfrom soilpb import training\nfrom soilpb.study import (\n    Study,\n)\n")
    behind = workflow.code_behind(chapter)
    assert {"soilpb/training.py", "soilpb/resnet.py", "soilpb/study.py", "soilpb/spectra.py"} <= set(behind)
    assert all((ROOT / path).is_file() for path in behind)
    assert "soilpb/attribution.py" not in behind


def test_explaining_is_not_behind_pretraining():
    """A change of the explainers does not run pretraining again."""
    assert "soilpb/attribution.py" not in workflow.code_behind(ROOT / "notebooks" / "02_pretraining.py")
    assert "soilpb/attribution.py" in workflow.code_behind(ROOT / "notebooks" / "05_interpretation.py")
