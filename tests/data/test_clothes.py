"""The clothes are the right ones, split for good, and found where Debian puts them."""

import gzip
import hashlib
import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from dlkit import data
from dlkit.data import clothes, files
from dlkit.data.files import DataError

# The full set where the learner keeps it, or where the maintainers do: beside the checkout.
FULL = Path(os.environ.get("DLKIT_DATA") or Path(__file__).parents[3] / "shared/data")
needs_full = pytest.mark.skipif(
    not (FULL / "fashion-mnist").is_dir(), reason="needs the full Fashion-MNIST in DLKIT_DATA"
)


@pytest.fixture(scope="module")
def small():
    return data.fashion()


@pytest.fixture
def nowhere(tmp_path, monkeypatch):
    """No folder of one's own, an empty cache, no package of Debian and no network."""
    monkeypatch.delenv("DLKIT_DATA", raising=False)
    monkeypatch.setattr(files, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(clothes, "DEBIAN", tmp_path / "debian")

    def refuse(*_, **__):
        raise ConnectionError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    return tmp_path


def test_shapes(small):
    assert small.x_train.shape == (5000, 784)
    assert small.x_test.shape == (1000, 784)
    assert small.x_train.dtype == np.float32
    assert small.y_train.dtype == np.int64
    assert (small.x_train.min(), small.x_train.max()) == (0, 1)
    assert small.images().shape == (5000, 28, 28)
    assert len(small.classes) == 10
    assert data.fashion(dtype=np.float64).x_test.dtype == np.float64
    assert "MIT" in small.about


def test_both_parts_are_balanced_and_shuffled(small):
    assert np.bincount(small.y_train).tolist() == [500] * 10
    assert np.bincount(small.y_test).tolist() == [100] * 10
    assert (np.diff(small.y_train) == 0).mean() < 0.15  # a tenth, by chance; sorted, nearly all
    assert len({row.tobytes() for row in small.x}) == 6000  # none twice


def test_pictures_belong_to_their_labels(small):
    """The nearest class mean is right far more often than chance: 0.1."""
    means = np.stack([small.x_train[small.y_train == k].mean(axis=0) for k in range(10)])
    distance = ((small.x_test[:, None] - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == small.y_test).mean() > 0.6


def test_names_belong_to_their_pictures(small):
    """What the names say: trousers and dresses stand narrow, shoes leave the top empty."""
    pictures = {
        name: small.images()[small.y_train == k].mean(axis=0)
        for k, name in enumerate(small.classes)
    }
    sides = {name: p[:, :6].mean() + p[:, -6:].mean() for name, p in pictures.items()}
    assert set(sorted(sides, key=sides.__getitem__)[:2]) == {"trousers", "dress"}
    tops = {name: p[:6].mean() for name, p in pictures.items()}
    assert set(sorted(tops, key=tops.__getitem__)[:2]) == {"sandal", "sneaker"}


@pytest.mark.usefixtures("nowhere")
def test_it_is_there_at_once_without_a_network():
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        data.fashion()
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.2


@needs_full
def test_full(small, nowhere, monkeypatch):
    monkeypatch.setenv("DLKIT_DATA", str(FULL))
    full = data.fashion(full=True)
    assert full.x_train.shape == (60000, 784)
    assert full.x_test.shape == (10000, 784)
    # the first ten labels as everyone knows them
    assert full.y_train[:10].tolist() == [9, 0, 0, 3, 0, 2, 7, 2, 5, 5]
    assert full.y_test[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    with np.load(files.asset("data/fashion_6k.npz")) as shipped:
        rows = shipped["source_row"]
    np.testing.assert_array_equal(full.x_train[rows], small.x)
    np.testing.assert_array_equal(full.y_train[rows], small.y)
    theirs = {row.tobytes() for row in full.x_test}
    assert not theirs & {row.tobytes() for row in small.x}


@pytest.mark.parametrize("place", ["debian", "own"])
def test_files_packed_anew_are_found_by_what_they_hold(nowhere, monkeypatch, place):
    """As in Debian's package, and as in a folder of one's own they were copied to."""
    folder = nowhere / {"debian": "debian", "own": "mine/fashion-mnist"}[place]
    folder.mkdir(parents=True)
    images, labels = _idx(np.arange(2 * 28 * 28).reshape(2, 28, 28)), _idx(np.array([3, 9]))
    for name in clothes.SHA256:
        content = images if "images" in name else labels
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        sums = ("0" * 64, hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(clothes.SHA256, name, sums)
    if place == "own":
        monkeypatch.setenv("DLKIT_DATA", str(nowhere / "mine"))
    assert data.fashion(full=True).y_test.tolist() == [3, 9]

    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(images))  # something else
    with pytest.raises(DataError, match="damaged" if place == "own" else "no connection"):
        data.fashion(full=True, progress=False)


def test_without_any_of_them_one_sentence_says_what_to_do(nowhere):
    with pytest.raises(DataError, match="connect to the internet") as error:
        data.fashion(full=True, progress=False)
    assert "\n" not in str(error.value)
    assert not [path for path in nowhere.rglob("*") if path.is_file()]


def _idx(array):
    """The bytes of an idx file of bytes."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()
