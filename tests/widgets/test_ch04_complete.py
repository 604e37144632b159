"""Half a digit completed by an RBM, driven without a browser."""

import asyncio
import math

import ipywidgets
import numpy as np
import pytest

from dlkit.data import mnist
from dlkit.models.rbm import RBM
from dlkit.widgets.ch04_complete import (
    BLOCKS,
    HALVES,
    LARGE,
    LARGE_LEFT,
    LARGE_LOW,
    MACHINES,
    PAINTED,
    VIEWS,
    WAIT,
    CompleteMyDigit,
    border_of,
    check_blocks,
    fill_in,
    mask,
    share_of,
)
from dlkit.widgets.ch04_machine import digit_machine, ink_of, read
from dlkit.widgets.drawing_pad import BLANK, from_bytes, to_bytes
from dlkit.widgets.explorer import Key, Pointer
from tests.widgets.words import expect_words_apart

SEVEN = [[(0.25, 0.2), (0.72, 0.2), (0.55, 0.55), (0.45, 0.85)]]


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def place(row, column):
    """The middle of a pixel in the picture of what is given, in inches."""
    return LARGE_LEFT[0] + (column + 0.5) * LARGE / 28, LARGE_LOW + LARGE - (row + 0.5) * LARGE / 28


@pytest.fixture
def empty():
    return CompleteMyDigit()


@pytest.fixture
def seven(empty):
    empty.pad.strokes = SEVEN
    return empty


# ---------------------------------------------------------------------------- every control


def test_every_control_goes_to_both_ends_and_says_what_it_shows(empty):
    start, first = empty.values, empty.description
    for control in empty.inputs.values():
        for value in control.options:
            empty.pad.strokes = SEVEN
            control.value = value
            empty.advance(WAIT + 2)
            assert empty.message == ""
            assert len(empty.description) > 100
            assert "nan" not in empty.description
            assert len(np.unique(pixels(empty))) > 3
        empty.reset()
    assert empty.values == start
    assert empty.description == first


@pytest.mark.parametrize("nonsense", [math.nan, "much", None, 3, [], ()])
def test_a_value_that_makes_no_sense_changes_nothing(seven, nonsense):
    seven.advance(3)
    before, words = seven.values, seven.description
    for name, message in (("given", "given"), ("view", "view"), ("drawing", "784 bytes")):
        with pytest.raises(ValueError, match=message):
            seven.set(**{name: nonsense})
    with pytest.raises(ValueError, match="blocks must be 196 times True or False"):
        seven.set(blocks=nonsense)
    with pytest.raises(ValueError, match="no control 'colour'"):
        seven.set(colour="red")
    assert (seven.values, seven.description, seven.time) == (before, words, 3)


