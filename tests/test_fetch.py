import functools
import gzip
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from soilpb import _files
from soilpb.readers import libraries
from soilpb.site_file import SiteError

NAME = "ossl_all_L0_v1.2.csv.gz"


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, counts requests, and may break off."""

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        """Serve a file; promise more bytes than are sent if the server is told to break off."""
        self.server.requests += 1
        if not self.server.breaks:
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")


@pytest.fixture
def publisher(tmp_path):
    """A server with OSSL's table on it, and the address to be given to fetch_ossl."""
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / NAME).write_bytes(gzip.compress(b"the table"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    server.requests, server.breaks, server.folder = 0, False, folder
    server.url = f"http://127.0.0.1:{server.server_port}/ossl_all_{{level}}_v1.2.csv.gz"
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_first_download_records_its_hash(tmp_path, publisher):
    """The file is the publisher's, and its sha256 stands beside it as sha256sum would write it."""
    path = libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    assert path.read_bytes() == (publisher.folder / NAME).read_bytes()
    record = (tmp_path / "ossl" / f"{NAME}.sha256").read_text()
    assert record == f"{_files.sha256_of(path)}  {NAME}\n"
    assert libraries.recorded_sha256(path) == _files.sha256_of(path)


def test_second_fetch_downloads_nothing(tmp_path, publisher):
    """What is there and is what was recorded is not downloaded again."""
    for _ in range(2):
        libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    assert publisher.requests == 1


def test_a_table_that_was_there_before_is_recorded(tmp_path, publisher):
    """A table that the user downloaded by hand gets its record at the first fetch."""
    (tmp_path / NAME).write_bytes(b"by hand")
    path = libraries.fetch_ossl(tmp_path, url=publisher.url)
    assert publisher.requests == 0
    assert libraries.recorded_sha256(path) == _files.sha256_of(path)


def test_damage_is_noticed(tmp_path, publisher):
    """A table that no longer is what was recorded is refused, and the message says what to do."""
    path = libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    path.write_bytes(b"edited")
    with pytest.raises(SiteError, match=r"is damaged or was edited.*delete it and fetch again"):
        libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)


def test_a_change_at_the_publisher_is_noticed(tmp_path, publisher):
    """A second download of other bytes is refused and not kept, until the record is deleted."""
    path = libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    path.unlink()
    (publisher.folder / NAME).write_bytes(gzip.compress(b"another table"))
    with pytest.raises(SiteError, match=r"has changed at its publisher's.*delete .*sha256"):
        libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    assert files(tmp_path / "ossl") == [f"{NAME}.sha256"]
    (tmp_path / "ossl" / f"{NAME}.sha256").unlink()
    assert libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url) == path


def test_a_broken_download_leaves_nothing_and_starts_anew(tmp_path, publisher):
    """A download that breaks off leaves no file under any name, and the next one succeeds."""
    publisher.breaks = True
    with pytest.raises(SiteError, match="could not be downloaded"):
        libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    assert files(tmp_path / "ossl") == []
    publisher.breaks = False
    assert libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url).exists()


def test_what_a_killed_download_left_is_swept(tmp_path, publisher):
    """The half file of a killed process goes at the next fetch."""
    (tmp_path / f".{NAME}.x1y2.gz").write_bytes(b"half")
    libraries.fetch_ossl(tmp_path, url=publisher.url)
    assert files(tmp_path) == [NAME, f"{NAME}.sha256", "published"]


def test_an_address_that_is_gone_is_named(tmp_path, publisher):
    """A 404 is one message with the address, and leaves nothing behind."""
    (publisher.folder / NAME).unlink()
    with pytest.raises(SiteError, match=rf"{publisher.server_port}/{NAME} could not be downloaded .*404"):
        libraries.fetch_ossl(tmp_path / "ossl", url=publisher.url)
    assert files(tmp_path / "ossl") == []


@pytest.mark.parametrize("source", ["lucas2009", "lucas2015"])
def test_lucas_is_explained_in_five_lines(source):
    """What to ask for, what to unpack where, and the command that checks it, fit in five lines."""
    lines = libraries.LUCAS_STEPS[source].format(folder="data/x").splitlines()
    assert [line[:3] for line in lines] == ["1. ", "2. ", "3. ", "4. ", "5. "]
    assert "esdac.jrc.ec.europa.eu" in lines[0]
    assert "data/x" in lines[2]
    assert lines[4].endswith(f"soilpb check-source {source} --folder data/x")
