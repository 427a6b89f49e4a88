"""Twins are reproducible, executions atomic, and a chapter knows the code behind it."""

import importlib
import json
from pathlib import Path

import grimp
import nbformat
import papermill
import pytest

from soilpb import workflow
from soilpb.site_file import Site, SiteError

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
    """The executed copy holds the site's name and the given values."""
    chapter.write_text(SOURCE + "\n# %%\nprint(site, n)\n")
    output = tmp_path / "out" / "done.ipynb"
    workflow.execute(chapter, output, "gejiu", n=5)
    assert "gejiu 5" in output.read_text()


def test_a_failing_chapter_leaves_no_notebook(chapter, tmp_path):
    """A chapter that stops in the middle leaves nothing that a book could publish."""
    chapter.write_text(SOURCE + "\n# %%\n1 / 0\n")
    output = tmp_path / "out" / "done.ipynb"
    with pytest.raises(papermill.PapermillExecutionError, match="division by zero"):
        workflow.execute(chapter, output, "gejiu")
    assert list(output.parent.iterdir()) == []


@pytest.mark.parametrize("edited", ["notebooks/sites/mine.yml", "lab.csv"])
def test_the_book_refuses_what_was_edited_meanwhile(chapter, tmp_path, monkeypatch, edited):
    """A chapter of the book whose site file or data changed while it was executed counts as not executed."""
    (tmp_path / "notebooks" / "sites").mkdir(parents=True)
    about = {"site": "mine", "target_data": "files", "spectra": "lab.csv", "laboratory": "lab.csv"}
    (tmp_path / "notebooks/sites/mine.yml").write_text(json.dumps(about))
    (tmp_path / "lab.csv").touch()
    monkeypatch.chdir(tmp_path)
    new = json.dumps({**about, "seed": 7})
    chapter.write_text(SOURCE + f"\n# %%\nopen({edited!r}, 'w').write({new!r})\n")
    words = ["execute", str(chapter), "mine", "out/done.ipynb"]
    with pytest.raises((SystemExit, SiteError), match="edited while"):
        workflow.main(words)
    workflow.main(words)
    assert (tmp_path / "out/done.ipynb").exists()


REPORT = """\
# %% [markdown]
# (site-{{site}})=
# # {{title}}
# A set $x_{{i}}$ and an {{unknown}} stay.

# %% mystnb={"figure": {"caption": "{{site}}, {{kind}}, {{source_kind}}"}, "image": {"alt": "of {{site}}"}}
"{{title}}"
"""


def named(folder, **values):
    """Cells of a report that was named for a site."""
    path = folder / "report.py"
    path.write_text(REPORT)
    notebook = nbformat.reads(workflow.paired_notebook(path), as_version=4)
    site = Site(**{"site": "my-mine", "target_data": "twin", "source": "limesoda", **values})
    return workflow.fill_in_site(notebook, site).cells


def test_a_report_is_named_for_its_site(tmp_path):
    """Title, label, captions and alt texts carry the site's words; code and other braces stay."""
    words, code = named(tmp_path, title="My mine")
    assert words.source == "(site-my-mine)=\n# My mine\nA set $x_{{i}}$ and an {{unknown}} stay."
    assert code.metadata.mystnb["figure"]["caption"] == "my-mine, simulated, measured"
    assert code.metadata.mystnb["image"]["alt"] == "of my-mine"
    assert code.source == '"{{title}}"'


def test_a_title_is_text_whatever_it_says(tmp_path):
    """Markup in a title is escaped, line breaks become spaces, and without one the name stands."""
    assert (
        "# \\*Old\\* \\$mine\\$ \\{\\{kind\\}\\}\n"
        in named(tmp_path, title="*Old*\n$mine$ {{kind}}")[0].source
    )
    assert "# R \\& D \\&lt;b\n" in named(tmp_path, title="R & D &lt;b")[0].source
    assert "# my-mine\n" in named(tmp_path, title=" ")[0].source


def test_parameters_decide_what_a_report_is_called(chapter, tmp_path):
    """A key of the site file that is replaced is replaced in the words too."""
    chapter.write_text(SOURCE.replace("# # A chapter", "# # {{title}}, {{source_kind}}"))
    output = tmp_path / "done.ipynb"
    workflow.execute(chapter, output, "gejiu", title="Other", source="limesoda")
    assert json.loads(output.read_text())["cells"][0]["source"] == ["# Other, measured"]


def test_a_chapter_knows_the_code_behind_it(tmp_path):
    """Modules imported by imported modules count; modules that nobody imports do not."""
    chapter = tmp_path / "x.py"
    chapter.write_text(
        "# %%\nfrom soilpb.models import transfer\nfrom soilpb.study import (\n    Study,\n)\n"
    )
    behind = workflow.code_behind(chapter)
    assert {"soilpb/models/transfer.py", "soilpb/models/resnet.py", "soilpb/spectra.py"} <= set(behind)
    assert all((ROOT / path).is_file() for path in behind)
    assert "soilpb/explain/attribution.py" not in behind


