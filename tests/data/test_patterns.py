"""Bars and stripes: every picture is there, as often as the coins say."""

import numpy as np
import pytest

from dlkit import data


def by_the_coins(size):
    """Every picture, by walking through all throws of the coins."""
    found = []
    for orientation in (0, 1):
        for number in range(2**size):
            picture = np.zeros((size, size))
            for line in range(size):
                if number >> (size - 1 - line) & 1:
                    picture[(slice(None), line) if orientation == 0 else (line,)] = 1
            found.append((orientation, *picture.ravel()))
    return np.array(found)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6])
def test_all_throws_of_the_coins(size):
    split = data.bars_and_stripes(size)
    expected = by_the_coins(size)
    np.testing.assert_array_equal(split.y_train, expected[:, 0])
    np.testing.assert_array_equal(split.x_train, expected[:, 1:])


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_only_blank_and_full_are_there_twice(size):
    x = data.bars_and_stripes(size).x_train
    different, counts = np.unique(x, axis=0, return_counts=True)
    assert len(x) == 2 * 2**size
    assert len(different) == 2 * 2**size - 2
    twice = different[counts == 2]
    assert sorted(twice.mean(axis=1)) == [0, 1]
    assert counts.max() == 2


def test_bars_stand_and_stripes_lie():
    split = data.bars_and_stripes(3)
    pictures = split.images()
    bars, stripes = pictures[split.y_train == 0], pictures[split.y_train == 1]
    assert (bars == bars[:, :1]).all(), "each row of bars is like the first row"
    assert (stripes == stripes[:, :, :1]).all()


def test_parts_and_dtype():
    split = data.bars_and_stripes(dtype=np.float64)
    assert split.x_train.dtype == np.float64
    assert split.x_test.shape == (0, 16)
    assert data.bars_and_stripes().x_train.dtype == np.float32
    assert "bars (16), stripes (16)" in repr(split)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"size": 0}, "size must"),
        ({"size": 11}, "size must"),
        ({"size": 2.5}, "size must"),
        ({"size": "4"}, "size must"),
        ({"dtype": int}, "dtype must"),
    ],
    ids=str,
)
def test_bad_arguments(wrong, named):
    with pytest.raises(ValueError, match=named):
        data.bars_and_stripes(**wrong)
