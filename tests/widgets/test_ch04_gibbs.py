"""Gibbs chains of an RBM of digits, driven without a browser."""

import asyncio
import math
import runpy
from pathlib import Path

import ipywidgets
import numpy as np
import pytest

from dlkit.data import mnist
from dlkit.models.rbm import RBM, GaussianRBM
from dlkit.widgets.ch04_gibbs import (
    CHAINS,
    POINTS,
    ROW,
    SMALL,
    STARTS,
    VIEWS,
    GibbsChain,
    corner,
    some_digits,
)
from dlkit.widgets.ch04_machine import digit_machine, ink_of, named, read, usual
from dlkit.widgets.drawing_pad import BLANK, to_bytes
from dlkit.widgets.explorer import Key, Pointer
from tests.widgets.words import expect_words_apart

ONE = [[(0.5, 0.1, 0), (0.5, 0.9, 300)]]
DIGITS, NOISE = slice(ROW), slice(ROW, None)


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


@pytest.fixture
def chains():
    return GibbsChain()


@pytest.fixture
def small(rng):
    """A machine that has learned nothing, with a number of hidden units that is no square."""
    return RBM(784, 30, rng=rng)


# ---------------------------------------------------------------------------- the machine


def test_the_machine_that_ships_is_one_of_digits():
    rbm = digit_machine()
    assert rbm.weight.shape == (256, 784)
    assert rbm.weight.dtype == np.float32
    ink = ink_of(mnist().x_test)
    noise = np.random.default_rng(0).random((1000, 784)) < 0.5
    shifted = np.roll(ink.reshape(-1, 28, 28), 5, axis=1).reshape(-1, 784)
    digits = np.median(rbm.free_energy(ink))
    assert digits < np.median(rbm.free_energy(shifted)) - 30
    assert digits < rbm.free_energy(noise).min() - 1000
    low, high = usual(rbm)
    assert low < digits < high


def test_its_fantasies_are_digits():
    """From noise, three seeds; of ten, 98 to 100 % were read, as 9 or 10 different digits."""
    for seed in range(3):
        rng, rbm = np.random.default_rng(seed), digit_machine()
        v = rbm.gibbs(rng.random((50, 784)) < 0.5, rng, steps=1000)
        found = read(rbm.reconstruct(v))
        assert (found >= 0).mean() > 0.9
        assert len(set(found[found >= 0].tolist())) >= 6


def test_the_script_that_trained_the_machine_still_trains_one():
    path = Path(__file__).parents[2] / "tools/reproduce/ch04_rbm.py"
    script = runpy.run_path(str(path))
    x = mnist().x_train[:300]
    rbm = script["trained"](x, passes=40)
    assert rbm.weight.shape == (256, 784)
    noise = np.random.default_rng(0).random(x.shape) < x.mean(axis=0)  # each pixel on its own
    assert rbm.free_energy(ink_of(x)).mean() < rbm.free_energy(noise).mean() - 20


def test_what_the_net_reads_is_mostly_right():
    split = mnist()
    found = read(ink_of(split.x_test))
    assert (found == split.y_test).mean() > 0.9
    assert read(np.full((2, 784), 0.5)).shape == (2,)
    assert [named(7), named(-1)] == ["7", "?"]


# ---------------------------------------------------------------------------- every control


def test_every_control_goes_to_both_ends_and_says_what_it_shows(chains):
    start, first = chains.values, chains.description
    for control in chains.inputs.values():
        slider = isinstance(control, ipywidgets.IntSlider)
        for value in (control.min, control.max) if slider else control.options:
            control.value = value
            if value == STARTS[3]:
                assert "The pad is empty" in chains.message
            else:
                assert chains.message == ""
            assert "nan" not in chains.description
            assert len(np.unique(pixels(chains))) > 3
            chains.advance(2)
        chains.reset()
        assert chains.message == ""
    assert chains.values == start
    assert chains.description == first


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, "much", None, 0, CHAINS + 1, 2.5])
def test_a_value_that_makes_no_sense_changes_nothing(chains, nonsense):
    chains.advance(3)
    before, words = chains.values, chains.description
    with pytest.raises(ValueError, match="chain"):
        chains.set(chain=nonsense)
    with pytest.raises(ValueError, match="start"):
        chains.set(start=nonsense)
    with pytest.raises(ValueError, match="drawing must be 784 bytes"):
        chains.set(drawing=nonsense)
    with pytest.raises(ValueError, match="no control 'colour'"):
        chains.set(colour="red")
    assert (chains.values, chains.description, chains.time) == (before, words, 3)


