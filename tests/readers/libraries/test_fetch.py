"""Downloads: whole or not at all, resumed, recorded, and never done twice."""

import functools
import gzip
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from soilpb import _files, cli
from soilpb.readers.libraries import fetch
from soilpb.site_file import SiteError
from tests import layouts
from tests.cases import shared_data

TABLES = ["ossl_soilsite_v1.3.parquet", "ossl_soillab_v1.3.parquet", "ossl_visnir_v1.3.parquet"]
ALL = "ossl_all_L0_v1.2.csv.gz"


class Publisher(SimpleHTTPRequestHandler):
    """Serves a folder as a cloud store does, with marks and ranges; counts bytes; may break off."""

    def log_message(self, *args):
        """Say nothing."""

    def do_GET(self):
        """Serve a file, or what a range asks for if it still is the same file."""
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            return self.send_error(404)
        body, server = path.read_bytes(), self.server
        mark = f'"{hash(body)}"'
        wanted = self.headers.get("Range") if self.headers.get("If-Range") == mark and server.ranges else None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        self.send_response(206 if wanted else 200)
        self.send_header("ETag", mark)
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        end = start + (len(body) - start) // 2 if server.breaks else len(body)
        for at in range(start, end, 1 << 14):
            server.sent += self.wfile.write(body[at : min(end, at + (1 << 14))])
            time.sleep(server.pause)


@pytest.fixture
def publisher(tmp_path, monkeypatch):
    """A server with a library of OSSL and its table of all on it, in place of the publisher's."""
    folder = tmp_path / "published"
    layouts.write_ossl_library(folder / "LUCAS", 40)
    (folder / ALL).write_bytes(gzip.compress(b"the table"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Publisher, directory=str(folder)))
    server.sent, server.breaks, server.ranges, server.pause, server.folder = 0, False, True, 0, folder
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv(fetch.ADDRESS, address)
    monkeypatch.setattr(fetch, "_PUBLIC", address)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def size_of(server):
    return sum(path.stat().st_size for path in (server.folder / "LUCAS").iterdir())


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def test_first_download_records_its_hash(tmp_path, publisher):
    """The tables are the publisher's, and their sha256 stands beside them as sha256sum would write it."""
    paths = fetch.fetch_source("lucas", tmp_path / "ossl")
    assert files(tmp_path / "ossl" / "LUCAS") == sorted([*TABLES, *(f"{name}.sha256" for name in TABLES)])
    for path in paths:
        assert path.read_bytes() == (publisher.folder / "LUCAS" / path.name).read_bytes()
        record = path.with_name(f"{path.name}.sha256").read_text()
        assert record == f"{_files.sha256_of(path)}  {path.name}\n"


def test_second_fetch_downloads_nothing(tmp_path, publisher):
    """What is there and is what was recorded is not downloaded again."""
    for _ in range(2):
        fetch.fetch_source("lucas", tmp_path / "ossl")
        fetch.fetch_source("ossl", tmp_path / "ossl")
    assert publisher.sent == size_of(publisher) + (publisher.folder / ALL).stat().st_size


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_goes_on(tmp_path, publisher, ranges):
    """What broke off goes on where it was, or starts anew where the server knows no ranges."""
    publisher.breaks, publisher.ranges = True, ranges
    whole, path = publisher.folder / "LUCAS" / TABLES[2], tmp_path / TABLES[2]
    address = f"{fetch.os.environ[fetch.ADDRESS]}/LUCAS/{TABLES[2]}"
    with pytest.raises(SiteError, match="could not be downloaded.*run the command again"):
        fetch.fetch_file(address, path)
    assert not path.exists()
    publisher.breaks, before = False, publisher.sent
    assert fetch.fetch_file(address, path).read_bytes() == whole.read_bytes()
    twice = publisher.sent - whole.stat().st_size
    assert twice < fetch._CHUNK if ranges else twice == before


