"""Chapters are paired, formatted as chapters, and run at small parameters."""

import ast
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import pandas as pd
import pytest

from soilpb import workflow

from .conftest import SMALL, SMALL_REPORT, SmallBook

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))


def cells_of(source, kind):
    return [cell for cell in jupytext.read(source).cells if cell.cell_type == kind]


def test_every_chapter_has_small_parameters():
    """No chapter escapes this file."""
    assert {source.stem for source in SOURCES} == set(SMALL)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_the_twin_is_what_its_source_gives(source):
    """The committed .ipynb is byte for byte what ``make pair`` writes."""
    assert source.with_suffix(".ipynb").read_text(encoding="utf-8") == workflow.paired_notebook(source)


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_every_figure_has_a_caption_a_name_and_alt_text(source):
    """A cell that draws carries caption, name and alt text in its metadata."""
    for cell in cells_of(source, "code"):
        draws = re.search(r"plots\.(plot_|\w+_axes)|plt\.sub|sns\.|\.plot\(|picture = dis", cell.source)
        if draws and "picture.update" not in cell.source:  # that cell fills the opening picture's
            about = cell.metadata.get("mystnb", {})
            assert about.get("figure", {}).get("caption"), cell.source
            # One notebook makes every site's report: a name would be a duplicate label.
            named = about["figure"].get("name", "").startswith("fig-")
            assert named != (source.stem == "site_report"), cell.source
            assert about.get("image", {}).get("alt"), cell.source


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_cells_are_short(source):
    """Longer code belongs into the package: beside its imports, no cell has more than 20 lines."""
    for cell in cells_of(source, "code"):
        code = [
            node for node in ast.parse(cell.source).body if not isinstance(node, ast.Import | ast.ImportFrom)
        ]
        assert sum(node.end_lineno - node.lineno + 1 for node in code) <= 20, cell.source


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_a_chapter_is_built_like_a_chapter(source):
    """A label, one H1, annotated parameters, takeaways and limits."""
    text = "\n".join(cell.source for cell in cells_of(source, "markdown"))
    (parameters,) = [c for c in cells_of(source, "code") if "parameters" in c.metadata.get("tags", [])]
    assert re.match(r"\((sec-[\w-]+|site-\{\{site\}\})\)=", text)
    assert len(re.findall(r"^# ", text, re.M)) == 1
    assert "## Limits" in text
    assert source.stem == "site_report" or "## Takeaways" in text
    assert all(
        re.match(r"\w+: \w+ = ", line) for line in parameters.source.splitlines() if line[:1] not in "#"
    )


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_the_argument_is_in_the_source(source):
    """No line of text consists of glue roles alone: sentences stand where their author writes them."""
    alone = re.compile(r"[\s>*-]*(\{glue:\w+\}`[^`]*`[\s.,;:]*)+")
    lines = [line for cell in jupytext.read(source).cells for line in cell.source.splitlines()]
    assert [line for line in lines if alone.fullmatch(line)] == []


def test_few_cells_are_removed():
    """Cells that no page shows are few: all chapters together have at most 15."""
    cells = [cell for source in SOURCES for cell in cells_of(source, "code")]
    assert sum("remove-cell" in cell.metadata.get("tags", []) for cell in cells) <= 15


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_import_sections_are_short(source):
    """From a cell's first import to its last are at most a dozen lines."""
    for cell in cells_of(source, "code"):
        imports = [n for n in ast.parse(cell.source).body if isinstance(n, ast.Import | ast.ImportFrom)]
        assert not imports or imports[-1].end_lineno - imports[0].lineno < 12, cell.source


def test_workers_share_the_small_book(tmp_path, monkeypatch):
    """Who asks for a chapter that another worker is executing waits for it, and does not execute it again."""
    executed = []

    def execute(source, output, site, **parameters):
        executed.append((source.stem, site))
        time.sleep(0.2)
        output.touch()

    monkeypatch.setattr(workflow, "execute", execute)
    with ThreadPoolExecutor() as workers:
        books = [workers.submit(SmallBook(tmp_path).execute, "03_transfer") for _ in range(2)]
    assert {book.result() for book in books} == {tmp_path / "executed" / "gejiu" / "03_transfer.ipynb"}
    assert executed == [("02_pretraining", "gejiu"), ("03_transfer", "gejiu")]


@pytest.mark.parametrize("chapter", sorted(SMALL))
def test_the_chapter_runs_and_nothing_leaks_into_its_page(chapter, small_book):
    """Executed at small parameters it has outputs, no error, no standard error, no path of the machine."""
    site = SMALL_REPORT if chapter == "site_report" else "gejiu"
    executed = json.loads(small_book.execute(chapter, site).read_text())
    outputs = [output for cell in executed["cells"] for output in cell.get("outputs", [])]
    assert outputs
    assert [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"] == []
    assert str(ROOT) not in json.dumps(outputs)


def test_the_primary_comparison_has_one_p_value(small_book):
    """Chapters 3 and 4 make it on the same folds: its p-value is the same on both, and not corrected."""
    tables = {"03_transfer": "against_pls", "04_baselines": "comparison"}
    found = []
    for chapter, name in tables.items():
        folder = small_book.execute(chapter).parents[2] / "artifacts" / "gejiu" / chapter
        table = pd.read_parquet(folder / f"{name}.parquet").set_index("model")
        found.append(table.loc["ResNet-pH-Pb", ["change", "p_value", "p_holm"]].tolist())
    assert found[0] == found[1]
    assert found[0][1] == found[0][2]


def test_an_executed_chapter_tells_its_conclusions(small_book):
    """In plain Jupyter, chapter 2 shows its answer, picture and takeaways, with numbers and no roles."""
    cells = json.loads(small_book.execute("02_pretraining").read_text())["cells"]
    outputs = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    texts = ["".join(data["text/markdown"]).strip() for data in outputs if "text/markdown" in data]
    assert "The answer." in texts[0]
    assert texts[-1].startswith("- ")  # the takeaways
    for text in (texts[0], texts[-1]):
        assert re.search(r"\d", text)
    assert not [text for text in texts if "{glue" in text or "appears here" in text]
    first_picture = next(i for i, data in enumerate(outputs) if "image/svg+xml" in data)
    assert outputs[first_picture - 1].get("text/markdown"), "the picture follows the answer"
