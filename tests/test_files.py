"""Artifacts are whole or absent, and come back as they were written."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from soilpb import _files


def test_tables_and_cards_come_back_equal(tmp_path):
    """What is read is what was written, dtypes included."""
    table = pd.DataFrame({"model": ["PLS", "SVM"], "fold": [0, 1], "value": [0.5, np.nan]})
    _files.save_table(tmp_path / "t.parquet", table)
    pd.testing.assert_frame_equal(_files.load_table(tmp_path / "t.parquet"), table)
    _files.save_card(tmp_path / "c.json", {"bands": np.array([1.0, 2.0]), "n": np.int64(3), "unit": "µg"})
    assert _files.load_card(tmp_path / "c.json") == {"bands": [1.0, 2.0], "n": 3, "unit": "µg"}


def test_a_failure_leaves_the_former_file_and_no_rubbish(tmp_path):
    """An exception while writing keeps the old bytes and removes the temporary file."""
    path = tmp_path / "card.json"
    _files.save_card(path, {"n": 1})
    with pytest.raises(RuntimeError), _files.atomic_write(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("interrupted")
    assert _files.load_card(path) == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["card.json"]


KILLED = """
import os, signal, sys
from soilpb import _files
with _files.temporary_folder("soilpb-x-", sys.argv[1]), _files.atomic_write(sys.argv[1] + "/card.json"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_by_the_next(tmp_path):
    """Half files and folders of the dead go; those of the living, and users' hidden files, stay."""
    own = tmp_path / ".card.json.old.json"
    own.touch()
    run = subprocess.run([sys.executable, "-c", KILLED, tmp_path], cwd=Path.cwd(), check=False)
    assert run.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == 3
    with (
        _files.temporary_folder("soilpb-x-", tmp_path) as living,
        _files.atomic_write(tmp_path / "card.json"),
    ):
        left = {*tmp_path.iterdir()}
        assert len(left) == 3
        with _files.temporary_folder("soilpb-x-", tmp_path):
            _files.save_card(tmp_path / "card.json", {})
        assert {*tmp_path.iterdir()} == left | {tmp_path / "card.json"}
        assert living.exists()
    assert {*tmp_path.iterdir()} == {own, tmp_path / "card.json"}


def test_a_lock_is_held_by_one(tmp_path):
    """A second one is refused, or waits; after the block it is free."""
    with _files.lock(tmp_path / "x"), pytest.raises(BlockingIOError), _files.lock(tmp_path / "x", wait=False):
        pass
    with _files.lock(tmp_path / "x", wait=False):
        pass


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs /proc")
def test_a_folder_that_cannot_be_written_is_told_before(tmp_path):
    """A folder with room passes and stays empty; one that cannot be made names itself and what it needs."""
    _files.check_space(tmp_path / "new", 1)
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(OSError, match="7 MB are needed there: '/proc/nowhere'"):
        _files.check_space("/proc/nowhere", 7)


def test_a_missing_artifact_names_the_command(tmp_path):
    """One line says what is missing and what makes it."""
    with pytest.raises(
        _files.MissingArtifact, match=r"t.parquet is missing; make it with: papermill x"
    ) as caught:
        _files.load_table(tmp_path / "t.parquet", made_by="papermill x")
    assert "\n" not in str(caught.value)


def test_equal_cards_are_equal_bytes(tmp_path):
    """The order of keys does not reach the file."""
    one = _files.save_card(tmp_path / "a.json", {"a": 1, "b": 2})
    two = _files.save_card(tmp_path / "b.json", {"b": 2, "a": 1})
    assert _files.sha256_of(one) == _files.sha256_of(two)


def test_what_is_no_data_is_refused(tmp_path):
    """An object that JSON cannot hold is refused rather than written as its repr."""
    with pytest.raises(TypeError, match="object does not belong in a card"):
        _files.save_card(tmp_path / "c.json", {"x": object()})
    assert not (tmp_path / "c.json").exists()
