"""What is stored is read back as it was, with its card, or refused."""

import shutil
import subprocess

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from soilpb._files import MissingArtifact, sha256_of
from soilpb.models import baselines, fit_model, storage
from soilpb.models.storage import load_fitted, save_fitted

ARRAYS = {
    "head.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "batches": np.array(7),
    "mean": np.array([0.1, 0.2]),
}
CARD = {"wavelengths": np.array([500.0, 510.0]), "training": None, "source": "twin", "r2": 0.6}


class Stranger(LinearRegression):
    """An estimator that is on no list."""


@pytest.fixture
def stored(tmp_path):
    """A folder of a stored model."""
    line = LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0])
    return save_fitted(tmp_path / "made" / "here", {"line": line}, CARD)


def test_arrays_are_read_back(tmp_path):
    """Arrays come back with their names, values, shapes and types, scalars included."""
    arrays, card = load_fitted(save_fitted(tmp_path, ARRAYS, CARD))
    assert set(arrays) == set(ARRAYS)
    for name, value in ARRAYS.items():
        assert (arrays[name].shape, arrays[name].dtype) == (value.shape, value.dtype)
        np.testing.assert_array_equal(arrays[name], value)
    del card["versions"]
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
    with pytest.raises(TypeError, match="cannot be stored"):
        save_fitted(tmp_path, {"model": model.fit(*site)}, {})
    assert not list(tmp_path.iterdir())


def test_a_sealed_file_that_asks_for_another_type_is_refused(stored):
    """What a file says of itself is not trusted, even if somebody wrote new checksums."""
    skops.io.dump({"line": Stranger()}, stored / storage.ESTIMATORS)
    files = (storage.ESTIMATORS, storage.CARD)
    sums = "".join(f"{sha256_of(stored / each)}  {each}\n" for each in files)
    (stored / storage.SUMS).write_text(sums)
    with pytest.raises(ValueError, match=r"cannot be used: Untrusted.*Stranger.*with: make book"):
        load_fitted(stored, "make book")


def test_another_release_of_scikit_learn_is_refused(stored, monkeypatch):
    """The same bits are promised for the release that made them; the error names both."""
    monkeypatch.setattr(storage, "version", lambda name: "99.0")
    with pytest.raises(ValueError, match=r"was made with scikit-learn 1\..*, and 99.0 is installed; make it"):
        load_fitted(stored)


def test_one_altered_byte_is_refused(stored):
    """In the data as in the card; the error names the file and what makes it again."""
    for name in (storage.ESTIMATORS, storage.CARD):
        whole = (stored / name).read_bytes()
        altered = bytearray(whole)
        altered[len(whole) // 2] ^= 1
        (stored / name).write_bytes(altered)
        with pytest.raises(ValueError, match=rf"{name} is not the file .* with: make book"):
            load_fitted(stored, "make book")
        (stored / name).write_bytes(whole)
    load_fitted(stored)


def test_a_file_without_a_checksum_is_refused(stored):
    """Striking a file from the list of checksums does not make it pass."""
    sums = stored / storage.SUMS
    sums.write_text("".join(sums.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(ValueError, match=f"{storage.ESTIMATORS} is not the file"):
        load_fitted(stored)


@pytest.mark.parametrize("name", [storage.ESTIMATORS, storage.CARD, storage.SUMS])
def test_each_missing_file_is_named_with_its_command(stored, name):
    """Whichever file is gone, the error names it and what makes it."""
    (stored / name).unlink()
    with pytest.raises(MissingArtifact, match=f"{name} is missing; make it with: make chapter-2"):
        load_fitted(stored, "make chapter-2")


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed")
def test_sha256sum_reads_the_checksums(stored):
    """The system's own sha256sum verifies a folder, and fails on an altered card."""
    command = ["sha256sum", "--check", "--status", storage.SUMS]
    assert subprocess.run(command, cwd=stored, check=False).returncode == 0
    (stored / storage.CARD).write_text("{}")
    assert subprocess.run(command, cwd=stored, check=False).returncode != 0
