"""The energy landscape of chapter 04, driven without a browser."""

import asyncio
import contextlib
import itertools
import math

import ipywidgets
import numpy as np
import pytest

from dlkit.widgets import ch04_energy as module
from dlkit.widgets.ch04_energy import (
    FIRST,
    LIMIT,
    MOST,
    PARAMETERS,
    STRIDE,
    UNITS,
    VALLEYS,
    ZERO,
    EnergyLandscape,
    Samples,
    cell,
    expected_distance,
    handle,
    parameter_at,
)
from dlkit.widgets.explorer import Key, Pointer
from dlkit.widgets.labels import render


@pytest.fixture
def landscape():
    return EnergyLandscape()


def pixels(explorer):
    """The picture, as the page would get it."""
    explorer._prepare()
    return explorer.frame.layers.pixels().copy()


def enumerate_by_hand(machine):
    """(Z, E, p) of all 32 states in plain Python, from the formula E = -b·v - c·h - h·W v."""
    numbers = dict(zip(PARAMETERS, machine, strict=True))
    energy = {}
    for v in itertools.product((0, 1), repeat=3):
        for h in itertools.product((0, 1), repeat=2):
            e = -sum(numbers[f"b{i + 1}"] * v[i] for i in range(3))
            e -= sum(numbers[f"c{j + 1}"] * h[j] for j in range(2))
            e -= sum(numbers[f"w{j + 1}{i + 1}"] * h[j] * v[i] for j in range(2) for i in range(3))
            energy[v, h] = e
    z = sum(math.exp(-e) for e in energy.values())
    return z, energy, {state: math.exp(-e) / z for state, e in energy.items()}


def a_machine(seed):
    """Weights and biases that a slider can show, from all over their range."""
    numbers = np.random.default_rng(seed).uniform(-6, 6, len(PARAMETERS))
    return tuple((STRIDE * (numbers / STRIDE).round()).tolist())


# ---------------------------------------------------------------------------- what it computes


@pytest.mark.parametrize("machine", [FIRST, ZERO, VALLEYS, *map(a_machine, range(4))])
def test_every_number_is_what_enumeration_by_hand_gives(machine, landscape):
    landscape.become(machine)
    z, energy, probability = enumerate_by_hand(machine)
    data = landscape.data
    assert data.log_z == pytest.approx(math.log(z))
    for row, v in enumerate(itertools.product((0, 1), repeat=3)):
        assert data.free_visible[row] == pytest.approx(
            -math.log(sum(math.exp(-e) for (u, _), e in energy.items() if u == v))
        )
        for column, h in enumerate(itertools.product((0, 1), repeat=2)):
            assert data.energy[row, column] == pytest.approx(energy[v, h], abs=1e-12)
            assert data.probability[row, column] == pytest.approx(probability[v, h])
    assert data.probability.sum() == pytest.approx(1)
    margin = np.exp(-data.free_visible) / z
    assert data.probability.sum(axis=1) == pytest.approx(margin)
    assert np.exp(-data.free_hidden) / z == pytest.approx(data.probability.sum(axis=0))


def test_what_the_picture_says_is_what_was_computed(landscape):
    z, energy, probability = enumerate_by_hand(FIRST)
    texts = landscape.labels.texts
    assert f"Z = {z:.4g}" in texts
    cells = [text for text in texts if text.startswith("E ")]
    assert [float(text[2:].replace("−", "-")) for text in cells] == pytest.approx(
        list(energy.values())
    )
    shares = [float(text[:-1]) for text in texts if text.endswith("%") and text[0].isdigit()]
    inner = [p for p in probability.values() if p >= 5e-4]
    assert len(shares) >= len(inner)
    best = max(probability, key=probability.__getitem__)
    words = landscape.description
    assert f"v = {''.join(map(str, best[0]))}, h = {''.join(map(str, best[1]))}" in words
    assert f"probability {100 * probability[best]:.1f} %" in words
    assert f"Z = {z:.4g}" in words


def test_without_weights_all_states_are_equally_probable(landscape):
    landscape.become(ZERO)
    assert landscape.data.probability == pytest.approx(np.full((8, 4), 1 / 32))
    assert "Z = 32" in landscape.description


