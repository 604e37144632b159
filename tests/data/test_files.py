"""Shipped files are found; downloads arrive whole or not at all, and say what to do."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dlkit.data import files
from dlkit.data.files import DataError, asset, find

ROOT = Path(__file__).parents[2]
CONTENT = bytes(range(256)) * 400
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAME = "mnist/some-file.gz"


class Server(BaseHTTPRequestHandler):
    """/good/ delivers, /wrong/ delivers something else, /cut/ stops half-way, the rest is 404."""

    def do_GET(self):
        way = self.path.split("/")[1]
        self.server.asked.append(self.path)
        if way not in ("good", "wrong", "cut"):
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write({"good": CONTENT, "wrong": CONTENT[::-1], "cut": CONTENT[:5000]}[way])

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.asked = []
    server.base = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setattr(files, "cache_folder", lambda: folder)
    monkeypatch.delenv("DLKIT_DATA", raising=False)
    return folder


def fetch(server, *ways):
    return find(NAME, SHA256, tuple(f"{server.base}/{way}/" for way in ways), progress=False)


def left_in(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def assert_sentence(error):
    """One sentence, that says what to do."""
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith(".")
    assert "Traceback" not in text


def test_download_is_kept_and_not_repeated(server, cache):
    first, second = fetch(server, "good"), fetch(server, "good")
    assert first == second == cache / NAME
    assert first.read_bytes() == CONTENT
    assert len(server.asked) == 1
    assert left_in(cache) == [first]


@pytest.mark.parametrize("broken", ["wrong", "cut", "missing"])
def test_second_address_helps(server, cache, broken):
    assert fetch(server, broken, "good").read_bytes() == CONTENT
    assert left_in(cache) == [cache / NAME]


@pytest.mark.parametrize(
    ("way", "reason"),
    [("wrong", "wrong checksum"), ("cut", "cut off"), ("missing", "the server answered 404")],
)
def test_failed_download_leaves_nothing(server, cache, way, reason):
    with pytest.raises(DataError, match=reason) as error:
        fetch(server, way)
    assert_sentence(error)
    assert "DLKIT_DATA" in str(error.value)
    assert not left_in(cache)


def test_no_network(server, cache):
    server.shutdown()
    server.server_close()  # the port refuses from now on
    with pytest.raises(DataError, match=r"no connection.*connect to the internet") as error:
        fetch(server, "good", "good")
    assert_sentence(error)
    assert not left_in(cache)


def test_damaged_cache_is_replaced(server, cache):
    (cache / NAME).parent.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:100])
    assert fetch(server, "good").read_bytes() == CONTENT


def test_damaged_cache_stays_until_there_is_better(server, cache):
    (cache / NAME).parent.mkdir(parents=True)
    (cache / NAME).write_bytes(CONTENT[:100])
    with pytest.raises(DataError):
        fetch(server, "wrong")
    assert left_in(cache) in ([], [cache / NAME])  # never a third, half-written file


def test_cache_that_is_a_file(server, cache):
    cache.write_text("in the way")
    with pytest.raises(DataError, match="cannot be written") as error:
        fetch(server, "good")
    assert_sentence(error)


def test_bar_is_shown(server, capfd):
    find(NAME, SHA256, (f"{server.base}/good/",))
    assert "100%" in capfd.readouterr().err


def test_nothing_is_shown_without_bar(server, capfd):
    fetch(server, "good")
    assert capfd.readouterr() == ("", "")


def test_own_folder_comes_first(server, tmp_path, monkeypatch):
    (tmp_path / "own/mnist").mkdir(parents=True)
    (tmp_path / "own" / NAME).write_bytes(CONTENT)
    monkeypatch.setenv("DLKIT_DATA", str(tmp_path / "own"))
    assert fetch(server, "good") == tmp_path / "own" / NAME
    assert not server.asked


def test_own_folder_without_the_file_is_passed_over(server, cache, tmp_path, monkeypatch):
    monkeypatch.setenv("DLKIT_DATA", str(tmp_path))
    assert fetch(server, "good") == cache / NAME


def test_damaged_own_file_is_said_and_kept(server, tmp_path, monkeypatch):
    own = tmp_path / "own" / NAME
    own.parent.mkdir(parents=True)
    own.write_bytes(b"mine")
    monkeypatch.setenv("DLKIT_DATA", str(tmp_path / "own"))
    with pytest.raises(DataError, match="wrong checksum") as error:
        fetch(server, "good")
    assert_sentence(error)
    assert own.read_bytes() == b"mine"
    assert not server.asked


def test_own_file_that_cannot_be_read(server, tmp_path, monkeypatch):
    (tmp_path / NAME).mkdir(parents=True)  # a folder of that name: unreadable for root, too
    monkeypatch.setenv("DLKIT_DATA", str(tmp_path))
    with pytest.raises(DataError, match="cannot be read") as error:
        fetch(server, "good")
    assert_sentence(error)


@pytest.mark.parametrize("kind", ["absent", "a file"])
def test_wrong_own_folder(server, tmp_path, monkeypatch, kind):
    wrong = tmp_path / "wrong"
    if kind == "a file":
        wrong.write_text("no folder")
    monkeypatch.setenv("DLKIT_DATA", str(wrong))
    with pytest.raises(DataError, match=f"DLKIT_DATA names {re.escape(str(wrong))}") as error:
        fetch(server, "good")
    assert_sentence(error)
    assert not server.asked


def test_asset_is_found_in_the_checkout():
    assert asset("data/mnist_5k.npz").is_file()


def test_asset_of_an_installed_package_comes_first(tmp_path, monkeypatch):
    for folder in ("site/dlkit/assets/data", "site/assets/data"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "some.npz").write_text(folder)
    monkeypatch.setattr(files, "PACKAGE", tmp_path / "site/dlkit")
    assert asset("data/some.npz").read_text() == "site/dlkit/assets/data"


def test_asset_travels_in_the_wheel(tmp_path):
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, tmp_path / "site", "zip")
    code = "import dlkit.data as d; print(d.mnist().x.shape, d.files.__file__)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert run.stdout.startswith(f"(5000, 784) {tmp_path / 'site'}")


def test_missing_asset():
    with pytest.raises(DataError, match="install dlkit again") as error:
        asset("data/nothing.npz")
    assert_sentence(error)


@pytest.mark.parametrize(
    ("folder", "kind"), [("data", "*.np?"), ("data", "*.txt.gz"), ("models", "*.safetensors")]
)
def test_every_asset_is_described_with_its_checksum(folder, kind):
    folder = ROOT / "assets" / folder
    readme = (folder / "README.md").read_text("utf-8")
    assert list(folder.glob(kind))
    for path in folder.glob(kind):
        assert f"## {path.name}" in readme
        assert hashlib.sha256(path.read_bytes()).hexdigest() in readme
        assert f"{path.stat().st_size:,} bytes" in readme