@pytest.mark.parametrize(
    "code",
    [
        "from soilpb import SoilSpectra",
        "from soilpb.spectra import SoilSpectra",
        "import soilpb.spectra",
        "from soilpb import spectra",
    ],
)
def test_an_exported_name_counts_as_the_file_that_defines_it(tmp_path, code):
    """What a chapter imports from a room, or uses of it, brings in one file of the room, not all."""
    chapter = tmp_path / "x.py"
    chapter.write_text(f"# %%\n{code}\n")
    assert workflow.code_behind(chapter) == ["soilpb/_format.py", "soilpb/spectra.py"]


def test_a_room_imported_whole_counts_by_the_names_used(tmp_path):
    """``evaluate.repeated_kfold`` brings in the splits, and not what explains or plots."""
    chapter = tmp_path / "x.py"
    chapter.write_text("# %%\nfrom soilpb import evaluate, explain\nevaluate.repeated_kfold\n")
    assert workflow.code_behind(chapter) == ["soilpb/evaluate/splits.py"]


@pytest.mark.parametrize(
    "room", ["soilpb", *(f"soilpb.{path.parent.name}" for path in (ROOT / "soilpb").glob("*/__init__.py"))]
)
def test_rooms_export_what_is_there(room):
    """Each exported name exists, and none is called like a module of its room."""
    package = importlib.import_module(room)
    exported = [name for names in getattr(package, "_EXPORTS", {}).values() for name in names]
    assert [name for name in exported if not hasattr(package, name)] == []
    assert set(exported).isdisjoint(path.stem for path in Path(package.__file__).parent.iterdir())
    assert package.__doc__
    # Inside the package the defining module is imported: through a room, what stands behind would be lost.
    assert grimp.build_graph("soilpb", cache_dir=None).find_modules_that_directly_import(room) == set()


def test_a_site_stands_on_the_files_it_brought(tmp_path, monkeypatch):
    """Both tables, or all files of a folder, count; what is not there is left to the reader."""
    for folder in ("notebooks/sites", "data"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "data" / "lab.csv").touch()
    lines = ["site: mine", "target_data: files", "spectra: data/nir.csv", "laboratory: data/lab.csv"]
    (tmp_path / "notebooks" / "sites" / "mine.yml").write_text("\n".join(lines))
    assert workflow.data_behind("gejiu") == workflow.data_behind("cv98") == []
    monkeypatch.chdir(tmp_path)
    assert workflow.data_behind("mine") == ["data/lab.csv"]
    (tmp_path / "data" / "nir.csv").touch()
    assert workflow.data_behind("mine") == ["data/nir.csv", "data/lab.csv"]
    (tmp_path / "data" / "nir.csv").unlink()
    (tmp_path / "data" / "nir.csv").mkdir()
    (tmp_path / "data" / "nir.csv" / "s1.asd").touch()
    assert workflow.data_behind("mine") == ["data/nir.csv/s1.asd", "data/lab.csv"]


def test_a_librarys_files_are_behind_a_sites_pages(tmp_path, monkeypatch):
    """A site that learns from LUCAS is executed again when a file of LUCAS changes, whatever its name."""
    (tmp_path / "notebooks" / "sites").mkdir(parents=True)
    lines = ["site: mine", "target_data: twin", "source: lucas2015"]
    (tmp_path / "notebooks" / "sites" / "mine.yml").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    assert workflow.data_behind("mine") == []
    (tmp_path / "data" / "lucas2015" / "spectra").mkdir(parents=True)
    for name in ("spectra/spectra_ AT .csv", "LUCAS_Topsoil_2015.csv", "readme.txt"):
        (tmp_path / "data" / "lucas2015" / name).touch()
    assert workflow.data_behind("mine") == [
        "data/lucas2015/LUCAS_Topsoil_2015.csv",
        "data/lucas2015/spectra/spectra_ AT .csv",
    ]


def test_a_fetched_library_stands_in_for_a_sites_own(tmp_path, monkeypatch):
    """A library is chosen by its name once it has been fetched; pages then stand on its files alone."""
    (tmp_path / "notebooks" / "sites").mkdir(parents=True)
    lines = ["site: mine", "target_data: limesoda", "limesoda_set: CV.98"]
    (tmp_path / "notebooks" / "sites" / "mine.yml").write_text("\n".join(lines))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SiteError, match="lucas has not been fetched: run soilpb fetch lucas first"):
        workflow.choose_library("lucas")
    with pytest.raises(SiteError, match="SOURCE=lukas is no library; expected one of lucas, besb"):
        workflow.choose_library("lukas")
    for code in ("LUCAS", "BESB"):
        (tmp_path / "data" / "ossl" / code).mkdir(parents=True)
        (tmp_path / "data" / "ossl" / code / "ossl_soilsite_v1.3.parquet").touch()
    assert workflow.choose_library("lucas") == {"source": "ossl", "source_datasets": "LUCAS"}
    assert workflow.choose_library("") == {}
    assert workflow.data_behind("mine", "lucas") == ["data/ossl/LUCAS/ossl_soilsite_v1.3.parquet"]
    assert workflow.data_behind("mine") == []


def test_explaining_is_not_behind_pretraining():
    """A change of the explainers does not run pretraining again."""
    for chapter, stands in (("02_pretraining", False), ("05_interpretation", True)):
        behind = workflow.code_behind(ROOT / "notebooks" / f"{chapter}.py")
        assert ("soilpb/explain/attribution.py" in behind) == stands