@pytest.mark.parametrize("n", [1, 7, 60])
def test_the_expected_distance_is_that_of_independent_samples(n, rng):
    p = np.array([0.5, 0.2, 0.2, 0.07, 0.03])
    counts = rng.multinomial(n, p, size=20_000)
    measured = 0.5 * np.abs(counts / n - p).sum(axis=1).mean()
    assert expected_distance(p, np.array([float(n)]))[0] == pytest.approx(measured, rel=0.01)


def test_the_expected_distance_survives_certainty():
    p = np.array([1.0, 0.0])
    assert expected_distance(p, np.array([1.0, 1e5])) == pytest.approx([0, 0], abs=1e-9)


# ---------------------------------------------------------------------------- the chain


def test_frequencies_converge_to_the_probabilities(landscape):
    distances = []
    for steps in (10, 90, 900, 9000):
        landscape.sample(steps)
        distances.append(landscape.data.distance)
    assert landscape.data.samples.steps == 10_000
    assert distances[0] > 0.3
    assert distances[-1] < 0.05
    assert distances == sorted(distances, reverse=True)
    # Eight seeds: 0.012 to 0.025 after 10,000 steps; as many independent samples: 0.019.
    apart = np.abs(landscape.data.frequency - landscape.data.probability).sum() / 2
    assert distances[-1] == pytest.approx(apart)
    assert [n for n, _ in landscape.data.samples.history] == [10, 100, 1000, 10_000]
    assert landscape.fall.get_ydata() == pytest.approx(distances)


def test_a_step_follows_the_conditionals(landscape):
    """Forced units: h₁ copies v₁, v₁ is always on, and h₂ never is."""
    values = dict.fromkeys(PARAMETERS, 0.0) | {"w11": 6, "c1": -3, "b1": 6, "c2": -6}
    landscape.set(**values)
    landscape.sample(400)
    frequency = landscape.data.frequency
    assert frequency[4:].sum() > 0.97  # v₁ = 1
    assert frequency[:, [1, 3]].sum() < 0.02  # h₂ = 1
    assert frequency[4:, 2:].sum() > 0.9  # h₁ with it


def test_two_valleys_hold_the_chain_for_long(landscape):
    landscape.become(VALLEYS)
    probability = landscape.data.probability
    assert probability[0, 0] == pytest.approx(probability[7, 3])
    assert probability[0, 0] > 0.4
    landscape.sample(30)
    assert landscape.data.frequency[0, 0] > 0.8  # still where it began
    slow = []
    for seed in range(4):  # ten seeds: nine times 1.7 to 11 times the distance of independent ones
        landscape.forget()
        landscape._rng = np.random.default_rng(seed)
        landscape.sample(1000)
        slow.append("mixes slowly" in landscape.description)
    assert sum(slow) >= 3
    landscape.become(FIRST)
    landscape.sample(1000)
    assert "mixes slowly" not in landscape.description  # ten seeds: 0.7 to 1.2 times


def test_a_changed_machine_begins_a_new_count_where_the_chain_is(landscape):
    landscape.sample(50)
    state = landscape.data.samples.state
    landscape.set(w11=1.0)
    assert landscape.data.samples.steps == 0
    assert landscape.data.samples.state == state
    assert math.isnan(landscape.data.distance)
    assert "No steps are counted yet." in landscape.description
    landscape.sample(1)
    assert "After 1 Gibbs step the" in landscape.description
    landscape.forget()
    assert landscape.data.samples.steps == 0


def test_what_does_not_change_the_machine_keeps_the_count(landscape):
    landscape.sample(50)
    landscape.set(steps=100, chosen="c2")
    assert landscape.data.samples.steps == 50


def test_counting_ends_with_a_sentence(landscape, monkeypatch):
    monkeypatch.setattr(module, "MOST", 30)
    landscape.sample(20)
    landscape.sample(20)
    assert landscape.data.samples.steps == 30
    landscape.sample(20)
    assert "forget them" in landscape.message
    landscape.forget()
    assert landscape.message == ""
    assert MOST == 100_000


def test_a_long_history_stays_short_enough_to_draw(landscape):
    for _ in range(500):
        landscape.sample(1)
    history = landscape.data.samples.history
    assert history[-1][0] == 500
    assert len(history) < 350
    assert [n for n, _ in history] == sorted(n for n, _ in history)


