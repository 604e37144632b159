"""Strokes become pixels as MNIST's makers would have them; nonsense becomes a sentence."""

import numpy as np
import pytest
import traitlets
from hypothesis import given
from hypothesis import strategies as st

from dlkit.data import mnist
from dlkit.widgets.drawing_pad import (
    BLANK,
    BOX,
    SIDE,
    DrawingPad,
    from_bytes,
    rasterise,
    to_bytes,
)

ONE = [[(0.5, 0.1, 0), (0.5, 0.9, 300)]]
coordinates = st.floats(0, 1)
drawings = st.lists(
    st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6), min_size=1, max_size=3
)


def centre_of_mass(picture):
    centres = np.arange(SIDE) + 0.5
    return np.array([picture.sum(0) @ centres, picture.sum(1) @ centres]) / picture.sum()


def extent(picture):
    return max(np.ptp(np.nonzero(picture.any(axis=axis))[0]) + 1 for axis in (0, 1))


def test_an_empty_pad_is_all_zeros():
    pad = DrawingPad()
    assert pad.is_empty
    assert pad.pixels.shape == (28, 28)
    assert pad.pixels.dtype == np.float32
    assert not pad.pixels.any()
    assert not rasterise([]).any()
    assert not rasterise([[]]).any()


@given(drawings)
def test_ink_lies_in_0_to_1_and_its_mass_in_the_centre(strokes):
    picture = rasterise(strokes)
    assert picture.min() >= 0
    assert 0 < picture.max() <= 1
    for axis, offset in enumerate(centre_of_mass(picture) - SIDE / 2):
        inked = np.nonzero(picture.any(axis=axis))[0]
        # off the centre only where the ink has no room left to be moved back
        assert offset <= 0.75 or inked[0] <= 1
        assert offset >= -0.75 or inked[-1] >= SIDE - 2


def test_a_lone_dot_is_not_cut_off():
    line, dot = [(0.0, 0.0), (0.0, 1.0)], [(1.0, 0.0)]
    assert extent(rasterise([line, dot]).any(axis=0, keepdims=True)) >= BOX - 1


@given(drawings, st.floats(0.3, 1), st.floats(0, 1), st.floats(0, 1))
def test_where_and_how_large_it_is_drawn_does_not_matter(strokes, scale, right, down):
    every = np.array([point for stroke in strokes for point in stroke])
    if np.ptp(every, axis=0).max() < 0.2:  # too small to be scaled up in both drawings
        return
    moved = [
        [(x * scale + right * (1 - scale), y * scale + down * (1 - scale)) for x, y in stroke]
        for stroke in strokes
    ]
    np.testing.assert_allclose(rasterise(moved), rasterise(strokes), atol=1e-4)


def test_a_digit_fills_the_box_of_mnist():
    assert extent(rasterise(ONE)) in (BOX, BOX + 1)
    sizes = [extent(picture) for picture in mnist().images()[:200]]
    assert np.median(sizes) == BOX


def test_the_pen_is_as_wide_as_in_mnist():
    """The width of a stroke is its area by its length: here of a drawn 1, there of MNIST's ones."""
    digits = mnist()
    ones = digits.images(digits.x_train[digits.y_train == 1])
    theirs = np.median([picture.sum() / BOX for picture in ones])
    ours = rasterise(ONE).sum() / BOX
    assert ours == pytest.approx(theirs, rel=0.25)


def test_a_dot_stays_a_dot():
    picture = rasterise([[(0.2, 0.2)]])
    assert 0 < (picture > 0).sum() <= 16


def test_callbacks_hear_of_every_change():
    pad, heard = DrawingPad(), []
    pad.on_draw(lambda p: heard.append(p.pixels.sum()))
    pad.strokes = ONE
    pad.clear()
    assert len(heard) == 2
    assert heard[0] > 0
    assert heard[1] == 0
    assert pad.is_empty


def test_a_loaded_picture_stays_as_it_is_and_takes_ink():
    pad = DrawingPad()
    digit = mnist().x_train[0]
    pad.load(digit)
    np.testing.assert_allclose(pad.pixels.ravel(), digit, atol=1 / 255)
    assert not pad.is_empty
    pad.strokes = [[(0.02, 0.02), (0.02, 0.3)]]
    assert (pad.pixels >= digit.reshape(28, 28) - 1 / 255).all()
    assert pad.pixels[3, 0] > 0.5
    pad.clear()
    assert pad.is_empty


def test_what_the_network_sees_is_shown():
    pad = DrawingPad()
    pad.strokes = ONE
    np.testing.assert_allclose(from_bytes(pad.seen), pad.pixels, atol=0.5 / 255 + 1e-6)


def test_points_outside_are_brought_to_the_edge():
    pad = DrawingPad(strokes=[[(-3, 0.5, 0), (7, 0.5, 9)]])
    assert pad.strokes == [[[0.0, 0.5, 0.0], [1.0, 0.5, 9.0]]]


@pytest.mark.parametrize("bad", [[[(0.5,)]], [[("a", "b")]], [3], [[(0.1, float("nan"))]]])
def test_strokes_that_are_none_are_refused_and_the_drawing_kept(bad):
    pad = DrawingPad(strokes=ONE)
    with pytest.raises((ValueError, traitlets.TraitError), match="strokes must be lists of points"):
        pad.strokes = bad
    assert len(pad.strokes) == 1
    with pytest.raises(ValueError, match="strokes must be lists of points"):
        rasterise(bad)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((27, 28)), r"pixels must have shape \(784,\)"),
        (np.full(784, 255.0), "pixels must lie in 0 … 1, got 255 … 255"),
        (np.full(784, np.nan), "pixels must be finite"),
        ("text", "pixels must"),
    ],
)
def test_pictures_that_are_none_are_refused(bad, message):
    with pytest.raises(ValueError, match=message):
        DrawingPad().load(bad)


def test_pictures_become_bytes_and_come_back():
    digit = mnist().x_train[0]
    for picture in (digit, digit.reshape(SIDE, SIDE), digit.astype(np.float64)):
        assert to_bytes(picture) == to_bytes(digit)
    back = from_bytes(to_bytes(digit))
    assert (back.shape, back.dtype) == ((SIDE, SIDE), np.float32)
    np.testing.assert_array_equal(back.ravel(), digit)  # MNIST's pixels were bytes to begin with
    assert to_bytes(np.array([0.0, 0.5, 1.0])) == bytes([0, 128, 255])
    assert not from_bytes(BLANK).any()


@pytest.mark.parametrize("bad", [b"", bytes(783), bytes(785), "x" * 784, None, np.zeros(784)])
def test_what_is_no_drawing_is_refused(bad):
    with pytest.raises(ValueError, match="drawing must be 784 bytes, one for each pixel"):
        from_bytes(bad)


def test_repr_says_what_is_on_it():
    assert repr(DrawingPad()) == "DrawingPad(empty)"
    assert repr(DrawingPad(strokes=ONE)) == "DrawingPad(1 strokes)"
