"""Formats are told by content, whatever a file is called."""

from pathlib import Path

import numpy as np
import pytest

from soilpb.readers.formats import find_format, has_instrument_suffix
from soilpb.site_file import SiteError
from tests import instrument_files as files
from tests.instrument_files import FOLDER, needs_real_files, read_instrument, to_reflectance

WRITERS = [getattr(files, f"write_{name}") for name in ("asd", "sed", "svc", "opus", "omnic", "jcamp")]


@pytest.mark.parametrize("write", WRITERS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("name", ["s1.asd", "s1"])
def test_content_counts_not_the_name(tmp_path, write, name):
    """Each format is read under any suffix, to the same soil."""
    nm, reflectance = to_reflectance(read_instrument(write(tmp_path / name)))
    np.testing.assert_allclose(reflectance, np.interp(nm, files.NM, files.SOIL), atol=1e-4)


@pytest.mark.parametrize("name", ["notes.txt", "s1.asd"])
def test_other_content_is_refused(tmp_path, name):
    """A file of another kind, or one whose beginning is lost, is named."""
    (tmp_path / name).write_bytes(b"remarks of a rainy day\n")
    assert find_format(tmp_path / name) is None
    with pytest.raises(SiteError, match=f"{name} is no instrument file"):
        read_instrument(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "known"), [("a.ASD", True), ("a.0", True), ("a.007", True), ("a.csv", False), ("a", False)]
)
def test_suffixes_of_instruments_are_known(name, known):
    """Suffixes of instruments and numbers do, others do not."""
    assert has_instrument_suffix(Path(name)) is known


@needs_real_files
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*")), ids=lambda path: path.name)
def test_every_real_file_is_recognised_and_left_alone(path):
    """Each file of the shared folder is read; its bytes stay as they were."""
    before = path.read_bytes()
    scan = read_instrument(path)
    assert scan.axis.shape == scan.values.shape
    assert np.isfinite(scan.values).all()
    assert path.read_bytes() == before


@pytest.mark.parametrize("name", ["asd", "opus", "omnic", "spc", "sed", "svc", "jcamp"])
def test_two_files_in_one_are_never_read_as_one(tmp_path, name):
    """A file copied behind another of its format is refused, not passed over."""
    path = tmp_path / "both.0"
    content = bytearray(getattr(files, f"write_{name}")(path).read_bytes())
    remark = content.replace(b"\0", b"x", 1) if name == "asd" else content  # may be another
    path.write_bytes(content + remark)
    with pytest.raises(SiteError, match=r"both\.0"):
        read_instrument(path)
