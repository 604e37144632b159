"""The kernel lab of chapter 07, driven without a browser."""

import numpy as np
import pytest

from dlkit.widgets.ch07_kernel import (
    AS_IT_IS,
    CELL_LEFTS,
    CELL_LOW,
    CELLS,
    DRAWING,
    LEFTS,
    LOW,
    MOST,
    PHOTOGRAPHS,
    PRESETS,
    SHOW,
    SIZES,
    KernelLab,
    begin,
    photograph,
)
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import render
from tests.colours import contrast

LIMITS = {
    "picture": [*PHOTOGRAPHS, DRAWING],
    "preset": list(PRESETS),
    "size": list(SIZES),
    "divide": [AS_IT_IS, "by the sum of the weights"],
    "brush": [-MOST, MOST],
    "stride": [1, 4],
    "padding": [0, 4],
}


@pytest.fixture
def lab():
    return KernelLab()


def words(explorer):
    explorer._prepare()
    assert not explorer.message
    return explorer.description


def cell(size, row, column):
    """The middle of one of the kernel's cells, on the sheet."""
    return CELL_LEFTS[0] + CELLS * (column + 0.5) / size, CELL_LOW + CELLS - CELLS * (
        row + 0.5
    ) / size


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("padding", [0, 2])
def test_every_place_is_the_sum_of_the_products_under_it(lab, stride, padding, rng):
    weights = rng.integers(-5, 6, (5, 5))
    lab.set_kernel(weights)
    lab.set(stride=stride, padding=padding, divide=AS_IT_IS)
    data = lab.data
    padded = np.pad(data.picture, padding)
    side = (100 + 2 * padding - 5) // stride + 1
    assert data.output.shape == (side, side)
    for row, column in [(0, 0), (3, 7), (side - 1, side - 1)]:
        lab.set(place=(row, column))
        top, left = row * stride, column * stride
        patch = padded[top : top + 5, left : left + 5]
        np.testing.assert_array_equal(lab.data.patch, patch)
        assert lab.data.total == pytest.approx((weights * patch).sum())
        assert lab.data.output[row, column] == pytest.approx(lab.data.total)


def test_presets_do_what_they_are_called(lab):
    picture = lab.data.picture
    lab.set(preset="nothing (one pixel)")
    np.testing.assert_allclose(lab.data.output, picture[1:-1, 1:-1])
    lab.set(preset="move left")
    np.testing.assert_allclose(lab.data.output, picture[1:-1, 2:])
    lab.set(preset="blur")
    assert lab.data.divisor == 9
    assert lab.data.output.mean() == pytest.approx(picture[1:-1, 1:-1].mean(), abs=0.01)
    assert lab.data.output.std() < picture.std()
    lab.set(preset="all edges")
    assert lab.data.divisor == 1  # its weights add up to 0
    assert abs(lab.data.output.mean()) < 0.01
    lab.set(preset="empty")
    assert not lab.data.output.any()
    for size in SIZES:
        for preset in PRESETS:
            assert begin(preset, size).shape == (size, size)


def test_a_negative_sum_does_not_turn_the_sign(lab):
    lab.set_kernel(-np.ones((3, 3)))
    assert lab.data.divisor == 1
    assert (lab.data.output < 0).all()
    lab.set_kernel(2 * np.ones((3, 3)))
    assert lab.data.divisor == 18


def test_edges_stand_where_the_picture_changes(lab):
    stripes = np.zeros((28, 28))
    stripes[:, 14:] = 1
    lab.pad.load(stripes)
    assert lab.values["picture"] == DRAWING  # whoever draws wants to see it
    lab.set(preset="vertical edges")
    assert (np.flatnonzero(lab.data.output.any(axis=0)) == [12, 13]).all()
    lab.set(preset="horizontal edges")
    assert not lab.data.output.any()


def test_the_kernel_is_painted_by_pointer_and_keys(lab):
    lab.set(preset="empty", brush=3)
    x, y = cell(3, 0, 2)
    lab.on_pointer(Pointer("down", lab.sheet, x, y, pressed=True))
    assert lab.data.weights[0, 2] == 3
    x, y = cell(3, 1, 2)
    lab.on_pointer(Pointer("move", lab.sheet, x, y, pressed=True))  # drawn over it
    x, y = cell(3, 2, 2)
    lab.on_pointer(Pointer("move", lab.sheet, x, y))  # only passing by
    assert lab.data.weights.sum() == 6
    lab.on_key(Key("ArrowLeft"))
    lab.on_key(Key("-"))
    assert lab.data.weights[1, 1] == -1
    lab.on_key(Key("ArrowDown"))
    lab.on_key(Key(" "))
    assert lab.data.weights[2, 1] == 3
    lab.on_key(Key("ArrowDown"))  # round to the top
    lab.on_key(Key("+"))
    assert lab.data.weights[0, 1] == 1
    lab.set(preset="blur")  # another preset begins anew
    assert (lab.data.weights == 1).all()


