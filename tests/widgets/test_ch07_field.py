"""The receptive fields of chapter 07, driven without a browser."""

import itertools

import numpy as np
import pytest

from dlkit.widgets.ch07_field import ReceptiveField, _corner
from dlkit.widgets.ch07_stack import (
    POOLS,
    SIDE,
    Stack,
    expected,
    measured,
    nearest,
    spans,
    spread_of,
    stages,
    upto,
)
from dlkit.widgets.explorer import Key, Pointer
from tests.colours import luminance

STACKS = [
    Stack(3, 1, 1, "none", 3),
    Stack(5, 2, 2, "none", 2),
    Stack(4, 1, 0, "2 × 2 maximum", 2),
    Stack(3, 1, 3, "2 × 2 average", 3),
    Stack(1, 3, 2, "none", 2),
    Stack(2, 2, 0, "2 × 2 average", 1),
]


@pytest.fixture
def field():
    return ReceptiveField()


@pytest.mark.parametrize("stack", STACKS)
def test_a_unit_changes_with_the_pixels_it_can_see_and_with_no_other(stack):
    # By experiment: each pixel in turn is changed, and whether the answer does is watched.
    layers = stages(stack)
    number = len(layers) - 1
    part, rng = upto(stack, number), np.random.default_rng(3)
    for row, column in ((0, 0), (nearest(layers, 13.5), layers[-1].side - 1)):
        seen = np.zeros((SIDE, SIDE), bool)
        before = rng.standard_normal((1, 1, SIDE, SIDE)).astype(np.float32)
        unit = part(before)[0, :, row, column].copy()
        for at in itertools.product(range(SIDE), repeat=2):
            after = before.copy()
            after[0, 0][at] += 30
            seen[at] = (part(after)[0, :, row, column] != unit).any()
        can = np.zeros((SIDE, SIDE), bool)
        (top, bottom), (left, right) = spans(layers, row)[0], spans(layers, column)[0]
        can[max(top, 0) : max(bottom + 1, 0), max(left, 0) : max(right + 1, 0)] = True
        assert bottom - top + 1 == layers[-1].field
        gaps = can & ~seen  # a stride longer than the kernel leaves pixels out
        assert not (seen & ~can).any()
        assert stack.stride > stack.kernel or not gaps.any()


@pytest.mark.parametrize("stack", STACKS)
def test_maps_have_the_sides_that_are_said_and_neighbours_are_a_jump_apart(stack):
    layers = stages(stack)
    for number, layer in enumerate(layers):
        answer = upto(stack, number)(np.zeros((1, 1, SIDE, SIDE), np.float32))
        assert answer.shape[2:] == (layer.side, layer.side)
        one, two = (spans(layers[: number + 1], place)[0] for place in (0, 1))
        assert two[0] - one[0] == two[1] - one[1] == layer.jump


def test_shares_follow_the_theory_where_no_edge_is_near():
    stack = Stack(3, 1, 1, "none", 5)
    layers = stages(stack)
    theory = expected(layers, 14)
    assert theory.sum() == pytest.approx(1)
    both = np.outer(theory, theory)
    assert spread_of(both) == pytest.approx(layers[-1].spread)
    # One net has few weights: over units and layers its spread stays within 15 % of the theory.
    for number in range(5):
        found = spread_of(measured(stack, number, 14, 14))
        assert found == pytest.approx(layers[number].spread, rel=0.15)


def test_the_field_grows_with_depth_and_its_spread_with_the_root():
    layers = stages(Stack(3, 1, 1, "none", 5))
    assert [layer.field for layer in layers] == [3, 5, 7, 9, 11]
    assert [layer.spread**2 for layer in layers] == pytest.approx(
        [layers[0].spread ** 2 * n for n in (1, 2, 3, 4, 5)]
    )
    with pytest.raises(ValueError, match="Nothing is left for pool 5"):
        stages(Stack(3, 1, 1, "2 × 2 maximum", 5))


def test_lenet_sees_what_lenet_sees():
    layers = stages(Stack(5, 1, 0, "2 × 2 average", 2))
    assert [(layer.side, layer.field, layer.jump) for layer in layers] == [
        (24, 5, 1),
        (12, 6, 2),
        (8, 14, 2),
        (4, 16, 4),
    ]


