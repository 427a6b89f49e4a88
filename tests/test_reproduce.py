"""The reproducibility report finds what differs from the committed reference."""

import copy
import importlib.util
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
_SPEC = importlib.util.spec_from_file_location("reproduce", ROOT / "book" / "_ext" / "reproduce.py")
reproduce = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reproduce)


@pytest.fixture
def artifacts(tmp_path):
    """A short table and a long one, as chapters store them."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "artifacts" / "mine" / "04_baselines"
    folder.mkdir(parents=True)
    short = pd.DataFrame(
        {"model": list("abc"), "value": [0.71, math.nan, -0.002], "better": [True, False, True]}
    )
    short.to_parquet(folder / "league.parquet")
    long = pd.DataFrame(
        {"model": np.repeat(["a", "b"], 100), "fold": np.arange(200), "value": rng.normal(3, 1, 200)}
    )
    long.to_parquet(folder / "scores.parquet")
    return tmp_path / "artifacts"


def differences(artifacts, reference):
    return reproduce.compare(reproduce.make_reference(artifacts), reference).set_index("table")["difference"]


def test_the_same_tables_do_not_differ(artifacts):
    """A reference read back from JSON is that of the tables; a site that was not built is left out."""
    reference = json.loads(json.dumps(reproduce.make_reference(artifacts)))
    assert (differences(artifacts, {**reference, "elsewhere/04/league": ["", {}]}) == 0).all()


def test_any_number_altered_by_one_percent_is_caught(artifacts):
    """Each number of the reference in turn is altered; the table that holds it is the one outside."""
    reference = reproduce.make_reference(artifacts)
    numbers = [
        (t, c, i) for t, (_, cols) in reference.items() for c, x in cols.items() for i in range(len(x))
    ]
    altered = 0
    for table, column, row in numbers:
        changed = copy.deepcopy(reference)
        if changed[table][1][column][row]:
            changed[table][1][column][row] *= 1.01
            changed[table][0] = "another"
            found = differences(artifacts, changed)
            assert list(found.index[found > reproduce.TOLERANCE]) == [table]
            altered += 1
    assert altered == 2 + 2 + 2


@pytest.mark.parametrize("change", [lambda t: t.assign(value=t["value"] * 1.01), lambda t: t.iloc[:-1], None])
def test_an_altered_table_is_caught(artifacts, change):
    """Numbers altered by 1 %, a row that is gone, and a table that is gone."""
    reference, path = (
        reproduce.make_reference(artifacts),
        artifacts / "mine" / "04_baselines" / "league.parquet",
    )
    change(pd.read_parquet(path)).to_parquet(path) if change else path.unlink()
    assert differences(artifacts, reference)["mine/04_baselines/league"] > reproduce.TOLERANCE


def test_the_reference_is_small():
    """What is committed has at most 200 kB."""
    assert reproduce._REFERENCE.stat().st_size <= 200_000
