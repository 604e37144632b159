"""The memory that falls down its energy, driven without a browser."""

import ipywidgets
import numpy as np
import pytest

from dlkit.models.hopfield import Hopfield, overlap
from dlkit.widgets.ch08_hopfield import (
    BATCH,
    DAMAGES,
    FIRST,
    KINDS,
    MOST,
    OWN,
    ROW_LOW,
    RULES,
    STARTS,
    STEP,
    UNITS,
    HopfieldMemory,
    digits,
    random_patterns,
)
from dlkit.widgets.drawing_pad import BLANK
from dlkit.widgets.explorer import Key, Pointer
from tests.widgets.words import expect_words_apart

ONE = [[(0.5, 0.1, 0), (0.5, 0.9, 300)]]


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


@pytest.fixture
def explorer():
    return HopfieldMemory()


def test_every_control_goes_to_both_ends_and_says_what_it_shows(explorer):
    start, first = explorer.values, explorer.description
    for control in explorer.inputs.values():
        ends = getattr(control, "options", None) or (control.min, control.max)
        for value in ends:
            control.value = value
            if value == STARTS[1]:
                assert "The pad is empty" in explorer.message
            else:
                assert explorer.message == ""
            assert "nan" not in explorer.description
            assert len(np.unique(pixels(explorer))) > 3
            explorer.advance(2)
        explorer.reset()
        assert explorer.message == ""
    assert explorer.values == start
    pixels(explorer)
    assert explorer.description == first


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), "much", None, -1, 9.7])
def test_a_value_that_makes_no_sense_changes_nothing(explorer, nonsense):
    explorer.advance(3)
    before, words = explorer.values, explorer.description
    for name in ("share", "count", "rule", "kind"):
        with pytest.raises(ValueError, match=name):
            explorer.set(**{name: nonsense})
    with pytest.raises(ValueError, match="drawing must be 784 bytes"):
        explorer.set(drawing=nonsense)
    with pytest.raises(ValueError, match="own must be a tuple"):
        explorer.set(own=nonsense)
    with pytest.raises(ValueError, match="drawing must be 784 bytes"):
        explorer.set(own=(nonsense,))
    assert (explorer.values, explorer.description, explorer.time) == (before, words, 3)