def test_nothing_of_the_widget_is_shadowed(chains):
    own = {name for name in vars(chains) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"


def test_it_is_legible_in_the_dark(chains):
    light = pixels(chains)
    chains.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(chains)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200


def test_words_do_not_overlap_and_stay_inside(chains):
    """Boxes of all labels, in the state with the longest ones."""
    chains.set(chain=20)
    chains.advance(1200)
    expect_words_apart(chains)


def test_saved_notebook_shows_a_picture_and_words(chains):
    bundle = chains._repr_mimebundle_()
    bundle = bundle[0] if isinstance(bundle, tuple) else bundle
    assert len(bundle["image/png"]) > 1000
    assert bundle["text/plain"] == chains.description


# ---------------------------------------------------------------------------- what it shows


def test_a_step_is_that_of_the_machine(chains):
    before, rng = chains.data.now, np.random.default_rng(5)
    chains._rng = np.random.default_rng(5)
    chains.advance()
    data, rbm = chains.data, digit_machine()
    hidden = rbm.sample_hidden(before, rng)
    np.testing.assert_array_equal(data.before, before)
    np.testing.assert_array_equal(data.hidden, hidden)
    np.testing.assert_array_equal(data.now, rbm.sample_visible(hidden, rng))
    np.testing.assert_allclose(data.ink, rbm.visible_probabilities(hidden), rtol=1e-5)
    np.testing.assert_allclose(data.energy, rbm.free_energy(data.now), rtol=1e-5)
    chains._rng, again = np.random.default_rng(7), GibbsChain()
    again._rng = np.random.default_rng(7)
    again._now["now"] = data.now
    chains.advance(4)
    again.advance(4)
    np.testing.assert_array_equal(chains.data.now, again.data.now)


def test_chains_from_digits_stay_lower_than_chains_from_noise():
    """Three seeds; of ten, the means after 30 steps were 41 to 70 nats apart, and 60 to
    100 % of the chains from digits were where nine of ten test digits lie.
    """
    for seed in range(3):
        chains = GibbsChain()
        chains._rng = np.random.default_rng(seed)
        chains.restart()
        assert chains.data.kinds == ("digits",) * ROW + ("noise",) * ROW
        assert chains.data.energy[NOISE].min() > chains.data.energy[DIGITS].max() + 1000
        chains.advance(30)
        energy = chains.data.energy
        assert energy[DIGITS].mean() < energy[NOISE].mean() - 15
        low, high = chains.data.usual
        inside = (low <= energy[DIGITS]) & (energy[DIGITS] <= high)
        assert inside.mean() >= 0.3


def test_free_energies_of_the_past_are_kept(chains):
    first = chains.data.energy
    seen = [first]
    for _ in range(5):
        chains.advance()
        seen.append(chains.data.energy)
    assert chains.data.past.steps.tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(chains.data.past.energies, seen, rtol=1e-6)
    chains.advance(1000)
    past = chains.data.past
    assert len(past.steps) <= POINTS + 1
    assert past.steps[0] == 0
    assert (np.diff(past.steps)[1:] == 3).all()
    curve = chains.curves("7")["A"]
    np.testing.assert_allclose(past.energies[1:, 7], curve[past.steps[1:] - 1])


def test_rewound_chains_have_another_future(chains):
    chains.advance(10)
    ends = chains.data.now
    chains.rewind(4)
    assert chains.data.step == 4
    assert len(chains.data.others) == 1  # what was to come stays in sight
    chains.advance(6)
    assert not np.array_equal(chains.data.now, ends)
    assert set(chains.curves("0")) == {"A", "B"}
    a, b = chains.curves("0").values()
    np.testing.assert_array_equal(a[:4], b[:4])
    assert not np.array_equal(a[4:], b[4:])


def test_digits_start_one_of_each(chains):
    rng = np.random.default_rng(0)
    split = mnist()
    rows = {row.tobytes(): label for row, label in zip(split.x_test, split.y_test, strict=True)}
    labels = [int(rows[row.tobytes()]) for row in some_digits(CHAINS, rng)]
    assert labels == [*range(10), *range(10)]
    chains.set(start="digits")
    assert set(chains.data.kinds) == {"digits"}
    assert not chains.data.changed.any()
    chains.advance(300)
    known = chains.data.began_as_digits.sum()
    kept = known - chains.data.changed.sum()
    assert f"{kept} of {known} still show the digit that they began with" in chains.description


def test_a_drawing_starts_all_chains_and_clearing_it_returns(chains):
    chains.pad.strokes = ONE
    assert chains.values["start"] == "my drawing"
    assert set(chains.data.kinds) == {"your drawing"}
    drawn = ink_of(chains.pad.pixels).ravel()
    assert (chains.data.now == drawn).all()
    chains.advance(20)
    assert len(np.unique(chains.data.now, axis=0)) == CHAINS  # each goes its own way
    assert "20 chains from your drawing" in chains.description
    chains.pad.clear()
    assert chains.values["start"] == STARTS[0]
    assert chains.values["drawing"] == BLANK


def test_a_test_digit_is_put_on_the_pad(chains):
    chains.show_digit()
    assert to_bytes(chains.pad.pixels) in {to_bytes(picture) for picture in mnist().x_test}
    assert chains.data.kinds[0] == "your drawing"


def test_start_again_takes_other_digits_and_reset_the_first(chains):
    first = chains.data.now
    chains.restart()
    assert not np.array_equal(chains.data.now, first)
    chains.pad.strokes = ONE
    chains.advance(3)
    chains.reset()
    np.testing.assert_array_equal(chains.data.now, first)
    assert chains.time == 0
    assert chains.pad.is_empty


@pytest.mark.parametrize("view", VIEWS)
def test_views_differ(chains, view):
    chains.advance(5)
    other = VIEWS[(VIEWS.index(view) + 1) % 3]
    chains.set(view=view)
    here = pixels(chains)
    chains.set(view=other)
    assert not np.array_equal(pixels(chains), here)


def test_numbers_are_said_and_written(chains):
    chains.set(chain=13)
    chains.advance(12)
    energy, on = chains.data.energy[12], int(chains.data.hidden[12].sum())
    words = f"Chain 13, from noise: free energy −{-energy:.0f} nats, {on} of 256 hidden units on"
    assert words in chains.description
    assert "After 12 steps" in chains.description
    assert f"F(v) = −{-energy:.0f} nats" in chains.labels.texts
    assert f"256 units h: {on} on" in chains.labels.texts


# ---------------------------------------------------------------------------- one of your own


def test_the_learner_s_own_machine(small):
    chains = GibbsChain(small, start="noise", chain=20)
    chains.advance(5)
    assert chains.data.hidden.shape == (CHAINS, 30)
    assert "of 30 hidden units on" in chains.description
    assert len(np.unique(pixels(chains))) > 3
    words = chains.description
    small.weight += 1  # it goes on learning: the explorer has its own copy
    chains.refresh()
    assert chains.description == words


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda rng: RBM(16, 4, rng=rng), "must have 784 visible units, one a pixel, got 16"),
        (lambda rng: GaussianRBM(784, 4, rng=rng), "must be an RBM of dlkit with binary units"),
        (lambda rng: np.zeros((784, 4)), "must be an RBM of dlkit with binary units"),
    ],
)
def test_what_is_no_machine_of_digits_is_refused(rng, make, message):
    with pytest.raises(ValueError, match=message):
        GibbsChain(make(rng))


