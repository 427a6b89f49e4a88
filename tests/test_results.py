"""The tables that chapters read are complete, and their pages are what the scripts make of them."""

import importlib
from pathlib import Path

import pandas as pd
import pytest

from soilpb.models import baselines

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
FACTORS = ["size", "shift", "noise"]


@pytest.fixture(scope="module")
def twins():
    return pd.read_csv(RESULTS / "fresh_twins.csv")


@pytest.fixture
def script(monkeypatch):
    """The benchmark that made the twins' tables."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    return importlib.import_module("fresh_twins")


def test_each_draw_of_the_twins_has_every_model(twins, script):
    """All draws and conditions of the script are there, and all models of a condition in each."""
    assert set(twins["draw"]) == set(script.DRAWS)
    assert set(twins[FACTORS].itertuples(index=False, name=None)) == set(map(tuple, script.CONDITIONS))
    counts = twins.groupby([*FACTORS, "knows", "strategy"])["draw"].agg(["nunique", "size"])
    assert (counts == len(script.DRAWS)).all(axis=None)


def test_no_model_is_better_than_the_ceiling(twins):
    """Averaged over draws, no model passes the one that knows all constituents and pH."""
    means = twins.groupby([*FACTORS, "knows", "strategy"])[["R2", "ceiling"]].mean()
    assert (means["R2"] < means["ceiling"]).all()


def test_page_and_curves_are_what_the_table_gives(twins, script):
    """The committed page and the figure's table are what the script writes of the committed table."""
    assert script.PAGE.read_text(encoding="utf-8") == script.page(twins, script.__doc__)
    curves = pd.read_csv(RESULTS / "fresh_twins_curves.csv")
    pd.testing.assert_frame_equal(curves, script.by_factor(twins), check_dtype=False, atol=1e-5)


def test_controls_use_no_library_and_vary_with_the_site_alone(twins, script):
    """A model without a library has the same R² for every size of the library."""
    curves = script.by_factor(twins)
    alone = curves[(curves["factor"] == "size") & (curves["model"] == "average, no library")]
    assert len(set(alone["value"])) == 1


def test_countries_are_complete_and_each_transfer_has_its_control(monkeypatch):
    """Seven countries × three targets for every model, in five repeats; the page is what the table gives."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script, scores = importlib.import_module("countries"), pd.read_csv(RESULTS / "countries.csv")
    assert (scores.groupby(["model", "repeat"]).size() == 21).all()
    repeats = scores.groupby("model")["repeat"].nunique()
    network = repeats.index.str.contains("ResNet")  # minutes a repeat: fewer of them
    assert (repeats[~network] == script.N_REPEATS).all()
    assert (repeats[network] >= 5).all()
    assert set(scores["country"]) == set(script.COUNTRIES)
    assert not scores.duplicated(["model", "country", "target", "repeat"]).any()
    for knows, control in (script.MEMBERS[0:2], script.MEMBERS[3:5]):
        assert {
            f"{average} with {member}" for average in script.averages() for member in (knows, control)
        } <= set(scores["model"])
    assert script.PAGE.read_text(encoding="utf-8") == script.page(scores)


def test_every_library_has_all_sizes_and_tasks():
    """Libraries and shuffled controls were tried at all sizes, on ten tasks, against the same average."""
    table = pd.read_csv(RESULTS / "world_source.csv")
    assert (table.groupby(["source", "share", "n"])[["target", "field"]].value_counts() == 1).all()
    assert (table.groupby(["source", "share"])["n"].value_counts() == 10).all()
    assert set(table["n"]) == {15, 25, 40, 100}
    assert len(table.drop_duplicates(["n", "target", "field", "R2_without"])) == 40


def test_real_tasks_are_complete():
    """Every idea has all ten tasks; exactly one was chosen."""
    table = pd.read_csv(RESULTS / "ledger.csv")
    tasks = table.groupby("idea")[["target", "field"]].apply(lambda rows: len(rows.drop_duplicates()))
    assert (tasks == 10).all()
    assert len(set(table.loc[table["chosen"], "idea"])) == 1


def test_recommended_average_is_the_one_that_was_chosen():
    """All candidates have 21 tasks; the best on four countries is the package's and nowhere below 0."""
    table = pd.read_csv(RESULTS / "averages.csv", keep_default_na=False)
    assert (table.groupby("average").size() == 21).all()
    without = table[(table["transfer"] == "") & ~table["average"].str.contains("equal|unbounded")]
    best = without[~without["confirms"]].groupby("average")["R2"].mean().idxmax()
    chosen = table[table["chosen"]]
    assert set(chosen["average"]) == {best}
    members = [name for name, _ in baselines.average().members]
    assert best == " + ".join(members) + ", by errors"
    assert chosen["R2"].min() > 0 > chosen["R2_former"].min()