def test_nothing_of_the_widget_is_shadowed(explorer):
    own = {name for name in vars(explorer) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"


def test_a_step_is_that_of_the_machine(explorer):
    explorer._rng = np.random.default_rng(5)
    explorer.restart()
    data, rng = explorer.data, np.random.default_rng(5)
    net = Hopfield(UNITS)
    net.store(digits()[:2])
    turned = rng.random((1, UNITS)).argsort(axis=1)[:, : UNITS // 4]
    np.testing.assert_array_equal(np.flatnonzero(data.cue != digits()[0]), np.sort(turned[0]))
    explorer.advance()
    expected = net.update(data.cue, rng.permutation(UNITS)[:BATCH])
    np.testing.assert_array_equal(explorer.data.now, expected[0])
    assert explorer.data.path[-1] == pytest.approx(net.energy(expected)[0], rel=1e-5)


@pytest.mark.parametrize("rule", RULES)
def test_the_energy_never_rises(explorer, rule):
    explorer.set(count=20, rule=rule)
    explorer.advance(100)
    path = explorer.data.path
    assert len(path) > 20
    assert (np.diff(path) <= 1e-3).all()
    assert path[-1] < path[0] - 100


def test_two_digits_are_recalled_three_are_not_and_projection_recalls_thirty(explorer):
    """As the cells' digits are: Hebb's rule takes pictures that are alike for one another."""
    for count, rule, recalled in ((2, RULES[0], True), (3, RULES[0], False), (30, RULES[1], True)):
        explorer.set(count=count, rule=rule)
        explorer.advance(300)
        assert explorer.data.resting
        assert (explorer.data.overlaps[0] > 0.99) == recalled
        words = "Memory 1 was recalled." if recalled else "Memory 1 was not recalled"
        assert words in explorer.description
        assert "At rest" in explorer.message


def test_random_patterns_are_recalled_until_there_are_too_many(explorer):
    """784 units. Of five seeds: 1.00 with 60 stored, 0.43 to 0.55 with 150."""
    for seed in range(3):
        quality = []
        for count in (60, MOST):
            explorer._rng = np.random.default_rng(seed)
            explorer.set(kind=KINDS[1], count=count, share=0.1, cue=5)
            explorer.restart()
            explorer.advance(400)
            quality.append(explorer.data.overlaps[4])
        assert quality[0] > 0.98
        assert quality[1] < 0.8


def test_half_a_digit_is_completed(explorer):
    explorer.set(rule=RULES[1], count=10, damage=DAMAGES[1], cue=4)
    assert (explorer.data.cue[UNITS // 2 :] == -1).all()
    explorer.advance(300)
    assert explorer.data.overlaps[3] > 0.99


def test_a_drawing_begins_and_is_stored(explorer):
    explorer.pad.strokes = ONE
    assert explorer.values["start"] == STARTS[1]
    assert explorer.data.aim is None
    assert "It began with your drawing" in explorer.description
    explorer.store_drawing()
    assert explorer.data.own == 1
    assert len(explorer.data.memories) == 3
    assert explorer.values["start"] == STARTS[0]
    drawn = np.where(explorer.pad.pixels.ravel() > 0.5, 1, -1)
    np.testing.assert_array_equal(explorer.data.memories[0], drawn)
    assert "and 1 of your drawings" in explorer.description
    assert "began with your drawing 1, spoiled" in explorer.description
    explorer.forget_drawings()
    assert len(explorer.data.memories) == 2
    explorer.pad.clear()
    assert explorer.values["drawing"] == BLANK


def test_what_cannot_be_stored_is_said(explorer):
    with pytest.raises(ValueError, match="The pad is empty"):
        explorer.store_drawing()
    explorer.pad.strokes = ONE
    for _ in range(OWN):
        explorer.store_drawing()
    with pytest.raises(ValueError, match="10 drawings are stored"):
        explorer.store_drawing()


def test_a_memory_is_chosen_by_pointer_and_keys(explorer):
    explorer.set(count=5)
    place = Pointer("down", explorer.sheet, FIRST + 2.2 * STEP, ROW_LOW + 0.2, pressed=True)
    explorer.on_pointer(place)
    assert explorer.values["cue"] == 3
    explorer.on_pointer(Pointer("down", explorer.chart, 10, -300, pressed=True))
    assert explorer.values["cue"] == 3
    for key, cue in (("ArrowRight", 4), ("ArrowRight", 5), ("ArrowRight", 1), ("ArrowLeft", 5)):
        explorer.on_key(Key(key))
        assert explorer.values["cue"] == cue
    before = explorer.data.cue
    explorer.on_key(Key("s"))
    assert not np.array_equal(before, explorer.data.cue)


def test_a_cue_beyond_the_memories_is_the_last(explorer):
    explorer.set(cue=MOST)
    assert explorer.data.aim == 1


def test_rewound_states_are_those_that_were(explorer):
    seen = [explorer.data.now]
    for _ in range(10):
        explorer.advance()
        seen.append(explorer.data.now)
    explorer.rewind(4)
    np.testing.assert_array_equal(explorer.data.now, seen[4])
    assert len(explorer.data.path) == 5


def test_words_do_not_overlap_and_stay_inside(explorer):
    explorer.set(kind=KINDS[1], count=MOST)
    explorer.advance(300)
    expect_words_apart(explorer)


def test_it_is_legible_in_the_dark(explorer):
    light = pixels(explorer)
    explorer.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(explorer)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200


def test_what_is_stored():
    assert digits().shape == random_patterns().shape == (MOST, UNITS)
    assert set(np.unique(digits())) == {-1, 1}
    assert abs(overlap(random_patterns()[0], random_patterns()[1])) < 0.15
    assert np.median(overlap(digits()[1:], digits()[0])) > 0.4  # digits are alike: mostly paper


def test_saved_notebook_shows_a_picture_and_words(explorer):
    bundle = explorer._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(bundle["image/png"]) > 1000
    assert bundle["text/plain"] == explorer.description
