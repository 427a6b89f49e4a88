"""What is stored is read back as it was, with its card, or refused."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from soilpb._files import MissingArtifact
from soilpb.models import CannotStore, baselines, fit_model, storage
from soilpb.models.storage import load_arrays, load_fitted, save_arrays, save_fitted

ARRAYS = {
    "head.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "batches": np.array(7),
    "mean": np.array([0.1, 0.2]),
}
CARD = {"wavelengths": np.array([500.0, 510.0]), "training": None, "source": "twin", "r2": 0.6}


class Stranger(LinearRegression):
    """An estimator that is on no list."""


@pytest.fixture(params=["arrays", "fitted"])
def stored(request, tmp_path):
    """A folder of either kind, what reads it, and the name of its data file."""
    if request.param == "arrays":
        return save_arrays(tmp_path / "made" / "here", ARRAYS, CARD), load_arrays, storage.WEIGHTS
    line = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    return save_fitted(tmp_path / "here", {"line": line}, CARD), load_fitted, storage.ESTIMATORS


def test_arrays_are_read_back(tmp_path):
    """Arrays come back with their names, values, shapes and types, scalars included."""
    arrays, card = load_arrays(save_arrays(tmp_path, ARRAYS, CARD))
    assert set(arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        assert (arrays[name].shape, arrays[name].dtype) == (value.shape, value.dtype)
        np.testing.assert_array_equal(arrays[name], value)
    assert card == CARD | {"wavelengths": [500.0, 510.0]}


@pytest.mark.parametrize("key", [key for key in baselines.MODELS if key != "cubist"])
def test_every_model_predicts_the_same_bits_when_read_back(model, site, tmp_path):
    """Whatever it is, fitted with groups and stored beside arrays and texts."""
    X, y = site
    fit_model(model, X, y, np.arange(len(y)) // 3)
    fitted = {"model": [model, None], "fold": np.arange(3), "scale": "log"}
    loaded, card = load_fitted(save_fitted(tmp_path, fitted, CARD))
    np.testing.assert_array_equal(loaded["model"][0].predict(X), model.predict(X))
    np.testing.assert_array_equal(loaded["fold"], fitted["fold"])
    assert (loaded["scale"], loaded["model"][1]) == ("log", None)
    assert set(card["versions"]) == set(storage.MADE_WITH)


@pytest.mark.parametrize("make", [Stranger, baselines.cubist])
def test_a_type_that_is_not_on_the_list_is_not_stored(make, site, tmp_path):
    """The error comes when it is saved, not when it is needed, and leaves no file."""
    if make is baselines.cubist:
        pytest.importorskip("cubist", reason="the optional package cubist is not installed")
    model = make()
    with pytest.raises(CannotStore, match="cannot be stored"):
        save_fitted(tmp_path, {"model": model.fit(*site)}, {})
    assert not list(tmp_path.iterdir())


def test_a_sealed_file_that_asks_for_another_type_is_refused(tmp_path):
    """What a file says of itself is not trusted, even if somebody wrote new checksums."""
    folder = save_fitted(tmp_path, {"line": LinearRegression()}, {})
    skops.io.dump({"line": Stranger()}, folder / storage.ESTIMATORS)
    storage._seal(folder, storage.ESTIMATORS, json.loads((folder / storage.CARD).read_text()))
    with pytest.raises(ValueError, match=r"cannot be used: Untrusted.*Stranger.*with: make book"):
        load_fitted(folder, "make book")


def test_another_release_of_scikit_learn_is_refused(tmp_path, monkeypatch):
    """The same bits are promised for the release that made them; the error names both."""
    folder = save_fitted(tmp_path, {"line": LinearRegression()}, {})
    monkeypatch.setattr(storage, "version", lambda name: "99.0")
    with pytest.raises(ValueError, match=r"was made with scikit-learn 1\..*, and 99.0 is installed; make it"):
        load_fitted(folder)


def test_one_altered_byte_is_refused(stored):
    """In the data as in the card; the error names the file and what makes it again."""
    folder, load, data = stored
    for name in (data, storage.CARD):
        whole = (folder / name).read_bytes()
        altered = bytearray(whole)
        altered[len(whole) // 2] ^= 1
        (folder / name).write_bytes(altered)
        with pytest.raises(ValueError, match=rf"{name} is not the file .* with: make book"):
            load(folder, "make book")
        (folder / name).write_bytes(whole)
    load(folder)


def test_a_file_without_a_checksum_is_refused(stored):
    """Striking a file from the list of checksums does not make it pass."""
    folder, load, data = stored
    sums = folder / storage.SUMS
    kept = [line for line in sums.read_text().splitlines(keepends=True) if data not in line]
    sums.write_text("".join(kept))
    with pytest.raises(ValueError, match=f"{data} is not the file"):
        load(folder)


def test_each_missing_file_is_named_with_its_command(stored, tmp_path):
    """Whichever file is gone, the error names it and what makes it."""
    folder, load, data = stored
    for name in (data, storage.CARD, storage.SUMS):
        copy = shutil.copytree(folder, tmp_path / f"without {name}")
        (copy / name).unlink()
        with pytest.raises(MissingArtifact, match=f"{name} is missing; make it with: make chapter-2"):
            load(copy, "make chapter-2")


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed")
def test_sha256sum_reads_the_checksums(stored):
    """The system's own sha256sum verifies a folder, and fails on an altered card."""
    folder, *_ = stored
    command = ["sha256sum", "--check", "--status", storage.SUMS]
    assert subprocess.run(command, cwd=folder, check=False).returncode == 0
    (folder / storage.CARD).write_text("{}")
    assert subprocess.run(command, cwd=folder, check=False).returncode != 0
