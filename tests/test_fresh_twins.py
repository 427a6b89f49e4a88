"""Sentences about fresh twins say what their table says, and the table holds what chapter 3 claims."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soilpb.old import fresh_twins

ROOT = Path(__file__).parents[1]
CONDITIONS = [
    (16, 0.35, 0.22),
    (1, 0.35, 0.22),
    (16, 0.0, 0.22),
    (16, 0.7, 0.22),
    (16, 0.35, 0.1),
    (16, 0.35, 0.4),
]


def made(ours=0.75, controls=0.5, few=0.0, spread=0.003):
    """R² of six draws: ours, its controls, PLS .6, average .7; ``few`` is added with a small library."""
    rng, rows = np.random.default_rng(0), []
    for draw in range(6):
        for size, shift, noise in CONDITIONS:
            where = {"draw": draw, "size": size, "shift": shift, "noise": noise, "ceiling": 0.9}
            r2 = {
                fresh_twins.MANY: ours + few * (size == 1),
                fresh_twins.FEATURES: 0.66,
                fresh_twins.RECIPE: 0.65,
            }
            if size == 16:
                r2 |= {
                    fresh_twins.PLS: 0.6,
                    fresh_twins.Model("nothing", "average"): 0.7,
                    fresh_twins.CONTROL: 0.5,
                }
            if (size, shift, noise) == CONDITIONS[0]:
                r2 |= {
                    fresh_twins.Model(knows, fresh_twins.MANY.strategy): controls
                    for knows in fresh_twins.CONTROLS
                }
            rows += [
                {**where, **model._asdict(), "R2": value + rng.normal(0, spread)}
                for model, value in r2.items()
            ]
    return pd.DataFrame(rows)


def test_what_needs_no_library_is_the_same_with_any():
    """The default is where most models were tried; models without a library have one R² for all sizes."""
    table = made()
    assert fresh_twins.default(table) == {"size": 16, "shift": 0.35, "noise": 0.22}
    pd.testing.assert_series_equal(
        fresh_twins.by_draw(table, fresh_twins.PLS, size=1),
        fresh_twins.by_draw(table, fresh_twins.PLS, size=16),
    )
    assert fresh_twins.default_words(table) == "16 library soils, a shift of 0.35 and a spread of 0.22"
    assert not fresh_twins.by_draw(table, fresh_twins.MANY, size=1).equals(
        fresh_twins.by_draw(table, fresh_twins.MANY)
    )
    with pytest.raises(KeyError, match="no row with"):
        fresh_twins.by_draw(table, fresh_twins.MANY, size=2)


def test_a_curve_varies_one_factor_alone():
    """Each factor has its levels, the others at their default, and the ceiling among the models."""
    curves = fresh_twins.by_factor(made(few=-0.1, spread=0.0))
    ours = curves[curves["model"] == fresh_twins.SHOWN[fresh_twins.MANY]].set_index(["factor", "level"])[
        "value"
    ]
    assert ours.round(9).to_dict() == {
        ("size", 1): 0.65,
        **dict.fromkeys([("size", 16), ("shift", 0.0), ("shift", 0.35), ("shift", 0.7)], 0.75),
        **dict.fromkeys([("noise", 0.1), ("noise", 0.22), ("noise", 0.4)], 0.75),
    }
    assert (curves.loc[curves["model"] == fresh_twins.CEILING, "value"] == 0.9).all()


@pytest.mark.parametrize(
    ("ours", "said"),
    [
        (0.75, "+0.05 (+0.05 to +0.06): transfer earns its place"),
        (0.70, "cannot tell the two apart"),
        (0.60, "transfer costs more than it gives"),
    ],
)
def test_the_verdict_follows_the_interval(ours, said):
    """A win, a tie and a loss against the strongest model without a library, which is not PLS."""
    found = fresh_twins.verdict(made(ours), fresh_twins.MANY)
    assert said in found
    assert "the strongest without a library, average, 0.70" in found


@pytest.mark.parametrize(
    ("controls", "said"),
    [(0.5, "what the labels said is what helps"), (0.75, "surely better than 0 of these 3 controls")],
)
def test_controls_are_compared_draw_by_draw(controls, said):
    """Controls that do worse make the labels the reason; controls that do as well do not."""
    assert said in fresh_twins.labels_matter(made(controls=controls), fresh_twins.MANY)


def test_a_random_network_is_judged_by_how_it_is_read():
    """R² of ridge on bands, on random features and on these pooled, in this order."""
    table = made(spread=0.0)
    wide = table[(table["knows"] == fresh_twins.ALONE) & (table["strategy"] == "average")]
    bands = wide.assign(strategy="ridge", R2=0.64)
    pooled = wide.assign(knows=fresh_twins.RANDOM, strategy="pooled features + ridge", R2=0.3)
    said = fresh_twins.random_words(pd.concat([table, bands, pooled]))
    assert "the bands themselves has 0.64. Through random filters it keeps 0.50 if" in said
    assert "and 0.30 if they are pooled" in said


def test_the_factor_that_changes_most_is_named():
    """Gains at both ends of each factor are written, and the widest of them is the one named."""
    found = fresh_twins.turning_points(made(few=-0.1, spread=1e-4), fresh_twins.MANY)
    assert "−0.05 with 1 library soils and +0.05 with 16;" in found
    assert found.endswith("the size of the library changes it most.")


@pytest.fixture(scope="module")
def table():
    return pd.read_csv(ROOT / "benchmarks" / "fresh_twins.csv")


def test_the_table_is_complete(table):
    """At least twelve draws; each has every model of a condition; three levels a factor."""
    draws = table["draw"].nunique()
    assert draws >= 12
    counts = table.groupby([*fresh_twins.FACTORS, "knows", "strategy"])["draw"].nunique()
    assert (counts == draws).all()
    assert not table.duplicated(["draw", *fresh_twins.FACTORS, "knows", "strategy"]).any()
    assert [len(fresh_twins.levels(table, factor)) for factor in fresh_twins.FACTORS] == [3, 3, 3]
    assert table[["R2", "R2_true", "ceiling"]].notna().all(axis=None)
    assert set(table["knows"]) == {fresh_twins.ALONE, "pH", "four properties", *fresh_twins.CONTROLS}


def test_no_model_knows_more_than_there_is(table):
    """Averaged over draws, no model passes the ceiling of who knows all constituents and pH."""
    means = table.groupby([*fresh_twins.FACTORS, "knows", "strategy"])[["R2", "ceiling"]].mean()
    assert (means["R2"] < means["ceiling"]).all()


def test_the_page_is_what_the_table_gives(table, monkeypatch):
    """The committed page is what the script writes of the committed table."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    script = importlib.import_module("fresh_twins")
    assert script.PAGE.read_text(encoding="utf-8") == script.page(table, script.__doc__)
    assert {tuple(row) for row in table[[*fresh_twins.FACTORS]].drop_duplicates().to_numpy()} == {
        tuple(condition) for condition in script.CONDITIONS
    }
    assert set(table["draw"]) == set(script.DRAWS)
