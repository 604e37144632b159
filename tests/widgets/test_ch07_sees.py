"""What the net of chapter 07 sees, driven without a browser."""

import numpy as np
import pytest

from dlkit.models.convolution import Conv2d, Flatten, MaxPool2d
from dlkit.models.dense import Linear, ReLU, Sequential, Tanh, mlp, softmax
from dlkit.widgets.ch07_net import check_net, stages_of, trained_lenet
from dlkit.widgets.ch07_sees import BLOCK, LOW, PICTURE, PICTURES, WhatItSees, covered, squares
from dlkit.widgets.ch07_stack import SIDE
from dlkit.widgets.drawn import mnist
from dlkit.widgets.explorer import Key, Pointer
from tests.widgets.words import expect_words_apart_where_it_is_moved


def small(rng, activation=ReLU, **options):
    """A net that differs from LeNet in everything it may differ in."""
    return Sequential(
        *(Conv2d(1, 3, 4, stride=2, rng=rng, **options), activation()),
        *(Conv2d(3, 5, 3, padding=1, rng=rng, **options), activation(), MaxPool2d(2)),
        *(Flatten(), Linear(5 * 36, 4, rng=rng, **options)),
    )


@pytest.fixture
def sees():
    explorer = WhatItSees()
    explorer.pad.load(mnist().x_test[7])
    return explorer


def words(explorer):
    explorer._prepare()
    assert not explorer.message
    return explorer.description


def test_the_net_reads_digits_and_its_answer_is_the_one_that_is_shown(sees):
    split = mnist()
    z = trained_lenet()(split.x_test.reshape(-1, 1, SIDE, SIDE))
    assert (z.argmax(axis=1) == split.y_test).mean() > 0.98
    assert sees.data.probabilities == pytest.approx(softmax(z[7]), abs=1e-5)
    for (_, layers), maps in zip(sees.kinds, sees.data.maps, strict=True):
        assert maps.shape[1] == layers[-1].side


def test_the_gradient_is_that_of_the_class_by_central_differences(rng):
    net = small(rng, Tanh, dtype=float)
    explorer = WhatItSees(net, about="2")
    explorer.pad.load(rng.random((SIDE, SIDE)))  # on blank paper maxima are equal: kinks
    x = explorer.data.pixels.astype(float)
    for row, column in ((5, 9), (14, 14), (20, 7)):
        nudge = np.zeros((1, 1, SIDE, SIDE))
        nudge[0, 0, row, column] = 1e-4
        up, down = (net(x + sign * nudge)[0, 2] for sign in (1, -1))
        assert explorer.data.gradient[row, column] == pytest.approx((up - down) / 2e-4, rel=1e-3)


@pytest.mark.parametrize("colour", ["paper", "grey", "ink"])
def test_a_covered_place_costs_what_the_net_then_says_less(sees, colour):
    sees.set(square=6, cover_with=colour)
    target = sees.data.target
    for place in ((10, 17), (0, 0), (27, 27), (14, 9)):
        sees.set(cover=place)
        fall = sees.data.probabilities[target] - sees.data.covered[target]
        assert sees.data.cost[place] == pytest.approx(fall, abs=1e-5)
    value = {"paper": 0, "grey": 0.5, "ink": 1}[colour]
    picture = covered(sees.data.pixels, squares(6)[14, 9][None], value)[0, 0]
    assert (picture[12:18, 7:13] == value).all()
    picture[12:18, 7:13] = sees.data.pixels[12:18, 7:13]
    assert (picture == sees.data.pixels).all()


def test_a_square_goes_where_the_pointer_or_the_keys_lead_it(sees):
    middle = LOW + PICTURE / 2
    sees.on_pointer(Pointer("move", sees.sheet, PICTURES[0] + PICTURE / 2, middle))
    assert sees.values["cover"] == (14, 14)
    sees.on_pointer(Pointer("move", sees.sheet, PICTURES[1] + 0.01, LOW + PICTURE - 0.01))
    assert sees.values["cover"] == (0, 0)
    sees.on_key(Key("ArrowUp"))
    sees.on_key(Key("ArrowRight"))
    assert sees.values["cover"] == (0, 1)
    assert "With the square at row 0, column 1 it says" in words(sees)
    sees.on_pointer(Pointer("leave", sees.sheet, 0, 0))
    assert sees.values["cover"] is None
    sees.on_key(Key("ArrowDown"))
    sees.on_key(Key("x"))
    assert sees.data.covered is None