# ---------------------------------------------------------------------------- pointer, keys, time


def test_a_chain_is_chosen_by_pointer_and_keys(chains):
    left, low = corner(13)
    inside = Pointer("down", chains.sheet, left + SMALL / 2, low + SMALL / 2, pressed=True)
    chains.on_pointer(inside)
    assert chains.values["chain"] == 14
    chains.on_pointer(Pointer("down", chains.sheet, 0.01, 0.01, pressed=True))
    chains.on_pointer(Pointer("down", chains.chart, 10, -300, pressed=True))
    assert chains.values["chain"] == 14
    for key, chain in (("ArrowRight", 15), ("ArrowUp", 5), ("ArrowDown", 15), ("ArrowLeft", 14)):
        chains.on_key(Key(key))
        assert chains.values["chain"] == chain
    chains.set(chain=20)
    chains.on_key(Key("ArrowRight"))
    assert chains.values["chain"] == 1


def test_it_runs_on_an_event_loop_and_a_drawing_does_not_stop_it():
    async def play():
        chains = GibbsChain()
        chains._pace.value = "fast"
        chains.run()
        await asyncio.sleep(0.2)
        ran = chains.time
        chains.pad.strokes = ONE
        assert chains.running
        await asyncio.sleep(0.2)
        chains.pause()
        return ran, chains

    ran, chains = asyncio.run(play())
    assert ran > 3
    assert chains.time > 3
    assert chains.data.kinds[0] == "your drawing"
    assert not chains.running


def test_it_stops_at_the_last_step(chains):
    chains.most_steps = 5
    chains.advance(9)
    assert chains.time == 5
    assert "Stopped after 5 steps" in chains.message
