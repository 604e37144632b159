"""The shift test of chapter 07, driven without a browser."""

import numpy as np
import pytest

from dlkit.data import moved
from dlkit.models.convolution import Conv2d, Flatten
from dlkit.models.dense import Linear, Sequential, mlp, softmax
from dlkit.widgets.ch02_digit import trained
from dlkit.widgets.ch07_net import small_lenet
from dlkit.widgets.ch07_shift import FAR, MOVES, ShiftTest, read, unlabelled
from dlkit.widgets.drawn import mnist
from dlkit.widgets.explorer import Key, Pointer
from tests.widgets.words import expect_words_apart_where_it_is_moved

MOVED = "right", "down"  # the axes


@pytest.fixture
def shift():
    explorer = ShiftTest()
    explorer.pad.load(mnist().x_test[0])
    return explorer


def words(explorer):
    explorer._prepare()
    assert not explorer.message
    return explorer.description


def test_the_scores_are_the_nets_own(shift):
    shift.set(right=3, down=-2)
    picture = moved(mnist().x_test[0].reshape(28, 28), 3, -2)
    np.testing.assert_allclose(shift.data.pixels, picture, atol=1 / 255)
    x = shift.data.pixels[None]
    scores = shift.data.scores
    np.testing.assert_allclose(scores[0], softmax(trained()(x.reshape(1, -1)))[0], atol=1e-4)
    np.testing.assert_allclose(scores[1], softmax(small_lenet()(x[:, None]))[0], atol=1e-4)
    np.testing.assert_allclose(scores[2], read(x)[0], atol=1e-4)
    assert scores[2].max() == 1


def test_the_curves_pass_through_the_present_place(shift):
    for right, down in [(0, 0), (2, -1), (-FAR, FAR)]:
        shift.set(right=right, down=down)
        data = shift.data
        for axis, at in (("right", right), ("down", down)):
            here = data.along[axis][:, np.flatnonzero(at == MOVES)[0]]
            own = data.scores[np.arange(3), data.home]
            np.testing.assert_allclose(here, own / data.scores.max(axis=1))
    shift.set(right=0, down=0)
    assert (shift.data.says == shift.data.home).all()
    assert (shift.data.along["right"][:, FAR] == 1).all()


def test_a_neocognitron_reads_without_having_seen_a_label():
    """The stored net read 71 % of the test digits where it was made; chance reads a tenth."""
    split = mnist()
    scores = read(split.x_test[:200].reshape(-1, 28, 28))
    assert (scores.argmax(axis=1) == split.y_test[:200]).mean() > 0.6
    net, names = unlabelled()
    assert names.shape == net.modules[-1].s.b.shape
    assert set(names) - {-1} == set(range(10))


def test_moving_costs_the_dense_net_most():
    """By 4 pixels, over 100 digits and two directions: what is left of what each read at first."""
    split, shift = mnist(), ShiftTest()
    left = np.zeros(3)
    first = np.zeros(3)
    pictures = split.x_test[:100].reshape(-1, 28, 28)
    for place in [(0, 0), (4, 0), (0, 4)]:
        here = moved(pictures, *place)
        answers = (
            shift.dense(here.reshape(100, -1)),
            shift.conv(here[:, None]),
            read(here),
        )
        right = np.array([(a.argmax(axis=1) == split.y_test[:100]).mean() for a in answers])
        if place == (0, 0):
            first = right
        else:
            left += right / first / 2
    dense, conv, neocognitron = left
    assert dense < conv < neocognitron


def test_the_digit_is_moved_by_keys_charts_and_button(shift):
    shift.on_key(Key("ArrowRight"))
    shift.on_key(Key("ArrowUp"))
    assert (shift.data.right, shift.data.down) == (1, -1)
    shift.on_pointer(Pointer("down", shift.charts["down"], 4.3, 0.5, pressed=True))
    assert shift.data.down == 4
    shift.on_pointer(Pointer("move", shift.charts["right"], -7.6, 0.5))  # only passing by
    assert shift.data.right == 1
    shift.set(right=FAR)
    shift.on_key(Key("ArrowRight"))
    assert shift.data.right == FAR
    shift.actions()["Back to the middle"]()
    assert (shift.data.right, shift.data.down) == (0, 0)


