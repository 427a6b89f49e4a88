"""Weights and card stay together: both as they were saved, or an error."""

import shutil
import subprocess

import numpy as np
import pytest

from soilpb._files import MissingArtifact
from soilpb.models import storage

PARTS = {
    "network": {"head.weight": np.arange(6, dtype=np.float32).reshape(2, 3), "batches": np.array(7)},
    "scaling": {"mean": np.array([0.1, 0.2])},
}
CARD = {"wavelengths": np.array([500.0, 510.0]), "training": None, "source": "twin"}


@pytest.fixture
def folder(tmp_path):
    return storage.save_arrays(tmp_path / "made" / "here", PARTS, CARD)


def test_what_is_saved_is_read_back(folder):
    """Parts come back with their values, shapes and types, scalars and dotted names included."""
    parts, card = storage.load_arrays(folder)
    assert {part: set(values) for part, values in parts.items()} == {
        part: set(values) for part, values in PARTS.items()
    }
    for part, values in PARTS.items():
        for name, value in values.items():
            found = parts[part][name]
            assert (found.shape, found.dtype) == (value.shape, value.dtype)
            np.testing.assert_array_equal(found, value)
    assert card == {"wavelengths": [500.0, 510.0], "training": None, "source": "twin"}


def test_weights_of_another_checkpoint_are_refused(folder, tmp_path):
    """Intact weights beside the card of other weights are an error that says how to mend it."""
    other = storage.save_arrays(tmp_path / "other", {"network": {"bias": np.ones(1)}}, CARD)
    shutil.copy(other / storage.WEIGHTS, folder / storage.WEIGHTS)
    with pytest.raises(ValueError, match=r"weights.safetensors is not the file .* with: make book"):
        storage.load_arrays(folder, "make book")


@pytest.mark.parametrize("name", [storage.WEIGHTS, storage.CARD])
def test_a_file_without_a_checksum_is_refused(folder, name):
    """Striking a file from the list of checksums does not make it pass."""
    sums = folder / storage.SUMS
    sums.write_text("".join(line for line in sums.read_text().splitlines(True) if name not in line))
    with pytest.raises(ValueError, match=f"{name} is not the file"):
        storage.load_arrays(folder)


@pytest.mark.parametrize("name", [storage.WEIGHTS, storage.CARD, storage.SUMS])
def test_each_missing_file_is_named_with_its_command(folder, name):
    """Whichever file is gone, the error names it and what makes it."""
    (folder / name).unlink()
    with pytest.raises(MissingArtifact, match=f"{name} is missing; make it with: make chapter-2"):
        storage.load_arrays(folder, "make chapter-2")


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="sha256sum is not installed")
def test_sha256sum_reads_the_checksums(folder):
    """The system's own sha256sum verifies a folder, and fails on an altered card."""

    def verified():
        command = ["sha256sum", "--check", "--status", storage.SUMS]
        return subprocess.run(command, cwd=folder, check=False).returncode == 0

    assert verified()
    (folder / storage.CARD).write_text("{}")
    assert not verified()


def test_a_part_with_a_dot_is_refused(tmp_path):
    """A part whose name holds a dot is refused before anything is written."""
    with pytest.raises(ValueError, match=r"'a.b' has a dot"):
        storage.save_arrays(tmp_path / "none", {"a.b": {"c": np.ones(1)}}, {})
    assert not (tmp_path / "none").exists()