def test_run_needs_an_event_loop_and_pauses(landscape):
    with pytest.raises(ValueError, match=r"use sample\(steps\)"):
        landscape.run()

    async def play():
        landscape.run()
        landscape.run()  # once is enough
        while landscape.data.samples.steps < 30:
            await asyncio.sleep(0.01)
        assert landscape._buttons["Run"].description == "Pause"
        landscape.pause()
        reached = landscape.data.samples.steps
        await asyncio.sleep(0.1)
        assert landscape.data.samples.steps == reached

    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(asyncio.wait_for(play(), 20))
    assert landscape._buttons["Run"].description == "Run"


def test_the_run_ends_by_itself(landscape, monkeypatch):
    monkeypatch.setattr(module, "MOST", 25)

    async def play():
        landscape.run()
        while landscape.running:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(play(), 20))
    assert landscape.data.samples.steps == 25
    assert "25 steps are counted" in landscape.message


# ---------------------------------------------------------------------------- hand and keyboard


def test_a_drag_on_a_number_or_a_line_changes_the_weight(landscape):
    sheet = landscape.sheet
    x, y = handle("w22")
    landscape.on_pointer(Pointer("down", sheet, x, y, pressed=True))
    assert landscape.values["chosen"] == "w22"
    landscape.on_pointer(Pointer("move", sheet, x, y + 0.5, pressed=True))
    assert landscape.values["w22"] == FIRST[4] + 1.0
    landscape.on_pointer(Pointer("move", sheet, x, y + 20, pressed=True))
    assert landscape.values["w22"] == LIMIT
    landscape.on_pointer(Pointer("up", sheet, x, y + 20))
    landscape.on_pointer(Pointer("move", sheet, x, y - 3))
    assert landscape.values["w22"] == LIMIT
    # On the line itself, near the hidden unit and far from any number.
    (x, y), (to_x, to_y) = UNITS["h1"], UNITS["v1"]
    x, y = x + 0.3 * (to_x - x), y + 0.3 * (to_y - y)
    landscape.on_pointer(Pointer("down", sheet, x, y, pressed=True))
    landscape.on_pointer(Pointer("move", sheet, x, y - 0.25, pressed=True))
    assert landscape.values["w11"] == FIRST[0] - 0.5


def test_the_page_can_show_every_number_exactly():
    """noUiSlider computes 100 (value - low) / range and back again; what differs it sends back."""
    for value in np.arange(-LIMIT, LIMIT + STRIDE, STRIDE):
        share = (value + LIMIT) * 100 / (2 * LIMIT)
        step = STRIDE * 100 / (2 * LIMIT)
        assert round(share / step) * step * (2 * LIMIT) / 100 - LIMIT == value
    assert all(value % STRIDE == 0 for value in (*FIRST, *VALLEYS))


def test_every_number_can_be_grasped_and_no_two_overlap():
    for name in PARAMETERS:
        assert parameter_at(*handle(name)) == name
    for one, other in itertools.combinations(PARAMETERS, 2):
        (x, y), (u, v) = handle(one), handle(other)
        assert abs(x - u) > 0.45 or abs(y - v) > 0.3


def test_a_click_on_a_unit_or_a_state_moves_the_chain(landscape):
    landscape.sample(10)
    landscape.on_pointer(Pointer("down", landscape.sheet, *UNITS["v2"]))
    x, y = cell(5, 2)
    before = landscape.data.samples
    assert before.steps == 0
    landscape.on_pointer(Pointer("down", landscape.sheet, x + 0.4, y + 0.2))
    assert landscape.data.samples.state == (5, 2)
    assert "The chain is at v = 101, h = 10" in landscape.description
    landscape.on_pointer(Pointer("down", landscape.sheet, *UNITS["h2"]))
    assert landscape.data.samples.state == (5, 3)
    landscape.on_pointer(Pointer("down", landscape.sheet, *UNITS["v1"]))
    assert landscape.data.samples.state == (1, 3)
    landscape.on_pointer(Pointer("down", landscape.sheet, 0.05, 0.05))  # nothing is there
    landscape.on_pointer(Pointer("down", landscape.chart, 10, 0.1))
    assert landscape.data.samples.state == (1, 3)