def test_what_changed_meanwhile_starts_anew(tmp_path, publisher):
    """Half of one file is never joined with half of another."""
    publisher.breaks = True
    address = f"{fetch.os.environ[fetch.ADDRESS]}/LUCAS/{TABLES[2]}"
    with pytest.raises(SiteError):
        fetch.fetch_file(address, tmp_path / TABLES[2])
    layouts.write_ossl_library(publisher.folder / "LUCAS", 30)
    publisher.breaks = False
    path = fetch.fetch_file(address, tmp_path / TABLES[2])
    assert path.read_bytes() == (publisher.folder / "LUCAS" / TABLES[2]).read_bytes()


def test_a_killed_download_goes_on(tmp_path, publisher):
    """After ``kill -9`` the same command completes the library, and nothing is downloaded twice."""
    publisher.pause = 0.02
    command = [sys.executable, "-m", "soilpb.cli", "fetch", "lucas", "--folder", str(tmp_path / "ossl")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    part = tmp_path / "ossl" / "LUCAS" / f"{TABLES[2]}.part"
    deadline = time.monotonic() + 60
    while not (part.exists() and part.stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = part.stat().st_size
    time.sleep(0.5)  # the server notices
    publisher.pause, publisher.sent = 0, 0
    assert subprocess.run(command, stdout=subprocess.DEVNULL).returncode == 0
    assert kept > 0
    assert publisher.sent == (publisher.folder / "LUCAS" / TABLES[2]).stat().st_size - kept
    assert not part.exists()


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!DOCTYPE html><html>403</html>", "gave a page of HTML"),
        (b"PAR1 cut", "gave no whole Parquet file"),
    ],
)
def test_what_is_no_parquet_is_refused(tmp_path, publisher, body, message):
    """A page of the web, or a cut file, under a table's name is refused and not kept."""
    (publisher.folder / "LUCAS" / TABLES[0]).write_bytes(body)
    with pytest.raises(SiteError, match=f"{TABLES[0]} {message}.*run the command again"):
        fetch.fetch_source("lucas", tmp_path)
    assert files(tmp_path / "LUCAS") == []


def test_damage_and_changes_are_noticed(tmp_path, publisher):
    """A table that was edited, or another one at the publisher's, is refused, until its record is deleted."""
    (path, *_) = fetch.fetch_source("lucas", tmp_path)
    path.write_bytes(b"edited")
    with pytest.raises(SiteError, match=r"is damaged or was edited.*delete it and fetch again"):
        fetch.fetch_source("lucas", tmp_path)
    path.unlink()
    layouts.write_ossl_library(publisher.folder / "LUCAS", 30)
    with pytest.raises(SiteError, match=r"has changed at its publisher's.*delete .*sha256"):
        fetch.fetch_source("lucas", tmp_path)
    assert not path.exists()
    path.with_name(f"{path.name}.sha256").unlink()
    assert fetch.fetch_file(f"http://127.0.0.1:{publisher.server_port}/LUCAS/{path.name}", path) == path


def test_the_licence_comes_before_the_download(tmp_path, publisher):
    """The command says whose soils they are and on which terms, then where they lie and what comes next."""
    said = CliRunner().invoke(cli.app, ["fetch", "lucas", "--folder", str(tmp_path)]).output
    assert said.index("not to be passed on") < said.index(TABLES[0]) < said.index("make book SOURCE=lucas")


def test_the_list_names_each_library(publisher):
    """The list has each library with its licence, and the size of those that the server has."""
    listed = {name: (library, size) for name, library, size in fetch.list_libraries()}
    assert list(listed) == cli.OSSL_LIBRARIES
    assert listed["lucas"][1].endswith("MB")
    assert listed["besb"][1] == "not told"
    assert CliRunner().invoke(cli.app, ["fetch", "--list"]).exit_code == 0


def test_the_mano_dam_is_told_apart(tmp_path):
    """Soils and sediments become a table each; the 27 empty rows and coarser fractions are in neither."""
    for name in fetch.MANO:
        (tmp_path / name).write_bytes((shared_data("mano") / name).read_bytes())
    fetch.fetch_source("mano-dam", tmp_path)
    soils, sediments = (fetch.pd.read_csv(tmp_path / f"{name}.csv") for name in ("soils", "sediments"))
    assert (len(soils), len(sediments)) == (68, 38)
    assert soils["Pb_mg_kg"].between(10, 64).all()
    assert sediments["group"].nunique() == 1
    assert 20 < soils["group"].nunique() < 60