def test_a_map_is_chosen_and_its_strongest_unit_has_seen_the_box(sees):
    stage, channel, (left, low, side) = list(sees._places())[10]
    sees.on_pointer(Pointer("down", sees.sheet, left + side / 2, low + side / 2, pressed=True))
    assert sees.values["chosen"] == (stage, channel) == (1, 4)
    rows, columns, (row, column) = sees._looks_at(sees.data)
    assert sees.data.maps[1][4][row, column] == sees.data.maps[1][4].max()
    # Whatever lies outside the box is taken away: that unit answers the same.
    x = np.zeros((1, 1, SIDE, SIDE), np.float32)
    inside = (
        slice(max(rows[0], 0), rows[1] + 1),
        slice(max(columns[0], 0), columns[1] + 1),
    )
    x[0, 0][inside] = sees.data.pixels[inside]
    layers = Sequential(*sees.model.layers[: sees.kinds[1][0] + 1])
    assert layers(x)[0, 4, row, column] == pytest.approx(sees.data.maps[1][4].max(), rel=1e-5)
    sees.on_key(Key("]"))
    assert sees.values["chosen"] == (1, 5)
    sees.on_key(Key("]"))
    assert sees.values["chosen"] == (2, 0)
    sees.set(chosen=(0, 0))
    sees.on_key(Key("["))
    assert sees.values["chosen"] == (3, 15)
    assert "Map 16 of pool 2" in words(sees)


@pytest.mark.parametrize("channels", [1, 3, 6, 16, 50])
def test_all_maps_of_a_stage_have_room(rng, channels):
    net = Sequential(
        Conv2d(1, channels, 5, rng=rng), Tanh(), Flatten(), Linear(channels * 576, 3, rng=rng)
    )
    places = [place for _, _, place in WhatItSees(net)._places()]
    assert len(places) == channels
    corners = np.array(places)
    assert np.ptp(corners[:, 0]) + corners[0, 2] <= BLOCK[0] + 1e-9
    assert np.ptp(corners[:, 1]) + corners[0, 2] <= BLOCK[1] + 1e-9
    assert len(set(places)) == channels


def test_a_net_of_ones_own_is_looked_into(rng):
    explorer = WhatItSees(small(rng))
    assert [layers[-1].name for _, layers in explorer.kinds] == ["conv 1", "conv 2", "pool 1"]
    assert [layers[-1].field for _, layers in stages_of(explorer.model)] == [4, 8, 10]
    explorer.show_digit()
    assert "The net says" in words(explorer)
    assert len(explorer.data.probabilities) == 4
    assert WhatItSees(small(rng, Tanh)).data.empty


def test_a_digit_that_is_moved_moves_its_maps_and_not_what_they_show(sees):
    sees.set(square=1)
    before = [maps.copy() for maps in sees.data.maps]
    sees.set(right=2, down=-2)
    for maps, old, pixels in zip(sees.data.maps, before, (2, 1), strict=False):
        there = maps[:, 3 - pixels : -3 - pixels, 3 + pixels : maps.shape[2] - 3 + pixels]
        np.testing.assert_allclose(there, old[:, 3:-3, 3:-3], atol=1e-5)