def test_a_unit_is_chosen_by_pointer_and_keys(field):
    field.set(pooling="2 × 2 maximum", depth=2)
    every = field.data.every
    x, y = _corner(every, 1)
    field.on_pointer(Pointer("move", field.sheet, x + 0.01, y + 0.01))
    assert field.data.stage.name == "pool 1"
    assert field.data.unit == (every[1].side - 1, 0)  # the row at the bottom
    field.on_key(Key("ArrowUp"))
    field.on_key(Key("ArrowRight"))
    assert field.data.unit == (every[1].side - 2, 1)
    field.on_key(Key("]"))
    assert field.data.stage.name == "conv 2"
    for _ in range(5):
        field.on_key(Key("]"))
    assert field.data.stage.name == "pool 2"
    assert field.values["layer"] is None
    for _ in range(9):
        field.on_key(Key("["))
    assert field.data.stage.name == "conv 1"
    # A press on the input looks for the unit whose field has its middle there.
    field.on_pointer(Pointer("down", field.sheet, 0.3 + 4.2 * 0.5, 0.55 + 4.2 * 0.75, pressed=True))
    assert field.data.unit == (6, 14)
    before = field.values
    field.on_pointer(Pointer("move", field.sheet, 4.7, 0.1))  # nothing is there
    field.on_pointer(Pointer("move", field.sheet, 1, 1))  # over the input, not pressed
    assert field.values == before


def test_units_whose_middle_lies_in_the_padding_can_be_chosen(field):
    field.set(padding=3, depth=5)
    for corner in (0, field.data.every[4].side - 1):
        field.choose(4, corner, corner)
        assert field.data.unit == (corner, corner)
        assert field.data.inside < 1
        field._prepare()
        assert "in the padding" in field.description
    field.set(kernel=1)
    field.choose(0, 0, 0)  # it sees one pixel, and that is padding
    field._prepare()
    assert "the gradient is 0" in field.description
    assert not field.message


def test_the_last_layer_stays_the_last(field):
    field.set(depth=5)
    assert field.data.stage.name == "conv 5"
    field.on_key(Key("["))
    field.set(depth=2)
    assert field.data.stage.name == "conv 2"
    field.set(depth=5)
    assert field.data.stage.name == "conv 4"


def test_every_control_to_both_ends_and_back(field):
    field._prepare()
    first, start = field.description, field.values
    for name, ends in {
        "kernel": (1, 7),
        "stride": (1, 3),
        "padding": (0, 3),
        "pooling": tuple(POOLS),
        "depth": (1, 5),
        "digit": (0, 9),
        "layer": (0, 9),
        "place": ((-99, 99), (0, 27)),
    }.items():
        for value in ends:
            field.set(**{name: value})
            field._prepare()
            assert not field.message
            assert np.isfinite(field.data.share).all()
            assert "nan" not in field.description
        field.reset()
    field._prepare()
    assert field.values == start
    assert field.description == first


def test_a_stack_that_leaves_nothing_gets_a_sentence_and_the_picture_stays(field):
    field.set(pooling="2 × 2 maximum", depth=5)
    assert "Nothing is left for pool 5" in field.message
    assert field.data.stack.depth == 3
    field.on_key(Key("ArrowLeft"))
    assert "Nothing is left" in field.message
    field.set(depth=4)
    assert not field.message


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"place": (np.nan, 0)}, "place must hold two finite numbers"),
        ({"place": "there"}, "place must hold two finite numbers"),
        ({"layer": 10}, "layer must be None or a number 0 … 9"),
        ({"layer": "last"}, "layer must be None or a number 0 … 9"),
        ({"kernel": 9}, "kernel cannot be 9"),
        ({"stride": 0}, "stride cannot be 0"),
        ({"pooling": "by magic"}, "pooling cannot be 'by magic'"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(field, values, sentence):
    before = field.values
    with pytest.raises(ValueError, match=sentence):
        field.set(**values)
    assert field.values == before


def test_the_words_hold_the_numbers(field):
    field.set(kernel=5, padding=2, depth=2)
    field._prepare()
    words, data = field.description, field.data
    assert "can see 9 × 9 pixels" in words
    assert f"{spread_of(data.share):.2f} pixels measured" in words
    side, share = data.middle
    assert side == 5
    assert f"hold {100 * share:.0f} % of the squared gradient" in words
    assert data.share.sum() == pytest.approx(1)


def test_theory_of_a_picture_with_edges_loses_what_goes_into_the_padding():
    layers = stages(Stack(3, 1, 1, "none", 3))
    assert expected(layers, 0).sum() < expected(layers, 10).sum() == pytest.approx(1)


@pytest.mark.parametrize("dark", [False, True])
def test_what_counts_is_told_from_the_digit_without_colours(dark):
    """Printed in grey, the orange of full strength was as dark as the digit's palest ink."""
    field = ReceptiveField()
    field.frame.dark = dark
    light = luminance(field._seen(field.data)[::-1] / 255) + 0.05  # as WCAG compares it
    counts = light[np.unravel_index(field.data.share.argmax(), field.data.share.shape)]
    digit = light[(field.data.share == 0) & (field.data.picture > 0.9)]
    assert len(digit)
    assert ((counts / digit if dark else digit / counts) > 1.25).all()