def test_every_control_to_both_ends_and_back(shift):
    shift.reset()
    first = words(shift)
    shift.show_digit()
    for name, values in {
        "right": (-FAR, FAR),
        "down": (-FAR, FAR),
        "example": ("any", "7"),
    }.items():
        for value in values:
            shift.set(**{name: value})
            words(shift)
            assert np.isfinite(shift.data.scores).all()
    shift.reset()
    assert words(shift) == first


def test_an_empty_pad_says_so(shift):
    shift.pad.clear()
    assert "No ink is on the picture" in words(shift)
    assert (shift.data.home == -1).all()
    assert not shift.data.along["right"].any()


def test_a_net_without_a_first_answer_has_no_curve(shift):
    def drawn(shift):
        return np.array(
            [[np.isfinite(line.get_ydata()).all() for line in shift.lines[axis]] for axis in MOVED]
        )

    words(shift)
    assert drawn(shift).all()
    shift.pad.clear()
    words(shift)
    assert not drawn(shift).any()
    grid = np.zeros((28, 28))
    grid[::2, ::2] = 1
    shift.pad.load(grid)
    words(shift)
    assert shift.data.home[2] == -1  # the Neocognitron knows no such thing
    assert (drawn(shift) == [True, True, False]).all()


def test_ink_that_has_left_the_paper_is_not_read():
    corner = np.zeros((28, 28))
    corner[:3, :3] = 1
    shift = ShiftTest()
    shift.pad.load(corner)
    shift.set(right=-FAR)
    assert "No ink is on the picture" in words(shift)
    assert (shift.data.says == -1).all()


def test_your_own_nets_are_asked(rng):
    dense = mlp((784, 10), rng=rng)
    conv = Sequential(Conv2d(1, 2, 5, stride=4, rng=rng), Flatten(), Linear(72, 10, rng=rng))
    shift = ShiftTest(dense, conv)
    shift.pad.load(mnist().x_test[1])
    x = shift.data.pixels
    np.testing.assert_allclose(shift.data.scores[0], softmax(dense(x.reshape(1, -1)))[0], atol=1e-5)
    np.testing.assert_allclose(shift.data.scores[1], softmax(conv(x[None, None]))[0], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dense": mlp((784, 3), rng=np.random.default_rng(0))}, "dense must have 10 classes"),
        ({"dense": "a net"}, "model must be a Sequential"),
        ({"conv": mlp((784, 10), rng=np.random.default_rng(0))}, "begins with a Conv2d"),
        ({"right": 99}, "right cannot be 99"),
        ({"up": 1}, "no control 'up'"),
    ],
)
def test_nonsense_at_the_start_gets_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        ShiftTest(**options)


@pytest.mark.parametrize("values", [{"right": FAR + 1}, {"down": 0.5}, {"drawing": b""}])
def test_nonsense_changes_nothing(shift, values):
    before = shift.values
    with pytest.raises(ValueError):
        shift.set(**values)
    assert shift.values == before


def test_the_words_hold_the_numbers(shift):
    shift.set(right=2, down=1)
    data, said = shift.data, words(shift)
    assert "moved right by 2 and down by 1 pixels" in said
    for number in (0, 1):
        assert f"says {data.says[number]} with {100 * data.scores[number].max():.0f} % here" in said
    for number in range(3):
        stays = [int((data.along[axis][number] == 1).sum()) for axis in ("right", "down")]
        assert f"stays at {stays[0]} of 17 places sideways and at {stays[1]} up and down" in said


def test_no_words_lie_on_others(shift):
    expect_words_apart_where_it_is_moved(shift)
    expect_words_apart_where_it_is_moved(ShiftTest())  # its pad is empty