def test_nothing_of_the_widget_is_shadowed(empty):
    own = {name for name in vars(empty) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"


def test_it_is_legible_in_the_dark(seven):
    seven.advance(30)
    light = pixels(seven)
    seven.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(seven)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200


@pytest.mark.parametrize("steps", [0, 5, 1500])
def test_words_do_not_overlap_and_stay_inside(empty, steps):
    empty.show_digit()
    empty.set(given="the right half")
    empty.advance(steps)
    expect_words_apart(empty)


def test_saved_notebook_shows_a_picture_and_words(seven):
    bundle = seven._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(bundle["image/png"]) > 1000
    assert bundle["text/plain"] == seven.description


# ---------------------------------------------------------------------------- filling in


def test_held_pixels_never_change_and_the_others_do(rng):
    v, held = rng.random((5, 784)) < 0.5, rng.random(784) < 0.3
    began = v
    for _ in range(20):
        v, p = fill_in(digit_machine(), v, held, rng)
        np.testing.assert_array_equal(v[:, held], began[:, held])
        np.testing.assert_array_equal(p[:, held], began[:, held])
    assert v.dtype == bool
    assert ((p >= 0) & (p <= 1)).all()
    assert (v[:, ~held] != began[:, ~held]).any(axis=0).mean() > 0.9


def test_filling_in_samples_the_conditional_exactly(rng):
    """Beside enumeration, on a machine of 4 × 3 units: P(others | held)."""
    rbm = RBM(4, 3, rng=rng, std=1.5, dtype=np.float64)
    held = np.array([True, False, True, False])
    states = np.array([[1, a, 0, b] for a in (0, 1) for b in (0, 1)], float)
    exact = np.exp(-rbm.free_energy(states))
    exact /= exact.sum()
    v = np.tile([True, False, False, False], (20_000, 1))
    for _ in range(30):
        v, _ = fill_in(rbm, v, held, rng)
    found = np.bincount(2 * v[:, 1] + v[:, 3], minlength=4) / len(v)
    np.testing.assert_allclose(found, exact, atol=0.02)  # 5 standard errors are 0.018


@pytest.mark.parametrize("given", HALVES)
def test_given_pixels_stay_as_they_were_drawn(seven, given):
    seven.set(given=given)
    ink, held = ink_of(seven.pad.pixels).ravel(), HALVES[given]
    assert held.sum() == 392
    for _ in range(30):
        seven.advance()
        for picture in (*seven.data.now, *seven._now["v"]):
            np.testing.assert_array_equal(picture[held], ink[held])
    np.testing.assert_array_equal(seven.data.average[:, held], np.tile(ink[held], (MACHINES, 1)))


def test_half_a_digit_is_completed_to_that_digit():
    """200 test digits, the upper half given, three seeds.

    Of ten seeds the net read 73 to 78 % of the completions as what the whole digit is. It reads
    39 % so where the lower half is white paper, 27 to 34 % where it is noise, and 93 % of the
    whole digits.
    """
    split, held = mnist(), HALVES["the upper half"]
    ink, labels = ink_of(split.x_test[:200]), split.y_test[:200]
    for seed in range(3):
        rng = np.random.default_rng(seed)
        v = np.where(held, ink, rng.random(ink.shape) < 0.5)
        blank, noise = (read(x) == labels for x in (np.where(held, ink, False), v))
        for _ in range(200):
            v, p = fill_in(digit_machine(), v, held, rng)
        right = (read(p) == labels).mean()
        assert right > 0.65
        assert right > max(blank.mean(), noise.mean()) + 0.2


def test_averages_begin_after_the_wait_and_are_averages(seven):
    seven.advance(WAIT)
    assert seven.data.average is None
    assert f"Averages begin after {WAIT} steps" in seven.description
    shown = []
    for _ in range(6):
        seven.advance()
        shown.append(seven.data.now)
    assert seven.data.counted == 6
    np.testing.assert_allclose(seven.data.average, np.mean(shown, axis=0), atol=1e-6)
    assert seven.data.votes.sum() == 6 * MACHINES
    votes = np.bincount(np.concatenate([read(p) for p in shown]) % 11, minlength=11)
    np.testing.assert_array_equal(seven.data.votes, votes)


def test_a_change_of_what_is_given_begins_a_new_average_and_goes_on_from_there(seven):
    seven.advance(40)
    before = seven._now["v"]
    seven.set(given="the left half")
    assert seven.data.counted == 0
    assert seven.data.age == 0
    seven.advance()
    held = HALVES["the left half"]
    assert (seven._now["v"][:, ~held] == before[:, ~held]).mean() > 0.9  # not from noise again
    assert seven.data.age == 1
    seven.advance(WAIT)
    assert seven.data.counted == 1
    seven.rewind(40)  # then the upper half was given, and it is not now
    assert seven.data.counted == 0
    seven.set(given="the upper half")
    assert seven.data.counted == 20


def test_numbers_of_the_description(empty):
    empty.show_digit()
    assert "noise there as yet: press Run" in empty.description
    empty.advance(WAIT + 100)
    data = empty.data
    ink = ink_of(empty.pad.pixels).ravel()
    held = HALVES["the upper half"]
    assert data.hidden_ink == (ink & ~held).sum() > 0
    wrong = np.abs(data.average - ink)[:, ~held].sum(axis=1).mean()
    assert data.wrong == pytest.approx(wrong)
    said = f"a sample differs from your drawing in {wrong:.0f}; blank paper would in"
    assert said in empty.description
    assert f"Given are 392 of 784 pixels, the upper half, with {(ink & held).sum()} of ink" in (
        empty.description
    )
    assert "Of the 800 samples of the last 100 steps" in empty.description
    best = int(data.votes[:10].argmax())
    assert f"reads {best} in {share_of(data.votes[best], 800)}" in empty.description
    assert empty.bars.chosen == best


def test_half_a_drawing_has_nothing_to_compare_with(empty):
    empty.pad.strokes = [[(0.25, 0.2), (0.72, 0.2), (0.6, 0.4)]]
    empty.advance(30)
    assert empty.data.hidden_ink == 0
    assert "differs" not in empty.description
    empty.pad.strokes = [[(0.25, 0.2), (0.72, 0.2), (0.6, 0.5)]]  # slipped a little too far
    empty.advance(30)
    assert 0 < empty.data.hidden_ink < 10
    assert "differs" not in empty.description
    assert not any("whole" in text for text in empty.labels.texts)


def test_drawings_stay_where_they_are_drawn_and_the_rest_is_veiled(empty):
    empty.pad.strokes = [[(0.5, 0.2), (0.5, 0.3)]]
    rows, columns = np.nonzero(from_bytes(empty.values["drawing"]))
    assert 4 <= rows.min() <= rows.max() <= 10
    assert 12 <= columns.min() <= columns.max() <= 15
    veiled = from_bytes(empty.pad.veil) > 0
    assert not veiled[:14].any()
    assert veiled[14:].all()
    empty.set(given="the right half")
    assert from_bytes(empty.pad.veil)[:, :14].all()


def test_an_empty_pad_gets_a_sentence(empty):
    assert "The pad is empty" in empty.description
    assert any("The pad is empty" in text for text in empty.labels.texts)
    empty.advance()
    assert empty.time == 0
    assert "The pad is empty: draw half a digit" in empty.message
    empty.show_digit()
    assert empty.message == ""
    assert to_bytes(empty.pad.pixels) in {to_bytes(picture) for picture in mnist().x_test}


def test_reset_and_start_again(seven):
    start = seven._start
    seven.advance(30)
    far = seven._now["v"]
    seven.restart()
    assert seven.time == 0
    assert not np.array_equal(seven._now["v"], far)
    assert not seven.pad.is_empty
    seven.on_key(Key(" "))
    seven.reset()
    assert seven.pad.is_empty
    assert seven.values == start
    assert not seven.cursor.get_visible()


@pytest.mark.parametrize("view", VIEWS)
def test_views(seven, view):
    seven.set(view=view)
    seven.advance(10)
    only_two = len(np.unique(seven.data.now)) == 2
    assert only_two == (view == VIEWS[1])


def test_the_learner_s_own_machine(rng):
    own = RBM(784, 20, rng=rng)
    mine = CompleteMyDigit(own, given="the left half")
    mine.pad.strokes = SEVEN
    mine.advance(30)
    assert "Given are 392 of 784 pixels, the left half," in mine.description
    with pytest.raises(ValueError, match="must have 784 visible units"):
        CompleteMyDigit(RBM(10, 2, rng=rng))


# ---------------------------------------------------------------------------- what is given


def test_what_is_given_is_painted_by_the_pointer(seven):
    for kind, spot in (("down", (20, 4)), ("move", (20, 12)), ("move", (24, 12)), ("up", (24, 12))):
        seven.on_pointer(Pointer(kind, seven.sheet, *place(*spot), pressed=kind != "up"))
    assert seven.values["given"] == PAINTED
    given = seven.data.given.reshape(28, 28)
    assert given[:14].all()  # the half that was given when painting began
    assert given[20:22, 4:14].all()  # no gap in the stroke
    assert given[20:26, 12].all()
    assert given[14:].sum() == 4 * 12 + 4 * 4
    seven.on_pointer(Pointer("move", seven.sheet, *place(2, 2)))  # not pressed: nothing
    assert seven.data.given.reshape(28, 28)[:14].all()
    seven.on_pointer(Pointer("down", seven.sheet, *place(21, 8), pressed=True))
    assert not seven.data.given.reshape(28, 28)[21, 8]  # given: taken away
    before = seven.values
    seven.on_pointer(Pointer("down", seven.sheet, 6.5, 0.5, pressed=True))
    seven.on_pointer(Pointer("move", seven.sheet, *place(5, 5), pressed=True))
    assert seven.values == before  # began outside the picture of what is given


def test_what_is_given_is_painted_by_keys(seven):
    seven.on_key(Key("ArrowDown"))  # the brush appears in the middle
    assert seven.cursor.get_visible()
    assert seven.values["given"] == "the upper half"
    for key in ("ArrowDown", "ArrowDown", " "):
        seven.on_key(Key(key))
    given = seven.data.given.reshape(28, 28)
    assert given[16:20, 12:16].all()
    assert given.sum() == 392 + 16
    seven.on_key(Key(" "))
    assert seven.data.given.sum() == 392
    for _ in range(9):
        seven.on_key(Key("ArrowLeft", shift=True))
        seven.on_key(Key("ArrowUp", shift=True))
    seven.on_key(Key(" "))
    assert not seven.data.given.reshape(28, 28)[:4, :4].any()
    assert seven.data.given.sum() == 392 - 16


@pytest.mark.parametrize("given", [True, False])
def test_all_and_nothing_can_be_given(seven, given):
    seven.set(given=PAINTED, blocks=(given,) * BLOCKS**2)
    seven.advance(WAIT + 5)
    assert f"Given are {784 * given} of 784 pixels" in seven.description
    assert "nan" not in seven.description
    assert len(np.unique(pixels(seven))) > 3


def test_blocks_and_borders():
    np.testing.assert_array_equal(mask("the left half", (True,)), HALVES["the left half"])
    blocks = np.zeros((BLOCKS, BLOCKS), bool)
    blocks[0, 1] = True
    given = mask(PAINTED, tuple(blocks.ravel().tolist())).reshape(28, 28)
    assert given[:2, 2:4].all()
    assert given.sum() == 4
    lines = border_of(given.ravel())
    assert len(lines) == 6  # two pixels on each of three sides; the fourth is the picture's edge
    assert lines[..., 0].min() == 2
    assert lines[..., 0].max() == 4
    assert lines[..., 1].min() == 26
    assert np.abs(np.diff(lines, axis=1)).sum(axis=2).tolist() == [[1.0]] * 6
    assert len(border_of(HALVES["the upper half"])) == 28
    assert set(border_of(HALVES["the upper half"])[..., 1].ravel()) == {14}
    assert not len(border_of(np.ones(784, bool)))
    with pytest.raises(ValueError, match="blocks must be"):
        check_blocks((True,) * 195)


def test_shares_are_said_in_per_cent():
    said = [share_of(votes, 1000) for votes in (1, 9, 10, 500, 1000)]
    assert said == ["under 1 %", "under 1 %", "1 %", "50 %", "100 %"]


# ---------------------------------------------------------------------------- time


def test_it_runs_on_an_event_loop_and_follows_the_pen():
    async def play():
        complete = CompleteMyDigit()
        complete._pace.value = "fast"
        complete.pad.strokes = SEVEN[:1]
        complete.run()
        await asyncio.sleep(0.2)
        ran = complete.time
        complete.pad.strokes = [*SEVEN, [(0.3, 0.5), (0.7, 0.5)]]
        await asyncio.sleep(0.2)
        went_on = complete.running
        complete.pad.clear()
        await asyncio.sleep(0.1)
        return ran, went_on, complete

    ran, went_on, complete = asyncio.run(play())
    assert ran > 3
    assert went_on
    assert complete.time > ran
    assert not complete.running  # nothing is left to complete
    assert "The pad is empty" in complete.message
    assert complete.values["drawing"] == BLANK