def test_a_weight_has_its_limits(lab):
    with pytest.raises(ValueError, match="between −9 and 9"):
        lab.paint(0, 0, 10)
    assert lab.data.weights[0, 0] == -1


def test_the_pointer_over_either_picture_moves_the_place(lab):
    left, top = LEFTS[1], LOW + SHOW
    lab.on_pointer(Pointer("move", lab.sheet, left + SHOW * 10.5 / 98, top - SHOW * 20.5 / 98))
    assert lab.data.place == (20, 10)
    lab.on_pointer(
        Pointer("move", lab.sheet, LEFTS[0] + SHOW * 31.5 / 100, top - SHOW * 51.5 / 100)
    )
    assert lab.data.place == (50, 30)  # the pixel lies in the kernel's middle
    lab.on_key(Key("ArrowRight", shift=True))
    lab.on_key(Key("ArrowUp", shift=True))
    assert lab.data.place == (49, 31)
    lab.set(stride=4)
    assert lab.data.place == (24, 24)  # the last there is
    lab.on_pointer(Pointer("move", lab.sheet, LEFTS[0] + 0.001, top - 0.001))
    assert lab.data.place == (0, 0)
    before = lab.values
    lab.on_pointer(Pointer("move", lab.sheet, 3.3, 2.4))  # between the pictures
    lab.on_pointer(Pointer("leave", lab.sheet, 1, 3))
    assert lab.values == before


def test_every_control_to_both_ends_and_back(lab):
    first = words(lab)
    for name, values in LIMITS.items():
        for value in values:
            lab.set(**{name: value})
            words(lab)
            assert np.isfinite(lab.data.output).all()
    lab.on_key(Key("+"))
    lab.reset()
    assert words(lab) == first


def test_the_smallest_output_is_still_one(lab):
    lab.pad.load(np.ones((28, 28)))
    lab.set(size=5, stride=4, padding=0)
    assert lab.data.output.shape == (6, 6)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"place": (-1, 2)}, "place must be a row and a column"),
        ({"chosen": "ab"}, "chosen must be a row and a column"),
        ({"painted": ("blur", 3, np.ones((5, 5)))}, "kernel must have shape"),
        ({"painted": ("blur", 3, np.full((3, 3), np.nan))}, "kernel must be finite"),
        ({"stride": 0}, "stride cannot be 0"),
        ({"size": 4}, "size cannot be 4"),
        ({"drawing": b"abc"}, "drawing must be 784 bytes"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(lab, values, sentence):
    before = lab.values
    with pytest.raises(ValueError, match=sentence):
        lab.set(**values)
    assert lab.values == before


@pytest.mark.parametrize("weights", [np.ones((4, 4)), np.ones(9), 10 * np.eye(3), "abc"])
def test_a_kernel_that_is_none_is_refused(lab, weights):
    with pytest.raises(ValueError, match="kernel must"):
        lab.set_kernel(weights)


def test_the_words_hold_the_numbers(lab):
    lab.set(preset="blur", stride=2, padding=1)
    said = words(lab)
    assert "[1 1 1; 1 1 1; 1 1 1] divided by 9" in said
    assert "stride 2 and padding 1 the output has 50 × 50 places" in said
    assert f"the 9 products add up to {lab.data.total:.2f}" in said
    lab.set(preset="all edges", stride=1, padding=0)
    assert -0.005 < lab.data.output.mean() < 0
    assert "on average 0.00." in words(lab)
    lab.set(picture=DRAWING)
    assert "The pad is empty" in words(lab)


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_photographs_are_small_and_grey(name):
    grey = photograph(name)
    assert grey.shape == (100, 100)
    assert 0 <= grey.min() < 0.2 < 0.8 < grey.max() <= 1


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("preset", ["vertical edges", "horizontal edges", "sharpen", "emboss"])
@pytest.mark.parametrize("picture", ["temple", "flower"])
def test_every_number_stands_out_from_its_cell(lab, picture, preset, dark):
    """As far as WCAG 2.1 asks of small letters, which only white and black reach everywhere."""
    lab.frame.dark = dark
    lab._retheme(dark)
    for place in ((48, 48), (20, 30), (90, 5)):
        lab.set(picture=picture, preset=preset, place=place)
        lab._prepare()
        pixels = lab.frame.layers.pixels()[..., :3] / 255
        height = len(pixels)
        for label in lab.labels._labels:
            if label.y > CELL_LOW + CELLS or label.y < CELL_LOW or len(label.text) < 1:
                continue
            x, y = lab.labels._to_pixels.transform((label.x, label.y)).round().astype(int)
            beside = pixels[height - y - 14, x]  # the cell above its number
            assert contrast(beside, label.style.ink) > 4.5, (label, beside)


def test_what_an_empty_pad_says_stays_within_its_picture(lab):
    lab.set(picture=DRAWING)
    lab._prepare()
    (label,) = (one for one in lab.labels._labels if "empty" in one.text)
    half = render(label.text, label.style, 100).shape[1] / 200  # inches
    assert label.style.anchor == 0.5
    assert LEFTS[0] < label.x - half < label.x + half < LEFTS[0] + SHOW
