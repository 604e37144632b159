"""What has changed between two pictures."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dlkit.widgets.patches import LONGEST, pack, patches
from tests.widgets.runs import unpacked


def pasted(old, new):
    """`old` with the patches of `new` upon it, as the page does it."""
    places, page = patches(new, old), old.copy()
    pieces = unpacked(pack(new, places), places)
    for (x, y, width, height), pixels in zip(places, pieces, strict=True):
        page[y : y + height, x : x + width] = pixels
    return page


@pytest.mark.parametrize("shape", [(1, 1), (32, 32), (33, 31), (100, 250)])
@pytest.mark.parametrize("share", [0, 0.001, 0.1, 1])
def test_patches_make_the_new_picture_of_the_old_one(shape, share, rng):
    old = rng.integers(0, 256, (*shape, 4), np.uint8)
    old[..., 3] = 255
    new = old.copy()
    other = rng.random(shape) < share
    new[other, :3] ^= 255
    assert np.array_equal(pasted(old, new), new)


def test_little_is_sent_where_little_has_changed():
    old = np.zeros((500, 1000, 4), np.uint8)
    new = old.copy()
    assert patches(new, old) == []
    assert pack(new, []) == b""
    new[40:50, 100:200] = 9
    assert patches(new, old) == [(96, 32, 128, 32)]
    new[499, 999, 1] = 1
    assert patches(new, old)[-1] == (992, 480, 8, 20)


@pytest.mark.parametrize("length", [1, 2, LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST, 3000])
def test_runs_of_any_length(length):
    picture = np.full((1, length + 2, 4), 255, np.uint8)
    picture[0, 1:-1] = (10, 20, 30, 255)
    places = [(0, 0, length + 2, 1)]
    data = pack(picture, places)
    assert np.array_equal(*unpacked(data, places), picture)
    assert len(data) == 4 * (2 + -(-length // LONGEST))


def test_a_row_that_repeats_the_one_above_is_sent_once(rng):
    small = rng.integers(0, 256, (4, 30, 4), np.uint8)
    small[..., 3] = 255
    enlarged = small.repeat(20, axis=0)
    places = [(0, 0, 30, 80)]
    data = pack(enlarged, places)
    assert np.array_equal(*unpacked(data, places), enlarged)
    assert len(data) <= 4 * (small.size // 4 + 4)  # each row, and one run for its repetitions


@settings(deadline=None)
@given(arrays(np.uint8, (5, 40, 3), elements=st.integers(0, 1)))
def test_whatever_is_packed_comes_back(colours):
    picture = np.dstack([colours, np.full((5, 40), 255, np.uint8)])
    places = [(3, 1, 30, 3), (0, 0, 2, 5)]
    data = pack(picture, places)
    for piece, wanted in zip(
        unpacked(data, places), [picture[1:4, 3:33], picture[:, :2]], strict=True
    ):
        assert np.array_equal(piece, wanted)
    assert len(data) <= 4 * (90 + 10)  # never more than the pixels themselves
