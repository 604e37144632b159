"""The digits are the right ones, split for good, and quick to load."""

import os
import socket
import time
from pathlib import Path

import numpy as np
import pytest

from dlkit import data

# The full set where the learner keeps it, or where the maintainers do: beside the checkout.
FULL = Path(os.environ.get("DLKIT_DATA") or Path(__file__).parents[3] / "shared/data")
needs_full = pytest.mark.skipif(
    not (FULL / "mnist").is_dir(), reason="needs the full MNIST in DLKIT_DATA"
)


@pytest.fixture(scope="module")
def small():
    return data.mnist()


@pytest.fixture
def full_folder(monkeypatch):
    monkeypatch.setenv("DLKIT_DATA", str(FULL))


def test_mnist_shapes(small):
    assert small.x_train.shape == (4000, 784)
    assert small.x_test.shape == (1000, 784)
    assert small.y_train.shape == (4000,)
    assert small.x_train.dtype == np.float32
    assert small.y_train.dtype == np.int64
    assert small.x_train.min() == 0
    assert small.x_train.max() == 1
    assert small.images().shape == (4000, 28, 28)
    assert small.images(small.x_test[:3]).shape == (3, 28, 28)


def test_mnist_is_balanced_and_shuffled(small):
    assert np.bincount(small.y).tolist() == [500] * 10
    assert np.bincount(small.y_test).min() >= 80
    assert (np.diff(small.y_train) == 0).mean() < 0.15  # a tenth, by chance; sorted, nearly all


def test_mnist_pictures_belong_to_their_labels(small):
    """The nearest class mean is right far more often than chance: 0.1."""
    means = np.stack([small.x_train[small.y_train == k].mean(axis=0) for k in range(10)])
    distance = ((small.x_test[:, None] - means) ** 2).sum(axis=2)
    assert (distance.argmin(axis=1) == small.y_test).mean() > 0.75


def test_mnist_is_the_same_every_time(small):
    again = data.mnist()
    np.testing.assert_array_equal(again.x_train, small.x_train)
    again.x_train[:] = 0  # arrays are the caller's own
    assert data.mnist().x_train.any()


def test_mnist_dtype():
    assert data.mnist(dtype=np.float64).x_train.dtype == np.float64
    with pytest.raises(ValueError, match="dtype must be a floating type"):
        data.mnist(dtype=np.int32)


def test_mnist_loads_at_once():
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        data.mnist()
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.1


def test_mnist_needs_no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("tried to reach the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(data.mnist().y) == 5000


def test_digits():
    split = data.digits()
    assert split.x_train.shape == (1348, 64)
    assert split.x_test.shape == (449, 64)
    assert (split.x_train.min(), split.x_train.max()) == (0, 1)
    assert split.images().shape == (1348, 8, 8)
    assert set(split.y_test) == set(range(10))
    np.testing.assert_array_equal(split.y, data.digits().y)


@needs_full
@pytest.mark.usefixtures("full_folder")
def test_full_mnist():
    full = data.mnist(full=True)
    assert full.x_train.shape == (60000, 784)
    assert full.x_test.shape == (10000, 784)
    assert full.x_train.dtype == np.float32
    # the first ten labels as everyone knows them
    assert full.y_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert full.y_test[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]


@needs_full
@pytest.mark.usefixtures("full_folder")
def test_small_mnist_is_a_part_of_the_training_set_and_of_no_test_picture(small):
    full = data.mnist(full=True)

    def keys(x, y):
        bytes_ = np.rint(x * 255).astype(np.uint8)
        return {(row.tobytes(), int(label)) for row, label in zip(bytes_, y, strict=True)}

    ours = keys(small.x, small.y)
    assert len(ours) == 5000  # none twice
    assert ours <= keys(full.x_train[:5848], full.y_train[:5848])
    assert not ours & keys(full.x_test, full.y_test)