def test_the_keyboard_does_all_that_the_pointer_does(landscape):
    press = lambda key, **shift: landscape.on_key(Key(key, **shift))  # noqa: E731
    press("ArrowRight")
    assert landscape.values["chosen"] == "w12"
    press("ArrowUp")
    assert landscape.values["w12"] == pytest.approx(FIRST[1] + 0.25)
    press("ArrowDown", shift=True)
    assert landscape.values["w12"] == pytest.approx(FIRST[1] - 0.75)
    press("ArrowLeft")
    press("ArrowLeft")
    assert landscape.values["chosen"] == "c2"
    for _ in range(10):
        press("ArrowDown", shift=True)
    assert landscape.values["c2"] == -LIMIT
    assert landscape.message == ""
    for key in "135":
        press(key)
    assert landscape.data.samples.state == (5, 1)
    press("s")
    assert landscape.data.samples.steps == 1
    with pytest.raises(ValueError, match="event loop"):
        press(" ")


# ---------------------------------------------------------------------------- as every explorer


def ends(control):
    if isinstance(control, ipywidgets.Dropdown):
        return list(control.options)
    return [control.min, control.max]


def test_every_control_goes_to_both_ends_and_says_what_it_shows(landscape):
    start, first = landscape.values, landscape.description
    for name, control in landscape.inputs.items():
        for value in ends(control):
            control.value = value
            assert landscape.message == "", (name, value)
            assert "nan" not in landscape.description.lower(), (name, value)
            landscape.sample(3)
            assert len(np.unique(pixels(landscape))) > 3
    for extreme in (-LIMIT, LIMIT):
        landscape.become((extreme,) * len(PARAMETERS))
        landscape.sample(20)
        assert np.isfinite(landscape.data.guide).all()
        assert landscape.message == ""
        pixels(landscape)
    landscape.reset()
    assert landscape.values == start
    assert landscape.description == first
    landscape.sample(5)
    once = landscape.data.samples.counts
    landscape.reset()
    landscape.sample(5)
    assert np.array_equal(landscape.data.samples.counts, once)  # the same chance again


def test_a_value_that_makes_no_sense_changes_nothing(landscape):
    before, words = landscape.values, landscape.description
    for nonsense in (math.nan, math.inf, "much", None, LIMIT + 1):
        with pytest.raises(ValueError, match="w11"):
            landscape.set(w11=nonsense)
    for name, nonsense in (("chosen", "w33"), ("chosen", None), ("samples", 7), ("steps", 3)):
        with pytest.raises(ValueError, match=name):
            landscape.set(**{name: nonsense})
    with pytest.raises(ValueError, match="no control 'colour'"):
        EnergyLandscape(colour="red")
    assert landscape.values == before
    assert landscape.description == words


def test_it_starts_where_it_is_told_and_hides_nothing_of_the_widget():
    landscape = EnergyLandscape(w11=-3.0, b2=1.5)
    assert "bias" not in repr(landscape)
    assert landscape.data.machine[0] == -3.0
    assert landscape.data.machine[7] == 1.5
    own = {name for name in vars(landscape) if not name.startswith("_")}
    assert not own & set(dir(ipywidgets.VBox)), "the page would not show it"
    assert isinstance(landscape.data.samples, Samples)


@pytest.mark.parametrize("machine", [FIRST, VALLEYS, (LIMIT,) * 11, *map(a_machine, range(3))])
def test_the_words_of_a_cell_do_not_touch(machine, landscape):
    landscape.become(machine)
    written = sorted(landscape.labels._labels, key=lambda label: (label.y, label.x))
    spans = {}
    for label in written:
        wide = (render(label.text, label.style, 100).shape[1] - 6) / 100  # less its padding
        start = label.x - label.style.anchor * wide
        spans.setdefault(round(label.y, 3), []).append((start, start + wide, label.text))
    checked = 0
    for row in spans.values():
        for one, other in itertools.pairwise(sorted(row)):
            assert one[1] < other[0] - 0.01, (one, other)
            checked += 1
    assert checked > 60


def test_it_is_legible_in_the_dark(landscape):
    light = pixels(landscape)
    landscape.frame._meet({"loopback": True, "ratio": 1, "dark": True})
    dark = pixels(landscape)
    assert light[2, 2, :3].min() > 240
    assert dark[2, 2, :3].max() < 40
    assert dark.max() > 200
