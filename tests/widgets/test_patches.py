"""What has changed between two pictures."""

import numpy as np
import pytest

from dlkit.widgets.patches import cut, patches


def pasted(old, new):
    """`old` with the patches of `new` upon it, as the page does it."""
    places = patches(new, old)
    data, page, start = cut(new, places), old.copy(), 0
    for x, y, width, height in places:
        end = start + 4 * width * height
        page[y : y + height, x : x + width] = np.frombuffer(data[start:end], np.uint8).reshape(
            height, width, 4
        )
        start = end
    assert start == len(data)
    return page


@pytest.mark.parametrize("shape", [(1, 1), (32, 32), (33, 31), (100, 250)])
@pytest.mark.parametrize("share", [0, 0.001, 0.1, 1])
def test_patches_make_the_new_picture_of_the_old_one(shape, share, rng):
    old = rng.integers(0, 256, (*shape, 4), np.uint8)
    new = old.copy()
    other = rng.random(shape) < share
    new[other] ^= 255
    assert np.array_equal(pasted(old, new), new)


def test_little_is_sent_where_little_has_changed():
    old = np.zeros((500, 1000, 4), np.uint8)
    new = old.copy()
    assert patches(new, old) == []
    assert cut(new, []) == b""
    new[40:50, 100:200] = 9
    assert patches(new, old) == [(96, 32, 128, 32)]
    new[499, 999, 1] = 1
    assert patches(new, old)[-1] == (992, 480, 8, 20)
