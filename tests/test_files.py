"""Artifacts are whole or absent, and come back as they were written."""

import numpy as np
import pandas as pd
import pytest

from soilpb import _files


def test_tables_tensors_and_cards_come_back_equal(tmp_path):
    """What is read is what was written, dtypes included."""
    table = pd.DataFrame({"model": ["PLS", "SVM"], "fold": [0, 1], "value": [0.5, np.nan]})
    _files.save_table(tmp_path / "t.parquet", table)
    pd.testing.assert_frame_equal(_files.load_table(tmp_path / "t.parquet"), table)
    tensors = {"w": np.arange(6, dtype=np.float32).reshape(2, 3).T, "b": np.array(1.5)}
    _files.save_tensors(tmp_path / "w.safetensors", tensors)
    loaded = _files.load_tensors(tmp_path / "w.safetensors")
    assert all(np.array_equal(loaded[k], tensors[k]) and loaded[k].dtype == tensors[k].dtype for k in tensors)
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
