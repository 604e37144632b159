"""Pictures are moved without coming back on the other side."""

import numpy as np
import pytest

from dlkit import data

PICTURE = np.arange(9.0).reshape(3, 3)


def test_what_leaves_is_lost_and_paper_comes_in():
    assert data.moved(PICTURE, 1).tolist() == [[0, 0, 1], [0, 3, 4], [0, 6, 7]]
    assert data.moved(PICTURE, -1, 1).tolist() == [[0, 0, 0], [1, 2, 0], [4, 5, 0]]
    assert data.moved(PICTURE, down=-2).tolist() == [[6, 7, 8], [0, 0, 0], [0, 0, 0]]
    assert np.array_equal(data.moved(PICTURE), PICTURE)


@pytest.mark.parametrize("far", [3, -3, 4, -50])
def test_nothing_is_left_of_what_goes_too_far(far):
    assert not data.moved(PICTURE, right=far).any()
    assert not data.moved(PICTURE, down=far).any()


def test_many_at_once_are_moved_alike():
    many = np.random.default_rng(0).random((2, 3, 5, 7)).astype(np.float32)
    away = data.moved(many, 2, -1)
    assert away.dtype == np.float32
    for n, c in np.ndindex(2, 3):
        assert np.array_equal(away[n, c], data.moved(many[n, c], 2, -1))


def test_what_cannot_be_moved_is_named():
    assert data.moved(PICTURE.tolist(), 1.0).tolist() == data.moved(PICTURE, 1).tolist()
    for name, step in {"right": 1.5, "down": None}.items():
        with pytest.raises(ValueError, match=f"{name} must be a whole number"):
            data.moved(PICTURE, **{name: step})
    with pytest.raises(ValueError, match=r"pictures must be \(..., height, width\), got \(784,\)"):
        data.moved(np.zeros(784), 1)
    with pytest.raises(ValueError, match="pictures must hold real numbers"):
        data.moved(None, 1)