def test_the_first_maps_answer_to_the_strokes_that_the_chapter_names():
    """Should the weights be trained anew, the answer in chapter 07 must be written anew, too."""
    row, column = np.mgrid[:SIDE, :SIDE] - 13.5
    short = (abs(row) < 9) & (abs(column) < 9)
    strokes = {"-": row, "|": column, "/": (row + column) / 2**0.5, "\\": (row - column) / 2**0.5}
    strokes = {name: (abs(far) < 1.6) & short for name, far in strokes.items()}
    maps = {}
    for name, stroke in strokes.items():
        explorer = WhatItSees()
        explorer.pad.load(stroke.astype(float))
        maps[name] = explorer.data.maps[0][:, 8:20, 8:20]
    upper, lower = np.split(maps["-"][2].sum(axis=1), 2)
    assert upper.sum() > 5 * lower.sum(), "map 3: the upper side of a stroke that lies"
    assert maps["-"][2].max() > 2 * maps["|"][2].max()
    assert max(maps, key=lambda name: maps[name][4].max()) == "/", "map 5"
    assert all(each[3].max() > 2 for each in maps.values()), "map 4: every stroke"


def test_an_empty_pad_says_so_and_reset_empties_it(sees):
    sees.set(square=9, about="3", cover=(3, 3))
    sees.reset()
    assert sees.data.empty
    assert "The pad is empty" in words(sees)
    sees.on_key(Key("ArrowLeft"))
    assert "The pad is empty" in words(sees)


def test_every_control_to_both_ends(sees):
    for name, ends in {
        "right": (-10, 10, 0),
        "down": (-10, 10, 0),
        "square": (1, 14),
        "cover_with": ("paper", "grey", "ink"),
        "about": ("the answer", "0", "9"),
        "example": ("any", "0", "9"),
        "cover": ((0, 0), (27, 27), None),
        "chosen": ((0, 0), (3, 15)),
    }.items():
        for value in ends:
            sees.set(**{name: value})
            assert "nan" not in words(sees)
    sees.set(example="4")
    sees.show_digit()
    digits = mnist().x_test[mnist().y_test == 4].reshape(-1, SIDE, SIDE)
    assert np.abs(digits - sees.data.pixels).reshape(len(digits), -1).max(axis=1).min() < 0.01


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"drawing": b"?"}, "drawing must be 784 bytes"),
        ({"cover": (0, 28)}, "cover must be None or a row and a column 0 … 27"),
        ({"cover": 3}, "cover must be None or a row and a column"),
        ({"cover": (0.5, np.nan)}, "cover must be None or a row and a column"),
        ({"chosen": (0, 6)}, "chosen must be a stage and one of its"),
        ({"chosen": (4, 0)}, "chosen must be a stage and one of its"),
        ({"chosen": "map"}, "chosen must be a stage and one of its"),
        ({"square": 99}, "square cannot be 99"),
        ({"about": "11"}, "about cannot be '11'"),
    ],
)
def test_nonsense_is_told_in_a_sentence_and_changes_nothing(sees, values, sentence):
    before = sees.values
    with pytest.raises(ValueError, match=sentence):
        sees.set(**values)
    assert sees.values == before


def test_a_net_that_does_not_fit_is_refused(rng):
    with pytest.raises(ValueError, match="begins with a Conv2d"):
        WhatItSees(mlp((784, 10), rng=rng))
    with pytest.raises(ValueError, match="pictures of one channel"):
        check_net(Sequential(Conv2d(3, 2, 5, rng=rng), Flatten(), Linear(8, 2, rng=rng)))
    with pytest.raises(ValueError, match="model must take 28 × 28 pixels, but"):
        check_net(Sequential(Conv2d(1, 2, 5, rng=rng), Flatten(), Linear(8, 2, rng=rng)))


def test_the_words_hold_the_numbers(sees):
    data, said = sees.data, words(sees)
    first = data.likeliest
    assert f"The net says {first} with {100 * data.probabilities[first]:.1f} %" in said
    row, column = np.unravel_index(np.abs(data.cost).argmax(), data.cost.shape)
    assert f"row {row}, column {column}" in said
    assert f"raise z({first}) at {(data.gradient > 0).sum()} pixels" in said


def test_no_words_lie_on_others(sees):
    expect_words_apart_where_it_is_moved(sees)
    expect_words_apart_where_it_is_moved(WhatItSees())  # its pad is empty
